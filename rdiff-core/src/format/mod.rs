//! The files of `rdiff-backup-data`: names and contents, as bytes. Nothing here opens a file.
//!
//! | file | what it is | read and written by |
//! |---|---|---|
//! | `current_mirror.T.data` | marker: the mirror is that of T | `repo::session` |
//! | `mirror_metadata.T.snapshot.gz` | all records of session T | [`attrs`] |
//! | `mirror_metadata.T.diff.gz` | records of T that differ from the next session | [`attrs`] |
//! | `extended_attributes.T.snapshot[.gz]` | extended attributes of T | [`xattrs`] |
//! | `access_control_lists.T.snapshot[.gz]` | access control lists of T | [`acls`] |
//! | `increments.T.dir` | the root directory changed after T | [`names`] |
//! | `increments/` | increments of everything below the root | [`names`] |
//! | `long_filename_data/` | what has too long a name | `repo::layout` |
//! | `file_statistics.T.data.gz` | one line for each path | [`stats`] |
//! | `session_statistics.T.data` | totals | [`stats`] |
//! | `error_log.T.data[.gz]` | one line for each problem | [`stats`] |
//! | `chars_to_quote`, `special_escapes` | how names are quoted | [`quote`] |
//! | `lock.yml` | who works here | `repo::lock` |
//! | `source_index.T.snapshot`, `.diff` | ours: times below the second, change marks | [`index`] |
//! | `staging/` | ours: new files before they take their place | `repo::session` |

pub mod acls;
pub mod attrs;
mod digits;
pub mod index;
pub mod names;
pub mod quote;
pub mod record;
pub mod stats;
mod usual;
pub mod xattrs;
