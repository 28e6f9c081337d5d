//! Schedules: a line of the real crontab, and units that systemd accepts.

use std::fs;

use crate::lab::{Lab, run};
use crate::person::{Person, root};

#[test]
fn a_line_of_the_crontab_is_installed_once_run_by_the_shell_and_removed_with_the_job() {
    let lab = Lab::for_sftp();
    let person = Person::who_may_log_in(&lab);
    person.line(&format!("job add web root@remotehost:{} --repo backups/web", lab.path("src"))).with(0);
    person.sh("echo '# mine' | crontab -").with(0);
    let printed = person.line("job schedule web --daily 02:00").with(0);
    person.line("job schedule web --daily 03:30 --install").with(0);
    for _ in 0..2 {
        person.line("job schedule web --daily 02:00 --install").with(0);
    }
    let crontab = person.sh("crontab -l").with(0);
    assert_eq!(crontab, format!("# mine\n{printed}"));
    let command = crontab.lines().nth(1).unwrap().strip_prefix("0 2 * * * ").unwrap();
    assert!(person.sh(command).with(0).starts_with("web: 8 files"), "{command}");

    let text = person.line("job remove web").with(0);
    assert!(text.contains("the line of the crontab") && text.contains("stays"), "{text}");
    assert_eq!(person.sh("crontab -l").with(0), "# mine\n");
    assert!(person.line("job list").with(0).contains("there is no job"));
    assert_eq!(person.read("backups/web/hello"), "hello\n");
}

#[test]
fn systemd_accepts_the_units() {
    let lab = Lab::for_sftp();
    let jobs = lab.path("jobs");
    let job = |words: &str| {
        root(
            &lab,
            &[&["job", "--jobs-dir", jobs.as_str()][..], &words.split(' ').collect::<Vec<_>>()].concat(),
        )
    };
    job("add web root@127.0.0.1:/srv --repo /var/backups/web").with(0);
    job("add local /etc --repo /var/backups/etc").with(0);
    for (which, when) in [("web", "--daily=02:00"), ("local", "--weekly=sun,04:05"), ("--all", "--hourly=7")]
    {
        let text = job(&format!("schedule {which} {when} --systemd")).with(0);
        let dir = lab.dir("units");
        let mut file = None;
        for line in text.lines() {
            match line
                .strip_prefix("# /")
                .filter(|path| path.ends_with(".service") || path.ends_with(".timer"))
            {
                Some(path) => file = Some(dir.join(path.rsplit('/').next().unwrap())),
                None => {
                    let file = file.as_ref().unwrap();
                    let before = fs::read_to_string(file).unwrap_or_default();
                    fs::write(file, format!("{before}{line}\n")).unwrap();
                }
            }
        }
        let units: Vec<_> =
            dir.read_dir_utf8().unwrap().map(|entry| entry.unwrap().path().to_string()).collect();
        assert_eq!(units.len(), 2, "{text}");
        let words: Vec<_> =
            ["verify", "--man=no"].into_iter().chain(units.iter().map(String::as_str)).collect();
        let verified = run("systemd-analyze", &words);
        assert!(verified.is_success() && verified.stderr_text().is_empty(), "{}", verified.stderr_text());
        fs::remove_dir_all(dir).unwrap();
    }
}
