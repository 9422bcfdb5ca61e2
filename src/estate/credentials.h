/* How a destination's credentials are made, as declared in destinations/NAME.yaml. Nothing here is a secret. docs/credentials.md. */
#ifndef ESTATE_CREDENTIALS_H
#define ESTATE_CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Addresses that may be reached besides public ones. */
struct net_range {
    uint8_t address[16]; /* IPv4 as ::ffff:a.b.c.d */
    uint8_t bits;        /* of those 128 */
};

/* Where a secret lies. */
enum secret_from { SECRET_SEALED, SECRET_FILE, SECRET_VAULT, SECRET_KUBERNETES };
struct secret_source {
    enum secret_from from;
    const char *name;      /* of the sealed secret; path of the file; path below the mount; name of the Kubernetes Secret */
    const char *field;     /* Vault and Kubernetes: which of its values */
    const char *workspace; /* Kubernetes: its namespace, NULL: the declared one or our own */
    int owner;             /* file: the only user it may belong to besides Writ's own and root; -1: none */
};

enum vault_login { VAULT_TOKEN, VAULT_APPROLE, VAULT_KUBERNETES, VAULT_JWT };
struct vault_access {
    const char *address, *ca_file, *workspace; /* workspace: the namespace, or NULL */
    const char *mount;                         /* of the KV engine */
    unsigned version;                          /* 1 or 2 */
    enum vault_login login;
    const char *login_mount, *role, *file;     /* file: of the token, of the AppRole's secret id, or of the JWT */
};

struct kubernetes_access {
    const char *address, *ca_file, *token_file, *workspace; /* workspace: NULL: the one of the service account */
};

enum oauth_grant { OAUTH_CLIENT_CREDENTIALS, OAUTH_PERSON };
enum oauth_auth { OAUTH_AUTH_BASIC, OAUTH_AUTH_POST, OAUTH_AUTH_JWT, OAUTH_AUTH_NONE };
extern const char *const oauth_grant_names[], *const oauth_auth_names[];
struct oauth_use {
    enum oauth_grant grant;
    int auth;                    /* enum oauth_auth; -1: as the authorization server takes it */
    const char *issuer;          /* the only authorization server it may be; NULL: the one that the server names */
    const char *token_endpoint;  /* instead of discovery; client credentials only */
    const char *client_id;       /* NULL: a metadata document, or registration */
    const char *client_secret;   /* name of a sealed secret, or NULL */
    const char *key;             /* name of a sealed private key ("….key"), or NULL */
    const char *resource;        /* RFC 8707; NULL: the server's address */
    const char **scopes;         /* asked for besides what the server says; NULL-terminated */
};

/* writ.yaml: how people come back from an authorization server. */
struct connect_settings {
    const char *listen;          /* "127.0.0.1:PORT", NULL: nobody can connect an account */
    const char *url;             /* as browsers reach it; default http://LISTEN */
    const char *client_metadata; /* address of the client id metadata document, or NULL */
};

#endif
