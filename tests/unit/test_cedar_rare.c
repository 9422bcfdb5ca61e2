/*
 * What seldom happens when Cedar decides: memory that ends at any point, numbers that fall together, values of the wrong kind, entities
 * that nobody knows. The reference says what is right.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cedar/value.h"
#include "cedar_random.h"

static struct cedar_policies *
parse(const struct buf *b)
{
    struct cedar_policies *p;
    struct cedar_error e;
    if (!cedar_policies_parse((struct cedar_str){(const char *)b->at, b->n}, "test", false, &p, &e))
        fail_msg("line %u: %s", e.line, e.text);
    return p;
}

static struct cedar_policies *
parse_text(const char *text)
{
    struct buf b = buf_make(1 << 20);
    buf_puts(&b, text);
    struct cedar_policies *p = parse(&b);
    buf_free(&b);
    return p;
}

static struct cedar_entities *
entities(const char *json)
{
    struct cedar_entities *e;
    struct cedar_error error;
    if (!cedar_entities_json(world_str(json), &e, &error))
        fail_msg("%s", error.text);
    return e;
}

static struct cedar_engine *
compile(struct cedar_policies *p, const struct cedar_entities *e)
{
    struct cedar_store *store;
    struct cedar_engine *engine;
    struct cedar_error error;
    assert_true(cedar_store_compile(e, &store, &error));
    assert_true(cedar_engine_compile(p, store, &engine, &error));
    cedar_store_unref(store);
    return engine;
}

/* A case: policies, what the store knows, what comes with the request, and all of it for the reference. */
struct rare {
    struct cedar_policies *policies;
    struct cedar_entities *stored, *extra, *all;
    struct cedar_engine *engine;
    struct cedar_scratch *s, *spare;
};

static struct rare
rare(struct cedar_policies *p, const char *all, const char *stored, const char *extra)
{
    struct rare r = {.policies = p, .all = entities(all), .s = cedar_scratch_new(1 << 24), .spare = cedar_scratch_new(1 << 24)};
    r.stored = stored ? entities(stored) : NULL;
    r.extra = extra ? entities(extra) : NULL;
    r.engine = compile(p, r.stored ? r.stored : r.all);
    return r;
}

static void
rare_end(struct rare *r)
{
    cedar_engine_unref(r->engine);
    cedar_entities_unref(r->all);
    cedar_entities_unref(r->stored);
    cedar_entities_unref(r->extra);
    cedar_policies_unref(r->policies);
    cedar_scratch_free(r->s);
    cedar_scratch_free(r->spare);
}

static struct cedar_uid
uid(const char *type, const char *id)
{
    return (struct cedar_uid){world_str(type), world_str(id)};
}

static struct cedar_request
request(struct rare *r, const char *principal, const char *action, const char *resource, const char *context)
{
    struct cedar_error e;
    struct cedar_request q = {uid("U", principal), uid("Action", action), uid("R", resource), cedar_value_json(r->s, world_str(context), &e)};
    assert_non_null(q.context);
    return q;
}

/* With the index and without: what the reference says. Returns how many policies apply. */
static size_t
same(struct rare *r, const struct cedar_request *q)
{
    struct cedar_answer expected, got;
    assert_true(cedar_evaluate(r->policies, r->all, q, r->s, &expected));
    for (int off = 0; off < 2; off++) {
        struct cedar_decide_options o = {.extra = r->extra, .no_index = off};
        assert_true(cedar_decide(r->engine, q, &o, r->s, &got));
        assert_true(same_answers(&expected, &got));
    }
    return expected.n_permits + expected.n_forbids;
}

/* ---------------------------------------------------------------------------------------------------------------------- memory */

enum form { TREE, INDEX, NO_INDEX, CLOSED, READY, JSON, FORMS };

static const char context_json[] =
    "{\"n\": 3, \"s\": \"zz\", \"key\": \"k\", \"set\": [1, 2, [\"x\", \"y\"]], \"rec\": {\"a\": {\"b\": [1]}, \"c\": \"d\"}, "
    "\"who\": {\"__entity\": {\"type\": \"U\", \"id\": \"b\"}}}";
static const char request_json[] = "{\"principal\": {\"type\": \"U\", \"id\": \"a\"}, \"action\": {\"type\": \"Action\", \"id\": \"x\"}, "
                                   "\"resource\": {\"type\": \"R\", \"id\": \"r\"}, \"context\": ";

static bool
decide(struct rare *r, enum form form, const struct cedar_request *q, struct cedar_scratch *s, struct cedar_answer *a)
{
    struct cedar_decide_options o = {.extra = r->extra, .no_index = form == NO_INDEX, .fail_closed = form == CLOSED};
    struct cedar_error e;
    char text[1024];
    switch (form) {
    case TREE:
        return cedar_evaluate(r->policies, r->all, q, s, a);
    case READY: {
        struct cedar_ready ready = {cedar_engine_uid(r->engine, q->principal, s), cedar_engine_uid(r->engine, q->action, s),
                                    cedar_engine_uid(r->engine, q->resource, s), cedar_engine_value(r->engine, q->context, s)};
        return ready.principal && ready.action && ready.resource && ready.context && cedar_decide_ready(r->engine, &ready, &o, s, a);
    }
    case JSON:
        snprintf(text, sizeof text, "%s%s}", request_json, context_json);
        return cedar_decide_json(r->engine, world_str(text), &o, s, a, &e);
    default:
        return cedar_decide(r->engine, q, &o, s, a);
    }
}

/* Permits, forbids and errors of every kind of work, more of each than a list has room for at first. */
static void
put_busy_policies(struct buf *b)
{
    static const char *const conditions[] = {
        "[context.n, 2, 1].contains(3) && {a: context.n, b: [context.s]} == {a: 3, b: [\"zz\"]}",
        "[\"p\", \"q\", \"r\"].contains(context.s) || context.set.containsAny([context.n, [\"y\", \"x\"]])",
        "principal.getTag(context.key) == \"v\" && decimal(\"1.5\").lessThan(decimal(\"2.5\"))",
        "ip(\"10.0.0.1\").isInRange(ip(\"10.0.0.0/8\")) && datetime(\"2024-01-01\").offset(duration(\"1h\")).toTime() == duration(\"1h\")",
        "context.missing == 1",
        "principal.missing",
        "context.n + 9223372036854775807 > 0",
        "context.s < 4",
        "ip(context.s).isIpv4()",
        "context.who.boss == principal",
        "resource in [R::\"top\", context.who]",
        "context.rec.a.b.containsAll([1])",
    };
    for (int i = 0; i < 12; i++)
        for (size_t k = 0; k < sizeof conditions / sizeof *conditions; k++)
            buf_printf(b, "%s(principal, action in [Action::\"x\", Action::\"all\"], resource) when { %s };\n", i % 2 ? "forbid" : "permit",
                       conditions[k]);
}

/* The decision in a scratch of ${max} bytes of which ${taken} are gone: none, or the right one. Does it fit? */
static bool
fits(struct rare *r, enum form form, const struct cedar_request *q, const struct cedar_answer *expected, size_t max, size_t taken)
{
    static char filler[1 << 16];
    struct cedar_answer a;
    memset(filler, 'x', sizeof filler);
    struct cedar_scratch *s = cedar_scratch_new(max);
    (void)cedar_string(s, (struct cedar_str){filler, taken});
    bool ok = decide(r, form, q, s, &a);
    if (ok)
        assert_true(same_answers(expected, &a));
    else
        assert_true(form == READY || a.n_permits + a.n_forbids + a.n_errors == 0 || form == TREE);
    /* What ran out of memory once leaves nothing behind: another request, of someone else, in the same scratch. */
    struct cedar_request other = *q;
    struct cedar_answer of_other;
    other.principal = uid("V", "v");
    cedar_scratch_reset(r->spare);
    assert_true(decide(r, TREE, &other, r->spare, &of_other));
    cedar_scratch_reset(s);
    if (decide(r, form == JSON || form == TREE || form == CLOSED ? INDEX : form, &other, s, &a))
        assert_true(same_answers(&of_other, &a));
    cedar_scratch_free(s);
    return ok;
}

static void
test_memory_ends_anywhere(void **state)
{
    (void)state;
    static const char all[] =
        "[{\"uid\":{\"type\":\"U\",\"id\":\"a\"},\"attrs\":{},\"parents\":[],\"tags\":{\"k\":\"v\"}},"
        "{\"uid\":{\"type\":\"U\",\"id\":\"b\"},\"attrs\":{\"boss\":{\"__entity\":{\"type\":\"U\",\"id\":\"a\"}}},\"parents\":[]},"
        "{\"uid\":{\"type\":\"R\",\"id\":\"r\"},\"attrs\":{},\"parents\":[{\"type\":\"R\",\"id\":\"top\"}]},"
        "{\"uid\":{\"type\":\"Action\",\"id\":\"x\"},\"attrs\":{},\"parents\":[{\"type\":\"Action\",\"id\":\"all\"},"
        "{\"type\":\"Action\",\"id\":\"1\"},{\"type\":\"Action\",\"id\":\"2\"},{\"type\":\"Action\",\"id\":\"3\"},"
        "{\"type\":\"Action\",\"id\":\"4\"},{\"type\":\"Action\",\"id\":\"5\"},{\"type\":\"Action\",\"id\":\"6\"},"
        "{\"type\":\"Action\",\"id\":\"7\"}]}]";
    static const char *const stored = "[{\"uid\":{\"type\":\"Action\",\"id\":\"x\"},\"attrs\":{},\"parents\":[{\"type\":\"Action\",\"id\":\"all\"},"
                                      "{\"type\":\"Action\",\"id\":\"1\"},{\"type\":\"Action\",\"id\":\"2\"},{\"type\":\"Action\",\"id\":\"3\"},"
                                      "{\"type\":\"Action\",\"id\":\"4\"},{\"type\":\"Action\",\"id\":\"5\"},{\"type\":\"Action\",\"id\":\"6\"},"
                                      "{\"type\":\"Action\",\"id\":\"7\"}]}]";
    struct buf b = buf_make(1 << 20), rest = buf_make(1 << 20);
    put_busy_policies(&b);
    buf_puts(&rest, all);
    rest.n = (size_t)(strstr(all, ",{\"uid\":{\"type\":\"Action\"") - all); /* without the action */
    buf_puts(&rest, "]");
    struct rare r = rare(parse(&b), all, stored, buf_text(&rest));
    struct cedar_request q = request(&r, "a", "x", "r", context_json);
    for (int form = 0; form < FORMS; form++) {
        static const size_t maxes[] = {2000, 4096, 5000, 12000, 13000, 30000, 62000};
        struct cedar_answer expected;
        size_t fit = 0, not = 0;
        assert_true(decide(&r, form == CLOSED || form == TREE ? (enum form)form : INDEX, &q, r.s, &expected));
        assert_true(expected.n_permits > 8 && expected.n_forbids > 8 && expected.n_errors > 8);
        for (size_t i = 0; i < sizeof maxes / sizeof *maxes; i++)
            for (size_t taken = 0; taken < 8192; taken += 16) {
                bool ok = fits(&r, (enum form)form, &q, &expected, maxes[i], taken);
                fit += ok;
                not += !ok;
            }
        assert_true(fit > 100 && not> 100);
    }
    buf_free(&b);
    buf_free(&rest);
    rare_end(&r);
}

/* Memory ends among the first policies; those behind would need none. */
static void
test_memory_ends_early(void **state)
{
    (void)state;
    struct buf b = buf_make(1 << 20);
    for (int i = 0; i < 200; i++)
        if (i % 60 == 0)
            buf_puts(&b, "permit(principal, action, resource);\n");
        else
            buf_printf(&b, "permit(principal == U::\"a\", action, resource) when { %s, %d].contains(\"no\") || principal == V::\"v\" };\n",
                       i < 25 ? "[context.n, context.s" : "[3", i);
    struct rare r = rare(parse(&b), "[]", NULL, NULL);
    struct cedar_request q = request(&r, "a", "x", "r", context_json);
    struct cedar_answer expected;
    size_t fit = 0, not = 0;
    assert_true(decide(&r, TREE, &q, r.s, &expected));
    assert_int_equal(expected.n_permits, 4);
    for (size_t taken = 0; taken < 4096; taken += 16) {
        bool ok = fits(&r, INDEX, &q, &expected, 4096, taken);
        fit += ok;
        not += !ok;
    }
    assert_true(fit > 10 && not> 100);
    buf_free(&b);
    rare_end(&r);
}

/* Memory ends among policies under many groups, a few under each, for one of very many actions. */
static void
test_memory_ends_among_few(void **state)
{
    (void)state;
    struct buf b = buf_make(1 << 20), e = buf_make(1 << 20);
    buf_puts(&e, "[{\"uid\":{\"type\":\"U\",\"id\":\"a\"},\"attrs\":{},\"parents\":[");
    for (int i = 0; i < 200; i++)
        buf_printf(&b, "permit(principal == U::\"u%d\", action == Action::\"x%d\", resource);\n", i, i);
    for (int group = 0; group < 70; group++) {
        buf_printf(&e, "%s{\"type\":\"U\",\"id\":\"g%d\"}", group ? "," : "", group);
        for (int i = 0; i < 10; i++)
            buf_printf(&b, "permit(principal in U::\"g%d\", action == Action::\"x%d\", resource) when { [%s, %d].contains(%d) };\n", group,
                       i % 5 == 4 ? 7 : 150, group < 14 && i < 8 ? "context.n, context.s, 8" : "3", group * 10 + i,
                       group < 14 && i % 4 == 0 ? 3 : 100000);
    }
    buf_puts(&e, "]}]");
    struct rare r = rare(parse(&b), buf_text(&e), NULL, NULL);
    struct cedar_request q = request(&r, "a", "x150", "r", context_json);
    struct cedar_answer expected;
    size_t fit = 0, not = 0;
    assert_true(decide(&r, TREE, &q, r.s, &expected));
    assert_true(expected.n_permits > 20);
    for (size_t taken = 0; taken < 8192; taken += 16) {
        bool ok = fits(&r, INDEX, &q, &expected, taken < 4096 ? 12300 : 4096, taken % 4096);
        fit += ok;
        not += !ok;
    }
    assert_true(fit > 10 && not> 100);
    buf_free(&b);
    buf_free(&e);
    rare_end(&r);
}

static void
test_copies_end_anywhere(void **state)
{
    (void)state;
    struct cedar_scratch *s = cedar_scratch_new(1 << 20);
    struct cedar_error e;
    struct cedar_value *v = cedar_value_json(s, world_str(context_json), &e);
    size_t fit = 0, not = 0;
    for (size_t taken = 0; taken < 4096; taken += 16) {
        struct arena a = {.max = 4096};
        assert_non_null(arena_get(&a, taken + 1));
        struct cedar_value *copy = value_copy(&a, v);
        if (copy)
            assert_true(value_eq(copy, v));
        fit += copy != NULL;
        not += copy == NULL;
        arena_free(&a);
    }
    assert_true(fit > 10 && not> 10);
    cedar_scratch_free(s);
}

/* ---------------------------------------------------------------------------------------------------------------------- values */

/* Values that cannot be made are NULL, whatever part of them is wrong; nothing is changed then. */
static void
test_values_that_cannot_be(void **state)
{
    (void)state;
    struct cedar_scratch *s = cedar_scratch_new(1 << 20);
    const struct cedar_str bad = {"\xff", 1}, good = {"x", 1};
    struct cedar_value *one = cedar_long(s, 1), *deep = one, *record = cedar_record(s), *with_null[] = {one, NULL};
    assert_null(cedar_string(s, bad));
    assert_null(cedar_entity(s, (struct cedar_uid){bad, good}));
    assert_null(cedar_entity(s, (struct cedar_uid){good, bad}));
    assert_null(cedar_set(s, with_null, 2));
    for (unsigned i = 1; i < CEDAR_MAX_DEPTH; i++)
        assert_non_null(deep = cedar_set(s, &deep, 1));
    assert_null(cedar_set(s, &deep, 1));
    assert_false(cedar_record_put(s, record, bad, one));
    assert_false(cedar_record_put(s, NULL, good, one));
    assert_false(cedar_record_put(s, one, good, one));
    assert_false(cedar_record_put(s, record, good, NULL));
    assert_false(cedar_record_put(s, record, good, record));
    assert_false(cedar_record_put(s, record, good, deep));
    assert_int_equal(record->record.n, 0);
    assert_true(cedar_record_put(s, record, good, one));
    assert_false(cedar_record_put(s, record, good, one));
    assert_int_equal(record->record.n, 1);
    cedar_scratch_free(s);
}

/* ----------------------------------------------------------------------------------------------------------------------- index */

/* More entities and actions than there are bits in the index's masks, so that their numbers fall together there. */
static void
test_numbers_that_fall_together(void **state)
{
    (void)state;
    enum { N = 260 };
    struct buf b = buf_make(1 << 20), e = buf_make(1 << 20);
    for (int i = 0; i < N; i++) {
        buf_printf(&b, "permit(principal == U::\"a\", action, resource in R::\"g%d\");\n", i);
        buf_printf(&b, "permit(principal in U::\"top\", action, resource == R::\"g%d\");\n", i);
        buf_printf(&b, "permit(principal == U::\"u%d\", action == Action::\"x%d\", resource);\n", i, (i * 7) % N);
        buf_printf(&b, "permit(principal == U::\"u%d\", action in Action::\"x%d\", resource);\n", i / 20, i);
    }
    for (int i = 0; i < 50; i++) /* more than a few under one entity, for five actions */
        buf_printf(&b, "permit(principal == U::\"many\", action == Action::\"x%d\", resource) when { context has a%d };\n", i % 5 * 61, i);
    buf_puts(&e, "[{\"uid\":{\"type\":\"U\",\"id\":\"a\"},\"attrs\":{},\"parents\":[{\"type\":\"U\",\"id\":\"top\"}]},"
                 "{\"uid\":{\"type\":\"R\",\"id\":\"r\"},\"attrs\":{},\"parents\":[");
    for (int i = 0; i < N; i += 3)
        buf_printf(&e, "%s{\"type\":\"R\",\"id\":\"g%d\"}", i ? "," : "", i);
    buf_puts(&e, "]}]");
    struct rare r = rare(parse(&b), buf_text(&e), NULL, NULL);
    size_t apply = 0;
    for (int i = 0; i < N; i++) {
        char who[16], what[16], on[16];
        snprintf(who, sizeof who, "u%d", i % 40);
        snprintf(what, sizeof what, "x%d", i);
        snprintf(on, sizeof on, "g%d", i);
        const char *const requests[][3] = {{"a", what, "r"}, {"a", "none", on}, {who, what, on}, {who, what, "r"}, {"many", what, "r"}};
        for (size_t k = 0; k < 5; k++) {
            cedar_scratch_reset(r.s);
            struct cedar_request q = request(&r, requests[k][0], requests[k][1], requests[k][2], "{\"a3\": 1, \"a40\": 2}");
            apply += same(&r, &q);
        }
    }
    assert_true(apply > N * 80); /* of U::"a" on R::"r" every third */
    buf_free(&b);
    buf_free(&e);
    rare_end(&r);
}

/* Tests of attributes that an index looks at, on entities that are only named, that nobody knows, and on what has no attributes. */
static void
test_attributes_of_the_unknown(void **state)
{
    (void)state;
    static const char all[] =
        "[{\"uid\":{\"type\":\"U\",\"id\":\"a\"},\"attrs\":{\"a3\":1,\"a5\":true},\"parents\":[{\"type\":\"U\",\"id\":\"named\"}]}]";
    struct buf b = buf_make(1 << 20);
    for (int i = 0; i < 40; i++) {
        buf_printf(&b, "permit(principal, action, resource) when { principal has a%d };\n", i);
        buf_printf(&b, "permit(principal, action, resource) when { context.x has a%d };\n", i);
        buf_printf(&b, "permit(principal, action, resource) when { context.y == %d };\n", i);
        buf_printf(&b, "permit(principal, action, resource) when { context.y in U::\"g%d\" };\n", i);
        buf_printf(&b, "permit(principal, action, resource) when { context.y.contains(%d) };\n", i);
        buf_printf(&b, "permit(principal, action, resource) when { context.y like \"%d*\" };\n", i);
        buf_printf(&b, "permit(principal, action, resource) when { context.y < %d };\n", i);
        buf_printf(&b, "permit(principal, action, resource) when { context.y && principal has a%d };\n", i);
    }
    struct rare r = rare(parse(&b), all, NULL, NULL);
    static const char *const who[] = {"a", "named", "nobody"};
    static const char *const values[] = {"1",
                                         "true",
                                         "\"7x\"",
                                         "[3,4,\"a\"]",
                                         "{\"a7\":1,\"zz\":2}",
                                         "{\"__entity\":{\"type\":\"U\",\"id\":\"a\"}}",
                                         "{\"__entity\":{\"type\":\"U\",\"id\":\"named\"}}",
                                         "{\"__entity\":{\"type\":\"U\",\"id\":\"nobody\"}}",
                                         "{\"__extn\":{\"fn\":\"duration\",\"arg\":\"1h\"}}"};
    size_t apply = 0;
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < sizeof values / sizeof *values; k++) {
            char context[400];
            snprintf(context, sizeof context, "{\"x\":%s,\"y\":%s}", values[k], values[k]);
            cedar_scratch_reset(r.s);
            struct cedar_request q = request(&r, who[i], "x", "r", context);
            apply += same(&r, &q);
        }
    assert_true(apply > 30);
    buf_free(&b);
    rare_end(&r);
}

/* What the request brings is of a type that no policy and no other entity names. */
static void
test_extra_of_an_unknown_type(void **state)
{
    (void)state;
    static const char extra[] = "[{\"uid\":{\"type\":\"U\",\"id\":\"a\"},\"attrs\":{\"n\":1},\"parents\":[{\"type\":\"Z\",\"id\":\"z\"}]},"
                                "{\"uid\":{\"type\":\"Z\",\"id\":\"z\"},\"attrs\":{\"n\":2},\"parents\":[]}]";
    struct rare r = rare(parse_text("permit(principal is R, action, resource) when { principal.n == 2 };"
                                    "permit(principal, action, resource) when { principal.n == 2 || principal in context.who };"
                                    "permit(principal, action, resource) when { principal in [context.who, R::\"q\"] };"
                                    "forbid(principal, action, resource is R) when { principal.n > 1 };"),
                         extra, "[]", extra);
    struct cedar_request q = request(&r, "a", "x", "r", "{\"who\":{\"__entity\":{\"type\":\"Z\",\"id\":\"z\"}}}");
    assert_int_equal(same(&r, &q), 2);
    q.principal = uid("Z", "z");
    assert_int_equal(same(&r, &q), 3);
    q.principal = uid("Y", "y"); /* nobody at all */
    assert_int_equal(same(&r, &q), 0);
    rare_end(&r);
}

/* Sets and tags by values that the engine has never seen. */
static void
test_values_never_seen(void **state)
{
    (void)state;
    static const char all[] =
        "[{\"uid\":{\"type\":\"U\",\"id\":\"a\"},\"attrs\":{\"s\":[\"p\",\"q\",\"r\",\"t\"]},\"parents\":[{\"type\":\"R\",\"id\":\"named\"}],"
        "\"tags\":{\"k\":\"v\",\"l\":\"w\"}}]";
    struct rare r = rare(parse_text("permit(principal, action, resource) when { [\"p\", \"q\", \"r\"].contains(context.s) };"
                                    "permit(principal, action, resource) when { principal.s.contains(context.s) };"
                                    "permit(principal, action, resource) when { context.many.contains(context.s) };"
                                    "permit(principal, action, resource) when { context.few.contains(context.s) };"
                                    "permit(principal, action, resource) when { principal.s.containsAny([context.s, context.t]) };"
                                    "permit(principal, action, resource) when { principal.s.containsAll([context.s]) };"
                                    "permit(principal, action, resource) when { principal.hasTag(context.t) };"
                                    "permit(principal, action, resource) when { resource.getTag(context.t) == \"v\" };"
                                    "permit(principal, action, resource) when { R::\"named\".getTag(context.t) == \"v\" };"
                                    "permit(principal, action, resource) when { context.s like \"n**r\" };"
                                    "permit(principal, action, resource) when { context.s like \"n*ve*r\" };"
                                    "permit(principal, action, resource) when { context.s like \"n*x*r\" };"
                                    "permit(principal, action, resource) when { principal.getTag(context.t) == \"v\" };"),
                         all, NULL, NULL);
    static const char *const values[] = {"\"p\"", "\"never\"", "\"k\"", "\"kk\"", "[]"};
    for (size_t i = 0; i < 5; i++)
        for (size_t k = 0; k < 5; k++) {
            char context[200];
            snprintf(context, sizeof context, "{\"s\":%s,\"t\":%s,\"few\":[%s,7],\"many\":[1,2,3,4,\"p\",\"k\",5,6]}", values[i], values[k],
                     values[k]);
            cedar_scratch_reset(r.s);
            struct cedar_request q = request(&r, "a", "x", "r", context);
            (void)same(&r, &q);
        }
    rare_end(&r);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_ends_anywhere),      cmocka_unit_test(test_memory_ends_early),
        cmocka_unit_test(test_memory_ends_among_few),     cmocka_unit_test(test_copies_end_anywhere),
        cmocka_unit_test(test_values_that_cannot_be),     cmocka_unit_test(test_numbers_that_fall_together),
        cmocka_unit_test(test_attributes_of_the_unknown), cmocka_unit_test(test_extra_of_an_unknown_type),
        cmocka_unit_test(test_values_never_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
