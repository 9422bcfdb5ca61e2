#include "base/yaml.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* The document as JSON, or "line:column: error". */
static const char *
read_yaml(struct bytes text)
{
    static char out[4096];
    struct arena a = {0};
    struct yaml *y;
    struct yaml_mark where = {0, 0};
    struct buf b = buf_make(sizeof out - 1);
    struct err e = yaml_parse(&a, text, &y, &where);
    if (err_failed(e)) {
        snprintf(out, sizeof out, "%d:%d: %s", where.line, where.column, e.text);
    } else {
        yaml_to_json(y, &b);
        snprintf(out, sizeof out, "%s", buf_text(&b));
        buf_free(&b);
    }
    arena_free(&a);
    return out;
}

static const struct {
    const char *text, *json;
} accepted[] = {
    {"", "null"},
    {"# only a comment\n", "null"},
    {"a: 1\n", "{\"a\":1}"},
    {"a: 1\r\nb:\r\n  - x\r\n", "{\"a\":1,\"b\":[\"x\"]}"},
    {"\xef\xbb\xbf"
     "a: 1\n",
     "{\"a\":1}"},
    {"[yes, no, on, off, y, n]", "[\"yes\",\"no\",\"on\",\"off\",\"y\",\"n\"]"},
    {"[true, True, TRUE, false, tRUE]", "[true,true,true,false,\"tRUE\"]"},
    {"[~, null, Null, NULL, nuLL]", "[null,null,null,null,\"nuLL\"]"},
    {"a:\n", "{\"a\":null}"},
    {"[0, -1, +5, 0x1F, 0o17, 010, 1_000]", "[0,-1,5,31,15,10,\"1_000\"]"},
    {"[9223372036854775807, -9223372036854775808]", "[9223372036854775807,-9223372036854775808]"},
    {"[9223372036854775808, -9223372036854775809]", "[9223372036854775808,-9223372036854775809]"},
    {"[1.5, 1e3, .5, 5., .inf, -.INF, .nan, 1.2.3, 2026-11-23]", "[1.5,1e3,\".5\",\"5.\",\".inf\",\"-.INF\",\".nan\",\"1.2.3\",\"2026-11-23\"]"},
    {"['1', \"true\", '~']", "[\"1\",\"true\",\"~\"]"},
    {"'it''s': \"tab\\t\\u00e9\"", "{\"it's\":\"tab\\t\xc3\xa9\"}"},
    {"a: |\n  x\n  y\nb: >\n  z\n  t\n", "{\"a\":\"x\\ny\\n\",\"b\":\"z t\\n\"}"},
    {"a: {b: [1, {c: d}]}", "{\"a\":{\"b\":[1,{\"c\":\"d\"}]}}"},
    {"- - a\n  - b\n- c: d\n", "[[\"a\",\"b\"],{\"c\":\"d\"}]"},
    {"? a\n: b\n", "{\"a\":\"b\"}"},
    {"a: b#c # d\n", "{\"a\":\"b#c\"}"},
    {"a: http://x/y\n", "{\"a\":\"http://x/y\"}"},
    {"${HOME}: ${HOME}\n", "{\"${HOME}\":\"${HOME}\"}"},
    {"---\na: 1\n...\n", "{\"a\":1}"},
};

static void
what_people_write_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++)
        assert_string_equal(read_yaml(bytes_str(accepted[i].text)), accepted[i].json);
}

static const struct {
    const char *text, *error;
} refused[] = {
    {"a: 1\nb: 2\na: 3\n", "3:1: the key 'a' stands twice; the first is in line 1"},
    {"a: 1\n\"\\x61\": 2\n", "2:2: the key 'a' stands twice; the first is in line 1"},
    {"a: &x 1\n", "1:7: anchors ('&name') are not accepted; write the value out where it is needed"},
    {"a: &x [1]\n", "1:7: anchors ('&name') are not accepted; write the value out where it is needed"},
    {"a: *x\n", "1:5: aliases ('*name') are not accepted; write the value out"},
    {"a: !!str 1\n", "1:10: tags ('!name') are not accepted"},
    {"a: !x {b: c}\n", "1:7: tags ('!name') are not accepted"},
    {"<<: {a: 1}\n", "1:1: merge keys ('<<') are not accepted; write the keys out"},
    {"%YAML 1.1\n---\na: on\n", "2:1: directives ('%YAML', '%TAG') are not accepted"},
    {"%TAG ! tag:x,2000:\n---\na: 1\n", "2:1: directives ('%YAML', '%TAG') are not accepted"},
    {"a: 1\n---\nb: 2\n", "2:1: a second document ('---') is not accepted; one file holds one document"},
    {"{a: 1}: 2\n", "1:1: a key must be a plain name, not a mapping or a list"},
    {"[a]: 2\n", "1:1: a key must be a plain name, not a mapping or a list"},
    {"a: \"\\0\"\n", "1:5: a value must not contain the character \\0"},
    {"\"a\\0b\": 1\n", "1:2: a value must not contain the character \\0"},
    {"ok: 1\nbad: \xff\n", "2:1: this line is not valid UTF-8; save the file as UTF-8"},
    {"\xfe\xff\x20", "1:1: this line is not valid UTF-8; save the file as UTF-8"},
    {"a: \x1b[31m\n", "1:4: the control character 0x1b is not allowed"},
    {"a: 1\nb: \x7f\n", "2:4: the control character 0x7f is not allowed"},
};

static void
what_could_surprise_is_refused_with_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        assert_string_equal(read_yaml(bytes_str(refused[i].text)), refused[i].error);
    assert_string_equal(read_yaml(bytes_make("a: \0b\n", 6)), "1:4: the control character 0x00 is not allowed");
}

/* The parser's own words may change with its version; the line may not. */
static void
bad_syntax_is_refused_in_its_line(void **state)
{
    static const struct {
        const char *text, *line;
    } bad[] = {{"a:\n\t- b\n", "2:"}, {"a: [1, 2\n", "2:"}, {"a: b: c\n", "1:"}, {"a: 1\n- b\n", "2:"},  {"a: \"x\n", "1:"},
               {"a: @x\n", "1:"},     {"a: `x`\n", "1:"},   {"a: {b\n", "2:"},   {"a: \"\\q\"\n", "1:"}, {"a: \"\\ud800\"\n", "1:"}};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (strncmp(read_yaml(bytes_str(bad[i].text)), bad[i].line, strlen(bad[i].line)) != 0)
            fail_msg("%s: %s", bad[i].text, read_yaml(bytes_str(bad[i].text)));
}

/* "billion laughs": each line ten times the one above. Aliases being refused, nothing grows. */
static void
billion_laughs_are_refused_at_the_first_anchor(void **state)
{
    (void)state;
    assert_string_equal(read_yaml(BYTES("a: &a [lol, lol]\nb: &b [*a, *a]\nc: &c [*b, *b]\n")),
                        "1:7: anchors ('&name') are not accepted; write the value out where it is needed");
}

static void
repeat(struct buf *b, const char *text, size_t n)
{
    while (n--)
        buf_puts(b, text);
}

static void
every_bound_holds(void **state)
{
    struct buf b = buf_make((size_t)4 << 20);
    (void)state;
    repeat(&b, "[", 5000);
    assert_string_equal(read_yaml(buf_bytes(&b)), "1:33: nested deeper than 32 levels");
    buf_free(&b);
    for (size_t i = 0; i < 40; i++) {
        repeat(&b, " ", i);
        buf_puts(&b, "a:\n");
    }
    assert_string_equal(read_yaml(buf_bytes(&b)), "33:33: nested deeper than 32 levels");
    buf_free(&b);
    repeat(&b, "[", 32);
    repeat(&b, "]", 32);
    assert_string_equal(read_yaml(buf_bytes(&b)), "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
    buf_free(&b);
    repeat(&b, "- a\n", 50001);
    assert_string_equal(read_yaml(buf_bytes(&b)), "50000:3: more than 50000 values in one file");
    buf_free(&b);
    repeat(&b, "#", (1u << 20) + 1);
    assert_string_equal(read_yaml(buf_bytes(&b)), "1:1: the file has 1048577 bytes; at most 1048576 are read");
    buf_free(&b);
    buf_puts(&b, "a: ");
    repeat(&b, "x", (1u << 20) - 3);
    struct arena a = {0};
    struct yaml *y;
    struct yaml_mark where;
    struct err e = yaml_parse(&a, buf_bytes(&b), &y, &where);
    assert_string_equal(e.text, "");
    assert_int_equal(y->child->text.n, (1u << 20) - 3);
    arena_free(&a);
    buf_free(&b);
}

static void
each_node_knows_its_place_and_ends_in_a_zero(void **state)
{
    struct arena a = {0};
    struct yaml *y;
    struct yaml_mark where;
    (void)state;
    struct err e = yaml_parse(&a, BYTES("# c\none: 1\ntwo:\n  - x\n  - three: y\n"), &y, &where);
    assert_string_equal(e.text, "");
    const struct yaml *two = yaml_get(y, "two"), *three = yaml_get(two->child->next, "three");
    assert_true(two->line == 3 && two->column == 1 && two->child->line == 4 && two->child->column == 5);
    assert_true(three->line == 5 && three->column == 5);
    assert_string_equal((const char *)three->text.at, "y");
    assert_string_equal((const char *)three->key.at, "three");
    assert_null(yaml_get(y, "three"));
    assert_null(yaml_get(two, "one"));
    arena_free(&a);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_people_write_is_read),
        cmocka_unit_test(what_could_surprise_is_refused_with_its_place),
        cmocka_unit_test(bad_syntax_is_refused_in_its_line),
        cmocka_unit_test(billion_laughs_are_refused_at_the_first_anchor),
        cmocka_unit_test(every_bound_holds),
        cmocka_unit_test(each_node_knows_its_place_and_ends_in_a_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
