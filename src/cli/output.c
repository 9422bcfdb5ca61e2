/* To a terminal or a file: colour, wrapping, tables, and nothing from outside that a terminal would obey. */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WIDTH_LEAST 60u
#define WIDTH_MOST 110u

bool
output_colour(int fd)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM"); /* no-color.org: any value that is not empty */
    return isatty(fd) && !(no && no[0]) && !(term && strcmp(term, "dumb") == 0);
}

size_t
output_width(int fd)
{
    struct winsize w;
    size_t columns = ioctl(fd, TIOCGWINSZ, &w) == 0 && w.ws_col ? w.ws_col : 100;
    return columns < WIDTH_LEAST ? WIDTH_LEAST : columns > WIDTH_MOST ? WIDTH_MOST : columns;
}

void
output_tone(struct buf *b, bool colour, enum tone tone, const char *text)
{
    static const char *const codes[] = {[TONE_PLAIN] = "",        [TONE_STRONG] = "\033[1m", [TONE_DIM] = "\033[2m",
                                        [TONE_GOOD] = "\033[32m", [TONE_WARN] = "\033[33m",  [TONE_BAD] = "\033[31m"};
    bool shown = colour && tone != TONE_PLAIN;
    if (shown)
        buf_puts(b, codes[tone]);
    buf_puts(b, text);
    if (shown)
        buf_puts(b, "\033[0m");
}

/* Characters that show nothing or change the order of others: a text with them is not what it looks like (Unicode TR 36, TR 39). */
static const struct {
    uint32_t from, to;
} unseen[] = {
    {0x00ad, 0x00ad}, {0x034f, 0x034f}, {0x061c, 0x061c}, {0x115f, 0x1160}, {0x17b4, 0x17b5}, {0x180b, 0x180f}, {0x200b, 0x200f},   {0x2028, 0x202e},
    {0x2060, 0x206f}, {0x3164, 0x3164}, {0xfe00, 0xfe0f}, {0xfeff, 0xfeff}, {0xffa0, 0xffa0}, {0xfff0, 0xfffb}, {0xe0000, 0xe0fff},
};

static bool
is_unseen(uint32_t v)
{
    for (size_t i = 0; i < sizeof unseen / sizeof *unseen; i++)
        if (v >= unseen[i].from && v <= unseen[i].to)
            return true;
    return false;
}

void
output_clean(struct buf *b, struct bytes text, bool lines)
{
    while (text.n) {
        size_t n;
        uint32_t v = bytes_rune(text, &n);
        if (lines && (v == '\n' || v == '\t'))
            buf_putc(b, (uint8_t)v);
        else if (v == '\n' || v == '\t')
            buf_puts(b, v == '\n' ? "\\n" : "\\t");
        else if (v < 0x20 || (v >= 0x7f && v < 0xa0))
            buf_printf(b, "\\x%02x", v);
        else if (is_unseen(v))
            buf_printf(b, "<U+%04X>", v);
        else if (v == 0xfffd)
            buf_puts(b, "\xef\xbf\xbd");
        else
            buf_put(b, bytes_sub(text, 0, n));
        text = bytes_sub(text, n, text.n);
    }
}

size_t
output_columns(struct bytes text)
{
    size_t columns = 0, n;
    for (; text.n; text = bytes_sub(text, n, text.n), columns++)
        bytes_rune(text, &n);
    return columns;
}

static void
spaces(struct buf *b, size_t n)
{
    while (n--)
        buf_putc(b, ' ');
}

void
output_wrap(struct buf *b, struct bytes text, size_t width, size_t indent)
{
    size_t at = indent;
    bool first = true;
    while (text.n) {
        struct bytes word = bytes_split(&text, ' ');
        size_t columns = output_columns(word);
        if (!first && at + 1 + columns > width) {
            buf_putc(b, '\n');
            spaces(b, indent);
            at = indent;
        } else if (!first) {
            buf_putc(b, ' ');
            at++;
        }
        buf_put(b, word);
        at += columns;
        first = false;
    }
}

struct err
output_send(struct cli *c, struct buf *b)
{
    bool ok = !b->failed;
    (void)c;
    if (ok)
        ok = (b->n == 0 || fwrite(b->at, 1, b->n, stdout) == b->n) && fflush(stdout) == 0;
    struct err e = ok ? err_ok() : b->failed ? err_make(E_LIMIT, "the output is too large; ask for less") : err_system("writing to standard output");
    buf_free(b);
    return e;
}

struct grid
grid_make(struct arena *arena, size_t columns)
{
    return (struct grid){.columns = columns, .arena = arena};
}

void
grid_add(struct grid *g, struct bytes text)
{
    if (g->n == g->cap) {
        size_t cap = g->cap ? g->cap * 2 : 64;
        struct bytes *more = arena_list(g->arena, cap, sizeof *more);
        if (more == NULL) {
            g->failed = true;
            return;
        }
        if (g->n)
            memcpy(more, g->cells, g->n * sizeof *more);
        g->cells = more;
        g->cap = cap;
    }
    struct buf clean = buf_make(65536);
    output_clean(&clean, bytes_sub(text, 0, 4096), false);
    g->cells[g->n++] = arena_copy(g->arena, buf_bytes(&clean));
    buf_free(&clean);
}

void
grid_head(struct grid *g, const char *const *names)
{
    for (size_t i = 0; i < g->columns; i++)
        grid_add(g, bytes_str(names[i]));
}

static size_t
column_width(const struct grid *g, size_t column)
{
    size_t width = 0;
    for (size_t i = column; i < g->n; i += g->columns) {
        size_t columns = output_columns(g->cells[i]);
        width = columns > width ? columns : width;
    }
    return width;
}

void
grid_put(struct grid *g, struct buf *b, bool colour)
{
    if (g->failed)
        b->failed = true;
    for (size_t i = 0; i + g->columns <= g->n; i += g->columns) {
        if (colour && i == 0)
            buf_puts(b, "\033[1m");
        for (size_t k = 0; k < g->columns; k++) {
            buf_put(b, g->cells[i + k]);
            if (k + 1 < g->columns)
                spaces(b, column_width(g, k) + 2 - output_columns(g->cells[i + k]));
        }
        buf_puts(b, colour && i == 0 ? "\033[0m\n" : "\n");
    }
}
