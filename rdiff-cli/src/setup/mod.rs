//! Sets up a backup of a remote directory, step by step; what is done already is left.
//!
//! The steps are those that guides tell, done right: key, host key, authorised key, mount point and entry of fstab
//! where that is the way, job, schedule.

mod host_key;
mod root;
mod steps;

use std::fs;
use std::io::IsTerminal;
use std::os::unix::fs::DirBuilderExt;
use std::process::Stdio;

use camino::{Utf8Path, Utf8PathBuf};
use nix::unistd::User;
use rdiff_mount::SystemRunner;
use rdiff_mount::fstab_file::ETC_FSTAB;
use rdiff_mount::location::Remote;
use rdiff_mount::runner::Command;

use crate::action::jobs::{Doctor, Setup};
use crate::args::jobs::check;
use crate::doctor::{Patient, SshConfig, Ward, doctor};
use crate::exit::Exit;
use crate::job::error::JobError;
use crate::job::file::Via;
use crate::job::install::Installer;
use crate::job::schedule::Service;
use crate::job::store::home;
use crate::run::{Context, Failure, OrFail, Outcome, Step};
use crate::tasks::{keep, load};
use steps::Steps;

pub(crate) fn setup(asked: &Setup, cx: &Context<'_>) -> Outcome {
    let ward = Ward::new(&SystemRunner, &asked.store, true).or_fail(cx, Step::Setup)?;
    let mut steps = Steps::new(cx, asked.dry_run);
    match &asked.user {
        Some(user) if *user != ward.user() => for_other(user, asked, &mut steps, &ward, cx),
        _ => for_me(asked, &mut steps, &ward, cx),
    }
}

/// Where things are if nobody says otherwise.
fn complete(asked: &Setup, home: &Utf8Path) -> Setup {
    let mut asked = asked.clone();
    let repository = asked.repository.get_or_insert_with(|| home.join("backups").join(asked.name.as_str()));
    asked.job.repository = repository.clone();
    if asked.job.via == Some(Via::Fstab) {
        asked.job.mount_point.get_or_insert_with(|| home.join("mounts").join(asked.name.as_str()));
    }
    asked
}

/// Root's part, and then the user's by himself.
fn for_other(name: &str, asked: &Setup, steps: &mut Steps<'_>, ward: &Ward<'_>, cx: &Context<'_>) -> Outcome {
    if ward.uid != 0 {
        return Err(
            cx.refuse(Step::Check, "only root can set up for another user: leave --user out, or use sudo")
        );
    }
    let Some(user) = root::user(name, steps, ward)? else {
        let home = Utf8PathBuf::from(format!("/home/{name}"));
        root::entry(&complete(asked, &home), &home, steps)?;
        cx.print(format!(
            "    then, as {name}: rdiff-backup {}\n",
            root::words(&complete(asked, &home)).join(" ")
        ))?;
        return Ok(Exit::OK);
    };
    let home = Utf8PathBuf::from_path_buf(user.dir.clone()).unwrap_or_else(|_| "/".into());
    let asked = complete(asked, &home);
    if let Some(place) = &asked.job.mount_point {
        root::directory("mount point", place, &user, steps)?;
    }
    root::entry(&asked, &home, steps)?;
    if !asked.job.repository.starts_with(&home) {
        root::directory("repository", &asked.job.repository, &user, steps)?;
    }
    cx.print_for_people(&format!("    and as {name}:\n"))?;
    Err(root::go_on_as(&user, &asked, cx))
}

fn for_me(asked: &Setup, steps: &mut Steps<'_>, ward: &Ward<'_>, cx: &Context<'_>) -> Outcome {
    let asked = &complete(asked, &home().or_fail(cx, Step::Setup)?);
    check(&asked.job).map_err(|why| cx.refuse(Step::Check, &why))?;
    let Some(remote) = asked.job.remote() else { return Ok(Exit::OK) };
    let options = asked.job.ssh();
    let config = SshConfig::of(&remote, &options, ward).map_err(|why| cx.refuse(Step::Setup, &why))?;
    let key = key(&config, asked, steps, ward)?;
    host(&config, asked, steps, ward)?;
    login(&remote, &key, asked, steps, ward)?;
    mounting(asked, steps, ward, cx)?;
    let me = User::from_uid(nix::unistd::geteuid()).ok().flatten();
    if let Some(me) = me {
        root::directory("repository", asked.job.repository_parent(), &me, steps)?;
    }
    job(asked, steps)?;
    schedule(asked, steps, ward, cx)?;
    if steps.is_dry() {
        cx.print_for_people(&format!("{} steps to do; nothing was done\n", steps.to_do()))?;
        return Ok(Exit::OK);
    }
    cx.print_for_people("\n")?;
    let store = asked.store.clone();
    let exit = doctor(&Doctor { store, name: Some(asked.name.clone()), mount: true }, cx)?;
    cx.print_for_people(&format!("'rdiff-backup job run {}' makes the first backup now\n", asked.name))?;
    Ok(exit)
}

/// The key that logs in: the one named, or the first that ssh offers, or a new one.
fn key(
    config: &SshConfig,
    asked: &Setup,
    steps: &mut Steps<'_>,
    ward: &Ward<'_>,
) -> Result<Utf8PathBuf, Failure> {
    let there = config
        .keys
        .iter()
        .find(|key| key.exists())
        .filter(|key| asked.job.identity.as_ref().is_none_or(|named| named == *key));
    if let Some(key) = there {
        steps.is_done("key", key.as_str())?;
        return Ok(key.clone());
    }
    let key = asked.job.identity.clone().unwrap_or_else(|| ward.home.join(".ssh/id_ed25519"));
    let comment = format!("rdiff-backup {}", ward.user());
    let command = Command::new("ssh-keygen").args([
        "-q",
        "-t",
        "ed25519",
        "-N",
        "",
        "-C",
        &comment,
        "-f",
        key.as_str(),
    ]);
    steps.take("key", &command.to_string(), || {
        if let Some(dir) = key.parent() {
            let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
            made.map_err(|e| format!("cannot create {dir}: {e}"))?;
        }
        root::run(&command, ward)
    })?;
    Ok(key)
}

fn host(config: &SshConfig, asked: &Setup, steps: &mut Steps<'_>, ward: &Ward<'_>) -> Result<(), Failure> {
    let name = config.known_as();
    if config.is_known(ward) {
        return steps.is_done("host key", &format!("that of {name} is recorded"));
    }
    let file = config.known_hosts.first().map(|file| ward.typed(file)).unwrap_or_default();
    let command = format!(
        "ssh-keyscan -p {} {}, compare the fingerprint, and record it in {file}",
        config.port, config.host
    );
    steps.take("host key", &command, || host_key::record(config, asked.host_key.as_deref(), ward))
}

/// Lets the key in, by a password that ssh asks for.
fn login(
    remote: &Remote,
    key: &Utf8Path,
    asked: &Setup,
    steps: &mut Steps<'_>,
    ward: &Ward<'_>,
) -> Result<(), Failure> {
    let options = asked.job.ssh();
    // A host whose key is not recorded, or a key that is not made yet, says nothing about the login.
    if options.try_login(remote, ward.runner).is_ok() {
        return steps.is_done("login", &format!("{} lets {} in", remote.ssh_destination(), ward.user()));
    }
    let mut copy = Command::new("ssh-copy-id").args(["-i", &format!("{key}.pub")]);
    if let Some(port) = remote.port() {
        copy = copy.args(["-p", &port.to_string()]);
    }
    if let Some(file) = &options.known_hosts {
        copy = copy.args(["-o", &format!("UserKnownHostsFile={file}")]);
    }
    for option in &options.extra {
        copy = copy.args(["-o", option]);
    }
    let copy = copy.arg(remote.ssh_destination());
    steps.take("login", &copy.to_string(), || {
        let mut process = std::process::Command::new(copy.program());
        process.args(copy.arguments());
        if !std::io::stdin().is_terminal() {
            // Nobody is there to type a password; without this ssh would look for a terminal all the same.
            process.stdin(Stdio::null()).env("SSH_ASKPASS_REQUIRE", "force").env("SSH_ASKPASS", "/bin/false");
        }
        let status = process.stdout(Stdio::null()).status().map_err(|e| format!("cannot run ssh-copy-id: {e}"))?;
        let tried = options.try_login(remote, ward.runner);
        match tried {
            Ok(()) => Ok(()),
            Err(e) if status.success() => Err(rdiff_core::error::chain(&e)),
            Err(_) => Err(format!(
                "the key was not accepted. Put the line of {key}.pub into ~/.ssh/authorized_keys of {} there, \
                 and run this again",
                remote.ssh_destination()
            )),
        }
    })
}

/// The mount point, and the entry that root makes.
fn mounting(asked: &Setup, steps: &mut Steps<'_>, ward: &Ward<'_>, cx: &Context<'_>) -> Result<(), Failure> {
    let Some(place) = asked.job.mount_point.as_ref().filter(|_| asked.job.via == Some(Via::Fstab)) else {
        return Ok(());
    };
    if let Some(me) = User::from_uid(nix::unistd::geteuid()).ok().flatten() {
        root::directory("mount point", place, &me, steps)?;
    }
    if ward.uid == 0 {
        return root::entry(asked, &ward.home, steps);
    }
    let patient = Patient::of_job(asked.name.clone(), asked.job.clone());
    match patient.entry().filter(|entry| entry.sshfs().is_some_and(|entry| entry.is_ok())) {
        Some(entry) => steps.is_done("fstab", &entry.to_string()),
        None if steps.is_dry() => {
            steps.take("fstab", &format!("{} adds the line to {ETC_FSTAB}", patient.setup(ward)), || Ok(()))
        }
        None => Err(cx.refuse(
            Step::Run,
            &format!("only root can add the line to {ETC_FSTAB}: {}", patient.setup(ward)),
        )),
    }
}

fn job(asked: &Setup, steps: &mut Steps<'_>) -> Result<(), Failure> {
    let (store, name) = (&asked.store, &asked.name);
    let file = store.file(name);
    let command = format!("write {file}");
    match load(store, name) {
        Ok(old) if old.source == asked.job.source && old.repository == asked.job.repository => {
            steps.is_done("job", file.as_str())
        }
        Ok(old) => steps.take("job", &command, || {
            Err(format!("{file} is a job for {} in {}: choose another --name", old.source, old.repository))
        }),
        Err(JobError::Unknown { .. }) => steps.take("job", &command, || {
            store.save(name, &asked.job, false).map(drop).map_err(|e| rdiff_core::error::chain(&e))
        }),
        Err(e) => steps.take("job", &command, || Err(rdiff_core::error::chain(&e))),
    }
}

fn schedule(asked: &Setup, steps: &mut Steps<'_>, ward: &Ward<'_>, cx: &Context<'_>) -> Result<(), Failure> {
    let Some(when) = asked.when else { return Ok(()) };
    let call = keep::call(Some(&asked.name), &asked.store, cx)?;
    let installer = Installer { runner: ward.runner, store: &asked.store };
    if let Ok(Some(service)) = installer.installed(&call) {
        return steps.is_done("schedule", &format!("{service} runs it"));
    }
    let jobs = std::slice::from_ref(&asked.job);
    let command = match asked.service {
        Service::Cron => format!("add to the crontab of {}: {}", ward.user(), call.cron_line(when)),
        Service::Systemd => format!("install {0}.service and {0}.timer, {1}", call.unit(), when.calendar()),
    };
    steps.take("schedule", &command, || {
        keep::Planned { call: &call, jobs, service: asked.service, when, store: &asked.store }
            .install()
            .map(drop)
            .map_err(|e| rdiff_core::error::chain(&e))
    })
}
