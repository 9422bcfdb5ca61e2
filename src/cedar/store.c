#include "cedar/store.h"

#include <stdlib.h>

#include "cedar/entities.h"
#include "cedar/share.h"

#define STORE_MEMORY_MAX ((size_t)64 << 30)

/* Entities are interned in the order of the set before anything else, so that a number is an index in the set. */
static bool
add_nodes(struct cedar_store *s, const struct cedar_entities *e, struct node **nodes)
{
    for (size_t i = 0; i < e->n; i++)
        if ((nodes[i] = intern_node(&s->table, &e->at[i].uid)) == NULL)
            return false;
    return true;
}

static bool
fill(struct cedar_store *s, const struct entity *from, struct node *to, struct node *const *nodes)
{
    uint32_t *ancestors = from->n_ancestors ? arena_list(&s->a, from->n_ancestors, sizeof *ancestors) : NULL;
    if (from->n_ancestors && ancestors == NULL)
        return false;
    for (size_t i = 0; i < from->n_ancestors; i++) {
        ancestors[i] = from->ancestors[i];
        nodes[ancestors[i]]->parent = true;
    }
    to->ancestors = ancestors;
    to->n_ancestors = (uint32_t)from->n_ancestors;
    to->known = from->known;
    if (!from->known)
        return true;
    to->attributes = intern_record(&s->table, from->attributes);
    to->tags = from->tags->record.n ? intern_record(&s->table, from->tags) : &value_empty_record;
    return to->attributes && to->tags;
}

static bool
fill_all(struct cedar_store *s, const struct cedar_entities *e)
{
    struct node **nodes = calloc(e->n + 1, sizeof(struct node *));
    bool ok = nodes && add_nodes(s, e, nodes);
    for (size_t i = 0; ok && i < e->n; i++)
        ok = fill(s, &e->at[i], nodes[i], nodes);
    s->n_shares = e->n;
    ok = ok && (s->shares = share_of_nodes((const struct node *const *)nodes, e->n, &s->a)) != NULL;
    free(nodes);
    return ok;
}

bool
cedar_store_compile(const struct cedar_entities *entities, struct cedar_store **out, struct cedar_error *error)
{
    struct cedar_store *s = calloc(1, sizeof *s);
    *out = NULL;
    if (s == NULL)
        return error_memory(error);
    s->refs = 1;
    s->a.max = STORE_MEMORY_MAX;
    interner_start(&s->table, &s->a, NULL);
    if (entities == NULL || fill_all(s, entities)) {
        *out = s;
        return true;
    }
    cedar_store_unref(s);
    return error_memory(error);
}

struct cedar_store *
cedar_store_ref(struct cedar_store *s)
{
    __atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
    return s;
}

void
cedar_store_unref(struct cedar_store *s)
{
    if (s == NULL || __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    interner_end(&s->table);
    arena_free(&s->a);
    free(s);
}

size_t
cedar_store_bytes(const struct cedar_store *s)
{
    return sizeof *s + s->a.used + s->table.cap * sizeof *s->table.slots;
}
