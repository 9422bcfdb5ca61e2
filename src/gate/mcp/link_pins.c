/* What a server offers is looked at before anything is passed to it, and again each time it says that it changed. */
#include <stdlib.h>

#include "gate/mcp/mcp.h"

#define LIST_PAGES_MAX 64

static void got_tools(struct link *l, const struct rpc *answer, struct err e);
static void tools_changed(struct link *l);

struct err
link_pins_make(struct link *l)
{
    l->tools = buf_make(RESULT_MAX);
    l->verified = calloc(l->destination->n_tools + 1, sizeof *l->verified);
    return l->verified ? err_ok() : err_make(E_MEMORY, "no memory for a connection to %s", l->destination->id);
}

void
link_pins_free(struct link *l)
{
    free(l->verified);
    buf_free(&l->tools);
}

static void
ask_tools(struct link *l, struct bytes cursor)
{
    struct buf params = buf_make(8192);
    if (cursor.n == 0)
        l->pages = 0, l->list_again = false;
    l->listing = true;
    params_own(&params, l, cursor);
    struct err e =
        params.failed ? err_make(E_LIMIT, "a cursor of %zu bytes", cursor.n) : link_ask(l, BYTES("tools/list"), buf_bytes(&params), got_tools);
    buf_free(&params);
    if (err_failed(e))
        link_fail(l, e);
}

static void
check_pin(struct link *l, const struct json *tool)
{
    uint8_t digest[32];
    const struct tool *pinned = destination_tool(l->destination, json_text(tool, "name"));
    if (pinned == NULL || err_failed(tool_digest(tool, digest)))
        return;
    l->verified[pinned - l->destination->tools] = memcmp(digest, pinned->digest, 32) == 0;
}

static void
got_tools(struct link *l, const struct rpc *answer, struct err e)
{
    const struct json *tools = answer ? json_get(answer->result, "tools") : NULL;
    l->listing = false;
    if (err_failed(e) || (answer && answer->error)) {
        if (err_failed(e))
            link_fail(l, e);
        else if (l->state == LINK_STARTING)
            link_now_ready(l); /* a server without tools */
        return;
    }
    if (!json_is(tools, JSON_ARRAY)) {
        link_fail(l, err_make(E_UPSTREAM, "the server's answer to tools/list has no list of tools"));
        return;
    }
    for (const struct json *t = tools->child; t; t = t->next) {
        check_pin(l, t);
        if (l->writ == NULL) {
            json_item(&l->tools);
            buf_put(&l->tools, t->raw);
        }
    }
    struct bytes cursor = json_text(answer->result, "nextCursor");
    if (cursor.n && ++l->pages < LIST_PAGES_MAX)
        ask_tools(l, cursor);
    else if (l->state == LINK_STARTING)
        link_now_ready(l);
    else if (l->list_again)
        tools_changed(l);
}

void
link_pins_start(struct link *l)
{
    ask_tools(l, (struct bytes){NULL, 0});
}

static void
tools_changed(struct link *l)
{
    memset(l->verified, 0, l->destination->n_tools * sizeof *l->verified); /* nothing counts as pinned until it was looked at again */
    if (l->listing)
        l->list_again = true; /* once more when that is over, however often it changes meanwhile */
    else
        ask_tools(l, (struct bytes){NULL, 0});
}

void
link_pins_noted(struct link *l, struct bytes method)
{
    if (bytes_is(method, "notifications/tools/list_changed"))
        tools_changed(l);
}

bool
link_tool_verified(const struct link *l, const struct tool *tool)
{
    const struct tool *own = destination_tool(l->destination, bytes_str(tool->name));
    return own && memcmp(own->digest, tool->digest, 32) == 0 && l->verified[own - l->destination->tools];
}
