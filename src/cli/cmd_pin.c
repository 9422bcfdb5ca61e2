/* destination pin: look at what a destination offers now, show the difference, and accept it. */
#include "cli/cli.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "decide/decide.h"
#include "estate/estate.h"

#define PIN_MAX ((size_t)4 << 20)
#define PROBE_MS 60000u
#define RELOAD_MS 30000u

static struct err
probe(struct cli *c, const char *name, struct json **answer)
{
    struct buf body = buf_make(1024);
    json_open(&body, '{');
    json_member_str(&body, "destination", name);
    json_close(&body, '}');
    struct api_request q = {.face = FACE_ADMIN, .method = "POST", .target = "/v1/probe", .body = buf_bytes(&body), .timeout_ms = PROBE_MS};
    struct err e = api_call(c, &q, answer);
    buf_free(&body);
    if (!err_failed(e) && !json_is(json_get(*answer, "tools"), JSON_ARRAY))
        e = err_make(E_PROTOCOL, "the server's answer has no tools");
    return e;
}

/* What is written here must be what the server reads. */
static struct err
same_estate(struct cli *c, const char *dir)
{
    struct json *status;
    char real[PATH_MAX];
    TRY(api_get(c, FACE_ADMIN, "/v1/status", &status));
    const char *served = arena_str(&c->arena, json_text(json_get(status, "estate"), "folder"));
    if (served && realpath(served, real) && strcmp(real, dir) == 0)
        return err_ok();
    return err_make(E_STATE, "the server uses the estate %.120s, not %.120s; name one with --estate", served ? served : "?", dir);
}

/* Nobody accepted a pin whose digest does not fit; to compare with it would hide what was slipped in. */
static bool
pin_is_damaged(struct cli *c, const char *dir, const char *name)
{
    char file[160];
    struct findings f = {0};
    struct estate *estate = NULL;
    bool damaged = false;
    snprintf(file, sizeof file, "pins/%s.json", name);
    struct err e = estate_load(c->env, dir, decide_builtin(), &f, &estate);
    for (size_t i = 0; err_failed(e) && i < f.n; i++)
        damaged |= f.list[i].level == FINDING_ERROR && strcmp(f.list[i].file, file) == 0;
    findings_free(&f);
    if (estate)
        estate_unref(estate);
    return damaged;
}

/* The present pin, read alone: the estate may not load because of it. */
static struct err
present_pin(struct cli *c, const char *dir, const char *name, const struct json **tools, bool *damaged)
{
    struct bytes text;
    struct json *pin;
    const char *path = arena_printf(&c->arena, "%s/pins/%s.json", dir, name);
    *tools = NULL;
    *damaged = false;
    if (path == NULL)
        return err_make(E_MEMORY, "out of memory");
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return err_ok();
    TRY(where_file(c, path, PIN_MAX, &text));
    bool whole = !err_failed(json_parse(&c->arena, text, NULL, &pin)) && json_is(json_get(pin, "tools"), JSON_ARRAY);
    *damaged = !whole || pin_is_damaged(c, dir, name);
    if (!*damaged)
        *tools = json_get(pin, "tools");
    return err_ok();
}

static struct err
ask_yes(struct cli *c, const char *name)
{
    char line[16] = "";
    if (given(c, "yes"))
        return err_ok();
    if (c->json || !isatty(STDIN_FILENO))
        return err_make(E_STATE, "nothing was pinned: accept the difference with --yes");
    fprintf(stderr, "Pin this for %s? [y/N] ", name);
    if (fgets(line, sizeof line, stdin) && (line[0] == 'y' || line[0] == 'Y'))
        return err_ok();
    return err_make(E_STATE, "nothing was pinned");
}

static struct err
accept_tools(struct cli *c, const char *dir, const char *name, const struct json *probed)
{
    struct json *answer;
    struct api_request q = {.face = FACE_ADMIN, .method = "POST", .target = "/v1/reload", .timeout_ms = RELOAD_MS};
    TRY(pin_write(dir, name, json_text(probed, "server"), json_get(probed, "tools")));
    struct err e = api_call(c, &q, &answer);
    return err_failed(e) ? err_wrap(e, "pins/%s.json is written, but the server goes on with its last good estate", name) : err_ok();
}

static struct pin_counts
show(struct cli *c, struct buf *b, const struct json *old, bool damaged, const struct json *probed)
{
    bool colour = output_colour(STDOUT_FILENO);
    const struct json *now = json_get(probed, "tools");
    if (c->json)
        return pin_diff_json(b, old, now);
    if (damaged)
        output_tone(b, colour, TONE_BAD, "The present pin is damaged or was changed by hand; all tools are shown as new.\n");
    struct pin_counts n = pin_diff(b, old, now, output_width(STDOUT_FILENO), colour);
    output_clean(b, json_text(probed, "server"), false);
    buf_printf(b, ": %zu tools; %zu added, %zu removed, %zu changed\n", now->count, n.added, n.removed, n.changed);
    return n;
}

struct err
cmd_pin(struct cli *c)
{
    const char *dir, *name = c->words[0];
    const struct json *old;
    struct json *probed;
    struct buf b = buf_make(OUTPUT_MAX);
    bool damaged, written = false;
    TRY(api_id("destination", name));
    TRY(where_estate(c, NULL, &dir));
    TRY(same_estate(c, dir));
    TRY(probe(c, name, &probed));
    TRY(present_pin(c, dir, name, &old, &damaged));
    if (c->json)
        json_open(&b, '{');
    struct pin_counts n = show(c, &b, old, damaged, probed);
    bool differs = old == NULL || n.added || n.removed || n.changed;
    if (!c->json)
        TRY(output_send(c, &b));
    struct err e = differs ? ask_yes(c, name) : err_ok();
    if (differs && !err_failed(e)) {
        e = accept_tools(c, dir, name, probed);
        written = !err_failed(e);
    }
    if (c->json) {
        json_member_bool(&b, "pinned", written || !differs);
        json_close(&b, '}');
        buf_putc(&b, '\n');
        TRY(output_send(c, &b));
        return e;
    }
    TRY(e);
    buf_puts(&b, !written  ? "the pin is as the destination is\n"
                 : n.added ? "pinned; state the effect of each new tool in destinations/"
                           : "pinned\n");
    if (written && n.added)
        buf_printf(&b, "%s.yaml, until then it counts as write and each call asks\n", name);
    return output_send(c, &b);
}
