/*
 * Well-formed applications from the generator of tests/conformance: the bytes are its choices. Policies parse, in all their forms they
 * are the same policies, and the compiled engine, with its index and without, says what the reference evaluator says.
 */
#include "../conformance/cedar_generate.h"
#include "../conformance/cedar_policy.h"
#include "base/json.h"
#include "writ/cedar.h"

#include <stdlib.h>

#include "../conformance/cedar_generate.c"
#include "../conformance/cedar_policy.c"
#include "../conformance/cedar_tree.c"
#include "../conformance/cedar_world.c"

#define CHECK(truth)                                                                                                                                 \
    do {                                                                                                                                             \
        if (!(truth))                                                                                                                                \
            abort();                                                                                                                                 \
    } while (0)

static struct cedar_str
fuzz_str(const struct buf *b)
{
    return (struct cedar_str){(const char *)b->at, b->n};
}

static struct cedar_uid
uid_of(const struct json *v)
{
    const struct json *inner = json_get(v, "__entity");
    struct bytes type = json_text(inner ? inner : v, "type"), id = json_text(inner ? inner : v, "id");
    return (struct cedar_uid){{(const char *)type.at, type.n}, {(const char *)id.at, id.n}};
}

static void
check_same(const struct cedar_answer *a, const struct cedar_answer *b)
{
    CHECK(a->n_permits == b->n_permits && a->n_forbids == b->n_forbids && a->n_errors == b->n_errors);
    for (size_t i = 0; i < a->n_permits; i++)
        CHECK(a->permits[i] == b->permits[i]);
    for (size_t i = 0; i < a->n_forbids; i++)
        CHECK(a->forbids[i] == b->forbids[i]);
    for (size_t i = 0; i < a->n_errors; i++)
        CHECK(a->errors[i].policy == b->errors[i].policy && strcmp(a->errors[i].text, b->errors[i].text) == 0);
}

static void
check_engine(struct cedar_policies *p, const struct cedar_entities *entities, const struct cedar_request *q, const struct cedar_answer *reference)
{
    struct cedar_store *store;
    struct cedar_engine *engine;
    struct cedar_error error;
    struct cedar_answer a;
    struct cedar_scratch *s = cedar_scratch_new((size_t)64 << 20);
    CHECK(cedar_store_compile(entities, &store, &error) && cedar_engine_compile(p, store, &engine, &error));
    for (int off = 0; off < 2; off++) {
        struct cedar_decide_options options = {.no_index = off};
        cedar_scratch_reset(s);
        CHECK(cedar_decide(engine, q, &options, s, &a));
        check_same(reference, &a);
    }
    cedar_engine_unref(engine);
    cedar_store_unref(store);
    cedar_scratch_free(s);
}

/* Written as JSON and read again the set says the same. */
static void
check_json(const struct cedar_policies *p, const struct cedar_entities *entities, const struct cedar_request *q, const struct cedar_answer *reference)
{
    struct cedar_policies *again;
    struct cedar_output json;
    struct cedar_error error;
    struct cedar_answer a;
    struct cedar_scratch *s = cedar_scratch_new((size_t)64 << 20);
    CHECK(cedar_policies_to_json(p, &json, &error));
    CHECK(cedar_policies_json((struct cedar_str){json.at, json.n}, "again", &again, &error));
    CHECK(cedar_evaluate(again, entities, q, s, &a));
    CHECK(a.n_permits == reference->n_permits && a.n_forbids == reference->n_forbids && a.n_errors == reference->n_errors);
    cedar_output_free(&json);
    cedar_policies_unref(again);
    cedar_scratch_free(s);
}

static void
check_request(struct cedar_policies *p, const struct cedar_entities *entities, struct bytes request)
{
    struct arena a = {.max = (size_t)64 << 20};
    struct json *v;
    struct cedar_error error;
    struct cedar_answer answer;
    struct cedar_scratch *s = cedar_scratch_new((size_t)64 << 20);
    CHECK(!err_failed(json_parse(&a, request, NULL, &v)));
    struct bytes context = json_get(v, "context")->raw;
    struct cedar_request q = {uid_of(json_get(v, "principal")), uid_of(json_get(v, "action")), uid_of(json_get(v, "resource")),
                              cedar_value_json(s, (struct cedar_str){(const char *)context.at, context.n}, &error)};
    if (q.context) {
        CHECK(cedar_evaluate(p, entities, &q, s, &answer));
        check_engine(p, entities, &q, &answer);
        check_json(p, entities, &q, &answer);
    }
    cedar_scratch_free(s);
    arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {.max = (size_t)64 << 20};
    struct buf policies = buf_make(1 << 20), entities = buf_make(1 << 20), request = buf_make(1 << 20);
    struct choice c = {.at = data ? data : (const uint8_t *)"", .end = data ? data + size : (const uint8_t *)""};
    struct cedar_policies *p = NULL;
    struct cedar_entities *e = NULL;
    struct cedar_error error;
    generate_case(&c, &a, &policies, &entities, &request);
    if (cedar_policies_parse(fuzz_str(&policies), "fuzz", false, &p, &error) && cedar_entities_json(fuzz_str(&entities), &e, &error))
        check_request(p, e, buf_bytes(&request));
    cedar_policies_unref(p);
    cedar_entities_unref(e);
    buf_free(&policies);
    buf_free(&entities);
    buf_free(&request);
    arena_free(&a);
    return 0;
}
