#include "cli/cli.h"

#include <stdio.h>
#include <unistd.h>

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
        json_close(b, '}');
    }
    json_close(b, ']');
    json_close(b, '}');
    buf_putc(b, '\n');
}

static void
put_table(struct cli *c, struct buf *b, const struct estate *e, const struct json *states)
{
    static const char *const head[] = {"DESTINATION", "KIND", "OWNER", "SENSITIVITY", "INTEGRITY", "TOOLS", "PINNED SERVER", "STATE"};
    struct grid g = grid_make(&c->arena, states ? 8 : 7);
    char tools[64];
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
        if (states)
            grid_add(&g, state_of(states, d->id));
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
