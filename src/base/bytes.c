#include "base/bytes.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define BUF_FIRST 1024

size_t
bytes_text(struct bytes b, char *to, size_t room)
{
    size_t n = b.n < room ? b.n : room - 1;
    if (n)
        memcpy(to, b.at, n);
    to[n] = 0;
    return n;
}

int
bytes_cmp(struct bytes a, struct bytes b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int d = n ? memcmp(a.at, b.at, n) : 0;
    if (d)
        return d;
    return (a.n > b.n) - (a.n < b.n);
}

bool
bytes_same_secret(struct bytes a, struct bytes b)
{
    if (a.n != b.n)
        return false;
    volatile uint8_t d = 0;
    for (size_t i = 0; i < a.n; i++)
        d |= (uint8_t)(a.at[i] ^ b.at[i]);
    return d == 0;
}

bool
bytes_starts(struct bytes b, struct bytes prefix)
{
    return b.n >= prefix.n && (prefix.n == 0 || memcmp(b.at, prefix.at, prefix.n) == 0);
}

bool
bytes_ends(struct bytes b, struct bytes suffix)
{
    return b.n >= suffix.n && (suffix.n == 0 || memcmp(b.at + b.n - suffix.n, suffix.at, suffix.n) == 0);
}

static uint8_t
lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

bool
bytes_same_case_all(struct bytes a, struct bytes b)
{
    for (size_t i = 0; i < a.n; i++)
        if (lower(a.at[i]) != lower(b.at[i]))
            return false;
    return true;
}

size_t
bytes_find(struct bytes b, uint8_t c)
{
    const uint8_t *p = b.n ? memchr(b.at, c, b.n) : NULL;
    return p ? (size_t)(p - b.at) : b.n;
}

size_t
bytes_search(struct bytes b, struct bytes needle)
{
    if (needle.n == 0)
        return 0;
    const uint8_t *p = b.n ? memmem(b.at, b.n, needle.at, needle.n) : NULL;
    return p ? (size_t)(p - b.at) : b.n;
}

struct bytes
bytes_trim(struct bytes b)
{
    while (b.n && (b.at[0] == ' ' || b.at[0] == '\t'))
        b.at++, b.n--;
    while (b.n && (b.at[b.n - 1] == ' ' || b.at[b.n - 1] == '\t'))
        b.n--;
    return b;
}

struct bytes
bytes_split(struct bytes *rest, uint8_t sep)
{
    size_t i = bytes_find(*rest, sep);
    struct bytes part = {rest->at, i};
    *rest = i < rest->n ? (struct bytes){rest->at + i + 1, rest->n - i - 1} : (struct bytes){NULL, 0};
    return part;
}

bool
bytes_u64(struct bytes b, uint64_t *out)
{
    uint64_t v = 0;
    if (b.n == 0 || b.n > 20 || (b.n > 1 && b.at[0] == '0'))
        return false;
    for (size_t i = 0; i < b.n; i++) {
        if (b.at[i] < '0' || b.at[i] > '9')
            return false;
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, b.at[i] - '0', &v))
            return false;
    }
    *out = v;
    return true;
}

/* Length of the well-formed sequence at ${p} (RFC 3629 §4), or 0. */
static size_t
utf8_step(const uint8_t *p, size_t n)
{
    uint8_t c = p[0];
    if (c < 0x80)
        return 1;
    if (c < 0xc2 || c > 0xf4)
        return 0;
    size_t len = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (n < len)
        return 0;
    uint8_t low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    uint8_t high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

/* The first byte from ${i} on that is not ASCII; b.n when there is none. */
static size_t
skip_ascii(struct bytes b, size_t i)
{
    uint64_t eight;
#ifdef __SSE2__
    while (b.n - i >= 16 && _mm_movemask_epi8(_mm_loadu_si128((const __m128i_u *)(b.at + i))) == 0)
        i += 16;
#endif
    while (b.n - i >= 8 && (memcpy(&eight, b.at + i, 8), (eight & 0x8080808080808080u) == 0))
        i += 8;
    if (b.n >= 8 && b.n - i < 8 && (memcpy(&eight, b.at + b.n - 8, 8), (eight & 0x8080808080808080u) == 0))
        return b.n; /* the last look covers the end, and some bytes for the second time */
    while (i < b.n && b.at[i] < 0x80)
        i++;
    return i;
}

bool
bytes_utf8(struct bytes b)
{
    for (size_t i = skip_ascii(b, 0); i < b.n;) {
        size_t step = utf8_step(b.at + i, b.n - i);
        if (step == 0)
            return false;
        i += step;
        if (i < b.n && b.at[i] < 0x80)
            i = skip_ascii(b, i);
    }
    return true;
}

uint32_t
bytes_rune(struct bytes t, size_t *n)
{
    static const uint8_t marks[] = {0x00, 0x00, 0xc0, 0xe0, 0xf0};
    uint8_t c = t.at[0];
    *n = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    if (*n > t.n || !bytes_utf8(bytes_sub(t, 0, *n))) {
        *n = 1;
        return 0xfffd;
    }
    uint32_t v = *n == 1 ? c : c ^ marks[*n];
    for (size_t i = 1; i < *n; i++)
        v = v << 6 | (t.at[i] & 0x3f);
    return v;
}

/* What fits malloc's quick lists, then a block, then twice as much each time. */
static bool
grow(struct buf *b, size_t need)
{
    size_t cap = need <= BUF_FIRST ? BUF_FIRST : need <= MEM_BLOCK ? MEM_BLOCK : b->cap < MEM_BLOCK ? 2 * MEM_BLOCK : b->cap * 2;
    while (cap < need)
        cap *= 2;
    uint8_t *at = cap == MEM_BLOCK ? mem_block() : realloc(b->at, cap);
    if (at == NULL)
        return false;
    if (cap == MEM_BLOCK) {
        if (b->n)
            memcpy(at, b->at, b->n);
        free(b->at);
    }
    b->at = at;
    b->cap = cap;
    return true;
}

uint8_t *
buf_room(struct buf *b, size_t n)
{
    if (b->failed || n > b->max || b->n > b->max - n) {
        b->failed = true;
        return NULL;
    }
    if (b->n + n + 1 > b->cap && !grow(b, b->n + n + 1)) {
        b->failed = true;
        return NULL;
    }
    return b->at + b->n;
}

void
buf_grow_put(struct buf *b, struct bytes s)
{
    uint8_t *to = buf_room(b, s.n);
    if (to == NULL || s.n == 0)
        return;
    memcpy(to, s.at, s.n);
    b->n += s.n;
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char small[256];
    int n = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    if (n < 0) {
        b->failed = true;
        return;
    }
    if ((size_t)n < sizeof small) {
        buf_put(b, (struct bytes){(const uint8_t *)small, (size_t)n});
        return;
    }
    uint8_t *to = buf_room(b, (size_t)n);
    if (to == NULL)
        return;
    va_start(ap, fmt);
    vsnprintf((char *)to, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->n += (size_t)n;
}

void
buf_hex(struct buf *b, struct bytes s)
{
    static const char digit[] = "0123456789abcdef";
    uint8_t *to = s.n <= b->max / 2 ? buf_room(b, s.n * 2) : buf_room(b, SIZE_MAX);
    if (to == NULL)
        return;
    for (size_t i = 0; i < s.n; i++) {
        *to++ = (uint8_t)digit[s.at[i] >> 4];
        *to++ = (uint8_t)digit[s.at[i] & 15];
    }
    b->n += s.n * 2;
}

static const char alphabet_std[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char alphabet_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void
base64(struct buf *b, struct bytes s, const char *alphabet, bool pad)
{
    for (size_t i = 0; i < s.n; i += 3) {
        size_t left = s.n - i;
        uint32_t v = (uint32_t)s.at[i] << 16;
        if (left > 1)
            v |= (uint32_t)s.at[i + 1] << 8;
        if (left > 2)
            v |= s.at[i + 2];
        buf_putc(b, (uint8_t)alphabet[v >> 18]);
        buf_putc(b, (uint8_t)alphabet[(v >> 12) & 63]);
        if (left > 1)
            buf_putc(b, (uint8_t)alphabet[(v >> 6) & 63]);
        else if (pad)
            buf_putc(b, '=');
        if (left > 2)
            buf_putc(b, (uint8_t)alphabet[v & 63]);
        else if (pad)
            buf_putc(b, '=');
    }
}

void
buf_base64(struct buf *b, struct bytes s)
{
    base64(b, s, alphabet_std, true);
}

void
buf_base64url(struct buf *b, struct bytes s)
{
    base64(b, s, alphabet_url, false);
}

void
buf_drop(struct buf *b, size_t n)
{
    if (n >= b->n) {
        b->n = 0;
        return;
    }
    memmove(b->at, b->at + n, b->n - n);
    b->n -= n;
}

void
buf_free(struct buf *b)
{
    if (b->cap == MEM_BLOCK)
        mem_block_back(b->at);
    else
        free(b->at);
    b->at = NULL;
    b->n = b->cap = 0;
    b->failed = false;
}

const char *
buf_text(struct buf *b)
{
    if (b->failed || b->at == NULL)
        return "";
    b->at[b->n] = 0; /* buf_room keeps one byte behind the end */
    return (const char *)b->at;
}

static int
unhex(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
bytes_unhex(struct bytes s, uint8_t *out, size_t *n)
{
    if (s.n % 2)
        return false;
    for (size_t i = 0; i < s.n; i += 2) {
        int h = unhex(s.at[i]), l = unhex(s.at[i + 1]);
        if (h < 0 || l < 0)
            return false;
        out[i / 2] = (uint8_t)(h << 4 | l);
    }
    *n = s.n / 2;
    return true;
}

static bool
unbase64(struct bytes s, const char *alphabet, uint8_t *out, size_t *n)
{
    uint32_t v = 0;
    unsigned bits = 0;
    size_t k = 0;
    for (size_t i = 0; i < s.n; i++) {
        const char *p = s.at[i] ? strchr(alphabet, s.at[i]) : NULL;
        if (p == NULL)
            return false;
        v = v << 6 | (uint32_t)(p - alphabet);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[k++] = (uint8_t)(v >> bits);
            v &= (1u << bits) - 1;
        }
    }
    *n = k;
    return s.n % 4 != 1 && v == 0; /* the bits that pad the last character are zero, so each value has one form */
}

bool
bytes_unbase64(struct bytes s, uint8_t *out, size_t *n)
{
    if (s.n % 4)
        return false;
    for (int pads = 0; pads < 2 && s.n && s.at[s.n - 1] == '='; pads++)
        s.n--;
    return unbase64(s, alphabet_std, out, n);
}

bool
bytes_unbase64url(struct bytes s, uint8_t *out, size_t *n)
{
    return unbase64(s, alphabet_url, out, n);
}

struct secret
secret_make(struct bytes s)
{
    struct secret made = {malloc(s.n ? s.n : 1), s.n};
    if (made.at == NULL)
        return (struct secret){NULL, 0};
    if (s.n)
        memcpy(made.at, s.at, s.n);
    return made;
}

void
secret_free(struct secret *s)
{
    if (s->at == NULL)
        return; /* Behave consistently with free(NULL). */
    bytes_wipe(s->at, s->n);
    free(s->at);
    s->at = NULL;
    s->n = 0;
}

void
bytes_wipe(void *at, size_t n)
{
    if (n)
        explicit_bzero(at, n);
}
