//! The command lines of `job`, `doctor` and `setup`, which the original doesn't have.

mod commands;
mod options;
mod read;

pub(super) use commands::{doctor, job, setup};
pub(crate) use options::{backup_of_job, check, marker_of_job};
pub(super) use read::{doctor_of, job_of, setup_of};

use crate::job::name::JobName;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

/// The tasks of `job`.
pub(super) const TASKS: [&str; 7] = ["add", "list", "remove", "restore", "run", "schedule", "status"];

/// Is this a call of `job`, `doctor` or `setup`, and not a backup of a directory of that name in the older
/// command line? `words` begin with the first that is no option.
pub(super) fn is_meant(words: &[OsString]) -> bool {
    let plain: Vec<_> =
        words.iter().filter(|w| !w.as_bytes().starts_with(b"-")).map(OsString::as_os_str).collect();
    let text = |at: usize| plain.get(at).map(|w| w.to_string_lossy());
    let Some(first) = text(0) else { return false };
    let is_ours = words.iter().any(|w| w.as_bytes().starts_with(b"--jobs-dir"));
    match (&*first, text(1)) {
        ("job" | "doctor" | "setup", None) => true,
        ("job" | "doctor" | "setup", _) if is_ours => true,
        ("job", Some(second)) => TASKS.contains(&&*second),
        ("doctor", Some(second)) => JobName::parse(&second).is_ok(),
        ("setup", Some(second)) => second.contains(':'),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::jobs::Task;
    use crate::job::file::Job;

    fn added(line: &str) -> Job {
        let words = line.split(' ').map(Into::into).collect();
        let m = crate::args::shared::matches(crate::args::current::command(), words).unwrap();
        let (_, m) = m.subcommand().unwrap();
        match job_of(m).unwrap().task {
            Task::Add(add) => add.job,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn options_of_backup_are_kept_in_order() {
        let job = added(
            "job add web root@h:/srv --repo /r --include /a --no-compression --exclude=@x --exclude-fifos --exclude \
             ** --max-file-size 10 --exclude-filelist /l --no-acls",
        );
        let want = "--include=/a --no-compression --exclude=@x --exclude-fifos --exclude=** --max-file-size=10 \
                    --exclude-filelist=/l --no-acls";
        assert_eq!(job.options.join(" "), want);
        let backup = backup_of_job(&job).unwrap();
        let copy = &backup.copy;
        assert!(copy.selection.len() == 6 && !copy.compression.enabled && !copy.filesystem.acls);
    }

    #[test]
    fn each_mistake_in_options_is_named() {
        let job = Job::new("root@203.0.113.10:/srv", "/backups/web");
        for (options, says) in [
            (&["--excluse", "x"][..], "options: unexpected argument '--excluse'"),
            (&["x"], "options: "),
            (&["--force"], "options: unexpected argument '--force'"),
            (&["--marker=../x"], "below the source"),
        ] {
            let job = Job { options: options.iter().map(|&o| o.to_owned()).collect(), ..job.clone() };
            let error = check(&job).unwrap_err();
            assert!(error.contains(says) && !error.contains('\n'), "{options:?}: {error}");
        }
    }

    #[test]
    fn paths_become_absolute() {
        let here = camino::absolute_utf8("x").unwrap();
        let job = added("job add home x --repo ./x --identity x");
        assert_eq!(
            (job.source.as_str(), &job.repository, job.identity.as_ref()),
            (here.as_str(), &here, Some(&here))
        );
    }

    #[test]
    fn older_command_lines_are_still_older() {
        let meant = |line: &str| is_meant(&line.split(' ').map(Into::into).collect::<Vec<_>>());
        for ours in [
            "job",
            "job run web",
            "job --jobs-dir x run",
            "doctor --jobs-dir /x web",
            "doctor",
            "doctor web",
            "setup a@b:/c",
            "setup --help",
        ] {
            assert!(meant(ours), "{ours}");
        }
        for older in ["job /backup/job", "doctor /backup", "setup /backup/setup", "jobs", "/setup a:b"] {
            assert!(!meant(older), "{older}");
        }
    }
}
