/*
 * The tasks extension (io.modelcontextprotocol/tasks, SEP-2663): a permitted call may give a handle instead of a result. A handle is worth
 * something only in the session whose call made it: with another one's, or a guessed one, the server is not even asked. What the task came to
 * is on record under its call, and a session that ends has its tasks cancelled.
 */
#include <stdio.h>
#include <stdlib.h>

#include "gate/mcp/refusal.h"

#define HANDLES_MAX 1024 /* of a session; then the oldest is forgotten, a finished one first */
#define HANDLE_BYTES 256

struct handle {
    struct handle *next; /* newest first */
    char call[ENV_ID_MAX];
    bool over; /* its end is on record */
    struct bytes id;
    char text[];
};

static struct handle *
find(const struct session *s, struct bytes id)
{
    struct handle *h = s->handles;
    while (h && !bytes_eq(h->id, id))
        h = h->next;
    return h;
}

bool
tasks_own(const struct session *s, struct bytes id)
{
    return find(s, id) != NULL;
}

static void
drop(struct session *s, struct handle *gone)
{
    for (struct handle **at = &s->handles; *at; at = &(*at)->next)
        if (*at == gone) {
            *at = gone->next;
            break;
        }
    s->n_handles--;
    free(gone);
}

static void
make_room(struct session *s)
{
    struct handle *oldest = NULL, *oldest_over = NULL;
    for (struct handle *h = s->handles; h; h = h->next) {
        oldest = h;
        if (h->over)
            oldest_over = h;
    }
    if (s->n_handles >= HANDLES_MAX)
        drop(s, oldest_over ? oldest_over : oldest);
}

bool
tasks_made(struct down *d, const struct json *result)
{
    struct session *s = d->session;
    struct bytes id = json_text(result, "taskId");
    if (id.n == 0 || id.n > HANDLE_BYTES)
        return false;
    if (find(s, id))
        return true;
    make_room(s);
    struct handle *h = calloc(1, sizeof *h + id.n);
    if (h == NULL)
        return false;
    memcpy(h->text, id.at, id.n);
    h->id = bytes_make(h->text, id.n);
    snprintf(h->call, sizeof h->call, "%s", d->call);
    h->next = s->handles;
    s->handles = h;
    s->n_handles++;
    return true;
}

static void
record_end(struct down *d, struct handle *h, const char *status, size_t bytes)
{
    struct session *s = d->session;
    struct buf m = buf_make(4096);
    json_member_str(&m, "call", h->call);
    json_member_str(&m, "writ", s->writ->id);
    json_member_str(&m, "agent", s->writ->agent->id);
    json_member_str(&m, "instance", s->writ->instance->id);
    json_member_str(&m, "destination", s->destination);
    json_member_str(&m, "status", status);
    json_member_int(&m, "bytes", (int64_t)bytes);
    struct audit_event event = {.kind = AUDIT_OUTCOME, .members = buf_bytes(&m)};
    struct err e = audit_append(s->gate->config.audit, &event, false, NULL, NULL);
    (void)e; /* the effect has happened; a log that fails stops the next one */
    buf_free(&m);
    h->over = true;
}

static const char *
end_of(const struct json *task)
{
    static const char *const ends[][2] = {{"completed", "task_completed"}, {"failed", "task_failed"}, {"cancelled", "task_cancelled"}};
    struct bytes status = json_text(task, "status");
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (bytes_is(status, ends[i][0]))
            return ends[i][1];
    return NULL;
}

static void
answered(struct down *d, const struct rpc *answer)
{
    struct handle *h = find(d->session, json_text(d->rpc.params, "taskId"));
    const char *end = answer->result ? end_of(answer->result) : NULL;
    if (h && !h->over && end)
        record_end(d, h, end, answer->root->raw.n);
    method_answer(d, answer);
}

static bool
declared(const struct json *capabilities)
{
    return json_get(json_get(capabilities, "extensions"), EXTENSION_TASKS) != NULL;
}

void
tasks_take(struct down *d)
{
    struct session *s = d->session;
    struct bytes id = json_text(d->rpc.params, "taskId"), none = {NULL, 0};
    if (s->link->era != ERA_MODERN || !declared(json_get(s->link->start, "capabilities"))) {
        down_error(d, RPC_NO_METHOD, "this destination has no tasks", none);
    } else if (!declared(rpc_meta(&d->rpc, META_CAPABILITIES))) {
        down_error(d, RPC_MISSING_CAPABILITY, "the request does not declare the extension " EXTENSION_TASKS,
                   BYTES("{\"requiredCapabilities\":{\"extensions\":{\"" EXTENSION_TASKS "\":{}}}}"));
    } else if (find(s, id) == NULL) {
        refusal_of(s, NULL, REFUSED_TASK, "this session has no such task");
        down_error(d, RPC_INVALID_PARAMS, "this session has no such task", none);
    } else {
        method_pass(d, answered);
    }
}

void
tasks_end(struct session *s)
{
    struct link *l = s->link;
    while (s->handles) {
        struct handle *h = s->handles;
        if (!h->over && l && l->state == LINK_READY && l->transport->last) {
            struct buf params = buf_make(4096), message = buf_make(8192);
            json_open(&params, '{');
            json_member_text(&params, "taskId", h->id);
            json_key(&params, "_meta");
            params_own_meta(&params, l);
            json_close(&params, '}');
            rpc_put_request(&message, BYTES("0"), BYTES("tasks/cancel"), buf_bytes(&params));
            if (!params.failed && !message.failed)
                l->transport->last(l, buf_bytes(&message), BYTES("tasks/cancel"), h->id);
            buf_free(&params);
            buf_free(&message);
        }
        drop(s, h);
    }
}
