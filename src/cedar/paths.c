/*
 * Which attributes below `context` the conditions of a policy name. Found once, when the policy is parsed. A path follows `.name`,
 * ["name"] and `has` from the variable outwards; it also follows an `if` into both branches and a record literal into the member taken.
 */
#include "cedar/ast.h"

/* What is still to come behind the expression being walked: "b" then "c" for the a of a.b.c. */
struct tail {
    struct cedar_str name;
    const struct expr *at; /* the outermost access: its place is the path's */
    const struct tail *next;
};

struct walk {
    struct arena *a;
    struct context_path **end;
    bool failed;
};

static void walk(struct walk *w, const struct expr *e, const struct tail *tail);

static bool
join(struct arena *a, const struct tail *tail, struct cedar_str *out)
{
    size_t n = 0;
    for (const struct tail *t = tail; t; t = t->next)
        n += t->name.n + 1;
    char *to = arena_get(a, n);
    if (to == NULL)
        return false;
    *out = (struct cedar_str){to, n - 1};
    for (const struct tail *t = tail; t; t = t->next) {
        memcpy(to, t->name.at, t->name.n);
        to += t->name.n;
        *to++ = '.';
    }
    return true;
}

static void
add(struct walk *w, const struct tail *tail)
{
    struct context_path *p = ARENA_NEW(w->a, struct context_path);
    if (p == NULL || !join(w->a, tail, &p->path)) {
        w->failed = true;
        return;
    }
    p->line = tail->at->line;
    p->column = tail->at->column;
    *w->end = p;
    w->end = &p->next;
}

static void
walk_has(struct walk *w, const struct expr *e)
{
    struct tail list[CEDAR_MAX_DEPTH];
    for (size_t i = 0; i < e->names.n; i++)
        list[i] = (struct tail){e->names.at[i], e, i + 1 < e->names.n ? &list[i + 1] : NULL};
    walk(w, e->kid[0], list);
}

static void
walk_kids(struct walk *w, const struct expr *e)
{
    for (size_t i = 0; i < e->n; i++)
        walk(w, e->kid[i], NULL);
}

static void
walk_record(struct walk *w, const struct expr *e, const struct tail *tail)
{
    for (size_t i = 0; i < e->n; i++)
        walk(w, e->kid[i], tail && str_eq(tail->name, e->names.at[i]) ? tail->next : NULL);
}

static void
walk_if(struct walk *w, const struct expr *e, const struct tail *tail)
{
    walk(w, e->kid[0], NULL);
    walk(w, e->kid[1], tail);
    walk(w, e->kid[2], tail);
}

static void
walk(struct walk *w, const struct expr *e, const struct tail *tail)
{
    if (e->op == EXPR_VARIABLE) {
        if (e->variable == VARIABLE_CONTEXT && tail)
            add(w, tail);
    } else if (e->op == EXPR_ATTRIBUTE) {
        struct tail t = {e->name, tail ? tail->at : e, tail};
        walk(w, e->kid[0], &t);
    } else if (e->op == EXPR_HAS) {
        walk_has(w, e);
    } else if (e->op == EXPR_IF) {
        walk_if(w, e, tail);
    } else if (e->op == EXPR_RECORD) {
        walk_record(w, e, tail);
    } else {
        walk_kids(w, e);
    }
}

bool
paths_find(struct policy *p, struct arena *a)
{
    struct walk w = {a, &p->paths, false};
    for (const struct condition *c = p->conditions; c && !w.failed; c = c->next)
        walk(&w, c->expr, NULL);
    return !w.failed;
}
