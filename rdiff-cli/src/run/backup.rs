//! `backup`: a new session.

use super::selection::Chosen;
use super::source::Reading;
use super::target::Target;
use super::would::Would;
use super::{Context, Failure, OrFail, Outcome, Step, ahead, explain};
use crate::action::Backup;
use crate::args::hint;
use crate::exit::Exit;
use crate::json::lines;
use crate::progress::{Job, Terminal};
use crate::{locate, report};
use rdiff_core::backup::{BackupReport, BackupRequest, preview, refuse_own_source};
use rdiff_core::error::Error;
use rdiff_core::format::stats::human_size;
use rdiff_core::path::{RepoPath, RepoPathBuf};
use rdiff_core::repo::{MirrorState, Repository};
use serde_json::{Value, json};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) fn backup(args: &Backup, cx: &Context<'_>) -> Outcome {
    if let Some(path) = &args.copy.explain {
        let Ready { reading, filter, .. } = Ready::make(args, cx)?;
        return explain::in_source(path, &reading.base, &reading.source, &filter, cx);
    }
    if cx.is_dry() {
        return would(args, cx);
    }
    let done = run(args, cx)?;
    cx.result(&result(&done));
    tell(&done, cx);
    if args.print_statistics && cx.json().is_none() {
        let text = report::session_statistics(&done.statistics, &cx.ui.zone);
        cx.ui.record(&text);
        cx.print(text)?;
    }
    Ok(exit(&done))
}

/// All that a backup needs.
struct Ready {
    to: Target,
    request: BackupRequest,
    reading: Reading,
    filter: Chosen,
}

impl Ready {
    fn make(args: &Backup, cx: &Context<'_>) -> Result<Self, Failure> {
        if hint::on_action(&args.source).is_some() {
            // A misspelt action: of the target nothing needs to be said.
            locate::directory(&args.source).or_fail(cx, Step::Check)?;
        }
        let to = cx.backup_target(&args.repository, args.copy.create_full_path)?;
        let mut request = request(args, cx)?;
        // There it was needed to write at all.
        request.force &= !to.is_remote();
        request.called.clone_from(&to.called);
        let reading = cx.reading(&args.source, args.via, args.safety.allow_empty_source)?;
        if reading.is_local {
            refuse_own_source(&reading.shown, &to.path).or_fail(cx, Step::Check)?;
            refuse_swapped(&reading.shown, &to.path, cx)?;
        }
        refuse_without_marker(args.safety.marker.as_deref(), &reading).or_fail(cx, Step::Check)?;
        let root = reading.source.root().or_fail(cx, Step::Setup)?;
        let filter = cx.filter(&args.copy.selection, &reading.base, Some(&root))?;
        Ok(Self { to, request, reading, filter })
    }
}

/// Writes the session.
pub(crate) fn run(args: &Backup, cx: &Context<'_>) -> Result<BackupReport, Failure> {
    let Ready { to, request, reading, filter } = Ready::make(args, cx)?;
    let target = &to.path;
    cx.log("backup", target);
    reading.say_what_is_lost(!target.join(locate::DATA).exists(), cx);
    let clock = reading.ask_clock(cx);
    let on_start = || cx.log("backup", target);
    let job = Job::Backup { source: &reading.shown, target: &to.shown, on_start: &on_start };
    let terminal = Terminal::new(cx.ui, job);
    let source = || Arc::clone(&reading.source);
    let guard = &*reading.guard;
    let done = cx.counting(
        |stop| ahead::of_backup(target, source(), filter.clone(), stop),
        || rdiff_core::backup::backup(source(), guard, target, &request, filter.clone(), &terminal),
    );
    drop(terminal);
    if let (Some(clock), Ok(done)) = (clock, &done) {
        clock.tell(done.previous.is_none(), cx);
    }
    let was_no_room = matches!(&done, Err(e) if e.is_no_room());
    // What another process has in hand is no business of ours.
    let was_locked = matches!(&done, Err(Error::Locked { .. }));
    done.or_fail(cx, Step::Run).inspect_err(|_| {
        if !was_locked {
            say_what_is_left(target, was_no_room, cx);
        }
    })
}

/// In what state a backup that failed has left the repository.
fn say_what_is_left(target: &Path, was_no_room: bool, cx: &Context<'_>) {
    let Ok(repo) = Repository::open(target) else { return };
    let Ok(state) = repo.state() else { return };
    let (zone, shown) = (&cx.ui.zone, target.display());
    match state {
        MirrorState::Interrupted { good, failed } => cx.ui.warning(&format!(
            "the session of {} is left unfinished in {shown}; that of {} and those before it are whole. The next \
             backup undoes it first, or `rdiff-backup regress {shown}` does",
            failed.asctime(zone),
            good.asctime(zone)
        )),
        // What is wrong was said, and a next backup would say it again.
        MirrorState::Unfinished if repo.refuse_lost_marker().is_err() => {}
        MirrorState::Unfinished => {
            cx.ui.warning(&format!("the first session of {shown} is left unfinished; the next backup begins anew"));
        }
        MirrorState::Clean(at) if was_no_room => {
            cx.ui.note(&format!("{shown} is as it was after the session of {}", at.asctime(zone)));
        }
        MirrorState::Clean(_) => {}
    }
}

/// A repository as the source, and something else to write over: --force would not mend that.
fn refuse_swapped(source: &Path, target: &Path, cx: &Context<'_>) -> Result<(), Failure> {
    let is_full = || target.read_dir().is_ok_and(|mut entries| entries.next().is_some());
    let is_repository = |path: &Path| path.join(locate::DATA).exists();
    if cx.generic.force || !is_repository(source) || is_repository(target) || !is_full() {
        return Ok(());
    }
    let (source, target) = (source.display(), target.display());
    let text =
        format!("{target} is not a repository, but {source} is; the source comes first, then the repository");
    Err(cx.refuse(Step::Check, &text))
}

/// The source lacks the path that must be there.
#[derive(Debug, thiserror::Error)]
#[error(
    "the marker '{}' is not in {} ({why}), so this is not what was to be backed up; see that the right disk is \
     mounted there",
    marker.display(),
    source_dir.display()
)]
struct WithoutMarker {
    marker: PathBuf,
    source_dir: PathBuf,
    why: String,
}

/// Where the path is not that must be there, something else is read than was meant.
fn refuse_without_marker(marker: Option<&Path>, reading: &Reading) -> Result<(), WithoutMarker> {
    let Some(marker) = marker else { return Ok(()) };
    let refused =
        |why: String| WithoutMarker { marker: marker.to_path_buf(), source_dir: reading.shown.clone(), why };
    let path = RepoPathBuf::new(marker.as_os_str().as_bytes()).map_err(|e| refused(e.to_string()))?;
    let path = path.as_path();
    let name = path.name().unwrap_or_default();
    let found = reading.source.stat_in(path.parent().unwrap_or(RepoPath::ROOT), &[name.into()]).pop();
    match found {
        Some(Ok(_)) => Ok(()),
        Some(Err(e)) => Err(refused(e.to_string())),
        None => Err(refused("it can't be looked at".to_owned())),
    }
}

fn request(args: &Backup, cx: &Context<'_>) -> Result<BackupRequest, Failure> {
    let usual = BackupRequest::default();
    let (user_map, group_map) = cx.mappings(&args.copy.owners)?;
    cx.filesystem_without_effect(&args.copy.filesystem);
    Ok(BackupRequest {
        time: cx.generic.current_time,
        force: cx.generic.force,
        create_parents: args.copy.create_full_path,
        compression: args.copy.compression.enabled,
        not_compressed: args.copy.compression.except.as_ref().map(|re| re.to_string_lossy().into_owned()),
        hard_links: args.copy.filesystem.hard_links,
        compare_inodes: args.copy.filesystem.compare_inode,
        never_drop_acls: args.copy.filesystem.never_drop_acls,
        acls: args.copy.filesystem.acls,
        xattrs: args.copy.filesystem.eas,
        file_statistics: args.file_statistics,
        null_separator: cx.generic.null_separator,
        compatible_times: cx.generic.use_compatible_timestamps,
        zone: cx.ui.zone.clone(),
        chars_to_quote: cx.generic.chars_to_quote.clone().map(std::os::unix::ffi::OsStringExt::into_vec),
        numeric_ids: args.copy.owners.numerical,
        user_map,
        group_map,
        most_deletions: args.safety.most_deletions.unwrap_or(usual.most_deletions),
        allow_empty_source: args.safety.allow_empty_source,
        check_space: args.safety.check_space,
        durable: cx.generic.fsync,
        ..usual
    })
}

/// Says in one line what became of the paths.
fn tell(done: &BackupReport, cx: &Context<'_>) {
    let stats = &done.statistics;
    let counts = report::counts(stats.new_files, stats.changed_files, stats.deleted_files, done.problems);
    if done.problems > 0 {
        cx.ui.warning(&counts);
    } else {
        cx.ui.summary(&counts);
    }
}

/// Says what the backup would do.
fn would(args: &Backup, cx: &Context<'_>) -> Outcome {
    let Ready { to, request, reading, filter } = Ready::make(args, cx)?;
    let monitor = Would::new(cx);
    let source = Arc::clone(&reading.source);
    let found = preview(source, &*reading.guard, &to.path, &request, filter, &monitor);
    let found = found.or_fail(cx, Step::Run)?;
    let counts = report::counts(found.new as f64, found.changed as f64, found.deleted as f64, found.problems);
    let first = found.regressed.map(|t| format!("the session of {} undone, then ", t.asctime(&cx.ui.zone)));
    let bytes = human_size(found.bytes as f64);
    monitor.finish(&format!("{}{counts}, {bytes} to be read", first.unwrap_or_default()))?;
    cx.result(&json!({
        "previous": found.previous.map(|t| t.0),
        "regressed": found.regressed.map(|t| t.0),
        "new": found.new,
        "changed": found.changed,
        "deleted": found.deleted,
        "problems": found.problems,
        "unchanged": found.kept,
        "bytes": found.bytes,
    }));
    Ok(bits(found.regressed.is_some(), found.problems))
}

/// The result for programs.
pub(crate) fn result(done: &BackupReport) -> Value {
    let stats = &done.statistics;
    json!({
        "session": done.session.0,
        "previous": done.previous.map(|t| t.0),
        "regressed": done.regressed.map(|t| t.0),
        "new": stats.new_files as u64,
        "changed": stats.changed_files as u64,
        "deleted": stats.deleted_files as u64,
        "problems": done.problems,
        "statistics": lines::statistics(stats),
    })
}

pub(crate) fn exit(done: &BackupReport) -> Exit {
    bits(done.regressed.is_some(), done.problems)
}

fn bits(has_regressed: bool, problems: u64) -> Exit {
    let mut exit = if has_regressed { Exit::WARNING } else { Exit::OK };
    if problems > 0 {
        exit |= Exit::FILE_ERROR;
    }
    exit
}
