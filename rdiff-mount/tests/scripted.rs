//! What is done when commands fail, hang or say one thing and do another.
#![allow(clippy::unwrap_used)] // a test that cannot go on panics

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use rdiff_mount::Unmounted;
use rdiff_mount::error::MountError;
use rdiff_mount::location::Remote;
use rdiff_mount::mount::{Mounted, Mounter};
use rdiff_mount::preflight::{Finding, Preflight, clock_difference};
use rdiff_mount::runner::Output;
use rdiff_mount::scripted::ScriptedRunner;
use rdiff_mount::sshfs::SshfsOptions;
use rdiff_mount::watchdog::probe;

const NOTHING: &str = "27 1 254:0 / / rw - ext4 /dev/root rw\n";
const PLACE: &str = "/no-such-place/web";
// No FUSE connection has this number, so nothing can be aborted by accident.
const MOUNTED: &str = "77 27 0:99999999 / /no-such-place/web ro - fuse.sshfs me@web:/srv rw,user_id=0\n";

/// A mount table in a file, and a script that changes it.
struct Stage {
    _dir: tempfile::TempDir,
    table: PathBuf,
}

impl Stage {
    fn new(table: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let stage = Self { table: dir.path().join("mountinfo"), _dir: dir };
        fs::write(&stage.table, NOTHING.to_owned() + table).unwrap();
        stage
    }

    fn show(&self, table: &'static str) -> impl FnOnce() + Send + use<> {
        let path = self.table.clone();
        move || fs::write(path, NOTHING.to_owned() + table).unwrap()
    }

    fn mounter(&self, script: &ScriptedRunner) -> Mounter {
        Mounter::new(Arc::new(script.clone()))
            .with_mountinfo(&self.table)
            .with_patience(Duration::from_millis(200))
    }

    fn mounted(&self, script: &ScriptedRunner) -> Mounted {
        self.mounter(script).by_fstab(Utf8Path::new(PLACE)).unwrap()
    }
}

fn mounts(stage: &Stage) -> ScriptedRunner {
    ScriptedRunner::new().expect_and("mount /no-such-place/web", Output::success(""), stage.show(MOUNTED))
}

#[test]
fn a_mount_is_made_and_taken_down() {
    let stage = Stage::new("");
    let script = mounts(&stage).expect_and("umount /no-such-place/web", Output::success(""), stage.show(""));
    let mounted = stage.mounted(&script);
    assert!(mounted.is_ours() && mounted.info().is_sshfs());
    assert_eq!(mounted.unmount().unwrap(), Unmounted::Cleanly);
    script.assert_done();
}

#[test]
fn dropping_it_takes_it_down_also_in_a_panic() {
    let stage = Stage::new("");
    let script = mounts(&stage).expect_and("umount /no-such-place/web", Output::success(""), stage.show(""));
    let mounted = stage.mounted(&script);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _mounted = mounted;
        panic!("a job went wrong");
    }));
    assert!(panicked.is_err());
    script.assert_done();
}

#[test]
fn what_was_mounted_before_is_used_and_left() {
    let stage = Stage::new(MOUNTED);
    let script = ScriptedRunner::new();
    let mounted = stage.mounted(&script);
    assert!(!mounted.is_ours());
    assert_eq!(mounted.unmount().unwrap(), Unmounted::LeftMounted);
}

#[test]
fn the_mount_of_a_path_is_found_though_path_lacks_readlink() {
    let stage = Stage::new(MOUNTED);
    let script = ScriptedRunner::new()
        .expect_error("readlink -m -- /no-such-place/web/d", std::io::ErrorKind::NotFound)
        .expect("/usr/bin/readlink -m -- /no-such-place/web/d", Output::success("/no-such-place/web/d\n"));
    let path = Path::new("/no-such-place/web/d");
    let found = stage.mounter(&script).covering(path, Duration::from_secs(9)).unwrap();
    assert!(found.is_some_and(|mount| mount.is_sshfs()));
    script.assert_done();
}

/// What systemd does to a directory that a service may write to: bound over itself, it looks like a mount.
const BOUND: &str = "76 27 254:0 /no-such-place/web /no-such-place/web rw - ext4 /dev/root rw\n";
const MOUNTED_OVER: &str = "76 27 254:0 /no-such-place/web /no-such-place/web rw - ext4 /dev/root rw\n\
     77 76 0:99999999 / /no-such-place/web ro - fuse.sshfs me@web:/srv rw,user_id=0\n";

#[test]
fn a_directory_bound_over_itself_is_mounted_on() {
    let stage = Stage::new(BOUND);
    let script = ScriptedRunner::new()
        .expect_and("mount /no-such-place/web", Output::success(""), stage.show(MOUNTED_OVER))
        .expect_and("umount /no-such-place/web", Output::success(""), stage.show(BOUND));
    let mounted = stage.mounted(&script);
    assert!(mounted.is_ours() && mounted.info().is_sshfs());
    assert_eq!(mounted.unmount().unwrap(), Unmounted::Cleanly);
    script.assert_done();
}

#[test]
fn another_mount_than_the_entry_says_is_not_used() {
    let entry = |source: &str| format!("{source} {PLACE} fuse.sshfs ro,noauto,user 0 0\n");
    let other_type = "77 27 0:99 / /no-such-place/web rw - tmpfs none rw\n";
    for (table, source, is_used) in [
        (MOUNTED, "me@web:/srv", true),
        (MOUNTED, "me@web:/srv/", true),
        (MOUNTED, "me@web:/home", false),
        (MOUNTED, "me@other:/srv", false),
        (other_type, "me@web:/srv", false),
    ] {
        let stage = Stage::new(table);
        let fstab = stage.table.with_file_name("fstab");
        fs::write(&fstab, entry(source)).unwrap();
        let found = stage.mounter(&ScriptedRunner::new()).with_fstab(&fstab).by_fstab(Utf8Path::new(PLACE));
        match found {
            Ok(mounted) => assert!(is_used && !mounted.is_ours(), "{source} {table}"),
            Err(error) => assert!(!is_used && matches!(error, MountError::Occupied { .. }), "{error}"),
        }
    }
}

#[test]
fn who_loses_the_race_uses_the_winners_mount() {
    let stage = Stage::new("");
    let script = ScriptedRunner::new().expect_and(
        "mount /no-such-place/web",
        Output::failure(32, "mount: already mounted"),
        stage.show(MOUNTED),
    );
    assert!(!stage.mounted(&script).is_ours());
}

#[test]
fn a_mount_that_says_yes_and_is_not_there_is_an_error() {
    let stage = Stage::new("");
    let script = ScriptedRunner::new().expect("mount /no-such-place/web", Output::success(""));
    let error = stage.mounter(&script).by_fstab(Utf8Path::new(PLACE)).unwrap_err();
    assert!(matches!(error, MountError::NotListed { .. }), "{error}");
}

#[test]
fn a_mount_given_up_that_came_after_all_is_taken_down() {
    let stage = Stage::new("");
    let (show, hide) = (stage.show(MOUNTED), stage.show(""));
    let timed_out = Output { exit: rdiff_mount::runner::Exit::TimedOut, stdout: vec![], stderr: vec![] };
    let script = ScriptedRunner::new().expect_and("mount /no-such-place/web", timed_out, show).expect_and(
        "umount /no-such-place/web",
        Output::success(""),
        hide,
    );
    let error = stage.mounter(&script).by_fstab(Utf8Path::new(PLACE)).unwrap_err().to_string();
    assert!(error.contains("time limit") && error.contains("ConnectTimeout"), "{error}");
    script.assert_done();
}

#[test]
fn a_busy_mount_is_let_go_lazily_and_that_is_said() {
    let stage = Stage::new("");
    let busy = Output::failure(32, "umount: target is busy.");
    let script = mounts(&stage)
        .expect("umount /no-such-place/web", busy.clone())
        .expect("umount /no-such-place/web", busy)
        .expect_and("fusermount3 -u -z /no-such-place/web", Output::success(""), stage.show(""));
    let done = stage.mounted(&script).unmount().unwrap();
    assert_eq!(done, Unmounted::Lazily { why: "umount: target is busy.".to_owned() });
    script.assert_done();
}

#[test]
fn an_unmount_that_hangs_is_given_up_for_a_lazy_one() {
    let stage = Stage::new("");
    let script = mounts(&stage)
        .expect_timeout("umount /no-such-place/web")
        .expect_error("fusermount3 -u -z /no-such-place/web", std::io::ErrorKind::NotFound)
        .expect_and("umount -l /no-such-place/web", Output::success(""), stage.show(""));
    let done = stage.mounted(&script).unmount().unwrap();
    assert!(matches!(done, Unmounted::Lazily { why } if why.contains("hangs")));
}

#[test]
fn an_ordinary_users_own_sshfs_goes_by_fusermount() {
    let stage = Stage::new("");
    let script = mounts(&stage)
        .expect("umount /no-such-place/web", Output::failure(1, "umount: must be superuser to unmount."))
        .expect_and("fusermount3 -u /no-such-place/web", Output::success(""), stage.show(""));
    assert_eq!(stage.mounted(&script).unmount().unwrap(), Unmounted::Cleanly);
}

#[test]
fn another_mount_is_never_taken_down_in_place_of_ours() {
    let stage = Stage::new("");
    let script = mounts(&stage);
    let mounted = stage.mounted(&script);
    stage.show("78 27 0:99999998 / /no-such-place/web ro - fuse.sshfs me@web:/srv rw\n")();
    assert_eq!(mounted.unmount().unwrap(), Unmounted::AlreadyGone);

    let stage = Stage::new("");
    let mounted = stage.mounted(&mounts(&stage));
    const OVER: &str = "77 27 0:99999999 / /no-such-place/web ro - fuse.sshfs me@web:/srv rw\n\
                        78 77 0:99999998 / /no-such-place/web rw - tmpfs none rw\n";
    stage.show(OVER)();
    assert!(matches!(mounted.unmount(), Err(MountError::StillMounted { .. })));
}

#[test]
fn ssh_is_asked_when_sshfs_only_says_that_the_connection_ended() {
    let stage = Stage::new("");
    let remote = Remote::new(Some("me"), "web", None, "/srv").unwrap();
    let options = "BatchMode=yes,ConnectTimeout=10,ServerAliveInterval=15,ServerAliveCountMax=3";
    let for_ssh = options.split(',').map(|option| format!("-o {option} ")).collect::<String>();
    let script = ScriptedRunner::new()
        .expect("sshfs --version", Output::success("SSHFS version 3.7.3\n"))
        .expect("sshfs --help", Output::success(""))
        .expect(
            &format!("sshfs me@web:/srv /no-such-place/web -o ro,{options}"),
            Output::failure(1, "read: Connection reset by peer\n"),
        )
        .expect(
            &format!("ssh {for_ssh}-s -- me@web sftp"),
            Output::failure(255, "Host key verification failed."),
        );
    let mounted = stage.mounter(&script).by_sshfs(&remote, Utf8Path::new(PLACE), &SshfsOptions::default());
    let error = mounted.unwrap_err().to_string();
    assert!(error.contains("Host key verification failed") && error.contains("fingerprint"), "{error}");
    script.assert_done();
}

#[test]
fn a_place_that_holds_another_mount_is_refused() {
    let stage = Stage::new(MOUNTED);
    let remote = Remote::new(Some("me"), "other", None, "/srv").unwrap();
    let mounter = stage.mounter(&ScriptedRunner::new());
    let error = mounter.by_sshfs(&remote, Utf8Path::new(PLACE), &SshfsOptions::default()).unwrap_err();
    assert!(matches!(error, MountError::Occupied { .. }), "{error}");
    let error = mounter.by_fstab(Utf8Path::new("relative")).unwrap_err();
    assert!(matches!(error, MountError::NotAbsolute { .. }), "{error}");
}

#[test]
fn what_the_probe_says_is_told_apart() {
    let dir = Utf8PathBuf::from("/m");
    let ask = |output: Option<Output>| {
        let asked = AnyRunner(output);
        probe(&dir, Duration::from_secs(1), &asked)
    };
    assert!(ask(Some(Output::failure(1, "stat: cannot statx '/m/.x': No such file or directory"))).is_ok());
    assert!(ask(Some(Output::failure(1, "stat: cannot statx '/m/.x': Permission denied"))).is_ok());
    let dead =
        ask(Some(Output::failure(1, "stat: cannot statx '/m/.x': Transport endpoint is not connected")));
    assert!(matches!(dead, Err(MountError::Disconnected { answer, .. }) if answer.contains("endpoint")));
    assert!(matches!(ask(None), Err(MountError::Stalled { .. })));
}

/// Answers everything alike: with this, or with no end in time.
struct AnyRunner(Option<Output>);

impl rdiff_mount::runner::CommandRunner for AnyRunner {
    fn run(&self, _command: &rdiff_mount::runner::Command) -> std::io::Result<Output> {
        let timed_out =
            || Output { exit: rdiff_mount::runner::Exit::TimedOut, stdout: vec![], stderr: vec![] };
        Ok(self.0.clone().unwrap_or_else(timed_out))
    }
}

#[test]
fn preflight_stops_at_what_is_not_mounted_or_not_sshfs() {
    let found = |table: &str| {
        let stage = Stage::new(table);
        let check = Preflight { source: Some("me@web:/other".into()), ..Preflight::new(PLACE) };
        check.run(&stage.mounter(&ScriptedRunner::new())).unwrap()
    };
    assert!(matches!(found("")[..], [Finding::NotMounted(_)]));
    assert!(matches!(
        found("77 27 0:9 / /no-such-place/web rw - tmpfs none rw\n")[..],
        [Finding::OtherType(..)]
    ));
    assert!(matches!(found(MOUNTED)[..], [Finding::OtherSource(..)]));
}

#[test]
fn clocks_apart_are_found_and_no_number_is_an_error() {
    let remote = Remote::new(None, "web", None, "/srv").unwrap();
    let stage = Stage::new("");
    let ask = |answer: Output| {
        let mounter = Mounter::new(Arc::new(AnyRunner(Some(answer)))).with_mountinfo(&stage.table);
        clock_difference(&remote, &SshfsOptions::default(), &mounter)
    };
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    assert_eq!(ask(Output::success(format!("{now}\n"))).unwrap(), None);
    let behind = ask(Output::success(format!("{}\n", now - 3600))).unwrap();
    assert!(matches!(behind, Some(Finding::Clock(-3602..=-3600))), "{behind:?}");
    assert!(ask(Output::success("hello")).is_err());
    assert!(Path::new(&stage.table).exists());
}
