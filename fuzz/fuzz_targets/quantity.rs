//! Feeds `fuzz_quantity`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| seatrial_apiserver::fuzzing::fuzz_quantity(data));
