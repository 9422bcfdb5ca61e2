#include "cedar_large.h"
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>

#define RUN 96u    /* entities of one type between two breaks of their hierarchy */
#define LEAVES 40u /* one of so many that are nobody's parent is a leaf of LARGE_LEAVES */

static void *
list(struct large *l, size_t n, size_t size)
{
    void *p = arena_list(&l->a, n, size);
    if (p == NULL)
        abort();
    return p;
}

/* -------------------------------------------------------------------------------------------------------------------- entities */

static void
more_ids(struct large *l, unsigned type)
{
    struct world_entity *e = &l->w.entities[type];
    const char **ids = list(l, l->n_ids, sizeof *ids);
    for (unsigned i = 0; i < l->n_ids; i++)
        if ((ids[i] = i < e->n_ids ? e->ids[i] : arena_printf(&l->a, "%s.%u", e->ids[i % e->n_ids], i)) == NULL)
            abort();
    e->ids = ids;
    e->n_ids = l->n_ids;
}

static void
add_parent(struct large *l, struct large_entity *e, unsigned type, unsigned id)
{
    e->parents[e->n_parents++] = (struct large_uid){type, id};
    l->entities[type][id].is_parent = true;
}

/* A parent a few places on in most, so that chains grow as long as a run; one more of the same type; one of a higher type. */
static void
make_parents(struct large *l, unsigned type, unsigned id)
{
    struct choice *c = l->w.c;
    struct large_entity *e = &l->entities[type][id];
    unsigned end = (id / RUN + 1) * RUN, near = id + 1 + choice_of(c, 3), far = id + 1 + choice_of(c, RUN),
             up = type + 1 + choice_of(c, WORLD_ENTITIES);
    end = end < l->n_ids ? end : l->n_ids;
    if (near < end && choice_rare(c, 85)) {
        add_parent(l, e, type, near);
        l->below[type][near] = id;
    }
    if (far < end && choice_rare(c, 15))
        add_parent(l, e, type, far);
    if (up < l->w.n_entities && choice_rare(c, 8))
        add_parent(l, e, up, choice_of(c, l->n_ids));
    e->missing = choice_rare(c, 4);
}

static void
make_entities(struct large *l)
{
    unsigned n = l->w.n_entities;
    for (unsigned i = 0; i < n; i++) {
        more_ids(l, i);
        l->entities[i] = list(l, l->n_ids, sizeof *l->entities[i]);
        l->below[i] = list(l, l->n_ids, sizeof *l->below[i]);
        for (unsigned k = 0; k < l->n_ids; k++)
            l->below[i][k] = l->n_ids;
    }
    for (unsigned i = 0; i < n; i++)
        for (unsigned k = 0; k < l->n_ids; k++)
            make_parents(l, i, k);
}

static void
put_uid(struct buf *b, struct large *l, struct large_uid u)
{
    world_put_uid(b, &l->w, l->w.entities[u.type].name, l->w.entities[u.type].ids[u.id]);
}

static void
put_tags(struct buf *b, struct large *l, const struct sort *s)
{
    static const char *const keys[] = {"a", "t", ""};
    json_key(b, "tags");
    json_open(b, '{');
    for (size_t i = 0; i < 3; i++)
        if (choice_rare(l->w.c, 50)) {
            json_key(b, keys[i]);
            world_put_value(b, &l->w, s, 2);
        }
    json_close(b, '}');
}

static void
put_entity(struct buf *b, struct large *l, struct large_uid u)
{
    const struct large_entity *e = &l->entities[u.type][u.id];
    const struct world_entity *type = &l->w.entities[u.type];
    json_item(b);
    json_open(b, '{');
    json_key(b, "uid");
    put_uid(b, l, u);
    json_key(b, "attrs");
    world_put_value(b, &l->w, type->shape, 3);
    json_key(b, "parents");
    json_open(b, '[');
    for (unsigned i = 0; i < e->n_parents; i++) {
        json_item(b);
        put_uid(b, l, e->parents[i]);
    }
    json_close(b, ']');
    if (type->tags)
        put_tags(b, l, type->tags);
    json_close(b, '}');
}

void
large_put_entities(struct buf *b, struct large *l, enum large_part part)
{
    struct choice *of_all = l->w.c;
    json_open(b, '[');
    for (unsigned type = 0; type < l->w.n_entities; type++)
        for (unsigned id = 0; id < l->n_ids; id++) {
            const struct large_entity *e = &l->entities[type][id];
            bool leaf = !e->is_parent && id % LEAVES == 1;
            /* What an entity holds is the same in every part. */
            struct choice own = {.state = l->content + ((uint64_t)type << 32 | id) * 1000};
            l->w.c = &own;
            if (!e->missing && (part == LARGE_ALL || leaf == (part == LARGE_LEAVES)))
                put_entity(b, l, (struct large_uid){type, id});
        }
    l->w.c = of_all;
    if (part != LARGE_LEAVES)
        world_put_actions(b, &l->w);
    json_close(b, ']');
}

/* -------------------------------------------------------------------------------------------------------------------- policies */

static void
narrow(struct large *l, struct scope *s)
{
    if (s->kind == SCOPE_ANY && choice_rare(l->w.c, l->narrow))
        s->kind = choice_of(l->w.c, 2) ? SCOPE_EQUAL : SCOPE_IN;
}

static struct made_policy
make_policy(struct large *l, bool slots)
{
    struct made_policy p;
    policy_make(&l->w, &p, slots);
    p.forbid = choice_rare(l->w.c, l->forbids);
    narrow(l, &p.principal);
    narrow(l, &p.action);
    narrow(l, &p.resource);
    return p;
}

/* One of the first few in a third of all, so that many policies meet there. */
static struct large_uid
some_uid(struct large *l, unsigned type)
{
    return (struct large_uid){type, choice_of(l->w.c, choice_rare(l->w.c, 33) ? 4 : l->n_ids)};
}

static void
fill_slot(struct large *l, struct scope *s)
{
    if (!s->slot)
        return;
    struct large_uid u = some_uid(l, choice_of(l->w.c, l->w.n_entities));
    s->type = l->w.entities[u.type].name;
    s->id = l->w.entities[u.type].ids[u.id];
}

static void
make_link(struct large *l, struct large_policy *p)
{
    p->is_link = true;
    p->template = choice_of(l->w.c, LARGE_TEMPLATES);
    p->made = l->templates[p->template];
    fill_slot(l, &p->made.principal);
    fill_slot(l, &p->made.resource);
}

static void
make_policies(struct large *l)
{
    l->policies = list(l, l->n_policies, sizeof *l->policies);
    for (unsigned i = 0; i < LARGE_TEMPLATES; i++)
        l->templates[i] = make_policy(l, true);
    for (unsigned i = 0; i < l->n_policies; i++) {
        struct large_policy *p = &l->policies[i];
        if (choice_rare(l->w.c, 10)) {
            make_link(l, p);
            continue;
        }
        p->made = make_policy(l, false);
        p->as_text = choice_of(l->w.c, 2);
    }
}

void
large_put_text(struct buf *b, struct large *l, unsigned i)
{
    struct choice *of_all = l->w.c, none = {.at = (const uint8_t *)l, .end = (const uint8_t *)l};
    l->w.c = &none; /* all brackets are written: it must be this policy, each time */
    buf_printf(b, "@id(\"p%u\")\n", i);
    policy_put(b, &l->w, &l->policies[i].made);
    l->w.c = of_all;
}

void
large_put_json(struct buf *b, struct large *l, unsigned i)
{
    policy_put_json(b, &l->policies[i].made);
}

static void
put_filled(struct buf *b, struct large *l, const char *slot, const struct scope *s)
{
    if (!s->slot)
        return;
    json_key(b, slot);
    world_put_uid(b, &l->w, s->type, s->id);
}

void
large_put_link(struct buf *b, struct large *l, unsigned i)
{
    const struct large_policy *p = &l->policies[i];
    json_item(b);
    json_open(b, '{');
    buf_printf(b, "\"templateId\":\"t%u\",\"newId\":\"p%u\"", p->template, i);
    json_key(b, "values");
    json_open(b, '{');
    put_filled(b, l, "?principal", &p->made.principal);
    put_filled(b, l, "?resource", &p->made.resource);
    json_close(b, '}');
    json_close(b, '}');
}

/* -------------------------------------------------------------------------------------------------------------------- requests */

static bool
find_uid(const struct large *l, const char *type, const char *id, struct large_uid *out)
{
    for (out->type = 0; out->type < l->w.n_entities; out->type++) {
        const struct world_entity *e = &l->w.entities[out->type];
        for (out->id = 0; out->id < l->n_ids && strcmp(e->name, type) == 0; out->id++)
            if (strcmp(e->ids[out->id], id) == 0)
                return true;
    }
    return false;
}

static struct large_uid
some_below(struct large *l, struct large_uid u)
{
    for (unsigned steps = choice_of(l->w.c, 24); steps > 0 && l->below[u.type][u.id] < l->n_ids; steps--)
        u.id = l->below[u.type][u.id];
    return u;
}

/* Who the scope admits, mostly; else anyone of ${type}. */
static struct large_uid
admitted(struct large *l, const struct scope *s, unsigned type)
{
    struct large_uid u;
    if (s->kind == SCOPE_ANY || s->kind == SCOPE_IS || choice_rare(l->w.c, 10) || !find_uid(l, s->type, s->id, &u))
        return some_uid(l, type);
    return s->kind == SCOPE_EQUAL ? u : some_below(l, u);
}

static void
put_action(struct buf *b, struct large *l, const struct scope *s, unsigned *action)
{
    const char *id = s->kind == SCOPE_ANY ? NULL : s->n ? s->ids[choice_of(l->w.c, s->n)] : s->id;
    for (unsigned i = 0; i < l->w.n_actions && id && !choice_rare(l->w.c, 20); i++)
        if (strcmp(l->w.actions[i].id, id) == 0)
            *action = i;
    json_key(b, "action");
    world_put_uid(b, &l->w, l->w.actions[*action].type, l->w.actions[*action].id);
}

void
large_put_request(struct buf *b, struct large *l, unsigned i)
{
    const struct made_policy *p = &l->policies[i].made;
    struct world_env env = world_env(&l->w);
    json_key(b, "principal");
    put_uid(b, l, admitted(l, &p->principal, env.principal));
    put_action(b, l, &p->action, &env.action);
    json_key(b, "resource");
    put_uid(b, l, admitted(l, &p->resource, env.resource));
    json_key(b, "context");
    world_put_value(b, &l->w, l->w.actions[env.action].context, 3);
}

/* ------------------------------------------------------------------------------------------------------------------------- all */

void
large_make(struct large *l, struct choice *c, unsigned policies, unsigned entities)
{
    static const unsigned forbids[] = {0, 2, 10, 30}, narrows[] = {0, 60, 97, 97}, looses[] = {0, 1, 2, 5}, simples[] = {10, 60, 90};
    *l = (struct large){.a.max = (size_t)2 << 30, .n_policies = policies};
    l->forbids = CHOICE_FROM(c, forbids);
    l->narrow = CHOICE_FROM(c, narrows);
    world_make(&l->w, &l->a, c, 0);
    l->n_ids = entities / l->w.n_entities + 8;
    l->w.loose = CHOICE_FROM(c, looses);
    l->w.simple = CHOICE_FROM(c, simples);
    make_entities(l);
    make_policies(l);
    l->content = choice_bits(c);
}

void
large_free(struct large *l)
{
    arena_free(&l->a);
}
