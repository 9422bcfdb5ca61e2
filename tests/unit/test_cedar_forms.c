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

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_expressions), cmocka_unit_test(test_json_is_strict),
                                       cmocka_unit_test(test_json_depth),  cmocka_unit_test(test_links),
                                       cmocka_unit_test(test_formatter),   cmocka_unit_test(test_error_is_shown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
