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

static struct err
format_file(struct cli *c, const char *path, unsigned width, struct buf *out, bool *differs)
{
    struct cedar_output formatted = {NULL, 0};
    struct cedar_error error = {0};
    struct bytes text;
    struct err e = err_ok();
    TRY(policy_read(c, path, &text));
    if (!cedar_format((struct cedar_str){text.n ? (const char *)text.at : "", text.n}, width, 2, &formatted, &error))
        return policy_syntax(c, path, text, &error);
    struct bytes now = bytes_make(formatted.at, formatted.n);
    *differs = !bytes_eq(now, text);
    if (given(c, "check") == NULL && given(c, "write") == NULL)
        buf_put(out, now);
    else if (*differs && given(c, "write") && strcmp(path, "-") != 0)
        e = replace(c, path, now);
    cedar_output_free(&formatted);
    return e;
}

struct err
cmd_policy_format(struct cli *c)
{
    uint64_t width;
    struct buf b = buf_make(OUTPUT_MAX);
    bool check = given(c, "check") != NULL, write = given(c, "write") != NULL;
    TRY(given_number(c, "width", 80, 1000, &width));
    if (check && write)
        return err_make(E_USAGE, "--check looks and --write changes; give one of them");
    for (size_t i = 0; i < c->n_words; i++) {
        bool differs = false;
        struct err e = format_file(c, c->words[i], (unsigned)width, &b, &differs);
        if (err_failed(e)) {
            buf_free(&b);
            return e;
        }
        if (!differs || (!check && !write))
            continue;
        buf_puts(&b, check ? "not formatted: " : "formatted: ");
        output_clean(&b, bytes_str(c->words[i]), false);
        buf_putc(&b, '\n');
        c->status = check ? 1 : 0;
    }
    return output_send(c, &b);
}
