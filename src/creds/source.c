/* Where secrets come from: one table of sources, a bounded cache of what was fetched, and files. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "creds/inner.h"

#define SECRET_MAX 32768

/* ------------------------------------------------------------------------------------------------------------------- cache */

static char *
cache_key(const struct asking *a)
{
    struct buf b = buf_make(4096);
    buf_printf(&b, "%s %d %s %s %s", a->destination->id, a->source->from, a->source->name, a->source->field,
               a->source->workspace ? a->source->workspace : "");
    if (a->source->from == SECRET_VAULT) /* an estate may name another place for the same path */
        buf_printf(&b, " %s %s", a->destination->vault->address, a->destination->vault->mount);
    char *key = b.failed ? NULL : strdup(buf_text(&b));
    buf_free(&b);
    return key;
}

static void
value_free(struct creds *c, struct value **at)
{
    struct value *v = *at;
    *at = v->next;
    c->n_values--;
    secret_free(&v->value);
    free(v->key);
    free(v);
}

/* cache_sweep(c, key, all): forget what has ended, what is called ${key}, or everything. */
static void
cache_sweep(struct creds *c, const char *key, bool all)
{
    uint64_t now = creds_now(c);
    for (struct value **at = &c->values; *at;)
        if (all || (*at)->until_ns <= now || (key && strcmp((*at)->key, key) == 0))
            value_free(c, at);
        else
            at = &(*at)->next;
}

void
source_sweep(struct creds *c, bool all)
{
    cache_sweep(c, NULL, all);
}

void
source_keep(const struct asking *a, struct bytes value, uint64_t until_ns)
{
    struct creds *c = a->creds;
    char *key = cache_key(a);
    struct value *v = key ? calloc(1, sizeof *v) : NULL;
    if (v)
        v->value = secret_make(value);
    if (v == NULL || v->value.at == NULL) {
        free(v);
        free(key);
        return; /* it is fetched again, then */
    }
    cache_sweep(c, key, false);
    while (c->n_values >= VALUES_MAX) {
        struct value **last = &c->values;
        while ((*last)->next)
            last = &(*last)->next;
        value_free(c, last);
    }
    v->key = key;
    v->until_ns = until_ns;
    v->next = c->values;
    c->values = v;
    c->n_values++;
}

static const struct value *
cached(const struct asking *a)
{
    char *key = cache_key(a);
    const struct value *found = NULL;
    for (const struct value *v = a->creds->values; v && key && !found; v = v->next)
        if (v->until_ns > creds_now(a->creds) && strcmp(v->key, key) == 0)
            found = v;
    free(key);
    return found;
}

void
source_drop(const struct asking *a)
{
    char *key = cache_key(a);
    if (key)
        cache_sweep(a->creds, key, false);
    free(key);
}

/* ------------------------------------------------------------------------------------------------------------------- files */

static struct err
check_file(int fd, const char *path, int owner)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return err_system("%.200s", path);
    if (!S_ISREG(st.st_mode))
        return err_make(E_KEYS, "%.200s is no file", path);
    if (st.st_uid != 0 && st.st_uid != geteuid() && (owner < 0 || st.st_uid != (uid_t)owner))
        return err_make(E_KEYS, "%.200s belongs to user %d; a secret belongs to Writ's own user, root, or the declared owner", path, (int)st.st_uid);
    if (st.st_mode & 077)
        return err_make(E_KEYS, "%.200s can be read or written by others (mode %03o); chmod 600 it", path, (unsigned)st.st_mode & 0777);
    return st.st_size > SECRET_MAX ? err_make(E_LIMIT, "%.200s has more than %d bytes", path, SECRET_MAX) : err_ok();
}

static struct err
read_all(int fd, const char *path, struct secret *out)
{
    uint8_t text[SECRET_MAX + 2];
    size_t n = 0;
    ssize_t got = 1;
    while (n < sizeof text && (got = read(fd, text + n, sizeof text - n)) != 0) {
        if (got < 0 && errno != EINTR)
            break;
        n += got > 0 ? (size_t)got : 0;
    }
    struct err e = got < 0 ? err_system("reading %.200s", path) : err_ok();
    if (!err_failed(e) && n && text[n - 1] == '\n')
        n -= n > 1 && text[n - 2] == '\r' ? 2 : 1; /* as editors leave it */
    if (!err_failed(e) && (n == 0 || n > SECRET_MAX || memchr(text, 0, n) || memchr(text, '\n', n)))
        e = err_make(E_KEYS, "%.200s must hold one line of 1 to %d bytes", path, SECRET_MAX);
    if (!err_failed(e) && (*out = secret_make(bytes_make(text, n))).at == NULL)
        e = err_make(E_MEMORY, "no memory for a secret");
    bytes_wipe(text, sizeof text);
    return e;
}

/* Kubernetes mounts its files as links (..data), so links are followed; what is checked is the open file itself. */
struct err
file_read_secret(const char *path, int owner, struct secret *out)
{
    *out = (struct secret){NULL, 0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? err_make(E_NOT_FOUND, "there is no file %.200s", path) : err_system("%.200s", path);
    struct err e = check_file(fd, path, owner);
    if (!err_failed(e))
        e = read_all(fd, path, out);
    close(fd);
    return e;
}

/* ------------------------------------------------------------------------------------------------------------------- asking */

struct ask *
ask_make(const struct asking *a, ask_done *done, void *ctx)
{
    struct ask *k = calloc(1, sizeof *k);
    if (k)
        *k = (struct ask){.what = *a, .done = done, .ctx = ctx};
    return k;
}

static void
ask_free(struct ask *k)
{
    door_close(k->door);
    free(k);
}

void
ask_cancel(struct ask *k)
{
    if (k == NULL)
        return; /* Behave consistently with free(NULL). */
    fetch_cancel(k->fetch);
    ask_free(k);
}

void
ask_answer(struct ask *k, struct err e, struct bytes value, uint64_t until_ns)
{
    if (err_failed(e))
        e = err_wrap(e, "the secret %.80s", k->what.source->name);
    else
        source_keep(&k->what, value, until_ns);
    k->done(e, value, until_ns, k->ctx);
    ask_free(k);
}

struct err
source_get(const struct asking *a, ask_done *done, void *ctx, struct secret *value, uint64_t *until_ns, struct ask **later)
{
    const struct secret_source *s = a->source;
    *later = NULL;
    *until_ns = UINT64_MAX;
    *value = (struct secret){NULL, 0};
    switch (s->from) {
    case SECRET_SEALED:
        return keys_release(a->creds->config.keys, bytes_str(s->name), bytes_str(a->destination->id), bytes_str(a->ticket), value);
    case SECRET_FILE:
        *until_ns = 0; /* looked at for every use */
        return file_read_secret(s->name, s->owner, value);
    case SECRET_VAULT:
    case SECRET_KUBERNETES:
        break;
    }
    const struct value *v = cached(a);
    if (v == NULL)
        return s->from == SECRET_VAULT ? vault_ask(a, done, ctx, later) : kubernetes_ask(a, done, ctx, later);
    *until_ns = v->until_ns;
    *value = secret_make(bytes_make(v->value.at, v->value.n));
    return value->at ? err_ok() : err_make(E_MEMORY, "no memory for a secret");
}
