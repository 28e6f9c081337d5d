//! What is in the file of a job.
//!
//! Each key is an option of `job add`, and what they say of a backup are the options of `backup` themselves, so
//! that nothing is said in two ways.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use rdiff_core::time::{TimeSpec, Zone};
use rdiff_mount::location::{Location, Remote};
use rdiff_mount::sshfs::SshfsOptions;
use serde::{Deserialize, Serialize};

use super::name::JobName;

/// One job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Job {
    /// What is backed up: a local directory, `user@host:/path`, `user@host::/path` or `ssh://user@host:port/path`.
    pub source: String,
    /// The repository, an absolute path.
    pub repository: Utf8PathBuf,
    /// How a remote source is read; SFTP where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<Via>,
    /// For `via = "fstab"`: the mount point of the entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mount_point: Option<Utf8PathBuf>,
    /// The private key to log in with, and no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Utf8PathBuf>,
    /// The file of known hosts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_hosts: Option<Utf8PathBuf>,
    /// Options of the ssh configuration: `ProxyJump=gate`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ssh_options: Vec<String>,
    /// How many seconds a server may be silent before the run is given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_timeout: Option<u32>,
    /// Sessions before this time are removed after a successful run: `6M`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub older_than: Option<String>,
    /// How old the last good session may be before `job status` complains: `26h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<String>,
    /// Options of `backup`, word by word.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// What is run before and after.
    #[serde(default, skip_serializing_if = "Hooks::is_empty")]
    pub hooks: Hooks,
}

/// How a remote source is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Via {
    /// Over SFTP, without a mount.
    #[default]
    Sftp,
    /// By sshfs, mounted privately and read-only for the run.
    Sshfs,
    /// By an entry of fstab, mounted for the run.
    Fstab,
}

impl Via {
    /// The words for it.
    pub const NAMES: [&str; 3] = ["sftp", "sshfs", "fstab"];

    /// Reads one of [`Via::NAMES`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Sftp, Self::Sshfs, Self::Fstab].into_iter().find(|via| via.as_str() == text)
    }

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sftp => "sftp",
            Self::Sshfs => "sshfs",
            Self::Fstab => "fstab",
        }
    }
}

/// Commands of the shell, run around a backup.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Hooks {
    /// Run first; if it fails, nothing is backed up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// Run last, whatever happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Seconds that each may take; an hour where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_limit: Option<u32>,
}

impl Hooks {
    /// Is there none?
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// How long each may take.
    pub fn limit(&self) -> Duration {
        Duration::from_secs(self.time_limit.unwrap_or(3600).into())
    }
}

/// A last good session older than this is too old, where the job says nothing: a day, and time for a long run.
const MAX_AGE: &str = "2D";

impl Job {
    /// A job with the least it needs.
    pub fn new(source: impl Into<String>, repository: impl Into<Utf8PathBuf>) -> Self {
        Self {
            source: source.into(),
            repository: repository.into(),
            via: None,
            mount_point: None,
            identity: None,
            known_hosts: None,
            ssh_options: Vec::new(),
            remote_timeout: None,
            older_than: None,
            max_age: None,
            options: Vec::new(),
            hooks: Hooks::default(),
        }
    }

    /// Reads a job and checks it.
    ///
    /// # Errors
    /// What is wrong, in one line, with the line of the file where that is known.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        let job: Self = toml::from_str(text).map_err(|e| {
            let line = e.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            let line = line.map(|line| format!("line {line}: ")).unwrap_or_default();
            format!("{line}{}", e.message().replace('\n', "; "))
        })?;
        job.check()?;
        Ok(job)
    }

    /// The text of its file.
    pub fn to_toml(&self, name: &JobName) -> String {
        let head =
            format!("# Run by 'rdiff-backup job run {name}'; checked by 'rdiff-backup doctor {name}'.\n");
        // Strings, numbers and lists of strings: all of them can be said in TOML.
        head + &toml::to_string_pretty(self).unwrap_or_default()
    }

    /// Checks what can be checked without looking at any place, and without knowing the options of `backup`.
    ///
    /// # Errors
    /// The first thing that is wrong, in one line.
    pub fn check(&self) -> Result<(), String> {
        let location = self.location()?;
        match (&location, self.via) {
            (Location::Local(path), _) if !path.is_absolute() => {
                return Err(format!(
                    "source '{}' is not absolute: a job can be run from anywhere",
                    self.source
                ));
            }
            (Location::Local(_), Some(_)) => {
                return Err(format!("source '{}' is on this machine: leave 'via' out", self.source));
            }
            _ => {}
        }
        if (self.via == Some(Via::Fstab)) != self.mount_point.is_some() {
            return Err("'via = \"fstab\"' and 'mount-point' belong together".to_owned());
        }
        for (key, path) in [
            ("repository", Some(&self.repository)),
            ("mount-point", self.mount_point.as_ref()),
            ("identity", self.identity.as_ref()),
            ("known-hosts", self.known_hosts.as_ref()),
        ] {
            if let Some(path) = path.filter(|path| !path.is_absolute()) {
                return Err(format!("{key} '{path}' is not absolute: a job can be run from anywhere"));
            }
        }
        for (key, time) in [("older-than", &self.older_than), ("max-age", &self.max_age)] {
            let bad = |e| format!("{key}: {e}");
            time.as_ref().map_or(Ok(()), |time| parsed(time, 0).map(drop).map_err(bad))?;
        }
        if let Some(age) = self.max_age.as_ref().filter(|age| !is_age(age)) {
            return Err(format!("max-age: '{age}' is no age; give one such as 26h or 2D"));
        }
        if let Some(option) = self.ssh_options.iter().find(|option| !is_ssh_option(option)) {
            return Err(format!(
                "ssh option '{option}' is not of the form Name=value, as in ssh's configuration"
            ));
        }
        if let Some(option) = self.options.iter().find(|option| option.ends_with("-stdin")) {
            return Err(format!("options: {option} has nothing to read when a job is run"));
        }
        Ok(())
    }

    /// Where the source is.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn location(&self) -> Result<Location, String> {
        Location::parse_with_scp(&self.source).map_err(|e| e.to_string())
    }

    /// The source, if it is on another host.
    pub fn remote(&self) -> Option<Remote> {
        match self.location() {
            Ok(Location::Remote(remote)) => Some(remote),
            _ => None,
        }
    }

    /// How the source is read; nothing for one on this machine.
    pub fn via(&self) -> Option<Via> {
        self.remote().map(|_| self.via.unwrap_or_default())
    }

    /// What ssh and sshfs are told.
    pub fn ssh(&self) -> SshfsOptions {
        SshfsOptions {
            identity: self.identity.clone(),
            known_hosts: self.known_hosts.clone(),
            extra: self.ssh_options.clone(),
            ..SshfsOptions::default()
        }
    }

    /// How long the server may be silent.
    pub fn silence(&self) -> Duration {
        Duration::from_secs(self.remote_timeout.unwrap_or(60).max(1).into())
    }

    /// The age, in seconds, at which the last good session is too old.
    pub fn max_age(&self) -> i64 {
        match parsed(self.max_age.as_deref().unwrap_or(MAX_AGE), 0) {
            Ok(TimeSpec::At(seconds)) => -seconds,
            _ => i64::MAX,
        }
    }

    /// Where the repository is made, if it is not there yet.
    pub fn repository_parent(&self) -> &Utf8Path {
        self.repository.parent().unwrap_or(Utf8Path::new("/"))
    }
}

/// A time as an age counted back from `now`.
fn parsed(text: &str, now: i64) -> Result<TimeSpec, String> {
    TimeSpec::parse(text, now, &Zone::utc()).map_err(|e| e.to_string())
}

/// Is it a length of time? Neither a date nor a number of sessions can be too long ago.
fn is_age(text: &str) -> bool {
    matches!(parsed(text, 0), Ok(TimeSpec::At(..=0))) && !text.bytes().all(|b| b.is_ascii_digit())
}

fn is_ssh_option(option: &str) -> bool {
    let name = option.split_once('=').map_or("", |(name, _)| name);
    name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.chars().all(|c| c.is_ascii_alphanumeric())
        && !option.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEB: &str = "source = 'root@203.0.113.10:/srv'\nrepository = '/home/rdbadmin/backups/web'\n";

    fn refused(more: &str) -> String {
        let error = Job::from_toml(&format!("{WEB}{more}\n")).expect_err(more);
        assert!(!error.contains('\n'), "{error}");
        error
    }

    #[test]
    fn two_lines_are_a_job() {
        let job = Job::from_toml(WEB).unwrap();
        assert_eq!((job.via(), job.max_age()), (Some(Via::Sftp), 2 * 86_400));
        assert_eq!(job.remote().unwrap().ssh_destination(), "root@203.0.113.10");
        assert_eq!(job.silence(), Duration::from_secs(60));
    }

    #[test]
    fn what_is_written_is_read() {
        let more = "via = 'fstab'\nmount-point = '/mnt/a \"b\"'\nolder-than = '6M'\nmax-age = '26h'\n\
                    options = ['--exclude', '**/.cache', '--max-deletions', '80%']\nssh-options = ['ProxyJump=gate']\n\
                    [hooks]\nbefore = '''pg_dump \"x\" > 'y' '''\ntime-limit = 60\n";
        let job = Job::from_toml(&format!("{WEB}{more}")).unwrap();
        assert_eq!(Job::from_toml(&job.to_toml(&JobName::parse("web").unwrap())).unwrap(), job);
        assert_eq!((job.options.len(), job.max_age()), (4, 26 * 3600));
        assert_eq!(job.ssh().extra, ["ProxyJump=gate"]);
    }

    #[test]
    fn each_mistake_is_named() {
        for (more, says) in [
            ("via = 'rsync'", "line 3: "),
            ("exclude = ['x']", "line 3: "),
            ("via = 'fstab'", "mount-point"),
            ("mount-point = '/mnt'", "belong together"),
            ("older-than = 'soon'", "older-than: bad time"),
            ("options = ['--exclude-filelist-stdin']", "nothing to read"),
            ("identity = 'key'", "identity 'key' is not absolute"),
            ("ssh-options = ['-oProxyCommand=x']", "Name=value"),
            ("source = 'again'", "line 3: "),
        ] {
            let error = refused(more);
            assert!(error.contains(says), "{more}: {error}");
        }
        for (text, says) in [
            ("source = 'srv'\nrepository = '/r'", "source 'srv' is not absolute"),
            ("source = '/srv'\nrepository = '/r'\nvia = 'sftp'", "on this machine"),
            ("source = '/srv'", "repository"),
            ("source = 'a::b::c'\nrepository = '/r'", "too many '::'"),
        ] {
            let error = Job::from_toml(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
