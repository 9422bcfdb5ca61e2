/* Where expressions stand in the text: the places that validation errors point at. */
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
at(const char *text, uint32_t start, uint32_t end, const char *want)
{
    assert_true(start < end && end <= strlen(text));
    assert_int_equal(end - start, strlen(want));
    assert_memory_equal(text + start, want, end - start);
}

/* The span of the operand reached by ${path} ("01": the second operand of the first) in the condition ${body}. */
static void
check(const char *body, const char *path, const char *want)
{
    char text[512];
    snprintf(text, sizeof text, "permit(principal, action, resource) when { %s };", body);
    struct cedar_policies *p = parsed(text);
    const struct expr *e = p->at[0]->conditions->expr;
    for (; *path; path++)
        e = e->kid[*path - '0'];
    at(text, e->start, e->end, want);
    cedar_policies_unref(p);
}

static void
test_expressions(void **state)
{
    (void)state;
    check("(  (1) == 2 )", "", "(1) == 2");
    check("((1) == 2)", "0", "1");
    check("true && (false) && true", "", "true && (false) && true");
    check("(true && false) || true", "0", "true && false");
    check("1 + -2 - (3)", "", "1 + -2 - (3)");
    check("1 + -2 - (3)", "1", "2");
    check("- - 2 == 1", "0", "- - 2");
    check("- - 2 == 1", "00", "2");
    check("!!true", "0", "!!true");
    check("!!true", "00", "true");
    check("principal.a[\"b\"].contains(1) // x\n", "", "principal.a[\"b\"].contains(1)");
    check("principal.a[\"b\"].contains(1)", "00", "principal.a[\"b\"].contains(1)");
    check("principal.a[\"b\"].contains(1)", "000", "principal");
    check("ip(\"::1\").isIpv4()", "0", "ip(\"::1\").isIpv4()");
    check("(ip(\"::1\")).isIpv4()", "0", "ip(\"::1\")");
    check("principal has a . b", "", "principal has a . b");
    check("principal is A::B in C::\"x\"", "", "principal is A::B in C::\"x\"");
    check("principal is A::B in C::\"x\"", "1", "C::\"x\"");
    check("if true then [1, 2] else {a: 1}", "", "if true then [1, 2] else {a: 1}");
    check("if true then [1, 2] else {a: 1}", "1", "[1, 2]");
    check("if true then [1, 2] else {a: 1}", "2", "{a: 1}");
}

static void
test_scopes(void **state)
{
    (void)state;
    const char *text = "@a\npermit(principal is A :: B in ?principal, action in [Action::\"x\", C::Action::\"y\"], resource == (D::\"\"))\n"
                       "unless { principal is A::B } ; ";
    struct cedar_policies *set = parsed(text);
    const struct policy *p = set->at[0];
    at(text, p->start, p->end,
       "@a\npermit(principal is A :: B in ?principal, action in [Action::\"x\", C::Action::\"y\"], resource == (D::\"\"))\n"
       "unless { principal is A::B } ;");
    at(text, p->principal.type_span.start, p->principal.type_span.end, "A :: B");
    at(text, p->principal.slot_span.start, p->principal.slot_span.end, "?principal");
    at(text, p->action.places[1].uid.start, p->action.places[1].uid.end, "C::Action::\"y\"");
    at(text, p->action.places[1].type.start, p->action.places[1].type.end, "C::Action");
    at(text, p->resource.places[0].uid.start, p->resource.places[0].uid.end, "D::\"\"");
    at(text, p->conditions->start, p->conditions->end, "unless { principal is A::B }");
    at(text, p->conditions->expr->type.start, p->conditions->expr->type.end, "A::B");
    cedar_policies_unref(set);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_expressions), cmocka_unit_test(test_scopes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
