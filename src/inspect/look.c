/* A JSON value looked at: everything found in it, what is to be done, and the value without what is to be redacted. */
#include <stdio.h>
#include <stdlib.h>

#include "inspect/room.h"

static const char redacted_as[] = "[redacted: ";

static enum sighting_kind
kind_of(const struct inspect_room *r, uint32_t rule)
{
    if (rule == RULE_BINARY)
        return SIGHT_BINARY;
    return rule >= RULE_SEALED ? SIGHT_SEALED : r->in->rules[rule].kind;
}

static const char *
id_of(const struct inspect_room *r, uint32_t rule)
{
    if (rule == RULE_BINARY)
        return "binary";
    return rule >= RULE_SEALED ? sealed_value_name(r->ask->sealed, rule - RULE_SEALED) : r->in->rules[rule].id;
}

/* By place; of those at one place the stronger first, then the rule that was declared first. */
static int
by_place(const void *left, const void *right)
{
    const struct found *a = left, *b = right;
    if (a->from != b->from)
        return a->from < b->from ? -1 : 1;
    if (a->action != b->action)
        return a->action > b->action ? -1 : 1;
    return a->rule < b->rule ? -1 : a->rule > b->rule;
}

static const struct segment *
touched(const struct inspect_room *r, const struct found *f, size_t *i)
{
    *i = view_segment(r, f->from);
    if (*i < r->n_segments && r->segments[*i].at + r->segments[*i].n <= f->from)
        ++*i;
    return *i < r->n_segments && r->segments[*i].at < f->to ? &r->segments[*i] : NULL;
}

/* A name of a member cannot be redacted without making another member of it: the whole is refused. */
static void
look_at_keys(struct inspect_room *r)
{
    for (size_t k = 0; k < r->n_found; k++) {
        size_t i;
        struct found *f = &r->found[k];
        for (const struct segment *g = touched(r, f, &i); g && i < r->n_segments && r->segments[i].at < f->to; i++)
            if (r->segments[i].kind == SEGMENT_KEY) {
                r->segments[i].tainted = true;
                if (f->action == FOUND_REDACT)
                    f->action = FOUND_REFUSE;
            }
    }
}

static void
list_sightings(struct inspect_room *r, struct inspection *out)
{
    for (size_t k = 0; k < r->n_found; k++) {
        const struct found *f = &r->found[k];
        size_t i;
        const struct segment *g = touched(r, f, &i);
        enum sighting_kind kind = kind_of(r, f->rule);
        out->action = f->action > out->action ? f->action : out->action;
        out->own |= kind == SIGHT_OWN;
        out->secret |= kind == SIGHT_OWN || kind == SIGHT_SECRET || kind == SIGHT_SEALED;
        if (f->action == FOUND_NOTE && kind < SIGHT_SEALED && r->in->rules[f->rule].act.sensitivity > out->sensitivity)
            out->sensitivity = r->in->rules[f->rule].act.sensitivity;
        if (g == NULL || out->n == SIGHTINGS_MAX)
            continue;
        struct spotted *s = &out->list[out->n++];
        *s = (struct spotted){.kind = kind, .how = f->how, .action = f->action, .rule = id_of(r, f->rule)};
        s->bytes = kind == SIGHT_BINARY ? (f->to - f->from) / 4 * 3 : 0;
        view_place(r, g, s->place);
    }
    out->total = r->n_found;
}

/* ------------------------------------------------------------------------------------------------------- redaction */

/* For records every secret is taken out, whatever is done about it; names of members are not shown then at all. */
static bool
to_clean(const struct inspect_room *r, const struct found *f)
{
    return f->action == FOUND_REDACT || (r->cleaning && kind_of(r, f->rule) != SIGHT_CLASS && kind_of(r, f->rule) != SIGHT_BINARY);
}

/* The text of one segment with its findings from ${*k} on replaced; ${*k} moves behind those that begin in it. */
static void
put_redacted(const struct inspect_room *r, const struct segment *g, size_t *k, struct buf *out)
{
    size_t done = g->at, end = g->at + g->n;
    struct buf text = buf_make(((size_t)128 << 20) + g->n);
    for (size_t i = *k; i < r->n_found && r->found[i].from < end; i++) {
        const struct found *f = &r->found[i];
        if (!to_clean(r, f) || f->to <= done)
            continue;
        size_t from = f->from > done ? f->from : done;
        bool joins = done > g->at && from == done && f->from < done; /* overlaps the one before: one mark is enough */
        buf_put(&text, bytes_sub(buf_bytes(&r->view), done, from - done));
        if (!joins) {
            buf_puts(&text, redacted_as);
            buf_puts(&text, id_of(r, f->rule));
            buf_putc(&text, ']');
        }
        done = f->to < end ? f->to : end;
    }
    if (done < end)
        buf_put(&text, bytes_sub(buf_bytes(&r->view), done, end - done));
    json_put_text(out, buf_bytes(&text));
    out->failed |= text.failed;
    buf_free(&text);
    while (*k < r->n_found && r->found[*k].to <= end)
        ++*k;
}

static bool
to_redact(const struct inspect_room *r, const struct segment *g, size_t k)
{
    for (; k < r->n_found && r->found[k].from < g->at + g->n; k++)
        if (to_clean(r, &r->found[k]) && r->found[k].to > g->at && g->kind != SEGMENT_KEY)
            return true;
    return false;
}

/* The value's own bytes, but for the texts and numbers in which something is redacted. */
static struct bytes
without(struct inspect_room *r, const struct json *value, struct arena *a)
{
    struct buf b = buf_make(value->raw.n * 2 + ((size_t)1 << 20));
    size_t done = 0, k = 0;
    for (size_t i = 0; i < r->n_segments && k < r->n_found; i++) {
        const struct segment *g = &r->segments[i];
        while (k < r->n_found && r->found[k].to <= g->at)
            k++;
        if (!to_redact(r, g, k))
            continue;
        size_t at = (size_t)(g->node->raw.at - value->raw.at);
        buf_put(&b, bytes_sub(value->raw, done, at - done));
        put_redacted(r, g, &k, &b);
        done = at + g->node->raw.n;
    }
    buf_put(&b, bytes_sub(value->raw, done, value->raw.n));
    struct bytes text = b.failed ? (struct bytes){NULL, 0} : arena_copy(a, buf_bytes(&b));
    buf_free(&b);
    return text;
}

static void
redact(struct inspect_room *r, const struct json *value, struct arena *a, struct inspection *out)
{
    out->text = without(r, value, a);
    out->changed = out->text.at != NULL;
    if (!out->changed)
        out->action = FOUND_REFUSE; /* no memory to redact it */
}

static bool
key_tainted(const struct inspect_room *r)
{
    for (size_t i = 0; i < r->n_segments; i++)
        if (r->segments[i].tainted)
            return true;
    return false;
}

static bool
any_to_redact(const struct inspect_room *r)
{
    for (size_t k = 0; k < r->n_found; k++)
        if (r->found[k].action == FOUND_REDACT)
            return true;
    return false;
}

/* -------------------------------------------------------------------------------------------------------- the whole */

void
inspect_json(const struct inspect *in, struct inspect_room *r, const struct inspect_ask *ask, const struct json *value, struct arena *a,
             struct inspection *out)
{
    size_t max = in ? in->settings.max_bytes : (size_t)64 << 20;
    out->n = out->total = 0;
    out->incomplete = out->own = out->secret = out->changed = false;
    out->clean = (struct bytes){NULL, 0};
    out->why[0] = 0;
    out->action = FOUND_NOTE;
    out->observed = false;
    out->would = FOUND_NOTE;
    out->sensitivity = SENS_PUBLIC;
    out->text = (struct bytes){NULL, 0};
    r->in = in;
    r->ask = ask;
    r->incomplete = NULL;
    r->budget = BUDGET;
    r->n_found = 0;
    view_build(r, value, max);
    scan_text(r, buf_bytes(&r->view), HOW_PLAIN);
    scan_disguised(r, max);
    scan_joined(r);
    if (r->n_found) {
        for (size_t k = 0; ask->redact && k < r->n_found; k++)
            if (r->found[k].action == FOUND_NOTE && r->found[k].rule != RULE_BINARY)
                r->found[k].action = FOUND_REDACT;
        look_at_keys(r);
        qsort(r->found, r->n_found, sizeof *r->found, by_place);
        list_sightings(r, out);
    }
    if (r->incomplete) {
        out->incomplete = true;
        snprintf(out->why, sizeof out->why, "%s", r->incomplete);
        enum found_action beyond = in ? in->settings.beyond : FOUND_NOTE;
        if (sealed_count(ask->sealed) > 0) /* law 5: what the server was given may stand where nobody looked */
            beyond = FOUND_REFUSE;
        if (beyond > out->action)
            out->action = beyond;
    }
    if (out->action != FOUND_REFUSE && any_to_redact(r))
        redact(r, value, a, out);
    if (out->secret && ask->way == INSPECT_ARGUMENTS && !key_tainted(r)) {
        r->cleaning = true;
        out->clean = without(r, value, a);
        r->cleaning = false;
    }
    view_trim(r);
}

void
inspection_names(const struct inspection *o, void (*fn)(const char *name, void *ctx), void *ctx)
{
    bool secret = false;
    for (size_t i = 0; i < o->n; i++) {
        bool again = false;
        for (size_t k = 0; k < i && !again; k++)
            again = strcmp(o->list[k].rule, o->list[i].rule) == 0 && o->list[k].kind == o->list[i].kind;
        if (!again && o->list[i].kind != SIGHT_SEALED)
            fn(o->list[i].rule, ctx);
        if (!secret && (o->list[i].kind == SIGHT_SECRET || o->list[i].kind == SIGHT_OWN || o->list[i].kind == SIGHT_SEALED)) {
            secret = true;
            fn("secret", ctx);
        }
    }
}

bool
inspection_lift(struct inspection *o)
{
    if (o->action == FOUND_NOTE || o->incomplete || o->own || o->total > o->n)
        return false;
    for (size_t i = 0; i < o->n; i++)
        if (o->list[i].kind == SIGHT_SEALED || o->list[i].kind == SIGHT_OWN)
            return false;
    for (size_t i = 0; i < o->n; i++)
        o->list[i].action = FOUND_NOTE;
    o->observed = true;
    o->would = o->action;
    o->action = FOUND_NOTE;
    o->changed = false;
    if (o->secret)
        o->sensitivity = SENS_RESTRICTED;
    return true;
}

void
inspection_put(const struct inspection *o, struct buf *b)
{
    json_key(b, "found");
    json_open(b, '[');
    for (size_t i = 0; i < o->n; i++) {
        const struct spotted *s = &o->list[i];
        json_item(b);
        json_open(b, '{');
        json_member_str(b, "kind", sighting_kind_names[s->kind]);
        json_member_str(b, "rule", s->rule);
        json_member_str(b, "place", s->place);
        if (s->how != HOW_PLAIN)
            json_member_str(b, "how", sighting_how_names[s->how]);
        if (s->kind == SIGHT_BINARY)
            json_member_int(b, "bytes", (int64_t)s->bytes);
        json_member_str(b, "action", found_action_names[s->action]);
        json_close(b, '}');
    }
    json_close(b, ']');
    if (o->total > o->n)
        json_member_int(b, "found_total", (int64_t)o->total);
    if (o->incomplete)
        json_member_str(b, "incomplete", o->why);
    if (o->observed)
        json_member_str(b, "found_observed", o->would == FOUND_REFUSE ? "would_refuse" : "would_redact");
}
