/* What belongs to no request of the client: notifications both ways, and what the server asks the client. */
#include "gate/mcp/mcp.h"

static void
client_cancelled(struct session *s, const struct rpc *m)
{
    const struct json *id = rpc_param(m, "requestId");
    for (struct down *d = s->downs; d && id; d = d->next) {
        if (!json_equal(d->rpc.id, id))
            continue;
        down_ref(d);
        call_over(d, "cancelled", 0);
        if (s->lines) { /* lines: a cancelled request gets no response */
            struct buf none = buf_make(16);
            d->gone = true;
            down_finish(d, &none);
        } else { /* HTTP: its response stream is still to be ended */
            down_error(d, RPC_INTERNAL, "cancelled by the client", (struct bytes){NULL, 0});
        }
        down_unref(d);
        return;
    }
}

void
session_note(struct session *s, const struct rpc *m)
{
    s->used_ms = s->gate->config.env->now_ms(s->gate->config.env);
    if (s->hub && !s->ended && !bytes_is(m->method, "notifications/cancelled")) {
        hub_note(s, m);
        return;
    }
    if (s->ended || (s->link == NULL && s->hub == NULL) ||
        err_failed(writ_alive(s->gate->config.writs, s->writ, s->gate->snapshot->estate, s->destination)))
        return;
    if (m->kind == RPC_RESPONSE)
        asks_answered(s, m);
    else if (bytes_is(m->method, "notifications/cancelled"))
        client_cancelled(s, m);
    else if (bytes_is(m->method, "notifications/roots/list_changed") && s->link->era == ERA_LEGACY)
        link_notify(s->link, m->method, m->params ? m->params->raw : (struct bytes){NULL, 0});
    /* notifications/initialized was said by the link itself; others have no meaning for a server */
}

/* Some request whose stream may carry a message that names none: the newest that is not finished. */
void
session_tell(struct session *s, struct down *about, struct bytes message)
{
    if (about && !about->gone)
        about->face->send(about, message, false);
    else if (s->push && s->push(s, message))
        return;
    else if (about == NULL && s->downs && !s->downs->gone && s->era == ERA_LEGACY && !s->lines)
        s->downs->face->send(s->downs, message, false);
}

/* The subscription's id is the id of the request that listens; the client knows its own, not the one that went up. */
static void
put_subscription(struct buf *b, const struct rpc *m, struct bytes id)
{
    json_open(b, '{');
    json_member_str(b, "jsonrpc", "2.0");
    json_member_text(b, "method", m->method);
    json_key(b, "params");
    json_open(b, '{');
    for (const struct json *p = m->params->child; p; p = p->next) {
        json_key_bytes(b, p->key);
        if (!bytes_is(p->key, "_meta")) {
            buf_put(b, p->raw);
            continue;
        }
        json_open(b, '{');
        for (const struct json *k = p->child; k; k = k->next) {
            json_key_bytes(b, k->key);
            buf_put(b, bytes_is(k->key, META_SUBSCRIPTION) ? id : k->raw);
        }
        json_close(b, '}');
    }
    json_close(b, '}');
    json_close(b, '}');
}

/* What goes to a client of the newer era belongs to a request of it, or to a stream that it opened to listen. */
static void
note_modern(struct session *s, struct down *about, const struct rpc *m)
{
    if (bytes_is(m->method, "notifications/message"))
        about = logs_for(s, about, m);
    else if (about == NULL)
        listen_note(s, m);
    if (about)
        session_tell(s, about, m->root->raw);
}

bool
note_passes(struct session *s, const struct rpc *m)
{
    if (bytes_is(m->method, "notifications/resources/updated"))
        return subject_hears(s, rpc_param(m, "uri")); /* it was subscribed to when the writ could read it */
    return !bytes_ends(m->method, BYTES("/list_changed")) || view_claimed(s, m->method);
}

void
session_from_server(struct session *s, struct down *about, struct parked *parked, const struct rpc *m)
{
    if (m->kind == RPC_REQUEST) {
        asks_from_server(s, about, parked, m);
    } else if (!note_passes(s, m)) {
        return;
    } else if (bytes_is(m->method, "notifications/cancelled")) {
        asks_withdrawn(s, m);
    } else if (about && rpc_meta(m, META_SUBSCRIPTION)) {
        struct buf b = buf_make(MESSAGE_MAX);
        put_subscription(&b, m, about->rpc.id->raw);
        if (!b.failed)
            session_tell(s, about, buf_bytes(&b));
        buf_free(&b);
    } else if (s->era == ERA_MODERN) {
        note_modern(s, about, m);
    } else if (rpc_meta(m, META_SUBSCRIPTION) == NULL) { /* else it is of a subscription that is over */
        session_tell(s, about, m->root->raw);
    }
}
