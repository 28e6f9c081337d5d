/*
 * rdiff.h: incremental mirror backups, interchangeable with rdiff-backup 2.x.
 *
 * Made by cbindgen from rdiff-ffi/src; don't edit. docs/c-api.md tells the whole; in short:
 *
 * - A function that can fail returns a status. RDIFF_OK is 0. rdiff_last_error() tells more, until the next call on the
 *   same thread. Results come last and are written on success only.
 * - What ..._open and lists give out is freed by the function named beside it, once. NULL is never a handle; one that was
 *   freed is noticed (RDIFF_INVALID_HANDLE). What is pointed to by `const` results belongs to the library.
 * - Options and reports are set up with the macro named after their type, and may be NULL.
 * - A path is a string of bytes that ends with NUL, in no encoding. Paths inside the tree are relative to its root: "a/b".
 * - Times are whole seconds since 1970; sizes are bytes.
 * - Any thread may call. A repository may be used by several at once; a cursor or a file by one at a time.
 */

#ifndef RDIFF_H
#define RDIFF_H

#include <stddef.h>
#include <stdint.h>

// The newest session, where a time is asked for.
#define RDIFF_NEWEST INT64_MAX

// All sessions, where a time is asked for.
#define RDIFF_ALL_SESSIONS INT64_MIN

// No session, where a time is given out.
#define RDIFF_NO_SESSION INT64_MIN

// A number that is not known, where one is given out.
#define RDIFF_UNKNOWN UINT64_MAX

// Flag of a backup: goes ahead over a target that holds something else, and beside a process that seems to run.
#define RDIFF_BACKUP_FORCE 1

// Flag of a backup: makes the directories above the repository.
#define RDIFF_BACKUP_CREATE_PARENTS 2

// Flag of a backup: increments are not gzipped.
#define RDIFF_BACKUP_NO_COMPRESSION 4

// Flag of a backup: which files are one is not recorded.
#define RDIFF_BACKUP_NO_HARD_LINKS 8

// Flag of a backup: access control lists are not recorded.
#define RDIFF_BACKUP_NO_ACLS 16

// Flag of a backup: extended attributes are not recorded.
#define RDIFF_BACKUP_NO_XATTRS 32

// Flag of a backup: no line of statistics is written for each path.
#define RDIFF_BACKUP_NO_FILE_STATISTICS 64

// Flag of a backup: owners in the mirror by number, whatever their names.
#define RDIFF_BACKUP_NUMERIC_IDS 128

// Flag of a backup: times are written without colons.
#define RDIFF_BACKUP_COMPATIBLE_TIMES 256

// Flag of a backup: it is believed when the source is empty and the mirror is not.
#define RDIFF_BACKUP_ALLOW_EMPTY_SOURCE 512

// Flag of a backup: nothing is made durable; a power cut can then cost the repository.
#define RDIFF_BACKUP_NOT_DURABLE 1024

// Flag of a backup: refuses to begin where access control lists can't be kept.
#define RDIFF_BACKUP_NEVER_DROP_ACLS 2048

// Flag of a backup: another inode number alone is no change of a file with several names.
#define RDIFF_BACKUP_NO_COMPARE_INODES 4096

// Flag of a backup: it begins although there seems to be too little space for it.
#define RDIFF_BACKUP_NO_SPACE_CHECK 8192

// Flag of a backup: finds out what it would do, tells each path to the callback, and writes nothing.
#define RDIFF_BACKUP_DRY_RUN 16384

// Flag of a backup: lines of the file statistics and of the error log end with NUL.
#define RDIFF_BACKUP_NULL_SEPARATOR 32768

// Bit of `aspects`: another kind of thing stands there.
#define RDIFF_ASPECT_KIND 1

// Bit of `aspects`: the content of a file, the target of a link, the numbers of a device.
#define RDIFF_ASPECT_CONTENT 2

// Bit of `aspects`: the permissions.
#define RDIFF_ASPECT_MODE 4

// Bit of `aspects`: the owner.
#define RDIFF_ASPECT_OWNER 8

// Bit of `aspects`: the group.
#define RDIFF_ASPECT_GROUP 16

// Bit of `aspects`: the modification time.
#define RDIFF_ASPECT_MTIME 32

// Bit of `aspects`: the extended attributes.
#define RDIFF_ASPECT_XATTRS 64

// Bit of `aspects`: the access control lists.
#define RDIFF_ASPECT_ACL 128

// Bit of `aspects`: with which other names it is one file.
#define RDIFF_ASPECT_HARD_LINKS 256

// Method of a comparison: by type, size, time, owner, mode and attributes.
#define RDIFF_COMPARE_METADATA 0

// Method of a comparison: and by the recorded SHA-1 of the content.
#define RDIFF_COMPARE_HASH 1

// Method of a comparison: and by the content, byte by byte.
#define RDIFF_COMPARE_FULL 2

// Flag of a comparison: a file with several names is not changed by another inode number alone.
#define RDIFF_COMPARE_NO_HARD_LINKS 1

// Flag of jobs that change a repository: goes ahead beside a process that seems to run.
#define RDIFF_FORCE 1

// Flag of a regress: undoes the newest session although it is good. Its states are lost.
#define RDIFF_REGRESS_NEWEST 2

// Flag of jobs that change a repository: finds out what would be done, and writes nothing. No lock is taken.
#define RDIFF_DRY_RUN 4

// Flag of a restore: the target may hold something; what isn't in the session is removed from it.
#define RDIFF_RESTORE_OVERWRITE 1

// Flag of a restore: makes the directories above the target.
#define RDIFF_RESTORE_CREATE_PARENTS 2

// Flag of a restore: owners by number, whatever their names.
#define RDIFF_RESTORE_NUMERIC_IDS 4

// Flag of a restore: files that were one become several.
#define RDIFF_RESTORE_NO_HARD_LINKS 8

// Flag of a restore: access control lists are not set.
#define RDIFF_RESTORE_NO_ACLS 16

// Flag of a restore: extended attributes are not set.
#define RDIFF_RESTORE_NO_XATTRS 32

// Flag of a restore: returns before everything is durable.
#define RDIFF_RESTORE_NOT_DURABLE 64

// Flag of a restore: refuses to go on where a line of an access control list can't be set.
#define RDIFF_RESTORE_NEVER_DROP_ACLS 128

// Flag of a restore: finds out what it would do, tells each path to the callback, and writes nothing.
#define RDIFF_RESTORE_DRY_RUN 256

// Kind of a rule: includes what the shell glob `pattern` matches, and what is below it.
#define RDIFF_INCLUDE 1

// Kind of a rule: excludes what the shell glob `pattern` matches, and what is below it.
#define RDIFF_EXCLUDE 2

// Kind of a rule: includes paths in which the regular expression `pattern` is found.
#define RDIFF_INCLUDE_REGEXP 3

// Kind of a rule: excludes paths in which the regular expression `pattern` is found.
#define RDIFF_EXCLUDE_REGEXP 4

// Kind of a rule: includes the paths in `pattern`, one a line.
#define RDIFF_INCLUDE_FILELIST 5

// Kind of a rule: excludes the paths in `pattern`, one a line.
#define RDIFF_EXCLUDE_FILELIST 6

// Kind of a rule: excludes sockets, pipes, devices and symbolic links. `pattern` is not looked at.
#define RDIFF_EXCLUDE_SPECIAL_FILES 7

// Kind of a rule: excludes symbolic links. `pattern` is not looked at.
#define RDIFF_EXCLUDE_SYMBOLIC_LINKS 8

// Kind of a rule: excludes devices. `pattern` is not looked at.
#define RDIFF_EXCLUDE_DEVICES 9

// Kind of a rule: excludes pipes. `pattern` is not looked at.
#define RDIFF_EXCLUDE_FIFOS 10

// Kind of a rule: excludes sockets. `pattern` is not looked at.
#define RDIFF_EXCLUDE_SOCKETS 11

// Kind of a rule: excludes what is on another file system than the source. `pattern` is not looked at.
#define RDIFF_EXCLUDE_OTHER_FILESYSTEMS 12

// Kind of a rule: excludes directories that hold an entry named `pattern`.
#define RDIFF_EXCLUDE_IF_PRESENT 13

// Kind of a rule: excludes regular files of more than `size` bytes.
#define RDIFF_MAX_FILE_SIZE 14

// Kind of a rule: excludes regular files of less than `size` bytes.
#define RDIFF_MIN_FILE_SIZE 15

// Kind of a rule: includes what the shell globs in `pattern`, one a line, match. A line that begins with "- " excludes.
#define RDIFF_INCLUDE_GLOBBING_FILELIST 16

// Kind of a rule: excludes what the shell globs in `pattern`, one a line, match. A line that begins with "+ " includes.
#define RDIFF_EXCLUDE_GLOBBING_FILELIST 17

// Kind of a rule: includes sockets, pipes, devices and symbolic links. `pattern` is not looked at.
#define RDIFF_INCLUDE_SPECIAL_FILES 18

// Kind of a rule: includes symbolic links. `pattern` is not looked at.
#define RDIFF_INCLUDE_SYMBOLIC_LINKS 19

// Kind of a rule: includes devices. `pattern` is not looked at.
#define RDIFF_INCLUDE_DEVICES 20

// Kind of a rule: includes pipes. `pattern` is not looked at.
#define RDIFF_INCLUDE_FIFOS 21

// Kind of a rule: includes sockets. `pattern` is not looked at.
#define RDIFF_INCLUDE_SOCKETS 22

// Kind of a rule: includes what is on another file system than the source. `pattern` is not looked at.
#define RDIFF_INCLUDE_OTHER_FILESYSTEMS 23

// Kind of a rule: includes directories that hold an entry named `pattern`, and their entries that are no directories.
#define RDIFF_INCLUDE_IF_PRESENT 24

// May be added to the kind of a list: paths in `pattern` end with NUL and not with a newline, and it has `size` bytes.
#define RDIFF_NUL_SEPARATED 256

// What paths are weighed by: bytes in the source.
#define RDIFF_MEASURE_SOURCE_SIZE 0

// What paths are weighed by: bytes of increments.
#define RDIFF_MEASURE_INCREMENT_SIZE 1

// What paths are weighed by: how often they, or what is in them, changed.
#define RDIFF_MEASURE_CHANGES 2

// How a call ended. New codes may come: treat one that you don't know as a failure.
typedef enum rdiff_status {
  // It did what it should.
  RDIFF_OK = 0,
  // A cursor is at its end. Not an error.
  RDIFF_END = 1,
  // An argument is NULL where it must not be, or has a value that it can't have.
  RDIFF_INVALID_ARGUMENT = 2,
  // A handle is not open: it was freed, or never given out, or is of another type.
  RDIFF_INVALID_HANDLE = 3,
  // A structure has a version that this library doesn't know.
  RDIFF_UNSUPPORTED_VERSION = 4,
  // The operating system refused something; `system_error` is its number.
  RDIFF_IO = 5,
  // The directory holds no repository.
  RDIFF_NOT_A_REPOSITORY = 6,
  // The last session did not finish: call rdiff_regress.
  RDIFF_INTERRUPTED = 7,
  // Another process, or another job of this one, works on the repository.
  RDIFF_LOCKED = 8,
  // The repository holds no session that was asked for.
  RDIFF_NO_SUCH_SESSION = 9,
  // The path was not there.
  RDIFF_NO_SUCH_PATH = 10,
  // The path was no regular file.
  RDIFF_NOT_A_FILE = 11,
  // The repository is damaged: a file can't be read by the format, or is not what was backed up.
  RDIFF_CORRUPT = 12,
  // The new session would not be later than the last: wait a second, or set the clock right.
  RDIFF_CLOCK_BEHIND = 13,
  // The source is gone, or can't be read any more. Nothing was removed from the backup.
  RDIFF_SOURCE_VANISHED = 14,
  // The request can't be carried out as it stands, for a reason without a code of its own; the message says what
  // to change.
  RDIFF_REFUSED = 15,
  // The progress callback asked to stop.
  RDIFF_CANCELLED = 16,
  // A mistake in this library. The handles that took part should be freed.
  RDIFF_PANIC = 17,
  // Any other failure.
  RDIFF_FAILED = 18,
  // The target holds something, or is no directory: RDIFF_RESTORE_OVERWRITE and RDIFF_BACKUP_FORCE allow that.
  RDIFF_TARGET_EXISTS = 19,
  // The target of a restore is mounted read-only.
  RDIFF_READ_ONLY = 20,
  // The disk has no room for the session. Nothing was changed, or what was begun has been taken back.
  RDIFF_NO_ROOM = 21,
  // There is no session to undo, or none to go back to.
  RDIFF_NOTHING_TO_UNDO = 22,
  // The markers of the repository don't say which session is the mirror; the message says what to do about it.
  RDIFF_BAD_MARKERS = 23,
  // How the repository quotes names does not fit its file system, or is not what was asked for.
  RDIFF_BAD_QUOTING = 24,
  // Access control lists would be lost, and must not be.
  RDIFF_ACLS_NOT_KEPT = 25,
  // The source lies in the repository.
  RDIFF_SOURCE_IN_REPOSITORY = 26,
  // Another host can't be reached, doesn't let us in, or doesn't answer as it should; the message has what ssh said.
  RDIFF_REMOTE = 27,
  // The source is empty, and the backup is not. Nothing was removed from it. RDIFF_BACKUP_ALLOW_EMPTY_SOURCE allows it.
  RDIFF_SOURCE_EMPTY = 28,
  // So much of the source is gone that this can't be meant. Nothing was removed from the backup.
  // `most_deletions_percent` allows it.
  RDIFF_TOO_MUCH_GONE = 29,
} rdiff_status;

// What a job tells. New events may come: leave those alone that you don't know.
typedef enum rdiff_event {
  // A session begins; `session` is its time.
  RDIFF_EVENT_SESSION = 0,
  // The path `path` was dealt with; `done` says how.
  RDIFF_EVENT_PATH = 1,
  // `path` could not be dealt with, and was left as it was; `message` says why.
  RDIFF_EVENT_PROBLEM = 2,
  // `message` is something that the user should know.
  RDIFF_EVENT_WARNING = 3,
  // `message` is something that the user may like to know.
  RDIFF_EVENT_NOTE = 4,
  // A new part of the job begins; `message` is its name.
  RDIFF_EVENT_PHASE = 5,
  // Nothing happened for a tenth of a second or so: a large file is being worked on, or the disk is waited for.
  RDIFF_EVENT_TICK = 6,
} rdiff_event;

// What was done with a path. New words may come.
typedef enum rdiff_path_done {
  // Nothing: the event is about no path.
  RDIFF_DONE_NOTHING = 0,
  // It is new in the backup.
  RDIFF_DONE_ADDED = 1,
  // It was changed in the backup.
  RDIFF_DONE_CHANGED = 2,
  // It was removed.
  RDIFF_DONE_REMOVED = 3,
  // It was as it should be.
  RDIFF_DONE_KEPT = 4,
  // It was restored.
  RDIFF_DONE_RESTORED = 5,
  // It was verified or compared.
  RDIFF_DONE_VERIFIED = 6,
} rdiff_path_done;

// How a path differs between two sessions. New words may come.
typedef enum rdiff_change_kind {
  // Only the newer session has it.
  RDIFF_CHANGE_NEW = 0,
  // Both have it, and it is not the same.
  RDIFF_CHANGE_CHANGED = 1,
  // Only the older session has it.
  RDIFF_CHANGE_DELETED = 2,
} rdiff_change_kind;

// What a path is. New kinds may come.
typedef enum rdiff_kind {
  // A regular file.
  RDIFF_FILE = 0,
  // A directory.
  RDIFF_DIRECTORY = 1,
  // A symbolic link.
  RDIFF_SYMLINK = 2,
  // A named pipe.
  RDIFF_FIFO = 3,
  // A socket.
  RDIFF_SOCKET = 4,
  // A character device.
  RDIFF_CHAR_DEVICE = 5,
  // A block device.
  RDIFF_BLOCK_DEVICE = 6,
} rdiff_kind;

// In which way a path differs. New words may come.
typedef enum rdiff_reason {
  // Only the directory has it.
  RDIFF_REASON_NEW = 0,
  // Only the session has it.
  RDIFF_REASON_DELETED = 1,
  // Both have it, and it is not the same.
  RDIFF_REASON_CHANGED = 2,
  // A regular file whose metadata differ, but not its content.
  RDIFF_REASON_METADATA = 3,
  // A regular file whose content differs, but not its metadata.
  RDIFF_REASON_DATA = 4,
  // A regular file of which both differ.
  RDIFF_REASON_METADATA_AND_DATA = 5,
} rdiff_reason;

// What is to be done with a path. New words may come.
typedef enum rdiff_verdict {
  // It is taken, and entered if it is a directory.
  RDIFF_INCLUDED = 0,
  // It is left out, with all below it.
  RDIFF_EXCLUDED = 1,
  // A directory that is entered, and taken only if something below it is.
  RDIFF_SCANNED = 2,
} rdiff_verdict;

// What happened to a path from one session to the next.
typedef enum rdiff_step {
  // It is not there, as before.
  RDIFF_STEP_ABSENT = 0,
  // It was not there before.
  RDIFF_STEP_ADDED = 1,
  // It is as before.
  RDIFF_STEP_SAME = 2,
  // Its content, link target or device numbers are others.
  RDIFF_STEP_CONTENT = 3,
  // Only its attributes are others.
  RDIFF_STEP_ATTRIBUTES = 4,
  // It is of another kind than before.
  RDIFF_STEP_REPLACED = 5,
  // It was there before.
  RDIFF_STEP_REMOVED = 6,
  // Something that this version of the interface has no word for.
  RDIFF_STEP_OTHER = 7,
} rdiff_step;

// In what state the last session left a repository.
typedef enum rdiff_state_kind {
  // It holds no session: it is new, or its first session never ended.
  RDIFF_STATE_EMPTY = 0,
  // The mirror is that of the last session.
  RDIFF_STATE_CLEAN = 1,
  // A session failed. rdiff_regress, or the next backup, goes back to the last good one.
  RDIFF_STATE_INTERRUPTED = 2,
} rdiff_state_kind;

// What a path was, as far as its increment tells.
typedef enum rdiff_listed_kind {
  // Nothing.
  RDIFF_LISTED_MISSING = 0,
  // A regular file.
  RDIFF_LISTED_FILE = 1,
  // A directory.
  RDIFF_LISTED_DIRECTORY = 2,
  // A link, pipe, socket or device.
  RDIFF_LISTED_SPECIAL = 3,
} rdiff_listed_kind;

// What is wrong with a file or a session. New words may come.
typedef enum rdiff_bad_kind {
  // The metadata of the session are damaged, so not all its files could be checked.
  RDIFF_BAD_METADATA = 0,
  // The SHA-1 of the content is not the recorded one.
  RDIFF_BAD_DIGEST = 1,
  // The size is not the recorded one.
  RDIFF_BAD_SIZE = 2,
  // The content can't be rebuilt.
  RDIFF_BAD_LOST = 3,
} rdiff_bad_kind;

// A cursor over what changed, in path order. One thread at a time may use it.
typedef struct rdiff_changes rdiff_changes;

// A cursor over what was there at a session, in path order: a directory comes before what is in it. One thread at a
// time may use it.
typedef struct rdiff_entries rdiff_entries;

// An open file of a session. One thread at a time may use it; different files are independent.
typedef struct rdiff_file rdiff_file;

// A cursor over the sessions of one path, oldest first. One thread at a time may use it.
typedef struct rdiff_history rdiff_history;

// A cursor over the increments of a path, oldest first, and then its state in the mirror. One thread at a time may use it.
typedef struct rdiff_increments rdiff_increments;

// An open repository. Any number of threads may use one at once.
typedef struct rdiff_repository rdiff_repository;

// A list of sessions, as it was when it was asked for. Any number of threads may use one at once.
typedef struct rdiff_sessions rdiff_sessions;

// A cursor over what sessions take, oldest first. One thread at a time may use it.
typedef struct rdiff_sizes rdiff_sizes;

// A tree that can be read. Any number of threads may use one at once; the login of one on another host ends when it was
// freed and the jobs that use it are done.
typedef struct rdiff_source rdiff_source;

// A cursor over the paths that weigh most, the heaviest first. One thread at a time may use it.
typedef struct rdiff_weights rdiff_weights;

// A rule of a selection. The first that says something of a path decides; what none speaks of is included. Patterns begin with
// the source directory as it was given, or with `**`. New kinds may come, but the structure stays as it is.
typedef struct rdiff_rule {
  // One of the kinds above.
  uint32_t kind;
  // What the kind says, or NULL.
  const char *pattern;
  // Bytes, for the kinds that are about sizes; with RDIFF_NUL_SEPARATED, how many there are at `pattern`.
  uint64_t size;
} rdiff_rule;

// What a progress callback is told. It is valid during the call only.
typedef struct rdiff_progress {
  // 1. A newer library may have more fields after those that you know.
  uint32_t version;
  // What happened.
  enum rdiff_event event;
  // With RDIFF_EVENT_PATH: what was done.
  enum rdiff_path_done done;
  // The session of a backup, in seconds since 1970, or RDIFF_NO_SESSION.
  int64_t session;
  // The path, from the root of the tree, or NULL.
  const char *path;
  // The length of the path in bytes.
  size_t path_len;
  // Text for a person, in one line, or NULL.
  const char *message;
  // Paths that were dealt with so far, unchanged ones included.
  uint64_t paths;
  // Bytes read so far from the source or the repository.
  uint64_t bytes_read;
  // Bytes written so far to a target.
  uint64_t bytes_written;
  // Problems so far.
  uint64_t problems;
} rdiff_progress;

// Called as a job works, on the thread that called the job, and never by two threads at once for one job: for what
// happens, and some times a second when nothing does, so also in the midst of a large file. Return 0 to go on, anything
// else to stop: the job then returns RDIFF_CANCELLED soon. It may call any function of the library, and must return:
// no longjmp, no exception.
typedef int (*rdiff_progress_fn)(const struct rdiff_progress *progress, void *user);

// How to back up. Set it up with RDIFF_BACKUP_OPTIONS_INIT: all else is as usual.
typedef struct rdiff_backup_options {
  // Set by the init macro.
  uint32_t version;
  // Flags RDIFF_BACKUP_..., or 0.
  uint32_t flags;
  // The time of the session, in seconds since 1970; 0 for now.
  int64_t time;
  // Which paths, or NULL for all.
  const struct rdiff_rule *rules;
  // How many rules there are.
  size_t rule_count;
  // Increments of paths that this regular expression matches are not gzipped; NULL for the usual endings. It is for
  // the path of the mirror as the repository was named, from its beginning on.
  const char *not_compressed;
  // Users to be replaced in the mirror, in lines "old:new", or NULL.
  const char *user_map;
  // Groups to be replaced in the mirror, likewise.
  const char *group_map;
  // More than this part of the previous session's paths may not go at once, in percent; 0 for the usual, 50.
  uint32_t most_deletions_percent;
  // Threads that read the source; 0 for what suits it.
  uint32_t workers;
  // Told what happens, or NULL.
  rdiff_progress_fn progress;
  // Handed to `progress`.
  void *user;
  // Since version 2: which bytes of names are quoted in a new repository, as in "A-Z"; NULL for those that its file system
  // needs, "" for none.
  const char *chars_to_quote;
  // Since version 2: whose local time is written into names of files, such as "Europe/Vienna"; NULL for that of the machine.
  const char *time_zone;
} rdiff_backup_options;

// What a backup did. Set it up with RDIFF_BACKUP_REPORT_INIT. Sizes are in bytes and count regular files; numbers of files
// count every path. After a dry run there is no session, `new_file_size` holds the bytes of new and changed files
// together, and the other sizes and `increment_files` are 0.
typedef struct rdiff_backup_report {
  // Set by the init macro.
  uint32_t version;
  // The new session, in seconds since 1970, or RDIFF_NO_SESSION.
  int64_t session;
  // The one before it, or RDIFF_NO_SESSION.
  int64_t previous;
  // A session that had failed and was undone first, or RDIFF_NO_SESSION.
  int64_t regressed;
  // Paths that stayed as they were because the source could not be read, or changed meanwhile.
  uint64_t problems;
  // Paths in the source.
  uint64_t source_files;
  // Their size.
  uint64_t source_file_size;
  // Paths that are new.
  uint64_t new_files;
  // Their size.
  uint64_t new_file_size;
  // Paths that went.
  uint64_t deleted_files;
  // Their size.
  uint64_t deleted_file_size;
  // Paths that changed.
  uint64_t changed_files;
  // Their size now.
  uint64_t changed_source_size;
  // Their size before.
  uint64_t changed_mirror_size;
  // Increments that were written.
  uint64_t increment_files;
  // Their size.
  uint64_t increment_file_size;
} rdiff_backup_report;

// An extended attribute.
typedef struct rdiff_xattr {
  // Its name, such as "user.comment".
  const char *name;
  // Its value, any bytes.
  const uint8_t *value;
  // How many bytes the value has.
  size_t value_len;
} rdiff_xattr;

// What is known of one path at one session.
typedef struct rdiff_entry {
  // 1. A newer library may have more fields after those that you know.
  uint32_t version;
  // What it is.
  enum rdiff_kind kind;
  // Where it is, from the root of the tree, in no encoding; "" for the root itself.
  const char *path;
  // The length of the path in bytes.
  size_t path_len;
  // Bytes of content of a regular file, else 0.
  uint64_t size;
  // Permission bits, 0 to 07777.
  uint32_t mode;
  // Number of the owner.
  uint32_t uid;
  // Number of the group.
  uint32_t gid;
  // Nanoseconds of the modification time, 0 where they are not known.
  uint32_t mtime_nsec;
  // Modification time, in seconds since 1970; 0 with `has_mtime` 0 where it is not known, as of symbolic links.
  int64_t mtime;
  // 1 if the modification time is known, else 0.
  uint32_t has_mtime;
  // 1 if `sha1` is known, else 0. Of several names of one file only the first has it.
  uint32_t has_sha1;
  // SHA-1 of the content.
  uint8_t sha1[20];
  // Major number of a device, else 0.
  uint32_t device_major;
  // Minor number of a device, else 0.
  uint32_t device_minor;
  // Name of the owner where the backup ran, or NULL.
  const char *user;
  // Name of the group, or NULL.
  const char *group;
  // Target of a symbolic link, else NULL.
  const char *link_target;
  // The length of the target in bytes.
  size_t link_target_len;
  // How many names the file had in the source, also outside the tree; 0 or 1 for one name.
  uint64_t link_count;
  // With `link_device`: the same for all names of one file.
  uint64_t link_inode;
  // See `link_inode`.
  uint64_t link_device;
  // Extended attributes, or NULL if there are none. Access control lists are not among them.
  const struct rdiff_xattr *xattrs;
  // How many there are.
  size_t xattr_count;
  // The access control list, where it says more than the mode, else NULL: "user::rw-,user:ann:r--,group::r--,...".
  const char *acl;
  // What new entries of a directory get, in the same form, or NULL.
  const char *default_acl;
} rdiff_entry;

// A path that differs between two sessions.
typedef struct rdiff_change {
  // 2. A newer library may have more fields after those that you know; those since version 2 are said to be.
  uint32_t version;
  // How.
  enum rdiff_change_kind kind;
  // Where, from the root of the tree.
  const char *path;
  // The length of the path in bytes.
  size_t path_len;
  // Since version 2: bits RDIFF_ASPECT_... of what differs, with RDIFF_CHANGE_CHANGED; else 0. New bits may come.
  uint32_t aspects;
  // Since version 2: what was there at the older session, or NULL.
  const struct rdiff_entry *old_entry;
  // Since version 2: what was there at the newer session, or NULL.
  const struct rdiff_entry *new_entry;
} rdiff_change;

// A path that differs. It is valid during the call only.
typedef struct rdiff_difference {
  // 1. A newer library may have more fields after those that you know.
  uint32_t version;
  // In which way.
  enum rdiff_reason reason;
  // Where, below the directory.
  const char *path;
  // The length of the path in bytes.
  size_t path_len;
} rdiff_difference;

// Called for each difference, in path order, on the thread that called the job.
typedef void (*rdiff_difference_fn)(const struct rdiff_difference *difference, void *user);

// What to compare, and how closely. Set it up with RDIFF_COMPARE_OPTIONS_INIT: the newest session, by metadata.
typedef struct rdiff_compare_options {
  // Set by the init macro.
  uint32_t version;
  // RDIFF_COMPARE_NO_HARD_LINKS, or 0.
  uint32_t flags;
  // The session: the newest not later, or RDIFF_NEWEST.
  int64_t at;
  // The path in the session that the directory is compared with; NULL for the root.
  const char *path;
  // One of the methods above.
  uint32_t method;
  // Threads that read the directory; 0 for what suits it.
  uint32_t workers;
  // Which paths, or NULL for all.
  const struct rdiff_rule *rules;
  // How many rules there are.
  size_t rule_count;
  // Told each difference, or NULL.
  rdiff_difference_fn difference;
  // Told what happens, or NULL.
  rdiff_progress_fn progress;
  // Handed to `difference` and `progress`.
  void *user;
} rdiff_compare_options;

// What a comparison found. Set it up with RDIFF_COMPARE_REPORT_INIT.
typedef struct rdiff_compare_report {
  // Set by the init macro.
  uint32_t version;
  // Paths that were compared, the different ones included.
  uint64_t compared;
  // Paths that differ.
  uint64_t differences;
  // Files that were to be compared by SHA-1 and have none recorded.
  uint64_t no_digest;
  // Paths of which nothing can be said.
  uint64_t problems;
} rdiff_compare_report;

// How to open a file. Set it up with RDIFF_READ_OPTIONS_INIT.
typedef struct rdiff_read_options {
  // Set by the init macro.
  uint32_t version;
  // None are known yet: 0.
  uint32_t flags;
  // Asked some times a second, with RDIFF_EVENT_TICK, whether to go on; or NULL.
  rdiff_progress_fn progress;
  // Handed to `progress`.
  void *user;
} rdiff_read_options;

// Why a path is taken or left out. It is valid during the call only.
typedef struct rdiff_explanation {
  // 1. A newer library may have more fields after those that you know.
  uint32_t version;
  // What is to be done.
  enum rdiff_verdict verdict;
  // What was decided about: the path, or a directory above it with which it is left out.
  const char *decided_at;
  // The length of that in bytes.
  size_t decided_at_len;
  // The rule that decided, counted from 1; 0 if none did.
  size_t rule;
  // The line of it, counted from 1, if it is a list and a line decided; else 0.
  size_t line;
  // The end of a sentence that begins with `decided_at` and "is".
  const char *message;
} rdiff_explanation;

// Called once, on the thread that called.
typedef void (*rdiff_explanation_fn)(const struct rdiff_explanation *explanation, void *user);

// One path at one session. (It is no version of a structure.)
typedef struct rdiff_path_version {
  // 1. A newer library may have more fields after those that you know.
  uint32_t version;
  // What happened since the session before.
  enum rdiff_step step;
  // The session, in seconds since 1970.
  int64_t session;
  // What was there, or NULL.
  const struct rdiff_entry *entry;
} rdiff_path_version;

// How to purge. Set it up with RDIFF_PURGE_OPTIONS_INIT.
typedef struct rdiff_purge_options {
  // Set by the init macro.
  uint32_t version;
  // RDIFF_FORCE, RDIFF_DRY_RUN, or 0.
  uint32_t flags;
  // Told what happens, or NULL.
  rdiff_progress_fn progress;
  // Handed to `progress`.
  void *user;
} rdiff_purge_options;

// What was purged, or would be. Set it up with RDIFF_PURGE_REPORT_INIT.
typedef struct rdiff_purge_report {
  // Set by the init macro.
  uint32_t version;
  // 1 if the path was in the mirror, else 0.
  uint32_t was_in_mirror;
  // Records, lines and entries about the path or what was below it, in all files together.
  uint64_t records;
  // Files of the data directory that were written anew.
  uint64_t rewritten;
  // Increments of the path itself that were deleted; those of what was below it are not counted.
  uint64_t increments;
} rdiff_purge_report;

// How to regress. Set it up with RDIFF_REGRESS_OPTIONS_INIT.
typedef struct rdiff_regress_options {
  // Set by the init macro.
  uint32_t version;
  // Flags RDIFF_FORCE, RDIFF_REGRESS_NEWEST and RDIFF_DRY_RUN, or 0.
  uint32_t flags;
  // Told what happens, or NULL.
  rdiff_progress_fn progress;
  // Handed to `progress`.
  void *user;
  // Since version 2: whose local time is written into names of files, such as "Europe/Vienna"; NULL for that of the machine.
  const char *time_zone;
} rdiff_regress_options;

// What a regress did. Set it up with RDIFF_REGRESS_REPORT_INIT.
typedef struct rdiff_regress_report {
  // Set by the init macro.
  uint32_t version;
  // The session that is the mirror again, in seconds since 1970; RDIFF_NO_SESSION if there was nothing to undo.
  int64_t good;
  // The session that was undone, or RDIFF_NO_SESSION.
  int64_t undone;
  // Paths that had to be changed.
  uint64_t restored;
} rdiff_regress_report;

// How to remove. Set it up with RDIFF_REMOVE_OPTIONS_INIT.
typedef struct rdiff_remove_options {
  // Set by the init macro.
  uint32_t version;
  // Flags RDIFF_FORCE and RDIFF_DRY_RUN, or 0.
  uint32_t flags;
  // Told what happens, or NULL.
  rdiff_progress_fn progress;
  // Handed to `progress`.
  void *user;
} rdiff_remove_options;

// What was removed. Set it up with RDIFF_REMOVE_REPORT_INIT.
typedef struct rdiff_remove_report {
  // Set by the init macro.
  uint32_t version;
  // Sessions that went.
  uint64_t sessions;
  // Files that were deleted.
  uint64_t files;
  // Their sizes together, in bytes.
  uint64_t bytes;
} rdiff_remove_report;

// The state of a repository. Set it up with RDIFF_STATE_INIT.
typedef struct rdiff_state {
  // Set by the init macro.
  uint32_t version;
  // Which.
  enum rdiff_state_kind kind;
  // The last good session, in seconds since 1970, or RDIFF_NO_SESSION.
  int64_t good;
  // The session that failed, or RDIFF_NO_SESSION.
  int64_t failed;
  // Since version 2: 1 if a job works on the repository now, else 0. It may then look interrupted, and need not be.
  uint32_t in_use;
  // Since version 2: sessions that can be restored.
  uint64_t sessions;
  // Since version 2: bytes of all increments, as the sessions counted them; RDIFF_UNKNOWN if one of them did not.
  uint64_t increments_size;
} rdiff_state;

// What to restore, and how. Set it up with RDIFF_RESTORE_OPTIONS_INIT: all of the newest session.
typedef struct rdiff_restore_options {
  // Set by the init macro.
  uint32_t version;
  // Flags RDIFF_RESTORE_..., or 0.
  uint32_t flags;
  // The session: the newest not later, or RDIFF_NEWEST.
  int64_t at;
  // What of it, from the root of the tree; NULL for all.
  const char *path;
  // Which paths, or NULL for all. Patterns begin with the target.
  const struct rdiff_rule *rules;
  // How many rules there are.
  size_t rule_count;
  // Users to be replaced, in lines "old:new", or NULL.
  const char *user_map;
  // Groups to be replaced, likewise.
  const char *group_map;
  // Threads that rebuild files; 0 for as many as there are cores.
  uint32_t workers;
  // Told what happens, or NULL.
  rdiff_progress_fn progress;
  // Handed to `progress`.
  void *user;
} rdiff_restore_options;

// What a restore did. Set it up with RDIFF_RESTORE_REPORT_INIT.
typedef struct rdiff_restore_report {
  // Set by the init macro.
  uint32_t version;
  // Paths that were made or set right.
  uint64_t restored;
  // Of those, files whose content was already there.
  uint64_t unchanged;
  // Paths that were in the target and not in the session.
  uint64_t removed;
  // Paths that could not be restored as they were; the callback was told each.
  uint64_t problems;
} rdiff_restore_report;

// How much a session takes.
typedef struct rdiff_session_size {
  // 1. A newer library may have more fields after those that you know.
  uint32_t version;
  // The session, in seconds since 1970.
  int64_t session;
  // Bytes of its increments; for the newest, of the mirror.
  uint64_t size;
  // The same with all newer sessions and the mirror: what is needed to go back so far.
  uint64_t cumulative;
} rdiff_session_size;

// An increment of a path, or what it is in the mirror.
typedef struct rdiff_increment {
  // 1. A newer library may have more fields after those that you know.
  uint32_t version;
  // What the path was at that session.
  enum rdiff_listed_kind kind;
  // The session whose state it holds, in seconds since 1970.
  int64_t session;
  // The name of its file, as if names were not quoted; NULL for the mirror.
  const char *name;
  // The length of the name in bytes.
  size_t name_len;
} rdiff_increment;

// How ssh is called. Set it up with RDIFF_SSH_OPTIONS_INIT: as the user's configuration of ssh says, and never asking
// for a password.
typedef struct rdiff_ssh_options {
  // Set by the init macro.
  uint32_t version;
  // 0.
  uint32_t flags;
  // The private key to log in with, and no other, or NULL. UTF-8.
  const char *identity;
  // The file of known hosts, or NULL. UTF-8.
  const char *known_hosts;
  // Seconds that the connection may take; 0 for the usual, 10.
  uint32_t connect_timeout;
  // Seconds that the host may say nothing while it is asked something; 0 for the usual, 60.
  uint32_t silence;
  // More options, such as "ProxyJump=gate", each as after `ssh -o`.
  const char *const *options;
  // How many options there are.
  size_t option_count;
  // The program that is called in place of `ssh`, and arguments that come before ours, or NULL.
  const char *const *command;
  // How many words the command has.
  size_t command_count;
  // What is run on the host to speak SFTP, as its shell takes it, such as "sudo /usr/lib/openssh/sftp-server"; NULL for what
  // its sshd has for this.
  const char *server;
} rdiff_ssh_options;

// The totals that a session wrote when it ended. Set it up with RDIFF_STATISTICS_INIT. Sizes are in bytes and count regular
// files; numbers of files count every path. Numbers that are not known are RDIFF_UNKNOWN.
typedef struct rdiff_statistics {
  // Set by the init macro.
  uint32_t version;
  // 1 if the session wrote them, else 0, and then nothing else is known.
  uint32_t is_known;
  // The session, in seconds since 1970.
  int64_t session;
  // When it ended, in seconds since 1970; 0 if that is not known.
  double end_time;
  // How many seconds it took; 0 if that is not known.
  double elapsed_time;
  // Paths in the source.
  uint64_t source_files;
  // Their size.
  uint64_t source_file_size;
  // Paths in the mirror before.
  uint64_t mirror_files;
  // Their size.
  uint64_t mirror_file_size;
  // Paths that were new.
  uint64_t new_files;
  // Their size.
  uint64_t new_file_size;
  // Paths that went.
  uint64_t deleted_files;
  // Their size.
  uint64_t deleted_file_size;
  // Paths that changed.
  uint64_t changed_files;
  // Their size then.
  uint64_t changed_source_size;
  // Their size before.
  uint64_t changed_mirror_size;
  // Increments that were written.
  uint64_t increment_files;
  // Their size.
  uint64_t increment_file_size;
  // Paths that could not be read.
  uint64_t errors;
} rdiff_statistics;

// A path that weighs much.
typedef struct rdiff_weight {
  // 1. A newer library may have more fields after those that you know.
  uint32_t version;
  // Its part of all, in percent, without those below it that are listed themselves.
  double percent;
  // Where, as the statistics have it: "." for the root.
  const char *path;
  // The length of the path in bytes.
  size_t path_len;
} rdiff_weight;

// Why the last call on this thread failed.
typedef struct rdiff_error {
  // 1. A newer library may have more fields after those that you know.
  uint32_t version;
  // What the call returned.
  enum rdiff_status status;
  // In one line, with all causes: "cannot open /b/f: Permission denied (os error 13)". UTF-8; bytes of names that
  // are no text are shown as U+FFFD.
  const char *message;
  // The path that it is about, as it is, or NULL: of the host, or inside the tree.
  const char *path;
  // Its length in bytes.
  size_t path_len;
  // `errno` of the system call that failed, or 0.
  int32_t system_error;
} rdiff_error;

// A file that is not what was backed up, or a session of which not everything can be told. It is valid during the call only.
typedef struct rdiff_bad {
  // 2. A newer library may have more fields after those that you know; those since version 2 are said to be.
  uint32_t version;
  // The session, in seconds since 1970.
  int64_t session;
  // The path in the tree; NULL for a session whose metadata are damaged.
  const char *path;
  // The length of the path in bytes.
  size_t path_len;
  // What is wrong, in one line.
  const char *message;
  // The file of the repository that its content begins with, as a path of the host, or NULL.
  const char *repository_file;
  // Since version 2: what is wrong, for programs.
  enum rdiff_bad_kind kind;
} rdiff_bad;

// Called for each finding, after all was looked at, on the thread that called the job.
typedef void (*rdiff_bad_fn)(const struct rdiff_bad *bad, void *user);

// What to verify. Set it up with RDIFF_VERIFY_OPTIONS_INIT: all sessions.
typedef struct rdiff_verify_options {
  // Set by the init macro.
  uint32_t version;
  // None are known yet: 0.
  uint32_t flags;
  // The session: the newest not later, RDIFF_NEWEST or RDIFF_ALL_SESSIONS.
  int64_t at;
  // What of it, from the root of the tree; NULL for all.
  const char *path;
  // Threads; 0 for as many as there are cores.
  uint32_t workers;
  // Told each finding, or NULL.
  rdiff_bad_fn bad;
  // Told what happens, or NULL.
  rdiff_progress_fn progress;
  // Handed to `bad` and `progress`.
  void *user;
  // Since version 2: files up to this size, in bytes, are verified in memory when all sessions are, and what is read of them
  // is then read once for all. All threads together hold twice as much. 0 for the usual, 128 MiB.
  uint64_t memory;
} rdiff_verify_options;

// What was found. Set it up with RDIFF_VERIFY_REPORT_INIT. All is well if `bad_files` and `damaged_sessions` are 0.
typedef struct rdiff_verify_report {
  // Set by the init macro.
  uint32_t version;
  // Sessions that were looked at.
  uint64_t sessions;
  // Files that were checked, each once for each session that has it.
  uint64_t files;
  // Bytes that were rebuilt for that.
  uint64_t bytes;
  // Files without a recorded SHA-1, of which only the size could be checked.
  uint64_t no_digest;
  // Files that are not what was backed up. The callback is told the first 10,000.
  uint64_t bad_files;
  // Sessions whose metadata are damaged, so that not all their files could be checked.
  uint64_t damaged_sessions;
} rdiff_verify_report;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The version of the library, such as "0.1.0". Never NULL; not to be freed.
const char *rdiff_version(void);

// Backs up the directory `source` of this machine to the repository at `repository`, which is made if it isn't there. A session that
// failed is undone first. `options` and `report` may be NULL.
//
// After an error in the midst, and after RDIFF_CANCELLED, the repository is interrupted: all earlier sessions are whole, and the
// next backup or rdiff_regress undoes what was begun.
enum rdiff_status rdiff_backup(const char *source,
                               const char *repository,
                               const struct rdiff_backup_options *options,
                               struct rdiff_backup_report *report);

// Backs up an open source to the repository at `repository`, as rdiff_backup does. Patterns of rules begin with the path of
// its location, without the host.
enum rdiff_status rdiff_backup_source(const struct rdiff_source *source,
                                      const char *repository,
                                      const struct rdiff_backup_options *options,
                                      struct rdiff_backup_report *report);

// Opens a cursor over the paths at `path` and below that are not at session `new_session` what they were at `old_session`. Each time
// means the newest session not later, or RDIFF_NEWEST. Free it with rdiff_changes_free.
enum rdiff_status rdiff_changes_open(const struct rdiff_repository *repository,
                                     int64_t old_session,
                                     int64_t new_session,
                                     const char *path,
                                     struct rdiff_changes **out);

// Moves on to the next change. RDIFF_END is returned after the last one, and `change` is then NULL. What it points to
// stays valid until the next call with this cursor; it is not to be freed. After an error the cursor is at its end.
enum rdiff_status rdiff_changes_next(struct rdiff_changes *changes,
                                     const struct rdiff_change **change);

// Frees a cursor. NULL is left alone.
void rdiff_changes_free(struct rdiff_changes *changes);

// Compares the directory `directory` of this machine with a session. `options` and `report` may be NULL.
enum rdiff_status rdiff_compare(const struct rdiff_repository *repository,
                                const char *directory,
                                const struct rdiff_compare_options *options,
                                struct rdiff_compare_report *report);

// Compares an open source with a session, as rdiff_compare does. Patterns of rules begin with the path of its location,
// without the host.
enum rdiff_status rdiff_compare_source(const struct rdiff_repository *repository,
                                       const struct rdiff_source *source,
                                       const struct rdiff_compare_options *options,
                                       struct rdiff_compare_report *report);

// Opens a cursor over `path` and all below it, as it was at the newest session not later than `at`, or at RDIFF_NEWEST. NULL
// and "" are the root of the tree. Where nothing was at `path`, the cursor is at its end at once. Free it with
// rdiff_entries_free.
enum rdiff_status rdiff_entries_open(const struct rdiff_repository *repository,
                                     int64_t at,
                                     const char *path,
                                     struct rdiff_entries **out);

// Moves on to the next entry. RDIFF_END is returned after the last one, and `entry` is then NULL. What it points to
// stays valid until the next call with this cursor; it is not to be freed. After an error the cursor is at its end.
enum rdiff_status rdiff_entries_next(struct rdiff_entries *entries,
                                     const struct rdiff_entry **entry);

// The session that the cursor shows, in seconds since 1970.
enum rdiff_status rdiff_entries_session(const struct rdiff_entries *entries, int64_t *session);

// Opens the content of the regular file that the cursor is at, without looking for it again. The cursor may go on, and be
// freed, while the file is read. Close it with rdiff_file_close.
enum rdiff_status rdiff_entries_open_file(struct rdiff_entries *entries,
                                          struct rdiff_file **out);

// The same, with options, which may be NULL, as rdiff_file_open_with has them. The callback may use the cursor, but open no
// other file with it.
enum rdiff_status rdiff_entries_open_file_with(struct rdiff_entries *entries,
                                               const struct rdiff_read_options *options,
                                               struct rdiff_file **out);

// Frees a cursor. NULL is left alone.
void rdiff_entries_free(struct rdiff_entries *entries);

// Says why a backup or a comparison of `source` would take `path`, which is relative to its root, or leave it out.
// RDIFF_NO_SUCH_PATH if it isn't there and no directory above it is left out. Nothing but the directories on the way is read.
enum rdiff_status rdiff_explain_source(const struct rdiff_source *source,
                                       const char *path,
                                       const struct rdiff_rule *rules,
                                       size_t rule_count,
                                       rdiff_explanation_fn explanation,
                                       void *user);

// Says why a restore of `subtree` as it was at the newest session not later than `at`, or at RDIFF_NEWEST, to `target` would take
// `path`, which is relative to `subtree`, or leave it out. RDIFF_NO_SUCH_PATH as above. `target` needn't be there; it is what patterns
// begin with.
enum rdiff_status rdiff_explain_session(const struct rdiff_repository *repository,
                                        int64_t at,
                                        const char *subtree,
                                        const char *target,
                                        const char *path,
                                        const struct rdiff_rule *rules,
                                        size_t rule_count,
                                        rdiff_explanation_fn explanation,
                                        void *user);

// Opens the regular file `path` as it was at the newest session not later than `at`, or at RDIFF_NEWEST. Nothing is restored to
// disk: the content is put together as it is read. The metadata of the session are read up to the path; for many files use
// a cursor and rdiff_entries_open_file. Close it with rdiff_file_close.
enum rdiff_status rdiff_file_open(const struct rdiff_repository *repository,
                                  int64_t at,
                                  const char *path,
                                  struct rdiff_file **out);

// The same, with options, which may be NULL. What has to be read before the first byte of an old version is there can be as large
// as the file: so long the callback of the options is asked. A read takes as long as the bytes that it was asked for.
enum rdiff_status rdiff_file_open_with(const struct rdiff_repository *repository,
                                       int64_t at,
                                       const char *path,
                                       const struct rdiff_read_options *options,
                                       struct rdiff_file **out);

// Reads up to `len` bytes into `buffer`, and says how many. 0 is the end of the file: all was read, and is what was
// backed up, by its size and SHA-1. Where it is not, the end is RDIFF_CORRUPT instead.
enum rdiff_status rdiff_file_read(struct rdiff_file *file,
                                  void *buffer,
                                  size_t len,
                                  size_t *read);

// How many bytes the file has.
enum rdiff_status rdiff_file_size(const struct rdiff_file *file, uint64_t *size);

// Closes a file. NULL is left alone.
void rdiff_file_close(struct rdiff_file *file);

// How many handles are open in this process: 0 when everything was freed. For tests that look for leaks.
size_t rdiff_open_handles(void);

// Opens the history of one path: RDIFF_NO_SUCH_PATH if no session has it. Free it with rdiff_history_free.
enum rdiff_status rdiff_history_open(const struct rdiff_repository *repository,
                                     const char *path,
                                     struct rdiff_history **out);

// Moves on to the next session. RDIFF_END is returned after the last one, and `version` is then NULL. What it points to
// stays valid until the next call with this cursor; it is not to be freed.
enum rdiff_status rdiff_history_next(struct rdiff_history *history,
                                     const struct rdiff_path_version **version);

// Frees a history. NULL is left alone.
void rdiff_history_free(struct rdiff_history *history);

// Takes `path`, with all below it, out of the mirror and of all sessions, as if it had never been backed up. There is no
// way back. The root can't be purged. A job that was stopped has left all other paths as they were, and is finished by being
// called again. `options` and `report` may be NULL.
enum rdiff_status rdiff_purge(const struct rdiff_repository *repository,
                              const char *path,
                              const struct rdiff_purge_options *options,
                              struct rdiff_purge_report *report);

// Undoes the last session if it did not finish, and does nothing if it did. It can be killed or stopped, and is finished by
// being called again. `options` and `report` may be NULL.
enum rdiff_status rdiff_regress(const struct rdiff_repository *repository,
                                const struct rdiff_regress_options *options,
                                struct rdiff_regress_report *report);

// Removes the sessions before the time `before`, in seconds since 1970, however many they are: ask
// rdiff_repository_sessions_older_than first. The newest session always stays. A job that was stopped has left every session
// whole that remains, and is finished by being called again. `options` and `report` may be NULL.
enum rdiff_status rdiff_remove_older_than(const struct rdiff_repository *repository,
                                          int64_t before,
                                          const struct rdiff_remove_options *options,
                                          struct rdiff_remove_report *report);

// Opens the repository at `path`, for reading and for jobs. Free it with rdiff_repository_free.
enum rdiff_status rdiff_repository_open(const char *path, struct rdiff_repository **out);

// Opens the repository at `path`, or makes one without sessions where there is nothing or an empty directory. The
// directories above must be there. rdiff_backup makes its repository by itself.
enum rdiff_status rdiff_repository_open_or_create(const char *path,
                                                  struct rdiff_repository **out);

// Frees a repository. Cursors and files that were opened from it stay good. NULL is left alone.
void rdiff_repository_free(struct rdiff_repository *repository);

// In what state the last session left the repository, and what it holds. No tree is looked at.
enum rdiff_status rdiff_repository_state(const struct rdiff_repository *repository, struct rdiff_state *out);

// Who works on the repository now, such as "process 4711", in `text` with its `size` bytes, NUL included: as much as there is
// room for. `length` is that of the whole, and 0 if nobody does.
enum rdiff_status rdiff_repository_in_use_by(const struct rdiff_repository *repository,
                                             char *text,
                                             size_t size,
                                             size_t *length);

// What an increment is, by the path of its file on this machine: the session whose state it holds, and the path in the tree, in
// `path` with its `size` bytes as above. RDIFF_NO_SUCH_PATH for what is no increment of this repository.
enum rdiff_status rdiff_repository_increment_at(const struct rdiff_repository *repository,
                                                const char *file,
                                                int64_t *session,
                                                char *path,
                                                size_t size,
                                                size_t *length);

// The sessions that can be restored, oldest first. Free the list with rdiff_sessions_free.
enum rdiff_status rdiff_repository_sessions(const struct rdiff_repository *repository,
                                            struct rdiff_sessions **out);

// The sessions that rdiff_remove_older_than would count as removed for this time, oldest first. Free the list with
// rdiff_sessions_free.
enum rdiff_status rdiff_repository_sessions_older_than(const struct rdiff_repository *repository,
                                                       int64_t before,
                                                       struct rdiff_sessions **out);

// The session that a time means, as people write it: "now", "10D" (ten days ago), "4B" (four sessions back),
// "2023-11-14", "2023-11-14T22:13:20+01:00", seconds since 1970. It is the newest session that is not later, or the oldest
// of all. Local times are those of the machine's zone. rdiff_remove_older_than with this session keeps what can be
// restored for that time.
enum rdiff_status rdiff_repository_find_session(const struct rdiff_repository *repository,
                                                const char *time,
                                                int64_t *session);

// Restores a session, or a part of one, to `target`. `options` and `report` may be NULL.
enum rdiff_status rdiff_restore(const struct rdiff_repository *repository,
                                const char *target,
                                const struct rdiff_restore_options *options,
                                struct rdiff_restore_report *report);

// How many there are; 0 for NULL and for a list that isn't open.
size_t rdiff_sessions_count(const struct rdiff_sessions *sessions);

// The time of the session at `index`, counted from 0, in seconds since 1970.
enum rdiff_status rdiff_sessions_get(const struct rdiff_sessions *sessions, size_t index, int64_t *session);

// Frees a list. NULL is left alone.
void rdiff_sessions_free(struct rdiff_sessions *sessions);

// Opens a cursor over what the sessions take at `path` and below. All files of the repository there are looked at. NULL and ""
// are the root. Free it with rdiff_sizes_free.
enum rdiff_status rdiff_sizes_open(const struct rdiff_repository *repository,
                                   const char *path,
                                   struct rdiff_sizes **out);

// Moves on to the next session. RDIFF_END is returned after the last one, and `size` is then NULL. What it points to
// stays valid until the next call with this cursor; it is not to be freed.
enum rdiff_status rdiff_sizes_next(struct rdiff_sizes *sizes,
                                   const struct rdiff_session_size **size);

// Frees a cursor. NULL is left alone.
void rdiff_sizes_free(struct rdiff_sizes *sizes);

// Opens a cursor over the increments of `path`. For the root, NULL or "", these are the sessions; for another path only those
// after which it, or something in it, changed. Free it with rdiff_increments_free.
enum rdiff_status rdiff_increments_open(const struct rdiff_repository *repository,
                                        const char *path,
                                        struct rdiff_increments **out);

// Moves on to the next increment. RDIFF_END is returned after the mirror, and `increment` is then NULL. What it points to
// stays valid until the next call with this cursor; it is not to be freed.
enum rdiff_status rdiff_increments_next(struct rdiff_increments *increments,
                                        const struct rdiff_increment **increment);

// Frees a cursor. NULL is left alone.
void rdiff_increments_free(struct rdiff_increments *increments);

// Opens a tree to read: `location` is a directory of this machine, "user@host::path" or "ssh://user@host:port/path".
// For another host this logs in: ssh is run, and answers questions by SFTP; nothing but sshd has to be
// there. SFTP carries no hard links, extended attributes, access control lists, devices or parts of seconds.
// `ssh` may be NULL, and is not looked at for this machine. Free the source with rdiff_source_free.
enum rdiff_status rdiff_source_open(const char *location,
                                    const struct rdiff_ssh_options *ssh,
                                    struct rdiff_source **out);

// Frees a source. NULL is left alone.
void rdiff_source_free(struct rdiff_source *source);

// The statistics of the newest session not later than `at`, or of RDIFF_NEWEST.
enum rdiff_status rdiff_session_statistics(const struct rdiff_repository *repository,
                                           int64_t at,
                                           struct rdiff_statistics *out);

// Opens a cursor over the paths that weigh most in the sessions from `from` (or RDIFF_ALL_SESSIONS) to `to` (or RDIFF_NEWEST)
// together, by one of the measures above. Those with less than `least_percent` of a session count in what they are
// in. Sessions that wrote no line for each path don't count. Free it with rdiff_weights_free.
enum rdiff_status rdiff_weights_open(const struct rdiff_repository *repository,
                                     int64_t from,
                                     int64_t to,
                                     uint32_t measure,
                                     double least_percent,
                                     struct rdiff_weights **out);

// Moves on to the next path. RDIFF_END is returned after the last one, and `weight` is then NULL. What it points to
// stays valid until the next call with this cursor; it is not to be freed.
enum rdiff_status rdiff_weights_next(struct rdiff_weights *weights,
                                     const struct rdiff_weight **weight);

// Frees a cursor. NULL is left alone.
void rdiff_weights_free(struct rdiff_weights *weights);

// Why the last call on this thread failed; NULL if it did not. The functions that free and this one are no such
// calls. What it points to stays valid until the next call on this thread; it is not to be freed.
const struct rdiff_error *rdiff_last_error(void);

// Checks the content of every regular file at one session or at all. Nothing is written. Damaged content is no failure of
// the call: the report counts it. `options` and `report` may be NULL, but then nothing is told.
enum rdiff_status rdiff_verify(const struct rdiff_repository *repository,
                               const struct rdiff_verify_options *options,
                               struct rdiff_verify_report *report);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* RDIFF_H */

/* Each sets up a structure: `rdiff_backup_options options = RDIFF_BACKUP_OPTIONS_INIT;`. */
#define RDIFF_STATE_INIT { 2, RDIFF_STATE_EMPTY, RDIFF_NO_SESSION, RDIFF_NO_SESSION, 0, 0, 0 }
#define RDIFF_STATISTICS_INIT { 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }
#define RDIFF_BACKUP_OPTIONS_INIT { 2, 0, 0, NULL, 0, NULL, NULL, NULL, 0, 0, NULL, NULL, NULL, NULL }
#define RDIFF_BACKUP_REPORT_INIT { 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }
#define RDIFF_RESTORE_OPTIONS_INIT { 1, 0, RDIFF_NEWEST, NULL, NULL, 0, NULL, NULL, 0, NULL, NULL }
#define RDIFF_RESTORE_REPORT_INIT { 1, 0, 0, 0, 0 }
#define RDIFF_VERIFY_OPTIONS_INIT { 2, 0, RDIFF_ALL_SESSIONS, NULL, 0, NULL, NULL, NULL, 0 }
#define RDIFF_VERIFY_REPORT_INIT { 1, 0, 0, 0, 0, 0, 0 }
#define RDIFF_COMPARE_OPTIONS_INIT { 1, 0, RDIFF_NEWEST, NULL, 0, 0, NULL, 0, NULL, NULL, NULL }
#define RDIFF_COMPARE_REPORT_INIT { 1, 0, 0, 0, 0 }
#define RDIFF_REGRESS_OPTIONS_INIT { 2, 0, NULL, NULL, NULL }
#define RDIFF_REGRESS_REPORT_INIT { 1, 0, 0, 0 }
#define RDIFF_REMOVE_OPTIONS_INIT { 1, 0, NULL, NULL }
#define RDIFF_REMOVE_REPORT_INIT { 1, 0, 0, 0 }
#define RDIFF_PURGE_OPTIONS_INIT { 1, 0, NULL, NULL }
#define RDIFF_PURGE_REPORT_INIT { 1, 0, 0, 0, 0 }
#define RDIFF_READ_OPTIONS_INIT { 1, 0, NULL, NULL }
#define RDIFF_SSH_OPTIONS_INIT { 1, 0, NULL, NULL, 0, 0, NULL, 0, NULL, 0, NULL }
