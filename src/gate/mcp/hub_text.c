/* Where names stand in MCP messages, as a table; everything else goes through byte by byte. */
#include "gate/mcp/hub.h"

#define DEPTH 7
#define RELATED "io.modelcontextprotocol/related-task"

struct rule {
    const char *path[DEPTH]; /* "*": any member or item */
    enum hub_act act;
};

/* From a server to the client. */
static const struct rule up[] = {
    {{"result", "requestState"}, HUB_STATE},
    {{"result", "inputRequests", "*", "params", "message"}, HUB_SAYS},
    {{"result", "taskId"}, HUB_TASK},
    {{"result", "task", "taskId"}, HUB_TASK},
    {{"result", "tasks", "*", "taskId"}, HUB_TASK},
    {{"result", "_meta", RELATED, "taskId"}, HUB_TASK},
    {{"result", "content", "*", "uri"}, HUB_URI},
    {{"result", "content", "*", "resource", "uri"}, HUB_URI},
    {{"result", "contents", "*", "uri"}, HUB_URI},
    {{"result", "messages", "*", "content", "uri"}, HUB_URI},
    {{"result", "messages", "*", "content", "resource", "uri"}, HUB_URI},
    {{"result", "result", "content", "*", "uri"}, HUB_URI},
    {{"result", "result", "content", "*", "resource", "uri"}, HUB_URI},
    {{"result", "result", "inputRequests", "*", "params", "message"}, HUB_SAYS},
    {{"params", "uri"}, HUB_URI},
    {{"params", "taskId"}, HUB_TASK},
    {{"params", "task", "taskId"}, HUB_TASK},
    {{"params", "_meta", RELATED, "taskId"}, HUB_TASK},
    {{"params", "message"}, HUB_ASKS},
    {{"params", "logger"}, HUB_LOGGER},
    {{"params", "inputRequests", "*", "params", "message"}, HUB_SAYS},
    {{"params", "result", "content", "*", "uri"}, HUB_URI},
    {{"params", "result", "content", "*", "resource", "uri"}, HUB_URI},
    {{"error", "message"}, HUB_ERROR},
};

/* From the client to a server. */
static const struct rule down[] = {
    {{"params", "name"}, HUB_NAME},
    {{"params", "uri"}, HUB_URI},
    {{"params", "taskId"}, HUB_TASK},
    {{"params", "requestState"}, HUB_STATE},
    {{"params", "ref", "name"}, HUB_NAME},
    {{"params", "ref", "uri"}, HUB_URI},
    {{"params", "_meta", RELATED, "taskId"}, HUB_TASK},
    {{"result", "_meta", RELATED, "taskId"}, HUB_TASK},
};

struct walk {
    const struct rule *rules;
    size_t n;
    hub_act_fn *fn;
    void *ctx;
};

static void
walk(const struct walk *w, struct buf *b, const struct json *v, uint64_t live, size_t depth)
{
    bool object = v->type == JSON_OBJECT;
    if (live == 0 || depth == DEPTH || (!object && v->type != JSON_ARRAY)) {
        buf_put(b, v->raw);
        return;
    }
    json_open(b, object ? '{' : '[');
    for (const struct json *m = v->child; m; m = m->next) {
        uint64_t next = 0;
        const struct rule *ends = NULL;
        for (size_t i = 0; i < w->n; i++) {
            const char *part = w->rules[i].path[depth];
            if (!(live >> i & 1) || part == NULL || !(part[0] == '*' || (object && bytes_is(m->key, part))))
                continue;
            if (depth + 1 == DEPTH || w->rules[i].path[depth + 1] == NULL)
                ends = &w->rules[i];
            else
                next |= (uint64_t)1 << i;
        }
        if (object)
            json_key_bytes(b, m->key);
        else
            json_item(b);
        if (ends && m->type == JSON_STRING)
            w->fn(b, m, ends->act, w->ctx);
        else
            walk(w, b, m, next, depth + 1);
    }
    json_close(b, object ? '}' : ']');
}

void
hub_text_up(struct buf *b, const struct json *root, hub_act_fn *fn, void *ctx)
{
    _Static_assert(sizeof up / sizeof *up < 64, "one bit a rule");
    struct walk w = {up, sizeof up / sizeof *up, fn, ctx};
    walk(&w, b, root, ((uint64_t)1 << w.n) - 1, 0);
}

void
hub_text_down(struct buf *b, const struct json *root, hub_act_fn *fn, void *ctx)
{
    struct walk w = {down, sizeof down / sizeof *down, fn, ctx};
    walk(&w, b, root, ((uint64_t)1 << w.n) - 1, 0);
}

/* A name may hide behind an escape, so a message with one of those is read, too. */
bool
hub_text_plain(struct bytes message)
{
    static const char *const signs[] = {"uri\"", "askId\"", "requestState\"", "inputRequests\"", "\"error\"", "\\u"};
    bool plain = true;
    for (size_t i = 0; plain && i < sizeof signs / sizeof *signs; i++)
        plain = bytes_search(message, bytes_str(signs[i])) == message.n;
    return plain;
}
