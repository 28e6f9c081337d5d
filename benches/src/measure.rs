//! One run of one program: what it took, kept in a file of results, and the table that they make.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// A program with its arguments and surroundings.
pub(crate) struct Run {
    pub(crate) args: Vec<OsString>,
    pub(crate) env: Vec<(&'static str, OsString)>,
    pub(crate) dir: Option<PathBuf>,
}

impl Run {
    pub(crate) fn new<A: Into<OsString>>(args: impl IntoIterator<Item = A>) -> Self {
        Self { args: args.into_iter().map(Into::into).collect(), env: Vec::new(), dir: None }
    }

    fn under(&self, wrapper: &[&std::ffi::OsStr]) -> Command {
        let mut command = match wrapper {
            [] => Command::new(&self.args[0]),
            [first, rest @ ..] => {
                let mut command = Command::new(first);
                command.args(rest).arg(&self.args[0]);
                command
            }
        };
        command.args(&self.args[1..]).envs(self.env.iter().map(|(k, v)| (k, v)));
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Runs it, without measuring.
    pub(crate) fn go(&self) -> io::Result<()> {
        let status = self.under(&[]).status()?;
        if status.success() { Ok(()) } else { Err(io::Error::other(format!("{:?}: {status}", self.args))) }
    }
}

/// What one run took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Taken {
    /// Seconds until all is on the disk: the program, and a `syncfs` of where it wrote.
    pub(crate) wall: f64,
    /// Seconds of all processors.
    pub(crate) cpu: f64,
    /// KiB.
    pub(crate) memory: u64,
    /// Bytes that were written, as the system counts them.
    pub(crate) written: u64,
    /// Bytes by which the repository grew.
    pub(crate) grown: u64,
}

/// Runs and measures. `place` is on the file system that is written to.
pub(crate) fn measure(run: &Run, place: &Path, cold: bool) -> io::Result<Taken> {
    rustix::fs::sync();
    if cold {
        fs::write("/proc/sys/vm/drop_caches", "3")?;
    }
    let fs = File::open(place)?;
    let report = std::env::temp_dir().join(format!("rdiff-benches-{}", std::process::id()));
    let time = ["/usr/bin/time", "-f", "%U %S %M %O", "-o"].map(std::ffi::OsStr::new);
    let mut wrapper = time.to_vec();
    wrapper.push(report.as_os_str());
    let start = Instant::now();
    let status = run.under(&wrapper).status()?;
    rustix::fs::syncfs(&fs)?;
    let wall = start.elapsed().as_secs_f64();
    let text = fs::read_to_string(&report)?;
    fs::remove_file(&report)?;
    if !worked(status) {
        return Err(io::Error::other(format!("{:?} failed: {status}", run.args)));
    }
    let numbers: Vec<f64> =
        text.lines().last().unwrap_or_default().split_whitespace().filter_map(|n| n.parse().ok()).collect();
    let number = |i: usize| numbers.get(i).copied().unwrap_or(0.0);
    Ok(Taken {
        wall,
        cpu: number(0) + number(1),
        memory: number(2) as u64,
        written: number(3) as u64 * 512,
        grown: 0,
    })
}

/// Did it do its work? 2 is a warning: a regress says that the session had failed.
fn worked(status: std::process::ExitStatus) -> bool {
    matches!(status.code(), Some(0 | 2))
}

/// Counts system calls: all of them, and those that wait for the disk.
pub(crate) fn count_calls(run: &Run) -> io::Result<(u64, u64)> {
    let report = std::env::temp_dir().join(format!("rdiff-benches-calls-{}", std::process::id()));
    let strace = ["strace", "-f", "-c", "-o"].map(std::ffi::OsStr::new);
    let mut wrapper = strace.to_vec();
    wrapper.push(report.as_os_str());
    let status = run.under(&wrapper).status()?;
    let text = fs::read_to_string(&report)?;
    fs::remove_file(&report)?;
    if !worked(status) {
        return Err(io::Error::other(format!("{:?} failed: {status}", run.args)));
    }
    let (mut all, mut syncs) = (0, 0);
    for line in text.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (Some(count), Some(name)) = (fields.get(3).and_then(|n| n.parse::<u64>().ok()), fields.last())
        else {
            continue;
        };
        match *name {
            "total" => {}
            "fsync" | "fdatasync" | "syncfs" => (all, syncs) = (all + count, syncs + count),
            _ => all += count,
        }
    }
    Ok((all, syncs))
}

/// The file of results: one line for each run.
pub(crate) struct Results(pub(crate) PathBuf);

impl Results {
    /// Adds a line. `number` orders the rows of the table.
    pub(crate) fn note(&self, row: &str, tool: &str, taken: &Taken) -> io::Result<()> {
        eprintln!(
            "{row:44} {tool:14} {:8.3} s  cpu {:7.2}  {:5} MiB",
            taken.wall,
            taken.cpu,
            taken.memory >> 10
        );
        let Taken { wall, cpu, memory, written, grown } = taken;
        self.line(&format!("{row}\t{tool}\t{wall}\t{cpu}\t{memory}\t{written}\t{grown}\n"))
    }

    /// Adds a line of counted calls.
    pub(crate) fn note_calls(
        &self,
        row: &str,
        tool: &str,
        calls: u64,
        syncs: u64,
        files: u64,
    ) -> io::Result<()> {
        eprintln!("{row:44} {tool:14} {calls} calls, {syncs} syncs, {files} files");
        self.line(&format!("calls\t{row}\t{tool}\t{calls}\t{syncs}\t{files}\n"))
    }

    fn line(&self, line: &str) -> io::Result<()> {
        let mut file = fs::OpenOptions::new().create(true).append(true).open(&self.0)?;
        file.write_all(line.as_bytes())
    }

    /// Prints the tables of all lines, rows in the order in which they were first met.
    pub(crate) fn print(&self) -> io::Result<()> {
        let text = fs::read_to_string(&self.0)?;
        let mut rows: Vec<&str> = Vec::new();
        let mut taken: BTreeMap<(usize, &str), Vec<Taken>> = BTreeMap::new();
        let mut calls = Vec::new();
        for line in text.lines() {
            let fields: Vec<&str> = line.split('\t').collect();
            match fields[..] {
                ["calls", row, tool, count, syncs, files] => calls.push((row, tool, count, syncs, files)),
                [row, tool, wall, cpu, memory, written, grown] => {
                    let at = rows.iter().position(|r| *r == row).unwrap_or_else(|| {
                        rows.push(row);
                        rows.len() - 1
                    });
                    let float = |t: &str| t.parse::<f64>().unwrap_or(0.0);
                    let whole = |t: &str| t.parse::<u64>().unwrap_or(0);
                    let one = Taken {
                        wall: float(wall),
                        cpu: float(cpu),
                        memory: whole(memory),
                        written: whole(written),
                        grown: whole(grown),
                    };
                    taken.entry((at, tool)).or_default().push(one);
                }
                _ => {}
            }
        }
        println!(
            "| work | tool | wall s | x floor | x R | cpu s | memory MiB | written MiB | grown MiB | runs |"
        );
        println!("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|");
        for ((row, tool), runs) in &taken {
            let wall_of = |tool| taken.get(&(*row, tool)).map(|runs| median(runs, |t| t.wall));
            let wall = median(runs, |t| t.wall);
            let ratio = |to: Option<f64>| to.map_or(String::new(), |to| format!("{:.2}", wall / to));
            let mib = |value: fn(&Taken) -> u64| {
                let mib = median(runs, |t| value(t) as f64) / f64::from(1 << 20);
                if mib == 0.0 { String::new() } else { format!("{mib:.1}") }
            };
            println!(
                "| {} | {tool} | {wall:.3} | {} | {} | {:.2} | {:.0} | {} | {} | {} |",
                rows[*row],
                ratio(wall_of("floor")),
                ratio(wall_of("rdiff-backup")),
                median(runs, |t| t.cpu),
                median(runs, |t| t.memory as f64 / 1024.0),
                mib(|t| t.written),
                mib(|t| t.grown),
                runs.len(),
            );
        }
        if !calls.is_empty() {
            println!("\n| work | tool | files | system calls for each | syncs in all |");
            println!("|---|---|---:|---:|---:|");
            for (row, tool, count, syncs, files) in calls {
                let each = count.parse::<f64>().unwrap_or(0.0) / files.parse::<f64>().unwrap_or(1.0);
                println!("| {row} | {tool} | {files} | {each:.2} | {syncs} |");
            }
        }
        Ok(())
    }
}

fn median(taken: &[Taken], value: impl Fn(&Taken) -> f64) -> f64 {
    let mut values: Vec<f64> = taken.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    let upper = values.get(values.len() / 2).copied().unwrap_or(0.0);
    if values.len() % 2 == 1 { upper } else { f64::midpoint(upper, values[values.len() / 2 - 1]) }
}
