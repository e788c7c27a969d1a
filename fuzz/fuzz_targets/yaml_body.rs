//! Feeds `fuzz_yaml_body`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| seatrial_apiserver::fuzzing::fuzz_yaml_body(data));
