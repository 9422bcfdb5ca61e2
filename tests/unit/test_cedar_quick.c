/* What the compiled engine does to be quick: the reader of plain requests in JSON, no heap, many actions with one bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "cedar/request_quick.h"

#include <stdio.h>

/* --------------------------------------------------------------------------------------------------------------- the heap */

static size_t heap_calls, heap_left = SIZE_MAX; /* calls until one fails, and every one after it */
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *at, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *at, size_t n);

static bool
heap_gives(void)
{
    heap_calls++;
    if (heap_left != SIZE_MAX && heap_left > 0)
        heap_left--;
    return heap_left > 0;
}

void *
__wrap_malloc(size_t n)
{
    return heap_gives() ? __real_malloc(n) : NULL;
}

void *
__wrap_calloc(size_t n, size_t size)
{
    return heap_gives() ? __real_calloc(n, size) : NULL;
}

void *
__wrap_realloc(void *at, size_t n)
{
    return heap_gives() ? __real_realloc(at, n) : NULL;
}

static struct cedar_str
str(const char *text)
{
    return (struct cedar_str){text, strlen(text)};
}

static struct cedar_engine *
engine_of(const char *text, struct cedar_policies **p)
{
    struct cedar_engine *engine;
    struct cedar_error e;
    if (!cedar_policies_parse(str(text), "test", false, p, &e) || !cedar_engine_compile(*p, NULL, &engine, &e))
        fail_msg("%s", e.text);
    return engine;
}

/* A context of ${n} members and a set of ${n} elements, about 25 bytes each. */
static void
put_request(struct buf *b, unsigned n)
{
    buf_puts(b, "{\"principal\":{\"type\":\"User\",\"id\":\"ann\"},\"action\":{\"type\":\"Action\",\"id\":\"x\"},\"resource\":{\"type\":\"Doc\","
                "\"id\":\"d\"},"
                "\"context\":{\"list\":[0");
    for (unsigned i = 0; i < n; i++)
        buf_printf(b, ",\"element %u \\u0041\"", (i * 7919) % n);
    buf_puts(b, "]");
    for (unsigned i = 0; i < n; i++)
        buf_printf(b, ",\"member %u\":%u", (i * 7919) % n, i);
    buf_puts(b, "}}");
}

static void
test_no_heap(void **state)
{
    (void)state;
    struct cedar_policies *p;
    struct buf policy = buf_make(1 << 20), request = buf_make(1 << 20);
    struct cedar_scratch *s = cedar_scratch_new((size_t)8 << 20);
    struct cedar_answer a;
    struct cedar_error e;
    buf_puts(&policy, "permit(principal, action, resource) when { context.list.contains(0) && [context[\"member 0\"]");
    for (int i = 0; i < 600; i++)
        buf_printf(&policy, ", context[\"member %d\"] + %d", i, i % 3);
    buf_puts(&policy, "].contains(599) };");
    struct cedar_engine *engine = engine_of(buf_text(&policy), &p);
    put_request(&request, 1000);
    for (int round = 0; round < 4; round++) {
        size_t before = heap_calls;
        cedar_scratch_reset(s);
        if (round == 3)
            before = heap_calls;
        assert_true(cedar_decide_json(engine, (struct cedar_str){(char *)request.at, request.n}, NULL, s, &a, &e));
        assert_true(cedar_decision(&a));
        assert_true(round > 0 || heap_calls > before); /* it does count */
        assert_true(round < 2 || heap_calls == before);
    }
    cedar_scratch_free(s);
    cedar_engine_unref(engine);
    cedar_policies_unref(p);
    buf_free(&policy);
    buf_free(&request);
}

/* ------------------------------------------------------------------------------------------------------------------ readers */

#define PLAIN                                                                                                                                        \
    "{\"principal\":{\"type\":\"User\",\"id\":\"ann\"},\"action\":{\"type\":\"Action\",\"id\":\"x\"},\"resource\":{\"type\":\"A::B\",\"id\":\"\"}"

static const char *const plain[] = {
    PLAIN "}",
    PLAIN ",\"context\":{}}",
    " { \"context\" : { \"b\" : [ 1 , -2, true ,\"x\" ], \"a\":\t{\"c\":false}, \"__d\": 0 }\r\n, \"principal\":{\"id\":\"ann\" ,\"type\":\"User\"},"
    "\"action\":{\"__entity\":{\"type\":\"Action\",\"id\":\"x\"}},\"resource\":{\"type\":\"D\",\"id\":\"d\"} } ",
    PLAIN
    ",\"context\":{\"ip\":{\"__extn\":{\"fn\":\"ip\",\"arg\":\"10.0.0.1/8\"}},\"d\":{\"__extn\":{\"fn\":\"decimal\",\"arg\":\"1.5\"}},"
    "\"e\":{\"__entity\":{\"type\":\"Group\",\"id\":\"eng\"}},\"long\":\"0123456789abcdef0123456789abcdef\",\"utf\":\"h\303\251llo w\303\266rld, "
    "\342\202\254\",\"n\":999999999999999999,\"m\":0,\"set\":[3,1,2,1]}}",
};

/* Not plain, or wrong: the quick reader must leave it alone or agree. */
static const char *const odd[] = {
    "",
    "{",
    "[]",
    "{}",
    PLAIN,
    PLAIN "}x",
    PLAIN "}}",
    PLAIN ",}",
    PLAIN ",\"context\":{},\"context\":{}}",
    PLAIN ",\"context\":{\"a\":1,\"a\":2}}",
    PLAIN ",\"context\":{\"a\":1,\"b\":{\"x\":1,\"y\":2,\"x\":1}}}",
    PLAIN ",\"context\":{\"a\":1,}}",
    PLAIN ",\"context\":{\"a\":[1,]}}",
    PLAIN ",\"context\":{\"a\":01}}",
    PLAIN ",\"context\":{\"a\":-0}}",
    PLAIN ",\"context\":{\"a\":-}}",
    PLAIN ",\"context\":{\"a\":1.5}}",
    PLAIN ",\"context\":{\"a\":1e3}}",
    PLAIN ",\"context\":{\"a\":9223372036854775807}}",
    PLAIN ",\"context\":{\"a\":9223372036854775808}}",
    PLAIN ",\"context\":{\"a\":null}}",
    PLAIN ",\"context\":{\"a\":tru}}",
    PLAIN ",\"context\":{\"a\":truex}}",
    PLAIN ",\"context\":{\"a\":\"\\u0041\\n\"}}",
    PLAIN ",\"context\":{\"a\":\"\x01\"}}",
    PLAIN ",\"context\":{\"a\":\"\xff\"}}",
    PLAIN ",\"context\":{\"a\":\"0123456789abcdef\xed\xa0\x80\"}}",
    PLAIN ",\"context\":{\"a\":\"open}}",
    PLAIN ",\"context\":{\"__entity\":{\"type\":\"U\",\"id\":\"a\"}}}",
    PLAIN ",\"context\":{\"__extn\":{\"fn\":\"ip\",\"arg\":\"::1\"}}}",
    PLAIN ",\"context\":{\"a\":{\"__extn\":{\"fn\":\"ip\",\"arg\":\"nonsense\"}}}}",
    PLAIN ",\"context\":{\"a\":{\"__extn\":{\"fn\":\"isInRange\",\"arg\":\"1.1.1.1\"}}}}",
    PLAIN ",\"context\":{\"a\":{\"__extn\":{\"fn\":\"isIpv4\",\"arg\":\"1.1.1.1\"}}}}",
    PLAIN ",\"context\":{\"a\":{\"__extn\":{\"fn\":\"unknown\",\"arg\":\"x\"}}}}",
    PLAIN ",\"context\":{\"a\":{\"__extn\":{\"fn\":\"ip\",\"arg\":\"::1\"},\"b\":1}}}",
    PLAIN ",\"context\":{\"a\":{\"__extn\":{\"arg\":\"::1\",\"fn\":\"ip\"}}}}",
    PLAIN ",\"context\":{\"a\":{\"__entity\":{\"type\":\"in\",\"id\":\"a\"}}}}",
    PLAIN ",\"context\":{\"a\":{\"__entity\":{\"type\":\"A:B\",\"id\":\"a\"}}}}",
    PLAIN ",\"context\":{\"a\":{\"__entity\":{\"type\":\"A::\",\"id\":\"a\"}}}}",
    PLAIN ",\"context\":{\"a\":{\"__entity\":{\"type\":\"__cedar::A\",\"id\":\"a\"}}}}",
    PLAIN ",\"context\":{\"a\":{\"__expr\":\"x\"}}}",
    PLAIN ",\"context\":[1]}",
    PLAIN ",\"context\":1}",
    PLAIN ",\"other\":1}",
    "{\"principal\":{\"__entity\"\"type\":\"User\",\"id\":\"ann\"},\"action\":{\"type\":\"Action\",\"id\":\"x\"},"
    "\"resource\":{\"type\":\"D\",\"id\":\"d\"}}",
    "{\"principal\"\"action\":{\"type\":\"Action\",\"id\":\"x\"},\"principal\":{\"type\":\"D\",\"id\":\"d\"},"
    "\"resource\":{\"type\":\"D\",\"id\":\"d\"}}",
    "{\"principal\":{\"type\":\"User\",\"id\":\"ann\",\"x\":1},\"action\":{\"type\":\"Action\",\"id\":\"x\"},\"resource\":{\"type\":\"D\",\"id\":"
    "\"d\"}}",
    "{\"principal\":{\"type\":\"User\"},\"action\":{\"type\":\"Action\",\"id\":\"x\"},\"resource\":{\"type\":\"D\",\"id\":\"d\"}}",
    "{\"principal\":{\"type\":\"User\",\"type\":\"ann\"},\"action\":{\"type\":\"Action\",\"id\":\"x\"},\"resource\":{\"type\":\"D\",\"id\":\"d\"}}",
};

static bool
agree(const char *text, bool must)
{
    struct arena a = {.max = (size_t)1 << 24};
    struct request_parts quick, full;
    struct cedar_error e;
    bool read = request_quick(&a, str(text), &quick);
    if (must && !read)
        fail_msg("not plain: %s", text);
    if (read && !request_whole(&a, str(text), &full, &e))
        fail_msg("%s, but the quick reader takes %s", e.text, text);
    for (int i = 0; read && i < 3; i++)
        assert_true(uid_eq(&quick.uid[i], &full.uid[i]));
    assert_true(!read || (quick.context == NULL) == (full.context == NULL));
    assert_true(!read || !full.context || (value_eq(quick.context, full.context) && quick.context->depth == full.context->depth));
    arena_free(&a);
    return read;
}

static void
test_readers_agree(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        assert_true(agree(plain[i], true));
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        assert_false(agree(odd[i], false));
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) /* each beginning, each byte left out, and each as another one */
        for (size_t n = strlen(plain[i]); n-- > 0;) {
            char text[1024];
            static const char others[] = "\"\\{}[]:, 0-x\x01\x80";
            snprintf(text, sizeof text, "%.*s%s", (int)n, plain[i], plain[i] + n + 1);
            agree(text, false);
            snprintf(text, sizeof text, "%s", plain[i]);
            for (size_t k = 0; k < sizeof others; k++) {
                text[n] = others[k];
                agree(text, false);
            }
        }
}

/* More members than the quick reader keeps open, and a zero byte where the text should end: not plain. */
static void
test_not_plain(void **state)
{
    (void)state;
    struct buf b = buf_make(1 << 20);
    struct arena a = {.max = (size_t)1 << 24};
    struct request_parts out;
    for (unsigned n = 100; n <= 200; n += 100) {
        b.n = 0;
        buf_puts(&b, PLAIN ",\"context\":{\"m0\":0");
        for (unsigned i = 1; i < n; i++)
            buf_printf(&b, ",\"m%u\":%u", i, i);
        buf_puts(&b, "}}");
        assert_int_equal(agree(buf_text(&b), false), n == 100);
        b.n = 0;
        buf_puts(&b, PLAIN ",\"context\":{\"list\":[0");
        for (unsigned i = 1; i < n; i++)
            buf_printf(&b, ",%u", i);
        buf_puts(&b, "]}}");
        assert_int_equal(agree(buf_text(&b), false), n == 100);
    }
    assert_true(request_quick(&a, (struct cedar_str){PLAIN "}", sizeof PLAIN}, &out));
    assert_false(request_quick(&a, (struct cedar_str){PLAIN "}\0", sizeof PLAIN + 1}, &out));
    arena_free(&a);
    buf_free(&b);
}

/* ------------------------------------------------------------------------------------------------------------------- trials */

/* What is tried before the code runs, over a, b and c. */
static const char *const tried[] = {
    "context.a || context.b",
    "context.a || !context.b || context.c",
    "!(context.a && context.b)",
    "!(context.a || context.b)",
    "!!(context.a || context.b) && context.c",
    "context.a == 1 || context.b",
    "context.a != 1 && (context.b || context.c)",
    "(context.a < 2 || context.b) && context.c",
    "(context.a || context.b) && (context.b || context.c)",
    "(context.a || context.b || context.c) && (context.a || context.b || context.c || context.a == 1)",
    "context has a && (context has b || context.a)",
    "context.a like \"x*\" || [1, \"xy\"].contains(context.b)",
    "context.a.isInRange(ip(\"10.0.0.0/8\"))",
    "context.a.isInRange(context.b)",
    "context.a.isInRange()",
    "context.a.lessThan(decimal(\"1.5\"), context.b)",
    "context.a like \"*y\" && context.b",
    "context.a like \"x\" || context.a like \"xz*\"",
    "context.a == true",
    "context.a < \"x\"",
    "context.a < 2",
    "context.a < datetime(\"2024-01-01\")",
    "[context.a, 1].contains(context.b)",
    "context.a.contains(context.b)",
    "principal in context.a",
    "!context.a.isInRange(ip(\"10.0.0.0/8\")) || context.b",
    "context.a.lessThan(decimal(\"1.5\")) || context.b.lessThan(context.c)",
    "context.a.lessThanOrEqual(decimal(\"1.5\"))",
    "context.a.greaterThan(decimal(\"1.5\")) && context.b",
    "context.a.greaterThanOrEqual(decimal(\"1.5\"))",
    "context.a <= 1 && context.b > 1",
    "context.a >= 1 || context.b < datetime(\"2024-01-01\")",
};

static struct cedar_value *
tried_value(struct cedar_scratch *s, unsigned which)
{
    switch (which) {
    case 0:
        return cedar_bool(s, true);
    case 1:
        return cedar_bool(s, false);
    case 2:
        return cedar_long(s, 1);
    case 3:
        return cedar_long(s, 2);
    case 4:
        return cedar_string(s, str("xy"));
    case 5:
        return cedar_ip(s, str("10.1.2.3"));
    case 6:
        return cedar_ip(s, str("11.0.0.0/7"));
    case 7:
        return cedar_decimal(s, str("1.5"));
    case 8:
        return cedar_decimal(s, str("1.6"));
    case 9:
        return cedar_datetime(s, INT64_C(1672531200000));
    default:
        return NULL;
    }
}
#define TRIED_VALUES 11u /* the last: none */

static struct cedar_request
tried_request(struct cedar_scratch *s, unsigned values)
{
    struct cedar_request q = {{str("U"), str("u")}, {str("Action"), str("x")}, {str("D"), str("d")}, NULL};
    struct cedar_value *context, *value;
    cedar_scratch_reset(s);
    q.context = context = cedar_record(s);
    for (unsigned k = 0; k < 3; k++, values /= TRIED_VALUES)
        if ((value = tried_value(s, values % TRIED_VALUES)) != NULL)
            assert_true(cedar_record_put(s, context, (struct cedar_str){&"abc"[k], 1}, value));
    return q;
}

static void
same_outcome(const struct cedar_answer *got, const struct cedar_answer *expected, const char *condition, unsigned values)
{
    bool same = got->n_permits == expected->n_permits && got->n_forbids == expected->n_forbids && got->n_errors == expected->n_errors;
    for (size_t i = 0; same && i < got->n_errors; i++)
        same = strcmp(got->errors[i].text, expected->errors[i].text) == 0;
    if (!same)
        fail_msg("%s of values %u: %zu permits, %zu errors (%s), not %zu, %zu (%s)", condition, values, got->n_permits, got->n_errors,
                 got->n_errors ? got->errors[0].text : "", expected->n_permits, expected->n_errors,
                 expected->n_errors ? expected->errors[0].text : "");
}

/* Each for any three values, of the right kind or not, or none. */
static void
test_trials(void **state)
{
    (void)state;
    struct cedar_scratch *s = cedar_scratch_new((size_t)8 << 20);
    for (size_t i = 0; i < sizeof tried / sizeof *tried; i++) {
        struct cedar_policies *p;
        char text[1024];
        snprintf(text, sizeof text,
                 "permit(principal, action, resource) when { %s };\nforbid(principal == U::\"u\", action, resource) unless { %s };", tried[i],
                 tried[i]);
        struct cedar_engine *engine = engine_of(text, &p);
        for (unsigned v = 0; v < TRIED_VALUES * TRIED_VALUES * TRIED_VALUES; v++) {
            struct cedar_request q = tried_request(s, v);
            struct cedar_answer got, expected;
            assert_true(cedar_decide(engine, &q, NULL, s, &got) && cedar_evaluate(p, NULL, &q, s, &expected));
            same_outcome(&got, &expected, tried[i], v);
        }
        cedar_engine_unref(engine);
        cedar_policies_unref(p);
    }
    cedar_scratch_free(s);
}

/* All of them in one set, where they are sieved. */
static void
test_sieved(void **state)
{
    (void)state;
    struct cedar_scratch *s = cedar_scratch_new((size_t)8 << 20);
    struct cedar_policies *p;
    struct buf text = buf_make(1 << 20);
    for (size_t i = 0; i < 3 * sizeof tried / sizeof *tried; i++)
        buf_printf(&text, "%s(principal, action, resource) %s { %s };\n", i % 2 ? "permit" : "forbid", i % 3 ? "when" : "unless",
                   tried[i % (sizeof tried / sizeof *tried)]);
    struct cedar_engine *engine = engine_of(buf_text(&text), &p);
    for (unsigned v = 0; v < TRIED_VALUES * TRIED_VALUES * TRIED_VALUES; v++) {
        struct cedar_request q = tried_request(s, v);
        struct cedar_answer got, expected;
        assert_true(cedar_decide(engine, &q, NULL, s, &got) && cedar_evaluate(p, NULL, &q, s, &expected));
        same_outcome(&got, &expected, "all", v);
    }
    cedar_engine_unref(engine);
    cedar_policies_unref(p);
    cedar_scratch_free(s);
    buf_free(&text);
}

/* ------------------------------------------------------------------------------------------------------------------- scopes */

static void
put_entity(struct cedar_entities_builder *b, const char *type, unsigned number, const char *above, unsigned parent)
{
    char id[16], parent_id[16];
    snprintf(id, sizeof id, "%u", number);
    snprintf(parent_id, sizeof parent_id, "%u", parent);
    struct cedar_uid uid = {str(type), str(id)}, up = {above ? str(above) : str(""), str(parent_id)};
    assert_true(cedar_entities_add(b, uid, NULL, &up, above ? 1 : 0, NULL));
}

static struct cedar_entities *
some_entities(void)
{
    struct cedar_entities_builder *b = cedar_entities_new();
    struct cedar_entities *entities;
    struct cedar_error e;
    for (unsigned i = 0; i < 4; i++)
        put_entity(b, "Group", i, NULL, 0);
    for (unsigned i = 0; i < 8; i++)
        put_entity(b, "Folder", i, NULL, 0);
    for (unsigned i = 0; i < 12; i++)
        put_entity(b, "User", i, "Group", i % 3);
    for (unsigned i = 0; i < 64; i++)
        put_entity(b, "Doc", i, "Folder", i % 7);
    assert_true(cedar_entities_finish(b, &entities, &e));
    return entities;
}

static void
put_policies(struct buf *text)
{
    static const char *const who[] = {"== User", "in User", "== User", "in Group", "== Group", "in Group"};
    static const char *const what[] = {"== Doc", "in Doc", "== Doc", "in Folder", "== Folder", "in Folder", "in Folder"};
    for (unsigned i = 0; i < 400; i++)
        buf_printf(text, "permit(principal %s::\"%u\", action, resource %s::\"%u\");\n", who[i % 6], i % 6 < 3 ? i % 13 : i % 5, what[i % 7],
                   i % 7 < 3 ? i % 67
                   : i % 2   ? 1
                             : i % 9);
    for (unsigned i = 0; i < 60; i++)
        buf_printf(text, "permit(principal %s Group::\"%u\", action, resource);\npermit(principal, action, resource %s Folder::\"%u\");\n",
                   i % 2 ? "==" : "in", i % 5, i % 3 ? "==" : "in", i % 9);
}

/* Policies of two entities stand under the one that fewer requests meet; with few and with many of them at one, and of ones that are not known. */
static void
test_two_entities(void **state)
{
    (void)state;
    struct cedar_scratch *s = cedar_scratch_new((size_t)8 << 20);
    struct cedar_entities *entities = some_entities();
    struct cedar_policies *p;
    struct cedar_store *store;
    struct cedar_engine *engine;
    struct cedar_error e;
    struct buf text = buf_make(1 << 20);
    put_policies(&text);
    assert_true(cedar_policies_parse(str(buf_text(&text)), "test", false, &p, &e) && cedar_store_compile(entities, &store, &e) &&
                cedar_engine_compile(p, store, &engine, &e));
    for (unsigned i = 0; i < 14 * 66; i++) {
        char user[16], doc[16];
        struct cedar_answer got, expected;
        snprintf(user, sizeof user, "%u", i % 14);
        snprintf(doc, sizeof doc, "%u", i / 14);
        struct cedar_request q = {{str("User"), str(user)}, {str("Action"), str("x")}, {str("Doc"), str(doc)}, NULL};
        cedar_scratch_reset(s);
        assert_true(cedar_decide(engine, &q, NULL, s, &got) && cedar_evaluate(p, entities, &q, s, &expected));
        assert_int_equal(got.n_permits, expected.n_permits);
        assert_true(got.n_permits == 0 || memcmp(got.permits, expected.permits, got.n_permits * sizeof *got.permits) == 0);
    }
    cedar_engine_unref(engine);
    cedar_store_unref(store);
    cedar_policies_unref(p);
    cedar_entities_unref(entities);
    cedar_scratch_free(s);
    buf_free(&text);
}

/* Out of memory at any moment, a store and an engine are made or not: then it is said, and nothing is left behind. */
static void
test_no_memory(void **state)
{
    (void)state;
    struct cedar_entities *entities = some_entities();
    struct cedar_policies *p;
    struct cedar_error e;
    struct buf text = buf_make(1 << 20);
    bool made = false;
    put_policies(&text);
    for (size_t i = 0; i < sizeof tried / sizeof *tried; i++)
        buf_printf(&text,
                   "permit(principal is User, action, resource) when { %s };\npermit(principal, action == Action::\"%zu\", resource) when { %s };\n",
                   tried[i], i, tried[i]);
    for (unsigned i = 0; i < 40; i++)
        buf_printf(&text, "permit(principal, action, resource) when { context.a == \"%u\" && context.list.contains(%u) };\n", i % 20, i);
    assert_true(cedar_policies_parse(str(buf_text(&text)), "test", false, &p, &e));
    for (size_t n = 1; !made; n++) {
        struct cedar_store *store = NULL;
        struct cedar_engine *engine = NULL;
        heap_left = n;
        made = cedar_store_compile(entities, &store, &e) && cedar_engine_compile(p, store, &engine, &e);
        heap_left = SIZE_MAX;
        assert_true(made || (engine == NULL && e.code == CEDAR_MEMORY));
        if (store)
            cedar_store_unref(store);
        if (engine)
            cedar_engine_unref(engine);
        assert_true(made || n < 100000);
    }
    cedar_policies_unref(p);
    cedar_entities_unref(entities);
    buf_free(&text);
}

/* ------------------------------------------------------------------------------------------------------------------ actions */

/* More actions than a mask has bits: those that share one are told apart. */
static void
test_many_actions(void **state)
{
    (void)state;
    struct cedar_policies *p;
    struct buf text = buf_make(1 << 20);
    struct cedar_scratch *s = cedar_scratch_new((size_t)8 << 20);
    for (unsigned i = 0; i < 300; i++)
        buf_printf(&text, "permit(principal == User::\"u%u\", action in [Action::\"a%u\", Action::\"a%u\"], resource);\n", i % 30, i, (i * 7) % 300);
    struct cedar_engine *engine = engine_of(buf_text(&text), &p);
    for (unsigned i = 0; i < 30 * 300; i++) {
        char user[16], action[16];
        struct cedar_answer got, expected;
        snprintf(user, sizeof user, "u%u", i % 30);
        snprintf(action, sizeof action, "a%u", i / 30);
        struct cedar_request q = {{str("User"), str(user)}, {str("Action"), str(action)}, {str("Doc"), str("d")}, NULL};
        cedar_scratch_reset(s);
        assert_true(cedar_decide(engine, &q, NULL, s, &got) && cedar_evaluate(p, NULL, &q, s, &expected));
        assert_int_equal(got.n_permits, expected.n_permits);
        assert_true(got.n_permits == 0 || memcmp(got.permits, expected.permits, got.n_permits * sizeof *got.permits) == 0);
    }
    cedar_scratch_free(s);
    cedar_engine_unref(engine);
    cedar_policies_unref(p);
    buf_free(&text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_heap), cmocka_unit_test(test_readers_agree), cmocka_unit_test(test_many_actions),
        cmocka_unit_test(test_trials),  cmocka_unit_test(test_two_entities),  cmocka_unit_test(test_not_plain),
        cmocka_unit_test(test_sieved),  cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
