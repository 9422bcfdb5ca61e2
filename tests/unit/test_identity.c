/* Who is at the other end: what the kernel shows, and what attackers do to look like somebody else. */
#include "identity/proc.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define NOBODY 61234 /* not 65534, which also stands for users without a name in a namespace */
#define PROGRAM "/usr/bin/sleep" /* stands for an agent that is a program */
#define SHELL "/usr/bin/bash"    /* … and for one that is a script */

static char folder[64];

static const char *
in(const char *name)
{
    static char path[4][256];
    static unsigned turn;
    char *at = path[turn++ % 4];
    snprintf(at, sizeof path[0], "%s/%s", folder, name);
    return at;
}

static void
copy_to(const char *from, const char *to)
{
    char command[600];
    snprintf(command, sizeof command, "cp %s %s && chmod 755 %s", from, to, to);
    assert_int_equal(system(command), 0);
}

static char *
sha256_of(const char *path)
{
    static char hash[65];
    char command[600];
    snprintf(command, sizeof command, "sha256sum %s", path);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    assert_int_equal(fread(hash, 1, 64, f), 64);
    pclose(f);
    return hash;
}

/* Fork; the child runs ${prepare} and then the program; returns when it does. */
static pid_t
spawn(const char *program, const char *argument, bool (*prepare)(void))
{
    int ends[2];
    char byte;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (prepare == NULL || prepare())
            execl(program, program, argument, NULL);
        _exit(1);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 0);
    close(ends[0]);
    return pid;
}

static void
end(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static struct peer_proof
attest(pid_t pid, uid_t uid)
{
    struct peer_proof proof;
    struct err e = peer_attest(env_real(), pid, (int)uid, -1, -1, &proof);
    if (err_failed(e))
        print_error("%s\n", e.text);
    assert_false(err_failed(e));
    return proof;
}

static const struct unix_claim nothing = {.uid = -1};

/* Match, and say what came of it: "no: why" or "strength: why". */
static const char *
match(struct unix_claim claim, struct peer_proof *proof)
{
    static char text[300];
    char why[256] = "";
    enum proof_strength strength;
    bool ok = claim_match(&claim, proof, &strength, why);
    assert_int_equal(ok, strength != PROOF_NONE);
    snprintf(text, sizeof text, "%s: %s", ok ? proof_strength_name(strength) : "no", why);
    return text;
}

static void
expect(struct unix_claim claim, struct peer_proof *proof, const char *start, const char *part)
{
    const char *text = match(claim, proof);
    if (strncmp(text, start, strlen(start)) != 0 || strstr(text, part) == NULL)
        fail_msg("got \"%s\", expected \"%s … %s\"", text, start, part);
}

/* ---- parsers ---- */

static bool
stat_of(const char *text, struct proc_stat *out)
{
    return proc_parse_stat(bytes_str(text), out);
}

#define TAIL " S 7 1 1 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 12345 6 7"

static void
names_cannot_forge_stat(void **state)
{
    (void)state;
    struct proc_stat s;
    assert_true(stat_of("42 (sh)" TAIL, &s));
    assert_int_equal(s.pid, 42), assert_int_equal(s.ppid, 7), assert_int_equal(s.start, 12345);
    assert_true(stat_of("42 (a) S 1 1 (b)" TAIL, &s));
    assert_int_equal(s.ppid, 7);
    assert_true(stat_of("42 (x) S 1 1 1\n43 (y)" TAIL, &s));
    assert_int_equal(s.pid, 42), assert_int_equal(s.ppid, 7);
    assert_true(stat_of("42 ()" TAIL, &s));
    static const char *const wrong[] = {"", "42", "42 (sh", "42 sh)" TAIL, "(sh)" TAIL, "x (sh)" TAIL, "42 (sh) SS 7" TAIL, "42 (sh) S 7 1 1"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (stat_of(wrong[i], &s))
            fail_msg("accepted: %s", wrong[i]);
}

static void
effective_ids_are_read(void **state)
{
    (void)state;
    int uid, gid;
    assert_true(proc_parse_ids(BYTES("Name:\tx\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\n"), &uid, &gid));
    assert_int_equal(uid, 2), assert_int_equal(gid, 6);
    assert_false(proc_parse_ids(BYTES("Name:\tx\nUid:\t1\t4294967295\t3\t4\nGid:\t5\t6\t7\t8\n"), &uid, &gid));
    assert_false(proc_parse_ids(BYTES("Name:\tUid:\t1\t2\n"), &uid, &gid));
}

static void
units_come_from_cgroups(void **state)
{
    (void)state;
    static const struct {
        const char *path, *unit;
        bool delegated;
    } cases[] = {
        {"/system.slice/bot.service", "bot.service", false},
        {"/system.slice/system-bot.slice/bot@1.service", "bot@1.service", false},
        {"/user.slice/user-1000.slice/user@1000.service/app.slice/y.service", "y.service", true},
        {"/user.slice/user-1000.slice/session-3.scope", "session-3.scope", true},
        {"/system.slice/x.service/fake.service", "fake.service", true},
        {"/../bot.service", "bot.service", true},
        {"/system.slice/bot.service/payload", "bot.service", false},
        {"/", "", false},
        {"/.service", "", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256], cgroup[256], unit[128];
        snprintf(text, sizeof text, "1:name=systemd:/evil.service\n0::%s\n", cases[i].path);
        proc_parse_cgroup(bytes_str(text), cgroup, unit);
        assert_string_equal(cgroup, cases[i].path);
        assert_string_equal(unit, cases[i].unit);
        assert_int_equal(proc_cgroup_delegated(cgroup), cases[i].delegated);
    }
    char text[600], cgroup[256], unit[128];
    snprintf(text, sizeof text, "0::/%0300d/bot.service\n", 1);
    proc_parse_cgroup(bytes_str(text), cgroup, unit);
    assert_string_equal(cgroup, ""); /* not a shortened one */
    assert_string_equal(unit, "");
}

static void
interpreters_are_known(void **state)
{
    (void)state;
    static const char *const yes[] = {"/usr/bin/python3.11",
                                      "/usr/bin/node",
                                      "/opt/node-v20/bin/node",
                                      "/bin/sh",
                                      "/usr/bin/lua5.4",
                                      "/usr/bin/busybox",
                                      "/usr/bin/perl5.36-x86_64-linux-gnu",
                                      "/usr/bin/vim.tiny",
                                      "/usr/bin/bash (deleted)",
                                      "python3",
                                      "/bin/busybox",
                                      "/usr/bin/java",
                                      "/usr/bin/deno",
                                      "/usr/bin/tclsh8.6",
                                      "/usr/lib/R/bin/exec/R",
                                      "/usr/bin/bash-static",
                                      "/usr/lib64/ld-linux-x86-64.so.2",
                                      "/usr/bin/node-20"};
    static const char *const no[] = {"/usr/bin/claude",        "/usr/sbin/sshd",           "/usr/bin/shuf",
                                     "/usr/bin/pythonic",      "/usr/bin/node_exporter",   "",
                                     "/usr/bin/python/claude", "/usr/bin/bash-completion", "/opt/sh/agent"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        if (!proc_is_interpreter(yes[i]))
            fail_msg("%s", yes[i]);
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        if (proc_is_interpreter(no[i]))
            fail_msg("%s", no[i]);
}

#define ROW(local, remote, st, uid, inode) " 0: " local " " remote " " st " 00000000:00000000 00:00000000 00000000 " uid " 0 " inode " 1 0 100 0\n"

static void
sockets_are_read(void **state)
{
    (void)state;
    struct proc_socket s;
    assert_true(proc_parse_socket(BYTES(ROW("0100007F:1F90", "0100007F:C001", "01", "1000", "77")), &s));
    assert_true(s.loopback && s.established && s.local_port == 8080 && s.remote_port == 0xc001 && s.uid == 1000);
    assert_true(proc_parse_socket(BYTES(ROW("0100007F:1F90", "0100007F:C001", "06", "0", "0")), &s));
    assert_false(s.established); /* TIME_WAIT shows user 0 */
    assert_true(proc_parse_socket(BYTES(ROW("0100007F:1F90", "0100007F:C001", "01", "0", "0")), &s));
    assert_false(s.established); /* nobody has it any more: shows user 0 */
    assert_true(proc_parse_socket(BYTES(ROW("0100007F:1F90", "0101A8C0:C001", "01", "0", "5")), &s));
    assert_false(s.loopback);
    assert_true(proc_parse_socket(BYTES(ROW("00000000000000000000000001000000:0001", "0000000000000000FFFF00000100007F:0002", "01", "1", "5")), &s));
    assert_true(s.loopback);
    assert_true(proc_parse_socket(BYTES(ROW("00000000000000000000000001000000:0001", "B80D0120000000000000000001000000:0002", "01", "1", "5")), &s));
    assert_false(s.loopback);
    assert_false(proc_parse_socket(BYTES("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"), &s));
    assert_false(proc_parse_socket(BYTES(ROW("0100007F:1F9", "0100007F:C001", "01", "1000", "77")), &s));
}

/* ---- real processes ---- */

static void
a_peer_is_read_with_its_parents(void **state)
{
    (void)state;
    pid_t pid = spawn(PROGRAM, "600", NULL);
    struct peer_proof proof = attest(pid, geteuid());
    assert_int_equal(proof.chain[0].pid, pid);
    assert_int_equal(proof.chain[0].uid, geteuid());
    assert_string_equal(proof.chain[0].exe, PROGRAM);
    assert_false(proof.chain[0].interpreter);
    assert_true(proof.n >= 2);
    assert_int_equal(proof.chain[1].pid, getpid());
    assert_int_equal(proof.chain[proof.n - 1].pid == 1 || proof.n == IDENTITY_CHAIN_MAX, 1);
    assert_true(proof.pidfd >= 0);
    struct err e = process_hash(&proof.chain[0]);
    assert_false(err_failed(e));
    assert_string_equal(proof.chain[0].sha256, sha256_of(PROGRAM));
    assert_true(process_alive(&proof.chain[0]));
    end(pid);
    assert_false(process_alive(&proof.chain[0]));
    peer_proof_free(&proof);
}

static void
wrong_peers_are_refused(void **state)
{
    (void)state;
    struct peer_proof proof;
    pid_t pid = spawn(PROGRAM, "600", NULL), other = spawn(PROGRAM, "600", NULL);
    int pidfd = (int)syscall(SYS_pidfd_open, other, 0);
    struct err e = peer_attest(env_real(), pid, (int)geteuid() + 1, -1, -1, &proof);
    assert_int_equal(e.code, E_PROOF);
    assert_non_null(strstr(e.text, "but user"));
    e = peer_attest(env_real(), pid, (int)geteuid(), (int)getegid() + 1, -1, &proof);
    assert_int_equal(e.code, E_PROOF);
    e = peer_attest(env_real(), pid, (int)geteuid(), -1, pidfd, &proof);
    assert_int_equal(e.code, E_PROOF);
    assert_non_null(strstr(e.text, "pidfd is not of process"));
    e = peer_attest(env_real(), 0, 0, 0, -1, &proof);
    assert_int_equal(e.code, E_PROOF);
    assert_non_null(strstr(e.text, "namespace"));
    end(other);
    e = peer_attest(env_real(), other, (int)geteuid(), -1, pidfd, &proof);
    assert_int_equal(e.code, E_PROOF);
    assert_non_null(strstr(e.text, "has ended"));
    assert_int_equal(proof.pidfd, -1);
    close(pidfd);
    kill(pid, SIGKILL);
    poll(NULL, 0, 50);
    e = peer_attest(env_real(), pid, (int)geteuid(), -1, -1, &proof); /* a zombie: it has a number, but runs nothing */
    assert_int_equal(e.code, E_PROOF);
    waitpid(pid, NULL, 0);
}

/* clone3(2) with set_tid gives a new process the number of an old one (needs privileges). */
static pid_t
spawn_as(pid_t wanted)
{
    uint64_t tid = (uint64_t)wanted;
    uint64_t args[11] = {[4] = SIGCHLD, [8] = (uint64_t)(uintptr_t)&tid, [9] = 1};
    pid_t pid = (pid_t)syscall(SYS_clone3, args, 88);
    if (pid == 0) {
        execl(PROGRAM, PROGRAM, "600", NULL);
        _exit(1);
    }
    return pid;
}

static void
a_number_used_again_is_another_process(void **state)
{
    (void)state;
    pid_t pid = spawn(PROGRAM, "600", NULL);
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0), dir;
    struct peer_proof proof = attest(pid, geteuid()), again;
    struct process now;
    struct err e = proc_open(pid, &dir);
    assert_false(err_failed(e));
    end(pid);
    poll(NULL, 0, 50); /* the start time counts in 10 ms */
    if (spawn_as(pid) != pid) {
        print_message("skipped: process numbers cannot be chosen here\n");
        peer_proof_free(&proof), close(pidfd), close(dir);
        skip();
    }
    do {
        e = process_read(pid, &now);
        assert_false(err_failed(e)); /* there is one of that number, */
    } while (strcmp(now.exe, PROGRAM) != 0); /* and it runs the same program */
    assert_false(process_alive(&proof.chain[0]));
    e = process_hash(&proof.chain[0]);
    assert_int_equal(e.code, E_PROOF);
    e = peer_attest(env_real(), pid, (int)geteuid(), -1, pidfd, &again);
    assert_int_equal(e.code, E_PROOF);
    struct proc_stat stat;
    e = proc_stat_at(dir, &stat);
    assert_int_equal(e.code, E_PROOF); /* an open /proc/PID stays with the old one */
    end(pid);
    peer_proof_free(&proof), close(pidfd), close(dir);
}

/* Connect as one program, become another: the proof of the first does not hold on. */
static void
exec_after_connecting_is_seen(void **state)
{
    (void)state;
    int go[2];
    assert_int_equal(pipe(go), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        if (read(go[0], &byte, 1) == 1)
            execl(PROGRAM, PROGRAM, "600", NULL);
        _exit(1);
    }
    struct peer_proof proof = attest(pid, geteuid());
    assert_true(process_alive(&proof.chain[0]));
    assert_int_equal(write(go[1], "x", 1), 1);
    for (int i = 0; i < 200 && process_alive(&proof.chain[0]); i++)
        poll(NULL, 0, 10);
    assert_false(process_alive(&proof.chain[0]));
    struct err e = process_hash(&proof.chain[0]);
    assert_int_equal(e.code, E_PROOF);
    assert_non_null(strstr(e.text, "another program"));
    end(pid);
    peer_proof_free(&proof), close(go[0]), close(go[1]);
}

static void
strength_follows_what_is_proven(void **state)
{
    (void)state;
    struct unix_claim c = nothing;
    char hash[65];
    strcpy(hash, sha256_of(PROGRAM));
    pid_t pid = spawn(PROGRAM, "600", NULL);
    struct peer_proof p = attest(pid, geteuid());
    p.n = 1; /* this test may run below a shell */
    expect(nothing, &p, "no:", "declares nothing");
    c.uid = (int)geteuid();
    expect(c, &p, "weak:", "others have this user too");
    c.dedicated_user = true;
    expect(c, &p, "user:", "its alone");
    c = nothing, c.exe = PROGRAM;
    expect(c, &p, "weak:", "no hash or unit");
    c.dedicated_user = true; /* but of no user */
    expect(c, &p, "weak:", "");
    c = nothing, c.exe = PROGRAM, c.sha256 = hash;
    expect(c, &p, "program:", "path and SHA-256");
    hash[0] = hash[0] == '0' ? '1' : '0';
    expect(c, &p, "no:", "not the declared one");
    c = nothing, c.exe = SHELL;
    expect(c, &p, "no:", "no process of the caller's chain runs " SHELL "; the caller");
    c = nothing, c.uid = (int)geteuid() + 1;
    expect(c, &p, "no:", "not as user");
    c = nothing, c.unit = "bot.service";
    expect(c, &p, "no:", "not bot.service");
    p.chain[0].exe[0] = 0;
    c = nothing, c.exe = PROGRAM;
    expect(c, &p, "no:", "a program that this user may not see");
    end(pid);
    peer_proof_free(&p);
}

static int typing[2]; /* what a shell reads */

static bool
wait_for_input(void)
{
    return dup2(typing[0], 0) == 0;
}

static pid_t
spawn_shell(const char *path)
{
    assert_int_equal(pipe2(typing, O_CLOEXEC), 0);
    pid_t pid = spawn(path, "-s", wait_for_input);
    close(typing[0]);
    return pid;
}

static void
end_shell(pid_t pid)
{
    end(pid);
    close(typing[1]);
}

static void
an_interpreter_proves_little(void **state)
{
    (void)state;
    struct unix_claim c = {.uid = -1, .exe = SHELL};
    char hash[65];
    strcpy(hash, sha256_of(SHELL));
    pid_t pid = spawn_shell(SHELL);
    struct peer_proof p = attest(pid, geteuid());
    c.sha256 = hash;
    expect(c, &p, "weak:", "interpreter");
    c.uid = (int)geteuid(), c.dedicated_user = true;
    expect(c, &p, "user:", "");
    end_shell(pid);
    peer_proof_free(&p);
}

static void
a_renamed_interpreter_is_no_program(void **state)
{
    (void)state;
    char hash[65];
    copy_to(SHELL, in("claude"));
    strcpy(hash, sha256_of(SHELL));
    pid_t pid = spawn_shell(in("claude"));
    struct peer_proof p = attest(pid, geteuid());
    p.n = 1; /* this test may run below a shell itself */
    assert_string_equal(p.chain[0].exe, in("claude"));
    struct unix_claim c = {.uid = -1, .sha256 = hash};
    expect(c, &p, "weak:", "a hash without a path");
    c = nothing, c.exe = SHELL, c.sha256 = hash;
    expect(c, &p, "no:", "no process of the caller's chain runs");
    end_shell(pid);
    peer_proof_free(&p);
}

static void
a_copy_elsewhere_is_not_the_program(void **state)
{
    (void)state;
    copy_to(PROGRAM, in("sleep"));
    pid_t pid = spawn(in("sleep"), "600", NULL);
    struct peer_proof p = attest(pid, geteuid());
    struct unix_claim c = {.uid = -1, .exe = PROGRAM};
    expect(c, &p, "no:", "no process");
    c.exe = in("sleep");
    expect(c, &p, "weak:", "");
    unlink(in("sleep")); /* replaced by an update, or by an attacker */
    peer_proof_free(&p);
    p = attest(pid, geteuid());
    expect(c, &p, "no:", "(deleted)");
    copy_to(SHELL, in("sleep"));
    strcpy(p.chain[0].exe, in("sleep"));
    expect(c, &p, "no:", "not the file that is there");
    end(pid);
    peer_proof_free(&p);
}

static void
hashes_follow_the_file(void **state)
{
    (void)state;
    char first[65];
    copy_to(PROGRAM, in("agent"));
    for (int i = 0; i < 2; i++) {
        pid_t pid = spawn(in("agent"), "600", NULL);
        struct process p;
        struct err e = process_read(pid, &p);
        assert_false(err_failed(e));
        e = process_hash(&p);
        assert_false(err_failed(e));
        assert_string_equal(p.sha256, sha256_of(in("agent")));
        if (i == 1)
            assert_string_not_equal(p.sha256, first);
        strcpy(first, p.sha256);
        end(pid);
        int fd = open(in("agent"), O_WRONLY | O_APPEND);
        assert_true(fd >= 0 && write(fd, "x", 1) == 1);
        close(fd);
    }
}

/* A shell that starts the program and waits: client → shell → program. */
static pid_t
grandchild(const char *command, pid_t *shell)
{
    int ends[2];
    char line[32] = "";
    assert_int_equal(pipe(ends), 0);
    *shell = fork();
    if (*shell == 0) {
        dup2(ends[1], 1);
        close(ends[0]);
        execl(SHELL, SHELL, "-c", command, NULL);
        _exit(1);
    }
    close(ends[1]);
    assert_true(read(ends[0], line, sizeof line - 1) > 0);
    close(ends[0]);
    poll(NULL, 0, 100); /* from the shell's fork to its exec */
    return atoi(line);
}

static void
the_client_must_stand_above(void **state)
{
    (void)state;
    pid_t shell;
    char self[512] = "";
    assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
    pid_t pid = grandchild(PROGRAM " 600 >/dev/null 2>&1 & echo $!; exec 2>/dev/null; wait", &shell);
    struct peer_proof p = attest(pid, geteuid());
    assert_int_equal(p.chain[1].pid, shell);
    struct unix_claim c = {.uid = -1, .exe = PROGRAM, .client = SHELL};
    expect(c, &p, "weak:", "");
    c.client = self;
    expect(c, &p, "weak:", "");
    c.exe = SHELL; /* between the peer and the client: below it */
    expect(c, &p, "weak:", "interpreter");
    c.exe = self, c.client = PROGRAM; /* the wrong way round */
    expect(c, &p, "no:", "is not among the parents of process");
    c.exe = PROGRAM, c.client = PROGRAM; /* not its own client */
    expect(c, &p, "no:", "is not among the parents");
    end(pid);
    waitpid(shell, NULL, 0);
    peer_proof_free(&p);
}

/* Twice forked, a process leaves its family: it gets no client that way, and loses the one it had. */
static void
a_double_fork_has_no_client(void **state)
{
    (void)state;
    pid_t shell;
    pid_t pid = grandchild("(" PROGRAM " 600 >/dev/null 2>&1 & echo $!)", &shell);
    waitpid(shell, NULL, 0);
    struct peer_proof p = attest(pid, geteuid());
    for (size_t i = 0; i < p.n; i++)
        assert_int_not_equal(p.chain[i].pid, getpid());
    char self[512] = "";
    assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
    struct unix_claim c = {.uid = -1, .exe = PROGRAM, .client = self};
    expect(c, &p, "no:", "is not among the parents");
    kill(pid, SIGKILL);
    peer_proof_free(&p);
}

/* ---- namespaces ---- */

static bool
put_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);
    bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return ok;
}

/* As nobody, be user 0 of a user namespace, with mounts of one's own. */
static bool
be_root_inside(void)
{
    if (geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0))
        return false;
    prctl(PR_SET_DUMPABLE, 1);
    char map[32];
    snprintf(map, sizeof map, "0 %u 1", geteuid());
    return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && put_file("/proc/self/uid_map", map) && geteuid() == 0;
}

static bool
mount_over_program(void)
{
    return be_root_inside() && mount(in("evil"), PROGRAM, NULL, MS_BIND, NULL) == 0;
}

static int
runs_now(pid_t pid, struct process *p)
{
    struct err e = process_read(pid, p);
    return !err_failed(e) && waitpid(pid, NULL, WNOHANG) == 0;
}

static void
user_0_of_a_user_namespace_is_who_made_it(void **state)
{
    (void)state;
    struct process p;
    pid_t pid = spawn(PROGRAM, "600", be_root_inside);
    poll(NULL, 0, 50);
    if (!runs_now(pid, &p))
        skip();
    assert_int_equal(p.uid, geteuid() == 0 ? NOBODY : geteuid());
    struct peer_proof proof;
    struct err e = peer_attest(env_real(), pid, 0, -1, -1, &proof);
    if (geteuid() == 0)
        assert_int_equal(e.code, E_PROOF);
    end(pid);
}

static void
a_path_in_another_mount_namespace_is_no_proof(void **state)
{
    (void)state;
    struct process p;
    copy_to(PROGRAM, in("evil"));
    pid_t pid = spawn(PROGRAM, "600", mount_over_program);
    poll(NULL, 0, 50);
    if (!runs_now(pid, &p))
        skip();
    assert_string_equal(p.exe, PROGRAM); /* so it looks */
    struct peer_proof proof = attest(pid, (uid_t)p.uid);
    struct unix_claim c = {.uid = -1, .exe = PROGRAM};
    expect(c, &proof, "no:", "another mount namespace");
    c = nothing, c.uid = p.uid, c.client = PROGRAM;
    expect(c, &proof, "no:", "is not among the parents");
    end(pid);
    peer_proof_free(&proof);
}

/* ---- units ---- */

static void
units_of_users_prove_no_more_than_the_user(void **state)
{
    (void)state;
    struct peer_proof p = {.n = 1, .pidfd = -1};
    p.chain[0] = (struct process){
        .pid = 5, .uid = 1000, .unit = "bot.service", .cgroup = "/system.slice/bot.service", .exe = "/usr/bin/python3", .interpreter = true};
    struct unix_claim unit = {.uid = -1, .unit = "bot.service"}, cgroup = {.uid = -1, .cgroup = "/system.slice/bot.service/"};
    expect(unit, &p, "program:", "unit or cgroup");
    expect(cgroup, &p, "program:", "");
    strcpy(p.chain[0].cgroup, "/system.slice/bot.service/sub");
    expect(cgroup, &p, "program:", "");
    strcpy(p.chain[0].cgroup, "/system.slice/bot.service2");
    expect(cgroup, &p, "no:", "not under");
    strcpy(p.chain[0].cgroup, "/user.slice/user-1000.slice/user@1000.service/app.slice/bot.service");
    expect(unit, &p, "no:", "declare the uid too");
    unit.uid = 1001;
    expect(unit, &p, "no:", "not as user 1001");
    unit.uid = 1000;
    expect(unit, &p, "weak:", "");
    unit.dedicated_user = true;
    expect(unit, &p, "user:", "");
    struct unix_claim slash = {.uid = -1, .cgroup = "/"};
    expect(slash, &p, "no:", "not under");
}

/* ---- TCP ---- */

static int
connected(const char *from, uint16_t bind_port, struct sockaddr_in *to, uint16_t *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(bind_port)};
    socklen_t n = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    inet_pton(AF_INET, from, &at.sin_addr);
    if (bind(fd, (struct sockaddr *)&at, n) != 0 || connect(fd, (struct sockaddr *)to, sizeof *to) != 0) {
        close(fd);
        return -1;
    }
    getsockname(fd, (struct sockaddr *)&at, &n);
    *port = ntohs(at.sin_port);
    return fd;
}

static void
the_user_of_a_connection_is_found(void **state)
{
    (void)state;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), uid = -1, status;
    assert_int_equal(bind(server, (struct sockaddr *)&at, n), 0);
    listen(server, 8);
    getsockname(server, (struct sockaddr *)&at, &n);
    uint16_t here = ntohs(at.sin_port), port, other;
    int fd = connected("127.0.0.1", 0, &at, &port);
    assert_true(fd >= 0);
    struct err e = tcp_peer_uid(0, here, port, &uid);
    assert_false(err_failed(e));
    assert_int_equal(uid, geteuid());
    e = tcp_peer_uid(getpid(), here, port, &uid);
    assert_false(err_failed(e));
    e = tcp_peer_uid(0, here, (uint16_t)(port + 1), &uid);
    assert_int_equal(e.code, E_NOT_FOUND);
    struct tcp_ends ends = {at.sin_addr.s_addr, at.sin_addr.s_addr, here, port};
    e = tcp_peer_uid_at(getpid(), &ends, &uid);
    assert_false(err_failed(e));
    assert_int_equal(uid, geteuid());
    if (geteuid() == 0) { /* another user, from the same port of another loopback address */
        int ready[2];
        char byte = 0;
        assert_int_equal(pipe(ready), 0);
        pid_t pid = fork();
        if (pid == 0) {
            if (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)
                _exit(1);
            byte = connected("127.0.0.2", port, &at, &other) >= 0 ? 'y' : 'n';
            if (write(ready[1], &byte, 1) == 1)
                sleep(600);
            _exit(1);
        }
        assert_int_equal(read(ready[0], &byte, 1), 1);
        assert_int_equal(byte, 'y');
        e = tcp_peer_uid(0, here, port, &uid);
        assert_int_equal(e.code, E_PROOF);
        assert_non_null(strstr(e.text, "several users"));
        assert_false(err_failed(tcp_peer_uid_at(0, &ends, &uid))); /* the kernel tells them apart by their addresses */
        assert_int_equal(uid, 0);
        ends.remote_v4 = inet_addr("127.0.0.2");
        assert_false(err_failed(tcp_peer_uid_at(0, &ends, &uid)));
        assert_int_equal(uid, NOBODY);
        ends.remote_v4 = at.sin_addr.s_addr;
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        close(ready[0]), close(ready[1]);
    }
    close(fd); /* the peer has gone: what is left of its end is nobody's */
    e = tcp_peer_uid(0, here, port, &uid);
    assert_int_equal(e.code, E_NOT_FOUND);
    e = tcp_peer_uid_at(0, &ends, &uid);
    assert_int_equal(e.code, E_NOT_FOUND);
    close(server);
}

static int
make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/writ-identity-XXXXXX");
    return mkdtemp(folder) && chmod(folder, 0755) == 0 ? 0 : 1;
}

static int
remove_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_cannot_forge_stat),
        cmocka_unit_test(effective_ids_are_read),
        cmocka_unit_test(units_come_from_cgroups),
        cmocka_unit_test(interpreters_are_known),
        cmocka_unit_test(sockets_are_read),
        cmocka_unit_test(a_peer_is_read_with_its_parents),
        cmocka_unit_test(wrong_peers_are_refused),
        cmocka_unit_test(a_number_used_again_is_another_process),
        cmocka_unit_test(exec_after_connecting_is_seen),
        cmocka_unit_test(strength_follows_what_is_proven),
        cmocka_unit_test(an_interpreter_proves_little),
        cmocka_unit_test(a_renamed_interpreter_is_no_program),
        cmocka_unit_test(a_copy_elsewhere_is_not_the_program),
        cmocka_unit_test(hashes_follow_the_file),
        cmocka_unit_test(the_client_must_stand_above),
        cmocka_unit_test(a_double_fork_has_no_client),
        cmocka_unit_test(user_0_of_a_user_namespace_is_who_made_it),
        cmocka_unit_test(a_path_in_another_mount_namespace_is_no_proof),
        cmocka_unit_test(units_of_users_prove_no_more_than_the_user),
        cmocka_unit_test(the_user_of_a_connection_is_found),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
