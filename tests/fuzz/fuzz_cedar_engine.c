/*
 * The compiled engine against the reference: policies, entities and requests made from the bytes (their grammar is that of the unit tests), or, when the
 * first byte is odd, the bytes as a request in JSON. Stops on any difference.
 */
#include <stdlib.h>

#include "../unit/cedar_random.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool ok)
{
    if (!ok)
        abort();
}

static struct cedar_policies *
make_policies(struct randoms *r)
{
    struct cedar_policies *p = NULL;
    struct cedar_error e;
    struct buf b = buf_make(1 << 20);
    for (unsigned i = 0, n = 1 + pick(r, 24); i < n; i++)
        put_policy(&b, r);
    must(cedar_policies_parse((struct cedar_str){(char *)b.at, b.n}, "fuzz", false, &p, &e));
    buf_free(&b);
    return p;
}

static struct cedar_entities *
make_entities(struct randoms *r, struct cedar_scratch *s)
{
    struct cedar_entities_builder *b = cedar_entities_new();
    struct cedar_entities *e;
    struct cedar_error error;
    for (unsigned i = 0; i < 16; i++)
        if (pick(r, 5))
            must(world_entity(b, s, r, i));
    must(cedar_entities_finish(b, &e, &error));
    return e;
}

static struct cedar_engine *
compile(struct cedar_policies *p, const struct cedar_entities *e)
{
    struct cedar_store *store;
    struct cedar_engine *engine;
    struct cedar_error error;
    must(cedar_store_compile(e, &store, &error));
    must(cedar_engine_compile(p, store, &engine, &error));
    cedar_store_unref(store);
    return engine;
}

static void
compare(const struct cedar_engine *engine, const struct cedar_policies *p, const struct cedar_entities *e, struct randoms *r, struct cedar_scratch *s)
{
    struct cedar_answer expected, got;
    struct cedar_request q = world_request(s, r);
    must(cedar_evaluate(p, e, &q, s, &expected));
    must(cedar_decide(engine, &q, NULL, s, &got) && same_answers(&expected, &got));
    must(cedar_decide(engine, &q, &(struct cedar_decide_options){.no_index = true}, s, &got) && same_answers(&expected, &got));
    struct cedar_ready ready = {cedar_engine_uid(engine, q.principal, s), cedar_engine_uid(engine, q.action, s),
                                cedar_engine_uid(engine, q.resource, s), cedar_engine_value(engine, q.context, s)};
    must(cedar_decide_ready(engine, &ready, NULL, s, &got) && same_answers(&expected, &got));
}

static void
fuzz_worlds(struct randoms *r)
{
    struct cedar_scratch *s = cedar_scratch_new(1 << 24);
    struct cedar_policies *p = make_policies(r);
    struct cedar_entities *e = make_entities(r, s);
    struct cedar_engine *engine = compile(p, e);
    for (int i = 0; i < 4; i++) {
        cedar_scratch_reset(s);
        compare(engine, p, e, r, s);
    }
    cedar_engine_unref(engine);
    cedar_entities_unref(e);
    cedar_policies_unref(p);
    cedar_scratch_free(s);
}

static void
fuzz_json(const uint8_t *data, size_t size)
{
    static const char text[] = "permit(principal, action, resource) when { context has a && context.a == principal };"
                               "forbid(principal, action, resource) when { context.b.contains(resource) || context.c > 1 };";
    static struct cedar_engine *engine;
    static struct cedar_policies *p;
    struct cedar_scratch *s = cedar_scratch_new(1 << 24);
    struct cedar_answer a;
    struct cedar_error e;
    if (engine == NULL) {
        must(cedar_policies_parse(world_str(text), "fuzz", false, &p, &e));
        engine = compile(p, NULL);
    }
    if (!cedar_decide_json(engine, (struct cedar_str){(const char *)data, size}, NULL, s, &a, &e))
        must(e.text[0] != 0);
    cedar_scratch_free(s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] & 1)
        fuzz_json(data + 1, size - 1);
    else
        fuzz_worlds(&(struct randoms){.at = data + 1, .n = size - 1});
    return 0;
}
