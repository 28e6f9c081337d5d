//! Real sshd, real sshfs: what works, and what happens when the far end dies, hangs or is another one.
#![allow(clippy::unwrap_used)] // a test that cannot go on panics

mod lab;

use std::fs;
use std::process;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use camino::Utf8Path;
use lab::{Lab, RealEntry, User, run, within};
use rdiff_mount::Unmounted;
use rdiff_mount::error::MountError;
use rdiff_mount::fstab::{FstabEntry, Spelling};
use rdiff_mount::guard::kill_daemon;
use rdiff_mount::mount::Mounted;
use rdiff_mount::preflight::{Finding, Preflight, clock_difference};
use rdiff_mount::runner::SystemRunner;
use rdiff_mount::sshfs::{SshfsCapabilities, SshfsOptions};
use rdiff_mount::watchdog::{Watchdog, probe};
use rustix::process::Signal;

const SECOND: Duration = Duration::from_secs(1);

fn mount(lab: &Lab) -> Mounted {
    lab.mounter().by_sshfs(&lab.remote("src"), &lab.dir("mnt"), &lab.options()).unwrap()
}

fn is_empty(dir: &Utf8Path) -> bool {
    fs::read_dir(dir).unwrap().next().is_none()
}

#[test]
fn a_private_mount_reads_all_kinds_and_leaves_nothing() {
    let lab = Lab::new();
    let mounted = lab.mounter().privately(&lab.remote("src"), &lab.dir("run"), &lab.options()).unwrap();
    let place = mounted.path().to_owned();
    assert_eq!(fs::read(place.join("hello")).unwrap(), b"hello\n");
    assert_eq!(fs::read(place.join("sub/deep/file")).unwrap(), vec![7; 300_000]);
    assert_eq!(fs::read_link(place.join("absolute")).unwrap().to_str(), Some("/etc/hostname"));
    assert_eq!(fs::read_link(place.join("sub/upward")).unwrap().to_str(), Some("../hello"));
    assert!(fs::write(place.join("new"), b"x").is_err(), "it must be read-only");

    let check = Preflight { source: Some(lab.remote("src").sshfs_source()), ..Preflight::new(&place) };
    assert_eq!(check.run(&lab.mounter()).unwrap(), [Finding::NotCarried(place.clone())]);
    mounted.guard().unwrap().check().unwrap();
    assert!(probe(&place, SECOND, &SystemRunner).unwrap() < SECOND);
    assert_eq!(mounted.unmount().unwrap(), Unmounted::Cleanly);
    assert!(!place.exists());
}

#[test]
fn clocks_of_one_machine_agree() {
    let lab = Lab::new();
    assert_eq!(clock_difference(&lab.remote("src"), &lab.options(), &lab.mounter()).unwrap(), None);
}

#[test]
fn the_guides_line_word_for_word_mounts_as_its_ordinary_user() {
    let lab = Lab::new();
    let user = User::new(&lab);
    let place = user.mount_point();
    let rest = "user,noauto,ro 0 0";
    let source = format!("root@remotehost:{}", lab.path("src"));
    for line in [format!("sshfs#{source} {place} fuse {rest}"), format!("{source} {place} fuse.sshfs {rest}")]
    {
        let _entry = RealEntry::add(&FstabEntry::parse(line.as_bytes()).unwrap());
        let mounted = user.mounter().by_fstab(&place).unwrap();
        assert!(mounted.is_ours() && mounted.info().is_sshfs() && mounted.info().is_read_only(), "{line}");
        assert_eq!(mounted.info().source.to_str(), Some(source.as_str()));
        assert_eq!(user.run("cat", &[place.join("hello").as_str()]).stdout, b"hello\n");
        assert_eq!(mounted.unmount().unwrap(), Unmounted::Cleanly);
        assert!(is_empty(&place));
    }
}

#[test]
fn the_rendered_entry_mounts_in_both_spellings() {
    let lab = Lab::new();
    let user = User::new(&lab);
    let place = user.mount_point();
    let ssh = user.home.join(".ssh");
    let options = SshfsOptions {
        identity: Some(ssh.join("id_ed25519")),
        known_hosts: Some(ssh.join("known_hosts")),
        cache_entries: Some(50_000),
        ..SshfsOptions::default()
    };
    let mounter = user.mounter();
    for spelling in [Spelling::Hash, Spelling::Type] {
        let sshfs = mounter.sshfs().unwrap();
        let entry = FstabEntry::for_sshfs(&lab.remote("src"), &place, &options, sshfs, spelling).unwrap();
        let _entry = RealEntry::add(&entry);
        let mounted = mounter.by_fstab(&place).unwrap();
        let link = user.run("readlink", &[place.join("absolute").as_str()]);
        assert_eq!(link.stdout, b"/etc/hostname\n", "{entry}");
        assert_eq!(mounted.unmount().unwrap(), Unmounted::Cleanly);
    }
}

#[test]
fn an_ordinary_user_mounts_by_sshfs_and_a_busy_one_goes_lazily() {
    let lab = Lab::new();
    let user = User::new(&lab);
    let place = user.mount_point();
    let options = SshfsOptions { identity: Some(user.home.join(".ssh/id_ed25519")), ..lab.options() };
    let mounted = user.mounter().by_sshfs(&lab.remote("src"), &place, &options).unwrap();
    assert_eq!(mounted.unmount().unwrap(), Unmounted::Cleanly);

    let mounted = user.mounter().by_sshfs(&lab.remote("src"), &place, &options).unwrap();
    let sit = format!("cd {place} && exec sleep 60");
    let mut sitter =
        process::Command::new("runuser").args(["-u", &user.name, "--", "sh", "-c", &sit]).spawn().unwrap();
    thread::sleep(SECOND);
    let done = mounted.unmount().unwrap();
    sitter.kill().unwrap();
    sitter.wait().unwrap();
    assert!(matches!(&done, Unmounted::Lazily { why } if why.contains("busy")), "{done:?}");
    assert!(is_empty(&place));
}

#[test]
fn a_panic_takes_the_mount_down() {
    let lab = Lab::new();
    for is_private in [false, true] {
        let (mounter, remote, options) = (lab.mounter(), lab.remote("src"), lab.options());
        let (place, parent) = (lab.dir("mnt"), lab.dir("run"));
        let ended = thread::spawn(move || {
            let mounted = match is_private {
                true => mounter.privately(&remote, &parent, &options).unwrap(),
                false => mounter.by_sshfs(&remote, &place, &options).unwrap(),
            };
            assert!(fs::exists(mounted.path().join("hello")).unwrap(), "it is not mounted");
            panic!("with {}", mounted.path());
        });
        let said = ended.join().unwrap_err();
        assert!(said.downcast_ref::<String>().unwrap().starts_with("with "), "{said:?}");
        assert!(lab.mounts().is_empty() && is_empty(&lab.path("run")), "{:?}", lab.mounts());
    }
}

#[test]
fn what_someone_else_mounted_is_used_and_left() {
    let lab = Lab::new();
    let first = mount(&lab);
    let second = mount(&lab);
    assert!(first.is_ours() && !second.is_ours());
    assert_eq!(second.unmount().unwrap(), Unmounted::LeftMounted);
    assert!(first.path().join("hello").exists());
    let other = lab.mounter().by_sshfs(&lab.remote("src/sub"), first.path(), &lab.options());
    assert!(matches!(other, Err(MountError::Occupied { .. })));
    assert_eq!(first.unmount().unwrap(), Unmounted::Cleanly);
}

#[test]
fn a_killed_server_is_a_vanished_mount_and_never_an_empty_source() {
    let mut lab = Lab::new();
    let mounted = mount(&lab);
    let guard = mounted.guard().unwrap();
    guard.check().unwrap();
    lab.kill_sshd();
    within(5 * SECOND, "the guard sees it", || guard.check().is_err());
    let error = guard.check().unwrap_err();
    assert!(matches!(error, MountError::Vanished { .. }), "{error}");
    assert!(is_empty(mounted.path()), "this emptiness is what the guard is for");
    drop(guard);
    assert_eq!(mounted.unmount().unwrap(), Unmounted::AlreadyGone);
}

#[test]
fn a_mount_replaced_meanwhile_is_another_one() {
    let lab = Lab::new();
    let place = lab.dir("mnt");
    let mounted = mount(&lab);
    let guard = mounted.guard().unwrap();
    run("umount", &["-l", place.as_str()]);
    assert!(matches!(guard.check(), Err(MountError::Vanished { .. })));
    let again = mount(&lab);
    assert!(matches!(guard.check(), Err(MountError::Replaced { .. })));
    drop(guard);
    assert_eq!(mounted.unmount().unwrap(), Unmounted::AlreadyGone);
    assert_eq!(again.unmount().unwrap(), Unmounted::Cleanly);
}

#[test]
fn a_stopped_server_is_noticed_in_time_and_the_abort_wakes_who_waits() {
    let lab = Lab::new();
    let mounted = mount(&lab);
    let guard = mounted.guard().unwrap();
    lab.signal_sftp_servers(Signal::STOP);

    let started = Instant::now();
    let stalled = probe(mounted.path(), SECOND, &SystemRunner).unwrap_err();
    assert!(matches!(stalled, MountError::Stalled { .. }), "{stalled}");
    assert!(started.elapsed() < 3 * SECOND, "{:?}", started.elapsed());

    let file = mounted.path().join("sub/deep/file");
    let mut stuck = process::Command::new("cat").arg(&file).stdout(process::Stdio::null()).spawn().unwrap();
    thread::sleep(SECOND);
    stuck.kill().unwrap();
    thread::sleep(SECOND / 2);
    assert!(stuck.try_wait().unwrap().is_none(), "no signal ends it; if it does, this test proves nothing");
    guard.abort().unwrap();
    within(3 * SECOND, "the abort wakes it", || stuck.try_wait().unwrap().is_some());
}

#[test]
fn a_watchdog_frees_a_caller_of_our_own_and_the_guard_says_why() {
    let lab = Lab::new();
    let mounted = mount(&lab);
    let guard = mounted.guard().unwrap();
    let watchdog = Watchdog::start(&guard, Arc::new(SystemRunner), SECOND / 2, SECOND);
    thread::sleep(SECOND);
    guard.check().unwrap();
    lab.signal_sftp_servers(Signal::STOP);
    let file = mounted.path().join("sub/deep/file");
    let (tell, told) = mpsc::channel();
    thread::spawn(move || tell.send(fs::read(file)));
    // Should it not be freed, the end of the lab's sshd frees it.
    let read = told.recv_timeout(5 * SECOND).expect("a reader freed by the watchdog");
    assert!(read.is_err(), "{read:?}");
    let error = guard.check().unwrap_err();
    assert!(matches!(error, MountError::Stalled { .. }) && error.is_place_gone(), "{error}");
    drop((watchdog, guard));
    let done = mounted.unmount().unwrap();
    assert!(!matches!(done, Unmounted::LeftMounted), "{done:?}");
}

#[test]
fn unmounting_from_a_stopped_server_ends() {
    let lab = Lab::new();
    let place = lab.dir("mnt");
    let mounted = mount(&lab);
    lab.signal_sftp_servers(Signal::STOP);
    thread::sleep(2 * SECOND);
    let started = Instant::now();
    let done = mounted.unmount().unwrap();
    println!("{done:?} after {:?}", started.elapsed());
    assert!(started.elapsed() < 15 * SECOND);
    assert_eq!(lab.mounter().find(&place).unwrap(), None);
}

#[test]
fn a_dead_sshfs_is_told_from_a_good_one() {
    let lab = Lab::new();
    let mounted = mount(&lab);
    assert_eq!(kill_daemon(mounted.info()).unwrap(), 1);
    let dead = |error: &MountError| matches!(error, MountError::Disconnected { .. });
    within(3 * SECOND, "the probe sees it", || {
        probe(mounted.path(), SECOND, &SystemRunner).is_err_and(|e| dead(&e))
    });
    let found = Preflight::new(mounted.path()).run(&lab.mounter()).unwrap();
    assert!(
        matches!(&found[..], [Finding::NoAnswer(_, text)] if text.contains("fusermount3 -uz")),
        "{found:?}"
    );
    assert_eq!(mounted.unmount().unwrap(), Unmounted::Cleanly);
}

#[test]
fn preflight_finds_empty_sources_missing_markers_and_links_that_cannot_be_read() {
    let lab = Lab::new();
    let place = lab.dir("mnt");
    lab.dir("empty");
    let empty = lab.mounter().by_sshfs(&lab.remote("empty"), &place, &lab.options()).unwrap();
    assert_eq!(Preflight::new(&place).run(&lab.mounter()).unwrap(), [Finding::Empty(place.clone())]);
    drop(empty);

    let sshfs = SshfsCapabilities::probe(&SystemRunner).unwrap();
    let unaware = SshfsCapabilities { contain_symlinks: false, ..sshfs.clone() };
    let args = lab.options().arguments(&lab.remote("src"), &place, &unaware).unwrap();
    let args: Vec<_> = args.iter().map(|arg| arg.to_str().unwrap()).collect();
    assert!(run("sshfs", &args).is_success());
    let marked = |name: &str| Preflight { marker: Some(name.into()), ..Preflight::new(&place) };
    let found = marked("hello").run(&lab.mounter()).unwrap();
    let unreadable = found.iter().any(|finding| matches!(finding, Finding::LinkUnreadable(_)));
    assert_eq!(unreadable, sshfs.contain_symlinks, "{found:?}");
    let found = marked(".marker").run(&lab.mounter()).unwrap();
    assert_eq!(found, [Finding::NoMarker(place.join(".marker"))]);
    assert!(run("umount", &[place.as_str()]).is_success());
    assert_eq!(Preflight::new(&place).run(&lab.mounter()).unwrap(), [Finding::NotMounted(place)]);
}

#[test]
fn a_mount_that_fails_says_why_and_what_to_do() {
    let lab = Lab::new();
    let user = User::new(&lab);
    let place = lab.dir("mnt");
    let try_with = |options: SshfsOptions, remote: &str, port: Option<u16>| {
        let remote = lab.remote(remote).with_port(port.or(Some(lab.port())));
        let error = lab.mounter().by_sshfs(&remote, &place, &options).unwrap_err().to_string();
        assert!(!error.contains('\n'), "{error}");
        error
    };
    let stranger = SshfsOptions { known_hosts: Some(lab.path("none")), ..lab.options() };
    let error = try_with(stranger, "src", None);
    assert!(error.contains("Host key verification failed") && error.contains("fingerprint"), "{error}");
    let error = try_with(SshfsOptions { identity: Some(lab.path("host_key")), ..lab.options() }, "src", None);
    assert!(error.contains("Permission denied") && error.contains("ssh-copy-id"), "{error}");
    let error = try_with(lab.options(), "src", Some(1));
    assert!(error.contains("Connection refused") && error.contains("check the port"), "{error}");
    let error = try_with(lab.options(), "nowhere", None);
    assert!(error.contains("nowhere") && error.contains("check the path"), "{error}");

    let error = user.mounter().by_fstab(&place).unwrap_err().to_string();
    assert!(error.contains("add an entry"), "{error}");
    // The mount point is root's: what the guide's chown of a path that does not exist leads to.
    let line = format!("root@remotehost:{} {place} fuse.sshfs user,noauto,ro 0 0", lab.path("src"));
    let _entry = RealEntry::add(&FstabEntry::parse(line.as_bytes()).unwrap());
    let error = user.mounter().by_fstab(&place).unwrap_err().to_string();
    assert!(error.contains("no write access") && error.contains("'chown'"), "{error}");
}

#[test]
fn by_fstab_too_a_refused_login_is_told_in_the_words_of_ssh() {
    let lab = Lab::new();
    let user = User::new(&lab);
    fs::write(user.home.join(".ssh/known_hosts"), "").unwrap();
    let line = format!(
        "root@remotehost:{} {} fuse.sshfs user,noauto,ro,BatchMode=yes 0 0",
        lab.path("src"),
        user.mount_point()
    );
    let _entry = RealEntry::add(&FstabEntry::parse(line.as_bytes()).unwrap());
    let error = user.mounter().by_fstab(&user.mount_point()).unwrap_err().to_string();
    assert!(error.contains("Host key verification failed"), "{error}");
}
