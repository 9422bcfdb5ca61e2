#include "gate/mcp/mcp.h"

static bool
modern_only(struct bytes key)
{
    return bytes_is(key, META_VERSION) || bytes_is(key, META_CLIENT) || bytes_is(key, META_CAPABILITIES) || bytes_is(key, META_LOG_LEVEL);
}

static void
put_modern_head(struct buf *b, const struct link *l)
{
    json_member_str(b, META_VERSION, MODERN_VERSION);
    json_member_raw(b, META_CLIENT, l->client_info.n ? l->client_info : BYTES("{\"name\":\"writ\",\"version\":\"0.1.0\"}"));
    json_key(b, META_CAPABILITIES);
}

/* For a client of the older era: what it said once is said with each request. It can be asked what it could be asked before (asks.c). */
static void
put_modern_meta(struct buf *b, const struct link *l, const struct session *s)
{
    static const char *const bridged[] = {"sampling", "elicitation", "roots"};
    const struct json *capabilities = rpc_param(&s->client, "capabilities");
    put_modern_head(b, l);
    json_open(b, '{');
    for (size_t i = 0; i < sizeof bridged / sizeof *bridged; i++)
        if (json_is(json_get(capabilities, bridged[i]), JSON_OBJECT))
            json_member_raw(b, bridged[i], json_get(capabilities, bridged[i])->raw);
    json_close(b, '}');
    if (s->level[0])
        json_member_str(b, META_LOG_LEVEL, s->level);
}

static bool
of_rounds(struct bytes key)
{
    return bytes_is(key, "inputResponses") || bytes_is(key, "requestState");
}

/* Every member that neither era owns goes through byte by byte (progressToken, traceparent, vendor keys …). */
static void
put_meta(struct buf *b, const struct link *l, const struct down *d, const struct json *meta)
{
    bool add = l->era == ERA_MODERN && d->session->era == ERA_LEGACY;
    json_open(b, '{');
    for (const struct json *m = meta ? meta->child : NULL; m; m = m->next) {
        if (modern_only(m->key) && (add || l->era == ERA_LEGACY))
            continue;
        json_key_bytes(b, m->key);
        buf_put(b, m->raw);
    }
    if (add)
        put_modern_meta(b, l, d->session);
    json_close(b, '}');
}

void
params_translate(struct buf *b, const struct link *l, const struct down *d, struct bytes arguments)
{
    const struct json *params = d->rpc.params;
    bool same_era = l->era == d->session->era, meta_done = false, arguments_done = arguments.n == 0;
    json_open(b, '{');
    for (const struct json *m = params ? params->child : NULL; m; m = m->next) {
        if (of_rounds(m->key) && !same_era)
            continue;
        json_key_bytes(b, m->key);
        if (bytes_is(m->key, "_meta") && !same_era && m->type == JSON_OBJECT) {
            put_meta(b, l, d, m);
            meta_done = true;
        } else if (bytes_is(m->key, "arguments") && arguments.n) {
            buf_put(b, arguments);
            arguments_done = true;
        } else {
            buf_put(b, m->raw);
        }
    }
    if (!arguments_done)
        json_member_raw(b, "arguments", arguments);
    if (!meta_done && l->era == ERA_MODERN && !same_era) {
        json_key(b, "_meta");
        put_meta(b, l, d, NULL);
    }
    buf_put(b, d->more);
    json_close(b, '}');
}

void
params_own(struct buf *b, const struct link *l, struct bytes cursor)
{
    json_open(b, '{');
    if (cursor.n)
        json_member_text(b, "cursor", cursor);
    if (l->era == ERA_MODERN) {
        json_key(b, "_meta");
        params_own_meta(b, l);
    }
    json_close(b, '}');
}

void
params_own_meta(struct buf *b, const struct link *l)
{
    json_open(b, '{');
    put_modern_head(b, l);
    buf_puts(b, "{\"extensions\":{\"" EXTENSION_TASKS "\":{}}}");
    json_close(b, '}');
}

/* A filtered list may not be shared or kept: it says what this writ may use now. */
void
result_member(struct buf *b, const struct json *m)
{
    json_key_bytes(b, m->key);
    if (!bytes_is(m->key, "_meta") || m->type != JSON_OBJECT) {
        buf_put(b, m->raw);
        return;
    }
    json_open(b, '{');
    for (const struct json *v = m->child; v; v = v->next)
        if (!bytes_starts(v->key, BYTES("writ/"))) {
            json_key_bytes(b, v->key);
            buf_put(b, v->raw);
        }
    json_close(b, '}');
}

void
result_translate(struct buf *b, const struct session *s, const struct json *result, bool list)
{
    bool modern = s->era == ERA_MODERN;
    json_open(b, '{');
    for (const struct json *m = result->child; m; m = m->next) {
        if (list && (bytes_is(m->key, "ttlMs") || bytes_is(m->key, "cacheScope") || bytes_is(m->key, "tools")))
            continue;
        result_member(b, m);
    }
    if (modern && json_get(result, "resultType") == NULL)
        json_member_str(b, "resultType", "complete");
    if (modern && list) {
        json_member_int(b, "ttlMs", 0);
        json_member_str(b, "cacheScope", "private");
    }
    json_close(b, '}');
}
