//! libFuzzer's way into `delta_round_trip`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rdiff_fuzz::delta_round_trip(data));
