/*
 * Landlock (landlock(7)): rules that a process lays on itself and its children for ever. The numbers stand here because the headers of
 * the oldest system supported know only the first version.
 */
#include "confine/inside.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SYS_CREATE_RULESET 444
#define SYS_ADD_RULE 445
#define SYS_RESTRICT_SELF 446
#define CREATE_RULESET_VERSION 1
#define RULE_PATH_BENEATH 1
#define RULE_NET_PORT 2

enum {
    FS_EXECUTE = 1 << 0,
    FS_WRITE_FILE = 1 << 1,
    FS_READ_FILE = 1 << 2,
    FS_READ_DIR = 1 << 3,
    FS_TRUNCATE = 1 << 14,
    FS_IOCTL_DEV = 1 << 15,
    FS_OF_FILES = FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV,
    FS_READ = FS_EXECUTE | FS_READ_FILE | FS_READ_DIR,
    FS_DEVICE = FS_READ_FILE | FS_WRITE_FILE | FS_TRUNCATE | FS_IOCTL_DEV,
    FS_ALL = 0xffff,
    NET_BIND_TCP = 1,
    NET_CONNECT_TCP = 2,
    SCOPE_ABSTRACT_UNIX = 1,
    SCOPE_SIGNAL = 2,
};

struct ruleset_attr {
    uint64_t fs, net, scoped;
};

struct path_attr {
    uint64_t access;
    int32_t parent;
} __attribute__((packed));

struct port_attr {
    uint64_t access, port;
};

/* What each version of the interface added, and how much of struct ruleset_attr it knows. */
static const struct version {
    int abi;
    uint64_t fs, net, scoped;
    size_t size;
} versions[] = {
    {1, 0x1fff, 0, 0, 8},
    {2, 0x3fff, 0, 0, 8},                                                             /* linking and renaming between folders */
    {3, 0x7fff, 0, 0, 8},                                                             /* truncation */
    {4, 0x7fff, NET_BIND_TCP | NET_CONNECT_TCP, 0, 16},                               /* TCP ports */
    {5, 0xffff, NET_BIND_TCP | NET_CONNECT_TCP, 0, 16},                               /* ioctl of devices */
    {6, 0xffff, NET_BIND_TCP | NET_CONNECT_TCP, SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL, 24}, /* abstract sockets, signals */
};

#define CARVE_DEPTH 16
#define CARVE_ENTRIES 8192

struct rules {
    int fd;
    uint64_t handled;
    const struct walls *w;
    size_t entries;
};

static struct err
allow_fd(struct rules *r, int fd, bool folder, uint64_t access, const char *path)
{
    struct path_attr rule = {.access = access & r->handled & (folder ? FS_ALL : FS_OF_FILES), .parent = fd};
    if (syscall(SYS_ADD_RULE, r->fd, RULE_PATH_BENEATH, &rule, 0) != 0)
        return err_system("Landlock rule for %s", path);
    return err_ok();
}

static bool
lies_in(const char *path, const char *folder)
{
    size_t n = strlen(folder);
    return strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == 0);
}

/* How ${path} stands to what must stay hidden. A covered path (own file tree) needs no care. */
static bool
is_hidden(const struct rules *r, const char *path, bool *holds)
{
    *holds = false;
    if (r->w->namespaces & CONFINE_MOUNTNS)
        return false;
    for (size_t i = 0; i < r->w->hidden_n; i++) {
        if (lies_in(path, r->w->hidden[i].real))
            return true;
        *holds |= lies_in(r->w->hidden[i].real, path);
    }
    return false;
}

static struct err carve(struct rules *r, const char *path, uint64_t access, int depth);

/* What does not exist, may not be seen or is a symbolic link (which needs no right of its own) is left out. */
static struct err
allow(struct rules *r, const char *path, uint64_t access, int depth)
{
    bool holds;
    struct stat st;
    if (is_hidden(r, path, &holds))
        return err_ok();
    int fd = path_open(AT_FDCWD, path);
    if (fd < 0)
        return err_ok();
    struct err e = fstat(fd, &st) != 0 ? err_system("looking at %s", path)
                   : holds             ? carve(r, path, access, depth)
                                       : allow_fd(r, fd, S_ISDIR(st.st_mode), access, path);
    close(fd);
    return e;
}

static struct err
carve_entry(struct rules *r, const char *path, const char *name, uint64_t access, int depth)
{
    char full[PATH_MAX];
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return err_ok();
    if (++r->entries > CARVE_ENTRIES || snprintf(full, sizeof full, "%s/%s", path, name) >= (int)sizeof full)
        return err_make(E_LIMIT, "too much lies beside the hidden paths in %s", path);
    return allow(r, full, access, depth + 1);
}

/* Rules only add: a folder that holds a hidden path is allowed entry by entry, without it. New entries cannot be made there then. */
static struct err
carve(struct rules *r, const char *path, uint64_t access, int depth)
{
    DIR *dir = depth < CARVE_DEPTH ? opendir(path) : NULL;
    if (dir == NULL)
        return err_make(E_SYSTEM, "cannot list %s, which holds a hidden path", path);
    struct err e = err_ok();
    for (struct dirent *d; !err_failed(e) && (d = readdir(dir));)
        e = carve_entry(r, path, d->d_name, access, depth);
    closedir(dir);
    return e;
}

/* In a file tree of its own, devices, /tmp and /dev/shm are private; otherwise single devices of the machine are allowed. */
static struct err
allow_devices(struct rules *r)
{
    char path[64];
    if (r->w->namespaces & CONFINE_MOUNTNS) {
        TRY(allow(r, "/", FS_READ_DIR, 0)); /* what stands in this tree may be known */
        TRY(allow(r, "/dev", FS_DEVICE | FS_READ_DIR, 0));
        TRY(allow(r, "/dev/shm", FS_ALL, 0));
        return allow(r, "/tmp", FS_ALL, 0);
    }
    for (const char *const *d = confine_devices; *d; d++) {
        snprintf(path, sizeof path, "/dev/%s", *d);
        TRY(allow(r, path, FS_DEVICE, 0));
    }
    return err_ok();
}

static struct err
allow_paths(struct rules *r)
{
    char real[PATH_MAX];
    for (const char *const *s = confine_system_folders; *s; s++)
        if (realpath(*s, real))
            TRY(allow(r, real, FS_READ, 0));
    TRY(allow(r, "/proc", FS_READ, 0));
    TRY(allow_devices(r));
    for (size_t i = 0; i < r->w->n; i++)
        TRY(allow(r, r->w->allowed[i].real, r->w->allowed[i].write ? FS_ALL : FS_READ, 0));
    return err_ok();
}

static struct err
allow_port(struct rules *r, uint16_t port)
{
    struct port_attr rule = {.access = NET_CONNECT_TCP, .port = port};
    if (port && syscall(SYS_ADD_RULE, r->fd, RULE_NET_PORT, &rule, 0) != 0)
        return err_system("Landlock rule for port %u", port);
    return err_ok();
}

static struct err
fill(struct rules *r, bool net)
{
    TRY(allow_paths(r));
    if (!net)
        return err_ok();
    TRY(allow_port(r, r->w->port));
    for (size_t i = 0; i < CONFINE_PORTS_MAX; i++)
        TRY(allow_port(r, r->w->plan->tcp_ports[i]));
    return err_ok();
}

static const struct version *
version_of(int abi)
{
    const struct version *v = &versions[0];
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++)
        if (versions[i].abi <= abi)
            v = &versions[i];
    return v;
}

struct err
landlock_enter(const struct walls *w, int *abi)
{
    *abi = (int)syscall(SYS_CREATE_RULESET, NULL, 0, CREATE_RULESET_VERSION);
    if (*abi < 1) {
        *abi = 0;
        return err_make(E_SYSTEM, "this kernel has no Landlock (5.13 or newer, started with lsm=landlock,…)");
    }
    const struct version *v = version_of(*abi);
    bool own_network = w->namespaces & CONFINE_NETNS; /* there is nothing but its own servers on its loopback */
    struct ruleset_attr attr = {.fs = v->fs, .net = own_network ? 0 : v->net, .scoped = v->scoped};
    struct rules r = {.handled = v->fs, .w = w};
    r.fd = (int)syscall(SYS_CREATE_RULESET, &attr, v->size, 0);
    struct err e = r.fd < 0 ? err_system("Landlock") : fill(&r, attr.net != 0);
    if (!err_failed(e) && syscall(SYS_RESTRICT_SELF, r.fd, 0) != 0)
        e = err_system("entering Landlock");
    if (r.fd >= 0)
        close(r.fd);
    if (err_failed(e))
        *abi = 0;
    return e;
}
