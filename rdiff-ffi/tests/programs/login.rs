//! Another host, by a real sshd.

use crate::built::{Programs, Way, run};
use crate::lab::Lab;
use std::fs;

/// Logs in, backs up and compares; is refused with a wrong key of the host; and where nobody listens.
pub(crate) fn a_real_login(way: Way) {
    let lab = Lab::for_sftp();
    let dir = tempfile::tempdir().unwrap();
    let programs = Programs::build(dir.path(), way, &["tests/login.c"]);
    let pulled = dir.path().join("pulled");
    let login = |port: u16, repository: &str| {
        let mut command = programs.command("login");
        command.arg(format!("ssh://root@127.0.0.1:{port}{}", lab.path("src")));
        command.arg(dir.path().join(repository)).arg(lab.path("user_key")).arg(lab.path("known_hosts"));
        String::from_utf8(run(&mut command).stdout).unwrap()
    };
    assert_eq!(login(lab.port(), "pulled"), "backed up, 0 differ, excluded\n");
    assert_eq!(fs::read(pulled.join("hello")).unwrap(), b"hello\n");
    assert_eq!(fs::read_link(pulled.join("plain")).unwrap().to_str(), Some("hello"));
    assert_eq!(fs::metadata(pulled.join("sub/deep/file")).unwrap().len(), 300_000);

    assert!(login(1, "none").starts_with("status 27: "), "{}", login(1, "none"));
    lab.forge_known_hosts();
    let refused = login(lab.port(), "none");
    assert!(refused.starts_with("status 27: ") && refused.contains("key"), "{refused}");
    assert!(!dir.path().join("none").exists());
}
