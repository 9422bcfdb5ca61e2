/* What a server offers is looked at before anything is passed to it, and again each time it says that it changed. */
#include <stdlib.h>

#include "gate/mcp/pins.h"

#define LIST_PAGES_MAX 64
#define LOOK_MS 20000
#define LOOKS_IN_A_ROW 4 /* then calls that wait for the end of changing are told to come back */

static const struct json_limits offer_limits = {.bytes = (size_t)4 * RESULT_MAX, .depth = 64, .nodes = 800000};

static void got_tools(struct link *l, const struct rpc *answer, struct err e);
static void got_prompts(struct link *l, const struct rpc *answer, struct err e);
static void got_templates(struct link *l, const struct rpc *answer, struct err e);

static const struct listing {
    enum item_kind kind;
    const char *method, *member, *capability, *offered, *changed;
    void (*got)(struct link *l, const struct rpc *answer, struct err e);
} listings[LISTS] = {
    {ITEM_TOOL, "tools/list", "tools", NULL, "tools", "notifications/tools/list_changed", got_tools},
    {ITEM_PROMPT, "prompts/list", "prompts", "prompts", "prompts", "notifications/prompts/list_changed", got_prompts},
    {ITEM_TEMPLATE, "resources/templates/list", "resourceTemplates", "resources", "resource_templates", "notifications/resources/list_changed",
     got_templates},
};

/* --------------------------------------------------------------------------------------------------------- beginning */

/* The program is looked at before it is started: what changed on the disk is not run for an agent until a person has seen it. */
static struct err
check_program(struct link *l)
{
    const struct json *pinned = json_get(l->destination->pin, "server");
    struct arena a = {0};
    struct json *now;
    uint8_t was[32], is[32];
    struct buf b = buf_make(256u << 10);
    if (json_get(pinned, "reached") == NULL || l->writ == NULL)
        return err_ok();
    buf_printf(&b, "{\"info\":%.*s,\"reached\":%.*s}", BYTES_CUT(json_get(pinned, "info")->raw, 100000), BYTES_CUT(l->pins->reached, 100000));
    struct err e = b.failed ? err_make(E_MEMORY, "no memory for a connection") : json_parse(&a, buf_bytes(&b), NULL, &now);
    if (!err_failed(e))
        e = server_digest(pinned, true, was);
    if (!err_failed(e))
        e = server_digest(now, true, is);
    if (!err_failed(e) && memcmp(was, is, 32) != 0) {
        quarantine_saw(l, &(struct item_change){.kind = ITEM_SERVER, .what = CHANGE_CHANGED, .was = pinned, .now = now});
        e = err_make(E_PIN, "its server is not reached as it was pinned: another command, program or address; a person must look at the change");
    }
    arena_free(&a);
    buf_free(&b);
    return e;
}

struct err
link_pins_make(struct link *l)
{
    struct buf b = buf_make(65536);
    l->pins = calloc(1, sizeof *l->pins);
    if (l->pins == NULL)
        return err_make(E_MEMORY, "no memory for a connection to %s", l->destination->id);
    l->pins->arena.max = (size_t)16 << 20;
    program_reached(l->destination, &b);
    l->pins->reached = b.failed ? (struct bytes){NULL, 0} : arena_copy(&l->arena, buf_bytes(&b));
    buf_free(&b);
    return l->pins->reached.at ? check_program(l) : err_make(E_MEMORY, "no memory for a connection to %s", l->destination->id);
}

static void
drop_lists(struct pins *p)
{
    for (size_t i = 0; i < LISTS; i++) {
        buf_free(&p->lists[i]);
        free((void *)(uintptr_t)p->last_cursor[i].at);
        p->last_cursor[i] = (struct bytes){NULL, 0};
    }
}

void
link_pins_free(struct link *l)
{
    if (l->pins == NULL)
        return;
    if (l->pins->deadline)
        loop_cancel(l->pins->deadline);
    drop_lists(l->pins);
    buf_free(&l->pins->offer);
    arena_free(&l->pins->arena);
    free(l->pins);
}

/* ------------------------------------------------------------------------------------------------------------- asking */

static void
ask_list(struct link *l, size_t i, struct bytes cursor)
{
    struct buf params = buf_make(8192);
    params_own(&params, l, cursor);
    struct err e = params.failed ? err_make(E_LIMIT, "a cursor of %zu bytes", cursor.n)
                                 : link_ask(l, bytes_str(listings[i].method), buf_bytes(&params), listings[i].got);
    buf_free(&params);
    if (err_failed(e))
        link_fail(l, e);
}

/* What nobody may be given is not asked for; a person who pins wants to see all. */
static bool
wanted(const struct link *l, size_t i)
{
    const struct destination *d = l->destination;
    bool shared = l->writ == NULL || (listings[i].kind == ITEM_PROMPT ? d->share_prompts : d->share_resources);
    return listings[i].capability == NULL || (shared && json_get(json_get(l->start, "capabilities"), listings[i].capability));
}

static void
look_late(void *ctx)
{
    struct link *l = ctx;
    l->pins->deadline = NULL;
    link_fail(l, err_make(E_TIMEOUT, "the server did not list what it offers within %d s", LOOK_MS / 1000));
}

static void
look(struct link *l)
{
    struct pins *p = l->pins;
    drop_lists(p);
    p->busy = true;
    p->again = false;
    p->asked = 0;
    p->deadline = loop_after(l->gate->config.loop, LOOK_MS, look_late, l);
    for (size_t i = 0; i < LISTS; i++) {
        p->lists[i] = buf_make(RESULT_MAX);
        p->pages[i] = 0;
        if (wanted(l, i))
            p->asked |= 1u << i;
    }
    p->waiting = (unsigned)__builtin_popcount(p->asked);
    link_ref(l);
    for (size_t i = 0; i < LISTS && l->state != LINK_DEAD; i++)
        if (p->asked & 1u << i)
            ask_list(l, i, (struct bytes){NULL, 0});
    link_unref(l);
}

void
link_pins_start(struct link *l)
{
    look(l);
}

void
link_pins_noted(struct link *l, struct bytes method)
{
    for (size_t i = 0; i < LISTS; i++)
        if (bytes_is(method, listings[i].changed) && wanted(l, i))
            link_pins_look(l);
}

void
link_pins_look(struct link *l)
{
    if (l->pins->busy)
        l->pins->again = true; /* once more when that is over, however often it changes meanwhile */
    else if (l->state == LINK_READY)
        look(l);
}

/* ---------------------------------------------------------------------------------------------------------- comparing */

static const struct json *
server_info(const struct link *l)
{
    const struct json *info = json_get(l->start, "serverInfo");
    return info ? info : json_get(json_get(l->start, "_meta"), META_SERVER);
}

static void
put_offer(struct link *l, struct buf *b)
{
    const struct json *info = server_info(l), *instructions = json_get(l->start, "instructions");
    json_open(b, '{');
    json_key(b, "server");
    json_open(b, '{');
    json_member_raw(b, "info", json_is(info, JSON_OBJECT) ? info->raw : BYTES("{}"));
    if (json_is(instructions, JSON_STRING))
        json_member_raw(b, "instructions", instructions->raw);
    json_member_raw(b, "reached", l->pins->reached);
    json_close(b, '}');
    for (size_t i = 0; i < LISTS; i++) {
        if (i && (l->pins->asked & 1u << i) == 0)
            continue;
        json_key(b, listings[i].offered);
        json_open(b, '[');
        buf_put(b, buf_bytes(&l->pins->lists[i]));
        b->failed |= l->pins->lists[i].failed;
        json_close(b, ']');
    }
    json_close(b, '}');
}

static int
by_kind_and_name(const void *left, const void *right)
{
    const struct sighting *a = left, *b = right;
    return a->kind != b->kind ? (int)a->kind - (int)b->kind : bytes_cmp(a->name, b->name);
}

static struct err
keep_seen(struct pins *p, const struct json *offer)
{
    size_t most = 0, n = 0;
    arena_reset(&p->arena);
    p->n_seen = 0;
    for (size_t i = 0; i < LISTS; i++)
        most += offer_list(offer, listings[i].kind) ? offer_list(offer, listings[i].kind)->count : 0;
    if (most > OFFER_ITEMS_MAX)
        return err_make(E_LIMIT, "%zu tools, prompts and templates; at most %u are looked at", most, OFFER_ITEMS_MAX);
    p->seen = arena_list(&p->arena, most + 1, sizeof *p->seen);
    for (size_t i = 0; p->seen && i < LISTS; i++) {
        const struct json *list = offer_list(offer, listings[i].kind);
        for (const struct json *t = list ? list->child : NULL; t; t = t->next) {
            struct sighting s = {.kind = listings[i].kind, .name = arena_copy(&p->arena, item_name(listings[i].kind, t))};
            if (s.name.n && !err_failed(item_digest(t, s.digest)))
                p->seen[n++] = s;
        }
    }
    if (p->seen == NULL)
        return err_make(E_MEMORY, "no memory for what a server offers");
    qsort(p->seen, n, sizeof *p->seen, by_kind_and_name);
    for (size_t i = 1; i < n; i++)
        if (by_kind_and_name(&p->seen[i - 1], &p->seen[i]) == 0)
            p->seen[i - 1].twice = p->seen[i].twice = true;
    p->n_seen = n;
    return err_ok();
}

/* A list that was not asked for is no list from which everything has gone. */
static void
leave_out_unasked(struct item_changes *c, unsigned asked)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++)
        if (c->list[i].kind < ITEM_TOOL || asked & 1u << (c->list[i].kind - ITEM_TOOL))
            c->list[n++] = c->list[i];
    c->n = n;
}

static struct err
compare(struct link *l)
{
    struct arena a = {.max = (size_t)512 << 20};
    struct buf b = buf_make((size_t)4 * RESULT_MAX);
    struct json *offer;
    struct item_changes changes;
    const struct destination *d = estate_destination(l->gate->snapshot->estate, l->destination->id);
    put_offer(l, &b);
    struct err e =
        b.failed ? err_make(E_LIMIT, "the server lists more than %zu MiB", RESULT_MAX >> 20) : json_parse(&a, buf_bytes(&b), &offer_limits, &offer);
    if (!err_failed(e))
        e = keep_seen(l->pins, offer);
    if (!err_failed(e) && d && d->pinned && l->writ) {
        e = pin_compare(&a, d->pin, offer, &changes);
        if (!err_failed(e)) {
            leave_out_unasked(&changes, l->pins->asked);
            quarantine_look(l, &changes, l->pins->asked);
        }
    }
    if (!err_failed(e) && l->writ == NULL) {
        buf_free(&l->pins->offer);
        l->pins->offer = b;
        b = buf_make(1);
    }
    arena_free(&a);
    buf_free(&b);
    return e;
}

/* Calls that came while it was not known what the server offers go on now, or fail as the link did. */
static void
wake(struct link *l, const struct err *why)
{
    struct session *s = l->session;
    struct down *waiting[DOWNS_MAX];
    size_t n = 0;
    for (struct down *d = s ? s->downs : NULL; d && n < DOWNS_MAX; d = d->next)
        if (d->looking)
            waiting[n++] = down_ref(d);
    while (n--) {
        struct down *d = waiting[n];
        d->looking = false;
        if (!d->answered && why)
            down_fail(d, *why);
        else if (!d->answered && s->link == l)
            method_again(d);
        else if (!d->answered)
            down_fail(d, err_make(E_UPSTREAM, "the server ended before it was asked"));
        down_unref(d);
    }
}

static void
look_over(struct link *l)
{
    struct pins *p = l->pins;
    if (p->deadline)
        loop_cancel(p->deadline);
    p->deadline = NULL;
    p->busy = false;
    struct err e = compare(l);
    drop_lists(p);
    if (err_failed(e)) {
        link_fail(l, e);
        return;
    }
    p->looked = true;
    p->in_a_row = p->again ? p->in_a_row + 1 : 0;
    link_ref(l);
    if (l->state == LINK_STARTING)
        link_now_ready(l);
    if (l->session && l->state == LINK_READY)
        view_looked(l->session);
    if (p->again && l->state == LINK_READY)
        look(l);
    if (l->state == LINK_READY && (!p->busy || p->in_a_row >= LOOKS_IN_A_ROW))
        wake(l, NULL);
    link_unref(l);
}

void
link_pins_died(struct link *l, struct err e)
{
    if (l->pins)
        wake(l, &e);
}

static bool
same_cursor(struct pins *p, size_t i, struct bytes cursor)
{
    bool same = p->last_cursor[i].at && bytes_eq(p->last_cursor[i], cursor);
    uint8_t *copy = malloc(cursor.n + 1);
    if (copy == NULL)
        return true;
    memcpy(copy, cursor.at, cursor.n);
    free((void *)(uintptr_t)p->last_cursor[i].at);
    p->last_cursor[i] = bytes_make(copy, cursor.n);
    return same;
}

static void
list_over(struct link *l)
{
    if (--l->pins->waiting == 0)
        look_over(l);
}

static void
got_list(struct link *l, size_t i, const struct rpc *answer, struct err e)
{
    struct pins *p = l->pins;
    const struct json *items = answer ? json_get(answer->result, listings[i].member) : NULL;
    if (err_failed(e)) {
        link_fail(l, e);
        return;
    }
    if (answer->error) { /* a server without any; what is pinned of it counts as gone */
        list_over(l);
        return;
    }
    if (!json_is(items, JSON_ARRAY)) {
        link_fail(l, err_make(E_UPSTREAM, "the server's answer to %s has no list of %s", listings[i].method, listings[i].member));
        return;
    }
    for (const struct json *t = items->child; t; t = t->next) {
        json_item(&p->lists[i]);
        buf_put(&p->lists[i], t->raw);
    }
    struct bytes cursor = json_text(answer->result, "nextCursor");
    if (cursor.n == 0)
        list_over(l);
    else if (++p->pages[i] >= LIST_PAGES_MAX || same_cursor(p, i, cursor))
        link_fail(l, err_make(E_LIMIT, "the server's %s has no end: more than %d pages, or the same page again", listings[i].method, LIST_PAGES_MAX));
    else
        ask_list(l, i, cursor);
}

static void
got_tools(struct link *l, const struct rpc *answer, struct err e)
{
    got_list(l, 0, answer, e);
}

static void
got_prompts(struct link *l, const struct rpc *answer, struct err e)
{
    got_list(l, 1, answer, e);
}

static void
got_templates(struct link *l, const struct rpc *answer, struct err e)
{
    got_list(l, 2, answer, e);
}

/* -------------------------------------------------------------------------------------------------------------- using */

/* As a person accepted it, by the estate in force: digest and whether its findings were let pass. */
static bool
pinned_form(const struct destination *d, enum item_kind kind, struct bytes name, uint8_t digest[32])
{
    const struct tool *tool = kind == ITEM_TOOL ? destination_tool(d, name) : NULL;
    const struct pinned_extra *extra = kind == ITEM_TOOL ? NULL : destination_extra(d, kind == ITEM_PROMPT, name);
    if (d->held || (tool ? tool->held : extra ? extra->held : true))
        return false;
    memcpy(digest, tool ? tool->digest : extra->digest, 32);
    return true;
}

static const struct sighting *
sighting_of(const struct link *l, enum item_kind kind, struct bytes name)
{
    struct sighting key = {.kind = kind, .name = name};
    return l->pins->n_seen ? bsearch(&key, l->pins->seen, l->pins->n_seen, sizeof *l->pins->seen, by_kind_and_name) : NULL;
}

bool
link_item_verified(const struct link *l, enum item_kind kind, struct bytes name)
{
    const struct destination *d = estate_destination(l->gate->snapshot->estate, l->destination->id);
    uint8_t digest[32];
    if (d == NULL || !d->pinned || !pinned_form(d, kind, name, digest))
        return false;
    const struct sighting *s = sighting_of(l, kind, name);
    return s && !s->twice && memcmp(s->digest, digest, 32) == 0 && !quarantine_holds(l->route, kind, name);
}

bool
link_tool_verified(const struct link *l, const struct tool *tool)
{
    const struct destination *d = estate_destination(l->gate->snapshot->estate, l->destination->id);
    const struct tool *now = d ? destination_tool(d, bytes_str(tool->name)) : NULL;
    return now && memcmp(now->digest, tool->digest, 32) == 0 && link_item_verified(l, ITEM_TOOL, bytes_str(tool->name));
}

bool
link_pins_hold(struct down *d)
{
    const struct link *l = d->session->link;
    if (l == NULL || !l->pins->busy || l->pins->in_a_row >= LOOKS_IN_A_ROW)
        return false;
    d->looking = true;
    return true;
}

void
link_pins_see(struct link *l, enum item_kind kind, const struct json *item)
{
    const struct destination *d = estate_destination(l->gate->snapshot->estate, l->destination->id);
    struct bytes name = item_name(kind, item);
    uint8_t digest[32], pinned[32];
    if (d == NULL || !d->pinned || name.n == 0 || err_failed(item_digest(item, digest)))
        return;
    const struct tool *tool = kind == ITEM_TOOL ? destination_tool(d, name) : NULL;
    const struct pinned_extra *extra = kind == ITEM_TOOL ? NULL : destination_extra(d, kind == ITEM_PROMPT, name);
    memcpy(pinned, tool ? tool->digest : extra ? extra->digest : digest, 32);
    bool look = false; /* at everything: one page does not show what is gone, or has another name */
    if (tool == NULL && extra == NULL)
        look = quarantine_saw(l, &(struct item_change){.kind = kind, .what = CHANGE_ADDED, .name = name, .now = item});
    else if (memcmp(digest, pinned, 32) != 0)
        look =
            quarantine_saw(l, &(struct item_change){.kind = kind, .what = CHANGE_CHANGED, .name = name, .was = tool ? tool->pin : NULL, .now = item});
    else
        look = sighting_of(l, kind, name) == NULL; /* it came without a word: as pinned, but this connection has not looked at it */
    if (look)
        link_pins_look(l);
}

bool
link_pins_shows(struct link *l, enum item_kind kind, const struct json *item)
{
    const struct destination *d = estate_destination(l->gate->snapshot->estate, l->destination->id);
    struct bytes name = item_name(kind, item);
    uint8_t digest[32], pinned[32];
    const struct sighting *s = sighting_of(l, kind, name);
    bool good = d && d->pinned && name.n && !err_failed(item_digest(item, digest)) && pinned_form(d, kind, name, pinned);
    return good && memcmp(digest, pinned, 32) == 0 && (s == NULL || (!s->twice && memcmp(s->digest, pinned, 32) == 0)) &&
           !quarantine_holds(l->route, kind, name);
}

/* ---------------------------------------------------------------------------------------- what clients hear of the server */

const struct json *
link_server_info(const struct link *l)
{
    const struct destination *d = estate_destination(l->gate->snapshot->estate, l->destination->id);
    const struct json *pinned = d ? json_get(json_get(d->pin, "server"), "info") : NULL;
    return pinned ? pinned : server_info(l);
}

const struct json *
link_instructions(const struct link *l)
{
    const struct destination *d = estate_destination(l->gate->snapshot->estate, l->destination->id);
    const struct json *pinned = d ? json_get(json_get(d->pin, "server"), "instructions") : NULL, *now = json_get(l->start, "instructions");
    bool good = d && !d->held && json_is(pinned, JSON_STRING) && json_is(now, JSON_STRING) && bytes_eq(pinned->text, now->text) &&
                !quarantine_holds(l->route, ITEM_INSTRUCTIONS, (struct bytes){NULL, 0});
    return good ? pinned : NULL;
}
