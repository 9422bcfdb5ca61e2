#include "net/http_parse.h"

#include <stdlib.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum state {
    AT_HEAD,
    AT_LENGTH,      /* a body with a length */
    AT_REST,        /* a body that ends with the connection */
    AT_SIZE,        /* chunked (RFC 9112 §7.1): hexadecimal digits */
    AT_EXTENSION,   /* behind ';' of a chunk's line */
    AT_SIZE_LF,
    AT_DATA,
    AT_DATA_CR,
    AT_DATA_LF,
    AT_TRAILER,     /* first byte of a line behind the last chunk */
    AT_TRAILER_NAME,
    AT_TRAILER_VALUE,
    AT_TRAILER_LF,
    AT_LAST_LF,
    AT_END,
    AT_BAD,
};

#define METHOD_MAX 32
#define INTERIM_MAX 8 /* 1xx responses before the real one */

/* What a byte may be part of. */
#define TOKEN 1  /* RFC 9110 §5.6.2 */
#define VALUE 2  /* RFC 9110 §5.5, with space, tab and obs-text */
#define TARGET 4 /* visible ASCII without '#' (never sent) and '\' (read as '/' by some) */
#define HOST 8   /* RFC 3986 §3.2.2 reg-name, without brackets */
#define HEX 16

static const uint8_t class[256] = {
    ['\t'] = VALUE,
    [' '] = VALUE,
    ['!'] = TOKEN | VALUE | TARGET | HOST,
    ['"'] = VALUE | TARGET,
    ['#'] = TOKEN | VALUE,
    ['$'] = TOKEN | VALUE | TARGET | HOST,
    ['%'] = TOKEN | VALUE | TARGET | HOST,
    ['&'] = TOKEN | VALUE | TARGET | HOST,
    ['\''] = TOKEN | VALUE | TARGET | HOST,
    ['('] = VALUE | TARGET | HOST,
    [')'] = VALUE | TARGET | HOST,
    ['*'] = TOKEN | VALUE | TARGET | HOST,
    ['+'] = TOKEN | VALUE | TARGET | HOST,
    [','] = VALUE | TARGET | HOST,
    ['-'] = TOKEN | VALUE | TARGET | HOST,
    ['.'] = TOKEN | VALUE | TARGET | HOST,
    ['/'] = VALUE | TARGET,
    ['0' ... '9'] = TOKEN | VALUE | TARGET | HOST | HEX,
    [':'] = VALUE | TARGET,
    [';'] = VALUE | TARGET | HOST,
    ['<'] = VALUE | TARGET,
    ['='] = VALUE | TARGET | HOST,
    ['>'] = VALUE | TARGET,
    ['?'] = VALUE | TARGET,
    ['@'] = VALUE | TARGET,
    ['A' ... 'F'] = TOKEN | VALUE | TARGET | HOST | HEX,
    ['G' ... 'Z'] = TOKEN | VALUE | TARGET | HOST,
    ['['] = VALUE | TARGET,
    ['\\'] = VALUE,
    [']'] = VALUE | TARGET,
    ['^'] = TOKEN | VALUE | TARGET,
    ['_'] = TOKEN | VALUE | TARGET | HOST,
    ['`'] = TOKEN | VALUE | TARGET,
    ['a' ... 'f'] = TOKEN | VALUE | TARGET | HOST | HEX,
    ['g' ... 'z'] = TOKEN | VALUE | TARGET | HOST,
    ['{'] = VALUE | TARGET,
    ['|'] = TOKEN | VALUE | TARGET,
    ['}'] = VALUE | TARGET,
    ['~'] = TOKEN | VALUE | TARGET | HOST,
    [0x80 ... 0xff] = VALUE,
};

static bool
all(struct bytes b, uint8_t what)
{
    for (size_t i = 0; i < b.n; i++)
        if (!(class[b.at[i]] & what))
            return false;
    return true;
}

/* A field value is mostly without control bytes, of which only the tab may be there: 16 bytes at a look until one is met. */
static bool
is_value(struct bytes b)
{
    size_t i = 0;
#ifdef __SSE2__
    const __m128i control = _mm_set1_epi8(0x1f), del = _mm_set1_epi8(0x7f);
    for (; b.n - i >= 16; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i_u *)(b.at + i));
        if (_mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(v, control), v), _mm_cmpeq_epi8(v, del))))
            break;
    }
#endif
    return all(bytes_sub(b, i, b.n), VALUE);
}

bool
http_token_ok(struct bytes b)
{
    return b.n > 0 && all(b, TOKEN);
}

bool
http_value_ok(struct bytes b)
{
    return is_value(b);
}

/* A '%' without two digits, and %00, are read in more than one way behind us. */
static bool
escapes_ok(struct bytes b)
{
    for (size_t i = bytes_find(b, '%'); i < b.n; i++) {
        if (b.at[i] != '%')
            continue;
        if (b.n - i < 3 || !(class[b.at[i + 1]] & HEX) || !(class[b.at[i + 2]] & HEX) || (b.at[i + 1] == '0' && b.at[i + 2] == '0'))
            return false;
    }
    return true;
}

bool
http_target_ok(struct bytes b)
{
    return b.n > 0 && b.at[0] == '/' && all(b, TARGET) && escapes_ok(b);
}

static bool
port_ok(struct bytes b)
{
    uint64_t port;
    return bytes_u64(b, &port) && port <= 65535;
}

bool
http_authority_ok(struct bytes b)
{
    struct bytes host, rest = b;
    if (b.n && b.at[0] == '[') {
        size_t end = bytes_find(b, ']');
        if (end == b.n || end < 3)
            return false;
        for (size_t i = 1; i < end; i++)
            if (!(class[b.at[i]] & HEX) && b.at[i] != ':' && b.at[i] != '.')
                return false;
        rest = bytes_sub(b, end + 1, SIZE_MAX);
        return rest.n == 0 || (rest.at[0] == ':' && port_ok(bytes_sub(rest, 1, SIZE_MAX)));
    }
    host = bytes_split(&rest, ':');
    return host.n > 0 && all(host, HOST) && escapes_ok(host) && (host.n == b.n || port_ok(rest));
}

static enum http_event
bad(struct http_parser *p, int status, const char *what)
{
    p->state = AT_BAD;
    p->bad_status = status;
    p->bad = what;
    return HTTP_BAD;
}

/* ------------------------------------------------------------------------------------------------------------- special headers */

static bool
refuse(struct http_parser *p, int status, const char *what)
{
    bad(p, status, what);
    return false;
}

/* One decimal number, once, and not beside Transfer-Encoding (RFC 9112 §6.3). No sign, list or leading zero: readers differ on them. */
static bool
take_content_length(struct http_parser *p, struct bytes value)
{
    if (p->has_length)
        return refuse(p, 400, "Content-Length stands there more than once");
    if (!bytes_u64(value, &p->left) || p->left > INT64_MAX)
        return refuse(p, 400, "Content-Length is not one plain number");
    p->has_length = true;
    return true;
}

static bool
take_transfer_encoding(struct http_parser *p, struct bytes value)
{
    if (p->te_seen)
        return refuse(p, 400, "Transfer-Encoding stands there more than once");
    p->te_seen = true;
    if (!bytes_same_case(value, BYTES("chunked")))
        return refuse(p, 501, "Transfer-Encoding is not exactly \"chunked\"");
    p->chunked = true;
    return true;
}

static bool
take_connection(struct http_parser *p, struct bytes value)
{
    while (value.n) {
        struct bytes option = bytes_trim(bytes_split(&value, ','));
        if (bytes_same_case(option, BYTES("close")))
            p->close = true;
        else if (bytes_same_case(option, BYTES("upgrade")))
            p->connection_upgrade = true;
    }
    return true;
}

static bool
take_host(struct http_parser *p, struct bytes value)
{
    if (p->response)
        return true;
    if (p->host_seen)
        return refuse(p, 400, "Host stands there more than once");
    if (!http_authority_ok(value))
        return refuse(p, 400, "Host is not a host name with an optional port");
    p->host_seen = true;
    p->host = value;
    return true;
}

static bool
take_expect(struct http_parser *p, struct bytes value)
{
    if (p->response || p->http10)
        return true; /* RFC 9110 §10.1.1: an HTTP/1.0 expectation is ignored */
    if (!bytes_same_case(value, BYTES("100-continue")))
        return refuse(p, 417, "Expect asks for something other than 100-continue");
    p->expect_continue = true;
    return true;
}

static bool
take_upgrade(struct http_parser *p, struct bytes value)
{
    p->upgrade_seen = value.n > 0;
    return true;
}

static const struct special {
    struct bytes name;
    bool (*take)(struct http_parser *p, struct bytes value);
} special[] = {
    {{(const uint8_t *)"host", 4}, take_host},
    {{(const uint8_t *)"expect", 6}, take_expect},
    {{(const uint8_t *)"upgrade", 7}, take_upgrade},
    {{(const uint8_t *)"connection", 10}, take_connection},
    {{(const uint8_t *)"content-length", 14}, take_content_length},
    {{(const uint8_t *)"transfer-encoding", 17}, take_transfer_encoding},
};

/* -------------------------------------------------------------------------------------------------------------------- the head */

static bool
add_header(struct http_parser *p, struct bytes name, struct bytes value)
{
    if (p->headers.n == p->limits->headers)
        return refuse(p, 431, "there are more headers than allowed");
    if (p->headers.n == p->list_cap) {
        size_t cap = p->list_cap ? p->list_cap * 2 : 16;
        struct http_header *list = realloc(p->list, cap * sizeof *list);
        if (list == NULL)
            return refuse(p, 431, "there is no memory for the headers");
        p->list = list;
        p->list_cap = cap;
    }
    p->list[p->headers.n++] = (struct http_header){name, value};
    p->headers.list = p->list;
    for (size_t i = 0; i < sizeof special / sizeof special[0]; i++)
        if (special[i].name.n == name.n && bytes_same_case(special[i].name, name))
            return special[i].take(p, value);
    return true;
}

/* field-line = field-name ":" OWS field-value OWS (RFC 9112 §5); no space before ':' (§5.1), no folding (§5.2). */
static bool
take_field(struct http_parser *p, struct bytes line)
{
    if (line.at[0] == ' ' || line.at[0] == '\t')
        return refuse(p, 400, "a header line starts with a space (folded lines are refused)");
    size_t colon = 0;
    while (colon < line.n && class[line.at[colon]] & TOKEN)
        colon++;
    if (colon == 0 || colon == line.n || line.at[colon] != ':')
        return refuse(p, 400, "a header name holds a byte that is not allowed, or no ':' follows it");
    struct bytes value = bytes_trim(bytes_sub(line, colon + 1, SIZE_MAX));
    if (!is_value(value))
        return refuse(p, 400, "a header value holds a control byte");
    return add_header(p, bytes_sub(line, 0, colon), value);
}

static bool
is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool
take_version(struct http_parser *p, struct bytes v)
{
    if (v.n != 8 || !bytes_starts(v, BYTES("HTTP/")) || !is_digit(v.at[5]) || v.at[6] != '.' || !is_digit(v.at[7]))
        return refuse(p, 400, "the first line does not name an HTTP version as it should");
    if (v.at[5] != '1' || v.at[7] > '1')
        return refuse(p, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    p->http10 = v.at[7] == '0';
    return true;
}

/* http://authority/path (RFC 9112 §3.2.2): kept for the comparison with Host, then reduced to the origin form. */
static bool
take_absolute(struct http_parser *p, struct bytes *target, struct bytes *authority)
{
    static const struct bytes scheme[] = {{(const uint8_t *)"http://", 7}, {(const uint8_t *)"https://", 8}};
    for (size_t i = 0; i < 2; i++) {
        if (!bytes_same_case(bytes_sub(*target, 0, scheme[i].n), scheme[i]))
            continue;
        struct bytes rest = bytes_sub(*target, scheme[i].n, SIZE_MAX);
        size_t slash = bytes_find(rest, '/');
        *authority = bytes_sub(rest, 0, slash);
        *target = slash < rest.n ? bytes_sub(rest, slash, SIZE_MAX) : BYTES("/");
        return http_authority_ok(*authority) || refuse(p, 400, "the request target names no acceptable host");
    }
    return refuse(p, 400, "the request target does not start with '/'");
}

/* request-line = method SP request-target SP HTTP-version, with exactly one space each time (RFC 9112 §3). */
static bool
take_request_line(struct http_parser *p, struct bytes line, struct bytes *authority)
{
    struct bytes rest = line;
    p->method = bytes_split(&rest, ' ');
    p->target = bytes_split(&rest, ' ');
    if (!http_token_ok(p->method))
        return refuse(p, 400, "the request does not start with a method");
    if (!take_version(p, rest))
        return false;
    if (p->method.n > METHOD_MAX || bytes_is(p->method, "CONNECT"))
        return refuse(p, 501, "this method is not implemented");
    if (p->target.n == 0 || !all(p->target, TARGET))
        return refuse(p, 400, "the request target is empty or holds a byte that is not allowed");
    if (p->target.at[0] != '/' && !take_absolute(p, &p->target, authority))
        return false;
    if (!http_target_ok(p->target))
        return refuse(p, 400, "the request target holds a '%' that is no proper escape");
    struct bytes after = p->target;
    p->path = bytes_split(&after, '?');
    p->query = after;
    return true;
}

/* status-line = HTTP-version SP status-code SP [reason] (RFC 9112 §4); a missing last space is common and harmless. */
static bool
take_status_line(struct http_parser *p, struct bytes line)
{
    struct bytes rest = line, version = bytes_split(&rest, ' ');
    if (!take_version(p, version))
        return false;
    struct bytes code = bytes_split(&rest, ' ');
    if (code.n != 3 || code.at[0] < '1' || code.at[0] > '5' || !is_digit(code.at[1]) || !is_digit(code.at[2]))
        return refuse(p, 400, "the status is not a number from 100 to 599");
    if (!all(rest, VALUE))
        return refuse(p, 400, "the reason phrase holds a control byte");
    p->status = (code.at[0] - '0') * 100 + (code.at[1] - '0') * 10 + (code.at[2] - '0');
    return true;
}

static void
clear_head(struct http_parser *p)
{
    p->method = p->target = p->path = p->query = p->host = (struct bytes){NULL, 0};
    p->headers = (struct http_headers){p->list, 0};
    p->status = 0;
    p->http10 = p->close = p->chunked = p->has_length = p->until_close = p->expect_continue = p->upgrade = false;
    p->te_seen = p->host_seen = p->connection_upgrade = p->upgrade_seen = p->first_line_seen = p->blank_skipped = false;
    p->left = p->body = 0;
    p->head.n = p->scanned = p->line_from = p->overhead = 0;
}

/* RFC 9112 §6.3, with every doubtful combination refused. */
static bool
settle_framing(struct http_parser *p)
{
    if (p->chunked && p->has_length)
        return refuse(p, 400, "Content-Length and Transfer-Encoding stand side by side");
    if (p->chunked && p->http10)
        return refuse(p, 400, "an HTTP/1.0 message cannot be chunked");
    if (p->http10)
        p->close = true; /* a kept-alive HTTP/1.0 connection is not offered */
    p->upgrade = p->connection_upgrade && p->upgrade_seen && !p->http10;
    if (p->has_length && p->left > p->limits->body_bytes)
        return refuse(p, 413, "the body is larger than allowed");
    return true;
}

static enum http_event
request_head_done(struct http_parser *p, struct bytes authority)
{
    if (!p->host_seen && !p->http10)
        return bad(p, 400, "there is no Host");
    if (authority.n && p->host_seen && !bytes_same_case(authority, p->host))
        return bad(p, 400, "the request target and Host name different hosts");
    if (!settle_framing(p))
        return HTTP_BAD;
    p->state = p->chunked ? AT_SIZE : AT_LENGTH;
    return HTTP_HEAD;
}

static enum http_event
response_head_done(struct http_parser *p)
{
    if (!settle_framing(p))
        return HTTP_BAD;
    if (p->status == 101)
        return bad(p, 400, "a switch of protocols that nobody asked for");
    if (p->status < 200) {
        if (p->chunked || p->has_length)
            return bad(p, 400, "an interim response announces a body");
        if (++p->interim > INTERIM_MAX)
            return bad(p, 400, "there are too many interim responses");
        clear_head(p);
        return HTTP_MORE;
    }
    bool empty = p->no_body || p->status == 204 || p->status == 304;
    p->until_close = !empty && !p->chunked && !p->has_length;
    if (empty)
        p->left = 0;
    p->state = empty ? AT_LENGTH : p->chunked ? AT_SIZE : p->until_close ? AT_REST : AT_LENGTH;
    p->close = p->close || p->until_close;
    return HTTP_HEAD;
}

/* All of the head is there: every line ends in CR LF, the last is empty. */
static enum http_event
read_head(struct http_parser *p)
{
    struct bytes text = buf_bytes(&p->head), authority = {NULL, 0};
    bool first = true;
    for (size_t from = 0; from < text.n;) {
        size_t n = bytes_find(bytes_sub(text, from, SIZE_MAX), '\n') - 1;
        struct bytes line = bytes_sub(text, from, n);
        from += n + 2;
        bool ok = true;
        if (first)
            ok = p->response ? take_status_line(p, line) : take_request_line(p, line, &authority);
        else if (line.n)
            ok = take_field(p, line);
        first = false;
        if (!ok)
            return HTTP_BAD;
    }
    return p->response ? response_head_done(p) : request_head_done(p, authority);
}

/* RFC 9112 §2.2: one empty line before a request is overlooked (old clients send it behind a body). */
static bool
skip_blank(struct http_parser *p)
{
    if (p->response || p->blank_skipped || p->first_line_seen)
        return false;
    p->blank_skipped = true;
    p->head.n = p->scanned = p->line_from = 0;
    return true;
}

/* Looks at the lines that are complete; true when the empty one came. Bytes behind it stay out of p->head. */
static bool
scan_line(struct http_parser *p, size_t lf, bool *done)
{
    *done = false;
    size_t from = p->line_from;
    if (lf == from || p->head.at[lf - 1] != '\r')
        return refuse(p, 400, "a line of the head ends without CR LF");
    if (memchr(p->head.at + from, '\r', lf - from - 1))
        return refuse(p, 400, "a CR stands inside a line of the head");
    p->line_from = lf + 1;
    if (lf - 1 > from)
        return p->first_line_seen = true;
    if (skip_blank(p))
        return true;
    if (!p->first_line_seen)
        return refuse(p, 400, "the message starts with empty lines");
    return *done = true;
}

static enum http_event
head_too_large(struct http_parser *p)
{
    if (p->head.n < p->limits->head_bytes)
        return bad(p, 431, "there is no memory for the head");
    return p->first_line_seen ? bad(p, 431, "the headers are larger than allowed") : bad(p, 414, "the first line is larger than allowed");
}

static enum http_event
parse_head(struct http_parser *p, struct bytes *in)
{
    while (in->n) {
        size_t n = bytes_find(*in, '\n'), room = p->limits->head_bytes - p->head.n;
        bool line = n < in->n, done;
        n += line;
        bool fits = n <= room;
        buf_put(&p->head, bytes_sub(*in, 0, fits ? n : room));
        if (!fits || p->head.failed)
            return head_too_large(p);
        *in = bytes_sub(*in, n, SIZE_MAX);
        if (!line)
            continue;
        if (!scan_line(p, p->head.n - 1, &done))
            return HTTP_BAD;
        enum http_event event = done ? read_head(p) : HTTP_MORE;
        if (event != HTTP_MORE)
            return event;
    }
    return HTTP_MORE;
}

/* -------------------------------------------------------------------------------------------------------------------- the body */

static enum http_event
give(struct http_parser *p, struct bytes *in, struct bytes *part, uint64_t most)
{
    *part = bytes_sub(*in, 0, most < in->n ? (size_t)most : in->n);
    *in = bytes_sub(*in, part->n, SIZE_MAX);
    p->body += part->n;
    return HTTP_BODY;
}

static enum http_event
give_left(struct http_parser *p, struct bytes *in, struct bytes *part)
{
    give(p, in, part, p->left);
    p->left -= part->n;
    return HTTP_BODY;
}

static unsigned
hex_value(uint8_t c)
{
    return c <= '9' ? c - (unsigned)'0' : (c | 32u) - 'a' + 10u;
}

static bool
step_size(struct http_parser *p, uint8_t c)
{
    if (class[c] & HEX) {
        if (++p->digits > 15)
            return refuse(p, 400, "a chunk's size has too many digits");
        p->left = p->left << 4 | hex_value(c);
        return true;
    }
    if (p->digits == 0 || (c != ';' && c != '\r'))
        return refuse(p, 400, "a chunk's size is not a hexadecimal number");
    if (p->left > p->limits->body_bytes || p->body > p->limits->body_bytes - p->left)
        return refuse(p, 413, "the body is larger than allowed");
    p->state = c == ';' ? AT_EXTENSION : AT_SIZE_LF;
    return true;
}

/* Extensions and trailers are read past (RFC 9112 §7.1.1, §7.1.2), strictly and within the bound of a head. */
static bool
step_overhead(struct http_parser *p)
{
    if (++p->overhead > p->limits->head_bytes)
        return refuse(p, 431, "the chunk extensions or trailers are larger than allowed");
    return true;
}

static bool
step_line_text(struct http_parser *p, uint8_t c, int after_cr)
{
    if (c == '\r')
        p->state = after_cr;
    else if (!(class[c] & VALUE))
        return refuse(p, 400, "a chunk extension or trailer holds a control byte");
    return step_overhead(p);
}

static bool
step_trailer_name(struct http_parser *p, uint8_t c)
{
    if (c == ':')
        p->state = AT_TRAILER_VALUE;
    else if (!(class[c] & TOKEN))
        return refuse(p, 400, "a trailer's name holds a byte that is not allowed");
    return step_overhead(p);
}

static bool
step_trailer(struct http_parser *p, uint8_t c)
{
    if (c == '\r') {
        p->state = AT_LAST_LF;
        return true;
    }
    if (!(class[c] & TOKEN))
        return refuse(p, 400, "a trailer's name holds a byte that is not allowed");
    p->state = AT_TRAILER_NAME;
    return step_overhead(p);
}

static bool
step_want(struct http_parser *p, uint8_t c, uint8_t want, int next)
{
    if (c != want)
        return refuse(p, 400, "a line of the chunked body does not end in CR LF where it should");
    p->state = next;
    return true;
}

/* One byte of the framing of a chunked body. */
static bool
step(struct http_parser *p, uint8_t c)
{
    switch (p->state) {
    case AT_SIZE:
        return step_size(p, c);
    case AT_EXTENSION:
        return step_line_text(p, c, AT_SIZE_LF);
    case AT_SIZE_LF:
        return step_want(p, c, '\n', p->left ? AT_DATA : AT_TRAILER);
    case AT_DATA_CR:
        return step_want(p, c, '\r', AT_DATA_LF);
    case AT_DATA_LF:
        p->digits = 0;
        return step_want(p, c, '\n', AT_SIZE);
    case AT_TRAILER:
        return step_trailer(p, c);
    case AT_TRAILER_NAME:
        return step_trailer_name(p, c);
    case AT_TRAILER_VALUE:
        return step_line_text(p, c, AT_TRAILER_LF);
    case AT_TRAILER_LF:
        return step_want(p, c, '\n', AT_TRAILER);
    default:
        return step_want(p, c, '\n', AT_END); /* AT_LAST_LF */
    }
}

static enum http_event
parse_chunked(struct http_parser *p, struct bytes *in, struct bytes *part)
{
    while (in->n) {
        if (p->state == AT_DATA) {
            give_left(p, in, part);
            if (p->left == 0)
                p->state = AT_DATA_CR;
            return HTTP_BODY;
        }
        if (!step(p, in->at[0]))
            return HTTP_BAD;
        in->at++, in->n--;
        if (p->state == AT_END)
            return HTTP_END;
    }
    return HTTP_MORE;
}

enum http_event
http_parse(struct http_parser *p, struct bytes *in, struct bytes *part)
{
    switch (p->state) {
    case AT_HEAD:
        return parse_head(p, in);
    case AT_LENGTH:
        if (p->left && in->n)
            return give_left(p, in, part);
        if (p->left)
            return HTTP_MORE;
        p->state = AT_END;
        return HTTP_END;
    case AT_REST:
        return in->n ? give(p, in, part, UINT64_MAX) : HTTP_MORE;
    case AT_END:
        return HTTP_MORE;
    case AT_BAD:
        return HTTP_BAD;
    default:
        return parse_chunked(p, in, part);
    }
}

enum http_event
http_parse_close(struct http_parser *p)
{
    if (p->state == AT_BAD)
        return HTTP_BAD;
    if (p->state == AT_END || p->state == AT_REST || (p->state == AT_LENGTH && p->left == 0) || !http_parser_begun(p)) {
        p->state = AT_END;
        return HTTP_END;
    }
    return bad(p, 400, "the connection ended inside the message");
}

bool
http_parser_begun(const struct http_parser *p)
{
    return p->state != AT_HEAD || p->head.n > 0 || p->blank_skipped || p->interim > 0;
}

bool
http_parser_ended(const struct http_parser *p)
{
    return p->state == AT_END;
}

void
http_parser_next(struct http_parser *p)
{
    clear_head(p);
    p->digits = p->interim = 0;
    p->state = AT_HEAD;
}

void
http_parser_init(struct http_parser *p, const struct http_limits *limits, bool response)
{
    *p = (struct http_parser){.limits = limits, .response = response, .head = buf_make(limits->head_bytes)};
}

void
http_parser_free(struct http_parser *p)
{
    buf_free(&p->head);
    free(p->list);
    p->list = NULL;
    p->list_cap = 0;
}
