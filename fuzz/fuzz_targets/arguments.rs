//! libFuzzer's way into `arguments`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rdiff_fuzz::arguments(data));
