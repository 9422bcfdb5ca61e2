/* What the tests of Cedar share: a small world, and the value of a condition in it. */
#ifndef TEST_CEDAR_H
#define TEST_CEDAR_H

#include "writ/cedar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STR(text) ((struct cedar_str){(text), strlen(text)})

static inline void
assert_str(struct cedar_str got, const char *expected)
{
    char copy[4096];
    assert_true(got.n < sizeof copy);
    memcpy(copy, got.at ? got.at : "", got.n);
    copy[got.n] = 0;
    assert_string_equal(copy, expected);
}

static inline struct cedar_policies *
parse(const char *text)
{
    struct cedar_policies *p;
    struct cedar_error error;
    if (!cedar_policies_parse(STR(text), "test", false, &p, &error))
        fail_msg("%s\n  line %u, column %u: %s", text, error.line, error.column, error.text);
    return p;
}

static inline struct cedar_entities *
entities(const char *json)
{
    struct cedar_entities *e;
    struct cedar_error error;
    if (!cedar_entities_json(STR(json), &e, &error))
        fail_msg("%s", error.text);
    return e;
}

__attribute__((unused)) static const char small_world[] =
    "[{\"uid\":{\"type\":\"U\",\"id\":\"a\"},\"attrs\":{\"age\":7,\"boss\":{\"__entity\":{\"type\":\"U\",\"id\":\"b\"}},\"tag\":1},"
    "\"parents\":[{\"type\":\"G\",\"id\":\"low\"}],\"tags\":{\"k\":\"v\",\"age\":1}},"
    "{\"uid\":{\"type\":\"U\",\"id\":\"b\"},\"attrs\":{\"dept\":{\"name\":\"x\"}},\"parents\":[]},"
    "{\"uid\":{\"type\":\"G\",\"id\":\"low\"},\"attrs\":{},\"parents\":[{\"type\":\"G\",\"id\":\"top\"}]}]";

/* What a condition comes to: "true", "false", "error: …" or "refused: …", for principal U::"a", action Action::"x", resource R::"r". */
static inline const char *
value_of(const char *expression, const struct cedar_entities *e)
{
    static char out[2048], text[2048];
    struct cedar_policies *p;
    struct cedar_error error;
    struct cedar_answer a;
    snprintf(text, sizeof text, "permit(principal,action,resource) when { %s };", expression);
    if (!cedar_policies_parse(STR(text), "test", false, &p, &error)) {
        snprintf(out, sizeof out, "refused: %s", error.text);
        return out;
    }
    struct cedar_scratch *s = cedar_scratch_new(1 << 20);
    struct cedar_value *context = cedar_value_json(s, STR("{\"x\":\"1.2.3.4\",\"n\":{\"m\":{\"k\":1}},\"s\":[1,2]}"), &error);
    struct cedar_request q = {{STR("U"), STR("a")}, {STR("Action"), STR("x")}, {STR("R"), STR("r")}, context};
    assert_non_null(context);
    assert_true(cedar_evaluate(p, e, &q, s, &a));
    assert_int_equal(a.n_permits + a.n_errors <= 1, 1);
    if (a.n_errors)
        snprintf(out, sizeof out, "error: %s", a.errors[0].text);
    else
        snprintf(out, sizeof out, "%s", a.n_permits ? "true" : "false");
    cedar_scratch_free(s);
    cedar_policies_unref(p);
    return out;
}

static inline char *
repeat(const char *before, const char *part, size_t n, const char *behind)
{
    size_t m = strlen(part), from = strlen(before);
    char *text = malloc(from + m * n + strlen(behind) + 1);
    assert_non_null(text);
    memcpy(text, before, from);
    for (size_t i = 0; i < n; i++)
        memcpy(text + from + i * m, part, m);
    strcpy(text + from + m * n, behind);
    return text;
}

#define WHEN "permit(principal,action,resource) when { "

#endif
