//! libFuzzer's way into `attributes`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rdiff_fuzz::attributes(data));
