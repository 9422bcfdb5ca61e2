#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int http, exit;
    const char *meaning;
} table[] = {
#define E(code, name, http, exit, meaning) [code] = {name, http, exit, meaning},
    ERR_TABLE(E)
#undef E
};

/* Cut a text that did not fit at a whole UTF-8 character and show that it was cut. */
static void
cut(char *text, size_t room)
{
    size_t n = room - 4;
    while (n > 0 && ((uint8_t)text[n] & 0xc0) == 0x80)
        n--;
    memcpy(text + n, "…", 4);
}

__attribute__((format(printf, 3, 0))) static void
fill(char *to, size_t room, const char *fmt, va_list ap)
{
    int n = vsnprintf(to, room, fmt, ap);
    if (n >= 0 && (size_t)n >= room)
        cut(to, room);
}

struct err
err_build(enum err_code code, const char *file, int line, const char *fmt, ...)
{
    struct err e = {.code = code, .line = line, .file = file};
    va_list ap;
    va_start(ap, fmt);
    fill(e.text, sizeof e.text, fmt, ap);
    va_end(ap);
    return e;
}

struct err
err_wrap(struct err e, const char *fmt, ...)
{
    char old[ERR_TEXT_MAX];
    memcpy(old, e.text, sizeof old);
    va_list ap;
    va_start(ap, fmt);
    fill(e.text, sizeof e.text, fmt, ap);
    va_end(ap);
    size_t n = strlen(e.text);
    int m = snprintf(e.text + n, sizeof e.text - n, ": %s", old);
    if (m >= 0 && n + (size_t)m >= sizeof e.text)
        cut(e.text, sizeof e.text);
    return e;
}

struct err
err_system(const char *fmt, ...)
{
    int number = errno;
    struct err e = {.code = E_SYSTEM, .file = ""};
    va_list ap;
    va_start(ap, fmt);
    fill(e.text, sizeof e.text, fmt, ap);
    va_end(ap);
    size_t n = strlen(e.text);
    snprintf(e.text + n, sizeof e.text - n, ": %s", strerror(number));
    return e;
}

const char *
err_name(enum err_code code)
{
    return table[code].name;
}

int
err_http_status(enum err_code code)
{
    return table[code].http;
}

int
err_exit_code(enum err_code code)
{
    return table[code].exit;
}

const char *
err_meaning(enum err_code code)
{
    return table[code].meaning;
}
