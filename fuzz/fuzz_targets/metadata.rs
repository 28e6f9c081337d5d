//! libFuzzer's way into `metadata`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rdiff_fuzz::metadata(data));
