/*
 * Paths in arguments, as the kernel of this host would walk them now. What two programs could read differently is refused: a server may
 * trim, expand "~", take a URL, or undo ".." before it follows links, and then another place would be touched than the one decided about.
 *
 * The answer is about this moment. Who may write into a folder on the way can put a link there afterwards; only a server that opens
 * below its roots itself (openat2 with RESOLVE_BENEATH) or is confined to them closes that gap.
 */
#include "estate/estate.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#define LINKS_MAX 40 /* as Linux: MAXSYMLINKS */
#define PATH_BYTES 4096u

/* What JavaScript, Python or a shell takes for space at the ends of a text (ECMA-262 §12.2, §12.3; str.strip), and quotes. */
static bool
trimmed_by_some(struct bytes end)
{
    static const char *const texts[] = {" ",
                                        "\"",
                                        "'",
                                        "`",
                                        "\xc2\x85",
                                        "\xc2\xa0",
                                        "\xe1\x9a\x80",
                                        "\xe2\x80\xa8",
                                        "\xe2\x80\xa9",
                                        "\xe2\x80\xaf",
                                        "\xe2\x81\x9f",
                                        "\xe3\x80\x80",
                                        "\xef\xbb\xbf",
                                        NULL};
    if (end.n == 3 && end.at[0] == 0xe2 && end.at[1] == 0x80 && end.at[2] >= 0x80 && end.at[2] <= 0x8b)
        return true; /* U+2000 to U+200B */
    for (const char *const *t = texts; *t; t++)
        if (bytes_is(end, *t))
            return true;
    return false;
}

static bool
trimmed_at_ends(struct bytes p)
{
    for (size_t n = 1; n <= 3 && n <= p.n; n++)
        if (trimmed_by_some(bytes_sub(p, 0, n)) || trimmed_by_some(bytes_sub(p, p.n - n, n)))
            return true;
    return false;
}

/* "scheme:" with a scheme of two letters or more (RFC 3986 §3.1), followed by "/" or of the file scheme. */
static bool
looks_like_url(struct bytes p)
{
    size_t i = 0;
    while (i < p.n && p.at[i] && strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-", p.at[i]))
        i++;
    if (i < 2 || i >= p.n || p.at[i] != ':')
        return false;
    return (i + 1 < p.n && p.at[i + 1] == '/') || bytes_same_case(bytes_sub(p, 0, i), BYTES("file"));
}

static struct err
check_text(struct bytes p)
{
    if (p.n == 0)
        return err_make(E_ARGUMENTS, "the path is empty");
    if (p.n >= PATH_BYTES)
        return err_make(E_ARGUMENTS, "the path has %zu bytes; at most %u are accepted", p.n, PATH_BYTES - 1);
    if (!bytes_utf8(p))
        return err_make(E_ARGUMENTS, "the path is not valid UTF-8");
    for (size_t i = 0; i < p.n; i++)
        if (p.at[i] < 0x20 || p.at[i] == 0x7f)
            return err_make(E_ARGUMENTS, "the path has the control character 0x%02x", p.at[i]);
    if (p.at[0] == '~')
        return err_make(E_ARGUMENTS, "the path starts with '~', which some programs expand; write it absolute");
    if (trimmed_at_ends(p))
        return err_make(E_ARGUMENTS, "the path starts or ends with a space or a quote, which some programs take away");
    if (looks_like_url(p))
        return err_make(E_ARGUMENTS, "the path looks like a URL; write it as a plain path");
    return err_ok();
}

/* A walk: ${done} is resolved, ${rest} is to come. */
struct walk {
    char done[PATH_BYTES * 2], rest[PATH_BYTES * 2];
    size_t n; /* of done; 0 is the root */
    int links;
};

static struct err
too_long(void)
{
    return err_make(E_ARGUMENTS, "the path gets longer than %u bytes when its links are followed", PATH_BYTES * 2 - 1);
}

static void
up(struct walk *w)
{
    while (w->n && w->done[w->n - 1] != '/')
        w->n--;
    w->n -= w->n > 0;
}

static struct err
down(struct walk *w, struct bytes part)
{
    if (w->n + 1 + part.n >= sizeof w->done)
        return too_long();
    w->done[w->n++] = '/';
    memcpy(w->done + w->n, part.at, part.n);
    w->n += part.n;
    return err_ok();
}

/* ${w->done} now ends in a link to ${target}: go back before it and read the target first. */
static struct err
follow(struct walk *w, const char *target, size_t n, struct bytes rest)
{
    char next[PATH_BYTES * 2];
    if (++w->links > LINKS_MAX)
        return err_make(E_ARGUMENTS, "the path goes through more than %d symbolic links", LINKS_MAX);
    if (n + 1 + rest.n >= sizeof next)
        return too_long();
    memcpy(next, target, n);
    next[n] = '/';
    if (rest.n)
        memcpy(next + n + 1, rest.at, rest.n);
    next[n + 1 + rest.n] = 0;
    memcpy(w->rest, next, n + 2 + rest.n);
    up(w);
    if (target[0] == '/')
        w->n = 0;
    return err_ok();
}

/* One component: ".", "..", a name, or a link. A place that cannot be looked at is as written; who walks it will fail as we do. */
static struct err
step(struct walk *w, bool follow_links)
{
    char target[PATH_BYTES];
    struct bytes rest = bytes_str(w->rest), part = bytes_split(&rest, '/');
    char kept[PATH_BYTES * 2];
    memcpy(kept, rest.n ? rest.at : (const uint8_t *)"", rest.n);
    struct bytes after = {(uint8_t *)kept, rest.n};
    if (bytes_is(part, ".."))
        up(w);
    else if (part.n && !bytes_is(part, "."))
        TRY(down(w, part));
    w->done[w->n] = 0;
    bool name = part.n && !bytes_is(part, ".") && !bytes_is(part, "..");
    ssize_t n = name && follow_links ? readlink(w->done, target, sizeof target) : -1;
    if (n > 0)
        return follow(w, target, (size_t)n, after);
    memcpy(w->rest, kept, after.n);
    w->rest[after.n] = 0;
    return err_ok();
}

static struct err
walk(struct walk *w, const char *start, struct bytes path, bool follow_links)
{
    int n = snprintf(w->rest, sizeof w->rest, "%s/%.*s", start, BYTES_ARG(path));
    w->n = 0;
    w->done[0] = 0;
    w->links = 0;
    if (n < 0 || (size_t)n >= sizeof w->rest)
        return too_long();
    while (w->rest[0])
        TRY(step(w, follow_links));
    return err_ok();
}

/* Undo ".." first, as Node's path.resolve and Python's normpath do, or follow links first, as the kernel does: both must agree. */
static struct err
refuse_two_readings(struct walk *w, const char *start, struct bytes path)
{
    char kernel[PATH_BYTES * 2], lexical[PATH_BYTES * 2];
    memcpy(kernel, w->done, w->n + 1);
    TRY(walk(w, start, path, false));
    memcpy(lexical, w->done, w->n + 1);
    TRY(walk(w, "", bytes_str(lexical), true));
    if (strcmp(w->done, kernel) != 0)
        return err_make(E_ARGUMENTS, "the path has '..' behind a symbolic link, which programs read in two ways; write it without '..'");
    return err_ok();
}

static bool
has_dots(struct bytes path)
{
    while (path.at)
        if (bytes_is(bytes_split(&path, '/'), ".."))
            return true;
    return false;
}

struct err
path_resolve(struct bytes path, const char *const *roots, struct arena *a, char **out)
{
    struct walk w;
    *out = NULL;
    TRY(check_text(path));
    bool absolute = path.at[0] == '/';
    if (!absolute && (roots == NULL || roots[0] == NULL))
        return err_make(E_ARGUMENTS, "the path is relative, and the destination declares no roots; write it absolute");
    const char *start = absolute ? "" : roots[0];
    TRY(walk(&w, start, path, true));
    if (has_dots(path))
        TRY(refuse_two_readings(&w, start, path));
    *out = arena_str(a, w.n ? bytes_make(w.done, w.n) : BYTES("/"));
    return *out ? err_ok() : err_make(E_MEMORY, "no memory for a path");
}

bool
path_under(const char *path, const char *folder)
{
    size_t n = strlen(folder);
    while (n && folder[n - 1] == '/')
        n--; /* "/" is above everything */
    return strncmp(path, folder, n) == 0 && (path[n] == 0 || path[n] == '/');
}
