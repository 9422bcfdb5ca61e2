#include "cedar/graph.h"

#include <stdlib.h>

void
graph_start(struct graph *t, struct interner *values)
{
    *t = (struct graph){.values = values};
}

void
graph_end(struct graph *t)
{
    free(t->at);
    free(t->table);
}

/* ------------------------------------------------------------------------------------------------------------ one of each */

static uint32_t
stir(uint32_t h, uint64_t with)
{
    uint64_t x = (h ^ with) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(x >> 32) ^ (uint32_t)x;
}

static uint32_t
pieces_hash(uint32_t h, const struct pieces *p)
{
    for (size_t i = 0; i < p->n; i++)
        h = stir(h, (uintptr_t)p->at[i].at);
    return stir(h, p->n);
}

/* By addresses: payloads are interned. */
static uint32_t
hash(const struct vertex *t)
{
    uint32_t h = stir(t->n, t->op);
    for (uint32_t i = 0; i < t->n; i++)
        h = stir(h, t->kid[i]);
    switch (t->op) {
    case EXPR_LITERAL:
        return stir(h, (uintptr_t)t->literal);
    case EXPR_VARIABLE:
        return stir(h, t->variable);
    case EXPR_ARITHMETIC:
        for (uint32_t i = 0; i + 1 < t->n; i++)
            h = stir(h, (uint8_t)t->operators[i]);
        return h;
    case EXPR_ATTRIBUTE:
    case EXPR_IS:
        return stir(h, (uintptr_t)t->name.at);
    case EXPR_HAS:
    case EXPR_LIKE:
    case EXPR_RECORD:
        return pieces_hash(h, &t->names);
    case EXPR_CALL:
        return stir(h, t->function);
    default:
        return h;
    }
}

static bool
same_pieces(const struct pieces *a, const struct pieces *b)
{
    for (size_t i = 0; i < a->n && a->n == b->n; i++)
        if (a->at[i].at != b->at[i].at)
            return false;
    return a->n == b->n;
}

static bool
same(const struct vertex *a, const struct vertex *b)
{
    if (a->hash != b->hash || a->op != b->op || a->n != b->n || (a->n && memcmp(a->kid, b->kid, a->n * sizeof *a->kid) != 0))
        return false;
    switch (a->op) {
    case EXPR_LITERAL:
        return a->literal == b->literal;
    case EXPR_VARIABLE:
        return a->variable == b->variable;
    case EXPR_ARITHMETIC:
        return memcmp(a->operators, b->operators, a->n - 1) == 0;
    case EXPR_ATTRIBUTE:
    case EXPR_IS:
        return a->name.at == b->name.at;
    case EXPR_HAS:
    case EXPR_LIKE:
    case EXPR_RECORD:
        return same_pieces(&a->names, &b->names);
    case EXPR_CALL:
        return a->function == b->function;
    default:
        return true;
    }
}

static void
place(struct graph *t, uint32_t number)
{
    size_t i = t->at[number].hash & (t->table_cap - 1);
    while (t->table[i])
        i = (i + 1) & (t->table_cap - 1);
    t->table[i] = number + 1;
}

static bool
make_room(struct graph *t)
{
    if (t->n < t->cap)
        return true;
    size_t cap = t->cap ? t->cap * 2 : 256;
    struct vertex *at = cap < NO_VERTEX / 4 ? realloc(t->at, cap * sizeof *at) : NULL;
    if (at == NULL)
        return false;
    t->at = at;
    uint32_t *table = calloc(cap * 2, sizeof *table);
    if (table == NULL)
        return false;
    free(t->table);
    t->cap = cap;
    t->table = table;
    t->table_cap = cap * 2;
    for (size_t i = 0; i < t->n; i++)
        place(t, (uint32_t)i);
    return true;
}

#define WEIGHT_MAX 1000u

static uint32_t
weight_of(enum expr_op op)
{
    switch (op) {
    case EXPR_LITERAL:
    case EXPR_VARIABLE:
        return 0;
    case EXPR_IN:
    case EXPR_LIKE:
    case EXPR_CALL:
    case EXPR_CONTAINS:
    case EXPR_SET:
    case EXPR_RECORD:
        return 3;
    case EXPR_CONTAINS_ALL:
    case EXPR_CONTAINS_ANY:
        return 6;
    default:
        return 1;
    }
}

/* The term like ${like}, which is copied when it is new; its list of operands is copied, too. */
static uint32_t
add(struct graph *t, struct vertex like)
{
    like.hash = hash(&like);
    if (!make_room(t))
        return NO_VERTEX;
    for (size_t i = like.hash & (t->table_cap - 1); t->table[i]; i = (i + 1) & (t->table_cap - 1))
        if (same(&t->at[t->table[i] - 1], &like))
            return t->table[i] - 1;
    uint32_t *kids = arena_list(t->values->a, like.n, sizeof *kids);
    if (kids == NULL)
        return NO_VERTEX;
    like.weight = weight_of(like.op);
    for (uint32_t i = 0; i < like.n; i++) {
        kids[i] = like.kid[i];
        t->at[kids[i]].uses++;
        like.weight += t->at[kids[i]].weight;
    }
    if (like.weight > WEIGHT_MAX)
        like.weight = WEIGHT_MAX;
    like.kid = kids;
    like.uses = like.guards = 0;
    like.chunk = NO_VERTEX;
    like.held = like.op == EXPR_VARIABLE ? (uint32_t)like.variable : NOT_HELD;
    t->at[t->n] = like;
    place(t, (uint32_t)t->n);
    return (uint32_t)t->n++;
}

/* --------------------------------------------------------------------------------------------------------------- literals */

static uint32_t
literal(struct graph *t, const struct cedar_value *v)
{
    const struct cedar_value *own = v ? intern(t->values, v) : NULL;
    return own ? add(t, (struct vertex){.op = EXPR_LITERAL, .literal = own}) : NO_VERTEX;
}

/* The values of the operands when all are literals, in memory that goes away with the table; NULL when not, or when memory is short. */
static const struct cedar_value **
literals(struct graph *t, const struct vertex *of)
{
    for (uint32_t i = 0; i < of->n; i++)
        if (t->at[of->kid[i]].op != EXPR_LITERAL)
            return NULL;
    const struct cedar_value **list = arena_list(t->values->a, of->n, sizeof *list);
    for (uint32_t i = 0; list && i < of->n; i++)
        list[i] = t->at[of->kid[i]].literal;
    return list;
}

static const struct cedar_value *
fold_call(struct graph *t, const struct vertex *of, const struct cedar_value **args)
{
    struct fault unused;
    fault_reset(&unused);
    return ext_call(of->function, args, of->n, t->values->a, &unused);
}

static const struct cedar_value *
fold_record(struct graph *t, const struct vertex *of, const struct cedar_value **args)
{
    struct value_field *fields = arena_list(t->values->a, of->n, sizeof *fields);
    for (uint32_t i = 0; fields && i < of->n; i++)
        fields[i] = (struct value_field){of->names.at[i], args[i]};
    return fields ? value_record(t->values->a, fields, of->n) : NULL;
}

/* A term that is always the same value becomes that value; one that always faults stays, to fault when it is reached. */
static uint32_t
fold(struct graph *t, const struct vertex *of)
{
    bool can = of->op == EXPR_CALL || of->op == EXPR_SET || of->op == EXPR_RECORD;
    const struct cedar_value **args = can ? literals(t, of) : NULL;
    if (args == NULL)
        return NO_VERTEX;
    const struct cedar_value *v = of->op == EXPR_CALL  ? fold_call(t, of, args)
                                  : of->op == EXPR_SET ? value_set(t->values->a, args, of->n)
                                                       : fold_record(t, of, args);
    return v ? literal(t, v) : NO_VERTEX;
}

/* ----------------------------------------------------------------------------------------------------- from expressions */

static bool
own_name(struct graph *t, struct cedar_str from, struct cedar_str *to)
{
    const struct cedar_value *v = intern_str(t->values, from);
    if (v)
        *to = v->text;
    return v != NULL;
}

static bool
own_pieces(struct graph *t, const struct pieces *from, struct pieces *to)
{
    *to = (struct pieces){arena_list(t->values->a, from->n, sizeof *to->at), from->n};
    for (size_t i = 0; to->at && i < from->n; i++)
        if (!own_name(t, from->at[i], &to->at[i]))
            return false;
    return to->at != NULL;
}

static bool
own_payload(struct graph *t, const struct expr *e, struct vertex *to)
{
    switch (e->op) {
    case EXPR_VARIABLE:
        to->variable = e->variable;
        return true;
    case EXPR_ARITHMETIC:
        to->operators = e->operators; /* of the policy's tree, which the engine keeps */
        return true;
    case EXPR_ATTRIBUTE:
    case EXPR_IS:
        return own_name(t, e->name, &to->name);
    case EXPR_HAS:
    case EXPR_LIKE:
    case EXPR_RECORD:
        return own_pieces(t, &e->names, &to->names);
    case EXPR_CALL:
        to->function = e->function;
        return true;
    default:
        return true;
    }
}

static uint32_t of_expr(struct graph *t, const struct expr *e);

static uint32_t
pair(struct graph *t, enum expr_op op, uint32_t a, uint32_t b)
{
    uint32_t kids[] = {a, b};
    return a == NO_VERTEX || b == NO_VERTEX ? NO_VERTEX : add(t, (struct vertex){.op = op, .n = 2, .kid = kids});
}

/* kid is name in kid: the second operand counts only when the type is right. */
static uint32_t
of_is_in(struct graph *t, const struct expr *e)
{
    uint32_t low = of_expr(t, e->kid[0]), high = of_expr(t, e->kid[1]);
    struct vertex is = {.op = EXPR_IS, .n = 1, .kid = &low};
    if (low == NO_VERTEX || high == NO_VERTEX || !own_name(t, e->name, &is.name))
        return NO_VERTEX;
    return pair(t, EXPR_AND, add(t, is), pair(t, EXPR_IN, low, high));
}

static uint32_t
of_expr(struct graph *t, const struct expr *e)
{
    if (e->op == EXPR_LITERAL)
        return literal(t, e->literal);
    if (e->op == EXPR_IS_IN)
        return of_is_in(t, e);
    uint32_t few[4], *kids = e->n <= 4 ? few : arena_list(t->values->a, e->n, sizeof *kids);
    struct vertex like = {.op = e->op, .n = (uint32_t)e->n, .kid = kids};
    if (kids == NULL || !own_payload(t, e, &like))
        return NO_VERTEX;
    for (size_t i = 0; i < e->n; i++)
        if ((kids[i] = of_expr(t, e->kid[i])) == NO_VERTEX)
            return NO_VERTEX;
    uint32_t folded = fold(t, &like);
    return folded != NO_VERTEX ? folded : add(t, like);
}

/* -------------------------------------------------------------------------------------------------------------- conditions */

/* What must be true, gathered: `a && b` is both, `!(a || b)` neither. An order that short-circuits is kept as it is. */
struct gathered {
    uint32_t *at;
    size_t n, cap;
};

static bool
gather(struct gathered *g, uint32_t term)
{
    if (g->n == g->cap) {
        size_t cap = g->cap ? g->cap * 2 : 16;
        uint32_t *at = realloc(g->at, cap * sizeof *at);
        if (at == NULL)
            return false;
        g->at = at;
        g->cap = cap;
    }
    g->at[g->n++] = term;
    return true;
}

static bool
gather_truths(struct graph *t, struct gathered *g, uint32_t term, bool negated)
{
    const struct vertex *at = &t->at[term];
    bool ok = true;
    if (at->op == EXPR_NOT)
        return gather_truths(t, g, at->kid[0], !negated);
    if (at->op == (negated ? EXPR_OR : EXPR_AND)) {
        const uint32_t *kid = at->kid;
        for (uint32_t i = 0, n = at->n; ok && i < n; i++)
            ok = gather_truths(t, g, kid[i], negated);
        return ok;
    }
    if (negated)
        term = add(t, (struct vertex){.op = EXPR_NOT, .n = 1, .kid = &term});
    return term != NO_VERTEX && gather(g, term);
}

uint32_t
graph_condition(struct graph *t, const struct condition *conditions)
{
    struct gathered g = {NULL, 0, 0};
    bool ok = true;
    for (const struct condition *c = conditions; ok && c; c = c->next) {
        uint32_t term = of_expr(t, c->expr);
        ok = term != NO_VERTEX && gather_truths(t, &g, term, c->unless);
    }
    uint32_t all = ok ? add(t, (struct vertex){.op = EXPR_AND, .n = (uint32_t)g.n, .kid = g.at}) : NO_VERTEX;
    free(g.at);
    return all;
}
