/*
 * The JSON form of policies (the official "external syntax tree"): chains are folded to the left, everything else is one object a node.
 * Recursion is bounded by CEDAR_MAX_DEPTH; a chain of any length is written in a loop. Where that nests deeper than a reader takes, chains
 * of && and || are folded in the middle instead: it does the same, in the same order. A sum or a product is not, since it may overflow.
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

static void
write_policy(struct buf *b, const struct policy *p, const struct condition *conditions)
{
    json_open(b, '{');
    json_member_str(b, "effect", p->effect == CEDAR_PERMIT ? "permit" : "forbid");
    write_scope(b, "principal", &p->principal, "?principal");
    write_scope(b, "action", &p->action, "");
    write_scope(b, "resource", &p->resource, "?resource");
    json_key(b, "conditions");
    json_open(b, '[');
    for (const struct condition *c = conditions; c; c = c->next) {
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

/* ----------------------------------------------------------------------------------------------------------------- depth */

/* A policy stands in two objects of its set. */
#define POLICY_DEPTH (CEDAR_MAX_JSON_DEPTH - 2)

static size_t
depth_of(struct bytes json)
{
    size_t depth = 0, most = 0;
    bool string = false;
    for (size_t i = 0; i < json.n; i++) {
        uint8_t c = json.at[i];
        if (string && c == '\\')
            i++;
        else if (c == '"')
            string = !string;
        else if (!string && (c == '{' || c == '['))
            most = ++depth > most ? depth : most;
        else if (!string && (c == '}' || c == ']'))
            depth--;
    }
    return most;
}

static const struct expr *balanced(struct arena *a, const struct expr *e);

/* Of the operands of a chain, those from ${from} to before ${to}, halved again and again. */
static const struct expr *
halves(struct arena *a, const struct expr *chain, size_t from, size_t to)
{
    if (to - from == 1)
        return balanced(a, chain->kid[from]);
    struct expr *e = ARENA_NEW(a, struct expr);
    const struct expr **kid = arena_list(a, 2, sizeof *kid);
    size_t middle = from + (to - from) / 2;
    if (e == NULL || kid == NULL || (kid[0] = halves(a, chain, from, middle)) == NULL || (kid[1] = halves(a, chain, middle, to)) == NULL)
        return NULL;
    *e = (struct expr){.op = chain->op, .kid = kid, .n = 2};
    return e;
}

/* A copy of the tree in which no chain of && or || has more than two operands; NULL when out of memory. */
static const struct expr *
balanced(struct arena *a, const struct expr *e)
{
    if (e->op == EXPR_AND || e->op == EXPR_OR)
        return halves(a, e, 0, e->n);
    struct expr *copy = ARENA_NEW(a, struct expr);
    const struct expr **kid = arena_list(a, e->n + 1, sizeof *kid);
    if (copy == NULL || kid == NULL)
        return NULL;
    for (size_t i = 0; i < e->n; i++)
        if ((kid[i] = balanced(a, e->kid[i])) == NULL)
            return NULL;
    *copy = *e;
    copy->kid = kid;
    return copy;
}

static struct condition *
balanced_conditions(struct arena *a, const struct condition *c)
{
    struct condition *first = NULL, **end = &first;
    for (; c; c = c->next, end = &(*end)->next) {
        if ((*end = ARENA_NEW(a, struct condition)) == NULL)
            return NULL;
        **end = (struct condition){.unless = c->unless, .expr = balanced(a, c->expr)};
        if ((*end)->expr == NULL)
            return NULL;
    }
    return first;
}

/* What was written from ${start} on: false and taken back when it is too deep. */
static bool
keep(struct buf *b, size_t start)
{
    if (b->failed || depth_of(bytes_sub(buf_bytes(b), start, b->n)) <= POLICY_DEPTH)
        return true;
    b->n = start;
    return false;
}

bool
policy_write(struct buf *b, const struct policy *p)
{
    struct arena a = {.max = OUTPUT_MAX};
    size_t start = b->n;
    write_policy(b, p, p->conditions);
    bool ok = keep(b, start);
    if (ok)
        return true;
    const struct condition *conditions = balanced_conditions(&a, p->conditions);
    if (conditions)
        write_policy(b, p, conditions);
    ok = conditions && keep(b, start);
    arena_free(&a);
    return ok;
}

/* ------------------------------------------------------------------------------------------------------------------ sets */

static bool
too_deep(const struct policy *p, struct cedar_error *error)
{
    error_set(error, CEDAR_LIMIT, p->line, 0, "policy `");
    struct text t = error_text(error);
    text_str(&t, p->id);
    text_add(&t, "` nests deeper than the %u levels of JSON that are read again: split its conditions", CEDAR_MAX_JSON_DEPTH);
    return false;
}

static bool
write_policies(struct buf *b, const char *key, const struct cedar_policies *p, bool templates, struct cedar_error *error)
{
    json_key(b, key);
    json_open(b, '{');
    for (size_t i = 0; i < p->n; i++) {
        if (p->at[i]->template != templates || p->at[i]->linked)
            continue;
        json_key_bytes(b, str_bytes(p->at[i]->id));
        if (!policy_write(b, p->at[i]))
            return too_deep(p->at[i], error);
    }
    json_close(b, '}');
    return true;
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
    if (!write_policies(&b, "templates", p, true, error) || !write_policies(&b, "staticPolicies", p, false, error)) {
        buf_free(&b);
        *out = (struct cedar_output){NULL, 0};
        return false;
    }
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
    if (policy_write(&b, p->at[i]))
        return finish(&b, out, error);
    buf_free(&b);
    *out = (struct cedar_output){NULL, 0};
    return too_deep(p->at[i], error);
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
