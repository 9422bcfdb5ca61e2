/* datetime and duration: milliseconds in 64 bits, proleptic Gregorian calendar, no leap seconds. */
#include "cedar/ext.h"

/* Exactly ${n} digits at *${at}. */
static bool
take_digits(struct cedar_str s, size_t *at, size_t n, int *out)
{
    if (s.n - *at < n)
        return false;
    *out = 0;
    for (size_t i = 0; i < n; i++) {
        char c = s.at[*at + i];
        if (c < '0' || c > '9')
            return false;
        *out = *out * 10 + (c - '0');
    }
    *at += n;
    return true;
}

static bool
take(struct cedar_str s, size_t *at, char c)
{
    if (*at >= s.n || s.at[*at] != c)
        return false;
    ++*at;
    return true;
}

static bool
is_date(int year, int month, int day)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (month < 1 || month > 12 || day < 1)
        return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return day <= days[month - 1] + (month == 2 && leap);
}

/* Days since 1970-01-01: years begin in March, so that the leap day is the last of its year. */
static int64_t
days_of(int year, int month, int day)
{
    int64_t y = year - (month <= 2) + 400; /* never below zero; 400 years are 146097 days */
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return y * 365 + y / 4 - y / 100 + y / 400 + day_of_year - 719468 - 146097;
}

struct moment {
    int year, month, day, hour, minute, second, ms;
    int sign, offset_hours, offset_minutes; /* local time is ahead of UTC by sign * offset */
};

static bool
take_date(struct cedar_str s, size_t *at, struct moment *m)
{
    return take_digits(s, at, 4, &m->year) && take(s, at, '-') && take_digits(s, at, 2, &m->month) && take(s, at, '-') &&
           take_digits(s, at, 2, &m->day);
}

static bool
take_time(struct cedar_str s, size_t *at, struct moment *m)
{
    return take(s, at, 'T') && take_digits(s, at, 2, &m->hour) && take(s, at, ':') && take_digits(s, at, 2, &m->minute) && take(s, at, ':') &&
           take_digits(s, at, 2, &m->second);
}

static bool
take_zone(struct cedar_str s, size_t *at, struct moment *m)
{
    if (take(s, at, '.') && !take_digits(s, at, 3, &m->ms))
        return false;
    if (take(s, at, 'Z'))
        return *at == s.n;
    m->sign = take(s, at, '+') ? 1 : take(s, at, '-') ? -1 : 0;
    return m->sign != 0 && take_digits(s, at, 2, &m->offset_hours) && take_digits(s, at, 2, &m->offset_minutes) && *at == s.n;
}

static bool
refuse(struct text *why, const char *what, struct cedar_str s)
{
    text_add(why, "%s", what);
    text_str(why, s);
    return false;
}

bool
ext_parse_datetime(struct cedar_str s, int64_t *ms, struct text *why)
{
    struct moment m = {.sign = 0};
    struct cedar_str none = {"", 0};
    size_t at = 0;
    if (!take_date(s, &at, &m))
        return refuse(why, "invalid date pattern", none);
    if (at != s.n && !take_time(s, &at, &m))
        return refuse(why, "invalid hour/minute/second pattern", none);
    if (at != 10 && !take_zone(s, &at, &m))
        return refuse(why, "invalid millisecond and/or offset pattern", none);
    if (!is_date(m.year, m.month, m.day))
        return refuse(why, "invalid date: ", (struct cedar_str){s.at, 10});
    if (m.hour > 23 || m.minute > 59 || m.second > 59)
        return refuse(why, "invalid hour/minute/second: ", (struct cedar_str){s.at + 11, 8});
    if (m.offset_hours > 23 || m.offset_minutes > 59)
        return text_add(why, "invalid offset range: %d%d", m.offset_hours, m.offset_minutes), false;
    int64_t minutes = m.hour * 60 + m.minute - m.sign * (m.offset_hours * 60 + m.offset_minutes);
    *ms = ((days_of(m.year, m.month, m.day) * 1440 + minutes) * 60 + m.second) * 1000 + m.ms;
    return true;
}

static const struct unit {
    const char *name;
    int64_t ms;
} units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
#define UNITS (sizeof units / sizeof *units)

/* The unit that stands at ${at}, UNITS when there is none. */
static size_t
unit_at(struct cedar_str s, size_t at)
{
    for (size_t u = UNITS; u-- > 0;) {
        size_t n = strlen(units[u].name);
        if (s.n - at >= n && memcmp(s.at + at, units[u].name, n) == 0)
            return u;
    }
    return UNITS;
}

static bool
overflows(struct text *why)
{
    return text_add(why, "Duration overflows internal representation"), false;
}

/* A pattern that is wrong is reported before a number that does not fit. */
static bool
read_amounts(struct cedar_str s, size_t at, uint64_t amount[UNITS], bool *fits)
{
    for (size_t next = 0; at < s.n; next++) {
        size_t from = at;
        uint64_t v = 0;
        for (; at < s.n && s.at[at] >= '0' && s.at[at] <= '9'; at++)
            if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, (uint64_t)(s.at[at] - '0'), &v))
                *fits = false;
        size_t u = unit_at(s, at);
        if (at == from || u < next || u == UNITS)
            return false;
        amount[u] = v;
        at += strlen(units[u].name);
        next = u;
    }
    return true;
}

bool
ext_parse_duration(struct cedar_str s, int64_t *ms, struct text *why)
{
    bool minus = s.n > 0 && s.at[0] == '-', fits = true;
    uint64_t amount[UNITS] = {0};
    if (s.n == (size_t)minus || !read_amounts(s, minus, amount, &fits))
        return text_add(why, "invalid duration pattern"), false;
    *ms = 0;
    for (size_t u = UNITS; fits && u-- > 0;) {
        /* -9223372036854775808ms is a duration, though its amount alone is none. */
        __int128 part = (__int128)amount[u] * units[u].ms;
        __int128 sum = minus ? *ms - part : *ms + part;
        fits = sum >= INT64_MIN && sum <= INT64_MAX && (u == UNITS - 1 || (amount[u] <= INT64_MAX && part <= INT64_MAX));
        *ms = fits ? (int64_t)sum : 0;
    }
    return fits || overflows(why);
}
