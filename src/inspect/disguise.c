/*
 * One level of what a text can be hidden in: backslash escapes (JSON in a string, source code), percent-encoding, base64. Each is decoded
 * where it occurs, with a list of where the pieces came from.
 */
#include "inspect/room.h"

#define RUN_LEAST 24u /* characters of base64 that are worth a look */

static void
origin(struct inspect_room *r, size_t at, size_t from, size_t n, bool block)
{
    struct origin *o = ROOM_PUSH(r, origins, n_origins, cap_origins);
    if (o) {
        *o = (struct origin){at, from, n, block};
        r->n_origins++;
    }
}

static void
start(struct inspect_room *r, size_t max)
{
    r->decoded.n = 0;
    r->decoded.failed = false;
    r->decoded.max = max + 64;
    r->n_origins = 0;
}

static void
finish(struct inspect_room *r, enum sighting_how how)
{
    if (r->decoded.failed && r->incomplete == NULL)
        r->incomplete = "what is encoded in it is larger than max_bytes of inspection.yaml";
    if (r->decoded.n)
        scan_text(r, buf_bytes(&r->decoded), how);
}

static int
hex_value(int c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool
hex_at(struct bytes t, size_t at, size_t n, uint32_t *out)
{
    uint32_t v = 0;
    if (at + n > t.n)
        return false;
    for (size_t i = 0; i < n; i++) {
        int d = hex_value(t.at[at + i]);
        if (d < 0)
            return false;
        v = v << 4 | (uint32_t)d;
    }
    *out = v;
    return true;
}

static void
put_character(struct buf *b, uint32_t c)
{
    if (c < 0x80) {
        buf_putc(b, (uint8_t)c);
    } else if (c < 0x800) {
        buf_putc(b, (uint8_t)(0xc0 | c >> 6));
        buf_putc(b, (uint8_t)(0x80 | (c & 0x3f)));
    } else {
        buf_putc(b, (uint8_t)(0xe0 | (c >> 12 & 0x0f)));
        buf_putc(b, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
        buf_putc(b, (uint8_t)(0x80 | (c & 0x3f)));
    }
}

/* One escape at ${at}: its length, and the character it means; 0: none. Characters beyond 16 bits are no part of any secret: halves will do. */
static size_t
escape_at(struct bytes t, size_t at, uint32_t *c)
{
    static const char from[] = "nrt/\"\\'", to[] = "\n\r\t/\"\\'";
    if (at + 1 >= t.n)
        return 0;
    const char *p = t.at[at + 1] ? strchr(from, t.at[at + 1]) : NULL;
    if (p) {
        *c = (uint8_t)to[p - from];
        return 2;
    }
    if (t.at[at + 1] == 'u' && hex_at(t, at + 2, 4, c))
        return 6;
    return t.at[at + 1] == 'x' && hex_at(t, at + 2, 2, c) ? 4 : 0;
}

static size_t
percent_at(struct bytes t, size_t at, uint32_t *c)
{
    return hex_at(t, at + 1, 2, c) ? 3 : 0;
}

static void
decode(struct inspect_room *r, size_t max, uint8_t mark, size_t (*at)(struct bytes, size_t, uint32_t *), enum sighting_how how)
{
    struct bytes view = buf_bytes(&r->view);
    size_t done = 0, found = 0;
    start(r, max);
    for (size_t i = bytes_find(view, mark); i < view.n;) {
        uint32_t c;
        size_t n = at(view, i, &c);
        if (n) {
            found++;
            if (i > done) {
                origin(r, r->decoded.n, done, 0, false);
                buf_put(&r->decoded, bytes_sub(view, done, i - done));
            }
            origin(r, r->decoded.n, i, n, false);
            if (mark == '%')
                buf_putc(&r->decoded, (uint8_t)c);
            else
                put_character(&r->decoded, c);
            done = i + n;
        }
        size_t next = i + (n ? n : 1);
        i = next + bytes_find(bytes_sub(view, next, view.n), mark);
    }
    if (found == 0)
        return;
    origin(r, r->decoded.n, done, 0, false);
    buf_put(&r->decoded, bytes_sub(view, done, view.n));
    finish(r, how);
}

/* ---------------------------------------------------------------------------------------------------------- base64 */

/* Their values and one more, both alphabets at once; 0: not of the alphabet. */
static const uint8_t digits[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,  ['I'] = 9,  ['J'] = 10, ['K'] = 11,
    ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22,
    ['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32, ['g'] = 33,
    ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44,
    ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48, ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55,
    ['3'] = 56, ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['-'] = 63, ['/'] = 64, ['_'] = 64,
};

/* Bytes that no text has: one in eight, and it is no text. */
static bool
is_text(struct bytes b)
{
    size_t odd = 0;
    for (size_t i = 0; i < b.n; i++)
        odd += (b.at[i] < 0x20 && b.at[i] != '\n' && b.at[i] != '\r' && b.at[i] != '\t') || b.at[i] == 0x7f;
    return odd * 8 < b.n && (bytes_utf8(b) || odd == 0);
}

static void
take_run(struct inspect_room *r, size_t from, size_t to)
{
    size_t at = r->decoded.n;
    uint32_t bits = 0;
    unsigned have = 0;
    uint8_t *out = buf_room(&r->decoded, (to - from) / 4 * 3 + 4);
    if (out == NULL)
        return;
    origin(r, at, from, to - from, true);
    size_t n = 0;
    for (size_t i = from; i < to; i++) {
        bits = bits << 6 | (uint32_t)(digits[r->view.at[i]] - 1);
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[n++] = (uint8_t)(bits >> have);
        }
    }
    r->decoded.n += n;
    bool binary = n >= BINARY_LEAST && !is_text(bytes_sub(buf_bytes(&r->decoded), at, n > 4096 ? 4096 : n));
    if (binary && r->in)
        found_add(r, from, to, RULE_BINARY, HOW_BASE64, r->in->settings.binary);
    origin(r, r->decoded.n, to, 0, true);
    buf_putc(&r->decoded, '\n');
}

/* Runs of the alphabet: looked for from behind in steps of the least length, so that most of an ordinary text is jumped over. */
static void
decode_base64(struct inspect_room *r, size_t max)
{
    struct bytes view = buf_bytes(&r->view);
    start(r, max);
    for (size_t i = 0; i + RUN_LEAST <= view.n;) {
        size_t end = i + RUN_LEAST;
        while (end > i && digits[view.at[end - 1]])
            end--;
        if (end > i) { /* view.at[end - 1] is none of the alphabet: a run can begin behind it */
            i = end;
            continue;
        }
        end = i + RUN_LEAST;
        while (end < view.n && digits[view.at[end]])
            end++;
        take_run(r, i, end);
        i = end + 1;
    }
    finish(r, HOW_BASE64);
}

void
scan_disguised(struct inspect_room *r, size_t max)
{
    decode(r, max, '\\', escape_at, HOW_ESCAPED);
    decode(r, max, '%', percent_at, HOW_PERCENT);
    decode_base64(r, max);
}
