#include "cli/policy.h"
#include "inspect/inspect.h"

#include <unistd.h>

static const char *
level_name(const struct finding *f)
{
    return f->level == FINDING_ERROR ? "error" : "warning";
}

static void
put_findings(struct buf *b, const struct findings *f, bool colour)
{
    for (size_t i = 0; i < f->n; i++) {
        const struct finding *k = &f->list[i];
        output_clean(b, bytes_str(k->file), false);
        buf_printf(b, ":%d: ", k->line);
        output_tone(b, colour, k->level == FINDING_ERROR ? TONE_BAD : TONE_WARN, level_name(k));
        buf_puts(b, ": ");
        output_clean(b, bytes_str(k->text), false);
        buf_putc(b, '\n');
    }
}

static void
put_count(struct buf *b, size_t n, const char *what)
{
    buf_printf(b, "%zu %s%s", n, what, n == 1 ? "" : "s");
}

static void
put_summary(struct buf *b, const char *dir, const struct findings *f, const struct estate *e, size_t tests, bool colour)
{
    output_tone(b, colour, f->errors ? TONE_BAD : TONE_GOOD, f->errors == 0 ? "good" : e ? "policies are not as their tests say" : "not usable");
    buf_puts(b, ": ");
    output_clean(b, bytes_str(dir), false);
    buf_puts(b, ": ");
    put_count(b, f->errors, "error");
    buf_puts(b, ", ");
    put_count(b, f->warnings, "warning");
    if (e) {
        buf_puts(b, "; ");
        put_count(b, e->n_agents, "agent");
        buf_puts(b, ", ");
        put_count(b, e->n_destinations, "destination");
        buf_puts(b, ", ");
        put_count(b, e->n_tasks, "task");
        buf_puts(b, ", ");
        put_count(b, tests, "policy test");
        buf_printf(b, ", version %s", e->version);
    }
    buf_putc(b, '\n');
}

static void
put_json(struct buf *b, const char *dir, const struct findings *f, const struct estate *e, size_t tests)
{
    json_open(b, '{');
    json_member_str(b, "folder", dir);
    json_key(b, "findings");
    json_open(b, '[');
    for (size_t i = 0; i < f->n; i++) {
        json_item(b);
        json_open(b, '{');
        json_member_str(b, "level", level_name(&f->list[i]));
        json_member_str(b, "file", f->list[i].file);
        json_member_int(b, "line", f->list[i].line);
        if (f->list[i].column)
            json_member_int(b, "column", f->list[i].column);
        json_member_str(b, "text", f->list[i].text);
        json_close(b, '}');
    }
    json_close(b, ']');
    json_member_int(b, "errors", (int64_t)f->errors);
    json_member_int(b, "warnings", (int64_t)f->warnings);
    json_member_int(b, "tests", (int64_t)tests);
    if (e)
        json_member_str(b, "version", e->version);
    json_close(b, '}');
    buf_putc(b, '\n');
}

static void
note_tests(struct findings *f, const struct policy_verdicts *all)
{
    for (size_t i = 0; i < all->n; i++)
        for (size_t k = 0; k < all->list[i].n_wrong; k++)
            findings_note(f, FINDING_ERROR, all->list[i].file, all->list[i].line, 0, "test '%.80s': %s", all->list[i].name, all->list[i].wrong[k]);
}

/* The server makes a snapshot of an estate before it takes it; what would fail there is said here. Then the tests of its policies run. */
static struct err
try_out(struct cli *c, struct estate *estate, struct findings *f, size_t *tests)
{
    struct policy_world w;
    struct policy_verdicts all = {0};
    struct err e = world_of(c, estate, &w);
    if (!err_failed(e))
        e = tests_estate(&w, &all);
    world_close(&w);
    note_tests(f, &all);
    *tests = all.n;
    return e;
}

struct err
cmd_check(struct cli *c)
{
    struct findings f = {0};
    struct estate *estate = NULL;
    struct buf b = buf_make(OUTPUT_MAX);
    const char *dir;
    size_t tests = 0;
    TRY(where_estate(c, c->words[0], &dir));
    struct err e = estate_load(c->env, dir, decide_builtin(), &f, &estate);
    if (!err_failed(e))
        e = inspect_check(estate, &f);
    if (!err_failed(e))
        e = try_out(c, estate, &f, &tests);
    bool colour = output_colour(STDOUT_FILENO);
    if (c->json)
        put_json(&b, dir, &f, estate, tests);
    else
        put_findings(&b, &f, colour), put_summary(&b, dir, &f, estate, tests, colour);
    c->status = f.errors ? 1 : 0;
    bool told = f.errors > 0; /* then the error of the load says nothing more */
    findings_free(&f);
    if (estate)
        estate_unref(estate);
    TRY(output_send(c, &b));
    return told ? err_ok() : e;
}
