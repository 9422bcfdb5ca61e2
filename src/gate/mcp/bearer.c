/*
 * The HTTP face as a resource of OAuth: its metadata (RFC 9728) and its challenges (RFC 6750 §3, MCP 2026-07-28 "Authorization"). The token is the
 * endpoint's own secret, good for its writ, from its place, while the writ lives; nobody else's token is taken for anything.
 */
#include <stdio.h>

#include "gate/mcp/bearer.h"

#define WELL_KNOWN "/.well-known/oauth-protected-resource"
#define SCOPES_MAX 500 /* named in the metadata */

/* ------------------------------------------------------------------------------------------------------------ addresses */

/* As the client reached us: a loopback name (the face has checked that) with nothing but a port behind it. */
static bool
plain_host(struct bytes host)
{
    size_t end = host.n && host.at[0] == '[' ? bytes_find(host, ']') + 1 : bytes_find(host, ':');
    uint64_t port;
    return host.n > 0 && host.n < 64 && (end >= host.n || (host.at[end] == ':' && bytes_u64(bytes_sub(host, end + 1, host.n), &port)));
}

/* A path of this face goes into headers and documents as it came, or not at all. */
static bool
plain_path(struct bytes path)
{
    bool ok = path.n > 0 && path.n < 256;
    for (size_t i = 0; ok && i < path.n; i++)
        ok = path.at[i] > 0x20 && path.at[i] < 0x7f && path.at[i] != '"' && path.at[i] != '\\';
    return ok;
}

/* RFC 6749 §3.3: what a scope is made of. */
static bool
scope_ok(struct bytes scope)
{
    return plain_path(scope);
}

/* ------------------------------------------------------------------------------------------------------------- metadata */

static bool
granted(const struct writ *w, struct bytes destination)
{
    for (size_t i = 0; i < w->task->n_grants; i++)
        if (destination.n == 0 || bytes_is(destination, w->task->grants[i].destination->id))
            return true;
    return false;
}

bool
bearer_serves(const struct writ *w, struct bytes destination)
{
    return granted(w, destination);
}

/* The words of the writ's grants, each once: what a token for this resource could be asked to cover. */
static void
put_scopes(struct buf *b, const struct writ *w, struct bytes destination)
{
    const struct task *t = w->task;
    size_t n = 0;
    json_key(b, "scopes_supported");
    json_open(b, '[');
    for (size_t i = 0; i < t->n_grants && n < SCOPES_MAX; i++) {
        const struct grant *g = &t->grants[i];
        struct buf scope = buf_make(2048);
        bool again = false;
        for (size_t k = 0; k < i && !again; k++)
            again = t->grants[k].destination == g->destination && strcmp(t->grants[k].tool, g->tool) == 0;
        buf_printf(&scope, "%s/%s", g->destination->id, g->tool);
        if (!again && (destination.n == 0 || bytes_is(destination, g->destination->id)) && scope_ok(buf_bytes(&scope))) {
            json_item(b);
            json_put_text(b, buf_bytes(&scope));
            n++;
        }
        buf_free(&scope);
    }
    json_close(b, ']');
}

static void
put_metadata(struct buf *b, const struct gate *g, const struct writ *w, struct bytes host, struct bytes path, bool by_token)
{
    const struct authorization_settings *a = &g->snapshot->estate->settings.authorization;
    struct bytes rest = path, destination = bytes_make(NULL, 0);
    struct buf resource = buf_make(1024);
    while (rest.n)
        destination = bytes_split(&rest, '/');
    if (bytes_is(destination, "mcp"))
        destination = bytes_make(NULL, 0);
    buf_printf(&resource, "http://%.*s%.*s", BYTES_CUT(host, 64), BYTES_CUT(path, 256));
    json_open(b, '{');
    json_member_text(b, "resource", buf_bytes(&resource));
    if (a->servers && a->servers[0]) {
        json_key(b, "authorization_servers");
        json_open(b, '[');
        for (const char **s = a->servers; *s; s++) {
            json_item(b);
            json_put_text(b, bytes_str(*s));
        }
        json_close(b, ']');
    }
    put_scopes(b, w, destination);
    json_member_raw(b, "bearer_methods_supported", by_token ? BYTES("[\"header\"]") : BYTES("[]"));
    json_member_str(b, "resource_name", "Writ");
    if (a->documentation)
        json_member_str(b, "resource_documentation", a->documentation);
    json_close(b, '}');
    buf_free(&resource);
}

/* /mcp, /mcp/DESTINATION; the same below the secret, where no token is asked for. */
static bool
is_resource(const struct writ *w, const char *secret, struct bytes path, bool *by_token)
{
    struct bytes rest = bytes_sub(path, 1, path.n), first = bytes_split(&rest, '/');
    *by_token = bytes_is(first, "mcp");
    if (!*by_token && !bytes_same_secret(first, bytes_str(secret)))
        return false;
    if (!*by_token)
        first = bytes_split(&rest, '/');
    return bytes_is(first, "mcp") && bytes_find(rest, '/') == rest.n && (rest.at == NULL || rest.n > 0) && granted(w, rest);
}

bool
bearer_metadata(struct gate *g, const struct writ *w, const char *secret, struct http_exchange *x, const struct http_request *r)
{
    static const struct http_header fresh = {{(const uint8_t *)"Cache-Control", 13}, {(const uint8_t *)"no-store", 8}};
    struct bytes host = http_header(&r->headers, "host"), path;
    bool by_token = false;
    if (!bytes_starts(r->path, BYTES(WELL_KNOWN)))
        return false;
    path = bytes_sub(r->path, sizeof WELL_KNOWN - 1, r->path.n);
    if (!bytes_is(r->method, "GET") || !plain_host(host) || !plain_path(path) || path.at[0] != '/' || !is_resource(w, secret, path, &by_token)) {
        http_problem(x, err_make(E_NOT_FOUND, "there is no resource of that path; its metadata is at " WELL_KNOWN "/mcp or …/mcp/DESTINATION"));
        return true;
    }
    struct buf b = buf_make((size_t)1 << 20);
    put_metadata(&b, g, w, host, path, by_token);
    if (b.failed)
        http_problem(x, err_make(E_LIMIT, "the metadata is too large"));
    else
        http_respond(x, 200, "application/json", &fresh, 1, buf_bytes(&b));
    buf_free(&b);
    return true;
}

/* ------------------------------------------------------------------------------------------------------------ challenges */

static void
put_challenge(struct buf *b, const struct http_request *r, const char *error, struct bytes scope)
{
    struct bytes host = http_header(&r->headers, "host");
    const char *comma = " ";
    buf_puts(b, "Bearer");
    if (error) {
        buf_printf(b, " error=\"%s\"", error);
        comma = ", ";
    }
    if (scope.n) {
        buf_printf(b, "%sscope=\"%.*s\"", comma, BYTES_CUT(scope, 256));
        comma = ", ";
    }
    if (plain_host(host) && plain_path(r->path))
        buf_printf(b, "%sresource_metadata=\"http://%.*s" WELL_KNOWN "%.*s\"", comma, BYTES_CUT(host, 64), BYTES_CUT(r->path, 256));
}

static void
respond(struct http_exchange *x, int status, const char *type, const char *error, struct bytes scope, struct bytes body)
{
    struct buf challenge = buf_make(2048);
    put_challenge(&challenge, http_exchange_request(x), error, scope);
    struct http_header h = {BYTES("WWW-Authenticate"), buf_bytes(&challenge)};
    http_respond(x, status, type, &h, 1, body);
    buf_free(&challenge);
}

static void
respond_problem(struct http_exchange *x, int status, const char *code, const char *text, const char *error, struct bytes scope)
{
    struct buf b = buf_make(2048);
    http_put_problem(&b, status, code, text);
    respond(x, status, "application/problem+json", error, scope, buf_bytes(&b));
    buf_free(&b);
}

struct err
bearer_check(const char *secret, const struct http_request *r, bool *brought)
{
    struct bytes v = http_header(&r->headers, "authorization");
    size_t n = http_header_count(&r->headers, "authorization");
    bool scheme = n == 1 && v.n > 7 && bytes_same_case(bytes_sub(v, 0, 7), BYTES("Bearer "));
    *brought = n > 0;
    if (n == 0)
        return err_make(E_PROOF, "this address asks for the endpoint's secret as a bearer token");
    if (scheme && bytes_same_secret(bytes_trim(bytes_sub(v, 7, v.n)), bytes_str(secret)))
        return err_ok();
    return err_make(E_PROOF, "that token is not this endpoint's");
}

void
bearer_challenge(struct http_exchange *x, struct err why, bool brought)
{
    respond_problem(x, 401, err_name(why.code), why.text, brought ? "invalid_token" : NULL, bytes_make(NULL, 0));
}

void
bearer_refuse_place(struct http_exchange *x, struct bytes destination)
{
    struct buf scope = buf_make(512);
    buf_printf(&scope, "%.*s/*", BYTES_CUT(destination, 64));
    respond_problem(x, 403, "forbidden", "the task of this token grants nothing there", "insufficient_scope",
                    scope_ok(buf_bytes(&scope)) ? buf_bytes(&scope) : bytes_make(NULL, 0));
    buf_free(&scope);
}

bool
bearer_refused(struct http_exchange *x, struct bytes message)
{
    struct arena a = {.max = (size_t)64 << 20};
    struct rpc m;
    struct bytes scope = {NULL, 0};
    if (!err_failed(rpc_read(&a, message, &m)) && m.error)
        scope = json_text(json_get(m.error, "data"), "scope");
    bool lacks = scope.n > 0 && scope_ok(scope);
    if (lacks)
        respond(x, 403, "application/json", "insufficient_scope", scope, message);
    arena_free(&a);
    return lacks;
}
