//! Restores from the repository of a job.

use std::fs;

use crate::lab::{Lab, RealEntry};
use crate::person::Person;
use rdiff_mount::fstab::FstabEntry;

#[test]
fn a_restore_to_the_host_shows_what_it_would_do_and_needs_force() {
    let lab = Lab::new();
    let person = Person::who_may_log_in(&lab);
    let place = person.home.join("mounts/web");
    person.sh(&format!("mkdir -p {place}")).with(0);
    let line = format!(
        "root@remotehost:{} {place} fuse.sshfs user,noauto,ro,BatchMode=yes,no_contain_symlinks 0 0",
        lab.path("src")
    );
    let _entry = RealEntry::add(&FstabEntry::parse(line.as_bytes()).unwrap());
    let source = format!("root@remotehost:{}", lab.path("src"));
    person
        .line(&format!("job add web {source} --repo backups/web --via fstab --mount-point mounts/web"))
        .with(0);
    person.line("job run web").with(0);
    fs::write(lab.path("src/hello"), "overwritten by mistake\n").unwrap();
    fs::write(lab.path("src/sub/new"), "made since\n").unwrap();
    fs::remove_file(lab.path("src/plain")).unwrap();

    for asked in ["job restore web --in-place", "job restore web --in-place --dry-run"] {
        let text = person.line(asked).with(i32::from(!asked.contains("dry")));
        assert!(text.contains("overwrite hello\n") && text.contains("DELETE    sub/new\n"), "{text}");
        assert!(text.contains("1 deleted, 1 made\n"), "{text}");
        assert_eq!(fs::read_to_string(lab.path("src/hello")).unwrap(), "overwritten by mistake\n");
    }
    let text = person.line("--force job restore web --in-place").with(0);
    assert!(text.contains("restored all of "), "{text}");
    assert_eq!(fs::read_to_string(lab.path("src/hello")).unwrap(), "hello\n");
    assert!(!lab.path("src/sub/new").exists() && fs::read_link(lab.path("src/plain")).is_ok());
    assert!(lab.mounts().is_empty(), "{:?}", lab.mounts());

    // A file that is gone, and a directory to another place there.
    fs::remove_file(lab.path("src/sub/deep/file")).unwrap();
    person.line("job restore web --in-place --path sub/deep/file").with(0);
    assert_eq!(fs::metadata(lab.path("src/sub/deep/file")).unwrap().len(), 300_000);
    person
        .line(&format!("job restore web --path sub/deep --to root@remotehost:{}", lab.path("elsewhere")))
        .with(0);
    assert!(lab.path("elsewhere/file").exists());
    assert!(lab.mounts().is_empty(), "{:?}", lab.mounts());

    // The guide's way: the mount point is read-only, and says what to do.
    person.sh(&format!("mount {place}")).with(0);
    let text = person.line(&format!("--force -r now backups/web {place}")).with(1);
    assert!(text.contains("read-only"), "{text}");
    person.sh(&format!("umount {place}")).with(0);
}

#[test]
fn a_restore_to_this_machine_of_an_old_time() {
    let lab = Lab::for_sftp();
    let person = Person::who_may_log_in(&lab);
    person.line(&format!("job add web root@remotehost:{} --repo backups/web", lab.path("src"))).with(0);
    person.line("job run web").with(0);
    let text = person.line("job restore web --at 10D --to old").with(2);
    assert_eq!(
        text.matches("WARNING: no session is as old as 10D; the oldest is taken").count(),
        1,
        "{text}"
    );
    assert_eq!(text.matches("WARNING").count(), 1, "{text}");
    assert_eq!(person.read("old/hello"), "hello\n");

    // A file goes into a directory that is there, and not in its place.
    person.line("job restore web --path hello --to old/sub").with(0);
    assert_eq!(person.read("old/sub/hello"), "hello\n");
    person.file("old/sub/hello", "mine\n");
    let text = person.line("job restore web --path hello --to old/sub").with(1);
    assert!(text.contains("overwrite") && text.contains("--force"), "{text}");
    assert_eq!(person.read("old/sub/hello"), "mine\n");

    for (line, says) in [
        ("job restore web --path ../x --to new", "below the source"),
        ("job restore web --path gone --to new", "was not there at"),
        ("job restore nosuch --to new", "there is no job 'nosuch'"),
        ("job restore web --at soon --to new", "bad time string"),
    ] {
        let text = person.line(line).with(1);
        assert!(text.contains(says) && !person.home.join("new").exists(), "{text}");
    }
}
