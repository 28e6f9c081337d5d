/*
 * Lists a session, or a part of it, like `ls -lR`.
 *
 *     browse REPOSITORY [TIME [PATH]]
 *
 * TIME is "now", "3D", "2B", "2023-11-14", ...
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rdiff.h"

/* A line of the listing of the directory that it stands in. */
struct line {
    char *directory;
    char *name;
    char *text;
};

struct listing {
    struct line *lines;
    size_t count, room;
};

static char *copy(const char *text, size_t len)
{
    char *made = (char *)malloc(len + 1);
    if (!made)
        abort();
    memcpy(made, text, len);
    made[len] = '\0';
    return made;
}

static void add(struct listing *listing, char *directory, char *name, char *text)
{
    struct line line;
    if (listing->count == listing->room) {
        listing->room = listing->room ? 2 * listing->room : 64;
        listing->lines = (struct line *)realloc(listing->lines, listing->room * sizeof *listing->lines);
        if (!listing->lines)
            abort();
    }
    line.directory = directory;
    line.name = name;
    line.text = text;
    listing->lines[listing->count++] = line;
}

static int by_directory(const void *a, const void *b)
{
    const struct line *left = (const struct line *)a, *right = (const struct line *)b;
    int order = strcmp(left->directory, right->directory);
    return order ? order : strcmp(left->name, right->name);
}

static void mode_text(const rdiff_entry *entry, char text[11])
{
    static const char kinds[] = "-dlpscb", letters[] = "rwxrwxrwx";
    int i;
    text[0] = (unsigned)entry->kind < 7 ? kinds[entry->kind] : '?';
    for (i = 0; i < 9; i++)
        text[i + 1] = (entry->mode >> (8 - i)) & 1 ? letters[i] : '-';
    if (entry->mode & 04000)
        text[3] = text[3] == 'x' ? 's' : 'S';
    if (entry->mode & 02000)
        text[6] = text[6] == 'x' ? 's' : 'S';
    if (entry->mode & 01000)
        text[9] = text[9] == 'x' ? 't' : 'T';
    text[10] = '\0';
}

static char *entry_text(const rdiff_entry *entry, const char *name)
{
    char mode[11], user[16], group[16], when[32] = "-";
    size_t room = strlen(name) + entry->link_target_len + 256;
    char *text = (char *)malloc(room);
    if (!text)
        abort();
    mode_text(entry, mode);
    snprintf(user, sizeof user, "%" PRIu32, entry->uid);
    snprintf(group, sizeof group, "%" PRIu32, entry->gid);
    if (entry->has_mtime) {
        time_t seconds = (time_t)entry->mtime;
        struct tm *utc = gmtime(&seconds);
        if (utc)
            strftime(when, sizeof when, "%Y-%m-%d %H:%M", utc);
    }
    snprintf(text, room, "%s %" PRIu64 " %.64s %.64s %" PRIu64 " %s %s%s%s", mode,
             entry->link_count ? entry->link_count : 1, entry->user ? entry->user : user,
             entry->group ? entry->group : group, entry->size, when, name, entry->link_target ? " -> " : "",
             entry->link_target ? entry->link_target : "");
    return text;
}

static void take(struct listing *listing, const rdiff_entry *entry)
{
    const char *slash = strrchr(entry->path, '/');
    const char *name = slash ? slash + 1 : entry->path;
    size_t parent = slash ? (size_t)(slash - entry->path) : 0;
    if (entry->kind == RDIFF_DIRECTORY)
        add(listing, copy(entry->path, entry->path_len), copy("", 0), NULL);
    if (entry->path_len)
        add(listing, copy(entry->path, parent), copy(name, strlen(name)), entry_text(entry, name));
}

static void print_and_free(struct listing *listing)
{
    const char *directory = NULL;
    size_t i;
    if (listing->count)
        qsort(listing->lines, listing->count, sizeof *listing->lines, by_directory);
    for (i = 0; i < listing->count; i++) {
        const struct line *line = &listing->lines[i];
        if (!directory || strcmp(directory, line->directory)) {
            printf("%s.%s%s:\n", directory ? "\n" : "", *line->directory ? "/" : "", line->directory);
            directory = line->directory;
        }
        if (line->text)
            printf("%s\n", line->text);
    }
    for (i = 0; i < listing->count; i++) {
        free(listing->lines[i].directory);
        free(listing->lines[i].name);
        free(listing->lines[i].text);
    }
    free(listing->lines);
}

static int fail(const char *what)
{
    const rdiff_error *error = rdiff_last_error();
    fprintf(stderr, "%s: %s\n", what, error ? error->message : "no error");
    return 1;
}

static int browse(rdiff_repository *repository, const char *time, const char *path)
{
    rdiff_entries *entries = NULL;
    const rdiff_entry *entry = NULL;
    struct listing listing = { NULL, 0, 0 };
    rdiff_status status;
    int64_t session = 0;
    int failed = 0;

    if (rdiff_repository_find_session(repository, time, &session) != RDIFF_OK)
        return fail("find session");
    if (rdiff_entries_open(repository, session, path, &entries) != RDIFF_OK)
        return fail("list");
    while ((status = rdiff_entries_next(entries, &entry)) == RDIFF_OK)
        take(&listing, entry);
    if (status != RDIFF_END)
        failed = fail("list");
    rdiff_entries_free(entries);
    print_and_free(&listing);
    return failed;
}

int main(int argc, char **argv)
{
    rdiff_repository *repository = NULL;
    int failed;
    if (argc < 2 || argc > 4) {
        fprintf(stderr, "usage: %s REPOSITORY [TIME [PATH]]\n", argv[0]);
        return 2;
    }
    if (rdiff_repository_open(argv[1], &repository) != RDIFF_OK)
        return fail("open");
    failed = browse(repository, argc > 2 ? argv[2] : "now", argc > 3 ? argv[3] : NULL);
    rdiff_repository_free(repository);
    return failed;
}
