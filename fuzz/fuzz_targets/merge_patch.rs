//! Feeds `fuzz_merge_patch`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| seatrial_apiserver::fuzzing::fuzz_merge_patch(data));
