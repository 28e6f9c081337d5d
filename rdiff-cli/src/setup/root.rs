//! What only root can do for another user: make him, his directories outside his home, and the entry of fstab.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;

use camino::{Utf8Path, Utf8PathBuf};
use nix::unistd::User;
use rdiff_mount::fstab::{FstabEntry, Spelling};
use rdiff_mount::fstab_file::{ETC_FSTAB, FstabFile};
use rdiff_mount::mount::Mounter;
use rdiff_mount::runner::Command;

use super::steps::Steps;
use crate::action::jobs::Setup;
use crate::doctor::Ward;
use crate::job::file::Via;
use crate::job::schedule::shell_word;
use crate::run::{Context, Failure, Step};

/// The user, made if he is not there. Nothing if he would have to be made, and is not.
pub(super) fn user(name: &str, steps: &mut Steps<'_>, ward: &Ward<'_>) -> Result<Option<User>, Failure> {
    let find = || User::from_name(name).ok().flatten();
    if let Some(user) = find() {
        steps.is_done("user", name)?;
        return Ok(Some(user));
    }
    let command = Command::new("useradd").args(["--create-home", "--shell", "/bin/bash", "--", name]);
    steps.take("user", &command.to_string(), || run(&command, ward))?;
    Ok(find())
}

pub(super) fn run(command: &Command, ward: &Ward<'_>) -> Result<(), String> {
    let output = ward.runner.run(command).map_err(|e| format!("cannot run '{command}': {e}"))?;
    if output.is_success() { Ok(()) } else { Err(output.stderr_text().replace('\n', "; ")) }
}

/// A directory that belongs to a user, with those above it.
pub(super) fn directory(
    what: &str,
    dir: &Utf8Path,
    owner: &User,
    steps: &mut Steps<'_>,
) -> Result<(), Failure> {
    use std::os::unix::fs::MetadataExt;
    // Over a mount that is there nothing has to be made, and looking could hang.
    if Mounter::default().find(dir).is_ok_and(|mount| mount.is_some()) {
        return steps.is_done(what, &format!("{dir} is mounted"));
    }
    let uid = owner.uid.as_raw();
    if fs::metadata(dir).is_ok_and(|meta| meta.is_dir() && (meta.uid() == uid)) {
        return steps.is_done(what, dir.as_str());
    }
    let typed = shell_word(dir.as_str());
    let is_root = rustix::process::geteuid().is_root();
    let chown_it =
        if is_root && uid != 0 { format!(" && chown {}: {typed}", owner.name) } else { String::new() };
    steps.take(what, &format!("mkdir -p {typed}{chown_it}"), || make(dir, owner, is_root))
}

/// Makes what is missing of a path, each for that user.
fn make(dir: &Utf8Path, owner: &User, is_root: bool) -> Result<(), String> {
    let mut missing: Vec<_> = dir.ancestors().take_while(|dir| !dir.exists()).collect();
    missing.reverse();
    let in_home = |dir: &Utf8Path| dir.as_std_path().starts_with(&owner.dir);
    for dir in missing.iter().copied().chain(dir.exists().then_some(dir)) {
        if !dir.exists() {
            fs::create_dir(dir).map_err(|e| format!("cannot create {dir}: {e}"))?;
        }
        if is_root && (in_home(dir) || dir == missing.last().copied().unwrap_or(dir)) {
            let (uid, gid) = (owner.uid.as_raw(), owner.gid.as_raw());
            chown(dir, Some(uid), Some(gid))
                .map_err(|e| format!("cannot give {dir} to {}: {e}", owner.name))?;
        }
    }
    Ok(())
}

/// The key that ssh would offer first of those with its usual names; if there is none, the one that a later step makes.
fn usual_key(home: &Utf8Path) -> Utf8PathBuf {
    let dir = home.join(".ssh");
    let names = ["id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk"];
    let keys = names.map(|name| dir.join(name));
    keys.into_iter().find(|key| key.exists()).unwrap_or_else(|| dir.join("id_ed25519"))
}

/// The entry of fstab.
pub(super) fn entry(asked: &Setup, home: &Utf8Path, steps: &mut Steps<'_>) -> Result<(), Failure> {
    let Some(place) = asked.job.mount_point.as_ref().filter(|_| asked.job.via == Some(Via::Fstab)) else {
        return Ok(());
    };
    let Some(remote) = asked.job.remote() else { return Ok(()) };
    let mut options = asked.job.ssh();
    options.identity.get_or_insert_with(|| usual_key(home));
    let mounter = Mounter::default();
    let rendered = mounter.sshfs().and_then(|sshfs| {
        let entry = FstabEntry::for_sshfs(&remote, place, &options, sshfs, Spelling::Type)?;
        Ok((entry, FstabFile::open(ETC_FSTAB)?))
    });
    let (entry, mut file) = match rendered {
        Ok(rendered) => rendered,
        Err(e) => return steps.take("fstab", "a line for it", || Err(rdiff_core::error::chain(&e))),
    };
    let old = file.fstab.find(place);
    if old.as_ref() == Some(&entry) {
        return steps.is_done("fstab", &entry.to_string());
    }
    if let Some(old) = old.filter(|old| old.sshfs().is_none()) {
        let text = format!("{place} has an entry that is no sshfs, '{old}': choose another --mount-point");
        return steps.take("fstab", &entry.to_string(), || Err(text));
    }
    let command = format!("add to {ETC_FSTAB}, which is copied before: {entry}");
    steps.take("fstab", &command, || {
        file.fstab.replace(&entry);
        // What the guide's line would leave behind: the same directory for another mount point that is not there.
        file.save().map(drop).map_err(|e| rdiff_core::error::chain(&e))
    })
}

/// Goes on as the user, in the place of this process: his part is his to do.
pub(super) fn go_on_as(user: &User, asked: &Setup, cx: &Context<'_>) -> Failure {
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(e) => return cx.refuse(Step::Run, &format!("it can't be found out where this program is: {e}")),
    };
    let mut command = std::process::Command::new("runuser");
    command.args(["-u", &user.name, "--"]).arg(program).args(words(asked));
    command.env("HOME", &user.dir).env("USER", &user.name).env("LOGNAME", &user.name).current_dir(&user.dir);
    for variable in ["XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "SSH_AUTH_SOCK"] {
        command.env_remove(variable);
    }
    let error = command.exec();
    cx.refuse(Step::Run, &format!("cannot go on as {}: {error}", user.name))
}

/// The command line of the user's part.
pub(super) fn words(asked: &Setup) -> Vec<String> {
    let job = &asked.job;
    let mut words: Vec<String> = vec!["setup".into(), job.source.clone(), format!("--name={}", asked.name)];
    let path = |option: &str, value: Option<&Utf8PathBuf>| value.map(|value| format!("--{option}={value}"));
    words.extend(path("repo", asked.repository.as_ref()));
    words.extend(job.via.map(|via| format!("--via={}", via.as_str())));
    words.extend(path("mount-point", job.mount_point.as_ref()));
    words.extend(path("identity", job.identity.as_ref()));
    words.extend(path("known-hosts", job.known_hosts.as_ref()));
    words.extend(job.ssh_options.iter().map(|option| format!("--ssh-option={option}")));
    words.extend(job.older_than.as_ref().map(|time| format!("--older-than={time}")));
    words.push(match asked.when {
        Some(when) => when.option(),
        None => "--no-schedule".to_owned(),
    });
    words.extend((asked.service == crate::job::schedule::Service::Systemd).then(|| "--systemd".to_owned()));
    words.extend(asked.host_key.as_ref().map(|key| format!("--host-key={key}")));
    words.extend(asked.dry_run.then(|| "--dry-run".to_owned()));
    words
}
