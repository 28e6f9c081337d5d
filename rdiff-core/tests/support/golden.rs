//! The golden repositories: where they are, how they are unpacked, which sessions they have.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use filetime::FileTime;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;

use super::manifest::{Kind, Manifest};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// The names of all golden repositories, sorted.
pub fn names() -> Vec<String> {
    let entries = std::fs::read_dir(directory()).expect("tests/golden can be listed");
    let files = entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned());
    let mut names: Vec<_> = files.filter_map(|n| n.strip_suffix(".tar.xz").map(str::to_owned)).collect();
    names.sort();
    names
}

/// An unpacked golden repository; the directory goes when it is dropped.
pub struct Golden {
    directory: TempDir,
    /// What the source was at each session, by its second.
    pub sessions: BTreeMap<i64, Manifest>,
}

impl Golden {
    /// Unpacks the repository of this name. Needs root, for owners and devices.
    pub fn unpack(name: &str) -> Self {
        let directory = tempfile::Builder::new().prefix(name).tempdir().expect("a temporary directory");
        let archive = self::directory().join(format!("{name}.tar.xz"));
        let options =
            ["--xattrs", "--xattrs-include=*", "--acls", "--numeric-owner", "--preserve-permissions"];
        let mut tar = Command::new("tar");
        tar.arg("--extract")
            .args(options)
            .arg("--file")
            .arg(archive)
            .arg("--directory")
            .arg(directory.path());
        let output = tar.output().expect("tar is installed");
        assert!(output.status.success(), "tar: {}", String::from_utf8_lossy(&output.stderr));
        let mut golden = Self { directory, sessions: BTreeMap::new() };
        golden.read_manifests(name);
        golden
    }

    fn read_manifests(&mut self, name: &str) {
        // One that was interrupted in its first session has no manifest, and git keeps no empty directory.
        let Ok(entries) = std::fs::read_dir(directory().join(name)) else { return };
        for entry in entries {
            let path = entry.expect("an entry").path();
            let manifest = Manifest::read(&path);
            match path.file_stem().and_then(OsStr::to_str).and_then(|s| s.parse().ok()) {
                Some(at) => drop(self.sessions.insert(at, manifest)),
                None => make_sockets(&self.repo(), &manifest),
            }
        }
    }

    /// Where the repository is.
    pub fn repo(&self) -> PathBuf {
        self.directory.path().join("repo")
    }

    /// A place beside the repository, for restored trees.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

/// Makes the sockets, which tar cannot hold, without touching the times of their directories.
fn make_sockets(repo: &Path, sockets: &Manifest) {
    for (path, record) in &sockets.records {
        assert_eq!(record.kind, Kind::Sock);
        let path = repo.join(OsStr::from_bytes(path));
        let parent = path.parent().expect("a socket is in a directory");
        let before = std::fs::metadata(parent).expect("its directory is there");
        mknodat(CWD, &path, FileType::Socket, Mode::from_raw_mode(0o600), 0).expect("a socket can be made");
        std::os::unix::fs::lchown(&path, Some(record.uid), Some(record.gid)).expect("chown");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(record.mode);
        std::fs::set_permissions(&path, mode).expect("chmod");
        let (atime, mtime) =
            (FileTime::from_last_access_time(&before), FileTime::from_last_modification_time(&before));
        filetime::set_file_times(parent, atime, mtime).expect("the directory's times can be put back");
    }
}
