/*
 * The JSON form of policies (the official "external syntax tree"): chains are folded to the left, everything else is one object a node.
 * Depth is bounded by CEDAR_MAX_DEPTH; a chain of any length is written in a loop.
 */
#include "base/json.h"
#include "cedar/policies.h"

#define OUTPUT_MAX ((size_t)256 << 20)

static void write_expr(struct buf *b, const struct expr *e);

static void
member_str(struct buf *b, const char *key, struct cedar_str s)
{
    json_member_text(b, key, str_bytes(s));
}

static void
write_uid(struct buf *b, const struct cedar_uid *uid)
{
    json_open(b, '{');
    member_str(b, "type", uid->type);
    member_str(b, "id", uid->id);
    json_close(b, '}');
}

static void
write_literal(struct buf *b, const struct cedar_value *v)
{
    json_open(b, '{');
    json_key(b, "Value");
    if (v->kind == VALUE_BOOL) {
        json_put_bool(b, v->truth);
    } else if (v->kind == VALUE_LONG) {
        json_put_int(b, v->number);
    } else if (v->kind == VALUE_STRING) {
        json_put_text(b, str_bytes(v->text));
    } else {
        json_open(b, '{');
        json_key(b, "__entity");
        write_uid(b, &v->uid);
        json_close(b, '}');
    }
    json_close(b, '}');
}

static void
member_expr(struct buf *b, const char *key, const struct expr *e)
{
    json_key(b, key);
    write_expr(b, e);
}

static void
open_node(struct buf *b, const char *name)
{
    json_open(b, '{');
    json_key(b, name);
    json_open(b, '{');
}

static void
close_node(struct buf *b)
{
    json_close(b, '}');
    json_close(b, '}');
}

/* The name of the operator between kids ${i} and ${i} + 1 of a chain. */
static const char *
joint(const struct expr *e, size_t i)
{
    if (e->op == EXPR_AND)
        return "&&";
    if (e->op == EXPR_OR)
        return "||";
    return e->operators[i] == '+' ? "+" : e->operators[i] == '-' ? "-" : "*";
}

static void
write_chain(struct buf *b, const struct expr *e)
{
    for (size_t i = e->n - 1; i > 0; i--) {
        open_node(b, joint(e, i - 1));
        json_key(b, "left");
    }
    write_expr(b, e->kid[0]);
    for (size_t i = 1; i < e->n; i++) {
        member_expr(b, "right", e->kid[i]);
        close_node(b);
    }
}

static void
write_list(struct buf *b, const char *name, const struct expr *e)
{
    json_open(b, '{');
    json_key(b, name);
    json_open(b, '[');
    for (size_t i = 0; i < e->n; i++) {
        json_item(b);
        write_expr(b, e->kid[i]);
    }
    json_close(b, ']');
    json_close(b, '}');
}

static void
write_record(struct buf *b, const struct expr *e)
{
    open_node(b, "Record");
    for (size_t i = 0; i < e->n; i++) {
        json_key_bytes(b, str_bytes(e->names.at[i]));
        write_expr(b, e->kid[i]);
    }
    close_node(b);
}

static void
write_has(struct buf *b, const struct expr *e)
{
    open_node(b, "has");
    member_expr(b, "left", e->kid[0]);
    if (e->names.n == 1) {
        member_str(b, "attr", e->names.at[0]);
    } else {
        json_key(b, "attr");
        json_open(b, '[');
        for (size_t i = 0; i < e->names.n; i++) {
            json_item(b);
            json_put_text(b, str_bytes(e->names.at[i]));
        }
        json_close(b, ']');
    }
    close_node(b);
}

/* One element a character, as the official engine makes them from a text. */
static void
write_piece(struct buf *b, struct cedar_str s)
{
    while (s.n > 0) {
        size_t n = 1;
        while (n < s.n && ((uint8_t)s.at[n] & 0xc0) == 0x80)
            n++;
        json_item(b);
        json_open(b, '{');
        member_str(b, "Literal", (struct cedar_str){s.at, n});
        json_close(b, '}');
        s.at += n;
        s.n -= n;
    }
}

static void
write_like(struct buf *b, const struct expr *e)
{
    open_node(b, "like");
    member_expr(b, "left", e->kid[0]);
    json_key(b, "pattern");
    json_open(b, '[');
    for (size_t i = 0; i < e->names.n; i++) {
        if (i > 0) {
            json_item(b);
            json_put_text(b, BYTES("Wildcard"));
        }
        write_piece(b, e->names.at[i]);
    }
    json_close(b, ']');
    close_node(b);
}

static void
write_is(struct buf *b, const struct expr *e)
{
    open_node(b, "is");
    member_expr(b, "left", e->kid[0]);
    member_str(b, "entity_type", e->name);
    if (e->op == EXPR_IS_IN)
        member_expr(b, "in", e->kid[1]);
    close_node(b);
}

static void
write_if(struct buf *b, const struct expr *e)
{
    open_node(b, "if-then-else");
    member_expr(b, "if", e->kid[0]);
    member_expr(b, "then", e->kid[1]);
    member_expr(b, "else", e->kid[2]);
    close_node(b);
}

static void
write_attribute(struct buf *b, const struct expr *e)
{
    open_node(b, ".");
    member_expr(b, "left", e->kid[0]);
    member_str(b, "attr", e->name);
    close_node(b);
}

static void
write_variable(struct buf *b, const struct expr *e)
{
    static const char *const names[] = {"principal", "action", "resource", "context"};
    json_open(b, '{');
    json_member_str(b, "Var", names[e->variable]);
    json_close(b, '}');
}

static void
write_call(struct buf *b, const struct expr *e)
{
    write_list(b, ext_name(e->function), e);
}

static void
write_set(struct buf *b, const struct expr *e)
{
    write_list(b, "Set", e);
}

static void
write_value(struct buf *b, const struct expr *e)
{
    write_literal(b, e->literal);
}

/* How an operator is written: by its own function, or as {name: {"arg"}} or {name: {"left", "right"}}. */
static const struct {
    const char *name;
    void (*write)(struct buf *b, const struct expr *e);
} forms[EXPR_COUNT] = {
    [EXPR_LITERAL] = {NULL, write_value},
    [EXPR_VARIABLE] = {NULL, write_variable},
    [EXPR_AND] = {NULL, write_chain},
    [EXPR_OR] = {NULL, write_chain},
    [EXPR_NOT] = {"!", NULL},
    [EXPR_NEGATE] = {"neg", NULL},
    [EXPR_IF] = {NULL, write_if},
    [EXPR_EQUAL] = {"==", NULL},
    [EXPR_UNEQUAL] = {"!=", NULL},
    [EXPR_LESS] = {"<", NULL},
    [EXPR_LESS_EQUAL] = {"<=", NULL},
    [EXPR_GREATER] = {">", NULL},
    [EXPR_GREATER_EQUAL] = {">=", NULL},
    [EXPR_IN] = {"in", NULL},
    [EXPR_ARITHMETIC] = {NULL, write_chain},
    [EXPR_CONTAINS] = {"contains", NULL},
    [EXPR_CONTAINS_ALL] = {"containsAll", NULL},
    [EXPR_CONTAINS_ANY] = {"containsAny", NULL},
    [EXPR_IS_EMPTY] = {"isEmpty", NULL},
    [EXPR_GET_TAG] = {"getTag", NULL},
    [EXPR_HAS_TAG] = {"hasTag", NULL},
    [EXPR_ATTRIBUTE] = {NULL, write_attribute},
    [EXPR_HAS] = {NULL, write_has},
    [EXPR_LIKE] = {NULL, write_like},
    [EXPR_IS] = {NULL, write_is},
    [EXPR_IS_IN] = {NULL, write_is},
    [EXPR_SET] = {NULL, write_set},
    [EXPR_RECORD] = {NULL, write_record},
    [EXPR_CALL] = {NULL, write_call},
};

static void
write_expr(struct buf *b, const struct expr *e)
{
    if (forms[e->op].write) {
        forms[e->op].write(b, e);
        return;
    }
    open_node(b, forms[e->op].name);
    if (e->n == 1)
        member_expr(b, "arg", e->kid[0]);
    for (size_t i = 0; e->n == 2 && i < 2; i++)
        member_expr(b, i ? "right" : "left", e->kid[i]);
    close_node(b);
}

/* ---------------------------------------------------------------------------------------------------------------- scopes */

static void
write_reference(struct buf *b, const struct scope *s, const char *slot)
{
    if (s->slot) {
        json_member_str(b, "slot", slot);
        return;
    }
    json_key(b, "entity");
    write_uid(b, &s->uids[0]);
}

static void
write_is_scope(struct buf *b, const struct scope *s, const char *slot)
{
    json_member_str(b, "op", "is");
    member_str(b, "entity_type", s->type);
    if (s->kind != SCOPE_IS_IN)
        return;
    json_key(b, "in");
    json_open(b, '{');
    write_reference(b, s, slot);
    json_close(b, '}');
}

static void
write_listed(struct buf *b, const struct scope *s)
{
    json_key(b, "entities");
    json_open(b, '[');
    for (size_t i = 0; i < s->n; i++) {
        json_item(b);
        write_uid(b, &s->uids[i]);
    }
    json_close(b, ']');
}

static void
write_scope(struct buf *b, const char *key, const struct scope *s, const char *slot)
{
    static const char *const ops[] = {"All", "==", "in"};
    json_key(b, key);
    json_open(b, '{');
    if (s->kind == SCOPE_IS || s->kind == SCOPE_IS_IN) {
        write_is_scope(b, s, slot);
    } else {
        json_member_str(b, "op", ops[s->kind]);
        if (s->kind == SCOPE_IN && !s->slot && (s->n != 1 || s->listed))
            write_listed(b, s);
        else if (s->kind != SCOPE_ANY)
            write_reference(b, s, slot);
    }
    json_close(b, '}');
}

size_t
policy_annotations(const struct policy *p, const struct annotation **list)
{
    size_t n = 0;
    for (const struct annotation *a = p->annotations; a && n < POLICY_ANNOTATIONS_MAX; a = a->next) {
        size_t i = n++;
        for (; i > 0 && str_cmp(list[i - 1]->key, a->key) > 0; i--)
            list[i] = list[i - 1];
        list[i] = a;
    }
    return n;
}

static void
write_annotations(struct buf *b, const struct policy *p)
{
    const struct annotation *list[POLICY_ANNOTATIONS_MAX];
    size_t n = policy_annotations(p, list);
    if (n == 0)
        return;
    json_key(b, "annotations");
    json_open(b, '{');
    for (size_t i = 0; i < n; i++) {
        json_key_bytes(b, str_bytes(list[i]->key));
        if (list[i]->bare)
            buf_puts(b, "null");
        else
            json_put_text(b, str_bytes(list[i]->value));
    }
    json_close(b, '}');
}

void
policy_write(struct buf *b, const struct policy *p)
{
    json_open(b, '{');
    json_member_str(b, "effect", p->effect == CEDAR_PERMIT ? "permit" : "forbid");
    write_scope(b, "principal", &p->principal, "?principal");
    write_scope(b, "action", &p->action, "");
    write_scope(b, "resource", &p->resource, "?resource");
    json_key(b, "conditions");
    json_open(b, '[');
    for (const struct condition *c = p->conditions; c; c = c->next) {
        json_item(b);
        json_open(b, '{');
        json_member_str(b, "kind", c->unless ? "unless" : "when");
        member_expr(b, "body", c->expr);
        json_close(b, '}');
    }
    json_close(b, ']');
    write_annotations(b, p);
    json_close(b, '}');
}

/* ------------------------------------------------------------------------------------------------------------------ sets */

static void
write_policies(struct buf *b, const char *key, const struct cedar_policies *p, bool templates)
{
    json_key(b, key);
    json_open(b, '{');
    for (size_t i = 0; i < p->n; i++) {
        if (p->at[i]->template != templates || p->at[i]->linked)
            continue;
        json_key_bytes(b, str_bytes(p->at[i]->id));
        policy_write(b, p->at[i]);
    }
    json_close(b, '}');
}

static void
write_link(struct buf *b, const struct policy *p)
{
    json_open(b, '{');
    member_str(b, "templateId", p->linked->id);
    member_str(b, "newId", p->id);
    json_key(b, "values");
    json_open(b, '{');
    if (p->linked->principal.slot) {
        json_key(b, "?principal");
        write_uid(b, &p->principal.uids[0]);
    }
    if (p->linked->resource.slot) {
        json_key(b, "?resource");
        write_uid(b, &p->resource.uids[0]);
    }
    json_close(b, '}');
    json_close(b, '}');
}

static bool
finish(struct buf *b, struct cedar_output *out, struct cedar_error *error)
{
    return output_take(b, out) || error_set(error, CEDAR_LIMIT, 0, 0, "the policies do not fit into %zu bytes of JSON or text", OUTPUT_MAX);
}

bool
cedar_policies_to_json(const struct cedar_policies *p, struct cedar_output *out, struct cedar_error *error)
{
    struct buf b = buf_make(OUTPUT_MAX);
    json_open(&b, '{');
    write_policies(&b, "templates", p, true);
    write_policies(&b, "staticPolicies", p, false);
    json_key(&b, "templateLinks");
    json_open(&b, '[');
    for (size_t i = 0; i < p->n; i++) {
        if (p->at[i]->linked) {
            json_item(&b);
            write_link(&b, p->at[i]);
        }
    }
    json_close(&b, ']');
    json_close(&b, '}');
    return finish(&b, out, error);
}

bool
cedar_policy_to_json(const struct cedar_policies *p, size_t i, struct cedar_output *out, struct cedar_error *error)
{
    struct buf b = buf_make(OUTPUT_MAX);
    policy_write(&b, p->at[i]);
    return finish(&b, out, error);
}

bool
cedar_policy_to_text(const struct cedar_policies *p, size_t i, struct cedar_output *out, struct cedar_error *error)
{
    struct buf b = buf_make(OUTPUT_MAX);
    policy_print(&b, p->at[i]);
    return finish(&b, out, error);
}

bool
cedar_policies_to_text(const struct cedar_policies *p, struct cedar_output *out, struct cedar_error *error)
{
    struct buf b = buf_make(OUTPUT_MAX);
    for (size_t i = 0; i < p->n; i++) {
        if (p->at[i]->linked)
            continue;
        policy_print(&b, p->at[i]);
        buf_puts(&b, "\n");
    }
    return finish(&b, out, error);
}
