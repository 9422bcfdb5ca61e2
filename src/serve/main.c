#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "serve/inner.h"

/* LeakSanitizer traces its own process, which a process that is not dumpable refuses. */
#ifdef __SANITIZE_ADDRESS__
#define DUMPABLE 1
#else
#define DUMPABLE 0
#endif

struct snapshot *
serve_snapshot(struct serve *s)
{
    pthread_mutex_lock(&s->lock);
    struct snapshot *snap = snapshot_ref(s->snapshot);
    pthread_mutex_unlock(&s->lock);
    return snap;
}

void
serve_say(const struct serve *s, const char *fmt, ...)
{
    va_list ap;
    if (s->options.quiet)
        return;
    va_start(ap, fmt);
    fputs("writ: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
}

struct waiting {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
    struct err e;
};

static void
recorded(struct err e, uint64_t index, void *ctx)
{
    struct waiting *w = ctx;
    (void)index;
    pthread_mutex_lock(&w->lock);
    w->e = e;
    w->done = true;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

struct err
serve_record(struct serve *s, const struct audit_event *event)
{
    struct waiting w = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    TRY(audit_append(s->audit, event, true, recorded, &w));
    pthread_mutex_lock(&w.lock);
    while (!w.done)
        pthread_cond_wait(&w.changed, &w.lock);
    pthread_mutex_unlock(&w.lock);
    return w.e;
}

/* A folder of ours: made when missing, and then with no room for others where secrets lie. */
static struct err
folder(const char *path, mode_t mode)
{
    struct stat st;
    if (mkdir(path, mode) != 0 && errno != EEXIST)
        return err_system("cannot make the folder %.200s", path);
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        return err_make(E_SYSTEM, "%.200s is not a folder", path);
    if (st.st_uid != geteuid() || (st.st_mode & 022))
        return err_make(E_SYSTEM, "%.200s must belong to uid %d and be writable by nobody else", path, (int)geteuid());
    return err_ok();
}

static char *
below(const char *dir, const char *name)
{
    struct buf b = buf_make(4096);
    buf_printf(&b, "%s/%s", dir, name);
    char *text = strdup(buf_text(&b));
    buf_free(&b);
    return text;
}

static struct err
read_passphrase(const struct keys_master *master, struct secret *out)
{
    char line[1024];
    *out = (struct secret){NULL, 0};
    if (master->source != KEYS_MASTER_PASSPHRASE)
        return err_ok();
    fputs("writ: passphrase of the key folder: ", stderr);
    if (fgets(line, sizeof line, stdin) == NULL)
        return err_make(E_KEYS, "no passphrase came on standard input");
    *out = secret_make(bytes_make(line, strcspn(line, "\n")));
    bytes_wipe(line, sizeof line);
    return out->at ? err_ok() : err_make(E_MEMORY, "no memory for the passphrase");
}

static struct err
open_rooms(struct serve *s)
{
    const struct settings *set = &s->snapshot->estate->settings;
    struct secret passphrase;
    TRY(folder(set->state_dir, 0700));
    TRY(folder(set->run_dir, 0755));
    TRY(read_passphrase(&set->master, &passphrase));
    char *keys_dir = below(set->state_dir, "keys");
    struct err e = keys_start(s->env, keys_dir, &set->master, &passphrase, &s->keys);
    free(keys_dir);
    secret_free(&passphrase);
    TRY(e);
    TRY(store_open(s->env, set->store_url, &s->store));
    s->log_dir = below(set->state_dir, "log");
    struct buf origin = buf_make(256);
    buf_printf(&origin, "writ.%s/log", set->name);
    s->log_origin = strdup(buf_text(&origin));
    buf_free(&origin);
    struct alerts_config alerts = {s->env, s->loop, s->keys, s->store, s->log_dir};
    TRY(alerts_make(&alerts, &s->alerts));
    struct audit_config audit = {
        .dir = s->log_dir, .origin = s->log_origin, .window_ms = set->log_window_ms, .head_ms = 1000, .watch = alerts_record, .watch_ctx = s->alerts};
    TRY(audit_open(s->env, &audit, s->keys, s->store, &s->audit));
    alerts_start(s->alerts, s->audit, s->snapshot->estate);
    struct writs_config writs = {s->env, s->loop, s->store, s->audit};
    TRY(writs_make(&writs, &s->writs));
    TRY(writs_load(s->writs, s->snapshot->estate));
    struct creds_config creds = {s->env, s->loop, s->keys, s->store, s->audit};
    TRY(creds_make(&creds, &s->creds));
    TRY(creds_use(s->creds, s->snapshot->estate));
    struct gate_config gate = {s->env, s->loop, s->writs, s->audit, s->keys, s->store, s->creds, s->options.self};
    TRY(gate_make(&gate, &s->gate));
    gate_inspect(s->gate, s->inspect);
    gate_use(s->gate, s->snapshot);
    return err_ok();
}

static struct err
listen_all(struct serve *s, struct admin_face *face)
{
    const char *dir = s->snapshot->estate->settings.run_dir;
    char *agent = below(dir, "agent.sock"), *admin = below(dir, "admin.sock"), *control = below(dir, "control.sock"), *run = below(dir, "run.sock");
    char where[3][600];
    snprintf(where[0], sizeof where[0], "unix:%.590s", agent);
    snprintf(where[1], sizeof where[1], "unix:%.590s", admin);
    snprintf(where[2], sizeof where[2], "unix:%.590s", control);
    struct err e = http_listen(s->loop, where[0], 0666, NULL, &http_limits_default, agent_handler, s, &s->agent_server);
    if (!err_failed(e))
        e = http_listen(s->loop, where[1], 0666, NULL, &http_limits_default, admin_handler, face, &s->admin_server);
    if (!err_failed(e))
        e = control_start(s, where[2], &s->control);
    if (!err_failed(e))
        e = runs_listen(s, run, &s->runs);
    free(agent), free(admin), free(control), free(run);
    return e;
}

static struct err
record_server(struct serve *s, const char *event)
{
    struct buf m = buf_make(512);
    json_member_str(&m, "event", event);
    json_member_str(&m, "version", WRIT_VERSION);
    json_member_int(&m, "pid", getpid());
    json_member_str(&m, "estate", s->snapshot->estate->version);
    struct audit_event a = {.kind = AUDIT_SERVER, .members = buf_bytes(&m)};
    struct err e = audit_append(s->audit, &a, false, NULL, NULL);
    buf_free(&m);
    return e;
}

/* ---------------------------------------------------------------------------------------------------------- stopping */

static void
gate_gone(void *ctx)
{
    struct serve *s = ctx;
    s->gate = NULL;
    loop_stop(s->loop);
}

void
serve_stop(struct serve *s)
{
    if (s->stopping)
        return;
    s->stopping = true;
    serve_say(s, "stopping");
    reload_stop(s);
    runs_close(s->runs);
    http_server_close(s->agent_server);
    http_server_close(s->admin_server);
    uv_close((uv_handle_t *)&s->terminate, NULL);
    uv_close((uv_handle_t *)&s->interrupt, NULL);
    gate_close(s->gate, gate_gone, s);
}

static void
asked_to_stop(uv_signal_t *signal, int number)
{
    (void)number;
    serve_stop(signal->data);
}

static void
watch_signals(struct serve *s)
{
    uv_signal_init(loop_uv(s->loop), &s->terminate);
    uv_signal_init(loop_uv(s->loop), &s->interrupt);
    s->terminate.data = s->interrupt.data = s;
    uv_signal_start(&s->terminate, asked_to_stop, SIGTERM);
    uv_signal_start(&s->interrupt, asked_to_stop, SIGINT);
}

static void
stop_again(void *ctx)
{
    loop_stop(ctx);
}

/* Let every change that is under way reach the store, the log and its callback, in that order. */
static void
drain(struct serve *s)
{
    struct store_put last = {.kind = "server", .id = BYTES("last_stop"), .body = BYTES("{}"), .expect_version = STORE_ANY_VERSION};
    struct store_write write = {.puts = &last, .n_puts = 1};
    int64_t seq;
    struct err e = record_server(s, "stopped");
    e = store_commit_wait(s->store, &write, &seq); /* first in, first out: what came before is done when this returns */
    audit_close(s->audit);
    store_close(s->store);
    e = loop_post(s->loop, stop_again, s->loop);
    if (!err_failed(e))
        loop_run(s->loop);
}

static void
close_rooms(struct serve *s)
{
    control_stop(s->control);
    creds_stop(s->creds);
    alerts_stop(s->alerts);
    drain(s);
    creds_free(s->creds);
    alerts_free(s->alerts);
    writs_free(s->writs);
    if (s->keys)
        keys_stop(s->keys);
    snapshot_unref(s->snapshot);
    inspect_unref(s->inspect);
    if (s->loop)
        loop_free(s->loop);
    free(s->log_dir);
    free(s->log_origin);
    pthread_mutex_destroy(&s->lock);
}

/* No core dumps, no debugger of the same user: this process sees arguments and, for moments, secrets (law 5). */
static void
harden(void)
{
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, DUMPABLE);
    signal(SIGPIPE, SIG_IGN);
}

static struct err
start(struct serve *s, struct admin_face *face)
{
    struct buf findings = buf_make(262144);
    TRY(loop_make(s->env, &s->loop));
    struct err e = serve_load(s, &findings);
    if (findings.n)
        fprintf(stderr, "%s", buf_text(&findings));
    buf_free(&findings);
    TRY(e);
    TRY(open_rooms(s));
    TRY(record_server(s, "started"));
    face->loop = s->loop;
    TRY(listen_all(s, face));
    watch_signals(s);
    return reload_watch(s);
}

int
serve_main(const struct serve_options *o)
{
    struct serve s = {.options = *o, .env = env_real()};
    struct admin_face face = {.serve = &s};
    pthread_mutex_init(&s.lock, NULL);
    harden();
    struct err e = start(&s, &face);
    if (err_failed(e)) {
        fprintf(stderr, "writ: cannot start: %s\n", e.text);
        return err_exit_code(e.code);
    }
    serve_say(&s, "serving estate %s (version %s), sockets in %s", o->estate_dir, s.snapshot->estate->version, s.snapshot->estate->settings.run_dir);
    serve_say(&s, "ready");
    loop_run(s.loop);
    close_rooms(&s);
    return 0;
}
