//! A nightly job: back up, check what was written, and let go of what is older than a year.
//!
//! `cargo run --example nightly_job -- SOURCE REPOSITORY`

use rdiff_core::backup::{BackupRequest, backup_directory};
use rdiff_core::error::{Error, chain};
use rdiff_core::monitor::{Event, Monitor, Silent};
use rdiff_core::remove::remove_older_than;
use rdiff_core::repo::Repository;
use rdiff_core::repo::lock::Writer;
use rdiff_core::time::{SessionTime, TimeSpec, Zone};
use rdiff_core::verify::{VerifyRequest, verify};
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

/// Collects what a person should read in the morning.
#[derive(Default)]
struct Mail(Mutex<Vec<String>>);

impl Monitor for Mail {
    fn event(&self, event: &Event<'_>) {
        let line = match event {
            Event::Problem(problem) => format!("{}: {}", problem.path, problem.source),
            Event::Warning(text) => (*text).to_owned(),
            _ => return,
        };
        if let Ok(mut lines) = self.0.lock() {
            lines.push(line);
        }
    }
}

/// Does the job, and says whether all went well.
pub fn run(args: &[OsString], out: &mut dyn Write) -> Result<bool, Box<dyn std::error::Error>> {
    let [source, target] = args else { return Err("usage: nightly_job SOURCE REPOSITORY".into()) };
    let mail = Mail::default();
    let target = Path::new(target);
    let report = match backup_directory(source.as_ref(), target, &BackupRequest::default(), &[], &mail) {
        Ok(report) => report,
        Err(e @ Error::Locked { .. }) => {
            writeln!(out, "last night's job is still at work: {e}")?;
            return Ok(false);
        }
        Err(e) => return Err(e.into()),
    };
    writeln!(out, "session {}: {} problems", report.session, report.problems)?;

    let repo = Arc::new(Repository::open(target)?);
    let verified = verify(&repo, &VerifyRequest::new(Some(report.session)), &mail)?;
    writeln!(out, "{} files verified, {} bad", verified.files, verified.bad_files)?;

    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() as i64;
    if let TimeSpec::At(a_year_ago) = TimeSpec::parse("1Y", now, &Zone::system())? {
        let writer = Writer::new(repo, false)?;
        let removed = remove_older_than(&writer, SessionTime(a_year_ago), &Silent)?;
        writeln!(out, "sessions removed: {}; bytes free again: {}", removed.sessions.len(), removed.bytes)?;
    }
    for line in mail.0.into_inner()? {
        writeln!(out, "{line}")?;
    }
    Ok(report.problems == 0 && verified.is_good())
}

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    match run(&args, &mut io::stdout()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(2),
        Err(e) => {
            eprintln!("nightly_job: {}", chain(&*e));
            ExitCode::FAILURE
        }
    }
}
