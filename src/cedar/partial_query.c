/*
 * Which principals, resources or actions could be allowed. The policies are looked at once with that part unknown; what is left of them
 * is looked at again for every candidate, in memory that is used again for the next.
 */
#include "cedar/partial.h"
#include "cedar/policies.h"

struct left {
    const struct policy *policy;
    struct part part;
};

struct query {
    const struct cedar_policies *policies;
    const struct cedar_entities *entities;
    const struct cedar_partial_options *options;
    struct cedar_partial_request request; /* with the candidate in it */
    enum variable asked;
    struct partial first; /* with that part unknown */
    struct arena *a;      /* for what is handed out */
    struct arena each;    /* for one candidate */
    struct left *left;
    size_t n_left;
    struct cedar_candidate *found;
    size_t n_found, room;
    struct cedar_error *error;
};

static struct cedar_partial_uid *
asked_uid(struct query *q)
{
    return q->asked == VARIABLE_PRINCIPAL ? &q->request.principal : q->asked == VARIABLE_ACTION ? &q->request.action : &q->request.resource;
}

static bool
fail_closed(const struct query *q)
{
    return q->options && q->options->fail_closed;
}

/* The caller's candidates may be of any type. */
static bool
look_first(struct query *q, bool any_type)
{
    struct cedar_partial_uid *u = asked_uid(q);
    if (any_type)
        u->known = CEDAR_UNKNOWN;
    else if (u->known == CEDAR_KNOWN)
        u->known = CEDAR_KNOWN_TYPE;
    if (!partial_start(&q->first, q->entities, &q->request, q->options, q->a, q->error))
        return false;
    if ((q->left = arena_list(q->a, q->policies->n, sizeof *q->left)) == NULL && q->policies->n > 0)
        return error_memory(q->error);
    for (size_t i = 0; i < q->policies->n && !q->first.memory; i++) {
        struct part p = partial_policy(&q->first, q->policies->at[i]);
        if (p.may != MAY_FALSE)
            q->left[q->n_left++] = (struct left){q->policies->at[i], p};
    }
    return q->first.memory ? error_memory(q->error) : true;
}

/* A rest is looked at like a policy. An error stays one, whoever asks. */
static bool
decide_one(struct query *q, struct partial *r, enum cedar_partial_decision *out)
{
    struct partial_tally t = {false, false, false, false};
    for (size_t i = 0; i < q->n_left && !t.forbid && !r->memory; i++) {
        const struct left *l = &q->left[i];
        struct part p = l->part;
        if (p.expr && p.may != MAY_ERROR)
            p = partial_scope_fails(r, l->policy, q->asked) ? partial_value(&value_false) : partial_expr(r, p.expr);
        partial_count(&t, l->policy->effect, p.may, fail_closed(q));
    }
    *out = partial_decide(&t);
    return !r->memory;
}

/* A candidate action may make the types of the context known, so everything is read again for it. */
static bool
ready_for(struct query *q, struct partial *r, const struct cedar_uid *uid)
{
    struct cedar_partial_uid *u = asked_uid(q);
    *u = (struct cedar_partial_uid){CEDAR_KNOWN, *uid};
    if (q->asked == VARIABLE_ACTION)
        return partial_start(r, q->entities, &q->request, q->options, &q->each, q->error);
    *r = q->first;
    r->a = &q->each;
    r->variables[q->asked] = partial_variable(r, u);
    return r->variables[q->asked].value || error_memory(q->error);
}

static bool
try_one(struct query *q, struct cedar_uid uid)
{
    struct partial r;
    enum cedar_partial_decision d;
    arena_reset(&q->each);
    if (!ready_for(q, &r, &uid))
        return false;
    if (!decide_one(q, &r, &d))
        return error_memory(q->error);
    if (d == CEDAR_DENIES)
        return true;
    if (q->n_found == q->room) {
        size_t room = q->room ? q->room * 2 : 16;
        struct cedar_candidate *more = arena_list(q->a, room, sizeof *more);
        if (more == NULL)
            return error_memory(q->error);
        for (size_t i = 0; i < q->n_found; i++)
            more[i] = q->found[i];
        q->found = more;
        q->room = room;
    }
    q->found[q->n_found++] = (struct cedar_candidate){uid, d == CEDAR_ALLOWS};
    return true;
}

/* ------------------------------------------------------------------------------------------------------------------------------ candidates */

static bool
try_ids(struct query *q, const struct schema_entity *type)
{
    for (size_t i = 0; i < type->n_ids; i++)
        if (!try_one(q, (struct cedar_uid){type->name, type->ids[i]}))
            return false;
    return true;
}

static bool
is_action_type(struct cedar_str type)
{
    return str_is(type, "Action") || bytes_ends(str_bytes(type), BYTES("::Action"));
}

static bool
wanted_type(struct query *q, const struct cedar_partial_uid *asked, struct cedar_str type)
{
    if (q->asked == VARIABLE_ACTION)
        return is_action_type(type);
    return asked->known == CEDAR_UNKNOWN || str_eq(asked->uid.type, type);
}

static bool
try_store(struct query *q, const struct cedar_partial_uid *asked)
{
    for (size_t i = 0; q->entities && i < q->entities->n; i++) {
        const struct entity *e = &q->entities->at[i];
        if (e->known && wanted_type(q, asked, e->uid.type) && !try_one(q, e->uid))
            return false;
    }
    return true;
}

static bool
applies(const struct schema_entity **list, size_t n, const struct cedar_partial_uid *u)
{
    if (u->known == CEDAR_UNKNOWN)
        return n > 0;
    for (size_t i = 0; i < n; i++)
        if (str_eq(list[i]->name, u->uid.type))
            return true;
    return false;
}

static bool
action_applies(const struct query *q, const struct schema_action *a)
{
    return applies(a->principals, a->n_principals, &q->request.principal) && applies(a->resources, a->n_resources, &q->request.resource);
}

static bool
try_schema_actions(struct query *q, const struct cedar_schema *s)
{
    for (size_t i = 0; i < s->n_actions; i++)
        if (action_applies(q, &s->actions[i]) && !try_one(q, s->actions[i].uid))
            return false;
    return true;
}

static bool
try_known(struct query *q, const struct cedar_partial_uid *asked)
{
    const struct cedar_schema *s = q->first.schema;
    if (q->asked == VARIABLE_ACTION && s)
        return try_schema_actions(q, s);
    const struct schema_entity *type = s && asked->known != CEDAR_UNKNOWN ? schema_find_entity(s, asked->uid.type) : NULL;
    return type && type->enumerated ? try_ids(q, type) : try_store(q, asked);
}

static bool
try_given(struct query *q, const struct cedar_uid *among, size_t n)
{
    const struct cedar_schema *s = q->asked == VARIABLE_ACTION ? q->first.schema : NULL;
    for (size_t i = 0; i < n; i++) {
        const struct schema_action *a = s ? schema_find_action(s, &among[i]) : NULL;
        if (s && (a == NULL || !action_applies(q, a)))
            continue;
        if (!try_one(q, among[i]))
            return false;
    }
    return true;
}

static bool
ask(struct query *q, const struct cedar_uid *among, size_t n_among, struct cedar_candidates *out)
{
    *out = (struct cedar_candidates){NULL, 0};
    q->each.max = 0;
    struct cedar_partial_uid asked = *asked_uid(q);
    bool ok = look_first(q, among != NULL || q->asked == VARIABLE_ACTION);
    if (ok && q->n_left > 0)
        ok = among ? try_given(q, among, n_among) : try_known(q, &asked);
    arena_free(&q->each);
    if (ok)
        *out = (struct cedar_candidates){q->found, q->n_found};
    return ok;
}

bool
cedar_query_principal(const struct cedar_policies *policies, const struct cedar_entities *entities, const struct cedar_partial_request *request,
                      const struct cedar_partial_options *options, const struct cedar_uid *among, size_t n_among, struct cedar_scratch *scratch,
                      struct cedar_candidates *out, struct cedar_error *error)
{
    struct query q = {policies, entities, options, *request, VARIABLE_PRINCIPAL, .a = &scratch->a, .error = error};
    return ask(&q, among, n_among, out);
}

bool
cedar_query_resource(const struct cedar_policies *policies, const struct cedar_entities *entities, const struct cedar_partial_request *request,
                     const struct cedar_partial_options *options, const struct cedar_uid *among, size_t n_among, struct cedar_scratch *scratch,
                     struct cedar_candidates *out, struct cedar_error *error)
{
    struct query q = {policies, entities, options, *request, VARIABLE_RESOURCE, .a = &scratch->a, .error = error};
    return ask(&q, among, n_among, out);
}

bool
cedar_query_action(const struct cedar_policies *policies, const struct cedar_entities *entities, const struct cedar_partial_request *request,
                   const struct cedar_partial_options *options, const struct cedar_uid *among, size_t n_among, struct cedar_scratch *scratch,
                   struct cedar_candidates *out, struct cedar_error *error)
{
    struct query q = {policies, entities, options, *request, VARIABLE_ACTION, .a = &scratch->a, .error = error};
    return ask(&q, among, n_among, out);
}
