//! From the key to the remote directory.

use std::fs;
use std::os::unix::fs::MetadataExt;

use camino::{Utf8Path, Utf8PathBuf};
use rdiff_core::path::RepoPath;
use rdiff_core::tree::source::Source;
use rdiff_mount::diagnosis;
use rdiff_mount::error::MountError;
use rdiff_mount::location::Remote;
use rdiff_mount::preflight::clock_difference;
use rdiff_mount::runner::Command;
use rdiff_mount::sshfs::SshfsOptions;
use rdiff_mount::{SftpBounds, SftpSource};

use super::finding::Findings;
use super::patient::{Patient, Ward};
use crate::args::jobs::marker_of_job;
use crate::job::schedule::shell_word;
use crate::job::store::name_of;

/// Key, host key, login, sftp, the remote directory, the clocks.
pub(super) fn check(patient: &Patient, ward: &Ward<'_>, found: &mut Findings) {
    let Some(remote) = patient.remote() else { return };
    let options = patient.ssh();
    let config = match SshConfig::of(&remote, &options, ward) {
        Ok(config) => config,
        Err(why) => {
            return found.bad(format!("ssh can't read its configuration: {why}"), "look at ~/.ssh/config");
        }
    };
    let key = key(&config, ward, found);
    host_key(&config, &remote, ward, found);
    if login(&remote, &options, &config, key.as_deref(), ward, found) {
        directory(patient, &remote, &options, found);
        if let Ok(Some(clock)) = clock_difference(&remote, &options, &ward.mounter) {
            found.warning(
                clock.to_string(),
                format!("{}timedatectl set-ntp true, here and there", ward.sudo()),
            );
        }
    }
}

/// What ssh makes of its configuration for one host.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct SshConfig {
    pub(crate) user: String,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Keys that are offered, those that don't exist among them.
    pub(crate) keys: Vec<Utf8PathBuf>,
    /// Files of known hosts, the user's first.
    pub(crate) known_hosts: Vec<Utf8PathBuf>,
    /// The name of the host in them.
    alias: Option<String>,
    /// New hosts are taken without a question.
    takes_any: bool,
}

impl SshConfig {
    /// Asks ssh.
    pub(crate) fn of(remote: &Remote, options: &SshfsOptions, ward: &Ward<'_>) -> Result<Self, String> {
        let arguments = options.ssh_arguments(remote).map_err(|e| e.to_string())?;
        let command = Command::new("ssh").arg("-G").args(arguments).args(["--", &remote.ssh_destination()]);
        let output = ward.run(&command).ok_or("there is no program 'ssh'")?;
        if !output.is_success() {
            return Err(output.stderr_text().replace('\n', "; "));
        }
        Ok(Self::parse(&output.stdout_text(), &ward.home))
    }

    /// Reads what `ssh -G` prints.
    fn parse(text: &str, home: &Utf8Path) -> Self {
        let mut config = Self { port: 22, ..Self::default() };
        let path = |text: &str| match text.strip_prefix("~/") {
            Some(below) => home.join(below),
            None => Utf8PathBuf::from(text.trim_matches('"')),
        };
        for (name, value) in text.lines().filter_map(|line| line.split_once(' ')) {
            match name {
                "user" => config.user = value.to_owned(),
                "hostname" => config.host = value.to_owned(),
                "port" => config.port = value.parse().unwrap_or(22),
                "identityfile" => config.keys.push(path(value)),
                // New ones are recorded in the first, which is the user's.
                "userknownhostsfile" => drop(config.known_hosts.splice(0..0, value.split(' ').map(path))),
                "globalknownhostsfile" => config.known_hosts.extend(value.split(' ').map(path)),
                "hostkeyalias" => config.alias = Some(value.to_owned()),
                "stricthostkeychecking" => {
                    config.takes_any = matches!(value, "no" | "false" | "off" | "accept-new");
                }
                _ => {}
            }
        }
        config
    }

    /// The host as files of known hosts call it.
    pub(crate) fn known_as(&self) -> String {
        match (&self.alias, self.port) {
            (Some(alias), _) => alias.clone(),
            (None, 22) => self.host.clone(),
            (None, port) => format!("[{}]:{port}", self.host),
        }
    }

    /// Is a key of the host recorded?
    pub(crate) fn is_known(&self, ward: &Ward<'_>) -> bool {
        let name = self.known_as();
        let has = |file: &&Utf8PathBuf| {
            let command = Command::new("ssh-keygen").args(["-F", &name, "-f", file.as_str()]);
            file.exists() && ward.run(&command).is_some_and(|output| output.is_success())
        };
        self.known_hosts.iter().find(has).is_some()
    }

    /// The ssh that one types to log in.
    pub(crate) fn typed(&self, remote: &Remote, program: &str) -> String {
        let port = match remote.port() {
            Some(port) => format!(" -p {port}"),
            None => String::new(),
        };
        format!("{program}{port} {}", shell_word(&remote.ssh_destination()))
    }
}

/// The first key that there is. It must be ours alone, and open without a passphrase.
fn key(config: &SshConfig, ward: &Ward<'_>, found: &mut Findings) -> Option<Utf8PathBuf> {
    let Some(key) = config.keys.iter().find(|key| key.exists()) else {
        missing_key(config, ward, found);
        return None;
    };
    let typed = ward.typed(key);
    let before = found.count(super::finding::Verdict::Bad);
    match fs::metadata(key) {
        Err(e) => found.bad(format!("the key {key} can't be looked at: {e}"), format!("ls -l {typed}")),
        Ok(meta) if meta.uid() != ward.uid => found.bad(
            format!("the key {key} belongs to {}, and {} can't use it", name_of(meta.uid()), ward.user()),
            format!("sudo chown {}: {typed}", ward.user()),
        ),
        Ok(meta) if meta.mode() & 0o077 != 0 => found.bad(
            format!(
                "the key {key} may be read by others (mode {:o}), so ssh ignores it",
                meta.mode() & 0o777
            ),
            format!("chmod 600 {typed}"),
        ),
        Ok(_) => {}
    }
    if let Some(dir) = key.parent()
        && fs::metadata(dir).is_ok_and(|meta| meta.mode() & 0o022 != 0)
    {
        found.bad(format!("{dir} may be written by others"), format!("chmod go-w {}", ward.typed(dir)));
    }
    if found.count(super::finding::Verdict::Bad) == before {
        passphrase(key, ward, found);
    }
    Some(key.clone())
}

fn passphrase(key: &Utf8Path, ward: &Ward<'_>, found: &mut Findings) {
    let open = Command::new("ssh-keygen").args(["-y", "-P", "", "-f", key.as_str()]);
    match ward.run(&open) {
        Some(output) if output.stderr_text().contains("passphrase") => found.bad(
            format!("the key {key} has a passphrase, which nobody types at night"),
            format!("ssh-keygen -p -N '' -f {}", ward.typed(key)),
        ),
        Some(output) if !output.is_success() => found.bad(
            format!("{key} is no private key: {}", output.stderr_text().replace('\n', "; ")),
            format!("ssh-keygen -t ed25519 -N '' -f {}", ward.typed(key)),
        ),
        _ => found.good(format!("the key {key} is there, for {} alone", ward.user())),
    }
}

/// There is no key that ssh would offer; perhaps one that it doesn't.
fn missing_key(config: &SshConfig, ward: &Ward<'_>, found: &mut Findings) {
    let wanted = match config.keys.as_slice() {
        [only] => only.clone(),
        _ => ward.home.join(".ssh/id_ed25519"),
    };
    let what = match config.keys.as_slice() {
        [only] => format!("the key {only} is not there"),
        _ => format!("{} has no key that ssh offers", ward.user()),
    };
    match stray_keys(config, ward).first() {
        Some(stray) => {
            let (from, to) = (ward.typed(stray), ward.typed(&wanted));
            found.bad(
                format!("{what}; ssh does not look for keys with the name of {stray}"),
                format!(
                    "mkdir -p -m 700 {} && mv {from} {to} && mv {from}.pub {to}.pub",
                    ward.typed(wanted.parent().unwrap_or(&wanted))
                ),
            );
        }
        None => found.bad(what, format!("ssh-keygen -t ed25519 -N '' -f {}", ward.typed(&wanted))),
    }
}

/// Private keys where people leave them by mistake: at home, or by a name that ssh doesn't know.
fn stray_keys(config: &SshConfig, ward: &Ward<'_>) -> Vec<Utf8PathBuf> {
    let dirs = [ward.home.clone(), ward.home.join(".ssh")];
    let files = dirs.iter().filter_map(|dir| dir.read_dir_utf8().ok()).flatten().flatten();
    let is_key = |path: &Utf8PathBuf| {
        let is_pair = path.with_file_name(format!("{}.pub", path.file_name().unwrap_or_default())).exists();
        is_pair && fs::read(path).is_ok_and(|text| text.starts_with(b"-----BEGIN ") && text.len() < 1 << 16)
    };
    let mut keys: Vec<_> = files.map(|entry| entry.path().to_owned()).filter(is_key).collect();
    keys.retain(|key| !config.keys.contains(key));
    keys.sort();
    keys
}

fn host_key(config: &SshConfig, remote: &Remote, ward: &Ward<'_>, found: &mut Findings) {
    let name = config.known_as();
    if config.is_known(ward) {
        found.good(format!("the host key of {name} is recorded"));
    } else if config.takes_any {
        found.warning(
            format!("the host key of {name} is not recorded, and ssh would take any"),
            "take StrictHostKeyChecking out of the ssh configuration, and log in once by hand",
        );
    } else {
        found.bad(
            format!("the host key of {name} is not recorded for {}", ward.user()),
            format!(
                "{} true   # and compare the fingerprint with what the host's owner says",
                config.typed(remote, "ssh")
            ),
        );
    }
}

/// Logs in as a run does. Tells if that works.
fn login(
    remote: &Remote,
    options: &SshfsOptions,
    config: &SshConfig,
    key: Option<&Utf8Path>,
    ward: &Ward<'_>,
    found: &mut Findings,
) -> bool {
    let host = remote.ssh_destination();
    let error = match options.try_login(remote, ward.runner) {
        Ok(()) => {
            found.good(format!("{host} lets {} in without a password, and its sftp answers", ward.user()));
            return true;
        }
        Err(error) => error,
    };
    let said = match &error {
        MountError::Command { stderr, .. } => stderr.clone(),
        other => other.to_string(),
    };
    let said_line = crate::fold::joined(&said);
    let known = diagnosis::of(&said);
    let last = said_line.rsplit("; ").next().unwrap_or(&said_line);
    let meaning = known.map_or_else(|| said_line.clone(), |known| format!("{} ({last})", known.meaning));
    let mend = if meaning.starts_with("the host shows another key") {
        let file = config.known_hosts.first().map(|file| ward.typed(file)).unwrap_or_default();
        format!(
            "ask the host's owner if its key was changed; only then: ssh-keygen -R {} -f {file}",
            shell_word(&config.known_as())
        )
    } else if said.contains("Host key verification failed") {
        format!("{} true   # and compare the fingerprint", config.typed(remote, "ssh"))
    } else if said.contains("Permission denied (") {
        let key = key.map_or_else(|| ward.home.join(".ssh/id_ed25519"), Utf8Path::to_owned);
        config.typed(remote, &format!("ssh-copy-id -i {}.pub", ward.typed(key)))
    } else if said.contains("subsystem request failed") {
        "on the host: echo 'Subsystem sftp internal-sftp' >> /etc/ssh/sshd_config && systemctl reload sshd"
            .to_owned()
    } else {
        known
            .map_or_else(|| config.typed(remote, "ssh -v -o BatchMode=yes"), |known| known.way_out.to_owned())
    };
    found.bad(format!("{host} can't be logged in to: {meaning}"), mend);
    false
}

/// More directories than this at the top are not tried.
const MOST_TRIED: usize = 100;

/// Can the remote directory be read, and what is at its top?
fn directory(patient: &Patient, remote: &Remote, options: &SshfsOptions, found: &mut Findings) {
    let bounds = SftpBounds { silence: patient.job.silence(), ..SftpBounds::default() };
    let listing = "sftp, then 'ls -la'".to_owned();
    let source = match SftpSource::connect(remote, options, &bounds) {
        Ok(source) => source,
        Err(e @ MountError::RemoteDirectory { .. }) => {
            let what = rdiff_core::error::chain(&e);
            return found
                .bad(what, format!("ssh {} ls -ld {}", remote.ssh_destination(), remote.path().display()));
        }
        Err(e) => return found.bad(rdiff_core::error::chain(&e), listing),
    };
    let names = match source.list(RepoPath::ROOT) {
        Ok(listing) => listing.names,
        Err(e) => {
            let who = remote.user().unwrap_or("the remote user");
            return found.bad(
                format!("{remote} can't be read: {e}"),
                format!("log in as a user who may read it (root), or give {who} the right to"),
            );
        }
    };
    if names.is_empty() && marker_of_job(&patient.job).is_none() {
        return found.bad(
            format!("{remote} is empty: a backup of it would record that all is deleted"),
            format!("ssh {} ls -la {}", remote.ssh_destination(), remote.path().display()),
        );
    }
    let stats = source.stat_in(RepoPath::ROOT, &names);
    let dirs: Vec<_> =
        names.iter().zip(stats).filter(|(_, stat)| stat.as_ref().is_ok_and(|s| s.is_dir())).collect();
    let denied: Vec<_> = dirs
        .iter()
        .take(MOST_TRIED)
        .filter(|(name, _)| source.list(RepoPath::ROOT.join(name).as_path()).is_err())
        .map(|(name, _)| String::from_utf8_lossy(name).into_owned())
        .collect();
    match denied.first() {
        None => found.good(format!("{remote} can be read: {} entries at its top", names.len())),
        Some(first) => found.warning(
            format!("{remote} can be read, but not {} of its directories, '{first}' for one", denied.len()),
            "log in as root, or as a user who may read them",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_of_ssh_is_understood() {
        let text = "user root\nhostname 203.0.113.10\nport 2222\nstricthostkeychecking ask\n\
                    identityfile ~/.ssh/id_rsa\nidentityfile /etc/key\nglobalknownhostsfile /g\nuserknownhostsfile ~/.ssh/known_hosts /x\n";
        let config = SshConfig::parse(text, Utf8Path::new("/home/me"));
        assert_eq!(config.keys, ["/home/me/.ssh/id_rsa", "/etc/key"]);
        assert_eq!(config.known_hosts, ["/home/me/.ssh/known_hosts", "/x", "/g"]);
        assert_eq!((config.known_as().as_str(), config.takes_any), ("[203.0.113.10]:2222", false));
    }
}
