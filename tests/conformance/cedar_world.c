#include "cedar_world.h"
#include "base/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

const char *const sort_functions[SORTS] = {[SORT_IP] = "ip", [SORT_DECIMAL] = "decimal", [SORT_DATETIME] = "datetime", [SORT_DURATION] = "duration"};

static const char *const spaces[] = {"", "", "NS", "A::B", "_x"};
static const char *const entity_bases[] = {"User", "Group", "Doc", "Folder", "Team", "T_1", "Long", "principal"};
static const char *const ids[] = {"a", "b", "c", "", "alice", "a b", "\"", "é", "0", "\n", "日本", "*", "a\\b", "\xe2\x80\x8b", "x'y", "🦀"};
static const char *const action_ids[] = {"read", "write", "", "a b", "delete", "é", "list", "\""};
static const char *const field_names[] = {"a", "b", "name", "owner", "if", "a b", "type", "id", "principal", "x1", "", "é", "in", "tags"};
static const char *const strings[] = {"",   "a",   "b",   "abc", "a*c",  "é", "日本語", "\"", "\\", "\n",
                                      "\t", "aaa", "a b", "🦀",  "\x7f", "A", "*",      "0",  "ip", "1.0"};
static const int64_t longs[] = {
    0, 1, -1, 2, 3, 10, 100, 1000, INT64_MAX, INT64_MIN, INT64_MAX - 1, INT64_MIN + 1, INT64_C(4294967296), INT64_C(9007199254740993), 7, 42};

static const char *const ips[] = {"127.0.0.1", "10.0.0.0/8",     "10.1.2.3",        "::1",        "ff00::/8",  "192.168.0.0/16", "0.0.0.0/0",
                                  "::/0",      "127.0.0.1/8",    "1:2:3:4:5:6:7:8", "fe80::1/64", "224.0.0.1", "10.1.2.3/32",    "300.1.1.1",
                                  "1.2.3",     "::ffff:1.2.3.4", "10.0.0.0/33",     "01.2.3.4",   ""};
static const char *const decimals[] = {
    "0.0", "1.0",     "1.5",  "-1.5", "922337203685477.5807", "-922337203685477.5808", "1.0000", "12.34", "922337203685477.5808", "1.", "1",
    ".5",  "1.00000", "-0.0", "+1.0"};
static const char *const datetimes[] = {"1970-01-01",
                                        "2024-02-29",
                                        "2024-10-15T12:34:56Z",
                                        "2024-10-15T12:34:56.789Z",
                                        "0000-01-01",
                                        "9999-12-31T23:59:59.999Z",
                                        "2024-10-15T12:34:56+0530",
                                        "1969-12-31T23:59:59.999Z",
                                        "2023-02-29",
                                        "2024-10-15T24:00:00Z",
                                        "2024-10-15T12:34:56",
                                        "2024-10-15T12:34:56-2400",
                                        "x"};
static const char *const durations[] = {
    "0ms",  "1d", "1h", "-1h", "1d2h3m4s5ms",          "90m", "106751991167d", "-9223372036854775808ms", "9223372036854775807ms",
    "1s1m", "1",  "",   "-",   "9223372036854775808ms"};

bool
world_is_odd(struct world *w)
{
    return choice_rare(w->c, w->odd);
}

bool
world_is_loose(struct world *w)
{
    return w->loose && choice_rare(w->c, w->loose);
}

const char *
world_string(struct world *w)
{
    return CHOICE_FROM(w->c, strings);
}

/* The wrong texts stand at the end of each list. */
const char *
world_extension_text(struct world *w, enum sort_kind kind)
{
    static const struct {
        const char *const *list;
        unsigned good, all;
    } kinds[SORTS] = {
        [SORT_IP] = {ips, 13, sizeof ips / sizeof *ips},
        [SORT_DECIMAL] = {decimals, 8, sizeof decimals / sizeof *decimals},
        [SORT_DATETIME] = {datetimes, 8, sizeof datetimes / sizeof *datetimes},
        [SORT_DURATION] = {durations, 9, sizeof durations / sizeof *durations},
    };
    return kinds[kind].list[choice_of(w->c, world_is_odd(w) ? kinds[kind].all : kinds[kind].good)];
}

int64_t
world_long(struct world *w)
{
    return choice_rare(w->c, 80) ? CHOICE_FROM(w->c, longs) : (int64_t)choice_of(w->c, 200) - 100;
}

const char *
world_id(struct world *w, unsigned entity)
{
    const struct world_entity *e = &w->entities[entity];
    return world_is_odd(w) ? CHOICE_FROM(w->c, ids) : e->ids[choice_of(w->c, (unsigned)e->n_ids)];
}

struct world_env
world_env(struct world *w)
{
    struct world_env env = {.action = choice_of(w->c, w->n_actions)};
    const struct world_action *act = &w->actions[env.action];
    env.principal = choice_of(w->c, w->n_entities);
    env.resource = choice_of(w->c, w->n_entities);
    bool odd = world_is_odd(w);
    for (unsigned i = 0; i < w->n_entities && !odd && !(act->principals >> env.principal & 1); i++)
        env.principal = (env.principal + 1) % w->n_entities;
    for (unsigned i = 0; i < w->n_entities && !odd && !(act->resources >> env.resource & 1); i++)
        env.resource = (env.resource + 1) % w->n_entities;
    return env;
}

/* ------------------------------------------------------------------------------------------------------------------ making one */

static struct sort *
new_record(struct world *w, unsigned most, unsigned depth)
{
    struct sort *s = ARENA_NEW(w->a, struct sort);
    unsigned n = choice_of(w->c, most + 1), start = choice_of(w->c, sizeof field_names / sizeof *field_names);
    struct field *fields = arena_list(w->a, most + 1, sizeof *fields);
    if (s == NULL || fields == NULL)
        abort();
    for (unsigned i = 0; i < n; i++)
        fields[i] =
            (struct field){field_names[(start + i * 3) % (sizeof field_names / sizeof *field_names)], world_sort(w, depth), choice_rare(w->c, 35)};
    *s = (struct sort){.kind = SORT_RECORD, .fields = fields, .n_fields = n};
    return s;
}

const struct sort *
world_sort(struct world *w, unsigned depth)
{
    enum sort_kind kind = choice_of(w->c, SORTS);
    if (w->common && choice_rare(w->c, 8))
        return w->common;
    if (depth == 0 && (kind == SORT_SET || kind == SORT_RECORD))
        kind = SORT_LONG;
    if (kind == SORT_RECORD)
        return new_record(w, 3, depth - 1);
    struct sort *s = ARENA_NEW(w->a, struct sort);
    if (s == NULL)
        abort();
    *s = (struct sort){.kind = kind, .entity = choice_of(w->c, w->n_entities)};
    if (kind == SORT_SET)
        s->inner = world_sort(w, depth - 1);
    return s;
}

static const char *
join(struct world *w, const char *space, const char *name)
{
    char *s = *space ? arena_printf(w->a, "%s::%s", space, name) : arena_printf(w->a, "%s", name);
    if (s == NULL)
        abort();
    return s;
}

static void
make_entity(struct world *w, unsigned i, const char *space, unsigned start)
{
    struct world_entity *e = &w->entities[i];
    e->space = choice_rare(w->c, 10) ? CHOICE_FROM(w->c, spaces) : space;
    e->base = entity_bases[(start + i) % (world_is_odd(w) ? 8 : 6)];
    e->name = join(w, e->space, e->base);
    e->enumerated = choice_rare(w->c, 8);
    e->n_ids = 1 + choice_of(w->c, 4);
    unsigned first = choice_of(w->c, sizeof ids / sizeof *ids);
    e->ids = arena_list(w->a, e->n_ids, sizeof *e->ids);
    if (e->ids == NULL)
        abort();
    for (size_t k = 0; k < e->n_ids; k++)
        e->ids[k] = ids[(first + k) % (sizeof ids / sizeof *ids)];
    for (unsigned k = 0; k < w->n_entities && !e->enumerated; k++)
        e->above |= (unsigned)choice_rare(w->c, k > i ? 35 : 10) << k;
}

static void
make_shapes(struct world *w)
{
    for (unsigned i = 0; i < w->n_entities; i++) {
        struct world_entity *e = &w->entities[i];
        e->shape = new_record(w, e->enumerated ? 0 : 4, 2);
        e->tags = !e->enumerated && choice_rare(w->c, 25) ? world_sort(w, 1) : NULL;
    }
}

static void
make_action(struct world *w, unsigned i, const char *space, unsigned start)
{
    struct world_action *act = &w->actions[i];
    act->space = space;
    act->id = action_ids[(start + i) % (sizeof action_ids / sizeof *action_ids)];
    act->type = join(w, space, "Action");
    act->principals = 1u << choice_of(w->c, w->n_entities) | 1u << choice_of(w->c, w->n_entities);
    act->resources = 1u << choice_of(w->c, w->n_entities) | 1u << choice_of(w->c, w->n_entities);
    for (unsigned k = 0; k < i; k++)
        act->above |= (unsigned)choice_rare(w->c, 30) << k;
    act->context = new_record(w, 4, 2);
}

void
world_make(struct world *w, struct arena *a, struct choice *c, unsigned odd)
{
    *w = (struct world){.a = a, .c = c, .odd = odd};
    const char *space = CHOICE_FROM(c, spaces);
    unsigned start = choice_of(c, 8);
    w->n_entities = 1 + choice_of(c, WORLD_ENTITIES);
    w->n_actions = 1 + choice_of(c, WORLD_ACTIONS);
    for (unsigned i = 0; i < w->n_entities; i++)
        make_entity(w, i, space, start);
    if (choice_rare(c, 30)) {
        struct sort *common = new_record(w, 3, 1);
        common->common = "Common";
        w->common = common;
    }
    make_shapes(w);
    start = choice_of(c, 8);
    for (unsigned i = 0; i < w->n_actions; i++)
        make_action(w, i, space, start);
}

/* -------------------------------------------------------------------------------------------------------------- schema as text */

static const char *const type_names[SORTS] = {
    [SORT_BOOL] = "Bool",       [SORT_LONG] = "Long",         [SORT_STRING] = "String",    [SORT_IP] = "ipaddr",
    [SORT_DECIMAL] = "decimal", [SORT_DATETIME] = "datetime", [SORT_DURATION] = "duration"};

/* How a type of the world is named inside the namespace ${space}. */
static const char *
entity_name(struct world *w, unsigned i, const char *space)
{
    const struct world_entity *e = &w->entities[i];
    return strcmp(e->space, space) == 0 && !choice_rare(w->c, 20) ? e->base : e->name;
}

static const char *
builtin_name(struct world *w, enum sort_kind kind)
{
    const char *name = kind == SORT_BOOL && choice_rare(w->c, 10) ? "Boolean" : type_names[kind];
    return world_is_odd(w) ? "Lnog" : choice_rare(w->c, 10) && strcmp(name, "Boolean") ? join(w, "__cedar", name) : name;
}

static void
put_type(struct buf *b, struct world *w, const struct sort *s, const char *space, bool declare)
{
    if (s->common && !declare) {
        buf_puts(b, s->common);
    } else if (s->kind == SORT_SET) {
        buf_puts(b, "Set<");
        put_type(b, w, s->inner, space, false);
        buf_putc(b, '>');
    } else if (s->kind == SORT_RECORD) {
        buf_putc(b, '{');
        for (size_t i = 0; i < s->n_fields; i++) {
            buf_puts(b, choice_rare(w->c, 3) ? "@doc(\"x\") " : "");
            if (tree_is_name(s->fields[i].name))
                buf_puts(b, s->fields[i].name);
            else
                tree_put_string(b, w->c, s->fields[i].name, false);
            buf_puts(b, s->fields[i].optional ? "?: " : ": ");
            put_type(b, w, s->fields[i].sort, space, false);
            buf_puts(b, i + 1 < s->n_fields || choice_rare(w->c, 10) ? ", " : "");
        }
        buf_putc(b, '}');
    } else {
        buf_puts(b, s->kind == SORT_ENTITY ? entity_name(w, s->entity, space) : builtin_name(w, s->kind));
    }
}

/* [a, b] of the set bits; one alone is written without brackets now and then. */
static void
put_names(struct buf *b, struct world *w, unsigned bits, const char *space)
{
    bool one = bits && (bits & (bits - 1)) == 0 && choice_rare(w->c, 50);
    const char *comma = "";
    buf_puts(b, one ? "" : "[");
    for (unsigned i = 0; i < w->n_entities; i++)
        if (bits >> i & 1) {
            buf_printf(b, "%s%s", comma, entity_name(w, i, space));
            comma = ", ";
        }
    buf_puts(b, one ? "" : "]");
}

static void
put_entity_decl(struct buf *b, struct world *w, const struct world_entity *e, const char *space)
{
    buf_puts(b, choice_rare(w->c, 5) ? "@doc(\"an entity\")\n" : "");
    buf_printf(b, "entity %s", e->base);
    if (e->enumerated) {
        for (size_t i = 0; i < e->n_ids; i++) {
            buf_puts(b, i ? ", " : " enum [");
            tree_put_string(b, w->c, e->ids[i], false);
        }
        buf_puts(b, "];\n");
        return;
    }
    if (e->above) {
        buf_puts(b, " in ");
        put_names(b, w, e->above, space);
    }
    if (e->shape->n_fields || choice_rare(w->c, 20)) {
        buf_puts(b, choice_rare(w->c, 50) ? " = " : " ");
        put_type(b, w, e->shape, space, false);
    }
    if (e->tags) {
        buf_puts(b, " tags ");
        put_type(b, w, e->tags, space, false);
    }
    buf_puts(b, ";\n");
}

static void
put_action_name(struct buf *b, struct world *w, const char *id)
{
    if (tree_is_name(id) && !choice_rare(w->c, 30))
        buf_puts(b, id);
    else
        tree_put_string(b, w->c, id, false);
}

static void
put_action_parents(struct buf *b, struct world *w, const struct world_action *act)
{
    const char *comma = " in [";
    for (unsigned i = 0; i < w->n_actions; i++)
        if (act->above >> i & 1) {
            buf_puts(b, comma);
            if (choice_rare(w->c, 20))
                buf_printf(b, "%s::", *act->space && choice_rare(w->c, 50) ? w->actions[i].type : "Action"),
                    tree_put_string(b, w->c, w->actions[i].id, false);
            else
                put_action_name(b, w, w->actions[i].id);
            comma = ", ";
        }
    buf_puts(b, act->above ? "]" : "");
}

static void
put_action_decl(struct buf *b, struct world *w, const struct world_action *act)
{
    buf_puts(b, "action ");
    put_action_name(b, w, act->id);
    put_action_parents(b, w, act);
    if (!choice_rare(w->c, 4)) {
        buf_puts(b, " appliesTo {\n  principal: ");
        put_names(b, w, act->principals, act->space);
        buf_puts(b, ",\n  resource: ");
        put_names(b, w, act->resources, act->space);
        if (act->context->n_fields || choice_rare(w->c, 10)) {
            buf_puts(b, ",\n  context: ");
            put_type(b, w, act->context, act->space, false);
        }
        buf_puts(b, "\n}");
    }
    buf_puts(b, ";\n");
}

/* The namespaces that something is declared in: each once. */
static unsigned
list_spaces(const struct world *w, const char *out[WORLD_ENTITIES + 1])
{
    unsigned n = 0;
    out[n++] = w->actions[0].space;
    for (unsigned i = 0; i < w->n_entities; i++) {
        unsigned k = 0;
        while (k < n && strcmp(out[k], w->entities[i].space) != 0)
            k++;
        if (k == n)
            out[n++] = w->entities[i].space;
    }
    return n;
}

void
world_put_schema(struct buf *b, struct world *w)
{
    const char *list[WORLD_ENTITIES + 1];
    unsigned n = list_spaces(w, list);
    for (unsigned k = 0; k < n; k++) {
        bool actions = k == 0;
        if (*list[k])
            buf_printf(b, "namespace %s {\n", list[k]);
        for (unsigned i = 0; i < w->n_entities; i++)
            if (strcmp(w->entities[i].space, list[k]) == 0)
                put_entity_decl(b, w, &w->entities[i], list[k]);
        if (actions && w->common) {
            buf_puts(b, "type Common = ");
            put_type(b, w, w->common, list[k], true);
            buf_puts(b, ";\n");
        }
        for (unsigned i = 0; actions && i < w->n_actions; i++)
            put_action_decl(b, w, &w->actions[i]);
        if (*list[k])
            buf_puts(b, "}\n");
    }
}

/* -------------------------------------------------------------------------------------------------------------- schema as JSON */

static void put_type_json(struct buf *b, struct world *w, const struct sort *s, const char *space, bool declare);

static void
put_fields_json(struct buf *b, struct world *w, const struct sort *s, const char *space)
{
    json_member_str(b, "type", "Record");
    json_key(b, "attributes");
    json_open(b, '{');
    for (size_t i = 0; i < s->n_fields; i++) {
        json_key(b, s->fields[i].name);
        put_type_json(b, w, s->fields[i].sort, space, false);
        b->n--; /* the closing bracket */
        if (s->fields[i].optional || choice_rare(w->c, 20))
            json_member_bool(b, "required", !s->fields[i].optional);
        json_close(b, '}');
    }
    json_close(b, '}');
    if (choice_rare(w->c, 3))
        json_member_bool(b, "additionalAttributes", choice_rare(w->c, 20));
}

static void
put_leaf_json(struct buf *b, struct world *w, const struct sort *s, const char *space)
{
    if (s->kind == SORT_ENTITY) {
        json_member_str(b, "type", choice_rare(w->c, 50) ? "EntityOrCommon" : "Entity");
        json_member_str(b, "name", entity_name(w, s->entity, space));
    } else if (sort_functions[s->kind] && choice_rare(w->c, 60)) {
        json_member_str(b, "type", "Extension");
        json_member_str(b, "name", type_names[s->kind]);
    } else if (choice_rare(w->c, 30) || sort_functions[s->kind]) {
        json_member_str(b, "type", "EntityOrCommon");
        json_member_str(b, "name", builtin_name(w, s->kind));
    } else {
        json_member_str(b, "type", s->kind == SORT_BOOL ? "Boolean" : type_names[s->kind]);
    }
}

static void
put_type_json(struct buf *b, struct world *w, const struct sort *s, const char *space, bool declare)
{
    json_open(b, '{');
    if (s->common && !declare) {
        json_member_str(b, "type", s->common);
    } else if (s->kind == SORT_SET) {
        json_member_str(b, "type", "Set");
        json_key(b, "element");
        put_type_json(b, w, s->inner, space, false);
    } else if (s->kind == SORT_RECORD) {
        put_fields_json(b, w, s, space);
    } else {
        put_leaf_json(b, w, s, space);
    }
    json_close(b, '}');
}

static void
put_names_json(struct buf *b, struct world *w, const char *key, unsigned bits, const char *space)
{
    json_key(b, key);
    json_open(b, '[');
    for (unsigned i = 0; i < w->n_entities; i++)
        if (bits >> i & 1) {
            json_item(b);
            json_put_text(b, bytes_str(entity_name(w, i, space)));
        }
    json_close(b, ']');
}

static void
put_entity_json(struct buf *b, struct world *w, const struct world_entity *e, const char *space)
{
    json_key(b, e->base);
    json_open(b, '{');
    if (e->enumerated) {
        json_key(b, "enum");
        json_open(b, '[');
        for (size_t i = 0; i < e->n_ids; i++) {
            json_item(b);
            json_put_text(b, bytes_str(e->ids[i]));
        }
        json_close(b, ']');
    } else {
        if (e->above || choice_rare(w->c, 20))
            put_names_json(b, w, "memberOfTypes", e->above, space);
        if (e->shape->n_fields || choice_rare(w->c, 20)) {
            json_key(b, "shape");
            put_type_json(b, w, e->shape, space, false);
        }
        if (e->tags) {
            json_key(b, "tags");
            put_type_json(b, w, e->tags, space, false);
        }
    }
    json_close(b, '}');
}

static void
put_action_json(struct buf *b, struct world *w, const struct world_action *act)
{
    json_key(b, act->id);
    json_open(b, '{');
    if (act->above) {
        json_key(b, "memberOf");
        json_open(b, '[');
        for (unsigned i = 0; i < w->n_actions; i++)
            if (act->above >> i & 1) {
                json_item(b);
                json_open(b, '{');
                json_member_str(b, "id", w->actions[i].id);
                if (choice_rare(w->c, 20))
                    json_member_str(b, "type", choice_rare(w->c, 50) ? "Action" : act->type);
                json_close(b, '}');
            }
        json_close(b, ']');
    }
    if (!choice_rare(w->c, 4)) {
        json_key(b, "appliesTo");
        json_open(b, '{');
        put_names_json(b, w, "principalTypes", act->principals, act->space);
        put_names_json(b, w, "resourceTypes", act->resources, act->space);
        if (act->context->n_fields || choice_rare(w->c, 10)) {
            json_key(b, "context");
            put_type_json(b, w, act->context, act->space, false);
        }
        json_close(b, '}');
    }
    json_close(b, '}');
}

void
world_put_schema_json(struct buf *b, struct world *w)
{
    const char *list[WORLD_ENTITIES + 1];
    unsigned n = list_spaces(w, list);
    json_open(b, '{');
    for (unsigned k = 0; k < n; k++) {
        json_key(b, list[k]);
        json_open(b, '{');
        json_key(b, "entityTypes");
        json_open(b, '{');
        for (unsigned i = 0; i < w->n_entities; i++)
            if (strcmp(w->entities[i].space, list[k]) == 0)
                put_entity_json(b, w, &w->entities[i], list[k]);
        json_close(b, '}');
        json_key(b, "actions");
        json_open(b, '{');
        for (unsigned i = 0; k == 0 && i < w->n_actions; i++)
            put_action_json(b, w, &w->actions[i]);
        json_close(b, '}');
        if (k == 0 && w->common) {
            json_key(b, "commonTypes");
            json_open(b, '{');
            json_key(b, "Common");
            put_type_json(b, w, w->common, list[k], true);
            json_close(b, '}');
        }
        json_close(b, '}');
    }
    json_close(b, '}');
}

/* -------------------------------------------------------------------------------------------------------------- values, entities */

static void
put_type_and_id(struct buf *b, const char *type, const char *id)
{
    json_open(b, '{');
    json_member_str(b, "type", type);
    json_member_str(b, "id", id);
    json_close(b, '}');
}

void
world_put_uid(struct buf *b, struct world *w, const char *type, const char *id)
{
    bool escape = choice_rare(w->c, 20);
    buf_puts(b, escape ? "{\"__entity\":" : "");
    put_type_and_id(b, type, id);
    buf_puts(b, escape ? "}" : "");
}

static void
put_extension(struct buf *b, struct world *w, enum sort_kind kind)
{
    const char *text = world_extension_text(w, kind);
    if (world_is_odd(w)) {
        json_put_text(b, bytes_str(text));
        return;
    }
    bool list = choice_rare(w->c, 5);
    buf_printf(b, "{\"__extn\":{\"fn\":\"%s\",\"%s\":%s", sort_functions[kind], list ? "args" : "arg", list ? "[" : "");
    json_put_text(b, bytes_str(text));
    buf_puts(b, list ? "]}}" : "}}");
}

static void
put_odd_value(struct buf *b, struct world *w, unsigned depth)
{
    static const char *const odd[] = {"0",
                                      "null",
                                      "1.0",
                                      "1e3",
                                      "9223372036854775808",
                                      "-0",
                                      "{}",
                                      "[]",
                                      "{\"__entity\":{\"type\":\"User\"}}",
                                      "{\"__extn\":{\"fn\":\"ip\"}}",
                                      "{\"__entity\":{\"type\":\"Us er\",\"id\":\"a\"}}",
                                      "{\"__expr\":\"1\"}",
                                      "{\"__extn\":{\"fn\":\"nope\",\"arg\":\"1\"}}",
                                      "{\"type\":\"User\",\"id\":\"a\"}",
                                      "{\"__extn\":{\"fn\":\"offset\",\"args\":[{\"__extn\":{\"fn\":\"datetime\",\"arg\":\"2024-01-01\"}},{\"__"
                                      "extn\":{\"fn\":\"duration\",\"arg\":\"1h\"}}]}}"};
    if (choice_rare(w->c, 50))
        buf_puts(b, CHOICE_FROM(w->c, odd));
    else
        world_put_value(b, w, world_sort(w, 1), depth);
}

static void
put_record_value(struct buf *b, struct world *w, const struct sort *s, unsigned depth)
{
    json_open(b, '{');
    for (size_t i = 0; i < s->n_fields; i++) {
        if (s->fields[i].optional ? choice_rare(w->c, 40) : world_is_odd(w) || world_is_loose(w))
            continue;
        json_key(b, s->fields[i].name);
        world_put_value(b, w, world_is_loose(w) ? world_sort(w, 1) : s->fields[i].sort, depth);
    }
    if (world_is_odd(w)) {
        json_key(b, "extra");
        put_odd_value(b, w, depth);
    }
    json_close(b, '}');
}

static void
put_set_value(struct buf *b, struct world *w, const struct sort *s, unsigned depth)
{
    json_open(b, '[');
    for (unsigned n = choice_of(w->c, 4); n > 0; n--) {
        json_item(b);
        world_put_value(b, w, s->inner, depth);
    }
    json_close(b, ']');
}

void
world_put_value(struct buf *b, struct world *w, const struct sort *s, unsigned depth)
{
    if (depth > 0 && world_is_odd(w)) {
        put_odd_value(b, w, depth - 1);
        return;
    }
    depth = depth ? depth - 1 : 0;
    switch (s->kind) {
    case SORT_BOOL:
        json_put_bool(b, choice_of(w->c, 2));
        break;
    case SORT_LONG:
        json_put_int(b, world_long(w));
        break;
    case SORT_STRING:
        json_put_text(b, bytes_str(world_string(w)));
        break;
    case SORT_ENTITY:
        buf_puts(b, choice_rare(w->c, 90) ? "{\"__entity\":" : "{\"__entity\" :");
        put_type_and_id(b, w->entities[s->entity].name, world_id(w, s->entity));
        buf_putc(b, '}');
        break;
    case SORT_SET:
        put_set_value(b, w, s, depth);
        break;
    case SORT_RECORD:
        put_record_value(b, w, s, depth);
        break;
    default:
        put_extension(b, w, s->kind);
    }
}

static void
put_parents(struct buf *b, struct world *w, unsigned type, size_t id)
{
    const struct world_entity *e = &w->entities[type];
    json_key(b, "parents");
    json_open(b, '[');
    for (unsigned i = 0; i < w->n_entities; i++) {
        bool may = e->above >> i & 1;
        if (!(may ? choice_rare(w->c, 50) : choice_rare(w->c, w->odd / 2)))
            continue;
        /* Parents stand higher in one order of all, so that there is no circle; now and then there may be. */
        size_t from = i > type || world_is_odd(w) ? 0 : i == type ? id + 1 : w->entities[i].n_ids;
        if (from < w->entities[i].n_ids) {
            json_item(b);
            world_put_uid(b, w, w->entities[i].name, w->entities[i].ids[from + choice_of(w->c, (unsigned)(w->entities[i].n_ids - from))]);
        }
    }
    json_close(b, ']');
}

static void
put_tags(struct buf *b, struct world *w, const struct sort *s)
{
    json_key(b, "tags");
    json_open(b, '{');
    for (unsigned i = 0; i < 3; i++)
        if (choice_rare(w->c, 50)) {
            json_key(b, i == 0 ? "a" : i == 1 ? "t" : "");
            world_put_value(b, w, s, 2);
        }
    json_close(b, '}');
}

static void
put_entity(struct buf *b, struct world *w, unsigned type, size_t id)
{
    const struct world_entity *e = &w->entities[type];
    json_item(b);
    json_open(b, '{');
    json_key(b, "uid");
    world_put_uid(b, w, e->name, e->ids[id]);
    json_key(b, "attrs");
    put_record_value(b, w, e->shape, 3);
    put_parents(b, w, type, id);
    if (e->tags && choice_rare(w->c, 70))
        put_tags(b, w, e->tags);
    if (world_is_odd(w))
        json_member_int(b, "extra", 1);
    json_close(b, '}');
}

static void
put_action_entity(struct buf *b, struct world *w, unsigned i)
{
    json_item(b);
    json_open(b, '{');
    json_key(b, "uid");
    world_put_uid(b, w, w->actions[i].type, w->actions[i].id);
    json_key(b, "attrs");
    buf_puts(b, "{}");
    json_key(b, "parents");
    json_open(b, '[');
    for (unsigned k = 0; k < w->n_actions; k++)
        if (w->actions[i].above >> k & 1) {
            json_item(b);
            world_put_uid(b, w, w->actions[k].type, w->actions[k].id);
        }
    json_close(b, ']');
    json_close(b, '}');
}

void
world_put_actions(struct buf *b, struct world *w)
{
    for (unsigned i = 0; i < w->n_actions; i++)
        put_action_entity(b, w, i);
}

void
world_put_entities(struct buf *b, struct world *w, unsigned most)
{
    json_open(b, '[');
    bool actions = choice_rare(w->c, 50);
    for (unsigned i = 0; i < w->n_entities; i++)
        for (size_t k = 0; k < w->entities[i].n_ids && most > 0; k++)
            if (!choice_rare(w->c, 15))
                put_entity(b, w, i, k), most--;
    if (actions)
        world_put_actions(b, w);
    if (world_is_odd(w))
        put_entity(b, w, 0, 0);
    json_close(b, ']');
}

void
world_put_request(struct buf *b, struct world *w, const struct world_env *env)
{
    json_key(b, "principal");
    world_put_uid(b, w, w->entities[env->principal].name, world_id(w, env->principal));
    json_key(b, "action");
    world_put_uid(b, w, w->actions[env->action].type, world_is_odd(w) ? "nope" : w->actions[env->action].id);
    json_key(b, "resource");
    world_put_uid(b, w, w->entities[env->resource].name, world_id(w, env->resource));
    json_key(b, "context");
    put_record_value(b, w, w->actions[env->action].context, 3);
}
