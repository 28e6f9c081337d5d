/*
 * Backs up a directory, and restores the newest session beside it.
 *
 *     backup_restore SOURCE REPOSITORY TARGET
 */
#include <inttypes.h>
#include <stdio.h>

#include "rdiff.h"

static int fail(const char *what)
{
    const rdiff_error *error = rdiff_last_error();
    fprintf(stderr, "%s: %s\n", what, error ? error->message : "no error");
    return 1;
}

static int back_up(const char *source, const char *repository)
{
    rdiff_rule rules[] = { { RDIFF_EXCLUDE, "**.tmp", 0 } };
    rdiff_backup_options options = RDIFF_BACKUP_OPTIONS_INIT;
    rdiff_backup_report report = RDIFF_BACKUP_REPORT_INIT;

    options.rules = rules;
    options.rule_count = sizeof rules / sizeof rules[0];
    if (rdiff_backup(source, repository, &options, &report) != RDIFF_OK)
        return fail("backup");
    printf("backed up %" PRIu64 " paths, %" PRIu64 " bytes; %" PRIu64 " problems\n", report.source_files,
           report.source_file_size, report.problems);
    return report.problems != 0;
}

static int restore(const char *path, const char *target)
{
    rdiff_repository *repository = NULL;
    rdiff_restore_options options = RDIFF_RESTORE_OPTIONS_INIT;
    rdiff_restore_report report = RDIFF_RESTORE_REPORT_INIT;
    int failed = 0;

    if (rdiff_repository_open(path, &repository) != RDIFF_OK)
        return fail("open");
    options.flags = RDIFF_RESTORE_OVERWRITE;
    if (rdiff_restore(repository, target, &options, &report) != RDIFF_OK)
        failed = fail("restore");
    else
        printf("restored %" PRIu64 " paths; %" PRIu64 " problems\n", report.restored, report.problems);
    rdiff_repository_free(repository);
    return failed || report.problems != 0;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: %s SOURCE REPOSITORY TARGET\n", argv[0]);
        return 2;
    }
    if (back_up(argv[1], argv[2]))
        return 1;
    return restore(argv[2], argv[3]);
}
