#include "cedar/outcome.h"

/* What is known of a value: its possible kinds and, of an entity or record, its type, or the literal that it is. */
struct known {
    unsigned can;
    const struct type *type;     /* by the schema; NULL: not known */
    const struct term *literal;  /* a record or set literal */
    const struct cedar_str *entity; /* the type of an entity; NULL: not known */
};

static struct known look(struct outcomes *o, struct term *t);

static struct known
can(unsigned kinds)
{
    return (struct known){.can = kinds};
}

static struct known
anything(void)
{
    return can(OUTCOME_ANY);
}

static unsigned
of_kind(enum value_kind kind)
{
    static const unsigned all[] = {
        [VALUE_BOOL] = OUTCOME_BOOL,         [VALUE_LONG] = OUTCOME_LONG,     [VALUE_STRING] = OUTCOME_STRING,     [VALUE_ENTITY] = OUTCOME_ENTITY,
        [VALUE_SET] = OUTCOME_SET,           [VALUE_RECORD] = OUTCOME_RECORD, [VALUE_DATETIME] = OUTCOME_DATETIME, [VALUE_DECIMAL] = OUTCOME_DECIMAL,
        [VALUE_DURATION] = OUTCOME_DURATION, [VALUE_IP] = OUTCOME_IP,
    };
    return all[kind];
}

static struct known
of_type(const struct type *t)
{
    switch (t->kind) {
    case TYPE_BOOL:
        return can(OUTCOME_BOOL);
    case TYPE_LONG:
        return can(OUTCOME_LONG);
    case TYPE_STRING:
        return can(OUTCOME_STRING);
    case TYPE_SET:
        return can(OUTCOME_SET);
    case TYPE_RECORD:
        return (struct known){.can = OUTCOME_RECORD, .type = t};
    case TYPE_ENTITY:
        return (struct known){.can = OUTCOME_ENTITY, .type = t, .entity = &t->entity->name};
    case TYPE_EXTENSION:
        return can(of_kind(t->extension));
    default:
        return anything();
    }
}

static struct known
of_types(const struct type *t)
{
    return t ? of_type(t) : can(OUTCOME_ENTITY);
}

/* --------------------------------------------------------------------------------------------------------------- leaves */

static struct known
look_literal(struct outcomes *o, struct term *t)
{
    const struct cedar_value *v = t->literal;
    if (v->kind == VALUE_BOOL)
        return can(v->truth ? OUTCOME_TRUE : OUTCOME_FALSE);
    if (v->kind != VALUE_ENTITY)
        return can(of_kind(v->kind));
    struct known k = of_types(o->types ? checker_uid_type(o->types, &v->uid) : NULL);
    k.entity = &v->uid.type;
    return k;
}

static struct known
look_variable(struct outcomes *o, struct term *t)
{
    if (o->types == NULL)
        return can(t->variable == VARIABLE_CONTEXT ? OUTCOME_RECORD : OUTCOME_ENTITY);
    switch (t->variable) {
    case VARIABLE_PRINCIPAL:
        return of_type(checker_entity_type(o->types, o->env->principal));
    case VARIABLE_RESOURCE:
        return of_type(checker_entity_type(o->types, o->env->resource));
    case VARIABLE_ACTION:
        return of_types(checker_uid_type(o->types, &o->env->action->uid));
    default:
        return of_type(o->env->action->context);
    }
}

static struct known
look_slot(struct outcomes *o, struct term *t)
{
    (void)o, (void)t;
    return can(OUTCOME_ENTITY);
}

/* --------------------------------------------------------------------------------------------------------------- logic */

/* Joined by && (${stop} is FALSE) or || (TRUE): goes on while an operand can be otherwise. */
static struct known
look_chain(struct outcomes *o, struct term *t, unsigned stop)
{
    unsigned out = 0, go = OUTCOME_BOOL & ~stop, last = go;
    size_t i = 0;
    for (; i < t->n && last & go; i++) {
        last = look(o, t->kid[i]).can & OUTCOME_BOOL;
        out |= last & stop;
    }
    t->visited = i;
    return can(out | (last & go));
}

static struct known
look_and(struct outcomes *o, struct term *t)
{
    return look_chain(o, t, OUTCOME_FALSE);
}

static struct known
look_or(struct outcomes *o, struct term *t)
{
    return look_chain(o, t, OUTCOME_TRUE);
}

static struct known
look_not(struct outcomes *o, struct term *t)
{
    unsigned k = look(o, t->kid[0]).can;
    return can((k & OUTCOME_TRUE ? OUTCOME_FALSE : 0) | (k & OUTCOME_FALSE ? OUTCOME_TRUE : 0));
}

static struct known
look_if(struct outcomes *o, struct term *t)
{
    unsigned test = look(o, t->kid[0]).can;
    struct known a = test & OUTCOME_TRUE ? look(o, t->kid[1]) : can(0), b = test & OUTCOME_FALSE ? look(o, t->kid[2]) : can(0);
    if (a.can == 0)
        return b;
    return b.can == 0 ? a : can(a.can | b.can);
}

/* ----------------------------------------------------------------------------------------------------------- comparisons */

static struct known
look_equal(struct outcomes *o, struct term *t)
{
    struct term *x = t->kid[0], *y = t->kid[1];
    struct known a = look(o, x), b = look(o, y);
    if (a.can == 0 || b.can == 0)
        return can(0);
    if (x->op == TERM_LITERAL && y->op == TERM_LITERAL)
        return can(value_eq(x->literal, y->literal) ? OUTCOME_TRUE : OUTCOME_FALSE);
    bool apart =
        (a.can & b.can) == 0 || (a.can == OUTCOME_ENTITY && b.can == OUTCOME_ENTITY && a.entity && b.entity && !str_eq(*a.entity, *b.entity));
    return can(apart ? OUTCOME_FALSE : OUTCOME_BOOL);
}

static struct known
look_less(struct outcomes *o, struct term *t)
{
    struct term *x = t->kid[0], *y = t->kid[1];
    unsigned both = look(o, x).can & look(o, y).can & (OUTCOME_LONG | OUTCOME_DATETIME | OUTCOME_DURATION);
    if (both != OUTCOME_LONG || x->op != TERM_LITERAL || y->op != TERM_LITERAL)
        return can(both ? OUTCOME_BOOL : 0);
    int64_t a = x->literal->number, b = y->literal->number;
    return can((t->op == TERM_LESS ? a < b : a <= b) ? OUTCOME_TRUE : OUTCOME_FALSE);
}

static struct known
look_arithmetic(struct outcomes *o, struct term *t)
{
    unsigned all = OUTCOME_LONG;
    for (size_t i = 0; i < t->n; i++)
        all &= look(o, t->kid[i]).can;
    return can(all);
}

/* A member that is no entity makes `in` an error, whatever the others are. */
static bool
holds_entities(const struct term *set)
{
    for (size_t i = 0; i < set->n; i++)
        if (!(set->kid[i]->outcomes & OUTCOME_ENTITY))
            return false;
    return true;
}

static struct known
look_in(struct outcomes *o, struct term *t)
{
    struct known a = look(o, t->kid[0]), b = look(o, t->kid[1]);
    bool right = b.can & OUTCOME_ENTITY || (b.can & OUTCOME_SET && (b.literal == NULL || holds_entities(b.literal)));
    if (!(a.can & OUTCOME_ENTITY) || !right)
        return can(0);
    if (b.literal && b.literal->n == 0)
        return can(OUTCOME_FALSE);
    if (a.type && b.type && a.can == OUTCOME_ENTITY && b.can == OUTCOME_ENTITY && !checker_may_be_in(o->types, a.type->entity, b.type->entity))
        return can(OUTCOME_FALSE);
    return can(OUTCOME_BOOL);
}

static struct known
look_like(struct outcomes *o, struct term *t)
{
    return can(look(o, t->kid[0]).can & OUTCOME_STRING ? OUTCOME_BOOL : 0);
}

static struct known
look_is(struct outcomes *o, struct term *t)
{
    struct known a = look(o, t->kid[0]);
    if (!(a.can & OUTCOME_ENTITY))
        return can(0);
    if (a.entity == NULL || a.can != OUTCOME_ENTITY)
        return can(OUTCOME_BOOL);
    return can(str_eq(*a.entity, t->name) ? OUTCOME_TRUE : OUTCOME_FALSE);
}

/* ------------------------------------------------------------------------------------------------- sets, records, tags */

static struct known
look_set(struct outcomes *o, struct term *t)
{
    struct known k = {.can = OUTCOME_SET, .literal = t};
    for (size_t i = 0; i < t->n; i++)
        if (look(o, t->kid[i]).can == 0)
            k.can = 0;
    return k;
}

static struct known
look_record(struct outcomes *o, struct term *t)
{
    struct known k = look_set(o, t);
    k.can = k.can ? OUTCOME_RECORD : 0;
    return k;
}

static struct known
look_contains(struct outcomes *o, struct term *t)
{
    unsigned a = look(o, t->kid[0]).can, b = t->n > 1 ? look(o, t->kid[1]).can : OUTCOME_ANY;
    bool two_sets = t->op == TERM_CONTAINS_ALL || t->op == TERM_CONTAINS_ANY;
    return can(a & OUTCOME_SET && (two_sets ? b & OUTCOME_SET : b) ? OUTCOME_BOOL : 0);
}

static struct known
look_tag(struct outcomes *o, struct term *t)
{
    struct known a = look(o, t->kid[0]), b = look(o, t->kid[1]);
    bool get = t->op == TERM_GET_TAG;
    if (!(a.can & OUTCOME_ENTITY) || !(b.can & OUTCOME_STRING))
        return can(0);
    if (a.type == NULL || a.can != OUTCOME_ENTITY)
        return get ? anything() : can(OUTCOME_BOOL);
    if (a.type->entity->tags == NULL)
        return can(get ? 0 : OUTCOME_FALSE);
    return get ? of_type(a.type->entity->tags) : can(OUTCOME_BOOL);
}

/* The attribute of a value whose attributes are known; *${known}: they are. Without the attribute: can(0). */
static struct known
find_attribute(const struct known *of, struct cedar_str name, bool *known)
{
    *known = true;
    if (of->can == OUTCOME_RECORD && of->literal) {
        for (size_t i = 0; i < of->literal->n; i++)
            if (str_eq(of->literal->names.at[i], name))
                return can(of->literal->kid[i]->outcomes);
        return can(0);
    }
    if (of->type && (of->can == OUTCOME_RECORD || of->can == OUTCOME_ENTITY)) {
        const struct type *record = of->type->kind == TYPE_ENTITY ? of->type->entity->attributes : of->type;
        const struct type_attribute *a = type_attribute(record, name);
        return a ? of_type(a->type) : can(0);
    }
    *known = false;
    return anything();
}

static struct known
look_attribute(struct outcomes *o, struct term *t)
{
    bool known;
    struct known of = look(o, t->kid[0]);
    return of.can & (OUTCOME_ENTITY | OUTCOME_RECORD) ? find_attribute(&of, t->name, &known) : can(0);
}

static struct known
look_has(struct outcomes *o, struct term *t)
{
    bool known;
    struct known of = look(o, t->kid[0]);
    if (!(of.can & (OUTCOME_ENTITY | OUTCOME_RECORD)))
        return can(0);
    struct known a = find_attribute(&of, t->name, &known);
    return can(known && a.can == 0 ? OUTCOME_FALSE : OUTCOME_BOOL);
}

static struct known
look_call(struct outcomes *o, struct term *t)
{
    struct cedar_str s = {NULL, 0};
    bool ok = t->n == ext_arguments(t->function);
    for (size_t i = 0; i < t->n; i++) {
        unsigned k = look(o, t->kid[i]).can;
        ok &= (k & of_kind(ext_argument(t->function, i))) != 0;
    }
    if (ok && t->kid[0]->op == TERM_LITERAL && t->kid[0]->literal->kind == VALUE_STRING)
        s = t->kid[0]->literal->text;
    if (!ok || (s.at && !ext_accepts(t->function, s)))
        return can(0);
    return can(of_kind(ext_result(t->function)));
}

/* Recursion ends: terms are at most TERM_MAX_HEIGHT high. */
static struct known
look(struct outcomes *o, struct term *t)
{
    static struct known (*const rules[])(struct outcomes *, struct term *) = {
        [TERM_LITERAL] = look_literal,
        [TERM_VARIABLE] = look_variable,
        [TERM_SLOT] = look_slot,
        [TERM_AND] = look_and,
        [TERM_ALL] = look_and,
        [TERM_OR] = look_or,
        [TERM_NOT] = look_not,
        [TERM_NEGATE] = look_arithmetic,
        [TERM_IF] = look_if,
        [TERM_EQUAL] = look_equal,
        [TERM_LESS] = look_less,
        [TERM_LESS_EQUAL] = look_less,
        [TERM_IN] = look_in,
        [TERM_ARITHMETIC] = look_arithmetic,
        [TERM_CONTAINS] = look_contains,
        [TERM_CONTAINS_ALL] = look_contains,
        [TERM_CONTAINS_ANY] = look_contains,
        [TERM_IS_EMPTY] = look_contains,
        [TERM_GET_TAG] = look_tag,
        [TERM_HAS_TAG] = look_tag,
        [TERM_ATTRIBUTE] = look_attribute,
        [TERM_HAS] = look_has,
        [TERM_LIKE] = look_like,
        [TERM_IS] = look_is,
        [TERM_SET] = look_set,
        [TERM_RECORD] = look_record,
        [TERM_CALL] = look_call,
    };
    struct known k = anything();
    if (o->left > 0 && --o->left > 0)
        k = rules[t->op](o, t);
    t->outcomes = k.can;
    return k;
}

unsigned
outcomes_of(struct outcomes *o, struct term *t)
{
    return look(o, t).can;
}
