/* A change of what a server offers, for a person to judge. All texts are a stranger's: nothing of them reaches the terminal as it is. */
#include <stdio.h>

#include "cli/pin.h"

#define SAME_SHOWN 60u /* bytes of an unchanged part that are shown at either end */

static const struct {
    const char *change, *sign;
    enum tone tone;
} signs[] = {
    {"added", "+", TONE_GOOD}, {"removed", "-", TONE_BAD}, {"changed", "~", TONE_WARN}, {"renamed", ">", TONE_WARN}, {"twice", "=", TONE_BAD}};

static void
put_clean(struct buf *b, struct bytes text, bool colour, enum tone tone, const char *open, const char *close)
{
    struct buf clean = buf_make(OUTPUT_MAX);
    output_clean(&clean, text, false);
    buf_puts(b, colour ? "" : open);
    output_tone(b, colour, tone, buf_text(&clean));
    buf_puts(b, colour ? "" : close);
    b->failed |= clean.failed;
    buf_free(&clean);
}

static size_t
rune_start(struct bytes text, size_t at)
{
    while (at > 0 && at < text.n && (text.at[at] & 0xc0) == 0x80)
        at--;
    return at;
}

static void
put_same(struct buf *b, struct bytes text, bool first, bool last)
{
    size_t head = first ? 0 : rune_start(text, SAME_SHOWN), tail = last ? text.n : rune_start(text, text.n > SAME_SHOWN ? text.n - SAME_SHOWN : 0);
    if (text.n <= 2 * SAME_SHOWN + 20) {
        output_clean(b, text, false);
        return;
    }
    output_clean(b, bytes_sub(text, 0, head), false);
    buf_puts(b, "…");
    output_clean(b, bytes_sub(text, tail, text.n), false);
}

static void
put_words(struct buf *b, const struct json *words, bool colour)
{
    for (const struct json *w = words->child; w; w = w->next) {
        const struct json *sign = w->child, *text = sign ? sign->next : NULL;
        if (!json_is(sign, JSON_STRING) || !json_is(text, JSON_STRING))
            continue;
        if (bytes_is(sign->text, "="))
            put_same(b, text->text, w == words->child, w->next == NULL);
        else if (bytes_is(sign->text, "-"))
            put_clean(b, text->text, colour, TONE_BAD, "[-", "-]");
        else
            put_clean(b, text->text, colour, TONE_GOOD, "{+", "+}");
    }
}

static void
put_value(struct buf *b, const struct json *v)
{
    output_clean(b, v->type == JSON_STRING ? v->text : v->raw, false);
}

/* The arguments of a new tool, those that must be given marked with a star. */
static void
put_arguments(struct buf *b, const struct json *schema)
{
    const struct json *properties = json_get(schema, "properties"), *required = json_get(schema, "required");
    if (properties == NULL || properties->child == NULL) {
        buf_puts(b, "none");
        return;
    }
    for (const struct json *p = properties->child; p; p = p->next) {
        bool must = false;
        for (const struct json *r = required ? required->child : NULL; r; r = r->next)
            must = must || (r->type == JSON_STRING && bytes_eq(r->text, p->key));
        output_clean(b, p->key, false);
        buf_printf(b, "%s%s", must ? "*" : "", p->next ? ", " : "");
    }
}

static void
put_part(struct buf *b, const struct json *part, bool added, size_t width, bool colour)
{
    const struct json *words = json_get(part, "words"), *was = json_get(part, "was"), *now = json_get(part, "now");
    struct bytes at = json_text(part, "at");
    struct buf line = buf_make(OUTPUT_MAX);
    bool name = added && (bytes_is(at, "name") || bytes_is(at, "uriTemplate"));
    if (name)
        return;
    output_clean(&line, added && bytes_is(at, "inputSchema") ? BYTES("arguments") : at, false);
    buf_puts(&line, ": ");
    if (words) {
        put_words(&line, words, colour);
    } else if (added && bytes_is(at, "inputSchema") && json_is(now, JSON_OBJECT)) {
        put_arguments(&line, now);
    } else {
        if (was)
            put_clean(&line, was->type == JSON_STRING ? was->text : was->raw, colour, added ? TONE_PLAIN : TONE_BAD, "", "");
        buf_puts(&line, was && now ? " → " : was ? " (gone)" : "");
        if (now && added)
            put_value(&line, now);
        else if (now)
            put_clean(&line, now->type == JSON_STRING ? now->text : now->raw, colour, TONE_GOOD, was ? "" : "(new) ", "");
    }
    buf_puts(b, "    ");
    if (colour)
        buf_put(b, buf_bytes(&line)); /* colours would count as columns */
    else
        output_wrap(b, buf_bytes(&line), width, 6);
    buf_putc(b, '\n');
    b->failed |= line.failed;
    buf_free(&line);
}

static void
put_finding(struct buf *b, const struct json *f, bool colour)
{
    bool danger = bytes_is(json_text(f, "level"), "danger");
    struct buf line = buf_make(8192);
    char count[32] = "";
    buf_printf(&line, "    %s ", danger ? "!!" : "? ");
    output_clean(&line, json_text(f, "what"), false);
    if (json_get(f, "character")) {
        if (json_whole(f, "count") > 1)
            snprintf(count, sizeof count, " and %lld more", (long long)json_whole(f, "count") - 1);
        buf_puts(&line, " ");
        output_clean(&line, json_text(f, "character"), false);
        buf_puts(&line, count);
    }
    buf_puts(&line, " in ");
    output_clean(&line, json_text(f, "at"), false);
    buf_puts(&line, ": ");
    output_clean(&line, json_text(f, "text"), false);
    output_tone(b, colour, danger ? TONE_BAD : TONE_WARN, buf_text(&line));
    buf_putc(b, '\n');
    buf_free(&line);
}

static void
put_headline(struct buf *b, const struct json *change, bool colour)
{
    struct bytes kind = json_text(change, "kind"), what = json_text(change, "change");
    struct buf line = buf_make(8192);
    size_t i = 0;
    while (i + 1 < sizeof signs / sizeof *signs && !bytes_is(what, signs[i].change))
        i++;
    buf_printf(&line, "%s ", signs[i].sign);
    output_clean(&line, kind, false);
    if (json_text(change, "name").n) {
        buf_putc(&line, ' ');
        output_clean(&line, json_text(change, "name"), false);
    }
    output_tone(b, colour, signs[i].tone, buf_text(&line));
    buf_puts(b, bytes_is(what, "twice") ? "  is listed twice, in different forms or not: it cannot be told which is meant" : "  ");
    if (!bytes_is(what, "twice"))
        output_clean(b, what, false);
    if (bytes_is(what, "renamed")) {
        buf_puts(b, ": it seems to be what was called ");
        output_clean(b, json_text(change, "from"), false);
        if (json_whole(change, "alike") == 100)
            buf_puts(b, " (the same but for its name)");
        else
            buf_printf(b, " (a guess: %lld %% alike)", (long long)json_whole(change, "alike"));
    }
    buf_putc(b, '\n');
    buf_free(&line);
}

void
pin_show(struct buf *b, const struct json *change, size_t width, bool colour)
{
    const struct json *parts = json_get(change, "parts"), *findings = json_get(change, "findings");
    bool added = bytes_is(json_text(change, "change"), "added");
    put_headline(b, change, colour);
    for (const struct json *p = parts ? parts->child : NULL; p; p = p->next)
        put_part(b, p, added, width, colour);
    if (json_get(change, "more_parts"))
        buf_printf(b, "    … and %lld more\n", (long long)json_whole(change, "more_parts"));
    for (const struct json *f = findings ? findings->child : NULL; f; f = f->next)
        put_finding(b, f, colour);
}
