/* The stub goes in, the whole schema in the JSON form comes out. */
#include "cedar/mcp_schema.h"

#include <stdlib.h>

/* ---------------------------------------------------------------------------------------------------------------------- stub */

static const struct {
    const char *key;
    enum mcp_member_kind kind;
} sections[] = {{"commonTypes", MCP_COMMON}, {"entityTypes", MCP_ENTITY}, {"actions", MCP_ACTION}};
#define N_SECTIONS 3u

static int
by_key(const void *left, const void *right)
{
    return bytes_cmp(((const struct mcp_property *)left)->name, ((const struct mcp_property *)right)->name);
}

static const struct json *
annotation(const struct json *definition, const char *key)
{
    return json_get(json_get(definition, "annotations"), key);
}

static bool
note_context(struct mcp_schema *s, const struct json *definition)
{
    const struct json *key = annotation(definition, "mcp_context");
    if (!json_is(key, JSON_STRING) || key->text.n == 0)
        return true;
    if (bytes_is(key->text, "input") || bytes_is(key->text, "output"))
        return mcp_refuse(s->m, NULL, "the stub: @mcp_context(\"%.*s\"): the tool's own part of the context has that name", BYTES_CUT(key->text, 10));
    for (size_t i = 0; i < s->n_contexts; i++)
        if (bytes_eq(s->contexts[i].name, key->text))
            return mcp_refuse(s->m, NULL, "the stub: @mcp_context(\"%.*s\") stands twice", BYTES_CUT(key->text, 60));
    if (s->n_contexts == 64)
        return mcp_refuse(s->m, NULL, "the stub: more than 64 @mcp_context");
    s->contexts[s->n_contexts++] = (struct mcp_property){.name = key->text, .description = definition->key};
    return true;
}

static void
note_entity(struct buf *principals, struct buf *resources, const struct json *definition)
{
    if (annotation(definition, "mcp_principal"))
        json_item(principals), json_put_text(principals, definition->key);
    if (annotation(definition, "mcp_resource"))
        json_item(resources), json_put_text(resources, definition->key);
}

static void
note_action(struct buf *parents, const struct json *definition)
{
    if (annotation(definition, "mcp_action") == NULL)
        return;
    json_item(parents);
    json_open(parents, '{');
    json_member_text(parents, "id", definition->key);
    json_close(parents, '}');
}

struct lists {
    struct buf principals, resources, parents;
};

static bool
note_members(struct mcp_schema *s, const struct json *ns, struct lists *l)
{
    for (size_t i = 0; i < N_SECTIONS; i++) {
        const struct json *section = json_get(ns, sections[i].key);
        for (const struct json *d = section ? section->child : NULL; d; d = d->next) {
            struct mcp_member m = {.ns = ns->key, .name = d->key, .kind = sections[i].kind, .json = d->raw, .stub = d};
            if (!mcp_add(s, &m) || (sections[i].kind != MCP_ACTION && !note_context(s, d)))
                return false;
            if (sections[i].kind == MCP_ENTITY)
                note_entity(&l->principals, &l->resources, d);
            else if (sections[i].kind == MCP_ACTION)
                note_action(&l->parents, d);
        }
    }
    return true;
}

static bool
take_lists(struct mcp_schema *s, struct lists *l)
{
    json_close(&l->principals, ']');
    json_close(&l->resources, ']');
    json_close(&l->parents, ']');
    s->principals = arena_copy(&s->m->a, buf_bytes(&l->principals));
    s->resources = arena_copy(&s->m->a, buf_bytes(&l->resources));
    s->parents = arena_copy(&s->m->a, buf_bytes(&l->parents));
    if (s->principals.at == NULL || s->resources.at == NULL || s->parents.at == NULL)
        return mcp_memory(s->m);
    if (s->principals.n == 2)
        return mcp_refuse(s->m, NULL, "the stub: no entity type is a principal; put @mcp_principal before one");
    if (s->resources.n == 2)
        return mcp_refuse(s->m, NULL, "the stub: no entity type is a resource; put @mcp_resource before one");
    if (s->parents.n == 2)
        s->parents = bytes_make(NULL, 0);
    return true;
}

bool
mcp_stub(struct mcp_schema *s, const struct json *stub)
{
    struct lists l = {buf_make(MCP_MAX_BYTES), buf_make(MCP_MAX_BYTES), buf_make(MCP_MAX_BYTES)};
    const struct json *ns = stub->child;
    if (ns == NULL || ns->next)
        return mcp_refuse(s->m, NULL, "the stub: expected exactly one namespace, got %zu", stub->count);
    if (ns->key.n == 0)
        return mcp_refuse(s->m, NULL, "the stub: its declarations must stand in a namespace");
    s->root = ns->key;
    if ((s->contexts = arena_list(&s->m->a, 64, sizeof *s->contexts)) == NULL)
        return mcp_memory(s->m);
    json_open(&l.principals, '[');
    json_open(&l.resources, '[');
    json_open(&l.parents, '[');
    bool ok = note_members(s, ns, &l) && take_lists(s, &l);
    buf_free(&l.principals);
    buf_free(&l.resources);
    buf_free(&l.parents);
    if (s->n_contexts)
        qsort(s->contexts, s->n_contexts, sizeof *s->contexts, by_key);
    return ok;
}

/* ------------------------------------------------------------------------------------------------------------------- writing */

static bool
same_place(const struct mcp_member *a, const struct mcp_member *b)
{
    return a->kind == b->kind && bytes_eq(a->name, b->name) && bytes_eq(a->ns, b->ns);
}

static bool
conflict(struct mcp_schema *s, const struct mcp_member *m)
{
    static const char *const what[] = {"type", "entity type", "action"};
    return mcp_refuse(s->m, NULL, "the %s %.*s::%.*s would be declared twice, by tools or by the stub and a tool", what[m->kind],
                      BYTES_CUT(m->ns, 200), BYTES_CUT(m->name, 100));
}

/* The one of several with the same place that counts; the opaque types may be asked for again and again, anything else only once. */
static bool
drop_repeated(struct mcp_schema *s)
{
    size_t kept = 0;
    mcp_sort(s);
    for (size_t i = 0; i < s->n; i++) {
        const struct mcp_member m = s->members[i];
        bool again = kept && same_place(&s->members[kept - 1], &m);
        if (again && (!m.opaque || (!s->members[kept - 1].opaque && s->members[kept - 1].stub == NULL)))
            return conflict(s, &m);
        if (!again)
            s->members[kept++] = m;
    }
    s->n = s->sorted = kept;
    for (size_t i = 0; i < kept; i++)
        if (s->members[i].kind == MCP_COMMON && mcp_find(s, s->members[i].ns, MCP_ENTITY, s->members[i].name))
            return conflict(s, &s->members[i]);
    return true;
}

/* A declaration of the stub without the annotations that spoke to the generator. */
static void
put_stub(struct buf *b, const struct json *definition)
{
    static const char *const ours[] = {"mcp_principal", "mcp_resource", "mcp_context", "mcp_action"};
    json_open(b, '{');
    for (const struct json *k = definition->child; k; k = k->next) {
        size_t kept = 0;
        if (!bytes_is(k->key, "annotations")) {
            json_key_bytes(b, k->key);
            json_put(b, k);
            continue;
        }
        for (const struct json *a = k->child; a; a = a->next) {
            bool skip = false;
            for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
                skip = skip || bytes_is(a->key, ours[i]);
            if (skip)
                continue;
            if (kept++ == 0)
                json_key(b, "annotations"), json_open(b, '{');
            json_key_bytes(b, a->key);
            json_put(b, a);
        }
        if (kept)
            json_close(b, '}');
    }
    json_close(b, '}');
}

static void
put_members(struct mcp_schema *s, struct buf *b, size_t from, size_t to)
{
    for (size_t k = 0; k < N_SECTIONS; k++) {
        size_t n = 0;
        for (size_t i = from; i < to; i++) {
            const struct mcp_member *m = &s->members[i];
            if (m->kind != sections[k].kind)
                continue;
            if (n++ == 0)
                json_key(b, sections[k].key), json_open(b, '{');
            json_key_bytes(b, m->name);
            if (m->stub && !s->m->options.keep_annotations)
                put_stub(b, m->stub);
            else
                json_put(b, &(struct json){.raw = m->json});
        }
        if (n)
            json_close(b, '}');
        else if (sections[k].kind != MCP_COMMON)
            json_key(b, sections[k].key), json_open(b, '{'), json_close(b, '}');
    }
}

bool
mcp_write(struct mcp_schema *s, const struct json *annotations, struct buf *out)
{
    if (!drop_repeated(s))
        return false;
    json_open(out, '{');
    for (size_t i = 0, k; i < s->n; i = k) {
        for (k = i; k < s->n && bytes_eq(s->members[i].ns, s->members[k].ns); k++)
            ;
        json_key_bytes(out, s->members[i].ns);
        json_open(out, '{');
        if (annotations && bytes_eq(s->members[i].ns, s->root))
            json_member_raw(out, "annotations", annotations->raw);
        put_members(s, out, i, k);
        json_close(out, '}');
    }
    json_close(out, '}');
    return !out->failed || mcp_memory(s->m);
}

bool
mcp_schema_json(struct mcp *m, struct bytes tools, struct bytes stub, struct buf *out)
{
    const struct json_limits limits = {.bytes = MCP_MAX_BYTES, .depth = CEDAR_MAX_DEPTH, .nodes = MCP_MAX_NODES};
    struct mcp_schema s = {.m = m};
    struct mcp_server server;
    struct json *top;
    struct err e = json_parse(&m->a, stub, &limits, &top);
    if (err_failed(e))
        return error_set(m->error, CEDAR_SYNTAX, 0, 0, "the stub: %s", e.text);
    return mcp_read(m, tools, &server) && mcp_stub(&s, top) && mcp_grow(&s, &server) && mcp_write(&s, json_get(top->child, "annotations"), out);
}
