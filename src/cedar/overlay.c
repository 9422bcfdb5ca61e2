/* Entities of one request over those of the store, which never refer to them: so what the store closed stays closed. */
#include "cedar/machine.h"

const struct node *
machine_find(const struct machine *m, const struct cedar_value *v)
{
    const struct node *n = intern_find_uid(m->table, &v->uid);
    if (n || m->overlay.set == NULL)
        return n;
    const struct entity *e = entities_find(m->overlay.set, &v->uid);
    return e ? &m->overlay.nodes[e - m->overlay.set->at] : NULL;
}

const struct node *
machine_overlaid(const struct machine *m, const struct node *n)
{
    if (n->known)
        return n;
    const struct entity *e = entities_find(m->overlay.set, &n->value.uid);
    return e ? &m->overlay.nodes[e - m->overlay.set->at] : n;
}

static void
sift(uint32_t *list, size_t n, size_t at)
{
    for (size_t kid; (kid = 2 * at + 1) < n; at = kid) {
        if (kid + 1 < n && list[kid + 1] > list[kid])
            kid++;
        if (list[at] >= list[kid])
            return;
        uint32_t low = list[at];
        list[at] = list[kid];
        list[kid] = low;
    }
}

/* In place: a decision takes nothing from the heap. */
static void
sort(uint32_t *list, size_t n)
{
    for (size_t i = n / 2; i-- > 0;)
        sift(list, n, i);
    for (size_t i = n; i-- > 1;) {
        uint32_t last = list[i];
        list[i] = list[0];
        list[0] = last;
        sift(list, i, 0);
    }
}

/* Of a sorted list. */
static size_t
drop_duplicates(uint32_t *list, size_t n)
{
    size_t kept = n > 0;
    for (size_t i = 1; i < n; i++)
        if (list[i] != list[kept - 1])
            list[kept++] = list[i];
    return kept;
}

/* The ancestors in the set, and what the store says is above those. */
static bool
ancestors(struct machine *m, const struct entity *e, struct node *to)
{
    const struct cedar_entities *set = m->overlay.set;
    size_t n = e->n_ancestors;
    for (size_t i = 0; i < e->n_ancestors; i++) {
        const struct node *above = intern_find_uid(m->table, &set->at[e->ancestors[i]].uid);
        n += above ? above->n_ancestors : 0;
    }
    uint32_t *list = arena_list(m->a, n, sizeof *list);
    if (list == NULL || n > UINT32_MAX)
        return false;
    n = 0;
    for (size_t i = 0; i < e->n_ancestors; i++) {
        const struct node *above = intern_find_uid(m->table, &set->at[e->ancestors[i]].uid);
        list[n++] = above ? above->number : m->overlay.nodes[e->ancestors[i]].number;
        for (uint32_t k = 0; above && k < above->n_ancestors; k++)
            list[n++] = above->ancestors[k];
    }
    sort(list, n);
    to->ancestors = list;
    to->n_ancestors = (uint32_t)drop_duplicates(list, n);
    return true;
}

bool
overlay_make(struct machine *m, const struct cedar_entities *set)
{
    if (set == NULL || set->n == 0)
        return true;
    m->overlay = (struct overlay){set, arena_list(m->a, set->n, sizeof *m->overlay.nodes)};
    if (m->overlay.nodes == NULL || set->n > UINT32_MAX - m->table->nodes)
        return false;
    for (size_t i = 0; i < set->n; i++) {
        const struct entity *e = &set->at[i];
        const struct node *own = intern_find_uid(m->table, &e->uid);
        if (own && e->known && (own->known || own->parent))
            return false;
        struct node *to = &m->overlay.nodes[i];
        to->value = (struct cedar_value){.kind = VALUE_ENTITY, .interned = true, .depth = 1, .uid = e->uid};
        to->number = own ? own->number : m->table->nodes + (uint32_t)i;
        to->known = e->known;
        to->attributes = e->attributes;
        to->tags = e->tags;
    }
    for (size_t i = 0; i < set->n; i++)
        if (set->at[i].known && !ancestors(m, &set->at[i], &m->overlay.nodes[i]))
            return false;
    return true;
}
