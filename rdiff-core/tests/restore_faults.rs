//! A restore over a tree that is there, with each of its operations failing once: whatever fails, each file is as it
//! was before or as it was backed up, and nothing of ours is left beside it.
#![allow(clippy::unwrap_used, reason = "a test that can't go on panics")]

use std::fs;
use std::path::Path;

use rdiff_core::restore::RestoreRequest;
use rdiff_core::testing::{Fault, restore_on, two_sessions};
use rdiff_core::time::SessionTime;
use rustix::io::Errno;

/// A target in which every file has to be written anew.
fn plant(target: &Path) {
    fs::create_dir(target).unwrap();
    fs::write(target.join("note"), "something else, and longer").unwrap();
}

#[test]
fn a_restore_that_fails_leaves_no_file_half_done_and_none_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let repo = two_sessions(dir.path()).unwrap();
    let request = RestoreRequest { overwrite: true, ..RestoreRequest::new(SessionTime(1_700_000_000)) };
    let restore = |name: &str, fault: Fault| {
        let (target, graveyard) = (dir.path().join(name), dir.path().join(format!("graves of {name}")));
        plant(&target);
        fs::create_dir(&graveyard).unwrap();
        let (done, operations) = restore_on(&repo, &target, &request, &graveyard, fault);
        let names: Vec<_> = fs::read_dir(&target).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["note"], "{fault:?}");
        (done, operations, fs::read_to_string(target.join("note")).unwrap())
    };
    let (done, operations, text) = restore("whole", Fault::Never);
    assert_eq!((done.unwrap().problems, text.as_str()), (0, "first"));
    let mut failed = 0;
    for n in 0..operations {
        let (done, _, text) = restore(&format!("to {n}"), Fault::Once(n, Errno::IO.raw_os_error()));
        failed += u32::from(done.is_err());
        assert!(text == "first" || text == "something else, and longer", "operation {n}: {text:?}");
    }
    assert!(operations >= 4 && failed >= 4, "{failed} of {operations} operations failed the restore");
}
