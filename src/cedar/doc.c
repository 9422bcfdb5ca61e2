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

/* Columns on a terminal: marks that join the character before them take none, East Asian wide characters two. */
static unsigned
columns(uint32_t c)
{
    static const struct {
        uint32_t from, to;
    } wide[] = {{0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},   {0xa960, 0xa97f},   {0xac00, 0xd7a3},
                {0xf900, 0xfaff},   {0xfe10, 0xfe19},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},
                {0x1b000, 0x1b2ff}, {0x1f300, 0x1f64f}, {0x1f680, 0x1f6fc}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};
    if (c >= 0x80 && unicode_escaped(c, true) && !unicode_escaped(c, false))
        return 0;
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        if (c >= wide[i].from && c <= wide[i].to)
            return 2;
    return 1;
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
