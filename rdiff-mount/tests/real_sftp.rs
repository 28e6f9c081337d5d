//! SFTP to a real sshd: what it carries, and what happens when the far end dies, hangs or refuses.
#![allow(clippy::unwrap_used)] // a test that cannot go on panics

mod lab;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use lab::tree::{Seen, digest, read_all};
use lab::{Lab, User, run, within};
use rdiff_core::backup::{BackupRequest, backup};
use rdiff_core::monitor::Silent;
use rdiff_core::path::RepoPath;
use rdiff_core::tree::attrs::Names;
use rdiff_core::tree::local::LocalSource;
use rdiff_core::tree::means_source_gone;
use rdiff_core::tree::source::{Source, SourceGuard};
use rdiff_core::tree::walk::{Everything, What};
use rdiff_mount::error::MountError;
use rdiff_mount::location::Remote;
use rdiff_mount::runner::SystemRunner;
use rdiff_mount::sshfs::SshfsOptions;
use rdiff_mount::{PlaceGuard, PlaceSource, SftpBounds, SftpSource};
use rustix::process::Signal;

const SECOND: Duration = Duration::from_secs(1);

fn connect(lab: &Lab, dir: &str, bounds: SftpBounds) -> SftpSource {
    SftpSource::connect(&lab.remote(dir), &lab.options(), &bounds).unwrap()
}

fn path(text: &str) -> RepoPath<'_> {
    RepoPath::new(text.as_bytes()).unwrap()
}

/// The same tree through the kernel of this machine.
fn seen_locally(dir: &Path) -> Vec<Seen> {
    let local: Arc<dyn Source> = Arc::new(LocalSource::open(dir, Arc::new(Names::default())).unwrap());
    read_all(&local, 2)
}

fn seen(source: SftpSource, workers: usize) -> Vec<Seen> {
    let source: Arc<dyn Source> = Arc::new(source);
    read_all(&source, workers)
}

/// Bytes that repeat nowhere near.
fn noise(len: usize, mut seed: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(&(seed ^ (seed >> 29)).to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

#[test]
fn all_that_sftp_carries_arrives_byte_for_byte_with_any_number_of_workers() {
    let lab = Lab::for_sftp();
    let src = lab.dir("src").into_std_path_buf();
    let odd = OsStr::from_bytes(b"\xff\xfe not \xc3 text\nnor a line\x07");
    fs::create_dir(src.join(odd)).unwrap();
    fs::write(src.join(odd).join(odd), "odd").unwrap();
    symlink(odd, src.join(odd).join("link")).unwrap();
    symlink("/nowhere/at all", src.join("dangling")).unwrap();
    symlink("x".repeat(4000), src.join("long link")).unwrap();
    fs::write(src.join("empty"), "").unwrap();
    fs::create_dir(src.join("an empty directory")).unwrap();
    fs::write(src.join("n".repeat(255)), "long name").unwrap();
    for len in [1, 4096, 255 << 10, (256 << 10) - 1, 256 << 10, (256 << 10) + 1, 3_000_000] {
        fs::write(src.join(format!("of {len}")), noise(len, len as u64)).unwrap();
    }
    let _listener = UnixListener::bind(src.join("socket")).unwrap();
    assert!(run("mkfifo", &[src.join("pipe").to_str().unwrap()]).is_success());
    std::os::unix::fs::chown(src.join("empty"), Some(1), Some(2)).unwrap();
    std::os::unix::fs::lchown(src.join("dangling"), Some(54_321), Some(54_322)).unwrap();
    fs::set_permissions(src.join("of 1"), fs::Permissions::from_mode(0o6751)).unwrap();
    // More than one READDIR gives, and more than the first window of them.
    fs::create_dir(src.join("many")).unwrap();
    (0..1_234).for_each(|i| fs::write(src.join(format!("many/{i}")), format!("{i}\n")).unwrap());

    let expected = seen_locally(&src);
    assert!(expected.len() > 1_250 && expected.iter().any(|seen| seen.what.contains("daemon")));
    for workers in [1, 64] {
        assert_eq!(seen(connect(&lab, "src", SftpBounds::default()), workers), expected, "{workers}");
    }
    // So tight that workers wait for each other all the time; and nobody waits for ever.
    let tight = SftpBounds { requests: 3, bytes: 1, handles: 2, read_ahead: 1, ..SftpBounds::default() };
    assert_eq!(seen(connect(&lab, "src", tight), 16), expected);
}

#[test]
fn thousands_of_small_files_and_one_of_100_mib() {
    let lab = Lab::for_sftp();
    let src = lab.dir("src").into_std_path_buf();
    for i in 0..5_000u64 {
        let dir = src.join(format!("d{:02}", i % 50));
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join(format!("f{i}")), noise((i * 37 % 9_000) as usize, i)).unwrap();
    }
    fs::write(src.join("large"), noise(100 << 20, 1)).unwrap();
    let expected = seen_locally(&src);
    for workers in [1, 64] {
        assert_eq!(seen(connect(&lab, "src", SftpBounds::default()), workers), expected, "{workers}");
    }
}

/// All of a repository but what tells how long it took, and by which process.
fn contents(repository: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut dirs = vec![repository.to_path_buf()];
    while let Some(dir) = dirs.pop() {
        for path in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
            let name = path.strip_prefix(repository).unwrap().to_string_lossy().into_owned();
            if path.is_symlink() {
                found.push((name, fs::read_link(&path).unwrap().as_os_str().as_bytes().into()));
            } else if path.is_dir() {
                found.push((name, Vec::new()));
                dirs.push(path);
            } else if !["session_statistics", "current_mirror"].iter().any(|other| name.contains(other)) {
                found.push((name, fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn repositories_are_the_same_byte_for_byte_with_one_worker_and_with_64() {
    let lab = Lab::new();
    let src = lab.dir("src").into_std_path_buf();
    for i in 0..240u64 {
        let dir = src.join(format!("d{:02}/e{}", i % 12, i % 3));
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join(format!("f{i}")), noise((i * 97 % 9_000) as usize, i)).unwrap();
    }
    fs::write(src.join("large"), noise(3 << 20, 1)).unwrap();
    let back_up = |to: &str, time: i64, workers: usize| {
        let request = BackupRequest { time: Some(time), durable: false, workers, ..BackupRequest::default() };
        let target = lab.path(&format!("{to}-{workers}"));
        let write = |source: Arc<dyn Source>, guard: &dyn SourceGuard| {
            backup(source, guard, target.as_std_path(), &request, Everything, &Silent).unwrap();
        };
        if to == "sftp" {
            let source = connect(&lab, "src", SftpBounds::default());
            let guard = source.guard();
            write(Arc::new(source), &guard);
        } else {
            let mounted =
                lab.mounter().privately(&lab.remote("src"), &lab.dir("run"), &lab.options()).unwrap();
            let local = LocalSource::open(mounted.path().as_std_path(), Arc::new(Names::default())).unwrap();
            let guard = mounted.guard().unwrap();
            let checks = PlaceGuard::new(guard.clone(), 10 * SECOND, Arc::new(SystemRunner));
            write(Arc::new(PlaceSource::new(local, guard, "src")), &checks);
        }
    };
    for (time, text) in [(1_700_000_000, "first"), (1_700_086_400, "the second")] {
        fs::write(src.join("hello"), text).unwrap();
        for (to, workers) in [("sftp", 1), ("sftp", 64), ("mount", 1), ("mount", 64)] {
            back_up(to, time, workers);
        }
        if time == 1_700_000_000 {
            fs::remove_dir_all(src.join("d07")).unwrap();
            fs::write(src.join("d08/e2/new"), "new").unwrap();
        }
    }
    let one = contents(lab.path("sftp-1").as_std_path());
    assert!(one.len() > 280 && one.iter().any(|(name, _)| name.contains("increments/d07/e")));
    for other in ["sftp-64", "mount-1", "mount-64"] {
        let other_contents = contents(lab.path(other).as_std_path());
        let differs = one.iter().zip(&other_contents).find(|(a, b)| a != b).map(|(a, b)| (&a.0, &b.0));
        assert!(one == other_contents, "{other} differs, first at {differs:?}");
    }
}

#[test]
fn a_large_file_is_read_from_anywhere_and_looked_at_before_and_after() {
    let lab = Lab::for_sftp();
    let bytes = noise(5 << 20, 3);
    fs::write(lab.path("src/large"), &bytes).unwrap();
    let source = connect(&lab, "src", SftpBounds::default());
    let mut file = source.open(path("large")).unwrap();
    assert_eq!(file.stat().unwrap().size, 5 << 20);
    let mut part = vec![0; 700_000];
    for offset in [4_000_000, 17, 0, 5 << 20] {
        file.seek(offset).unwrap();
        let (mut read, wanted) = (0, part.len().min(bytes.len() - offset as usize));
        while read < wanted {
            read += file.read(&mut part[read..wanted]).unwrap();
        }
        assert_eq!(part[..wanted], bytes[offset as usize..][..wanted], "{offset}");
    }
    assert_eq!(file.read(&mut part).unwrap(), 0);
    // It grows while it is read: what is new is read too, and the second look tells.
    let mut grown = File::options().append(true).open(lab.path("src/large")).unwrap();
    file.seek(0).unwrap();
    assert_eq!(file.read(&mut part[..1]).unwrap(), 1);
    grown.write_all(&noise(1 << 20, 4)).unwrap();
    assert_eq!(digest(&mut file).unwrap().0, (6 << 20) - 1);
    assert_eq!(file.stat().unwrap().size, 6 << 20);
}

#[test]
fn devices_are_reported_and_not_recorded_wrong() {
    let lab = Lab::for_sftp();
    let device = lab.path("src/null");
    assert!(run("mknod", &[device.as_str(), "c", "1", "3"]).is_success());
    let source: Arc<dyn Source> = Arc::new(connect(&lab, "src", SftpBounds::default()));
    let found = lab::tree::walk(&source, 4);
    let null = found.iter().find(|found| found.path.as_path() == path("null")).unwrap();
    assert!(
        matches!(&null.what, What::Unknown(e) if e.kind() == io::ErrorKind::Unsupported
            && e.to_string().contains("number SFTP does not tell") && !means_source_gone(e)),
        "{null:?}"
    );
    assert!(found.iter().any(|found| found.path.as_path() == path("plain")), "the rest is read");
}

#[test]
fn what_may_not_be_read_is_an_error_of_its_own_and_never_empty() {
    let lab = Lab::for_sftp();
    let user = User::new(&lab);
    let src = lab.dir("src");
    for (name, mode) in [("closed", 0o000), ("list only", 0o744), ("enter only", 0o711)] {
        fs::create_dir(src.join(name)).unwrap();
        fs::write(src.join(name).join("file"), "x").unwrap();
        fs::set_permissions(src.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    for name in ["a", "b secret", "c"] {
        fs::write(src.join(name), name).unwrap();
    }
    fs::set_permissions(src.join("b secret"), fs::Permissions::from_mode(0o600)).unwrap();
    let remote = Remote::new(Some(&user.name), "127.0.0.1", Some(lab.port()), src.as_std_path()).unwrap();
    let source = SftpSource::connect(&remote, &lab.options(), &SftpBounds::default()).unwrap();
    let is_denied = |e: &io::Error| e.kind() == io::ErrorKind::PermissionDenied && !means_source_gone(e);
    for dir in ["closed", "list only", "enter only"] {
        assert!(source.list(path(dir)).is_err_and(|e| is_denied(&e)), "{dir}");
    }
    assert!(source.list(path("sub")).is_ok());
    assert!(source.read_link(path("closed/file")).is_err_and(|e| is_denied(&e)));
    let paths = ["a", "b secret", "c", "nothing", "hello"].map(path);
    let opened: Vec<_> = source.open_each(&paths).map(|file| file.and_then(|mut f| digest(&mut f))).collect();
    assert!(opened[0].is_ok() && opened[2].is_ok() && opened[4].is_ok());
    assert!(opened[1].as_ref().is_err_and(is_denied));
    assert!(opened[3].as_ref().is_err_and(rdiff_core::tree::is_absent));
    // The session has not suffered.
    assert!(source.guard().check().is_ok() && source.failure().is_none());
}

#[test]
fn no_link_is_followed() {
    let lab = Lab::for_sftp();
    symlink("sub", lab.path("src/to sub")).unwrap();
    let source = connect(&lab, "src", SftpBounds::default());
    assert!(source.list(path("to sub")).is_err());
    assert!(source.open(path("plain")).is_err());
    assert!(source.open(path("sub")).is_err(), "a directory is no file");
    assert_eq!(source.read_link(path("plain")).unwrap(), b"hello");
}

#[test]
fn a_killed_server_ends_all_who_wait_with_the_words_of_ssh() {
    let mut lab = Lab::for_sftp();
    fs::write(lab.path("src/large"), noise(64 << 20, 5)).unwrap();
    let source = Arc::new(connect(&lab, "src", SftpBounds::default()));
    let guard = source.guard();
    guard.check().unwrap();
    let mut file = source.open(path("large")).unwrap();
    let mut bytes = vec![0; 1 << 20];
    file.read_exact(&mut bytes).unwrap();
    lab.kill_sshd();
    let started = Instant::now();
    let waiters: Vec<_> = (0..8)
        .map(|_| {
            let source = Arc::clone(&source);
            thread::spawn(move || source.list(RepoPath::ROOT).err().unwrap())
        })
        .collect();
    let mut errors: Vec<_> = waiters.into_iter().map(|waiter| waiter.join().unwrap()).collect();
    errors.push(io::copy(&mut file, &mut io::sink()).unwrap_err());
    assert!(started.elapsed() < 5 * SECOND, "{:?}", started.elapsed());
    for error in &errors {
        assert!(means_source_gone(error), "{error:?}");
        assert!(error.to_string().contains("127.0.0.1 ended (exit status 255): "), "{error}");
    }
    println!("{}", errors[0]);
    let said = guard.check().unwrap_err();
    assert!(said.contains("is gone") && said.contains("ended"), "{said}");
    assert!(matches!(source.failure().as_deref(), Some(MountError::Lost { .. })));
}

#[test]
fn a_stopped_server_ends_the_run_within_the_set_time() {
    let lab = Lab::for_sftp();
    fs::write(lab.path("src/large"), noise(64 << 20, 5)).unwrap();
    let bounds = SftpBounds { silence: SECOND, ..SftpBounds::default() };
    let source = Arc::new(connect(&lab, "src", bounds));
    let guard = source.guard();
    // Longer idle than it may be silent: nobody asks, so nothing is amiss.
    thread::sleep(2 * SECOND);
    guard.check().unwrap();
    let mut file = source.open(path("large")).unwrap();
    file.read_exact(&mut [0; 10]).unwrap();
    lab.signal_sftp_servers(Signal::STOP);
    let started = Instant::now();
    let (tell, told) = mpsc::channel();
    for _ in 0..16 {
        let (source, tell) = (Arc::clone(&source), tell.clone());
        // Paths enough to fill all pipes, so that a writer gets stuck as well.
        let names: Vec<Box<[u8]>> = (0..4_000).map(|_| Box::from([b'x'; 250])).collect();
        thread::spawn(move || tell.send(source.stat_in(path("sub"), &names).pop().unwrap().unwrap_err()));
    }
    tell.send(io::copy(&mut file, &mut io::sink()).unwrap_err()).unwrap();
    for _ in 0..17 {
        let error = told.recv_timeout(5 * SECOND).expect("everyone is told");
        assert!(error.kind() == io::ErrorKind::TimedOut && means_source_gone(&error), "{error:?}");
        assert!(error.to_string().contains("did not answer within"), "{error}");
    }
    assert!(started.elapsed() < 3 * SECOND, "{:?}", started.elapsed());
    assert!(guard.check().unwrap_err().contains("did not answer"));
    let started = Instant::now();
    drop((file, guard, source));
    assert!(started.elapsed() < 2 * SECOND, "{:?}", started.elapsed());
}

#[test]
fn when_it_is_dropped_ssh_and_its_server_end() {
    let lab = Lab::for_sftp();
    let source = connect(&lab, "src", SftpBounds::default());
    assert!(lab.has_sessions());
    drop(source);
    within(3 * SECOND, "no session is left", || !lab.has_sessions());
}

#[test]
fn a_root_that_was_replaced_or_unmounted_is_noticed() {
    let lab = Lab::for_sftp();
    let mounted = lab.dir("mounted");
    assert!(run("mount", &["-t", "tmpfs", "none", mounted.as_str()]).is_success());
    fs::write(mounted.join("file"), "x").unwrap();
    let source = connect(&lab, "mounted", SftpBounds::default());
    let guard = source.guard();
    guard.check().unwrap();
    assert!(run("umount", &[mounted.as_str()]).is_success());
    assert!(source.list(RepoPath::ROOT).unwrap().names.is_empty(), "this emptiness is what the guard is for");
    let said = guard.check().unwrap_err();
    assert!(said.contains("unmounted"), "{said}");

    let source = connect(&lab, "src", SftpBounds::default());
    let guard = source.guard();
    fs::rename(lab.path("src"), lab.path("elsewhere")).unwrap();
    assert!(guard.check().unwrap_err().contains("is gone"));
    symlink("elsewhere", lab.path("src")).unwrap();
    assert!(guard.check().is_err());
}

#[test]
fn a_root_may_be_reached_over_a_link_and_from_the_login_directory() {
    let lab = Lab::for_sftp();
    symlink("src", lab.path("link")).unwrap();
    let source = connect(&lab, "link", SftpBounds::default());
    assert!(source.root().unwrap().is_dir() && source.list(path("sub")).is_ok());
    let home = Remote::parse_scp("root@127.0.0.1:").unwrap().with_port(Some(lab.port()));
    let source = SftpSource::connect(&home, &lab.options(), &SftpBounds::default()).unwrap();
    assert!(source.list(RepoPath::ROOT).is_ok());
    let all = home.with_path("/");
    let source = SftpSource::connect(&all, &lab.options(), &SftpBounds::default()).unwrap();
    assert!(source.list(path("etc")).unwrap().names.len() > 3);
}

#[test]
fn a_connection_that_fails_says_why_and_what_to_do() {
    let lab = Lab::for_sftp();
    let fails = |options: &SshfsOptions, remote: &Remote| {
        let error = SftpSource::connect(remote, options, &SftpBounds::default()).err().unwrap();
        format!("{error}: {:?}", std::error::Error::source(&error))
    };
    let src = lab.remote("src");
    let stranger = SshfsOptions { known_hosts: Some(lab.path("none")), ..lab.options() };
    let error = fails(&stranger, &src);
    assert!(error.contains("Host key verification failed") && error.contains("fingerprint"), "{error}");
    let error = fails(&SshfsOptions { identity: Some(lab.path("host_key")), ..lab.options() }, &src);
    assert!(error.contains("Permission denied") && error.contains("ssh-copy-id"), "{error}");
    let error = fails(&lab.options(), &src.with_port(Some(1)));
    assert!(error.contains("Connection refused") && error.contains("check the port"), "{error}");
    let error = fails(&lab.options(), &lab.remote("nowhere"));
    assert!(error.contains("nowhere; check the path") && error.contains("NotFound"), "{error}");
    let error = fails(&lab.options(), &lab.remote("src/hello"));
    assert!(error.contains("NotADirectory"), "{error}");
}

#[test]
fn a_mounted_place_has_a_guard_that_asks_the_server() {
    let lab = Lab::new();
    let mounted = lab.mounter().by_sshfs(&lab.remote("src"), &lab.dir("mnt"), &lab.options()).unwrap();
    let guard = PlaceGuard::new(mounted.guard().unwrap(), SECOND, Arc::new(SystemRunner));
    guard.check().unwrap();
    lab.signal_sftp_servers(Signal::STOP);
    let said = guard.check().unwrap_err();
    assert!(said.contains("did not answer within 1s"), "{said}");
    lab.signal_sftp_servers(Signal::CONT);
    guard.check().unwrap();
    run("umount", &["-l", mounted.path().as_str()]);
    let said = guard.check().unwrap_err();
    assert!(said.contains("not mounted any more"), "{said}");
}
