//! `restore`: the tree of a time, or a part of it.

use super::open::Opened;
use super::selection::Chosen;
use super::would::Would;
use super::{Context, Failure, OrFail, Outcome, Step, ahead, explain};
use crate::action::Restore;
use crate::exit::Exit;
use crate::locate;
use crate::progress::{Job, Terminal};
use rdiff_core::error::Error;
use rdiff_core::restore::{RestoreReport, RestoreRequest, preview, restore as run};
use rdiff_core::time::SessionTime;
use serde_json::{Value, json};
use std::path::Path;

pub(crate) fn restore(args: &Restore, cx: &Context<'_>) -> Outcome {
    if locate::is_swapped(&args.source, &args.target) {
        let (first, second) = (args.source.display(), args.target.display());
        let text = format!(
            "{first} is in no repository, but {second} is; the repository comes first, then the target"
        );
        return Err(cx.refuse(Step::Check, &text));
    }
    let place = cx.open(&args.source)?;
    check(args, &place, cx)?;
    let request = request(args, &place, cx)?;
    let at = place.repo.session_at(request.at).or_fail(cx, Step::Run)?;
    let to = cx.restore_target(&args.target, args.copy.create_full_path)?;
    let target = &to.path;
    let filter = cx.filter(&args.copy.selection, &to.shown, None)?;
    if let Some(path) = &args.copy.explain {
        return explain::in_session(path, &to.shown, &place, at, &filter, cx);
    }
    let mut exit = if args.is_confirmed { Exit::OK } else { check_target(target, cx)? };
    if place.is_interrupted {
        exit |= Exit::WARNING;
    }
    if cx.is_dry() {
        return Ok(exit | would(&place, target, &request, filter, cx)?);
    }
    let source = place.repo.path();
    if !place.is_mounted {
        cx.log("restore", source);
    }
    let part = place.path.as_path();
    let terminal = Terminal::new(cx.ui, Job::Restore { source, target: &to.shown, part });
    let done = cx.counting(
        |stop| ahead::of_session(&place.repo, at, request.subtree.as_path(), stop),
        || run(&place.repo, target, &request, filter, &terminal),
    );
    let done = match done {
        // As in the original, nothing is restored and that is no failure; but we say so.
        Err(e @ Error::NoSuchPath { .. }) => {
            cx.ui.warning(&format!("{e}; nothing was restored"));
            RestoreReport::default()
        }
        Ok(done) => done,
        Err(e) => match (to.trouble(), cx.ui.stop.signal()) {
            (Some(trouble), _) => return Err(cx.refuse(Step::Run, &trouble)),
            (None, Some(signal)) if matches!(e, Error::Cancelled { .. }) => {
                return Err(cx.refuse(Step::Run, &stopped(signal, target, &to.shown)));
            }
            (None, _) => return Err(e).or_fail(cx, Step::Run),
        },
    };
    if done.problems > 0 {
        exit |= Exit::FILE_ERROR;
    }
    cx.result(&result(at, &done));
    match (counts(&done), done.problems) {
        (counts, 0) => cx.ui.summary(&counts),
        (counts, n) => cx.ui.warning(&format!("{counts}, {n} could not be restored")),
    }
    Ok(exit)
}

/// Says what a signal has left of a restore.
fn stopped(signal: &str, target: &Path, shown: &Path) -> String {
    let there = std::fs::read_dir(target).is_ok_and(|mut names| names.next().is_some());
    if there {
        let target = shown.display();
        format!(
            "stopped by {signal}; what was restored so far stands in {target}, and the same command goes on from there, \
             with --force before its action"
        )
    } else {
        format!("stopped by {signal}; nothing was restored, and the same command can be run again")
    }
}

/// Says what the restore would do.
fn would(
    place: &Opened,
    target: &Path,
    request: &RestoreRequest,
    filter: Chosen,
    cx: &Context<'_>,
) -> Outcome {
    let monitor = Would::new(cx);
    let found = preview(&place.repo, target, request, filter, &monitor).or_fail(cx, Step::Run)?;
    monitor.finish(&counts(&found))?;
    let at = place.repo.session_at(request.at).or_fail(cx, Step::Run)?;
    cx.result(&result(at, &found));
    Ok(Exit::OK)
}

/// The result for programs.
fn result(at: SessionTime, done: &RestoreReport) -> Value {
    json!({
        "session": at.0,
        "restored": done.restored,
        "unchanged": done.unchanged,
        "removed": done.removed,
        "problems": done.problems,
    })
}

fn counts(done: &RestoreReport) -> String {
    let (made, there, removed) = (done.restored - done.unchanged, done.unchanged, done.removed);
    format!("{made} restored, {there} there already, {removed} deleted from the target")
}

/// Checks that the options fit together and fit the place.
fn check(args: &Restore, place: &Opened, cx: &Context<'_>) -> Result<(), Failure> {
    let message = if place.increment.is_some() && args.at.is_some() {
        "the name of an increment file says of which time it is: leave --at out, or give the path itself"
    } else if place.increment.is_none() && args.increment {
        "--increment wants an increment file, such as REPO/rdiff-backup-data/increments/PATH.TIME.diff.gz; for a path \
         of the tree use --at"
    } else if !place.path.is_root() && args.copy.selection.iter().any(|choice| choice.names_paths()) {
        "where only a part of the repository is restored, paths can't be included or excluded: restore that part \
         alone, or all of the repository with --include"
    } else {
        return Ok(());
    };
    Err(cx.refuse(Step::Check, message))
}

/// A target with something in it is for those who say so.
fn check_target(target: &Path, cx: &Context<'_>) -> Outcome {
    let kind = target.symlink_metadata().map(|m| m.file_type()).ok();
    // Where a link leads to was not named.
    let is_other = kind.is_some_and(|kind| !kind.is_dir());
    let is_full = !is_other && std::fs::read_dir(target).is_ok_and(|mut dir| dir.next().is_some());
    let is_in_the_way = is_full || (is_other && !cx.generic.force);
    if !is_in_the_way {
        return Ok(Exit::OK);
    }
    let what = match kind {
        _ if is_full => "exists and isn't empty",
        Some(kind) if kind.is_symlink() => "exists and is not a directory, but a symbolic link",
        _ => "exists and is not a directory",
    };
    let target = format!("Target path {} {what}", target.display());
    if !cx.generic.force {
        return Err(cx.refuse(Step::Check, &format!("{target}, call with '--force' to overwrite")));
    }
    cx.ui.warning(&format!("{target}, content might be force overwritten by restore"));
    Ok(Exit::WARNING)
}

fn request(args: &Restore, place: &Opened, cx: &Context<'_>) -> Result<RestoreRequest, Failure> {
    let (user_map, group_map) = cx.mappings(&args.copy.owners)?;
    cx.filesystem_without_effect(&args.copy.filesystem);
    cx.compression_without_effect(&args.copy.compression);
    cx.without_effect(
        "inodes are not restored",
        &[(!args.copy.filesystem.compare_inode, "--no-compare-inode")],
    );
    let at = match place.increment {
        Some(at) => at,
        None => cx.session(&place.repo, args.at.as_deref().unwrap_or("now"))?,
    };
    Ok(RestoreRequest {
        subtree: place.path.clone(),
        overwrite: cx.generic.force,
        create_parents: args.copy.create_full_path,
        numeric_ids: args.copy.owners.numerical,
        user_map,
        group_map,
        hard_links: args.copy.filesystem.hard_links,
        acls: args.copy.filesystem.acls,
        never_drop_acls: args.copy.filesystem.never_drop_acls,
        xattrs: args.copy.filesystem.eas,
        durable: cx.generic.fsync,
        ..RestoreRequest::new(at)
    })
}
