/* JSON of authorization servers, Vault and Kubernetes. What is not as its RFC says is refused; what is not asked about is passed over. */
#include <stdlib.h>

#include "base/json.h"
#include "creds/parse.h"
#include "estate/credentials.h"

#define LIST_MAX 64
#define TEXT_MAX 8192

static struct err
parse(struct arena *a, struct bytes body, const char *what, const struct json **out)
{
    static const struct json_limits limits = {.bytes = (size_t)256 << 10, .depth = 16, .nodes = 10000};
    struct json *tree = NULL;
    /* Its text may quote what it was given, a secret among it: of a bad document only the place is said. */
    struct err e = json_parse(a, body, &limits, &tree);
    if (e.code == E_MEMORY)
        return e;
    if (err_failed(e) || tree->type != JSON_OBJECT)
        return err_make(E_UPSTREAM, "%s is no JSON object", what);
    *out = tree;
    return err_ok();
}

/* A text of printable ASCII without spaces, as URLs, tokens and client ids are. NULL: absent, or not that. */
static const char *
plain(struct arena *a, const struct json *object, const char *key)
{
    struct bytes b = json_text(object, key);
    if (b.n == 0 || b.n > TEXT_MAX)
        return NULL;
    for (size_t i = 0; i < b.n; i++)
        if (b.at[i] <= 0x20 || b.at[i] >= 0x7f)
            return NULL;
    return arena_str(a, b);
}

/* A list of scopes, joined; scopes hold no spaces (RFC 6749 §3.3). */
static const char *
joined(struct arena *a, const struct json *list)
{
    struct buf b = buf_make(TEXT_MAX);
    if (!json_is(list, JSON_ARRAY) || list->count == 0)
        return NULL;
    for (const struct json *v = list->child; v; v = v->next) {
        bool ok = v->type == JSON_STRING && v->text.n > 0;
        for (size_t i = 0; ok && i < v->text.n; i++)
            ok = v->text.at[i] > 0x20 && v->text.at[i] < 0x7f && v->text.at[i] != '"' && v->text.at[i] != '\\';
        if (ok) {
            buf_puts(&b, b.n ? " " : "");
            buf_put(&b, v->text);
        }
    }
    const char *text = b.failed || b.n == 0 ? NULL : arena_str(a, buf_bytes(&b));
    buf_free(&b);
    return text;
}

static bool
lists(const struct json *list, const char *text)
{
    for (const struct json *v = json_is(list, JSON_ARRAY) ? list->child : NULL; v; v = v->next)
        if (v->type == JSON_STRING && bytes_is(v->text, text))
            return true;
    return false;
}

static bool
is_true(const struct json *object, const char *key)
{
    const struct json *v = json_get(object, key);
    return json_is(v, JSON_BOOL) && v->truth;
}

struct err
resource_metadata_read(struct arena *a, struct bytes body, struct resource_metadata *out)
{
    const struct json *top = NULL;
    size_t n = 0;
    *out = (struct resource_metadata){0};
    TRY(parse(a, body, "the protected resource metadata", &top));
    const struct json *list = json_get(top, "authorization_servers");
    out->resource = plain(a, top, "resource");
    out->scopes = joined(a, json_get(top, "scopes_supported"));
    if (out->resource == NULL)
        return err_make(E_UPSTREAM, "the protected resource metadata names no resource");
    if (!json_is(list, JSON_ARRAY) || list->count == 0 || list->count > LIST_MAX)
        return err_make(E_UPSTREAM, "the protected resource metadata names no authorization server");
    out->servers = arena_list(a, list->count + 1, sizeof *out->servers);
    for (const struct json *v = list->child; v && out->servers; v = v->next) {
        struct json one = *v;
        one.key = BYTES("issuer");
        one.next = NULL;
        struct json object = {.type = JSON_OBJECT, .child = &one, .count = 1};
        const char *text = plain(a, &object, "issuer");
        if (text)
            out->servers[n++] = text;
    }
    return out->servers == NULL ? err_make(E_MEMORY, "no memory for metadata")
           : n                  ? err_ok()
                                : err_make(E_UPSTREAM, "the protected resource metadata names no authorization server");
}

struct err
issuer_metadata_read(struct arena *a, struct bytes body, struct issuer_metadata *out)
{
    const struct json *top = NULL;
    *out = (struct issuer_metadata){0};
    TRY(parse(a, body, "the authorization server's metadata", &top));
    out->issuer = plain(a, top, "issuer");
    out->authorization = plain(a, top, "authorization_endpoint");
    out->token = plain(a, top, "token_endpoint");
    out->registration = plain(a, top, "registration_endpoint");
    out->revocation = plain(a, top, "revocation_endpoint");
    out->scopes = joined(a, json_get(top, "scopes_supported"));
    const struct json *methods = json_get(top, "token_endpoint_auth_methods_supported");
    for (unsigned i = 0; oauth_auth_names[i]; i++)
        out->auth_methods |= lists(methods, oauth_auth_names[i]) ? 1u << i : 0;
    out->s256 = lists(json_get(top, "code_challenge_methods_supported"), "S256");
    out->metadata_document = is_true(top, "client_id_metadata_document_supported");
    out->sends_iss = is_true(top, "authorization_response_iss_parameter_supported");
    if (out->issuer == NULL || out->token == NULL)
        return err_make(E_UPSTREAM, "the authorization server's metadata names no issuer or no token endpoint");
    return err_ok();
}

/* What stands in a header as it is: RFC 6750 §2.1 b64token, and a little more, as servers do. */
static bool
bearer_ok(struct bytes t)
{
    for (size_t i = 0; i < t.n; i++)
        if (t.at[i] <= 0x20 || t.at[i] >= 0x7f || t.at[i] == '"' || t.at[i] == '\\' || t.at[i] == ',')
            return false;
    return t.n > 0 && t.n <= TEXT_MAX;
}

static void
read_error(const struct json *top, char to[64])
{
    struct bytes b = json_text(top, "error");
    size_t n = 0;
    for (size_t i = 0; i < b.n && n < 63; i++)
        if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.", b.at[i]))
            to[n++] = (char)b.at[i];
    to[n] = 0;
    if (n == 0 || n != b.n)
        memcpy(to, "unnamed", 8);
}

/* "expires_in" is a number; some servers send it as a text. */
static int64_t
seconds(const struct json *v)
{
    uint64_t n;
    if (json_is(v, JSON_INT))
        return v->number >= 0 && v->number < INT32_MAX ? v->number : -1;
    return json_is(v, JSON_STRING) && bytes_u64(v->text, &n) && n < INT32_MAX ? (int64_t)n : -1;
}

struct err
token_response_read(struct arena *a, struct bytes body, int status, struct token_response *out)
{
    const struct json *top = NULL;
    *out = (struct token_response){.expires_s = -1};
    struct err e = parse(a, body, "the answer of the token endpoint", &top);
    if (status != 200 && status != 201) {
        if (err_failed(e))
            return err_make(E_UPSTREAM, "the token endpoint answered with HTTP status %d", status);
        read_error(top, out->error);
        return err_ok();
    }
    TRY(e);
    if (json_get(top, "error")) {
        read_error(top, out->error);
        return err_ok();
    }
    struct bytes type = json_text(top, "token_type");
    out->access = json_text(top, "access_token");
    out->refresh = json_text(top, "refresh_token");
    out->has_scope = json_is(json_get(top, "scope"), JSON_STRING);
    out->scope = json_text(top, "scope");
    out->expires_s = seconds(json_get(top, "expires_in"));
    if (!bearer_ok(out->access) || (out->refresh.at && !bearer_ok(out->refresh) && out->refresh.n))
        return err_make(E_UPSTREAM, "the token endpoint gave no token that can be used");
    if (!bytes_same_case(type, BYTES("Bearer")))
        return err_make(E_UPSTREAM, "the token endpoint gave a token of another type than Bearer");
    for (size_t i = 0; i < out->scope.n; i++)
        if (out->scope.at[i] < 0x20 || out->scope.at[i] >= 0x7f)
            return err_make(E_UPSTREAM, "the token endpoint named a scope that is none");
    return err_ok();
}

struct err
registration_read(struct arena *a, struct bytes body, struct registration *out)
{
    const struct json *top = NULL;
    *out = (struct registration){.auth = -1};
    TRY(parse(a, body, "the answer of the registration endpoint", &top));
    const char *id = plain(a, top, "client_id"), *secret = plain(a, top, "client_secret");
    if (id == NULL || strlen(id) > 500)
        return err_make(E_UPSTREAM, "the registration endpoint gave no client id that can be used");
    out->id = bytes_str(id);
    out->secret = bytes_str(secret);
    struct bytes method = json_text(top, "token_endpoint_auth_method");
    for (int i = 0; oauth_auth_names[i]; i++)
        if (bytes_is(method, oauth_auth_names[i]))
            out->auth = i;
    if (method.n && out->auth < 0)
        return err_make(E_UPSTREAM, "the registration endpoint wants a way to prove the client that Writ does not have");
    return err_ok();
}

/* --------------------------------------------------------------------------------------------------------- Vault, Kubernetes */

struct err
vault_login_read(struct arena *a, struct bytes body, struct bytes *token, int64_t *lease_s)
{
    const struct json *top = NULL;
    TRY(parse(a, body, "the vault's answer to a login", &top));
    const struct json *auth = json_get(top, "auth");
    *token = json_text(auth, "client_token");
    *lease_s = seconds(json_get(auth, "lease_duration"));
    return bearer_ok(*token) && *lease_s >= 0 ? err_ok() : err_make(E_UPSTREAM, "the vault's answer to a login holds no token");
}

static struct err
value_ok(struct bytes value, const char *field)
{
    if (value.n == 0)
        return err_make(E_UPSTREAM, "it has no value '%.60s' that is a text", field);
    if (value.n > 32768)
        return err_make(E_LIMIT, "its value '%.60s' has more than 32768 bytes", field);
    return err_ok();
}

struct err
vault_value_read(struct arena *a, struct bytes body, unsigned version, const char *field, struct bytes *value, int64_t *lease_s)
{
    const struct json *top = NULL;
    TRY(parse(a, body, "the vault's answer", &top));
    const struct json *data = json_get(top, "data");
    if (version == 2)
        data = json_get(data, "data");
    *value = json_text(data, field);
    *lease_s = seconds(json_get(top, "lease_duration"));
    return value_ok(*value, field);
}

struct err
kubernetes_value_read(struct arena *a, struct bytes body, const char *field, struct bytes *value)
{
    const struct json *top = NULL;
    TRY(parse(a, body, "the cluster's answer", &top));
    struct bytes coded = json_text(json_get(top, "data"), field);
    uint8_t *plain_text = coded.n ? arena_get(a, coded.n) : NULL;
    size_t n = 0;
    if (coded.n && plain_text == NULL)
        return err_make(E_MEMORY, "no memory for a secret");
    if (coded.n && !bytes_unbase64(coded, plain_text, &n))
        return err_make(E_UPSTREAM, "its value '%.60s' is no base64", field);
    *value = bytes_make(plain_text, n);
    return value_ok(*value, field);
}
