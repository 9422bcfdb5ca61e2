/*
 * tools/list: which of 300 tools could be allowed with some arguments, under 1,000 policies (seven tenths scoped to agent, tool and
 * destination, a tenth to a team, a tenth forbids without a scope). CPU time of one list, asked tool by tool and in one query.
 *   bench_partial [POLICIES [TOOLS]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "writ/cedar.h"

#define ROUNDS 200

static const char world[] = "[{\"uid\":{\"type\":\"Agent\",\"id\":\"a1\"},\"attrs\":{},\"parents\":[{\"type\":\"Team\",\"id\":\"t8\"}]},"
                            "{\"uid\":{\"type\":\"Action\",\"id\":\"tool1\"},\"attrs\":{},\"parents\":[{\"type\":\"Action\",\"id\":\"bank\"}]}]";

static struct cedar_str
str(const char *text)
{
    return (struct cedar_str){text, strlen(text)};
}

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
    return x < y ? -1 : x > y;
}

static void
die(const struct cedar_error *error)
{
    fprintf(stderr, "bench_partial: %s\n", error->text);
    exit(3);
}

static struct cedar_policies *
policies(unsigned n, unsigned tools)
{
    struct cedar_policies *p = NULL;
    struct cedar_error error;
    size_t room = (size_t)n * 256 + 1, at = 0;
    char *text = malloc(room);
    for (unsigned i = 0; text && i < n; i++) {
        if (i % 10 == 9)
            at += (size_t)snprintf(text + at, room - at,
                                   "forbid(principal, action, resource) when { context.writ.depth > %u && context.input.amount > %u };\n", i % 7 + 3,
                                   i);
        else if (i % 10 == 8)
            at += (size_t)snprintf(
                text + at, room - at,
                "permit(principal in Team::\"t%u\", action in Action::\"bank\", resource) when { context.input.path like \"/tmp/%u/*\" };\n", i % 20,
                i);
        else
            at += (size_t)snprintf(text + at, room - at,
                                   "permit(principal == Agent::\"a%u\", action == Action::\"tool%u\", resource == Destination::\"bank\")\n"
                                   "when { context.input.amount < %u && context.writ.depth < 4 };\n",
                                   i % 5, i % tools, i);
    }
    if (text == NULL || !cedar_policies_parse((struct cedar_str){text, at}, "bench", false, &p, &error))
        die(&error);
    free(text);
    return p;
}

struct list {
    const struct cedar_policies *policies;
    const struct cedar_entities *entities;
    struct cedar_partial_request request;
    struct cedar_uid *tools;
    size_t n;
    struct cedar_scratch *scratch;
};

static size_t
one_by_one(struct list *l)
{
    struct cedar_error error;
    size_t listed = 0;
    for (size_t i = 0; i < l->n; i++) {
        l->request.action = (struct cedar_partial_uid){CEDAR_KNOWN, l->tools[i]};
        listed += cedar_could_allow(l->policies, l->entities, &l->request, NULL, l->scratch, &error);
        cedar_scratch_reset(l->scratch);
    }
    return listed;
}

static size_t
in_one_query(struct list *l)
{
    struct cedar_candidates found;
    struct cedar_error error;
    if (!cedar_query_action(l->policies, l->entities, &l->request, NULL, l->tools, l->n, l->scratch, &found, &error))
        die(&error);
    cedar_scratch_reset(l->scratch);
    return found.n;
}

static void
measure(const char *name, struct list *l, size_t (*ask)(struct list *))
{
    double took[ROUNDS];
    size_t listed = 0;
    for (int i = 0; i < ROUNDS; i++) {
        double start = now();
        listed = ask(l);
        took[i] = now() - start;
    }
    qsort(took, ROUNDS, sizeof *took, by_time);
    printf("%-18s %zu tools, %zu policies: p50 %.0f us, p99 %.0f us, %zu listed\n", name, l->n, cedar_policies_count(l->policies), took[ROUNDS / 2],
           took[ROUNDS * 99 / 100], listed);
}

int
main(int argc, char **argv)
{
    unsigned n_policies = argc > 1 ? (unsigned)atoi(argv[1]) : 1000, n_tools = argc > 2 ? (unsigned)atoi(argv[2]) : 300;
    struct cedar_entities *e = NULL;
    struct cedar_error error;
    struct cedar_scratch *s = cedar_scratch_new((size_t)256 << 20), *kept = cedar_scratch_new(0);
    struct cedar_str input = str("input");
    struct cedar_unknown unknown = {&input, 1, true};
    struct list l = {policies(n_policies, n_tools), NULL, .tools = calloc(n_tools, sizeof(struct cedar_uid)), .n = n_tools, .scratch = s};
    if (l.tools == NULL || s == NULL || kept == NULL)
        return 3;
    if (!cedar_entities_json(str(world), &e, &error))
        die(&error);
    for (unsigned i = 0; i < n_tools; i++) {
        char name[32];
        snprintf(name, sizeof name, "tool%u", i);
        l.tools[i] = (struct cedar_uid){str("Action"), str(strdup(name))};
    }
    l.entities = e;
    l.request = (struct cedar_partial_request){.principal = {CEDAR_KNOWN, {str("Agent"), str("a1")}},
                                               .resource = {CEDAR_KNOWN, {str("Destination"), str("bank")}},
                                               .context = cedar_value_json(kept, str("{\"writ\":{\"depth\":2}}"), &error),
                                               .unknown = &unknown,
                                               .n_unknown = 1};
    measure("could_allow each", &l, one_by_one);
    measure("query_action", &l, in_one_query);
    return 0;
}
