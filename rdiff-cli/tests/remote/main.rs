//! The program and a real sshd: sources on other hosts, by SFTP and through mounts.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod guide;
#[path = "../../../rdiff-mount/tests/lab/mod.rs"]
mod lab;
mod mounts;
mod targets;

use lab::Lab;
use std::fs;
use std::process::{Command, Output};

/// The program as someone types it who may log in to the lab, by this port.
fn command(lab: &Lab, port: u16, words: &[&str]) -> Command {
    let schema = format!(
        "ssh -p {port} -i {} -o UserKnownHostsFile={} -o HostKeyAlias=[127.0.0.1]:{} {{h}} rdiff-backup --server",
        lab.path("user_key"),
        lab.path("known_hosts"),
        lab.port()
    );
    let mut command = Command::new(env!("CARGO_BIN_EXE_rdiff-backup"));
    command.args(["--remote-schema", &schema]).args(words).env("TZ", "UTC");
    command
}

fn run(lab: &Lab, words: &[&str]) -> Output {
    command(lab, lab.port(), words).output().unwrap()
}

fn host(path: &camino::Utf8Path) -> String {
    format!("root@127.0.0.1::{path}")
}

/// Runs it, and returns all that it said.
#[track_caller]
fn types(lab: &Lab, words: &[&str], code: i32) -> String {
    let done = run(lab, words);
    let said = [done.stdout, done.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    assert_eq!(done.status.code(), Some(code), "{words:?}: {said}");
    said
}

/// All of a repository but the session's statistics, which tell how long it took.
fn contents(repository: &camino::Utf8Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut dirs = vec![repository.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in dir.read_dir_utf8().unwrap().map(Result::unwrap) {
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            let name = path.strip_prefix(repository).unwrap().to_string();
            if kind.is_dir() {
                dirs.push(path.to_owned());
                found.push((name, Vec::new()));
            } else if kind.is_symlink() {
                found.push((name, path.read_link_utf8().unwrap().as_str().into()));
            } else if !name.contains("statistics")
                && !name.ends_with(".log")
                && !name.contains("current_mirror")
            {
                found.push((name, fs::read(path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_source_on_another_host_is_read_by_sftp_and_through_a_mount_alike() {
    let lab = Lab::new();
    let source = host(&lab.path("src"));
    let (by_sftp, by_sshfs) = (lab.path("by_sftp"), lab.path("by_sshfs"));
    for (time, text) in [("1700000000", "hello\n"), ("1700086400", "hello again\n")] {
        fs::write(lab.path("src/hello"), text).unwrap();
        let said = types(&lab, &["--current-time", time, &source, by_sftp.as_str()], 0);
        assert_eq!(said.contains("SFTP carries no hard links"), time == "1700000000", "{said}");
        let through = ["--current-time", time, "backup", "--via", "sshfs", &source, by_sshfs.as_str()];
        let said = types(&lab, &through, 0);
        assert!(said.contains(&format!("from source path {source} to")), "{said}");
    }
    assert_eq!(contents(&by_sftp), contents(&by_sshfs));
    assert_eq!(fs::read_link(by_sftp.join("absolute")).unwrap().to_str(), Some("/etc/hostname"));
    let said = types(&lab, &["verify", "--all", by_sftp.as_str()], 0);
    assert!(said.contains("All files verified successfully"), "{said}");

    let compare = |via, code| {
        types(&lab, &["compare", "--via", via, "--method", "full", &source, by_sftp.as_str()], code)
    };
    for via in ["sftp", "sshfs"] {
        compare(via, 0);
    }
    fs::write(lab.path("src/new"), "").unwrap();
    for via in ["sftp", "sshfs"] {
        let said = compare(via, 1);
        assert!(said.contains("new: new\n"), "{said}");
    }
    assert!(lab.mounts().is_empty());
    lab::within(std::time::Duration::from_secs(5), "no session is left", || !lab.has_sessions());
}

#[test]
fn selections_begin_with_the_path_on_the_other_host() {
    let lab = Lab::for_sftp();
    let source = host(&lab.path("src"));
    let (repo, sub) = (lab.path("repo"), lab.path("src/sub"));
    types(&lab, &["backup", "--exclude", sub.as_str(), &source, repo.as_str()], 0);
    assert!(repo.join("hello").exists() && !repo.join("sub").exists());
}

#[test]
fn what_cannot_be_reached_is_said_in_one_line_with_the_way_out() {
    let lab = Lab::for_sftp();
    let repo = lab.path("repo");
    let fails = |words: &[&str]| {
        let said = types(&lab, words, 1);
        assert!(!repo.exists(), "{said}");
        said
    };
    let nowhere = format!("root@127.0.0.1::{}", lab.path("nowhere"));
    for via in ["sftp", "sshfs"] {
        let said = fails(&["backup", "--via", via, &nowhere, repo.as_str()]);
        assert!(said.contains("nowhere") && said.contains("check the path"), "{said}");
    }
    let src = lab.path("src");
    let said = fails(&["backup", &format!("nosuchone@127.0.0.1::{src}"), repo.as_str()]);
    assert!(said.contains("Permission denied") && said.contains("ssh-copy-id"), "{said}");
    let said = fails(&["backup", &format!("root@127.0.0.1:{src}"), repo.as_str()]);
    assert!(said.contains(&format!("is written 'root@127.0.0.1::{src}'")), "{said}");
    let said = fails(&["--remote-schema", "ssh", "backup", &format!("web::{src}"), repo.as_str()]);
    assert!(said.contains("has no {h}"), "{said}");
}

#[test]
fn a_clock_that_is_wrong_is_said_and_the_backup_is_made() {
    let lab = Lab::for_sftp();
    let (way, repo) = (lab.path("way"), lab.path("repo"));
    // The way to a host whose clock is a day ahead.
    let script = "#!/bin/sh\nfor word; do last=$word; done\n[ \"$last\" = +%s ] && exec date -d tomorrow +%s\n\
                  exec ssh \"$@\"\n";
    fs::write(&way, script).unwrap();
    fs::set_permissions(&way, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let schema = format!(
        "{way} -p {} -i {} -o UserKnownHostsFile={} {{h}}",
        lab.port(),
        lab.path("user_key"),
        lab.path("known_hosts")
    );
    let backup = |schema: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rdiff-backup"));
        command.args(["--remote-schema", schema, "backup", &host(&lab.path("src")), repo.as_str()]);
        let done = command.output().unwrap();
        let said = String::from_utf8([done.stdout, done.stderr].concat()).unwrap();
        assert_eq!(done.status.code(), Some(0), "{said}");
        said
    };
    let said = backup(&schema);
    assert!(said.contains("the remote's clock is 8") && said.contains("s ahead; set both by NTP"), "{said}");
    assert!(repo.join("hello").exists());
    std::thread::sleep(std::time::Duration::from_secs(1));
    let said = backup(&schema.replacen(way.as_str(), "ssh", 1));
    assert!(!said.contains("clock"), "{said}");
}

/// Seconds since 1970.
fn now() -> u64 {
    std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()
}
