/* What the programs of this directory have in common: a failed check ends them, and says where. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rdiff.h"

#define CHECK(condition) check((condition), #condition, __LINE__)
#define FAILS(status, text) check((status) != RDIFF_OK && said(text), #status, __LINE__)

static void check(int good, const char *what, int line)
{
    if (!good) {
        const rdiff_error *error = rdiff_last_error();
        fprintf(stderr, "line %d: %s (last error: %s)\n", line, what, error ? error->message : "none");
        exit(1);
    }
}

/* Is this part of the last message? */
static int said(const char *text)
{
    const rdiff_error *error = rdiff_last_error();
    return error && error->version == 1 && strstr(error->message, text) != NULL;
}

#endif
