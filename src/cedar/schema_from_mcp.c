/* The public face of mcp_schema.h: between Cedar syntax outside and the JSON form inside, and the proof that the schema resolves. */
#include "cedar/mcp_schema.h"

bool
cedar_schema_from_mcp(struct cedar_str tools, struct cedar_str stub, const struct cedar_mcp_options *options, enum cedar_schema_form form,
                      struct cedar_output *out, struct cedar_error *error)
{
    struct cedar_output stub_json = {NULL, 0};
    struct cedar_schema *resolved = NULL;
    struct buf b = buf_make(CEDAR_MAX_SCHEMA_BYTES);
    struct mcp m = {.a.max = MCP_MAX_MEMORY, .error = error};
    *out = (struct cedar_output){NULL, 0};
    *error = (struct cedar_error){0};
    if (options)
        m.options = *options;
    bool ok = cedar_schema_convert(stub, CEDAR_SCHEMA_CEDAR, CEDAR_SCHEMA_JSON, &stub_json, error) &&
              mcp_schema_json(&m, str_bytes(tools), bytes_make(stub_json.at, stub_json.n), &b);
    struct cedar_str json = {(const char *)b.at, b.n};
    ok = ok && cedar_schema_parse_json(json, "tools", &resolved, error) && cedar_schema_convert(json, CEDAR_SCHEMA_JSON, form, out, error);
    cedar_schema_unref(resolved);
    cedar_output_free(&stub_json);
    buf_free(&b);
    arena_free(&m.a);
    return ok;
}
