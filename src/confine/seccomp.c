/*
 * The deny list of system calls (seccomp(2)). It is no sandbox by itself: it takes away what would weaken the other walls (namespaces,
 * mounts, tracing), what goes past their checks (io_uring, TCP Fast Open, other socket families), and parts of the kernel that agents
 * do not need and attackers do.
 */
#include "confine/inside.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <termios.h>

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#else
#error "seccomp.c: add the audit architecture of this machine"
#endif

#define X32_BIT 0x40000000u
#define NEW_NAMESPACE (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)
#define NEW_TIME 0x80u          /* CLONE_NEWTIME; only of unshare(2): it shares its bit with the exit signal of clone(2) */
#define FAST_OPEN 0x20000000u   /* MSG_FASTOPEN connects without connect(2), where Landlock looks */
#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif

enum when { ALWAYS, NO_NETNS /* only where the machine's network is shared */ };
enum test { ANY /* every use */, BITS /* one of these bits in the argument */, EQUAL };

static const struct rule {
    int call;
    enum when when;
    enum test test;
    unsigned argument;
    uint32_t value;
    int error;
} rules[] = {
    /* other processes' memory and descriptors */
    {SYS_ptrace, ALWAYS, ANY, 0, 0, EPERM},
    {SYS_process_vm_readv, ALWAYS, ANY, 0, 0, EPERM},
    {SYS_process_vm_writev, ALWAYS, ANY, 0, 0, EPERM},
    {SYS_process_madvise, ALWAYS, ANY, 0, 0, EPERM},
    {SYS_pidfd_getfd, ALWAYS, ANY, 0, 0, EPERM},
    {SYS_kcmp, ALWAYS, ANY, 0, 0, EPERM},
    /* namespaces and mounts: the walls themselves */
    {SYS_setns, ALWAYS, ANY, 0, 0, EPERM},
    {SYS_unshare, ALWAYS, BITS, 0, NEW_NAMESPACE | NEW_TIME, EPERM},
    {SYS_clone, ALWAYS, BITS, 0, NEW_NAMESPACE, EPERM},
    {SYS_clone3, ALWAYS, ANY, 0, 0, ENOSYS}, /* its flags are in memory, out of sight: the C library then uses clone(2) */
    {SYS_mount, ALWAYS, ANY, 0, 0, EPERM},
    {SYS_umount2, ALWAYS, ANY, 0, 0, EPERM},
    {SYS_pivot_root, ALWAYS, ANY, 0, 0, EPERM},
    {SYS_chroot, ALWAYS, ANY, 0, 0, EPERM},
    {SYS_fsopen, ALWAYS, ANY, 0, 0, EPERM},
    {SYS_fsconfig, ALWAYS, ANY, 0, 0, EPERM},
    {SYS_fsmount, ALWAYS, ANY, 0, 0, EPERM},
    {SYS_fspick, ALWAYS, ANY, 0, 0, EPERM},
    {SYS_open_tree, ALWAYS, ANY, 0, 0, EPERM},
    {SYS_move_mount, ALWAYS, ANY, 0, 0, EPERM},
    {SYS_mount_setattr, ALWAYS, ANY, 0, 0, EPERM},
    {SYS_open_by_handle_at, ALWAYS, ANY, 0, 0, EPERM},
    /* keys of the user's session */
    {SYS_keyctl, ALWAYS, ANY, 0, 0, EPERM},
    {SYS_add_key, ALWAYS, ANY, 0, 0, EPERM},
    {SYS_request_key, ALWAYS, ANY, 0, 0, EPERM},
    /* wide parts of the kernel */
    {SYS_bpf, ALWAYS, ANY, 0, 0, EPERM},
    {SYS_perf_event_open, ALWAYS, ANY, 0, 0, EPERM},
    {SYS_userfaultfd, ALWAYS, ANY, 0, 0, EPERM},
    {SYS_io_uring_setup, ALWAYS, ANY, 0, 0, EPERM}, /* does what is denied here without a system call */
    {SYS_io_uring_enter, ALWAYS, ANY, 0, 0, EPERM},
    {SYS_io_uring_register, ALWAYS, ANY, 0, 0, EPERM},
    /* the machine */
    {SYS_kexec_load, ALWAYS, ANY, 0, 0, EPERM},
    {SYS_kexec_file_load, ALWAYS, ANY, 0, 0, EPERM},
    {SYS_init_module, ALWAYS, ANY, 0, 0, EPERM},
    {SYS_finit_module, ALWAYS, ANY, 0, 0, EPERM},
    {SYS_delete_module, ALWAYS, ANY, 0, 0, EPERM},
    {SYS_reboot, ALWAYS, ANY, 0, 0, EPERM},
    {SYS_swapon, ALWAYS, ANY, 0, 0, EPERM},
    {SYS_swapoff, ALWAYS, ANY, 0, 0, EPERM},
    {SYS_acct, ALWAYS, ANY, 0, 0, EPERM},
    {SYS_syslog, ALWAYS, ANY, 0, 0, EPERM},
    {SYS_settimeofday, ALWAYS, ANY, 0, 0, EPERM},
    {SYS_clock_settime, ALWAYS, ANY, 0, 0, EPERM},
    /* typing into the terminal of the person who started it (CVE-2017-5226) */
    {SYS_ioctl, ALWAYS, EQUAL, 1, TIOCSTI, EPERM},
    {SYS_ioctl, ALWAYS, EQUAL, 1, TIOCLINUX, EPERM},
    {SYS_sendto, NO_NETNS, BITS, 3, FAST_OPEN, EPERM},
    {SYS_sendmsg, NO_NETNS, BITS, 2, FAST_OPEN, EPERM},
    {SYS_sendmmsg, NO_NETNS, BITS, 3, FAST_OPEN, EPERM},
};

/*
 * The only families that socket(2) makes. A namespace is no wall to AF_VSOCK (the hypervisor). Without a network of its own: TCP only,
 * since Landlock has no rules for UDP, MPTCP and the rest. Without a file tree of its own: no Unix sockets, since Landlock does not look
 * at connect(2) to their paths, and behind them is whoever starts processes for the user (D-Bus, Docker). socketpair(2) stays.
 */
static const struct family {
    uint32_t family;
    unsigned needs;      /* these namespaces, or else … */
    int type;            /* … only this type, with protocol 0 or TCP; 0: not at all */
    bool first_protocol; /* only protocol 0 */
} families[] = {
    {AF_UNIX, CONFINE_MOUNTNS, 0, false},
    {AF_INET, CONFINE_NETNS, SOCK_STREAM, false},
    {AF_INET6, CONFINE_NETNS, SOCK_STREAM, false},
    {AF_NETLINK, 0, 0, true}, /* NETLINK_ROUTE: getifaddrs(3) */
};

#define PROGRAM_MAX 512
#define TYPE_MASK 0xf
#define COUNT(list) (sizeof(list) / sizeof *(list))

struct program {
    struct sock_filter code[PROGRAM_MAX];
    size_t n;
};

static void
put(struct program *p, uint16_t code, uint32_t k, uint8_t yes, uint8_t no)
{
    if (p->n < PROGRAM_MAX)
        p->code[p->n] = (struct sock_filter){code, yes, no, k};
    p->n++; /* a program that does not fit is noticed at the end */
}

static void
load(struct program *p, size_t offset)
{
    put(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

/* The low half: the kernel takes all arguments looked at here as 32-bit numbers. (Both machines supported store it first.) */
static void
load_argument(struct program *p, unsigned i)
{
    load(p, offsetof(struct seccomp_data, args) + i * sizeof(uint64_t));
}

static void
leave(struct program *p, uint32_t action)
{
    put(p, BPF_RET | BPF_K, action, 0, 0);
}

#define REFUSE(error) (SECCOMP_RET_ERRNO | (uint32_t)(error))

static void
put_rule(struct program *p, const struct rule *r)
{
    if (r->test == ANY) {
        put(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)r->call, 0, 1);
        leave(p, REFUSE(r->error));
        return;
    }
    put(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)r->call, 0, 4);
    load_argument(p, r->argument);
    put(p, BPF_JMP | (r->test == BITS ? BPF_JSET : BPF_JEQ) | BPF_K, r->value, 0, 1);
    leave(p, REFUSE(r->error));
    load(p, offsetof(struct seccomp_data, nr));
}

static void
put_protocol_zero(struct program *p)
{
    load_argument(p, 2);
    put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1);
    leave(p, SECCOMP_RET_ALLOW);
    leave(p, REFUSE(EPERM));
}

static void
put_limited(struct program *p, const struct family *f)
{
    enum { TCP = 6 };
    load_argument(p, 1);
    put(p, BPF_ALU | BPF_AND | BPF_K, TYPE_MASK, 0, 0);
    put(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)f->type, 1, 0);
    leave(p, REFUSE(EPERM));
    load_argument(p, 2);
    put(p, BPF_JMP | BPF_JEQ | BPF_K, TCP, 1, 0);
    put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1);
    leave(p, SECCOMP_RET_ALLOW);
    leave(p, REFUSE(EPERM));
}

/* What follows for one family, which always ends the program. */
static void
put_family(struct program *p, const struct family *f, unsigned namespaces)
{
    if (f->first_protocol)
        put_protocol_zero(p);
    else if ((f->needs & namespaces) == f->needs)
        leave(p, SECCOMP_RET_ALLOW);
    else if (f->type)
        put_limited(p, f);
    else
        leave(p, REFUSE(EPERM));
}

static void
put_socket(struct program *p, unsigned namespaces)
{
    size_t skip = p->n;
    put(p, BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 0);
    load_argument(p, 0);
    for (size_t i = 0; i < COUNT(families) && p->n < PROGRAM_MAX; i++) {
        size_t test = p->n;
        put(p, BPF_JMP | BPF_JEQ | BPF_K, families[i].family, 0, 0);
        put_family(p, &families[i], namespaces);
        p->code[test].jf = (uint8_t)(p->n - test - 1);
    }
    leave(p, REFUSE(EPERM));
    if (skip < PROGRAM_MAX)
        p->code[skip].jf = (uint8_t)(p->n - skip - 1);
}

/* Programs for another architecture number their calls otherwise, so they get none. */
static void
put_architecture(struct program *p)
{
    load(p, offsetof(struct seccomp_data, arch));
    put(p, BPF_JMP | BPF_JEQ | BPF_K, NATIVE, 1, 0);
    leave(p, REFUSE(ENOSYS));
    load(p, offsetof(struct seccomp_data, nr));
#if defined(__x86_64__)
    put(p, BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1);
    leave(p, REFUSE(ENOSYS));
#endif
}

struct err
seccomp_enter(unsigned namespaces)
{
    static struct program p;
    p.n = 0;
    put_architecture(&p);
    for (size_t i = 0; i < COUNT(rules); i++)
        if (rules[i].when == ALWAYS || !(namespaces & CONFINE_NETNS))
            put_rule(&p, &rules[i]);
    put_socket(&p, namespaces);
    leave(&p, SECCOMP_RET_ALLOW);
    if (p.n > PROGRAM_MAX)
        return err_make(E_LIMIT, "the system call filter has more than %d steps", PROGRAM_MAX);
    struct sock_fprog program = {(unsigned short)p.n, p.code};
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        return err_system("system call filter");
    return err_ok();
}
