/* Files of a log: opening, the records of the journal in order, and scanning for those who only read. */
#include "tlog/parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BYTES ((size_t)256 << 10) /* more than the longest record */

struct tlog_error
tlog_fail_io(int number, const char *what, const char *name)
{
    char text[128];
    const char *said = strerror_r(number, text, sizeof text);
    if (number == ENOSPC || number == EDQUOT || number == EFBIG)
        return tlog_fail(TLOG_FULL, "%s %s: %s: make room, then start again", what, name, said);
    return tlog_fail(TLOG_IO, "%s %s: %s", what, name, said);
}

int
tlog_file(int dir, const char *name, int flags)
{
    return dir < 0 ? open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : openat(dir, name, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
}

int64_t
tlog_file_size(int fd)
{
    struct stat s;
    return fd >= 0 && fstat(fd, &s) == 0 && S_ISREG(s.st_mode) ? (int64_t)s.st_size : 0;
}

ssize_t
tlog_pread(int fd, void *at, size_t n, uint64_t from)
{
    size_t have = 0;
    while (have < n) {
        ssize_t got = pread(fd, (uint8_t *)at + have, n - have, (off_t)(from + have));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        have += (size_t)got;
    }
    return (ssize_t)have;
}

bool
tlog_offset_read(int fd, uint64_t n, uint64_t *at)
{
    uint8_t bytes[8];
    *at = 0;
    if (n == 0)
        return true;
    if (fd < 0 || tlog_pread(fd, bytes, 8, (n - 1) * 8) != 8)
        return false;
    *at = tlog_get_u64(bytes);
    return *at <= INT64_MAX;
}

bool
tlog_reader_start(struct tlog_reader *r, int fd, uint64_t at)
{
    *r = (struct tlog_reader){.fd = fd, .at = at, .buf = malloc(READ_BYTES), .hash = tlog_hasher()};
    if (r->buf != NULL && r->hash != NULL)
        return true;
    tlog_reader_end(r);
    return false;
}

void
tlog_reader_end(struct tlog_reader *r)
{
    free(r->buf);
    EVP_MD_CTX_free(r->hash);
    r->buf = NULL;
    r->hash = NULL;
}

/* At least ${n} bytes in the buffer, or as many as the file has. */
static bool
fill(struct tlog_reader *r, size_t n)
{
    if (r->have - r->used >= n)
        return true;
    memmove(r->buf, r->buf + r->used, r->have - r->used);
    r->have -= r->used;
    r->used = 0;
    ssize_t got = tlog_pread(r->fd, r->buf + r->have, READ_BYTES - r->have, r->at + r->have);
    if (got < 0) {
        r->number = errno;
        return false;
    }
    r->have += (size_t)got;
    return true;
}

enum tlog_found
tlog_reader_next(struct tlog_reader *r)
{
    if (!fill(r, TLOG_FRAME))
        return TLOG_ERROR;
    size_t there = r->have - r->used;
    if (there < TLOG_FRAME)
        return there ? TLOG_SHORT : TLOG_END;
    size_t n = (size_t)r->buf[r->used] << 8 | r->buf[r->used + 1];
    if (!fill(r, TLOG_FRAME + n))
        return TLOG_ERROR;
    if (r->have - r->used < TLOG_FRAME + n)
        return TLOG_SHORT;
    const uint8_t *frame = r->buf + r->used;
    if (!tlog_hash_leaf(r->hash, frame + TLOG_FRAME, n, r->leaf_hash)) {
        r->number = ENOMEM;
        return TLOG_ERROR;
    }
    if (memcmp(frame + 2, r->leaf_hash, TLOG_CHECK) != 0)
        return TLOG_BAD;
    r->leaf = frame + TLOG_FRAME;
    r->n = n;
    r->used += TLOG_FRAME + n;
    r->at += TLOG_FRAME + n;
    return TLOG_RECORD;
}

/* `offsets` is only a hint: the record it leads to must carry the hash that stands in `hashes` for it. */
static bool
jump(struct tlog_reader *r, int dir, uint64_t to)
{
    uint8_t expected[TLOG_HASH];
    int offsets = tlog_file(dir, "offsets", 0), hashes = tlog_file(dir, "hashes", 0);
    struct tlog_reader probe;
    bool ok = tlog_offset_read(offsets, to, &probe.at) && tlog_stored_read(hashes, 0, to, expected) && tlog_reader_start(&probe, r->fd, probe.at);
    if (ok) {
        uint64_t at = probe.at;
        ok = tlog_reader_next(&probe) == TLOG_RECORD && memcmp(probe.leaf_hash, expected, TLOG_HASH) == 0;
        tlog_reader_end(&probe);
        if (ok)
            r->at = at;
    }
    if (offsets >= 0)
        close(offsets);
    if (hashes >= 0)
        close(hashes);
    return ok;
}

static struct tlog_error
scan(struct tlog_reader *r, uint64_t index, uint64_t from, tlog_visit *fn, void *ctx)
{
    for (;; index++) {
        enum tlog_found found = tlog_reader_next(r);
        if (found == TLOG_END || found == TLOG_SHORT) /* short: a writer is at work, or was when it died */
            return tlog_ok();
        if (found == TLOG_ERROR)
            return tlog_fail_io(r->number, "reading", "journal");
        if (found == TLOG_BAD)
            return tlog_fail(TLOG_TAMPERED, "record %llu does not fit its check: verify the log; after a crash, starting the writer repairs its end",
                             (unsigned long long)index);
        if (index >= from && fn(index, r->leaf, r->n, ctx) != 0)
            return tlog_ok();
    }
}

struct tlog_error
tlog_scan(const char *dir, uint64_t from, tlog_visit *fn, void *ctx)
{
    int folder = tlog_file(-1, dir, 0);
    int journal = folder < 0 ? -1 : tlog_file(folder, "journal", 0);
    struct tlog_reader r;
    struct tlog_error e;
    if (journal < 0)
        e = tlog_fail_io(errno, "opening the journal in", dir);
    else if (!tlog_reader_start(&r, journal, 0))
        e = tlog_fail(TLOG_MEMORY, "no memory for reading the log");
    else {
        e = scan(&r, from && jump(&r, folder, from) ? from : 0, from, fn, ctx);
        tlog_reader_end(&r);
    }
    if (journal >= 0)
        close(journal);
    if (folder >= 0)
        close(folder);
    return e;
}
