#include "cedar_calls.h"
#include "cedar/schema.h"

#include <stdlib.h>

#define TEXT_MAX ((size_t)256 << 20)

struct calls {
    struct cedar_policies *policies; /* of `hold` */
    struct cedar_engine *engine;
    struct cedar_schema *schema; /* of `holdSchema` */
    struct cedar_scratch *scratch, *again;
    struct arena a; /* of one call */
};

static const struct json_limits limits = {.bytes = (size_t)64 << 20, .depth = 256, .nodes = 4000000};

static struct cedar_str
to_str(struct bytes b)
{
    return (struct cedar_str){(const char *)b.at, b.n};
}

static struct cedar_str
raw(const struct json *v)
{
    return v ? to_str(v->raw) : (struct cedar_str){"{}", 2};
}

static bool
failed(struct cedar_error *e, enum cedar_code code, const char *text)
{
    *e = (struct cedar_error){.code = code};
    memcpy(e->text, text, strlen(text));
    return false;
}

struct calls *
calls_new(void)
{
    struct calls *c = calloc(1, sizeof *c);
    if (c == NULL)
        abort();
    c->scratch = cedar_scratch_new((size_t)256 << 20);
    c->again = cedar_scratch_new((size_t)256 << 20);
    c->a.max = (size_t)1 << 30;
    return c;
}

void
calls_free(struct calls *c)
{
    cedar_engine_unref(c->engine);
    cedar_policies_unref(c->policies);
    cedar_schema_unref(c->schema);
    cedar_scratch_free(c->scratch);
    cedar_scratch_free(c->again);
    arena_free(&c->a);
    free(c);
}

/* --------------------------------------------------------------------------------------------------------------------- answers */

/* Refused for a bound of our own: then nothing is kept, and what would be asked of it is beyond the bound, too. */
static bool
beyond(const struct cedar_error *e)
{
    return e->code == CEDAR_LIMIT || e->code == CEDAR_UNSUPPORTED;
}

static void
put_message(struct buf *out, const char *text, const char *help)
{
    json_open(out, '{');
    json_member_str(out, "message", text);
    if (help && *help)
        json_member_str(out, "help", help);
    json_close(out, '}');
}

static void
put_failure(struct buf *out, const struct cedar_error *e)
{
    buf_puts(out, "{\"type\":\"failure\"");
    if (beyond(e))
        json_member_bool(out, "limit", true);
    json_key(out, "errors");
    json_open(out, '[');
    put_message(out, e->text, e->help);
    buf_puts(out, "]}");
}

static void
put_checked(struct buf *out, bool ok, const struct cedar_error *e)
{
    if (ok)
        buf_puts(out, "{\"type\":\"success\"}");
    else
        put_failure(out, e);
}

/* {"type":"success", key: what the library wrote}; as JSON, or as a string. */
static void
put_output(struct buf *out, bool ok, const char *key, bool json, struct cedar_output *o, const struct cedar_error *e)
{
    if (ok) {
        buf_puts(out, "{\"type\":\"success\"");
        if (json)
            json_member_raw(out, key, bytes_make(o->at, o->n));
        else
            json_member_text(out, key, bytes_make(o->at, o->n));
        buf_putc(out, '}');
        cedar_output_free(o);
    } else {
        put_failure(out, e);
    }
}

/* ---------------------------------------------------------------------------------------------------------------- policy sets */

/* One policy or template, a text or JSON, as a set of one. */
static bool
read_one(const struct json *v, bool template, struct cedar_policies **out, struct cedar_error *e)
{
    if (!json_is(v, JSON_STRING) && !json_is(v, JSON_OBJECT))
        return failed(e, CEDAR_VALUE, "no policy");
    bool ok = json_is(v, JSON_STRING) ? cedar_policies_parse(to_str(v->text), "call", false, out, e) : cedar_policy_json(raw(v), "call", out, e);
    if (!ok)
        return false;
    if (cedar_policies_count(*out) == 1 && cedar_policy_is_template(*out, 0) == template)
        return true;
    cedar_policies_unref(*out);
    *out = NULL;
    return failed(e, CEDAR_VALUE, template ? "expected a template" : "expected a static policy");
}

static bool
put_one_json(struct buf *b, const struct json *v, bool template, struct cedar_error *e)
{
    struct cedar_policies *one = NULL;
    struct cedar_output json;
    bool ok = read_one(v, template, &one, e) && cedar_policy_to_json(one, 0, &json, e);
    if (ok) {
        json_key_bytes(b, v->key);
        buf_put(b, bytes_make(json.at, json.n));
        cedar_output_free(&json);
    }
    cedar_policies_unref(one);
    return ok;
}

static bool
put_map_json(struct buf *b, const char *key, const struct json *map, bool template, struct cedar_error *e)
{
    json_key(b, key);
    json_open(b, '{');
    for (const struct json *v = map ? map->child : NULL; v; v = v->next)
        if (!put_one_json(b, v, template, e))
            return false;
    json_close(b, '}');
    return true;
}

/* A set whose policies have names: put together as the JSON form of policy sets, and read as that. */
static bool
read_named(const struct json *set, struct cedar_policies **out, struct cedar_error *e)
{
    struct buf b = buf_make(TEXT_MAX);
    const struct json *links = json_get(set, "templateLinks");
    json_open(&b, '{');
    bool ok = put_map_json(&b, "staticPolicies", json_get(set, "staticPolicies"), false, e) &&
              put_map_json(&b, "templates", json_get(set, "templates"), true, e);
    json_key(&b, "templateLinks");
    buf_put(&b, links ? links->raw : BYTES("[]"));
    json_close(&b, '}');
    ok = ok && cedar_policies_json(to_str(buf_bytes(&b)), "call", out, e);
    buf_free(&b);
    return ok;
}

static bool
has_template(const struct cedar_policies *p)
{
    for (size_t i = 0; i < cedar_policies_count(p); i++)
        if (cedar_policy_is_template(p, i))
            return true;
    return false;
}

static bool
read_text(struct bytes text, struct cedar_policies **out, struct cedar_error *e)
{
    if (!cedar_policies_parse(to_str(text), "call", false, out, e))
        return false;
    if (!has_template(*out))
        return true;
    cedar_policies_unref(*out);
    *out = NULL;
    return failed(e, CEDAR_VALUE, "static policy set includes a template");
}

static bool
read_policies(const struct json *v, struct cedar_policies **out, struct cedar_error *e)
{
    const struct json *statics = json_get(v, "staticPolicies");
    *out = NULL;
    if (json_is(v, JSON_STRING))
        return read_text(v->text, out, e);
    if (json_is(statics, JSON_STRING) && json_get(v, "templates") == NULL)
        return read_text(statics->text, out, e);
    return read_named(v, out, e);
}

static bool
read_schema(const struct json *v, struct cedar_schema **out, struct cedar_error *e)
{
    *out = NULL;
    return json_is(v, JSON_STRING) ? cedar_schema_parse(to_str(v->text), "call", out, e) : cedar_schema_parse_json(raw(v), "call", out, e);
}

/* -------------------------------------------------------------------------------------------------------------------- decisions */

static struct cedar_uid
uid_of(const struct json *v)
{
    const struct json *inner = json_get(v, "__entity");
    v = inner ? inner : v;
    return (struct cedar_uid){to_str(json_text(v, "type")), to_str(json_text(v, "id"))};
}

struct asked {
    const struct cedar_policies *policies;
    const struct cedar_engine *engine;
    const struct cedar_schema *schema;
    const struct json *call;
};

static bool
same_list(const size_t *a, size_t n, const size_t *b, size_t m)
{
    return n == m && (n == 0 || memcmp(a, b, n * sizeof *a) == 0);
}

static bool
same_answer(const struct cedar_answer *a, const struct cedar_answer *b)
{
    if (!same_list(a->permits, a->n_permits, b->permits, b->n_permits) || !same_list(a->forbids, a->n_forbids, b->forbids, b->n_forbids) ||
        a->n_errors != b->n_errors)
        return false;
    for (size_t i = 0; i < a->n_errors; i++)
        if (a->errors[i].policy != b->errors[i].policy || strcmp(a->errors[i].text, b->errors[i].text) != 0)
            return false;
    return true;
}

/* The compiled engine, index on and off, against the reference. */
static bool
engines_agree(struct calls *c, const struct asked *ask, const struct cedar_entities *entities, const struct cedar_request *q,
              const struct cedar_answer *reference)
{
    struct cedar_store *store;
    struct cedar_engine *engine = NULL;
    struct cedar_answer a;
    struct cedar_error e;
    if (!cedar_store_compile(entities, &store, &e))
        return e.code == CEDAR_UNSUPPORTED;
    bool ok = cedar_engine_compile((struct cedar_policies *)(uintptr_t)ask->policies, store, &engine, &e);
    for (int off = 0; off < 2 && ok; off++) {
        struct cedar_decide_options options = {.no_index = off};
        cedar_scratch_reset(c->again);
        ok = cedar_decide(engine, q, &options, c->again, &a) && same_answer(reference, &a);
    }
    cedar_engine_unref(engine);
    cedar_store_unref(store);
    return ok;
}

static void
put_ids(struct buf *out, const char *key, const struct cedar_policies *p, const size_t *list, size_t n)
{
    json_key(out, key);
    json_open(out, '[');
    for (size_t i = 0; i < n; i++) {
        json_item(out);
        json_put_text(out, str_bytes(cedar_policy_id(p, list[i])));
    }
    json_close(out, ']');
}

static void
put_decision(struct buf *out, const struct cedar_policies *p, const struct cedar_answer *a)
{
    buf_printf(out, "{\"type\":\"success\",\"response\":{\"decision\":\"%s\",\"diagnostics\":{", cedar_decision(a) ? "allow" : "deny");
    put_ids(out, "reason", p, a->n_forbids ? a->forbids : a->permits, a->n_forbids ? a->n_forbids : a->n_permits);
    json_key(out, "errors");
    json_open(out, '[');
    for (size_t i = 0; i < a->n_errors; i++) {
        json_item(out);
        json_open(out, '{');
        json_member_text(out, "policyId", str_bytes(cedar_policy_id(p, a->errors[i].policy)));
        json_key(out, "error");
        put_message(out, a->errors[i].text, NULL);
        json_close(out, '}');
    }
    buf_puts(out, "]}}}");
}

static bool
read_request(struct calls *c, const struct asked *ask, struct cedar_entities **entities, struct cedar_request *q, struct cedar_error *e)
{
    const struct json *check = json_get(ask->call, "validateRequest");
    *q = (struct cedar_request){uid_of(json_get(ask->call, "principal")), uid_of(json_get(ask->call, "action")),
                                uid_of(json_get(ask->call, "resource")), NULL};
    struct cedar_str context = raw(json_get(ask->call, "context")), text = raw(json_get(ask->call, "entities"));
    q->context = ask->schema ? cedar_context_json_schema(c->scratch, context, ask->schema, &q->action, e) : cedar_value_json(c->scratch, context, e);
    if (q->context == NULL)
        return false;
    if (q->context->kind != VALUE_RECORD)
        return failed(e, CEDAR_VALUE, "expression is not a record");
    if (ask->schema && !(check && !check->truth) && !cedar_request_check(ask->schema, q, e))
        return false;
    return ask->schema ? cedar_entities_json_schema(text, ask->schema, entities, e) : cedar_entities_json(text, entities, e);
}

static void
answer_request(struct calls *c, const struct asked *ask, struct buf *out)
{
    struct cedar_entities *entities = NULL;
    struct cedar_request q;
    struct cedar_answer a;
    struct cedar_error e;
    cedar_scratch_reset(c->scratch);
    if (!read_request(c, ask, &entities, &q, &e)) {
        put_failure(out, &e);
        return;
    }
    if (!cedar_evaluate(ask->policies, entities, &q, c->scratch, &a))
        abort();
    if (engines_agree(c, ask, entities, &q, &a))
        put_decision(out, ask->policies, &a);
    else
        buf_puts(out, "{\"type\":\"engines\"}");
    cedar_entities_unref(entities);
}

static void
answer_authorize(struct calls *c, const struct json *call, struct buf *out)
{
    struct cedar_policies *p = NULL;
    struct cedar_schema *s = NULL;
    struct cedar_error e;
    const struct json *schema = json_get(call, "schema");
    if (read_policies(json_get(call, "policies"), &p, &e) && (schema == NULL || read_schema(schema, &s, &e)))
        answer_request(c, &(struct asked){p, NULL, s, call}, out);
    else
        put_failure(out, &e);
    cedar_policies_unref(p);
    cedar_schema_unref(s);
}

static void
answer_ask(struct calls *c, const struct json *call, struct buf *out)
{
    bool held = json_get(call, "held") != NULL;
    struct cedar_error e;
    failed(&e, CEDAR_LIMIT, "nothing is kept");
    if (c->policies && (c->schema || !held))
        answer_request(c, &(struct asked){c->policies, c->engine, held ? c->schema : NULL, call}, out);
    else
        put_failure(out, &e);
}

static void
answer_hold(struct calls *c, const struct json *call, struct buf *out)
{
    struct cedar_policies *p;
    struct cedar_error e;
    bool ok = read_policies(json_get(call, "policies"), &p, &e);
    put_checked(out, ok, &e);
    if (ok || beyond(&e)) {
        cedar_policies_unref(c->policies);
        c->policies = ok ? p : NULL;
    }
}

static void
answer_hold_schema(struct calls *c, const struct json *call, struct buf *out)
{
    struct cedar_schema *s;
    struct cedar_error e;
    bool ok = read_schema(json_get(call, "schema"), &s, &e);
    put_checked(out, ok, &e);
    if (ok || beyond(&e)) {
        cedar_schema_unref(c->schema);
        c->schema = ok ? s : NULL;
    }
}

static struct cedar_partial_uid
partial_uid(const struct json *v)
{
    return v && !json_is(v, JSON_NULL) ? (struct cedar_partial_uid){CEDAR_KNOWN, uid_of(v)} : (struct cedar_partial_uid){.known = CEDAR_UNKNOWN};
}

static void
answer_partial(struct calls *c, const struct json *call, struct buf *out)
{
    struct cedar_policies *p = NULL;
    struct cedar_entities *entities = NULL;
    struct cedar_partial_answer a;
    struct cedar_output o;
    struct cedar_error e = {.code = CEDAR_OK};
    cedar_scratch_reset(c->scratch);
    struct cedar_partial_request q = {partial_uid(json_get(call, "principal")),
                                      partial_uid(json_get(call, "action")),
                                      partial_uid(json_get(call, "resource")),
                                      cedar_value_json(c->scratch, raw(json_get(call, "context")), &e),
                                      NULL,
                                      0};
    bool ok = q.context && read_policies(json_get(call, "policies"), &p, &e) && cedar_entities_json(raw(json_get(call, "entities")), &entities, &e) &&
              cedar_partial(p, entities, &q, NULL, c->scratch, &a, &e) && cedar_partial_json(p, &a, &o);
    if (ok) {
        buf_puts(out, "{\"type\":\"residuals\"");
        json_member_raw(out, "response", bytes_make(o.at, o.n));
        buf_putc(out, '}');
        cedar_output_free(&o);
    } else {
        put_failure(out, &e);
    }
    cedar_policies_unref(p);
    cedar_entities_unref(entities);
}

/* ----------------------------------------------------------------------------------------------------- checking and converting */

static void
put_findings(struct buf *out, const char *key, const struct cedar_policies *p, const struct cedar_findings *f, enum cedar_finding_kind kind)
{
    json_key(out, key);
    json_open(out, '[');
    for (size_t i = 0; i < f->n; i++) {
        if (f->at[i].kind != kind)
            continue;
        json_item(out);
        json_open(out, '{');
        json_member_text(out, "policyId", str_bytes(cedar_policy_id(p, f->at[i].policy)));
        json_key(out, "error");
        json_open(out, '{');
        json_member_text(out, "message", str_bytes(f->at[i].message));
        if (f->at[i].help.n)
            json_member_text(out, "help", str_bytes(f->at[i].help));
        json_close(out, '}');
        json_close(out, '}');
    }
    json_close(out, ']');
}

static void
answer_validate(struct calls *c, const struct json *call, struct buf *out)
{
    (void)c;
    struct cedar_policies *p = NULL;
    struct cedar_schema *s = NULL;
    struct cedar_findings *f = NULL;
    struct cedar_error e;
    if (read_policies(json_get(call, "policies"), &p, &e) && read_schema(json_get(call, "schema"), &s, &e) && cedar_validate(p, s, NULL, &f, &e)) {
        buf_puts(out, "{\"type\":\"success\"");
        put_findings(out, "validationErrors", p, f, CEDAR_FINDING_ERROR);
        put_findings(out, "validationWarnings", p, f, CEDAR_FINDING_WARNING);
        buf_putc(out, '}');
    } else {
        put_failure(out, &e);
    }
    cedar_findings_free(f);
    cedar_policies_unref(p);
    cedar_schema_unref(s);
}

static void
answer_check_policies(struct calls *c, const struct json *call, struct buf *out)
{
    (void)c;
    struct cedar_policies *p;
    struct cedar_error e;
    bool ok = read_policies(json_get(call, "policies"), &p, &e);
    put_checked(out, ok, &e);
    if (ok)
        cedar_policies_unref(p);
}

static void
answer_check_schema(struct calls *c, const struct json *call, struct buf *out)
{
    (void)c;
    struct cedar_schema *s;
    struct cedar_error e;
    bool ok = read_schema(json_get(call, "schema"), &s, &e);
    put_checked(out, ok, &e);
    cedar_schema_unref(s);
}

static void
answer_check_entities(struct calls *c, const struct json *call, struct buf *out)
{
    (void)c;
    struct cedar_entities *entities = NULL;
    struct cedar_schema *s = NULL;
    struct cedar_error e;
    const struct json *schema = json_get(call, "schema");
    struct cedar_str text = raw(json_get(call, "entities"));
    bool given = schema && !json_is(schema, JSON_NULL), ok = !given || read_schema(schema, &s, &e);
    ok = ok && (given ? cedar_entities_json_schema(text, s, &entities, &e) : cedar_entities_json(text, &entities, &e));
    put_checked(out, ok, &e);
    cedar_entities_unref(entities);
    cedar_schema_unref(s);
}

static struct cedar_uid
any_of(const struct schema_entity *e)
{
    return (struct cedar_uid){e->name, e->enumerated ? e->ids[0] : (struct cedar_str){"x", 1}};
}

/* The official call also holds the context against the action: a request of anyone that the action applies to does. */
static bool
context_fits(const struct cedar_schema *s, const struct cedar_uid *action, const struct cedar_value *context, struct cedar_error *e)
{
    const struct schema_action *a = schema_find_action(s, action);
    if (a == NULL || a->n_principals == 0 || a->n_resources == 0)
        return true;
    struct cedar_request q = {any_of(a->principals[0]), *action, any_of(a->resources[0]), context};
    return cedar_request_check(s, &q, e);
}

static void
answer_check_context(struct calls *c, const struct json *call, struct buf *out)
{
    struct cedar_schema *s = NULL;
    struct cedar_error e;
    const struct json *schema = json_get(call, "schema");
    struct cedar_str text = raw(json_get(call, "context"));
    struct cedar_uid action = uid_of(json_get(call, "action"));
    cedar_scratch_reset(c->scratch);
    bool given = schema && !json_is(schema, JSON_NULL), ok = !given || read_schema(schema, &s, &e);
    const struct cedar_value *v = !ok     ? NULL
                                  : given ? cedar_context_json_schema(c->scratch, text, s, &action, &e)
                                          : cedar_value_json(c->scratch, text, &e);
    ok = v && (v->kind == VALUE_RECORD || failed(&e, CEDAR_VALUE, "expression is not a record"));
    ok = ok && (!given || context_fits(s, &action, v, &e));
    put_checked(out, ok, &e);
    cedar_schema_unref(s);
}

/* The order of ids as texts: policy1, policy10, policy2. */
static void
by_id(const struct cedar_policies *p, size_t *order, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t k = i;
        for (; k > 0 && bytes_cmp(str_bytes(cedar_policy_id(p, order[k - 1])), str_bytes(cedar_policy_id(p, i))) > 0; k--)
            order[k] = order[k - 1];
        order[k] = i;
    }
}

static void
answer_parts(struct calls *c, const struct json *call, struct buf *out)
{
    struct cedar_policies *p;
    struct cedar_error e;
    if (!cedar_policies_parse(to_str(json_text(call, "policies")), "call", false, &p, &e)) {
        put_failure(out, &e);
        return;
    }
    size_t n = cedar_policies_count(p), *order = arena_list(&c->a, n + 1, sizeof *order);
    if (order == NULL)
        abort();
    by_id(p, order, n);
    buf_puts(out, "{\"type\":\"success\"");
    for (int template = 0; template <2; template ++) {
        json_key(out, template ? "policy_templates" : "policies");
        json_open(out, '[');
        for (size_t i = 0; i < n; i++)
            if (cedar_policy_is_template(p, order[i]) == (template == 1)) {
                json_item(out);
                json_put_text(out, str_bytes(cedar_policy_source(p, order[i])));
            }
        json_close(out, ']');
    }
    buf_putc(out, '}');
    cedar_policies_unref(p);
}

static void
answer_convert_policy(const struct json *v, bool template, bool to_json, struct buf *out)
{
    struct cedar_policies *p = NULL;
    struct cedar_output o;
    struct cedar_error e;
    bool ok = read_one(v, template, &p, &e) && (to_json ? cedar_policy_to_json(p, 0, &o, &e) : cedar_policy_to_text(p, 0, &o, &e));
    put_output(out, ok, to_json ? "json" : "text", to_json, &o, &e);
    cedar_policies_unref(p);
}

static void
answer_to_json(struct calls *c, const struct json *call, struct buf *out)
{
    (void)c;
    answer_convert_policy(json_get(call, "policy"), false, true, out);
}

static void
answer_to_text(struct calls *c, const struct json *call, struct buf *out)
{
    (void)c;
    answer_convert_policy(json_get(call, "policy"), false, false, out);
}

static void
answer_template_to_json(struct calls *c, const struct json *call, struct buf *out)
{
    (void)c;
    answer_convert_policy(json_get(call, "template"), true, true, out);
}

static void
answer_template_to_text(struct calls *c, const struct json *call, struct buf *out)
{
    (void)c;
    answer_convert_policy(json_get(call, "template"), true, false, out);
}

static void
answer_format(struct calls *c, const struct json *call, struct buf *out)
{
    (void)c;
    const struct json *width = json_get(call, "lineWidth"), *indent = json_get(call, "indentWidth");
    struct cedar_output o;
    struct cedar_error e;
    bool ok = cedar_format(to_str(json_text(call, "text")), width ? (unsigned)width->number : 80, indent ? (unsigned)indent->number : 2, &o, &e);
    put_output(out, ok, "formatted_policy", false, &o, &e);
}

static void
answer_convert_schema(const struct json *call, enum cedar_schema_form to, struct buf *out)
{
    const struct json *v = json_get(call, "schema");
    bool text = json_is(v, JSON_STRING);
    struct cedar_schema *whole = NULL;
    struct cedar_output o;
    struct cedar_error e;
    /* The official call takes whole schemas only; ours also parts, whose names are declared elsewhere. */
    bool ok = read_schema(v, &whole, &e) &&
              cedar_schema_convert(text ? to_str(v->text) : raw(v), text ? CEDAR_SCHEMA_CEDAR : CEDAR_SCHEMA_JSON, to, &o, &e);
    put_output(out, ok, to == CEDAR_SCHEMA_CEDAR ? "text" : "json", to != CEDAR_SCHEMA_CEDAR, &o, &e);
    cedar_schema_unref(whole);
}

static void
answer_schema_to_json(struct calls *c, const struct json *call, struct buf *out)
{
    (void)c;
    answer_convert_schema(call, CEDAR_SCHEMA_JSON, out);
}

static void
answer_schema_to_text(struct calls *c, const struct json *call, struct buf *out)
{
    (void)c;
    answer_convert_schema(call, CEDAR_SCHEMA_CEDAR, out);
}

static void
answer_schema_resolved(struct calls *c, const struct json *call, struct buf *out)
{
    (void)c;
    answer_convert_schema(call, CEDAR_SCHEMA_JSON_RESOLVED, out);
}

static const struct {
    const char *op;
    void (*answer)(struct calls *, const struct json *, struct buf *);
} ops[] = {
    {"authorize", answer_authorize},
    {"hold", answer_hold},
    {"holdSchema", answer_hold_schema},
    {"ask", answer_ask},
    {"partial", answer_partial},
    {"validate", answer_validate},
    {"checkPolicies", answer_check_policies},
    {"checkSchema", answer_check_schema},
    {"checkEntities", answer_check_entities},
    {"checkContext", answer_check_context},
    {"parts", answer_parts},
    {"toJson", answer_to_json},
    {"toText", answer_to_text},
    {"templateToJson", answer_template_to_json},
    {"templateToText", answer_template_to_text},
    {"format", answer_format},
    {"schemaToJson", answer_schema_to_json},
    {"schemaToText", answer_schema_to_text},
    {"schemaToJsonResolved", answer_schema_resolved},
};

void
calls_answer(struct calls *c, struct bytes line, struct buf *out)
{
    struct json *call;
    struct err bad = json_parse(&c->a, line, &limits, &call);
    struct cedar_error e = {.code = CEDAR_VALUE};
    size_t i = 0;
    if (err_failed(bad)) {
        memcpy(e.text, bad.text, sizeof bad.text);
        put_failure(out, &e);
    } else {
        while (i < sizeof ops / sizeof *ops && !bytes_is(json_text(call, "op"), ops[i].op))
            i++;
        if (i < sizeof ops / sizeof *ops)
            ops[i].answer(c, call, out);
        else
            buf_puts(out, "{\"type\":\"exception\",\"message\":\"no such op\"}");
    }
    arena_reset(&c->a);
}
