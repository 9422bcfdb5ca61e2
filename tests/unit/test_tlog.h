/* What the tests of the Merkle log share: a signer, a folder, logs made and damaged as an attacker would. */
#ifndef TEST_TLOG_H
#define TEST_TLOG_H

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

static inline int
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

static inline int
sign_hook(void *ctx, const char *origin, uint64_t size, const uint8_t root[32], uint8_t sig[64])
{
    (void)ctx;
    return own.refuse ? EPERM : sign_with(&own, origin, size, root, sig);
}

/* The disk is not waited for: what a power loss takes is simulated (test_tlog_crash.c), and a killed process loses nothing written. */
static inline int
sync_hook(void *ctx, int fd)
{
    (void)ctx;
    (void)fd;
    return 0;
}

static const struct tlog_io io = {.sync = sync_hook, .sign = sign_hook};

static inline void
make_signer(struct signer *s, uint8_t seed)
{
    uint8_t private_key[32];
    size_t n = 32;
    memset(private_key, seed, sizeof private_key);
    s->key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, private_key, 32);
    EVP_PKEY_get_raw_public_key(s->key, s->public_key, &n);
}

static inline int
group_start(void **state)
{
    (void)state;
    make_signer(&own, 1);
    make_signer(&other, 2);
    return 0;
}

static inline int
group_end(void **state)
{
    (void)state;
    EVP_PKEY_free(own.key);
    EVP_PKEY_free(other.key);
    return 0;
}

/* Folders. */
static char folder[64];

static inline void
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

static inline int
folder_start(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/test_tlog.XXXXXX");
    own.refuse = false;
    return mkdtemp(folder) == NULL;
}

static inline int
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

static inline const char *
path_of(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static inline struct file *
load(const char *name)
{
    struct file *f = calloc(1, sizeof *f);
    FILE *in = fopen(path_of(name), "rb");
    assert_non_null(in);
    f->n = fread(f->at, 1, sizeof f->at, in);
    fclose(in);
    return f;
}

static inline void
save(const char *name, const void *at, size_t n)
{
    FILE *out = fopen(path_of(name), "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(at, 1, n, out), n);
    fclose(out);
}

static inline void
cut_file(const char *name, long by)
{
    struct stat s;
    assert_int_equal(stat(path_of(name), &s), 0);
    assert_int_equal(truncate(path_of(name), by < 0 ? s.st_size + by : by), 0);
}

/* Logs with leaves "record 0", "record 1", … */
static inline size_t
leaf_text(uint64_t i, char out[64])
{
    return (size_t)snprintf(out, 64, "record %llu", (unsigned long long)i);
}

static inline struct tlog *
open_log(void)
{
    struct tlog *t;
    struct tlog_error e = tlog_open(folder, ORIGIN, own.public_key, &io, &t);
    if (e.code != TLOG_OK)
        fail_msg("open: %s", e.text);
    return t;
}

static inline void
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
static inline void
make_log(unsigned records, unsigned step)
{
    struct tlog *t = open_log();
    for (unsigned done = 0; done < records; done += step) {
        append(t, records - done < step ? records - done : step);
        assert_int_equal(tlog_checkpoint(t).code, TLOG_OK);
    }
    tlog_close(t);
}

static inline struct tlog_report
verify(void)
{
    struct tlog_report r;
    struct tlog_error e = tlog_verify(folder, ORIGIN, own.public_key, &r);
    if (e.code != TLOG_OK)
        fail_msg("verify: %s", e.text);
    return r;
}

static inline void
expect_good(uint64_t records)
{
    struct tlog_report r = verify();
    if (!r.ok)
        fail_msg("%s", r.text);
    assert_int_equal(r.records, records);
}

static inline void
expect_text(const struct tlog_report *r, const char *part)
{
    assert_false(r->ok);
    if (strstr(r->text, part) == NULL)
        fail_msg("'%s' is not in: %s", part, r->text);
}

static inline void
expect_damage(uint64_t first, uint64_t last, const char *part)
{
    struct tlog_report r = verify();
    expect_text(&r, part);
    assert_true(r.have_record);
    assert_int_equal(r.record, first);
    assert_int_equal(r.record_last, last);
}

static inline void
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
static inline size_t
frame_at(const struct file *f, unsigned i)
{
    size_t at = 0;
    while (i-- && at < f->n)
        at += 10 + ((size_t)f->at[at] << 8 | f->at[at + 1]);
    return at;
}

static inline void
reframe(uint8_t *frame)
{
    uint8_t hash[32];
    tlog_leaf_hash(frame + 10, (size_t)frame[0] << 8 | frame[1], hash);
    memcpy(frame + 2, hash, 8);
}

/* Change a byte of record i as an attacker would: with the frame made right again. */
static inline void
change_record(unsigned i)
{
    struct file *f = load("journal");
    size_t at = frame_at(f, i);
    f->at[at + 10] ^= 1;
    reframe(f->at + at);
    save("journal", f->at, f->n);
    free(f);
}

static inline void
remove_records(unsigned from, unsigned to)
{
    struct file *f = load("journal");
    size_t a = frame_at(f, from), b = frame_at(f, to);
    memmove(f->at + a, f->at + b, f->n - b);
    save("journal", f->at, f->n - (b - a));
    free(f);
}

/* `hashes` as the journal now is. */
static inline void
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
static inline size_t
note_at(const struct file *f, unsigned i)
{
    size_t at = 0;
    for (unsigned lines = 0; lines < 5 * i && at < f->n; at++)
        lines += f->at[at] == '\n';
    return at;
}

static inline int
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

#define TEST(f) cmocka_unit_test_setup_teardown(f, folder_start, folder_end)

#endif
