/* Secrets of a Kubernetes cluster, read through its API with the service account that Writ runs under. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "creds/inner.h"

#define SERVICE_ACCOUNT_NAMESPACE "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

static void
got_value(const struct fetched *f, void *ctx)
{
    struct ask *k = ctx;
    struct arena a = {0};
    struct bytes value = {NULL, 0};
    struct err e = f->e;
    k->fetch = NULL;
    if (!err_failed(e) && f->status == 404)
        e = err_make(E_NOT_FOUND, "the cluster has no such Secret");
    else if (!err_failed(e) && (f->status == 401 || f->status == 403))
        e = err_make(E_FORBIDDEN, "the cluster does not let Writ's service account read it (HTTP status %d)", f->status);
    else if (!err_failed(e) && f->status != 200)
        e = err_make(E_UPSTREAM, "the cluster answered with HTTP status %d", f->status);
    if (!err_failed(e))
        e = kubernetes_value_read(&a, f->body, k->what.source->field, &value);
    ask_answer(k, e, value, creds_now(k->what.creds) + VALUE_SHORT_MS * (uint64_t)1000000);
    if (value.n)
        bytes_wipe((void *)(uintptr_t)value.at, value.n); /* decoded, in the arena */
    arena_free(&a);
}

/* The namespace of the service account is no secret: its file may be readable by everyone. */
static const char *
namespace_of(const struct asking *a, char own[256])
{
    const struct kubernetes_access *k = a->destination->kubernetes;
    if (a->source->workspace)
        return a->source->workspace;
    if (k->workspace)
        return k->workspace;
    int fd = open(SERVICE_ACCOUNT_NAMESPACE, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, own, 254);
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return NULL;
    own[n] = 0;
    own[strspn(own, "abcdefghijklmnopqrstuvwxyz0123456789-")] = 0;
    return own[0] ? own : NULL;
}

static struct err
begin(struct ask *k)
{
    const struct kubernetes_access *access = k->what.destination->kubernetes;
    char own[256];
    struct secret token;
    const char *workspace = namespace_of(&k->what, own);
    if (workspace == NULL)
        return err_make(E_ESTATE, "in which namespace? give server.kubernetes.namespace, or run Writ in the cluster");
    TRY(file_read_secret(access->token_file, -1, &token));
    struct buf url = buf_make(2048), authorization = buf_make(40000);
    struct err e = buf_room(&authorization, 40000) ? err_ok() : err_make(E_MEMORY, "no memory for a request");
    buf_printf(&url, "%s/api/v1/namespaces/%s/secrets/%s", access->address, workspace, k->what.source->name);
    buf_puts(&authorization, "Bearer ");
    buf_put(&authorization, bytes_make(token.at, token.n));
    struct http_header headers[] = {{BYTES("Authorization"), buf_bytes(&authorization)}, {BYTES("Accept"), BYTES("application/json")}};
    struct http_call_request r = {.method = "GET", .url = buf_text(&url), .headers = headers, .n = 2};
    if (!err_failed(e))
        e = fetch_start(k->door, &r, got_value, k, &k->fetch);
    bytes_wipe(authorization.at, authorization.cap);
    buf_free(&authorization);
    buf_free(&url);
    secret_free(&token);
    return e;
}

struct err
kubernetes_ask(const struct asking *a, ask_done *done, void *ctx, struct ask **out)
{
    const struct kubernetes_access *access = a->destination->kubernetes;
    struct ask *k = ask_make(a, done, ctx);
    if (k == NULL)
        return err_make(E_MEMORY, "no memory for a secret");
    struct err e = door_open(a->creds, DOOR_STORE, a->destination, access->address, access->ca_file, &k->door);
    if (!err_failed(e))
        e = begin(k);
    if (err_failed(e)) {
        ask_cancel(k);
        return err_wrap(e, "the secret %.80s of the cluster", a->source->name);
    }
    *out = k;
    return err_ok();
}
