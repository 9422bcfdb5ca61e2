/* Any JSON as a client's servers: what is read of an entry stays in its bounds, what is declared of it is YAML that can be read, and rewriting it holds. */
#include "adopt/declare.h"
#include "base/yaml.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const environment[] = {"PLACE=here", "TOKEN=ghp_Zz0123456789abcdefghijklmnopqrstuvwx", NULL};
static const struct surroundings around = {"/home/ana", environment};
static const struct declare_who who = {"ana", "Ana", "ana", 1000, "2026-11-25", "2026-12-09"};

static void
name_all(struct value *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        list[i].sealed = "a-secret";
}

static void
check_declared(struct arena *a, struct entry *e)
{
    struct declare_server s = {e, "/home/ana/x.json", "/usr/bin/x", "/usr/bin", "/home/ana", NULL, "internal"};
    struct buf b = buf_make((size_t)4 << 20);
    struct yaml *y;
    struct yaml_mark mark;
    name_all(e->args, e->n_args);
    name_all(e->env, e->n_env);
    name_all(e->headers, e->n_headers);
    declare_destination(&b, &who, &s);
    struct err read = b.failed || b.n > YAML_MAX_BYTES ? err_ok() : yaml_parse(a, buf_bytes(&b), &y, &mark);
    if (read.code == E_YAML)
        abort();
    buf_free(&b);
}

static void
check_entry(struct arena *a, struct entry *e, struct bytes text)
{
    static const char *const argv[] = {"/usr/bin/writ", "mcp", "x", NULL};
    struct edits edits = {.a = a};
    struct buf b = buf_make(CONFIG_MAX_BYTES);
    struct config *again;
    int line;
    if (e->state != ENTRY_GOOD) {
        if (e->problem[0] == 0)
            abort();
        return;
    }
    if (e->n_args > VALUES_MAX || e->n_env > VALUES_MAX || e->n_headers > VALUES_MAX || (!e->http && e->n_args == 0))
        abort();
    if (entry_rewrite(e, text, false, argv, &edits) &&
        (err_failed(edits_apply(&edits, text, &b)) || err_failed(config_json(a, buf_bytes(&b), &again, &line))))
        abort();
    check_declared(a, e);
    buf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct finder *finder;
    struct arena a = {0};
    struct config *root;
    struct entries list = {0};
    int line;
    size_t n = 0;
    if (finder == NULL && err_failed(finder_make(&finder)))
        abort();
    if (size < 2)
        return 0;
    while (clients[n].id)
        n++;
    struct client_file row = {clients[data[0] % n].id, "", {"s"}, false, NULL};
    struct bytes text = bytes_make(data + 1, size - 1);
    if (!err_failed(config_json(&a, text, &root, &line)) &&
        !err_failed(entries_read(&a, root, &row, &around, (struct bytes){NULL, 0}, finder, &list)))
        for (size_t i = 0; i < list.n; i++)
            check_entry(&a, &list.list[i], text);
    arena_free(&a);
    return 0;
}
