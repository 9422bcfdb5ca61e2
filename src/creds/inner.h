/*
 * Inside of src/creds, in the order a call meets it:
 *
 *   call.c      one HTTP request of a connection: wait for credentials, send, answer a refusal once with newer ones
 *   account.c   what a connection holds: values of its secrets, a seat where it needs tokens
 *   source*.c   where a secret comes from: sealed, file, Vault, Kubernetes
 *   seat.c      tokens for one destination as one person (or as Writ): one flight at a time fetches them
 *   discover.c  who gives tokens for a server: RFC 9728, RFC 8414, OpenID discovery
 *   client.c    who Writ is there: declared, metadata document, registered
 *   token.c     the token endpoint
 *   consent.c   a person's way to the authorization server and back; face.c the listener they come back to; pages.c what they see
 *   kept.c      what is kept of a person's account: facts in the store, the refresh token sealed by the signer
 *   parse_*.c   readers of outside bytes; door.c which addresses may be reached; fetch.c a bounded HTTP request
 */
#ifndef CREDS_INNER_H
#define CREDS_INNER_H

#include "creds/creds.h"
#include "creds/parse.h"

#define FETCH_MAX ((size_t)256 << 10)  /* bytes of an answer of an authorization server, a vault, a cluster */
#define FETCH_MS 15000                 /* of the whole of it */
#define VALUE_MS 300000                /* a fetched secret is asked for again after this, or after its lease */
#define VALUE_SHORT_MS 60000           /* … when its source names no lease */
#define VALUES_MAX 1024
#define TOKEN_MAX 8192
#define TOKEN_MS 300000                /* life of an access token whose answer does not say */
#define TOKEN_EARLY_MS 60000           /* refreshed this long before its end, or at 4/5 of a shorter life */
#define FAILED_MS 5000                 /* an authorization server that failed is not asked again within this */
#define CONSENT_MS 600000
#define CONSENTS_MAX 1000
#define STEP_UPS_MAX 2                 /* demands for more scope, within STEP_UP_MS, that are followed */
#define STEP_UP_MS 600000
#define SEATS_MAX 10000
#define SCOPE_MAX 2000

/* ------------------------------------------------------------------------------------------------------------------ doors */

/* An HTTP client that connects only where one declaration allows. Shared by all that have the same. */
enum door_kind {
    DOOR_SERVER, /* public addresses, declared networks; loopback when the declared address says so itself */
    DOOR_ISSUER, /* public addresses and declared networks only; trusts the system's certificates besides declared ones */
    DOOR_STORE,  /* Vault, Kubernetes: also private addresses; never link-local ones */
};
struct door {
    struct door *next;
    unsigned refs;
    struct creds *creds;
    char *key;
    enum door_kind kind;
    bool loopback;
    struct net_range *networks;
    size_t n_networks;
    struct net_tls *tls;
    struct http_client *client;
};
struct err
door_open(struct creds *c, enum door_kind kind, const struct destination *d, const char *declared, const char *ca_file, struct door **out) MUST_USE;
void door_close(struct door *o);
/* doors_sweep(c): free those that nobody uses. doors_shut(c): end all their calls, for good. */
void doors_sweep(struct creds *c);
void doors_shut(struct creds *c);
/* door_url(o, url): may this address, learned from elsewhere, be asked? https only, or http on a loopback that was declared. */
struct err door_url(const struct door *o, const char *url) MUST_USE;

/* ---------------------------------------------------------------------------------------------------------------- fetching */

struct fetched {
    struct err e; /* it could not be asked, or its answer was too long or too late */
    int status;
    struct bytes body;
    struct challenge challenge; /* of a 401 or 403 */
};
struct fetch;
typedef void fetch_done(const struct fetched *f, void *ctx);
/* fetch_start(o, request, done, ctx, out): ${done} comes once, never from inside. Redirects are not followed. Bodies are wiped. */
struct err fetch_start(struct door *o, const struct http_call_request *r, fetch_done *done, void *ctx, struct fetch **out) MUST_USE;
void fetch_cancel(struct fetch *f);

/* ----------------------------------------------------------------------------------------------------------------- sources */

/* A value under way. */
struct ask;
typedef void ask_done(struct err e, struct bytes value, uint64_t until_ns, void *ctx);
struct asking {
    struct creds *creds;
    const struct destination *destination;
    const struct secret_source *source;
    const char *ticket;
};
/* source_get(a, done, ctx, value, until_ns, later): the value now (*${later} NULL), or ${done} comes. until_ns 0: it may have changed already. */
struct err source_get(const struct asking *a, ask_done *done, void *ctx, struct secret *value, uint64_t *until_ns, struct ask **later) MUST_USE;
void ask_cancel(struct ask *k);
/* source_sweep(c, all): forget fetched values that have ended, or all. source_keep: remember one. */
void source_sweep(struct creds *c, bool all);
void source_keep(const struct asking *a, struct bytes value, uint64_t until_ns);
/* source_drop(a): it was refused; do not give the same from the cache. */
void source_drop(const struct asking *a);
/* file_read_secret(path, owner, out): a file that belongs to Writ, root or ${owner} (-1: nobody else) and that nobody else can read. */
struct err file_read_secret(const char *path, int owner, struct secret *out) MUST_USE;

struct value { /* in the cache */
    struct value *next;
    char *key;
    struct secret value;
    uint64_t until_ns;
};
/* vault.c, kubernetes.c */
struct err vault_ask(const struct asking *a, ask_done *done, void *ctx, struct ask **out) MUST_USE;
struct err kubernetes_ask(const struct asking *a, ask_done *done, void *ctx, struct ask **out) MUST_USE;
void vault_forget_all(struct creds *c);
struct ask { /* of both; each uses what it needs */
    struct asking what;
    ask_done *done;
    void *ctx;
    struct door *door;
    struct fetch *fetch;
    bool logged_in_anew;
};
struct ask *ask_make(const struct asking *a, ask_done *done, void *ctx);
/* ask_answer(k, e, value, until_ns): hands it over and frees. */
void ask_answer(struct ask *k, struct err e, struct bytes value, uint64_t until_ns);

/* ---------------------------------------------------------------------------------------------------------------- accounts */

struct held {
    struct secret value; /* with its prefix */
    uint64_t until_ns;
    uint8_t digest[32];  /* what was last put on record */
    bool recorded;
};
struct creds_account {
    struct creds_account *next, **at;
    struct creds *creds;
    struct estate *estate;
    const struct destination *destination;
    char ticket[ENV_ID_MAX], person[65];
    struct door *door;
    struct held *held;
    struct seat *seat; /* NULL: no tokens */
    size_t step;       /* of a preparation under way */
    bool busy, wants_token;
    struct ask *ask;
    struct seat_wait *seat_wait;
    struct ready { /* who waits */
        struct ready *next;
        creds_ready *fn;
        void *ctx;
    } *waiting;
    creds_value_fn *on_value; /* or NULL */
    void *on_value_ctx;
    unsigned refs;
    bool closed;
};
/* account_prepare: as creds_prepare, ${token}: also an access token where there is a way to one. */
struct err account_prepare(struct creds_account *a, bool token, creds_ready *ready, void *ctx, bool *later) MUST_USE;
void account_stop_waiting(struct creds_account *a, void *ctx);
/* account_refused(a): what it holds was refused; fetched values are dropped. Is there something newer to be tried? */
bool account_refused(struct creds_account *a);
void account_ref(struct creds_account *a);
void account_unref(struct creds_account *a);
/* record_secret(c, …): that a secret was given out, on record. */
struct err
record_secret(struct creds *c, const char *secret, const char *destination, const char *ticket, const char *person, const char *use) MUST_USE;

/* ---------------------------------------------------------------------------------------------------------------- plans */

/* Who gives tokens for one server, as found out or declared. In an arena of its own. */
struct plan {
    struct arena arena;
    unsigned refs;
    const char *resource; /* RFC 8707 */
    struct issuer_metadata as;
    const char *scopes;   /* of the protected resource's metadata, or NULL */
    bool found;           /* metadata of the resource was there (not the form of 2025-03-26) */
};
struct plan *plan_ref(struct plan *p);
void plan_unref(struct plan *p);

struct discovery;
typedef void discovered(struct err e, struct plan *plan, void *ctx);
/* discover(c, d, door, hint, done, ctx, out): ${hint}: the metadata address of a challenge, or "". ${done} never comes from inside. */
struct err discover(struct creds *c, const struct destination *d, struct door *door, const char *hint, discovered *done, void *ctx,
                    struct discovery **out) MUST_USE;
void discovery_cancel(struct discovery *d);
/* plan_declared(d): one that needs no discovery (token_endpoint), or NULL without memory. */
struct plan *plan_declared(const struct destination *d);
/* server_resource(d): what tokens for this destination are for, as declared. */
const char *server_resource(const struct destination *d);

/* ----------------------------------------------------------------------------------------------------- clients and tokens */

/* Who Writ is at one authorization server. */
struct client {
    char issuer[512], id[512];
    struct secret secret;
    enum oauth_auth auth;
    const char *key; /* of the estate, NULL but for private_key_jwt */
    bool registered; /* by ourselves */
};
void client_free(struct client *k);
/*
 * client_find(c, d, plan, ticket, k): the declared one, the metadata document, or one registered before. E_NOT_FOUND: it must be registered
 * (client_register), which the authorization server offers; E_UPSTREAM: it offers no way.
 */
struct err client_find(struct creds *c, const struct destination *d, const struct plan *plan, const char *ticket, struct client *k) MUST_USE;
struct registering;
typedef void client_registered(struct err e, void *ctx);
struct err client_register(struct creds *c, const struct destination *d, struct plan *plan, const char *ticket, struct door *door,
                           client_registered *done, void *ctx, struct registering **out) MUST_USE;
void registering_cancel(struct registering *r);
/* client_forget(c, d, issuer): it said that it does not know this client any more. */
void client_forget(struct creds *c, const struct destination *d, const char *issuer);
/* sealed_name(out, kind, a, b): "kind.<40 hex>" of what identifies it. */
#define SEALED_NAME_MAX 64
void sealed_name(char out[SEALED_NAME_MAX], const char *kind, const char *a, const char *b);
const char *redirect_address(const struct creds *c, char out[CREDS_URL_MAX]);

struct token_form { /* a request to the token endpoint; values are escaped as they are put */
    struct buf body;
    struct buf authorization;
};
void form_begin(struct token_form *f);
void form_put(struct token_form *f, const char *name, struct bytes value);
void form_free(struct token_form *f); /* wiped */
/* form_prove(f, c, d, k, audience, ticket): how the client proves itself. */
struct err form_prove(struct token_form *f, struct creds *c, const struct destination *d, const struct client *k, const char *audience,
                      const char *ticket) MUST_USE;
/* form_send(f, door, url, done, ctx, out): POST it; the form may be freed afterwards. */
struct err form_send(const struct token_form *f, struct door *door, const char *url, fetch_done *done, void *ctx, struct fetch **out) MUST_USE;
/* token_answer(f, a, out): the token in an answer, or what its refusal says. */
struct err token_answer(const struct fetched *f, struct arena *a, struct token_response *out) MUST_USE;

/* ------------------------------------------------------------------------------------------------------------------- seats */

enum seat_state { SEAT_NONE, SEAT_CONNECTED, SEAT_FAILING, SEAT_ENDED };
struct seat { /* where tokens for a destination are kept, as one person, or as Writ (person "") */
    struct seat *next;
    struct creds *creds;
    char destination[65], person[65];
    struct plan *plan;
    char hint[512];              /* metadata address of the last challenge */
    struct secret access;
    uint64_t serial;             /* of the token; the next one has another */
    uint64_t until_ns, early_ns;
    char wanted[SCOPE_MAX];      /* scopes that were asked for, ever */
    char challenged[SCOPE_MAX];  /* scope of the last challenge */
    bool rediscover, consent_first;
    unsigned step_ups;
    uint64_t step_up_ns;
    struct err failed;
    uint64_t failed_ns;
    struct flight *flight;
    struct seat_wait *waiting;
    /* a person's account */
    enum seat_state state;
    char issuer[512], scope[SCOPE_MAX], error[240], by[65];
    int64_t connected_ms, refreshed_ms, failing_ms;
    bool has_refresh;
};
typedef void seat_done(struct err e, void *ctx);
struct seat_wait {
    struct seat_wait *next;
    seat_done *done;
    void *ctx;
};
/* seat_find(c, destination, person, make). */
struct seat *seat_find(struct creds *c, const char *destination, const char *person, bool make);
/* seat_usable(s): there is a token that has not ended. */
bool seat_usable(const struct seat *s);
/* seat_get(s, a, done, ctx, wait): *${wait} NULL: seat_usable now; else ${done} comes. Starts the one flight. */
struct err seat_get(struct seat *s, struct creds_account *a, seat_done *done, void *ctx, struct seat_wait **wait) MUST_USE;
void seat_stop_waiting(struct seat *s, struct seat_wait *w);
/*
 * seat_refused(s, serial, status, challenge, again): a server refused token number ${serial}. *${again}: another may be had. An error says what a
 * person must do (E_CONSENT), or that the server goes on asking for more.
 */
struct err seat_refused(struct seat *s, uint64_t serial, int status, const struct challenge *challenge, bool *again) MUST_USE;
/* seat_take(s, t): a token came. seat_drop: it is used no more. */
struct err seat_take(struct seat *s, const struct token_response *t);
void seat_drop(struct seat *s);
void seat_free(struct seat *s);
/* seat_need_consent(s): as an error that says what the person can do. */
struct err seat_need_consent(const struct seat *s) MUST_USE;
void seat_cancel_flight(struct seat *s);
/* flight_start(s, a): fetch a token; the seat's waiting ones are told. flight_cancel: without a word. */
struct err flight_start(struct seat *s, struct creds_account *a) MUST_USE;
void flight_cancel(struct flight *f);
/* seat_landed(s, e): the flight is over. */
void seat_landed(struct seat *s, struct err e);
/* scope_add(to, max, scopes): the union, in order. */
void scope_add(char *to, size_t max, struct bytes scopes);
struct err seat_scope(const struct seat *s, const struct destination *d, const struct plan *plan, char out[SCOPE_MAX]);

/* ------------------------------------------------------------------------------------------------------ people's accounts */

/*
 * What is sealed of a person's account: the plan it was made by, and the refresh token. kept_seal: sealed first, then the facts stored.
 * kept_open: released by the signer for ${ticket}; ${refresh} is to be freed, ${plan} to be unreferenced.
 */
struct err kept_seal(struct seat *s, const struct plan *plan, struct bytes refresh) MUST_USE;
struct err kept_open(struct seat *s, const char *ticket, struct secret *refresh, struct plan **plan) MUST_USE;
void kept_store(struct seat *s);
void kept_forget(struct seat *s);
struct err kept_load(struct creds *c) MUST_USE;
/* kept_record(s, change, by, what): on record, as a privilege change. */
void kept_record(struct seat *s, const char *change, const char *by, const char *what);

struct consent;
/* plan_for_people(p): can a person's account be connected there? E_FORBIDDEN without PKCE S256. */
struct err plan_for_people(const struct plan *p) MUST_USE;
/* client_document(c, b, id, auth, scope): the metadata of this client, as registered or as the document ${id}. */
void client_document(const struct creds *c, struct buf *b, const char *client_id, int auth, const char *scope);
void consents_sweep(struct creds *c, bool all);
/* connects_cancel(c): those that creds_connect and creds_disconnect began. */
void connects_cancel(struct creds *c);
struct err face_use(struct creds *c) MUST_USE;
void face_close(struct creds *c);
/*
 * consent_open(c, path, x): the person followed the link (ID: they are shown what it is for), and went on from there (ID/PASS: they are sent to
 * sign in). consent_back: they came back. consent_left(k): their browser went away meanwhile.
 */
void consent_left(struct consent *k);
void consent_open(struct creds *c, struct bytes path, struct http_exchange *x);
void consent_back(struct creds *c, struct bytes query, struct http_exchange *x);

/* pages.c, face.c: what a browser is shown. */
struct consent_shown {
    const char *destination, *person, *by, *resource, *issuer, *scope, *go; /* go: the address behind the button */
};
void page(struct http_exchange *x, int status, const char *title, const char *text);
void page_refused(struct creds *c, struct http_exchange *x, int status, const char *title, const char *text);
void page_ask(struct http_exchange *x, const struct consent_shown *s);
void page_style(struct http_exchange *x);

struct creds {
    struct creds_config config;
    struct estate *estate;
    struct door *doors;
    struct value *values;
    size_t n_values;
    struct vault_session *vaults;
    struct creds_account *accounts;
    struct seat *seats;
    size_t n_seats;
    struct consent *consents;
    struct connecting *connecting;
    size_t n_consents;
    unsigned turned_away; /* requests of browsers that belong to no consent */
    struct http_server *face;
    char face_at[64];
    struct timer *sweep;
    bool closing;
};
uint64_t creds_now(const struct creds *c);

#endif
