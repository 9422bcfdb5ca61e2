/*
 * What a server offers otherwise than it was pinned: held back from everyone, on record, in the store, until a person decides.
 *
 * What is gone holds nobody back (who does not see it cannot use it), and that it was gone is over when it is there again. What changed stays
 * held even when it looks as pinned again: a server that has shown two faces may do so once more.
 */
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>

#include "gate/mcp/pins.h"

#define KIND "quarantine"
#define TURNS_MAX 8 /* what comes and goes more often is not recorded again */

/* ------------------------------------------------------------------------------------------------------------ keeping */

static void
held_free(struct held *h)
{
    free(h->name);
    free(h->from);
    free((void *)(uintptr_t)h->seen.at);
    free(h);
}

void
quarantine_free(struct route *r)
{
    while (r->held) {
        struct held *h = r->held;
        r->held = h->next;
        held_free(h);
    }
    r->n_held = 0;
}

static struct held *
find(const struct route *r, enum item_kind kind, struct bytes name)
{
    struct held *h = r->held;
    while (h && (h->kind != kind || !bytes_is(name, h->name)))
        h = h->next;
    return h;
}

static void
put_id(struct buf *b, const struct route *r, const struct held *h)
{
    uint8_t sum[32];
    SHA256((const uint8_t *)h->name, strlen(h->name), sum);
    buf_printf(b, "%s/%s/", r->id, item_kind_names[h->kind]);
    buf_hex(b, bytes_make(sum, sizeof sum));
}

static void
put_body(struct buf *b, const struct route *r, const struct held *h)
{
    struct buf hex = buf_make(80);
    buf_hex(&hex, bytes_make(h->digest, 32));
    json_open(b, '{');
    json_member_str(b, "destination", r->id);
    json_member_str(b, "kind", item_kind_names[h->kind]);
    json_member_str(b, "name", h->name);
    json_member_str(b, "change", change_names[h->what]);
    if (h->from)
        json_member_str(b, "from", h->from);
    json_member_int(b, "alike", h->alike);
    json_member_str(b, "digest", buf_text(&hex));
    json_member_int(b, "since", h->since_ms);
    json_member_int(b, "turns", h->turns);
    json_member_bool(b, "returned", h->returned);
    if (h->seen.at)
        json_member_raw(b, "seen", h->seen);
    json_close(b, '}');
    buf_free(&hex);
}

static void
stored(struct err e, int64_t first_seq, void *ctx)
{
    (void)e, (void)first_seq, (void)ctx; /* it is held in memory, and on record; a store that fails stops the server by other ways */
}

static void
keep(struct gate *g, const struct route *r, const struct held *h, bool gone)
{
    struct buf id = buf_make(256), body = buf_make((size_t)1 << 20);
    put_id(&id, r, h);
    if (!gone)
        put_body(&body, r, h);
    struct store_put put = {
        .kind = KIND, .id = buf_bytes(&id), .body = gone ? (struct bytes){NULL, 0} : buf_bytes(&body), .expect_version = STORE_ANY_VERSION};
    struct store_write w = {.puts = &put, .n_puts = 1};
    struct err e = id.failed || body.failed || g->config.store == NULL ? err_ok() : store_commit(g->config.store, &w, stored, NULL);
    (void)e;
    buf_free(&id);
    buf_free(&body);
}

static void
record(struct gate *g, const struct route *r, const struct held *h, const char *state, const struct link *l)
{
    struct buf m = buf_make(8192), shown = buf_make(4096);
    suspect_escape(&shown, bytes_sub(bytes_str(h->name), 0, 200));
    json_member_str(&m, "state", state);
    json_member_str(&m, "destination", r->id);
    json_member_str(&m, "item", item_kind_names[h->kind]);
    json_member_str(&m, "name", buf_text(&shown));
    json_member_str(&m, "change", change_names[h->what]);
    if (h->from)
        json_member_text(&m, "from", bytes_sub(bytes_str(h->from), 0, 200));
    if (l && l->writ) {
        json_member_str(&m, "writ", l->writ->id);
        json_member_str(&m, "agent", l->writ->agent->id);
    }
    struct audit_event event = {.kind = AUDIT_PIN, .members = buf_bytes(&m)};
    if (h->seen.at)
        event.said[event.n_said++] = (struct audit_said){"seen", h->seen};
    struct err e = audit_append(g->config.audit, &event, false, NULL, NULL);
    (void)e; /* a log that fails stops every call; nothing is let pass by this */
    buf_free(&m);
    buf_free(&shown);
}

static void
drop(struct gate *g, struct route *r, struct held *h, const char *state, const struct link *l)
{
    struct held **at = &r->held;
    while (*at != h)
        at = &(*at)->next;
    *at = h->next;
    r->n_held--;
    r->turned = true;
    record(g, r, h, state, l);
    keep(g, r, h, true);
    held_free(h);
}

/* ------------------------------------------------------------------------------------------------------------ digests */

static struct err
value_digest(const struct json *server, const char *member, uint8_t out[32])
{
    const struct json *v = json_get(bytes_is(bytes_str(member), "version") ? json_get(server, "info") : server, member);
    memset(out, 0, 32);
    if (v == NULL)
        return err_ok();
    SHA256(v->raw.at, v->raw.n, out);
    if (v->type == JSON_STRING)
        SHA256(v->text.at, v->text.n, out);
    return err_ok();
}

/* Of what was seen (${now}: the item; the whole "server" for what is about it). */
static struct err
form_digest(enum item_kind kind, const struct json *now, uint8_t out[32])
{
    memset(out, 0, 32);
    if (now == NULL)
        return err_ok();
    return kind == ITEM_SERVER         ? server_digest(now, true, out)
           : kind == ITEM_VERSION      ? value_digest(now, "version", out)
           : kind == ITEM_INSTRUCTIONS ? value_digest(now, "instructions", out)
                                       : item_digest(now, out);
}

static const struct json *
pinned_item(const struct destination *d, enum item_kind kind, struct bytes name)
{
    const struct json *list = offer_list(d->pin, kind);
    if (kind < ITEM_TOOL)
        return json_get(d->pin, "server");
    for (const struct json *t = list ? list->child : NULL; t; t = t->next)
        if (bytes_eq(item_name(kind, t), name))
            return t;
    return NULL;
}

/* ------------------------------------------------------------------------------------------------------------ holding */

/* What may not be used, as against what is only gone or only says another version. */
static bool
blocks(const struct held *h)
{
    return h->kind != ITEM_VERSION && h->what != CHANGE_REMOVED;
}

/* Does it concern anyone now? */
static bool
open_matter(const struct held *h)
{
    return blocks(h) || !h->returned;
}

size_t
quarantine_count(const struct route *r)
{
    size_t n = 0;
    for (const struct held *h = r->held; h; h = h->next)
        n += open_matter(h);
    return n;
}

bool
quarantine_holds(const struct route *r, enum item_kind kind, struct bytes name)
{
    for (const struct held *h = r->held; h; h = h->next) {
        if (!blocks(h))
            continue;
        if (h->kind == ITEM_SERVER || (h->kind == kind && (bytes_is(name, h->name) || (h->from && bytes_is(name, h->from)))))
            return true;
    }
    return false;
}

static char *
text_of(struct bytes b)
{
    char *text = malloc(b.n + 1);
    if (text == NULL)
        return NULL;
    if (b.n)
        memcpy(text, b.at, b.n);
    text[b.n] = 0;
    return text;
}

static void
take_form(struct held *h, const struct item_change *c, const uint8_t digest[32])
{
    free((void *)(uintptr_t)h->seen.at);
    free(h->from);
    h->seen = (struct bytes){NULL, 0};
    h->from = c->what == CHANGE_RENAMED ? text_of(c->from) : NULL;
    h->what = c->what;
    h->alike = c->alike;
    memcpy(h->digest, digest, 32);
    if (c->now && c->now->raw.n <= HELD_BYTES) {
        char *copy = text_of(c->now->raw);
        h->seen = copy ? bytes_make(copy, c->now->raw.n) : (struct bytes){NULL, 0};
    }
}

static struct held *
held_make(struct gate *g, struct route *r, enum item_kind kind, struct bytes name)
{
    struct held *h = calloc(1, sizeof *h);
    if (h == NULL || (h->name = text_of(name)) == NULL) {
        free(h);
        return NULL;
    }
    h->kind = kind;
    h->since_ms = g->config.env->now_ms(g->config.env);
    h->next = r->held;
    r->held = h;
    r->n_held++;
    r->turned = true;
    return h;
}

/* Too many to keep one by one: nothing of this destination is used until a person has looked. */
static void
hold_all(struct gate *g, struct route *r, const struct link *l)
{
    struct bytes name = BYTES("too many changes");
    struct held *h = find(r, ITEM_SERVER, name) ? NULL : held_make(g, r, ITEM_SERVER, name);
    if (h == NULL)
        return;
    record(g, r, h, "held", l);
    keep(g, r, h, false);
}

/* True: this is news. */
static bool
hold(struct link *l, const struct item_change *c)
{
    struct gate *g = l->gate;
    struct route *r = l->route;
    struct held *h = find(r, c->kind, c->name);
    uint8_t digest[32];
    if (bytes_find(c->name, 0) < c->name.n || err_failed(form_digest(c->kind, c->now, digest)))
        return false; /* a name with a NUL is no name that can be pinned or called */
    if (h && h->what == c->what && memcmp(h->digest, digest, 32) == 0 && !h->returned)
        return false; /* known */
    if (h && h->turns < TURNS_MAX)
        h->turns++;
    if (h == NULL)
        h = r->n_held < HELD_MAX ? held_make(g, r, c->kind, c->name) : NULL;
    if (h == NULL) {
        if (c->what != CHANGE_ADDED) /* what was never pinned is held back without being kept */
            hold_all(g, r, l);
        return false;
    }
    take_form(h, c, digest);
    h->returned = false;
    r->turned = true;
    if (h->turns >= TURNS_MAX)
        return false; /* said often enough */
    record(g, r, h, "held", l);
    keep(g, r, h, false);
    return true;
}

/*
 * It looks as pinned again. What was only gone is well by that; it is remembered, unseen, so that two clients that are shown two lists fill
 * no log. What is new may be shown to other clients still.
 */
static void
came_back(struct link *l, struct held *h)
{
    if (h->returned || h->what == CHANGE_ADDED)
        return;
    h->returned = true;
    l->route->turned = true;
    if (h->turns >= TURNS_MAX)
        return;
    record(l->gate, l->route, h, "returned", l);
    keep(l->gate, l->route, h, false);
}

static bool
among(const struct held *h, const struct item_changes *c)
{
    for (size_t i = 0; i < c->n; i++) {
        bool named = bytes_is(c->list[i].name, h->name) || (c->list[i].what == CHANGE_RENAMED && bytes_is(c->list[i].from, h->name));
        if (c->list[i].kind == h->kind && named)
            return true;
    }
    return false;
}

static void
tell(struct link *l)
{
    if (l->route->turned)
        gate_lists_changed(l->gate, l->route->id);
    l->route->turned = false;
}

void
quarantine_look(struct link *l, const struct item_changes *changes, unsigned asked)
{
    for (size_t i = 0; i < changes->n; i++)
        hold(l, &changes->list[i]);
    for (struct held *h = l->route->held, *next; h; h = next) {
        next = h->next;
        bool about = h->kind < ITEM_TOOL || asked & 1u << (h->kind - ITEM_TOOL);
        if (about && !among(h, changes))
            came_back(l, h);
    }
    tell(l);
}

bool
quarantine_saw(struct link *l, const struct item_change *change)
{
    const struct held *h = find(l->route, change->kind, change->name);
    if (h && !h->returned && (h->what == CHANGE_RENAMED || h->what == CHANGE_TWICE))
        return false; /* a look at everything knew better what it is */
    bool news = hold(l, change);
    tell(l);
    return news;
}

/* ------------------------------------------------------------------------------------------------------ other estates */

static bool
accepted(const struct held *h, const struct destination *d)
{
    const struct json *item = pinned_item(d, h->kind, bytes_str(h->name));
    uint8_t digest[32];
    if (h->what == CHANGE_REMOVED)
        return item == NULL;
    return item && !h->returned && !err_failed(form_digest(h->kind, item, digest)) && memcmp(digest, h->digest, 32) == 0;
}

void
quarantine_settle(struct gate *g)
{
    for (struct route *r = g->routes; r; r = r->next) {
        const struct destination *d = estate_destination(g->snapshot->estate, r->id);
        for (struct held *h = r->held, *next; h; h = next) {
            next = h->next;
            if (d == NULL || !d->pinned || accepted(h, d))
                drop(g, r, h, d ? "accepted" : "gone", NULL);
        }
        r->turned = false; /* whoever loads an estate tells all */
    }
}

static bool
chosen(const struct held *h, const struct json *items)
{
    for (const struct json *v = items ? items->child : NULL; v; v = v->next)
        if (bytes_is(json_text(v, "kind"), item_kind_names[h->kind]) && bytes_eq(json_text(v, "name"), bytes_str(h->name)))
            return true;
    return items == NULL;
}

size_t
gate_release(struct gate *g, const char *destination, const struct json *items)
{
    struct route *r = gate_route(g, destination);
    size_t n = 0;
    for (struct held *h = r ? r->held : NULL, *next; h; h = next) {
        next = h->next;
        if (!chosen(h, items))
            continue;
        drop(g, r, h, "accepted", NULL);
        n++;
    }
    if (r && n)
        gate_lists_changed(g, r->id);
    return n;
}

/* -------------------------------------------------------------------------------------------------------------- showing */

static void
put_held(struct gate *g, const struct destination *d, const struct held *h, struct buf *b)
{
    struct arena a = {.max = (size_t)64 << 20};
    struct json *now = NULL;
    struct suspects *found = calloc(1, sizeof *found);
    char since[ENV_TIME_MAX];
    const struct json *was = d && h->what != CHANGE_ADDED ? pinned_item(d, h->kind, bytes_str(h->from ? h->from : h->name)) : NULL;
    if (h->seen.at && err_failed(json_parse(&a, h->seen, NULL, &now)))
        now = NULL;
    struct item_change c = {
        .kind = h->kind, .what = h->what, .name = bytes_str(h->name), .was = was, .now = now, .from = bytes_str(h->from), .alike = h->alike};
    json_item(b);
    if (found) {
        change_put(b, &c, g->snapshot->estate, d ? d->id : "", found);
        b->n -= b->n > 0; /* more members follow */
        env_time_text(h->since_ms, since);
        json_member_str(b, "since", since);
        json_member_bool(b, "blocks", blocks(h));
        json_member_bool(b, "returned", h->returned);
        if (h->turns >= TURNS_MAX)
            json_member_bool(b, "unsteady", true);
        json_close(b, '}');
    }
    b->failed |= found == NULL;
    free(found);
    arena_free(&a);
}

void
gate_held_json(struct gate *g, const char *destination, struct buf *b)
{
    const struct destination *d = estate_destination(g->snapshot->estate, destination);
    const struct route *r = gate_route(g, destination);
    json_open(b, '[');
    for (const struct held *h = r ? r->held : NULL; h; h = h->next)
        if (open_matter(h))
            put_held(g, d, h, b);
    json_close(b, ']');
}

/* ------------------------------------------------------------------------------------------------------------- restart */

static int
place_of(const char *const *names, struct bytes name)
{
    for (int i = 0; names[i]; i++)
        if (bytes_is(name, names[i]))
            return i;
    return -1;
}

static struct err
load_one(struct bytes id, int64_t version, struct bytes body, void *ctx)
{
    struct gate *g = ctx;
    struct arena a = {.max = (size_t)64 << 20};
    struct json *v;
    char destination[65];
    size_t n = 0;
    (void)version;
    struct err e = json_parse(&a, body, NULL, &v);
    if (err_failed(e)) {
        arena_free(&a);
        return err_wrap(e, "reading the quarantine %.*s", BYTES_CUT(id, 100));
    }
    struct bytes name = json_text(v, "destination"), digest = json_text(v, "digest"), from = json_text(v, "from");
    const struct json *alike = json_get(v, "alike"), *since = json_get(v, "since"), *turns = json_get(v, "turns"),
                      *returned = json_get(v, "returned");
    const struct json *seen = json_get(v, "seen");
    int kind = place_of(item_kind_names, json_text(v, "kind")), what = place_of(change_names, json_text(v, "change"));
    snprintf(destination, sizeof destination, "%.*s", BYTES_CUT(name, 64));
    struct route *r = gate_route(g, destination);
    struct held *h = calloc(1, sizeof *h);
    bool good = r && h && kind >= 0 && what >= 0 && digest.n == 64 && bytes_unhex(digest, h->digest, &n);
    if (good) {
        *h = (struct held){.next = r->held, .kind = (enum item_kind)kind, .what = (enum change_what)what, .name = text_of(json_text(v, "name"))};
        bytes_unhex(digest, h->digest, &n);
        h->from = from.n ? text_of(from) : NULL;
        h->alike = json_is(alike, JSON_INT) ? (unsigned)alike->number : 0;
        h->since_ms = json_is(since, JSON_INT) ? since->number : 0;
        h->turns = json_is(turns, JSON_INT) ? (unsigned)turns->number : 0;
        h->returned = json_is(returned, JSON_BOOL) && returned->truth;
        if (seen)
            h->seen = bytes_make(text_of(seen->raw), seen->raw.n);
        r->held = h;
        r->n_held++;
    } else {
        free(h);
    }
    arena_free(&a);
    return good ? err_ok() : err_make(E_STORE, "the quarantine %.*s cannot be read", BYTES_CUT(id, 100));
}

struct err
quarantine_load(struct gate *g)
{
    return g->config.store ? store_scan(g->config.store, KIND, load_one, g) : err_ok();
}
