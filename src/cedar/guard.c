/* Which tests of a condition the index can use. */
#include "cedar/index.h"

#include "cedar/operate.h"

static const struct vertex *
at(const struct graph *g, uint32_t vertex)
{
    return &g->at[vertex];
}

static bool
is_literal(const struct graph *g, uint32_t vertex)
{
    return at(g, vertex)->op == EXPR_LITERAL;
}

static void
set(struct guard *out, enum guard_kind kind, uint32_t term, const struct cedar_value *const *literals, size_t n)
{
    *out = (struct guard){kind, true, term, NULL, literals, n};
}

/* term == literal, either way round. */
static void
equal(const struct graph *g, const struct vertex *v, struct guard *out)
{
    bool left = is_literal(g, v->kid[0]), right = is_literal(g, v->kid[1]);
    if (left != right)
        set(out, GUARD_EQUAL, v->kid[left], &at(g, v->kid[right])->literal, 1);
}

static bool
all_entities(const struct value_set *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->at[i]->kind != VALUE_ENTITY)
            return false;
    return true;
}

static void
in(const struct graph *g, const struct vertex *v, struct guard *out)
{
    if (is_literal(g, v->kid[0]) || !is_literal(g, v->kid[1]))
        return;
    const struct cedar_value *const *literal = &at(g, v->kid[1])->literal;
    if ((*literal)->kind == VALUE_ENTITY)
        set(out, GUARD_IN, v->kid[0], literal, 1);
    else if ((*literal)->kind == VALUE_SET && all_entities(&(*literal)->set))
        set(out, GUARD_IN, v->kid[0], (*literal)->set.at, (*literal)->set.n);
}

static void
contains(const struct graph *g, const struct vertex *v, struct guard *out)
{
    bool left = is_literal(g, v->kid[0]), right = is_literal(g, v->kid[1]);
    if (left == right)
        return;
    const struct cedar_value *const *literal = &at(g, v->kid[right])->literal;
    if (right)
        set(out, GUARD_CONTAINS, v->kid[0], literal, 1);
    else if ((*literal)->kind == VALUE_SET)
        set(out, GUARD_EQUAL, v->kid[1], (*literal)->set.at, (*literal)->set.n);
}

static void
compare(const struct graph *g, const struct vertex *v, struct guard *out)
{
    static const enum guard_kind kinds[] = {GUARD_LESS, GUARD_LESS_EQUAL, GUARD_GREATER, GUARD_GREATER_EQUAL};
    static const enum guard_kind turned[] = {GUARD_GREATER, GUARD_GREATER_EQUAL, GUARD_LESS, GUARD_LESS_EQUAL};
    bool left = is_literal(g, v->kid[0]), right = is_literal(g, v->kid[1]);
    if (left == right)
        return;
    const struct cedar_value *const *literal = &at(g, v->kid[right])->literal;
    if (operate_ordered((*literal)->kind))
        set(out, (left ? turned : kinds)[v->op - EXPR_LESS], v->kid[left], literal, 1);
}

static void
has(const struct graph *g, const struct vertex *v, struct guard *out)
{
    const struct cedar_value *name = v->names.n == 1 && !is_literal(g, v->kid[0]) ? intern_find_str(g->values, v->names.at[0]) : NULL;
    if (name)
        *out = (struct guard){GUARD_HAS, true, v->kid[0], name, NULL, 1};
}

/* What a pattern begins with. A pattern that begins with anything is left to be matched. */
static void
like(const struct graph *g, const struct vertex *v, struct guard *out)
{
    struct cedar_str first = v->names.at[0];
    if (first.n > 0 && first.n <= LIKE_MAX && !is_literal(g, v->kid[0]))
        *out = (struct guard){GUARD_LIKE, true, v->kid[0], intern_find_str(g->values, first), NULL, 1};
}

void
guard_of(const struct graph *g, uint32_t condition, unsigned level, struct guard *out)
{
    const struct vertex *all = at(g, condition);
    *out = (struct guard){.kind = GUARD_NONE};
    if (level >= all->n)
        return;
    uint32_t test = all->kid[level];
    const struct vertex *v = at(g, test);
    switch (v->op) {
    case EXPR_EQUAL:
        equal(g, v, out);
        break;
    case EXPR_IN:
        in(g, v, out);
        break;
    case EXPR_CONTAINS:
        contains(g, v, out);
        break;
    case EXPR_HAS:
        has(g, v, out);
        break;
    case EXPR_LIKE:
        like(g, v, out);
        break;
    case EXPR_LESS:
    case EXPR_LESS_EQUAL:
    case EXPR_GREATER:
    case EXPR_GREATER_EQUAL:
        compare(g, v, out);
        break;
    default:
        break;
    }
    if (out->kind != GUARD_NONE)
        return;
    bool negated = v->op == EXPR_NOT;
    set(out, GUARD_TRUTH, negated ? v->kid[0] : test, NULL, 0);
    out->want = !negated;
}
