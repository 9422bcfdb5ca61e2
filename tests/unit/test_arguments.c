#include "estate/schema.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define OBJECT(properties) "{\"type\":\"object\",\"properties\":{" properties "}}"
#define X(schema) OBJECT("\"x\":" schema)

/* The third column is what is forwarded, or the error. */
static const struct {
    const char *schema, *args, *result;
} cases[] = {
    /* what is declared */
    {OBJECT(""), "{}", "{}"},
    {OBJECT(""), "{\"a\":1}", "arguments.a: the tool declares no such argument"},
    {"{\"type\":\"object\"}", "{\"a\":1}", "arguments.a: the tool declares no such argument"},
    {"{}", "{\"a\":1}", "arguments.a: the tool declares no such argument"},
    {"true", "{\"a\":1}", "arguments.a: the tool declares no such argument"},
    {OBJECT("\"path\":{\"type\":\"string\"}"), "{\"paht\":\"x\"}", "arguments.paht: the tool declares no such argument; did you mean 'path'?"},
    {OBJECT("\"path\":{}"), "{\"Path\":\"x\"}", "arguments.Path: the tool declares no such argument; did you mean 'path'?"},
    {OBJECT("\"path\":{}"), "{\"path\\u0000\":\"x\"}", "arguments.path: the tool declares no such argument; did you mean 'path'?"},
    {"{\"type\":\"object\",\"additionalProperties\":true}", "{\"a\":[1,{\"b\":null}]}", "{\"a\":[1,{\"b\":null}]}"},
    {"{\"type\":\"object\",\"additionalProperties\":{\"type\":\"integer\"}}", "{\"a\":1}", "{\"a\":1}"},
    {"{\"type\":\"object\",\"additionalProperties\":{\"type\":\"integer\"}}", "{\"a\":\"1\"}", "arguments.a: expected integer, got string"},
    {"{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"a\":{}}}", "{\"b\":1}",
     "arguments.b: the tool declares no such argument; did you mean 'a'?"},
    {"{\"type\":\"object\",\"unevaluatedProperties\":true}", "{\"a\":1}", "{\"a\":1}"},
    {"{\"type\":\"object\",\"patternProperties\":{\".*\":{}}}", "{\"a\":1}", "arguments.a: the tool declares no such argument"},
    {X("{\"type\":\"object\"}"), "{\"x\":{\"any\":[{}]}}", "{\"x\":{\"any\":[{}]}}"},
    {X("{\"type\":\"object\",\"properties\":{\"y\":{}}}"), "{\"x\":{\"z\":1}}",
     "arguments.x.z: the tool declares no such argument; did you mean 'y'?"},
    {X("{\"type\":\"object\",\"additionalProperties\":false}"), "{\"x\":{\"z\":1}}", "arguments.x.z: the tool declares no such argument"},
    {X("{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{\"y\":{}}}}"), "{\"x\":[{},{\"z\":1}]}",
     "arguments.x[1].z: the tool declares no such argument; did you mean 'y'?"},
    /* types */
    {X("{\"type\":\"string\"}"), "{\"x\":\"a\"}", "{\"x\":\"a\"}"},
    {X("{\"type\":\"string\"}"), "{\"x\":1}", "arguments.x: expected string, got integer"},
    {X("{\"type\":\"string\"}"), "{\"x\":null}", "arguments.x: expected string, got null"},
    {X("{\"type\":\"integer\"}"), "{\"x\":5}", "{\"x\":5}"},
    {X("{\"type\":\"integer\"}"), "{\"x\":5.0}", "arguments.x: expected integer, got number"},
    {X("{\"type\":\"integer\"}"), "{\"x\":1e3}", "arguments.x: expected integer, got number"},
    {X("{\"type\":\"integer\"}"), "{\"x\":9223372036854775808}", "arguments.x: expected integer, got number"},
    {X("{\"type\":\"integer\"}"), "{\"x\":\"5\"}", "arguments.x: expected integer, got string"},
    {X("{\"type\":\"integer\"}"), "{\"x\":true}", "arguments.x: expected integer, got boolean"},
    {X("{\"type\":\"number\"}"), "{\"x\":5}", "{\"x\":5}"},
    {X("{\"type\":\"number\"}"), "{\"x\":5.10}", "{\"x\":5.10}"},
    {X("{\"type\":\"number\"}"), "{\"x\":[5]}", "arguments.x: expected number, got array"},
    {X("{\"type\":\"boolean\"}"), "{\"x\":false}", "{\"x\":false}"},
    {X("{\"type\":\"boolean\"}"), "{\"x\":0}", "arguments.x: expected boolean, got integer"},
    {X("{\"type\":\"null\"}"), "{\"x\":null}", "{\"x\":null}"},
    {X("{\"type\":\"array\"}"), "{\"x\":[1,\"a\"]}", "{\"x\":[1,\"a\"]}"},
    {X("{\"type\":\"array\"}"), "{\"x\":{}}", "arguments.x: expected array, got object"},
    {X("{\"type\":[\"string\",\"null\"]}"), "{\"x\":null}", "{\"x\":null}"},
    {X("{\"type\":[\"string\",\"null\"]}"), "{\"x\":7}", "arguments.x: expected string or null, got integer"},
    {X("{\"type\":\"strange\"}"), "{\"x\":7}", "arguments.x: expected strange, got integer"},
    {X("{\"type\":[]}"), "{\"x\":7}", "arguments.x: expected nothing, got integer"},
    {X("false"), "{\"x\":7}", "arguments.x: the tool allows nothing here"},
    {X("true"), "{\"x\":7}", "{\"x\":7}"},
    {X("5"), "{\"x\":7}", "arguments.x: the pinned schema is malformed here"},
    /* values */
    {X("{\"enum\":[\"a\",\"b\"]}"), "{\"x\":\"b\"}", "{\"x\":\"b\"}"},
    {X("{\"enum\":[\"a\",\"b\"]}"), "{\"x\":\"c\"}", "arguments.x: expected one of \"a\", \"b\""},
    {X("{\"enum\":[1.0]}"), "{\"x\":1}", "{\"x\":1}"},
    {X("{\"const\":{\"a\":[1]}}"), "{\"x\":{\"a\":[1]}}", "{\"x\":{\"a\":[1]}}"},
    {X("{\"const\":\"on\"}"), "{\"x\":\"off\"}", "arguments.x: expected \"on\""},
    {X("{\"minimum\":1}"), "{\"x\":1}", "{\"x\":1}"},
    {X("{\"minimum\":1}"), "{\"x\":0.999999999999999999999999}", "arguments.x: must be at least 1"},
    {X("{\"maximum\":1}"), "{\"x\":1.000000000000000000000001}", "arguments.x: must be at most 1"},
    {X("{\"maximum\":1}"), "{\"x\":1.0e0}", "{\"x\":1.0e0}"},
    {X("{\"maximum\":100}"), "{\"x\":1e400}", "arguments.x: must be at most 100"},
    {X("{\"maximum\":100}"), "{\"x\":-1e400}", "{\"x\":-1e400}"},
    {X("{\"exclusiveMinimum\":0}"), "{\"x\":0}", "arguments.x: must be more than 0"},
    {X("{\"exclusiveMinimum\":0}"), "{\"x\":-0}", "arguments.x: must be more than 0"},
    {X("{\"exclusiveMaximum\":9007199254740993}"), "{\"x\":9007199254740993}", "arguments.x: must be less than 9007199254740993"},
    {X("{\"exclusiveMaximum\":9007199254740993}"), "{\"x\":9007199254740992}", "{\"x\":9007199254740992}"},
    {X("{\"maximum\":5}"), "{\"x\":\"many\"}", "{\"x\":\"many\"}"},
    {X("{\"minLength\":2}"), "{\"x\":\"\xc3\xa9\"}", "arguments.x: must have at least 2 characters, has 1"},
    {X("{\"maxLength\":2}"), "{\"x\":\"\xc3\xa9\xc3\xa9\"}", "{\"x\":\"\xc3\xa9\xc3\xa9\"}"},
    {X("{\"maxLength\":2}"), "{\"x\":\"abc\"}", "arguments.x: must have at most 2 characters, has 3"},
    {X("{\"minItems\":1}"), "{\"x\":[]}", "arguments.x: must have at least 1 items, has 0"},
    {X("{\"maxItems\":1}"), "{\"x\":[1,2]}", "arguments.x: must have at most 1 items, has 2"},
    {X("{\"uniqueItems\":true}"), "{\"x\":[1,2,1.0]}", "arguments.x: the items must differ from each other"},
    {X("{\"uniqueItems\":true}"), "{\"x\":[{\"a\":1,\"b\":2},{\"b\":2,\"a\":1}]}", "arguments.x: the items must differ from each other"},
    {X("{\"uniqueItems\":false}"), "{\"x\":[1,1]}", "{\"x\":[1,1]}"},
    {X("{\"type\":\"object\",\"minProperties\":1}"), "{\"x\":{}}", "arguments.x: must have at least 1 members, has 0"},
    {X("{\"type\":\"object\",\"maxProperties\":1}"), "{\"x\":{\"a\":1,\"b\":2}}", "arguments.x: must have at most 1 members, has 2"},
    /* items */
    {X("{\"items\":{\"type\":\"string\"}}"), "{\"x\":[\"a\",5]}", "arguments.x[1]: expected string, got integer"},
    {X("{\"prefixItems\":[{\"type\":\"string\"}],\"items\":{\"type\":\"integer\"}}"), "{\"x\":[\"a\",5]}", "{\"x\":[\"a\",5]}"},
    {X("{\"prefixItems\":[{\"type\":\"string\"}],\"items\":{\"type\":\"integer\"}}"), "{\"x\":[5,5]}",
     "arguments.x[0]: expected string, got integer"},
    {X("{\"prefixItems\":[{}],\"items\":false}"), "{\"x\":[5,5]}", "arguments.x[1]: the tool allows nothing here"},
    {X("{\"items\":[{\"type\":\"string\"}],\"additionalItems\":false}"), "{\"x\":[\"a\",1]}", "arguments.x[1]: the tool allows nothing here"},
    /* required and defaults */
    {"{\"properties\":{\"a\":{}},\"required\":[\"a\"]}", "{}", "arguments.a: missing; the tool requires it"},
    {"{\"properties\":{\"a\":{\"default\":1}},\"required\":[\"a\"]}", "{}", "{\"a\":1}"},
    {OBJECT("\"a\":{\"type\":\"string\"},\"b\":{\"default\":[]}"), "{\"a\":\"x\"}", "{\"a\":\"x\",\"b\":[]}"},
    {OBJECT("\"a\":{\"default\":\"x\"}"), "{\"a\":\"y\"}", "{\"a\":\"y\"}"},
    {OBJECT("\"a\":{\"type\":\"string\",\"default\":5}"), "{}", "arguments.a: expected string, got integer"},
    {X("{\"type\":\"object\",\"properties\":{\"a\":{\"default\":1}}}"), "{\"x\":{}}", "{\"x\":{\"a\":1}}"},
    {X("{\"type\":\"object\",\"default\":{},\"properties\":{\"a\":{\"default\":1}}}"), "{}", "{\"x\":{\"a\":1}}"},
    {X("{\"items\":{\"properties\":{\"a\":{\"default\":1}}}}"), "{\"x\":[{},{\"a\":2}]}", "{\"x\":[{\"a\":1},{\"a\":2}]}"},
    {"{\"properties\":{\"x\":{\"$ref\":\"#/$defs/d\"}},\"$defs\":{\"d\":{\"default\":7}}}", "{}", "{\"x\":7}"},
    /* forms */
    {X("{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}"), "{\"x\":null}", "{\"x\":null}"},
    {X("{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}"), "{\"x\":1}", "arguments.x: expected string, got integer"},
    {X("{\"anyOf\":[]}"), "{\"x\":1}", "arguments.x: the pinned schema allows no value here"},
    {X("{\"oneOf\":[{\"type\":\"number\"},{\"type\":\"integer\"}]}"), "{\"x\":1}",
     "arguments.x: fits more than one of the forms that the tool tells apart"},
    {X("{\"oneOf\":[{\"type\":\"number\"},{\"type\":\"integer\"}]}"), "{\"x\":1.5}", "{\"x\":1.5}"},
    {X("{\"allOf\":[{\"type\":\"integer\"},{\"minimum\":3}]}"), "{\"x\":2}", "arguments.x: must be at least 3"},
    {X("{\"not\":{\"const\":1}}"), "{\"x\":1.0}", "arguments.x: has a form that the tool excludes"},
    {X("{\"not\":{\"const\":1}}"), "{\"x\":2}", "{\"x\":2}"},
    {"{\"allOf\":[{\"properties\":{\"a\":{\"type\":\"string\"}}},{\"properties\":{\"b\":{\"default\":2}}}]}", "{\"a\":\"x\"}",
     "{\"a\":\"x\",\"b\":2}"},
    {"{\"allOf\":[{\"properties\":{\"a\":{}}}],\"properties\":{\"b\":{}}}", "{\"c\":1}",
     "arguments.c: the tool declares no such argument; did you mean 'b'?"},
    {"{\"anyOf\":[{\"properties\":{\"a\":{}},\"required\":[\"a\"]},{\"properties\":{\"b\":{}},\"required\":[\"b\"]}]}", "{\"b\":1}", "{\"b\":1}"},
    {"{\"anyOf\":[{\"properties\":{\"a\":{}},\"required\":[\"a\"]},{\"properties\":{\"b\":{}},\"required\":[\"b\"]}]}", "{\"a\":1,\"b\":1}",
     "arguments.b: the tool declares no such argument; did you mean 'a'?"},
    {"{\"oneOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}],\"properties\":{\"a\":{\"default\":1},\"b\":{}}}", "{\"b\":1}",
     "arguments: fits more than one of the forms that the tool tells apart"},
    /* references */
    {"{\"properties\":{\"x\":{\"$ref\":\"#/$defs/t\"}},\"$defs\":{\"t\":{\"type\":\"string\"}}}", "{\"x\":1}",
     "arguments.x: expected string, got integer"},
    {"{\"properties\":{\"x\":{\"$ref\":\"#/definitions/a~1b%25\"}},\"definitions\":{\"a/b%\":{\"type\":\"string\"}}}", "{\"x\":\"y\"}",
     "{\"x\":\"y\"}"},
    {"{\"properties\":{\"x\":{\"$ref\":\"#\"},\"y\":{\"type\":\"integer\"}}}", "{\"x\":{\"x\":{\"y\":\"a\"}}}",
     "arguments.x.x.y: expected integer, got string"},
    {X("{\"$ref\":\"https://example.org/schema\"}"), "{\"x\":1}",
     "arguments.x: the pinned schema refers to 'https://example.org/schema', which is not inside it"},
    {X("{\"$ref\":\"file:///etc/passwd\"}"), "{\"x\":1}", "arguments.x: the pinned schema refers to 'file:///etc/passwd', which is not inside it"},
    {X("{\"$ref\":\"#name\"}"), "{\"x\":1}", "arguments.x: the pinned schema refers to '#name', which is not inside it"},
    {X("{\"$ref\":\"#/nowhere\"}"), "{\"x\":1}", "arguments.x: the pinned schema refers to '#/nowhere', which is not inside it"},
    {X("{\"$ref\":5}"), "{\"x\":1}", "arguments.x: the pinned schema refers to '5', which is not inside it"},
    {X("{\"$dynamicRef\":\"#x\"}"), "{\"x\":1}", "arguments.x: the pinned schema uses $dynamicRef, which Writ does not follow"},
    {X("{\"$ref\":\"#/properties/x\"}"), "{\"x\":1}", "the arguments or their schema go deeper than 96 levels"},
    {X("{\"allOf\":[{\"$ref\":\"#/properties/x\"},{\"$ref\":\"#/properties/x\"}]}"), "{\"x\":1}",
     "the arguments or their schema go deeper than 96 levels"},
    {X("{\"anyOf\":[{\"not\":{\"$ref\":\"#/properties/x\"}},{\"$ref\":\"#/properties/x\"}]}"), "{\"x\":1}",
     "the arguments or their schema go deeper than 96 levels"},
    /* left to the server */
    {X("{\"pattern\":\"^a\",\"format\":\"email\",\"if\":true,\"then\":false,\"title\":\"t\"}"), "{\"x\":\"b\"}", "{\"x\":\"b\"}"},
    /* what is forwarded is what was checked */
    {OBJECT("\"a\":{},\"b\":{}"), "{ \"b\" : \"\\u0041\\/\" ,\n \"a\": 1.50 }", "{\"b\":\"\\u0041\\/\",\"a\":1.50}"},
    {OBJECT("\"a\":{}"), "{\"\\u0061\":1}", "{\"a\":1}"},
    {OBJECT("\"a\":{}"), "[]", "arguments: expected object, got array"},
    {OBJECT("\"a\":{}"), "null", "arguments: expected object, got null"},
};

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
every_case_is_decided_so(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena a = {0};
        struct json *out;
        struct err e = arguments_check(parse(&a, cases[i].schema), parse(&a, cases[i].args), &a, &out);
        char got[1024];
        snprintf(got, sizeof got, "%.*s", BYTES_CUT(out ? out->raw : bytes_str(e.text), 1000));
        if (strcmp(got, cases[i].result) != 0)
            fail_msg("case %zu: %s with %s\n expected %s\n got %s", i, cases[i].schema, cases[i].args, cases[i].result, got);
        assert_int_equal(out == NULL, err_failed(e));
        arena_free(&a);
    }
}

static void
no_schema_means_no_arguments(void **state)
{
    struct arena a = {0};
    struct json *out;
    (void)state;
    struct err e = arguments_check(NULL, NULL, &a, &out);
    assert_string_equal(e.text, "");
    assert_memory_equal(out->raw.at, "{}", 2);
    e = arguments_check(NULL, parse(&a, "{\"a\":1}"), &a, &out);
    assert_int_equal(e.code, E_ARGUMENTS);
    arena_free(&a);
}

/* A schema whose forms double at each level, and arguments that make all of them be tried. */
static void
a_schema_that_explodes_is_stopped(void **state)
{
    static const char schema[] = "{\"properties\":{\"x\":{\"$ref\":\"#/$defs/n\"}},\"$defs\":{\"n\":{\"anyOf\":["
                                 "{\"properties\":{\"x\":{\"$ref\":\"#/$defs/n\"}},\"required\":[\"no\"]},"
                                 "{\"properties\":{\"x\":{\"$ref\":\"#/$defs/n\"}},\"required\":[\"no\"]},{\"type\":\"string\"}]}}}";
    struct arena a = {0};
    struct json *out;
    struct buf b = buf_make(4096);
    (void)state;
    for (int i = 0; i < 30; i++)
        buf_puts(&b, "{\"x\":");
    buf_puts(&b, "\"s\"");
    for (int i = 0; i < 30; i++)
        buf_puts(&b, "}");
    struct err e = arguments_check(parse(&a, schema), parse(&a, buf_text(&b)), &a, &out);
    assert_true(e.code == E_LIMIT || e.code == E_ARGUMENTS);
    assert_null(out);
    buf_free(&b);
    arena_free(&a);
}

static void
numbers_are_ordered_exactly(void **state)
{
    static const char *const rising[] = {"-1e400",
                                         "-100.5",
                                         "-100",
                                         "-1",
                                         "-0.1",
                                         "-1e-400",
                                         "0",
                                         "1e-400",
                                         "0.1",
                                         "0.10000000000000000001",
                                         "1",
                                         "9007199254740992",
                                         "9007199254740993",
                                         "9007199254740993.5",
                                         "1e19",
                                         "1e400",
                                         "2e400"};
    static const char *const same[][2] = {{"0", "-0.0"}, {"1", "1.000"}, {"100", "1e2"}, {"0.01", "1E-2"}, {"12.50", "1250e-2"}, {"0e5", "0"}};
    struct arena a = {0};
    (void)state;
    for (size_t i = 0; i < sizeof rising / sizeof *rising; i++)
        for (size_t k = 0; k < sizeof rising / sizeof *rising; k++) {
            int d = number_compare(parse(&a, rising[i]), parse(&a, rising[k])), expected = (i > k) - (i < k);
            if ((d > 0) - (d < 0) != expected)
                fail_msg("%s against %s: %d", rising[i], rising[k], d);
        }
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        assert_int_equal(number_compare(parse(&a, same[i][0]), parse(&a, same[i][1])), 0);
    arena_free(&a);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_is_decided_so),
        cmocka_unit_test(no_schema_means_no_arguments),
        cmocka_unit_test(a_schema_that_explodes_is_stopped),
        cmocka_unit_test(numbers_are_ordered_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
