/* Proofs: checking them (pure functions) and making them from `hashes`. */
#include "tlog/parts.h"

#include <unistd.h>

/* RFC 9162 §2.1.3.2, in the form that knows the path's length beforehand: ${inner} nodes below the point where the way to the leaf
 * leaves the right edge, then one for each whole subtree to the left. */
bool
tlog_check_inclusion(uint64_t index, uint64_t size, const uint8_t leaf[TLOG_HASH], const uint8_t (*path)[TLOG_HASH], size_t n,
                     const uint8_t root[TLOG_HASH])
{
    if (index >= size)
        return false;
    uint64_t apart = index ^ (size - 1);
    unsigned inner = apart ? 64 - (unsigned)__builtin_clzll(apart) : 0;
    uint64_t left = inner < 64 ? index >> inner : 0;
    if (n != inner + (unsigned)__builtin_popcountll(left))
        return false;
    EVP_MD_CTX *c = tlog_hasher();
    uint8_t h[TLOG_HASH];
    bool ok = c != NULL;
    memcpy(h, leaf, TLOG_HASH);
    for (size_t k = 0; ok && k < n; k++)
        ok = k >= inner || index >> k & 1 ? tlog_hash_node(c, path[k], h, h) : tlog_hash_node(c, h, path[k], h);
    EVP_MD_CTX_free(c);
    return ok && memcmp(h, root, TLOG_HASH) == 0;
}

/* The steps of RFC 9162 §2.1.4.2 with its names: fr and sr grow into the old and the new root. */
static bool
consistent(EVP_MD_CTX *c, uint64_t fn, uint64_t sn, uint8_t fr[TLOG_HASH], const uint8_t (*path)[TLOG_HASH], size_t n, uint8_t sr[TLOG_HASH])
{
    for (; fn & 1; fn >>= 1)
        sn >>= 1;
    memcpy(sr, fr, TLOG_HASH);
    for (size_t i = 0; i < n; i++) {
        if (sn == 0)
            return false;
        if (fn & 1 || fn == sn) {
            if (!tlog_hash_node(c, path[i], fr, fr) || !tlog_hash_node(c, path[i], sr, sr))
                return false;
            for (; fn && !(fn & 1); fn >>= 1)
                sn >>= 1;
        } else if (!tlog_hash_node(c, sr, path[i], sr)) {
            return false;
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0;
}

bool
tlog_check_consistency(uint64_t old_size, const uint8_t old_root[TLOG_HASH], uint64_t size, const uint8_t root[TLOG_HASH],
                       const uint8_t (*path)[TLOG_HASH], size_t n)
{
    if (old_size > size)
        return false;
    if (old_size == size)
        return n == 0 && memcmp(old_root, root, TLOG_HASH) == 0;
    if (old_size == 0) { /* the empty tree is part of every tree */
        uint8_t empty[TLOG_HASH];
        return n == 0 && EVP_Digest("", 0, empty, NULL, EVP_sha256(), NULL) && memcmp(old_root, empty, TLOG_HASH) == 0;
    }
    if (n == 0)
        return false;
    bool whole = (old_size & (old_size - 1)) == 0; /* then the old root itself is the first node */
    uint8_t fr[TLOG_HASH], sr[TLOG_HASH];
    memcpy(fr, whole ? old_root : path[0], TLOG_HASH);
    EVP_MD_CTX *c = tlog_hasher();
    bool ok = c != NULL && consistent(c, old_size - 1, size - 1, fr, whole ? path : path + 1, whole ? n : n - 1, sr);
    EVP_MD_CTX_free(c);
    return ok && memcmp(fr, old_root, TLOG_HASH) == 0 && memcmp(sr, root, TLOG_HASH) == 0;
}

struct prover {
    int hashes;
    EVP_MD_CTX *hash;
    uint8_t (*path)[TLOG_HASH];
    size_t n;
};

static unsigned
log2_floor(uint64_t n)
{
    return 63 - (unsigned)__builtin_clzll(n);
}

/* The largest power of two below n (RFC 6962 §2.1); n > 1. */
static uint64_t
split(uint64_t n)
{
    return (uint64_t)1 << log2_floor(n - 1);
}

/* MTH(D[lo:hi]) for a range that comes from splitting: whole subtrees from left to right, folded from the right. */
static bool
put_range(struct prover *p, uint64_t lo, uint64_t hi)
{
    uint8_t part[64][TLOG_HASH];
    size_t n = 0;
    if (p->n == 64)
        return false;
    for (; lo < hi; n++) {
        unsigned level = log2_floor(hi - lo);
        if (!tlog_stored_read(p->hashes, level, lo >> level, part[n]))
            return false;
        lo += (uint64_t)1 << level;
    }
    for (; n > 1; n--)
        if (!tlog_hash_node(p->hash, part[n - 2], part[n - 1], part[n - 2]))
            return false;
    memcpy(p->path[p->n++], part[0], TLOG_HASH);
    return true;
}

/* RFC 6962 §2.1.1, from the root down. */
static bool
inclusion_down(struct prover *p, uint64_t index, uint64_t size)
{
    uint64_t lo = 0, hi = size;
    while (hi - lo > 1) {
        uint64_t middle = lo + split(hi - lo);
        bool ok = index < middle ? put_range(p, middle, hi) : put_range(p, lo, middle);
        if (!ok)
            return false;
        if (index < middle)
            hi = middle;
        else
            lo = middle;
    }
    return true;
}

/* RFC 6962 §2.1.2: down to the subtree where the old tree ends; that subtree itself comes first unless it is the whole old tree. */
static bool
consistency_down(struct prover *p, uint64_t old_size, uint64_t size)
{
    uint64_t lo = 0, hi = size;
    while (hi != old_size) {
        uint64_t middle = lo + split(hi - lo);
        bool ok = old_size <= middle ? put_range(p, middle, hi) : put_range(p, lo, middle);
        if (!ok)
            return false;
        if (old_size <= middle)
            hi = middle;
        else
            lo = middle;
    }
    return lo == 0 || put_range(p, lo, hi);
}

static void
turn(uint8_t (*path)[TLOG_HASH], size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        uint8_t h[TLOG_HASH];
        memcpy(h, path[i], TLOG_HASH);
        memcpy(path[i], path[n - 1 - i], TLOG_HASH);
        memcpy(path[n - 1 - i], h, TLOG_HASH);
    }
}

static struct tlog_error
prove(const char *dir, uint64_t from, uint64_t size, bool (*down)(struct prover *, uint64_t, uint64_t), uint8_t path[64][TLOG_HASH], size_t *n)
{
    struct prover p = {tlog_file(-1, dir, 0), tlog_hasher(), path, 0};
    int folder = p.hashes;
    p.hashes = folder < 0 ? -1 : tlog_file(folder, "hashes", 0);
    int64_t bytes = p.hashes < 0 ? 0 : tlog_file_size(p.hashes);
    uint64_t there = tlog_stored_leaves((uint64_t)bytes / TLOG_HASH);
    struct tlog_error e = tlog_ok();
    if (p.hash == NULL)
        e = tlog_fail(TLOG_MEMORY, "no memory for a proof");
    else if (size > there)
        e = tlog_fail(TLOG_LIMIT, "%s/hashes covers %llu records, not %llu: ask for a smaller tree", dir, (unsigned long long)there,
                      (unsigned long long)size);
    else if (!down(&p, from, size))
        e = tlog_fail(TLOG_TAMPERED, "%s/hashes has a gap: stop the writer, remove the file and open the log again to rebuild it", dir);
    turn(path, p.n);
    *n = p.n;
    EVP_MD_CTX_free(p.hash);
    if (p.hashes >= 0)
        close(p.hashes);
    if (folder >= 0)
        close(folder);
    return e;
}

struct tlog_error
tlog_prove_inclusion(const char *dir, uint64_t index, uint64_t size, uint8_t path[64][TLOG_HASH], size_t *n)
{
    *n = 0;
    if (index >= size)
        return tlog_fail(TLOG_LIMIT, "record %llu is not in a tree of %llu", (unsigned long long)index, (unsigned long long)size);
    return prove(dir, index, size, inclusion_down, path, n);
}

struct tlog_error
tlog_prove_consistency(const char *dir, uint64_t old_size, uint64_t size, uint8_t path[64][TLOG_HASH], size_t *n)
{
    *n = 0;
    if (old_size > size)
        return tlog_fail(TLOG_LIMIT, "a tree of %llu cannot be part of one of %llu", (unsigned long long)old_size, (unsigned long long)size);
    if (old_size == 0 || old_size == size)
        return tlog_ok();
    return prove(dir, old_size, size, consistency_down, path, n);
}
