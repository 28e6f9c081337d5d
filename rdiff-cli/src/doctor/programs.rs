//! The programs that a backup needs, and the right to mount.

use std::fs;
use std::os::unix::fs::MetadataExt;

use camino::Utf8Path;
use rdiff_mount::runner::Command;
use rustix::fs::Access;

use super::finding::Findings;
use super::patient::{Patient, Ward, may, which};
use crate::job::file::Via;

/// Programs and their versions, then the rights that mounting needs.
pub(super) fn check(patient: &Patient, ward: &Ward<'_>, found: &mut Findings) {
    found.good(format!("rdiff-backup {} ({})", crate::action::VERSION, env!("CARGO_PKG_VERSION")));
    let Some(via) = patient.job.via() else { return };
    program("ssh", "openssh-client", &["-V"], ward, found);
    if via == Via::Sftp {
        return;
    }
    program("sshfs", "sshfs", &["--version"], ward, found);
    program("mount", "mount", &["--version"], ward, found);
    fusermount(ward, found);
    device(ward, found);
}

/// Where cron looks for programs.
const CRON_PATH: [&str; 2] = ["/usr/bin", "/bin"];

fn program(name: &str, package: &str, version: &[&str], ward: &Ward<'_>, found: &mut Findings) {
    let Some(path) = which(name) else {
        return found.bad(format!("there is no program '{name}'"), install(package, ward));
    };
    let output = ward.run(&Command::new(name).args(version.iter().copied()));
    let said = output.map(|output| output.stdout_text() + &output.stderr_text()).unwrap_or_default();
    let line = said.lines().next().unwrap_or_default().trim().to_owned();
    if path.parent().is_some_and(|dir| CRON_PATH.iter().any(|usual| dir == std::path::Path::new(usual))) {
        found.good(line);
    } else {
        let dir = path.parent().unwrap_or(&path).display().to_string();
        found.warning(
            format!("{line}: it is in {dir}, where cron does not look"),
            format!("put 'PATH={dir}:/usr/bin:/bin' as the first line into the crontab ('crontab -e')"),
        );
    }
}

fn install(package: &str, ward: &Ward<'_>) -> String {
    format!("{}apt-get install {package}", ward.sudo())
}

/// It takes the place of a group `fuse`, which there is none of any more.
fn fusermount(ward: &Ward<'_>, found: &mut Findings) {
    let Some(path) = which("fusermount3").or_else(|| which("fusermount")) else {
        return found.bad("there is no program 'fusermount3'", install("fuse3", ward));
    };
    let shown = path.display();
    let Ok(meta) = fs::metadata(&path) else { return };
    if ward.uid != 0 && (meta.uid() != 0 || meta.mode() & 0o4000 == 0) {
        let mend = format!("{}chown root: {shown} && {0}chmod 4755 {shown}", ward.sudo());
        return found.bad(format!("{shown} is not setuid root, so ordinary users can't mount"), mend);
    }
    found.good(format!("{shown} lets ordinary users mount; no group 'fuse' is needed"));
}

fn device(ward: &Ward<'_>, found: &mut Findings) {
    let device = Utf8Path::new("/dev/fuse");
    if !device.exists() {
        let mend = format!("{}modprobe fuse, or give the container the device", ward.sudo());
        return found
            .bad("there is no /dev/fuse: the kernel has no FUSE, or the container does not show it", mend);
    }
    match may(device, Access::READ_OK | Access::WRITE_OK) {
        Ok(()) => found.good("/dev/fuse may be used"),
        Err(e) => found.bad(
            format!("/dev/fuse may not be used by {}: {e}", ward.user()),
            format!("{}chmod 666 /dev/fuse", ward.sudo()),
        ),
    }
}
