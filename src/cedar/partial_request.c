/* What a partial request says, made ready for looking at policies: the four variables and the holes of the context. */
#include "cedar/partial.h"

#include <stdlib.h>

static int
by_uid(const void *a, const void *b)
{
    const struct cedar_uid *x = &(*(const struct cedar_unknown_entity *const *)a)->uid, *y = &(*(const struct cedar_unknown_entity *const *)b)->uid;
    int c = str_cmp(x->type, y->type);
    return c ? c : str_cmp(x->id, y->id);
}

static bool
sort_unknown(struct partial *r, const struct cedar_partial_options *o, struct cedar_error *error)
{
    const struct cedar_unknown_entity **list = arena_list(r->a, o->n_unknown, sizeof *list);
    if (o->n_unknown == 0)
        return true;
    if (list == NULL)
        return error_memory(error);
    for (size_t i = 0; i < o->n_unknown; i++)
        list[i] = &o->unknown[i];
    qsort(list, o->n_unknown, sizeof *list, by_uid);
    r->unknown = list;
    r->n_unknown = o->n_unknown;
    return true;
}

struct part
partial_variable(const struct partial *r, const struct cedar_partial_uid *u)
{
    struct part p = {.may = MAY_ENTITY};
    if (u->known == CEDAR_KNOWN) {
        struct cedar_value *v = value_entity(r->a, u->uid);
        return v ? partial_value(v) : p;
    }
    if (u->known == CEDAR_KNOWN_TYPE)
        p.entity_type = u->uid.type;
    return p;
}

/* --------------------------------------------------------------------------------------------------------------------------------- context */

static struct shape *
shape_new(struct arena *a, const struct cedar_value *known)
{
    struct shape *s = ARENA_NEW(a, struct shape);
    if (s)
        s->known = known ? known : &value_empty_record;
    return s;
}

static bool
below_no_record(struct cedar_str name, struct cedar_error *error)
{
    error_set(error, CEDAR_VALUE, 0, 0, "the unknown attribute lies below `");
    struct text t = error_text(error);
    text_str(&t, name);
    text_add(&t, "`, which is no record");
    return false;
}

/* The hole for an attribute, made when there is none. NULL: out of memory. */
static struct hole *
hole_at(struct arena *a, struct shape *s, struct cedar_str name, bool *made)
{
    for (struct hole *h = s->holes; h; h = h->next)
        if (str_eq(h->name, name))
            return h;
    struct hole *h = ARENA_NEW(a, struct hole);
    if (h == NULL)
        return NULL;
    *made = true;
    h->name = name;
    h->next = s->holes;
    return s->holes = h;
}

/* A record on the way to an unknown attribute. */
static bool
open_hole(struct arena *a, struct hole *h, const struct shape *s, struct cedar_error *error)
{
    const struct cedar_value *known = value_get(s->known, h->name);
    if ((known && known->kind != VALUE_RECORD) || (h->type && h->type->kind != TYPE_RECORD))
        return below_no_record(h->name, error);
    h->present = true;
    h->inside = shape_new(a, known);
    return h->inside || error_memory(error);
}

/* The whole attribute is unknown, whatever was said of parts of it. */
static void
close_hole(struct hole *h, const struct type_attribute *declared, bool present)
{
    h->inside = NULL;
    h->present = present || (declared && declared->required);
}

/*
 * With a schema an attribute that it does not declare cannot be there: then ${type} ends the walk. ${type} is that of the record which
 * ${s} describes, NULL when it is not known.
 */
/* Only what the context does not say of that record is unknown. */
static bool
rest_hole(struct arena *a, struct hole *h, const struct shape *s, struct cedar_error *error)
{
    if (h->inside == NULL && !open_hole(a, h, s, error))
        return false;
    h->inside->open = true;
    return true;
}

static bool
add_unknown(struct arena *a, struct shape *s, const struct type *type, const struct cedar_unknown *u, struct cedar_error *error)
{
    for (size_t i = 0; i < u->n; i++) {
        bool made = false, last = i + 1 == u->n;
        const struct type_attribute *declared = type ? type_attribute(type, u->path[i]) : NULL;
        if (type && declared == NULL)
            return true;
        struct hole *h = hole_at(a, s, u->path[i], &made);
        if (h == NULL)
            return error_memory(error);
        if (!made && h->inside == NULL)
            return h->present |= last && u->present, true;
        h->type = type = declared ? declared->type : NULL;
        if (last && u->rest)
            return rest_hole(a, h, s, error);
        if (last)
            close_hole(h, declared, u->present);
        else if (made && !open_hole(a, h, s, error))
            return false;
        s = h->inside;
    }
    return true;
}

static bool
check_unknowns(const struct cedar_partial_request *q, struct cedar_error *error)
{
    if (q->context && q->context->kind != VALUE_RECORD)
        return error_set(error, CEDAR_VALUE, 0, 0, "the context is no record");
    if (q->n_unknown > CEDAR_MAX_UNKNOWNS)
        return error_set(error, CEDAR_LIMIT, 0, 0, "%zu attributes are unknown; the most is %u", q->n_unknown, CEDAR_MAX_UNKNOWNS);
    for (size_t i = 0; i < q->n_unknown; i++)
        if (q->unknown[i].n > CEDAR_MAX_UNKNOWN_DEPTH)
            return error_set(error, CEDAR_LIMIT, 0, 0, "an unknown attribute lies %zu deep; the most is %u", q->unknown[i].n,
                             CEDAR_MAX_UNKNOWN_DEPTH);
    return true;
}

static bool
all_unknown(const struct cedar_partial_request *q)
{
    for (size_t i = 0; i < q->n_unknown; i++)
        if (q->unknown[i].n == 0 && !q->unknown[i].rest)
            return true;
    return false;
}

static bool
make_context(struct partial *r, const struct cedar_partial_request *q, struct cedar_error *error)
{
    const struct schema_action *action = r->schema && q->action.known == CEDAR_KNOWN ? schema_find_action(r->schema, &q->action.uid) : NULL;
    const struct type *type = action ? action->context : NULL;
    struct part *p = &r->variables[VARIABLE_CONTEXT];
    if (q->n_unknown == 0)
        return *p = partial_value(q->context ? q->context : &value_empty_record), true;
    *p = (struct part){.may = MAY_RECORD, .type = type};
    if (all_unknown(q))
        return true;
    struct shape *s = shape_new(r->a, q->context);
    if (s == NULL)
        return error_memory(error);
    for (size_t i = 0; i < q->n_unknown; i++)
        if (q->unknown[i].n == 0)
            s->open = true;
        else if (!add_unknown(r->a, s, type, &q->unknown[i], error))
            return false;
    p->shape = s;
    return true;
}

bool
partial_start(struct partial *r, const struct cedar_entities *entities, const struct cedar_partial_request *q,
              const struct cedar_partial_options *options, struct arena *a, struct cedar_error *error)
{
    static const struct cedar_partial_options plain = {.schema = NULL};
    const struct cedar_partial_options *o = options ? options : &plain;
    *r = (struct partial){.entities = entities, .schema = o->schema, .open = o->open, .a = a};
    error_set(error, CEDAR_OK, 0, 0, "%s", "");
    if (!check_unknowns(q, error) || !sort_unknown(r, o, error) || !make_context(r, q, error))
        return false;
    const struct cedar_partial_uid *uids[] = {&q->principal, &q->action, &q->resource};
    for (int i = 0; i < 3; i++) {
        r->variables[i] = partial_variable(r, uids[i]);
        if (uids[i]->known == CEDAR_KNOWN && r->variables[i].value == NULL)
            return error_memory(error);
    }
    return true;
}
