/* One TLS 1.3 session over memory: sealed bytes in and out, no sockets. Belongs to its connection. */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "net/http.h"

struct tls_session;

enum tls_step { TLS_DONE, TLS_MORE, TLS_CLOSED, TLS_FAILED };

/* tls_open(t, host, out): ${host} is whom a client connects to (a name or an address, checked against the certificate); NULL: a server. */
struct err tls_open(struct net_tls *t, const char *host, struct tls_session **out) MUST_USE;
void tls_session_free(struct tls_session *s);
/* tls_arrived(s, sealed): bytes from the peer. */
bool tls_arrived(struct tls_session *s, struct bytes sealed);
/* tls_shake(s, why): go on with the handshake. TLS_FAILED fills *${why}; what is to be sent (an alert too) is in tls_sealed. */
enum tls_step tls_shake(struct tls_session *s, struct err *why);
/* tls_read(s, at, n): plain bytes; their number to *${n}, which says the room before. TLS_CLOSED: the peer said goodbye. */
enum tls_step tls_read(struct tls_session *s, void *at, size_t *n, struct err *why);
/* tls_pending(s): has the peer sent anything that tls_read did not give yet? */
bool tls_pending(struct tls_session *s);
bool tls_seal(struct tls_session *s, struct bytes plain);
/* tls_goodbye(s): seal the closing alert. */
void tls_goodbye(struct tls_session *s);
/* tls_sealed(s): what is to be sent; tls_sent(s): all of it was taken. */
struct bytes tls_sealed(struct tls_session *s);
void tls_sent(struct tls_session *s);

#endif
