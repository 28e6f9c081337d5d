//! What a session adds up: its statistics, and the problems that it had.

use crate::backup::BackupRequest;
use crate::entry::Entry;
use crate::error::{Problem, ProblemKind};
use crate::format::stats::{FileStatistics, SessionStatistics, error_log_line};
use crate::monitor::{Counter, Event, Monitor};
use crate::path::RepoPathBuf;
use crate::repo::metadata::Recorded;
use std::time::{SystemTime, UNIX_EPOCH};

/// Counts, and gathers the error log.
pub(super) struct Account<'m> {
    statistics: SessionStatistics,
    pub(super) error_log: Vec<u8>,
    pub(super) problems: u64,
    /// Where the last problem was.
    last_problem: Option<RepoPathBuf>,
    /// Is it the first session?
    is_first: bool,
    separator: u8,
    monitor: &'m dyn Monitor,
}

impl<'m> Account<'m> {
    /// Nothing yet. Lines of the error log end with `separator`.
    pub(super) fn new(is_first: bool, separator: u8, monitor: &'m dyn Monitor) -> Self {
        Self {
            statistics: SessionStatistics::default(),
            error_log: Vec::new(),
            problems: 0,
            last_problem: None,
            is_first,
            separator,
            monitor,
        }
    }

    /// Paths that were taken away, and paths that there had been.
    pub(super) fn removed(&self) -> (u64, f64) {
        (self.statistics.deleted_files as u64, self.statistics.mirror_files)
    }

    /// Counts an unchanged path.
    pub(super) fn keep(&mut self, entry: &Entry) -> FileStatistics {
        let size = entry.size();
        self.statistics.source_files += 1.0;
        self.statistics.source_file_size += size as f64;
        self.statistics.mirror_files += 1.0;
        self.statistics.mirror_file_size += size as f64;
        FileStatistics { changed: false, source: Some(size), mirror: Some(size), increment: None }
    }

    /// Counts a path that came, changed or went.
    pub(super) fn change(
        &mut self,
        old: Option<&Recorded>,
        new: Option<&Entry>,
        increment: Option<u64>,
    ) -> FileStatistics {
        let s = &mut self.statistics;
        let (old_size, new_size) = (old.map(|o| o.entry.size()), new.map(Entry::size));
        let is_first_root = self.is_first && new.is_some_and(|n| n.path.is_root());
        if let Some(size) = new_size {
            s.source_files += 1.0;
            s.source_file_size += size as f64;
        }
        if let Some(size) = old_size {
            s.mirror_files += 1.0;
            s.mirror_file_size += size as f64;
        }
        match (old_size, new_size) {
            _ if is_first_root => {
                // The target directory itself was there.
                s.mirror_files += 1.0;
                s.changed_files += 1.0;
            }
            (None, Some(size)) => {
                s.new_files += 1.0;
                s.new_file_size += size as f64;
            }
            (Some(size), None) => {
                s.deleted_files += 1.0;
                s.deleted_file_size += size as f64;
            }
            (Some(old), Some(new)) => {
                s.changed_files += 1.0;
                s.changed_source_size += new as f64;
                s.changed_mirror_size += old as f64;
            }
            (None, None) => {}
        }
        if let Some(size) = increment {
            s.increment_files += 1.0;
            s.increment_file_size += size as f64;
            self.monitor.count(Counter::Increments, 1);
        }
        let is_dir = new.or(old.map(|o| &o.entry)).is_some_and(Entry::is_dir);
        FileStatistics {
            changed: true,
            source: new_size,
            mirror: if is_first_root { Some(0) } else { old_size },
            increment: increment.filter(|_| !is_dir || old.is_none()),
        }
    }

    /// Counts a directory in which something changed, with its increment.
    pub(super) fn touch(&mut self, increment: u64) {
        self.statistics.changed_files += 1.0;
        self.statistics.increment_files += 1.0;
        self.statistics.increment_file_size += increment as f64;
    }

    /// Tells of a problem, counts it and writes it down.
    pub(super) fn problem(&mut self, problem: &Problem) {
        // A directory that can be neither looked into nor listed is one problem.
        if problem.kind == ProblemKind::List && self.last_problem.as_ref() == Some(&problem.path) {
            return;
        }
        self.last_problem = Some(problem.path.clone());
        self.problems += 1;
        if problem.kind == ProblemKind::List {
            self.statistics.errors = Some(self.statistics.errors.unwrap_or(0.0) + 1.0);
        }
        self.monitor.event(&Event::Problem(problem));
        self.error_log.extend(error_log_line(problem, self.separator));
    }

    /// The totals of a session that ends now.
    pub(super) fn totals(&self, request: &BackupRequest, started: SystemTime) -> SessionStatistics {
        let since = |t: SystemTime| t.duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64());
        let start = request.time.map_or_else(|| since(started).floor(), |t| t as f64);
        let end = since(SystemTime::now());
        SessionStatistics {
            start_time: Some(start),
            end_time: Some(end),
            elapsed_time: Some(end - start),
            total_destination_size_change: Some(self.statistics.destination_size_change()),
            errors: Some(self.statistics.errors.unwrap_or(0.0)),
            ..self.statistics.clone()
        }
    }
}
