/* base: what everything stands on. Most of all the JSON reader, since what decides must read like what executes (law 8). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/env.h"
#include "base/json.h"

static struct json *
parse(struct arena *a, const char *text)
{
    struct json *v = NULL;
    struct err e = json_parse(a, bytes_str(text), NULL, &v);
    if (err_failed(e))
        fail_msg("%s: %s", text, e.text);
    return v;
}

static void
refuses(const char *text, size_t n, enum err_code code, const char *why)
{
    struct arena a = {0};
    struct json *v = NULL;
    struct err e = json_parse(&a, bytes_make(text, n), NULL, &v);
    if (e.code != code || strstr(e.text, why) == NULL)
        fail_msg("%.*s: code %d, text \"%s\", wanted \"%s\"", (int)n, text, e.code, e.text, why);
    assert_null(v);
    arena_free(&a);
}

static void
test_json_values(void **state)
{
    (void)state;
    struct arena a = {0};
    struct json *v = parse(&a, " {\"a\": [1, -2, 9223372036854775807, -9223372036854775808], \"b\":{\"c\":null},\"d\":true,\"e\":\"x\\u0041\\n\"} ");
    assert_int_equal(v->count, 4);
    struct json *n = json_get(v, "a")->child;
    assert_int_equal(n->number, 1);
    assert_true(n->next->next->number == INT64_MAX);
    assert_true(n->next->next->next->number == INT64_MIN);
    assert_true(json_is(json_get(json_get(v, "b"), "c"), JSON_NULL));
    assert_true(json_get(v, "d")->truth);
    assert_true(bytes_is(json_text(v, "e"), "xA\n"));
    assert_true(bytes_is(json_get(v, "b")->raw, "{\"c\":null}"));
    assert_null(json_get(v, "z"));
    assert_null(json_get(n, "a"));
    arena_free(&a);
}

static void
test_json_numbers_are_never_rounded(void **state)
{
    (void)state;
    struct arena a = {0};
    assert_int_equal(parse(&a, "9223372036854775808")->type, JSON_NUMBER);
    assert_int_equal(parse(&a, "1.0")->type, JSON_NUMBER);
    assert_int_equal(parse(&a, "1e3")->type, JSON_NUMBER);
    assert_int_equal(parse(&a, "-0")->type, JSON_NUMBER);
    assert_true(bytes_is(parse(&a, "0.1000")->text, "0.1000"));
    assert_false(json_equal(parse(&a, "1"), parse(&a, "1.0")));
    assert_true(json_equal(parse(&a, "{\"a\":1,\"b\":[2]}"), parse(&a, "{\"b\":[2],\"a\":1}")));
    assert_false(json_equal(parse(&a, "[1,2]"), parse(&a, "[2,1]")));
    arena_free(&a);
}

static void
test_json_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "ends where a value was expected"},
        {"{\"a\":1,\"a\":2}", "\"a\" stands twice"},
        {"{\"a\":1,\"\\u0061\":2}", "stands twice"},
        {"[1,]", "expected a value"},
        {"{\"a\":1,}", "expected a key"},
        {"{a:1}", "expected a key"},
        {"01", "may not start with 0"},
        {"-", "expected a value"},
        {"1.", "fraction needs digits"},
        {"1e", "exponent needs digits"},
        {"+1", "expected a value"},
        {".5", "expected a value"},
        {"\"\\x\"", "unknown escape"},
        {"\"\\ud800\"", "stands alone"},
        {"\"\\udc00\"", "stands alone"},
        {"\"\\u12g4\"", "four hexadecimal digits"},
        {"\"a\nb\"", "control character"},
        {"\"abc", "ends inside a string"},
        {"\"abc\\", "ends inside"},
        {"nul", "expected a value"},
        {"true false", "behind the value"},
        {"[1 2]", "expected ',' or ']'"},
        {"{\"a\" 1}", "expected ':'"},
        {"{\"a\":1 \"b\":2}", "expected ',' or '}'"},
        {"\xef\xbb\xbf{}", "expected a value"},
        {"'a'", "expected a value"},
        {"NaN", "expected a value"},
        {"[", "ends where a value"},
        {"// c\n1", "expected a value"},
        {"\"\xff\"", "UTF-8"},
        {"\"\xc0\x80\"", "UTF-8"},
        {"\"\xed\xa0\x80\"", "UTF-8"},
        {"\"\xf4\x90\x80\x80\"", "UTF-8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refuses(cases[i].text, strlen(cases[i].text), E_JSON, cases[i].why);
    refuses("1\0", 2, E_JSON, "behind the value");
    refuses("{\"a\":\n  tru}", 11, E_JSON, "line 2, column 3");
}

static void
test_json_many_keys_are_compared(void **state)
{
    (void)state;
    struct buf b = buf_make(1 << 20);
    json_open(&b, '{');
    for (int i = 0; i < 500; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        json_member_int(&b, key, i);
    }
    json_member_int(&b, "k250", 1);
    json_close(&b, '}');
    refuses((const char *)b.at, b.n, E_JSON, "\"k250\" stands twice");
    buf_free(&b);
}

static void
test_json_bounds(void **state)
{
    (void)state;
    char deep[300];
    memset(deep, '[', 65);
    memset(deep + 65, ']', 65);
    refuses(deep, 130, E_LIMIT, "deeper than 64");
    struct arena a = {0};
    struct json *v;
    struct json_limits few = {.bytes = 100, .depth = 8, .nodes = 3};
    assert_int_equal(json_parse(&a, bytes_str("[1,2]"), &few, &v).code, E_OK);
    assert_int_equal(json_parse(&a, bytes_str("[1,2,3]"), &few, &v).code, E_LIMIT);
    few.bytes = 4;
    assert_int_equal(json_parse(&a, bytes_str("[1,2]"), &few, &v).code, E_LIMIT);
    struct arena small = {.max = 4096};
    struct buf b = buf_make(1 << 20);
    buf_putc(&b, '[');
    for (int i = 0; i < 1000; i++)
        buf_puts(&b, "1,");
    buf_puts(&b, "1]");
    assert_int_equal(json_parse(&small, buf_bytes(&b), NULL, &v).code, E_MEMORY);
    buf_free(&b);
    arena_free(&small);
    arena_free(&a);
}

static void
test_json_writing(void **state)
{
    (void)state;
    struct buf b = buf_make(1000);
    json_open(&b, '{');
    json_member_str(&b, "a\"", "x\n\x01\x7f");
    json_member_text(&b, "bad", bytes_make("\xff", 1));
    json_key(&b, "list");
    json_open(&b, '[');
    json_item(&b), json_put_int(&b, -1);
    json_item(&b), json_put_bool(&b, false);
    json_close(&b, ']');
    json_close(&b, '}');
    assert_string_equal(buf_text(&b), "{\"a\\\"\":\"x\\n\\u0001\\u007f\",\"bad\":\"\xef\xbf\xbd\",\"list\":[-1,false]}");
    struct arena a = {0};
    struct json *v;
    assert_false(err_failed(json_parse(&a, buf_bytes(&b), NULL, &v)));
    arena_free(&a);
    buf_free(&b);
}

static void
test_buffers_have_a_ceiling(void **state)
{
    (void)state;
    struct buf b = buf_make(8);
    buf_puts(&b, "12345678");
    assert_false(b.failed);
    buf_putc(&b, '9');
    assert_true(b.failed);
    assert_int_equal(b.n, 8);
    assert_string_equal(buf_text(&b), ""); /* what failed shows nothing */
    buf_free(&b);
    assert_false(b.failed);
}

static void
test_encodings(void **state)
{
    (void)state;
    static const char *const plain[] = {"", "f", "fo", "foo", "foob", "fooba", "foobar"};
    static const char *const coded[] = {"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"}; /* RFC 4648 §10 */
    uint8_t out[64];
    size_t n;
    for (size_t i = 0; i < 7; i++) {
        struct buf b = buf_make(64);
        buf_base64(&b, bytes_str(plain[i]));
        assert_string_equal(buf_text(&b), coded[i]);
        assert_true(bytes_unbase64(bytes_str(coded[i]), out, &n));
        assert_true(bytes_is(bytes_make(out, n), plain[i]));
        buf_free(&b);
    }
    assert_false(bytes_unbase64(bytes_str("Zh=="), out, &n)); /* bits that are not zero: a second form of the same value */
    assert_false(bytes_unbase64(bytes_str("Zg="), out, &n));
    assert_false(bytes_unbase64url(bytes_str("Zg=="), out, &n));
    assert_true(bytes_unhex(bytes_str("00fF"), out, &n) && n == 2 && out[1] == 255);
    assert_false(bytes_unhex(bytes_str("0"), out, &n));
    uint64_t v;
    assert_true(bytes_u64(bytes_str("18446744073709551615"), &v) && v == UINT64_MAX);
    assert_false(bytes_u64(bytes_str("18446744073709551616"), &v));
    assert_false(bytes_u64(bytes_str("01"), &v));
    assert_false(bytes_u64(bytes_str("-1"), &v));
}

static void
test_time_and_ids(void **state)
{
    (void)state;
    char text[ENV_TIME_MAX], id[ENV_ID_MAX], other[ENV_ID_MAX];
    int64_t ms;
    env_time_text(1795466900123, text);
    assert_string_equal(text, "2026-11-23T20:48:20.123Z");
    assert_true(env_time_parse(bytes_str(text), &ms) && ms == 1795466900123);
    assert_true(env_time_parse(bytes_str("1970-01-01T00:00:00Z"), &ms) && ms == 0);
    assert_false(env_time_parse(bytes_str("2026-02-30T00:00:00Z"), &ms));
    assert_false(env_time_parse(bytes_str("2026-11-23 20:48:20Z"), &ms));
    assert_false(err_failed(env_id(env_real(), "wr", id)));
    assert_false(err_failed(env_id(env_real(), "wr", other)));
    assert_int_equal(strlen(id), 29);
    assert_memory_equal(id, "wr_", 3);
    assert_string_not_equal(id, other);
}

static void
test_errors_keep_their_text_whole(void **state)
{
    (void)state;
    char longer[600];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    struct err e = err_make(E_USAGE, "%s", longer);
    assert_true(strlen(e.text) < ERR_TEXT_MAX);
    assert_string_equal(e.text + strlen(e.text) - 3, "…");
    e = err_wrap(err_make(E_IO, "inner"), "outer %d", 1);
    assert_string_equal(e.text, "outer 1: inner");
    assert_int_equal(e.code, E_IO);
    assert_string_equal(err_name(E_WRIT_ENDED), "writ_ended");
    assert_int_equal(err_http_status(E_PROOF), 401);
}

static void
test_arena(void **state)
{
    (void)state;
    struct arena a = {.max = 100000};
    for (int i = 0; i < 100; i++) {
        uint8_t *p = arena_get(&a, 100);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (int k = 0; k < 100; k++)
            assert_int_equal(p[k], 0);
        memset(p, 255, 100);
    }
    assert_null(arena_get(&a, 200000));
    assert_null(arena_list(&a, SIZE_MAX / 2, 4));
    assert_string_equal(arena_printf(&a, "%d-%s", 7, "x"), "7-x");
    arena_reset(&a);
    assert_int_equal(((uint8_t *)arena_get(&a, 100))[50], 0);
    arena_free(&a);
}

/* Ids and salts come from a pool: a child of a fork must not draw what its parent draws, and nothing is given out twice. */
static void
test_random_of_a_child(void **state)
{
    (void)state;
    struct env *env = env_real();
    uint8_t mine[16], child[16], many[400][16];
    int ends[2];
    assert_true(env->random(env, mine, sizeof mine));
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(env->random(env, child, sizeof child) && write(ends[1], child, sizeof child) == sizeof child ? 0 : 1);
    assert_true(env->random(env, mine, sizeof mine));
    assert_int_equal(read(ends[0], child, sizeof child), sizeof child);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_memory_not_equal(mine, child, sizeof mine);
    for (size_t i = 0; i < 400; i++) {
        assert_true(env->random(env, many[i], sizeof many[i]));
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(many[i], many[j], sizeof many[i]);
    }
    close(ends[0]);
    close(ends[1]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_values),
        cmocka_unit_test(test_json_numbers_are_never_rounded),
        cmocka_unit_test(test_json_refusals),
        cmocka_unit_test(test_json_many_keys_are_compared),
        cmocka_unit_test(test_json_bounds),
        cmocka_unit_test(test_json_writing),
        cmocka_unit_test(test_buffers_have_a_ceiling),
        cmocka_unit_test(test_encodings),
        cmocka_unit_test(test_time_and_ids),
        cmocka_unit_test(test_random_of_a_child),
        cmocka_unit_test(test_errors_keep_their_text_whole),
        cmocka_unit_test(test_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
