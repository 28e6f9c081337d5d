//! The options of sshfs: which we give and why, and which of them the installed sshfs knows.
//!
//! `reconnect` is never among them. After a lost link it would go on with a new server in the middle of a
//! tree, and until then let every call hang; a backup must fail then, and run again as a whole.
//!
//! ```
//! use rdiff_mount::sshfs::{Explained, IdMap, SshfsCapabilities, SshfsOptions};
//! use rdiff_mount::{MountError, Remote};
//!
//! let options = SshfsOptions { idmap: IdMap::User, connect_timeout: 10, ..SshfsOptions::default() }; // seconds
//! let sshfs = SshfsCapabilities::from_texts("SSHFS version 3.7.3", "dcache_max_size no_contain_symlinks");
//! let remote = Remote::new(Some("backup"), "web", Some(2222), "/srv")?;
//! let list: Vec<Explained> = options.explained(&remote, &sshfs);
//! assert!(list.iter().any(|option| option.option == "ro"));
//! assert!(list.iter().all(|option| !option.why.is_empty()));
//! # Ok::<(), MountError>(())
//! ```

use std::ffi::OsString;

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::{MountError, Result};
use crate::location::Remote;
use crate::runner::{Command, CommandRunner};

/// How owners of the remote are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum IdMap {
    /// The numbers of the remote, as they are. What a backup should record.
    #[default]
    None,
    /// The remote user's own files appear as the local user's; other numbers stay.
    User,
}

/// What to ask of sshfs. [`SshfsOptions::default`] is right for reading a backup's source.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub struct SshfsOptions {
    /// Mount read-only.
    pub read_only: bool,
    /// The private key to log in with, and no other; `None` leaves it to the ssh configuration.
    pub identity: Option<Utf8PathBuf>,
    /// The file of known hosts; `None` leaves it to the ssh configuration.
    pub known_hosts: Option<Utf8PathBuf>,
    /// Seconds the connection may take.
    pub connect_timeout: u32,
    /// Seconds of silence after which ssh asks the server if it is there.
    pub alive_interval: u32,
    /// How many such questions may stay unanswered.
    pub alive_count: u32,
    /// Let other users see the mount too. As an ordinary user this needs `user_allow_other`.
    pub allow_other: bool,
    /// How owners are shown.
    pub idmap: IdMap,
    /// How many entries sshfs keeps in mind; its default of 10,000 makes larger trees slow.
    pub cache_entries: Option<u32>,
    /// The program that is ssh, and arguments that come before ours: of an option given twice, ssh takes
    /// the first. Empty for `ssh` itself.
    pub ssh: Vec<String>,
    /// The command that is run on the remote to speak SFTP, as its shell takes it. `None` for the one that
    /// its sshd has for this.
    pub server: Option<String>,
    /// Let ssh ask at the terminal for what it needs to know. For logins by ourselves; sshfs can't ask.
    pub interactive: bool,
    /// More options, as they are: `ssh_command=…`, `ProxyJump=…`.
    pub extra: Vec<String>,
}

impl Default for SshfsOptions {
    fn default() -> Self {
        Self {
            read_only: true,
            identity: None,
            known_hosts: None,
            connect_timeout: 10,
            alive_interval: 15,
            alive_count: 3,
            allow_other: false,
            idmap: IdMap::None,
            cache_entries: None,
            ssh: Vec::new(),
            server: None,
            interactive: false,
            extra: Vec::new(),
        }
    }
}

/// An option, and why it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// The option as `sshfs -o` or fstab takes it, nothing escaped.
    pub option: String,
    /// One line for people.
    pub why: &'static str,
}

impl Explained {
    pub(crate) fn new(option: impl Into<String>, why: &'static str) -> Self {
        Self { option: option.into(), why }
    }
}

/// What the installed sshfs is and knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SshfsCapabilities {
    /// Its version, as it says: `3.7.3`.
    pub version: String,
    /// It knows `no_contain_symlinks`. Where it does, absolute links cannot be read without that option.
    pub contain_symlinks: bool,
    /// It calls its cache's size `dcache_max_size`; older ones say `cache_max_size`.
    pub dcache: bool,
}

impl SshfsCapabilities {
    /// Asks the installed sshfs for its version and its options.
    ///
    /// # Errors
    /// [`MountError::Start`] when there is no sshfs.
    pub fn probe(runner: &dyn CommandRunner) -> Result<Self> {
        let ask = |flag| {
            let command = Command::new("sshfs").arg(flag);
            runner.run(&command).map_err(|source| MountError::start(&command, source))
        };
        let (version, help) = (ask("--version")?, ask("--help")?);
        // Old ones print their help to standard error and end with 1.
        Ok(Self::from_texts(&version.stdout_text(), &(help.stdout_text() + &help.stderr_text())))
    }

    /// Reads what `sshfs --version` and `sshfs --help` print.
    pub fn from_texts(version: &str, help: &str) -> Self {
        let version = version.lines().find_map(|line| line.trim().strip_prefix("SSHFS version "));
        Self {
            version: version.unwrap_or_default().trim().to_owned(),
            contain_symlinks: help.contains("no_contain_symlinks"),
            dcache: help.contains("dcache_max_size") || !help.contains("cache_max_size"),
        }
    }
}

impl SshfsOptions {
    /// The options for this remote and this sshfs, each with its reason.
    pub fn explained(&self, remote: &Remote, sshfs: &SshfsCapabilities) -> Vec<Explained> {
        let mut list = Vec::new();
        if self.read_only {
            list.push(Explained::new("ro", "a backup reads; nothing can be damaged on the remote"));
        }
        list.extend(self.ssh_options(remote));
        if sshfs.contain_symlinks {
            list.push(Explained::new(
                "no_contain_symlinks",
                "without it this sshfs cannot read absolute links, nor those with '..'",
            ));
        }
        if self.allow_other {
            list.push(Explained::new("allow_other", "other users than the one who mounts may look in"));
        }
        if self.idmap == IdMap::User {
            list.push(Explained::new("idmap=user", "the remote user's files appear as the local user's"));
        }
        if let Some(entries) = self.cache_entries {
            let name = if sshfs.dcache { "dcache_max_size" } else { "cache_max_size" };
            list.push(Explained::new(format!("{name}={entries}"), "a tree larger than the cache is slow"));
        }
        if !self.ssh.is_empty() {
            let words: Vec<_> = self.ssh.iter().map(|word| blank_escaped(word)).collect();
            let option = format!("ssh_command={}", words.join(" "));
            list.push(Explained::new(option, "this is how the host is reached"));
        }
        if let Some(server) = &self.server {
            list.push(Explained::new(format!("sftp_server={server}"), "this serves the files there"));
        }
        list.extend(self.extra.iter().map(|option| Explained::new(option, "asked for")));
        list
    }

    /// The options that ssh gets, also without sshfs.
    fn ssh_options(&self, remote: &Remote) -> Vec<Explained> {
        let mut list = Vec::new();
        if let Some(port) = remote.port() {
            list.push(Explained::new(format!("port={port}"), "the remote's sshd listens there"));
        }
        if let Some(key) = &self.identity {
            list.push(Explained::new(format!("IdentityFile={}", ssh_word(key)), "this key, whoever mounts"));
            list.push(Explained::new("IdentitiesOnly=yes", "no other keys first: servers stop listening"));
        }
        if let Some(file) = &self.known_hosts {
            let option = format!("UserKnownHostsFile={}", ssh_word(file));
            list.push(Explained::new(option, "the host's key is recorded there, whoever mounts"));
        }
        if !self.interactive {
            list.push(Explained::new("BatchMode=yes", "nobody is there at night to type: fail, do not ask"));
        }
        list.push(Explained::new(
            format!("ConnectTimeout={}", self.connect_timeout),
            "a host that is down fails the mount soon",
        ));
        list.push(Explained::new(
            format!("ServerAliveInterval={}", self.alive_interval),
            "ssh asks a silent server if it is there, so that a dead link is noticed",
        ));
        list.push(Explained::new(
            format!("ServerAliveCountMax={}", self.alive_count),
            "so many questions without an answer end the connection",
        ));
        list
    }

    /// The arguments of `sshfs` for this mount.
    ///
    /// # Errors
    /// [`MountError::BadValue`] for an option that holds a control character.
    pub fn arguments(
        &self,
        remote: &Remote,
        mount_point: &Utf8Path,
        sshfs: &SshfsCapabilities,
    ) -> Result<Vec<OsString>> {
        let options = Self { interactive: false, ..self.clone() }.explained(remote, sshfs);
        options.iter().try_for_each(|option| no_controls(&option.option))?;
        let options: Vec<_> = options.iter().map(|option| comma_escaped(&option.option)).collect();
        let mount_point = mount_point.as_str().into();
        // A host cannot begin with a dash, nor a mount point: nothing here can be taken for an option.
        Ok(vec![remote.sshfs_source(), mount_point, "-o".into(), options.join(",").into()])
    }

    /// The options of `ssh` for the same login, without destination and command.
    ///
    /// Of [`SshfsOptions::extra`] only those in the way of the ssh configuration, `Name=value` with a
    /// capital, mean something to ssh and are passed on.
    ///
    /// # Errors
    /// As [`SshfsOptions::arguments`].
    pub fn ssh_arguments(&self, remote: &Remote) -> Result<Vec<OsString>> {
        let own = self.ssh_options(remote).into_iter().map(|option| option.option);
        let extra = self.extra.iter().filter(|option| option.starts_with(|c: char| c.is_ascii_uppercase()));
        let mut args = Vec::new();
        for option in own.chain(extra.cloned()) {
            no_controls(&option)?;
            args.extend(["-o".into(), option.into()]);
        }
        Ok(args)
    }

    /// The ssh that leads to this remote, without destination and what is to be run there.
    ///
    /// # Errors
    /// As [`SshfsOptions::arguments`].
    pub fn ssh(&self, remote: &Remote) -> Result<Command> {
        self.ssh.iter().try_for_each(|word| no_controls(word))?;
        let mut words = self.ssh.iter();
        let program = words.next().map_or("ssh", String::as_str);
        Ok(Command::new(program).args(words).args(self.ssh_arguments(remote)?))
    }

    /// What comes behind [`SshfsOptions::ssh`] to speak SFTP with this remote.
    pub fn sftp_arguments(&self, remote: &Remote) -> Vec<OsString> {
        let host = remote.ssh_destination().into();
        match &self.server {
            Some(server) => vec!["--".into(), host, server.into()],
            None => vec!["-s".into(), "--".into(), host, "sftp".into()],
        }
    }

    /// Logs in and asks for sftp, to learn if that works, and what ssh says if not.
    ///
    /// sshfs keeps ssh's words to itself ("Connection reset by peer" is all it tells). The sftp server sees
    /// the end of its input and ends at once; so this works for accounts that may do sftp and nothing else.
    ///
    /// # Errors
    /// [`MountError::Command`] with what ssh said.
    pub fn try_login(&self, remote: &Remote, runner: &dyn CommandRunner) -> Result<()> {
        let options = Self { interactive: false, ..self.clone() };
        let command = options.ssh(remote)?.args(self.sftp_arguments(remote));
        let output = runner.run(&command).map_err(|source| MountError::start(&command, source))?;
        if output.is_success() { Ok(()) } else { Err(MountError::from_output(&command, &output)) }
    }
}

/// A word of sshfs's `ssh_command`, which is cut at blanks.
fn blank_escaped(word: &str) -> String {
    word.replace('\\', "\\\\").replace(' ', "\\ ")
}

/// A path as ssh's configuration takes it: with blanks in quotes, `%` doubled.
fn ssh_word(path: &Utf8Path) -> String {
    let path = path.as_str().replace('%', "%%");
    if path.contains(char::is_whitespace) { format!("\"{path}\"") } else { path }
}

/// FUSE takes an option's own commas and backslashes behind a backslash.
fn comma_escaped(option: &str) -> String {
    option.replace('\\', "\\\\").replace(',', "\\,")
}

fn no_controls(option: &str) -> Result<()> {
    if option.contains(char::is_control) {
        let why = "it holds a control character";
        return Err(MountError::BadValue { what: "option", value: option.escape_debug().to_string(), why });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::Output;
    use crate::scripted::ScriptedRunner;

    const OLD_HELP: &str = "-o cache_max_size=N\n-o transform_symlinks\n";
    const NEW_HELP: &str = "-o dcache_max_size=N\n-o no_contain_symlinks allow all\n";

    fn remote() -> Remote {
        Remote::new(Some("me"), "web", Some(2222), "/srv").unwrap()
    }

    fn options(options: &SshfsOptions, sshfs: &SshfsCapabilities) -> String {
        let args = options.arguments(&remote(), Utf8Path::new("/mnt/web"), sshfs).unwrap();
        args.iter().map(|arg| arg.to_str().unwrap()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_default_reads_and_never_waits_for_ever() {
        let new = SshfsCapabilities::from_texts("SSHFS version 3.7.3\nFUSE library version 3.14.0", NEW_HELP);
        assert_eq!(new.version, "3.7.3");
        assert_eq!(
            options(&SshfsOptions::default(), &new),
            "me@web:/srv /mnt/web -o ro,port=2222,BatchMode=yes,ConnectTimeout=10,ServerAliveInterval=15,\
             ServerAliveCountMax=3,no_contain_symlinks"
        );
    }

    #[test]
    fn an_old_sshfs_gets_only_what_it_knows() {
        let old = SshfsCapabilities::from_texts("SSHFS version 2.10\n", OLD_HELP);
        let asked = SshfsOptions { cache_entries: Some(50_000), ..SshfsOptions::default() };
        let text = options(&asked, &old);
        assert!(text.ends_with(",cache_max_size=50000") && !text.contains("contain_symlinks"), "{text}");
    }

    #[test]
    fn paths_with_blanks_and_commas_stay_one_option() {
        let asked = SshfsOptions { identity: Some("/home/a b,c/100%".into()), ..SshfsOptions::default() };
        let text = options(&asked, &SshfsCapabilities::default());
        assert!(text.contains(r#",IdentityFile="/home/a b\,c/100%%",IdentitiesOnly=yes,"#), "{text}");
        let evil = SshfsOptions { extra: vec!["a\nb".into()], ..SshfsOptions::default() };
        assert!(
            evil.ssh_arguments(&remote()).is_ok()
                && evil.explained(&remote(), &SshfsCapabilities::default()).len() > 5
        );
        assert!(evil.arguments(&remote(), Utf8Path::new("/m"), &SshfsCapabilities::default()).is_err());
    }

    #[test]
    fn another_way_to_the_host_and_another_server_there() {
        let asked = SshfsOptions {
            ssh: ["/opt/my ssh", "-J", "hop"].map(String::from).to_vec(),
            server: Some("sudo /usr/lib/sftp-server".to_owned()),
            ..SshfsOptions::default()
        };
        let text = options(&asked, &SshfsCapabilities::default());
        assert!(text.contains(r",ssh_command=/opt/my\\ ssh -J hop,sftp_server=sudo /usr"), "{text}");
        let ssh = asked.ssh(&remote()).unwrap().args(asked.sftp_arguments(&remote())).to_string();
        assert!(ssh.starts_with("'/opt/my ssh' -J hop -o port=2222 -o BatchMode=yes "), "{ssh}");
        assert!(ssh.ends_with(" -- me@web 'sudo /usr/lib/sftp-server'"), "{ssh}");
        let typing = SshfsOptions { interactive: true, ..SshfsOptions::default() };
        assert!(!typing.ssh(&remote()).unwrap().to_string().contains("BatchMode"));
        assert!(options(&typing, &SshfsCapabilities::default()).contains("BatchMode=yes"));
    }

    #[test]
    fn reconnect_is_never_asked_for() {
        let every = SshfsOptions { allow_other: true, idmap: IdMap::User, ..SshfsOptions::default() };
        assert!(!options(&every, &SshfsCapabilities::default()).contains("reconnect"));
    }

    #[test]
    fn a_refused_login_is_told_in_the_words_of_ssh() {
        let ssh = "ssh -o port=2222 -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=15 \
                   -o ServerAliveCountMax=3 -s -- me@web sftp";
        let runner = ScriptedRunner::new()
            .expect(ssh, Output::failure(255, "me@web: Permission denied (publickey).\n"))
            .expect(ssh, Output::success(""));
        let options = SshfsOptions::default();
        let text = options.try_login(&remote(), &runner).unwrap_err().to_string();
        assert!(text.contains("Permission denied") && text.contains("ssh-copy-id"), "{text}");
        assert!(options.try_login(&remote(), &runner).is_ok());
        runner.assert_done();
    }
}
