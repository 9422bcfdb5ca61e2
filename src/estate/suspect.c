/*
 * Texts of a server as they are and not as they look: characters that show nothing, change the order of others or steer a terminal, and
 * names that look like other names. (Unicode TR 36 and TS 39; "Trojan Source", CVE-2021-42574.)
 */
#include <stdio.h>
#include <stdlib.h>

#include "estate/pin.h"
#include "estate/suspect.h"

struct look {
    uint32_t c;
    char as[5];
};
#include "estate/looks_table.h"

const char *const suspect_level_names[] = {"hint", "danger"};

static const struct odd {
    uint32_t from, to;
    const char *what;
} odd[] = {
    {0x00, 0x08, "control character"},
    {0x0b, 0x0c, "control character"},
    {0x0e, 0x1a, "control character"},
    {0x1b, 0x1b, "terminal escape"},
    {0x1c, 0x1f, "control character"},
    {0x7f, 0x8f, "control character"},
    {0x90, 0x90, "terminal escape"}, /* DCS */
    {0x91, 0x9a, "control character"},
    {0x9b, 0x9b, "terminal escape"}, /* CSI */
    {0x9c, 0x9c, "control character"},
    {0x9d, 0x9f, "terminal escape"}, /* OSC, PM, APC */
    {0xad, 0xad, "invisible character"},
    {0x34f, 0x34f, "invisible character"},
    {0x61c, 0x61c, "bidirectional control"},
    {0x115f, 0x1160, "invisible character"},
    {0x17b4, 0x17b5, "invisible character"},
    {0x180b, 0x180d, "variation selector"},
    {0x180e, 0x180e, "zero width character"},
    {0x180f, 0x180f, "variation selector"},
    {0x200b, 0x200d, "zero width character"},
    {0x200e, 0x200f, "bidirectional control"},
    {0x2028, 0x2029, "line separator"},
    {0x202a, 0x202e, "bidirectional control"},
    {0x2060, 0x2065, "zero width character"},
    {0x2066, 0x2069, "bidirectional control"},
    {0x206a, 0x206f, "invisible character"},
    {0x2800, 0x2800, "invisible character"}, /* a Braille pattern without dots */
    {0x3164, 0x3164, "invisible character"},
    {0xe000, 0xf8ff, "private use character"},
    {0xfdd0, 0xfdef, "noncharacter"},
    {0xfe00, 0xfe0f, "variation selector"},
    {0xfeff, 0xfeff, "zero width character"},
    {0xffa0, 0xffa0, "invisible character"},
    {0xfff0, 0xfffb, "invisible character"},
    {0xfffe, 0xffff, "noncharacter"},
    {0x13430, 0x1345f, "invisible character"},
    {0x1bca0, 0x1bca3, "invisible character"},
    {0x1d159, 0x1d159, "invisible character"},
    {0x1d173, 0x1d17a, "invisible character"},
    {0xe0000, 0xe007f, "tag character"},
    {0xe0080, 0xe00ff, "invisible character"},
    {0xe0100, 0xe01ef, "variation selector"},
    {0xe01f0, 0xe0fff, "invisible character"},
    {0xf0000, 0x10ffff, "private use character"},
};

/* Where a variation selector or a joiner belongs: pictures, and the digits of keycaps. */
static const struct {
    uint32_t from, to;
} pictures[] = {{0x23, 0x23},     {0x2a, 0x2a},     {0x30, 0x39},     {0xa9, 0xa9},     {0xae, 0xae},      {0x203c, 0x203c},
                {0x2049, 0x2049}, {0x2122, 0x2122}, {0x2139, 0x2139}, {0x2190, 0x21ff}, {0x2300, 0x27bf},  {0x2900, 0x297f},
                {0x2b00, 0x2bff}, {0x3030, 0x3030}, {0x303d, 0x303d}, {0x3297, 0x3299}, {0x1f000, 0x1faff}};

static const char *
odd_what(uint32_t c)
{
    size_t low = 0, high = sizeof odd / sizeof *odd;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (c > odd[mid].to)
            low = mid + 1;
        else
            high = mid;
    }
    if (low < sizeof odd / sizeof *odd && c >= odd[low].from)
        return odd[low].what;
    return NULL;
}

static bool
picture(uint32_t c)
{
    for (size_t i = 0; i < sizeof pictures / sizeof *pictures; i++)
        if (c >= pictures[i].from && c <= pictures[i].to)
            return true;
    return false;
}

void
suspect_escape(struct buf *b, struct bytes text)
{
    while (text.n) {
        size_t n;
        uint32_t c = bytes_rune(text, &n);
        if (odd_what(c) || c == '\r')
            buf_printf(b, "\\u{%X}", c);
        else if (c == '\n' || c == '\t')
            buf_puts(b, c == '\n' ? "\\n" : "\\t");
        else if (c == 0xfffd)
            buf_puts(b, "\xef\xbf\xbd");
        else
            buf_put(b, bytes_sub(text, 0, n));
        text = bytes_sub(text, n, text.n);
    }
}

/* --------------------------------------------------------------------------------------------------------- collecting */

struct suspect *
suspect_add(struct suspects *s, enum suspect_level level, const char *what, const char *at)
{
    s->dangers += level == SUSPECT_DANGER;
    s->hints += level == SUSPECT_HINT;
    size_t i = s->n;
    if (i == SUSPECTS_MAX) { /* a hint makes room for a danger */
        for (i = 0; i < s->n && (level == SUSPECT_HINT || s->list[i].level == SUSPECT_DANGER); i++)
            ;
        if (i == s->n)
            return NULL;
    } else {
        s->n++;
    }
    s->list[i] = (struct suspect){.level = level, .what = what, .count = 1};
    snprintf(s->list[i].at, sizeof s->list[i].at, "%s", at);
    return &s->list[i];
}

static size_t
back_to_rune(struct bytes text, size_t at)
{
    while (at > 0 && at < text.n && (text.at[at] & 0xc0) == 0x80)
        at--;
    return at;
}

/* ${text} around [from, to), with all that cannot be seen written out. */
void
suspect_excerpt(struct suspect *s, struct bytes text, size_t from, size_t to)
{
    size_t start = back_to_rune(text, from > 24 ? from - 24 : 0), end = to + 24 < text.n ? back_to_rune(text, to + 24) : text.n;
    struct buf b = buf_make(4096);
    if (end - start > 400)
        end = back_to_rune(text, start + 400);
    buf_puts(&b, start ? "…" : "");
    suspect_escape(&b, bytes_sub(text, start, end - start));
    buf_puts(&b, end < text.n ? "…" : "");
    struct bytes shown = buf_bytes(&b);
    if (shown.n >= sizeof s->text)
        shown.n = back_to_rune(shown, sizeof s->text - 1);
    snprintf(s->text, sizeof s->text, "%.*s", BYTES_CUT(shown, sizeof s->text - 1));
    buf_free(&b);
}

/* ---------------------------------------------------------------------------------------------------------- characters */

struct run { /* of odd characters of one kind, one behind another */
    const char *what;
    uint32_t code;
    size_t from, to, count;
    char hidden[80]; /* tag characters spell ASCII */
};

static void
run_over(struct suspects *s, struct run *r, struct bytes text, const char *at)
{
    struct suspect *f = r->count ? suspect_add(s, SUSPECT_DANGER, r->what, at) : NULL;
    if (f) {
        f->code = r->code;
        f->count = r->count;
        suspect_excerpt(f, text, r->from, r->to);
        if (r->hidden[0])
            snprintf(f->text, sizeof f->text, "hidden text: %s", r->hidden);
    }
    *r = (struct run){0};
}

static void
run_add(struct run *r, uint32_t c, size_t at, size_t n)
{
    if (r->count == 0)
        r->code = c, r->from = at;
    r->count++;
    r->to = at + n;
    size_t k = strlen(r->hidden);
    if (c >= 0xe0020 && c < 0xe007f && k + 1 < sizeof r->hidden)
        r->hidden[k] = (char)(c - 0xe0000);
}

/* One selector behind a picture, and a joiner between two, are how pictures are written. */
static bool
in_place(uint32_t before, uint32_t c, uint32_t after)
{
    if (c == 0xfe0e || c == 0xfe0f)
        return picture(before);
    return c == 0x200d && (picture(before) || before == 0xfe0f) && before > 0xff && picture(after) && after > 0xff;
}

static uint32_t
rune_at(struct bytes text, size_t i)
{
    size_t n;
    return i < text.n ? bytes_rune(bytes_sub(text, i, text.n), &n) : 0;
}

static void
look_at_characters(struct suspects *s, struct bytes text, const char *at)
{
    struct run r = {0};
    uint32_t before = 0;
    size_t n;
    for (size_t i = 0; i < text.n; i += n) {
        uint32_t c = bytes_rune(bytes_sub(text, i, text.n), &n);
        const char *what = odd_what(c);
        if (c == '\r' && rune_at(text, i + 1) != '\n')
            what = "control character"; /* it writes over its own line */
        if (what && in_place(before, c, rune_at(text, i + n)))
            what = NULL;
        if (r.count && r.what != what)
            run_over(s, &r, text, at);
        if (what) {
            r.what = what;
            run_add(&r, c, i, n);
        }
        before = c;
    }
    run_over(s, &r, text, at);
}

/* --------------------------------------------------------------------------------------------------------------- looks */

static const char *
look_of(uint32_t c)
{
    size_t low = 0, high = sizeof looks / sizeof *looks;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (c > looks[mid].c)
            low = mid + 1;
        else
            high = mid;
    }
    return low < sizeof looks / sizeof *looks && looks[low].c == c ? looks[low].as : NULL;
}

bool
suspect_look(struct bytes text, char *out, size_t room)
{
    bool ascii = true;
    size_t used = 0, n;
    for (size_t i = 0; i < text.n; i += n) {
        uint32_t c = bytes_rune(bytes_sub(text, i, text.n), &n);
        const char *as = look_of(c);
        char own[2] = {(char)c, 0};
        if (odd_what(c))
            continue; /* it shows nothing */
        ascii = ascii && (as || c < 0x80);
        as = as ? as : c < 0x80 ? own : "?";
        if (used + strlen(as) >= room)
            return false;
        memcpy(out + used, as, strlen(as));
        used += strlen(as);
    }
    out[used] = 0;
    return ascii;
}

static bool
letter(uint32_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* A word of Latin letters in which some letter is another script's that looks Latin: "p\u0430th". */
static bool
mixes(struct bytes word)
{
    bool plain = false, alike = false;
    size_t n;
    for (size_t i = 0; i < word.n; i += n) {
        uint32_t c = bytes_rune(bytes_sub(word, i, word.n), &n);
        const char *as = look_of(c);
        plain = plain || letter(c);
        alike = alike || (c >= 0x370 && as && letter((uint8_t)as[0]));
    }
    return plain && alike;
}

static bool
word_end(uint8_t c)
{
    return c < 0x80 && !letter(c) && c != '_' && c != '-' && !(c >= '0' && c <= '9');
}

static void
look_at_words(struct suspects *s, struct bytes text, const char *at, enum suspect_level level)
{
    for (size_t i = 0; i < text.n; i++) {
        size_t from = i;
        while (i < text.n && !word_end(text.at[i]))
            i++;
        if (!mixes(bytes_sub(text, from, i - from)))
            continue;
        struct suspect *f = suspect_add(s, level, "word of mixed scripts", at);
        if (f)
            suspect_excerpt(f, text, from, i);
    }
}

/* ------------------------------------------------------------------------------------------------------------ an item */

static void
look_at_key(struct suspects *s, struct bytes key, const char *at)
{
    look_at_characters(s, key, at);
    look_at_words(s, key, at, SUSPECT_DANGER);
}

static void
path_join(char out[128], const char *path, struct bytes key)
{
    struct buf b = buf_make(1024);
    suspect_escape(&b, bytes_sub(key, 0, 60));
    snprintf(out, 128, "%.80s%s%.44s", path, path[0] ? "." : "", b.failed ? "…" : buf_text(&b));
    buf_free(&b);
}

/* Depth is bounded by the JSON reader. */
static void
look_at(struct suspects *s, const struct json *v, const char *path, bool name, bool hints)
{
    char deeper[128];
    if (v->type == JSON_STRING) {
        look_at_characters(s, v->text, path);
        if (name || hints)
            look_at_words(s, v->text, path, name ? SUSPECT_DANGER : SUSPECT_HINT);
        if (hints)
            suspect_orders(v->text, path, s);
    }
    size_t i = 0;
    for (const struct json *m = v->child; m; m = m->next, i++) {
        bool icon = v->type == JSON_OBJECT && bytes_is(m->key, "icons"); /* pictures, as data: URLs */
        if (v->type == JSON_OBJECT) {
            path_join(deeper, path, m->key);
            look_at_key(s, m->key, deeper);
        } else {
            snprintf(deeper, sizeof deeper, "%.110s[%zu]", path, i);
        }
        if (!icon)
            look_at(s, m, deeper, path[0] == 0 && (bytes_is(m->key, "name") || bytes_is(m->key, "uriTemplate")), hints);
    }
}

void
suspect_item(const struct json *item, bool hints, struct suspects *s)
{
    look_at(s, item, "", false, hints);
}

void
suspect_put(struct buf *b, const struct suspects *s)
{
    char code[16];
    json_open(b, '[');
    for (size_t i = 0; i < s->n; i++) {
        const struct suspect *f = &s->list[i];
        json_item(b);
        json_open(b, '{');
        json_member_str(b, "level", suspect_level_names[f->level]);
        json_member_str(b, "what", f->what);
        json_member_str(b, "at", f->at);
        if (f->code) {
            snprintf(code, sizeof code, "U+%04X", f->code);
            json_member_str(b, "character", code);
        }
        if (f->count > 1)
            json_member_int(b, "count", (int64_t)f->count);
        json_member_str(b, "text", f->text);
        json_close(b, '}');
    }
    json_close(b, ']');
}
