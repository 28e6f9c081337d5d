//! Options that several actions share: what they mean, or that they mean nothing here.

use super::{Context, Failure, Step};
use crate::action::{Action, Compression, Filesystem, MappingFile, Owners};
use crate::ui::Api;
use rdiff_core::tree::attrs::Mapping;

impl Context<'_> {
    /// Checks what no action needs a file for.
    pub(crate) fn check_generic(&self, action: &Action) -> Result<(), Failure> {
        self.generic_without_effect(action);
        match &self.generic.tempdir {
            Some(dir) if !dir.is_dir() => Err(self.refuse(
                Step::PreCheck,
                &format!(
                    "Temporary directory '{}' doesn't exist; make it, or leave --tempdir out",
                    dir.display()
                ),
            )),
            _ => Ok(()),
        }
    }

    /// Says at -v5 that options which were given change nothing.
    pub(super) fn without_effect(&self, why: &str, options: &[(bool, &str)]) {
        for (_, option) in options.iter().filter(|(is_given, _)| *is_given) {
            self.ui.info(&format!("{option} has no effect: {why}"));
        }
    }

    /// Says which of the options for every action change nothing in this one.
    fn generic_without_effect(&self, action: &Action) {
        use Action::{Backup, Compare, Job, ListIncrements, Regress, RemoveIncrements, Restore, Setup};
        let given = self.generic;
        let is = |some: &[bool]| some.contains(&true);
        let (backup, restore) = (matches!(action, Backup(_) | Job(_)), matches!(action, Restore(_)));
        let repairs = matches!(action, Regress(_) | RemoveIncrements(_));
        let parsable = match action {
            ListIncrements(_) => true,
            Compare(_) => self.ui.api == Api::V201,
            _ => false,
        };
        let selects = is(&[backup, restore, matches!(action, Compare(_))]);
        let writes = is(&[backup, restore, repairs, matches!(action, Setup(_))]);
        self.without_effect(
            "it is for other actions",
            &[
                (given.chars_to_quote.is_some() && !backup, "--chars-to-quote"),
                (given.force && !writes, "--force"),
                (given.null_separator && !selects, "--null-separator"),
                (given.parsable_output && !parsable, "--parsable-output"),
                (given.use_compatible_timestamps && !backup, "--use-compatible-timestamps"),
            ],
        );
        let sparing = !given.fsync && !backup && !restore;
        let why = if repairs { "a repair is always made durable" } else { "nothing is written" };
        self.without_effect(why, &[(sparing, "--no-fsync"), (given.output.dry_run && !writes, "--dry-run")]);
        for option in &given.of_other_actions {
            self.without_effect("it is for other actions", &[(true, option)]);
        }
        let tempdir = self.generic.remote.tempdir.is_some();
        self.without_effect("no file is made for a while on another host", &[(tempdir, "--remote-tempdir")]);
        let tempdir = self.generic.tempdir.is_some();
        let why = "but for private mounts, temporary files are made where they are needed";
        self.without_effect(why, &[(tempdir, "--tempdir")]);
    }

    pub(super) fn filesystem_without_effect(&self, given: &Filesystem) {
        self.without_effect(
            "there are no such files here",
            &[(!given.carbonfile, "--no-carbonfile"), (!given.resource_forks, "--no-resource-forks")],
        );
    }

    pub(super) fn compression_without_effect(&self, given: &Compression) {
        self.without_effect(
            "nothing is compressed here",
            &[(!given.enabled, "--no-compression"), (given.except.is_some(), "--not-compressed-regexp")],
        );
    }

    pub(super) fn owners_without_effect(&self, given: &Owners) {
        self.without_effect(
            "owners come back as they were in the repository",
            &[
                (given.users.is_some(), "--user-mapping-file"),
                (given.groups.is_some(), "--group-mapping-file"),
                (given.numerical, "--preserve-numerical-ids"),
            ],
        );
    }

    /// Reads the lines of the mapping files, for users and for groups.
    pub(super) fn mappings(&self, owners: &Owners) -> Result<(Mapping, Mapping), Failure> {
        let read = |file: &Option<MappingFile>| {
            let Some(file) = file else { return Ok(Mapping::default()) };
            Mapping::parse(&String::from_utf8_lossy(&file.contents)).map_err(|line| {
                let name = file.name.display();
                self.ui.fatal(&format!("{name} has a line '{line}'; a line is old:new, names or numbers"));
                Failure::Silent
            })
        };
        Ok((read(&owners.users)?, read(&owners.groups)?))
    }
}
