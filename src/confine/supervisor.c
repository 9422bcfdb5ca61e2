/*
 * The two processes inside. The supervisor is the first of the agent's namespaces (process 1 of its own): it builds what needs
 * privileges, forks the agent, and stays until the agent or the caller has ended, holding no descriptor but its socket and the standard ones.
 * The agent drops everything, reports, and waits for the word.
 */
#include "confine/inside.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define BACKLOG 64
#define CAPABILITIES 64
#define PROCESSES_MAX 65536
#define STATUS_NOT_RUN 127

bool
report_send(int fd, const struct report *r, int pass)
{
    union {
        char room[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct iovec part = {(void *)(uintptr_t)r, sizeof *r};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
    if (pass >= 0) {
        m.msg_control = control.room;
        m.msg_controllen = sizeof control.room;
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof pass);
        memcpy(CMSG_DATA(c), &pass, sizeof pass);
    }
    return sendmsg(fd, &m, MSG_NOSIGNAL) == (ssize_t)sizeof *r;
}

static void
fail(int fd, const struct err *e)
{
    struct report r = {.failed = true};
    snprintf(r.text, sizeof r.text, "%s", e->text);
    report_send(fd, &r, -1);
    _exit(STATUS_NOT_RUN);
}

static struct err
write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return err_system("opening %s", path);
    ssize_t n = write(fd, text, strlen(text));
    struct err e = n < 0 ? err_system("user namespace: writing %s", path) : err_ok();
    close(fd);
    return e;
}

/* Map our own ids to themselves: nobody becomes 0 (user_namespaces(7); setgroups must be given up before gid_map is written). */
static struct err
map_ids(uid_t uid, gid_t gid)
{
    char line[64];
    prctl(PR_SET_DUMPABLE, 1); /* after a change of user these files belong to root otherwise */
    TRY(write_file("/proc/self/setgroups", "deny"));
    snprintf(line, sizeof line, "%u %u 1", gid, gid);
    TRY(write_file("/proc/self/gid_map", line));
    snprintf(line, sizeof line, "%u %u 1", uid, uid);
    TRY(write_file("/proc/self/uid_map", line));
    prctl(PR_SET_DUMPABLE, 0);
    return err_ok();
}

/* A new network namespace has nothing but a loopback interface that is down. */
static struct err
loopback_up(void)
{
    struct ifreq r = {.ifr_name = "lo"};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    r.ifr_flags = IFF_UP | IFF_RUNNING;
    struct err e = fd < 0 || ioctl(fd, SIOCSIFFLAGS, &r) != 0 ? err_system("setting the loopback interface up") : err_ok();
    if (fd >= 0)
        close(fd);
    return e;
}

static struct err
listen_inside(int *fd, uint16_t *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    *fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (*fd < 0 || bind(*fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(*fd, BACKLOG) != 0 ||
        getsockname(*fd, (struct sockaddr *)&at, &n) != 0)
        return err_system("listening inside the walls");
    *port = ntohs(at.sin_port);
    return err_ok();
}

static struct err
build(struct walls *w, int *listener)
{
    if (w->namespaces & CONFINE_NETNS)
        TRY(loopback_up());
    TRY(listen_inside(listener, &w->port));
    if (w->namespaces & CONFINE_MOUNTNS)
        TRY(mounts_build(w));
    return err_ok();
}

/* Signals of a terminal reach the whole foreground group; the agent decides what they mean, the supervisor goes on. */
static void
ignore_signals(void)
{
    static const int signals[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGTSTP, SIGTTIN, SIGTTOU, SIGPIPE, SIGUSR1, SIGUSR2, SIGALRM, SIGXCPU};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        signal(signals[i], SIG_IGN);
}

struct family {
    size_t n;
    struct {
        pid_t pid, parent;
        bool ours;
    } member[PROCESSES_MAX];
};

/* The parent of a process, from behind the last ')' of /proc/PID/stat (its name may hold anything); 0 when it is gone. */
static pid_t
parent_of(const char *pid)
{
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC), parent = 0;
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return 0;
    text[n] = 0;
    const char *close_bracket = strrchr(text, ')');
    return close_bracket && sscanf(close_bracket + 1, " %*c %d", &parent) == 1 ? parent : 0;
}

static void
read_family(struct family *f)
{
    DIR *dir = opendir("/proc");
    f->n = 0;
    for (struct dirent *d; dir && f->n < PROCESSES_MAX && (d = readdir(dir));) {
        pid_t pid = (pid_t)strtol(d->d_name, NULL, 10);
        if (pid <= 0)
            continue;
        f->member[f->n].pid = pid;
        f->member[f->n].parent = parent_of(d->d_name);
        f->member[f->n].ours = false;
        f->n++;
    }
    if (dir)
        closedir(dir);
}

static bool
is_ours(const struct family *f, pid_t pid)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->member[i].pid == pid)
            return f->member[i].ours;
    return false;
}

static void
signal_family(struct family *f, int number)
{
    pid_t self = getpid();
    read_family(f);
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < f->n; i++) {
            if (f->member[i].ours || (f->member[i].parent != self && !is_ours(f, f->member[i].parent)))
                continue;
            f->member[i].ours = more = true;
            kill(f->member[i].pid, number);
        }
    }
}

/*
 * Without a process namespace: we are the reaper of all orphans below us (PR_SET_CHILD_SUBREAPER), so every descendant leads back to us,
 * also after a double fork. Stopped first, so that nothing forks away while the rest is killed; until we have no child left.
 */
static void
kill_rest(void)
{
    static struct family f;
    while (waitpid(-1, NULL, WNOHANG) >= 0 || errno == EINTR) {
        signal_family(&f, SIGSTOP);
        signal_family(&f, SIGKILL);
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
        poll(NULL, 0, 1);
    }
}

/* Reap until the agent itself has ended. */
static bool
agent_ended(pid_t agent, int *status)
{
    int s;
    for (pid_t pid; (pid = waitpid(-1, &s, WNOHANG)) > 0;)
        if (pid == agent) {
            *status = s;
            return true;
        }
    return false;
}

static void
watch(pid_t agent, int signals)
{
    struct pollfd p[2] = {{.fd = CONTROL_FD, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
    struct signalfd_siginfo info;
    int status;
    for (;;) {
        if (poll(p, 2, -1) < 0 && errno != EINTR)
            return;
        if (p[0].revents)
            return; /* the caller never writes: it is gone, or shut its side to have us end */
        if (p[1].revents && read(signals, &info, sizeof info) > 0 && agent_ended(agent, &status)) {
            send(CONTROL_FD, &status, sizeof status, MSG_NOSIGNAL);
            return;
        }
    }
}

void
supervisor_run(struct walls *w)
{
    int listener = -1;
    sigset_t child;
    struct err e = w->userns ? map_ids(w->uid, w->gid) : err_ok();
    if (!err_failed(e))
        e = build(w, &listener);
    if (err_failed(e))
        fail(CONTROL_FD, &e);
    ignore_signals();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_DUMPABLE, 0);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    int signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    struct report r = {.reached = w->namespaces, .own_proc = w->own_proc};
    if (signals < 0 || !report_send(CONTROL_FD, &r, listener))
        _exit(STATUS_NOT_RUN);
    close(listener);
    pid_t agent = fork();
    if (agent == 0) {
        close(CONTROL_FD);
        close(signals);
        agent_run(w);
    }
    close(START_FD);
    if (agent > 0)
        watch(agent, signals);
    if (!(w->namespaces & CONFINE_PIDNS))
        kill_rest();
    _exit(0); /* as process 1 of a namespace: the kernel kills the rest before we are gone */
}

struct err
agent_switch_user(const struct walls *w)
{
    uid_t uid = (uid_t)w->plan->uid;
    gid_t gid = (gid_t)w->plan->gid;
    if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
        return err_system("becoming user %u", uid);
    return err_ok();
}

/* The bounding set first: that needs a capability itself. */
static struct err
drop_capabilities(bool bounding)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}};
    for (int i = 0; bounding && i < CAPABILITIES; i++)
        if (prctl(PR_CAPBSET_DROP, i, 0, 0, 0) != 0)
            break; /* the first that the kernel does not know; without privileges, none can be dropped, nor gained (no_new_privs) */
    if (bounding)
        return err_ok();
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (syscall(SYS_capset, &header, none) != 0)
        return err_system("dropping capabilities");
    return err_ok();
}

static struct err
drop_identity(const struct walls *w, struct report *r)
{
    TRY(drop_capabilities(true));
    if (w->switch_user && geteuid() != (uid_t)w->plan->uid)
        TRY(agent_switch_user(w));
    if (w->switch_user)
        r->reached |= CONFINE_USER;
    TRY(drop_capabilities(false));
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return err_system("setting no_new_privs");
    r->reached |= CONFINE_NO_NEW_PRIVS;
    prctl(PR_SET_DUMPABLE, 0);
    if (chdir(w->cwd) != 0)
        return err_system("entering the folder %s inside the walls", w->cwd);
    return err_ok();
}

static void
reset_signals(void)
{
    sigset_t none;
    for (int i = 1; i < NSIG; i++)
        signal(i, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* What cannot be had is reported; whether that is enough, the caller decides before it says go. */
static void
enter_walls(const struct walls *w, struct report *r)
{
    unsigned asked = w->plan->want | w->plan->require;
    if (asked & CONFINE_LANDLOCK) {
        struct err e = landlock_enter(w, &r->landlock_abi);
        if (err_failed(e))
            snprintf(r->text, sizeof r->text, "%s", e.text);
        else
            r->reached |= CONFINE_LANDLOCK;
    }
    if ((asked & CONFINE_SECCOMP) && !err_failed(seccomp_enter(w->namespaces)))
        r->reached |= CONFINE_SECCOMP;
}

static void
run(struct walls *w, const char *more, size_t n)
{
    char **env = environ_build(w->plan, more, n);
    if (env) {
        environ = env;
        execvp(w->plan->argv[0], (char *const *)(uintptr_t)w->plan->argv);
    }
    int why = errno;
    send(START_FD, &why, sizeof why, MSG_NOSIGNAL);
}

void
agent_run(struct walls *w)
{
    static char more[GO_MAX];
    struct report r = {0};
    reset_signals();
    struct err e = drop_identity(w, &r);
    if (err_failed(e))
        fail(START_FD, &e);
    enter_walls(w, &r);
    if (!report_send(START_FD, &r, -1))
        _exit(STATUS_NOT_RUN);
    ssize_t n = recv(START_FD, more, sizeof more, 0);
    if (n > 0 && more[n - 1] == 0)
        run(w, more + 1, (size_t)n - 1);
    _exit(STATUS_NOT_RUN);
}
