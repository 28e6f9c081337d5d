//! The programs of `examples/`, and those of `tests/` that do everything wrong: built as C and as C++, linked with the shared
//! and the static library, run as they are, under valgrind and with AddressSanitizer. And Python, by ctypes.
#![allow(clippy::unwrap_used)]

mod built;
#[path = "../../../rdiff-mount/tests/lab/mod.rs"]
mod lab;
mod login;

use built::{HERE, Programs, Way, libraries, run};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

const EXAMPLES: [&str; 6] = [
    "examples/backup_restore.c",
    "examples/browse.c",
    "examples/cat_version.c",
    "examples/progress.c",
    "examples/remote.c",
    "examples/report.c",
];

/// Answers by SFTP as a host would, with no host between.
fn sftp_server() -> &'static str {
    const PLACES: [&str; 3] =
        ["/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/lib/ssh/sftp-server"];
    PLACES.into_iter().find(|place| Path::new(place).exists()).expect("OpenSSH's sftp-server")
}

/// Backs up, browses, reads an old version, stops a backup and undoes it.
fn a_day_with_the_examples(way: Way) {
    let dir = tempfile::tempdir().unwrap();
    let programs = Programs::build(dir.path(), way, &EXAMPLES);
    let place = |name: &str| dir.path().join(name);
    let (source, repo, target) = (place("source"), place("repo"), place("target"));
    fs::create_dir_all(source.join("sub/empty")).unwrap();
    let old: String = (0..2000).map(|i| format!("line {i}\n")).collect();
    fs::write(source.join("sub/text"), &old).unwrap();
    fs::write(source.join("sub/left.tmp"), "x").unwrap();
    symlink("sub/text", source.join("link")).unwrap();

    let said = programs.output("backup_restore", &[&source, &repo, &target]);
    let expected =
        format!("backed up 5 paths, {} bytes; 0 problems\nrestored 5 paths; 0 problems\n", old.len());
    assert_eq!(said, expected);
    assert_eq!(fs::read_to_string(target.join("sub/text")).unwrap(), old);
    assert!(target.join("sub/empty").is_dir() && !target.join("sub/left.tmp").exists());

    let listed = programs.output("browse", &[&repo]);
    let blocks: Vec<&str> = listed.split("\n\n").collect();
    assert!(blocks[0].starts_with(".:\nl") && blocks[0].contains(" link -> sub/text\nd"), "{listed}");
    assert!(
        blocks[1].starts_with("./sub:\nd") && blocks[1].contains(&format!(" {} ", old.len())),
        "{listed}"
    );
    assert_eq!(blocks[2], "./sub/empty:\n");
    let part = programs.output("browse", &[&repo, Path::new("now"), Path::new("sub/")]);
    assert!(part.starts_with(".:\nd") && part.contains("./sub:\n") && !part.contains("link"), "{part}");

    // The second session needs a second of its own.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    fs::write(source.join("sub/text"), old.replace("line 7\n", "changed\n")).unwrap();
    fs::write(source.join("new"), "").unwrap();
    let said = programs.output("progress", &[&source, &repo]);
    assert!(said.starts_with("session ") && said.contains(" of 7 paths were new or changed\n"), "{said}");
    let was = programs.output("cat_version", &[&repo, Path::new("1B"), Path::new("sub/text")]);
    assert_eq!(was, old);
    let versions = programs.output("cat_version", &[&repo, Path::new("list"), Path::new("sub/text")]);
    assert_eq!(versions.lines().count(), 2, "{versions}");

    let report = programs.output("report", &[&repo, Path::new("sub/text")]);
    let lines: Vec<&str> = report.lines().collect();
    assert_eq!(lines[0], "clean, 2 sessions, in use by nobody");
    assert!(lines[1].starts_with("session ") && lines[2].ends_with(" with all newer ones"), "{report}");
    // New are what was left out before, and `new`.
    assert!(
        lines[3].starts_with("the last one: 7 paths, 2 new, ") && lines[3].ends_with(" 0 deleted"),
        "{report}"
    );
    assert!(lines[4].ends_with(" % of all bytes are in sub/text"), "{report}");
    assert!(lines[5].contains(" sub/text was a file (text.") && lines[5].ends_with(".diff.gz)"), "{report}");
    assert!(lines[6].ends_with(" sub/text was a file (the mirror)") && lines.len() == 7, "{report}");

    // From another host (the root counts as changed in a first backup): the shell drops what ssh would be told, and becomes the server.
    let location = format!("ann@host::{}", source.display());
    let words = format!("exec {}", sftp_server());
    let mut remote = programs.command("remote");
    remote.arg(location).arg(place("pulled")).args(["sh", "-c", &words]);
    let said = String::from_utf8(run(&mut remote).stdout).unwrap();
    let bytes = fs::metadata(source.join("sub/text")).unwrap().len() + 1;
    assert_eq!(
        said,
        format!(
            "would back up 6 new and 1 changed paths, {bytes} bytes\nbacked up 7 paths; 0 problems\n7 paths \
             compared, 0 differ\n"
        )
    );
    assert_eq!(
        fs::read(place("pulled").join("sub/text")).unwrap(),
        fs::read(source.join("sub/text")).unwrap()
    );

    std::thread::sleep(std::time::Duration::from_millis(1100));
    // More than one batch, so that there is a place to stop at.
    for i in 0..300 {
        fs::write(source.join(format!("more-{i}")), "").unwrap();
    }
    let said = programs.output("progress", &[&source, &repo, Path::new("3")]);
    assert!(said.contains("stopped; back at session "), "{said}");
    assert!(!repo.join("more-0").exists() && repo.join("new").exists());
    let missing =
        programs.command("cat_version").args([&repo, Path::new("now"), Path::new("no")]).output().unwrap();
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("open file: no was not there at "));
}

/// A program of `tests/` that checks itself, over a source with one file.
fn checks_itself(way: Way, name: &str, well: &str) {
    let dir = tempfile::tempdir().unwrap();
    let programs = Programs::build(dir.path(), way, &[&format!("tests/{name}.c")]);
    let source = dir.path().join("source");
    fs::create_dir(&source).unwrap();
    fs::write(source.join("f"), "content").unwrap();
    let said = programs.output(name, &[&source, &dir.path().join("repo"), &dir.path().join("nowhere")]);
    assert_eq!(said, format!("{well}\n"));
}

fn what_is_wrong_is_noticed(way: Way) {
    checks_itself(way, "misuse", "all was noticed");
}

fn nothing_in_the_wrong_place_does_harm(way: Way) {
    checks_itself(way, "hostile", "all was withstood");
}

/// All jobs end in the midst of a file that is so large that it takes them longer than a few ticks. How large that is, depends on
/// the machine and what else it does.
fn stops_within_a_file(way: Way) {
    let dir = tempfile::tempdir().unwrap();
    let programs = Programs::build(dir.path(), way, &["tests/stop.c"]);
    // In mebibytes. With valgrind, and where the library is not optimised, less will do.
    let (mut first, mut later): (u64, u64) = match way {
        Way::Valgrind => (100, 32),
        _ if cfg!(debug_assertions) => (1100, 300),
        _ => (2200, 1100),
    };
    for attempt in 1..=4 {
        let place = |name: &str| dir.path().join(attempt.to_string()).join(name);
        fs::create_dir_all(place("source")).unwrap();
        let [large, larger] = [later, first].map(|size| (size << 20).to_string());
        let args = [place("source"), place("repo"), place("target"), larger.into(), large.into()];
        match programs.output("stop", &args.each_ref().map(|arg| arg.as_path())).as_str() {
            "the file is too short\n" => (first, later) = (2 * first, 2 * later),
            said => return assert_eq!(said, "each stopped within the file\n"),
        }
    }
    panic!("no job was asked within a file of {later} MiB");
}

macro_rules! tests {
    ($($name:ident: $what:path, $way:ident;)*) => {$(
        #[test]
        fn $name() {
            $what(Way::$way);
        }
    )*};
}

tests! {
    the_examples_in_c: a_day_with_the_examples, C;
    the_examples_as_cpp_with_the_static_library: a_day_with_the_examples, CppStatic;
    the_examples_under_valgrind: a_day_with_the_examples, Valgrind;
    the_examples_with_address_sanitizer: a_day_with_the_examples, AddressSanitizer;
    misuse_under_valgrind: what_is_wrong_is_noticed, Valgrind;
    misuse_with_address_sanitizer: what_is_wrong_is_noticed, AddressSanitizer;
    hostility_under_valgrind: nothing_in_the_wrong_place_does_harm, Valgrind;
    hostility_with_address_sanitizer: nothing_in_the_wrong_place_does_harm, AddressSanitizer;
    jobs_stop_within_a_file_in_c: stops_within_a_file, C;
    jobs_stop_within_a_file_under_valgrind: stops_within_a_file, Valgrind;
    a_real_login_in_c: login::a_real_login, C;
    a_real_login_with_address_sanitizer: login::a_real_login, AddressSanitizer;
}

#[test]
fn python_by_ctypes() {
    let dir = tempfile::tempdir().unwrap();
    let mut python = Command::new("python3");
    python
        .arg(Path::new(HERE).join("tests/ctypes_test.py"))
        .arg(libraries().join("librdiff.so"))
        .arg(dir.path());
    let said = String::from_utf8(run(&mut python).stdout).unwrap();
    assert_eq!(said, format!("well {}\n", env!("CARGO_PKG_VERSION")));
}
