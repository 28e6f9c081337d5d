//! The actions that need no repository.

use super::{Context, Failure, OrFail, Outcome, Step};
use crate::action::Complete;
use crate::action::VERSION;
use crate::exit::Exit;
use crate::json::lines::statistics;
use crate::{complete as completion, locate, report};
use rdiff_core::error::{Doing, IoContext};
use rdiff_core::format::stats::SessionStatistics;
use rdiff_core::path::RepoPath;
use rdiff_core::tree::source::Source;
use rdiff_mount::{Location, MountError, Remote, SftpSource, SshfsOptions};
use serde_json::json;
use std::ffi::OsString;

pub(crate) fn calculate(files: &[OsString], cx: &Context<'_>) -> Outcome {
    let mut all = Vec::with_capacity(files.len());
    for file in files {
        let path = locate::local(file).or_fail(cx, Step::Check)?;
        let bytes = std::fs::read(&path).while_doing(Doing::Read, &path).or_fail(cx, Step::Run)?;
        let stats = SessionStatistics::parse(&String::from_utf8_lossy(&bytes)).map_err(|line| {
            cx.refuse(
                Step::Run,
                &format!(
                    "{}: Bad line '{line}'; give files session_statistics.* of rdiff-backup-data",
                    path.display()
                ),
            )
        })?;
        all.push(stats);
    }
    cx.result(&json!({
        "files": all.len(),
        "average": statistics(&SessionStatistics::average(&all)),
    }));
    if cx.json().is_none() {
        cx.print(report::average(&all, &cx.ui.zone))?;
    }
    Ok(Exit::OK)
}

pub(crate) fn complete(request: &Complete, cx: &Context<'_>) -> Outcome {
    let candidates = completion::candidates(request).map_err(|messages| {
        messages
            .iter()
            .map(|m| cx.refuse(Step::PreCheck, m))
            .next_back()
            .unwrap_or(Failure::At(Step::PreCheck))
    })?;
    if cx.json().is_some() {
        cx.result(&json!({ "candidates": candidates }));
        return Ok(Exit::OK);
    }
    cx.print(candidates.iter().map(|c| format!("{c}\n")).collect::<String>())?;
    Ok(Exit::OK)
}

pub(crate) fn info(cx: &Context<'_>) -> Outcome {
    let arguments: Vec<String> = std::env::args_os().map(|a| a.to_string_lossy().into_owned()).collect();
    let executable = std::env::current_exe().map(|p| p.display().to_string()).unwrap_or_default();
    let system = rustix::system::uname();
    let parts =
        [system.sysname(), system.release(), system.machine()].map(|p| p.to_string_lossy().into_owned());
    if cx.json().is_some() {
        cx.result(&json!({
            "interface": VERSION,
            "version": env!("CARGO_PKG_VERSION"),
            "api_versions": [200, 201],
            "arguments": arguments,
            "executable": executable,
            "platform": parts.join("-"),
        }));
        return Ok(Exit::OK);
    }
    cx.print(report::info(VERSION, &arguments, &executable, &parts.join("-")))?;
    Ok(Exit::OK)
}

pub(crate) fn server(cx: &Context<'_>) -> Outcome {
    Err(cx.refuse(
        Step::Run,
        "there is no server here: its protocol is Python's own, between equal versions. Run the backup where \
         the repository is, and let it read the other host through ssh (sshfs)",
    ))
}

/// Reads the top of trees on other hosts. What is on no other host is said as in the original.
pub(crate) fn test(locations: &[OsString], cx: &Context<'_>) -> Outcome {
    let (mut remotes, mut all_remote) = (Vec::new(), true);
    for location in locations {
        match Location::parse(location) {
            Ok(Location::Remote(remote)) => remotes.push(remote),
            Err(e) => {
                cx.ui.failure(&e);
                all_remote = false;
            }
            Ok(Location::Local(_)) => {
                let shown = location.display();
                cx.ui.error(&format!(
                    "Only remote locations can be tested but location '{shown}' isn't remote; write it HOST::PATH"
                ));
                all_remote = false;
            }
        }
    }
    if !all_remote {
        return Err(Failure::At(Step::PreCheck));
    }
    let options = cx.ssh()?;
    let mut outcome = Ok(Exit::OK);
    for remote in &remotes {
        match try_to_read(remote, &options, cx) {
            Ok(count) => cx.ui.note(&format!("{remote} can be read; {count} entries are in it")),
            Err(e) => {
                cx.ui.failure(&*e);
                outcome = Err(Failure::At(Step::Run));
            }
        }
    }
    outcome
}

fn try_to_read(
    remote: &Remote,
    options: &SshfsOptions,
    cx: &Context<'_>,
) -> Result<usize, Box<dyn std::error::Error>> {
    let source = SftpSource::connect(remote, options, &cx.bounds())?;
    let cannot = |source| MountError::RemoteDirectory { remote: remote.to_string(), source };
    Ok(source.list(RepoPath::ROOT).map_err(cannot)?.names.len())
}
