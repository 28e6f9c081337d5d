//! Backs up and shows how it goes, one line a second; stops cleanly after so many bytes, if asked to.
//!
//! `cargo run --example watch_progress -- SOURCE REPOSITORY [MOST-BYTES]`

use rdiff_core::backup::{BackupRequest, backup_directory};
use rdiff_core::error::{Error, chain};
use rdiff_core::monitor::{Counter, Event, Monitor};
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Counts, and shows the counts now and then.
struct Progress<'a> {
    paths: AtomicU64,
    bytes: AtomicU64,
    most: u64,
    shown: Mutex<(Instant, &'a mut (dyn Write + Send))>,
}

impl Monitor for Progress<'_> {
    fn event(&self, event: &Event<'_>) {
        let Ok(mut shown) = self.shown.lock() else { return };
        let (last, out) = &mut *shown;
        let written = match event {
            Event::SessionStarted { time, previous: None } => writeln!(out, "first session, {time}"),
            Event::SessionStarted { time, .. } => writeln!(out, "session {time}"),
            Event::Phase(phase) => writeln!(out, "{phase:?}"),
            Event::Problem(problem) => writeln!(out, "left as it was: {}", problem.path),
            Event::Path { path, .. } if last.elapsed() > Duration::from_secs(1) => {
                *last = Instant::now();
                let (paths, bytes) = (self.paths.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed));
                writeln!(out, "{paths} paths, {} MiB, now {path}", bytes >> 20)
            }
            _ => Ok(()),
        };
        // Nobody to show it to is no reason to stop a backup.
        written.ok();
    }

    fn count(&self, counter: Counter, by: u64) {
        match counter {
            Counter::Paths => _ = self.paths.fetch_add(by, Ordering::Relaxed),
            Counter::BytesRead => _ = self.bytes.fetch_add(by, Ordering::Relaxed),
            _ => {}
        }
    }

    fn cancelled(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) > self.most
    }
}

/// Backs up, and says whether it went to the end.
pub fn run(args: &[OsString], out: &mut (dyn Write + Send)) -> Result<bool, Box<dyn std::error::Error>> {
    let (source, target, most) = match args {
        [source, target] => (source, target, u64::MAX),
        [source, target, most] => (source, target, most.to_string_lossy().parse()?),
        _ => return Err("usage: watch_progress SOURCE REPOSITORY [MOST-BYTES]".into()),
    };
    let shown = Mutex::new((Instant::now(), out));
    let progress = Progress { paths: AtomicU64::new(0), bytes: AtomicU64::new(0), most, shown };
    let done = backup_directory(source.as_ref(), target.as_ref(), &BackupRequest::default(), &[], &progress);
    let (_, out) = progress.shown.into_inner().map_err(|_| "showing progress failed")?;
    match done {
        Ok(report) => writeln!(out, "done: {} paths", report.statistics.source_files)?,
        Err(Error::Cancelled { .. }) => {
            writeln!(out, "stopped; the next backup undoes what was begun")?;
            return Ok(false);
        }
        Err(e) => return Err(e.into()),
    }
    Ok(true)
}

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    match run(&args, &mut io::stderr()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(2),
        Err(e) => {
            eprintln!("watch_progress: {}", chain(&*e));
            ExitCode::FAILURE
        }
    }
}
