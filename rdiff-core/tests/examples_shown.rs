//! Every public item is shown in an example that runs: the documentation of this crate and of rdiff-mount is read as
//! text, and what it lacks is listed.
//!
//! The rule, for both crates:
//!
//! 1. A public function that is no method has an example of its own, or is called in the example of its module.
//! 2. A public trait, structure or enumeration is named in an example somewhere in its crate. Its methods count as
//!    shown with it: what each does is one line.
//! 3. A module with public items has an example: its own, or on one of its items.
//!
//! What serves tests alone (the feature `testing`) is left out. Blocks marked `text` are no examples; those marked
//! `no_run` are, for they are compiled: they need a server, a mount or a terminal.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

/// A folder and a file whose items exist with the feature `testing` only.
const TESTING: [&str; 2] = ["testing", "scripted.rs"];

#[derive(Debug)]
enum Item {
    Function(String),
    Type(String),
}

/// A file of sources: what it makes public, and what its examples say.
struct Page {
    file: PathBuf,
    items: Vec<Item>,
    examples: String,
}

fn read(file: PathBuf) -> Page {
    let text = fs::read_to_string(&file).unwrap();
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap();
    let mut page = Page { file, items: Vec::new(), examples: String::new() };
    // Inside an example, and inside a block of another kind.
    let (mut shown, mut other) = (false, false);
    for line in code.lines() {
        let doc = line.trim_start().strip_prefix("///").or_else(|| line.strip_prefix("//!"));
        match doc.map(str::trim) {
            Some(fence) if fence.starts_with("```") => match (shown, other) {
                (false, false) if ["```", "```no_run"].contains(&fence) => shown = true,
                (false, false) => other = true,
                _ => (shown, other) = (false, false),
            },
            Some(example) if shown => page.examples.extend([example, "\n"]),
            Some(_) => {}
            None => page.items.extend(item(line)),
        }
    }
    page
}

/// What a line at the margin makes public.
fn item(line: &str) -> Option<Item> {
    let rest = line.strip_prefix("pub ")?;
    let name = |rest: &str| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap().to_owned();
    let function = rest.strip_prefix("fn ").or_else(|| rest.strip_prefix("const fn "));
    let kind = ["struct ", "enum ", "trait "].iter().find_map(|kind| rest.strip_prefix(kind));
    function.map(|f| Item::Function(name(f))).or_else(|| kind.map(|k| Item::Type(name(k))))
}

fn pages(dir: &Path, found: &mut Vec<Page>) {
    let mut entries: Vec<_> = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if TESTING.contains(&&*name) {
            continue;
        }
        if path.is_dir() {
            pages(&path, found);
        } else if name.ends_with(".rs") && !name.contains("tests") {
            found.push(read(path));
        }
    }
}

fn says(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        !part(text[..at].chars().next_back()) && !part(text[at + word.len()..].chars().next())
    })
}

/// The example of a module stands in its file, or in `mod.rs` of its directory, or in the file beside that.
fn examples_of_module(page: &Page, all: &[Page]) -> String {
    let dir = page.file.parent().unwrap();
    let near = |other: &&Page| {
        other.file == page.file || other.file == dir.join("mod.rs") || other.file == dir.with_extension("rs")
    };
    all.iter().filter(near).map(|other| &*other.examples).collect()
}

#[test]
fn every_public_item_is_shown_in_an_example() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let (mut functions, mut types, mut missing) = (0, 0, Vec::new());
    for krate in ["rdiff-core", "rdiff-mount"] {
        let mut all = Vec::new();
        pages(&root.join(krate).join("src"), &mut all);
        let everywhere: String = all.iter().map(|page| &*page.examples).collect();
        for page in &all {
            let module = examples_of_module(page, &all);
            let place = page.file.strip_prefix(root).unwrap().display();
            if module.is_empty() && !page.items.is_empty() {
                missing.push(format!("{place}: no example at all"));
            }
            for item in &page.items {
                match item {
                    Item::Function(name) => {
                        functions += 1;
                        let called = [format!("{name}("), format!("{name}::<")];
                        if !called.iter().any(|call| module.contains(call)) {
                            missing.push(format!("{place}: fn {name}"));
                        }
                    }
                    Item::Type(name) => {
                        types += 1;
                        if !says(&everywhere, name) {
                            missing.push(format!("{place}: {name}"));
                        }
                    }
                }
            }
        }
    }
    // The scan itself has not gone blind.
    assert!(functions > 60 && types > 150, "{functions} functions and {types} types were found");
    assert!(missing.is_empty(), "{} items without an example:\n{}", missing.len(), missing.join("\n"));
    println!("{functions} functions and {types} types have examples");
}
