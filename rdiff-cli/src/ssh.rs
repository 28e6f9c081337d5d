//! How other hosts are reached: what `--remote-schema` and its like mean here.
//!
//! Nothing of ours runs on another host. Of a schema that was written for the original,
//! `ssh -p 2222 -C {h} rdiff-backup --server`, the way to the host is taken, and the program there is not
//! started. Any other command behind the host is one that speaks SFTP: `ssh {h} sudo /usr/lib/openssh/sftp-server`.

use crate::action::Remote;
use rdiff_mount::SshfsOptions;
use rdiff_mount::sftp::SftpBounds;
use std::time::Duration;

/// Why a schema can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the texts say it")]
pub enum BadSchema {
    #[error(
        "--remote-schema '{0}' has no {{h}} as a word of its own, which stands for the host: 'ssh -p 2222 {{h}}'"
    )]
    NoHost(String),
    #[error("--remote-schema '{0}' has a quote that is not closed")]
    Quotes(String),
    #[error("--identity '{0}' is no text; give the key another name")]
    NoText(String),
}

/// How ssh and sshfs are called.
#[derive(Clone, Debug, PartialEq)]
pub struct Way {
    /// For both.
    pub options: SshfsOptions,
    /// What of the schema is not done as it says, for the user to know.
    pub warning: Option<String>,
}

/// The way to other hosts.
///
/// # Errors
/// When the schema does not say where the host belongs.
pub fn way(remote: &Remote) -> Result<Way, BadSchema> {
    let mut way = Way { options: SshfsOptions::default(), warning: None };
    if let Some(schema) = &remote.schema {
        let text = schema.to_string_lossy();
        let (ssh, server) = split(&text)?;
        way.options.ssh = ssh;
        match server.iter().position(|word| word.rsplit('/').next() == Some("rdiff-backup")) {
            None if server.is_empty() => {}
            None => way.options.server = Some(server.join(" ")),
            Some(0) => {}
            Some(at) => {
                way.warning = Some(format!(
                    "--remote-schema: '{}' is not run on the host, for no program is: the tree is read by SFTP \
                     as the user who logs in. To read it as root, end the schema with 'sudo {SFTP_SERVER}'",
                    server[..at].join(" ")
                ));
            }
        }
    }
    if let Some(compress) = remote.ssh_compression {
        way.options.extra.push(format!("Compression={}", if compress { "yes" } else { "no" }));
    }
    if let Some(key) = &remote.identity {
        let key = key.to_str().ok_or_else(|| BadSchema::NoText(key.display().to_string()))?;
        way.options.identity = Some(key.into());
    }
    Ok(way)
}

/// Where Debian's sshd has it.
const SFTP_SERVER: &str = "/usr/lib/openssh/sftp-server";

/// How long another host may say nothing.
pub fn silence(remote: &Remote) -> Duration {
    remote.timeout.map_or(SftpBounds::default().silence, |seconds| Duration::from_secs(seconds.into()))
}

/// The words before the host, and those behind it.
fn split(schema: &str) -> Result<(Vec<String>, Vec<String>), BadSchema> {
    let mut words = shlex::split(schema).ok_or_else(|| BadSchema::Quotes(schema.to_owned()))?;
    let host = words.iter().position(|word| matches!(word.as_str(), "{h}" | "%s"));
    let Some(host) = host.filter(|at| *at > 0) else {
        return Err(BadSchema::NoHost(schema.to_owned()));
    };
    let server = words.split_off(host).into_iter().skip(1).map(literal).collect();
    Ok((words.into_iter().map(literal).collect(), server))
}

/// Doubled signs stand for themselves.
fn literal(word: String) -> String {
    word.replace("{{", "{").replace("}}", "}").replace("%%", "%")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(schema: &str) -> Result<Way, BadSchema> {
        way(&Remote { schema: Some(schema.into()), ..Remote::default() })
    }

    #[test]
    fn of_a_schema_for_the_original_the_way_to_the_host_counts() {
        for schema in [
            "ssh -p 2222 -C {h} rdiff-backup --server",
            "ssh -p 2222 -C %s rdiff-backup --server",
            "ssh -p 2222 -C {h}",
            "ssh -p '2222' \"-C\" {h} /opt/bin/rdiff-backup --tempdir=/x server",
        ] {
            let way = of(schema).unwrap();
            assert_eq!(way.options.ssh, ["ssh", "-p", "2222", "-C"], "{schema}");
            assert_eq!((way.options.server, way.warning), (None, None), "{schema}");
        }
        assert_eq!(of("a{{b}}%%c {h}").unwrap().options.ssh, ["a{b}%c"]);
    }

    #[test]
    fn another_program_there_is_the_sftp_server() {
        let way = of("ssh {h} sudo /usr/lib/openssh/sftp-server").unwrap();
        assert_eq!(way.options.server.as_deref(), Some("sudo /usr/lib/openssh/sftp-server"));
        let way = of("ssh {h} sudo rdiff-backup --server").unwrap();
        assert_eq!(way.options.server, None);
        let warning = way.warning.unwrap();
        assert!(warning.contains("'sudo' is not run") && warning.contains("sftp-server"), "{warning}");
    }

    #[test]
    fn a_schema_must_say_where_the_host_belongs() {
        for schema in ["", "ssh", "{h}", "ssh root@{h}", "ssh %s{h}"] {
            assert_eq!(of(schema), Err(BadSchema::NoHost(schema.to_owned())));
        }
        assert!(of("ssh 'x {h}").unwrap_err().to_string().contains("not closed"));
    }

    #[test]
    fn compression_is_left_to_ssh_unless_it_is_asked_for() {
        let extra =
            |compress| way(&Remote { ssh_compression: compress, ..Remote::default() }).unwrap().options.extra;
        assert_eq!(extra(None), [""; 0]);
        assert_eq!(extra(Some(true)), ["Compression=yes"]);
        assert_eq!(extra(Some(false)), ["Compression=no"]);
    }
}
