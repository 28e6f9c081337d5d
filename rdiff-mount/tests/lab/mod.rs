//! A real sshd on loopback, with keys, port and configuration of its own, and an ordinary user.
//!
//! Nothing is skipped: where a program or a right is missing, the test fails and says which.
#![allow(dead_code)] // each of the tests that share this uses a part of it

pub(crate) mod relay;
pub(crate) mod tree;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{self, Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use rdiff_mount::fstab::FstabEntry;
use rdiff_mount::fstab_file::{ETC_FSTAB, FstabFile};
use rdiff_mount::location::Remote;
use rdiff_mount::mount::Mounter;
use rdiff_mount::runner::{Command, CommandRunner, Output, SystemRunner};
use rdiff_mount::sshfs::SshfsOptions;
use rustix::process::{Pid, Signal, kill_process};

const SSHD: [&str; 4] = ["/usr/sbin/sshd", "/usr/bin/sshd", "/usr/local/sbin/sshd", "/usr/libexec/sshd"];

pub(crate) struct Lab {
    dir: tempfile::TempDir,
    sshd: Child,
    port: u16,
}

/// What there is once on a machine, for one test at a time, of this process and of others. All else is each lab's
/// own, and labs run side by side.
#[must_use]
pub(crate) struct Alone(#[expect(dead_code, reason = "the lock goes with it")] fs::File);

impl Alone {
    fn with(what: &str) -> Self {
        let file = fs::File::create(format!("/run/rdiff-lab{what}.lock")).unwrap();
        rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive).unwrap();
        Self(file)
    }

    /// The real fstab. A [`RealEntry`] has it already.
    pub(crate) fn with_fstab() -> Self {
        Self::with("")
    }

    /// The files of users and groups, for as long as a program changes them.
    pub(crate) fn with_users() -> Self {
        Self::with("-users")
    }
}

impl Lab {
    /// Starts an sshd that serves `/src` below a temporary directory.
    pub(crate) fn new() -> Self {
        need(&["sshfs", "fusermount3"]);
        assert!(
            Path::new("/dev/fuse").exists(),
            "/dev/fuse is missing: this kernel or container has no FUSE"
        );
        let lab = Self::for_sftp();
        fs::set_permissions("/dev/fuse", fs::Permissions::from_mode(0o666)).unwrap();
        control_connections();
        lab
    }

    /// As [`Lab::new`], on a machine that needs no FUSE.
    pub(crate) fn for_sftp() -> Self {
        assert!(rustix::process::geteuid().is_root(), "these tests need root: users, fstab and mounts");
        need(&["ssh", "ssh-keygen", "mount", "umount", "runuser", "useradd"]);
        let dir = tempfile::Builder::new().prefix("rdiff-lab-").tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        plant(&dir.path().join("src"));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let sshd = start_sshd(dir.path(), port);
        let lab = Self { dir, sshd, port };
        lab.wait_for_sshd();
        lab
    }

    pub(crate) fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8PathBuf::from_path_buf(self.dir.path().join(name)).unwrap()
    }

    pub(crate) fn dir(&self, name: &str) -> Utf8PathBuf {
        let path = self.path(name);
        fs::create_dir_all(&path).unwrap();
        path
    }

    pub(crate) fn remote(&self, name: &str) -> Remote {
        Remote::new(Some("root"), "127.0.0.1", Some(self.port), self.path(name).as_std_path()).unwrap()
    }

    pub(crate) fn options(&self) -> SshfsOptions {
        SshfsOptions {
            identity: Some(self.path("user_key")),
            known_hosts: Some(self.path("known_hosts")),
            connect_timeout: 5,
            ..SshfsOptions::default()
        }
    }

    /// Replaces what is known of the host's key.
    pub(crate) fn forge_known_hosts(&self) {
        let other = fs::read_to_string(self.path("user_key.pub")).unwrap();
        fs::write(self.path("known_hosts"), format!("[127.0.0.1]:{} {other}", self.port)).unwrap();
    }

    /// The same for a connection through a relay, where the host has another port.
    pub(crate) fn options_for_relay(&self) -> SshfsOptions {
        let alias = format!("HostKeyAlias=[127.0.0.1]:{}", self.port);
        SshfsOptions { extra: vec![alias], ..self.options() }
    }

    pub(crate) fn mounter(&self) -> Mounter {
        Mounter::default().with_patience(Duration::from_secs(2))
    }

    /// Sends a signal to the servers of the sessions, not to sshd itself.
    pub(crate) fn signal_sftp_servers(&self, signal: Signal) {
        let leaves = leaves_below(self.sshd.id());
        assert!(!leaves.is_empty(), "no session is open");
        for pid in leaves {
            // A command that was run there may have ended meanwhile.
            let _gone = kill_process(pid_of(pid), signal);
        }
    }

    /// Is anyone logged in?
    pub(crate) fn has_sessions(&self) -> bool {
        !descendants(self.sshd.id()).is_empty()
    }

    /// What is mounted below the lab's directory, or privately.
    pub(crate) fn mounts(&self) -> Vec<std::path::PathBuf> {
        let table = rdiff_mount::mountinfo::MountTable::read().unwrap();
        let ours = table
            .mounts()
            .iter()
            .filter(|mount| mount.source.to_string_lossy().contains(self.path("").as_str()));
        ours.map(|mount| mount.mount_point.clone()).collect()
    }

    pub(crate) fn kill_sshd(&mut self) {
        self.kill_sessions();
        self.sshd.kill().unwrap();
        self.sshd.wait().unwrap();
    }

    fn kill_sessions(&self) {
        for pid in descendants(self.sshd.id()) {
            // It may have ended with its parent.
            let _gone = kill_process(pid_of(pid), Signal::KILL);
        }
    }

    fn wait_for_sshd(&self) {
        within(Duration::from_secs(60), "sshd listens", || {
            TcpStream::connect(("127.0.0.1", self.port)).is_ok()
        });
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.kill_sessions();
        let _gone = self.sshd.kill();
        let _gone = self.sshd.wait();
        // A test that failed may leave mounts: the directory could not be removed then.
        for mount in rdiff_mount::mountinfo::MountTable::read().unwrap().mounts() {
            if mount.mount_point.starts_with(self.dir.path()) {
                run("umount", &["-l", mount.mount_point.to_str().unwrap()]);
            }
        }
    }
}

fn need(programs: &[&str]) {
    for program in programs {
        assert!(run("sh", &["-c", &format!("command -v {program}")]).is_success(), "'{program}' is missing");
    }
}

/// A tree with what matters: files, directories, and links of three kinds.
fn plant(src: &Path) {
    fs::create_dir_all(src.join("sub/deep")).unwrap();
    fs::write(src.join("hello"), b"hello\n").unwrap();
    fs::write(src.join("sub/deep/file"), vec![7; 300_000]).unwrap();
    symlink("/etc/hostname", src.join("absolute")).unwrap();
    symlink("../hello", src.join("sub/upward")).unwrap();
    symlink("hello", src.join("plain")).unwrap();
}

fn start_sshd(dir: &Path, port: u16) -> Child {
    for key in ["host_key", "user_key"] {
        let file = dir.join(key);
        let made = run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", file.to_str().unwrap()]);
        assert!(made.is_success(), "ssh-keygen: {}", made.stderr_text());
    }
    let host_key = fs::read_to_string(dir.join("host_key.pub")).unwrap();
    fs::write(dir.join("known_hosts"), format!("[127.0.0.1]:{port} {host_key}")).unwrap();
    // With a level of shells, bash does not read what root's ~/.bashrc has it do: that may take a minute.
    let config = format!(
        "SetEnv SHLVL=2\nPort {port}\nListenAddress 127.0.0.1\nHostKey {dir}/host_key\nAuthorizedKeysFile {dir}/user_key.pub\n\
         PidFile none\nStrictModes no\nUsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\n\
         KbdInteractiveAuthentication no\nSubsystem sftp internal-sftp\n",
        dir = dir.display()
    );
    fs::write(dir.join("sshd_config"), config).unwrap();
    // sshd wants its empty directory, which a service manager makes at boot.
    fs::create_dir_all("/run/sshd").unwrap();
    let program =
        SSHD.iter().find(|path| Path::new(path).exists()).expect("'sshd' is missing: install openssh-server");
    let log = fs::File::create(dir.join("sshd.log")).unwrap();
    let config = dir.join("sshd_config");
    let mut sshd = process::Command::new(program);
    sshd.args(["-D", "-e", "-f"]).arg(config).stdin(Stdio::null()).stderr(log);
    sshd.spawn().unwrap()
}

/// The control of FUSE connections is there on any machine with an init; containers may lack it.
fn control_connections() {
    let _alone = Alone::with("-fusectl");
    let place = Utf8Path::new("/sys/fs/fuse/connections");
    if Mounter::default().find(place).unwrap().is_none() {
        let mounted = run("mount", &["-t", "fusectl", "fusectl", place.as_str()]);
        assert!(mounted.is_success(), "no control of FUSE connections: {}", mounted.stderr_text());
    }
}

pub(crate) fn run(program: &str, args: &[&str]) -> Output {
    SystemRunner.run(&Command::new(program).args(args)).unwrap_or_else(|error| panic!("'{program}': {error}"))
}

/// Waits for something that must come true.
pub(crate) fn within(limit: Duration, what: &str, mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < limit, "not within {limit:?}: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn pid_of(pid: u32) -> Pid {
    Pid::from_raw(i32::try_from(pid).unwrap()).unwrap()
}

/// Pairs of process and parent, of all processes.
fn processes() -> Vec<(u32, u32)> {
    let stat = |pid: u32| {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let parent = text.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()?;
        Some((pid, parent))
    };
    let pids =
        fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(stat).collect()
}

fn descendants(of: u32) -> Vec<u32> {
    let all = processes();
    let mut found = vec![of];
    let mut at = 0;
    while at < found.len() {
        let of = found[at];
        found.extend(all.iter().filter(|(_, parent)| *parent == of).map(|(pid, _)| *pid));
        at += 1;
    }
    found.split_off(1)
}

fn leaves_below(of: u32) -> Vec<u32> {
    let all = processes();
    let is_parent = |pid: &u32| all.iter().any(|(_, parent)| parent == pid);
    descendants(of).into_iter().filter(|pid| !is_parent(pid)).collect()
}

/// An ordinary user with a home below the lab, whose ssh knows the lab's host as `remotehost`.
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) home: Utf8PathBuf,
}

impl User {
    pub(crate) fn new(lab: &Lab) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let user = Self { name: format!("rdlab{}x{number}", process::id()), home: lab.path("home") };
        // No password that fits, but not locked either: sshd lets him in with a key.
        let home = user.home.as_str();
        let alone = Alone::with_users();
        let added = run("useradd", &["--no-create-home", "--home-dir", home, "-p", "*", &user.name]);
        drop(alone);
        assert!(added.is_success(), "useradd: {}", added.stderr_text());
        lab.dir("home/.ssh");
        lab.dir("home/mounts/web");
        fs::copy(lab.path("user_key"), user.home.join(".ssh/id_ed25519")).unwrap();
        let config = format!("Host remotehost\n HostName 127.0.0.1\n Port {}\n", lab.port());
        fs::write(user.home.join(".ssh/config"), config).unwrap();
        fs::copy(lab.path("known_hosts"), user.home.join(".ssh/known_hosts")).unwrap();
        let owned = run("chown", &["-R", &format!("{0}:", user.name), user.home.as_str()]);
        assert!(owned.is_success(), "chown: {}", owned.stderr_text());
        run("chmod", &["-R", "go-rwx", user.home.join(".ssh").as_str()]);
        user
    }

    pub(crate) fn mount_point(&self) -> Utf8PathBuf {
        self.home.join("mounts/web")
    }

    pub(crate) fn runner(&self) -> Arc<dyn CommandRunner> {
        Arc::new(AsUser(self.name.clone()))
    }

    pub(crate) fn mounter(&self) -> Mounter {
        Mounter::new(self.runner()).with_patience(Duration::from_secs(2))
    }

    pub(crate) fn run(&self, program: &str, args: &[&str]) -> Output {
        self.runner().run(&Command::new(program).args(args)).unwrap()
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let _alone = Alone::with_users();
        run("userdel", &["-f", &self.name]);
    }
}

/// Runs every command as another user.
struct AsUser(String);

impl CommandRunner for AsUser {
    fn run(&self, command: &Command) -> std::io::Result<Output> {
        let wrapped = Command::new("runuser").args(["-u", &self.0, "--"]).arg(command.program());
        SystemRunner.run(&wrapped.args(command.arguments()).within(command.limit()))
    }
}

/// An entry in the machine's real fstab, for as long as this lives; then every byte is as before.
pub(crate) struct RealEntry {
    before: Vec<u8>,
    mount_point: Utf8PathBuf,
    _alone: Alone,
}

impl RealEntry {
    pub(crate) fn add(entry: &FstabEntry) -> Self {
        let alone = Alone::with_fstab();
        let before = fs::read(ETC_FSTAB).unwrap();
        let mut file = FstabFile::open(ETC_FSTAB).unwrap();
        file.fstab.add(entry).unwrap();
        let copy = file.save().unwrap().unwrap();
        assert_eq!(fs::read(&copy).unwrap(), before);
        fs::remove_file(copy).unwrap();
        Self { before, mount_point: entry.mount_point.clone(), _alone: alone }
    }
}

impl Drop for RealEntry {
    fn drop(&mut self) {
        let mut file = FstabFile::open(ETC_FSTAB).unwrap();
        file.fstab.remove(&self.mount_point).unwrap();
        if let Some(copy) = file.save().unwrap() {
            fs::remove_file(copy).unwrap();
        }
        let mut after = Vec::new();
        fs::File::open(ETC_FSTAB).unwrap().read_to_end(&mut after).unwrap();
        if after != self.before {
            fs::File::create(ETC_FSTAB).unwrap().write_all(&self.before).unwrap();
            panic!("fstab was not put back byte for byte");
        }
    }
}
