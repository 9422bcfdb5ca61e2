/*
 * What a writ could use with some arguments, for lists. Partial evaluation says it: the arguments are unknown but for what the grant leaves
 * only one or a few values of, everything else of the call is as it is now. A forbid with @step_up or @defer does not hide a tool: a call
 * may be asked for.
 */
#include <stdlib.h>

#include "decide/request.h"
#include "estate/uri.h"

#define CHOICES_MAX 32u /* values of arguments that are tried for one tool; past them the rest stay unknown */
#define CONDITIONS_MAX 64u

/* --------------------------------------------------------------------------------------------------------------- which policies */

static bool
only_asks(const struct cedar_policies *p, size_t i)
{
    struct cedar_str value;
    return cedar_policy_effect(p, i) == CEDAR_FORBID &&
           (cedar_policy_annotation(p, i, "step_up", &value) || cedar_policy_annotation(p, i, "defer", &value));
}

struct scope {
    const struct snapshot *s;
    struct cedar_uid action, resource;
    bool asking; /* forbids that only ask are wanted, too */
    bool permits;
};

static bool
speaks(const struct cedar_policies *p, size_t i, void *ctx)
{
    const struct scope *k = ctx;
    return (k->asking || !only_asks(p, i)) && (k->permits || cedar_policy_effect(p, i) == CEDAR_FORBID) &&
           cedar_policy_could_match(p, i, k->s->entities, NULL, &k->action, &k->resource);
}

/*
 * Of one action. Where a thing is asked for under several actions, a permit on any of them is enough and a forbid on any is too much: so for each
 * the forbids alone are needed, too, beside a permit of everything.
 */
struct listing_set {
    struct cedar_policies *all, *refusals; /* refusals: NULL for a tool, which has one action */
};

static bool
refusals_make(const struct snapshot *s, struct scope *k, struct cedar_policies **out, struct cedar_error *why)
{
    static const struct cedar_str text = {"permit (principal, action, resource);", 37};
    struct cedar_policies *both[2] = {NULL, NULL};
    k->permits = false;
    bool ok = cedar_policies_parse(text, "anything", false, &both[0], why) && cedar_policies_select(s->estate->policies, speaks, k, &both[1], why) &&
              cedar_policies_join(both, 2, out, why);
    cedar_policies_unref(both[0]);
    cedar_policies_unref(both[1]);
    return ok;
}

static bool
set_make(const struct snapshot *s, const struct destination *d, const char *name, bool asking, struct listing_set *out, struct cedar_error *why)
{
    char action[DECISION_ACTION_MAX];
    snprintf(action, sizeof action, "%s/%.150s", d->id, name);
    struct scope k = {s, cedar_id("Action", action), cedar_id("Destination", d->id), asking, true};
    return cedar_policies_select(s->estate->policies, speaks, &k, &out->all, why) && (name[0] != '@' || refusals_make(s, &k, &out->refusals, why));
}

static void
set_free(struct listing_set *set)
{
    cedar_policies_unref(set->all);
    cedar_policies_unref(set->refusals);
}

/* In this order: the tools, all resources, all prompts, each pinned prompt and template. */
static size_t
sets_of(const struct destination *d)
{
    return d->n_tools + 2 + d->n_extras;
}

bool
listing_make(struct snapshot *s, struct cedar_error *why)
{
    const struct estate *e = s->estate;
    bool ok = (s->listing = calloc(e->n_destinations + 1, sizeof *s->listing)) != NULL;
    for (size_t i = 0; ok && i < e->n_destinations; i++) {
        const struct destination *d = &e->destinations[i];
        struct listing_set *sets = s->listing[i] = calloc(sets_of(d), sizeof *sets);
        ok = sets != NULL;
        for (size_t k = 0; ok && k < d->n_tools; k++)
            ok = set_make(s, d, d->tools[k].name, false, sets++, why);
        ok = ok && set_make(s, d, "@resources", false, sets++, why) && set_make(s, d, "@prompts", false, sets++, why);
        for (size_t k = 0; ok && k < d->n_extras; k++, sets++)
            ok = !d->extras[k].named || set_make(s, d, d->extras[k].subject, false, sets, why);
    }
    return ok;
}

void
listing_free(struct snapshot *s)
{
    for (size_t i = 0; s->listing && i < s->estate->n_destinations; i++) {
        for (size_t k = 0; s->listing[i] && k < sets_of(&s->estate->destinations[i]); k++)
            set_free(&s->listing[i][k]);
        free(s->listing[i]);
    }
    free(s->listing);
}

/* One action that a call is asked for under. */
struct side {
    const struct cedar_policies *all, *refusals;
    const struct pinned_extra *item; /* NULL: a tool, or one of all prompts or resources */
};
struct sides {
    struct side at[DECISION_REQUESTS];
    size_t n;
};

static void
add_side(struct sides *to, const struct listing_set *set, const struct pinned_extra *item)
{
    to->at[to->n++] = (struct side){set->all, set->refusals, item};
}

/* None for what is neither a pinned tool nor of prompts or resources. */
static struct sides
sides_of(const struct snapshot *s, const struct call *call)
{
    const struct destination *d = call->destination;
    const struct listing_set *sets = s->listing[d - s->estate->destinations], *groups = &sets[d->n_tools], *items = &groups[2];
    struct sides out = {.n = 0};
    if (call->tool)
        add_side(&out, &sets[call->tool - d->tools], NULL);
    else if (bytes_is(call->name, "@resources") || bytes_is(call->name, "@prompts"))
        add_side(&out, &groups[bytes_is(call->name, "@prompts")], NULL);
    for (size_t i = 0; i < call->n_items; i++)
        if (call->items[i]->named)
            add_side(&out, &items[call->items[i] - d->extras], call->items[i]);
    return out;
}

/* ------------------------------------------------------------------------------------------------------------ some arguments */

/* One grant at work: the values chosen for the arguments that its conditions leave few of. */
struct attempt {
    const struct snapshot *s;
    const struct sides *sides;
    const struct call *call;
    const struct grant *grant;
    const struct json *chosen[CONDITIONS_MAX]; /* for each condition; NULL: any value that fits */
    size_t n;
    unsigned left; /* choices that may still be tried */
    enum tier tier;
    struct cedar_scratch *scratch;
    struct arena *a;
};

/* Where the grant's conditions find what is given: the call's arguments, or a prompt's. */
static const struct json *
given(const struct attempt *t)
{
    return grant_nested(t->grant) ? json_get(t->call->arguments, "arguments") : t->call->arguments;
}

/* Whether there was anything to put. */
static bool
put_chosen(const struct attempt *t, struct buf *b)
{
    bool any = false;
    for (size_t i = 0; i < t->n; i++)
        if (t->chosen[i] && json_get(given(t), t->grant->conditions[i].argument) == NULL) {
            any = true;
            json_key_bytes(b, bytes_str(t->grant->conditions[i].argument)), json_put(b, t->chosen[i]);
        }
    return any;
}

static void
put_members(struct buf *b, const struct json *object, const char *but)
{
    for (const struct json *m = object ? object->child : NULL; m; m = m->next)
        if (but == NULL || !bytes_is(m->key, but))
            json_key_bytes(b, m->key), json_put(b, m);
}

/* What is known of the arguments, as an object; NULL: nothing. */
static struct err
known_arguments(const struct attempt *t, const struct json **out)
{
    struct buf b = buf_make((size_t)1 << 20);
    struct json *object = NULL;
    struct err e = err_ok();
    bool any = t->call->arguments != NULL, nested = grant_nested(t->grant);
    json_open(&b, '{');
    put_members(&b, t->call->arguments, nested ? "arguments" : NULL);
    if (nested) {
        json_key(&b, "arguments");
        json_open(&b, '{');
        put_members(&b, given(t), NULL);
    }
    any |= put_chosen(t, &b);
    if (nested)
        json_close(&b, '}');
    json_close(&b, '}');
    if (any) {
        struct bytes text = b.failed ? bytes_make(NULL, 0) : arena_copy(t->a, buf_bytes(&b));
        e = text.at ? json_parse(t->a, text, NULL, &object) : err_make(E_MEMORY, "no memory for a list");
    }
    buf_free(&b);
    *out = object;
    return e;
}

/* Attributes that are not known, and where their paths lie. */
struct unknowns {
    struct cedar_unknown at[CONDITIONS_MAX + 4];
    struct cedar_str paths[CONDITIONS_MAX][3];
    size_t n;
};

/* A condition on an argument is also that it is given. ${side}: all prompts together have no arguments. */
static void
put_unknown(const struct attempt *t, const struct side *side, struct unknowns *u)
{
    static const struct cedar_str input[] = {{"input", 5}, {"arguments", 9}}, origin = {"origin", 6}, found = {"found", 5};
    bool nested = grant_nested(t->grant);
    u->n = 0;
    for (size_t i = 0; i < t->n && (side->item || !nested); i++) {
        const struct condition *c = &t->grant->conditions[i];
        if (c->kind == COND_ABSENT || c->kind == COND_IS || c->kind == COND_ONE_OF || json_get(given(t), c->argument))
            continue;
        struct cedar_str *path = u->paths[u->n];
        path[0] = input[0];
        path[1] = nested ? input[1] : cedar_text(c->argument);
        path[2] = cedar_text(c->argument);
        u->at[u->n++] = (struct cedar_unknown){path, nested ? 3 : 2, true, false};
    }
    u->at[u->n++] = (struct cedar_unknown){input, 1, false, true};
    if (side->item && side->item->prompt)
        u->at[u->n++] = (struct cedar_unknown){input, 2, false, true};
    u->at[u->n++] = (struct cedar_unknown){&origin, 1, false, true};
    u->at[u->n++] = (struct cedar_unknown){&found, 1, true, false};
}

static bool
could_at(const struct attempt *t, const struct side *side, const struct call *call, bool *refused)
{
    UNINITIALIZED struct unknowns unknown;
    struct cedar_request r;
    struct cedar_error error;
    char action[DECISION_ACTION_MAX];
    cedar_scratch_reset(t->scratch);
    *refused = true;
    if (err_failed(request_make(call, side->item, t->tier, call->arguments != NULL, t->scratch, action, &r)))
        return false; /* such a call would be refused, too */
    put_unknown(t, side, &unknown);
    const struct cedar_partial_request q = {.principal = {CEDAR_KNOWN, r.principal},
                                            .action = {CEDAR_KNOWN, r.action},
                                            .resource = {CEDAR_KNOWN, r.resource},
                                            .context = r.context,
                                            .unknown = unknown.at,
                                            .n_unknown = unknown.n};
    const struct cedar_partial_options o = {.schema = t->s->estate->schema, .fail_closed = true};
    *refused = side->refusals && !cedar_could_allow(side->refusals, t->s->entities, &q, &o, t->scratch, &error);
    return !*refused && cedar_could_allow(side->all, t->s->entities, &q, &o, t->scratch, &error);
}

/* The chosen URI of a template must be one that it gives. */
static bool
fits(const struct call *call)
{
    size_t work = URI_WORK;
    const struct json *uri = call->n_items && !call->items[0]->prompt ? json_get(call->arguments, "uri") : NULL;
    return !json_is(uri, JSON_STRING) || uri_template_fits(call->items[0]->name, uri->text, &work);
}

static bool
could(const struct attempt *t)
{
    struct call call = *t->call;
    bool some = false, refused = false;
    if (err_failed(known_arguments(t, &call.arguments)) || !fits(&call))
        return false;
    for (size_t i = 0; i < t->sides->n && !refused; i++)
        some |= could_at(t, &t->sides->at[i], &call, &refused);
    return some && !refused;
}

/* Tries the values that conditions ${i} and behind leave. Recursion is as deep as a grant has conditions. */
static bool
any_choice(struct attempt *t, size_t i)
{
    if (i == t->n)
        return could(t);
    const struct condition *c = &t->grant->conditions[i];
    const struct json *first = c->kind == COND_IS ? c->value : c->kind == COND_ONE_OF ? c->value->child : NULL;
    t->chosen[i] = NULL;
    if (first == NULL || t->left < c->value->count)
        return any_choice(t, i + 1);
    for (const struct json *v = first; v; v = c->kind == COND_ONE_OF ? v->next : NULL) {
        t->left -= t->left > 0;
        t->chosen[i] = v->type == JSON_NULL ? NULL : v; /* a null is nothing to policies, and what is left out here is unknown */
        if (any_choice(t, i + 1))
            return true;
    }
    return false;
}

/* --------------------------------------------------------------------------------------------------------------------- lists */

static bool
any_grant(const struct snapshot *s, const struct call *call, const struct sides *sides, struct cedar_scratch *scratch, struct arena *a)
{
    char why[160];
    const struct task *task = call->writ->task;
    struct attempt t = {.s = s, .sides = sides, .call = call, .tier = call_tier(call, why), .scratch = scratch, .a = a};
    for (size_t i = 0; i < task->n_grants; i++) {
        t.grant = &task->grants[i];
        t.n = t.grant->n_conditions < CONDITIONS_MAX ? t.grant->n_conditions : CONDITIONS_MAX;
        t.left = CHOICES_MAX;
        if (grant_covers(t.grant, call) && grant_admits(t.grant, call, a) && any_choice(&t, 0))
            return true;
    }
    return false;
}

/* Policies in observe refuse nothing. */
struct observing {
    const struct snapshot *s;
    const struct call *call;
};

static bool
not_observed(const struct cedar_policies *p, size_t i, void *ctx)
{
    const struct observing *o = ctx;
    struct decision d = {.policies = {cedar_policy_id(p, i)}, .n_policies = 1};
    return cedar_policy_effect(p, i) == CEDAR_PERMIT || !decide_observed(o->s, o->call, &d);
}

static bool
listed_observing(const struct snapshot *s, const struct call *call, const struct sides *sides, struct cedar_scratch *scratch, struct arena *a)
{
    struct observing o = {s, call};
    struct decision none = {.n_policies = 0};
    struct listing_set rest[DECISION_REQUESTS] = {{NULL, NULL}};
    struct sides left = {.n = 0};
    struct cedar_error error;
    bool ok = true;
    if (s->estate->n_observes == 0)
        return false;
    if (decide_observed(s, call, &none))
        return true;
    for (size_t i = 0; ok && i < sides->n; i++) {
        const struct side *side = &sides->at[i];
        ok = cedar_policies_select(side->all, not_observed, &o, &rest[i].all, &error) &&
             (side->refusals == NULL || cedar_policies_select(side->refusals, not_observed, &o, &rest[i].refusals, &error));
        add_side(&left, &rest[i], side->item);
    }
    bool found = ok && any_grant(s, call, &left, scratch, a);
    for (size_t i = 0; i < left.n; i++)
        set_free(&rest[i]);
    return found;
}

static bool
passes(const struct snapshot *s, const struct call *call, const struct sides *sides, struct cedar_scratch *scratch, struct arena *a)
{
    const struct task *now = estate_task(s->estate, call->writ->task->id);
    if (now == NULL || sides->n == 0 || !task_covers(call->writ->task, call) || !task_covers(now, call))
        return false;
    return any_grant(s, call, sides, scratch, a) || listed_observing(s, call, sides, scratch, a);
}

bool
decide_listed(const struct snapshot *s, const struct call *call, struct cedar_scratch *scratch, struct arena *a)
{
    const struct sides sides = sides_of(s, call);
    return passes(s, call, &sides, scratch, a);
}

bool
decide_usable(const struct snapshot *s, const struct call *call, struct cedar_scratch *scratch, struct arena *a)
{
    struct sides sides = sides_of(s, call);
    struct listing_set sets[DECISION_REQUESTS] = {{NULL, NULL}};
    struct cedar_error error;
    bool ok = true;
    for (size_t i = 0; i < sides.n; i++) {
        const struct pinned_extra *item = sides.at[i].item;
        const char *name = item ? item->subject : call->tool ? call->tool->name : bytes_is(call->name, "@prompts") ? "@prompts" : "@resources";
        ok = ok && set_make(s, call->destination, name, true, &sets[i], &error);
        sides.at[i] = (struct side){sets[i].all, sets[i].refusals, item};
    }
    ok = ok && passes(s, call, &sides, scratch, a);
    for (size_t i = 0; i < sides.n; i++)
        set_free(&sets[i]);
    return ok;
}
