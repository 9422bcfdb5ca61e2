/*
 * Pins: the tool set of a destination as a person accepted it, kept in git. What a server lists later is compared with this.
 */
#include "estate/pins.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>

#define PIN_VERSION 1
#define TOOL_NAME_MAX 128u
#define TOOLS_MAX 2000u

static const struct json_limits pin_limits = {.bytes = ESTATE_MAX_FILE, .depth = 64, .nodes = 200000};

static int
by_key(const void *left, const void *right)
{
    return bytes_cmp((*(const struct json *const *)left)->key, (*(const struct json *const *)right)->key);
}

static int
by_tool_name(const void *left, const void *right)
{
    return bytes_cmp(json_text(*(const struct json *const *)left, "name"), json_text(*(const struct json *const *)right, "name"));
}

/* The children of ${v} in the order of ${cmp}, to be freed; NULL without memory, which fails ${b}. */
static const struct json **
sorted(struct buf *b, const struct json *v, int (*cmp)(const void *, const void *))
{
    const struct json **list = malloc((v->count + 1) * sizeof *list);
    size_t n = 0;
    if (list == NULL) {
        b->failed = true;
        return NULL;
    }
    for (const struct json *m = v->child; m; m = m->next)
        list[n++] = m;
    qsort(list, n, sizeof *list, cmp);
    return list;
}

static void
new_line(struct buf *b, int indent)
{
    if (indent >= 0)
        buf_putc(b, '\n');
    for (int i = 0; i < indent; i++)
        buf_puts(b, "  ");
}

static void
put_scalar(struct buf *b, const struct json *v)
{
    if (v->type == JSON_STRING)
        json_put_text(b, v->text);
    else if (v->type == JSON_INT)
        json_put_int(b, v->number);
    else
        json_put(b, v);
}

/*
 * Canonical form: keys sorted by their bytes, no space, the fewest escapes, integers plain, other numbers as written. With ${indent} >= 0
 * the same on many lines, for people who read the difference in git. Depth is bounded by the JSON reader, so recursion is.
 */
static void
put_canonical(struct buf *b, const struct json *v, int indent)
{
    bool object = v->type == JSON_OBJECT;
    if (!object && v->type != JSON_ARRAY) {
        put_scalar(b, v);
        return;
    }
    const struct json **list = object ? sorted(b, v, by_key) : NULL, *m = v->child;
    int deeper = indent < 0 ? -1 : indent + 1;
    json_open(b, object ? '{' : '[');
    for (size_t i = 0; i < v->count && !b->failed; i++) {
        const struct json *child = object ? list[i] : m;
        if (i)
            buf_putc(b, ',');
        new_line(b, deeper);
        if (object) {
            json_put_text(b, child->key);
            buf_puts(b, indent < 0 ? ":" : ": ");
        }
        put_canonical(b, child, deeper);
        m = m ? m->next : NULL;
    }
    if (v->count)
        new_line(b, indent);
    json_close(b, object ? '}' : ']');
    free(list);
}

static struct err
sum_of(struct buf *b, uint8_t out[32])
{
    struct err e = b->failed ? err_make(E_MEMORY, "no memory for the digest of a tool") : err_ok();
    if (!err_failed(e))
        SHA256(b->at, b->n, out);
    buf_free(b);
    return e;
}

struct err
tool_digest(const struct json *tool, uint8_t out[32])
{
    static const char *const members[] = {"annotations", "description", "inputSchema", "name", "outputSchema", "title"}; /* sorted */
    struct buf b = buf_make(ESTATE_MAX_FILE * 4);
    if (!json_is(tool, JSON_OBJECT))
        return err_make(E_PIN, "a tool must be an object");
    json_open(&b, '{');
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const struct json *m = json_get(tool, members[i]);
        if (m == NULL)
            continue;
        json_key(&b, members[i]);
        put_canonical(&b, m, -1);
    }
    json_close(&b, '}');
    return sum_of(&b, out);
}

/* The integrity digest of a pin file: over the server's name and all tools, whole, sorted by name. */
static struct err
pin_digest(struct bytes server, const struct json *tools, char hex[72])
{
    uint8_t sum[32];
    struct buf b = buf_make(ESTATE_MAX_FILE * 4), text = buf_make(64);
    const struct json **list = sorted(&b, tools, by_tool_name);
    json_put_text(&b, server);
    for (size_t i = 0; list && i < tools->count; i++)
        buf_putc(&b, '\n'), put_canonical(&b, list[i], -1);
    free(list);
    TRY(sum_of(&b, sum));
    buf_hex(&text, bytes_make(sum, sizeof sum));
    snprintf(hex, 72, "sha256:%s", buf_text(&text));
    buf_free(&text);
    return err_ok();
}

/* A name that grants ("*", "@resources"), terminals or policies could take for something else is refused. */
static bool
tool_name_ok(struct bytes name)
{
    if (name.n == 0 || name.n > TOOL_NAME_MAX || name.at[0] == '@' || name.at[0] == '*')
        return false;
    for (size_t i = 0; i < name.n; i++)
        if (name.at[i] <= 0x20 || name.at[i] >= 0x7f || name.at[i] == '"' || name.at[i] == '\\')
            return false;
    return true;
}

static struct err
check_tools(const struct json *tools)
{
    if (!json_is(tools, JSON_ARRAY))
        return err_make(E_PIN, "tools must be a list of tools");
    if (tools->count > TOOLS_MAX)
        return err_make(E_LIMIT, "%zu tools; at most %u can be pinned", tools->count, TOOLS_MAX);
    for (const struct json *t = tools->child; t; t = t->next) {
        struct bytes name = json_text(t, "name");
        const struct json *schema = json_get(t, "inputSchema");
        if (!tool_name_ok(name))
            return err_make(E_PIN, "'%.*s' is no acceptable tool name: 1 to %u printable ASCII characters", BYTES_CUT(name, 60), TOOL_NAME_MAX);
        if (schema && schema->type != JSON_OBJECT)
            return err_make(E_PIN, "the inputSchema of '%.*s' is no object", BYTES_CUT(name, 60));
        for (const struct json *o = t->next; o; o = o->next)
            if (bytes_eq(json_text(o, "name"), name))
                return err_make(E_PIN, "the tool '%.*s' stands twice", BYTES_CUT(name, 60));
    }
    return err_ok();
}

struct err
pin_write(const char *dir, const char *destination, struct bytes server, const struct json *tools)
{
    char path[4096], hex[72];
    struct buf b = buf_make(ESTATE_MAX_FILE);
    if (!name_ok(bytes_str(destination)))
        return err_make(E_USAGE, "'%.80s' is no name of a destination", destination);
    TRY(check_tools(tools));
    TRY(pin_digest(server, tools, hex));
    buf_printf(&b, "{\n  \"writ_pin\": %d,\n  \"digest\": \"%s\",\n  \"server\": ", PIN_VERSION, hex);
    json_put_text(&b, server);
    buf_puts(&b, ",\n  \"tools\": [");
    const struct json **list = sorted(&b, tools, by_tool_name);
    for (size_t i = 0; list && i < tools->count; i++) {
        buf_puts(&b, i ? ",\n    " : "\n    ");
        put_canonical(&b, list[i], 2);
    }
    free(list);
    buf_puts(&b, "\n  ]\n}\n");
    struct err e = b.failed ? err_make(E_LIMIT, "the pin of %s would pass %zu bytes", destination, ESTATE_MAX_FILE) : err_ok();
    if (snprintf(path, sizeof path, "%s/pins/%s.json", dir, destination) >= (int)sizeof path)
        e = err_make(E_USAGE, "the path of the estate is too long");
    if (!err_failed(e))
        e = file_replace(path, buf_bytes(&b), true);
    buf_free(&b);
    return e;
}

static struct err
read_pin(struct loader *l, const struct file *f, struct json **out)
{
    char hex[72];
    TRY(json_parse(&l->estate->arena, f->text, &pin_limits, out));
    const struct json *version = json_get(*out, "writ_pin"), *tools = json_get(*out, "tools");
    if (!json_is(version, JSON_INT) || version->number != PIN_VERSION)
        return err_make(E_PIN, "writ_pin: expected %d; this is no pin of this version", PIN_VERSION);
    TRY(check_tools(tools));
    TRY(pin_digest(json_text(*out, "server"), tools, hex));
    if (!bytes_is(json_text(*out, "digest"), hex))
        return err_make(E_PIN, "digest: the file was changed by hand; pin the destination '%s' again", f->name);
    return err_ok();
}

static void
set_tool(struct loader *l, struct destination *d, struct tool *t, const struct json *pin, const char *file)
{
    const struct json *schema = json_get(pin, "inputSchema");
    *t = (struct tool){.name = keep(l, json_text(pin, "name")), .destination = d, .effect = EFFECT_WRITE, .pin = pin, .schema = schema};
    t->place = (struct place){file, 1};
    if (err_failed(tool_digest(pin, t->digest)))
        l->memory = true;
}

static int
by_name(const void *left, const void *right)
{
    return strcmp(((const struct tool *)left)->name, ((const struct tool *)right)->name);
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
    const struct json *tools = json_get(pin, "tools");
    d->tools = estate_list(l, tools->count, sizeof *d->tools);
    for (const struct json *t = tools->child; t && d->tools; t = t->next)
        set_tool(l, d, &d->tools[d->n_tools++], t, f->path);
    if (d->n_tools)
        qsort(d->tools, d->n_tools, sizeof *d->tools, by_name);
    d->pin_server = keep(l, json_text(pin, "server"));
    d->pinned = true;
}
