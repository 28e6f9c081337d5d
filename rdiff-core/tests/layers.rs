//! The layers of the core and of the program: a module uses modules of its own layer and of those below, never one above.
//!
//! The tables are those in `docs/architecture.md`. Every file of `src` has to stand in its crate's, and every
//! `crate::` path in the code is an arrow that has to point down or sideways. Doc comments may name
//! anything: a map mentions what lies above.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The layers of a crate, from the bottom up. A name is a file or a directory of `src`.
type Layers = &'static [(&'static str, &'static [&'static str])];

const CORE: Layers = &[
    ("words", &["path", "time", "entry", "error", "monitor"]),
    ("format", &["format"]),
    ("stream", &["merge", "nest", "pool", "delta"]),
    ("tree", &["tree"]),
    ("repo", &["repo"]),
    (
        "jobs",
        &[
            "backup",
            "restore",
            "regress",
            "compare",
            "explain",
            "verify",
            "list",
            "diff",
            "status",
            "read",
            "remove",
            "purge",
            "statistics",
        ],
    ),
];

const CLI: Layers = &[
    ("words", &["exit", "limits", "level", "fold", "style", "yaml", "stop", "advice"]),
    ("job files", &["job"]),
    ("requests", &["action"]),
    ("reading", &["args", "complete", "locate", "ssh"]),
    ("output", &["json", "meter", "ui", "progress", "report"]),
    ("actions", &["run", "companions"]),
    ("nightly", &["tasks", "doctor", "setup"]),
    ("choice", &["dispatch"]),
];

/// The maps of the crates, programs, and what serves tests: above all layers, so no module may use them.
const OUTSIDE: &[&str] = &["lib", "main", "bin", "testing"];

fn layer_of(module: &str, layers: Layers) -> Option<usize> {
    layers.iter().position(|(_, modules)| modules.contains(&module))
}

/// Every Rust file below a directory.
fn rust_files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// The module that a file belongs to: the first component of its path, without the ending.
fn module_of(file: &Path, src: &Path) -> String {
    let first = file.strip_prefix(src).unwrap().components().next().unwrap();
    Path::new(first.as_os_str()).file_stem().unwrap().to_str().unwrap().to_owned()
}

/// The code of a line, without its comment. Good enough: no string of ours holds `//` before `crate::`.
fn code_of(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

/// The modules that a source text names after `crate::`, alone or in braces.
fn used_by(text: &str) -> BTreeSet<String> {
    let code = text.lines().map(code_of).collect::<Vec<_>>().join("\n");
    let mut used = BTreeSet::new();
    for (at, found) in code.match_indices("crate::") {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &code[at + found.len()..];
        match rest.strip_prefix('{') {
            Some(group) => used.extend(first_names(group)),
            None => used.extend(first_name(rest)),
        }
    }
    used
}

/// The first component of each path in a group of a `use`, up to the brace that closes it.
fn first_names(group: &str) -> Vec<String> {
    let (mut depth, mut begins, mut names) = (0, true, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => begins = true,
            _ if c.is_whitespace() => {}
            _ if begins => {
                begins = false;
                names.extend(first_name(&group[at..]));
            }
            _ => {}
        }
    }
    names
}

fn first_name(path: &str) -> Option<String> {
    let name: String = path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

#[test]
fn no_arrow_points_up() {
    let wrong = [wrong_arrows("rdiff-core", CORE), wrong_arrows("rdiff-cli", CLI)].concat();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn wrong_arrows(name: &str, layers: Layers) -> Vec<String> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name(name).join("src");
    let mut files = Vec::new();
    rust_files(&src, &mut files);
    files.sort();
    let mut wrong = Vec::new();
    for file in &files {
        let module = module_of(file, &src);
        if OUTSIDE.contains(&module.as_str()) {
            continue;
        }
        let shown = file.strip_prefix(&src).unwrap().display();
        let Some(layer) = layer_of(&module, layers) else {
            wrong.push(format!("{name}: {shown}: the module {module} stands in no layer"));
            continue;
        };
        for used in used_by(&fs::read_to_string(file).unwrap()) {
            match layer_of(&used, layers) {
                Some(other) if other <= layer => {}
                Some(other) => wrong.push(format!(
                    "{name}: {shown}: {module} ({}) uses {used} ({}), which is above it",
                    layers[layer].0, layers[other].0
                )),
                None => {
                    wrong.push(format!("{name}: {shown}: {module} uses {used}, which stands in no layer"));
                }
            }
        }
    }
    wrong
}

#[test]
fn arrows_are_seen() {
    let text = "use crate::path::RepoPath;\n\
                use crate::{\n    error::{Error, Result},\n    tree,\n};\n\
                /// See [`crate::backup`].\n\
                pub(in crate::delta) fn f() -> crate::time::SessionTime {} // crate::list\n\
                use mycrate::restore;\n";
    let used: Vec<String> = used_by(text).into_iter().collect();
    assert_eq!(used, ["delta", "error", "path", "time", "tree"]);
}
