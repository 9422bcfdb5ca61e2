/* The HTTP face as a resource of OAuth: RFC 9728 metadata, RFC 6750 challenges, the endpoint's secret as a bearer token. */
#ifndef GATE_MCP_BEARER_H
#define GATE_MCP_BEARER_H

#include "gate/mcp/mcp.h"

/* bearer_metadata(g, w, secret, x, r): answer a request for the metadata of /mcp, /mcp/DESTINATION or the same below the secret; false: it is another. */
bool bearer_metadata(struct gate *g, const struct writ *w, const char *secret, struct http_exchange *x, const struct http_request *r);

/*
 * bearer_check(secret, r, brought): does the request bring the secret as its bearer token? E_PROOF when not; ${brought}: it brought something.
 * bearer_challenge(x, why, brought): 401 with WWW-Authenticate.
 */
struct err bearer_check(const char *secret, const struct http_request *r, bool *brought) MUST_USE;
void bearer_challenge(struct http_exchange *x, struct err why, bool brought);

/* bearer_serves(w, destination): does the writ's template grant anything there? bearer_refuse_place: if not: 403, insufficient_scope. */
bool bearer_serves(const struct writ *w, struct bytes destination);
void bearer_refuse_place(struct http_exchange *x, struct bytes destination);

/* bearer_refused(x, message): the JSON-RPC error ${message} says that a grant is missing: 403, insufficient_scope, with it as the body. False: it does not. */
bool bearer_refused(struct http_exchange *x, struct bytes message);

#endif
