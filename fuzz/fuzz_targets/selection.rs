//! libFuzzer's way into `selection`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rdiff_fuzz::selection(data));
