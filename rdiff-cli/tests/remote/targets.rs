//! Restores to other hosts, and repositories on them.

use super::lab::Lab;
use super::{host, types};
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

/// A repository of two sessions, of which the second has another `hello`.
fn repository(lab: &Lab, name: &str) -> camino::Utf8PathBuf {
    let repo = lab.path(name);
    let src = lab.path("src");
    for (time, text) in [("1700000000", "hello\n"), ("1700086400", "hello again\n")] {
        fs::write(src.join("hello"), text).unwrap();
        types(lab, &["--current-time", time, "backup", src.as_str(), repo.as_str()], 0);
    }
    repo
}

#[test]
fn a_restore_to_another_host_goes_through_a_mount_made_for_it() {
    let lab = Lab::new();
    lab.dir("elsewhere");
    // Where the host's link leads, and not where it would lead on this machine.
    symlink(lab.path("elsewhere"), lab.path("link")).unwrap();
    let target = lab.path("link/new");
    // What links lead to is not the backup's business, though SFTP would change its owner and time.
    let outside = lab.path("outside");
    fs::write(&outside, "").unwrap();
    let before = fs::metadata(&outside).unwrap().modified().unwrap();
    symlink(&outside, lab.path("src/outward")).unwrap();
    std::os::unix::fs::lchown(lab.path("src/outward"), Some(7), Some(7)).unwrap();
    let repo = repository(&lab, "repo");
    let said = types(&lab, &["restore", "--at", "1B", repo.as_str(), &host(&target)], 0);
    assert_eq!(fs::read(lab.path("elsewhere/new/hello")).unwrap(), b"hello\n", "{said}");
    assert_eq!(fs::read(target.join("sub/deep/file")).unwrap(), vec![7; 300_000]);
    assert_eq!(fs::read_link(target.join("absolute")).unwrap().to_str(), Some("/etc/hostname"));
    let after = fs::metadata(&outside).unwrap();
    assert_eq!((after.modified().unwrap(), after.uid()), (before, 0));
    let time = |file| fs::metadata(file).unwrap().mtime();
    assert_eq!(time(target.join("sub/deep/file")), time(lab.path("src/sub/deep/file")));

    let again = ["restore", repo.as_str(), &host(&target)];
    let said = types(&lab, &again, 1);
    assert!(said.contains(&format!("Target path {} exists and isn't empty", host(&target))), "{said}");
    fs::write(target.join("stranger"), "").unwrap();
    types(&lab, &[&["--force"], &again[..]].concat(), 2);
    assert_eq!(fs::read(target.join("hello")).unwrap(), b"hello again\n");
    assert!(!target.join("stranger").exists());

    let deep = host(&lab.path("a/b/c"));
    let said = types(&lab, &["restore", repo.as_str(), &deep], 1);
    assert!(said.contains("--create-full-path") && said.contains("is all that is there"), "{said}");
    types(&lab, &["restore", "--create-full-path", repo.join("sub").as_str(), &deep], 0);
    assert!(lab.path("a/b/c/deep/file").exists());
    let said = types(&lab, &["restore", repo.as_str(), &host(&lab.path("src/hello/x"))], 1);
    assert!(said.contains("Not a directory"), "{said}");
    assert!(lab.mounts().is_empty(), "{:?}", lab.mounts());
}

#[test]
fn a_repository_on_another_host_is_looked_at_as_one_here() {
    let lab = Lab::new();
    let repo = repository(&lab, "repo");
    let hello = repo.join("hello");
    let looks: [(&[&str], &camino::Utf8Path, i32); 8] = [
        (&["status"], &repo, 0),
        (&["status", "--max-age", "1D"], &repo, 2),
        (&["history"], &hello, 0),
        (&["history", "--all"], &repo.join("sub/deep"), 0),
        (&["diff"], &hello, 8),
        (&["diff", "--patch", "--at", "1B"], &repo, 8),
        (&["diff", "--at", "1B", "--to", "1B"], &repo, 0),
        (&["history"], &repo.join("never"), 1),
    ];
    for (words, path, code) in looks {
        let (here, there) = (path.to_string(), host(path));
        let local = types(&lab, &[words, &[&here]].concat(), code);
        let remote = types(&lab, &[words, &[&there]].concat(), code);
        let plain = |said: &str| said.replace(&host(&repo), "REPO").replace(repo.as_str(), "REPO");
        // The age is that of the moment.
        let lines =
            |said: &str| plain(said).lines().filter(|l| !l.contains(" ago")).collect::<Vec<_>>().join("\n");
        assert_eq!(lines(&remote), lines(&local), "{words:?}");
    }
    let said = types(&lab, &["--json", "diff", &host(&hello)], 8);
    let other = types(&lab, &["status", &host(&lab.path("src"))], 1);
    assert!(other.contains("one is a directory with rdiff-backup-data in it"), "{other}");
    assert!(said.contains(r#""path":"hello""#) && said.contains("+hello again"), "{said}");
    assert!(lab.mounts().is_empty(), "{:?}", lab.mounts());
}

#[test]
fn a_repository_on_another_host_is_read_and_not_written() {
    let lab = Lab::new();
    let (repo, src) = (repository(&lab, "repo"), lab.path("src"));
    let there = host(&repo);
    let said = types(&lab, &["list", "increments", &there], 0);
    assert!(said.contains("Found 1 increments") && said.contains("Nov 15"), "{said}");
    let said = types(&lab, &["list", "files", &host(&repo.join("sub"))], 0);
    assert_eq!(said, "sub\nsub/deep\nsub/deep/file\nsub/upward\n");
    assert!(types(&lab, &["verify", "--all", &there], 0).contains("All files verified"));
    types(&lab, &["compare", src.as_str(), &there], 0);
    let target = lab.path("restored");
    types(&lab, &["restore", "--at", "1B", &host(&repo.join("hello")), target.as_str()], 0);
    assert_eq!(fs::read(&target).unwrap(), b"hello\n");
    let said = types(&lab, &["list", "increments", &host(&src)], 1);
    assert!(said.contains(&format!("'{}' couldn't be identified", host(&src))), "{said}");

    let writes: [&[&str]; 3] = [
        &["backup", src.as_str(), &there],
        &["regress", &there],
        &["remove", "increments", "--older-than", "now", &there],
    ];
    for words in writes {
        let said = types(&lab, words, 1);
        assert!(said.contains("is on another host") && said.contains("--force"), "{said}");
    }
    let said = types(&lab, &["--force", "backup", src.as_str(), &host(&src)], 1);
    assert!(said.contains("neither a repository nor empty") && src.join("hello").exists(), "{said}");
    fs::write(src.join("hello"), "third").unwrap();
    // Where it is mounted, nobody named.
    let pattern = format!("{repo}/hel+o$");
    let words = ["--force", "backup", "--not-compressed-regexp", &pattern, src.as_str(), &there];
    types(&lab, &words, 0);
    let increments = fs::read_dir(repo.join("rdiff-backup-data/increments")).unwrap();
    let names = increments.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(names.into_iter().any(|name| name.starts_with("hello.") && name.ends_with(".diff")));
    types(&lab, &["--force", "backup", src.as_str(), &host(&lab.path("fresh"))], 0);
    types(&lab, &["verify", "--all", repo.as_str()], 0);
    types(&lab, &["verify", "--all", lab.path("fresh").as_str()], 0);
    types(&lab, &["--force", "remove", "increments", "--older-than", "now", &there], 0);
    let said = types(&lab, &["list", "increments", repo.as_str()], 0);
    assert!(said.contains("Found 0 increments"), "{said}");
    assert!(lab.mounts().is_empty(), "{:?}", lab.mounts());
}
