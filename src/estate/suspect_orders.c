/*
 * What reads like orders to a model, and names that stand for something else. The former are guesses by the words that known attacks used
 * (tool poisoning, shadowing): they warn, they prove nothing, and an attacker who knows them goes around them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "estate/suspect.h"

#define BLOB_MIN 160u   /* characters of base64 in a row */
#define MENTION_MIN 6u  /* a shorter name is a word */

static const struct order {
    const char *words; /* in lower case; a space stands for any blanks */
    const char *says;
} orders[] = {
    {"<important", "reads like orders to a model"},
    {"<system", "reads like orders to a model"},
    {"<instruction", "reads like orders to a model"},
    {"<secret", "reads like orders to a model"},
    {"<hidden", "reads like orders to a model"},
    {"[inst]", "reads like orders to a model"},
    {"<|im_start|>", "reads like orders to a model"},
    {"ignore previous", "reads like orders to a model"},
    {"ignore all previous", "reads like orders to a model"},
    {"ignore any previous", "reads like orders to a model"},
    {"ignore the above", "reads like orders to a model"},
    {"disregard previous", "reads like orders to a model"},
    {"disregard all", "reads like orders to a model"},
    {"forget your instructions", "reads like orders to a model"},
    {"override your instructions", "reads like orders to a model"},
    {"system prompt", "speaks of the model's own instructions"},
    {"do not tell", "asks for secrecy"},
    {"don't tell", "asks for secrecy"},
    {"never tell", "asks for secrecy"},
    {"do not mention", "asks for secrecy"},
    {"don't mention", "asks for secrecy"},
    {"do not inform", "asks for secrecy"},
    {"do not reveal", "asks for secrecy"},
    {"without telling", "asks for secrecy"},
    {"without informing", "asks for secrecy"},
    {"without asking the user", "asks for secrecy"},
    {"hide this from", "asks for secrecy"},
    {"before using this tool", "asks for other steps first"},
    {"before calling this tool", "asks for other steps first"},
    {"before using any", "asks for other steps first"},
    {"you must first", "asks for other steps first"},
    {"instead of the", "speaks of other tools"},
    {"whenever the tool", "speaks of other tools"},
    {"when using the", "speaks of other tools"},
    {"~/.ssh", "names secrets or their files"},
    {"id_rsa", "names secrets or their files"},
    {"id_ed25519", "names secrets or their files"},
    {"~/.aws", "names secrets or their files"},
    {"~/.cursor", "names secrets or their files"},
    {"~/.config", "names secrets or their files"},
    {"mcp.json", "names secrets or their files"},
    {"/etc/passwd", "names secrets or their files"},
    {"/etc/shadow", "names secrets or their files"},
    {".env file", "names secrets or their files"},
    {"private key", "names secrets or their files"},
    {"<!--", "text that is hidden where it is shown as HTML"},
    {"![](http", "a picture from elsewhere, whose address can carry data out"},
    {"javascript:", "code in an address"},
};

static uint8_t
lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static bool
blank(uint8_t c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '*' || c == '_';
}

/* The length of the match at ${at}, or 0. Blanks, line ends and Markdown's emphasis between words are one. */
static size_t
matches(struct bytes text, size_t at, const char *words)
{
    size_t i = at;
    for (; *words; words++) {
        if (*words != ' ') {
            if (i >= text.n || lower(text.at[i]) != (uint8_t)*words)
                return 0;
            i++;
            continue;
        }
        size_t from = i;
        while (i < text.n && blank(text.at[i]))
            i++;
        if (i == from)
            return 0;
    }
    return i - at;
}

static void
look_for(struct bytes text, const struct order *o, const char *at, struct suspects *s)
{
    uint8_t first = (uint8_t)o->words[0];
    for (size_t i = 0; i < text.n; i++) {
        size_t n = lower(text.at[i]) == first ? matches(text, i, o->words) : 0;
        if (n == 0)
            continue;
        struct suspect *f = suspect_add(s, SUSPECT_HINT, o->says, at);
        if (f)
            suspect_excerpt(f, text, i, i + n);
        return; /* once is enough */
    }
}

static bool
base64(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/' || c == '-' || c == '_' || c == '=';
}

static void
look_for_blobs(struct bytes text, const char *at, struct suspects *s)
{
    for (size_t i = 0; i < text.n; i++) {
        size_t from = i;
        while (i < text.n && base64(text.at[i]))
            i++;
        if (i - from < BLOB_MIN)
            continue;
        struct suspect *f = suspect_add(s, SUSPECT_HINT, "a long run of encoded characters", at);
        if (f)
            suspect_excerpt(f, text, from, from + 24);
        return;
    }
}

void
suspect_orders(struct bytes text, const char *at, struct suspects *s)
{
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++)
        look_for(text, &orders[i], at, s);
    look_for_blobs(text, at, s);
}

/* --------------------------------------------------------------------------------------------------------------- names */

static bool
same_name(enum item_kind kind, struct bytes a, struct bytes b)
{
    char x[512], y[512];
    bool seen = suspect_look(a, x, sizeof x) && suspect_look(b, y, sizeof y);
    (void)kind;
    return seen && strcmp(x, y) == 0;
}

static void
name_like(struct suspects *s, struct bytes name, const char *destination, struct bytes other)
{
    struct suspect *f = suspect_add(s, SUSPECT_DANGER, "a name that looks like another tool's", "name");
    struct buf b = buf_make(2048);
    suspect_escape(&b, bytes_sub(name, 0, 60));
    buf_puts(&b, " looks like ");
    suspect_escape(&b, bytes_sub(other, 0, 60));
    buf_printf(&b, " of %s", destination);
    if (f)
        snprintf(f->text, sizeof f->text, "%.190s", buf_text(&b));
    buf_free(&b);
}

void
suspect_name(const struct estate *e, const char *destination, enum item_kind kind, struct bytes name, struct suspects *s)
{
    if (kind == ITEM_TOOL && !item_name_ok(kind, name)) {
        struct suspect *f = suspect_add(s, SUSPECT_DANGER, "a name that cannot be pinned: 1 to 128 printable ASCII characters", "name");
        if (f)
            suspect_excerpt(f, name, 0, name.n);
    }
    for (size_t i = 0; kind == ITEM_TOOL && i < e->n_destinations; i++) {
        const struct destination *d = &e->destinations[i];
        for (size_t k = 0; k < d->n_tools; k++) {
            struct bytes other = bytes_str(d->tools[k].name);
            if (!bytes_eq(other, name) && same_name(kind, other, name))
                name_like(s, name, d->id, other);
        }
    }
    (void)destination;
}

static bool
word_char(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.' || c >= 0x80;
}

/* A name that is no plain word: with _ or -, a digit, or a capital inside. */
static bool
tells(const char *name)
{
    size_t n = strlen(name);
    bool odd = false;
    for (size_t i = 1; i < n; i++)
        odd = odd || name[i] == '_' || name[i] == '-' || (name[i] >= 'A' && name[i] <= 'Z') || (name[i] >= '0' && name[i] <= '9');
    return n >= MENTION_MIN && odd;
}

static void
look_for_name(const struct json *v, const struct destination *d, const char *name, struct suspects *s)
{
    struct bytes text = v->text, wanted = bytes_str(name);
    for (size_t i = 0; v->type == JSON_STRING && i < text.n; i++) {
        struct bytes rest = bytes_sub(text, i, text.n);
        size_t found = bytes_search(rest, wanted), at = i + found, end = at + wanted.n;
        if (found == rest.n)
            break;
        bool whole = (at == 0 || !word_char(text.at[at - 1])) && (end == text.n || !word_char(text.at[end]) || text.at[end] == '.');
        if (whole) {
            struct suspect *f = suspect_add(s, SUSPECT_HINT, "names a tool of another destination", d->id);
            if (f)
                suspect_excerpt(f, text, at, end);
            return;
        }
        i = at;
    }
    for (const struct json *m = v->child; m; m = m->next)
        look_for_name(m, d, name, s);
}

void
suspect_mentions(const struct estate *e, const char *destination, const struct json *item, struct suspects *s)
{
    const struct destination *own = estate_destination(e, destination);
    for (size_t i = 0; i < e->n_destinations; i++)
        for (size_t k = 0; &e->destinations[i] != own && k < e->destinations[i].n_tools; k++) {
            const char *name = e->destinations[i].tools[k].name;
            if (tells(name) && (own == NULL || destination_tool(own, bytes_str(name)) == NULL))
                look_for_name(item, &e->destinations[i], name, s);
        }
}
