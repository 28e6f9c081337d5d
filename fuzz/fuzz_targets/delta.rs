//! libFuzzer's way into `delta`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rdiff_fuzz::delta(data));
