/*
 * Schema and policies: "schema NUL policies", or policies alone for a schema of ours. Validation ends, says the same twice, and puts its
 * findings inside the text; and no policy that the lint names, of which it says that it can never apply, is satisfied.
 */
#include "writ/cedar.h"

#include <stdlib.h>
#include <string.h>

#define CHECK(truth)                                                                                                                                 \
    do {                                                                                                                                             \
        if (!(truth))                                                                                                                                \
            abort();                                                                                                                                 \
    } while (0)

static const char our_schema[] = "entity G; entity U in [G] { n: Long, o?: U, r: { a?: String, d: decimal }, s: Set<U> } tags String;"
                                 "entity E enum [\"a\", \"b\"];"
                                 "action x, y in [Action::\"z\"] appliesTo { principal: [U, G], resource: [U, E], context: { n?: Long, u: U, t: "
                                 "datetime } }; action z;";
static const char world[] =
    "[{\"uid\":{\"type\":\"U\",\"id\":\"a\"},\"attrs\":{\"n\":1,\"s\":[1,\"x\"],\"o\":{\"__entity\":{\"type\":\"U\",\"id\":\"a\"}}},"
    "\"parents\":[{\"type\":\"G\",\"id\":\"g\"}],\"tags\":{\"t\":\"v\"}}]";

static struct cedar_str
str(const char *text)
{
    return (struct cedar_str){text, strlen(text)};
}

static void
check_findings(const struct cedar_policies *p, const struct cedar_findings *f, size_t size)
{
    size_t errors = 0;
    for (size_t i = 0; i < f->n; i++) {
        const struct cedar_finding *x = &f->at[i];
        CHECK(x->policy < cedar_policies_count(p) && x->message.n > 0);
        CHECK(x->start <= x->end && x->end <= size && (x->end == 0 || (x->line > 0 && x->column > 0)));
        errors += x->kind == CEDAR_FINDING_ERROR;
    }
    CHECK(errors == f->n_errors);
}

static void
validate_twice(const struct cedar_policies *p, const struct cedar_schema *s, size_t size)
{
    const struct cedar_validation levels = {true, 1};
    struct cedar_findings *a = NULL, *b = NULL;
    struct cedar_error error = {.code = CEDAR_OK};
    bool first = cedar_validate(p, s, &levels, &a, &error);
    CHECK(cedar_validate(p, s, &levels, &b, &error) == first);
    if (first) {
        check_findings(p, a, size);
        CHECK(a->n == b->n);
        for (size_t i = 0; i < a->n; i++)
            CHECK(a->at[i].message.n == b->at[i].message.n && memcmp(a->at[i].message.at, b->at[i].message.at, a->at[i].message.n) == 0);
    }
    cedar_findings_free(a);
    cedar_findings_free(b);
}

static void
check_lint(const struct cedar_policies *p, const struct cedar_entities *e, size_t size)
{
    struct cedar_scratch *s = cedar_scratch_new(1 << 24);
    struct cedar_findings *f;
    struct cedar_error error;
    struct cedar_answer a;
    struct cedar_request q = {{str("U"), str("a")}, {str("Action"), str("x")}, {str("U"), str("a")}, NULL};
    q.context = cedar_value_json(s, str("{\"n\":1,\"a\":\"b\",\"x\":true,\"r\":{\"a\":[]}}"), &error);
    CHECK(cedar_lint(p, NULL, &f, &error));
    check_findings(p, f, size);
    CHECK(q.context && cedar_evaluate(p, e, &q, s, &a));
    for (size_t i = 0; i < f->n; i++) {
        for (size_t k = 0; k < a.n_permits; k++)
            CHECK(a.permits[k] != f->at[i].policy);
        for (size_t k = 0; k < a.n_forbids; k++)
            CHECK(a.forbids[k] != f->at[i].policy);
    }
    cedar_findings_free(f);
    cedar_scratch_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cedar_entities *e;
    static struct cedar_schema *ours;
    struct cedar_policies *p = NULL;
    struct cedar_schema *s = NULL;
    struct cedar_findings *f;
    struct cedar_error error;
    if (e == NULL)
        CHECK(cedar_entities_json(str(world), &e, &error) && cedar_schema_parse(str(our_schema), "ours", &ours, &error));
    const uint8_t *zero = size ? memchr(data, 0, size) : NULL;
    struct cedar_str text = {(const char *)(zero ? zero + 1 : data), zero ? size - (size_t)(zero + 1 - data) : size};
    if (zero)
        cedar_schema_parse((struct cedar_str){(const char *)data, (size_t)(zero - data)}, "fuzz", &s, &error);
    if ((s || !zero) && cedar_policies_parse(text, "fuzz", false, &p, &error)) {
        validate_twice(p, s ? s : ours, text.n);
        check_lint(p, e, text.n);
        CHECK(cedar_lint(p, s ? s : ours, &f, &error));
        check_findings(p, f, text.n);
        cedar_findings_free(f);
    }
    cedar_policies_unref(p);
    cedar_schema_unref(s);
    return 0;
}
