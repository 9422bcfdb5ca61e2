/*
 * The compiled Cedar engine on a world made by cedar/generate.py: bench_cedar WORLD PASSES.
 *
 * For each of the 1,000 requests the shortest of PASSES runs counts (the machine may be shared), less what reading the clock takes; printed
 * are the median and the 99th percentile of these, for requests that were looked up before, as strings, and as JSON, and the memory the
 * engine takes. WORLD/decisions.writ gets a letter for each request: A, D.
 */
#include "base/json.h"
#include "writ/cedar.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define FILE_MAX ((size_t)256 << 20)
#define PART ((size_t)900 << 10) /* of a policy file, in whole lines */

/* A value as a program has it before it calls the library. */
struct plan {
    enum { PLAN_BOOL, PLAN_LONG, PLAN_STRING, PLAN_IP, PLAN_SET, PLAN_RECORD } kind;
    struct cedar_str key, text;
    int64_t number;
    size_t n;
    struct plan *parts;
};

struct asked {
    struct cedar_request request;
    struct plan context;
    struct cedar_str json;
    struct cedar_ready ready;
};

struct bench {
    struct cedar_engine *engine;
    struct cedar_scratch *scratch, *kept;
    struct asked *at;
    size_t n;
    double clock_ns;
};

typedef bool run_fn(struct bench *b, const struct asked *a, struct cedar_answer *answer);

__attribute__((noreturn)) static void
stop(const char *what, const char *why)
{
    fprintf(stderr, "bench_cedar: %s: %s\n", what, why);
    exit(1);
}

static double
now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static size_t
rss_kb(void)
{
    char line[256];
    size_t kb = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmRSS: %zu", &kb) == 1)
            break;
    if (f)
        fclose(f);
    return kb;
}

static struct buf
read_file(const char *folder, const char *name)
{
    char path[4096];
    struct buf b = buf_make(FILE_MAX);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        stop(path, "cannot open");
    for (size_t n = 1; n > 0;) {
        uint8_t *room = buf_room(&b, 1 << 20);
        if (room == NULL)
            stop(path, "too large");
        n = fread(room, 1, 1 << 20, f);
        b.n += n;
    }
    fclose(f);
    return b;
}

static struct cedar_str
str(struct bytes b)
{
    return (struct cedar_str){(const char *)b.at, b.n};
}

static struct cedar_policies *
parse_policies(struct bytes text)
{
    struct cedar_policies *parts[256], *all;
    struct cedar_error e = {0};
    size_t n = 0;
    while (text.n > 0 && n < 256) {
        char name[16];
        size_t cut = text.n < PART ? text.n : PART;
        while (cut < text.n && text.at[cut - 1] != '\n')
            cut++;
        snprintf(name, sizeof name, "part%zu", n);
        if (!cedar_policies_parse(str(bytes_sub(text, 0, cut)), name, true, &parts[n++], &e))
            stop(name, e.text);
        text = bytes_sub(text, cut, text.n);
    }
    if (!cedar_policies_join(parts, n, &all, &e))
        stop("policies", e.text);
    for (size_t i = 0; i < n; i++)
        cedar_policies_unref(parts[i]);
    return all;
}

static struct cedar_engine *
load(const char *folder)
{
    struct buf policies = read_file(folder, "policies.cedar"), entities = read_file(folder, "entities.json");
    struct cedar_error e = {0};
    struct cedar_entities *set;
    struct cedar_store *store;
    struct cedar_engine *engine;
    struct cedar_policies *p = parse_policies(buf_bytes(&policies));
    if (!cedar_entities_json(str(buf_bytes(&entities)), &set, &e))
        stop("entities", e.text);
    double start = now_ns();
    if (!cedar_store_compile(set, &store, &e))
        stop("store", e.text);
    double middle = now_ns();
    if (!cedar_engine_compile(p, store, &engine, &e))
        stop("engine", e.text);
    printf("{\"engine\":\"writ\",\"policies\":%zu,\"compile_store_ms\":%.2f,\"compile_policies_ms\":%.2f,\"store_kb\":%zu,\"engine_kb\":%zu}\n",
           cedar_policies_count(p), (middle - start) / 1e6, (now_ns() - middle) / 1e6, cedar_store_bytes(store) >> 10,
           cedar_engine_bytes(engine) >> 10);
    buf_free(&policies);
    buf_free(&entities);
    cedar_entities_unref(set);
    cedar_store_unref(store);
    cedar_policies_unref(p);
    return engine;
}

/* ---------------------------------------------------------------------------------------------------------------- requests */

static struct plan
plan(struct arena *a, const struct json *v)
{
    static const int kinds[] = {
        [JSON_BOOL] = PLAN_BOOL, [JSON_INT] = PLAN_LONG, [JSON_STRING] = PLAN_STRING, [JSON_ARRAY] = PLAN_SET, [JSON_OBJECT] = PLAN_RECORD};
    struct plan p = {.kind = kinds[v->type], .key = str(v->key), .text = str(v->text), .number = v->type == JSON_BOOL ? v->truth : v->number};
    if (v->count == 1 && bytes_is(v->child->key, "__extn")) {
        p.kind = PLAN_IP;
        p.text = str(json_text(v->child, "arg"));
        return p;
    }
    p.parts = arena_list(a, v->count, sizeof *p.parts);
    if (p.parts == NULL)
        stop("requests.json", "out of memory");
    for (const struct json *m = v->child; m; m = m->next)
        p.parts[p.n++] = plan(a, m);
    return p;
}

static struct cedar_value *
value(struct cedar_scratch *s, const struct plan *p)
{
    UNINITIALIZED struct cedar_value *list[64];
    struct cedar_value *record;
    switch (p->kind) {
    case PLAN_BOOL:
        return cedar_bool(s, p->number != 0);
    case PLAN_LONG:
        return cedar_long(s, p->number);
    case PLAN_STRING:
        return cedar_string(s, p->text);
    case PLAN_IP:
        return cedar_ip(s, p->text);
    case PLAN_SET:
        for (size_t i = 0; i < p->n && i < 64; i++)
            list[i] = value(s, &p->parts[i]);
        return cedar_set(s, list, p->n < 64 ? p->n : 64);
    case PLAN_RECORD:
        break;
    }
    record = cedar_record(s);
    for (size_t i = 0; i < p->n; i++)
        cedar_record_put(s, record, p->parts[i].key, value(s, &p->parts[i]));
    return record;
}

static struct cedar_uid
uid(const struct json *v)
{
    return (struct cedar_uid){str(json_text(v, "type")), str(json_text(v, "id"))};
}

static void
read_requests(struct bench *b, const char *folder, struct arena *a, struct buf *text)
{
    struct json *list;
    struct json_limits limits = {.bytes = FILE_MAX, .depth = 64, .nodes = 2000000};
    *text = read_file(folder, "requests.json");
    struct err e = json_parse(a, buf_bytes(text), &limits, &list);
    if (err_failed(e))
        stop("requests.json", e.text);
    b->at = calloc(list->count, sizeof *b->at);
    if (b->at == NULL)
        stop("requests.json", "out of memory");
    for (const struct json *v = list->child; v; v = v->next) {
        struct asked *to = &b->at[b->n++];
        to->request = (struct cedar_request){uid(json_get(v, "principal")), uid(json_get(v, "action")), uid(json_get(v, "resource")), NULL};
        to->context = plan(a, json_get(v, "context"));
        to->json = str(v->raw);
        const struct cedar_request *q = &to->request;
        to->ready = (struct cedar_ready){cedar_engine_uid(b->engine, q->principal, b->kept), cedar_engine_uid(b->engine, q->action, b->kept),
                                         cedar_engine_uid(b->engine, q->resource, b->kept),
                                         cedar_engine_value(b->engine, value(b->kept, &to->context), b->kept)};
    }
}

/* ------------------------------------------------------------------------------------------------------------------- forms */

static bool
run_ready(struct bench *b, const struct asked *a, struct cedar_answer *answer)
{
    return cedar_decide_ready(b->engine, &a->ready, NULL, b->scratch, answer);
}

/* The context is built from its strings and numbers each time. */
static bool
run_strings(struct bench *b, const struct asked *a, struct cedar_answer *answer)
{
    struct cedar_request q = a->request;
    q.context = value(b->scratch, &a->context);
    return cedar_decide(b->engine, &q, NULL, b->scratch, answer);
}

static bool
run_json(struct bench *b, const struct asked *a, struct cedar_answer *answer)
{
    UNINITIALIZED struct cedar_error e;
    return cedar_decide_json(b->engine, a->json, NULL, b->scratch, answer, &e);
}

static int
by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void
measure(struct bench *b, const char *form, run_fn *run, int passes, char *decisions)
{
    double *best = calloc(b->n, sizeof *best), mean = 0;
    struct cedar_answer answer;
    for (int pass = 0; pass <= passes; pass++) /* the first warms up */
        for (size_t i = 0; i < b->n; i++) {
            double start = now_ns();
            cedar_scratch_reset(b->scratch);
            if (!run(b, &b->at[i], &answer))
                stop(form, "no answer");
            double took = now_ns() - start - b->clock_ns;
            if (pass == 1 || (pass > 1 && took < best[i]))
                best[i] = took;
            char letter = cedar_decision(&answer) ? 'A' : 'D';
            if (decisions[i] && decisions[i] != letter)
                stop(form, "a decision changed");
            decisions[i] = letter;
        }
    qsort(best, b->n, sizeof *best, by_size);
    for (size_t i = 0; i < b->n; i++)
        mean += best[i] / (double)b->n;
    printf("{\"engine\":\"writ\",\"form\":\"%s\",\"requests\":%zu,\"p50_ns\":%.0f,\"p99_ns\":%.0f,\"mean_ns\":%.0f}\n", form, b->n, best[b->n / 2],
           best[b->n * 99 / 100], mean);
    free(best);
}

/* The whole run of requests without reading the clock in between: for counting instructions, and to check the other figures. */
__attribute__((noinline)) static void
run_through(struct bench *b, const char *form, run_fn *run, int passes)
{
    struct cedar_answer answer;
    double best = 0;
    for (int pass = 0; pass < passes; pass++) {
        double start = now_ns();
        for (size_t i = 0; i < b->n; i++) {
            cedar_scratch_reset(b->scratch);
            run(b, &b->at[i], &answer);
        }
        double took = (now_ns() - start) / (double)b->n;
        if (pass == 0 || took < best)
            best = took;
    }
    printf("{\"engine\":\"writ\",\"form\":\"%s\",\"through_ns\":%.1f}\n", form, best);
}

static double
clock_cost(void)
{
    double best = 1e9;
    for (int i = 0; i < 10000; i++) {
        double start = now_ns(), took = now_ns() - start;
        if (took < best)
            best = took;
    }
    return best;
}

static void
write_decisions(const char *folder, const char *decisions)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/decisions.writ", folder);
    FILE *f = fopen(path, "w");
    if (f == NULL || fputs(decisions, f) < 0 || fclose(f) != 0)
        stop(path, "cannot write");
}

int
main(int argc, char **argv)
{
    if (argc < 3)
        stop("usage", "bench_cedar WORLD PASSES [ready|strings|json]");
    struct bench b = {.scratch = cedar_scratch_new((size_t)64 << 20), .kept = cedar_scratch_new((size_t)256 << 20), .clock_ns = clock_cost()};
    struct arena a = {.max = FILE_MAX};
    struct buf text;
    size_t before = rss_kb();
    int passes = atoi(argv[2]);
    static const struct {
        const char *name;
        run_fn *run;
    } forms[] = {{"ready", run_ready}, {"strings", run_strings}, {"json", run_json}};
    b.engine = load(argv[1]);
    printf("{\"engine\":\"writ\",\"rss_kb\":%zu}\n", rss_kb() - before);
    read_requests(&b, argv[1], &a, &text);
    char *decisions = calloc(b.n + 1, 1);
    for (size_t i = 0; i < 3; i++)
        if (argc < 4)
            measure(&b, forms[i].name, forms[i].run, passes, decisions);
        else if (strcmp(argv[3], forms[i].name) == 0)
            run_through(&b, forms[i].name, forms[i].run, passes);
    if (argc < 4)
        write_decisions(argv[1], decisions);
    free(decisions);
    free(b.at);
    buf_free(&text);
    arena_free(&a);
    cedar_scratch_free(b.scratch);
    cedar_scratch_free(b.kept);
    cedar_engine_unref(b.engine);
    return 0;
}
