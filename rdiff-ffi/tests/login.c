/*
 * Logs in to another host, backs a directory of it up, compares, and asks why a path would be left out.
 *
 *     login LOCATION REPOSITORY KEY KNOWN_HOSTS
 */
#include <inttypes.h>

#include "check.h"

static void excluded(const rdiff_explanation *explanation, void *user)
{
    CHECK(explanation->verdict == RDIFF_EXCLUDED && strcmp(explanation->decided_at, "sub") == 0);
    *(int *)user = 1;
}

int main(int argc, char **argv)
{
    rdiff_ssh_options ssh = RDIFF_SSH_OPTIONS_INIT;
    rdiff_compare_options closely = RDIFF_COMPARE_OPTIONS_INIT;
    rdiff_compare_report compared = RDIFF_COMPARE_REPORT_INIT;
    rdiff_backup_report report = RDIFF_BACKUP_REPORT_INIT;
    rdiff_rule rule = { RDIFF_EXCLUDE, "**/sub", 0 };
    rdiff_repository *repository = NULL;
    rdiff_source *source = NULL;
    rdiff_status status;
    int told = 0;

    if (argc != 5)
        return 2;
    ssh.identity = argv[3];
    ssh.known_hosts = argv[4];
    ssh.connect_timeout = 5;
    ssh.silence = 20;
    status = rdiff_source_open(argv[1], &ssh, &source);
    if (status != RDIFF_OK) {
        printf("status %d: %s\n", (int)status, rdiff_last_error()->message);
        return 0;
    }
    CHECK(rdiff_backup_source(source, argv[2], NULL, &report) == RDIFF_OK && report.problems == 0);
    CHECK(rdiff_repository_open(argv[2], &repository) == RDIFF_OK);
    closely.method = RDIFF_COMPARE_FULL;
    CHECK(rdiff_compare_source(repository, source, &closely, &compared) == RDIFF_OK && compared.compared > 5);
    CHECK(rdiff_explain_source(source, "sub/deep/file", &rule, 1, excluded, &told) == RDIFF_OK);
    FAILS(rdiff_explain_source(source, "../x", NULL, 0, NULL, NULL), "no path inside the tree");
    printf("backed up, %" PRIu64 " differ, %s\n", compared.differences, told ? "excluded" : "nothing told");
    rdiff_repository_free(repository);
    rdiff_source_free(source);
    CHECK(rdiff_open_handles() == 0);
    return 0;
}
