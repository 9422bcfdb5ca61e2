#include "adopt/refer.h"

#include <ctype.h>
#include <stdio.h>

#define TEXT_MAX 131072u

const char *
surroundings_get(const struct surroundings *s, struct bytes name)
{
    for (const char *const *v = s->environment; v && *v; v++)
        if (strncmp(*v, (const char *)name.at, name.n) == 0 && (*v)[name.n] == '=')
            return *v + name.n + 1;
    return NULL;
}

struct referring {
    struct arena *a;
    const struct surroundings *s;
    unsigned kinds;
    struct bytes folder;
    struct value *v;
    char *missing;
    struct buf out;
};

static bool
is_name(struct bytes n)
{
    for (size_t i = 0; i < n.n; i++)
        if (!isalpha(n.at[i]) && n.at[i] != '_' && (i == 0 || !isdigit(n.at[i])))
            return false;
    return n.n > 0;
}

/* What is the person's own whoever reads the file; anything else of an environment may be a secret. */
static bool
common(struct bytes name)
{
    static const char *const names[] = {"HOME", "USER", "LOGNAME", "SHELL", "PATH", "PWD", "TMPDIR", "LANG", NULL};
    for (const char *const *n = names; *n; n++)
        if (bytes_is(name, *n))
            return true;
    return bytes_starts(name, BYTES("XDG_"));
}

static void
miss(struct referring *r, struct bytes written)
{
    if (r->missing[0] == 0)
        snprintf(r->missing, 80, "%.*s", BYTES_CUT(written, 79));
}

static void
put_variable(struct referring *r, struct bytes name, struct bytes otherwise, bool has_otherwise, struct bytes written)
{
    const char *value = bytes_is(name, "HOME") ? r->s->home : surroundings_get(r->s, name);
    if (value && value[0]) {
        buf_puts(&r->out, value);
        r->v->reference |= !common(name);
    } else if (has_otherwise) {
        buf_put(&r->out, otherwise);
    } else {
        miss(r, written);
    }
}

/* ${NAME}, ${NAME:-otherwise}, ${env:NAME} and an editor's own. False: no reference of this client; it stays. */
static bool
braces(struct referring *r, struct bytes inside, struct bytes written)
{
    struct bytes rest = inside, name = bytes_split(&rest, ':');
    if ((r->kinds & REF_EDITOR) && bytes_is(inside, "userHome"))
        buf_puts(&r->out, r->s->home);
    else if ((r->kinds & REF_EDITOR) && bytes_is(inside, "workspaceFolder") && r->folder.n)
        buf_put(&r->out, r->folder);
    else if ((r->kinds & REF_EDITOR) && bytes_is(inside, "pathSeparator"))
        buf_puts(&r->out, "/");
    else if ((r->kinds & REF_EDITOR) && bytes_is(name, "env") && is_name(rest))
        put_variable(r, rest, (struct bytes){NULL, 0}, false, written);
    else if ((r->kinds & REF_EDITOR) && (bytes_is(name, "input") || bytes_starts(inside, BYTES("workspaceFolder")) || bytes_is(name, "command")))
        miss(r, written);
    else if ((r->kinds & REF_BRACES) && is_name(name) && (rest.at == NULL || (rest.n && rest.at[0] == '-')))
        put_variable(r, name, bytes_sub(rest, 1, SIZE_MAX), rest.at != NULL, written);
    else
        return false;
    return true;
}

/* {env:NAME} and {file:PATH} */
static bool
curly(struct referring *r, struct bytes inside, struct bytes written)
{
    struct bytes rest = inside, name = bytes_split(&rest, ':');
    if (bytes_is(name, "env") && is_name(rest))
        put_variable(r, rest, (struct bytes){NULL, 0}, true, written);
    else if (bytes_is(name, "file"))
        miss(r, written);
    else
        return false;
    return true;
}

static size_t
name_length(struct bytes t)
{
    size_t n = 0;
    while (n < t.n && (isalpha(t.at[n]) || t.at[n] == '_' || (n && isdigit(t.at[n]))))
        n++;
    return n;
}

/* At a place where one may begin: how many bytes it took, or 0. */
static size_t
one(struct referring *r, struct bytes t)
{
    bool dollar = t.at[0] == '$', open = dollar && t.n > 1 && t.at[1] == '{';
    size_t from = open ? 2 : 1, end = bytes_find(t, '}');
    struct bytes inside = bytes_sub(t, from, end - from), written = bytes_sub(t, 0, end + 1);
    if (open && end < t.n && end > from)
        return braces(r, inside, written) ? end + 1 : 0;
    if (!dollar && (r->kinds & REF_CURLY) && end < t.n)
        return curly(r, inside, written) ? end + 1 : 0;
    size_t n = dollar && (r->kinds & REF_DOLLAR) ? name_length(bytes_sub(t, 1, SIZE_MAX)) : 0;
    if (n)
        put_variable(r, bytes_sub(t, 1, n), (struct bytes){NULL, 0}, false, bytes_sub(t, 0, n + 1));
    return n ? n + 1 : 0;
}

struct err
refer(struct arena *a, const struct surroundings *s, unsigned kinds, struct bytes folder, struct value *v, char missing[80])
{
    struct referring r = {a, s, kinds, folder, v, missing, buf_make(TEXT_MAX)};
    missing[0] = 0;
    if (kinds == 0 || v->text.n == 0)
        return err_ok();
    for (size_t i = 0; i < v->text.n;) {
        struct bytes t = bytes_sub(v->text, i, SIZE_MAX);
        size_t took = t.at[0] == '$' || t.at[0] == '{' ? one(&r, t) : 0;
        if (took == 0)
            buf_putc(&r.out, t.at[0]);
        i += took ? took : 1;
    }
    v->text = r.out.n ? arena_copy(a, buf_bytes(&r.out)) : BYTES("");
    struct err e = r.out.failed ? err_make(E_LIMIT, "a value of more than %u bytes", TEXT_MAX)
                   : v->text.at ? err_ok()
                                : err_make(E_MEMORY, "no memory");
    bytes_wipe(r.out.at, r.out.n);
    buf_free(&r.out);
    return e;
}
