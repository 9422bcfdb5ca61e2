/* What a client may ask, by revision, and what is done about it. */
#include "gate/mcp/limit.h"

void
method_answer(struct down *d, const struct rpc *answer)
{
    struct buf b = buf_make(RESULT_MAX);
    bool list = bytes_ends(d->rpc.method, BYTES("/list")) || bytes_is(d->rpc.method, "resources/read"); /* what 2026-07-28 lets clients keep */
    const struct json *type = json_get(answer->result, "resultType");
    if (answer->error && asks_by_error(d, answer->error))
        return;
    if (answer->error) {
        rpc_put_again(&b, answer, d->rpc.id->raw);
        down_finish(d, &b);
        return;
    }
    if (d->session->era == ERA_LEGACY && json_is(type, JSON_STRING) && bytes_is(type->text, "input_required")) {
        buf_free(&b);
        asks_by_result(d, answer->result);
        return;
    }
    if (answer->result->type == JSON_OBJECT)
        result_translate(&b, d->session, answer->result, list);
    else
        buf_put(&b, answer->result->raw);
    if (b.failed)
        down_error(d, RPC_WRIT_UPSTREAM, "the server's answer is too large", (struct bytes){NULL, 0});
    else
        down_result(d, buf_bytes(&b));
    buf_free(&b);
}

void
method_pass(struct down *d, void (*answer)(struct down *d, const struct rpc *answer))
{
    struct buf params = buf_make(MESSAGE_MAX);
    if (park_resume(d))
        return;
    params_translate(&params, d->session->link, d, (struct bytes){NULL, 0});
    struct err e = params.failed ? err_make(E_LIMIT, "the request is too large") : link_request(d->session->link, d, buf_bytes(&params), answer);
    buf_free(&params);
    if (err_failed(e))
        down_fail(d, e);
}

static void
take_ping(struct down *d)
{
    down_result(d, BYTES("{}"));
}

static void
take_level(struct down *d)
{
    if (!logs_level(d->session, json_text(d->rpc.params, "level")))
        down_error(d, RPC_INVALID_PARAMS, "there is no such level", (struct bytes){NULL, 0});
    else if (d->session->link->era == ERA_LEGACY)
        method_pass(d, method_answer);
    else
        down_result(d, BYTES("{}")); /* goes with each request from now on */
}

static const struct json *
capabilities(const struct link *l)
{
    return json_get(l->start, "capabilities");
}

/* As it was pinned: names and texts that nobody accepted reach no client. */
static void
put_server(struct buf *b, const struct link *l)
{
    const struct json *info = link_server_info(l);
    if (info)
        canonical_put(b, info, -1); /* a pin stands on many lines, a message on one */
    else
        buf_puts(b, "{\"name\":\"unknown\",\"version\":\"0\"}");
}

static void
put_instructions(struct buf *b, const struct link *l)
{
    const struct json *instructions = link_instructions(l);
    if (instructions)
        json_member_raw(b, "instructions", instructions->raw);
}

/* All that the server said, but what is pinned. */
static void
put_initialized(struct buf *b, const struct link *l)
{
    json_open(b, '{');
    for (const struct json *m = l->start->child; m; m = m->next) {
        if (bytes_is(m->key, "serverInfo") || bytes_is(m->key, "instructions"))
            continue;
        json_key_bytes(b, m->key);
        buf_put(b, m->raw);
    }
    json_key(b, "serverInfo");
    put_server(b, l);
    put_instructions(b, l);
    json_close(b, '}');
}

/* What the server said of itself when the link started, in the words of the client's era. */
static void
take_initialize(struct down *d)
{
    const struct link *l = d->session->link;
    struct buf b = buf_make(MESSAGE_MAX);
    if (l->era == ERA_LEGACY) {
        put_initialized(&b, l);
        down_result(d, buf_bytes(&b));
        buf_free(&b);
        return;
    }
    struct bytes asked = json_text(d->rpc.params, "protocolVersion");
    bool known = bytes_is(asked, "2025-06-18") || bytes_is(asked, "2025-03-26");
    json_open(&b, '{');
    json_member_text(&b, "protocolVersion", known ? asked : BYTES(LEGACY_VERSION));
    json_member_raw(&b, "capabilities", capabilities(l) ? capabilities(l)->raw : BYTES("{}"));
    json_key(&b, "serverInfo");
    put_server(&b, l);
    put_instructions(&b, l);
    json_close(&b, '}');
    down_result(d, buf_bytes(&b));
    buf_free(&b);
}

static void
take_discover(struct down *d)
{
    const struct link *l = d->session->link;
    struct buf b = buf_make(MESSAGE_MAX);
    json_open(&b, '{');
    json_member_raw(&b, "supportedVersions", BYTES("[\"" MODERN_VERSION "\"]"));
    json_member_raw(&b, "capabilities", capabilities(l) ? capabilities(l)->raw : BYTES("{}"));
    put_instructions(&b, l);
    json_member_str(&b, "resultType", "complete");
    json_member_int(&b, "ttlMs", 0);
    json_member_str(&b, "cacheScope", "private");
    json_key(&b, "_meta");
    json_open(&b, '{');
    json_key(&b, META_SERVER);
    put_server(&b, l);
    json_close(&b, '}');
    json_close(&b, '}');
    down_result(d, buf_bytes(&b));
    buf_free(&b);
}

#define LEGACY 1
#define MODERN 2
#define RATED 4  /* counts in its agent's rates */
#define PLACED 8 /* … and takes a place while it is under way. Calls of tools see to themselves */

static const struct method {
    const char *name;
    int eras;
    void (*take)(struct down *d);
} methods[] = {
    {"initialize", LEGACY | RATED, take_initialize},
    {"server/discover", MODERN | RATED, take_discover},
    {"ping", LEGACY, take_ping},
    {"tools/list", LEGACY | MODERN | RATED | PLACED, list_tools_take},
    {"tools/call", LEGACY | MODERN, call_take},
    {"resources/list", LEGACY | MODERN | RATED | PLACED, list_items_take},
    {"resources/templates/list", LEGACY | MODERN | RATED | PLACED, list_items_take},
    {"resources/read", LEGACY | MODERN | RATED | PLACED, subject_take},
    {"resources/subscribe", LEGACY | RATED | PLACED, subject_take},
    {"resources/unsubscribe", LEGACY | RATED | PLACED, subject_take},
    {"prompts/list", LEGACY | MODERN | RATED | PLACED, list_items_take},
    {"prompts/get", LEGACY | MODERN | RATED | PLACED, subject_take},
    {"completion/complete", LEGACY | MODERN | RATED | PLACED, subject_complete},
    {"logging/setLevel", LEGACY | RATED | PLACED, take_level},
    {"subscriptions/listen", MODERN | RATED, listen_take},
    {"tasks/get", MODERN | RATED | PLACED, tasks_take},
    {"tasks/update", MODERN | RATED | PLACED, tasks_take},
    {"tasks/cancel", MODERN | RATED | PLACED, tasks_take},
};

static const struct method *
find_method(const struct session *s, struct bytes name)
{
    int era = s->era == ERA_MODERN ? MODERN : LEGACY;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if ((methods[i].eras & era) && bytes_is(name, methods[i].name))
            return &methods[i];
    return NULL;
}

bool
method_known(const struct session *s, struct bytes name)
{
    return find_method(s, name) != NULL;
}

/* What is read again and again is read of one resource, or one prompt with the same arguments. */
static bool
within_limits(struct down *d, const struct method *m)
{
    bool read = bytes_is(d->rpc.method, "resources/read"), prompt = bytes_is(d->rpc.method, "prompts/get");
    struct bytes name = read ? BYTES("@resources") : prompt ? BYTES("@prompts") : d->rpc.method;
    if (!limit_rate(d, name, NULL))
        return false;
    if (read && !limit_repeats(d, name, rpc_param(&d->rpc, "uri"), NULL))
        return false;
    if (prompt && !limit_repeats(d, json_text(d->rpc.params, "name"), rpc_param(&d->rpc, "arguments"), NULL))
        return false;
    d->counted = true;
    return !(m->eras & PLACED) || limit_place(d, name, NULL);
}

void
method_take(struct down *d)
{
    const struct method *m = find_method(d->session, d->rpc.method);
    if ((m->eras & RATED) && !within_limits(d, m))
        return;
    if (m->take != call_take && m->take != listen_take) /* a call has its destination's deadline, a subscription none */
        down_deadline(d, PASS_MS);
    m->take(d); /* found before the link was started */
}

void
method_again(struct down *d)
{
    find_method(d->session, d->rpc.method)->take(d);
}
