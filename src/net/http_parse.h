/*
 * The HTTP/1.1 reader (RFC 9112), the same for servers and clients, without any input or output of its own: bytes go in, events come
 * out. However the bytes are split, the events are the same (body parts apart, whose sum is). Memory is bounded by limits->head_bytes
 * and limits->headers. docs/protocol/http.md says what is accepted.
 */
#ifndef NET_HTTP_PARSE_H
#define NET_HTTP_PARSE_H

#include "net/http.h"

enum http_event {
    HTTP_MORE, /* all input is used up */
    HTTP_HEAD, /* the head is complete: its fields below are set, and stay until http_parser_next */
    HTTP_BODY, /* *${part} is the next piece of the body, a slice of the input */
    HTTP_END,  /* the message is complete; http_parser_next goes on to the one behind it */
    HTTP_BAD,  /* refused: ${bad_status} and ${bad} say why; nothing more can be read */
};

struct http_parser {
    const struct http_limits *limits;
    bool response; /* reads responses, not requests */
    bool no_body;  /* of a response: it answers a HEAD */

    /* The head. */
    struct bytes method, target, path, query, host; /* requests */
    int status;                                     /* responses */
    bool http10;
    struct http_headers headers;
    bool close;           /* the connection ends with this message */
    bool chunked;
    bool has_length;
    bool until_close;     /* of a response: the body ends with the connection */
    bool expect_continue;
    bool upgrade;         /* "Connection: upgrade" and an Upgrade header */
    uint64_t left;        /* of the body with a length, or of the present chunk */
    uint64_t body;        /* bytes of the body given so far */

    int bad_status; /* for a request: how to answer; 400, 413, 414, 417, 431, 501 or 505 */
    const char *bad;

    /* Inner state. */
    int state;
    struct buf head;
    struct http_header *list;
    size_t list_cap, scanned, line_from, overhead;
    unsigned digits, interim;
    bool te_seen, host_seen, connection_upgrade, upgrade_seen, first_line_seen, blank_skipped;
};

void http_parser_init(struct http_parser *p, const struct http_limits *limits, bool response);
void http_parser_free(struct http_parser *p);
/* http_parse(p, in, part): the next event; *${in} moves behind what it took. Call until HTTP_MORE or HTTP_BAD. */
enum http_event http_parse(struct http_parser *p, struct bytes *in, struct bytes *part);
/* http_parse_close(p): the connection ended here: HTTP_END when that ends the message (or none had begun), else HTTP_BAD. */
enum http_event http_parse_close(struct http_parser *p);
void http_parser_next(struct http_parser *p);
/* http_parser_begun(p): has any byte of the present message arrived? */
bool http_parser_begun(const struct http_parser *p);
bool http_parser_ended(const struct http_parser *p);

/* For those who write heads and targets: is it a token (RFC 9110 §5.6.2), a field value (§5.5), an origin-form target? */
bool http_token_ok(struct bytes b);
bool http_value_ok(struct bytes b);
bool http_target_ok(struct bytes b);
/* http_authority_ok(b): host or host:port, without user information; not empty. */
bool http_authority_ok(struct bytes b);

#endif
