#include "cli/policy.h"

#include <stdio.h>
#include <unistd.h>

static void
note(const struct policy_world *w, const struct cedar_finding *f, struct findings *out)
{
    struct cedar_str file = cedar_policy_file(w->policies, f->policy);
    char name[128];
    unsigned line = f->line ? f->line : cedar_policy_line(w->policies, f->policy);
    snprintf(name, sizeof name, "%.*s", (int)(file.n < 127 ? file.n : 127), file.at);
    findings_note(out, f->kind == CEDAR_FINDING_ERROR ? FINDING_ERROR : FINDING_WARNING, name, (int)line, 0, "%.*s%s%.*s",
                  (int)(f->message.n < 220 ? f->message.n : 220), f->message.at, f->help.n ? "; " : "", (int)(f->help.n < 90 ? f->help.n : 90),
                  f->help.n ? f->help.at : "");
}

/* What the schema itself may be meant differently in. */
static void
look_at_schema(const struct cedar_schema *s, struct findings *out)
{
    size_t n = 0;
    const struct cedar_schema_warning *w = s ? cedar_schema_warnings(s, &n) : NULL;
    for (size_t i = 0; i < n; i++) {
        struct cedar_str file = cedar_schema_name(s);
        char name[128];
        snprintf(name, sizeof name, "%.*s", (int)(file.n < 127 ? file.n : 127), file.at);
        findings_note(out, FINDING_WARNING, name, (int)w[i].line, 0, "%.*s", (int)(w[i].message.n < 300 ? w[i].message.n : 300), w[i].message.at);
    }
}

/* What the validator says already, the lint need not repeat. */
static bool
spoken(const struct cedar_findings *found, size_t policy)
{
    for (size_t i = 0; found && i < found->n; i++)
        if (found->at[i].policy == policy)
            return true;
    return false;
}

static struct err
look(struct policy_world *w, struct findings *out)
{
    struct cedar_findings *found = NULL, *lint = NULL;
    struct cedar_error error = {0};
    bool ok =
        (w->schema == NULL || cedar_validate(w->policies, w->schema, NULL, &found, &error)) && cedar_lint(w->policies, w->schema, &lint, &error);
    look_at_schema(w->schema, out);
    for (size_t i = 0; found && i < found->n; i++)
        note(w, &found->at[i], out);
    for (size_t i = 0; lint && i < lint->n; i++)
        if (!spoken(found, lint->at[i].policy))
            note(w, &lint->at[i], out);
    cedar_findings_free(found);
    cedar_findings_free(lint);
    return ok ? err_ok() : err_make(error.code == CEDAR_MEMORY ? E_MEMORY : E_LIMIT, "%.300s", error.text);
}

static const char *
level_name(const struct finding *f)
{
    return f->level == FINDING_ERROR ? "error" : "warning";
}

static void
put_count(struct buf *b, size_t n, const char *what)
{
    buf_printf(b, ", %zu %s%s", n, what, n == 1 ? "" : "s");
}

static void
put_people(struct buf *b, const struct findings *f, size_t policies, bool colour)
{
    for (size_t i = 0; i < f->n; i++) {
        output_clean(b, bytes_str(f->list[i].file), false);
        buf_printf(b, ":%d", f->list[i].line);
        if (f->list[i].column)
            buf_printf(b, ":%d", f->list[i].column);
        buf_puts(b, ": ");
        output_tone(b, colour, f->list[i].level == FINDING_ERROR ? TONE_BAD : TONE_WARN, level_name(&f->list[i]));
        buf_puts(b, ": ");
        output_clean(b, bytes_str(f->list[i].text), false);
        buf_putc(b, '\n');
    }
    output_tone(b, colour, f->errors ? TONE_BAD : TONE_GOOD, f->errors ? "not valid" : "good");
    buf_printf(b, ": %zu polic%s", policies, policies == 1 ? "y" : "ies");
    put_count(b, f->errors, "error");
    put_count(b, f->warnings, "warning");
    buf_putc(b, '\n');
}

static void
put_json(struct buf *b, const struct findings *f, size_t policies)
{
    json_open(b, '{');
    json_member_int(b, "policies", (int64_t)policies);
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
    json_close(b, '}');
    buf_putc(b, '\n');
}

struct err
cmd_policy_check(struct cli *c)
{
    struct policy_world w = {0};
    struct findings f = {0};
    struct buf b = buf_make(OUTPUT_MAX);
    w.wrong = &f;
    if (given(c, "schema") && c->n_words == 0)
        return err_make(E_USAGE, "--schema belongs to FILEs; an estate has its own");
    struct err e = c->n_words ? world_files(c, c->words, c->n_words, NULL, &w) : world_estate(c, &w);
    if (!err_failed(e))
        e = look(&w, &f);
    else if (f.errors > 1 && e.code == E_POLICY) /* one error is shown with its line */
        e = err_ok();
    c->status = f.errors ? 1 : 0;
    size_t n = w.policies ? cedar_policies_count(w.policies) : 0;
    if (!err_failed(e) && c->json)
        put_json(&b, &f, n);
    else if (!err_failed(e))
        put_people(&b, &f, n, output_colour(STDOUT_FILENO));
    findings_free(&f);
    world_close(&w);
    return err_failed(e) ? e : output_send(c, &b);
}
