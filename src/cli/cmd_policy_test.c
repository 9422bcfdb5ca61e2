#include "cli/policy.h"

#include <stdio.h>
#include <unistd.h>

static void
put_people(struct buf *b, const struct policy_verdicts *all, bool colour)
{
    for (size_t i = 0; i < all->n; i++) {
        const struct policy_verdict *v = &all->list[i];
        if (v->n_wrong == 0)
            continue;
        output_tone(b, colour, TONE_BAD, "failed: ");
        output_clean(b, bytes_str(v->file), false);
        buf_printf(b, ":%d: ", v->line);
        output_clean(b, bytes_str(v->name), false);
        buf_putc(b, '\n');
        for (size_t k = 0; k < v->n_wrong; k++) {
            buf_puts(b, "    ");
            output_clean(b, bytes_str(v->wrong[k]), false);
            buf_putc(b, '\n');
        }
    }
    output_tone(b, colour, all->failed ? TONE_BAD : TONE_GOOD, all->failed ? "failed" : "good");
    buf_printf(b, ": %zu test%s, %zu failed\n", all->n, all->n == 1 ? "" : "s", all->failed);
}

static void
put_json(struct buf *b, const struct policy_verdicts *all)
{
    json_open(b, '{');
    json_key(b, "tests");
    json_open(b, '[');
    for (size_t i = 0; i < all->n; i++) {
        const struct policy_verdict *v = &all->list[i];
        json_item(b);
        json_open(b, '{');
        json_member_str(b, "file", v->file);
        json_member_int(b, "line", v->line);
        json_member_str(b, "name", v->name);
        json_member_bool(b, "passed", v->n_wrong == 0);
        json_key(b, "wrong");
        json_open(b, '[');
        for (size_t k = 0; k < v->n_wrong; k++)
            json_item(b), json_put_text(b, bytes_str(v->wrong[k]));
        json_close(b, ']');
        json_close(b, '}');
    }
    json_close(b, ']');
    json_member_int(b, "count", (int64_t)all->n);
    json_member_int(b, "failed", (int64_t)all->failed);
    json_close(b, '}');
    buf_putc(b, '\n');
}

/* A path that a test file names is meant from where that file lies. */
static const char *
beside(struct cli *c, const char *file, struct bytes path)
{
    const char *slash = strrchr(file, '/');
    if (path.n == 0 || path.at[0] == '/' || slash == NULL)
        return arena_str(&c->arena, path);
    return arena_printf(&c->arena, "%.*s%.*s", (int)(slash - file + 1), file, BYTES_ARG(path));
}

/* The policies a test file names: a text or a list of them. */
static struct err
named_policies(struct cli *c, const char *file, const struct yaml *y, const char ***out, size_t *n)
{
    *n = 0;
    *out = arena_list(&c->arena, (y && y->type == YAML_LIST ? y->count : 1) + 1, sizeof **out);
    if (*out == NULL)
        return err_make(E_MEMORY, "out of memory");
    if (y && y->type != YAML_LIST)
        (*out)[(*n)++] = beside(c, file, y->text);
    for (const struct yaml *i = y && y->type == YAML_LIST ? y->child : NULL; i; i = i->next)
        (*out)[(*n)++] = beside(c, file, i->text);
    return err_ok();
}

static struct err
run_file(struct cli *c, const char *file, struct policy_verdicts *all)
{
    struct policy_world w = {0};
    struct bytes text;
    struct yaml *top = NULL;
    struct yaml_mark where;
    const char **policies = given_list(c, "policies"), *entities = given(c, "entities");
    size_t n = 0;
    TRY(policy_read(c, file, &text));
    struct err e = yaml_parse(&c->arena, text, &top, &where);
    if (err_failed(e))
        top = NULL; /* tests_run says what is wrong with it */
    while (policies && policies[n])
        n++;
    if (n == 0)
        TRY(named_policies(c, file, yaml_get(top, "policies"), &policies, &n));
    if (entities == NULL && yaml_get(top, "entities"))
        entities = beside(c, file, yaml_get(top, "entities")->text);
    e = n || top == NULL ? world_files(c, policies, n, entities, &w)
                         : err_make(E_USAGE, "%.150s: name the policies: --policies FILE, or policies: FILE in it", file);
    if (!err_failed(e))
        e = tests_run(&w, file, text, all);
    world_close(&w);
    return e;
}

struct err
cmd_policy_test(struct cli *c)
{
    struct policy_verdicts all = {0};
    struct policy_world w = {0};
    struct buf b = buf_make(OUTPUT_MAX);
    struct err e = err_ok();
    for (size_t i = 0; i < c->n_words && !err_failed(e); i++)
        e = run_file(c, c->words[i], &all);
    if (c->n_words == 0) {
        e = world_estate(c, &w);
        if (!err_failed(e))
            e = tests_estate(&w, &all);
        world_close(&w);
    }
    TRY(e);
    if (c->json)
        put_json(&b, &all);
    else
        put_people(&b, &all, output_colour(STDOUT_FILENO));
    c->status = all.failed ? 1 : 0;
    return output_send(c, &b);
}
