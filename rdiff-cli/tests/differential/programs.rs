//! The two programs, and one run of either.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Ours, as built for the tests.
pub(crate) fn ours() -> PathBuf {
    env!("CARGO_BIN_EXE_rdiff-backup").into()
}

/// The real program: `$REAL_RDIFF_BACKUP`, or `rdiff-backup` along the search path.
///
/// # Panics
/// When there is none, or when it is not the Python program (so not, by accident, our own).
pub(crate) fn real() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::var_os("REAL_RDIFF_BACKUP")
        .map(PathBuf::from)
        .or_else(|| std::env::split_paths(&path).map(|d| d.join("rdiff-backup")).find(|p| p.is_file()));
    let program = found.expect("rdiff-backup must be installed: these tests compare with it");
    let text = std::fs::read(&program).unwrap_or_else(|e| panic!("{}: {e}", program.display()));
    let is_python = text.starts_with(b"#!") && text[..text.len().min(100)].windows(6).any(|w| w == b"python");
    assert!(is_python, "{} is not the Python program; set REAL_RDIFF_BACKUP", program.display());
    program
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// -1 when a signal ended it.
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

/// Runs a program in a directory, with nothing of our environment but what makes it find itself.
pub(crate) fn run(program: &Path, dir: &Path, words: &[OsString], stdin: &str) -> Outcome {
    let mut child = Command::new(program)
        .args(words)
        .current_dir(dir)
        .env_clear()
        .envs([("TZ", "UTC"), ("LC_ALL", "C.UTF-8"), ("COLUMNS", "80"), ("HOME", "/nonexistent")])
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that does not read it closes it.
    drop(child.stdin.take().unwrap().write_all(stdin.as_bytes()));
    let output = child.wait_with_output().unwrap();
    Outcome {
        code: output.status.code().unwrap_or(-1),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Splits a line at spaces. Within `'…'` they stay.
pub(crate) fn words(line: &str) -> Vec<OsString> {
    let mut words = Vec::new();
    let (mut word, mut is_word, mut quoted) = (String::new(), false, false);
    for c in line.chars() {
        match c {
            '\'' => (quoted, is_word) = (!quoted, true),
            ' ' if !quoted => {
                if std::mem::take(&mut is_word) {
                    words.push(std::mem::take(&mut word).into());
                }
            }
            c => {
                word.push(c);
                is_word = true;
            }
        }
    }
    if is_word {
        words.push(word.into());
    }
    words
}
