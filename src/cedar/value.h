/*
 * Values: what expressions evaluate to and what attributes and contexts hold. Immutable once built. Sets are kept sorted without
 * duplicates and records sorted by key, so that equality is a walk in step and `contains` a binary search.
 */
#ifndef CEDAR_VALUE_H
#define CEDAR_VALUE_H

#include "base/arena.h"
#include "cedar/text.h"

/* In Cedar's own order of kinds: it decides which element of a set is looked at first, and so which error is reported. */
enum value_kind {
    VALUE_BOOL,
    VALUE_LONG,
    VALUE_STRING,
    VALUE_ENTITY,
    VALUE_SET,
    VALUE_RECORD,
    VALUE_DATETIME,
    VALUE_DECIMAL,
    VALUE_DURATION,
    VALUE_IP,
};

/* The members of one record built by hand; a record from JSON is bounded by its text. */
#define RECORD_MEMBERS_MAX 4096

struct value_field {
    struct cedar_str key;
    const struct cedar_value *value;
};

struct value_set {
    const struct cedar_value **at;
    size_t n;
};

struct value_record {
    struct value_field *at;
    size_t n, cap;
};

struct value_ip {
    uint8_t at[16]; /* network order; an IPv4 address is in the first four */
    uint8_t bits;   /* of the prefix */
    bool v6;
};

struct cedar_value {
    enum value_kind kind : 8;
    bool interned : 1;     /* the one copy in its store or engine (intern.h) */
    bool hashed : 1;       /* ${hash} is right for the engine that it was looked up for */
    bool own_keys : 1;     /* a record whose keys are the one copy of their texts, where its store or engine has one */
    unsigned depth : 16;   /* 1 for a value without parts */
    uint32_t hash;         /* of an interned value */
    union {
        bool truth;
        int64_t number; /* long; decimal in 1/10000; datetime and duration in milliseconds */
        struct cedar_str text;
        struct cedar_uid uid;
        struct value_set set;
        struct value_record record;
        struct value_ip ip;
    };
};

struct desk;

struct cedar_scratch {
    struct arena a;
    struct desk *desk; /* what the compiled engine works on (desk.h); NULL until it does */
};

extern const struct cedar_value value_true, value_false, value_empty_record;

static inline const struct cedar_value *
value_truth(bool v)
{
    return v ? &value_true : &value_false;
}

/* Constructors in an arena; NULL when out of memory. Strings are not copied. */
struct cedar_value *value_new(struct arena *a, enum value_kind kind);
struct cedar_value *value_number(struct arena *a, enum value_kind kind, int64_t number);
struct cedar_value *value_string(struct arena *a, struct cedar_str text);
struct cedar_value *value_entity(struct arena *a, struct cedar_uid uid);
/* value_set(a, list, n): takes ${list} over, sorts it and drops duplicates. */
struct cedar_value *value_set(struct arena *a, const struct cedar_value **list, size_t n);
/* value_record(a, fields, n): takes ${fields} over and sorts them; the caller has seen to it that no key stands twice. */
struct cedar_value *value_record(struct arena *a, struct value_field *fields, size_t n);
/* value_copy(a, v): all of it again, strings included. NULL when out of memory. */
struct cedar_value *value_copy(struct arena *a, const struct cedar_value *v);

/* A total order over all values; 0 exactly for Cedar's equality. */
int value_cmp(const struct cedar_value *a, const struct cedar_value *b);
bool value_eq(const struct cedar_value *a, const struct cedar_value *b);
bool value_set_has(const struct cedar_value *set, const struct cedar_value *v);
/* value_find, value_get(record, key): the field, the value; NULL when there is no such key. */
const struct value_field *value_find(const struct cedar_value *record, struct cedar_str key);
const struct cedar_value *value_get(const struct cedar_value *record, struct cedar_str key);

/* value_type(t, v): the type's name as error texts give it. */
void value_type(struct text *t, const struct cedar_value *v);
const char *value_kind_name(enum value_kind kind);

#endif
