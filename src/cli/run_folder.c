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

static const char *const files[] = {"mcp.json", "all.json"};

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
        bool gone = fd >= 0 && is_stale(env, fd);
        for (size_t i = 0; gone && i < sizeof files / sizeof *files; i++)
            gone = unlinkat(fd, files[i], 0) == 0 || errno == ENOENT;
        if (gone)
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
put_server(struct buf *b, struct bytes name, uint16_t port, const char *secret, struct bytes path)
{
    char url[512];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/%s/mcp%.*s%.*s", port, secret, path.n ? 1 : 0, "/", BYTES_CUT(path, 128));
    json_key_bytes(b, name);
    json_open(b, '{');
    json_member_str(b, "type", "http");
    json_member_str(b, "url", url);
    json_close(b, '}');
}

/* A server for each destination, or (${destinations} NULL) one for all of them. */
static void
put_config(struct buf *b, uint16_t port, const char *secret, const struct json *destinations)
{
    json_open(b, '{');
    json_key(b, "mcpServers");
    json_open(b, '{');
    for (const struct json *d = destinations ? destinations->child : NULL; d; d = d->next)
        put_server(b, d->text, port, secret, d->text);
    if (destinations == NULL)
        put_server(b, BYTES("writ"), port, secret, (struct bytes){NULL, 0});
    json_close(b, '}');
    json_close(b, '}');
    buf_putc(b, '\n');
}

static struct err
write_config(const struct run_plan *p, const char *name, const struct buf *b)
{
    char path[96];
    snprintf(path, sizeof path, "%s/%s", p->folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    struct err e = b->failed ? err_make(E_LIMIT, "too many destinations for one client configuration") : fd < 0 ? err_system("%s", path) : err_ok();
    if (!err_failed(e) && (write(fd, b->at, b->n) != (ssize_t)b->n || fchmod(fd, 0400) != 0))
        e = err_system("writing %s", path);
    if (!err_failed(e) && geteuid() == 0 && p->plan.uid >= 0 && fchown(fd, (uid_t)p->plan.uid, (gid_t)p->plan.gid) != 0)
        e = err_system("giving %s to the agent's user", path);
    if (fd >= 0)
        close(fd);
    return e;
}

struct err
run_config_write(const struct run_plan *p, uint16_t port, const char *secret, const struct json *destinations)
{
    struct buf each = buf_make(65536), all = buf_make(65536);
    put_config(&each, port, secret, destinations);
    put_config(&all, port, secret, NULL);
    struct err e = write_config(p, files[0], &each);
    if (!err_failed(e))
        e = write_config(p, files[1], &all);
    buf_free(&each);
    buf_free(&all);
    return e;
}

void
run_folder_remove(struct run_plan *p)
{
    if (p->folder[0] == 0)
        return;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[96];
        snprintf(path, sizeof path, "%s/%s", p->folder, files[i]);
        unlink(path);
    }
    rmdir(p->folder);
    p->folder[0] = 0;
    if (p->lock >= 0)
        close(p->lock);
}
