//! The repository, the room that is left, the last run, and what will run the next.

use std::fs;
use std::os::unix::fs::MetadataExt;

use camino::{Utf8Path, Utf8PathBuf};
use rdiff_core::format::stats::human_size;
use rdiff_core::repo::{MirrorState, Repository};
use rustix::fs::Access;

use super::finding::Findings;
use super::patient::{Patient, Ward, may};
use crate::job::install::Installer;
use crate::job::name::JobName;
use crate::job::schedule::{Call, Service, shell_word};
use crate::job::state::at;
use crate::job::store::name_of;
use crate::locate::DATA;
use crate::tasks::status::Status;

/// The repository and the room on its file system.
pub(super) fn check_repository(patient: &Patient, ward: &Ward<'_>, found: &mut Findings) {
    if patient.name.is_none() {
        return;
    }
    let repository = &patient.job.repository;
    if let Some(place) = patient.job.mount_point.as_ref().filter(|place| repository.starts_with(place)) {
        return found.bad(
            format!("the repository {repository} lies in the mount point {place}: it would be written to the source"),
            "rdiff-backup job add --replace, with another --repo",
        );
    }
    let there = repository.ancestors().find(|dir| dir.exists()).unwrap_or(Utf8Path::new("/"));
    if !is_writable(there, repository, ward, found) {
        return;
    }
    if there == repository {
        health(repository, found);
    } else {
        found.good(format!("the first run makes the repository {repository}"));
    }
    room(there, patient, found);
}

fn is_writable(there: &Utf8Path, repository: &Utf8Path, ward: &Ward<'_>, found: &mut Findings) -> bool {
    let (me, typed) = (ward.user(), shell_word(repository.as_str()));
    let meta = fs::metadata(there);
    let is_there = there == repository;
    if is_there && !meta.as_ref().is_ok_and(fs::Metadata::is_dir) {
        found.bad(
            format!("{repository} is no directory"),
            "rdiff-backup job add --replace, with another --repo",
        );
        return false;
    }
    if may(there, Access::WRITE_OK | Access::EXEC_OK).is_ok() {
        return true;
    }
    let owner = meta.map_or_else(|e| e.to_string(), |meta| format!("it belongs to {}", name_of(meta.uid())));
    if is_there {
        found.bad(
            format!("{me} can't write to the repository {repository}: {owner}"),
            format!("sudo chown -R {me}: {typed}"),
        );
    } else {
        found.bad(
            format!("{me} can't make the repository {repository}: in {there} nothing can be made, {owner}"),
            format!("sudo mkdir -p {typed} && sudo chown {me}: {typed}"),
        );
    }
    false
}

fn health(repository: &Utf8Path, found: &mut Findings) {
    let typed = shell_word(repository.as_str());
    if !repository.join(DATA).exists() {
        let is_empty = repository.read_dir_utf8().is_ok_and(|mut entries| entries.next().is_none());
        return match is_empty {
            true => found.good(format!("the first run makes the repository in {repository}")),
            false => found.bad(
                format!("{repository} holds files, and is no repository: a backup is not written over them"),
                format!("ls -A {typed}   # and move them away, or choose another --repo"),
            ),
        };
    }
    let looked = Repository::open(repository.as_std_path())
        .and_then(|repo| Ok((repo.state()?, repo.sessions()?.len())));
    match looked {
        Ok((MirrorState::Clean(newest), count)) => {
            found.good(format!(
                "the repository {repository} is whole: {count} sessions, the newest of {}",
                at(newest.0)
            ));
        }
        Ok((MirrorState::Interrupted { good, failed }, _)) => found.warning(
            format!(
                "the session of {} in {repository} did not finish; the last good one is of {}",
                at(failed.0),
                at(good.0)
            ),
            format!("rdiff-backup regress {typed}   # or wait: the next run does it"),
        ),
        Ok(_) => found.warning(
            format!("the first session in {repository} did not finish"),
            "nothing: the next run begins anew",
        ),
        Err(e) => found.bad(rdiff_core::error::chain(&e), format!("rdiff-backup verify --all {typed}")),
    }
}

/// Below this part of free bytes or files a warning is due.
const LITTLE: f64 = 0.05;

fn room(there: &Utf8Path, patient: &Patient, found: &mut Findings) {
    let Ok(fs) = rustix::fs::statvfs(there.as_str()) else { return };
    let free = fs.f_bavail as f64 * fs.f_frsize as f64;
    let all = (fs.f_blocks as f64 * fs.f_frsize as f64).max(1.0);
    let mend = match &patient.job.older_than {
        Some(_) => "let the job keep fewer sessions: a smaller older-than in its file".to_owned(),
        None => format!(
            "rdiff-backup --force remove increments --older-than 1Y {}",
            shell_word(patient.job.repository.as_str())
        ),
    };
    let shown = format!("{} free on the file system of {there}", human_size(free));
    let few_files = fs.f_files > 0 && (fs.f_favail as f64) < LITTLE * fs.f_files as f64;
    if free < 1.0 {
        found.bad(format!("there is no room left on the file system of {there}"), mend);
    } else if free < LITTLE * all {
        found.warning(format!("only {shown}"), mend);
    } else if few_files {
        found.warning(format!("only {} more files fit on the file system of {there}", fs.f_favail), mend);
    } else {
        found.good(shown);
    }
}

/// How the last run went, and what will run the next.
pub(super) fn check_schedule(patient: &Patient, call: &Call, ward: &Ward<'_>, found: &mut Findings) {
    let Some(name) = &patient.name else { return };
    let status = Status::of(name, None, ward.store, crate::job::state::now());
    match &status.last {
        None => found.note("it was never run"),
        Some(last) if last.exit == 0 => {
            found.good(format!("the last run, {}: {}", at(last.started), last.line));
        }
        Some(last) => {
            let text = format!("the last run, {}, ended with {}: {}", at(last.started), last.exit, last.line);
            found.warning(text, format!("rdiff-backup job run {name}   # once the above is mended"));
        }
    }
    schedule(name, call, ward, found);
}

fn schedule(name: &JobName, call: &Call, ward: &Ward<'_>, found: &mut Findings) {
    let installer = Installer { runner: ward.runner, store: ward.store };
    let all = call.clone().for_all();
    let installed = installer.installed(call).and_then(|by| match by {
        Some(by) => Ok(Some(by)),
        None => installer.installed(&all),
    });
    match installed {
        Err(e) => found.bad(
            rdiff_core::error::chain(&e),
            format!("rdiff-backup job schedule {name} --daily 02:00 --systemd --install"),
        ),
        Ok(None) => found.warning(
            format!(
                "nothing runs job {name} by itself: {}'s crontab has no line for it, nor is there a timer",
                ward.user()
            ),
            format!("rdiff-backup job schedule {name} --daily 02:00 --install"),
        ),
        Ok(Some(Service::Systemd)) => linger(ward, found),
        Ok(Some(Service::Cron)) if !is_running(&["cron", "crond"]) => found.warning(
            format!("the crontab of {} runs job {name}, but cron itself does not run", ward.user()),
            format!("{}systemctl enable --now cron", ward.sudo()),
        ),
        Ok(Some(Service::Cron)) => found.good(format!("the crontab of {} runs job {name}", ward.user())),
    }
}

/// Services of ordinary users run without a login only if that was asked for.
fn linger(ward: &Ward<'_>, found: &mut Findings) {
    let me = ward.user();
    if ward.uid != 0 && !Utf8PathBuf::from(format!("/var/lib/systemd/linger/{me}")).exists() {
        return found.warning(
            format!("a timer of {me} runs it, but only while {me} is logged in"),
            format!("sudo loginctl enable-linger {me}"),
        );
    }
    found.good("a systemd timer runs it");
}

fn is_running(names: &[&str]) -> bool {
    let comm = |entry: fs::DirEntry| fs::read_to_string(entry.path().join("comm")).ok();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.filter_map(comm).any(|name| names.contains(&name.trim()))
}
