//! `backup`: a new session.

use super::{Context, Failure, OrFail, Outcome, Step};
use crate::action::Backup;
use crate::exit::Exit;
use crate::json::lines;
use crate::progress::{Job, Terminal};
use crate::{locate, report};
use rdiff_core::backup::{BackupReport, BackupRequest, refuse_own_source};
use serde_json::{Value, json};
use std::sync::Arc;

pub(crate) fn backup(args: &Backup, cx: &Context<'_>) -> Outcome {
    let done = run(args, cx)?;
    cx.result(&result(&done));
    if args.print_statistics && cx.json().is_none() {
        cx.print(report::session_statistics(&done.statistics, &cx.ui.zone))?;
    }
    Ok(exit(&done))
}

/// Writes the session.
pub(crate) fn run(args: &Backup, cx: &Context<'_>) -> Result<BackupReport, Failure> {
    let target = locate::local(&args.repository).or_fail(cx, Step::Check)?;
    let request = request(args, cx)?;
    let reading = cx.reading(&args.source, args.via, args.safety.allow_empty_source)?;
    let path = &reading.shown;
    if reading.is_local {
        refuse_own_source(path, &target).or_fail(cx, Step::Check)?;
    }
    let root = reading.source.root().or_fail(cx, Step::Setup)?;
    let filter = cx.filter(&args.selection, &reading.base, Some(&root))?;
    cx.log("backup", &target);
    reading.say_what_is_lost(!target.join(locate::DATA).exists(), cx);
    let on_start = || cx.log("backup", &target);
    let terminal = Terminal::new(cx.ui, Job::Backup { source: path, target: &target, on_start: &on_start });
    let source = Arc::clone(&reading.source);
    let guard = &*reading.guard;
    let done = rdiff_core::backup::backup(source, guard, &target, &request, filter, &terminal);
    let done = done.or_fail(cx, Step::Run)?;
    reading.close(cx);
    Ok(done)
}

fn request(args: &Backup, cx: &Context<'_>) -> Result<BackupRequest, Failure> {
    let usual = BackupRequest::default();
    let (user_map, group_map) = cx.mappings(&args.owners)?;
    cx.filesystem_without_effect(&args.filesystem);
    if !args.filesystem.compare_inode {
        cx.ui.info("--no-compare-inode has no effect yet: a linked file with a new inode counts as changed");
    }
    Ok(BackupRequest {
        time: cx.generic.current_time,
        force: cx.generic.force,
        create_parents: args.create_full_path,
        compression: args.compression.enabled,
        // It must match from the start of the path.
        not_compressed: args.compression.except.as_ref().map(|re| format!("^(?:{})", re.to_string_lossy())),
        hard_links: args.filesystem.hard_links,
        acls: args.filesystem.acls,
        xattrs: args.filesystem.eas,
        file_statistics: args.file_statistics,
        null_separator: cx.generic.null_separator,
        compatible_times: cx.generic.use_compatible_timestamps,
        zone: cx.ui.zone.clone(),
        chars_to_quote: cx.generic.chars_to_quote.clone().map(std::os::unix::ffi::OsStringExt::into_vec),
        numeric_ids: args.owners.numerical,
        user_map,
        group_map,
        most_deletions: args.safety.most_deletions.unwrap_or(usual.most_deletions),
        allow_empty_source: args.safety.allow_empty_source,
        durable: cx.generic.fsync,
        ..usual
    })
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

pub(crate) fn exit(report: &BackupReport) -> Exit {
    let mut exit = Exit::OK;
    if report.regressed.is_some() {
        exit |= Exit::WARNING;
    }
    if report.problems > 0 {
        exit |= Exit::FILE_ERROR;
    }
    exit
}
