/*
 * Pulls a directory of another host: says what a backup would do, does it, and compares.
 *
 *     remote user@host::/srv REPOSITORY [SSH [ARGUMENT]...]
 *
 * The words after the repository are called in place of `ssh`.
 */
#include <inttypes.h>
#include <stdio.h>

#include "rdiff.h"

static int failed(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, rdiff_last_error()->message);
    return 1;
}

static void differs(const rdiff_difference *difference, void *user)
{
    (void)user;
    printf("differs: %.*s\n", (int)difference->path_len, difference->path);
}

static int pull(rdiff_source *source, const char *target)
{
    rdiff_backup_options options = RDIFF_BACKUP_OPTIONS_INIT;
    rdiff_backup_report report = RDIFF_BACKUP_REPORT_INIT;
    rdiff_compare_options closely = RDIFF_COMPARE_OPTIONS_INIT;
    rdiff_compare_report compared = RDIFF_COMPARE_REPORT_INIT;
    rdiff_repository *repository = NULL;
    rdiff_status status;

    options.flags = RDIFF_BACKUP_DRY_RUN;
    if (rdiff_backup_source(source, target, &options, &report) != RDIFF_OK)
        return failed("dry run");
    printf("would back up %" PRIu64 " new and %" PRIu64 " changed paths, %" PRIu64 " bytes\n",
           report.new_files, report.changed_files, report.new_file_size);

    options.flags = 0;
    if (rdiff_backup_source(source, target, &options, &report) != RDIFF_OK)
        return failed("backup");
    printf("backed up %" PRIu64 " paths; %" PRIu64 " problems\n", report.source_files, report.problems);

    if (rdiff_repository_open(target, &repository) != RDIFF_OK)
        return failed("open");
    closely.method = RDIFF_COMPARE_FULL;
    closely.difference = differs;
    status = rdiff_compare_source(repository, source, &closely, &compared);
    rdiff_repository_free(repository);
    if (status != RDIFF_OK)
        return failed("compare");
    printf("%" PRIu64 " paths compared, %" PRIu64 " differ\n", compared.compared, compared.differences);
    return compared.differences != 0;
}

int main(int argc, char **argv)
{
    rdiff_ssh_options ssh = RDIFF_SSH_OPTIONS_INIT;
    rdiff_source *source = NULL;
    int result;

    if (argc < 3) {
        fprintf(stderr, "usage: remote LOCATION REPOSITORY [SSH [ARGUMENT]...]\n");
        return 2;
    }
    ssh.command = (const char *const *)(argv + 3);
    ssh.command_count = (size_t)(argc - 3);
    if (rdiff_source_open(argv[1], &ssh, &source) != RDIFF_OK)
        return failed("login");
    result = pull(source, argv[2]);
    rdiff_source_free(source);
    return result;
}
