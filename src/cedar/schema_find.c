#include "cedar/schema.h"

static int
cmp_uids(const struct cedar_uid *a, const struct cedar_uid *b)
{
    int c = str_cmp(a->type, b->type);
    return c ? c : str_cmp(a->id, b->id);
}

const struct schema_entity *
schema_find_entity(const struct cedar_schema *s, struct cedar_str name)
{
    size_t low = 0, high = s->n_entities;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int c = str_cmp(s->entities[middle].name, name);
        if (c == 0)
            return &s->entities[middle];
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct schema_entity *
schema_find_action_type(const struct cedar_schema *s, struct cedar_str name)
{
    for (size_t i = 0; i < s->n_action_types; i++) /* one a namespace */
        if (str_eq(s->action_types[i].name, name))
            return &s->action_types[i];
    return NULL;
}

const struct schema_action *
schema_find_action(const struct cedar_schema *s, const struct cedar_uid *uid)
{
    size_t low = 0, high = s->n_actions;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int c = cmp_uids(&s->actions[middle].uid, uid);
        if (c == 0)
            return &s->actions[middle];
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct type_attribute *
type_attribute(const struct type *record, struct cedar_str name)
{
    size_t low = 0, high = record->attributes.n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int c = str_cmp(record->attributes.at[middle].name, name);
        if (c == 0)
            return &record->attributes.at[middle];
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
