#include "keys/harden.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- life and memory ---- */

static pid_t the_parent;

/* prctl(2), PR_SET_PDEATHSIG: the signal comes when the *thread* that made us ends, and again for each one that inherits us. */
static void
maybe_orphaned(int signal)
{
    (void)signal;
    if (getppid() != the_parent)
        _exit(0);
}

struct err
harden_die_with(pid_t parent)
{
    struct sigaction act = {.sa_handler = maybe_orphaned}; /* no SA_RESTART: the loop that reads requests goes round itself */
    the_parent = parent;
    if (sigaction(SIGUSR1, &act, NULL) != 0 || prctl(PR_SET_PDEATHSIG, SIGUSR1, 0, 0, 0) != 0)
        return err_system("the signer cannot be tied to its parent's life");
    if (getppid() != parent)
        return err_make(E_SYSTEM, "the signer's parent is gone");
    return err_ok();
}

struct err
harden_no_dumps(void)
{
    struct rlimit none = {0, 0};
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || setrlimit(RLIMIT_CORE, &none) != 0)
        return err_system("the signer's memory cannot be closed to others");
    return err_ok();
}

struct err
harden_no_new_privileges(void)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? err_ok() : err_system("no_new_privs cannot be set");
}

struct err
harden_close_from(int fd)
{
    if (close_range((unsigned)fd, ~0u, 0) == 0)
        return err_ok();
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) /* a kernel before 5.9 */
        return err_system("the signer cannot close its parent's files");
    for (rlim_t i = (rlim_t)fd; i < limit.rlim_cur && i < 1 << 20; i++)
        close((int)i);
    return err_ok();
}

void
harden_lock_memory(void)
{
    /* ONFAULT: lock what is used, not the whole address space, or a small process would weigh as much as all its libraries. */
    (void)mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
}

/* ---- files ---- */

void
harden_only_folder(int fd)
{
    /* The rights of Landlock ABI 1: all of them are taken, and those that replacing a file needs are given back. */
    struct landlock_ruleset_attr all = {.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1};
    struct landlock_path_beneath_attr folder = {
        .allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                          LANDLOCK_ACCESS_FS_REMOVE_FILE,
        .parent_fd = fd,
    };
    int rules = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof all, 0);
    if (rules < 0)
        return;
    if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &folder, 0) == 0)
        (void)syscall(SYS_landlock_restrict_self, rules, 0);
    close(rules);
}

/* ---- system calls ---- */

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "src/keys/harden.c knows the system calls of x86_64 and aarch64 only"
#endif

enum check { ANY, NOT_EXECUTABLE /* the third argument holds no PROT_EXEC */ };

static const struct {
    long number;
    enum check check;
} allowed[] = {
    /* messages */
    {SYS_recvmsg, ANY},
    {SYS_sendmsg, ANY},
    {SYS_recvfrom, ANY},
    {SYS_sendto, ANY},
    /* the folder's files; Landlock says which */
    {SYS_openat, ANY},
    {SYS_read, ANY},
    {SYS_write, ANY},
    {SYS_close, ANY},
    {SYS_fstat, ANY},
    {SYS_newfstatat, ANY}, /* fstat of glibc 2.33 and newer on aarch64, fstatat on x86_64 */
    {SYS_statx, ANY},
    {SYS_lseek, ANY},
    {SYS_fcntl, ANY}, /* fdopendir asks for the flags */
    {SYS_getdents64, ANY},
    {SYS_fsync, ANY},
    {SYS_fdatasync, ANY},
    {SYS_renameat, ANY},
    {SYS_unlinkat, ANY},
    /* memory: never code */
    {SYS_mmap, NOT_EXECUTABLE},
    {SYS_mprotect, NOT_EXECUTABLE},
    {SYS_munmap, ANY},
    {SYS_mremap, ANY},
    {SYS_madvise, ANY},
    {SYS_brk, ANY},
    /* time and chance; the clocks are system calls where the vDSO has none */
    {SYS_clock_gettime, ANY},
    {SYS_gettimeofday, ANY},
    {SYS_getrandom, ANY},
    /* signals, locks and ends, as glibc and OpenSSL use them in a process of one thread */
    {SYS_futex, ANY},
    {SYS_rt_sigreturn, ANY},
    {SYS_rt_sigprocmask, ANY},
    {SYS_restart_syscall, ANY},
    {SYS_rseq, ANY},
    {SYS_membarrier, ANY},
    {SYS_sched_yield, ANY},
    {SYS_getpid, ANY}, /* OpenSSL's generator looks whether the process forked */
    {SYS_gettid, ANY},
    {SYS_getppid, ANY},
    {SYS_exit, ANY},
    {SYS_exit_group, ANY},
#if defined(__x86_64__)
    {SYS_time, ANY},
#endif
};
#define N_ALLOWED (sizeof allowed / sizeof allowed[0])

#define LOAD(what) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, what))
#define IF_EQUAL(v, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(v), yes, no)
#define IF_LESS(v, yes, no) BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, (uint32_t)(v), no, yes)
#define IF_BIT(v, yes, no) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (uint32_t)(v), yes, no)
#define END(action) BPF_STMT(BPF_RET | BPF_K, action)
#define X32_BIT 0x40000000u /* the other calling convention of x86_64, with numbers of its own */

struct program {
    struct sock_filter line[6 + 5 * N_ALLOWED];
    unsigned short n;
};

static void
emit(struct program *p, struct sock_filter line)
{
    p->line[p->n++] = line;
}

static void
emit_row(struct program *p, long number, enum check check)
{
    if (check == ANY) {
        emit(p, (struct sock_filter)IF_EQUAL(number, 0, 1));
        emit(p, (struct sock_filter)END(SECCOMP_RET_ALLOW));
        return;
    }
    emit(p, (struct sock_filter)IF_EQUAL(number, 0, 4));
    emit(p, (struct sock_filter)LOAD(args[2])); /* the low half: both architectures are little-endian */
    emit(p, (struct sock_filter)IF_BIT(PROT_EXEC, 0, 1));
    emit(p, (struct sock_filter)END(SECCOMP_RET_KILL_PROCESS));
    emit(p, (struct sock_filter)END(SECCOMP_RET_ALLOW));
}

struct err
harden_only_syscalls(void)
{
    if (HARDEN_SANITIZED)
        return err_ok(); /* the sanitizer's own calls are many, and it is not for production */
    struct program p = {.n = 0};
    emit(&p, (struct sock_filter)LOAD(arch));
    emit(&p, (struct sock_filter)IF_EQUAL(ARCHITECTURE, 1, 0));
    emit(&p, (struct sock_filter)END(SECCOMP_RET_KILL_PROCESS));
    emit(&p, (struct sock_filter)LOAD(nr));
    emit(&p, (struct sock_filter)IF_LESS(X32_BIT, 1, 0));
    emit(&p, (struct sock_filter)END(SECCOMP_RET_KILL_PROCESS));
    for (size_t i = 0; i < N_ALLOWED; i++)
        emit_row(&p, allowed[i].number, allowed[i].check);
    emit(&p, (struct sock_filter)END(SECCOMP_RET_KILL_PROCESS));
    struct sock_fprog filter = {p.n, p.line};
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) != 0)
        return err_system("the signer's system calls cannot be restricted; the kernel needs CONFIG_SECCOMP_FILTER");
    return err_ok();
}
