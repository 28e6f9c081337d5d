//! One file as it was at a time, with its attributes: `now`, `10D` (ten days ago), `3B` (three sessions back),
//! `2023-11-14`.
//!
//! `cargo run --example restore_file -- REPOSITORY PATH TIME TARGET`

use rdiff_core::error::chain;
use rdiff_core::monitor::Silent;
use rdiff_core::path::RepoPathBuf;
use rdiff_core::repo::Repository;
use rdiff_core::restore::{RestoreRequest, restore};
use rdiff_core::time::{TimeSpec, Zone};
use rdiff_core::tree::walk::Everything;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Restores it, and tells from which session.
pub fn run(args: &[OsString], out: &mut dyn Write) -> Result<(), Box<dyn std::error::Error>> {
    let [repo, path, time, target] = args else {
        return Err("usage: restore_file REPOSITORY PATH TIME TARGET".into());
    };
    let repo = Arc::new(Repository::open(repo.as_ref())?);
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() as i64;
    let at = TimeSpec::parse(&time.to_string_lossy(), now, &Zone::system())?;
    let request = RestoreRequest { subtree: RepoPathBuf::new(path.as_bytes())?, ..RestoreRequest::new(at) };
    let report = restore(&repo, Path::new(target), &request, Everything, &Silent)?;
    writeln!(out, "{} as at {}: {} restored", request.subtree, repo.session_at(at)?, report.restored)?;
    Ok(())
}

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    match run(&args, &mut io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("restore_file: {}", chain(&*e));
            ExitCode::FAILURE
        }
    }
}
