/*
 * Checking a whole log from its bytes. The tree is computed from the journal once, in order; at the size of each signed head its root
 * is compared. Where a head does not fit, `hashes` narrows the damage down as far as its nodes hash up to that head's signed root:
 * what hashes up to it is what was signed, whoever wrote the file.
 */
#include "tlog/parts.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LEAVES_MAX ((size_t)1 << 20) /* leaf hashes kept since the last good head; past it a finding is a range */
#define MOVED_WITHIN 4096            /* how far to look for the place a record came from */
#define ULL(x) ((unsigned long long)(x))

struct check {
    const char *origin;
    const uint8_t *key;
    struct tlog_report *out;
    int dir, journal, heads, hashes;
    uint64_t stored; /* records that `hashes` covered when the check began */
    struct tlog_reader reader;
    struct tlog_edge edge;       /* of the journal so far */
    enum tlog_found found;       /* why the journal went no further */
    struct tlog_pile leaves;     /* leaf hashes of the journal since ${good} */
    bool too_many;               /* … not all of them */
    uint64_t good;               /* size of the newest head that fits */
    bool misfit;                 /* a head did not fit, and none fitted since */
    uint64_t misfit_size, misfit_number;
    bool missing;                /* the finding is that the journal ends too early */
    bool have_last;
    struct tlog_head last;       /* head before this one in `heads` */
    bool have_newest, newest_seen;
    struct tlog_head newest;     /* from `checkpoint` */
    bool differs;                /* a node in `hashes` is not the journal's */
    uint64_t differs_at;
};

static void finding(struct check *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The first finding stands. */
static void
finding(struct check *c, const char *fmt, ...)
{
    va_list args;
    if (!c->out->ok)
        return;
    va_start(args, fmt);
    vsnprintf(c->out->text, sizeof c->out->text, fmt, args);
    va_end(args);
    c->out->ok = false;
}

static void
name_records(struct check *c, uint64_t first, uint64_t last)
{
    if (!c->out->ok)
        return;
    c->out->have_record = true;
    c->out->record = first;
    c->out->record_last = last;
}

static const uint8_t *
kept_leaf(const struct check *c, uint64_t index)
{
    return !c->too_many && index >= c->good && index < c->edge.size ? c->leaves.at + (index - c->good) * TLOG_HASH : NULL;
}

static void
compare_stored(struct check *c, uint64_t index, uint8_t made[64][TLOG_HASH], size_t n)
{
    static const uint8_t hole[TLOG_HASH];
    uint8_t stored[64][TLOG_HASH];
    if (c->differs || index >= c->stored)
        return;
    ssize_t got = tlog_pread(c->hashes, stored, n * TLOG_HASH, tlog_stored_index(0, index) * TLOG_HASH);
    for (size_t i = 0; got == (ssize_t)(n * TLOG_HASH) && i < n; i++) {
        if (memcmp(stored[i], made[i], TLOG_HASH) == 0 || memcmp(stored[i], hole, TLOG_HASH) == 0)
            continue;
        c->differs = true;
        c->differs_at = index;
    }
}

/* One more record of the journal; false when there is none to take. */
static bool
step(struct check *c)
{
    uint8_t made[64][TLOG_HASH];
    size_t n;
    if (c->found == TLOG_RECORD)
        c->found = tlog_reader_next(&c->reader);
    if (c->found != TLOG_RECORD)
        return false;
    uint64_t index = c->edge.size;
    if (!tlog_edge_push(&c->edge, c->reader.hash, c->reader.leaf_hash, made, &n)) {
        c->found = TLOG_ERROR;
        c->reader.number = ENOMEM;
        return false;
    }
    if (c->leaves.n >= LEAVES_MAX * TLOG_HASH || !tlog_pile_put(&c->leaves, made[0], TLOG_HASH))
        c->too_many = true;
    compare_stored(c, index, made, n);
    return true;
}

/* MTH of journal records lo … lo + 2^level - 1, from the kept leaf hashes; false when the journal does not reach so far. */
static bool
journal_subtree(struct check *c, uint64_t lo, unsigned level, uint8_t out[TLOG_HASH])
{
    struct tlog_edge e = {0};
    uint8_t made[64][TLOG_HASH];
    size_t n;
    uint64_t count = (uint64_t)1 << level;
    for (uint64_t i = 0; i < count; i++) {
        const uint8_t *leaf = kept_leaf(c, lo + i);
        if (leaf == NULL || !tlog_edge_push(&e, c->reader.hash, leaf, made, &n))
            return false;
    }
    return tlog_edge_root(&e, c->reader.hash, out);
}

enum narrowed { SAME, FOUND, UNKNOWN };

/*
 * Node ${n} of ${level} is authentic with hash ${hash}: which records below it does the journal not have as signed? The leftmost place, as
 * narrow as the nodes in `hashes` prove themselves by hashing up to it. Depth is at most ${level}.
 */
static enum narrowed
narrow(struct check *c, unsigned level, uint64_t n, const uint8_t hash[TLOG_HASH], uint64_t *first, uint64_t *last)
{
    uint8_t mine[TLOG_HASH], left[TLOG_HASH], right[TLOG_HASH];
    uint64_t lo = n << level, hi = (n + 1) << level;
    if (hi <= c->good)
        return SAME; /* a head that fits covers it */
    if (lo >= c->good && journal_subtree(c, lo, level, mine) && memcmp(mine, hash, TLOG_HASH) == 0)
        return SAME;
    *first = lo;
    *last = hi - 1;
    if (level == 0)
        return FOUND;
    bool known = tlog_stored_read(c->hashes, level - 1, 2 * n, left) && tlog_stored_read(c->hashes, level - 1, 2 * n + 1, right) &&
                 tlog_hash_node(c->reader.hash, left, right, mine) && memcmp(mine, hash, TLOG_HASH) == 0;
    if (!known)
        return lo >= c->good ? FOUND : UNKNOWN;
    enum narrowed r = narrow(c, level - 1, 2 * n, left, first, last);
    return r == SAME ? narrow(c, level - 1, 2 * n + 1, right, first, last) : r;
}

/* The subtrees that make up the signed tree, from left to right, when those in `hashes` fold to the signed root. */
static bool
narrow_tree(struct check *c, const struct tlog_head *h, uint64_t *first, uint64_t *last)
{
    struct tlog_edge e;
    uint8_t root[TLOG_HASH];
    if (c->too_many || h->size > c->stored || !tlog_edge_load(&e, c->hashes, h->size) || !tlog_edge_root(&e, c->reader.hash, root) ||
        memcmp(root, h->root, TLOG_HASH) != 0)
        return false;
    for (unsigned level = 63; level-- > 0;) {
        if (!(h->size >> level & 1))
            continue;
        enum narrowed r = narrow(c, level, (h->size >> level) - 1, e.at[level], first, last);
        if (r != SAME)
            return r == FOUND;
    }
    return false;
}

/* Does what stands at ${index} stem from a later place? Then records before it were taken out, or the order was changed. */
static bool
moved_from(struct check *c, uint64_t index, uint64_t *from)
{
    uint8_t stored[TLOG_HASH];
    const uint8_t *leaf = kept_leaf(c, index);
    for (uint64_t j = index + 1; leaf != NULL && j < c->stored && j <= index + MOVED_WITHIN; j++) {
        if (!tlog_stored_read(c->hashes, 0, j, stored) || memcmp(stored, leaf, TLOG_HASH) != 0)
            continue;
        *from = j;
        return true;
    }
    return false;
}

static void
say_one(struct check *c, uint64_t record, uint64_t size)
{
    uint64_t from;
    name_records(c, record, record);
    if (record >= c->edge.size)
        finding(c, "record %llu is damaged: the length or the check in its frame does not fit its bytes (signed head of size %llu covers it)",
                ULL(record), ULL(size));
    else if (moved_from(c, record, &from))
        finding(
            c,
            "record %llu is not what was signed in the head of size %llu: in its place stands what was record %llu, so records were removed or moved",
            ULL(record), ULL(size), ULL(from));
    else
        finding(c, "record %llu is not what was signed in the head of size %llu: it was changed", ULL(record), ULL(size));
}

static void
say_missing(struct check *c, uint64_t size)
{
    c->missing = c->out->ok = true;
    name_records(c, c->edge.size, size - 1);
    finding(c, "records %llu to %llu are missing: the journal ends after %llu, and a head of size %llu is signed", ULL(c->edge.size), ULL(size - 1),
            ULL(c->edge.size), ULL(size));
}

/* The first records that do not fit the signed head, told as exactly as can be proven. */
static void
say_misfit(struct check *c, const struct tlog_head *h)
{
    uint64_t first = c->good, last = h->size - 1, n = c->edge.size;
    bool exact = narrow_tree(c, h, &first, &last);
    bool missing = n < h->size && (c->found == TLOG_END || c->found == TLOG_SHORT);
    if (missing && first >= n) {
        say_missing(c, h->size);
    } else if (exact && first == last) {
        say_one(c, first, h->size);
    } else {
        first = exact ? first : c->good;
        last = exact ? last : h->size - 1;
        name_records(c, first, last);
        finding(c, "among records %llu to %llu something was changed, removed or moved: they do not fit the signed head of size %llu%s", ULL(first),
                ULL(last), ULL(h->size), missing ? ", and the journal ends before it" : "");
    }
}

static void
fits(struct check *c, const struct tlog_head *h)
{
    c->good = h->size;
    c->leaves.n = 0;
    c->too_many = false;
    if (!c->misfit)
        return;
    /* A later head vouches for the same records, so it was the head before that is not of this tree. */
    *c->out = (struct tlog_report){.ok = true, .heads = c->out->heads, .signed_size = c->out->signed_size};
    finding(
        c, "head %llu in `heads` (size %llu) is signed but is not of this tree: the later head of size %llu does not extend it, and fits the records",
        ULL(c->misfit_number), ULL(c->misfit_size), ULL(h->size));
    c->misfit = false;
}

/* Bring the tree of the journal to the size of a signed head and compare. */
static void
compare_head(struct check *c, const struct tlog_head *h)
{
    uint8_t root[TLOG_HASH];
    while (c->edge.size < h->size && step(c))
        continue;
    bool same = c->edge.size == h->size && tlog_edge_root(&c->edge, c->reader.hash, root) && memcmp(root, h->root, TLOG_HASH) == 0;
    if (c->found == TLOG_ERROR)
        return;
    if (same && (c->out->ok || c->misfit)) {
        fits(c, h);
    } else if (c->missing && h->size > c->misfit_size) {
        say_missing(c, h->size);
    } else if (!same && c->out->ok) {
        say_misfit(c, h);
        c->misfit = true;
        c->misfit_size = h->size;
        c->misfit_number = c->out->heads;
    }
}

/* One signed head of the history: its signature, its place, then its tree. */
static void
take_head(struct check *c, const char *note, size_t n)
{
    struct tlog_head h;
    uint64_t number = ++c->out->heads;
    struct tlog_error e = tlog_note_check(note, n, c->origin, c->key, &h.size, h.root);
    if (e.code != TLOG_OK) {
        finding(c, "head %llu in `heads` is %s: %s", ULL(number), e.code == TLOG_SIGNER ? "forged" : "damaged", e.text);
        return;
    }
    if (c->have_last && h.size <= c->last.size) {
        finding(c, "head %llu in `heads` (size %llu) stands behind one of size %llu: heads were moved or put in twice", ULL(number), ULL(h.size),
                ULL(c->last.size));
        return;
    }
    if (c->have_newest && c->newest.size == h.size) {
        c->newest_seen = true;
        if (memcmp(c->newest.root, h.root, TLOG_HASH) != 0)
            finding(c, "`checkpoint` and head %llu in `heads` are both signed for size %llu, with different roots", ULL(number), ULL(h.size));
    }
    c->last = h;
    c->have_last = true;
    c->out->signed_size = h.size;
    compare_head(c, &h);
}

/* ${bytes}: how long `heads` was when the check began. A last note that is not whole is one whose writing was cut short. */
static struct tlog_error
take_heads(struct check *c, uint64_t bytes)
{
    char text[TLOG_NOTE_MAX];
    for (uint64_t at = 0; at < bytes;) {
        ssize_t n = tlog_pread(c->heads, text, sizeof text, at);
        if (n < 0)
            return tlog_fail_io(errno, "reading", "heads");
        size_t length = tlog_note_length(text, (size_t)n);
        if (length == 0) {
            if ((size_t)n == sizeof text)
                finding(c, "`heads` holds bytes that are no tree head behind head %llu", ULL(c->out->heads));
            break;
        }
        take_head(c, text, length);
        at += length;
    }
    return tlog_ok();
}

/* `checkpoint` is written after `heads`, so it must be in it. */
static void
take_newest(struct check *c)
{
    uint64_t size = c->newest.size;
    if (!c->have_newest || c->newest_seen)
        return;
    if (!c->have_last || size > c->last.size)
        compare_head(c, &c->newest);
    if (c->have_last && size <= c->last.size)
        finding(c, "`checkpoint` (size %llu) is signed but missing from `heads`: heads were removed", ULL(size));
    else
        finding(c, "`heads` ends at size %llu, but `checkpoint` is signed for size %llu: the last heads were removed",
                ULL(c->have_last ? c->last.size : 0), ULL(size));
    if (size > c->out->signed_size)
        c->out->signed_size = size;
}

/* Behind the newest head, and where `hashes` and journal differ though the heads fit. */
static void
take_rest(struct check *c)
{
    uint8_t stored[TLOG_HASH];
    while (step(c))
        continue;
    uint64_t n = c->edge.size;
    c->out->records = n;
    if (!c->have_last && n > 0)
        finding(c, "there are %llu records and no signed head: nothing vouches for them", ULL(n));
    if (c->differs) {
        name_records(c, c->differs_at, c->differs_at);
        if (c->differs_at < c->good)
            finding(c, "`hashes` is wrong at record %llu; the record itself is as signed. Remove `hashes` and start the writer to rebuild it",
                    ULL(c->differs_at));
        else
            finding(c, "record %llu does not fit its hash in `hashes`: one of them was changed, and no signed head covers it", ULL(c->differs_at));
    }
    if (n < c->stored && tlog_stored_read(c->hashes, 0, n, stored)) {
        name_records(c, n, c->found == TLOG_END ? c->stored - 1 : n);
        finding(c,
                c->found == TLOG_BAD
                    ? "record %llu is damaged; `hashes` shows that it was on disk, though no signed head covers it"
                    : "record %llu and what followed are missing; `hashes` shows that it was on disk, though no signed head covers it",
                ULL(n));
    }
}

static void
say_good(struct check *c)
{
    struct tlog_report *out = c->out;
    uint64_t torn = (uint64_t)tlog_file_size(c->journal) - c->reader.at;
    int n = snprintf(out->text, sizeof out->text, "%llu records fit; %llu signed heads, the newest of size %llu", ULL(out->records), ULL(out->heads),
                     ULL(out->signed_size));
    if (c->found != TLOG_END && torn && (size_t)n < sizeof out->text)
        snprintf(out->text + n, sizeof out->text - (size_t)n, "; %llu bytes of an unfinished write follow", ULL(torn));
}

static struct tlog_error
check_folder(struct check *c)
{
    /* Each file is written before the one that is looked at before it, so that a writer at work makes no false alarm. */
    struct tlog_error e = tlog_head_file(c->dir, c->origin, c->key, &c->newest, &c->have_newest);
    if (e.code == TLOG_TAMPERED)
        finding(c, "%s", e.text);
    else if (e.code != TLOG_OK)
        return e;
    c->heads = tlog_file(c->dir, "heads", 0);
    uint64_t bytes = (uint64_t)tlog_file_size(c->heads);
    c->hashes = tlog_file(c->dir, "hashes", 0);
    c->stored = tlog_stored_leaves((uint64_t)tlog_file_size(c->hashes) / TLOG_HASH);
    c->journal = tlog_file(c->dir, "journal", 0);
    if (c->journal < 0 && errno != ENOENT)
        return tlog_fail_io(errno, "opening", "journal");
    if (!tlog_reader_start(&c->reader, c->journal, 0))
        return tlog_fail(TLOG_MEMORY, "no memory for verifying the log");
    c->found = c->journal < 0 ? TLOG_END : TLOG_RECORD;
    TLOG_TRY(take_heads(c, bytes));
    take_newest(c);
    take_rest(c);
    if (c->found == TLOG_ERROR)
        return tlog_fail_io(c->reader.number, "reading", "journal");
    if (c->out->ok)
        say_good(c);
    return tlog_ok();
}

struct tlog_error
tlog_verify(const char *dir, const char *origin, const uint8_t public_key[32], struct tlog_report *out)
{
    *out = (struct tlog_report){.ok = true};
    TLOG_TRY(tlog_origin_check(origin));
    struct check *c = calloc(1, sizeof *c);
    if (c == NULL)
        return tlog_fail(TLOG_MEMORY, "no memory for verifying the log");
    *c = (struct check){.origin = origin, .key = public_key, .out = out, .journal = -1, .heads = -1, .hashes = -1};
    c->dir = tlog_file(-1, dir, 0);
    struct tlog_error e = c->dir < 0 ? tlog_fail_io(errno, "opening the log folder", dir) : check_folder(c);
    int fds[] = {c->dir, c->journal, c->heads, c->hashes};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    tlog_reader_end(&c->reader);
    free(c->leaves.at);
    free(c);
    if (e.code != TLOG_OK)
        out->ok = false;
    return e;
}
