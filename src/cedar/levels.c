#include "cedar/levels.h"

/* The record attributes that are taken of what is looked at, the last taken first. */
struct path {
    struct cedar_str name;
    const struct path *before;
};

struct levels {
    struct checker *c;
    unsigned most;
};

static void walk(struct levels *l, const struct term *t, struct span span);

static void
walk_kid(struct levels *l, const struct term *t)
{
    walk(l, t, t->span);
}

static bool
spend(struct levels *l)
{
    if (l->c->work.left > 0)
        l->c->work.left--;
    return l->c->work.left > 0;
}

static struct buf *
begin(struct levels *l)
{
    struct buf *b = &l->c->findings->message;
    findings_next(l->c->findings);
    buf_puts(b, "for policy `");
    finding_escaped(b, l->c->policy->id);
    buf_puts(b, "`, ");
    return b;
}

static void
add(struct levels *l, struct span span)
{
    findings_add(l->c->findings, CEDAR_FINDING_ERROR, l->c->index, span, 0, FINDING_ONCE);
}

static void
found_literal(struct levels *l, struct span span)
{
    buf_puts(begin(l), "entity literals cannot be dereferenced at any level");
    add(l, span);
}

/* A policy with errors may hold expressions whose types are not known; the official engine says this of them. */
static void
found_odd(struct levels *l, struct span span)
{
    findings_next(l->c->findings);
    buf_puts(&l->c->findings->message, "internal invariant violated");
    buf_puts(&l->c->findings->help, "please file an issue at <https://github.com/cedar-policy/cedar/issues> including the schema and policy for "
                                    "which you observed the issue");
    add(l, span);
}

static bool
is_kind(const struct term *t, enum type_kind kind)
{
    return t->type && t->type->kind == kind;
}

/* The branch of an if that cannot be taken was not looked at. */
static bool
is_taken(const struct term *t, size_t branch)
{
    return !is_kind(t->kid[0], branch == 1 ? TYPE_FALSE : TYPE_TRUE);
}

static unsigned level_of(struct levels *l, const struct term *t, const struct path *path);

static unsigned
level_of_if(struct levels *l, const struct term *t, const struct path *path)
{
    walk_kid(l, t->kid[0]);
    unsigned then = is_taken(t, 1) ? level_of(l, t->kid[1], path) : 0, other = is_taken(t, 2) ? level_of(l, t->kid[2], path) : 0;
    return then > other ? then : other;
}

static unsigned
level_of_attribute(struct levels *l, const struct term *t, const struct path *path)
{
    if (is_kind(t->kid[0], TYPE_ENTITY))
        return level_of(l, t->kid[0], path) + 1;
    if (is_kind(t->kid[0], TYPE_RECORD))
        return level_of(l, t->kid[0], &(struct path){t->name, path});
    found_odd(l, t->span);
    return 0;
}

static unsigned
level_of_record(struct levels *l, const struct term *t, const struct path *path)
{
    size_t at = 0;
    while (path && at < t->n && !str_eq(t->names.at[at], path->name))
        at++;
    if (path == NULL || at == t->n) {
        found_odd(l, t->span);
        return 0;
    }
    for (size_t i = 0; i < t->n; i++)
        if (i != at)
            walk_kid(l, t->kid[i]);
    return level_of(l, t->kid[at], path->before);
}

static unsigned
level_of_literal(struct levels *l, const struct term *t)
{
    if (t->literal->kind != VALUE_ENTITY)
        found_odd(l, t->span);
    else if (!uid_eq(&t->literal->uid, &l->c->env->action->uid))
        found_literal(l, t->span);
    return 0;
}

/* How many entities lie between the request and the entity ${t}. */
static unsigned
level_of(struct levels *l, const struct term *t, const struct path *path)
{
    if (!spend(l))
        return 0;
    switch (t->op) {
    case TERM_VARIABLE:
        return 0;
    case TERM_SLOT:
        found_literal(l, t->span);
        return 0;
    case TERM_LITERAL:
        return level_of_literal(l, t);
    case TERM_IF:
        return level_of_if(l, t, path);
    case TERM_ATTRIBUTE:
        return level_of_attribute(l, t, path);
    case TERM_RECORD:
        return level_of_record(l, t, path);
    case TERM_GET_TAG: {
        unsigned of = level_of(l, t->kid[0], path);
        walk_kid(l, t->kid[1]);
        return of + 1;
    }
    default:
        found_odd(l, t->span);
        return 0;
    }
}

static void
found_level(struct levels *l, unsigned level, struct span span)
{
    if (level <= l->most)
        return;
    buf_printf(begin(l), "this policy requires level %u, which exceeds the maximum allowed level (%u)", level, l->most);
    add(l, span);
}

/* ${t} looks into the entity that its first operand is. */
static void
walk_into(struct levels *l, const struct term *t, struct span span)
{
    found_level(l, level_of(l, t->kid[0], NULL) + 1, span);
}

/*
 * "e has a.b.c" looks into as many entities as e, e.a and e.a.b are. *${first}: how many names lead to the first of them; the number of
 * all names when there is none.
 */
static unsigned
cost_of_path(const struct term *t, const struct type *type, size_t *first)
{
    unsigned cost = type->kind == TYPE_ENTITY;
    *first = cost ? 0 : t->n;
    for (size_t i = 0; i + 1 < t->n; i++) {
        const struct type_attribute *a = types_attribute(type, t->kid[i]->name);
        if (a == NULL)
            break;
        type = a->type;
        if (type->kind != TYPE_ENTITY)
            continue;
        if (cost++ == 0)
            *first = i + 1;
    }
    return cost;
}

static void
walk_has_path(struct levels *l, const struct term *t, struct span span)
{
    struct path names[CEDAR_MAX_DEPTH];
    const struct term *of = t->kid[0]->kid[0];
    size_t first;
    if (!is_kind(of, TYPE_ENTITY) && !is_kind(of, TYPE_RECORD)) {
        walk_kid(l, of);
        return;
    }
    unsigned cost = cost_of_path(t, of->type, &first);
    if (cost > l->most) {
        found_level(l, cost, span);
        return;
    }
    if (is_kind(of, TYPE_RECORD))
        walk_kid(l, of);
    if (first == t->n || first > CEDAR_MAX_DEPTH)
        return;
    for (size_t i = 0; i < first; i++)
        names[i] = (struct path){t->kid[i]->name, i + 1 < first ? &names[i + 1] : NULL};
    found_level(l, level_of(l, of, first ? names : NULL) + cost, span);
}

/* What made && or || certain stands where the whole does, when it is the first operand; in a policy, when it is any but the last. */
static void
walk_chain(struct levels *l, const struct term *t, struct span span)
{
    size_t certain = t->op == TERM_ALL ? t->visited : 1;
    for (size_t i = 0; i < t->visited; i++)
        walk(l, t->kid[i], i + 1 == certain && t->visited == certain && certain < t->n ? span : t->kid[i]->span);
}

static void
walk_attribute(struct levels *l, const struct term *t, struct span span)
{
    if (is_kind(t->kid[0], TYPE_ENTITY))
        walk_into(l, t, span);
    else if (is_kind(t->kid[0], TYPE_RECORD))
        walk_kid(l, t->kid[0]);
    else
        found_odd(l, span);
}

static void
walk_kids(struct levels *l, const struct term *t, size_t n)
{
    for (size_t i = 0; i < n; i++)
        walk_kid(l, t->kid[i]);
}

/* ${span}: where ${t} stands; what was certain at once stands where the whole && or || does. Recursion ends at TERM_MAX_HEIGHT. */
static void
walk(struct levels *l, const struct term *t, struct span span)
{
    if (!spend(l))
        return;
    switch (t->op) {
    case TERM_AND:
    case TERM_OR:
    case TERM_ALL:
        if (t->of_has)
            walk_has_path(l, t, span);
        else
            walk_chain(l, t, span);
        break;
    case TERM_IF:
        walk_kid(l, t->kid[0]);
        for (size_t i = 1; i < 3; i++)
            if (is_taken(t, i))
                walk_kid(l, t->kid[i]);
        break;
    case TERM_HAS_TAG:
    case TERM_GET_TAG:
    case TERM_IN:
        walk_into(l, t, span);
        walk_kid(l, t->kid[1]);
        break;
    case TERM_HAS:
    case TERM_ATTRIBUTE:
        walk_attribute(l, t, span);
        break;
    default:
        walk_kids(l, t, t->n);
    }
}

void
levels_check(struct checker *c, const struct terms *t, unsigned most)
{
    struct levels l = {c, most};
    walk_kid(&l, t->whole);
}
