//! What people type: slips get a tip, and nothing at all makes the program panic.
//!
//! `TYPED_CASES` asks for more random command lines, `TYPED_SEED` for other ones.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn types(dir: &Path, words: &[OsString]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rdiff-backup"))
        .args(words)
        .current_dir(dir)
        .env("TZ", "UTC")
        .env("HOME", dir)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// A source `s`, its repository `r`, a directory `full` that is none, a file, and names that look like options.
fn home() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in ["s/d", "full", "-dash", "empty"] {
        fs::create_dir_all(dir.path().join(name)).unwrap();
    }
    for name in ["s/a", "s/d/b", "full/mine", "-dash/x", "file"] {
        fs::write(dir.path().join(name), name).unwrap();
    }
    fs::write(dir.path().join("s").join(OsStr::from_bytes(b"\xff")), "odd").unwrap();
    fs::write(dir.path().join("args"), "list\nfiles\nr\n").unwrap();
    for time in ["1700000000", "1700086400"] {
        fs::write(dir.path().join("s/a"), time).unwrap();
        let words = ["--current-time", time, "backup", "s", "r"].map(OsString::from);
        assert!(types(dir.path(), &words).status.success());
    }
    dir
}

/// What is typed, how that ends, and what the user reads.
const SLIPS: [(&str, i32, &str); 58] = [
    ("bakcup s r", 2, "did you mean 'rdiff-backup backup'?"),
    ("remove increment --older-than 1Y r", 2, "did you mean 'rdiff-backup remove increments'?"),
    ("list file r", 2, "did you mean 'rdiff-backup list files'?"),
    ("job rnu web", 2, "did you mean 'rdiff-backup job run'?"),
    ("job r", 1, "did you mean 'rdiff-backup job'?"),
    ("jobs run web", 2, "did you mean 'rdiff-backup job'?"),
    ("setpu root@web:/srv", 1, "did you mean 'rdiff-backup setup'?"),
    ("backp s", 1, "did you mean 'rdiff-backup backup'?"),
    ("verfy r", 1, "did you mean 'rdiff-backup verify'?"),
    ("increments r", 1, "did you mean 'rdiff-backup list increments'?"),
    ("list-files r", 1, "did you mean 'rdiff-backup list files'?"),
    ("--force", 2, "'rdiff-backup --help' lists the actions"),
    ("restore --at 100B r new", 0, "no session is as old as 100B; the oldest is taken"),
    ("history r/never", 1, "`rdiff-backup list files --at TIME` lists the paths of a time"),
    ("restore --at -1D r new", 2, "a time in the past is written without '-'"),
    ("--new home r", 2, "'rdiff-backup --help' lists the actions"),
    ("r/rdiff-backup-data/backup.log new", 1, "comes back with 'rdiff-backup restore r/"),
    ("help", 2, "did you mean 'rdiff-backup --help'?"),
    ("help backup", 2, "did you mean 'rdiff-backup --help'?"),
    ("version", 2, "did you mean 'rdiff-backup --version'?"),
    ("list r", 2, "rdiff-backup list files, rdiff-backup list increments"),
    ("list file r", 2, "did you mean 'rdiff-backup list files'?"),
    ("remove r", 2, "rdiff-backup remove increments"),
    ("remove --older-than 1Y r", 2, "rdiff-backup remove increments --older-than"),
    ("backup -v5 s r", 2, "'-v' stands before the action"),
    ("backup --force s r", 2, "'--force' stands before the action"),
    ("--at now list files r", 2, "'--at' stands behind the action: rdiff-backup list files --at"),
    ("list increments --at now r", 2, "'--at' is an option of: compare"),
    ("restore -r now r out", 2, "here it is '--at'"),
    ("list files --list-changed-since 1D r", 2, "here it is '--changed-since'"),
    ("verify --compare-hash r", 2, "of the older command line"),
    ("--changed-since 1D r", 2, "'--changed-since' is an option of: list files"),
    ("backup --excldue x s r", 2, "a similar argument exists: '--exclude'"),
    ("--list-increment r", 2, "a similar argument exists: '--list-increments'"),
    ("-dash r2", 2, "written './-dash'"),
    ("restore s out", 1, "one is a directory with rdiff-backup-data in it"),
    ("restore nothing out", 1, "there is nothing of that name here"),
    ("restore out r", 1, "the repository comes first, then the target"),
    ("compare r s", 1, "the directory comes first, then the repository"),
    ("r full", 1, "the source comes first, then the repository"),
    ("s full", 1, "does not look like a rdiff-backup repository"),
    ("s r/d", 1, "does not look like a rdiff-backup repository"),
    ("file r", 1, "give the one that it is in"),
    ("regress file", 1, "give the one that it is in"),
    ("regress r/d", 1, "give the repository itself, r"),
    ("s no/such/r", 1, "call with --create-full-path"),
    ("s host:/backup/r", 1, "on another host it is written 'host::/backup/r'"),
    ("host:/srv r", 1, "on another host it is written 'host::/srv'"),
    ("restore r s", 1, "exists and isn't empty, call with '--force' to overwrite"),
    ("restore --at yesterday r out", 1, "write `now`, seconds since 1970"),
    ("restore --increment r out", 1, "--increment wants an increment file"),
    ("restore --exclude r/d r/d out", 1, "restore that part alone"),
    ("status --max-age 2 r", 1, "--max-age 2 is no age; give one such as 26h or 2D"),
    ("test s", 1, "write it HOST::PATH"),
    ("server", 1, "there is no server here"),
    ("calculate file", 1, "give files session_statistics.* of rdiff-backup-data"),
    ("--tempdir no list files r", 1, "make it, or leave --tempdir out"),
    ("-v12 s r", 2, "12 is not from 0 to 9"),
];

#[test]
fn slips_get_a_tip() {
    let home = home();
    for (line, code, part) in SLIPS {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let done = types(home.path(), &words);
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(code), "{line}: {said}");
        assert!(said.contains(part), "{line}: {said}");
        // Errors of actions are lines with a prefix; those of the command line have their usage below.
        let is_prefixed =
            |l: &str| ["ERROR: ", "WARNING: ", "Fatal Error: "].iter().any(|p| l.starts_with(p));
        assert!(code == 2 || said.lines().all(is_prefixed), "{line}: {said}");
    }
    assert!(!home.path().join("out").exists());
    assert_eq!(fs::read(home.path().join("full/mine")).unwrap(), b"full/mine");
}

/// The words of random command lines. What would reach out of the directory is only for reading them.
const WORDS: &str = "backup calculate compare complete info list files increments regress remove restore verify status \
    history diff r s r/a r/d r/none none full file out empty -- - . .. / now 1B 3D 1700000000 x 0 -1 12 0x1 -dash ./-dash \
    --at --at=1B --to --all --patch --size --no-size --older-than --changed-since --method full hash meta --increment \
    --force --json --dry-run --progress --no-progress --parsable-output --null-separator --fsync --no-fsync -v -v5 -v0 \
    -h --help -V --version --new --no-new --api-version 200 201 300 --current-time --chars-to-quote A-Z \
    --exclude ** s/d --include **/a --exclude-regexp ( --exclude-filelist --max-file-size --min-file-size \
    --exclude-if-present --exclude-special-files --create-full-path --print-statistics --no-eas --no-hard-links \
    --user-mapping-file --not-compressed-regexp --max-age --cword --unique -b -l -r -s --compare --compare-at-time \
    --list-at-time --remove-older-than --check-destination-dir --restore-as-of --calculate-average --explain --marker \
    @args @none --exc --ver=2 --f= = ' ' * ? \\ ;";
const FAR: &str = "job add run schedule setup doctor server test host::/x ssh://h/y user@h::z \
    ::x h:: --remote-schema {h} ssh --identity --via sftp sshfs --jobs-dir --daily 02:00 --weekly sun --install --repo";

fn word(list: &'static [&'static str]) -> impl Strategy<Value = OsString> {
    let known = proptest::sample::select(list).prop_map(OsString::from);
    // Never absolute, or above: what is written stays in the directory.
    let any = proptest::collection::vec(
        any::<u8>().prop_filter("a byte of a name", |b| *b != 0 && *b != b'/'),
        0..6,
    );
    prop_oneof![12 => known, 1 => Just(OsString::new()), 1 => any.prop_map(OsString::from_vec)]
}

fn lines(list: &'static [&'static str]) -> impl Strategy<Value = Vec<OsString>> {
    proptest::collection::vec(word(list), 0..8)
}

fn setting(name: &str, usual: u32) -> u32 {
    std::env::var(name).map_or(usual, |value| value.parse().expect("a number"))
}

/// The same command lines at each run.
fn runner(cases: u32) -> TestRunner {
    let seed = [setting("TYPED_SEED", 1) as u8; 32];
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
}

fn list(texts: &[&'static str]) -> &'static [&'static str] {
    let all: Vec<_> = texts.iter().flat_map(|text| text.split_whitespace()).collect();
    Box::leak(all.into_boxed_slice())
}

#[test]
fn any_command_line_is_read_or_refused() {
    let cases = setting("TYPED_CASES", 400);
    let read = |words| {
        // That it returns at all is what is asked; a refusal can be shown.
        if let Err(e) = rdiff_cli::args::parse(words) {
            prop_assert!(!e.to_string().is_empty());
        }
        Ok(())
    };
    runner(cases).run(&lines(list(&[WORDS, FAR])), read).unwrap();
}

#[test]
fn any_command_line_ends_in_a_known_way() {
    let home = home();
    let ends = |words: Vec<OsString>| {
        // A backup of all that is above, say, is nobody's wish here.
        prop_assume!(!words.iter().any(|word| word == ".." || word == "/"));
        let done = types(home.path(), &words);
        let said = String::from_utf8_lossy(&done.stderr);
        let code = done.status.code();
        prop_assert!(code.is_some_and(|code| code < 32), "{words:?}: {code:?}: {said}");
        prop_assert!(!said.contains("panicked"), "{words:?}: {said}");
        // What -v0 asks for.
        let is_silent = words.iter().any(|word| word.as_bytes().starts_with(b"-v") || word == "0");
        prop_assert!(
            is_silent || code != Some(1) || !said.is_empty() || !done.stdout.is_empty(),
            "{words:?} fails silently"
        );
        Ok(())
    };
    runner(setting("TYPED_CASES", 120)).run(&lines(list(&[WORDS])), ends).unwrap();
}
