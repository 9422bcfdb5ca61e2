/* From argv to what was given, by the table. */
#include "cli/cli.h"

#include <stdio.h>

#define HINT_BYTES 96

const struct command *
command_find(const char *name)
{
    for (const struct command *k = commands; k->name; k++)
        if (strcmp(k->name, name) == 0)
            return k;
    return NULL;
}

bool
command_words(const struct command *command, size_t *min, size_t *max)
{
    struct bytes rest = bytes_str(command->words);
    *min = *max = 0;
    if (bytes_starts(rest, BYTES("--")))
        return true;
    while (rest.n) {
        struct bytes word = bytes_split(&rest, ' ');
        *max += 1;
        *min += word.at[0] != '[';
        if (bytes_ends(word, BYTES("…")))
            *max = CLI_WORDS_MAX;
    }
    return false;
}

const struct option *
command_option(const struct command *command, size_t i)
{
    size_t n = 0;
    while (command->options[n].name)
        n++;
    if (i < n)
        return &command->options[i];
    for (size_t k = 0; common_options[k].name; k++) {
        bool help = common_options[k + 1].name == NULL;
        if (!help && !(command->common & 1u << k))
            continue;
        if (n++ == i)
            return &common_options[k];
    }
    return NULL;
}

static const struct option *
find_option(const struct command *command, struct bytes name)
{
    const struct option *o;
    for (size_t i = 0; (o = command_option(command, i)); i++)
        if (bytes_is(name, o->name))
            return o;
    return NULL;
}

static struct err
unknown_option(const struct command *command, struct bytes name)
{
    const struct option *o;
    char hint[HINT_BYTES] = "";
    struct guess n = guess_for(name);
    for (size_t i = 0; (o = command_option(command, i)); i++)
        guess_offer(&n, bytes_str(o->name));
    if (n.best.n)
        snprintf(hint, sizeof hint, "; did you mean --%.*s?", BYTES_CUT(n.best, 40));
    return err_make(E_USAGE, "there is no option --%.*s of `writ %s`%s (see `writ help %s`)", BYTES_CUT(name, 60), command->name, hint,
                    command->name);
}

static struct err
unknown_command(const char *first, const char *second)
{
    char wanted[160], hint[HINT_BYTES] = "";
    bool group = false;
    for (const struct command *k = commands; k->name; k++)
        group |= bytes_starts(bytes_str(k->name), bytes_str(first)) && k->name[strlen(first)] == ' ';
    snprintf(wanted, sizeof wanted, "%.60s%s%.60s", first, group && second ? " " : "", group && second ? second : "");
    struct guess n = guess_for(bytes_str(wanted));
    for (const struct command *k = commands; k->name; k++) {
        struct bytes name = bytes_str(k->name);
        guess_offer(&n, group ? name : bytes_sub(name, 0, bytes_find(name, ' ')));
    }
    if (n.best.n)
        snprintf(hint, sizeof hint, "; did you mean `writ %.*s`?", BYTES_CUT(n.best, 40));
    if (group && (second == NULL || second[0] == '-'))
        return err_make(E_USAGE, "say what to do: `writ help %s` lists it", first);
    return err_make(E_USAGE, "there is no command `writ %s`%s (`writ help` lists all)", wanted, hint);
}

/* The longest name that the first words make; ${used} says how many. */
static struct err
take_command(struct cli *c, int argc, char **argv, int *used)
{
    char two[160];
    if (argc > 2 && snprintf(two, sizeof two, "%s %s", argv[1], argv[2]) < (int)sizeof two && (c->command = command_find(two))) {
        *used = 3;
        return err_ok();
    }
    c->command = strchr(argv[1], ' ') ? NULL : command_find(argv[1]);
    *used = 2;
    return c->command ? err_ok() : unknown_command(argv[1], argc > 2 ? argv[2] : NULL);
}

static struct err
keep_given(struct cli *c, const struct option *o, const char *value)
{
    if (c->n_given == CLI_GIVEN_MAX)
        return err_make(E_LIMIT, "more than %d options", CLI_GIVEN_MAX);
    if (!o->many && given(c, o->name))
        return err_make(E_USAGE, "--%s is given twice", o->name);
    if (o->value && value[0] == 0)
        return err_make(E_USAGE, "--%s needs a value: --%s %s", o->name, o->name, o->value);
    c->given[c->n_given++] = (struct given){o, value};
    return err_ok();
}

/* argv[*at] begins with "--"; a value may stand behind '=' or be the next argument. */
static struct err
take_option(struct cli *c, int argc, char **argv, int *at)
{
    const char *equals = strchr(argv[*at], '=');
    struct bytes name = bytes_str(argv[*at] + 2);
    if (equals)
        name.n = (size_t)(equals - argv[*at]) - 2;
    const struct option *o = find_option(c->command, name);
    if (o == NULL)
        return unknown_option(c->command, name);
    if (o->value == NULL && equals)
        return err_make(E_USAGE, "--%s takes no value", o->name);
    if (o->value == NULL)
        return keep_given(c, o, "");
    if (!equals && *at + 1 >= argc)
        return err_make(E_USAGE, "--%s needs a value: --%s %s", o->name, o->name, o->value);
    return keep_given(c, o, equals ? equals + 1 : argv[++*at]);
}

static struct err
take_word(struct cli *c, const char *word, size_t max)
{
    if (c->n_words == max || c->n_words == CLI_WORDS_MAX)
        return err_make(E_USAGE, "'%.60s' is one word too many: writ %s%s%s", word, c->command->name, c->command->words[0] ? " " : "",
                        c->command->words);
    c->words[c->n_words++] = word;
    return err_ok();
}

static struct err
take_rest(struct cli *c, int argc, char **argv, int from)
{
    size_t min, max;
    bool rest = command_words(c->command, &min, &max), words = false; /* words: behind "--" there are no options */
    for (int i = from; i < argc; i++) {
        if (words) {
            TRY(take_word(c, argv[i], max));
        } else if (strcmp(argv[i], "--") == 0 && rest) {
            c->rest = argv + i + 1;
            break;
        } else if (strcmp(argv[i], "--") == 0) {
            words = true;
        } else if (strcmp(argv[i], "-h") == 0) {
            TRY(keep_given(c, find_option(c->command, BYTES("help")), ""));
        } else if (strncmp(argv[i], "--", 2) == 0) {
            TRY(take_option(c, argc, argv, &i));
        } else if (argv[i][0] == '-' && argv[i][1]) {
            return err_make(E_USAGE, "there is no option %.20s of `writ %s`; options are written --name", argv[i], c->command->name);
        } else if (rest) {
            c->rest = argv + i; /* the first word that is no option begins the other command's line */
            break;
        } else {
            TRY(take_word(c, argv[i], max));
        }
    }
    c->help = given(c, "help") != NULL;
    c->json = given(c, "json") != NULL;
    if (c->help)
        return err_ok();
    if (c->n_words < min || (rest && (c->rest == NULL || c->rest[0] == NULL)))
        return err_make(E_USAGE, "something is missing: writ %s %s", c->command->name, c->command->words);
    return err_ok();
}

struct err
options_parse(struct cli *c, int argc, char **argv)
{
    int used;
    TRY(take_command(c, argc, argv, &used));
    return take_rest(c, argc, argv, used);
}

const char *
given(const struct cli *c, const char *name)
{
    const char *value = NULL;
    for (size_t i = 0; i < c->n_given; i++)
        if (strcmp(c->given[i].option->name, name) == 0)
            value = c->given[i].value;
    return value;
}

const char **
given_list(struct cli *c, const char *name)
{
    const char **list = arena_list(&c->arena, c->n_given + 1, sizeof *list);
    size_t n = 0;
    for (size_t i = 0; list && i < c->n_given; i++)
        if (strcmp(c->given[i].option->name, name) == 0)
            list[n++] = c->given[i].value;
    return list;
}

struct err
given_number(const struct cli *c, const char *name, uint64_t otherwise, uint64_t max, uint64_t *out)
{
    const char *text = given(c, name);
    *out = otherwise;
    if (text && (!bytes_u64(bytes_str(text), out) || *out > max))
        return err_make(E_USAGE, "--%s: '%.40s' is no whole number up to %llu", name, text, (unsigned long long)max);
    return err_ok();
}
