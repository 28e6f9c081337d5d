//! `doctor`: the guide's errors, made on purpose, are diagnosed one by one, and what it tells mends them.

use std::fs;

use rdiff_mount::fstab::{Fstab, FstabEntry};
use rdiff_mount::fstab_file::ETC_FSTAB;

use crate::lab::{Alone, Lab, RealEntry, run};
use crate::person::Person;

/// The command that mends the failure which this text names.
#[track_caller]
fn mend<'a>(report: &'a str, says: &str) -> &'a str {
    let mut lines = report.lines().skip_while(|line| !line.contains(says));
    assert!(lines.next().is_some(), "no '{says}' in:\n{report}");
    lines
        .next()
        .and_then(|line| line.trim().strip_prefix("mend: "))
        .unwrap_or_else(|| panic!("no mend in:\n{report}"))
}

/// Runs it, as root where it says so.
#[track_caller]
fn mended(person: &Person, command: &str) {
    match command.strip_prefix("sudo ") {
        Some(command) => {
            let done = run("sh", &["-c", command]);
            assert!(done.is_success(), "{command}: {}", done.stderr_text());
        }
        None => drop(person.sh(command).with(0)),
    }
}

/// An fstab with this text at its end, as it was before when it goes.
struct Appended(Vec<u8>, #[expect(dead_code, reason = "the lock goes with it")] Alone);

impl Appended {
    fn new(line: &str) -> Self {
        let alone = Alone::with_fstab();
        let before = fs::read(ETC_FSTAB).unwrap();
        let after = [&before[..], line.as_bytes(), b"\n"].concat();
        assert!(Fstab::parse(&after).entries().count() > 0);
        fs::write(ETC_FSTAB, after).unwrap();
        Self(before, alone)
    }
}

impl Drop for Appended {
    fn drop(&mut self) {
        fs::write(ETC_FSTAB, &self.0).unwrap();
    }
}

#[test]
fn the_guide_followed_to_the_letter() {
    let lab = Lab::new();
    let person = Person::new(&lab);
    person.knows_remotehost(&lab);
    let home = &person.home;
    // ssh-keygen in the home directory, with a name that ssh does not look for.
    person.sh("ssh-keygen -q -t rsa -b 2048 -N '' -f rdbadmin && touch '{file1,file2,file3}'").with(0);
    // mkdir and chown as root, of different paths.
    fs::create_dir_all(home.join("mounts/web")).unwrap();
    fs::create_dir_all(home.join("backups/web")).unwrap();
    // The line with its brackets, for a mount point that no later step uses.
    let src = lab.path("src");
    let _fstab = Appended::new(&format!("<sshfs#root@remotehost>:{src} {home}/web fuse user,noauto,ro 0 0"));
    let script = format!(
        "#!/bin/sh\nmount {home}/mounts/web\nrdiff-backup {home}/mounts/web {home}/backups/web\numount {home}/mounts/web\n"
    );
    person.file("backup.sh", &script);
    // Without any job the line is all there is to go by, and what is meant by it is tried.
    let report = person.line("doctor").with(3);
    assert!(report.contains(&format!("entry for {home}/web in /etc/fstab:\n")), "{report}");
    assert!(
        mend(&report, "ssh does not look for keys with the name of").contains("mv ~/rdbadmin "),
        "{report}"
    );
    for says in ["is not recorded for", "can't be logged in to"] {
        assert!(mend(&report, says).starts_with("ssh root@remotehost true"), "{report}");
    }
    // And a job that uses the paths of the later steps.
    person
        .line(&format!(
            "job add web root@remotehost:{src} --via fstab --mount-point mounts/web --repo backups/web"
        ))
        .with(0);

    let report = person.line("doctor").with(3);
    assert!(
        report.contains("no group 'fuse' is needed") && report.contains("/dev/fuse may be used"),
        "{report}"
    );
    let mounts = mend(&report, "the mount point").to_owned();
    assert!(report.contains(&format!("{home}/mounts/web belongs to root")), "{report}");
    assert!(report.contains(&format!("has another mount point, '{home}/web'")), "{report}");
    assert!(mend(&report, "has another mount point").starts_with("sudo rdiff-backup setup root@remotehost:"));
    let key = mend(&report, "ssh does not look for keys with the name of").to_owned();
    assert!(mend(&report, "is not recorded for").starts_with("ssh root@remotehost true"), "{report}");
    let repository = mend(&report, "can't write to the repository").to_owned();
    assert!(mend(&report, "nothing runs job web").contains("job schedule web --daily 02:00 --install"));
    // The entry by itself.
    assert!(
        report.contains("begins with '<sshfs#root@remotehost>:")
            && report.contains("it should be 'root@remotehost:"),
        "{report}"
    );
    // What stands around.
    let executable = mend(&report, "backup.sh is not executable").to_owned();
    assert!(mend(&report, "does not look whether 'mount ").contains("rdiff-backup job add web "), "{report}");
    let crontab = mend(&report, "nothing runs ").to_owned();
    assert!(crontab.contains("job schedule"), "{crontab}");
    assert!(mend(&report, "{file1,file2,file3} is one file").starts_with("rm "), "{report}");

    for command in [mounts, key, repository, executable] {
        mended(&person, &command);
    }
    person.file(".ssh/known_hosts", &fs::read_to_string(lab.path("known_hosts")).unwrap());
    let report = person.line("doctor web").with(3);
    for mended in ["belongs to root", "does not look for keys", "not recorded", "can't write"] {
        assert!(!report.contains(mended), "{mended}: {report}");
    }
    // The copied key was another one, or went to another account.
    let copy = mend(&report, "can't be logged in to: the host does not accept the key");
    assert!(copy.starts_with("ssh-copy-id -i ~/.ssh/id_") && copy.ends_with(" root@remotehost"), "{copy}");
}

#[test]
fn a_healthy_job_is_well_and_each_illness_has_a_name() {
    let lab = Lab::new();
    let person = Person::who_may_log_in(&lab);
    let place = person.home.join("mounts/web");
    person.sh(&format!("mkdir -p {place}")).with(0);
    let src = lab.path("src");
    let line = |options: &str| {
        let line = format!("root@remotehost:{src} {place} fuse.sshfs {options} 0 0");
        RealEntry::add(&FstabEntry::parse(line.as_bytes()).unwrap())
    };
    person
        .line(&format!(
            "job add web root@remotehost:{src} --via fstab --mount-point mounts/web --repo backups/web"
        ))
        .with(0);
    person.line(&format!("job add direct root@remotehost:{src} --repo backups/direct")).with(0);
    let doctor = |name: &str, code| person.line(&format!("doctor {name}")).with(code);

    let good = "ro,noauto,user,_netdev,BatchMode=yes,ConnectTimeout=5,ServerAliveInterval=15,ServerAliveCountMax=3,no_contain_symlinks";
    let entry = line(good);
    let report = doctor("web", 2);
    assert!(
        report.contains("has a good entry") && report.contains("can be mounted, read and unmounted"),
        "{report}"
    );
    // The disk of whoever runs this may be nearly full.
    let warnings = 1 + usize::from(report.contains("warning  only "));
    assert!(
        report.contains(&format!("0 failed, {warnings} warnings"))
            && report.contains("nothing runs job web by itself"),
        "{report}"
    );
    drop(entry);

    let entry = line("ro,noauto,allow_other,reconnect");
    let report = doctor("web", 3);
    for says in ["lacks 'user'", "no user_allow_other", "lacks _netdev,BatchMode=yes", "has 'reconnect'"] {
        assert!(report.contains(says), "{says}: {report}");
    }
    drop(entry);
    assert!(doctor("web", 3).contains(&format!("/etc/fstab has no entry for {place}")));

    // Only the way by sftp from here on.
    person.sh("chmod 644 .ssh/id_ed25519").with(0);
    assert_eq!(mend(&doctor("direct", 3), "may be read by others"), "chmod 600 ~/.ssh/id_ed25519");
    person.sh("chmod 600 .ssh/id_ed25519 && ssh-keygen -q -p -N secret -f .ssh/id_ed25519").with(0);
    assert!(mend(&doctor("direct", 3), "has a passphrase").starts_with("ssh-keygen -p "));
    person.sh("ssh-keygen -q -p -P secret -N '' -f .ssh/id_ed25519").with(0);

    let known = person.read(".ssh/known_hosts");
    let other = fs::read_to_string(lab.path("user_key.pub")).unwrap();
    person.file(".ssh/known_hosts", &format!("[127.0.0.1]:{} {other}", lab.port()));
    let report = doctor("direct", 3);
    assert!(mend(&report, "another key than the recorded one").contains("ssh-keygen -R "), "{report}");
    person.file(".ssh/known_hosts", &known);

    person
        .line(&format!("job add nowhere root@remotehost:{} --repo backups/nowhere", lab.path("nowhere")))
        .with(0);
    let report = doctor("nowhere", 3);
    assert!(
        mend(&report, "cannot read the directory").starts_with("ssh root@remotehost ls -ld "),
        "{report}"
    );
    lab.dir("empty");
    person.line(&format!("job add empty root@remotehost:{} --repo .ssh", lab.path("empty"))).with(0);
    let report = doctor("empty", 3);
    assert!(report.contains("is empty: a backup of it would record"), "{report}");
    assert!(report.contains("holds files, and is no repository"), "{report}");

    person.file(".config/rdiff-backup/jobs.d/broken.toml", "source = 'x'\nvai = 'sftp'\n");
    let report = person.line("doctor broken").with(1);
    assert!(report.contains("line 2: "), "{report}");
    let all = person.line("doctor").with(3);
    for name in ["broken", "direct", "empty", "nowhere", "web"] {
        assert!(all.contains(&format!("job {name}:\n")), "{all}");
    }
}
