/* The writer of a log: opening, appending, flushing, signing tree heads. */
#include "tlog/parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FRAMES_MAX ((size_t)64 << 20) /* bytes that may wait for a flush */
#define NODES_MAX ((size_t)4 << 20)   /* hashes that may wait for a sync; past it a flush syncs by itself */
#define APPEND (O_RDWR | O_CREAT | O_APPEND)

static int
real_write(void *ctx, int fd, const void *at, size_t n)
{
    (void)ctx;
    for (const uint8_t *from = at; n;) {
        ssize_t put = write(fd, from, n);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return put < 0 ? errno : EIO;
        from += put;
        n -= (size_t)put;
    }
    return 0;
}

static int
real_sync(void *ctx, int fd)
{
    (void)ctx;
    return fdatasync(fd) == 0 ? 0 : errno;
}

bool
tlog_pile_put(struct tlog_pile *p, const void *at, size_t n)
{
    if (p->cap - p->n < n) {
        size_t cap = (p->cap + n) * 2;
        uint8_t *more = realloc(p->at, cap);
        if (more == NULL)
            return false;
        p->at = more;
        p->cap = cap;
    }
    memcpy(p->at + p->n, at, n);
    p->n += n;
    return true;
}

static void
shut(int fd)
{
    if (fd >= 0)
        close(fd);
}

void
tlog_close(struct tlog *t)
{
    if (t == NULL)
        return;
    shut(t->journal);
    shut(t->hashes);
    shut(t->offsets);
    shut(t->heads);
    shut(t->dir);
    EVP_MD_CTX_free(t->hash);
    free(t->frames.at);
    free(t->nodes.at);
    free(t->ends.at);
    free(t);
}

/* The lock ends with the process, however it ends. */
static struct tlog_error
open_files(struct tlog *t, const char *dir)
{
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return tlog_fail_io(errno, "making the log folder", dir);
    t->dir = tlog_file(-1, dir, 0);
    if (t->dir < 0)
        return tlog_fail_io(errno, "opening the log folder", dir);
    t->journal = tlog_file(t->dir, "journal", APPEND);
    if (t->journal < 0)
        return tlog_fail_io(errno, "opening the journal in", dir);
    if (flock(t->journal, LOCK_EX | LOCK_NB) != 0)
        return tlog_fail(TLOG_IO, "another process is writing the log in %s: a log has one writer", dir);
    t->hashes = tlog_file(t->dir, "hashes", APPEND);
    t->offsets = tlog_file(t->dir, "offsets", APPEND);
    t->heads = tlog_file(t->dir, "heads", APPEND);
    if (t->hashes < 0 || t->offsets < 0 || t->heads < 0)
        return tlog_fail_io(errno, "opening hashes, offsets and heads in", dir);
    int number = t->io.sync(t->io.ctx, t->dir); /* new files must still have their names after a power loss */
    return number ? tlog_fail_io(number, "syncing the log folder", dir) : tlog_ok();
}

static struct tlog_error
start(struct tlog *t, const char *dir, const char *origin, const uint8_t public_key[32], const struct tlog_io *io)
{
    TLOG_TRY(tlog_origin_check(origin));
    memcpy(t->origin, origin, strlen(origin) + 1);
    memcpy(t->key, public_key, 32);
    if (io != NULL)
        t->io = *io;
    if (t->io.write == NULL)
        t->io.write = real_write;
    if (t->io.sync == NULL)
        t->io.sync = real_sync;
    t->hash = tlog_hasher();
    if (t->hash == NULL)
        return tlog_fail(TLOG_MEMORY, "no memory for the log");
    TLOG_TRY(open_files(t, dir));
    return tlog_recover(t);
}

struct tlog_error
tlog_open(const char *dir, const char *origin, const uint8_t public_key[32], const struct tlog_io *io, struct tlog **out)
{
    *out = NULL;
    struct tlog *t = calloc(1, sizeof *t);
    if (t == NULL)
        return tlog_fail(TLOG_MEMORY, "no memory for the log");
    t->dir = t->journal = t->hashes = t->offsets = t->heads = -1;
    struct tlog_error e = start(t, dir, origin, public_key, io);
    if (e.code != TLOG_OK)
        tlog_close(t);
    else
        *out = t;
    return e;
}

uint64_t
tlog_size(const struct tlog *t)
{
    return t->edge.size;
}

uint64_t
tlog_recovered(const struct tlog *t)
{
    return t->recovered;
}

/* What the kernel did with a failed write or sync is unknown, so the log does not go on: the next open looks at what is there. */
static struct tlog_error
broken(struct tlog *t, struct tlog_error e)
{
    if (e.code != TLOG_OK)
        t->broken = true;
    return e;
}

static struct tlog_error
refuse_broken(const struct tlog *t)
{
    return t->broken ? tlog_fail(TLOG_IO, "the log of %s failed before and takes nothing more until it is opened again", t->origin) : tlog_ok();
}

struct tlog_error
tlog_take_leaf(struct tlog *t, const uint8_t leaf_hash[TLOG_HASH], uint64_t end)
{
    uint8_t made[64][TLOG_HASH], place[8];
    size_t n;
    tlog_put_u64(place, end);
    if (!tlog_edge_push(&t->edge, t->hash, leaf_hash, made, &n) || !tlog_pile_put(&t->nodes, made, n * TLOG_HASH) ||
        !tlog_pile_put(&t->ends, place, 8))
        return broken(t, tlog_fail(TLOG_MEMORY, "no memory for a record of the log"));
    t->end = end;
    return tlog_ok();
}

struct tlog_error
tlog_append(struct tlog *t, const void *leaf, size_t n, uint64_t *index)
{
    uint8_t hash[TLOG_HASH], frame[TLOG_FRAME] = {(uint8_t)(n >> 8), (uint8_t)n};
    TLOG_TRY(refuse_broken(t));
    if (n > TLOG_LEAF_MAX)
        return tlog_fail(TLOG_LIMIT, "a record of %zu bytes is too long: at most %d", n, TLOG_LEAF_MAX);
    if (t->frames.n + n > FRAMES_MAX)
        return tlog_fail(TLOG_LIMIT, "%zu bytes wait for the log to be flushed: flush first", t->frames.n);
    if (!tlog_hash_leaf(t->hash, leaf, n, hash))
        return broken(t, tlog_fail(TLOG_MEMORY, "no memory for a record of the log"));
    memcpy(frame + 2, hash, TLOG_CHECK);
    if (!tlog_pile_put(&t->frames, frame, sizeof frame) || !tlog_pile_put(&t->frames, leaf, n))
        return broken(t, tlog_fail(TLOG_MEMORY, "no memory for a record of the log"));
    *index = t->edge.size;
    return tlog_take_leaf(t, hash, t->end + TLOG_FRAME + n);
}

static struct tlog_error
put(struct tlog *t, int fd, struct tlog_pile *p, const char *name)
{
    int number = p->n ? t->io.write(t->io.ctx, fd, p->at, p->n) : 0;
    p->n = 0;
    return number ? broken(t, tlog_fail_io(number, "writing", name)) : tlog_ok();
}

struct tlog_error
tlog_write_nodes(struct tlog *t)
{
    TLOG_TRY(put(t, t->hashes, &t->nodes, "hashes"));
    return put(t, t->offsets, &t->ends, "offsets");
}

struct tlog_error
tlog_flush(struct tlog *t, bool sync)
{
    TLOG_TRY(refuse_broken(t));
    t->unsynced = t->unsynced || t->frames.n > 0;
    TLOG_TRY(put(t, t->journal, &t->frames, "journal"));
    if (!t->unsynced || (!sync && t->nodes.n < NODES_MAX))
        return tlog_ok();
    int number = t->io.sync(t->io.ctx, t->journal);
    if (number)
        return broken(t, tlog_fail_io(number, "syncing", "journal"));
    t->unsynced = false;
    return tlog_write_nodes(t);
}

/* What opening takes from these two files lies below the newest head: up to there a power loss must leave no holes in them. */
static struct tlog_error
sync_nodes(struct tlog *t)
{
    int number = t->io.sync(t->io.ctx, t->hashes);
    if (number == 0)
        number = t->io.sync(t->io.ctx, t->offsets);
    return number ? broken(t, tlog_fail_io(number, "syncing", "hashes and offsets")) : tlog_ok();
}

/* `heads` first: what stands in `checkpoint` must always stand in the history too. */
static struct tlog_error
write_history(struct tlog *t, const char *note, size_t n)
{
    int number = t->io.write(t->io.ctx, t->heads, note, n);
    if (number == 0)
        number = t->io.sync(t->io.ctx, t->heads);
    return number ? broken(t, tlog_fail_io(number, "writing", "heads")) : tlog_ok();
}

static struct tlog_error
write_newest(struct tlog *t, const char *note, size_t n)
{
    int fd = tlog_file(t->dir, "checkpoint.new", O_WRONLY | O_CREAT | O_TRUNC);
    int number = fd < 0 ? errno : t->io.write(t->io.ctx, fd, note, n);
    if (number == 0)
        number = t->io.sync(t->io.ctx, fd);
    shut(fd);
    if (number == 0 && renameat(t->dir, "checkpoint.new", t->dir, "checkpoint") != 0)
        number = errno;
    if (number)
        return broken(t, tlog_fail_io(number, "writing", "checkpoint"));
    t->head_file_old = false;
    return tlog_ok();
}

/* The signature is checked before it is written: a signer with another key must not leave a head that no one can verify. */
static struct tlog_error
sign(struct tlog *t, const struct tlog_head *head, char note[TLOG_NOTE_MAX], size_t *n)
{
    uint8_t signature[64], root[TLOG_HASH];
    uint64_t size;
    if (t->io.sign == NULL)
        return tlog_fail(TLOG_SIGNER, "the log of %s has no signer", t->origin);
    int number = t->io.sign(t->io.ctx, t->origin, head->size, head->root, signature);
    if (number)
        return tlog_fail(TLOG_SIGNER, "the signer refused the tree head of size %llu of %s (%d)", (unsigned long long)head->size, t->origin, number);
    *n = tlog_note(t->origin, head->size, head->root, signature, t->key, note, TLOG_NOTE_MAX);
    if (*n == 0)
        return tlog_fail(TLOG_LIMIT, "the tree head of %s does not fit its buffer", t->origin);
    return tlog_note_check(note, *n, t->origin, t->key, &size, root);
}

struct tlog_error
tlog_checkpoint(struct tlog *t)
{
    struct tlog_head head = {.size = t->edge.size};
    char note[TLOG_NOTE_MAX];
    size_t n = 0;
    TLOG_TRY(tlog_flush(t, true));
    bool known = t->have_head && t->head.size == head.size;
    if (known && t->confirmed && !t->head_file_old)
        return tlog_ok();
    if (!tlog_edge_root(&t->edge, t->hash, head.root))
        return broken(t, tlog_fail(TLOG_MEMORY, "no memory for a tree head"));
    if (!known)
        TLOG_TRY(sync_nodes(t));
    TLOG_TRY(sign(t, &head, note, &n));
    t->confirmed = true;
    if (!known)
        TLOG_TRY(write_history(t, note, n));
    t->head = head;
    t->have_head = true;
    return known && !t->head_file_old ? tlog_ok() : write_newest(t, note, n);
}
