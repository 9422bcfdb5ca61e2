/* Who could be allowed something: the agents of an estate, or the entities of plain Cedar. */
#include "cli/policy.h"

#include <stdio.h>
#include <unistd.h>

enum verdict_kind { WHO_YES, WHO_ASKS, WHO_DEPENDS, WHO_NO };
static const char *const verdict_names[] = {"yes", "after approval", "depends", "no"};
static const char *const verdict_codes[] = {"yes", "asks", "depends", "no"};

struct row {
    struct bytes who;
    enum verdict_kind verdict;
    const char *why;
    struct bytes tasks;
};
struct rows {
    struct row *at;
    size_t n;
};

/* ------------------------------------------------------------------------------------------------------------------ an estate */

/* What of a call's context is known before it is made: the tool; and of a resource that is named its URI (the first two). */
static const struct cedar_str unknown_names[] = {{"input", 5}, {"origin", 6}, {"found", 5}, {"writ", 4},
                                                 {"seen", 4},  {"tier", 4},   {"proof", 5}, {"now", 3}};
#define N_UNKNOWN (sizeof unknown_names / sizeof *unknown_names)

/* What the residuals come to under Writ's rules: a forbid that errs counts, one with @step_up or @defer does not refuse. */
struct sum {
    bool permit_may, permit_must, refused_may, refused_must, held_may, held_must;
};

static void
add_residual(const struct policy_world *w, const struct cedar_residual *r, struct sum *s)
{
    struct cedar_str value;
    bool must = r->part == CEDAR_SATISFIED;
    if (cedar_policy_effect(w->policies, r->policy) == CEDAR_PERMIT) {
        s->permit_may |= r->may_satisfy || must;
        s->permit_must |= must;
        return;
    }
    bool held =
        cedar_policy_annotation(w->policies, r->policy, "step_up", &value) || cedar_policy_annotation(w->policies, r->policy, "defer", &value);
    must = must || r->part == CEDAR_ERRS;
    *(held ? &s->held_may : &s->refused_may) = true;
    if (must)
        *(held ? &s->held_must : &s->refused_must) = true;
}

static struct row
judge(struct sum s)
{
    if (!s.permit_may)
        return (struct row){.verdict = WHO_NO, .why = "no policy permits it"};
    if (s.refused_must)
        return (struct row){.verdict = WHO_NO, .why = "a policy forbids it"};
    if (s.permit_must && !s.refused_may && s.held_must)
        return (struct row){.verdict = WHO_ASKS, .why = "permitted once a person has approved the call"};
    if (s.permit_must && !s.refused_may && !s.held_may)
        return (struct row){.verdict = WHO_YES, .why = "permitted whatever the arguments"};
    return (struct row){.verdict = WHO_DEPENDS, .why = "on the arguments, or on what the writ has seen"};
}

/* The agent's tasks that grant the tool. */
static struct bytes
granting(struct policy_world *w, const struct agent *agent, const struct call *call)
{
    struct buf b = buf_make(4096);
    for (const struct task *const *t = agent->tasks; *t; t++)
        if (task_covers(*t, call))
            buf_printf(&b, "%s%s", b.n ? ", " : "", (*t)->id);
    struct bytes out = arena_copy(&w->c->arena, buf_bytes(&b));
    buf_free(&b);
    return out;
}

/* What policies say of one of the requests that a call becomes. */
static struct err
add_request(struct policy_world *w, const struct cedar_request *r, bool named, const struct cedar_partial_options *o, struct sum *sum)
{
    size_t from = named ? 2 : 0;
    struct cedar_unknown unknown[N_UNKNOWN];
    struct cedar_partial_answer answer;
    struct cedar_error error = {0};
    for (size_t i = 0; i < N_UNKNOWN; i++)
        unknown[i] = (struct cedar_unknown){&unknown_names[i], 1, true};
    const struct cedar_partial_request p = {.principal = {CEDAR_KNOWN, r->principal},
                                            .action = {CEDAR_KNOWN, r->action},
                                            .resource = {CEDAR_KNOWN, r->resource},
                                            .context = r->context,
                                            .unknown = &unknown[from],
                                            .n_unknown = N_UNKNOWN - from};
    if (!cedar_partial(w->policies, w->entities, &p, o, w->scratch, &answer, &error))
        return err_make(E_LIMIT, "%.300s", error.text);
    for (size_t i = 0; i < answer.n; i++)
        add_residual(w, &answer.residuals[i], sum);
    return err_ok();
}

static struct err
agent_row(struct policy_world *w, const struct agent *agent, struct call *call, const struct cedar_partial_options *o, struct row *row)
{
    char empty[] = "";
    struct instance instance = {.strength = PROOF_USER};
    struct writ writ = {.instance = &instance, .agent = agent, .task = agent->tasks[0], .purpose = empty, .on_behalf_of = empty, .confined = true};
    UNINITIALIZED struct decision_requests r;
    struct sum sum = {0};
    call->writ = &writ;
    cedar_scratch_reset(w->scratch);
    TRY(decide_requests(call, TIER_STANDARD, true, w->scratch, &r));
    for (size_t i = 0; i < r.n; i++)
        TRY(add_request(w, &r.at[i], call->arguments != NULL, o, &sum));
    *row = judge(sum);
    row->who = bytes_str(agent->id);
    row->tasks = granting(w, agent, call);
    if (row->verdict != WHO_NO && row->tasks.n == 0)
        row->verdict = WHO_NO, row->why = "policies would let it, but no task of the agent grants it";
    if (agent->state != AGENT_ACTIVE)
        row->verdict = WHO_NO, row->why = "the agent is not active";
    return err_ok();
}

/* A prompt or a template by its name, whatever its arguments; one URI is a resource. */
static struct err
find_call(struct policy_world *w, const char *name, struct call *call)
{
    TRY(call_find(w->estate, name, call));
    const struct pinned_extra *x = destination_subject(call->destination, call->name);
    if (call->tool || bytes_is(call->name, "@resources") || bytes_is(call->name, "@prompts"))
        return err_ok();
    if (bytes_starts(call->name, BYTES("@resources/")) && x == NULL)
        return subject_resource(call, bytes_sub(call->name, 11, call->name.n), &w->c->arena);
    if (x == NULL)
        return err_make(E_NOT_FOUND, "'%s' has no pinned '%.*s'", call->destination->id, BYTES_CUT(call->name, 80));
    call->name = x->prompt ? BYTES("@prompts") : BYTES("@resources");
    call->items[call->n_items++] = x;
    return err_ok();
}

static struct err
who_estate(struct policy_world *w, struct rows *rows)
{
    struct call call = {.now_ms = w->c->env->now_ms(w->c->env)};
    TRY(find_call(w, w->c->words[0], &call));
    if (w->c->n_words > 1)
        return err_make(E_USAGE, "in an estate the tool says what it is about; a RESOURCE belongs to --policies");
    const struct cedar_partial_options o = {.schema = w->estate->schema, .fail_closed = true};
    rows->at = arena_list(&w->c->arena, w->estate->n_agents + 1, sizeof *rows->at);
    struct err e = rows->at ? err_ok() : err_make(E_MEMORY, "out of memory");
    for (size_t i = 0; i < w->estate->n_agents && !err_failed(e); i++)
        e = agent_row(w, &w->estate->agents[i], &call, &o, &rows->at[rows->n++]);
    return e;
}

/* ---------------------------------------------------------------------------------------------------------------- plain Cedar */

static struct err
uid_text(struct policy_world *w, const struct cedar_uid *uid, struct bytes *out)
{
    struct buf b = buf_make(65536);
    buf_printf(&b, "%.*s::\"%.*s\"", BYTES_CUT(bytes_make(uid->type.at, uid->type.n), 1000), BYTES_CUT(bytes_make(uid->id.at, uid->id.n), 60000));
    *out = arena_copy(&w->c->arena, buf_bytes(&b));
    buf_free(&b);
    return out->at ? err_ok() : err_make(E_MEMORY, "out of memory");
}

static struct err
who_files(struct policy_world *w, struct rows *rows)
{
    static const struct cedar_unknown whole = {NULL, 0, false};
    struct cedar_partial_request r = {.unknown = &whole, .n_unknown = 1};
    struct cedar_candidates found;
    struct cedar_error error = {0};
    r.action.known = CEDAR_KNOWN;
    TRY(uid_read(w->c, "ACTION", w->c->words[0], &r.action.uid));
    if (w->c->n_words > 1) {
        r.resource.known = CEDAR_KNOWN;
        TRY(uid_read(w->c, "RESOURCE", w->c->words[1], &r.resource.uid));
    }
    const struct cedar_partial_options o = {.schema = w->schema};
    if (!cedar_query_principal(w->policies, w->entities, &r, &o, NULL, 0, w->scratch, &found, &error))
        return err_make(E_LIMIT, "%.300s", error.text);
    if ((rows->at = arena_list(&w->c->arena, found.n + 1, sizeof *rows->at)) == NULL)
        return err_make(E_MEMORY, "out of memory");
    for (; rows->n < found.n; rows->n++) {
        const struct cedar_candidate *k = &found.at[rows->n];
        rows->at[rows->n] = (struct row){.verdict = k->surely ? WHO_YES : WHO_DEPENDS,
                                         .why = k->surely ? "allowed whatever is not known" : "on what is not known of the request"};
        TRY(uid_text(w, &k->uid, &rows->at[rows->n].who));
    }
    return err_ok();
}

/* --------------------------------------------------------------------------------------------------------------------- saying */

static void
put_people(struct policy_world *w, struct buf *b, const struct rows *rows)
{
    static const char *const head[] = {"WHO", "CAN", "WHY", "TASKS"};
    struct grid g = grid_make(&w->c->arena, w->estate ? 4 : 3);
    if (rows->n == 0) {
        buf_puts(b, w->estate ? "the estate declares no agent\n" : "nobody among the given entities\n");
        return;
    }
    grid_head(&g, head);
    for (size_t i = 0; i < rows->n; i++) {
        grid_add(&g, rows->at[i].who);
        grid_add(&g, bytes_str(verdict_names[rows->at[i].verdict]));
        grid_add(&g, bytes_str(rows->at[i].why));
        if (w->estate)
            grid_add(&g, rows->at[i].tasks.n ? rows->at[i].tasks : BYTES("-"));
    }
    grid_put(&g, b, output_colour(STDOUT_FILENO));
}

static void
put_json(struct buf *b, const struct rows *rows)
{
    json_open(b, '{');
    json_key(b, "who");
    json_open(b, '[');
    for (size_t i = 0; i < rows->n; i++) {
        json_item(b);
        json_open(b, '{');
        json_member_text(b, "who", rows->at[i].who);
        json_member_str(b, "can", verdict_codes[rows->at[i].verdict]);
        json_member_str(b, "why", rows->at[i].why);
        if (rows->at[i].tasks.n)
            json_member_text(b, "tasks", rows->at[i].tasks);
        json_close(b, '}');
    }
    json_close(b, ']');
    json_close(b, '}');
    buf_putc(b, '\n');
}

struct err
cmd_policy_who(struct cli *c)
{
    struct policy_world w = {0};
    struct rows rows = {0};
    struct buf b = buf_make(OUTPUT_MAX);
    const char **policies = given_list(c, "policies");
    size_t n = 0;
    while (policies && policies[n])
        n++;
    struct err e = n ? world_files(c, policies, n, given(c, "entities"), &w) : world_estate(c, &w);
    if (!err_failed(e))
        e = n ? who_files(&w, &rows) : who_estate(&w, &rows);
    if (!err_failed(e) && c->json)
        put_json(&b, &rows);
    else if (!err_failed(e))
        put_people(&w, &b, &rows);
    world_close(&w);
    return err_failed(e) ? e : output_send(c, &b);
}
