/*
 * A session of a client is one writ, but each of its hooks is a process of its own. So the first one leaves a process behind that holds the link to the
 * server and takes the calls of the others over a socket in a folder of this user. It ends with the session, with the client's process, or with the link.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/hook.h"

#define ASK_MS 55000u /* clients give up on a hook after 60 s */
#define LINE_MAX_BYTES ((size_t)8 << 20)
#define ASKERS_MAX 32u
#define END_LINE "end"

/* ---------------------------------------------------------------------------------------------------------------- where */

struct where {
    char socket[108], lock[108]; /* sun_path has room for 108 */
};

/* A folder that nobody else may enter; a prepared one of somebody else is refused. */
static struct err
own_folder(char out[64])
{
    struct stat st;
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    bool given = runtime && runtime[0] == '/' && strlen(runtime) < 40;
    snprintf(out, 64, given ? "%.40s/writ-hook" : "%.8s/writ-hook-%u", given ? runtime : "/tmp", (unsigned)geteuid());
    if (mkdir(out, 0700) != 0 && errno != EEXIST)
        return err_system("cannot make the folder %s", out);
    if (lstat(out, &st) != 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077))
        return err_make(E_SYSTEM, "%s must be a folder of this user that nobody else may enter", out);
    return err_ok();
}

static struct err
find_place(struct cli *c, const char *destination, const struct hook_said *said, struct where *w)
{
    char folder[64];
    uint8_t sum[32];
    const char *server;
    struct buf b = buf_make(8192), hex = buf_make(80);
    TRY(own_folder(folder));
    TRY(where_socket(c, "agent.sock", &server));
    buf_printf(&b, "%s\n%s\n%s\n%s\n%s", server, destination, given(c, "agent") ? given(c, "agent") : "", given(c, "task") ? given(c, "task") : "",
               said->session);
    SHA256(b.at, b.n, sum);
    buf_hex(&hex, bytes_make(sum, 12));
    snprintf(w->socket, sizeof w->socket, "%s/%s", folder, buf_text(&hex));
    snprintf(w->lock, sizeof w->lock, "%s/lock", folder);
    bool ok = !b.failed && !hex.failed;
    buf_free(&b);
    buf_free(&hex);
    return ok ? err_ok() : err_make(E_MEMORY, "out of memory");
}

/* ------------------------------------------------------------------------------------------------------- the one that holds */

struct asker {
    int fd;
    int64_t id; /* of its call; 0: not read yet */
    struct buf in;
};

struct holder {
    struct cli *c;
    int listener, link, client; /* client: a pidfd, or -1 */
    struct buf in;              /* of the link */
    struct asker askers[ASKERS_MAX];
    size_t n;
    int64_t next;
    bool over;
};

static void
asker_close(struct holder *h, size_t i)
{
    close(h->askers[i].fd);
    buf_free(&h->askers[i].in);
    h->askers[i] = h->askers[--h->n];
}

/* What an asker sends is its call without the braces' beginning; the id is the holder's. */
static void
pass_up(struct holder *h, struct asker *k, struct bytes line)
{
    struct buf b = buf_make(LINE_MAX_BYTES + 64);
    k->id = ++h->next;
    buf_printf(&b, "{\"jsonrpc\":\"2.0\",\"id\":%lld,", (long long)k->id);
    buf_put(&b, line);
    buf_putc(&b, '\n');
    struct err e = b.failed ? err_make(E_LIMIT, "too long") : socket_send(h->c->env, h->link, buf_bytes(&b), deadline_in(h->c->env, ASK_MS));
    h->over = h->over || err_failed(e);
    buf_free(&b);
}

/* False: it is done with. */
static bool
hear_asker(struct holder *h, struct asker *k)
{
    uint8_t *to = buf_room(&k->in, 65536);
    ssize_t n = to ? recv(k->fd, to, 65536, MSG_DONTWAIT) : 0;
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n == 0 || k->id)
        return false;
    k->in.n += (size_t)n;
    size_t end = bytes_find(buf_bytes(&k->in), '\n');
    if (end == k->in.n)
        return true;
    struct bytes line = bytes_sub(buf_bytes(&k->in), 0, end);
    if (bytes_is(line, END_LINE))
        h->over = true;
    else
        pass_up(h, k, line);
    return true;
}

static void
pass_down(struct holder *h, struct bytes line)
{
    struct arena a = {0};
    struct json *m;
    const struct json *id = err_failed(json_parse(&a, bytes_sub(line, 0, line.n - 1), NULL, &m)) ? NULL : json_get(m, "id");
    for (size_t i = 0; id && i < h->n; i++)
        if (json_is(id, JSON_INT) && h->askers[i].id == id->number) {
            struct err e = socket_send(h->c->env, h->askers[i].fd, line, deadline_in(h->c->env, 1000));
            (void)e; /* it has left */
            asker_close(h, i);
            break;
        }
    arena_free(&a);
}

static void
hear_link(struct holder *h)
{
    uint8_t *to = buf_room(&h->in, 65536);
    ssize_t n = to ? recv(h->link, to, 65536, MSG_DONTWAIT) : 0;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    h->over = h->over || n <= 0;
    h->in.n += n > 0 ? (size_t)n : 0;
    for (size_t end; (end = bytes_find(buf_bytes(&h->in), '\n')) < h->in.n; buf_drop(&h->in, end + 1))
        pass_down(h, bytes_sub(buf_bytes(&h->in), 0, end + 1));
}

static void
take_asker(struct holder *h)
{
    struct ucred who;
    socklen_t size = sizeof who;
    int fd = accept4(h->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    bool mine = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 && who.uid == geteuid();
    if (!mine || h->n == ASKERS_MAX)
        close(fd);
    else
        h->askers[h->n++] = (struct asker){.fd = fd, .in = buf_make(LINE_MAX_BYTES)};
}

static void
hold(struct holder *h)
{
    while (!h->over) {
        struct pollfd p[3 + ASKERS_MAX] = {
            {.fd = h->listener, .events = POLLIN}, {.fd = h->link, .events = POLLIN}, {.fd = h->client, .events = POLLIN}};
        size_t n = h->n;
        for (size_t i = 0; i < n; i++)
            p[3 + i] = (struct pollfd){.fd = h->askers[i].fd, .events = POLLIN};
        if (poll(p, 3 + n, -1) < 0 && errno != EINTR)
            return;
        for (size_t i = n; i-- > 0;)
            if (p[3 + i].revents && !hear_asker(h, &h->askers[i]))
                asker_close(h, i);
        if (p[1].revents)
            hear_link(h);
        if (p[2].revents)
            return; /* the client is gone, and with it the session */
        if (p[0].revents)
            take_asker(h);
    }
}

/* The process that runs the hooks: the nearest above that is no shell. */
static int
client_of(void)
{
    static const char *const shells[] = {"sh", "bash", "dash", "zsh", "fish", "ksh"};
    int pid = getppid();
    for (int depth = 0; depth < 8 && pid > 1; depth++) {
        char path[64], text[512], comm[64] = "";
        int parent = 0;
        bool shell = false;
        snprintf(path, sizeof path, "/proc/%d/stat", pid);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
        if (fd >= 0)
            close(fd);
        text[n > 0 ? n : 0] = 0;
        const char *open_at = strchr(text, '('), *close_at = strrchr(text, ')');
        if (open_at == NULL || close_at == NULL || sscanf(close_at + 1, " %*c %d", &parent) != 1)
            return pid;
        snprintf(comm, sizeof comm, "%.*s", (int)(close_at - open_at - 1), open_at + 1);
        for (size_t i = 0; i < sizeof shells / sizeof *shells; i++)
            shell = shell || strcmp(comm, shells[i]) == 0;
        if (!shell)
            return pid;
        pid = parent;
    }
    return pid;
}

static struct err
listen_at(const char *path, int *out)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof at.sun_path, "%.107s", path);
    unlink(path); /* left by one that was killed: nobody answers there, which was tried under the lock */
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 64) != 0) {
        struct err e = err_system("a socket at %s", path);
        if (fd >= 0)
            close(fd);
        return e;
    }
    *out = fd;
    return err_ok();
}

static void
quiet_streams(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd < 3 && null >= 0; fd++)
        dup2(null, fd);
}

/* In the process that stays. Says over ${told} whether it holds: nothing, or why not. */
static _Noreturn void
stay(struct cli *c, const char *destination, const struct where *w, int client, int told)
{
    struct holder h = {.c = c, .listener = -1, .link = -1, .client = (int)syscall(SYS_pidfd_open, client, 0), .in = buf_make(LINE_MAX_BYTES)};
    setsid();
    quiet_streams();
    signal(SIGPIPE, SIG_IGN);
    struct err e = mcp_open(c, destination, &h.link, &h.in);
    if (!err_failed(e))
        e = listen_at(w->socket, &h.listener);
    ssize_t said = err_failed(e) ? write(told, e.text, strlen(e.text)) : 0;
    close(told);
    if (said == 0 && !err_failed(e))
        hold(&h);
    if (h.listener >= 0)
        unlink(w->socket);
    _exit(0);
}

/* ---------------------------------------------------------------------------------------------------------- the ones that ask */

static struct err
leave_one(struct cli *c, const char *destination, const struct where *w, int lock)
{
    int pipes[2], client = client_of();
    char text[ERR_TEXT_MAX];
    size_t n = 0;
    if (pipe2(pipes, O_CLOEXEC) != 0)
        return err_system("a pipe");
    fflush(stdout);
    int pid = fork();
    if (pid == 0) {
        close(pipes[0]);
        close(lock); /* it would be held as long as this process stays */
        stay(c, destination, w, client, pipes[1]);
    }
    close(pipes[1]);
    for (ssize_t got = 1; pid > 0 && got > 0 && n < sizeof text - 1; n += got > 0 ? (size_t)got : 0)
        got = read(pipes[0], text + n, sizeof text - 1 - n);
    close(pipes[0]);
    text[n] = 0;
    if (pid < 0)
        return err_system("a process to hold the session");
    return n ? err_make(E_CONNECT, "%s", text) : err_ok();
}

static struct err
reach(struct cli *c, const char *destination, const struct where *w, bool begin, int *fd)
{
    if (!err_failed(socket_connect(w->socket, SOCK_STREAM, fd)))
        return err_ok();
    if (!begin)
        return err_make(E_NOT_FOUND, "the session is over");
    int lock = open(w->lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock < 0 || flock(lock, LOCK_EX) != 0) {
        struct err e = err_system("%s", w->lock);
        if (lock >= 0)
            close(lock);
        return e;
    }
    struct err e = socket_connect(w->socket, SOCK_STREAM, fd); /* another hook was faster */
    if (err_failed(e))
        e = leave_one(c, destination, w, lock);
    else
        lock = (close(lock), -1);
    if (lock >= 0 && !err_failed(e))
        e = socket_connect(w->socket, SOCK_STREAM, fd);
    if (lock >= 0)
        close(lock);
    return e;
}

static struct err
send_call(struct cli *c, int fd, const struct hook_said *said)
{
    struct buf b = buf_make(LINE_MAX_BYTES);
    if (said->event == HOOK_END) {
        buf_puts(&b, END_LINE "\n");
    } else {
        buf_puts(&b, "\"method\":\"tools/call\",\"params\":{");
        json_member_str(&b, "name", said->tool);
        json_member_raw(&b, "arguments", said->arguments);
        buf_puts(&b, ",\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\",\"io.modelcontextprotocol/clientCapabilities\":{},"
                     "\"io.modelcontextprotocol/clientInfo\":{\"name\":\"writ-hook\",\"version\":\"1\"}}}}\n");
    }
    struct err e = b.failed ? err_make(E_LIMIT, "the event is too large") : socket_send(c->env, fd, buf_bytes(&b), deadline_in(c->env, ASK_MS));
    buf_free(&b);
    return e;
}

static struct err
hear_answer(struct cli *c, int fd)
{
    uint64_t until = deadline_in(c->env, ASK_MS);
    struct buf in = buf_make(LINE_MAX_BYTES);
    struct json *m = NULL;
    struct err e = err_ok();
    while (!err_failed(e) && bytes_find(buf_bytes(&in), '\n') == in.n) {
        uint8_t *to = buf_room(&in, 65536);
        e = to ? socket_wait(c->env, fd, POLLIN, until) : err_make(E_LIMIT, "the answer is too large");
        ssize_t n = err_failed(e) ? -1 : recv(fd, to, 65536, 0);
        if (n == 0 || (n < 0 && !err_failed(e) && errno != EAGAIN && errno != EINTR))
            e = err_make(E_CLOSED, "Writ ended the session: its task was ended, or the server stopped");
        in.n += n > 0 ? (size_t)n : 0;
    }
    struct bytes line = err_failed(e) ? (struct bytes){NULL, 0} : arena_copy(&c->arena, bytes_sub(buf_bytes(&in), 0, in.n - 1));
    buf_free(&in);
    TRY(e);
    TRY(json_parse(&c->arena, line, NULL, &m));
    const struct json *error = json_get(m, "error");
    if (error)
        return err_make(E_DENIED, "Writ: %.280s", arena_str(&c->arena, json_text(error, "message")));
    const struct json *failed = json_get(json_get(m, "result"), "isError");
    return json_get(m, "result") && !(failed && failed->truth) ? err_ok() : err_make(E_DENIED, "Writ gave no decision");
}

struct err
hook_ask(struct cli *c, const char *destination, const struct hook_said *said)
{
    struct where w;
    int fd = -1;
    if (said->tool == NULL && said->event != HOOK_START && said->event != HOOK_END)
        return err_ok();
    TRY(find_place(c, destination, said, &w));
    struct err e = reach(c, destination, &w, said->event != HOOK_END, &fd);
    if (said->event == HOOK_END && err_failed(e))
        return err_ok();
    if (!err_failed(e) && said->event != HOOK_START)
        e = send_call(c, fd, said);
    if (!err_failed(e) && said->tool)
        e = hear_answer(c, fd);
    if (fd >= 0)
        close(fd);
    return e;
}
