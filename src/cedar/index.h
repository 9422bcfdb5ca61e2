/*
 * The index: from a request to the few policies that can be satisfied or err. First by scope, which cannot err: a policy stands under one
 * part of its scope (an entity of its principal or resource, else a type, else under "any") and below that under its actions. Policies
 * that meet there are told apart by their first conditions: where many test the same term, the term is evaluated once and leads to those
 * whose test it passes. Only policies that would be not satisfied, without an error, are left out; where a term has no value, or one that
 * the tests would not take, all policies that test it are looked at. So the index never changes an answer.
 */
#ifndef CEDAR_INDEX_H
#define CEDAR_INDEX_H

#include "cedar/graph.h"
#include "cedar/machine.h"
#include "cedar/sieve.h"
#include "cedar/store.h"

/* A policy, compiled. Scopes by numbers of nodes and by interned types. */
struct rule {
    uint8_t scope[3]; /* enum scope_kind of principal, action, resource */
    bool template, forbid;
    uint32_t node[3];      /* of principal and resource: the entity; of action: where its list begins in ${actions} */
    const char *type[3];   /* for SCOPE_IS and SCOPE_IS_IN */
    uint32_t n_actions;
    uint32_t chunk;        /* of its condition */
    uint32_t condition;    /* its vertex, while the engine is made */
};

/* Who asks for what: the entity that a part of the request is known by, what is known about it, its type interned (NULL: no policy has it). */
struct asked {
    const struct node *node, *facts;
    const char *type;
};

/* A test that a policy begins with. */
enum guard_kind {
    GUARD_NONE,
    GUARD_TRUTH,    /* the term, which must be ${want} */
    GUARD_EQUAL,    /* the term is one of the literals */
    GUARD_IN,       /* the term is one of the literals, all entities, or below it */
    GUARD_CONTAINS, /* the term is a set with the literal in it */
    GUARD_LIKE,     /* the term is a string that begins with the literal, of at most LIKE_MAX bytes */
    GUARD_HAS,      /* the term is a record or entity with an attribute of the literal's name */
    GUARD_LESS,     /* the term is less than the literal, which is ordered */
    GUARD_LESS_EQUAL,
    GUARD_GREATER,
    GUARD_GREATER_EQUAL,
};

struct guard {
    enum guard_kind kind;
    bool want;
    uint32_t term; /* vertex */
    const struct cedar_value *one, *const *literals; /* NULL: only ${one} */
    size_t n;
};

/* guard_of(g, condition, level, out): what the test number ${level} of a condition is; GUARD_NONE past the last. */
void guard_of(const struct graph *g, uint32_t condition, unsigned level, struct guard *out);
#define LIKE_MAX 63u
/* Levels of tests that the index looks at. */
#define GUARD_LEVELS 4u

#define NOTHING UINT32_MAX

/*
 * A policy in a list, and the entity of the other part of its scope (resource under a principal, principal under a resource), which must
 * be the one asked for or, without OTHER_ITSELF, above it. NOTHING: no such entity.
 */
struct item {
    uint32_t policy, other;
};
#define OTHER_ITSELF (UINT32_C(1) << 31)

/*
 * What is left to do for a policy that the index led to: types of its scope to compare (indices in ${types}, 0: none), and its condition.
 * In one line of the cache with its trials, when they are not more than that.
 */
#define CACHE_LINE 64u
struct verdict {
    _Alignas(CACHE_LINE) uint32_t chunk;
    uint32_t principal, resource, trial;
    uint8_t n_trials;
    bool whole, forbid; /* whole: the trials are all of the condition; there may be none of either */
    struct trial first[2];
};

/*
 * One of the few policies under a part of a scope: they are tried one after another. Bit 0 of ${actions} says any action, the others which
 * (action_bit). ${other}: as in an item.
 */
struct few {
    uint64_t actions;
    uint32_t policy, other;
};
#define FEW_MAX 32u
#define SIEVE_MAX 256u
/* Actions that scopes name, numbered from 1; past ACTION_BITS several have one bit, and the scope is compared once more. */
#define ACTION_BITS 63u
static inline uint64_t
action_bit(uint32_t action)
{
    return action ? UINT64_C(2) << (action - 1) % ACTION_BITS : 1;
}

/* Policies that wait for the same: those to look at in any case, and groups that test a term. Ranges of ${items} and ${groups}. */
struct bucket {
    uint32_t plain, n_plain, group, n_groups;
};

struct entry {
    const struct cedar_value *value; /* NULL: free, in a table */
    int64_t number;                  /* of an ordered literal */
    uint32_t hash, bucket;           /* GUARD_IN: ${hash} is the node's number */
};

struct group {
    enum guard_kind kind;
    uint32_t term;        /* a chunk, or with the top bit set something held */
    uint32_t all, n_all;  /* every policy of it, in ${items} */
    uint32_t entry, n;    /* its table (n: a power of two) or sorted list in ${entries}; GUARD_TRUTH: buckets for false and true */
    enum value_kind ordered; /* of the literals, for comparisons */
    uint64_t lengths;        /* GUARD_LIKE: bit n: there is a literal of n bytes */
};
#define TERM_IS_HELD (UINT32_C(1) << 31)

struct branch {
    uint32_t action, bucket; /* ${action}: as spots number them */
};

/* Branches, sorted by action, and the bucket for any action; where there are few policies none of these, but a range of ${few}. */
struct range {
    uint32_t from, n;
    uint32_t any;  /* a bucket, or NOTHING */
    uint32_t few, n_few;
    uint32_t run, n_runs; /* of the sieve, beside those */
    uint64_t mask; /* action_bit for each action */
};

struct typed {
    const char *type;
    struct range branches;
};

/* What stands under a node: as principal or resource itself, as one of those or above them; and its numbers as an action, from 1. */
enum under { UNDER_PRINCIPAL_ITSELF, UNDER_PRINCIPAL, UNDER_RESOURCE_ITSELF, UNDER_RESOURCE, UNDER_PRINCIPAL_TYPE, UNDER_RESOURCE_TYPE, UNDER_ANY };
struct wide {
    struct range under[UNDER_RESOURCE + 1];
};
/* By part: 0 principal, 1 resource. The few that ask for the node itself come before the few that it may also stand above. */
struct spot {
    uint32_t few[2];
    uint8_t n_itself[2], n_few[2];
    uint32_t wide; /* what stands there in larger numbers: 1 + its place in ${wides}, or 0 */
    uint32_t action_itself, action;
    uint64_t bits_itself, bits; /* of those: action_bit, or 0 */
};

struct index {
    uint32_t *spot_of; /* per node: its spot; 0, an empty one: in no scope */
    uint32_t n_nodes;
    struct spot *spots;
    struct wide *wides;
    struct few *few;
    struct run *runs;
    struct grain *grains;
    const char **types; /* that scopes ask for; the first is none */
    struct typed *principals, *resources; /* by type */
    struct range any;
    struct branch *branches;
    struct bucket *buckets;
    struct group *groups;
    struct entry *entries;
    struct item *items;
    struct verdict *verdicts; /* of every policy */
    bool stands[UNDER_ANY + 1]; /* does any policy stand there? */
    uint8_t masked;             /* bit i: what is above part i of the request is asked for, by items or trials */
    size_t n_spots, n_principals, n_resources, n_branches, n_buckets, n_groups, n_entries, n_items, n_actions, n_wides, n_few, n_runs, n_grains,
        n_types;
};

/* index_build(x, rules, n, actions, g, p, table, store): false: out of memory. index_free gives its memory back. */
bool index_build(struct index *x, const struct rule *rules, size_t n, const uint32_t *actions, const struct graph *g, const struct program *p,
                 const struct interner *table, const struct cedar_store *store);
void index_free(struct index *x);

/*
 * index_find(x, m, asked, take, of): every policy that is to be looked at either gets its mark on the desk or is told to take(of, …), in no
 * order, but once. False: out of memory, or ${take} said so.
 */
typedef bool index_take(void *of, const uint32_t *policies, size_t n);
bool index_find(const struct index *x, struct machine *m, const struct asked asked[3], index_take *take, void *of);

#endif
