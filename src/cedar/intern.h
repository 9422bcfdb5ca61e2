/*
 * Interning: a table in which every value stands once, so that two values of one table are equal exactly when they are at the same
 * address. Entities stand in it as nodes, which carry what is known about them. A table may stand on another one that is complete: what
 * is found there is not added again. Hashes are seeded at random, so that ids chosen by others cannot make a table slow.
 */
#ifndef CEDAR_INTERN_H
#define CEDAR_INTERN_H

#include "cedar/value.h"

/* An entity: the value that refers to it and what is known about it. Only an interned value of kind ENTITY is a part of a node. */
struct node {
    struct cedar_value value;
    uint32_t number; /* dense, from 0, in the order of interning */
    uint32_t n_ancestors;
    bool known;      /* false: only referred to */
    bool parent;     /* somebody's ancestor */
    const uint32_t *ancestors;             /* numbers, sorted */
    const struct cedar_value *attributes;  /* a record with interned keys, or, of an entity of one request, any record; NULL: not known */
    const struct cedar_value *tags;
};

struct intern_slot {
    const struct cedar_value *value;
    uint64_t hash;
};

struct interner {
    struct arena *a;
    const struct interner *below; /* NULL: none */
    uint64_t seed;
    struct intern_slot *slots;
    size_t n, cap;  /* cap: a power of two, or 0 */
    uint32_t nodes; /* number of the next node */
};

/* interner_start(t, a, below): an empty table with memory of ${a}. interner_end: gives the slots back. */
void interner_start(struct interner *t, struct arena *a, const struct interner *below);
void interner_end(struct interner *t);

/* intern(t, v): the one value equal to ${v}, added with its parts when there was none; NULL: out of memory. Recursion: depth of ${v}. */
const struct cedar_value *intern(struct interner *t, const struct cedar_value *v);
const struct cedar_value *intern_str(struct interner *t, struct cedar_str s);
struct node *intern_node(struct interner *t, const struct cedar_uid *uid);
/* intern_record(t, v): a record with interned keys and parts that is itself not interned, for what stands only once anyway. */
const struct cedar_value *intern_record(struct interner *t, const struct cedar_value *v);

/* Looking up only: NULL when there is none. */
const struct cedar_value *intern_find(const struct interner *t, const struct cedar_value *v);
const struct cedar_value *intern_find_str(const struct interner *t, struct cedar_str s);
const struct node *intern_find_uid(const struct interner *t, const struct cedar_uid *uid);

/* value_hash(seed, v): equal values have equal hashes. */
uint64_t value_hash(uint64_t seed, const struct cedar_value *v);
uint64_t str_hash(uint64_t seed, struct cedar_str s);

/* value_hash_in(seed, v): half of it, from memory where ${v} is interned or was looked up. */
static inline uint32_t
value_hash_in(uint64_t seed, const struct cedar_value *v)
{
    return v->interned || v->hashed ? v->hash : (uint32_t)value_hash(seed, v);
}

static inline const struct node *
value_node(const struct cedar_value *v)
{
    return v->interned && v->kind == VALUE_ENTITY ? (const struct node *)(const void *)v : NULL;
}

/* value_same(a, b): value_eq, quick for interned values. Both must be of one engine, or not interned. */
static inline bool
value_same(const struct cedar_value *a, const struct cedar_value *b)
{
    if (a == b)
        return true;
    if (a->kind != b->kind || (a->interned && b->interned))
        return false;
    if (a->kind == VALUE_STRING)
        return str_eq(a->text, b->text);
    if (a->kind == VALUE_LONG)
        return a->number == b->number;
    return value_eq(a, b);
}

#endif
