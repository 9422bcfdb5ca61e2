/*
 * The validator against the official one.
 *
 *     cedar_validation DIR GOLDEN   DIR holds CASE.cedar, CASE.cedarschema and CASE.json of the official corpus; GOLDEN, one JSON object a
 *                                   line, what the official engine says of each: {"case", "validate": {"validationErrors",
 *                                   "validationWarnings"}}.
 *
 * Compared, as multisets: policy, severity, message, help and place of every finding; and whether the policies validate with the flag
 * "shouldValidate" of the case. That flag is of an older engine, for which a scope without an applicable action was an error.
 * Of names that are equally near an unknown one, the official engine suggests any: a finding that differs only there counts as found,
 * and among "suggestions".
 *
 * Prints the first differences and one last line. Exit: 0 all agree, 1 some do not, 3 could not look.
 */
#include "base/json.h"
#include "writ/cedar.h"

#include <stdio.h>
#include <stdlib.h>

#define SHOWN 20
#define LINE_MAX_BYTES ((size_t)64 << 20)
#define NO_ACTION "unable to find an applicable action"

static struct {
    size_t cases, equal, findings, found, flags, flags_equal, flags_explained, suggestions, shown;
} total;

__attribute__((noreturn)) static void
stop(const char *what, const char *about)
{
    fprintf(stderr, "%s: %s\n", about, what);
    exit(3);
}

static struct buf
read_file(const char *path)
{
    struct buf b = buf_make(LINE_MAX_BYTES);
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        stop("cannot open", path);
    for (size_t n = 1; n > 0;) {
        uint8_t *room = buf_room(&b, 1 << 16);
        if (room == NULL)
            stop("too large", path);
        n = fread(room, 1, 1 << 16, f);
        b.n += n;
    }
    fclose(f);
    return b;
}

/* ------------------------------------------------------------------------------------------------------------- multisets */

/* Findings as texts, sorted. */
struct list {
    char **at;
    size_t n, cap;
};

static void
push(struct list *l, struct buf *text)
{
    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 16;
        l->at = realloc(l->at, l->cap * sizeof *l->at);
    }
    l->at[l->n++] = strdup(buf_text(text));
    buf_free(text);
}

static void
describe(struct list *l, bool warning, struct bytes policy, struct bytes message, struct bytes help, size_t start, size_t end)
{
    struct buf b = buf_make(LINE_MAX_BYTES);
    buf_printf(&b, "%s %zu-%zu ", warning ? "warning" : "error", start, end);
    json_put_text(&b, policy);
    json_put_text(&b, message);
    json_put_text(&b, help);
    push(l, &b);
}

static int
cmp_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
list_free(struct list *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->at[i]);
    free(l->at);
}

static void
list_official(struct list *l, const struct json *findings, bool warning)
{
    for (const struct json *v = findings ? findings->child : NULL; v; v = v->next) {
        const struct json *error = json_get(v, "error"), *places = json_get(error, "sourceLocations");
        const struct json *start = places ? json_get(places->child, "start") : NULL, *end = places ? json_get(places->child, "end") : NULL;
        describe(l, warning, json_text(v, "policyId"), json_text(error, "message"), json_text(error, "help"), start ? (size_t)start->number : 0,
                 end ? (size_t)end->number : 0);
    }
}

static struct bytes
to_bytes(struct cedar_str s)
{
    return bytes_make(s.at, s.n);
}

static void
list_ours(struct list *l, const struct cedar_policies *p, const struct cedar_findings *f)
{
    for (size_t i = 0; i < f->n; i++)
        describe(l, f->at[i].kind == CEDAR_FINDING_WARNING, to_bytes(cedar_policy_id(p, f->at[i].policy)), to_bytes(f->at[i].message),
                 to_bytes(f->at[i].help), f->at[i].start, f->at[i].end);
}

/* How much of a text to compare: of an unknown name all before the suggestion. */
static size_t
firm_part(const char *text)
{
    const char *suggestion = strstr(text, "unrecognized ") ? strstr(text, "\"did you mean ") : NULL;
    return suggestion ? (size_t)(suggestion - text) + strlen("\"did you mean ") : strlen(text) + 1;
}

static int
cmp_firm(const char *a, const char *b)
{
    size_t n = firm_part(a), m = firm_part(b);
    int c = n == m ? strncmp(a, b, n) : strcmp(a, b);
    total.suggestions += c == 0 && strcmp(a, b) != 0;
    return c;
}

/* Both sorted. Prints what only one of them has. */
static size_t
count_common(const char *name, const struct list *want, const struct list *have)
{
    size_t common = 0, i = 0, k = 0;
    while (i < want->n || k < have->n) {
        int c = i == want->n ? 1 : k == have->n ? -1 : cmp_firm(want->at[i], have->at[k]);
        if (c != 0 && total.shown++ < SHOWN)
            printf("%s: %s %s\n", name, c < 0 ? "missing" : "extra  ", c < 0 ? want->at[i] : have->at[k]);
        common += c == 0;
        i += c <= 0;
        k += c >= 0;
    }
    return common;
}

/* ---------------------------------------------------------------------------------------------------------------- cases */

static bool
has_no_action(const struct cedar_findings *f)
{
    for (size_t i = 0; i < f->n; i++)
        if (bytes_search(to_bytes(f->at[i].message), BYTES(NO_ACTION)) < f->at[i].message.n)
            return true;
    return false;
}

static void
compare_flag(const char *path, const struct cedar_findings *f)
{
    struct arena a = {0};
    struct json *v;
    struct buf text = read_file(path);
    if (err_failed(json_parse(&a, buf_bytes(&text), NULL, &v)))
        stop("no JSON", path);
    const struct json *flag = json_get(v, "shouldValidate");
    bool equal = flag && flag->truth == (f->n_errors == 0);
    total.flags++;
    total.flags_equal += equal;
    total.flags_explained += !equal && f->n_errors == 0 && has_no_action(f);
    arena_free(&a);
    buf_free(&text);
}

static void
compare(const char *name, const struct json *official, const struct cedar_policies *p, const struct cedar_findings *f)
{
    struct list want = {NULL, 0, 0}, have = {NULL, 0, 0};
    list_official(&want, json_get(official, "validationErrors"), false);
    list_official(&want, json_get(official, "validationWarnings"), true);
    list_ours(&have, p, f);
    if (want.n)
        qsort(want.at, want.n, sizeof *want.at, cmp_texts);
    if (have.n)
        qsort(have.at, have.n, sizeof *have.at, cmp_texts);
    size_t common = count_common(name, &want, &have);
    total.findings += want.n;
    total.found += common;
    total.equal += common == want.n && common == have.n;
    list_free(&want);
    list_free(&have);
}

static void
run_case(const char *dir, const struct json *line)
{
    char path[4096];
    struct bytes file = json_text(line, "case");
    struct cedar_policies *p = NULL;
    struct cedar_schema *s = NULL;
    struct cedar_findings *f = NULL;
    struct cedar_error error;
    int stem = (int)file.n - 5; /* without .json */
    snprintf(path, sizeof path, "%s/%.*s.cedarschema", dir, stem, (const char *)file.at);
    struct buf schema = read_file(path);
    snprintf(path, sizeof path, "%s/%.*s.cedar", dir, stem, (const char *)file.at);
    struct buf policy = read_file(path);
    total.cases++;
    if (!cedar_schema_parse((struct cedar_str){buf_text(&schema), schema.n}, path, &s, &error) ||
        !cedar_policies_parse((struct cedar_str){buf_text(&policy), policy.n}, path, false, &p, &error) || !cedar_validate(p, s, NULL, &f, &error)) {
        printf("%s: %s\n", path, error.text);
    } else {
        compare(path, json_get(line, "validate"), p, f);
        snprintf(path, sizeof path, "%s/%.*s", dir, (int)file.n, (const char *)file.at);
        compare_flag(path, f);
    }
    cedar_findings_free(f);
    cedar_policies_unref(p);
    cedar_schema_unref(s);
    buf_free(&schema);
    buf_free(&policy);
}

int
main(int argc, char **argv)
{
    static const struct json_limits limits = {.bytes = LINE_MAX_BYTES, .depth = 256, .nodes = 4000000};
    struct arena a = {0};
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    FILE *golden = argc == 3 ? fopen(argv[2], "rb") : NULL;
    if (golden == NULL)
        stop("usage: cedar_validation DIR GOLDEN", argv[0]);
    while ((n = getline(&line, &cap, golden)) > 0) {
        struct json *v;
        if (err_failed(json_parse(&a, bytes_make(line, (size_t)n - (line[n - 1] == '\n')), &limits, &v)))
            stop("a line is no JSON", argv[2]);
        run_case(argv[1], v);
        arena_reset(&a);
    }
    free(line);
    fclose(golden);
    arena_free(&a);
    printf("validation: cases %zu equal %zu, findings %zu equal %zu, suggestions %zu, shouldValidate %zu equal %zu explained %zu\n", total.cases,
           total.equal, total.findings, total.found, total.suggestions, total.flags, total.flags_equal, total.flags_explained);
    return total.equal == total.cases && total.flags_equal + total.flags_explained == total.flags ? 0 : 1;
}
