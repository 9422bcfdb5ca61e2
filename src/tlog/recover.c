/*
 * What opening a log does: find the newest signed head, read the journal from the last point that `hashes` vouches for, compare the
 * tree with the head, cut off a torn end, and bring `hashes` and `offsets` up to the journal. Nothing is written before all fits.
 */
#include "tlog/parts.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define STORE_EVERY ((size_t)1 << 20) /* bytes of hashes to gather before writing them */

/* A pass over the journal from record ${edge.size} at byte ${end}; afterwards what is whole. */
struct pass {
    struct tlog_edge edge;
    uint64_t end;
};

static struct tlog_error
find_head(struct tlog *t, uint64_t *heads_end)
{
    struct tlog_head newest;
    bool there;
    TLOG_TRY(tlog_heads_last(t->heads, t->origin, t->key, &t->head, heads_end));
    TLOG_TRY(tlog_head_file(t->dir, t->origin, t->key, &newest, &there));
    t->have_head = *heads_end > 0;
    if (!t->have_head)
        t->head.size = 0;
    if (there && (!t->have_head || newest.size > t->head.size))
        return tlog_fail(TLOG_TAMPERED, "`checkpoint` is a signed head of size %llu that is missing from `heads`: verify the log",
                         (unsigned long long)newest.size);
    if (there && newest.size == t->head.size && memcmp(newest.root, t->head.root, TLOG_HASH) != 0)
        return tlog_fail(TLOG_TAMPERED, "`checkpoint` and `heads` hold two signed heads of size %llu that differ: verify the log",
                         (unsigned long long)newest.size);
    t->head_file_old = !there || newest.size != t->head.size;
    return tlog_ok();
}

static struct tlog_error
at_head(struct tlog *t, const struct pass *p)
{
    uint8_t root[TLOG_HASH];
    if (!t->have_head || p->edge.size != t->head.size)
        return tlog_ok();
    if (!tlog_edge_root(&p->edge, t->hash, root))
        return tlog_fail(TLOG_MEMORY, "no memory for opening the log");
    if (memcmp(root, t->head.root, TLOG_HASH) != 0)
        return tlog_fail(TLOG_TAMPERED, "the records are not those of the signed head of size %llu: verify the log to learn which one was changed",
                         (unsigned long long)t->head.size);
    return tlog_ok();
}

/* Behind the newest head only `hashes` can say what a record was: it is written when the record has reached the disk. */
static struct tlog_error
take(struct tlog *t, struct pass *p, const struct tlog_reader *r)
{
    uint8_t made[64][TLOG_HASH], stored[TLOG_HASH];
    size_t n;
    if (p->edge.size >= t->head.size && tlog_stored_read(t->hashes, 0, p->edge.size, stored) && memcmp(stored, r->leaf_hash, TLOG_HASH) != 0)
        return tlog_fail(TLOG_TAMPERED, "record %llu differs from its hash in `hashes`: if only that file is damaged, remove it to have it rebuilt",
                         (unsigned long long)p->edge.size);
    if (!tlog_edge_push(&p->edge, t->hash, r->leaf_hash, made, &n))
        return tlog_fail(TLOG_MEMORY, "no memory for opening the log");
    p->end = r->at;
    return at_head(t, p);
}

static struct tlog_error
at_end(struct tlog *t, const struct pass *p, enum tlog_found found)
{
    uint8_t stored[TLOG_HASH];
    unsigned long long n = p->edge.size, size = t->head.size;
    if (n < size && found == TLOG_END)
        return tlog_fail(TLOG_TAMPERED, "the journal ends after %llu records, but a head of size %llu is signed: records are missing", n, size);
    if (n < size)
        return tlog_fail(TLOG_TAMPERED, "record %llu of the journal is damaged, and a head of size %llu is signed: verify the log", n, size);
    if (tlog_stored_read(t->hashes, 0, n, stored))
        return tlog_fail(TLOG_TAMPERED,
                         "record %llu was on disk (`hashes` has it) but is %s: if only that file is damaged, remove it to have it rebuilt", n,
                         found == TLOG_END ? "missing" : "damaged");
    return tlog_ok();
}

static struct tlog_error
check_from(struct tlog *t, struct tlog_reader *r, struct pass *p)
{
    TLOG_TRY(at_head(t, p));
    for (;;) {
        enum tlog_found found = tlog_reader_next(r);
        if (found == TLOG_ERROR)
            return tlog_fail_io(r->number, "reading", "journal");
        if (found != TLOG_RECORD)
            return at_end(t, p, found);
        TLOG_TRY(take(t, p, r));
    }
}

/* The record before the starting point must be the one that `hashes` has, so that `offsets` cannot lead astray. */
static bool
start_quick(struct tlog *t, uint64_t base, struct tlog_reader *r)
{
    uint8_t stored[TLOG_HASH];
    uint64_t at, end;
    if (!tlog_offset_read(t->offsets, base - 1, &at) || !tlog_offset_read(t->offsets, base, &end) ||
        !tlog_stored_read(t->hashes, 0, base - 1, stored) || !tlog_reader_start(r, t->journal, at))
        return false;
    if (tlog_reader_next(r) == TLOG_RECORD && r->at == end && memcmp(stored, r->leaf_hash, TLOG_HASH) == 0)
        return true;
    tlog_reader_end(r);
    return false;
}

static struct tlog_error
check_quick(struct tlog *t, uint64_t base, struct pass *p)
{
    struct tlog_reader r;
    if (base == 0 || !tlog_edge_load(&p->edge, t->hashes, base) || !start_quick(t, base, &r))
        return tlog_fail(TLOG_FORMAT, "no point to start from");
    p->end = r.at;
    struct tlog_error e = check_from(t, &r, p);
    tlog_reader_end(&r);
    return e;
}

static struct tlog_error
check_all(struct tlog *t, struct pass *p)
{
    struct tlog_reader r;
    *p = (struct pass){0};
    if (!tlog_reader_start(&r, t->journal, 0))
        return tlog_fail(TLOG_MEMORY, "no memory for opening the log");
    struct tlog_error e = check_from(t, &r, p);
    tlog_reader_end(&r);
    return e;
}

static struct tlog_error
cut(int fd, uint64_t to, const char *name)
{
    if ((uint64_t)tlog_file_size(fd) > to && ftruncate(fd, (off_t)to) != 0)
        return tlog_fail_io(errno, "cutting the torn end of", name);
    return tlog_ok();
}

static struct tlog_error
store_from(struct tlog *t, struct tlog_reader *r, uint64_t size)
{
    while (t->edge.size < size) {
        if (tlog_reader_next(r) != TLOG_RECORD)
            return tlog_fail(TLOG_IO, "the journal changed while it was read: is another program writing it?");
        TLOG_TRY(tlog_take_leaf(t, r->leaf_hash, r->at));
        if (t->nodes.n >= STORE_EVERY)
            TLOG_TRY(tlog_write_nodes(t));
    }
    return tlog_write_nodes(t);
}

/* The rest of `hashes` and `offsets`, from record ${base} on. */
static struct tlog_error
store(struct tlog *t, uint64_t base, uint64_t size)
{
    struct tlog_reader r;
    TLOG_TRY(cut(t->hashes, tlog_stored_count(base) * TLOG_HASH, "hashes"));
    TLOG_TRY(cut(t->offsets, base * 8, "offsets"));
    if (!tlog_edge_load(&t->edge, t->hashes, base) || !tlog_offset_read(t->offsets, base, &t->end))
        return tlog_fail(TLOG_IO, "`hashes` changed while it was read: is another program writing it?");
    if (!tlog_reader_start(&r, t->journal, t->end))
        return tlog_fail(TLOG_MEMORY, "no memory for opening the log");
    struct tlog_error e = store_from(t, &r, size);
    tlog_reader_end(&r);
    return e;
}

static uint64_t
least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

struct tlog_error
tlog_recover(struct tlog *t)
{
    uint64_t heads_end;
    struct pass p;
    TLOG_TRY(find_head(t, &heads_end));
    uint64_t base =
        least(t->head.size, least(tlog_stored_leaves((uint64_t)tlog_file_size(t->hashes) / TLOG_HASH), (uint64_t)tlog_file_size(t->offsets) / 8));
    if (check_quick(t, base, &p).code != TLOG_OK) {
        base = 0;
        TLOG_TRY(check_all(t, &p));
    }
    t->recovered = (uint64_t)tlog_file_size(t->journal) - p.end;
    TLOG_TRY(cut(t->heads, heads_end, "heads"));
    TLOG_TRY(cut(t->journal, p.end, "journal"));
    int number = t->io.sync(t->io.ctx, t->journal); /* what was found counts as recorded from now on */
    if (number)
        return tlog_fail_io(number, "syncing", "journal");
    return store(t, base, p.edge.size);
}
