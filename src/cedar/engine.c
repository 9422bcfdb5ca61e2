/* Making engines. */
#include "cedar/engine.h"

#include "cedar/compile.h"
#include "cedar/growing.h"

#define ENGINE_MEMORY_MAX ((size_t)16 << 30)

/* ------------------------------------------------------------------------------------------------------------------- scopes */

static bool
node_number(struct interner *t, const struct cedar_uid *uid, uint32_t *number)
{
    const struct node *n = intern_node(t, uid);
    if (n)
        *number = n->number;
    return n != NULL;
}

static bool
compile_scope(struct interner *t, const struct scope *s, struct rule *r, int part)
{
    const struct cedar_value *type = s->kind == SCOPE_IS || s->kind == SCOPE_IS_IN ? intern_str(t, s->type) : NULL;
    r->scope[part] = (uint8_t)s->kind;
    if ((s->kind == SCOPE_IS || s->kind == SCOPE_IS_IN) && type == NULL)
        return false;
    r->type[part] = type ? type->text.at : NULL;
    return s->kind == SCOPE_ANY || s->kind == SCOPE_IS || node_number(t, &s->uids[0], &r->node[part]);
}

/* The action may be a list; a single one is a list of one. */
static bool
compile_action(struct interner *t, const struct scope *s, struct rule *r, struct growing *actions)
{
    r->scope[VARIABLE_ACTION] = (uint8_t)s->kind;
    r->node[VARIABLE_ACTION] = (uint32_t)actions->n;
    if (s->kind == SCOPE_ANY)
        return true;
    r->n_actions = (uint32_t)s->n;
    uint32_t *to = growing_add(actions, s->n, sizeof *to);
    bool ok = to != NULL;
    for (size_t i = 0; ok && i < s->n; i++)
        ok = node_number(t, &s->uids[i], &to[i]);
    return ok;
}

static bool
compile_rule(struct cedar_engine *e, const struct policy *p, struct rule *r, struct growing *actions, struct graph *g)
{
    r->forbid = p->effect == CEDAR_FORBID;
    r->template = p->template;
    if (p->template)
        return true;
    if (!compile_scope(&e->table, &p->principal, r, VARIABLE_PRINCIPAL) || !compile_scope(&e->table, &p->resource, r, VARIABLE_RESOURCE) ||
        !compile_action(&e->table, &p->action, r, actions))
        return false;
    r->condition = graph_condition(g, p->conditions);
    return r->condition != NO_VERTEX;
}

/* --------------------------------------------------------------------------------------------------------------- conditions */

/* Terms that the index may lead policies by are worth a chunk of their own. */
static void
count_guards(struct graph *g, uint32_t condition)
{
    struct guard guard;
    for (unsigned level = 0; level < GUARD_LEVELS; level++) {
        guard_of(g, condition, level, &guard);
        if (guard.kind == GUARD_NONE)
            return;
        g->at[guard.term].guards++;
    }
}

static bool
compile_code(struct cedar_engine *e, struct graph *g)
{
    size_t n = e->policies->n, n_roots = 0;
    uint32_t *roots = calloc(n + 1, sizeof *roots);
    if (roots == NULL)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (e->rules[i].template)
            continue;
        roots[n_roots++] = e->rules[i].condition;
        g->at[e->rules[i].condition].uses++;
        count_guards(g, e->rules[i].condition);
    }
    bool ok = compile_graph(g, roots, n_roots, &e->program) && code_verify(&e->program);
    for (size_t i = 0; ok && i < n; i++)
        if (!e->rules[i].template)
            e->rules[i].chunk = g->at[e->rules[i].condition].chunk;
    free(roots);
    return ok;
}

static bool
compile(struct cedar_engine *e)
{
    struct graph g;
    struct growing actions = {NULL, 0, 0, false};
    graph_start(&g, &e->table);
    bool ok = growing_add(&actions, 0, sizeof *e->actions) && e->policies->n < UINT32_MAX / 2 &&
              (e->rules = arena_list(&e->a, e->policies->n, sizeof *e->rules)) != NULL;
    for (size_t i = 0; ok && i < e->policies->n; i++)
        ok = compile_rule(e, e->policies->at[i], &e->rules[i], &actions, &g);
    e->actions = actions.at;
    ok = ok && compile_code(e, &g) && index_build(&e->index, e->rules, e->policies->n, e->actions, &g, &e->program, &e->table, e->store);
    graph_end(&g);
    return ok;
}

bool
cedar_engine_compile(struct cedar_policies *policies, struct cedar_store *store, struct cedar_engine **out, struct cedar_error *error)
{
    struct cedar_engine *e = calloc(1, sizeof *e);
    *out = NULL;
    if (e == NULL)
        return error_memory(error);
    e->refs = 1;
    e->a.max = ENGINE_MEMORY_MAX;
    e->policies = cedar_policies_ref(policies);
    if (store)
        e->store = cedar_store_ref(store);
    else if (!cedar_store_compile(NULL, &e->store, error))
        return cedar_engine_unref(e), false;
    interner_start(&e->table, &e->a, &e->store->table);
    if (compile(e)) {
        *out = e;
        return true;
    }
    cedar_engine_unref(e);
    return error_memory(error);
}

struct cedar_engine *
cedar_engine_ref(struct cedar_engine *e)
{
    __atomic_add_fetch(&e->refs, 1, __ATOMIC_RELAXED);
    return e;
}

void
cedar_engine_unref(struct cedar_engine *e)
{
    if (e == NULL || __atomic_sub_fetch(&e->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    index_free(&e->index);
    free(e->actions);
    interner_end(&e->table);
    arena_free(&e->a);
    cedar_store_unref(e->store);
    cedar_policies_unref(e->policies);
    free(e);
}

const struct cedar_policies *
cedar_engine_policies(const struct cedar_engine *e)
{
    return e->policies;
}

size_t
cedar_engine_bytes(const struct cedar_engine *e)
{
    const struct index *x = &e->index;
    size_t index = (x->n_nodes + 1) * sizeof *x->spot_of + x->n_spots * sizeof *x->spots + x->n_principals * sizeof *x->principals +
                   x->n_resources * sizeof *x->resources + x->n_branches * sizeof *x->branches + x->n_buckets * sizeof *x->buckets +
                   x->n_groups * sizeof *x->groups + x->n_wides * sizeof *x->wides + x->n_few * sizeof *x->few + x->n_runs * sizeof *x->runs +
                   x->n_grains * sizeof *x->grains + x->n_types * sizeof *x->types + x->n_entries * sizeof *x->entries +
                   x->n_items * sizeof *x->items + e->policies->n * sizeof *x->verdicts;
    return sizeof *e + e->a.used + e->table.cap * sizeof *e->table.slots + index;
}
