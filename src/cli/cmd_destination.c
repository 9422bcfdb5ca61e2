#include <stdio.h>
#include <unistd.h>

#include "cli/pin.h"
#include "decide/decide.h"
#include "estate/estate.h"

#define STATES_MS 1000

/* How each is doing, where the server runs and says so; NULL otherwise: the list is from the files alone then. */
static const struct json *
ask_states(struct cli *c)
{
    struct json *answer = NULL;
    struct api_request q = {.face = FACE_ADMIN, .method = "GET", .target = "/v1/status", .timeout_ms = STATES_MS};
    struct err e = api_call(c, &q, &answer);
    return err_failed(e) ? NULL : json_get(answer, "destinations");
}

static struct bytes
state_of(const struct json *states, const char *id)
{
    for (const struct json *s = states ? states->child : NULL; s; s = s->next)
        if (bytes_is(json_text(s, "destination"), id))
            return json_text(s, "state");
    return states ? BYTES("unused") : (struct bytes){NULL, 0};
}

static int64_t
held_of(const struct json *states, const char *id)
{
    for (const struct json *s = states ? states->child : NULL; s; s = s->next)
        if (bytes_is(json_text(s, "destination"), id))
            return json_whole(s, "held");
    return 0;
}

static void
put_json(struct buf *b, const struct estate *e, const struct json *states)
{
    json_open(b, '{');
    json_key(b, "destinations");
    json_open(b, '[');
    for (size_t i = 0; i < e->n_destinations; i++) {
        const struct destination *d = &e->destinations[i];
        json_item(b);
        json_open(b, '{');
        json_member_str(b, "id", d->id);
        json_member_str(b, "owner", d->owner->id);
        json_member_str(b, "kind", d->kind == UPSTREAM_STDIO ? "stdio" : "http");
        json_member_str(b, "sensitivity", sensitivity_names[d->sensitivity]);
        json_member_str(b, "integrity", integrity_names[d->integrity]);
        json_member_bool(b, "pinned", d->pinned);
        json_member_int(b, "tools", (int64_t)d->n_tools);
        if (d->pin_server)
            json_member_str(b, "server", d->pin_server);
        if (states)
            json_member_text(b, "state", state_of(states, d->id));
        if (states)
            json_member_int(b, "held", held_of(states, d->id));
        json_close(b, '}');
    }
    json_close(b, ']');
    json_close(b, '}');
    buf_putc(b, '\n');
}

static void
put_table(struct cli *c, struct buf *b, const struct estate *e, const struct json *states)
{
    static const char *const head[] = {"DESTINATION", "KIND", "OWNER", "SENSITIVITY", "INTEGRITY", "TOOLS", "PINNED SERVER", "STATE", "HELD BACK"};
    struct grid g = grid_make(&c->arena, states ? 9 : 7);
    char tools[64], held[24];
    if (e->n_destinations == 0) {
        buf_puts(b, "the estate declares no destination\n");
        return;
    }
    grid_head(&g, head);
    for (size_t i = 0; i < e->n_destinations; i++) {
        const struct destination *d = &e->destinations[i];
        size_t confirmed = 0;
        for (size_t k = 0; k < d->n_tools; k++)
            confirmed += d->tools[k].confirmed;
        snprintf(tools, sizeof tools, "%zu (%zu unconfirmed)", d->n_tools, d->n_tools - confirmed);
        grid_add(&g, bytes_str(d->id));
        grid_add(&g, d->kind == UPSTREAM_STDIO ? BYTES("stdio") : BYTES("http"));
        grid_add(&g, bytes_str(d->owner->id));
        grid_add(&g, bytes_str(sensitivity_names[d->sensitivity]));
        grid_add(&g, bytes_str(integrity_names[d->integrity]));
        grid_add(&g, bytes_str(d->pinned ? tools : "not pinned"));
        grid_add(&g, bytes_str(d->pin_server ? d->pin_server : "-"));
        if (states) {
            snprintf(held, sizeof held, "%lld", (long long)held_of(states, d->id));
            grid_add(&g, state_of(states, d->id));
            grid_add(&g, bytes_str(held));
        }
    }
    grid_put(&g, b, output_colour(STDOUT_FILENO));
}

struct err
cmd_destination_list(struct cli *c)
{
    struct findings f = {0};
    struct estate *estate = NULL;
    struct buf b = buf_make(OUTPUT_MAX);
    const char *dir;
    TRY(where_estate(c, NULL, &dir));
    struct err e = estate_load(c->env, dir, decide_builtin(), &f, &estate);
    findings_free(&f);
    if (err_failed(e))
        return err_wrap(e, "%.100s (`writ check` says more)", dir);
    const struct json *states = ask_states(c);
    if (c->json)
        put_json(&b, estate, states);
    else
        put_table(c, &b, estate, states);
    estate_unref(estate);
    return output_send(c, &b);
}

/* --------------------------------------------------------------------------------------------------------------- show */

static void
put_line(struct buf *b, const char *label, struct bytes text)
{
    buf_printf(b, "%-13s", label);
    output_clean(b, text, false);
    buf_putc(b, '\n');
}

static void
put_reached(struct buf *b, const struct json *reached)
{
    const struct json *command = json_get(reached, "command"), *files = json_get(reached, "files");
    if (reached == NULL) {
        put_line(b, "reached", BYTES("not pinned: pin it again to bind it to its command or address"));
        return;
    }
    if (json_text(reached, "url").n)
        put_line(b, "url", json_text(reached, "url"));
    if (command)
        put_line(b, "command", command->raw);
    for (const struct json *f = files ? files->child : NULL; f; f = f->next) {
        put_line(b, "file", f->key);
        put_line(b, "  sha256", json_is(f, JSON_STRING) ? f->text : f->raw);
    }
    if (command && (files == NULL || files->child == NULL))
        put_line(b, "file", BYTES("unknown: what it runs is fetched at start, or is no file of this host"));
}

static void
put_tools(struct buf *b, const struct json *tools, bool colour)
{
    for (const struct json *t = tools ? tools->child : NULL; t; t = t->next) {
        buf_puts(b, "  ");
        output_clean(b, json_text(t, "name"), false);
        buf_puts(b, "  ");
        output_clean(b, json_text(t, "effect"), false);
        if (!json_truth(t, "confirmed"))
            output_tone(b, colour, TONE_WARN,
                        json_truth(t, "changed_since_stated") ? "  unconfirmed: it changed since its effect was stated" : "  unconfirmed");
        if (json_truth(t, "findings"))
            output_tone(b, colour, TONE_BAD, "  held back: it has findings that nobody accepted");
        buf_putc(b, '\n');
    }
}

static void
put_held(struct buf *b, const struct json *held, const char *name, bool colour)
{
    size_t width = output_width(STDOUT_FILENO);
    if (held == NULL || held->child == NULL) {
        buf_puts(b, "nothing is held back\n");
        return;
    }
    output_tone(b, colour, TONE_BAD, "held back until a person has looked\n");
    for (const struct json *h = held->child; h; h = h->next) {
        pin_show(b, h, width, colour);
        buf_puts(b, "    since ");
        output_clean(b, json_text(h, "since"), false);
        if (json_truth(h, "returned"))
            buf_puts(b, "; it looks as pinned again");
        if (json_truth(h, "unsteady"))
            buf_puts(b, "; it came and went many times");
        buf_puts(b, json_truth(h, "blocks") ? "\n" : "; what is as pinned goes on\n");
    }
    buf_printf(b, "to accept: writ destination pin %s [TOOL]…\n", name);
}

struct err
cmd_destination_show(struct cli *c)
{
    struct json *answer;
    struct buf b = buf_make(OUTPUT_MAX);
    bool colour = output_colour(STDOUT_FILENO);
    TRY(api_id("destination", c->words[0]));
    const char *target = arena_printf(&c->arena, "/v1/destinations/%s", c->words[0]);
    if (target == NULL)
        return err_make(E_MEMORY, "out of memory");
    TRY(api_get(c, FACE_ADMIN, target, &answer));
    c->status = json_get(answer, "held") && json_get(answer, "held")->child ? 1 : 0;
    if (c->json) {
        answer_put(&b, answer);
        return output_send(c, &b);
    }
    put_line(&b, "destination", json_text(answer, "id"));
    put_line(&b, "owner", json_text(answer, "owner"));
    put_line(&b, "server", json_truth(answer, "pinned") ? json_text(answer, "server") : BYTES("not pinned"));
    if (json_truth(answer, "pinned"))
        put_reached(&b, json_get(answer, "reached"));
    if (json_text(answer, "observed_until").n)
        put_line(&b, "observed to", json_text(answer, "observed_until"));
    buf_puts(&b, "tools\n");
    put_tools(&b, json_get(answer, "tools"), colour);
    put_held(&b, json_get(answer, "held"), c->words[0], colour);
    return output_send(c, &b);
}
