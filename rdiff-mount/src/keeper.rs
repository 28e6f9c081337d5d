//! Who takes a mount down when we no longer can: a child process that outlives us.
//!
//! Unwinding takes down what a panic or an error leaves, but no signal handler of ours could be complete: SIGKILL
//! has none, nor has an abort. A small shell waits for the end of a pipe that we hold, which comes however we
//! end, and unmounts. It looks into the mount table first, so that it never takes down another mount.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::mountinfo::{MountInfo, escape_into};

/// `$1` is the number of the mount, or empty for a private one that may not be there yet; `$2` is its place as
/// the table has it, `$3` as it is. Without its mount point an sshfs that is still on its way can't mount.
const SCRIPT: &str = r#"
trap '' HUP INT QUIT TERM
read -r word && exit 0
away() { [ -z "$1" ] && rmdir "$3" && rmdir "${3%/*}"; }
is_there() {
    while read -r id _ _ _ place _; do
        [ "$id" = "${1:-$id}" ] && [ "$place" = "$2" ] && return 0
    done < /proc/self/mountinfo
    return 1
}
away "$@" && exit
is_there "$@" || exit
timeout 5 umount "$3" || timeout 5 fusermount3 -u "$3"
if is_there "$@"; then timeout 5 fusermount3 -u -z "$3" || timeout 5 umount -l "$3"; fi
away "$@"
"#;

/// Takes a mount down when this process ends without saying that it is done.
#[derive(Debug)]
pub(crate) struct Keeper(Child);

impl Keeper {
    /// Keeps a mount.
    ///
    /// # Errors
    /// When there is no shell.
    pub(crate) fn of(mount: &MountInfo) -> io::Result<Self> {
        Self::start(&mount.id.to_string(), &mount.mount_point)
    }

    /// Keeps what will be mounted at a place made for it, which goes with it and the directory above.
    ///
    /// # Errors
    /// When there is no shell.
    pub(crate) fn of_private(place: &Path) -> io::Result<Self> {
        Self::start("", place)
    }

    fn start(number: &str, place: &Path) -> io::Result<Self> {
        let mut listed = Vec::new();
        escape_into(&mut listed, place.as_os_str());
        let child = Command::new("sh")
            .args(["-c", SCRIPT, "sh", number])
            .arg(OsString::from_vec(listed))
            .arg(place)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        Ok(Self(child))
    }

    /// The mount is down; nothing is left to do.
    pub(crate) fn dismiss(mut self) {
        if let Some(mut pipe) = self.0.stdin.take() {
            // If it is gone, so is its task.
            let _gone = pipe.write_all(b"done\n");
        }
        let _ended = self.0.wait();
    }
}
