//! See `enforcer_tests::fuzz::yaml`, which ordinary tests play as well.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| enforcer_tests::fuzz::yaml(data));
