/*
 * policies/NAME.cedar, joined with the built-in ones: annotations that Writ does not know, groups nobody is in and arguments that no tool
 * has are load errors, not surprises at run time (design.md section 3).
 */
#include "estate/fields.h"
#include "estate/schema.h"
#include "estate/subjects.h"

#include <stdio.h>
#include <stdlib.h>

#define BUILTIN_FILE "builtin"

static struct bytes
of(struct cedar_str s)
{
    return bytes_make(s.at, s.n);
}

static struct cedar_str
to_cedar(struct bytes b)
{
    return (struct cedar_str){(const char *)b.at, b.n};
}

/* ---------------------------------------------------------------------------------------------------------------- annotations */

/* A policy whose annotation is being looked at. */
struct at {
    struct loader *l;
    const struct cedar_policies *set;
    size_t policy;
    const char *file;
    bool *told; /* of each policy: it has an error already */
};

static void wrong(const struct at *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
wrong(const struct at *p, const char *fmt, ...)
{
    char text[300];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    finding_add(p->l, FINDING_ERROR, p->file, (int)cedar_policy_line(p->set, p->policy), 0, "%s", text);
}

/* The place of an error that was said better than the validator would. */
static void
told(const struct at *p)
{
    p->told[p->policy] = true;
}

static void
check_id(const struct at *p, struct bytes value)
{
    bool ok = value.n > 0 && value.n <= 128;
    for (size_t i = 0; ok && i < value.n; i++)
        ok = value.at[i] > 0x20 && value.at[i] < 0x7f;
    if (!ok)
        wrong(p, "@id: must be 1 to 128 printable ASCII characters without spaces");
}

static void
check_group(const struct at *p, struct bytes value)
{
    struct yaml here = {.line = (int)cedar_policy_line(p->set, p->policy)};
    p->l->file = p->file;
    if (value.n == 0)
        wrong(p, "@step_up: name the group that may approve, such as @step_up(\"owners\")");
    else if (!group_known(p->l->estate, value) && !p->l->people_broken)
        refuse_group(p->l, &here, "@step_up", value);
}

static void
check_defer(const struct at *p, struct bytes value)
{
    uint64_t n;
    struct bytes digits = bytes_sub(value, 0, value.n ? value.n - 1 : 0);
    bool minutes = bytes_ends(value, BYTES("m"));
    if ((!minutes && !bytes_ends(value, BYTES("s"))) || !bytes_u64(digits, &n) || n == 0 || n > (minutes ? 10 : 600))
        wrong(p, "@defer: expected 1s to 600s, or 1m to 10m, got '%.*s'", BYTES_CUT(value, 40));
}

static void
check_modify(const struct at *p, struct bytes value)
{
    static const char *const known[] = {"redact", "cap", "strip", "read-only", NULL};
    for (const char *const *k = known; *k; k++)
        if (bytes_is(value, *k))
            return;
    wrong(p, "@modify: '%.*s' is none of: redact, cap, strip, read-only", BYTES_CUT(value, 40));
}

static void
check_nothing(const struct at *p, struct bytes value)
{
    (void)p, (void)value;
}

static const struct {
    const char *key;
    bool outcome; /* turns a forbid into another outcome: on forbid only, and one of them */
    void (*check)(const struct at *p, struct bytes value);
} annotations[] = {
    {"id", false, check_id},      {"description", false, check_nothing}, {"step_up", true, check_group},
    {"defer", true, check_defer}, {"modify", true, check_modify},
};
#define N_ANNOTATIONS (sizeof annotations / sizeof *annotations)

static void
unknown_annotation(const struct at *p, struct bytes key)
{
    char hint[HINT_MAX];
    struct nearest n = nearest_for(key);
    for (size_t i = 0; i < N_ANNOTATIONS; i++)
        nearest_offer(&n, bytes_str(annotations[i].key));
    if (n.best.n)
        wrong(p, "@%.*s: unknown annotation%s", BYTES_CUT(key, 60), nearest_hint(&n, hint));
    else
        wrong(p, "@%.*s: unknown annotation; known: id, description, step_up, defer, modify", BYTES_CUT(key, 60));
}

static void
check_policy(const struct at *p)
{
    struct cedar_str key, value;
    size_t outcomes = 0;
    for (size_t k = 0; cedar_policy_annotation_at(p->set, p->policy, k, &key, &value); k++) {
        size_t i = 0;
        while (i < N_ANNOTATIONS && !bytes_is(of(key), annotations[i].key))
            i++;
        if (i == N_ANNOTATIONS) {
            unknown_annotation(p, of(key));
            continue;
        }
        outcomes += annotations[i].outcome;
        if (annotations[i].outcome && cedar_policy_effect(p->set, p->policy) == CEDAR_PERMIT)
            wrong(p, "@%s: belongs on a forbid; on a permit it would do nothing", annotations[i].key);
        else
            annotations[i].check(p, of(value));
    }
    if (outcomes > 1)
        wrong(p, "a forbid carries one of @step_up, @defer and @modify; write a policy for each");
}

/* ------------------------------------------------------------------------------------------------- names of tools and arguments */

static bool
any_tool_has(const struct estate *e, struct bytes argument, struct nearest *n)
{
    bool known = false;
    for (size_t i = 0; i < e->n_destinations; i++) {
        const struct destination *d = &e->destinations[i];
        for (size_t k = 0; k < d->n_tools; k++)
            known = tool_argument(&d->tools[k], argument, n) || known;
        known = known || (d->share_prompts && (bytes_is(argument, "name") || bytes_is(argument, "arguments"))) ||
                (d->share_resources && (bytes_is(argument, "uri") || bytes_is(argument, "mime")));
    }
    return known;
}

static const struct destination *
destination_named(const struct at *p, struct bytes id, int line, int column)
{
    char hint[HINT_MAX];
    const struct estate *e = p->l->estate;
    struct nearest n = nearest_for(id);
    for (size_t i = 0; i < e->n_destinations; i++) {
        if (bytes_is(id, e->destinations[i].id))
            return &e->destinations[i];
        nearest_offer(&n, bytes_str(e->destinations[i].id));
    }
    told(p);
    finding_add(p->l, FINDING_ERROR, p->file, line, column, "there is no destination '%.*s'%s", BYTES_CUT(id, 64), nearest_hint(&n, hint));
    return NULL;
}

/*
 * A pinned prompt or template as an action: is there one, and does a prompt take ${argument} (of input.arguments; empty: none is named)? The
 * groups "@prompts" and "@resources" are checked by the schema.
 */
static void
check_subject(const struct at *p, const struct destination *d, struct bytes name, struct bytes argument, int line, int column)
{
    char hint[HINT_MAX];
    bool prompt = bytes_starts(name, BYTES("@prompts/"));
    struct bytes rest = name;
    bytes_split(&rest, '/');
    if (!prompt && !bytes_starts(name, BYTES("@resources/")))
        return;
    const struct pinned_extra *x = destination_subject(d, name);
    struct nearest n = nearest_for(x ? argument : rest);
    if (x == NULL) {
        subject_nearest(d, prompt, &n);
        told(p);
        finding_add(p->l, FINDING_ERROR, p->file, line, column, "'%s' has no pinned %s '%.*s'%s", d->id, prompt ? "prompt" : "resource template",
                    BYTES_CUT(rest, 64), nearest_hint(&n, hint));
    } else if (x->arguments && argument.n && !schema_argument(x->arguments, argument, &n)) {
        told(p);
        finding_add(p->l, FINDING_ERROR, p->file, line, column, "context.input.arguments.%.*s: the prompt '%s/%.*s' has no such argument%s",
                    BYTES_CUT(argument, 64), d->id, BYTES_CUT(rest, 64), nearest_hint(&n, hint));
    }
}

/* The tool of Action::"destination/tool"; NULL when it names something else, or with a finding when there is none. */
static const struct tool *
tool_named(const struct at *p, struct bytes action, struct bytes argument, int line, int column)
{
    char hint[HINT_MAX];
    size_t slash = bytes_find(action, '/');
    if (slash == action.n)
        return NULL;
    const struct destination *d = destination_named(p, bytes_sub(action, 0, slash), line, column);
    struct bytes name = bytes_sub(action, slash + 1, action.n);
    if (d == NULL || !d->pinned)
        return NULL;
    if (bytes_starts(name, BYTES("@")))
        return check_subject(p, d, name, argument, line, column), NULL;
    const struct tool *t = destination_tool(d, name);
    struct nearest n = nearest_for(name);
    for (size_t i = 0; i < d->n_tools && t == NULL; i++)
        nearest_offer(&n, bytes_str(d->tools[i].name));
    if (t == NULL) {
        told(p);
        finding_add(p->l, FINDING_ERROR, p->file, line, column, "'%s' has no pinned tool '%.*s'%s", d->id, BYTES_CUT(name, 64),
                    nearest_hint(&n, hint));
    }
    return t;
}

static void
check_context(size_t policy, struct cedar_str action, struct cedar_str path, unsigned line, unsigned column, void *ctx)
{
    char hint[HINT_MAX];
    struct at *p = ctx;
    struct bytes rest = of(path), top = bytes_split(&rest, '.'), argument = bytes_split(&rest, '.');
    bool of_prompt = bytes_is(top, "input") && bytes_is(argument, "arguments");
    p->policy = policy;
    const struct tool *t =
        action.n ? tool_named(p, of(action), of_prompt ? bytes_split(&rest, '.') : bytes_make(NULL, 0), (int)line, (int)column) : NULL;
    if (!bytes_is(top, "input") || argument.n == 0)
        return;
    struct nearest n = nearest_for(argument);
    const char *hidden = t ? argument_hidden(t, argument) : NULL;
    if (t && !tool_argument(t, argument, &n)) {
        told(p);
        finding_add(p->l, FINDING_ERROR, p->file, (int)line, (int)column, "context.input.%.*s: '%s/%s' has no such argument%s",
                    BYTES_CUT(argument, 64), t->destination->id, t->name, nearest_hint(&n, hint));
    } else if (hidden) {
        told(p);
        finding_add(p->l, FINDING_ERROR, p->file, (int)line, (int)column, "context.input.%.*s: policies cannot look at this argument of '%s/%s': %s",
                    BYTES_CUT(argument, 64), t->destination->id, t->name, hidden);
    } else if (action.n == 0 && !any_tool_has(p->l->estate, argument, &n)) {
        told(p);
        finding_add(p->l, FINDING_ERROR, p->file, (int)line, (int)column, "context.input.%.*s: no pinned tool has such an argument%s",
                    BYTES_CUT(argument, 64), nearest_hint(&n, hint));
    }
}

/* ------------------------------------------------------------------------------------------------------------------- loading */

/* All that is wrong with a text that could not be parsed, at least ${e}. */
static void
add_errors(struct loader *l, struct bytes text, const char *file, const struct cedar_error *e)
{
    struct cedar_error *list = arena_list(&l->trees, CEDAR_MAX_ERRORS, sizeof *list);
    size_t n = list ? cedar_policies_errors(to_cedar(text), list, CEDAR_MAX_ERRORS) : 0;
    for (size_t i = 0; i < n; i++)
        finding_add(l, FINDING_ERROR, file, (int)list[i].line, (int)list[i].column, "%s", list[i].text);
    if (n == 0)
        finding_add(l, FINDING_ERROR, file, (int)e->line, (int)e->column, "%s", e->text);
}

static struct cedar_policies *
parse(struct loader *l, struct bytes text, const char *file)
{
    struct cedar_policies *set = NULL;
    struct cedar_error e = {0};
    if (cedar_policies_parse(to_cedar(text), file, true, &set, &e))
        return set;
    if (e.code == CEDAR_MEMORY)
        l->memory = true;
    add_errors(l, text, file, &e);
    return NULL;
}

static struct cedar_policies *
read_policies(struct loader *l, const struct file *f, const struct cedar_schema *schema)
{
    struct cedar_policies *set = parse(l, f->text, f->path);
    struct at p = {l, set, 0, f->path, arena_list(&l->trees, set ? cedar_policies_count(set) + 1 : 1, sizeof(bool))};
    if (set == NULL || p.told == NULL)
        return l->memory = l->memory || p.told == NULL, set;
    for (p.policy = 0; p.policy < cedar_policies_count(set); p.policy++)
        check_policy(&p);
    cedar_policies_walk_context(set, check_context, &p);
    if (schema)
        policies_validate(l, set, schema, p.told);
    return set;
}

static bool
replaced(struct loader *l, struct cedar_policies *const *sets, size_t n, struct cedar_str id)
{
    for (size_t s = 0; s < n; s++)
        for (size_t i = 0; i < cedar_policies_count(sets[s]); i++)
            if (bytes_eq(of(cedar_policy_id(sets[s], i)), of(id))) {
                struct bytes file = of(cedar_policy_file(sets[s], i));
                finding_add(l, FINDING_WARNING, keep(l, file), (int)cedar_policy_line(sets[s], i), 0, "@id: replaces the built-in policy '%.*s'",
                            BYTES_CUT(of(id), 128));
                return true;
            }
    return false;
}

/* The built-in policies without those that the estate replaces by declaring one with the same @id. */
static struct cedar_policies *
builtin_without(struct loader *l, struct bytes builtin, struct cedar_policies *const *sets, size_t n)
{
    struct cedar_policies *all = parse(l, builtin, BUILTIN_FILE), *rest = NULL;
    struct buf text = buf_make(CEDAR_MAX_POLICY_BYTES);
    size_t left_out = 0;
    for (size_t i = 0; all && i < cedar_policies_count(all); i++) {
        if (replaced(l, sets, n, cedar_policy_id(all, i)))
            left_out++;
        else
            buf_put(&text, of(cedar_policy_source(all, i))), buf_putc(&text, '\n');
    }
    if (left_out == 0) {
        rest = cedar_policies_ref(all);
    } else {
        l->memory = l->memory || text.failed;
        rest = parse(l, buf_bytes(&text), BUILTIN_FILE);
    }
    cedar_policies_unref(all);
    buf_free(&text);
    return rest;
}

static void
join_sets(struct loader *l, struct cedar_policies **sets, size_t n)
{
    struct cedar_error e = {0};
    if (cedar_policies_join(sets, n, &l->estate->policies, &e))
        return;
    if (e.code == CEDAR_MEMORY)
        l->memory = true;
    finding_add(l, FINDING_ERROR, "policies", (int)e.line, (int)e.column, "%s", e.text);
}

/* Tests are run by who asks for it; here they only become part of the estate and of its version. */
static void
keep_tests(struct loader *l)
{
    struct estate *e = l->estate;
    size_t n;
    struct file *files = files_list(l, "policies", TEST_ENDING, &n);
    e->tests = estate_list(l, n, sizeof *e->tests);
    for (; e->tests && e->n_tests < n; e->n_tests++)
        e->tests[e->n_tests] = (struct policy_tests){files[e->n_tests].path, files[e->n_tests].text};
}

void
load_policies(struct loader *l, struct bytes builtin)
{
    size_t n_files, n = 0;
    struct file *files = files_list(l, "policies", ".cedar", &n_files);
    struct cedar_policies **sets = arena_list(&l->trees, n_files + 1, sizeof *sets);
    struct cedar_schema *schema = NULL;
    if (sets == NULL || l->memory || (!policy_schema(l, &schema) && l->memory)) {
        l->memory = true;
        return;
    }
    for (size_t i = 0; i < n_files; i++) {
        struct cedar_policies *set = read_policies(l, &files[i], schema);
        if (set)
            sets[n++] = set;
    }
    if (l->estate->settings.builtin_policies && builtin.n) {
        struct cedar_policies *set = builtin_without(l, builtin, sets, n);
        if (set && schema)
            policies_validate_builtin(l, set, schema);
        if (set)
            sets[n++] = set;
    }
    join_sets(l, sets, n);
    keep_tests(l);
    l->estate->schema = schema;
    while (n--)
        cedar_policies_unref(sets[n]);
}
