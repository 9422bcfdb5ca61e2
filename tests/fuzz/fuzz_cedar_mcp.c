/*
 * Tool sets to a schema. The first byte holds the options; the rest is the tools' JSON. What comes out is JSON, and the same again the second
 * time; what is refused says why.
 */
#include "cedar/mcp_schema.h"

#include <stdlib.h>

#define CHECK(truth)                                                                                                                                 \
    do {                                                                                                                                             \
        if (!(truth))                                                                                                                                \
            abort();                                                                                                                                 \
    } while (0)

static const char stub[] = "{\"My\":{\"commonTypes\":{\"Now\":{\"type\":\"Record\",\"attributes\":{},\"annotations\":{\"mcp_context\":\"session\"}}},"
                           "\"entityTypes\":{\"U\":{\"annotations\":{\"mcp_principal\":\"\"}},\"S\":{\"annotations\":{\"mcp_resource\":null}}},"
                           "\"actions\":{\"all\":{\"annotations\":{\"mcp_action\":\"\"}}}}}";

static struct buf
make(uint8_t bits, struct bytes tools)
{
    struct cedar_error error = {.code = CEDAR_OK};
    struct mcp m = {.a.max = MCP_MAX_MEMORY, .error = &error};
    struct buf b = buf_make(CEDAR_MAX_SCHEMA_BYTES);
    m.options = (struct cedar_mcp_options){bits & 1, bits & 2, bits & 4, bits & 8, bits & 16, bits & 32, bits & 128, bits & 64};
    bool ok = mcp_schema_json(&m, tools, bytes_str(stub), &b);
    CHECK(ok || (error.code != CEDAR_OK && error.text[0]));
    if (!ok)
        buf_free(&b);
    arena_free(&m.a);
    return b;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct bytes tools = bytes_make(data + 1, size - 1);
    struct buf one = make(data[0], tools), two = make(data[0], tools);
    struct arena a = {0};
    struct json *parsed;
    CHECK(bytes_eq(buf_bytes(&one), buf_bytes(&two)));
    const struct json_limits limits = {.bytes = CEDAR_MAX_SCHEMA_BYTES, .depth = 256, .nodes = 4000000};
    CHECK(one.n == 0 || !err_failed(json_parse(&a, buf_bytes(&one), &limits, &parsed)));
    arena_free(&a);
    buf_free(&one);
    buf_free(&two);
    return 0;
}
