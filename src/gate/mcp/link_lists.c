/*
 * Lists that a server gave, for the hub that asks for all of them again and again: kept as long as the server allows (ttlMs of 2026-07-28),
 * or, in the older era, until it says that they changed; a server that does not promise to say so is asked again after a minute. What is
 * kept is what the server said; who may see what of it is decided each time.
 */
#include <stdlib.h>

#include "gate/mcp/mcp.h"

#define KEPT_BYTES ((size_t)8 << 20) /* of one link */
#define KEPT_PAGES 128
#define KEPT_MS (60 * 60 * 1000)
#define KEPT_UNPROMISED_MS (60 * 1000)

struct kept_list {
    struct kept_list *next;
    const struct list_kind *kind;
    struct buf cursor, text; /* text: the whole answer */
    uint64_t until_ms;
};

static const struct list_kind {
    const char *method, *changed, *capability;
} kinds[] = {
    {"tools/list", "notifications/tools/list_changed", "tools"},
    {"prompts/list", "notifications/prompts/list_changed", "prompts"},
    {"resources/list", "notifications/resources/list_changed", "resources"},
    {"resources/templates/list", "notifications/resources/list_changed", "resources"},
};

static uint64_t
now_ms(const struct link *l)
{
    struct env *env = l->gate->config.env;
    return env->mono_ns(env) / 1000000;
}

static const struct list_kind *
kind_of(const struct down *d)
{
    for (size_t i = 0; d->session->member && i < sizeof kinds / sizeof *kinds; i++)
        if (bytes_is(d->rpc.method, kinds[i].method))
            return &kinds[i];
    return NULL;
}

static void
drop(struct link *l, struct kept_list **at)
{
    struct kept_list *k = *at;
    *at = k->next;
    l->kept_bytes -= k->text.n;
    l->n_kept--;
    buf_free(&k->cursor);
    buf_free(&k->text);
    free(k);
}

static struct kept_list **
find(struct link *l, const struct list_kind *kind, struct bytes cursor)
{
    struct kept_list **at = &l->kept;
    while (*at && !((*at)->kind == kind && bytes_eq(buf_bytes(&(*at)->cursor), cursor)))
        at = &(*at)->next;
    return at;
}

bool
link_list_kept(struct link *l, struct down *d, void (*answer)(struct down *d, const struct rpc *answer))
{
    const struct list_kind *kind = kind_of(d);
    struct kept_list **at = kind ? find(l, kind, json_text(d->rpc.params, "cursor")) : NULL;
    struct rpc m;
    if (at == NULL || *at == NULL)
        return false;
    if ((*at)->until_ms <= now_ms(l)) {
        drop(l, at);
        return false;
    }
    struct bytes copy = arena_copy(&d->arena, buf_bytes(&(*at)->text)); /* what the answer does may forget the list */
    if (copy.at == NULL || err_failed(rpc_read(&d->arena, copy, &m)))
        return false;
    answer(d, &m);
    return true;
}

/* 0: not at all. */
static uint64_t
may_keep_ms(const struct link *l, const struct list_kind *kind, const struct json *result)
{
    if (l->era == ERA_MODERN) {
        const struct json *ttl = json_get(result, "ttlMs");
        int64_t ms = json_is(ttl, JSON_INT) && ttl->number > 0 ? ttl->number : 0;
        return ms < KEPT_MS ? (uint64_t)ms : KEPT_MS;
    }
    const struct json *promised = json_get(json_get(json_get(l->start, "capabilities"), kind->capability), "listChanged");
    return json_is(promised, JSON_BOOL) && promised->truth ? UINT64_MAX / 2 : KEPT_UNPROMISED_MS;
}

void
link_list_keep(struct link *l, const struct down *d, const struct rpc *m)
{
    const struct list_kind *kind = kind_of(d);
    uint64_t ms = kind && m->result ? may_keep_ms(l, kind, m->result) : 0;
    struct bytes cursor = json_text(d->rpc.params, "cursor"), text = m->root->raw;
    if (ms == 0 || l->n_kept == KEPT_PAGES || l->kept_bytes + text.n > KEPT_BYTES || cursor.n > 4096)
        return;
    struct kept_list **old = find(l, kind, cursor), *k = calloc(1, sizeof *k);
    if (*old)
        drop(l, old);
    if (k == NULL)
        return;
    *k = (struct kept_list){l->kept, kind, buf_make(4096), buf_make(KEPT_BYTES), now_ms(l) + ms};
    buf_put(&k->cursor, cursor);
    buf_put(&k->text, text);
    l->kept = k;
    l->kept_bytes += k->text.n;
    l->n_kept++;
    if (k->cursor.failed || k->text.failed)
        drop(l, &l->kept);
}

void
link_lists_noted(struct link *l, struct bytes method)
{
    l->changes += bytes_ends(method, BYTES("/list_changed"));
    for (struct kept_list **at = &l->kept; *at;) {
        if (bytes_is(method, (*at)->kind->changed))
            drop(l, at);
        else
            at = &(*at)->next;
    }
}

void
link_lists_free(struct link *l)
{
    while (l->kept)
        drop(l, &l->kept);
}
