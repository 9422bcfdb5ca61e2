#include "estate/fields.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void
set_today(struct loader *l)
{
    char text[ENV_TIME_MAX];
    l->now_ms = l->env->now_ms(l->env);
    env_time_text(l->now_ms, text);
    snprintf(l->today, sizeof l->today, "%.10s", text);
}

static void
set_version(struct loader *l)
{
    struct estate *e = l->estate;
    struct bytes all = buf_bytes(&l->hashed);
    SHA256(all.n ? all.at : (const uint8_t *)"", all.n, e->digest);
    for (size_t i = 0; i < 8; i++)
        snprintf(e->version + 2 * i, 3, "%02x", e->digest[i]);
    l->memory = l->memory || l->hashed.failed;
}

static void
load_all(struct loader *l, struct bytes builtin)
{
    files_check_top(l);
    load_settings(l);
    load_people(l);
    load_destinations(l);
    load_tasks(l);
    load_agents(l);
    if (l->memory)
        return;
    load_policies(l, builtin);
    load_observes(l);
    load_inspection(l);
    load_packs(l);
    load_alerts(l);
    check_users(l);
    check_credentials(l);
    set_version(l);
}

static struct estate *
estate_new(const char *dir)
{
    struct estate *e = calloc(1, sizeof *e);
    if (e == NULL)
        return NULL;
    e->refs = 1;
    e->arena.max = (size_t)512 << 20;
    e->settings.builtin_policies = true;
    e->dir = arena_str(&e->arena, bytes_str(dir));
    if (e->dir)
        return e;
    estate_unref(e);
    return NULL;
}

struct err
estate_load(struct env *env, const char *dir, struct bytes builtin_policies, struct findings *findings, struct estate **out)
{
    *findings = (struct findings){0};
    *out = NULL;
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_make(errno == ENOENT ? E_NOT_FOUND : E_IO, "the estate %s cannot be opened: %s", dir, strerror(errno));
    struct loader l = {.env = env, .estate = estate_new(dir), .findings = findings, .dir_fd = fd, .hashed = buf_make((size_t)4 << 20)};
    l.trees.max = (size_t)512 << 20;
    if (l.estate) {
        set_today(&l);
        load_all(&l, builtin_policies);
    }
    close(fd);
    findings_sort(findings);
    struct err e = err_ok();
    if (l.estate == NULL || l.memory)
        e = err_make(E_MEMORY, "no memory for the estate %s", dir);
    else if (findings->errors)
        e = err_make(E_ESTATE, "the estate %s has %zu error%s", dir, findings->errors, findings->errors == 1 ? "" : "s");
    if (err_failed(e))
        estate_unref(l.estate);
    else
        *out = l.estate;
    buf_free(&l.hashed);
    arena_free(&l.trees);
    return e;
}

struct estate *
estate_ref(struct estate *e)
{
    if (e)
        __atomic_add_fetch(&e->refs, 1, __ATOMIC_RELAXED);
    return e;
}

void
estate_unref(struct estate *e)
{
    if (e == NULL || __atomic_sub_fetch(&e->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    cedar_policies_unref(e->policies);
    cedar_schema_unref(e->schema);
    struct arena arena = e->arena;
    free(e);
    arena_free(&arena);
}

/* The lists of things that are found by id: sorted by it, which stands first in each struct. */
static const void *
find(const void *list, size_t n, size_t size, const char *id)
{
    size_t low = 0;
    while (id && low < n) {
        size_t middle = low + (n - low) / 2;
        const void *at = (const char *)list + middle * size;
        int d = strcmp(id, *(const char *const *)at);
        if (d == 0)
            return at;
        if (d > 0)
            low = middle + 1;
        else
            n = middle;
    }
    return NULL;
}

_Static_assert(offsetof(struct person, id) == 0 && offsetof(struct agent, id) == 0, "find() reads the id at the start");
_Static_assert(offsetof(struct destination, id) == 0 && offsetof(struct task, id) == 0, "find() reads the id at the start");

const struct person *
estate_person(const struct estate *e, const char *id)
{
    return find(e->people, e->n_people, sizeof *e->people, id);
}

const struct agent *
estate_agent(const struct estate *e, const char *id)
{
    return find(e->agents, e->n_agents, sizeof *e->agents, id);
}

const struct destination *
estate_destination(const struct estate *e, const char *id)
{
    return find(e->destinations, e->n_destinations, sizeof *e->destinations, id);
}

const struct task *
estate_task(const struct estate *e, const char *id)
{
    return find(e->tasks, e->n_tasks, sizeof *e->tasks, id);
}

const struct tool *
destination_tool(const struct destination *d, struct bytes name)
{
    size_t low = 0, n = d->n_tools;
    while (low < n) {
        size_t middle = low + (n - low) / 2;
        int c = bytes_cmp(name, bytes_str(d->tools[middle].name));
        if (c == 0)
            return &d->tools[middle];
        if (c > 0)
            low = middle + 1;
        else
            n = middle;
    }
    return NULL;
}

const char *
estate_nearest(const struct estate *e, const char *kind, const char *id)
{
    const struct {
        const char *kind;
        const void *list;
        size_t n, size;
    } lists[] = {{"agent", e->agents, e->n_agents, sizeof *e->agents},
                 {"destination", e->destinations, e->n_destinations, sizeof *e->destinations},
                 {"task", e->tasks, e->n_tasks, sizeof *e->tasks},
                 {"person", e->people, e->n_people, sizeof *e->people},
                 {"webhook", e->webhooks, e->n_webhooks, sizeof *e->webhooks}};
    struct nearest near = nearest_for(bytes_str(id));
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        for (size_t k = 0; strcmp(kind, lists[i].kind) == 0 && k < lists[i].n; k++)
            nearest_offer(&near, bytes_str(*(const char *const *)((const char *)lists[i].list + k * lists[i].size)));
    return (const char *)near.best.at; /* the whole of an id, so a zero stands behind it */
}
