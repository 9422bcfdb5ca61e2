/* The addresses a client takes: http://host[:port]/target, https://…, unix:/path/of/socket:/target. */
#ifndef NET_URL_H
#define NET_URL_H

#include "net/http.h"

struct url {
    struct bytes origin; /* of the text: all before the target */
    struct bytes authority, target;
    bool tls, unix_socket;
    uint16_t port;
    char host[256]; /* without the brackets of an IPv6 address; of a Unix socket: its path */
};

/* url_parse(text, u): slices point into ${text}. Errors: E_USAGE, without the target (which may hold a secret). */
struct err url_parse(const char *text, struct url *u) MUST_USE;

#endif
