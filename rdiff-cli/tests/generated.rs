//! The man pages in `man` and the completions in `completions` are what the commands make of them.
//!
//! `scripts/generate` writes them anew, which is this test with `UPDATE=1`.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use clap::Command;
use clap_complete::aot::{Shell, generate};
use clap_mangen::Man;
use rdiff_cli::args;
use rdiff_cli::companions::{delete, statistics};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// All of it, by its place in this crate.
fn generated() -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut main = args::current::command();
    main.build();
    let actions: Vec<String> = leaves(&main).iter().map(|c| shown_name(c)).collect();
    let others = ["rdiff-backup-delete", "rdiff-backup-statistics", "rdiff-backup-old"].map(str::to_owned);
    let top: Vec<String> = actions.iter().chain(&others).cloned().collect();
    files.extend([page(&main, &top)]);
    let back = ["rdiff-backup".to_owned()];
    files.extend(leaves(&main).into_iter().map(|c| page(c, &back)));
    let old = args::older::command().name("rdiff-backup-old").bin_name("rdiff-backup");
    files.extend([old, delete::command(), statistics::command()].iter().map(|c| page(c, &back)));
    for mut command in [args::current::command(), delete::command(), statistics::command()] {
        let name = command.get_name().to_owned();
        for (shell, file) in [
            (Shell::Bash, format!("{name}.bash")),
            (Shell::Zsh, format!("_{name}")),
            (Shell::Fish, format!("{name}.fish")),
        ] {
            let mut text = Vec::new();
            generate(shell, &mut command, name.clone(), &mut text);
            // It writes the hyphen of the name in two ways, and does not find the actions again.
            let text = String::from_utf8(text).unwrap().replace("rdiff__subcmd__backup", "rdiff__backup");
            files.insert(Path::new("completions").join(file), text.into_bytes());
        }
    }
    files
}

/// The commands that are actions: those without commands of their own.
fn leaves(command: &Command) -> Vec<&Command> {
    let all = command.get_subcommands().filter(|c| !c.is_hide_set());
    all.flat_map(|c| if c.has_subcommands() { leaves(c) } else { vec![c] }).collect()
}

/// `rdiff-backup-list-files`.
fn shown_name(command: &Command) -> String {
    command.get_display_name().unwrap_or(command.get_name()).to_owned()
}

/// The page of a command. Texts behind the options become sections of their own.
fn page(command: &Command, see: &[String]) -> (PathBuf, Vec<u8>) {
    let name = shown_name(command);
    let man = Man::new(command.clone())
        .title(name.to_uppercase())
        .section("1")
        .date("")
        .source("rdiff-backup")
        .manual("rdiff-backup");
    let mut text = Vec::new();
    man.render_title(&mut text).unwrap();
    man.render_name_section(&mut text).unwrap();
    let usage = command.clone().render_usage().to_string();
    let usage = usage.lines().map(|line| escaped(line.trim_start_matches("Usage:").trim()));
    text.extend_from_slice(
        format!(".SH SYNOPSIS\n{}\n", usage.collect::<Vec<_>>().join("\n.br\n")).as_bytes(),
    );
    man.render_description_section(&mut text).unwrap();
    man.render_options_section(&mut text).unwrap();
    if command.has_subcommands() {
        man.render_subcommands_section(&mut text).unwrap();
    }
    let mut text = String::from_utf8(text).unwrap();
    sections(&command.get_after_help().map(ToString::to_string).unwrap_or_default(), &mut text);
    text += ".SH \"SEE ALSO\"\n";
    text += &see.iter().map(|page| format!("\\fB{}\\fR(1)", escaped(page))).collect::<Vec<_>>().join(", ");
    text += "\n";
    (Path::new("man").join(format!("{name}.1")), text.into_bytes())
}

/// Paragraphs that begin with `Title:` are sections; indented lines stay as they are.
fn sections(text: &str, out: &mut String) {
    for paragraph in text.split("\n\n").filter(|p| !p.is_empty()) {
        let (head, body) = paragraph.split_once('\n').unwrap_or((paragraph, ""));
        let body = match head.strip_suffix(':').filter(|_| !head.starts_with(' ')) {
            Some(title) => {
                *out += &format!(".SH \"{}\"\n", title.to_uppercase());
                body
            }
            None => {
                *out += ".SH NOTES\n";
                paragraph
            }
        };
        let mut is_verbatim = false;
        for line in body.lines() {
            if line.starts_with(' ') != is_verbatim {
                is_verbatim = !is_verbatim;
                *out += if is_verbatim { ".nf\n" } else { ".fi\n" };
            }
            *out += &format!("{}\n", escaped(line));
        }
        if is_verbatim {
            *out += ".fi\n";
        }
    }
}

fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

#[test]
fn pages_and_completions_are_up_to_date() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let wanted = generated();
    if std::env::var_os("UPDATE").is_some() {
        for dir in ["man", "completions"] {
            drop(fs::remove_dir_all(here.join(dir)));
            fs::create_dir(here.join(dir)).unwrap();
        }
        wanted.iter().for_each(|(path, text)| fs::write(here.join(path), text).unwrap());
    }
    let mut found = BTreeMap::new();
    for dir in ["man", "completions"] {
        for entry in fs::read_dir(here.join(dir)).into_iter().flatten() {
            let path = entry.unwrap().path();
            found.insert(path.strip_prefix(here).unwrap().to_owned(), fs::read(&path).unwrap());
        }
    }
    let all = wanted.keys().chain(found.keys());
    let stale: BTreeSet<_> = all.filter(|p| wanted.get(*p) != found.get(*p)).collect();
    assert!(stale.is_empty(), "out of date: {stale:?}\nrun scripts/generate, and commit what it writes");
}

/// Every action is explained: by what it does, what each argument is, and examples.
#[test]
fn the_help_of_every_action_teaches() {
    let mut main = args::current::command();
    main.build();
    let mut lacking = Vec::new();
    for command in leaves(&main) {
        let name = shown_name(command);
        let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        if after.matches("Examples:\n  rdiff-backup ").count() != 1 {
            lacking.push(format!("{name}: examples"));
        }
        let examples = after.lines().filter(|line| line.starts_with("  rdiff-backup "));
        lacking.extend(examples.filter(|line| !is_read(line)).map(|line| format!("{name}: {line}")));
        if command.get_about().is_none() {
            lacking.push(format!("{name}: what it does"));
        }
        let args = command.get_arguments().filter(|a| !a.is_hide_set());
        let silent = args.filter(|a| a.get_help().is_none_or(|h| h.to_string().is_empty()));
        lacking.extend(silent.map(|a| format!("{name}: what {} is", a.get_id())));
    }
    assert!(lacking.is_empty(), "help lacks {lacking:#?}; see src/args/help.rs");
}

/// Is an example a command line of the program, as far as that is called?
fn is_read(example: &str) -> bool {
    let words = shlex::split(example.split(" || ").next().unwrap()).unwrap();
    let read = args::parse(words.into_iter().skip(1).map(Into::into).collect());
    read.map_or_else(|e| e.exit_code() == 0, |_| true)
}

/// What is linked in stands in the list, with its licence, and no licence asks more than to be named.
#[test]
fn third_parties_are_listed() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let tree = std::process::Command::new(cargo)
        .args("tree --locked --offline -p rdiff-cli --target x86_64-unknown-linux-gnu".split(' '))
        .args("--edges normal,no-proc-macro --prefix none --format {p}|{l}".split(' '))
        .current_dir(&top)
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let list = fs::read_to_string(top.join("THIRD-PARTY.md")).unwrap();
    let listed: BTreeSet<&str> =
        list.lines().filter(|l| l.starts_with("| ") && !l.starts_with("| package")).collect();
    let tree = String::from_utf8(tree.stdout).unwrap();
    let row = |line: &str| {
        let (package, licence) = line.split_once('|')?;
        let licence = licence.trim_end_matches(" (*)");
        Some(format!("| {} | {licence} |", package.split(' ').next()?))
    };
    let linked: BTreeSet<String> =
        tree.lines().filter_map(row).filter(|r| !r.starts_with("| rdiff-")).collect();
    let linked: BTreeSet<&str> = linked.iter().map(String::as_str).collect();
    let differing: Vec<_> = linked.symmetric_difference(&listed).collect();
    assert!(differing.is_empty(), "{differing:#?}\nrun scripts/third-party, and commit what it writes");
    let permissive = ["MIT", "Apache-2.0", "BSD-", "ISC", "Zlib", "Unlicense", "0BSD"];
    let others: Vec<_> = linked.iter().filter(|row| !permissive.iter().any(|l| row.contains(l))).collect();
    assert!(others.is_empty(), "{others:?}");
}
