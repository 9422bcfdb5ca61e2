/* From the tree: widths, the program that matches, and the text for vectorscan. */
#include <stdlib.h>

#include "inspect/regex_tree.h"

struct width {
    size_t min, max;
};

static size_t
plus(size_t a, size_t b)
{
    return a == REGEX_NO_WIDTH || b == REGEX_NO_WIDTH || a > REGEX_NO_WIDTH - 1 - b ? REGEX_NO_WIDTH : a + b;
}

static size_t
times(size_t a, size_t n)
{
    if (a == 0 || n == 0)
        return 0;
    return a == REGEX_NO_WIDTH || a > (REGEX_NO_WIDTH - 1) / n ? REGEX_NO_WIDTH : a * n;
}

/* In bytes of UTF-8. The tree is no deeper than its text had brackets, which has a bound. */
static struct width
width_of(const struct re_node *x)
{
    struct width w = {0, 0}, c;
    switch (x->kind) {
    case RE_CLASS:
        return (struct width){1, x->set->n_beyond ? 4 : 1};
    case RE_CAT:
        for (const struct re_node *k = x->child; k; k = k->next) {
            c = width_of(k);
            w = (struct width){plus(w.min, c.min), plus(w.max, c.max)};
        }
        return w;
    case RE_ALT:
        w.min = REGEX_NO_WIDTH;
        for (const struct re_node *k = x->child; k; k = k->next) {
            c = width_of(k);
            w = (struct width){c.min < w.min ? c.min : w.min, c.max > w.max ? c.max : w.max};
        }
        return w;
    case RE_GROUP:
        return width_of(x->child);
    case RE_REPEAT:
        c = width_of(x->child);
        return (struct width){times(c.min, x->min), x->max == RE_ENDLESS && c.max ? REGEX_NO_WIDTH : times(c.max, x->max)};
    default:
        return w;
    }
}

/* How far behind the start of a match vectorscan's sighting can be: it ends where the least of the last part is there (put_node below). */
static size_t
reach_of(const struct re_node *x)
{
    size_t sum = 0, last = 0;
    switch (x->kind) {
    case RE_CAT:
        for (const struct re_node *k = x->child; k; k = k->next) {
            if (width_of(k).min > 0)
                last = plus(sum, reach_of(k));
            sum = plus(sum, width_of(k).max);
        }
        return last;
    case RE_ALT:
        for (const struct re_node *k = x->child; k; k = k->next)
            last = reach_of(k) > last ? reach_of(k) : last;
        return last;
    case RE_GROUP:
        return reach_of(x->child);
    case RE_REPEAT:
        return times(width_of(x->child).max, x->min);
    default:
        return width_of(x).max;
    }
}

size_t
regex_reach(const struct regex *r)
{
    return reach_of(r->root);
}

/* ---------------------------------------------------------------------------------------------------------- program */

struct writer {
    struct re_step *steps;
    size_t n, cap;
    bool anchored;
    struct err e;
};

static size_t
emit(struct writer *w, struct re_step step)
{
    if (!err_failed(w->e) && w->n == w->cap) {
        size_t cap = w->cap ? w->cap * 2 : 256;
        struct re_step *steps = realloc(w->steps, cap * sizeof *steps);
        if (steps == NULL) {
            w->e = err_make(E_MEMORY, "no memory for a regular expression");
        } else {
            w->steps = steps;
            w->cap = cap;
        }
    }
    if (!err_failed(w->e) && w->n >= REGEX_MAX_PROGRAM)
        w->e = err_make(E_LIMIT, "with its repetitions written out, the expression has more than %u steps", REGEX_MAX_PROGRAM);
    if (err_failed(w->e))
        return 0;
    w->steps[w->n] = step;
    return w->n++;
}

static void write_node(struct writer *w, const struct re_node *x);

static void
write_alternatives(struct writer *w, const struct re_node *x)
{
    size_t jumps = SIZE_MAX; /* a chain through ${other} */
    for (const struct re_node *k = x->child; k && !err_failed(w->e); k = k->next) {
        size_t split = k->next ? emit(w, (struct re_step){.op = OP_SPLIT}) : 0;
        if (k->next && !err_failed(w->e))
            w->steps[split].to = (uint32_t)w->n;
        write_node(w, k);
        if (k->next == NULL || err_failed(w->e))
            continue;
        size_t jump = emit(w, (struct re_step){.op = OP_JUMP, .other = (uint32_t)jumps});
        jumps = jump;
        if (!err_failed(w->e))
            w->steps[split].other = (uint32_t)w->n;
    }
    while (!err_failed(w->e) && jumps != SIZE_MAX && (uint32_t)jumps != UINT32_MAX) {
        size_t next = w->steps[jumps].other;
        w->steps[jumps].to = (uint32_t)w->n;
        jumps = next == UINT32_MAX ? SIZE_MAX : next;
    }
}

static void
set_split(struct writer *w, size_t split, size_t body, size_t out, bool lazy)
{
    if (err_failed(w->e))
        return;
    w->steps[split].to = (uint32_t)(lazy ? out : body);
    w->steps[split].other = (uint32_t)(lazy ? body : out);
}

static void
write_star(struct writer *w, const struct re_node *x)
{
    size_t split = emit(w, (struct re_step){.op = OP_SPLIT});
    write_node(w, x->child);
    emit(w, (struct re_step){.op = OP_JUMP, .to = (uint32_t)split});
    set_split(w, split, split + 1, w->n, x->lazy);
}

static void
write_optional(struct writer *w, const struct re_node *x, uint32_t n)
{
    size_t splits = SIZE_MAX;
    for (uint32_t i = 0; i < n && !err_failed(w->e); i++) {
        splits = emit(w, (struct re_step){.op = OP_SPLIT, .to = (uint32_t)splits});
        write_node(w, x->child);
    }
    while (!err_failed(w->e) && splits != SIZE_MAX) {
        size_t next = w->steps[splits].to;
        set_split(w, splits, splits + 1, w->n, x->lazy);
        splits = next == UINT32_MAX ? SIZE_MAX : next;
    }
}

static void
write_repeat(struct writer *w, const struct re_node *x)
{
    for (uint32_t i = 0; i < x->min && !err_failed(w->e); i++) {
        size_t body = w->n;
        write_node(w, x->child);
        if (x->max == RE_ENDLESS && i + 1 == x->min) {
            size_t split = emit(w, (struct re_step){.op = OP_SPLIT});
            set_split(w, split, body, w->n, x->lazy);
        }
    }
    if (x->max == RE_ENDLESS && x->min == 0)
        write_star(w, x);
    else if (x->max != RE_ENDLESS)
        write_optional(w, x, x->max - x->min);
}

static void
write_node(struct writer *w, const struct re_node *x)
{
    switch (x->kind) {
    case RE_EMPTY:
        break;
    case RE_CLASS:
        emit(w, (struct re_step){.op = OP_CLASS, .set = x->set});
        break;
    case RE_CAT:
        for (const struct re_node *k = x->child; k && !err_failed(w->e); k = k->next)
            write_node(w, k);
        break;
    case RE_ALT:
        write_alternatives(w, x);
        break;
    case RE_REPEAT:
        write_repeat(w, x);
        break;
    case RE_GROUP:
        emit(w, (struct re_step){.op = OP_SAVE, .to = x->group * 2});
        write_node(w, x->child);
        emit(w, (struct re_step){.op = OP_SAVE, .to = x->group * 2 + 1});
        break;
    case RE_BEGIN_TEXT:
    case RE_END_TEXT:
        w->anchored = true; /* fall through */
    default:
        emit(w, (struct re_step){.op = OP_ASSERT, .to = x->kind});
    }
}

/* With which bytes can a match begin? Assertions are walked through as if they held. */
static bool
find_first(struct regex *r)
{
    bool *seen = calloc(r->n_steps, sizeof *seen);
    uint32_t *todo = malloc((r->n_steps + 1) * 2 * sizeof *todo);
    size_t n = 0;
    if (seen == NULL || todo == NULL) {
        free(seen);
        free(todo);
        return false;
    }
    todo[n++] = 0;
    while (n) {
        uint32_t i = todo[--n];
        if (seen[i])
            continue;
        seen[i] = true;
        const struct re_step *s = &r->steps[i];
        if (s->op == OP_CLASS) {
            for (unsigned c = 0; c < 256; c++)
                r->first[c] |= c < 0x80 ? s->set->ascii[c >> 6] >> (c & 63) & 1 : s->set->n_beyond > 0;
        } else if (s->op == OP_MATCH) {
            memset(r->first, 1, sizeof r->first);
        } else if (s->op == OP_SPLIT || s->op == OP_JUMP) {
            todo[n++] = s->to;
            if (s->op == OP_SPLIT)
                todo[n++] = s->other;
        } else {
            todo[n++] = i + 1;
        }
    }
    free(seen);
    free(todo);
    return true;
}

struct err
regex_compile(struct arena *a, struct regex *r)
{
    struct writer w = {.e = err_ok()};
    struct width width = width_of(r->root);
    r->min = width.min;
    r->max = width.max;
    write_node(&w, r->root);
    emit(&w, (struct re_step){.op = OP_MATCH});
    if (!err_failed(w.e)) {
        struct bytes steps = arena_copy(a, bytes_make(w.steps, w.n * sizeof *w.steps));
        r->steps = (struct re_step *)(uintptr_t)steps.at;
        r->n_steps = w.n;
        r->anchored = w.anchored;
        if (steps.at == NULL || !find_first(r))
            w.e = err_make(E_MEMORY, "no memory for a regular expression");
    }
    free(w.steps);
    return w.e;
}

static bool
has_group(const struct re_node *x)
{
    if (x->kind == RE_GROUP)
        return true;
    for (const struct re_node *k = x->child; k; k = k->next)
        if (has_group(k))
            return true;
    return false;
}

struct err
regex_trim(struct arena *a, struct regex *r)
{
    struct re_node *x = r->root;
    if (x->kind != RE_CAT)
        return err_ok();
    while (x->child && (x->child->kind == RE_EMPTY || (x->child->kind == RE_REPEAT && x->child->min == 0 && !has_group(x->child))))
        x->child = x->child->next;
    memset(r->first, 0, sizeof r->first);
    return regex_compile(a, r);
}

size_t
regex_groups(const struct regex *r)
{
    return r->groups;
}

size_t
regex_min_bytes(const struct regex *r)
{
    return r->min;
}

size_t
regex_max_bytes(const struct regex *r)
{
    return r->max;
}

size_t
regex_steps(const struct regex *r)
{
    return r->n_steps;
}

bool
regex_anchored(const struct regex *r)
{
    return r->anchored;
}

/* -------------------------------------------------------------------------------------------------- for vectorscan */

static bool
in_ascii(const struct re_class *set, unsigned c)
{
    return set->ascii[c >> 6] >> (c & 63) & 1;
}

static void
put_set(struct buf *b, const struct re_class *set, bool beyond)
{
    buf_putc(b, '[');
    for (unsigned c = 0; c < 0x80; c++) {
        unsigned from = c;
        if (!in_ascii(set, c))
            continue;
        while (c + 1 < 0x80 && in_ascii(set, c + 1))
            c++;
        buf_printf(b, c > from ? "\\x%02x-\\x%02x" : "\\x%02x", from, c);
    }
    if (beyond)
        buf_puts(b, "\\x80-\\xff");
    buf_putc(b, ']');
}

static bool
has_ascii(const struct re_class *set)
{
    return set->ascii[0] || set->ascii[1];
}

/* A character beyond ASCII is one to four bytes there (one: a byte that is no UTF-8, which counts as a character here). */
static void
put_class(struct buf *b, const struct re_class *set)
{
    if (set->n_beyond == 0) {
        put_set(b, set, false);
    } else if (!has_ascii(set)) {
        buf_puts(b, "[\\x80-\\xff]{1,4}");
    } else {
        buf_puts(b, "(?:");
        put_set(b, set, false);
        buf_puts(b, "|[\\x80-\\xff]{1,4})");
    }
}

#define WIDE_MAX 64u /* longer bounded runs of almost anything cost much and tell little */

/* At an edge of the whole expression only the least that a match needs is written: where exactly it ends is found out afterwards. */
static void put_node(struct buf *b, const struct re_node *x, bool left, bool right);

static void
put_repeat(struct buf *b, const struct re_node *x, bool edge)
{
    uint32_t max = edge ? x->min : x->max;
    bool wide = x->child->kind == RE_CLASS && x->child->set->n_beyond;
    if (wide) {
        put_set(b, x->child->set, true);
        max = max > WIDE_MAX ? RE_ENDLESS : max * 4;
    } else {
        buf_puts(b, "(?:");
        put_node(b, x->child, false, false);
        buf_putc(b, ')');
    }
    if (max == RE_ENDLESS)
        buf_printf(b, "{%u,}", x->min);
    else
        buf_printf(b, "{%u,%u}", x->min, max);
}

/* A \b at the start is kept, as it spares many a look; at the end it would hold back the sighting until more text comes. */
static void
put_sequence(struct buf *b, const struct re_node *x, bool left, bool right)
{
    const struct re_node *first = x->child, *last = NULL, *before = NULL;
    while (left && first && width_of(first).min == 0) {
        before = first;
        first = first->next;
    }
    for (const struct re_node *k = first; k; k = k->next)
        if (!right || width_of(k).min > 0)
            last = k;
    if (before && before->kind == RE_WORD)
        put_node(b, before, false, false);
    for (const struct re_node *k = first; k && last; k = k->next) {
        put_node(b, k, left && k == first, right && k == last);
        if (k == last)
            break;
    }
}

static void
put_node(struct buf *b, const struct re_node *x, bool left, bool right)
{
    switch (x->kind) {
    case RE_CLASS:
        put_class(b, x->set);
        break;
    case RE_CAT:
        put_sequence(b, x, left, right);
        break;
    case RE_ALT:
        buf_puts(b, "(?:");
        for (const struct re_node *k = x->child; k; k = k->next) {
            put_node(b, k, left, right);
            if (k->next)
                buf_putc(b, '|');
        }
        buf_putc(b, ')');
        break;
    case RE_GROUP:
        buf_puts(b, "(?:");
        put_node(b, x->child, left, right);
        buf_putc(b, ')');
        break;
    case RE_REPEAT:
        put_repeat(b, x, left || right);
        break;
    case RE_WORD:
        buf_puts(b, "\\b");
        break;
    case RE_NOT_WORD:
        buf_puts(b, "\\B");
        break;
    default:
        break; /* anchors: a place to look need not be one where they hold */
    }
}

void
regex_scan_text(const struct regex *r, struct buf *b)
{
    put_node(b, r->root, true, true);
}
