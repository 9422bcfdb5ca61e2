#include "cedar/doc.h"

#include "cedar/unicode.h"

enum doc_kind { DOC_NIL, DOC_TEXT, DOC_APPEND, DOC_NEWLINE, DOC_EITHER, DOC_NEST, DOC_GROUP };

struct doc {
    enum doc_kind kind;
    unsigned by;           /* DOC_NEST: columns; DOC_TEXT: its width */
    struct cedar_str text; /* DOC_TEXT; DOC_EITHER: what stands there when it fits, else a new line */
    const struct doc *a, *b;
};

const struct doc doc_nil = {.kind = DOC_NIL};
const struct doc doc_hardline = {.kind = DOC_NEWLINE};
const struct doc doc_line = {.kind = DOC_EITHER, .text = {" ", 1}};
const struct doc doc_line_ = {.kind = DOC_EITHER, .text = {"", 0}};
const struct doc doc_space = {.kind = DOC_TEXT, .by = 1, .text = {" ", 1}};

static const struct doc *
keep(struct docs *d, struct doc value)
{
    struct doc *doc = ARENA_NEW(d->a, struct doc);
    if (doc == NULL) {
        d->failed = true;
        return &doc_nil;
    }
    *doc = value;
    return doc;
}

struct columns_range {
    uint32_t from, to;
};

/* Wide characters, and those that show nothing besides the marks that join the one before them; as the official formatter counts. */
static const struct columns_range wide[] = {
    {0x1100, 0x115f},   {0x17a4, 0x17a4},   {0x17d8, 0x17d8},   {0x231a, 0x231b},   {0x2329, 0x232a},   {0x23e9, 0x23ec},   {0x23f0, 0x23f0},
    {0x23f3, 0x23f3},   {0x25fd, 0x25fe},   {0x2614, 0x2615},   {0x2630, 0x2637},   {0x2648, 0x2653},   {0x267f, 0x267f},   {0x268a, 0x268f},
    {0x2693, 0x2693},   {0x26a1, 0x26a1},   {0x26aa, 0x26ab},   {0x26bd, 0x26be},   {0x26c4, 0x26c5},   {0x26ce, 0x26ce},   {0x26d4, 0x26d4},
    {0x26ea, 0x26ea},   {0x26f2, 0x26f3},   {0x26f5, 0x26f5},   {0x26fa, 0x26fa},   {0x26fd, 0x26fd},   {0x2705, 0x2705},   {0x270a, 0x270b},
    {0x2728, 0x2728},   {0x274c, 0x274c},   {0x274e, 0x274e},   {0x2753, 0x2755},   {0x2757, 0x2757},   {0x2795, 0x2797},   {0x27b0, 0x27b0},
    {0x27bf, 0x27bf},   {0x2b1b, 0x2b1c},   {0x2b50, 0x2b50},   {0x2b55, 0x2b55},   {0x2e80, 0x2e99},   {0x2e9b, 0x2ef3},   {0x2f00, 0x2fd5},
    {0x2ff0, 0x3029},   {0x3030, 0x303e},   {0x3041, 0x3096},   {0x309b, 0x30ff},   {0x3105, 0x312f},   {0x3131, 0x3163},   {0x3165, 0x318e},
    {0x3190, 0x31e5},   {0x31ef, 0x321e},   {0x3220, 0x3247},   {0x3250, 0xa48c},   {0xa490, 0xa4c6},   {0xa960, 0xa97c},   {0xac00, 0xd7a3},
    {0xf900, 0xfaff},   {0xfe10, 0xfe19},   {0xfe30, 0xfe52},   {0xfe54, 0xfe66},   {0xfe68, 0xfe6b},   {0xff01, 0xff60},   {0xffe0, 0xffe6},
    {0x16fe0, 0x16fe3}, {0x16ff0, 0x16ff1}, {0x17000, 0x18cd5}, {0x18cff, 0x18d08}, {0x1aff0, 0x1affe}, {0x1b000, 0x1b2fb}, {0x1f004, 0x1f004},
    {0x1f0cf, 0x1f0cf}, {0x1f18e, 0x1f18e}, {0x1f191, 0x1f19a}, {0x1f200, 0x1f202}, {0x1f210, 0x1f23b}, {0x1f240, 0x1f248}, {0x1f250, 0x1f251},
    {0x1f260, 0x1f265}, {0x1f300, 0x1f320}, {0x1f32d, 0x1f335}, {0x1f337, 0x1f37c}, {0x1f37e, 0x1f393}, {0x1f3a0, 0x1f3ca}, {0x1f3cf, 0x1f3d3},
    {0x1f3e0, 0x1f3f0}, {0x1f3f4, 0x1f3f4}, {0x1f3f8, 0x1f43e}, {0x1f440, 0x1f440}, {0x1f442, 0x1f4fc}, {0x1f4ff, 0x1f53d}, {0x1f54b, 0x1f54e},
    {0x1f550, 0x1f567}, {0x1f57a, 0x1f57a}, {0x1f595, 0x1f596}, {0x1f5a4, 0x1f5a4}, {0x1f5fb, 0x1f64f}, {0x1f680, 0x1f6c5}, {0x1f6cc, 0x1f6cc},
    {0x1f6d0, 0x1f6d2}, {0x1f6d5, 0x1f6d8}, {0x1f6dc, 0x1f6df}, {0x1f6eb, 0x1f6ec}, {0x1f6f4, 0x1f6fc}, {0x1f7e0, 0x1f7eb}, {0x1f7f0, 0x1f7f0},
    {0x1f90c, 0x1f93a}, {0x1f93c, 0x1f945}, {0x1f947, 0x1f9ff}, {0x1fa70, 0x1fa7c}, {0x1fa80, 0x1fa8a}, {0x1fa8e, 0x1fac6}, {0x1fac8, 0x1fac8},
    {0x1facd, 0x1fadc}, {0x1fadf, 0x1faea}, {0x1faef, 0x1faf8}, {0x20000, 0x2fffd}, {0x30000, 0x3fffd},
};
static const struct columns_range hidden[] = {
    {0xad, 0xad},     {0x61c, 0x61c},   {0x1160, 0x11ff}, {0x17b4, 0x17b5}, {0x180b, 0x180f}, {0x200b, 0x200f}, {0x202a, 0x202e}, {0x2060, 0x206f},
    {0x3164, 0x3164}, {0xd7b0, 0xd7c6}, {0xd7cb, 0xd7fb}, {0xfe00, 0xfe0f}, {0xfeff, 0xfeff}, {0xff9e, 0xffa0}, {0xfff0, 0xfff8}, {0xe0000, 0xe0fff}};

static bool
in_ranges(uint32_t c, const struct columns_range *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (c >= list[i].from && c <= list[i].to)
            return true;
    return false;
}

/* Columns on a terminal. */
static unsigned
columns(uint32_t c)
{
    if (c < 0x80)
        return 1;
    if (in_ranges(c, wide, sizeof wide / sizeof *wide))
        return 2;
    bool joins = unicode_escaped(c, true) && !unicode_escaped(c, false);
    return joins || in_ranges(c, hidden, sizeof hidden / sizeof *hidden) ? 0 : 1;
}

const struct doc *
doc_text(struct docs *d, struct cedar_str text)
{
    unsigned width = 0;
    for (struct cedar_str rest = text; rest.n > 0;)
        width += columns(unicode_next(&rest));
    return keep(d, (struct doc){.kind = DOC_TEXT, .by = width, .text = text});
}

const struct doc *
doc_append(struct docs *d, const struct doc *a, const struct doc *b)
{
    return keep(d, (struct doc){.kind = DOC_APPEND, .a = a, .b = b});
}

const struct doc *
doc_group(struct docs *d, const struct doc *inner)
{
    return keep(d, (struct doc){.kind = DOC_GROUP, .a = inner});
}

const struct doc *
doc_nest(struct docs *d, unsigned by, const struct doc *inner)
{
    return keep(d, (struct doc){.kind = DOC_NEST, .by = by, .a = inner});
}

/* ---------------------------------------------------------------------------------------------------------------- layout */

/* What is still to be laid out, the next thing last. */
struct command {
    const struct doc *doc;
    size_t indent;
    bool flat;
};

struct commands {
    struct command *at;
    size_t n, cap;
};

struct layout {
    struct docs *d;
    struct buf *out;
    size_t width, column;
    bool line_begins; /* nothing stands on this line yet, not even its indentation */
    struct commands rest, ahead;
};

static void
push(struct layout *l, struct commands *c, struct command one)
{
    if (c->n == c->cap) {
        size_t cap = c->cap ? c->cap * 2 : 64;
        struct command *to = arena_list(l->d->a, cap, sizeof *to);
        if (to == NULL) {
            l->d->failed = true;
            return;
        }
        if (c->n)
            memcpy(to, c->at, c->n * sizeof *to);
        c->at = to;
        c->cap = cap;
    }
    c->at[c->n++] = one;
}

/* Does ${doc} fit flat on this line, together with what follows it up to the next possible new line? */
static bool
fits(struct layout *l, const struct doc *doc)
{
    size_t column = l->column, behind = l->rest.n;
    bool flat = true;
    l->ahead.n = 0;
    push(l, &l->ahead, (struct command){doc, 0, true});
    while (!l->d->failed) {
        if (l->ahead.n == 0) {
            if (behind == 0)
                return true;
            flat = false;
            push(l, &l->ahead, l->rest.at[--behind]);
            continue;
        }
        doc = l->ahead.at[--l->ahead.n].doc;
        if (doc->kind == DOC_NEWLINE || (doc->kind == DOC_EITHER && !flat))
            return !flat;
        column += doc->kind == DOC_TEXT ? doc->by : doc->kind == DOC_EITHER ? doc->text.n : 0;
        if (column > l->width)
            return false;
        if (doc->b)
            push(l, &l->ahead, (struct command){doc->b, 0, true});
        if (doc->a)
            push(l, &l->ahead, (struct command){doc->a, 0, true});
    }
    return false;
}

/* A line is indented like the new line before it, or like its first text where that stands further out. */
static void
put_text(struct layout *l, struct cedar_str text, unsigned width, size_t indent)
{
    if (text.n == 0)
        return;
    if (l->line_begins && indent < l->column)
        l->column = indent;
    for (size_t i = 0; l->line_begins && i < l->column; i++)
        buf_putc(l->out, ' ');
    l->line_begins = false;
    buf_put(l->out, str_bytes(text));
    l->column += width;
}

static void
new_line(struct layout *l, size_t indent)
{
    buf_putc(l->out, '\n');
    l->column = indent;
    l->line_begins = true;
}

static void
step(struct layout *l, struct command c)
{
    switch (c.doc->kind) {
    case DOC_NIL:
        break;
    case DOC_TEXT:
        put_text(l, c.doc->text, c.doc->by, c.indent);
        break;
    case DOC_APPEND:
        push(l, &l->rest, (struct command){c.doc->b, c.indent, c.flat});
        push(l, &l->rest, (struct command){c.doc->a, c.indent, c.flat});
        break;
    case DOC_NEWLINE:
        new_line(l, c.indent);
        break;
    case DOC_EITHER:
        if (c.flat)
            put_text(l, c.doc->text, (unsigned)c.doc->text.n, c.indent);
        else
            new_line(l, c.indent);
        break;
    case DOC_NEST:
        push(l, &l->rest, (struct command){c.doc->a, c.indent + c.doc->by, c.flat});
        break;
    case DOC_GROUP:
        push(l, &l->rest, (struct command){c.doc->a, c.indent, c.flat || fits(l, c.doc->a)});
        break;
    }
}

bool
doc_render(struct docs *d, const struct doc *doc, size_t width, struct buf *out)
{
    struct layout l = {.d = d, .out = out, .width = width};
    push(&l, &l.rest, (struct command){doc, 0, false});
    while (l.rest.n > 0 && !d->failed && !out->failed)
        step(&l, l.rest.at[--l.rest.n]);
    return !d->failed && !out->failed;
}
