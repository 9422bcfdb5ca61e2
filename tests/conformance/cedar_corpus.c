/*
 * The official conformance corpus against our engine.
 *
 *     cedar_corpus DIR [GOLDEN]     every case below DIR, in the format of cedar-integration-tests: policies, entities and requests;
 *                                   compared are the decision and the sets of determining and of erroring policies, by the reference
 *                                   evaluator and the compiled engine, and whether the policies validate. GOLDEN (JSON lines of the
 *                                   official engine's full answers) adds a comparison of the texts of errors.
 *
 * Prints the first twenty disagreements and one last line. Exit: 0 all agree, 1 some do not, 3 could not look.
 */
#include "base/json.h"
#include "writ/cedar.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SHOWN 20
#define FILE_MAX ((size_t)256 << 20)

static struct {
    size_t requests, agree, texts, texts_agree, validations, validations_agree, validations_since, shown;
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
    struct cedar_schema *schema;
    struct cedar_entities *entities;
    struct cedar_store *store;
    struct cedar_engine *engine;
    struct cedar_scratch *scratch, *again;
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

static bool
same_list(const size_t *a, size_t n, const size_t *b, size_t m)
{
    return n == m && (n == 0 || memcmp(a, b, n * sizeof *a) == 0);
}

/* The compiled engine, with its index and without, says what the reference says: texts, too. */
static bool
engines_agree(const struct loaded *l, const struct cedar_request *q, const struct cedar_answer *reference)
{
    bool same = true;
    for (int off = 0; off < 2; off++) {
        struct cedar_decide_options options = {.no_index = off};
        struct cedar_answer a;
        cedar_scratch_reset(l->again);
        if (!cedar_decide(l->engine, q, &options, l->again, &a))
            stop("out of memory");
        same = same && same_list(a.permits, a.n_permits, reference->permits, reference->n_permits) &&
               same_list(a.forbids, a.n_forbids, reference->forbids, reference->n_forbids) && a.n_errors == reference->n_errors;
        for (size_t i = 0; same && i < a.n_errors; i++)
            same = a.errors[i].policy == reference->errors[i].policy && strcmp(a.errors[i].text, reference->errors[i].text) == 0;
    }
    return same;
}

static bool
is_false(const struct json *v)
{
    return json_is(v, JSON_BOOL) && !v->truth;
}

static bool
read_request(const struct loaded *l, const struct json *request, struct cedar_request *q, struct cedar_error *error)
{
    *q = (struct cedar_request){uid_of(json_get(request, "principal")), uid_of(json_get(request, "action")), uid_of(json_get(request, "resource")),
                                NULL};
    q->context = cedar_context_json_schema(l->scratch, to_str(json_get(request, "context")->raw), l->schema, &q->action, error);
    return q->context && (is_false(json_get(request, "validateRequest")) || cedar_request_check(l->schema, q, error));
}

static void
run_request(const struct loaded *l, const struct json *request, const struct json *golden, const char *path)
{
    struct cedar_error error;
    struct cedar_answer a;
    struct cedar_request q;
    struct bytes about = json_text(request, "description");
    cedar_scratch_reset(l->scratch);
    total.requests++;
    if (!read_request(l, request, &q, &error)) {
        if (show())
            printf("%s: %.*s: refused: %s\n", path, BYTES_ARG(about), error.text);
        return;
    }
    if (!cedar_evaluate(l->policies, l->entities, &q, l->scratch, &a))
        stop("%s: out of memory", path);
    if (golden)
        compare_texts(l, golden, &a, path);
    bool alike = engines_agree(l, &q, &a);
    if (alike && same_answer(l, request, &a)) {
        total.agree++;
    } else if (show()) {
        printf("%s: %.*s: expected %.*s%s\n", path, BYTES_ARG(about), BYTES_ARG(json_text(request, "decision")),
               alike ? "" : "; the compiled engine and the reference differ");
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

/* The file that a case names: its path from a folder above the case, up to the top one, or just its last part beside the case. */
static struct buf
read_named(const char *dir, const char *path, const struct json *test, const char *key)
{
    char file[8192];
    struct bytes name = json_text(test, key);
    for (size_t n = strlen(path); n-- > strlen(dir);) {
        snprintf(file, sizeof file, "%.*s/%.*s", (int)n, path, BYTES_ARG(name));
        if (path[n] == '/' && access(file, R_OK) == 0)
            return read_file(file);
    }
    const char *slash = strrchr(path, '/');
    while (bytes_find(name, '/') < name.n)
        bytes_split(&name, '/');
    snprintf(file, sizeof file, "%.*s%.*s", slash ? (int)(slash - path + 1) : 0, path, BYTES_ARG(name));
    return read_file(file);
}

static bool
is_json(const struct json *test, const char *key)
{
    return bytes_is(json_text(test, key), "json");
}

static bool
load(struct loaded *l, const char *dir, const char *path, const struct json *test, struct cedar_error *error)
{
    struct buf policies = read_named(dir, path, test, "policies"), schema = read_named(dir, path, test, "schema");
    struct buf entities = read_named(dir, path, test, "entities");
    struct cedar_str p = to_str(buf_bytes(&policies)), s = to_str(buf_bytes(&schema)), e = to_str(buf_bytes(&entities));
    bool ok =
        (is_json(test, "policyFormat") ? cedar_policies_json(p, path, &l->policies, error)
                                       : cedar_policies_parse(p, path, false, &l->policies, error)) &&
        (is_json(test, "schemaFormat") ? cedar_schema_parse_json(s, path, &l->schema, error) : cedar_schema_parse(s, path, &l->schema, error)) &&
        cedar_entities_json_schema(e, l->schema, &l->entities, error) && cedar_store_compile(l->entities, &l->store, error) &&
        cedar_engine_compile(l->policies, l->store, &l->engine, error);
    buf_free(&policies);
    buf_free(&schema);
    buf_free(&entities);
    return ok;
}

static void
unload(struct loaded *l)
{
    cedar_engine_unref(l->engine);
    cedar_store_unref(l->store);
    cedar_policies_unref(l->policies);
    cedar_schema_unref(l->schema);
    cedar_entities_unref(l->entities);
    cedar_scratch_free(l->scratch);
    cedar_scratch_free(l->again);
}

/* Until 4.13 a policy that no action applies to did not validate; since then it does, with a warning. The corpus is older. */
static bool
was_error(const struct cedar_findings *f)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->at[i].kind == CEDAR_FINDING_WARNING &&
            bytes_search(to_bytes(f->at[i].message), BYTES("unable to find an applicable action")) < f->at[i].message.n)
            return true;
    return false;
}

static void
run_validation(const struct loaded *l, const struct json *test, const char *path)
{
    const struct json *should = json_get(test, "shouldValidate");
    struct cedar_findings *f;
    struct cedar_error error;
    total.validations++;
    if (!cedar_validate(l->policies, l->schema, NULL, &f, &error)) {
        if (show())
            printf("%s: validation: %s\n", path, error.text);
        return;
    }
    bool passes = f->n_errors == 0, agree = passes == (should && should->truth);
    if (!agree && passes && was_error(f))
        agree = true, total.validations_since++;
    total.validations_agree += agree;
    if (!agree && show())
        printf("%s: validation: expected %s; %zu errors%s%.*s\n", path, passes ? "errors" : "none", f->n_errors, f->n ? ", first finding: " : "",
               BYTES_ARG(f->n ? to_bytes(f->at[0].message) : bytes_str("")));
    cedar_findings_free(f);
}

static void
run_case(const char *dir, const char *path, const struct json *test)
{
    const struct json *requests = json_get(test, "requests"), *golden = golden_of(path);
    struct loaded l = {.scratch = cedar_scratch_new((size_t)64 << 20), .again = cedar_scratch_new((size_t)64 << 20)};
    struct cedar_error error;
    if (!load(&l, dir, path, test, &error)) {
        total.requests += requests->count;
        total.validations++;
        if (show())
            printf("%s: refused: line %u, column %u: %s\n", path, error.line, error.column, error.text);
    } else {
        run_validation(&l, test, path);
        golden = golden ? golden->child : NULL;
        for (const struct json *r = requests->child; r; r = r->next, golden = golden ? golden->next : NULL)
            run_request(&l, r, golden, path);
    }
    unload(&l);
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
    if (total.validations_since)
        printf("no applicable action, since 4.13 a warning: %zu cases\n", total.validations_since);
    printf("requests %zu agree %zu, validation %zu agree %zu\n", total.requests, total.agree, total.validations, total.validations_agree);
    arena_free(&a);
    buf_free(&list);
    return total.agree == total.requests && total.validations_agree == total.validations ? 0 : 1;
}

int
main(int argc, char **argv)
{
    if (argc == 2 || argc == 3)
        return run_corpus(argv[1], argc == 3 ? argv[2] : NULL);
    fprintf(stderr, "usage: cedar_corpus DIR [GOLDEN]\n");
    return 2;
}
