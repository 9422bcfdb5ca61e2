/* From a record of the log to what people are told. */
#include <stdio.h>
#include <stdlib.h>

#include "alert/inner.h"
#include "estate/pin.h"

const char *const severity_names[] = {"info", "warning", "critical"};

/*
 * Which records are told of. ${member} must be there and, with ${value}, say that. The first row that fits is used; {name} in a title is a
 * member of the record. ${facts}: the members that are listed below the title, in this order.
 */
static const struct row {
    const char *kind, *member, *value;
    int alert; /* enum alert_kind; -1: nobody is told */
    enum severity severity;
    const char *title, *facts;
} rows[] = {
#define CALL "agent destination tool reason policies edit tier writ call"
    {"decision", "observed", "would_ask", ALERT_OBSERVED, SEVERITY_INFO, "Observed: {agent} would have been asked about {destination}/{tool}", CALL},
    {"decision", "observed", NULL, ALERT_OBSERVED, SEVERITY_INFO, "Observed: {agent} would have been refused {destination}/{tool}", CALL},
    {"decision", "decision", "deny", ALERT_REFUSAL, SEVERITY_WARNING, "{agent} was refused {destination}/{tool}", CALL},
    {"decision", "decision", "step_up", ALERT_ASKED, SEVERITY_INFO, "{agent} needs a person's approval for {destination}/{tool}", CALL},
    {"decision", "decision", "defer", ALERT_ASKED, SEVERITY_INFO, "{agent} must wait to use {destination}/{tool}", CALL},
    {"finding", "token", NULL, ALERT_SIGHTING, SEVERITY_CRITICAL,
     "A secret of Writ's own was seen in {direction} of {destination}; its writ is revoked", "agent destination direction writ"},
    {"finding", "action", "note", -1, SEVERITY_INFO, NULL, NULL},
    {"finding", "action", NULL, ALERT_SIGHTING, SEVERITY_WARNING, "Found in {direction} of {destination}: {what}",
     "agent destination direction method what action incomplete writ call"},
    {"pin", "state", "held", ALERT_QUARANTINE, SEVERITY_WARNING, "{destination}: the {item} {name} is held back ({change})",
     "destination item name change from agent writ"},
    {"revocation", "selector", NULL, ALERT_REVOCATION, SEVERITY_WARNING, "{by} revoked the {selector} {id}", "why by selector id writs revocation"},
    {"revocation", "state", "confirmed", ALERT_REVOCATION, SEVERITY_INFO, "Revoked and confirmed: the last effect stopped after {effect_us} µs",
     "revocation writs calls streams processes effect_us durable_us"},
    {"revocation", "state", NULL, ALERT_REVOCATION, SEVERITY_CRITICAL, "A revocation is not confirmed yet; it goes on",
     "revocation state writs calls streams processes"},
    {"privilege", "change", NULL, ALERT_PRIVILEGE, SEVERITY_INFO, "{change}", "what selector id by"},
    {"estate", "state", "refused", ALERT_SERVER, SEVERITY_CRITICAL, "A changed estate was refused; the last good one stays in force", "why version"},
    {"server", "event", "server_ended", -1, SEVERITY_INFO, NULL, NULL},
    {"server", "event", NULL, ALERT_SERVER, SEVERITY_INFO, "Writ: {event}", "event destination version estate reason"},
};

/* ------------------------------------------------------------------------------------------------------------- making */

struct alert *
alert_make(enum alert_kind kind, enum severity severity, int64_t now_ms, const char *title)
{
    struct alert *t = calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    *t = (struct alert){.refs = 1, .kind = kind, .severity = severity};
    env_time_text(now_ms, t->at);
    snprintf(t->title, sizeof t->title, "%s", title);
    return t;
}

struct alert *
alert_ref(struct alert *t)
{
    t->refs++;
    return t;
}

void
alert_unref(struct alert *t)
{
    if (t && --t->refs == 0)
        free(t);
}

/* Cut where a character ends. */
static void
put_text(char *out, size_t max, struct buf *text)
{
    struct bytes b = buf_bytes(text);
    size_t n = b.n < max ? b.n : max - 1;
    while (n && n < b.n && (b.at[n] & 0xc0) == 0x80)
        n--;
    snprintf(out, max, "%.*s", (int)n, n ? (const char *)b.at : "");
}

void
alert_fact(struct alert *t, struct bytes name, struct bytes value)
{
    struct buf shown = buf_make(8192);
    if (t->n == FACTS_MAX || value.n == 0)
        return;
    struct fact *f = &t->facts[t->n++];
    suspect_escape(&shown, bytes_sub(value, 0, VALUE_MAX));
    f->name = name;
    put_text(f->value, sizeof f->value, &shown);
    buf_free(&shown);
}

/* ------------------------------------------------------------------------------------------------------------ reading */

static void
put_value(struct buf *b, const struct json *v)
{
    if (!json_is(v, JSON_ARRAY)) {
        buf_put(b, bytes_sub(v->type == JSON_STRING ? v->text : v->raw, 0, VALUE_MAX));
        return;
    }
    for (const struct json *one = v->child; one && b->n < VALUE_MAX; one = one->next) {
        buf_puts(b, b->n ? ", " : "");
        put_value(b, one);
    }
}

static void
put_title(struct alert *t, const char *form, const struct json *leaf)
{
    struct buf said = buf_make(8192), shown = buf_make(32768);
    struct bytes rest = bytes_str(form);
    while (rest.n) {
        buf_put(&said, bytes_split(&rest, '{'));
        const struct json *v = rest.n ? json_find(leaf, bytes_split(&rest, '}')) : NULL;
        if (v)
            put_value(&said, v);
    }
    suspect_escape(&shown, buf_bytes(&said));
    put_text(t->title, sizeof t->title, &shown);
    buf_free(&said);
    buf_free(&shown);
}

static void
put_facts(struct alert *t, const char *names, const struct json *leaf)
{
    struct bytes rest = bytes_str(names);
    while (rest.n) {
        struct bytes name = bytes_split(&rest, ' ');
        const struct json *v = json_find(leaf, name);
        struct buf value = buf_make(8192);
        if (v)
            put_value(&value, v);
        alert_fact(t, name, buf_bytes(&value));
        buf_free(&value);
    }
}

/* FNV-1a over what makes two alerts the same thing: not the call, not the writ, not the time. */
static void
hash_text(uint64_t *h, const char *text)
{
    for (; *text; text++)
        *h = (*h ^ (uint8_t)*text) * 0x100000001b3;
    *h = (*h ^ 0xff) * 0x100000001b3;
}

uint64_t
alert_key(const struct alert *t)
{
    static const char *const passing[] = {"writ", "call", "revocation", "effect_us", "durable_us"};
    uint64_t h = 0xcbf29ce484222325 ^ (uint64_t)t->kind;
    hash_text(&h, t->title);
    for (size_t i = 0; i < t->n; i++) {
        bool same = true;
        for (size_t k = 0; k < sizeof passing / sizeof *passing; k++)
            same = same && !bytes_is(t->facts[i].name, passing[k]);
        if (same)
            hash_text(&h, t->facts[i].value);
    }
    return h;
}

static const struct row *
row_of(const struct json *leaf)
{
    struct bytes kind = json_text(leaf, "kind");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *r = &rows[i];
        const struct json *v = bytes_is(kind, r->kind) ? json_get(leaf, r->member) : NULL;
        if (v && (r->value == NULL || (v->type == JSON_STRING && bytes_is(v->text, r->value))))
            return r->alert < 0 ? NULL : r;
    }
    return NULL;
}

bool
alert_read(uint64_t index, struct bytes text, struct alert *t)
{
    struct arena a = {0};
    struct json *leaf;
    const struct row *r = err_failed(json_parse(&a, text, NULL, &leaf)) ? NULL : row_of(leaf);
    if (r) {
        *t = (struct alert){.refs = 1, .kind = (enum alert_kind)r->alert, .severity = r->severity, .has_record = true, .record = index};
        snprintf(t->at, sizeof t->at, "%.*s", BYTES_CUT(json_text(leaf, "at"), sizeof t->at - 1));
        put_title(t, r->title, leaf);
        put_facts(t, r->facts, leaf);
    }
    arena_free(&a);
    return r != NULL;
}

/*
 * Most records are calls that were allowed and what came of them. A leaf begins {"v":1,"at":"2026-11-25T12:00:00.000Z","kind":"…"; what does not
 * look like that is read.
 */
bool
alert_worth(struct bytes leaf)
{
    struct bytes kind = bytes_sub(leaf, 47, 10);
    if (bytes_starts(kind, BYTES("outcome\"")) || bytes_starts(kind, BYTES("secret\"")) || bytes_starts(kind, BYTES("writ\"")))
        return false;
    if (!bytes_starts(kind, BYTES("decision\"")))
        return true;
    struct bytes head = bytes_sub(leaf, 0, 768); /* who, what and the decision stand before all else, observed right behind it */
    size_t allow = bytes_search(head, BYTES("\"decision\":\"allow\""));
    return allow == head.n || bytes_starts(bytes_sub(leaf, allow, 64), BYTES("\"decision\":\"allow\",\"observed\""));
}
