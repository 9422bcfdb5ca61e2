/* destination pin: look at what a destination offers now, show the difference, and accept it. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/pin.h"
#include "decide/decide.h"

#define PIN_MAX ((size_t)4 << 20)
#define PROBE_MS 60000u
#define RELOAD_MS 30000u

struct pinning {
    struct cli *c;
    const char *dir, *name, *path;
    struct bytes text;       /* of the present pin file; at == NULL: there is none */
    bool damaged;            /* nobody accepted what stands in it */
    struct estate *estate;   /* NULL: it does not load */
    struct choice choice;
    const struct json *held; /* what the server holds back, or NULL */
    size_t left, taken, dangers, hints, stated;
};

/* ----------------------------------------------------------------------------------------------------------- looking */

static struct err
probe(struct pinning *p)
{
    struct buf body = buf_make(1024);
    struct json *answer;
    json_open(&body, '{');
    json_member_str(&body, "destination", p->name);
    json_close(&body, '}');
    struct api_request q = {.face = FACE_ADMIN, .method = "POST", .target = "/v1/probe", .body = buf_bytes(&body), .timeout_ms = PROBE_MS};
    struct err e = api_call(p->c, &q, &answer);
    buf_free(&body);
    if (!err_failed(e) && !json_is(json_get(answer, "tools"), JSON_ARRAY))
        e = err_make(E_PROTOCOL, "the server's answer has no tools");
    p->choice.offer = err_failed(e) ? NULL : answer;
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
static void
load_estate(struct pinning *p)
{
    char file[160];
    struct findings f = {0};
    snprintf(file, sizeof file, "pins/%s.json", p->name);
    struct err e = estate_load(p->c->env, p->dir, decide_builtin(), &f, &p->estate);
    for (size_t i = 0; err_failed(e) && i < f.n; i++)
        p->damaged |= f.list[i].level == FINDING_ERROR && strcmp(f.list[i].file, file) == 0;
    findings_free(&f);
}

/* The present pin, read alone: the estate may not load because of it. */
static struct err
present_pin(struct pinning *p)
{
    struct json *pin;
    if ((p->path = arena_printf(&p->c->arena, "%s/pins/%s.json", p->dir, p->name)) == NULL)
        return err_make(E_MEMORY, "out of memory");
    load_estate(p);
    if (access(p->path, F_OK) != 0 && errno == ENOENT)
        return err_ok();
    TRY(where_file(p->c, p->path, PIN_MAX, &p->text));
    p->damaged |= err_failed(json_parse(&p->c->arena, p->text, NULL, &pin)) || !json_is(json_get(pin, "tools"), JSON_ARRAY);
    if (!p->damaged)
        p->choice.old = pin;
    return err_ok();
}

static struct err
ask_held(struct pinning *p)
{
    struct json *answer;
    const char *target = arena_printf(&p->c->arena, "/v1/destinations/%s", p->name);
    if (target == NULL)
        return err_make(E_MEMORY, "out of memory");
    TRY(api_get(p->c, FACE_ADMIN, target, &answer));
    p->held = json_get(answer, "held");
    return err_ok();
}

/* ---------------------------------------------------------------------------------------------------------- choosing */

static bool
known_name(const struct pinning *p, const char *name)
{
    for (size_t i = 0; i < p->choice.changes.n; i++) {
        const struct item_change *k = &p->choice.changes.list[i];
        if (bytes_is(k->name, name) || (k->kind < ITEM_TOOL && strcmp(item_kind_names[k->kind], name) == 0))
            return true;
    }
    for (const struct json *h = p->held ? p->held->child : NULL; h; h = h->next)
        if (bytes_is(json_text(h, "name"), name) || bytes_is(json_text(h, "kind"), name))
            return true;
    for (int k = ITEM_TOOL; k < ITEM_KINDS; k++) {
        const struct json *list = offer_list(p->choice.old, (enum item_kind)k);
        for (const struct json *t = list ? list->child : NULL; t; t = t->next)
            if (bytes_is(item_name((enum item_kind)k, t), name))
                return true;
    }
    return false;
}

static struct err
choose(struct pinning *p)
{
    struct cli *c = p->c;
    struct choice *k = &p->choice;
    k->accept_findings = given(c, "accept-findings");
    k->confirm_effects = given(c, "confirm-effects");
    k->names = c->words + 1;
    TRY(pin_compare(&c->arena, k->old, k->offer, &k->changes));
    k->taken = arena_list(&c->arena, k->changes.n + 1, sizeof *k->taken);
    k->danger = arena_list(&c->arena, k->changes.n + 1, sizeof *k->danger);
    if (k->taken == NULL || k->danger == NULL)
        return err_make(E_MEMORY, "out of memory");
    for (const char *const *n = k->names; *n; n++)
        if (!known_name(p, *n))
            return err_make(E_NOT_FOUND, "%s offers nothing called '%.80s', and nothing of that name is pinned", p->name, *n);
    return err_ok();
}

/* What cannot be pinned at all: a name that stands twice or that no policy could name, and findings that were not accepted. */
static void
decide_on(struct pinning *p, size_t i, const struct suspects *found)
{
    const struct item_change *k = &p->choice.changes.list[i];
    bool named = k->what == CHANGE_REMOVED || item_name_ok(k->kind, k->name) || k->kind < ITEM_TOOL;
    bool can = k->what != CHANGE_TWICE && named && k->now != k->was;
    p->choice.danger[i] = found->dangers > 0;
    p->dangers += found->dangers;
    p->hints += found->hints;
    p->choice.taken[i] = can && choice_names(&p->choice, k->kind, k->name) && (found->dangers == 0 || p->choice.accept_findings);
    p->taken += p->choice.taken[i];
    p->left += !p->choice.taken[i];
    p->stated += p->choice.taken[i] && k->kind == ITEM_TOOL && (k->what == CHANGE_CHANGED || k->what == CHANGE_RENAMED);
}

/* ------------------------------------------------------------------------------------------------------------ showing */

static struct err
show_changes(struct pinning *p, struct buf *b)
{
    bool colour = output_colour(STDOUT_FILENO);
    size_t width = output_width(STDOUT_FILENO);
    struct suspects *found = calloc(1, sizeof *found);
    struct err e = found ? err_ok() : err_make(E_MEMORY, "out of memory");
    if (p->c->json) {
        json_key(b, "changes");
        json_open(b, '[');
    } else if (p->damaged) {
        output_tone(b, colour, TONE_BAD, "The present pin is damaged or was changed by hand; everything is shown as new.\n");
    }
    for (size_t i = 0; i < p->choice.changes.n && !err_failed(e); i++) {
        struct buf one = buf_make(OUTPUT_MAX);
        struct json *change;
        change_put(&one, &p->choice.changes.list[i], p->estate, p->name, found);
        decide_on(p, i, found);
        e = one.failed ? err_make(E_LIMIT, "the difference is too large")
                       : json_parse(&p->c->arena, buf_bytes(&one), &(struct json_limits){OUTPUT_MAX, 80, 800000}, &change);
        if (!err_failed(e) && p->c->json) {
            json_item(b);
            buf_put(b, buf_bytes(&one));
        } else if (!err_failed(e)) {
            pin_show(b, change, width, colour);
        }
        buf_free(&one);
    }
    if (p->c->json)
        json_close(b, ']');
    free(found);
    return e;
}

static void
put_summary(struct pinning *p, struct buf *b)
{
    bool colour = output_colour(STDOUT_FILENO);
    const struct json *info = json_get(json_get(p->choice.offer, "server"), "info");
    size_t n[5] = {0};
    for (size_t i = 0; i < p->choice.changes.n; i++)
        if (p->choice.changes.list[i].kind >= ITEM_TOOL)
            n[p->choice.changes.list[i].what]++;
    output_clean(b, json_text(info, "name"), false);
    buf_putc(b, ' ');
    output_clean(b, json_text(info, "version"), false);
    buf_printf(b, ": %zu tools; %zu added, %zu removed, %zu changed, %zu renamed\n", json_get(p->choice.offer, "tools")->count, n[CHANGE_ADDED],
               n[CHANGE_REMOVED], n[CHANGE_CHANGED] + n[CHANGE_TWICE], n[CHANGE_RENAMED]);
    if (p->dangers && !p->choice.accept_findings)
        output_tone(b, colour, TONE_BAD,
                    "WARNING: lines with !! hide something or deceive the eye. What has them is left out, unless you give --accept-findings.\n");
    else if (p->dangers)
        output_tone(b, colour, TONE_BAD, "WARNING: lines with !! hide something or deceive the eye, and you let that pass.\n");
    if (p->hints)
        output_tone(b, colour, TONE_WARN, "Lines with ? are guesses by words that attacks have used: read those texts as a model would.\n");
}

/* ---------------------------------------------------------------------------------------------------------- accepting */

static bool
yes(const char *question)
{
    char line[16] = "";
    fputs(question, stderr);
    return fgets(line, sizeof line, stdin) && (line[0] == 'y' || line[0] == 'Y');
}

static bool
only_version(const struct pinning *p)
{
    for (size_t i = 0; i < p->choice.changes.n; i++)
        if (p->choice.changes.list[i].kind != ITEM_VERSION)
            return false;
    return p->choice.old != NULL;
}

static struct err
ask_yes(struct pinning *p)
{
    char question[200];
    if (given(p->c, "yes"))
        return err_ok();
    if (p->c->json || !isatty(STDIN_FILENO))
        return err_make(E_STATE, "nothing was pinned: accept the difference with --yes");
    snprintf(question, sizeof question, "Pin this for %s? [y/N] ", p->name);
    if (!yes(question))
        return err_make(E_STATE, "nothing was pinned");
    if (p->stated && !p->choice.confirm_effects)
        p->choice.confirm_effects = yes("Does the stated effect of each changed tool still hold? Otherwise its calls ask. [y/N] ");
    return err_ok();
}

/* What is held back and looks as pinned again has no difference to take: it is only let go. */
static bool
to_release(const struct pinning *p, const struct json *h)
{
    for (size_t i = 0; i < p->choice.changes.n; i++) {
        const struct item_change *k = &p->choice.changes.list[i];
        if (bytes_eq(json_text(h, "name"), k->name) && bytes_is(json_text(h, "kind"), item_kind_names[k->kind]))
            return false;
    }
    for (int k = 0; item_kind_names[k]; k++)
        if (bytes_is(json_text(h, "kind"), item_kind_names[k]))
            return choice_names(&p->choice, (enum item_kind)k, json_text(h, "name"));
    return false;
}

static void
put_taken(struct buf *b, const struct pinning *p)
{
    json_open(b, '[');
    for (size_t i = 0; i < p->choice.changes.n; i++) {
        const struct item_change *k = &p->choice.changes.list[i];
        if (!p->choice.taken[i])
            continue;
        json_item(b);
        json_open(b, '{');
        json_member_str(b, "kind", item_kind_names[k->kind]);
        json_member_text(b, "name", k->name);
        json_member_str(b, "change", change_names[k->what]);
        json_member_bool(b, "findings", p->choice.danger[i]);
        json_close(b, '}');
    }
    for (const struct json *h = p->held ? p->held->child : NULL; h; h = h->next) {
        if (!to_release(p, h))
            continue;
        json_item(b);
        json_open(b, '{');
        json_member_text(b, "kind", json_text(h, "kind"));
        json_member_text(b, "name", json_text(h, "name"));
        json_member_str(b, "change", "released");
        json_close(b, '}');
    }
    json_close(b, ']');
}

static struct err
tell_server(struct pinning *p)
{
    struct buf body = buf_make((size_t)4 << 20);
    struct json *answer;
    json_open(&body, '{');
    json_member_str(&body, "destination", p->name);
    json_key(&body, "items");
    put_taken(&body, p);
    json_member_bool(&body, "all", p->left == 0 && p->choice.names[0] == NULL);
    json_member_bool(&body, "effects_confirmed", p->choice.confirm_effects);
    json_close(&body, '}');
    struct api_request q = {.face = FACE_ADMIN, .method = "POST", .target = "/v1/accept", .body = buf_bytes(&body), .timeout_ms = RELOAD_MS};
    struct err e = body.failed ? err_make(E_LIMIT, "too many changes at once") : api_call(p->c, &q, &answer);
    buf_free(&body);
    return e;
}

/* An estate that does not load with the new pin (a task may name a tool that has gone) keeps the old one: the file goes back. */
static struct err
check_new(struct pinning *p)
{
    struct findings f = {0};
    struct estate *estate = NULL;
    struct err e = estate_load(p->c->env, p->dir, decide_builtin(), &f, &estate);
    bool was_good = p->estate != NULL || p->damaged;
    if (err_failed(e) && was_good && f.n) {
        size_t i = 0;
        while (i + 1 < f.n && f.list[i].level != FINDING_ERROR)
            i++;
        e = err_make(E_ESTATE, "the estate would not load with this pin, so it was not taken; first edit %s:%d: %.300s", f.list[i].file,
                     f.list[i].line, f.list[i].text);
    } else {
        e = err_ok();
    }
    findings_free(&f);
    if (estate)
        estate_unref(estate);
    return e;
}

static struct err
accept_changes(struct pinning *p)
{
    const struct json *draft;
    TRY(pin_draft(&p->c->arena, &p->choice, &draft));
    TRY(pin_write(p->dir, p->name, draft));
    struct err e = check_new(p);
    if (err_failed(e)) {
        struct err back = pin_restore(p->dir, p->name, p->text);
        return err_failed(back) ? back : e;
    }
    e = tell_server(p);
    return err_failed(e) ? err_wrap(e, "pins/%s.json is written, but the server goes on with its last good estate", p->name) : e;
}

static bool
differs(const struct pinning *p)
{
    bool let_go = false;
    for (const struct json *h = p->held ? p->held->child : NULL; h; h = h->next)
        let_go = let_go || to_release(p, h);
    return p->choice.old == NULL || p->taken || let_go || p->choice.accept_findings || p->choice.confirm_effects;
}

static void
put_end(struct pinning *p, struct buf *b, bool written)
{
    if (!written && p->left == 0)
        buf_puts(b, "the pin is as the destination is\n");
    else if (written)
        buf_puts(b, "pinned\n");
    if (p->left)
        buf_printf(b, "%zu of these stay as they are: held back, and neither listed nor called\n", p->left);
    if (written && p->choice.old && p->stated && !p->choice.confirm_effects)
        buf_printf(b, "the effects of the changed tools count as unconfirmed, so their calls ask; --confirm-effects says that they still hold\n");
    for (size_t i = 0; written && i < p->choice.changes.n; i++)
        if (p->choice.taken[i] && p->choice.changes.list[i].kind == ITEM_TOOL && p->choice.changes.list[i].what == CHANGE_ADDED) {
            buf_printf(b, "state the effect of each new tool in destinations/%s.yaml; until then it counts as write and each call asks\n", p->name);
            break;
        }
}

static struct err
run(struct pinning *p, struct buf *b)
{
    struct cli *c = p->c;
    bool written = false;
    TRY(probe(p));
    TRY(present_pin(p));
    TRY(ask_held(p));
    TRY(choose(p));
    if (c->json)
        json_open(b, '{');
    TRY(show_changes(p, b));
    if (!c->json) {
        put_summary(p, b);
        TRY(output_send(c, b));
    }
    struct err e = err_ok();
    if (differs(p)) {
        e = only_version(p) && p->taken ? err_ok() : ask_yes(p);
        if (!err_failed(e))
            e = accept_changes(p);
        written = !err_failed(e);
    }
    if (c->json) {
        json_member_bool(b, "pinned", written || !differs(p));
        json_key(b, "accepted");
        if (written)
            put_taken(b, p);
        else
            buf_puts(b, "[]");
        json_member_int(b, "waiting", (int64_t)p->left);
        json_close(b, '}');
        buf_putc(b, '\n');
        TRY(output_send(c, b));
        return e;
    }
    TRY(e);
    put_end(p, b, written);
    return output_send(c, b);
}

struct err
cmd_pin(struct cli *c)
{
    struct pinning p = {.c = c, .name = c->words[0]};
    struct buf b = buf_make(OUTPUT_MAX);
    TRY(api_id("destination", p.name));
    TRY(where_estate(c, NULL, &p.dir));
    TRY(same_estate(c, p.dir));
    struct err e = run(&p, &b);
    if (!err_failed(e) && p.left)
        c->status = 1;
    if (p.estate)
        estate_unref(p.estate);
    buf_free(&b);
    return e;
}
