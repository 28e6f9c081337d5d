//! The actions that look at a repository and that the original doesn't have: `status`, `history`, `diff`.

use super::parts::{flag, option, text};
use super::shared::{action, location, place};
use crate::action::{Action, Diff, History, Status};
use clap::{ArgMatches, Command};
use std::ffi::OsStr;

/// Is it one of them?
pub(super) fn is_named(word: &OsStr) -> bool {
    ["status", "history", "diff"].iter().any(|name| word == *name)
}

pub(super) fn status() -> Command {
    action(
        "status",
        "Say whether a repository is well and its last session recent; the exit code says it too",
        "  rdiff-backup status /backup/home\n  \
         rdiff-backup status --max-age 26h /backup/home || echo 'no backup since yesterday' | mail -s backup root\n\n\
         Exit codes: 0 all is well; 1 it can't be read; 2 the last session did not finish, there is none, or it is\n\
         older than --max-age; 4 the last session could not read some files; 6 is 2 and 4.",
    )
    .arg(option("max-age", "TIME", "How old the last session may be, such as 26h or 2D; default: any age"))
    .arg(location("REPOSITORY"))
}

pub(super) fn history() -> Command {
    action(
        "history",
        "List the versions of one path: sessions, sizes, times, and what changed",
        "  rdiff-backup history /backup/home/docs/letter\n  \
         rdiff-backup history --all /backup/home/docs",
    )
    .arg(flag("all", "List the sessions too in which it stayed what it was"))
    .arg(location("PATH"))
}

pub(super) fn diff() -> Command {
    action(
        "diff",
        "Show what changed between two sessions: the lines of a file, or the paths in a directory",
        "  rdiff-backup diff /backup/home/docs/letter\n  \
         rdiff-backup diff --at 10D --to 3D /backup/home/docs/letter\n  \
         rdiff-backup diff --patch --at 1W /backup/home/docs\n\n\
         Exit codes: 0 nothing differs; 1 it can't be told; 8 something differs.",
    )
    .arg(option("at", "TIME", "The older state; default: 1B, the session before the last"))
    .arg(option("to", "TIME", "The newer state; default: now"))
    .arg(flag("patch", "Show the lines too that differ in the files of a directory"))
    .arg(location("PATH"))
}

/// Makes the action of what clap found, if it is one of these.
pub(super) fn read(name: &str, s: &ArgMatches) -> Option<Action> {
    Some(match name {
        "status" => {
            Action::Status(Status { repository: place(s, "REPOSITORY"), max_age: text(s, "max-age") })
        }
        "history" => Action::History(History { path: place(s, "PATH"), all: s.get_flag("all") }),
        "diff" => Action::Diff(Diff {
            path: place(s, "PATH"),
            at: text(s, "at").unwrap_or_else(|| "1B".to_owned()),
            to: text(s, "to").unwrap_or_else(|| "now".to_owned()),
            patch: s.get_flag("patch"),
        }),
        _ => return None,
    })
}
