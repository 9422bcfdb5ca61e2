#include "confine/plan.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAMESPACES (CONFINE_NETNS | CONFINE_PIDNS | CONFINE_MOUNTNS)
#define BUILD_MS 10000
#define KILL_MS 5000
/* Descriptors are moved up here before they are put in their final places. */
#define ABOVE 16

static void
closed(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* The child keeps 0, 1, 2, CONTROL_FD and START_FD. Other agents' sockets among the rest would keep those agents alive after us. */
static void
keep_sockets(int control, int start)
{
    int c = fcntl(control, F_DUPFD_CLOEXEC, ABOVE), s = fcntl(start, F_DUPFD_CLOEXEC, ABOVE);
    if (c < 0 || s < 0 || dup3(c, CONTROL_FD, O_CLOEXEC) < 0 || dup3(s, START_FD, O_CLOEXEC) < 0)
        _exit(127);
    closefrom(START_FD + 1);
}

static unsigned long
clone_flags(const struct walls *w)
{
    unsigned long flags = 0;
    if (w->namespaces & CONFINE_NETNS)
        flags |= CLONE_NEWNET;
    if (w->namespaces & CONFINE_PIDNS)
        flags |= CLONE_NEWPID | CLONE_NEWIPC; /* System V and POSIX queues are ways between processes too */
    if (w->namespaces & CONFINE_MOUNTNS)
        flags |= CLONE_NEWNS;
    return w->userns ? flags | CLONE_NEWUSER : flags;
}

/*
 * Between the caller and the supervisor stands for a moment a process of one thread, which may clone(2) without glibc. CLONE_PARENT
 * makes the supervisor the caller's own child, to be waited for. A user namespace belongs to who makes it: the agent's user.
 */
static void
launch(struct walls *w, int control, int start)
{
    struct report r = {.failed = true};
    struct err e = err_ok();
    for (int i = 1; i < NSIG; i++)
        signal(i, SIG_DFL);
    keep_sockets(control, start);
    if (w->userns && w->switch_user)
        e = agent_switch_user(w);
    w->uid = geteuid();
    w->gid = getegid();
    long pid = err_failed(e) ? -1 : syscall(SYS_clone, clone_flags(w) | CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0)
        supervisor_run(w);
    if (pid < 0) {
        if (!err_failed(e))
            e = err_system("new namespaces%s", w->userns ? " with a user namespace" : "");
        snprintf(r.text, sizeof r.text, "%s", e.text);
        report_send(CONTROL_FD, &r, -1);
    }
    _exit(0);
}

/* Signal handlers of the caller must not run in the child: all signals wait while it is made. */
static pid_t
fork_launch(struct walls *w, int control, int start)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0)
        launch(w, control, start);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pid;
}

/* One message, with what the kernel says about the sender, and a descriptor if one came along. False on a timeout or a closed socket. */
static bool
receive(int fd, int timeout_ms, void *to, size_t n, pid_t *sender, int *passed)
{
    union {
        char room[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec part = {to, n};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room};
    struct pollfd p = {.fd = fd, .events = POLLIN};
    struct ucred who = {0};
    int ready;
    while ((ready = poll(&p, 1, timeout_ms)) < 0 && errno == EINTR)
        ;
    if (ready != 1 || recvmsg(fd, &m, MSG_CMSG_CLOEXEC) != (ssize_t)n)
        return false;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS)
            memcpy(&who, CMSG_DATA(c), sizeof who);
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && passed)
            memcpy(passed, CMSG_DATA(c), sizeof *passed);
    }
    *sender = who.pid;
    return true;
}

static struct err
socket_pair(int pair[2])
{
    int on = 1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return err_system("a socket to the agent");
    if (pair[0] > 2 && pair[1] > 2 && setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0)
        return err_ok();
    close(pair[0]);
    close(pair[1]);
    return err_make(E_STATE, "standard input, output and error must be open (to /dev/null at least) when an agent is started");
}

/* The supervisor's report and then the agent's; each also tells its process id in our view, whatever it is called inside. */
static struct err
hear_reports(struct confine_child *c, struct report *outer, struct report *inner)
{
    if (!receive(c->control, BUILD_MS, outer, sizeof *outer, &c->pid, &c->listener))
        return err_make(E_SYSTEM, "the walls were not built within %d s", BUILD_MS / 1000);
    if (outer->failed) {
        waitpid(c->pid, NULL, 0); /* it leaves at once */
        c->pid = 0;
        return err_make(E_SYSTEM, "%.300s", outer->text);
    }
    c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
    if (c->pidfd < 0)
        return err_system("a descriptor of the agent's supervisor");
    if (!receive(c->start, BUILD_MS, inner, sizeof *inner, &c->agent, NULL))
        return err_make(E_SYSTEM, "the agent's process did not report within %d s", BUILD_MS / 1000);
    if (inner->failed)
        return err_make(E_STATE, "%.300s", inner->text);
    return err_ok();
}

static struct err
endpoint_port(struct confine_child *c)
{
    struct sockaddr_in at;
    socklen_t n = sizeof at;
    if (c->listener < 0 || getsockname(c->listener, (struct sockaddr *)&at, &n) != 0)
        return err_system("the agent's endpoint");
    c->port = ntohs(at.sin_port);
    return err_ok();
}

/* One attempt. E_SYSTEM: the machine refused, a lesser attempt may succeed; any other error is final. */
static struct err
attempt(struct walls *w, struct confine_child *c, struct report *outer, struct report *inner)
{
    int control[2], start[2];
    *c = (struct confine_child){.pidfd = -1, .listener = -1, .control = -1, .start = -1};
    c->pidns = w->namespaces & CONFINE_PIDNS;
    TRY(socket_pair(control));
    struct err e = socket_pair(start);
    if (err_failed(e)) {
        close(control[0]), close(control[1]);
        return e;
    }
    pid_t launcher = fork_launch(w, control[1], start[1]);
    close(control[1]);
    close(start[1]);
    c->control = control[0];
    c->start = start[0];
    if (launcher < 0)
        e = err_system("starting a process");
    while (launcher > 0 && waitpid(launcher, NULL, 0) < 0 && errno == EINTR)
        ;
    if (!err_failed(e))
        e = hear_reports(c, outer, inner);
    if (!err_failed(e))
        e = endpoint_port(c);
    if (err_failed(e))
        confine_free(c);
    return e;
}

/* From the strongest to none. A user namespace is for those who are not privileged; a file tree may be refused where the rest is not. */
static const struct {
    bool userns;
    unsigned namespaces;
} attempts[] = {
    {false, NAMESPACES}, {true, NAMESPACES}, {false, CONFINE_NETNS | CONFINE_PIDNS}, {true, CONFINE_NETNS | CONFINE_PIDNS}, {false, 0},
};

static struct err
climb_down(struct walls *w, struct confine_child *c, struct report *outer, struct report *inner, char why[ERR_TEXT_MAX])
{
    unsigned asked = w->plan->want | w->plan->require;
    struct err e = err_ok();
    for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) {
        w->namespaces = asked & attempts[i].namespaces;
        w->userns = attempts[i].userns;
        if (w->namespaces == 0 && attempts[i].namespaces)
            continue;
        e = attempt(w, c, outer, inner);
        if (e.code != E_SYSTEM)
            return e;
        snprintf(why, ERR_TEXT_MAX, "%s", e.text);
    }
    return e;
}

struct err
confine_prepare(const struct confine_plan *plan, struct confine_level *level, struct confine_child *child)
{
    struct arena a = {0};
    struct report outer = {0}, inner = {0};
    char why[ERR_TEXT_MAX] = "";
    memset(level, 0, sizeof *level);
    struct walls *w = calloc(1, sizeof *w);
    struct err e = w ? plan_check(&a, plan, w) : err_make(E_MEMORY, "out of memory");
    if (!err_failed(e))
        e = climb_down(w, child, &outer, &inner, why);
    free(w);
    arena_free(&a);
    TRY(e);
    level->reached = outer.reached | inner.reached;
    level->landlock_abi = inner.landlock_abi;
    level->own_proc = outer.own_proc;
    level_tell(plan, why, inner.text, level);
    e = level_suffices(plan, level);
    if (err_failed(e))
        confine_free(child);
    return e;
}

/* A zero byte, then the entries with theirs. */
static struct err
send_go(int fd, const char *const *env)
{
    struct buf b = buf_make(GO_MAX);
    buf_putc(&b, 0);
    for (size_t i = 0; env && env[i]; i++) {
        buf_puts(&b, env[i]);
        buf_putc(&b, 0);
    }
    struct err e = err_ok();
    if (b.failed)
        e = err_make(E_LIMIT, "more than %d bytes of variables for an agent", GO_MAX);
    else if (send(fd, b.at, b.n, MSG_NOSIGNAL) != (ssize_t)b.n)
        e = err_make(E_STATE, "the agent's process is gone");
    buf_free(&b);
    return e;
}

struct err
confine_go(struct confine_child *child, const char *const *env)
{
    int why = 0;
    pid_t sender;
    if (child->start < 0)
        return err_make(E_STATE, "this agent was started already");
    TRY(send_go(child->start, env));
    bool refused = receive(child->start, -1, &why, sizeof why, &sender, NULL); /* closed by a successful execve(2) */
    closed(&child->start);
    if (!refused)
        return err_ok();
    errno = why;
    struct err e = err_system("the agent's program cannot be started (it must lie in a system folder or one of the plan)");
    e.code = why == ENOENT ? E_NOT_FOUND : E_SYSTEM;
    return e;
}

/* The supervisor ends after all of its tree. */
static struct err
reap(struct confine_child *child, int timeout_ms)
{
    struct pollfd p = {.fd = child->pidfd, .events = POLLIN};
    int ready;
    if (child->pid <= 0)
        return err_ok();
    while ((ready = poll(&p, 1, timeout_ms)) < 0 && errno == EINTR)
        ;
    if (ready != 1)
        return err_make(E_TIMEOUT, "the processes of the agent (below process %d) are not gone after %d ms", child->pid, timeout_ms);
    while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    child->pid = 0;
    return err_ok();
}

struct err
confine_wait(struct confine_child *child, int *status)
{
    pid_t sender;
    *status = SIGKILL; /* ended without a word: killed, with all the rest */
    int told;
    if (child->control >= 0 && receive(child->control, -1, &told, sizeof told, &sender, NULL))
        *status = told;
    return reap(child, -1);
}

struct err
confine_kill(struct env *env, struct confine_child *child, uint64_t *ns)
{
    uint64_t from = env->mono_ns(env);
    if (child->pid > 0 && child->pidns)
        syscall(SYS_pidfd_send_signal, child->pidfd, SIGKILL, NULL, 0); /* the kernel ends the namespace with its first process */
    if (child->pid > 0 && child->control >= 0)
        shutdown(child->control, SHUT_WR);
    struct err e = reap(child, KILL_MS);
    *ns = env->mono_ns(env) - from;
    return e;
}

void
confine_free(struct confine_child *child)
{
    uint64_t ns;
    struct err e = err_ok();
    if (child->pid > 0 && child->pidfd >= 0)
        e = confine_kill(env_real(), child, &ns);
    (void)e; /* it goes on dying; there is nobody left to tell */
    closed(&child->start);
    closed(&child->control);
    closed(&child->listener);
    closed(&child->pidfd);
}
