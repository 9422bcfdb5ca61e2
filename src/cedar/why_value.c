/* Values as a person reads them. Nothing past the bound is looked at, however large the value. */
#include "cedar/why.h"

static bool put(struct buf *b, const struct cedar_value *v, size_t max);

/* Cut at a character. */
static struct cedar_str
first_bytes(struct cedar_str s, size_t n)
{
    if (s.n <= n)
        return s;
    while (n > 0 && ((uint8_t)s.at[n] & 0xc0) == 0x80)
        n--;
    return (struct cedar_str){s.at, n};
}

static bool
put_literal(struct buf *b, const struct cedar_value *v)
{
    struct expr e = {.op = EXPR_LITERAL, .height = 1, .literal = v};
    expr_print(b, &e);
    return true;
}

static bool
put_string(struct buf *b, const struct cedar_value *v, size_t max)
{
    struct cedar_value cut = *v;
    cut.text = first_bytes(v->text, max);
    put_literal(b, &cut);
    return cut.text.n == v->text.n;
}

static bool
put_uid(struct buf *b, const struct cedar_value *v, size_t max)
{
    struct cedar_value cut = *v;
    cut.uid.id = first_bytes(v->uid.id, max);
    put_literal(b, &cut);
    return cut.uid.id.n == v->uid.id.n;
}

static bool
put_set(struct buf *b, const struct value_set *set, size_t max)
{
    bool whole = true;
    buf_putc(b, '[');
    for (size_t i = 0; i < set->n && whole; i++) {
        buf_puts(b, i ? ", " : "");
        whole = put(b, set->at[i], max);
    }
    buf_puts(b, whole ? "]" : "");
    return whole;
}

static bool
put_record(struct buf *b, const struct value_record *record, size_t max)
{
    bool whole = true;
    buf_putc(b, '{');
    for (size_t i = 0; i < record->n && whole; i++) {
        struct cedar_value key = {.kind = VALUE_STRING, .text = record->at[i].key};
        buf_puts(b, i ? ", " : "");
        whole = put_string(b, &key, max);
        buf_puts(b, ": ");
        whole = whole && put(b, record->at[i].value, max);
    }
    buf_puts(b, whole ? "}" : "");
    return whole;
}

static void
put_ip(struct buf *b, const struct value_ip *ip)
{
    buf_puts(b, "ip(\"");
    for (size_t i = 0; !ip->v6 && i < 4; i++)
        buf_printf(b, "%s%u", i ? "." : "", ip->at[i]);
    for (size_t i = 0; ip->v6 && i < 16; i += 2)
        buf_printf(b, "%s%x", i ? ":" : "", (unsigned)(ip->at[i] << 8 | ip->at[i + 1]));
    buf_printf(b, "/%u\")", ip->bits);
}

static void
put_decimal(struct buf *b, int64_t v)
{
    uint64_t size = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    buf_printf(b, "decimal(\"%s%llu.%04llu\")", v < 0 ? "-" : "", (unsigned long long)(size / 10000), (unsigned long long)(size % 10000));
}

/* Days since 1970-01-01 in the proleptic Gregorian calendar; an era is 400 years, which begin in March. */
static void
put_date(struct buf *b, int64_t days)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097, day = days - era * 146097;
    int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365, of_year = day - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153;
    int64_t calendar = month < 10 ? month + 3 : month - 9;
    buf_printf(b, "%04lld-%02lld-%02lld", (long long)(year + era * 400 + (calendar <= 2)), (long long)calendar,
               (long long)(of_year - (153 * month + 2) / 5 + 1));
}

static void
put_datetime(struct buf *b, int64_t ms)
{
    const int64_t day = 86400000;
    int64_t days = ms / day - (ms % day < 0), rest = ms - days * day;
    buf_puts(b, "datetime(\"");
    put_date(b, days);
    buf_printf(b, "T%02lld:%02lld:%02lld.%03lldZ\")", (long long)(rest / 3600000), (long long)(rest / 60000 % 60), (long long)(rest / 1000 % 60),
               (long long)(rest % 1000));
}

static bool
put(struct buf *b, const struct cedar_value *v, size_t max)
{
    if (b->n > max)
        return false;
    switch (v->kind) {
    case VALUE_STRING:
        return put_string(b, v, max);
    case VALUE_ENTITY:
        return put_uid(b, v, max);
    case VALUE_SET:
        return put_set(b, &v->set, max);
    case VALUE_RECORD:
        return put_record(b, &v->record, max);
    case VALUE_IP:
        return put_ip(b, &v->ip), true;
    case VALUE_DECIMAL:
        return put_decimal(b, v->number), true;
    case VALUE_DATETIME:
        return put_datetime(b, v->number), true;
    case VALUE_DURATION:
        return buf_printf(b, "duration(\"%lldms\")", (long long)v->number), true;
    default:
        return put_literal(b, v);
    }
}

bool
why_value(struct buf *b, const struct cedar_value *v, size_t max)
{
    return put(b, v, max) && b->n <= max;
}
