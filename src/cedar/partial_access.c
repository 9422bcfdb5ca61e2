/* Partial evaluation of `.` and `has`, and what is known of entities. */
#include "cedar/partial.h"

#include <stdlib.h>

/* -------------------------------------------------------------------------------------------------------------------------------- entities */

static int
uid_cmp(const struct cedar_uid *a, const struct cedar_uid *b)
{
    int c = str_cmp(a->type, b->type);
    return c ? c : str_cmp(a->id, b->id);
}

static int
by_uid(const void *key, const void *member)
{
    return uid_cmp(key, &(*(const struct cedar_unknown_entity *const *)member)->uid);
}

/* What the request's list says of it. */
static bool
listed(const struct partial *r, const struct cedar_uid *uid, enum entity_part what)
{
    if (r->n_unknown == 0)
        return false;
    const struct cedar_unknown_entity **found = bsearch(uid, r->unknown, r->n_unknown, sizeof(const struct cedar_unknown_entity *), by_uid);
    if (found == NULL)
        return false;
    return what == ENTITY_ATTRIBUTES ? (*found)->attributes : what == ENTITY_ANCESTORS ? (*found)->ancestors : (*found)->tags;
}

static bool
outside(const struct partial *r, const struct cedar_uid *uid)
{
    return r->open && entities_find(r->entities, uid) == NULL;
}

bool
partial_entity_unknown(const struct partial *r, const struct cedar_uid *uid, enum entity_part what)
{
    return listed(r, uid, what) || outside(r, uid);
}

static bool
ancestors_listed(const struct partial *r, const struct cedar_uid *uid)
{
    return listed(r, uid, ENTITY_ANCESTORS);
}

/* Is it so of ${low} or of anything above it? */
static bool
any_above(const struct partial *r, const struct cedar_uid *low, bool (*is)(const struct partial *r, const struct cedar_uid *uid))
{
    if (is(r, low))
        return true;
    const struct entity *e = entities_find(r->entities, low);
    for (size_t i = 0; e && i < e->n_ancestors; i++)
        if (is(r, &r->entities->at[e->ancestors[i]].uid))
            return true;
    return false;
}

/* The store's word on ancestors that are listed as unknown does not count; on others it does, but past the store there may be more. */
unsigned
partial_in(const struct partial *r, const struct cedar_uid *low, const struct cedar_uid *high)
{
    if (uid_eq(low, high))
        return MAY_TRUE;
    bool doubtful = r->n_unknown > 0 && any_above(r, low, ancestors_listed);
    if (!doubtful && entities_in(r->entities, low, high))
        return MAY_TRUE;
    if (!doubtful && !(r->open && any_above(r, low, outside)))
        return MAY_FALSE;
    return partial_can_be_below(r, low->type, high->type) ? MAY_BOOL : MAY_FALSE;
}

/* ------------------------------------------------------------------------------------------------------------------------------ attributes */

static const struct hole *
find_hole(const struct shape *s, struct cedar_str name)
{
    for (const struct hole *h = s->holes; h; h = h->next)
        if (str_eq(h->name, name))
            return h;
    return NULL;
}

static const struct cedar_value *
named_field(const struct part *p, struct cedar_str name, bool *has)
{
    *has = false;
    for (size_t i = 0; i < p->expr->n; i++) {
        if (!str_eq(p->expr->names.at[i], name))
            continue;
        *has = true;
        return p->expr->kid[i]->op == EXPR_LITERAL ? p->expr->kid[i]->literal : NULL;
    }
    return NULL;
}

/* What the schema says of an attribute of something that is not known. */
struct declared {
    bool closed; /* the schema declares what it is a part of */
    const struct type_attribute *attribute;
};

static struct declared
declared_in_record(const struct part *p, struct cedar_str name)
{
    bool closed = p->type && p->type->kind == TYPE_RECORD;
    return (struct declared){closed, closed ? type_attribute(p->type, name) : NULL};
}

static struct declared
declared_in_entity(const struct partial *r, const struct part *p, struct cedar_str name)
{
    const struct schema_entity *s = r->schema && p->entity_type.n ? schema_find_entity(r->schema, p->entity_type) : NULL;
    return (struct declared){s != NULL, s && s->attributes ? type_attribute(s->attributes, name) : NULL};
}

static unsigned
has_in_rest(const struct partial *r, const struct part *p, struct cedar_str name)
{
    unsigned may = p->may & ~(unsigned)(MAY_RECORD | MAY_ENTITY) ? MAY_ERROR : 0;
    if (p->may & MAY_RECORD) {
        struct declared d = declared_in_record(p, name);
        may |= !d.closed ? MAY_BOOL : d.attribute == NULL ? MAY_FALSE : d.attribute->required ? MAY_TRUE : MAY_BOOL;
    }
    if (p->may & MAY_ENTITY) {
        struct declared d = declared_in_entity(r, p, name);
        may |= d.closed && d.attribute == NULL ? MAY_FALSE : MAY_BOOL;
    }
    return may;
}

/* Does ${p} have the attribute? Of MAY_TRUE, MAY_FALSE and MAY_ERROR. */
static unsigned
has(const struct partial *r, const struct part *p, struct cedar_str name)
{
    bool there;
    if (p->shape) {
        const struct hole *h = find_hole(p->shape, name);
        if (h)
            return h->present ? MAY_TRUE : MAY_BOOL;
        if (value_get(p->shape->known, name) || !p->shape->open)
            return value_get(p->shape->known, name) ? MAY_TRUE : MAY_FALSE;
        return has_in_rest(r, p, name);
    }
    if (p->value && p->value->kind == VALUE_RECORD)
        return value_get(p->value, name) ? MAY_TRUE : MAY_FALSE;
    if (p->value && p->value->kind == VALUE_ENTITY && !partial_entity_unknown(r, &p->value->uid, ENTITY_ATTRIBUTES)) {
        const struct entity *e = entities_find(r->entities, &p->value->uid);
        return e && value_get(e->attributes, name) ? MAY_TRUE : MAY_FALSE;
    }
    if (p->expr && p->expr->op == EXPR_RECORD && p->may == MAY_RECORD)
        return named_field(p, name, &there), there ? MAY_TRUE : MAY_FALSE;
    return has_in_rest(r, p, name);
}

/* What is left of ${p}.name; ${e} is where it stands. */
static const struct expr *
access(struct partial *r, const struct expr *e, const struct part *p, struct cedar_str name)
{
    const struct expr **kid = arena_list(r->a, 1, sizeof(const struct expr *));
    struct expr *x = kid ? partial_node(r, EXPR_ATTRIBUTE, e, kid, 0) : NULL;
    if (x == NULL) {
        r->memory = true;
        return e;
    }
    kid[0] = partial_as_expr(r, p);
    x->n = 1;
    x->name = name;
    x->height = kid[0] ? kid[0]->height + 1 : 2;
    return x;
}

static struct part
get_from_rest(struct partial *r, const struct expr *e, const struct part *p, struct cedar_str name)
{
    struct declared record = {true, NULL}, entity = {true, NULL};
    bool there;
    if (p->expr && p->expr->op == EXPR_RECORD && p->may == MAY_RECORD) {
        const struct cedar_value *v = named_field(p, name, &there);
        if (v)
            return partial_value(v);
        return partial_rest(access(r, e, p, name), there ? MAY_ANY | MAY_ERROR : MAY_ERROR, NULL);
    }
    unsigned may = p->may & ~(unsigned)(MAY_RECORD | MAY_ENTITY) ? MAY_ERROR : 0;
    if (p->may & MAY_RECORD) {
        record = declared_in_record(p, name);
        may |= !record.closed ? MAY_ANY | MAY_ERROR : record.attribute == NULL ? MAY_ERROR : partial_kinds(record.attribute->type);
        may |= record.attribute && !record.attribute->required ? MAY_ERROR : 0;
    }
    if (p->may & MAY_ENTITY) {
        entity = declared_in_entity(r, p, name);
        may |= !entity.closed ? MAY_ANY | MAY_ERROR : entity.attribute == NULL ? MAY_ERROR : partial_kinds(entity.attribute->type) | MAY_ERROR;
    }
    const struct type_attribute *only = record.attribute ? record.attribute : entity.attribute;
    bool sure = record.closed && entity.closed && !(record.attribute && entity.attribute);
    return partial_rest(access(r, e, p, name), may, sure && only ? only->type : NULL);
}

static struct part
get_from_hole(struct partial *r, const struct expr *e, const struct part *p, const struct hole *h)
{
    unsigned may = (h->inside ? MAY_RECORD : partial_kinds(h->type)) | (h->present ? 0 : MAY_ERROR);
    struct part found = partial_rest(access(r, e, p, h->name), may, h->type);
    found.shape = h->inside;
    return found;
}

static struct part
get(struct partial *r, const struct expr *e, const struct part *p, struct cedar_str name)
{
    const struct cedar_value *v = NULL;
    if (p->shape) {
        const struct hole *h = find_hole(p->shape, name);
        if (h)
            return get_from_hole(r, e, p, h);
        v = value_get(p->shape->known, name);
        if (v == NULL && p->shape->open)
            return get_from_rest(r, e, p, name);
    } else if (p->value && p->value->kind == VALUE_RECORD) {
        v = value_get(p->value, name);
    } else if (p->value && p->value->kind == VALUE_ENTITY && !partial_entity_unknown(r, &p->value->uid, ENTITY_ATTRIBUTES)) {
        const struct entity *entity = entities_find(r->entities, &p->value->uid);
        v = entity ? value_get(entity->attributes, name) : NULL;
    } else {
        return get_from_rest(r, e, p, name);
    }
    return v ? partial_value(v) : partial_rest(access(r, e, p, name), MAY_ERROR, NULL);
}

struct part
partial_attribute(struct partial *r, const struct expr *e)
{
    struct part p = partial_expr(r, e->kid[0]);
    if (p.may == MAY_ERROR)
        return p;
    struct part found = get(r, e, &p, e->name);
    if ((found.may & MAY_ERROR) && found.may != MAY_ERROR && partial_assumed_there(r, e->kid[0], e->name))
        found.may &= ~(unsigned)MAY_ERROR;
    return found;
}

/* p has names[from]…, where it is not known whether it has the first. */
static struct part
has_rest(struct partial *r, const struct expr *e, const struct part *p, size_t from, unsigned may)
{
    const struct expr **kid = arena_list(r->a, 1, sizeof(const struct expr *));
    if (kid == NULL)
        return partial_failed(r);
    kid[0] = partial_as_expr(r, p);
    struct expr *x = partial_node(r, EXPR_HAS, e, kid, 1);
    if (x == NULL)
        return partial_failed(r);
    x->names = (struct pieces){e->names.at + from, e->names.n - from};
    bool deeper = x->names.n > 1 && (may & MAY_TRUE);
    return partial_rest(x, deeper ? may | MAY_BOOL | MAY_ERROR : may, NULL);
}

struct part
partial_has(struct partial *r, const struct expr *e)
{
    struct part p = partial_expr(r, e->kid[0]);
    for (size_t i = 0; i < e->names.n; i++) {
        if (p.may == MAY_ERROR)
            return p;
        unsigned may = has(r, &p, e->names.at[i]) | (p.may & MAY_ERROR);
        if (may == MAY_FALSE)
            return partial_value(&value_false);
        if (may != MAY_TRUE)
            return has_rest(r, e, &p, i, may);
        if (i + 1 < e->names.n)
            p = get(r, e, &p, e->names.at[i]);
    }
    return partial_value(&value_true);
}
