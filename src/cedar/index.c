#include "cedar/index.h"

static void
mark(struct machine *m, size_t words, const uint32_t *list, uint32_t n)
{
    uint64_t *marks = m->desk->marks;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t word = list[i] >> 6;
        marks[word] |= UINT64_C(1) << (list[i] & 63);
        marks[words + (word >> 6)] |= UINT64_C(1) << (word & 63);
    }
}

struct marking {
    const struct index *x;
    struct machine *m;
    size_t words;
};

static void mark_bucket(const struct marking *k, uint32_t bucket);

static const struct cedar_value *
term(const struct marking *k, const struct group *g)
{
    const char *text;
    if (g->term & TERM_IS_VARIABLE)
        return k->m->variables[g->term & ~TERM_IS_VARIABLE];
    return machine_run(k->m, g->term, &text);
}

static void
mark_equal(const struct marking *k, const struct group *g, const struct cedar_value *v)
{
    const struct entry *table = &k->x->entries[g->entry];
    uint32_t hash = v->interned ? v->hash : (uint32_t)value_hash(k->m->table->seed, v);
    for (uint32_t i = hash & (g->n - 1); table[i].value; i = (i + 1) & (g->n - 1))
        if (table[i].hash == hash && value_same(table[i].value, v)) {
            mark_bucket(k, table[i].bucket);
            return;
        }
}

static inline uint32_t
spread(uint32_t number)
{
    return number * UINT32_C(0x9e3779b1) >> 7;
}

static void
mark_node(const struct marking *k, const struct group *g, uint32_t number)
{
    const struct entry *table = &k->x->entries[g->entry];
    for (uint32_t i = spread(number) & (g->n - 1); table[i].value; i = (i + 1) & (g->n - 1))
        if (table[i].hash == number) {
            mark_bucket(k, table[i].bucket);
            return;
        }
}

/* An entity that has no node is in none of those that the policies name. */
static void
mark_in(const struct marking *k, const struct group *g, const struct cedar_value *v)
{
    const struct node *n = machine_node(k->m, v);
    if (n == NULL)
        return;
    mark_node(k, g, n->number);
    const struct node *facts = machine_facts(k->m, n);
    for (uint32_t i = 0; i < facts->n_ancestors; i++)
        mark_node(k, g, facts->ancestors[i]);
}

/* The list is sorted so that those which the number passes come first. */
static void
mark_ordered(const struct marking *k, const struct group *g, int64_t v)
{
    const struct entry *list = &k->x->entries[g->entry];
    uint32_t from = 0, to = g->n;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        int64_t number = list[middle].number;
        bool passes = g->kind == GUARD_LESS         ? v < number
                      : g->kind == GUARD_LESS_EQUAL ? v <= number
                      : g->kind == GUARD_GREATER    ? v > number
                                                    : v >= number;
        if (passes)
            from = middle + 1;
        else
            to = middle;
    }
    for (uint32_t i = 0; i < from; i++)
        mark_bucket(k, list[i].bucket);
}

static void
mark_passing(const struct marking *k, const struct group *g, const struct cedar_value *v)
{
    switch (g->kind) {
    case GUARD_TRUTH:
        mark_bucket(k, k->x->entries[g->entry + v->truth].bucket);
        return;
    case GUARD_EQUAL:
        mark_equal(k, g, v);
        return;
    case GUARD_IN:
        mark_in(k, g, v);
        return;
    case GUARD_CONTAINS:
        for (size_t i = 0; i < v->set.n; i++)
            mark_equal(k, g, v->set.at[i]);
        return;
    default:
        mark_ordered(k, g, v->number);
    }
}

static bool
takes(const struct group *g, const struct cedar_value *v)
{
    switch (g->kind) {
    case GUARD_TRUTH:
        return v->kind == VALUE_BOOL;
    case GUARD_EQUAL:
        return true;
    case GUARD_IN:
        return v->kind == VALUE_ENTITY;
    case GUARD_CONTAINS:
        return v->kind == VALUE_SET;
    default:
        return v->kind == g->ordered;
    }
}

static void
mark_bucket(const struct marking *k, uint32_t bucket)
{
    if (bucket == NOTHING)
        return;
    const struct bucket *b = &k->x->buckets[bucket];
    mark(k->m, k->words, &k->x->lists[b->plain], b->n_plain);
    for (uint32_t i = 0; i < b->n_groups; i++) {
        const struct group *g = &k->x->groups[b->group + i];
        const struct cedar_value *v = term(k, g);
        if (v && takes(g, v))
            mark_passing(k, g, v);
        else
            mark(k->m, k->words, &k->x->lists[g->all], g->n_all);
    }
}

/* ------------------------------------------------------------------------------------------------------------------- scopes */

static void
mark_action(const struct marking *k, const struct branch *at, uint32_t n, uint32_t action)
{
    while (n > 1) {
        uint32_t half = n / 2;
        at += at[half].action <= action ? half : 0;
        n -= half;
    }
    if (at->action == action)
        mark_bucket(k, at->bucket);
}

/* Each action stands once in a range of branches; those for any action come last. */
static void
mark_branches(const struct marking *k, struct range r, const struct asked *action)
{
    const struct branch *at = &k->x->branches[r.from];
    if (r.n == 0)
        return;
    if (at[r.n - 1].action == ANY_ACTION)
        mark_bucket(k, at[--r.n].bucket);
    if (r.n == 0 || action->node == NULL)
        return;
    mark_action(k, at, r.n, action->node->number);
    for (uint32_t i = 0; i < action->facts->n_ancestors; i++)
        mark_action(k, at, r.n, action->facts->ancestors[i]);
}

static void
mark_spot(const struct marking *k, uint32_t number, bool resource, const struct asked *action)
{
    uint32_t spot = number < k->x->n_nodes ? k->x->spot_of[number] : 0;
    if (spot)
        mark_branches(k, resource ? k->x->spots[spot - 1].resource : k->x->spots[spot - 1].principal, action);
}

static void
mark_type(const struct marking *k, const struct typed *at, size_t n, const char *type, const struct asked *action)
{
    while (n > 1) {
        size_t half = n / 2;
        at += (uintptr_t)at[half].type <= (uintptr_t)type ? half : 0;
        n -= half;
    }
    if (n && at->type == type)
        mark_branches(k, at->branches, action);
}

static void
mark_who(const struct marking *k, const struct asked *who, bool resource, const struct asked *action)
{
    if (who->node) {
        mark_spot(k, who->node->number, resource, action);
        for (uint32_t i = 0; i < who->facts->n_ancestors; i++)
            mark_spot(k, who->facts->ancestors[i], resource, action);
    }
    mark_type(k, resource ? k->x->resources : k->x->principals, resource ? k->x->n_resources : k->x->n_principals, who->type, action);
}

void
index_mark(const struct index *x, struct machine *m, const struct asked asked[3])
{
    struct marking k = {x, m, m->desk->words};
    mark_who(&k, &asked[VARIABLE_PRINCIPAL], false, &asked[VARIABLE_ACTION]);
    mark_who(&k, &asked[VARIABLE_RESOURCE], true, &asked[VARIABLE_ACTION]);
    mark_branches(&k, x->any, &asked[VARIABLE_ACTION]);
}
