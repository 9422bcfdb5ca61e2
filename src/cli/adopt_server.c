/* The server that adopt works with: the one that runs, or one of its own for as long as this takes. What changes authority goes through its API, and on record. */
#include "cli/adopt.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/pin.h"

#define START_MS 60000u
#define PROBE_MS 120000u
#define CALL_MS 60000u
#define SAID_MAX 4096

static struct err
status(struct adoption *a, struct json **out)
{
    struct api_request q = {.face = FACE_ADMIN, .method = "GET", .target = "/v1/status", .timeout_ms = 3000};
    return api_call(a->c, &q, out);
}

/* What is written here must be what the server reads. */
static struct err
same_estate(struct adoption *a, const struct json *answer)
{
    char served[PATH_MAX], here[PATH_MAX];
    const char *folder = arena_str(&a->c->arena, json_text(json_get(answer, "estate"), "folder"));
    if (folder && realpath(folder, served) && realpath(a->dir, here) && strcmp(served, here) == 0)
        return err_ok();
    return err_make(E_STATE, "the server in %.100s uses the estate %.100s, not %.100s; name one with --estate", a->run_dir, folder ? folder : "?",
                    a->dir);
}

/* The end of what it said before it ended. */
static struct err
why_ended(int said)
{
    char text[SAID_MAX + 1];
    off_t size = lseek(said, 0, SEEK_END);
    off_t from = size > SAID_MAX ? size - SAID_MAX : 0;
    ssize_t n = pread(said, text, SAID_MAX, from);
    text[n > 0 ? n : 0] = 0;
    for (char *end = text + strlen(text); end > text && end[-1] == '\n';)
        *--end = 0;
    const char *last = strrchr(text, '\n');
    return err_make(E_STATE, "the server could not be started: %.250s", last ? last + 1 : text[0] ? text : "it said nothing");
}

static void
become_server(struct adoption *a, int said, int parent)
{
    char *const argv[] = {(char *)(uintptr_t)a->self, (char[]){"serve"}, (char *)(uintptr_t)a->dir, (char[]){"--quiet"}, NULL};
    int null = open("/dev/null", O_RDWR);
    if (null < 0 || dup2(null, 0) < 0 || dup2(said, 1) < 0 || dup2(said, 2) < 0 || prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != parent)
        _exit(127);
    setsid(); /* Ctrl-C is for us, who end it in good order */
    execv(a->self, argv);
    _exit(127);
}

static struct err
wait_ready(struct adoption *a, int said)
{
    struct json *answer;
    for (uint64_t until = deadline_in(a->c->env, START_MS); deadline_in(a->c->env, 0) < until;) {
        if (waitpid(a->server_pid, NULL, WNOHANG) == a->server_pid) {
            a->server_pid = 0;
            return why_ended(said);
        }
        if (!err_failed(status(a, &answer)))
            return err_ok();
        nanosleep(&(struct timespec){0, 50000000}, NULL);
    }
    return err_make(E_TIMEOUT, "the server did not become ready within %u s", START_MS / 1000);
}

struct err
adopt_server_begin(struct adoption *a)
{
    struct json *answer;
    struct err e = status(a, &answer);
    if (!err_failed(e))
        return same_estate(a, answer);
    if (e.code != E_CONNECT && e.code != E_NOT_FOUND && e.code != E_SYSTEM)
        return e;
    int said = memfd_create("writ-serve", MFD_CLOEXEC), parent = (int)getpid();
    if (said < 0)
        return err_system("starting the server");
    int pid = fork();
    if (pid == 0)
        become_server(a, said, parent);
    e = pid < 0 ? err_system("starting the server") : err_ok();
    a->server_pid = pid > 0 ? pid : 0;
    a->serving = pid > 0;
    if (!err_failed(e))
        e = wait_ready(a, said);
    close(said);
    return e;
}

void
adopt_server_end(struct adoption *a)
{
    if (a->server_pid == 0)
        return;
    kill(a->server_pid, SIGTERM);
    while (waitpid(a->server_pid, NULL, 0) < 0 && errno == EINTR)
        ;
    a->server_pid = 0;
}

/* ------------------------------------------------------------------------------------------------------------------ calls */

static struct err
post(struct adoption *a, const char *target, struct buf *body, uint64_t ms, struct json **answer)
{
    struct api_request q = {.face = FACE_ADMIN, .method = "POST", .target = target, .body = buf_bytes(body), .timeout_ms = ms};
    struct err e = body->failed ? err_make(E_LIMIT, "too much for one request") : api_call(a->c, &q, answer);
    bytes_wipe(body->at, body->cap);
    buf_free(body);
    return e;
}

struct err
adopt_reload(struct adoption *a)
{
    struct json *answer;
    struct buf body = buf_make(64);
    buf_puts(&body, "{}");
    return post(a, "/v1/reload", &body, CALL_MS, &answer);
}

/* At its full size from the start, so that no copy of the secret stays behind; an escape takes six bytes at most. */
struct err
adopt_seal(struct adoption *a, const char *destination, const struct value *v)
{
    struct json *answer;
    size_t room = 6 * v->hidden.n + 1024;
    struct buf body = buf_make(room);
    if (buf_room(&body, room) == NULL)
        return err_make(E_MEMORY, "out of memory");
    json_open(&body, '{');
    json_member_str(&body, "name", v->sealed);
    json_member_str(&body, "destination", destination);
    json_member_text(&body, "value", v->hidden);
    json_close(&body, '}');
    return post(a, "/v1/secrets", &body, CALL_MS, &answer);
}

struct err
adopt_record(struct adoption *a, const char *change, struct bytes what, struct bytes exposed)
{
    struct json *answer;
    struct buf body = buf_make((size_t)1 << 20);
    json_open(&body, '{');
    json_member_str(&body, "change", change);
    json_member_text(&body, "what", what);
    if (exposed.n)
        json_member_raw(&body, "exposed", exposed);
    json_close(&body, '}');
    return post(a, "/v1/adopted", &body, CALL_MS, &answer);
}

struct err
adopt_backup_key(struct adoption *a, const char *why, uint8_t key[32])
{
    struct json *answer;
    struct buf body = buf_make(4096);
    size_t n = 0;
    json_open(&body, '{');
    json_member_str(&body, "why", why);
    json_close(&body, '}');
    TRY(post(a, "/v1/backup-key", &body, CALL_MS, &answer));
    struct bytes hex = json_text(answer, "key");
    if (hex.n != 64 || !bytes_unhex(hex, key, &n) || n != 32)
        return err_make(E_PROTOCOL, "the server gave no key for the backup");
    return err_ok();
}

/* ------------------------------------------------------------------------------------------------------------------- pins */

static struct err
probe(struct adoption *a, const char *id, struct json **offer)
{
    struct buf body = buf_make(1024);
    json_open(&body, '{');
    json_member_str(&body, "destination", id);
    json_close(&body, '}');
    TRY(post(a, "/v1/probe", &body, PROBE_MS, offer));
    return json_is(json_get(*offer, "tools"), JSON_ARRAY) ? err_ok() : err_make(E_PROTOCOL, "the server's answer has no tools");
}

/* What hides something, or could not be named by a policy, is left out: it stays held back until a person has looked. */
static bool
acceptable(struct adoption *a, const struct item_change *k, const char *id, struct suspects *found)
{
    struct buf said = buf_make((size_t)64 << 20);
    *found = (struct suspects){0};
    change_put(&said, k, NULL, id, found);
    buf_free(&said);
    (void)a;
    bool named = k->kind < ITEM_TOOL || item_name_ok(k->kind, k->name);
    return k->what == CHANGE_ADDED && named && found->dangers == 0;
}

static struct err
choose(struct adoption *a, struct adopt_destination *d, struct choice *k)
{
    struct suspects *found = calloc(1, sizeof *found);
    TRY(pin_compare(&a->c->arena, NULL, k->offer, &k->changes));
    k->taken = arena_list(&a->c->arena, k->changes.n + 1, sizeof *k->taken);
    if (k->taken == NULL || found == NULL) {
        free(found);
        return err_make(E_MEMORY, "out of memory");
    }
    bool whole = true; /* who the server is must be as good as what it offers */
    for (size_t i = 0; i < k->changes.n; i++) {
        const struct item_change *c = &k->changes.list[i];
        k->taken[i] = acceptable(a, c, d->id, found);
        d->held += !k->taken[i];
        d->tools += k->taken[i] && c->kind == ITEM_TOOL;
        whole = whole && (k->taken[i] || (c->kind != ITEM_SERVER && c->kind != ITEM_INSTRUCTIONS));
    }
    free(found);
    return whole ? err_ok() : err_make(E_PIN, "its name or instructions hide something; look with `writ destination pin %s`", d->id);
}

static struct err
accept(struct adoption *a, struct adopt_destination *d, const struct choice *k)
{
    struct json *answer;
    struct buf body = buf_make((size_t)4 << 20);
    json_open(&body, '{');
    json_member_str(&body, "destination", d->id);
    json_key(&body, "items");
    json_open(&body, '[');
    for (size_t i = 0; i < k->changes.n; i++) {
        const struct item_change *c = &k->changes.list[i];
        if (!k->taken[i])
            continue;
        json_item(&body);
        json_open(&body, '{');
        json_member_str(&body, "kind", item_kind_names[c->kind]);
        json_member_text(&body, "name", c->name);
        json_member_str(&body, "change", change_names[c->what]);
        json_member_bool(&body, "findings", false);
        json_close(&body, '}');
    }
    json_close(&body, ']');
    json_member_bool(&body, "all", d->held == 0);
    json_member_bool(&body, "effects_confirmed", false);
    json_close(&body, '}');
    return post(a, "/v1/accept", &body, CALL_MS, &answer);
}

struct err
adopt_pin(struct adoption *a, struct adopt_destination *d)
{
    struct choice k = {0};
    struct json *offer;
    const struct json *draft;
    TRY(probe(a, d->id, &offer));
    k.offer = d->offer = offer;
    TRY(choose(a, d, &k));
    TRY(pin_draft(&a->c->arena, &k, &draft));
    TRY(pin_write(a->dir, d->id, draft));
    struct err e = accept(a, d, &k);
    if (err_failed(e)) {
        struct err undone = pin_restore(a->dir, d->id, (struct bytes){NULL, 0});
        return err_failed(undone) ? undone : e;
    }
    d->pinned = true;
    return err_ok();
}
