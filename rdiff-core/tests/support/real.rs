//! Runs the real rdiff-backup, the program whose format this is.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    /// Exit status; -1 when a signal ended it.
    pub status: i32,
    pub stdout: Vec<u8>,
    pub stderr: String,
    command: String,
}

impl Outcome {
    /// The standard output of a run that must succeed.
    #[track_caller]
    pub fn expect_success(self) -> Vec<u8> {
        assert!(self.status == 0, "{}: status {}\n{}", self.command, self.status, self.stderr);
        self.stdout
    }
}

/// The real program, in a fixed environment (UTC, C.UTF-8) unless told otherwise.
#[derive(Debug, Clone)]
pub struct Real {
    program: PathBuf,
    zone: String,
    options: Vec<OsString>,
}

impl Real {
    /// Finds the program: `$REAL_RDIFF_BACKUP`, or `rdiff-backup` along the search path.
    ///
    /// # Panics
    /// When there is none, or when it is not the Python program (so not, by accident, our own).
    pub fn find() -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::var_os("REAL_RDIFF_BACKUP")
            .map(PathBuf::from)
            .or_else(|| std::env::split_paths(&path).map(|d| d.join("rdiff-backup")).find(|p| p.is_file()));
        let Some(program) = found else {
            panic!(
                "rdiff-backup is not installed: these tests compare with it (Debian: apt install rdiff-backup)"
            );
        };
        let text = std::fs::read(&program).unwrap_or_default();
        let python =
            text.starts_with(b"#!") && text[..text.len().min(100)].windows(6).any(|w| w == b"python");
        assert!(python, "{} is not the Python program; set REAL_RDIFF_BACKUP", program.display());
        Self { program, zone: "UTC".into(), options: Vec::new() }
    }

    /// The same, in another time zone.
    pub fn in_zone(&self, zone: &str) -> Self {
        Self { zone: zone.into(), ..self.clone() }
    }

    /// The same, with options before the action, such as `--api-version 201`.
    pub fn with(&self, options: &[&str]) -> Self {
        let options = self.options.iter().cloned().chain(options.iter().map(OsString::from)).collect();
        Self { options, ..self.clone() }
    }

    /// Runs it with any arguments.
    pub fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Outcome {
        let mut command = Command::new(&self.program);
        command
            .args(&self.options)
            .args(arguments)
            .current_dir("/")
            .env("TZ", &self.zone)
            .env("LC_ALL", "C.UTF-8");
        let output =
            command.output().unwrap_or_else(|e| panic!("cannot run {}: {e}", self.program.display()));
        Outcome {
            status: output.status.code().unwrap_or(-1),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            command: format!("{command:?}"),
        }
    }

    /// Backs `source` up as the session of the second `at`; `options` belong to the action.
    pub fn backup(&self, source: &Path, repo: &Path, at: i64, options: &[&str]) -> Outcome {
        let at = at.to_string();
        let words =
            ["--current-time", &at, "backup"].into_iter().chain(options.iter().copied()).map(OsStr::new);
        self.run(words.chain([source.as_os_str(), repo.as_os_str()]))
    }

    /// Restores the whole tree as of the session at `at`.
    pub fn restore(&self, repo: &Path, at: i64, target: &Path) -> Outcome {
        let words = ["restore", "--at", &at.to_string()].map(OsString::from);
        self.run(words.iter().map(OsString::as_os_str).chain([repo.as_os_str(), target.as_os_str()]))
    }

    /// Checks the digests of a session.
    pub fn verify(&self, repo: &Path, at: i64) -> Outcome {
        let words = ["verify", "--at", &at.to_string()].map(OsString::from);
        self.run(words.iter().map(OsString::as_os_str).chain([repo.as_os_str()]))
    }

    /// Takes an interrupted session back.
    pub fn regress(&self, repo: &Path) -> Outcome {
        self.run([OsStr::new("regress"), repo.as_os_str()])
    }

    /// Compares the mirror with a directory. Status 0 means equal.
    pub fn compare(&self, source: &Path, repo: &Path) -> Outcome {
        self.run([OsStr::new("compare"), source.as_os_str(), repo.as_os_str()])
    }

    /// Paths at a session, as the program prints them (one a line, newlines and all).
    pub fn list_files(&self, repo: &Path, at: i64) -> Outcome {
        let words = ["list", "files", "--at", &at.to_string()].map(OsString::from);
        self.run(words.iter().map(OsString::as_os_str).chain([repo.as_os_str()]))
    }

    /// Removes the sessions before `at`.
    pub fn remove_older_than(&self, repo: &Path, at: i64) -> Outcome {
        let words = ["--force", "remove", "increments", "--older-than", &at.to_string()].map(OsString::from);
        self.run(words.iter().map(OsString::as_os_str).chain([repo.as_os_str()]))
    }
}
