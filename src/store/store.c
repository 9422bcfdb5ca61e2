/* The queue in front of an engine: writes are copied, one thread commits what waits in batches, and tells each writer how it went. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "store/engine.h"

#define QUEUE_MAX 65536                      /* writes */
#define QUEUE_BYTES_MAX ((size_t)256 << 20)  /* of their copies */
#define BATCH_MAX 256
#define PARTS_MAX 1024 /* puts, and rows, of one write */
#define KIND_MAX 32
#define ID_MAX 256
#define BODY_MAX ((size_t)4 << 20) /* of a record or a row */

static const struct store_engine *const engines[] = {&store_sqlite};

/* A queued write and everything it points to, in one allocation of ${size} bytes. */
struct waiting {
    struct waiting *next;
    struct store_write write;
    store_done *done;
    void *ctx;
    size_t size;
    struct err result;
    int64_t first_seq;
};

struct store {
    const struct store_engine *engine;
    void *db;
    pthread_t writer;
    pthread_mutex_t lock; /* everything below */
    pthread_cond_t work;
    struct waiting *first, **last;
    size_t n, bytes;
    int64_t trim; /* outbox rows up to this one may go; 0: none */
    bool closing;
};

/* ---- the writer thread ---- */

/* Up to BATCH_MAX writes from the head of the queue. Called with the lock. */
static struct waiting *
take_batch(struct store *s)
{
    struct waiting *batch = s->first, **end = &batch;
    for (int i = 0; i < BATCH_MAX && *end; i++) {
        s->n--;
        s->bytes -= (*end)->size;
        end = &(*end)->next;
    }
    s->first = *end;
    if (s->first == NULL)
        s->last = &s->first;
    *end = NULL;
    return batch;
}

static struct err
apply_all(struct store *s, struct waiting *batch, int64_t trim)
{
    /* Before the inserts, so that no bound, however wrong, can reach rows of this batch. */
    if (trim)
        TRY(s->engine->trim(s->db, trim));
    for (struct waiting *w = batch; w; w = w->next) {
        w->result = s->engine->apply(s->db, &w->write, &w->first_seq);
        if (err_failed(w->result) && w->result.code != E_STATE)
            return w->result;
    }
    return s->engine->commit(s->db);
}

static struct err
commit_batch(struct store *s, struct waiting *batch, int64_t trim)
{
    TRY(s->engine->begin(s->db));
    struct err e = apply_all(s, batch, trim);
    if (err_failed(e))
        s->engine->rollback(s->db);
    return e;
}

/* ${whole}: how the batch went; a write of a batch that failed has changed nothing, whatever it said before. */
static void
tell(struct waiting *batch, struct err whole)
{
    while (batch) {
        struct waiting *w = batch;
        batch = w->next;
        if (err_failed(whole))
            w->done(whole, 0, w->ctx);
        else
            w->done(w->result, err_failed(w->result) ? 0 : w->first_seq, w->ctx);
        free(w);
    }
}

static void *
write_loop(void *arg)
{
    struct store *s = arg;
    pthread_mutex_lock(&s->lock);
    for (;;) {
        while (s->first == NULL && s->trim == 0 && !s->closing)
            pthread_cond_wait(&s->work, &s->lock);
        if (s->first == NULL && s->trim == 0)
            break;
        struct waiting *batch = take_batch(s);
        int64_t trim = s->trim;
        s->trim = 0;
        pthread_mutex_unlock(&s->lock);
        struct err e = commit_batch(s, batch, trim);
        bool again = err_failed(e) && batch; /* rows that could not go will with a later batch */
        tell(batch, e);
        pthread_mutex_lock(&s->lock);
        if (again && trim > s->trim && !s->closing)
            s->trim = trim;
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* ---- opening and closing ---- */

static struct err
start_writer(struct store *s)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old); /* signals are for the threads that expect them */
    int code = pthread_create(&s->writer, NULL, write_loop, s);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (code != 0)
        return err_make(E_SYSTEM, "the store's thread cannot be started: %s", strerror(code));
    pthread_setname_np(s->writer, "writ-store");
    return err_ok();
}

static const struct store_engine *
engine_of(const char *url)
{
    for (size_t i = 0; i < sizeof engines / sizeof engines[0]; i++)
        if (bytes_starts(bytes_str(url), bytes_str(engines[i]->scheme)))
            return engines[i];
    return NULL;
}

static void
free_store(struct store *s)
{
    if (s->db)
        s->engine->close(s->db);
    pthread_cond_destroy(&s->work);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

struct err
store_open(struct env *env, const char *url, struct store **out)
{
    *out = NULL;
    const struct store_engine *engine = engine_of(url);
    if (engine == NULL)
        return err_make(E_USAGE, "unknown kind of store \"%.100s\"; use sqlite:/path/to/file.db", url);
    struct store *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_make(E_MEMORY, "no memory for a store");
    s->engine = engine;
    s->last = &s->first;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->work, NULL);
    struct err e = engine->open(env, url + strlen(engine->scheme), &s->db);
    if (!err_failed(e))
        e = start_writer(s);
    if (err_failed(e))
        free_store(s);
    else
        *out = s;
    return e;
}

void
store_close(struct store *s)
{
    if (s == NULL)
        return; /* Behave consistently with free(NULL). */
    pthread_mutex_lock(&s->lock);
    s->closing = true;
    pthread_cond_signal(&s->work);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->writer, NULL);
    free_store(s);
}

/* ---- queueing ---- */

static struct err
check_kind(const char *kind)
{
    size_t n = strnlen(kind, KIND_MAX + 1);
    if (n == 0 || n > KIND_MAX || strspn(kind, "abcdefghijklmnopqrstuvwxyz_") != n)
        return err_make(E_USAGE, "\"%.40s\" is no kind of record: 1 to %d characters of a-z and _", kind, KIND_MAX);
    return err_ok();
}

static struct err
check_put(const struct store_put *p)
{
    TRY(check_kind(p->kind));
    if (p->id.n == 0 || p->id.n > ID_MAX)
        return err_make(E_LIMIT, "the id of a %s has %zu bytes; 1 to %d are possible", p->kind, p->id.n, ID_MAX);
    if (p->body.n > BODY_MAX)
        return err_make(E_LIMIT, "a %s of %zu bytes; at most %zu are possible", p->kind, p->body.n, BODY_MAX);
    if (p->expect_version < STORE_ANY_VERSION)
        return err_make(E_USAGE, "%lld is no version of a %s", (long long)p->expect_version, p->kind);
    return err_ok();
}

/* Checks everything; ${size}: bytes of a copy. */
static struct err
check_write(const struct store_write *w, size_t *size)
{
    if (w->n_puts > PARTS_MAX || w->n_outbox > PARTS_MAX)
        return err_make(E_LIMIT, "a write of %zu records and %zu rows; at most %d of each are possible", w->n_puts, w->n_outbox, PARTS_MAX);
    *size = sizeof(struct waiting) + w->n_puts * (sizeof(struct store_put) + KIND_MAX + 1) + w->n_outbox * sizeof(struct bytes);
    for (size_t i = 0; i < w->n_puts; i++) {
        TRY(check_put(&w->puts[i]));
        *size += w->puts[i].id.n + w->puts[i].body.n;
    }
    for (size_t i = 0; i < w->n_outbox; i++) {
        if (w->outbox[i].n > BODY_MAX)
            return err_make(E_LIMIT, "an outbox row of %zu bytes; at most %zu are possible", w->outbox[i].n, BODY_MAX);
        *size += w->outbox[i].n;
    }
    return err_ok();
}

/* Copy ${b} to *${to}, which moves on. An empty slice that is there stays there: at == NULL means "delete". */
static struct bytes
copy(uint8_t **to, struct bytes b)
{
    if (b.at == NULL)
        return b;
    struct bytes made = {*to, b.n};
    if (b.n)
        memcpy(*to, b.at, b.n);
    *to += b.n;
    return made;
}

static struct waiting *
copy_write(const struct store_write *w, size_t size)
{
    struct waiting *q = malloc(size);
    if (q == NULL)
        return NULL;
    struct store_put *puts = (struct store_put *)(q + 1);
    struct bytes *rows = (struct bytes *)(puts + w->n_puts);
    uint8_t *to = (uint8_t *)(rows + w->n_outbox);
    for (size_t i = 0; i < w->n_puts; i++) {
        const struct store_put *p = &w->puts[i];
        const char *kind = (const char *)copy(&to, bytes_make(p->kind, strlen(p->kind) + 1)).at;
        puts[i] = (struct store_put){kind, copy(&to, p->id), copy(&to, p->body), p->expect_version};
    }
    for (size_t i = 0; i < w->n_outbox; i++)
        rows[i] = copy(&to, w->outbox[i]);
    *q = (struct waiting){.write = {puts, w->n_puts, rows, w->n_outbox}, .size = size};
    return q;
}

static struct err
enqueue(struct store *s, struct waiting *q)
{
    struct err e = err_ok();
    pthread_mutex_lock(&s->lock);
    if (s->closing) {
        e = err_make(E_STORE, "the store is closing");
    } else if (s->n >= QUEUE_MAX || q->size > QUEUE_BYTES_MAX - s->bytes) {
        e = err_make(E_BUSY, "%zu writes wait for the store's disk; try again later", s->n);
    } else {
        *s->last = q;
        s->last = &q->next;
        s->n++;
        s->bytes += q->size;
        pthread_cond_signal(&s->work);
    }
    pthread_mutex_unlock(&s->lock);
    return e;
}

struct err
store_commit(struct store *s, const struct store_write *w, store_done *done, void *ctx)
{
    size_t size = 0;
    TRY(check_write(w, &size));
    struct waiting *q = copy_write(w, size);
    if (q == NULL)
        return err_make(E_MEMORY, "no memory for a write of %zu bytes", size);
    q->done = done;
    q->ctx = ctx;
    struct err e = enqueue(s, q);
    if (err_failed(e))
        free(q);
    return e;
}

struct answer {
    pthread_mutex_t lock;
    pthread_cond_t come;
    bool is_there;
    struct err result;
    int64_t first_seq;
};

static void
answer_come(struct err e, int64_t first_seq, void *ctx)
{
    struct answer *a = ctx;
    pthread_mutex_lock(&a->lock);
    a->result = e;
    a->first_seq = first_seq;
    a->is_there = true;
    pthread_cond_signal(&a->come);
    pthread_mutex_unlock(&a->lock);
}

struct err
store_commit_wait(struct store *s, const struct store_write *w, int64_t *first_seq)
{
    struct answer a = {.lock = PTHREAD_MUTEX_INITIALIZER, .come = PTHREAD_COND_INITIALIZER};
    TRY(store_commit(s, w, answer_come, &a));
    pthread_mutex_lock(&a.lock);
    while (!a.is_there)
        pthread_cond_wait(&a.come, &a.lock);
    pthread_mutex_unlock(&a.lock);
    if (first_seq)
        *first_seq = a.first_seq;
    return a.result;
}

void
store_outbox_done(struct store *s, int64_t upto)
{
    pthread_mutex_lock(&s->lock);
    if (upto > s->trim && !s->closing) {
        s->trim = upto;
        pthread_cond_signal(&s->work);
    }
    pthread_mutex_unlock(&s->lock);
}

/* ---- reading ---- */

struct err
store_get(struct store *s, const char *kind, struct bytes id, struct arena *a, struct bytes *body, int64_t *version)
{
    TRY(check_kind(kind));
    return s->engine->get(s->db, kind, id, a, body, version);
}

struct err
store_scan(struct store *s, const char *kind, store_visit *fn, void *ctx)
{
    TRY(check_kind(kind));
    return s->engine->scan(s->db, kind, fn, ctx);
}

struct err
store_outbox(struct store *s, int64_t after, store_outbox_visit *fn, void *ctx)
{
    return s->engine->outbox(s->db, after, fn, ctx);
}
