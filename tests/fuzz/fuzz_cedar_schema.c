/*
 * Schemas in Cedar syntax (first byte 0 mod 4) and JSON (1), entities (2) and contexts (3) by a schema. A schema that is read can be
 * written in both forms and says the same in each; refusals say why; entities that are taken keep to the schema.
 */
#include "cedar/conform.h"
#include "cedar/entities.h"

#include <stdlib.h>

#define CHECK(truth)                                                                                                                                 \
    do {                                                                                                                                             \
        if (!(truth))                                                                                                                                \
            abort();                                                                                                                                 \
    } while (0)

static const char fixed[] =
    "entity U in [G] { a: Long, d?: decimal, i?: ipaddr, t?: datetime, u?: duration, r?: { x: Long, y?: String, e?: E }, s?: Set<Long>, e?: E, "
    "act?: Action, us?: Set<U> } tags Set<decimal>; entity G in [H]; entity H; entity E enum [\"x\", \"y\"]; action v in g appliesTo { principal: U, "
    "resource: G, context: { t?: datetime, r?: { p: U, q?: Set<E> }, l?: Long } }; action g in h; action h;";

static struct cedar_str
str_output(const struct cedar_output *o)
{
    return (struct cedar_str){o->at, o->n};
}

static bool
convert(const struct cedar_output *from, enum cedar_schema_form a, enum cedar_schema_form b, struct cedar_output *to)
{
    struct cedar_error e = {.code = CEDAR_OK};
    bool ok = cedar_schema_convert(str_output(from), a, b, to, &e);
    CHECK(ok || (e.code != CEDAR_OK && e.text[0]));
    return ok;
}

/* What Cedar syntax can say survives a second trip as it is; the first may change more: JSON has names and nulls of its own. */
static void
check_forms(const struct cedar_output *json)
{
    struct cedar_output first, back, second, again;
    if (!convert(json, CEDAR_SCHEMA_JSON, CEDAR_SCHEMA_CEDAR, &first))
        return;
    if (convert(&first, CEDAR_SCHEMA_CEDAR, CEDAR_SCHEMA_JSON, &back)) {
        CHECK(convert(&back, CEDAR_SCHEMA_JSON, CEDAR_SCHEMA_CEDAR, &second));
        CHECK(convert(&second, CEDAR_SCHEMA_CEDAR, CEDAR_SCHEMA_JSON, &again));
        CHECK(again.n == back.n && memcmp(again.at, back.at, back.n) == 0);
        cedar_output_free(&again);
        cedar_output_free(&second);
        cedar_output_free(&back);
    }
    cedar_output_free(&first);
}

static void
fuzz_schema(struct cedar_str text, bool is_json)
{
    struct cedar_error e = {.code = CEDAR_OK};
    struct cedar_output json, resolved;
    struct cedar_schema *s, *again;
    bool ok = is_json ? cedar_schema_parse_json(text, "fuzz", &s, &e) : cedar_schema_parse(text, "fuzz", &s, &e);
    if (!ok) {
        CHECK(s == NULL && e.code != CEDAR_OK && e.text[0]);
        return;
    }
    CHECK(cedar_schema_convert(text, is_json ? CEDAR_SCHEMA_JSON : CEDAR_SCHEMA_CEDAR, CEDAR_SCHEMA_JSON, &json, &e));
    CHECK(cedar_schema_parse_json(str_output(&json), "again", &again, &e));
    CHECK(again->n_entities == s->n_entities && again->n_actions == s->n_actions);
    CHECK(convert(&json, CEDAR_SCHEMA_JSON, CEDAR_SCHEMA_JSON_RESOLVED, &resolved));
    check_forms(&json);
    cedar_output_free(&resolved);
    cedar_output_free(&json);
    cedar_schema_unref(again);
    cedar_schema_unref(s);
}

static void
fuzz_entities(const struct cedar_schema *s, struct cedar_str text)
{
    struct cedar_error e = {.code = CEDAR_OK};
    struct cedar_entities *store;
    if (!cedar_entities_json_schema(text, s, &store, &e)) {
        CHECK(store == NULL && e.code != CEDAR_OK && e.text[0]);
        return;
    }
    for (size_t i = 0; i < store->n; i++) {
        const struct entity *one = &store->at[i];
        const struct schema_entity *type = schema_find_entity(s, one->uid.type);
        CHECK(type != NULL || schema_find_action(s, &one->uid) != NULL);
        if (type != NULL && one->known)
            CHECK(conform_value(type->attributes, one->attributes, NULL));
    }
    cedar_entities_unref(store);
}

static void
fuzz_context(const struct cedar_schema *s, struct cedar_str text)
{
    struct cedar_scratch *scratch = cedar_scratch_new((size_t)1 << 26);
    struct cedar_request q = {{{"U", 1}, {"a", 1}}, {{"Action", 6}, {"v", 1}}, {{"G", 1}, {"g", 1}}, NULL};
    struct cedar_error e = {.code = CEDAR_OK};
    q.context = cedar_context_json_schema(scratch, text, s, &q.action, &e);
    /* A context is read by names and shapes; types of entities and the choices of enumerated ones are the request's check. */
    if (q.context == NULL || !cedar_request_check(s, &q, &e))
        CHECK(e.code != CEDAR_OK && e.text[0]);
    cedar_scratch_free(scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cedar_schema *schema;
    struct cedar_error e = {.code = CEDAR_OK};
    if (size == 0)
        return 0;
    if (schema == NULL)
        CHECK(cedar_schema_parse((struct cedar_str){fixed, sizeof fixed - 1}, "fixed", &schema, &e));
    struct cedar_str text = {(const char *)data + 1, size - 1};
    if ((data[0] & 3) < 2)
        fuzz_schema(text, data[0] & 1);
    else if ((data[0] & 3) == 2)
        fuzz_entities(schema, text);
    else
        fuzz_context(schema, text);
    return 0;
}
