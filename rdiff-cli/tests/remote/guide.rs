//! The guide's walkthrough, as its ordinary user with a real entry in fstab.

use super::lab::{Lab, RealEntry, User, run};
use camino::Utf8PathBuf;
use rdiff_mount::fstab::FstabEntry;
use std::fs;

/// Types lines into the user's shell, with the program in his path.
struct Shell<'a> {
    user: &'a User,
    bin: Utf8PathBuf,
}

impl Shell<'_> {
    #[track_caller]
    fn types(&self, line: &str, code: i32) -> String {
        let line = format!("export PATH={}:$PATH HOME={}; cd; {line}", self.bin, self.user.home);
        let done = self.user.run("sh", &["-c", &line]);
        let said = done.stdout_text() + &done.stderr_text();
        assert_eq!(done.exit, rdiff_mount::runner::Exit::Code(code), "{line}: {said}");
        said
    }
}

#[test]
fn the_guides_commands_work_and_where_it_is_wrong_that_is_said() {
    let lab = Lab::new();
    let user = User::new(&lab);
    let bin = lab.dir("bin");
    fs::copy(env!("CARGO_BIN_EXE_rdiff-backup"), bin.join("rdiff-backup")).unwrap();
    let shell = Shell { user: &user, bin };
    let (src, mnt) = (lab.path("src"), user.mount_point());
    let line = format!("sshfs#root@remotehost:{src} {mnt} fuse user,noauto,ro 0 0");
    let _entry = RealEntry::add(&FstabEntry::parse(line.as_bytes()).unwrap());
    // The older sessions of ten days and more ago.
    let at = |days: u64| (super::now() - days * 86_400).to_string();
    // What its options can't carry, and is warned of: see docs/sshfs.md for better ones.
    fs::remove_file(src.join("absolute")).unwrap();
    fs::remove_file(src.join("sub/upward")).unwrap();
    shell.types(&format!("mkdir -p backups && mount {mnt}"), 0);
    fs::write(src.join("hello"), "of long ago\n").unwrap();
    let old = format!("rdiff-backup --current-time {} {mnt} backups/web", at(12));
    shell.types(&old, 0);
    fs::write(src.join("hello"), "of today, and longer\n").unwrap();
    shell.types(&format!("umount {mnt}; mount {mnt}"), 0);
    let said = shell.types(&format!("rdiff-backup -v5 {mnt} backups/web"), 0);
    assert!(said.contains("Processing changed file hello") && !said.contains("deprecated"), "{said}");
    assert!(said.contains("sshfs carries no hard links"), "{said}");

    // A read-only mount is no target, whatever else is said.
    for options in ["-r now", "--force -r now", "-r 10D"] {
        let said = shell.types(&format!("rdiff-backup {options} backups/web {mnt}"), 1);
        assert!(said.contains("is read-only") && said.contains(&format!("root@remotehost::{src}")), "{said}");
    }
    shell.types(&format!("umount {mnt}"), 0);
    shell.types("rdiff-backup -r 10D backups/web old && rdiff-backup -r now backups/web new", 0);
    assert_eq!(fs::read(user.home.join("old/hello")).unwrap(), b"of long ago\n");
    assert_eq!(fs::read(user.home.join("new/hello")).unwrap(), b"of today, and longer\n");

    // What the guide means, done right: straight to the remote, through a mount made for it.
    let there = format!("root@remotehost::{src}");
    let said = shell.types(&format!("rdiff-backup -r 10D backups/web {there}"), 1);
    assert!(said.contains("exists and isn't empty"), "{said}");
    shell.types(&format!("rdiff-backup --force -r 10D backups/web {there}"), 2);
    assert_eq!(fs::read(src.join("hello")).unwrap(), b"of long ago\n");

    // Its night script when the mount does not work: an empty directory is no source.
    let said = shell.types(&format!("rdiff-backup {mnt} backups/web"), 1);
    assert!(said.contains("not mounted") && said.contains(&format!("'mount {mnt}' first")), "{said}");
    let said = shell.types(&format!("rdiff-backup -r now backups/web {mnt}"), 1);
    assert!(said.contains("would be written to this machine"), "{said}");
    assert!(run("ls", &["-A", mnt.as_str()]).stdout.is_empty());
    shell.types("rdiff-backup --verify backups/web", 0);
    // By the name of the host alone, and both command lines.
    shell.types(&format!("rdiff-backup root@remotehost::{src} backups/direct"), 0);
    shell.types(&format!("rdiff-backup test root@remotehost::{src}"), 0);

    // Onto a writable mount of his own, whose files belong to root there: what an ordinary user may not set, and is not
    // there, is not tried.
    lab.dir("writable");
    shell.types(&format!("mkdir own && sshfs root@remotehost:{} own", lab.path("writable")), 0);
    shell.types("rdiff-backup restore backups/web own/new", 0);
    let said = shell.types("rdiff-backup --force restore --at 10D backups/web own/new", 2);
    assert!(!said.contains("permitted") && said.lines().count() == 2, "{said}");
    assert_eq!(fs::read(lab.path("writable/new/hello")).unwrap(), b"of long ago\n");
    shell.types("fusermount3 -u own", 0);
    assert!(lab.mounts().is_empty(), "{:?}", lab.mounts());
}
