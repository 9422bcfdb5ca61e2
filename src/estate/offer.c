/* What a server offers: its items, their names and digests. */
#include "estate/pin.h"

const char *const item_kind_names[] = {"server", "version", "instructions", "tool", "prompt", "template", NULL};
static const char *const list_names[ITEM_KINDS] = {[ITEM_TOOL] = "tools", [ITEM_PROMPT] = "prompts", [ITEM_TEMPLATE] = "resource_templates"};

const char *
offer_list_name(enum item_kind kind)
{
    return list_names[kind];
}

const struct json *
offer_list(const struct json *offer, enum item_kind kind)
{
    const struct json *list = offer_list_name(kind) ? json_get(offer, offer_list_name(kind)) : NULL;
    return json_is(list, JSON_ARRAY) ? list : NULL;
}

struct bytes
item_name(enum item_kind kind, const struct json *item)
{
    return json_text(item, kind == ITEM_TEMPLATE ? "uriTemplate" : "name");
}

/* A tool's name that grants ("*", "@resources"), terminals or policies could take for something else is refused. */
bool
item_name_ok(enum item_kind kind, struct bytes name)
{
    if (kind != ITEM_TOOL)
        return name.n > 0 && name.n <= NAME_MAX_OTHER;
    if (name.n == 0 || name.n > TOOL_NAME_MAX || name.at[0] == '@' || name.at[0] == '*')
        return false;
    for (size_t i = 0; i < name.n; i++)
        if (name.at[i] <= 0x20 || name.at[i] >= 0x7f || name.at[i] == '"' || name.at[i] == '\\')
            return false;
    return true;
}

struct err
item_digest(const struct json *item, uint8_t out[32])
{
    return canonical_digest(item, NULL, out);
}

struct err
tool_digest(const struct json *tool, uint8_t out[32])
{
    return canonical_digest(tool, NULL, out);
}

struct err
server_digest(const struct json *server, bool with_reached, uint8_t out[32])
{
    uint8_t info[32] = {0}, reached[32] = {0};
    struct arena a = {0};
    struct json *both;
    struct buf b = buf_make(1024);
    if (json_get(server, "info"))
        TRY(canonical_digest(json_get(server, "info"), "version", info));
    if (with_reached && json_get(server, "reached"))
        TRY(canonical_digest(json_get(server, "reached"), NULL, reached));
    buf_puts(&b, "{\"info\":\"");
    buf_hex(&b, bytes_make(info, 32));
    buf_puts(&b, "\",\"reached\":\"");
    buf_hex(&b, bytes_make(reached, 32));
    buf_puts(&b, "\"}");
    struct err e = b.failed ? err_make(E_MEMORY, "no memory for a digest") : json_parse(&a, buf_bytes(&b), NULL, &both);
    if (!err_failed(e))
        e = canonical_digest(both, NULL, out);
    arena_free(&a);
    buf_free(&b);
    return e;
}
