/*
 * x-mcp-header (MCP 2026-07-28, streamable HTTP, "Schema Extension"): an argument that a client repeats in a header Mcp-Param-NAME. A tool that marks
 * one in a way the specification does not allow is no tool for a client of that revision.
 */
#include "estate/pin.h"
#include "estate/schema.h"

#include <stdio.h>

#define KEY "x-mcp-header"
#define MARKED_MAX 64u /* of one tool */

struct marks {
    struct bytes names[MARKED_MAX];
    size_t n;
    char *why;
    size_t room;
};

/* Where schemas stand in a schema: below names of their own, or by themselves, or in a list. */
static const struct {
    const char *key;
    bool named, reached; /* reached: by "properties" alone */
} places[] = {
    {"properties", true, true},
    {"patternProperties", true, false},
    {"dependentSchemas", true, false},
    {"$defs", true, false},
    {"definitions", true, false},
    {"items", false, false},
    {"prefixItems", false, false},
    {"contains", false, false},
    {"additionalProperties", false, false},
    {"unevaluatedProperties", false, false},
    {"unevaluatedItems", false, false},
    {"propertyNames", false, false},
    {"oneOf", false, false},
    {"anyOf", false, false},
    {"allOf", false, false},
    {"not", false, false},
    {"if", false, false},
    {"then", false, false},
    {"else", false, false},
};

static bool
is_token(struct bytes name)
{
    bool ok = name.n > 0 && name.n <= 128;
    for (size_t i = 0; ok && i < name.n; i++)
        ok = name.at[i] > 0x20 && name.at[i] < 0x7f && !strchr("\"(),/:;<=>?@[\\]{}", name.at[i]);
    return ok;
}

static bool
wrong(struct marks *m, struct bytes argument, const char *what)
{
    struct buf shown = buf_make(1024); /* a server chose the name, a person reads it */
    suspect_escape(&shown, bytes_sub(argument, 0, 60));
    snprintf(m->why, m->room, "%s: " KEY " %s", buf_text(&shown), what);
    buf_free(&shown);
    return false;
}

static bool
check_mark(struct marks *m, const struct json *schema, struct bytes argument, bool reached)
{
    static const char *const types[] = {"string", "integer", "boolean", NULL};
    const struct json *mark = json_get(schema, KEY);
    struct bytes type = json_text(schema, "type");
    bool plain = false;
    if (mark == NULL)
        return true;
    for (const char *const *t = types; *t; t++)
        plain |= bytes_is(type, *t);
    if (!reached)
        return wrong(m, argument, "stands where no argument is reached by properties alone");
    if (!json_is(mark, JSON_STRING) || !is_token(mark->text))
        return wrong(m, argument, "is no name of a header");
    if (!plain)
        return wrong(m, argument, "belongs on a string, an integer or a boolean");
    for (size_t i = 0; i < m->n; i++)
        if (bytes_same_case(m->names[i], mark->text))
            return wrong(m, argument, "names a header that another argument has");
    if (m->n == MARKED_MAX)
        return wrong(m, argument, "is on more arguments than can be sent");
    m->names[m->n++] = mark->text;
    return true;
}

/* Recursion is as deep as a pin may nest. */
static bool
walk(struct marks *m, const struct json *schema, struct bytes argument, bool reached, bool top)
{
    bool ok = !json_is(schema, JSON_OBJECT) || check_mark(m, schema, argument, reached && !top);
    for (size_t i = 0; ok && json_is(schema, JSON_OBJECT) && i < sizeof places / sizeof *places; i++) {
        const struct json *at = json_get(schema, places[i].key);
        bool list = json_is(at, JSON_ARRAY), named = places[i].named && json_is(at, JSON_OBJECT);
        if (at && !list && !named)
            ok = walk(m, at, argument, false, false);
        for (const struct json *one = list || named ? at->child : NULL; ok && one; one = one->next)
            ok = walk(m, one, named ? one->key : argument, reached && places[i].reached, false);
    }
    return ok;
}

bool
schema_marks_ok(const struct json *schema, char *why, size_t room)
{
    struct marks m = {.why = why, .room = room};
    why[0] = 0;
    return walk(&m, schema, bytes_make(NULL, 0), true, true);
}
