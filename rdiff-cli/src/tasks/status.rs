//! How the jobs are: the last good session of each, how its last run ended, and an exit code for monitoring.

use camino::Utf8Path;
use rdiff_core::repo::{MirrorState, Repository};
use rdiff_core::time::{SessionTime, Zone};
use serde_json::json;

use super::keep::table;
use super::load;
use crate::exit::Exit;
use crate::job::file::Job;
use crate::job::name::JobName;
use crate::job::state::{LastRun, at};
use crate::job::store::Store;
use crate::locate::DATA;
use crate::run::status::oldest;
use crate::run::{Context, OrFail, Outcome, Step};

/// How a job is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    /// Which.
    pub(crate) name: JobName,
    /// Its last good session.
    pub(crate) session: Option<SessionTime>,
    /// How old that is, in seconds.
    pub(crate) age: Option<i64>,
    /// How large its tree is, in bytes.
    pub(crate) size: Option<u64>,
    /// Its last run.
    pub(crate) last: Option<LastRun>,
    /// What is not as it should be, the worst first.
    pub(crate) troubles: Vec<String>,
    /// 1 if there is no good session or it is too old or the last run failed, 2 for anything else to know.
    pub(crate) exit: Exit,
}

pub(super) fn status(names: &[JobName], max_age: Option<&str>, store: &Store, cx: &Context<'_>) -> Outcome {
    let names = match names {
        [] => store.names().or_fail(cx, Step::Check)?,
        some => some.to_vec(),
    };
    let max_age = max_age.map(|age| oldest(age, cx)).transpose()?.map(|oldest| cx.now - oldest.0);
    let mut exit = Exit::OK;
    let mut rows = Vec::new();
    for name in names {
        let status = Status::of(&name, max_age, store, cx.now);
        exit |= status.exit;
        match cx.json() {
            Some(json) => json.item("job", &status.json()),
            None => rows.push(row(&status)),
        }
    }
    cx.print_for_people(&table(&rows))?;
    Ok(exit)
}

impl Status {
    /// Looks at a job, its last run and its repository.
    pub(crate) fn of(name: &JobName, max_age: Option<i64>, store: &Store, now: i64) -> Self {
        let mut status = Self {
            name: name.clone(),
            session: None,
            age: None,
            size: None,
            last: None,
            troubles: Vec::new(),
            exit: Exit::OK,
        };
        match load(store, name) {
            Ok(job) => status.look(&job, max_age, store, now),
            Err(e) => status.bad(rdiff_core::error::chain(&e)),
        }
        status
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "name": self.name.as_str(),
            "session": self.session.map(|session| session.0),
            "age": self.age,
            "size": self.size,
            "exit_code": self.exit.code(),
            "troubles": self.troubles,
            "last_run": self.last.as_ref().map(|last| json!({
                "started": last.started,
                "ended": last.ended,
                "exit_code": last.exit,
                "session": last.session,
                "text": last.line,
            })),
        })
    }

    fn bad(&mut self, why: String) {
        self.troubles.push(why);
        self.exit |= Exit::ERROR;
    }

    fn look(&mut self, job: &Job, max_age: Option<i64>, store: &Store, now: i64) {
        match LastRun::load(store, &self.name) {
            Ok(last) => self.last = last,
            Err(e) => self.bad(rdiff_core::error::chain(&e)),
        }
        match newest(&job.repository) {
            Ok((session, size, interrupted)) => {
                (self.session, self.size) = (session, size);
                if let Some(failed) = interrupted {
                    self.troubles.push(format!(
                        "the session of {} did not finish; the next run undoes it",
                        at(failed.0)
                    ));
                    self.exit |= Exit::WARNING;
                }
            }
            Err(why) => self.bad(why),
        }
        self.age = self.session.map(|session| now - session.0);
        match self.age {
            Some(age) if age > max_age.unwrap_or_else(|| job.max_age()) => self.bad("too old".to_owned()),
            None if self.troubles.is_empty() => self.bad("there is no session".to_owned()),
            _ => {}
        }
        if let Some(last) = &self.last
            && last.exit != 0
        {
            let told = format!("the last run, {}: {}", at(last.started), last.line);
            let failed = last.exit & Exit::ERROR.code() != 0;
            self.exit |= if failed { Exit::ERROR } else { Exit::WARNING };
            self.troubles.push(told);
        }
    }
}

/// The last good session, the size of its tree, and a session that did not finish.
type Newest = (Option<SessionTime>, Option<u64>, Option<SessionTime>);

fn newest(repository: &Utf8Path) -> Result<Newest, String> {
    if !repository.join(DATA).exists() {
        return Ok((None, None, None));
    }
    let told = |e: rdiff_core::error::Error| rdiff_core::error::chain(&e);
    let repo = Repository::open(repository.as_std_path()).map_err(told)?;
    let (good, failed) = match repo.state().map_err(told)? {
        MirrorState::Clean(at) => (Some(at), None),
        MirrorState::Interrupted { good, failed } => (Some(good), Some(failed)),
        _ => (None, None),
    };
    Ok((good, good.and_then(|at| size_at(&repo, at)), failed))
}

/// The size of the source, as the statistics of its session say. Without them it is not known, and that is no
/// trouble.
fn size_at(repo: &Repository, at: SessionTime) -> Option<u64> {
    let files = repo.data_files().ok()?;
    let file = files.iter().find(|file| file.base == b"session_statistics" && file.time == at)?;
    let text = std::fs::read_to_string(repo.path_of(&file.place)).ok()?;
    let stats = rdiff_core::format::stats::SessionStatistics::parse(&text).ok()?;
    Some(stats.source_file_size as u64)
}

fn row(status: &Status) -> [String; 5] {
    let session = status.session.map_or_else(
        || "never".to_owned(),
        |session| session.format(&Zone::system(), rdiff_core::time::TimeSeparator::Colon),
    );
    let size = status.size.map(|size| rdiff_core::format::stats::human_size(size as f64));
    let verdict = match status.troubles.as_slice() {
        [] => "ok".to_owned(),
        troubles if status.exit.has(Exit::ERROR) => format!("BAD: {}", troubles.join("; ")),
        troubles => format!("warning: {}", troubles.join("; ")),
    };
    [
        status.name.to_string(),
        session,
        status.age.map(age).unwrap_or_default(),
        size.unwrap_or_default(),
        verdict,
    ]
}

/// An age in its two largest units.
pub(crate) fn age(seconds: i64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, m) => format!("{m} min"),
        (0, h, m) => format!("{h} h {} min", m % 60),
        (d, h, _) => format!("{d} d {} h", h % 24),
    }
}
