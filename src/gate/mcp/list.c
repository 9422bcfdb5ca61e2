/* Lists: what this writ could use with some arguments, and only what is as it was pinned. */
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
    if (pinned == NULL || d->session->link == NULL || !link_pins_shows(d->session->link, ITEM_TOOL, tool) || !call_markable(d, pinned))
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
record_list(struct down *d, const char *of, size_t shown_n, size_t withheld)
{
    struct buf m = buf_make(2048);
    json_member_str(&m, "writ", d->session->writ->id);
    json_member_str(&m, "agent", d->session->writ->agent->id);
    json_member_str(&m, "destination", d->session->destination);
    json_member_str(&m, "decision", "list");
    json_member_str(&m, "list", of);
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
    record_list(d, "tools", n, tools->count - n);
    if (b.failed)
        down_error(d, RPC_WRIT_UPSTREAM, "the list of tools is too large", (struct bytes){NULL, 0});
    else
        down_result(d, buf_bytes(&b));
    buf_free(&b);
}

/* ------------------------------------------------------------------------------------- prompts, resources, templates */

static const struct item_list {
    const char *method, *member, *group;
    enum item_kind kind; /* ITEM_SERVER: not pinned */
} item_lists[] = {
    {"prompts/list", "prompts", "@prompts", ITEM_PROMPT},
    {"resources/list", "resources", "@resources", ITEM_SERVER},
    {"resources/templates/list", "resourceTemplates", "@resources", ITEM_TEMPLATE},
};

static const struct item_list *
list_of(const struct down *d)
{
    const struct item_list *l = item_lists;
    while (!bytes_is(d->rpc.method, l->method))
        l++;
    return l;
}

static void
put_envelope(struct buf *b, const struct down *d)
{
    if (d->session->era != ERA_MODERN)
        return;
    json_member_str(b, "resultType", "complete");
    json_member_int(b, "ttlMs", 0);
    json_member_str(b, "cacheScope", "private");
}

static void
empty_list(struct down *d, const char *member)
{
    struct buf b = buf_make(512);
    json_open(&b, '{');
    json_member_raw(&b, member, BYTES("[]"));
    put_envelope(&b, d);
    json_close(&b, '}');
    down_result(d, buf_bytes(&b));
    buf_free(&b);
}

static bool
item_shown(struct down *d, struct link *l, const struct item_list *list, const struct json *item)
{
    return (list->kind == ITEM_SERVER || link_pins_shows(l, list->kind, item)) && subject_shows(d, list->method, item);
}

static size_t
put_items(struct buf *b, struct down *d, struct link *l, const struct item_list *list, const struct json *items)
{
    size_t n = 0;
    json_key(b, list->member);
    json_open(b, '[');
    for (const struct json *t = items->child; t; t = t->next) {
        if (!item_shown(d, l, list, t))
            continue;
        json_item(b);
        buf_put(b, t->raw);
        n++;
    }
    json_close(b, ']');
    return n;
}

static void
list_items_answer(struct down *d, const struct rpc *answer)
{
    struct gate *g = d->session->gate;
    struct link *l = d->session->link;
    const struct item_list *list = list_of(d);
    const struct json *items = json_get(answer->result, list->member);
    struct buf b = buf_make(RESULT_MAX);
    d->snapshot = d->snapshot ? d->snapshot : snapshot_ref(g->snapshot);
    d->destination = estate_destination(d->snapshot->estate, d->session->destination);
    if (answer->error) {
        method_answer(d, answer); /* a server without such a list says so itself */
        return;
    }
    if (!json_is(items, JSON_ARRAY) || l == NULL || d->destination == NULL) {
        down_fail(d, err_make(E_UPSTREAM, "the destination gave no list of %s", list->member));
        return;
    }
    link_ref(l); /* what is seen may have it asked again, and it may die of that */
    for (const struct json *t = items->child; t && list->kind != ITEM_SERVER; t = t->next)
        link_pins_see(l, list->kind, t);
    json_open(&b, '{');
    for (const struct json *m = answer->result->child; m; m = m->next) {
        if (bytes_is(m->key, list->member) || bytes_is(m->key, "ttlMs") || bytes_is(m->key, "cacheScope") || bytes_is(m->key, "resultType"))
            continue;
        result_member(&b, m);
    }
    if (strcmp(list->member, "resources") == 0)
        view_listed(d->session, items, json_text(d->rpc.params, "cursor").n == 0);
    size_t n = put_items(&b, d, l, list, items);
    link_unref(l);
    put_envelope(&b, d);
    json_close(&b, '}');
    if (n)
        writ_saw(g->config.writs, d->session->writ, d->destination);
    record_list(d, list->member, n, items->count - n);
    if (b.failed)
        down_error(d, RPC_WRIT_UPSTREAM, "the list is too large", (struct bytes){NULL, 0});
    else
        down_result(d, buf_bytes(&b));
    buf_free(&b);
}

void
list_items_take(struct down *d)
{
    const struct item_list *list = list_of(d);
    if (subject_granted(d->session, list->group))
        method_pass(d, list_items_answer);
    else
        empty_list(d, list->member);
}
