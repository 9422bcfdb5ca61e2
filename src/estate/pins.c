/*
 * Pins: what a destination offers as a person accepted it, kept in git. What its server lists later is compared with this.
 */
#include "estate/pins.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "estate/pin.h"
#include "estate/schema.h"
#include "estate/subjects.h"

#define PIN_VERSION 2

static const struct json_limits pin_limits = {.bytes = ESTATE_MAX_FILE, .depth = 64, .nodes = 200000};

/* ----------------------------------------------------------------------------------------------------------- checking */

static int
by_text(const void *left, const void *right)
{
    return bytes_cmp(*(const struct bytes *)left, *(const struct bytes *)right);
}

static struct err
check_twice(const struct json *list, enum item_kind kind)
{
    struct bytes *names = calloc(list->count + 1, sizeof *names), twice = {NULL, 0};
    size_t n = 0;
    if (names == NULL)
        return err_make(E_MEMORY, "no memory for a pin");
    for (const struct json *t = list->child; t; t = t->next)
        names[n++] = item_name(kind, t);
    qsort(names, n, sizeof *names, by_text);
    for (size_t i = 1; i < n && twice.at == NULL; i++)
        if (bytes_eq(names[i - 1], names[i]))
            twice = names[i];
    free(names);
    return twice.at ? err_make(E_PIN, "the %s '%.*s' stands twice", item_kind_names[kind], BYTES_CUT(twice, 60)) : err_ok();
}

static struct err
check_list(const struct json *pin, enum item_kind kind)
{
    const struct json *list = json_get(pin, offer_list_name(kind));
    if (list == NULL && kind != ITEM_TOOL)
        return err_ok();
    if (!json_is(list, JSON_ARRAY))
        return err_make(E_PIN, "%s must be a list of %ss", offer_list_name(kind), item_kind_names[kind]);
    if (list->count > OFFER_ITEMS_MAX)
        return err_make(E_LIMIT, "%zu %ss; at most %u can be pinned", list->count, item_kind_names[kind], OFFER_ITEMS_MAX);
    for (const struct json *t = list->child; t; t = t->next) {
        struct bytes name = item_name(kind, t);
        const struct json *schema = json_get(t, "inputSchema");
        if (!item_name_ok(kind, name) && kind == ITEM_TOOL)
            return err_make(E_PIN, "'%.*s' is no acceptable tool name: 1 to %u printable ASCII characters", BYTES_CUT(name, 60), TOOL_NAME_MAX);
        if (!item_name_ok(kind, name))
            return err_make(E_PIN, "a %s needs a name of 1 to %u bytes", item_kind_names[kind], NAME_MAX_OTHER);
        if (schema && schema->type != JSON_OBJECT)
            return err_make(E_PIN, "the inputSchema of '%.*s' is no object", BYTES_CUT(name, 60));
    }
    return check_twice(list, kind);
}

static struct err
check_pin(const struct json *pin)
{
    for (int kind = ITEM_TOOL; kind < ITEM_KINDS; kind++)
        TRY(check_list(pin, (enum item_kind)kind));
    return err_ok();
}

/* ------------------------------------------------------------------------------------------------------------ writing */

static int
by_item_name(const void *left, const void *right)
{
    const struct json *a = *(const struct json *const *)left, *b = *(const struct json *const *)right;
    enum item_kind kind = json_get(a, "uriTemplate") ? ITEM_TEMPLATE : ITEM_TOOL;
    return bytes_cmp(item_name(kind, a), item_name(kind, b));
}

/* In order of their names, so that git shows what changed and not what moved. */
static void
put_list(struct buf *b, const struct json *list)
{
    const struct json **sorted = malloc((list->count + 1) * sizeof *sorted);
    size_t n = 0;
    if (sorted == NULL) {
        b->failed = true;
        return;
    }
    for (const struct json *m = list->child; m; m = m->next)
        sorted[n++] = m;
    if (list->child && list->child->type == JSON_OBJECT)
        qsort(sorted, n, sizeof *sorted, by_item_name);
    buf_putc(b, '[');
    for (size_t i = 0; i < n; i++) {
        buf_puts(b, i ? ",\n    " : "\n    ");
        canonical_put(b, sorted[i], 2);
    }
    buf_puts(b, n ? "\n  ]" : "]");
    free(sorted);
}

static void
put_draft(struct buf *b, const char *digest, const struct json *draft)
{
    static const char *const lists[] = {"tools", "prompts", "resource_templates", "accepted_findings", "unconfirmed"};
    buf_printf(b, "{\n  \"writ_pin\": %d,\n  \"digest\": \"%s\",\n  \"server\": ", PIN_VERSION, digest);
    canonical_put(b, json_get(draft, "server"), 1);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        const struct json *list = json_get(draft, lists[i]);
        if (!json_is(list, JSON_ARRAY) || (list->count == 0 && i))
            continue;
        buf_printf(b, ",\n  \"%s\": ", lists[i]);
        put_list(b, list);
    }
    buf_puts(b, "\n}\n");
}

static struct err
digest_text(const struct json *pin, char hex[72])
{
    uint8_t sum[32];
    struct buf text = buf_make(80);
    TRY(canonical_digest(pin, "digest", sum));
    buf_hex(&text, bytes_make(sum, sizeof sum));
    snprintf(hex, 72, "sha256:%s", buf_text(&text));
    buf_free(&text);
    return err_ok();
}

/* The digest covers the file as it is read again, so it is taken from that. */
static struct err
with_digest(struct buf *b, const struct json *draft)
{
    struct arena a = {.max = (size_t)256 << 20};
    struct buf first = buf_make(ESTATE_MAX_FILE);
    struct json *pin;
    char hex[72];
    put_draft(&first, "", draft);
    struct err e =
        first.failed ? err_make(E_LIMIT, "the pin would pass %zu bytes", ESTATE_MAX_FILE) : json_parse(&a, buf_bytes(&first), &pin_limits, &pin);
    if (!err_failed(e))
        e = digest_text(pin, hex);
    if (!err_failed(e))
        put_draft(b, hex, draft);
    arena_free(&a);
    buf_free(&first);
    return !err_failed(e) && b->failed ? err_make(E_LIMIT, "the pin would pass %zu bytes", ESTATE_MAX_FILE) : e;
}

static struct err
path_of_pin(const char *dir, const char *destination, char path[4096])
{
    return snprintf(path, 4096, "%s/pins/%s.json", dir, destination) < 4096 ? err_ok() : err_make(E_USAGE, "the path of the estate is too long");
}

struct err
pin_write(const char *dir, const char *destination, const struct json *draft)
{
    char path[4096];
    struct buf b = buf_make(ESTATE_MAX_FILE);
    if (!name_ok(bytes_str(destination)))
        return err_make(E_USAGE, "'%.80s' is no name of a destination", destination);
    if (!json_is(json_get(draft, "server"), JSON_OBJECT))
        return err_make(E_PIN, "a pin must say which server it is of");
    TRY(check_pin(draft));
    struct err e = with_digest(&b, draft);
    if (!err_failed(e))
        e = path_of_pin(dir, destination, path);
    if (!err_failed(e))
        e = file_replace(path, buf_bytes(&b), true);
    buf_free(&b);
    return e;
}

struct err
pin_restore(const char *dir, const char *destination, struct bytes text)
{
    char path[4096];
    TRY(path_of_pin(dir, destination, path));
    if (text.at)
        return file_replace(path, text, true);
    return unlink(path) == 0 ? err_ok() : err_system("removing %s", path);
}

/* ------------------------------------------------------------------------------------------------------------ loading */

static struct err
read_pin(struct loader *l, const struct file *f, struct json **out)
{
    char hex[72];
    TRY(json_parse(&l->estate->arena, f->text, &pin_limits, out));
    const struct json *version = json_get(*out, "writ_pin");
    if (!json_is(version, JSON_INT) || version->number != PIN_VERSION)
        return err_make(E_PIN, "writ_pin: expected %d; this is no pin of this version: remove the file and pin the destination '%s' again",
                        PIN_VERSION, f->name);
    if (!json_is(json_get(*out, "server"), JSON_OBJECT))
        return err_make(E_PIN, "server: expected an object");
    TRY(check_pin(*out));
    TRY(digest_text(*out, hex));
    if (!bytes_is(json_text(*out, "digest"), hex))
        return err_make(E_PIN, "digest: the file was changed by hand; pin the destination '%s' again", f->name);
    return err_ok();
}

static bool
listed(const struct json *list, const char *kind, struct bytes name)
{
    char text[NAME_MAX_OTHER + 32];
    snprintf(text, sizeof text, "%s%s%.*s", kind, kind[0] && name.n ? " " : "", BYTES_CUT(name, NAME_MAX_OTHER));
    for (const struct json *v = list ? list->child : NULL; v; v = v->next)
        if (v->type == JSON_STRING && bytes_is(v->text, text))
            return true;
    return false;
}

/* What deceives the eye or the terminal is usable only when a person said so by name; a pin that was put there otherwise does not do. */
static bool
unaccepted(struct loader *l, const struct json *pin, enum item_kind kind, struct bytes name, const struct json *item, const char *file)
{
    struct suspects *s = calloc(1, sizeof *s);
    if (s == NULL) {
        l->memory = true;
        return true;
    }
    suspect_item(item, false, s);
    bool held = s->dangers && !listed(json_get(pin, "accepted_findings"), item_kind_names[kind], name);
    if (held) {
        struct buf shown = buf_make(4096);
        suspect_escape(&shown, bytes_sub(name, 0, 100));
        finding_add(l, FINDING_WARNING, file, 1, 0,
                    "the %s '%s' is held back: %s at %s; look at it with writ destination pin, --accept-findings lets it pass", item_kind_names[kind],
                    buf_text(&shown), s->list[0].what, s->list[0].at);
        buf_free(&shown);
    }
    free(s);
    return held;
}

/* As MCP says, and never in silence. */
static void
check_marks(struct loader *l, struct tool *t, const char *file)
{
    char why[160];
    if (schema_marks_ok(t->schema, why, sizeof why))
        return;
    t->unmarkable = keep(l, bytes_str(why));
    finding_add(l, FINDING_WARNING, file, 1, 0, "the tool '%s' is not there for MCP 2026-07-28, neither listed nor called: %s", t->name, why);
}

static void
set_tool(struct loader *l, struct destination *d, struct tool *t, const struct json *item, const char *file)
{
    const struct json *schema = json_get(item, "inputSchema");
    struct bytes name = json_text(item, "name");
    *t = (struct tool){.name = keep(l, name), .destination = d, .effect = EFFECT_WRITE, .pin = item, .schema = schema, .sensitivity = -1};
    t->place = (struct place){file, 1};
    t->held = unaccepted(l, d->pin, ITEM_TOOL, name, item, file);
    t->changed = listed(json_get(d->pin, "unconfirmed"), "", name);
    check_marks(l, t, file);
    if (err_failed(item_digest(item, t->digest)))
        l->memory = true;
}

static int
by_name(const void *left, const void *right)
{
    return strcmp(((const struct tool *)left)->name, ((const struct tool *)right)->name);
}

static void
set_extras(struct loader *l, struct destination *d, enum item_kind kind, const char *file)
{
    const struct json *list = offer_list(d->pin, kind);
    for (const struct json *t = list ? list->child : NULL; t && d->extras; t = t->next) {
        struct bytes name = item_name(kind, t);
        struct pinned_extra *x = &d->extras[d->n_extras++];
        *x = (struct pinned_extra){.prompt = kind == ITEM_PROMPT, .name = name, .held = unaccepted(l, d->pin, kind, name, t, file)};
        subject_set(l, x, t);
        if (err_failed(item_digest(t, x->digest)))
            l->memory = true;
    }
}

static void
set_server(struct loader *l, struct destination *d, const char *file)
{
    const struct json *server = json_get(d->pin, "server"), *info = json_get(server, "info");
    struct bytes name = json_text(info, "name"), version = json_text(info, "version");
    struct buf b = buf_make(1024);
    suspect_escape(&b, bytes_sub(name, 0, 100));
    buf_putc(&b, ' ');
    suspect_escape(&b, bytes_sub(version, 0, 60));
    d->pin_server = keep(l, buf_bytes(&b));
    d->held = unaccepted(l, d->pin, ITEM_SERVER, (struct bytes){NULL, 0}, server, file);
    buf_free(&b);
}

void
pin_load(struct loader *l, const struct file *f, struct destination *d)
{
    struct json *pin = NULL;
    struct err e = read_pin(l, f, &pin);
    if (e.code == E_MEMORY)
        l->memory = true;
    if (err_failed(e)) {
        finding_add(l, FINDING_ERROR, f->path, 1, 0, "%s", e.text);
        return;
    }
    const struct json *tools = json_get(pin, "tools"), *prompts = offer_list(pin, ITEM_PROMPT), *templates = offer_list(pin, ITEM_TEMPLATE);
    d->pin = pin;
    d->tools = estate_list(l, tools->count, sizeof *d->tools);
    for (const struct json *t = tools->child; t && d->tools; t = t->next)
        set_tool(l, d, &d->tools[d->n_tools++], t, f->path);
    if (d->n_tools)
        qsort(d->tools, d->n_tools, sizeof *d->tools, by_name);
    d->extras = estate_list(l, (prompts ? prompts->count : 0) + (templates ? templates->count : 0), sizeof *d->extras);
    set_extras(l, d, ITEM_PROMPT, f->path);
    set_extras(l, d, ITEM_TEMPLATE, f->path);
    set_server(l, d, f->path);
    d->pinned = true;
}

const struct pinned_extra *
destination_extra(const struct destination *d, bool prompt, struct bytes name)
{
    for (size_t i = 0; i < d->n_extras; i++)
        if (d->extras[i].prompt == prompt && bytes_eq(d->extras[i].name, name))
            return &d->extras[i];
    return NULL;
}
