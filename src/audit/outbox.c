/*
 * Rows that committed in the store together with a state change, on their way into the log, each exactly once and in order. A row is u32
 * box length, box, leaf without its closing brace; its number becomes the leaf's last member, and the log's highest number tells what
 * it already has.
 */
#include "audit/parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"

struct err
audit_outbox_row(struct audit *a, const struct audit_event *event, struct arena *arena, struct bytes *row)
{
    struct buf leaf = buf_make(TLOG_LEAF_MAX), box = buf_make(AUDIT_BOX_MAX + 64), out = buf_make(AUDIT_BOX_MAX + 64 + TLOG_LEAF_MAX);
    struct err e = atomic_load(&a->failed) ? err_make(E_LOG, "the log failed: nothing may take effect until Writ is started again")
                                           : audit_leaf(a->env, a->key, event, &leaf, &box);
    if (!err_failed(e)) {
        uint8_t n[4] = {(uint8_t)(box.n >> 24), (uint8_t)(box.n >> 16), (uint8_t)(box.n >> 8), (uint8_t)box.n};
        buf_put(&out, bytes_make(n, 4));
        buf_put(&out, buf_bytes(&box));
        buf_put(&out, buf_bytes(&leaf));
        *row = arena_copy(arena, buf_bytes(&out));
        if (out.failed || row->at == NULL)
            e = err_make(E_MEMORY, "no memory for an outbox row");
    }
    buf_free(&leaf);
    buf_free(&box);
    buf_free(&out);
    return e;
}

/* The finished leaf of a row; the store is trusted to hold rows, not to hold right ones. */
static struct err
finish_row(int64_t seq, struct bytes row, struct buf *leaf, struct bytes *box)
{
    struct arena arena = {0};
    struct json *object;
    size_t n = row.n < 4 ? SIZE_MAX : (size_t)row.at[0] << 24 | (size_t)row.at[1] << 16 | (size_t)row.at[2] << 8 | row.at[3];
    if (n > row.n - 4)
        return err_make(E_TAMPERED, "outbox row %lld is no log record: its length does not fit", (long long)seq);
    *box = bytes_sub(row, 4, n);
    buf_put(leaf, bytes_sub(row, 4 + n, row.n));
    buf_printf(leaf, ",\"outbox\":%lld}", (long long)seq);
    if (leaf->failed)
        return err_make(E_TAMPERED, "outbox row %lld is longer than a log record", (long long)seq);
    struct err e = json_parse(&arena, buf_bytes(leaf), NULL, &object);
    arena_free(&arena);
    return err_failed(e) ? err_make(E_TAMPERED, "outbox row %lld is no log record: %s", (long long)seq, e.text) : e;
}

static struct err
drain_row(int64_t seq, struct bytes row, void *ctx)
{
    struct audit *a = ctx;
    struct buf leaf = buf_make(TLOG_LEAF_MAX);
    struct bytes box;
    uint64_t index;
    if (seq <= a->outbox) /* "exactly once" does not hang on a store engine */
        return err_ok();
    struct err e = finish_row(seq, row, &leaf, &box);
    if (!err_failed(e))
        e = audit_put(a, buf_bytes(&leaf), box, &index);
    if (!err_failed(e)) {
        a->outbox = seq;
        a->outbox_index = index;
    }
    buf_free(&leaf);
    return e;
}

struct err
outbox_drain(struct audit *a)
{
    return store_outbox(a->store, a->outbox, drain_row, a);
}

/* Where the log has which number. */
struct seen {
    int64_t number;
    uint64_t index;
};

static int
see(uint64_t index, const void *leaf, size_t n, void *ctx)
{
    struct seen *seen = ctx;
    int64_t number = audit_leaf_outbox(bytes_make(leaf, n));
    if (number > seen->number)
        *seen = (struct seen){number, index};
    return 0;
}

static int
see_one(uint64_t index, const void *leaf, size_t n, void *ctx)
{
    see(index, leaf, n, ctx);
    return 1;
}

/* The file `outbox`, when what it says is true of the log: record ${index} carries ${number}, and records from ${size} are to be read. */
static bool
load_hint(struct audit *a, struct seen *seen, uint64_t *size)
{
    char path[4096], line[128] = "";
    unsigned long long from, index;
    long long number;
    snprintf(path, sizeof path, "%s/outbox", a->dir);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, line, sizeof line - 1);
    close(fd);
    if (n <= 0 || sscanf(line, "size %20llu number %19lld index %20llu end", &from, &number, &index) != 3 || strstr(line, " end\n") == NULL)
        return false;
    struct seen check = {0};
    bool ok = from <= tlog_size(a->log) && number > 0 && index < from && tlog_scan(a->dir, index, see_one, &check).code == TLOG_OK &&
              check.number == number && check.index == index;
    *seen = (struct seen){number, index};
    *size = from;
    return ok;
}

struct err
outbox_load(struct audit *a)
{
    struct seen seen = {0};
    uint64_t from = 0;
    if (!load_hint(a, &seen, &from)) {
        seen = (struct seen){0};
        from = 0;
    }
    struct tlog_error e = tlog_scan(a->dir, from, see, &seen);
    a->outbox = a->outbox_at_open = seen.number;
    a->outbox_index = seen.index;
    return e.code == TLOG_OK ? err_ok() : audit_log_error(a, e);
}

void
outbox_save(struct audit *a)
{
    char path[4096], temporary[4096], line[128];
    if (a->outbox == 0)
        return;
    int n = snprintf(line, sizeof line, "size %llu number %lld index %llu end\n", (unsigned long long)tlog_size(a->log), (long long)a->outbox,
                     (unsigned long long)a->outbox_index);
    snprintf(path, sizeof path, "%s/outbox", a->dir);
    snprintf(temporary, sizeof temporary, "%s/outbox.new", a->dir);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return;
    bool ok = a->env->write(a->env, fd, bytes_make(line, (size_t)n));
    close(fd);
    if (!ok || rename(temporary, path) != 0)
        unlink(temporary);
}

struct same {
    struct bytes row; /* what the store has for the log's highest number */
    bool any, right;
    struct audit *a;
};

static int
compare_leaf(uint64_t index, const void *leaf, size_t n, void *ctx)
{
    struct same *same = ctx;
    (void)index;
    same->right = bytes_eq(same->row, bytes_make(leaf, n));
    return 1;
}

static struct err
compare_row(int64_t seq, struct bytes row, void *ctx)
{
    struct same *same = ctx;
    struct buf leaf = buf_make(TLOG_LEAF_MAX);
    struct bytes box;
    if (seq > same->a->outbox)
        return err_ok();
    same->any = true;
    if (seq < same->a->outbox)
        return err_ok();
    struct err e = finish_row(seq, row, &leaf, &box);
    same->row = buf_bytes(&leaf);
    if (!err_failed(e)) {
        struct tlog_error failed = tlog_scan(same->a->dir, same->a->outbox_index, compare_leaf, same);
        if (failed.code != TLOG_OK)
            e = audit_log_error(same->a, failed);
    }
    buf_free(&leaf);
    return e;
}

/*
 * Rows are removed only from the front, so if the store still has any that the log has, the one with the log's highest number is among
 * them and must be that record. A store begun anew would number from 1 again, and its rows would be taken for recorded ones.
 */
struct err
outbox_check_store(struct audit *a)
{
    struct same same = {.a = a};
    if (a->outbox == 0)
        return err_ok();
    TRY(store_outbox(a->store, 0, compare_row, &same));
    if (same.any && !same.right)
        return err_make(E_TAMPERED, "the store is not the one this log belongs to: its outbox row %lld is not record %llu of %s",
                        (long long)a->outbox, (unsigned long long)a->outbox_index, a->dir);
    return err_ok();
}
