//! Feeds `fuzz_apply_patch`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| seatrial_apiserver::fuzzing::fuzz_apply_patch(data));
