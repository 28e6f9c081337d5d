//! A source tree that changes between two states in every way that a session can meet.

use filetime::FileTime;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// The tree, and a clock for modification times.
pub(crate) struct Story {
    top: PathBuf,
    clock: i64,
    version: u32,
}

impl Story {
    /// Makes the tree in its first state.
    pub(crate) fn begin(top: &Path) -> Self {
        fs::create_dir(top).expect("a directory");
        let mut story = Self { top: top.to_owned(), clock: 900_000_000, version: 0 };
        story.dir("kept");
        story.file("kept/still", "the same in all sessions\n");
        story.dir("attributes");
        story.file("attributes/mode", "only its mode changes");
        story.file("attributes/xattr", "only its attributes change");
        story.file("attributes/time", "only its time changes");
        story.file("links-0", "three names, all sessions");
        story.link("links-0", "links-1");
        story.dir("links");
        story.link("links-0", "links/2");
        story.file("group-a", "two names that come and go");
        story.file("locked", "nobody may read this");
        story.mode("locked", 0o000);
        story.dir("narrow");
        story.file("narrow/x", "in a directory that can't be written");
        story.mode("narrow", 0o500);
        story.first();
        story
    }

    /// To the first state, from the second.
    pub(crate) fn first(&mut self) {
        self.common();
        self.file("a-file-then-dir", "a file");
        self.dir("b-dir-then-file");
        self.file("b-dir-then-file/one", "1");
        self.dir("b-dir-then-file/deeper");
        self.file("b-dir-then-file/deeper/two", "2");
        self.symlink("c-link-then-file", "kept/still");
        self.symlink("d-link-then-dir", "nowhere");
        self.dir("e-dir-then-link");
        self.file("e-dir-then-link/x", "xx");
        self.dir("e-dir-then-link/sub");
        self.file("e-dir-then-link/sub/y", "two steps behind the link");
        self.fifo("f-fifo-then-file");
        self.dir("g-dir-then-fifo");
        self.dir("h-goes");
        self.dir("h-goes/sub");
        self.file("h-goes/sub/file", "goes with its directories");
        self.symlink("h-goes/sub/link", "file");
        self.file("i-goes", "a file that goes");
        self.remove("j-comes");
        self.remove("k-comes");
        self.link("group-a", "group-b");
        self.dir("l-dir-then-name");
        self.file("l-dir-then-name/y", "becomes another name of a file");
        self.remove("m-comes-as-name");
        self.file("n-single-then-name", "a file of its own, then a name");
        self.remove("pair-a");
        self.file("pair-a", "the pair is made anew");
        self.remove("pair-b");
        self.link("pair-a", "pair-b");
        self.file(&"L".repeat(240), "a long name that goes");
        self.remove(&"M".repeat(240));
        self.symlink("o-link-changes", "old target");
        self.file("twin-a", "two pairs, or one file of four names");
        for other in ["twin-b", "twin-c", "twin-d"] {
            self.link("twin-a", other);
        }
        self.file("links-0", &format!("three names, version {}", self.version));
    }

    /// To the second state, from the first.
    pub(crate) fn second(&mut self) {
        self.common();
        self.dir("a-file-then-dir");
        self.file("a-file-then-dir/z", "in it");
        self.file("b-dir-then-file", "now a file");
        self.file("c-link-then-file", "now a file");
        self.dir("d-link-then-dir");
        self.file("d-link-then-dir/q", "in it");
        self.dir("d-link-then-dir/sub");
        self.file("d-link-then-dir/sub/r", "two steps behind the link");
        self.symlink("e-dir-then-link", "/etc");
        self.file("f-fifo-then-file", "now a file");
        self.fifo("g-dir-then-fifo");
        self.remove("h-goes");
        self.remove("i-goes");
        self.dir("j-comes");
        self.dir("j-comes/in");
        self.file("j-comes/in/f", "new");
        self.file("k-comes", "new too");
        self.remove("group-b");
        self.remove("l-dir-then-name");
        self.link("links-0", "l-dir-then-name");
        self.link("links-0", "m-comes-as-name");
        self.remove("n-single-then-name");
        self.link("group-a", "n-single-then-name");
        self.remove("pair-b");
        self.file("pair-b", "the pair is broken");
        self.remove(&"L".repeat(240));
        self.file(&"M".repeat(240), "a long name that comes");
        self.symlink("o-link-changes", "new target");
        self.remove("twin-c");
        self.file("twin-c", "two pairs, or one file of four names");
        self.mode("twin-c", 0o604);
        self.link("twin-c", "twin-d");
    }

    /// What changes each time.
    fn common(&mut self) {
        self.version += 1;
        let version = self.version;
        self.file("edited", &format!("{}{version}\n", "a line of text that is there each time\n".repeat(80)));
        self.file("large", &format!("{}{version}", "0123456789abcdef".repeat(70_000)));
        self.file(&"E".repeat(230), &format!("a long name, edited {version}"));
        self.mode("attributes/mode", 0o600 + version % 8);
        let value = version.to_string();
        xattr::set(self.top.join("attributes/xattr"), "user.version", value.as_bytes()).expect("an xattr");
        self.stamp("attributes/time");
        self.mode("attributes", 0o750 + version % 8);
        self.file("narrow/x", &format!("version {version}"));
        self.mode("narrow", 0o500);
    }

    fn clear(&self, path: &str) -> PathBuf {
        let full = self.top.join(path);
        match full.symlink_metadata() {
            Ok(m) if m.is_dir() => fs::remove_dir_all(&full).expect("a directory goes"),
            Ok(_) => fs::remove_file(&full).expect("a file goes"),
            Err(_) => {}
        }
        full
    }

    fn remove(&self, path: &str) {
        self.clear(path);
    }

    /// Writes a file: into the one that is there, so that other names of it see it.
    fn file(&mut self, path: &str, content: &str) {
        let full = self.top.join(path);
        if !full.symlink_metadata().is_ok_and(|m| m.is_file()) {
            self.clear(path);
        }
        fs::write(full, content).expect("a file");
        self.stamp(path);
    }

    fn dir(&mut self, path: &str) {
        fs::create_dir(self.clear(path)).expect("a directory");
    }

    fn symlink(&mut self, path: &str, target: &str) {
        symlink(target, self.clear(path)).expect("a link");
    }

    fn fifo(&mut self, path: &str) {
        mknodat(CWD, self.clear(path), FileType::Fifo, Mode::from_raw_mode(0o640), 0).expect("a pipe");
    }

    fn link(&mut self, from: &str, to: &str) {
        fs::hard_link(self.top.join(from), self.clear(to)).expect("a name");
    }

    fn mode(&self, path: &str, mode: u32) {
        fs::set_permissions(self.top.join(path), fs::Permissions::from_mode(mode)).expect("a mode");
    }

    fn stamp(&mut self, path: &str) {
        self.clock += 7;
        filetime::set_file_mtime(self.top.join(path), FileTime::from_unix_time(self.clock, 0))
            .expect("a time");
    }
}
