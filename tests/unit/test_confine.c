/*
 * The walls, tried from inside. The test program is its own agent: started with "probe NAME" it tries one way out and ends with 0
 * (stopped), 1 (got through) or 2 (could not try). Each way is tried at each level that this machine gives.
 */
#include "confine/inside.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define STOPPED 0
#define THROUGH 1
#define UNTRIED 2
#define NOBODY 61234 /* not 65534, which also stands for users without a name in a namespace */
#define LEAKED_FD 50
#define FAST_OPEN_FLAG 0x20000000
#define MPTCP 262
#define VSOCK 40

/* ---- inside ---- */

static const char *
in(const char *name)
{
    static char path[4][512];
    static unsigned turn;
    char *at = path[turn++ % 4];
    snprintf(at, sizeof path[0], "%s/%s", getenv("P_DIR"), name);
    return at;
}

static int
number(const char *name)
{
    const char *v = getenv(name);
    return v ? atoi(v) : -1;
}

static int
can_open(const char *path, int flags)
{
    int fd = open(path, flags, 0644);
    char byte;
    if (fd < 0)
        return STOPPED;
    /* The empty stand-in of a hidden file may be opened. */
    return flags != O_RDONLY || read(fd, &byte, 1) == 1 ? THROUGH : STOPPED;
}

static int
can_connect(int type, int protocol, int port, int flags)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, type, protocol);
    if (fd < 0)
        return STOPPED;
    if (flags)
        return sendto(fd, "x", 1, flags, (struct sockaddr *)&to, sizeof to) == 1 ? THROUGH : STOPPED;
    return connect(fd, (struct sockaddr *)&to, sizeof to) == 0 ? THROUGH : STOPPED;
}

static int
unix_connect(const char *path, bool abstract)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    memcpy(to.sun_path + abstract, path, n < sizeof to.sun_path - 1 ? n : 0);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0)
        return STOPPED;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + abstract + n);
    return connect(fd, (struct sockaddr *)&to, size) == 0 ? THROUGH : STOPPED;
}

static int
denied(long result)
{
    return result == -1 && (errno == EPERM || errno == ENOSYS) ? STOPPED : THROUGH;
}

static int
endpoint(void)
{
    return can_connect(SOCK_STREAM, 0, number("P_ENDPOINT"), 0);
}
static int
host_tcp(void)
{
    return can_connect(SOCK_STREAM, 0, number("P_TCP"), 0);
}
static int
host_tcp_fast_open(void)
{
    return can_connect(SOCK_STREAM, 0, number("P_TCP"), FAST_OPEN_FLAG);
}
static int
host_mptcp(void)
{
    return can_connect(SOCK_STREAM, MPTCP, number("P_TCP"), 0);
}
static int
host_udp(void)
{
    can_connect(SOCK_DGRAM, 0, number("P_UDP"), MSG_DONTWAIT);
    return STOPPED;
} /* looked at outside */
static int
host_unix_hidden(void)
{
    return unix_connect(in("hidden/sock"), false);
}
static int
host_unix_unlisted(void)
{
    return unix_connect(in("open/sock"), false);
}
static int
host_unix_abstract(void)
{
    return unix_connect(getenv("P_ABSTRACT"), true);
}
static int
vsock(void)
{
    return denied(socket(VSOCK, SOCK_STREAM, 0));
}
static int
read_hidden(void)
{
    return can_open(in("hidden/secret"), O_RDONLY);
}
static int
read_hidden_file(void)
{
    return can_open(in("state.db"), O_RDONLY);
}
static int
read_unlisted(void)
{
    return can_open(in("open/file"), O_RDONLY);
}
static int
read_listed(void)
{
    return can_open(in("ref/file"), O_RDONLY);
}
static int
write_listed(void)
{
    return can_open(in("ref/file"), O_WRONLY);
}
static int
write_work(void)
{
    return can_open(in("work/new"), O_WRONLY | O_CREAT);
}
static int
write_system(void)
{
    return can_open("/etc/writ-test", O_WRONLY | O_CREAT);
}
static int
write_sysctl(void)
{
    return can_open("/proc/sys/kernel/core_pattern", O_WRONLY);
}

static int
read_through(const char *root)
{
    char path[1024];
    snprintf(path, sizeof path, "%s%s", root, in("hidden/secret"));
    return can_open(path, O_RDONLY);
}

static int
read_proc_self_root(void)
{
    return read_through("/proc/self/root");
}
static int
read_proc_1_root(void)
{
    return read_through("/proc/1/root");
}

static int
read_symlink(void)
{
    unlink(in("work/symlink"));
    if (symlink(in("hidden/secret"), in("work/symlink")) != 0)
        return UNTRIED;
    return can_open(in("work/symlink"), O_RDONLY);
}

static int
read_hard_link(void)
{
    if (link(in("hidden/secret"), in("work/hardlink")) != 0)
        return STOPPED;
    return can_open(in("work/hardlink"), O_RDONLY);
}

static int
move_hidden(void)
{
    return rename(in("hidden"), in("work/moved")) == 0 ? THROUGH : STOPPED;
}

static int
read_environ(void)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/environ", number("P_VICTIM"));
    return can_open(path, O_RDONLY);
}

static int
read_memory(void)
{
    char byte;
    struct iovec here = {&byte, 1}, there = {&byte, 1};
    return denied(process_vm_readv(number("P_VICTIM"), &here, 1, &there, 1, 0));
}

/* Whether the victim still lives is looked at from outside: inside, the number may be another's. */
static int
kill_host(void)
{
    kill(number("P_VICTIM"), SIGKILL);
    return STOPPED;
}
static int
trace_attach(void)
{
    return denied(ptrace(PTRACE_ATTACH, number("P_VICTIM"), NULL, NULL));
}
static int
trace_me(void)
{
    return denied(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}
static int
mount_tmpfs(void)
{
    return denied(mount("none", in("work"), "tmpfs", 0, NULL));
}
static int
unmount_hidden(void)
{
    return denied(umount2(in("hidden"), MNT_DETACH));
}
static int
new_user_namespace(void)
{
    return denied(unshare(CLONE_NEWUSER));
}
static int
change_root(void)
{
    return denied(chroot("/"));
}
static int
fs_context(void)
{
    return denied(fsopen("tmpfs", 0));
}
static int
keyring(void)
{
    return denied(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0));
}
static int
bpf(void)
{
    return denied(syscall(SYS_bpf, 0, NULL, 0));
}
static int
io_uring(void)
{
    return denied(syscall(SYS_io_uring_setup, 1, NULL));
}
static int
perf(void)
{
    return denied(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
}
static int
user_fault(void)
{
    return denied(syscall(SYS_userfaultfd, 0));
}
static int
type_into_terminal(void)
{
    return denied(ioctl(0, TIOCSTI, "x"));
}

static int
clone_user_namespace(void)
{
    long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0)
        _exit(0);
    return denied(pid);
}

static int
clone3_hidden_flags(void)
{
    uint64_t args[11] = {CLONE_NEWUSER, [4] = SIGCHLD};
    long pid = syscall(SYS_clone3, args, 88);
    if (pid == 0)
        _exit(0);
    return denied(pid);
}

static int
join_namespace(void)
{
    int fd = open("/proc/self/ns/net", O_RDONLY);
    return denied(setns(fd, 0));
}

/* The same calls by the numbers of 32-bit programs (int 0x80) and of x32. */
static int
other_architecture(void)
{
#if defined(__x86_64__)
    enum { UNSHARE_386 = 310 };
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(UNSHARE_386), "b"(CLONE_NEWUSER) : "memory", "r8", "r9", "r10", "r11");
    if (result != -ENOSYS && result != -EPERM)
        return THROUGH;
    return denied(syscall(SYS_unshare | 0x40000000, CLONE_NEWUSER));
#else
    return STOPPED;
#endif
}

static int
euid(void)
{
    return geteuid() == 0 && getuid() != 0 ? THROUGH : STOPPED;
}

static int
setuid_program(void)
{
    const char *program = getenv("P_SUID");
    if (access(program, X_OK) != 0)
        return UNTRIED;
    execl(program, "suid", "probe", "euid", NULL);
    return STOPPED;
}

static int
capabilities(void)
{
    char line[256];
    unsigned long long effective = 1, permitted = 1;
    int no_new = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f)) {
        sscanf(line, "CapEff: %llx", &effective);
        sscanf(line, "CapPrm: %llx", &permitted);
        sscanf(line, "NoNewPrivs: %d", &no_new);
    }
    return effective || permitted || !no_new ? THROUGH : STOPPED;
}

static int
descriptors(void)
{
    for (int fd = 3; fd < 256; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            return THROUGH;
    return STOPPED;
}

static int
environment(void)
{
    bool right = getenv("MY_API_KEY") && strcmp(getenv("MY_API_KEY"), "passed") == 0 && getenv("P_ENDPOINT");
    return getenv("AWS_SECRET_ACCESS_KEY") || getenv("WRIT_INTERNAL") || !right ? THROUGH : STOPPED;
}

/* Twice forked, in a session of its own, ignoring signals: keeps the pipe at its standard output open while it lives. */
static int
background(void)
{
    if (fork() == 0) {
        setsid();
        for (int i = 0; i < 3; i++)
            if (fork() == 0)
                break;
        signal(SIGTERM, SIG_IGN);
        signal(SIGHUP, SIG_IGN);
        if (write(1, "up", 2) == 2)
            sleep(600);
        _exit(0);
    }
    poll(NULL, 0, 100);
    return STOPPED;
}

static int
forever(void)
{
    background();
    sleep(600);
    return STOPPED;
}

static const struct {
    const char *name;
    int (*probe)(void);
    int expected;
    unsigned needs; /* tried only where this wall stands */
} probes[] = {
    {"endpoint", endpoint, THROUGH, 0},
    {"host_tcp", host_tcp, STOPPED, 0},
    {"host_tcp_fast_open", host_tcp_fast_open, STOPPED, 0},
    {"host_mptcp", host_mptcp, STOPPED, 0},
    {"host_udp", host_udp, STOPPED, 0},
    {"host_unix_hidden", host_unix_hidden, STOPPED, 0},
    {"host_unix_unlisted", host_unix_unlisted, STOPPED, 0},
    {"host_unix_abstract", host_unix_abstract, STOPPED, 0},
    {"vsock", vsock, STOPPED, 0},
    {"read_hidden", read_hidden, STOPPED, 0},
    {"read_hidden_file", read_hidden_file, STOPPED, 0},
    {"read_unlisted", read_unlisted, STOPPED, 0},
    {"read_listed", read_listed, THROUGH, 0},
    {"write_listed", write_listed, STOPPED, 0},
    {"write_work", write_work, THROUGH, 0},
    {"write_system", write_system, STOPPED, 0},
    {"write_sysctl", write_sysctl, STOPPED, 0},
    {"read_proc_self_root", read_proc_self_root, STOPPED, 0},
    {"read_proc_1_root", read_proc_1_root, STOPPED, 0},
    {"read_symlink", read_symlink, STOPPED, 0},
    {"read_hard_link", read_hard_link, STOPPED, 0},
    {"move_hidden", move_hidden, STOPPED, 0},
    {"read_environ", read_environ, STOPPED, 0},
    {"read_memory", read_memory, STOPPED, CONFINE_SECCOMP},
    {"kill_host", kill_host, STOPPED, 0},
    {"trace_attach", trace_attach, STOPPED, CONFINE_SECCOMP},
    {"trace_me", trace_me, STOPPED, CONFINE_SECCOMP},
    {"mount_tmpfs", mount_tmpfs, STOPPED, CONFINE_SECCOMP},
    {"unmount_hidden", unmount_hidden, STOPPED, CONFINE_SECCOMP},
    {"new_user_namespace", new_user_namespace, STOPPED, CONFINE_SECCOMP},
    {"clone_user_namespace", clone_user_namespace, STOPPED, CONFINE_SECCOMP},
    {"clone3_hidden_flags", clone3_hidden_flags, STOPPED, CONFINE_SECCOMP},
    {"join_namespace", join_namespace, STOPPED, CONFINE_SECCOMP},
    {"other_architecture", other_architecture, STOPPED, CONFINE_SECCOMP},
    {"change_root", change_root, STOPPED, CONFINE_SECCOMP},
    {"fs_context", fs_context, STOPPED, CONFINE_SECCOMP},
    {"keyring", keyring, STOPPED, CONFINE_SECCOMP},
    {"bpf", bpf, STOPPED, CONFINE_SECCOMP},
    {"io_uring", io_uring, STOPPED, CONFINE_SECCOMP},
    {"perf", perf, STOPPED, CONFINE_SECCOMP},
    {"user_fault", user_fault, STOPPED, CONFINE_SECCOMP},
    {"type_into_terminal", type_into_terminal, STOPPED, CONFINE_SECCOMP},
    {"setuid_program", setuid_program, STOPPED, CONFINE_NO_NEW_PRIVS},
    {"capabilities", capabilities, STOPPED, CONFINE_NO_NEW_PRIVS},
    {"descriptors", descriptors, STOPPED, 0},
    {"environment", environment, STOPPED, 0},
    {"background", background, STOPPED, 0},
    /* used by tests of their own */
    {"euid", euid, -1, 0},
    {"forever", forever, -1, 0},
};
#define PROBES (sizeof probes / sizeof *probes)

static int
probe(const char *name)
{
    for (size_t i = 0; i < PROBES; i++)
        if (strcmp(probes[i].name, name) == 0)
            return probes[i].probe();
    return UNTRIED;
}

/* ---- outside ---- */

enum level { ROOT_OWN_USER, ROOT_SAME_USER, USER_NAMESPACE, LANDLOCK_ONLY, UNCONFINED };
static const char *const level_names[] = {"root, own user", "root, same user", "user namespace", "Landlock only", "unconfined"};
static const unsigned level_wants[] = {CONFINE_ALL, CONFINE_ALL & ~CONFINE_USER, CONFINE_ALL & ~CONFINE_USER,
                                       CONFINE_LANDLOCK | CONFINE_NO_NEW_PRIVS | CONFINE_SECCOMP, CONFINE_NO_NEW_PRIVS};

/* What an agent could want to reach. */
static struct {
    char dir[64], self[512], abstract[64], suid_dir[32], suid[64];
    int tcp, udp, unix_hidden, unix_open, unix_abstract;
    uint16_t tcp_port, udp_port;
    pid_t victim;
    char vars[8][600];
    const char *env[9]; /* ends with NULL */
} host;

static void
make_file(const char *name, mode_t mode)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", host.dir, name);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0 && write(fd, "secret", 6) == 6);
    fchmod(fd, mode);
    close(fd);
}

static const char *
make_folder(const char *name, mode_t mode)
{
    static char path[8][256];
    static unsigned turn;
    char *at = path[turn++ % 8];
    snprintf(at, sizeof path[0], "%s/%s", host.dir, name);
    mkdir(at, mode);
    chmod(at, mode);
    return at;
}

static int
serve_inet(int type, uint16_t *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, n), 0);
    if (type == SOCK_STREAM)
        listen(fd, 64);
    getsockname(fd, (struct sockaddr *)&at, &n);
    *port = ntohs(at.sin_port);
    return fd;
}

static int
serve_unix(const char *path, bool abstract)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path + abstract, sizeof at.sun_path - abstract, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + abstract + strlen(path));
    assert_int_equal(bind(fd, (struct sockaddr *)&at, n), 0);
    if (!abstract)
        chmod(path, 0777);
    listen(fd, 64);
    return fd;
}

/* A copy of this program that would run as root for anyone; made before this test becomes somebody else. */
static void
make_setuid(void)
{
    char command[1200];
    strcpy(host.suid_dir, "/tmp/writ-suid-XXXXXX");
    if (mkdtemp(host.suid_dir) == NULL || chmod(host.suid_dir, 0755) != 0)
        exit(1);
    snprintf(host.suid, sizeof host.suid, "%s/program", host.suid_dir);
    snprintf(command, sizeof command, "cp %s %s", host.self, host.suid);
    if (system(command) != 0 || chmod(host.suid, geteuid() == 0 ? 04755 : 0755) != 0)
        exit(1);
}

/* A process of the agent's user, outside. */
static void
start_victim(uid_t uid)
{
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    host.victim = fork();
    if (host.victim == 0) {
        if (geteuid() == 0 && uid && (setgid(uid) != 0 || setuid(uid) != 0))
            _exit(1);
        close(ready[0]);
        execl("/bin/sleep", "sleep", "600", NULL); /* closes ready[1] only here, being without CLOEXEC until then */
        _exit(1);
    }
    fcntl(ready[1], F_SETFD, FD_CLOEXEC);
    close(ready[1]);
    struct pollfd p = {.fd = ready[0], .events = POLLIN};
    poll(&p, 1, 100);
    if (p.revents & POLLIN)
        assert_true(read(ready[0], &byte, 1) <= 0);
    close(ready[0]);
}

static void
set_up_host(uid_t agent)
{
    strcpy(host.dir, "/tmp/writ-confine-XXXXXX");
    assert_non_null(mkdtemp(host.dir));
    chmod(host.dir, 0777);
    make_folder("hidden", 0777), make_folder("open", 0777), make_folder("ref", 0777), make_folder("work", 0777);
    make_file("hidden/secret", 0666), make_file("state.db", 0666), make_file("open/file", 0666), make_file("ref/file", 0666);
    snprintf(host.abstract, sizeof host.abstract, "writ-confine-%d", getpid());
    char path[128];
    snprintf(path, sizeof path, "%s/hidden/sock", host.dir);
    host.unix_hidden = serve_unix(path, false);
    snprintf(path, sizeof path, "%s/open/sock", host.dir);
    host.unix_open = serve_unix(path, false);
    host.unix_abstract = serve_unix(host.abstract, true);
    host.tcp = serve_inet(SOCK_STREAM, &host.tcp_port);
    host.udp = serve_inet(SOCK_DGRAM, &host.udp_port);
    start_victim(agent);
    snprintf(host.vars[0], sizeof host.vars[0], "P_DIR=%s", host.dir);
    snprintf(host.vars[1], sizeof host.vars[1], "P_TCP=%u", host.tcp_port);
    snprintf(host.vars[2], sizeof host.vars[2], "P_UDP=%u", host.udp_port);
    snprintf(host.vars[3], sizeof host.vars[3], "P_ABSTRACT=%s", host.abstract);
    snprintf(host.vars[4], sizeof host.vars[4], "P_VICTIM=%d", host.victim);
    snprintf(host.vars[5], sizeof host.vars[5], "MY_API_KEY=passed");
    snprintf(host.vars[6], sizeof host.vars[6], "ASAN_OPTIONS=detect_leaks=0");
    snprintf(host.vars[7], sizeof host.vars[7], "P_SUID=%s", host.suid);
    for (int i = 0; i < 8; i++)
        host.env[i] = host.vars[i];
}

static void
tear_down_host(void)
{
    char command[128];
    close(host.tcp), close(host.udp), close(host.unix_hidden), close(host.unix_open), close(host.unix_abstract);
    kill(host.victim, SIGKILL);
    waitpid(host.victim, NULL, 0);
    snprintf(command, sizeof command, "rm -rf %s", host.dir);
    assert_int_equal(system(command), 0);
}

/* The whole folder is the agent's, but for what is hidden in it: the hardest plan to keep. "ref" is to be read only. */
static struct paths {
    char dir[64], ref[128], work[128], hidden[128], state[128];
    const char *read_write[3], *read_only[4], *hidden_list[3];
} paths;

static struct confine_plan
make_plan(enum level level, const char *const *argv, bool wide)
{
    snprintf(paths.ref, sizeof paths.ref, "%s/ref", host.dir);
    snprintf(paths.work, sizeof paths.work, "%s/work", host.dir);
    snprintf(paths.hidden, sizeof paths.hidden, "%s/hidden", host.dir);
    snprintf(paths.state, sizeof paths.state, "%s/state.db", host.dir);
    memset(paths.read_write, 0, sizeof paths.read_write);
    paths.read_write[0] = wide ? host.dir : paths.work;
    paths.read_only[0] = paths.ref, paths.read_only[1] = host.self, paths.read_only[2] = host.suid_dir;
    paths.hidden_list[0] = paths.hidden, paths.hidden_list[1] = paths.state, paths.hidden_list[2] = NULL;
    int uid = level == ROOT_OWN_USER ? NOBODY : -1;
    return (struct confine_plan){.argv = argv,
                                 .env = host.env,
                                 .uid = uid,
                                 .gid = uid,
                                 .want = level_wants[level],
                                 .cwd = paths.work,
                                 .read_write = paths.read_write,
                                 .read_only = paths.read_only,
                                 .hidden = paths.hidden_list};
}

static int saved_stdout, reading;

/* The agent's standard output becomes a pipe, whose end is seen when the last process of it is gone. */
static void
redirect(void)
{
    int ends[2];
    fflush(stdout);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    saved_stdout = fcntl(1, F_DUPFD_CLOEXEC, 60);
    dup2(ends[1], 1);
    close(ends[1]);
    reading = ends[0];
}

static void
restore(void)
{
    dup2(saved_stdout, 1);
    close(saved_stdout);
}

/* True when nobody has the pipe any more: read to its end without waiting. */
static bool
nobody_left(void)
{
    char text[256];
    ssize_t n;
    fcntl(reading, F_SETFL, O_NONBLOCK);
    while ((n = read(reading, text, sizeof text)) > 0)
        ;
    return n == 0;
}

static int
run_probe(enum level level, const char *name, bool wide, struct confine_level *reached)
{
    const char *argv[] = {host.self, "probe", name, NULL};
    struct confine_plan plan = make_plan(level, argv, wide);
    struct confine_child child;
    char endpoint_var[32];
    const char *more[] = {endpoint_var, NULL};
    int status = -1;
    redirect();
    struct err e = confine_prepare(&plan, reached, &child);
    restore();
    if (err_failed(e))
        print_error("%s: %s\n", level_names[level], e.text);
    assert_false(err_failed(e));
    snprintf(endpoint_var, sizeof endpoint_var, "P_ENDPOINT=%u", child.port);
    e = confine_go(&child, more);
    if (!err_failed(e))
        e = confine_wait(&child, &status);
    if (err_failed(e))
        print_error("%s: %s\n", name, e.text);
    assert_false(err_failed(e));
    assert_true(nobody_left());
    close(reading);
    confine_free(&child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

static bool
victim_lives(void)
{
    return waitpid(host.victim, NULL, WNOHANG) == 0;
}

static int
try_all(enum level level, bool wide)
{
    int wrong = 0;
    char byte;
    struct confine_level reached;
    for (size_t i = 0; i < PROBES; i++) {
        if (probes[i].expected < 0)
            continue;
        int expected = probes[i].expected;
        if (wide && (strcmp(probes[i].name, "read_unlisted") == 0))
            expected = THROUGH; /* it lies in the folder that was given */
        if (wide && (level != LANDLOCK_ONLY) && strcmp(probes[i].name, "host_unix_unlisted") == 0)
            expected = THROUGH;
        if (wide && level == LANDLOCK_ONLY && strcmp(probes[i].name, "write_listed") == 0)
            expected = THROUGH; /* Landlock's rules only add */
        int got = run_probe(level, probes[i].name, wide, &reached);
        if (got == expected || got == UNTRIED || (reached.reached & probes[i].needs) != probes[i].needs)
            continue;
        print_error("%s%s: %s: got %d, expected %d\n", level_names[level], wide ? ", wide" : "", probes[i].name, got, expected);
        wrong++;
    }
    if (recv(host.udp, &byte, 1, MSG_DONTWAIT) >= 0)
        print_error("%s: a datagram came out\n", level_names[level]), wrong++;
    if (!victim_lives())
        print_error("%s: the victim was killed\n", level_names[level]), wrong++;
    return wrong;
}

static struct err
prepare(struct confine_plan plan, struct confine_level *reached)
{
    struct confine_child child;
    redirect();
    struct err e = confine_prepare(&plan, reached, &child);
    restore();
    if (!err_failed(e))
        confine_free(&child);
    assert_true(nobody_left());
    close(reading);
    return e;
}

/* Become nobody in a child of ours and go on there. */
static int
as_nobody(int (*what)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        setenv("CMOCKA_TEST_ABORT", "1", 1); /* a failed assertion ends this child, rather than the test it was copied from */
        if (geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0))
            _exit(99);
        prctl(PR_SET_DUMPABLE, 1);
        _exit(what());
    }
    int status;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}

static bool
reaches(enum level level)
{
    struct confine_level reached;
    run_probe(level, "environment", false, &reached);
    bool full = (reached.reached & level_wants[level]) == level_wants[level];
    if (!full)
        print_message("%s: skipped, this machine gives only: %s (%s)\n", level_names[level], reached.text, reached.missing);
    return full;
}

/* Asked of the kernel itself, so that a wall that we fail to build is not taken for one that cannot be had. */
static bool
machine_could(enum level level)
{
    int flags = CLONE_NEWNS | CLONE_NEWNET | (level == USER_NAMESPACE ? CLONE_NEWUSER : 0), status;
    if (level == LANDLOCK_ONLY)
        return syscall(444 /* landlock_create_ruleset */, NULL, 0, 1) > 0;
    pid_t pid = fork();
    if (pid == 0)
        _exit(unshare(flags) != 0 || (level != USER_NAMESPACE && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0));
    waitpid(pid, &status, 0);
    return status == 0;
}

static int
try_level(enum level level)
{
    set_up_host(level == ROOT_OWN_USER ? NOBODY : geteuid());
    int wrong = reaches(level) ? try_all(level, false) + try_all(level, true) : machine_could(level);
    tear_down_host();
    return wrong;
}

static int
user_namespace_level(void)
{
    return try_level(USER_NAMESPACE);
}
static int
landlock_level(void)
{
    return try_level(LANDLOCK_ONLY);
}

static void
root_with_own_user(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(try_level(ROOT_OWN_USER), 0);
}

static void
root_as_same_user(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(try_level(ROOT_SAME_USER), 0);
}

static void
unprivileged_user_namespace(void **state)
{
    (void)state;
    assert_int_equal(as_nobody(user_namespace_level), 0);
}

static void
unprivileged_landlock(void **state)
{
    (void)state;
    assert_int_equal(as_nobody(landlock_level), 0);
}

/* The probes are real: with no wall wanted, these get through (no_new_privs and dropped capabilities stay). */
/* Some machines, and every chroot, refuse user namespaces to everyone: then a refusal inside proves nothing, and is none of ours. */
static bool
has_user_namespaces(void)
{
    int status = 1;
    pid_t child = fork();
    if (child == 0)
        _exit(unshare(CLONE_NEWUSER) != 0);
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int
unconfined(void)
{
    static const char *const names[] = {
        "host_tcp",      "host_unix_hidden", "host_unix_unlisted",  "host_unix_abstract",   "read_hidden",         "read_hidden_file",
        "read_unlisted", "write_listed",     "read_proc_self_root", "read_symlink",         "read_hard_link",      "read_environ",
        "read_memory",   "trace_me",         "new_user_namespace",  "clone_user_namespace", "clone3_hidden_flags", "keyring",
        "io_uring",      "host_udp",         "kill_host",           "move_hidden",
    };
    static const char *const always[] = {"setuid_program", "capabilities", "descriptors", "environment", "background"};
    struct confine_level reached;
    char byte;
    int wrong = 0;
    set_up_host(geteuid());
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        wrong += run_probe(UNCONFINED, always[i], false, &reached) != STOPPED;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        bool outside = strcmp(names[i], "host_udp") == 0 || strcmp(names[i], "kill_host") == 0;
        bool spaces = strstr(names[i], "user_namespace") || strcmp(names[i], "clone3_hidden_flags") == 0;
        int got = run_probe(UNCONFINED, names[i], false, &reached);
        if (spaces && got == STOPPED && !has_user_namespaces())
            continue;
        if (got == (outside ? STOPPED : THROUGH) || got == UNTRIED)
            continue;
        print_error("without walls: %s: got %d\n", names[i], got);
        wrong++;
    }
    wrong += strcmp(reached.text, "no new privileges") != 0;
    wrong += recv(host.udp, &byte, 1, MSG_DONTWAIT) != 1;
    wrong += waitpid(host.victim, NULL, 0) != host.victim;
    tear_down_host();
    return wrong;
}

static void
without_walls_the_probes_get_through(void **state)
{
    (void)state;
    assert_int_equal(as_nobody(unconfined), 0);
}

static int
run_setuid(void)
{
    setenv("P_SUID", host.suid, 1);
    return setuid_program();
}

/* So that its failing inside says something. */
static void
a_set_user_id_program_works_outside(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(as_nobody(run_setuid), THROUGH);
}

/* As in most containers: the level falls, says why, and what is required is refused. */
static int
refused_namespaces(void)
{
    const char *argv[] = {"/bin/true", NULL};
    struct confine_level reached;
    set_up_host(geteuid());
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    struct err e = seccomp_enter(CONFINE_NETNS | CONFINE_MOUNTNS);
    int wrong = err_failed(e);
    struct confine_plan p = make_plan(USER_NAMESPACE, argv, false);
    e = prepare(p, &reached);
    wrong += err_failed(e) || reached.reached != level_wants[LANDLOCK_ONLY];
    const char *why = "no own network: new namespaces with a user namespace: Operation not permitted; no own process tree; no own file tree";
    wrong += strncmp(reached.missing, why, strlen(why)) != 0;
    p.require = CONFINE_NETNS;
    e = prepare(p, &reached);
    wrong += e.code != E_FORBIDDEN || strstr(e.text, "to have it: run as root, or allow user namespaces") == NULL;
    if (wrong)
        print_error("missing: %s; error: %s\n", reached.missing, e.text);
    tear_down_host();
    return wrong;
}

static void
where_namespaces_are_refused(void **state)
{
    (void)state;
    assert_int_equal(as_nobody(refused_namespaces), 0);
}

/* The kernel grants a new /proc where any other is wholly visible (a build root's, say). */
static bool
another_proc(void)
{
    char line[1024];
    int n = 0;
    FILE *f = fopen("/proc/self/mountinfo", "re");
    while (f && fgets(line, sizeof line, f))
        n += strstr(line, " - proc ") != NULL;
    if (f)
        fclose(f);
    return n != 1;
}

/* As in some containers: no new /proc can be had. What it shows then is kept in by Landlock. */
static int
covered_proc(void)
{
    struct confine_level reached;
    set_up_host(geteuid());
    int wrong = run_probe(USER_NAMESPACE, "read_environ", false, &reached) != STOPPED;
    bool skipped = !(reached.reached & CONFINE_MOUNTNS) || another_proc();
    wrong += !skipped && (reached.own_proc || strstr(reached.text, "but the machine's /proc") == NULL);
    wrong += run_probe(USER_NAMESPACE, "kill_host", false, &reached) != STOPPED || !victim_lives();
    wrong += run_probe(USER_NAMESPACE, "read_hidden", true, &reached) != STOPPED;
    wrong += run_probe(USER_NAMESPACE, "background", false, &reached) != STOPPED;
    if (wrong)
        print_error("%d wrong: %s; %s\n", wrong, reached.text, reached.missing);
    tear_down_host();
    return wrong;
}

static int
cover_proc(void)
{
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", "/proc/irq", "tmpfs", MS_RDONLY, NULL) != 0)
        return 0;
    return as_nobody(covered_proc);
}

static void
where_proc_is_partly_covered(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    pid_t pid = fork();
    int status;
    if (pid == 0)
        _exit(cover_proc());
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
}

/* ---- the end of a run ---- */

static void
start_forever(enum level level, struct confine_child *child)
{
    static const char *argv[] = {NULL, "probe", "forever", NULL};
    struct confine_level reached;
    char text[2];
    argv[0] = host.self;
    struct confine_plan plan = make_plan(level, argv, false);
    redirect();
    struct err e = confine_prepare(&plan, &reached, child);
    restore();
    assert_false(err_failed(e));
    e = confine_go(child, NULL);
    assert_false(err_failed(e));
    assert_int_equal(read(reading, text, 2), 2); /* the background process is up */
    assert_false(nobody_left());
}

static int
kill_level(enum level level)
{
    struct confine_child child;
    uint64_t ns = 0, again = 0;
    int status;
    set_up_host(geteuid());
    start_forever(level, &child);
    struct err e = confine_kill(env_real(), &child, &ns);
    if (err_failed(e))
        print_error("%s\n", e.text);
    int wrong = err_failed(e) || !nobody_left() || ns == 0;
    print_message("%s: a tree of 6 processes gone after %.2f ms\n", level_names[level], (double)ns / 1e6);
    e = confine_kill(env_real(), &child, &again);
    wrong += err_failed(e);
    e = confine_wait(&child, &status);
    wrong += err_failed(e) || !WIFSIGNALED(status);
    confine_free(&child);
    close(reading);
    tear_down_host();
    return wrong;
}

static int
kill_in_namespace(void)
{
    return kill_level(USER_NAMESPACE);
}
static int
kill_by_subreaper(void)
{
    return kill_level(LANDLOCK_ONLY);
}

static void
kill_ends_the_whole_tree(void **state)
{
    (void)state;
    assert_int_equal(as_nobody(kill_in_namespace), 0);
    assert_int_equal(as_nobody(kill_by_subreaper), 0);
    if (geteuid() == 0)
        assert_int_equal(kill_level(ROOT_OWN_USER), 0);
}

/* `writ run` itself is killed: nothing of it may go on. */
static int
die_level(enum level level)
{
    set_up_host(geteuid());
    struct confine_child child;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t caller = fork();
    if (caller == 0) {
        start_forever(level, &child);
        fcntl(reading, F_SETFL, 0);
        if (write(ends[1], "x", 1) != 1)
            _exit(1);
        sleep(600);
    }
    char byte;
    assert_int_equal(read(ends[0], &byte, 1), 1);
    /* The agent's pipe is open in the caller alone: reopen it from there, so that its end can be seen here. */
    char path[64];
    struct pollfd p = {.events = POLLIN};
    for (int fd = 3; fd < 64 && p.fd <= 0; fd++) {
        char target[64] = "";
        snprintf(path, sizeof path, "/proc/%d/fd/%d", caller, fd);
        if (readlink(path, target, sizeof target - 1) > 0 && strncmp(target, "pipe:", 5) == 0 && (p.fd = open(path, O_RDONLY | O_NONBLOCK)) > 0) {
            struct stat mine, other;
            fstat(ends[0], &mine), fstat(p.fd, &other);
            if (mine.st_ino == other.st_ino)
                close(p.fd), p.fd = 0;
        }
    }
    kill(caller, SIGKILL);
    waitpid(caller, NULL, 0);
    int wrong = p.fd <= 0;
    for (int i = 0; !wrong; i++) {
        char text[64];
        ssize_t n = read(p.fd, text, sizeof text);
        if (n == 0)
            break;
        wrong = i > 200; /* 10 s */
        poll(NULL, 0, 50);
    }
    close(p.fd), close(ends[0]), close(ends[1]);
    tear_down_host();
    return wrong;
}

static int
die_in_namespace(void)
{
    return die_level(USER_NAMESPACE);
}
static int
die_with_subreaper(void)
{
    return die_level(LANDLOCK_ONLY);
}

static void
the_caller_dies(void **state)
{
    (void)state;
    assert_int_equal(as_nobody(die_in_namespace), 0);
    assert_int_equal(as_nobody(die_with_subreaper), 0);
}

/* Two agents: the second must not keep the first alive by a copy of its socket. */
static void
agents_do_not_hold_each_other(void **state)
{
    (void)state;
    struct confine_child first, second;
    uint64_t ns;
    set_up_host(geteuid());
    start_forever(LANDLOCK_ONLY, &first);
    int first_reading = reading;
    start_forever(LANDLOCK_ONLY, &second);
    close(first.control); /* as if the caller had died */
    first.control = -1;
    int status;
    struct err e = confine_wait(&first, &status);
    assert_false(err_failed(e));
    assert_false(nobody_left()); /* the second lives */
    int second_reading = reading;
    reading = first_reading;
    assert_true(nobody_left());
    e = confine_kill(env_real(), &second, &ns);
    assert_false(err_failed(e));
    confine_free(&first), confine_free(&second);
    close(first_reading), close(second_reading);
    tear_down_host();
}

/* ---- plans ---- */

static void
expect_refusal(struct confine_plan plan, enum err_code code, const char *text)
{
    struct confine_level reached;
    struct err e = prepare(plan, &reached);
    if (e.code != code || strstr(e.text, text) == NULL)
        print_error("got %s: %s\n", err_name(e.code), e.text);
    assert_int_equal(e.code, code);
    assert_non_null(strstr(e.text, text));
}

static void
bad_plans_are_refused(void **state)
{
    (void)state;
    const char *argv[] = {"/bin/true", NULL}, *nothing[] = {NULL}, *relative[] = {"work", NULL}, *all[] = {"/", NULL};
    const char *absent[] = {"/tmp/writ-no-such-folder", NULL};
    set_up_host(geteuid());
    struct confine_plan good = make_plan(LANDLOCK_ONLY, argv, false), p = good;
    p.argv = nothing;
    expect_refusal(p, E_USAGE, "no program");
    p = good, p.read_write = relative;
    expect_refusal(p, E_USAGE, "work must be absolute");
    p = good, p.read_write = all;
    expect_refusal(p, E_USAGE, "cannot be given to an agent as a whole");
    p = good, p.read_only = absent;
    expect_refusal(p, E_NOT_FOUND, "/tmp/writ-no-such-folder does not exist");
    p = good, p.hidden = absent;
    expect_refusal(p, E_NOT_FOUND, "a path to hide: /tmp/writ-no-such-folder does not exist");
    p = good, p.hidden = p.read_write;
    expect_refusal(p, E_USAGE, "which is to be hidden");
    p = good, p.cwd = paths.hidden;
    expect_refusal(p, E_USAGE, "the working folder");
    p = good, p.uid = NOBODY, p.gid = -1;
    expect_refusal(p, E_USAGE, "needs a group");
    tear_down_host();
}

static void
what_is_required_and_missing_is_an_error(void **state)
{
    (void)state;
    const char *argv[] = {"/bin/true", NULL};
    struct confine_level reached;
    set_up_host(geteuid());
    struct confine_plan p = make_plan(LANDLOCK_ONLY, argv, false);
    p.require = CONFINE_USER;
    expect_refusal(p, E_FORBIDDEN, "no own user: none was named; to have it: run as root, with a user for the agent");
    p.require = 0, p.want = CONFINE_NO_NEW_PRIVS;
    struct err e = prepare(p, &reached);
    assert_false(err_failed(e));
    assert_string_equal(reached.text, "no new privileges");
    assert_string_equal(reached.missing, "");
    assert_int_equal(reached.reached, CONFINE_NO_NEW_PRIVS);
    tear_down_host();
}

static void
a_program_outside_is_not_started(void **state)
{
    (void)state;
    struct confine_child child;
    struct confine_level reached;
    char program[128];
    const char *argv[] = {program, NULL};
    set_up_host(geteuid());
    snprintf(program, sizeof program, "%s/open/program", host.dir);
    make_file("open/program", 0755);
    struct confine_plan p = make_plan(LANDLOCK_ONLY, argv, false);
    redirect();
    struct err e = confine_prepare(&p, &reached, &child);
    restore();
    assert_false(err_failed(e));
    e = confine_go(&child, NULL);
    assert_true(err_failed(e));
    assert_non_null(strstr(e.text, "must lie in a system folder or one of the plan"));
    e = confine_go(&child, NULL);
    assert_int_equal(e.code, E_STATE);
    confine_free(&child);
    close(reading);
    tear_down_host();
}

/* Between the check of a plan and its use the agent's user may put a link in the place of a folder. */
static void
links_put_in_later_are_not_followed(void **state)
{
    (void)state;
    char link_path[128], below[160];
    set_up_host(geteuid());
    snprintf(link_path, sizeof link_path, "%s/link", host.dir);
    snprintf(below, sizeof below, "%s/hidden", link_path);
    assert_int_equal(symlink(host.dir, link_path), 0);
    assert_int_equal(path_open(AT_FDCWD, link_path), -1);
    assert_int_equal(path_open(AT_FDCWD, below), -1);
    int fd = path_open(AT_FDCWD, host.dir);
    assert_true(fd >= 0);
    close(fd);
    tear_down_host();
}

static void
environment_is_cleaned(void **state)
{
    (void)state;
    static const char *const kept[] = {
        "PATH=/bin",  "HOME=/h", "LANG=C", "TERM=xterm", "EDITOR=vi", "HTTP_PROXY=http://proxy:3128/", "EMPTY=", "URL=https://host/a:b@c",
        "KEYBOARD=us"};
    static const char *const dropped[] = {"WRIT_STATE=/x",
                                          "writ_x=1",
                                          "GITHUB_TOKEN=x",
                                          "AWS_PROFILE=x",
                                          "OPENAI_API_KEY=x",
                                          "DB_PASSWORD=x",
                                          "SSH_AUTH_SOCK=/x",
                                          "DBUS_SESSION_BUS_ADDRESS=x",
                                          "DATABASE_URL=postgres://h/d",
                                          "SOME_URL=postgres://u:p@h/d",
                                          "X=a http://h/ https://u:p@h",
                                          "MY_SECRET_THING=x",
                                          "STRIPE_KEY=x",
                                          "GH_PAT=x",
                                          "DOCKER_HOST=x",
                                          "no equals sign",
                                          "=x",
                                          "npm_config__authToken=x"};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (!confine_env_keeps(kept[i]))
            fail_msg("%s was dropped", kept[i]);
    for (size_t i = 0; i < sizeof dropped / sizeof *dropped; i++)
        if (confine_env_keeps(dropped[i]))
            fail_msg("%s was kept", dropped[i]);
}

int
main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "probe") == 0)
        return probe(argv[2]);
    ssize_t n = readlink("/proc/self/exe", host.self, sizeof host.self - 1);
    if (n <= 0 || dup2(2, LEAKED_FD) < 0)
        return 1;
    setenv("AWS_SECRET_ACCESS_KEY", "x", 1);
    setenv("WRIT_INTERNAL", "x", 1);
    make_setuid();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(environment_is_cleaned),
        cmocka_unit_test(bad_plans_are_refused),
        cmocka_unit_test(what_is_required_and_missing_is_an_error),
        cmocka_unit_test(a_program_outside_is_not_started),
        cmocka_unit_test(links_put_in_later_are_not_followed),
        cmocka_unit_test(without_walls_the_probes_get_through),
        cmocka_unit_test(root_with_own_user),
        cmocka_unit_test(root_as_same_user),
        cmocka_unit_test(unprivileged_user_namespace),
        cmocka_unit_test(unprivileged_landlock),
        cmocka_unit_test(a_set_user_id_program_works_outside),
        cmocka_unit_test(where_namespaces_are_refused),
        cmocka_unit_test(where_proc_is_partly_covered),
        cmocka_unit_test(kill_ends_the_whole_tree),
        cmocka_unit_test(the_caller_dies),
        cmocka_unit_test(agents_do_not_hold_each_other),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(host.suid);
    rmdir(host.suid_dir);
    return failed;
}
