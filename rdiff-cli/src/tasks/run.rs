//! Running jobs: hook, backup, retention, hook; one line about each, and an exit code.

use std::ffi::OsString;
use std::path::Path;

use rdiff_core::backup::BackupReport;
use rdiff_core::format::stats::human_size;
use rdiff_mount::mount::Mounted;
use rdiff_mount::{SystemRunner, Unmounted};
use serde_json::{Value, json};

use super::hooks;
use super::load;
use crate::action::jobs::Run;
use crate::action::{self, Backup, Generic};
use crate::args::jobs::backup_of_job;
use crate::exit::Exit;
use crate::job::error::JobError;
use crate::job::file::{Job, Via};
use crate::job::name::JobName;
use crate::job::schedule::shell_word;
use crate::job::state::{JobLock, LastRun, at, now};
use crate::job::store::Store;
use crate::json::Json;
use crate::locate::DATA;
use crate::run::{Context, OrFail, Outcome, Step, backup, remove};
use crate::ui::Ui;

pub(super) fn run(asked: &Run, store: &Store, cx: &Context<'_>) -> Outcome {
    let names = match &asked.name {
        Some(name) => vec![name.clone()],
        None => store.names().or_fail(cx, Step::Check)?,
    };
    if names.is_empty() {
        return Err(cx.refuse(
            Step::Check,
            &format!(
                "there is no job in {}; 'rdiff-backup job add NAME SOURCE --repo DIR' makes one",
                store.config()
            ),
        ));
    }
    let mut exit = Exit::OK;
    for name in &names {
        if cx.is_dry() {
            exit |= would(name, store, cx)?;
            continue;
        }
        let ran = Ran::of(name, store, cx);
        exit |= ran.exit;
        if let Some(json) = cx.json() {
            json.item("run", &ran.json(name));
        }
        if ran.exit.has(Exit::ERROR) {
            cx.ui.error(&ran.line);
        } else if ran.exit != Exit::OK {
            cx.ui.warning(&ran.line);
        } else if !asked.quiet {
            cx.print_for_people(&format!("{}\n", ran.line))?;
        }
    }
    Ok(exit)
}

/// Tells what a run would do. Hooks are named and not run.
fn would(name: &JobName, store: &Store, cx: &Context<'_>) -> Outcome {
    let job = load(store, name).or_fail(cx, Step::Check)?;
    let good = LastRun::load(store, name).or_fail(cx, Step::Check)?.and_then(|last| last.good);
    is_there(&job, name, good, store).or_fail(cx, Step::Check)?;
    cx.print_for_people(&format!("{name}: backup of {} to {}\n", job.source, job.repository))?;
    for (when, hook) in [("before", &job.hooks.before), ("after", &job.hooks.after)] {
        if let Some(command) = hook {
            cx.print_for_people(&format!("would be run {when}: {command}\n"))?;
        }
    }
    let generic = generic(&job, cx.generic);
    let cx = &Context::new(&generic, cx.ui, cx.now);
    let mut args = backup_of_job(&job).map_err(|why| cx.refuse(Step::Check, &why))?;
    let mounted = mount(&job, cx).map_err(|why| cx.refuse(Step::Setup, &why))?;
    aim(&mut args, &job, mounted.as_ref());
    let exit = backup::backup(&args, cx)?;
    let result = cx.json().and_then(Json::take_result);
    let has_sessions = job.repository.join(DATA).exists();
    let removed = match job.older_than.as_ref().filter(|_| has_sessions) {
        Some(older_than) => remove::would(job.repository.as_std_path().as_os_str(), older_than, cx)?,
        None => Exit::OK,
    };
    if let Some(json) = cx.json() {
        json.take_result();
        json.item("run", &Ran { exit, line: "nothing was changed".to_owned(), result }.json(name));
    }
    // That there is nothing to remove yet, which is a warning elsewhere, is no news.
    Ok(if removed.has(Exit::ERROR) { exit | removed } else { exit })
}

/// A repository that held a session must be there.
fn is_there(job: &Job, name: &JobName, good: Option<i64>, store: &Store) -> Result<(), JobError> {
    match good {
        Some(good) if !job.repository.join(DATA).exists() => {
            let (repository, state) = (job.repository.clone(), store.state_file(name));
            Err(JobError::RepositoryGone { repository, good: at(good), state })
        }
        _ => Ok(()),
    }
}

/// Mounts by fstab, if that is the way.
fn mount(job: &Job, cx: &Context<'_>) -> Result<Option<Mounted>, String> {
    let Some(place) = job.mount_point.as_ref().filter(|_| job.via() == Some(Via::Fstab)) else {
        return Ok(None);
    };
    let mounted = cx.mounter().by_fstab(place).map_err(|e| rdiff_core::error::chain(&e))?;
    Ok(Some(mounted))
}

/// What became of a run.
struct Ran {
    exit: Exit,
    line: String,
    /// The result of the backup, for programs.
    result: Option<Value>,
}

impl Ran {
    fn of(name: &JobName, store: &Store, cx: &Context<'_>) -> Self {
        let refused = |e: &JobError| {
            let why = rdiff_core::error::chain(e);
            Self { exit: Exit::ERROR, line: format!("{name}: NOT BACKED UP: {why}"), result: None }
        };
        let started = now();
        let job = match load(store, name) {
            Ok(job) => job,
            Err(e) => return refused(&e),
        };
        // Another run of it keeps its own record.
        let _lock = match JobLock::take(store, name) {
            Ok(lock) => lock,
            Err(e) => return refused(&e),
        };
        let good = match LastRun::load(store, name) {
            Ok(last) => last.and_then(|last| last.good),
            Err(e) => return refused(&e),
        };
        if let Err(e) = is_there(&job, name, good, store) {
            return refused(&e);
        }
        let mut attempt = Attempt { name, job: &job, cx, warnings: Vec::new(), first_problem: None };
        let (exit, done, words) = attempt.run();
        let mut ran =
            Self { exit, line: format!("{name}: {words}"), result: done.as_ref().map(backup::result) };
        let (exit, session) = (exit.code(), done.map(|done| done.session.0));
        let record = LastRun { started, ended: now(), exit, session, good: session.or(good), line: words };
        if let Err(e) = record.save(store, name) {
            ran.exit |= Exit::WARNING;
            ran.line += &format!("; this could not be written down: {}", rdiff_core::error::chain(&e));
        }
        ran
    }
}

impl Ran {
    fn json(&self, name: &JobName) -> Value {
        json!({
            "job": name.as_str(),
            "exit_code": self.exit.code(),
            "text": self.line,
            "result": self.result,
        })
    }
}

/// One run of one job.
struct Attempt<'a> {
    name: &'a JobName,
    job: &'a Job,
    cx: &'a Context<'a>,
    /// What is to be known besides the outcome, each in a line.
    warnings: Vec<String>,
    /// A path that could not be read, and why.
    first_problem: Option<String>,
}

impl Attempt<'_> {
    fn run(&mut self) -> (Exit, Option<BackupReport>, String) {
        let (mut exit, report, mut words) = match self.before().and_then(|()| self.back_up()) {
            Ok(done) => {
                let removed = self.thin_out();
                let words = self.success(&done, removed);
                (backup::exit(&done), Some(done), words)
            }
            Err(why) => (Exit::ERROR, None, format!("NOT BACKED UP: {why}")),
        };
        self.after(exit, &words);
        if let Some(first) = self.warnings.first() {
            // That nothing was backed up says it all.
            if !exit.has(Exit::ERROR) {
                exit |= Exit::WARNING;
            }
            let others = match self.warnings.len() {
                1 => String::new(),
                n => format!(" (and {} more warnings, shown with -v4)", n - 1),
            };
            words += &format!("; warning: {first}{others}");
        }
        (exit, report, words)
    }

    fn before(&mut self) -> Result<(), String> {
        let Some(command) = &self.job.hooks.before else { return Ok(()) };
        self.hook(command, "before", &[])
    }

    fn after(&mut self, exit: Exit, words: &str) {
        let Some(command) = &self.job.hooks.after else { return };
        let outcome =
            [("RDIFF_BACKUP_EXIT", exit.code().to_string()), ("RDIFF_BACKUP_RESULT", words.to_owned())];
        if let Err(why) = self.hook(command, "after", &outcome) {
            self.warnings.push(why);
        }
    }

    fn hook(&self, command: &str, phase: &str, more: &[(&str, String)]) -> Result<(), String> {
        let mut variables = vec![
            ("RDIFF_BACKUP_JOB", self.name.to_string()),
            ("RDIFF_BACKUP_PHASE", phase.to_owned()),
            ("RDIFF_BACKUP_SOURCE", self.job.source.clone()),
            ("RDIFF_BACKUP_REPOSITORY", self.job.repository.to_string()),
        ];
        variables.extend(more.iter().cloned());
        let said = hooks::run(command, &variables, self.job.hooks.limit(), &SystemRunner);
        let said = said.map_err(|e| e.to_string())?;
        said.lines().for_each(|line| self.cx.ui.info(line));
        Ok(())
    }

    /// Backs up by the action of that name, and keeps what it says.
    fn back_up(&mut self) -> Result<BackupReport, String> {
        let generic = generic(self.job, self.cx.generic);
        let mut args = backup_of_job(self.job)?;
        let ui = Ui::collecting(&generic, self.cx.ui);
        let cx = Context::new(&generic, &ui, self.cx.now);
        let mounted = mount(self.job, &cx)?;
        aim(&mut args, self.job, mounted.as_ref());
        let done = backup::run(&args, &cx);
        cx.end();
        let said = ui.collected();
        self.keep(said.warnings);
        match mounted.map(Mounted::unmount) {
            Some(Ok(Unmounted::Lazily { why })) => {
                self.keep(vec![format!("the mount was taken down while it was in use: {why}")]);
            }
            Some(Err(e)) => self.keep(vec![rdiff_core::error::chain(&e)]),
            _ => {}
        }
        self.first_problem = said.first_problem;
        done.map_err(|_| hooks::one_line(&said.errors.join("; ")))
    }

    fn keep(&mut self, warnings: Vec<String>) {
        self.warnings.extend(warnings.iter().map(|text| hooks::one_line(text)));
    }

    /// Removes old sessions; trouble with that is no trouble with the backup.
    fn thin_out(&mut self) -> usize {
        let Some(older_than) = &self.job.older_than else { return 0 };
        let ui = Ui::collecting(self.cx.generic, self.cx.ui);
        let cx = Context::new(self.cx.generic, &ui, self.cx.now);
        let removed = remove::thin_out(self.job.repository.as_std_path().as_os_str(), older_than, &cx);
        let said = ui.collected();
        self.keep(said.errors);
        self.keep(said.warnings);
        removed.map_or(0, |sessions| sessions.len())
    }

    fn success(&self, done: &BackupReport, removed: usize) -> String {
        let s = &done.statistics;
        let mut words = format!(
            "{} files, {}; {} new, {} changed, {} deleted; {:.0} s",
            s.source_files,
            human_size(s.source_file_size),
            s.new_files,
            s.changed_files,
            s.deleted_files,
            s.elapsed_time.unwrap_or_default()
        );
        if done.problems > 0 {
            let first = self.first_problem.as_deref().map(hooks::one_line).unwrap_or_default();
            words += &format!("; {} COULD NOT BE READ and stay as they were: {first}", done.problems);
            if done.problems > 1 {
                let log = self.job.repository.join(DATA);
                words += &format!(", and others, see the newest error_log in {log}");
            }
        }
        if let Some(failed) = done.regressed {
            words += &format!("; the run of {} had not finished and was undone", at(failed.0));
        }
        if removed > 0 {
            let sessions = if removed == 1 { "session" } else { "sessions" };
            words += &format!("; {removed} old {sessions} removed");
        }
        words
    }
}

/// The options of every action, as a job has them.
pub(super) fn generic(job: &Job, given: &Generic) -> Generic {
    let mut generic = given.clone();
    generic.remote.timeout = generic.remote.timeout.or(job.remote_timeout);
    let identity = job.identity.as_ref().map(|key| key.as_std_path().to_path_buf());
    generic.remote.identity = generic.remote.identity.take().or(identity);
    generic.remote.schema.get_or_insert_with(|| schema(job).into());
    generic
}

/// How a job calls ssh: it never asks, for at night nobody answers.
fn schema(job: &Job) -> String {
    let known = job.known_hosts.as_ref().map(|file| format!("UserKnownHostsFile={file}"));
    let options =
        ["BatchMode=yes".to_owned()].into_iter().chain(known).chain(job.ssh_options.iter().cloned());
    let mut words = vec!["ssh".to_owned()];
    for option in options {
        // What stands for something in a schema is doubled to stand for itself.
        let option = option.replace('{', "{{").replace('}', "}}").replace('%', "%%");
        words.extend(["-o".to_owned(), shell_word(&option)]);
    }
    words.push("{h}".to_owned());
    words.join(" ")
}

/// Points a backup to where the source is now.
fn aim(args: &mut Backup, job: &Job, mounted: Option<&Mounted>) {
    args.source = match mounted {
        Some(mounted) => local(mounted.path().as_std_path()),
        None => source(job),
    };
    // Only for a first run: one whose repository is gone was refused.
    args.copy.create_full_path = true;
    args.via = match job.via() {
        Some(Via::Sshfs) => action::Via::Sshfs,
        _ => action::Via::Sftp,
    };
    args.repository = local(job.repository.as_std_path());
}

/// A local path as a location: its colons mean nothing.
pub(super) fn local(path: &Path) -> OsString {
    rdiff_mount::Location::Local(path.to_path_buf()).to_os_string()
}

/// The source as a location of the command line.
pub(super) fn source(job: &Job) -> OsString {
    match job.remote() {
        Some(remote) => remote.in_form(rdiff_mount::location::Form::DoubleColon).to_os_string(),
        None => job.source.clone().into(),
    }
}
