/* Schemas as callers of the library see them. */
#include "cedar/schema.h"

#include "cedar/schema_resolve.h"

#include <stdlib.h>

#define SCHEMA_MEMORY ((size_t)512 << 20)

typedef bool source_reader(struct arena *a, struct cedar_str text, struct schema_source **out, struct cedar_error *error);

static bool
read_into(struct cedar_schema *s, source_reader *read, struct cedar_str text, const char *name, struct cedar_error *error)
{
    struct schema_source *source;
    struct bytes file = arena_copy(&s->a, bytes_str(name ? name : ""));
    if (file.at == NULL)
        return error_memory(error);
    s->file = (struct cedar_str){(const char *)file.at, file.n};
    if (!read(&s->a, text, &source, error))
        return false;
    s->source = source;
    if (!schema_resolve(s, source, error))
        return false;
    return read != schema_source_parse || schema_warn(s, source) || error_memory(error);
}

static bool
schema_read(source_reader *read, struct cedar_str text, const char *name, struct cedar_schema **out, struct cedar_error *error)
{
    struct cedar_schema *s = calloc(1, sizeof *s);
    *out = NULL;
    if (s == NULL)
        return error_memory(error);
    s->refs = 1;
    s->a.max = SCHEMA_MEMORY;
    if (!read_into(s, read, text, name, error)) {
        cedar_schema_unref(s);
        return false;
    }
    *out = s;
    return true;
}

bool
cedar_schema_parse(struct cedar_str text, const char *name, struct cedar_schema **out, struct cedar_error *error)
{
    return schema_read(schema_source_parse, text, name, out, error);
}

bool
cedar_schema_parse_json(struct cedar_str text, const char *name, struct cedar_schema **out, struct cedar_error *error)
{
    return schema_read(schema_source_json, text, name, out, error);
}

struct cedar_schema *
cedar_schema_ref(struct cedar_schema *s)
{
    __atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
    return s;
}

void
cedar_schema_unref(struct cedar_schema *s)
{
    if (s == NULL || __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    arena_free(&s->a);
    free(s);
}

struct cedar_str
cedar_schema_name(const struct cedar_schema *s)
{
    return s->file;
}
