//! Both command lines, and that they ask for the same.

use super::*;

fn read(line: &str) -> Result<crate::action::Invocation, clap::Error> {
    super::parse(line.split_whitespace().map(OsString::from).collect())
}

/// The older command line on the left, the current one on the right.
const SAME: [(&str, &str); 45] = [
    ("S R", "backup S R"),
    ("-b S R", "backup S R"),
    ("--backup-mode S R", "backup S R"),
    ("-v5 S R", "-v5 backup S R"),
    ("-v 5 S R", "-v=5 backup S R"),
    ("--verb=5 S R", "--verbosity 5 backup S R"),
    ("S R --force", "--force backup S R"),
    ("S -v5 R", "-v5 backup S R"),
    ("--no-new backup R", "--new backup backup R"),
    ("--no-eas --eas S R", "backup S R"),
    ("--eas --no-eas S R", "backup --no-eas S R"),
    ("--no-fsync --ssh-no-comp S R", "--no-fsync --no-ssh-compression backup S R"),
    ("--override-chars-to-quote A-Z S R", "--chars-to-quote=A-Z backup S R"),
    ("--no-compression-regexp x S R", "backup --not-compressed-regexp x S R"),
    (
        "--exclude a --include-fifos --max-file-size 9 --exclude b S R",
        "backup --exclude a --include-fifos --max-file-size 9 --exclude b S R",
    ),
    (
        "--create-full --no-compression --print S R",
        "backup --create-full-path --no-compression --print-statistics S R",
    ),
    ("-r 10D R D", "restore --at 10D R D"),
    ("-r10D R D", "restore --at 10D R D"),
    ("-r -5 R D", "restore --at -5 R D"),
    ("--restore-as-of=now R D", "restore --at now R D"),
    ("--restore-as now --exclude x R D", "restore --at now --exclude x R D"),
    ("--restore I D", "restore --increment I D"),
    ("--check-destination-dir R", "regress R"),
    ("--check R --allow-duplicate-timestamps", "regress --allow-duplicate-timestamps R"),
    ("--compare S R", "compare S R"),
    ("--compare-hash S R", "compare --method hash S R"),
    ("--compare-full S R", "compare --method full --at now S R"),
    ("--compare-at-time 3B S R", "compare --method meta --at 3B S R"),
    ("--compare-hash-at-time 3B S R", "compare --method hash --at 3B S R"),
    ("--compare-full-at-time 3B S R", "compare --method full --at 3B S R"),
    ("-l R", "list increments R"),
    ("--list-increments R --parsable-output", "--parsable-output list increments R"),
    ("-lv5 R", "-v5 list increments R"),
    ("--list-increment-sizes R", "list increments --size R"),
    ("--list-at-time 1D R", "list files --at 1D R"),
    ("--list-changed-since 1D R", "list files --changed-since 1D R"),
    ("--remove-older-than 1Y --force R", "--force remove increments --older-than 1Y R"),
    ("--verify R", "verify R"),
    ("--verify-at-time 1D R", "verify --at 1D R"),
    ("--calculate-average A B", "calculate A B"),
    ("--test-server a::b c::d", "test a::b c::d"),
    ("-s", "server"),
    ("--server --restrict P", "server --restrict-path P --restrict-mode read-write"),
    ("--server --restrict-read-only P", "server --restrict-path P --restrict-mode read-only"),
    ("--server --restrict-update-only P", "server --restrict-path P --restrict-mode update-only"),
];

#[test]
fn both_command_lines_ask_for_the_same() {
    for (older, current) in SAME {
        let (older, current) = (read(older), read(current));
        let without = |mut i: crate::action::Invocation| {
            i.generic.of_other_actions.clear();
            i
        };
        let (older, current) = (older.map(without), current.map(without));
        assert_eq!(older.as_ref().ok(), current.as_ref().ok(), "{older:?} {current:?}");
        assert!(older.is_ok(), "{older:?}");
    }
}

#[test]
fn options_of_other_actions_are_known_as_such() {
    for (line, others) in [
        ("S R --exclude x --print-statistics", &[][..]),
        ("-l R --exclude x --no-eas -v5", &["--exclude", "--no-eas"][..]),
        ("-r now R D --print-statistics --exclude x", &["--print-statistics"][..]),
        ("--verify R --json --force", &[][..]),
    ] {
        let mut found = read(line).unwrap().generic.of_other_actions;
        found.sort();
        assert_eq!(found, others, "{line}");
    }
}

#[test]
fn what_is_no_command_line() {
    for line in [
        "",
        "S",
        "S R X",
        "-l",
        "-l R X",
        "-r",
        "-r 1D R",
        "-r -1D R D",
        "--compare --verify R",
        "-v10 S R",
        "-vx S R",
        "--n S R",
        "--force=1 S R",
        "--max-file-size 1k S R",
        "--restrict a --restrict-read-only b -s",
        "-s X",
        "--test-server",
        "--calculate-average",
        "--user-mapping-file /nonexistent/file S R",
        "-x S R",
        // Any word that is an action's name makes it the current command line.
        "S backup",
        "S list",
        "--new S R",
        "@/nonexistent/file",
        "backup",
        "backup S",
        "backup S R X",
        "list",
        "list R",
        "list files",
        "list files R X",
        "list files --at 1 --changed-since 2 R",
        "remove increments R",
        "remove R",
        "restore --at 1D --increment R D",
        "compare --method x S R",
        "calculate",
        "test",
        "info X",
        "backup --force S R",
        "--user-mapping-file F backup S R",
        "--api-version x info",
        "server X",
        "bogus --help",
    ] {
        assert_eq!(read(line).map_err(|e| e.exit_code()), Err(2), "{line:?}");
    }
}

#[test]
fn help_and_version_are_no_errors() {
    for line in ["-h", "--help", "-V", "--version", "backup --help", "list files -h", "--new -V", "-v5 -V"] {
        assert_eq!(read(line).map_err(|e| e.exit_code()), Err(0), "{line:?}");
    }
    assert_eq!(read("-V").map_err(|e| e.to_string()), Err("rdiff-backup 2.2.2\n".to_owned()));
}

#[test]
fn a_file_holds_one_argument_in_each_line() {
    let dir = tempfile::tempdir().unwrap();
    let (file, more) = (dir.path().join("args"), dir.path().join("more"));
    std::fs::write(&more, "--exclude\na b\r\n").unwrap();
    std::fs::write(&file, format!("-v5\nbackup\n@{}\nS\n", more.display())).unwrap();
    let words = vec![OsString::from(format!("@{}", file.display())), "R".into()];
    let wanted = ["-v5", "backup", "--exclude", "a b", "S", "R"].map(OsString::from).to_vec();
    assert_eq!(super::parse(words.clone()).ok(), super::parse(wanted).ok());
    std::fs::write(&more, format!("@{}\n", file.display())).unwrap();
    assert_eq!(super::parse(words).map_err(|e| e.exit_code()), Err(2));
}

proptest::proptest! {
    #[test]
    fn no_words_make_it_panic(words in proptest::collection::vec(word(), 0..6)) {
        drop(super::parse(words));
    }
}

fn word() -> impl proptest::strategy::Strategy<Value = OsString> {
    use proptest::prelude::*;
    use std::os::unix::ffi::OsStringExt;
    let known = proptest::sample::select(
        SAME.iter()
            .flat_map(|(a, b)| a.split(' ').chain(b.split(' ')))
            .map(OsString::from)
            .collect::<Vec<_>>(),
    );
    // Reading standard input would wait for somebody to type.
    let any = proptest::collection::vec(any::<u8>(), 0..6).prop_map(OsString::from_vec);
    prop_oneof![4 => known, 1 => any].prop_filter("no standard input", |w| w != "-")
}
