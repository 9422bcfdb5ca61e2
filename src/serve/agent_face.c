/* agent.sock: a proven agent turns its connection into MCP lines under a writ of its own (docs/protocol/local.md). */
#include <stdio.h>
#include <stdlib.h>

#include "serve/inner.h"

struct shim {
    struct serve *serve;
    struct http_exchange *x; /* until the upgrade */
    struct net_stream *stream;
    struct lines *lines;
    struct writ *writ;
    struct peer_proof proof;
    struct resolved who;
    char agent[65], task[65], destination[65];
    char purpose[2001];
    bool gone, refused;
};

static void
shim_free(struct shim *h)
{
    peer_proof_free(&h->proof);
    if (h->writ)
        writ_unref(h->serve->writs, h->writ);
    free(h);
}

static void
stream_bytes(struct net_stream *st, struct bytes part, void *ctx)
{
    struct shim *h = ctx;
    (void)st;
    if (h->lines)
        lines_feed(h->lines, part);
}

static void
stream_closed(struct net_stream *st, void *ctx)
{
    struct shim *h = ctx;
    (void)st;
    h->stream = NULL;
    h->gone = true;
    if (h->lines)
        lines_end(h->lines);
    h->lines = NULL;
    if (h->writ)
        writ_close(h->serve->writs, h->writ, WRIT_COMPLETED, "its client ended the session", "agent", NULL, NULL);
    shim_free(h);
}

static bool
write_line(void *ctx, struct bytes line)
{
    struct shim *h = ctx;
    if (h->stream == NULL)
        return true;
    bool room = net_stream_write(h->stream, line);
    if (net_stream_queued(h->stream) > ((size_t)32 << 20)) /* what was under way when it stopped reading is too much */
        net_stream_close(h->stream);
    return room;
}

static void
stream_drained(struct net_stream *st, void *ctx)
{
    struct shim *h = ctx;
    (void)st;
    if (h->lines)
        lines_drained(h->lines);
}

static void
hold(void *ctx, bool on)
{
    struct shim *h = ctx;
    if (h->stream)
        net_stream_pause(h->stream, on);
}

static struct err
open_writ(struct shim *h, writ_opened *done)
{
    struct serve *s = h->serve;
    struct snapshot *snap = serve_snapshot(s);
    const struct task *task;
    struct err e = agent_resolve(snap->estate, &h->proof, h->agent, &h->who);
    if (!err_failed(e))
        e = agent_task(h->who.agent, snap->estate, h->task, &task);
    if (!err_failed(e)) {
        struct writ_request r = {.estate = snap->estate,
                                 .agent = h->who.agent,
                                 .task = task,
                                 .proof = &h->proof,
                                 .strength = h->who.strength,
                                 .why = h->who.why,
                                 .purpose = bytes_str(h->purpose),
                                 .by = BY_AGENT,
                                 .on_behalf_of = h->who.agent->acts_for && h->who.agent->acts_for->active ? h->who.agent->acts_for->id : "",
                                 .session = "lines"};
        e = writ_open(s->writs, &r, done, h);
    }
    snapshot_unref(snap);
    return e;
}

static void
reopened(struct err e, struct writ *writ, void *ctx)
{
    struct shim *h = ctx;
    if (h->gone) {
        if (writ) {
            writ_close(h->serve->writs, writ, WRIT_COMPLETED, "its client ended the session", "agent", NULL, NULL);
            writ_unref(h->serve->writs, writ);
        }
        shim_free(h);
        return;
    }
    if (writ) {
        writ_unref(h->serve->writs, h->writ);
        h->writ = writ;
    }
    lines_rebind(h->lines, writ, e);
}

static void
reopen(void *ctx, struct lines *l)
{
    struct shim *h = ctx;
    struct err e = process_alive(&h->proof.chain[0]) ? open_writ(h, reopened) : err_make(E_PROOF, "the process that was proven has ended");
    if (err_failed(e))
        lines_rebind(l, NULL, e);
}

static void
opened(struct err e, struct writ *writ, void *ctx)
{
    struct shim *h = ctx;
    struct serve *s = h->serve;
    if (h->x == NULL) { /* the client left meanwhile */
        if (writ) {
            writ_close(s->writs, writ, WRIT_COMPLETED, "its client left before it began", "agent", NULL, NULL);
            writ_unref(s->writs, writ);
        }
        shim_free(h);
        return;
    }
    h->writ = writ;
    if (!err_failed(e))
        e = lines_open(s->gate, writ, h->destination, write_line, h, &h->lines);
    struct http_exchange *x = h->x;
    if (err_failed(e)) {
        if (writ)
            writ_close(s->writs, writ, WRIT_COMPLETED, "its client asked for what is not there", "agent", NULL, NULL);
        h->refused = true;
        http_problem(x, e);
        return;
    }
    lines_on_reopen(h->lines, reopen);
    h->x = NULL;
    h->stream = http_upgrade(x, "mcp-lines", stream_bytes, stream_closed, h);
    if (h->stream) {
        net_stream_on_drain(h->stream, stream_drained);
        lines_on_hold(h->lines, hold);
        return;
    }
    lines_end(h->lines);
    h->lines = NULL;
    writ_close(s->writs, writ, WRIT_COMPLETED, "its client asked for no upgrade", "agent", NULL, NULL);
    h->refused = true;
    http_problem(x, err_make(E_USAGE, "ask for Connection: Upgrade and Upgrade: mcp-lines, without a body"));
}

static void
ended(struct http_exchange *x, bool aborted)
{
    struct shim *h = http_exchange_data(x);
    (void)aborted;
    if (h == NULL || h->stream)
        return;
    if (h->refused)
        shim_free(h);
    else
        h->x = NULL; /* opened() is still to come, or the stream has taken over */
}

/* Whole or not at all: a part of a name is another name; of two, nobody knows which counts. */
static struct err
header_text(const struct http_request *r, const char *name, char *to, size_t room)
{
    struct bytes v = http_header(&r->headers, name);
    if (v.n >= room || http_header_count(&r->headers, name) > 1)
        return err_make(E_USAGE, "%s must stand once, with at most %zu bytes", name, room - 1);
    snprintf(to, room, "%.*s", BYTES_CUT(v, room - 1));
    return err_ok();
}

static struct err
read_request(struct shim *h, const struct http_request *r)
{
    static const char prefix[] = "/v1/mcp/";
    bool all = bytes_is(r->path, "/v1/mcp");
    if ((!all && !bytes_starts(r->path, bytes_str(prefix))) || !bytes_is(r->method, "GET"))
        return err_make(E_NOT_FOUND, "agent.sock serves GET /v1/mcp and /v1/mcp/DESTINATION only");
    if (!bytes_same_case(http_header(&r->headers, "upgrade"), BYTES("mcp-lines")))
        return err_make(E_USAGE, "ask for Upgrade: mcp-lines");
    if (http_header_count(&r->headers, "content-length") || http_header_count(&r->headers, "transfer-encoding"))
        return err_make(E_USAGE, "an upgrade has no body; leave out Content-Length and Transfer-Encoding");
    struct bytes name = bytes_sub(r->path, sizeof prefix - 1, r->path.n);
    if ((name.n == 0 && !all) || name.n >= sizeof h->destination)
        return err_make(E_NOT_FOUND, "name a destination");
    if (name.n)
        memcpy(h->destination, name.at, name.n);
    TRY(header_text(r, "writ-agent", h->agent, sizeof h->agent));
    TRY(header_text(r, "writ-task", h->task, sizeof h->task));
    struct bytes purpose = http_header(&r->headers, "writ-purpose");
    size_t n = 0;
    if (purpose.n > 2600 || (purpose.n && !bytes_unbase64url(purpose, (uint8_t *)h->purpose, &n)) || n > 2000)
        return err_make(E_USAGE, "Writ-Purpose is base64url of at most 2000 bytes");
    if (!bytes_utf8(bytes_make(h->purpose, n)) || memchr(h->purpose, 0, n))
        return err_make(E_USAGE, "Writ-Purpose must be UTF-8 text without zeros");
    h->purpose[n] = 0;
    return err_ok();
}

void
agent_handler(struct http_exchange *x, const struct http_request *r, struct http_on *on, void *ctx)
{
    struct serve *s = ctx;
    struct shim *h = calloc(1, sizeof *h);
    if (h == NULL) {
        http_problem(x, err_make(E_MEMORY, "no memory for a session"));
        return;
    }
    h->serve = s;
    h->x = x;
    h->proof.pidfd = -1;
    struct err e = read_request(h, r);
    if (!err_failed(e))
        e = peer_attest(s->env, r->peer->pid, r->peer->uid, r->peer->gid, r->peer->pidfd, &h->proof);
    if (!err_failed(e))
        e = open_writ(h, opened);
    if (err_failed(e)) {
        shim_free(h);
        http_problem(x, e);
        return;
    }
    http_exchange_set(x, h);
    on->on_ended = ended;
}
