/*
 * run.sock: `writ run` opens a writ for the process it is about to start and hands over the listening socket of the agent's private
 * endpoint (docs/protocol/local.md). The connection is the life line: when it ends, the task ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "keys/own_token.h"
#include "serve/inner.h"

#define MESSAGE_BYTES 16384
#define RUNS_MAX 4096
#define SECRET_MAX 79 /* characters */
#define SILENT_MAX 256 /* connections of one user that have no writ */

struct runs {
    struct serve *serve;
    int fd;
    uv_poll_t poll;
    struct run *list;
    size_t n;
};

struct run {
    struct run *next, **at;
    struct runs *runs;
    int fd;
    uv_poll_t poll;
    int peer_pid, peer_uid, peer_gid;
    struct peer_proof *proof; /* while the writ is being opened: 16 KB that nothing needs afterwards */
    int agent_pid;
    struct writ *writ;
    struct endpoint *endpoint;
    int listener;  /* handed over, until the endpoint takes it */
    int agent_uid; /* of the proven process */
    char *secret;  /* of the endpoint, until it takes it */
    bool opening, done;
    struct running running; /* tells when the writ ends for another reason */
};

/* ----------------------------------------------------------------------------------------------------------- ending */

static void
forget_proof(struct run *r)
{
    if (r->proof)
        peer_proof_free(r->proof);
    free(r->proof);
    r->proof = NULL;
}

static void
forget_secret(struct run *r)
{
    if (r->secret)
        bytes_wipe(r->secret, strlen(r->secret));
    free(r->secret);
    r->secret = NULL;
}

static void
run_closed(uv_handle_t *h)
{
    struct run *r = h->data;
    close(r->fd);
    if (r->listener >= 0)
        close(r->listener);
    forget_proof(r);
    forget_secret(r);
    free(r);
}

static void
run_end(struct run *r, const char *why, const char *by)
{
    struct serve *s = r->runs->serve;
    if (r->done)
        return;
    r->done = true;
    running_ended(s->writs, &r->running);
    if (r->endpoint)
        endpoint_close(r->endpoint);
    r->endpoint = NULL;
    if (r->writ) {
        writ_close(s->writs, r->writ, WRIT_COMPLETED, why, by, NULL, NULL);
        writ_unref(s->writs, r->writ);
        r->writ = NULL;
    }
    *r->at = r->next;
    if (r->next)
        r->next->at = r->at;
    r->runs->n--;
    uv_poll_stop(&r->poll);
    if (!r->opening)
        uv_close((uv_handle_t *)&r->poll, run_closed);
}

static void
say(struct run *r, struct buf *b)
{
    if (!b->failed && send(r->fd, b->at, b->n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno == EAGAIN)
        b->failed = true; /* a peer that does not read hears of it by the end of the connection */
    buf_free(b);
}

static void
say_error(struct run *r, struct err e)
{
    struct buf b = buf_make(4096);
    json_open(&b, '{');
    json_key(&b, "error");
    json_open(&b, '{');
    json_member_str(&b, "code", err_name(e.code));
    json_member_str(&b, "detail", e.text);
    json_close(&b, '}');
    json_close(&b, '}');
    say(r, &b);
    run_end(r, "it was refused", "writ");
}

/* The writ was ended from elsewhere: tell, and close. The endpoint goes too: nothing can be reached through it any more. */
static void
writ_ended(struct running *running, const char *why)
{
    struct run *r = (struct run *)((char *)running - offsetof(struct run, running));
    struct buf b = buf_make(4096);
    json_open(&b, '{');
    json_member_str(&b, "writ", r->writ->id);
    json_member_str(&b, "state", writ_state_names[writ_state(r->runs->serve->writs, r->writ)]);
    json_member_str(&b, "why", why);
    json_close(&b, '}');
    say(r, &b);
    running_ended(r->runs->serve->writs, &r->running); /* the stream of words has ended; the agent's end is the peer's duty */
}

/* ---------------------------------------------------------------------------------------------------------- opening */

static struct err
give_endpoint(struct run *r)
{
    struct serve *s = r->runs->serve;
    int fd = r->listener;
    r->listener = -1;
    struct err e = endpoint_open(s->gate, r->writ, fd, r->secret, r->agent_uid, r->agent_pid, &r->endpoint);
    forget_secret(r);
    return e;
}

static void
say_open(struct run *r)
{
    struct buf b = buf_make(16384);
    json_open(&b, '{');
    json_member_str(&b, "writ", r->writ->id);
    json_member_str(&b, "agent", r->writ->agent->id);
    json_member_str(&b, "task", r->writ->task->id);
    json_member_str(&b, "state", "active");
    json_member_str(&b, "proof", proof_strength_name(r->writ->instance->strength));
    json_key(&b, "destinations");
    json_open(&b, '[');
    const struct task *t = r->writ->task;
    for (size_t i = 0; i < t->n_grants; i++) {
        bool seen = false;
        for (size_t k = 0; k < i; k++)
            seen |= t->grants[k].destination == t->grants[i].destination;
        if (seen)
            continue;
        json_item(&b);
        json_put_text(&b, bytes_str(t->grants[i].destination->id));
    }
    json_close(&b, ']');
    json_close(&b, '}');
    say(r, &b);
}

static void
opened(struct err e, struct writ *writ, void *ctx)
{
    struct run *r = ctx;
    r->opening = false;
    r->writ = writ;
    forget_proof(r);
    if (r->done) { /* the peer left meanwhile */
        if (writ) {
            writ_close(r->runs->serve->writs, writ, WRIT_COMPLETED, "its process left before it began", "agent", NULL, NULL);
            writ_unref(r->runs->serve->writs, writ);
        }
        uv_close((uv_handle_t *)&r->poll, run_closed);
        return;
    }
    if (!err_failed(e))
        e = give_endpoint(r);
    if (err_failed(e)) {
        say_error(r, e);
        return;
    }
    r->running = (struct running){.kind = RUNNING_STREAM, .stop = writ_ended};
    running_begin(r->runs->serve->writs, writ, &r->running);
    say_open(r);
}

/* The process must be a child of the peer: nobody opens a writ in the name of a stranger's process. */
static struct err
attest_child(struct run *r, int pid)
{
    struct process child;
    TRY(process_read(pid, &child));
    forget_proof(r);
    r->proof = calloc(1, sizeof *r->proof);
    if (r->proof == NULL)
        return err_make(E_MEMORY, "no memory for a proof");
    r->proof->pidfd = -1;
    TRY(peer_attest(r->runs->serve->env, pid, child.uid, child.gid, -1, r->proof));
    for (size_t i = 1; i < r->proof->n; i++)
        if (r->proof->chain[i].pid == r->peer_pid) {
            r->agent_pid = pid;
            r->agent_uid = child.uid;
            return err_ok();
        }
    return err_make(E_PROOF, "process %d is no child of the process that asks", pid);
}

static bool
listens_on_loopback(int fd)
{
    struct sockaddr_in address;
    socklen_t n = sizeof address;
    int listening = 0;
    socklen_t m = sizeof listening;
    return getsockname(fd, (struct sockaddr *)&address, &n) == 0 && address.sin_family == AF_INET &&
           address.sin_addr.s_addr == htonl(INADDR_LOOPBACK) && getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &m) == 0 && listening;
}

/* Whole or not at all: a part of a name is another name. */
static struct err
copy_text(const struct json *m, const char *key, char *to, size_t room)
{
    struct bytes v = json_text(m, key);
    if (v.n >= room || bytes_find(v, 0) != v.n)
        return err_make(E_USAGE, "\"%s\" must be a text of at most %zu bytes without zeros", key, room - 1);
    snprintf(to, room, "%.*s", BYTES_CUT(v, room - 1));
    return err_ok();
}

static struct err
check_open(struct run *r, const struct json *m, int *pid)
{
    const struct json *p = json_get(m, "pid");
    struct bytes secret = json_text(m, "secret");
    if (!json_is(p, JSON_INT) || p->number <= 1 || p->number > INT32_MAX)
        return err_make(E_USAGE, "\"pid\" must name the agent's process");
    if (secret.n < 32 || secret.n > SECRET_MAX)
        return err_make(E_USAGE, "\"secret\" must have 32 to %d characters", SECRET_MAX);
    for (size_t i = 0; i < secret.n && !own_token_is(secret); i++)
        if (!strchr("0123456789abcdef", secret.at[i]) || secret.at[i] == 0)
            return err_make(E_USAGE, "\"secret\" must be a token of Writ's form, or lower-case hexadecimal");
    if (r->listener < 0 || !listens_on_loopback(r->listener))
        return err_make(E_USAGE, "a socket that listens on 127.0.0.1 must come with the message");
    forget_secret(r);
    r->secret = strndup((const char *)secret.at, secret.n);
    if (r->secret == NULL)
        return err_make(E_MEMORY, "no memory for a secret");
    *pid = (int)p->number;
    return err_ok();
}

/*
 * Whoever asks says "confined"; what counts is what the kernel says (law 12): the process lies in another network namespace than the
 * server. Walls that cannot be seen from here (Landlock) are recorded in words and earn nothing.
 */
static bool
has_own_network(int pid)
{
    struct stat ours, theirs;
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
    return stat("/proc/self/ns/net", &ours) == 0 && stat(path, &theirs) == 0 && (ours.st_dev != theirs.st_dev || ours.st_ino != theirs.st_ino);
}

/*
 * Whose agent it is decides whose accounts it uses. So a person is named by themselves, by someone who administers, or by the estate; an
 * agent that starts another one names nobody.
 */
static struct err
check_behalf(const struct estate *estate, const struct agent *agent, int peer_uid, char on_behalf_of[65])
{
    const struct person *asks = person_of(estate, peer_uid);
    if (on_behalf_of[0] == 0 && agent->acts_for)
        snprintf(on_behalf_of, 65, "%.64s", agent->acts_for->id);
    if (on_behalf_of[0] == 0)
        return err_ok();
    const struct person *named = estate_person(estate, on_behalf_of);
    if (named == NULL)
        return err_make(E_NOT_FOUND, "there is no person %s", on_behalf_of);
    if (!named->active)
        return err_make(E_FORBIDDEN, "%s has left; nothing is done on their behalf", on_behalf_of);
    if (named == agent->acts_for || (asks && strcmp(asks->id, named->id) == 0) || may_administer(estate, peer_uid))
        return err_ok();
    return err_make(E_FORBIDDEN, "user %d is not %s, and may not have an agent act on their behalf", peer_uid, on_behalf_of);
}

static struct err
open_writ(struct run *r, const struct json *m)
{
    struct serve *s = r->runs->serve;
    struct snapshot *snap = serve_snapshot(s);
    struct resolved who;
    const struct task *task;
    char agent[65], wanted[65], confinement[200], on_behalf_of[65];
    const struct json *confined = json_get(m, "confined");
    int pid = 0;
    struct err e = copy_text(m, "agent", agent, sizeof agent);
    if (!err_failed(e))
        e = copy_text(m, "task", wanted, sizeof wanted);
    if (!err_failed(e))
        e = copy_text(m, "confinement", confinement, sizeof confinement);
    if (!err_failed(e))
        e = copy_text(m, "on_behalf_of", on_behalf_of, sizeof on_behalf_of);
    if (!err_failed(e))
        e = check_open(r, m, &pid);
    if (!err_failed(e))
        e = attest_child(r, pid);
    if (!err_failed(e))
        e = agent_resolve(snap->estate, r->proof, agent, &who);
    if (!err_failed(e))
        e = agent_task(who.agent, snap->estate, wanted, &task);
    if (!err_failed(e))
        e = check_behalf(snap->estate, who.agent, r->peer_uid, on_behalf_of);
    if (!err_failed(e)) {
        bool operator= person_of(snap->estate, r->peer_uid) != NULL && r->peer_uid != r->agent_uid;
        struct writ_request q = {.estate = snap->estate,
                                 .agent = who.agent,
                                 .task = task,
                                 .proof = r->proof,
                                 .strength = who.strength,
                                 .why = who.why,
                                 .purpose = json_text(m, "purpose"),
                                 .by = operator? BY_OPERATOR : BY_AGENT,
                                 .on_behalf_of = on_behalf_of,
                                 .session = "run",
                                 .confinement = confinement,
                                 .confined = json_is(confined, JSON_BOOL) && confined->truth && has_own_network(pid)};
        r->opening = true;
        e = writ_open(s->writs, &q, opened, r);
        if (err_failed(e))
            r->opening = false;
    }
    snapshot_unref(snap);
    return e;
}

/* After a restart of the server: the same process takes its writ up again. */
static struct err
resume_writ(struct run *r, const struct json *m)
{
    struct serve *s = r->runs->serve;
    int pid = 0;
    TRY(check_open(r, m, &pid));
    TRY(attest_child(r, pid));
    struct writ *writ = writ_find(s->writs, json_text(m, "writ"));
    if (writ == NULL)
        return err_make(E_NOT_FOUND, "there is no such writ");
    const struct process *was = &writ->instance->process, *is = &r->proof->chain[0];
    struct err e = err_ok();
    if (was->pid != is->pid || was->start != is->start || was->uid != is->uid)
        e = err_make(E_PROOF, "that writ belongs to another process");
    else if (writ_state(s->writs, writ) != WRIT_ACTIVE)
        e = err_make(E_WRIT_ENDED, "the writ is %s: %s", writ_state_names[writ_state(s->writs, writ)], writ->ended_why);
    if (err_failed(e)) {
        writ_unref(s->writs, writ);
        return e;
    }
    r->opening = true;
    opened(err_ok(), writ, r);
    return err_ok();
}

static void
take_message(struct run *r, struct bytes text)
{
    struct arena a = {0};
    struct json *m = NULL;
    struct err e = json_parse(&a, text, NULL, &m);
    struct bytes op = err_failed(e) ? text : json_text(m, "op");
    if (!err_failed(e)) {
        if (bytes_is(op, "done") && r->writ) {
            run_end(r, "the agent ended", "agent");
        } else if (r->writ || r->opening) {
            e = err_make(E_USAGE, "only \"done\" is expected now");
        } else if (bytes_is(op, "open")) {
            e = open_writ(r, m);
        } else if (bytes_is(op, "resume")) {
            e = resume_writ(r, m);
        } else {
            e = err_make(E_USAGE, "\"op\" must be open, resume or done");
        }
    }
    arena_free(&a);
    if (err_failed(e))
        say_error(r, e);
}

/* Every descriptor that comes is taken or closed; more than one is a mistake of the peer. */
static void
take_descriptors(struct run *r, struct msghdr *h)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            if (r->listener < 0 && !r->writ)
                r->listener = fd;
            else
                close(fd);
        }
    }
}

static void
run_readable(uv_poll_t *poll, int status, int events)
{
    struct run *r = poll->data;
    static char text[MESSAGE_BYTES + 1];
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(8 * sizeof(int))];
    struct iovec io = {text, MESSAGE_BYTES};
    struct msghdr h = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    (void)events;
    ssize_t n = status < 0 ? 0 : recvmsg(r->fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        run_end(r, "the process that held it is gone", "writ");
        return;
    }
    take_descriptors(r, &h);
    if (h.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
        say_error(r, err_make(E_LIMIT, "a message of more than %d bytes, or too many descriptors", MESSAGE_BYTES));
    else
        take_message(r, bytes_make(text, (size_t)n));
}

/* ---------------------------------------------------------------------------------------------------------- accepting */

/* Connections of a user that have not opened a writ: everyone may connect, but nobody may take every place. */
static size_t
silent_of(const struct runs *runs, int uid)
{
    size_t n = 0;
    for (const struct run *r = runs->list; r; r = r->next)
        n += r->peer_uid == uid && r->writ == NULL;
    return n;
}

static struct err
accept_one(struct runs *runs, int fd)
{
    struct ucred cred;
    socklen_t n = sizeof cred;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) != 0)
        return err_system("looking at who connects");
    struct run *r = runs->n < RUNS_MAX && silent_of(runs, (int)cred.uid) < SILENT_MAX ? calloc(1, sizeof *r) : NULL;
    if (r == NULL)
        return err_make(E_BUSY, "too many runs");
    *r = (struct run){.runs = runs, .fd = fd, .peer_pid = cred.pid, .peer_uid = (int)cred.uid, .peer_gid = (int)cred.gid, .listener = -1};
    if (uv_poll_init(loop_uv(runs->serve->loop), &r->poll, fd) != 0) {
        free(r);
        return err_make(E_SYSTEM, "cannot watch a connection");
    }
    r->poll.data = r;
    r->next = runs->list;
    r->at = &runs->list;
    if (r->next)
        r->next->at = &r->next;
    runs->list = r;
    runs->n++;
    uv_poll_start(&r->poll, UV_READABLE | UV_DISCONNECT, run_readable);
    return err_ok();
}

static void
listener_readable(uv_poll_t *poll, int status, int events)
{
    struct runs *runs = poll->data;
    (void)events;
    if (status < 0)
        return;
    int fd = accept4(runs->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0 && err_failed(accept_one(runs, fd)))
        close(fd);
}

struct err
runs_listen(struct serve *s, const char *path, struct runs **out)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return err_make(E_USAGE, "the path of a socket is too long: %.200s", path);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    struct runs *runs = calloc(1, sizeof *runs);
    if (runs == NULL)
        return err_make(E_MEMORY, "no memory for run.sock");
    runs->serve = s;
    runs->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    unlink(path);
    if (runs->fd < 0 || bind(runs->fd, (struct sockaddr *)&address, sizeof address) != 0 || chmod(path, 0666) != 0 || listen(runs->fd, 1024) != 0 ||
        uv_poll_init(loop_uv(s->loop), &runs->poll, runs->fd) != 0) {
        struct err e = err_system("cannot listen on %.200s", path);
        if (runs->fd >= 0)
            close(runs->fd);
        free(runs);
        return e;
    }
    runs->poll.data = runs;
    uv_poll_start(&runs->poll, UV_READABLE, listener_readable);
    *out = runs;
    return err_ok();
}

static void
runs_closed(uv_handle_t *h)
{
    struct runs *runs = h->data;
    close(runs->fd);
    free(runs);
}

void
runs_close(struct runs *runs)
{
    for (struct run *r = runs->list, *next; r; r = next) {
        next = r->next;
        run_end(r, "the server is stopping", "writ");
    }
    uv_poll_stop(&runs->poll);
    uv_close((uv_handle_t *)&runs->poll, runs_closed);
}
