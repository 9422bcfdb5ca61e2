/* tools/list: what this writ could use with some arguments, and only tools that are as they were pinned. */
#include "gate/mcp/mcp.h"

void
list_tools_take(struct down *d)
{
    struct session *s = d->session;
    struct buf params = buf_make(MESSAGE_MAX);
    params_translate(&params, s->link, d, (struct bytes){NULL, 0});
    struct err e = params.failed ? err_make(E_LIMIT, "the request is too large") : link_request(s->link, d, buf_bytes(&params), list_tools_answer);
    buf_free(&params);
    if (err_failed(e))
        down_fail(d, e);
}

static bool
shown(struct down *d, const struct json *tool)
{
    struct gate *g = d->session->gate;
    const struct tool *pinned = destination_tool(d->destination, json_text(tool, "name"));
    if (pinned == NULL || d->session->link == NULL || !link_pins_shows(d->session->link, ITEM_TOOL, tool))
        return false;
    struct call call = {.writ = d->session->writ,
                        .destination = d->destination,
                        .tool = pinned,
                        .name = bytes_str(pinned->name),
                        .seen = writ_seen(g->config.writs, d->session->writ),
                        .now_ms = g->config.env->now_ms(g->config.env)};
    return decide_listed(d->snapshot, &call, g->scratch, &d->arena);
}

static void
record_list(struct down *d, size_t shown_n, size_t withheld)
{
    struct buf m = buf_make(2048);
    json_member_str(&m, "writ", d->session->writ->id);
    json_member_str(&m, "agent", d->session->writ->agent->id);
    json_member_str(&m, "destination", d->session->destination);
    json_member_str(&m, "decision", "list");
    json_member_int(&m, "shown", (int64_t)shown_n);
    json_member_int(&m, "withheld", (int64_t)withheld);
    struct audit_event event = {.kind = AUDIT_DECISION, .members = buf_bytes(&m)};
    struct err e = audit_append(d->session->gate->config.audit, &event, false, NULL, NULL);
    (void)e; /* a list has no effect outside; writ_alive refuses the next request when the log is down */
    buf_free(&m);
}

void
list_tools_answer(struct down *d, const struct rpc *answer)
{
    struct gate *g = d->session->gate;
    const struct json *tools = json_get(answer->result, "tools");
    d->snapshot = snapshot_ref(g->snapshot);
    d->destination = estate_destination(d->snapshot->estate, d->session->destination);
    if (answer->error || !json_is(tools, JSON_ARRAY) || d->destination == NULL) {
        down_fail(d, err_make(E_UPSTREAM, "the destination gave no list of tools"));
        return;
    }
    struct buf b = buf_make(RESULT_MAX);
    size_t n = 0;
    result_translate(&b, d->session, answer->result, true);
    if (b.n)
        b.n--; /* the list goes in before the closing brace */
    json_key(&b, "tools");
    json_open(&b, '[');
    for (const struct json *t = tools->child; t && d->session->link; t = t->next)
        link_pins_see(d->session->link, ITEM_TOOL, t);
    for (const struct json *t = tools->child; t; t = t->next) {
        if (!shown(d, t))
            continue;
        json_item(&b);
        buf_put(&b, t->raw);
        n++;
    }
    json_close(&b, ']');
    json_close(&b, '}');
    record_list(d, n, tools->count - n);
    if (b.failed)
        down_error(d, RPC_WRIT_UPSTREAM, "the list of tools is too large", (struct bytes){NULL, 0});
    else
        down_result(d, buf_bytes(&b));
    buf_free(&b);
}

/* Prompts and templates: granted as a whole, shown one by one as they were pinned. */
static void
items_answer(struct down *d, const struct rpc *answer, enum item_kind kind, const char *member)
{
    struct link *l = d->session->link;
    const struct json *items = json_get(answer->result, member);
    struct buf b = buf_make(RESULT_MAX);
    size_t n = 0;
    if (answer->error) {
        method_answer(d, answer); /* a server without such a list says so itself */
        return;
    }
    if (!json_is(items, JSON_ARRAY) || l == NULL) {
        down_fail(d, err_make(E_UPSTREAM, "the destination gave no list of %s", member));
        return;
    }
    link_ref(l); /* what is seen may have it asked again, and it may die of that */
    for (const struct json *t = items->child; t; t = t->next)
        link_pins_see(l, kind, t);
    json_open(&b, '{');
    for (const struct json *m = answer->result->child; m; m = m->next) {
        if (bytes_is(m->key, member) || bytes_is(m->key, "ttlMs") || bytes_is(m->key, "cacheScope") || bytes_is(m->key, "resultType"))
            continue;
        result_member(&b, m);
    }
    json_key(&b, member);
    json_open(&b, '[');
    for (const struct json *t = items->child; t; t = t->next) {
        if (!link_pins_shows(l, kind, t))
            continue;
        json_item(&b);
        buf_put(&b, t->raw);
        n++;
    }
    link_unref(l);
    json_close(&b, ']');
    if (d->session->era == ERA_MODERN) {
        json_member_str(&b, "resultType", "complete");
        json_member_int(&b, "ttlMs", 0);
        json_member_str(&b, "cacheScope", "private");
    }
    json_close(&b, '}');
    record_list(d, n, items->count - n);
    if (b.failed)
        down_error(d, RPC_WRIT_UPSTREAM, "the list is too large", (struct bytes){NULL, 0});
    else
        down_result(d, buf_bytes(&b));
    buf_free(&b);
}

void
list_prompts_answer(struct down *d, const struct rpc *answer)
{
    items_answer(d, answer, ITEM_PROMPT, "prompts");
}

void
list_templates_answer(struct down *d, const struct rpc *answer)
{
    items_answer(d, answer, ITEM_TEMPLATE, "resourceTemplates");
}
