//! What runs jobs: a line of a crontab, or a systemd service and timer.
//!
//! Both are made here as text; [`crate::job::install`] puts them in place.

use std::fmt;

use camino::{Utf8Path, Utf8PathBuf};

use super::file::{Job, Via};
use super::name::JobName;
use super::store::Store;

/// When a job is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Each day.
    Daily {
        /// From 0 to 23.
        hour: u8,
        /// From 0 to 59.
        minute: u8,
    },
    /// Each week.
    Weekly {
        /// From 0 for Sunday to 6.
        day: u8,
        /// From 0 to 23.
        hour: u8,
        /// From 0 to 59.
        minute: u8,
    },
    /// Each hour.
    Hourly {
        /// From 0 to 59.
        minute: u8,
    },
}

impl Default for When {
    /// The guide's time.
    fn default() -> Self {
        Self::Daily { hour: 2, minute: 0 }
    }
}

const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

impl When {
    /// Reads `02:00`.
    ///
    /// # Errors
    /// What to write instead.
    pub fn daily(text: &str) -> Result<Self, String> {
        let (hour, minute) = time(text)?;
        Ok(Self::Daily { hour, minute })
    }

    /// Reads `sun 02:00`.
    ///
    /// # Errors
    /// What to write instead.
    pub fn weekly(text: &str) -> Result<Self, String> {
        let bad = || format!("'{text}' is no day and time; write 'sun 02:00'");
        let (day, clock) = text.trim().split_once([' ', ',']).ok_or_else(bad)?;
        let day = day.to_ascii_lowercase();
        let day = DAYS.iter().position(|name| day.len() >= 3 && day.starts_with(name)).ok_or_else(bad)?;
        let (hour, minute) = time(clock.trim())?;
        Ok(Self::Weekly { day: day as u8, hour, minute })
    }

    /// Reads the minute, with or without a colon before it.
    ///
    /// # Errors
    /// What to write instead.
    pub fn hourly(text: &str) -> Result<Self, String> {
        let minute = number(text.trim_start_matches(':'), 59);
        minute
            .map(|minute| Self::Hourly { minute })
            .ok_or_else(|| format!("'{text}' is no minute from 0 to 59"))
    }

    /// The option that says it.
    pub fn option(self) -> String {
        match self {
            Self::Daily { hour, minute } => format!("--daily={hour:02}:{minute:02}"),
            Self::Weekly { day, hour, minute } => {
                format!("--weekly={} {hour:02}:{minute:02}", DAYS[usize::from(day % 7)])
            }
            Self::Hourly { minute } => format!("--hourly={minute}"),
        }
    }

    /// The first five fields of a line of a crontab.
    pub fn cron(self) -> String {
        match self {
            Self::Daily { hour, minute } => format!("{minute} {hour} * * *"),
            Self::Weekly { day, hour, minute } => format!("{minute} {hour} * * {day}"),
            Self::Hourly { minute } => format!("{minute} * * * *"),
        }
    }

    /// What a timer has as `OnCalendar`.
    pub fn calendar(self) -> String {
        match self {
            Self::Daily { hour, minute } => format!("*-*-* {hour:02}:{minute:02}:00"),
            Self::Weekly { day, hour, minute } => {
                let mut name = DAYS[usize::from(day % 7)].to_owned();
                name[..1].make_ascii_uppercase();
                format!("{name} *-*-* {hour:02}:{minute:02}:00")
            }
            Self::Hourly { minute } => format!("*-*-* *:{minute:02}:00"),
        }
    }
}

fn time(text: &str) -> Result<(u8, u8), String> {
    let parts = text.split_once(':').and_then(|(hour, minute)| {
        Some((number(hour, 23)?, number(minute, 59).filter(|_| minute.len() == 2)?))
    });
    parts.ok_or_else(|| format!("'{text}' is no time of day; write 02:00"))
}

fn number(text: &str, most: u8) -> Option<u8> {
    let digits = !text.is_empty() && text.len() <= 2 && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|n| digits && *n <= most)
}

/// What runs it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Service {
    /// The user's crontab.
    #[default]
    Cron,
    /// A service and a timer.
    Systemd,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cron => "cron",
            Self::Systemd => "systemd",
        })
    }
}

/// What is run: a program, the words that make it run one job or all, and for whom.
#[derive(Clone, Debug)]
pub struct Call {
    program: Utf8PathBuf,
    words: Vec<String>,
    /// The job's name, or `all`.
    label: String,
}

/// Begins the mark by which a line of ours is found again in a crontab.
const MARK: &str = "# rdiff-backup job ";

impl Call {
    /// The call of this very program for a job; for all jobs without a name.
    pub fn new(program: &Utf8Path, name: Option<&JobName>, store: &Store) -> Self {
        let mut words = vec!["job".to_owned()];
        words.extend(store.words());
        words.push("run".to_owned());
        let which = name.map_or("--all", JobName::as_str);
        words.push(which.to_owned());
        Self { program: program.to_owned(), words, label: which.trim_start_matches('-').to_owned() }
    }

    /// The call for all jobs.
    #[must_use]
    pub fn for_all(mut self) -> Self {
        self.words.pop();
        self.words.push("--all".to_owned());
        self.label = "all".to_owned();
        self
    }

    /// The line of a crontab.
    pub fn cron_line(&self, when: When) -> String {
        // cron takes a bare % for the end of the line.
        let words = [self.program.as_str()].into_iter().chain(self.words.iter().map(String::as_str));
        let command: Vec<_> = words.map(|word| shell_word(word).replace('%', "\\%")).collect();
        format!("{} {} {}", when.cron(), command.join(" "), self.mark())
    }

    fn mark(&self) -> String {
        format!("{MARK}{}", self.label)
    }

    /// The name of the units, without their ending.
    pub fn unit(&self) -> String {
        format!("rdiff-backup-{}", self.label)
    }

    /// Does a crontab run this job, be it by a line of ours or by one that somebody wrote?
    pub fn is_in(&self, crontab: &str) -> bool {
        let is_run = |line: &str| {
            let words: Vec<_> = line.split_whitespace().collect();
            let runs = words
                .windows(2)
                .any(|pair| pair[0] == "run" && (pair[1] == self.label || pair[1] == "--all"));
            runs && line.contains("rdiff-backup") && words.contains(&"job")
        };
        crontab.lines().map(str::trim).filter(|line| !line.starts_with('#')).any(is_run)
    }

    /// A crontab with the line in it, in the place of an older one of this job.
    pub fn put_into(&self, crontab: &str, line: Option<&str>) -> String {
        let mark = self.mark();
        let mut placed = line;
        let mut text = String::new();
        for old in crontab.lines() {
            let is_ours = old.trim_end().ends_with(&mark) && !old.trim_start().starts_with('#');
            match (is_ours, placed) {
                (false, _) => text += &format!("{old}\n"),
                (true, Some(line)) => {
                    text += &format!("{line}\n");
                    placed = None;
                }
                (true, None) => {}
            }
        }
        text + &placed.map(|line| format!("{line}\n")).unwrap_or_default()
    }

    /// The timer.
    pub fn timer(&self, when: When) -> String {
        format!(
            "[Unit]\nDescription=When rdiff-backup runs {label}\n\n[Timer]\nOnCalendar={calendar}\n\
             # A run that was missed, the machine being off, is made up for.\nPersistent=true\n\
             AccuracySec=1min\n\n[Install]\nWantedBy=timers.target\n",
            label = self.described(),
            calendar = when.calendar()
        )
    }

    fn described(&self) -> String {
        if self.label == "all" { "all backup jobs".to_owned() } else { format!("backup job {}", self.label) }
    }

    /// The service. `jobs` are those that it runs, for what they must be able to do.
    pub fn service(&self, jobs: &[Job], store: &Store, is_root: bool) -> String {
        let command: Vec<_> = [self.program.as_str()]
            .into_iter()
            .chain(self.words.iter().map(String::as_str))
            .map(unit_word)
            .collect();
        let mut text = format!(
            "[Unit]\nDescription=rdiff-backup runs {label}\nDocumentation=man:rdiff-backup(1)\n",
            label = self.described()
        );
        if is_root {
            text += "Wants=network-online.target\nAfter=network-online.target\n";
        }
        text += &format!(
            "\n[Service]\nType=oneshot\nExecStart={}\n\
             # A backup may take its time, and should not be felt.\nNice=10\nIOSchedulingClass=best-effort\n\
             IOSchedulingPriority=7\nUMask=0077\n",
            command.join(" ")
        );
        text + &hardening(jobs, store, is_root)
    }
}

/// What a run may not do, as far as its jobs allow: hooks may do anything, and sshfs needs a setuid program.
fn hardening(jobs: &[Job], store: &Store, is_root: bool) -> String {
    if jobs.iter().any(|job| !job.hooks.is_empty()) {
        return "\n# Hooks may need anything, so nothing is forbidden here.\n".to_owned();
    }
    let mounts = jobs.iter().any(|job| matches!(job.via(), Some(Via::Sshfs | Via::Fstab)));
    if !is_root {
        return match mounts {
            true => "\n# Ordinary users mount by fusermount3, which is setuid: no NoNewPrivileges here.\n".to_owned(),
            false => "\nNoNewPrivileges=yes\nLockPersonality=yes\nMemoryDenyWriteExecute=yes\nRestrictRealtime=yes\n\
                      RestrictNamespaces=yes\nSystemCallArchitectures=native\n\
                      RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6\n"
                .to_owned(),
        };
    }
    let mut text = "\n# It writes to the repository and its own state, and nowhere else. Not forbidden are devices and\n\
                    # setuid bits: the mirror holds those of the source.\n\
                    NoNewPrivileges=yes\nProtectSystem=strict\nProtectHome=read-only\nPrivateTmp=yes\n"
        .to_owned();
    let parents = jobs.iter().map(Job::repository_parent);
    let mut writable: Vec<_> =
        parents.chain([store.state()]).map(|path| unit_word(&format!("-{path}"))).collect();
    writable.dedup();
    if mounts {
        text += "# The mount is seen by this service only.\nRuntimeDirectory=rdiff-backup\n";
        writable.push("-/run/mount".to_owned());
    }
    text += &format!("ReadWritePaths={}\n", writable.join(" "));
    text += "# Nothing of what a backup, ssh or a mount needs is among these.\n\
             CapabilityBoundingSet=~CAP_SYS_MODULE CAP_SYS_RAWIO CAP_SYS_TIME CAP_SYS_BOOT CAP_SYS_PTRACE CAP_SYS_PACCT \
             CAP_SYS_TTY_CONFIG CAP_SYSLOG CAP_NET_ADMIN CAP_NET_RAW CAP_NET_BIND_SERVICE CAP_NET_BROADCAST CAP_WAKE_ALARM \
             CAP_BLOCK_SUSPEND CAP_AUDIT_CONTROL CAP_AUDIT_READ CAP_AUDIT_WRITE CAP_IPC_LOCK CAP_IPC_OWNER CAP_LEASE CAP_BPF\n\
             SystemCallFilter=~@clock @cpu-emulation @debug @module @obsolete @raw-io @reboot @swap\n\
             SystemCallErrorNumber=EPERM\n";
    text + "ProtectKernelTunables=yes\nProtectKernelModules=yes\nProtectKernelLogs=yes\nProtectControlGroups=yes\n\
            ProtectHostname=yes\nLockPersonality=yes\nMemoryDenyWriteExecute=yes\nRestrictRealtime=yes\n\
            RestrictNamespaces=yes\nSystemCallArchitectures=native\n\
            RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6\n"
}

/// A word for the shell.
pub(crate) fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_=+,./:@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// A word of a unit's line: `%` and `$` mean something there, blanks end it.
fn unit_word(word: &str) -> String {
    let word = word.replace('%', "%%").replace('$', "$$");
    let plain = |c: char| c.is_alphanumeric() || "-_=+,./:@%$~".contains(c);
    if word.chars().all(plain) {
        word
    } else {
        format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(name: Option<&str>) -> Call {
        let store = Store::find(Some(Utf8Path::new("/jobs"))).unwrap();
        let name = name.map(|name| JobName::parse(name).unwrap());
        Call::new(Utf8Path::new("/usr/bin/rdiff-backup"), name.as_ref(), &store)
    }

    #[test]
    fn times_of_day_in_both_ways() {
        for (when, cron, calendar) in [
            (When::daily("02:00"), "0 2 * * *", "*-*-* 02:00:00"),
            (When::daily("2:05"), "5 2 * * *", "*-*-* 02:05:00"),
            (When::weekly("Sunday 23:59"), "59 23 * * 0", "Sun *-*-* 23:59:00"),
            (When::weekly("sat 00:30"), "30 0 * * 6", "Sat *-*-* 00:30:00"),
            (When::hourly("7"), "7 * * * *", "*-*-* *:07:00"),
        ] {
            let when = when.unwrap();
            assert_eq!((when.cron().as_str(), when.calendar().as_str()), (cron, calendar));
        }
        for bad in ["", "24:00", "02:60", "2", "02:0", "2:+5", "-1:00", "02:00:00"] {
            assert!(When::daily(bad).is_err(), "{bad:?}");
        }
        assert!(
            When::weekly("02:00").is_err()
                && When::weekly("xyz 02:00").is_err()
                && When::hourly("60").is_err()
        );
    }

    #[test]
    fn the_line_of_a_crontab_is_found_and_replaced() {
        let call = call(Some("web"));
        let line = call.cron_line(When::default());
        assert_eq!(
            line,
            "0 2 * * * /usr/bin/rdiff-backup job --jobs-dir /jobs run web # rdiff-backup job web"
        );
        let before = "MAILTO=me\n# rdiff-backup job web\n0 3 * * * true # rdiff-backup job web2\n";
        let with = call.put_into(before, Some(&line));
        assert_eq!(with, format!("{before}{line}\n"));
        assert!(call.is_in(&with) && !call.is_in(before));
        let later = call.cron_line(When::daily("03:30").unwrap());
        assert_eq!(call.put_into(&with, Some(&later)), format!("{before}{later}\n"));
        assert_eq!(call.put_into(&with, None), before);
        assert!(
            call.is_in("@daily nice rdiff-backup job run --all\n")
                && !call.is_in("# rdiff-backup job run web\n")
        );
        assert!(!call.is_in("0 2 * * * rdiff-backup job run web2\n"));
    }

    #[test]
    fn odd_paths_stay_one_word() {
        let store = Store::find(Some(Utf8Path::new("/a b/50%/it's"))).unwrap();
        let call = Call::new(Utf8Path::new("/usr/bin/rdiff-backup"), None, &store);
        assert!(
            call.cron_line(When::default())
                .contains(r" '/a b/50\%/it'\''s' run --all # rdiff-backup job all")
        );
        let service = call.service(&[], &store, true);
        assert!(service.contains("--jobs-dir \"/a b/50%%/it's\" run --all\n"), "{service}");
    }

    #[test]
    fn hardening_leaves_jobs_what_they_need() {
        let store = Store::find(Some(Utf8Path::new("/jobs"))).unwrap();
        let mut job = Job::new("root@h:/srv", "/backups/web");
        let service =
            |job: &Job, is_root| call(Some("web")).service(std::slice::from_ref(job), &store, is_root);
        let sftp = service(&job, true);
        assert!(
            sftp.contains("ProtectSystem=strict\n")
                && sftp.contains("ReadWritePaths=-/backups -/jobs/state\n")
        );
        // What the mirror must be able to hold.
        for forbids in ["PrivateDevices", "RestrictSUIDSGID", "DevicePolicy", "ProtectClock"] {
            assert!(!sftp.contains(forbids), "{forbids}");
        }
        assert!(service(&job, false).contains("NoNewPrivileges=yes"));
        job.via = Some(Via::Sshfs);
        assert!(!service(&job, false).contains("NoNewPrivileges=yes"));
        assert!(service(&job, true).contains("RuntimeDirectory="));
        job.hooks.before = Some("true".into());
        assert!(!service(&job, true).contains("ProtectSystem"));
    }
}
