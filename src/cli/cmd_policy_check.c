#include "cli/policy.h"

#include <stdio.h>
#include <unistd.h>

static struct err
lint(struct policy_world *w, struct findings *out)
{
    struct cedar_findings *found = NULL;
    struct cedar_error error = {0};
    if (!cedar_lint(w->policies, NULL, &found, &error))
        return err_make(error.code == CEDAR_MEMORY ? E_MEMORY : E_LIMIT, "%.300s", error.text);
    for (size_t i = 0; i < found->n; i++) {
        const struct cedar_finding *f = &found->at[i];
        struct cedar_str file = cedar_policy_file(w->policies, f->policy), id = cedar_policy_id(w->policies, f->policy);
        char name[128];
        unsigned line = f->line ? f->line : cedar_policy_line(w->policies, f->policy);
        snprintf(name, sizeof name, "%.*s", (int)(file.n < 127 ? file.n : 127), file.at);
        findings_note(out, FINDING_WARNING, name, (int)line, "policy %.*s: %.*s", (int)(id.n < 100 ? id.n : 100), id.at,
                      (int)(f->message.n < 200 ? f->message.n : 200), f->message.at);
    }
    cedar_findings_free(found);
    return err_ok();
}

static void
put_people(struct buf *b, const struct findings *f, size_t policies, bool colour)
{
    for (size_t i = 0; i < f->n; i++) {
        output_clean(b, bytes_str(f->list[i].file), false);
        buf_printf(b, ":%d: ", f->list[i].line);
        output_tone(b, colour, TONE_WARN, "warning");
        buf_puts(b, ": ");
        output_clean(b, bytes_str(f->list[i].text), false);
        buf_putc(b, '\n');
    }
    output_tone(b, colour, TONE_GOOD, "good");
    buf_printf(b, ": %zu polic%s, %zu warning%s\n", policies, policies == 1 ? "y" : "ies", f->warnings, f->warnings == 1 ? "" : "s");
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
        json_member_str(b, "level", "warning");
        json_member_str(b, "file", f->list[i].file);
        json_member_int(b, "line", f->list[i].line);
        json_member_str(b, "text", f->list[i].text);
        json_close(b, '}');
    }
    json_close(b, ']');
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
    struct err e = c->n_words ? world_files(c, c->words, c->n_words, NULL, &w) : world_estate(c, &w);
    if (!err_failed(e))
        e = lint(&w, &f);
    size_t n = err_failed(e) ? 0 : cedar_policies_count(w.policies);
    if (!err_failed(e) && c->json)
        put_json(&b, &f, n);
    else if (!err_failed(e))
        put_people(&b, &f, n, output_colour(STDOUT_FILENO));
    findings_free(&f);
    world_close(&w);
    return err_failed(e) ? e : output_send(c, &b);
}
