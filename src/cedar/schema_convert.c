/* A schema from one form to another. */
#include "cedar/schema_resolve.h"

#define OUTPUT_MAX ((size_t)64 << 20)

static bool
write_source(struct arena *a, const struct schema_source *source, enum cedar_schema_form to, struct buf *b, struct cedar_error *error)
{
    if (to == CEDAR_SCHEMA_CEDAR)
        return schema_source_to_cedar(source, b, error);
    if (to == CEDAR_SCHEMA_JSON_RESOLVED && !schema_check_names(a, source, error))
        return false;
    schema_source_to_json(source, to == CEDAR_SCHEMA_JSON_RESOLVED, b);
    return true;
}

bool
cedar_schema_convert(struct cedar_str text, enum cedar_schema_form from, enum cedar_schema_form to, struct cedar_output *out,
                     struct cedar_error *error)
{
    struct arena a = {.max = (size_t)512 << 20};
    struct buf b = buf_make(OUTPUT_MAX);
    struct schema_source *source;
    *out = (struct cedar_output){NULL, 0};
    bool ok = from == CEDAR_SCHEMA_CEDAR ? schema_source_parse(&a, text, &source, error) : schema_source_json(&a, text, &source, error);
    ok = ok && write_source(&a, source, to, &b, error);
    if (ok && !output_take(&b, out))
        ok = error_memory(error);
    if (!ok)
        buf_free(&b);
    arena_free(&a);
    return ok;
}
