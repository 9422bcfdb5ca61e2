/* Hashes of leaves and nodes, the right edge of a growing tree, and the order in which hashes are stored. */
#include "tlog/parts.h"

#include <stdlib.h>

EVP_MD_CTX *
tlog_hasher(void)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    if (c != NULL && !EVP_DigestInit_ex(c, EVP_sha256(), NULL)) {
        EVP_MD_CTX_free(c);
        return NULL;
    }
    return c;
}

static bool
hash_two(EVP_MD_CTX *c, uint8_t prefix, const void *a, size_t na, const void *b, size_t nb, uint8_t out[TLOG_HASH])
{
    return EVP_DigestInit_ex(c, NULL, NULL) && EVP_DigestUpdate(c, &prefix, 1) && EVP_DigestUpdate(c, a, na) && EVP_DigestUpdate(c, b, nb) &&
           EVP_DigestFinal_ex(c, out, NULL);
}

/* RFC 6962 §2.1: the prefixes keep a leaf from being passed off as a node. */
bool
tlog_hash_leaf(EVP_MD_CTX *c, const void *leaf, size_t n, uint8_t out[TLOG_HASH])
{
    return hash_two(c, 0, leaf, n, "", 0, out);
}

bool
tlog_hash_node(EVP_MD_CTX *c, const uint8_t left[TLOG_HASH], const uint8_t right[TLOG_HASH], uint8_t out[TLOG_HASH])
{
    uint8_t both[1 + 2 * TLOG_HASH] = {1};
    memcpy(both + 1, left, TLOG_HASH);
    memcpy(both + 1 + TLOG_HASH, right, TLOG_HASH);
    return EVP_DigestInit_ex(c, NULL, NULL) && EVP_DigestUpdate(c, both, sizeof both) && EVP_DigestFinal_ex(c, out, NULL);
}

/* Out of memory cannot be told here: zeros fit nothing, so every comparison fails closed. */
void
tlog_leaf_hash(const void *leaf, size_t n, uint8_t out[TLOG_HASH])
{
    EVP_MD_CTX *c = tlog_hasher();
    if (c == NULL || !tlog_hash_leaf(c, leaf, n, out))
        memset(out, 0, TLOG_HASH);
    EVP_MD_CTX_free(c);
}

void
tlog_node_hash(const uint8_t left[TLOG_HASH], const uint8_t right[TLOG_HASH], uint8_t out[TLOG_HASH])
{
    EVP_MD_CTX *c = tlog_hasher();
    if (c == NULL || !tlog_hash_node(c, left, right, out))
        memset(out, 0, TLOG_HASH);
    EVP_MD_CTX_free(c);
}

bool
tlog_edge_push(struct tlog_edge *e, EVP_MD_CTX *c, const uint8_t leaf[TLOG_HASH], uint8_t made[64][TLOG_HASH], size_t *n)
{
    unsigned level = 0;
    memcpy(made[0], leaf, TLOG_HASH);
    for (; e->size >> level & 1; level++)
        if (level == 62 || !tlog_hash_node(c, e->at[level], made[level], made[level + 1]))
            return false;
    memcpy(e->at[level], made[level], TLOG_HASH);
    e->size++;
    *n = level + 1;
    return true;
}

bool
tlog_edge_root(const struct tlog_edge *e, EVP_MD_CTX *c, uint8_t out[TLOG_HASH])
{
    bool first = true;
    if (e->size == 0)
        return EVP_DigestInit_ex(c, NULL, NULL) && EVP_DigestFinal_ex(c, out, NULL);
    for (unsigned level = 0; level < 64; level++) {
        if (!(e->size >> level & 1))
            continue;
        if (first)
            memcpy(out, e->at[level], TLOG_HASH);
        else if (!tlog_hash_node(c, e->at[level], out, out))
            return false;
        first = false;
    }
    return true;
}

/* n + n/2 + n/4 + … = 2n - (ones of n). */
uint64_t
tlog_stored_count(uint64_t n)
{
    return 2 * n - (uint64_t)__builtin_popcountll(n);
}

/* Node n of a level is completed by leaf (n+1)·2^level - 1 and stands behind that leaf's hash and the nodes below it. */
uint64_t
tlog_stored_index(unsigned level, uint64_t n)
{
    return tlog_stored_count(((n + 1) << level) - 1) + level;
}

uint64_t
tlog_stored_leaves(uint64_t entries)
{
    uint64_t n = entries / 2;
    while (tlog_stored_count(n + 1) <= entries)
        n++;
    return n;
}

bool
tlog_stored_read(int fd, unsigned level, uint64_t n, uint8_t out[TLOG_HASH])
{
    static const uint8_t hole[TLOG_HASH];
    if (fd < 0 || tlog_pread(fd, out, TLOG_HASH, tlog_stored_index(level, n) * TLOG_HASH) != TLOG_HASH)
        return false;
    return memcmp(out, hole, TLOG_HASH) != 0;
}

bool
tlog_edge_load(struct tlog_edge *e, int fd, uint64_t size)
{
    e->size = size;
    for (unsigned level = 0; level < 63; level++)
        if (size >> level & 1 && !tlog_stored_read(fd, level, (size >> level) - 1, e->at[level]))
            return false;
    return true;
}
