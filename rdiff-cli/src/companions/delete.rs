//! `rdiff-backup-delete`: a path goes from the mirror, from all sessions, and from all that names it.

use super::{Companion, Stop, Voice, json_option};
use crate::action::VERSION;
use crate::json::lines::InTree;
use crate::locate::DATA;
use crate::stop;
use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint, value_parser};
use rdiff_core::error::Error;
use rdiff_core::monitor::{Event, Monitor};
use rdiff_core::path::RepoPathBuf;
use rdiff_core::purge::{PurgePlan, PurgeReport, SidePlan};
use rdiff_core::repo::Repository;
use rdiff_core::repo::lock::Writer;
use serde::Serialize;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// Its command line.
pub fn command() -> Command {
    Command::new("rdiff-backup-delete")
        .version(VERSION)
        .infer_long_args(true)
        .about("Delete a file or directory from a repository, with its whole history")
        .long_about(
            "Delete a file or directory from a repository: its mirror, its increments, and its records in all \
             sessions. Other paths stay as they are, and so does what can be restored of them. It can't be undone.\n\n\
             Totals of sessions and logs are left alone: a log can still name the path. If the path is still in the \
             source, the next backup brings it back; exclude it there. A run that was stopped is finished by another.",
        )
        .after_help(
            "Examples:\n  rdiff-backup-delete --dry-run /backup/home/videos\n  \
             rdiff-backup-delete /backup/home/docs/secret.txt",
        )
        .arg(
            Arg::new("dry-run")
                .long("dry-run")
                .short('d')
                .action(ArgAction::SetTrue)
                .help("Only print what would be deleted"),
        )
        .arg(json_option())
        .arg(
            Arg::new("PATH")
                .required(true)
                .value_parser(value_parser!(OsString))
                .value_hint(ValueHint::AnyPath)
                .help("What to delete, in a repository; it need not exist any more"),
        )
}

/// Runs it. The first word is the name of the program.
pub fn main(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    Companion { program: "rdiff-backup-delete", action: "delete", act: delete }.run(command(), words)
}

fn delete(m: &ArgMatches, voice: &Voice) -> Result<(), Stop> {
    let is_dry = m.get_flag("dry-run");
    let asked = m.get_one::<OsString>("PATH").map_or(OsStr::new(""), OsString::as_os_str);
    let (root, inside) = find(asked)?;
    let repo = Arc::new(Repository::open(&root)?);
    // As names stand in the mirror: there they may be quoted.
    let path = repo.layout().quoting().unquote(inside.as_os_str().as_bytes()).into_owned();
    let path = RepoPathBuf::new(path)?;
    let signals = Signals::default();
    let writer = if is_dry { None } else { Some(writer(&repo, &signals)?) };
    let plan = PurgePlan::new(&repo, path.as_path())?;
    voice.say(&format!("start deleting path `{}` from repository {}", inside.display(), root.display()));
    if is_dry {
        voice.say("running in dry-run mode");
    }
    announce(&plan, &repo, &inside, voice);
    list(&plan, &inside, voice);
    let report = match &writer {
        Some(writer) => {
            let purged = plan.carry_out(writer, &signals);
            purged.map_err(|e| if let Error::Cancelled { .. } = e { signals.stopped() } else { e.into() })?
        }
        None => plan.report(),
    };
    if plan.is_empty() {
        // As in the original, this is no failure: a script may purge what was never there.
        let text =
            format!("`{}` is in no session of {}: nothing was deleted", inside.display(), root.display());
        voice.warn(&text, &format!("warning: {text}"));
    }
    voice.result(&Deleted { path: path.as_path().into(), report });
    voice.say("done");
    Ok(())
}

/// How long another process may have the repository. Programs that delete several paths call us for each, some at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks a purge to stop when a signal came. A second signal ends the process.
#[derive(Default)]
struct Signals(stop::Stop);

impl Monitor for Signals {
    fn event(&self, _: &Event<'_>) {}

    fn cancelled(&self) -> bool {
        self.0.signal().is_some()
    }
}

impl Signals {
    fn stopped(&self) -> Stop {
        let signal = self.0.signal().unwrap_or("a signal");
        Stop(format!("stopped by {signal}; what is left of the path goes when the same command is run again"))
    }
}

/// The lock, when it is free.
fn writer(repo: &Arc<Repository>, signals: &Signals) -> Result<Writer, Stop> {
    signals.0.listen();
    let until = Instant::now() + PATIENCE;
    loop {
        match Writer::new(Arc::clone(repo), false) {
            Err(Error::Locked { .. }) if signals.cancelled() => return Err(signals.stopped()),
            Err(Error::Locked { .. }) if Instant::now() < until => thread::sleep(PATIENCE / 100),
            Err(Error::Locked { repository, by }) => {
                let text =
                    format!("{} is in use by {by}; wait for it to end, and call again", repository.display());
                return Err(Stop(text));
            }
            other => return Ok(other?),
        }
    }
}

/// The result, for programs.
#[derive(Serialize)]
struct Deleted<'a> {
    #[serde(flatten)]
    path: InTree<'a>,
    #[serde(flatten)]
    report: PurgeReport,
}

/// `purged`: a file or directory of the repository that goes, or is written anew.
#[derive(Serialize)]
struct Purged<'a> {
    #[serde(flatten)]
    path: InTree<'a>,
    what: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    records: Option<u64>,
}

/// The repository that a path is in, and the way from there.
fn find(asked: &OsStr) -> Result<(PathBuf, PathBuf), Stop> {
    let path = absolute(Path::new(asked))?;
    if path.components().any(|c| c.as_os_str() == DATA) {
        return Err(Stop(format!("path to delete can't be {DATA} or within: {}", path.display())));
    }
    let root = path.ancestors().skip(1).find(|dir| dir.join(DATA).is_dir());
    match root.and_then(|root| Some((root, path.strip_prefix(root).ok()?))) {
        Some((root, inside)) => Ok((root.to_owned(), inside.to_owned())),
        None if path.join(DATA).is_dir() => {
            let message = format!("{} is a whole repository; name something in it", path.display());
            Err(Stop(message))
        }
        None => Err(Stop(format!("{} is not in a rdiff-backup repository", path.display()))),
    }
}

/// Without `..`, by names alone: what is named is in the repository, not where a link of the mirror leads.
fn absolute(path: &Path) -> io::Result<PathBuf> {
    let mut absolute = PathBuf::new();
    for part in std::path::absolute(path)?.components() {
        match part {
            Component::ParentDir => drop(absolute.pop()),
            other => absolute.push(other),
        }
    }
    Ok(absolute)
}

/// The lines for programs.
fn list(plan: &PurgePlan, inside: &Path, voice: &Voice) {
    let item = |path: &[u8], what, records| {
        voice.item("purged", &Purged { path: InTree::of_bytes(path), what, records });
    };
    for side in plan.side_files().iter().filter(|side| side.records > 0) {
        item(side.place.as_bytes(), "records", Some(side.records));
    }
    if plan.report().was_in_mirror {
        item(inside.as_os_str().as_bytes(), "mirror", None);
    }
    for increment in plan.increments() {
        item(increment.as_bytes(), "increment", None);
    }
}

/// The lines of the original. It names every file that it looks through, whether there is anything in it or not.
fn announce(plan: &PurgePlan, repo: &Repository, inside: &Path, voice: &Voice) {
    let known_to_the_original = |side: &&SidePlan| !side.is_ours();
    for side in plan.side_files().iter().filter(known_to_the_original) {
        let file = repo.path_of(&side.place);
        voice.say(&format!("removing entries `{}` from {}", inside.display(), file.display()));
    }
    voice.say(&format!("deleting directory `{}` recursively", repo.path().join(inside).display()));
    for increment in plan.increments() {
        voice.say(&format!("deleting increments `{}`", repo.path_of(increment).display()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn a_path_is_looked_for_by_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let repo = dir.path().join("r");
        std::fs::create_dir_all(repo.join(DATA)).unwrap();
        std::os::unix::fs::symlink("/etc", repo.join("link")).unwrap();
        let found = |path: &str| find(repo.join(path).as_os_str()).map(|(_, inside)| inside);
        assert_eq!(found("link/x/").unwrap(), Path::new("link/x"));
        assert_eq!(found("a/../b//c/.").unwrap(), Path::new("b/c"));
        for wrong in ["", "..", "rdiff-backup-data", "rdiff-backup-data/x", "a/rdiff-backup-data/x"] {
            assert!(matches!(found(wrong), Err(Stop(_))), "{wrong}");
        }
    }
}
