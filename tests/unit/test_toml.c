#include "base/json.h"
#include "base/toml.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void
put_value(struct buf *b, const struct toml *v)
{
    switch (v->type) {
    case TOML_TEXT:
        json_put_text(b, v->text);
        break;
    case TOML_INT:
        json_put_int(b, v->number);
        break;
    case TOML_FLOAT:
        buf_printf(b, "%g", v->real);
        break;
    case TOML_BOOL:
        json_put_bool(b, v->truth);
        break;
    default:
        json_open(b, v->type == TOML_LIST ? '[' : '{');
        for (const struct toml *m = v->child; m; m = m->next) {
            if (v->type == TOML_LIST)
                json_item(b);
            else
                json_key_bytes(b, m->key);
            put_value(b, m);
        }
        json_close(b, v->type == TOML_LIST ? ']' : '}');
    }
}

/* The document as JSON, or "line: error". */
static const char *
read_toml(struct bytes text)
{
    static char out[4096];
    struct arena a = {0};
    struct toml *t;
    int line = 0;
    struct buf b = buf_make(sizeof out - 1);
    struct err e = toml_parse(&a, text, &t, &line);
    if (err_failed(e)) {
        snprintf(out, sizeof out, "%d: %s", line, e.text);
    } else {
        put_value(&b, t);
        snprintf(out, sizeof out, "%s", buf_text(&b));
        buf_free(&b);
    }
    arena_free(&a);
    return out;
}

static const struct {
    const char *text, *json;
} accepted[] = {
    {"", "{}"},
    {"# only a comment", "{}"},
    {"a = 1\r\nb = 'x' # y\r\n", "{\"a\":1,\"b\":\"x\"}"},
    {"a.b.c = true\na.b.d = false\n", "{\"a\":{\"b\":{\"c\":true,\"d\":false}}}"},
    {"'a b'.\"c\\td\" = 0x1F\n", "{\"a b\":{\"c\\td\":31}}"},
    {"a = [1, 2,\n # between\n 3,]\n", "{\"a\":[1,2,3]}"},
    {"a = {b = 1, c.d = [ {e = 2} ]}\n", "{\"a\":{\"b\":1,\"c\":{\"d\":[{\"e\":2}]}}}"},
    {"a = \"\"\"\nx\\\n   y\n\"\"\"\n", "{\"a\":\"xy\\n\"}"},
    {"a = '''\n\\d+'\"''''\n", "{\"a\":\"\\\\d+'\\\"'\"}"},
    {"a = \"\\u00e9\\U0001F600\\x\"", NULL},
    {"a = \"\\u00e9\\U0001F600\"", "{\"a\":\"\xc3\xa9\xf0\x9f\x98\x80\"}"},
    {"a = -1_000\nb = +3.5e2\nc = 0b101\nd = 0o17\n", "{\"a\":-1000,\"b\":350,\"c\":5,\"d\":15}"},
    {"[a]\nx = 1\n[a.b]\ny = 2\n[[c]]\nz = 1\n[c.d]\nw = 1\n[[c]]\nz = 2\n",
     "{\"a\":{\"x\":1,\"b\":{\"y\":2}},\"c\":[{\"z\":1,\"d\":{\"w\":1}},{\"z\":2}]}"},
    {"[[r]]\nid = 'a'\n[[r.allow]]\nx = 1\n[[r.allow]]\nx = 2\n[[r]]\nid = 'b'\n",
     "{\"r\":[{\"id\":\"a\",\"allow\":[{\"x\":1},{\"x\":2}]},{\"id\":\"b\"}]}"},
    {"[b.c]\nx = 1\n[b]\ny = 2\n", "{\"b\":{\"c\":{\"x\":1},\"y\":2}}"},
};

static const struct {
    const char *text, *error;
} refused[] = {
    {"a = 1\na = 2\n", "2: 'a' is defined already (line 1)"},
    {"[a]\n[a]\n", "2: [a] is defined already (line 1)"},
    {"a = {b = 1}\n[a.c]\n", "2: 'a' is defined already (line 1)"},
    {"a = {b.c = 1}\na.b.d = 2\n", "2: 'a' is defined already (line 1)"},
    {"a.b = 1\n[a]\n", "2: [a] is defined already (line 1)"},
    {"a = [1]\n[[a]]\n", "2: [[a]] is defined already as something else (line 1)"},
    {"a = 1 b = 2\n", "1: expected the end of the line"},
    {"a = \n", "1: expected a value"},
    {"a = yes\n", "1: 'yes' is no value (texts need quotes; dates, inf and nan are not taken)"},
    {"a = 1979-05-27T07:32:00Z\n", "1: '1979-05-27T07:32:00Z' is no value (texts need quotes; dates, inf and nan are not taken)"},
    {"a = 01\n", "1: '01' is no value (texts need quotes; dates, inf and nan are not taken)"},
    {"a = 1__0\n", "1: '1__0' is no value (texts need quotes; dates, inf and nan are not taken)"},
    {"a = 9223372036854775808\n", "1: '9223372036854775808' is no value (texts need quotes; dates, inf and nan are not taken)"},
    {"a = 'x\n'\n", "1: the text does not end on its line; use three quotes for several lines"},
    {"a = \"\\d\"\n", "1: '\\d' is no escape; write '\\\\' for a backslash, or use '\xe2\x80\xa6' quotes"},
    {"a = \"\\ud800\"\n", "1: U+D800 is no character"},
    {"a = {b = 1,}\n", "1: no ',' before '}'"},
    {"a = {b = 1\n}\n", "1: expected ',' or '}' in an inline table (it stands on one line)"},
    {"a = [1 2]\n", "1: expected ',' or ']' in a list"},
    {"= 1\n", "1: expected a key"},
    {"a\n", "1: expected '=' behind the key 'a'"},
    {"[a\n", "1: expected ']' behind the name of the table"},
    {"a = 'x\x01'\n", "1: a control character in a text"},
    {"a = '\xff'\n", "1: the text is not UTF-8"},
};

static void
test_accepted(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++)
        if (accepted[i].json)
            assert_string_equal(read_toml(bytes_str(accepted[i].text)), accepted[i].json);
        else
            assert_true(read_toml(bytes_str(accepted[i].text))[0] == '1');
}

static void
test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        assert_string_equal(read_toml(bytes_str(refused[i].text)), refused[i].error);
}

static void
check_bound(const char *start, const char *unit, const char *end, size_t times, const char *error)
{
    struct buf b = buf_make(TOML_MAX_BYTES * 2);
    buf_puts(&b, start);
    for (size_t i = 0; i < times; i++)
        buf_puts(&b, unit);
    buf_puts(&b, end);
    assert_false(b.failed);
    assert_non_null(strstr(read_toml(buf_bytes(&b)), error));
    buf_free(&b);
}

static void
test_bounds(void **state)
{
    (void)state;
    check_bound("a = ", "[", "", 100000, "nested deeper than 16 levels");
    check_bound("a = ", "{a=", "", 100000, "nested deeper than 16 levels");
    check_bound("a", ".a", " = 1\n", 1000, "a key of more than 16 parts");
    check_bound("a = [", "1,", "]\n", 100001, "more than 100000 values");
    check_bound("#", "xxxxxxxx", "\n", TOML_MAX_BYTES / 8, "more than 4194304 bytes");
    struct buf b = buf_make(1 << 20);
    for (int i = 0; i < 1001; i++)
        buf_printf(&b, "k%d = 1\n", i);
    assert_string_equal(read_toml(buf_bytes(&b)), "1001: a table of more than 1000 keys");
    buf_free(&b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_accepted), cmocka_unit_test(test_refused), cmocka_unit_test(test_bounds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
