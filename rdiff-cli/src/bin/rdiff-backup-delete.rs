//! `rdiff-backup-delete`; see [`rdiff_cli::companions::delete`].
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    rdiff_cli::limits::raise();
    rdiff_cli::companions::delete::main(std::env::args_os())
}
