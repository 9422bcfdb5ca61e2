/*
 * What the command line shows of texts that others wrote: nothing a terminal would obey, nothing hidden, one line where one is promised.
 * The first byte says what the rest is taken for.
 */
#include <stdlib.h>

#include "cli/cli.h"

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

/* ${v} is a pair of tool lists. */
static void
pins(const struct json *v)
{
    const struct json *old = v->child, *now = old ? old->next : NULL;
    struct buf b = buf_make((size_t)64 << 20), j = buf_make((size_t)64 << 20);
    if (!json_is(old, JSON_ARRAY) || !json_is(now, JSON_ARRAY))
        return;
    struct pin_counts n = pin_diff(&b, old, now, 60, false);
    check(!b.failed);
    check_shown(buf_bytes(&b), "\n");
    size_t signs = 0;
    for (struct bytes rest = buf_bytes(&b); rest.n;) {
        struct bytes line = bytes_split(&rest, '\n');
        signs += line.n && strchr("+-~", line.at[0]) != NULL;
        check(line.n == 0 || line.at[0] == ' ' || strchr("+-~", line.at[0])); /* nothing from outside begins a line */
    }
    check(signs == n.added + n.removed + n.changed);
    json_open(&j, '{');
    struct pin_counts m = pin_diff_json(&j, old, now);
    json_close(&j, '}');
    check(m.added == n.added && m.removed == n.removed && m.changed == n.changed);
    struct arena a = {0};
    struct json *back;
    check(!err_failed(json_parse(&a, buf_bytes(&j), NULL, &back)));
    arena_free(&a);
    n = pin_diff(&b, now, now, 60, false);
    check(n.removed == 0 && n.added == 0);
    buf_free(&b), buf_free(&j);
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
        (data[0] % 3 == 1 ? record : pins)(v);
    arena_free(&a);
    return 0;
}
