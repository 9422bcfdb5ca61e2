/*
 * Partial requests against every completion tried: a generator of policies, requests and completions from a stream of numbers, and the
 * laws that an answer must keep. Shared by the unit test, the long run and the fuzz target.
 */
#ifndef PARTIAL_CASES_H
#define PARTIAL_CASES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "writ/cedar.h"

#define CASES_TEXT 32768
#define CASE_POLICIES 8

/* Numbers from a seed, or from the bytes of a fuzzer while there are any. */
struct dice {
    uint64_t state;
    const uint8_t *bytes;
    size_t n;
    bool typed; /* values, entities and requests are those that the schema below allows */
};

static inline unsigned
roll(struct dice *d, unsigned sides)
{
    if (d->bytes) {
        if (d->n == 0)
            return 0;
        d->n--;
        return *d->bytes++ % sides;
    }
    d->state ^= d->state << 13;
    d->state ^= d->state >> 7;
    d->state ^= d->state << 17;
    return (unsigned)((d->state >> 20) % sides);
}

struct draft {
    char at[CASES_TEXT];
    size_t n;
};

static inline void
say(struct draft *t, const char *text)
{
    size_t n = strlen(text);
    if (t->n + n + 1 < sizeof t->at) {
        memcpy(t->at + t->n, text, n + 1);
        t->n += n;
    }
}

static inline struct cedar_str
str(const char *text)
{
    return (struct cedar_str){text, strlen(text)};
}

/* ---------------------------------------------------------------------------------------------------------------------------- expressions */

enum want { W_BOOL, W_LONG, W_STRING, W_ENTITY, W_SET, W_RECORD, W_DECIMAL, W_IP, W_DATETIME, W_DURATION, W_COUNT };

static inline void write_expr(struct dice *d, struct draft *t, enum want w, unsigned depth);

#define PICK(d, list) (list)[roll((d), sizeof(list) / sizeof *(list))]

static inline void
write_leaf(struct dice *d, struct draft *t, enum want w)
{
    static const char *const bools[] = {"true",
                                        "false",
                                        "context.flag",
                                        "context.input.ok",
                                        "principal.admin",
                                        "context has flag",
                                        "context.input has n",
                                        "context has input.deep.n",
                                        "resource has owner",
                                        "principal has boss.age",
                                        "{a: context.n} has a",
                                        "action has flag"};
    static const char *const longs[] = {"0",
                                        "1",
                                        "7",
                                        "-1",
                                        "9223372036854775807",
                                        "context.n",
                                        "context.input.n",
                                        "context.input.deep.n",
                                        "principal.age",
                                        "principal.boss.age",
                                        "{a: 1, b: context.n}.a",
                                        "(if context.flag then 1 else 7)"};
    static const char *const strings[] = {
        "\"a\"", "\"ab\"", "\"\"", "context.s", "context.input.s", "principal.name", "principal.getTag(\"k\")", "resource.getTag(context.s)"};
    static const char *const uids[] = {"principal",  "principal", "resource",      "action",      "U::\"a\"",       "U::\"b\"",      "G::\"low\"",
                                       "G::\"top\"", "R::\"r\"",  "Action::\"x\"", "context.who", "principal.boss", "resource.owner"};
    static const char *const sets[] = {"[]",
                                       "[1, 2]",
                                       "[\"a\", 7, U::\"a\"]",
                                       "[G::\"low\", G::\"top\"]",
                                       "context.list",
                                       "principal.groups",
                                       "[context.n, 1]",
                                       "[principal, U::\"b\"]",
                                       "[principal, context.n]"};
    static const char *const records[] = {"context", "context.input", "{}", "{a: 1, n: context.n}", "context.input.deep", "{input: context.input}"};
    static const char *const others[][3] = {{"decimal(\"1.5\")", "context.dec", "decimal(context.s)"},
                                            {"ip(\"10.0.0.1\")", "context.ip", "ip(context.s)"},
                                            {"datetime(\"2024-01-01\")", "context.when", "datetime(context.s)"},
                                            {"duration(\"1h\")", "duration(\"-1ms\")", "duration(context.s)"}};
    switch (w) {
    case W_BOOL:
        say(t, PICK(d, bools));
        return;
    case W_LONG:
        say(t, PICK(d, longs));
        return;
    case W_STRING:
        say(t, PICK(d, strings));
        return;
    case W_ENTITY:
        say(t, PICK(d, uids));
        return;
    case W_SET:
        say(t, PICK(d, sets));
        return;
    case W_RECORD:
        say(t, PICK(d, records));
        return;
    default:
        say(t, PICK(d, others[w - W_DECIMAL]));
    }
}

static inline void
write_call(struct dice *d, struct draft *t, enum want w, const char *method, enum want argument, unsigned depth)
{
    say(t, "(");
    write_expr(d, t, w, depth);
    say(t, ").");
    say(t, method);
    say(t, "(");
    if (argument != W_COUNT)
        write_expr(d, t, argument, depth);
    say(t, ")");
}

static inline void
write_pair(struct dice *d, struct draft *t, enum want a, const char *operator, enum want b, unsigned depth)
{
    say(t, "(");
    write_expr(d, t, a, depth);
    say(t, operator);
    write_expr(d, t, b, depth);
    say(t, ")");
}

static inline void
write_bool(struct dice *d, struct draft *t, unsigned depth)
{
    static const char *const orders[] = {" < ", " <= ", " > ", " >= "};
    static const enum want ordered[] = {W_LONG, W_LONG, W_DATETIME, W_DURATION};
    static const char *const tests[] = {" has n", " has input", " has input.n", " has a.b.c", " has owner", " has boss.name"};
    enum want any = roll(d, W_COUNT);
    switch (roll(d, 21)) {
    case 0:
    case 1:
    case 2:
        write_pair(d, t, W_BOOL, " && ", W_BOOL, depth);
        return;
    case 3:
    case 4:
        write_pair(d, t, W_BOOL, " || ", W_BOOL, depth);
        return;
    case 5:
        say(t, "!(");
        write_expr(d, t, W_BOOL, depth);
        say(t, ")");
        return;
    case 6:
    case 7:
        write_pair(d, t, any, roll(d, 2) ? " == " : " != ", roll(d, 4) ? any : roll(d, W_COUNT), depth);
        return;
    case 8:
    case 9:
        any = PICK(d, ordered);
        write_pair(d, t, any, PICK(d, orders), any, depth);
        return;
    case 10:
    case 11:
        write_pair(d, t, W_ENTITY, " in ", roll(d, 2) ? W_ENTITY : W_SET, depth);
        return;
    case 12:
        say(t, "(");
        write_expr(d, t, W_ENTITY, depth);
        say(t, roll(d, 2) ? ") is U" : ") is G in ");
        if (t->at[t->n - 1] == ' ')
            write_leaf(d, t, W_ENTITY);
        return;
    case 13:
        write_call(d, t, W_SET, "contains", any, depth);
        return;
    case 14:
        write_call(d, t, W_SET, roll(d, 2) ? "containsAll" : "containsAny", W_SET, depth);
        return;
    case 15:
        write_call(d, t, W_SET, "isEmpty", W_COUNT, depth);
        return;
    case 16:
        write_call(d, t, W_ENTITY, "hasTag", W_STRING, depth);
        return;
    case 17:
        say(t, "(");
        write_expr(d, t, roll(d, 2) ? W_RECORD : W_ENTITY, depth);
        say(t, ")");
        say(t, PICK(d, tests));
        return;
    case 18:
        say(t, "(");
        write_expr(d, t, W_STRING, depth);
        say(t, roll(d, 2) ? ") like \"*\"" : ") like \"a*\"");
        return;
    case 19:
        write_call(d, t, W_IP, roll(d, 2) ? "isIpv4" : "isLoopback", W_COUNT, depth);
        return;
    default:
        write_call(d, t, W_DECIMAL, roll(d, 2) ? "lessThan" : "greaterThanOrEqual", W_DECIMAL, depth);
    }
}

static inline void
write_if(struct dice *d, struct draft *t, enum want w, unsigned depth)
{
    say(t, "(if ");
    write_expr(d, t, W_BOOL, depth);
    say(t, " then ");
    write_expr(d, t, w, depth);
    say(t, " else ");
    write_expr(d, t, w, depth);
    say(t, ")");
}

static inline void
write_inner(struct dice *d, struct draft *t, enum want w, unsigned depth)
{
    static const char *const joints[] = {" + ", " - ", " * "};
    switch (w) {
    case W_BOOL:
        write_bool(d, t, depth);
        return;
    case W_LONG:
        if (roll(d, 4) == 0)
            say(t, "-");
        if (roll(d, 4) == 0)
            write_call(d, t, W_DURATION, "toSeconds", W_COUNT, depth);
        else
            write_pair(d, t, W_LONG, PICK(d, joints), W_LONG, depth);
        return;
    case W_STRING:
        write_call(d, t, W_ENTITY, "getTag", W_STRING, depth);
        return;
    case W_SET:
        say(t, "[");
        write_expr(d, t, roll(d, W_COUNT), depth);
        say(t, ", ");
        write_expr(d, t, roll(d, W_COUNT), depth);
        say(t, "]");
        return;
    case W_RECORD:
        say(t, "{n: ");
        write_expr(d, t, roll(d, W_COUNT), depth);
        say(t, ", input: ");
        write_expr(d, t, roll(d, W_COUNT), depth);
        say(t, "}");
        return;
    case W_DATETIME:
        write_call(d, t, W_DATETIME, "offset", W_DURATION, depth);
        return;
    case W_DURATION:
        write_call(d, t, W_DATETIME, "durationSince", W_DATETIME, depth);
        return;
    default:
        write_leaf(d, t, w);
    }
}

static inline void
write_expr(struct dice *d, struct draft *t, enum want w, unsigned depth)
{
    if (roll(d, 24) == 0)
        w = roll(d, W_COUNT);
    if (depth == 0 || roll(d, 5) == 0 || t->n > CASES_TEXT / 2)
        write_leaf(d, t, w);
    else if (roll(d, 10) == 0)
        write_if(d, t, w, depth - 1);
    else
        write_inner(d, t, w, depth - 1);
}

static inline void
write_policy(struct dice *d, struct draft *t)
{
    static const char *const principals[] = {"principal",
                                             "principal",
                                             "principal",
                                             "principal == U::\"a\"",
                                             "principal in G::\"low\"",
                                             "principal is U",
                                             "principal is U in G::\"top\"",
                                             "principal == V::\"a\""};
    static const char *const actions[] = {
        "action",      "action", "action", "action == Action::\"x\"", "action in Action::\"g\"", "action in [Action::\"y\", Action::\"g\"]",
        "action in []"};
    static const char *const resources[] = {
        "resource", "resource", "resource", "resource == R::\"r\"", "resource in R::\"box\"", "resource is R", "resource is R in R::\"box\""};
    say(t, roll(d, 3) ? "permit(" : "forbid(");
    say(t, PICK(d, principals));
    say(t, ", ");
    say(t, PICK(d, actions));
    say(t, ", ");
    say(t, PICK(d, resources));
    say(t, ")");
    for (unsigned n = roll(d, 3) + (roll(d, 8) != 0); n > 0; n--) {
        say(t, roll(d, 4) ? "\nwhen { " : "\nunless { ");
        write_expr(d, t, W_BOOL, roll(d, 4));
        say(t, " }");
    }
    say(t, ";\n");
}

/* ---------------------------------------------------------------------------------------------------------------------------------- values */

static inline struct cedar_value *
some_value(struct dice *d, struct cedar_scratch *s, enum want w)
{
    static const char *const words[] = {"a", "ab", "", "1.5", "10.0.0.1", "2024-01-01", "1h", "k"};
    static const struct {
        const char *type, *id;
    } uids[] = {{"U", "a"}, {"U", "b"}, {"U", "zz"}, {"G", "low"}, {"G", "top"}, {"R", "r"}, {"Action", "x"}};
    struct cedar_value *v, *list[2];
    unsigned i;
    if (d->typed && w == W_ENTITY) {
        i = roll(d, 3);
        return cedar_entity(s, (struct cedar_uid){str("U"), str(uids[i].id)});
    }
    if (d->typed && w == W_SET) {
        list[0] = some_value(d, s, W_LONG);
        list[1] = some_value(d, s, W_LONG);
        return cedar_set(s, list, roll(d, 3));
    }
    switch (w) {
    case W_BOOL:
        return cedar_bool(s, roll(d, 2));
    case W_LONG:
        return cedar_long(s, roll(d, 6) ? (int64_t)roll(d, 9) - 1 : INT64_MAX);
    case W_STRING:
        return cedar_string(s, str(PICK(d, words)));
    case W_ENTITY:
        i = roll(d, 7);
        return cedar_entity(s, (struct cedar_uid){str(uids[i].type), str(uids[i].id)});
    case W_SET:
        list[0] = some_value(d, s, roll(d, W_SET));
        list[1] = some_value(d, s, roll(d, W_SET));
        return cedar_set(s, list, roll(d, 3));
    case W_RECORD:
        v = cedar_record(s);
        if (roll(d, 2))
            cedar_record_put(s, v, str("n"), some_value(d, s, roll(d, W_SET)));
        if (roll(d, 3) == 0)
            cedar_record_put(s, v, str("deep"), some_value(d, s, roll(d, W_COUNT)));
        return v;
    case W_DECIMAL:
        return cedar_decimal(s, str(roll(d, 2) ? "1.5" : "-2.25"));
    case W_IP:
        return cedar_ip(s, str(roll(d, 2) ? "127.0.0.1" : "10.0.0.0/8"));
    case W_DATETIME:
        return cedar_datetime(s, (int64_t)roll(d, 3) * 1704067200000);
    default:
        return cedar_duration(s, (int64_t)roll(d, 3) * 3600000);
    }
}

#define CASE_ATTRIBUTES " = { age?: Long, admin?: Bool, name?: String, boss?: U, owner?: U, groups?: Set<Long> } tags String;\n"
static const char case_schema[] = "entity U in [G]" CASE_ATTRIBUTES "entity G in [G]" CASE_ATTRIBUTES "entity R in [R]" CASE_ATTRIBUTES
                                  "action g; action x, y in [g] appliesTo { principal: [U, G], resource: [R], context: {\n"
                                  "flag: Bool, n?: Long, s: String, who?: U, list?: Set<Long>, dec?: decimal, ip?: ipaddr, when?: datetime,\n"
                                  "input: { ok?: Bool, n: Long, s?: String, deep: { n?: Long } } } };\n";

/* The attributes of the context, with the kind the generator expects of them. */
struct slot {
    const char *path[3];
    unsigned n;
    enum want kind;
    bool required; /* by the schema */
};
static const struct slot slots[] = {{{"flag"}, 1, W_BOOL, true},
                                    {{"n"}, 1, W_LONG},
                                    {{"s"}, 1, W_STRING, true},
                                    {{"who"}, 1, W_ENTITY},
                                    {{"list"}, 1, W_SET},
                                    {{"dec"}, 1, W_DECIMAL},
                                    {{"ip"}, 1, W_IP},
                                    {{"when"}, 1, W_DATETIME},
                                    {{"input", "ok"}, 2, W_BOOL},
                                    {{"input", "n"}, 2, W_LONG, true},
                                    {{"input", "s"}, 2, W_STRING},
                                    {{"input", "deep", "n"}, 3, W_LONG},
                                    {{"input", "deep"}, 2, W_RECORD},
                                    {{"input"}, 1, W_RECORD},
                                    {{NULL}, 0, W_RECORD}};
#define SLOTS (sizeof slots / sizeof *slots)
#define LEAF_SLOTS 12

/* What is known of each slot and which are unknown. */
struct plan {
    const struct cedar_value *value[LEAF_SLOTS]; /* NULL: not there */
    bool unknown[SLOTS], present[SLOTS];
    bool rest; /* of context.input only what is known is known */
};

/* The kind expected, or one time in ${sides} any other, unless a schema says which. */
static inline enum want
some_kind(struct dice *d, enum want kind, unsigned sides)
{
    return d->typed || roll(d, sides) ? kind : (enum want)roll(d, W_COUNT);
}

static inline bool
under(const struct slot *low, const struct slot *high)
{
    bool same = high->n <= low->n;
    for (unsigned i = 0; same && i < high->n; i++)
        same = strcmp(low->path[i], high->path[i]) == 0;
    return same;
}

static inline void
make_plan(struct dice *d, struct cedar_scratch *s, struct plan *p, unsigned share)
{
    memset(p, 0, sizeof *p);
    for (size_t i = 0; i < LEAF_SLOTS; i++)
        if (roll(d, 6) || (d->typed && slots[i].required))
            p->value[i] = some_value(d, s, some_kind(d, slots[i].kind, 8));
    for (size_t i = 0; i < SLOTS; i++) {
        unsigned rare = i < LEAF_SLOTS ? 1 : i + 1 == SLOTS ? 8 : 4;
        p->unknown[i] = roll(d, 100) < share / rare;
        p->present[i] = roll(d, 3) == 0;
    }
    p->rest = share && !p->unknown[SLOTS - 1] && !p->unknown[SLOTS - 2] && roll(d, 3) == 0;
    for (size_t i = 0; p->rest && i < LEAF_SLOTS; i++)
        if (slots[i].n == 2 && roll(d, 2))
            p->value[i] = NULL;
}

/* Is slot ${i} below (or the same as) an unknown one? */
static inline bool
covered(const struct plan *p, size_t i)
{
    for (size_t k = 0; k < SLOTS; k++)
        if (p->unknown[k] && under(&slots[i], &slots[k]))
            return true;
    return false;
}

/*
 * A record at depth ${depth} on the path of ${at} with whatever is under it. With ${d} the unknown parts get values; without, they are
 * left out.
 */
static inline struct cedar_value *
build(struct dice *d, struct cedar_scratch *s, const struct plan *p, const struct slot *at)
{
    struct cedar_value *record = cedar_record(s);
    static const struct slot input = {{"input"}, 1, W_RECORD, true}, deep = {{"input", "deep"}, 2, W_RECORD};
    for (size_t i = 0; i < LEAF_SLOTS; i++) {
        const struct cedar_value *v = p->value[i];
        if (slots[i].n != at->n + 1 || !under(&slots[i], at))
            continue;
        if (covered(p, i)) {
            bool sure = p->unknown[i] && p->present[i];
            sure |= d && d->typed && slots[i].required;
            v = d && (sure || roll(d, 4)) ? some_value(d, s, some_kind(d, slots[i].kind, 3)) : NULL;
        } else if (v == NULL && d && p->rest && at->n == 1) {
            v = (d->typed && slots[i].required) || roll(d, 2) ? some_value(d, s, some_kind(d, slots[i].kind, 3)) : NULL;
        }
        if (v)
            cedar_record_put(s, record, str(slots[i].path[at->n]), (struct cedar_value *)(uintptr_t)v);
    }
    const struct slot *next = at->n == 0 ? &input : at->n == 1 ? &deep : NULL;
    size_t index = at->n == 0 ? 13 : 12;
    if (next == NULL)
        return record;
    struct cedar_value *v = NULL;
    if (!covered(p, index))
        v = build(d, s, p, next);
    else if (d && (d->typed || (p->unknown[index] && p->present[index]) || roll(d, 4)))
        v = d->typed || roll(d, 2) ? build(d, s, p, next) : some_value(d, s, roll(d, W_COUNT));
    if (v)
        cedar_record_put(s, record, str(next->path[at->n]), v);
    return record;
}

static inline struct cedar_value *
context_of(struct dice *d, struct cedar_scratch *s, const struct plan *p)
{
    static const struct slot top = {{NULL}, 0, W_RECORD};
    return build(d, s, p, &top);
}

/* -------------------------------------------------------------------------------------------------------------------------------- entities */

#define WORLD 9
static const struct {
    const char *type, *id;
} world_uids[WORLD] = {{"U", "a"}, {"U", "b"}, {"G", "low"}, {"G", "top"}, {"R", "r"}, {"R", "box"}, {"Action", "x"}, {"Action", "y"}, {"U", "zz"}};

struct world {
    bool in[WORLD];                              /* the entity is in the store */
    bool attributes[WORLD], ancestors[WORLD], tags[WORLD]; /* unknown */
    const struct cedar_value *attrs[WORLD], *tag[WORLD];
    unsigned parents[WORLD]; /* bit i: parent is the i-th with a higher number, or for Action the group */
    bool open;
};

static inline struct cedar_uid
world_uid(size_t i)
{
    return (struct cedar_uid){str(world_uids[i].type), str(world_uids[i].id)};
}

static inline const struct cedar_value *
some_attributes(struct dice *d, struct cedar_scratch *s, size_t i)
{
    static const struct {
        const char *name;
        enum want kind;
    } names[] = {{"age", W_LONG}, {"admin", W_BOOL}, {"name", W_STRING}, {"boss", W_ENTITY}, {"owner", W_ENTITY}, {"groups", W_SET}};
    struct cedar_value *r = cedar_record(s);
    for (size_t k = 0; i < 6 && k < 6; k++)
        if (roll(d, 3))
            cedar_record_put(s, r, str(names[k].name), some_value(d, s, some_kind(d, names[k].kind, 6)));
    return r;
}

static inline const struct cedar_value *
some_tags(struct dice *d, struct cedar_scratch *s)
{
    struct cedar_value *r = cedar_record(s);
    if (roll(d, 2))
        cedar_record_put(s, r, str("k"), some_value(d, s, some_kind(d, W_STRING, 3)));
    return r;
}

/* Edges go from U to G, G to the next G, R to the box: no cycles. */
static inline unsigned
some_parents(struct dice *d, size_t i)
{
    static const unsigned above[WORLD] = {1 << 2 | 1 << 3, 1 << 2 | 1 << 3, 1 << 3, 0, 1 << 5, 0, 1 << 9, 1 << 9, 1 << 3};
    return roll(d, 16) & (roll(d, 2) ? above[i] : 0) ? above[i] & (0xfu << roll(d, 9)) : roll(d, 2) ? above[i] : 0;
}

static inline void
make_world(struct dice *d, struct cedar_scratch *s, struct world *w, bool partly)
{
    memset(w, 0, sizeof *w);
    w->open = partly && roll(d, 4) == 0;
    for (size_t i = 0; i < WORLD; i++) {
        w->in[i] = i < 8 && roll(d, 6);
        w->attrs[i] = some_attributes(d, s, i);
        w->tag[i] = some_tags(d, s);
        w->parents[i] = some_parents(d, i);
        if (partly && roll(d, 4) == 0) {
            w->attributes[i] = roll(d, 2);
            w->ancestors[i] = roll(d, 2);
            w->tags[i] = roll(d, 2);
        }
    }
}

/* Some world that agrees with ${w}. */
static inline struct world
complete_world(struct dice *d, struct cedar_scratch *s, const struct world *w)
{
    struct world c = *w;
    for (size_t i = 0; i < WORLD; i++) {
        bool fresh = false;
        if (!w->in[i] && (w->open || ((w->attributes[i] || w->ancestors[i] || w->tags[i]) && roll(d, 2)))) {
            c.in[i] = roll(d, 2);
            fresh = w->open;
            c.attrs[i] = fresh || w->attributes[i] ? some_attributes(d, s, i) : NULL;
            c.tag[i] = fresh || w->tags[i] ? some_tags(d, s) : NULL;
            c.parents[i] = fresh || w->ancestors[i] ? some_parents(d, i) : 0;
            if (!fresh && !w->attributes[i])
                c.in[i] = false; /* known not to have any: it does not exist */
            continue;
        }
        if (w->attributes[i])
            c.attrs[i] = some_attributes(d, s, i);
        if (w->tags[i])
            c.tag[i] = some_tags(d, s);
        if (w->ancestors[i])
            c.parents[i] = some_parents(d, i);
    }
    return c;
}

static inline struct cedar_entities *
store_of(const struct world *w)
{
    struct cedar_entities_builder *b = cedar_entities_new();
    struct cedar_entities *e = NULL;
    struct cedar_error error;
    for (size_t i = 0; b && i < WORLD; i++) {
        struct cedar_uid parents[WORLD + 1];
        size_t n = 0;
        if (!w->in[i])
            continue;
        for (size_t k = 0; k < WORLD; k++)
            if (w->parents[i] & (1u << k))
                parents[n++] = world_uid(k);
        if (w->parents[i] & (1u << 9))
            parents[n++] = (struct cedar_uid){str("Action"), str("g")};
        cedar_entities_add(b, world_uid(i), w->attrs[i], parents, n, w->tag[i]);
    }
    if (b == NULL || !cedar_entities_finish(b, &e, &error))
        abort();
    return e;
}

static inline size_t
unknown_entities(const struct world *w, struct cedar_unknown_entity *out)
{
    size_t n = 0;
    for (size_t i = 0; i < WORLD; i++)
        if (w->attributes[i] || w->ancestors[i] || w->tags[i])
            out[n++] = (struct cedar_unknown_entity){world_uid(i), w->attributes[i], w->ancestors[i], w->tags[i]};
    return n;
}

/* -------------------------------------------------------------------------------------------------------------------------------- requests */

static inline struct cedar_partial_uid
some_variable(struct dice *d, unsigned which, unsigned share)
{
    static const size_t first[] = {0, 6, 4}, count[] = {2, 2, 2};
    struct cedar_partial_uid u = {CEDAR_KNOWN, world_uid(first[which] + roll(d, (unsigned)count[which]))};
    if (roll(d, 8) == 0 && !(d->typed && which == 1))
        u.uid.id = str("zz");
    if (roll(d, 100) < share)
        u.known = roll(d, 3) ? CEDAR_KNOWN_TYPE : CEDAR_UNKNOWN;
    return u;
}

static inline struct cedar_uid
complete_uid(struct dice *d, const struct cedar_partial_uid *u, unsigned which)
{
    static const char *const applies[][2] = {{"U", "G"}, {"Action", "Action"}, {"R", "R"}};
    static const char *const actions[] = {"x", "y"};
    static const char *const types[] = {"U", "G", "R", "Action", "V"};
    static const char *const ids[] = {"a", "b", "zz", "low", "top", "r", "box", "x", "y", "g", "q"};
    struct cedar_uid c = u->uid;
    if (u->known == CEDAR_UNKNOWN)
        c.type = str(d->typed ? applies[which][roll(d, 2)] : PICK(d, types));
    if (u->known != CEDAR_KNOWN)
        c.id = str(d->typed && which == 1 ? PICK(d, actions) : PICK(d, ids));
    return c;
}

/* A whole case: policies, what is known, and answers. */
struct partial_case {
    struct draft text;
    struct cedar_policies *policies;
    struct cedar_entities *store;
    struct world world;
    struct plan plan;
    struct cedar_partial_request request;
    struct cedar_unknown unknown[SLOTS + 1];
    struct cedar_str paths[SLOTS][3];
    struct cedar_unknown_entity entities[WORLD];
    struct cedar_partial_options options;
    struct cedar_schema *schema;
    struct cedar_scratch *scratch, *each;
};

static inline void
list_unknowns(struct partial_case *c)
{
    c->request.n_unknown = 0;
    for (size_t i = 0; i < SLOTS; i++) {
        if (!c->plan.unknown[i])
            continue;
        for (unsigned k = 0; k < slots[i].n; k++)
            c->paths[i][k] = str(slots[i].path[k]);
        c->unknown[c->request.n_unknown++] = (struct cedar_unknown){c->paths[i], slots[i].n, c->plan.present[i], false};
    }
    if (c->plan.rest) {
        static const struct cedar_str input = {"input", 5};
        c->unknown[c->request.n_unknown++] = (struct cedar_unknown){&input, 1, false, true};
    }
    c->request.unknown = c->unknown;
}

/* The world and the request for ${text}. False: the text is no Cedar, or has too many policies. */
static inline bool
case_from(struct dice *d, struct partial_case *c, struct cedar_str text)
{
    static const unsigned shares[] = {0, 15, 40, 80};
    struct cedar_error error;
    if (!cedar_policies_parse(text, "case", false, &c->policies, &error))
        return false;
    if (cedar_policies_count(c->policies) > CASE_POLICIES)
        return cedar_policies_unref(c->policies), false;
    c->scratch = cedar_scratch_new(0);
    c->each = cedar_scratch_new(0);
    d->typed = roll(d, 2);
    if (d->typed && !cedar_schema_parse(str(case_schema), "case", &c->schema, &error))
        abort();
    make_world(d, c->scratch, &c->world, roll(d, 3) == 0);
    c->store = store_of(&c->world);
    make_plan(d, c->scratch, &c->plan, PICK(d, shares));
    unsigned share = PICK(d, shares);
    c->request.principal = some_variable(d, 0, share);
    c->request.action = some_variable(d, 1, share / 2);
    c->request.resource = some_variable(d, 2, share);
    list_unknowns(c);
    c->request.context = context_of(NULL, c->scratch, &c->plan);
    c->options.unknown = c->entities;
    c->options.n_unknown = unknown_entities(&c->world, c->entities);
    c->options.open = c->world.open;
    c->options.fail_closed = roll(d, 2);
    c->options.schema = c->schema;
    return true;
}

/* False: the text was not accepted, which the generator sees to that it is rare. */
static inline bool
case_make(struct dice *d, struct partial_case *c)
{
    memset(c, 0, sizeof *c);
    for (unsigned n = 1 + roll(d, 4); n > 0; n--)
        write_policy(d, &c->text);
    return case_from(d, c, (struct cedar_str){c->text.at, c->text.n});
}

static inline void
case_free(struct partial_case *c)
{
    cedar_policies_unref(c->policies);
    cedar_entities_unref(c->store);
    cedar_schema_unref(c->schema);
    cedar_scratch_free(c->scratch);
    cedar_scratch_free(c->each);
}

/* ------------------------------------------------------------------------------------------------------------------------------------ laws */

struct outcomes {
    enum cedar_part part[CASE_POLICIES];
    const char *error[CASE_POLICIES];
    bool allowed;
};

static inline bool
outcomes_of(const struct cedar_policies *p, const struct cedar_entities *e, const struct cedar_request *q, bool fail_closed,
            struct cedar_scratch *scratch, struct outcomes *out)
{
    struct cedar_answer a;
    size_t forbids = 0;
    memset(out, 0, sizeof *out);
    if (!cedar_evaluate(p, e, q, scratch, &a))
        return false;
    for (size_t i = 0; i < a.n_permits; i++)
        out->part[a.permits[i]] = CEDAR_SATISFIED;
    for (size_t i = 0; i < a.n_forbids; i++)
        out->part[a.forbids[i]] = CEDAR_SATISFIED;
    for (size_t i = 0; i < a.n_errors; i++) {
        out->part[a.errors[i].policy] = CEDAR_ERRS;
        out->error[a.errors[i].policy] = a.errors[i].text;
        forbids += fail_closed && cedar_policy_effect(p, a.errors[i].policy) == CEDAR_FORBID;
    }
    out->allowed = a.n_permits > 0 && a.n_forbids + forbids == 0;
    return true;
}

/* One completion of a case. */
struct completion {
    struct cedar_request request;
    struct cedar_entities *store;
};

static inline struct completion
complete(struct dice *d, struct partial_case *c)
{
    struct completion x;
    struct world w = complete_world(d, c->each, &c->world);
    x.request.principal = complete_uid(d, &c->request.principal, 0);
    x.request.action = complete_uid(d, &c->request.action, 1);
    x.request.resource = complete_uid(d, &c->request.resource, 2);
    x.request.context = context_of(d, c->each, &c->plan);
    x.store = store_of(&w);
    return x;
}

static inline const struct cedar_residual *
residual_of(const struct cedar_partial_answer *a, size_t policy)
{
    for (size_t i = 0; i < a->n; i++)
        if (a->residuals[i].policy == policy)
            return &a->residuals[i];
    return NULL;
}

static inline bool
listed(const size_t *list, size_t n, size_t i)
{
    for (size_t k = 0; k < n; k++)
        if (list[k] == i)
            return true;
    return false;
}

/* NULL when what was said of policy ${i} holds in a completion. */
static inline const char *
policy_law(const struct cedar_residual *r, enum cedar_part got, const char *error)
{
    if (r == NULL)
        return got == CEDAR_NOT_SATISFIED ? NULL : "a policy left out is satisfied or errs";
    if (got == CEDAR_SATISFIED && !r->may_satisfy)
        return "a policy is satisfied that may not be";
    if (got == CEDAR_NOT_SATISFIED && !r->may_not)
        return "a policy is not satisfied that must be";
    if (got == CEDAR_ERRS && !r->may_err)
        return "a policy errs that may not";
    if (r->part != CEDAR_RESIDUAL && got != r->part)
        return "a class that does not hold";
    if (r->part == CEDAR_ERRS && strncmp(r->error, "an error, whatever", 18) != 0 && strcmp(r->error, error) != 0)
        return "another error text";
    return NULL;
}

static inline const char *
decision_law(const struct cedar_policies *p, const struct cedar_partial_answer *a, const struct outcomes *o, bool fail_closed)
{
    bool forbidden = false;
    if ((a->decision == CEDAR_ALLOWS && !o->allowed) || (a->decision == CEDAR_DENIES && o->allowed))
        return "a decision that does not hold";
    for (size_t i = 0; i < cedar_policies_count(p); i++)
        forbidden |= cedar_policy_effect(p, i) == CEDAR_FORBID && (o->part[i] == CEDAR_SATISFIED || (fail_closed && o->part[i] == CEDAR_ERRS));
    for (size_t i = 0; i < cedar_policies_count(p); i++) {
        bool forbid = cedar_policy_effect(p, i) == CEDAR_FORBID;
        bool counts = o->part[i] == CEDAR_SATISFIED || (forbid && fail_closed && o->part[i] == CEDAR_ERRS);
        bool determines = counts && forbid == forbidden;
        if (determines && !listed(a->may_determine, a->n_may_determine, i))
            return "a policy determines that may not";
        if (!determines && listed(a->must_determine, a->n_must_determine, i))
            return "a policy does not determine that must";
    }
    return NULL;
}

/* The account of a policy comes to what the evaluator comes to, and says so in words. */
static inline const char *
why_law(struct partial_case *c, const struct completion *x, size_t i, const struct outcomes *o)
{
    struct cedar_why why;
    struct cedar_output text = {NULL, 0}, json = {NULL, 0};
    if (!cedar_why(c->policies, i, x->store, &x->request, 0, c->each, &why))
        return "out of memory";
    bool ok = cedar_why_text(c->policies, i, &why, &text) && cedar_why_json(c->policies, i, &why, &json);
    cedar_output_free(&text);
    cedar_output_free(&json);
    if (!ok || why.outcome != o->part[i])
        return "an account that is not so";
    for (size_t k = 0; k < why.n; k++)
        if (why.clauses[k].truth != CEDAR_NOT_REACHED && why.clauses[k].n_causes == 0)
            return "a clause without a cause";
    return NULL;
}

static inline const char *
completion_law(struct partial_case *c, const struct cedar_partial_answer *a, bool could, const struct completion *x)
{
    struct outcomes o;
    if (!outcomes_of(c->policies, x->store, &x->request, c->options.fail_closed, c->each, &o))
        return "out of memory";
    if (o.allowed && !could)
        return "a completion is allowed that could not be";
    for (size_t i = 0; i < cedar_policies_count(c->policies); i++) {
        const char *wrong = policy_law(residual_of(a, i), o.part[i], o.error[i]);
        if (wrong == NULL)
            wrong = why_law(c, x, i, &o);
        if (wrong)
            return wrong;
    }
    return decision_law(c->policies, a, &o, c->options.fail_closed);
}

/* What is left must come to the same as the original: the same policies by id, with the same errors. */
static inline const char *
rest_law(struct partial_case *c, const struct cedar_policies *rest, const struct completion *x)
{
    struct outcomes all, left;
    size_t n = cedar_policies_count(rest), found = 0;
    if (!outcomes_of(c->policies, x->store, &x->request, false, c->each, &all) || !outcomes_of(rest, x->store, &x->request, false, c->each, &left))
        return "out of memory";
    for (size_t i = 0; i < cedar_policies_count(c->policies); i++) {
        struct cedar_str id = cedar_policy_id(c->policies, i);
        enum cedar_part part = CEDAR_NOT_SATISFIED;
        const char *error = NULL;
        for (size_t k = 0; k < n; k++) {
            struct cedar_str other = cedar_policy_id(rest, k);
            if (other.n == id.n && memcmp(other.at, id.at, id.n) == 0)
                part = left.part[k], error = left.error[k], found++;
        }
        if (part != all.part[i])
            return "what is left comes to something else";
        if (error && strcmp(error, all.error[i]) != 0)
            return "what is left errs in another way";
    }
    return found == n ? NULL : "what is left has a policy of its own";
}

/* A candidate that is not listed is not allowed, one that surely is, is. */
static inline const char *
query_law(struct partial_case *c, const struct cedar_candidates *found, const struct cedar_uid *asked, const struct completion *x)
{
    struct outcomes o;
    if (!outcomes_of(c->policies, x->store, &x->request, c->options.fail_closed, c->each, &o))
        return "out of memory";
    for (size_t i = 0; i < found->n; i++) {
        const struct cedar_uid *u = &found->at[i].uid;
        if (u->id.n == asked->id.n && u->type.n == asked->type.n && memcmp(u->id.at, asked->id.at, u->id.n) == 0 &&
            memcmp(u->type.at, asked->type.at, u->type.n) == 0)
            return found->at[i].surely && !o.allowed ? "a candidate that is surely allowed is not" : NULL;
    }
    return o.allowed ? "a candidate was left out that may be allowed" : NULL;
}

static inline const char *
queries_law(struct dice *d, struct partial_case *c, unsigned which)
{
    bool (*const ask[])(const struct cedar_policies *, const struct cedar_entities *, const struct cedar_partial_request *,
                        const struct cedar_partial_options *, const struct cedar_uid *, size_t, struct cedar_scratch *, struct cedar_candidates *,
                        struct cedar_error *) = {cedar_query_principal, cedar_query_action, cedar_query_resource};
    struct cedar_candidates found;
    struct cedar_error error;
    struct cedar_uid among[WORLD];
    static const size_t fit[][5] = {{0, 1, 2, 3, 8}, {6, 7, 6, 7, 6}, {4, 5, 4, 5, 4}};
    const char *wrong = NULL;
    for (size_t i = 0; i < WORLD; i++)
        among[i] = world_uid(i);
    if (!ask[which](c->policies, c->store, &c->request, &c->options, among, WORLD, c->scratch, &found, &error))
        return error.text[0] ? strdup(error.text) : "a query failed";
    for (unsigned n = 0; n < 6 && wrong == NULL; n++) {
        struct completion x = complete(d, c);
        struct cedar_uid *asked = which == 0 ? &x.request.principal : which == 1 ? &x.request.action : &x.request.resource;
        *asked = among[d->typed ? PICK(d, fit[which]) : roll(d, WORLD)];
        wrong = query_law(c, &found, asked, &x);
        cedar_entities_unref(x.store);
        cedar_scratch_reset(c->each);
    }
    return wrong;
}

struct case_counts {
    unsigned long cases, refused, completions, policies, known, residual, decided, finer;
};

static inline const char *
case_laws(struct dice *d, struct partial_case *c, unsigned completions, struct case_counts *n)
{
    struct cedar_partial_answer a;
    struct cedar_error error;
    struct cedar_policies *rest = NULL;
    const char *wrong = NULL;
    if (!cedar_partial(c->policies, c->store, &c->request, &c->options, c->scratch, &a, &error))
        return strdup(error.text);
    bool could = cedar_could_allow(c->policies, c->store, &c->request, &c->options, c->scratch, &error);
    if ((could && a.decision == CEDAR_DENIES) || (!could && a.decision == CEDAR_ALLOWS))
        return "could_allow says something else";
    n->finer += !could && a.decision == CEDAR_DEPENDS;
    if (!cedar_residual_policies(c->policies, &a, &rest, &error))
        return strdup(error.text);
    n->policies += cedar_policies_count(c->policies);
    n->known += cedar_policies_count(c->policies) - a.n;
    for (size_t i = 0; i < a.n; i++)
        *(a.residuals[i].part == CEDAR_RESIDUAL ? &n->residual : &n->known) += 1;
    n->decided += a.decision != CEDAR_DEPENDS;
    for (unsigned i = 0; i < completions && wrong == NULL; i++) {
        struct completion x = complete(d, c);
        wrong = completion_law(c, &a, could, &x);
        wrong = wrong ? wrong : rest_law(c, rest, &x);
        cedar_entities_unref(x.store);
        cedar_scratch_reset(c->each);
    }
    n->completions += completions;
    cedar_policies_unref(rest);
    return wrong ? wrong : queries_law(d, c, roll(d, 3));
}

/* One case from ${d}: NULL, or the law it broke, with the case in *${c} for a report; case_free in either case when *${made}. */
static inline const char *
case_run(struct dice *d, struct partial_case *c, unsigned completions, struct case_counts *n, bool *made)
{
    *made = case_make(d, c);
    n->cases++;
    n->refused += !*made;
    return *made ? case_laws(d, c, completions, n) : NULL;
}

#endif
