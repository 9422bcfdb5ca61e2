/*
 * The part of destinations/NAME.yaml that says how credentials are made: sources of secrets, networks, Vault, Kubernetes, OAuth.
 */
#include "estate/fields.h"

#include <arpa/inet.h>

#define NETWORKS_MAX 32

/* ----------------------------------------------------------------------------------------------------------------- networks */

static bool
parse_range(struct bytes text, struct net_range *r)
{
    char host[64];
    size_t slash = bytes_find(text, '/');
    uint64_t bits = 0, most;
    if (slash >= sizeof host)
        return false;
    memcpy(host, text.at, slash);
    host[slash] = 0;
    *r = (struct net_range){{0}, 0};
    if (inet_pton(AF_INET, host, r->address + 12) == 1) {
        memset(r->address + 10, 0xff, 2);
        most = 32;
    } else if (inet_pton(AF_INET6, host, r->address) == 1) {
        most = 128;
    } else {
        return false;
    }
    bits = most;
    if (slash < text.n && (!bytes_u64(bytes_sub(text, slash + 1, SIZE_MAX), &bits) || bits > most))
        return false;
    r->bits = (uint8_t)(128 - most + bits);
    for (size_t i = r->bits; i < 128; i++)
        if (r->address[i / 8] & (0x80 >> i % 8))
            return false; /* 10.0.0.1/8: what is meant? */
    return true;
}

struct net_range *
read_networks(struct loader *l, const struct yaml *y, const char *path, const char **texts, size_t *n)
{
    size_t given = 0;
    *n = 0;
    while (texts && texts[given])
        given++;
    if (given > NETWORKS_MAX)
        refuse(l, y, path, "at most %d", NETWORKS_MAX);
    struct net_range *list = estate_list(l, given, sizeof *list);
    for (size_t i = 0; i < given && given <= NETWORKS_MAX && list; i++)
        if (parse_range(bytes_str(texts[i]), &list[*n]))
            ++*n;
        else
            refuse(l, y, path, "'%.60s' is no network; write its first address and its length, such as 10.1.0.0/16", texts[i]);
    return list;
}

/* ------------------------------------------------------------------------------------------------------------------- sources */

/* A path below a mount of Vault, or a name in Kubernetes: nothing that could climb, end a path or begin a query. */
static bool
path_piece(const char *text)
{
    struct bytes rest = bytes_str(text);
    while (rest.at) {
        struct bytes part = bytes_split(&rest, '/');
        if (part.n == 0 || bytes_is(part, ".") || bytes_is(part, ".."))
            return false;
        for (size_t i = 0; i < part.n; i++)
            if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", part.at[i]))
                return false;
    }
    return true;
}

static void
refuse_for(struct loader *l, const struct yaml *y, const char *path, const char *key, const char *with)
{
    if (yaml_get(y, key))
        refuse(l, yaml_get(y, key), join(l, path, bytes_str(key)), "has a meaning only with %s; remove it", with);
}

static const char *
field_source(struct loader *l, const struct yaml *y, const char *path, const struct secret_file *f, struct secret_source *out)
{
    const char *kind = out->from == SECRET_VAULT ? "vault" : "kubernetes";
    if (f->field == NULL || f->field[0] == 0)
        refuse(l, y, path, "give field, the one of its values that is meant");
    if (!path_piece(out->name) || (out->from == SECRET_KUBERNETES && strchr(out->name, '/')))
        refuse(l, yaml_get(y, kind), join(l, path, bytes_str(kind)), "must be letters, digits, '.', '_', '-'%s",
               out->from == SECRET_VAULT ? " and single slashes between them" : "");
    if (f->workspace && (!path_piece(f->workspace) || strchr(f->workspace, '/')))
        refuse(l, yaml_get(y, "namespace"), join(l, path, BYTES("namespace")), "must be letters, digits, '.', '_' and '-'");
    out->field = f->field ? f->field : "";
    out->workspace = f->workspace;
    char *text = arena_printf(&l->estate->arena, "%s:%s#%s", kind, out->name, out->field);
    l->memory = l->memory || text == NULL;
    return text;
}

const char *
read_source(struct loader *l, const struct yaml *y, const char *path, const struct secret_file *f, struct secret_source *out)
{
    const char *const names[] = {f->secret, f->file, f->vault, f->kubernetes};
    size_t given = 0;
    *out = (struct secret_source){.name = "", .owner = f->owner};
    for (size_t i = 0; i < 4; i++)
        if (names[i])
            given++, out->from = (enum secret_from)i, out->name = names[i];
    if (given != 1) {
        refuse(l, y, path, "give exactly one of secret, file, vault and kubernetes");
        return "";
    }
    if (out->from != SECRET_FILE)
        refuse_for(l, y, path, "owner", "file");
    if (out->from != SECRET_KUBERNETES)
        refuse_for(l, y, path, "namespace", "kubernetes");
    if (out->from == SECRET_VAULT || out->from == SECRET_KUBERNETES)
        return field_source(l, y, path, f, out);
    refuse_for(l, y, path, "field", "vault or kubernetes");
    if (out->from == SECRET_SEALED && bytes_ends(bytes_str(out->name), BYTES(".key")))
        refuse(l, y, path, "'%s' is a private key, which the signer never gives out; it serves server.oauth.key", out->name);
    if (out->from == SECRET_SEALED)
        return out->name;
    char *text = arena_printf(&l->estate->arena, "file:%s", out->name);
    l->memory = l->memory || text == NULL;
    return text;
}

/* ------------------------------------------------------------------------------------------------------- Vault, Kubernetes */

static void
check_address(struct loader *l, const struct yaml *y, const char *path, const char *address)
{
    const char *fault = address ? url_fault(bytes_str(address)) : NULL;
    if (fault)
        refuse(l, yaml_get(y, "address"), join(l, path, BYTES("address")), "%s", fault);
    else if (address && address[strlen(address) - 1] == '/')
        refuse(l, yaml_get(y, "address"), join(l, path, BYTES("address")), "write it without the slash at its end");
}

static void
read_login(struct loader *l, const struct yaml *y, const struct vault_file *f, struct vault_access *v)
{
    static const char *const mounts[] = {"", "approle", "kubernetes", "jwt"};
    const char *const ways[] = {f->token_file, f->role_id, f->kubernetes_role, f->jwt_role};
    size_t given = 0;
    for (size_t i = 0; i < 4; i++)
        if (ways[i])
            given++, v->login = (enum vault_login)i;
    if (given != 1) {
        refuse(l, y, "server.vault", "give exactly one of token_file, role_id, kubernetes_role and jwt_role");
        return;
    }
    v->role = v->login == VAULT_TOKEN ? NULL : ways[v->login];
    v->file = v->login == VAULT_TOKEN ? f->token_file : v->login == VAULT_APPROLE ? f->secret_id_file : f->jwt_file;
    if (v->login == VAULT_KUBERNETES && v->file == NULL)
        v->file = "/var/run/secrets/kubernetes.io/serviceaccount/token";
    if (v->file == NULL)
        refuse(l, y, "server.vault", v->login == VAULT_APPROLE ? "role_id needs secret_id_file" : "jwt_role needs jwt_file");
    v->login_mount = f->login_mount ? f->login_mount : mounts[v->login];
    if (v->login != VAULT_TOKEN && !path_piece(v->login_mount))
        refuse(l, yaml_get(y, "login_mount"), "server.vault.login_mount", "is no path of a mount");
}

static void
read_vault(struct loader *l, const struct yaml *y, struct destination *d)
{
    struct vault_file f = {0};
    fields_read(l, &table_vault, y, "server.vault", &f);
    struct vault_access *v = estate_list(l, 1, sizeof *v);
    if (v == NULL)
        return;
    *v = (struct vault_access){.address = f.address, .ca_file = f.ca_file, .workspace = f.workspace, .mount = f.mount, .version = (unsigned)f.kv};
    check_address(l, y, "server.vault", f.address);
    if (f.kv != 1 && f.kv != 2)
        refuse(l, yaml_get(y, "kv"), "server.vault.kv", "must be 1 or 2");
    if (!path_piece(f.mount))
        refuse(l, yaml_get(y, "mount"), "server.vault.mount", "is no path of a mount");
    if (f.workspace && !path_piece(f.workspace))
        refuse(l, yaml_get(y, "namespace"), "server.vault.namespace", "is no name of a namespace");
    read_login(l, y, &f, v);
    d->vault = v;
}

static void
read_kubernetes(struct loader *l, const struct yaml *y, struct destination *d)
{
    static const struct yaml empty = {.type = YAML_MAP};
    struct kubernetes_file f = {0};
    fields_read(l, &table_kubernetes, y ? y : &empty, "server.kubernetes", &f);
    struct kubernetes_access *k = estate_list(l, 1, sizeof *k);
    if (k == NULL)
        return;
    *k = f.access;
    check_address(l, y, "server.kubernetes", k->address);
    if (k->workspace && (!path_piece(k->workspace) || strchr(k->workspace, '/')))
        refuse(l, yaml_get(y, "namespace"), "server.kubernetes.namespace", "must be letters, digits, '.', '_' and '-'");
    d->kubernetes = k;
}

/* --------------------------------------------------------------------------------------------------------------------- OAuth */

static void
check_url(struct loader *l, const struct yaml *y, const char *key, const char *value)
{
    const char *fault = value ? url_fault(bytes_str(value)) : NULL;
    if (fault)
        refuse(l, yaml_get(y, key), join(l, "server.oauth", bytes_str(key)), "%s", fault);
}

static void
check_client(struct loader *l, const struct yaml *y, const struct oauth_use *o)
{
    bool as_client = o->grant == OAUTH_CLIENT_CREDENTIALS;
    if (as_client && o->client_id == NULL)
        refuse(l, y, "server.oauth", "client_credentials needs client_id");
    if (as_client && !o->client_secret == !o->key)
        refuse(l, y, "server.oauth", "client_credentials needs client_secret or key");
    if (o->client_secret && o->key)
        refuse(l, yaml_get(y, "key"), "server.oauth.key", "give client_secret or key, not both");
    if ((o->client_secret || o->key) && o->client_id == NULL)
        refuse(l, y, "server.oauth", "whose secret is it? give client_id");
    if (o->client_secret && o->issuer == NULL && o->token_endpoint == NULL)
        refuse(l, y, "server.oauth", "client_secret goes to one authorization server only; say which: issuer, or token_endpoint");
    if (o->key && !bytes_ends(bytes_str(o->key), BYTES(".key")))
        refuse(l, yaml_get(y, "key"), "server.oauth.key", "a private key's name ends in .key, so that the signer never gives it out");
    if (o->client_secret && bytes_ends(bytes_str(o->client_secret), BYTES(".key")))
        refuse(l, yaml_get(y, "client_secret"), "server.oauth.client_secret", "'%s' is a private key; write key:", o->client_secret);
    if (o->auth >= 0 && (o->auth == OAUTH_AUTH_JWT) != (o->key != NULL))
        refuse(l, yaml_get(y, "auth"), "server.oauth.auth", o->key ? "a key is used by private_key_jwt" : "private_key_jwt needs key");
    if ((o->auth == OAUTH_AUTH_BASIC || o->auth == OAUTH_AUTH_POST) && o->client_secret == NULL && o->client_id)
        refuse(l, yaml_get(y, "auth"), "server.oauth.auth", "needs client_secret");
    if (o->auth == OAUTH_AUTH_NONE && o->client_secret)
        refuse(l, yaml_get(y, "auth"), "server.oauth.auth", "none, and a client_secret?");
}

static void
check_scopes(struct loader *l, const struct yaml *y, const char **scopes)
{
    for (; *scopes; scopes++)
        for (const char *c = *scopes; *c || c == *scopes; c++)
            if (*c < 0x21 || *c > 0x7e || *c == '"' || *c == '\\') { /* RFC 6749 §3.3 */
                refuse(l, yaml_get(y, "scopes"), "server.oauth.scopes", "'%.60s' is no scope", *scopes);
                break;
            }
}

static void
read_oauth(struct loader *l, const struct yaml *y, struct destination *d)
{
    static const char *none[] = {NULL};
    struct oauth_file f = {.auth = -1, .scopes = none};
    fields_read(l, &table_oauth, y, "server.oauth", &f);
    struct oauth_use *o = estate_list(l, 1, sizeof *o);
    if (o == NULL)
        return;
    *o = (struct oauth_use){.grant = (enum oauth_grant)f.grant,
                            .auth = f.auth,
                            .issuer = f.issuer,
                            .token_endpoint = f.token_endpoint,
                            .client_id = f.client_id,
                            .client_secret = f.client_secret,
                            .key = f.key,
                            .resource = f.resource,
                            .scopes = f.scopes};
    check_url(l, y, "issuer", o->issuer);
    check_url(l, y, "token_endpoint", o->token_endpoint);
    check_url(l, y, "resource", o->resource);
    check_client(l, y, o);
    check_scopes(l, y, o->scopes);
    if (o->token_endpoint && (o->grant != OAUTH_CLIENT_CREDENTIALS || o->issuer))
        refuse(l, yaml_get(y, "token_endpoint"), "server.oauth.token_endpoint",
               "stands instead of discovery and issuer, with client_credentials only");
    for (size_t i = 0; i < d->n_secrets; i++)
        if (d->secrets[i].header && bytes_same_case(bytes_str(d->secrets[i].header), BYTES("authorization")))
            refuse(l, y, "server.oauth", "sets the header Authorization; remove it from headers");
    d->oauth = o;
}

void
read_credentials(struct loader *l, const struct yaml *server, const struct server_file *s, struct destination *d)
{
    bool vault = false, kubernetes = false;
    for (size_t i = 0; i < d->n_secrets; i++) {
        vault |= d->secrets[i].source.from == SECRET_VAULT;
        kubernetes |= d->secrets[i].source.from == SECRET_KUBERNETES;
    }
    d->networks = read_networks(l, yaml_get(server, "networks"), "server.networks", s->networks, &d->n_networks);
    if (s->vault)
        read_vault(l, s->vault, d);
    else if (vault)
        refuse(l, server, "server", "a secret comes from Vault; say where that is: vault: { address: https://…, … }");
    if (s->kubernetes || kubernetes)
        read_kubernetes(l, s->kubernetes, d);
    if (s->oauth)
        read_oauth(l, s->oauth, d);
}

void
check_credentials(struct loader *l)
{
    struct estate *e = l->estate;
    for (size_t i = 0; i < e->n_destinations; i++) {
        const struct destination *d = &e->destinations[i];
        if (d->oauth && d->oauth->grant == OAUTH_PERSON && e->settings.connect.listen == NULL)
            finding_add(
                l, FINDING_ERROR, d->place.file, d->place.line, 0,
                "server.oauth: grant person needs a place where people's browsers come back; add connect: { listen: 127.0.0.1:8931 } to writ.yaml");
    }
}
