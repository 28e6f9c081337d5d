//! Requests, results and reports as text: with the feature `serde`, nothing is lost on the way.
#![allow(clippy::unwrap_used)]

use rdiff_core::backup::BackupRequest;
use rdiff_core::compare::CompareRequest;
use rdiff_core::diff::{Aspect, changes};
use rdiff_core::entry::{
    Acl, AclEntry, AclTag, Attrs, ChangeMark, Device, Digest, Entry, File, Kind, Link, LongName, OwnerNames,
    Precise, Qualifier, Xattrs,
};
use rdiff_core::list::{Change, Version, history};
use rdiff_core::monitor::Silent;
use rdiff_core::path::{RepoPath, RepoPathBuf};
use rdiff_core::restore::RestoreRequest;
use rdiff_core::status::{Status, status};
use rdiff_core::testing::two_sessions;
use rdiff_core::time::{SessionTime, TimeSpec, Zone};
use rdiff_core::tree::attrs::Mapping;
use rdiff_core::tree::select::{List, Rule, Sense, Separator};
use rdiff_core::verify::{VerifyReport, VerifyRequest, verify};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::fs;
use std::sync::Arc;

/// To text and back.
fn survives<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) -> String {
    let text = serde_json::to_string(value).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&text).unwrap(), value, "{text}");
    text
}

#[test]
fn requests_and_reports_survive_the_trip_through_text() {
    let text = serde_json::to_string(&BackupRequest::default()).unwrap();
    let backup: BackupRequest = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&backup).unwrap(), text);
    // What isn't said is the default.
    let backup: BackupRequest = serde_json::from_str(r#"{"compression": false, "zone": "UTC"}"#).unwrap();
    assert_eq!((backup.compression, backup.hard_links, &backup.zone), (false, true, &Zone::utc()));
    let quoting = r#"{"chars_to_quote": "A-Z", "user_map": [[{"Name": "ann"}, {"Id": 1000}]]}"#;
    let backup: BackupRequest = serde_json::from_str(quoting).unwrap();
    assert_eq!(backup.chars_to_quote.as_deref(), Some(&b"A-Z"[..]));
    assert_eq!(backup.user_map, Mapping::parse("ann:1000").unwrap());
    let unknown = serde_json::from_str::<BackupRequest>(r#"{"zone": "Nowhere/At_All"}"#).unwrap_err();
    assert!(unknown.to_string().contains("no time zone Nowhere/At_All"), "{unknown}");
    let subtree = RepoPathBuf::new(b"not\xfftext".to_vec()).unwrap();
    let asked = RestoreRequest { subtree, ..RestoreRequest::new(TimeSpec::SessionsBack(2)) };
    let text = serde_json::to_string(&asked).unwrap();
    assert_eq!(serde_json::from_str::<RestoreRequest>(&text).unwrap(), asked);
    let text = r#"{"at": {"At": 1700000000}, "subtree": "dir/sub"}"#;
    let asked: VerifyRequest = serde_json::from_str(text).unwrap();
    let expected = VerifyRequest {
        subtree: RepoPathBuf::new("dir/sub").unwrap(),
        ..VerifyRequest::new(Some(SessionTime(1_700_000_000)))
    };
    assert_eq!(asked, expected);
    assert!(serde_json::from_str::<VerifyRequest>(r#"{"subtree": "../etc"}"#).is_err());
    let asked: CompareRequest = serde_json::from_str("{}").unwrap();
    assert_eq!(asked, CompareRequest::default());

    let dir = tempfile::tempdir().unwrap();
    let repo = two_sessions(dir.path()).unwrap();
    fs::write(repo.path().join("note"), "damaged").unwrap();
    let report = verify(&repo, &VerifyRequest::default(), &Silent).unwrap();
    assert!(!report.is_good());
    let text = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<VerifyReport>(&text).unwrap(), report);
}

/// An entry with all that one can have, and no name in it text.
fn full(kind: Kind) -> Entry {
    let odd = b"\xff\xfeodd";
    let acl = |tag| AclEntry { tag, perms: 5 };
    Entry {
        attrs: Attrs {
            mtime: Some(-1),
            uid: 7,
            gid: u32::MAX,
            uname: Some(odd[..].into()),
            gname: Some(b"staff"[..].into()),
            mode: 0o4755,
        },
        xattrs: Xattrs(vec![(b"user.a".to_vec(), odd.to_vec()), (odd.to_vec(), Vec::new())]),
        acl: Acl {
            access: vec![
                acl(AclTag::User(Qualifier::Name(odd.to_vec()))),
                acl(AclTag::Group(Qualifier::Id(3))),
            ],
            default: vec![acl(AclTag::UserObj), acl(AclTag::GroupObj), acl(AclTag::Mask), acl(AclTag::Other)],
        },
        long_name: Some(LongName::Mirror(b"12".to_vec())),
        unknown: b"  Strange field\n".to_vec(),
        precise: Some(Precise {
            mtime: (-1, 999_999_999),
            unchanged_while: Some(ChangeMark { ctime: (5, 6), inode: u64::MAX }),
            names: Some(Arc::new(OwnerNames { user: Some(odd[..].into()), group: None })),
        }),
        ..Entry::new(RepoPathBuf::new(b"dir/\xe9".to_vec()).unwrap(), kind, Attrs::default())
    }
}

#[test]
fn entries_of_every_kind_survive_with_all_that_they_have() {
    let link = Some(Link { count: 2, inode: 9, device: 1 });
    let digest = Digest::from_hex(b"da39a3ee5e6b4b0d3255bfef95601890afd80709");
    for kind in [
        Kind::File(File { size: u64::MAX, digest, link }),
        Kind::Dir,
        Kind::Symlink(b"../\xff".to_vec()),
        Kind::Fifo,
        Kind::Socket,
        Kind::Device(Device { block: true, major: 8, minor: 1 }),
    ] {
        survives(&full(kind));
    }
    // What a program leaves out is as in a new entry.
    let short = r#"{"path": "a", "kind": {"Symlink": "b"}, "attrs": {"mtime": null, "uid": 0, "gid": 0, "mode": 511}}"#;
    let attrs = Attrs { mode: 0o777, ..Attrs::default() };
    let expected = Entry::new(RepoPathBuf::new("a").unwrap(), Kind::Symlink(b"b".to_vec()), attrs);
    assert_eq!(serde_json::from_str::<Entry>(short).unwrap(), expected);
}

#[test]
fn what_a_repository_tells_survives() {
    let dir = tempfile::tempdir().unwrap();
    let repo = two_sessions(dir.path()).unwrap();
    let (old, new) = (repo.sessions().unwrap()[0], repo.sessions().unwrap()[1]);
    let found: Vec<Change> =
        changes(&repo, RepoPath::ROOT, old, new).unwrap().collect::<Result<_, _>>().unwrap();
    assert!(!found.is_empty());
    let text = survives(&found);
    assert!(text.contains(r#""kind":"Changed","path":"note""#), "{text}");
    let versions: Vec<Version> = history(&repo, RepoPath::new(b"note").unwrap()).unwrap();
    assert_eq!(versions.len(), 2);
    survives(&versions);
    let is: Status = status(&repo).unwrap();
    assert!(survives(&is).contains(r#"{"state":{"Clean":"#));
    assert_eq!(survives(&Aspect::ModificationTime), r#""modification_time""#);
}

#[test]
fn rules_can_be_written_as_text() {
    let glob = Rule::Glob { sense: Sense::Exclude, pattern: b"**/cache".to_vec() };
    let text = survives(&glob);
    assert_eq!(text, r#"{"Glob":{"sense":"Exclude","pattern":"**/cache"}}"#);
    survives(&Rule::IfPresent { sense: Sense::Include, name: b"\xff".to_vec() });
    let list = List { contents: b"a\0b".to_vec(), name: "list".into(), separator: Separator::Nul };
    survives(&Rule::Filelist { sense: Sense::Include, list });
}
