/*
 * Which parts of a result outsiders wrote: the page that was fetched, the body of an issue, the text of a mail. Looked for by name, since servers put the
 * same data now into structuredContent, now as JSON into a text.
 */
#include "estate/fields.h"

#include <stdio.h>

#define PART_NAMES_MAX 8u
#define PART_BYTES_MAX 200u
#define DEPTH_MAX 64u /* the JSON reader's default bound */

static bool
name_byte(uint8_t c)
{
    return c > 0x20 && c != '.' && c != 0x7f && c != '*';
}

/* "*", or up to PART_NAMES_MAX names with points between them. */
bool
outsider_part_ok(struct bytes text)
{
    size_t names = 1, here = 0;
    if (bytes_is(text, "*"))
        return true;
    for (size_t i = 0; i < text.n; i++) {
        if (text.at[i] == '.' && here == 0)
            return false;
        if (text.at[i] == '.') {
            names++;
            here = 0;
        } else if (!name_byte(text.at[i])) {
            return false;
        } else {
            here++;
        }
    }
    return here > 0 && names <= PART_NAMES_MAX && text.n <= PART_BYTES_MAX;
}

void
outsiders_check(struct loader *l, const struct yaml *y, const char *path, const char **parts)
{
    for (; parts && *parts; parts++)
        if (!outsider_part_ok(bytes_str(*parts)))
            refuse(l, y, path, "'%.60s' is no part of a result; write names of members with points between them, or \"*\"", *parts);
}

/* Is there anything in it that text could stand in? Numbers and truth say nothing in an outsider's words. */
static bool
says_something(const struct json *v)
{
    return (v->type == JSON_STRING && bytes_trim(v->text).n) || ((v->type == JSON_OBJECT || v->type == JSON_ARRAY) && v->count);
}

/* Lists are passed through. ${depth} bounds the recursion; the JSON reader has bounded it already. */
static bool
has_part(const struct json *v, struct bytes part, unsigned depth)
{
    if (depth == 0)
        return true;
    if (v->type == JSON_ARRAY) {
        for (const struct json *m = v->child; m; m = m->next)
            if (has_part(m, part, depth - 1))
                return true;
        return false;
    }
    if (part.n == 0)
        return says_something(v);
    struct bytes name = bytes_split(&part, '.');
    const struct json *m = json_find(v, name);
    return m && has_part(m, part, depth - 1);
}

/* A block of content: a text that is JSON is looked into; whatever else there is may hold anything. */
static bool
block_has(const struct json *block, struct bytes part, struct arena *a)
{
    static const struct json_limits limits = {.bytes = (size_t)64 << 20, .depth = DEPTH_MAX, .nodes = 2000000};
    struct bytes text = json_text(block, "text");
    struct json *inner;
    if (!bytes_is(json_text(block, "type"), "text"))
        return true;
    if (bytes_trim(text).n == 0)
        return false;
    if (err_failed(json_parse(a, text, &limits, &inner)) || (inner->type != JSON_OBJECT && inner->type != JSON_ARRAY))
        return true;
    return has_part(inner, part, DEPTH_MAX);
}

static bool
result_has(const struct json *result, struct bytes part, struct arena *a)
{
    const struct json *content = json_get(result, "content"), *structured = json_get(result, "structuredContent"),
                      *error = json_get(result, "isError");
    if (bytes_is(part, "*") || (json_is(error, JSON_BOOL) && error->truth))
        return true;
    if (structured && has_part(structured, part, DEPTH_MAX))
        return true;
    for (const struct json *block = content ? content->child : NULL; block; block = block->next)
        if (block_has(block, part, a))
            return true;
    return content == NULL && structured == NULL; /* of a shape that is not known */
}

const char *
outsiders_in(const char *const *parts, const struct json *result, struct arena *a)
{
    for (; *parts; parts++)
        if (result_has(result, bytes_str(*parts), a))
            return *parts;
    return NULL;
}
