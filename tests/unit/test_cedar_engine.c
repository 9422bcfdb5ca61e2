/* The compiled engine: the answers of the reference, whatever the index and the order; swapping; entities of one request. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cedar_random.h"

static struct cedar_policies *
parse(const char *text, size_t n)
{
    struct cedar_policies *p;
    struct cedar_error e;
    if (!cedar_policies_parse((struct cedar_str){text, n}, "test", false, &p, &e))
        fail_msg("line %u: %s in %.*s", e.line, e.text, (int)(n < 2000 ? n : 2000), text);
    return p;
}

static struct cedar_policies *
random_policies(struct randoms *r, size_t n)
{
    struct cedar_policies *sets[64], *all;
    struct cedar_error e;
    size_t n_sets = (n + 199) / 200;
    assert_true(n_sets <= 64);
    for (size_t i = 0; i < n_sets; i++) {
        struct buf b = buf_make(1 << 20);
        for (size_t k = 0; k < 200 && i * 200 + k < n; k++) {
            buf_printf(&b, "@id(\"p%zu\") ", i * 200 + k);
            put_policy(&b, r);
        }
        assert_true(cedar_policies_parse((struct cedar_str){(char *)b.at, b.n}, "test", true, &sets[i], &e));
        buf_free(&b);
    }
    assert_true(cedar_policies_join(sets, n_sets, &all, &e));
    for (size_t i = 0; i < n_sets; i++)
        cedar_policies_unref(sets[i]);
    return all;
}

static struct cedar_entities *
random_entities(struct randoms *r, struct cedar_scratch *s, unsigned without)
{
    struct cedar_entities_builder *b = cedar_entities_new();
    struct cedar_entities *e;
    struct cedar_error error;
    for (unsigned i = 0; i < 16; i++)
        if (i != 3 && i != without)
            assert_true(world_entity(b, s, r, i));
    assert_true(cedar_entities_finish(b, &e, &error));
    return e;
}

static struct cedar_engine *
compile(struct cedar_policies *p, const struct cedar_entities *e)
{
    struct cedar_store *store;
    struct cedar_engine *engine;
    struct cedar_error error;
    assert_true(cedar_store_compile(e, &store, &error));
    if (!cedar_engine_compile(p, store, &engine, &error))
        fail_msg("%s", error.text);
    cedar_store_unref(store);
    return engine;
}

static void
check(const struct cedar_answer *expected, const struct cedar_answer *got, const char *how)
{
    if (same_answers(expected, got))
        return;
    fail_msg("%s: %zu permits, %zu forbids, %zu errors (%s), not %zu, %zu, %zu (%s)", how, got->n_permits, got->n_forbids, got->n_errors,
             got->n_errors ? got->errors[0].text : "", expected->n_permits, expected->n_forbids, expected->n_errors,
             expected->n_errors ? expected->errors[0].text : "");
}

/* One request in every form, against the reference. */
static void
compare(const struct cedar_engine *engine, const struct cedar_policies *p, const struct cedar_entities *e, const struct cedar_request *q,
        struct cedar_scratch *s)
{
    struct cedar_answer expected, got;
    struct cedar_decide_options no_index = {.no_index = true};
    assert_true(cedar_evaluate(p, e, q, s, &expected));
    assert_true(cedar_decide(engine, q, NULL, s, &got));
    check(&expected, &got, "with the index");
    assert_true(cedar_decide(engine, q, &no_index, s, &got));
    check(&expected, &got, "without the index");
    struct cedar_ready ready = {cedar_engine_uid(engine, q->principal, s), cedar_engine_uid(engine, q->action, s),
                                cedar_engine_uid(engine, q->resource, s), cedar_engine_value(engine, q->context, s)};
    assert_true(cedar_decide_ready(engine, &ready, NULL, s, &got));
    check(&expected, &got, "looked up before");
}

static void
test_same_as_reference(void **state)
{
    (void)state;
    struct cedar_scratch *s = cedar_scratch_new(1 << 26), *world = cedar_scratch_new(1 << 26);
    struct randoms r = {.state = 0x5eed1};
    for (int round = 0; round < 400; round++) {
        cedar_scratch_reset(world);
        struct cedar_policies *p = random_policies(&r, 1 + pick(&r, 60));
        struct cedar_entities *e = random_entities(&r, world, 99);
        struct cedar_engine *engine = compile(p, e);
        for (int i = 0; i < 20; i++) {
            cedar_scratch_reset(s);
            struct cedar_request q = world_request(s, &r);
            compare(engine, p, e, &q, s);
        }
        cedar_engine_unref(engine);
        cedar_entities_unref(e);
        cedar_policies_unref(p);
    }
    cedar_scratch_free(world);
    cedar_scratch_free(s);
}

static void
test_ten_thousand(void **state)
{
    (void)state;
    struct cedar_scratch *s = cedar_scratch_new(1 << 26), *world = cedar_scratch_new(1 << 26);
    struct randoms r = {.state = 0x5eed2};
    struct cedar_policies *p = random_policies(&r, 10000);
    struct cedar_entities *e = random_entities(&r, world, 99);
    struct cedar_engine *engine = compile(p, e);
    for (int i = 0; i < 60; i++) {
        cedar_scratch_reset(s);
        struct cedar_request q = world_request(s, &r);
        compare(engine, p, e, &q, s);
    }
    cedar_engine_unref(engine);
    cedar_entities_unref(e);
    cedar_policies_unref(p);
    cedar_scratch_free(world);
    cedar_scratch_free(s);
}

/* The ids of the answer, one list after the other, with the errors' texts. */
static void
answer_by_id(const struct cedar_policies *p, const struct cedar_answer *a, char (*lines)[400], size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < a->n_permits; i++)
        snprintf(lines[(*n)++], 400, "permit %.*s", (int)cedar_policy_id(p, a->permits[i]).n, cedar_policy_id(p, a->permits[i]).at);
    for (size_t i = 0; i < a->n_forbids; i++)
        snprintf(lines[(*n)++], 400, "forbid %.*s", (int)cedar_policy_id(p, a->forbids[i]).n, cedar_policy_id(p, a->forbids[i]).at);
    for (size_t i = 0; i < a->n_errors; i++) {
        struct cedar_str id = cedar_policy_id(p, a->errors[i].policy);
        snprintf(lines[(*n)++], 400, "error %.*s %.300s", (int)id.n, id.at, a->errors[i].text);
    }
}

static int
by_line(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void
test_order(void **state)
{
    (void)state;
    static char first[300][400], second[300][400];
    struct cedar_scratch *s = cedar_scratch_new(1 << 26), *world = cedar_scratch_new(1 << 26);
    struct randoms r = {.state = 0x5eed3};
    struct cedar_policies *parts[5], *turned[5], *p, *q;
    struct cedar_error error;
    for (int i = 0; i < 5; i++) {
        struct buf b = buf_make(1 << 20);
        for (int k = 0; k < 50; k++) {
            buf_printf(&b, "@id(\"p%d\") ", i * 50 + k);
            put_policy(&b, &r);
        }
        assert_true(cedar_policies_parse((struct cedar_str){(char *)b.at, b.n}, "test", true, &parts[i], &error));
        turned[4 - i] = parts[i];
        buf_free(&b);
    }
    assert_true(cedar_policies_join(parts, 5, &p, &error));
    assert_true(cedar_policies_join(turned, 5, &q, &error));
    struct cedar_entities *e = random_entities(&r, world, 99);
    struct cedar_engine *one = compile(p, e), *other = compile(q, e);
    for (int i = 0; i < 100; i++) {
        struct cedar_answer a, b;
        size_t n, m;
        cedar_scratch_reset(s);
        struct cedar_request request = world_request(s, &r);
        assert_true(cedar_decide(one, &request, NULL, s, &a));
        assert_true(cedar_decide(other, &request, NULL, s, &b));
        answer_by_id(p, &a, first, &n);
        answer_by_id(q, &b, second, &m);
        assert_int_equal(n, m);
        qsort(first, n, sizeof *first, by_line);
        qsort(second, m, sizeof *second, by_line);
        for (size_t k = 0; k < n; k++)
            assert_string_equal(first[k], second[k]);
    }
    cedar_engine_unref(one);
    cedar_engine_unref(other);
    for (int i = 0; i < 5; i++)
        cedar_policies_unref(parts[i]);
    cedar_policies_unref(p);
    cedar_policies_unref(q);
    cedar_entities_unref(e);
    cedar_scratch_free(world);
    cedar_scratch_free(s);
}

/* What a request brings along counts as if the store had it. */
static void
test_extra(void **state)
{
    (void)state;
    struct cedar_scratch *s = cedar_scratch_new(1 << 26), *world = cedar_scratch_new(1 << 26);
    struct randoms r = {.state = 0x5eed4};
    struct cedar_error error;
    for (int round = 0; round < 300; round++) {
        cedar_scratch_reset(world);
        struct cedar_policies *p = random_policies(&r, 40);
        struct cedar_entities_builder *all = cedar_entities_new(), *rest = cedar_entities_new(), *mine = cedar_entities_new();
        struct cedar_entities *whole, *store, *extra;
        for (unsigned i = 0; i < WORLD_UIDS; i++) {
            struct randoms again = r;
            bool brought = i < 3 || i == 7 || i == 8 || i == 16; /* nobody's parents */
            assert_true(world_entity(all, world, &r, i));
            assert_true(world_entity(brought ? mine : rest, world, &again, i));
        }
        assert_true(cedar_entities_finish(all, &whole, &error) && cedar_entities_finish(rest, &store, &error) &&
                    cedar_entities_finish(mine, &extra, &error));
        struct cedar_engine *engine = compile(p, store);
        for (int i = 0; i < 10; i++) {
            struct cedar_answer expected, got;
            cedar_scratch_reset(s);
            struct cedar_request q = world_request(s, &r);
            for (int k = 0; k < 2; k++) {
                struct cedar_decide_options o = {.extra = extra, .no_index = k == 1};
                assert_true(cedar_evaluate(p, whole, &q, s, &expected));
                assert_true(cedar_decide(engine, &q, &o, s, &got));
                check(&expected, &got, "with entities of the request");
            }
        }
        struct cedar_decide_options twice = {.extra = store};
        struct cedar_request q = world_request(s, &r);
        struct cedar_answer a;
        assert_false(cedar_decide(engine, &q, &twice, s, &a)); /* the store has these */
        cedar_engine_unref(engine);
        cedar_entities_unref(whole);
        cedar_entities_unref(store);
        cedar_entities_unref(extra);
        cedar_policies_unref(p);
    }
    cedar_scratch_free(world);
    cedar_scratch_free(s);
}

/* Nothing brought along is like none; an entity that the store names only as a parent may not come with a request. */
static void
test_extra_refused(void **state)
{
    (void)state;
    static const char text[] = "permit(principal in G::\"g\", action, resource);";
    struct cedar_scratch *s = cedar_scratch_new(1 << 20);
    struct cedar_policies *p = parse(text, sizeof text - 1);
    struct cedar_uid ann = {{"U", 1}, {"ann", 3}}, g = {{"G", 1}, {"g", 1}}, other = {{"G", 1}, {"h", 1}};
    struct cedar_error error;
    struct cedar_answer a;
    struct cedar_request q = {ann, {{"A", 1}, {"a", 1}}, {{"D", 1}, {"d", 1}}, NULL};
    struct cedar_entities_builder *b = cedar_entities_new();
    struct cedar_entities *store, *none, *parent, *fresh;
    assert_true(cedar_entities_add(b, ann, NULL, &g, 1, NULL) && cedar_entities_finish(b, &store, &error));
    b = cedar_entities_new();
    assert_true(cedar_entities_finish(b, &none, &error));
    b = cedar_entities_new();
    assert_true(cedar_entities_add(b, g, NULL, NULL, 0, NULL) && cedar_entities_finish(b, &parent, &error));
    b = cedar_entities_new();
    assert_true(cedar_entities_add(b, other, NULL, &g, 1, NULL) && cedar_entities_finish(b, &fresh, &error));
    struct cedar_engine *engine = compile(p, store);
    assert_true(cedar_decide(engine, &q, &(struct cedar_decide_options){.extra = none}, s, &a) && a.n_permits == 1);
    assert_false(cedar_decide(engine, &q, &(struct cedar_decide_options){.extra = parent}, s, &a));
    q.principal = other;
    assert_true(cedar_decide(engine, &q, &(struct cedar_decide_options){.extra = fresh}, s, &a) && a.n_permits == 1);
    cedar_engine_unref(engine);
    cedar_entities_unref(store);
    cedar_entities_unref(none);
    cedar_entities_unref(parent);
    cedar_entities_unref(fresh);
    cedar_policies_unref(p);
    cedar_scratch_free(s);
}

/* Law 3: a forbid that errs counts as satisfied; a permit that errs never does. */
static void
test_fail_closed(void **state)
{
    (void)state;
    static const char text[] = "permit(principal, action, resource);\n"
                               "forbid(principal, action, resource) when { context.missing };\n"
                               "permit(principal, action, resource) when { context.missing };\n"
                               "forbid(principal, action, resource) when { true };\n";
    struct cedar_policies *p = parse(text, sizeof text - 1);
    struct cedar_engine *engine = compile(p, NULL);
    struct cedar_scratch *s = cedar_scratch_new(1 << 20);
    struct cedar_request q = {world_uid(0), world_uid(12), world_uid(7), NULL};
    struct cedar_answer a;
    assert_true(cedar_decide(engine, &q, &(struct cedar_decide_options){.fail_closed = true}, s, &a));
    assert_int_equal(a.n_permits, 1);
    assert_int_equal(a.n_forbids, 2);
    assert_int_equal(a.forbids[0], 1);
    assert_int_equal(a.forbids[1], 3);
    assert_int_equal(a.n_errors, 2);
    assert_true(cedar_decide(engine, &q, NULL, s, &a));
    assert_int_equal(a.n_forbids, 1);
    cedar_scratch_free(s);
    cedar_engine_unref(engine);
    cedar_policies_unref(p);
}

static void
test_json(void **state)
{
    (void)state;
    static const char text[] = "permit(principal == User::\"ann\", action, resource) when { context.n == 7 && context.who == principal };";
    struct cedar_policies *p = parse(text, sizeof text - 1);
    struct cedar_engine *engine = compile(p, NULL);
    struct cedar_scratch *s = cedar_scratch_new(1 << 20);
    struct cedar_answer a;
    struct cedar_error e;
    const char *good =
        "{\"principal\": {\"type\":\"User\",\"id\":\"ann\"}, \"action\": {\"__entity\":{\"type\":\"Action\",\"id\":\"x\"}},"
        "\"resource\": {\"type\":\"Doc\",\"id\":\"d\"}, \"context\": {\"n\": 7, \"who\": {\"__entity\":{\"type\":\"User\",\"id\":\"ann\"}}}}";
    assert_true(cedar_decide_json(engine, world_str(good), NULL, s, &a, &e));
    assert_true(cedar_decision(&a));
    const char *bad[] = {"",
                         "[]",
                         "{}",
                         "{\"principal\":1}",
                         "{\"principal\": {\"type\":\"User\",\"id\":\"ann\"}}",
                         "{\"principal\": {\"type\":\"User\",\"id\":\"ann\"}, \"principal\": {\"type\":\"User\",\"id\":\"bob\"}}",
                         "{\"subject\": {\"type\":\"User\",\"id\":\"ann\"}}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(cedar_decide_json(engine, world_str(bad[i]), NULL, s, &a, &e));
        assert_true(e.text[0] != 0);
    }
    cedar_scratch_free(s);
    cedar_engine_unref(engine);
    cedar_policies_unref(p);
}

/* Readers under a writer: every answer is that of one of the engines, and the last one wins. */
struct race {
    struct cedar_live *live;
    int stop;
};

static void *
read_on(void *ctx)
{
    struct race *race = ctx;
    struct cedar_reader *reader = cedar_reader_new(race->live);
    struct cedar_scratch *s = cedar_scratch_new(1 << 20);
    struct cedar_request q = {world_uid(0), world_uid(12), world_uid(7), NULL};
    size_t wrong = 0;
    while (!__atomic_load_n(&race->stop, __ATOMIC_ACQUIRE)) {
        struct cedar_answer a;
        cedar_scratch_reset(s);
        if (!cedar_decide(cedar_reader_engine(reader), &q, NULL, s, &a) || a.n_permits + a.n_forbids != 1)
            wrong++;
    }
    cedar_scratch_free(s);
    cedar_reader_free(reader);
    return (void *)(uintptr_t)wrong;
}

static void
test_live(void **state)
{
    (void)state;
    static const char yes[] = "permit(principal, action, resource);", no[] = "forbid(principal, action, resource);";
    struct cedar_policies *policies[] = {parse(yes, sizeof yes - 1), parse(no, sizeof no - 1)};
    struct cedar_engine *first = compile(policies[0], NULL);
    struct race race = {cedar_live_new(first), 0};
    pthread_t threads[4];
    cedar_engine_unref(first);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &race), 0);
    for (int i = 0; i < 400; i++) {
        struct cedar_engine *next = compile(policies[i & 1], NULL);
        cedar_live_replace(race.live, next);
        cedar_engine_unref(next);
    }
    __atomic_store_n(&race.stop, 1, __ATOMIC_RELEASE);
    for (int i = 0; i < 4; i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
    struct cedar_reader *reader = cedar_reader_new(race.live);
    assert_ptr_equal(cedar_engine_policies(cedar_reader_engine(reader)), policies[1]);
    cedar_reader_free(reader);
    cedar_live_free(race.live);
    cedar_policies_unref(policies[0]);
    cedar_policies_unref(policies[1]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_as_reference), cmocka_unit_test(test_ten_thousand), cmocka_unit_test(test_order), cmocka_unit_test(test_extra),
        cmocka_unit_test(test_extra_refused),     cmocka_unit_test(test_fail_closed),  cmocka_unit_test(test_json),  cmocka_unit_test(test_live),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
