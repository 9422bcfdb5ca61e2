/* The forms of policies besides text: JSON, printing, the formatter; templates and links; errors as people see them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "cedar/policies.h"

static struct cedar_policies *
parsed(const char *text)
{
    struct cedar_policies *p = NULL;
    struct cedar_error error;
    if (!cedar_policies_parse(str_of(text), "t", false, &p, &error))
        fail_msg("%s: %s", text, error.text);
    return p;
}

static void
gives(struct cedar_output *o, const char *want)
{
    assert_non_null(o->at);
    assert_string_equal(o->at, want);
    cedar_output_free(o);
}

/* What is printed, and the JSON form read and printed again. */
static void
prints(const char *body, const char *want)
{
    char text[512], expected[512];
    struct cedar_output json, out;
    struct cedar_policies *q;
    struct cedar_error error;
    snprintf(text, sizeof text, "permit(principal, action, resource) when { %s };", body);
    snprintf(expected, sizeof expected, "permit(principal, action, resource) when { %s };", want);
    struct cedar_policies *p = parsed(text);
    assert_true(cedar_policy_to_text(p, 0, &out, &error));
    gives(&out, expected);
    assert_true(cedar_policy_to_json(p, 0, &json, &error));
    assert_true(cedar_policy_json((struct cedar_str){json.at, json.n}, "j", &q, &error));
    assert_true(cedar_policy_to_text(q, 0, &out, &error));
    gives(&out, expected);
    cedar_output_free(&json);
    cedar_policies_unref(p);
    cedar_policies_unref(q);
}

static void
test_expressions(void **state)
{
    (void)state;
    prints("1 + 2 - 3 * 4 == -5", "((1 + 2) - (3 * 4)) == (-5)");
    prints("true && (false && true) || !true", "(true && (false && true)) || (!true)");
    prints("(true && false) && true", "true && false && true");
    prints("principal has a.b && principal[\"if\"].c like \"a\\*b*\"", "(principal has a.b) && (principal[\"if\"].c like \"a\\*b*\")");
    prints("ip(\"1.1.1.1\").isInRange(ip(\"::/0\")) == [{\"b\": 1, a: U::\"x\\n\"}].isEmpty()",
           "ip(\"1.1.1.1\").isInRange(ip(\"::/0\")) == [{a: U::\"x\\n\", b: 1}].isEmpty()");
    prints("principal is A::B in resource", "principal is A::B in resource");
    prints("if true then 1 else 2", "if true then 1 else 2");
}

static bool
reads(const char *text, struct cedar_error *error)
{
    struct cedar_policies *p;
    bool ok = cedar_policies_json(str_of(text), "j", &p, error);
    cedar_policies_unref(p);
    return ok;
}

static void
test_json_is_strict(void **state)
{
#define ONE(body) "{\"templates\": {}, \"templateLinks\": [], \"staticPolicies\": {\"a\": " body "}}"
#define WHEN(body)                                                                                                                                   \
    ONE("{\"effect\": \"permit\", \"principal\": {\"op\": \"All\"}, \"action\": {\"op\": \"All\"}, \"resource\": {\"op\": \"All\"}, "                \
        "\"conditions\": "                                                                                                                           \
        "[{\"kind\": \"when\", \"body\": " body "}]}")
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        ONE("{}"),
        WHEN("{}"),
        WHEN("{\"Value\": null}"),
        WHEN("{\"Value\": 1.5}"),
        WHEN("{\"Value\": {\"__expr\": \"1\"}}"),
        WHEN("{\"Value\": {\"a\": 1, \"a\": 1}}"),
        WHEN("{\"Slot\": \"?principal\"}"),
        WHEN("{\"==\": {\"left\": {\"Value\": 1}}}"),
        WHEN("{\"==\": {\"left\": {\"Value\": 1}, \"right\": {\"Value\": 1}, \"x\": 1}}"),
        WHEN("{\"nothing\": [1]}"),
        WHEN("{\"Var\": \"x\"}"),
        WHEN("{\"is\": {\"left\": {\"Var\": \"principal\"}, \"entity_type\": \"A :: B\"}}"),
        WHEN("{\"has\": {\"left\": {\"Var\": \"principal\"}, \"attr\": []}}"),
    };
    struct cedar_error error;
    (void)state;
    assert_true(reads(WHEN("{\"Value\": [1, {\"__entity\": {\"type\": \"A\", \"id\": \"x\"}}]}"), &error));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(reads(bad[i], &error));
        assert_true(error.code != CEDAR_OK && error.text[0]);
    }
}

static void
test_json_depth(void **state)
{
    struct buf b = buf_make(1 << 20);
    struct cedar_error error;
    (void)state;
    buf_puts(&b, "{\"templates\": {}, \"templateLinks\": [], \"staticPolicies\": {\"a\": ");
    for (int i = 0; i < 50000; i++)
        buf_puts(&b, "{\"!\":{\"arg\":");
    assert_false(reads(buf_text(&b), &error));
    assert_int_equal(error.code, CEDAR_LIMIT);
    buf_free(&b);
}

static void
test_links(void **state)
{
    struct cedar_policies *p = parsed("permit(principal == ?principal, action, resource in ?resource); forbid(principal, action, resource);"), *q, *r;
    struct cedar_uid user = {{"User", 4}, {"a", 1}}, folder = {{"F", 1}, {"f", 1}}, odd = {{"if", 2}, {"f", 1}};
    struct cedar_link good = {{"policy0", 7}, {"link", 4}, &user, &folder}, got;
    struct cedar_link bad[] = {{{"policy0", 7}, {"link", 4}, &user, NULL},
                               {{"policy1", 7}, {"link", 4}, NULL, NULL},
                               {{"policy0", 7}, {"policy1", 7}, &user, &folder},
                               {{"policy0", 7}, {"link", 4}, &user, &odd},
                               {{"none", 4}, {"link", 4}, &user, &folder}};
    struct cedar_error error;
    struct cedar_output out;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(cedar_policies_link(p, &bad[i], 1, &q, &error));
    assert_true(cedar_policies_link(p, &good, 1, &q, &error));
    cedar_policies_unref(p);
    assert_int_equal(cedar_policies_count(q), 3);
    assert_true(cedar_policy_is_template(q, 0) && cedar_policy_link(q, 2, &got) && !cedar_policy_link(q, 1, &got));
    assert_true(str_is(got.principal->id, "a"));
    assert_true(cedar_policy_to_text(q, 2, &out, &error));
    gives(&out, "permit(principal == User::\"a\", action, resource in F::\"f\");");
    assert_false(cedar_policies_remove(q, str_of("policy0"), &r, &error));
    assert_true(cedar_policies_to_json(q, &out, &error));
    assert_true(cedar_policies_json((struct cedar_str){out.at, out.n}, "j", &r, &error));
    assert_int_equal(cedar_policies_count(r), 3);
    struct cedar_request request = {user, {{"Action", 6}, {"x", 1}}, folder, NULL};
    struct cedar_scratch *s = cedar_scratch_new(1 << 20);
    struct cedar_answer answer;
    assert_true(cedar_evaluate(r, NULL, &request, s, &answer));
    assert_true(answer.n_permits == 1 && answer.n_forbids == 1);
    cedar_scratch_free(s);
    cedar_output_free(&out);
    cedar_policies_unref(r);
    assert_true(cedar_policies_remove(q, str_of("link"), &r, &error));
    assert_int_equal(cedar_policies_count(r), 2);
    cedar_policies_unref(q);
    cedar_policies_unref(r);
}

static void
formats(const char *text, const char *want)
{
    struct cedar_output out;
    struct cedar_error error;
    assert_true(cedar_format(str_of(text), 80, 2, &out, &error));
    gives(&out, want);
}

static void
test_formatter(void **state)
{
    (void)state;
    formats("// only a comment\n", "\n// only a comment\n");
    formats("permit(principal,action,resource);", "permit (principal, action, resource);\n");
    formats("permit(principal is A // c\n, action, resource,);", "permit (\n  principal is\n    A // c\n  ,\n  action,\n  resource\n);\n");
    formats("permit(principal,action,resource) when { {a: 007 // c\n} has b // d\n }; // e\n// f",
            "permit (principal, action, resource)\nwhen\n{\n  {\n    a: 7 // c\n  }\n  has\n  b // d\n}; // e\n// f\n");
}

static void
test_error_is_shown(void **state)
{
    const char *text = "permit(principal, action, resource)\nwhen { \"\xc3\xa9\" == foo };";
    struct cedar_policies *p;
    struct cedar_error error;
    struct cedar_output out;
    (void)state;
    assert_false(cedar_policies_parse(str_of(text), "t", false, &p, &error));
    assert_true(cedar_error_show(str_of(text), &error, &out));
    assert_non_null(strstr(out.at, "line 2, column 15: invalid variable: foo"));
    assert_non_null(strstr(out.at, "\n  |               ^\n"));
    cedar_output_free(&out);
}

/* What the official reader takes beside the usual form. */
static void
test_json_shapes(void **state)
{
#define ANY "{\"op\":\"All\"}"
    static const struct {
        const char *json, *text; /* NULL: refused */
    } list[] = {
        {"[\"permit\",[\"All\"],[\"All\"],[\"is\",\"A\",{\"entity\":[\"B\",\"x\"]}],[[\"unless\",{\"Var\":{\"context\":null}}]]]",
         "permit(principal, action, resource is A in B::\"x\") unless { context };"},
        {"{\"effect\":{\"forbid\":null},\"principal\":" ANY ",\"action\":" ANY ",\"resource\":" ANY ",\"conditions\":[]}",
         "forbid(principal, action, resource);"},
        {"[\"permit\",[\"All\"],[\"All\"],[\"All\"]]", NULL},
        {"[\"permit\",[\"All\",1],[\"All\"],[\"All\"],[]]", NULL},
        {"[\"permit\",[\"is\",\"A\"],[\"All\"],[\"All\"],[]]", NULL},
        {"[\"permit\",[\"==\",[\"A\",\"x\"]],[\"All\"],[\"All\"],[]]", NULL},
        {"[\"permit\",[\"All\"],[\"All\"],[\"All\"],[[\"when\",{\"==\":[{\"Value\":1},{\"Value\":1}]}]]]", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        struct cedar_policies *p;
        struct cedar_error error;
        struct cedar_output out;
        bool ok = cedar_policy_json(str_of(list[i].json), "j", &p, &error);
        assert_int_equal(ok, list[i].text != NULL);
        if (!ok)
            continue;
        assert_true(cedar_policy_to_text(p, 0, &out, &error));
        gives(&out, list[i].text);
        cedar_policies_unref(p);
    }
}

static void
test_unknown_is_refused_by_name(void **state)
{
    struct cedar_policies *p;
    struct cedar_error error;
    (void)state;
    assert_false(cedar_policies_parse(str_of("permit(principal, action, resource) when { unknown(\"x\") };"), "t", false, &p, &error));
    assert_int_equal(error.code, CEDAR_UNSUPPORTED);
    assert_false(reads(WHEN("{\"unknown\": [{\"Value\": \"x\"}]}"), &error));
    assert_int_equal(error.code, CEDAR_UNSUPPORTED);
    assert_false(reads(WHEN("{\"Value\": {\"__extn\": {\"fn\": \"unknown\", \"arg\": \"x\"}}}"), &error));
    assert_int_equal(error.code, CEDAR_UNSUPPORTED);
}

/* ${before}, ${n} times ${unit}, ${behind}. */
static struct buf
repeated(const char *before, const char *unit, size_t n, const char *behind)
{
    struct buf b = buf_make((size_t)64 << 20);
    buf_puts(&b, before);
    for (size_t i = 0; i < n; i++)
        buf_puts(&b, unit);
    buf_puts(&b, behind);
    return b;
}

#define WHEN_TEXT "permit(principal, action, resource) when { "

/* A chain of any length is written so that it can be read again; a sum cannot be folded otherwise, and is refused. */
static void
test_long_chains(void **state)
{
    static const struct {
        const char *unit;
        size_t n;
        bool written;
    } list[] = {{"true && ", 60, true}, {"true && ", 20000, true}, {"false || ", 20000, true},
                {"1 + ", 59, true},     {"1 + ", 61, false},       {"1 * ", 300, false}};
    (void)state;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        struct buf text = repeated(WHEN_TEXT, list[i].unit, list[i].n, list[i].unit[0] == '1' ? "1 == 1 };" : "true };");
        struct cedar_policies *p = parsed(buf_text(&text)), *q;
        struct cedar_output one, all;
        struct cedar_error error;
        assert_int_equal(cedar_policy_to_json(p, 0, &one, &error), list[i].written);
        assert_int_equal(cedar_policies_to_json(p, &all, &error), list[i].written);
        if (list[i].written) {
            assert_true(cedar_policy_json((struct cedar_str){one.at, one.n}, "j", &q, &error));
            cedar_policies_unref(q);
            assert_true(cedar_policies_json((struct cedar_str){all.at, all.n}, "j", &q, &error));
            cedar_policies_unref(q);
        } else {
            assert_int_equal(error.code, CEDAR_LIMIT);
            assert_null(one.at);
            assert_null(all.at);
        }
        cedar_output_free(&one);
        cedar_output_free(&all);
        cedar_policies_unref(p);
        buf_free(&text);
    }
}

static enum cedar_code
code_of(struct buf b, bool json)
{
    struct cedar_policies *p;
    struct cedar_error error = {.code = CEDAR_OK};
    struct cedar_str text = {(const char *)b.at, b.n};
    assert_false(b.failed);
    bool ok = json ? cedar_policies_json(text, "j", &p, &error) : cedar_policies_parse(text, "t", false, &p, &error);
    assert_int_equal(ok, error.code == CEDAR_OK);
    cedar_policies_unref(p);
    buf_free(&b);
    return error.code;
}

static void
test_huge_texts(void **state)
{
    (void)state;
    assert_int_equal(code_of(repeated(WHEN_TEXT "[", "1,", CEDAR_MAX_ELEMENTS, "].isEmpty() };"), false), CEDAR_OK);
    assert_int_equal(code_of(repeated(WHEN_TEXT "[", "1,", CEDAR_MAX_ELEMENTS + 1, "].isEmpty() };"), false), CEDAR_LIMIT);
    assert_int_equal(code_of(repeated(WHEN_TEXT "1", "+1", CEDAR_MAX_ELEMENTS, "== 1 };"), false), CEDAR_LIMIT);
    assert_int_equal(code_of(repeated(WHEN_TEXT "ip(", "1,", CEDAR_MAX_ELEMENTS + 1, ") };"), false), CEDAR_LIMIT);
    assert_int_equal(code_of(repeated("permit(principal, action in [", "Action::\"\",", CEDAR_MAX_ELEMENTS + 1, "], resource);"), false),
                     CEDAR_LIMIT);
    assert_int_equal(code_of(repeated(WHEN_TEXT "[", "[[[],[]]],", CEDAR_MAX_ELEMENTS, "].isEmpty() };"), false), CEDAR_LIMIT);
    assert_int_equal(code_of(repeated(WHEN_TEXT "[[", "1,1,],[", CEDAR_MAX_POLICY_NODES / 3, "]].isEmpty() };"), false), CEDAR_LIMIT);
    assert_int_equal(code_of(repeated("", "permit(principal,action,resource);", 30000, ""), false), CEDAR_OK);
    assert_int_equal(code_of(repeated("", "permit(principal,action,resource);", 31000, ""), false), CEDAR_LIMIT);
}

#define SET_BEFORE                                                                                                                                   \
    "{\"templates\":{},\"templateLinks\":[],\"staticPolicies\":{\"a\":{\"effect\":\"permit\",\"principal\":" ANY ",\"action\":" ANY                  \
    ",\"resource\":" ANY ",\"conditions\":[{\"kind\":\"when\",\"body\":"
#define SET_BEHIND "}]}}}"

static void
test_huge_json(void **state)
{
    (void)state;
    assert_int_equal(code_of(repeated(SET_BEFORE "{\"Value\":[1", ",1", CEDAR_MAX_ELEMENTS - 1, "]}" SET_BEHIND), true), CEDAR_OK);
    assert_int_equal(code_of(repeated(SET_BEFORE "{\"Value\":[1", ",1", CEDAR_MAX_ELEMENTS, "]}" SET_BEHIND), true), CEDAR_LIMIT);
    assert_int_equal(code_of(repeated(SET_BEFORE "{\"Value\":[[1]", ",[1,1,1,1,1,1,1]", CEDAR_MAX_POLICY_NODES / 8, "]}" SET_BEHIND), true),
                     CEDAR_LIMIT);
    assert_int_equal(code_of(repeated(SET_BEFORE "{\"Value\":[1", ",1", CEDAR_MAX_POLICY_JSON_VALUES, "]}" SET_BEHIND), true), CEDAR_LIMIT);
    assert_int_equal(code_of(repeated("", " ", CEDAR_MAX_POLICY_JSON_BYTES + 1, ""), true), CEDAR_LIMIT);
    assert_int_equal(code_of(repeated(SET_BEFORE "{\"Value\":", "[", 1000000, ""), true), CEDAR_LIMIT);
}

/* The innermost array is at level 6 + n; the official reader takes 127. */
static void
test_json_depth_is_the_official_one(void **state)
{
    (void)state;
    for (size_t n = CEDAR_MAX_JSON_DEPTH - 6; n <= CEDAR_MAX_JSON_DEPTH - 5; n++) {
        struct buf open = repeated(SET_BEFORE "{\"Value\":", "[", n, ""), all = repeated(buf_text(&open), "]", n, "}" SET_BEHIND);
        assert_int_equal(code_of(all, true), n == CEDAR_MAX_JSON_DEPTH - 6 ? CEDAR_OK : CEDAR_LIMIT);
        buf_free(&open);
    }
}

static void
test_did_you_mean(void **state)
{
    static const struct {
        const char *text, *error;
    } list[] = {
        {"permitt(principal, action, resource);", "invalid policy effect: permitt; did you mean `permit`?"},
        {"frobid(principal, action, resource);", "invalid policy effect: frobid; did you mean `forbid`?"},
        {"allow(principal, action, resource);", "invalid policy effect: allow; effect must be either `permit` or `forbid`"},
        {"permit(princpal, action, resource);", "found an invalid variable in the policy scope: princpal; did you mean `principal`?"},
        {"permit(principal, action, rescource);", "found an invalid variable in the policy scope: rescource; did you mean `resource`?"},
        {"permit(principal, action, resource) whn { true };", "invalid policy condition: whn; did you mean `when`?"},
        {"permit(principal, action, resource) unles { true };", "invalid policy condition: unles; did you mean `unless`?"},
        {"permit(principal, action, resource) where { true };", "invalid policy condition: where; did you mean `when`?"},
        {WHEN_TEXT "princpal == 1 };", "invalid variable: princpal; did you mean `principal`?"},
        {WHEN_TEXT "contxt.x == 1 };", "invalid member access: `contxt` has no fields or methods; did you mean `context`?"},
        {WHEN_TEXT "True };", "invalid variable: True; did you mean `true`?"},
        {WHEN_TEXT "x };", "invalid variable: x; the valid Cedar variables are"},
        {WHEN_TEXT "context hass x };", "unexpected token `hass`; did you mean `has`?"},
        {WHEN_TEXT "if true than 1 else 2 };", "unexpected token `than`; did you mean `then`?"},
        {WHEN_TEXT "true and false };", "unexpected token `and`; did you mean `&&`?"},
        {WHEN_TEXT "true or false };", "unexpected token `or`; did you mean `||`?"},
        {WHEN_TEXT "true then };", "unexpected token `then`"},
        {WHEN_TEXT "true zz };", "unexpected token `zz`"},
        {WHEN_TEXT "ipp(\"1.1.1.1\") };", "`ipp` is not a valid function; did you mean `ip`?"},
        {WHEN_TEXT "[].isEmty() };", "`isEmty` is not a valid method; did you mean `isEmpty`?"},
        {WHEN_TEXT "context.a.lesThan(1) };", "`lesThan` is not a valid method; did you mean `lessThan`?"},
        {WHEN_TEXT "context.a().b };", "`a` is not a valid method"},
        {"permit(principal == User::{a:1, b : \"x\"}, action, resource);", "invalid entity literal: User::{a: 1, b: \"x\"}; it should have"},
        {"permit(principal == User::{a:b}, action, resource);", "unexpected token `b`"},
        {"permit(principal == User::{", "unexpected end of input"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        struct cedar_policies *p;
        struct cedar_error error;
        assert_false(cedar_policies_parse(str_of(list[i].text), "t", false, &p, &error));
        if (strncmp(error.text, list[i].error, strlen(list[i].error)) != 0 ||
            (strstr(error.text, "did you mean") && !strstr(list[i].error, "did you mean")))
            fail_msg("%s\n  expected %s\n  got      %s", list[i].text, list[i].error, error.text);
    }
}

static void
test_decimal_digits(void **state)
{
    static const struct {
        const char *text, *error;
    } list[] = {
        {"\\u{661}.0", "overflow when converting to decimal"},
        {"1.\\u{661}", "overflow when converting to decimal"},
        {"1.\\u{661}\\u{661}\\u{661}", "too many digits after the decimal"},
        {"\\u{1d7ff}.0", "overflow when converting to decimal"},
        {"\\u{b2}.0", "is not a well-formed decimal value"},
        {"\\u{66a}.0", "is not a well-formed decimal value"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        char text[128];
        struct cedar_scratch *s = cedar_scratch_new(1 << 16);
        struct cedar_request q = {{{"U", 1}, {"a", 1}}, {{"Action", 6}, {"x", 1}}, {{"R", 1}, {"r", 1}}, NULL};
        struct cedar_answer a;
        snprintf(text, sizeof text, WHEN_TEXT "decimal(\"%s\") == 1 };", list[i].text);
        struct cedar_policies *p = parsed(text);
        assert_true(cedar_evaluate(p, NULL, &q, s, &a));
        assert_int_equal(a.n_errors, 1);
        assert_non_null(strstr(a.errors[0].text, list[i].error));
        cedar_policies_unref(p);
        cedar_scratch_free(s);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expressions),  cmocka_unit_test(test_json_is_strict), cmocka_unit_test(test_json_depth),
        cmocka_unit_test(test_links),        cmocka_unit_test(test_formatter),      cmocka_unit_test(test_error_is_shown),
        cmocka_unit_test(test_json_shapes),  cmocka_unit_test(test_long_chains),    cmocka_unit_test(test_unknown_is_refused_by_name),
        cmocka_unit_test(test_huge_texts),   cmocka_unit_test(test_huge_json),      cmocka_unit_test(test_json_depth_is_the_official_one),
        cmocka_unit_test(test_did_you_mean), cmocka_unit_test(test_decimal_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
