/*
 * Entities (first byte even) and values (odd) in JSON. Reading the same text again gives the same value; a value equals its copy; every
 * entity is in itself and in no one who is in it.
 */
#include "cedar/entities.h"

#include <stdlib.h>

#define CHECK(truth)                                                                                                                                 \
    do {                                                                                                                                             \
        if (!(truth))                                                                                                                                \
            abort();                                                                                                                                 \
    } while (0)

static void
check_sorted(const struct cedar_value *v)
{
    if (v->kind == VALUE_SET)
        for (size_t i = 0; i < v->set.n; i++) {
            CHECK(i == 0 || value_cmp(v->set.at[i - 1], v->set.at[i]) < 0);
            CHECK(value_set_has(v, v->set.at[i]) && v->depth > v->set.at[i]->depth);
            check_sorted(v->set.at[i]);
        }
    if (v->kind == VALUE_RECORD)
        for (size_t i = 0; i < v->record.n; i++) {
            CHECK(value_get(v, v->record.at[i].key) == v->record.at[i].value && v->depth > v->record.at[i].value->depth);
            check_sorted(v->record.at[i].value);
        }
}

static void
fuzz_value(struct cedar_str text)
{
    struct cedar_scratch *s = cedar_scratch_new((size_t)1 << 26);
    struct cedar_error error = {.code = CEDAR_OK};
    const struct cedar_value *v = cedar_value_json(s, text, &error);
    if (v) {
        const struct cedar_value *again = cedar_value_json(s, text, &error), *copy = value_copy(&s->a, v);
        CHECK(again && copy && value_eq(v, again) && value_eq(v, copy));
        check_sorted(v);
    } else {
        CHECK(error.code != CEDAR_OK && error.text[0]);
    }
    cedar_scratch_free(s);
}

static void
check_entity(const struct cedar_entities *e, size_t i)
{
    const struct entity *one = &e->at[i];
    CHECK(entities_in(e, &one->uid, &one->uid));
    CHECK(i == 0 || !uid_eq(&e->at[i - 1].uid, &one->uid));
    for (size_t k = 0; k < one->n_ancestors; k++) {
        const struct entity *above = &e->at[one->ancestors[k]];
        CHECK(entities_in(e, &one->uid, &above->uid) && !entities_in(e, &above->uid, &one->uid));
    }
    if (!one->known)
        return;
    check_sorted(one->attributes);
    check_sorted(one->tags);
}

static void
fuzz_entities(struct cedar_str text)
{
    struct cedar_entities *e;
    struct cedar_error error = {.code = CEDAR_OK};
    if (!cedar_entities_json(text, &e, &error)) {
        CHECK(e == NULL && error.code != CEDAR_OK && error.text[0]);
        return;
    }
    for (size_t i = 0; i < e->n; i++)
        check_entity(e, i);
    cedar_entities_unref(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct cedar_str text = {(const char *)data + 1, size - 1};
    if (data[0] & 1)
        fuzz_value(text);
    else
        fuzz_entities(text);
    return 0;
}
