#include "decide/request.h"
#include "estate/uri.h"

bool
grant_covers(const struct grant *g, const struct call *call)
{
    if (g->destination != call->destination && strcmp(g->destination->id, call->destination->id) != 0)
        return false;
    if (strcmp(g->tool, "*") == 0)
        return call->tool && tool_effect(call->tool) <= g->ceiling;
    for (size_t i = 0; i < call->n_items; i++)
        if (strcmp(g->tool, call->items[i]->subject) == 0)
            return true;
    return bytes_is(call->name, g->tool);
}

bool
grant_nested(const struct grant *g)
{
    return strncmp(g->tool, "@prompts/", 9) == 0;
}

static const struct json *
argument_of(const struct grant *g, const struct call *call, const char *name)
{
    return json_get(grant_nested(g) ? json_get(call->arguments, "arguments") : call->arguments, name);
}

static bool
path_ok(const struct condition *c, const struct json *v, const struct destination *d, struct arena *a)
{
    char *resolved;
    if (v->type != JSON_STRING || err_failed(path_resolve(v->text, d->roots, a, &resolved)))
        return false;
    for (const char **f = c->folders; f && *f; f++) {
        char *folder;
        if (err_failed(path_resolve(bytes_str(*f), d->roots, a, &folder)))
            continue;
        if (path_under(resolved, folder))
            return true;
    }
    return false;
}

static bool
paths_ok(const struct condition *c, const struct json *v, const struct destination *d, struct arena *a)
{
    if (v->type != JSON_ARRAY)
        return path_ok(c, v, d, a);
    for (const struct json *item = v->child; item; item = item->next)
        if (!path_ok(c, item, d, a))
            return false;
    return v->count > 0;
}

static bool
number_ok(const struct condition *c, const struct json *v)
{
    if (v->type != JSON_INT && v->type != JSON_NUMBER)
        return false;
    int order = number_compare(v, c->value);
    return c->kind == COND_AT_MOST ? order <= 0 : order >= 0;
}

static bool
one_of(const struct json *list, const struct json *v)
{
    for (const struct json *item = list->child; item; item = item->next)
        if (json_equal(item, v))
            return true;
    return false;
}

static bool
condition_holds(const struct grant *g, const struct condition *c, const struct call *call, struct arena *a)
{
    const struct json *v = argument_of(g, call, c->argument);
    if (c->kind == COND_ABSENT)
        return v == NULL;
    if (v == NULL)
        return false; /* a condition on an argument is also that it is given */
    switch (c->kind) {
    case COND_UNDER:
        return paths_ok(c, v, call->destination, a);
    case COND_IS:
        return json_equal(c->value, v);
    case COND_ONE_OF:
        return one_of(c->value, v);
    case COND_AT_MOST:
    case COND_AT_LEAST:
        return number_ok(c, v);
    case COND_STARTS:
        return v->type == JSON_STRING && bytes_starts(v->text, c->value->text);
    default:
        return false;
    }
}

static const struct condition *
first_broken(const struct grant *g, const struct call *call, struct arena *a)
{
    for (size_t i = 0; i < g->n_conditions; i++)
        if (!condition_holds(g, &g->conditions[i], call, a))
            return &g->conditions[i];
    return NULL;
}

/* Could a URI of the template meet the condition? */
static bool
template_could(const struct condition *c, struct bytes template)
{
    size_t work = URI_WORK;
    const struct json *first = c->kind == COND_ONE_OF ? c->value->child : c->kind == COND_IS ? c->value : NULL;
    if (c->kind == COND_STARTS)
        return uri_template_begins(template, c->value->text);
    for (const struct json *v = first; v; v = c->kind == COND_ONE_OF ? v->next : NULL)
        if (v->type == JSON_STRING && uri_template_fits(template, v->text, &work))
            return true;
    return false;
}

bool
grant_admits(const struct grant *g, const struct call *call, struct arena *a)
{
    bool any_uri = call->n_items && !call->items[0]->prompt && json_get(call->arguments, "uri") == NULL;
    for (size_t i = 0; i < g->n_conditions; i++) {
        const struct condition *c = &g->conditions[i];
        if (argument_of(g, call, c->argument) && !condition_holds(g, c, call, a))
            return false;
        if (any_uri && strcmp(c->argument, "uri") == 0 && !template_could(c, call->items[0]->name))
            return false;
    }
    return true;
}

static const char *const condition_words[] = {
    [COND_UNDER] = "must lie under",      [COND_IS] = "must be",
    [COND_ONE_OF] = "must be one of",     [COND_AT_MOST] = "must be at most",
    [COND_AT_LEAST] = "must be at least", [COND_STARTS] = "must start with",
    [COND_ABSENT] = "must not be given",
};

struct err
grant_check(const struct task *task, const struct call *call, struct arena *a, struct place *where)
{
    const struct grant *near = NULL;
    const struct condition *broken = NULL;
    struct bytes name = call_subject(call);
    for (size_t i = 0; i < task->n_grants; i++) {
        const struct grant *g = &task->grants[i];
        if (!grant_covers(g, call))
            continue;
        const struct condition *c = first_broken(g, call, a);
        if (c == NULL)
            return err_ok();
        near = g;
        broken = c;
    }
    *where = near ? near->place : task->place;
    if (near == NULL)
        return err_make(E_DENIED, "the task %s grants no %s/%.*s", task->id, call->destination->id, BYTES_CUT(name, 80));
    struct buf list = buf_make(160);
    for (const char **f = broken->folders; f && *f; f++)
        buf_printf(&list, "%s%s", f == broken->folders ? "" : " or ", *f);
    if (broken->value)
        buf_printf(&list, "%.*s", BYTES_CUT(broken->value->raw, 80));
    struct err e = err_make(E_DENIED, "the task %s grants %s/%.*s only where %s %s%s%s", task->id, call->destination->id, BYTES_CUT(name, 80),
                            broken->argument, condition_words[broken->kind], list.n ? " " : "", buf_text(&list));
    buf_free(&list);
    return e;
}
