//! libFuzzer's way into `quoting`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rdiff_fuzz::quoting(data));
