//! libFuzzer's way into `locations`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rdiff_fuzz::locations(data));
