/* docs/cli.md, the man page and the shell's completion, from the table. */
#include "cli/cli.h"

#include <ctype.h>

/* Inside a cell of a Markdown table. */
static void
put_cell(struct buf *b, const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            buf_putc(b, '\\');
        buf_putc(b, (uint8_t)*text);
    }
}

static void
markdown_command(struct buf *b, const struct command *k)
{
    const struct option *o;
    buf_printf(b, "\n## writ %s\n\n    writ %s [OPTION]…%s%s\n\n", k->name, k->name, k->words[0] ? " " : "", k->words);
    buf_putc(b, (uint8_t)toupper((unsigned char)k->help[0]));
    buf_printf(b, "%s.\n", k->help + 1);
    if (k->more[0])
        buf_printf(b, "\n%s\n", k->more);
    buf_puts(b, "\n| option | meaning |\n|---|---|\n");
    for (size_t i = 0; (o = command_option(k, i)); i++) {
        buf_printf(b, "| `--%s%s%s`%s | ", o->name, o->value ? " " : "", o->value ? o->value : "", o->many ? " (repeatable)" : "");
        put_cell(b, o->help);
        buf_puts(b, " |\n");
    }
    buf_puts(b, "\n```\n");
    for (const char *const *e = k->examples; *e; e++)
        buf_printf(b, "%s\n", *e);
    buf_puts(b, "```\n");
}

void
help_markdown(struct buf *b)
{
    buf_puts(
        b,
        "# The command `writ`\n\n"
        "Made by `writ help --markdown`; a test compares. Output is for people, coloured on a terminal only (never with `NO_COLOR`); with `--json`\n"
        "it is for programs, and errors are one JSON object on standard error. Options take `--name value` or `--name=value`.\n\n"
        "| exit code | meaning |\n|---|---|\n| 0 | done |\n| 1 | findings, refused, not found or not confirmed |\n| 2 | used wrongly |\n"
        "| 3 | could not look: the server, the disk or the network did not answer |\n\n"
        "| variable | meaning |\n|---|---|\n| `WRIT_ESTATE` | the estate's folder, when `--estate` is not given |\n"
        "| `WRIT_RUN_DIR` | the folder of the sockets, when `--run-dir` is not given |\n| `NO_COLOR` | no colour, whatever its value |\n");
    for (const struct command *k = commands; k->name; k++)
        markdown_command(b, k);
}

/* roff(7): a backslash is written \e, a hyphen that is to be copied \-, and a line may not begin with a dot or an apostrophe. */
static void
put_roff(struct buf *b, const char *text)
{
    bool begins = true;
    for (; *text; text++) {
        if (begins && (*text == '.' || *text == '\''))
            buf_puts(b, "\\&");
        begins = *text == '\n';
        if (begins && text[1] == '\n')
            buf_puts(b, "\n.PP"), text++;
        if (*text == '\\')
            buf_puts(b, "\\e");
        else if (*text == '-')
            buf_puts(b, "\\-");
        else
            buf_putc(b, (uint8_t)*text);
    }
}

static void
roff_line(struct buf *b, const char *before, const char *text, const char *after)
{
    buf_puts(b, before);
    put_roff(b, text);
    buf_puts(b, after);
}

static void
man_command(struct buf *b, const struct command *k)
{
    const struct option *o;
    roff_line(b, ".SS writ ", k->name, " ");
    roff_line(b, "", k->words, "\n");
    roff_line(b, "", k->help, ".\n");
    if (k->more[0])
        roff_line(b, ".PP\n", k->more, "\n");
    for (size_t i = 0; (o = command_option(k, i)); i++) {
        roff_line(b, ".TP\n.B \\-\\-", o->name, "");
        roff_line(b, o->value ? " " : "", o->value ? o->value : "", "\n");
        roff_line(b, "", o->help, ".\n");
    }
    buf_puts(b, ".PP\nExamples:\n.EX\n");
    for (const char *const *e = k->examples; *e; e++)
        roff_line(b, "", *e, "\n");
    buf_puts(b, ".EE\n");
}

void
help_man(struct buf *b)
{
    buf_puts(b, ".TH WRIT 1 \"\" \"writ " CLI_VERSION "\" \"User Commands\"\n.SH NAME\nwrit \\- give AI agents authority for one task at a time\n"
                ".SH SYNOPSIS\n.B writ\nCOMMAND [OPTION]... [ARGUMENT]...\n.SH COMMANDS\n");
    for (const struct command *k = commands; k->name; k++)
        man_command(b, k);
    buf_puts(b, ".SH EXIT STATUS\n0 done; 1 findings, refused, not found or not confirmed; 2 used wrongly; 3 could not look.\n"
                ".SH ENVIRONMENT\nWRIT_ESTATE, WRIT_RUN_DIR: where the estate and the sockets are. NO_COLOR: no colour.\n");
}

/* The names of the commands, or of those below ${group}, each once. */
static void
completion_names(struct buf *b, const char *group)
{
    size_t n = group ? strlen(group) : 0;
    const char *before = "", *space = "";
    for (const struct command *k = commands; k->name; k++) {
        if (group && (strncmp(k->name, group, n) != 0 || k->name[n] != ' '))
            continue;
        const char *name = group ? k->name + n + 1 : k->name;
        size_t length = strcspn(name, " ");
        if (strlen(before) >= length && strncmp(before, name, length) == 0 && (before[length] == ' ' || before[length] == 0))
            continue;
        buf_printf(b, "%s%.*s", space, (int)length, name);
        before = name;
        space = " ";
    }
}

static void
completion_options(struct buf *b, const struct command *k)
{
    const struct option *o;
    buf_printf(b, "    \"%s\") words=\"", k->name);
    for (size_t i = 0; (o = command_option(k, i)); i++)
        buf_printf(b, "%s--%s", i ? " " : "", o->name);
    buf_puts(b, "\" ;;\n");
}

void
help_completion(struct buf *b)
{
    buf_puts(b, "# bash completion for writ; made by `writ help --completion bash`\n_writ()\n{\n"
                "    local word=${COMP_WORDS[COMP_CWORD]} first=${COMP_WORDS[1]} second=${COMP_WORDS[2]} words= name\n"
                "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        COMPREPLY=($(compgen -W \"");
    completion_names(b, NULL);
    buf_puts(b, "\" -- \"$word\"))\n        return\n    fi\n    if [ \"$COMP_CWORD\" -eq 2 ]; then\n        case $first in\n");
    for (const struct command *k = commands; k->name; k++) {
        size_t n = strcspn(k->name, " ");
        if (k->name[n] == 0 || (k > commands && strncmp(k[-1].name, k->name, n + 1) == 0))
            continue;
        char group[64];
        memcpy(group, k->name, n);
        group[n] = 0;
        buf_printf(b, "        %s) words=\"", group);
        completion_names(b, group);
        buf_puts(b, "\" ;;\n");
    }
    buf_puts(b, "        esac\n    fi\n    name=$first\n    case \"$first $second\" in\n");
    for (const struct command *k = commands; k->name; k++)
        if (strchr(k->name, ' '))
            buf_printf(b, "    \"%s\") name=\"%s\" ;;\n", k->name, k->name);
    buf_puts(b, "    esac\n    case $word in\n    -*)\n    case $name in\n");
    for (const struct command *k = commands; k->name; k++)
        completion_options(b, k);
    buf_puts(b, "    esac ;;\n    esac\n    if [ -n \"$words\" ]; then\n        COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n    else\n"
                "        COMPREPLY=($(compgen -f -- \"$word\"))\n    fi\n}\ncomplete -o filenames -F _writ writ\n");
}
