//! What the integration tests share: golden repositories, manifests, a judge of repositories, random trees.
//!
//! Nothing here uses the crate under test: what it says about a repository is a second opinion.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of this")]

pub mod check;
pub mod generator;
pub mod golden;
pub mod manifest;
pub mod real;

/// Can this test make devices, owners and `trusted.*`? Without root it says so and is passed over; under CI it fails.
pub fn is_root(test: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    assert!(root || std::env::var_os("CI").is_none(), "{test} needs root");
    if !root {
        eprintln!("{test} needs root: passed over");
    }
    root
}
