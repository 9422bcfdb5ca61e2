#include "gate/mcp/headers.h"

#include "gate/mcp/mcp.h"

#define DEPTH_MAX 16 /* of properties in properties */

/* ---------------------------------------------------------------------------------------------------------- values */

static const struct {
    const char *method, *key;
} named[] = {{"tools/call", "name"},  {"prompts/get", "name"},    {"resources/read", "uri"},
             {"tasks/get", "taskId"}, {"tasks/update", "taskId"}, {"tasks/cancel", "taskId"}};

struct bytes
headers_name(const struct rpc *m)
{
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (bytes_is(m->method, named[i].method))
            return json_text(m->params, named[i].key);
    return (struct bytes){NULL, 0};
}

static bool
is_sentinel(struct bytes v)
{
    return v.n >= 11 && bytes_starts(v, BYTES("=?base64?")) && bytes_ends(v, BYTES("?="));
}

struct bytes
headers_value(struct arena *a, struct bytes v)
{
    bool plain = v.n > 0 && v.at[0] != ' ' && v.at[v.n - 1] != ' ' && !is_sentinel(v);
    for (size_t i = 0; i < v.n; i++)
        plain &= v.at[i] >= 0x20 && v.at[i] < 0x7f;
    if (plain)
        return v;
    struct buf b = buf_make(v.n * 2 + 64);
    buf_puts(&b, "=?base64?");
    buf_base64(&b, v);
    buf_puts(&b, "?=");
    struct bytes copy = b.failed ? (struct bytes){NULL, 0} : arena_copy(a, buf_bytes(&b));
    buf_free(&b);
    return copy;
}

static bool
says(struct bytes header, struct bytes value)
{
    if (!is_sentinel(header))
        return bytes_eq(header, value);
    struct bytes inner = bytes_sub(header, 9, header.n - 11);
    struct arena a = {0};
    size_t n;
    uint8_t *room = arena_get(&a, inner.n + 4);
    bool same = room && bytes_unbase64(inner, room, &n) && bytes_eq(bytes_make(room, n), value);
    arena_free(&a);
    return same;
}

/* ------------------------------------------------------------------------------------------------ marked arguments */

/* An argument that its tool wants in a header: x-mcp-header at a property that is reached through "properties" alone. */
struct marked {
    struct bytes name;        /* behind Mcp-Param- */
    const struct json *value; /* NULL: not given, or null */
};
typedef bool marked_fn(void *ctx, struct marked m);

static bool
each_marked(const struct json *schema, const struct json *given, unsigned depth, marked_fn *fn, void *ctx)
{
    const struct json *properties = json_get(schema, "properties");
    for (const struct json *p = json_is(properties, JSON_OBJECT) ? properties->child : NULL; p; p = p->next) {
        const struct json *value = json_is(given, JSON_OBJECT) ? json_find(given, p->key) : NULL;
        struct bytes name = json_text(p, "x-mcp-header");
        if (name.n && !fn(ctx, (struct marked){name, json_is(value, JSON_NULL) ? NULL : value}))
            return false;
        if (depth < DEPTH_MAX && !each_marked(p, value, depth + 1, fn, ctx))
            return false;
    }
    return true;
}

static struct bytes
as_text(const struct json *v)
{
    return v->type == JSON_STRING ? v->text : v->raw;
}

/* -------------------------------------------------------------------------------------------------------- checking */

static struct err
mismatch(const char *what)
{
    return err_make(E_PROTOCOL, "%s", what);
}

struct search {
    struct bytes header; /* at == NULL: any */
    const struct http_headers *headers;
    bool found;
};

static bool
is_this(void *ctx, struct marked m)
{
    struct search *s = ctx;
    s->found |= bytes_same_case(m.name, s->header) && m.value;
    return !s->found;
}

static bool
is_said(void *ctx, struct marked m)
{
    const struct search *s = ctx;
    char name[160];
    snprintf(name, sizeof name, "mcp-param-%.*s", BYTES_CUT(m.name, 140));
    size_t n = http_header_count(s->headers, name);
    return m.value ? n == 1 && says(http_header(s->headers, name), as_text(m.value)) : n == 0;
}

/* They go on to the server, which may act on them: every one that is there says what the body says, and none is missing (law 8). */
static struct err
check_params(const struct rpc *m, const struct http_headers *h, const struct tool *tool)
{
    const struct json *schema = tool ? json_get(tool->pin, "inputSchema") : NULL, *given = rpc_param(m, "arguments");
    for (size_t i = 0; i < h->n; i++) {
        struct bytes name = h->list[i].name;
        if (name.n <= 10 || !bytes_same_case(bytes_sub(name, 0, 10), BYTES("Mcp-Param-")))
            continue;
        struct search s = {.header = bytes_sub(name, 10, name.n)};
        each_marked(schema, given, 0, is_this, &s);
        if (!s.found)
            return mismatch("an Mcp-Param header says what the body's arguments do not");
    }
    struct search all = {.headers = h};
    return each_marked(schema, given, 0, is_said, &all) ? err_ok()
                                                        : mismatch("an Mcp-Param header and the body's argument differ, or one is missing");
}

struct err
headers_check(const struct rpc *m, const struct http_headers *h, const struct tool *tool)
{
    static const char *const once[] = {"mcp-method", "mcp-name", "mcp-protocol-version"};
    const struct json *version = rpc_meta(m, META_VERSION);
    struct bytes name = headers_name(m);
    if (!json_is(version, JSON_STRING) || !bytes_eq(http_header(h, "mcp-protocol-version"), version->text))
        return mismatch("MCP-Protocol-Version and the body's protocolVersion differ");
    if (!bytes_eq(http_header(h, "mcp-method"), m->method))
        return mismatch("Mcp-Method and the body's method differ");
    if (name.at && (http_header_count(h, "mcp-name") == 0 || !says(http_header(h, "mcp-name"), name)))
        return mismatch("Mcp-Name and the body's name differ");
    for (size_t i = 0; i < 3; i++)
        if (http_header_count(h, once[i]) > 1)
            return mismatch("a header that routes stands twice");
    return check_params(m, h, tool);
}

/* ---------------------------------------------------------------------------------------------------------- making */

struct making {
    struct arena *a;
    struct http_header *list;
    size_t max, *n;
    struct err e;
};

static bool
make(void *ctx, struct marked m)
{
    struct making *t = ctx;
    if (m.value == NULL)
        return true;
    if (*t->n >= t->max || m.name.n > 128) {
        t->e = err_make(E_LIMIT, "the tool wants more arguments in headers than can be sent");
        return false;
    }
    const char *name = arena_printf(t->a, "Mcp-Param-%.*s", BYTES_CUT(m.name, 128));
    struct bytes value = headers_value(t->a, as_text(m.value));
    if (name == NULL || value.at == NULL) {
        t->e = err_make(E_MEMORY, "no memory for a header");
        return false;
    }
    t->list[(*t->n)++] = (struct http_header){bytes_str(name), value};
    return true;
}

struct err
headers_params(const struct tool *tool, const struct json *arguments, struct arena *a, struct http_header *list, size_t max, size_t *n)
{
    struct making t = {a, list, max, n, err_ok()};
    each_marked(json_get(tool->pin, "inputSchema"), arguments, 0, make, &t);
    return t.e;
}
