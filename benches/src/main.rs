//! Runs this program, its peers and the floor in turn over the same trees, and prints tables of medians.

mod corpus;
mod floor;
mod measure;
mod place;
mod scenario;
mod tools;

use measure::Results;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

const USAGE: &str = "usage: rdiff-benches WORKDIR [STORY...] [--rounds N] [--tools A,B] [--slow-once] [--cold] \
                     [--bin PATH] [--packages DIR] [--results FILE] [--print]";

#[derive(Clone)]
struct Options {
    work: PathBuf,
    stories: Vec<String>,
    rounds: usize,
    tools: Option<Vec<String>>,
    slow_once: bool,
    cold: bool,
    bin: PathBuf,
    packages: PathBuf,
    results: PathBuf,
    print: bool,
}

fn options() -> Result<Options, String> {
    let mut args = std::env::args_os().skip(1);
    let mut o = Options {
        work: PathBuf::new(),
        stories: Vec::new(),
        rounds: 3,
        tools: None,
        slow_once: false,
        cold: false,
        bin: PathBuf::from("target/release/rdiff-backup"),
        packages: PathBuf::new(),
        results: PathBuf::new(),
        print: false,
    };
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{} wants a value", arg.display()));
        match arg.to_str() {
            // How the floor is run, as a process of its own like its peers.
            Some("--floor") => {
                return run_floor(&args.collect::<Vec<_>>())
                    .map_or_else(|e| Err(e.to_string()), |_| std::process::exit(0));
            }
            Some("--rounds") => {
                let rounds = value()?.to_string_lossy().parse::<usize>().map_err(|e| e.to_string())?;
                o.rounds = rounds.max(1);
            }
            Some("--tools") => {
                o.tools = Some(value()?.to_string_lossy().split(',').map(str::to_owned).collect());
            }
            Some("--slow-once") => o.slow_once = true,
            Some("--cold") => o.cold = true,
            Some("--bin") => o.bin = value()?.into(),
            Some("--packages") => o.packages = value()?.into(),
            Some("--results") => o.results = value()?.into(),
            Some("--print") => o.print = true,
            Some(option) if option.starts_with('-') => return Err(format!("{option}? {USAGE}")),
            _ if o.work.as_os_str().is_empty() => o.work = arg.into(),
            _ => o.stories.push(arg.to_string_lossy().into_owned()),
        }
    }
    if o.work.as_os_str().is_empty() {
        return Err(USAGE.to_owned());
    }
    let absolute = |p: &Path| std::path::absolute(p).map_err(|e| e.to_string());
    (o.work, o.bin) = (absolute(&o.work)?, absolute(&o.bin)?);
    if o.packages.as_os_str().is_empty() {
        o.packages = o.work.join("packages");
    }
    if o.results.as_os_str().is_empty() {
        o.results = o.work.join("results");
    }
    let known = |name: &&String| !scenario::ALL.iter().any(|(n, _)| n == name);
    if let Some(unknown) = o.stories.iter().find(known) {
        let names: Vec<&str> = scenario::ALL.iter().map(|(n, _)| *n).collect();
        return Err(format!("{unknown} is none of {}", names.join(", ")));
    }
    Ok(o)
}

fn run_floor(args: &[OsString]) -> io::Result<u64> {
    let path = |i: usize| args.get(i).map(Path::new).ok_or_else(|| io::Error::other("a path is missing"));
    match args.first().and_then(|a| a.to_str()) {
        Some("walk") => floor::stat_walk(path(1)?, false),
        Some("walk-xattrs") => floor::stat_walk(path(1)?, true),
        Some("copy") => floor::copy_and_hash(path(1)?, path(2)?, false),
        // A large first copy stays in memory, for who brings it up to date; a restored one is not read again.
        Some("restore") => floor::copy_and_hash(path(1)?, path(2)?, true),
        Some("update") => floor::update(path(1)?, path(2)?, path(3)?, false),
        Some("update-every") => floor::update(path(1)?, path(2)?, path(3)?, true),
        Some("read") => floor::read_and_hash(path(1)?),
        Some("one") => floor::one_file(path(1)?, path(2)?),
        Some("paths") => floor::list_paths(&args[1..].iter().map(PathBuf::from).collect::<Vec<_>>()),
        _ => Err(io::Error::other(
            "walk, walk-xattrs, copy, restore, update, update-every, read, one or paths",
        )),
    }
}

fn run(options: &Options) -> io::Result<()> {
    std::fs::create_dir_all(&options.work)?;
    let bench = scenario::Bench { options, results: Results(options.results.clone()) };
    if !options.print {
        for (name, story) in scenario::ALL {
            // The longest ones only when they are asked for.
            let wanted = if options.stories.is_empty() {
                name != "million"
            } else {
                options.stories.iter().any(|s| s == name)
            };
            if wanted {
                story(&bench)?;
            }
        }
    }
    bench.results.print()
}

fn main() {
    if let Err(e) = options().and_then(|o| run(&o).map_err(|e| e.to_string())) {
        eprintln!("{e}");
        std::process::exit(1);
    }
}
