/* Partial evaluation: what is said of policies, decisions and candidates holds in every completion. */
#include "test_cedar.h"

#include "partial_cases.h"

static void
report(const struct partial_case *c, const char *law)
{
    struct cedar_partial_answer a;
    struct cedar_error error;
    struct cedar_output out = {NULL, 0};
    if (cedar_partial(c->policies, c->store, &c->request, &c->options, c->scratch, &a, &error))
        cedar_partial_json(c->policies, &a, &out);
    fail_msg("%s\n%s\n%.*s", law, c->text.at, (int)out.n, out.at ? out.at : "");
}

/* A fixed share of the long run in tests/conformance. */
static void
completions_keep_the_laws(void **state)
{
    struct case_counts n = {0, 0, 0, 0, 0, 0, 0};
    static struct partial_case c;
    (void)state;
    for (unsigned seed = 1; seed <= 3000; seed++) {
        struct dice d = {.state = seed * 0x9e3779b97f4a7c15u};
        bool made;
        const char *law = case_run(&d, &c, 8, &n, &made);
        if (law)
            report(&c, law);
        if (made)
            case_free(&c);
    }
    assert_true(n.refused * 20 < n.cases);
    assert_true(n.residual * 20 > n.policies && n.known * 10 > n.policies);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(completions_keep_the_laws),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
