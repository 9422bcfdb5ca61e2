/* Policies that can do nothing. Cedar leaves out a policy that errors, so a forbid that always does protects nothing, silently. */
#include "cedar/applicable.h"
#include "cedar/outcome.h"
#include "cedar/policies.h"

#define MEMORY_MAX ((size_t)512 << 20)

struct linter {
    const struct cedar_policies *policies;
    const struct cedar_schema *schema; /* NULL: none */
    struct checker_types types;
    struct finding_list findings;
    struct arena a, of_policy;
};

/* One policy: its conditions as one term, and what they came out as in all request environments that its scope admits. */
struct subject {
    const struct policy *p;
    size_t index;
    struct term body;
    unsigned can;
    bool admitted;              /* in one at least */
    struct request_types first; /* the first of them */
};

/* -------------------------------------------------------------------------------------------------------------- outcomes */

static void
look_env(struct outcomes *o, struct subject *s, const struct request_types *env)
{
    if (!s->admitted)
        s->first = *env;
    s->admitted = true;
    o->env = env;
    s->can |= outcomes_of(o, &s->body);
}

static void
look_action(struct outcomes *o, struct subject *s, const struct schema_action *a)
{
    struct request_types env = {.action = a};
    for (size_t i = 0; i < a->n_principals; i++) {
        if (!applicable_type(&s->p->principal, a->principals[i]))
            continue;
        for (size_t k = 0; k < a->n_resources && !(s->can & OUTCOME_TRUE); k++) {
            if (!applicable_type(&s->p->resource, a->resources[k]))
                continue;
            env.principal = a->principals[i];
            env.resource = a->resources[k];
            look_env(o, s, &env);
        }
    }
}

/* Leaves the terms as they came out in the first environment. */
static void
look(struct linter *l, struct subject *s)
{
    struct outcomes o = {.left = CEDAR_MAX_VALIDATION_STEPS};
    struct request_types none = {0};
    if (l->schema == NULL) {
        look_env(&o, s, &none);
        s->admitted = s->p->action.kind != SCOPE_IN || s->p->action.n > 0;
        return;
    }
    o.types = &l->types;
    for (size_t i = 0; i < l->schema->n_actions && !(s->can & OUTCOME_TRUE); i++)
        if (applicable_action(l->schema, &s->p->action, &l->schema->actions[i]))
            look_action(&o, s, &l->schema->actions[i]);
    o.env = &s->first;
    if (s->admitted && !(s->can & OUTCOME_TRUE))
        outcomes_of(&o, &s->body);
}

/* ----------------------------------------------------------------------------------------------------------------- blame */

/* Was operand ${i} of ${t} looked at? */
static bool
is_seen(const struct term *t, size_t i)
{
    if (t->op == TERM_AND || t->op == TERM_ALL || t->op == TERM_OR)
        return i < t->visited;
    if (t->op == TERM_IF && i > 0)
        return t->kid[0]->outcomes & (i == 1 ? OUTCOME_TRUE : OUTCOME_FALSE);
    return true;
}

/* The operand because of which ${t} comes out as it does; NULL: it is ${t} itself. */
static const struct term *
culprit_below(const struct term *t)
{
    bool all = t->op == TERM_AND || t->op == TERM_ALL;
    for (size_t i = 0; (all || t->outcomes == 0) && i < t->n; i++)
        if (is_seen(t, i) && !(t->kid[i]->outcomes & (all ? (unsigned)OUTCOME_TRUE : (unsigned)OUTCOME_ANY)))
            return t->kid[i];
    return NULL;
}

static const struct term *
culprit(const struct term *t)
{
    for (const struct term *below = t; below; below = culprit_below(t))
        t = below;
    return t;
}

static const char *
kind_name(unsigned outcomes)
{
    static const struct {
        unsigned outcomes;
        const char *name;
    } names[] = {
        {OUTCOME_TRUE, "a boolean"},      {OUTCOME_FALSE, "a boolean"},   {OUTCOME_BOOL, "a boolean"},      {OUTCOME_LONG, "a long"},
        {OUTCOME_STRING, "a string"},     {OUTCOME_ENTITY, "an entity"},  {OUTCOME_SET, "a set"},           {OUTCOME_RECORD, "a record"},
        {OUTCOME_DATETIME, "a datetime"}, {OUTCOME_DECIMAL, "a decimal"}, {OUTCOME_DURATION, "a duration"}, {OUTCOME_IP, "an ip address"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].outcomes == outcomes)
            return names[i].name;
    return "another value";
}

static void
explain_call(struct buf *b, const struct term *t)
{
    const char *name = ext_name(t->function);
    unsigned n = ext_arguments(t->function) - ext_is_method(t->function);
    if (t->n != ext_arguments(t->function))
        buf_printf(b, "`%s` takes %u argument%s", name, n, n == 1 ? "" : "s");
    else if (t->kid[0]->outcomes == OUTCOME_STRING && ext_argument(t->function, 0) == VALUE_STRING)
        buf_printf(b, "`%s` cannot make a value of this string", name);
    else
        buf_printf(b, "the arguments of `%s` are of the wrong types", name);
}

/* Why ${t} always errors, though its operands need not. */
static void
explain_error(struct buf *b, const struct term *t)
{
    static const char *const rules[] = {
        [TERM_AND] = "an operand of `&&` must be a boolean",
        [TERM_ALL] = "a condition must be a boolean",
        [TERM_OR] = "an operand of `||` must be a boolean",
        [TERM_NOT] = "the operand of `!` must be a boolean",
        [TERM_IF] = "what stands behind `if` must be a boolean",
        [TERM_NEGATE] = "arithmetic takes longs",
        [TERM_ARITHMETIC] = "arithmetic takes longs",
        [TERM_LESS] = "only two longs, two datetimes or two durations can be compared",
        [TERM_LESS_EQUAL] = "only two longs, two datetimes or two durations can be compared",
        [TERM_IN] = "`in` takes an entity on the left and an entity or a set of entities on the right; `contains` asks what a set holds",
        [TERM_CONTAINS] = "`contains` belongs to a set",
        [TERM_CONTAINS_ALL] = "`containsAll` takes two sets",
        [TERM_CONTAINS_ANY] = "`containsAny` takes two sets",
        [TERM_IS_EMPTY] = "`isEmpty` belongs to a set",
        [TERM_GET_TAG] = "tags belong to entities, by strings, and only where the schema declares them",
        [TERM_HAS_TAG] = "tags belong to entities, by strings",
        [TERM_HAS] = "`has` looks into an entity or a record",
        [TERM_LIKE] = "`like` takes a string",
        [TERM_IS] = "`is` takes an entity",
    };
    if (t->op == TERM_CALL) {
        explain_call(b, t);
        return;
    }
    if (t->op == TERM_ATTRIBUTE && t->kid[0]->outcomes & (OUTCOME_ENTITY | OUTCOME_RECORD)) {
        buf_puts(b, "there is no attribute `");
        finding_escaped(b, t->name);
        buf_puts(b, "` here");
        return;
    }
    buf_puts(b, t->op == TERM_ATTRIBUTE ? "only entities and records have attributes" : rules[t->op]);
    for (size_t i = 0; i < t->n && i < 2; i++) {
        buf_puts(b, i ? " and " : "; here it gets ");
        buf_puts(b, kind_name(t->kid[i]->outcomes));
    }
}

/* ---------------------------------------------------------------------------------------------------------------- policies */

static struct buf *
begin(struct linter *l, const struct subject *s)
{
    struct buf *b = &l->findings.message;
    findings_next(&l->findings);
    buf_puts(b, "for policy `");
    finding_escaped(b, s->p->id);
    buf_puts(b, s->p->effect == CEDAR_FORBID ? "`, this forbid can never apply: " : "`, this permit can never apply: ");
    return b;
}

static void
add(struct linter *l, const struct subject *s, struct span span)
{
    findings_add(&l->findings, CEDAR_FINDING_LINT, s->index, span, 0, FINDING_ONCE);
}

static void
report(struct linter *l, const struct subject *s)
{
    const struct span whole = {s->p->start, s->p->end};
    if (!s->admitted) {
        buf_puts(begin(l, s), "its scope admits no request");
        add(l, s, whole);
        return;
    }
    const struct term *t = culprit(&s->body);
    struct buf *help = &l->findings.help;
    if (s->can & OUTCOME_FALSE)
        buf_puts(begin(l, s), "its condition is never true");
    else
        buf_puts(begin(l, s), "its condition ends in an error for every request, and Cedar leaves out a policy that errors");
    if (t->outcomes == 0)
        explain_error(help, t);
    else
        buf_puts(help, t->outcomes & OUTCOME_FALSE ? "this is never true" : "a condition must be a boolean");
    add(l, s, t->span.end ? t->span : whole);
}

/* What is too tall to walk, the lint says nothing of; the validator refuses it. */
static bool
lint_policy(struct linter *l, size_t index)
{
    struct subject s = {.p = l->policies->at[index], .index = index};
    struct terms terms;
    if (s.p->linked)
        return true;
    arena_reset(&l->of_policy);
    if (!terms_make(&l->of_policy, s.p, &terms))
        return false;
    if (terms.too_high)
        return true;
    s.body = *terms.whole;
    s.body.kid += TERM_SCOPE_PARTS;
    s.body.n -= TERM_SCOPE_PARTS;
    look(l, &s);
    if (!s.admitted || !(s.can & OUTCOME_TRUE))
        report(l, &s);
    return true;
}

bool
cedar_lint(const struct cedar_policies *policies, const struct cedar_schema *schema, struct cedar_findings **out, struct cedar_error *error)
{
    struct linter l = {.policies = policies, .schema = schema};
    l.of_policy.max = MEMORY_MAX;
    bool ok = findings_begin(&l.findings) && (schema == NULL || checker_types_make(&l.a, schema, &l.types));
    for (size_t i = 0; ok && i < policies->n && !l.findings.memory && !l.findings.full; i++) {
        findings_policy(&l.findings);
        ok = lint_policy(&l, i);
    }
    if (ok) {
        ok = findings_end(&l.findings, policies, out, error);
    } else {
        error_memory(error);
        findings_drop(&l.findings);
    }
    arena_free(&l.a);
    arena_free(&l.of_policy);
    return ok;
}
