//! How long SFTP takes where a round trip takes long, beside rsync over ssh in the same run.
//!
//! ```sh
//! cargo run --release -p rdiff-mount --example sftp_latency
//! ```
#![allow(clippy::unwrap_used)] // a test that cannot go on panics

#[path = "../tests/lab/mod.rs"]
mod lab;

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lab::{Lab, relay, run};
use rdiff_core::backup::BackupRequest;
use rdiff_core::monitor::Silent;
use rdiff_core::path::RepoPath;
use rdiff_core::tree::source::Source;
use rdiff_core::tree::walk::Everything;
use rdiff_mount::{SftpBounds, SftpSource};

const FILES: usize = 5_000;
const DIRECTORIES: usize = 100;

/// Best of three, after `before` each time.
fn best(mut before: impl FnMut(), mut timed: impl FnMut()) -> Duration {
    let once = |_| {
        before();
        let started = Instant::now();
        timed();
        started.elapsed()
    };
    (0..3).map(once).min().unwrap()
}

fn main() {
    let lab = Lab::for_sftp();
    assert!(run("rsync", &["--version"]).is_success());
    let src = lab.dir("small").into_std_path_buf();
    for i in 0..FILES {
        let dir = src.join(format!("d{:02}/e", i % DIRECTORIES));
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join(format!("f{i}")), vec![b'x'; 500 + i * 7919 % 8_000]).unwrap();
    }
    println!("{FILES} files of 0.5 to 8.5 kB in {} directories, best of three", 2 * DIRECTORIES);
    println!("round trip | what            | first read | nothing changed");
    for round_trip in [10, 50] {
        let port = relay::start(lab.port(), Duration::from_millis(round_trip));
        let (first, second) = rsync(&lab, port);
        println!(
            "{round_trip:>7} ms | rsync over ssh  | {:>8.2} s | {:>8.2} s",
            first.as_secs_f64(),
            second.as_secs_f64()
        );
        for workers in [32, 64] {
            let (read, listed) = sftp(&lab, port, workers);
            println!(
                "{round_trip:>7} ms | SFTP, {workers} workers | {:>8.2} s | {:>8.2} s   ({:.2}x, {:.2}x)",
                read.as_secs_f64(),
                listed.as_secs_f64(),
                read.as_secs_f64() / first.as_secs_f64(),
                listed.as_secs_f64() / second.as_secs_f64()
            );
        }
    }
    let port = relay::start(lab.port(), Duration::from_millis(10));
    let (first, second) = backup(&lab, port);
    println!("whole backups at 10 ms: {:.2} s, {:.2} s", first.as_secs_f64(), second.as_secs_f64());
    large(&lab, port);
}

/// Login included, as for rsync.
fn sftp(lab: &Lab, port: u16, workers: usize) -> (Duration, Duration) {
    let connect = || {
        let remote = lab.remote("small").with_port(Some(port));
        let source = SftpSource::connect(&remote, &lab.options_for_relay(), &SftpBounds::default()).unwrap();
        Arc::new(source) as Arc<dyn Source>
    };
    let read = best(
        || (),
        || {
            let seen = lab::tree::read_all(&connect(), workers);
            assert_eq!(seen.iter().filter(|seen| matches!(seen.content, Some(Ok(_)))).count(), FILES);
        },
    );
    let listed =
        best(|| (), || assert_eq!(lab::tree::walk(&connect(), workers).len(), FILES + 2 * DIRECTORIES + 1));
    (read, listed)
}

/// Into a repository, made durable: a first session, and one in which nothing has changed.
fn backup(lab: &Lab, port: u16) -> (Duration, Duration) {
    let to = lab.path("repository");
    let timed = || {
        let started = Instant::now();
        let remote = lab.remote("small").with_port(Some(port));
        let source = SftpSource::connect(&remote, &lab.options_for_relay(), &SftpBounds::default()).unwrap();
        let guard = source.guard();
        let request = BackupRequest::default();
        rdiff_core::backup::backup(Arc::new(source), &guard, to.as_std_path(), &request, Everything, &Silent)
            .unwrap();
        started.elapsed()
    };
    let first = timed();
    // A session is named for its second.
    std::thread::sleep(Duration::from_millis(1_100));
    (first, timed())
}

fn rsync(lab: &Lab, port: u16) -> (Duration, Duration) {
    let to = lab.path("copy");
    let options = lab.options_for_relay().ssh_arguments(&lab.remote("small").with_port(Some(port))).unwrap();
    let options: Vec<_> = options.iter().map(|option| option.to_str().unwrap()).collect();
    let ssh = format!("ssh {}", options.join(" "));
    let from = format!("root@127.0.0.1:{}/", lab.path("small"));
    let copy = || {
        let done = run("rsync", &["-a", "-e", &ssh, &from, to.as_str()]);
        assert!(done.is_success(), "{}", done.stderr_text());
    };
    let remove = || {
        if to.exists() {
            fs::remove_dir_all(&to).unwrap();
        }
    };
    (best(remove, copy), best(|| (), copy))
}

fn large(lab: &Lab, port: u16) {
    const MIB: usize = 100;
    fs::write(lab.path("small/large"), vec![7; MIB << 20]).unwrap();
    let remote = lab.remote("small").with_port(Some(port));
    let source = SftpSource::connect(&remote, &lab.options_for_relay(), &SftpBounds::default()).unwrap();
    let read = best(
        || (),
        || {
            let mut file = source.open(RepoPath::new(b"large").unwrap()).unwrap();
            assert_eq!(lab::tree::digest(&mut file).unwrap().0, (MIB << 20) as u64);
        },
    );
    println!("one file of {MIB} MiB at 10 ms: {:.0} MiB/s", MIB as f64 / read.as_secs_f64());
}
