/* Values as expressions. */
#include "cedar/spell.h"

#include <stdio.h>

struct expr *
spell_node(struct arena *a, enum expr_op op, size_t n)
{
    struct expr *e = ARENA_NEW(a, struct expr);
    if (e == NULL)
        return NULL;
    e->op = op;
    e->n = n;
    e->height = 1;
    e->kid = n ? arena_list(a, n, sizeof(const struct expr *)) : NULL;
    return n && e->kid == NULL ? NULL : e;
}

bool
spell_kid(struct expr *e, size_t i, const struct expr *kid)
{
    if (kid == NULL)
        return false;
    e->kid[i] = kid;
    if (kid->height >= e->height)
        e->height = kid->height + 1;
    return true;
}

static const struct expr *
literal(struct arena *a, const struct cedar_value *v)
{
    struct expr *e = v ? spell_node(a, EXPR_LITERAL, 0) : NULL;
    if (e)
        e->literal = v;
    return e;
}

static const struct expr *
call(struct arena *a, enum ext_function f, const struct expr *first, const struct expr *second)
{
    struct expr *e = spell_node(a, EXPR_CALL, second ? 2 : 1);
    if (e == NULL || !spell_kid(e, 0, first) || (second && !spell_kid(e, 1, second)))
        return NULL;
    e->function = f;
    return e;
}

static const struct expr *
call_text(struct arena *a, enum ext_function f, const char *text)
{
    return text ? call(a, f, literal(a, value_string(a, str_of(text))), NULL) : NULL;
}

static const char *
ip_text(struct arena *a, const struct value_ip *ip)
{
    char text[48];
    size_t n = 0;
    if (!ip->v6)
        return arena_printf(a, "%u.%u.%u.%u/%u", ip->at[0], ip->at[1], ip->at[2], ip->at[3], ip->bits);
    for (size_t i = 0; i < 16; i += 2)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%x", i ? ":" : "", (unsigned)(ip->at[i] << 8 | ip->at[i + 1]));
    return arena_printf(a, "%s/%u", text, ip->bits);
}

static const char *
decimal_text(struct arena *a, int64_t v)
{
    uint64_t size = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    return arena_printf(a, "%s%llu.%04llu", v < 0 ? "-" : "", (unsigned long long)(size / 10000), (unsigned long long)(size % 10000));
}

static const struct expr *
spell_set(struct arena *a, const struct value_set *set)
{
    struct expr *e = spell_node(a, EXPR_SET, set->n);
    for (size_t i = 0; e && i < set->n; i++)
        if (!spell_kid(e, i, spell_value(a, set->at[i])))
            return NULL;
    return e;
}

static const struct expr *
spell_record(struct arena *a, const struct value_record *record)
{
    struct expr *e = spell_node(a, EXPR_RECORD, record->n);
    struct cedar_str *names = arena_list(a, record->n, sizeof *names);
    if (e == NULL || (record->n && names == NULL))
        return NULL;
    for (size_t i = 0; i < record->n; i++) {
        names[i] = record->at[i].key;
        if (!spell_kid(e, i, spell_value(a, record->at[i].value)))
            return NULL;
    }
    e->names = (struct pieces){names, record->n};
    return e;
}

/* Recursion is bounded by the depth of ${v}. */
const struct expr *
spell_value(struct arena *a, const struct cedar_value *v)
{
    switch (v->kind) {
    case VALUE_SET:
        return spell_set(a, &v->set);
    case VALUE_RECORD:
        return spell_record(a, &v->record);
    case VALUE_IP:
        return call_text(a, EXT_IP, ip_text(a, &v->ip));
    case VALUE_DECIMAL:
        return call_text(a, EXT_DECIMAL, decimal_text(a, v->number));
    case VALUE_DURATION:
        return call_text(a, EXT_DURATION, arena_printf(a, "%lldms", (long long)v->number));
    case VALUE_DATETIME:
        return call(a, EXT_OFFSET, call_text(a, EXT_DATETIME, "1970-01-01"),
                    call_text(a, EXT_DURATION, arena_printf(a, "%lldms", (long long)v->number)));
    default:
        return literal(a, v);
    }
}
