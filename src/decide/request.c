#include "decide/request.h"

#include <stdlib.h>

enum effect
tool_effect(const struct tool *tool)
{
    if (tool == NULL)
        return EFFECT_READ;
    if (!tool->confirmed)
        return tool->effect == EFFECT_IRREVERSIBLE ? EFFECT_IRREVERSIBLE : EFFECT_WRITE;
    if (tool->effect == EFFECT_READ && tool_leaves(tool))
        return EFFECT_WRITE;
    return tool->effect;
}

bool
tool_leaves(const struct tool *tool)
{
    for (size_t i = 0; tool && i < tool->n_sinks; i++)
        if (tool->sinks[i].leaves)
            return true;
    return false;
}

/*
 * A JSON number as a Cedar decimal: at most four digits behind the point (trailing zeros aside), no exponent left over. What does not
 * fit exactly is refused: a rounded number would be another number than the one that is sent (law 8).
 */
static struct cedar_value *
decimal_of(struct cedar_scratch *c, struct bytes text)
{
    char out[64];
    size_t point = bytes_find(text, '.'), n = text.n;
    if (bytes_find(text, 'e') < n || bytes_find(text, 'E') < n || n > 40)
        return NULL;
    if (point < n)
        while (n > point + 2 && text.at[n - 1] == '0')
            n--;
    snprintf(out, sizeof out, "%.*s%s", (int)n, (const char *)text.at, point < text.n ? "" : ".0");
    return cedar_decimal(c, cedar_text(out));
}

struct frame {
    const struct json *holder, *schema, *child;
    struct cedar_value *record, **list;
    size_t n;
};

static const struct json *
child_schema(const struct json *root, const struct frame *f, const struct json *child)
{
    if (f->schema == NULL)
        return NULL;
    if (f->holder->type == JSON_ARRAY)
        return argument_schema_of(root, json_get(f->schema, "items"));
    const struct json *named = json_find(json_get(f->schema, "properties"), child->key);
    return argument_schema_of(root, named ? named : json_get(f->schema, "additionalProperties"));
}

static struct err
scalar_value(struct cedar_scratch *c, const struct json *v, const struct json *schema, struct cedar_value **out)
{
    enum argument_number number = argument_number(schema);
    if (v->type == JSON_NUMBER && number == NUMBER_LONG) /* JSON Schema takes 1.0 for 1; to a policy it would be another value */
        return err_make(E_ARGUMENTS, "the number %.*s is meant as an integer; write it as one", BYTES_CUT(v->text, 40));
    switch (v->type) {
    case JSON_NULL:
        *out = cedar_entity(c, cedar_id("Null", "null"));
        break;
    case JSON_BOOL:
        *out = cedar_bool(c, v->truth);
        break;
    case JSON_INT:
        *out = number == NUMBER_DECIMAL ? decimal_of(c, v->text) : cedar_long(c, v->number);
        break;
    case JSON_NUMBER:
        *out = decimal_of(c, v->text);
        break;
    default:
        *out = cedar_string(c, cedar_bytes(v->text));
    }
    if (*out)
        return err_ok();
    if (v->type == JSON_INT || v->type == JSON_NUMBER)
        return err_make(E_ARGUMENTS, "the number %.*s cannot be represented exactly (at most four decimals, 64 bits)", BYTES_CUT(v->text, 40));
    return err_make(E_MEMORY, "no memory for an argument");
}

static struct err
push(struct cedar_scratch *c, struct frame *f, const struct json *holder, const struct json *schema)
{
    *f = (struct frame){.holder = holder, .schema = schema, .child = holder->child};
    if (holder->type == JSON_OBJECT)
        f->record = cedar_record(c);
    else
        f->list = calloc(holder->count + 1, sizeof(struct cedar_value *));
    return f->record || f->list ? err_ok() : err_make(E_MEMORY, "no memory for an argument");
}

static struct err
add(struct cedar_scratch *c, struct frame *f, const struct json *child, struct cedar_value *v)
{
    if (f->list)
        return f->list[f->n++] = v, err_ok();
    return cedar_record_put(c, f->record, cedar_bytes(child->key), v) ? err_ok() : err_make(E_MEMORY, "no memory for an argument");
}

#define INPUT_DEPTH 64 /* the JSON reader's default bound */

/* Walks without recursion; the lists of open arrays are freed on every way out. */
static struct err
json_value(struct cedar_scratch *c, const struct json *top, const struct json *schema, struct cedar_value **out)
{
    UNINITIALIZED struct frame stack[INPUT_DEPTH];
    size_t depth = 1;
    struct err e = push(c, &stack[0], top, arguments_object(schema));
    while (!err_failed(e) && depth) {
        struct frame *f = &stack[depth - 1];
        const struct json *child = f->child;
        struct cedar_value *v = NULL;
        if (child == NULL) {
            v = f->record ? f->record : cedar_set(c, f->list, f->n);
            free(f->list);
            f->list = NULL;
            depth--;
            if (v == NULL)
                e = err_make(E_MEMORY, "no memory for an argument");
            else if (depth == 0)
                *out = v;
            else
                e = add(c, &stack[depth - 1], f->holder, v);
            continue;
        }
        f->child = child->next;
        if (child->type == JSON_NULL && f->record)
            continue; /* nothing is there (argument_types.c) */
        if (child->type != JSON_ARRAY && child->type != JSON_OBJECT) {
            e = scalar_value(c, child, child_schema(schema, f, child), &v);
            if (!err_failed(e))
                e = add(c, f, child, v);
        } else if (depth == INPUT_DEPTH) {
            e = err_make(E_LIMIT, "arguments nested deeper than %d levels", INPUT_DEPTH);
        } else {
            e = push(c, &stack[depth], child, child_schema(schema, f, child));
            depth++;
        }
    }
    while (depth)
        free(stack[--depth].list);
    return e;
}

/* Members of a record, put one after another, which is cheapest in the order of their names; a failure sticks. */
struct putter {
    struct cedar_scratch *c;
    struct cedar_value *record;
    bool failed;
};

static void
put(struct putter *p, const char *key, struct cedar_value *v)
{
    if (p->failed || p->record == NULL || v == NULL || !cedar_record_put(p->c, p->record, cedar_text(key), v))
        p->failed = true;
}

static void
put_str(struct putter *p, const char *key, const char *text)
{
    put(p, key, cedar_string(p->c, cedar_text(text)));
}

static struct cedar_value *
tool_record(struct cedar_scratch *c, const struct call *call)
{
    struct putter p = {c, cedar_record(c), false};
    put(&p, "confirmed", cedar_bool(c, call->tool == NULL || call->tool->confirmed));
    put_str(&p, "effect", effect_names[tool_effect(call->tool)]);
    put(&p, "leaves", cedar_bool(c, tool_leaves(call->tool)));
    return p.failed ? NULL : p.record;
}

static struct cedar_value *
writ_record_value(struct cedar_scratch *c, const struct call *call)
{
    const struct writ *w = call->writ;
    struct putter p = {c, cedar_record(c), false};
    put(&p, "calls", cedar_long(c, (int64_t)call->calls));
    put(&p, "confined", cedar_bool(c, w->confined));
    put(&p, "depth", cedar_long(c, 0));
    put_str(&p, "on_behalf_of", w->on_behalf_of);
    put_str(&p, "purpose", w->purpose);
    put_str(&p, "purpose_by", purpose_by_names[w->by]);
    put_str(&p, "purpose_source", purpose_source_names[w->source]);
    put_str(&p, "template", w->task->id);
    return p.failed ? NULL : p.record;
}

static struct cedar_value *
seen_record(struct cedar_scratch *c, const struct call *call)
{
    struct putter p = {c, cedar_record(c), false};
    put(&p, "level", cedar_long(c, call->seen.level));
    put_str(&p, "sensitivity", sensitivity_names[call->seen.level]);
    put(&p, "untrusted", cedar_bool(c, call->seen.untrusted));
    return p.failed ? NULL : p.record;
}

#define FOUND_NAMES_MAX 64

static struct cedar_value *
found_set(struct cedar_scratch *c, const struct call *call)
{
    UNINITIALIZED struct cedar_value *list[FOUND_NAMES_MAX];
    size_t n = 0;
    for (const char *const *f = call->found; f && *f && n < FOUND_NAMES_MAX; f++)
        if ((list[n++] = cedar_string(c, cedar_text(*f))) == NULL)
            return NULL;
    return cedar_set(c, list, n);
}

/* Every argument comes from the agent until a later part can trace a value to where it was read (law 12). ${only}: of that one, or NULL. */
static struct cedar_value *
origin_record(struct cedar_scratch *c, const struct call *call, const char *only)
{
    struct cedar_value *record = cedar_record(c);
    for (const struct json *m = call->arguments ? call->arguments->child : NULL; m && record; m = m->next)
        if ((only == NULL || bytes_is(m->key, only)) && !cedar_record_put(c, record, cedar_bytes(m->key), cedar_string(c, cedar_text("agent"))))
            return NULL;
    return record;
}

/* What all prompts, or all resources, have: the one member that says which. */
static struct cedar_value *
one_member(struct cedar_scratch *c, const struct call *call, const char *key)
{
    struct cedar_value *record = cedar_record(c);
    const struct json *v = json_get(call->arguments, key);
    if (record && json_is(v, JSON_STRING) && !cedar_record_put(c, record, cedar_text(key), cedar_string(c, cedar_bytes(v->text))))
        return NULL;
    return record;
}

static struct err
put_input(struct putter *p, const struct call *call, const struct pinned_extra *item)
{
    struct cedar_value *input = NULL;
    const char *only = call->tool || item ? NULL : bytes_is(call->name, "@prompts") ? "name" : "uri";
    if (only)
        input = one_member(p->c, call, only);
    else if (call->arguments)
        TRY(json_value(p->c, call->arguments, call->tool ? call->tool->schema : item->schema, &input));
    else
        input = cedar_record(p->c);
    if (item && item->mime.n && input && !cedar_record_put(p->c, input, cedar_text("mime"), cedar_string(p->c, cedar_bytes(item->mime))))
        input = NULL;
    put(p, "input", input);
    put(p, "origin", origin_record(p->c, call, only));
    return err_ok();
}

struct err
request_context(const struct call *call, const struct pinned_extra *item, enum tier tier, bool with_input, struct cedar_scratch *c,
                const struct cedar_value **out)
{
    struct putter p = {c, cedar_record(c), false};
    if (with_input) {
        put(&p, "found", found_set(c, call));
        TRY(put_input(&p, call, item));
    }
    put(&p, "now", cedar_datetime(c, call->now_ms));
    put_str(&p, "proof", proof_strength_name(call->writ->instance->strength));
    put(&p, "seen", seen_record(c, call));
    put_str(&p, "tier", tier_names[tier]);
    put(&p, "tool", tool_record(c, call));
    put(&p, "writ", writ_record_value(c, call));
    *out = p.record;
    return p.failed ? err_make(E_MEMORY, "no memory for the request of a decision") : err_ok();
}

struct err
request_make(const struct call *call, const struct pinned_extra *item, enum tier tier, bool with_input, struct cedar_scratch *scratch,
             char action[DECISION_ACTION_MAX], struct cedar_request *out)
{
    const struct cedar_value *context = NULL;
    struct bytes name = item ? bytes_str(item->subject) : call->name;
    TRY(request_context(call, item, tier, with_input, scratch, &context));
    size_t n = bytes_text(bytes_str(call->destination->id), action, DECISION_ACTION_MAX - 1);
    action[n++] = '/';
    bytes_text(bytes_sub(name, 0, 150), action + n, DECISION_ACTION_MAX - n);
    *out = (struct cedar_request){cedar_id("Agent", call->writ->agent->id), cedar_id("Action", action),
                                  cedar_id("Destination", call->destination->id), context};
    return err_ok();
}

struct err
decide_requests(const struct call *call, enum tier tier, bool with_input, struct cedar_scratch *scratch, struct decision_requests *out)
{
    TRY(request_make(call, NULL, tier, with_input, scratch, out->actions[0], &out->at[0]));
    out->n = 1;
    for (size_t i = 0; i < call->n_items; i++)
        if (call->items[i]->named) {
            TRY(request_make(call, call->items[i], tier, with_input, scratch, out->actions[out->n], &out->at[out->n]));
            out->n++;
        }
    return err_ok();
}
