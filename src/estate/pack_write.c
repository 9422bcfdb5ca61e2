/*
 * Changing "tools:" in the text of destinations/NAME.yaml without touching what else stands there: comments, order and a person's own statements stay.
 */
#include "estate/load.h"
#include "estate/packs.h"

#include <stdio.h>

#define TEXT_MAX (YAML_MAX_BYTES * 2)
#define BY_HAND "; change it by hand"

/* The text in lines, each with its line feed. */
struct lines {
    struct bytes *list;
    size_t n;
};

/* A last line without its line feed gets one. */
static struct err
whole_lines(struct arena *a, struct bytes *text)
{
    if (text->n == 0 || text->at[text->n - 1] == '\n')
        return err_ok();
    struct bytes more = arena_copy(a, *text); /* with a zero behind it, which makes room */
    if (more.at == NULL)
        return err_make(E_MEMORY, "out of memory");
    ((uint8_t *)(uintptr_t)more.at)[text->n] = '\n';
    *text = bytes_make(more.at, text->n + 1);
    return err_ok();
}

static struct err
lines_of(struct arena *a, struct bytes text, struct lines *out)
{
    size_t n = 1;
    TRY(whole_lines(a, &text));
    for (size_t i = 0; i < text.n; i++)
        n += text.at[i] == '\n';
    *out = (struct lines){arena_list(a, n, sizeof *out->list), 0};
    if (out->list == NULL)
        return err_make(E_MEMORY, "out of memory");
    while (text.n) {
        size_t end = bytes_find(text, '\n');
        end = end < text.n ? end + 1 : end;
        out->list[out->n++] = bytes_sub(text, 0, end);
        text = bytes_sub(text, end, text.n);
    }
    return err_ok();
}

static struct err
parse(struct arena *a, struct bytes text, struct yaml **top)
{
    struct yaml_mark where = {1, 1};
    struct err e = yaml_parse(a, text, top, &where);
    if (err_failed(e))
        return err_wrap(e, "line %d", where.line);
    return (*top)->type == YAML_MAP ? err_ok() : err_make(E_YAML, "the file is no mapping");
}

static bool
blank(struct bytes line)
{
    for (size_t i = 0; i < line.n; i++)
        if (!strchr(" \t\r\n", line.at[i]))
            return line.at[i] == '#' && i == 0;
    return true;
}

/* Behind the last line of ${member} of ${top}: before the next member, or at the end, without the empty lines and comments between them. */
static size_t
end_of_member(const struct lines *l, const struct yaml *top, const struct yaml *member)
{
    size_t end = l->n;
    for (const struct yaml *m = top->child; m; m = m->next)
        if (m->line > member->line && (size_t)m->line - 1 < end)
            end = (size_t)m->line - 1;
    while (end > (size_t)member->line && blank(l->list[end - 1]))
        end--;
    return end < l->n ? end : l->n;
}

static void
put_lines(struct buf *b, const struct lines *l, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        buf_put(b, l->list[i]);
}

static void
put_added(struct buf *b, const struct bytes *add, size_t n, size_t indent)
{
    for (size_t i = 0; i < n; i++) {
        buf_printf(b, "%*s", (int)indent, "");
        buf_put(b, add[i]);
        buf_putc(b, '\n');
    }
}

/* "tools: {}" holds nothing yet and makes room for the long form; the comment behind it stays. */
static bool
empty_flow(struct bytes line, size_t *from, size_t *to)
{
    *from = bytes_find(line, '{');
    *to = bytes_find(line, '}');
    return bytes_starts(line, BYTES("tools:")) && *from < *to && *to < line.n && bytes_trim(bytes_sub(line, *from + 1, *to - *from - 1)).n == 0;
}

/* What was made is read again: where YAML breaks lines otherwise than it seems, nothing must be written. */
static struct err
check_made(struct arena *a, const struct yaml *before, const struct buf *out, size_t more)
{
    struct yaml *top;
    const struct yaml *had = yaml_get(before, "tools");
    struct err e = out->failed ? err_make(E_LIMIT, "the file would become too large") : parse(a, buf_bytes(out), &top);
    if (err_failed(e))
        return e.code == E_YAML ? err_make(E_YAML, "tools: is laid out in a way that is not understood" BY_HAND) : e;
    const struct yaml *has = yaml_get(top, "tools");
    bool good = top->count == before->count + (had == NULL && more) && (has ? has->count : 0) == (had ? had->count : 0) + more;
    return good ? err_ok() : err_make(E_YAML, "tools: is laid out in a way that is not understood" BY_HAND);
}

static struct err
add_lines(struct arena *a, struct bytes text, const struct yaml *top, const struct bytes *add, size_t n, struct buf *out)
{
    struct lines l;
    size_t from, to;
    TRY(lines_of(a, text, &l));
    const struct yaml *tools = yaml_get(top, "tools");
    if (tools == NULL) {
        put_lines(out, &l, 0, l.n);
        buf_puts(out, "\ntools:\n");
        put_added(out, add, n, 2);
        return err_ok();
    }
    size_t at = (size_t)tools->line - 1;
    if (at >= l.n)
        return err_make(E_YAML, "line %d: the file has other line breaks than line feeds" BY_HAND, tools->line);
    if (tools->count == 0 && empty_flow(l.list[at], &from, &to)) {
        put_lines(out, &l, 0, at);
        buf_put(out, bytes_trim(bytes_sub(l.list[at], 0, from)));
        buf_put(out, bytes_sub(l.list[at], to + 1, l.list[at].n));
        put_added(out, add, n, 2);
        put_lines(out, &l, at + 1, l.n);
        return err_ok();
    }
    if (tools->type != YAML_MAP || tools->count == 0 || tools->child->line == tools->line || tools->column != 1)
        return err_make(E_YAML, "line %d: tools: is not written with one tool a line" BY_HAND, tools->line);
    size_t end = end_of_member(&l, top, tools);
    put_lines(out, &l, 0, end);
    put_added(out, add, n, (size_t)tools->child->column - 1);
    put_lines(out, &l, end, l.n);
    return err_ok();
}

struct err
tools_add(struct arena *a, struct bytes text, const struct bytes *add, size_t n, struct buf *out)
{
    struct yaml *top;
    TRY(parse(a, text, &top));
    TRY(add_lines(a, text, top, add, n, out));
    return check_made(a, top, out, n);
}

/* The end of a double-quoted text that begins at ${from}: behind its closing quote, or 0. */
static size_t
quoted_end(struct bytes line, size_t from)
{
    for (size_t i = from + 1; i < line.n; i++) {
        if (line.at[i] == '\\')
            i++;
        else if (line.at[i] == '"')
            return i + 1;
    }
    return 0;
}

/* As proposal_put wrote it, `, proposed: "…"`, or on a line of its own. */
static bool
without_proposed(struct bytes line, size_t column, struct buf *out)
{
    static const struct bytes mark = {(const uint8_t *)"proposed:", 9};
    struct bytes rest = bytes_sub(line, column, line.n);
    size_t before = column, quote = 9;
    if (!bytes_starts(rest, mark))
        return false;
    while (quote < rest.n && rest.at[quote] == ' ')
        quote++;
    size_t end = quote < rest.n && rest.at[quote] == '"' ? quoted_end(rest, quote) : 0;
    if (end == 0)
        return false;
    while (before && line.at[before - 1] == ' ')
        before--;
    if (before == 0 && blank(bytes_sub(rest, end, rest.n)))
        return true; /* alone: the whole line goes */
    if (before == 0 || line.at[before - 1] != ',')
        return false;
    buf_put(out, bytes_sub(line, 0, before - 1));
    buf_put(out, bytes_sub(rest, end, rest.n));
    return true;
}

static const struct yaml *
proposed_of(const struct yaml *tools, const char *name)
{
    for (const struct yaml *t = tools ? tools->child : NULL; t; t = t->next)
        if (bytes_is(t->key, name))
            return yaml_get(t, "proposed");
    return NULL;
}

struct err
tools_confirm(struct arena *a, struct bytes text, const char *const *names, struct buf *out)
{
    struct yaml *top;
    struct lines l;
    TRY(parse(a, text, &top));
    TRY(lines_of(a, text, &l));
    for (; *names; names++) {
        const struct yaml *p = proposed_of(yaml_get(top, "tools"), *names);
        struct buf line = buf_make(TEXT_MAX);
        size_t at = p ? (size_t)p->line - 1 : 0;
        if (p == NULL)
            continue;
        if (at >= l.n || !without_proposed(l.list[at], (size_t)p->column - 1, &line)) {
            buf_free(&line);
            return err_make(E_YAML, "line %d: proposed is not written as Writ writes it; remove it by hand to confirm %.80s", p->line, *names);
        }
        l.list[at] = line.n ? arena_copy(a, buf_bytes(&line)) : (struct bytes){NULL, 0};
        bool failed = line.failed || (line.n && l.list[at].at == NULL);
        buf_free(&line);
        if (failed)
            return err_make(E_MEMORY, "out of memory");
    }
    put_lines(out, &l, 0, l.n);
    return check_made(a, top, out, 0);
}

struct err
tools_write(const char *dir, const char *destination, struct bytes text)
{
    char path[4096];
    if (!name_ok(bytes_str(destination)))
        return err_make(E_USAGE, "'%.80s' is no name of a destination", destination);
    if (snprintf(path, sizeof path, "%s/destinations/%s.yaml", dir, destination) >= (int)sizeof path)
        return err_make(E_USAGE, "the path of the estate is too long");
    return file_replace(path, text, true);
}
