/* Prompts and resources: found, typed, decided, recorded, sent. In that order, as calls of tools are (call.c). */
#include <stdio.h>

#include "gate/mcp/mcp.h"

bool
subject_granted(const struct session *s, const char *group)
{
    const struct task *task = s->writ->task;
    size_t n = strlen(group);
    for (size_t i = 0; i < task->n_grants; i++)
        if (strcmp(task->grants[i].destination->id, s->destination) == 0 && strncmp(task->grants[i].tool, group, n) == 0)
            return true;
    return false;
}

/* --------------------------------------------------------------------------------------------------------- asking for one */

static void
answer(struct down *d, const struct rpc *m)
{
    call_over(d, m->error ? "error" : "ok", m->root->raw.n);
    method_answer(d, m);
}

static void
go_on(struct down *d)
{
    struct session *s = d->session;
    struct bytes method = d->rpc.method;
    if (d->answered)
        return; /* cut or cancelled while its record went to disk */
    struct err e = writ_alive(s->gate->config.writs, s->writ, s->gate->snapshot->estate, s->destination);
    if (!err_failed(e) && s->link == NULL)
        e = err_make(E_UPSTREAM, "the server ended");
    if (err_failed(e)) {
        call_over(d, "not_sent", 0);
        down_fail(d, e);
    } else if (bytes_ends(method, BYTES("subscribe")) && s->link->era == ERA_MODERN) {
        call_over(d, "ok", 0);
        watch_resource(d);
    } else {
        writ_saw(s->gate->config.writs, s->writ, d->destination);
        method_pass(d, answer);
    }
}

/* Only to whom it is granted is told what is wrong with the arguments. */
static void
refuse_arguments(struct down *d, struct bytes name, struct err e)
{
    struct decision *v = &d->decision;
    struct buf data = buf_make(256);
    v->outcome = OUTCOME_DENY;
    v->n_policies = 0;
    snprintf(v->reason, sizeof v->reason, "%.250s", e.text);
    struct err r = call_record(d, name, false, NULL, NULL);
    json_open(&data, '{');
    json_member_str(&data, "code", "arguments");
    json_member_str(&data, "call", d->call);
    json_close(&data, '}');
    if (err_failed(r))
        down_fail(d, r);
    else
        down_error(d, RPC_INVALID_PARAMS, e.text, buf_bytes(&data));
    buf_free(&data);
}

/* What was asked for is no prompt or resource that could be. */
static void
refuse(struct down *d, const struct call *call, struct err e)
{
    char reason[200], edit[200] = "", unknown[100];
    const struct json *ref = rpc_param(&d->rpc, "ref");
    struct bytes name = call_subject(call);
    bool granted = task_covers(d->session->writ->task, call);
    if (e.code == E_NOT_FOUND) { /* refused in the same words as what is pinned and not granted */
        snprintf(unknown, sizeof unknown, "@prompts/%.*s", BYTES_CUT(json_text(ref ? ref : d->rpc.params, "name"), 80));
        name = bytes_str(unknown);
    }
    if (e.code == E_ARGUMENTS && granted) {
        refuse_arguments(d, name, e);
        return;
    }
    snprintf(reason, sizeof reason, "the task %s grants no %s/%.*s", d->session->writ->task->id, d->destination->id, BYTES_CUT(name, 80));
    if (e.code == E_NOT_FOUND && granted)
        snprintf(reason, sizeof reason, "the prompt is not as it was pinned; a person must look at the change");
    if (e.code == E_NOT_FOUND)
        snprintf(edit, sizeof edit, "pins/%s.json (the prompt is not pinned)", d->destination->id);
    else if (e.code != E_ARGUMENTS)
        snprintf(reason, sizeof reason, "%.190s", e.text);
    call_refuse_as(d, name, (e.code == E_NOT_FOUND && !granted) || e.code == E_ARGUMENTS ? "ungranted" : "denied", reason, edit);
}

/* Arguments of a prompt are looked at as those of a tool are; but they are sent as they came or not at all. False: it was refused. */
static bool
look(struct down *d, struct call *call)
{
    char reason[200];
    bool changed = false;
    struct bytes name = call_subject(call);
    d->arguments = (struct json *)(uintptr_t)call->arguments; /* of this down's arena */
    struct err e = look_arguments(d, false, &changed);
    if (!err_failed(e) && changed)
        e = err_make(E_DENIED, "it holds what may not pass, and a prompt or a URI is not changed on its way");
    if (err_failed(e)) {
        call_refuse_as(d, name, "found", e.text, "inspection.yaml (what is done about what is found in arguments)");
    } else if (d->found && look_refused(d->found, reason)) {
        call_refuse_as(d, name, "found", reason, "inspection.yaml (what is done about what is found in arguments)");
    } else {
        call->found = d->found_names;
        return true;
    }
    return false;
}

static void
decide_one(struct down *d, struct call *call)
{
    struct bytes name = call_subject(call);
    const struct pinned_extra *prompt = call->n_items && call->items[0]->prompt ? call->items[0] : NULL;
    if (!look(d, call))
        return;
    decide(d->snapshot, call, d->session->gate->scratch, &d->arena, &d->decision);
    if (d->decision.outcome == OUTCOME_ALLOW && prompt && !link_item_verified(d->session->link, ITEM_PROMPT, prompt->name)) {
        char edit[160];
        snprintf(edit, sizeof edit, "pins/%s.json (look: writ destination show %s)", d->destination->id, d->destination->id);
        call_refuse_as(d, name, "denied", "the prompt is not as it was pinned; a person must look at the change", edit);
    } else if (d->decision.outcome == OUTCOME_ALLOW) {
        call_allow(d, name, go_on);
    } else {
        if (d->decision.outcome == OUTCOME_MODIFY)
            snprintf(d->decision.reason, sizeof d->decision.reason, "a policy lets it pass only without what was found in it, and it is not changed");
        call_deny(d, name);
    }
}

void
subject_take(struct down *d)
{
    bool prompt = bytes_is(d->rpc.method, "prompts/get");
    struct bytes name = json_text(d->rpc.params, prompt ? "name" : "uri");
    if (name.n == 0) {
        down_error(d, RPC_INVALID_PARAMS, prompt ? "prompts/get needs \"name\"" : "the request needs \"uri\"", (struct bytes){NULL, 0});
        return;
    }
    if ((prompt && link_pins_hold(d)) || !call_prepare(d))
        return;
    d->scope = prompt ? arena_printf(&d->arena, "%s/@prompts/%.*s", d->destination->id, BYTES_CUT(name, 160))
                      : arena_printf(&d->arena, "%s/@resources/%.*s", d->destination->id, BYTES_CUT(name, 160));
    struct call call = call_of(d, name);
    struct err e = prompt ? subject_prompt(&call, name, rpc_param(&d->rpc, "arguments"), true, &d->arena) : subject_resource(&call, name, &d->arena);
    if (err_failed(e))
        refuse(d, &call, e);
    else
        decide_one(d, &call);
}

/* ------------------------------------------------------------------------------------------------------------ completion */

/* What a value is completed for, and with which others that are known. */
static struct err
completed(struct down *d, const struct json *known, struct call *call)
{
    const struct json *ref = rpc_param(&d->rpc, "ref");
    struct bytes type = json_text(ref, "type"), uri = json_text(ref, "uri");
    *call = call_of(d, BYTES("@resources"));
    call->arguments = NULL;
    if (bytes_is(type, "ref/prompt"))
        return subject_prompt(call, json_text(ref, "name"), known, false, &d->arena);
    const struct pinned_extra *x = destination_extra(d->destination, false, uri);
    if (x == NULL)
        return subject_resource(call, uri, &d->arena);
    subject_template(call, x);
    return link_item_verified(d->session->link, ITEM_TEMPLATE, uri)
               ? err_ok()
               : err_make(E_PIN, "the template is not as it was pinned; a person must look at it");
}

static const struct json *
known_arguments(const struct down *d)
{
    return json_get(rpc_param(&d->rpc, "context"), "arguments");
}

/* {"a": "b"} with ${name} set to ${value}. */
static const struct json *
with(struct down *d, const struct json *known, struct bytes name, const struct json *value)
{
    struct buf b = buf_make(MESSAGE_MAX);
    struct json *made = NULL;
    json_open(&b, '{');
    for (const struct json *m = json_is(known, JSON_OBJECT) ? known->child : NULL; m; m = m->next)
        if (!bytes_eq(m->key, name)) {
            json_key_bytes(&b, m->key);
            buf_put(&b, m->raw);
        }
    json_key_bytes(&b, name);
    buf_put(&b, value->raw);
    json_close(&b, '}');
    struct bytes text = b.failed ? bytes_make(NULL, 0) : arena_copy(&d->arena, buf_bytes(&b));
    buf_free(&b);
    return text.at && !err_failed(json_parse(&d->arena, text, NULL, &made)) ? made : NULL;
}

/* Is this value one that the prompt could be used with? Values for templates are parts of URIs, which are decided when they are read. */
static bool
value_shown(struct down *d, const struct json *value)
{
    struct bytes argument = json_text(rpc_param(&d->rpc, "argument"), "name");
    struct call call;
    if (value->type != JSON_STRING)
        return false;
    if (!bytes_is(json_text(rpc_param(&d->rpc, "ref"), "type"), "ref/prompt"))
        return true;
    const struct json *all = with(d, known_arguments(d), argument, value);
    return all && !err_failed(completed(d, all, &call)) && decide_listed(d->snapshot, &call, d->session->gate->scratch, &d->arena);
}

#define VALUES_MAX 100 /* MCP: of one completion */

static struct bytes
put_values(struct down *d, const struct json *completion, struct buf *b)
{
    const struct json *values = json_get(completion, "values");
    size_t n = 0, seen = 0;
    json_open(b, '{');
    json_key(b, "values");
    json_open(b, '[');
    for (const struct json *v = json_is(values, JSON_ARRAY) ? values->child : NULL; v && seen < VALUES_MAX; v = v->next, seen++)
        if (value_shown(d, v)) {
            json_item(b);
            buf_put(b, v->raw);
            n++;
        }
    json_close(b, ']');
    for (const struct json *m = completion->child; m; m = m->next)
        if (!bytes_is(m->key, "values") && (n == seen || !bytes_is(m->key, "total"))) { /* how many there are is not told of what is held back */
            json_key_bytes(b, m->key);
            buf_put(b, m->raw);
        }
    json_close(b, '}');
    return buf_bytes(b);
}

/* The result with another member "completion". */
static void
complete_answer(struct down *d, const struct rpc *m)
{
    const struct json *completion = json_get(m->result, "completion");
    struct buf b = buf_make(RESULT_MAX), text = buf_make(RESULT_MAX);
    struct arena a = {.max = (size_t)128 << 20};
    struct rpc changed = *m;
    call_over(d, m->error ? "error" : "ok", m->root->raw.n);
    if (json_is(completion, JSON_OBJECT)) {
        json_open(&text, '{');
        for (const struct json *v = m->result->child; v; v = v->next) {
            json_key_bytes(&text, v->key);
            buf_put(&text, v == completion ? put_values(d, completion, &b) : v->raw);
        }
        json_close(&text, '}');
        struct json *result = NULL;
        bool good = !text.failed && !b.failed && !err_failed(json_parse(&a, buf_bytes(&text), NULL, &result));
        changed.result = result;
        if (!good)
            down_fail(d, err_make(E_UPSTREAM, "the server's completion cannot be read"));
    }
    if (!d->answered)
        method_answer(d, &changed);
    arena_free(&a);
    buf_free(&b);
    buf_free(&text);
}

static void
complete_on(struct down *d)
{
    struct session *s = d->session;
    if (d->answered)
        return;
    struct err e = writ_alive(s->gate->config.writs, s->writ, s->gate->snapshot->estate, s->destination);
    if (!err_failed(e) && s->link == NULL)
        e = err_make(E_UPSTREAM, "the server ended");
    if (err_failed(e)) {
        call_over(d, "not_sent", 0);
        down_fail(d, e);
        return;
    }
    writ_saw(s->gate->config.writs, s->writ, d->destination);
    method_pass(d, complete_answer);
}

/* Could it be used, as far as its arguments are known, without asking anyone? What is typed so far is no argument yet. */
static void
decide_completion(struct down *d, struct call *call)
{
    struct decision *v = &d->decision;
    struct bytes name = call_subject(call);
    *v = (struct decision){.outcome = OUTCOME_DENY};
    v->tier = call_tier(call, v->tier_why);
    if (decide_usable(d->snapshot, call, d->session->gate->scratch, &d->arena)) {
        v->outcome = OUTCOME_ALLOW;
        snprintf(v->reason, sizeof v->reason, "it could be used with some arguments, so they may be completed");
        call_allow(d, name, complete_on);
    } else {
        snprintf(v->reason, sizeof v->reason, "with no arguments could this writ use it without a person's approval");
        call_deny(d, name);
    }
}

void
subject_complete(struct down *d)
{
    const struct json *argument = rpc_param(&d->rpc, "argument");
    struct call call;
    if (!json_is(json_get(argument, "name"), JSON_STRING) || !json_is(json_get(argument, "value"), JSON_STRING)) {
        down_error(d, RPC_INVALID_PARAMS, "completion/complete needs an argument with name and value", (struct bytes){NULL, 0});
        return;
    }
    if (link_pins_hold(d) || !call_prepare(d))
        return;
    struct err e = completed(d, known_arguments(d), &call);
    bool prompt = !err_failed(e) && call.n_items && call.items[0]->prompt;
    if (prompt && json_find(json_get(call.items[0]->arguments, "properties"), json_text(argument, "name")) == NULL)
        e = err_make(E_ARGUMENTS, "argument.name: the prompt has no such argument");
    if (prompt && !err_failed(e) && !link_item_verified(d->session->link, ITEM_PROMPT, call.items[0]->name))
        e = err_make(E_PIN, "the prompt is not as it was pinned; a person must look at the change");
    d->arguments = (struct json *)(uintptr_t)d->rpc.params; /* for the record: what is completed, and with what */
    if (err_failed(e))
        refuse(d, &call, e);
    else
        decide_completion(d, &call);
}

/* ------------------------------------------------------------------------------------------------------- subscriptions */

bool
subject_hears(struct session *s, const struct json *uri)
{
    struct gate *g = s->gate;
    struct arena a = {.max = (size_t)16 << 20};
    struct call call = {.writ = s->writ,
                        .destination = estate_destination(g->snapshot->estate, s->destination),
                        .seen = writ_seen(g->config.writs, s->writ),
                        .now_ms = g->config.env->now_ms(g->config.env),
                        .calls = s->writ->calls};
    struct decision v = {.outcome = OUTCOME_DENY};
    if (call.destination && json_is(uri, JSON_STRING) && !err_failed(subject_resource(&call, uri->text, &a)))
        decide(g->snapshot, &call, g->scratch, &a, &v);
    arena_free(&a);
    return v.outcome == OUTCOME_ALLOW;
}

bool
subject_listens(struct down *d, const struct json *uri)
{
    struct gate *g = d->session->gate;
    if (d->snapshot == NULL ? !call_prepare(d) : err_failed(env_id(g->config.env, "ca", d->call)))
        return false;
    struct call call = call_of(d, BYTES("@resources"));
    struct err e = subject_resource(&call, uri->text, &d->arena);
    d->arguments = (struct json *)(uintptr_t)call.arguments;
    if (err_failed(e)) {
        d->decision = (struct decision){.outcome = OUTCOME_DENY};
        d->decision.tier = call_tier(&call, d->decision.tier_why);
        snprintf(d->decision.reason, sizeof d->decision.reason, "%.250s", e.text);
    } else {
        decide(d->snapshot, &call, g->scratch, &d->arena, &d->decision);
    }
    bool allowed = d->decision.outcome == OUTCOME_ALLOW;
    e = writ_count(g->config.writs, d->session->writ, allowed);
    if (!err_failed(e))
        e = call_record(d, call_subject(&call), false, NULL, NULL);
    d->arguments = NULL;
    if (err_failed(e)) {
        down_fail(d, e);
        return false;
    }
    if (allowed)
        writ_saw(g->config.writs, d->session->writ, d->destination);
    return allowed;
}

/* ---------------------------------------------------------------------------------------------------------------- lists */

bool
subject_shows(struct down *d, const char *method, const struct json *item)
{
    struct bytes name = json_text(item, "name"), uri = json_text(item, "uri"), template = json_text(item, "uriTemplate");
    struct call call = call_of(d, (struct bytes){NULL, 0});
    struct err e = err_ok();
    if (bytes_is(bytes_str(method), "prompts/list")) {
        e = subject_prompt(&call, name, NULL, false, &d->arena);
    } else if (bytes_is(bytes_str(method), "resources/list")) {
        e = subject_resource(&call, uri, &d->arena);
    } else {
        const struct pinned_extra *x = destination_extra(d->destination, false, template);
        if (x == NULL)
            return false;
        subject_template(&call, x);
    }
    return !err_failed(e) && decide_listed(d->snapshot, &call, d->session->gate->scratch, &d->arena);
}
