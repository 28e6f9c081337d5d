//! The programs of `examples/`, and one that does everything wrong: built as C and as C++, linked with the shared and the
//! static library, run as they are, under valgrind and with AddressSanitizer. And Python, by ctypes.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// Where cargo put the libraries that belong to this test.
fn libraries() -> PathBuf {
    let dir = std::env::current_exe().unwrap().parent().unwrap().to_owned();
    assert!(dir.join("librdiff.so").exists() && dir.join("librdiff.a").exists(), "{}", dir.display());
    dir
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        panic!("{command:?}: {}\n{}{text}", output.status, String::from_utf8_lossy(&output.stdout));
    }
    output
}

/// How programs are built and run.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    C,
    CppStatic,
    Valgrind,
    AddressSanitizer,
}

/// The built programs, and how to start one.
struct Programs {
    dir: PathBuf,
    way: Way,
}

impl Programs {
    fn build(dir: &Path, way: Way, sources: &[&str]) -> Self {
        let children: Vec<_> = sources
            .iter()
            .map(|source| {
                let mut build = Self::compiler(way);
                build.arg("-g").args(["-Wall", "-Wextra", "-Werror", "-pedantic"]);
                build.arg("-I").arg(Path::new(HERE).join("include"));
                build.arg(Path::new(HERE).join(source));
                build.arg("-o").arg(dir.join(Path::new(source).file_stem().unwrap()));
                let libraries = libraries();
                if way == Way::CppStatic {
                    build.args(["-x", "none"]).arg(libraries.join("librdiff.a"));
                    build.args(["-lpthread", "-ldl", "-lm"]);
                } else {
                    build.arg("-L").arg(&libraries).arg("-lrdiff").arg("-lpthread");
                    build.arg(format!("-Wl,-rpath,{}", libraries.display()));
                }
                let shown = format!("{build:?}");
                (build.spawn().unwrap(), shown)
            })
            .collect();
        for (mut child, shown) in children {
            assert!(child.wait().unwrap().success(), "{shown}");
        }
        Self { dir: dir.to_owned(), way }
    }

    fn compiler(way: Way) -> Command {
        let mut command = Command::new(if way == Way::CppStatic { "g++" } else { "cc" });
        match way {
            Way::CppStatic => command.args(["-x", "c++", "-std=c++11"]),
            Way::AddressSanitizer => {
                command.args(["-std=c99", "-fsanitize=address,undefined", "-fno-sanitize-recover"])
            }
            Way::C | Way::Valgrind => command.arg("-std=c99"),
        };
        command
    }

    fn command(&self, name: &str) -> Command {
        let program = self.dir.join(name);
        if self.way != Way::Valgrind {
            return Command::new(program);
        }
        let mut command = Command::new("valgrind");
        command.args(["--quiet", "--error-exitcode=99", "--leak-check=full", "--read-inline-info=no"]);
        // Tables and tagged pointers lead into the midst of what they own, which it only calls possible.
        command.args(["--show-leak-kinds=definite", "--errors-for-leak-kinds=definite"]);
        command.arg(program);
        command
    }

    fn output(&self, name: &str, args: &[&Path]) -> String {
        String::from_utf8(run(self.command(name).args(args)).stdout).unwrap()
    }
}

const EXAMPLES: [&str; 5] = [
    "examples/backup_restore.c",
    "examples/browse.c",
    "examples/cat_version.c",
    "examples/progress.c",
    "examples/remote.c",
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

#[test]
fn the_examples_in_c() {
    a_day_with_the_examples(Way::C);
}

#[test]
fn the_examples_as_cpp_with_the_static_library() {
    a_day_with_the_examples(Way::CppStatic);
}

#[test]
fn the_examples_under_valgrind() {
    a_day_with_the_examples(Way::Valgrind);
}

#[test]
fn the_examples_with_address_sanitizer() {
    a_day_with_the_examples(Way::AddressSanitizer);
}

fn what_is_wrong_is_noticed(way: Way) {
    let dir = tempfile::tempdir().unwrap();
    let programs = Programs::build(dir.path(), way, &["tests/misuse.c"]);
    let source = dir.path().join("source");
    fs::create_dir(&source).unwrap();
    fs::write(source.join("f"), "content").unwrap();
    let said = programs.output("misuse", &[&source, &dir.path().join("repo"), &dir.path().join("nowhere")]);
    assert_eq!(said, "all was noticed\n");
}

#[test]
fn misuse_under_valgrind() {
    what_is_wrong_is_noticed(Way::Valgrind);
}

#[test]
fn misuse_with_address_sanitizer() {
    what_is_wrong_is_noticed(Way::AddressSanitizer);
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
