/* Edits of a text by the places that its tree knows. */
#include "adopt/config.h"

#include <stdlib.h>

#define EDITS_MAX 20000u
#define CHILDREN_MAX 200u /* of a map whose members are edited */

void
edits_add(struct edits *e, size_t from, size_t to, struct bytes text)
{
    if (e->n == e->cap) {
        size_t cap = e->cap ? 2 * e->cap : 32;
        struct edit *list = cap <= EDITS_MAX ? arena_list(e->a, cap, sizeof *list) : NULL;
        e->failed |= list == NULL;
        if (list == NULL)
            return;
        if (e->n)
            memcpy(list, e->list, e->n * sizeof *list);
        e->list = list;
        e->cap = cap;
    }
    e->list[e->n++] = (struct edit){from, to, text};
}

static int
by_place(const void *a, const void *b)
{
    const struct edit *x = a, *y = b;
    if (x->from != y->from)
        return x->from < y->from ? -1 : 1;
    return x->to < y->to ? -1 : x->to > y->to;
}

struct err
edits_apply(struct edits *e, struct bytes text, struct buf *out)
{
    size_t at = 0;
    if (e->failed)
        return err_make(E_LIMIT, "too many changes for one file");
    if (e->n)
        qsort(e->list, e->n, sizeof *e->list, by_place);
    for (size_t i = 0; i < e->n; i++) {
        const struct edit *d = &e->list[i];
        if (d->from < at || d->to < d->from || d->to > text.n)
            return err_make(E_STATE, "two changes of the file overlap at byte %zu", d->from);
        buf_put(out, bytes_sub(text, at, d->from - at));
        buf_put(out, d->text);
        at = d->to;
    }
    buf_put(out, bytes_sub(text, at, text.n - at));
    return out->failed ? err_make(E_LIMIT, "the file would become too large") : err_ok();
}

/* ---------------------------------------------------------------------------------------------------------------- places */

static bool
blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Where the line of ${at} begins when nothing but blanks stands before it there; otherwise ${at}. */
static size_t
line_start(struct bytes text, size_t at)
{
    size_t from = at;
    while (from > 0 && (text.at[from - 1] == ' ' || text.at[from - 1] == '\t'))
        from--;
    return from == 0 || text.at[from - 1] == '\n' ? from : at;
}

static bool
begins_line(struct bytes text, size_t at)
{
    size_t from = line_start(text, at);
    return from == 0 || text.at[from - 1] == '\n';
}

/* Behind the line end when nothing but blanks stands before that; otherwise ${at}. */
static size_t
line_end(struct bytes text, size_t at)
{
    size_t to = at;
    while (to < text.n && blank(text.at[to]))
        to++;
    return to < text.n && text.at[to] == '\n' ? to + 1 : to == text.n ? to : at;
}

static size_t
before_blanks(struct bytes text, size_t at)
{
    while (at > 0 && (text.at[at - 1] == ' ' || text.at[at - 1] == '\t'))
        at--;
    return at;
}

/* What stands between members of this map: a line end and the indent of the first, or a blank. */
static struct bytes
separator(struct bytes text, const struct config *map)
{
    size_t at = map->child ? map->child->key_at : 0, from = line_start(text, at);
    if (map->child == NULL || from == 0 || !begins_line(text, at))
        return BYTES(" ");
    size_t end = from - 1;
    if (end > 0 && text.at[end - 1] == '\r')
        end--;
    return bytes_sub(text, end, at - end);
}

/* --------------------------------------------------------------------------------------------------------------- members */

struct slot { /* one child of the map */
    const struct config *child;
    bool named, gone;
    struct bytes text;  /* in place of what stands from ${from} to the end of the value; at == NULL: as it is */
    size_t from;
    struct buf after;   /* members that come behind it */
};

struct plan {
    struct edits *e;
    struct bytes text;
    const struct config *map;
    bool toml;
    struct slot slots[CHILDREN_MAX];
    size_t n;
    struct buf first; /* members that come before all others */
};

static void
put_key(struct buf *b, const char *key, bool toml)
{
    buf_printf(b, toml ? "%s = " : "\"%s\": ", key);
}

static struct bytes
kept(struct plan *p, struct buf *b)
{
    struct bytes out = b->failed ? (struct bytes){NULL, 0} : arena_copy(p->e->a, buf_bytes(b));
    p->e->failed |= out.at == NULL;
    buf_free(b);
    return out;
}

static struct slot *
slot_named(struct plan *p, const char *key)
{
    for (size_t i = 0; i < p->n; i++)
        if (bytes_is(p->slots[i].child->key, key))
            return &p->slots[i];
    return NULL;
}

/* A member that goes and can lend its place: it stands on its own, with its key before it. */
static struct slot *
slot_free(struct plan *p)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct config *c = p->slots[i].child;
        bool header = p->toml && c->at == c->key_at;
        if (p->slots[i].gone && !header && c->end)
            return &p->slots[i];
    }
    return NULL;
}

static void
put_member(struct plan *p, struct buf *b, const struct member *m)
{
    put_key(b, m->key, p->toml);
    buf_put(b, m->value);
}

/* Behind ${s}, or before everything. */
static void
insert(struct plan *p, struct slot *s, const struct member *m)
{
    struct bytes between = separator(p->text, p->map);
    struct buf *b = s ? &s->after : &p->first;
    bool behind = s || (b->n && p->n == 0);
    if (behind && !p->toml)
        buf_putc(b, ',');
    if (p->toml || behind)
        buf_put(b, p->toml && between.n == 1 ? BYTES("\n") : between);
    put_member(p, b, m);
    if (!s && !p->toml && p->n)
        buf_putc(b, ',');
    if (!s && !p->toml && p->n)
        buf_put(b, between);
}

static void
place(struct plan *p, const struct member *members, size_t n)
{
    struct slot *before = NULL;
    for (size_t i = 0; i < n; i++) {
        const struct member *m = &members[i];
        struct slot *s = slot_named(p, m->key);
        if (m->value.at == NULL)
            continue;
        if (s) {
            s->text = m->value;
            s->from = s->child->at;
        } else if (before == NULL && (s = slot_free(p)) != NULL) {
            struct buf b = buf_make(CONFIG_MAX_BYTES);
            put_member(p, &b, m);
            s->text = kept(p, &b);
            s->from = s->child->key_at;
            s->gone = false;
        } else {
            insert(p, before, m);
            continue;
        }
        before = s;
    }
}

static bool
read_slots(struct plan *p, const struct member *members, size_t n)
{
    for (const struct config *c = p->map->child; c; c = c->next) {
        if (p->n == CHILDREN_MAX || c->twice)
            return false;
        struct slot *s = &p->slots[p->n++];
        *s = (struct slot){.child = c, .after = buf_make(CONFIG_MAX_BYTES)};
        for (size_t i = 0; i < n; i++)
            if (bytes_is(c->key, members[i].key))
                s->gone = members[i].value.at == NULL;
    }
    return true;
}

static void
change(struct plan *p, struct slot *s)
{
    if (s->text.at)
        edits_add(p->e, s->from, s->child->end, s->text);
    if (s->after.n)
        edits_add(p->e, s->child->end, s->child->end, kept(p, &s->after));
}

/* ------------------------------------------------------------------------------------------------------------------ JSON */

static void
drop_json(struct plan *p, const struct slot *s, bool last)
{
    const struct config *c = s->child;
    size_t to = c->comma == CONFIG_NONE ? c->end : c->comma + 1, from = line_start(p->text, c->key_at), end = line_end(p->text, to);
    if (begins_line(p->text, c->key_at) && end > to) {
        edits_add(p->e, from, end, BYTES(""));
    } else if (last) {
        edits_add(p->e, before_blanks(p->text, c->key_at), to, BYTES(""));
    } else {
        while (to < p->text.n && (p->text.at[to] == ' ' || p->text.at[to] == '\t'))
            to++;
        edits_add(p->e, c->key_at, to, BYTES(""));
    }
}

static void
emit_json(struct plan *p)
{
    const struct slot *stays = NULL;
    for (size_t i = 0; i < p->n; i++)
        if (p->slots[i].gone)
            drop_json(p, &p->slots[i], i + 1 == p->n);
        else
            change(p, &p->slots[i]), stays = &p->slots[i];
    if (p->n && stays && stays->child->comma != CONFIG_NONE && p->slots[p->n - 1].child->comma == CONFIG_NONE)
        edits_add(p->e, stays->child->comma, stays->child->comma + 1, BYTES(""));
    if (p->first.n)
        edits_add(p->e, p->map->at + 1, p->map->at + 1, kept(p, &p->first));
}

/* ------------------------------------------------------------------------------------------------------------------ TOML */

/* With the rest of its last line, a comment there included. */
static void
drop_lines(struct plan *p, size_t from, size_t to)
{
    from = line_start(p->text, from);
    if (to == 0 || p->text.at[to - 1] != '\n')
        to += bytes_find(bytes_sub(p->text, to, SIZE_MAX), '\n') + 1;
    edits_add(p->e, from, to < p->text.n ? to : p->text.n, BYTES(""));
}

/*
 * With a header of its own, on a line, or made by dotted keys: then it is where its members are. Tables below it have headers of their own.
 * ${above}: what goes already, with all that stands in it.
 */
static bool
drop_toml(struct plan *p, const struct config *c, const struct config *above)
{
    bool inside = above && c->end && c->key_at >= above->at && c->end <= above->end,
         spread = c->type == CONFIG_MAP && (c->end == 0 || c->at == c->key_at);
    if (c->end && !inside)
        drop_lines(p, c->key_at, c->end);
    for (const struct config *m = spread ? c->child : NULL; m; m = m->next)
        if (!drop_toml(p, m, c->end && !inside ? c : above))
            return false;
    return c->end || c->type == CONFIG_MAP;
}

static struct bytes
raw(const struct plan *p, const struct config *c)
{
    return bytes_sub(p->text, c->key_at, c->end - c->key_at);
}

static void
put_lines(struct buf *b, const struct buf *lines, size_t *n)
{
    for (struct bytes rest = buf_bytes(lines); rest.n;) {
        struct bytes one = bytes_trim(bytes_split(&rest, '\n'));
        if (one.n) {
            buf_puts(b, (*n)++ ? ", " : "");
            buf_put(b, one);
        }
    }
}

/* An inline table is written anew, with what stays as it was. */
static bool
emit_inline(struct plan *p)
{
    struct buf b = buf_make(CONFIG_MAX_BYTES);
    size_t n = 0;
    buf_puts(&b, "{ ");
    put_lines(&b, &p->first, &n);
    for (size_t i = 0; i < p->n; i++) {
        struct slot *s = &p->slots[i];
        if (s->gone)
            continue;
        if (s->child->end == 0)
            return buf_free(&b), false;
        if (n++)
            buf_puts(&b, ", ");
        buf_put(&b, s->text.at ? bytes_sub(p->text, s->child->key_at, s->from - s->child->key_at) : raw(p, s->child));
        buf_put(&b, s->text);
        put_lines(&b, &s->after, &n);
    }
    buf_puts(&b, " }");
    edits_add(p->e, p->map->at, p->map->end, kept(p, &b));
    return true;
}

static bool
emit_toml(struct plan *p)
{
    if (p->map->end && p->text.at[p->map->at] == '{')
        return emit_inline(p);
    bool header = p->map->end && p->map->key.at && p->text.at[p->map->at] == '[';
    if (p->first.n && !header)
        return false;
    for (size_t i = 0; i < p->n; i++)
        if (!p->slots[i].gone) {
            const struct config *c = p->slots[i].child;
            bool spread = c->end == 0 || c->at == c->key_at; /* over dotted keys, or below a header: no value stands there */
            if ((p->slots[i].text.at || p->slots[i].after.n) && spread)
                return false;
            if (p->map->end == 0 && (p->slots[i].after.n || (p->slots[i].text.at && p->slots[i].from == p->slots[i].child->key_at)))
                return false; /* the keys of new lines would need the dotted names before them */
            change(p, &p->slots[i]);
        } else if (!drop_toml(p, p->slots[i].child, NULL)) {
            return false;
        }
    if (p->first.n) {
        size_t line = p->map->at + bytes_find(bytes_sub(p->text, p->map->at, SIZE_MAX), '\n');
        line -= line > 0 && p->text.at[line - 1] == '\r';
        edits_add(p->e, line, line, kept(p, &p->first));
    }
    return true;
}

bool
edits_members(struct edits *e, struct bytes text, const struct config *map, bool toml, const struct member *members, size_t n)
{
    struct plan *p = arena_get(e->a, sizeof *p);
    size_t before = e->n;
    if (p == NULL) {
        e->failed = true;
        return false;
    }
    *p = (struct plan){.e = e, .text = text, .map = map, .toml = toml, .first = buf_make(CONFIG_MAX_BYTES)};
    bool ok = read_slots(p, members, n);
    if (ok)
        place(p, members, n);
    if (ok && toml)
        ok = emit_toml(p);
    else if (ok)
        emit_json(p);
    for (size_t i = 0; i < p->n; i++)
        buf_free(&p->slots[i].after);
    buf_free(&p->first);
    if (!ok)
        e->n = before;
    return ok;
}
