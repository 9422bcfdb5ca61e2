/*
 * The grammar of a command line, as far as it says which simple commands there are. What a command line does at worst is what its simple commands do at
 * worst, so that how they are joined (pipes, lists, conditions, loops) need not be kept.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "shell/inner.h"

const char *const shell_effect_names[] = {"read", "write", "network", "irreversible", "unknown", NULL};

static void parse_list(struct shell *s, char end);

void
worse(struct shell *s, enum shell_effect effect, const char *fmt, ...)
{
    va_list ap;
    if (effect <= s->out->effect)
        return;
    s->out->effect = effect;
    va_start(ap, fmt);
    vsnprintf(s->out->why, sizeof s->out->why, fmt, ap);
    va_end(ap);
}

void
note(struct shell *s, const char **list, size_t *n, const char *text)
{
    for (size_t i = 0; i < *n; i++)
        if (strcmp(list[i], text) == 0)
            return;
    if (*n == SHELL_LIST_MAX)
        worse(s, SHELL_UNKNOWN, "it does more than %u things of a kind", SHELL_LIST_MAX);
    else
        list[(*n)++] = text;
}

/* ---------------------------------------------------------------------------------------------------------------- characters */

static int
peek(const struct shell *s, size_t ahead)
{
    return s->at + ahead < s->text.n ? s->text.at[s->at + ahead] : -1;
}

static bool
starts(const struct shell *s, const char *text)
{
    return bytes_starts(bytes_sub(s->text, s->at, s->text.n), bytes_str(text));
}

static bool
is_name(int c, bool first)
{
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (!first && c >= '0' && c <= '9');
}

static bool
ends_word(int c)
{
    return c < 0 || strchr(" \t\n|&;()<>", c) != NULL;
}

static void
skip_blank(struct shell *s)
{
    for (;;) {
        if (peek(s, 0) == ' ' || peek(s, 0) == '\t')
            s->at++;
        else if (peek(s, 0) == '\\' && peek(s, 1) == '\n')
            s->at += 2;
        else
            return;
    }
}

static void
skip_comment(struct shell *s)
{
    while (peek(s, 0) >= 0 && peek(s, 0) != '\n')
        s->at++;
}

/* --------------------------------------------------------------------------------------------------------------------- words */

struct building {
    struct buf text;
    bool literal, quoted;
};

static void
stop(struct shell *s, const char *why)
{
    worse(s, SHELL_UNKNOWN, "%s", why);
    s->at = s->text.n;
}

static void
nested(struct shell *s, size_t skip, char end)
{
    s->at += skip;
    if (s->depth >= DEPTH_MAX) {
        stop(s, "commands stand too deep inside each other");
        return;
    }
    s->depth++;
    parse_list(s, end);
    s->depth--;
    if (peek(s, 0) == end)
        s->at++;
    else
        stop(s, "a command inside another is not ended");
}

/* `…`: its text is a command of its own, with one level of backslashes gone. */
static void
backquoted(struct shell *s)
{
    struct buf b = buf_make(SHELL_COMMAND_MAX);
    for (s->at++; peek(s, 0) >= 0 && peek(s, 0) != '`'; s->at++) {
        if (peek(s, 0) == '\\' && peek(s, 1) >= 0 && strchr("`\\$", peek(s, 1)))
            s->at++;
        buf_putc(&b, (uint8_t)peek(s, 0));
    }
    if (peek(s, 0) != '`')
        stop(s, "a ` is not ended");
    else
        s->at++;
    struct bytes text = arena_copy(s->a, buf_bytes(&b));
    buf_free(&b);
    parse_text(s, text);
}

/* ${…}: a plain variable is a value; anything else could run something, or is rare enough to be asked about. */
static void
braced(struct shell *s)
{
    s->at += 2;
    if (peek(s, 0) == '#')
        s->at++;
    while (is_name(peek(s, 0), false))
        s->at++;
    if (peek(s, 0) == ':' && peek(s, 1) >= 0 && !strchr("-+=?", peek(s, 1))) /* ${x:y}: y is calculated, and what stands in it may run */
        while (peek(s, 0) >= 0 && strchr(": 0123456789", peek(s, 0)))
            s->at++;
    else
        while (peek(s, 0) >= 0 && peek(s, 0) != '}' &&
               strchr(":-+=?%/#.,_ abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789*", peek(s, 0)))
            s->at++;
    if (peek(s, 0) == '}')
        s->at++;
    else
        stop(s, "an expansion ${…} is more than a variable");
}

static void
dollar(struct shell *s, struct building *w)
{
    int c = peek(s, 1);
    if (starts(s, "$((")) {
        stop(s, "it calculates with $((…))");
    } else if (c == '(') {
        nested(s, 2, ')');
    } else if (c == '{') {
        braced(s);
    } else if (c == '\'' || c == '"') {
        stop(s, "it writes text as $'…'");
    } else if (is_name(c, true)) {
        for (s->at++; is_name(peek(s, 0), false);)
            s->at++;
    } else if (c >= 0 && strchr("0123456789?#@*!$-", c)) {
        s->at += 2;
    } else {
        buf_putc(&w->text, '$');
        s->at++;
        return;
    }
    w->literal = false;
}

static void
double_quoted(struct shell *s, struct building *w)
{
    for (s->at++; peek(s, 0) >= 0 && peek(s, 0) != '"';) {
        int c = peek(s, 0);
        if (c == '$') {
            dollar(s, w);
        } else if (c == '`') {
            backquoted(s);
            w->literal = false;
        } else {
            if (c == '\\' && peek(s, 1) >= 0 && strchr("$`\"\\\n", peek(s, 1)))
                s->at++;
            if (peek(s, 0) != '\n' || c != '\\')
                buf_putc(&w->text, (uint8_t)peek(s, 0));
            s->at++;
        }
    }
    if (peek(s, 0) == '"')
        s->at++;
    else
        stop(s, "a \" is not ended");
}

static void
single_quoted(struct shell *s, struct building *w)
{
    for (s->at++; peek(s, 0) >= 0 && peek(s, 0) != '\''; s->at++)
        buf_putc(&w->text, (uint8_t)peek(s, 0));
    if (peek(s, 0) == '\'')
        s->at++;
    else
        stop(s, "a ' is not ended");
}

static void
word_part(struct shell *s, struct building *w)
{
    int c = peek(s, 0);
    if (c == '\'') {
        w->quoted = true;
        single_quoted(s, w);
    } else if (c == '"') {
        w->quoted = true;
        double_quoted(s, w);
    } else if (c == '$') {
        dollar(s, w);
    } else if (c == '`') {
        backquoted(s);
        w->literal = false;
    } else if (c == '\\') {
        w->quoted = true;
        s->at++;
        if (peek(s, 0) >= 0 && peek(s, 0) != '\n')
            buf_putc(&w->text, (uint8_t)peek(s, 0));
        s->at += peek(s, 0) >= 0;
    } else {
        bool stands_for_others = strchr("*?", c) != NULL || (c == '~' && w->text.n == 0) || (strchr("{[", c) && !ends_word(peek(s, 1)));
        w->literal = w->literal && !stands_for_others; /* names of files, lists, homes: not this text */
        buf_putc(&w->text, (uint8_t)c);
        s->at++;
    }
}

static bool
read_word(struct shell *s, struct word *out)
{
    struct building w = {.text = buf_make(SHELL_COMMAND_MAX), .literal = true};
    size_t from = s->at;
    while (!ends_word(peek(s, 0)) || ((peek(s, 0) == '<' || peek(s, 0) == '>') && peek(s, 1) == '(' && s->at == from)) {
        if (ends_word(peek(s, 0))) { /* <(…) is the name of a pipe */
            nested(s, 2, ')');
            w.literal = false;
            break;
        }
        word_part(s, &w);
    }
    *out = (struct word){arena_str(s->a, buf_bytes(&w.text)), w.literal, w.quoted};
    bool ok = out->text && !w.text.failed;
    buf_free(&w.text);
    if (!ok)
        stop(s, "there is no memory to read it");
    return ok && s->at > from;
}

/* -------------------------------------------------------------------------------------------------------------- redirections */

static void
remember_heredoc(struct shell *s, const struct word *end, bool tabs)
{
    if (s->n_heredocs == sizeof s->heredocs / sizeof *s->heredocs || !end->literal)
        stop(s, "it has a here-document that cannot be followed");
    else
        s->heredocs[s->n_heredocs++] = (struct heredoc){end->text, end->quoted, tabs};
}

static bool
heredoc_ends(const struct heredoc *h, struct bytes line)
{
    while (h->tabs && line.n && line.at[0] == '\t')
        line = bytes_sub(line, 1, line.n);
    return bytes_is(line, h->end);
}

/* Behind the end of the line: the bodies, in order. In an unquoted one substitutions run. */
static void
take_heredocs(struct shell *s)
{
    for (size_t i = 0; i < s->n_heredocs; i++) {
        const struct heredoc *h = &s->heredocs[i];
        size_t from = s->at, end = s->at;
        bool found = false;
        while (s->at < s->text.n && !found) {
            struct bytes rest = bytes_sub(s->text, s->at, s->text.n), line = bytes_sub(rest, 0, bytes_find(rest, '\n'));
            end = s->at;
            found = heredoc_ends(h, line);
            s->at += line.n + (line.n < rest.n);
        }
        struct bytes body = bytes_sub(s->text, from, end - from);
        if (!found)
            stop(s, "a here-document is not ended");
        else if (!h->plain && (bytes_find(body, '$') < body.n || bytes_find(body, '`') < body.n || bytes_find(body, '\\') < body.n))
            worse(s, SHELL_UNKNOWN, "a here-document holds expansions"); /* or a joined line, which could be its end */
    }
    s->n_heredocs = 0;
}

static bool
quiet_place(const struct word *w)
{
    static const char *const places[] = {"/dev/null", "/dev/stdout", "/dev/stderr", "/dev/tty"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (w->literal && strcmp(w->text, places[i]) == 0)
            return true;
    return false;
}

void
wrote(struct shell *s, const struct word *place)
{
    if (quiet_place(place))
        return;
    if (strncmp(place->text, "/dev/tcp/", 9) == 0 || strncmp(place->text, "/dev/udp/", 9) == 0) {
        reached(s, place);
        return;
    }
    note(s, s->out->writes, &s->out->n_writes, place->literal ? place->text : "?");
    if (shell_place(bytes_str(place->text), true) != SHELL_PLAIN)
        worse(s, SHELL_UNKNOWN, "it writes %.80s, which holds secrets or decides what other programs run", place->text);
    worse(s, SHELL_WRITE, "it writes %.80s", place->literal ? place->text : "to a place that is known only when it runs");
}

void
reached(struct shell *s, const struct word *place)
{
    note(s, s->out->hosts, &s->out->n_hosts, place->literal ? place->text : "?");
    worse(s, SHELL_NETWORK, "it reaches %.80s", place->literal ? place->text : "a place that is known only when it runs");
}

/* At a < or >, its number or & already read. False: it is none. */
static bool
redirection(struct shell *s)
{
    static const struct {
        const char *sign;
        bool writes;
    } signs[] = {{"<<<", false}, {"<<-", false}, {"<<", false}, {"<&", false}, {"<>", true},
                 {"<", false},   {">>", true},   {">&", true},  {">|", true},  {">", true}};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        struct word to;
        const char *sign = signs[i].sign;
        if (!starts(s, sign))
            continue;
        s->at += strlen(sign);
        skip_blank(s);
        if (!read_word(s, &to))
            stop(s, "a redirection leads nowhere");
        else if (strcmp(sign, "<<") == 0 || strcmp(sign, "<<-") == 0)
            remember_heredoc(s, &to, sign[2] == '-');
        else if (signs[i].writes && !(sign[1] == '&' && to.literal && strspn(to.text, "0123456789-") == strlen(to.text)))
            wrote(s, &to);
        else if (strcmp(sign, "<") == 0 && (strncmp(to.text, "/dev/tcp/", 9) == 0 || strncmp(to.text, "/dev/udp/", 9) == 0))
            reached(s, &to);
        else
            names(s, &to);
        return true;
    }
    return false;
}

static bool
try_redirection(struct shell *s)
{
    size_t from = s->at;
    if (peek(s, 0) == '&' && peek(s, 1) == '>')
        s->at++;
    while (s->at == from && peek(s, 0) >= '0' && peek(s, 0) <= '9')
        s->at++;
    while (s->at > from && peek(s, 0) >= '0' && peek(s, 0) <= '9')
        s->at++;
    bool sign = (peek(s, 0) == '<' || peek(s, 0) == '>') && peek(s, 1) != '(';
    if (sign && redirection(s))
        return true;
    s->at = from;
    return false;
}

/* ------------------------------------------------------------------------------------------------------------------ commands */

static bool
assignment(const struct shell *s)
{
    size_t n = 0;
    while (is_name(peek(s, n), n == 0))
        n++;
    return n && (peek(s, n) == '=' || (peek(s, n) == '+' && peek(s, n + 1) == '='));
}

static void
take_assignment(struct shell *s)
{
    struct word w;
    size_t from = s->at;
    while (is_name(peek(s, 0), false))
        s->at++;
    const char *name = arena_str(s->a, bytes_sub(s->text, from, s->at - from));
    while (peek(s, 0) == '+' || peek(s, 0) == '=')
        s->at++;
    if (peek(s, 0) == '(')
        stop(s, "it sets a list");
    else if (!ends_word(peek(s, 0)) && read_word(s, &w))
        names(s, &w);
    judge_assignment(s, name ? name : "PATH");
}

static bool
one_of(const struct word *w, const char *const *list)
{
    for (; *list; list++)
        if (w->literal && !w->quoted && strcmp(w->text, *list) == 0)
            return true;
    return false;
}

/* What may stand before a command, or after one, without being one. */
static const char *const joins[] = {"if", "then", "elif", "else", "fi", "while", "until", "do", "done", "!", "{", "}", NULL};
static const char *const loops[] = {"for", "select", NULL};
static const char *const cannot[] = {"case", "function", "coproc", "esac", "[[", "in", NULL};

/* for NAME in words: the words are values; the loop's body is read like any command. */
static void
skip_loop_head(struct shell *s)
{
    struct word w;
    for (;;) {
        skip_blank(s);
        int c = peek(s, 0);
        if (c < 0 || c == ';' || c == '\n')
            return;
        if (!read_word(s, &w)) {
            stop(s, "a loop that cannot be read");
            return;
        }
    }
}

/* The words up to the end of a simple command. */
static void
simple(struct shell *s)
{
    bool many = ++s->out->commands > COMMANDS_MAX;
    struct word *words = many ? NULL : arena_list(s->a, WORDS_MAX, sizeof *words);
    size_t n = 0;
    while (words) {
        skip_blank(s);
        int c = peek(s, 0);
        if (try_redirection(s))
            continue;
        if (c == '(' && n > 0)
            stop(s, "it defines a function");
        if (c == '#' && (n == 0 || s->text.at[s->at - 1] == ' ' || s->text.at[s->at - 1] == '\t'))
            skip_comment(s);
        if (n == 0 && assignment(s)) {
            take_assignment(s);
            continue;
        }
        if (ends_word(peek(s, 0)) && !((c == '<' || c == '>') && peek(s, 1) == '('))
            break;
        if (n == WORDS_MAX || !read_word(s, &words[n])) {
            stop(s, "it has too many words");
            break;
        }
        if (n == 0 && one_of(&words[0], joins))
            continue;
        if (n == 0 && one_of(&words[0], loops)) {
            skip_loop_head(s);
            return;
        }
        if (n == 0 && one_of(&words[0], cannot))
            stop(s, "it is a program of its own (case, function, [[ … ]])");
        n++;
    }
    if (words == NULL)
        stop(s, many ? "it has too many commands" : "there is no memory to read it");
    if (n)
        judge(s, words, n);
}

/* Commands up to ${end} (0: the end of the text). */
static void
parse_list(struct shell *s, char end)
{
    while (s->at < s->text.n) {
        size_t from = s->at;
        int c;
        skip_blank(s);
        c = peek(s, 0);
        if (end && c == end)
            return;
        if (c == '\n') {
            s->at++;
            take_heredocs(s);
        } else if (c == '#') {
            skip_comment(s);
        } else if (starts(s, "((")) {
            stop(s, "it calculates with ((…))");
        } else if (c == '(') {
            nested(s, 1, ')');
        } else if (c >= 0 && strchr("|&;", c) && !(c == '&' && peek(s, 1) == '>')) {
            s->at++;
        } else if (c >= 0) {
            simple(s);
        }
        if (s->at == from && s->at < s->text.n)
            stop(s, "it cannot be read as a command");
    }
    if (s->n_heredocs)
        stop(s, "a here-document is not ended");
}

void
parse_text(struct shell *s, struct bytes text)
{
    struct shell inner = {.text = text, .depth = s->depth + 1, .a = s->a, .out = s->out};
    if (inner.depth > DEPTH_MAX || (text.at == NULL && text.n))
        worse(s, SHELL_UNKNOWN, "commands stand too deep inside each other");
    else
        parse_list(&inner, 0);
}

void
shell_read(struct bytes command, struct arena *a, struct shell_reading *out)
{
    struct shell s = {.text = command, .a = a, .out = out};
    *out = (struct shell_reading){.effect = SHELL_READ};
    bool odd = command.n > SHELL_COMMAND_MAX || !bytes_utf8(command);
    for (size_t i = 0; i < command.n && !odd; i++)
        odd = (command.at[i] < 0x20 && command.at[i] != '\n' && command.at[i] != '\t') || command.at[i] == 0x7f;
    if (odd)
        worse(&s, SHELL_UNKNOWN, "it is too long, or holds characters that no command needs");
    else
        parse_list(&s, 0);
}
