//! `rdiff-backup`: read the command line, carry it out, exit.
#![forbid(unsafe_code)]

use rdiff_cli::{args, dispatch};
use std::process::ExitCode;

fn main() -> ExitCode {
    rdiff_cli::limits::raise();
    rdiff_cli::stop::let_writes_fail();
    match args::parse(std::env::args_os().skip(1).collect()) {
        Ok(invocation) => dispatch::run(&invocation).into(),
        Err(message) => dispatch::refused(&message),
    }
}
