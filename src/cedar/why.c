/*
 * Why a policy applies or does not: its clauses one after another, as the evaluator looks at them, and of each condition the smallest
 * parts that made it what it is.
 */
#include "cedar/evaluate.h"
#include "cedar/why.h"

struct story {
    const struct cedar_entities *entities;
    const struct cedar_value *variables[VARIABLE_COUNT];
    struct arena *a;
    size_t value_max;
    bool cut, memory;
    struct cedar_cause *causes; /* of the clause being told */
    size_t n_causes;
};

/* Room for what is printed before it is cut. */
#define PRINT_MAX ((size_t)16 << 10)

static struct cedar_str
keep(struct story *s, struct buf *b, size_t max, bool whole)
{
    size_t n = b->n <= max ? b->n : max;
    whole &= n == b->n && !b->failed;
    while (n < b->n && n > 0 && (b->at[n] & 0xc0) == 0x80)
        n--;
    char *text = arena_printf(s->a, "%.*s%s", (int)n, b->at ? (const char *)b->at : "", whole ? "" : "…");
    buf_free(b);
    s->cut |= !whole;
    s->memory |= text == NULL;
    return text ? str_of(text) : (struct cedar_str){"", 0};
}

static struct cedar_str
expr_words(struct story *s, const struct expr *e)
{
    struct buf b = buf_make(PRINT_MAX);
    expr_print(&b, e);
    return keep(s, &b, CEDAR_WHY_TEXT, true);
}

static struct cedar_str
value_words(struct story *s, const struct cedar_value *v)
{
    struct buf b = buf_make(PRINT_MAX);
    bool whole = s->value_max > 1 && why_value(&b, v, s->value_max);
    if (s->value_max > 1)
        return keep(s, &b, s->value_max, whole);
    return keep(s, &b, 0, false);
}

static const struct cedar_value *
value_of(struct story *s, const struct expr *e, struct fault *f)
{
    fault_reset(f);
    const struct cedar_value *v = evaluate_expr(s->entities, s->variables, e, s->a, f);
    s->memory |= f->memory;
    return v;
}

/* The value of ${e} where a bool is asked for. */
static enum cedar_truth
truth_of(struct story *s, const struct expr *e, struct fault *f)
{
    const struct cedar_value *v = value_of(s, e, f);
    if (v && v->kind != VALUE_BOOL)
        v = fault_type(f, "bool", v);
    return v == NULL ? CEDAR_FAILED : v->truth ? CEDAR_TRUE : CEDAR_FALSE;
}

/* --------------------------------------------------------------------------------------------------------------------------------- causes */

static void tell(struct story *s, const struct expr *e, enum cedar_truth truth);

static void
add_operand(struct story *s, struct cedar_cause *c, struct cedar_operand *list, const struct expr *e)
{
    struct fault f;
    const struct cedar_value *v = e->op == EXPR_LITERAL || e->op == EXPR_SET ? NULL : value_of(s, e, &f);
    if (v == NULL || c->n_operands == CEDAR_WHY_OPERANDS) {
        s->cut |= v != NULL;
        return;
    }
    list[c->n_operands++] = (struct cedar_operand){expr_words(s, e), value_words(s, v)};
}

/* Of a comparison the operands that are no literals; of anything else that is true or false by itself, itself. */
static void
add_operands(struct story *s, struct cedar_cause *c, const struct expr *e)
{
    struct cedar_operand *list = arena_list(s->a, CEDAR_WHY_OPERANDS, sizeof *list);
    s->memory |= list == NULL;
    if (list == NULL)
        return;
    c->operands = list;
    if (e->op == EXPR_ATTRIBUTE || e->op == EXPR_VARIABLE || e->op == EXPR_GET_TAG || e->op == EXPR_LITERAL)
        return;
    for (size_t i = 0; i < e->n; i++) {
        struct fault f;
        bool elements = e->kid[i]->op == EXPR_SET;
        for (size_t k = 0; elements && k < e->kid[i]->n; k++)
            add_operand(s, c, list, e->kid[i]->kid[k]);
        if (e->op == EXPR_HAS && value_of(s, e->kid[i], &f) && value_of(s, e->kid[i], &f)->kind == VALUE_RECORD)
            continue;
        add_operand(s, c, list, e->kid[i]);
    }
}

static void
add_cause(struct story *s, const struct expr *e, enum cedar_truth truth, const char *error)
{
    if (s->n_causes == CEDAR_WHY_CAUSES) {
        s->cut = true;
        return;
    }
    struct cedar_cause *c = &s->causes[s->n_causes++];
    *c = (struct cedar_cause){.text = expr_words(s, e), .line = e->line, .column = e->column, .truth = truth, .error = error};
    add_operands(s, c, e);
}

/* The smallest expression in ${e} that is in error: its operands have values. */
static void
tell_error(struct story *s, const struct expr *e, const char *text)
{
    struct fault f;
    for (size_t i = 0; i < e->n; i++)
        if (value_of(s, e->kid[i], &f) == NULL)
            return tell(s, e->kid[i], CEDAR_FAILED);
    add_cause(s, e, CEDAR_FAILED, text);
}

/* && is false, || true, and either an error by the last operand that was looked at; otherwise by all of them. */
static void
tell_chain(struct story *s, const struct expr *e, enum cedar_truth truth)
{
    enum cedar_truth stop = e->op == EXPR_AND ? CEDAR_FALSE : CEDAR_TRUE;
    struct fault f;
    for (size_t i = 0; i < e->n; i++) {
        enum cedar_truth one = truth_of(s, e->kid[i], &f);
        bool last = one == stop || one == CEDAR_FAILED;
        if (last || (truth != stop && truth != CEDAR_FAILED))
            tell(s, e->kid[i], one);
        if (last)
            return;
    }
}

static void
tell_if(struct story *s, const struct expr *e, enum cedar_truth truth)
{
    struct fault f;
    enum cedar_truth guard = truth_of(s, e->kid[0], &f);
    tell(s, e->kid[0], guard);
    if (guard != CEDAR_FAILED)
        tell(s, e->kid[guard == CEDAR_TRUE ? 1 : 2], truth);
}

static void
tell(struct story *s, const struct expr *e, enum cedar_truth truth)
{
    struct fault f;
    if (s->memory || s->n_causes == CEDAR_WHY_CAUSES) {
        s->cut = true;
        return;
    }
    if (e->op == EXPR_AND || e->op == EXPR_OR)
        return tell_chain(s, e, truth);
    if (e->op == EXPR_NOT)
        return tell(s, e->kid[0], truth_of(s, e->kid[0], &f));
    if (e->op == EXPR_IF)
        return tell_if(s, e, truth);
    if (truth != CEDAR_FAILED)
        return add_cause(s, e, truth, NULL);
    truth_of(s, e, &f);
    char *text = arena_str(s->a, s->value_max > 1 ? bytes_str(f.room) : BYTES("…"));
    s->memory |= text == NULL;
    if (text)
        tell_error(s, e, text);
}

static bool
start_causes(struct story *s)
{
    s->n_causes = 0;
    s->causes = arena_list(s->a, CEDAR_WHY_CAUSES, sizeof *s->causes);
    s->memory |= s->causes == NULL;
    return s->causes != NULL;
}

/* -------------------------------------------------------------------------------------------------------------------------------- clauses */

static bool
scope_holds(const struct story *s, const struct scope *scope, const struct cedar_uid *uid)
{
    bool found = scope->kind == SCOPE_ANY;
    if ((scope->kind == SCOPE_IS || scope->kind == SCOPE_IS_IN) && !str_eq(scope->type, uid->type))
        return false;
    if (scope->kind == SCOPE_IS)
        return true;
    for (size_t i = 0; i < scope->n && !found; i++)
        found = scope->kind == SCOPE_EQUAL ? uid_eq(uid, &scope->uids[i]) : entities_in(s->entities, uid, &scope->uids[i]);
    return found;
}

static void
scope_clause(struct story *s, struct cedar_clause *c, const struct scope *scope, enum variable variable, bool template)
{
    static const char *const names[] = {"principal", "action", "resource"};
    const struct cedar_value *v = s->variables[variable];
    struct buf b = buf_make(PRINT_MAX);
    scope_print(&b, scope, names[variable]);
    c->kind = (enum cedar_clause_kind)variable;
    c->text = keep(s, &b, CEDAR_WHY_TEXT, true);
    c->truth = template ? CEDAR_NOT_REACHED : scope_holds(s, scope, &v->uid) ? CEDAR_TRUE : CEDAR_FALSE;
    c->holds = c->truth == CEDAR_TRUE;
    struct cedar_operand *operand = ARENA_NEW(s->a, struct cedar_operand);
    if (!start_causes(s) || operand == NULL) {
        s->memory = true;
        return;
    }
    *operand = (struct cedar_operand){str_of(names[variable]), value_words(s, v)};
    s->causes[0] = (struct cedar_cause){.text = c->text, .truth = c->truth, .operands = operand, .n_operands = 1};
    c->causes = s->causes;
    c->n_causes = template ? 0 : 1;
}

static void
condition_clause(struct story *s, struct cedar_clause *c, const struct condition *condition, bool reached)
{
    struct fault f;
    c->kind = condition->unless ? CEDAR_CLAUSE_UNLESS : CEDAR_CLAUSE_WHEN;
    c->text = expr_words(s, condition->expr);
    c->line = condition->expr->line;
    c->column = condition->expr->column;
    c->truth = reached ? truth_of(s, condition->expr, &f) : CEDAR_NOT_REACHED;
    c->holds = c->truth == (condition->unless ? CEDAR_FALSE : CEDAR_TRUE);
    if (!reached || !start_causes(s))
        return;
    tell(s, condition->expr, c->truth);
    c->causes = s->causes;
    c->n_causes = s->n_causes;
}

static enum cedar_part
outcome(const struct cedar_clause *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!list[i].holds)
            return list[i].truth == CEDAR_FAILED ? CEDAR_ERRS : CEDAR_NOT_SATISFIED;
    return CEDAR_SATISFIED;
}

static bool
start(struct story *s, const struct cedar_request *q)
{
    const struct cedar_uid *uids[] = {&q->principal, &q->action, &q->resource};
    for (int i = 0; i < 3; i++)
        if ((s->variables[i] = value_entity(s->a, *uids[i])) == NULL)
            return false;
    s->variables[VARIABLE_CONTEXT] = q->context ? q->context : &value_empty_record;
    return true;
}

static size_t
count_clauses(const struct policy *p)
{
    size_t n = 3;
    for (const struct condition *c = p->conditions; c; c = c->next)
        n++;
    return n;
}

bool
cedar_why(const struct cedar_policies *policies, size_t i, const struct cedar_entities *entities, const struct cedar_request *request,
          size_t value_max, struct cedar_scratch *scratch, struct cedar_why *out)
{
    const struct policy *p = policies->at[i];
    const struct scope *scopes[] = {&p->principal, &p->action, &p->resource};
    struct story s = {.entities = entities, .a = &scratch->a, .value_max = value_max ? value_max : CEDAR_WHY_VALUE};
    size_t n = 0, total = count_clauses(p);
    struct cedar_clause *list = arena_list(s.a, total, sizeof *list);
    if (list == NULL || !start(&s, request))
        return false;
    for (; n < 3; n++)
        scope_clause(&s, &list[n], scopes[n], (enum variable)n, p->template);
    for (const struct condition *c = p->conditions; c; c = c->next, n++)
        condition_clause(&s, &list[n], c, outcome(list, n) == CEDAR_SATISFIED);
    *out = (struct cedar_why){outcome(list, n), list, n, s.cut};
    return !s.memory;
}
