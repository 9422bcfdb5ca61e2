/*
 * Reading packs: the built-in ones and packs/NAME.yaml of an estate, by the same rules.
 */
#include "estate/example.h"
#include "estate/fields.h"

#include <stdio.h>
#include <stdlib.h>

#define PACK_TOOLS_MAX 1000u
#define PACK_ARGUMENTS_MAX 200u

/* ------------------------------------------------------------------------------------------------------------- a tool */

static bool
listed(const char **list, struct bytes name, struct nearest *n)
{
    bool found = false;
    for (; list && *list; list++) {
        nearest_offer(n, bytes_str(*list));
        found = found || bytes_is(name, *list);
    }
    return found;
}

static void
read_sinks(struct loader *l, const struct yaml *map, const char *path, struct pack_tool *t)
{
    char hint[HINT_MAX];
    t->sinks = estate_list(l, map ? map->count : 0, sizeof *t->sinks);
    for (const struct yaml *y = map ? map->child : NULL; y && t->sinks; y = y->next) {
        const char *at = join(l, path, y->key);
        struct nearest n = nearest_for(y->key);
        if (!listed(t->arguments, y->key, &n))
            refuse(l, y, at, "is not among the arguments%s", nearest_hint(&n, hint));
        if (sink_read(l, y, at, &t->sinks[t->n_sinks]))
            t->n_sinks++;
    }
}

static void
check_tool(struct loader *l, const struct yaml *y, const char *path, const struct pack_tool *t)
{
    size_t n = 0;
    while (t->arguments && t->arguments[n])
        n++;
    if (n > PACK_ARGUMENTS_MAX)
        refuse(l, yaml_get(y, "arguments"), join(l, path, BYTES("arguments")), "more than %u", PACK_ARGUMENTS_MAX);
    if (t->versions && !range_ok(bytes_str(t->versions)))
        refuse(l, yaml_get(y, "versions"), join(l, path, BYTES("versions")), RANGE_FAULT, t->versions);
    outsiders_check(l, yaml_get(y, "outsiders"), join(l, path, BYTES("outsiders")), t->outsiders);
}

static void
read_form(struct loader *l, const struct yaml *y, const char *name, const char *path, struct pack *p)
{
    static const char *none[] = {NULL};
    struct pack_tool_file f = {.effect = -1, .tool = {.name = name, .sensitivity = -1, .arguments = none, .outsiders = none}};
    if (p->n_tools >= PACK_TOOLS_MAX || !is_map(l, y, path))
        return;
    fields_read(l, &table_pack_tool, y, path, &f);
    read_sinks(l, f.sinks, join(l, path, BYTES("sinks")), &f.tool);
    f.tool.effect = f.effect < 0 ? EFFECT_IRREVERSIBLE : (enum effect)f.effect;
    f.tool.place = (struct place){l->file, y->line};
    check_tool(l, y, path, &f.tool);
    p->tools[p->n_tools++] = f.tool;
}

static size_t
count_forms(const struct yaml *tools)
{
    size_t n = 0;
    for (const struct yaml *y = tools->child; y; y = y->next)
        n += y->type == YAML_LIST ? y->count : 1;
    return n;
}

static int
by_tool(const void *left, const void *right)
{
    const struct pack_tool *a = left, *b = right;
    int d = strcmp(a->name, b->name);
    return d ? d : (a->place.line > b->place.line) - (a->place.line < b->place.line);
}

static void
read_tools(struct loader *l, const struct yaml *tools, struct pack *p)
{
    size_t n = count_forms(tools);
    if (n > PACK_TOOLS_MAX)
        refuse(l, tools, "tools", "%zu; at most %u", n, PACK_TOOLS_MAX);
    p->tools = estate_list(l, n, sizeof *p->tools);
    for (const struct yaml *y = tools->child; y && p->tools; y = y->next) {
        const char *path = join(l, "tools", y->key), *name = keep(l, y->key);
        for (const struct yaml *m = y->type == YAML_LIST ? y->child : y; m; m = m == y ? NULL : m->next)
            read_form(l, m, name, path, p);
    }
    if (p->n_tools)
        qsort(p->tools, p->n_tools, sizeof *p->tools, by_tool);
}

/* ------------------------------------------------------------------------------------------------------------- a pack */

/* "https://HOST" or "https://HOST/PATH", as url_below compares it. */
static void
check_urls(struct loader *l, const struct yaml *known_by, const char **urls)
{
    for (; *urls; urls++) {
        const char *fault = url_fault(bytes_str(*urls));
        if (fault)
            refuse(l, yaml_get(known_by, "urls"), "known_by.urls", "'%.80s' %s", *urls, fault);
    }
}

static void
read_known_by(struct loader *l, const struct yaml *y, struct pack *p)
{
    static const char *none[] = {NULL};
    struct known_by_file f = {none, none, none, none, none, none};
    fields_read(l, &table_known_by, y, "known_by", &f);
    p->npm = f.npm;
    p->pypi = f.pypi;
    p->images = f.images;
    p->programs = f.programs;
    p->urls = f.urls;
    p->servers = f.servers;
    check_urls(l, y, p->urls);
    if (!f.npm[0] && !f.pypi[0] && !f.images[0] && !f.programs[0] && !f.urls[0] && !f.servers[0])
        refuse(l, y, "known_by", "says nothing, so no server would be recognized");
}

bool
pack_read(struct loader *l, const struct file *file, bool own, struct pack *p)
{
    struct pack_file f = {.pack = {.id = file->name, .own = own, .text = file->text, .place = {file->path, 1}}};
    const struct yaml *top = file_yaml(l, file);
    size_t before = l->findings->errors;
    if (top == NULL)
        return false;
    fields_read(l, &table_pack, top, NULL, &f);
    *p = f.pack;
    p->sensitivity = (enum sensitivity)f.sensitivity;
    if (p->versions && !range_ok(bytes_str(p->versions)))
        refuse(l, yaml_get(top, "versions"), "versions", RANGE_FAULT, p->versions);
    if (f.known_by)
        read_known_by(l, f.known_by, p);
    if (f.tools)
        read_tools(l, f.tools, p);
    return l->findings->errors == before;
}

void
load_packs(struct loader *l)
{
    struct estate *e = l->estate;
    size_t n;
    struct file *files = files_list(l, "packs", ".yaml", &n);
    e->packs = estate_list(l, n, sizeof *e->packs);
    for (size_t i = 0; i < n && e->packs && !l->memory; i++)
        if (pack_read(l, &files[i], true, &e->packs[e->n_packs]))
            e->n_packs++;
}

/* ----------------------------------------------------------------------------------------------------------- all of them */

static struct err
builtin_error(const struct loader *l)
{
    const struct finding *f = l->findings->n ? l->findings->list : NULL;
    if (l->memory)
        return err_make(E_MEMORY, "no memory for packs");
    if (l->findings->errors)
        return err_make(E_ESTATE, "built-in pack %s:%d: %s", f ? f->file : "?", f ? f->line : 0, f ? f->text : "?");
    return err_ok();
}

static struct err
read_builtin(struct env *env, struct estate *into)
{
    struct findings findings = {0};
    struct loader l = {.env = env, .estate = into, .findings = &findings, .dir_fd = -1};
    size_t n = 0;
    while (builtin_packs[n].path)
        n++;
    into->packs = estate_list(&l, n, sizeof *into->packs);
    for (size_t i = 0; i < n && into->packs; i++) {
        const struct example_file *b = &builtin_packs[i];
        struct bytes path = bytes_str(b->path);
        struct file file = {.path = b->path, .name = keep(&l, bytes_sub(path, 0, bytes_find(path, '.'))), .text = bytes_make(b->at, b->n)};
        if (pack_read(&l, &file, false, &into->packs[into->n_packs]))
            into->n_packs++;
    }
    struct err e = builtin_error(&l);
    findings_free(&findings);
    arena_free(&l.trees);
    return e;
}

static int
by_id(const void *left, const void *right)
{
    return strcmp((*(const struct pack *const *)left)->id, (*(const struct pack *const *)right)->id);
}

/* An estate's own pack takes the place of the built-in one of its name. */
static struct err
merge(struct packs *p)
{
    size_t own = p->estate ? p->estate->n_packs : 0;
    p->list = arena_list(&p->builtin->arena, p->builtin->n_packs + own + 1, sizeof *p->list);
    if (p->list == NULL)
        return err_make(E_MEMORY, "no memory for packs");
    for (size_t i = 0; i < own; i++)
        p->list[p->n++] = &p->estate->packs[i];
    for (size_t i = 0; i < p->builtin->n_packs; i++) {
        bool replaced = false;
        for (size_t k = 0; k < own; k++)
            replaced = replaced || strcmp(p->estate->packs[k].id, p->builtin->packs[i].id) == 0;
        if (!replaced)
            p->list[p->n++] = &p->builtin->packs[i];
    }
    if (p->n)
        qsort(p->list, p->n, sizeof *p->list, by_id);
    return err_ok();
}

struct err
packs_open(struct env *env, struct estate *e, struct packs **out)
{
    struct packs *p = calloc(1, sizeof *p);
    *out = NULL;
    if (p == NULL || (p->builtin = calloc(1, sizeof *p->builtin)) == NULL) {
        free(p);
        return err_make(E_MEMORY, "no memory for packs");
    }
    p->builtin->refs = 1;
    p->estate = estate_ref(e);
    struct err failed = read_builtin(env, p->builtin);
    if (!err_failed(failed))
        failed = merge(p);
    if (err_failed(failed))
        packs_close(p);
    else
        *out = p;
    return failed;
}

void
packs_close(struct packs *p)
{
    if (p == NULL)
        return;
    estate_unref(p->builtin);
    estate_unref(p->estate);
    free(p);
}

const struct pack *
packs_find(const struct packs *p, const char *id)
{
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->list[i]->id, id) == 0)
            return p->list[i];
    return NULL;
}
