/*
 * Every job, and the opening of a file, is stopped while it is in the midst of one large file.
 *
 *     stop SOURCE REPOSITORY TARGET BYTES LATER-BYTES
 *
 * The file has BYTES when a first backup is stopped in it, which is never to be read to its end, and LATER-BYTES from then on.
 * A callback stops what it is asked by at the first tick at which the large file, or what the repository has of it, is open.
 * If a job is through with the file before it hears of that, this says TOO_SHORT and ends well: a larger one may do.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <pthread.h>
#include <sys/types.h>
#include <unistd.h>

#include "check.h"

#define LARGE "large"
#define TOO_SHORT "the file is too short"

static pthread_t caller;
static char large[4096];

/* Is a file open whose name begins like that of the large one? */
static int is_at_it(void)
{
    char link[300], to[4096];
    struct dirent *found;
    int is_open = 0;
    DIR *open = opendir("/proc/self/fd");

    CHECK(open != NULL);
    while (!is_open && (found = readdir(open)) != NULL) {
        ssize_t length;
        snprintf(link, sizeof link, "/proc/self/fd/%s", found->d_name);
        length = readlink(link, to, sizeof to - 1);
        to[length > 0 ? length : 0] = 0;
        is_open = strstr(to, "/" LARGE) != NULL;
    }
    closedir(open);
    return is_open;
}

static int stop_within(const rdiff_progress *progress, void *user)
{
    int *ticks = (int *)user;
    CHECK(pthread_equal(pthread_self(), caller));
    CHECK(progress->version == 1);
    if (progress->event != RDIFF_EVENT_TICK)
        return 0;
    CHECK(progress->path == NULL && progress->message == NULL && progress->done == RDIFF_DONE_NOTHING);
    if (!is_at_it())
        return 0;
    ++*ticks;
    return 1;
}

static int stop_at_a_path(const rdiff_progress *progress, void *user)
{
    (void)user;
    return progress->event == RDIFF_EVENT_PATH;
}

/* It was stopped in the midst of the large file, and says so. */
static void stopped(rdiff_status status, int *ticks)
{
    const rdiff_error *error = rdiff_last_error();
    if (status == RDIFF_OK || (status == RDIFF_CANCELLED && error != NULL && error->path == NULL)) {
        puts(TOO_SHORT);
        exit(0);
    }
    CHECK(status == RDIFF_CANCELLED && *ticks > 0);
    CHECK(error != NULL && error->path != NULL && strcmp(error->path, LARGE) == 0);
    CHECK(said("stopped on request at " LARGE));
    *ticks = 0;
}

static void write_large(const char *mode, const char *begin, off_t size)
{
    FILE *file = fopen(large, mode);
    CHECK(file != NULL && fputs(begin, file) >= 0 && fclose(file) == 0);
    CHECK(truncate(large, size) == 0);
}

static rdiff_state state_of(rdiff_repository *repository)
{
    rdiff_state state = RDIFF_STATE_INIT;
    CHECK(rdiff_repository_state(repository, &state) == RDIFF_OK);
    return state;
}

static int exists(const char *dir, const char *name)
{
    char path[4400];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return access(path, F_OK) == 0;
}

int main(int argc, char **argv)
{
    rdiff_backup_options backup = RDIFF_BACKUP_OPTIONS_INIT, to_the_end = RDIFF_BACKUP_OPTIONS_INIT;
    rdiff_restore_options restore = RDIFF_RESTORE_OPTIONS_INIT;
    rdiff_verify_options verify = RDIFF_VERIFY_OPTIONS_INIT;
    rdiff_compare_options compare = RDIFF_COMPARE_OPTIONS_INIT;
    rdiff_regress_options regress = RDIFF_REGRESS_OPTIONS_INIT;
    rdiff_regress_report regressed = RDIFF_REGRESS_REPORT_INIT;
    rdiff_remove_options remove = RDIFF_REMOVE_OPTIONS_INIT;
    rdiff_read_options reading = RDIFF_READ_OPTIONS_INIT;
    rdiff_verify_report verified = RDIFF_VERIFY_REPORT_INIT;
    rdiff_repository *repository = NULL;
    rdiff_entries *entries = NULL;
    const rdiff_entry *entry = NULL;
    rdiff_file *file = NULL;
    char start[8];
    size_t read = 0;
    int ticks = 0;
    off_t size;

    CHECK(argc == 6);
    caller = pthread_self();
    size = (off_t)strtoll(argv[4], NULL, 10);
    snprintf(large, sizeof large, "%s/" LARGE, argv[1]);
    backup.progress = restore.progress = verify.progress = compare.progress = stop_within;
    regress.progress = reading.progress = stop_within;
    backup.user = restore.user = verify.user = compare.user = regress.user = reading.user = &ticks;

    /* A first backup leaves no session, and the next one takes over. */
    write_large("w", "one", size);
    backup.time = to_the_end.time = 1000;
    stopped(rdiff_backup(argv[1], argv[2], &backup, NULL), &ticks);
    CHECK(rdiff_repository_open(argv[2], &repository) == RDIFF_OK);
    CHECK(state_of(repository).kind == RDIFF_STATE_EMPTY);
    size = (off_t)strtoll(argv[5], NULL, 10);
    CHECK(truncate(large, size) == 0);
    CHECK(rdiff_backup(argv[1], argv[2], &to_the_end, NULL) == RDIFF_OK);

    /* What only reads leaves nothing. */
    stopped(rdiff_restore(repository, argv[3], &restore, NULL), &ticks);
    CHECK(!exists(argv[3], LARGE));
    stopped(rdiff_verify(repository, &verify, NULL), &ticks);
    verify.at = RDIFF_NEWEST;
    stopped(rdiff_verify(repository, &verify, NULL), &ticks);
    compare.method = RDIFF_COMPARE_HASH;
    stopped(rdiff_compare(repository, argv[1], &compare, NULL), &ticks);
    compare.method = RDIFF_COMPARE_FULL;
    stopped(rdiff_compare(repository, argv[1], &compare, NULL), &ticks);
    CHECK(state_of(repository).kind == RDIFF_STATE_CLEAN);

    /* A later backup is interrupted; the next one takes back what it did, and goes to the end. */
    write_large("r+", "two", size);
    backup.time = 2000;
    stopped(rdiff_backup(argv[1], argv[2], &backup, NULL), &ticks);
    CHECK(state_of(repository).kind == RDIFF_STATE_INTERRUPTED && state_of(repository).good == 1000);
    to_the_end.time = 3000;
    CHECK(rdiff_backup(argv[1], argv[2], &to_the_end, NULL) == RDIFF_OK);
    CHECK(state_of(repository).kind == RDIFF_STATE_CLEAN && state_of(repository).sessions == 2);

    /* A regress goes on where it was stopped. */
    regress.flags = RDIFF_REGRESS_NEWEST;
    regress.time_zone = "Asia/Kathmandu";
    stopped(rdiff_regress(repository, &regress, NULL), &ticks);
    CHECK(state_of(repository).kind == RDIFF_STATE_INTERRUPTED && state_of(repository).good == 1000);
    /* The marker that it begins with is named in the zone that was asked for. */
    CHECK(exists(argv[2], "rdiff-backup-data/current_mirror.1970-01-01T05:46:40+05:30.data"));
    CHECK(rdiff_regress(repository, NULL, &regressed) == RDIFF_OK && regressed.undone == 3000);
    CHECK(state_of(repository).sessions == 1);

    /* An old version whose newer one is packed: it has to be unpacked before there is a first byte. */
    CHECK(rdiff_backup(argv[1], argv[2], &to_the_end, NULL) == RDIFF_OK);
    CHECK(unlink(large) == 0);
    to_the_end.flags = RDIFF_BACKUP_ALLOW_EMPTY_SOURCE;
    to_the_end.time = 4000;
    CHECK(rdiff_backup(argv[1], argv[2], &to_the_end, NULL) == RDIFF_OK);
    stopped(rdiff_file_open_with(repository, 1000, LARGE, &reading, &file), &ticks);
    CHECK(rdiff_entries_open(repository, 1000, LARGE, &entries) == RDIFF_OK);
    CHECK(rdiff_entries_next(entries, &entry) == RDIFF_OK);
    stopped(rdiff_entries_open_file_with(entries, &reading, &file), &ticks);
    CHECK(file == NULL);
    CHECK(rdiff_entries_open_file_with(entries, NULL, &file) == RDIFF_OK);
    CHECK(rdiff_file_read(file, start, 3, &read) == RDIFF_OK && read == 3 && memcmp(start, "one", 3) == 0);
    rdiff_file_close(file);
    rdiff_entries_free(entries);

    /* Between files, for there is nothing to read in them. */
    remove.progress = stop_at_a_path;
    CHECK(rdiff_remove_older_than(repository, 4000, &remove, NULL) == RDIFF_CANCELLED);
    CHECK(rdiff_last_error()->path != NULL && said("stopped on request at rdiff-backup-data/"));
    verify.progress = NULL;
    verify.at = RDIFF_NEWEST;
    verify.memory = 1;
    CHECK(rdiff_verify(repository, &verify, &verified) == RDIFF_OK);
    CHECK(verified.bad_files == 0 && verified.damaged_sessions == 0);
    verify.at = RDIFF_ALL_SESSIONS;
    verify.memory = UINT64_MAX;
    CHECK(rdiff_verify(repository, &verify, NULL) == RDIFF_OK);
    CHECK(rdiff_remove_older_than(repository, 4000, NULL, NULL) == RDIFF_OK);
    CHECK(state_of(repository).sessions == 1);
    rdiff_repository_free(repository);
    CHECK(rdiff_open_handles() == 0);
    puts("each stopped within the file");
    return 0;
}
