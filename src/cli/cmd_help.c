#include "cli/cli.h"

#include <stdio.h>
#include <unistd.h>

static struct err
put_document(struct cli *c, struct buf *b)
{
    const char *shell = given(c, "completion");
    if (!!shell + !!given(c, "markdown") + !!given(c, "man") + c->json > 1)
        return err_make(E_USAGE, "one form at a time: --json, --markdown, --man or --completion");
    if (shell && strcmp(shell, "bash") != 0)
        return err_make(E_USAGE, "no completion for '%.40s'; there is one for bash", shell);
    if (c->json)
        help_json(b);
    else if (given(c, "markdown"))
        help_markdown(b);
    else if (given(c, "man"))
        help_man(b);
    else
        help_completion(b);
    return err_ok();
}

static struct err
put_one(struct cli *c, struct buf *b)
{
    char name[160];
    size_t width = output_width(STDOUT_FILENO);
    bool colour = output_colour(STDOUT_FILENO);
    snprintf(name, sizeof name, "%.70s%s%.70s", c->words[0], c->words[1] ? " " : "", c->words[1] ? c->words[1] : "");
    const struct command *command = command_find(name);
    struct guess g = guess_for(bytes_str(name));
    for (const struct command *k = commands; k->name; k++)
        guess_offer(&g, bytes_str(k->name));
    if (command) {
        help_command(b, command, width, colour);
        return err_ok();
    }
    if (help_group(b, name, width, colour))
        return err_ok();
    return err_make(E_USAGE, "there is no command `writ %s`%s%.*s%s", name, g.best.n ? "; did you mean `writ " : "", BYTES_CUT(g.best, 40),
                    g.best.n ? "`?" : "");
}

struct err
cmd_help(struct cli *c)
{
    struct buf b = buf_make(OUTPUT_MAX);
    struct err e = err_ok();
    if (c->json || given(c, "markdown") || given(c, "man") || given(c, "completion"))
        e = put_document(c, &b);
    else if (c->words[0])
        e = put_one(c, &b);
    else
        help_overview(&b, output_width(STDOUT_FILENO), output_colour(STDOUT_FILENO));
    if (!err_failed(e))
        return output_send(c, &b);
    buf_free(&b);
    return e;
}

struct err
cmd_version(struct cli *c)
{
    struct buf b = buf_make(256);
    buf_puts(&b, c->json ? "{\"version\":\"" CLI_VERSION "\"}\n" : "writ " CLI_VERSION "\n");
    return output_send(c, &b);
}
