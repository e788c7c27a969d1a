//! Feeds `fuzz_json_body`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| seatrial_apiserver::fuzzing::fuzz_json_body(data));
