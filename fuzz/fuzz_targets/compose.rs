//! libFuzzer's way into `compose`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rdiff_fuzz::compose(data));
