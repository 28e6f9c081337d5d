//! `setup`: the guide's steps, shown, done, and done once.

use std::fs;
use std::io::Write;

use rdiff_mount::fstab_file::{ETC_FSTAB, FstabFile};

use crate::lab::{Alone, Lab, run};
use crate::person::{Person, root};

fn fingerprint(lab: &Lab) -> String {
    let output = run("ssh-keygen", &["-lf", lab.path("host_key.pub").as_str()]);
    output.stdout_text().split(' ').nth(1).unwrap().to_owned()
}

/// What somebody does who was told to put the key into the host's file.
fn authorise(lab: &Lab, person: &Person) {
    let key = person.read(".ssh/id_ed25519.pub");
    fs::OpenOptions::new()
        .append(true)
        .open(lab.path("user_key.pub"))
        .unwrap()
        .write_all(key.as_bytes())
        .unwrap();
}

#[test]
fn from_nothing_to_a_nightly_backup_and_again() {
    let lab = Lab::for_sftp();
    let person = Person::new(&lab);
    person.knows_remotehost(&lab);
    let source = format!("root@remotehost:{}", lab.path("src"));
    let setup = |more: &str| person.line(format!("setup {source} {more}").trim_end());

    let text = setup("--dry-run").with(0);
    for step in
        ["ssh-keygen -q -t ed25519", "ssh-keyscan -p ", "ssh-copy-id -i ", "write ", "add to the crontab of "]
    {
        assert!(text.contains(step), "{step}: {text}");
    }
    assert!(text.contains("nothing was done") && !person.home.join(".ssh/id_ed25519").exists(), "{text}");

    // Nobody said that this is the right host.
    let print = fingerprint(&lab);
    let text = setup("").with(1);
    assert!(text.contains(&print) && text.contains("--host-key FINGERPRINT"), "{text}");
    let text = setup("--host-key SHA256:AAAA").with(1);
    assert!(
        text.contains("this is another host") && !person.home.join(".ssh/known_hosts").exists(),
        "{text}"
    );
    // The host does not know the new key, and nobody is there to type a password.
    let text = setup(&format!("--host-key {print}")).with(1);
    assert!(text.contains("id_ed25519.pub into ~/.ssh/authorized_keys"), "{text}");
    authorise(&lab, &person);
    let text = setup("").with_or_without_cron();
    assert!(text.contains("job remotehost:"), "{text}");
    person.line("job run remotehost").with(0);
    assert_eq!(person.read("backups/remotehost/hello"), "hello\n");

    let (crontab, key) = (person.sh("crontab -l").with(0), person.read(".ssh/id_ed25519"));
    assert_eq!(crontab.lines().count(), 1);
    let text = setup("").with_or_without_cron();
    assert_eq!(text.matches("done already").count(), 6, "{text}");
    assert_eq!((person.sh("crontab -l").with(0), person.read(".ssh/id_ed25519")), (crontab, key));
}

/// An fstab that is as it was when this goes, whatever became of the test.
struct AsBefore(Vec<u8>);

impl Drop for AsBefore {
    fn drop(&mut self) {
        fs::write(ETC_FSTAB, &self.0).unwrap();
        drop(fs::remove_file(format!("{ETC_FSTAB}.before-rdiff-backup")));
    }
}

#[test]
fn root_sets_up_for_an_ordinary_user_with_an_entry_of_fstab() {
    let lab = Lab::new();
    let person = Person::new(&lab);
    person.knows_remotehost(&lab);
    let _alone = Alone::with_fstab();
    let before = fs::read(ETC_FSTAB).unwrap();
    let _as_before = AsBefore(before.clone());
    let source = format!("root@remotehost:{}", lab.path("src"));
    let repository = lab.path("vault/web");
    let print = fingerprint(&lab);
    let words = [
        "setup",
        &source,
        "--name",
        "web",
        "--user",
        &person.name,
        "--via",
        "fstab",
        "--repo",
        repository.as_str(),
        "--host-key",
        &print,
        "--daily",
        "03:00",
    ];
    let dry = root(&lab, &[&words[..], &["--dry-run"]].concat()).with(0);
    assert!(
        dry.contains("add to /etc/fstab, which is copied before: ") && dry.contains("nothing was done"),
        "{dry}"
    );
    assert_eq!(fs::read(ETC_FSTAB).unwrap(), before);
    // A key that is there already is as good as a new one.
    person.sh("mkdir -p .ssh && ssh-keygen -q -t rsa -b 2048 -N '' -f .ssh/id_rsa").with(0);
    let dry = root(&lab, &[&words[..], &["--dry-run"]].concat()).with(0);
    assert!(dry.contains(&format!("IdentityFile={}/.ssh/id_rsa,", person.home)), "{dry}");
    person.sh("rm .ssh/id_rsa .ssh/id_rsa.pub").with(0);

    root(&lab, &words).with(1);
    authorise(&lab, &person);
    let text = root(&lab, &words).with_or_without_cron();
    let place = person.home.join("mounts/web");
    let mut fstab = FstabFile::open(ETC_FSTAB).unwrap();
    let entry = fstab.fstab.remove(&place).expect("an entry");
    let done = person.line("job run web");
    // First the machine as it was.
    fstab.save().unwrap();
    fs::remove_file(format!("{ETC_FSTAB}.before-rdiff-backup")).unwrap();
    assert_eq!(fs::read(ETC_FSTAB).unwrap(), before);

    assert!(text.contains(&format!("{place} can be mounted, read and unmounted")), "{text}");
    for option in ["ro", "noauto", "user", "_netdev", "BatchMode", "IdentityFile", "ServerAliveInterval"] {
        assert!(entry.has_option(option), "{option}: {entry}");
    }
    done.with(0);
    assert_eq!(fs::read(repository.join("hello")).unwrap(), b"hello\n");
    assert!(person.sh("crontab -l").with(0).starts_with("0 3 * * * "));
    assert!(lab.mounts().is_empty());
    let mine = person.line(&format!("setup {source} --user root")).with(1);
    assert!(mine.contains("only root can"), "{mine}");
}
