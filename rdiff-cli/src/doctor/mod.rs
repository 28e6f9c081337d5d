//! Checks the whole way from the source to the repository, and for each failure tells the command that mends it.
//!
//! | module | what it looks at |
//! |---|---|
//! | `programs` | programs, their versions, the right to mount |
//! | `login` | key, host key, login, sftp, the remote directory, the clocks |
//! | `mounting` | mount point, entry of fstab, a mount to try |
//! | `keeping` | repository, free space, last run, schedule |
//! | `strays` | what was set up by hand and is no job |

mod finding;
mod keeping;
mod login;
mod mounting;
mod patient;
mod programs;
mod strays;

use rdiff_mount::SystemRunner;

use crate::action::jobs::Doctor;
use crate::exit::Exit;
use crate::job::error::JobError;
use crate::run::{Context, Failure, OrFail, Outcome, Step};
use crate::tasks::keep::call;
use crate::tasks::load;
use finding::{Findings, Verdict};
use patient::system_fstab;

pub(crate) use login::SshConfig;
pub(crate) use patient::{Patient, Ward};

pub(crate) fn doctor(asked: &Doctor, cx: &Context<'_>) -> Outcome {
    let ward = Ward::new(&SystemRunner, &asked.store, asked.mount).or_fail(cx, Step::Setup)?;
    let mut exit = Exit::OK;
    let names = match &asked.name {
        Some(name) => vec![name.clone()],
        None => asked.store.names().or_fail(cx, Step::Check)?,
    };
    let mut patients = Vec::new();
    for name in names {
        match load(&asked.store, &name) {
            Ok(job) => patients.push(Patient::of_job(name, job)),
            Err(e) => {
                exit |= Exit::ERROR;
                let mut found = Findings::default();
                let mend = match &e {
                    JobError::Unknown { .. } => format!("rdiff-backup job add {name} SOURCE --repo DIR"),
                    _ => format!("{} {}", editor(), ward.typed(asked.store.file(&name))),
                };
                found.bad(rdiff_core::error::chain(&e), mend);
                show(&format!("job {name}"), &found, cx)?;
            }
        }
    }
    if asked.name.is_none() {
        patients.extend(entries_without_job(&patients, &ward));
    }
    for patient in &patients {
        let found = examine(patient, &ward, cx)?;
        exit |= found.exit();
        show(&patient.label(), &found, cx)?;
    }
    if asked.name.is_none() {
        let mut found = Findings::default();
        strays::check(&system_fstab(), &ward, &mut found);
        if patients.is_empty() && found.list().is_empty() {
            found.note(format!(
                "there is no job in {} and no sshfs entry in /etc/fstab; 'rdiff-backup setup USER@HOST:/PATH' makes one",
                asked.store.config()
            ));
        }
        exit |= found.exit();
        if !found.list().is_empty() {
            show("set up by hand", &found, cx)?;
        }
    }
    Ok(exit)
}

/// Entries of fstab for sshfs that no job uses, and that this user could mount.
fn entries_without_job(jobs: &[Patient], ward: &Ward<'_>) -> Vec<Patient> {
    let is_used = |place: &camino::Utf8Path| jobs.iter().any(|p| p.job.mount_point.as_deref() == Some(place));
    let entries = system_fstab().entries().filter(|entry| entry.sshfs().is_some()).collect::<Vec<_>>();
    let entries = entries.iter().filter(|entry| !is_used(&entry.mount_point));
    let is_mine = |place: &camino::Utf8Path| {
        ward.uid == 0 || !place.starts_with("/home") || place.starts_with(&ward.home)
    };
    entries.filter(|entry| is_mine(&entry.mount_point)).map(Patient::of_entry).collect()
}

fn examine(patient: &Patient, ward: &Ward<'_>, cx: &Context<'_>) -> Result<Findings, Failure> {
    let mut found = Findings::default();
    programs::check(patient, ward, &mut found);
    mounting::check_entry(patient, ward, &mut found);
    match other_owner(patient, ward) {
        Some(user) => found.note(format!(
            "{user} mounts it, and has his own keys: 'runuser -u {user} -- rdiff-backup doctor' tries that"
        )),
        None => {
            login::check(patient, ward, &mut found);
            // A mount that can't work would only say so in other words.
            if ward.may_mount && found.count(Verdict::Bad) == 0 {
                mounting::try_mount(patient, ward, &mut found);
            }
        }
    }
    keeping::check_repository(patient, ward, &mut found);
    let call = call(patient.name.as_ref(), ward.store, cx)?;
    keeping::check_schedule(patient, &call, ward, &mut found);
    Ok(found)
}

/// The user who owns the mount point of an entry, if root asks and it is someone else.
fn other_owner(patient: &Patient, ward: &Ward<'_>) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let place = patient.job.mount_point.as_ref().filter(|_| ward.uid == 0 && patient.name.is_none())?;
    let owner = std::fs::symlink_metadata(place).ok()?.uid();
    (owner != 0).then(|| crate::job::store::name_of(owner))
}

fn editor() -> String {
    std::env::var("EDITOR").unwrap_or_else(|_| "editor".to_owned())
}

fn show(what: &str, found: &Findings, cx: &Context<'_>) -> Result<(), Failure> {
    if let Some(json) = cx.json() {
        for finding in found.list() {
            json.item("check", &finding.json(what));
        }
        return Ok(());
    }
    let mut text = format!("{what}:\n");
    for finding in found.list() {
        text += &finding.to_string();
    }
    let (bad, warnings) = (found.count(Verdict::Bad), found.count(Verdict::Warning));
    text += &match (bad, warnings) {
        (0, 0) => "all is well\n\n".to_owned(),
        _ => format!("{bad} failed, {warnings} warnings\n\n"),
    };
    cx.print(text)
}
