#include "cli/policy.h"

#include <stdio.h>
#include <unistd.h>

static const char *
effect_name(const struct policy_world *w, size_t policy)
{
    return cedar_policy_effect(w->policies, policy) == CEDAR_PERMIT ? "permit" : "forbid";
}

static void
put_place(struct buf *b, const struct policy_world *w, size_t policy)
{
    struct cedar_str id = cedar_policy_id(w->policies, policy), file = cedar_policy_file(w->policies, policy);
    output_clean(b, bytes_make(id.at, id.n), false);
    buf_puts(b, " (");
    output_clean(b, bytes_make(file.at, file.n), false);
    buf_printf(b, ":%u)", cedar_policy_line(w->policies, policy));
}

static void
put_list(struct buf *b, const struct policy_world *w, const char *what, const size_t *list, size_t n)
{
    struct cedar_str text;
    if (n == 0)
        buf_printf(b, "  no %s is satisfied\n", what);
    for (size_t i = 0; i < n; i++) {
        buf_printf(b, "  %s ", what);
        put_place(b, w, list[i]);
        if (cedar_policy_annotation(w->policies, list[i], "description", &text)) {
            buf_puts(b, ": ");
            output_clean(b, bytes_make(text.at, text.n), false);
        }
        buf_putc(b, '\n');
    }
}

/* A policy is worth an account when its scope fits. */
static bool
scope_fits(const struct cedar_why *why)
{
    bool fits = true;
    for (size_t i = 0; i < why->n && why->clauses[i].kind <= CEDAR_CLAUSE_RESOURCE; i++)
        fits = fits && why->clauses[i].holds;
    return fits;
}

/* Of a prompt or a resource there are several requests: the account is of the first that the scope fits. */
static struct err
why_of(const struct policy_world *w, const struct policy_result *r, size_t policy, struct cedar_why *why, bool *fits)
{
    *fits = false;
    for (size_t i = 0; i < r->requests.n && !*fits; i++) {
        if (!cedar_why(w->policies, policy, w->entities, &r->requests.at[i], 0, w->scratch, why))
            return err_make(E_MEMORY, "out of memory");
        *fits = scope_fits(why);
    }
    return err_ok();
}

static struct err
put_why(struct buf *b, const struct policy_world *w, const struct policy_result *r, bool json)
{
    struct cedar_why why;
    bool fits;
    for (size_t i = 0; i < cedar_policies_count(w->policies); i++) {
        struct cedar_output out = {NULL, 0};
        if (cedar_policy_is_template(w->policies, i))
            continue;
        TRY(why_of(w, r, i, &why, &fits));
        if (!fits)
            continue;
        if (!(json ? cedar_why_json(w->policies, i, &why, &out) : cedar_why_text(w->policies, i, &why, &out)))
            return err_make(E_MEMORY, "out of memory");
        if (json)
            json_item(b), buf_put(b, bytes_make(out.at, out.n));
        else
            output_clean(b, bytes_make(out.at, out.n), true);
        cedar_output_free(&out);
    }
    return err_ok();
}

static void
put_people(struct buf *b, const struct policy_world *w, const struct policy_result *r, bool colour)
{
    struct bytes group;
    output_tone(b, colour, r->decision.outcome == OUTCOME_ALLOW ? TONE_GOOD : TONE_BAD, outcome_names[r->decision.outcome]);
    buf_puts(b, ": ");
    output_clean(b, bytes_str(r->decision.reason), false);
    buf_putc(b, '\n');
    for (size_t i = 0; r->decision.outcome == OUTCOME_STEP_UP && result_group(w, r, i, &group); i++)
        buf_printf(b, "  somebody of the group %.*s must approve\n", BYTES_CUT(group, 100));
    if (r->call)
        buf_printf(b, "  tier %s: %s\n", tier_names[r->tier], r->decision.tier_why);
    put_list(b, w, "permit", r->answer.permits, r->answer.n_permits);
    put_list(b, w, "forbid", r->answer.forbids, r->answer.n_forbids);
    for (size_t i = 0; i < r->answer.n_errors; i++) {
        buf_printf(b, "  error in the %s ", effect_name(w, r->answer.errors[i].policy));
        put_place(b, w, r->answer.errors[i].policy);
        buf_puts(b, ": ");
        output_clean(b, bytes_str(r->answer.errors[i].text), false);
        buf_putc(b, '\n');
    }
    if (r->decision.edit[0]) {
        buf_puts(b, "  to change it, edit ");
        output_clean(b, bytes_str(r->decision.edit), false);
        buf_putc(b, '\n');
    }
}

static void
put_ids(struct buf *b, const char *key, const struct policy_world *w, const size_t *list, size_t n)
{
    json_key(b, key);
    json_open(b, '[');
    for (size_t i = 0; i < n; i++) {
        struct cedar_str id = cedar_policy_id(w->policies, list[i]);
        json_item(b);
        json_put_text(b, bytes_make(id.at, id.n));
    }
    json_close(b, ']');
}

static void
put_determining(struct buf *b, const struct policy_result *r)
{
    json_key(b, "policies");
    json_open(b, '[');
    for (size_t i = 0; i < r->decision.n_policies; i++) {
        json_item(b);
        json_put_text(b, bytes_make(r->decision.policies[i].at, r->decision.policies[i].n));
    }
    json_close(b, ']');
}

static void
put_json(struct buf *b, const struct policy_world *w, const struct policy_result *r)
{
    struct bytes group;
    json_open(b, '{');
    json_member_str(b, "decision", outcome_names[r->decision.outcome]);
    json_member_str(b, "reason", r->decision.reason);
    put_determining(b, r);
    put_ids(b, "permits", w, r->answer.permits, r->answer.n_permits);
    put_ids(b, "forbids", w, r->answer.forbids, r->answer.n_forbids);
    json_key(b, "step_up");
    json_open(b, '[');
    for (size_t i = 0; r->decision.outcome == OUTCOME_STEP_UP && result_group(w, r, i, &group); i++)
        json_item(b), json_put_text(b, group);
    json_close(b, ']');
    json_key(b, "errors");
    json_open(b, '[');
    for (size_t i = 0; i < r->answer.n_errors; i++) {
        struct cedar_str id = cedar_policy_id(w->policies, r->answer.errors[i].policy);
        json_item(b);
        json_open(b, '{');
        json_member_text(b, "policy", bytes_make(id.at, id.n));
        json_member_str(b, "text", r->answer.errors[i].text);
        json_close(b, '}');
    }
    json_close(b, ']');
    if (r->call)
        json_member_str(b, "tier", tier_names[r->tier]);
    if (r->decision.edit[0])
        json_member_str(b, "edit", r->decision.edit);
}

/* JSON on the command line, or @FILE. */
static struct err
json_option(struct cli *c, const char *name, struct bytes *out)
{
    const char *value = given(c, name);
    *out = bytes_str(value);
    return value && value[0] == '@' ? policy_read(c, value + 1, out) : err_ok();
}

static struct err
request_text(struct cli *c, const struct json *top, const char *key, const char **out)
{
    struct bytes text = json_text(top, key);
    if (text.at == NULL)
        return err_make(E_USAGE, "--request: %s: expected a text, Type::\"id\"", key);
    *out = arena_str(&c->arena, text);
    return *out ? err_ok() : err_make(E_MEMORY, "out of memory");
}

/* A request in one file, as the official command line takes it. */
static struct err
read_request(struct cli *c, const char *path, struct policy_ask *ask)
{
    struct json *top;
    struct bytes text;
    TRY(policy_read(c, path, &text));
    TRY(err_wrap(json_parse(&c->arena, text, NULL, &top), "%.150s", path));
    TRY(request_text(c, top, "principal", &ask->principal));
    TRY(request_text(c, top, "action", &ask->action));
    TRY(request_text(c, top, "resource", &ask->resource));
    if (json_get(top, "context"))
        ask->context = json_get(top, "context")->raw;
    return err_ok();
}

static struct err
read_ask(struct cli *c, struct policy_ask *ask)
{
    *ask = (struct policy_ask){.agent = given(c, "agent"),
                               .tool = given(c, "tool"),
                               .task = given(c, "task"),
                               .proof = given(c, "proof"),
                               .sensitivity = given(c, "seen"),
                               .untrusted = given(c, "untrusted") != NULL,
                               .unconfined = given(c, "unconfined") != NULL,
                               .principal = given(c, "principal"),
                               .action = given(c, "action"),
                               .resource = given(c, "resource")};
    TRY(json_option(c, "arguments", &ask->arguments));
    TRY(json_option(c, "context", &ask->context));
    return given(c, "request") ? read_request(c, given(c, "request"), ask) : err_ok();
}

static struct err
decide_one(struct cli *c, struct policy_world *w, const struct policy_ask *ask, struct buf *b)
{
    struct policy_result r;
    TRY(ask_run(w, ask, &r));
    if (c->json)
        put_json(b, w, &r);
    else
        put_people(b, w, &r, output_colour(STDOUT_FILENO));
    if (given(c, "why")) {
        if (c->json)
            json_key(b, "why"), json_open(b, '[');
        TRY(put_why(b, w, &r, c->json));
        if (c->json)
            json_close(b, ']');
    }
    if (c->json)
        json_close(b, '}'), buf_putc(b, '\n');
    c->status = r.decision.outcome == OUTCOME_ALLOW ? 0 : 1;
    return err_ok();
}

struct err
cmd_policy_eval(struct cli *c)
{
    struct policy_world w = {0};
    struct policy_ask ask;
    struct buf b = buf_make(OUTPUT_MAX);
    const char **policies = given_list(c, "policies");
    size_t n = 0;
    while (policies && policies[n])
        n++;
    if (n == 0 && given(c, "entities"))
        return err_make(E_USAGE, "--entities belongs to --policies; an estate has its own");
    TRY(read_ask(c, &ask));
    struct err e = n ? world_files(c, policies, n, given(c, "entities"), &w) : world_estate(c, &w);
    if (!err_failed(e))
        e = decide_one(c, &w, &ask, &b);
    world_close(&w);
    if (err_failed(e))
        buf_free(&b);
    return err_failed(e) ? e : output_send(c, &b);
}
