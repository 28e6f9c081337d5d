//! What a backup or a comparison reads: a directory of this machine, or of another host by SFTP.

use crate::arg;
use crate::guard::{guard, quietly};
use crate::handle::{self, Named};
use crate::status::{Failure, rdiff_status};
use crate::versioned::{options, versioned};
use rdiff_core::error::{Doing, IoContext};
use rdiff_core::tree::local::{LocalGuard, LocalSource};
use rdiff_core::tree::source::{Source, SourceGuard};
use rdiff_mount::{Location, MountError, Remote, SftpBounds, SftpSource, SshfsOptions};
use std::ffi::c_char;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How ssh is called. Set it up with RDIFF_SSH_OPTIONS_INIT: as the user's configuration of ssh says, and never asking
/// for a password.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rdiff_ssh_options {
    /// Set by the init macro.
    pub version: u32,
    /// 0.
    pub flags: u32,
    /// The private key to log in with, and no other, or NULL. UTF-8.
    pub identity: *const c_char,
    /// The file of known hosts, or NULL. UTF-8.
    pub known_hosts: *const c_char,
    /// Seconds that the connection may take; 0 for the usual, 10.
    pub connect_timeout: u32,
    /// Seconds that the host may say nothing while it is asked something; 0 for the usual, 60.
    pub silence: u32,
    /// More options, such as "ProxyJump=gate", each as after `ssh -o`.
    pub options: *const *const c_char,
    /// How many options there are.
    pub option_count: usize,
    /// The program that is called in place of `ssh`, and arguments that come before ours, or NULL.
    pub command: *const *const c_char,
    /// How many words the command has.
    pub command_count: usize,
    /// What is run on the host to speak SFTP, as its shell takes it, such as "sudo /usr/lib/openssh/sftp-server"; NULL for what
    /// its sshd has for this.
    pub server: *const c_char,
}

versioned!(options rdiff_ssh_options, flags 0);

/// A tree that can be read. Any number of threads may use one at once; the login of one on another host ends when it was
/// freed and the jobs that use it are done.
pub struct rdiff_source {
    pub(crate) source: Arc<dyn Source>,
    pub(crate) guard: Box<dyn SourceGuard>,
    /// What patterns begin with.
    pub(crate) base: PathBuf,
    /// Is it a directory of this machine?
    pub(crate) is_local: bool,
}

impl Named for rdiff_source {
    const NAME: &'static str = "source";
}

impl rdiff_source {
    /// A directory of this machine.
    pub(crate) fn local(path: &Path) -> Result<Self, Failure> {
        let source = LocalSource::open(path, Arc::default()).while_doing(Doing::Open, path)?;
        let guard = Box::new(LocalGuard::new(&source).while_doing(Doing::Stat, path)?);
        Ok(Self { source: Arc::new(source), guard, base: path.to_path_buf(), is_local: true })
    }

    fn remote(remote: &Remote, options: &SshfsOptions, bounds: &SftpBounds) -> Result<Self, Failure> {
        let source = SftpSource::connect(remote, options, bounds)?;
        let guard = Box::new(source.guard());
        let base = remote.path().to_path_buf();
        Ok(Self { source: Arc::new(source), guard, base, is_local: false })
    }
}

/// Opens a tree to read: `location` is a directory of this machine, "user@host::path" or "ssh://user@host:port/path".
/// For another host this logs in: ssh is run, and answers questions by SFTP; nothing but sshd has to be
/// there. SFTP carries no hard links, extended attributes, access control lists, devices or parts of seconds.
/// `ssh` may be NULL, and is not looked at for this machine. Free the source with rdiff_source_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rdiff_source_open(
    location: *const c_char,
    ssh: *const rdiff_ssh_options,
    out: *mut *mut rdiff_source,
) -> rdiff_status {
    guard(|| {
        // SAFETY: the contract of the caller.
        let (location, ssh, out) =
            unsafe { (arg::host_path(location, "location")?, options(ssh)?, arg::out(out, "out")?) };
        let opened = match Location::parse(&location).map_err(MountError::from)? {
            Location::Local(path) => rdiff_source::local(&path)?,
            Location::Remote(remote) => {
                // SAFETY: as above.
                let (options, bounds) = unsafe { login(&ssh)? };
                rdiff_source::remote(&remote, &options, &bounds)?
            }
        };
        out.put(opened);
        Ok(())
    })
}

unsafe fn login(ssh: &rdiff_ssh_options) -> Result<(SshfsOptions, SftpBounds), Failure> {
    let (usual, bounds) = (SshfsOptions::default(), SftpBounds::default());
    // SAFETY: the contract of the caller.
    let (identity, known_hosts, server) = unsafe {
        (
            arg::text(ssh.identity, "identity")?,
            arg::text(ssh.known_hosts, "known_hosts")?,
            arg::text(ssh.server, "server")?,
        )
    };
    // SAFETY: as above.
    let (extra, command) = unsafe {
        (
            arg::texts(ssh.options, ssh.option_count, "options")?,
            arg::texts(ssh.command, ssh.command_count, "command")?,
        )
    };
    let or_usual = |given: u32, usual: u32| if given == 0 { usual } else { given };
    let silence = match ssh.silence {
        0 => bounds.silence,
        seconds => Duration::from_secs(seconds.into()),
    };
    let options = SshfsOptions {
        identity: identity.map(Into::into),
        known_hosts: known_hosts.map(Into::into),
        connect_timeout: or_usual(ssh.connect_timeout, usual.connect_timeout),
        ssh: command,
        server,
        extra,
        ..usual
    };
    Ok((options, SftpBounds { silence, ..bounds }))
}

/// Frees a source. NULL is left alone.
#[unsafe(no_mangle)]
pub extern "C" fn rdiff_source_free(source: *mut rdiff_source) {
    quietly(|| handle::free(source));
}
