/*
 * The folder of one run, for the agent's MCP client configuration. It goes with the run; what a killed one left behind is removed by the
 * next one of the same user. A lock on the folder says that its run still lives.
 */
#include "cli/run.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define BESIDE "/tmp"
#define PREFIX "writ-run-"
#define STALE_MS 60000 /* a younger one may not have its lock yet */

static bool
is_stale(struct env *env, int fd)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || st.st_uid != geteuid() || env->now_ms(env) - (int64_t)st.st_mtime * 1000 < STALE_MS)
        return false;
    return flock(fd, LOCK_EX | LOCK_NB) == 0;
}

static void
sweep(struct env *env)
{
    DIR *all = opendir(BESIDE);
    for (struct dirent *d; all && (d = readdir(all));) {
        if (strncmp(d->d_name, PREFIX, sizeof PREFIX - 1) != 0)
            continue;
        int fd = openat(dirfd(all), d->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0 && is_stale(env, fd) && (unlinkat(fd, "mcp.json", 0) == 0 || errno == ENOENT))
            unlinkat(dirfd(all), d->d_name, AT_REMOVEDIR);
        if (fd >= 0)
            close(fd);
    }
    if (all)
        closedir(all);
}

/* Our own, so that nobody can put a link where the file will be; the file itself becomes the agent's. */
struct err
run_folder_make(struct env *env, struct run_plan *p)
{
    sweep(env);
    snprintf(p->folder, sizeof p->folder, BESIDE "/" PREFIX "XXXXXX");
    if (mkdtemp(p->folder) == NULL) {
        p->folder[0] = 0;
        return err_system("a folder in " BESIDE);
    }
    p->lock = open(p->folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (p->lock < 0 || flock(p->lock, LOCK_EX | LOCK_NB) != 0 || fchmod(p->lock, 0711) != 0)
        return err_system("the folder %s", p->folder);
    return err_ok();
}

static void
put_config(struct buf *b, uint16_t port, const char *secret, const struct json *destinations)
{
    char url[512];
    json_open(b, '{');
    json_key(b, "mcpServers");
    json_open(b, '{');
    for (const struct json *d = destinations ? destinations->child : NULL; d; d = d->next) {
        snprintf(url, sizeof url, "http://127.0.0.1:%u/%s/mcp/%.*s", port, secret, BYTES_CUT(d->text, 128));
        json_key_bytes(b, d->text);
        json_open(b, '{');
        json_member_str(b, "type", "http");
        json_member_str(b, "url", url);
        json_close(b, '}');
    }
    json_close(b, '}');
    json_close(b, '}');
    buf_putc(b, '\n');
}

struct err
run_config_write(const struct run_plan *p, uint16_t port, const char *secret, const struct json *destinations)
{
    char path[96];
    struct buf b = buf_make(65536);
    snprintf(path, sizeof path, "%s/mcp.json", p->folder);
    put_config(&b, port, secret, destinations);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    struct err e = b.failed ? err_make(E_LIMIT, "too many destinations for one client configuration") : fd < 0 ? err_system("%s", path) : err_ok();
    if (!err_failed(e) && (write(fd, b.at, b.n) != (ssize_t)b.n || fchmod(fd, 0400) != 0))
        e = err_system("writing %s", path);
    if (!err_failed(e) && geteuid() == 0 && p->plan.uid >= 0 && fchown(fd, (uid_t)p->plan.uid, (gid_t)p->plan.gid) != 0)
        e = err_system("giving %s to the agent's user", path);
    if (fd >= 0)
        close(fd);
    buf_free(&b);
    return e;
}

void
run_folder_remove(struct run_plan *p)
{
    char path[96];
    if (p->folder[0] == 0)
        return;
    snprintf(path, sizeof path, "%s/mcp.json", p->folder);
    unlink(path);
    rmdir(p->folder);
    p->folder[0] = 0;
    if (p->lock >= 0)
        close(p->lock);
}
