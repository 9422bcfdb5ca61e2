#include "cedar_policy.h"
#include "base/json.h"

#include <stdlib.h>

#define GUARDS 6

/* One policy in the making. */
struct making {
    struct world *w;
    struct world_env env;
    struct tree *guards[GUARDS]; /* `x has a` of optional attributes in use */
    size_t n_guards;
};

static const struct sort plain[SORTS] = {
    [SORT_BOOL] = {.kind = SORT_BOOL},         [SORT_LONG] = {.kind = SORT_LONG},
    [SORT_STRING] = {.kind = SORT_STRING},     [SORT_IP] = {.kind = SORT_IP},
    [SORT_DECIMAL] = {.kind = SORT_DECIMAL},   [SORT_DATETIME] = {.kind = SORT_DATETIME},
    [SORT_DURATION] = {.kind = SORT_DURATION},
};

static struct tree *make(struct making *m, const struct sort *s, unsigned depth);

static struct arena *
memory(struct making *m)
{
    return m->w->a;
}

static unsigned
choose(struct making *m, unsigned n)
{
    return choice_of(m->w->c, n);
}

/* ------------------------------------------------------------------------------------------------------------------- variables */

static struct tree *
variable(struct making *m, unsigned which)
{
    static const char *const names[] = {"principal", "resource", "context", "action"};
    return tree_new(memory(m), TREE_VARIABLE, names[which], 0);
}

static const struct sort *
variable_shape(struct making *m, unsigned which)
{
    const struct world *w = m->w;
    return which == 0 ? w->entities[m->env.principal].shape : which == 1 ? w->entities[m->env.resource].shape : w->actions[m->env.action].context;
}

static struct tree *
has_one(struct making *m, struct tree *left, const char *name)
{
    struct tree *has = tree_one(memory(m), TREE_HAS, NULL, left);
    tree_names(memory(m), has, 1);
    has->names[0] = name;
    return has;
}

static bool
fits(const struct sort *have, const struct sort *want)
{
    if (have->kind != want->kind)
        return false;
    if (want->kind == SORT_ENTITY)
        return have->entity == want->entity;
    return want->kind != SORT_SET || want->inner == NULL || fits(have->inner, want->inner);
}

/* An attribute of sort ${s} below ${at}, whose shape is ${shape}, or NULL. */
static struct tree *
attribute_of(struct making *m, struct tree *at, const struct sort *shape, const struct sort *s, unsigned depth)
{
    unsigned start = shape->n_fields ? choose(m, (unsigned)shape->n_fields) : 0;
    for (size_t i = 0; i < shape->n_fields; i++) {
        const struct field *f = &shape->fields[(start + i) % shape->n_fields];
        struct tree *here = tree_one(memory(m), TREE_ATTRIBUTE, f->name, at), *found = NULL;
        if (fits(f->sort, s))
            found = here;
        else if (depth > 0 && f->sort->kind == SORT_RECORD)
            found = attribute_of(m, here, f->sort, s, depth - 1);
        else if (depth > 0 && f->sort->kind == SORT_ENTITY)
            found = attribute_of(m, here, m->w->entities[f->sort->entity].shape, s, depth - 1);
        if (found == NULL)
            continue;
        if (f->optional && m->n_guards < GUARDS)
            m->guards[m->n_guards++] = has_one(m, at, f->name);
        return found;
    }
    return NULL;
}

static struct tree *
path(struct making *m, const struct sort *s)
{
    unsigned first = choose(m, 3);
    if (s->kind == SORT_ENTITY && s->entity == m->env.principal && choice_rare(m->w->c, 50))
        return variable(m, 0);
    if (s->kind == SORT_ENTITY && s->entity == m->env.resource && choice_rare(m->w->c, 50))
        return variable(m, 1);
    for (unsigned i = 0; i < 3; i++) {
        unsigned which = (first + i) % 3;
        struct tree *t = attribute_of(m, variable(m, which), variable_shape(m, which), s, 2);
        if (t)
            return t;
    }
    return NULL;
}

/* -------------------------------------------------------------------------------------------------------------------- literals */

static struct tree *
entity_literal(struct making *m, unsigned entity)
{
    struct tree *t = tree_new(memory(m), TREE_ENTITY, world_is_odd(m->w) ? "Nope" : m->w->entities[entity].name, 0);
    t->id = world_id(m->w, entity);
    return t;
}

static struct tree *
string_literal(struct making *m, const char *text)
{
    return tree_new(memory(m), TREE_STRING, text, 0);
}

static struct tree *
number_literal(struct making *m, enum tree_kind kind, int64_t v)
{
    struct tree *t = tree_new(memory(m), kind, NULL, 0);
    t->number = v;
    return t;
}

static struct tree *
record_literal(struct making *m, const struct sort *s, unsigned depth)
{
    struct tree *t = tree_new(memory(m), TREE_RECORD, NULL, s->n_fields);
    tree_names(memory(m), t, s->n_fields + 1);
    size_t n = 0;
    for (size_t i = 0; i < s->n_fields; i++) {
        if (s->fields[i].optional && choice_rare(m->w->c, 50))
            continue;
        t->names[n] = s->fields[i].name;
        t->args[n++] = make(m, s->fields[i].sort, depth);
    }
    t->n_args = t->n_names = n;
    return t;
}

static struct tree *
set_literal(struct making *m, const struct sort *s, unsigned depth)
{
    unsigned n = choice_rare(m->w->c, 3) ? 0 : 1 + choose(m, 3);
    struct tree *t = tree_new(memory(m), TREE_SET, NULL, n);
    for (unsigned i = 0; i < n; i++)
        t->args[i] = make(m, s->inner ? s->inner : &plain[SORT_LONG], depth);
    return t;
}

static struct tree *
literal(struct making *m, const struct sort *s, unsigned depth)
{
    unsigned below = depth ? depth - 1 : 0;
    switch (s->kind) {
    case SORT_BOOL:
        return number_literal(m, TREE_BOOL, choose(m, 2));
    case SORT_LONG:
        return number_literal(m, TREE_LONG, world_long(m->w));
    case SORT_STRING:
        return string_literal(m, world_string(m->w));
    case SORT_ENTITY:
        return entity_literal(m, s->entity);
    case SORT_SET:
        return set_literal(m, s, below);
    case SORT_RECORD:
        return record_literal(m, s, below);
    default:
        return tree_one(memory(m), TREE_CALL, sort_functions[s->kind], string_literal(m, world_extension_text(m->w, s->kind)));
    }
}

/* ------------------------------------------------------------------------------------------------------------------- operators */

static struct tree *
method(struct making *m, const char *name, struct tree *left, struct tree *right)
{
    return right ? tree_pair(memory(m), TREE_METHOD, name, left, right) : tree_one(memory(m), TREE_METHOD, name, left);
}

static struct tree *
binary(struct making *m, const char *op, struct tree *left, struct tree *right)
{
    return tree_pair(memory(m), TREE_BINARY, op, left, right);
}

static struct tree *
make_equal(struct making *m, unsigned depth)
{
    const struct sort *s = world_sort(m->w, 1);
    return binary(m, choose(m, 3) ? "==" : "!=", make(m, s, depth), make(m, s, depth));
}

static struct tree *
make_logic(struct making *m, unsigned depth)
{
    return binary(m, choose(m, 2) ? "||" : "&&", make(m, &plain[SORT_BOOL], depth), make(m, &plain[SORT_BOOL], depth));
}

static struct tree *
make_not(struct making *m, unsigned depth)
{
    return tree_one(memory(m), TREE_UNARY, "!", make(m, &plain[SORT_BOOL], depth));
}

static struct tree *
make_order(struct making *m, unsigned depth)
{
    static const enum sort_kind kinds[] = {SORT_LONG, SORT_LONG, SORT_DATETIME, SORT_DURATION};
    static const char *const ops[] = {"<", "<=", ">", ">="};
    const struct sort *s = &plain[CHOICE_FROM(m->w->c, kinds)];
    return binary(m, CHOICE_FROM(m->w->c, ops), make(m, s, depth), make(m, s, depth));
}

static struct tree *
make_in(struct making *m, unsigned depth)
{
    const struct sort left = {.kind = SORT_ENTITY, .entity = choose(m, m->w->n_entities)};
    struct sort *right = ARENA_NEW(memory(m), struct sort), *set = ARENA_NEW(memory(m), struct sort);
    *right = (struct sort){.kind = SORT_ENTITY, .entity = choose(m, m->w->n_entities)};
    *set = (struct sort){.kind = SORT_SET, .inner = right};
    struct tree *who = choice_rare(m->w->c, 70) ? variable(m, choose(m, 2)) : make(m, &left, depth);
    return binary(m, "in", who, make(m, choice_rare(m->w->c, 35) ? set : right, depth));
}

static struct tree *
make_is(struct making *m, unsigned depth)
{
    const struct sort in = {.kind = SORT_ENTITY, .entity = choose(m, m->w->n_entities)};
    const char *type = world_is_odd(m->w) ? "Nope" : m->w->entities[choose(m, m->w->n_entities)].name;
    struct tree *who = variable(m, choose(m, 2));
    return choice_rare(m->w->c, 30) ? tree_pair(memory(m), TREE_IS, type, who, make(m, &in, depth)) : tree_one(memory(m), TREE_IS, type, who);
}

static struct tree *
make_like(struct making *m, unsigned depth)
{
    struct tree *t = tree_one(memory(m), TREE_LIKE, NULL, make(m, &plain[SORT_STRING], depth));
    tree_names(memory(m), t, 1 + choose(m, 4));
    for (size_t i = 0; i < t->n_names; i++)
        t->names[i] = world_string(m->w);
    return t;
}

static struct tree *
make_has(struct making *m, unsigned depth)
{
    (void)depth;
    unsigned which = choose(m, 3);
    const struct sort *s = variable_shape(m, which);
    struct tree *t = tree_one(memory(m), TREE_HAS, NULL, variable(m, which));
    tree_names(memory(m), t, 3);
    t->n_names = 0;
    while (s->n_fields && t->n_names < 3) {
        const struct field *f = &s->fields[choose(m, (unsigned)s->n_fields)];
        if (t->n_names && !tree_is_name(f->name))
            break;
        t->names[t->n_names++] = f->name;
        if (!tree_is_name(f->name) || !(f->sort->kind == SORT_RECORD || f->sort->kind == SORT_ENTITY) || choose(m, 2))
            break;
        s = f->sort->kind == SORT_RECORD ? f->sort : m->w->entities[f->sort->entity].shape;
    }
    if (t->n_names == 0)
        t->names[t->n_names++] = "a";
    return t;
}

static struct tree *
make_set_test(struct making *m, unsigned depth)
{
    static const char *const names[] = {"contains", "containsAll", "containsAny", "isEmpty"};
    struct sort *set = ARENA_NEW(memory(m), struct sort);
    *set = (struct sort){.kind = SORT_SET, .inner = world_sort(m->w, 0)};
    unsigned which = choose(m, 4);
    struct tree *left = make(m, set, depth);
    return method(m, names[which], left, which == 3 ? NULL : make(m, which == 0 ? set->inner : set, depth));
}

static struct tree *
make_ip_test(struct making *m, unsigned depth)
{
    static const char *const names[] = {"isInRange", "isIpv4", "isIpv6", "isLoopback", "isMulticast"};
    unsigned which = choose(m, 5);
    struct tree *left = make(m, &plain[SORT_IP], depth);
    return method(m, names[which], left, which ? NULL : make(m, &plain[SORT_IP], depth));
}

static struct tree *
make_decimal_test(struct making *m, unsigned depth)
{
    static const char *const names[] = {"lessThan", "lessThanOrEqual", "greaterThan", "greaterThanOrEqual"};
    return method(m, CHOICE_FROM(m->w->c, names), make(m, &plain[SORT_DECIMAL], depth), make(m, &plain[SORT_DECIMAL], depth));
}

static struct tree *
make_tag(struct making *m, unsigned depth, bool get)
{
    static const char *const keys[] = {"a", "t", "", "nope"};
    unsigned which = choose(m, 2);
    struct tree *key = choice_rare(m->w->c, 80) ? string_literal(m, CHOICE_FROM(m->w->c, keys)) : make(m, &plain[SORT_STRING], depth);
    if (get && m->n_guards < GUARDS)
        m->guards[m->n_guards++] = method(m, "hasTag", variable(m, which), key);
    return method(m, get ? "getTag" : "hasTag", variable(m, which), key);
}

static struct tree *
make_has_tag(struct making *m, unsigned depth)
{
    return make_tag(m, depth, false);
}

static struct tree *
make_get_tag_equal(struct making *m, unsigned depth)
{
    struct tree *tag = make_tag(m, depth, true);
    const struct sort *s = m->w->entities[m->env.principal].tags;
    return binary(m, "==", tag, make(m, s ? s : &plain[SORT_STRING], depth));
}

static struct tree *
make_bool(struct making *m, unsigned depth)
{
    static struct tree *(*const kinds[])(struct making *, unsigned) = {
        make_equal, make_equal, make_logic, make_logic, make_not,      make_order,   make_order,        make_in,      make_in,
        make_is,    make_like,  make_has,   make_has,   make_set_test, make_ip_test, make_decimal_test, make_has_tag, make_get_tag_equal};
    return CHOICE_FROM(m->w->c, kinds)(m, depth);
}

static struct tree *
make_long(struct making *m, unsigned depth)
{
    static const char *const ops[] = {"+", "-", "*"};
    static const char *const units[] = {"toMilliseconds", "toSeconds", "toMinutes", "toHours", "toDays"};
    switch (choose(m, 6)) {
    case 0:
        return tree_one(memory(m), TREE_UNARY, "-", make(m, &plain[SORT_LONG], depth));
    case 1:
        return method(m, CHOICE_FROM(m->w->c, units), make(m, &plain[SORT_DURATION], depth), NULL);
    default:
        return binary(m, CHOICE_FROM(m->w->c, ops), make(m, &plain[SORT_LONG], depth), make(m, &plain[SORT_LONG], depth));
    }
}

/* An operator whose value is of this sort, where there is one. */
static struct tree *
operation(struct making *m, const struct sort *s, unsigned depth)
{
    struct tree *datetime;
    switch (s->kind) {
    case SORT_BOOL:
        return make_bool(m, depth);
    case SORT_LONG:
        return make_long(m, depth);
    case SORT_DATETIME:
        datetime = make(m, s, depth);
        return choose(m, 2) ? method(m, "offset", datetime, make(m, &plain[SORT_DURATION], depth)) : method(m, "toDate", datetime, NULL);
    case SORT_DURATION:
        datetime = make(m, &plain[SORT_DATETIME], depth);
        return choose(m, 2) ? method(m, "durationSince", datetime, make(m, &plain[SORT_DATETIME], depth)) : method(m, "toTime", datetime, NULL);
    default:
        return literal(m, s, depth);
    }
}

static struct tree *
make_if(struct making *m, const struct sort *s, unsigned depth)
{
    struct tree *t = tree_new(memory(m), TREE_IF, NULL, 3);
    t->args[0] = make(m, &plain[SORT_BOOL], depth);
    t->args[1] = make(m, s, depth);
    t->args[2] = make(m, s, depth);
    return t;
}

/* What no schema would let pass, and what no parser would: unknown functions, wrong numbers of arguments. */
static struct tree *
make_odd(struct making *m, unsigned depth)
{
    static const char *const functions[] = {"ip", "decimal", "lessThan", "nope", "datetime"};
    static const char *const methods[] = {"ip", "contains", "isEmpty", "isIpv4", "nope", "lessThan"};
    struct tree *value = make(m, world_sort(m->w, 1), depth);
    switch (choose(m, 6)) {
    case 0:
        return tree_one(memory(m), TREE_CALL, CHOICE_FROM(m->w->c, functions), value);
    case 1:
        return method(m, CHOICE_FROM(m->w->c, methods), value, choose(m, 2) ? make(m, world_sort(m->w, 0), depth) : NULL);
    case 2:
        return tree_one(memory(m), TREE_ATTRIBUTE, "nope", value);
    case 3:
        return variable(m, choose(m, 4));
    default:
        return value;
    }
}

/* What no schema would let pass, but every parser: an attribute that is not there, a variable or a value of any sort. */
static struct tree *
make_loose(struct making *m, unsigned depth)
{
    struct tree *value = make(m, world_sort(m->w, 1), depth);
    unsigned which = choose(m, 4);
    return which == 0 ? tree_one(memory(m), TREE_ATTRIBUTE, "nope", value) : which == 1 ? variable(m, choose(m, 4)) : value;
}

static struct tree *
make(struct making *m, const struct sort *s, unsigned depth)
{
    if (depth == 0)
        return choice_rare(m->w->c, 60) ? literal(m, s, 0) : (path(m, s) ?: literal(m, s, 0));
    if (world_is_odd(m->w))
        return make_odd(m, depth - 1);
    if (world_is_loose(m->w))
        return make_loose(m, depth - 1);
    switch (choose(m, 10)) {
    case 0:
        return literal(m, s, depth);
    case 1:
    case 2:
    case 3:
        return path(m, s) ?: operation(m, s, depth - 1);
    case 4:
        return choice_rare(m->w->c, 25) ? make_if(m, s, depth - 1) : operation(m, s, depth - 1);
    default:
        return operation(m, s, depth - 1);
    }
}

/* ---------------------------------------------------------------------------------------------------------------------- scopes */

static void
make_scope(struct making *m, struct scope *s, unsigned entity, bool slot)
{
    unsigned other = choose(m, m->w->n_entities);
    s->kind = slot ? (choose(m, 2) ? SCOPE_IN : SCOPE_EQUAL) : choose(m, SCOPES + 3);
    if (slot && choice_rare(m->w->c, 20))
        s->kind = SCOPE_IS_IN;
    if (s->kind >= SCOPES)
        s->kind = SCOPE_ANY;
    s->slot = slot;
    bool in = s->kind == SCOPE_IN || s->kind == SCOPE_IS_IN;
    s->type = m->w->entities[in ? other : entity].name;
    s->id = world_id(m->w, in ? other : entity);
    s->is = world_is_odd(m->w) ? "Nope" : m->w->entities[entity].name;
}

static void
make_action_scope(struct making *m, struct scope *s)
{
    static const enum scope_kind kinds[] = {SCOPE_ANY, SCOPE_EQUAL, SCOPE_EQUAL, SCOPE_IN, SCOPE_IN};
    s->kind = CHOICE_FROM(m->w->c, kinds);
    s->type = m->w->actions[0].type;
    s->n = s->kind == SCOPE_IN && choose(m, 2) ? 1 + choose(m, 3) : 0;
    s->ids[0] = world_is_odd(m->w) ? "nope" : m->w->actions[m->env.action].id;
    for (unsigned i = 1; i < 3; i++)
        s->ids[i] = m->w->actions[choose(m, m->w->n_actions)].id;
    s->id = s->kind == SCOPE_IN && choose(m, 2) ? s->ids[1] : s->ids[0];
}

static struct tree *
value_test(struct making *m, const struct sort *s, struct tree *value)
{
    static const char *const ops[] = {"<", "<=", ">", ">=", "==", "!="};
    struct tree *t;
    switch (s->kind) {
    case SORT_BOOL:
        return value;
    case SORT_SET:
        return method(m, "contains", value, literal(m, s->inner, 1));
    case SORT_STRING:
        t = tree_one(memory(m), TREE_LIKE, NULL, value);
        tree_names(memory(m), t, 2);
        t->names[0] = world_string(m->w);
        t->names[1] = "";
        return choose(m, 2) ? t : binary(m, "==", value, literal(m, s, 0));
    case SORT_LONG:
    case SORT_DATETIME:
    case SORT_DURATION:
        return binary(m, CHOICE_FROM(m->w->c, ops), value, literal(m, s, 0));
    default:
        return binary(m, s->kind == SORT_ENTITY && choose(m, 2) ? "in" : "==", value, literal(m, s, 1));
    }
}

/* One test of one attribute, or of who asks for what: what many policies have in common but for the literal. */
static struct tree *
make_simple(struct making *m)
{
    unsigned which = choose(m, 3);
    const struct sort *shape = variable_shape(m, which);
    if (shape->n_fields == 0 || choose(m, 5) == 0)
        return binary(m, choose(m, 3) ? "in" : "==", variable(m, which % 2), entity_literal(m, choose(m, m->w->n_entities)));
    const struct field *f = &shape->fields[choose(m, (unsigned)shape->n_fields)];
    if (choose(m, 8) == 0)
        return has_one(m, variable(m, which), f->name);
    if (f->optional && choose(m, 2))
        m->guards[m->n_guards++] = has_one(m, variable(m, which), f->name);
    return value_test(m, f->sort, tree_one(memory(m), TREE_ATTRIBUTE, f->name, variable(m, which)));
}

static struct tree *
make_condition(struct making *m)
{
    static const unsigned depths[] = {1, 2, 2, 3, 3, 4};
    m->n_guards = 0;
    bool simple = m->w->simple && choice_rare(m->w->c, m->w->simple);
    struct tree *t = simple ? make_simple(m) : make(m, &plain[SORT_BOOL], CHOICE_FROM(m->w->c, depths));
    while (m->n_guards > 0)
        if (!choice_rare(m->w->c, 15))
            t = binary(m, "&&", m->guards[--m->n_guards], t);
        else
            m->n_guards--;
    return t;
}

void
policy_make(struct world *w, struct made_policy *p, bool slots)
{
    struct making m = {.w = w, .env = world_env(w)};
    unsigned which = choice_of(w->c, 3);
    *p = (struct made_policy){.forbid = choice_rare(w->c, 30)};
    make_scope(&m, &p->principal, m.env.principal, slots && which != 1);
    make_scope(&m, &p->resource, m.env.resource, slots && which != 0);
    make_action_scope(&m, &p->action);
    p->n_conditions = choice_rare(w->c, 75) ? 1 : choice_of(w->c, 4);
    for (size_t i = 0; i < p->n_conditions; i++) {
        p->conditions[i] = make_condition(&m);
        p->unless[i] = choice_rare(w->c, 25);
    }
    p->annotation = choice_rare(w->c, 10) ? world_string(w) : NULL;
}

/* ------------------------------------------------------------------------------------------------------------------------ text */

static void
put_literal(struct buf *b, struct world *w, const char *type, const char *id)
{
    buf_printf(b, "%s::", type);
    tree_put_string(b, w->c, id, false);
}

static void
put_scope(struct buf *b, struct world *w, const char *name, const struct scope *s)
{
    static const char *const words[SCOPES] = {[SCOPE_EQUAL] = " == ", [SCOPE_IN] = " in ", [SCOPE_IS_IN] = " in "};
    buf_puts(b, name);
    if (s->kind == SCOPE_IS || s->kind == SCOPE_IS_IN)
        buf_printf(b, " is %s", s->is);
    if (words[s->kind] == NULL)
        return;
    buf_puts(b, words[s->kind]);
    if (s->slot)
        buf_printf(b, "?%s", name);
    else
        put_literal(b, w, s->type, s->id);
}

static void
put_action_scope(struct buf *b, struct world *w, const struct scope *s)
{
    if (s->n == 0) {
        put_scope(b, w, "action", s);
        return;
    }
    buf_puts(b, "action in [");
    for (unsigned i = 0; i < s->n; i++) {
        buf_puts(b, i ? ", " : "");
        put_literal(b, w, s->type, s->ids[i]);
    }
    buf_putc(b, ']');
}

void
policy_put(struct buf *b, struct world *w, const struct made_policy *p)
{
    if (p->annotation) {
        buf_puts(b, choice_rare(w->c, 80) ? "@note(" : "// a comment\n@if(");
        tree_put_string(b, w->c, p->annotation, false);
        buf_puts(b, ")\n");
    }
    buf_puts(b, p->forbid ? "forbid(" : "permit (");
    put_scope(b, w, "principal", &p->principal);
    buf_puts(b, ", ");
    put_action_scope(b, w, &p->action);
    buf_puts(b, ", ");
    put_scope(b, w, "resource", &p->resource);
    buf_putc(b, ')');
    for (size_t i = 0; i < p->n_conditions; i++) {
        buf_puts(b, p->unless[i] ? "\nunless { " : " when {");
        tree_put(b, w->c, p->conditions[i]);
        buf_puts(b, " }");
    }
    buf_puts(b, choice_rare(w->c, 5) ? " // end\n;" : ";\n");
}

/* ------------------------------------------------------------------------------------------------------------------------ JSON */

static void
put_uid_json(struct buf *b, const char *type, const char *id)
{
    json_open(b, '{');
    json_member_str(b, "type", type);
    json_member_str(b, "id", id);
    json_close(b, '}');
}

static void
put_target_json(struct buf *b, const char *name, const struct scope *s)
{
    json_key(b, s->slot ? "slot" : "entity");
    if (s->slot)
        buf_printf(b, "\"?%s\"", name);
    else
        put_uid_json(b, s->type, s->id);
}

static void
put_scope_json(struct buf *b, const char *name, const struct scope *s)
{
    static const char *const ops[SCOPES] = {"All", "is", "==", "in", "is"};
    json_key(b, name);
    json_open(b, '{');
    json_member_str(b, "op", ops[s->kind]);
    if (s->kind == SCOPE_IS || s->kind == SCOPE_IS_IN)
        json_member_str(b, "entity_type", s->is);
    if (s->kind == SCOPE_IS_IN) {
        json_key(b, "in");
        json_open(b, '{');
        put_target_json(b, name, s);
        json_close(b, '}');
    } else if (s->n > 0) {
        json_key(b, "entities");
        json_open(b, '[');
        for (unsigned i = 0; i < s->n; i++) {
            json_item(b);
            put_uid_json(b, s->type, s->ids[i]);
        }
        json_close(b, ']');
    } else if (s->kind == SCOPE_EQUAL || s->kind == SCOPE_IN) {
        put_target_json(b, name, s);
    }
    json_close(b, '}');
}

void
policy_put_json(struct buf *b, const struct made_policy *p)
{
    json_open(b, '{');
    json_member_str(b, "effect", p->forbid ? "forbid" : "permit");
    put_scope_json(b, "principal", &p->principal);
    put_scope_json(b, "action", &p->action);
    put_scope_json(b, "resource", &p->resource);
    json_key(b, "conditions");
    json_open(b, '[');
    for (size_t i = 0; i < p->n_conditions; i++) {
        json_item(b);
        json_open(b, '{');
        json_member_str(b, "kind", p->unless[i] ? "unless" : "when");
        json_key(b, "body");
        tree_put_json(b, p->conditions[i]);
        json_close(b, '}');
    }
    json_close(b, ']');
    if (p->annotation) {
        json_key(b, "annotations");
        json_open(b, '{');
        json_member_str(b, "note", p->annotation);
        json_close(b, '}');
    }
    json_close(b, '}');
}
