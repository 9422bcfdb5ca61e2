/* ip: addresses and prefixes, read as the official engine does (Rust's std::net grammar; no zone ids, no dotted form inside IPv6). */
#include "base/err.h"
#include "cedar/ext.h"

#define TEXT_LONGEST 43

struct reader {
    struct cedar_str s;
    size_t at;
};

static bool
take(struct reader *r, char c)
{
    if (r->at >= r->s.n || r->s.at[r->at] != c)
        return false;
    r->at++;
    return true;
}

static int
digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

/* At most ${longest} digits to ${base}; none is no number. */
static bool
take_digits(struct reader *r, int base, size_t longest, unsigned *out)
{
    size_t from = r->at;
    for (*out = 0; r->at < r->s.n && r->at - from < longest && digit(r->s.at[r->at]) < base; r->at++)
        *out = *out * (unsigned)base + (unsigned)digit(r->s.at[r->at]);
    return r->at > from;
}

static bool
parse_v4(struct cedar_str s, uint8_t out[16])
{
    size_t at = 0;
    for (int i = 0; i < 4; i++) {
        if (i > 0 && (at >= s.n || s.at[at++] != '.'))
            return false;
        size_t from = at;
        unsigned v = 0;
        for (unsigned d; at < s.n && at - from < 3 && (d = (unsigned)(uint8_t)s.at[at] - '0') < 10; at++)
            v = v * 10 + d;
        if (at == from || v > 255 || (s.at[from] == '0' && at > from + 1))
            return false;
        out[i] = (uint8_t)v;
    }
    return at == s.n;
}

/* Up to ${most} groups with ':' between them; how many were read. A ':' without a group behind it is left alone. */
static size_t
take_groups(struct reader *r, uint8_t *out, size_t most)
{
    for (size_t i = 0; i < most; i++) {
        struct reader back = *r;
        unsigned v;
        if ((i > 0 && !take(r, ':')) || !take_digits(r, 16, 4, &v)) {
            *r = back;
            return i;
        }
        out[2 * i] = (uint8_t)(v >> 8);
        out[2 * i + 1] = (uint8_t)v;
    }
    return most;
}

/* "::" stands for at least one group. */
static bool
parse_v6(struct cedar_str s, uint8_t out[16])
{
    struct reader r = {s, 0};
    uint8_t tail[16] = {0};
    size_t head = take_groups(&r, out, 8);
    if (head == 8)
        return r.at == s.n;
    if (!take(&r, ':') || !take(&r, ':'))
        return false;
    size_t n = take_groups(&r, tail, 7 - head);
    memset(out + 2 * head, 0, 16 - 2 * head);
    memcpy(out + 16 - 2 * n, tail, 2 * n);
    return r.at == s.n;
}

static bool
parse_address(struct cedar_str s, struct value_ip *out)
{
    memset(out, 0, sizeof *out);
    if (parse_v4(s, out->at)) {
        out->bits = 32;
        return true;
    }
    memset(out->at, 0, sizeof out->at);
    out->v6 = true;
    out->bits = 128;
    return parse_v6(s, out->at);
}

static bool
refuse(struct text *why, const char *before, struct cedar_str s, const char *behind)
{
    text_add(why, "%s", before);
    text_str(why, s);
    text_add(why, "%s", behind);
    return false;
}

static bool
parse_prefix(struct cedar_str s, unsigned most, size_t longest, uint8_t *out, struct text *why)
{
    unsigned v = 0;
    if (s.n > longest)
        return text_add(why, "error parsing prefix: string length %zu is too large", s.n), false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.at[i] < '0' || s.at[i] > '9')
            return refuse(why, "error parsing prefix `", s, "`: encountered non-digit");
        v = v * 10 + (unsigned)(s.at[i] - '0');
    }
    if (s.n > 1 && s.at[0] == '0')
        return refuse(why, "error parsing prefix `", s, "`: leading zero(s)");
    if (s.n == 0)
        return refuse(why, "error parsing prefix from the string `", s, "`: cannot parse integer from empty string");
    if (v > 255)
        return refuse(why, "error parsing prefix from the string `", s, "`: number too large to fit in target type");
    if (v > most)
        return text_add(why, "error parsing prefix: %u is larger than the limit %u", v, most), false;
    *out = (uint8_t)v;
    return true;
}

static size_t
count(struct cedar_str s, char c)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += s.at[i] == c;
    return n;
}

bool
ext_parse_ip(struct cedar_str s, struct value_ip *out, struct text *why)
{
    memset(out, 0, sizeof *out);
    if (parse_v4(s, out->at)) {
        out->bits = 32;
        return true;
    }
    if (s.n > TEXT_LONGEST)
        return refuse(why, "error parsing IP address from string `", s, "`: string length is too large");
    if (count(s, ':') >= 2 && count(s, '.') >= 2)
        return refuse(why, "error parsing IP address from string: We do not accept IPv4 embedded in IPv6 (e.g., ::ffff:127.0.0.1). Found: `", s, "`");
    size_t slash = bytes_find(str_bytes(s), '/');
    struct cedar_str address = {s.at, slash};
    bool ok = parse_address(address, out);
    if (slash == s.n)
        return ok || refuse(why, "invalid IP address: ", s, "");
    if (!ok)
        return refuse(why, "error parsing IP address from the string `", address, "`: invalid IP address syntax");
    struct cedar_str prefix = {s.at + slash + 1, s.n - slash - 1};
    return parse_prefix(prefix, out->v6 ? 128 : 32, out->v6 ? 3 : 2, &out->bits, why);
}

static bool
same_prefix(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    if (memcmp(a, b, whole) != 0)
        return false;
    return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

bool
ext_ip_in_range(const struct value_ip *ip, const struct value_ip *range)
{
    return ip->v6 == range->v6 && ip->bits >= range->bits && same_prefix(ip->at, range->at, range->bits);
}

/* 127.0.0.0/8 (RFC 1122 §3.2.1.3) or ::1 alone (RFC 4291 §2.5.3), the whole of the value's range. */
bool
ext_ip_is_loopback(const struct value_ip *ip)
{
    static const uint8_t one[16] = {[15] = 1};
    return ip->v6 ? ip->bits == 128 && memcmp(ip->at, one, 16) == 0 : ip->at[0] == 127 && ip->bits >= 8;
}

/* 224.0.0.0/4 (RFC 5771) or ff00::/8 (RFC 4291 §2.7). */
bool
ext_ip_is_multicast(const struct value_ip *ip)
{
    return ip->v6 ? ip->at[0] == 0xff && ip->bits >= 8 : ip->at[0] >> 4 == 14 && ip->bits >= 4;
}

struct cedar_value *
cedar_ip(struct cedar_scratch *s, struct cedar_str text)
{
    struct value_ip ip;
    UNINITIALIZED struct fault unused;
    fault_reset(&unused);
    if (!ext_parse_ip(text, &ip, &unused.text))
        return NULL;
    struct cedar_value *v = value_new(&s->a, VALUE_IP);
    if (v)
        v->ip = ip;
    return v;
}
