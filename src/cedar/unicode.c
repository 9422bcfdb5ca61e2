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
