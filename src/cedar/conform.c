#include "cedar/conform.h"

#include "cedar/schema_source.h"
#include "cedar/value_text.h"

/* Members of a set or record that a text about a whole context shows. */
#define SHOWN_MEMBERS 5

/* ---------------------------------------------------------------------------------------------------------------- texts */

static void
record_text(struct text *t, const struct type_attributes *attributes)
{
    text_add(t, "{ ");
    for (size_t i = 0; i < attributes->n && t->n < t->cap; i++) {
        text_add(t, "%s", i > 0 ? ", " : "");
        text_quoted(t, attributes->at[i].name);
        text_add(t, " => (%s) ", attributes->at[i].required ? "required" : "optional");
        conform_type_text(t, attributes->at[i].type);
    }
    text_add(t, " }");
}

void
conform_type_text(struct text *t, const struct type *type)
{
    switch (type->kind) {
    case TYPE_SET:
        text_add(t, "[");
        if (type->element != NULL && t->n < t->cap)
            conform_type_text(t, type->element);
        text_add(t, "]");
        break;
    case TYPE_RECORD:
        record_text(t, &type->attributes);
        break;
    case TYPE_ENTITY:
        text_add(t, "`");
        text_str(t, type->entity->name);
        text_add(t, "`");
        break;
    case TYPE_EXTENSION:
        text_add(t, "%s", value_kind_name(type->extension));
        break;
    case TYPE_LONG:
        text_add(t, "long");
        break;
    case TYPE_STRING:
        text_add(t, "string");
        break;
    default:
        text_add(t, "bool");
    }
}

/* "type mismatch: value was expected to have type T, but it <reason>: `v`" */
static void
begin_mismatch(struct text *why, const struct type *type)
{
    text_add(why, "type mismatch: value was expected to have type ");
    conform_type_text(why, type);
    text_add(why, ", but it ");
}

static bool
end_mismatch(struct text *why, const struct cedar_value *v)
{
    text_add(why, ": `");
    value_text(why, v);
    text_add(why, "`");
    return false;
}

bool
conform_mismatch(struct text *why, const struct type *type, const struct cedar_value *v)
{
    if (why == NULL)
        return false;
    begin_mismatch(why, type);
    text_add(why, "actually has type ");
    value_type(why, v);
    return end_mismatch(why, v);
}

static bool
attribute_mismatch(struct text *why, const struct type *type, const struct cedar_value *v, const char *what, struct cedar_str name)
{
    if (why == NULL)
        return false;
    begin_mismatch(why, type);
    text_add(why, "%s `", what);
    text_str(why, name);
    text_add(why, "`");
    return end_mismatch(why, v);
}

/* --------------------------------------------------------------------------------------------------------------- values */

static bool
conform_set(const struct type *type, const struct cedar_value *v, struct text *why)
{
    for (size_t i = 0; i < v->set.n && type->element != NULL; i++)
        if (!conform_value(type->element, v->set.at[i], why))
            return false;
    return true;
}

static bool
conform_record(const struct type *type, const struct cedar_value *v, struct text *why)
{
    for (size_t i = 0; i < type->attributes.n; i++) {
        const struct type_attribute *a = &type->attributes.at[i];
        const struct cedar_value *part = a->required ? value_get(v, a->name) : NULL;
        if (a->required && part == NULL)
            return attribute_mismatch(why, type, v, "is missing the required attribute", a->name);
        if (part != NULL && !conform_value(a->type, part, why))
            return false;
    }
    for (size_t i = 0; i < v->record.n; i++) {
        const struct type_attribute *a = type_attribute(type, v->record.at[i].key);
        if (a == NULL)
            return attribute_mismatch(why, type, v, "contains an unexpected attribute", v->record.at[i].key);
        if (!a->required && !conform_value(a->type, v->record.at[i].value, why)) /* the required were seen above */
            return false;
    }
    return true;
}

static bool
same_kind(const struct type *type, const struct cedar_value *v)
{
    static const enum value_kind kinds[] = {[TYPE_BOOL] = VALUE_BOOL, [TYPE_LONG] = VALUE_LONG,     [TYPE_STRING] = VALUE_STRING,
                                            [TYPE_SET] = VALUE_SET,   [TYPE_RECORD] = VALUE_RECORD, [TYPE_ENTITY] = VALUE_ENTITY};
    if (type->kind == TYPE_EXTENSION)
        return v->kind == type->extension;
    if (type->kind < TYPE_BOOL || type->kind > TYPE_ENTITY || v->kind != kinds[type->kind])
        return false;
    return type->kind != TYPE_ENTITY || str_eq(v->uid.type, type->entity->name);
}

bool
conform_value(const struct type *type, const struct cedar_value *v, struct text *why)
{
    if (!same_kind(type, v))
        return conform_mismatch(why, type, v);
    if (type->kind == TYPE_SET)
        return conform_set(type, v, why);
    return type->kind != TYPE_RECORD || conform_record(type, v, why);
}

/* ------------------------------------------------------------------------------------------------------------- entities */

static bool
is_action_type(struct cedar_str type)
{
    struct cedar_str space, base;
    source_name_split(type, &space, &base);
    return str_is(base, "Action");
}

/* "<before>`uid`<behind>" */
static bool
wrong_uid(struct cedar_error *error, const char *before, const struct cedar_uid *uid, const char *behind)
{
    error_set(error, CEDAR_VALUE, 0, 0, "%s`", before);
    struct text t = error_text(error);
    text_uid(&t, uid);
    text_add(&t, "`%s", behind);
    return false;
}

static bool
not_enumerated(const struct schema_entity *e, const struct cedar_uid *uid, struct cedar_error *error)
{
    wrong_uid(error, "entity ", uid, " is of an enumerated entity type, but `");
    struct text t = error_text(error), help = {error->help, 0, sizeof error->help};
    text_quoted(&t, uid->id);
    text_add(&t, "` is not declared as a valid eid");
    text_add(&help, "valid entity eids: ");
    for (size_t i = 0; i < e->n_ids && help.n < help.cap; i++) {
        text_add(&help, "%s", i > 0 ? ", " : "");
        text_quoted(&help, e->ids[i]);
    }
    return false;
}

static bool
is_one_of(const struct schema_entity *e, struct cedar_str id)
{
    for (size_t i = 0; i < e->n_ids; i++)
        if (str_eq(e->ids[i], id))
            return true;
    return false;
}

static bool
is_undeclared(const struct cedar_schema *schema, const struct cedar_uid *uid)
{
    return is_action_type(uid->type) && schema_find_action(schema, uid) == NULL;
}

static bool
is_no_choice(const struct schema_entity *e, const struct cedar_uid *uid)
{
    return e != NULL && e->enumerated && !is_one_of(e, uid->id);
}

bool
conform_uid(const struct cedar_schema *schema, const struct cedar_uid *uid, struct cedar_error *error)
{
    const struct schema_entity *e = schema_find_entity(schema, uid->type);
    if (is_no_choice(e, uid))
        return not_enumerated(e, uid, error);
    if (is_undeclared(schema, uid))
        return wrong_uid(error, "found action entity ", uid, ", but it was not declared as an action in the schema");
    return true;
}

/* The first entity within ${v} that the schema rules out; NULL: none. */
static const struct cedar_uid *
find_wrong(const struct cedar_schema *schema, const struct cedar_value *v)
{
    const struct cedar_uid *wrong = NULL;
    if (v->kind == VALUE_ENTITY)
        return is_no_choice(schema_find_entity(schema, v->uid.type), &v->uid) || is_undeclared(schema, &v->uid) ? &v->uid : NULL;
    for (size_t i = 0; v->kind == VALUE_SET && i < v->set.n && wrong == NULL; i++)
        wrong = find_wrong(schema, v->set.at[i]);
    for (size_t i = 0; v->kind == VALUE_RECORD && i < v->record.n && wrong == NULL; i++)
        wrong = find_wrong(schema, v->record.at[i].value);
    return wrong;
}

bool
conform_uids(const struct cedar_schema *schema, const struct cedar_value *v, struct cedar_error *error)
{
    const struct cedar_uid *wrong = find_wrong(schema, v);
    return wrong == NULL || conform_uid(schema, wrong, error);
}

bool
conform_unknown_type(const struct cedar_schema *schema, const struct cedar_uid *uid, struct cedar_error *error)
{
    struct text help = {error->help, 0, sizeof error->help};
    struct cedar_str space, base, other;
    size_t n = 0, seen = 0;
    wrong_uid(error, "entity ", uid, " has type `");
    struct text t = error_text(error);
    text_str(&t, uid->type);
    text_add(&t, "` which is not declared in the schema");
    source_name_split(uid->type, &space, &base);
    for (size_t i = 0; i < schema->n_entities; i++) {
        source_name_split(schema->entities[i].name, &space, &other);
        n += str_eq(base, other);
    }
    for (size_t i = 0; i < schema->n_entities && n > 0 && help.n < help.cap; i++) {
        source_name_split(schema->entities[i].name, &space, &other);
        if (!str_eq(base, other))
            continue;
        text_add(&help, seen++ > 0 ? ", \"" : n > 1 ? "did you mean one of [\"" : "did you mean `");
        text_str(&help, schema->entities[i].name);
        text_add(&help, n > 1 ? "\"" : "`?");
    }
    if (n > 1)
        text_add(&help, "]?");
    return false;
}

/* "<before><name>` on `uid`<behind>" */
static bool
wrong_part(struct cedar_error *error, const char *before, struct cedar_str name, const struct cedar_uid *uid, const char *behind)
{
    error_set(error, CEDAR_VALUE, 0, 0, "%s`", before);
    struct text t = error_text(error);
    text_str(&t, name);
    text_add(&t, "` on `");
    text_uid(&t, uid);
    text_add(&t, "`%s", behind);
    return false;
}

bool
conform_no_attribute(const struct cedar_uid *uid, struct cedar_str name, struct cedar_error *error)
{
    return wrong_part(error, "attribute ", name, uid, " should not exist according to the schema");
}

bool
conform_no_tag(const struct cedar_uid *uid, struct cedar_str name, struct cedar_error *error)
{
    wrong_part(error, "found a tag ", name, uid, ", but no tags should exist on `");
    struct text t = error_text(error);
    text_uid(&t, uid);
    text_add(&t, "` according to the schema");
    return false;
}

static bool
missing_attribute(const struct cedar_uid *uid, struct cedar_str name, struct cedar_error *error)
{
    wrong_uid(error, "expected entity ", uid, " to have attribute `");
    struct text t = error_text(error);
    text_str(&t, name);
    text_add(&t, "`, but it does not");
    return false;
}

static bool
conform_part(const struct cedar_schema *schema, const struct conform_entity *e, const char *what, const struct type *type,
             const struct value_field *f, struct cedar_error *error)
{
    if (conform_value(type, f->value, NULL))
        return conform_uids(schema, f->value, error);
    wrong_part(error, what, f->key, e->uid, ", ");
    struct text t = error_text(error);
    return conform_value(type, f->value, &t);
}

static bool
conform_attributes(const struct cedar_schema *schema, const struct conform_entity *e, struct cedar_error *error)
{
    const struct type_attributes *declared = &e->type->attributes->attributes;
    for (size_t i = 0; i < declared->n; i++)
        if (declared->at[i].required && value_get(e->attributes, declared->at[i].name) == NULL)
            return missing_attribute(e->uid, declared->at[i].name, error);
    for (size_t i = 0; i < e->attributes->record.n; i++) {
        const struct value_field *f = &e->attributes->record.at[i];
        const struct type_attribute *a = type_attribute(e->type->attributes, f->key);
        if (a == NULL)
            return conform_no_attribute(e->uid, f->key, error);
        if (!conform_part(schema, e, "in attribute ", a->type, f, error))
            return false;
    }
    return true;
}

static bool
is_ancestor(const struct schema_entity *e, struct cedar_str type)
{
    size_t low = 0, high = e->n_ancestors;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int c = str_cmp(e->ancestors[middle]->name, type);
        if (c == 0)
            return true;
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static bool
conform_parents(const struct cedar_schema *schema, const struct conform_entity *e, struct cedar_error *error)
{
    for (size_t i = 0; i < e->n_parents; i++) {
        if (!conform_uid(schema, &e->parents[i], error))
            return false;
        if (is_ancestor(e->type, e->parents[i].type))
            continue;
        wrong_uid(error, "", e->uid, " is not allowed to have an ancestor of type `");
        struct text t = error_text(error);
        text_str(&t, e->parents[i].type);
        text_add(&t, "` according to the schema");
        return false;
    }
    return true;
}

bool
conform_entity(const struct cedar_schema *schema, const struct conform_entity *e, struct cedar_error *error)
{
    if (!conform_uid(schema, e->uid, error) || !conform_attributes(schema, e, error) || !conform_parents(schema, e, error))
        return false;
    for (size_t i = 0; i < e->tags->record.n; i++) {
        if (e->type->tags == NULL)
            return conform_no_tag(e->uid, e->tags->record.at[i].key, error);
        if (!conform_part(schema, e, "in tag ", e->type->tags, &e->tags->record.at[i], error))
            return false;
    }
    return true;
}

/* ------------------------------------------------------------------------------------------------------------- requests */

static bool
check_variable(const struct cedar_schema *schema, const char *what, const struct cedar_uid *uid, struct cedar_error *error)
{
    const struct schema_entity *e = schema_find_entity(schema, uid->type);
    if (e != NULL)
        return !e->enumerated || is_one_of(e, uid->id) || not_enumerated(e, uid, error);
    error_set(error, CEDAR_VALUE, 0, 0, "%s type `", what);
    struct text t = error_text(error);
    text_str(&t, uid->type);
    text_add(&t, "` is not declared in the schema");
    return false;
}

static bool
check_applies(const char *what, const struct schema_action *action, const struct schema_entity *const *list, size_t n, struct cedar_str type,
              struct cedar_error *error)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(list[i]->name, type))
            return true;
    error_set(error, CEDAR_VALUE, 0, 0, "%s type `", what);
    struct text t = error_text(error), help = {error->help, 0, sizeof error->help};
    text_str(&t, type);
    text_add(&t, "` is not valid for `");
    text_uid(&t, &action->uid);
    text_add(&t, "`");
    text_add(&help, n > 0 ? "valid %s types for `" : "no %s types are valid for `", what);
    text_uid(&help, &action->uid);
    text_add(&help, n > 0 ? "`: " : "`");
    for (size_t i = 0; i < n && help.n < help.cap; i++) {
        text_add(&help, "%s`", i > 0 ? ", " : "");
        text_str(&help, list[i]->name);
        text_add(&help, "`");
    }
    return false;
}

static bool
undeclared_action(const struct cedar_uid *uid, struct cedar_error *error)
{
    return wrong_uid(error, "request's action ", uid, " is not declared in the schema");
}

static bool
check_context(const struct cedar_schema *schema, const struct schema_action *action, const struct cedar_value *context, struct cedar_error *error)
{
    const struct cedar_uid *wrong = find_wrong(schema, context);
    if (wrong != NULL && is_undeclared(schema, wrong))
        return undeclared_action(wrong, error);
    if (wrong != NULL)
        return conform_uid(schema, wrong, error);
    if (conform_value(action->context, context, NULL))
        return true;
    error_set(error, CEDAR_VALUE, 0, 0, "context `");
    struct text t = error_text(error);
    value_text_short(&t, context, SHOWN_MEMBERS);
    text_add(&t, "` is not valid for `");
    text_uid(&t, &action->uid);
    text_add(&t, "`");
    return false;
}

bool
cedar_request_check(const struct cedar_schema *schema, const struct cedar_request *request, struct cedar_error *error)
{
    const struct schema_action *action = schema_find_action(schema, &request->action);
    if (!check_variable(schema, "principal", &request->principal, error) || !check_variable(schema, "resource", &request->resource, error))
        return false;
    if (action == NULL)
        return undeclared_action(&request->action, error);
    return check_applies("principal", action, action->principals, action->n_principals, request->principal.type, error) &&
           check_applies("resource", action, action->resources, action->n_resources, request->resource.type, error) &&
           check_context(schema, action, request->context ? request->context : &value_empty_record, error);
}
