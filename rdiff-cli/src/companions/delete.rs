//! `rdiff-backup-delete`: a path goes from the mirror, from all sessions, and from all that names it.

use super::{Stop, conclude, matches, say};
use crate::args::VERSION;
use crate::locate::DATA;
use clap::{Arg, ArgAction, Command, ValueHint, value_parser};
use rdiff_core::monitor::Silent;
use rdiff_core::path::RepoPathBuf;
use rdiff_core::purge::{PurgePlan, SidePlan};
use rdiff_core::repo::Repository;
use rdiff_core::repo::lock::Writer;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

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
    conclude(run(words))
}

fn run(words: impl IntoIterator<Item = OsString>) -> Result<(), Stop> {
    let m = matches(command(), words)?;
    let is_dry = m.get_flag("dry-run");
    let asked = m.get_one::<OsString>("PATH").map_or(OsStr::new(""), OsString::as_os_str);
    let (root, inside) = find(asked)?;
    let repo = Arc::new(Repository::open(&root)?);
    // As names stand in the mirror: there they may be quoted.
    let path = repo.layout().quoting().unquote(inside.as_os_str().as_bytes()).into_owned();
    let path = RepoPathBuf::new(path)?;
    let writer = if is_dry { None } else { Some(Writer::new(Arc::clone(&repo), false)?) };
    let plan = PurgePlan::new(&repo, path.as_path())?;
    say(&format!("start deleting path `{}` from repository {}", inside.display(), root.display()));
    if is_dry {
        say("running in dry-run mode");
    }
    announce(&plan, &repo, &root, &inside);
    if let Some(writer) = &writer {
        plan.carry_out(writer, &Silent)?;
    }
    if plan.is_empty() {
        // As in the original, this is no failure: a script may purge what was never there.
        let (inside, root) = (inside.display(), root.display());
        drop(writeln!(io::stderr(), "warning: `{inside}` is in no session of {root}: nothing was deleted"));
    }
    say("done");
    Ok(())
}

/// The repository that a path is in, and the way from there.
fn find(asked: &OsStr) -> Result<(PathBuf, PathBuf), Stop> {
    let path = absolute(Path::new(asked))?;
    if path.components().any(|c| c.as_os_str() == DATA) {
        return Err(Stop::Fatal(format!("path to delete can't be {DATA} or within: {}", path.display())));
    }
    let root = path.ancestors().skip(1).find(|dir| dir.join(DATA).is_dir());
    match root.and_then(|root| Some((root, path.strip_prefix(root).ok()?))) {
        Some((root, inside)) => Ok((root.to_owned(), inside.to_owned())),
        None if path.join(DATA).is_dir() => {
            let message = format!("{} is a whole repository; name something in it", path.display());
            Err(Stop::Fatal(message))
        }
        None => Err(Stop::Fatal(format!("{} is not in a rdiff-backup repository", path.display()))),
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

/// The lines of the original. It names every file that it looks through, whether there is anything in it or not.
fn announce(plan: &PurgePlan, repo: &Repository, root: &Path, inside: &Path) {
    let known_to_the_original = |side: &&SidePlan| !side.is_ours();
    for side in plan.side_files().iter().filter(known_to_the_original) {
        let file = repo.path_of(&side.place);
        say(&format!("removing entries `{}` from {}", inside.display(), file.display()));
    }
    say(&format!("deleting directory `{}` recursively", root.join(inside).display()));
    for increment in plan.increments() {
        say(&format!("deleting increments `{}`", repo.path_of(increment).display()));
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
            assert!(matches!(found(wrong), Err(Stop::Fatal(_))), "{wrong}");
        }
    }
}
