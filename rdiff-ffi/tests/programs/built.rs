//! Programs in C, built and run in several ways.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub(crate) const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// Where cargo put the libraries that belong to this test.
pub(crate) fn libraries() -> PathBuf {
    let dir = std::env::current_exe().unwrap().parent().unwrap().to_owned();
    assert!(dir.join("librdiff.so").exists() && dir.join("librdiff.a").exists(), "{}", dir.display());
    dir
}

pub(crate) fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        panic!("{command:?}: {}\n{}{text}", output.status, String::from_utf8_lossy(&output.stdout));
    }
    output
}

/// How programs are built and run.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Way {
    C,
    CppStatic,
    Valgrind,
    AddressSanitizer,
}

/// The built programs, and how to start one.
pub(crate) struct Programs {
    dir: PathBuf,
    way: Way,
}

impl Programs {
    pub(crate) fn build(dir: &Path, way: Way, sources: &[&str]) -> Self {
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

    pub(crate) fn command(&self, name: &str) -> Command {
        let program = self.dir.join(name);
        if self.way != Way::Valgrind {
            return Command::new(program);
        }
        let mut command = Command::new("valgrind");
        command.args(["--quiet", "--error-exitcode=99", "--leak-check=full", "--read-inline-info=no"]);
        // Its threads take turns, or the one that a callback is called on may have none for seconds.
        command.arg("--fair-sched=yes");
        // Tables and tagged pointers lead into the midst of what they own, which it only calls possible.
        command.args(["--show-leak-kinds=definite", "--errors-for-leak-kinds=definite"]);
        command.arg(program);
        command
    }

    pub(crate) fn output(&self, name: &str, args: &[&Path]) -> String {
        String::from_utf8(run(self.command(name).args(args)).stdout).unwrap()
    }
}
