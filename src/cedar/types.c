#include "cedar/types.h"

const struct type types_true = {.kind = TYPE_TRUE}, types_false = {.kind = TYPE_FALSE}, types_bool = {.kind = TYPE_BOOL};
const struct type types_long = {.kind = TYPE_LONG}, types_string = {.kind = TYPE_STRING};
const struct type types_any_set = {.kind = TYPE_SET}, types_any_entity = {.kind = TYPE_ANY_ENTITY};
const struct type types_entity_set = {.kind = TYPE_SET, .element = &types_any_entity};

const struct type *
types_extension(enum value_kind kind)
{
    static const struct type all[] = {
        {.kind = TYPE_EXTENSION, .extension = VALUE_DATETIME},
        {.kind = TYPE_EXTENSION, .extension = VALUE_DECIMAL},
        {.kind = TYPE_EXTENSION, .extension = VALUE_DURATION},
        {.kind = TYPE_EXTENSION, .extension = VALUE_IP},
    };
    return &all[kind - VALUE_DATETIME];
}

static bool
spent(struct types_work *w)
{
    return w->left == 0 || --w->left == 0;
}

static bool
is_bool(const struct type *t)
{
    return t->kind == TYPE_TRUE || t->kind == TYPE_FALSE || t->kind == TYPE_BOOL;
}

const struct type_attribute *
types_attribute(const struct type *of, struct cedar_str name)
{
    const struct type *record = of->kind == TYPE_ENTITY ? of->entity->attributes : of->kind == TYPE_RECORD ? of : NULL;
    return record ? type_attribute(record, name) : NULL;
}

/* --------------------------------------------------------------------------------------------------------------- joining */

static bool is_subtype(struct types_work *w, const struct type *a, const struct type *b);

static bool
same_names(const struct type_attributes *a, const struct type_attributes *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (!str_eq(a->at[i].name, b->at[i].name))
            return false;
    return true;
}

static bool
is_record_subtype(struct types_work *w, const struct type_attributes *a, const struct type_attributes *b)
{
    if (!same_names(a, b))
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (a->at[i].required != b->at[i].required || !is_subtype(w, a->at[i].type, b->at[i].type))
            return false;
    return true;
}

/* Recursion ends where the types of the schema and of the policy's literals do. */
static bool
is_subtype(struct types_work *w, const struct type *a, const struct type *b)
{
    if (a == b || a->kind == TYPE_NEVER)
        return true;
    if (spent(w))
        return false;
    if (b->kind == TYPE_BOOL)
        return is_bool(a);
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case TYPE_SET:
        return b->element == NULL || (a->element && is_subtype(w, a->element, b->element));
    case TYPE_RECORD:
        return is_record_subtype(w, &a->attributes, &b->attributes);
    case TYPE_ENTITY:
        return a->entity == b->entity;
    case TYPE_EXTENSION:
        return a->extension == b->extension;
    default:
        return true;
    }
}

static const struct type *
misfit(enum types_misfit *why, enum types_misfit what)
{
    *why = what;
    return NULL;
}

static struct type *
new_type(struct types_work *w, enum type_kind kind)
{
    struct type *t = ARENA_NEW(w->a, struct type);
    if (t)
        t->kind = kind;
    else
        w->memory = true;
    return t;
}

static const struct type *
join_sets(struct types_work *w, const struct type *a, const struct type *b, enum types_misfit *why)
{
    if (a->element == NULL || b->element == NULL)
        return &types_any_set;
    const struct type *element = types_join(w, a->element, b->element, why);
    struct type *t = element ? new_type(w, TYPE_SET) : NULL;
    if (t)
        t->element = element;
    return t;
}

static const struct type *
join_records(struct types_work *w, const struct type_attributes *a, const struct type_attributes *b, enum types_misfit *why)
{
    if (!same_names(a, b))
        return misfit(why, MISFIT_WIDTH);
    struct type_attribute *at = arena_list(w->a, a->n, sizeof *at);
    struct type *t = new_type(w, TYPE_RECORD);
    if (at == NULL || t == NULL) {
        w->memory = true;
        return NULL;
    }
    for (size_t i = 0; i < a->n; i++) {
        at[i] = (struct type_attribute){a->at[i].name, types_join(w, a->at[i].type, b->at[i].type, why), a->at[i].required};
        if (at[i].type == NULL)
            return NULL;
        if (a->at[i].required != b->at[i].required)
            return misfit(why, MISFIT_OPTIONALITY);
    }
    t->attributes = (struct type_attributes){at, a->n};
    return t;
}

static bool
is_entity(const struct type *t)
{
    return t->kind == TYPE_ENTITY || t->kind == TYPE_ANY_ENTITY;
}

const struct type *
types_join(struct types_work *w, const struct type *a, const struct type *b, enum types_misfit *why)
{
    if (is_subtype(w, a, b))
        return b;
    if (is_subtype(w, b, a))
        return a;
    if (w->left == 0)
        return misfit(why, MISFIT_NONE);
    if (is_bool(a) && is_bool(b))
        return &types_bool;
    if (a->kind == TYPE_SET && b->kind == TYPE_SET)
        return join_sets(w, a, b, why);
    if (a->kind == TYPE_RECORD && b->kind == TYPE_RECORD)
        return join_records(w, &a->attributes, &b->attributes, why);
    if (is_entity(a) && is_entity(b))
        return misfit(why, MISFIT_ENTITIES);
    if ((is_entity(a) && b->kind == TYPE_RECORD) || (a->kind == TYPE_RECORD && is_entity(b)))
        return misfit(why, MISFIT_ENTITY_RECORD);
    return misfit(why, MISFIT_NONE);
}

/* -------------------------------------------------------------------------------------------------------------- ordering */

static int
order(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

/* Names are ordered by their last part, then by the path before it. */
static struct cedar_str
last_part(struct cedar_str name)
{
    size_t from = name.n;
    while (from > 0 && name.at[from - 1] != ':')
        from--;
    return (struct cedar_str){name.at + from, name.n - from};
}

/* The next part of a path and, behind it, the rest. */
static struct cedar_str
take_part(struct cedar_str *path)
{
    size_t n = bytes_find(str_bytes(*path), ':');
    struct cedar_str part = {path->at, n};
    size_t skip = n + 2 < path->n ? n + 2 : path->n;
    *path = (struct cedar_str){path->at + skip, path->n - skip};
    return part;
}

static int
cmp_names(struct cedar_str a, struct cedar_str b)
{
    struct cedar_str last_a = last_part(a), last_b = last_part(b);
    int c = str_cmp(last_a, last_b);
    a.n -= last_a.n;
    b.n -= last_b.n;
    while (c == 0 && a.n > 0 && b.n > 0)
        c = str_cmp(take_part(&a), take_part(&b));
    return c ? c : order(a.n > 0, b.n > 0);
}

static int
cmp_records(struct types_work *w, const struct type_attributes *a, const struct type_attributes *b)
{
    for (size_t i = 0; i < a->n && i < b->n; i++) {
        int c = str_cmp(a->at[i].name, b->at[i].name);
        if (c == 0)
            c = types_cmp(w, a->at[i].type, b->at[i].type);
        if (c == 0)
            c = order(a->at[i].required, b->at[i].required);
        if (c)
            return c;
    }
    return order(a->n, b->n);
}

static int
cmp_elements(struct types_work *w, const struct type *a, const struct type *b)
{
    return a && b ? types_cmp(w, a, b) : order(a != NULL, b != NULL);
}

int
types_cmp(struct types_work *w, const struct type *a, const struct type *b)
{
    static const int rank[] = {
        [TYPE_NEVER] = 0,      [TYPE_BOOL] = 1,   [TYPE_TRUE] = 2, [TYPE_FALSE] = 3,  [TYPE_LONG] = 4,       [TYPE_STRING] = 5,
        [TYPE_ANY_ENTITY] = 6, [TYPE_ENTITY] = 7, [TYPE_SET] = 8,  [TYPE_RECORD] = 9, [TYPE_EXTENSION] = 10,
    };
    if (a == b || spent(w))
        return 0;
    if (a->kind != b->kind)
        return rank[a->kind] - rank[b->kind];
    switch (a->kind) {
    case TYPE_SET:
        return cmp_elements(w, a->element, b->element);
    case TYPE_RECORD:
        return cmp_records(w, &a->attributes, &b->attributes);
    case TYPE_ENTITY:
        return cmp_names(a->entity->name, b->entity->name);
    case TYPE_EXTENSION: /* by name, and value kinds are in that order */
        return order(a->extension, b->extension);
    default:
        return 0;
    }
}

static uint64_t
mix(uint64_t h, uint64_t more)
{
    h = (h ^ more) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 29;
}

static uint64_t
hash_str(uint64_t h, struct cedar_str s)
{
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (uint8_t)s.at[i]) * UINT64_C(0x100000001b3);
    return mix(h, s.n);
}

uint64_t
types_hash(struct types_work *w, const struct type *t)
{
    if (t == NULL || spent(w))
        return 0;
    uint64_t h = mix(1, t->kind);
    switch (t->kind) {
    case TYPE_SET:
        return mix(h, types_hash(w, t->element));
    case TYPE_RECORD:
        for (size_t i = 0; i < t->attributes.n; i++) {
            const struct type_attribute *a = &t->attributes.at[i];
            h = mix(hash_str(h, a->name), types_hash(w, a->type) + a->required);
        }
        return h;
    case TYPE_ENTITY:
        return hash_str(h, t->entity->name);
    case TYPE_EXTENSION:
        return mix(h, t->extension);
    default:
        return h;
    }
}

/* -------------------------------------------------------------------------------------------------------------- printing */

static void
put_str(struct buf *b, struct cedar_str s)
{
    buf_put(b, str_bytes(s));
}

static void
put_record(struct buf *b, const struct type_attributes *list)
{
    buf_putc(b, '{');
    for (size_t i = 0; i < list->n && !b->failed; i++) {
        put_str(b, list->at[i].name);
        buf_puts(b, list->at[i].required ? ": " : "?: ");
        types_text(b, list->at[i].type);
        buf_putc(b, ',');
    }
    buf_putc(b, '}');
}

static void
put_set(struct buf *b, const struct type *element)
{
    buf_puts(b, "Set<");
    if (element)
        types_text(b, element);
    else
        buf_puts(b, "__cedar::internal::Any");
    buf_putc(b, '>');
}

void
types_text(struct buf *b, const struct type *t)
{
    static const char *const names[] = {
        [TYPE_NEVER] = "__cedar::internal::Never",
        [TYPE_TRUE] = "__cedar::internal::True",
        [TYPE_FALSE] = "__cedar::internal::False",
        [TYPE_BOOL] = "Bool",
        [TYPE_LONG] = "Long",
        [TYPE_STRING] = "String",
        [TYPE_SET] = NULL,
        [TYPE_RECORD] = NULL,
        [TYPE_ENTITY] = NULL,
        [TYPE_ANY_ENTITY] = "__cedar::internal::AnyEntity",
        [TYPE_EXTENSION] = NULL,
    };
    if (names[t->kind])
        buf_puts(b, names[t->kind]);
    else if (t->kind == TYPE_SET)
        put_set(b, t->element);
    else if (t->kind == TYPE_RECORD)
        put_record(b, &t->attributes);
    else if (t->kind == TYPE_ENTITY)
        put_str(b, t->entity->name);
    else
        buf_puts(b, value_kind_name(t->extension));
}
