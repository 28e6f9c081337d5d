//! Where runs take place. Fresh file systems, so that no run meets what an earlier one left: ext4 slows down after a big
//! `rm -r`. And machines with fewer cores.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A file system in a file, mounted until it is dropped.
pub(crate) struct Fresh {
    image: PathBuf,
    dir: PathBuf,
}

impl Fresh {
    /// Makes and mounts one of up to `gib` GiB; only what is written takes room.
    ///
    /// # Errors
    /// Those of the system, and where `mkfs.ext4` or `mount` fails.
    pub(crate) fn new(work: &Path, name: &str, gib: u64, inodes: u64) -> io::Result<Self> {
        let fresh = Self { image: work.join(format!("{name}.ext4")), dir: work.join(name) };
        File::create(&fresh.image)?.set_len(gib << 30)?;
        fs::create_dir_all(&fresh.dir)?;
        let mut mkfs = Command::new("mkfs.ext4");
        mkfs.args(["-q", "-F", "-E", "lazy_itable_init=1", "-N", &inodes.to_string()]);
        done(mkfs.arg(&fresh.image))?;
        // As a disk does, it takes what the file system gives it. One that wrote to the system's memory again would have all
        // there twice, and hold back whoever writes much.
        let device =
            said(Command::new("losetup").args(["--direct-io=on", "-f", "--show"]).arg(&fresh.image))?;
        // Without a thread in the background that would write while others are measured.
        let mut mount = Command::new("mount");
        let mounted =
            done(mount.args(["-o", "noinit_itable,user_xattr,acl"]).arg(device.trim()).arg(&fresh.dir));
        // It goes when it is no longer mounted.
        done(Command::new("losetup").args(["-d", device.trim()]))?;
        mounted?;
        fs::remove_dir(fresh.dir.join("lost+found"))?;
        // The disk may still be busy with the one before, which was removed.
        rustix::fs::sync();
        std::thread::sleep(Duration::from_secs(5));
        Ok(fresh)
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        let unmounted = done(Command::new("umount").arg(&self.dir));
        let removed =
            unmounted.and_then(|()| fs::remove_file(&self.image)).and_then(|()| fs::remove_dir(&self.dir));
        if let Err(e) = removed {
            eprintln!("{} is left behind: {e}", self.image.display());
        }
    }
}

/// A machine with fewer cores, until it is dropped: the others are taken from the system itself. A program that is only
/// kept from using them would still have them at work for it, in the system's threads that write to the disk.
pub(crate) struct OnlyCores {
    taken: Vec<PathBuf>,
}

impl OnlyCores {
    /// Leaves the first `count` cores.
    ///
    /// # Errors
    /// Those of the system, which may not let go of a core.
    pub(crate) fn of(count: usize) -> io::Result<Self> {
        let switch = |core| PathBuf::from(format!("/sys/devices/system/cpu/cpu{core}/online"));
        let mut only = Self { taken: Vec::new() };
        for switch in (count..).map(switch).take_while(|switch| switch.exists()) {
            if fs::read_to_string(&switch)?.trim() == "1" {
                fs::write(&switch, "0")?;
                only.taken.push(switch);
            }
        }
        Ok(only)
    }
}

impl Drop for OnlyCores {
    fn drop(&mut self) {
        for switch in &self.taken {
            if let Err(e) = fs::write(switch, "1") {
                eprintln!("a core is still off ({}): {e}", switch.display());
            }
        }
    }
}

/// Runs a command that must succeed, and says what it printed.
fn said(command: &mut Command) -> io::Result<String> {
    let output = command.output()?;
    if !output.status.success() {
        return Err(io::Error::other(format!("{command:?}: {}", output.status)));
    }
    String::from_utf8(output.stdout).map_err(io::Error::other)
}

/// Runs a command that must succeed.
pub(crate) fn done(command: &mut Command) -> io::Result<()> {
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("{command:?}: {status}"))) }
}

/// The bytes of all files below a directory.
pub(crate) fn size_of(dir: &Path) -> io::Result<u64> {
    let mut sum = 0;
    let mut dirs = vec![dir.to_path_buf()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir)? {
            let entry = entry?;
            let meta = entry.metadata()?;
            if meta.is_dir() {
                dirs.push(entry.path());
            } else {
                sum += meta.len();
            }
        }
    }
    Ok(sum)
}
