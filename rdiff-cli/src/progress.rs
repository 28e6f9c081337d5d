//! What a job tells on the way, as messages of the original.

use crate::level::Level;
use crate::ui::Ui;
use rdiff_core::monitor::{Counter, Event, Monitor, PathDone, Phase};
use rdiff_core::path::RepoPath;
use rdiff_core::time::SessionTime;
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
        /// What of the repository; messages name paths from there.
        part: RepoPath<'a>,
    },
    /// Any other.
    Other,
}

/// Tells a user what a job does.
pub struct Terminal<'a> {
    ui: &'a Ui,
    job: Job<'a>,
    is_first: AtomicBool,
    is_regressing: AtomicBool,
}

impl<'a> Terminal<'a> {
    /// Watches a job.
    pub fn new(ui: &'a Ui, job: Job<'a>) -> Self {
        use crate::ui::Api;
        if let (Job::Restore { source, target, .. }, Api::V201) = (&job, ui.api) {
            ui.note(&starting("restore operation", source, target));
        }
        Self { ui, job, is_first: AtomicBool::new(false), is_regressing: AtomicBool::new(false) }
    }

    fn session_started(&self, previous: Option<SessionTime>) {
        use crate::ui::Api;
        let is_first = previous.is_none();
        self.is_first.store(is_first, Ordering::Relaxed);
        let Job::Backup { source, target, on_start } = &self.job else { return };
        on_start();
        if let Some(good) = previous.filter(|_| self.is_regressing.load(Ordering::Relaxed)) {
            self.ui.note(&format!("Regressing to date/time {}", good.asctime(&self.ui.zone)));
        }
        let what = match (self.ui.api, is_first) {
            (Api::V201, _) => "backup operation",
            (Api::V200, true) => "mirror",
            (Api::V200, false) => "increment operation",
        };
        self.ui.note(&starting(what, source, target));
    }

    fn path(&self, path: RepoPath<'_>, what: PathDone) {
        if !self.ui.hears(Level::Info) {
            return;
        }
        let is_first = self.is_first.load(Ordering::Relaxed);
        let message = match what {
            PathDone::Kept => return,
            PathDone::Verified => "Verified SHA1 digest of file",
            PathDone::Added if is_first => "Processing file",
            _ => "Processing changed file",
        };
        let shown = match self.job {
            Job::Restore { part, .. } => path.below(part).unwrap_or(path),
            _ => path,
        };
        self.ui.path(path, word(what), &format!("{message} {shown}"));
    }
}

/// What was done with a path, in a word.
pub(crate) fn word(what: PathDone) -> &'static str {
    match what {
        PathDone::Added => "new",
        PathDone::Changed => "changed",
        PathDone::Removed => "deleted",
        PathDone::Kept => "kept",
        PathDone::Restored => "restored",
        PathDone::Verified => "verified",
    }
}

fn starting(what: &str, source: &Path, target: &Path) -> String {
    format!("Starting {what} from source path {} to destination path {}", source.display(), target.display())
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        self.ui.meter.finish();
    }
}

impl Monitor for Terminal<'_> {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::SessionStarted { previous, .. } => self.session_started(*previous),
            Event::Path { path, what } => self.path(*path, *what),
            Event::Problem(problem) => self.ui.problem(problem),
            Event::Warning(text) => self.ui.warning(text),
            Event::Note(text) => self.ui.note(text),
            Event::Phase(Phase::Regressing) => self.is_regressing.store(true, Ordering::Relaxed),
            other if self.ui.hears(Level::Debug) => self.ui.say(Level::Debug, &format!("{other:?}")),
            _ => {}
        }
    }

    fn count(&self, counter: Counter, by: u64) {
        self.ui.meter.count(counter, by, self.ui.json.as_ref());
    }

    fn cancelled(&self) -> bool {
        self.ui.stop.signal().is_some()
    }
}
