//! What changed between two times: `cargo run --example what_changed -- REPOSITORY OLD NEW`, such as `7D now`.

use rdiff_core::diff::changes;
use rdiff_core::error::chain;
use rdiff_core::path::RepoPath;
use rdiff_core::repo::Repository;
use rdiff_core::time::{SessionTime, TimeSpec, Zone};
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

/// Prints a line for each path that is not what it was.
pub fn run(args: &[OsString], out: &mut dyn Write) -> Result<(), Box<dyn std::error::Error>> {
    let [repo, old, new] = args else { return Err("usage: what_changed REPOSITORY OLD NEW".into()) };
    let repo = Repository::open(repo.as_ref())?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() as i64;
    let session = |time: &OsStr| -> Result<SessionTime, Box<dyn std::error::Error>> {
        Ok(repo.session_at(TimeSpec::parse(&time.to_string_lossy(), now, &Zone::system())?)?)
    };
    for change in changes(&repo, RepoPath::ROOT, session(old)?, session(new)?)? {
        let change = change?;
        // As bytes: a name need not be text.
        out.write_all(change.kind.as_str().as_bytes())?;
        out.write_all(b" ")?;
        out.write_all(if change.path.is_root() { b"." } else { change.path.as_bytes() })?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    match run(&args, &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("what_changed: {}", chain(&*e));
            ExitCode::FAILURE
        }
    }
}
