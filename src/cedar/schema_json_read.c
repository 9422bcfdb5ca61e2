/*
 * A schema from JSON: {"A::B": {"commonTypes", "entityTypes", "actions", "annotations"}}. Unknown members are errors everywhere, null is
 * something only where it is said. What is wrong is said in the words of the official engine where those are its own.
 */
#include "cedar/json_show.h"
#include "cedar/parser.h"
#include "cedar/schema_source.h"
#include "cedar/value_json.h"

#define NAME "a name consisting of an optional namespace and id"

struct reader {
    struct arena *a;
    struct cedar_error *error;
};

static struct cedar_str
str_from(struct bytes b)
{
    return (struct cedar_str){(const char *)b.at, b.n};
}

static bool
wrong(struct reader *r, const char *before, struct cedar_str word, const char *behind)
{
    error_set(r->error, CEDAR_VALUE, 0, 0, "%s", before);
    struct text t = error_text(r->error);
    text_str(&t, (struct cedar_str){word.at, word.n < 300 ? word.n : 300});
    text_add(&t, "%s", behind);
    return false;
}

static bool
keep(struct reader *r, struct bytes from, struct cedar_str *to)
{
    struct bytes b = arena_copy(r->a, from);
    *to = str_from(b);
    return b.at != NULL || error_memory(r->error);
}

static void *
add(struct reader *r, struct source_list *l)
{
    void *new = source_list_add(r->a, l);
    if (new == NULL)
        error_memory(r->error);
    return new;
}

/* ---------------------------------------------------------------------------------------------------------------- shape */

static bool
need(struct reader *r, const struct json *v, enum json_type type, const char *expected)
{
    return v->type == type || json_wrong_type(r->error, v, expected);
}

/* Members that an object may have: a list that ends in NULL; a text about others lists the first ${shown}. */
static bool
only_shown(struct reader *r, const struct json *v, const char *const *known, size_t shown)
{
    for (const struct json *m = v->child; m; m = m->next) {
        size_t i = 0, n = 0;
        while (known[i] && !bytes_is(m->key, known[i]))
            i++;
        if (known[i])
            continue;
        wrong(r, "unknown field `", str_from(m->key), "`, expected ");
        struct text t = error_text(r->error);
        while (known[n] && n < shown)
            n++;
        text_add(&t, "%s", n > 2 ? "one of " : "");
        for (i = 0; i < n; i++)
            text_add(&t, "%s`%s`", i == 0 ? "" : n == 2 ? " or " : ", ", known[i]);
        return false;
    }
    return true;
}

static bool
only(struct reader *r, const struct json *v, const char *const *known)
{
    return only_shown(r, v, known, SIZE_MAX);
}

/* A struct: an object, or, as the official reader has it, an array of its members in the order of ${known}. */
static bool
need_struct(struct reader *r, struct json *v, const char *name, const char *const *known)
{
    size_t n = 0, i = 0;
    if (v->type != JSON_ARRAY)
        return need(r, v, JSON_OBJECT, name) && only(r, v, known);
    while (known[n])
        n++;
    if (v->count > n)
        return error_set(r->error, CEDAR_VALUE, 0, 0, "invalid length %zu, expected fewer elements in sequence", v->count);
    for (struct json *e = v->child; e; e = e->next)
        e->key = bytes_str(known[i++]);
    v->type = JSON_OBJECT;
    return true;
}

static bool
missing(struct reader *r, const char *field)
{
    return error_set(r->error, CEDAR_VALUE, 0, 0, "missing field `%s`", field);
}

/* ---------------------------------------------------------------------------------------------------------------- names */

static bool
is_word(struct cedar_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.at[i];
        if (c != '_' && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(i > 0 && c >= '0' && c <= '9'))
            return false;
    }
    return s.n > 0;
}

/* Why ${name} is no path of identifiers; NULL: it is one. "__cedar" may be a part of it where ${inside} says so. */
static const char *
name_fault(struct cedar_str name, bool path, bool inside)
{
    struct cedar_str rest = name;
    for (bool more = true; more;) {
        size_t n = path ? bytes_search(str_bytes(rest), BYTES("::")) : rest.n;
        struct cedar_str part = {rest.at, n};
        if (part.n == 0 && name.n == 0)
            return "unexpected end of input";
        if (!is_word(part))
            return "it is not made of identifiers";
        if (parser_reserved(part))
            return "this identifier is reserved and cannot be used";
        if (!inside && str_is(part, "__cedar"))
            return "it contains `__cedar`, which is reserved";
        more = n < rest.n;
        rest = more ? (struct cedar_str){rest.at + n + 2, rest.n - n - 2} : rest;
    }
    return NULL;
}

static bool
read_path(struct reader *r, struct bytes text, const char *what, struct cedar_str *out)
{
    const char *fault = name_fault(str_from(text), true, true);
    if (fault == NULL)
        return keep(r, text, out);
    error_set(r->error, CEDAR_VALUE, 0, 0, "invalid %s `", what);
    struct text t = error_text(r->error);
    text_str(&t, str_from(bytes_sub(text, 0, 300)));
    text_add(&t, "`: %s", fault);
    return false;
}

/* The name of something declared: one identifier. */
static bool
read_id(struct reader *r, struct bytes text, struct cedar_str *out)
{
    const char *fault = name_fault(str_from(text), false, false);
    if (fault == NULL)
        return keep(r, text, out);
    wrong(r, "invalid id `", str_from(text), "`: ");
    struct text t = error_text(r->error);
    text_add(&t, "%s", fault);
    return false;
}

static bool
read_names(struct reader *r, const struct json *v, struct source_names *out)
{
    if (!need(r, v, JSON_ARRAY, "a sequence"))
        return false;
    out->at = arena_list(r->a, v->count, sizeof *out->at);
    if (out->at == NULL)
        return error_memory(r->error);
    for (const struct json *e = v->child; e; e = e->next)
        if (!need(r, e, JSON_STRING, NAME) || !read_path(r, e->text, "name", &out->at[out->n++]))
            return false;
    return true;
}

/* ---------------------------------------------------------------------------------------------------------- annotations */

static bool
read_annotations(struct reader *r, const struct json *v, struct source_annotations *out)
{
    struct source_list l = {.size = sizeof(struct source_annotation)};
    const void *twice;
    if (v == NULL)
        return true;
    if (!need(r, v, JSON_OBJECT, "a map"))
        return false;
    for (const struct json *m = v->child; m; m = m->next) {
        struct source_annotation *new = add(r, &l);
        if (new == NULL)
            return false;
        if (!is_word(str_from(m->key)))
            return wrong(r, "invalid id `", str_from(m->key), "`: it is no identifier");
        if (m->type != JSON_NULL && !need(r, m, JSON_STRING, "a string"))
            return false;
        if (!keep(r, m->key, &new->key) || (m->type == JSON_STRING && !keep(r, m->text, &new->value)))
            return false;
    }
    if (!source_list_sort(r->a, &l, &twice)) /* the JSON reader refuses keys that stand twice */
        return error_memory(r->error);
    *out = (struct source_annotations){l.at, l.n};
    return true;
}

/* ---------------------------------------------------------------------------------------------------------------- types */

static const struct source_type *read_type(struct reader *r, const struct json *v, bool attribute);

static bool
read_attribute(struct reader *r, const struct json *v, struct source_attribute *out)
{
    const struct json *required = json_get(v, "required");
    out->required = true;
    if (!need(r, v, JSON_OBJECT, "struct TypeOfAttribute") || !keep(r, v->key, &out->name) ||
        !read_annotations(r, json_get(v, "annotations"), &out->annotations))
        return false;
    if (required && !need(r, required, JSON_BOOL, "a boolean"))
        return false;
    if (required)
        out->required = required->truth;
    out->type = read_type(r, v, true);
    return out->type != NULL;
}

static bool
read_record(struct reader *r, const struct json *v, struct source_type *t)
{
    struct source_list l = {.size = sizeof(struct source_attribute)};
    const struct json *attributes = json_get(v, "attributes"), *open = json_get(v, "additionalAttributes");
    const void *twice;
    t->kind = SOURCE_RECORD;
    if (attributes == NULL)
        return missing(r, "attributes");
    if (!need(r, attributes, JSON_OBJECT, "a map") || (open && !need(r, open, JSON_BOOL, "a boolean")))
        return false;
    t->open = open && open->truth;
    for (const struct json *m = attributes->child; m; m = m->next) {
        struct source_attribute *new = add(r, &l);
        if (new == NULL || !read_attribute(r, m, new))
            return false;
    }
    if (!source_list_sort(r->a, &l, &twice))
        return error_memory(r->error);
    t->attributes = (struct source_attributes){l.at, l.n};
    return true;
}

static bool
read_set(struct reader *r, const struct json *v, struct source_type *t)
{
    const struct json *element = json_get(v, "element");
    t->kind = SOURCE_SET;
    if (element == NULL)
        return missing(r, "element");
    t->element = read_type(r, element, false);
    return t->element != NULL;
}

static bool
read_named(struct reader *r, const struct json *v, struct source_type *t, enum source_kind kind, const char *what)
{
    const struct json *name = json_get(v, "name");
    t->kind = kind;
    if (name == NULL)
        return missing(r, "name");
    return need(r, name, JSON_STRING, "a string") && read_path(r, name->text, what, &t->name);
}

static bool
read_entity(struct reader *r, const struct json *v, struct source_type *t)
{
    return read_named(r, v, t, SOURCE_ENTITY, "entity type");
}

static bool
read_either(struct reader *r, const struct json *v, struct source_type *t)
{
    return read_named(r, v, t, SOURCE_NAME, "entity or common type");
}

static bool
read_extension(struct reader *r, const struct json *v, struct source_type *t)
{
    return read_named(r, v, t, SOURCE_EXTENSION, "extension type");
}

static bool
read_bool(struct reader *r, const struct json *v, struct source_type *t)
{
    (void)r, (void)v;
    return t->kind = SOURCE_BOOL, true;
}

static bool
read_long(struct reader *r, const struct json *v, struct source_type *t)
{
    (void)r, (void)v;
    return t->kind = SOURCE_LONG, true;
}

static bool
read_string(struct reader *r, const struct json *v, struct source_type *t)
{
    (void)r, (void)v;
    return t->kind = SOURCE_STRING, true;
}

static const struct {
    const char *word;
    bool (*read)(struct reader *r, const struct json *v, struct source_type *t);
    const char *members[3]; /* beside "type" */
} kinds[] = {
    {"Boolean", read_bool, {0}},
    {"Long", read_long, {0}},
    {"String", read_string, {0}},
    {"Set", read_set, {"element"}},
    {"Record", read_record, {"attributes", "additionalAttributes"}},
    {"Entity", read_entity, {"name"}},
    {"EntityOrCommon", read_either, {"name"}},
    {"Extension", read_extension, {"name"}},
};

/* Of the members of types, those that are not of this kind of type. */
static bool
no_others(struct reader *r, const struct json *v, const char *const *members)
{
    static const char *const all[] = {"element", "attributes", "additionalAttributes", "name"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        bool known = false;
        for (size_t k = 0; members && members[k]; k++)
            known |= strcmp(members[k], all[i]) == 0;
        if (known || json_get(v, all[i]) == NULL)
            continue;
        error_set(r->error, CEDAR_VALUE, 0, 0, "unknown field `%s`, ", all[i]);
        struct text t = error_text(r->error);
        text_add(&t, members && members[0] ? "expected `%s`" : "there are no fields", members ? members[0] : "");
        if (members && members[0] && members[1])
            text_add(&t, " or `%s`", members[1]);
        return false;
    }
    return true;
}

static bool
read_type_into(struct reader *r, const struct json *v, struct source_type *t)
{
    const struct json *type = json_get(v, "type");
    if (type == NULL)
        return missing(r, "type");
    if (!need(r, type, JSON_STRING, "a string"))
        return false;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (bytes_is(type->text, kinds[i].word))
            return no_others(r, v, kinds[i].members) && kinds[i].read(r, v, t);
    t->kind = SOURCE_COMMON;
    return no_others(r, v, NULL) && read_path(r, type->text, "common type", &t->name);
}

/* Recursion is bounded by the JSON reader. Beside the members of a type, an attribute or a declaration has some of its own. */
static const struct source_type *
read_type(struct reader *r, const struct json *v, bool attribute)
{
    static const char *const plain[] = {"type", "element", "attributes", "additionalAttributes", "name", NULL};
    static const char *const more[] = {"type", "element", "attributes", "additionalAttributes", "name", "annotations", "required", NULL};
    struct source_type *t = ARENA_NEW(r->a, struct source_type);
    if (t == NULL)
        return error_memory(r->error), NULL;
    if (!need(r, v, JSON_OBJECT, "builtin type or reference to type defined in commonTypes") || !only_shown(r, v, attribute ? more : plain, 5))
        return NULL;
    return read_type_into(r, v, t) ? t : NULL;
}

/* -------------------------------------------------------------------------------------------------------- declarations */

static bool
read_common(struct reader *r, const struct json *v, struct source_common *out)
{
    static const char *const keywords[] = {"Bool", "Boolean", "Entity", "Extension", "Long", "Record", "Set", "String"};
    if (!read_id(r, v->key, &out->name))
        return false;
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
        if (str_is(out->name, keywords[i]))
            return wrong(r, "this is reserved and cannot be the basename of a common-type declaration: ", out->name, "");
    if (!need(r, v, JSON_OBJECT, "a map") || !read_annotations(r, json_get(v, "annotations"), &out->annotations))
        return false;
    if (json_get(v, "required"))
        return error_set(r->error, CEDAR_VALUE, 0, 0,
                         "unknown field `required`, expected one of `type`, `element`, `attributes`, `additionalAttributes`, `name`");
    out->type = read_type(r, v, true);
    return out->type != NULL;
}

static bool
read_choices(struct reader *r, const struct json *v, struct source_entity *out)
{
    static const char *const others[] = {"memberOfTypes", "shape", "tags"};
    const struct json *ids = json_get(v, "enum");
    out->enumerated = true;
    if (!need(r, ids, JSON_ARRAY, "a sequence"))
        return false;
    if (ids->count == 0)
        return error_set(r->error, CEDAR_VALUE, 0, 0, "the vector provided was empty, NonEmpty needs at least one element");
    out->ids.at = arena_list(r->a, ids->count, sizeof *out->ids.at);
    if (out->ids.at == NULL)
        return error_memory(r->error);
    for (const struct json *e = ids->child; e; e = e->next)
        if (!need(r, e, JSON_STRING, "a string") || !keep(r, e->text, &out->ids.at[out->ids.n++]))
            return false;
    size_t n = 0;
    for (size_t i = 0; i < 3; i++)
        n += json_get(v, others[i]) != NULL;
    if (n == 0)
        return true;
    error_set(r->error, CEDAR_VALUE, 0, 0, "unexpected field: ");
    struct text t = error_text(r->error);
    for (size_t i = 0, k = 0; i < 3; i++)
        if (json_get(v, others[i]))
            text_add(&t, "%s%s", k++ > 0 ? ", " : "", others[i]);
    return false;
}

static bool
read_declared_entity(struct reader *r, struct json *v, struct source_entity *out)
{
    static const char *const known[] = {"memberOfTypes", "shape", "tags", "enum", "annotations", NULL};
    if (!read_id(r, v->key, &out->name) || !need_struct(r, v, "struct Everything", known) ||
        !read_annotations(r, json_get(v, "annotations"), &out->annotations))
        return false;
    const struct json *parents = json_get(v, "memberOfTypes"), *shape = json_get(v, "shape"), *tags = json_get(v, "tags");
    if (parents && !read_names(r, parents, &out->parents))
        return false;
    if ((shape && (out->shape = read_type(r, shape, false)) == NULL) || (tags && (out->tags = read_type(r, tags, false)) == NULL))
        return false;
    return json_get(v, "enum") == NULL || read_choices(r, v, out);
}

static bool
read_applies(struct reader *r, struct json *v, struct source_action *out)
{
    static const char *const known[] = {"resourceTypes", "principalTypes", "context", NULL};
    const struct json *resources, *principals, *context;
    if (!need_struct(r, v, "struct ApplySpec", known))
        return false;
    out->applies = true;
    resources = json_get(v, "resourceTypes");
    principals = json_get(v, "principalTypes");
    context = json_get(v, "context");
    if (resources == NULL)
        return missing(r, "resourceTypes");
    if (principals == NULL)
        return missing(r, "principalTypes");
    if (!read_names(r, resources, &out->resources) || !read_names(r, principals, &out->principals))
        return false;
    return context == NULL || (out->context = read_type(r, context, false)) != NULL;
}

static bool
read_parent(struct reader *r, struct json *v, struct source_parent *out)
{
    static const char *const known[] = {"id", "type", NULL};
    if (!need_struct(r, v, "struct ActionEntityUID", known))
        return false;
    const struct json *id = json_get(v, "id"), *type = json_get(v, "type");
    if (id == NULL)
        return missing(r, "id");
    if (!need(r, id, JSON_STRING, "a string") || !keep(r, id->text, &out->id))
        return false;
    if (type == NULL || type->type == JSON_NULL)
        return true;
    return need(r, type, JSON_STRING, NAME) && read_path(r, type->text, "name", &out->type);
}

static bool
read_parents(struct reader *r, struct json *v, struct source_action *out)
{
    if (!need(r, v, JSON_ARRAY, "a sequence"))
        return false;
    out->grouped = true;
    out->parents = arena_list(r->a, v->count, sizeof *out->parents);
    if (out->parents == NULL)
        return error_memory(r->error);
    for (struct json *e = v->child; e; e = e->next)
        if (!read_parent(r, e, &out->parents[out->n_parents++]))
            return false;
    return true;
}

/* A member that may also be null, which is as good as absent. */
static struct json *
optional(const struct json *v, const char *key)
{
    struct json *m = json_get(v, key);
    return m == NULL || m->type == JSON_NULL ? NULL : m;
}

static bool
read_action(struct reader *r, struct json *v, struct source_action *out)
{
    static const char *const known[] = {"attributes", "appliesTo", "memberOf", "annotations", NULL};
    if (!keep(r, v->key, &out->name) || !need_struct(r, v, "struct ActionType", known) ||
        !read_annotations(r, json_get(v, "annotations"), &out->annotations))
        return false;
    struct json *attributes = optional(v, "attributes"), *applies = optional(v, "appliesTo"), *parents = optional(v, "memberOf");
    out->attributes = attributes != NULL;
    if (attributes && !need(r, attributes, JSON_OBJECT, "a map"))
        return false;
    return (applies == NULL || read_applies(r, applies, out)) && (parents == NULL || read_parents(r, parents, out));
}

/* ----------------------------------------------------------------------------------------------------------- namespaces */

/* The members of commonTypes, entityTypes or actions, sorted. */
#define READ_ALL(name, type, read)                                                                                                                   \
    static bool name(struct reader *r, const struct json *v, type **out, size_t *n)                                                                  \
    {                                                                                                                                                \
        struct source_list l = {.size = sizeof(type)};                                                                                               \
        const void *twice;                                                                                                                           \
        if (!need(r, v, JSON_OBJECT, "a map"))                                                                                                       \
            return false;                                                                                                                            \
        for (struct json *m = v->child; m; m = m->next) {                                                                                            \
            type *new = add(r, &l);                                                                                                                  \
            if (new == NULL || !read(r, m, new))                                                                                                     \
                return false;                                                                                                                        \
        }                                                                                                                                            \
        if (!source_list_sort(r->a, &l, &twice))                                                                                                     \
            return error_memory(r->error);                                                                                                           \
        *out = l.at;                                                                                                                                 \
        *n = l.n;                                                                                                                                    \
        return true;                                                                                                                                 \
    }
READ_ALL(read_commons, struct source_common, read_common)
READ_ALL(read_entities, struct source_entity, read_declared_entity)
READ_ALL(read_actions, struct source_action, read_action)
#undef READ_ALL

static bool
read_space_name(struct reader *r, const struct json *v, struct source_namespace *out)
{
    const char *fault = v->key.n > 0 ? name_fault(str_from(v->key), true, false) : NULL;
    if (fault != NULL) {
        wrong(r, "invalid namespace `", str_from(v->key), "`: ");
        struct text t = error_text(r->error);
        text_add(&t, "%s", fault);
        return false;
    }
    if (v->key.n == 0 && out->annotations.n > 0)
        return error_set(r->error, CEDAR_VALUE, 0, 0, "annotations are not allowed on the empty namespace");
    if (v->key.n == 0)
        return out->name = (struct cedar_str){"", 0}, true;
    return keep(r, v->key, &out->name);
}

static bool
read_space(struct reader *r, struct json *v, struct source_namespace *out)
{
    static const char *const known[] = {"commonTypes", "entityTypes", "actions", "annotations", NULL};
    if (!need_struct(r, v, "struct NamespaceDefinition", known) || !read_annotations(r, json_get(v, "annotations"), &out->annotations) ||
        !read_space_name(r, v, out))
        return false;
    const struct json *commons = json_get(v, "commonTypes"), *entities = json_get(v, "entityTypes"), *actions = json_get(v, "actions");
    if (entities == NULL)
        return missing(r, "entityTypes");
    if (actions == NULL)
        return missing(r, "actions");
    return (commons == NULL || read_commons(r, commons, &out->commons, &out->n_commons)) &&
           read_entities(r, entities, &out->entities, &out->n_entities) && read_actions(r, actions, &out->actions, &out->n_actions);
}

static bool
read_schema(struct reader *r, const struct json *v, struct schema_source **out)
{
    struct source_list l = {.size = sizeof(struct source_namespace)};
    struct schema_source *source = ARENA_NEW(r->a, struct schema_source);
    const void *twice;
    if (source == NULL)
        return error_memory(r->error);
    if (!need(r, v, JSON_OBJECT, "a map"))
        return false;
    for (struct json *m = v->child; m; m = m->next) {
        struct source_namespace *new = add(r, &l);
        if (new == NULL || !read_space(r, m, new))
            return false;
    }
    if (!source_list_sort(r->a, &l, &twice))
        return error_memory(r->error);
    *source = (struct schema_source){l.at, l.n};
    *out = source;
    return true;
}

/* What is often meant: Cedar syntax, or declarations without a namespace around them. */
static bool
advise(struct cedar_str text, const struct json *v, struct cedar_error *error)
{
    struct bytes b = bytes_trim(str_bytes(text));
    while (b.n > 0 && (*b.at == '\n' || *b.at == '\r'))
        b = bytes_trim(bytes_sub(b, 1, b.n));
    if (b.n > 0 && *b.at != '{')
        return error_help(error, "this API was expecting a schema in the JSON format; did you mean to use a different function, which expects the "
                                 "Cedar schema format?");
    if (json_get(v, "entityTypes") || json_get(v, "actions") || json_get(v, "commonTypes"))
        return error_help(error, "JSON formatted schema must specify a namespace. If you want to use the empty namespace, explicitly specify it "
                                 "with `{ \"\": {..} }`");
    return false;
}

bool
schema_source_json(struct arena *a, struct cedar_str text, struct schema_source **out, struct cedar_error *error)
{
    struct reader r = {a, error};
    struct arena tree = {.max = (size_t)512 << 20};
    struct json *v = NULL;
    if (text.n > CEDAR_MAX_SCHEMA_BYTES)
        return error_set(error, CEDAR_LIMIT, 0, 0, "a schema has at most %u bytes", CEDAR_MAX_SCHEMA_BYTES);
    bool ok = value_json_text(&tree, text, &v, error) && read_schema(&r, v, out);
    if (!ok && error->code != CEDAR_MEMORY)
        advise(text, v, error);
    arena_free(&tree);
    return ok;
}
