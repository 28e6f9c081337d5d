//! Runs this program, its peers and the floor in turn over the same trees, and prints a table of medians.

mod floor;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

struct Options {
    work: PathBuf,
    files: u64,
    tree: Option<PathBuf>,
    rounds: usize,
    bin: PathBuf,
}

fn options() -> Result<Options, String> {
    let mut args = std::env::args_os().skip(1);
    let mut o = Options {
        work: PathBuf::new(),
        files: 10_000,
        tree: None,
        rounds: 3,
        bin: PathBuf::from("target/release/rdiff-backup"),
    };
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{} wants a value", arg.display()));
        let number = |v: std::ffi::OsString| v.to_string_lossy().parse::<u64>().map_err(|e| e.to_string());
        match arg.to_str() {
            Some("--files") => o.files = number(value()?)?,
            Some("--rounds") => o.rounds = number(value()?)?.max(1) as usize,
            Some("--tree") => o.tree = Some(value()?.into()),
            Some("--bin") => o.bin = value()?.into(),
            // How the floor is run, as a process of its own like its peers.
            Some("--floor") => {
                return run_floor(args.collect())
                    .map_or_else(|e| Err(e.to_string()), |()| std::process::exit(0));
            }
            _ => o.work = arg.into(),
        }
    }
    if o.work.as_os_str().is_empty() {
        return Err(
            "usage: rdiff-benches WORKDIR [--files N] [--tree DIR] [--rounds N] [--bin PATH]".to_owned()
        );
    }
    o.work = std::path::absolute(&o.work).map_err(|e| e.to_string())?;
    o.bin = std::path::absolute(&o.bin).map_err(|e| e.to_string())?;
    Ok(o)
}

fn run_floor(args: Vec<std::ffi::OsString>) -> io::Result<()> {
    let path = |i: usize| args.get(i).map(PathBuf::from).ok_or_else(|| io::Error::other("a path is missing"));
    match args.first().and_then(|a| a.to_str()) {
        Some("walk") => floor::stat_walk(&path(1)?).map(|_| ()),
        Some("copy") => floor::copy_and_hash(&path(1)?, &path(2)?).map(|_| ()),
        Some("read") => floor::read_and_hash(&path(1)?).map(|_| ()),
        _ => Err(io::Error::other("walk, copy or read")),
    }
}

fn main() {
    if let Err(e) = options().and_then(|o| bench(&o).map_err(|e| e.to_string())) {
        eprintln!("{e}");
        std::process::exit(1);
    }
}

/// What one run took.
#[derive(Clone, Copy, Debug)]
struct Taken {
    wall: f64,
    cpu: f64,
    memory: i64,
}

fn run(program: &Path, args: &[&std::ffi::OsStr]) -> io::Result<Taken> {
    rustix::fs::sync();
    let before = children();
    let start = Instant::now();
    let status = Command::new("/usr/bin/time")
        .args(["-f", "%M", "-o", "/dev/stdout"])
        .arg(program)
        .args(args)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()?;
    let wall = start.elapsed().as_secs_f64();
    if !status.status.success() {
        return Err(io::Error::other(format!("{} {args:?} failed: {}", program.display(), status.status)));
    }
    let text = String::from_utf8_lossy(&status.stdout).into_owned();
    let memory = text.lines().last().and_then(|l| l.trim().parse().ok()).unwrap_or(0);
    Ok(Taken { wall, cpu: children() - before, memory })
}

/// Processor seconds of all children so far.
fn children() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |i: usize| fields.get(i).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(13) + ticks(14)) / 100.0
}

type Table = BTreeMap<(usize, &'static str), BTreeMap<&'static str, Vec<Taken>>>;

fn bench(o: &Options) -> io::Result<()> {
    fs::create_dir_all(&o.work)?;
    let source = o.work.join("source");
    match &o.tree {
        Some(tree) => {
            Command::new("cp").arg("-a").arg(tree).arg(&source).status()?;
        }
        None => tiny_files(&source, o.files)?,
    }
    let me = std::env::current_exe()?;
    let real = Path::new("/usr/bin/rdiff-backup");
    let mut table = Table::new();
    for round in 0..o.rounds {
        let mut tools = vec!["floor", "ours"];
        if real.exists() {
            tools.push("rdiff-backup");
        }
        if Path::new("/usr/bin/rsync").exists() {
            tools.push("rsync");
        }
        let turn = round % tools.len();
        tools.rotate_left(turn);
        for tool in tools {
            let to = o.work.join(format!("{tool}-{round}"));
            one_tool(o, tool, &me, real, &source, &to, &mut table)?;
            fs::remove_dir_all(&to)
                .or_else(|_| Command::new("rm").arg("-rf").arg(&to).status().map(|_| ()))?;
        }
    }
    print(&table);
    fs::remove_dir_all(&source)
}

fn one_tool(
    o: &Options,
    tool: &'static str,
    me: &Path,
    real: &Path,
    source: &Path,
    to: &Path,
    table: &mut Table,
) -> io::Result<()> {
    let mut note = |job: (usize, &'static str), taken: Taken| {
        table.entry(job).or_default().entry(tool).or_default().push(taken);
    };
    let (out, src, dst) = (to.with_extension("out"), source.as_os_str(), to.as_os_str());
    let words = |w: &[&'static str]| w.iter().map(|s| std::ffi::OsStr::new(*s)).collect::<Vec<_>>();
    let backup = || -> io::Result<Taken> {
        match tool {
            "ours" => run(&o.bin, &[words(&["backup"])[0], src, dst]),
            "rdiff-backup" => run(real, &[words(&["backup"])[0], src, dst]),
            "rsync" => {
                let from = source.join("");
                let mut args = words(&["-aHAX", "--delete", "--fsync"]);
                args.extend([from.as_os_str(), dst]);
                run(Path::new("/usr/bin/rsync"), &args)
            }
            _ if to.exists() => {
                let mut args = words(&["--floor", "walk"]);
                args.push(src);
                run(me, &args)
            }
            _ => {
                let mut args = words(&["--floor", "copy"]);
                args.extend([src, dst]);
                run(me, &args)
            }
        }
    };
    note((0, "first backup"), backup()?);
    // Two sessions can't have the same second.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    note((1, "nothing changed"), backup()?);
    if matches!(tool, "ours" | "rdiff-backup") {
        let program = if tool == "ours" { &o.bin } else { real };
        note((2, "restore newest"), run(program, &[words(&["restore"])[0], dst, out.as_os_str()])?);
        Command::new("rm").arg("-rf").arg(&out).status()?;
        note((3, "verify"), run(program, &[words(&["verify"])[0], dst])?);
    } else if tool == "floor" {
        let mut args = words(&["--floor", "copy"]);
        args.extend([src, out.as_os_str()]);
        note((2, "restore newest"), run(me, &args)?);
        Command::new("rm").arg("-rf").arg(&out).status()?;
        let mut args = words(&["--floor", "read"]);
        args.push(src);
        note((3, "verify"), run(me, &args)?);
    }
    Ok(())
}

fn tiny_files(root: &Path, count: u64) -> io::Result<()> {
    let mut content = vec![0u8; 2048];
    let mut seed = 1u64;
    for i in 0..count {
        let dir = root.join(format!("d{}", i / 100));
        if i % 100 == 0 {
            fs::create_dir_all(&dir)?;
        }
        for byte in &mut content {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = (seed >> 33) as u8;
        }
        fs::write(dir.join(format!("f{i}")), &content[..(50 + i as usize * 37 % 1000)])?;
    }
    Ok(())
}

fn print(table: &Table) {
    println!("| work | tool | wall s | x floor | cpu s | memory MiB |");
    println!("|---|---|---|---|---|---|");
    for ((_, job), tools) in table {
        let floor = tools.get("floor").map(|t| median(t, |t| t.wall));
        for (tool, taken) in tools {
            let wall = median(taken, |t| t.wall);
            let ratio = floor.map_or(String::new(), |f| format!("{:.2}", wall / f));
            let (cpu, memory) = (median(taken, |t| t.cpu), median(taken, |t| t.memory as f64 / 1024.0));
            println!("| {job} | {tool} | {wall:.3} | {ratio} | {cpu:.2} | {memory:.0} |");
        }
    }
}

fn median(taken: &[Taken], value: impl Fn(&Taken) -> f64) -> f64 {
    let mut values: Vec<f64> = taken.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
