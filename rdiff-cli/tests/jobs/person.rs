//! An ordinary user made for a test, and what he types: without a terminal, in the environment that cron gives.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use camino::{Utf8Path, Utf8PathBuf};

use crate::lab::{Alone, Lab, run};

static NEXT: AtomicU32 = AtomicU32::new(0);

pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) home: Utf8PathBuf,
    program: Utf8PathBuf,
}

/// What a command said, and its exit code.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// Checks the exit code, and gives all that was said.
    #[track_caller]
    pub(crate) fn with(self, code: i32) -> String {
        let text = format!("{}{}", self.out, self.err);
        assert_eq!(self.code, code, "{text}");
        text
    }

    /// Checks that all is well, but perhaps for cron, which need not run where tests do.
    #[track_caller]
    pub(crate) fn with_or_without_cron(self) -> String {
        let lacks_cron = self.out.contains("cron itself does not run");
        self.with(if lacks_cron { 2 } else { 0 })
    }
}

impl Person {
    /// A user with an empty home, who knows nobody.
    pub(crate) fn new(lab: &Lab) -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("rdjob{}x{number}", std::process::id());
        let home = lab.path(&format!("home-{number}"));
        let alone = Alone::with_users();
        let added = run("useradd", &["--create-home", "--home-dir", home.as_str(), "-p", "*", &name]);
        drop(alone);
        assert!(added.is_success(), "useradd: {}", added.stderr_text());
        Self { name, home, program: program(lab) }
    }

    /// A user whose key the lab's host accepts, and who knows that host as `remotehost`.
    pub(crate) fn who_may_log_in(lab: &Lab) -> Self {
        let person = Self::new(lab);
        person.file(".ssh/id_ed25519", &fs::read_to_string(lab.path("user_key")).unwrap());
        person.file(".ssh/known_hosts", &fs::read_to_string(lab.path("known_hosts")).unwrap());
        person.knows_remotehost(lab);
        person
    }

    pub(crate) fn knows_remotehost(&self, lab: &Lab) {
        self.file(".ssh/config", &format!("Host remotehost\n HostName 127.0.0.1\n Port {}\n", lab.port()));
    }

    /// Writes a file of his, for him alone.
    pub(crate) fn file(&self, name: &str, text: &str) -> Utf8PathBuf {
        let path = self.home.join(name);
        self.sh(&format!("mkdir -p -m 700 '{}'", path.parent().unwrap())).with(0);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let owned = run("chown", &[&format!("{}:", self.name), path.as_str()]);
        assert!(owned.is_success());
        path
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.home.join(name)).unwrap()
    }

    /// What cron would run: no terminal, no agent, hardly an environment.
    fn as_cron_does(&self) -> Command {
        let mut command = Command::new("setsid");
        command.args(["--wait", "runuser", "-u", &self.name, "--", "env", "-i"]);
        command.args([&format!("HOME={}", self.home), "PATH=/usr/bin:/bin", "SHELL=/bin/sh"]);
        command.arg(format!("LOGNAME={}", self.name)).current_dir(&self.home).stdin(Stdio::null());
        command
    }

    fn say(mut command: Command) -> Said {
        let done = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Said { code: done.status.code().unwrap_or(-1), out: text(done.stdout), err: text(done.stderr) }
    }

    /// Types a line into a shell.
    pub(crate) fn sh(&self, line: &str) -> Said {
        let mut command = self.as_cron_does();
        command.args(["sh", "-c", line]);
        Self::say(command)
    }

    /// Calls rdiff-backup.
    pub(crate) fn types(&self, words: &[&str]) -> Said {
        let mut command = self.as_cron_does();
        command.arg(&self.program).args(words);
        Self::say(command)
    }

    /// Calls rdiff-backup with the words of a line.
    pub(crate) fn line(&self, line: &str) -> Said {
        self.types(&line.split(' ').collect::<Vec<_>>())
    }

    /// Starts rdiff-backup, and does not wait.
    pub(crate) fn starts(&self, line: &str) -> Child {
        let mut command = self.as_cron_does();
        command.arg(&self.program).args(line.split(' ')).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        run("crontab", &["-r", "-u", &self.name]);
        let _alone = Alone::with_users();
        run("userdel", &["-f", &self.name]);
    }
}

/// The program where ordinary users can run it.
pub(crate) fn program(lab: &Lab) -> Utf8PathBuf {
    let program = lab.path("rdiff-backup");
    if !program.exists() {
        let built = Utf8Path::new(env!("CARGO_BIN_EXE_rdiff-backup"));
        fs::hard_link(built, &program).or_else(|_| fs::copy(built, &program).map(drop)).unwrap();
    }
    program
}

/// Calls rdiff-backup as root.
pub(crate) fn root(lab: &Lab, words: &[&str]) -> Said {
    let mut command = Command::new(program(lab));
    command.args(words).stdin(Stdio::null()).current_dir(lab.path(""));
    Person::say(command)
}
