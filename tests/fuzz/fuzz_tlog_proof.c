/* Proofs from outside, for small trees computed here: a path is accepted only if it is the one true path, and for the true leaf. */
#include <stdlib.h>
#include <string.h>
#include <writ/tlog.h>

#define LEAVES 40

static uint8_t leaves[LEAVES][TLOG_HASH], roots[LEAVES + 1][TLOG_HASH];

static void
range_root(uint64_t lo, uint64_t hi, uint8_t out[TLOG_HASH])
{
    uint8_t left[TLOG_HASH], right[TLOG_HASH];
    uint64_t k = 1;
    if (hi - lo == 1) {
        memcpy(out, leaves[lo], TLOG_HASH);
        return;
    }
    while (k * 2 < hi - lo)
        k *= 2;
    range_root(lo, lo + k, left);
    range_root(lo + k, hi, right);
    tlog_node_hash(left, right, out);
}

static void
start(void)
{
    for (uint8_t i = 0; i < LEAVES; i++)
        tlog_leaf_hash(&i, 1, leaves[i]);
    for (uint64_t n = 1; n <= LEAVES; n++)
        range_root(0, n, roots[n]);
}

/* RFC 6962 §2.1.1, recursively, leaf first. */
static size_t
true_path(uint64_t index, uint64_t lo, uint64_t hi, uint8_t (*path)[TLOG_HASH])
{
    uint64_t k = 1;
    if (hi - lo == 1)
        return 0;
    while (k * 2 < hi - lo)
        k *= 2;
    bool left = index < lo + k;
    size_t n = left ? true_path(index, lo, lo + k, path) : true_path(index, lo + k, hi, path);
    range_root(left ? lo + k : lo, left ? hi : lo + k, path[n]);
    return n + 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t path[64][TLOG_HASH], right[64][TLOG_HASH];
    const uint8_t(*p)[TLOG_HASH] = (const uint8_t(*)[TLOG_HASH])path;
    if (size < 5)
        return 0;
    if (roots[1][0] == 0 && roots[1][1] == 0)
        start();
    uint64_t n = 1 + data[0] % LEAVES, index = data[1] % n, other = data[2] % LEAVES;
    size_t count = true_path(index, 0, n, right), given = data[3] % 64;
    for (size_t i = 0; i < 64; i++) /* the true path, with what the input says in some places */
        memcpy(path[i], i < count ? right[i] : leaves[i % LEAVES], TLOG_HASH);
    for (size_t i = 5; i + 1 < size; i += 2)
        path[data[i] / 4 % 64][data[i] % TLOG_HASH] ^= data[i + 1];
    bool same = given == count && memcmp(path, right, count * TLOG_HASH) == 0;
    bool ok = tlog_check_inclusion(index, n, leaves[other], p, given, roots[n]);
    if (ok != (same && other == index))
        abort();
    /* Any sizes and paths at all: never accepted as an extension of a tree with another root. */
    uint64_t old_size, new_size;
    uint8_t sizes[16] = {0};
    memcpy(sizes, data, size < 16 ? size : 16);
    memcpy(&old_size, sizes, 8);
    memcpy(&new_size, sizes + 8, 8);
    if (old_size > 0 && tlog_check_consistency(old_size, roots[1], new_size, roots[2], p, given) && !(old_size == 1 && new_size == 2))
        abort();
    tlog_check_inclusion(old_size, new_size, leaves[0], p, given, roots[1]);
    return 0;
}
