/*
 * The extension types ip, decimal, datetime and duration: their functions, one table for the parser (what exists, how it is called) and
 * the evaluator (what it does). Texts of errors are those of the official engine.
 */
#ifndef CEDAR_EXT_H
#define CEDAR_EXT_H

#include "cedar/value.h"

/*      function             name                  method  arguments, the receiver included */
#define EXT_TABLE(E)                                                                                                                                 \
    E(EXT_IP, "ip", false, 1)                                                                                                                        \
    E(EXT_DECIMAL, "decimal", false, 1)                                                                                                              \
    E(EXT_DATETIME, "datetime", false, 1)                                                                                                            \
    E(EXT_DURATION, "duration", false, 1)                                                                                                            \
    E(EXT_IS_IPV4, "isIpv4", true, 1)                                                                                                                \
    E(EXT_IS_IPV6, "isIpv6", true, 1)                                                                                                                \
    E(EXT_IS_LOOPBACK, "isLoopback", true, 1)                                                                                                        \
    E(EXT_IS_MULTICAST, "isMulticast", true, 1)                                                                                                      \
    E(EXT_IS_IN_RANGE, "isInRange", true, 2)                                                                                                         \
    E(EXT_LESS_THAN, "lessThan", true, 2)                                                                                                            \
    E(EXT_LESS_EQUAL, "lessThanOrEqual", true, 2)                                                                                                    \
    E(EXT_GREATER_THAN, "greaterThan", true, 2)                                                                                                      \
    E(EXT_GREATER_EQUAL, "greaterThanOrEqual", true, 2)                                                                                              \
    E(EXT_OFFSET, "offset", true, 2)                                                                                                                 \
    E(EXT_DURATION_SINCE, "durationSince", true, 2)                                                                                                  \
    E(EXT_TO_DATE, "toDate", true, 1)                                                                                                                \
    E(EXT_TO_TIME, "toTime", true, 1)                                                                                                                \
    E(EXT_TO_MILLISECONDS, "toMilliseconds", true, 1)                                                                                                \
    E(EXT_TO_SECONDS, "toSeconds", true, 1)                                                                                                          \
    E(EXT_TO_MINUTES, "toMinutes", true, 1)                                                                                                          \
    E(EXT_TO_HOURS, "toHours", true, 1)                                                                                                              \
    E(EXT_TO_DAYS, "toDays", true, 1)

enum ext_function {
#define E(function, name, method, arguments) function,
    EXT_TABLE(E)
#undef E
        EXT_COUNT
};

/* The official engine has a function `unknown` for its own partial evaluation; a request says here what is unknown (cedar_partial). */
#define UNKNOWN_IS_REFUSED "`unknown` is a function of partial evaluation only, and not supported"

/* ext_find(name, f): false when there is no such function or method. */
bool ext_find(struct cedar_str name, enum ext_function *f);
const char *ext_name(enum ext_function f);
bool ext_is_method(enum ext_function f);
unsigned ext_arguments(enum ext_function f); /* how many it takes, the receiver included */
/* The kind of its argument ${i}, and of its value. */
enum value_kind ext_argument(enum ext_function f, size_t i);
enum value_kind ext_result(enum ext_function f);
/* ext_accepts(f, text): does the constructor ${f} make a value of ${text}? */
bool ext_accepts(enum ext_function f, struct cedar_str text);
/* ext_call(f, args, n, a, fault): its value in memory of ${a}, or NULL and ${fault}. The number and types of arguments are checked here. */
const struct cedar_value *ext_call(enum ext_function f, const struct cedar_value *const *args, size_t n, struct arena *a, struct fault *fault);

/* fault_type(fault, expected, got): "type error: expected …, got …"; returns NULL. */
void *fault_type(struct fault *fault, const char *expected, const struct cedar_value *got);

/* Parsers: false and the official words in ${why} when ${text} is no such value. */
bool ext_parse_ip(struct cedar_str text, struct value_ip *out, struct text *why);
bool ext_parse_decimal(struct cedar_str text, int64_t *out, struct text *why);
bool ext_parse_datetime(struct cedar_str text, int64_t *ms, struct text *why);
bool ext_parse_duration(struct cedar_str text, int64_t *ms, struct text *why);

bool ext_ip_in_range(const struct value_ip *ip, const struct value_ip *range);
bool ext_ip_is_loopback(const struct value_ip *ip);
bool ext_ip_is_multicast(const struct value_ip *ip);

#endif
