/* The Merkle log: hashing against RFC 6962's vectors, proofs against brute force, what is on disk after every kind of damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <writ/tlog.h>

#define ORIGIN "writ.example/log"

/* Keys: of the log, and of someone else. */
struct signer {
    EVP_PKEY *key;
    uint8_t public_key[32];
    unsigned signatures;
    bool refuse;
};
static struct signer own, other;

static int
sign_with(struct signer *s, const char *origin, uint64_t size, const uint8_t root[32], uint8_t sig[64])
{
    char text[512], hash[45];
    size_t n = 64;
    EVP_EncodeBlock((unsigned char *)hash, root, 32);
    snprintf(text, sizeof text, "%s\n%llu\n%s\n", origin, (unsigned long long)size, hash);
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    int ok = EVP_DigestSignInit(c, NULL, NULL, NULL, s->key) && EVP_DigestSign(c, sig, &n, (uint8_t *)text, strlen(text));
    EVP_MD_CTX_free(c);
    s->signatures++;
    return ok ? 0 : EIO;
}

static int
sign_hook(void *ctx, const char *origin, uint64_t size, const uint8_t root[32], uint8_t sig[64])
{
    (void)ctx;
    return own.refuse ? EPERM : sign_with(&own, origin, size, root, sig);
}

static const struct tlog_io io = {.sign = sign_hook};

static void
make_signer(struct signer *s, uint8_t seed)
{
    uint8_t private_key[32];
    size_t n = 32;
    memset(private_key, seed, sizeof private_key);
    s->key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, private_key, 32);
    EVP_PKEY_get_raw_public_key(s->key, s->public_key, &n);
}

static int
group_start(void **state)
{
    (void)state;
    make_signer(&own, 1);
    make_signer(&other, 2);
    return 0;
}

static int
group_end(void **state)
{
    (void)state;
    EVP_PKEY_free(own.key);
    EVP_PKEY_free(other.key);
    return 0;
}

/* Folders. */
static char folder[64];

static void
remove_folder(const char *dir)
{
    char path[512];
    DIR *d = opendir(dir);
    for (struct dirent *f; d != NULL && (f = readdir(d)) != NULL;) {
        snprintf(path, sizeof path, "%s/%s", dir, f->d_name);
        unlink(path);
    }
    if (d != NULL)
        closedir(d);
    rmdir(dir);
}

static int
folder_start(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/test_tlog.XXXXXX");
    own.refuse = false;
    return mkdtemp(folder) == NULL;
}

static int
folder_end(void **state)
{
    (void)state;
    remove_folder(folder);
    return 0;
}

struct file {
    uint8_t at[1 << 20];
    size_t n;
};

static const char *
path_of(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static struct file *
load(const char *name)
{
    struct file *f = calloc(1, sizeof *f);
    FILE *in = fopen(path_of(name), "rb");
    assert_non_null(in);
    f->n = fread(f->at, 1, sizeof f->at, in);
    fclose(in);
    return f;
}

static void
save(const char *name, const void *at, size_t n)
{
    FILE *out = fopen(path_of(name), "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(at, 1, n, out), n);
    fclose(out);
}

static void
cut_file(const char *name, long by)
{
    struct stat s;
    assert_int_equal(stat(path_of(name), &s), 0);
    assert_int_equal(truncate(path_of(name), by < 0 ? s.st_size + by : by), 0);
}

/* Logs with leaves "record 0", "record 1", … */
static size_t
leaf_text(uint64_t i, char out[64])
{
    return (size_t)snprintf(out, 64, "record %llu", (unsigned long long)i);
}

static struct tlog *
open_log(void)
{
    struct tlog *t;
    struct tlog_error e = tlog_open(folder, ORIGIN, own.public_key, &io, &t);
    if (e.code != TLOG_OK)
        fail_msg("open: %s", e.text);
    return t;
}

static void
append(struct tlog *t, unsigned n)
{
    char leaf[64];
    for (unsigned i = 0; i < n; i++) {
        uint64_t index, expected = tlog_size(t);
        size_t length = leaf_text(expected, leaf);
        assert_int_equal(tlog_append(t, leaf, length, &index).code, TLOG_OK);
        assert_int_equal(index, expected);
    }
}

/* A head after every ${step} records. */
static void
make_log(unsigned records, unsigned step)
{
    struct tlog *t = open_log();
    for (unsigned done = 0; done < records; done += step) {
        append(t, records - done < step ? records - done : step);
        assert_int_equal(tlog_checkpoint(t).code, TLOG_OK);
    }
    tlog_close(t);
}

static struct tlog_report
verify(void)
{
    struct tlog_report r;
    struct tlog_error e = tlog_verify(folder, ORIGIN, own.public_key, &r);
    if (e.code != TLOG_OK)
        fail_msg("verify: %s", e.text);
    return r;
}

static void
expect_good(uint64_t records)
{
    struct tlog_report r = verify();
    if (!r.ok)
        fail_msg("%s", r.text);
    assert_int_equal(r.records, records);
}

static void
expect_text(const struct tlog_report *r, const char *part)
{
    assert_false(r->ok);
    if (strstr(r->text, part) == NULL)
        fail_msg("'%s' is not in: %s", part, r->text);
}

static void
expect_damage(uint64_t first, uint64_t last, const char *part)
{
    struct tlog_report r = verify();
    expect_text(&r, part);
    assert_true(r.have_record);
    assert_int_equal(r.record, first);
    assert_int_equal(r.record_last, last);
}

static void
expect_open_refuses(int code, const char *part)
{
    struct tlog *t;
    struct tlog_error e = tlog_open(folder, ORIGIN, own.public_key, &io, &t);
    assert_null(t);
    assert_int_equal(e.code, code);
    if (strstr(e.text, part) == NULL)
        fail_msg("'%s' is not in: %s", part, e.text);
}

/* Frames of the journal: where record i starts. */
static size_t
frame_at(const struct file *f, unsigned i)
{
    size_t at = 0;
    while (i-- && at < f->n)
        at += 10 + ((size_t)f->at[at] << 8 | f->at[at + 1]);
    return at;
}

static void
reframe(uint8_t *frame)
{
    uint8_t hash[32];
    tlog_leaf_hash(frame + 10, (size_t)frame[0] << 8 | frame[1], hash);
    memcpy(frame + 2, hash, 8);
}

/* Change a byte of record i as an attacker would: with the frame made right again. */
static void
change_record(unsigned i)
{
    struct file *f = load("journal");
    size_t at = frame_at(f, i);
    f->at[at + 10] ^= 1;
    reframe(f->at + at);
    save("journal", f->at, f->n);
    free(f);
}

static void
remove_records(unsigned from, unsigned to)
{
    struct file *f = load("journal");
    size_t a = frame_at(f, from), b = frame_at(f, to);
    memmove(f->at + a, f->at + b, f->n - b);
    save("journal", f->at, f->n - (b - a));
    free(f);
}

/* `hashes` as the journal now is. */
static void
forge_hashes(unsigned records)
{
    struct file *f = load("journal");
    char copy[] = "/tmp/test_tlog_copy.XXXXXX", mine[64];
    assert_non_null(mkdtemp(copy));
    strcpy(mine, folder);
    strcpy(folder, copy);
    struct tlog *t = open_log();
    for (unsigned i = 0; i < records; i++) {
        uint64_t index;
        size_t at = frame_at(f, i);
        if (at < f->n)
            assert_int_equal(tlog_append(t, f->at + at + 10, (size_t)f->at[at] << 8 | f->at[at + 1], &index).code, TLOG_OK);
    }
    assert_int_equal(tlog_flush(t, true).code, TLOG_OK);
    tlog_close(t);
    struct file *hashes = load("hashes");
    remove_folder(copy);
    strcpy(folder, mine);
    save("hashes", hashes->at, hashes->n);
    free(hashes);
    free(f);
}

/* Note number i (from 0) in `heads`; all have five lines. */
static size_t
note_at(const struct file *f, unsigned i)
{
    size_t at = 0;
    for (unsigned lines = 0; lines < 5 * i && at < f->n; at++)
        lines += f->at[at] == '\n';
    return at;
}

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
    static const struct { const char *leaf; size_t n; const char *start, *end; } vectors[] = {
        {"", 0, "6e340b9c", "afa01d"},
        {"\x00", 1, "fac54203", "c125"},
        {"\x10", 1, "aeb6bcfe", "6e77"},
        {"\x20\x21", 2, "d37ee418", "14b7"},
        {"\x30\x31", 2, "4e3bbb1f", "64d4"},
        {"\x40\x41\x42\x43", 4, "76e67dad", "87ef"},
        {"\x50\x51\x52\x53\x54\x55\x56\x57", 8, "ddb89be4", "c8c"},
        {"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f", 16,
         "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328", ""},
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

static int
collect(uint64_t index, const void *leaf, size_t n, void *ctx)
{
    uint64_t *next = ctx;
    char text[64];
    assert_int_equal(index, *next);
    assert_int_equal(n, leaf_text(index, text));
    assert_memory_equal(leaf, text, n);
    ++*next;
    return *next == 90;
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

/* A torn end that no head covers is cut off, whatever it holds. */
static void
test_torn_end_is_cut(void **state)
{
    (void)state;
    static const char *const ends[] = {"\x00", "\x00\x05zzzzzzzzhello", "\x00\x05zzzzzzzzhel", "\xff\xff", "\0\0\0\0\0\0\0\0\0\0\0\0"};
    static const size_t lengths[] = {1, 15, 13, 2, 12};
    make_log(6, 3);
    for (unsigned i = 0; i < 5; i++) {
        FILE *f = fopen(path_of("journal"), "ab");
        fwrite(ends[i], 1, lengths[i], f);
        fclose(f);
        struct tlog_report r = verify();
        assert_true(r.ok);
        assert_non_null(strstr(r.text, "bytes of an unfinished write follow"));
        struct tlog *t = open_log();
        assert_int_equal(tlog_size(t), 6);
        assert_int_equal(tlog_recovered(t), lengths[i]);
        tlog_close(t);
    }
    expect_good(6);
}

/* Unsynced records behind the newest head may go; synced ones may not, even when no head covers them. */
static void
test_synced_end_is_missed(void **state)
{
    (void)state;
    make_log(6, 3);
    struct tlog *t = open_log();
    append(t, 2);
    assert_int_equal(tlog_flush(t, true).code, TLOG_OK);
    append(t, 2);
    assert_int_equal(tlog_flush(t, false).code, TLOG_OK);
    tlog_close(t);
    struct file *whole = load("journal");
    save("journal", whole->at, frame_at(whole, 9)); /* an unsynced one */
    t = open_log();
    assert_int_equal(tlog_size(t), 9);
    tlog_close(t);
    save("journal", whole->at, frame_at(whole, 7)); /* a synced one */
    expect_open_refuses(TLOG_TAMPERED, "record 7 was on disk (`hashes` has it) but is missing");
    expect_damage(7, 8, "record 7 and what followed are missing");
    save("journal", whole->at, frame_at(whole, 8) - 1);
    expect_open_refuses(TLOG_TAMPERED, "record 7 was on disk (`hashes` has it) but is damaged");
    save("journal", whole->at, frame_at(whole, 9));
    change_record(7);
    expect_open_refuses(TLOG_TAMPERED, "record 7 differs from its hash in `hashes`");
    expect_damage(7, 7, "record 7 does not fit its hash in `hashes`");
    free(whole);
}

static void
test_hashes_are_rebuilt(void **state)
{
    (void)state;
    make_log(50, 7);
    struct file *hashes = load("hashes"), *offsets = load("offsets");
    for (int how = 0; how < 5; how++) {
        if (how == 0)
            unlink(path_of("hashes"));
        if (how == 1)
            cut_file("hashes", 1000);
        if (how == 2)
            unlink(path_of("offsets"));
        if (how == 3)
            cut_file("offsets", 77);
        if (how == 4) {
            hashes->at[hashes->n - 3] ^= 1; /* the last leaf's hash does not match its record any more */
            save("hashes", hashes->at, hashes->n);
            hashes->at[hashes->n - 3] ^= 1;
        }
        tlog_close(open_log());
        struct file *h = load("hashes"), *o = load("offsets");
        assert_int_equal(h->n, hashes->n);
        assert_memory_equal(h->at, hashes->at, h->n);
        assert_int_equal(o->n, offsets->n);
        assert_memory_equal(o->at, offsets->at, o->n);
        free(h);
        free(o);
    }
    free(hashes);
    free(offsets);
    expect_good(50);
}

static void
test_wrong_hashes_are_told_from_wrong_records(void **state)
{
    (void)state;
    make_log(20, 5);
    struct file *f = load("hashes");
    f->at[0] ^= 1;
    save("hashes", f->at, f->n);
    expect_damage(0, 0, "`hashes` is wrong at record 0; the record itself is as signed");
    free(f);
    unlink(path_of("hashes"));
    expect_good(20); /* the records alone prove themselves */
}

static void
test_changed_record(void **state)
{
    (void)state;
    make_log(23, 5);
    change_record(12);
    expect_damage(12, 12, "record 12 is not what was signed in the head of size 15: it was changed");
    change_record(3);
    expect_damage(3, 3, "record 3 is not what was signed in the head of size 5");
    change_record(3);
    change_record(12);
    expect_good(23);
    change_record(22);
    expect_damage(22, 22, "record 22");
    expect_open_refuses(TLOG_TAMPERED, "the records are not those of the signed head of size 23");
}

/* A decoy in `hashes` must not put the blame on a record that is as signed. */
static void
test_changed_record_and_hash(void **state)
{
    (void)state;
    make_log(20, 5);
    change_record(12);
    struct file *f = load("hashes");
    f->at[(2 * 11 - 3) * 32] ^= 1; /* leaf 11: 2n - ones(n) */
    save("hashes", f->at, f->n);
    expect_damage(12, 12, "record 12");
    f->at[(2 * 11 - 3) * 32] ^= 1;
    f->at[(2 * 12 - 2) * 32] ^= 1; /* leaf 12 */
    save("hashes", f->at, f->n);
    expect_damage(12, 13, "among records 12 to 13 something was changed");
    f->at[(2 * 12 - 2) * 32] ^= 1;
    change_record(12);
    change_record(14);
    f->at[(2 * 13 - 3 + 1) * 32] ^= 1; /* the node over 12 and 13, which is a part of the right edge of the signed tree */
    save("hashes", f->at, f->n);
    expect_damage(10, 14, "among records 10 to 14");
    free(f);
    change_record(14);
    change_record(12);
    forge_hashes(20);
    expect_damage(10, 14, "among records 10 to 14 something was changed, removed or moved: they do not fit the signed head of size 15");
    unlink(path_of("hashes"));
    expect_damage(10, 14, "among records 10 to 14");
    expect_open_refuses(TLOG_TAMPERED, "not those of the signed head of size 20");
}

static void
test_damaged_frame(void **state)
{
    (void)state;
    make_log(20, 5);
    struct file *f = load("journal");
    f->at[frame_at(f, 8) + 12] ^= 0x40;
    save("journal", f->at, f->n);
    expect_damage(8, 8, "record 8 is damaged: the length or the check in its frame does not fit its bytes");
    unlink(path_of("hashes"));
    expect_open_refuses(TLOG_TAMPERED, "record 8 of the journal is damaged");
    free(f);
}

static void
test_removed_last(void **state)
{
    (void)state;
    make_log(20, 5);
    remove_records(18, 20);
    expect_damage(18, 19, "records 18 to 19 are missing: the journal ends after 18, and a head of size 20 is signed");
    expect_open_refuses(TLOG_TAMPERED, "the journal ends after 18 records, but a head of size 20 is signed");
    struct file *f = load("journal");
    assert_int_equal(frame_at(f, 18), f->n); /* untouched by the attempt to open */
    free(f);
    remove_records(15, 18);
    unlink(path_of("hashes"));
    expect_damage(15, 19, "records 15 to 19 are missing");
    cut_file("journal", 0);
    expect_damage(0, 19, "records 0 to 19 are missing");
    unlink(path_of("journal"));
    expect_damage(0, 19, "records 0 to 19 are missing");
}

static void
test_removed_middle(void **state)
{
    (void)state;
    make_log(20, 5);
    remove_records(7, 9);
    expect_damage(7, 7, "in its place stands what was record 9, so records were removed or moved");
    unlink(path_of("hashes"));
    expect_damage(5, 9, "among records 5 to 9 something was changed, removed or moved");
}

static void
test_reordered(void **state)
{
    (void)state;
    make_log(9, 3); /* frames of one length */
    struct file *f = load("journal");
    uint8_t frame[18];
    memcpy(frame, f->at + frame_at(f, 4), 18);
    memcpy(f->at + frame_at(f, 4), f->at + frame_at(f, 6), 18);
    memcpy(f->at + frame_at(f, 6), frame, 18);
    save("journal", f->at, f->n);
    free(f);
    expect_damage(4, 4, "in its place stands what was record 6");
}

static void
test_inserted(void **state)
{
    (void)state;
    make_log(9, 3);
    struct file *f = load("journal");
    size_t at = frame_at(f, 5);
    memmove(f->at + at + 18, f->at + at, f->n - at);
    f->at[at + 10] ^= 2;
    reframe(f->at + at);
    save("journal", f->at, f->n + 18);
    free(f);
    expect_damage(5, 5, "record 5 is not what was signed in the head of size 6: it was changed");
}

static void
test_swapped_heads(void **state)
{
    (void)state;
    make_log(9, 3); /* notes of one length */
    struct file *f = load("heads");
    size_t n = note_at(f, 1);
    uint8_t note[512];
    memcpy(note, f->at, n);
    memmove(f->at, f->at + n, n);
    memcpy(f->at + n, note, n);
    save("heads", f->at, f->n);
    free(f);
    struct tlog_report r = verify();
    expect_text(&r, "head 2 in `heads` (size 3) stands behind one of size 6: heads were moved or put in twice");
    assert_false(r.have_record);
}

static void
test_removed_heads(void **state)
{
    (void)state;
    make_log(9, 3);
    struct file *f = load("heads");
    save("heads", f->at, note_at(f, 2));
    struct tlog_report r = verify();
    expect_text(&r, "`heads` ends at size 6, but `checkpoint` is signed for size 9: the last heads were removed");
    expect_open_refuses(TLOG_TAMPERED, "`checkpoint` is a signed head of size 9 that is missing from `heads`");
    remove_records(8, 9); /* the records with them */
    expect_damage(8, 8, "records 8 to 8 are missing");
    save("heads", "", 0);
    expect_open_refuses(TLOG_TAMPERED, "missing from `heads`");
    unlink(path_of("checkpoint"));
    r = verify();
    expect_text(&r, "there are 8 records and no signed head: nothing vouches for them");
    free(f);
}

static void
test_torn_head_is_cut(void **state)
{
    (void)state;
    make_log(9, 3);
    struct file *f = load("heads");
    for (size_t torn = note_at(f, 2) + 1; torn < f->n; torn += 13) {
        struct file *checkpoint = load("checkpoint");
        uint8_t older[1024];
        size_t n = note_at(f, 2) - note_at(f, 1);
        memcpy(older, f->at + note_at(f, 1), n);
        save("checkpoint", older, n);
        save("heads", f->at, torn);
        expect_good(9);
        struct tlog *t = open_log();
        assert_int_equal(tlog_checkpoint(t).code, TLOG_OK);
        tlog_close(t);
        struct file *again = load("heads");
        assert_int_equal(again->n, f->n);
        assert_memory_equal(again->at, f->at, f->n);
        struct file *newest = load("checkpoint");
        assert_memory_equal(newest->at, checkpoint->at, checkpoint->n);
        free(again);
        free(newest);
        free(checkpoint);
    }
    free(f);
}

static void
put_head(struct signer *s, uint64_t size, const uint8_t root[32], const char *file)
{
    uint8_t sig[64];
    char note[1024];
    sign_with(s, ORIGIN, size, root, sig);
    size_t n = tlog_note(ORIGIN, size, root, sig, s->public_key, note, sizeof note);
    FILE *f = fopen(path_of(file), strcmp(file, "heads") == 0 ? "ab" : "wb");
    fwrite(note, 1, n, f);
    fclose(f);
}

static void
test_forged_heads(void **state)
{
    (void)state;
    uint8_t root[32] = {7};
    make_log(9, 3);
    put_head(&other, 9, root, "checkpoint");
    struct tlog_report r = verify();
    expect_text(&r, "`checkpoint` is not right");
    expect_open_refuses(TLOG_TAMPERED, "`checkpoint` is not right: the note of writ.example/log is not signed by the log's key");
    unlink(path_of("checkpoint"));
    put_head(&other, 9, root, "heads");
    r = verify();
    expect_text(&r, "head 4 in `heads` is forged");
    expect_open_refuses(TLOG_TAMPERED, "the last tree head in `heads` is not right");
}

/* Signed by the right key, but not of this tree. */
static void
test_head_that_is_no_extension(void **state)
{
    (void)state;
    uint8_t root[32] = {7};
    make_log(6, 3);
    struct file *before = load("heads");
    put_head(&own, 7, root, "heads");
    unlink(path_of("checkpoint"));
    struct file *odd = load("heads");
    save("heads", before->at, before->n);
    make_log(3, 3);
    struct file *after = load("heads"); /* sizes 3, 6, 9 */
    uint8_t *all = malloc(odd->n + after->n);
    memcpy(all, odd->at, odd->n);
    memcpy(all + odd->n, after->at + before->n, after->n - before->n);
    save("heads", all, odd->n + after->n - before->n); /* 3, 6, 7 of another tree, 9 */
    struct tlog_report r = verify();
    expect_text(&r, "head 3 in `heads` (size 7) is signed but is not of this tree: the later head of size 9 does not extend it");
    assert_false(r.have_record);
    assert_int_equal(r.heads, 4);
    put_head(&own, 9, root, "checkpoint");
    save("heads", after->at, after->n);
    r = verify();
    expect_text(&r, "`checkpoint` and head 3 in `heads` are both signed for size 9, with different roots");
    expect_open_refuses(TLOG_TAMPERED, "two signed heads of size 9 that differ");
    free(all);
    free(before);
    free(odd);
    free(after);
}

static void
test_truncated_files(void **state)
{
    (void)state;
    make_log(9, 3);
    cut_file("checkpoint", 40);
    struct tlog_report r = verify();
    expect_text(&r, "`checkpoint` is not right");
    unlink(path_of("checkpoint"));
    expect_good(9); /* the history has it */
    cut_file("journal", -1);
    expect_damage(8, 8, "records 8 to 8 are missing");
}

static void
test_verify_cannot_look(void **state)
{
    (void)state;
    struct tlog_report r;
    struct tlog_error e = tlog_verify("/tmp/no-such-log", ORIGIN, own.public_key, &r);
    assert_int_equal(e.code, TLOG_IO);
    assert_false(r.ok);
}

/* Every write and every sync fails in turn: the log says so, takes nothing more, and what it had acknowledged is there afterwards. */
struct faults {
    int left; /* operations until one fails */
};

static int
faulty_write(void *ctx, int fd, const void *at, size_t n)
{
    struct faults *f = ctx;
    if (f->left-- != 0)
        return write(fd, at, n) == (ssize_t)n ? 0 : EIO;
    if (write(fd, at, n / 2) < 0)
        return EIO;
    return ENOSPC;
}

static int
faulty_sync(void *ctx, int fd)
{
    struct faults *f = ctx;
    (void)fd;
    return f->left-- == 0 ? EIO : 0;
}

static void
test_every_operation_fails(void **state)
{
    (void)state;
    for (int k = 1; k < 60; k++) {
        remove_folder(folder);
        struct faults faults = {k};
        struct tlog_io bad = {faulty_write, faulty_sync, sign_hook, &faults};
        struct tlog *t;
        uint64_t safe = 0, index;
        struct tlog_error e = tlog_open(folder, ORIGIN, own.public_key, &bad, &t);
        for (int i = 0; e.code == TLOG_OK && i < 8; i++) {
            append(t, 3);
            e = i % 2 ? tlog_checkpoint(t) : tlog_flush(t, true);
            if (e.code == TLOG_OK)
                safe = tlog_size(t);
        }
        if (t != NULL && e.code != TLOG_OK) {
            assert_true(e.code == TLOG_FULL || e.code == TLOG_IO);
            assert_int_equal(tlog_append(t, "x", 1, &index).code, TLOG_IO);
            assert_int_equal(tlog_flush(t, true).code, TLOG_IO);
            assert_int_equal(tlog_checkpoint(t).code, TLOG_IO);
        }
        tlog_close(t);
        t = open_log();
        assert_true(tlog_size(t) >= safe);
        assert_int_equal(tlog_checkpoint(t).code, TLOG_OK);
        uint64_t size = tlog_size(t);
        tlog_close(t);
        expect_good(size);
    }
}

/*
 * Power loss. A run of the log is recorded: every write, every sync. For each point of it, the disk is built as it could be found:
 * what was synced is there; of each later write, some or none, so that there are holes and ends in the middle of a record.
 */
enum { FILES = 6, OPS = 600 };
static const char *const names[FILES] = {"journal", "hashes", "offsets", "heads", "checkpoint.new", "checkpoint"};
struct op {
    enum { OP_WRITE, OP_SYNC, OP_RENAME } what;
    int file;
    size_t at, n; /* into bytes */
    uint64_t safe; /* records acknowledged when it began */
};
static struct {
    struct op ops[OPS];
    int n;
    uint8_t bytes[1 << 18];
    size_t used;
    uint64_t safe;
    int last_new;
} tape;

static int
file_number(int fd)
{
    char link[64], path[256];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    path[n < 0 ? 0 : n] = 0;
    for (int i = 0; i < FILES; i++)
        if (strrchr(path, '/') != NULL && strcmp(strrchr(path, '/') + 1, names[i]) == 0)
            return i;
    return -1; /* the folder */
}

static void
record(int what, int file, const void *at, size_t n)
{
    assert_true(tape.n < OPS && tape.used + n <= sizeof tape.bytes);
    if (n)
        memcpy(tape.bytes + tape.used, at, n);
    tape.ops[tape.n++] = (struct op){what, file, tape.used, n, tape.safe};
    tape.used += n;
}

static int
tape_write(void *ctx, int fd, const void *at, size_t n)
{
    (void)ctx;
    record(OP_WRITE, file_number(fd), at, n);
    return write(fd, at, n) == (ssize_t)n ? 0 : EIO;
}

static int
tape_sync(void *ctx, int fd)
{
    (void)ctx;
    int file = file_number(fd);
    if (file >= 0)
        record(OP_SYNC, file, "", 0);
    if (file == 4) /* the rename comes right behind it */
        record(OP_RENAME, 4, "", 0);
    return 0;
}

struct disk {
    uint8_t at[FILES][1 << 16];
    size_t n[FILES];
    bool there[FILES];
};

/* ${luck} decides which unsynced writes, and how much of them, reached the disk. */
static void
lose_power(int upto, unsigned luck, struct disk *d)
{
    memset(d, 0, sizeof *d);
    int synced[FILES] = {0};
    for (int i = 0; i < upto; i++)
        if (tape.ops[i].what == OP_SYNC)
            synced[tape.ops[i].file] = i;
    size_t end[FILES] = {0};
    for (int i = 0; i < upto; i++) {
        struct op *o = &tape.ops[i];
        if (o->what == OP_RENAME && (i < upto - 1 || luck & 1)) {
            memcpy(d->at[5], d->at[4], sizeof d->at[4]);
            d->n[5] = d->n[4];
            d->there[5] = true;
            d->n[4] = end[4] = 0;
        }
        if (o->what != OP_WRITE)
            continue;
        luck = luck * 1103515245u + 12345u;
        size_t keep = i < synced[o->file] ? o->n : (luck >> 16) % 4 == 0 ? o->n : (luck >> 16) % 4 == 1 ? (luck >> 20) % (o->n + 1) : 0;
        if (o->file == 1) /* a hash never lies across two sectors, and a disk writes whole sectors */
            keep -= keep % 32;
        memcpy(d->at[o->file] + end[o->file], tape.bytes + o->at, keep);
        end[o->file] += o->n; /* later writes stand where they stood: holes before them */
        if (keep)
            d->n[o->file] = end[o->file] - o->n + keep;
        d->there[o->file] = true;
    }
}

static uint64_t
count_scan(void)
{
    uint64_t next = 0;
    assert_int_equal(tlog_scan(folder, 0, collect, &next).code, TLOG_OK);
    return next;
}

static void
test_power_loss(void **state)
{
    (void)state;
    static struct disk disk;
    struct tlog_io taped = {tape_write, tape_sync, sign_hook, NULL};
    struct tlog *t;
    uint64_t total = 0;
    assert_int_equal(tlog_open(folder, ORIGIN, own.public_key, &taped, &t).code, TLOG_OK);
    for (int i = 0; i < 24; i++) {
        append(t, 1 + (unsigned)i % 4);
        struct tlog_error e = i % 6 == 5 ? tlog_checkpoint(t) : tlog_flush(t, i % 3 != 0);
        assert_int_equal(e.code, TLOG_OK);
        if (i % 3 != 0)
            tape.safe = tlog_size(t);
        total = tlog_size(t);
    }
    record(OP_SYNC, 0, "", 0);
    tlog_close(t);
    unsigned cases = 0, cut = 0;
    for (int upto = 0; upto <= tape.n; upto++)
        for (unsigned luck = 0; luck < 8; luck++) {
            remove_folder(folder);
            mkdir(folder, 0700);
            lose_power(upto, luck * 2654435761u + (unsigned)upto, &disk);
            for (int f = 0; f < FILES; f++)
                if (disk.there[f])
                    save(names[f], disk.at[f], disk.n[f]);
            uint64_t safe = upto < tape.n ? tape.ops[upto].safe : tape.safe;
            t = open_log();
            if (tlog_size(t) < safe || tlog_size(t) > total)
                fail_msg("after operation %d (%u): %llu records, %llu were acknowledged", upto, luck, (unsigned long long)tlog_size(t),
                         (unsigned long long)safe);
            cut += tlog_recovered(t) > 0;
            uint64_t size = tlog_size(t);
            append(t, 1); /* and it goes on from there */
            assert_int_equal(tlog_checkpoint(t).code, TLOG_OK);
            tlog_close(t);
            assert_int_equal(count_scan(), size + 1);
            for (uint64_t i = 0; i <= size; i++) { /* no holes stay in `hashes` */
                uint8_t path[64][32];
                size_t length;
                assert_int_equal(tlog_prove_inclusion(folder, i, size + 1, path, &length).code, TLOG_OK);
            }
            expect_good(size + 1);
            cases++;
        }
    print_message("%u crashes, %u with a torn end\n", cases, cut);
}

/* kill -9 at any moment, over and over on one log; the child tells through shared memory what it was acknowledged. */
static void
append_until_killed(volatile uint64_t *safe)
{
    struct tlog *t;
    char leaf[64];
    uint64_t index;
    if (tlog_open(folder, ORIGIN, own.public_key, &io, &t).code != TLOG_OK)
        _exit(1);
    for (unsigned i = 0;; i++) {
        if (tlog_append(t, leaf, leaf_text(tlog_size(t), leaf), &index).code != TLOG_OK)
            _exit(2);
        struct tlog_error e = i % 50 == 49 ? tlog_checkpoint(t) : tlog_flush(t, i % 5 == 4);
        if (e.code != TLOG_OK)
            _exit(3);
        *safe = tlog_size(t);
    }
}

static int
in_order(uint64_t index, const void *leaf, size_t n, void *ctx)
{
    char text[64];
    assert_int_equal(n, leaf_text(index, text));
    assert_memory_equal(leaf, text, n);
    *(uint64_t *)ctx = index + 1;
    return 0;
}

static void
test_killed_50_times(void **state)
{
    (void)state;
    volatile uint64_t *safe = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(safe != MAP_FAILED);
    for (int i = 0; i < 50; i++) {
        pid_t child = fork();
        if (child == 0)
            append_until_killed(safe);
        struct timespec wait = {0, 2000000 + i * 317000};
        nanosleep(&wait, NULL);
        kill(child, SIGKILL);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        struct tlog *t = open_log();
        assert_true(tlog_size(t) >= *safe);
        uint64_t size = tlog_size(t), seen = 0;
        tlog_close(t);
        assert_int_equal(tlog_scan(folder, 0, in_order, &seen).code, TLOG_OK);
        assert_int_equal(seen, size);
    }
    make_log(1, 1);
    assert_true(verify().ok);
    munmap((void *)(uintptr_t)safe, 4096);
}

/* The verifier for outsiders, which knows docs/protocol/log.md and nothing of this code. */
static int
run_verifier(void)
{
    char script[512], vkey[256], command[1024];
    snprintf(script, sizeof script, "%s", __FILE__);
    char *slash = strstr(script, "tests/unit/");
    assert_non_null(slash);
    strcpy(slash, "tests/conformance/log_verify.py");
    tlog_vkey(ORIGIN, own.public_key, vkey, sizeof vkey);
    snprintf(command, sizeof command, "env -u LD_PRELOAD python3 '%s' '%s' '%s' >/dev/null", script, folder, vkey);
    if (access(script, R_OK) != 0) {
        print_message("%s is not here: run from the build folder\n", script);
        fail();
    }
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
test_independent_verifier(void **state)
{
    (void)state;
    make_log(1000, 37);
    assert_int_equal(run_verifier(), 0);
    change_record(500);
    assert_int_equal(run_verifier(), 1);
    change_record(500);
    assert_int_equal(run_verifier(), 0);
    remove_records(999, 1000);
    assert_int_equal(run_verifier(), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, folder_start, folder_end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_rfc6962_vectors), TEST(test_proofs_against_brute_force), TEST(test_proofs_are_bounded), TEST(test_note), TEST(test_vkey),
        TEST(test_origin_rules), TEST(test_append_and_reopen), TEST(test_pieces_make_the_same_files), TEST(test_one_writer),
        TEST(test_heads), TEST(test_wrong_signer), TEST(test_scan), TEST(test_torn_end_is_cut), TEST(test_synced_end_is_missed),
        TEST(test_hashes_are_rebuilt), TEST(test_wrong_hashes_are_told_from_wrong_records), TEST(test_changed_record),
        TEST(test_changed_record_and_hash), TEST(test_damaged_frame), TEST(test_removed_last), TEST(test_removed_middle),
        TEST(test_reordered), TEST(test_inserted), TEST(test_swapped_heads), TEST(test_removed_heads), TEST(test_torn_head_is_cut),
        TEST(test_forged_heads), TEST(test_head_that_is_no_extension), TEST(test_truncated_files), TEST(test_verify_cannot_look),
        TEST(test_every_operation_fails), TEST(test_power_loss), TEST(test_killed_50_times), TEST(test_independent_verifier),
    };
    return cmocka_run_group_tests(tests, group_start, group_end);
}
