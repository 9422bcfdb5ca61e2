/* One request, decided: as a call of an agent, built as the server would, or in Cedar's own words. */
#include "cli/policy.h"

#include <stdio.h>

static struct cedar_str
to_cedar(struct bytes b)
{
    return (struct cedar_str){b.n ? (const char *)b.at : "", b.n};
}

/* Type::"id", with \" and \\ as the only escapes. */
struct err
uid_read(struct cli *c, const char *what, const char *text, struct cedar_uid *out)
{
    struct bytes t = bytes_trim(bytes_str(text));
    size_t quote = bytes_find(t, '"'), n = 0;
    if (quote < 3 || quote + 1 >= t.n || t.at[t.n - 1] != '"' || t.at[quote - 1] != ':' || t.at[quote - 2] != ':')
        return err_make(E_USAGE, "%s: expected Type::\"id\", got '%.100s'", what, text);
    char *id = arena_get(&c->arena, t.n + 1);
    if (id == NULL)
        return err_make(E_MEMORY, "out of memory");
    for (size_t i = quote + 1; i + 1 < t.n; i++) {
        bool escaped = t.at[i] == '\\';
        if (escaped && (i + 2 >= t.n || (t.at[i + 1] != '"' && t.at[i + 1] != '\\')))
            return err_make(E_USAGE, "%s: only \\\" and \\\\ may follow a backslash in '%.100s'", what, text);
        if (!escaped && t.at[i] == '"')
            return err_make(E_USAGE, "%s: a quote inside the id of '%.100s' needs a backslash before it", what, text);
        i += escaped;
        id[n++] = (char)t.at[i];
    }
    *out = (struct cedar_uid){{(const char *)t.at, quote - 2}, {id, n}};
    return err_ok();
}

static struct err
plain_request(struct policy_world *w, const struct policy_ask *ask, struct cedar_request *r)
{
    struct cedar_error error = {0};
    if (ask->principal == NULL || ask->action == NULL || ask->resource == NULL)
        return err_make(E_USAGE, "a request needs principal, action and resource%s", w->estate ? ", or agent and tool" : "");
    TRY(uid_read(w->c, "principal", ask->principal, &r->principal));
    TRY(uid_read(w->c, "action", ask->action, &r->action));
    TRY(uid_read(w->c, "resource", ask->resource, &r->resource));
    struct cedar_str context = to_cedar(ask->context.n ? ask->context : BYTES("{}"));
    r->context =
        w->schema ? cedar_context_json_schema(w->scratch, context, w->schema, &r->action, &error) : cedar_value_json(w->scratch, context, &error);
    if (r->context == NULL)
        return err_make(E_USAGE, "context: %.250s", error.text);
    if (w->schema && !cedar_request_check(w->schema, r, &error))
        return err_make(E_USAGE, "%.250s", error.text);
    return err_ok();
}

/* A call as the server would see it, of a writ that exists only here. */
struct made {
    struct instance instance;
    struct writ writ;
    struct call call;
};

struct err
call_find(const struct estate *e, const char *name, struct call *call)
{
    struct bytes rest = bytes_str(name), id = bytes_split(&rest, '/');
    char destination[128];
    snprintf(destination, sizeof destination, "%.*s", BYTES_CUT(id, 100));
    call->destination = estate_destination(e, destination);
    if (call->destination == NULL) {
        const char *near = estate_nearest(e, "destination", destination);
        return err_make(E_USAGE, "tool: there is no destination '%.60s'%s%s%s (write DESTINATION/TOOL)", destination, near ? "; did you mean '" : "",
                        near ? near : "", near ? "'?" : "");
    }
    call->name = rest;
    call->tool = destination_tool(call->destination, rest);
    if (call->tool == NULL && !bytes_starts(rest, BYTES("@")))
        return err_make(E_USAGE, "tool: '%s' has no pinned tool '%.*s'", call->destination->id, BYTES_CUT(rest, 80));
    return err_ok();
}

static struct err
find_agent(const struct estate *e, const struct policy_ask *ask, struct writ *writ)
{
    writ->agent = estate_agent(e, ask->agent);
    if (writ->agent == NULL) {
        const char *near = estate_nearest(e, "agent", ask->agent);
        return err_make(E_USAGE, "agent: there is no agent '%.60s'%s%s%s", ask->agent, near ? "; did you mean '" : "", near ? near : "",
                        near ? "'?" : "");
    }
    writ->task = ask->task ? estate_task(e, ask->task) : writ->agent->default_task ? writ->agent->default_task : writ->agent->tasks[0];
    return writ->task ? err_ok() : err_make(E_USAGE, "task: there is no task '%.60s'", ask->task ? ask->task : "");
}

static struct err
choose(const char *what, const char *value, const char *const *names, int *out)
{
    for (int i = 0; value && names[i]; i++)
        if (strcmp(value, names[i]) == 0)
            return *out = i, err_ok();
    return value ? err_make(E_USAGE, "%s: '%.60s' is not known; see docs/cli.md", what, value) : err_ok();
}

static struct err
fill_writ(const struct policy_ask *ask, struct policy_world *w, struct made *m)
{
    const char *const proofs[] = {proof_strength_name(PROOF_NONE), proof_strength_name(PROOF_WEAK), proof_strength_name(PROOF_USER),
                                  proof_strength_name(PROOF_PROGRAM), NULL};
    int proof = PROOF_USER, level = SENS_PUBLIC;
    TRY(choose("proof", ask->proof, proofs, &proof));
    TRY(choose("seen", ask->sensitivity, sensitivity_names, &level));
    m->instance.strength = (enum proof_strength)proof;
    m->writ.instance = &m->instance;
    m->writ.source = ask->purpose ? PURPOSE_STATED : PURPOSE_DEFAULT;
    m->writ.by = ask->purpose ? BY_OPERATOR : BY_TEMPLATE;
    m->writ.purpose = arena_str(&w->c->arena, bytes_str(ask->purpose ? ask->purpose : m->writ.task->purpose));
    m->writ.confined = !ask->unconfined;
    m->writ.on_behalf_of = ask->on_behalf_of ? ask->on_behalf_of : "";
    m->call.seen = (struct seen){(enum sensitivity)level, ask->untrusted};
    m->call.calls = ask->calls;
    m->call.now_ms = w->c->env->now_ms(w->c->env);
    m->call.writ = &m->writ;
    return m->writ.purpose ? err_ok() : err_make(E_MEMORY, "out of memory");
}

/* "@prompts/NAME" and "@resources/URI"; or "@prompts" and "@resources", with the name or the URI among the arguments. */
static struct err
fill_subject(struct policy_world *w, const struct json *given, struct call *call)
{
    struct bytes rest = call->name, group = bytes_split(&rest, '/');
    bool prompt = bytes_is(group, "@prompts");
    if (!prompt && !bytes_is(group, "@resources"))
        return err_make(E_USAGE, "tool: '%.*s' is none of: @prompts/NAME, @resources/URI", BYTES_CUT(call->name, 80));
    struct bytes name = rest.at ? rest : json_text(given, prompt ? "name" : "uri");
    if (name.n == 0) { /* all of them, in a policy's words */
        call->name = group;
        call->arguments = given;
        return err_ok();
    }
    if (!prompt)
        return subject_resource(call, name, &w->c->arena);
    struct err e = subject_prompt(call, name, rest.at ? given : json_get(given, "arguments"), true, &w->c->arena);
    return e.code == E_NOT_FOUND ? err_make(E_USAGE, "tool: '%s' has no pinned prompt '%.*s'", call->destination->id, BYTES_CUT(name, 80)) : e;
}

/* Arguments as they would be forwarded: checked by the pinned schema, defaults filled in. */
static struct err
fill_arguments(const struct policy_ask *ask, struct policy_world *w, struct call *call)
{
    struct json *given = NULL, *typed = NULL;
    TRY(err_wrap(json_parse(&w->c->arena, ask->arguments.n ? ask->arguments : BYTES("{}"), NULL, &given), "arguments"));
    if (call->tool == NULL)
        return fill_subject(w, given, call);
    TRY(arguments_check(call->tool->schema, given, &w->c->arena, &typed));
    call->arguments = typed;
    return err_ok();
}

static struct err
call_request(struct policy_world *w, const struct policy_ask *ask, struct policy_result *out)
{
    struct made *m = ARENA_NEW(&w->c->arena, struct made);
    if (m == NULL)
        return err_make(E_MEMORY, "out of memory");
    if (w->estate == NULL)
        return err_make(E_USAGE, "agent and tool need an estate; give principal, action and resource");
    if (ask->agent == NULL || ask->tool == NULL)
        return err_make(E_USAGE, "a call needs both agent and tool");
    TRY(find_agent(w->estate, ask, &m->writ));
    TRY(call_find(w->estate, ask->tool, &m->call));
    TRY(fill_writ(ask, w, m));
    TRY(fill_arguments(ask, w, &m->call));
    out->call = true;
    out->tier = call_tier(&m->call, out->decision.tier_why);
    m->call.found = ask->found;
    return decide_requests(&m->call, out->tier, true, w->scratch, &out->requests);
}

/* Cedar's own answer: a permit and no forbid. */
static void
conclude_plain(struct policy_world *w, struct policy_result *r)
{
    bool allow = cedar_decision(&r->answer);
    const size_t *list = r->answer.n_forbids ? r->answer.forbids : r->answer.permits;
    size_t n = r->answer.n_forbids ? r->answer.n_forbids : r->answer.n_permits;
    r->decision.outcome = allow ? OUTCOME_ALLOW : OUTCOME_DENY;
    r->decision.n_policies = 0;
    for (size_t i = 0; i < n && i < DECISION_POLICIES; i++)
        r->decision.policies[r->decision.n_policies++] = cedar_policy_id(w->policies, list[i]);
    snprintf(r->decision.reason, sizeof r->decision.reason, "%s",
             allow ? "a policy permits it and none forbids it"
             : n   ? "a policy forbids it"
                   : "no policy permits it");
}

struct err
ask_run(struct policy_world *w, const struct policy_ask *ask, struct policy_result *r)
{
    struct cedar_answer answers[DECISION_REQUESTS];
    *r = (struct policy_result){0};
    cedar_scratch_reset(w->scratch);
    if (ask->agent || ask->tool)
        TRY(call_request(w, ask, r));
    else
        TRY(plain_request(w, ask, &r->requests.at[0]));
    r->requests.n = r->requests.n ? r->requests.n : 1;
    for (size_t i = 0; i < r->requests.n; i++)
        if (!cedar_evaluate(w->policies, w->entities, &r->requests.at[i], w->scratch, &answers[i]))
            return err_make(E_MEMORY, "the request takes more than %zu bytes to decide", POLICY_SCRATCH);
    TRY(decide_join(answers, r->requests.n, &w->c->arena, &r->answer));
    if (w->estate)
        decide_answer(w->policies, &r->answer, &r->decision);
    else
        conclude_plain(w, r);
    return err_ok();
}

bool
result_group(const struct policy_world *w, const struct policy_result *r, size_t i, struct bytes *group)
{
    struct cedar_str value;
    size_t n = r->answer.n_forbids + r->answer.n_errors;
    for (size_t k = 0; k < n; k++) { /* a forbid that errors counts as satisfied (law 3) */
        size_t policy = k < r->answer.n_forbids ? r->answer.forbids[k] : r->answer.errors[k - r->answer.n_forbids].policy;
        if (cedar_policy_annotation(w->policies, policy, "step_up", &value) && i-- == 0)
            return *group = bytes_make(value.at, value.n), true;
    }
    return false;
}
