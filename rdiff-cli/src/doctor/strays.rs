//! What was set up by hand, as guides tell: scripts, lines of crontabs, files in the wrong place.

use std::fs;
use std::os::unix::fs::MetadataExt;

use camino::{Utf8Path, Utf8PathBuf};
use rdiff_mount::fstab::Fstab;

use super::finding::Findings;
use super::patient::Ward;
use crate::job::install::Installer;
use crate::job::schedule::shell_word;

/// Looks for what is no job, and should be one.
pub(super) fn check(fstab: &Fstab, ward: &Ward<'_>, found: &mut Findings) {
    let installer = Installer { runner: ward.runner, store: ward.store };
    let crontab = installer.crontab().ok().flatten();
    let scripts = scripts(crontab.as_deref().unwrap_or_default(), ward);
    for script in &scripts {
        check_script(script, crontab.as_deref(), fstab, ward, found);
    }
    system_crontabs(&scripts, ward, found);
    literal_braces(ward, found);
}

/// A script that calls rdiff-backup.
struct Script {
    path: Utf8PathBuf,
    text: String,
}

/// Scripts at home, and those that the crontab runs.
fn scripts(crontab: &str, ward: &Ward<'_>) -> Vec<Script> {
    let at_home =
        ward.home.read_dir_utf8().into_iter().flatten().flatten().map(|entry| entry.path().to_owned());
    let at_home = at_home.filter(|path| path.extension() == Some("sh"));
    let words =
        crontab.lines().filter(|line| !line.trim_start().starts_with('#')).flat_map(str::split_whitespace);
    let named = words.filter(|word| word.starts_with('/')).map(Utf8PathBuf::from);
    let mut paths: Vec<_> = at_home.chain(named).collect();
    paths.sort();
    paths.dedup();
    let read = |path: Utf8PathBuf| {
        let is_small = fs::metadata(&path).is_ok_and(|meta| meta.is_file() && meta.len() < 1 << 16);
        let text = is_small.then(|| fs::read_to_string(&path).ok()).flatten()?;
        let is_ours = text.starts_with("#!") && text.contains("rdiff-backup");
        is_ours.then_some(Script { path, text })
    };
    paths.into_iter().filter_map(read).collect()
}

impl Script {
    fn commands(&self) -> impl Iterator<Item = Vec<&str>> {
        let lines = self.text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
        lines.map(|line| line.split_whitespace().collect())
    }

    /// What it mounts, if it goes on when that fails.
    fn unchecked_mount(&self) -> Option<&str> {
        let is_careful =
            ["set -e", "mountpoint", "|| exit", "&&"].iter().any(|word| self.text.contains(word));
        let mount = self.commands().find(|words| words.first() == Some(&"mount"));
        mount.filter(|_| !is_careful).and_then(|words| words.last().copied())
    }

    /// Where it backs up to.
    fn repository(&self) -> Option<&str> {
        let call =
            self.commands().find(|words| words.first().is_some_and(|word| word.ends_with("rdiff-backup")));
        call.and_then(|words| words.last().copied()).filter(|word| word.starts_with('/'))
    }
}

fn check_script(
    script: &Script,
    crontab: Option<&str>,
    fstab: &Fstab,
    ward: &Ward<'_>,
    found: &mut Findings,
) {
    let path = &script.path;
    if fs::metadata(path).is_ok_and(|meta| meta.mode() & 0o111 == 0) {
        found.bad(format!("{path} is not executable"), format!("chmod +x {}", ward.typed(path)));
    }
    if let Some(place) = script.unchecked_mount() {
        let entry = fstab.find(Utf8Path::new(place)).and_then(|entry| entry.sshfs()?.ok());
        let source = entry.map_or_else(|| "USER@HOST:/PATH".to_owned(), |(remote, _)| remote.to_string());
        let name = Utf8Path::new(place)
            .file_name()
            .unwrap_or("NAME")
            .replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        let repository = script.repository().unwrap_or("DIR");
        found.bad(
            format!(
                "{path} does not look whether 'mount {place}' worked: when it did not, an empty directory is backed up, \
                 and the exit code is that of umount"
            ),
            format!(
                "rdiff-backup job add {name} {} --via fstab --mount-point {} --repo {} && \
                 rdiff-backup job schedule {name} --daily 02:00 --install, in the place of {path}",
                shell_word(&source),
                shell_word(place),
                shell_word(repository)
            ),
        );
    }
    let runs = |text: &str| {
        text.lines().any(|line| !line.trim_start().starts_with('#') && line.contains(path.as_str()))
    };
    if !crontab.is_some_and(runs) {
        found.bad(
            format!("nothing runs {path}: the crontab of {} has no line for it", ward.user()),
            format!("(crontab -l; echo '00 02 * * * {path}') | crontab -   # as {}", ward.user()),
        );
    }
}

/// Lines for users that there are none of: cron leaves them out, with a line in a log that nobody reads.
fn system_crontabs(scripts: &[Script], ward: &Ward<'_>, found: &mut Findings) {
    let mut files = vec![Utf8PathBuf::from("/etc/crontab")];
    let dir = Utf8Path::new("/etc/cron.d").read_dir_utf8().into_iter().flatten().flatten();
    files.extend(dir.map(|entry| entry.path().to_owned()));
    for file in files {
        let text = fs::read_to_string(&file).unwrap_or_default();
        for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
            let is_ours =
                line.contains("rdiff-backup") || scripts.iter().any(|s| line.contains(s.path.as_str()));
            let Some(user) = line.split_whitespace().nth(5).filter(|_| is_ours) else { continue };
            if nix::unistd::User::from_name(user).is_ok_and(|user| user.is_none()) {
                found.bad(
                    format!("{file} runs a backup as '{user}', and there is no such user"),
                    format!("{}sed -i 's/\\b{user}\\b/{}/' {file}", ward.sudo(), ward.user()),
                );
            }
        }
    }
    // Only root may look at the crontabs of others.
    let spool = Utf8Path::new("/var/spool/cron/crontabs").read_dir_utf8().into_iter().flatten().flatten();
    for crontab in spool {
        let user = crontab.file_name();
        let is_ours = fs::read_to_string(crontab.path()).is_ok_and(|text| {
            text.contains("rdiff-backup") || scripts.iter().any(|s| text.contains(s.path.as_str()))
        });
        if is_ours && nix::unistd::User::from_name(user).is_ok_and(|user| user.is_none()) {
            found.bad(
                format!("{} is the crontab of '{user}', and there is no such user", crontab.path()),
                format!("mv {} /tmp && crontab -u USER /tmp/{user}", crontab.path()),
            );
        }
    }
}

/// `touch {a,b,c}` makes three files in bash, and in sh one with that very name.
fn literal_braces(ward: &Ward<'_>, found: &mut Findings) {
    let file = ward.home.join("{file1,file2,file3}");
    if file.exists() {
        found.warning(
            format!("{file} is one file, made by 'touch {{file1,file2,file3}}' in a shell that knows no braces, and not in the source"),
            format!("rm {}; files to try a backup with belong into the remote directory", ward.typed(&file)),
        );
    }
}
