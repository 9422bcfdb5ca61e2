/*
 * What the mapping to Cedar types only approximates. The official generator passes over it without a word; here it is refused with the
 * reason unless the caller asked for that. Keywords that only narrow a value of a known type (minimum, pattern, const …) are no matter: the
 * Cedar type holds every value that they let pass.
 */
#include "cedar/mcp_schema.h"

/* Keywords that can give an object members which "properties" does not declare, or another type than "type" says. */
static bool
only_what_is_read(struct mcp *m, const struct mcp_at *at, const struct json *schema, bool typed)
{
    static const char *const always[] = {"allOf",       "patternProperties", "if", "dependentSchemas", "unevaluatedProperties",
                                         "$dynamicRef", "$recursiveRef"};
    static const char *const beside_type[] = {"anyOf", "oneOf", "$ref"};
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        if (json_get(schema, always[i]))
            return mcp_refuse(m, at, "%s can change which members there are; Cedar has no type for that", always[i]);
    for (size_t i = 0; typed && i < sizeof beside_type / sizeof *beside_type; i++)
        if (json_get(schema, beside_type[i]))
            return mcp_refuse(m, at, "%s beside a type is a second description of the same value; Cedar has no type for both", beside_type[i]);
    return true;
}

static bool
exact_object(struct mcp *m, const struct mcp_at *at, const struct json *schema, const struct mcp_type *type)
{
    const struct json *further = json_get(schema, "additionalProperties");
    if (!only_what_is_read(m, at, schema, true))
        return false;
    if (further && further->type == JSON_BOOL && further->truth)
        return mcp_refuse(m, at, "additionalProperties: members of any name and type have no Cedar type; give them a schema, or say false");
    if (type->parts.n == 0 && type->further == NULL && further == NULL)
        return mcp_refuse(m, at, "an object of which nothing is declared has no Cedar type");
    return true;
}

/* The JSON types of a value of ${type}, a bit each; all of them for what is not known here. */
static unsigned
json_types(const struct mcp_type *type)
{
    switch (type->kind) {
    case MCP_BOOL:
        return 1u << JSON_BOOL;
    case MCP_INTEGER:
    case MCP_FLOAT:
    case MCP_NUMBER:
        return 1u << JSON_NUMBER;
    case MCP_NULL:
        return 1u << JSON_NULL;
    case MCP_ARRAY:
    case MCP_TUPLE:
        return 1u << JSON_ARRAY;
    case MCP_OBJECT:
        return 1u << JSON_OBJECT;
    case MCP_UNKNOWN:
    case MCP_UNION:
    case MCP_REF:
        return ~0u;
    default:
        return 1u << JSON_STRING;
    }
}

/* A union can be told apart only when each choice has JSON types of its own. */
static bool
exact_union(struct mcp *m, const struct mcp_at *at, const struct mcp_type *type)
{
    unsigned seen = 0;
    for (size_t i = 0; i < type->parts.n; i++) {
        unsigned types = json_types(type->parts.at[i].type);
        if (seen & types)
            return mcp_refuse(m, at, "choice %zu cannot be told from the ones before it by its JSON type, so no value has one place in Cedar", i);
        seen |= types;
    }
    return true;
}

static bool
exact_tuple(struct mcp *m, const struct mcp_at *at, const struct json *schema, const struct mcp_type *type)
{
    const struct json *least = json_get(schema, "minItems");
    if (type->parts.n == 0 || (json_is(least, JSON_INT) && least->number >= (int64_t)type->parts.n))
        return true;
    return mcp_refuse(m, at, "the list may have fewer than its %zu items (no minItems), and a Cedar record may not", type->parts.n);
}

/* Formats (OpenAPI's registry) of numbers that no Cedar type holds. */
static bool
exact_number(struct mcp *m, const struct mcp_at *at, const struct json *schema, const struct mcp_type *type)
{
    static const char *const wide[] = {"uint64", "uint128", "int128"}, *const floating[] = {"float", "double", "decimal128", "half"};
    struct bytes format = json_text(schema, "format");
    for (size_t i = 0; type->kind == MCP_INTEGER && i < sizeof wide / sizeof *wide; i++)
        if (bytes_is(format, wide[i]))
            return mcp_refuse(m, at, "format %s: a Cedar Long has 64 bits with a sign", wide[i]);
    for (size_t i = 0; type->kind != MCP_INTEGER && !m->options.numbers_opaque && i < sizeof floating / sizeof *floating; i++)
        if (bytes_is(format, floating[i]))
            return mcp_refuse(m, at, "format %s: a Cedar decimal has four digits behind the point", floating[i]);
    return true;
}

static bool
exact_enum(struct mcp *m, const struct mcp_at *at, const struct mcp_type *type)
{
    if (type->variants->count > 1000)
        return mcp_refuse(m, at, "enum: more than 1000 texts");
    for (const struct json *v = type->variants->child; v; v = v->next)
        for (const struct json *o = v->next; o; o = o->next)
            if (bytes_eq(v->text, o->text))
                return mcp_refuse(m, at, "enum: '%.*s' stands twice", BYTES_CUT(v->text, 60));
    return true;
}

bool
mcp_exact_type(struct mcp *m, const struct mcp_at *at, const struct json *schema, const struct mcp_type *type)
{
    if (m->options.lossy)
        return true;
    switch (type->kind) {
    case MCP_UNKNOWN:
        return mcp_refuse(m, at, "a value of any type has no Cedar type");
    case MCP_INTEGER:
    case MCP_FLOAT:
    case MCP_NUMBER:
        return exact_number(m, at, schema, type);
    case MCP_ENUM:
        return exact_enum(m, at, type);
    case MCP_ARRAY:
        return type->parts.at->type->kind != MCP_UNKNOWN || mcp_refuse(m, at, "a list of values of any type has no Cedar type");
    case MCP_TUPLE:
        return exact_tuple(m, at, schema, type);
    case MCP_UNION:
        return only_what_is_read(m, at, schema, false) && exact_union(m, at, type);
    case MCP_OBJECT:
        return exact_object(m, at, schema, type);
    default:
        return true;
    }
}

bool
mcp_exact_parameters(struct mcp *m, const struct mcp_at *at, const struct json *schema)
{
    const struct json *further = json_get(schema, "additionalProperties");
    if (m->options.lossy)
        return true;
    if (further && (further->type != JSON_BOOL || further->truth))
        return mcp_refuse(m, at, "additionalProperties: arguments of any name have no place in a Cedar record");
    return only_what_is_read(m, at, schema, true);
}
