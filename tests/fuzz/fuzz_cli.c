/*
 * What the command line shows of texts that others wrote: nothing a terminal would obey, nothing hidden, one line where one is promised.
 * The first byte says what the rest is taken for.
 */
#include <stdlib.h>

#include "cli/pin.h"

static void
check(bool fine)
{
    if (!fine)
        abort();
}

/* Valid UTF-8, no control character but the allowed ones, and no character that hides or reorders. */
static void
check_shown(struct bytes shown, const char *allowed)
{
    check(bytes_utf8(shown));
    for (size_t i = 0; i < shown.n; i++) {
        uint8_t c = shown.at[i];
        check((c >= 0x20 && c != 0x7f) || (c && strchr(allowed, c)));
        check(c != 0xc2 || shown.at[i + 1] >= 0xa0); /* U+0080 to U+009F */
        check(c != 0xe2 || shown.at[i + 1] != 0x80 || shown.at[i + 2] < 0xa8 || shown.at[i + 2] > 0xae);
        check(c != 0xf3 || shown.at[i + 1] != 0xa0);
    }
}

static size_t
lines_of(struct bytes text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++)
        n += text.at[i] == '\n';
    return n;
}

static void
text(struct bytes in)
{
    struct buf one = buf_make((size_t)64 << 20), many = buf_make((size_t)64 << 20), wrapped = buf_make((size_t)64 << 20);
    output_clean(&one, in, false);
    check(!one.failed);
    check_shown(buf_bytes(&one), "");
    output_clean(&many, in, true);
    check_shown(buf_bytes(&many), "\n\t");
    check(lines_of(buf_bytes(&many)) == lines_of(in));
    output_wrap(&wrapped, buf_bytes(&one), 20, 3);
    for (struct bytes rest = buf_bytes(&wrapped); rest.n;) {
        struct bytes line = bytes_trim(bytes_split(&rest, '\n'));
        check(output_columns(line) <= 20 || bytes_find(line, ' ') == line.n); /* longer ones are one word */
    }
    buf_free(&one), buf_free(&many), buf_free(&wrapped);
}

static void
record(const struct json *v)
{
    struct buf b = buf_make((size_t)64 << 20);
    log_line(&b, v, false);
    check(!b.failed);
    check_shown(buf_bytes(&b), "\n");
    check(lines_of(buf_bytes(&b)) == 1 && b.at[b.n - 1] == '\n');
    buf_free(&b);
}

/* ${v} is taken for a change of what a server offers, as the server's API gives it. */
static void
change(const struct json *v)
{
    struct buf plain = buf_make((size_t)64 << 20), coloured = buf_make((size_t)64 << 20);
    pin_show(&plain, v, 60, false);
    check(!plain.failed);
    check_shown(buf_bytes(&plain), "\n");
    pin_show(&coloured, v, 60, true);
    check_shown(buf_bytes(&coloured), "\n\033");
    buf_free(&plain), buf_free(&coloured);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {0};
    struct json *v;
    struct bytes in = bytes_make(data + 1, size ? size - 1 : 0);
    if (size == 0)
        return 0;
    if (data[0] % 3 == 0)
        text(in);
    else if (!err_failed(json_parse(&a, in, NULL, &v)))
        (data[0] % 3 == 1 ? record : change)(v);
    arena_free(&a);
    return 0;
}
