/*
 * Says how a repository is: its state, what its sessions take, the totals of the last one, and what weighs most in it.
 *
 *     report REPOSITORY [PATH]
 *
 * With PATH it lists the increments of that too.
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

static int state(rdiff_repository *repository)
{
    static const char *const words[] = { "empty", "clean", "interrupted" };
    rdiff_state state = RDIFF_STATE_INIT;
    char user[64];
    size_t length = 0;

    if (rdiff_repository_state(repository, &state) != RDIFF_OK)
        return fail("state");
    if (rdiff_repository_in_use_by(repository, user, sizeof user, &length) != RDIFF_OK)
        return fail("in use by");
    printf("%s, %" PRIu64 " sessions, in use by %s\n", (unsigned)state.kind < 3 ? words[state.kind] : "?",
           state.sessions, length ? user : "nobody");
    return 0;
}

static int sizes(rdiff_repository *repository)
{
    rdiff_sizes *sizes = NULL;
    const rdiff_session_size *size = NULL;
    rdiff_status status;
    int failed = 0;

    if (rdiff_sizes_open(repository, NULL, &sizes) != RDIFF_OK)
        return fail("sizes");
    while ((status = rdiff_sizes_next(sizes, &size)) == RDIFF_OK)
        printf("session %" PRId64 ": %" PRIu64 " bytes, %" PRIu64 " with all newer ones\n", size->session,
               size->size, size->cumulative);
    if (status != RDIFF_END)
        failed = fail("sizes");
    rdiff_sizes_free(sizes);
    return failed;
}

static int last(rdiff_repository *repository)
{
    rdiff_statistics totals = RDIFF_STATISTICS_INIT;

    if (rdiff_session_statistics(repository, RDIFF_NEWEST, &totals) != RDIFF_OK)
        return fail("statistics");
    if (totals.is_known)
        printf("the last one: %" PRIu64 " paths, %" PRIu64 " new, %" PRIu64 " changed, %" PRIu64 " deleted\n",
               totals.source_files, totals.new_files, totals.changed_files, totals.deleted_files);
    return 0;
}

static int weights(rdiff_repository *repository)
{
    rdiff_weights *weights = NULL;
    const rdiff_weight *weight = NULL;
    rdiff_status status;
    int failed = 0;

    if (rdiff_weights_open(repository, RDIFF_ALL_SESSIONS, RDIFF_NEWEST, RDIFF_MEASURE_SOURCE_SIZE, 5.0,
                           &weights) != RDIFF_OK)
        return fail("weights");
    while ((status = rdiff_weights_next(weights, &weight)) == RDIFF_OK)
        printf("%5.1f %% of all bytes are in %.*s\n", weight->percent, (int)weight->path_len, weight->path);
    if (status != RDIFF_END)
        failed = fail("weights");
    rdiff_weights_free(weights);
    return failed;
}

static int increments(rdiff_repository *repository, const char *path)
{
    static const char *const words[] = { "nothing", "a file", "a directory", "a special file" };
    rdiff_increments *increments = NULL;
    const rdiff_increment *increment = NULL;
    rdiff_status status;
    int failed = 0;

    if (rdiff_increments_open(repository, path, &increments) != RDIFF_OK)
        return fail("increments");
    while ((status = rdiff_increments_next(increments, &increment)) == RDIFF_OK)
        printf("at %" PRId64 " %s was %s (%s)\n", increment->session, path,
               (unsigned)increment->kind < 4 ? words[increment->kind] : "?",
               increment->name ? increment->name : "the mirror");
    if (status != RDIFF_END)
        failed = fail("increments");
    rdiff_increments_free(increments);
    return failed;
}

int main(int argc, char **argv)
{
    rdiff_repository *repository = NULL;
    int failed;

    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: %s REPOSITORY [PATH]\n", argv[0]);
        return 2;
    }
    if (rdiff_repository_open(argv[1], &repository) != RDIFF_OK)
        return fail("open");
    failed = state(repository) || sizes(repository) || last(repository) || weights(repository);
    if (!failed && argc > 2)
        failed = increments(repository, argv[2]);
    rdiff_repository_free(repository);
    return failed;
}
