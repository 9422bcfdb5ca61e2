/* Equal enums, and equal objects whose members are all simple, of several tools: declared once, in the namespace above all that use them. */
#include "cedar/mcp_schema.h"

#include <stdio.h>
#include <stdlib.h>

/* ---------------------------------------------------------------------------------------------------------------- equality */

static int
cmp_size(size_t a, size_t b)
{
    return (a > b) - (a < b);
}

static int
cmp_variants(const struct json *a, const struct json *b)
{
    int d = cmp_size(a->count, b->count);
    const struct json *x = a->child, *y = b->child;
    for (; d == 0 && x && y; x = x->next, y = y->next)
        d = bytes_cmp(x->text, y->text);
    return d;
}

static int
cmp_fields(const struct mcp_properties *a, const struct mcp_properties *b)
{
    int d = cmp_size(a->n, b->n);
    for (size_t i = 0; d == 0 && i < a->n; i++) {
        d = bytes_cmp(a->at[i].name, b->at[i].name);
        if (d == 0)
            d = cmp_size(a->at[i].type->kind, b->at[i].type->kind);
        if (d == 0)
            d = cmp_size(a->at[i].required, b->at[i].required);
    }
    return d;
}

/* By what makes two types one: name, kind, and texts in order or members. */
static int
by_type(const void *left, const void *right)
{
    const struct mcp_shared *a = left, *b = right;
    int d = bytes_cmp(a->name, b->name);
    if (d == 0)
        d = cmp_size(a->type->kind, b->type->kind);
    if (d == 0)
        d = a->type->kind == MCP_ENUM ? cmp_variants(a->type->variants, b->type->variants) : cmp_fields(&a->type->parts, &b->type->parts);
    return d;
}

static int
by_place(const void *left, const void *right)
{
    const struct mcp_shared *a = left, *b = right;
    int d = bytes_cmp(a->ns, b->ns);
    return d ? d : bytes_cmp(a->name, b->name);
}

static bool
shareable(const struct mcp_type *t)
{
    bool flat = t->kind == MCP_OBJECT && t->further == NULL && t->parts.n > 0;
    for (size_t i = 0; flat && i < t->parts.n; i++)
        flat = t->parts.at[i].type->kind <= MCP_NULL;
    return flat || t->kind == MCP_ENUM;
}

/* ---------------------------------------------------------------------------------------------------------------- collecting */

struct found {
    struct mcp_schema *s;
    struct mcp_shared *list;
    size_t n, cap;
};

static bool
note(struct found *f, struct bytes ns, struct bytes name, const struct mcp_type *type)
{
    if (f->n == f->cap) {
        size_t cap = f->cap ? f->cap * 2 : 64;
        struct mcp_shared *more = arena_list(&f->s->m->a, cap, sizeof *more);
        if (more == NULL)
            return mcp_memory(f->s->m);
        if (f->n)
            memcpy(more, f->list, f->n * sizeof *more);
        f->list = more;
        f->cap = cap;
    }
    f->list[f->n++] = (struct mcp_shared){name, ns, type};
    return true;
}

static bool collect(struct found *f, struct bytes ns, struct bytes name, const struct mcp_type *t);

static bool
collect_parts(struct found *f, struct bytes ns, const struct mcp_type *t)
{
    char name[40];
    bool ok = true;
    for (size_t i = 0; ok && i < t->parts.n; i++) {
        snprintf(name, sizeof name, t->kind == MCP_TUPLE ? "Proj%zu" : "TypeChoice%zu", i);
        struct bytes copy = arena_copy(&f->s->m->a, bytes_str(name));
        ok = copy.at ? collect(f, ns, t->kind == MCP_OBJECT ? t->parts.at[i].name : copy, t->parts.at[i].type) : mcp_memory(f->s->m);
    }
    return ok;
}

static bool
collect_further(struct found *f, struct bytes ns, struct bytes name, const struct mcp_type *further)
{
    const char *tag = further ? arena_printf(&f->s->m->a, "%.*sTag", BYTES_CUT(name, name.n)) : "";
    return tag ? further == NULL || collect(f, ns, bytes_str(tag), further) : mcp_memory(f->s->m);
}

/* As deep as the JSON was. */
static bool
collect(struct found *f, struct bytes ns, struct bytes name, const struct mcp_type *t)
{
    if (t->kind == MCP_ARRAY)
        return collect(f, ns, name, t->parts.at->type);
    if (!mcp_name_ok(name))
        return true; /* will be refused where it is declared */
    if (shareable(t) && !note(f, ns, name, t))
        return false;
    if (t->kind != MCP_OBJECT && t->kind != MCP_UNION && t->kind != MCP_TUPLE)
        return true;
    struct bytes inner = mcp_join(f->s, ns, name);
    return inner.at && collect_parts(f, inner, t) && collect_further(f, inner, name, t->further);
}

static bool
collect_all(struct found *f, struct bytes ns, const struct mcp_properties *list, bool enums_only)
{
    for (size_t i = 0; i < list->n; i++)
        if ((!enums_only || list->at[i].type->kind == MCP_ENUM) && !collect(f, ns, list->at[i].name, list->at[i].type))
            return false;
    return true;
}

static bool
collect_tool(struct found *f, const struct mcp_tool *tool)
{
    struct bytes ns = mcp_join(f->s, f->s->root, tool->name), input = mcp_join(f->s, ns, BYTES("Input")),
                 output = mcp_join(f->s, ns, BYTES("Output"));
    if (ns.at == NULL || input.at == NULL || output.at == NULL)
        return false;
    bool ok = collect_all(f, input, &tool->input.properties, false) && collect_all(f, input, &tool->input.defs, false);
    if (f->s->m->options.outputs)
        ok = ok && collect_all(f, output, &tool->output.properties, false) && collect_all(f, output, &tool->output.defs, false);
    return ok && collect_all(f, ns, &tool->defs, true);
}

/* ------------------------------------------------------------------------------------------------------------------ placing */

/* The longest path of whole names that both begin with. */
static struct bytes
common_path(struct bytes a, struct bytes b)
{
    size_t i = 0, whole = 0;
    for (; i < a.n && i < b.n && a.at[i] == b.at[i]; i++)
        if (a.at[i] == ':' && i > 0 && a.at[i - 1] != ':')
            whole = i;
    bool ends_a = i == a.n || a.at[i] == ':', ends_b = i == b.n || b.at[i] == ':';
    return bytes_sub(a, 0, ends_a && ends_b ? i : whole);
}

/* Of the list sorted by type: one entry, with its place, for each type that stands more than once. */
static size_t
keep_repeated(struct mcp_shared *list, size_t n, bool objects)
{
    size_t kept = 0;
    for (size_t i = 0, k; i < n; i = k) {
        struct mcp_shared one = list[i];
        for (k = i + 1; k < n && by_type(&list[i], &list[k]) == 0; k++)
            one.ns = common_path(one.ns, list[k].ns);
        if (k - i > 1 && (objects || one.type->kind == MCP_ENUM))
            list[kept++] = one;
    }
    return kept;
}

/* Two different types that want one name in one place both stay where they are. */
static size_t
drop_rivals(struct mcp_shared *list, size_t n)
{
    size_t kept = 0;
    if (n)
        qsort(list, n, sizeof *list, by_place);
    for (size_t i = 0, k; i < n; i = k) {
        for (k = i + 1; k < n && by_place(&list[i], &list[k]) == 0; k++)
            ;
        if (k - i == 1)
            list[kept++] = list[i];
    }
    return kept;
}

static bool
parse_definition(struct mcp_schema *s, struct bytes text, struct json **out)
{
    const struct json_limits limits = {.bytes = MCP_MAX_BYTES, .depth = CEDAR_MAX_DEPTH, .nodes = MCP_MAX_NODES};
    return !err_failed(json_parse(&s->m->a, text, &limits, out)) || mcp_memory(s->m);
}

/* Is the type that has the name already the same? Then it is used; another one keeps its name, and the tools keep their own types. */
static bool
same_definition(struct mcp_schema *s, const struct mcp_member *there, struct bytes json, bool *same)
{
    struct json *ours = NULL, *parsed = NULL;
    if (!parse_definition(s, json, &ours) || (there->stub == NULL && !parse_definition(s, there->json, &parsed)))
        return false;
    const struct json *theirs = there->stub ? there->stub : parsed, *a = json_get(ours, "enum"), *b = json_get(theirs, "enum");
    if (a == NULL && b == NULL && json_get(theirs, "tags") == NULL)
        a = json_get(ours, "shape"), b = json_get(theirs, "shape");
    *same = a && b && json_equal(a, b);
    return true;
}

static bool
place(struct mcp_schema *s, const struct mcp_shared *t, size_t *kept)
{
    const struct mcp_place inner = {t->ns, {NULL, 0}, NULL, NULL};
    const struct mcp_member *there = mcp_find(s, t->ns, MCP_ENTITY, t->name);
    struct bytes json;
    bool same = true;
    if (mcp_find(s, t->ns, MCP_COMMON, t->name))
        return true;
    if (!mcp_entity_json(s, t->type, &inner, &json) || (there && !same_definition(s, there, json, &same)))
        return false;
    if (same)
        s->shared[(*kept)++] = *t;
    return there != NULL || mcp_declare(s, t->ns, t->name, MCP_ENTITY, json, false);
}

bool
mcp_share(struct mcp_schema *s, const struct mcp_server *server)
{
    struct found f = {.s = s};
    size_t kept = 0;
    for (size_t i = 0; i < server->n_tools; i++)
        if (!collect_tool(&f, &server->tools[i]))
            return false;
    if (f.n == 0)
        return true;
    qsort(f.list, f.n, sizeof *f.list, by_type);
    size_t n = drop_rivals(f.list, keep_repeated(f.list, f.n, !s->m->options.objects_as_records));
    mcp_sort(s);
    s->shared = f.list;
    for (size_t i = 0; i < n; i++) {
        const struct mcp_shared t = f.list[i]; /* a copy: what is kept goes to the front of the same list */
        if (!place(s, &t, &kept))
            return false;
    }
    s->n_shared = kept;
    if (kept)
        qsort(s->shared, kept, sizeof *s->shared, by_type);
    return true;
}

struct bytes
mcp_shared_name(struct mcp_schema *s, struct bytes name, const struct mcp_type *type)
{
    const struct mcp_shared wanted = {.name = name, .type = type};
    if (s->n_shared == 0 || !shareable(type))
        return bytes_make(NULL, 0);
    const struct mcp_shared *found = bsearch(&wanted, s->shared, s->n_shared, sizeof *s->shared, by_type);
    return found ? mcp_join(s, found->ns, found->name) : bytes_make(NULL, 0);
}
