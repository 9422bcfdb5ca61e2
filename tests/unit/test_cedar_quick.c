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

static size_t heap_calls;
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *at, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *at, size_t n);

void *
__wrap_malloc(size_t n)
{
    heap_calls++;
    return __real_malloc(n);
}

void *
__wrap_calloc(size_t n, size_t size)
{
    heap_calls++;
    return __real_calloc(n, size);
}

void *
__wrap_realloc(void *at, size_t n)
{
    heap_calls++;
    return __real_realloc(at, n);
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
        cmocka_unit_test(test_no_heap),
        cmocka_unit_test(test_readers_agree),
        cmocka_unit_test(test_many_actions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
