#include "cedar/operate.h"

#include "cedar/ext.h"

void *
fault_kind(struct fault *f, enum value_kind expected, const struct cedar_value *got)
{
    return fault_type(f, expected == VALUE_ENTITY ? "(entity of type `any_entity_type`)" : value_kind_name(expected), got);
}

void *
fault_no_entity(struct fault *f, const struct cedar_uid *uid)
{
    fault_add(f, "entity `");
    text_uid(&f->text, uid);
    return fault_add(f, "` does not exist");
}

void *
fault_lacks(struct fault *f, const struct cedar_uid *uid, const char *what, struct cedar_str name)
{
    if (uid) {
        fault_add(f, "`");
        text_uid(&f->text, uid);
        fault_add(f, "` does");
    } else {
        fault_add(f, "record does");
    }
    fault_add(f, " not have the %s `", what);
    text_str(&f->text, name);
    return fault_add(f, "`");
}

void *
fault_no_attributes(struct fault *f, const struct cedar_value *got)
{
    return fault_type(f, "one of [record, (entity of type `any_entity_type`)]", got);
}

void *
fault_not_in(struct fault *f, const struct cedar_value *got)
{
    return fault_type(f, "one of [set, (entity of type `any_entity_type`)]", got);
}

bool
operate_ordered(enum value_kind kind)
{
    return kind == VALUE_LONG || kind == VALUE_DATETIME || kind == VALUE_DURATION;
}

void *
fault_not_comparable(struct fault *f, const struct cedar_value *a, const struct cedar_value *b)
{
    if (a->kind == VALUE_LONG)
        return fault_type(f, "long", b);
    if (b->kind == VALUE_LONG)
        return fault_type(f, "long", a);
    if (operate_ordered(a->kind))
        return fault_type(f, value_kind_name(a->kind), b);
    if (operate_ordered(b->kind))
        return fault_type(f, value_kind_name(b->kind), a);
    return fault_type(f, "one of [long, datetime, duration]", a);
}

void *
fault_negate(struct fault *f, int64_t v)
{
    return fault_add(f, "integer overflow while attempting to negate the value `%lld`", (long long)v);
}

void *
fault_overflow(struct fault *f, char operator, int64_t a, int64_t b)
{
    const char *verb = operator== '+' ? "add" : operator== '-' ? "subtract" : "multiply";
    return fault_add(f, "integer overflow while attempting to %s the values `%lld` and `%lld`", verb, (long long)a, (long long)b);
}

bool
operate_arithmetic(struct fault *f, char operator, int64_t a, int64_t b, int64_t *out)
{
    bool over = operator== '+'   ? __builtin_add_overflow(a, b, out)
                : operator== '-' ? __builtin_sub_overflow(a, b, out)
                                 : __builtin_mul_overflow(a, b, out);
    if (over)
        fault_overflow(f, operator, a, b);
    return !over;
}

/*
 * Each piece is taken at its first place behind the one before; the last must end the text. Bytes will do for characters: UTF-8 matches
 * only at the beginnings of characters.
 */
bool
operate_like(struct bytes text, const struct pieces *p)
{
    struct bytes first = str_bytes(p->at[0]), last = str_bytes(p->at[p->n - 1]);
    if (p->n == 1)
        return bytes_eq(text, first);
    if (!bytes_starts(text, first))
        return false;
    text = bytes_sub(text, first.n, text.n);
    for (size_t i = 1; i + 1 < p->n; i++) {
        struct bytes piece = str_bytes(p->at[i]);
        size_t at = bytes_search(text, piece);
        if (piece.n > 0 && at == text.n)
            return false;
        text = bytes_sub(text, at + piece.n, text.n);
    }
    return bytes_ends(text, last);
}
