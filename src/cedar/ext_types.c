/* What the extension functions take and give: for the validator and the lint. */
#include "cedar/ext.h"

enum value_kind
ext_result(enum ext_function f)
{
    switch (f) {
    case EXT_IP:
        return VALUE_IP;
    case EXT_DECIMAL:
        return VALUE_DECIMAL;
    case EXT_DATETIME:
    case EXT_OFFSET:
    case EXT_TO_DATE:
        return VALUE_DATETIME;
    case EXT_DURATION:
    case EXT_DURATION_SINCE:
    case EXT_TO_TIME:
        return VALUE_DURATION;
    case EXT_TO_MILLISECONDS:
    case EXT_TO_SECONDS:
    case EXT_TO_MINUTES:
    case EXT_TO_HOURS:
    case EXT_TO_DAYS:
        return VALUE_LONG;
    default:
        return VALUE_BOOL;
    }
}

enum value_kind
ext_argument(enum ext_function f, size_t i)
{
    switch (f) {
    case EXT_IP:
    case EXT_DECIMAL:
    case EXT_DATETIME:
    case EXT_DURATION:
        return VALUE_STRING;
    case EXT_IS_IPV4:
    case EXT_IS_IPV6:
    case EXT_IS_LOOPBACK:
    case EXT_IS_MULTICAST:
    case EXT_IS_IN_RANGE:
        return VALUE_IP;
    case EXT_LESS_THAN:
    case EXT_LESS_EQUAL:
    case EXT_GREATER_THAN:
    case EXT_GREATER_EQUAL:
        return VALUE_DECIMAL;
    case EXT_OFFSET:
        return i ? VALUE_DURATION : VALUE_DATETIME;
    case EXT_DURATION_SINCE:
    case EXT_TO_DATE:
    case EXT_TO_TIME:
        return VALUE_DATETIME;
    default:
        return VALUE_DURATION;
    }
}

/* The constructors; others take no text. */
bool
ext_accepts(enum ext_function f, struct cedar_str text)
{
    struct fault unused;
    struct value_ip ip;
    int64_t number;
    fault_reset(&unused);
    switch (f) {
    case EXT_IP:
        return ext_parse_ip(text, &ip, &unused.text);
    case EXT_DECIMAL:
        return ext_parse_decimal(text, &number, &unused.text);
    case EXT_DATETIME:
        return ext_parse_datetime(text, &number, &unused.text);
    default:
        return ext_parse_duration(text, &number, &unused.text);
    }
}
