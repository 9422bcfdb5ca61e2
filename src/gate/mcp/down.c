/* One request of a client on its way: made by a face, owned by its session, answered exactly once. */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "gate/mcp/flow.h"
#include "gate/mcp/limit.h"

_Static_assert(sizeof(struct down) <= MEM_BLOCK, "a request fits a block");

#define BUSY_MS 1000    /* what a client is told to wait when nothing better is known */
#define ASKED_MS 600000 /* a person may think so long about what the server asks */

struct down *
down_make(struct session *s, const struct down_face *face, void *face_ctx, struct arena *a, const struct rpc *rpc)
{
    struct down *d = mem_block();
    if (d == NULL) {
        arena_free(a);
        return NULL;
    }
    memset(d, 0, sizeof *d);
    d->refs = 1;
    d->session = session_ref(s);
    d->face = face;
    d->face_ctx = face_ctx;
    d->arena = *a;
    *a = (struct arena){0};
    d->rpc = *rpc;
    return d;
}

struct down *
down_ref(struct down *d)
{
    d->refs++;
    return d;
}

void
down_unref(struct down *d)
{
    if (--d->refs)
        return;
    if (d->deadline)
        loop_cancel(d->deadline);
    snapshot_unref(d->snapshot);
    inspect_carry_free(d->carry);
    arena_free(&d->arena);
    session_unref(d->session);
    mem_block_back(d);
}

void
down_finish(struct down *d, struct buf *message)
{
    struct session *s = d->session;
    if (d->answered) {
        buf_free(message);
        return;
    }
    d->answered = true;
    down_ref(d);
    if (!d->gone) {
        if (message->failed) {
            buf_free(message);
            rpc_put_error(message, d->rpc.id->raw, RPC_INTERNAL, "the answer is too large", (struct bytes){NULL, 0});
        }
        if (!d->hushed)
            d->face->send(d, buf_bytes(message), true);
    } else {
        d->face->dropped(d);
    }
    view_seen(s);
    buf_free(message);
    if (d->pending)
        link_cancel(s->link, d->pending, false);
    asks_over(d);
    hub_over(d);
    limit_over(d);
    flow_down(d, false);
    running_ended(s->gate->config.writs, &d->running);
    if (d->at) {
        *d->at = d->next;
        if (d->next)
            d->next->at = d->at;
        d->at = NULL;
        s->n_downs--;
        down_unref(d); /* the session's own */
    }
    down_unref(d);
}

void
down_result(struct down *d, struct bytes result)
{
    struct buf b = buf_make(RESULT_MAX + 65536);
    rpc_put_result(&b, d->rpc.id->raw, result);
    down_finish(d, &b);
}

void
down_error(struct down *d, int code, const char *message, struct bytes data)
{
    struct buf b = buf_make(MESSAGE_MAX);
    rpc_put_error(&b, d->rpc.id->raw, code, message, data);
    down_finish(d, &b);
}

/* What an agent learns of a failure: the kind of it, by a stable code. Places, paths and other agents' matters stay in the log. */
void
down_fail(struct down *d, struct err e)
{
    if (e.code == E_CONSENT && consent_answer(d, e))
        return;
    if (e.code == E_BUSY && d->retry_ms == 0)
        d->retry_ms = BUSY_MS;
    int code = e.code == E_WRIT_ENDED                                                                  ? RPC_WRIT_ENDED
               : e.code == E_BUSY                                                                      ? RPC_WRIT_LIMITED
               : e.code == E_FORBIDDEN || e.code == E_DENIED || e.code == E_PIN || e.code == E_CONSENT ? RPC_WRIT_REFUSED
               : e.code == E_LOG || e.code == E_STORE || e.code == E_KEYS                              ? RPC_WRIT_DOWN
                                                                                                       : RPC_WRIT_UPSTREAM;
    struct buf data = buf_make(1024);
    json_open(&data, '{');
    json_member_str(&data, "code", err_name(e.code));
    if (d->retry_ms)
        json_member_int(&data, "retry_after_ms", (int64_t)d->retry_ms);
    json_close(&data, '}');
    down_error(d, code, e.text, buf_bytes(&data));
    buf_free(&data);
}

static void
late(void *ctx)
{
    struct down *d = ctx;
    d->deadline = NULL;
    down_ref(d);
    if (d->wait.of) {
        limit_late(d);
        down_unref(d);
        return;
    }
    struct link *l = d->session->link;
    if (l && d->pending && !d->full && !d->session->full) /* else its client was slow */
        limit_bad(l, d, err_make(E_TIMEOUT, "%s did not answer in time", d->session->destination));
    call_over(d, "timeout", 0);
    down_fail(d, err_make(E_TIMEOUT, "%s did not answer within %llu s", d->session->destination, (unsigned long long)(d->deadline_ms / 1000)));
    down_unref(d);
}

void
down_deadline(struct down *d, uint64_t ms)
{
    if (d->deadline)
        loop_cancel(d->deadline);
    d->deadline_ms = ms;
    d->deadline = loop_after(d->session->gate->config.loop, ms, late, d);
}

static void
nobody(void *ctx)
{
    struct down *d = ctx;
    d->deadline = NULL;
    down_ref(d);
    call_over(d, "timeout", 0);
    down_fail(d, err_make(E_TIMEOUT, "nobody answered within %d minutes what the server asked", ASKED_MS / 60000));
    down_unref(d);
}

void
down_wait(struct down *d)
{
    if (d->deadline)
        loop_cancel(d->deadline);
    d->deadline = loop_after(d->session->gate->config.loop, ASKED_MS, nobody, d);
}

void
down_go_on(struct down *d)
{
    if (!d->answered)
        down_deadline(d, d->deadline_ms ? d->deadline_ms : PASS_MS);
}

void
down_left(struct down *d)
{
    d->gone = true;
    if (d->answered)
        return;
    if (d->session->era == ERA_LEGACY && !d->session->ended)
        return; /* 2025-11-25: a lost connection is no cancellation */
    call_over(d, "cancelled", 0);
    struct buf none = buf_make(16);
    down_finish(d, &none);
}
