#include "estate/load.h"

#include <stdio.h>
#include <stdlib.h>

#define FINDINGS_MAX 1000u

void
findings_free(struct findings *f)
{
    free(f->list);
    *f = (struct findings){0};
}

static struct finding *
room_for_one(struct findings *f)
{
    if (f->n >= FINDINGS_MAX)
        return NULL; /* counted, not kept */
    if (f->n == f->cap) {
        size_t cap = f->cap ? f->cap * 2 : 16;
        struct finding *list = realloc(f->list, cap * sizeof *list);
        if (list == NULL)
            return NULL;
        f->list = list;
        f->cap = cap;
    }
    return &f->list[f->n++];
}

/* Control characters of a quoted value must not reach a terminal. */
static void
make_printable(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

/* A text that was cut in the middle of a character loses the broken rest of it. */
static void
drop_half_character(char *text)
{
    size_t n = strlen(text);
    while (n && !bytes_utf8(bytes_make(text, n)))
        text[--n] = 0;
}

static void add(struct findings *all, enum finding_level level, const char *file, int line, int column, const char *path, const char *fmt, va_list ap)
    __attribute__((format(printf, 7, 0)));

static void
add(struct findings *all, enum finding_level level, const char *file, int line, int column, const char *path, const char *fmt, va_list ap)
{
    *(level == FINDING_ERROR ? &all->errors : &all->warnings) += 1;
    struct finding *f = room_for_one(all);
    if (f == NULL)
        return;
    *f = (struct finding){.level = level, .line = line, .column = column};
    snprintf(f->file, sizeof f->file, "%s", file ? file : "");
    int n = path ? snprintf(f->text, sizeof f->text, "%.120s: ", path) : 0;
    vsnprintf(f->text + n, sizeof f->text - (size_t)n, fmt, ap);
    make_printable(f->file);
    make_printable(f->text);
    drop_half_character(f->text);
}

void
finding_add(struct loader *l, enum finding_level level, const char *file, int line, int column, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add(l->findings, level, file, line, column, NULL, fmt, ap);
    va_end(ap);
}

void
refuse(struct loader *l, const struct yaml *y, const char *path, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add(l->findings, FINDING_ERROR, l->file, y ? y->line : 1, y ? y->column : 0, path, fmt, ap);
    va_end(ap);
}

void
warn(struct loader *l, const struct yaml *y, const char *path, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add(l->findings, FINDING_WARNING, l->file, y ? y->line : 1, y ? y->column : 0, path, fmt, ap);
    va_end(ap);
}

void
findings_note(struct findings *f, enum finding_level level, const char *file, int line, int column, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add(f, level, file, line, column, NULL, fmt, ap);
    va_end(ap);
}

static int
by_place(const void *left, const void *right)
{
    const struct finding *a = left, *b = right;
    int d = strcmp(a->file, b->file);
    if (d == 0)
        d = (a->line > b->line) - (a->line < b->line);
    if (d == 0)
        d = (a->column > b->column) - (a->column < b->column);
    return d ? d : strcmp(a->text, b->text);
}

void
findings_sort(struct findings *f)
{
    if (f->n)
        qsort(f->list, f->n, sizeof *f->list, by_place);
}
