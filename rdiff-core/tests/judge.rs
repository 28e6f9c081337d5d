//! Does the judge of repositories notice? A golden repository is damaged, once for each rule.

mod support;

use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use filetime::FileTime;
use support::check::check_repository;
use support::golden::Golden;
use support::is_root;

/// The sessions of most golden repositories, as they are written in names.
const FIRST: &str = "2023-11-14T22:13:20Z";
const SECOND: &str = "2023-11-15T22:13:20Z";

/// A repository to be damaged.
struct Victim(Golden);

impl Victim {
    fn repo(&self, path: &str) -> PathBuf {
        self.0.repo().join(path)
    }

    fn data(&self, path: &str) -> PathBuf {
        self.repo("rdiff-backup-data").join(path)
    }

    /// The only file in `rdiff-backup-data` whose name begins and ends so.
    fn find(&self, begin: &str, end: &str) -> PathBuf {
        let names =
            std::fs::read_dir(self.data("")).expect("a list").map(|e| e.expect("an entry").file_name());
        let fits = |n: &str| n.starts_with(begin) && n.ends_with(end);
        let found: Vec<_> = names.filter(|n| n.to_str().is_some_and(fits)).collect();
        assert_eq!(found.len(), 1, "{begin}*{end}: {found:?}");
        self.data("").join(&found[0])
    }

    /// Changes the text of the newest metadata.
    fn edit_newest(&self, change: impl FnOnce(String) -> String) {
        edit_text_gz(&self.find("mirror_metadata.2023-11-1", ".snapshot.gz"), change);
    }
}

fn edit_gz(path: &Path, change: impl FnOnce(Vec<u8>) -> Vec<u8>) {
    let (packed, mut plain) = (std::fs::read(path).expect("a file"), Vec::new());
    flate2::read::GzDecoder::new(&*packed).read_to_end(&mut plain).expect("gzip");
    let changed = change(plain.clone());
    assert!(changed != plain, "{} was not damaged", path.display());
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    out.write_all(&changed).expect("memory");
    std::fs::write(path, out.finish().expect("memory")).expect("a file");
}

/// The same for text. A char stands for a byte here.
fn edit_text_gz(path: &Path, change: impl FnOnce(String) -> String) {
    let bytes = |text: String| text.chars().map(|c| u8::try_from(c).expect("a byte")).collect();
    edit_gz(path, |b| bytes(change(b.into_iter().map(char::from).collect())));
}

fn rename(from: PathBuf, to: PathBuf) {
    std::fs::rename(&from, &to).unwrap_or_else(|e| panic!("{} to {}: {e}", from.display(), to.display()));
}

fn write(path: PathBuf, bytes: &[u8]) {
    std::fs::write(path, bytes).expect("a file");
}

/// Does something to a file of the mirror, and puts its mtime back.
fn quietly(path: PathBuf, change: impl FnOnce(&Path)) {
    let before = std::fs::metadata(&path).expect("a file");
    change(&path);
    filetime::set_file_mtime(&path, FileTime::from_last_modification_time(&before)).expect("a time");
}

/// The record of a path cut out of metadata: (before, record, after).
fn cut<'a>(text: &'a str, path: &str) -> (&'a str, &'a str, &'a str) {
    let start = text.find(&format!("File {path}\n")).expect("the record");
    let end = text[start..].find("\nFile ").map_or(text.len(), |e| start + e + 1);
    (&text[..start], &text[start..end], &text[end..])
}

/// Damages a repository and demands that the judge reports this rule.
#[track_caller]
fn bites(check: u32, name: &str, damage: impl FnOnce(&Victim)) {
    if !is_root("judge") {
        return;
    }
    let victim = Victim(Golden::unpack(name));
    damage(&victim);
    let found = check_repository(&victim.repo(""));
    let number = format!("check {check}: ");
    assert!(found.iter().any(|f| f.starts_with(&number)), "check {check} is not among {found:#?}");
}

#[test]
fn markers_and_the_chain_of_metadata() {
    bites(1, "unchanged", |v| write(v.data(&format!("current_mirror.{FIRST}.data")), b"PID 1\n"));
    bites(1, "unchanged", |v| {
        std::fs::remove_file(v.find("mirror_metadata.", ".snapshot.gz")).expect("there");
    });
    bites(2, "unchanged", |v| write(v.find("current_mirror.", ".data"), b"PID what\n"));
    bites(3, "types", |v| {
        let newest = v.find("mirror_metadata.", ".snapshot.gz");
        rename(newest.clone(), PathBuf::from(newest.display().to_string().replace("snapshot", "diff")));
    });
    bites(3, "types", |v| {
        let newest = v.find("mirror_metadata.", ".snapshot.gz");
        rename(newest.clone(), newest.with_extension(""));
    });
    bites(4, "unchanged", |v| write(v.data("mirror_metadata.2023-11-15T00:13:20+02:00.diff"), b""));
    bites(5, "chain-of-14", |v| {
        let middle = v.find("mirror_metadata.2023-11-22", ".snapshot.gz");
        rename(middle.clone(), PathBuf::from(middle.display().to_string().replace("snapshot", "diff")));
    });
}

#[test]
fn instants_and_names() {
    let increment = |time: &str| format!("increments/reg-changed.{time}.diff.gz");
    bites(6, "types", |v| rename(v.data(&increment(FIRST)), v.data(&increment("2023-11-14T23:13:20Z"))));
    bites(7, "types", |v| {
        rename(
            v.find("session_statistics.2023-11-14", ""),
            v.data("session_statistics.2023-11-14T23:13:20Z.data"),
        );
    });
    bites(8, "types", |v| rename(v.data(&increment(FIRST)), v.data(&increment("2023-02-31T22:13:20Z"))));
    bites(8, "types", |v| write(v.data("increments/stray"), b""));
    bites(9, "types", |v| write(v.data("increments/reg-new.2023-11-16T22:13:20Z.missing"), b""));
    bites(10, "types", |v| {
        let copy = v.data(&increment("2023-11-15T00:13:20+02:00"));
        std::fs::copy(v.data(&increment(FIRST)), copy).expect("a copy");
    });
}

#[test]
fn increments() {
    bites(11, "types", |v| write(v.data(&format!("increments/dir-new.{FIRST}.missing")), b"x"));
    bites(11, "types", |v| write(v.data(&format!("increments/dir-changed.{FIRST}.dir")), b"x"));
    let diff = format!("increments/reg-changed.{FIRST}.diff.gz");
    bites(12, "types", |v| edit_gz(&v.data(&diff), |d| [b"sr", &d[2..]].concat()));
    bites(12, "types", |v| edit_gz(&v.data(&diff), |d| d[..d.len() - 1].to_vec()));
    bites(12, "types", |v| edit_gz(&v.data(&diff), |d| [&d[..4], &[0x45, 0, 200, 0]].concat()));
    bites(13, "types", |v| {
        let old = v.data(&format!("increments/reg-removed.{FIRST}.snapshot.gz"));
        rename(old, v.data(&format!("increments/reg-removed.{FIRST}.diff.gz")));
    });
    bites(13, "types", |v| {
        let old = v.data(&format!("increments/reg-new.{FIRST}.missing"));
        rename(old, v.data(&format!("increments/reg-changed.{SECOND}.missing")));
    });
    let link = format!("increments/sym-removed.{FIRST}.snapshot");
    bites(14, "types", |v| {
        std::fs::remove_file(v.data(&link)).expect("there");
        symlink("elsewhere", v.data(&link)).expect("a link");
    });
    bites(14, "types", |v| {
        std::fs::remove_file(v.data(&link)).expect("there");
        write(v.data(&link), b"target");
    });
    bites(15, "types", |v| {
        std::fs::remove_file(v.data(&format!("increments/dir-changed.{FIRST}.dir"))).expect("there");
    });
    bites(15, "types", |v| {
        std::fs::remove_file(v.find(&format!("increments.{FIRST}"), "dir")).expect("there");
    });
    bites(15, "types", |v| {
        std::fs::remove_file(v.data(&format!("increments/sym-new.{FIRST}.missing"))).expect("there");
    });
    bites(16, "unchanged", |v| write(v.data(&format!("increments/d.{FIRST}.dir")), b""));
}

#[test]
fn records() {
    bites(17, "types", |v| v.edit_newest(|t| cut(&t, ".").2.to_owned()));
    bites(18, "types", |v| {
        v.edit_newest(|t| {
            let (before, record, after) = cut(&t, "empty");
            [before, after, record].concat()
        });
    });
    bites(19, "types", |v| {
        v.edit_newest(|t| {
            let (before, _, after) = cut(&t, "dir-changed");
            [before, after].concat()
        });
    });
    bites(20, "types", |v| {
        v.edit_newest(|t| {
            let (before, record, after) = cut(&t, "reg-attributes");
            [before, &record.replace("reg-attributes", "rdiff-backup-data"), record, after].concat()
        });
    });
    bites(21, "types", |v| v.edit_newest(|t| t.replacen("  Size 8\n", "", 1)));
    bites(21, "types", |v| v.edit_newest(|t| t.replacen("  DeviceNum", "  ModTime 1\n  DeviceNum", 1)));
    bites(22, "types", |v| v.edit_newest(|t| t.replacen("Permissions 493", "Permissions 4096", 1)));
    bites(22, "types", |v| v.edit_newest(|t| t.replacen("SHA1Digest ", "SHA1Digest F", 1)));
    bites(23, "types", |v| v.edit_newest(|t| t.replacen("Uname root", "Uname ro\u{f6}t", 1)));
    bites(24, "hard-links", |v| {
        v.edit_newest(|t| t.replacen("File b0\n  Type reg\n", "File b0\n  Type reg\n  SHA1Digest 00\n", 1));
    });
    bites(24, "hard-links", |v| v.edit_newest(|t| t.replacen("  NumHardLinks 6\n", "  NumHardLinks 2\n", 1)));
    bites(25, "types", |v| {
        v.edit_newest(|t| {
            let (before, record, after) = cut(&t, "reg-same");
            let kept = record.lines().filter(|l| !l.contains("SHA1Digest"));
            let kept: String = kept.flat_map(|l| [l, "\n"]).collect();
            [before, &kept, after].concat()
        });
    });
}

#[test]
fn the_mirror() {
    bites(26, "types", |v| std::fs::remove_file(v.repo("reg-same")).expect("there"));
    bites(26, "types", |v| write(v.repo("foreign"), b""));
    bites(27, "types", |v| {
        quietly(v.repo("reg-same"), |p| {
            let length = std::fs::metadata(p).expect("there").len();
            write(p.to_owned(), &vec![b'x'; usize::try_from(length).expect("small")]);
        });
    });
    bites(27, "types", |v| filetime::set_file_mtime(v.repo("dir-same"), FileTime::zero()).expect("a time"));
    bites(27, "types", |v| {
        std::fs::remove_file(v.repo("sym-same")).expect("there");
        symlink("elsewhere", v.repo("sym-same")).expect("a link");
    });
    bites(28, "types", |v| {
        std::fs::set_permissions(v.repo("fifo-same"), PermissionsExt::from_mode(0o600)).expect("chmod");
    });
    bites(28, "types", |v| {
        std::os::unix::fs::chown(v.repo("reg-same"), Some(7), None).expect("chown");
    });
    bites(28, "acls-xattrs", |v| xattr::set(v.repo("xattr"), "user.more", b"1").expect("an xattr"));
    bites(28, "acls-xattrs", |v| {
        xattr::remove(v.repo("acl"), "system.posix_acl_access").expect("an ACL");
        std::fs::set_permissions(v.repo("acl"), PermissionsExt::from_mode(0o660)).expect("chmod");
    });
}

#[test]
fn contents_and_leftovers() {
    bites(29, "types", |v| {
        edit_gz(&v.data(&format!("increments/reg-removed.{FIRST}.snapshot.gz")), |b| vec![b'x'; b.len()]);
    });
    bites(29, "types", |v| {
        edit_gz(&v.data(&format!("increments/big.{SECOND}.diff.gz")), |mut d| {
            let middle = d.len() / 2;
            d[middle] ^= 1;
            d
        });
    });
    bites(30, "types", |v| {
        // what the newest session says of a path that is the same in both
        let mut same = String::new();
        v.edit_newest(|t| {
            same = cut(&t, "reg-same").1.to_owned();
            t + "\n"
        });
        edit_text_gz(&v.find(&format!("mirror_metadata.{SECOND}"), "diff.gz"), |t| t + &same);
    });
    bites(31, "types", |v| write(v.repo("rdiff-backup.tmp.3"), b""));
    bites(31, "types", |v| std::fs::create_dir(v.data("rdiff-backup.tmp.0")).expect("a directory"));
    bites(31, "types", |v| write(v.data("increments/rdiff-backup.tmp.1"), b""));
}

#[test]
fn long_names_quoting_and_attribute_files() {
    bites(32, "long-names", |v| write(v.data("long_filename_data/next_free"), b"3"));
    bites(32, "long-names", |v| {
        v.edit_newest(|t| t.replacen("AlternateIncrementName 9\n", "AlternateIncrementName 10\n", 1));
    });
    bites(33, "long-names", |v| {
        v.edit_newest(|t| t.replacen("AlternateIncrementName 9\n", "AlternateIncrementName 0\n", 1));
    });
    bites(34, "types", |v| std::fs::remove_file(v.data("special_escapes")).expect("there"));
    let newest = "extended_attributes.2023-11-16";
    let edit = |v: &Victim, change: fn(String) -> String| {
        edit_text_gz(&v.find(newest, "gz"), change);
    };
    bites(35, "acls-xattrs", |v| edit(v, |t| t.replacen("# file: xattr\n", "# file: nobody\n", 1)));
    bites(35, "acls-xattrs", |v| edit(v, |t| [&t, "# file: acl\nuser.x\n"].concat()));
    bites(35, "acls-xattrs", |v| edit(v, |t| t.replacen("=0s", "=0x", 1)));
}

#[test]
fn what_is_quoted_is_judged_too() {
    let time = "2023-11-14;08422-13-20;090";
    bites(26, "quoted", |v| std::fs::remove_file(v.repo(";070ile")).expect("there"));
    bites(12, "quoted", |v| edit_gz(&v.data(&format!("increments/;070ile.{time}.diff.gz")), |_| vec![1]));
    bites(26, "long-names-quoted", |v| std::fs::remove_file(v.data("long_filename_data/9")).expect("there"));
    bites(27, "long-names-quoted", |v| write(v.data("long_filename_data/9"), b"x"));
    bites(29, "long-names-quoted", |v| {
        edit_gz(&v.data("long_filename_data/7.2023-11-15;08422:13:20;090.snapshot.gz"), |b| {
            vec![b'x'; b.len()]
        });
    });
}
