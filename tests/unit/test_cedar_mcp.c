/* Schemas from MCP tool sets: what comes out for what goes in, what is refused and where, and hostile input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cedar/mcp_schema.h"

static const char stub[] =
    "{\"My\":{\"commonTypes\":{\"Now\":{\"type\":\"Record\",\"attributes\":{},\"annotations\":{\"mcp_context\":\"session\"}}},"
    "\"entityTypes\":{\"U\":{\"annotations\":{\"mcp_principal\":\"\",\"doc\":\"x\"}},\"S\":{\"annotations\":{\"mcp_resource\":null}}},"
    "\"actions\":{\"all\":{\"annotations\":{\"mcp_action\":\"\"}}}}}";

static char result[65536];
static struct cedar_error error;

/* The schema in JSON, or NULL with ${error}. */
static const char *
make(const char *tools, const char *base, struct cedar_mcp_options options)
{
    struct mcp m = {.a.max = MCP_MAX_MEMORY, .options = options, .error = &error};
    struct buf b = buf_make(sizeof result - 1);
    error = (struct cedar_error){0};
    bool ok = mcp_schema_json(&m, bytes_str(tools), bytes_str(base), &b);
    snprintf(result, sizeof result, "%s", buf_text(&b));
    buf_free(&b);
    arena_free(&m.a);
    return ok ? result : NULL;
}

#define TOOL(properties) "[{\"name\":\"t\",\"inputSchema\":{\"type\":\"object\",\"properties\":{" properties "}}}]"

static void
has(const char *tools, const char *wanted)
{
    if (make(tools, stub, (struct cedar_mcp_options){0}) == NULL)
        fail_msg("%s: %s", tools, error.text);
    if (strstr(result, wanted) == NULL)
        fail_msg("%s: no %s in %s", tools, wanted, result);
}

static void
refused(const char *tools, const char *why)
{
    if (make(tools, stub, (struct cedar_mcp_options){0}))
        fail_msg("%s: accepted: %s", tools, result);
    if (strstr(error.text, why) == NULL)
        fail_msg("%s: said '%s', not '%s'", tools, error.text, why);
}

static void
test_types(void **state)
{
    (void)state;
    has(TOOL("\"a\":{\"type\":\"number\"}"),
        "\"tInput\":{\"type\":\"Record\",\"attributes\":{\"a\":{\"type\":\"EntityOrCommon\",\"name\":\"decimal\",\"required\":false}}}");
    has(TOOL("\"a\":{\"type\":\"string\",\"enum\":[\"x\",\"y\"]}"), "\"My::t::Input\":{\"entityTypes\":{\"a\":{\"enum\":[\"x\",\"y\"]}}");
    has(TOOL("\"a\":{\"type\":\"string\",\"format\":\"date\"}"), "\"name\":\"datetime\"");
    has(TOOL("\"a\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"}}"),
        "{\"type\":\"Set\",\"element\":{\"type\":\"EntityOrCommon\",\"name\":\"Long\"}");
    has(TOOL("\"a\":{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}"),
        "\"typeChoice1\":{\"type\":\"Entity\",\"name\":\"My::Null\",\"required\":false}");
    has(TOOL("\"a\":{\"type\":\"object\",\"properties\":{\"b\":{\"type\":\"boolean\"}},\"required\":[\"b\"]}"),
        "\"a\":{\"shape\":{\"type\":\"Record\",\"attributes\":{\"b\":{\"type\":\"EntityOrCommon\",\"name\":\"Bool\"}}}}");
    has(TOOL("\"a\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"integer\"}}"),
        "\"tags\":{\"type\":\"EntityOrCommon\",\"name\":\"Long\"}");
    has(TOOL(""), "\"t\":{\"appliesTo\":{\"resourceTypes\":[\"S\"],\"principalTypes\":[\"U\"]");
    has(TOOL(""), "\"session\":{\"type\":\"EntityOrCommon\",\"name\":\"Now\"}");
    has(TOOL(""), "\"U\":{\"annotations\":{\"doc\":\"x\"}}");
    has("{\"jsonrpc\":\"2.0\",\"result\":{\"tools\":" TOOL("") "}}", "\"memberOf\":[{\"id\":\"all\"}]");
}

static void
test_refused(void **state)
{
    (void)state;
    refused(TOOL("\"a\":{}"), "the tool 't': inputSchema.properties.a: a value of any type");
    refused(TOOL("\"a\":{\"oneOf\":[{\"type\":\"object\",\"properties\":{\"x\":{\"type\":\"string\"}}},{\"type\":\"object\",\"properties\":{\"y\":{"
                 "\"type\":\"string\"}}}]}"),
            "inputSchema.properties.a: choice 1 cannot be told");
    refused(TOOL("\"a\":{\"type\":\"integer\",\"format\":\"uint64\"}"), "format uint64");
    refused(TOOL("\"a\":{\"type\":\"object\"}"), "nothing is declared");
    refused(TOOL("\"a\":{\"type\":\"object\",\"additionalProperties\":true}"), "additionalProperties");
    refused(TOOL("\"a\":{\"type\":\"object\",\"properties\":{\"b\":{\"type\":\"array\",\"items\":{\"type\":\"strin\"}}}}"),
            "inputSchema.properties.a.properties.b.items: type: 'strin'");
    refused(TOOL("\"a::b\":{\"type\":\"string\"}"), "holds '::'");
    refused(TOOL("\"in\":{\"type\":\"string\"}"), "cannot name a Cedar type");
    refused(TOOL("\"String\":{\"type\":\"string\"}"), "would hide Cedar's own");
    refused(TOOL("\"a\":{\"$ref\":\"#/$defs/b\"}"), "'b' is not defined");
    refused(TOOL("\"a\":{\"$ref\":\"http://x/y\"}"), "does not begin with #/$defs/");
    refused("[{\"name\":\"t\",\"inputSchema\":{\"$defs\":{\"a\":{\"$ref\":\"#/$defs/b\"},\"b\":{\"$ref\":\"#/$defs/a\"}}}}]",
            "defined by itself alone");
    refused("[{\"name\":\"x::y\",\"inputSchema\":{}}]", "holds '::'");
    refused("[{\"name\":\"t\",\"inputSchema\":{}},{\"name\":\"t\",\"inputSchema\":{}}]", "stands twice");
    refused("[{\"name\":\"all\",\"inputSchema\":{}}]", "would be declared twice"); /* a tool must not take the place of its own parent */
    refused("[{\"name\":\"t\"}]", "it has no inputSchema");
    refused("{\"result\":{\"tools\":7}}", "expected a list");
    refused("[{\"name\":\"t\",\"name\":\"u\",\"inputSchema\":{}}]", "stands twice");
}

static void
test_lossy(void **state)
{
    (void)state;
    struct cedar_mcp_options o = {.lossy = true, .numbers_opaque = true};
    assert_non_null(make(TOOL("\"a\":{},\"n\":{\"type\":\"number\"}"), stub, o));
    assert_non_null(strstr(result, "\"a\":{\"type\":\"Entity\",\"name\":\"My::Unknown\""));
    assert_non_null(strstr(result, "\"n\":{\"type\":\"Entity\",\"name\":\"My::Number\""));
}

/* As Writ sees arguments: a null is nothing. */
static void
test_nulls_absent(void **state)
{
    (void)state;
    static const struct cedar_mcp_options o = {.nulls_absent = true};
    static const char text[] = "\"attributes\":{\"a\":{\"type\":\"EntityOrCommon\",\"name\":\"String\",\"required\":false}}";
    static const char *const cases[] = {
        "\"a\":{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}},\"required\":[\"a\"],\"x\":{",
        "\"a\":{\"type\":[\"null\",\"string\"]}},\"required\":[\"a\"],\"x\":{",
        "\"a\":{\"type\":\"string\",\"nullable\":true}},\"required\":[\"a\"],\"x\":{",
    };
    for (size_t i = 0; i < 3; i++) {
        char tools[512];
        snprintf(tools, sizeof tools, TOOL("%s"), cases[i]);
        assert_non_null(make(tools, stub, o));
        if (strstr(result, text) == NULL)
            fail_msg("%s: %s", tools, result);
    }
    assert_non_null(make(TOOL("\"a\":{\"type\":[\"string\",\"null\",\"integer\"]}"), stub, o));
    assert_non_null(strstr(result, "\"typeChoice1\":{\"type\":\"EntityOrCommon\",\"name\":\"Long\",\"required\":false}"));
    assert_null(strstr(result, "Null"));
}

static void
test_shared(void **state)
{
    (void)state;
    static const char tools[] = "[{\"name\":\"t\",\"inputSchema\":{\"properties\":{\"mode\":{\"type\":\"string\",\"enum\":[\"r\",\"w\"]}}}},"
                                "{\"name\":\"u\",\"inputSchema\":{\"properties\":{\"mode\":{\"type\":\"string\",\"enum\":[\"r\",\"w\"]}}}}]";
    assert_non_null(make(tools, stub, (struct cedar_mcp_options){.deduplicate = true}));
    assert_non_null(strstr(result, "\"mode\":{\"enum\":[\"r\",\"w\"]}"));
    assert_null(strstr(result, "My::t::Input"));
    assert_non_null(make(tools, stub, (struct cedar_mcp_options){.flat = true}));
    assert_non_null(strstr(result, "\"t_Input_mode\":{\"enum\":"));
}

static void
test_stub(void **state)
{
    (void)state;
    assert_null(make(TOOL(""), "{}", (struct cedar_mcp_options){0}));
    assert_null(make(TOOL(""), "{\"\":{\"entityTypes\":{},\"actions\":{}}}", (struct cedar_mcp_options){0}));
    assert_null(make(TOOL(""), "{\"A\":{\"entityTypes\":{\"U\":{}},\"actions\":{}}}", (struct cedar_mcp_options){0}));
    assert_non_null(strstr(error.text, "@mcp_principal"));
    assert_null(make(TOOL(""), "7", (struct cedar_mcp_options){0}));
}

/* A deep schema ends at the JSON reader's bound, a wide and deep one at the bound of the schema. */
static void
test_hostile(void **state)
{
    (void)state;
    static char text[300000];
    size_t n = (size_t)snprintf(text, sizeof text, "[{\"name\":\"t\",\"inputSchema\":{\"properties\":{\"a\":");
    for (int i = 0; i < 500; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "{\"type\":\"array\",\"items\":");
    assert_null(make(text, stub, (struct cedar_mcp_options){0}));
    n = (size_t)snprintf(text, sizeof text, "[{\"name\":\"t\",\"inputSchema\":{\"properties\":{");
    for (int i = 0; i < 2000; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s\"%d%c\":{\"type\":\"string\"}", i ? "," : "", i, 'a');
    snprintf(text + n, sizeof text - n, "}}}]");
    assert_null(make(text, stub, (struct cedar_mcp_options){0}));
    assert_non_null(strstr(error.text, "cannot name a Cedar type"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),  cmocka_unit_test(test_refused), cmocka_unit_test(test_lossy),   cmocka_unit_test(test_nulls_absent),
        cmocka_unit_test(test_shared), cmocka_unit_test(test_stub),    cmocka_unit_test(test_hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
