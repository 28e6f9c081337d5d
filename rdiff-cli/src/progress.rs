//! What a job tells on the way, as messages of the original.

use crate::ui::{Level, Ui};
use rdiff_core::format::stats::error_log_line;
use rdiff_core::monitor::{Event, Monitor, PathDone};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// Which job is watched, as far as its messages differ.
pub enum Job<'a> {
    /// A new session.
    Backup {
        /// The directory.
        source: &'a Path,
        /// The repository.
        target: &'a Path,
        /// Called when the repository is there.
        on_start: &'a (dyn Fn() + Sync + Send),
    },
    /// An old tree.
    Restore {
        /// The repository.
        source: &'a Path,
        /// The directory.
        target: &'a Path,
    },
    /// Any other.
    Other,
}

/// Tells a user what a job does.
pub struct Terminal<'a> {
    ui: &'a Ui,
    job: Job<'a>,
    is_first: AtomicBool,
}

impl<'a> Terminal<'a> {
    /// Watches a job.
    pub fn new(ui: &'a Ui, job: Job<'a>) -> Self {
        use crate::ui::Api;
        if let (Job::Restore { source, target }, Api::V201) = (&job, ui.api) {
            ui.note(&starting("restore operation", source, target));
        }
        Self { ui, job, is_first: AtomicBool::new(false) }
    }

    fn session_started(&self, is_first: bool) {
        use crate::ui::Api;
        self.is_first.store(is_first, Ordering::Relaxed);
        let Job::Backup { source, target, on_start } = &self.job else { return };
        on_start();
        let what = match (self.ui.api, is_first) {
            (Api::V201, _) => "backup operation",
            (Api::V200, true) => "mirror",
            (Api::V200, false) => "increment operation",
        };
        self.ui.note(&starting(what, source, target));
    }

    fn path(&self, path: &dyn std::fmt::Display, what: PathDone) {
        let is_first = self.is_first.load(Ordering::Relaxed);
        match what {
            PathDone::Kept => {}
            PathDone::Verified => self.ui.info(&format!("Verified SHA1 digest of file {path}")),
            PathDone::Added if is_first => self.ui.info(&format!("Processing file {path}")),
            _ => self.ui.info(&format!("Processing changed file {path}")),
        }
    }
}

fn starting(what: &str, source: &Path, target: &Path) -> String {
    format!("Starting {what} from source path {} to destination path {}", source.display(), target.display())
}

impl Monitor for Terminal<'_> {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::SessionStarted { previous, .. } => self.session_started(previous.is_none()),
            Event::Path { path, what } => self.path(path, *what),
            Event::Problem(problem) => {
                let line = error_log_line(problem, b'\n');
                self.ui.warning(String::from_utf8_lossy(&line).trim_end_matches('\n'));
            }
            Event::Warning(text) => self.ui.warning(text),
            Event::Note(text) => self.ui.note(text),
            other => self.ui.say(Level::Debug, &format!("{other:?}")),
        }
    }
}
