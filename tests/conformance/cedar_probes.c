/*
 * The probes: small inputs and what the official engine 4.13.0 answers to each.
 *
 *     cedar_probes FILE     a probe a line, "<group> <input>   => <answer>"; an answer may go on in lines that begin otherwise
 *
 * Groups str, int, rec, ent and ext are expressions, syn and deep policies, sc schemas. Of ej (entities), sch (entities by a schema) and req
 * (requests by a schema) the file has only names; their inputs stand here, and give the recorded answers when the official engine gets them.
 * Prints every difference and the counts. Exit: 0 all agree, 1 some do not, 3 could not look.
 */
#include "base/json.h"
#include "writ/cedar.h"

#include <stdio.h>
#include <stdlib.h>

#define OUTPUT_MAX (1 << 20)

struct probe {
    struct bytes group, input, answer;
};

__attribute__((noreturn)) static void
stop(const char *what, const char *which)
{
    fprintf(stderr, "cedar_probes: %s %s\n", what, which);
    exit(3);
}

static struct cedar_str
to_str(struct bytes b)
{
    return (struct cedar_str){(const char *)b.at, b.n};
}

/* ------------------------------------------------------------------------------------------------------------- named inputs */

#define ONE(uid, attrs, parents, more) "[{\"uid\":" uid ",\"attrs\":" attrs ",\"parents\":" parents more "}]"
#define U_A "{\"type\":\"U\",\"id\":\"a\"}"
#define ENTITY(attrs) ONE(U_A, attrs, "[]", "")
#define VALUE(x) ENTITY("{\"x\":" x "}")
#define CALL(fn, arg) "{\"__extn\":{\"fn\":\"" fn "\",\"arg\":" arg "}}"
#define TYPE_ID(type, id) "{\"type\":\"" type "\",\"id\":\"" id "\"}"
#define BARE(uid) ONE(uid, "{}", "[]", "")
#define REQUEST(type, action, context)                                                                                                               \
    "{\"principal\":" TYPE_ID(type, "a") ",\"action\":" TYPE_ID("Action", action) ",\"resource\":" TYPE_ID("R", "r") ",\"context\":" context "}"

static const char schema_text[] = "entity G; entity R; entity En enum [\"x\", \"y\"];"
                                  "entity U in [G] = {n: Long, e?: U, p?: __cedar::ipaddr} tags String;"
                                  "action g; action x in [g] appliesTo {principal: U, resource: R, context: {a: Long}};";

static const struct {
    const char *group, *name, *json;
} named[] = {
    {"ej", "ok", ENTITY("{}")},
    {"ej", "unknown key", ONE(U_A, "{}", "[]", ",\"zz\":1")},
    {"ej", "no attrs", "[{\"uid\":" U_A ",\"parents\":[]}]"},
    {"ej", "no parents", "[{\"uid\":" U_A ",\"attrs\":{}}]"},
    {"ej", "null attr", VALUE("null")},
    {"ej", "null in set", VALUE("[null]")},
    {"ej", "float", VALUE("1.5")},
    {"ej", "uid string", ONE("\"U::\\\"a\\\"\"", "{}", "[]", "")},
    {"ej", "uid __entity", ONE("{\"__entity\":" U_A "}", "{}", "[]", "")},
    {"ej", "dup same", "[{\"uid\":" U_A ",\"attrs\":{},\"parents\":[]},{\"uid\":" U_A ",\"attrs\":{},\"parents\":[]}]"},
    {"ej", "dup diff", "[{\"uid\":" U_A ",\"attrs\":{},\"parents\":[]},{\"uid\":" U_A ",\"attrs\":{\"x\":1},\"parents\":[]}]"},
    {"ej", "self parent", ONE(U_A, "{}", "[" U_A "]", "")},
    {"ej", "cycle",
     "[{\"uid\":" U_A ",\"attrs\":{},\"parents\":[" TYPE_ID("U", "b") "]},{\"uid\":" TYPE_ID("U", "b") ",\"attrs\":{},\"parents\":[" U_A "]}]"},
    {"ej", "type space", BARE(TYPE_ID("A :: U", "a"))},
    {"ej", "type reserved", BARE(TYPE_ID("if", "a"))},
    {"ej", "type __cedar", BARE(TYPE_ID("__cedar::U", "a"))},
    {"ej", "extn ip", VALUE(CALL("ip", "\"1.1.1.1\""))},
    {"ej", "extn bad", VALUE(CALL("ip", "\"zzz\""))},
    {"ej", "extn unknown fn", VALUE(CALL("foo", "\"1\""))},
    {"ej", "extn offset args",
     VALUE("{\"__extn\":{\"fn\":\"offset\",\"args\":[" CALL("datetime", "\"2024-01-01\"") "," CALL("duration", "\"1h\"") "]}}")},
    {"ej", "extn method isIpv4", VALUE(CALL("isIpv4", CALL("ip", "\"1.1.1.1\"")))},
    {"ej", "__expr", VALUE("{\"__expr\":\"1\"}")},
    {"ej", "entity extra", VALUE("{\"__entity\":{\"type\":\"U\",\"id\":\"a\",\"z\":1}}")},
    {"ej", "__entity + sibling", VALUE("{\"__entity\":" U_A ",\"z\":1}")},
    {"ej", "action with non-action parent", ONE(TYPE_ID("Action", "a"), "{}", "[" U_A "]", "")},
    {"ej", "tags", ONE(U_A, "{}", "[]", ",\"tags\":{\"k\":1}")},
    {"ej", "big int", VALUE("9223372036854775807")},
    {"sch", "ok", ENTITY("{\"n\":1}")},
    {"sch", "missing n", ENTITY("{}")},
    {"sch", "extra", ENTITY("{\"n\":1,\"z\":1}")},
    {"sch", "implicit entity", ENTITY("{\"n\":1,\"e\":" TYPE_ID("U", "b") "}")},
    {"sch", "implicit ip", ENTITY("{\"n\":1,\"p\":\"1.1.1.1\"}")},
    {"sch", "ip fn/arg form", ENTITY("{\"n\":1,\"p\":{\"fn\":\"ip\",\"arg\":\"1.1.1.1\"}}")},
    {"sch", "bad tag type", ONE(U_A, "{\"n\":1}", "[]", ",\"tags\":{\"k\":1}")},
    {"sch", "bad parent", ONE(U_A, "{\"n\":1}", "[" TYPE_ID("R", "r") "]", "")},
    {"sch", "enum ok", BARE(TYPE_ID("En", "x"))},
    {"sch", "enum bad", BARE(TYPE_ID("En", "z"))},
    {"sch", "unknown type", BARE(TYPE_ID("Zed", "z"))},
    {"sch", "action decl ok", ONE(TYPE_ID("Action", "x"), "{}", "[" TYPE_ID("Action", "g") "]", "")},
    {"sch", "action decl diff", BARE(TYPE_ID("Action", "x"))},
    {"sch", "action undeclared", BARE(TYPE_ID("Action", "qq"))},
    {"req", "ok", REQUEST("U", "x", "{\"a\":1}")},
    {"req", "bad principal type", REQUEST("R", "x", "{\"a\":1}")},
    {"req", "unknown action", REQUEST("U", "zz", "{\"a\":1}")},
    {"req", "bad ctx", REQUEST("U", "x", "{\"a\":\"s\"}")},
    {"req", "extra ctx", REQUEST("U", "x", "{\"a\":1,\"b\":1}")},
    {"req", "noval bad principal", REQUEST("R", "x", "{\"a\":1}")},
};

static struct cedar_str
named_input(const struct probe *p)
{
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (bytes_is(p->group, named[i].group) && bytes_is(p->input, named[i].name))
            return to_str(bytes_str(named[i].json));
    return (struct cedar_str){NULL, 0};
}

/* ------------------------------------------------------------------------------------------------------------- our answers */

static void
refuse(struct buf *out, const struct cedar_error *error)
{
    buf_printf(out, "REJECT %s", error->text);
}

static void
answer_policies(struct bytes text, bool expression, struct buf *out)
{
    struct cedar_policies *policies;
    struct cedar_error error;
    struct cedar_answer a;
    if (!cedar_policies_parse(to_str(text), "probe", false, &policies, &error)) {
        refuse(out, &error);
        return;
    }
    struct cedar_scratch *s = cedar_scratch_new(OUTPUT_MAX);
    struct cedar_value *context = cedar_record(s);
    cedar_record_put(s, context, (struct cedar_str){"x", 1}, cedar_string(s, (struct cedar_str){"1.2.3.4", 7}));
    struct cedar_request q = {{{"U", 1}, {"a", 1}}, {{"Action", 6}, {"x", 1}}, {{"R", 1}, {"r", 1}}, context};
    if (!cedar_evaluate(policies, NULL, &q, s, &a))
        stop("out of memory", "");
    if (!expression)
        buf_puts(out, "OK");
    else if (a.n_errors)
        buf_printf(out, "EVALERR %s", a.errors[0].text);
    else
        buf_puts(out, a.n_permits ? "true" : "false");
    cedar_scratch_free(s);
    cedar_policies_unref(policies);
}

static void
answer_expression(const struct probe *p, struct buf *out)
{
    struct buf text = buf_make(OUTPUT_MAX);
    buf_puts(&text, "permit(principal,action,resource) when { ");
    buf_put(&text, p->input);
    buf_puts(&text, " };");
    answer_policies(buf_bytes(&text), true, out);
    buf_free(&text);
}

static void
answer_syntax(const struct probe *p, struct buf *out)
{
    answer_policies(p->input, false, out);
}

/* "parens 200" and "not chain && 2000": so deep, and so long. */
static void
answer_deep(const struct probe *p, struct buf *out)
{
    bool parentheses = bytes_is(p->input, "parens 200");
    if (!parentheses && !bytes_is(p->input, "not chain && 2000"))
        stop("no such input:", "deep");
    struct buf text = buf_make(OUTPUT_MAX);
    buf_puts(&text, "permit(principal,action,resource) when { ");
    for (int i = 0; i < (parentheses ? 200 : 2000); i++)
        buf_puts(&text, parentheses ? "(" : "!false && ");
    buf_puts(&text, "true");
    for (int i = 0; parentheses && i < 200; i++)
        buf_puts(&text, ")");
    buf_puts(&text, " };");
    answer_policies(buf_bytes(&text), false, out);
    buf_free(&text);
}

static void
answer_schema(const struct probe *p, struct buf *out)
{
    struct cedar_schema *schema = NULL;
    struct cedar_error error;
    if (cedar_schema_parse(to_str(p->input), "probe", &schema, &error))
        buf_puts(out, "OK");
    else
        refuse(out, &error);
    cedar_schema_unref(schema);
}

static struct cedar_schema *
probe_schema(void)
{
    struct cedar_schema *schema;
    struct cedar_error error;
    if (!cedar_schema_parse(to_str(bytes_str(schema_text)), "probe", &schema, &error))
        stop("the schema:", error.text);
    return schema;
}

static void
answer_entities(const struct probe *p, struct buf *out)
{
    struct cedar_schema *schema = bytes_is(p->group, "sch") ? probe_schema() : NULL;
    struct cedar_entities *entities = NULL;
    struct cedar_error error;
    struct cedar_str json = named_input(p);
    bool ok = schema ? cedar_entities_json_schema(json, schema, &entities, &error) : cedar_entities_json(json, &entities, &error);
    if (ok)
        buf_puts(out, "OK");
    else
        refuse(out, &error);
    cedar_entities_unref(entities);
    cedar_schema_unref(schema);
}

static struct cedar_uid
uid_of(const struct json *v)
{
    return (struct cedar_uid){to_str(json_text(v, "type")), to_str(json_text(v, "id"))};
}

static bool
check_request(const struct probe *p, struct cedar_scratch *s, const struct json *v, struct cedar_request *q, struct cedar_error *error)
{
    struct cedar_schema *schema = probe_schema();
    *q = (struct cedar_request){uid_of(json_get(v, "principal")), uid_of(json_get(v, "action")), uid_of(json_get(v, "resource")), NULL};
    struct cedar_str context = to_str(json_get(v, "context")->raw);
    if (bytes_starts(p->input, BYTES("noval")))
        q->context = cedar_value_json(s, context, error);
    else
        q->context = cedar_context_json_schema(s, context, schema, &q->action, error);
    bool ok = q->context && (bytes_starts(p->input, BYTES("noval")) || cedar_request_check(schema, q, error));
    cedar_schema_unref(schema);
    return ok;
}

static void
answer_request(const struct probe *p, struct buf *out)
{
    struct arena a = {.max = OUTPUT_MAX};
    struct json *v;
    struct cedar_str json = named_input(p);
    struct cedar_scratch *s = cedar_scratch_new(OUTPUT_MAX);
    struct cedar_request q;
    struct cedar_error error;
    struct cedar_answer answer;
    struct cedar_policies *policies;
    if (err_failed(json_parse(&a, bytes_make(json.at, json.n), NULL, &v)) ||
        !cedar_policies_parse(to_str(BYTES("permit(principal,action,resource);")), "probe", false, &policies, &error))
        stop("cannot read the request", "");
    if (!check_request(p, s, v, &q, &error))
        refuse(out, &error);
    else if (cedar_evaluate(policies, NULL, &q, s, &answer))
        buf_puts(out, cedar_decision(&answer) ? "true" : "false");
    cedar_policies_unref(policies);
    cedar_scratch_free(s);
    arena_free(&a);
}

/* -------------------------------------------------------------------------------------------------------------- comparing */

static const struct {
    const char *group;
    bool quoted, named; /* the input is a JSON string; the input is a name of the table */
    void (*answer)(const struct probe *p, struct buf *out);
} groups[] = {
    {"str", true, false, answer_expression},  {"int", false, false, answer_expression}, {"rec", false, false, answer_expression},
    {"ent", false, false, answer_expression}, {"ext", false, false, answer_expression}, {"syn", true, false, answer_syntax},
    {"deep", false, false, answer_deep},      {"sc", false, false, answer_schema},      {"ej", false, true, answer_entities},
    {"sch", false, true, answer_entities},    {"req", false, true, answer_request},
};
#define GROUPS (sizeof groups / sizeof *groups)

static struct {
    size_t probes, agree, texts, texts_agree, several;
} total;

static size_t
group_of(struct bytes line)
{
    struct bytes word = bytes_split(&line, ' ');
    size_t i = 0;
    while (i < GROUPS && !bytes_is(word, groups[i].group))
        i++;
    return i;
}

/* What the official callers put before the texts of the engine. */
static struct bytes
without_prefix(struct bytes text)
{
    static const char *const prefixes[] = {"REJECT ",
                                           "failed to parse policies from string: ",
                                           "failed to parse schema from string: ",
                                           "error parsing schema: ",
                                           "error during entity deserialization: ",
                                           "transitive closure computation/enforcement error: "};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (bytes_starts(text, bytes_str(prefixes[i])))
            text = bytes_sub(text, strlen(prefixes[i]), text.n);
    return text;
}

/* Where there are several messages, "<first> <- <second> | …", the first: our parser stops there. */
static struct bytes
first_message(struct bytes text, bool *several)
{
    size_t at = bytes_search(text, BYTES(" <- "));
    *several = at < text.n;
    return bytes_sub(text, 0, at);
}

static struct bytes
first_word(struct bytes b)
{
    return bytes_split(&b, ' ');
}

/* Our texts may go on, with a hint. */
static bool
same_text(struct bytes theirs, struct bytes ours)
{
    bool several;
    theirs = without_prefix(first_message(theirs, &several));
    total.several += several;
    return bytes_starts(without_prefix(ours), theirs);
}

/*
 * Two answers are no answer of the engine to the input: a template alone is refused by the call that made the file, not by its parser, and
 * the official build ran out of its stack on 200 parentheses, which we refuse.
 */
static bool
is_apart(const struct probe *p, struct bytes ours)
{
    return bytes_search(p->answer, BYTES("static policy set includes a template")) < p->answer.n ||
           (bytes_is(first_word(p->answer), "EXC") && bytes_is(first_word(ours), "REJECT"));
}

static void
run_probe(const struct probe *p, size_t group)
{
    struct buf out = buf_make(OUTPUT_MAX);
    groups[group].answer(p, &out);
    struct bytes ours = buf_bytes(&out);
    bool apart = is_apart(p, ours), agree = apart || bytes_eq(first_word(p->answer), first_word(ours));
    bool same = apart || (agree && same_text(p->answer, ours));
    total.probes++;
    total.agree += agree;
    total.texts++;
    total.texts_agree += same;
    if (!same)
        printf("%s %.*s %.*s\n  theirs %.*s\n  ours   %.*s\n", agree ? "text" : "DISAGREES", BYTES_ARG(p->group), BYTES_ARG(p->input),
               BYTES_ARG(p->answer), BYTES_ARG(ours));
    buf_free(&out);
}

static void
read_probe(struct arena *a, struct bytes text, size_t group)
{
    struct json *v;
    size_t arrow = bytes_search(text, BYTES(" => "));
    struct bytes rest = bytes_trim(bytes_sub(text, 0, arrow));
    struct probe p = {.group = bytes_split(&rest, ' '), .answer = bytes_sub(text, arrow + 4, text.n)};
    p.input = rest;
    if (groups[group].quoted) {
        if (err_failed(json_parse(a, p.input, NULL, &v)) || v->type != JSON_STRING)
            stop("not a JSON string:", groups[group].group);
        p.input = v->text;
    }
    if (groups[group].named && named_input(&p).at == NULL)
        printf("DISAGREES %.*s %.*s: no such input here\n", BYTES_ARG(p.group), BYTES_ARG(p.input)), total.probes++, total.texts++;
    else
        run_probe(&p, group);
}

/* A probe reaches to the next line that begins with a group and holds an arrow. */
static struct bytes
take_probe(struct bytes *rest)
{
    struct bytes whole = *rest;
    bytes_split(rest, '\n');
    while (rest->n > 0) {
        struct bytes after = *rest, line = bytes_split(&after, '\n');
        if (group_of(line) < GROUPS && bytes_search(line, BYTES(" => ")) < line.n)
            break;
        *rest = after;
    }
    size_t n = whole.n - rest->n;
    return bytes_sub(whole, 0, n - (n > 0 && whole.at[n - 1] == '\n'));
}

int
main(int argc, char **argv)
{
    struct arena a = {.max = (size_t)64 << 20};
    struct buf text = buf_make((size_t)16 << 20);
    FILE *f = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (f == NULL)
        stop("usage: cedar_probes FILE; cannot open", argc == 2 ? argv[1] : "it");
    for (size_t n = 1; n > 0; text.n += n) {
        uint8_t *room = buf_room(&text, 1 << 16);
        n = room ? fread(room, 1, 1 << 16, f) : 0;
    }
    fclose(f);
    for (struct bytes rest = buf_bytes(&text); rest.n > 0;) {
        struct bytes probe = take_probe(&rest);
        size_t group = group_of(probe);
        if (group == GROUPS)
            stop("not a probe:", "the first line");
        read_probe(&a, probe, group);
    }
    printf("probe texts %zu agree %zu (of %zu with several messages the first)\n", total.texts, total.texts_agree, total.several);
    printf("probes %zu of %zu\n", total.agree, total.probes);
    buf_free(&text);
    arena_free(&a);
    return total.agree == total.probes ? 0 : 1;
}
