#include "identity/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX 65536

static struct err
gone(const char *what)
{
    if (errno == ESRCH || errno == ENOENT)
        return err_make(E_PROOF, "the process has ended");
    return err_system("reading %s of a process", what);
}

struct err
proc_open(int pid, int *dir)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d", pid);
    *dir = pid > 0 ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (*dir < 0)
        return err_make(E_PROOF, "there is no process %d here: it has ended, or /proc does not show it", pid);
    return err_ok();
}

static struct err
read_all(int fd, const char *name, struct buf *buf)
{
    for (;;) {
        uint8_t *to = buf_room(buf, 1024);
        if (to == NULL)
            return err_make(E_LIMIT, "/proc/PID/%s is larger than %zu bytes", name, buf->max);
        ssize_t n = read(fd, to, 1024);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return gone(name);
        if (n == 0)
            return err_ok();
        buf->n += (size_t)n;
    }
}

struct err
proc_read(int dir, const char *name, struct buf *buf)
{
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return gone(name);
    buf->n = 0;
    struct err e = read_all(fd, name, buf);
    close(fd);
    return e;
}

struct err
proc_stat_at(int dir, struct proc_stat *out)
{
    struct buf buf = buf_make(FILE_MAX);
    struct err e = proc_read(dir, "stat", &buf);
    if (!err_failed(e) && !proc_parse_stat(buf_bytes(&buf), out))
        e = err_make(E_PROOF, "/proc/PID/stat is not of the form this program knows");
    buf_free(&buf);
    return e;
}

/* The executables of other users' processes may not be shown (ptrace(2), "access mode checking"); ${exe} is "" then. */
static void
read_exe(int dir, struct process *out)
{
    struct stat st;
    ssize_t n = readlinkat(dir, "exe", out->exe, sizeof out->exe);
    if (n <= 0 || (size_t)n >= sizeof out->exe || fstatat(dir, "exe", &st, 0) != 0) {
        out->exe[0] = 0;
        return;
    }
    out->exe[n] = 0;
    out->exe_device = st.st_dev;
    out->exe_inode = st.st_ino;
    out->interpreter = proc_is_interpreter(out->exe);
}

static struct err
read_files(int dir, struct process *out, struct buf *buf)
{
    TRY(proc_read(dir, "status", buf));
    if (!proc_parse_ids(buf_bytes(buf), &out->uid, &out->gid))
        return err_make(E_PROOF, "/proc/PID/status is not of the form this program knows");
    TRY(proc_read(dir, "cgroup", buf));
    proc_parse_cgroup(buf_bytes(buf), out->cgroup, out->unit);
    read_exe(dir, out);
    return err_ok();
}

struct err
proc_process_at(int dir, struct process *out, int *ppid)
{
    struct proc_stat stat;
    memset(out, 0, sizeof *out);
    TRY(proc_stat_at(dir, &stat));
    if (stat.state == 'Z' || stat.state == 'X')
        return err_make(E_PROOF, "process %d has ended", stat.pid);
    out->pid = stat.pid;
    out->start = stat.start;
    *ppid = stat.ppid;
    struct buf buf = buf_make(FILE_MAX);
    struct err e = read_files(dir, out, &buf);
    buf_free(&buf);
    return e;
}

struct err
process_read(int pid, struct process *out)
{
    int dir, ppid;
    TRY(proc_open(pid, &dir));
    struct err e = proc_process_at(dir, out, &ppid);
    close(dir);
    return e;
}

bool
process_alive(const struct process *p)
{
    struct process now;
    struct err e = process_read(p->pid, &now);
    if (err_failed(e) || now.start != p->start)
        return false;
    bool seen = p->exe[0] && now.exe[0];
    return !seen || (now.exe_device == p->exe_device && now.exe_inode == p->exe_inode);
}
