/*
 * Random policies, entities and requests over a small world in which things meet often: right and wrong types, missing attributes,
 * unknown entities, ancestors. Everything comes from a stream of numbers: a seed, or the bytes of a fuzzer.
 */
#ifndef TEST_CEDAR_RANDOM_H
#define TEST_CEDAR_RANDOM_H

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "writ/cedar.h"

struct randoms {
    uint64_t state;
    const uint8_t *at; /* NULL: from ${state} */
    size_t n;
};

static inline unsigned
pick(struct randoms *r, unsigned below)
{
    if (r->at) {
        unsigned v = r->n ? *r->at : 0;
        r->at += r->n > 0;
        r->n -= r->n > 0;
        return v % below;
    }
    r->state ^= r->state << 13;
    r->state ^= r->state >> 7;
    r->state ^= r->state << 17;
    return (unsigned)((r->state >> 11) % below);
}

#define PICK(r, list) ((list)[pick(r, sizeof(list) / sizeof *(list))])

static inline struct cedar_str
world_str(const char *text)
{
    return (struct cedar_str){text, strlen(text)};
}

static const char *const world_uids[][2] = {
    {"User", "ann"},    {"User", "bob"},     {"User", "cyd"},   {"User", "nobody"},  {"Group", "eng"},   {"Group", "ops"},
    {"Group", "all"},   {"Doc", "plan"},     {"Doc", "ledger"}, {"Doc", "secret"},   {"Folder", "a"},    {"Folder", "b"},
    {"Action", "read"}, {"Action", "write"}, {"Action", "rw"},  {"Action", "audit"}, {"Doc", "nothing"},
};
#define WORLD_UIDS (sizeof world_uids / sizeof *world_uids)

static inline struct cedar_uid
world_uid(unsigned i)
{
    return (struct cedar_uid){world_str(world_uids[i][0]), world_str(world_uids[i][1])};
}

static inline void
put_uid(struct buf *b, struct randoms *r, unsigned from, unsigned to)
{
    unsigned i = from + pick(r, to - from);
    buf_printf(b, "%s::\"%s\"", world_uids[i][0], world_uids[i][1]);
}

static const char *const world_names[] = {"flag", "level", "name", "owner", "tags", "rec", "ip", "cost", "at", "missing"};
static const char *const world_roots[] = {"principal", "resource", "context", "action", "context.rec", "principal.owner", "resource.rec"};

static inline void put_expr(struct buf *b, struct randoms *r, unsigned depth);

static inline void
put_leaf(struct buf *b, struct randoms *r)
{
    static const char *const literals[] = {"true",
                                           "false",
                                           "0",
                                           "1",
                                           "5",
                                           "-3",
                                           "9223372036854775807",
                                           "\"\"",
                                           "\"red\"",
                                           "\"blue\"",
                                           "\"a*\"",
                                           "[]",
                                           "[1, 2]",
                                           "[\"red\", \"x\"]",
                                           "{}",
                                           "{\"x\": 1}",
                                           "ip(\"10.0.0.1\")",
                                           "ip(\"10.0.0.0/8\")",
                                           "decimal(\"1.5\")",
                                           "datetime(\"2024-01-01\")",
                                           "duration(\"1h\")",
                                           "ip(\"no\")",
                                           "principal",
                                           "resource",
                                           "context",
                                           "action",
                                           "[User::\"ann\", Group::\"eng\"]",
                                           "[Group::\"ops\", 3]"};
    if (pick(r, 3) == 0)
        buf_printf(b, "%s.%s", PICK(r, world_roots), PICK(r, world_names));
    else if (pick(r, 5) == 0)
        put_uid(b, r, 0, WORLD_UIDS);
    else
        buf_puts(b, PICK(r, literals));
}

static inline void
put_infix(struct buf *b, struct randoms *r, unsigned depth)
{
    static const char *const between[] = {" == ", " != ", " < ", " <= ", " > ", " >= ", " in ", " + ", " - ", " * ", " && ", " || "};
    buf_putc(b, '(');
    put_expr(b, r, depth);
    buf_puts(b, PICK(r, between));
    put_expr(b, r, depth);
    buf_putc(b, ')');
}

static inline void
put_method(struct buf *b, struct randoms *r, unsigned depth)
{
    static const char *const methods[] = {"contains",  "containsAll", "containsAny", "getTag",       "hasTag",
                                          "isInRange", "lessThan",    "offset",      "durationSince"};
    static const char *const bare[] = {"isEmpty", "isIpv4", "isLoopback", "toDate", "toTime", "toDays", "toMilliseconds"};
    bool one = pick(r, 3) > 0;
    buf_putc(b, '(');
    put_expr(b, r, depth);
    buf_printf(b, ").%s(", one ? PICK(r, methods) : PICK(r, bare));
    if (one)
        put_expr(b, r, depth);
    buf_putc(b, ')');
}

static inline void
put_other(struct buf *b, struct randoms *r, unsigned depth)
{
    static const char *const behind[] = {" has flag", " has rec.level",          " has missing", " like \"r*d\"", " like \"*\"",
                                         " is User",  " is Doc in Folder::\"a\""};
    switch (pick(r, 6)) {
    case 0:
        buf_puts(b, "(if ");
        put_expr(b, r, depth);
        buf_puts(b, " then ");
        put_expr(b, r, depth);
        buf_puts(b, " else ");
        put_expr(b, r, depth);
        buf_putc(b, ')');
        return;
    case 1:
        buf_putc(b, '[');
        put_expr(b, r, depth);
        buf_putc(b, ',');
        put_expr(b, r, depth);
        buf_putc(b, ']');
        return;
    case 2:
        buf_puts(b, "{\"level\": ");
        put_expr(b, r, depth);
        buf_puts(b, ", \"flag\": ");
        put_expr(b, r, depth);
        buf_putc(b, '}');
        return;
    case 3:
        buf_puts(b, pick(r, 3) ? "!(" : "-(");
        put_expr(b, r, depth);
        buf_putc(b, ')');
        return;
    default:
        buf_putc(b, '(');
        put_expr(b, r, depth);
        buf_printf(b, "%s)", PICK(r, behind));
    }
}

static inline void
put_expr(struct buf *b, struct randoms *r, unsigned depth)
{
    unsigned what = depth == 0 ? 0 : pick(r, 8);
    if (what < 2)
        put_leaf(b, r);
    else if (what < 5)
        put_infix(b, r, depth - 1);
    else if (what < 6)
        put_method(b, r, depth - 1);
    else
        put_other(b, r, depth - 1);
}

/* The kind of test that the index looks at, mostly of the right type. */
static inline void
put_test(struct buf *b, struct randoms *r)
{
    static const char *const tests[] = {"context.name == \"red\"",
                                        "context.name == \"blue\"",
                                        "\"x\" == context.name",
                                        "context.level < 5",
                                        "context.level >= 1",
                                        "3 > context.level",
                                        "context.flag",
                                        "!context.flag",
                                        "context has missing",
                                        "context.name like \"re*\"",
                                        "context.name like \"b*e\"",
                                        "context.name like \"red\"",
                                        "resource has owner",
                                        "context has level && context.level == 1",
                                        "context.tags.contains(\"red\")",
                                        "[\"red\", \"x\"].contains(context.name)",
                                        "principal in Group::\"eng\"",
                                        "principal in [Group::\"ops\", User::\"bob\"]",
                                        "principal == User::\"ann\"",
                                        "resource.owner == principal",
                                        "resource is Doc",
                                        "context.missing == 1",
                                        "resource in Folder::\"a\"",
                                        "principal.level > 2",
                                        "context.at > datetime(\"2024-01-01\")",
                                        "[].contains(context.missing)",
                                        "context.owner in Group::\"all\"",
                                        "!(context.flag || context.level == 1)"};
    if (pick(r, 4))
        buf_puts(b, PICK(r, tests));
    else
        put_expr(b, r, 2);
}

static inline void
put_scope(struct buf *b, struct randoms *r, const char *who, unsigned from, unsigned to, const char *type)
{
    buf_puts(b, who);
    switch (pick(r, 6)) {
    case 0:
        buf_puts(b, " == ");
        put_uid(b, r, from, to);
        return;
    case 1:
        buf_puts(b, " in ");
        put_uid(b, r, from, to);
        return;
    case 2:
        buf_printf(b, " is %s", type);
        return;
    case 3:
        buf_printf(b, " is %s in ", type);
        put_uid(b, r, from, to);
        return;
    default:
        return;
    }
}

static inline void
put_action(struct buf *b, struct randoms *r)
{
    unsigned kind = pick(r, 5);
    buf_puts(b, ", action");
    if (kind == 0)
        return;
    buf_puts(b, kind == 1 ? " == " : kind == 2 ? " in " : " in [");
    for (unsigned i = 0, n = kind > 2 ? pick(r, 4) : 1; i < n; i++) {
        buf_puts(b, i ? ", " : "");
        put_uid(b, r, 12, 16);
    }
    buf_puts(b, kind > 2 ? "]" : "");
}

static inline void
put_policy(struct buf *b, struct randoms *r)
{
    buf_puts(b, pick(r, 2) ? "permit(" : "forbid(");
    put_scope(b, r, "principal", 0, 7, "User");
    put_action(b, r);
    put_scope(b, r, ", resource", 7, 12, "Doc");
    buf_puts(b, ")");
    for (unsigned i = 0, n = pick(r, 4); i < n; i++) {
        buf_puts(b, pick(r, 4) ? " when { " : " unless { ");
        put_test(b, r);
        if (pick(r, 2)) {
            buf_puts(b, " && ");
            put_test(b, r);
        }
        buf_puts(b, " }");
    }
    buf_puts(b, ";\n");
}

static inline struct cedar_value *
world_value(struct cedar_scratch *s, struct randoms *r, const char *name, unsigned depth)
{
    static const char *const strings[] = {"red", "blue", "x", ""};
    static const char *const ips[] = {"10.0.0.1", "10.0.0.0/8", "::1"};
    struct cedar_value *list[2];
    switch (pick(r, 6) ? name[0] : "flnotric@"[pick(r, 9)]) {
    case 'f':
        return cedar_bool(s, pick(r, 2));
    case 'l':
        return cedar_long(s, (int64_t)pick(r, 8) - 1);
    case 'n':
        return cedar_string(s, world_str(PICK(r, strings)));
    case 'o':
        return cedar_entity(s, world_uid(pick(r, WORLD_UIDS)));
    case 't':
        list[0] = cedar_string(s, world_str(PICK(r, strings)));
        list[1] = pick(r, 3) ? cedar_string(s, world_str(PICK(r, strings))) : cedar_entity(s, world_uid(pick(r, WORLD_UIDS)));
        return cedar_set(s, list, pick(r, 3));
    case 'r': {
        struct cedar_value *record = cedar_record(s);
        for (unsigned i = 0; depth && i < 3; i++) {
            const char *key = PICK(r, world_names);
            cedar_record_put(s, record, world_str(key), world_value(s, r, key, depth - 1));
        }
        return record;
    }
    case 'i':
        return cedar_ip(s, world_str(PICK(r, ips)));
    case 'c':
        return cedar_decimal(s, world_str("1.5"));
    default:
        return cedar_datetime(s, (int64_t)pick(r, 3) * 1704067200000);
    }
}

static inline struct cedar_value *
world_record(struct cedar_scratch *s, struct randoms *r)
{
    struct cedar_value *record = cedar_record(s);
    for (unsigned i = 0; i < 9; i++)
        if (pick(r, 4))
            cedar_record_put(s, record, world_str(world_names[i]), world_value(s, r, world_names[i], 2));
    return record;
}

/* Parents only upwards in this order, so there is no circle: users, groups; docs, folders; actions. */
static inline bool
world_entity(struct cedar_entities_builder *b, struct cedar_scratch *s, struct randoms *r, unsigned i)
{
    static const unsigned above[][2] = {{4, 7}, {10, 12}, {14, 16}};
    unsigned family = i < 7 ? 0 : i < 12 || i == 16 ? 1 : 2, n = 0;
    struct cedar_uid parents[3];
    for (unsigned k = above[family][0]; k < above[family][1]; k++)
        if ((i == 16 || k > i) && pick(r, 3) == 0)
            parents[n++] = world_uid(k);
    struct cedar_value *attributes = world_record(s, r), *tags = pick(r, 2) ? world_record(s, r) : NULL;
    return cedar_entities_add(b, world_uid(i), attributes, parents, n, tags);
}

static inline struct cedar_request
world_request(struct cedar_scratch *s, struct randoms *r)
{
    unsigned who = pick(r, 20) ? pick(r, 7) : pick(r, WORLD_UIDS), what = pick(r, 20) ? 7 + pick(r, 5) : pick(r, WORLD_UIDS);
    return (struct cedar_request){world_uid(who), world_uid(12 + pick(r, 4)), world_uid(what), world_record(s, r)};
}

static inline bool
same_answers(const struct cedar_answer *a, const struct cedar_answer *b)
{
    bool same = a->n_permits == b->n_permits && a->n_forbids == b->n_forbids && a->n_errors == b->n_errors;
    for (size_t i = 0; same && i < a->n_permits; i++)
        same = a->permits[i] == b->permits[i];
    for (size_t i = 0; same && i < a->n_forbids; i++)
        same = a->forbids[i] == b->forbids[i];
    for (size_t i = 0; same && i < a->n_errors; i++)
        same = a->errors[i].policy == b->errors[i].policy && strcmp(a->errors[i].text, b->errors[i].text) == 0;
    return same;
}

#endif
