/*
 * Any bytes as a path: what comes out is absolute, without ".", ".." and "//", stays the same when resolved again, and lies under itself.
 */
#include "estate/estate.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_plain(const char *path)
{
    struct bytes rest = bytes_str(path + 1);
    if (path[0] != '/')
        abort();
    while (path[1] && rest.at) {
        struct bytes part = bytes_split(&rest, '/');
        if (part.n == 0 || bytes_is(part, ".") || bytes_is(part, ".."))
            abort();
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const roots[] = {"/usr", NULL};
    struct arena a = {0};
    char *out, *again;
    struct err e = path_resolve(bytes_make(data, size), roots, &a, &out);
    if (err_failed(e) != (out == NULL))
        abort();
    if (out) {
        check_plain(out);
        if (!path_under(out, out) || !path_under(out, "/"))
            abort();
        if (!err_failed(path_resolve(bytes_str(out), roots, &a, &again)) && strcmp(out, again) != 0)
            abort();
    }
    arena_free(&a);
    return 0;
}
