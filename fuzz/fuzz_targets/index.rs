//! libFuzzer's way into `index`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rdiff_fuzz::index(data));
