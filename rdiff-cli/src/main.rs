//! `rdiff-backup`: arguments become requests, requests become reports.

fn main() {}
