//! `restore`: the tree of a time, or a part of it.

use super::{Context, Failure, OrFail, Outcome, Step};
use crate::action::Restore;
use crate::exit::Exit;
use crate::locate::{self, Place};
use crate::progress::{Job, Terminal};
use rdiff_core::error::Error;
use rdiff_core::repo::{MirrorState, Repository};
use rdiff_core::restore::{RestoreRequest, restore as run};
use rdiff_core::time::SessionTime;
use std::path::Path;
use std::sync::Arc;

pub(crate) fn restore(args: &Restore, cx: &Context<'_>) -> Outcome {
    let place = locate::within_repository(&args.source).or_fail(cx, Step::Check)?;
    let target = locate::local(&args.target).or_fail(cx, Step::Check)?;
    check(args, &place, cx)?;
    let repo = Arc::new(Repository::open(&place.repository).or_fail(cx, Step::Check)?);
    let filter = cx.filter(&args.selection, &target, None)?;
    let request = request(args, &place, &repo, cx)?;
    let mut exit = check_target(&target, cx)?;
    cx.log("restore", &place.repository);
    check_state(&repo, cx)?;
    let terminal = Terminal::new(cx.ui, Job::Restore { source: &place.repository, target: &target });
    match run(&repo, &target, &request, filter, &terminal) {
        Ok(done) if done.problems > 0 => exit |= Exit::FILE_ERROR,
        Ok(_) => {}
        // As in the original, nothing is restored and that is no failure; but we say so.
        Err(e @ Error::NoSuchPath { .. }) => cx.ui.warning(&format!("{e}; nothing was restored")),
        Err(e) => return Err(e).or_fail(cx, Step::Run),
    }
    Ok(exit)
}

/// Checks that the options fit together and fit the place.
fn check(args: &Restore, place: &Place, cx: &Context<'_>) -> Result<(), Failure> {
    let message = if place.increment.is_some() && args.at.is_some() {
        "You can't give an increment file and a time to restore at the same time."
    } else if place.increment.is_none() && args.increment {
        "You can't use the --increment option and _not_ give an increment file"
    } else if !place.path.is_root() && args.selection.iter().any(|choice| choice.names_paths()) {
        "You can't combine restoring of a sub-path and file selection, result would be unpredictable and \
         could lead to data loss"
    } else {
        return Ok(());
    };
    Err(cx.refuse(Step::Check, message))
}

/// A target with something in it is for those who say so.
fn check_target(target: &Path, cx: &Context<'_>) -> Outcome {
    let is_full = std::fs::read_dir(target).is_ok_and(|mut dir| dir.next().is_some());
    if !is_full {
        return Ok(Exit::OK);
    }
    let shown = target.display();
    if !cx.generic.force {
        let message = format!("Target path {shown} exists and isn't empty, call with '--force' to overwrite");
        return Err(cx.refuse(Step::Check, &message));
    }
    cx.ui.warning(&format!(
        "Target path {shown} exists and isn't empty, content might be force overwritten by restore"
    ));
    Ok(Exit::WARNING)
}

fn check_state(repo: &Repository, cx: &Context<'_>) -> Result<(), Failure> {
    if let MirrorState::Interrupted { .. } = repo.state().or_fail(cx, Step::Run)? {
        let message = format!(
            "Previous backup to {} seems to have failed. Use rdiff-backup to 'regress' first the failed \
             backup, then try again to restore",
            repo.path().display()
        );
        return Err(cx.refuse(Step::Run, &message));
    }
    Ok(())
}

fn request(
    args: &Restore,
    place: &Place,
    repo: &Repository,
    cx: &Context<'_>,
) -> Result<RestoreRequest, Failure> {
    let (user_map, group_map) = cx.mappings(&args.owners)?;
    cx.without_effect(&args.filesystem);
    Ok(RestoreRequest {
        subtree: place.path.clone(),
        overwrite: cx.generic.force,
        create_parents: args.create_full_path,
        numeric_ids: args.owners.numerical,
        user_map,
        group_map,
        ..RestoreRequest::new(session(args, place, repo, cx)?)
    })
}

/// The session asked for: that of the increment file, or that of the time.
fn session(
    args: &Restore,
    place: &Place,
    repo: &Repository,
    cx: &Context<'_>,
) -> Result<SessionTime, Failure> {
    if let Some(time) = place.increment {
        return Ok(time);
    }
    let sessions = repo.sessions().or_fail(cx, Step::Setup)?;
    let asked = cx.time(args.at.as_deref().unwrap_or("now"))?;
    let nothing = || Error::NoSuchSession { repository: place.repository.clone(), asked: args.at.clone() };
    asked.choose(&sessions).ok_or_else(nothing).or_fail(cx, Step::Setup)
}
