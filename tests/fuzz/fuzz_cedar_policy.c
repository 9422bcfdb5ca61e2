/*
 * Policy texts. What is accepted must be consistent: the source of each policy is that policy again, evaluating is repeatable, a policy
 * says the same alone as in its set, and an error has a text and a place inside the input.
 */
#include "writ/cedar.h"

#include <stdlib.h>
#include <string.h>

#define CHECK(truth)                                                                                                                                 \
    do {                                                                                                                                             \
        if (!(truth))                                                                                                                                \
            abort();                                                                                                                                 \
    } while (0)

static const char world[] =
    "[{\"uid\":{\"type\":\"U\",\"id\":\"a\"},\"attrs\":{\"n\":1,\"s\":[1,\"x\"],\"f\":{\"__entity\":{\"type\":\"U\",\"id\":\"b\"}}},"
    "\"parents\":[{\"type\":\"G\",\"id\":\"g\"}],\"tags\":{\"t\":\"v\"}},{\"uid\":{\"type\":\"Action\",\"id\":\"x\"},\"attrs\":{},\"parents\":[]}]";
static const char context_json[] = "{\"x\":\"1.2.3.4\",\"n\":{\"m\":{\"k\":1}},\"b\":true,\"l\":9223372036854775807}";

static struct cedar_str
str(const char *text)
{
    return (struct cedar_str){text, strlen(text)};
}

static void
check_error(const struct cedar_error *e, const uint8_t *data, size_t size)
{
    unsigned lines = 1;
    for (size_t i = 0; i < size; i++)
        lines += data[i] == '\n';
    CHECK(e->code != CEDAR_OK && e->text[0] && strlen(e->text) < sizeof e->text);
    CHECK(e->line <= lines);
}

/* All errors of a text: the first is the one that parsing gives, and each further one is behind it; of a text that is right there are none. */
static void
check_errors(const struct cedar_error *first, const uint8_t *data, size_t size)
{
    static struct cedar_error list[CEDAR_MAX_ERRORS];
    size_t n = cedar_policies_errors((struct cedar_str){(const char *)data, size}, list, CEDAR_MAX_ERRORS);
    CHECK(n <= CEDAR_MAX_ERRORS && (first || n == 0));
    for (size_t i = 0; i < n; i++)
        check_error(&list[i], data, size);
    CHECK(n == 0 || (list[0].code == first->code && strcmp(list[0].text, first->text) == 0 && list[0].line == first->line));
}

static bool
evaluate(const struct cedar_policies *p, struct cedar_scratch *s, const struct cedar_entities *e, struct cedar_answer *a)
{
    struct cedar_error error;
    cedar_scratch_reset(s);
    struct cedar_request q = {{str("U"), str("a")}, {str("Action"), str("x")}, {str("R"), str("r")}, cedar_value_json(s, str(context_json), &error)};
    CHECK(q.context);
    return cedar_evaluate(p, e, &q, s, a);
}

static int
kind_of(const struct cedar_answer *a, size_t i, const char **text)
{
    int kind = 0, n = 0;
    *text = "";
    for (size_t k = 0; k < a->n_permits; k++)
        if (a->permits[k] == i)
            kind = 1, n++;
    for (size_t k = 0; k < a->n_forbids; k++)
        if (a->forbids[k] == i)
            kind = 2, n++;
    for (size_t k = 0; k < a->n_errors; k++)
        if (a->errors[k].policy == i)
            kind = 3, n++, *text = a->errors[k].text;
    CHECK(n <= 1);
    return kind;
}

static void
check_alone(const struct cedar_policies *p, size_t i, int kind, const char *text, const struct cedar_entities *e)
{
    struct cedar_policies *one;
    struct cedar_error error;
    struct cedar_answer a;
    struct cedar_str key, value, again;
    const char *text_alone;
    CHECK(cedar_policies_parse(cedar_policy_source(p, i), "alone", false, &one, &error));
    CHECK(cedar_policies_count(one) == 1 && cedar_policy_effect(one, 0) == cedar_policy_effect(p, i));
    for (size_t k = 0; cedar_policy_annotation_at(p, i, k, &key, &value); k++) {
        CHECK(cedar_policy_annotation_at(one, 0, k, &again, &again));
        CHECK(again.n == value.n && memcmp(again.at, value.at, value.n) == 0);
    }
    struct cedar_scratch *s = cedar_scratch_new(1 << 22);
    CHECK(evaluate(one, s, e, &a));
    CHECK(kind_of(&a, 0, &text_alone) == kind && strcmp(text_alone, text) == 0);
    CHECK(kind != 1 || cedar_policy_effect(p, i) == CEDAR_PERMIT);
    CHECK(kind != 2 || cedar_policy_effect(p, i) == CEDAR_FORBID);
    CHECK(kind != 3 || text[0]);
    cedar_scratch_free(s);
    cedar_policies_unref(one);
}

static void
check_path(size_t policy, struct cedar_str action, struct cedar_str path, unsigned line, unsigned column, void *ctx)
{
    (void)path;
    CHECK(policy < cedar_policies_count(ctx) && line > 0 && column > 0);
    CHECK(action.n == 0 || action.at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cedar_entities *e;
    struct cedar_policies *p;
    struct cedar_error error = {.code = CEDAR_OK};
    struct cedar_answer a;
    const char *text;
    if (e == NULL)
        CHECK(cedar_entities_json(str(world), &e, &error));
    if (!cedar_policies_parse((struct cedar_str){(const char *)data, size}, "fuzz", false, &p, &error)) {
        CHECK(p == NULL);
        check_error(&error, data, size);
        check_errors(&error, data, size);
        return 0;
    }
    check_errors(NULL, data, size);
    struct cedar_scratch *s = cedar_scratch_new(1 << 24);
    cedar_policies_walk_context(p, check_path, p);
    CHECK(evaluate(p, s, e, &a));
    for (size_t i = 0; i < cedar_policies_count(p) && i < 8; i++) {
        int kind = kind_of(&a, i, &text);
        check_alone(p, i, kind, text, e);
    }
    cedar_scratch_free(s);
    cedar_policies_unref(p);
    return 0;
}
