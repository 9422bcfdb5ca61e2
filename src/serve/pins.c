/* What a person sees of a destination's pin, and what happens when it is accepted anew. */
#include <stdio.h>

#include "serve/inner.h"

#define SAID_MAX 7000u /* of the record: what was accepted, in words */

static void
put_tool(struct buf *b, const struct tool *t)
{
    json_item(b);
    json_open(b, '{');
    json_member_str(b, "name", t->name);
    json_member_str(b, "effect", effect_names[t->effect]);
    json_member_bool(b, "confirmed", t->confirmed);
    if (t->changed)
        json_member_bool(b, "changed_since_stated", true);
    if (t->held)
        json_member_bool(b, "findings", true);
    json_close(b, '}');
}

static void
put_extras(struct buf *b, const struct destination *d, bool prompts)
{
    json_key(b, prompts ? "prompts" : "resource_templates");
    json_open(b, '[');
    for (size_t i = 0; i < d->n_extras; i++)
        if (d->extras[i].prompt == prompts) {
            json_item(b);
            json_put_text(b, d->extras[i].name);
        }
    json_close(b, ']');
}

struct err
pins_show(struct serve *s, struct bytes id, struct buf *b)
{
    char name[80];
    struct snapshot *snap = serve_snapshot(s);
    snprintf(name, sizeof name, "%.*s", BYTES_CUT(id, 64));
    const struct destination *d = estate_destination(snap->estate, name);
    if (d) {
        json_open(b, '{');
        json_member_str(b, "id", d->id);
        json_member_str(b, "owner", d->owner->id);
        json_member_str(b, "sensitivity", sensitivity_names[d->sensitivity]);
        json_member_str(b, "integrity", integrity_names[d->integrity]);
        json_member_bool(b, "pinned", d->pinned);
        const char *until = estate_observed(snap->estate, OBSERVE_DESTINATION, d->id, s->env->now_ms(s->env));
        if (until)
            json_member_str(b, "observed_until", until);
        if (d->pin_server)
            json_member_str(b, "server", d->pin_server);
        const struct json *reached = json_get(json_get(d->pin, "server"), "reached");
        if (reached) {
            json_key(b, "reached");
            canonical_put(b, reached, -1);
        }
        json_key(b, "tools");
        json_open(b, '[');
        for (size_t i = 0; i < d->n_tools; i++)
            put_tool(b, &d->tools[i]);
        json_close(b, ']');
        put_extras(b, d, true);
        put_extras(b, d, false);
        json_key(b, "held");
        gate_held_json(s->gate, d->id, b);
        json_close(b, '}');
    }
    struct err e = d ? err_ok() : err_make(E_NOT_FOUND, "there is no destination %s", name);
    snapshot_unref(snap);
    return e;
}

/* "tool echo (changed), server (changed; with its findings)" */
static void
put_what(struct buf *what, const struct json *items)
{
    size_t more = 0;
    for (const struct json *v = items->child; v; v = v->next) {
        const struct json *findings = json_get(v, "findings");
        if (what->n > SAID_MAX - 400) {
            more++;
            continue;
        }
        struct bytes kind = json_text(v, "kind"), name = json_text(v, "name"), change = json_text(v, "change");
        buf_printf(what, "%s%.*s%s", what->n ? ", " : "", BYTES_CUT(kind, 20), name.n ? " " : "");
        suspect_escape(what, bytes_sub(name, 0, 128));
        buf_printf(what, " (%.*s%s)", BYTES_CUT(change, 20), json_is(findings, JSON_BOOL) && findings->truth ? "; with its findings" : "");
    }
    if (more)
        buf_printf(what, " and %zu more", more);
}

static struct err
record_accepted(struct serve *s, const struct json *body, const char *who)
{
    const struct json *items = json_get(body, "items"), *effects = json_get(body, "effects_confirmed");
    struct buf m = buf_make(16384), what = buf_make(SAID_MAX + 600), change = buf_make(200);
    struct bytes destination = json_text(body, "destination");
    put_what(&what, items);
    buf_printf(&change, "pin of %.*s accepted:", BYTES_CUT(destination, 64));
    json_member_str(&m, "change", buf_text(&change));
    json_member_str(&m, "what", what.n ? buf_text(&what) : "nothing new");
    json_member_bool(&m, "effects_confirmed", json_is(effects, JSON_BOOL) && effects->truth);
    json_member_str(&m, "by", who);
    struct audit_event event = {.kind = AUDIT_PRIVILEGE, .members = buf_bytes(&m)};
    struct err e = m.failed || what.failed ? err_make(E_LIMIT, "too many changes for one record") : serve_record(s, &event);
    buf_free(&m);
    buf_free(&what);
    buf_free(&change);
    return e;
}

struct err
pins_accept(struct serve *s, const struct json *body, const char *who, struct buf *b)
{
    char name[80];
    struct buf findings = buf_make(200000);
    const struct json *items = json_get(body, "items"), *all = json_get(body, "all");
    struct bytes id = json_text(body, "destination");
    if (!json_is(items, JSON_ARRAY))
        return err_make(E_USAGE, "\"items\" must be a list");
    snprintf(name, sizeof name, "%.*s", BYTES_CUT(id, 64));
    TRY(record_accepted(s, body, who));
    struct err e = serve_load(s, &findings);
    if (err_failed(e))
        e = err_make(e.code, "%.60s\n%.240s", e.text, buf_text(&findings));
    buf_free(&findings);
    TRY(e);
    size_t released = gate_release(s->gate, name, json_is(all, JSON_BOOL) && all->truth ? NULL : items);
    json_open(b, '{');
    json_member_str(b, "estate", s->snapshot->estate->version);
    json_member_int(b, "released", (int64_t)released);
    json_close(b, '}');
    return err_ok();
}
