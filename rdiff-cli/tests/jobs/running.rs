//! Runs of jobs: by each way, from cron's environment, and what happens when something goes wrong.

use std::fs;
use std::time::{Duration, Instant};

use rdiff_mount::Mounter;
use rdiff_mount::fstab::{FstabEntry, Spelling};
use rustix::process::Signal;

use crate::lab::{Lab, RealEntry, run, within};
use crate::person::{Person, program, root};

/// A user with a job `web`, added with these options.
fn with_job(lab: &Lab, options: &str) -> Person {
    let person = Person::who_may_log_in(lab);
    let source = format!("root@remotehost:{}", lab.path("src"));
    let words = ["job", "add", "web", &source, "--repo", "backups/web", "--remote-timeout", "3"];
    person.types(&[&words[..], &options.split_whitespace().collect::<Vec<_>>()].concat()).with(0);
    person
}

/// Two sessions can't be of one second.
fn next_second() {
    std::thread::sleep(Duration::from_millis(1100));
}

fn entry(lab: &Lab, person: &Person) -> FstabEntry {
    let place = person.home.join("mounts/web");
    person.sh(&format!("mkdir -p {place}")).with(0);
    let line = format!(
        "root@remotehost:{} {place} fuse.sshfs user,noauto,ro,BatchMode=yes,no_contain_symlinks 0 0",
        lab.path("src")
    );
    FstabEntry::parse(line.as_bytes()).unwrap()
}

#[test]
fn by_each_way_a_run_from_cron_backs_up_and_says_so_in_one_line() {
    let lab = Lab::new();
    for via in ["sftp", "sshfs", "fstab"] {
        let person =
            with_job(&lab, &format!("--via {via}").replace("fstab", "fstab --mount-point mounts/web"));
        let entry = entry(&lab, &person);
        let _entry = (via == "fstab").then(|| RealEntry::add(&entry));
        let first = person.line("job run web");
        assert_eq!(first.err, "", "{via}");
        let text = first.with(0);
        assert!(text.starts_with("web: 8 files, ") && text.lines().count() == 1, "{via}: {text}");
        assert_eq!(person.read("backups/web/hello"), "hello\n");
        next_second();
        let text = person.line("job run --all --quiet").with(0);
        assert_eq!(text, "", "{via}");
        let text = person.line("job status").with(0);
        assert!(text.starts_with("web  ") && text.trim_end().ends_with("ok"), "{via}: {text}");
        assert!(lab.mounts().is_empty(), "{via}: {:?}", lab.mounts());
    }
}

/// systemd binds a directory over itself for a service that may write there: that is not the mount.
#[test]
fn a_mount_point_that_is_bound_over_itself_is_mounted_on() {
    const BIND: &str = r#"mount --bind "$1" "$1" && shift && exec "$@""#;
    let lab = Lab::new();
    let (remote, place, jobs, repo) =
        (lab.remote("src"), lab.dir("point"), lab.path("jobs"), lab.path("vault"));
    let mounter = Mounter::default();
    let entry =
        FstabEntry::for_sshfs(&remote, &place, &lab.options(), mounter.sshfs().unwrap(), Spelling::Type);
    let _entry = RealEntry::add(&entry.unwrap());
    let (job, source) = (["job", "--jobs-dir", jobs.as_str()], remote.to_string());
    let add =
        ["add", "web", &source, "--via", "fstab", "--mount-point", place.as_str(), "--repo", repo.as_str()];
    root(&lab, &[&job[..], &add].concat()).with(0);
    let program = program(&lab);
    let bound =
        ["--mount", "--propagation", "private", "sh", "-c", BIND, "sh", place.as_str(), program.as_str()];
    let done = run("unshare", &[&bound[..], &job, &["run", "web"]].concat());
    let text = done.stdout_text();
    assert!(done.is_success() && text.starts_with("web: 8 files, "), "{text}{}", done.stderr_text());
    assert_eq!(fs::read(repo.join("hello")).unwrap(), b"hello\n");
}

#[test]
fn hooks_retention_and_the_lock_of_a_job() {
    let lab = Lab::for_sftp();
    let person = Person::who_may_log_in(&lab);
    let source = format!("root@remotehost:{}", lab.path("src"));
    let before =
        "test ! -e refuse || { echo no room >&2; exit 7; }; test ! -e slow || { touch begun; sleep 60; }";
    let after =
        "echo \"$RDIFF_BACKUP_JOB $RDIFF_BACKUP_PHASE $RDIFF_BACKUP_EXIT $RDIFF_BACKUP_RESULT\" >> log";
    let words =
        ["job", "add", "web", &source, "--repo", "backups/web", "--older-than", "1s", "--before", before];
    person.types(&[&words[..], &["--after", after]].concat()).with(0);
    person.line("job run web").with(0);
    assert!(person.read("log").starts_with("web after 0 8 files, "), "{}", person.read("log"));

    next_second();
    next_second();
    fs::write(lab.path("src/hello"), "hello again\n").unwrap();
    let text = person.line("job run web").with(0);
    assert!(text.contains(" changed, 0 deleted") && text.contains("1 old session removed"), "{text}");
    let text = person.line("list increments backups/web").with(0);
    assert!(text.contains("Found 0 increments"), "{text}");

    person.file("refuse", "");
    let text = person.line("job run web").with(1);
    assert!(text.contains("NOT BACKED UP: hook ") && text.contains("(exit status 7): no room"), "{text}");
    assert!(
        person.read("log").lines().last().unwrap().starts_with("web after 1 NOT BACKED UP"),
        "{}",
        person.read("log")
    );
    let text = person.line("job status").with(1);
    assert!(text.contains("BAD: the last run, "), "{text}");
    fs::remove_file(person.home.join("refuse")).unwrap();

    person.file("slow", "");
    let mut slow = person.starts("job run web");
    within(Duration::from_secs(10), "the first run has begun", || person.home.join("begun").exists());
    let text = person.line("job run web").with(1);
    assert!(text.contains("running already, process ") && text.lines().count() == 1, "{text}");
    run("pkill", &["-KILL", "-u", &person.name]);
    slow.wait().unwrap();
    fs::remove_file(person.home.join("slow")).unwrap();
    next_second();
    person.line("job run web").with(0);
}

#[test]
fn a_source_that_is_gone_costs_nothing() {
    let mut lab = Lab::new();
    let person = with_job(&lab, "--via fstab --mount-point mounts/web");
    let entry = entry(&lab, &person);
    let _entry = RealEntry::add(&entry);
    person
        .line(&format!(
            "job add direct root@remotehost:{} --repo backups/direct --remote-timeout 3",
            lab.path("src")
        ))
        .with(0);
    person.line("job run --all").with(0);

    // The disk of the repository is not mounted.
    person.sh("mv backups/direct away").with(0);
    let text = person.line("job run direct").with(1);
    assert!(text.contains("is its disk mounted?") && !person.home.join("backups/direct").exists(), "{text}");
    person.sh("mv away backups/direct").with(0);

    // Empty: another disk, not mounted there.
    fs::rename(lab.path("src"), lab.path("away")).unwrap();
    lab.dir("src");
    let text = person.line("job run --all").with(1);
    assert!(text.matches("NOT BACKED UP").count() == 2 && text.lines().count() == 2, "{text}");
    fs::remove_dir(lab.path("src")).unwrap();
    fs::rename(lab.path("away"), lab.path("src")).unwrap();

    lab.kill_sshd();
    let started = Instant::now();
    let text = person.line("job run --all").with(1);
    assert!(text.matches("Connection refused").count() == 2 && text.lines().count() == 2, "{text}");
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    next_second();
    let text = person.line("job status --max-age 0s").with(1);
    assert!(text.matches("too old").count() == 2 && text.matches("the last run").count() == 2, "{text}");
    for repository in ["web", "direct"] {
        assert_eq!(person.read(&format!("backups/{repository}/hello")), "hello\n");
    }
    assert!(lab.mounts().is_empty());
}

#[test]
fn a_server_that_stops_ends_the_run_in_time_and_the_next_one_recovers() {
    let lab = Lab::new();
    let person = Person::who_may_log_in(&lab);
    let large = |size| fs::File::create(lab.path("src/large")).unwrap().set_len(size).unwrap();
    let source = format!("root@remotehost:{}", lab.path("src"));
    for via in ["sftp", "sshfs"] {
        person
            .line(&format!("job add {via} {source} --repo backups/{via} --remote-timeout 3 --via {via}"))
            .with(0);
        large(4 << 30);
        let run = person.starts(&format!("job run {via}"));
        let data = person.home.join(format!("backups/{via}/rdiff-backup-data"));
        within(Duration::from_secs(20), "the run has begun", || data.exists() && lab.has_sessions());
        lab.signal_sftp_servers(Signal::STOP);
        let started = Instant::now();
        let done = run.wait_with_output().unwrap();
        let text = String::from_utf8(done.stderr).unwrap();
        if lab.has_sessions() {
            lab.signal_sftp_servers(Signal::CONT);
        }
        assert_eq!(done.status.code(), Some(1), "{via}: {text}");
        // Who waits on the mount when its connection is cut only learns that.
        let says = if via == "sftp" { "did not answer within 3" } else { "is gone: " };
        assert!(text.contains("NOT BACKED UP") && text.contains(says), "{via}: {text}");
        assert!(started.elapsed() < Duration::from_secs(30), "{via}: {:?}", started.elapsed());
        large(4 << 20);
        next_second();
        assert!(person.line(&format!("job run {via}")).with(0).contains(" files, "), "{via}");
        assert_eq!(fs::metadata(person.home.join(format!("backups/{via}/large"))).unwrap().len(), 4 << 20);
        assert!(lab.mounts().is_empty(), "{via}");
    }
}

#[test]
fn a_full_disk_fails_the_run_and_loses_nothing() {
    let lab = Lab::for_sftp();
    let person = with_job(&lab, "--no-space-check");
    let backups = person.home.join("backups");
    person.sh("mkdir backups").with(0);
    let mounted = run(
        "mount",
        &["-t", "tmpfs", "-o", &format!("size=2m,uid={}", person.name), "tmpfs", backups.as_str()],
    );
    assert!(mounted.is_success(), "{}", mounted.stderr_text());
    person.line("job run web").with(0);
    fs::write(lab.path("src/large"), vec![7; 8 << 20]).unwrap();
    next_second();
    let text = person.line("job run web").with(1);
    assert!(
        text.contains("NOT BACKED UP") && text.contains("No space left") && text.lines().count() == 1,
        "{text}"
    );
    let text = person.line("doctor web").with(2);
    assert!(text.contains("is whole: 1 sessions") && text.contains("ended with 1: NOT BACKED UP"), "{text}");
    run("mount", &["-o", "remount,size=64m", backups.as_str()]);
    next_second();
    person.line("job run web").with(0);
    assert_eq!(fs::metadata(backups.join("web/large")).unwrap().len(), 8 << 20);
    run("umount", &[backups.as_str()]);
}

#[test]
fn files_that_cannot_be_read_are_counted_and_one_is_named() {
    let lab = Lab::for_sftp();
    let person = Person::who_may_log_in(&lab);
    // Another ordinary user on the host, who may not read everything.
    let reader = Person::new(&lab);
    for name in ["secret", "secret2"] {
        fs::write(lab.path(&format!("src/{name}")), "x").unwrap();
        run("chmod", &["600", lab.path(&format!("src/{name}")).as_str()]);
    }
    let source = format!("{}@remotehost:{}", reader.name, lab.path("src"));
    person.line(&format!("job add web {source} --repo backups/web")).with(0);
    let text = person.line("job run web").with(4);
    assert!(
        text.contains("2 COULD NOT BE READ") && text.contains("secret") && text.lines().count() == 1,
        "{text}"
    );
    let text = person.line("job status").with(2);
    assert!(text.contains("warning: the last run"), "{text}");
}
