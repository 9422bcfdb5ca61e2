/* Writing heads, shared by server and client. */
#ifndef NET_HTTP_HEAD_H
#define NET_HTTP_HEAD_H

#include "net/http_parse.h"

/* http_phrase(status): the reason phrase of RFC 9110 §15, or "Unknown". */
const char *http_phrase(int status);
/* http_headers_ok(list, n): are they all a token and a value without control bytes? Otherwise a header could smuggle others. */
bool http_headers_ok(const struct http_header *list, size_t n);
/*
 * http_put_headers(b, list, n): the lines of those headers, without the ones that speak about this connection and the framing of the
 * message (RFC 9110 §7.6.1: Content-Length, Transfer-Encoding, Connection, …): those are the codec's own.
 */
void http_put_headers(struct buf *b, const struct http_header *list, size_t n);
void http_put_header(struct buf *b, const char *name, struct bytes value);
/* http_put_number(b, v, base): digits; base 10 or 16. */
void http_put_number(struct buf *b, uint64_t v, unsigned base);

#endif
