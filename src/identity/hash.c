#include "identity/proc.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#define HASH_FILE_MAX ((int64_t)512 << 20)
#define HASH_CACHE_MAX 256
/* A file changed a moment ago may change again without its times showing it (they tick in milliseconds): not cached until then. */
#define HASH_SETTLED_S 2
#ifndef FUSE_SUPER_MAGIC
#define FUSE_SUPER_MAGIC 0x65735546
#endif

/* What tells one state of a file from another. Only the superuser can set ctime back, by the clock. */
struct file_state {
    uint64_t device, inode;
    int64_t size;
    struct timespec mtime, ctime;
};

static struct {
    pthread_mutex_t lock;
    size_t n, next; /* used; the one to replace */
    struct {
        struct file_state state;
        char sha256[65];
    } entry[HASH_CACHE_MAX];
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct file_state
state_of(const struct stat *st)
{
    return (struct file_state){st->st_dev, st->st_ino, st->st_size, st->st_mtim, st->st_ctim};
}

static bool
same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool
same_state(const struct file_state *a, const struct file_state *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size && same_time(a->mtime, b->mtime) && same_time(a->ctime, b->ctime);
}

static bool
cache_get(const struct file_state *state, char sha256[65])
{
    bool found = false;
    pthread_mutex_lock(&cache.lock);
    for (size_t i = 0; i < cache.n && !found; i++)
        if (same_state(&cache.entry[i].state, state)) {
            memcpy(sha256, cache.entry[i].sha256, 65);
            found = true;
        }
    pthread_mutex_unlock(&cache.lock);
    return found;
}

static void
cache_put(const struct file_state *state, const char sha256[65])
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now); /* the file system's clock, which no test fakes */
    if (now.tv_sec - state->ctime.tv_sec < HASH_SETTLED_S)
        return;
    pthread_mutex_lock(&cache.lock);
    size_t i = cache.next;
    cache.next = (i + 1) % HASH_CACHE_MAX;
    if (cache.n < HASH_CACHE_MAX)
        cache.n++;
    cache.entry[i].state = *state;
    memcpy(cache.entry[i].sha256, sha256, 65);
    pthread_mutex_unlock(&cache.lock);
}

static bool
digest_file(int fd, EVP_MD_CTX *ctx, uint8_t digest[32])
{
    uint8_t block[65536];
    int64_t total = 0;
    if (!EVP_DigestInit_ex(ctx, EVP_sha256(), NULL))
        return false;
    for (;;) {
        ssize_t n = read(fd, block, sizeof block);
        if (n < 0 || (total += n) > HASH_FILE_MAX)
            return false;
        if (n == 0)
            return EVP_DigestFinal_ex(ctx, digest, NULL) == 1;
        if (!EVP_DigestUpdate(ctx, block, (size_t)n))
            return false;
    }
}

static struct err
hash_fd(int fd, const char *exe, char sha256[65])
{
    uint8_t digest[32];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && digest_file(fd, ctx, digest);
    EVP_MD_CTX_free(ctx);
    if (!ok)
        return err_make(E_PROOF, "%s could not be read to the end for its SHA-256", exe);
    for (int i = 0; i < 32; i++)
        snprintf(sha256 + 2 * i, 3, "%02x", digest[i]);
    return err_ok();
}

/* A FUSE file system is a program of some user: it may show one thing to the kernel that executes and another to us. */
static struct err
hashable(int fd, const struct process *p, struct stat *st)
{
    struct statfs fs;
    if (fstat(fd, st) != 0 || fstatfs(fd, &fs) != 0)
        return err_system("looking at %s", p->exe);
    if (st->st_dev != p->exe_device || st->st_ino != p->exe_inode)
        return err_make(E_PROOF, "process %d runs another program by now", p->pid);
    if ((uint64_t)fs.f_type == FUSE_SUPER_MAGIC)
        return err_make(E_PROOF, "%s is on a FUSE file system, whose bytes prove nothing: install it elsewhere", p->exe);
    if (!S_ISREG(st->st_mode) || st->st_size > HASH_FILE_MAX)
        return err_make(E_LIMIT, "%s is no regular file of at most 512 MiB", p->exe);
    return err_ok();
}

static struct err
hash_open(int fd, struct process *p)
{
    struct stat before, after;
    char sha256[65];
    TRY(hashable(fd, p, &before));
    struct file_state state = state_of(&before);
    if (!cache_get(&state, sha256)) {
        TRY(hash_fd(fd, p->exe, sha256));
        TRY(hashable(fd, p, &after));
        struct file_state then = state_of(&after);
        if (!same_state(&state, &then))
            return err_make(E_PROOF, "%s changed while it was read", p->exe);
        cache_put(&state, sha256);
    }
    memcpy(p->sha256, sha256, sizeof p->sha256);
    return err_ok();
}

static struct err
hash_at(int dir, struct process *p)
{
    struct proc_stat stat;
    TRY(proc_stat_at(dir, &stat));
    if (stat.start != p->start)
        return err_make(E_PROOF, "process %d has ended; its number was used again", p->pid);
    int fd = openat(dir, "exe", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_make(E_PROOF, "the executable of process %d may not be read by this user", p->pid);
    struct err e = hash_open(fd, p);
    close(fd);
    return e;
}

struct err
process_hash(struct process *p)
{
    int dir;
    if (p->sha256[0])
        return err_ok();
    TRY(proc_open(p->pid, &dir));
    struct err e = hash_at(dir, p);
    close(dir);
    return e;
}

static struct err
hash_plain(int fd, const char *path, char sha256[65])
{
    struct stat before, after;
    if (fstat(fd, &before) != 0)
        return err_system("looking at %s", path);
    if (!S_ISREG(before.st_mode) || before.st_size > HASH_FILE_MAX)
        return err_make(E_LIMIT, "%s is no regular file of at most 512 MiB", path);
    struct file_state state = state_of(&before);
    if (cache_get(&state, sha256))
        return err_ok();
    TRY(hash_fd(fd, path, sha256));
    if (fstat(fd, &after) != 0)
        return err_system("looking at %s", path);
    struct file_state then = state_of(&after);
    if (!same_state(&state, &then))
        return err_make(E_IO, "%s changed while it was read", path);
    cache_put(&state, sha256);
    return err_ok();
}

struct err
file_hash(const char *path, char sha256[65])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return err_system("opening %s", path);
    struct err e = hash_plain(fd, path, sha256);
    close(fd);
    return e;
}
