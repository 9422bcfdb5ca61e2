#include "cedar/unicode.h"

#define WORDS 3

struct script_set {
    uint64_t word[WORDS];
};

#include "cedar/unicode_table.h"

uint32_t
unicode_next(struct cedar_str *s)
{
    uint8_t c = (uint8_t)s->at[0];
    size_t n = c < 0xc0 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    uint32_t v = n == 1 ? c : c & (0x7fu >> n);
    if (n > s->n)
        n = 1;
    for (size_t i = 1; i < n; i++)
        v = v << 6 | ((uint8_t)s->at[i] & 0x3f);
    s->at += n;
    s->n -= n;
    return v;
}

/* How many entries of a sorted ${table} are at most ${key}. */
static size_t
up_to(const uint32_t *table, size_t n, uint32_t key)
{
    size_t low = 0;
    while (low < n) {
        size_t middle = low + (n - low) / 2;
        if (table[middle] <= key)
            low = middle + 1;
        else
            n = middle;
    }
    return low;
}

#define HOLDS(table, c) (up_to((table), sizeof(table) / sizeof *(table), (c)) % 2 == 1)

bool
unicode_escaped(uint32_t c, bool first)
{
    if (c < 0x80)
        return c < 0x20 || c == 0x7f || c == '"' || c == '\'' || c == '\\';
    return first ? HOLDS(escaped_first, c) : HOLDS(escaped_later, c);
}

bool
unicode_identifier(uint32_t c)
{
    return HOLDS(identifier_allowed, c);
}

bool
unicode_bidi(uint32_t c)
{
    return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

static struct script_set
scripts_of(uint32_t c)
{
    size_t row = up_to(script_rows, sizeof script_rows / sizeof *script_rows, c << 11 | 0x7ff);
    return script_sets[script_rows[row - 1] & 0x7ff];
}

bool
unicode_single_script(struct cedar_str s)
{
    struct script_set all = {{UINT64_MAX, UINT64_MAX, UINT64_MAX}};
    while (s.n > 0) {
        struct script_set one = scripts_of(unicode_next(&s));
        uint64_t any = 0;
        for (size_t i = 0; i < WORDS; i++)
            any |= all.word[i] &= one.word[i];
        if (any == 0)
            return false;
    }
    return true;
}

/* The zero of each ten decimal digits (general category Nd) of Unicode 16; the other nine follow it. */
static const uint32_t zeros[] = {0x0030,  0x0660,  0x06f0,  0x07c0,  0x0966,  0x09e6,  0x0a66,  0x0ae6,  0x0b66,  0x0be6,  0x0c66,  0x0ce6,  0x0d66,
                                 0x0de6,  0x0e50,  0x0ed0,  0x0f20,  0x1040,  0x1090,  0x17e0,  0x1810,  0x1946,  0x19d0,  0x1a80,  0x1a90,  0x1b50,
                                 0x1bb0,  0x1c40,  0x1c50,  0xa620,  0xa8d0,  0xa900,  0xa9d0,  0xa9f0,  0xaa50,  0xabf0,  0xff10,  0x104a0, 0x10d30,
                                 0x10d40, 0x11066, 0x110f0, 0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x116d0, 0x116da, 0x11730,
                                 0x118e0, 0x11950, 0x11bf0, 0x11c50, 0x11d50, 0x11da0, 0x11f50, 0x16130, 0x16a60, 0x16ac0, 0x16b50, 0x16d70, 0x1ccf0,
                                 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e4f0, 0x1e5f1, 0x1e950, 0x1fbf0};

bool
unicode_digit(uint32_t c)
{
    size_t n = up_to(zeros, sizeof zeros / sizeof *zeros, c);
    return n > 0 && c - zeros[n - 1] < 10;
}
