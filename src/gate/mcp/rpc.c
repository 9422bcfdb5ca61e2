#include "gate/mcp/rpc.h"

static struct err
check_envelope(const struct rpc *m)
{
    if (m->root->type != JSON_OBJECT)
        return err_make(E_PROTOCOL, m->root->type == JSON_ARRAY ? "JSON-RPC batches are not accepted; send one message at a time"
                                                                : "a JSON-RPC message is an object");
    if (!bytes_is(json_text(m->root, "jsonrpc"), "2.0"))
        return err_make(E_PROTOCOL, "\"jsonrpc\" must be \"2.0\"");
    if (m->id && m->id->type != JSON_STRING && m->id->type != JSON_INT)
        return err_make(E_PROTOCOL, "\"id\" must be a string or an integer, not %s", json_type_name(m->id->type));
    if (m->id && m->id->raw.n > 256)
        return err_make(E_LIMIT, "an \"id\" of %zu bytes; at most 256 are accepted", m->id->raw.n);
    if (m->params && m->params->type != JSON_OBJECT)
        return err_make(E_PROTOCOL, "\"params\" must be an object, not %s", json_type_name(m->params->type));
    return err_ok();
}

static struct err
check_kind(struct rpc *m, const struct json *method)
{
    if (method) {
        if (method->type != JSON_STRING || method->text.n == 0 || method->text.n > 128)
            return err_make(E_PROTOCOL, "\"method\" must be a string of 1 to 128 bytes");
        if (m->result || m->error)
            return err_make(E_PROTOCOL, "a message with \"method\" may not carry \"result\" or \"error\"");
        m->method = method->text;
        m->kind = m->id ? RPC_REQUEST : RPC_NOTIFICATION;
        return err_ok();
    }
    if (!m->result == !m->error)
        return err_make(E_PROTOCOL, "a message has a \"method\", or else exactly one of \"result\" and \"error\"");
    if (m->id == NULL)
        return err_make(E_PROTOCOL, "a response needs the \"id\" of its request");
    m->kind = RPC_RESPONSE;
    return err_ok();
}

struct err
rpc_read(struct arena *a, struct bytes text, struct rpc *out)
{
    *out = (struct rpc){0};
    TRY(json_parse(a, text, NULL, &out->root));
    out->id = json_get(out->root, "id");
    out->params = json_get(out->root, "params");
    out->result = json_get(out->root, "result");
    out->error = json_get(out->root, "error");
    TRY(check_envelope(out));
    return check_kind(out, json_get(out->root, "method"));
}

struct json *
rpc_param(const struct rpc *rpc, const char *key)
{
    return json_get(rpc->params, key);
}

struct json *
rpc_meta(const struct rpc *rpc, const char *key)
{
    return json_get(rpc_param(rpc, "_meta"), key);
}

static void
put_head(struct buf *b, struct bytes id)
{
    json_open(b, '{');
    json_member_str(b, "jsonrpc", "2.0");
    if (id.n)
        json_member_raw(b, "id", id);
}

void
rpc_put_request(struct buf *b, struct bytes id, struct bytes method, struct bytes params)
{
    put_head(b, id);
    json_member_text(b, "method", method);
    if (params.n)
        json_member_raw(b, "params", params);
    json_close(b, '}');
}

void
rpc_put_notification(struct buf *b, struct bytes method, struct bytes params)
{
    rpc_put_request(b, (struct bytes){NULL, 0}, method, params);
}

void
rpc_put_result(struct buf *b, struct bytes id, struct bytes result)
{
    buf_expect(b, result.n + id.n + 64);
    put_head(b, id);
    json_member_raw(b, "result", result);
    json_close(b, '}');
}

void
rpc_put_error(struct buf *b, struct bytes id, int code, const char *message, struct bytes data)
{
    put_head(b, id.n ? id : BYTES("null"));
    json_key(b, "error");
    json_open(b, '{');
    json_member_int(b, "code", code);
    json_member_str(b, "message", message);
    if (data.n)
        json_member_raw(b, "data", data);
    json_close(b, '}');
    json_close(b, '}');
}

void
rpc_put_again(struct buf *b, const struct rpc *rpc, struct bytes id)
{
    json_open(b, '{');
    for (const struct json *m = rpc->root->child; m; m = m->next) {
        json_key_bytes(b, m->key);
        buf_put(b, m == rpc->id ? id : m->raw);
    }
    json_close(b, '}');
}
