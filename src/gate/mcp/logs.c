/*
 * Log messages between the eras: 2025-11-25 sets a level once (logging/setLevel), 2026-07-28 in each request. A client of the newer era gets
 * what a request of its own asked for, on that request's stream, and nothing else.
 */
#include <stdio.h>

#include "gate/mcp/mcp.h"

static const char *const levels[] = {"debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"};

static int
rank(struct bytes level)
{
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if (bytes_is(level, levels[i]))
            return (int)i;
    return -1;
}

static struct bytes
asked_for(const struct down *d)
{
    const struct json *level = rpc_meta(&d->rpc, META_LOG_LEVEL);
    return json_is(level, JSON_STRING) ? level->text : (struct bytes){NULL, 0};
}

bool
logs_level(struct session *s, struct bytes level)
{
    if (rank(level) < 0)
        return false;
    snprintf(s->level, sizeof s->level, "%.*s", BYTES_CUT(level, 12));
    return true;
}

static void
level_set(struct link *l, const struct rpc *answer, struct err e)
{
    (void)l, (void)answer, (void)e; /* a server that cannot log has no less to say than before */
}

void
logs_ask(struct link *l, const struct down *d)
{
    struct bytes level = asked_for(d);
    if (d->session->era != ERA_MODERN || l->era != ERA_LEGACY || rank(level) < 0 || bytes_is(level, l->level) ||
        json_get(json_get(l->start, "capabilities"), "logging") == NULL)
        return;
    snprintf(l->level, sizeof l->level, "%.*s", BYTES_CUT(level, 12));
    struct buf params = buf_make(128);
    json_open(&params, '{');
    json_member_text(&params, "level", level);
    json_close(&params, '}');
    struct err e = link_ask(l, BYTES("logging/setLevel"), buf_bytes(&params), level_set);
    (void)e;
    buf_free(&params);
}

static bool
wants(const struct down *d, int rank_of_it)
{
    int least = rank(asked_for(d));
    return d->pending && least >= 0 && rank_of_it >= least;
}

struct down *
logs_for(const struct session *s, struct down *about, const struct rpc *m)
{
    int r = rank(json_text(m->params, "level"));
    if (s->link == NULL || s->link->era == ERA_MODERN)
        return about; /* the server keeps to what each request asked for */
    if (about)
        return wants(about, r) ? about : NULL;
    for (struct down *d = s->downs; d; d = d->next)
        if (wants(d, r))
            return d;
    return NULL;
}
