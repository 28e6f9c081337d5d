/*
 * Streams one old version of a file to standard output.
 *
 *     cat_version REPOSITORY TIME PATH
 *
 * With TIME "list" it tells which sessions have another version.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "rdiff.h"

static int fail(const char *what)
{
    const rdiff_error *error = rdiff_last_error();
    fprintf(stderr, "%s: %s\n", what, error ? error->message : "no error");
    return 1;
}

static int list(rdiff_repository *repository, const char *path)
{
    rdiff_history *history = NULL;
    const rdiff_path_version *version = NULL;
    rdiff_status status;
    int failed = 0;

    if (rdiff_history_open(repository, path, &history) != RDIFF_OK)
        return fail("history");
    while ((status = rdiff_history_next(history, &version)) == RDIFF_OK) {
        if (version->step == RDIFF_STEP_REMOVED)
            printf("%" PRId64 " removed\n", version->session);
        else if (version->entry && version->step != RDIFF_STEP_SAME)
            printf("%" PRId64 " %" PRIu64 " bytes\n", version->session, version->entry->size);
    }
    if (status != RDIFF_END)
        failed = fail("history");
    rdiff_history_free(history);
    return failed;
}

static int cat(rdiff_repository *repository, const char *time, const char *path)
{
    static char buffer[65536];
    rdiff_file *file = NULL;
    int64_t session = 0;
    size_t read = 0;
    int failed = 0;

    if (rdiff_repository_find_session(repository, time, &session) != RDIFF_OK)
        return fail("find session");
    if (rdiff_file_open(repository, session, path, &file) != RDIFF_OK)
        return fail("open file");
    for (;;) {
        if (rdiff_file_read(file, buffer, sizeof buffer, &read) != RDIFF_OK) {
            failed = fail("read");
            break;
        }
        if (read == 0)
            break;
        if (fwrite(buffer, 1, read, stdout) != read) {
            perror("write");
            failed = 1;
            break;
        }
    }
    rdiff_file_close(file);
    return failed;
}

int main(int argc, char **argv)
{
    rdiff_repository *repository = NULL;
    int failed;
    if (argc != 4) {
        fprintf(stderr, "usage: %s REPOSITORY TIME PATH\n", argv[0]);
        return 2;
    }
    if (rdiff_repository_open(argv[1], &repository) != RDIFF_OK)
        return fail("open");
    if (strcmp(argv[2], "list") == 0)
        failed = list(repository, argv[3]);
    else
        failed = cat(repository, argv[2], argv[3]);
    rdiff_repository_free(repository);
    return failed;
}
