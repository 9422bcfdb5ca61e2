/* Readers of what servers send: nothing here waits, nothing here reaches out. Each has a fuzz target. */
#ifndef CREDS_PARSE_H
#define CREDS_PARSE_H

#include "base/arena.h"
#include "base/err.h"
#include "net/http.h"

/* A Bearer challenge of WWW-Authenticate (RFC 6750 §3, RFC 9728 §5.1). Empty texts: not said. */
struct challenge {
    bool bearer;
    char error[64], scope[1024], resource_metadata[512];
};
/* challenge_read(h, out): of all such fields of a response; a field that is not well-formed counts as none. */
void challenge_read(const struct http_headers *h, struct challenge *out);
void challenge_parse(struct bytes field, struct challenge *out);

/* Protected resource metadata (RFC 9728 §2). */
struct resource_metadata {
    const char *resource;
    const char **servers; /* NULL-terminated, one at least */
    const char *scopes;   /* joined by spaces, or NULL */
};
struct err resource_metadata_read(struct arena *a, struct bytes body, struct resource_metadata *out) MUST_USE;

/* Authorization server metadata (RFC 8414 §2, OpenID Connect Discovery 1.0 §3). */
struct issuer_metadata {
    const char *issuer, *authorization, *token, *registration, *revocation;
    const char *scopes;    /* joined by spaces, or NULL */
    unsigned auth_methods; /* bits of enum oauth_auth; 0: not said, which means client_secret_basic */
    bool s256, metadata_document, sends_iss;
};
struct err issuer_metadata_read(struct arena *a, struct bytes body, struct issuer_metadata *out) MUST_USE;

/* A token response (RFC 6749 §5.1), or the error of one (§5.2). */
struct token_response {
    struct bytes access, refresh, scope;
    bool has_scope;
    int64_t expires_s; /* -1: not said */
    char error[64];    /* "" for a token */
};
struct err token_response_read(struct arena *a, struct bytes body, int status, struct token_response *out) MUST_USE;

/* A registration response (RFC 7591 §3.2.1). */
struct registration {
    struct bytes id, secret;
    int auth; /* enum oauth_auth, -1: not said */
};
struct err registration_read(struct arena *a, struct bytes body, struct registration *out) MUST_USE;

/* Vault: the login's token, and a value of KV. Kubernetes: a value of a Secret. ${lease_s} 0: none. */
struct err vault_login_read(struct arena *a, struct bytes body, struct bytes *token, int64_t *lease_s) MUST_USE;
struct err vault_value_read(struct arena *a, struct bytes body, unsigned version, const char *field, struct bytes *value, int64_t *lease_s) MUST_USE;
struct err kubernetes_value_read(struct arena *a, struct bytes body, const char *field, struct bytes *value) MUST_USE;

/* url_join_well_known(a, url, name, form): the three forms of MCP's discovery. */
enum well_known_form { WELL_KNOWN_INSERTED, WELL_KNOWN_ROOT, WELL_KNOWN_APPENDED };
const char *well_known(struct arena *a, const char *url, const char *name, enum well_known_form form);
/* url_covers(wider, narrower): the same origin, and a path at or below it. */
bool url_covers(const char *wider, const char *narrower);
bool url_has_path(const char *url);

/* query_value(a, query, name, out): an application/x-www-form-urlencoded value; false when it is there twice or badly escaped. */
bool query_value(struct arena *a, struct bytes query, const char *name, struct bytes *out);
void percent_put(struct buf *b, struct bytes text);

#endif
