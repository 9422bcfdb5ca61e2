#include "gate/mcp/refusal.h"

#define RECORDED_MAX 8 /* of a kind and a writ, before only doublings are */

static const char *const names[] = {
    [REFUSED_MESSAGE] = "message", [REFUSED_HEADERS] = "headers", [REFUSED_ORIGIN] = "origin", [REFUSED_PEER] = "peer",
    [REFUSED_ADDRESS] = "address", [REFUSED_SESSION] = "session", [REFUSED_STATE] = "state",   [REFUSED_TASK] = "task",
    [REFUSED_ANSWER] = "answer",   [REFUSED_TOKEN] = "token",     [REFUSED_SERVER] = "server",
};

/* How many there were with this one; 0: it is not to be recorded. */
static unsigned
count(const struct refusal *r)
{
    if (r->writ == NULL)
        return 1;
    unsigned n = r->writ->turned_away[r->kind] == UINT16_MAX ? UINT16_MAX : ++r->writ->turned_away[r->kind];
    return n <= RECORDED_MAX || (n & (n - 1)) == 0 ? n : 0;
}

void
refusal_record(struct gate *g, const struct refusal *r)
{
    unsigned n = count(r);
    if (n == 0)
        return;
    struct buf m = buf_make(4096);
    json_member_str(&m, "what", names[r->kind]);
    if (r->call && r->call[0])
        json_member_str(&m, "call", r->call);
    if (r->writ) {
        json_member_str(&m, "writ", r->writ->id);
        json_member_str(&m, "agent", r->writ->agent->id);
        json_member_str(&m, "instance", r->writ->instance->id);
    }
    if (r->destination[0])
        json_member_str(&m, "destination", r->destination);
    json_member_str(&m, "why", r->why);
    if (n > 1)
        json_member_int(&m, "count", n);
    struct audit_event event = {.kind = AUDIT_REFUSAL, .members = buf_bytes(&m)};
    struct err e = audit_append(g->config.audit, &event, false, NULL, NULL);
    (void)e; /* nothing was let through; a log that fails stops everything else */
    buf_free(&m);
}

void
refusal_of(struct session *s, const char *call, enum refusal_kind kind, const char *why)
{
    struct refusal r = {kind, s->writ, s->destination, call, why};
    refusal_record(s->gate, &r);
}

/* Not a server that is down or slow: that is no refusal, and its calls have outcomes. */
static bool
to_blame(struct err e)
{
    static const enum err_code codes[] = {E_FORBIDDEN, E_UPSTREAM, E_LIMIT, E_PROTOCOL, E_HTTP, E_TLS, E_USAGE};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (e.code == codes[i])
            return true;
    return false;
}

void
refusal_of_server(struct link *l, const char *call, struct err e)
{
    struct refusal r = {REFUSED_SERVER, l->writ, l->destination->id, call, e.text};
    if (to_blame(e))
        refusal_record(l->gate, &r);
}
