/*
 * Secrets in pieces. Texts that go by the same name (the "text" of every content block, the "message" of every progress note; items of a list go
 * by the list's name) are looked at as one text, in order. Only what crosses a border counts: the rest was seen in the view.
 */
#include <stdlib.h>

#include "inspect/room.h"

#define TAIL_BYTES 4096u /* kept of what came in earlier messages, of each name */
#define TAILS_MAX 16u

struct inspect_carry {
    struct tail {
        uint64_t name;
        struct buf text;
    } tails[TAILS_MAX];
    size_t n;
};

struct inspect_carry *
inspect_carry_make(void)
{
    return calloc(1, sizeof(struct inspect_carry));
}

void
inspect_carry_free(struct inspect_carry *c)
{
    for (size_t i = 0; c && i < c->n; i++) {
        bytes_wipe(c->tails[i].text.at, c->tails[i].text.n);
        buf_free(&c->tails[i].text);
    }
    free(c);
}

static struct tail *
tail_of(struct inspect_carry *c, uint64_t name)
{
    for (size_t i = 0; c && i < c->n; i++)
        if (c->tails[i].name == name)
            return &c->tails[i];
    return NULL;
}

static void
keep_tail(struct inspect_carry *c, uint64_t name, struct bytes text)
{
    struct tail *t = tail_of(c, name);
    if (t == NULL && c->n < TAILS_MAX) {
        t = &c->tails[c->n++];
        *t = (struct tail){name, buf_make(TAIL_BYTES * 2)};
    }
    if (t == NULL)
        return;
    if (text.n > TAIL_BYTES)
        text = bytes_sub(text, text.n - TAIL_BYTES, TAIL_BYTES);
    buf_put(&t->text, text);
    if (t->text.n > TAIL_BYTES)
        buf_drop(&t->text, t->text.n - TAIL_BYTES);
}

/* ------------------------------------------------------------------------------------------------------------ names */

/* FNV-1a. Two names with the same hash are looked at together, which does no harm. */
static uint64_t
hash(struct bytes b)
{
    uint64_t h = 0xcbf29ce484222325;
    for (size_t i = 0; i < b.n; i++)
        h = (h ^ b.at[i]) * 0x100000001b3;
    return h;
}

static uint64_t
name_of(const struct inspect_room *r, const struct segment *g)
{
    const struct json *node = g->node;
    for (uint32_t f = g->frame; f != UINT32_MAX; f = r->frames[f].parent) {
        if (r->frames[f].node->type == JSON_OBJECT)
            return hash(node->key);
        node = r->frames[f].node;
    }
    return 0;
}

static int
by_name(const void *left, const void *right)
{
    const struct joined *a = left, *b = right;
    if (a->name != b->name)
        return a->name < b->name ? -1 : 1;
    return a->segment < b->segment ? -1 : 1;
}

static void
list_parts(struct inspect_room *r)
{
    r->n_parts = 0;
    for (size_t i = 0; i < r->n_segments; i++) {
        const struct segment *g = &r->segments[i];
        struct joined *p = g->kind != SEGMENT_KEY && g->n ? ROOM_PUSH(r, parts, n_parts, cap_parts) : NULL;
        if (p == NULL)
            continue;
        *p = (struct joined){name_of(r, g), SIZE_MAX, (uint32_t)i};
        r->n_parts++;
    }
    if (r->n_parts > 1)
        qsort(r->parts, r->n_parts, sizeof *r->parts, by_name);
}

/* ------------------------------------------------------------------------------------------------------------ joining */

static struct bytes
text_of(const struct inspect_room *r, const struct joined *p)
{
    const struct segment *g = &r->segments[p->segment];
    return bytes_sub(buf_bytes(&r->view), g->at, g->n);
}

/* Parts ${from} to ${to} of one name: into the joined text, unless it is one alone with nothing before it. A zero stands between names. */
static void
join(struct inspect_room *r, size_t from, size_t to)
{
    struct tail *t = tail_of(r->ask->carry, r->parts[from].name);
    if (t == NULL && to - from < 2)
        return;
    if (t)
        buf_put(&r->joined, buf_bytes(&t->text));
    for (size_t i = from; i < to; i++) {
        r->parts[i].at = r->joined.n;
        buf_put(&r->joined, text_of(r, &r->parts[i]));
    }
    buf_putc(&r->joined, 0);
}

static size_t
same_name(const struct inspect_room *r, size_t from)
{
    size_t to = from + 1;
    while (to < r->n_parts && r->parts[to].name == r->parts[from].name)
        to++;
    return to;
}

void
scan_joined(struct inspect_room *r)
{
    struct inspect_carry *c = r->ask->carry;
    list_parts(r);
    r->joined.n = 0;
    r->joined.failed = false;
    r->joined.max = r->view.n * 2 + (size_t)TAILS_MAX * TAIL_BYTES + 64;
    for (size_t i = 0, next; i < r->n_parts; i = next) {
        next = same_name(r, i);
        join(r, i, next);
    }
    if (r->joined.failed && r->incomplete == NULL)
        r->incomplete = "no memory to look at all of it";
    for (size_t i = 0; c && i < r->n_parts; i++)
        keep_tail(c, r->parts[i].name, text_of(r, &r->parts[i]));
    size_t n = 0;
    for (size_t i = 0; i < r->n_parts; i++)
        if (r->parts[i].at != SIZE_MAX)
            r->parts[n++] = r->parts[i];
    r->n_parts = n; /* only those that are in it, in its order */
    if (r->joined.n)
        scan_text(r, buf_bytes(&r->joined), HOW_SPLIT);
}

/* ------------------------------------------------------------------------------------------------------------ findings */

/* The first part that ends behind ${at}. */
static size_t
first_part(const struct inspect_room *r, size_t at)
{
    size_t low = 0, high = r->n_parts;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (r->parts[middle].at + r->segments[r->parts[middle].segment].n <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void
joined_found(struct inspect_room *r, size_t from, size_t to, uint32_t rule, enum found_action action)
{
    size_t first = first_part(r, from), last = first, n = 0;
    for (size_t i = first; i < r->n_parts && r->parts[i].at < to; i++)
        last = i, n++;
    bool before = n && r->parts[first].at > from; /* it began in an earlier message */
    if (n + before < 2 || r->parts[first].name != r->parts[last].name)
        return;
    for (size_t i = first; i <= last; i++) {
        const struct segment *g = &r->segments[r->parts[i].segment];
        size_t at = r->parts[i].at, a = from > at ? from - at : 0, b = to - at < g->n ? to - at : g->n;
        found_add(r, g->at + a, g->at + b, rule, HOW_SPLIT, action);
    }
}
