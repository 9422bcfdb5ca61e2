#include "base/err.h"
#include "cedar/index.h"

#define FEW_ACTIONS 8u
#define FOUND_MAX (SIEVE_MAX + 64u)
#define SPOTS_AT_ONCE 16u

/* What the marks of one request are set by, and what was found without. */
struct marking {
    const struct index *x;
    struct machine *m;
    size_t words;
    const struct asked *other; /* the part of the request that items name an entity of */
    uint64_t other_mask;       /* bit n % 64 for its node n and each above it, and for NOTHING */
    uint32_t *actions;         /* the action and those above it, as spots number them */
    size_t n_actions;
    uint64_t action_mask;
    index_take *take;
    void *of;
    bool ok;
    size_t n_fit, n_found;
    uint32_t fit[FOUND_MAX];   /* places in ${few}, by the masks */
    uint32_t found[FOUND_MAX]; /* policies */
};

static bool
other_fits(const struct marking *k, uint32_t other)
{
    uint32_t number = other & ~OTHER_ITSELF;
    if ((k->other_mask >> (number & 63) & 1) == 0)
        return false;
    return number == k->other->node->number || (other == number && node_in(k->other->facts, number));
}

static void
mark(const struct marking *k, uint32_t from, uint32_t n)
{
    const struct item *item = &k->x->items[from];
    uint64_t *marks = k->m->desk->marks;
    for (uint32_t i = 0; i < n; i++) {
        if (item[i].other != NOTHING && !other_fits(k, item[i].other))
            continue;
        uint32_t word = item[i].policy >> 6;
        marks[word] |= UINT64_C(1) << (item[i].policy & 63);
        marks[k->words + (word >> 6)] |= UINT64_C(1) << (word & 63);
    }
}

static void mark_bucket(const struct marking *k, uint32_t bucket);

static const struct cedar_value *
term(const struct marking *k, const struct group *g)
{
    const char *text;
    if (g->term & TERM_IS_HELD)
        return k->m->desk->held[g->term & ~TERM_IS_HELD];
    return machine_run(k->m, g->term, &text);
}

static void
mark_equal(const struct marking *k, const struct group *g, const struct cedar_value *v)
{
    const struct entry *table = &k->x->entries[g->entry];
    uint32_t hash = value_hash_in(k->m->table->seed, v);
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
mark_has(const struct marking *k, const struct group *g, const struct cedar_value *v)
{
    if (v->kind == VALUE_ENTITY) {
        const struct node *n = machine_node(k->m, v);
        const struct node *facts = n ? machine_facts(k->m, n) : NULL;
        if (facts == NULL || !facts->known)
            return;
        v = facts->attributes;
    }
    for (size_t i = 0; i < v->record.n; i++) {
        struct cedar_value name = {.kind = VALUE_STRING, .text = v->record.at[i].key};
        mark_equal(k, g, &name);
    }
}

static void
mark_like(const struct marking *k, const struct group *g, struct cedar_str text)
{
    for (uint64_t lengths = g->lengths; lengths; lengths &= lengths - 1) {
        size_t n = (size_t)__builtin_ctzll(lengths);
        if (n > text.n)
            return;
        struct cedar_value first = {.kind = VALUE_STRING, .text = {text.at, n}};
        mark_equal(k, g, &first);
    }
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
    case GUARD_HAS:
        mark_has(k, g, v);
        return;
    case GUARD_LIKE:
        mark_like(k, g, v->text);
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
    case GUARD_LIKE:
        return v->kind == VALUE_STRING;
    case GUARD_HAS:
        return v->kind == VALUE_RECORD || v->kind == VALUE_ENTITY;
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
    mark(k, b->plain, b->n_plain);
    for (uint32_t i = 0; i < b->n_groups; i++) {
        const struct group *g = &k->x->groups[b->group + i];
        const struct cedar_value *v = term(k, g);
        if (v && takes(g, v))
            mark_passing(k, g, v);
        else
            mark(k, g->all, g->n_all);
    }
}

/* ---------------------------------------------------------------------------------------------------------------------- few */

static void
tell(struct marking *k)
{
    if (k->n_found)
        k->ok = k->ok && k->take(k->of, k->found, k->n_found);
    k->n_found = 0;
}

/* Those that the masks let through are looked at exactly. */
static void
settle(struct marking *k)
{
    const struct few *few = k->x->few;
    if (k->n_found + k->n_fit > FOUND_MAX)
        tell(k);
    for (size_t i = 0; i < k->n_fit; i++) {
        const struct few *f = &few[k->fit[i]];
        k->found[k->n_found] = f->policy;
        __builtin_prefetch(&k->x->verdicts[f->policy]);
        k->n_found += f->other == NOTHING || other_fits(k, f->other);
    }
    k->n_fit = 0;
}

/* Without a branch for each: which of them fit is as good as random. */
static inline void
scan(struct marking *k, uint32_t from, uint32_t n)
{
    if (k->n_fit + n > FOUND_MAX)
        settle(k);
    const struct few *few = &k->x->few[from];
    uint64_t actions = k->action_mask, others = k->other_mask;
    uint32_t *fit = k->fit + k->n_fit;
    for (uint32_t i = 0; i < n; i++) {
        *fit = from + i;
        fit += ((few[i].actions & actions) != 0) & (others >> (few[i].other & 63));
    }
    k->n_fit = (size_t)(fit - k->fit);
}

static void
find_sieved(struct marking *k, const struct range *r)
{
    const struct run *runs = &k->x->runs[r->run];
    for (uint32_t i = 0; i < r->n_runs; i++) {
        if (k->n_found + runs[i].n > FOUND_MAX)
            tell(k);
        k->n_found += sieve_run(k->m, &runs[i], k->x->grains, k->found + k->n_found);
    }
}

/* ------------------------------------------------------------------------------------------------------------------- scopes */

static bool
has_action(const struct marking *k, uint32_t action)
{
    for (size_t i = 0; i < k->n_actions; i++)
        if (k->actions[i] == action)
            return true;
    return false;
}

static void
search_action(const struct marking *k, const struct branch *at, uint32_t n, uint32_t action)
{
    while (n > 1) {
        uint32_t half = n / 2;
        at += at[half].action <= action ? half : 0;
        n -= half;
    }
    if (at->action == action)
        mark_bucket(k, at->bucket);
}

/* Few branches are looked through, for many each action is searched for. */
static void
mark_branches(struct marking *k, const struct range *r)
{
    const struct branch *at = &k->x->branches[r->from];
    find_sieved(k, r);
    scan(k, r->few, r->n_few);
    mark_bucket(k, r->any);
    if ((r->mask & k->action_mask) == 0)
        return;
    if (r->n > 16) {
        for (size_t i = 0; i < k->n_actions; i++)
            search_action(k, at, r->n, k->actions[i]);
        return;
    }
    for (uint32_t i = 0; i < r->n; i++)
        if ((k->action_mask & action_bit(at[i].action)) && has_action(k, at[i].action))
            mark_bucket(k, at[i].bucket);
}

static const struct spot *
spot(const struct index *x, uint32_t number)
{
    return &x->spots[number < x->n_nodes ? x->spot_of[number] : 0];
}

static void
mark_type(struct marking *k, const struct typed *at, size_t n, const char *type)
{
    while (n > 1) {
        size_t half = n / 2;
        at += (uintptr_t)at[half].type <= (uintptr_t)type ? half : 0;
        n -= half;
    }
    if (n && at->type == type)
        mark_branches(k, &at->branches);
}

/* What stands under nodes as part ${part} or above it. All are asked for before the first is waited for. */
static void
mark_above(struct marking *k, const uint32_t *nodes, uint32_t n, int part)
{
    UNINITIALIZED const struct spot *spots[SPOTS_AT_ONCE];
    const struct index *x = k->x;
    uint32_t some = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct spot *s = spot(x, nodes[i]);
        spots[some] = s;
        some += s->n_few[part] != 0 || s->wide != 0;
        __builtin_prefetch(&x->few[s->few[part]]);
    }
    for (uint32_t i = 0; i < some; i++) {
        const struct spot *s = spots[i];
        scan(k, s->few[part] + s->n_itself[part], s->n_few[part]);
        if (s->wide)
            mark_branches(k, &x->wides[s->wide - 1].under[2 * part + 1]);
    }
}

/* What stands under a part of the request. */
static void
mark_part(struct marking *k, const struct asked *who, int part)
{
    enum under itself = part ? UNDER_RESOURCE_ITSELF : UNDER_PRINCIPAL_ITSELF;
    if (who->node == NULL || (!k->x->stands[itself] && !k->x->stands[itself + 1]))
        return;
    const struct spot *s = spot(k->x, who->node->number);
    scan(k, s->few[part], s->n_itself[part] + s->n_few[part]);
    if (s->wide) {
        mark_branches(k, &k->x->wides[s->wide - 1].under[itself]);
        mark_branches(k, &k->x->wides[s->wide - 1].under[itself + 1]);
    }
    for (uint32_t i = 0, n; k->x->stands[itself + 1] && i < who->facts->n_ancestors; i += n) {
        n = who->facts->n_ancestors - i < SPOTS_AT_ONCE ? who->facts->n_ancestors - i : SPOTS_AT_ONCE;
        mark_above(k, &who->facts->ancestors[i], n, part);
    }
    settle(k);
}

/* Bit n % 64 for the node n of a part and each above it. */
static uint64_t
mask_of(const struct asked *who)
{
    uint64_t mask = who->node ? UINT64_C(1) << (who->node->number & 63) : 0;
    for (uint32_t i = 0; who->node && i < who->facts->n_ancestors; i++)
        mask |= UINT64_C(1) << (who->facts->ancestors[i] & 63);
    return mask;
}

static void
look_at_other(struct marking *k, const struct asked *asked, int part)
{
    k->other = &asked[part];
    k->other_mask = k->m->desk->above[part] | UINT64_C(1) << (NOTHING & 63);
}

static void
add_action(struct marking *k, uint32_t action)
{
    if (action)
        k->actions[k->n_actions++] = action;
}

/* Numbers of actions, for branches. False: out of memory. */
static bool
number_actions(struct marking *k, const struct asked *action)
{
    uint32_t above = action->facts->n_ancestors;
    if (above + 2 > FEW_ACTIONS && (k->actions = arena_list(k->m->a, (size_t)above + 2, sizeof *k->actions)) == NULL)
        return false;
    const struct spot *s = spot(k->x, action->node->number);
    add_action(k, s->action_itself);
    add_action(k, s->action);
    for (uint32_t i = 0; i < above; i++)
        add_action(k, spot(k->x, action->facts->ancestors[i])->action);
    return true;
}

/* False: out of memory. */
static bool
look_at_action(struct marking *k, const struct asked *action)
{
    k->n_actions = 0;
    k->action_mask = action_bit(0);
    if (action->node == NULL)
        return true;
    const struct spot *s = spot(k->x, action->node->number);
    k->action_mask |= s->bits_itself | s->bits;
    for (uint32_t i = 0; i < action->facts->n_ancestors; i++)
        k->action_mask |= spot(k->x, action->facts->ancestors[i])->bits;
    return k->x->n_branches == 0 || number_actions(k, action);
}

bool
index_find(const struct index *x, struct machine *m, const struct asked asked[3], index_take *take, void *of)
{
    UNINITIALIZED uint32_t few[FEW_ACTIONS];
    const struct asked *principal = &asked[VARIABLE_PRINCIPAL], *resource = &asked[VARIABLE_RESOURCE];
    UNINITIALIZED struct marking k;
    k.x = x, k.m = m, k.words = m->desk->words, k.actions = few;
    k.take = take, k.of = of, k.ok = true;
    k.n_fit = k.n_found = 0;
    if (!look_at_action(&k, &asked[VARIABLE_ACTION]))
        return false;
    for (int i = 0; i < VARIABLE_CONTEXT; i++)
        m->desk->above[i] = x->masked >> i & 1 ? mask_of(&asked[i]) : 0;
    look_at_other(&k, asked, VARIABLE_RESOURCE);
    mark_part(&k, principal, 0);
    look_at_other(&k, asked, VARIABLE_PRINCIPAL);
    mark_part(&k, resource, 1);
    mark_type(&k, x->principals, x->n_principals, principal->type);
    mark_type(&k, x->resources, x->n_resources, resource->type);
    mark_branches(&k, &x->any);
    settle(&k);
    tell(&k);
    return k.ok;
}
