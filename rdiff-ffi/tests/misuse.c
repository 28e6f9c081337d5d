/*
 * Everything that a caller can get wrong and that can be noticed. Run under valgrind and AddressSanitizer.
 *
 *     misuse SOURCE REPOSITORY NOWHERE
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "check.h"

static void null_arguments(rdiff_repository *repository)
{
    rdiff_repository *opened = NULL;
    rdiff_entries *entries = NULL;
    const rdiff_entry *entry = NULL;
    rdiff_file *file = NULL;
    int64_t session = 0;
    size_t read = 0;
    rdiff_weights *weights = NULL;
    char byte;

    FAILS(rdiff_repository_open(NULL, &opened), "path is NULL");
    FAILS(rdiff_repository_open("", &opened), "path is empty");
    FAILS(rdiff_repository_open("/", NULL), "out is NULL");
    FAILS(rdiff_repository_open_or_create(NULL, &opened), "path is NULL");
    FAILS(rdiff_repository_state(repository, NULL), "out is NULL");
    FAILS(rdiff_repository_sessions(NULL, NULL), "out is NULL");
    FAILS(rdiff_repository_in_use_by(repository, NULL, 0, NULL), "length is NULL");
    FAILS(rdiff_repository_in_use_by(repository, NULL, 1, &read), "buffer is NULL");
    FAILS(rdiff_repository_increment_at(repository, NULL, &session, NULL, 0, &read), "file is NULL");
    FAILS(rdiff_repository_increment_at(repository, "f", NULL, NULL, 0, &read), "session is NULL");
    FAILS(rdiff_session_statistics(repository, 0, NULL), "out is NULL");
    FAILS(rdiff_explain_source(NULL, "f", NULL, 0, NULL, NULL), "the source is NULL");
    FAILS(rdiff_explain_session(repository, 0, NULL, NULL, "f", NULL, 0, NULL, NULL), "target is NULL");
    FAILS(rdiff_weights_open(repository, 0, 0, 3, 5, &weights), "measure is 3");
    FAILS(rdiff_weights_open(repository, 0, 0, 0, -1, &weights), "least_percent is -1");
    FAILS(rdiff_weights_open(repository, 0, 0, 0, strtod("nan", NULL), &weights), "least_percent is NaN");
    FAILS(rdiff_repository_find_session(repository, NULL, &session), "time is NULL");
    FAILS(rdiff_repository_find_session(repository, "now", NULL), "session is NULL");
    FAILS(rdiff_entries_open(NULL, RDIFF_NEWEST, NULL, &entries), "the repository is NULL");
    FAILS(rdiff_entries_next(NULL, &entry), "the cursor of entries is NULL");
    FAILS(rdiff_file_open(repository, RDIFF_NEWEST, "f", NULL), "out is NULL");
    FAILS(rdiff_file_open_with(repository, RDIFF_NEWEST, "f", NULL, NULL), "out is NULL");
    FAILS(rdiff_entries_open_file_with(NULL, NULL, &file), "the cursor of entries is NULL");
    FAILS(rdiff_file_read(NULL, &byte, 1, &read), "the file is NULL");
    FAILS(rdiff_history_open(repository, "f", NULL), "out is NULL");
    FAILS(rdiff_changes_open(NULL, 0, 0, NULL, NULL), "out is NULL");
    FAILS(rdiff_backup(NULL, "/b", NULL, NULL), "source is NULL");
    FAILS(rdiff_backup("/a", NULL, NULL, NULL), "repository is NULL");
    FAILS(rdiff_restore(NULL, "/t", NULL, NULL), "the repository is NULL");
    FAILS(rdiff_restore(repository, NULL, NULL, NULL), "target is NULL");
    FAILS(rdiff_verify(NULL, NULL, NULL), "the repository is NULL");
    FAILS(rdiff_compare(repository, NULL, NULL, NULL), "directory is NULL");
    FAILS(rdiff_regress(NULL, NULL, NULL), "the repository is NULL");
    FAILS(rdiff_remove_older_than(NULL, 0, NULL, NULL), "the repository is NULL");
    FAILS(rdiff_source_open(NULL, NULL, NULL), "location is NULL");
    FAILS(rdiff_source_open("/", NULL, NULL), "out is NULL");
    FAILS(rdiff_backup_source(NULL, "/b", NULL, NULL), "the source is NULL");
    FAILS(rdiff_compare_source(repository, NULL, NULL, NULL), "the source is NULL");
    FAILS(rdiff_purge(NULL, "f", NULL, NULL), "the repository is NULL");
    CHECK(rdiff_sessions_count(NULL) == 0);
    CHECK(opened == NULL && entries == NULL && entry == NULL && file == NULL && read == 0 && weights == NULL);
    rdiff_repository_free(NULL);
    rdiff_sessions_free(NULL);
    rdiff_entries_free(NULL);
    rdiff_file_close(NULL);
    rdiff_history_free(NULL);
    rdiff_changes_free(NULL);
    rdiff_source_free(NULL);
}

static void errors(rdiff_repository *repository)
{
    rdiff_repository *other = NULL;
    const rdiff_error *error;
    rdiff_state state = RDIFF_STATE_INIT;

    CHECK(rdiff_repository_open("/no/such/place", &other) == RDIFF_NOT_A_REPOSITORY);
    error = rdiff_last_error();
    CHECK(error && error->status == RDIFF_NOT_A_REPOSITORY && error->path_len == strlen(error->path));
    CHECK(strcmp(error->path, "/no/such/place") == 0);
    /* It may be asked for twice, and freeing things in between does no harm. */
    rdiff_repository_free(other);
    rdiff_entries_free(NULL);
    CHECK(rdiff_last_error() == error && said("is not a repository"));
    CHECK(rdiff_repository_state(repository, &state) == RDIFF_OK);
    CHECK(rdiff_last_error() == NULL);
    CHECK(state.kind == RDIFF_STATE_CLEAN && state.failed == RDIFF_NO_SESSION);
}

/* Refusals have codes that tell what to change, and the path that they are about. */
static void refusals(rdiff_repository *repository, const char *source, const char *path)
{
    rdiff_regress_options newest = RDIFF_REGRESS_OPTIONS_INIT;
    rdiff_backup_options backup = RDIFF_BACKUP_OPTIONS_INIT;

    newest.flags = RDIFF_REGRESS_NEWEST;
    CHECK(rdiff_restore(repository, path, NULL, NULL) == RDIFF_TARGET_EXISTS);
    CHECK(strcmp(rdiff_last_error()->path, path) == 0 && said("isn't empty"));
    CHECK(rdiff_backup(path, source, NULL, NULL) == RDIFF_TARGET_EXISTS);
    CHECK(strcmp(rdiff_last_error()->path, source) == 0 && said("does not look like"));
    CHECK(rdiff_backup(path, path, NULL, NULL) == RDIFF_SOURCE_IN_REPOSITORY);
    CHECK(rdiff_regress(repository, &newest, NULL) == RDIFF_NOTHING_TO_UNDO);
    CHECK(said("has one session only"));
    backup.not_compressed = "(";
    backup.time = 4000000000;
    CHECK(rdiff_backup(source, path, &backup, NULL) == RDIFF_INVALID_ARGUMENT);
    CHECK(said("no regular expression: "));
}

static void versions(rdiff_repository *repository, const char *source)
{
    rdiff_backup_options backup = RDIFF_BACKUP_OPTIONS_INIT;
    rdiff_restore_options restore = RDIFF_RESTORE_OPTIONS_INIT;
    rdiff_verify_report verify = RDIFF_VERIFY_REPORT_INIT;
    rdiff_verify_options memory = RDIFF_VERIFY_OPTIONS_INIT;
    rdiff_regress_options regress = RDIFF_REGRESS_OPTIONS_INIT;
    rdiff_read_options reading = RDIFF_READ_OPTIONS_INIT;
    rdiff_file *file = NULL;
    rdiff_state state = RDIFF_STATE_INIT;

    backup.version = 3;
    CHECK(rdiff_backup(source, "/nowhere/repo", &backup, NULL) == RDIFF_UNSUPPORTED_VERSION);
    CHECK(said("rdiff_backup_options has version 3, this library knows 2"));
    /* What is behind the structure of the version is not looked at. */
    backup.version = 1;
    backup.chars_to_quote = backup.time_zone = (const char *)1;
    CHECK(rdiff_backup(source, "/nowhere/repo", &backup, NULL) == RDIFF_IO);
    restore.version = 0;
    CHECK(rdiff_restore(repository, "/nowhere/target", &restore, NULL) == RDIFF_UNSUPPORTED_VERSION);
    CHECK(said("init macro"));
    memory.version = 3;
    CHECK(rdiff_verify(repository, &memory, NULL) == RDIFF_UNSUPPORTED_VERSION);
    memory.version = 1;
    CHECK(rdiff_verify(repository, &memory, NULL) == RDIFF_OK);
    regress.version = 3;
    CHECK(rdiff_regress(repository, &regress, NULL) == RDIFF_UNSUPPORTED_VERSION);
    regress.version = 1;
    regress.time_zone = (const char *)1;
    CHECK(rdiff_regress(repository, &regress, NULL) == RDIFF_OK);
    regress.version = 2;
    regress.time_zone = "Nowhere/Land";
    FAILS(rdiff_regress(repository, &regress, NULL), "\"Nowhere/Land\", which this machine");
    reading.flags = 1;
    FAILS(rdiff_file_open_with(repository, RDIFF_NEWEST, "f", &reading, &file), "unknown flags 0x1");
    reading.version = 2;
    CHECK(rdiff_file_open_with(repository, RDIFF_NEWEST, "f", &reading, &file) == RDIFF_UNSUPPORTED_VERSION);
    verify.version = 99;
    CHECK(rdiff_verify(repository, NULL, &verify) == RDIFF_UNSUPPORTED_VERSION && verify.files == 0);
    state.version = 7;
    CHECK(rdiff_repository_state(repository, &state) == RDIFF_UNSUPPORTED_VERSION);
    /* A program that was built with the first header has room for less. */
    state.version = 1;
    state.sessions = 77;
    CHECK(rdiff_repository_state(repository, &state) == RDIFF_OK);
    CHECK(state.version == 1 && state.kind == RDIFF_STATE_CLEAN && state.sessions == 77);
    state.version = 2;
    CHECK(rdiff_repository_state(repository, &state) == RDIFF_OK);
    CHECK(state.version == 2 && state.sessions == 1 && state.in_use == 0 && state.increments_size == 0);
}

static void values(rdiff_repository *repository, const char *source)
{
    rdiff_backup_options backup = RDIFF_BACKUP_OPTIONS_INIT;
    rdiff_compare_options compare = RDIFF_COMPARE_OPTIONS_INIT;
    rdiff_rule rule = { 99, NULL, 0 };
    rdiff_entries *entries = NULL;
    rdiff_sessions *sessions = NULL;
    rdiff_file *file = NULL;
    const rdiff_entry *entry = NULL;
    int64_t session = 5;

    backup.flags = 1u << 30;
    FAILS(rdiff_backup(source, "/nowhere/repo", &backup, NULL), "unknown flags 0x40000000");
    backup.flags = 0;
    backup.rule_count = 1;
    FAILS(rdiff_backup(source, "/nowhere/repo", &backup, NULL), "rules is NULL, and 1 of them are announced");
    backup.rules = &rule;
    FAILS(rdiff_backup(source, "/nowhere/repo", &backup, NULL), "rule 0 is of the unknown kind 99");
    rule.kind = RDIFF_EXCLUDE;
    FAILS(rdiff_backup(source, "/nowhere/repo", &backup, NULL), "the pattern of rule 0 is NULL");
    rule.pattern = "/elsewhere";
    FAILS(rdiff_backup(source, "/nowhere/repo", &backup, NULL), "matches nothing in");
    backup.rule_count = 0;
    backup.user_map = "no colon";
    FAILS(rdiff_backup(source, "/nowhere/repo", &backup, NULL), "is not old:new");
    backup.user_map = "\xff:x";
    FAILS(rdiff_backup(source, "/nowhere/repo", &backup, NULL), "user_map is not UTF-8");
    backup.user_map = NULL;
    backup.time_zone = "Nowhere/Land";
    FAILS(rdiff_backup(source, "/nowhere/repo", &backup, NULL), "\"Nowhere/Land\", which this machine");
    compare.method = 9;
    FAILS(rdiff_compare(repository, source, &compare, NULL), "method is 9");
    FAILS(rdiff_entries_open(repository, RDIFF_NEWEST, "../etc", &entries), "no path inside the tree");
    FAILS(rdiff_entries_open(repository, RDIFF_NEWEST, "/etc", &entries), "no path inside the tree");
    CHECK(entries == NULL);
    CHECK(rdiff_repository_find_session(repository, "yesterday", &session) == RDIFF_INVALID_ARGUMENT);
    CHECK(session == 5);
    CHECK(rdiff_file_open(repository, RDIFF_NEWEST, "not there", &file) == RDIFF_NO_SUCH_PATH);
    CHECK(rdiff_file_open(repository, RDIFF_NEWEST, "", &file) == RDIFF_NOT_A_FILE);
    CHECK(rdiff_repository_sessions(repository, &sessions) == RDIFF_OK);
    FAILS(rdiff_sessions_get(sessions, rdiff_sessions_count(sessions), &session), "index is");
    rdiff_sessions_free(sessions);
    CHECK(rdiff_entries_open(repository, RDIFF_NEWEST, NULL, &entries) == RDIFF_OK);
    FAILS(rdiff_entries_open_file(entries, &file), "the cursor is at no entry");
    CHECK(rdiff_entries_next(entries, &entry) == RDIFF_OK && entry->kind == RDIFF_DIRECTORY);
    CHECK(rdiff_entries_open_file(entries, &file) == RDIFF_NOT_A_FILE);
    rdiff_entries_free(entries);
    /* Nothing is at a path that isn't there; that is no failure of a list. */
    CHECK(rdiff_entries_open(repository, RDIFF_NEWEST, "not there", &entries) == RDIFF_OK);
    CHECK(rdiff_entries_next(entries, &entry) == RDIFF_END && entry == NULL);
    CHECK(rdiff_entries_next(entries, &entry) == RDIFF_END);
    CHECK(rdiff_last_error() == NULL);
    rdiff_entries_free(entries);
}

static void sources(const char *source)
{
    rdiff_ssh_options ssh = RDIFF_SSH_OPTIONS_INIT;
    const char *words[2] = { "false", NULL };
    rdiff_source *opened = NULL;

    CHECK(rdiff_source_open("/no/such/place", NULL, &opened) == RDIFF_IO);
    CHECK(rdiff_source_open("-oProxyCommand=x::/srv", NULL, &opened) == RDIFF_INVALID_ARGUMENT);
    ssh.command = words;
    ssh.command_count = 2;
    FAILS(rdiff_source_open("nobody@host::/srv", &ssh, &opened), "one of command is NULL");
    ssh.command_count = 1;
    CHECK(rdiff_source_open("nobody@host::/srv", &ssh, &opened) == RDIFF_REMOTE && opened == NULL);
    ssh.flags = 1;
    FAILS(rdiff_source_open("nobody@host::/srv", &ssh, &opened), "unknown flags 0x1");
    ssh.version = 2;
    CHECK(rdiff_source_open("nobody@host::/srv", &ssh, &opened) == RDIFF_UNSUPPORTED_VERSION);
    CHECK(rdiff_source_open(source, NULL, &opened) == RDIFF_OK);
    rdiff_source_free(opened);
    rdiff_source_free(opened);
    CHECK(rdiff_backup_source(opened, "/nowhere/repo", NULL, NULL) == RDIFF_INVALID_HANDLE);
}

/* What would be done is told, and nothing is done. */
static void dry_runs(rdiff_repository *repository, const char *source, const char *path, const char *target)
{
    rdiff_backup_options backup = RDIFF_BACKUP_OPTIONS_INIT;
    rdiff_backup_report backed = RDIFF_BACKUP_REPORT_INIT;
    rdiff_restore_options restore = RDIFF_RESTORE_OPTIONS_INIT;
    rdiff_restore_report restored = RDIFF_RESTORE_REPORT_INIT;
    rdiff_regress_options regress = RDIFF_REGRESS_OPTIONS_INIT;
    rdiff_regress_report regressed = RDIFF_REGRESS_REPORT_INIT;
    rdiff_remove_options remove = RDIFF_REMOVE_OPTIONS_INIT;
    rdiff_remove_report removed = RDIFF_REMOVE_REPORT_INIT;
    rdiff_purge_options purge = RDIFF_PURGE_OPTIONS_INIT;
    rdiff_purge_report purged = RDIFF_PURGE_REPORT_INIT;
    rdiff_file *file = NULL;

    backup.flags = RDIFF_BACKUP_DRY_RUN;
    backup.time = 4000000000;
    CHECK(rdiff_backup(source, path, &backup, &backed) == RDIFF_OK);
    CHECK(backed.session == RDIFF_NO_SESSION && backed.new_files == 0 && backed.source_files == 2);
    restore.flags = RDIFF_RESTORE_DRY_RUN;
    CHECK(rdiff_restore(repository, target, &restore, &restored) == RDIFF_OK);
    CHECK(restored.restored == 2 && rdiff_backup(target, path, &backup, NULL) == RDIFF_IO);
    regress.flags = RDIFF_DRY_RUN;
    CHECK(rdiff_regress(repository, &regress, &regressed) == RDIFF_OK);
    CHECK(regressed.good == RDIFF_NO_SESSION);
    remove.flags = RDIFF_DRY_RUN;
    CHECK(rdiff_remove_older_than(repository, INT64_MAX, &remove, &removed) == RDIFF_OK);
    CHECK(removed.sessions == 0);
    purge.flags = RDIFF_DRY_RUN;
    CHECK(rdiff_purge(repository, "f", &purge, &purged) == RDIFF_OK);
    CHECK(purged.was_in_mirror == 1 && purged.records > 0);
    purge.flags = 2;
    FAILS(rdiff_purge(repository, "f", &purge, NULL), "unknown flags 0x2");
    CHECK(rdiff_purge(repository, "", NULL, NULL) == RDIFF_INVALID_ARGUMENT);
    CHECK(said("only what is in it"));
    CHECK(rdiff_file_open(repository, RDIFF_NEWEST, "f", &file) == RDIFF_OK);
    rdiff_file_close(file);
}

/* What differs between two sessions, and how; and a path that goes out of both. */
static void changes_and_purge(rdiff_repository *repository, const char *source, const char *path)
{
    rdiff_backup_options backup = RDIFF_BACKUP_OPTIONS_INIT;
    rdiff_changes *changes = NULL;
    const rdiff_change *change = NULL;
    rdiff_file *file = NULL;
    char name[4096];
    FILE *out;

    snprintf(name, sizeof name, "%s/f", source);
    out = fopen(name, "w");
    CHECK(out && fputs("other", out) >= 0 && fclose(out) == 0);
    backup.time = 4000000000;
    CHECK(rdiff_backup(source, path, &backup, NULL) == RDIFF_OK);
    CHECK(rdiff_changes_open(repository, 0, RDIFF_NEWEST, NULL, &changes) == RDIFF_OK);
    do {
        CHECK(rdiff_changes_next(changes, &change) == RDIFF_OK);
    } while (strcmp(change->path, "f") != 0);
    CHECK(change->version == 2 && change->kind == RDIFF_CHANGE_CHANGED);
    CHECK(change->aspects & RDIFF_ASPECT_CONTENT && !(change->aspects & RDIFF_ASPECT_KIND));
    CHECK(change->old_entry->size == 7 && change->new_entry->size == 5);
    rdiff_changes_free(changes);
    CHECK(rdiff_purge(repository, "f", NULL, NULL) == RDIFF_OK);
    CHECK(rdiff_file_open(repository, 0, "f", &file) == RDIFF_NO_SUCH_PATH);
}

static void freed_handles(const char *path)
{
    rdiff_repository *repository = NULL;
    rdiff_entries *entries = NULL, *second = NULL;
    rdiff_file *file = NULL;
    const rdiff_entry *entry = NULL;
    char buffer[64];
    size_t read = 1, total = 0;
    int local = 0;

    CHECK(rdiff_repository_open(path, &repository) == RDIFF_OK);
    CHECK(rdiff_entries_open(repository, RDIFF_NEWEST, NULL, &entries) == RDIFF_OK);
    /* A cursor outlives its repository, and a file its cursor. */
    rdiff_repository_free(repository);
    rdiff_repository_free(repository);
    CHECK(rdiff_entries_open(repository, RDIFF_NEWEST, NULL, &second) == RDIFF_INVALID_HANDLE);
    CHECK(second == NULL && said("no open repository"));
    while (rdiff_entries_next(entries, &entry) == RDIFF_OK && entry->kind != RDIFF_FILE)
        ;
    CHECK(entry && entry->kind == RDIFF_FILE && entry->has_sha1);
    CHECK(rdiff_entries_open_file(entries, &file) == RDIFF_OK);
    rdiff_entries_free(entries);
    CHECK(rdiff_entries_next(entries, &entry) == RDIFF_INVALID_HANDLE);
    rdiff_entries_free(entries);
    while (rdiff_file_read(file, buffer, sizeof buffer, &read) == RDIFF_OK && read > 0)
        total += read;
    CHECK(read == 0 && total > 0);
    CHECK(rdiff_file_read(file, buffer, sizeof buffer, &read) == RDIFF_OK && read == 0);
    CHECK(rdiff_file_read(file, NULL, 0, &read) == RDIFF_OK);
    FAILS(rdiff_file_read(file, NULL, 1, &read), "buffer is NULL");
    /* Of another type, and made up. */
    CHECK(rdiff_entries_next((rdiff_entries *)file, &entry) == RDIFF_INVALID_HANDLE);
    rdiff_entries_free((rdiff_entries *)file);
    CHECK(rdiff_file_read((rdiff_file *)&local, buffer, 1, &read) == RDIFF_INVALID_HANDLE);
    CHECK(rdiff_file_read(file, buffer, 1, &read) == RDIFF_OK);
    rdiff_file_close(file);
    rdiff_file_close(file);
    CHECK(rdiff_file_read(file, buffer, 1, &read) == RDIFF_INVALID_HANDLE);
}

static rdiff_repository *shared;

static void *reads(void *name)
{
    int i;
    for (i = 0; i < 20; i++) {
        rdiff_file *file = NULL;
        rdiff_sessions *sessions = NULL;
        CHECK(rdiff_repository_sessions(shared, &sessions) == RDIFF_OK);
        rdiff_sessions_free(sessions);
        CHECK(rdiff_file_open(shared, RDIFF_NEWEST, (const char *)name, &file) == RDIFF_NO_SUCH_PATH);
        /* Each thread has its own last error. */
        CHECK(said((const char *)name));
    }
    return NULL;
}

static void threads(rdiff_repository *repository)
{
    static char first[] = "missing-one", second[] = "missing-two";
    pthread_t one, two;
    shared = repository;
    CHECK(pthread_create(&one, NULL, reads, first) == 0);
    CHECK(pthread_create(&two, NULL, reads, second) == 0);
    pthread_join(one, NULL);
    pthread_join(two, NULL);
}

int main(int argc, char **argv)
{
    rdiff_repository *repository = NULL;
    if (argc != 4)
        return 2;
    CHECK(strlen(rdiff_version()) >= 5);
    CHECK(rdiff_backup(argv[1], argv[2], NULL, NULL) == RDIFF_OK);
    CHECK(rdiff_repository_open_or_create(argv[2], &repository) == RDIFF_OK);
    null_arguments(repository);
    errors(repository);
    refusals(repository, argv[1], argv[2]);
    versions(repository, argv[1]);
    values(repository, argv[1]);
    freed_handles(argv[2]);
    sources(argv[1]);
    dry_runs(repository, argv[1], argv[2], argv[3]);
    threads(repository);
    changes_and_purge(repository, argv[1], argv[2]);
    CHECK(rdiff_verify(repository, NULL, NULL) == RDIFF_OK);
    CHECK(rdiff_open_handles() == 1);
    rdiff_repository_free(repository);
    CHECK(rdiff_open_handles() == 0);
    puts("all was noticed");
    return 0;
}
