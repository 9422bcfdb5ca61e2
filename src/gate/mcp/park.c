/*
 * A server of the older era asks its client while a call runs; a client of the newer era is not asked by requests. So the call is parked: its
 * client gets a result that asks (input_required), and comes back with the answers as a new call, which is decided like any other. Then
 * the server gets them, and the new call takes the place of the old one. The state is a random handle that means something only in its
 * session, once, for the same method, name and arguments, and for ten minutes.
 */
#include <stdio.h>
#include <stdlib.h>

#include "gate/mcp/refusal.h"

#define PARKED_MAX 64 /* in one session */
#define ASKED_MAX 16  /* by one call */
#define PARKED_MS 600000

struct parked {
    struct parked *next;
    struct session *session;
    struct pending *pending; /* the server's call; NULL: it has answered meanwhile, or it is over */
    void (*answer)(struct down *d, const struct rpc *answer);
    char handle[ENV_ID_MAX];
    struct arena arena;
    struct bytes method, subject, arguments, answered; /* answered: the server's response, when it did not wait */
    struct asked {
        struct asked *next;
        struct bytes id, method, params; /* of the server's request */
        char key[24];
    } *asked;
    size_t n_asked;
    struct timer *until;
    struct running running;
};

/* --------------------------------------------------------------------------------------------------------- ending */

static void
detach(struct parked *p)
{
    struct session *s = p->session;
    for (struct parked **at = &s->parked; *at; at = &(*at)->next)
        if (*at == p) {
            *at = p->next;
            break;
        }
    s->n_parked--;
    if (p->until)
        loop_cancel(p->until);
    running_ended(s->gate->config.writs, &p->running);
    if (p->pending)
        p->pending->parked = NULL;
}

static void
parked_free(struct parked *p)
{
    arena_free(&p->arena);
    free(p);
}

/* drop(p, kill): nobody comes back for it. */
static void
drop(struct parked *p, bool kill)
{
    struct session *s = p->session;
    struct pending *pending = p->pending;
    detach(p);
    if (pending && s->link)
        link_cancel(s->link, pending, kill);
    parked_free(p);
}

static void
expired(void *ctx)
{
    struct parked *p = ctx;
    p->until = NULL;
    drop(p, false);
}

static void
cut(struct running *r, const char *why)
{
    (void)why;
    drop((struct parked *)((char *)r - offsetof(struct parked, running)), true);
}

void
park_end(struct session *s)
{
    while (s->parked)
        drop(s->parked, false);
}

void
park_forgotten(struct parked *p)
{
    p->pending = NULL;
}

void
park_answered(struct parked *p, const struct rpc *m)
{
    p->answered = arena_copy(&p->arena, m->root->raw);
}

/* -------------------------------------------------------------------------------------------------------- parking */

static struct bytes
subject_of(const struct down *d)
{
    struct bytes uri = json_text(d->rpc.params, "uri");
    return uri.n ? uri : json_text(d->rpc.params, "name");
}

static struct bytes
arguments_of(const struct down *d)
{
    const struct json *v = d->arguments ? d->arguments : rpc_param(&d->rpc, "arguments");
    return v ? v->raw : (struct bytes){NULL, 0};
}

static bool
add_asked(struct parked *p, const struct rpc *m)
{
    struct asked *a = p->n_asked < ASKED_MAX ? ARENA_NEW(&p->arena, struct asked) : NULL;
    if (a == NULL)
        return false;
    a->id = arena_copy(&p->arena, m->id->raw);
    a->method = arena_copy(&p->arena, m->method);
    a->params = arena_copy(&p->arena, m->params ? m->params->raw : BYTES("{}"));
    snprintf(a->key, sizeof a->key, "ask-%zu", ++p->n_asked);
    struct asked **at = &p->asked;
    while (*at)
        at = &(*at)->next;
    *at = a;
    return a->id.at && a->method.at && a->params.at;
}

/* A result that asks; params of the older era are those of the newer one, but for the id of an elicitation by URL. */
static void
put_asked(struct buf *b, const struct parked *p)
{
    json_open(b, '{');
    json_member_str(b, "resultType", "input_required");
    json_key(b, "inputRequests");
    json_open(b, '{');
    for (const struct asked *a = p->asked; a; a = a->next) {
        json_key(b, a->key);
        json_open(b, '{');
        json_member_text(b, "method", a->method);
        json_member_raw(b, "params", a->params);
        json_close(b, '}');
    }
    json_close(b, '}');
    json_member_str(b, "requestState", p->handle);
    json_close(b, '}');
}

static void
answer_asking(struct down *d, const struct parked *p)
{
    struct buf b = buf_make(MESSAGE_MAX);
    put_asked(&b, p);
    call_over(d, "input_required", b.n);
    if (b.failed)
        down_fail(d, err_make(E_UPSTREAM, "the server asks too much"));
    else
        down_result(d, buf_bytes(&b));
    buf_free(&b);
}

static struct parked *
make(struct down *d)
{
    struct session *s = d->session;
    struct parked *p = s->n_parked < PARKED_MAX ? calloc(1, sizeof *p) : NULL;
    if (p == NULL || err_failed(env_id(s->gate->config.env, "rs", p->handle))) {
        free(p);
        return NULL;
    }
    p->arena.max = MESSAGE_MAX * 8;
    p->method = arena_copy(&p->arena, d->rpc.method);
    p->subject = arena_copy(&p->arena, subject_of(d));
    p->arguments = arena_copy(&p->arena, arguments_of(d));
    p->session = s;
    p->answer = d->pending->answer;
    p->next = s->parked;
    s->parked = p;
    s->n_parked++;
    return p;
}

/* The pending call goes from the down, which is answered now, to the parked one. */
static void
move_pending(struct parked *p, struct down *d)
{
    struct pending *pending = d->pending;
    p->pending = pending;
    pending->parked = p;
    pending->down = NULL;
    d->pending = NULL;
    down_unref(d); /* the pending call's own */
    p->until = loop_after(p->session->gate->config.loop, PARKED_MS, expired, p);
    p->running = (struct running){.kind = RUNNING_CALL, .stop = cut};
    snprintf(p->running.destination, sizeof p->running.destination, "%s", p->session->destination);
    running_begin(p->session->gate->config.writs, p->session->writ, &p->running);
}

bool
park(struct down *d, const struct rpc *m)
{
    if (d->pending == NULL)
        return false;
    struct parked *p = make(d);
    if (p == NULL)
        return false;
    down_ref(d);
    move_pending(p, d);
    bool asked = add_asked(p, m);
    if (asked)
        answer_asking(d, p);
    else
        down_fail(d, err_make(E_UPSTREAM, "the server asks too much"));
    down_unref(d);
    if (!asked)
        drop(p, false);
    return true;
}

bool
park_more(struct parked *p, const struct rpc *m)
{
    return add_asked(p, m);
}

struct parked *
park_only(const struct session *s)
{
    struct parked *found = NULL;
    for (struct parked *p = s->parked; p; p = p->next)
        if (p->pending && found)
            return NULL;
        else if (p->pending)
            found = p;
    return found;
}

/* ------------------------------------------------------------------------------------------------------- coming back */

static struct parked *
find(const struct down *d)
{
    struct bytes state = json_text(d->rpc.params, "requestState");
    for (struct parked *p = d->session->parked; p; p = p->next)
        if (bytes_same_secret(state, bytes_str(p->handle)) && bytes_eq(p->method, d->rpc.method) && bytes_eq(p->subject, subject_of(d)) &&
            bytes_eq(p->arguments, arguments_of(d)))
            return p;
    return NULL;
}

/* What the client answered goes to the server; what it did not is asked again. */
static void
give_answers(struct parked *p, const struct json *responses)
{
    struct link *l = p->session->link;
    for (struct asked **at = &p->asked; *at;) {
        struct asked *a = *at;
        const struct json *value = json_get(responses, a->key);
        if (!json_is(value, JSON_OBJECT)) {
            at = &a->next;
            continue;
        }
        struct buf b = buf_make(MESSAGE_MAX);
        struct arena arena = {.max = (size_t)64 << 20};
        struct rpc r;
        rpc_put_result(&b, a->id, value->raw);
        if (!b.failed && l && !err_failed(rpc_read(&arena, buf_bytes(&b), &r)))
            link_respond(l, &r, a->id);
        arena_free(&arena);
        buf_free(&b);
        *at = a->next;
    }
}

static void
give_late(struct down *d, struct parked *p)
{
    struct arena a = {.max = (size_t)128 << 20};
    struct rpc r;
    if (p->answered.n && !err_failed(rpc_read(&a, p->answered, &r))) {
        p->answer(d, &r);
    } else {
        call_over(d, "upstream_failed", 0);
        down_fail(d, err_make(E_UPSTREAM, "the server ended while it waited for the answer"));
    }
    arena_free(&a);
}

bool
park_resume(struct down *d)
{
    const struct json *responses = rpc_param(&d->rpc, "inputResponses");
    if (d->session->era != ERA_MODERN || d->session->link->era != ERA_LEGACY || rpc_param(&d->rpc, "requestState") == NULL)
        return false;
    struct parked *p = find(d);
    if (p == NULL || (responses && responses->type != JSON_OBJECT)) {
        static const char why[] = "requestState is not of this request, was used, or is older than ten minutes";
        refusal_of(d->session, d->call, REFUSED_STATE, why);
        call_over(d, "refused", 0);
        down_error(d, RPC_INVALID_PARAMS, why, (struct bytes){NULL, 0});
        return true;
    }
    give_answers(p, responses);
    struct pending *pending = p->pending; /* gone when the server ended over it */
    if (p->asked && pending) {            /* something is still to be answered */
        answer_asking(d, p);
        return true;
    }
    detach(p);
    if (pending) {
        pending->down = down_ref(d);
        d->pending = pending;
    } else {
        give_late(d, p);
    }
    parked_free(p);
    return true;
}
