/*
 * The official conformance corpus against our engine.
 *
 *     cedar_corpus DIR [GOLDEN]     every case below DIR, in the format of cedar-integration-tests: policies, entities and requests;
 *                                   compared are the decision and the sets of determining and of erroring policies. GOLDEN (JSON lines
 *                                   of the official engine's full answers) adds a comparison of the texts of errors.
 *     cedar_corpus --probes FILE    expressions and policies with the official engine's answer, one a line.
 *
 * Prints the first disagreements, what was skipped, and one last line. Exit: 0 all agree, 1 some do not, 3 could not look.
 */
#include "base/json.h"
#include "writ/cedar.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#define SHOWN 20
#define FILE_MAX ((size_t)256 << 20)

static struct {
    size_t requests, agree, skipped, texts, texts_agree, shown, explicit_references, compiled, compiled_agree;
} total;

static const struct json_limits limits = {.bytes = (size_t)64 << 20, .depth = 256, .nodes = 4000000};

__attribute__((noreturn, format(printf, 1, 2))) static void
stop(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    exit(3);
}

static struct cedar_str
to_str(struct bytes b)
{
    return (struct cedar_str){(const char *)b.at, b.n};
}

static struct bytes
to_bytes(struct cedar_str s)
{
    return bytes_make(s.at, s.n);
}

static struct buf
read_file(const char *path)
{
    struct buf b = buf_make(FILE_MAX);
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        stop("cannot open %s", path);
    for (size_t n = 1; n > 0;) {
        uint8_t *room = buf_room(&b, 1 << 16);
        if (room == NULL)
            stop("%s is too large", path);
        n = fread(room, 1, 1 << 16, f);
        b.n += n;
    }
    fclose(f);
    return b;
}

static bool
show(void)
{
    return total.shown++ < SHOWN;
}

/* ---------------------------------------------------------------------------------------------------------------- cases */

struct loaded {
    struct cedar_policies *policies;
    struct cedar_entities *entities;
    struct cedar_engine *engine;
    struct cedar_scratch *scratch;
    const struct json *golden; /* the requests of the case in GOLDEN, or NULL */
};

static struct cedar_uid
uid_of(const struct json *v)
{
    const struct json *inner = json_get(v, "__entity");
    v = inner ? inner : v;
    return (struct cedar_uid){to_str(json_text(v, "type")), to_str(json_text(v, "id"))};
}

static bool
listed(const struct json *list, struct cedar_str id)
{
    for (const struct json *v = list ? list->child : NULL; v; v = v->next)
        if (bytes_eq(v->text, to_bytes(id)))
            return true;
    return false;
}

static bool
same_ids(const struct loaded *l, const struct json *expected, const size_t *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!listed(expected, cedar_policy_id(l->policies, list[i])))
            return false;
    return expected && expected->count == n;
}

static bool
same_errors(const struct loaded *l, const struct json *expected, const struct cedar_answer *a)
{
    for (size_t i = 0; i < a->n_errors; i++)
        if (!listed(expected, cedar_policy_id(l->policies, a->errors[i].policy)))
            return false;
    return expected && expected->count == a->n_errors;
}

static bool
same_answer(const struct loaded *l, const struct json *request, const struct cedar_answer *a)
{
    bool allow = cedar_decision(a);
    const size_t *reasons = a->n_forbids ? a->forbids : a->permits;
    return bytes_is(json_text(request, "decision"), allow ? "allow" : "deny") &&
           same_ids(l, json_get(request, "reason"), reasons, a->n_forbids ? a->n_forbids : a->n_permits) &&
           same_errors(l, json_get(request, "errors"), a);
}

/* Our texts show a zero byte as "\\0", so that a text is one C string. */
static bool
same_text(struct bytes theirs, const char *ours)
{
    struct buf b = buf_make(1 << 20);
    for (size_t i = 0; i < theirs.n; i++) {
        if (theirs.at[i])
            buf_putc(&b, theirs.at[i]);
        else
            buf_puts(&b, "\\0");
    }
    bool same = bytes_is(buf_bytes(&b), ours);
    buf_free(&b);
    return same;
}

static void
compare_texts(const struct loaded *l, const struct json *golden, const struct cedar_answer *a, const char *path)
{
    const struct json *errors = json_get(json_get(json_get(golden, "response"), "diagnostics"), "errors");
    for (const struct json *e = errors ? errors->child : NULL; e; e = e->next) {
        struct bytes id = json_text(e, "policyId"), text = json_text(json_get(e, "error"), "message");
        for (size_t i = 0; i < a->n_errors; i++) {
            if (!bytes_eq(to_bytes(cedar_policy_id(l->policies, a->errors[i].policy)), id))
                continue;
            total.texts++;
            if (same_text(text, a->errors[i].text))
                total.texts_agree++;
            else if (show())
                printf("%s: text\n  theirs %.*s\n  ours   %s\n", path, BYTES_ARG(text), a->errors[i].text);
        }
    }
}

static void
print_answer(const struct loaded *l, const struct cedar_answer *a)
{
    printf("  ours: %s", cedar_decision(a) ? "allow" : "deny");
    for (size_t i = 0; i < a->n_errors; i++)
        printf(", %.*s errs: %s", BYTES_ARG(to_bytes(cedar_policy_id(l->policies, a->errors[i].policy))), a->errors[i].text);
    putchar('\n');
}

/* The compiled engine must give the very same answer, error texts included, with its index and without. */
static void
compare_compiled(const struct loaded *l, const struct cedar_request *q, const struct cedar_answer *reference, const char *path)
{
    for (int i = 0; i < 2; i++) {
        struct cedar_decide_options options = {.no_index = i == 1};
        struct cedar_answer a;
        if (!cedar_decide(l->engine, q, &options, l->scratch, &a))
            stop("%s: out of memory", path);
        bool same = a.n_permits == reference->n_permits && a.n_forbids == reference->n_forbids && a.n_errors == reference->n_errors;
        for (size_t k = 0; same && k < a.n_permits; k++)
            same = a.permits[k] == reference->permits[k];
        for (size_t k = 0; same && k < a.n_forbids; k++)
            same = a.forbids[k] == reference->forbids[k];
        for (size_t k = 0; same && k < a.n_errors; k++)
            same = a.errors[k].policy == reference->errors[k].policy && strcmp(a.errors[k].text, reference->errors[k].text) == 0;
        total.compiled++;
        total.compiled_agree += same;
        if (!same && show())
            printf("%s: the compiled engine disagrees (%s index): %zu permits, %zu forbids, %zu errors: %s\n  not %s\n", path, i ? "no" : "with",
                   a.n_permits, a.n_forbids, a.n_errors, a.n_errors ? a.errors[0].text : "", reference->n_errors ? reference->errors[0].text : "");
    }
}

static void
run_request(const struct loaded *l, const struct json *request, const struct json *golden, const char *path)
{
    struct cedar_error error;
    struct cedar_answer a;
    struct bytes about = json_text(request, "description"), context = json_get(request, "context")->raw;
    cedar_scratch_reset(l->scratch);
    total.requests++;
    struct cedar_request q = {uid_of(json_get(request, "principal")), uid_of(json_get(request, "action")), uid_of(json_get(request, "resource")),
                              cedar_value_json(l->scratch, to_str(context), &error)};
    if (q.context == NULL) {
        total.skipped++;
        printf("%s: %.*s: skipped, its context needs the schema: %s\n", path, BYTES_ARG(about), error.text);
        return;
    }
    if (!cedar_evaluate(l->policies, l->entities, &q, l->scratch, &a))
        stop("%s: out of memory", path);
    compare_compiled(l, &q, &a, path);
    if (golden)
        compare_texts(l, golden, &a, path);
    if (same_answer(l, request, &a)) {
        total.agree++;
    } else if (show()) {
        printf("%s: %.*s: expected %.*s\n", path, BYTES_ARG(about), BYTES_ARG(json_text(request, "decision")));
        print_answer(l, &a);
    }
}

static const struct json *golden_lines; /* an array of cases, in the order of their names */

static const struct json *
golden_of(const char *path)
{
    static const struct json *next;
    const char *base = strrchr(path, '/');
    if (next == NULL && golden_lines)
        next = golden_lines->child;
    for (const struct json *v = next; v; v = v->next)
        if (bytes_is(json_text(v, "case"), base ? base + 1 : path))
            return next = v, json_get(v, "requests");
    return NULL;
}

static struct buf
read_named(const char *dir, const struct json *test, const char *key)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%.*s", dir, BYTES_ARG(json_text(test, key)));
    return read_file(path);
}

static void
skip_case(const char *path, const struct json *requests, const char *why)
{
    total.skipped += requests->count;
    total.requests += requests->count;
    printf("%s: skipped: %s\n", path, why);
}

static bool
is_bare_reference(const struct json *v)
{
    return json_is(v, JSON_OBJECT) && v->count == 2 && json_is(json_get(v, "type"), JSON_STRING) && json_is(json_get(v, "id"), JSON_STRING);
}

/*
 * The handwritten cases lean on their schema: {"type", "id"} stands for an entity reference. We have no schemas yet, so the runner writes
 * the escape that the schema would have implied. ${inside} is false above attrs and below an escape.
 */
static void
put_explicit(struct buf *b, const struct json *v, bool inside)
{
    bool bare = inside && is_bare_reference(v);
    if (bare)
        buf_puts(b, "{\"__entity\":"), total.explicit_references++;
    if (!bare && (v->type == JSON_OBJECT || v->type == JSON_ARRAY)) {
        json_open(b, v->type == JSON_OBJECT ? '{' : '[');
        for (const struct json *c = v->child; c; c = c->next) {
            bool object = v->type == JSON_OBJECT, escape = object && bytes_is(c->key, "__entity");
            if (object)
                json_key_bytes(b, c->key);
            else
                json_item(b);
            put_explicit(b, c, (inside || (object && (bytes_is(c->key, "attrs") || bytes_is(c->key, "tags")))) && !escape);
        }
        json_close(b, v->type == JSON_OBJECT ? '}' : ']');
    } else {
        buf_put(b, v->raw);
    }
    if (bare)
        buf_putc(b, '}');
}

static bool
load_entities(const struct buf *text, struct cedar_entities **out, struct cedar_error *error)
{
    struct arena a = {.max = (size_t)1 << 30};
    struct buf explicit = buf_make(FILE_MAX);
    struct json *v;
    bool ok = !err_failed(json_parse(&a, buf_bytes(text), &limits, &v));
    if (ok)
        put_explicit(&explicit, v, false);
    ok = cedar_entities_json(to_str(buf_bytes(ok ? &explicit : text)), out, error);
    buf_free(&explicit);
    arena_free(&a);
    return ok;
}

static void
compile_case(struct loaded *l, const char *path)
{
    struct cedar_error error;
    struct cedar_store *store;
    if (!cedar_store_compile(l->entities, &store, &error) || !cedar_engine_compile(l->policies, store, &l->engine, &error))
        stop("%s: cannot be compiled: %s", path, error.text);
    cedar_store_unref(store);
}

static void
run_case(const char *dir, const char *path, const struct json *test)
{
    const struct json *requests = json_get(test, "requests");
    struct loaded l = {.scratch = cedar_scratch_new((size_t)64 << 20), .golden = golden_of(path)};
    struct cedar_error error;
    struct buf policies = read_named(dir, test, "policies"), entities = read_named(dir, test, "entities");
    bool parsed = cedar_policies_parse(to_str(buf_bytes(&policies)), path, false, &l.policies, &error);
    if (!parsed)
        stop("%s: line %u, column %u: %s", path, error.line, error.column, error.text);
    if (!load_entities(&entities, &l.entities, &error)) {
        skip_case(path, requests, error.text);
    } else {
        compile_case(&l, path);
        const struct json *golden = l.golden ? l.golden->child : NULL;
        for (const struct json *r = requests->child; r; r = r->next, golden = golden ? golden->next : NULL)
            run_request(&l, r, golden, path);
    }
    cedar_engine_unref(l.engine);
    cedar_policies_unref(l.policies);
    cedar_entities_unref(l.entities);
    cedar_scratch_free(l.scratch);
    buf_free(&policies);
    buf_free(&entities);
}

/* ---------------------------------------------------------------------------------------------------------------- files */

static char **paths;
static size_t n_paths;

static int
visit(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)ftw;
    struct bytes b = bytes_str(path);
    if (flag != FTW_F || !bytes_ends(b, BYTES(".json")) || bytes_ends(b, BYTES(".entities.json")))
        return 0;
    paths = realloc(paths, (n_paths + 1) * sizeof *paths);
    if (paths == NULL || (paths[n_paths++] = strdup(path)) == NULL)
        stop("out of memory");
    return 0;
}

static int
by_path(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
run_file(const char *dir, const char *path)
{
    struct arena a = {.max = (size_t)1 << 30};
    struct buf text = read_file(path);
    struct json *test;
    struct err e = json_parse(&a, buf_bytes(&text), &limits, &test);
    if (err_failed(e))
        stop("%s: %s", path, e.text);
    if (json_get(test, "policies") && json_get(test, "requests"))
        run_case(dir, path, test);
    arena_free(&a);
    buf_free(&text);
}

/* The lines of GOLDEN become one array; its tree points into ${list}. */
static void
load_golden(struct arena *a, const char *path, struct buf *list)
{
    struct buf text = read_file(path);
    buf_putc(list, '[');
    struct bytes rest = buf_bytes(&text);
    while (rest.n > 0) {
        if (list->n > 1)
            buf_putc(list, ',');
        buf_put(list, bytes_split(&rest, '\n'));
    }
    buf_putc(list, ']');
    struct json *v;
    struct json_limits l = {.bytes = FILE_MAX, .depth = 256, .nodes = 20000000};
    struct err e = json_parse(a, buf_bytes(list), &l, &v);
    if (list->failed || err_failed(e))
        stop("%s: %s", path, e.text);
    golden_lines = v;
    buf_free(&text);
}

static int
run_corpus(const char *dir, const char *golden)
{
    struct arena a = {.max = (size_t)4 << 30};
    struct buf list = buf_make(FILE_MAX);
    if (golden)
        load_golden(&a, golden, &list);
    if (nftw(dir, visit, 16, FTW_PHYS) != 0)
        stop("cannot read %s", dir);
    qsort(paths, n_paths, sizeof *paths, by_path);
    for (size_t i = 0; i < n_paths; i++)
        run_file(dir, paths[i]), free(paths[i]);
    free(paths);
    if (golden)
        printf("texts %zu agree %zu\n", total.texts, total.texts_agree);
    if (total.explicit_references)
        printf("entity references that only the schema tells from records: %zu, made explicit\n", total.explicit_references);
    if (total.skipped)
        printf("skipped %zu requests\n", total.skipped);
    printf("compiled decisions %zu agree %zu\n", total.compiled, total.compiled_agree);
    printf("requests %zu agree %zu\n", total.requests - total.skipped, total.agree);
    arena_free(&a);
    buf_free(&list);
    return total.agree + total.skipped == total.requests && total.compiled == total.compiled_agree ? 0 : 1;
}

/* --------------------------------------------------------------------------------------------------------------- probes */

/* A line is "<group> <input>   => <answer>"; groups str and syn write their input as a JSON string. */
struct probe {
    struct bytes group, input, answer;
};

static bool
split_probe(struct arena *a, struct bytes line, struct probe *p)
{
    size_t arrow = bytes_search(line, BYTES(" => "));
    struct bytes rest = bytes_trim(bytes_sub(line, 0, arrow));
    p->group = bytes_split(&rest, ' ');
    p->input = rest;
    p->answer = bytes_sub(line, arrow + 4, line.n);
    if (arrow == line.n || !(bytes_is(p->group, "str") || bytes_is(p->group, "syn")))
        return arrow < line.n;
    struct json *v;
    if (err_failed(json_parse(a, p->input, NULL, &v)) || v->type != JSON_STRING)
        return false;
    p->input = v->text;
    return true;
}

static bool
is_expression(struct bytes group)
{
    static const char *const groups[] = {"str", "int", "rec", "ent", "ext"};
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        if (bytes_is(group, groups[i]))
            return true;
    return false;
}

/* Our answer in the words of the file. */
static void
answer_probe(struct bytes text, bool expression, struct buf *out)
{
    struct cedar_policies *policies;
    struct cedar_error error;
    struct cedar_answer a;
    if (!cedar_policies_parse(to_str(text), "probe", false, &policies, &error)) {
        buf_printf(out, "REJECT failed to parse policies from string: %s", error.text);
        return;
    }
    struct cedar_scratch *s = cedar_scratch_new(1 << 20);
    struct cedar_value *context = cedar_record(s);
    cedar_record_put(s, context, (struct cedar_str){"x", 1}, cedar_string(s, (struct cedar_str){"1.2.3.4", 7}));
    struct cedar_request q = {{{"U", 1}, {"a", 1}}, {{"Action", 6}, {"x", 1}}, {{"R", 1}, {"r", 1}}, context};
    if (!cedar_evaluate(policies, NULL, &q, s, &a))
        stop("out of memory");
    if (!expression)
        buf_puts(out, "OK");
    else if (a.n_errors)
        buf_printf(out, "EVALERR %s", a.errors[0].text);
    else
        buf_puts(out, a.n_permits ? "true" : "false");
    cedar_scratch_free(s);
    cedar_policies_unref(policies);
}

static struct bytes
first_word(struct bytes b)
{
    return bytes_split(&b, ' ');
}

static void
run_probe(const struct probe *p)
{
    struct buf text = buf_make(1 << 20), ours = buf_make(1 << 20);
    bool expression = is_expression(p->group);
    buf_puts(&text, expression ? "permit(principal,action,resource) when { " : "");
    buf_put(&text, p->input);
    buf_puts(&text, expression ? " };" : "");
    answer_probe(buf_bytes(&text), expression, &ours);
    /* A template alone is refused by the official call that made the file, not by its parser. */
    bool template = bytes_search(p->answer, BYTES("static policy set includes a template")) < p->answer.n;
    bool agree = template || bytes_eq(first_word(p->answer), first_word(buf_bytes(&ours)));
    total.requests++;
    total.agree += agree;
    total.texts++;
    total.texts_agree += bytes_starts(buf_bytes(&ours), p->answer) || template;
    if (!agree || (!bytes_starts(buf_bytes(&ours), p->answer) && !template))
        printf("%s %.*s %.*s\n  theirs %.*s\n  ours   %s\n", agree ? "text" : "DISAGREES", BYTES_ARG(p->group), BYTES_ARG(p->input),
               BYTES_ARG(p->answer), buf_text(&ours));
    buf_free(&text);
    buf_free(&ours);
}

static int
run_probes(const char *path)
{
    struct arena a = {.max = 0};
    struct buf text = read_file(path);
    struct bytes rest = buf_bytes(&text);
    while (rest.n > 0) {
        struct bytes line = bytes_split(&rest, '\n');
        struct probe p;
        if (split_probe(&a, line, &p) && (is_expression(p.group) || bytes_is(p.group, "syn")))
            run_probe(&p);
    }
    printf("probe texts %zu agree %zu\n", total.texts, total.texts_agree);
    printf("probes %zu agree %zu\n", total.requests, total.agree);
    arena_free(&a);
    buf_free(&text);
    return total.agree == total.requests ? 0 : 1;
}

int
main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--probes") == 0)
        return run_probes(argv[2]);
    if (argc == 2 || argc == 3)
        return run_corpus(argv[1], argc == 3 ? argv[2] : NULL);
    fprintf(stderr, "usage: cedar_corpus DIR [GOLDEN] | cedar_corpus --probes FILE\n");
    return 2;
}
