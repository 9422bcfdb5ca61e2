/*
 * Whose a URI is. A resource keeps its URI where one member alone lists it or has a template for it; where that is not so it is called
 * writ:PREFIX:URI, and a request for the bare URI is refused: a server cannot draw to itself what is meant for another by listing it, too.
 */
#include "gate/mcp/hub.h"

static uint64_t
hash(struct bytes s)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ s.at[i]) * 1099511628211u;
    return h;
}

static bool
listed(const struct hub_uris *u, struct bytes uri)
{
    for (size_t i = hash(uri), left = u->n; left; left--, i++) {
        struct bytes slot = u->slots[i & (u->n - 1)];
        if (slot.at == NULL)
            return false;
        if (bytes_eq(slot, uri))
            return true;
    }
    return false;
}

static bool
serves(const struct member *m, struct bytes uri)
{
    bool found = listed(&m->uris, uri);
    for (size_t i = 0; i < m->templates.n && !found; i++)
        found = hub_template_matches(m->templates.slots[i], uri);
    return found;
}

struct member *
hub_owner(struct hub *h, struct bytes uri, struct bytes *rest)
{
    struct bytes prefix;
    struct member *granted = NULL, *owner = NULL;
    size_t n_granted = 0, n_owners = 0;
    if (hub_split_uri(uri, &prefix, rest))
        return hub_member(h, prefix);
    *rest = uri;
    for (size_t i = 0; i < h->n; i++) {
        struct member *m = &h->members[i];
        if (!m->grants[HUB_RESOURCES])
            continue;
        granted = m;
        n_granted++;
        if (serves(m, uri))
            owner = m, n_owners++;
    }
    return n_granted == 1 ? granted : n_owners == 1 ? owner : NULL;
}

/* ------------------------------------------------------------------------------------------------------------- keeping */

static void
forget(struct hub_uris *u)
{
    arena_free(&u->arena);
    *u = (struct hub_uris){.n = 0};
}

void
hub_uris_forget(struct member *m)
{
    forget(&m->uris);
    forget(&m->templates);
}

static void
keep(struct hub_uris *u, struct bytes uri)
{
    struct bytes copy = arena_copy(&u->arena, uri);
    size_t i = hash(uri);
    if (copy.at == NULL || listed(u, uri))
        return;
    while (u->slots[i & (u->n - 1)].at)
        i++;
    u->slots[i & (u->n - 1)] = copy;
}

void
hub_uris_keep(struct member *m, enum hub_list kind, const struct json *items)
{
    bool templates = kind == HUB_TEMPLATES;
    struct hub_uris *u = templates ? &m->templates : &m->uris;
    size_t room = 16;
    forget(u);
    while (!templates && room < items->count * 2)
        room *= 2;
    u->arena.max = HUB_LIST_BYTES * 2;
    u->slots = arena_list(&u->arena, templates ? HUB_TEMPLATES_MAX : room, sizeof *u->slots);
    u->known = u->slots != NULL;
    u->n = templates || u->slots == NULL ? 0 : room;
    for (const struct json *v = u->slots ? items->child : NULL; v; v = v->next) {
        struct bytes uri = json_text(v, templates ? "uriTemplate" : "uri");
        if (uri.n && !templates)
            keep(u, uri);
        else if (uri.n && u->n < HUB_TEMPLATES_MAX)
            u->slots[u->n++] = arena_copy(&u->arena, uri);
    }
}

/* -------------------------------------------------------------------------------------------------- asked for, first */

/* With one that may not be asked, or alone, there is nothing to find out. */
bool
hub_uris_known(const struct hub *h)
{
    size_t n = 0, unknown = 0;
    for (size_t i = 0; i < h->n; i++) {
        const struct member *m = &h->members[i];
        n += m->grants[HUB_RESOURCES];
        unknown += m->grants[HUB_RESOURCES] && !(m->uris.known && m->templates.known);
    }
    return n <= 1 || unknown == 0;
}

static void
go_on(struct work *w)
{
    struct down *d = down_ref(w->d);
    void (*then)(struct down *) = w->then;
    hub_work_end(w, false);
    then(d);
    down_unref(d);
}

void
hub_uris(struct down *d, void (*then)(struct down *d))
{
    struct hub *h = d->session->hub;
    struct work *w = hub_work(h, d);
    if (w == NULL)
        return;
    w->answer = hub_list_answer;
    w->settled = go_on;
    w->then = then;
    for (size_t i = 0; i < h->n && !w->over; i++) {
        struct member *m = &h->members[i];
        if (m->grants[HUB_RESOURCES] && !m->uris.known)
            hub_list_ask(w, m, HUB_RESOURCES);
        if (m->grants[HUB_RESOURCES] && !m->templates.known && !w->over)
            hub_list_ask(w, m, HUB_TEMPLATES);
    }
    hub_filled(w);
}
