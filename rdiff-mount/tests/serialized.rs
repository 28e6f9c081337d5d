//! With the feature `serde`, options are text and back, and what is left out has its default.
#![allow(clippy::unwrap_used)]

use rdiff_mount::fstab::FstabEntry;
use rdiff_mount::sshfs::IdMap;
use rdiff_mount::{SftpBounds, SshfsOptions};
use std::time::Duration;

#[test]
fn nothing_is_lost_on_the_way() {
    let options = SshfsOptions {
        identity: Some("/root/.ssh/key".into()),
        idmap: IdMap::User,
        extra: vec!["ProxyJump=gate".to_owned()],
        ..SshfsOptions::default()
    };
    let text = serde_json::to_string(&options).unwrap();
    assert_eq!(serde_json::from_str::<SshfsOptions>(&text).unwrap(), options, "{text}");
    let bounds = SftpBounds { silence: Duration::from_millis(1500), ..SftpBounds::default() };
    let text = serde_json::to_string(&bounds).unwrap();
    assert_eq!(serde_json::from_str::<SftpBounds>(&text).unwrap(), bounds, "{text}");
    let entry = FstabEntry {
        spec: "root@web:/srv".to_owned(),
        mount_point: "/mnt/web".into(),
        fs_type: "fuse.sshfs".to_owned(),
        options: "ro,noauto".to_owned(),
        dump: 0,
        pass: 0,
    };
    let text = serde_json::to_string(&entry).unwrap();
    assert_eq!(serde_json::from_str::<FstabEntry>(&text).unwrap(), entry, "{text}");
}

#[test]
fn what_is_left_out_has_its_default() {
    assert_eq!(serde_json::from_str::<SshfsOptions>("{}").unwrap(), SshfsOptions::default());
    assert_eq!(serde_json::from_str::<SftpBounds>("{}").unwrap(), SftpBounds::default());
    let only: SshfsOptions = serde_json::from_str(r#"{"connect_timeout": 3}"#).unwrap();
    assert_eq!(only, SshfsOptions { connect_timeout: 3, ..SshfsOptions::default() });
}
