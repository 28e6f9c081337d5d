//! What befalls mounts and sessions: servers that hang or die, mounts that are missing, a program that is killed.

use super::lab::{Lab, relay, run, within};
use super::{command, host, types};
use rdiff_mount::Unmounted;
use rustix::process::Signal;
use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_server_that_hangs_ends_the_run_within_the_set_time() {
    let lab = Lab::new();
    let mounted = lab.mounter().by_sshfs(&lab.remote("src"), &lab.dir("mnt"), &lab.options()).unwrap();
    let (repo, place) = (lab.path("repo"), mounted.path().to_owned());
    types(&lab, &[place.as_str(), repo.as_str()], 0);
    lab.signal_sftp_servers(Signal::STOP);
    std::thread::sleep(2 * SECOND);
    let started = Instant::now();
    let said = types(&lab, &["--remote-timeout", "1", place.as_str(), repo.as_str()], 1);
    assert!(said.contains("did not answer within 1s"), "{said}");
    let said =
        types(&lab, &["restore", "--remote-timeout", "1", repo.as_str(), place.join("new").as_str()], 1);
    assert!(said.contains("did not answer within 1s"), "{said}");
    assert!(started.elapsed() < 8 * SECOND, "{:?}", started.elapsed());
    lab.signal_sftp_servers(Signal::CONT);
    types(&lab, &["verify", repo.as_str()], 0);
    assert_eq!(mounted.unmount().unwrap(), Unmounted::Cleanly);
}

#[test]
fn a_server_that_dies_ends_the_run_and_nothing_is_recorded_as_deleted() {
    let mut lab = Lab::new();
    let large: Vec<u8> = (0..48 << 20).map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let repo = lab.path("repo");
    types(&lab, &["--current-time", "1700000000", &host(&lab.path("src")), repo.as_str()], 0);
    fs::write(lab.path("src/large"), &large).unwrap();
    for via in ["sshfs", "sftp"] {
        let port = relay::start(lab.port(), Duration::from_millis(50));
        let words = ["-v5", "backup", "--via", via, &host(&lab.path("src")), repo.as_str()];
        let mut running =
            command(&lab, port, &words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        within(20 * SECOND, "the session has begun", || {
            fs::read_dir(repo.join("rdiff-backup-data")).unwrap().flatten().any(|file| {
                let name = file.file_name().to_string_lossy().into_owned();
                name.starts_with("current_mirror") && !name.contains("2023-11-14")
            })
        });
        std::thread::sleep(SECOND / 5);
        if via == "sshfs" {
            lab.signal_sftp_servers(Signal::KILL);
        } else {
            lab.kill_sshd();
        }
        let ended = running.wait().unwrap();
        let said = running.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
        assert!(ended.code().is_some_and(|code| code & 1 == 1), "{via}: {said}");
        assert!(said.contains("is gone"), "{via}: {said}");
        let said = types(&lab, &["list", "files", "--changed-since", "1700000000", repo.as_str()], 0);
        assert!(!said.contains("deleted"), "{via}: {said}");
        assert!(lab.mounts().is_empty(), "{:?}", lab.mounts());
    }
    // The next run, here of the same tree by its path, puts the repository in order.
    let code = types(&lab, &["verify", repo.as_str()], 0);
    assert!(code.contains("verified"), "{code}");
}

#[test]
fn a_program_that_is_killed_leaves_no_mount() {
    let lab = Lab::new();
    fs::write(lab.path("src/large"), vec![1; 64 << 20]).unwrap();
    for signal in [Signal::TERM, Signal::KILL] {
        let port = relay::start(lab.port(), Duration::from_millis(50));
        let repo = lab.path("repo");
        let words = ["backup", "--via", "sshfs", &host(&lab.path("src")), repo.as_str()];
        let tmp = lab.dir("tmp");
        let mut command = command(&lab, port, &words);
        let mut running =
            command.env("TMPDIR", &tmp).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        within(20 * SECOND, "it is mounted", || !lab.mounts().is_empty());
        let pid = rustix::process::Pid::from_child(&running);
        rustix::process::kill_process(pid, signal).unwrap();
        running.wait().unwrap();
        within(15 * SECOND, "nothing is mounted", || lab.mounts().is_empty());
        within(5 * SECOND, "no directory is left", || fs::read_dir(&tmp).unwrap().next().is_none());
    }
}

#[test]
fn another_host_key_than_the_known_one_is_said() {
    let lab = Lab::new();
    lab.forge_known_hosts();
    for via in ["sftp", "sshfs"] {
        let said =
            types(&lab, &["backup", "--via", via, &host(&lab.path("src")), lab.path("repo").as_str()], 1);
        assert!(said.contains("ask its owner if the key was changed"), "{said}");
    }
}

#[test]
fn a_dead_sshfs_is_no_source_and_no_target() {
    let lab = Lab::new();
    let mounted = lab.mounter().by_sshfs(&lab.remote("src"), &lab.dir("mnt"), &lab.options()).unwrap();
    let (repo, place) = (lab.path("repo"), mounted.path().to_owned());
    types(&lab, &[place.as_str(), repo.as_str()], 0);
    rdiff_mount::guard::kill_daemon(mounted.info()).unwrap();
    let dead = || run("stat", &[place.join("x").as_str()]).stderr_text().contains("not connected");
    within(3 * SECOND, "it is dead", dead);
    for words in
        [&[place.as_str(), repo.as_str()][..], &["restore", repo.as_str(), place.join("new").as_str()]]
    {
        let said = types(&lab, words, 1);
        assert!(said.contains("fusermount3 -uz"), "{said}");
    }
    types(&lab, &["verify", repo.as_str()], 0);
    drop(mounted);
}
