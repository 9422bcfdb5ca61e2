/* Help on a terminal, from the table. */
#include "cli/cli.h"

#define COLUMN 34u

static void
put_paragraphs(struct buf *b, struct bytes text, size_t width, size_t indent)
{
    while (text.n) {
        size_t at = bytes_search(text, BYTES("\n\n"));
        for (size_t i = 0; i < indent; i++)
            buf_putc(b, ' ');
        output_wrap(b, bytes_sub(text, 0, at), width, indent);
        buf_puts(b, "\n\n");
        text = bytes_sub(text, at + 2, text.n);
    }
}

/* A name and what it means in a second column; a long name gets a line of its own. */
static void
put_pair(struct buf *b, const char *name, const char *meaning, size_t width)
{
    size_t at = 2 + output_columns(bytes_str(name));
    buf_printf(b, "  %s", name);
    if (at + 2 > COLUMN) {
        buf_putc(b, '\n');
        at = 0;
    }
    for (; at < COLUMN; at++)
        buf_putc(b, ' ');
    output_wrap(b, bytes_str(meaning), width, COLUMN);
    buf_putc(b, '\n');
}

static void
put_commands(struct buf *b, const char *group, size_t width)
{
    struct buf name = buf_make(256);
    for (const struct command *k = commands; k->name; k++) {
        size_t n = group ? strlen(group) : 0;
        if (group && (strncmp(k->name, group, n) != 0 || (k->name[n] != ' ' && k->name[n] != 0)))
            continue;
        name.n = 0;
        buf_printf(&name, "%s%s%s", k->name, k->words[0] ? " " : "", k->words);
        put_pair(b, buf_text(&name), k->help, width);
    }
    buf_free(&name);
}

void
help_overview(struct buf *b, size_t width, bool colour)
{
    output_tone(b, colour, TONE_STRONG, "writ");
    buf_puts(b, " gives AI agents authority for one task at a time, and takes it back.\n\n");
    put_commands(b, NULL, width);
    buf_puts(b, "\n`writ help COMMAND` says more. Exit codes: 0 done, 1 findings or refused, 2 used wrongly, 3 could not look.\n");
}

bool
help_group(struct buf *b, const char *word, size_t width, bool colour)
{
    size_t before;
    output_tone(b, colour, TONE_STRONG, "writ ");
    output_tone(b, colour, TONE_STRONG, word);
    buf_puts(b, "\n\n");
    before = b->n;
    put_commands(b, word, width);
    return b->n > before;
}

void
help_command(struct buf *b, const struct command *command, size_t width, bool colour)
{
    const struct option *o;
    struct buf name = buf_make(256);
    output_tone(b, colour, TONE_STRONG, "writ ");
    output_tone(b, colour, TONE_STRONG, command->name);
    buf_printf(b, " [OPTION]…%s%s\n\n  ", command->words[0] ? " " : "", command->words);
    output_wrap(b, bytes_str(command->help), width, 2);
    buf_puts(b, "\n\n");
    put_paragraphs(b, bytes_str(command->more), width, 2);
    output_tone(b, colour, TONE_STRONG, "Options\n");
    for (size_t i = 0; (o = command_option(command, i)); i++) {
        name.n = 0;
        buf_printf(&name, "--%s%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "", o->many ? " (repeatable)" : "");
        put_pair(b, buf_text(&name), o->help, width);
    }
    buf_putc(b, '\n');
    output_tone(b, colour, TONE_STRONG, "Examples\n");
    for (const char *const *e = command->examples; *e; e++)
        buf_printf(b, "  %s\n", *e);
    buf_free(&name);
}

static void
put_option_json(struct buf *b, const struct option *o)
{
    json_item(b);
    json_open(b, '{');
    json_member_str(b, "name", o->name);
    if (o->value)
        json_member_str(b, "value", o->value);
    json_member_bool(b, "repeatable", o->many);
    json_member_str(b, "help", o->help);
    json_close(b, '}');
}

void
help_json(struct buf *b)
{
    const struct option *o;
    json_open(b, '{');
    json_key(b, "commands");
    json_open(b, '[');
    for (const struct command *k = commands; k->name; k++) {
        json_item(b);
        json_open(b, '{');
        json_member_str(b, "name", k->name);
        json_member_str(b, "words", k->words);
        json_member_str(b, "help", k->help);
        json_key(b, "options");
        json_open(b, '[');
        for (size_t i = 0; (o = command_option(k, i)); i++)
            put_option_json(b, o);
        json_close(b, ']');
        json_close(b, '}');
    }
    json_close(b, ']');
    json_close(b, '}');
    buf_putc(b, '\n');
}
