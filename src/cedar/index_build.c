#include "cedar/growing.h"
#include "cedar/index.h"

/* Where a policy stands: under a part of its scope and an action. */
struct stand {
    enum under under;
    uint32_t action, policy;
    uint64_t key; /* a node's number or a type's address */
};

/* Types of scopes that are compared to find a number again; one that is not among the last so many may get another. */
#define TYPES_LOOKED_AT 32u

struct builder {
    struct index *x;
    const struct rule *rules;
    size_t n;
    const uint32_t *actions;
    const struct graph *g;
    const struct program *program;
    uint64_t seed;
    const struct cedar_store *store;
    uint32_t *popular[2]; /* per node: policies with it as principal, as resource */
    struct growing stands, spots, wides, few, runs, grains, types, principals, resources, branches, buckets, groups, entries, items;
    uint32_t *others; /* per policy: what its items say */
};

/* ------------------------------------------------------------------------------------------------------ tests of conditions */

/* One literal of one policy's test. */
struct tested {
    uint32_t policy, term, hash;
    enum guard_kind kind;
    bool want;
    const struct cedar_value *literal;
};

static uint32_t make_bucket(struct builder *b, const uint32_t *policies, size_t n, unsigned level);

static enum value_kind
ordered_kind(const struct tested *t)
{
    return t->kind >= GUARD_LESS ? t->literal->kind : VALUE_BOOL;
}

static int
by_group(const struct tested *x, const struct tested *y)
{
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    if (x->term != y->term)
        return x->term < y->term ? -1 : 1;
    return (int)ordered_kind(x) - (int)ordered_kind(y);
}

static int
by_literal(const struct tested *x, const struct tested *y)
{
    if (x->kind == GUARD_TRUTH)
        return x->want - y->want;
    if (x->kind < GUARD_LESS)
        return (uintptr_t)x->literal<(uintptr_t)y->literal ? -1 : (uintptr_t)x->literal>(uintptr_t) y->literal;
    bool down = x->kind == GUARD_LESS || x->kind == GUARD_LESS_EQUAL; /* those that a number passes come first */
    int64_t l = x->literal->number, r = y->literal->number;
    return l == r ? 0 : (l < r) == down ? 1 : -1;
}

static int
by_test(const void *a, const void *b)
{
    const struct tested *x = a, *y = b;
    int c = by_group(x, y);
    if (c == 0)
        c = by_literal(x, y);
    return c ? c : x->policy < y->policy ? -1 : x->policy > y->policy;
}

static void
add_tests(struct builder *b, struct growing *tests, struct growing *plain, uint32_t policy, unsigned level)
{
    struct guard guard;
    guard_of(b->g, b->rules[policy].condition, level, &guard);
    const struct vertex *v = guard.kind == GUARD_NONE ? NULL : &b->g->at[guard.term];
    bool hopeless = guard.kind != GUARD_TRUTH && guard.n == 0; /* [].contains(x): never true, but x may fault */
    if (level >= GUARD_LEVELS || v == NULL || hopeless || (v->held == NOT_HELD && (v->chunk == NO_VERTEX || v->guards < GROUP_MIN))) {
        uint32_t *to = growing_add(plain, 1, sizeof *to);
        if (to)
            *to = policy;
        return;
    }
    size_t n = guard.kind == GUARD_TRUTH ? 1 : guard.n;
    for (size_t i = 0; i < n; i++) {
        struct tested *to = growing_add(tests, 1, sizeof *to);
        if (to == NULL)
            return;
        *to = (struct tested){policy, guard.term, 0, guard.kind, guard.want, guard.literals ? guard.literals[i] : guard.one};
    }
}

static uint32_t
add_items(struct builder *b, const uint32_t *policies, size_t n)
{
    struct item *to = growing_add(&b->items, n, sizeof *to);
    for (size_t i = 0; to && i < n; i++)
        to[i] = (struct item){policies[i], b->others[policies[i]]};
    return (uint32_t)(b->items.n - n);
}

static uint32_t
bucket_of_tests(struct builder *b, const struct tested *t, size_t n, unsigned level)
{
    uint32_t *policies = calloc(n, sizeof *policies), made = NOTHING;
    for (size_t i = 0; policies && i < n; i++)
        policies[i] = t[i].policy;
    if (policies)
        made = make_bucket(b, policies, n, level);
    else
        b->buckets.failed = true;
    free(policies);
    return made;
}

static void
place_entry(struct entry *table, uint32_t n, struct entry e, bool nodes)
{
    uint32_t i = nodes ? e.hash * UINT32_C(0x9e3779b1) >> 7 : e.hash;
    for (i &= n - 1; table[i].value; i = (i + 1) & (n - 1))
        ;
    table[i] = e;
}

static uint32_t
literal_hash(const struct builder *b, const struct tested *t)
{
    if (t->kind == GUARD_IN)
        return value_node(t->literal)->number;
    return t->literal->interned ? t->literal->hash : (uint32_t)value_hash(b->seed, t->literal);
}

static size_t
same_literal(const struct tested *t, size_t n)
{
    size_t run = 1;
    while (run < n && by_literal(&t[0], &t[run]) == 0)
        run++;
    return run;
}

/* Entries by literal: for TRUTH two, for comparisons a sorted list, else a table at most half full. Buckets first: they add entries, too. */
static void
make_entries(struct builder *b, struct group *g, const struct tested *t, size_t n, unsigned level)
{
    struct growing made = {NULL, 0, 0, false};
    for (size_t i = 0, run; i < n; i += run) {
        run = same_literal(&t[i], n - i);
        struct entry *e = growing_add(&made, 1, sizeof *e);
        if (e == NULL)
            break;
        *e = (struct entry){t[i].literal, t[i].kind >= GUARD_LESS ? t[i].literal->number : t[i].want,
                            t[i].kind == GUARD_TRUTH || t[i].kind >= GUARD_LESS ? 0 : literal_hash(b, &t[i]), NOTHING};
        uint32_t bucket = bucket_of_tests(b, &t[i], run, level + 1);
        ((struct entry *)made.at)[made.n - 1].bucket = bucket;
    }
    uint32_t cap = (uint32_t)made.n;
    if (g->kind == GUARD_TRUTH)
        cap = 2;
    else if (g->kind < GUARD_LESS)
        for (cap = 2; cap < made.n * 2; cap *= 2)
            ;
    struct entry *to = growing_add(&b->entries, cap, sizeof *to), *from = made.at;
    g->entry = (uint32_t)(b->entries.n - cap);
    g->n = cap;
    if (to && g->kind == GUARD_TRUTH)
        to[0].bucket = to[1].bucket = NOTHING;
    for (size_t i = 0; to && i < made.n; i++)
        if (g->kind == GUARD_TRUTH)
            to[from[i].number].bucket = from[i].bucket;
        else if (g->kind < GUARD_LESS)
            place_entry(to, cap, from[i], g->kind == GUARD_IN);
        else
            to[i] = from[i];
    b->entries.failed |= made.failed;
    free(made.at);
}

static struct group
make_group(struct builder *b, const struct tested *t, size_t n, unsigned level)
{
    const struct vertex *v = &b->g->at[t[0].term];
    struct group g = {.kind = t[0].kind, .ordered = ordered_kind(&t[0])};
    g.term = v->held != NOT_HELD ? TERM_IS_HELD | v->held : v->chunk;
    struct item *all = growing_add(&b->items, n, sizeof *all);
    for (size_t i = 0; all && i < n; i++)
        all[i] = (struct item){t[i].policy, b->others[t[i].policy]};
    for (size_t i = 0; g.kind == GUARD_LIKE && i < n; i++)
        g.lengths |= UINT64_C(1) << t[i].literal->text.n;
    g.all = (uint32_t)(b->items.n - n);
    g.n_all = (uint32_t)n;
    make_entries(b, &g, t, n, level);
    return g;
}

/* A test that few policies make is quicker made by them: then they go to the plain ones, each once. */
static bool
too_few(const struct tested *t, size_t n, struct growing *plain)
{
    uint32_t seen[GROUP_MIN];
    size_t n_seen = 0;
    for (size_t i = 0, k; i < n; i++) {
        for (k = 0; k < n_seen && seen[k] != t[i].policy; k++)
            ;
        if (k == n_seen && (seen[n_seen++] = t[i].policy, n_seen == GROUP_MIN))
            return false;
    }
    uint32_t *to = growing_add(plain, n_seen, sizeof *to);
    for (size_t k = 0; to && k < n_seen; k++)
        to[k] = seen[k];
    return true;
}

static void
make_groups(struct builder *b, struct bucket *bucket, struct growing *tests, struct growing *plain, unsigned level)
{
    struct growing groups = {NULL, 0, 0, false};
    struct tested *t = tests->at;
    if (tests->n)
        qsort(t, tests->n, sizeof *t, by_test);
    for (size_t i = 0, run; i < tests->n; i += run) {
        for (run = 1; i + run < tests->n && by_group(&t[i], &t[i + run]) == 0; run++)
            ;
        struct group *g = too_few(&t[i], run, plain) ? NULL : growing_add(&groups, 1, sizeof *g);
        if (g)
            *g = make_group(b, &t[i], run, level);
    }
    struct group *to = growing_add(&b->groups, groups.n, sizeof *to), *from = groups.at;
    bucket->group = (uint32_t)(b->groups.n - groups.n);
    bucket->n_groups = (uint32_t)groups.n;
    for (size_t i = 0; to && i < groups.n; i++)
        to[i] = from[i];
    b->groups.failed |= groups.failed;
    free(groups.at);
}

/* Recursion: at most GUARD_LEVELS. Few policies are not worth a test before theirs. */
#define BUCKET_MIN 8
static uint32_t
make_bucket(struct builder *b, const uint32_t *policies, size_t n, unsigned level)
{
    struct growing tests = {NULL, 0, 0, false}, plain = {NULL, 0, 0, false};
    struct bucket made = {0, 0, 0, 0};
    for (size_t i = 0; i < n; i++)
        if (i == 0 || policies[i] != policies[i - 1])
            add_tests(b, &tests, &plain, policies[i], n < BUCKET_MIN || b->others[policies[i]] != NOTHING ? GUARD_LEVELS : level);
    make_groups(b, &made, &tests, &plain, level);
    made.plain = add_items(b, plain.at, plain.n);
    made.n_plain = (uint32_t)plain.n;
    b->items.failed |= tests.failed || plain.failed;
    free(tests.at);
    free(plain.at);
    struct bucket *to = growing_add(&b->buckets, 1, sizeof *to);
    if (to)
        *to = made;
    return (uint32_t)b->buckets.n - 1;
}

/* ------------------------------------------------------------------------------------------------------------------- scopes */

static bool
names_entity(const struct rule *r, int part)
{
    return r->scope[part] == SCOPE_EQUAL || r->scope[part] == SCOPE_IN || r->scope[part] == SCOPE_IS_IN;
}

static void
count(struct builder *b)
{
    for (size_t i = 0; i < b->n; i++) {
        const struct rule *r = &b->rules[i];
        if (names_entity(r, VARIABLE_PRINCIPAL))
            b->popular[0][r->node[VARIABLE_PRINCIPAL]]++;
        if (names_entity(r, VARIABLE_RESOURCE))
            b->popular[1][r->node[VARIABLE_RESOURCE]]++;
    }
}

/* How likely a request meets a node as part ${part}. Of one that the store does not know, as likely as policies name it. */
static float
likely(const struct builder *b, int part, uint32_t node)
{
    return node < b->store->n_shares ? b->store->shares[node] : (float)b->popular[part][node] / (float)b->n;
}

/* Under principal or resource? What fewer requests meet, then what fewer other policies name. */
static bool
under_principal(const struct builder *b, uint32_t principal, uint32_t resource)
{
    float p = likely(b, 0, principal), r = likely(b, 1, resource);
    return p < r || (p <= r && b->popular[0][principal] <= b->popular[1][resource]);
}

static enum under
choose(const struct builder *b, const struct rule *r)
{
    bool principal = names_entity(r, VARIABLE_PRINCIPAL), resource = names_entity(r, VARIABLE_RESOURCE);
    if (principal && (!resource || under_principal(b, r->node[VARIABLE_PRINCIPAL], r->node[VARIABLE_RESOURCE])))
        return r->scope[VARIABLE_PRINCIPAL] == SCOPE_EQUAL ? UNDER_PRINCIPAL_ITSELF : UNDER_PRINCIPAL;
    if (resource)
        return r->scope[VARIABLE_RESOURCE] == SCOPE_EQUAL ? UNDER_RESOURCE_ITSELF : UNDER_RESOURCE;
    if (r->scope[VARIABLE_PRINCIPAL] == SCOPE_IS)
        return UNDER_PRINCIPAL_TYPE;
    return r->scope[VARIABLE_RESOURCE] == SCOPE_IS ? UNDER_RESOURCE_TYPE : UNDER_ANY;
}

static uint64_t
key(const struct rule *r, enum under under)
{
    int part = under == UNDER_RESOURCE_ITSELF || under == UNDER_RESOURCE || under == UNDER_RESOURCE_TYPE ? VARIABLE_RESOURCE : VARIABLE_PRINCIPAL;
    if (under <= UNDER_RESOURCE)
        return r->node[part];
    return under == UNDER_ANY ? 0 : (uintptr_t)r->type[part];
}

static uint32_t
other(const struct rule *r, enum under under)
{
    int part = under <= UNDER_PRINCIPAL ? VARIABLE_RESOURCE : VARIABLE_PRINCIPAL;
    if (under > UNDER_RESOURCE || !names_entity(r, part))
        return NOTHING;
    return r->node[part] | (r->scope[part] == SCOPE_EQUAL ? OTHER_ITSELF : 0);
}

/* The type that a part of a scope asks for, unless the policy stands under just that: its place among the types, 0: none. */
static uint32_t
type_left(struct builder *b, const struct rule *r, int part, enum under under, enum under seen_to)
{
    bool typed = r->scope[part] == SCOPE_IS || r->scope[part] == SCOPE_IS_IN;
    const char **types = b->types.at, **to;
    if (!typed || under == seen_to)
        return 0;
    for (size_t i = b->types.n > TYPES_LOOKED_AT ? b->types.n - TYPES_LOOKED_AT : 1; i < b->types.n; i++)
        if (types[i] == r->type[part])
            return (uint32_t)i;
    to = growing_add(&b->types, 1, sizeof *to);
    if (to)
        *to = r->type[part];
    return (uint32_t)b->types.n - 1;
}

static struct spot *
spot_of(struct builder *b, uint32_t node)
{
    if (b->x->spot_of[node] == 0) {
        growing_add(&b->spots, 1, sizeof(struct spot));
        b->x->spot_of[node] = (uint32_t)b->spots.n - 1;
    }
    return b->spots.failed ? NULL : &((struct spot *)b->spots.at)[b->x->spot_of[node]];
}

/* The number of an action among those that scopes name, from 1; 0 stands for any. `action == a` and `action in a` are two numbers. */
static uint32_t
action_number(struct builder *b, uint32_t node, bool itself)
{
    struct spot *s = spot_of(b, node);
    if (s == NULL)
        return 0;
    uint32_t *number = itself ? &s->action_itself : &s->action;
    if (*number == 0) {
        *number = (uint32_t)++b->x->n_actions;
        *(itself ? &s->bits_itself : &s->bits) = action_bit(*number);
    }
    return *number;
}

static void
add_stands(struct builder *b, uint32_t policy)
{
    const struct rule *r = &b->rules[policy];
    enum under under = choose(b, r);
    bool any = r->scope[VARIABLE_ACTION] == SCOPE_ANY, itself = r->scope[VARIABLE_ACTION] == SCOPE_EQUAL;
    b->others[policy] = other(r, under);
    b->x->stands[under] = true;
    if (b->others[policy] != NOTHING)
        b->x->masked |= (uint8_t)(1u << (under >= UNDER_RESOURCE_ITSELF ? VARIABLE_PRINCIPAL : VARIABLE_RESOURCE));
    const struct chunk *c = &b->program->chunks[r->chunk];
    struct verdict *v = &b->x->verdicts[policy];
    *v = (struct verdict){r->chunk,
                          type_left(b, r, VARIABLE_PRINCIPAL, under, UNDER_PRINCIPAL_TYPE),
                          type_left(b, r, VARIABLE_RESOURCE, under, UNDER_RESOURCE_TYPE),
                          c->trial,
                          c->n_trials,
                          c->whole,
                          r->forbid};
    for (uint32_t i = 0; i < c->n_trials && i < sizeof v->first / sizeof *v->first; i++)
        v->first[i] = b->program->trials[c->trial + i];
    for (uint32_t i = 0; i < (any ? 1 : r->n_actions); i++) {
        struct stand s = {under, any ? 0 : action_number(b, b->actions[r->node[VARIABLE_ACTION] + i], itself), policy, key(r, under)};
        struct stand *to = growing_add(&b->stands, 1, sizeof *to);
        if (to)
            *to = s;
    }
}

/* A node's few stand in one run, those that ask for the node itself first. */
static int
by_stand(const void *a, const void *b)
{
    const struct stand *x = a, *y = b;
    unsigned p = (unsigned)x->under / 2, q = (unsigned)y->under / 2;
    if (p != q)
        return p < q ? -1 : 1;
    if (p >= UNDER_PRINCIPAL_TYPE / 2 && x->under != y->under)
        return x->under < y->under ? -1 : 1;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    if (x->under != y->under)
        return x->under < y->under ? -1 : 1;
    if (x->action != y->action)
        return x->action < y->action ? -1 : 1;
    return x->policy < y->policy ? -1 : x->policy > y->policy;
}

/* Stands of one action under one part of a scope. */
static uint32_t
branch_bucket(struct builder *b, const struct stand *s, size_t n)
{
    uint32_t *policies = calloc(n, sizeof *policies), made = NOTHING;
    for (size_t i = 0; policies && i < n; i++)
        policies[i] = s[i].policy;
    if (policies)
        made = make_bucket(b, policies, n, 0);
    else
        b->buckets.failed = true;
    free(policies);
    return made;
}

static struct range *
wide_range(struct builder *b, struct spot *s, enum under under)
{
    if (s->wide == 0) {
        struct wide *w = growing_add(&b->wides, 1, sizeof *w);
        for (int i = 0; w && i <= UNDER_RESOURCE; i++)
            w->under[i].any = NOTHING;
        s->wide = (uint32_t)b->wides.n;
    }
    return b->wides.failed ? NULL : &((struct wide *)b->wides.at)[s->wide - 1].under[under];
}

static void
keep_at_node(struct builder *b, const struct stand *s, const struct range *r)
{
    struct spot *spot = spot_of(b, (uint32_t)s->key);
    int part = s->under >= UNDER_RESOURCE_ITSELF;
    bool itself = s->under == UNDER_PRINCIPAL_ITSELF || s->under == UNDER_RESOURCE_ITSELF;
    if (spot == NULL)
        return;
    if (r->n_few == 0) {
        struct range *to = wide_range(b, spot, s->under);
        if (to)
            *to = *r;
        return;
    }
    if (itself)
        spot->n_itself[part] = (uint8_t)r->n_few;
    else
        spot->n_few[part] = (uint8_t)r->n_few;
    spot->few[part] = itself ? r->few : r->few - spot->n_itself[part];
}

static void
keep_range(struct builder *b, const struct stand *s, const struct range *r)
{
    bool typed = s->under == UNDER_PRINCIPAL_TYPE || s->under == UNDER_RESOURCE_TYPE;
    struct typed *type = typed ? growing_add(s->under == UNDER_PRINCIPAL_TYPE ? &b->principals : &b->resources, 1, sizeof *type) : NULL;
    if (s->under == UNDER_ANY)
        b->x->any = *r;
    else if (type)
        *type = (struct typed){(const char *)(uintptr_t)s->key, *r};
    else if (!typed)
        keep_at_node(b, s, r);
}

static bool
together(const struct stand *a, const struct stand *b)
{
    return a->under == b->under && a->key == b->key;
}

/* All policies of these stands, each once, when they are few; else none. */
static bool
make_few(struct builder *b, const struct stand *s, size_t n, struct range *r)
{
    struct few made[FEW_MAX];
    size_t n_made = 0;
    for (size_t i = 0, at; i < n; i++) {
        for (at = 0; at < n_made && made[at].policy != s[i].policy; at++)
            ;
        if (at == FEW_MAX)
            return false;
        if (at == n_made)
            made[n_made++] = (struct few){0, s[i].policy, b->others[s[i].policy]};
        made[at].actions |= action_bit(s[i].action);
    }
    struct few *to = growing_add(&b->few, n_made, sizeof *to);
    for (size_t i = 0; to && i < n_made; i++)
        to[i] = made[i];
    *r = (struct range){.any = NOTHING, .few = (uint32_t)(b->few.n - n_made), .n_few = (uint32_t)n_made};
    return true;
}

/* Stands of one part of a scope; those for any action come first. */
static void
make_branches(struct builder *b, const struct stand *s, size_t n, struct range *r)
{
    *r = (struct range){.from = (uint32_t)b->branches.n, .any = NOTHING};
    for (size_t i = 0, run; i < n; i += run) {
        for (run = 1; i + run < n && s[i + run].action == s[i].action; run++)
            ;
        uint32_t bucket = branch_bucket(b, &s[i], run);
        if (s[i].action == 0) {
            r->any = bucket;
            continue;
        }
        struct branch *to = growing_add(&b->branches, 1, sizeof *to);
        if (to)
            *to = (struct branch){s[i].action, bucket};
        r->mask |= action_bit(s[i].action);
        r->n++;
    }
}

static bool
for_sieve(const struct builder *b, const struct stand *s)
{
    return s->action == 0 && b->program->chunks[b->rules[s->policy].chunk].n_trials > 0;
}

/* Stands under a type or nothing that can be sieved leave the list; those that stay are moved to its front. Returns how many stay. */
static size_t
make_sieve(struct builder *b, struct stand *s, size_t n, struct range *r)
{
    size_t some = 0, left = 0;
    for (size_t i = 0; i < n; i++)
        some += for_sieve(b, &s[i]);
    if (s->under < UNDER_PRINCIPAL_TYPE || some > SIEVE_MAX)
        return n;
    const struct trial **trials = calloc(some + 1, sizeof *trials);
    uint32_t *policies = calloc(some + 1, sizeof *policies);
    b->runs.failed |= trials == NULL || policies == NULL;
    for (size_t i = 0, k = 0; !b->runs.failed && i < n; i++) {
        if (!for_sieve(b, &s[i])) {
            s[left++] = s[i];
            continue;
        }
        trials[k] = &b->program->trials[b->program->chunks[b->rules[s[i].policy].chunk].trial];
        policies[k++] = s[i].policy;
    }
    r->run = (uint32_t)b->runs.n;
    if (!b->runs.failed)
        sieve_make(&b->runs, &b->grains, trials, policies, some);
    r->n_runs = (uint32_t)b->runs.n - r->run;
    free(trials);
    free(policies);
    return left;
}

static void
make_range(struct builder *b, struct stand *s, size_t n)
{
    struct range r, sieved = {.n_runs = 0};
    struct stand first = *s;
    n = make_sieve(b, s, n, &sieved);
    if (!make_few(b, s, n, &r))
        make_branches(b, s, n, &r);
    r.run = sieved.run;
    r.n_runs = sieved.n_runs;
    keep_range(b, &first, &r);
}

static void
make_ranges(struct builder *b)
{
    struct stand *s = b->stands.at;
    if (b->stands.n)
        qsort(s, b->stands.n, sizeof *s, by_stand);
    for (size_t i = 0, run; i < b->stands.n; i += run) {
        for (run = 1; i + run < b->stands.n && together(&s[i], &s[i + run]); run++)
            ;
        make_range(b, &s[i], run);
    }
}

static bool
failed(const struct builder *b)
{
    return b->stands.failed || b->spots.failed || b->wides.failed || b->few.failed || b->runs.failed || b->grains.failed || b->types.failed ||
           b->principals.failed || b->resources.failed || b->branches.failed || b->buckets.failed || b->groups.failed || b->entries.failed ||
           b->items.failed;
}

/* Lists that stayed empty get an address, too, so that ranges of nothing may be formed. */
static void
hand_over(struct builder *b)
{
    struct index *x = b->x;
    growing_add(&b->wides, 0, sizeof *x->wides);
    growing_add(&b->few, 0, sizeof *x->few);
    growing_add(&b->runs, 0, sizeof *x->runs);
    growing_add(&b->grains, 0, sizeof *x->grains);
    growing_add(&b->principals, 0, sizeof *x->principals);
    growing_add(&b->resources, 0, sizeof *x->resources);
    growing_add(&b->branches, 0, sizeof *x->branches);
    growing_add(&b->buckets, 0, sizeof *x->buckets);
    growing_add(&b->groups, 0, sizeof *x->groups);
    growing_add(&b->entries, 0, sizeof *x->entries);
    growing_add(&b->items, 0, sizeof *x->items);
    x->spots = b->spots.at, x->n_spots = b->spots.n;
    x->wides = b->wides.at, x->n_wides = b->wides.n;
    x->few = b->few.at, x->n_few = b->few.n;
    x->runs = b->runs.at, x->n_runs = b->runs.n;
    x->grains = b->grains.at, x->n_grains = b->grains.n;
    x->types = b->types.at, x->n_types = b->types.n;
    x->principals = b->principals.at, x->n_principals = b->principals.n;
    x->resources = b->resources.at, x->n_resources = b->resources.n;
    x->branches = b->branches.at, x->n_branches = b->branches.n;
    x->buckets = b->buckets.at, x->n_buckets = b->buckets.n;
    x->groups = b->groups.at, x->n_groups = b->groups.n;
    x->entries = b->entries.at, x->n_entries = b->entries.n;
    x->items = b->items.at, x->n_items = b->items.n;
}

bool
index_build(struct index *x, const struct rule *rules, size_t n, const uint32_t *actions, const struct graph *g, const struct program *p,
            const struct interner *table, const struct cedar_store *store)
{
    struct builder b = {.x = x, .rules = rules, .n = n, .actions = actions, .g = g, .program = p, .seed = table->seed, .store = store};
    uint32_t nodes = table->nodes;
    *x = (struct index){.n_nodes = nodes, .spot_of = calloc((size_t)nodes + 1, sizeof *x->spot_of), .any = {.any = NOTHING}};
    x->masked = p->masked;
    x->verdicts = aligned_alloc(CACHE_LINE, (n + 1) * sizeof *x->verdicts);
    b.others = calloc(n + 1, sizeof *b.others);
    b.popular[0] = calloc((size_t)nodes + 1, sizeof *b.popular[0]);
    b.popular[1] = calloc((size_t)nodes + 1, sizeof *b.popular[1]);
    bool ok = growing_add(&b.spots, 1, sizeof *x->spots) && growing_add(&b.types, 1, sizeof *x->types) && x->spot_of && x->verdicts && b.others &&
              b.popular[0] && b.popular[1];
    if (ok)
        count(&b);
    for (uint32_t i = 0; ok && i < n; i++)
        if (!rules[i].template)
            add_stands(&b, i);
    if (ok)
        make_ranges(&b);
    hand_over(&b);
    free(b.others);
    free(b.popular[0]);
    free(b.popular[1]);
    free(b.stands.at);
    return ok && !failed(&b);
}

void
index_free(struct index *x)
{
    free(x->spot_of);
    free(x->spots);
    free(x->wides);
    free(x->few);
    free(x->runs);
    free(x->grains);
    free(x->types);
    free(x->principals);
    free(x->resources);
    free(x->branches);
    free(x->buckets);
    free(x->groups);
    free(x->entries);
    free(x->items);
    free(x->verdicts);
}
