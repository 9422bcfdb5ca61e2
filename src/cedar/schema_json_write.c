/* A schema as JSON. */
#include "base/json.h"
#include "cedar/schema_resolve.h"

struct writer {
    const struct schema_source *source;
    const struct source_namespace *space; /* the one being written */
    bool resolved;
    struct buf *b;
};

static void
key_str(struct writer *w, struct cedar_str key)
{
    json_key_bytes(w->b, str_bytes(key));
}

static void
put_full(struct buf *b, const struct source_namespace *s, struct cedar_str base)
{
    struct buf name = buf_make(CEDAR_MAX_SCHEMA_BYTES);
    if (s->name.n > 0) {
        buf_put(&name, str_bytes(s->name));
        buf_puts(&name, "::");
    }
    buf_put(&name, str_bytes(base));
    b->failed |= name.failed;
    json_put_text(b, buf_bytes(&name));
    buf_free(&name);
}

/* The name of an entity type. */
static void
put_entity(struct writer *w, struct cedar_str name)
{
    struct schema_target target;
    if (w->resolved && schema_lookup(w->source, w->space, name, WANTED_ENTITY, &target))
        put_full(w->b, target.space, target.base);
    else
        json_put_text(w->b, str_bytes(name));
}

static void
member_entity(struct writer *w, struct cedar_str name)
{
    json_member_str(w->b, "type", "Entity");
    json_key(w->b, "name");
    put_entity(w, name);
}

/* A name of a common type, or of a common or else an entity type, looked up. Built-in types keep the name they were called by. */
static void
member_resolved(struct writer *w, const struct source_type *t)
{
    enum schema_wanted wanted = t->kind == SOURCE_COMMON ? WANTED_COMMON : WANTED_EITHER;
    struct schema_target target;
    if (!schema_lookup(w->source, w->space, t->name, wanted, &target) || target.builtin != NULL) {
        json_member_text(w->b, "type", str_bytes(t->name));
        return;
    }
    if (target.common == NULL) {
        member_entity(w, t->name);
        return;
    }
    json_key(w->b, "type");
    put_full(w->b, target.space, target.base);
}

static void
put_annotations(struct writer *w, const struct source_annotations *list)
{
    if (list->n == 0)
        return;
    json_key(w->b, "annotations");
    json_open(w->b, '{');
    for (size_t i = 0; i < list->n; i++) {
        key_str(w, list->at[i].key);
        if (list->at[i].value.at == NULL)
            buf_puts(w->b, "null");
        else
            json_put_text(w->b, str_bytes(list->at[i].value));
    }
    json_close(w->b, '}');
}

/* The members that make up a type, inside an object that is open. Recursion is bounded by the readers. */
static void put_type(struct writer *w, const struct source_type *t);

static void
put_attributes(struct writer *w, const struct source_type *t)
{
    json_member_str(w->b, "type", "Record");
    json_key(w->b, "attributes");
    json_open(w->b, '{');
    for (size_t i = 0; i < t->attributes.n; i++) {
        const struct source_attribute *a = &t->attributes.at[i];
        key_str(w, a->name);
        json_open(w->b, '{');
        put_type(w, a->type);
        put_annotations(w, &a->annotations);
        if (!a->required)
            json_member_bool(w->b, "required", false);
        json_close(w->b, '}');
    }
    json_close(w->b, '}');
    if (t->open)
        json_member_bool(w->b, "additionalAttributes", true);
}

static void
put_type(struct writer *w, const struct source_type *t)
{
    static const char *const words[] = {[SOURCE_BOOL] = "Boolean", [SOURCE_LONG] = "Long", [SOURCE_STRING] = "String"};
    switch (t->kind) {
    case SOURCE_BOOL:
    case SOURCE_LONG:
    case SOURCE_STRING:
        json_member_str(w->b, "type", words[t->kind]);
        break;
    case SOURCE_SET:
        json_member_str(w->b, "type", "Set");
        json_key(w->b, "element");
        json_open(w->b, '{');
        put_type(w, t->element);
        json_close(w->b, '}');
        break;
    case SOURCE_RECORD:
        put_attributes(w, t);
        break;
    case SOURCE_ENTITY:
        member_entity(w, t->name);
        break;
    case SOURCE_EXTENSION:
        json_member_str(w->b, "type", "Extension");
        json_member_text(w->b, "name", str_bytes(t->name));
        break;
    case SOURCE_COMMON:
    case SOURCE_NAME:
        if (w->resolved)
            member_resolved(w, t);
        else {
            json_member_text(w->b, "type", t->kind == SOURCE_COMMON ? str_bytes(t->name) : BYTES("EntityOrCommon"));
            if (t->kind == SOURCE_NAME)
                json_member_text(w->b, "name", str_bytes(t->name));
        }
    }
}

static void
member_type(struct writer *w, const char *key, const struct source_type *t)
{
    json_key(w->b, key);
    json_open(w->b, '{');
    put_type(w, t);
    json_close(w->b, '}');
}

static bool
is_empty(const struct source_type *t)
{
    return t == NULL || (t->kind == SOURCE_RECORD && t->attributes.n == 0 && !t->open);
}

static void
put_entities(struct writer *w, const char *key, const struct source_names *names)
{
    json_key(w->b, key);
    json_open(w->b, '[');
    for (size_t i = 0; i < names->n; i++) {
        json_item(w->b);
        put_entity(w, names->at[i]);
    }
    json_close(w->b, ']');
}

static void
put_ids(struct writer *w, const struct source_names *ids)
{
    json_key(w->b, "enum");
    json_open(w->b, '[');
    for (size_t i = 0; i < ids->n; i++) {
        json_item(w->b);
        json_put_text(w->b, str_bytes(ids->at[i]));
    }
    json_close(w->b, ']');
}

static void
put_declared_entity(struct writer *w, const struct source_entity *e)
{
    key_str(w, e->name);
    json_open(w->b, '{');
    if (e->enumerated)
        put_ids(w, &e->ids);
    if (e->parents.n > 0)
        put_entities(w, "memberOfTypes", &e->parents);
    if (!is_empty(e->shape))
        member_type(w, "shape", e->shape);
    if (e->tags != NULL)
        member_type(w, "tags", e->tags);
    put_annotations(w, &e->annotations);
    json_close(w->b, '}');
}

static void
put_parent_type(struct writer *w, const struct source_parent *p)
{
    const struct source_namespace *s;
    if (w->resolved && schema_lookup_action(w->source, w->space, p, &s) != NULL) {
        json_key(w->b, "type");
        put_full(w->b, s, (struct cedar_str){"Action", 6});
    } else if (p->type.at != NULL)
        json_member_text(w->b, "type", str_bytes(p->type));
}

static void
put_parents(struct writer *w, const struct source_action *action)
{
    json_key(w->b, "memberOf");
    json_open(w->b, '[');
    for (size_t i = 0; i < action->n_parents; i++) {
        json_item(w->b);
        json_open(w->b, '{');
        json_member_text(w->b, "id", str_bytes(action->parents[i].id));
        put_parent_type(w, &action->parents[i]);
        json_close(w->b, '}');
    }
    json_close(w->b, ']');
}

static void
put_action(struct writer *w, const struct source_action *action)
{
    key_str(w, action->name);
    json_open(w->b, '{');
    if (action->applies) {
        json_key(w->b, "appliesTo");
        json_open(w->b, '{');
        put_entities(w, "resourceTypes", &action->resources);
        put_entities(w, "principalTypes", &action->principals);
        if (!is_empty(action->context))
            member_type(w, "context", action->context);
        json_close(w->b, '}');
    }
    if (action->grouped)
        put_parents(w, action);
    put_annotations(w, &action->annotations);
    json_close(w->b, '}');
}

static void
put_commons(struct writer *w)
{
    if (w->space->n_commons == 0)
        return;
    json_key(w->b, "commonTypes");
    json_open(w->b, '{');
    for (size_t i = 0; i < w->space->n_commons; i++) {
        const struct source_common *c = &w->space->commons[i];
        key_str(w, c->name);
        json_open(w->b, '{');
        put_type(w, c->type);
        put_annotations(w, &c->annotations);
        json_close(w->b, '}');
    }
    json_close(w->b, '}');
}

static void
put_space(struct writer *w)
{
    key_str(w, w->space->name);
    json_open(w->b, '{');
    put_commons(w);
    json_key(w->b, "entityTypes");
    json_open(w->b, '{');
    for (size_t i = 0; i < w->space->n_entities; i++)
        put_declared_entity(w, &w->space->entities[i]);
    json_close(w->b, '}');
    json_key(w->b, "actions");
    json_open(w->b, '{');
    for (size_t i = 0; i < w->space->n_actions; i++)
        put_action(w, &w->space->actions[i]);
    json_close(w->b, '}');
    put_annotations(w, &w->space->annotations);
    json_close(w->b, '}');
}

void
schema_source_to_json(const struct schema_source *source, bool resolved, struct buf *b)
{
    struct writer w = {source, NULL, resolved, b};
    json_open(b, '{');
    for (size_t i = 0; i < source->n; i++) {
        w.space = &source->at[i];
        put_space(&w);
    }
    json_close(b, '}');
}
