//! Records with sizes that no file can have.

use crate::{Victim, edit_gz, name_of};
use rdiff_core::monitor::Silent;
use rdiff_core::repo::Repository;
use rdiff_core::verify::{VerifyRequest, verify};
use std::fs;
use std::sync::Arc;

/// Puts the largest number there is in place of all sizes.
fn as_large_as_can_be(text: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    let line = |line: &str| match line.strip_prefix("  Size ") {
        Some(_) => format!("  Size {}\n", u64::MAX),
        None => format!("{line}\n"),
    };
    text.lines().map(line).collect::<String>().into_bytes()
}

#[test]
fn sizes_that_no_file_can_have_are_damage_like_others() {
    let victim = Victim::new();
    for file in fs::read_dir(victim.data("")).expect("a directory").map(|e| e.expect("an entry").path()) {
        if name_of(&file).starts_with("mirror_metadata") && name_of(&file).ends_with(".gz") {
            edit_gz(&file, |text| as_large_as_can_be(&text));
        }
    }
    let repo = Arc::new(Repository::open(&victim.repo()).expect("a repository"));
    for in_memory in [0, 1 << 20, u64::MAX] {
        let request = VerifyRequest { in_memory, ..VerifyRequest::default() };
        let report = verify(&repo, &request, &Silent).expect("a report");
        assert!(report.bad_files > 0 && report.damaged.is_empty(), "{report:?}");
    }
    victim.assert_says(&["size or SHA-1 differ"]);
}
