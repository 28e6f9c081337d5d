//! Putting schedules in place, finding and removing them.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;

use camino::{Utf8Path, Utf8PathBuf};
use rdiff_mount::runner::{Command, CommandRunner, Exit, Output};

use super::error::{JobError, Result};
use super::file::Job;
use super::schedule::{Call, Service, When, shell_word};
use super::store::{Store, home, make_dir, write_whole};

/// Where schedules are, for this user.
pub struct Installer<'a> {
    /// Runs `crontab` and `systemctl`.
    pub runner: &'a dyn CommandRunner,
    /// Where files may be made.
    pub store: &'a Store,
}

impl Installer<'_> {
    /// The crontab of this user; empty if there is none. Nothing without the program.
    ///
    /// # Errors
    /// [`JobError::Schedule`] with what `crontab` said.
    pub fn crontab(&self) -> Result<Option<String>> {
        let command = Command::new("crontab").arg("-l");
        let Some(output) = self.run_if_there(&command)? else { return Ok(None) };
        if output.is_success() {
            // Debian's puts three lines of comment before its own; `crontab FILE` would keep them again and again.
            return Ok(Some(output.stdout_text()));
        }
        if output.stderr_text().contains("no crontab for") {
            return Ok(Some(String::new()));
        }
        Err(failed(&command, &output))
    }

    /// Puts a line into the crontab, or takes ours out. Tells if anything changed.
    ///
    /// # Errors
    /// [`JobError::Schedule`]; [`JobError::Io`].
    pub fn change_crontab(&self, call: &Call, line: Option<&str>) -> Result<bool> {
        let Some(before) = self.crontab()? else {
            return match line {
                None => Ok(false),
                Some(_) => Err(JobError::Schedule(
                    "there is no program 'crontab': install cron, or use --systemd".to_owned(),
                )),
            };
        };
        let after = call.put_into(&before, line);
        if after == before {
            return Ok(false);
        }
        make_dir(self.store.state())?;
        let file = self.store.state().join(format!("crontab.{}", std::process::id()));
        write_whole(&file, after.as_bytes())?;
        let command = Command::new("crontab").arg(file.as_str());
        let output = self.run(&command);
        fs::remove_file(&file).map_err(|e| JobError::io("remove", &file, e))?;
        let output = output?;
        if output.is_success() { Ok(true) } else { Err(failed(&command, &output)) }
    }

    /// Where the units of this user are.
    ///
    /// # Errors
    /// [`JobError::NoHome`].
    pub fn units(&self) -> Result<Utf8PathBuf> {
        if is_root() {
            return Ok("/etc/systemd/system".into());
        }
        match std::env::var("XDG_CONFIG_HOME").map(Utf8PathBuf::from) {
            Ok(dir) if dir.is_absolute() => Ok(dir.join("systemd/user")),
            _ => Ok(home()?.join(".config/systemd/user")),
        }
    }

    /// The files of service and timer.
    ///
    /// # Errors
    /// As [`Installer::units`].
    pub fn unit_files(&self, call: &Call) -> Result<[Utf8PathBuf; 2]> {
        Ok(files_in(&self.units()?, call))
    }

    /// Writes the units and starts the timer.
    ///
    /// # Errors
    /// [`JobError::Schedule`] where systemd does not run; [`JobError::Io`].
    pub fn install_units(&self, call: &Call, jobs: &[Job], when: When) -> Result<Vec<Utf8PathBuf>> {
        if !fs::exists("/run/systemd/system").unwrap_or(false) {
            return Err(JobError::Schedule(
                "systemd does not run here: leave --systemd out for a line of the crontab".to_owned(),
            ));
        }
        let [service, timer] = self.write_units(&self.units()?, call, jobs, when)?;
        self.systemctl(&["daemon-reload"])?;
        self.systemctl(&["enable", "--now", &format!("{}.timer", call.unit())])?;
        Ok(vec![service, timer])
    }

    /// Writes the units, and makes the directories that the service may write to: it may make none beside them.
    fn write_units(
        &self,
        units: &Utf8Path,
        call: &Call,
        jobs: &[Job],
        when: When,
    ) -> Result<[Utf8PathBuf; 2]> {
        let [service, timer] = files_in(units, call);
        for dir in jobs.iter().map(Job::repository_parent).chain([units, self.store.state()]) {
            make_dir(dir)?;
        }
        write_whole(&service, call.service(jobs, self.store, is_root()).as_bytes())?;
        write_whole(&timer, call.timer(when).as_bytes())?;
        for file in [&service, &timer] {
            // Everyone may read what systemd tells everyone anyway; it complains about files that are closed.
            let opened = fs::set_permissions(file, fs::Permissions::from_mode(0o644));
            opened.map_err(|e| JobError::io("write", file, e))?;
        }
        Ok([service, timer])
    }

    /// Stops the timer and removes the units. Tells which files went.
    ///
    /// # Errors
    /// [`JobError::Schedule`]; [`JobError::Io`].
    pub fn remove_units(&self, call: &Call) -> Result<Vec<Utf8PathBuf>> {
        let files: Vec<_> = self.unit_files(call)?.into_iter().filter(|file| file.exists()).collect();
        if files.is_empty() {
            return Ok(files);
        }
        self.systemctl(&["disable", "--now", &format!("{}.timer", call.unit())])?;
        for file in &files {
            match fs::remove_file(file) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(JobError::io("remove", file, e)),
                _ => {}
            }
        }
        self.systemctl(&["daemon-reload"])?;
        Ok(files)
    }

    /// What runs this job, if anything does.
    ///
    /// # Errors
    /// [`JobError::Schedule`] when the crontab cannot be read.
    pub fn installed(&self, call: &Call) -> Result<Option<Service>> {
        if self.unit_files(call)?.iter().all(|file| file.exists()) {
            return Ok(Some(Service::Systemd));
        }
        let crontab = self.crontab()?.unwrap_or_default();
        Ok(call.is_in(&crontab).then_some(Service::Cron))
    }

    fn systemctl(&self, words: &[&str]) -> Result<()> {
        let mut command = Command::new("systemctl");
        if !is_root() {
            command = command.arg("--user");
        }
        let command = command.args(words);
        let output = self.run(&command)?;
        if output.is_success() { Ok(()) } else { Err(failed(&command, &output)) }
    }

    fn run(&self, command: &Command) -> Result<Output> {
        let missing = || JobError::Schedule(format!("there is no program '{}'", command.program().display()));
        self.run_if_there(command)?.ok_or_else(missing)
    }

    fn run_if_there(&self, command: &Command) -> Result<Option<Output>> {
        match self.runner.run(command) {
            Ok(output) => Ok(Some(output)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(JobError::Schedule(format!("cannot run '{command}': {e}"))),
        }
    }
}

/// The files of service and timer in a directory.
fn files_in(units: &Utf8Path, call: &Call) -> [Utf8PathBuf; 2] {
    ["service", "timer"].map(|ending| units.join(format!("{}.{ending}", call.unit())))
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn failed(command: &Command, output: &Output) -> JobError {
    let said = output.stderr_text().replace('\n', "; ");
    let how = match output.exit {
        Exit::Code(_) if !said.is_empty() => said,
        exit => exit.to_string(),
    };
    let linger = if said_no_bus(&how) {
        format!(
            "; 'loginctl enable-linger {}' as root lets its services run without a login",
            shell_word(&user())
        )
    } else {
        String::new()
    };
    JobError::Schedule(format!("'{command}' failed: {how}{linger}"))
}

fn said_no_bus(text: &str) -> bool {
    text.contains("Failed to connect to bus") || text.contains("No medium found")
}

fn user() -> String {
    super::store::name_of(rustix::process::geteuid().as_raw())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::name::JobName;
    use rdiff_mount::scripted::ScriptedRunner;

    fn with(runner: &ScriptedRunner, test: impl FnOnce(&Installer<'_>, &Call)) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::find(Utf8Path::from_path(dir.path())).unwrap();
        let call = Call::new(Utf8Path::new("/bin/rb"), Some(&JobName::parse("web").unwrap()), &store);
        test(&Installer { runner, store: &store }, &call);
        assert_eq!(fs::read_dir(store.state()).map_or(0, Iterator::count), 0, "a temporary file was left");
        runner.assert_done();
    }

    #[test]
    fn nothing_is_written_that_is_there_already() {
        let runner = ScriptedRunner::new()
            .expect("crontab -l", Output::success("0 2 * * * x # rdiff-backup job web\n"));
        with(&runner, |installer, call| {
            let line = "0 2 * * * x # rdiff-backup job web";
            assert!(!installer.change_crontab(call, Some(line)).unwrap());
        });
    }

    #[test]
    fn what_the_service_may_write_to_is_there_before_it_runs() {
        with(&ScriptedRunner::new(), |installer, call| {
            let dir = installer.store.config().to_owned();
            let job = Job::from_toml(&format!("source = '/srv'\nrepository = '{dir}/disk/backups/web'\n"));
            let (when, units) = (When::daily("02:00").unwrap(), dir.join("units"));
            let [service, timer] = installer.write_units(&units, call, &[job.unwrap()], when).unwrap();
            assert!(dir.join("disk/backups").is_dir() && installer.store.state().is_dir());
            for file in [service, timer] {
                assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o644);
            }
        });
    }

    #[test]
    fn an_empty_crontab_and_a_missing_program_are_told_apart() {
        let empty = || Output::failure(1, "no crontab for me\n");
        let runner = ScriptedRunner::new()
            .expect("crontab -l", empty())
            .expect_error("crontab -l", io::ErrorKind::NotFound)
            .expect(
                "crontab -l",
                Output::failure(1, "You (me) are not allowed to use this program (crontab)\n"),
            );
        with(&runner, |installer, _| {
            assert_eq!(installer.crontab().unwrap().as_deref(), Some(""));
            assert_eq!(installer.crontab().unwrap(), None);
            let error = installer.crontab().unwrap_err().to_string();
            assert!(error.contains("not allowed"), "{error}");
        });
    }
}
