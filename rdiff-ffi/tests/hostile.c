/*
 * What a program can do to the library in the wrong place or at the wrong time: handles of other kinds, calls from
 * callbacks and from several threads, sizes that can't be. Run under valgrind and AddressSanitizer.
 *
 *     hostile SOURCE REPOSITORY NOWHERE
 */
#include <pthread.h>

#include "check.h"

/* One handle of each kind. */
enum { REPOSITORY, SOURCE, SESSIONS, ENTRIES, FILE_, HISTORY, CHANGES, SIZES, INCREMENTS, WEIGHTS, KINDS };

static void *handles[KINDS];

static void open_all(const char *source, const char *path)
{
    rdiff_repository *repository = NULL;
    rdiff_source *opened = NULL;
    rdiff_sessions *sessions = NULL;
    rdiff_entries *entries = NULL;
    rdiff_file *file = NULL;
    rdiff_history *history = NULL;
    rdiff_changes *changes = NULL;
    rdiff_sizes *sizes = NULL;
    rdiff_increments *increments = NULL;
    rdiff_weights *weights = NULL;

    CHECK(rdiff_repository_open(path, &repository) == RDIFF_OK);
    CHECK(rdiff_source_open(source, NULL, &opened) == RDIFF_OK);
    CHECK(rdiff_repository_sessions(repository, &sessions) == RDIFF_OK);
    CHECK(rdiff_entries_open(repository, RDIFF_NEWEST, NULL, &entries) == RDIFF_OK);
    CHECK(rdiff_file_open(repository, RDIFF_NEWEST, "f", &file) == RDIFF_OK);
    CHECK(rdiff_history_open(repository, "f", &history) == RDIFF_OK);
    CHECK(rdiff_changes_open(repository, RDIFF_NEWEST, RDIFF_NEWEST, NULL, &changes) == RDIFF_OK);
    CHECK(rdiff_sizes_open(repository, NULL, &sizes) == RDIFF_OK);
    CHECK(rdiff_increments_open(repository, "f", &increments) == RDIFF_OK);
    CHECK(rdiff_weights_open(repository, RDIFF_ALL_SESSIONS, RDIFF_NEWEST, RDIFF_MEASURE_CHANGES, 1, &weights) == RDIFF_OK);
    handles[REPOSITORY] = repository;
    handles[SOURCE] = opened;
    handles[SESSIONS] = sessions;
    handles[ENTRIES] = entries;
    handles[FILE_] = file;
    handles[HISTORY] = history;
    handles[CHANGES] = changes;
    handles[SIZES] = sizes;
    handles[INCREMENTS] = increments;
    handles[WEIGHTS] = weights;
}

static void free_as(int kind, void *handle)
{
    switch (kind) {
    case REPOSITORY: rdiff_repository_free((rdiff_repository *)handle); break;
    case SOURCE: rdiff_source_free((rdiff_source *)handle); break;
    case SESSIONS: rdiff_sessions_free((rdiff_sessions *)handle); break;
    case ENTRIES: rdiff_entries_free((rdiff_entries *)handle); break;
    case FILE_: rdiff_file_close((rdiff_file *)handle); break;
    case HISTORY: rdiff_history_free((rdiff_history *)handle); break;
    case CHANGES: rdiff_changes_free((rdiff_changes *)handle); break;
    case SIZES: rdiff_sizes_free((rdiff_sizes *)handle); break;
    case INCREMENTS: rdiff_increments_free((rdiff_increments *)handle); break;
    default: rdiff_weights_free((rdiff_weights *)handle); break;
    }
}

/* How many functions that take this kind of handle don't refuse this one with the given status. */
static int not_refused(int kind, void *handle, rdiff_status status, const char *nowhere)
{
    rdiff_repository *r = (rdiff_repository *)handle;
    rdiff_state state = RDIFF_STATE_INIT;
    rdiff_statistics statistics = RDIFF_STATISTICS_INIT;
    const rdiff_entry *entry = NULL;
    const rdiff_path_version *version = NULL;
    const rdiff_change *change = NULL;
    const rdiff_session_size *size = NULL;
    const rdiff_increment *increment = NULL;
    const rdiff_weight *weight = NULL;
    rdiff_sessions *sessions = NULL;
    rdiff_entries *entries = NULL;
    rdiff_file *file = NULL;
    rdiff_history *history = NULL;
    rdiff_changes *changes = NULL;
    rdiff_sizes *sizes = NULL;
    rdiff_increments *increments = NULL;
    rdiff_weights *weights = NULL;
    int64_t time = 0;
    uint64_t bytes = 0;
    size_t n = 0;
    char buffer[8];
    int bad = 0;

    switch (kind) {
    case REPOSITORY:
        bad += rdiff_repository_state(r, &state) != status;
        bad += rdiff_repository_in_use_by(r, buffer, sizeof buffer, &n) != status;
        bad += rdiff_repository_increment_at(r, "x", &time, buffer, sizeof buffer, &n) != status;
        bad += rdiff_repository_sessions(r, &sessions) != status;
        bad += rdiff_repository_sessions_older_than(r, 0, &sessions) != status;
        bad += rdiff_repository_find_session(r, "now", &time) != status;
        bad += rdiff_session_statistics(r, RDIFF_NEWEST, &statistics) != status;
        bad += rdiff_weights_open(r, 0, 0, 0, 0, &weights) != status;
        bad += rdiff_entries_open(r, RDIFF_NEWEST, NULL, &entries) != status;
        bad += rdiff_file_open(r, RDIFF_NEWEST, "f", &file) != status;
        bad += rdiff_history_open(r, "f", &history) != status;
        bad += rdiff_changes_open(r, 0, RDIFF_NEWEST, NULL, &changes) != status;
        bad += rdiff_sizes_open(r, NULL, &sizes) != status;
        bad += rdiff_increments_open(r, NULL, &increments) != status;
        bad += rdiff_restore(r, nowhere, NULL, NULL) != status;
        bad += rdiff_verify(r, NULL, NULL) != status;
        bad += rdiff_compare(r, "/", NULL, NULL) != status;
        bad += rdiff_compare_source(r, (rdiff_source *)handles[SOURCE], NULL, NULL) != status;
        bad += rdiff_explain_session(r, RDIFF_NEWEST, NULL, nowhere, "f", NULL, 0, NULL, NULL) != status;
        bad += rdiff_regress(r, NULL, NULL) != status;
        bad += rdiff_remove_older_than(r, 0, NULL, NULL) != status;
        bad += rdiff_purge(r, "f", NULL, NULL) != status;
        break;
    case SOURCE:
        bad += rdiff_backup_source((rdiff_source *)handle, nowhere, NULL, NULL) != status;
        bad += rdiff_compare_source((rdiff_repository *)handles[REPOSITORY], (rdiff_source *)handle, NULL, NULL) != status;
        bad += rdiff_explain_source((rdiff_source *)handle, "f", NULL, 0, NULL, NULL) != status;
        break;
    case SESSIONS:
        bad += rdiff_sessions_get((rdiff_sessions *)handle, 0, &time) != status;
        bad += rdiff_sessions_count((rdiff_sessions *)handle) != 0;
        break;
    case ENTRIES:
        bad += rdiff_entries_next((rdiff_entries *)handle, &entry) != status;
        bad += rdiff_entries_session((rdiff_entries *)handle, &time) != status;
        bad += rdiff_entries_open_file((rdiff_entries *)handle, &file) != status;
        break;
    case FILE_:
        bad += rdiff_file_read((rdiff_file *)handle, buffer, sizeof buffer, &n) != status;
        bad += rdiff_file_size((rdiff_file *)handle, &bytes) != status;
        break;
    case HISTORY: bad += rdiff_history_next((rdiff_history *)handle, &version) != status; break;
    case CHANGES: bad += rdiff_changes_next((rdiff_changes *)handle, &change) != status; break;
    case SIZES: bad += rdiff_sizes_next((rdiff_sizes *)handle, &size) != status; break;
    case INCREMENTS: bad += rdiff_increments_next((rdiff_increments *)handle, &increment) != status; break;
    default: bad += rdiff_weights_next((rdiff_weights *)handle, &weight) != status; break;
    }
    /* Nothing was written. */
    bad += sessions || entries || file || history || changes || sizes || increments || weights;
    bad += entry || version || change || size || increment || weight || time || bytes || n;
    return bad;
}

static void other_kinds(const char *source, const char *path, const char *nowhere)
{
    int kind, other, local = 0;
    void *freed[KINDS];

    open_all(source, path);
    CHECK(rdiff_open_handles() == KINDS);
    for (kind = 0; kind < KINDS; kind++) {
        for (other = 0; other < KINDS; other++) {
            if (other == kind)
                continue;
            CHECK(not_refused(kind, handles[other], RDIFF_INVALID_HANDLE, nowhere) == 0);
            free_as(kind, handles[other]);
            CHECK(rdiff_open_handles() == KINDS);
        }
        CHECK(not_refused(kind, NULL, RDIFF_INVALID_ARGUMENT, nowhere) == 0);
        CHECK(not_refused(kind, &local, RDIFF_INVALID_HANDLE, nowhere) == 0);
        /* Beside one that is open. */
        CHECK(not_refused(kind, (char *)handles[kind] + 1, RDIFF_INVALID_HANDLE, nowhere) == 0);
        free_as(kind, &local);
        CHECK(rdiff_open_handles() == KINDS);
    }
    memcpy(freed, handles, sizeof freed);
    for (kind = KINDS - 1; kind >= 0; kind--) {
        free_as(kind, freed[kind]);
        if (kind != SOURCE && kind != REPOSITORY)
            CHECK(not_refused(kind, freed[kind], RDIFF_INVALID_HANDLE, nowhere) == 0);
        free_as(kind, freed[kind]);
        CHECK(rdiff_open_handles() == (size_t)kind);
    }
}

/* What a callback does to the job that called it. */
struct meddler {
    const char *source, *path, *nowhere;
    rdiff_repository *repository;
    rdiff_source *opened;
    int calls, explained;
};

static int meddle(const rdiff_progress *progress, void *user)
{
    struct meddler *m = (struct meddler *)user;
    rdiff_repository *second = NULL;
    rdiff_file *file = NULL;
    rdiff_state state = RDIFF_STATE_INIT;
    char text[4];
    size_t length = 0;

    CHECK(progress->version == 1);
    /* The job may not have begun when it is asked, or have ended. */
    if (progress->event == RDIFF_EVENT_TICK || m->calls++ > 3)
        return 0;
    /* The repository can be read, though not changed. */
    CHECK(rdiff_repository_open(m->path, &second) == RDIFF_OK);
    CHECK(rdiff_repository_state(second, &state) == RDIFF_OK && state.in_use == 1);
    CHECK(rdiff_repository_in_use_by(second, text, sizeof text, &length) == RDIFF_OK);
    CHECK(length > 3 && strlen(text) == 3);
    CHECK(rdiff_file_open(second, 0, "f", &file) == RDIFF_OK);
    rdiff_file_close(file);
    CHECK(rdiff_backup(m->source, m->path, NULL, NULL) == RDIFF_LOCKED);
    CHECK(rdiff_purge(second, "f", NULL, NULL) == RDIFF_LOCKED);
    CHECK(rdiff_verify(second, NULL, NULL) == RDIFF_OK);
    /* What the job works with is freed under it. */
    rdiff_repository_free(second);
    rdiff_source_free(m->opened);
    rdiff_repository_free(m->repository);
    /* A failed call of the callback is no failure of the job. */
    CHECK(rdiff_repository_open(m->nowhere, &second) == RDIFF_NOT_A_REPOSITORY);
    CHECK(rdiff_last_error() != NULL);
    return 0;
}

static void explained(const rdiff_explanation *explanation, void *user)
{
    struct meddler *m = (struct meddler *)user;
    rdiff_source_free(m->opened);
    CHECK(rdiff_explain_source(m->opened, "f", NULL, 0, explained, user) == RDIFF_INVALID_HANDLE);
    CHECK(explanation->verdict == RDIFF_EXCLUDED && explanation->rule == 1 && explanation->line == 2);
    CHECK(strcmp(explanation->decided_at, "f") == 0 && explanation->decided_at_len == 1);
    CHECK(strstr(explanation->message, "excluded by rule 1: ") != NULL);
    m->explained++;
}

static void callbacks(const char *source, const char *path, const char *nowhere)
{
    struct meddler m = { source, path, nowhere, NULL, NULL, 0, 0 };
    rdiff_backup_options backup = RDIFF_BACKUP_OPTIONS_INIT;
    rdiff_verify_options verify = RDIFF_VERIFY_OPTIONS_INIT;
    rdiff_rule rule = { RDIFF_EXCLUDE_FILELIST | RDIFF_NUL_SEPARATED, NULL, 0 };
    char list[4200], *end;

    CHECK(rdiff_repository_open(path, &m.repository) == RDIFF_OK);
    CHECK(rdiff_source_open(source, NULL, &m.opened) == RDIFF_OK);
    backup.time = 4000000000;
    backup.workers = UINT32_MAX;
    backup.progress = meddle;
    backup.user = &m;
    CHECK(rdiff_backup_source(m.opened, path, &backup, NULL) == RDIFF_OK);
    CHECK(rdiff_last_error() == NULL && m.calls > 1);
    CHECK(rdiff_backup_source(m.opened, path, &backup, NULL) == RDIFF_INVALID_HANDLE);

    CHECK(rdiff_repository_open(path, &m.repository) == RDIFF_OK);
    verify.progress = meddle;
    verify.user = &m;
    m.calls = 4;
    CHECK(rdiff_verify(m.repository, &verify, NULL) == RDIFF_OK);
    rdiff_repository_free(m.repository);

    /* Paths that end with NUL, one of them with a newline in it. */
    end = list + sprintf(list, "%s/new\nline", source) + 1;
    end += sprintf(end, "%s/f", source) + 1;
    CHECK(rdiff_source_open(source, NULL, &m.opened) == RDIFF_OK);
    rule.pattern = list;
    rule.size = (uint64_t)(end - list);
    CHECK(rdiff_explain_source(m.opened, "f", &rule, 1, explained, &m) == RDIFF_OK && m.explained == 1);
    CHECK(rdiff_open_handles() == 0);
}

static void explain(const char *source, const char *path)
{
    rdiff_repository *repository = NULL;
    rdiff_source *opened = NULL;
    rdiff_rule rule = { RDIFF_EXCLUDE, "**", 0 };

    CHECK(rdiff_repository_open(path, &repository) == RDIFF_OK);
    CHECK(rdiff_source_open(source, NULL, &opened) == RDIFF_OK);
    CHECK(rdiff_explain_source(opened, NULL, &rule, 1, NULL, NULL) == RDIFF_OK);
    CHECK(rdiff_explain_source(opened, "not there", NULL, 0, NULL, NULL) == RDIFF_NO_SUCH_PATH);
    CHECK(strcmp(rdiff_last_error()->path, "not there") == 0);
    CHECK(rdiff_explain_source(opened, "../f", NULL, 0, NULL, NULL) == RDIFF_INVALID_ARGUMENT);
    CHECK(rdiff_explain_session(repository, 0, NULL, "/t", "f", &rule, 1, NULL, NULL) == RDIFF_OK);
    CHECK(rdiff_explain_session(repository, 0, NULL, "/t", "g", NULL, 0, NULL, NULL) == RDIFF_NO_SUCH_PATH);
    rule.kind = RDIFF_EXCLUDE | RDIFF_NUL_SEPARATED;
    FAILS(rdiff_explain_source(opened, "f", &rule, 1, NULL, NULL), "of the unknown kind 258");
    rdiff_source_free(opened);
    rdiff_repository_free(repository);
}

static void sizes_that_cannot_be(const char *path)
{
    rdiff_repository *repository = NULL;
    rdiff_backup_options backup = RDIFF_BACKUP_OPTIONS_INIT;
    rdiff_entries *entries = NULL;
    rdiff_file *file = NULL;
    rdiff_rule rule = { RDIFF_EXCLUDE_FILELIST | RDIFF_NUL_SEPARATED, "x", UINT64_MAX };
    char text[4] = "xxx";
    int64_t session = 0;
    size_t n = 0;
    char *deep = (char *)malloc(1 << 20);

    CHECK(rdiff_repository_open(path, &repository) == RDIFF_OK);
    CHECK(rdiff_file_open(repository, RDIFF_NEWEST, "f", &file) == RDIFF_OK);
    FAILS(rdiff_file_read(file, text, SIZE_MAX, &n), "larger than memory");
    FAILS(rdiff_repository_in_use_by(repository, text, SIZE_MAX / 2 + 1, &n), "larger than memory");
    CHECK(strcmp(text, "xxx") == 0);
    rdiff_file_close(file);
    backup.rules = &rule;
    backup.rule_count = SIZE_MAX;
    FAILS(rdiff_backup("/", "/nowhere/repo", &backup, NULL), "more than memory can hold");
    backup.rule_count = 1;
    FAILS(rdiff_backup("/", "/nowhere/repo", &backup, NULL), "more than memory can hold");
    rule.pattern = NULL;
    FAILS(rdiff_backup("/", "/nowhere/repo", &backup, NULL), "is NULL");

    /* Nobody uses it: an empty text, wherever it goes. */
    CHECK(rdiff_repository_in_use_by(repository, NULL, 0, &n) == RDIFF_OK && n == 0);
    CHECK(rdiff_repository_in_use_by(repository, text, 1, &n) == RDIFF_OK && text[0] == '\0' && text[1] == 'x');

    /* Paths of all kinds: none is taken for another. */
    FAILS(rdiff_entries_open(repository, RDIFF_NEWEST, "a//b", &entries), "no path inside the tree");
    FAILS(rdiff_entries_open(repository, RDIFF_NEWEST, "a/./b", &entries), "no path inside the tree");
    FAILS(rdiff_entries_open(repository, RDIFF_NEWEST, "/", &entries), "no path inside the tree");
    FAILS(rdiff_entries_open(repository, RDIFF_NEWEST, "..", &entries), "no path inside the tree");
    CHECK(rdiff_file_open(repository, RDIFF_NEWEST, "f/", &file) == RDIFF_OK);
    rdiff_file_close(file);
    CHECK(rdiff_file_open(repository, RDIFF_NEWEST, "\xff\xfe", &file) == RDIFF_NO_SUCH_PATH);
    CHECK(rdiff_last_error()->path_len == 2 && memcmp(rdiff_last_error()->path, "\xff\xfe", 3) == 0);
    CHECK(deep != NULL);
    memset(deep, 'x', 1 << 20);
    deep[(1 << 20) - 1] = '\0';
    CHECK(rdiff_file_open(repository, RDIFF_NEWEST, deep, &file) != RDIFF_OK);
    CHECK(rdiff_repository_increment_at(repository, deep, &session, NULL, 0, &n) == RDIFF_NO_SUCH_PATH);
    for (n = 1; n < (1 << 20) - 1; n += 2)
        deep[n] = '/';
    deep[(1 << 20) - 2] = 'x';
    CHECK(rdiff_file_open(repository, RDIFF_NEWEST, deep, &file) != RDIFF_OK);
    free(deep);
    rdiff_repository_free(repository);
}

/* Two threads with one cursor and one file, and a third that frees both meanwhile. */
struct shared {
    rdiff_entries *entries;
    rdiff_file *file;
};

static void *uses(void *given)
{
    struct shared *shared = (struct shared *)given;
    const rdiff_entry *entry = NULL;
    char buffer[3];
    size_t n = 0;
    int i;

    for (i = 0; i < 2000; i++) {
        rdiff_status status = rdiff_entries_next(shared->entries, &entry);
        CHECK(status == RDIFF_OK || status == RDIFF_END || status == RDIFF_INVALID_HANDLE);
        status = rdiff_file_read(shared->file, buffer, sizeof buffer, &n);
        CHECK(status == RDIFF_OK || status == RDIFF_INVALID_HANDLE);
    }
    return NULL;
}

static void *frees(void *given)
{
    struct shared *shared = (struct shared *)given;
    rdiff_entries_free(shared->entries);
    rdiff_file_close(shared->file);
    return NULL;
}

static void threads(const char *path)
{
    rdiff_repository *repository = NULL;
    int round;

    CHECK(rdiff_repository_open(path, &repository) == RDIFF_OK);
    for (round = 0; round < 10; round++) {
        struct shared shared = { NULL, NULL };
        pthread_t one, two, three;
        CHECK(rdiff_entries_open(repository, RDIFF_NEWEST, NULL, &shared.entries) == RDIFF_OK);
        CHECK(rdiff_file_open(repository, RDIFF_NEWEST, "f", &shared.file) == RDIFF_OK);
        CHECK(pthread_create(&one, NULL, uses, &shared) == 0);
        CHECK(pthread_create(&two, NULL, uses, &shared) == 0);
        CHECK(pthread_create(&three, NULL, frees, &shared) == 0);
        pthread_join(one, NULL);
        pthread_join(two, NULL);
        pthread_join(three, NULL);
    }
    rdiff_repository_free(repository);
    CHECK(rdiff_open_handles() == 0);
}

/* A thread that ends calls the library from a destructor, when its own last error may be gone already. */
static pthread_key_t at_end;

static void ends(void *repository)
{
    rdiff_repository *other = NULL;
    rdiff_repository_open("/no/such/place", &other);
    rdiff_last_error();
    rdiff_repository_free((rdiff_repository *)repository);
}

static void *ending(void *path)
{
    rdiff_repository *repository = NULL;
    CHECK(rdiff_repository_open((const char *)path, &repository) == RDIFF_OK);
    CHECK(pthread_setspecific(at_end, repository) == 0);
    CHECK(rdiff_repository_open("/no/such/place", &repository) == RDIFF_NOT_A_REPOSITORY);
    return NULL;
}

static void ending_threads(char *path)
{
    pthread_t thread;
    CHECK(pthread_key_create(&at_end, ends) == 0);
    CHECK(pthread_create(&thread, NULL, ending, path) == 0);
    pthread_join(thread, NULL);
    CHECK(rdiff_open_handles() == 0);
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    CHECK(rdiff_backup(argv[1], argv[2], NULL, NULL) == RDIFF_OK);
    other_kinds(argv[1], argv[2], argv[3]);
    callbacks(argv[1], argv[2], argv[3]);
    explain(argv[1], argv[2]);
    sizes_that_cannot_be(argv[2]);
    threads(argv[2]);
    ending_threads(argv[2]);
    puts("all was withstood");
    return 0;
}
