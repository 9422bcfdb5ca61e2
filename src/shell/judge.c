/* What one simple command does at worst. */
#include <stdio.h>

#include "shell/inner.h"

static bool
is_option(const struct word *w)
{
    return w->text[0] == '-' && w->text[1];
}

void
names(struct shell *s, const struct word *w)
{
    if (shell_place(bytes_str(w->text), false) == SHELL_SECRETS)
        worse(s, SHELL_IRREVERSIBLE, "it names %.80s, where secrets are kept: what is read once is out", w->text);
    bool hidden = w->text[0] == '.' || strstr(w->text, "/.") != NULL;
    if (!w->literal && !w->quoted && hidden && strpbrk(w->text, "*?["))
        worse(s, SHELL_UNKNOWN, "it names hidden files by a pattern");
}

/* ---------------------------------------------------------------------------------------------------------------- variables */

/*
 * Variables in capitals are other programs' settings, and any of them may say what to run: only those that are known to say how to print pass. The
 * rest are the command line's own, but for the few that are settings in small letters.
 */
void
judge_assignment(struct shell *s, const char *name)
{
    static const char *const plain[] = {"LANG", "LANGUAGE", "TZ", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CI", NULL};
    bool capitals = true, good = strncmp(name, "LC_", 3) == 0;
    for (const char *c = name; *c; c++)
        capitals = capitals && !(*c >= 'a' && *c <= 'z');
    for (size_t i = 0; plain[i]; i++)
        good = good || strcmp(name, plain[i]) == 0;
    if ((capitals && !good) || strncmp(name, "npm_", 4) == 0)
        worse(s, SHELL_UNKNOWN, "it sets %.60s, which may change what other programs run", name);
}

static void
judge_exports(struct shell *s, const struct word *words, size_t n)
{
    char name[64];
    for (size_t i = 1; i < n; i++) {
        snprintf(name, sizeof name, "%.*s", (int)strcspn(words[i].text, "="), words[i].text);
        judge_assignment(s, words[i].literal || strchr(words[i].text, '=') ? name : "PATH");
    }
}

/* ------------------------------------------------------------------------------------------------------------------ options */

/* It could turn out to be an option: a value, or names of files that somebody made. */
static bool
may_be_option(const struct word *w)
{
    return !w->literal && (w->text[0] == '\0' || strchr("*?[{-", w->text[0]));
}

struct operands {
    const struct word *list[WORDS_MAX];
    size_t n;
};

/* Its options judged, its operands in order. Where an option's letters could hide another (-rfo file), all letters are looked at. */
static void
take_options(struct shell *s, const struct program *p, const struct word *words, size_t n, struct operands *out)
{
    bool options = true;
    out->n = 0;
    for (size_t i = 1; i < n; i++) {
        const struct word *w = &words[i];
        if (!options || !is_option(w)) {
            if (options && may_be_option(w) && (p->not_ || p->writes || p->harder))
                worse(s, SHELL_UNKNOWN, "%s gets words that are known only when it runs", p->name);
            out->list[out->n++] = w;
            continue;
        }
        if (strcmp(w->text, "--") == 0) {
            options = false;
            continue;
        }
        if (!w->literal && strchr(w->text, '=') == NULL)
            worse(s, SHELL_UNKNOWN, "%s gets options that are known only when it runs", p->name);
        if (option_in(p->not_, w->text))
            worse(s, SHELL_UNKNOWN, "%s %.40s can run or read what is not named here", p->name, w->text);
        if (option_in(p->harder, w->text))
            worse(s, SHELL_IRREVERSIBLE, "%s %.40s changes or removes more than one thing", p->name, w->text);
        bool writes = option_in(p->writes, w->text), whole = w->text[1] == '-' ? strchr(w->text, '=') == NULL : w->text[2] == '\0';
        if (writes && whole && i + 1 < n)
            wrote(s, &words[i + 1]);
        else if (writes)
            wrote(s, &(struct word){w->text, false, false});
        i += whole && (writes || option_in(p->takes, w->text)) && i + 1 < n;
    }
}

/* -------------------------------------------------------------------------------------------------------------- some programs */

static void
judge_git(struct shell *s, const struct word *words, size_t n)
{
    static const struct {
        const char *name;
        enum shell_effect effect;
        const char *harder; /* options that make it irreversible */
    } commands[] = {
        {"add", SHELL_WRITE, NULL},
        {"blame", SHELL_READ, NULL},
        {"branch", SHELL_WRITE, "-D -d -f -M --delete --force"},
        {"cat-file", SHELL_READ, NULL},
        {"checkout", SHELL_IRREVERSIBLE, NULL},
        {"cherry-pick", SHELL_WRITE, NULL},
        {"clean", SHELL_IRREVERSIBLE, NULL},
        {"clone", SHELL_NETWORK, NULL},
        {"commit", SHELL_WRITE, "--amend"},
        {"describe", SHELL_READ, NULL},
        {"diff", SHELL_READ, NULL},
        {"fetch", SHELL_NETWORK, NULL},
        {"init", SHELL_WRITE, NULL},
        {"log", SHELL_READ, NULL},
        {"ls-files", SHELL_READ, NULL},
        {"ls-remote", SHELL_NETWORK, NULL},
        {"ls-tree", SHELL_READ, NULL},
        {"merge", SHELL_WRITE, NULL},
        {"merge-base", SHELL_READ, NULL},
        {"mv", SHELL_WRITE, "-f --force"},
        {"pull", SHELL_NETWORK, NULL},
        {"push", SHELL_NETWORK, "-f --force --force-with-lease --delete -d --mirror --prune"},
        {"rebase", SHELL_IRREVERSIBLE, NULL},
        {"reflog", SHELL_READ, "expire delete"},
        {"reset", SHELL_IRREVERSIBLE, NULL},
        {"restore", SHELL_IRREVERSIBLE, NULL},
        {"rev-list", SHELL_READ, NULL},
        {"rev-parse", SHELL_READ, NULL},
        {"revert", SHELL_WRITE, NULL},
        {"rm", SHELL_IRREVERSIBLE, NULL},
        {"shortlog", SHELL_READ, NULL},
        {"show", SHELL_READ, NULL},
        {"stash", SHELL_WRITE, "drop clear pop"},
        {"status", SHELL_READ, NULL},
        {"switch", SHELL_WRITE, "-f --force --discard-changes -C"},
        {"tag", SHELL_WRITE, "-d -f --delete --force"},
    };
    static const char unsafe[] =
        "-O --ext-diff --textconv --open-files-in-pager --upload-pack --receive-pack --exec -x --config -c --template --output";
    const char *command = n > 1 && words[1].literal ? words[1].text : "";
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(commands[i].name, command) != 0)
            continue;
        if (commands[i].effect > SHELL_READ)
            worse(s, commands[i].effect, "git %s %s", command,
                  commands[i].effect == SHELL_NETWORK ? "reaches a remote"
                  : commands[i].effect == SHELL_WRITE ? "changes the repository"
                                                      : "can discard work");
        for (size_t k = 2; k < n; k++) {
            bool message = k > 2 && words[k].quoted && (strcmp(words[k - 1].text, "-m") == 0 || strcmp(words[k - 1].text, "--message") == 0);
            if (!words[k].literal && !message && (!words[k].quoted || may_be_option(&words[k])))
                worse(s, SHELL_UNKNOWN, "git %s gets words that are known only when it runs", command);
            bool long_or_short = words[k].text[0] == '-';
            if (long_or_short && strncmp(words[k].text, "--", 2) == 0 && option_in(unsafe, words[k].text))
                worse(s, SHELL_UNKNOWN, "git %s %.40s can run or write what is not named here", command, words[k].text);
            if (commands[i].harder &&
                (option_in(commands[i].harder, words[k].text) || (k == 2 && !long_or_short && strstr(commands[i].harder, words[k].text))))
                worse(s, SHELL_IRREVERSIBLE, "git %s %.40s cannot be undone", command, words[k].text);
            if (commands[i].effect == SHELL_NETWORK && !long_or_short)
                note(s, s->out->hosts, &s->out->n_hosts, words[k].text);
            if (commands[i].effect == SHELL_NETWORK && strstr(words[k].text, "::"))
                worse(s, SHELL_UNKNOWN, "git %s by a helper program", command);
            if (strcmp(command, "push") == 0 && words[k].text[0] == '+')
                worse(s, SHELL_IRREVERSIBLE, "git push %.40s overwrites", words[k].text);
        }
        return;
    }
    if (n == 2 && strcmp(command, "--version") == 0)
        return;
    worse(s, SHELL_UNKNOWN, "git %.40s", command[0] ? command : "with a command that is known only when it runs");
}

/* A command that gets more words from elsewhere. */
static void
judge_fed(struct shell *s, const struct word *words, size_t n)
{
    bool before = s->fed;
    s->fed = true;
    judge(s, words, n);
    s->fed = before;
}

static void
judge_find(struct shell *s, const struct word *words, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        const char *w = words[i].text;
        bool runs = strcmp(w, "-exec") == 0 || strcmp(w, "-execdir") == 0 || strcmp(w, "-ok") == 0 || strcmp(w, "-okdir") == 0;
        size_t end = i + 1;
        while (runs && end < n && strcmp(words[end].text, ";") != 0 && strcmp(words[end].text, "+") != 0)
            end++;
        if (runs && end > i + 1) {
            judge_fed(s, words + i + 1, end - i - 1);
            i = end;
        } else if (strcmp(w, "-delete") == 0) {
            worse(s, SHELL_IRREVERSIBLE, "find -delete removes what it finds");
        } else if (strncmp(w, "-fprint", 7) == 0 || strcmp(w, "-fls") == 0) {
            wrote(s, i + 1 < n ? &words[i + 1] : &words[i]);
        } else if (runs || may_be_option(&words[i])) {
            worse(s, SHELL_UNKNOWN, "find gets words that are known only when it runs");
        }
    }
}

static void
judge_shell(struct shell *s, const char *name, const struct word *words, size_t n)
{
    if (!s->fed && n == 3 && strcmp(words[1].text, "-c") == 0 && words[1].literal && words[2].literal)
        parse_text(s, bytes_str(words[2].text));
    else if (n == 2 && strcmp(words[1].text, "--version") == 0)
        return;
    else
        worse(s, SHELL_UNKNOWN, "%s runs what is not named here", name);
}

/* Behind its own options and values: the command that it runs. */
static void
judge_wrapped(struct shell *s, const struct program *p, const struct word *words, size_t n)
{
    size_t i = 1;
    bool env = strcmp(p->name, "env") == 0, first_is_value = strcmp(p->name, "timeout") == 0;
    for (; i < n; i++) {
        if (is_option(&words[i])) {
            if (!words[i].literal || option_in(p->not_, words[i].text))
                worse(s, SHELL_UNKNOWN, "%s %.40s", p->name, words[i].text);
            bool whole = words[i].text[1] == '-' ? strchr(words[i].text, '=') == NULL : words[i].text[2] == '\0';
            if (option_in(p->writes, words[i].text))
                wrote(s, i + 1 < n ? &words[i + 1] : &words[i]);
            i += whole && (option_in(p->takes, words[i].text) || option_in(p->writes, words[i].text));
            if (i < n && !words[i].literal)
                worse(s, SHELL_UNKNOWN, "%s gets words that are known only when it runs", p->name);
        } else if (env && strchr(words[i].text, '=')) {
            char name[64];
            snprintf(name, sizeof name, "%.*s", (int)strcspn(words[i].text, "="), words[i].text);
            judge_assignment(s, name);
        } else if (first_is_value) {
            first_is_value = false;
            if (!words[i].literal)
                worse(s, SHELL_UNKNOWN, "%s gets words that are known only when it runs", p->name);
        } else {
            break;
        }
    }
    if (i < n && strcmp(p->name, "xargs") == 0)
        judge_fed(s, words + i, n - i);
    else if (i < n)
        judge(s, words + i, n - i);
    else if (env && s->out->effect < SHELL_UNKNOWN)
        worse(s, SHELL_UNKNOWN, "env shows the environment, with what secrets are in it");
}

static void
judge_network(struct shell *s, const struct program *p, const struct operands *o)
{
    worse(s, SHELL_NETWORK, "%s reaches the network", p->name);
    for (size_t i = 0; i < o->n; i++)
        reached(s, o->list[i]);
}

static bool
quiet(const struct word *words, size_t n)
{
    static const char *const asks[] = {"--version", "-V", "-v", "--help", "version", "help"};
    bool ok = n == 2 && words[1].literal;
    for (size_t i = 0; ok && i < sizeof asks / sizeof *asks; i++)
        if (strcmp(words[1].text, asks[i]) == 0)
            return true;
    return false;
}

/* sed and awk have languages of their own, in which they write and run: sed only as far as substitutions and prints go. */
static void
judge_sed(struct shell *s, const struct word *words, size_t n)
{
    bool in_place = false;
    for (size_t i = 1; i < n; i++) {
        const char *w = words[i].text;
        if (!is_option(&words[i]))
            continue;
        in_place = in_place || strncmp(w, "-i", 2) == 0 || strncmp(w, "--in-place", 10) == 0;
        if (strcmp(w, "-n") != 0 && strcmp(w, "-E") != 0 && strcmp(w, "-r") != 0 && strcmp(w, "-e") != 0 && strcmp(w, "-i") != 0 &&
            strcmp(w, "-s") != 0)
            worse(s, SHELL_UNKNOWN, "sed %.40s", w);
    }
    bool script = true;
    for (size_t i = 1; i < n; i++) {
        const struct word *w = &words[i];
        if (is_option(w))
            continue;
        if (s->fed || may_be_option(w))
            worse(s, SHELL_UNKNOWN, "sed gets words that are known only when it runs");
        size_t plain = strspn(w->text, "0123456789,$pdq ");
        bool prints = script && w->literal && w->text[plain] == '\0';
        bool replaces = script && w->literal && w->text[0] == 's' && w->text[1] && strchr("/|#,", w->text[1]);
        const char *flags = replaces ? strrchr(w->text, w->text[1]) : "";
        if (script && !prints &&
            !(replaces && flags[0] && strspn(flags + 1, "gIip0123456789") == strlen(flags + 1) && !strchr(w->text, '\n') && !strchr(w->text, ';')))
            worse(s, SHELL_UNKNOWN, "sed runs a script of its own");
        if (!script && in_place)
            wrote(s, w);
        script = false;
    }
}

/* ----------------------------------------------------------------------------------------------------------------------- all */

/* The program's name: alone, or in one of the folders where the system's own are. */
static const char *
name_of(const struct word *w)
{
    static const char *const folders[] = {"/bin/", "/usr/bin/", "/usr/local/bin/"};
    if (strchr(w->text, '/') == NULL)
        return w->text;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        if (strncmp(w->text, folders[i], strlen(folders[i])) == 0 && strchr(w->text + strlen(folders[i]), '/') == NULL)
            return w->text + strlen(folders[i]);
    return NULL;
}

static void
judge_by(struct shell *s, const struct program *p, const struct word *words, size_t n)
{
    struct operands o;
    if (s->fed && (p->as == AS_FIND || p->as == AS_GIT || p->as == AS_RUNS))
        worse(s, SHELL_UNKNOWN, "%s gets words that are known only when it runs", p->name);
    if (p->as == AS_RUNS || p->as == AS_SHELL || p->as == AS_FIND || p->as == AS_GIT) {
        p->as == AS_RUNS    ? judge_wrapped(s, p, words, n)
        : p->as == AS_SHELL ? judge_shell(s, p->name, words, n)
        : p->as == AS_FIND  ? judge_find(s, words, n)
                            : judge_git(s, words, n);
        return;
    }
    if (p->as == AS_QUIET) {
        if (!quiet(words, n))
            worse(s, SHELL_UNKNOWN, "%s runs what it is given", p->name);
        return;
    }
    if (s->fed && (p->not_ || p->writes || p->harder))
        worse(s, SHELL_UNKNOWN, "%s gets words that are known only when it runs, and has options that run or write", p->name);
    take_options(s, p, words, n, &o);
    if (p->as == AS_NETWORK)
        judge_network(s, p, &o);
    if (p->as == AS_IRREVERSIBLE)
        worse(s, SHELL_IRREVERSIBLE, "%s cannot be undone", p->name);
    for (size_t i = 0; i < o.n; i++)
        if (p->as == AS_WRITE || p->as == AS_IRREVERSIBLE || (p->as == AS_WRITE_LAST && i + 1 == o.n))
            wrote(s, o.list[i]);
    if (strcmp(p->name, "export") == 0)
        judge_exports(s, words, n);
}

void
judge(struct shell *s, const struct word *words, size_t n)
{
    const char *name = words[0].literal ? name_of(&words[0]) : NULL;
    if (name == NULL) {
        worse(s, SHELL_UNKNOWN, words[0].literal ? "%.80s is a program that is not the system's" : "its program is known only when it runs%.0s",
              words[0].text);
        return;
    }
    note(s, s->out->programs, &s->out->n_programs, name);
    for (size_t i = 1; i < n; i++)
        names(s, &words[i]);
    const struct program *p = program_find(name);
    if (strcmp(name, "ps") == 0 && n > 1 && words[1].text[0] != '-' && strchr(words[1].text, 'e'))
        worse(s, SHELL_UNKNOWN, "ps shows environments, with what secrets are in them");
    if (strcmp(name, "sed") == 0)
        judge_sed(s, words, n);
    else if (p == NULL)
        worse(s, SHELL_UNKNOWN, "%.80s is not among the programs whose effects are known", name);
    else
        judge_by(s, p, words, n);
}
