/*
 * What stands in what passes. Everything a server says goes through look_up before anybody here reads it, everything an agent says through
 * look_arguments or look_down before it is decided or sent. A finding is on record by rule and place, never by its value.
 */
#include <stdio.h>
#include <stdlib.h>

#include "gate/mcp/mcp.h"

/* ----------------------------------------------------------------------------------------------- tokens of Writ's own */

struct sighted { /* a token was seen: what it opened is closed when the message at hand is done with */
    struct gate *gate;
    char writ[ENV_ID_MAX];
    char why[120];
};

static void
revoked(struct err e, const struct revoked *r, void *ctx)
{
    (void)e, (void)r, (void)ctx; /* it is on record, and goes on by itself */
}

static void
cut_now(void *ctx)
{
    struct sighted *s = ctx;
    struct err e = writs_revoke(s->gate->config.writs, BY_WRIT, bytes_str(s->writ), s->why, "writ", revoked, NULL);
    (void)e; /* it has ended already */
    free(s);
}

struct looking {
    struct gate *gate;
    const struct session *session;
    const char *direction, *destination;
};

static void
record_token(const struct looking *k, const char *writ)
{
    struct buf m = buf_make(2048);
    json_member_str(&m, "event", "own_token_seen");
    json_member_bool(&m, "token", true);
    json_member_str(&m, "direction", k->direction);
    json_member_str(&m, "destination", k->destination);
    if (k->session)
        json_member_str(&m, "agent", k->session->writ->agent->id);
    json_member_str(&m, "writ", writ);
    struct audit_event event = {.kind = AUDIT_FINDING, .members = buf_bytes(&m)};
    struct err e = audit_append(k->gate->config.audit, &event, false, NULL, NULL);
    (void)e; /* a log that fails has already stopped everything */
    buf_free(&m);
}

static void
own_token(struct bytes token, void *ctx)
{
    const struct looking *k = ctx;
    const struct writ *writ = endpoint_writ(k->gate, token);
    struct sighted *s = writ ? calloc(1, sizeof *s) : NULL;
    if (s == NULL)
        return; /* of nobody who is here: it is a finding like others */
    s->gate = k->gate;
    snprintf(s->writ, sizeof s->writ, "%s", writ->id);
    snprintf(s->why, sizeof s->why, "the secret of its endpoint was seen in %s of %s", k->direction, k->destination);
    record_token(k, writ->id);
    if (loop_after(k->gate->config.loop, 0, cut_now, s) == NULL)
        cut_now(s);
}

/* -------------------------------------------------------------------------------------------------------- on record */

void
look_put(const struct inspection *found, struct buf *m)
{
    inspection_put(found, m);
}

static bool
worth_noting(const struct inspection *found)
{
    return found->total > 0 || found->incomplete;
}

/* What an observed agent says and gets, and what goes to and from an observed destination, passes as it would without Writ (law 3). */
static void
lift_observed(const struct looking *k, struct inspection *found)
{
    struct gate *g = k->gate;
    int64_t now = g->config.env->now_ms(g->config.env);
    if (k->session && found->action != FOUND_NOTE &&
        (estate_observed(g->snapshot->estate, OBSERVE_AGENT, k->session->writ->agent->id, now) ||
         estate_observed(g->snapshot->estate, OBSERVE_DESTINATION, k->destination, now)))
        inspection_lift(found);
}

/* "github-token, iban" for people. */
static void
put_what(const struct inspection *found, struct buf *b)
{
    for (size_t i = 0; i < found->n && b->n < 400; i++) {
        bool again = false;
        for (size_t k = 0; k < i && !again; k++)
            again = strcmp(found->list[k].rule, found->list[i].rule) == 0;
        if (!again)
            buf_printf(b, "%s%s at %s", b->n ? ", " : "", found->list[i].rule, found->list[i].place);
    }
    if (b->n == 0)
        buf_puts(b, "nothing");
}

static void
record(const struct looking *k, const struct inspection *found, const struct down *d, struct bytes method)
{
    struct buf m = buf_make(16384), what = buf_make(1024);
    const struct session *s = k->session;
    if (d && d->call[0])
        json_member_str(&m, "call", d->call);
    if (s) {
        json_member_str(&m, "writ", s->writ->id);
        json_member_str(&m, "agent", s->writ->agent->id);
    }
    json_member_str(&m, "destination", k->destination);
    json_member_str(&m, "direction", k->direction);
    if (method.n)
        json_member_text(&m, "method", bytes_sub(method, 0, 64));
    json_member_str(&m, "action", found_action_names[found->action]);
    put_what(found, &what);
    json_member_str(&m, "what", buf_text(&what));
    inspection_put(found, &m);
    struct audit_event event = {.kind = AUDIT_FINDING, .members = buf_bytes(&m)};
    struct err e = audit_append(k->gate->config.audit, &event, false, NULL, NULL);
    (void)e; /* the message is dealt with all the same; a log that fails stops the next call */
    buf_free(&m);
    buf_free(&what);
}

bool
look_refused(const struct inspection *found, char reason[200])
{
    if (found->action != FOUND_REFUSE)
        return false;
    const struct spotted *s = NULL;
    for (size_t i = 0; i < found->n && s == NULL; i++)
        if (found->list[i].action == FOUND_REFUSE)
            s = &found->list[i];
    if (s)
        snprintf(reason, 200, "it holds what may not pass (%.64s at %.100s)", s->rule, s->place[0] ? s->place : "/");
    else
        snprintf(reason, 200, "it cannot be looked at whole: %.150s", found->incomplete ? found->why : "too much was found");
    return true;
}

/* --------------------------------------------------------------------------------------------------- from the server */

/* The carry of a request is only made when something comes for it before its answer: then the answer may be its last piece. */
static struct inspect_carry *
carry_of(struct down *d, bool response)
{
    if (d && d->carry == NULL && !response)
        d->carry = inspect_carry_make();
    return d ? d->carry : NULL;
}

static bool
replace(struct arena *a, struct bytes text, struct rpc *m)
{
    struct rpc changed;
    if (err_failed(rpc_read(a, text, &changed)) || changed.kind != m->kind)
        return false;
    *m = changed;
    return true;
}

/* Who waits is not here now: the refusal is kept for him in the answer's place. */
static bool
as_refusal(struct arena *a, struct rpc *m, const char *reason)
{
    char text[260];
    struct buf b = buf_make(4096);
    snprintf(text, sizeof text, "refused: the answer was held back: %s", reason);
    rpc_put_error(&b, m->id->raw, RPC_INTERNAL, text, (struct bytes){NULL, 0});
    struct bytes kept = b.failed ? (struct bytes){NULL, 0} : arena_copy(a, buf_bytes(&b));
    buf_free(&b);
    return kept.at && replace(a, kept, m);
}

static void
answer_refused(struct link *l, struct pending *p, const char *reason, size_t bytes)
{
    struct down *d = p->down ? down_ref(p->down) : NULL;
    if (d == NULL) {
        link_fail(l, err_make(E_DENIED, "what the server said when it was started may not pass: %s", reason));
        return;
    }
    link_forget(l, p);
    char text[260];
    snprintf(text, sizeof text, "refused: the answer was held back: %s", reason);
    call_over(d, "held_back", bytes);
    down_error(d, RPC_WRIT_REFUSED, text, BYTES("{\"code\":\"found\"}"));
    down_unref(d);
}

/* What a server offers was pinned by a person who read it; an example of a token in it is no leak, and without it the pin would not fit. */
static bool
is_pinned(const struct pending *p)
{
    struct bytes method = p && p->down ? p->down->rpc.method : (struct bytes){NULL, 0};
    return p && (p->own || (bytes_ends(method, BYTES("/list")) && !bytes_is(method, "resources/list")));
}

bool
look_up(struct link *l, struct pending *p, struct down *about, struct arena *a, struct rpc *m)
{
    struct gate *g = l->gate;
    struct down *d = p ? p->down : about;
    bool response = m->kind == RPC_RESPONSE;
    if (l->writ == NULL || (response && p == NULL))
        return true; /* a probe, which gets no secret and no agent; or what nobody waits for */
    struct session *s = d ? d->session : l->session;
    struct looking k = {g, s, response ? "a result" : m->kind == RPC_REQUEST ? "a request" : "a notification", l->destination->id};
    struct inspect_ask ask = {.way = INSPECT_RESULTS, .sealed = l->sealed, .carry = carry_of(d, response), .own = own_token, .ctx = &k};
    UNINITIALIZED struct inspection found;
    char reason[200];
    inspect_json(is_pinned(p) ? NULL : g->inspect, g->looking, &ask, m->root, a, &found);
    lift_observed(&k, &found);
    if (!worth_noting(&found))
        return true;
    record(&k, &found, d, response ? d ? d->rpc.method : BYTES("start") : m->method);
    bool refused = look_refused(&found, reason);
    if (!refused && found.changed && !replace(a, found.text, m)) {
        snprintf(reason, sizeof reason, "what was found in it cannot be taken out of it");
        refused = true;
    }
    if (!refused) {
        if (found.sensitivity > SENS_PUBLIC)
            writ_saw_data(g->config.writs, l->writ, found.sensitivity);
        return true;
    }
    if (response && p->down == NULL && p->own == NULL)
        return as_refusal(a, m, reason);
    if (response)
        answer_refused(l, p, reason, m->root->raw.n);
    return false;
}

/* ---------------------------------------------------------------------------------------------------- from the agent */

struct names {
    const char *list[SIGHTINGS_MAX + 2];
    size_t n;
};

static void
add_name(const char *name, void *ctx)
{
    struct names *n = ctx;
    if (n->n < SIGHTINGS_MAX + 1)
        n->list[n->n++] = name;
}

static struct err
keep_names(struct down *d, const struct inspection *found)
{
    struct names n = {.n = 0};
    inspection_names(found, add_name, &n);
    const char **list = arena_list(&d->arena, n.n + 1, sizeof *list);
    if (list == NULL)
        return err_make(E_MEMORY, "no memory for what was found");
    for (size_t i = 0; i < n.n; i++)
        if ((list[i] = arena_str(&d->arena, bytes_str(n.list[i]))) == NULL)
            return err_make(E_MEMORY, "no memory for what was found");
    d->found_names = list;
    return err_ok();
}

/* What was found first stays on record when the changed arguments hold nothing any more. */
static struct err
keep_found(struct down *d, const struct inspection *found)
{
    struct inspection *kept = arena_get(&d->arena, sizeof *kept);
    if (kept == NULL)
        return err_make(E_MEMORY, "no memory for what was found");
    *kept = *found;
    for (size_t i = 0; i < kept->n; i++)
        if ((kept->list[i].rule = arena_str(&d->arena, bytes_str(kept->list[i].rule))) == NULL)
            return err_make(E_MEMORY, "no memory for what was found");
    d->found = kept;
    return err_ok();
}

struct err
look_arguments(struct down *d, bool redact, bool *changed)
{
    struct gate *g = d->session->gate;
    struct looking k = {g, d->session, "the arguments of a call", d->session->destination};
    const struct link *l = d->session->link;
    struct inspect_ask ask = {
        .way = INSPECT_ARGUMENTS, .sealed = l ? l->sealed : NULL, .redact = redact, .own = d->found ? NULL : own_token, .ctx = &k};
    UNINITIALIZED struct inspection found;
    *changed = false;
    d->found_names = NULL;
    inspect_json(g->inspect, g->looking, &ask, d->arguments, &d->arena, &found);
    if (!redact)
        lift_observed(&k, &found);
    if (!worth_noting(&found))
        return err_ok();
    TRY(keep_names(d, &found));
    if (d->found == NULL || redact)
        TRY(keep_found(d, &found));
    if (found.sensitivity > SENS_PUBLIC)
        writ_saw_data(g->config.writs, d->session->writ, found.sensitivity);
    if (!found.changed || found.action == FOUND_REFUSE)
        return err_ok();
    *changed = true;
    return json_parse(&d->arena, found.text, NULL, &d->arguments);
}

struct err
look_down(struct session *s, struct link *l, const struct json *value, struct bytes method)
{
    struct gate *g = s->gate;
    struct looking k = {g, s, "a request", s->destination};
    struct inspect_ask ask = {.way = INSPECT_ARGUMENTS, .sealed = l->sealed, .own = own_token, .ctx = &k};
    UNINITIALIZED struct inspection found;
    struct arena a = {.max = (size_t)64 << 20};
    char reason[200];
    if (value == NULL)
        return err_ok();
    inspect_json(g->inspect, g->looking, &ask, value, &a, &found);
    lift_observed(&k, &found);
    bool refused = worth_noting(&found) && look_refused(&found, reason);
    if (!refused && found.changed) { /* it is sent as it came or not at all */
        snprintf(reason, sizeof reason, "it holds what may not pass (%.64s at %.100s)", found.list[0].rule, found.list[0].place);
        found.action = FOUND_REFUSE;
        refused = true;
    }
    if (worth_noting(&found)) {
        record(&k, &found, NULL, method);
        if (found.sensitivity > SENS_PUBLIC)
            writ_saw_data(g->config.writs, s->writ, found.sensitivity);
    }
    arena_free(&a);
    return refused ? err_make(E_DENIED, "refused: %s", reason) : err_ok();
}
