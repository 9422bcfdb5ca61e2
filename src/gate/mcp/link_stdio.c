/*
 * A server that Writ starts itself and speaks to in lines (MCP stdio). It runs as a child in a process group of its own, under its own
 * user where the estate says so, with only the secrets that were sealed for it. It counts as stopped when the process was reaped AND every
 * holder of its output has gone: a grandchild that lives on keeps the revocation open, visibly.
 */
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "gate/mcp/flow.h"

#define GRACE_MS 300 /* from closing its input to SIGKILL, when nothing was cut in anger */
#define QUEUE_MAX ((size_t)16 << 20)
#define STALL_MS 20000 /* a server that takes nothing of what waits for so long reads no more */
#define STALL_BYTES ((size_t)1 << 20)

struct server {
    struct link *link;
    uv_process_t process;
    uv_pipe_t in, out, err;
    struct buf line;
    char last_words[400]; /* end of its stderr, for the log of the server only */
    bool spawned, exited, quiet, killed;
    unsigned closing;
    struct running running;
    struct timer *grace, *stall;
    size_t queued, left; /* left: of it, when was looked last */
    bool paused;         /* its output is left unread */
};

/* ---------------------------------------------------------------------------------------------------------- ending */

static void
handle_closed(uv_handle_t *h)
{
    struct server *v = h->data;
    if (--v->closing)
        return;
    struct link *l = v->link;
    if (v->spawned)
        l->route->servers--;
    running_ended(l->gate->config.writs, &v->running);
    buf_free(&v->line);
    free(v);
    l->wire = NULL;
    link_stopped(l);
}

static void
close_handles(struct server *v)
{
    if (v->closing)
        return;
    v->closing = 4;
    if (v->grace)
        loop_cancel(v->grace);
    v->grace = NULL;
    if (v->stall)
        loop_cancel(v->stall);
    v->stall = NULL;
    uv_close((uv_handle_t *)&v->in, handle_closed);
    uv_close((uv_handle_t *)&v->out, handle_closed);
    uv_close((uv_handle_t *)&v->err, handle_closed);
    uv_close((uv_handle_t *)&v->process, handle_closed);
}

static void
maybe_over(struct server *v)
{
    if (v->exited && v->quiet)
        close_handles(v);
}

static void
kill_group(struct server *v)
{
    v->killed = true;
    if (v->spawned && !v->exited)
        kill(-v->process.pid, SIGKILL);
}

static void
record_exit(struct server *v, int64_t status, int signal)
{
    struct buf m = buf_make(2048);
    json_member_str(&m, "event", "server_ended");
    json_member_str(&m, "destination", v->link->destination->id);
    json_member_int(&m, "pid", v->process.pid);
    json_member_int(&m, "exit", status);
    json_member_int(&m, "signal", signal);
    if (v->link->writ)
        json_member_str(&m, "writ", v->link->writ->id);
    struct audit_event event = {.kind = AUDIT_SERVER, .members = buf_bytes(&m)};
    if (v->last_words[0])
        event.said[0] = (struct audit_said){"stderr", bytes_str(v->last_words)}, event.n_said = 1;
    struct err e = audit_append(v->link->gate->config.audit, &event, false, NULL, NULL);
    (void)e; /* a log that fails has already stopped everything */
    buf_free(&m);
}

static void
exited(uv_process_t *process, int64_t status, int signal)
{
    struct server *v = process->data;
    v->exited = true;
    kill(-process->pid, SIGKILL); /* what it left behind in its group */
    record_exit(v, status, signal);
    link_died(v->link, err_make(E_UPSTREAM, "its server ended (%s %d)", signal ? "signal" : "exit status", signal ? signal : (int)status));
    maybe_over(v);
}

/* --------------------------------------------------------------------------------------------------------- reading */

static void
allocate(uv_handle_t *h, size_t suggested, uv_buf_t *b)
{
    (void)h;
    (void)suggested;
    static char room[65536]; /* one loop, and uv reads into it only until the callback that follows at once */
    *b = uv_buf_init(room, sizeof room);
}

static void
take_line(struct server *v, struct bytes line)
{
    if (line.n && line.at[line.n - 1] == '\r')
        line.n--;
    if (line.n && v->link->state != LINK_DEAD)
        link_received(v->link, line, NULL);
}

static void
out_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b)
{
    struct server *v = stream->data;
    if (n == 0)
        return;
    if (n < 0) {
        uv_read_stop(stream);
        v->quiet = true;
        link_died(v->link, err_make(E_UPSTREAM, "the server of %s closed its output", v->link->destination->id));
        maybe_over(v);
        return;
    }
    struct bytes part = bytes_make(b->base, (size_t)n);
    while (part.n) {
        size_t end = bytes_find(part, '\n');
        buf_put(&v->line, bytes_sub(part, 0, end));
        if (v->line.failed) {
            buf_free(&v->line);
            link_died(v->link, err_make(E_UPSTREAM, "its server sent a message of more than %zu bytes", v->line.max));
            return;
        }
        if (end == part.n)
            return;
        struct buf line = v->line; /* the handler may end the server */
        v->line = buf_make(line.max);
        take_line(v, buf_bytes(&line));
        buf_free(&line);
        part = bytes_sub(part, end + 1, part.n);
    }
}

/* Standard error is no protocol: the end of it is kept for whoever looks for the cause of a failure. */
static void
err_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b)
{
    struct server *v = stream->data;
    if (n < 0) {
        uv_read_stop(stream);
        return;
    }
    ssize_t keep = (ssize_t)sizeof v->last_words;
    size_t have = strlen(v->last_words);
    for (ssize_t i = n > keep ? n - keep : 0; i < n; i++) {
        if (have + 1 >= sizeof v->last_words) {
            memmove(v->last_words, v->last_words + 200, have - 200 + 1);
            have -= 200;
        }
        uint8_t c = (uint8_t)b->base[i];
        v->last_words[have] = c == '\n' || (c >= 0x20 && c < 0x7f) ? (char)c : '?';
        v->last_words[++have] = 0;
    }
}

/* --------------------------------------------------------------------------------------------------------- writing */

struct write {
    uv_write_t req;
    struct server *server;
    size_t n;
    char at[];
};

static void
written(uv_write_t *req, int status)
{
    struct write *w = (struct write *)req;
    w->server->queued -= w->n;
    flow_unsent(w->server->link, 0, w->n);
    (void)status; /* a broken pipe shows as the end of its output */
    free(w);
}

static void
stalled(void *ctx)
{
    struct server *v = ctx;
    size_t left = uv_stream_get_write_queue_size((uv_stream_t *)&v->in);
    v->stall = NULL;
    if (v->queued > STALL_BYTES && left >= v->left) {
        link_died(v->link, err_make(E_TIMEOUT, "its server took nothing of what it is sent for %d s", STALL_MS / 1000));
    } else if (v->queued > STALL_BYTES) {
        v->left = left;
        v->stall = loop_after(v->link->gate->config.loop, STALL_MS, stalled, v);
    }
}

static void
watch_stall(struct server *v)
{
    if (v->stall || v->queued <= STALL_BYTES)
        return;
    v->left = uv_stream_get_write_queue_size((uv_stream_t *)&v->in);
    v->stall = loop_after(v->link->gate->config.loop, STALL_MS, stalled, v);
}

static void
stdio_send(struct link *l, struct pending *p, struct bytes message, struct bytes method)
{
    struct server *v = l->wire;
    (void)p, (void)method;
    if (v == NULL || v->closing)
        return;
    struct write *w = v->queued + message.n <= QUEUE_MAX ? malloc(sizeof *w + message.n + 1) : NULL;
    if (w == NULL) {
        link_died(l, err_make(E_UPSTREAM, "its server does not read what it is sent"));
        return;
    }
    w->server = v;
    w->n = message.n + 1;
    memcpy(w->at, message.at, message.n);
    w->at[message.n] = '\n';
    for (size_t i = 0; i < message.n; i++)
        if (w->at[i] == '\n' || w->at[i] == '\r')
            w->at[i] = ' '; /* line breaks between tokens of JSON; inside strings they cannot stand */
    v->queued += w->n;
    uv_buf_t b = uv_buf_init(w->at, (unsigned)w->n);
    if (uv_write(&w->req, (uv_stream_t *)&v->in, &b, 1, written) != 0) {
        v->queued -= w->n;
        free(w);
        return;
    }
    flow_unsent(l, w->n, 0);
    watch_stall(v);
}

/* One stream carries the answers to all requests of the session: it waits for the slowest. */
static void
stdio_flow(struct link *l)
{
    struct server *v = l->wire;
    bool stop = v && !v->quiet && flow_any_stopped(l);
    if (v == NULL || v->closing || v->quiet || stop == v->paused)
        return;
    v->paused = stop;
    if (stop)
        uv_read_stop((uv_stream_t *)&v->out);
    else
        uv_read_start((uv_stream_t *)&v->out, allocate, out_read);
}

static void
stdio_cancel(struct link *l, struct pending *p)
{
    struct buf params = buf_make(256);
    json_open(&params, '{');
    json_member_int(&params, "requestId", p->id);
    json_member_str(&params, "reason", "cancelled");
    json_close(&params, '}');
    link_notify(l, BYTES("notifications/cancelled"), buf_bytes(&params));
    buf_free(&params);
}

static void
grace_over(void *ctx)
{
    struct server *v = ctx;
    v->grace = NULL;
    kill_group(v);
}

static void
input_shut(uv_shutdown_t *req, int status)
{
    (void)status;
    free(req);
}

/* stdio shutdown (MCP): close its input, wait, then kill. A cut does not wait. */
static void
stdio_stop(struct link *l)
{
    struct server *v = l->wire;
    if (v == NULL)
        return;
    if (v->paused && !v->closing && !v->quiet) { /* its end is to be seen */
        v->paused = false;
        uv_read_start((uv_stream_t *)&v->out, allocate, out_read);
    }
    if (!v->spawned) {
        v->exited = v->quiet = true;
    } else if (!v->exited) {
        if (v->running.stopping || l->why_dead.code != E_WRIT_ENDED) {
            kill_group(v);
        } else {
            uv_shutdown_t *req = malloc(sizeof *req);
            if (req && uv_shutdown(req, (uv_stream_t *)&v->in, input_shut) != 0)
                free(req);
            v->grace = loop_after(l->gate->config.loop, GRACE_MS, grace_over, v);
        }
    }
    maybe_over(v);
}

static void
cut(struct running *r, const char *why)
{
    struct server *v = (struct server *)((char *)r - offsetof(struct server, running));
    kill_group(v);
    link_died(v->link, err_make(E_WRIT_ENDED, "%s", why));
}

/* ---------------------------------------------------------------------------------------------------------- start */

/*
 * Every name has a mark before it until the child has become the server's user (cmd_server.c): what a variable such as LD_PRELOAD does, it
 * does to the server and not to us.
 */
#define MARK "+"

static void
secret_env(struct link *l, const struct secret_use *use, struct buf *env)
{
    buf_printf(env, MARK "%s=", use->env);
    buf_put(env, creds_value(l->account, (size_t)(use - l->destination->secrets)));
    buf_putc(env, 0);
}

/* One of its own takes the place of what every server gets. */
static bool
declares(const struct destination *d, const char *name)
{
    size_t n = strlen(name);
    for (const char **e = d->env; e && *e; e++)
        if (strncmp(*e, name, n) == 0 && (*e)[n] == '=')
            return true;
    for (size_t i = 0; i < d->n_secrets; i++)
        if (d->secrets[i].env && strcmp(d->secrets[i].env, name) == 0)
            return true;
    return false;
}

static void
usual(const struct destination *d, const char *name, const char *value, struct buf *env)
{
    if (value && value[0] && !declares(d, name))
        buf_printf(env, MARK "%s=%s%c", name, value, 0);
}

static void
plain_env(const struct destination *d, const struct passwd *user, struct buf *env)
{
    const char *path = getenv("PATH");
    usual(d, "PATH", path ? path : "/usr/local/bin:/usr/bin:/bin", env);
    usual(d, "HOME", user && user->pw_dir ? user->pw_dir : "/nonexistent", env);
    usual(d, "USER", user ? user->pw_name : NULL, env);
    usual(d, "LOGNAME", user ? user->pw_name : NULL, env);
    usual(d, "SHELL", user ? user->pw_shell : NULL, env);
    usual(d, "LANG", "C.UTF-8", env);
    for (const char **e = d->env; e && *e; e++)
        buf_printf(env, MARK "%s%c", *e, 0);
}

#define ENV_MAX 128
#define ARGS_MAX 128

static size_t
split_env(struct buf *env, char **list)
{
    size_t n = 0, from = 0;
    for (size_t i = 0; i < env->n && n < ENV_MAX; i++)
        if (env->at[i] == 0) {
            list[n++] = (char *)env->at + from;
            from = i + 1;
        }
    list[n] = NULL;
    return n;
}

static struct err
user_of(const struct destination *d, char ids[2][16], struct passwd **user)
{
    *user = NULL;
    snprintf(ids[0], sizeof ids[0], "-");
    snprintf(ids[1], sizeof ids[1], "-");
    if (d->user == NULL)
        return err_ok();
    uint64_t uid;
    *user = getpwnam(d->user);
    if (*user) {
        snprintf(ids[0], sizeof ids[0], "%u", (unsigned)(*user)->pw_uid);
        snprintf(ids[1], sizeof ids[1], "%u", (unsigned)(*user)->pw_gid);
    } else if (bytes_u64(bytes_str(d->user), &uid) && uid < 0xfffffffe) {
        snprintf(ids[0], sizeof ids[0], "%u", (unsigned)uid);
        snprintf(ids[1], sizeof ids[1], "%u", (unsigned)uid);
    } else {
        return err_make(E_CONNECT, "there is no user %s on this host (%s:%d)", d->user, d->place.file, d->place.line);
    }
    return err_ok();
}

/* The child is this executable's hidden command "server": it drops to the user, dies with its parent, and becomes the command. */
static struct err
spawn(struct link *l, struct server *v, char **env, char ids[2][16])
{
    const struct destination *d = l->destination;
    const char *args[ARGS_MAX + 8] = {l->gate->config.self, "server", ids[0], ids[1], "--"};
    size_t n = 5;
    for (const char **c = d->command; c && *c && n < ARGS_MAX; c++)
        args[n++] = *c;
    args[n] = NULL;
    uv_stdio_container_t stdio[3] = {
        {.flags = UV_CREATE_PIPE | UV_READABLE_PIPE, .data.stream = (uv_stream_t *)&v->in},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&v->out},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&v->err},
    };
    uv_process_options_t options = {.exit_cb = exited,
                                    .file = l->gate->config.self,
                                    .args = (char **)(uintptr_t)args,
                                    .env = env,
                                    .cwd = d->cwd,
                                    .flags = UV_PROCESS_DETACHED,
                                    .stdio_count = 3,
                                    .stdio = stdio};
    int status = uv_spawn(loop_uv(l->gate->config.loop), &v->process, &options);
    if (status != 0)
        return err_make(E_CONNECT, "its server could not be started: %s", uv_strerror(status));
    v->spawned = true;
    l->route->servers++;
    return err_ok();
}

static void
make_handles(struct link *l, struct server *v)
{
    uv_loop_t *loop = loop_uv(l->gate->config.loop);
    uv_pipe_init(loop, &v->in, 0);
    uv_pipe_init(loop, &v->out, 0);
    uv_pipe_init(loop, &v->err, 0);
    v->in.data = v->out.data = v->err.data = v->process.data = v;
}

/* Everything the child gets to know of secrets lies in ${env}, which is wiped as soon as the child has its copy. */
static struct err
start_child(struct link *l, struct server *v, struct buf *env)
{
    char ids[2][16], *list[ENV_MAX + 1];
    struct passwd *user;
    struct err e = user_of(l->destination, ids, &user);
    if (!err_failed(e))
        plain_env(l->destination, user, env);
    for (size_t i = 0; i < l->destination->n_secrets && !err_failed(e); i++)
        if (l->destination->secrets[i].env)
            secret_env(l, &l->destination->secrets[i], env);
    if (!err_failed(e) && env->failed)
        e = err_make(E_LIMIT, "the environment of its server is too large");
    if (err_failed(e)) {
        free(v);
        return e;
    }
    split_env(env, list);
    make_handles(l, v);
    l->wire = v;
    link_ref(l); /* the transport's own, until link_stopped */
    e = spawn(l, v, list, ids);
    if (err_failed(e))
        close_handles(v);
    return e;
}

static struct err
stdio_start(struct link *l)
{
    struct server *v = calloc(1, sizeof *v);
    if (v == NULL)
        return err_make(E_MEMORY, "no memory for a server");
    v->link = l;
    v->line = buf_make(l->destination->result_bytes ? l->destination->result_bytes : RESULT_MAX);
    struct buf env = buf_make(262144);
    struct err e = start_child(l, v, &env);
    bytes_wipe(env.at, env.n);
    buf_free(&env);
    if (err_failed(e))
        return e;
    v->running = (struct running){.kind = RUNNING_PROCESS, .pid = v->process.pid, .stop = cut};
    snprintf(v->running.destination, sizeof v->running.destination, "%s", l->destination->id);
    if (l->writ)
        running_begin(l->gate->config.writs, l->writ, &v->running);
    uv_read_start((uv_stream_t *)&v->out, allocate, out_read);
    uv_read_start((uv_stream_t *)&v->err, allocate, err_read);
    return err_ok();
}

const struct link_transport link_stdio = {
    .start = stdio_start,
    .send = stdio_send,
    .cancel = stdio_cancel,
    .stop = stdio_stop,
    .flow = stdio_flow,
};
