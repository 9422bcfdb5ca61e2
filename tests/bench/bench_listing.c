/*
 * tools/list of a real estate: which tools of a destination could a writ use with some arguments? CPU time of the snapshot (once a reload) and
 * of one list; tests/bench/listing.py makes an estate with as many tools and policies as one wants. The destination is pinned here, with the
 * tools in ESTATE/tools.json.
 *   bench_listing ESTATE AGENT TASK DESTINATION
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../unit/pins.h"
#include "decide/decide.h"

#define ROUNDS 200

static double
now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int
by_time(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool
pin(const char *dir, const char *destination)
{
    char path[512];
    struct arena a = {0};
    struct json *tools;
    struct buf b = buf_make((size_t)8 << 20);
    snprintf(path, sizeof path, "%s/tools.json", dir);
    FILE *f = fopen(path, "re");
    uint8_t *to = f ? buf_room(&b, (size_t)8 << 20) : NULL;
    if (to)
        b.n = fread(to, 1, (size_t)8 << 20, f);
    if (f)
        fclose(f);
    bool ok = b.n && !err_failed(json_parse(&a, buf_bytes(&b), NULL, &tools)) && !err_failed(pin_tools(dir, destination, tools));
    arena_free(&a);
    buf_free(&b);
    return ok;
}

static struct snapshot *
load(const char *dir)
{
    struct findings f = {0};
    struct estate *e = NULL;
    struct snapshot *s = NULL;
    double start = now();
    struct err failed = estate_load(env_real(), dir, decide_builtin(), &f, &e);
    double loaded = now();
    if (!err_failed(failed))
        failed = snapshot_make(e, &s);
    if (err_failed(failed)) {
        fprintf(stderr, "bench_listing: %s\n", failed.text);
        for (size_t i = 0; i < f.n && i < 3; i++)
            fprintf(stderr, "  %s:%d: %s\n", f.list[i].file, f.list[i].line, f.list[i].text);
        exit(3);
    }
    printf("load %.1f ms, snapshot %.1f ms\n", (loaded - start) / 1e3, (now() - loaded) / 1e3);
    findings_free(&f);
    estate_unref(e);
    return s;
}

static size_t
list(const struct snapshot *s, struct call *call, struct cedar_scratch *scratch)
{
    struct arena a = {0};
    size_t shown = 0;
    for (size_t i = 0; i < call->destination->n_tools; i++) {
        call->tool = &call->destination->tools[i];
        call->name = bytes_str(call->tool->name);
        shown += decide_listed(s, call, scratch, &a);
        arena_reset(&a);
    }
    arena_free(&a);
    return shown;
}

int
main(int argc, char **argv)
{
    static double times[ROUNDS];
    char empty[] = "";
    if (argc != 5 || !pin(argv[1], argv[4]))
        return 2;
    struct snapshot *s = load(argv[1]);
    struct cedar_scratch *scratch = cedar_scratch_new((size_t)64 << 20);
    struct instance instance = {.strength = PROOF_USER};
    struct writ writ = {.instance = &instance,
                        .agent = estate_agent(s->estate, argv[2]),
                        .task = estate_task(s->estate, argv[3]),
                        .purpose = empty,
                        .on_behalf_of = empty,
                        .confinement = empty};
    struct call call = {.writ = &writ, .destination = estate_destination(s->estate, argv[4]), .now_ms = env_real()->now_ms(env_real())};
    size_t shown = 0;
    if (writ.agent == NULL || writ.task == NULL || call.destination == NULL || scratch == NULL)
        return 3;
    for (int i = 0; i < ROUNDS; i++) {
        double start = now();
        shown = list(s, &call, scratch);
        times[i] = now() - start;
    }
    qsort(times, ROUNDS, sizeof *times, by_time);
    printf("tools %zu, listed %zu, policies %zu: p50 %.0f us, p99 %.0f us a list, %.2f us a tool\n", call.destination->n_tools, shown,
           cedar_policies_count(s->estate->policies), times[ROUNDS / 2], times[ROUNDS * 99 / 100],
           times[ROUNDS / 2] / (double)call.destination->n_tools);
    cedar_scratch_free(scratch);
    snapshot_unref(s);
    return 0;
}
