//! The mount point, the entry of fstab, and a mount to try.

use std::fs;
use std::os::unix::fs::MetadataExt;

use camino::{Utf8Path, Utf8PathBuf};
use rdiff_mount::fstab::{FstabEntry, Spelling, explained};
use rdiff_mount::fstab_file::ETC_FSTAB;
use rdiff_mount::mount::Mounted;
use rdiff_mount::preflight::{Finding, Preflight, Severity};
use rdiff_mount::sshfs::SshfsOptions;

use super::finding::Findings;
use super::patient::{Patient, Ward};
use crate::args::jobs::marker_of_job;
use crate::job::file::Via;
use crate::job::schedule::shell_word;
use crate::job::store::name_of;

/// Mount point and entry, for what is mounted by fstab.
pub(super) fn check_entry(patient: &Patient, ward: &Ward<'_>, found: &mut Findings) {
    let Some(place) = patient.job.mount_point.as_ref().filter(|_| patient.job.via == Some(Via::Fstab)) else {
        return;
    };
    mount_point(place, ward, found);
    match patient.entry() {
        Some(entry) => check_options(&entry, patient, ward, found),
        None => missing_entry(place, patient, ward, found),
    }
}

fn mount_point(place: &Utf8Path, ward: &Ward<'_>, found: &mut Findings) {
    let is_mounted = ward.mounter.find(place).is_ok_and(|mount| mount.is_some());
    if is_mounted {
        return found.note(format!("{place} is mounted now"));
    }
    let typed = shell_word(place.as_str());
    let owner = |meta: &fs::Metadata| name_of(meta.uid());
    match fs::symlink_metadata(place) {
        Err(e) => {
            let own = place.starts_with(&ward.home) && !ward.home.join("mounts").exists_as_others(ward);
            let sudo = if own { "" } else { ward.sudo() };
            let chown = if own {
                String::new()
            } else {
                format!(" && {}chown {}: {typed}", ward.sudo(), ward.user())
            };
            found.bad(
                format!("the mount point {place} is not there: {e}"),
                format!("{sudo}mkdir -p {typed}{chown}"),
            );
        }
        Ok(meta) if !meta.is_dir() => {
            found.bad(
                format!("the mount point {place} is no directory"),
                format!("rm {typed} && mkdir {typed}"),
            );
        }
        Ok(meta) if ward.uid != 0 && meta.uid() != ward.uid => found.bad(
            format!(
                "the mount point {place} belongs to {}, so {} can't mount there",
                owner(&meta),
                ward.user()
            ),
            format!("sudo chown {}: {typed}", ward.user()),
        ),
        Ok(_) if place.read_dir_utf8().is_ok_and(|mut entries| entries.next().is_some()) => found.warning(
            format!("the mount point {place} holds files of its own, which a mount hides"),
            format!("ls -A {typed}   # and move them away"),
        ),
        Ok(meta) => {
            found.good(format!("the mount point {place} is there, empty, and belongs to {}", owner(&meta)));
        }
    }
}

/// Is a directory there that belongs to another user?
trait ExistsAsOthers {
    fn exists_as_others(&self, ward: &Ward<'_>) -> bool;
}

impl ExistsAsOthers for Utf8PathBuf {
    fn exists_as_others(&self, ward: &Ward<'_>) -> bool {
        fs::metadata(self).is_ok_and(|meta| meta.uid() != ward.uid)
    }
}

/// There is no entry for the mount point; perhaps one that was meant for it.
fn missing_entry(place: &Utf8Path, patient: &Patient, ward: &Ward<'_>, found: &mut Findings) {
    let source = patient.job.remote().map(|remote| remote.sshfs_source().to_string_lossy().into_owned());
    let is_meant = |entry: &FstabEntry| {
        let is_sshfs = entry.sshfs().is_some();
        let names_it = source.as_ref().is_some_and(|source| entry.spec.contains(source.as_str()));
        is_sshfs && (names_it || entry.mount_point.file_name() == place.file_name())
    };
    let what = match patient.fstab.entries().find(is_meant) {
        Some(other) => format!(
            "{ETC_FSTAB} has no entry for {place}: the one that is probably meant has another mount point, '{}'",
            other.mount_point
        ),
        None => format!("{ETC_FSTAB} has no entry for {place}"),
    };
    found.bad(what, patient.setup(ward));
}

fn check_options(entry: &FstabEntry, patient: &Patient, ward: &Ward<'_>, found: &mut Findings) {
    let bad_before = found.list().len();
    let place = &entry.mount_point;
    let remote = match entry.sshfs() {
        None => {
            return found.bad(
                format!("the entry for {place} in {ETC_FSTAB} is no sshfs, but of type {}", entry.fs_type),
                patient.setup(ward),
            );
        }
        Some(Err(e)) => {
            let shown =
                good_line(patient, ward).map(|line| format!("; it should be '{line}'")).unwrap_or_default();
            return found.bad(
                format!("the entry for {place} in {ETC_FSTAB} begins with '{}': {e}{shown}", entry.spec),
                patient.setup(ward),
            );
        }
        Some(Ok((remote, _))) => remote,
    };
    if let Some(wanted) = patient.job.remote()
        && patient.name.is_some()
        && wanted.sshfs_source() != remote.sshfs_source()
    {
        found.bad(
            format!(
                "the entry for {place} in {ETC_FSTAB} mounts {}, and the job backs up {}",
                entry.spec, patient.job.source
            ),
            patient.setup(ward),
        );
    }
    if ward.uid != 0 && !entry.has_option("user") && !entry.has_option("users") {
        found.bad(
            format!("the entry for {place} in {ETC_FSTAB} lacks 'user', so {} may not mount it", ward.user()),
            patient.setup(ward),
        );
    }
    allow_other(entry, ward, found);
    let sshfs = ward.mounter.sshfs().cloned().unwrap_or_default();
    let good = explained(&remote, &SshfsOptions::default(), &sshfs);
    let name = |option: &str| option.split_once('=').map_or(option, |(name, _)| name).to_owned();
    let missing: Vec<_> =
        good.iter().filter(|o| name(&o.option) != "user" && !entry.has_option(&name(&o.option))).collect();
    if let Some(first) = missing.first() {
        let names: Vec<_> = missing.iter().map(|o| o.option.as_str()).collect();
        let example = missing.iter().find(|o| o.option.starts_with("no_contain")).unwrap_or(first);
        found.warning(
            format!(
                "the entry for {place} in {ETC_FSTAB} lacks {} ({}: {})",
                names.join(","),
                example.option,
                example.why
            ),
            patient.setup(ward),
        );
    }
    if entry.has_option("reconnect") {
        found.warning(
            format!(
                "the entry for {place} has 'reconnect': a lost link would hang, and go on in another tree"
            ),
            patient.setup(ward),
        );
    }
    if found.list().len() == bad_before {
        found.good(format!("{ETC_FSTAB} has a good entry for {place}"));
    }
}

/// The entry as it should be.
fn good_line(patient: &Patient, ward: &Ward<'_>) -> Option<String> {
    let place = patient.job.mount_point.as_ref()?;
    let remote = patient.meant()?;
    let sshfs = ward.mounter.sshfs().cloned().unwrap_or_default();
    let options = SshfsOptions::default();
    Some(FstabEntry::for_sshfs(&remote, place, &options, &sshfs, Spelling::Type).ok()?.to_string())
}

/// Others may only look in where the system's administrator says so.
fn allow_other(entry: &FstabEntry, ward: &Ward<'_>, found: &mut Findings) {
    if ward.uid == 0 || !(entry.has_option("allow_other") || entry.has_option("allow_root")) {
        return;
    }
    let conf = fs::read_to_string("/etc/fuse.conf").unwrap_or_default();
    if conf.lines().any(|line| line.trim() == "user_allow_other") {
        return found.good("/etc/fuse.conf says user_allow_other, which allow_other needs");
    }
    found.bad(
        format!(
            "the entry for {} has allow_other, and /etc/fuse.conf has no user_allow_other",
            entry.mount_point
        ),
        "echo user_allow_other | sudo tee -a /etc/fuse.conf",
    );
}

/// Mounts as a run does, looks around, and unmounts.
pub(super) fn try_mount(patient: &Patient, ward: &Ward<'_>, found: &mut Findings) {
    let Some((via, remote)) = patient.job.via().zip(patient.remote()) else { return };
    let mounted = match (via, &patient.job.mount_point) {
        (Via::Sftp, _) => return,
        (Via::Fstab, Some(place)) => ward.mounter.by_fstab(place),
        (Via::Fstab, None) => return,
        (Via::Sshfs, _) => {
            let parent = std::env::temp_dir();
            let parent = Utf8PathBuf::from_path_buf(parent).unwrap_or_else(|_| "/tmp".into());
            ward.mounter.privately(&remote, &parent, &patient.job.ssh())
        }
    };
    let mounted = match mounted {
        Ok(mounted) => mounted,
        Err(e) => {
            let text = rdiff_core::error::chain(&e);
            let (what, way_out) = text.rsplit_once("; ").unwrap_or((&text, "see above"));
            return found.bad(what, way_out);
        }
    };
    look(&mounted, patient, ward, found);
    if let Err(e) = mounted.unmount() {
        let text = rdiff_core::error::chain(&e);
        found.bad(text, "fuser -vm, then umount -l");
    }
}

fn look(mounted: &Mounted, patient: &Patient, ward: &Ward<'_>, found: &mut Findings) {
    let check = Preflight {
        source: patient.remote().map(|remote| remote.sshfs_source()),
        marker: marker_of_job(&patient.job),
        ..Preflight::new(mounted.path())
    };
    let findings = match check.run(&ward.mounter) {
        Ok(findings) => findings,
        Err(e) => return found.bad(rdiff_core::error::chain(&e), "see above"),
    };
    let is_fit = findings.iter().all(|finding| finding.severity() < Severity::Warning);
    for finding in &findings {
        tell(finding, patient, ward, found);
    }
    if is_fit {
        let how = if mounted.is_ours() {
            "can be mounted, read and unmounted"
        } else {
            "is mounted and can be read"
        };
        found.good(format!("{} {how}", mounted.path()));
    }
}

fn tell(finding: &Finding, patient: &Patient, ward: &Ward<'_>, found: &mut Findings) {
    let text = finding.to_string();
    let (what, way_out) = text.rsplit_once("; ").unwrap_or((&text, "see above"));
    match finding.severity() {
        Severity::Note => found.note(text),
        Severity::Warning if matches!(finding, Finding::LinkUnreadable(_)) && patient.entry().is_some() => {
            found.warning(what, patient.setup(ward));
        }
        Severity::Warning => found.warning(what, way_out),
        Severity::Stop => found.bad(what, way_out),
    }
}
