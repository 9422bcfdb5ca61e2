#include "cli/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct err
write_all(struct cli *c, int fd, const char *path, struct bytes text, mode_t mode)
{
    if (fchmod(fd, mode) == 0 && c->env->write(c->env, fd, text) && c->env->sync(c->env, fd))
        return err_ok();
    return err_system("%.200s cannot be written", path);
}

/* Beside it first, then into its place: nobody reads half a file. */
static struct err
replace(struct cli *c, const char *path, struct bytes text)
{
    char beside[4096];
    struct stat s;
    if (stat(path, &s) != 0)
        return err_system("%.200s", path);
    if (snprintf(beside, sizeof beside, "%s.XXXXXX", path) >= (int)sizeof beside)
        return err_make(E_USAGE, "the path %.100s… is too long", path);
    int fd = mkostemp(beside, O_CLOEXEC);
    if (fd < 0)
        return err_system("%.200s cannot be written", path);
    struct err e = write_all(c, fd, path, text, s.st_mode & 07777);
    close(fd);
    if (!err_failed(e) && rename(beside, path) != 0)
        e = err_system("%.200s cannot be written", path);
    if (err_failed(e))
        unlink(beside);
    return e;
}

enum way { SHOW, LOOK, WRITE };

/* What became of one file, for people and for programs. */
static void
put_result(struct cli *c, struct buf *b, const char *path, enum way way, bool differs, struct bytes text)
{
    if (c->json) {
        json_item(b);
        json_open(b, '{');
        json_member_str(b, "file", path);
        json_member_bool(b, "differs", differs);
        if (way == SHOW)
            json_member_text(b, "text", text);
        json_close(b, '}');
    } else if (way == SHOW) {
        buf_put(b, text);
    } else if (differs) {
        buf_puts(b, way == LOOK ? "not formatted: " : "formatted: ");
        output_clean(b, bytes_str(path), false);
        buf_putc(b, '\n');
    }
}

static struct err
format_file(struct cli *c, const char *path, unsigned width, enum way way, struct buf *b)
{
    struct cedar_output formatted = {NULL, 0};
    struct cedar_error error = {0};
    struct bytes text;
    struct err e = err_ok();
    TRY(policy_read(c, path, &text));
    if (!cedar_format((struct cedar_str){text.n ? (const char *)text.at : "", text.n}, width, 2, &formatted, &error))
        return policy_syntax(c, path, text, &error);
    struct bytes now = bytes_make(formatted.at, formatted.n);
    bool differs = !bytes_eq(now, text);
    if (differs && way == WRITE && strcmp(path, "-") != 0)
        e = replace(c, path, now);
    put_result(c, b, path, way, differs, now);
    if (differs && way == LOOK)
        c->status = 1;
    cedar_output_free(&formatted);
    return e;
}

struct err
cmd_policy_format(struct cli *c)
{
    uint64_t width;
    struct buf b = buf_make(OUTPUT_MAX);
    struct err e = err_ok();
    enum way way = given(c, "check") ? LOOK : given(c, "write") ? WRITE : SHOW;
    TRY(given_number(c, "width", 80, 1000, &width));
    if (given(c, "check") && given(c, "write"))
        return err_make(E_USAGE, "--check looks and --write changes; give one of them");
    if (c->json)
        json_open(&b, '{'), json_key(&b, "files"), json_open(&b, '[');
    for (size_t i = 0; i < c->n_words && !err_failed(e); i++)
        e = format_file(c, c->words[i], (unsigned)width, way, &b);
    if (c->json)
        json_close(&b, ']'), json_close(&b, '}'), buf_putc(&b, '\n');
    if (err_failed(e))
        buf_free(&b);
    return err_failed(e) ? e : output_send(c, &b);
}
