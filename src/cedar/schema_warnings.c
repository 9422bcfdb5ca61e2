/* What may be meant differently in a schema that is right: names that hide others. As in the official engine only of Cedar syntax. */
#include "cedar/schema.h"
#include "cedar/schema_source.h"

#include <stdlib.h>

#define TEXT_MAX ((size_t)CEDAR_MAX_SCHEMA_BYTES + 4096)

struct warner {
    struct cedar_schema *s;
    struct source_list found;
    bool memory;
};

static void
warn(struct warner *w, unsigned line, unsigned column, const char *before, struct cedar_str name, const char *behind, bool again)
{
    struct buf b = buf_make(TEXT_MAX);
    buf_printf(&b, "%s%.*s%s", before, (int)name.n, name.at, behind);
    if (again)
        buf_printf(&b, "%.*s`.", (int)name.n, name.at);
    struct bytes text = b.failed ? (struct bytes){NULL, 0} : arena_copy(&w->s->a, buf_bytes(&b));
    struct cedar_schema_warning *one = text.at ? source_list_add(&w->s->a, &w->found) : NULL;
    buf_free(&b);
    w->memory = w->memory || one == NULL;
    if (one)
        *one = (struct cedar_schema_warning){{(const char *)text.at, text.n}, line, column};
}

static void
warn_builtin(struct warner *w, struct cedar_str name, unsigned line, unsigned column)
{
    static const char *const builtin[] = {"Long", "String", "Bool", "ipaddr", "decimal", "datetime", "duration"};
    for (size_t i = 0; i < sizeof builtin / sizeof *builtin; i++)
        if (str_is(name, builtin[i]))
            warn(w, line, column, "The name `", name, "` shadows a builtin Cedar name. You'll have to refer to the builtin as `__cedar::", true);
}

static void
warn_namespace(struct warner *w, const struct source_namespace *n)
{
    for (size_t i = 0; i < n->n_commons; i++) {
        const struct source_common *c = &n->commons[i];
        if (source_find(n->entities, n->n_entities, sizeof *n->entities, c->name))
            warn(w, c->line, c->column, "The common type name ", c->name, " shadows an entity name", false);
        warn_builtin(w, c->name, c->line, c->column);
    }
    for (size_t i = 0; i < n->n_entities; i++)
        warn_builtin(w, n->entities[i].name, n->entities[i].line, n->entities[i].column);
}

static int
by_place(const void *a, const void *b)
{
    const struct cedar_schema_warning *x = a, *y = b;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    return (x->column > y->column) - (x->column < y->column);
}

bool
schema_warn(struct cedar_schema *s, const struct schema_source *source)
{
    struct warner w = {.s = s, .found = {.size = sizeof(struct cedar_schema_warning)}};
    for (size_t i = 0; i < source->n; i++)
        warn_namespace(&w, &source->at[i]);
    s->warnings = w.found.at;
    s->n_warnings = w.found.n;
    if (w.found.n)
        qsort(w.found.at, w.found.n, w.found.size, by_place);
    return !w.memory;
}

const struct cedar_schema_warning *
cedar_schema_warnings(const struct cedar_schema *s, size_t *n)
{
    *n = s->n_warnings;
    return s->warnings;
}
