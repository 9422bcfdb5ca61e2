#include "cedar/value.h"

#include "base/sort.h"
#include "cedar/desk.h"

#include <stdlib.h>

const struct cedar_value value_true = {.kind = VALUE_BOOL, .depth = 1, .truth = true};
const struct cedar_value value_false = {.kind = VALUE_BOOL, .depth = 1, .truth = false};
const struct cedar_value value_empty_record = {.kind = VALUE_RECORD, .depth = 1};

static const char *const kind_names[] = {
    [VALUE_BOOL] = "bool",     [VALUE_LONG] = "long",         [VALUE_STRING] = "string",   [VALUE_ENTITY] = "entity",     [VALUE_SET] = "set",
    [VALUE_RECORD] = "record", [VALUE_DATETIME] = "datetime", [VALUE_DECIMAL] = "decimal", [VALUE_DURATION] = "duration", [VALUE_IP] = "ipaddr",
};

const char *
value_kind_name(enum value_kind kind)
{
    return kind_names[kind];
}

void
value_type(struct text *t, const struct cedar_value *v)
{
    if (v->kind != VALUE_ENTITY) {
        text_add(t, "%s", kind_names[v->kind]);
        return;
    }
    text_add(t, "(entity of type `");
    text_str(t, v->uid.type);
    text_add(t, "`)");
}

/* ------------------------------------------------------------------------------------------------------------ comparing */

static int
cmp_numbers(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

static int
cmp_uids(const struct cedar_uid *a, const struct cedar_uid *b)
{
    int c = str_cmp(a->type, b->type);
    return c ? c : str_cmp(a->id, b->id);
}

static int
cmp_ips(const struct value_ip *a, const struct value_ip *b)
{
    if (a->v6 != b->v6)
        return a->v6 - b->v6;
    int c = memcmp(a->at, b->at, sizeof a->at);
    return c ? c : a->bits - b->bits;
}

static int
cmp_sets(const struct value_set *a, const struct value_set *b)
{
    for (size_t i = 0; i < a->n && i < b->n; i++) {
        int c = value_cmp(a->at[i], b->at[i]);
        if (c)
            return c;
    }
    return a->n < b->n ? -1 : a->n > b->n;
}

static int
cmp_records(const struct value_record *a, const struct value_record *b)
{
    for (size_t i = 0; i < a->n && i < b->n; i++) {
        int c = str_cmp(a->at[i].key, b->at[i].key);
        if (c == 0)
            c = value_cmp(a->at[i].value, b->at[i].value);
        if (c)
            return c;
    }
    return a->n < b->n ? -1 : a->n > b->n;
}

/* Recursion is bounded by the depth of values. */
int
value_cmp(const struct cedar_value *a, const struct cedar_value *b)
{
    if (a == b)
        return 0;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    switch (a->kind) {
    case VALUE_BOOL:
        return a->truth - b->truth;
    case VALUE_STRING:
        return str_cmp(a->text, b->text);
    case VALUE_ENTITY:
        return cmp_uids(&a->uid, &b->uid);
    case VALUE_SET:
        return cmp_sets(&a->set, &b->set);
    case VALUE_RECORD:
        return cmp_records(&a->record, &b->record);
    case VALUE_IP:
        return cmp_ips(&a->ip, &b->ip);
    case VALUE_LONG:
    case VALUE_DATETIME:
    case VALUE_DECIMAL:
    case VALUE_DURATION:
        break;
    }
    return cmp_numbers(a->number, b->number);
}

bool
value_eq(const struct cedar_value *a, const struct cedar_value *b)
{
    return value_cmp(a, b) == 0;
}

static int
by_value(const void *a, const void *b)
{
    return value_cmp(*(const struct cedar_value *const *)a, *(const struct cedar_value *const *)b);
}

static int
by_key(const void *a, const void *b)
{
    return str_cmp(((const struct value_field *)a)->key, ((const struct value_field *)b)->key);
}

bool
value_set_has(const struct cedar_value *set, const struct cedar_value *v)
{
    return set->set.n && bsearch(&v, set->set.at, set->set.n, sizeof(struct cedar_value *), by_value) != NULL;
}

/* The place of ${key} in a sorted record, or the place where it belongs. */
static size_t
field_place(const struct value_record *r, struct cedar_str key, bool *found)
{
    size_t from = 0, to = r->n;
    *found = false;
    while (from < to && !*found) {
        size_t middle = from + (to - from) / 2;
        int c = str_cmp(key, r->at[middle].key);
        if (c == 0)
            *found = true, from = middle;
        else if (c < 0)
            to = middle;
        else
            from = middle + 1;
    }
    return from;
}

const struct value_field *
value_find(const struct cedar_value *record, struct cedar_str key)
{
    bool found;
    size_t at = field_place(&record->record, key, &found);
    return found ? &record->record.at[at] : NULL;
}

const struct cedar_value *
value_get(const struct cedar_value *record, struct cedar_str key)
{
    const struct value_field *found = value_find(record, key);
    return found ? found->value : NULL;
}

/* ------------------------------------------------------------------------------------------------------------- building */

struct cedar_value *
value_new(struct arena *a, enum value_kind kind)
{
    struct cedar_value *v = ARENA_NEW(a, struct cedar_value);
    if (v == NULL)
        return NULL;
    v->kind = kind;
    v->depth = 1;
    return v;
}

struct cedar_value *
value_number(struct arena *a, enum value_kind kind, int64_t number)
{
    struct cedar_value *v = value_new(a, kind);
    if (v)
        v->number = number;
    return v;
}

struct cedar_value *
value_string(struct arena *a, struct cedar_str text)
{
    struct cedar_value *v = value_new(a, VALUE_STRING);
    if (v)
        v->text = text;
    return v;
}

struct cedar_value *
value_entity(struct arena *a, struct cedar_uid uid)
{
    struct cedar_value *v = value_new(a, VALUE_ENTITY);
    if (v)
        v->uid = uid;
    return v;
}

static void
grow_depth(struct cedar_value *holder, const struct cedar_value *part)
{
    if (holder->depth <= part->depth)
        holder->depth = part->depth + 1;
}

/* Most lists are short. */
#define SHORT_LIST 16

static void
sort_values(const struct cedar_value **list, size_t n)
{
    if (n > SHORT_LIST) {
        sort_in_place(list, n, sizeof *list, by_value);
        return;
    }
    for (size_t i = 1; i < n; i++) {
        const struct cedar_value *v = list[i];
        size_t at = i;
        for (; at > 0 && value_cmp(list[at - 1], v) > 0; at--)
            list[at] = list[at - 1];
        list[at] = v;
    }
}

static void
sort_fields(struct value_field *fields, size_t n)
{
    if (n > SHORT_LIST) {
        sort_in_place(fields, n, sizeof *fields, by_key);
        return;
    }
    for (size_t i = 1; i < n; i++) {
        struct value_field f = fields[i];
        size_t at = i;
        for (; at > 0 && str_cmp(fields[at - 1].key, f.key) > 0; at--)
            fields[at] = fields[at - 1];
        fields[at] = f;
    }
}

struct cedar_value *
value_set(struct arena *a, const struct cedar_value **list, size_t n)
{
    struct cedar_value *v = value_new(a, VALUE_SET);
    if (v == NULL)
        return NULL;
    sort_values(list, n);
    for (size_t i = 0; i < n; i++) {
        if (v->set.n && value_eq(list[v->set.n - 1], list[i]))
            continue;
        list[v->set.n++] = list[i];
        grow_depth(v, list[i]);
    }
    v->set.at = list;
    return v;
}

struct cedar_value *
value_record(struct arena *a, struct value_field *fields, size_t n)
{
    struct cedar_value *v = value_new(a, VALUE_RECORD);
    if (v == NULL)
        return NULL;
    sort_fields(fields, n);
    for (size_t i = 0; i < n; i++)
        grow_depth(v, fields[i].value);
    v->record = (struct value_record){fields, n, n};
    return v;
}

static struct cedar_str
copy_str(struct arena *a, struct cedar_str s, bool *ok)
{
    struct bytes b = arena_copy(a, str_bytes(s));
    *ok = *ok && b.at != NULL;
    return (struct cedar_str){(const char *)b.at, b.n};
}

static bool
copy_set(struct arena *a, const struct value_set *from, struct value_set *to)
{
    to->at = arena_list(a, from->n, sizeof *to->at);
    if (to->at == NULL)
        return false;
    for (to->n = 0; to->n < from->n; to->n++)
        if ((to->at[to->n] = value_copy(a, from->at[to->n])) == NULL)
            return false;
    return true;
}

static bool
copy_record(struct arena *a, const struct value_record *from, struct value_record *to)
{
    bool ok = true;
    to->at = arena_list(a, from->n, sizeof *to->at);
    if (to->at == NULL)
        return false;
    for (to->n = 0; ok && to->n < from->n; to->n++) {
        struct value_field *f = &to->at[to->n];
        f->key = copy_str(a, from->at[to->n].key, &ok);
        f->value = value_copy(a, from->at[to->n].value);
        ok = ok && f->value != NULL;
    }
    to->cap = to->n;
    return ok;
}

struct cedar_value *
value_copy(struct arena *a, const struct cedar_value *v)
{
    struct cedar_value *to = ARENA_NEW(a, struct cedar_value);
    bool ok = true;
    if (to == NULL)
        return NULL;
    *to = *v;
    to->interned = to->own_keys = to->hashed = false;
    if (v->kind == VALUE_STRING) {
        to->text = copy_str(a, v->text, &ok);
    } else if (v->kind == VALUE_ENTITY) {
        to->uid.type = copy_str(a, v->uid.type, &ok);
        to->uid.id = copy_str(a, v->uid.id, &ok);
    } else if (v->kind == VALUE_SET) {
        ok = copy_set(a, &v->set, &to->set);
    } else if (v->kind == VALUE_RECORD) {
        ok = copy_record(a, &v->record, &to->record);
    }
    return ok ? to : NULL;
}

/* --------------------------------------------------------------------------------------------- scratch and the public face */

struct cedar_scratch *
cedar_scratch_new(size_t max_bytes)
{
    struct cedar_scratch *s = calloc(1, sizeof *s);
    if (s)
        s->a.max = max_bytes;
    return s;
}

/* Requests of up to about this size take nothing from the heap after the first of their kind. */
#define SCRATCH_KEPT ((size_t)1 << 20)

void
cedar_scratch_reset(struct cedar_scratch *s)
{
    arena_reuse(&s->a, SCRATCH_KEPT);
}

void
cedar_scratch_free(struct cedar_scratch *s)
{
    if (s == NULL)
        return;
    arena_free(&s->a);
    desk_free(s->desk);
    free(s);
}

struct cedar_value *
cedar_bool(struct cedar_scratch *s, bool v)
{
    (void)s;
    return (struct cedar_value *)(uintptr_t)value_truth(v); /* nothing writes to a bool */
}

struct cedar_value *
cedar_long(struct cedar_scratch *s, int64_t v)
{
    return value_number(&s->a, VALUE_LONG, v);
}

struct cedar_value *
cedar_datetime(struct cedar_scratch *s, int64_t ms)
{
    return value_number(&s->a, VALUE_DATETIME, ms);
}

struct cedar_value *
cedar_duration(struct cedar_scratch *s, int64_t ms)
{
    return value_number(&s->a, VALUE_DURATION, ms);
}

struct cedar_value *
cedar_string(struct cedar_scratch *s, struct cedar_str v)
{
    bool ok = bytes_utf8(str_bytes(v));
    struct cedar_str copy = ok ? copy_str(&s->a, v, &ok) : v;
    return ok ? value_string(&s->a, copy) : NULL;
}

struct cedar_value *
cedar_entity(struct cedar_scratch *s, struct cedar_uid uid)
{
    bool ok = bytes_utf8(str_bytes(uid.type)) && bytes_utf8(str_bytes(uid.id));
    if (!ok)
        return NULL;
    uid.type = copy_str(&s->a, uid.type, &ok);
    uid.id = copy_str(&s->a, uid.id, &ok);
    return ok ? value_entity(&s->a, uid) : NULL;
}

struct cedar_value *
cedar_set(struct cedar_scratch *s, struct cedar_value *const *list, size_t n)
{
    const struct cedar_value **own = arena_list(&s->a, n, sizeof *own);
    if (own == NULL)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        if (list[i] == NULL || list[i]->depth >= CEDAR_MAX_DEPTH)
            return NULL;
        own[i] = list[i];
    }
    return value_set(&s->a, own, n);
}

struct cedar_value *
cedar_record(struct cedar_scratch *s)
{
    return value_new(&s->a, VALUE_RECORD);
}

static bool
record_room(struct arena *a, struct value_record *r)
{
    if (r->n < r->cap)
        return true;
    size_t cap = r->cap ? r->cap * 2 : 8;
    struct value_field *at = r->n < RECORD_MEMBERS_MAX ? arena_list(a, cap, sizeof *at) : NULL;
    if (at == NULL)
        return false;
    if (r->n)
        memcpy(at, r->at, r->n * sizeof *at);
    r->at = at;
    r->cap = cap;
    return true;
}

bool
cedar_record_put(struct cedar_scratch *s, struct cedar_value *record, struct cedar_str key, struct cedar_value *v)
{
    bool found, ok = bytes_utf8(str_bytes(key));
    if (!ok || record == NULL || record->kind != VALUE_RECORD || v == NULL || v == record || v->depth >= CEDAR_MAX_DEPTH)
        return false;
    struct value_record *r = &record->record;
    bool last = r->n == 0 || str_cmp(key, r->at[r->n - 1].key) > 0; /* who puts in order does not search */
    size_t at = last ? r->n : field_place(r, key, &found);
    if ((!last && found) || !record_room(&s->a, r))
        return false;
    struct cedar_str copy = copy_str(&s->a, key, &ok);
    if (!ok)
        return false;
    memmove(r->at + at + 1, r->at + at, (r->n - at) * sizeof *r->at);
    r->at[at] = (struct value_field){copy, v};
    r->n++;
    grow_depth(record, v);
    return true;
}
