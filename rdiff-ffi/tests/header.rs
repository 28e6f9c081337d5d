//! The checked-in header is what cbindgen makes of the sources, and a compiler of each language takes it.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

#[test]
fn the_header_is_that_of_the_sources() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(here.join("cbindgen.toml")).unwrap();
    let mut made = Vec::new();
    cbindgen::Builder::new().with_crate(here).with_config(config).generate().unwrap().write(&mut made);
    let made = String::from_utf8(made).unwrap();
    let place = here.join("include/rdiff.h");
    if std::env::var_os("UPDATE_HEADER").is_some() {
        std::fs::write(&place, &made).unwrap();
    }
    let checked_in = std::fs::read_to_string(place).unwrap_or_default();
    let differs = checked_in.lines().zip(made.lines()).position(|(a, b)| a != b);
    assert!(
        checked_in == made,
        "include/rdiff.h is not what the sources say (from line {:?}); make it again with UPDATE_HEADER=1 cargo test -p \
         rdiff-ffi --test header",
        differs.map(|line| line + 1)
    );
}

#[test]
fn every_exported_function_is_declared_and_documented() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let header = std::fs::read_to_string(here.join("include/rdiff.h")).unwrap();
    let guide = std::fs::read_to_string(here.join("../docs/c-api.md")).unwrap();
    let library = std::env::current_exe().unwrap().with_file_name("librdiff.so");
    let symbols = Command::new("nm").args(["-D", "--defined-only"]).arg(library).output().unwrap();
    let symbols = String::from_utf8(symbols.stdout).unwrap();
    let names: Vec<&str> = symbols.lines().filter_map(|l| l.rsplit(' ').next()).collect();
    assert!(names.len() > 30, "{names:?}");
    for name in names {
        assert!(name.starts_with("rdiff_"), "{name} is exported, and can clash with others");
        assert!(header.contains(&format!("{name}(")), "{name} is not in the header");
        assert!(guide.contains(&format!("`{name}`")), "{name} is not in docs/c-api.md");
    }
}
