#include "cedar/intern.h"

#include <stdlib.h>
#include <sys/random.h>

/* ------------------------------------------------------------------------------------------------------------------- hashes */

static inline uint64_t
mix(uint64_t a, uint64_t b)
{
    __uint128_t m = (__uint128_t)a * b;
    return (uint64_t)m ^ (uint64_t)(m >> 64);
}

#define ODD_1 UINT64_C(0x9e3779b97f4a7c15)
#define ODD_2 UINT64_C(0xd6e8feb86659fd93)

static inline uint64_t
load(const char *at, size_t n)
{
    uint64_t v = 0;
    memcpy(&v, at, n);
    return v;
}

/* The first and the last bytes of a text of at most 16 and a secret on both sides of a folded multiplication. */
static inline uint64_t
short_hash(uint64_t seed, struct cedar_str s)
{
    uint64_t a, b;
    if (s.n >= 8)
        a = load(s.at, 8), b = load(s.at + s.n - 8, 8);
    else if (s.n >= 4)
        a = load(s.at, 4), b = load(s.at + s.n - 4, 4);
    else if (s.n > 0)
        a = (uint8_t)s.at[0] | (uint64_t)(uint8_t)s.at[s.n / 2] << 8, b = (uint8_t)s.at[s.n - 1];
    else
        a = b = 0;
    return mix(mix(a ^ seed, b ^ (seed << 32 | seed >> 32) ^ ODD_1) ^ s.n, ODD_2);
}

/* A long one: eight bytes a step; the last step overlaps the one before it. */
uint64_t
str_hash(uint64_t seed, struct cedar_str s)
{
    if (s.n <= 16)
        return short_hash(seed, s);
    uint64_t h = seed ^ mix(s.n ^ ODD_1, ODD_2);
    for (size_t i = 0; i + 8 < s.n; i += 8)
        h = mix(h ^ load(s.at + i, 8), ODD_1);
    h = mix(h ^ load(s.at + s.n - 8, 8), ODD_2);
    return mix(h ^ seed, ODD_1);
}

/* Both parts at the same time; which part is which matters. */
static uint64_t
uid_hash(uint64_t seed, const struct cedar_uid *uid)
{
    return mix(str_hash(seed + VALUE_ENTITY, uid->type) ^ seed, ODD_1) ^ str_hash(seed, uid->id);
}

static uint64_t
ip_hash(uint64_t seed, const struct value_ip *ip)
{
    uint64_t high, low;
    memcpy(&high, ip->at, 8);
    memcpy(&low, ip->at + 8, 8);
    return mix(mix(seed ^ high, ODD_1) ^ low, ODD_2 ^ ip->bits ^ (unsigned)ip->v6 << 8);
}

/* Sets and records are kept sorted, so the order of their parts is that of any equal one. Recursion: depth of the value. */
uint64_t
value_hash(uint64_t seed, const struct cedar_value *v)
{
    uint64_t h = seed + (unsigned)v->kind;
    switch (v->kind) {
    case VALUE_BOOL:
        return mix(h ^ v->truth, ODD_1);
    case VALUE_STRING:
        return str_hash(h, v->text);
    case VALUE_ENTITY:
        return uid_hash(seed, &v->uid);
    case VALUE_SET:
        for (size_t i = 0; i < v->set.n; i++)
            h = mix(h ^ value_hash(seed, v->set.at[i]), ODD_1);
        return mix(h, ODD_2);
    case VALUE_RECORD:
        for (size_t i = 0; i < v->record.n; i++)
            h = mix(str_hash(h, v->record.at[i].key) ^ value_hash(seed, v->record.at[i].value), ODD_1);
        return mix(h, ODD_2);
    case VALUE_IP:
        return ip_hash(h, &v->ip);
    case VALUE_LONG:
    case VALUE_DATETIME:
    case VALUE_DECIMAL:
    case VALUE_DURATION:
        break;
    }
    return mix(h ^ (uint64_t)v->number, ODD_1);
}

/* -------------------------------------------------------------------------------------------------------------------- table */

void
interner_start(struct interner *t, struct arena *a, const struct interner *below)
{
    *t = (struct interner){.a = a, .below = below};
    if (below) {
        t->seed = below->seed;
        t->nodes = below->nodes;
    } else if (getrandom(&t->seed, sizeof t->seed, GRND_NONBLOCK) != (ssize_t)sizeof t->seed) {
        t->seed = (uint64_t)(uintptr_t)a * ODD_1; /* too early in the system's life: at least the address is hard to know */
    }
}

void
interner_end(struct interner *t)
{
    free(t->slots);
    t->slots = NULL;
}

static bool
same_key(const struct cedar_value *stored, const struct cedar_value *v)
{
    return stored->kind == v->kind && (v->kind == VALUE_ENTITY ? uid_eq(&stored->uid, &v->uid) : value_eq(stored, v));
}

static const struct cedar_value *
find_here(const struct interner *t, uint64_t hash, const struct cedar_value *v)
{
    for (size_t i = hash & (t->cap - 1); t->cap && t->slots[i].value; i = (i + 1) & (t->cap - 1))
        if (t->slots[i].hash == hash && same_key(t->slots[i].value, v))
            return t->slots[i].value;
    return NULL;
}

static const struct cedar_value *
find(const struct interner *t, uint64_t hash, const struct cedar_value *v)
{
    const struct cedar_value *found = t->below ? find(t->below, hash, v) : NULL; /* one level: a table stands on a store's */
    return found ? found : find_here(t, hash, v);
}

const struct cedar_value *
intern_find(const struct interner *t, const struct cedar_value *v)
{
    if (v->kind == VALUE_BOOL)
        return value_truth(v->truth);
    return v->interned ? v : find(t, value_hash(t->seed, v), v);
}

const struct cedar_value *
intern_find_str(const struct interner *t, struct cedar_str s)
{
    struct cedar_value v = {.kind = VALUE_STRING, .text = s};
    return find(t, value_hash(t->seed, &v), &v);
}

static const struct node *
find_uid_here(const struct interner *t, uint64_t hash, const struct cedar_uid *uid)
{
    for (size_t i = hash & (t->cap - 1); t->cap && t->slots[i].value; i = (i + 1) & (t->cap - 1)) {
        const struct cedar_value *v = t->slots[i].value;
        if (t->slots[i].hash == hash && v->kind == VALUE_ENTITY && uid_eq(&v->uid, uid))
            return (const struct node *)(const void *)v;
    }
    return NULL;
}

const struct node *
intern_find_uid(const struct interner *t, const struct cedar_uid *uid)
{
    uint64_t hash = uid_hash(t->seed, uid);
    const struct node *found = t->below ? find_uid_here(t->below, hash, uid) : NULL;
    return found ? found : find_uid_here(t, hash, uid);
}

static void
place(struct interner *t, struct intern_slot s)
{
    size_t i = s.hash & (t->cap - 1);
    while (t->slots[i].value)
        i = (i + 1) & (t->cap - 1);
    t->slots[i] = s;
}

/* At most two thirds full. */
static bool
make_room(struct interner *t)
{
    if (t->n * 3 < t->cap * 2)
        return true;
    struct interner bigger = *t;
    bigger.cap = t->cap ? t->cap * 2 : 64;
    bigger.slots = calloc(bigger.cap, sizeof *bigger.slots);
    if (bigger.slots == NULL)
        return false;
    for (size_t i = 0; i < t->cap; i++)
        if (t->slots[i].value)
            place(&bigger, t->slots[i]);
    free(t->slots);
    *t = bigger;
    return true;
}

static const struct cedar_value *
put(struct interner *t, uint64_t hash, struct cedar_value *v)
{
    if (v == NULL || !make_room(t))
        return NULL;
    v->interned = true;
    v->hash = (uint32_t)hash;
    place(t, (struct intern_slot){v, hash});
    t->n++;
    return v;
}

/* ------------------------------------------------------------------------------------------------------------------- adding */

static struct cedar_str
copy_text(struct arena *a, struct cedar_str s)
{
    struct bytes b = arena_copy(a, str_bytes(s));
    return (struct cedar_str){(const char *)b.at, b.n};
}

const struct cedar_value *
intern_str(struct interner *t, struct cedar_str s)
{
    struct cedar_value v = {.kind = VALUE_STRING, .depth = 1, .text = s};
    return intern(t, &v);
}

static struct cedar_value *
make_node(struct interner *t, const struct cedar_uid *uid)
{
    const struct cedar_value *type = intern_str(t, uid->type);
    struct node *n = ARENA_NEW(t->a, struct node);
    struct cedar_str id = copy_text(t->a, uid->id);
    if (type == NULL || n == NULL || id.at == NULL || t->nodes == INT32_MAX)
        return NULL;
    n->value = (struct cedar_value){.kind = VALUE_ENTITY, .depth = 1, .uid = {type->text, id}};
    n->number = t->nodes++;
    return &n->value;
}

struct node *
intern_node(struct interner *t, const struct cedar_uid *uid)
{
    struct cedar_value v = {.kind = VALUE_ENTITY, .depth = 1, .uid = *uid};
    return (struct node *)(uintptr_t)intern(t, &v);
}

static struct cedar_value *
copy_plain(struct interner *t, const struct cedar_value *v)
{
    struct cedar_value *to = ARENA_NEW(t->a, struct cedar_value);
    if (to == NULL)
        return NULL;
    *to = *v;
    to->interned = to->own_keys = to->hashed = false;
    if (v->kind == VALUE_STRING)
        to->text = copy_text(t->a, v->text);
    return v->kind == VALUE_STRING && to->text.at == NULL ? NULL : to;
}

static int
by_address(const void *a, const void *b)
{
    uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;
    return x < y ? -1 : x > y;
}

/* Sorted as the original is, by content; and behind that once more by address. */
static struct cedar_value *
copy_set(struct interner *t, const struct cedar_value *v)
{
    struct cedar_value *to = copy_plain(t, v);
    const struct cedar_value **at = v->set.n <= SIZE_MAX / 2 ? arena_list(t->a, v->set.n * 2, sizeof *at) : NULL;
    if (to == NULL || at == NULL)
        return NULL;
    for (size_t i = 0; i < v->set.n; i++)
        if ((at[i] = intern(t, v->set.at[i])) == NULL)
            return NULL;
    if (v->set.n) {
        memcpy(at + v->set.n, at, v->set.n * sizeof *at);
        qsort(at + v->set.n, v->set.n, sizeof *at, by_address);
    }
    to->set.at = at;
    return to;
}

static struct cedar_value *
copy_record(struct interner *t, const struct cedar_value *v)
{
    struct cedar_value *to = copy_plain(t, v);
    struct value_field *at = arena_list(t->a, v->record.n, sizeof *at);
    if (to == NULL || at == NULL)
        return NULL;
    for (size_t i = 0; i < v->record.n; i++) {
        const struct cedar_value *key = intern_str(t, v->record.at[i].key);
        const struct cedar_value *value = intern(t, v->record.at[i].value);
        if (key == NULL || value == NULL)
            return NULL;
        at[i] = (struct value_field){key->text, value};
    }
    to->record = (struct value_record){at, v->record.n, v->record.n};
    to->own_keys = true;
    return to;
}

const struct cedar_value *
intern_record(struct interner *t, const struct cedar_value *v)
{
    return copy_record(t, v);
}

static struct cedar_value *
copy(struct interner *t, const struct cedar_value *v)
{
    switch (v->kind) {
    case VALUE_ENTITY:
        return make_node(t, &v->uid);
    case VALUE_SET:
        return copy_set(t, v);
    case VALUE_RECORD:
        return copy_record(t, v);
    default:
        return copy_plain(t, v);
    }
}

const struct cedar_value *
intern(struct interner *t, const struct cedar_value *v)
{
    if (v->kind == VALUE_BOOL)
        return value_truth(v->truth);
    uint64_t hash = value_hash(t->seed, v);
    const struct cedar_value *found = find(t, hash, v);
    return found ? found : put(t, hash, copy(t, v));
}
