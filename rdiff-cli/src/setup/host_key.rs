//! Recording the key of a host, once somebody has said that it is the right one.

use std::fs::{self, OpenOptions};
use std::io::{self, BufRead, IsTerminal, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};

use camino::Utf8Path;
use rdiff_mount::runner::Command;

use crate::doctor::{SshConfig, Ward};

/// A key that a host showed.
struct Shown {
    /// As a file of known hosts has it.
    line: String,
    /// `SHA256:…`.
    fingerprint: String,
}

/// Asks the host for its keys, and records the one whose fingerprint is `expected`; without that, the user is
/// asked.
pub(super) fn record(config: &SshConfig, expected: Option<&str>, ward: &Ward<'_>) -> Result<(), String> {
    let keys = shown(config, ward)?;
    let prints = || keys.iter().map(|key| key.fingerprint.as_str()).collect::<Vec<_>>().join(", ");
    let chosen: Vec<_> = match expected {
        Some(expected) => keys.iter().filter(|key| is_same(&key.fingerprint, expected)).collect(),
        None if is_confirmed(&keys)? => keys.iter().collect(),
        None => {
            let text = "ask the owner of the host for its fingerprint ('ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub' \
                        there), compare, and run this again with --host-key FINGERPRINT";
            return Err(format!("{} shows the key {}; {text}", config.known_as(), prints()));
        }
    };
    if chosen.is_empty() {
        let expected = expected.unwrap_or_default();
        return Err(format!(
            "{} does not have the key {expected}, but {}: this is another host, or somebody between",
            config.known_as(),
            prints()
        ));
    }
    let file = config.known_hosts.first().ok_or("ssh has no file of known hosts")?;
    let text: String = chosen.iter().map(|key| format!("{}\n", key.line)).collect();
    append(file, &text).map_err(|e| format!("cannot write {file}: {e}"))
}

/// `SHA256:` may be left out.
fn is_same(fingerprint: &str, expected: &str) -> bool {
    let bare = |text: &str| text.trim().trim_start_matches("SHA256:").to_owned();
    bare(fingerprint) == bare(expected)
}

fn shown(config: &SshConfig, ward: &Ward<'_>) -> Result<Vec<Shown>, String> {
    let port = config.port.to_string();
    let scan = Command::new("ssh-keyscan").args(["-T", "10", "-p", &port, "--", &config.host]);
    let output = ward.run(&scan).ok_or("there is no program 'ssh-keyscan'")?;
    let text = output.stdout_text();
    let lines: Vec<_> =
        text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()).collect();
    if lines.is_empty() {
        return Err(format!(
            "{}:{port} showed no key: see that its sshd runs there; behind a jump host, log in once by hand",
            config.host
        ));
    }
    lines.into_iter().map(|line| fingerprint(line, config, ward)).collect()
}

fn fingerprint(line: &str, config: &SshConfig, ward: &Ward<'_>) -> Result<Shown, String> {
    let key = line.split_once(' ').map_or("", |(_, key)| key).to_owned();
    // ssh-keygen reads files only; what it is given is a key, nothing secret.
    let print = Command::new("sh").args(["-c", "printf '%s\\n' \"$1\" | ssh-keygen -lf -", "sh", &key]);
    let output =
        ward.run(&print).filter(|output| output.is_success()).ok_or("ssh-keygen can't read the key")?;
    let text = output.stdout_text();
    let fingerprint = text.split(' ').nth(1).unwrap_or_default().to_owned();
    Ok(Shown { line: format!("{} {key}", config.known_as()), fingerprint })
}

/// Asks at the terminal. Where there is none, nobody has confirmed it.
fn is_confirmed(keys: &[Shown]) -> Result<bool, String> {
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Ok(false);
    }
    let ask = || -> io::Result<bool> {
        let mut terminal = io::stderr();
        for key in keys {
            writeln!(terminal, "    {}", key.fingerprint)?;
        }
        write!(terminal, "    Is one of these the key that the host's owner told you? [yes/no] ")?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        Ok(matches!(answer.trim(), "yes" | "y"))
    };
    ask().map_err(|e| format!("cannot ask: {e}"))
}

fn append(file: &Utf8Path, text: &str) -> io::Result<()> {
    if let Some(dir) = file.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    }
    let before = match fs::read(file) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
        other => other?,
    };
    let newline = if before.last().is_none_or(|last| *last == b'\n') { "" } else { "\n" };
    let mut known = OpenOptions::new().append(true).create(true).mode(0o600).open(file)?;
    known.write_all(format!("{newline}{text}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_with_and_without_their_kind() {
        assert!(
            is_same("SHA256:abc", "abc")
                && is_same("SHA256:abc", " SHA256:abc\n")
                && !is_same("SHA256:abc", "SHA256:ab")
        );
    }

    #[test]
    fn a_line_is_added_to_one_that_has_no_end() {
        let dir = tempfile::tempdir().unwrap();
        let file = Utf8Path::from_path(dir.path()).unwrap().join("a/known_hosts");
        append(&file, "one\n").unwrap();
        fs::write(&file, "one").unwrap();
        append(&file, "two\n").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "one\ntwo\n");
    }
}
