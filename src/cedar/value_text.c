#include "cedar/value_text.h"

#include "cedar/policies.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>

/* An expression has a negative number in parentheses and, but for the outermost record, keys without quotes where they need none. */
struct style {
    size_t most; /* 0: all, as an expression */
    bool inner;
};

/* Recursion is bounded by the depth of values. */
static void show(struct text *t, const struct cedar_value *v, const struct style *s);

static size_t
shown(const struct style *s, size_t n)
{
    return s->most > 0 && n > s->most ? s->most : n;
}

static void
show_set(struct text *t, const struct cedar_value *v, const struct style *s)
{
    size_t n = shown(s, v->set.n);
    text_add(t, "[");
    for (size_t i = 0; i < n && t->n < t->cap; i++) {
        show(t, v->set.at[i], s);
        text_add(t, "%s", i + 1 < v->set.n ? ", " : "");
    }
    text_add(t, "%s]", n < v->set.n ? ".. " : "");
}

static void
show_key(struct text *t, struct cedar_str key, const struct style *s)
{
    if (s->most == 0 && !s->inner)
        text_quoted(t, key);
    else if (name_is_identifier(key))
        text_str(t, key);
    else {
        text_add(t, "\"");
        text_str(t, key);
        text_add(t, "\"");
    }
    text_add(t, ": ");
}

static void
show_record(struct text *t, const struct cedar_value *v, const struct style *s)
{
    size_t n = shown(s, v->record.n);
    struct style inner = {s->most, true};
    text_add(t, "{");
    for (size_t i = 0; i < n && t->n < t->cap; i++) {
        show_key(t, v->record.at[i].key, s);
        show(t, v->record.at[i].value, &inner);
        text_add(t, "%s", i + 1 < v->record.n ? ", " : "");
    }
    text_add(t, "%s}", n < v->record.n ? ".. " : "");
}

/* The four digits behind the point, without zeros at the end but the first. */
static void
show_decimal(struct text *t, int64_t v)
{
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    char digits[8];
    int n = 4;
    snprintf(digits, sizeof digits, "%04u", (unsigned)(u % 10000));
    while (n > 1 && digits[n - 1] == '0')
        n--;
    text_add(t, "decimal(\"%s%" PRIu64 ".%.*s\")", v < 0 ? "-" : "", u / 10000, n, digits);
}

static void
show_ip(struct text *t, const struct value_ip *ip)
{
    char room[INET6_ADDRSTRLEN] = "";
    unsigned most = ip->v6 ? 128 : 32;
    inet_ntop(ip->v6 ? AF_INET6 : AF_INET, ip->at, room, sizeof room);
    text_add(t, "ip(\"%s", room);
    if (ip->bits != most)
        text_add(t, "/%u", ip->bits);
    text_add(t, "\")");
}

/* Howard Hinnant's days-to-civil: years begin in March, eras have 400 of them. */
static void
show_datetime(struct text *t, int64_t ms)
{
    int64_t day = ms / 86400000 - (ms % 86400000 < 0), rest = ms - day * 86400000;
    int64_t z = day + 719468, era = (z >= 0 ? z : z - 146096) / 146097, in_era = z - era * 146097;
    int64_t year_of_era = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    int64_t in_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100), month = (5 * in_year + 2) / 153;
    int64_t year = year_of_era + era * 400 + (month >= 10);
    text_add(t, "datetime(\"%04" PRId64 "-%02d-%02dT%02d:%02d:%02d.%03dZ\")", year, (int)(month < 10 ? month + 3 : month - 9),
             (int)(in_year - (153 * month + 2) / 5 + 1), (int)(rest / 3600000), (int)(rest / 60000 % 60), (int)(rest / 1000 % 60),
             (int)(rest % 1000));
}

static void
show(struct text *t, const struct cedar_value *v, const struct style *s)
{
    switch (v->kind) {
    case VALUE_BOOL:
        text_add(t, "%s", v->truth ? "true" : "false");
        break;
    case VALUE_LONG:
        text_add(t, s->most == 0 && v->number < 0 ? "(%" PRId64 ")" : "%" PRId64, v->number);
        break;
    case VALUE_STRING:
        text_quoted(t, v->text);
        break;
    case VALUE_ENTITY:
        text_uid(t, &v->uid);
        break;
    case VALUE_SET:
        show_set(t, v, s);
        break;
    case VALUE_RECORD:
        show_record(t, v, s);
        break;
    case VALUE_DATETIME:
        show_datetime(t, v->number);
        break;
    case VALUE_DECIMAL:
        show_decimal(t, v->number);
        break;
    case VALUE_DURATION:
        text_add(t, "duration(\"%" PRId64 "ms\")", v->number);
        break;
    case VALUE_IP:
        show_ip(t, &v->ip);
        break;
    }
}

void
value_text(struct text *t, const struct cedar_value *v)
{
    show(t, v, &(struct style){0});
}

void
value_text_short(struct text *t, const struct cedar_value *v, size_t most)
{
    show(t, v, &(struct style){most, false});
}
