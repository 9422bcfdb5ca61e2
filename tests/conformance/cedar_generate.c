#include "cedar_generate.h"
#include "base/json.h"
#include "cedar_policy.h"

#include <stdio.h>
#include <stdlib.h>

#define CALL_MAX ((size_t)16 << 20)

/* The calls of one application in the making. */
struct group {
    struct world w;
    struct arena a;
    struct choice *c;
    struct buf line, schema, schema_json, text, entities;
    struct made_policy policies[24];
    unsigned n_policies;
    generate_emit emit;
    void *ctx;
};

static struct buf *
begin(struct group *g, const char *op)
{
    g->line.n = 0;
    buf_printf(&g->line, "{\"op\":\"%s\"", op);
    return &g->line;
}

static void
end(struct group *g)
{
    buf_putc(&g->line, '}');
    if (g->line.failed)
        abort();
    g->emit(g->ctx, buf_bytes(&g->line));
}

static void
call_text(struct group *g, const char *op, const char *key, struct bytes text)
{
    json_member_text(begin(g, op), key, text);
    end(g);
}

static void
call_raw(struct group *g, const char *op, const char *key, struct bytes raw)
{
    json_member_raw(begin(g, op), key, raw);
    end(g);
}

/* The schema as a member: in Cedar or in JSON. */
static void
put_schema(struct group *g)
{
    if (choice_rare(g->c, 30))
        json_member_raw(&g->line, "schema", buf_bytes(&g->schema_json));
    else
        json_member_text(&g->line, "schema", buf_bytes(&g->schema));
}

/* ---------------------------------------------------------------------------------------------------------------------- damage */

static size_t
character_at(struct bytes s, size_t at)
{
    while (at > 0 && at < s.n && (s.at[at] & 0xc0) == 0x80)
        at--;
    return at;
}

static bool
is_word(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c >= 0x80;
}

/* The token (a word or one character) that holds offset ${at}. */
static struct bytes
token_at(struct bytes s, size_t at)
{
    size_t from = at, to = at;
    if (s.n == 0 || at >= s.n || !is_word(s.at[at]))
        return bytes_sub(s, at, 1);
    while (from > 0 && is_word(s.at[from - 1]))
        from--;
    while (to < s.n && is_word(s.at[to]))
        to++;
    return bytes_sub(s, from, to - from);
}

static const char *const snippets[] = {
    "",
    " ",
    ";",
    ",",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "\\",
    "'",
    "::",
    ":",
    "?",
    "?principal",
    "?resource",
    "?x",
    "==",
    "=",
    "!=",
    "!",
    "-",
    "+",
    "*",
    "/",
    "%",
    "<",
    "<=",
    "&&",
    "&",
    "||",
    "|",
    "@",
    "@a(\"\")",
    ".",
    "principal",
    "action",
    "resource",
    "context",
    "permit",
    "forbid",
    "when",
    "unless",
    "if",
    "then",
    "else",
    "true",
    "false",
    "in",
    "is",
    "like",
    "has",
    "__cedar",
    "entity",
    "appliesTo",
    "namespace",
    "type",
    "tags",
    "enum",
    "Set<Long>",
    "Long",
    "0",
    "9223372036854775807",
    "9223372036854775808",
    "1",
    "\"a\"",
    "\"\\u{41}\"",
    "\"\\q\"",
    "\\u{d800}",
    "User::\"a\"",
    "Action::\"read\"",
    "//",
    "//x\n",
    "/*",
    "\xc2\xa0",
    "\xe2\x80\xa8",
    "\xef\xbb\xbf",
    "é",
    "🦀",
    "\t",
    "\r",
    "\n",
    "\x0b",
    "\x01",
    "a",
    "_",
    "A::B",
    "ip(\"1.2.3.4\")",
    ".contains(1)",
    "[\"a\"]",
    "has a.b",
    "is User in",
    "<1<2",
    "!!!!!",
    "-1",
};

static void
damage_once(struct choice *c, struct bytes s, struct buf *out)
{
    size_t at = character_at(s, s.n ? choice_of(c, (unsigned)s.n) : 0), other = character_at(s, s.n ? choice_of(c, (unsigned)s.n) : 0);
    struct bytes token = token_at(s, at), elsewhere = token_at(s, other);
    size_t from = s.n ? (size_t)(token.at - s.at) : 0, to = from + token.n;
    out->n = 0;
    switch (choice_of(c, 5)) {
    case 0: /* without it */
        buf_put(out, bytes_sub(s, 0, from));
        break;
    case 1: /* another instead */
        buf_put(out, bytes_sub(s, 0, from));
        buf_puts(out, CHOICE_FROM(c, snippets));
        break;
    case 2: /* another before it */
        buf_put(out, bytes_sub(s, 0, from));
        buf_puts(out, CHOICE_FROM(c, snippets));
        buf_put(out, token);
        break;
    case 3: /* one of the same text instead */
        buf_put(out, bytes_sub(s, 0, from));
        buf_put(out, elsewhere);
        break;
    default: /* twice */
        buf_put(out, bytes_sub(s, 0, to));
        buf_put(out, token);
    }
    buf_put(out, bytes_sub(s, to, s.n));
}

/* ${s} with one to three damages; well-formed UTF-8 again. */
static void
damage(struct choice *c, struct bytes s, struct buf *out)
{
    struct buf turn = buf_make(CALL_MAX);
    damage_once(c, s, out);
    while (choice_rare(c, 35)) {
        turn.n = 0;
        buf_put(&turn, buf_bytes(out));
        damage_once(c, buf_bytes(&turn), out);
    }
    if (!bytes_utf8(buf_bytes(out))) {
        out->n = 0;
        buf_put(out, s);
    }
    buf_free(&turn);
}

static void
call_damaged(struct group *g, const char *const *ops, size_t n_ops, const char *key, struct bytes text, unsigned times)
{
    struct buf bad = buf_make(CALL_MAX);
    for (unsigned i = 0; i < times; i++) {
        damage(g->c, text, &bad);
        const char *op = ops[choice_of(g->c, (unsigned)n_ops)];
        if (strcmp(op, "checkPolicies") == 0) {
            json_key(begin(g, op), "policies");
            json_open(&g->line, '{');
            json_member_text(&g->line, key, buf_bytes(&bad));
            json_close(&g->line, '}');
            end(g);
        } else {
            call_text(g, op, key, buf_bytes(&bad));
        }
    }
    buf_free(&bad);
}

/* -------------------------------------------------------------------------------------------------------------------- policies */

static void
put_set(struct group *g)
{
    json_key(&g->line, "policies");
    json_open(&g->line, '{');
    json_member_text(&g->line, "staticPolicies", buf_bytes(&g->text));
    json_close(&g->line, '}');
}

static void
make_policies(struct group *g)
{
    g->n_policies = 1 + choice_of(g->c, choice_rare(g->c, 20) ? 24 : 6);
    g->text.n = 0;
    for (unsigned i = 0; i < g->n_policies; i++) {
        policy_make(&g->w, &g->policies[i], false);
        policy_put(&g->text, &g->w, &g->policies[i]);
    }
}

static void
call_policies(struct group *g)
{
    static const char *const check[] = {"checkPolicies"};
    struct buf one = buf_make(CALL_MAX);
    begin(g, "checkPolicies");
    put_set(g);
    end(g);
    begin(g, "validate");
    put_schema(g);
    put_set(g);
    end(g);
    call_text(g, "parts", "policies", buf_bytes(&g->text));
    json_member_text(begin(g, "format"), "text", buf_bytes(&g->text));
    if (choice_rare(g->c, 30)) {
        json_member_int(&g->line, "lineWidth", 20 + choice_of(g->c, 100));
        json_member_int(&g->line, "indentWidth", choice_of(g->c, 8));
    }
    end(g);
    for (unsigned i = 0; i < g->n_policies && i < 4; i++) {
        one.n = 0;
        policy_put(&one, &g->w, &g->policies[i]);
        call_text(g, "toJson", "policy", buf_bytes(&one));
        call_damaged(g, check, 1, "staticPolicies", buf_bytes(&one), 6);
        one.n = 0;
        policy_put_json(&one, &g->policies[i]);
        call_raw(g, "toText", "policy", buf_bytes(&one));
        call_raw(g, "toJson", "policy", buf_bytes(&one));
    }
    call_damaged(g, check, 1, "staticPolicies", buf_bytes(&g->text), 8);
    buf_free(&one);
}

/* -------------------------------------------------------------------------------------------------------------------- requests */

static void
call_asks(struct group *g, bool schema, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct world_env env = world_env(&g->w);
        world_put_request(begin(g, "ask"), &g->w, &env);
        json_member_raw(&g->line, "entities", buf_bytes(&g->entities));
        if (schema) {
            json_member_str(&g->line, "held", "s");
            json_member_bool(&g->line, "validateRequest", choice_rare(g->c, 70));
        }
        end(g);
    }
}

static void
call_partial(struct group *g)
{
    struct world_env env = world_env(&g->w);
    unsigned known = choice_of(g->c, 8);
    begin(g, "partial");
    if (known & 1) {
        json_key(&g->line, "principal");
        world_put_uid(&g->line, &g->w, g->w.entities[env.principal].name, world_id(&g->w, env.principal));
    }
    json_key(&g->line, "action");
    world_put_uid(&g->line, &g->w, g->w.actions[env.action].type, g->w.actions[env.action].id);
    if (known & 2) {
        json_key(&g->line, "resource");
        world_put_uid(&g->line, &g->w, g->w.entities[env.resource].name, world_id(&g->w, env.resource));
    }
    json_key(&g->line, "context");
    world_put_value(&g->line, &g->w, g->w.actions[env.action].context, 0);
    json_member_raw(&g->line, "entities", buf_bytes(&g->entities));
    put_set(g);
    end(g);
}

static void
make_entities(struct group *g)
{
    g->entities.n = 0;
    world_put_entities(&g->entities, &g->w, choice_rare(g->c, 85) ? 12 : 3);
}

static void
call_entities(struct group *g, bool schema)
{
    json_member_raw(begin(g, "checkEntities"), "entities", buf_bytes(&g->entities));
    if (schema)
        put_schema(g);
    end(g);
}

static void
call_context(struct group *g, bool schema)
{
    struct world_env env = world_env(&g->w);
    json_key(begin(g, "checkContext"), "context");
    world_put_value(&g->line, &g->w, g->w.actions[env.action].context, 2);
    if (schema) {
        put_schema(g);
        json_key(&g->line, "action");
        world_put_uid(&g->line, &g->w, g->w.actions[env.action].type, g->w.actions[env.action].id);
    }
    end(g);
}

static void
call_decisions(struct group *g)
{
    bool schema = choice_rare(g->c, 50);
    begin(g, "hold");
    put_set(g);
    end(g);
    if (schema) {
        begin(g, "holdSchema");
        put_schema(g);
        end(g);
    }
    for (unsigned i = 0; i < 4; i++) {
        make_entities(g);
        call_entities(g, false);
        call_entities(g, true);
        call_asks(g, schema, 16);
        call_partial(g);
    }
    for (unsigned i = 0; i < 4; i++)
        call_context(g, i & 1);
}

/* --------------------------------------------------------------------------------------------- sets in JSON, templates and links */

static void
put_link(struct group *g, const struct made_policy *t, unsigned template, unsigned id)
{
    json_item(&g->line);
    json_open(&g->line, '{');
    buf_printf(&g->line, "\"templateId\":\"t%u\",\"newId\":\"l%u\"", template, world_is_odd(&g->w) ? 0 : id);
    json_key(&g->line, "values");
    json_open(&g->line, '{');
    unsigned type = choice_of(g->c, g->w.n_entities);
    if (t->principal.slot != world_is_odd(&g->w)) {
        json_key(&g->line, "?principal");
        world_put_uid(&g->line, &g->w, g->w.entities[type].name, world_id(&g->w, type));
    }
    if (t->resource.slot != world_is_odd(&g->w)) {
        json_key(&g->line, "?resource");
        world_put_uid(&g->line, &g->w, g->w.entities[type].name, world_id(&g->w, type));
    }
    json_close(&g->line, '}');
    json_close(&g->line, '}');
}

static void
put_one(struct group *g, const struct made_policy *p, const char *prefix, unsigned i)
{
    struct buf one = buf_make(CALL_MAX);
    char id[16];
    snprintf(id, sizeof id, "%s%u", prefix, i);
    bool json = choice_rare(g->c, 50);
    if (json)
        policy_put_json(&one, p);
    else
        policy_put(&one, &g->w, p);
    json_key(&g->line, id);
    if (json)
        buf_put(&g->line, buf_bytes(&one));
    else
        json_put_text(&g->line, buf_bytes(&one));
    buf_free(&one);
}

static void
put_mixed_set(struct group *g)
{
    struct made_policy templates[4];
    unsigned n = choice_of(g->c, 4), statics = choice_of(g->c, g->n_policies < 5 ? g->n_policies + 1 : 5);
    json_key(&g->line, "policies");
    json_open(&g->line, '{');
    json_key(&g->line, "staticPolicies");
    json_open(&g->line, '{');
    for (unsigned i = 0; i < statics; i++)
        put_one(g, &g->policies[i], "p", i);
    json_close(&g->line, '}');
    json_key(&g->line, "templates");
    json_open(&g->line, '{');
    for (unsigned i = 0; i < n; i++) {
        policy_make(&g->w, &templates[i], !world_is_odd(&g->w));
        put_one(g, &templates[i], "t", i);
    }
    json_close(&g->line, '}');
    json_key(&g->line, "templateLinks");
    json_open(&g->line, '[');
    for (unsigned i = 0; i < n * 2; i++)
        if (choice_rare(g->c, 70))
            put_link(g, &templates[i / 2], i / 2, i);
    json_close(&g->line, ']');
    json_close(&g->line, '}');
}

static void
call_mixed_set(struct group *g)
{
    begin(g, "hold");
    put_mixed_set(g);
    end(g);
    make_entities(g);
    call_asks(g, false, 12);
    begin(g, "validate");
    put_schema(g);
    put_mixed_set(g);
    end(g);
}

static void
call_templates(struct group *g)
{
    struct buf one = buf_make(CALL_MAX);
    struct made_policy t;
    for (unsigned i = 0; i < 2; i++) {
        policy_make(&g->w, &t, true);
        one.n = 0;
        policy_put(&one, &g->w, &t);
        call_text(g, "templateToJson", "template", buf_bytes(&one));
        one.n = 0;
        policy_put_json(&one, &t);
        call_raw(g, "templateToText", "template", buf_bytes(&one));
    }
    buf_free(&one);
}

/* ------------------------------------------------------------------------------------------------------------ schemas, deep, huge */

static void
call_schemas(struct group *g)
{
    static const char *const damaged[] = {"checkSchema", "checkSchema", "schemaToJson"};
    static const char *const ops[] = {"checkSchema", "schemaToJson", "schemaToText"};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        call_text(g, ops[i], "schema", buf_bytes(&g->schema));
        call_raw(g, ops[i], "schema", buf_bytes(&g->schema_json));
    }
    call_text(g, "schemaToJsonResolved", "schema", buf_bytes(&g->schema));
    call_damaged(g, damaged, 3, "schema", buf_bytes(&g->schema), 10);
}

static void
repeat(struct buf *b, const char *text, unsigned n)
{
    while (n-- > 0)
        buf_puts(b, text);
}

/* Within what the official build survives (some hundred brackets end it), and long chains. */
static void
call_deep(struct group *g)
{
    static const struct {
        const char *before, *middle, *after;
        unsigned most;
    } shapes[] = {{"(", "true", ")", 40},
                  {"[", "1", "].contains(1)", 20},
                  {"!", "true", "", 4},
                  {"", "context", ".a", 100},
                  {"if true then ", "true", " else false", 30},
                  {"true && ", "true", "", 80},
                  {"", "1", " + 1", 80},
                  {"{\"a\":", "1", "}", 25},
                  {"-", "1", "", 5}};
    struct buf text = buf_make(CALL_MAX);
    size_t k = choice_of(g->c, sizeof shapes / sizeof *shapes);
    unsigned n = 1 + choice_of(g->c, shapes[k].most);
    buf_puts(&text, "permit(principal, action, resource) when { [");
    repeat(&text, shapes[k].before, n);
    buf_puts(&text, shapes[k].middle);
    repeat(&text, shapes[k].after, n);
    buf_puts(&text, "].isEmpty() };");
    call_text(g, "toJson", "policy", buf_bytes(&text));
    begin(g, "checkPolicies");
    json_key(&g->line, "policies");
    json_open(&g->line, '{');
    json_member_text(&g->line, "staticPolicies", buf_bytes(&text));
    json_close(&g->line, '}');
    end(g);
    buf_free(&text);
}

/* One set of many policies, asked a few times. */
static void
call_huge(struct group *g)
{
    g->text.n = 0;
    for (unsigned i = 0, n = 100 + choice_of(g->c, 400); i < n; i++) {
        struct made_policy p;
        policy_make(&g->w, &p, false);
        policy_put(&g->text, &g->w, &p);
    }
    begin(g, "hold");
    put_set(g);
    end(g);
    make_entities(g);
    call_asks(g, false, 20);
}

static void
open_group(struct group *g, struct choice *c)
{
    static const unsigned odds[] = {0, 0, 1, 2, 5};
    g->c = c;
    g->a.max = (size_t)256 << 20;
    struct buf *const all[] = {&g->line, &g->schema, &g->schema_json, &g->text, &g->entities};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        *all[i] = buf_make(CALL_MAX);
    world_make(&g->w, &g->a, c, CHOICE_FROM(c, odds));
    world_put_schema(&g->schema, &g->w);
    world_put_schema_json(&g->schema_json, &g->w);
}

static void
close_group(struct group *g)
{
    struct buf *const all[] = {&g->line, &g->schema, &g->schema_json, &g->text, &g->entities};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        buf_free(all[i]);
    arena_free(&g->a);
}

void
generate_group(struct choice *c, generate_emit emit, void *ctx)
{
    struct group g = {.emit = emit, .ctx = ctx};
    open_group(&g, c);
    make_policies(&g);
    call_schemas(&g);
    call_policies(&g);
    call_decisions(&g);
    call_mixed_set(&g);
    call_templates(&g);
    call_deep(&g);
    if (choice_rare(c, 2))
        call_huge(&g);
    close_group(&g);
}

void
generate_case(struct choice *c, struct arena *a, struct buf *policies, struct buf *entities, struct buf *request)
{
    struct world w;
    world_make(&w, a, c, 2);
    for (unsigned i = 0, n = 1 + choice_of(c, 6); i < n; i++) {
        struct made_policy p;
        policy_make(&w, &p, false);
        policy_put(policies, &w, &p);
    }
    world_put_entities(entities, &w, 12);
    struct world_env env = world_env(&w);
    json_open(request, '{');
    world_put_request(request, &w, &env);
    json_close(request, '}');
}
