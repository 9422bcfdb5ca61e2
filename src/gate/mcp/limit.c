/*
 * Limits (src/limits) as MCP says them: a refusal is a JSON-RPC error whose data says which limit it was and when to come back, and it is on
 * record. What waits for a place is taken again from its beginning when its turn comes: the writ, the policies and the pins of that moment decide.
 */
#include <stdio.h>

#include "gate/mcp/limit.h"

#define BUSY_MS 1000
#define RECORD_REST_MS 1000 /* after a refusal that was not recorded, their number is */

/* ------------------------------------------------------------------------------------------------------------- who asks */

/* By the estate in force; looked up again after each change of it. */
static bool
ask_of(struct session *s, const struct destination *d, const struct tool *t, struct limits_ask *ask)
{
    struct gate *g = s->gate;
    if (s->limited == NULL || s->limits_at != g->generation) {
        s->limited = limits_of(g->limits, s->writ->agent->id);
        s->agent_now = estate_agent(g->snapshot->estate, s->writ->agent->id);
        s->task_now = estate_task(g->snapshot->estate, s->writ->task->id);
        s->limits_at = g->generation;
    }
    *ask = (struct limits_ask){s->limited, s->agent_now, s->task_now, s->writ->id, d, t};
    return s->limited != NULL;
}

struct limits_agent *
limit_agent(struct session *s)
{
    struct limits_ask ask;
    return ask_of(s, NULL, NULL, &ask) ? ask.of : NULL;
}

static const struct destination *
destination_of(struct down *d)
{
    return d->destination ? d->destination : estate_destination(d->session->gate->snapshot->estate, d->session->destination);
}

/* ------------------------------------------------------------------------------------------------------------- refusals */

void
limit_put_data(struct buf *data, const struct limited *why)
{
    json_member_str(data, "code", "limit");
    json_member_str(data, "limit", limit_names[why->kind]);
    json_member_int(data, "retry_after_ms", (int64_t)why->retry_ms);
}

static void
put_record(struct buf *m, struct down *d, struct bytes name, const struct limited *why, uint64_t unrecorded)
{
    const struct session *s = d->session;
    char edit[200];
    json_member_str(m, "call", d->call);
    json_member_str(m, "writ", s->writ->id);
    json_member_str(m, "agent", s->writ->agent->id);
    json_member_str(m, "instance", s->writ->instance->id);
    json_member_str(m, "destination", s->destination);
    json_member_text(m, "tool", bytes_sub(name, 0, 200));
    json_member_str(m, "decision", "deny");
    json_member_raw(m, "policies", BYTES("[]"));
    json_member_str(m, "reason", why->reason);
    json_member_str(m, "limit", limit_names[why->kind]);
    json_member_int(m, "retry_after_ms", (int64_t)why->retry_ms);
    if (unrecorded)
        json_member_int(m, "unrecorded", (int64_t)unrecorded);
    if (why->key) {
        snprintf(edit, sizeof edit, "%s:%d (%s)", why->place.file, why->place.line, why->key);
        json_member_str(m, "edit", edit);
    }
    json_member_str(m, "estate", s->gate->snapshot->estate->version);
}

static void
record_rest(void *ctx)
{
    struct gate *g = ctx;
    g->rest_due = NULL;
    for (struct limits_agent *of = limits_first(g->limits); of; of = limits_next(of)) {
        struct buf m = buf_make(1024);
        uint64_t n = limits_unrecorded(of);
        json_member_str(&m, "event", "refused_by_limits");
        json_member_str(&m, "agent", limits_agent_id(of));
        json_member_int(&m, "calls", (int64_t)n);
        struct audit_event event = {.kind = AUDIT_SERVER, .members = buf_bytes(&m)};
        struct err e = n ? audit_append(g->config.audit, &event, false, NULL, NULL) : err_ok();
        (void)e; /* a log that fails has already stopped everything */
        buf_free(&m);
    }
}

/* A loop of thousands of refusals a second must not fill the log: so many have a record of their own, of the others their number. */
static struct err
record(struct down *d, struct bytes name, const struct limited *why, bool *recorded)
{
    struct gate *g = d->session->gate;
    uint64_t unrecorded;
    struct limits_agent *of = limit_agent(d->session);
    *recorded = of == NULL || limits_record(of, &unrecorded);
    if (!*recorded) {
        if (g->rest_due == NULL)
            g->rest_due = loop_after(g->config.loop, RECORD_REST_MS, record_rest, g);
        return err_ok();
    }
    struct buf m = buf_make(8192);
    struct err e = d->call[0] ? err_ok() : env_id(g->config.env, "ca", d->call);
    put_record(&m, d, name, why, of ? unrecorded : 0);
    struct audit_event event = {.kind = AUDIT_DECISION, .members = buf_bytes(&m)};
    const struct json *arguments = rpc_param(&d->rpc, "arguments");
    if (arguments && d->arguments && !d->found) /* what inspection has not cleared is not kept */
        event.said[event.n_said++] = (struct audit_said){"arguments", d->arguments->raw};
    if (!err_failed(e))
        e = m.failed ? err_make(E_LIMIT, "the record of a refusal is too large") : audit_append(g->config.audit, &event, false, NULL, NULL);
    buf_free(&m);
    return e;
}

void
limit_refuse(struct down *d, struct bytes name, const struct limited *why)
{
    bool recorded;
    struct err e = writ_count(d->session->gate->config.writs, d->session->writ, false);
    if (!err_failed(e))
        e = record(d, name, why, &recorded);
    d->tool = NULL; /* nothing was sent: no outcome follows */
    if (err_failed(e)) {
        down_fail(d, e);
        return;
    }
    struct buf data = buf_make(1024), text = buf_make(1024);
    json_open(&data, '{');
    limit_put_data(&data, why);
    if (recorded)
        json_member_str(&data, "call", d->call);
    json_close(&data, '}');
    buf_printf(&text, "refused: %s", why->reason);
    d->retry_ms = why->retry_ms;
    down_error(d, why->kind == LIMIT_BREAKER ? RPC_WRIT_UPSTREAM : RPC_WRIT_LIMITED, buf_text(&text), buf_bytes(&data));
    buf_free(&data);
    buf_free(&text);
}

static void
no_memory(struct down *d)
{
    down_fail(d, err_make(E_MEMORY, "no memory for limits"));
}

/* --------------------------------------------------------------------------------------------------------------- checks */

bool
limit_bytes(struct down *d)
{
    struct limited why;
    struct limits_agent *of = limit_agent(d->session);
    size_t n = d->rpc.root->raw.n;
    if (of == NULL) {
        no_memory(d);
        return false;
    }
    if (!limits_bytes(of, n, &why)) {
        limit_refuse(d, d->rpc.method, &why);
        return false;
    }
    d->counted_by = of;
    d->bytes = n;
    return true;
}

bool
limit_rate(struct down *d, struct bytes name, const struct tool *tool)
{
    struct limits_ask ask;
    struct limited why;
    const struct destination *to = destination_of(d);
    if (d->counted || to == NULL)
        return true;
    if (!ask_of(d->session, to, tool, &ask)) {
        no_memory(d);
        return false;
    }
    if (!limits_rate(&ask, &why)) {
        limit_refuse(d, name, &why);
        return false;
    }
    return true;
}

bool
limit_repeats(struct down *d, struct bytes name, const struct json *arguments, const struct tool *tool)
{
    struct limits_ask ask;
    struct limited why;
    const struct destination *to = destination_of(d);
    bool counted = d->counted;
    d->counted = true;
    if (counted || to == NULL || rpc_param(&d->rpc, "inputResponses")) /* the same call goes on with what a person said */
        return true;
    if (!ask_of(d->session, to, tool, &ask)) {
        no_memory(d);
        return false;
    }
    enum effect effect = tool == NULL ? EFFECT_READ : tool->confirmed ? tool->effect : EFFECT_WRITE;
    if (!limits_repeats(&ask, name, arguments, effect, &why)) {
        limit_refuse(d, name, &why);
        return false;
    }
    return true;
}

static void
its_turn(struct limits_wait *w)
{
    struct down *d = (struct down *)((char *)w - offsetof(struct down, wait));
    down_ref(d);
    if (d->deadline)
        loop_cancel(d->deadline);
    d->deadline = NULL;
    d->found = NULL; /* it is looked at again, as it came */
    d->found_names = NULL;
    d->modified = NULL;
    d->turn = true;
    session_go_on(d);
    d->turn = false;
    down_unref(d);
}

bool
limit_place(struct down *d, struct bytes name, const struct tool *tool)
{
    struct limits_ask ask;
    struct limited why;
    const struct destination *to = destination_of(d);
    if (to == NULL || d->place.of)
        return true;
    if (!limit_breaker(d, name))
        return false;
    if (!ask_of(d->session, to, tool, &ask)) {
        no_memory(d);
        return false;
    }
    d->wait.turn = its_turn;
    switch (limits_place(&ask, d->turn, &d->place, &d->wait, &why)) {
    case LIMITS_TAKEN:
        return true;
    case LIMITS_WAITS:
        limit_probe_over(d); /* whoever goes first sees whether the destination is back */
        d->tool = NULL;      /* it is no call yet, and has no outcome */
        down_deadline(d, to->call_timeout_ms ? to->call_timeout_ms : PASS_MS);
        return false;
    case LIMITS_FULL:
        break;
    }
    limit_refuse(d, name, &why);
    return false;
}

void
limit_late(struct down *d)
{
    struct limited why = {.kind = LIMIT_CONCURRENCY, .retry_ms = BUSY_MS, .key = "limits: concurrency"};
    const struct destination *to = destination_of(d);
    if (to)
        why.place = to->limits.place;
    else
        why.key = NULL;
    snprintf(why.reason, sizeof why.reason, "it waited %llu s for a place; other calls of this agent have not ended",
             (unsigned long long)(d->deadline_ms / 1000));
    limit_refuse(d, bytes_is(d->rpc.method, "tools/call") ? json_text(d->rpc.params, "name") : d->rpc.method, &why);
}

void
limit_over(struct down *d)
{
    limits_wait_end(&d->wait);
    limits_leave(&d->place);
    if (d->counted_by)
        limits_bytes_end(d->counted_by, d->bytes);
    d->counted_by = NULL;
    limit_probe_over(d);
}

/* ---------------------------------------------------------------------------------------------------------------- turns */

static void
give_turns(void *ctx)
{
    struct gate *g = ctx;
    g->turns_due = NULL;
    for (struct limits_agent *of = limits_first(g->limits); of; of = limits_next(of))
        limits_turns(of);
}

static void
wake(void *ctx, struct limits_agent *of)
{
    struct gate *g = ctx;
    (void)of;
    if (g->turns_due == NULL && !g->closing)
        g->turns_due = loop_after(g->config.loop, 0, give_turns, g);
}

struct err
limit_make(struct gate *g)
{
    struct limits_config config = {.env = g->config.env, .wake = wake, .ctx = g};
    return limits_make(&config, &g->limits);
}

void
limit_free(struct gate *g)
{
    if (g->turns_due)
        loop_cancel(g->turns_due);
    if (g->rest_due)
        loop_cancel(g->rest_due);
    limits_free(g->limits);
}
