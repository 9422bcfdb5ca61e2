/*
 * The thread that writes the log. Callers format and seal their record themselves and put it into a queue; the thread takes all that
 * waits, appends it, syncs once and calls back: group commit. While it syncs, the next group gathers.
 */
#include "audit/parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define QUEUE_COUNT_MAX 65536
#define QUEUE_BYTES_MAX ((size_t)64 << 20)
#define WAKE_BYTES ((size_t)1 << 20) /* so much does not wait for the window */
#define FLUSH_BYTES ((size_t)4 << 20) /* one write takes about so much */
#define SPARE_MAX ((size_t)4 << 20)
#define MS 1000000ull

/* Effects of the log. */

static int
log_write(void *ctx, int fd, const void *at, size_t n)
{
    struct audit *a = ctx;
    errno = 0;
    return a->env->write(a->env, fd, bytes_make(at, n)) ? 0 : errno ? errno : EIO;
}

static int
log_sync(void *ctx, int fd)
{
    struct audit *a = ctx;
    errno = 0;
    return a->env->sync(a->env, fd) ? 0 : errno ? errno : EIO;
}

static int
log_sign(void *ctx, const char *origin, uint64_t size, const uint8_t root[TLOG_HASH], uint8_t sig[64])
{
    struct audit *a = ctx;
    a->sign_error = keys_sign_checkpoint(a->keys, bytes_str(origin), size, root, sig);
    return err_failed(a->sign_error) ? EPERM : 0;
}

struct err
audit_log_error(const struct audit *a, struct tlog_error e)
{
    if (e.code == TLOG_SIGNER && err_failed(a->sign_error))
        return err_make(E_LOG, "%s: %s", e.text, a->sign_error.text);
    return err_make(e.code == TLOG_TAMPERED ? E_TAMPERED : e.code == TLOG_MEMORY ? E_MEMORY : E_LOG, "%s", e.text);
}

/* The thread's work. */

struct err
audit_put(struct audit *a, struct bytes leaf, struct bytes box, uint64_t *index)
{
    if (a->pending > FLUSH_BYTES)
        TRY(audit_flush(a));
    struct tlog_error e = tlog_append(a->log, leaf.at, leaf.n, index);
    if (e.code != TLOG_OK)
        return audit_log_error(a, e);
    a->pending += leaf.n + box.n;
    if (a->config.watch)
        a->config.watch(a->config.watch_ctx, *index, leaf);
    return said_put(&a->said, *index, box);
}

/* What was said goes first: a leaf without its sealed copy is a loss, a copy without its leaf is cut off at the next start. */
struct err
audit_flush(struct audit *a)
{
    TRY(said_write(&a->said));
    struct tlog_error e = tlog_flush(a->log, true);
    a->pending = 0;
    return e.code == TLOG_OK ? err_ok() : audit_log_error(a, e);
}

static struct err
write_head(struct audit *a)
{
    TRY(said_sync(&a->said));
    struct tlog_error e = tlog_checkpoint(a->log);
    a->head_due = 0;
    if (e.code != TLOG_OK)
        return audit_log_error(a, e);
    outbox_save(a);
    return err_ok();
}

/* The rows up to an item's number; ${failed} keeps why some could not be had without the log being at fault. */
static struct err
take_drain(struct audit *a, struct item *item, struct err *failed)
{
    if (a->store == NULL || item->drain <= a->outbox_at_open) {
        item->failed = true;
        *failed =
            a->store == NULL
                ? err_make(E_STATE, "this log has no store to drain")
                : err_make(E_TAMPERED,
                           "the log had outbox number %lld before Writ started: the store numbers anew, so it is not the one this log belongs to",
                           (long long)item->drain);
        return err_ok();
    }
    if (item->drain > a->outbox) {
        struct err e = outbox_drain(a);
        if (e.code == E_LOG || e.code == E_TAMPERED || e.code == E_MEMORY)
            return e;
        if (a->outbox < item->drain) {
            item->failed = true;
            *failed = err_failed(e) ? e : err_make(E_STORE, "outbox row %lld is not in the store", (long long)item->drain);
        }
    }
    item->index = a->outbox_index;
    return err_ok();
}

static struct err
take_item(struct audit *a, struct item *item, struct err *failed)
{
    if (item->drain > 0)
        return take_drain(a, item, failed);
    const uint8_t *at = (const uint8_t *)(item + 1);
    return audit_put(a, bytes_make(at, item->n_leaf), bytes_make(at + item->n_leaf, item->n_box), &item->index);
}

/* The item that stands behind ${item}, or the first one for NULL; NULL behind the last. */
static struct item *
next_item(const struct buf *batch, const struct item *item)
{
    size_t at = item ? (size_t)((const uint8_t *)item - batch->at) + item->size : 0;
    return at < batch->n ? (struct item *)(void *)(batch->at + at) : NULL;
}

static struct err
write_batch(struct audit *a, const struct buf *batch, struct err *failed)
{
    uint64_t size = tlog_size(a->log);
    int64_t outbox = a->outbox;
    for (struct item *item = next_item(batch, NULL); item != NULL; item = next_item(batch, item))
        TRY(take_item(a, item, failed));
    TRY(audit_flush(a));
    if (tlog_size(a->log) > size && a->head_due == 0)
        a->head_due = a->env->mono_ns(a->env) + a->config.head_ms * MS;
    if (a->outbox > outbox) {
        TRY(said_sync(&a->said)); /* the row goes, and its sealed copy with it */
        store_outbox_done(a->store, a->outbox);
    }
    return err_ok();
}

static void
answer(const struct buf *batch, struct err e, struct err failed)
{
    for (struct item *item = next_item(batch, NULL); item != NULL; item = next_item(batch, item))
        if (item->done != NULL)
            item->done(err_failed(e) ? e : item->failed ? failed : err_ok(), item->index, item->ctx);
}

static struct err
not_healthy(void)
{
    return err_make(E_LOG, "the log failed: nothing may take effect until Writ is started again");
}

/* Law 3: once it failed, it stays failed. Every error that reaches a caller from here is E_LOG. */
static struct err
fail(struct audit *a, struct err e)
{
    if (!err_failed(e))
        return e;
    atomic_store(&a->failed, true);
    return err_make(E_LOG, "%s", e.text);
}

static void
commit(struct audit *a, const struct buf *batch)
{
    struct err failed = err_ok(), e = atomic_load(&a->failed) ? not_healthy() : fail(a, write_batch(a, batch, &failed));
    answer(batch, e, failed);
}

/* When must the thread do something? UINT64_MAX: when it is woken. */
static uint64_t
due(const struct audit *a)
{
    uint64_t flush = a->queue.count ? a->queue.since + a->config.window_ms * MS : UINT64_MAX;
    uint64_t head = a->head_due && !atomic_load(&a->failed) ? a->head_due : UINT64_MAX;
    return flush < head ? flush : head;
}

/* Sleep as long as the clock of env says; it is looked at again afterwards, for it need not run like the system's. */
static void
sleep_until(struct audit *a, uint64_t until, uint64_t now)
{
    if (until == UINT64_MAX) {
        pthread_cond_wait(&a->wake, &a->lock);
        return;
    }
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    uint64_t at = (uint64_t)t.tv_nsec + (until - now);
    t.tv_sec += (time_t)(at / (1000 * MS));
    t.tv_nsec = (long)(at % (1000 * MS));
    pthread_cond_timedwait(&a->wake, &a->lock, &t);
}

/* The batch's room is kept for the next ones while they need as much. */
static void
keep_spare(struct audit *a, struct buf *batch)
{
    pthread_mutex_lock(&a->lock);
    if (batch->cap <= SPARE_MAX && batch->n > batch->cap / 8 && a->spare.at == NULL) {
        a->spare = *batch;
        a->spare.n = 0;
        *batch = (struct buf){0};
    }
    pthread_mutex_unlock(&a->lock);
    buf_free(batch);
}

/* Wait for work and take all that waits; false when the log is closing and nothing is left. */
static bool
next_batch(struct audit *a, struct buf *batch)
{
    pthread_mutex_lock(&a->lock);
    for (;;) {
        uint64_t now = a->env->mono_ns(a->env), until = due(a);
        if (a->stopping || a->queue.urgent || a->queue.items.n > WAKE_BYTES || now >= until)
            break;
        sleep_until(a, until, now);
    }
    bool more = !a->stopping || a->queue.count > 0;
    *batch = a->queue.items;
    a->queue = (struct queue){.items = a->spare};
    a->queue.items.max = QUEUE_BYTES_MAX;
    a->spare = (struct buf){0};
    pthread_mutex_unlock(&a->lock);
    return more;
}

static void *
run(void *arg)
{
    struct audit *a = arg;
    struct buf batch;
    while (next_batch(a, &batch)) {
        if (batch.n)
            commit(a, &batch);
        keep_spare(a, &batch);
        if (a->head_due && !atomic_load(&a->failed) && a->env->mono_ns(a->env) >= a->head_due)
            fail(a, write_head(a));
    }
    buf_free(&batch); /* the last one is empty */
    if (a->head_due && !atomic_load(&a->failed))
        fail(a, write_head(a));
    return NULL;
}

/* Callers. */

/* At the end of the queue; under its lock. False: it is full. */
static bool
put_item(struct queue *q, struct item *item, struct bytes leaf, struct bytes box)
{
    item->n_leaf = leaf.n;
    item->n_box = box.n;
    item->size = (sizeof *item + leaf.n + box.n + ITEM_ALIGN - 1) / ITEM_ALIGN * ITEM_ALIGN;
    uint8_t *to = q->count < QUEUE_COUNT_MAX ? buf_room(&q->items, item->size) : NULL;
    if (to == NULL) {
        q->items.failed = false; /* what waits is whole */
        return false;
    }
    memcpy(to, item, sizeof *item);
    if (leaf.n)
        memcpy(to + sizeof *item, leaf.at, leaf.n);
    if (box.n)
        memcpy(to + sizeof *item + leaf.n, box.at, box.n);
    q->items.n += item->size;
    q->count++;
    return true;
}

static struct err
enqueue(struct audit *a, struct item *item, struct bytes leaf, struct bytes box, bool urgent)
{
    bool wake = false;
    pthread_mutex_lock(&a->lock);
    bool taken = put_item(&a->queue, item, leaf, box);
    if (taken) {
        if (a->queue.count == 1)
            a->queue.since = a->env->mono_ns(a->env);
        wake = a->queue.count == 1 || (urgent && !a->queue.urgent) || a->queue.items.n > WAKE_BYTES;
        a->queue.urgent = a->queue.urgent || urgent;
    }
    pthread_mutex_unlock(&a->lock);
    if (wake)
        pthread_cond_signal(&a->wake);
    return taken ? err_ok() : err_make(E_BUSY, "too many log records wait to be written (%d): try again later", QUEUE_COUNT_MAX);
}

struct err
audit_append(struct audit *a, const struct audit_event *event, bool sync, audit_done *done, void *ctx)
{
    struct buf leaf = buf_make(TLOG_LEAF_MAX), box = buf_make(AUDIT_BOX_MAX + 64);
    struct item item = {.done = sync ? done : NULL, .ctx = ctx};
    if (!audit_healthy(a))
        return not_healthy();
    struct err e = audit_leaf(a->env, a->key, event, &leaf, &box);
    buf_putc(&leaf, '}');
    if (!err_failed(e) && leaf.failed)
        e = err_make(E_LIMIT, "a log record would have more than %d bytes", TLOG_LEAF_MAX);
    if (!err_failed(e))
        e = enqueue(a, &item, buf_bytes(&leaf), buf_bytes(&box), sync);
    buf_free(&leaf);
    buf_free(&box);
    return e;
}

struct err
audit_drain(struct audit *a, int64_t seq, audit_done *done, void *ctx)
{
    struct item item = {.done = done, .ctx = ctx, .drain = seq};
    if (!audit_healthy(a))
        return not_healthy();
    if (seq <= 0)
        return err_make(E_USAGE, "%lld is no outbox number", (long long)seq);
    return enqueue(a, &item, (struct bytes){NULL, 0}, (struct bytes){NULL, 0}, true);
}

bool
audit_healthy(const struct audit *a)
{
    return !atomic_load_explicit(&a->failed, memory_order_acquire);
}

/* Opening and closing. */

/* Ed25519 as SubjectPublicKeyInfo is a fixed prefix and the key (RFC 8410 §4). */
static struct err
public_key(struct keys *keys, uint8_t out[32])
{
    static const uint8_t prefix[12] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
    struct arena arena = {0};
    struct bytes der;
    struct err e = keys_public(keys, KEYS_LOG, &arena, &der);
    if (!err_failed(e) && (der.n != sizeof prefix + 32 || memcmp(der.at, prefix, sizeof prefix) != 0))
        e = err_make(E_KEYS, "the signer's log key is not an Ed25519 key");
    if (!err_failed(e))
        memcpy(out, der.at + sizeof prefix, 32);
    arena_free(&arena);
    return e;
}

static struct err
catch_up(struct audit *a)
{
    TRY(outbox_load(a));
    if (a->store == NULL)
        return err_ok();
    TRY(outbox_check_store(a));
    TRY(outbox_drain(a));
    TRY(audit_flush(a));
    TRY(said_sync(&a->said));
    if (a->outbox > 0)
        store_outbox_done(a->store, a->outbox);
    a->outbox_at_open = a->outbox;
    return err_ok();
}

/* A head is signed at once, so that a signer that remembers a longer log objects before anything depends on this one. */
static struct err
open_log(struct audit *a)
{
    uint8_t key[32];
    struct tlog_io io = {log_write, log_sync, log_sign, a};
    TRY(public_key(a->keys, key));
    TRY(keys_derive(a->keys, "log-payload", a->key));
    struct tlog_error e = tlog_open(a->dir, a->origin, key, &io, &a->log);
    if (e.code != TLOG_OK)
        return err_wrap(audit_log_error(a, e), "log %s", a->dir);
    TRY(said_open(&a->said, a->env, a->dir, tlog_size(a->log)));
    TRY(catch_up(a));
    return write_head(a);
}

static struct err
start_thread(struct audit *a)
{
    if (pthread_create(&a->thread, NULL, run, a) != 0)
        return err_make(E_SYSTEM, "the log's thread could not be started");
    a->started = true;
    return err_ok();
}

static struct audit *
make(struct env *env, const struct audit_config *config, struct keys *keys, struct store *store)
{
    pthread_condattr_t monotonic;
    struct audit *a = calloc(1, sizeof *a);
    if (a == NULL)
        return NULL;
    *a = (struct audit){.env = env, .config = *config, .keys = keys, .store = store, .said = {.dir = -1, .fd = -1}};
    a->config.window_ms = config->window_ms ? config->window_ms : 100;
    a->config.head_ms = config->head_ms ? config->head_ms : 1000;
    a->dir = strdup(config->dir);
    a->origin = strdup(config->origin);
    a->queue.items = buf_make(QUEUE_BYTES_MAX);
    pthread_mutex_init(&a->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&a->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return a;
}

struct err
audit_open(struct env *env, const struct audit_config *config, struct keys *keys, struct store *store, struct audit **out)
{
    *out = NULL;
    struct audit *a = make(env, config, keys, store);
    if (a == NULL || a->dir == NULL || a->origin == NULL) {
        audit_close(a);
        return err_make(E_MEMORY, "no memory for the log");
    }
    struct err e = open_log(a);
    if (!err_failed(e))
        e = start_thread(a);
    if (err_failed(e))
        audit_close(a);
    else
        *out = a;
    return e;
}

void
audit_close(struct audit *a)
{
    if (a == NULL)
        return;
    if (a->started) {
        pthread_mutex_lock(&a->lock);
        a->stopping = true;
        pthread_mutex_unlock(&a->lock);
        pthread_cond_signal(&a->wake);
        pthread_join(a->thread, NULL);
    }
    tlog_close(a->log);
    said_close(&a->said);
    buf_free(&a->queue.items);
    buf_free(&a->spare);
    bytes_wipe(a->key, sizeof a->key);
    pthread_mutex_destroy(&a->lock);
    pthread_cond_destroy(&a->wake);
    free(a->dir);
    free(a->origin);
    free(a);
}
