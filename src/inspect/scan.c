/*
 * One text: vectorscan says where to look, the rule's own expression whether there is a match and of what, the rule whether it is a finding.
 * Every place where a match may begin is tried once for each rule, so the work is linear in the text; a budget bounds it all the same.
 */
#include <stdlib.h>

#include "inspect/room.h"

struct scan {
    struct inspect_room *r;
    struct bytes text;
    enum sighting_how how;
};

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

static void
add(const struct scan *s, size_t from, size_t to, uint32_t rule, enum found_action action)
{
    struct inspect_room *r = s->r;
    if (s->how == HOW_SPLIT)
        joined_found(r, from, to, rule, action);
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
    if (s->how == HOW_SPLIT && !x->join)
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
    size_t end = (size_t)at, reach = x->reach > REACH ? REACH : x->reach;
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
    if (r->ask->sealed && !sealed_search(r->ask->sealed, text, on_sealed, &s))
        r->incomplete = "no memory to look for sealed values";
}
