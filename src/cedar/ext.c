#include "cedar/ext.h"

#include "cedar/unicode.h"

static const struct {
    const char *name;
    bool method;
    unsigned arguments;
} table[] = {
#define E(function, name, method, arguments) [function] = {name, method, arguments},
    EXT_TABLE(E)
#undef E
};

#define DAY_MS INT64_C(86400000)

bool
ext_find(struct cedar_str name, enum ext_function *f)
{
    for (unsigned i = 0; i < EXT_COUNT; i++)
        if (str_is(name, table[i].name))
            return *f = (enum ext_function)i, true;
    return false;
}

const char *
ext_name(enum ext_function f)
{
    return table[f].name;
}

bool
ext_is_method(enum ext_function f)
{
    return table[f].method;
}

unsigned
ext_arguments(enum ext_function f)
{
    return table[f].arguments;
}

void *
fault_type(struct fault *fault, const char *expected, const struct cedar_value *got)
{
    fault_add(fault, "type error: expected %s, got ", expected);
    value_type(&fault->text, got);
    return NULL;
}

/* One call: its arguments, where results go and where errors go. */
struct call {
    enum ext_function f;
    const struct cedar_value *const *args;
    struct arena *a;
    struct fault *fault;
};

static const struct cedar_value *
made(const struct call *c, struct cedar_value *v)
{
    return v ? v : fault_memory(c->fault);
}

/* All arguments are of ${kind}, or a type error that names the first that is not. */
static bool
are(const struct call *c, size_t n, enum value_kind kind)
{
    for (size_t i = 0; i < n; i++)
        if (c->args[i]->kind != kind)
            return fault_type(c->fault, value_kind_name(kind), c->args[i]), false;
    return true;
}

/* ------------------------------------------------------------------------------------------------------------ functions */

static const struct cedar_value *
construct(const struct call *c, enum value_kind kind, bool (*parse)(struct cedar_str, int64_t *, struct text *))
{
    int64_t number;
    if (!are(c, 1, VALUE_STRING))
        return NULL;
    fault_add(c->fault, "error while evaluating `%s` extension function: ", table[c->f].name);
    if (!parse(c->args[0]->text, &number, &c->fault->text))
        return NULL;
    fault_reset(c->fault);
    return made(c, value_number(c->a, kind, number));
}

static const struct cedar_value *
construct_ip(const struct call *c)
{
    struct value_ip ip;
    if (!are(c, 1, VALUE_STRING))
        return NULL;
    fault_add(c->fault, "error while evaluating `ipaddr` extension function: ");
    if (!ext_parse_ip(c->args[0]->text, &ip, &c->fault->text))
        return NULL;
    fault_reset(c->fault);
    struct cedar_value *v = value_new(c->a, VALUE_IP);
    if (v)
        v->ip = ip;
    return made(c, v);
}

static const struct cedar_value *
ask_ip(const struct call *c)
{
    if (!are(c, c->f == EXT_IS_IN_RANGE ? 2 : 1, VALUE_IP))
        return NULL;
    const struct value_ip *ip = &c->args[0]->ip;
    switch (c->f) {
    case EXT_IS_IPV4:
        return value_truth(!ip->v6);
    case EXT_IS_IPV6:
        return value_truth(ip->v6);
    case EXT_IS_LOOPBACK:
        return value_truth(ext_ip_is_loopback(ip));
    case EXT_IS_MULTICAST:
        return value_truth(ext_ip_is_multicast(ip));
    default:
        return value_truth(ext_ip_in_range(ip, &c->args[1]->ip));
    }
}

static const struct cedar_value *
compare_decimals(const struct call *c)
{
    if (!are(c, 2, VALUE_DECIMAL))
        return NULL;
    int64_t a = c->args[0]->number, b = c->args[1]->number;
    switch (c->f) {
    case EXT_LESS_THAN:
        return value_truth(a < b);
    case EXT_LESS_EQUAL:
        return value_truth(a <= b);
    case EXT_GREATER_THAN:
        return value_truth(a > b);
    default:
        return value_truth(a >= b);
    }
}

/* As the official engine writes a datetime that has no text of its own. */
#define INSTANT "datetime(\"1970-01-01\").offset(duration(\"%lldms\"))"

static const struct cedar_value *
offset(const struct call *c)
{
    int64_t sum;
    if (c->args[0]->kind != VALUE_DATETIME)
        return fault_type(c->fault, "datetime", c->args[0]);
    if (c->args[1]->kind != VALUE_DURATION)
        return fault_type(c->fault, "duration", c->args[1]);
    int64_t at = c->args[0]->number, by = c->args[1]->number;
    if (__builtin_add_overflow(at, by, &sum))
        return fault_add(c->fault, "error while evaluating `offset` extension function: overflows when adding an offset: " INSTANT "+(%lldms)",
                         (long long)at, (long long)by);
    return made(c, value_number(c->a, VALUE_DATETIME, sum));
}

static const struct cedar_value *
duration_since(const struct call *c)
{
    int64_t between;
    if (!are(c, 2, VALUE_DATETIME))
        return NULL;
    int64_t at = c->args[0]->number, since = c->args[1]->number;
    if (__builtin_sub_overflow(at, since, &between))
        return fault_add(c->fault,
                         "error while evaluating `durationSince` extension function: overflows when computing the duration between " INSTANT
                         " and " INSTANT,
                         (long long)at, (long long)since);
    return made(c, value_number(c->a, VALUE_DURATION, between));
}

static const struct cedar_value *
split_day(const struct call *c)
{
    int64_t day;
    if (!are(c, 1, VALUE_DATETIME))
        return NULL;
    int64_t at = c->args[0]->number, time = at % DAY_MS;
    if (time < 0)
        time += DAY_MS;
    if (c->f == EXT_TO_TIME)
        return made(c, value_number(c->a, VALUE_DURATION, time));
    if (__builtin_sub_overflow(at, time, &day))
        return fault_add(c->fault, "error while evaluating `toDate` extension function: overflows when computing the date of " INSTANT,
                         (long long)at);
    return made(c, value_number(c->a, VALUE_DATETIME, day));
}

static const struct cedar_value *
count_units(const struct call *c)
{
    static const int64_t unit[EXT_COUNT] = {
        [EXT_TO_MILLISECONDS] = 1, [EXT_TO_SECONDS] = 1000, [EXT_TO_MINUTES] = 60000, [EXT_TO_HOURS] = 3600000, [EXT_TO_DAYS] = DAY_MS,
    };
    if (!are(c, 1, VALUE_DURATION))
        return NULL;
    return made(c, value_number(c->a, VALUE_LONG, c->args[0]->number / unit[c->f]));
}

const struct cedar_value *
ext_call(enum ext_function f, const struct cedar_value *const *args, size_t n, struct arena *a, struct fault *fault)
{
    struct call c = {f, args, a, fault};
    if (n != table[f].arguments)
        return fault_add(fault, "wrong number of arguments provided to extension function `%s`: expected %u, got %zu", table[f].name,
                         table[f].arguments, n);
    switch (f) {
    case EXT_IP:
        return construct_ip(&c);
    case EXT_DECIMAL:
        return construct(&c, VALUE_DECIMAL, ext_parse_decimal);
    case EXT_DATETIME:
        return construct(&c, VALUE_DATETIME, ext_parse_datetime);
    case EXT_DURATION:
        return construct(&c, VALUE_DURATION, ext_parse_duration);
    case EXT_IS_IPV4:
    case EXT_IS_IPV6:
    case EXT_IS_LOOPBACK:
    case EXT_IS_MULTICAST:
    case EXT_IS_IN_RANGE:
        return ask_ip(&c);
    case EXT_LESS_THAN:
    case EXT_LESS_EQUAL:
    case EXT_GREATER_THAN:
    case EXT_GREATER_EQUAL:
        return compare_decimals(&c);
    case EXT_OFFSET:
        return offset(&c);
    case EXT_DURATION_SINCE:
        return duration_since(&c);
    case EXT_TO_DATE:
    case EXT_TO_TIME:
        return split_day(&c);
    case EXT_TO_MILLISECONDS:
    case EXT_TO_SECONDS:
    case EXT_TO_MINUTES:
    case EXT_TO_HOURS:
    case EXT_TO_DAYS:
        return count_units(&c);
    case EXT_COUNT:
        break;
    }
    return fault_add(fault, "no such extension function");
}

/* -------------------------------------------------------------------------------------------------------------- decimal */

/*
 * Digits of ${s} from *${at} as a number; false when it does not fit. The official pattern takes digits of every script, and only then
 * finds that those beyond ASCII make no number.
 */
static bool
take_number(struct cedar_str s, size_t *at, int64_t *out)
{
    bool fits = true;
    struct cedar_str rest = {s.at + *at, s.n - *at};
    for (*out = 0; rest.n > 0; *at = s.n - rest.n) {
        uint32_t c = unicode_next(&rest);
        if (!unicode_digit(c))
            return fits;
        if (c > '9' || __builtin_mul_overflow(*out, 10, out) || __builtin_add_overflow(*out, (int64_t)c - '0', out))
            fits = false;
    }
    return fits;
}

static bool
not_decimal(struct cedar_str s, struct text *why)
{
    text_add(why, "`");
    text_str(why, s);
    text_add(why, "` is not a well-formed decimal value");
    return false;
}

/* A sign, digits, a point and one to four digits; the value is the i64 count of 1/10000. */
bool
ext_parse_decimal(struct cedar_str s, int64_t *out, struct text *why)
{
    bool minus = s.n > 0 && s.at[0] == '-', fits, part_fits;
    size_t at = minus, from;
    int64_t whole, part;
    fits = take_number(s, &at, &whole);
    if (at == (size_t)minus || at >= s.n || s.at[at] != '.')
        return not_decimal(s, why);
    from = ++at;
    part_fits = take_number(s, &at, &part);
    if (at == from || at != s.n)
        return not_decimal(s, why);
    /* The last value below zero, -922337203685477.5808, is reached by counting down from its whole part. */
    if (!fits || __builtin_mul_overflow(minus ? -whole : whole, 10000, out))
        return text_add(why, "overflow when converting to decimal"), false;
    if (at - from > 4) {
        text_add(why, "too many digits after the decimal in `");
        text_str(why, s);
        return text_add(why, "`"), false;
    }
    for (size_t i = at - from; i < 4; i++)
        part *= 10;
    if (!part_fits || (minus ? __builtin_sub_overflow(*out, part, out) : __builtin_add_overflow(*out, part, out)))
        return text_add(why, "overflow when converting to decimal"), false;
    return true;
}

struct cedar_value *
cedar_decimal(struct cedar_scratch *s, struct cedar_str text)
{
    int64_t number;
    struct fault unused;
    fault_reset(&unused);
    return ext_parse_decimal(text, &number, &unused.text) ? value_number(&s->a, VALUE_DECIMAL, number) : NULL;
}
