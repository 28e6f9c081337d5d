//! What the programs involved say when they fail, what it means, and what to do.
//!
//! ```
//! use rdiff_mount::diagnosis::{Diagnosis, known, of};
//!
//! let found: Option<&Diagnosis> = of("Host key verification failed.\r\n");
//! println!("{}", found.map_or("no idea", |diagnosis| diagnosis.way_out));
//! assert!(found.is_some() && known().len() > 10);
//! ```

/// A known complaint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// A part of what the program writes, in the C locale.
    pub says: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What to do.
    pub way_out: &'static str,
}

pub(crate) const TIMED_OUT: &str =
    "the host does not answer: try 'ssh HOST' by hand, and see that ConnectTimeout is set";

/// Finds the first known complaint in what a program wrote.
pub fn of(stderr: &str) -> Option<&'static Diagnosis> {
    KNOWN.iter().find(|known| stderr.contains(known.says))
}

/// All known complaints; where several fit, the first counts.
pub fn known() -> &'static [Diagnosis] {
    KNOWN
}

/// What to install when a program is missing.
pub(crate) fn missing_program(program: &str) -> &'static str {
    match program {
        "sshfs" => "install sshfs (package 'sshfs', or 'fuse-sshfs')",
        "fusermount3" | "fusermount" => "install FUSE's programs (package 'fuse3')",
        "ssh" => "install the ssh client (package 'openssh-client', or 'openssh-clients')",
        _ => "install it, or put its directory into PATH",
    }
}

const fn known_as(says: &'static str, meaning: &'static str, way_out: &'static str) -> Diagnosis {
    Diagnosis { says, meaning, way_out }
}

/// The words of OpenSSH 9, sshfs 3, FUSE 3 and util-linux 2.38.
const KNOWN: &[Diagnosis] = &[
    known_as(
        "REMOTE HOST IDENTIFICATION HAS CHANGED",
        "the host shows another key than the recorded one",
        "ask its owner if the key was changed; only then 'ssh-keygen -R HOST' and record the new one",
    ),
    // The end of the same, where the beginning was cut off.
    known_as(
        "has changed and you have requested strict checking",
        "the host shows another key than the recorded one",
        "ask its owner if the key was changed; only then 'ssh-keygen -R HOST' and record the new one",
    ),
    known_as(
        "has changed and you have requested strict checking",
        "the host shows another key than the recorded one",
        "ask its owner if the key was changed; only then 'ssh-keygen -R HOST' and record the new one",
    ),
    known_as(
        "Host key verification failed",
        "the host's key is not recorded, or is another than the recorded one",
        "log in once by hand as this user and compare the fingerprint ('ssh HOST'); then the key is recorded",
    ),
    known_as(
        "UNPROTECTED PRIVATE KEY FILE",
        "others may read the private key, so ssh ignores it",
        "'chmod 600' the key file",
    ),
    known_as(
        "Permission denied (",
        "the host does not accept the key, or none was offered",
        "copy the key there with 'ssh-copy-id -i KEY.pub USER@HOST', and name it with IdentityFile",
    ),
    known_as(
        "Too many authentication failures",
        "ssh offered more keys than the host listens to",
        "name the one key with IdentityFile and IdentitiesOnly=yes",
    ),
    known_as(
        "Could not resolve hostname",
        "nobody knows the host's name",
        "check the spelling, and the Host lines of the ssh configuration",
    ),
    known_as(
        "Connection refused",
        "the host is up, but no sshd listens on that port",
        "check the port, and that sshd runs there",
    ),
    known_as(
        "Connection timed out",
        "nothing answers at that address",
        "check that the host is up and no firewall is between",
    ),
    known_as(
        "No route to host",
        "the network does not lead there",
        "check that the host is up and reachable",
    ),
    known_as(
        "subsystem request failed",
        "the host's sshd serves no sftp",
        "add 'Subsystem sftp internal-sftp' to its sshd_config",
    ),
    known_as(
        "can't find in /etc/fstab",
        "there is no entry for that mount point",
        "add an entry whose second field is that very path",
    ),
    known_as(
        "must be superuser",
        "this user may not mount it",
        "put 'user' into the options of its entry, or run as root",
    ),
    known_as(
        "only root can",
        "this user may not mount it",
        "put 'user' into the options of its entry, or run as root",
    ),
    known_as(
        "unknown option",
        "this sshfs does not know an option of the entry",
        "take the option out; 'sshfs --help' lists those it knows",
    ),
    known_as(
        "user_allow_other",
        "allow_other is reserved to root",
        "take allow_other out, or put 'user_allow_other' into /etc/fuse.conf",
    ),
    known_as(
        "bad mount point",
        "the mount point does not exist, or may not be entered",
        "'mkdir -p' it, and give it to this user with 'chown'",
    ),
    known_as(
        "user has no write access to mountpoint",
        "the mount point belongs to someone else",
        "give it to this user with 'chown'",
    ),
    known_as(
        "/dev/fuse: Permission denied",
        "this user may not use FUSE",
        "'chmod 666 /dev/fuse', as udev does by itself",
    ),
    known_as(
        "device not found, try 'modprobe fuse'",
        "this kernel has no FUSE, or the container shows no /dev/fuse",
        "'modprobe fuse', or give the container the device",
    ),
    known_as(
        "read: Connection reset by peer",
        "ssh ended before the server answered; sshfs keeps what ssh said to itself",
        "log in by hand as this user and see: 'ssh -o BatchMode=yes USER@HOST'",
    ),
    known_as(
        "write: Broken pipe",
        "ssh ended before the server answered; sshfs keeps what ssh said to itself",
        "log in by hand as this user and see: 'ssh -o BatchMode=yes USER@HOST'",
    ),
    known_as("Not a directory", "the remote path is a file", "give the directory that holds it"),
    known_as(
        "No such file or directory",
        "the remote path does not exist",
        "check the path after the host's colon",
    ),
    known_as(
        "Transport endpoint is not connected",
        "sshfs died and left its mount behind",
        "take it down with 'fusermount3 -uz DIR', then mount again",
    ),
    known_as("target is busy", "someone still uses the mount", "see who with 'fuser -vm DIR'"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_complaints_are_known() {
        for (said, meaning) in [
            ("mount: /nosuch: can't find in /etc/fstab.", "no entry"),
            ("read: Connection reset by peer", "ssh ended"),
            ("write: Broken pipe", "ssh ended"),
            ("sshfs: bad mount point `mntx': No such file or directory", "mount point does not exist"),
            ("root@127.0.0.1:/none: No such file or directory", "remote path does not exist"),
            ("me@web: Permission denied (publickey).", "does not accept"),
            ("fuse: unknown option(s): `-o nosuchoption'", "does not know an option"),
            ("fusermount3: failed to open /dev/fuse: Permission denied", "may not use FUSE"),
        ] {
            let found = of(said).unwrap_or_else(|| panic!("{said}"));
            assert!(found.meaning.contains(meaning), "{said}: {}", found.meaning);
        }
        assert_eq!(of("all is well"), None);
    }
}
