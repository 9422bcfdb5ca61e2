#include "cedar/findings.h"

#include "cedar/policies.h"
#include "cedar/unicode.h"

#include <stdlib.h>

struct owned_findings {
    struct cedar_findings list; /* first: what the caller holds is the whole */
    struct cedar_finding *at;
    uint64_t *distinct;
    struct arena a;
};

#define TEXTS_MAX ((size_t)256 << 20)

bool
findings_begin(struct finding_list *l)
{
    *l = (struct finding_list){.message = buf_make(FINDING_TEXT_MAX), .help = buf_make(FINDING_TEXT_MAX)};
    l->out = calloc(1, sizeof *l->out);
    if (l->out)
        l->out->a.max = TEXTS_MAX;
    l->memory = l->out == NULL;
    return !l->memory;
}

void
findings_policy(struct finding_list *l)
{
    if (l->seen && l->out->list.n > l->first)
        memset(l->seen, 0, l->n_seen * sizeof *l->seen);
    l->first = l->out->list.n;
}

void
findings_next(struct finding_list *l)
{
    l->message.n = l->help.n = 0;
    l->message.failed = l->help.failed = false;
}

/* Cut at a character what did not fit. */
static void
close_text(struct buf *b)
{
    static const char mark[] = "…";
    if (!b->failed || b->at == NULL)
        return;
    size_t n = b->n < FINDING_TEXT_MAX - sizeof mark ? b->n : FINDING_TEXT_MAX - sizeof mark;
    while (n > 0 && n < b->n && (b->at[n] & 0xc0) == 0x80)
        n--;
    b->n = n;
    b->failed = false;
    buf_puts(b, mark);
}

static struct cedar_str
keep_text(struct finding_list *l, struct cedar_str s)
{
    struct bytes copy = s.n ? arena_copy(&l->out->a, str_bytes(s)) : (struct bytes){NULL, 0};
    l->memory |= copy.n != s.n || (s.n && copy.at == NULL);
    return (struct cedar_str){(const char *)copy.at, copy.n};
}

/* --------------------------------------------------------------------------------------------------------- repeated ones */

static uint64_t
hash_bytes(uint64_t h, const void *at, size_t n)
{
    const uint8_t *p = at;
    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * UINT64_C(0x100000001b3);
    return h;
}

static uint64_t
hash_finding(const struct cedar_finding *f, uint64_t distinct)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    h = hash_bytes(h, &f->kind, sizeof f->kind);
    h = hash_bytes(h, &f->start, sizeof f->start);
    h = hash_bytes(h, &f->end, sizeof f->end);
    h = hash_bytes(h, &distinct, sizeof distinct);
    return hash_bytes(hash_bytes(h, f->message.at, f->message.n), f->help.at, f->help.n);
}

static bool
is_same(const struct finding_list *l, size_t i, const struct cedar_finding *f, uint64_t distinct)
{
    const struct cedar_finding *o = &l->out->at[i];
    return o->kind == f->kind && o->start == f->start && o->end == f->end && l->out->distinct[i] == distinct && str_eq(o->message, f->message) &&
           str_eq(o->help, f->help);
}

/* The place in the table for ${f}; *${found} tells whether it is there. The table is never full: it has twice CEDAR_MAX_FINDINGS. */
static size_t
seen_slot(const struct finding_list *l, const struct cedar_finding *f, uint64_t distinct, bool *found)
{
    size_t i = hash_finding(f, distinct) % l->n_seen;
    *found = false;
    for (; l->seen[i]; i = (i + 1) % l->n_seen)
        if (is_same(l, l->seen[i] - 1, f, distinct)) {
            *found = true;
            break;
        }
    return i;
}

static bool
make_room(struct finding_list *l)
{
    struct owned_findings *o = l->out;
    if (l->seen == NULL) {
        l->n_seen = 2 * CEDAR_MAX_FINDINGS + 1;
        l->seen = calloc(l->n_seen, sizeof *l->seen);
    }
    if (l->seen && o->list.n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 16;
        struct cedar_finding *at = realloc(o->at, cap * sizeof *at);
        o->at = at ? at : o->at;
        uint64_t *distinct = at ? realloc(o->distinct, cap * sizeof *distinct) : NULL;
        o->distinct = distinct ? distinct : o->distinct;
        l->cap = distinct ? cap : l->cap;
    }
    l->memory |= l->seen == NULL || o->list.n == l->cap;
    return !l->memory;
}

void
findings_add(struct finding_list *l, enum cedar_finding_kind kind, size_t policy, struct span span, uint64_t distinct, enum finding_repeat repeat)
{
    bool found = false;
    close_text(&l->message);
    close_text(&l->help);
    l->memory |= l->message.failed || l->help.failed;
    if (l->memory || l->full || !make_room(l))
        return;
    struct cedar_finding f = {.kind = kind, .policy = policy, .start = span.start, .end = span.end};
    f.message = (struct cedar_str){(const char *)l->message.at, l->message.n};
    f.help = (struct cedar_str){(const char *)l->help.at, l->help.n};
    size_t slot = seen_slot(l, &f, distinct, &found);
    if (found && repeat == FINDING_ONCE)
        return;
    if (l->out->list.n == CEDAR_MAX_FINDINGS) {
        l->full = true;
        return;
    }
    f.message = keep_text(l, f.message);
    f.help = keep_text(l, f.help);
    l->out->at[l->out->list.n] = f;
    l->out->distinct[l->out->list.n] = distinct;
    l->out->list.n++;
    if (!found)
        l->seen[slot] = (uint32_t)l->out->list.n;
}

/* ---------------------------------------------------------------------------------------------------------------- giving */

static int
cmp_sizes(size_t a, size_t b)
{
    return a < b ? -1 : a > b;
}

static int
cmp_findings(const void *x, const void *y)
{
    const struct cedar_finding *a = x, *b = y;
    int c = cmp_sizes(a->policy, b->policy);
    if (c == 0)
        c = cmp_sizes(a->start, b->start);
    if (c == 0)
        c = cmp_sizes(a->end, b->end);
    if (c == 0)
        c = cmp_sizes(a->kind, b->kind);
    if (c == 0)
        c = str_cmp(a->message, b->message);
    return c ? c : str_cmp(a->help, b->help);
}

/* Lines and columns of the findings of one policy, which are in order of their starts. Columns count characters. */
static void
place(struct cedar_finding *f, size_t n, const struct policy *p)
{
    struct cedar_str text = p->file->text;
    size_t at = p->start;
    unsigned line = p->line, column = p->column;
    for (size_t i = 0; i < n; i++) {
        if (f[i].end == 0)
            continue;
        for (; at < f[i].start && at < text.n; at++) {
            if (text.at[at] == '\n')
                line++, column = 1;
            else
                column += ((uint8_t)text.at[at] & 0xc0) != 0x80;
        }
        f[i].line = line;
        f[i].column = column;
    }
}

static void
finish(struct owned_findings *o, const struct cedar_policies *policies)
{
    if (o->list.n > 1)
        qsort(o->at, o->list.n, sizeof *o->at, cmp_findings);
    for (size_t from = 0, to; from < o->list.n; from = to) {
        const struct policy *p = policies->at[o->at[from].policy];
        for (to = from; to < o->list.n && o->at[to].policy == o->at[from].policy; to++)
            o->list.n_errors += o->at[to].kind == CEDAR_FINDING_ERROR;
        place(o->at + from, to - from, p->linked ? p->linked : p);
    }
    o->list.at = o->at;
}

bool
findings_end(struct finding_list *l, const struct cedar_policies *policies, struct cedar_findings **out, struct cedar_error *error)
{
    bool ok = !l->memory && !l->full;
    if (l->memory)
        error_memory(error);
    else if (l->full)
        error_set(error, CEDAR_LIMIT, 0, 0, "more than %u findings: mend some first", CEDAR_MAX_FINDINGS);
    if (ok) {
        finish(l->out, policies);
        *out = &l->out->list;
        l->out = NULL;
    }
    findings_drop(l);
    return ok;
}

void
findings_drop(struct finding_list *l)
{
    if (l->out)
        cedar_findings_free(&l->out->list);
    l->out = NULL;
    free(l->seen);
    buf_free(&l->message);
    buf_free(&l->help);
}

void
cedar_findings_free(struct cedar_findings *f)
{
    struct owned_findings *o = (struct owned_findings *)f;
    if (o == NULL)
        return;
    arena_free(&o->a);
    free(o->at);
    free(o->distinct);
    free(o);
}

/* ---------------------------------------------------------------------------------------------------------------- texts */

void
finding_str(struct buf *b, struct cedar_str s)
{
    buf_put(b, str_bytes(s));
}

static void
put_character(struct buf *b, uint32_t c, const char *at, size_t n, bool first)
{
    static const char from[] = "\t\r\n'\"\\", into[] = "trn'\"\\";
    const char *simple = c && c < 0x80 ? strchr(from, (int)c) : NULL;
    if (c == 0)
        buf_puts(b, "\\0");
    else if (simple)
        buf_printf(b, "\\%c", into[simple - from]);
    else if (unicode_escaped(c, first))
        buf_printf(b, "\\u{%x}", (unsigned)c);
    else
        buf_put(b, bytes_make(at, n));
}

void
finding_escaped(struct buf *b, struct cedar_str s)
{
    for (bool first = true; s.n > 0; first = false) {
        const char *at = s.at;
        uint32_t c = unicode_next(&s);
        put_character(b, c, at, (size_t)(s.at - at), first);
    }
}

void
finding_pattern(struct buf *b, bool wildcard, struct cedar_str piece)
{
    buf_puts(b, wildcard ? "*" : "");
    while (piece.n > 0) {
        const char *at = piece.at;
        uint32_t c = unicode_next(&piece);
        if (c == '*')
            buf_puts(b, "\\*");
        else
            put_character(b, c, at, (size_t)(piece.at - at), true);
    }
}

void
finding_uid(struct buf *b, const struct cedar_uid *uid)
{
    finding_str(b, uid->type);
    buf_puts(b, "::\"");
    finding_escaped(b, uid->id);
    buf_putc(b, '"');
}

bool
finding_is_name(struct cedar_str s)
{
    static const char *const reserved[] = {"true", "false", "if", "then", "else", "in", "is", "like", "has", "__cedar"};
    for (size_t i = 0; i < s.n; i++) {
        char c = s.at[i];
        bool letter = c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (str_is(s, reserved[i]))
            return false;
    return s.n > 0;
}
