#include "cedar/entities.h"

#include <stdlib.h>

#define MEMORY_MAX ((size_t)32 << 30)
#define ENTITIES_MAX 32000000u
#define LINKS_MAX ((size_t)1 << 28) /* ancestors of all entities together */

struct declared {
    struct cedar_uid uid;
    const struct cedar_value *attributes, *tags;
    const struct cedar_uid *parents;
    size_t n_parents;
    struct declared *next;
};

struct cedar_entities_builder {
    struct cedar_entities *store;
    struct declared *first, **end;
    size_t uids; /* entities and parents named, an upper bound of the store's size */
    bool failed;
};

struct cedar_entities_builder *
cedar_entities_new(void)
{
    struct cedar_entities_builder *b = calloc(1, sizeof *b);
    struct cedar_entities *store = calloc(1, sizeof *store);
    if (b == NULL || store == NULL) {
        free(b);
        free(store);
        return NULL;
    }
    store->refs = 1;
    store->a.max = MEMORY_MAX;
    b->store = store;
    b->end = &b->first;
    return b;
}

struct arena *
entities_arena(struct cedar_entities_builder *b)
{
    return &b->store->a;
}

void
entities_drop(struct cedar_entities_builder *b)
{
    cedar_entities_unref(b->store);
    free(b);
}

bool
entities_take(struct cedar_entities_builder *b, struct cedar_uid uid, const struct cedar_value *attributes, const struct cedar_uid *parents,
              size_t n_parents, const struct cedar_value *tags)
{
    struct declared *d = ARENA_NEW(&b->store->a, struct declared);
    if (d == NULL)
        return false;
    *d = (struct declared){uid, attributes, tags, parents, n_parents, NULL};
    *b->end = d;
    b->end = &d->next;
    b->uids += 1 + n_parents;
    return true;
}

static bool
copy_uid(struct arena *a, struct cedar_uid from, struct cedar_uid *to)
{
    struct bytes type = arena_copy(a, str_bytes(from.type)), id = arena_copy(a, str_bytes(from.id));
    *to = (struct cedar_uid){{(const char *)type.at, type.n}, {(const char *)id.at, id.n}};
    return type.at && id.at;
}

static const struct cedar_value *
copy_record(struct arena *a, const struct cedar_value *record)
{
    if (record == NULL)
        return &value_empty_record;
    return record->kind == VALUE_RECORD ? value_copy(a, record) : NULL;
}

bool
cedar_entities_add(struct cedar_entities_builder *b, struct cedar_uid uid, const struct cedar_value *attributes, const struct cedar_uid *parents,
                   size_t n_parents, const struct cedar_value *tags)
{
    struct arena *a = &b->store->a;
    struct cedar_uid *own = arena_list(a, n_parents, sizeof *own);
    bool ok = own != NULL && copy_uid(a, uid, &uid);
    for (size_t i = 0; ok && i < n_parents; i++)
        ok = copy_uid(a, parents[i], &own[i]);
    attributes = copy_record(a, attributes);
    tags = copy_record(a, tags);
    ok = ok && attributes && tags && entities_take(b, uid, attributes, own, n_parents, tags);
    b->failed |= !ok; /* a store that lacks something must not come to be */
    return ok;
}

/* -------------------------------------------------------------------------------------------------------------- looking up */

/* Lengths first: a total order that is cheap to compare, not the order of texts. */
static int
cmp_uids(const struct cedar_uid *a, const struct cedar_uid *b)
{
    if (a->id.n != b->id.n)
        return a->id.n < b->id.n ? -1 : 1;
    if (a->type.n != b->type.n)
        return a->type.n < b->type.n ? -1 : 1;
    int c = a->id.n ? memcmp(a->id.at, b->id.at, a->id.n) : 0;
    return c || a->type.n == 0 ? c : memcmp(a->type.at, b->type.at, a->type.n);
}

static struct entity *
find(const struct cedar_entities *e, const struct cedar_uid *uid)
{
    size_t from = 0, to = e->n;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int c = cmp_uids(uid, &e->at[middle].uid);
        if (c == 0)
            return &e->at[middle];
        if (c < 0)
            to = middle;
        else
            from = middle + 1;
    }
    return NULL;
}

const struct entity *
entities_find(const struct cedar_entities *e, const struct cedar_uid *uid)
{
    const struct entity *found = e ? find(e, uid) : NULL;
    return found && found->known ? found : NULL;
}

static int
by_index(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

bool
entities_in(const struct cedar_entities *e, const struct cedar_uid *uid, const struct cedar_uid *above)
{
    if (uid_eq(uid, above))
        return true;
    const struct entity *low = entities_find(e, uid);
    if (low == NULL || low->n_ancestors == 0)
        return false;
    const struct entity *high = find(e, above);
    if (high == NULL)
        return false;
    uint32_t index = (uint32_t)(high - e->at);
    return bsearch(&index, low->ancestors, low->n_ancestors, sizeof index, by_index) != NULL;
}

/* --------------------------------------------------------------------------------------------------------------- finishing */

static bool
fail_uid(struct cedar_error *error, const char *before, const struct cedar_uid *uid, const char *behind)
{
    error_set(error, CEDAR_VALUE, 0, 0, "%s", before);
    struct text more = error_text(error);
    text_uid(&more, uid);
    text_add(&more, "%s", behind);
    return false;
}

static int
by_uid(const void *a, const void *b)
{
    return cmp_uids(&((const struct entity *)a)->uid, &((const struct entity *)b)->uid);
}

/* Every uid once, in order. */
static bool
list_uids(struct cedar_entities_builder *b, struct cedar_error *error)
{
    struct cedar_entities *s = b->store;
    if (b->uids > ENTITIES_MAX)
        return error_set(error, CEDAR_LIMIT, 0, 0, "more than %u entities and parents", ENTITIES_MAX);
    struct entity *list = arena_list(&s->a, b->uids, sizeof *list);
    size_t n = 0;
    if (list == NULL)
        return error_memory(error);
    for (struct declared *d = b->first; d; d = d->next) {
        list[n++].uid = d->uid;
        for (size_t i = 0; i < d->n_parents; i++)
            list[n++].uid = d->parents[i];
    }
    if (n > 1)
        qsort(list, n, sizeof *list, by_uid);
    for (size_t i = 0; i < n; i++)
        if (s->n == 0 || cmp_uids(&list[s->n - 1].uid, &list[i].uid) != 0)
            list[s->n++] = list[i];
    s->at = list;
    return true;
}

static size_t
drop_duplicates(uint32_t *list, size_t n)
{
    size_t to = 0;
    if (n > 1)
        qsort(list, n, sizeof *list, by_index);
    for (size_t i = 0; i < n; i++)
        if (to == 0 || list[to - 1] != list[i])
            list[to++] = list[i];
    return to;
}

static bool
is_action(const struct cedar_uid *uid)
{
    return str_is(uid->type, "Action") || bytes_ends(str_bytes(uid->type), BYTES("::Action"));
}

/* Until the relation is closed, ${ancestors} holds the parents. */
static bool
resolve_parents(struct cedar_entities *s, const struct declared *d, struct entity *parsed, struct cedar_error *error)
{
    parsed->ancestors = arena_list(&s->a, d->n_parents, sizeof(uint32_t));
    if (parsed->ancestors == NULL)
        return error_memory(error);
    for (size_t i = 0; i < d->n_parents; i++) {
        parsed->ancestors[i] = (uint32_t)(find(s, &d->parents[i]) - s->at);
        if (is_action(&d->uid) && !is_action(&d->parents[i])) {
            fail_uid(error, "action `", &d->uid, "` has a non-action parent `");
            struct text more = error_text(error);
            text_uid(&more, &d->parents[i]);
            text_add(&more, "`");
            return false;
        }
    }
    parsed->n_ancestors = drop_duplicates(parsed->ancestors, d->n_parents);
    return true;
}

static bool
same(const struct entity *a, const struct entity *b)
{
    return a->n_ancestors == b->n_ancestors &&
           (a->n_ancestors == 0 || memcmp(a->ancestors, b->ancestors, a->n_ancestors * sizeof *a->ancestors) == 0) &&
           value_eq(a->attributes, b->attributes) && value_eq(a->tags, b->tags);
}

static bool
place_declared(struct cedar_entities *s, const struct declared *d, struct cedar_error *error)
{
    struct entity *place = find(s, &d->uid);
    struct entity parsed = {place->uid, true, d->attributes, d->tags, NULL, 0};
    if (!resolve_parents(s, d, &parsed, error))
        return false;
    if (place->known && !same(place, &parsed))
        return fail_uid(error, "duplicate entity entry `", &d->uid, "`");
    *place = parsed;
    return true;
}

/* Closing the relation: depth first without recursion; an entity's ancestors are complete before those below it are collected. */
enum progress { UNSEEN, OPEN, CLOSED };

struct closing {
    struct cedar_entities *s;
    uint8_t *progress; /* per entity */
    uint32_t *stamp;   /* per entity: 1 + the index of the entity that last collected it */
    uint32_t *stack, *collected;
    size_t *next_parent; /* per entity on the stack */
    size_t depth, links;
};

static bool
collect(struct closing *c, uint32_t low, struct cedar_error *error)
{
    struct entity *e = &c->s->at[low];
    size_t n = 0;
    for (size_t i = 0; i < e->n_ancestors; i++) {
        const struct entity *parent = &c->s->at[e->ancestors[i]];
        for (size_t k = 0; k <= parent->n_ancestors; k++) {
            uint32_t above = k < parent->n_ancestors ? parent->ancestors[k] : e->ancestors[i];
            if (c->stamp[above] == low + 1)
                continue;
            c->stamp[above] = low + 1;
            c->collected[n++] = above;
        }
    }
    c->links += n;
    if (c->links > LINKS_MAX)
        return error_set(error, CEDAR_LIMIT, 0, 0, "the entities have more than %zu ancestors in all", LINKS_MAX);
    uint32_t *list = arena_list(&c->s->a, n, sizeof *list);
    if (list == NULL)
        return error_memory(error);
    if (n)
        memcpy(list, c->collected, n * sizeof *list);
    e->n_ancestors = drop_duplicates(list, n);
    e->ancestors = list;
    return true;
}

static bool
close_from(struct closing *c, uint32_t start, struct cedar_error *error)
{
    c->depth = 0;
    c->stack[c->depth++] = start;
    c->progress[start] = OPEN;
    while (c->depth) {
        uint32_t top = c->stack[c->depth - 1];
        struct entity *e = &c->s->at[top];
        if (c->next_parent[top] == e->n_ancestors) {
            if (!collect(c, top, error))
                return false;
            c->progress[top] = CLOSED;
            c->depth--;
            continue;
        }
        uint32_t parent = e->ancestors[c->next_parent[top]++];
        if (c->progress[parent] == OPEN)
            return fail_uid(error, "input graph has a cycle containing vertex `", &c->s->at[parent].uid, "`");
        if (c->progress[parent] == UNSEEN)
            c->progress[parent] = OPEN, c->stack[c->depth++] = parent;
    }
    return true;
}

static bool
close_all(struct cedar_entities *s, struct cedar_error *error)
{
    struct arena work = {.max = MEMORY_MAX};
    struct closing c = {.s = s};
    c.progress = arena_list(&work, s->n, sizeof *c.progress);
    c.stamp = arena_list(&work, s->n, sizeof *c.stamp);
    c.stack = arena_list(&work, s->n, sizeof *c.stack);
    c.collected = arena_list(&work, s->n, sizeof *c.collected);
    c.next_parent = arena_list(&work, s->n, sizeof *c.next_parent);
    bool ok = c.progress && c.stamp && c.stack && c.collected && c.next_parent;
    if (!ok)
        error_memory(error);
    for (size_t i = 0; ok && i < s->n; i++)
        if (c.progress[i] == UNSEEN)
            ok = close_from(&c, (uint32_t)i, error);
    arena_free(&work);
    return ok;
}

bool
cedar_entities_finish(struct cedar_entities_builder *b, struct cedar_entities **out, struct cedar_error *error)
{
    struct cedar_entities *s = b->store;
    bool ok = b->failed ? error_set(error, CEDAR_MEMORY, 0, 0, "an entity could not be added: out of memory, or its attributes or tags are no record")
                        : list_uids(b, error);
    for (struct declared *d = b->first; ok && d; d = d->next)
        ok = place_declared(s, d, error);
    ok = ok && close_all(s, error);
    *out = ok ? cedar_entities_ref(s) : NULL;
    entities_drop(b);
    return ok;
}

struct cedar_entities *
cedar_entities_ref(struct cedar_entities *e)
{
    __atomic_add_fetch(&e->refs, 1, __ATOMIC_RELAXED);
    return e;
}

void
cedar_entities_unref(struct cedar_entities *e)
{
    if (e == NULL || __atomic_sub_fetch(&e->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    arena_free(&e->a);
    free(e);
}
