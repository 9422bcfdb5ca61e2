/*
 * Files of a log from outside: the input replaces or patches one of them. Opening keeps a prefix or refuses; it never makes records up,
 * never loses signed ones, and what verify calls good the true signer signed.
 */
#include <dirent.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <writ/tlog.h>

#define ORIGIN "writ.example/log"
#define RECORDS 12
#define SIGNED 9

static EVP_PKEY *key;
static uint8_t public_key[32];
static char folder[64];
static const char *const names[] = {"journal", "hashes", "offsets", "heads", "checkpoint"};
static struct {
    uint8_t at[8192];
    size_t n;
} files[5];

static int
sign(void *ctx, const char *origin, uint64_t size, const uint8_t root[TLOG_HASH], uint8_t sig[64])
{
    char text[512], hash[45];
    size_t n = 64;
    (void)ctx;
    EVP_EncodeBlock((unsigned char *)hash, root, TLOG_HASH);
    snprintf(text, sizeof text, "%s\n%llu\n%s\n", origin, (unsigned long long)size, hash);
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    if (!EVP_DigestSignInit(c, NULL, NULL, NULL, key) || !EVP_DigestSign(c, sig, &n, (uint8_t *)text, strlen(text)))
        abort();
    EVP_MD_CTX_free(c);
    return 0;
}

/* A tmpfs keeps the disk out of it. */
static int
no_sync(void *ctx, int fd)
{
    (void)ctx;
    (void)fd;
    return 0;
}

static const struct tlog_io io = {.sign = sign, .sync = no_sync};

static size_t
leaf(uint64_t i, char out[32])
{
    return (size_t)snprintf(out, 32, "record %llu", (unsigned long long)i);
}

static void
put_file(unsigned which, const void *at, size_t n)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, names[which]);
    FILE *f = fopen(path, "wb");
    if (f == NULL || fwrite(at, 1, n, f) != n || fclose(f) != 0)
        abort();
}

static void
get_file(unsigned which)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, names[which]);
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        abort();
    files[which].n = fread(files[which].at, 1, sizeof files[which].at, f);
    fclose(f);
}

static void
remove_folder(void)
{
    if (folder[0] == 0)
        return;
    char path[512];
    DIR *d = opendir(folder);
    for (struct dirent *f; d != NULL && (f = readdir(d)) != NULL;) {
        snprintf(path, sizeof path, "%s/%s", folder, f->d_name);
        unlink(path);
    }
    if (d != NULL)
        closedir(d);
    rmdir(folder);
}

static void
start(void)
{
    uint8_t private_key[32];
    size_t n = 32;
    struct tlog *t;
    char text[32];
    uint64_t index;
    memset(private_key, 1, sizeof private_key);
    key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, private_key, 32);
    EVP_PKEY_get_raw_public_key(key, public_key, &n);
    strcpy(folder, access("/dev/shm", W_OK) == 0 ? "/dev/shm/fuzz_tlog.XXXXXX" : "/tmp/fuzz_tlog.XXXXXX");
    if (mkdtemp(folder) == NULL || tlog_open(folder, ORIGIN, public_key, &io, &t).code != TLOG_OK)
        abort();
    atexit(remove_folder);
    for (uint64_t i = 0; i < RECORDS; i++) {
        if (tlog_append(t, text, leaf(i, text), &index).code != TLOG_OK)
            abort();
        if (i % 3 == 2 && i < SIGNED && tlog_checkpoint(t).code != TLOG_OK)
            abort();
    }
    if (tlog_flush(t, false).code != TLOG_OK) /* the last three are behind the head and not in `hashes` */
        abort();
    tlog_close(t);
    for (unsigned i = 0; i < 5; i++)
        get_file(i);
}

/* byte 0: which file and how; then the bytes: all of it, behind a cut, or as position and value pairs. */
static void
damage(const uint8_t *data, size_t size)
{
    unsigned which = data[0] % 5, how = data[0] / 5 % 3;
    uint8_t copy[sizeof files[0].at + 4096];
    size_t n = files[which].n;
    memcpy(copy, files[which].at, n);
    data++, size--;
    if (how == 0) {
        n = size < 4096 ? size : 4096;
        memcpy(copy, data, n);
    } else if (how == 1 && size >= 2) {
        size_t cut = ((size_t)data[0] << 8 | data[1]) % (n + 1), more = size - 2 < 4096 ? size - 2 : 4096;
        memcpy(copy + cut, data + 2, more);
        n = cut + more;
    } else {
        for (size_t i = 0; i + 2 < size; i += 3)
            copy[((size_t)data[i] << 8 | data[i + 1]) % n] ^= data[i + 2];
    }
    put_file(which, copy, n);
}

/* Signed records are sacred: whatever the files say, the first nine must be these. */
static int
look(uint64_t index, const void *at, size_t n, void *ctx)
{
    char text[32];
    size_t expected = leaf(index, text);
    if (index < SIGNED && (n != expected || memcmp(at, text, n) != 0))
        *(bool *)ctx = true;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tlog_report report;
    struct tlog *t;
    uint8_t path[64][TLOG_HASH];
    size_t n;
    uint64_t index;
    bool wrong = false;
    if (key == NULL)
        start();
    if (size < 1)
        return 0;
    for (unsigned i = 0; i < 5; i++)
        put_file(i, files[i].at, files[i].n);
    damage(data, size);
    tlog_scan(folder, 0, look, &wrong);
    tlog_scan(folder, data[size - 1] % 16, look, &wrong);
    if (tlog_verify(folder, ORIGIN, public_key, &report).code == TLOG_OK && report.ok && (wrong || report.records < SIGNED))
        abort();
    if (!report.ok && report.have_record && report.record > report.record_last)
        abort();
    tlog_prove_inclusion(folder, data[0] % 16, size % 20, path, &n);
    tlog_prove_consistency(folder, data[0] % 16, size % 20, path, &n);
    if (tlog_open(folder, ORIGIN, public_key, &io, &t).code != TLOG_OK)
        return 0;
    uint64_t kept = tlog_size(t);
    /* quick opening does not read the body of the journal, so only the count is sure here; verify has the last word */
    if (kept < SIGNED || tlog_append(t, "x", 1, &index).code != TLOG_OK || index != kept || tlog_checkpoint(t).code != TLOG_OK)
        abort();
    tlog_close(t);
    if (tlog_open(folder, ORIGIN, public_key, &io, &t).code != TLOG_OK || tlog_size(t) != kept + 1)
        abort();
    tlog_close(t);
    return 0;
}
