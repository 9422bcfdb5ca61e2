/*
 * The long run of partial evaluation against completions: cedar_partial CASES [SEED]. Ends with one line of counts; the first case that
 * breaks a law is printed in full with its seed.
 */
#include "../unit/partial_cases.h"

static int
report(const struct partial_case *c, uint64_t seed, const char *law)
{
    struct cedar_partial_answer a;
    struct cedar_error error;
    struct cedar_output out = {NULL, 0};
    if (cedar_partial(c->policies, c->store, &c->request, &c->options, c->scratch, &a, &error))
        cedar_partial_json(c->policies, &a, &out);
    printf("seed %llu: %s\n%s\n%.*s\n", (unsigned long long)seed, law, c->text.at, (int)out.n, out.at ? out.at : "");
    return 1;
}

int
main(int argc, char **argv)
{
    struct case_counts n = {.cases = 0};
    static struct partial_case c;
    uint64_t cases = argc > 1 ? strtoull(argv[1], NULL, 10) : 100000, first = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    for (uint64_t seed = first; seed < first + cases; seed++) {
        struct dice d = {.state = seed * 0x9e3779b97f4a7c15u};
        bool made;
        const char *law = case_run(&d, &c, 12, &n, &made);
        if (law)
            return report(&c, seed, law);
        if (made)
            case_free(&c);
    }
    printf("partial: cases %lu (refused %lu), completions %lu, policies %lu: known %lu, residual %lu; decided %lu; laws broken 0\n", n.cases,
           n.refused, n.completions, n.policies, n.known, n.residual, n.decided);
    return 0;
}
