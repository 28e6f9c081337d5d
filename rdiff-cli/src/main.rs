//! `rdiff-backup`: read the command line, carry it out, exit.
#![forbid(unsafe_code)]

use rdiff_cli::{args, run};
use std::process::ExitCode;

fn main() -> ExitCode {
    match args::parse(std::env::args_os().skip(1).collect()) {
        Ok(invocation) => run::run(&invocation).into(),
        Err(message) => run::refused(&message),
    }
}
