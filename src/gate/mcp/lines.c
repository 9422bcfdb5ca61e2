/* The stdio form of MCP on a byte stream: one JSON-RPC message a line, both ways. The era is what the first request speaks. */
#include <stdlib.h>

#include "gate/mcp/flow.h"
#include "gate/mcp/refusal.h"

struct lines {
    unsigned refs;
    struct gate *gate;
    struct writ *writ;
    struct session *session;
    char destination[65];
    bool (*write)(void *ctx, struct bytes line);
    void (*hold)(void *ctx, bool on);
    void *ctx;
    void (*reopen)(void *ctx, struct lines *l);
    struct buf partial, parked; /* parked: lines that came while a new writ is opened */
    bool overlong, reopening, ended;
};

static void
say(struct lines *l, struct bytes message)
{
    if (l->ended)
        return;
    struct buf b = buf_make(RESULT_MAX * 2);
    buf_put(&b, message);
    for (size_t i = 0; i < b.n; i++)
        if (b.at[i] == '\n' || b.at[i] == '\r')
            b.at[i] = ' '; /* only between tokens: inside strings they are escaped */
    buf_putc(&b, '\n');
    bool room = b.failed || l->write(l->ctx, buf_bytes(&b));
    buf_free(&b);
    if (!room && l->session && !l->ended)
        flow_session(l->session, true);
}

void
lines_drained(struct lines *l)
{
    if (l->session)
        flow_session(l->session, false);
}

static void
choke(struct session *s, bool on)
{
    struct lines *l = s->owner;
    if (l->hold && !l->ended)
        l->hold(l->ctx, on);
}

static void
face_send(struct down *d, struct bytes message, bool last)
{
    struct lines *l = d->face_ctx;
    say(l, message);
    if (last && --l->refs == 0)
        free(l);
}

static void
face_dropped(struct down *d)
{
    struct lines *l = d->face_ctx;
    if (--l->refs == 0)
        free(l);
}

static const struct down_face lines_face = {face_send, face_dropped, NULL};

static bool
push(struct session *s, struct bytes message)
{
    say(s->owner, message);
    return true;
}

static void
say_error(struct lines *l, struct bytes id, int code, const char *text)
{
    struct buf b = buf_make(8192);
    rpc_put_error(&b, id, code, text, (struct bytes){NULL, 0});
    say(l, buf_bytes(&b));
    buf_free(&b);
}

/* An error that is on record: what came is no message. */
static void
say_refusal(struct lines *l, struct bytes id, int code, const char *text)
{
    struct refusal r = {REFUSED_MESSAGE, l->writ, l->destination, NULL, text};
    refusal_record(l->gate, &r);
    say_error(l, id, code, text);
}

static struct err
ensure_session(struct lines *l, const struct rpc *m)
{
    enum era era = rpc_meta(m, META_VERSION) ? ERA_MODERN : ERA_LEGACY;
    if (l->session && !(l->session->era == ERA_MODERN && bytes_is(m->method, "initialize")))
        return err_ok();
    if (l->session)
        session_end(l->session, "the client began anew in another protocol revision");
    l->session = NULL;
    TRY(session_make(l->gate, l->writ, l->destination, era, &l->session));
    l->session->push = push;
    l->session->owner = l;
    l->session->lines = true;
    l->session->choke = choke;
    return err_ok();
}

/* The id of a message that was refused, where it can be one; else the answer says null (JSON-RPC 2.0 §5). */
static struct bytes
usable_id(const struct rpc *m, struct err e)
{
    bool usable = e.code == E_PROTOCOL && m->id && (m->id->type == JSON_STRING || m->id->type == JSON_INT) && m->id->raw.n <= 256;
    return usable ? m->id->raw : (struct bytes){NULL, 0};
}

/* 2026-07-28 on stdio: every request says its version; ours is the only modern one. */
static bool
version_ok(struct lines *l, const struct rpc *m)
{
    const struct json *v = rpc_meta(m, META_VERSION);
    if (l->session->era != ERA_MODERN || (json_is(v, JSON_STRING) && bytes_is(v->text, MODERN_VERSION)))
        return true;
    struct buf b = buf_make(4096), data = buf_make(2048);
    json_open(&data, '{');
    json_member_raw(&data, "supported", BYTES("[\"" MODERN_VERSION "\"]"));
    if (json_is(v, JSON_STRING) && v->raw.n <= 256)
        json_member_raw(&data, "requested", v->raw);
    json_close(&data, '}');
    rpc_put_error(&b, m->id->raw, v ? RPC_UNSUPPORTED_VERSION : RPC_INVALID_PARAMS, v ? "unsupported protocol version" : "_meta needs " META_VERSION,
                  buf_bytes(&data));
    say(l, buf_bytes(&b));
    buf_free(&b);
    buf_free(&data);
    return false;
}

static void
take_request(struct lines *l, struct arena *a, const struct rpc *m)
{
    struct down *d = down_make(l->session, &lines_face, l, a, m);
    if (d == NULL) {
        say_error(l, (struct bytes){NULL, 0}, RPC_INTERNAL, "no memory for a request");
        return;
    }
    l->refs++;
    session_take(l->session, d);
}

/* Idleness closed the task; the person is back. A new writ is a new task with its own record. */
static bool
wants_reopen(struct lines *l)
{
    return l->reopen && writ_state(l->gate->config.writs, l->writ) == WRIT_EXPIRED;
}

static void
take_line(struct lines *l, struct bytes line)
{
    struct arena a = {.max = (size_t)128 << 20};
    struct rpc m;
    if (line.n && line.at[line.n - 1] == '\r')
        line.n--;
    if (line.n == 0)
        return;
    if (l->reopening || wants_reopen(l)) {
        buf_put(&l->parked, line);
        buf_putc(&l->parked, '\n');
        if (!l->reopening) {
            l->reopening = true;
            l->reopen(l->ctx, l);
        }
        return;
    }
    struct bytes copy = arena_copy(&a, line); /* the request may outlive the line */
    struct err e = copy.at ? rpc_read(&a, copy, &m) : (m = (struct rpc){0}, err_make(E_MEMORY, "no memory for a message"));
    if (err_failed(e))
        say_refusal(l, usable_id(&m, e), e.code == E_JSON ? RPC_PARSE : RPC_INVALID_REQUEST, e.text);
    else if (m.kind != RPC_REQUEST) {
        if (l->session)
            session_note(l->session, &m);
    } else {
        e = ensure_session(l, &m);
        if (err_failed(e))
            say_error(l, m.id->raw, RPC_WRIT_DOWN, e.text);
        else if (version_ok(l, &m))
            take_request(l, &a, &m);
    }
    arena_free(&a);
}

struct err
lines_open(struct gate *g, struct writ *writ, const char *destination, bool (*write)(void *ctx, struct bytes line), void *ctx, struct lines **out)
{
    if (destination[0] && estate_destination(g->snapshot->estate, destination) == NULL)
        return err_make(E_NOT_FOUND, "there is no destination %.64s", destination);
    struct lines *l = calloc(1, sizeof *l);
    if (l == NULL)
        return err_make(E_MEMORY, "no memory for a session");
    *l = (struct lines){.refs = 1, .gate = g, .writ = writ_ref(g->config.writs, writ), .write = write, .ctx = ctx};
    strncpy(l->destination, destination, sizeof l->destination - 1);
    l->partial = buf_make(MESSAGE_MAX);
    l->parked = buf_make(MESSAGE_MAX);
    *out = l;
    return err_ok();
}

void
lines_feed(struct lines *l, struct bytes part)
{
    l->refs++;
    while (part.n && !l->ended) {
        size_t end = bytes_find(part, '\n');
        if (!l->overlong)
            buf_put(&l->partial, bytes_sub(part, 0, end));
        l->overlong |= l->partial.failed;
        if (end == part.n)
            break;
        part = bytes_sub(part, end + 1, part.n);
        if (l->overlong) {
            say_refusal(l, (struct bytes){NULL, 0}, RPC_INVALID_REQUEST, "a message of more than 4 MiB");
            l->overlong = false;
            buf_free(&l->partial);
            continue;
        }
        struct buf line = l->partial;
        l->partial = buf_make(MESSAGE_MAX);
        take_line(l, buf_bytes(&line));
        buf_free(&line);
    }
    if (--l->refs == 0)
        free(l);
}

void
lines_end(struct lines *l)
{
    l->ended = true;
    if (l->session) {
        l->session->push = NULL;
        l->session->choke = NULL;
        session_end(l->session, "the client left");
        l->session = NULL;
    }
    writ_unref(l->gate->config.writs, l->writ);
    l->writ = NULL;
    buf_free(&l->partial);
    buf_free(&l->parked);
    if (--l->refs == 0)
        free(l);
}

void
lines_on_reopen(struct lines *l, void (*reopen)(void *ctx, struct lines *l))
{
    l->reopen = reopen;
}

void
lines_on_hold(struct lines *l, void (*hold)(void *ctx, bool on))
{
    l->hold = hold;
}

void
lines_rebind(struct lines *l, struct writ *writ, struct err e)
{
    struct buf parked = l->parked;
    l->parked = buf_make(MESSAGE_MAX);
    l->reopening = false;
    if (writ) {
        if (l->session)
            session_rebind(l->session, writ);
        writ_unref(l->gate->config.writs, l->writ);
        l->writ = writ_ref(l->gate->config.writs, writ);
    } else {
        l->reopen = NULL; /* the refusal of what was parked says why */
    }
    (void)e;
    lines_feed(l, buf_bytes(&parked));
    buf_free(&parked);
}
