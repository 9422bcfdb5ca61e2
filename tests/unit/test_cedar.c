/* The Cedar language as a user of the library meets it: texts in, values and error texts out. */
#include "test_cedar.h"

struct expectation {
    const char *expression, *value;
};

static void
check_all(const struct expectation *list, size_t n)
{
    struct cedar_entities *e = entities(small_world);
    for (size_t i = 0; i < n; i++) {
        const char *got = value_of(list[i].expression, e);
        /* Refusals may go on with help; other values do when they end in "...". */
        size_t m = strlen(list[i].value), rest = m > 3 && strcmp(list[i].value + m - 3, "...") == 0 ? 3 : 0;
        bool prefix = rest || strncmp(list[i].value, "refused", 7) == 0;
        if (prefix ? strncmp(got, list[i].value, m - rest) != 0 : strcmp(got, list[i].value) != 0)
            fail_msg("%s\n  expected %s\n  got      %s", list[i].expression, list[i].value, got);
    }
    cedar_entities_unref(e);
}
#define CHECK(...)                                                                                                                                   \
    check_all((const struct expectation[]){__VA_ARGS__}, sizeof((const struct expectation[]){__VA_ARGS__}) / sizeof(struct expectation))

static void
test_strings(void **state)
{
    (void)state;
    CHECK({"\"\\x7f\" == \"\\u{7f}\"", "true"}, {"\"\\x80\" == \"\"", "refused: the input `\\x80` is not a valid escape"},
          {"\"\\u{110000}\" == \"\"", "refused: the input `\\u{110000}` is not a valid escape"},
          {"\"\\u{d800}\" == \"\"", "refused: the input `\\u{d800}` is not a valid escape"}, {"\"\\u{0_0_41}\" == \"A\"", "true"},
          {"\"\\u{_41}\" == \"A\"", "refused: the input"}, {"\"\\u{0000041}\" == \"A\"", "refused: the input"},
          {"\"\\a\" == \"\"", "refused: the input `\\a` is not a valid escape"},
          {"\"\\*\" == \"*\"", "refused: the input `\\*` is not a valid escape"}, {"\"a\\0b\" == \"a\\0c\"", "false"},
          {"\"x\n y\" == \"x\\n y\"", "true"}, {"\"\t\" == \"\\t\"", "true"}, {"\"a\rb\" == \"\"", "refused: the input"},
          {"\"x\\\n y\" == \"xy\"", "refused: invalid token"}, {"\"open", "refused: invalid token: this string is not closed"},
          {"'a' == 'a'", "refused: invalid token: strings must use double quotes"});
}

static void
test_like(void **state)
{
    (void)state;
    CHECK({"\"a*b\" like \"a\\*b\"", "true"}, {"\"axb\" like \"a\\*b\"", "false"}, {"\"a\\nb\" like \"a*b\"", "true"}, {"\"é\" like \"?\"", "false"},
          {"\"\" like \"\"", "true"}, {"\"\" like \"*\"", "true"}, {"\"x\" like \"\"", "false"}, {"\"abc\" like \"**c\"", "true"},
          {"\"abcb\" like \"*b\"", "true"}, {"\"aba\" like \"ab*ba\"", "false"}, {"\"foo bar\" like \"f*o*r\"", "true"},
          {"\"foo\" like \"f*oo*o\"", "false"}, {"\"axb\" like \"a\\u{2a}b\"", "true"}, {"\"/srv/a/../b\" like \"/srv/*\"", "true"},
          {"1 like \"*\"", "error: type error: expected string, got long"},
          {"\"a\" like 1", "refused: right hand side of a `like` expression must be a pattern literal, but got `1`"});
}

static void
test_numbers(void **state)
{
    (void)state;
    CHECK({"9223372036854775808 == 1", "refused: integer literal `9223372036854775808` is too large"}, {"-9223372036854775808 < 0", "true"},
          {"-(9223372036854775808) < 0", "refused: integer literal"}, {"-9223372036854775809 < 0", "refused: integer literal"},
          {"99999999999999999999999 == 1", "refused: integer literal"},
          {"--9223372036854775808 < 0", "error: integer overflow while attempting to negate the value `-9223372036854775808`"},
          {"9223372036854775807 + 1 == 0", "error: integer overflow while attempting to add the values `9223372036854775807` and `1`"},
          {"3037000500 * 3037000500 == 0", "error: integer overflow while attempting to multiply the values `3037000500` and `3037000500`"},
          {"-9223372036854775808 - 1 == 0", "error: integer overflow while attempting to subtract the values `-9223372036854775808` and `1`"},
          {"2 * 3 + 4 * 5 == 26", "true"}, {"10 - 3 - 2 == 5", "true"}, {"2 - -3 == 5", "true"}, {"00012 == 12", "true"}, {"!!!!true", "true"},
          {"!!!!!true", "refused: too many occurrences of `!`"}, {"-----1 == 1", "refused: too many occurrences of `-`"},
          {"!-1 == 0", "refused: unexpected token `-`"}, {"1 + \"a\" == 2", "error: type error: expected long, got string"},
          {"\"a\" + (1 + 9223372036854775807) == 2", "error: integer overflow while attempting to add the values `1` and `9223372036854775807`"},
          {"1 / 1 == 1", "refused: division is not supported"}, {"5 % 2 == 1", "refused: remainder/modulo is not supported"});
}

static void
test_comparisons(void **state)
{
    (void)state;
    CHECK({"1 < 2 && 2 <= 2 && 3 > 2 && 2 >= 2", "true"}, {"1 != 1", "false"}, {"1 == \"1\"", "false"}, {"principal == \"a\"", "false"},
          {"1 < 2 < 3", "refused: multiple relational operators"}, {"1 == 1 == true", "refused: multiple relational operators"},
          {"(1 == 1) == true", "true"}, {"1 = 1", "refused: '=' is not a valid operator in Cedar"},
          {"\"a\" < \"b\"", "error: type error: expected one of [long, datetime, duration], got string"},
          {"1 < \"b\"", "error: type error: expected long, got string"}, {"\"a\" < 1", "error: type error: expected long, got string"},
          {"datetime(\"2024-01-01\") < duration(\"1s\")", "error: type error: expected datetime, got duration"},
          {"decimal(\"1.0\") < decimal(\"2.0\")", "error: type error: expected one of [long, datetime, duration], got decimal"});
}

static void
test_logic(void **state)
{
    (void)state;
    CHECK({"true || 1", "true"}, {"false || 1", "error: type error: expected bool, got long"},
          {"true && 1", "error: type error: expected bool, got long"}, {"false && 1", "false"},
          {"1 || true", "error: type error: expected bool, got long"}, {"!1", "error: type error: expected bool, got long"},
          {"false && principal.none", "false"}, {"if true then true else principal.none", "true"},
          {"if 1 then true else true", "error: type error: expected bool, got long"}, {"(if false then 1 else 2) == 2", "true"},
          {"if true then 1 else true", "error: type error: expected bool, got long"},
          {"principal", "error: type error: expected bool, got (entity of type `U`)"}, {"true && (false || true) && true", "true"});
}

static void
test_sets_and_records(void **state)
{
    (void)state;
    CHECK({"[1,2,] == [2,1,1]", "true"}, {"[[1],{a:1}].contains({\"a\":1})", "true"}, {"[1].contains([1])", "false"},
          {"[1,\"a\",true,U::\"z\"].contains(\"a\")", "true"}, {"[1,2].containsAll([])", "true"}, {"[].containsAny([])", "false"},
          {"[1,2].containsAny([3,2])", "true"}, {"[1,2].containsAll([3,2])", "false"}, {"[].isEmpty() && ![1].isEmpty()", "true"},
          {"[1].containsAny(1)", "error: type error: expected set, got long"},
          {"principal.contains(1)", "error: type error: expected set, got (entity of type `U`)"},
          {"[1].contains()", "refused: call to `contains` requires exactly 1 argument, but got 0 arguments"},
          {"[1].isEmpty(1)", "refused: call to `isEmpty` requires exactly 0 arguments, but got 1 argument"}, {"{a:1,b:2,} == {b:2,\"a\":1}", "true"},
          {"{a:1} == {a:1,b:2}", "false"}, {"{a:1,\"a\":2} == {}", "refused: duplicate key `a` in record literal"},
          {"{if:1} == {}", "refused: this identifier is reserved and cannot be used: if"}, {"{\"if\":1}[\"if\"] == 1", "true"},
          {"{(a):1} == {}", "refused: invalid attribute name: ("}, {"{principal:1}.principal == 1", "true"},
          {"{b: 1 + \"\", a: !1} == {}", "error: type error: expected bool, got long"});
}

static void
test_attributes(void **state)
{
    (void)state;
    CHECK({"principal.age == 7", "true"}, {"principal[\"age\"] == 7", "true"}, {"principal.boss.dept.name == \"x\"", "true"},
          {"principal.none == 1", "error: `U::\"a\"` does not have the attribute `none`"},
          {"resource.age == 7", "error: entity `R::\"r\"` does not exist"}, {"context.none == 1", "error: record does not have the attribute `none`"},
          {"context.x.y == 1", "error: type error: expected one of [record, (entity of type `any_entity_type`)], got string"},
          {"principal has age", "true"}, {"resource has age", "false"}, {"context has \"x\"", "true"}, {"context has n.m.k", "true"},
          {"context has n.z.k", "false"},
          {"context has x.y", "error: type error: expected one of [record, (entity of type `any_entity_type`)], got string"},
          {"principal has boss.dept.name", "true"}, {"principal has boss.nobody", "false"},
          {"1 has a", "error: type error: expected one of [record..."},
          {"context has if", "refused: this identifier is reserved and cannot be used: if"},
          {"context has __cedar", "refused: The name `__cedar` contains `__cedar`, which is reserved"}, {"context has \"__cedar\"", "false"},
          {"context[x] == 1", "refused: the contents of an index expression must be a string literal"},
          {"principal.hasTag(\"k\") && principal.getTag(\"k\") == \"v\"", "true"},
          {"principal.getTag(\"z\") == 1", "error: `U::\"a\"` does not have the tag `z`"}, {"principal.hasTag(\"boss\")", "false"},
          {"principal has k", "false"}, {"resource.hasTag(\"k\")", "false"},
          {"resource.getTag(\"k\") == 1", "error: entity `R::\"r\"` does not exist"},
          {"principal.hasTag(1)", "error: type error: expected string, got long"},
          {"U::\"q'\\n\".x == 1", "error: entity `U::\"q\\'\\n\"` does not exist"});
}

static void
test_hierarchy(void **state)
{
    (void)state;
    CHECK({"principal in principal", "true"}, {"principal in G::\"low\"", "true"}, {"principal in G::\"top\"", "true"},
          {"principal in G::\"none\"", "false"}, {"G::\"top\" in principal", "false"}, {"resource in resource", "true"},
          {"resource in G::\"top\"", "false"}, {"principal in [G::\"none\", G::\"top\"]", "true"}, {"principal in []", "false"},
          {"principal in [principal, 1]", "error: type error: expected (entity of type `any_entity_type`), got long"},
          {"principal in \"a\"", "error: type error: expected one of [set, (entity of type `any_entity_type`)], got string"},
          {"\"a\" in [\"a\"]", "error: type error: expected (entity of type `any_entity_type`), got string"}, {"principal is U", "true"},
          {"principal is Foo::U", "false"}, {"principal is U in G::\"top\"", "true"}, {"principal is R in 1", "false"},
          {"principal is U in 1", "error: type error: expected one of [set..."},
          {"context is U", "error: type error: expected (entity of type `any_entity_type`), got record"},
          {"principal is \"U\"", "refused: right hand side of an `is` expression must be an entity type name, but got `\"U\"`"},
          {"U :: \"a\" == principal", "true"}, {"A // path\n :: B::\"x\" == A::B::\"x\"", "true"},
          {"in::\"x\" == principal", "refused: this identifier is reserved"}, {"A::__cedar::\"x\" == principal", "refused: The name `__cedar`"},
          {"1 in 2 in 3", "refused: multiple relational operators"});
}

static void
test_functions(void **state)
{
    (void)state;
    CHECK({"foo(\"x\") == 1", "refused: `foo` is not a valid function"}, {"isEmtpy(1)", "refused: `isEmtpy` is not a valid function"},
          {"[1].isEmtpy()", "refused: `isEmtpy` is not a valid method; did you mean `isEmpty`?"},
          {"decimel(\"1.0\") == 1", "refused: `decimel` is not a valid function; did you mean `decimal`?"},
          {"lessThan(decimal(\"1.0\"), decimal(\"2.0\"))", "refused: `lessThan` is a method, not a function"},
          {"\"x\".ip() == 1", "refused: `ip` is a function, not a method"}, {"contains([1], 1)", "refused: `contains` is a method, not a function"},
          {"A::ip(\"1.1.1.1\").isIpv4()", "refused: `A::ip` is not a valid function"},
          {"ip() == 1", "error: wrong number of arguments provided to extension function `ip`: expected 1, got 0"},
          {"ip(context.x).isInRange() == 1", "error: wrong number of arguments provided to extension function `isInRange`: expected 2, got 1"},
          {"principal(1)", "refused: `principal(...)` is not a valid function call"}, {"[1](2)", "refused: function calls must be of the form"},
          {"foo", "refused: invalid variable: foo"}, {"foo.bar", "refused: invalid member access: `foo` has no fields or methods"},
          {"ip(1).isIpv4()", "error: type error: expected string, got long"},
          {"\"1.1.1.1\".isIpv4()", "error: type error: expected ipaddr, got string"});
}

static void
test_ip(void **state)
{
    (void)state;
    CHECK({"ip(context.x).isIpv4()", "true"}, {"ip(\"127.0.0.1\") == ip(\"127.0.0.1/32\")", "true"},
          {"ip(\"127.0.0.1/8\") == ip(\"127.0.0.0/8\")", "false"}, {"ip(\"::1\") == ip(\"0:0:0:0:0:0:0:1\")", "true"},
          {"ip(\"1:2:3:4:5:6:7::\").isIpv6()", "true"}, {"ip(\"1:2:3:4:5:6:7::8\").isIpv6()", "error: error while..."},
          {"ip(\"::FFFF:0102:0304\").isIpv4()", "false"}, {"ip(\"10.0.0.1\").isInRange(ip(\"10.0.0.0/8\"))", "true"},
          {"ip(\"10.0.0.0/8\").isInRange(ip(\"10.0.0.0/9\"))", "false"}, {"ip(\"10.9.0.1/9\").isInRange(ip(\"10.200.0.0/8\"))", "true"},
          {"ip(\"0.0.0.0/0\").isInRange(ip(\"::/0\"))", "false"}, {"ip(\"1.2.3.4\").isInRange(ip(\"9.9.9.9/0\"))", "true"},
          {"ip(\"127.0.0.0/7\").isLoopback()", "false"}, {"ip(\"127.9.9.9\").isLoopback() && ip(\"::1\").isLoopback()", "true"},
          {"ip(\"::1/127\").isLoopback()", "false"}, {"ip(\"224.0.0.0/3\").isMulticast()", "false"},
          {"ip(\"239.1.1.1\").isMulticast() && ip(\"ff02::1\").isMulticast()", "true"},
          {"ip(\"::ffff:1.2.3.4\").isIpv6()",
           "error: error while evaluating `ipaddr` extension function: error parsing IP address from string: We do not accept IPv4 "
           "embedded in IPv6 (e.g., ::ffff:127.0.0.1). Found: `::ffff:1.2.3.4`"},
          {"ip(\"01.2.3.4\").isIpv4()", "error: error while evaluating `ipaddr` extension function: invalid IP address: 01.2.3.4"},
          {"ip(\"1.2.3.4/032\").isIpv4()",
           "error: error while evaluating `ipaddr` extension function: error parsing prefix: string length 3 is too large"},
          {"ip(\"1.2.3.4/33\").isIpv4()",
           "error: error while evaluating `ipaddr` extension function: error parsing prefix: 33 is larger than the limit 32"},
          {"ip(\"1.2.3.4/08\").isIpv4()", "error: error while evaluating `ipaddr` extension function: error parsing prefix `08`: leading zero(s)"},
          {"ip(\"1.2.3.4/\").isIpv4()", "error: error while evaluating `ipaddr` extension function: error parsing prefix from the string ``: cannot "
                                        "parse integer from empty string"},
          {"ip(\"::/300\").isIpv4()", "error: error while evaluating `ipaddr` extension function: error parsing prefix from the string `300`: number "
                                      "too large to fit in target type"},
          {"ip(\"fe80::1%eth0\").isIpv6()", "error: error while evaluating `ipaddr` extension function: invalid IP address: fe80::1%eth0"},
          {"ip(\"1.2.3.4\\0\").isIpv4()", "error: error while evaluating `ipaddr` extension function: invalid IP address: 1.2.3.4\\0"});
}

static void
test_decimal(void **state)
{
    (void)state;
    CHECK(
        {"decimal(\"1.0\") == decimal(\"1.0000\")", "true"}, {"decimal(\"-0.0\") == decimal(\"0.0\")", "true"},
        {"decimal(\"-0.5\").lessThan(decimal(\"0.0\"))", "true"}, {"decimal(\"0.0001\").greaterThan(decimal(\"0.0\"))", "true"},
        {"decimal(\"922337203685477.5807\").greaterThanOrEqual(decimal(\"0.0\"))", "true"},
        {"decimal(\"-922337203685477.5808\").lessThanOrEqual(decimal(\"0.0\"))", "true"},
        {"decimal(\"922337203685477.5808\") == 1", "error: error while evaluating `decimal` extension function: overflow when converting to decimal"},
        {"decimal(\"-922337203685477.5809\") == 1",
         "error: error while evaluating `decimal` extension function: overflow when converting to decimal"},
        {"decimal(\"1\") == 1", "error: error while evaluating `decimal` extension function: `1` is not a well-formed decimal value"},
        {"decimal(\"1.00000\") == 1", "error: error while evaluating `decimal` extension function: too many digits after the decimal in `1.00000`"},
        {"decimal(\"+1.0\") == 1", "error: error while evaluating `decimal` extension function: `+1.0` is not a well-formed decimal value"},
        {"decimal(\"1.\") == 1", "error: error while..."}, {"decimal(\".5\") == 1", "error: error while..."},
        {"decimal(\"-.5\") == 1", "error: error while..."}, {"decimal(\"\") == 1", "error: error while..."},
        {"decimal(\"1.0\\n\") == 1", "error: error while..."},
        {"decimal(\"1.0\").lessThan(\"2.0\")", "error: type error: expected decimal, got string"});
}

static void
test_time(void **state)
{
    (void)state;
    CHECK({"datetime(\"2024-02-29\") < datetime(\"2024-03-01\")", "true"}, {"datetime(\"1970-01-01\") == datetime(\"1970-01-01T00:00:00Z\")", "true"},
          {"datetime(\"2024-01-01T01:00:00+0100\") == datetime(\"2024-01-01\")", "true"},
          {"datetime(\"2024-01-01T00:00:00.001Z\").toTime() == duration(\"1ms\")", "true"},
          {"datetime(\"0000-01-01\") < datetime(\"0001-01-01\")", "true"}, {"datetime(\"0000-02-29\") < datetime(\"0000-03-01\")", "true"},
          {"datetime(\"2000-03-01\").durationSince(datetime(\"1970-01-01\")).toDays() == 11017", "true"},
          {"datetime(\"0000-01-01\").durationSince(datetime(\"1970-01-01\")).toDays() == -719528", "true"},
          {"datetime(\"1969-12-31T23:00:00Z\").toTime() == duration(\"23h\")", "true"},
          {"datetime(\"1969-12-31T23:00:00Z\").toDate() == datetime(\"1969-12-31\")", "true"},
          {"datetime(\"2024-01-01\").offset(duration(\"1d\")) == datetime(\"2024-01-02\")", "true"},
          {"datetime(\"2023-02-29\") == 1", "error: error while evaluating `datetime` extension function: invalid date: 2023-02-29"},
          {"datetime(\"1900-02-29\") == 1", "error: error while evaluating `datetime` extension function: invalid date: 1900-02-29"},
          {"datetime(\"2024-01-01T23:59:60Z\") == 1",
           "error: error while evaluating `datetime` extension function: invalid hour/minute/second: 23:59:60"},
          {"datetime(\"2024-01-01T00:00:00\") == 1",
           "error: error while evaluating `datetime` extension function: invalid millisecond and/or offset pattern"},
          {"datetime(\"2024-01-01T00:00:00+2400\") == 1", "error: error while evaluating `datetime` extension function: invalid offset range: 240"},
          {"datetime(\"2024-1-01\") == 1", "error: error while evaluating `datetime` extension function: invalid date pattern"},
          {"datetime(\"2024-01-01 00:00:00Z\") == 1",
           "error: error while evaluating `datetime` extension function: invalid hour/minute/second pattern"},
          {"datetime(\"2024-01-01\").offset(duration(\"9223372036854775807ms\")) == 1",
           "error: error while evaluating `offset` extension function: overflows when adding an offset: "
           "datetime(\"1970-01-01\").offset(duration(\"1704067200000ms\"))+(9223372036854775807ms)"},
          {"duration(\"1d2h3m4s5ms\").toMilliseconds() == 93784005", "true"}, {"duration(\"5ms\").toMilliseconds() == 5", "true"},
          {"duration(\"-25h\").toDays() == -1", "true"}, {"duration(\"1m\") == duration(\"60s\")", "true"},
          {"duration(\"-9223372036854775808ms\") < duration(\"0s\")", "true"},
          {"duration(\"9223372036854775808ms\") == 1",
           "error: error while evaluating `duration` extension function: Duration overflows internal representation"},
          {"duration(\"106751991168d\") == 1",
           "error: error while evaluating `duration` extension function: Duration overflows internal representation"},
          {"duration(\"1h1d\") == 1", "error: error while evaluating `duration` extension function: invalid duration pattern"},
          {"duration(\"\") == 1", "error: error while..."}, {"duration(\"-\") == 1", "error: error while..."},
          {"duration(\"1s1s\") == 1", "error: error while..."}, {"duration(\"1.5h\") == 1", "error: error while..."},
          {"datetime(\"1970-01-01\").offset(duration(\"-9223372036854775808ms\")).toDate() == 1",
           "error: error while evaluating `toDate` extension function: overflows when computing the date of..."});
}

/* --------------------------------------------------------------------------------------------------------- policy texts */

struct refusal {
    const char *text, *error;
    unsigned line, column;
};

static void
test_refusals_say_where_and_why(void **state)
{
    static const struct refusal list[] = {
        {"permit(principal,action,resource)", "unexpected end of input", 1, 34},
        {"// a\npermit(principal,action,resource)\n  when { context.a == }; ", "unexpected token `}`", 3, 23},
        {"permit(principal,resource,action);", "found the variable `resource` where the variable `action` must be used", 1, 18},
        {"permit(principal,action);", "this policy is missing the `resource` variable in the scope", 1, 24},
        {"permit();", "this policy is missing the `principal` variable in the scope", 1, 8},
        {"permit(principal,action,resource,context);", "this policy has an extra element in the scope: context", 1, 34},
        {"permit(subject,action,resource);", "found an invalid variable in the policy scope: subject", 1, 8},
        {"allow(principal,action,resource);", "invalid policy effect: allow; effect must be either `permit` or `forbid`", 1, 1},
        {"permit(principal,action,resource) when {};", "`when` condition clause cannot be empty", 1, 35},
        {"permit(principal,action,resource)\nforbid(principal,action,resource);", "unexpected token `forbid`; a policy ends with `;`", 2, 1},
        {"permit(principal,action,resource) if {true};", "invalid policy condition: if", 1, 35},
        {"permit(principal in [U::\"a\"],action,resource);", "expected single entity uid or template slot, found set of entity uids", 1, 21},
        {"permit(principal == U,action,resource);", "expected an entity uid or matching template slot, found name `U`", 1, 21},
        {"permit(principal == \"a\",action,resource);", "expected an entity uid, found literal `\"a\"`", 1, 21},
        {"permit(principal = U::\"a\",action,resource);", "'=' is not a valid operator in Cedar", 1, 18},
        {"permit(principal > U::\"a\",action,resource);", "invalid operator in the policy scope: >", 1, 18},
        {"permit(principal:U,action,resource);", "type constraints using `:` are not supported", 1, 17},
        {"permit(principal is U == U::\"a\",action,resource);", "`is` cannot be used together with `==`", 1, 23},
        {"permit(principal in U::\"a\" is U,action,resource);", "when `is` and `in` are used together, `is` must come first", 1, 28},
        {"permit(principal,action is Action,resource);", "`is` cannot appear in the action scope", 1, 18},
        {"permit(principal,action==U::\"a\",resource);", "expected an entity uid with type `Action` but got `U::\"a\"`", 1, 26},
        {"permit(principal,action==?action,resource);", "expected single entity uid, found template slot", 1, 26},
        {"permit(principal==?resource,action,resource);", "expected an entity uid or matching template slot, found ?resource instead of ?principal",
         1, 19},
        {"permit(principal,action,resource) when {principal==?principal};", "found template slot ?principal in a `when` clause", 1, 52},
        {"@id(\"a\")@id(\"b\")permit(principal,action,resource);", "duplicate annotation: @id", 1, 10},
        {"@foo()permit(principal,action,resource);", "unexpected token `)`", 1, 6},
        {"\xef\xbb\xbfpermit(principal,action,resource);", "invalid token", 1, 1},
        {"/* c */permit(principal,action,resource);", "unexpected token `/`", 1, 1},
        {"permit(principal == User::{a:1},action,resource);", "invalid entity literal: User::{", 1, 21},
        {"permit(principal,action,resource) when { \"é\" == 'x' };", "invalid token: strings must use double quotes", 1, 49},
        {"permit(principal,action,resource);\n// \xff\n", "this line is not valid UTF-8", 2, 0},
        {"permit(principal,action,resource) when { a && };", "invalid variable: a", 1, 42},
    };
    (void)state;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        struct cedar_policies *p;
        struct cedar_error e;
        if (cedar_policies_parse(STR(list[i].text), "test", false, &p, &e))
            fail_msg("accepted: %s", list[i].text);
        assert_null(p);
        assert_int_equal(e.code, CEDAR_SYNTAX);
        if (strncmp(e.text, list[i].error, strlen(list[i].error)) != 0 || e.line != list[i].line || e.column != list[i].column)
            fail_msg("%s\n  expected %u:%u %s\n  got      %u:%u %s", list[i].text, list[i].line, list[i].column, list[i].error, e.line, e.column,
                     e.text);
    }
}

static void
test_texts_that_are_policies(void **state)
{
    static const char *const list[] = {
        "",
        "  // only a comment",
        "permit(principal,action,resource);// no newline",
        "permit(principal,action,resource,);",
        "\xc2\xa0permit\xe2\x80\xa8(principal,action,resource);",
        "@foo @if(\"x\") @permit(\"\") permit(principal,action,resource);",
        "permit(principal == (U::\"a\"), action in ([Action::\"a\", (N::Action::\"b\"),]), resource is A::R in ((R::\"r\")));",
        "permit(principal,action in [],resource);",
        "permit(principal,action in Action::\"g\",resource) unless {true} when {true} unless {false};",
        "permit(principal,action,resource) when { context.principal == 1 && context.permit == 2 && context.when == 3 };",
        "permit(principal,action,resource) when { permit::\"x\" == when::forbid::\"y\" };",
        "permit(principal,action,resource) when {principal};",
    };
    (void)state;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        cedar_policies_unref(parse(list[i]));
}

static void
assert_bound(const char *before, const char *part, size_t n, const char *behind, enum cedar_code expected)
{
    char *text = repeat(before, part, n, behind);
    struct cedar_policies *p;
    struct cedar_error e;
    bool ok = cedar_policies_parse(STR(text), "test", false, &p, &e);
    assert_int_equal(ok ? CEDAR_OK : e.code, expected);
    cedar_policies_unref(p);
    free(text);
}

static void
test_nesting_is_bounded(void **state)
{
    (void)state;
    char *deep = repeat(WHEN, "(", 100, "true");
    char *whole = repeat(deep, ")", 100, "};");
    cedar_policies_unref(parse(whole));
    free(deep);
    free(whole);
    assert_bound(WHEN, "(", 100000, "1};", CEDAR_LIMIT);
    assert_bound(WHEN, "[", 100000, "};", CEDAR_LIMIT);
    assert_bound(WHEN, "{a:", 100000, "};", CEDAR_LIMIT);
    assert_bound(WHEN, "if ", 100000, "};", CEDAR_LIMIT);
    assert_bound(WHEN, "ip(", 100000, "};", CEDAR_LIMIT);
    assert_bound(WHEN, "!(-(", 100000, "};", CEDAR_LIMIT);
    assert_bound(WHEN "context", ".a", 100000, "};", CEDAR_LIMIT);
    assert_bound(WHEN "context has a", ".a", 100000, "};", CEDAR_LIMIT);
    assert_bound(WHEN "principal is A", "::A", 100000, "};", CEDAR_LIMIT);
    assert_bound("permit(principal == ", "(", 100000, "", CEDAR_LIMIT);
    assert_bound("", "@a ", 1, "@b permit(principal,action,resource);", CEDAR_OK);
    assert_bound("", " ", CEDAR_MAX_POLICY_BYTES, " ", CEDAR_LIMIT);
    assert_bound(WHEN "true", " && true", 20000, "};", CEDAR_OK);
    assert_bound(WHEN "1", " + 1", 20000, " == 1};", CEDAR_OK);
}

static void
test_long_chains_evaluate(void **state)
{
    struct cedar_answer a;
    struct cedar_request q = {{STR("U"), STR("a")}, {STR("Action"), STR("x")}, {STR("R"), STR("r")}, NULL};
    char *text = repeat(WHEN "1", " + 1", 20000, " == 20001};");
    struct cedar_policies *p = parse(text);
    struct cedar_scratch *s = cedar_scratch_new(1 << 20);
    (void)state;
    assert_true(cedar_evaluate(p, NULL, &q, s, &a));
    assert_int_equal(a.n_permits, 1);
    cedar_scratch_free(s);
    cedar_policies_unref(p);
    free(text);
}

/* One error of each policy, in order, until one behind which nothing can be read; the words and places that the official engine gives. */
static void
test_all_errors(void **state)
{
    (void)state;
#define GOOD "permit(principal, action, resource);\n"
    static const struct {
        const char *text;
        size_t n;
        struct {
            unsigned line, column;
            const char *words;
        } at[4];
    } cases[] = {
        {GOOD GOOD, 0, {{0, 0, NULL}}},
        {"", 0, {{0, 0, NULL}}},
        {"permit(principal, action, resource) when { 1 + };\nforbid(principal, action resource);\n" GOOD "permit(principal, action;",
         3,
         {{1, 48, "unexpected token `}`"}, {2, 26, "unexpected token `resource`"}, {4, 25, "unexpected token `;`"}}},
        {"permit(principal, action, resource) when { principal.if };\npermit(principle, action, resource);\n"
         "permit(principal, action, resource) whn { true };",
         3,
         {{1, 54, "this identifier is reserved and cannot be used: if"},
          {2, 8, "found an invalid variable in the policy scope: principle"},
          {3, 37, "invalid policy condition: whn"}}},
        {"@a @a permit(principal, action, resource);\n" GOOD "@b(\"x\") @b(\"y\") permit(principal, action, resource);",
         2,
         {{1, 5, "duplicate annotation: @a"}, {3, 10, "duplicate annotation: @b"}}},
        {"permt(principal, action, resource);\n" GOOD "permit(principal, action, resource) when { \"abc };\npermt(principal, action, resource);",
         2,
         {{1, 1, "invalid policy effect: permt"}, {3, 44, "invalid token"}}},
        {"permit(principal, action, resource", 1, {{1, 35, "unexpected end of input"}}},
        {"permit(;;;" GOOD, 3, {{1, 8, "unexpected token `;`"}, {1, 9, "unexpected token `;`"}, {1, 10, "unexpected token `;`"}}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cedar_error list[CEDAR_MAX_ERRORS];
        size_t n = cedar_policies_errors((struct cedar_str){cases[i].text, strlen(cases[i].text)}, list, CEDAR_MAX_ERRORS);
        if (n != cases[i].n)
            fail_msg("%zu errors, not %zu, of %s: %s", n, cases[i].n, cases[i].text, list[0].text);
        for (size_t k = 0; k < n; k++) {
            if (strncmp(list[k].text, cases[i].at[k].words, strlen(cases[i].at[k].words)) != 0)
                fail_msg("'%s', not '%s'", list[k].text, cases[i].at[k].words);
            assert_int_equal(list[k].line, cases[i].at[k].line);
            assert_int_equal(list[k].column, cases[i].at[k].column);
        }
    }
    static const char wrong[] = "permt(principal, action, resource);\n";
    static char many[1000 * sizeof wrong];
    struct cedar_error list[CEDAR_MAX_ERRORS];
    struct cedar_str text = {many, 1000 * (sizeof wrong - 1)};
    for (size_t i = 0; i < 1000; i++)
        memcpy(many + i * (sizeof wrong - 1), wrong, sizeof wrong);
    assert_int_equal(cedar_policies_errors(text, list, CEDAR_MAX_ERRORS), CEDAR_MAX_ERRORS);
    assert_int_equal(list[CEDAR_MAX_ERRORS - 1].line, CEDAR_MAX_ERRORS);
    assert_int_equal(cedar_policies_errors(text, list, 1), 1);
    assert_int_equal(cedar_policies_errors(text, NULL, 0), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_errors),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_like),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_comparisons),
        cmocka_unit_test(test_logic),
        cmocka_unit_test(test_sets_and_records),
        cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_hierarchy),
        cmocka_unit_test(test_functions),
        cmocka_unit_test(test_ip),
        cmocka_unit_test(test_decimal),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_refusals_say_where_and_why),
        cmocka_unit_test(test_texts_that_are_policies),
        cmocka_unit_test(test_nesting_is_bounded),
        cmocka_unit_test(test_long_chains_evaluate),
    };
    return cmocka_run_group_tests_name("cedar", tests, NULL, NULL);
}
