/* A record of the log as one line. */
#include "cli/cli.h"

#define KIND_COLUMNS 10u

/*
 * How a record of each kind reads: {name} is a member of the leaf. A part between [ and ] is left out when a member in it is missing.
 * The first form whose ${member} the leaf has is used.
 */
static const struct form {
    const char *kind, *member, *text;
} forms[] = {
    {"decision", "shown", "{agent} {destination}: {shown} tools listed, {withheld} withheld[ ({writ})]"},
    {"decision", NULL, "{decision} {agent} {destination}/{tool}[: {reason}][; {observed} while observed][; tier {tier}][ ({call}, {writ})]"},
    {"outcome", NULL, "{status}[ {agent}][ {destination}[/{tool}]][ after {us} µs][, {bytes} bytes][ ({call}, {writ})]"},
    {"writ", NULL,
     "{state} {writ}: {agent}, task {task}[, on behalf of {on_behalf_of}][, proof {proof}][; walls: {confinement}][; {why}][ (by {by})]"},
    {"revocation", "selector", "{state} {selector} {id}: {why} (by {by}; {revocation})"},
    {"revocation", NULL,
     "{state} {revocation}: {writs} writs, {calls} calls, {streams} streams, {processes} servers; last effect after {effect_us} µs, "
     "on record after {durable_us} µs"},
    {"privilege", NULL, "{change}[ {what}][ {selector} {id}][ (by {by})]"},
    {"secret", NULL, "{secret} released to {destination}[ as {use}][ ({writ})]"},
    {"estate", NULL, "{state}[ version {version}][: {agents} agents, {policies} policies][: {why}]"},
    {"pin", NULL, "{state} {destination}: {item}[ {name}] {change}[ from {from}][ (seen by {agent}, {writ})]"},
    {"finding", "token", "{event} in {direction}[ {agent}][ {destination}]: {writ} is revoked"},
    {"finding", NULL, "{action} in {direction}[ {method}][ {destination}]: {what}[; incomplete: {incomplete}][ ({call}, {writ})]"},
    {"refusal", NULL, "{what}[ {agent}][ of user {uid}][ {destination}]: {why}[; {count} times by now][ (call {call})][ ({writ})]"},
    {"server", NULL, "{event}[ {destination}][ version {version}][ pid {pid}][ exit {exit}][ signal {signal}][ ({writ})]"},
};

static void
put_member(struct buf *b, const struct json *v)
{
    output_clean(b, v->type == JSON_STRING ? v->text : v->raw, false);
}

static bool
form_fits(const struct form *f, const struct json *leaf)
{
    return bytes_is(json_text(leaf, "kind"), f->kind) && (f->member == NULL || json_get(leaf, f->member));
}

/* Write ${text} up to its end or the ']' that ends this part; false when a member is missing. Parts nest once, as the table above does. */
static bool
put_part(struct buf *b, struct bytes *text, const struct json *leaf, int depth)
{
    bool whole = true;
    while (text->n && text->at[0] != ']') {
        uint8_t c = text->at[0];
        *text = bytes_sub(*text, 1, text->n);
        if (c == '{') {
            const struct json *v = json_find(leaf, bytes_split(text, '}'));
            whole = whole && v != NULL;
            if (v)
                put_member(b, v);
        } else if (c == '[' && depth < 2) {
            size_t before = b->n;
            if (!put_part(b, text, leaf, depth + 1))
                b->n = before;
            *text = bytes_sub(*text, 1, text->n);
        } else {
            buf_putc(b, c);
        }
    }
    return whole;
}

static void
put_unknown(struct buf *b, const struct json *leaf)
{
    for (const struct json *m = leaf->child; m; m = m->next) {
        if (bytes_is(m->key, "v") || bytes_is(m->key, "at") || bytes_is(m->key, "kind") || bytes_is(m->key, "said"))
            continue;
        output_clean(b, m->key, false);
        buf_putc(b, '=');
        put_member(b, m);
        buf_putc(b, ' ');
    }
}

static enum tone
tone_of(const struct json *leaf)
{
    struct bytes decision = json_text(leaf, "decision"), kind = json_text(leaf, "kind"), state = json_text(leaf, "state");
    if (bytes_is(decision, "deny") || bytes_is(kind, "refusal") || bytes_is(kind, "revocation") || bytes_is(state, "revoked") ||
        bytes_is(state, "refused"))
        return TONE_BAD;
    if (bytes_is(decision, "step_up") || bytes_is(decision, "defer") || bytes_is(kind, "privilege") || bytes_is(kind, "finding") ||
        json_get(leaf, "observed"))
        return TONE_WARN;
    return TONE_PLAIN;
}

static void
put_kind(struct buf *b, struct bytes kind)
{
    size_t from = b->n;
    output_clean(b, bytes_sub(kind, 0, 40), false);
    for (size_t columns = output_columns(bytes_sub(buf_bytes(b), from, b->n)); columns < KIND_COLUMNS; columns++)
        buf_putc(b, ' ');
}

void
log_line(struct buf *b, const struct json *record, bool colour)
{
    const struct json *leaf = json_get(record, "leaf");
    struct buf line = buf_make(65536);
    struct bytes text = {NULL, 0};
    for (size_t i = 0; i < sizeof forms / sizeof *forms && text.n == 0; i++)
        if (form_fits(&forms[i], leaf))
            text = bytes_str(forms[i].text);
    if (text.n)
        put_part(&line, &text, leaf, 0);
    else if (leaf)
        put_unknown(&line, leaf);
    buf_printf(b, "%8lld  ", (long long)json_whole(record, "index"));
    output_clean(b, json_text(leaf, "at"), false);
    buf_puts(b, "  ");
    put_kind(b, json_text(leaf, "kind"));
    buf_puts(b, "  ");
    output_tone(b, colour, tone_of(leaf), buf_text(&line));
    buf_putc(b, '\n');
    buf_free(&line);
}
