//! `rdiff-backup-statistics`; see [`rdiff_cli::companions::statistics`].
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    rdiff_cli::limits::raise();
    rdiff_cli::companions::statistics::main(std::env::args_os())
}
