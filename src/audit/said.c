/*
 * What was said, sealed, beside the log: files said.0, said.1, … of 65,536 records each, so that old ones can be removed by age. A
 * frame is u32 box length, u64 record, box; a box is salt, ciphertext, tag. One overwritten with zeros counts as deleted.
 */
#include "audit/parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD 12
#define WAITING_MAX ((size_t)80 << 20)

/*
 * Fetched once, and contexts kept for each thread that uses them: a fetch costs more than hashing or sealing a short text, a context as
 * much. What a context of the cipher remembers is the key of one box, which the key of all of them gives as well.
 */
struct tools {
    EVP_MD_CTX *md;
    EVP_CIPHER_CTX *cipher;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t of_thread;
static bool can_keep;
static EVP_MD *sha256;
static EVP_CIPHER *aes;

static void
tools_free(void *ctx)
{
    struct tools *t = ctx;
    EVP_MD_CTX_free(t->md);
    EVP_CIPHER_CTX_free(t->cipher);
    free(t);
}

static void
fetch(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    aes = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    can_keep = pthread_key_create(&of_thread, tools_free) == 0;
}

static struct tools *
tools_make(void)
{
    struct tools *t = can_keep ? calloc(1, sizeof *t) : NULL;
    if (t == NULL)
        return NULL;
    t->md = EVP_MD_CTX_new();
    t->cipher = EVP_CIPHER_CTX_new();
    if (t->md && t->cipher && EVP_DigestInit_ex(t->md, sha256, NULL) && pthread_setspecific(of_thread, t) == 0)
        return t;
    tools_free(t);
    return NULL;
}

/* Of this thread; NULL: libcrypto or memory fails, which every use of it reports. */
static struct tools *
tools(void)
{
    pthread_once(&once, fetch);
    struct tools *t = can_keep ? pthread_getspecific(of_thread) : NULL;
    return t ? t : tools_make();
}

bool
audit_sha256(const struct bytes *parts, size_t n, uint8_t out[32])
{
    struct tools *t = tools();
    bool ok = t && EVP_DigestInit_ex(t->md, NULL, NULL);
    for (size_t i = 0; ok && i < n; i++)
        ok = parts[i].n == 0 || EVP_DigestUpdate(t->md, parts[i].at, parts[i].n);
    return ok && EVP_DigestFinal_ex(t->md, out, NULL);
}

/* Each box has a key of its own, SHA-256 over key and salt, both 32 bytes, so that no number of boxes can repeat a nonce under one key. */
static bool
box_key(const uint8_t key[32], const uint8_t salt[AUDIT_SALT], uint8_t out[32])
{
    const struct bytes both[] = {{key, 32}, {salt, AUDIT_SALT}};
    return audit_sha256(both, 2, out);
}

static const uint8_t nonce[12];

static bool
encrypt(const uint8_t key[32], struct bytes plain, uint8_t *out)
{
    int n;
    struct tools *t = tools();
    EVP_CIPHER_CTX *c = t ? t->cipher : NULL;
    return c != NULL && EVP_EncryptInit_ex(c, aes, NULL, key, nonce) && EVP_EncryptUpdate(c, out, &n, plain.at, (int)plain.n) &&
           EVP_EncryptFinal_ex(c, out + n, &n) && EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, AUDIT_TAG, out + plain.n);
}

struct err
audit_seal(const uint8_t key[32], const uint8_t salt[AUDIT_SALT], struct bytes plain, struct buf *box)
{
    uint8_t own[32];
    buf_put(box, bytes_make(salt, AUDIT_SALT));
    uint8_t *out = buf_room(box, plain.n + AUDIT_TAG);
    if (out == NULL)
        return err_make(E_MEMORY, "no memory for sealing what was said");
    bool ok = box_key(key, salt, own) && encrypt(own, plain, out);
    bytes_wipe(own, sizeof own);
    box->n += plain.n + AUDIT_TAG;
    return ok ? err_ok() : err_make(E_CRYPTO, "sealing what was said failed");
}

static bool
decrypt(const uint8_t key[32], struct bytes sealed, struct bytes tag, uint8_t *out)
{
    int n;
    uint8_t copy[AUDIT_TAG];
    struct tools *t = tools();
    EVP_CIPHER_CTX *c = t ? t->cipher : NULL;
    memcpy(copy, tag.at, AUDIT_TAG);
    return c != NULL && EVP_DecryptInit_ex(c, aes, NULL, key, nonce) && EVP_DecryptUpdate(c, out, &n, sealed.at, (int)sealed.n) &&
           EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, AUDIT_TAG, copy) && EVP_DecryptFinal_ex(c, out + n, &n) > 0;
}

struct err
audit_unseal(const uint8_t key[32], struct bytes box, struct buf *plain)
{
    uint8_t own[32];
    if (box.n < AUDIT_SALT + AUDIT_TAG || box.n > AUDIT_BOX_MAX + AUDIT_SALT + AUDIT_TAG)
        return err_make(E_TAMPERED, "a box of %zu bytes holds nothing that was said", box.n);
    struct bytes sealed = bytes_sub(box, AUDIT_SALT, box.n - AUDIT_SALT - AUDIT_TAG), tag = bytes_sub(box, box.n - AUDIT_TAG, AUDIT_TAG);
    uint8_t *out = buf_room(plain, sealed.n + 1);
    if (out == NULL)
        return err_make(E_MEMORY, "no memory for what was said");
    bool ok = box_key(key, box.at, own) && decrypt(own, sealed, tag, out);
    bytes_wipe(own, sizeof own);
    if (!ok)
        return err_make(E_TAMPERED, "what was said does not open: it was changed, lost in a power failure, or sealed with another key");
    plain->n += sealed.n;
    return err_ok();
}

static uint64_t
get(const uint8_t *at, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v = v << 8 | at[i];
    return v;
}

static void
put(uint8_t *at, size_t n, uint64_t v)
{
    for (size_t i = n; i-- > 0; v >>= 8)
        at[i] = (uint8_t)v;
}

static void
segment_name(uint64_t segment, char out[32])
{
    snprintf(out, 32, "said.%llu", (unsigned long long)segment);
}

/* The next frame at ${at}; false at the end of what is whole. */
static bool
next_frame(int fd, uint64_t at, uint64_t bytes, uint64_t *index, uint64_t *n)
{
    uint8_t head[HEAD];
    if (at + HEAD > bytes || pread(fd, head, HEAD, (off_t)at) != HEAD)
        return false;
    *n = get(head, 4);
    *index = get(head + 4, 8);
    return *n >= AUDIT_SALT + AUDIT_TAG && *n <= AUDIT_BOX_MAX + AUDIT_SALT + AUDIT_TAG && at + HEAD + *n <= bytes;
}

static uint64_t
file_bytes(int fd)
{
    struct stat s;
    return fstat(fd, &s) == 0 ? (uint64_t)s.st_size : 0;
}

static struct err
open_segment(struct said_file *f, uint64_t segment)
{
    char name[32];
    segment_name(segment, name);
    if (f->fd >= 0)
        close(f->fd);
    f->fd = openat(f->dir, name, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    f->segment = segment;
    if (f->fd < 0 || !f->env->sync(f->env, f->dir))
        return err_make(E_LOG, "opening %s in the log folder: %s", name, strerror(errno));
    return err_ok();
}

static struct err
cut_segment(struct said_file *f, uint64_t size)
{
    uint64_t at = 0, bytes = file_bytes(f->fd), index, n, last = 0;
    while (next_frame(f->fd, at, bytes, &index, &n) && index < size && index >= last) {
        at += HEAD + n;
        last = index + 1;
    }
    if (at < bytes && ftruncate(f->fd, (off_t)at) != 0)
        return err_make(E_LOG, "cutting the torn end of said.%llu: %s", (unsigned long long)f->segment, strerror(errno));
    return err_ok();
}

struct err
said_open(struct said_file *f, struct env *env, const char *dir, uint64_t size)
{
    char next[32];
    uint64_t segment = size >> AUDIT_SEGMENT_BITS;
    *f = (struct said_file){.env = env, .fd = -1, .waiting = buf_make(WAITING_MAX)};
    f->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->dir < 0)
        return err_make(E_LOG, "opening %s: %s", dir, strerror(errno));
    segment_name(segment + 1, next); /* a batch that was lost may have begun it */
    if (unlinkat(f->dir, next, 0) != 0 && errno != ENOENT)
        return err_make(E_LOG, "removing %s of a lost batch: %s", next, strerror(errno));
    TRY(open_segment(f, segment));
    return cut_segment(f, size);
}

void
said_close(struct said_file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    if (f->dir >= 0)
        close(f->dir);
    buf_free(&f->waiting);
    f->fd = f->dir = -1;
}

struct err
said_write(struct said_file *f)
{
    if (f->waiting.n == 0)
        return err_ok();
    if (!f->env->write(f->env, f->fd, buf_bytes(&f->waiting)))
        return err_make(E_LOG, "writing said.%llu: %s", (unsigned long long)f->segment, strerror(errno));
    f->waiting.n = 0;
    f->unsynced = true;
    return err_ok();
}

struct err
said_sync(struct said_file *f)
{
    if (f->unsynced && !f->env->sync(f->env, f->fd))
        return err_make(E_LOG, "syncing said.%llu: %s", (unsigned long long)f->segment, strerror(errno));
    f->unsynced = false;
    return err_ok();
}

static struct err
turn_to(struct said_file *f, uint64_t segment)
{
    TRY(said_write(f));
    TRY(said_sync(f));
    return open_segment(f, segment);
}

struct err
said_put(struct said_file *f, uint64_t index, struct bytes box)
{
    uint8_t head[HEAD];
    if (box.n == 0)
        return err_ok();
    if (index >> AUDIT_SEGMENT_BITS != f->segment)
        TRY(turn_to(f, index >> AUDIT_SEGMENT_BITS));
    put(head, 4, box.n);
    put(head + 4, 8, index);
    buf_put(&f->waiting, bytes_make(head, HEAD));
    buf_put(&f->waiting, box);
    return f->waiting.failed ? err_make(E_MEMORY, "no memory for what was said") : err_ok();
}

static bool
is_zero(struct bytes b)
{
    for (size_t i = 0; i < b.n; i++)
        if (b.at[i] != 0)
            return false;
    return true;
}

static struct err
read_box(int fd, uint64_t at, uint64_t n, uint64_t index, struct buf *box)
{
    uint8_t *to = buf_room(box, n);
    if (to == NULL)
        return err_make(E_MEMORY, "no memory for what was said");
    if (pread(fd, to, n, (off_t)at) != (ssize_t)n)
        return err_make(E_IO, "reading what was said in record %llu: %s", (unsigned long long)index, strerror(errno));
    box->n += n;
    if (is_zero(buf_bytes(box)))
        return err_make(E_NOT_FOUND, "what was said in record %llu was deleted", (unsigned long long)index);
    return err_ok();
}

struct err
said_find(const char *dir, uint64_t index, struct buf *box)
{
    char path[4096];
    uint64_t at = 0, found, n = 0;
    snprintf(path, sizeof path, "%s/said.%llu", dir, (unsigned long long)(index >> AUDIT_SEGMENT_BITS));
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT)
        return err_make(E_NOT_FOUND, "what was said in record %llu was deleted", (unsigned long long)index);
    if (fd < 0)
        return err_make(E_IO, "opening %s: %s", path, strerror(errno));
    uint64_t bytes = file_bytes(fd);
    struct err e = err_make(E_NOT_FOUND, "what was said in record %llu is not there", (unsigned long long)index);
    for (; next_frame(fd, at, bytes, &found, &n) && found <= index; at += HEAD + n)
        if (found == index) {
            e = read_box(fd, at + HEAD, n, index, box);
            break;
        }
    close(fd);
    return e;
}
