/*
 * What a writ could use with some arguments, for lists. Partial evaluation says it: the arguments are unknown but for what the grant leaves
 * only one or a few values of, everything else of the call is as it is now. A forbid with @step_up or @defer does not hide a tool: a call
 * may be asked for.
 */
#include <stdlib.h>

#include "decide/request.h"

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
};

static bool
speaks(const struct cedar_policies *p, size_t i, void *ctx)
{
    const struct scope *k = ctx;
    return !only_asks(p, i) && cedar_policy_could_match(p, i, k->s->entities, NULL, &k->action, &k->resource);
}

static bool
select_for(struct snapshot *s, const struct destination *d, const char *name, struct cedar_policies **out, struct cedar_error *why)
{
    char action[DECISION_ACTION_MAX];
    snprintf(action, sizeof action, "%s/%.150s", d->id, name);
    struct scope k = {s, cedar_id("Action", action), cedar_id("Destination", d->id)};
    return cedar_policies_select(s->estate->policies, speaks, &k, out, why);
}

bool
listing_make(struct snapshot *s, struct cedar_error *why)
{
    const struct estate *e = s->estate;
    bool ok = (s->listing = calloc(e->n_destinations + 1, sizeof *s->listing)) != NULL;
    for (size_t i = 0; ok && i < e->n_destinations; i++) {
        const struct destination *d = &e->destinations[i];
        struct cedar_policies **sets = s->listing[i] = calloc(d->n_tools + 2, sizeof *sets);
        ok = sets != NULL;
        for (size_t k = 0; ok && k < d->n_tools; k++)
            ok = select_for(s, d, d->tools[k].name, &sets[k], why);
        ok = ok && select_for(s, d, "@resources", &sets[d->n_tools], why) && select_for(s, d, "@prompts", &sets[d->n_tools + 1], why);
    }
    return ok;
}

void
listing_free(struct snapshot *s)
{
    for (size_t i = 0; s->listing && i < s->estate->n_destinations; i++) {
        for (size_t k = 0; s->listing[i] && k < s->estate->destinations[i].n_tools + 2; k++)
            cedar_policies_unref(s->listing[i][k]);
        free(s->listing[i]);
    }
    free(s->listing);
}

/* The policies that can speak of the call; NULL for what is neither a pinned tool nor the gate's own. */
static const struct cedar_policies *
policies_for(const struct snapshot *s, const struct call *call)
{
    const struct destination *d = call->destination;
    struct cedar_policies **sets = s->listing[d - s->estate->destinations];
    if (call->tool)
        return sets[call->tool - d->tools];
    return bytes_is(call->name, "@resources") ? sets[d->n_tools] : bytes_is(call->name, "@prompts") ? sets[d->n_tools + 1] : NULL;
}

/* ------------------------------------------------------------------------------------------------------------ some arguments */

/* One grant at work: the values chosen for the arguments that its conditions leave few of. */
struct attempt {
    const struct snapshot *s;
    const struct cedar_policies *policies;
    const struct call *call;
    const struct grant *grant;
    const struct json *chosen[CONDITIONS_MAX]; /* for each condition; NULL: any value that fits */
    size_t n;
    unsigned left; /* choices that may still be tried */
    enum tier tier;
    struct cedar_scratch *scratch;
    struct arena *a;
};

/* What is known of the arguments, as an object; NULL: nothing. */
static struct err
known_arguments(const struct attempt *t, const struct json **out)
{
    struct buf b = buf_make((size_t)1 << 20);
    struct json *object = NULL;
    struct err e = err_ok();
    bool any = t->call->arguments != NULL;
    json_open(&b, '{');
    for (const struct json *m = any ? t->call->arguments->child : NULL; m; m = m->next)
        json_key_bytes(&b, m->key), json_put(&b, m);
    for (size_t i = 0; i < t->n; i++)
        if (t->chosen[i] && json_get(t->call->arguments, t->grant->conditions[i].argument) == NULL) {
            any = true;
            json_key_bytes(&b, bytes_str(t->grant->conditions[i].argument)), json_put(&b, t->chosen[i]);
        }
    json_close(&b, '}');
    if (any) {
        struct bytes text = b.failed ? bytes_make(NULL, 0) : arena_copy(t->a, buf_bytes(&b));
        e = text.at ? json_parse(t->a, text, NULL, &object) : err_make(E_MEMORY, "no memory for a list");
    }
    buf_free(&b);
    *out = object;
    return e;
}

/* A condition on an argument is also that it is given. */
static size_t
put_unknown(const struct attempt *t, struct cedar_str (*paths)[2], struct cedar_unknown *out)
{
    static const struct cedar_str input = {"input", 5}, origin = {"origin", 6}, found = {"found", 5};
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++) {
        const struct condition *c = &t->grant->conditions[i];
        if (c->kind == COND_ABSENT || c->kind == COND_IS || c->kind == COND_ONE_OF || json_get(t->call->arguments, c->argument))
            continue;
        paths[n][0] = input;
        paths[n][1] = cedar_text(c->argument);
        out[n] = (struct cedar_unknown){paths[n], 2, true, false};
        n++;
    }
    out[n++] = (struct cedar_unknown){&input, 1, false, true};
    out[n++] = (struct cedar_unknown){&origin, 1, false, true};
    out[n++] = (struct cedar_unknown){&found, 1, true, false};
    return n;
}

static bool
could(const struct attempt *t)
{
    struct call call = *t->call;
    struct cedar_str paths[CONDITIONS_MAX][2];
    struct cedar_unknown unknown[CONDITIONS_MAX + 3];
    struct cedar_request r;
    struct cedar_error error;
    char action[DECISION_ACTION_MAX];
    cedar_scratch_reset(t->scratch);
    if (err_failed(known_arguments(t, &call.arguments)) || err_failed(decide_request(&call, t->tier, call.arguments != NULL, t->scratch, action, &r)))
        return false; /* such a call would be refused, too */
    const struct cedar_partial_request q = {.principal = {CEDAR_KNOWN, r.principal},
                                            .action = {CEDAR_KNOWN, r.action},
                                            .resource = {CEDAR_KNOWN, r.resource},
                                            .context = r.context,
                                            .unknown = unknown,
                                            .n_unknown = put_unknown(t, paths, unknown)};
    const struct cedar_partial_options o = {.schema = t->s->estate->schema, .fail_closed = true};
    return cedar_could_allow(t->policies, t->s->entities, &q, &o, t->scratch, &error);
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
any_grant(const struct snapshot *s, const struct call *call, const struct cedar_policies *policies, struct cedar_scratch *scratch, struct arena *a)
{
    char why[160];
    const struct task *task = call->writ->task;
    struct attempt t = {.s = s, .policies = policies, .call = call, .tier = call_tier(call, why), .scratch = scratch, .a = a};
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
listed_observing(const struct snapshot *s, const struct call *call, const struct cedar_policies *policies, struct cedar_scratch *scratch,
                 struct arena *a)
{
    struct observing o = {s, call};
    struct decision none = {.n_policies = 0};
    struct cedar_policies *rest = NULL;
    struct cedar_error error;
    if (s->estate->n_observes == 0)
        return false;
    if (decide_observed(s, call, &none))
        return true;
    bool found = cedar_policies_select(policies, not_observed, &o, &rest, &error) && any_grant(s, call, rest, scratch, a);
    cedar_policies_unref(rest);
    return found;
}

bool
decide_listed(const struct snapshot *s, const struct call *call, struct cedar_scratch *scratch, struct arena *a)
{
    const struct task *now = estate_task(s->estate, call->writ->task->id);
    const struct cedar_policies *policies = policies_for(s, call);
    if (now == NULL || policies == NULL || !task_covers(call->writ->task, call) || !task_covers(now, call))
        return false;
    return any_grant(s, call, policies, scratch, a) || listed_observing(s, call, policies, scratch, a);
}
