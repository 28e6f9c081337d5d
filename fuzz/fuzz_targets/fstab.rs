//! libFuzzer's way into `fstab`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rdiff_fuzz::fstab(data));
