/* tools/call: found, typed, decided, recorded, sent, recorded again. In that order (law 6), with what was checked being what is sent (law 8). */
#include <stdio.h>
#include <stdlib.h>

#include "gate/mcp/limit.h"

static void
put_session(struct buf *m, const struct session *s)
{
    json_member_str(m, "writ", s->writ->id);
    json_member_str(m, "agent", s->writ->agent->id);
    json_member_str(m, "instance", s->writ->instance->id);
    json_member_str(m, "destination", s->destination);
}

static void
put_who(struct buf *m, const struct down *d)
{
    json_member_str(m, "call", d->call);
    put_session(m, d->session);
}

static void
put_decision(struct buf *m, const struct down *d, struct bytes name)
{
    const struct decision *v = &d->decision;
    put_who(m, d);
    json_member_text(m, "tool", bytes_sub(name, 0, 200));
    json_member_str(m, "decision", outcome_names[v->outcome]);
    if (v->observed)
        json_member_str(m, "observed", v->would == OUTCOME_STEP_UP ? "would_ask" : "would_deny");
    json_member_str(m, "tier", tier_names[v->tier]);
    json_member_str(m, "tier_why", v->tier_why);
    json_key(m, "policies");
    json_open(m, '[');
    for (size_t i = 0; i < v->n_policies; i++) {
        json_item(m);
        json_put_text(m, bytes_make(v->policies[i].at, v->policies[i].n));
    }
    json_close(m, ']');
    json_member_str(m, "reason", v->reason);
    if (v->edit[0] && (v->outcome != OUTCOME_ALLOW || v->observed))
        json_member_str(m, "edit", v->edit);
    json_member_str(m, "estate", d->snapshot->estate->version);
    if (d->modified)
        json_member_str(m, "modified", d->modified);
    if (d->found)
        look_put(d->found, m);
}

struct err
call_record(struct down *d, struct bytes name, bool sync, audit_done *done, void *ctx)
{
    struct buf m = buf_make(16384);
    const struct json *arguments = d->arguments ? d->arguments : rpc_param(&d->rpc, "arguments");
    put_decision(&m, d, name);
    struct audit_event event = {.kind = AUDIT_DECISION, .members = buf_bytes(&m)};
    if (arguments) {
        struct bytes said = arguments->raw;
        if (d->found && d->found->secret)
            said = d->found->clean.n ? d->found->clean : BYTES("\"[redacted]\"");
        event.said[event.n_said++] = (struct audit_said){"arguments", said};
    }
    if (rpc_param(&d->rpc, "inputResponses")) /* what the agent's client says that a person or a model said */
        event.said[event.n_said++] =
            (struct audit_said){"input_responses", d->input_held ? BYTES("\"[redacted]\"") : rpc_param(&d->rpc, "inputResponses")->raw};
    struct err e =
        m.failed ? err_make(E_LIMIT, "the record of a decision is too large") : audit_append(d->session->gate->config.audit, &event, sync, done, ctx);
    buf_free(&m);
    return e;
}

void
call_over(struct down *d, const char *status, size_t bytes)
{
    if (!d->owes || d->answered)
        return;
    struct gate *g = d->session->gate;
    struct buf m = buf_make(4096);
    put_who(&m, d);
    json_member_str(&m, "status", status);
    json_member_int(&m, "us", (int64_t)((g->config.env->mono_ns(g->config.env) - d->began_ns) / 1000));
    json_member_int(&m, "bytes", (int64_t)bytes);
    if (d->outsiders)
        json_member_str(&m, "outsiders", d->outsiders);
    struct audit_event event = {.kind = AUDIT_OUTCOME, .members = buf_bytes(&m)};
    struct err e = audit_append(g->config.audit, &event, false, NULL, NULL);
    (void)e; /* the effect has happened; a log that fails stops the next one */
    buf_free(&m);
    d->owes = false;
}

/* ------------------------------------------------------------------------------------------------------- refusals */

/* What was refused and by which policy, and nothing else: no argument of others, no path of the estate, no place of a policy. */
void
call_tell(struct down *d, const char *denied)
{
    const struct decision *v = &d->decision;
    struct buf data = buf_make(8192), text = buf_make(1024);
    json_open(&data, '{');
    json_member_str(&data, "code", v->outcome == OUTCOME_STEP_UP ? "approval_required" : v->outcome == OUTCOME_DEFER ? "deferred" : denied);
    json_member_str(&data, "call", d->call);
    json_key(&data, "policies");
    json_open(&data, '[');
    for (size_t i = 0; i < v->n_policies; i++) {
        json_item(&data);
        json_put_text(&data, bytes_make(v->policies[i].at, v->policies[i].n));
    }
    json_close(&data, ']');
    if (v->ungranted && d->scope)
        json_member_str(&data, "scope", d->scope);
    json_close(&data, '}');
    buf_printf(&text, "refused: %s", v->reason);
    down_error(d, RPC_WRIT_REFUSED, buf_text(&text), buf_bytes(&data));
    buf_free(&data);
    buf_free(&text);
}

void
call_refuse_as(struct down *d, struct bytes name, const char *code, const char *reason, const char *edit)
{
    struct decision *v = &d->decision;
    v->outcome = OUTCOME_DENY;
    v->n_policies = 0;
    v->ungranted = strcmp(code, "ungranted") == 0;
    snprintf(v->reason, sizeof v->reason, "%.250s", reason);
    snprintf(v->edit, sizeof v->edit, "%.250s", edit);
    struct err e = writ_count(d->session->gate->config.writs, d->session->writ, false);
    if (!err_failed(e))
        e = call_record(d, name, false, NULL, NULL);
    if (err_failed(e))
        down_fail(d, e);
    else
        call_tell(d, v->ungranted ? "denied" : code);
}

static void
refuse(struct down *d, struct bytes name, const char *reason, const char *edit)
{
    call_refuse_as(d, name, "denied", reason, edit);
}

void
call_refuse(struct down *d, struct bytes name, const char *reason)
{
    char edit[160];
    if (!call_prepare(d))
        return;
    snprintf(edit, sizeof edit, "pins/%s.json (look: writ destination show %s)", d->destination->id, d->destination->id);
    refuse(d, name, reason, edit);
}

/* Arguments that do not fit are told as a tool's result (SEP-1303), so that the model can mend them. */
static void
refuse_arguments(struct down *d, struct bytes name, struct err e)
{
    struct decision *v = &d->decision;
    struct buf b = buf_make(4096);
    v->outcome = OUTCOME_DENY;
    v->n_policies = 0;
    snprintf(v->reason, sizeof v->reason, "%.250s", e.text);
    struct err r = call_record(d, name, false, NULL, NULL);
    if (err_failed(r)) {
        down_fail(d, r);
        return;
    }
    json_open(&b, '{');
    json_key(&b, "content");
    json_open(&b, '[');
    json_open(&b, '{');
    json_member_str(&b, "type", "text");
    json_member_str(&b, "text", e.text);
    json_close(&b, '}');
    json_close(&b, ']');
    json_member_bool(&b, "isError", true);
    if (d->session->era == ERA_MODERN)
        json_member_str(&b, "resultType", "complete");
    json_close(&b, '}');
    down_result(d, buf_bytes(&b));
    buf_free(&b);
}

/* -------------------------------------------------------------------------------------------------------- sending */

static void
call_deadline(struct down *d)
{
    uint64_t ms = d->tool && d->tool->call_timeout_ms ? d->tool->call_timeout_ms : d->destination->call_timeout_ms;
    if (ms && !d->answered)
        down_deadline(d, ms);
}

static void
send_on(struct down *d)
{
    struct session *s = d->session;
    struct link *l = s->link;
    if (d->answered)
        return; /* cut or cancelled while its record went to disk */
    struct err e = writ_alive(s->gate->config.writs, s->writ, s->gate->snapshot->estate, s->destination);
    if (!err_failed(e) && l == NULL)
        e = err_make(E_UPSTREAM, "the server ended");
    if (!err_failed(e) && d->tool && !link_tool_verified(l, d->tool)) /* seen otherwise while the record went to disk */
        e = err_make(E_PIN, "the tool is not as it was pinned; a person must look at the change");
    if (!err_failed(e) && park_resume(d)) {
        call_deadline(d);
        return;
    }
    struct buf params = buf_make(MESSAGE_MAX + 65536);
    if (!err_failed(e)) {
        params_translate(&params, l, d, d->arguments ? d->arguments->raw : (struct bytes){NULL, 0});
        e = params.failed ? err_make(E_LIMIT, "the call is too large") : link_request(l, d, buf_bytes(&params), call_answer);
    }
    buf_free(&params);
    if (err_failed(e)) {
        call_over(d, "not_sent", 0);
        down_fail(d, e);
        return;
    }
    call_deadline(d);
}

void
call_answered(struct session *s, const struct down *d, struct bytes answers)
{
    struct buf m = buf_make(4096);
    if (d && d->call[0])
        json_member_str(&m, "call", d->call);
    put_session(&m, s);
    json_member_str(&m, "decision", "answered");
    json_member_text(&m, "tool", d ? bytes_sub(json_text(d->rpc.params, "name"), 0, 200) : (struct bytes){NULL, 0});
    struct audit_event event = {.kind = AUDIT_DECISION, .members = buf_bytes(&m)};
    event.said[0] = (struct audit_said){"input_responses", answers};
    event.n_said = 1;
    struct err e = audit_append(s->gate->config.audit, &event, false, NULL, NULL);
    (void)e; /* writ_alive refuses what follows when the log is down */
    buf_free(&m);
}

void
call_again(struct down *d)
{
    call_answered(d->session, d, d->more);
    if (d->session->link && !link_tool_verified(d->session->link, d->tool)) {
        call_over(d, "not_sent", 0);
        down_fail(d, err_make(E_PIN, "the tool is not as it was pinned; a person must look at the change"));
        return;
    }
    send_on(d);
}

struct recorded {
    struct down *d;
    struct loop *loop;
    void (*then)(struct down *d);
    struct err e;
};

static void
recorded_on_loop(void *ctx)
{
    struct recorded *r = ctx;
    if (err_failed(r->e))
        down_fail(r->d, r->e);
    else
        r->then(r->d);
    down_unref(r->d);
    free(r);
}

static void
recorded(struct err e, uint64_t index, void *ctx)
{
    struct recorded *r = ctx;
    (void)index;
    r->e = e;
    e = loop_post(r->loop, recorded_on_loop, r);
    (void)e; /* out of memory: the call stays unanswered until its session ends; it was not sent */
}

/* High: on disk before the effect. Others: in the journal buffer, on disk within the stated window (law 6). */
void
call_allow(struct down *d, struct bytes name, void (*then)(struct down *d))
{
    struct gate *g = d->session->gate;
    struct err e = writ_count(g->config.writs, d->session->writ, true);
    if (err_failed(e)) {
        refuse(d, name, e.text, "");
        return;
    }
    d->owes = true;
    if (d->decision.tier != TIER_HIGH) {
        e = call_record(d, name, false, NULL, NULL);
        if (err_failed(e))
            down_fail(d, e);
        else
            then(d);
        return;
    }
    struct recorded *r = malloc(sizeof *r);
    if (r == NULL) {
        down_fail(d, err_make(E_MEMORY, "no memory for a record"));
        return;
    }
    *r = (struct recorded){down_ref(d), g->config.loop, then, err_ok()};
    e = call_record(d, name, true, recorded, r);
    if (err_failed(e)) {
        free(r);
        down_fail(d, e);
        down_unref(d);
    }
}

void
call_deny(struct down *d, struct bytes name)
{
    struct err e = writ_count(d->session->gate->config.writs, d->session->writ, false);
    if (!err_failed(e))
        e = call_record(d, name, false, NULL, NULL);
    if (err_failed(e))
        down_fail(d, e);
    else
        call_tell(d, "denied");
}

/* ------------------------------------------------------------------------------------------------------- deciding */

static struct err
type_arguments(struct down *d)
{
    const struct json *given = rpc_param(&d->rpc, "arguments");
    static const char none[] = "{}";
    struct json *empty;
    if (given && given->type != JSON_OBJECT)
        return err_make(E_ARGUMENTS, "arguments: expected an object, got %s", json_type_name(given->type));
    if (given == NULL) {
        TRY(json_parse(&d->arena, bytes_str(none), NULL, &empty));
        given = empty;
    }
    return arguments_check(d->tool->schema, given, &d->arena, &d->arguments);
}

struct call
call_of(struct down *d, struct bytes name)
{
    struct gate *g = d->session->gate;
    return (struct call){.writ = d->session->writ,
                         .destination = d->destination,
                         .tool = d->tool,
                         .name = name,
                         .arguments = d->arguments,
                         .seen = writ_seen(g->config.writs, d->session->writ),
                         .now_ms = g->config.env->now_ms(g->config.env),
                         .calls = d->session->writ->calls,
                         .found = d->found_names};
}

/* The newer era asks for one more check: the header that routed the request says what the body says (-32020). Done by the face. */
bool
call_prepare(struct down *d)
{
    struct gate *g = d->session->gate;
    struct err e = d->call[0] ? err_ok() : env_id(g->config.env, "ca", d->call); /* what waited for its turn is taken again */
    snapshot_unref(d->snapshot);
    d->snapshot = snapshot_ref(g->snapshot);
    d->destination = estate_destination(d->snapshot->estate, d->session->destination);
    bytes_text(bytes_str(d->call), d->running.call, sizeof d->running.call);
    if (!err_failed(e) && d->destination == NULL)
        e = err_make(E_FORBIDDEN, "there is no such destination for this writ");
    if (err_failed(e))
        down_fail(d, e);
    return !err_failed(e);
}

/* Typed, looked at, and where the estate says so, without what was found; what is typed last is what is decided and sent. */
static struct err
prepare_arguments(struct down *d, bool redact)
{
    bool changed = false;
    if (!redact)
        TRY(type_arguments(d));
    struct err e = redact || d->session->link == NULL
                       ? err_ok()
                       : look_down(d->session, d->session->link, rpc_param(&d->rpc, "inputResponses"), BYTES("inputResponses"));
    d->input_held = err_failed(e);
    TRY(e);
    TRY(look_arguments(d, redact, &changed));
    if (!changed)
        return redact ? err_make(E_DENIED, "what was found in the arguments cannot be taken out of them") : err_ok();
    const struct json *given = d->arguments;
    TRY(arguments_check(d->tool->schema, given, &d->arena, &d->arguments));
    return look_arguments(d, false, &changed);
}

/* A policy lets the call pass without what was found in it: it is taken out, and the changed call decided again. False: it was answered. */
static bool
decide_modified(struct down *d, struct bytes name)
{
    struct gate *g = d->session->gate;
    char id[160];
    struct cedar_str policy = d->decision.policies[0];
    snprintf(id, sizeof id, "redact (%.*s)", (int)(policy.n < 128 ? policy.n : 128), policy.at);
    struct err e = prepare_arguments(d, true);
    d->modified = arena_printf(&d->arena, "%s", id);
    if (err_failed(e)) {
        refuse(d, name, e.text, "");
        return false;
    }
    struct call call = call_of(d, name);
    decide(d->snapshot, &call, g->scratch, &d->arena, &d->decision);
    if (d->decision.outcome != OUTCOME_MODIFY)
        return true;
    refuse(d, name, "a policy forbids it also without what was found in it", d->decision.edit);
    return false;
}

bool
call_markable(const struct down *d, const struct tool *tool)
{
    const struct link *l = d->session->link;
    return tool->unmarkable == NULL || (d->session->era != ERA_MODERN && (l == NULL || l->era != ERA_MODERN));
}

void
call_take(struct down *d)
{
    struct gate *g = d->session->gate;
    struct bytes name = json_text(d->rpc.params, "name");
    if (name.n == 0) {
        down_error(d, RPC_INVALID_PARAMS, "tools/call needs \"name\"", (struct bytes){NULL, 0});
        return;
    }
    if (link_pins_hold(d))
        return;
    if (!call_prepare(d))
        return;
    d->scope = arena_printf(&d->arena, "%s/%.*s", d->destination->id, BYTES_CUT(name, 160));
    d->tool = destination_tool(d->destination, name);
    if (!limit_rate(d, name, d->tool))
        return;
    if (d->tool == NULL) {
        char reason[160], edit[160];
        snprintf(reason, sizeof reason, "the task %s grants no %s/%.*s", d->session->writ->task->id, d->destination->id, BYTES_CUT(name, 60));
        snprintf(edit, sizeof edit, "pins/%s.json (the tool is not pinned)", d->destination->id);
        call_refuse_as(d, name, "ungranted", reason, edit);
        return;
    }
    struct err e = prepare_arguments(d, false);
    struct call call = call_of(d, name);
    if (err_failed(e) && e.code == E_ARGUMENTS && grant_names(d, name)) {
        refuse_arguments(d, name, e);
        return;
    }
    if (err_failed(e)) {
        refuse(d, name, e.text, "");
        return;
    }
    if (!limit_repeats(d, name, d->arguments, d->tool))
        return;
    decide(d->snapshot, &call, g->scratch, &d->arena, &d->decision);
    if (d->decision.outcome == OUTCOME_MODIFY && !decide_modified(d, name))
        return;
    char looked[200];
    if (d->decision.outcome == OUTCOME_ALLOW && d->found && look_refused(d->found, looked)) {
        call_refuse_as(d, name, "found", looked, "inspection.yaml (what is done about what is found in arguments)");
        return;
    }
    if (d->decision.outcome == OUTCOME_ALLOW && !call_markable(d, d->tool)) {
        char edit[160];
        snprintf(edit, sizeof edit, "pins/%s.json (its server has to change it: %.100s)", d->destination->id, d->tool->unmarkable);
        refuse(d, name, "the tool marks arguments for headers in a way that MCP 2026-07-28 forbids", edit);
        return;
    }
    if (d->decision.outcome == OUTCOME_ALLOW && !link_tool_verified(d->session->link, d->tool)) {
        char edit[160];
        snprintf(edit, sizeof edit, "pins/%s.json (look: writ destination show %s)", d->destination->id, d->destination->id);
        refuse(d, name, "the tool is not as it was pinned; a person must look at the change", edit);
        return;
    }
    if (d->decision.outcome == OUTCOME_ALLOW && !limit_place(d, name, d->tool))
        return;
    if (d->decision.outcome == OUTCOME_ALLOW) {
        call_allow(d, name, send_on);
        return;
    }
    call_deny(d, name);
}

/* A server's error code goes through, but for Writ's own: it may not speak in Writ's name. */
static int
servers_code(const struct json *code)
{
    bool fits = json_is(code, JSON_INT) && code->number >= INT32_MIN && code->number <= INT32_MAX;
    int64_t n = fits ? code->number : RPC_INTERNAL;
    return n == RPC_WRIT_REFUSED || n == RPC_WRIT_LIMITED || n == RPC_WRIT_ENDED || n == RPC_WRIT_UPSTREAM || n == RPC_WRIT_DOWN ? RPC_INTERNAL
                                                                                                                                 : (int)n;
}

void
call_answer(struct down *d, const struct rpc *answer)
{
    struct session *s = d->session;
    if (d->answered)
        return;
    call_saw(d, answer);
    if (answer->error) {
        struct buf b = buf_make(MESSAGE_MAX);
        const struct json *code = json_get(answer->error, "code");
        struct bytes text = json_text(answer->error, "message");
        call_over(d, "error", answer->root->raw.n);
        if (asks_by_error(d, answer->error)) {
            buf_free(&b);
            return;
        }
        buf_printf(&b, "%.*s", BYTES_CUT(text, 4000));
        if (b.n == 0)
            buf_puts(&b, "the server failed without saying how");
        const struct json *data = json_get(answer->error, "data");
        down_error(d, servers_code(code), buf_text(&b), data ? data->raw : (struct bytes){NULL, 0});
        buf_free(&b);
        return;
    }
    if (d->tool && d->tool->result_bytes && answer->root->raw.n > d->tool->result_bytes) {
        struct err e =
            err_make(E_LIMIT, "its answer has %zu bytes; this tool may give %llu", answer->root->raw.n, (unsigned long long)d->tool->result_bytes);
        call_over(d, "too_large", answer->root->raw.n);
        down_fail(d, e);
        return;
    }
    if (answer->result->type != JSON_OBJECT) {
        call_over(d, "error", answer->root->raw.n);
        down_fail(d, err_make(E_UPSTREAM, "the server's result is %s, not an object", json_type_name(answer->result->type)));
        return;
    }
    const struct json *failed = json_get(answer->result, "isError"), *type = json_get(answer->result, "resultType");
    bool asks = json_is(type, JSON_STRING) && bytes_is(type->text, "input_required");
    bool task = json_is(type, JSON_STRING) && bytes_is(type->text, "task");
    if (task && !tasks_made(d, answer->result)) {
        call_over(d, "error", answer->root->raw.n);
        down_fail(d, err_make(E_UPSTREAM, "the server made a task whose handle cannot be kept"));
        return;
    }
    if (asks && s->era == ERA_LEGACY) {
        asks_by_result(d, answer->result);
        return;
    }
    call_over(d, asks ? "input_required" : task ? "task" : json_is(failed, JSON_BOOL) && failed->truth ? "tool_error" : "ok", answer->root->raw.n);
    struct buf b = buf_make(RESULT_MAX);
    buf_expect(&b, answer->result->raw.n + 64);
    result_translate(&b, s, answer->result, false);
    if (b.failed)
        down_error(d, RPC_WRIT_UPSTREAM, "the result is too large", (struct bytes){NULL, 0});
    else
        down_result(d, buf_bytes(&b));
    buf_free(&b);
}

/* Is a tool of this name granted at all? Only then may the agent learn how its arguments should look. */
bool
grant_names(const struct down *d, struct bytes name)
{
    const struct task *task = d->session->writ->task;
    for (size_t i = 0; i < task->n_grants; i++)
        if (strcmp(task->grants[i].destination->id, d->session->destination) == 0 &&
            (bytes_is(name, task->grants[i].tool) || strcmp(task->grants[i].tool, "*") == 0))
            return true;
    return false;
}
