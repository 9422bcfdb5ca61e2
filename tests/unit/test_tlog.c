/* The Merkle log: hashing against RFC 6962's vectors, proofs against brute force, notes, growing and reading a log. */
#include "test_tlog.h"

/* Brute force. */
static void
brute_root(uint8_t (*leaves)[32], uint64_t n, uint8_t out[32])
{
    if (n == 0)
        EVP_Digest("", 0, out, NULL, EVP_sha256(), NULL);
    if (n == 1)
        memcpy(out, leaves[0], 32);
    if (n < 2)
        return;
    uint64_t k = 1;
    while (k * 2 < n)
        k *= 2;
    uint8_t left[32], right[32];
    brute_root(leaves, k, left);
    brute_root(leaves + k, n - k, right);
    tlog_node_hash(left, right, out);
}

static void
hex(const uint8_t h[32], char out[65])
{
    for (int i = 0; i < 32; i++)
        sprintf(out + 2 * i, "%02x", h[i]);
}

static void
test_rfc6962_vectors(void **state)
{
    (void)state;
    static const struct {
        const char *leaf;
        size_t n;
        const char *start, *end;
    } vectors[] = {
        {"", 0, "6e340b9c", "afa01d"},
        {"\x00", 1, "fac54203", "c125"},
        {"\x10", 1, "aeb6bcfe", "6e77"},
        {"\x20\x21", 2, "d37ee418", "14b7"},
        {"\x30\x31", 2, "4e3bbb1f", "64d4"},
        {"\x40\x41\x42\x43", 4, "76e67dad", "87ef"},
        {"\x50\x51\x52\x53\x54\x55\x56\x57", 8, "ddb89be4", "c8c"},
        {"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f", 16, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
         ""},
    };
    uint8_t leaves[8][32], root[32];
    for (unsigned i = 0; i < 8; i++) {
        char text[65];
        tlog_leaf_hash(vectors[i].leaf, vectors[i].n, leaves[i]);
        brute_root(leaves, i + 1, root);
        hex(root, text);
        assert_memory_equal(text, vectors[i].start, strlen(vectors[i].start));
        assert_string_equal(text + 64 - strlen(vectors[i].end), vectors[i].end);
    }
}

/* Every proof for every tree of up to 80 leaves holds; with one bit changed, or for another place, none does. */
static void
test_proofs_against_brute_force(void **state)
{
    (void)state;
    enum { N = 80 };
    static uint8_t leaves[N][32], roots[N + 1][32];
    make_log(N, N);
    for (unsigned i = 0; i < N; i++) {
        char leaf[64];
        tlog_leaf_hash(leaf, leaf_text(i, leaf), leaves[i]);
    }
    for (unsigned n = 0; n <= N; n++)
        brute_root(leaves, n, roots[n]);
    for (unsigned n = 1; n <= N; n++)
        for (unsigned i = 0; i <= n; i++) {
            uint8_t path[64][32];
            const uint8_t(*p)[32] = (const uint8_t(*)[32])path;
            size_t count;
            if (i < n) {
                assert_int_equal(tlog_prove_inclusion(folder, i, n, path, &count).code, TLOG_OK);
                assert_true(tlog_check_inclusion(i, n, leaves[i], p, count, roots[n]));
                assert_false(tlog_check_inclusion(i, n, leaves[(i + 1) % N], p, count, roots[n]));
                assert_false(tlog_check_inclusion(i, n, leaves[i], p, count + 1, roots[n]));
                if (count) {
                    path[i % count][7] ^= 4;
                    assert_false(tlog_check_inclusion(i, n, leaves[i], p, count, roots[n]));
                    assert_false(tlog_check_inclusion(i, n, leaves[i], p, count - 1, roots[n]));
                }
            }
            assert_int_equal(tlog_prove_consistency(folder, i, n, path, &count).code, TLOG_OK);
            assert_true(tlog_check_consistency(i, roots[i], n, roots[n], p, count));
            assert_false(tlog_check_consistency(i, roots[(i + 1) % N], n, roots[n], p, count));
            if (i) /* the empty tree is part of every tree */
                assert_false(tlog_check_consistency(i, roots[i], n, roots[n - 1], p, count));
            if (count) {
                assert_false(tlog_check_consistency(i, roots[i], n, roots[n], p, count - 1));
                path[i % count][0] ^= 1;
                assert_false(tlog_check_consistency(i, roots[i], n, roots[n], p, count));
            }
        }
}

static void
test_proofs_are_bounded(void **state)
{
    (void)state;
    uint8_t path[64][32];
    size_t n;
    make_log(5, 5);
    assert_int_equal(tlog_prove_inclusion(folder, 5, 5, path, &n).code, TLOG_LIMIT);
    assert_int_equal(tlog_prove_inclusion(folder, 0, 6, path, &n).code, TLOG_LIMIT);
    assert_int_equal(tlog_prove_inclusion(folder, 0, UINT64_MAX, path, &n).code, TLOG_LIMIT);
    assert_int_equal(tlog_prove_consistency(folder, 6, 5, path, &n).code, TLOG_LIMIT);
    assert_int_equal(tlog_prove_consistency(folder, 1, (uint64_t)1 << 63, path, &n).code, TLOG_LIMIT);
    assert_false(tlog_check_inclusion(0, 0, path[0], NULL, 0, path[0]));
    assert_false(tlog_check_inclusion(UINT64_MAX - 1, UINT64_MAX, path[0], NULL, 0, path[0]));
    assert_false(tlog_check_consistency(UINT64_MAX, path[0], UINT64_MAX - 1, path[0], NULL, 0));
}

/* a note of ours with everything that can be wrong in it. */
static void
test_note(void **state)
{
    (void)state;
    uint8_t root[32], sig[64], back[32];
    char note[1024], bad[2048];
    uint64_t size;
    memset(root, 0x5a, sizeof root);
    sign_with(&own, ORIGIN, 20852163, root, sig);
    size_t n = tlog_note(ORIGIN, 20852163, root, sig, own.public_key, note, sizeof note);
    assert_true(n > 0);
    assert_memory_equal(note, ORIGIN "\n20852163\nWlpaWlpa", strlen(ORIGIN) + 18);
    assert_int_equal(tlog_note_check(note, n, ORIGIN, own.public_key, &size, back).code, TLOG_OK);
    assert_int_equal(size, 20852163);
    assert_memory_equal(back, root, 32);
    assert_int_equal(tlog_note(ORIGIN, 20852163, root, sig, own.public_key, note, n), 0);
    assert_int_equal(tlog_note(ORIGIN, 20852163, root, sig, own.public_key, note, sizeof note), n);

    assert_int_equal(tlog_note_check(note, n, ORIGIN, other.public_key, &size, back).code, TLOG_SIGNER);
    assert_int_equal(tlog_note_check(note, n, "writ.example/lag", own.public_key, &size, back).code, TLOG_FORMAT);
    for (size_t i = 0; i < n; i++) { /* no byte of it can change, and none be missing */
        memcpy(bad, note, n);
        bad[i] ^= 1;
        assert_int_not_equal(tlog_note_check(bad, n, ORIGIN, own.public_key, &size, back).code, TLOG_OK);
        assert_int_not_equal(tlog_note_check(note, i, ORIGIN, own.public_key, &size, back).code, TLOG_OK);
    }
    /* a witness's signature beside ours is fine; one in our name that fails is not */
    size_t m = (size_t)snprintf(bad, sizeof bad, "%s\xe2\x80\x94 witness.example AAAAAAAA\n", note);
    assert_int_equal(tlog_note_check(bad, m, ORIGIN, own.public_key, &size, back).code, TLOG_OK);
    sign_with(&own, ORIGIN, 7, root, sig);
    char second[1024];
    tlog_note(ORIGIN, 20852163, root, sig, own.public_key, second, sizeof second);
    m = (size_t)snprintf(bad, sizeof bad, "%s%s", note, strstr(second, "\n\n") + 2);
    assert_int_equal(tlog_note_check(bad, m, ORIGIN, own.public_key, &size, back).code, TLOG_SIGNER);
}

/* Computed apart from this code: SHA-256(name, newline, 1, key) begins with the id. */
static void
test_vkey(void **state)
{
    (void)state;
    char text[256], small[20];
    assert_true(tlog_vkey(ORIGIN, own.public_key, text, sizeof text) > 0);
    assert_string_equal(text, "writ.example/log+7b415bdf+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c");
    assert_int_equal(tlog_vkey(ORIGIN, own.public_key, small, sizeof small), 0);
}

static void
test_origin_rules(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "two words", "a+b", "line\nbreak", "42", "h\xc3\xb6he"};
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct tlog *t;
        assert_int_equal(tlog_open(folder, bad[i], own.public_key, &io, &t).code, TLOG_FORMAT);
    }
}

static void
test_append_and_reopen(void **state)
{
    (void)state;
    struct tlog *t = open_log();
    uint64_t index;
    static uint8_t big[TLOG_LEAF_MAX + 1];
    assert_int_equal(tlog_append(t, big, sizeof big, &index).code, TLOG_LIMIT);
    assert_int_equal(tlog_append(t, big, TLOG_LEAF_MAX, &index).code, TLOG_OK);
    assert_int_equal(tlog_append(t, "", 0, &index).code, TLOG_OK);
    assert_int_equal(index, 1);
    assert_int_equal(tlog_checkpoint(t).code, TLOG_OK);
    append(t, 3);
    assert_int_equal(tlog_flush(t, false).code, TLOG_OK);
    tlog_close(t);
    t = open_log();
    assert_int_equal(tlog_size(t), 5);
    assert_int_equal(tlog_recovered(t), 0);
    append(t, 1);
    assert_int_equal(tlog_checkpoint(t).code, TLOG_OK);
    tlog_close(t);
    expect_good(6);
}

/* A log grown in any pieces has the same files as one written in one go. */
static void
test_pieces_make_the_same_files(void **state)
{
    (void)state;
    make_log(37, 37);
    struct file *journal = load("journal"), *hashes = load("hashes"), *offsets = load("offsets");
    remove_folder(folder);
    for (unsigned i = 0; i < 37; i++) {
        struct tlog *t = open_log();
        append(t, 1);
        assert_int_equal(i % 5 ? tlog_flush(t, i % 2).code : tlog_checkpoint(t).code, TLOG_OK);
        tlog_close(t);
    }
    tlog_close(open_log());
    struct file *again[] = {load("journal"), load("hashes"), load("offsets")}, *first[] = {journal, hashes, offsets};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(first[i]->n, again[i]->n);
        assert_memory_equal(first[i]->at, again[i]->at, first[i]->n);
        free(first[i]);
        free(again[i]);
    }
    assert_int_equal(journal == NULL, 0);
}

static void
test_one_writer(void **state)
{
    (void)state;
    struct tlog *t = open_log();
    expect_open_refuses(TLOG_IO, "one writer");
    tlog_close(t);
    tlog_close(open_log());
}

static void
test_heads(void **state)
{
    (void)state;
    struct tlog *t = open_log();
    own.signatures = 0;
    assert_int_equal(tlog_checkpoint(t).code, TLOG_OK); /* the empty tree has a head too */
    append(t, 2);
    assert_int_equal(tlog_checkpoint(t).code, TLOG_OK);
    assert_int_equal(tlog_checkpoint(t).code, TLOG_OK); /* nothing new: nothing signed */
    assert_int_equal(own.signatures, 2);
    tlog_close(t);
    t = open_log();
    assert_int_equal(tlog_checkpoint(t).code, TLOG_OK); /* the signer is asked once after opening */
    assert_int_equal(own.signatures, 3);
    own.refuse = true;
    append(t, 1);
    struct tlog_error e = tlog_checkpoint(t);
    assert_int_equal(e.code, TLOG_SIGNER);
    assert_non_null(strstr(e.text, "refused the tree head of size 3"));
    tlog_close(t);
    struct tlog_report r = verify();
    assert_true(r.ok);
    assert_int_equal(r.heads, 2);
    assert_int_equal(r.signed_size, 2);
    assert_int_equal(r.records, 3);
}

/* A signer with another key than the log's leaves nothing behind. */
static int
sign_other(void *ctx, const char *origin, uint64_t size, const uint8_t root[32], uint8_t sig[64])
{
    (void)ctx;
    return sign_with(&other, origin, size, root, sig);
}

static void
test_wrong_signer(void **state)
{
    (void)state;
    struct tlog *t;
    struct tlog_io wrong = {.sign = sign_other};
    assert_int_equal(tlog_open(folder, ORIGIN, own.public_key, &wrong, &t).code, TLOG_OK);
    append(t, 1);
    assert_int_equal(tlog_checkpoint(t).code, TLOG_SIGNER);
    tlog_close(t);
    make_log(1, 1);
    expect_good(2);
}

static void
test_scan(void **state)
{
    (void)state;
    make_log(100, 100);
    uint64_t next = 0;
    assert_int_equal(tlog_scan(folder, 0, collect, &next).code, TLOG_OK);
    assert_int_equal(next, 90); /* stopped there */
    next = 95;
    assert_int_equal(tlog_scan(folder, 95, collect, &next).code, TLOG_OK);
    assert_int_equal(next, 100);
    next = 100;
    assert_int_equal(tlog_scan(folder, 1000, collect, &next).code, TLOG_OK);
    /* `offsets` that point elsewhere lead nowhere wrong */
    struct file *f = load("offsets");
    memcpy(f->at + 94 * 8, f->at + 40 * 8, 8);
    save("offsets", f->at, f->n);
    free(f);
    next = 95;
    assert_int_equal(tlog_scan(folder, 95, collect, &next).code, TLOG_OK);
    assert_int_equal(next, 100);
    cut_file("journal", -3);
    next = 95;
    assert_int_equal(tlog_scan(folder, 95, collect, &next).code, TLOG_OK);
    assert_int_equal(next, 99);
    struct tlog_error e = tlog_scan("/tmp/no-such-log", 0, collect, &next);
    assert_int_equal(e.code, TLOG_IO);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_rfc6962_vectors),
        TEST(test_proofs_against_brute_force),
        TEST(test_proofs_are_bounded),
        TEST(test_note),
        TEST(test_vkey),
        TEST(test_origin_rules),
        TEST(test_append_and_reopen),
        TEST(test_pieces_make_the_same_files),
        TEST(test_one_writer),
        TEST(test_heads),
        TEST(test_wrong_signer),
        TEST(test_scan),
    };
    return cmocka_run_group_tests(tests, group_start, group_end);
}
