/*
 * Tests of policies, in YAML beside them:
 *
 *     tests:
 *       - name: agents write no scripts
 *         agent: reader
 *         tool: files/write_file
 *         arguments: { path: /srv/docs/x.sh, content: hi }
 *         expect: deny
 *         policies: [no-scripts]
 *
 * A file for plain Cedar names principal, action, resource and context instead, and may name its policies and entities.
 */
#include "cli/policy.h"

#include <stdio.h>
#include <stdlib.h>

#define TESTS_MAX 10000u

struct expected {
    const char *decision;
    const struct yaml *policies, *step_up, *errors;
};

/* Where the value of a key goes. */
enum slot { SLOT_TEXT, SLOT_FLAG, SLOT_COUNT, SLOT_JSON, SLOT_LIST };
struct row {
    const char *key;
    enum slot slot;
    void *to;
};

/* ----------------------------------------------------------------------------------------------------------------- verdicts */

static struct policy_verdict *
verdict(struct policy_world *w, struct policy_verdicts *all, const char *file, int line, const char *name)
{
    if (all->n == all->cap) {
        size_t cap = all->cap ? all->cap * 2 : 64;
        struct policy_verdict *more = arena_list(&w->c->arena, cap, sizeof *more);
        if (more == NULL)
            return NULL;
        if (all->n)
            memcpy(more, all->list, all->n * sizeof *more);
        all->list = more;
        all->cap = cap;
    }
    struct policy_verdict *v = &all->list[all->n++];
    *v = (struct policy_verdict){.file = arena_str(&w->c->arena, bytes_str(file)), .name = name, .line = line};
    return v;
}

static void
wrong(struct policy_world *w, struct policy_verdict *v, struct bytes text)
{
    const char *kept = arena_str(&w->c->arena, text);
    if (v->n_wrong < sizeof v->wrong / sizeof *v->wrong)
        v->wrong[v->n_wrong++] = kept ? kept : "out of memory";
}

static void wrong_format(struct policy_world *w, struct policy_verdict *v, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void
wrong_format(struct policy_world *w, struct policy_verdict *v, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    wrong(w, v, bytes_str(text));
}

/* ----------------------------------------------------------------------------------------------------------------- comparing */

/* A set of names, sorted and without repetition. */
struct names {
    struct bytes *at;
    size_t n;
};

static int
by_bytes(const void *left, const void *right)
{
    return bytes_cmp(*(const struct bytes *)left, *(const struct bytes *)right);
}

static void
names_sort(struct names *list)
{
    size_t kept = 0;
    if (list->n)
        qsort(list->at, list->n, sizeof *list->at, by_bytes);
    for (size_t i = 0; i < list->n; i++)
        if (kept == 0 || !bytes_eq(list->at[kept - 1], list->at[i]))
            list->at[kept++] = list->at[i];
    list->n = kept;
}

static void
put_names(struct buf *b, const struct names *list)
{
    buf_putc(b, '[');
    for (size_t i = 0; i < list->n; i++) {
        if (i)
            buf_puts(b, ", ");
        buf_put(b, list->at[i]);
    }
    buf_putc(b, ']');
}

/* Compare as sets; ${wanted} NULL: the test says nothing about it. */
static void
compare(struct policy_world *w, struct policy_verdict *v, const char *what, const struct yaml *wanted, struct names *got)
{
    struct names expected = {arena_list(&w->c->arena, (wanted ? wanted->count : 0) + 1, sizeof *expected.at), 0};
    for (const struct yaml *y = wanted ? wanted->child : NULL; y && expected.at; y = y->next)
        expected.at[expected.n++] = y->text;
    names_sort(&expected);
    names_sort(got);
    bool same = expected.n == got->n;
    for (size_t i = 0; same && i < got->n; i++)
        same = bytes_eq(expected.at[i], got->at[i]);
    if (same)
        return;
    struct buf b = buf_make(65536);
    buf_printf(&b, "%s: expected ", what);
    put_names(&b, &expected);
    buf_puts(&b, ", got ");
    put_names(&b, got);
    wrong(w, v, buf_bytes(&b));
    buf_free(&b);
}

static struct names
make_names(struct policy_world *w, size_t room)
{
    return (struct names){arena_list(&w->c->arena, room + 1, sizeof(struct bytes)), 0};
}

static void
name_add(struct names *list, struct bytes name)
{
    if (list->at)
        list->at[list->n++] = name;
}

static struct bytes
id_of(const struct policy_world *w, size_t policy)
{
    struct cedar_str id = cedar_policy_id(w->policies, policy);
    return bytes_make(id.at, id.n);
}

static void
compare_groups(struct policy_world *w, struct policy_verdict *v, const struct expected *x, const struct policy_result *r)
{
    struct names groups = make_names(w, r->answer.n_forbids + r->answer.n_errors);
    struct bytes group;
    for (size_t i = 0; r->decision.outcome == OUTCOME_STEP_UP && result_group(w, r, i, &group); i++)
        name_add(&groups, group);
    if (x->step_up)
        compare(w, v, "step_up", x->step_up, &groups);
}

static void
compare_all(struct policy_world *w, struct policy_verdict *v, const struct expected *x, const struct policy_result *r)
{
    const char *got = outcome_names[r->decision.outcome];
    struct names policies = make_names(w, r->decision.n_policies), errors = make_names(w, r->answer.n_errors);
    if (strcmp(x->decision, got) != 0)
        wrong_format(w, v, "decision: expected %s, got %s (%s)", x->decision, got, r->decision.reason);
    for (size_t i = 0; i < r->decision.n_policies; i++)
        name_add(&policies, bytes_make(r->decision.policies[i].at, r->decision.policies[i].n));
    for (size_t i = 0; i < r->answer.n_errors; i++)
        name_add(&errors, id_of(w, r->answer.errors[i].policy));
    if (x->policies)
        compare(w, v, "policies", x->policies, &policies);
    compare_groups(w, v, x, r);
    size_t before = v->n_wrong;
    compare(w, v, "errors", x->errors, &errors); /* one that nobody expects is a failure */
    for (size_t i = 0; i < r->answer.n_errors && v->n_wrong > before; i++)
        wrong_format(w, v, "error of %.*s: %s", BYTES_CUT(id_of(w, r->answer.errors[i].policy), 100), r->answer.errors[i].text);
}

/* ------------------------------------------------------------------------------------------------------------------- reading */

static bool
list_of_texts(const struct yaml *y)
{
    if (y->type != YAML_LIST)
        return false;
    for (const struct yaml *i = y->child; i; i = i->next)
        if (i->type == YAML_LIST || i->type == YAML_MAP || i->type == YAML_NULL)
            return false;
    return true;
}

static bool
take_json(struct policy_world *w, const struct yaml *y, struct bytes *out)
{
    struct buf b = buf_make(YAML_MAX_BYTES * 4);
    yaml_to_json(y, &b);
    *out = b.failed ? bytes_make(NULL, 0) : arena_copy(&w->c->arena, buf_bytes(&b));
    buf_free(&b);
    return out->at != NULL;
}

/* One member of a test; NULL when it is fine, else what was expected. */
static const char *
take(struct policy_world *w, const struct row *row, const struct yaml *y)
{
    switch (row->slot) {
    case SLOT_TEXT:
        if (y->type == YAML_LIST || y->type == YAML_MAP || y->type == YAML_NULL)
            return "a text";
        *(const char **)row->to = (const char *)y->text.at;
        return NULL;
    case SLOT_FLAG:
        if (y->type != YAML_BOOL)
            return "true or false";
        *(bool *)row->to = y->truth;
        return NULL;
    case SLOT_COUNT:
        if (y->type != YAML_INT || y->number < 0)
            return "a number of 0 or more";
        *(uint64_t *)row->to = (uint64_t)y->number;
        return NULL;
    case SLOT_JSON:
        if (y->type != YAML_MAP)
            return "a mapping";
        return take_json(w, y, row->to) ? NULL : "less than 4 MiB";
    default:
        if (!list_of_texts(y))
            return "a list of texts";
        *(const struct yaml **)row->to = y;
        return NULL;
    }
}

static const struct row *
row_of(const struct row *rows, struct bytes key, struct guess *g)
{
    for (; rows->key; rows++) {
        if (bytes_is(key, rows->key))
            return rows;
        guess_offer(g, bytes_str(rows->key));
    }
    return NULL;
}

static bool
read_members(struct policy_world *w, struct policy_verdict *v, const struct yaml *map, const struct row *rows)
{
    for (const struct yaml *y = map->child; y; y = y->next) {
        struct guess g = guess_for(y->key);
        const struct row *row = row_of(rows, y->key, &g);
        const char *expected = row ? take(w, row, y) : NULL;
        if (row == NULL)
            wrong_format(w, v, "line %d: unknown key '%.*s'%s%.*s%s", y->line, BYTES_CUT(y->key, 60), g.best.n ? "; did you mean '" : "",
                         BYTES_CUT(g.best, 60), g.best.n ? "'?" : "");
        else if (expected)
            wrong_format(w, v, "line %d: %s: expected %s, got %s", y->line, row->key, expected, yaml_type_name(y->type));
    }
    return v->n_wrong == 0;
}

static bool
known_decision(struct policy_world *w, struct policy_verdict *v, const char *decision)
{
    struct guess g = guess_for(bytes_str(decision));
    for (size_t i = 0; outcome_names[i]; i++) {
        if (decision && strcmp(decision, outcome_names[i]) == 0)
            return true;
        guess_offer(&g, bytes_str(outcome_names[i]));
    }
    wrong_format(w, v, "expect: %s%s",
                 decision ? "expected allow, deny, step_up, defer or modify, got " : "missing: allow, deny, step_up, defer or modify",
                 decision ? decision : "");
    return false;
}

static struct err
take_found(struct policy_world *w, const struct yaml *found, struct policy_ask *ask)
{
    const char **list = arena_list(&w->c->arena, (found ? found->count : 0) + 1, sizeof *list);
    size_t n = 0;
    if (list == NULL)
        return err_make(E_MEMORY, "out of memory");
    if (found && ask->principal)
        return err_make(E_USAGE, "found: belongs to a call; in Cedar's own words it stands in the context");
    for (const struct yaml *y = found ? found->child : NULL; y; y = y->next)
        list[n++] = (const char *)y->text.at;
    ask->found = list;
    return err_ok();
}

static void
run_one(struct policy_world *w, struct policy_verdict *v, const struct yaml *test)
{
    struct policy_ask ask = {0};
    struct policy_result r;
    struct expected x = {0};
    const char *name = NULL;
    const struct yaml *found = NULL;
    const struct row rows[] = {{"name", SLOT_TEXT, &name},
                               {"agent", SLOT_TEXT, &ask.agent},
                               {"tool", SLOT_TEXT, &ask.tool},
                               {"arguments", SLOT_JSON, &ask.arguments},
                               {"found", SLOT_LIST, &found},
                               {"task", SLOT_TEXT, &ask.task},
                               {"purpose", SLOT_TEXT, &ask.purpose},
                               {"on_behalf_of", SLOT_TEXT, &ask.on_behalf_of},
                               {"proof", SLOT_TEXT, &ask.proof},
                               {"seen", SLOT_TEXT, &ask.sensitivity},
                               {"untrusted", SLOT_FLAG, &ask.untrusted},
                               {"unconfined", SLOT_FLAG, &ask.unconfined},
                               {"calls", SLOT_COUNT, &ask.calls},
                               {"principal", SLOT_TEXT, &ask.principal},
                               {"action", SLOT_TEXT, &ask.action},
                               {"resource", SLOT_TEXT, &ask.resource},
                               {"context", SLOT_JSON, &ask.context},
                               {"expect", SLOT_TEXT, &x.decision},
                               {"policies", SLOT_LIST, &x.policies},
                               {"step_up", SLOT_LIST, &x.step_up},
                               {"errors", SLOT_LIST, &x.errors},
                               {NULL, SLOT_TEXT, NULL}};
    if (test->type != YAML_MAP) {
        wrong_format(w, v, "a test is a mapping, not %s", yaml_type_name(test->type));
        return;
    }
    bool ok = read_members(w, v, test, rows);
    v->name = name ? name : "(without a name)";
    if (!ok || !known_decision(w, v, x.decision))
        return;
    struct err e = take_found(w, found, &ask);
    if (!err_failed(e))
        e = ask_run(w, &ask, &r);
    if (err_failed(e))
        wrong(w, v, bytes_str(e.text));
    else
        compare_all(w, v, &x, &r);
}

static struct err
run_list(struct policy_world *w, const char *file, const struct yaml *list, struct policy_verdicts *out)
{
    if (list->count > TESTS_MAX)
        return err_make(E_LIMIT, "%.200s: more than %u tests", file, TESTS_MAX);
    for (const struct yaml *test = list->child; test; test = test->next) {
        struct policy_verdict *v = verdict(w, out, file, test->line, "");
        if (v == NULL)
            return err_make(E_MEMORY, "out of memory");
        run_one(w, v, test);
        out->failed += v->n_wrong > 0;
    }
    return err_ok();
}

/* The file as a whole is wrong. */
static struct err
failed_file(struct policy_world *w, const char *file, int line, const char *text, struct policy_verdicts *out)
{
    struct policy_verdict *v = verdict(w, out, file, line, "(the file)");
    if (v == NULL)
        return err_make(E_MEMORY, "out of memory");
    wrong(w, v, bytes_str(text));
    out->failed++;
    return err_ok();
}

struct err
tests_run(struct policy_world *w, const char *file, struct bytes text, struct policy_verdicts *out)
{
    struct yaml *top;
    struct yaml_mark where = {1, 1};
    struct err e = yaml_parse(&w->c->arena, text, &top, &where);
    if (e.code == E_MEMORY)
        return e;
    if (err_failed(e))
        return failed_file(w, file, where.line, e.text, out);
    const struct yaml *list = yaml_get(top, "tests");
    for (const struct yaml *y = top->type == YAML_MAP ? top->child : NULL; y; y = y->next)
        if (!bytes_is(y->key, "tests") && !bytes_is(y->key, "policies") && !bytes_is(y->key, "entities"))
            return failed_file(w, file, y->line, "a file of tests holds tests, and, outside an estate, policies and entities; nothing else", out);
    if (list == NULL || list->type != YAML_LIST)
        return failed_file(w, file, 1, "expected tests: and a list below it", out);
    return run_list(w, file, list, out);
}

struct err
tests_estate(struct policy_world *w, struct policy_verdicts *out)
{
    for (size_t i = 0; i < w->estate->n_tests; i++)
        TRY(tests_run(w, w->estate->tests[i].file, w->estate->tests[i].text, out));
    return err_ok();
}
