/*
 * Shows how a backup goes, and stops it after so many paths.
 *
 *     progress SOURCE REPOSITORY [MOST-PATHS]
 *
 * Ctrl-C stops it too, also in the midst of a large file. A backup that was stopped is undone here, so that the repository is
 * as it was.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "rdiff.h"

static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

struct watch {
    uint64_t most, changed;
};

static int show(const rdiff_progress *progress, void *user)
{
    struct watch *watch = (struct watch *)user;
    switch (progress->event) {
    case RDIFF_EVENT_SESSION:
        printf("session %" PRId64 "\n", progress->session);
        break;
    case RDIFF_EVENT_PATH:
        watch->changed++;
        if (watch->changed % 1000 == 0)
            printf("%" PRIu64 " paths, %" PRIu64 " bytes, now %s\n", progress->paths, progress->bytes_read,
                   progress->path);
        break;
    case RDIFF_EVENT_PROBLEM:
        printf("left as it was: %s: %s\n", progress->path, progress->message);
        break;
    case RDIFF_EVENT_WARNING:
        printf("warning: %s\n", progress->message);
        break;
    default: /* RDIFF_EVENT_TICK too: nothing has happened, but we are asked. */
        break;
    }
    /* Anything but 0 stops the job. */
    return interrupted || watch->changed > watch->most;
}

static int fail(const char *what)
{
    const rdiff_error *error = rdiff_last_error();
    fprintf(stderr, "%s: %s\n", what, error ? error->message : "no error");
    return 1;
}

static int undo(const char *path)
{
    rdiff_repository *repository = NULL;
    rdiff_regress_report report = RDIFF_REGRESS_REPORT_INIT;
    int failed = 0;
    if (rdiff_repository_open(path, &repository) != RDIFF_OK)
        return fail("open");
    if (rdiff_regress(repository, NULL, &report) != RDIFF_OK)
        failed = fail("regress");
    else if (report.undone == RDIFF_NO_SESSION)
        printf("stopped; there was nothing to undo\n");
    else
        printf("stopped; back at session %" PRId64 "\n", report.good);
    rdiff_repository_free(repository);
    return failed;
}

int main(int argc, char **argv)
{
    struct watch watch = { UINT64_MAX, 0 };
    rdiff_backup_options options = RDIFF_BACKUP_OPTIONS_INIT;
    rdiff_backup_report report = RDIFF_BACKUP_REPORT_INIT;

    if (argc < 3 || argc > 4) {
        fprintf(stderr, "usage: %s SOURCE REPOSITORY [MOST-PATHS]\n", argv[0]);
        return 2;
    }
    if (argc > 3)
        watch.most = strtoull(argv[3], NULL, 10);
    signal(SIGINT, interrupt);
    options.progress = show;
    options.user = &watch;
    switch (rdiff_backup(argv[1], argv[2], &options, &report)) {
    case RDIFF_OK:
        printf("done: %" PRIu64 " of %" PRIu64 " paths were new or changed\n", watch.changed, report.source_files);
        return 0;
    case RDIFF_CANCELLED:
        return undo(argv[2]);
    default:
        return fail("backup");
    }
}
