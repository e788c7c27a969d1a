//! Feeds `fuzz_strategic_patch`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| seatrial_apiserver::fuzzing::fuzz_strategic_patch(data));
