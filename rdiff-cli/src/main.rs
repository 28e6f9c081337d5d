//! `rdiff-backup`: arguments become requests, requests become reports.
#![forbid(unsafe_code)]

use rdiff_cli::args;

fn main() {
    match args::parse(std::env::args_os().skip(1).collect()) {
        Ok(i) => println!("{i:?}"),
        Err(e) => e.exit(),
    }
}
