#include "cedar_tree.h"
#include "base/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct tree *
tree_new(struct arena *a, enum tree_kind kind, const char *text, size_t n_args)
{
    struct tree *t = ARENA_NEW(a, struct tree);
    struct tree **args = arena_list(a, n_args + 1, sizeof *args);
    if (t == NULL || args == NULL)
        abort();
    *t = (struct tree){.kind = kind, .text = text, .args = args, .n_args = n_args};
    return t;
}

struct tree *
tree_pair(struct arena *a, enum tree_kind kind, const char *text, struct tree *left, struct tree *right)
{
    struct tree *t = tree_new(a, kind, text, 2);
    t->args[0] = left;
    t->args[1] = right;
    return t;
}

struct tree *
tree_one(struct arena *a, enum tree_kind kind, const char *text, struct tree *arg)
{
    struct tree *t = tree_new(a, kind, text, 1);
    t->args[0] = arg;
    return t;
}

void
tree_names(struct arena *a, struct tree *t, size_t n)
{
    t->names = arena_list(a, n, sizeof *t->names);
    t->n_names = n;
    if (t->names == NULL)
        abort();
}

/* ------------------------------------------------------------------------------------------------------------------ Cedar text */

static size_t
code_point(const char *s, uint32_t *out)
{
    uint8_t lead = (uint8_t)*s;
    size_t n = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    *out = n == 1 ? lead : lead & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++)
        *out = *out << 6 | ((uint8_t)s[i] & 0x3f);
    return n;
}

static void
put_escape(struct buf *b, struct choice *c, uint32_t code)
{
    static const char named[][2] = {{'\n', 'n'}, {'\r', 'r'}, {'\t', 't'}, {'\\', '\\'}, {'"', '"'}, {'\'', '\''}};
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (code == (uint32_t)named[i][0]) {
            buf_printf(b, "\\%c", named[i][1]);
            return;
        }
    if (code < 0x80 && choice_rare(c, 50))
        buf_printf(b, "\\x%02x", code);
    else
        buf_printf(b, choice_rare(c, 50) ? "\\u{%04X}" : "\\u{%x}", code);
}

static void
put_characters(struct buf *b, struct choice *c, const char *text, bool pattern)
{
    for (size_t n; *text; text += n) {
        uint32_t code;
        n = code_point(text, &code);
        if (pattern && code == '*')
            buf_puts(b, "\\*");
        else if (code == '"' || code == '\\' || code == '\r' || (code == '\n' && choice_rare(c, 80)) || choice_rare(c, 1))
            put_escape(b, c, code);
        else
            buf_put(b, bytes_make(text, n));
    }
}

void
tree_put_string(struct buf *b, struct choice *c, const char *text, bool pattern)
{
    buf_putc(b, '"');
    put_characters(b, c, text, pattern);
    buf_putc(b, '"');
}

bool
tree_is_name(const char *text)
{
    static const char *const reserved[] = {"true", "false", "if", "then", "else", "in", "is", "like", "has", "__cedar"};
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (strcmp(text, reserved[i]) == 0)
            return false;
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
    return n > 0 && text[n] == 0 && !(*text >= '0' && *text <= '9');
}

static void
put_key(struct buf *b, struct choice *c, const char *name)
{
    if (tree_is_name(name) && !choice_rare(c, 15))
        buf_puts(b, name);
    else
        tree_put_string(b, c, name, false);
}

/* An operand: in brackets unless it is a primary; now and then without them, which may give another tree or no Cedar at all. */
static void
put_operand(struct buf *b, struct choice *c, const struct tree *t)
{
    bool primary = t->kind <= TREE_VARIABLE || t->kind == TREE_CALL || t->kind == TREE_ATTRIBUTE || t->kind == TREE_METHOD || t->kind == TREE_SET ||
                   t->kind == TREE_RECORD;
    bool bare = (primary && !(t->kind == TREE_LONG && t->number < 0)) ? !choice_rare(c, 5) : choice_rare(c, 4);
    buf_puts(b, bare ? "" : "(");
    tree_put(b, c, t);
    buf_puts(b, bare ? "" : ")");
}

static void
put_list(struct buf *b, struct choice *c, const struct tree *t, size_t from)
{
    for (size_t i = from; i < t->n_args; i++) {
        buf_puts(b, i > from ? ", " : "");
        tree_put(b, c, t->args[i]);
    }
    buf_puts(b, t->n_args > from && choice_rare(c, 3) ? "," : "");
}

static void
put_record(struct buf *b, struct choice *c, const struct tree *t)
{
    buf_putc(b, '{');
    for (size_t i = 0; i < t->n_args; i++) {
        buf_puts(b, i ? ", " : "");
        put_key(b, c, t->names[i]);
        buf_putc(b, ':');
        tree_put(b, c, t->args[i]);
    }
    buf_putc(b, '}');
}

static void
put_attribute(struct buf *b, struct choice *c, const struct tree *t)
{
    put_operand(b, c, t->args[0]);
    bool dot = tree_is_name(t->text) && !choice_rare(c, 10);
    buf_puts(b, dot ? "." : "[");
    if (dot)
        buf_puts(b, t->text);
    else
        tree_put_string(b, c, t->text, false);
    buf_puts(b, dot ? "" : "]");
}

static void
put_has(struct buf *b, struct choice *c, const struct tree *t)
{
    put_operand(b, c, t->args[0]);
    buf_puts(b, " has ");
    if (t->n_names == 1)
        put_key(b, c, t->names[0]);
    for (size_t i = 0; t->n_names > 1 && i < t->n_names; i++)
        buf_printf(b, "%s%s", i ? "." : "", t->names[i]);
}

static void
put_like(struct buf *b, struct choice *c, const struct tree *t)
{
    put_operand(b, c, t->args[0]);
    buf_puts(b, " like \"");
    for (size_t i = 0; i < t->n_names; i++) {
        buf_puts(b, i ? "*" : "");
        put_characters(b, c, t->names[i], true);
    }
    buf_putc(b, '"');
}

static void
put_is(struct buf *b, struct choice *c, const struct tree *t)
{
    put_operand(b, c, t->args[0]);
    buf_printf(b, " is %s", t->text);
    if (t->n_args > 1) {
        buf_puts(b, " in ");
        put_operand(b, c, t->args[1]);
    }
}

static void
put_if(struct buf *b, struct choice *c, const struct tree *t)
{
    static const char *const words[] = {"if ", " then ", " else "};
    for (size_t i = 0; i < 3; i++) {
        buf_puts(b, words[i]);
        put_operand(b, c, t->args[i]);
    }
}

void
tree_put(struct buf *b, struct choice *c, const struct tree *t)
{
    switch (t->kind) {
    case TREE_BOOL:
        buf_puts(b, t->number ? "true" : "false");
        break;
    case TREE_LONG:
        buf_printf(b, "%" PRId64, t->number);
        break;
    case TREE_STRING:
        tree_put_string(b, c, t->text, false);
        break;
    case TREE_ENTITY:
        buf_printf(b, "%s::", t->text);
        tree_put_string(b, c, t->id, false);
        break;
    case TREE_VARIABLE:
        buf_puts(b, t->text);
        break;
    case TREE_UNARY:
        buf_puts(b, t->text);
        put_operand(b, c, t->args[0]);
        break;
    case TREE_BINARY:
        put_operand(b, c, t->args[0]);
        buf_printf(b, choice_rare(c, 95) ? " %s " : "\n  %s // \"}\n ", t->text);
        put_operand(b, c, t->args[1]);
        break;
    case TREE_METHOD:
        put_operand(b, c, t->args[0]);
        buf_printf(b, ".%s(", t->text);
        put_list(b, c, t, 1);
        buf_putc(b, ')');
        break;
    case TREE_CALL:
        buf_printf(b, "%s(", t->text);
        put_list(b, c, t, 0);
        buf_putc(b, ')');
        break;
    case TREE_ATTRIBUTE:
        put_attribute(b, c, t);
        break;
    case TREE_HAS:
        put_has(b, c, t);
        break;
    case TREE_LIKE:
        put_like(b, c, t);
        break;
    case TREE_IS:
        put_is(b, c, t);
        break;
    case TREE_IF:
        put_if(b, c, t);
        break;
    case TREE_SET:
        buf_putc(b, '[');
        put_list(b, c, t, 0);
        buf_putc(b, ']');
        break;
    case TREE_RECORD:
        put_record(b, c, t);
        break;
    }
}

/* ------------------------------------------------------------------------------------------------------------------------ JSON */

static void
put_json_member(struct buf *b, const char *key, const struct tree *t)
{
    json_key(b, key);
    tree_put_json(b, t);
}

static void
put_json_pair(struct buf *b, const char *op, const char *first, const char *second, const struct tree *t)
{
    json_key(b, op);
    json_open(b, '{');
    put_json_member(b, first, t->args[0]);
    if (second)
        put_json_member(b, second, t->args[1]);
    json_close(b, '}');
}

static void
put_json_arguments(struct buf *b, const char *name, const struct tree *t)
{
    json_key(b, name);
    json_open(b, '[');
    for (size_t i = 0; i < t->n_args; i++) {
        json_item(b);
        tree_put_json(b, t->args[i]);
    }
    json_close(b, ']');
}

static void
put_json_pattern(struct buf *b, const struct tree *t)
{
    json_open(b, '[');
    for (size_t i = 0; i < t->n_names; i++) {
        if (i) {
            json_item(b);
            buf_puts(b, "\"Wildcard\"");
        }
        for (const char *s = t->names[i]; *s;) {
            uint32_t code;
            size_t n = code_point(s, &code);
            json_item(b);
            json_open(b, '{');
            json_member_text(b, "Literal", bytes_make(s, n));
            json_close(b, '}');
            s += n;
        }
    }
    json_close(b, ']');
}

/* Operators that are written left and right: all binary ones, and the methods of the language itself. */
static bool
is_operator_method(const char *name)
{
    static const char *const list[] = {"contains", "containsAll", "containsAny", "hasTag", "getTag"};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (strcmp(name, list[i]) == 0)
            return true;
    return false;
}

static void
put_json_value(struct buf *b, const struct tree *t)
{
    json_key(b, "Value");
    if (t->kind == TREE_BOOL)
        json_put_bool(b, t->number != 0);
    else if (t->kind == TREE_LONG)
        json_put_int(b, t->number);
    else
        json_put_text(b, bytes_str(t->text));
}

static void
put_json_entity(struct buf *b, const struct tree *t)
{
    json_key(b, "Value");
    json_open(b, '{');
    json_key(b, "__entity");
    json_open(b, '{');
    json_member_str(b, "type", t->text);
    json_member_str(b, "id", t->id);
    json_close(b, '}');
    json_close(b, '}');
}

static void
put_json_attribute(struct buf *b, const struct tree *t)
{
    bool has = t->kind == TREE_HAS;
    json_key(b, has ? "has" : ".");
    json_open(b, '{');
    put_json_member(b, "left", t->args[0]);
    if (has && t->n_names > 1) {
        json_key(b, "attr");
        json_open(b, '[');
        for (size_t i = 0; i < t->n_names; i++) {
            json_item(b);
            json_put_text(b, bytes_str(t->names[i]));
        }
        json_close(b, ']');
    } else {
        json_member_str(b, "attr", has ? t->names[0] : t->text);
    }
    json_close(b, '}');
}

static void
put_json_like_or_is(struct buf *b, const struct tree *t)
{
    bool like = t->kind == TREE_LIKE;
    json_key(b, like ? "like" : "is");
    json_open(b, '{');
    put_json_member(b, "left", t->args[0]);
    if (like) {
        json_key(b, "pattern");
        put_json_pattern(b, t);
    } else {
        json_member_str(b, "entity_type", t->text);
        if (t->n_args > 1)
            put_json_member(b, "in", t->args[1]);
    }
    json_close(b, '}');
}

static void
put_json_if(struct buf *b, const struct tree *t)
{
    json_key(b, "if-then-else");
    json_open(b, '{');
    put_json_member(b, "if", t->args[0]);
    put_json_member(b, "then", t->args[1]);
    put_json_member(b, "else", t->args[2]);
    json_close(b, '}');
}

static void
put_json_record(struct buf *b, const struct tree *t)
{
    json_key(b, "Record");
    json_open(b, '{');
    for (size_t i = 0; i < t->n_args; i++)
        put_json_member(b, t->names[i], t->args[i]);
    json_close(b, '}');
}

void
tree_put_json(struct buf *b, const struct tree *t)
{
    json_open(b, '{');
    switch (t->kind) {
    case TREE_BOOL:
    case TREE_LONG:
    case TREE_STRING:
        put_json_value(b, t);
        break;
    case TREE_ENTITY:
        put_json_entity(b, t);
        break;
    case TREE_VARIABLE:
        json_member_str(b, "Var", t->text);
        break;
    case TREE_UNARY:
        put_json_pair(b, *t->text == '-' ? "neg" : "!", "arg", NULL, t);
        break;
    case TREE_BINARY:
        put_json_pair(b, t->text, "left", "right", t);
        break;
    case TREE_METHOD:
        if (is_operator_method(t->text) && t->n_args == 2)
            put_json_pair(b, t->text, "left", "right", t);
        else if (strcmp(t->text, "isEmpty") == 0 && t->n_args == 1)
            put_json_pair(b, t->text, "arg", NULL, t);
        else
            put_json_arguments(b, t->text, t);
        break;
    case TREE_CALL:
        put_json_arguments(b, t->text, t);
        break;
    case TREE_ATTRIBUTE:
    case TREE_HAS:
        put_json_attribute(b, t);
        break;
    case TREE_LIKE:
    case TREE_IS:
        put_json_like_or_is(b, t);
        break;
    case TREE_IF:
        put_json_if(b, t);
        break;
    case TREE_SET:
        put_json_arguments(b, "Set", t);
        break;
    case TREE_RECORD:
        put_json_record(b, t);
        break;
    }
    json_close(b, '}');
}
