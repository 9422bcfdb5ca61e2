/*
 * A call that needs an account which a person has not connected: where the client can show a link (elicitation in its URL mode), it is given
 * one to show; else the error says what the person can do. The link is no secret: it serves the person's own browser only.
 */
#include "gate/mcp/mcp.h"

#define CONSENT_KEY "writ-connect"
#define RPC_URL_ELICITATION (-32042) /* 2025-11-25: URLElicitationRequired */

static bool
shows_links(const struct down *d)
{
    const struct session *s = d->session;
    const struct json *all = s->era == ERA_MODERN ? rpc_meta(&d->rpc, META_CAPABILITIES)
                             : s->client.root     ? rpc_param(&s->client, "capabilities")
                                                  : NULL;
    return json_get(json_get(all, "elicitation"), "url") != NULL;
}

static void
put_elicitation(struct buf *b, const struct session *s, const char *url)
{
    struct buf text = buf_make(1024);
    buf_printf(&text, "%s needs %s's permission. Open this link in %s's own browser.", s->destination, s->writ->on_behalf_of, s->writ->on_behalf_of);
    json_open(b, '{');
    json_member_str(b, "mode", "url");
    json_member_str(b, "elicitationId", strrchr(url, '/') + 1);
    json_member_str(b, "url", url);
    json_member_text(b, "message", buf_bytes(&text));
    json_close(b, '}');
    buf_free(&text);
}

static void
answer_modern(struct down *d, const char *url)
{
    struct buf b = buf_make(8192);
    json_open(&b, '{');
    json_member_str(&b, "resultType", "input_required");
    json_key(&b, "inputRequests");
    json_open(&b, '{');
    json_key(&b, CONSENT_KEY);
    json_open(&b, '{');
    json_member_str(&b, "method", "elicitation/create");
    json_key(&b, "params");
    put_elicitation(&b, d->session, url);
    json_close(&b, '}');
    json_close(&b, '}');
    json_close(&b, '}');
    down_result(d, buf_bytes(&b));
    buf_free(&b);
}

static void
answer_error(struct down *d, struct err e, const char *url, int code, bool elicitation)
{
    struct buf data = buf_make(8192), text = buf_make(2048);
    json_open(&data, '{');
    json_member_str(&data, "code", err_name(e.code));
    json_member_str(&data, "url", url);
    if (elicitation) {
        json_key(&data, "elicitations");
        json_open(&data, '[');
        json_item(&data);
        put_elicitation(&data, d->session, url);
        json_close(&data, ']');
    }
    json_close(&data, '}');
    buf_printf(&text, "%s, or open %s in %s's own browser", e.text, url, d->session->writ->on_behalf_of);
    down_error(d, code, buf_text(&text), buf_bytes(&data));
    buf_free(&text);
    buf_free(&data);
}

static bool
may_ask(const struct down *d)
{
    static const char *const methods[] = {"tools/call", "prompts/get", "resources/read"};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (bytes_is(d->rpc.method, methods[i]))
            return true;
    return false;
}

bool
consent_answer(struct down *d, struct err e)
{
    struct session *s = d->session;
    struct gate *g = s->gate;
    char url[CREDS_URL_MAX];
    const struct destination *to = estate_destination(g->snapshot->estate, s->destination);
    if (to == NULL || err_failed(creds_consent(g->config.creds, to, s->writ->on_behalf_of, s->writ->agent->id, url)))
        return false;
    if (shows_links(d) && s->era == ERA_MODERN && may_ask(d))
        answer_modern(d, url);
    else
        answer_error(d, e, url, shows_links(d) && s->era == ERA_LEGACY ? RPC_URL_ELICITATION : RPC_WRIT_REFUSED,
                     shows_links(d) && s->era == ERA_LEGACY);
    return true;
}
