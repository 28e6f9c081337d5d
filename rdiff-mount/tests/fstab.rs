//! fstab: nothing is lost, both spellings are understood, the file changes all at once.
#![allow(clippy::unwrap_used)] // a test that cannot go on panics

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use camino::Utf8Path;
use proptest::prelude::*;
use rdiff_mount::error::MountError;
use rdiff_mount::fstab::{Fstab, FstabEntry, Spelling, explained};
use rdiff_mount::fstab_file::FstabFile;
use rdiff_mount::location::Remote;
use rdiff_mount::sshfs::{SshfsCapabilities, SshfsOptions};

const TYPICAL: &[u8] = b"# /etc/fstab\n\
UUID=1-2\t/ ext4\terrors=remount-ro 0 1\n\
\n\
  /dev/sdb1   /mnt/my\\040disk  auto  noauto,user\n\
sshfs#me@web:/srv /mnt/web fuse user,noauto,ro 0 0 # not a comment for mount(8)\n\
me@web:/srv /mnt/web2 fuse.sshfs port=2222,ro 0 0\n\
odd line\n\xff\xfe binary";

fn web(path: &str) -> Remote {
    Remote::new(Some("me"), "web", None, path).unwrap()
}

fn new_sshfs() -> SshfsCapabilities {
    SshfsCapabilities { version: "3.7.3".into(), contain_symlinks: true, dcache: true }
}

fn entry(spelling: Spelling) -> FstabEntry {
    let options = SshfsOptions { identity: Some("/home/me/.ssh/id_ed25519".into()), ..Default::default() };
    FstabEntry::for_sshfs(&web("/srv/a b"), Utf8Path::new("/mnt/a b"), &options, &new_sshfs(), spelling)
        .unwrap()
}

#[test]
fn both_spellings_are_found() {
    let fstab = Fstab::parse(TYPICAL);
    let sshfs = |place: &str| fstab.find(Utf8Path::new(place)).unwrap().sshfs().unwrap().unwrap();
    let (remote, spelling) = sshfs("/mnt/web");
    assert_eq!((remote.to_string().as_str(), spelling), ("me@web:/srv", Spelling::Hash));
    let (remote, spelling) = sshfs("/mnt/web2/");
    assert_eq!((remote.port(), spelling), (Some(2222), Spelling::Type));
    assert_eq!(fstab.find(Utf8Path::new("/mnt/my disk")).unwrap().sshfs().map(|_| ()), None);
}

#[test]
fn the_guides_example_taken_word_for_word_is_told_apart() {
    let line = b"<sshfs#user@remotehost>:/remote_path /home/rdbadmin/device_hostname fuse user,noauto,ro 0 0";
    let refused = FstabEntry::parse(line).unwrap().sshfs().unwrap().unwrap_err().to_string();
    assert!(refused.contains("'<' and '>'"), "{refused}");
}

#[test]
fn a_good_entry_is_rendered_in_both_spellings() {
    let options = "ro,noauto,user,_netdev,IdentityFile=/home/me/.ssh/id_ed25519,IdentitiesOnly=yes,BatchMode=yes,\
                   ConnectTimeout=10,ServerAliveInterval=15,ServerAliveCountMax=3,no_contain_symlinks";
    let rest = format!("{options} 0 0");
    assert_eq!(
        entry(Spelling::Type).to_string(),
        format!("me@web:/srv/a\\040b /mnt/a\\040b fuse.sshfs {rest}")
    );
    assert_eq!(
        entry(Spelling::Hash).to_string(),
        format!("sshfs#me@web:/srv/a\\040b /mnt/a\\040b fuse {rest}")
    );
    let reasons = explained(&web("/srv"), &SshfsOptions::default(), &new_sshfs());
    assert!(reasons.iter().all(|option| !option.why.is_empty()));
}

#[test]
fn what_fstab_cannot_hold_is_refused() {
    let refused = |options: SshfsOptions, place: &str| {
        FstabEntry::for_sshfs(&web("/srv"), Utf8Path::new(place), &options, &new_sshfs(), Spelling::Type)
            .unwrap_err()
    };
    let key = SshfsOptions { identity: Some("/home/me/my key".into()), ..Default::default() };
    assert!(matches!(refused(key, "/mnt"), MountError::BadValue { .. }));
    let shell = SshfsOptions { extra: vec!["ssh_command=$(x)".into()], ..Default::default() };
    assert!(matches!(refused(shell, "/mnt"), MountError::BadValue { .. }));
    assert!(matches!(refused(SshfsOptions::default(), "mnt/web"), MountError::NotAbsolute { .. }));
    assert!(matches!(refused(SshfsOptions::default(), "/mnt/../web"), MountError::NotAbsolute { .. }));
}

#[test]
fn adding_and_removing_leaves_every_byte() {
    for text in [TYPICAL, b"", b"\n", b"# no newline", b"a b c d\n\n\n"] {
        let mut fstab = Fstab::parse(text);
        fstab.add(&entry(Spelling::Type)).unwrap();
        assert!(matches!(fstab.add(&entry(Spelling::Hash)), Err(MountError::EntryExists { .. })));
        assert_eq!(fstab.replace(&entry(Spelling::Hash)), Some(entry(Spelling::Type)));
        assert_eq!(
            Fstab::parse(&fstab.to_bytes()).remove(Utf8Path::new("/mnt/a b")),
            Some(entry(Spelling::Hash))
        );
        fstab.remove(Utf8Path::new("/mnt/a b")).unwrap();
        assert_eq!(fstab.to_bytes(), text);
    }
}

#[test]
fn saving_keeps_mode_and_owner_and_a_copy() {
    let dir = tempfile::tempdir().unwrap();
    let (real, link) = (dir.path().join("real"), dir.path().join("fstab"));
    fs::write(&real, TYPICAL).unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    symlink("real", &link).unwrap();
    let before = fs::metadata(&real).unwrap();

    let mut file = FstabFile::open(&link).unwrap();
    assert_eq!(file.save().unwrap(), None);
    file.fstab.add(&entry(Spelling::Type)).unwrap();
    let copy = file.save().unwrap().unwrap();

    assert_eq!(fs::read(copy).unwrap(), TYPICAL);
    let after = fs::metadata(&real).unwrap();
    assert_eq!((after.mode(), after.uid(), after.gid()), (before.mode(), before.uid(), before.gid()));
    assert!(link.is_symlink());
    assert!(FstabFile::open(&real).unwrap().fstab.find(Utf8Path::new("/mnt/a b")).is_some());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
}

#[test]
fn a_file_changed_by_someone_else_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("fstab");
    fs::write(&path, TYPICAL).unwrap();
    let mut file = FstabFile::open(&path).unwrap();
    file.fstab.add(&entry(Spelling::Type)).unwrap();
    fs::write(&path, b"other\n").unwrap();
    assert!(matches!(file.save(), Err(MountError::ChangedMeanwhile { .. })));
    assert_eq!(fs::read(&path).unwrap(), b"other\n");
}

fn any_field() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z/#\\\\ \t\n]{1,8}", "\\PC{1,5}"]
}

proptest! {
    #[test]
    fn any_text_comes_back(text in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(Fstab::parse(&text).to_bytes(), text);
    }

    #[test]
    fn an_entry_survives_the_trip(
        fields in (any_field(), any_field(), any_field(), any_field()), numbers in any::<(u32, u32)>(),
    ) {
        let entry = FstabEntry {
            spec: fields.0, mount_point: fields.1.into(), fs_type: fields.2, options: fields.3,
            dump: numbers.0, pass: numbers.1,
        };
        prop_assert_eq!(FstabEntry::parse(&entry.to_line()), Some(entry));
    }

    #[test]
    fn add_then_remove_is_nothing(text in "[a-z #\n\t/]{0,60}") {
        let mut fstab = Fstab::parse(text.as_bytes());
        fstab.add(&entry(Spelling::Type)).unwrap();
        fstab.remove(Utf8Path::new("/mnt/a b")).unwrap();
        prop_assert_eq!(fstab.to_bytes(), text.as_bytes());
    }
}
