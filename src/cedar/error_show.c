/* Errors of parsing as a person reads them: the line, a caret below the place, what is wrong. */
#include "cedar/text.h"

#define SHOWN_MAX 160

static struct bytes
line_of(struct cedar_str text, unsigned line)
{
    struct bytes rest = str_bytes(text), found = bytes_split(&rest, '\n');
    for (unsigned i = 1; i < line && rest.at; i++)
        found = bytes_split(&rest, '\n');
    while (found.n > 0 && found.at[found.n - 1] == '\r')
        found.n--;
    return found;
}

/* Control characters would move the cursor, and a tab the caret: both become a space. */
static void
put_line(struct buf *b, struct bytes line)
{
    for (size_t i = 0; i < line.n; i++)
        buf_putc(b, line.at[i] < 0x20 || line.at[i] == 0x7f ? ' ' : line.at[i]);
}

/* Byte offset of the ${column}-th character, from 1. */
static size_t
offset_of(struct bytes line, unsigned column)
{
    size_t i = 0;
    for (unsigned c = 1; c < column && i < line.n; c++)
        for (i++; i < line.n && (line.at[i] & 0xc0) == 0x80;)
            i++;
    return i;
}

/* Of a long line, what stands around the place. */
static void
put_window(struct buf *b, struct bytes line, unsigned column)
{
    size_t at = offset_of(line, column), from = at > SHOWN_MAX / 2 ? at - SHOWN_MAX / 2 : 0;
    while (from > 0 && (line.at[from] & 0xc0) == 0x80)
        from--;
    size_t end = from + SHOWN_MAX < line.n ? from + SHOWN_MAX : line.n;
    while (end < line.n && (line.at[end] & 0xc0) == 0x80)
        end++;
    buf_puts(b, "  | ");
    put_line(b, bytes_sub(line, from, end - from));
    buf_puts(b, "\n");
    if (column == 0)
        return;
    buf_puts(b, "  | ");
    for (size_t i = from; i < at; i++)
        if ((line.at[i] & 0xc0) != 0x80)
            buf_putc(b, ' ');
    buf_puts(b, "^\n");
}

bool
cedar_error_show(struct cedar_str text, const struct cedar_error *error, struct cedar_output *out)
{
    struct buf b = buf_make(1 << 20);
    if (error->line && error->column)
        buf_printf(&b, "line %u, column %u: ", error->line, error->column);
    else if (error->line)
        buf_printf(&b, "line %u: ", error->line);
    buf_printf(&b, "%s\n", error->text);
    if (error->line)
        put_window(&b, line_of(text, error->line), error->column);
    if (error->help[0])
        buf_printf(&b, "  = help: %s\n", error->help);
    return output_take(&b, out);
}
