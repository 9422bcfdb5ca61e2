#include "net/http_head.h"

#include "base/json.h"

const struct http_limits http_limits_default = {
    .head_bytes = 32768,
    .headers = 64,
    .body_bytes = (size_t)4 << 20,
    .write_queue_bytes = (size_t)1 << 20,
    .connections = 1024,
    .head_ms = 10000,
    .body_idle_ms = 20000,
    .write_idle_ms = 20000,
    .keep_alive_ms = 60000,
    .connect_ms = 10000,
    .answer_ms = 60000,
};

static const struct phrase {
    int status;
    const char *text;
} phrases[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

const char *
http_phrase(int status)
{
    for (size_t i = 0; i < sizeof phrases / sizeof phrases[0]; i++)
        if (phrases[i].status == status)
            return phrases[i].text;
    return "Unknown";
}

struct bytes
http_header(const struct http_headers *h, const char *name)
{
    struct bytes wanted = bytes_str(name);
    for (size_t i = 0; i < h->n; i++)
        if (h->list[i].name.n == wanted.n && bytes_same_case(h->list[i].name, wanted))
            return h->list[i].value.at ? h->list[i].value : BYTES("");
    return (struct bytes){NULL, 0};
}

size_t
http_header_count(const struct http_headers *h, const char *name)
{
    struct bytes wanted = bytes_str(name);
    size_t count = 0;
    for (size_t i = 0; i < h->n; i++)
        count += bytes_same_case(h->list[i].name, wanted);
    return count;
}

bool
http_headers_ok(const struct http_header *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!http_token_ok(list[i].name) || !http_value_ok(list[i].value))
            return false;
    return true;
}

static bool
is_own(struct bytes name)
{
    static const struct bytes own[] = {
        {(const uint8_t *)"te", 2},
        {(const uint8_t *)"date", 4},
        {(const uint8_t *)"expect", 6},
        {(const uint8_t *)"trailer", 7},
        {(const uint8_t *)"upgrade", 7},
        {(const uint8_t *)"connection", 10},
        {(const uint8_t *)"keep-alive", 10},
        {(const uint8_t *)"content-length", 14},
        {(const uint8_t *)"proxy-connection", 16},
        {(const uint8_t *)"transfer-encoding", 17},
    };
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (own[i].n == name.n && bytes_same_case(own[i], name))
            return true;
    return false;
}

void
http_put_headers(struct buf *b, const struct http_header *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (is_own(list[i].name))
            continue;
        buf_put(b, list[i].name);
        buf_put(b, BYTES(": "));
        buf_put(b, list[i].value);
        buf_put(b, BYTES("\r\n"));
    }
}

void
http_put_header(struct buf *b, const char *name, struct bytes value)
{
    buf_puts(b, name);
    buf_put(b, BYTES(": "));
    buf_put(b, value);
    buf_put(b, BYTES("\r\n"));
}

void
http_put_number(struct buf *b, uint64_t v, unsigned base)
{
    char digits[24], *at = digits + sizeof digits;
    do
        *--at = "0123456789abcdef"[v % base];
    while (v /= base);
    buf_put(b, bytes_make(at, (size_t)(digits + sizeof digits - at)));
}

void
http_put_problem(struct buf *b, int status, const char *code, const char *detail)
{
    json_open(b, '{');
    json_member_str(b, "type", "about:blank");
    json_member_str(b, "title", http_phrase(status));
    json_member_int(b, "status", status);
    json_member_str(b, "code", code);
    json_member_str(b, "detail", detail);
    json_close(b, '}');
}
