/* Deciding with an engine. */
#include "base/err.h"
#include "cedar/engine.h"
#include "cedar/trial.h"

struct deciding {
    struct machine m;
    const struct cedar_engine *e;
    struct asked asked[3];
    bool fail_closed;
    struct cedar_answer *answer;
    size_t *permits, *forbids; /* of the answer, to be written to */
    struct cedar_policy_error *errors;
    size_t cap_permits, cap_forbids, cap_errors;
};

/*
 * Policies are found in any order. Each element begins with the number of a policy, a size_t; Shell's method, since a decision takes
 * nothing from the heap. Mostly there are few, in order already.
 */
static inline void
order(void *list, size_t n, size_t size)
{
    UNINITIALIZED struct cedar_policy_error one;
    char *at = list;
    size_t gap = 1, policy, other;
    while (gap < n / 3)
        gap = gap * 3 + 1;
    for (; gap > 0; gap /= 3)
        for (size_t i = gap, to; i < n; i++) {
            memcpy(&one, at + i * size, size);
            memcpy(&policy, &one, sizeof policy);
            for (to = i; to >= gap; to -= gap) {
                memcpy(&other, at + (to - gap) * size, sizeof other);
                if (other <= policy)
                    break;
                memcpy(at + to * size, at + (to - gap) * size, size);
            }
            if (to != i)
                memcpy(at + to * size, &one, size);
        }
}

/* A list in the scratch that doubles. */
static void *
more(struct arena *a, void *list, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return list;
    size_t bigger = *cap ? *cap * 2 : 8;
    void *to = arena_list(a, bigger, size);
    if (to && n)
        memcpy(to, list, n * size);
    if (to)
        *cap = bigger;
    return to;
}

static bool
add_permit(struct deciding *d, size_t policy)
{
    d->permits = more(d->m.a, d->permits, d->answer->n_permits, &d->cap_permits, sizeof *d->permits);
    if (d->permits)
        d->permits[d->answer->n_permits++] = policy;
    return d->permits != NULL;
}

static bool
add_forbid(struct deciding *d, size_t policy)
{
    d->forbids = more(d->m.a, d->forbids, d->answer->n_forbids, &d->cap_forbids, sizeof *d->forbids);
    if (d->forbids)
        d->forbids[d->answer->n_forbids++] = policy;
    return d->forbids != NULL;
}

static bool
add_error(struct deciding *d, size_t policy, const char *text)
{
    d->errors = text ? more(d->m.a, d->errors, d->answer->n_errors, &d->cap_errors, sizeof *d->errors) : NULL;
    if (d->errors == NULL)
        return false;
    d->errors[d->answer->n_errors++] = (struct cedar_policy_error){policy, text};
    return !(d->fail_closed && d->e->rules[policy].forbid) || add_forbid(d, policy);
}

/* ------------------------------------------------------------------------------------------------------------ one policy */

static bool
within(const struct asked *who, uint32_t node)
{
    return who->node && (who->node->number == node || node_in(who->facts, node));
}

static bool
scope_matches(const struct rule *r, int part, const struct asked *who)
{
    switch ((enum scope_kind)r->scope[part]) {
    case SCOPE_ANY:
        return true;
    case SCOPE_EQUAL:
        return who->node && who->node->number == r->node[part];
    case SCOPE_IN:
        return within(who, r->node[part]);
    case SCOPE_IS:
        return who->type == r->type[part];
    case SCOPE_IS_IN:
        return who->type == r->type[part] && within(who, r->node[part]);
    }
    return false;
}

static bool
action_matches(const struct deciding *d, const struct rule *r)
{
    const struct asked *action = &d->asked[VARIABLE_ACTION];
    const uint32_t *list = &d->e->actions[r->node[VARIABLE_ACTION]];
    if (r->scope[VARIABLE_ACTION] == SCOPE_ANY)
        return true;
    if (r->scope[VARIABLE_ACTION] == SCOPE_EQUAL)
        return action->node && action->node->number == *list;
    for (uint32_t i = 0; i < r->n_actions; i++)
        if (within(action, list[i]))
            return true;
    return false;
}

static bool
matches(const struct deciding *d, const struct rule *r)
{
    return !r->template && scope_matches(r, VARIABLE_PRINCIPAL, &d->asked[VARIABLE_PRINCIPAL]) &&
           scope_matches(r, VARIABLE_RESOURCE, &d->asked[VARIABLE_RESOURCE]) && action_matches(d, r);
}

static inline bool
satisfied(struct deciding *d, bool forbid, size_t policy)
{
    return forbid ? add_forbid(d, policy) : add_permit(d, policy);
}

/* A policy whose scope matches. */
static bool
evaluate(struct deciding *d, uint32_t chunk, bool forbid, size_t policy)
{
    const char *text = NULL;
    const struct cedar_value *v = machine_run(&d->m, chunk, &text);
    if (v == NULL)
        return add_error(d, policy, text);
    return !v->truth || satisfied(d, forbid, policy);
}

/* -------------------------------------------------------------------------------------------------------------- all of them */

static bool
consider_all(struct deciding *d)
{
    bool ok = true;
    for (size_t i = 0; ok && i < d->e->policies->n; i++)
        ok = !matches(d, &d->e->rules[i]) || evaluate(d, d->e->rules[i].chunk, d->e->rules[i].forbid, i);
    return ok;
}

static inline bool
types_match(const struct deciding *d, const struct verdict *w)
{
    const char *const *types = d->e->index.types;
    return (w->principal == 0 || types[w->principal] == d->asked[VARIABLE_PRINCIPAL].type) &&
           (w->resource == 0 || types[w->resource] == d->asked[VARIABLE_RESOURCE].type);
}

/* A policy that the index led to. */
static inline __attribute__((always_inline)) bool
consider(struct deciding *d, size_t policy)
{
    const struct verdict *w = &d->e->index.verdicts[policy];
    bool more = w->n_trials > sizeof w->first / sizeof *w->first;
    int tried = trial_all(&d->m, more ? &d->e->program.trials[w->trial] : w->first, w->n_trials);
    if (tried == TRIAL_NO || !types_match(d, w))
        return true;
    return tried == TRIAL_YES && w->whole ? satisfied(d, w->forbid, policy) : evaluate(d, w->chunk, w->forbid, policy);
}

/* Marks come out in the order of the set; they are cleared on the way, whatever happens. */
static bool
consider_word(struct deciding *d, size_t word)
{
    uint64_t marked = d->m.desk->marks[word];
    bool ok = true;
    d->m.desk->marks[word] = 0;
    for (; marked; marked &= marked - 1)
        ok = ok && consider(d, word * 64 + (size_t)__builtin_ctzll(marked));
    return ok;
}

/* Several actions have one bit: scopes are compared once more. */
static bool
consider_exactly(struct deciding *d, const uint32_t *policies, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (action_matches(d, &d->e->rules[policies[i]]) && !consider(d, policies[i]))
            return false;
    return true;
}

/* What the index found without marks. */
static bool
consider_found(void *of, const uint32_t *policies, size_t n)
{
    struct deciding *d = of;
    if (d->e->index.n_actions > ACTION_BITS)
        return consider_exactly(d, policies, n);
    for (size_t i = 0; i < n; i++)
        if (!consider(d, policies[i]))
            return false;
    return true;
}

static bool
consider_marked(struct deciding *d)
{
    struct desk *desk = d->m.desk;
    uint64_t *above = desk->marks + desk->words;
    machine_fill(&d->m);
    bool ok = index_find(&d->e->index, &d->m, d->asked, consider_found, d);
    for (size_t i = 0; i < marks_words(desk->words); i++) {
        uint64_t words = above[i];
        above[i] = 0;
        for (; words; words &= words - 1)
            ok = consider_word(d, i * 64 + (size_t)__builtin_ctzll(words)) && ok;
    }
    return ok;
}

/* --------------------------------------------------------------------------------------------------------------- requests */

static bool
start(struct deciding *d, const struct cedar_engine *e, const struct cedar_decide_options *o, struct cedar_scratch *scratch)
{
    const struct program *p = &e->program;
    d->e = e;
    d->m.program = p;
    d->m.table = &e->table;
    d->m.a = &scratch->a;
    d->m.desk = desk_fit(scratch, p->n_memos, p->depth, p->calls, e->policies->n);
    d->m.overlay = (struct overlay){NULL, NULL};
    d->fail_closed = o && o->fail_closed;
    d->permits = d->forbids = NULL;
    d->errors = NULL;
    d->cap_permits = d->cap_forbids = d->cap_errors = 0;
    if (d->m.desk == NULL)
        return false;
    d->m.desk->stamp++;
    d->m.desk->words = marks_words(e->policies->n);
    fault_reset(&d->m.desk->fault);
    return o == NULL || overlay_make(&d->m, o->extra);
}

/* ${v}: an entity. What stands for it in conditions is the engine's copy, where there is one. */
static void
ask(struct deciding *d, int part, const struct cedar_value *v)
{
    struct asked *to = &d->asked[part];
    const struct cedar_value *type = NULL;
    to->node = machine_node(&d->m, v);
    to->facts = to->node ? machine_facts(&d->m, to->node) : NULL;
    d->m.variables[part] = to->node ? &to->node->value : v;
    if (to->node == NULL || to->node->number >= d->e->table.nodes)
        type = intern_find_str(&d->e->table, v->uid.type);
    to->type = type ? type->text.at : to->node && to->node->number < d->e->table.nodes ? to->node->value.uid.type.at : "";
}

static void
hand_over(const struct deciding *d, struct cedar_answer *a)
{
    if (a->n_permits > 1)
        order(d->permits, a->n_permits, sizeof *d->permits);
    if (a->n_forbids > 1)
        order(d->forbids, a->n_forbids, sizeof *d->forbids);
    if (a->n_errors > 1)
        order(d->errors, a->n_errors, sizeof *d->errors);
    a->permits = d->permits, a->forbids = d->forbids, a->errors = d->errors;
}

static bool
decide(struct deciding *d, const struct cedar_value *context, const struct cedar_decide_options *o)
{
    struct cedar_answer *a = d->answer;
    d->m.variables[VARIABLE_CONTEXT] = context ? context : &value_empty_record;
    bool ok = o && o->no_index ? consider_all(d) : consider_marked(d);
    if (!ok)
        *a = (struct cedar_answer){.permits = NULL};
    else
        hand_over(d, a);
    return ok;
}

bool
cedar_decide_ready(const struct cedar_engine *e, const struct cedar_ready *request, const struct cedar_decide_options *options,
                   struct cedar_scratch *scratch, struct cedar_answer *answer)
{
    UNINITIALIZED struct deciding d;
    const struct cedar_value *who[] = {request->principal, request->action, request->resource};
    *answer = (struct cedar_answer){.permits = NULL};
    d.answer = answer;
    if (!start(&d, e, options, scratch))
        return false;
    for (int i = 0; i < 3; i++)
        ask(&d, i, who[i]);
    return decide(&d, request->context, options);
}

bool
cedar_decide(const struct cedar_engine *e, const struct cedar_request *request, const struct cedar_decide_options *options,
             struct cedar_scratch *scratch, struct cedar_answer *answer)
{
    const struct cedar_uid *uids[] = {&request->principal, &request->action, &request->resource};
    UNINITIALIZED struct cedar_value who[3];
    struct cedar_ready ready = {&who[0], &who[1], &who[2], request->context};
    for (int i = 0; i < 3; i++)
        who[i] = (struct cedar_value){.kind = VALUE_ENTITY, .depth = 1, .uid = *uids[i]};
    return cedar_decide_ready(e, &ready, options, scratch, answer);
}

/* ------------------------------------------------------------------------------------------------------------ looked up before */

const struct cedar_value *
cedar_engine_uid(const struct cedar_engine *e, struct cedar_uid uid, struct cedar_scratch *scratch)
{
    const struct node *n = intern_find_uid(&e->table, &uid);
    return n ? &n->value : cedar_entity(scratch, uid);
}

static const struct cedar_value *own_value(const struct cedar_engine *e, const struct cedar_value *v, struct arena *a);

static struct cedar_value *
copy_flat(struct arena *a, const struct cedar_value *v)
{
    struct cedar_value *to = ARENA_NEW(a, struct cedar_value);
    if (to)
        *to = *v;
    return to;
}

/* The same elements in the same order. */
static const struct cedar_value *
own_set(const struct cedar_engine *e, const struct cedar_value *v, struct arena *a)
{
    struct cedar_value *to = copy_flat(a, v);
    const struct cedar_value **at = arena_list(a, v->set.n, sizeof *at);
    if (to == NULL || at == NULL)
        return NULL;
    for (size_t i = 0; i < v->set.n; i++)
        if ((at[i] = own_value(e, v->set.at[i], a)) == NULL)
            return NULL;
    to->set.at = at;
    return to;
}

static const struct cedar_value *
own_record(const struct cedar_engine *e, const struct cedar_value *v, struct arena *a)
{
    struct cedar_value *to = copy_flat(a, v);
    struct value_field *at = arena_list(a, v->record.n, sizeof *at);
    if (to == NULL || at == NULL)
        return NULL;
    for (size_t i = 0; i < v->record.n; i++) {
        const struct cedar_value *key = intern_find_str(&e->table, v->record.at[i].key);
        at[i].key = key ? key->text : v->record.at[i].key;
        if ((at[i].value = own_value(e, v->record.at[i].value, a)) == NULL)
            return NULL;
    }
    to->record = (struct value_record){at, v->record.n, v->record.n};
    to->own_keys = true;
    return to;
}

/* Recursion: depth of ${v}. */
static const struct cedar_value *
own_value(const struct cedar_engine *e, const struct cedar_value *v, struct arena *a)
{
    const struct cedar_value *own = intern_find(&e->table, v);
    if (own)
        return own;
    if (v->kind == VALUE_SET)
        return own_set(e, v, a);
    if (v->kind == VALUE_RECORD)
        return own_record(e, v, a);
    struct cedar_value *to = copy_flat(a, v);
    if (to) {
        to->hash = (uint32_t)value_hash(e->table.seed, v);
        to->hashed = true;
    }
    return to;
}

const struct cedar_value *
cedar_engine_value(const struct cedar_engine *e, const struct cedar_value *v, struct cedar_scratch *scratch)
{
    return own_value(e, v, &scratch->a);
}
