/*
 * The agent's file tree: a new root that holds only what was allowed, so that nothing has to be found and hidden (a folder that nobody
 * thought of is not there). Made in a mount namespace of its own with the descriptor-based calls (5.12 and newer), since paths that the
 * agent's user can write to may change under our feet.
 */
#include "confine/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SYSTEM_MAX 16
#define DEVICES_MAX 8
/* A folder that exists everywhere, to attach the new root to until it is the root. */
#define ATTACH_AT "/etc"

const char *const confine_system_folders[] = {
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt", "/nix/store", "/gnu/store", "/sys/devices/system/cpu", NULL};
const char *const confine_devices[] = {"null", "zero", "full", "random", "urandom", "tty", NULL};

static const char *const device_links[][2] = {
    {"/dev/fd", "/proc/self/fd"},       {"/dev/stdin", "/proc/self/fd/0"}, {"/dev/stdout", "/proc/self/fd/1"},
    {"/dev/stderr", "/proc/self/fd/2"}, {"/dev/ptmx", "pts/ptmx"},
};

/* File systems of its own. Sizes bound what an agent can fill (of memory). */
static const struct fresh {
    const char *path, *type;
    const char *options[2][2];
    unsigned attributes;
} fresh[] = {
    {"/tmp", "tmpfs", {{"mode", "1777"}, {"size", "1g"}}, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV},
    {"/dev/shm", "tmpfs", {{"mode", "1777"}, {"size", "1g"}}, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV},
    {"/dev/pts", "devpts", {{"mode", "0620"}, {"ptmxmode", "0666"}}, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC},
};

struct tree {
    int root; /* of the new file tree */
    int system[SYSTEM_MAX], devices[DEVICES_MAX], proc, allowed[2 * PATHS_MAX];
};

int
path_open(int root, const char *path)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS};
    if (root >= 0)
        how.resolve |= RESOLVE_IN_ROOT;
    return (int)syscall(SYS_openat2, root, path, &how, sizeof how);
}

static int
file_system(const char *type, const char *const (*options)[2], size_t n, unsigned attributes)
{
    int fs = fsopen(type, FSOPEN_CLOEXEC), made = -1;
    bool ok = fs >= 0;
    for (size_t i = 0; ok && i < n; i++)
        ok = fsconfig(fs, FSCONFIG_SET_STRING, options[i][0], options[i][1], 0) == 0;
    if (ok && fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
        made = fsmount(fs, FSMOUNT_CLOEXEC, attributes);
    int why = errno;
    if (fs >= 0)
        close(fs);
    errno = why;
    return made;
}

static bool
restrict_mount(int fd, uint64_t attributes)
{
    struct mount_attr attr = {.attr_set = attributes};
    return mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr) == 0;
}

/* A detached copy of what is mounted at ${path}, with all below. */
static int
copy_tree(int root, const char *path, uint64_t attributes)
{
    int fd = path_open(root, path);
    if (fd < 0)
        return -1;
    int copy = open_tree(fd, "", AT_EMPTY_PATH | AT_RECURSIVE | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    int why = errno;
    close(fd);
    errno = why;
    if (copy >= 0 && attributes && !restrict_mount(copy, attributes)) {
        close(copy);
        return -1;
    }
    return copy;
}

/* Everything is copied before the new root is attached, and so covers something. */
static struct err
copy_all(const struct walls *w, struct tree *t)
{
    const uint64_t safe = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, read_only = safe | MOUNT_ATTR_RDONLY;
    char path[64];
    struct stat st;
    for (int i = 0; confine_system_folders[i]; i++) {
        const char *folder = confine_system_folders[i];
        t->system[i] = -1;
        if (lstat(folder, &st) == 0 && S_ISDIR(st.st_mode) && (t->system[i] = copy_tree(AT_FDCWD, folder, read_only)) < 0)
            return err_system("a read-only view of %s", folder);
    }
    for (int i = 0; confine_devices[i]; i++) {
        snprintf(path, sizeof path, "/dev/%s", confine_devices[i]);
        if ((t->devices[i] = copy_tree(AT_FDCWD, path, MOUNT_ATTR_NOSUID)) < 0)
            return err_system("a view of %s", path);
    }
    for (size_t i = 0; i < w->n; i++)
        if ((t->allowed[i] = copy_tree(AT_FDCWD, w->allowed[i].real, w->allowed[i].write ? safe : read_only)) < 0)
            return err_system("a view of %s", w->allowed[i].real);
    return err_ok();
}

/*
 * The folder that is to hold the last part of ${path}, made where missing; ${last} points to that part. No symbolic link is followed,
 * even where the agent's user may place one.
 */
static int
make_parents(int root, const char *path, const char **last)
{
    int at = dup(root);
    char part[NAME_MAX + 1];
    const char *from = path + 1, *slash;
    while (at >= 0 && (slash = strchr(from, '/'))) {
        if (slash == from || slash - from > NAME_MAX) {
            close(at);
            errno = ENAMETOOLONG;
            return -1;
        }
        snprintf(part, sizeof part, "%.*s", (int)(slash - from), from);
        mkdirat(at, part, 0755); /* fails where it exists; whether it is a folder shows now */
        int next = openat(at, part, O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
        close(at);
        at = next;
        from = slash + 1;
    }
    *last = from;
    return at;
}

/* Something to mount on: an empty folder or file. That it exists is no error; what it is shows when it is opened. */
static void
make_place(int root, const char *path, bool folder)
{
    const char *last;
    int at = make_parents(root, path, &last);
    if (at < 0)
        return;
    if (folder)
        mkdirat(at, last, 0755);
    else
        mknodat(at, last, S_IFREG | 0644, 0);
    close(at);
}

/* False when something is there already, or in the way: the path as it was given does not work inside then, its resolved form does. */
static bool
make_link(int root, const char *path, const char *target)
{
    const char *last;
    int at = make_parents(root, path, &last);
    bool made = at >= 0 && symlinkat(target, at, last) == 0;
    if (at >= 0)
        close(at);
    return made;
}

/* Mount ${fd} at ${path} of the new tree, and close it. */
static struct err
attach(const struct tree *t, int fd, const char *path, bool folder)
{
    make_place(t->root, path, folder);
    int place = fd < 0 ? -1 : path_open(t->root, path);
    bool ok = place >= 0 && move_mount(fd, "", place, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) == 0;
    struct err e = ok ? err_ok() : err_system("putting %s into the agent's file tree", path);
    if (place >= 0)
        close(place);
    if (fd >= 0)
        close(fd);
    return e;
}

static struct err
attach_system(struct tree *t)
{
    char target[PATH_MAX];
    for (int i = 0; confine_system_folders[i]; i++) {
        const char *folder = confine_system_folders[i];
        ssize_t n = readlink(folder, target, sizeof target - 1);
        if (n > 0) {
            target[n] = 0;
            make_link(t->root, folder, target); /* /bin -> usr/bin */
        } else if (t->system[i] >= 0) {
            TRY(attach(t, t->system[i], folder, true));
        }
    }
    return err_ok();
}

static struct err
attach_devices(struct tree *t)
{
    char path[64];
    make_place(t->root, "/dev", true);
    for (int i = 0; confine_devices[i]; i++) {
        snprintf(path, sizeof path, "/dev/%s", confine_devices[i]);
        TRY(attach(t, t->devices[i], path, false));
    }
    for (size_t i = 0; i < sizeof fresh / sizeof *fresh; i++)
        TRY(attach(t, file_system(fresh[i].type, fresh[i].options, 2, fresh[i].attributes), fresh[i].path, true));
    for (size_t i = 0; i < sizeof device_links / sizeof *device_links; i++)
        make_link(t->root, device_links[i][0], device_links[i][1]);
    return err_ok();
}

/*
 * A new /proc shows the processes of our process namespace only. In containers whose /proc is partly covered the kernel refuses one
 * to a user namespace; then the machine's is shown. User 0 could write /proc/sys without any capability: read-only for it.
 */
static struct err
attach_proc(struct walls *w, struct tree *t)
{
    static const char *const options[][2] = {{"subset", "pid"}};
    const unsigned attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    int fd = w->namespaces & CONFINE_PIDNS ? file_system("proc", options, 0, attributes) : -1;
    w->own_proc = fd >= 0;
    if (fd < 0)
        fd = copy_tree(AT_FDCWD, "/proc", attributes);
    if (fd >= 0 && w->agent_is_root && !restrict_mount(fd, MOUNT_ATTR_RDONLY))
        return err_system("making /proc read-only");
    return attach(t, fd, "/proc", true);
}

static struct err
attach_allowed(struct walls *w, struct tree *t)
{
    for (size_t i = 0; i < w->n; i++) {
        const struct wall_path *p = &w->allowed[i];
        TRY(attach(t, t->allowed[i], p->real, p->folder));
        if (strcmp(p->given, p->real) != 0)
            make_link(t->root, p->given, p->real);
    }
    return err_ok();
}

/* A hidden path that lies in something allowed is covered by an empty folder or file that nobody may change. */
static struct err
cover(struct tree *t, const struct wall_path *hidden)
{
    static const char *const options[][2] = {{"mode", "0555"}, {"size", "4k"}};
    int place = path_open(t->root, hidden->real);
    if (place < 0 && errno == ENOENT)
        return err_ok(); /* not in the tree at all */
    if (place < 0)
        return err_system("hiding %s", hidden->real);
    close(place);
    const unsigned attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY;
    if (hidden->folder)
        return attach(t, file_system("tmpfs", options, 2, attributes), hidden->real, true);
    make_place(t->root, "/.hidden", false);
    return attach(t, copy_tree(t->root, "/.hidden", attributes), hidden->real, false);
}

static struct err
fill(struct walls *w, struct tree *t)
{
    TRY(attach_system(t));
    TRY(attach_devices(t));
    TRY(attach_proc(w, t));
    TRY(attach_allowed(w, t));
    for (size_t i = 0; i < w->hidden_n; i++)
        TRY(cover(t, &w->hidden[i]));
    return err_ok();
}

/* pivot_root(2), "pivot_root(".", ".")": the old root ends up on top of the new one, and is let go. */
static struct err
enter(const struct tree *t)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
    if (fchdir(t->root) != 0 || syscall(SYS_pivot_root, ".", ".") != 0)
        return err_system("changing the root of the file tree");
    if (umount2(".", MNT_DETACH) != 0 || chdir("/") != 0)
        return err_system("leaving the old root of the file tree");
    if (mount_setattr(t->root, "", AT_EMPTY_PATH, &attr, sizeof attr) != 0)
        return err_system("making the root read-only");
    return err_ok();
}

struct err
mounts_build(struct walls *w)
{
    static const char *const options[][2] = {{"mode", "0755"}, {"size", "1m"}};
    struct tree t;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return err_system("making mounts private");
    TRY(copy_all(w, &t));
    t.root = file_system("tmpfs", options, 2, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    if (t.root < 0 || move_mount(t.root, "", AT_FDCWD, ATTACH_AT, MOVE_MOUNT_F_EMPTY_PATH) != 0)
        return err_system("a file system for the agent's root");
    TRY(fill(w, &t));
    TRY(enter(&t));
    close(t.root);
    return err_ok();
}
