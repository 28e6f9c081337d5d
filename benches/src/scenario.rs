//! The stories that are measured. In each, all tools do the same work in turn, each on a file system of its own,
//! in an order that rotates from round to round.

use crate::Options;
use crate::corpus;
use crate::measure::{Results, Run, Taken, count_calls, measure};
use crate::place::{Fresh, OnlyCores, done, size_of};
use crate::tools::{Desk, Tool};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

type Story = fn(&Bench<'_>) -> io::Result<()>;

/// All of them, by name.
pub(crate) const ALL: [(&str, Story); 11] = [
    ("tiny", tiny),
    ("tree", tree),
    ("versions", versions),
    ("overwrite", overwrite),
    ("insert", insert),
    ("database", database),
    ("fifty", fifty),
    ("special", special),
    ("cores", cores),
    ("calls", calls),
    ("million", million),
];

/// What all stories share.
pub(crate) struct Bench<'o> {
    pub(crate) options: &'o Options,
    pub(crate) results: Results,
}

/// Waits until a session can have a later second than the last one.
fn next_second() {
    std::thread::sleep(Duration::from_millis(1050));
}

impl Bench<'_> {
    fn fresh(&self, name: &str, inodes: u64) -> io::Result<Fresh> {
        Fresh::new(&self.options.work, name, 24, inodes)
    }

    fn desk(&self, tool: Tool, fresh: &Fresh) -> io::Result<Desk> {
        let me = std::env::current_exe()?;
        Ok(Desk { tool, dir: fresh.dir().to_path_buf(), ours: self.options.bin.clone(), me })
    }

    fn measure(&self, row: &str, desk: &Desk, run: &Run) -> io::Result<Taken> {
        let taken = measure(run, &desk.dir, self.options.cold)?;
        self.results.note(row, desk.tool.name(), &taken)?;
        Ok(taken)
    }

    /// Measures, and how much the repository grew.
    fn measure_growth(&self, row: &str, desk: &Desk, run: &Run) -> io::Result<()> {
        let before = if desk.repo().exists() { size_of(&desk.repo())? } else { 0 };
        let mut taken = measure(run, &desk.dir, self.options.cold)?;
        taken.grown = size_of(&desk.repo())?.saturating_sub(before);
        self.results.note(row, desk.tool.name(), &taken)
    }

    /// Lets each tool in turn do something, in every round; slow ones in the first alone, if so asked.
    fn in_turn(
        &self,
        tools: &[Tool],
        inodes: u64,
        mut act: impl FnMut(&Desk, usize) -> io::Result<()>,
    ) -> io::Result<()> {
        let wanted = |tool: &Tool| {
            tool.is_installed()
                && self.options.tools.as_ref().is_none_or(|t| t.iter().any(|t| t == tool.name()))
        };
        for round in 0..self.options.rounds {
            let mut turn: Vec<Tool> = tools.iter().copied().filter(wanted).collect();
            let by = round % turn.len().max(1);
            turn.rotate_left(by);
            for tool in turn {
                if round > 0 && self.options.slow_once && !matches!(tool, Tool::Floor | Tool::Ours) {
                    continue;
                }
                let fresh = self.fresh("target", inodes)?;
                let desk = self.desk(tool, &fresh)?;
                desk.prepare()?;
                act(&desk, round)?;
            }
        }
        Ok(())
    }

    fn packages(&self) -> &Path {
        &self.options.packages
    }

    /// Restores, measures, and removes what was restored.
    fn restore(&self, row: &str, desk: &Desk, run: Option<Run>) -> io::Result<()> {
        if let Some(run) = run {
            self.measure(row, desk, &run)?;
            done(Command::new("rm").arg("-rf").arg(desk.dir.join("out")))?;
        }
        Ok(())
    }
}

const ALL_TOOLS: [Tool; 6] = [Tool::Floor, Tool::Ours, Tool::Original, Tool::Rsync, Tool::Restic, Tool::Borg];

/// The least that a run over an unchanged tree must do.
fn unchanged(desk: &Desk, source: &Path, n: usize) -> Run {
    match desk.tool {
        Tool::Floor => desk.floor(["walk".into(), source.as_os_str().to_owned()]),
        _ => desk.backup(source, n),
    }
}

fn verify(desk: &Desk) -> Option<Run> {
    match desk.tool {
        Tool::Floor => Some(desk.floor(["read".into(), desk.repo().into_os_string()])),
        Tool::Ours | Tool::Original => Some(desk.rdiff(["verify".into(), desk.repo().into_os_string()])),
        _ => None,
    }
}

/// Ten thousand tiny files: the cost of each.
fn tiny(b: &Bench<'_>) -> io::Result<()> {
    let sources = b.fresh("source", 100_000)?;
    let source = sources.dir().join("tiny");
    corpus::tiny_files(&source, 10_000)?;
    b.in_turn(&ALL_TOOLS, 200_000, |desk, _| {
        b.measure_growth("10k tiny files: first backup", desk, &desk.backup(&source, 0))?;
        next_second();
        b.measure_growth("10k tiny files: nothing changed", desk, &unchanged(desk, &source, 1))?;
        b.restore("10k tiny files: restore newest", desk, desk.restore(None, &desk.dir.join("out")))?;
        if let Some(run) = verify(desk) {
            b.measure("10k tiny files: verify", desk, &run)?;
        }
        Ok(())
    })
}

/// A hundred thousand real files.
fn tree(b: &Bench<'_>) -> io::Result<()> {
    let sources = b.fresh("source", 1_000_000)?;
    let source = sources.dir().join("tree");
    corpus::large_tree(b.packages(), &source)?;
    let tools = [&ALL_TOOLS[..], &[Tool::Cp]].concat();
    let mut one = PathBuf::new();
    b.in_turn(&tools, 1_000_000, |desk, round| {
        b.measure_growth("large tree: first backup", desk, &desk.backup(&source, 0))?;
        if desk.tool == Tool::Cp {
            return Ok(());
        }
        next_second();
        b.measure_growth("large tree: nothing changed", desk, &unchanged(desk, &source, 1))?;
        if desk.tool == Tool::Floor {
            let run = desk.floor(["walk-xattrs".into(), source.as_os_str().to_owned()]);
            b.measure("large tree: nothing changed, attributes listed", desk, &run)?;
        }
        b.restore("large tree: restore newest", desk, desk.restore(None, &desk.dir.join("out")))?;
        if one.as_os_str().is_empty() {
            one = PathBuf::from("django-7/README.rst");
        }
        let (file, to) = (desk.repo().join(&one), desk.dir.join("one"));
        let run = match desk.tool {
            Tool::Floor => Some(desk.floor(["one".into(), file.into_os_string(), to.into_os_string()])),
            Tool::Ours | Tool::Original => Some(desk.rdiff([
                OsString::from("restore"),
                "--at".into(),
                "1B".into(),
                file.into_os_string(),
                to.into_os_string(),
            ])),
            _ => None,
        };
        if let Some(run) = run {
            b.measure("large tree: one old file", desk, &run)?;
        }
        if desk.tool.is_rdiff() {
            let run = desk.rdiff(["list".into(), "increments".into(), desk.repo().into_os_string()]);
            b.measure("large tree: list increments", desk, &run)?;
        }
        // The tree changes further for each tool, by as many files.
        let _ = (round, corpus::change_one_percent(&source)?);
        next_second();
        b.measure_growth("large tree: 1 % changed", desk, &desk.backup(&source, 2))
    })
}

/// Eight versions of one package.
fn versions(b: &Bench<'_>) -> io::Result<()> {
    let sources = b.fresh("source", 500_000)?;
    let source = |n: usize| sources.dir().join(n.to_string());
    for n in 0..8 {
        corpus::version(b.packages(), n, &source(n))?;
        // All times new by whole seconds too, which are all that some tools look at.
        next_second();
    }
    b.in_turn(&ALL_TOOLS, 1_000_000, |desk, _| {
        for n in 0..8 {
            let run = if desk.tool == Tool::Rsync {
                desk.rsync_linked(&source(n), n)
            } else {
                desk.backup(&source(n), n)
            };
            let row = if n == 0 { "versions: first backup" } else { "versions: next version" };
            if desk.tool == Tool::Rsync && n == 0 {
                fs::create_dir_all(desk.repo())?;
            }
            b.measure_growth(row, desk, &run)?;
            if desk.tool.is_rdiff() {
                next_second();
            }
        }
        let out = desk.dir.join("out");
        match desk.tool {
            Tool::Floor => {
                // What the format asks for: all times are new, so there is an increment for each file.
                let (mirror, kept) = (desk.dir.join("mirror"), desk.dir.join("increments"));
                let call = |word: &str, n: usize, more: Option<PathBuf>| {
                    let words = [word.into(), source(n).into_os_string(), mirror.clone().into_os_string()];
                    desk.floor(words.into_iter().chain(more.map(PathBuf::into_os_string)))
                };
                b.measure("versions: copy for the next row", desk, &call("copy", 0, None))?;
                for n in 1..8 {
                    let run = call("update-every", n, Some(kept.join(n.to_string())));
                    b.measure("versions: next version, every file written", desk, &run)?;
                }
                b.restore("versions: restore newest", desk, desk.restore(None, &out))?;
                let oldest = desk.floor(["copy".into(), source(0).into_os_string(), out.into_os_string()]);
                b.restore("versions: restore oldest of 8", desk, Some(oldest))?;
                if let Some(run) = verify(desk) {
                    b.measure("versions: verify", desk, &run)?;
                }
            }
            Tool::Ours | Tool::Original => {
                b.restore("versions: restore newest", desk, desk.restore(None, &out))?;
                b.restore("versions: restore oldest of 8", desk, desk.restore(Some("7B"), &out))?;
                if let Some(run) = verify(desk) {
                    b.measure("versions: verify", desk, &run)?;
                }
                after_eight(b, desk)?;
            }
            _ => {}
        }
        Ok(())
    })
}

/// What can be done with a history of eight sessions.
fn after_eight(b: &Bench<'_>, desk: &Desk) -> io::Result<()> {
    let repo = || desk.repo().into_os_string();
    let data = desk.repo().join("rdiff-backup-data");
    let words = |w: &[&str]| w.iter().map(OsString::from).chain([repo()]).collect::<Vec<_>>();
    b.measure("versions: list files at oldest", desk, &desk.rdiff(words(&["list", "files", "--at", "7B"])))?;
    if desk.tool == Tool::Ours {
        let mut args: Vec<OsString> = vec!["paths".into()];
        for entry in fs::read_dir(&data)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with("mirror_metadata") {
                args.push(entry.path().into());
            }
        }
        let floor =
            Desk { tool: Tool::Floor, dir: desk.dir.clone(), ours: desk.ours.clone(), me: desk.me.clone() };
        b.measure("versions: list files at oldest", &floor, &floor.floor(args))?;
    }
    b.measure("versions: list increments", desk, &desk.rdiff(words(&["list", "increments"])))?;
    let copy = desk.dir.join("regressed");
    done(Command::new("cp").arg("-a").arg(desk.repo()).arg(&copy))?;
    // As if the last session had been killed just before its end.
    let marker = |dir: &Path| -> io::Result<PathBuf> {
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with("current_mirror") {
                return Ok(entry.path());
            }
        }
        Err(io::Error::other("no marker"))
    };
    let now = marker(&copy.join("rdiff-backup-data"))?;
    let times: Vec<String> = times_of(&copy.join("rdiff-backup-data"))?;
    let before = &times[times.len() - 2];
    fs::copy(&now, now.with_file_name(format!("current_mirror.{before}.data")))?;
    let regress = desk.rdiff(["regress".into(), copy.clone().into_os_string()]);
    b.measure("versions: regress", desk, &regress)?;
    done(Command::new("rm").arg("-rf").arg(&copy))?;
    if desk.tool == Tool::Ours {
        // Plainly removing as much: the increments of all, at one go.
        let copy = desk.dir.join("increments");
        done(Command::new("cp").arg("-a").arg(data.join("increments")).arg(&copy))?;
        let floor =
            Desk { tool: Tool::Floor, dir: desk.dir.clone(), ours: desk.ours.clone(), me: desk.me.clone() };
        let rm = Run::new([OsString::from("rm"), "-rf".into(), copy.into_os_string()]);
        b.measure("versions: remove 6 of 8", &floor, &rm)?;
    }
    let remove = words(&["--force", "remove", "increments", "--older-than", "1B"]);
    b.measure("versions: remove 6 of 8", desk, &desk.rdiff(remove))?;
    Ok(())
}

/// The times of all sessions, as they are written, in order.
fn times_of(data: &Path) -> io::Result<Vec<String>> {
    let mut times = Vec::new();
    for entry in fs::read_dir(data)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if let Some(time) = name.strip_prefix("session_statistics.").and_then(|n| n.strip_suffix(".data")) {
            times.push(time.to_owned());
        }
    }
    times.sort();
    Ok(times)
}

/// A large file, changed in one way.
fn large_file(
    b: &Bench<'_>,
    row: &str,
    tools: &[Tool],
    make: impl FnOnce(&Path) -> io::Result<()>,
    change: impl FnOnce(&Path, &Path) -> io::Result<()>,
) -> io::Result<()> {
    let sources = b.fresh("source", 1000)?;
    let (old, new) = (sources.dir().join("old"), sources.dir().join("new"));
    fs::create_dir(&old)?;
    fs::create_dir(&new)?;
    make(&old.join("file"))?;
    // Tools that know only whole seconds would see no change.
    next_second();
    change(&old.join("file"), &new.join("file"))?;
    b.in_turn(tools, 10_000, |desk, _| {
        b.measure_growth(&format!("{row}: first backup"), desk, &desk.backup(&old, 0))?;
        next_second();
        b.measure_growth(&format!("{row}: changed"), desk, &desk.backup(&new, 1))?;
        if desk.tool.is_rdiff() {
            let out = desk.dir.join("out");
            b.restore(&format!("{row}: restore oldest"), desk, desk.restore(Some("1B"), &out))?;
        }
        if desk.tool == Tool::Floor {
            let out = desk.dir.join("out");
            let copy = desk.floor(["restore".into(), old.clone().into_os_string(), out.into()]);
            b.restore(&format!("{row}: restore oldest"), desk, Some(copy))?;
        }
        Ok(())
    })
}

fn overwrite(b: &Bench<'_>) -> io::Result<()> {
    let change = |old: &Path, new: &Path| {
        fs::copy(old, new)?;
        corpus::overwrite(new)
    };
    large_file(b, "2 GiB image, 1 % overwritten", &ALL_TOOLS, |p| corpus::image(p, 2048), change)
}

fn insert(b: &Bench<'_>) -> io::Result<()> {
    large_file(b, "2 GiB image, 1 MiB inserted", &ALL_TOOLS, |p| corpus::image(p, 2048), corpus::insert)
}

fn database(b: &Bench<'_>) -> io::Result<()> {
    const ROWS: u64 = 700_000;
    let change = |old: &Path, new: &Path| {
        fs::copy(old, new)?;
        corpus::change_database(new, ROWS)
    };
    large_file(b, "SQLite", &ALL_TOOLS, |p| corpus::database(p, ROWS), change)
}

/// Fifty sessions of one tree in which one file in ten changes each time.
fn fifty(b: &Bench<'_>) -> io::Result<()> {
    let sources = b.fresh("source", 100_000)?;
    b.in_turn(&[Tool::Floor, Tool::Ours], 500_000, |desk, _| {
        let source = sources.dir().join("tree");
        corpus::version(b.packages(), 0, &source)?;
        let first = sources.dir().join("first");
        done(Command::new("cp").args(["-a", "-T"]).arg(&source).arg(&first))?;
        if desk.tool == Tool::Ours {
            for n in 0..50 {
                desk.backup(&source, n).go()?;
                corpus::change_one_percent(&source)?;
                next_second();
            }
        }
        let out = desk.dir.join("out");
        let run = match desk.tool {
            Tool::Ours => desk.restore(Some("49B"), &out),
            _ => Some(desk.floor(["restore".into(), first.clone().into_os_string(), out.into_os_string()])),
        };
        b.restore("fifty sessions: restore oldest", desk, run)?;
        if desk.tool == Tool::Ours {
            b.restore("fifty sessions: restore newest", desk, desk.restore(None, &desk.dir.join("out")))?;
        }
        done(Command::new("rm").arg("-rf").arg(&source).arg(&first))
    })
}

/// Hard links, lists, attributes, holes.
fn special(b: &Bench<'_>) -> io::Result<()> {
    let sources = b.fresh("source", 100_000)?;
    let source = sources.dir().join("special");
    corpus::special_tree(&source, 10_000)?;
    let tools = [Tool::Ours, Tool::Original, Tool::Rsync, Tool::Cp];
    b.in_turn(&tools, 200_000, |desk, _| {
        b.measure_growth("links, lists, attributes, holes: first backup", desk, &desk.backup(&source, 0))?;
        if desk.tool == Tool::Cp {
            return Ok(());
        }
        next_second();
        b.measure_growth("links, lists, attributes, holes: nothing changed", desk, &desk.backup(&source, 1))?;
        let out = desk.dir.join("out");
        b.restore("links, lists, attributes, holes: restore newest", desk, desk.restore(None, &out))
    })
}

/// What the second core gives: to the program and to the system, which writes to the disk by threads of its own.
fn cores(b: &Bench<'_>) -> io::Result<()> {
    let sources = b.fresh("source", 100_000)?;
    let source = sources.dir().join("versions");
    for n in 0..3 {
        corpus::version(b.packages(), n, &source.join(n.to_string()))?;
    }
    b.in_turn(&[Tool::Ours, Tool::Floor], 200_000, |desk, round| {
        let mut rows = [("first backup on one core", 1), ("first backup on two cores", 2)];
        rows.rotate_left(round % 2);
        for (row, count) in rows {
            let _only = OnlyCores::of(count)?;
            // A core that has just come back is slow for a moment.
            desk.floor(["read".into(), source.as_os_str().to_owned()]).go()?;
            b.measure(row, desk, &desk.backup(&source, 0))?;
            done(Command::new("rm").arg("-rf").arg(desk.repo()))?;
        }
        Ok(())
    })
}

/// System calls for each file.
fn calls(b: &Bench<'_>) -> io::Result<()> {
    let sources = b.fresh("source", 100_000)?;
    let source = sources.dir().join("tiny");
    corpus::tiny_files(&source, 10_000)?;
    let one =
        Bench { options: &Options { rounds: 1, ..b.options.clone() }, results: Results(b.results.0.clone()) };
    one.in_turn(&[Tool::Ours, Tool::Original], 200_000, |desk, _| {
        let count = |row, run: &Run, files| {
            let (calls, syncs) = count_calls(run)?;
            b.results.note_calls(row, desk.tool.name(), calls, syncs, files)
        };
        count("first backup", &desk.backup(&source, 0), 10_000)?;
        next_second();
        count("nothing changed", &desk.backup(&source, 1), 10_000)?;
        next_second();
        let before = count_calls(&desk.backup(&source, 2))?.0;
        let changed = corpus::change_one_percent(&source)?;
        next_second();
        let (calls, syncs) = count_calls(&desk.backup(&source, 3))?;
        let row = "changed, beyond those of an unchanged run";
        b.results.note_calls(row, desk.tool.name(), calls.saturating_sub(before), syncs, changed)?;
        let out = desk.dir.join("out");
        match desk.restore(None, &out) {
            Some(run) => count("restore newest", &run, 10_000),
            None => Ok(()),
        }
    })
}

/// Does the time for each file stay, and the memory?
fn million(b: &Bench<'_>) -> io::Result<()> {
    for (files, name) in [(100_000, "100k"), (1_000_000, "1M")] {
        let sources = b.fresh("source", 1_200_000)?;
        let source = sources.dir().join("tiny");
        corpus::tiny_files(&source, files)?;
        b.in_turn(&[Tool::Floor, Tool::Ours, Tool::Original], 3_000_000, |desk, _| {
            b.measure(&format!("{name} tiny files: first backup"), desk, &desk.backup(&source, 0))?;
            next_second();
            b.measure(&format!("{name} tiny files: nothing changed"), desk, &unchanged(desk, &source, 1))?;
            Ok(())
        })?;
    }
    Ok(())
}
