/* Policies and entities, from an estate or from files. */
#include "cli/policy.h"

#include <unistd.h>

static struct cedar_str
to_cedar(struct bytes b)
{
    return (struct cedar_str){b.n ? (const char *)b.at : "", b.n};
}

static struct err
read_input(struct cli *c, struct bytes *text)
{
    struct buf b = buf_make(POLICY_FILE_MAX);
    ssize_t n = 1;
    while (n > 0) {
        uint8_t *to = buf_room(&b, 65536);
        n = to ? read(STDIN_FILENO, to, 65536) : -1;
        if (n > 0)
            b.n += (size_t)n;
    }
    struct err e =
        n < 0 ? err_make(b.failed ? E_LIMIT : E_IO, "standard input cannot be read, or is larger than %zu bytes", POLICY_FILE_MAX) : err_ok();
    if (!err_failed(e))
        *text = arena_copy(&c->arena, buf_bytes(&b));
    buf_free(&b);
    return err_failed(e) || text->at ? e : err_make(E_MEMORY, "out of memory");
}

struct err
policy_read(struct cli *c, const char *path, struct bytes *text)
{
    return strcmp(path, "-") == 0 ? read_input(c, text) : where_file(c, path, POLICY_FILE_MAX, text);
}

/* The line that the place is in, and a caret below it. Tabs stay, so that both stand above one another. */
static void
put_line(struct buf *b, struct bytes text, unsigned line, unsigned column)
{
    struct bytes rest = text, one = bytes_split(&rest, '\n');
    for (unsigned i = 1; i < line; i++)
        one = bytes_split(&rest, '\n');
    if (one.n > 200 || line == 0 || column == 0)
        return;
    buf_puts(b, "\n  ");
    output_clean(b, one, true);
    buf_puts(b, "\n  ");
    for (size_t i = 0, k = 1; i < one.n && k < column; i++)
        if ((one.at[i] & 0xc0) != 0x80) {
            buf_putc(b, one.at[i] == '\t' ? '\t' : ' ');
            k++;
        }
    buf_putc(b, '^');
}

struct err
policy_syntax(struct cli *c, const char *path, struct bytes text, const struct cedar_error *error)
{
    struct buf b = buf_make(4096);
    enum err_code code = error->code == CEDAR_MEMORY ? E_MEMORY : error->code == CEDAR_LIMIT ? E_LIMIT : E_POLICY;
    (void)c;
    buf_printf(&b, "%.120s", path);
    if (error->line)
        buf_printf(&b, ":%u:%u", error->line, error->column);
    buf_printf(&b, ": %.200s", error->text);
    if (error->help[0])
        buf_printf(&b, " (%.100s)", error->help);
    struct err e = err_make(code, "%s", buf_text(&b));
    if (!c->json && b.n < 200)
        put_line(&b, text, error->line, error->column);
    if (b.n < ERR_TEXT_MAX)
        e = err_make(code, "%s", buf_text(&b));
    buf_free(&b);
    return e;
}

static void
all_errors(const char *path, struct bytes text, struct findings *out)
{
    struct cedar_error list[CEDAR_MAX_ERRORS];
    char name[128];
    size_t n = cedar_policies_errors(to_cedar(text), list, CEDAR_MAX_ERRORS);
    snprintf(name, sizeof name, "%.127s", path);
    for (size_t i = 0; i < n; i++)
        findings_note(out, FINDING_ERROR, name, (int)list[i].line, (int)list[i].column, "%.300s", list[i].text);
}

static struct err
parse_file(struct cli *c, const char *path, struct findings *wrong, struct cedar_policies **out)
{
    struct cedar_error error = {0};
    struct bytes text;
    const char *slash = strrchr(path, '/');
    TRY(policy_read(c, path, &text));
    if (cedar_policies_parse(to_cedar(text), slash ? slash + 1 : path, true, out, &error))
        return err_ok();
    if (wrong)
        all_errors(path, text, wrong);
    return policy_syntax(c, path, text, &error);
}

struct err
policy_schema_option(struct cli *c, struct cedar_schema **out)
{
    const char *path = given(c, "schema");
    struct cedar_error error = {0};
    struct bytes text;
    *out = NULL;
    if (path == NULL)
        return err_ok();
    TRY(policy_read(c, path, &text));
    bool json = bytes_ends(bytes_str(path), BYTES(".json"));
    bool ok = json ? cedar_schema_parse_json(to_cedar(text), path, out, &error) : cedar_schema_parse(to_cedar(text), path, out, &error);
    return ok ? err_ok() : policy_syntax(c, path, text, &error);
}

struct err
policy_files(struct cli *c, const char *const *paths, size_t n, struct findings *wrong, struct cedar_policies **out)
{
    struct cedar_error error = {0};
    struct cedar_policies **sets = arena_list(&c->arena, n + 1, sizeof *sets);
    struct err e = sets ? err_ok() : err_make(E_MEMORY, "out of memory");
    size_t read = 0;
    for (size_t i = 0; sets && i < n && (wrong || !err_failed(e)); i++) {
        struct err one = parse_file(c, paths[i], wrong, &sets[read]);
        read += !err_failed(one);
        if (err_failed(one) && one.code != E_POLICY)
            wrong = NULL, e = one; /* nothing that the other files say matters more */
        else if (!err_failed(e))
            e = one;
    }
    if (!err_failed(e) && !cedar_policies_join(sets, read, out, &error))
        e = err_make(E_POLICY, "%.300s", error.text);
    while (read--)
        cedar_policies_unref(sets[read]);
    return e;
}

static struct err
make_scratch(struct policy_world *w)
{
    w->scratch = cedar_scratch_new(POLICY_SCRATCH);
    return w->scratch ? err_ok() : err_make(E_MEMORY, "out of memory");
}

struct err
world_of(struct cli *c, struct estate *estate, struct policy_world *w)
{
    *w = (struct policy_world){.c = c, .estate = estate_ref(estate)};
    TRY(snapshot_make(w->estate, &w->snapshot));
    w->policies = cedar_policies_ref(w->estate->policies);
    w->entities = cedar_entities_ref(w->snapshot->entities);
    return make_scratch(w);
}

struct err
world_estate(struct cli *c, struct policy_world *w)
{
    struct findings f = {0};
    struct estate *estate = NULL;
    const char *dir;
    *w = (struct policy_world){.c = c};
    TRY(where_estate(c, NULL, &dir));
    struct err e = estate_load(c->env, dir, decide_builtin(), &f, &estate);
    findings_free(&f);
    if (err_failed(e))
        return err_wrap(e, "%.100s (`writ check` says more)", dir);
    e = world_of(c, estate, w);
    estate_unref(estate);
    return e;
}

struct err
world_files(struct cli *c, const char *const *policies, size_t n, const char *entities, struct policy_world *w)
{
    struct cedar_error error = {0};
    struct bytes text = BYTES("[]");
    *w = (struct policy_world){.c = c, .wrong = w->wrong};
    TRY(policy_files(c, policies, n, w->wrong, &w->policies));
    TRY(policy_links(c, &w->policies));
    if (entities)
        TRY(policy_read(c, entities, &text));
    TRY(policy_schema_option(c, &w->schema));
    if (w->schema ? !cedar_entities_json_schema(to_cedar(text), w->schema, &w->entities, &error)
                  : !cedar_entities_json(to_cedar(text), &w->entities, &error))
        return err_make(E_POLICY, "%.100s: %.200s", entities ? entities : "entities", error.text);
    return make_scratch(w);
}

void
world_close(struct policy_world *w)
{
    cedar_scratch_free(w->scratch);
    cedar_entities_unref(w->entities);
    cedar_schema_unref(w->schema);
    cedar_policies_unref(w->policies);
    snapshot_unref(w->snapshot);
    if (w->estate)
        estate_unref(w->estate);
    *w = (struct policy_world){0};
}
