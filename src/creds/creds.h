/*
 * Credentials: what a connection to a destination proves itself with, and how that is made, kept fresh and taken back. Secrets come sealed
 * from the signer or by reference (a file, Vault or OpenBao, Kubernetes); access tokens by OAuth, as Writ itself or as the person a writ
 * is on behalf of. An agent sees none of it, and nothing an agent sent becomes part of it. docs/credentials.md.
 *
 * Everything belongs to the loop's thread. Errors never hold a value.
 */
#ifndef CREDS_CREDS_H
#define CREDS_CREDS_H

#include "audit/audit.h"
#include "estate/estate.h"
#include "net/http.h"
#include "store/store.h"

struct creds;
struct creds_config {
    struct env *env;
    struct loop *loop;
    struct keys *keys;
    struct store *store;
    struct audit *audit;
};

struct err creds_make(const struct creds_config *config, struct creds **out) MUST_USE;
/* creds_stop(c): end what is under way, before the log and the store are closed. creds_free(c): wipes all that is held. */
void creds_stop(struct creds *c);
void creds_free(struct creds *c);
/* creds_use(c, estate): takes a reference; where people's browsers come back may have changed. An error is one of listening there. */
struct err creds_use(struct creds *c, struct estate *estate) MUST_USE;

/* ---------------------------------------------------------------------------------------------------------- accounts */

/* What one connection acts as. ${ticket}: id of the writ (or of the call, for a look at a server) it is for. ${person}: on behalf of, or "". */
struct creds_for {
    struct estate *estate; /* keeps ${destination} */
    const struct destination *destination;
    const char *ticket, *person;
};

struct creds_account;
struct err creds_open(struct creds *c, const struct creds_for *who, struct creds_account **out) MUST_USE;
/* creds_close(a): wipes what it holds. What still waits gets E_CLOSED. */
void creds_close(struct creds_account *a);

/* creds_on_value(a, fn, ctx): ${fn} hears of every value that this connection is given from now on, bare, before it is used: it may not come back. */
typedef void creds_value_fn(const char *name, struct bytes value, void *ctx);
void creds_on_value(struct creds_account *a, creds_value_fn *fn, void *ctx);

/*
 * creds_prepare(a, ready, ctx, later): fetch what is not there or no longer fresh. *${later} false: it is all there now, ${ready} does not
 * come. True: ${ready} comes, with an error or none.
 */
typedef void creds_ready(struct err e, void *ctx);
struct err creds_prepare(struct creds_account *a, creds_ready *ready, void *ctx, bool *later) MUST_USE;
/* creds_value(a, i): the value of destination->secrets[i] with its prefix, after creds_prepare; good until the account is next used. */
struct bytes creds_value(const struct creds_account *a, size_t i);

/*
 * creds_call(a, request, on, ctx, out): http_call with the account's headers on it, over a client of the destination's own, which connects
 * only to addresses the destination may have. It waits for credentials that are not there yet; a 401, and a 403 that asks for more scope, are
 * answered once by newer credentials where there can be any, before ${on} hears of them. E_CONSENT: a person must connect their account first.
 */
struct creds_call;
struct err creds_call(struct creds_account *a, const struct http_call_request *request, const struct http_call_on *on, void *ctx,
                      struct creds_call **out) MUST_USE;
/* creds_call_cancel(c): no callback follows. creds_call_pause: as http_call_pause. */
void creds_call_cancel(struct creds_call *c);
void creds_call_pause(struct creds_call *c, bool paused);

/* ----------------------------------------------------------------------------------------------------- people's accounts */

#define CREDS_URL_MAX 512
/*
 * creds_consent(c, destination, person, by, url): where the person connects their account, good for 10 minutes and once. E_STATE when
 * nothing asked for it (the destination's authorization server is not known yet); then creds_connect finds it out.
 */
struct err creds_consent(struct creds *c, const struct destination *d, const char *person, const char *by, char url[CREDS_URL_MAX]) MUST_USE;
/* creds_connect(c, d, person, by, done, ctx): find out where, then the same. ${done} comes later unless an error is returned. */
typedef void creds_connecting(struct err e, const char *url, void *ctx);
struct err creds_connect(struct creds *c, struct estate *estate, const struct destination *d, const char *person, const char *by,
                         creds_connecting *done, void *ctx) MUST_USE;
/* creds_disconnect(c, destination, person, by, done, ctx): revoke upstream where it offers that, and forget. ${note}: what came of the revocation. */
typedef void creds_disconnected(struct err e, const char *note, void *ctx);
struct err creds_disconnect(struct creds *c, struct estate *estate, const struct destination *d, const char *person, const char *by,
                            creds_disconnected *done, void *ctx) MUST_USE;
/* creds_json(c, b): array of people's accounts: destination, person, issuer, scope, state, times, last error. Never a token. */
void creds_json(struct creds *c, struct buf *b);

#endif
