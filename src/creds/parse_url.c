/* URLs and forms: the well-known addresses of discovery, what covers what, query strings. */
#include "creds/parse.h"
#include "net/url.h"

static const char hex[] = "0123456789ABCDEF";

/* scheme://authority, and the path without a slash at its end. */
static bool
split(const char *url, struct bytes *origin, struct bytes *path)
{
    struct url u;
    if (err_failed(url_parse(url, &u)) || u.unix_socket)
        return false;
    *origin = u.origin;
    if (u.target.at < (const uint8_t *)url || u.target.at > (const uint8_t *)url + strlen(url))
        u.target = (struct bytes){NULL, 0}; /* without a path it points to a "/" of its own */
    *path = bytes_sub(u.target, 0, bytes_find(u.target, '?'));
    while (path->n && path->at[path->n - 1] == '/')
        path->n--;
    return true;
}

bool
url_has_path(const char *url)
{
    struct bytes origin, path;
    return split(url, &origin, &path) && path.n > 0;
}

const char *
well_known(struct arena *a, const char *url, const char *name, enum well_known_form form)
{
    struct bytes origin, path;
    if (!split(url, &origin, &path))
        return NULL;
    switch (form) {
    case WELL_KNOWN_INSERTED:
        return arena_printf(a, "%.*s/.well-known/%s%.*s", BYTES_ARG(origin), name, BYTES_ARG(path));
    case WELL_KNOWN_ROOT:
        return arena_printf(a, "%.*s/.well-known/%s", BYTES_ARG(origin), name);
    case WELL_KNOWN_APPENDED:
        return arena_printf(a, "%.*s%.*s/.well-known/%s", BYTES_ARG(origin), BYTES_ARG(path), name);
    }
    return NULL;
}

bool
url_covers(const char *wider, const char *narrower)
{
    struct bytes wide_origin, wide_path, origin, path;
    if (!split(wider, &wide_origin, &wide_path) || !split(narrower, &origin, &path) || !bytes_same_case(wide_origin, origin))
        return false;
    return bytes_starts(path, wide_path) && (path.n == wide_path.n || path.at[wide_path.n] == '/');
}

void
percent_put(struct buf *b, struct bytes text)
{
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.at[i];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-._~", c))) {
            buf_putc(b, c);
        } else {
            buf_putc(b, '%');
            buf_putc(b, (uint8_t)hex[c >> 4]);
            buf_putc(b, (uint8_t)hex[c & 15]);
        }
    }
}

static int
digit(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

static bool
unescape(struct arena *a, struct bytes in, struct bytes *out)
{
    uint8_t *to = arena_get(a, in.n + 1);
    size_t n = 0;
    for (size_t i = 0; to && i < in.n; i++) {
        if (in.at[i] != '%') {
            to[n++] = in.at[i] == '+' ? ' ' : in.at[i];
            continue;
        }
        if (i + 2 >= in.n || digit(in.at[i + 1]) < 0 || digit(in.at[i + 2]) < 0)
            return false;
        to[n++] = (uint8_t)(digit(in.at[i + 1]) << 4 | digit(in.at[i + 2]));
        i += 2;
    }
    *out = bytes_make(to, n);
    return to != NULL;
}

bool
query_value(struct arena *a, struct bytes query, const char *name, struct bytes *out)
{
    struct bytes rest = query;
    bool found = false;
    *out = (struct bytes){NULL, 0};
    while (rest.n) {
        struct bytes pair = bytes_split(&rest, '&'), key = bytes_split(&pair, '='), plain;
        if (!unescape(a, key, &plain))
            return false;
        if (!bytes_is(plain, name))
            continue;
        if (found || !unescape(a, pair, out))
            return false;
        found = true;
    }
    return true;
}
