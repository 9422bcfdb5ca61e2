/*
 * One text: vectorscan says where to look, the rule's own expression whether there is a match and of what, the rule whether it is a finding.
 * Every place where a match may begin is tried once for each rule, so the work is linear in the text; a budget bounds it all the same.
 */
#include <stdlib.h>

#include "inspect/room.h"

struct inspect_carry {
    struct inspect *in;
    hs_stream_t *stream;
    uint64_t fed;
    struct buf tail;
};

struct scan {
    struct inspect_room *r;
    struct bytes text;
    enum sighting_how how;
    uint64_t base; /* of vectorscan's offsets: what it saw before this text */
    size_t tail;   /* SPLIT: bytes of the text that were there before */
};

struct inspect_carry *
inspect_carry_make(void)
{
    struct inspect_carry *c = calloc(1, sizeof *c);
    if (c)
        c->tail = buf_make((size_t)128 << 20);
    return c;
}

static void
carry_reset(struct inspect_carry *c)
{
    if (c->stream)
        hs_close_stream(c->stream, NULL, NULL, NULL);
    c->stream = NULL;
    c->fed = 0;
    inspect_unref(c->in);
    c->in = NULL;
}

void
inspect_carry_free(struct inspect_carry *c)
{
    if (c == NULL)
        return;
    carry_reset(c);
    if (c->tail.at)
        bytes_wipe(c->tail.at, c->tail.n);
    buf_free(&c->tail);
    free(c);
}

/* ---------------------------------------------------------------------------------------------------------- places */

void
found_add(struct inspect_room *r, size_t from, size_t to, uint32_t rule, enum sighting_how how, enum found_action action)
{
    for (size_t i = 0; how != HOW_PLAIN && i < r->n_found && i < 64; i++)
        if (r->found[i].rule == rule && r->found[i].from < to && from < r->found[i].to)
            return; /* seen as it stands; the disguise only shows it again */
    if (r->n_found == FOUND_MAX) {
        r->incomplete = "more was found than is kept";
        return;
    }
    struct found *f = ROOM_PUSH(r, found, n_found, cap_found);
    if (f == NULL)
        return;
    *f = (struct found){from, to, rule, how, action};
    r->n_found++;
}

/* The origin that holds ${at} of the decoded text. */
static const struct origin *
origin_of(const struct inspect_room *r, size_t at)
{
    size_t low = 0, high = r->n_origins;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (r->origins[middle].at <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? &r->origins[low - 1] : NULL;
}

static bool
from_decoded(const struct inspect_room *r, size_t *from, size_t *to)
{
    const struct origin *a = origin_of(r, *from), *b = origin_of(r, *to - 1);
    if (a == NULL || b == NULL || a->at > *from)
        return false;
    size_t end = b->block || b->n ? b->from + b->n : b->from + (*to - b->at);
    *from = a->block || a->n ? a->from : a->from + (*from - a->at);
    *to = end > *from ? end : *from + 1;
    return true;
}

/* The first segment whose text in the joined one does not end before ${at}. */
static size_t
joined_segment(const struct inspect_room *r, size_t at)
{
    size_t low = 0, high = r->n_segments;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (r->segments[middle].joined <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? low - 1 : 0;
}

/* A range of the joined text counts when it crosses a border; it is noted in every segment it touches. */
static void
add_joined(const struct scan *s, size_t from, size_t to, uint32_t rule, enum found_action action)
{
    struct inspect_room *r = s->r;
    size_t here = from > s->tail ? from - s->tail : 0, end = to > s->tail ? to - s->tail : 0, pieces = from < s->tail,
           first = joined_segment(r, here);
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = first; i < r->n_segments && r->segments[i].joined < end; i++) {
            const struct segment *g = &r->segments[i];
            size_t a = here > g->joined ? here - g->joined : 0, b = end - g->joined < g->n ? end - g->joined : g->n;
            if (g->kind == SEGMENT_KEY || a >= b)
                continue;
            if (pass == 0)
                pieces++;
            else
                found_add(r, g->at + a, g->at + b, rule, HOW_SPLIT, action);
        }
        if (pieces < 2)
            return;
    }
}

static void
add(const struct scan *s, size_t from, size_t to, uint32_t rule, enum found_action action)
{
    struct inspect_room *r = s->r;
    if (s->how == HOW_SPLIT)
        add_joined(s, from, to, rule, action);
    else if (s->how == HOW_PLAIN || from_decoded(r, &from, &to))
        found_add(r, from, to, rule, s->how, action);
}

/* ----------------------------------------------------------------------------------------------------------- rules */

static enum found_action
action_of(const struct inspect_room *r, const struct found_do *act)
{
    return r->ask->way == INSPECT_ARGUMENTS ? act->arguments : act->results;
}

static void
take_match(struct scan *s, uint32_t rule, struct bytes text, size_t offset, const struct regex_match *m)
{
    struct inspect_room *r = s->r;
    const struct rule *x = &r->in->rules[rule];
    struct hit h;
    if (s->how == HOW_SPLIT && (!x->join || m->to[0] <= s->tail))
        return;
    if (!rule_hit(r->in, x, r->regex, text, m, &r->budget, &h))
        return;
    if (x->kind == SIGHT_OWN && r->ask->own)
        r->ask->own(bytes_sub(text, h.from, h.to - h.from), r->ask->ctx);
    add(s, offset + h.from, offset + h.to, rule, action_of(r, &x->act));
}

/* Every match of the rule that begins from ${from} to ${last}. Returns where the next one may begin. */
static size_t
matches_in(struct scan *s, uint32_t rule, struct bytes text, size_t offset, size_t from, size_t last)
{
    struct inspect_room *r = s->r;
    struct regex_match m;
    while (from <= last && regex_find(r->in->rules[rule].regex, r->regex, text, from, last, &r->budget, &m)) {
        take_match(s, rule, text, offset, &m);
        from = m.to[0] > from ? m.to[0] : from + 1;
    }
    if (r->budget == 0)
        r->incomplete = "it holds more that looks like a finding than can be looked at";
    return from > last ? from : last + 1;
}

/* A rule that asks for the start or end of a text: of the one text that it is, too. */
static void
anchored_in(struct scan *s, uint32_t rule, size_t from, size_t end)
{
    struct inspect_room *r = s->r;
    size_t i = view_segment(r, end ? end - 1 : 0);
    if (i == r->n_segments)
        return;
    const struct segment *g = &r->segments[i];
    if (end > g->at + g->n)
        return;
    struct bytes text = bytes_sub(buf_bytes(&r->view), g->at, g->n);
    matches_in(s, rule, text, g->at, from > g->at ? from - g->at : 0, end - g->at);
}

static int
on_trigger(unsigned id, unsigned long long begin, unsigned long long at, unsigned flags, void *ctx)
{
    struct scan *s = ctx;
    struct inspect_room *r = s->r;
    const struct rule *x = &r->in->rules[id];
    (void)begin, (void)flags;
    if (at < s->base)
        return 0;
    size_t end = (size_t)(at - s->base), reach = x->reach > REACH ? REACH : x->reach;
    end = end < s->text.n ? end : s->text.n;
    size_t from = end > reach ? end - reach : 0;
    if (r->next[id] > from)
        from = r->next[id];
    if (from > end)
        return 0;
    size_t had = r->n_found;
    r->next[id] = matches_in(s, id, s->text, 0, from, end);
    if (regex_anchored(x->regex) && s->how == HOW_PLAIN && r->n_found == had)
        anchored_in(s, id, from, end);
    return r->budget == 0;
}

static void
on_sealed(size_t from, size_t to, size_t value, void *ctx)
{
    struct scan *s = ctx;
    if (s->how == HOW_SPLIT && to <= s->tail)
        return;
    add(s, from, to, RULE_SEALED + (uint32_t)value, s->r->ask->way == INSPECT_ARGUMENTS ? FOUND_REFUSE : FOUND_REDACT);
}

/* Scratch and stream for the rules at hand, and where each rule goes on. */
bool
scan_ready(struct inspect_room *r)
{
    const struct compiled *c = r->in ? r->in->compiled : NULL;
    if (c == NULL || c->db == NULL)
        return false;
    if (r->serial != c->serial) {
        if (r->stream)
            hs_close_stream(r->stream, NULL, NULL, NULL);
        r->stream = NULL;
        r->serial = 0;
        if (hs_alloc_scratch(c->db, &r->scratch) != HS_SUCCESS || hs_open_stream(c->db, 0, &r->stream) != HS_SUCCESS) {
            r->incomplete = "no memory to look at all of it";
            return false;
        }
        r->serial = c->serial;
    }
    if (r->cap_next < r->in->n_rules) {
        size_t *next = realloc(r->next, r->in->n_rules * sizeof *next);
        if (next == NULL) {
            r->incomplete = "no memory to look at all of it";
            return false;
        }
        r->next = next;
        r->cap_next = r->in->n_rules;
    }
    memset(r->next, 0, r->in->n_rules * sizeof *r->next);
    return true;
}

static void
feed(struct scan *s, hs_stream_t *stream, struct bytes part)
{
    struct inspect_room *r = s->r;
    hs_error_t e = HS_SUCCESS;
    while (part.n && e == HS_SUCCESS) {
        struct bytes piece = bytes_sub(part, 0, (size_t)1 << 30);
        e = hs_scan_stream(stream, (const char *)piece.at, (unsigned)piece.n, 0, r->scratch, on_trigger, s);
        part = bytes_sub(part, piece.n, part.n);
    }
    if (e != HS_SUCCESS && e != HS_SCAN_TERMINATED)
        r->incomplete = "the matcher failed";
}

void
scan_text(struct inspect_room *r, struct bytes text, enum sighting_how how)
{
    struct scan s = {.r = r, .text = text, .how = how};
    if (scan_ready(r)) {
        feed(&s, r->stream, text);
        if (hs_reset_stream(r->stream, 0, r->scratch, r->budget ? on_trigger : NULL, &s) != HS_SUCCESS)
            r->incomplete = "the matcher failed";
    }
    if (r->ask->sealed)
        sealed_search(r->ask->sealed, text, on_sealed, &s);
}

/* ---------------------------------------------------------------------------------------------------------- joined */

static struct bytes
join_texts(struct inspect_room *r, struct buf *b)
{
    size_t before = b->n;
    for (size_t i = 0; i < r->n_segments; i++) {
        struct segment *g = &r->segments[i];
        g->joined = b->n - before;
        if (g->kind == SEGMENT_TEXT)
            buf_put(b, bytes_sub(buf_bytes(&r->view), g->at, g->n));
        else if (g->kind == SEGMENT_NUMBER)
            buf_put(b, g->node->raw);
    }
    if (b->failed)
        r->incomplete = "no memory to look at all of it";
    return bytes_sub(buf_bytes(b), before, b->n);
}

static void
carry_on(struct inspect_room *r, struct inspect_carry *c)
{
    if (c->in && c->in->compiled->serial != r->in->compiled->serial)
        carry_reset(c);
    if (c->in == NULL && hs_open_stream(r->in->compiled->db, 0, &c->stream) == HS_SUCCESS) {
        c->in = inspect_ref((struct inspect *)(uintptr_t)r->in);
        c->fed = 0;
    }
}

static size_t
texts_in(const struct inspect_room *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n_segments && n < 2; i++)
        n += r->segments[i].kind != SEGMENT_KEY && r->segments[i].n > 0;
    return n;
}

void
scan_joined(struct inspect_room *r)
{
    struct inspect_carry *c = r->ask->carry;
    if (c == NULL && texts_in(r) < 2)
        return;
    struct buf *b = c ? &c->tail : &r->joined;
    b->max = (size_t)256 << 20;
    b->failed = false;
    if (c == NULL)
        b->n = 0;
    struct scan s = {.r = r, .how = HOW_SPLIT, .tail = b->n};
    struct bytes fresh = join_texts(r, b);
    s.text = buf_bytes(b);
    if (scan_ready(r)) {
        if (c) {
            carry_on(r, c);
            s.base = c->fed >= s.tail ? c->fed - s.tail : 0;
            if (c->fed < s.tail) /* new rules: what came before is not known to their stream */
                s.base = 0, fresh = s.text;
            if (c->stream)
                feed(&s, c->stream, fresh);
            c->fed += fresh.n;
        } else {
            feed(&s, r->stream, s.text);
            if (hs_reset_stream(r->stream, 0, r->scratch, r->budget ? on_trigger : NULL, &s) != HS_SUCCESS)
                r->incomplete = "the matcher failed";
        }
    }
    if (r->ask->sealed)
        sealed_search(r->ask->sealed, s.text, on_sealed, &s);
    if (c && b->n > REACH)
        buf_drop(b, b->n - REACH);
}
