/* A schema in Cedar syntax, laid out as the official engine does. */
#include "cedar/policies.h"
#include "cedar/schema_source.h"

#include <stdlib.h>

#define STEP 2

static void
put(struct buf *b, struct cedar_str s)
{
    buf_put(b, str_bytes(s));
}

static void
put_indent(struct buf *b, unsigned indent)
{
    for (unsigned i = 0; i < indent; i++)
        buf_putc(b, ' ');
}

static void
put_annotations(struct buf *b, const struct source_annotations *list, unsigned indent)
{
    for (size_t i = 0; i < list->n; i++) {
        put_indent(b, indent);
        buf_putc(b, '@');
        put(b, list->at[i].key);
        if (list->at[i].value.at != NULL) {
            buf_putc(b, '(');
            policy_print_string(b, list->at[i].value);
            buf_putc(b, ')');
        }
        buf_putc(b, '\n');
    }
}

/* Recursion is bounded by the readers. */
static void put_type(struct buf *b, const struct source_type *t, unsigned indent);

static void
put_record(struct buf *b, const struct source_attributes *list, unsigned indent)
{
    buf_puts(b, "{");
    for (size_t i = 0; i < list->n; i++) {
        const struct source_attribute *a = &list->at[i];
        buf_puts(b, i == 0 ? "\n" : "");
        put_annotations(b, &a->annotations, indent + STEP);
        put_indent(b, indent + STEP);
        if (name_is_identifier(a->name))
            put(b, a->name);
        else
            policy_print_string(b, a->name);
        buf_puts(b, a->required ? ": " : "?: ");
        put_type(b, a->type, indent + STEP);
        buf_puts(b, i + 1 < list->n ? ",\n" : "\n");
    }
    put_indent(b, indent);
    buf_putc(b, '}');
}

static void
put_type(struct buf *b, const struct source_type *t, unsigned indent)
{
    switch (t->kind) {
    case SOURCE_BOOL:
        buf_puts(b, "__cedar::Bool");
        break;
    case SOURCE_LONG:
        buf_puts(b, "__cedar::Long");
        break;
    case SOURCE_STRING:
        buf_puts(b, "__cedar::String");
        break;
    case SOURCE_SET:
        buf_puts(b, "Set<");
        put_type(b, t->element, indent);
        buf_putc(b, '>');
        break;
    case SOURCE_RECORD:
        put_record(b, &t->attributes, indent);
        break;
    case SOURCE_EXTENSION:
        buf_puts(b, "__cedar::");
        put(b, t->name);
        break;
    case SOURCE_ENTITY:
    case SOURCE_COMMON:
    case SOURCE_NAME:
        put(b, t->name);
    }
}

static void
put_names(struct buf *b, const struct source_names *names)
{
    for (size_t i = 0; i < names->n; i++) {
        buf_puts(b, i == 0 ? "[" : ", ");
        put(b, names->at[i]);
    }
    buf_putc(b, ']');
}

static bool
is_empty(const struct source_type *t)
{
    return t == NULL || (t->kind == SOURCE_RECORD && t->attributes.n == 0 && !t->open);
}

static void
put_entity(struct buf *b, const struct source_entity *e, unsigned indent)
{
    buf_puts(b, "entity ");
    put(b, e->name);
    buf_puts(b, e->enumerated ? " enum [" : "");
    for (size_t i = 0; i < e->ids.n; i++) {
        buf_puts(b, i > 0 ? ", " : "");
        policy_print_string(b, e->ids.at[i]);
    }
    buf_puts(b, e->enumerated ? "]" : "");
    if (e->parents.n > 0) {
        buf_puts(b, " in ");
        put_names(b, &e->parents);
    }
    if (!is_empty(e->shape)) {
        buf_puts(b, " = ");
        put_type(b, e->shape, indent);
    }
    if (e->tags != NULL) {
        buf_puts(b, " tags ");
        put_type(b, e->tags, 0); /* as the official engine has it */
    }
}

static void
put_parents(struct buf *b, const struct source_action *action)
{
    for (size_t i = 0; i < action->n_parents; i++) {
        buf_puts(b, i == 0 ? " in [" : ", ");
        put(b, action->parents[i].type.at ? action->parents[i].type : str_of("Action"));
        buf_puts(b, "::");
        policy_print_string(b, action->parents[i].id);
    }
    buf_puts(b, action->n_parents > 0 ? "]" : "");
}

static void
put_member(struct buf *b, const char *word, unsigned indent)
{
    put_indent(b, indent);
    buf_puts(b, word);
}

/* An action that applies to no principal or to no resource is a group, and says nothing of either. */
static void
put_action(struct buf *b, const struct source_action *action, unsigned indent)
{
    buf_puts(b, "action ");
    policy_print_string(b, action->name);
    put_parents(b, action);
    if (!action->applies || action->principals.n == 0 || action->resources.n == 0)
        return;
    buf_puts(b, " appliesTo {\n");
    put_member(b, "principal: ", indent + STEP);
    put_names(b, &action->principals);
    buf_puts(b, ",\n");
    put_member(b, "resource: ", indent + STEP);
    put_names(b, &action->resources);
    buf_puts(b, ",\n");
    put_member(b, "context: ", indent + STEP);
    if (is_empty(action->context))
        buf_puts(b, "{}");
    else
        put_type(b, action->context, indent + STEP);
    buf_putc(b, '\n');
    put_member(b, "}", indent);
}

/* One declaration from its annotations to the semicolon, and an empty line behind all but the last. */
static void
end_declaration(struct buf *b, size_t *left)
{
    buf_puts(b, --*left > 0 ? ";\n\n" : ";\n");
}

static void
put_declarations(struct buf *b, const struct source_namespace *s, unsigned indent)
{
    size_t left = s->n_commons + s->n_entities + s->n_actions;
    for (size_t i = 0; i < s->n_commons; i++) {
        put_annotations(b, &s->commons[i].annotations, indent);
        put_member(b, "type ", indent);
        put(b, s->commons[i].name);
        buf_puts(b, " = ");
        put_type(b, s->commons[i].type, indent);
        end_declaration(b, &left);
    }
    for (size_t i = 0; i < s->n_entities; i++) {
        put_annotations(b, &s->entities[i].annotations, indent);
        put_indent(b, indent);
        put_entity(b, &s->entities[i], indent);
        end_declaration(b, &left);
    }
    for (size_t i = 0; i < s->n_actions; i++) {
        put_annotations(b, &s->actions[i].annotations, indent);
        put_indent(b, indent);
        put_action(b, &s->actions[i], indent);
        end_declaration(b, &left);
    }
}

static void
put_space(struct buf *b, const struct source_namespace *s)
{
    if (s->name.n == 0) {
        put_declarations(b, s, 0);
        return;
    }
    put_annotations(b, &s->annotations, 0);
    buf_puts(b, "namespace ");
    put(b, s->name);
    buf_puts(b, " {\n");
    put_declarations(b, s, STEP);
    buf_puts(b, "}\n");
}

/* ----------------------------------------------------------------------------------------------- what cannot be written */

static void
name_list(struct text *t, const struct source_namespace *s, struct cedar_str base, size_t *n)
{
    text_add(t, "%s", (*n)++ > 0 ? ", " : "");
    text_str(t, s->name);
    text_add(t, "%s", s->name.n > 0 ? "::" : "");
    text_str(t, base);
}

/* In a namespace, a common type and an entity type of one name: references to the entity type could not be told. */
static bool
check_collisions(const struct schema_source *source, struct cedar_error *error)
{
    struct cedar_error e = {0};
    size_t n = 0;
    error_set(&e, CEDAR_UNSUPPORTED, 0, 0, "There are name collisions: [");
    struct text t = error_text(&e);
    for (size_t i = 0; i < source->n; i++) {
        const struct source_namespace *s = &source->at[i];
        for (size_t k = 0; k < s->n_entities && s->name.n > 0; k++)
            if (source_find(s->commons, s->n_commons, sizeof *s->commons, s->entities[k].name) != NULL)
                name_list(&t, s, s->entities[k].name, &n);
    }
    text_add(&t, "]");
    if (n > 0)
        *error = e;
    return n == 0;
}

static bool
check_shapes(const struct schema_source *source, struct cedar_error *error)
{
    struct cedar_error e = {0};
    size_t n = 0;
    error_set(&e, CEDAR_UNSUPPORTED, 0, 0, "The following entities have shapes that cannot be converted to Cedar schema syntax: [");
    error_help(&e, "Entity shapes may only be record types. In the Cedar schema syntax, they additionally may not reference common type "
                   "definitions.");
    struct text t = error_text(&e);
    for (size_t i = 0; i < source->n; i++) {
        const struct source_namespace *s = &source->at[i];
        for (size_t k = 0; k < s->n_entities; k++)
            if (s->entities[k].shape != NULL && s->entities[k].shape->kind != SOURCE_RECORD)
                name_list(&t, s, s->entities[k].name, &n);
    }
    text_add(&t, "]");
    if (n > 0)
        *error = e;
    return n == 0;
}

static int
space_cmp(const void *a, const void *b)
{
    const struct source_namespace *const *x = a, *const *y = b;
    return source_name_cmp((*x)->name, (*y)->name);
}

bool
schema_source_to_cedar(const struct schema_source *source, struct buf *b, struct cedar_error *error)
{
    const struct source_namespace **order = calloc(source->n + 1, sizeof(struct source_namespace *));
    if (order == NULL)
        return error_memory(error);
    bool ok = check_collisions(source, error) && check_shapes(source, error);
    for (size_t i = 0; i < source->n; i++)
        order[i] = &source->at[i];
    qsort(order, source->n, sizeof(struct source_namespace *), space_cmp);
    for (size_t i = 0; ok && i < source->n; i++) {
        put_space(b, order[i]);
        buf_puts(b, i + 1 < source->n ? "\n" : "");
    }
    free(order);
    return ok;
}
