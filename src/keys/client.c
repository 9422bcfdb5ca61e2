/* The parent's side: start the signer, ask it one thing at a time, and notice when it is gone. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keys/harden.h"
#include "keys/keys.h"
#include "keys/request.h"
#include "keys/state.h"
#include "keys/wire.h"

#define CHILD_SOCKET 3
#define ANSWER_MS 30000 /* a passphrase is stretched on the way; a disk may be slow */
#define STOP_MS 5000
#define LAST_WORDS_MS 100

struct keys {
    struct env *env;
    pid_t pid;
    char audience[STATE_AUDIENCE_MAX];
    pthread_mutex_t lock; /* everything below */
    int fd;
    bool gone; /* nothing more can be asked */
    uint32_t asked;
    struct buf request, answer; /* in ${memory}: mapped, never moved, not dumped, wiped after each use */
    uint8_t *memory;
};
#define HALF (KEYS_MESSAGE_MAX + 4096)

/* ---- asking ---- */

/* Its socket closes a moment before it can be waited for. */
static bool
has_ended(pid_t pid, int within_ms, int *status)
{
    for (int waited = 0; waited <= within_ms; waited += 2) {
        if (pid > 0 && waitpid(pid, status, WNOHANG) == pid)
            return true;
        usleep(2000);
    }
    return false;
}

/* Why the signer is gone, for a person. The lock is held. */
static struct err
lost(struct keys *k)
{
    int status;
    k->gone = true;
    if (has_ended(k->pid, LAST_WORDS_MS, &status)) {
        k->pid = -1;
        if (WIFSIGNALED(status))
            return err_make(E_KEYS, "the signer was killed by signal %d; restart Writ", WTERMSIG(status));
        return err_make(E_KEYS, "the signer ended (exit %d); restart Writ", WEXITSTATUS(status));
    }
    return err_make(E_KEYS, "the signer does not answer; restart Writ");
}

static bool
receive(struct keys *k, size_t *n)
{
    struct pollfd p = {.fd = k->fd, .events = POLLIN};
    int ready;
    while ((ready = poll(&p, 1, ANSWER_MS)) < 0 && errno == EINTR)
        ;
    ssize_t got = ready == 1 ? recv(k->fd, k->answer.at, HALF, MSG_DONTWAIT) : -1;
    *n = got > 0 ? (size_t)got : 0;
    return got >= KEYS_HEAD && got <= KEYS_MESSAGE_MAX;
}

/* Send what is in k->request and read the answer's fields into ${out}. An answer to another question means the two are out of step. */
static struct err
exchange(struct keys *k, struct wire *out)
{
    struct bytes asked = buf_bytes(&k->request);
    ssize_t sent;
    while ((sent = send(k->fd, asked.at, asked.n, MSG_NOSIGNAL)) < 0 && errno == EINTR)
        ;
    if (sent != (ssize_t)asked.n || !receive(k, &k->answer.n) || memcmp(k->answer.at, asked.at, 4) != 0)
        return lost(k);
    *out = (struct wire){bytes_sub(buf_bytes(&k->answer), KEYS_HEAD, k->answer.n), false};
    uint8_t code = k->answer.at[KEYS_HEAD - 1];
    if (code == E_OK)
        return err_ok();
    struct bytes text = wire_take(out);
    return err_make(code <= E_SYSTEM ? (enum err_code)code : E_KEYS, "%.*s", BYTES_CUT(text, ERR_TEXT_MAX));
}

static void
begin(struct keys *k, enum keys_request_number number)
{
    pthread_mutex_lock(&k->lock);
    k->asked++;
    k->request.n = k->answer.n = 0;
    k->request.failed = false;
    for (int shift = 24; shift >= 0; shift -= 8)
        buf_putc(&k->request, (uint8_t)(k->asked >> shift));
    buf_putc(&k->request, (uint8_t)number);
}

/* Between begin and end the lock is held and the answer's bytes stay. */
static struct err
ask(struct keys *k, struct wire *out)
{
    if (k->gone)
        return err_make(E_KEYS, "the signer is gone; restart Writ");
    if (k->request.failed)
        return err_make(E_LIMIT, "more than the signer takes at once (%d bytes)", KEYS_MESSAGE_MAX);
    return exchange(k, out);
}

static void
end(struct keys *k)
{
    bytes_wipe(k->request.at, k->request.n);
    bytes_wipe(k->answer.at, k->answer.n);
    pthread_mutex_unlock(&k->lock);
}

static struct err
bad_answer(void)
{
    return err_make(E_KEYS, "the signer answered something else than was asked; restart Writ");
}

/* For requests whose answer is nothing, and for those whose answer is one field of exactly ${n} bytes. */
static struct err
finish(struct keys *k, uint8_t *to, size_t n)
{
    struct wire w = {.bad = true};
    struct err e = ask(k, &w);
    if (!err_failed(e)) {
        if (n)
            wire_take_into(&w, to, n);
        if (!wire_end(&w))
            e = bad_answer();
    }
    end(k);
    return e;
}

static struct err
finish_copy(struct keys *k, struct arena *a, struct bytes *out)
{
    struct wire w = {.bad = true};
    *out = (struct bytes){NULL, 0};
    struct err e = ask(k, &w);
    if (!err_failed(e)) {
        struct bytes field = wire_take(&w);
        if (!wire_end(&w))
            e = bad_answer();
        else if ((*out = arena_copy(a, field)).at == NULL)
            e = err_make(E_MEMORY, "no memory for the signer's answer");
    }
    end(k);
    return e;
}

/* ---- starting and stopping ---- */

/*
 * The same executable again, with nothing of ours but the socket: no environment (LD_PRELOAD, OPENSSL_CONF), no signal mask, no
 * handler. posix_spawn, because other threads may hold locks that a plain fork would copy.
 */
static struct err
spawn(int theirs, pid_t *pid)
{
    static char name[] = "writ", command[] = "keys", number[] = "3";
    static char no_tracing[] = "ASAN_OPTIONS=detect_leaks=0"; /* the leak checker would, and harden_no_dumps rightly forbids it */
    char *argv[] = {name, command, number, NULL}, *environment[] = {HARDEN_SANITIZED ? no_tracing : NULL, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t set;
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attr);
    posix_spawn_file_actions_adddup2(&files, theirs, CHILD_SOCKET);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    sigemptyset(&set);
    posix_spawnattr_setsigmask(&attr, &set);
    sigfillset(&set);
    posix_spawnattr_setsigdefault(&attr, &set);
    int code = posix_spawn(pid, "/proc/self/exe", &files, &attr, argv, environment);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&files);
    return code == 0 ? err_ok() : err_make(E_KEYS, "the signer cannot be started: %s", strerror(code));
}

static struct err
connect_signer(struct keys *k)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return err_system("the signer's socket cannot be made");
    struct err e = spawn(pair[1], &k->pid);
    close(pair[1]);
    k->fd = pair[0];
    return e;
}

/* The path of the master key: a credential's name is looked up here, since the signer gets no environment. */
static struct err
master_path(const struct keys_master *m, char *to, size_t room)
{
    const char *name = m->name ? m->name : "", *dir = "";
    to[0] = 0;
    if (m->source == KEYS_MASTER_PASSPHRASE)
        return err_ok();
    if (m->source == KEYS_MASTER_CREDENTIAL) {
        dir = getenv("CREDENTIALS_DIRECTORY");
        if (dir == NULL || dir[0] != '/')
            return err_make(E_KEYS, "no credentials directory: start Writ as a systemd service with LoadCredential=%s:…, or use a key file", name);
        if (name[0] == 0 || strchr(name, '/') || name[0] == '.')
            return err_make(E_KEYS, "\"%.60s\" is no name of a credential", name);
    }
    if ((size_t)snprintf(to, room, "%s%s%s", dir, dir[0] ? "/" : "", name) >= room || to[0] == 0)
        return err_make(E_KEYS, "the path of the master key is missing or too long");
    return err_ok();
}

static struct err
open_folder(struct keys *k, const char *dir, const struct keys_master *m, const struct secret *passphrase)
{
    char path[4001];
    uint8_t source = (uint8_t)m->source;
    struct wire w = {.bad = true};
    TRY(master_path(m, path, sizeof path));
    begin(k, KEYS_OPEN);
    wire_put(&k->request, bytes_str(dir));
    wire_put(&k->request, bytes_make(&source, 1));
    wire_put(&k->request, bytes_str(path));
    wire_put(&k->request, passphrase ? bytes_make(passphrase->at, passphrase->n) : bytes_make(NULL, 0));
    struct err e = ask(k, &w);
    if (!err_failed(e)) {
        struct bytes audience = wire_take(&w);
        if (!wire_end(&w) || audience.n >= sizeof k->audience)
            e = bad_answer();
        else
            snprintf(k->audience, sizeof k->audience, "%.*s", BYTES_ARG(audience));
    }
    end(k);
    return e;
}

static struct keys *
make(struct env *env)
{
    struct keys *k = calloc(1, sizeof *k);
    if (k == NULL)
        return NULL;
    k->memory = mmap(NULL, 2 * HALF, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (k->memory == MAP_FAILED) {
        free(k);
        return NULL;
    }
    (void)madvise(k->memory, 2 * HALF, MADV_DONTDUMP);
    (void)madvise(k->memory, 2 * HALF, MADV_WIPEONFORK);
    k->request = (struct buf){.at = k->memory, .cap = HALF, .max = KEYS_MESSAGE_MAX};
    k->answer = (struct buf){.at = k->memory + HALF, .cap = HALF, .max = KEYS_MESSAGE_MAX};
    pthread_mutex_init(&k->lock, NULL);
    k->env = env;
    k->fd = -1;
    k->pid = -1;
    return k;
}

struct err
keys_start(struct env *env, const char *dir, const struct keys_master *master, const struct secret *passphrase, struct keys **out)
{
    *out = NULL;
    struct keys *k = make(env);
    if (k == NULL)
        return err_make(E_MEMORY, "no memory for the signer");
    struct err e = connect_signer(k);
    if (!err_failed(e))
        e = open_folder(k, dir, master, passphrase);
    if (err_failed(e))
        keys_stop(k);
    else
        *out = k;
    return e;
}

/* The child ends when the socket closes; one that hangs in its disk is killed. */
static void
reap(pid_t pid)
{
    int status;
    if (has_ended(pid, STOP_MS, &status))
        return;
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
}

void
keys_stop(struct keys *k)
{
    if (k == NULL)
        return; /* Behave consistently with free(NULL). */
    if (k->fd >= 0)
        close(k->fd);
    if (k->pid > 0)
        reap(k->pid);
    munmap(k->memory, 2 * HALF);
    pthread_mutex_destroy(&k->lock);
    free(k);
}

int
keys_pid(const struct keys *k)
{
    return k->pid;
}

const char *
keys_audience(const struct keys *k)
{
    return k->audience;
}

/* ---- the requests ---- */

struct err
keys_public(struct keys *k, enum keys_key key, struct arena *a, struct bytes *spki_der)
{
    uint8_t which = (uint8_t)key;
    begin(k, KEYS_PUBLIC);
    wire_put(&k->request, bytes_make(&which, 1));
    return finish_copy(k, a, spki_der);
}

struct err
keys_sign_checkpoint(struct keys *k, struct bytes origin, uint64_t size, const uint8_t root[32], uint8_t sig[64])
{
    begin(k, KEYS_SIGN_CHECKPOINT);
    wire_put(&k->request, origin);
    wire_put_u64(&k->request, size);
    wire_put(&k->request, bytes_make(root, 32));
    return finish(k, sig, 64);
}

struct err
keys_sign_token(struct keys *k, struct bytes claims, struct arena *a, struct bytes *jws)
{
    begin(k, KEYS_SIGN_TOKEN);
    wire_put(&k->request, claims);
    return finish_copy(k, a, jws);
}

struct err
keys_seal(struct keys *k, struct bytes name, struct bytes destination, struct bytes value)
{
    begin(k, KEYS_SEAL);
    wire_put(&k->request, name);
    wire_put(&k->request, destination);
    wire_put(&k->request, value);
    return finish(k, NULL, 0);
}

struct err
keys_release(struct keys *k, struct bytes name, struct bytes destination, struct bytes ticket, struct secret *out)
{
    struct wire w = {.bad = true};
    *out = (struct secret){NULL, 0};
    begin(k, KEYS_RELEASE);
    wire_put(&k->request, name);
    wire_put(&k->request, destination);
    wire_put(&k->request, ticket);
    struct err e = ask(k, &w);
    if (!err_failed(e)) {
        struct bytes value = wire_take(&w);
        if (!wire_end(&w))
            e = bad_answer();
        else if ((*out = secret_make(value)).at == NULL)
            e = err_make(E_MEMORY, "no memory for a secret");
    }
    end(k);
    return e;
}

struct err
keys_forget(struct keys *k, struct bytes name)
{
    begin(k, KEYS_FORGET);
    wire_put(&k->request, name);
    return finish(k, NULL, 0);
}

/* One piece of the list, from secret number *${next} on; *${next} becomes 0 after the last one. */
static struct err
list_piece(struct keys *k, uint64_t *next, struct buf *to)
{
    struct wire w = {.bad = true};
    begin(k, KEYS_LIST);
    wire_put_u64(&k->request, *next);
    struct err e = ask(k, &w);
    if (!err_failed(e)) {
        struct bytes text = wire_take(&w);
        uint64_t after = wire_take_u64(&w);
        if (!wire_end(&w) || (after != 0 && after <= *next))
            e = bad_answer();
        else if (text.n && to->n > 1)
            buf_putc(to, ',');
        buf_put(to, text);
        *next = after;
    }
    end(k);
    return e;
}

struct err
keys_list(struct keys *k, struct arena *a, struct bytes *json)
{
    struct buf all = buf_make((size_t)1 << 20);
    uint64_t next = 0;
    struct err e;
    *json = (struct bytes){NULL, 0};
    buf_putc(&all, '[');
    do
        e = list_piece(k, &next, &all);
    while (!err_failed(e) && next);
    buf_putc(&all, ']');
    if (!err_failed(e) && (all.failed || (*json = arena_copy(a, buf_bytes(&all))).at == NULL))
        e = err_make(E_MEMORY, "no memory for the list of secrets");
    buf_free(&all);
    return e;
}

struct err
keys_derive(struct keys *k, const char *label, uint8_t out[32])
{
    begin(k, KEYS_DERIVE);
    wire_put(&k->request, bytes_str(label));
    return finish(k, out, 32);
}

struct err
keys_sign_client(struct keys *k, struct bytes name, struct bytes destination, struct bytes ticket, struct bytes claims, struct arena *a,
                 struct bytes *jws)
{
    begin(k, KEYS_SIGN_CLIENT);
    wire_put(&k->request, name);
    wire_put(&k->request, destination);
    wire_put(&k->request, ticket);
    wire_put(&k->request, claims);
    return finish_copy(k, a, jws);
}

struct err
keys_client_key(struct keys *k, struct bytes name, struct bytes destination, struct arena *a, struct bytes *jwk)
{
    begin(k, KEYS_CLIENT_KEY);
    wire_put(&k->request, name);
    wire_put(&k->request, destination);
    return finish_copy(k, a, jwk);
}
