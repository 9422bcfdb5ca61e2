/* The findings of the type checker, in the official engine's words. */
#include "cedar/check.h"
#include "cedar/nearest.h"

#include <stdlib.h>

static struct buf *
begin(struct checker *c)
{
    struct buf *b = &c->findings->message;
    findings_next(c->findings);
    buf_puts(b, "for policy `");
    finding_escaped(b, c->policy->id);
    buf_puts(b, "`, ");
    return b;
}

/* Long texts cost: a type can be far longer than the policy. */
static void
add(struct checker *c, const struct term *t, uint64_t distinct)
{
    uint64_t cost = c->findings->message.n + c->findings->help.n;
    c->work.left = c->work.left > cost ? c->work.left - cost : 0;
    findings_add(c->findings, CEDAR_FINDING_ERROR, c->index, t->span, distinct, FINDING_ONCE);
}

/* ----------------------------------------------------------------------------------------------------------------- types */

static void
put_expected(struct buf *b, enum expected expected, const struct type *type)
{
    static const char *const names[] = {
        [EXPECT_BOOL] = "Bool",
        [EXPECT_LONG] = "Long",
        [EXPECT_STRING] = "String",
        [EXPECT_SET] = "Set<__cedar::internal::Any>",
        [EXPECT_ENTITY] = "__cedar::internal::AnyEntity",
        [EXPECT_ENTITY_OR_RECORD] = "__cedar::internal::AnyEntity, or __cedar::internal::OpenRecord{}",
        [EXPECT_ENTITIES] = "Set<__cedar::internal::AnyEntity>, or __cedar::internal::AnyEntity",
        [EXPECT_ORDERED] = "datetime, or duration, or Long",
    };
    if (expected == EXPECT_TYPE)
        types_text(b, type);
    else
        buf_puts(b, names[expected]);
}

void
found_unexpected(struct checker *c, const struct term *t, enum expected expected, const struct type *type, const struct type *actual,
                 const char *help)
{
    struct buf *b = begin(c);
    buf_puts(b, "unexpected type: expected ");
    put_expected(b, expected, type);
    buf_puts(b, " but saw ");
    types_text(b, actual);
    if (help)
        buf_puts(&c->findings->help, help);
    add(c, t, 0);
}

/* ${types} sorted and each once; how many remain. */
static size_t
sort_types(struct checker *c, const struct type **types, size_t n)
{
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        size_t at = 0;
        int d = 1;
        while (at < m && (d = types_cmp(&c->work, types[i], types[at])) > 0)
            at++;
        if (at < m && d == 0)
            continue;
        const struct type *one = types[i];
        memmove(types + at + 1, types + at, (m - at) * sizeof *types);
        types[at] = one;
        m++;
    }
    return m;
}

void
found_misfits(struct checker *c, const struct term *t, const struct type *const *types, size_t n, enum types_misfit why, enum joined where)
{
    static const char *const places[] = {
        [JOINED_SET] = "elements of a set",
        [JOINED_IF] = "both branches of a conditional",
        [JOINED_EQUAL] = "both operands to a `==` expression",
        [JOINED_CONTAINS] = "elements of the first operand and the second operand to a `contains` expression",
        [JOINED_CONTAINS_ALL] = "elements of both set operands to a `containsAll` or `containsAny` expression",
    };
    static const char *const reasons[] = {
        [MISFIT_NONE] = "Types must be exactly equal to be compatible",
        [MISFIT_OPTIONALITY] =
            "Corresponding attributes of compatible record types must have the same optionality, either both being required or both being optional",
        [MISFIT_WIDTH] = "Compatible record types must have exactly the same attributes",
        [MISFIT_ENTITIES] = "Different entity types are never compatible even when their attributes would be compatible",
        [MISFIT_ENTITY_RECORD] = "Entity and record types are never compatible even when their attributes would be compatible",
    };
    const struct type **sorted = arena_list(c->a, n, sizeof *sorted);
    if (sorted == NULL) {
        c->work.memory = true;
        return;
    }
    memcpy(sorted, types, n * sizeof *sorted);
    n = sort_types(c, sorted, n);
    struct buf *help = &c->findings->help;
    begin(c);
    struct buf *b = &c->findings->message;
    b->n = 0; /* the one message that does not name its policy; its help does */
    buf_puts(b, "the types ");
    for (size_t i = 0; i < n && !b->failed; i++) {
        if (i > 0)
            buf_puts(b, i + 1 < n ? ", " : n == 2 ? " and " : ", and ");
        types_text(b, sorted[i]);
    }
    buf_puts(b, " are not compatible");
    buf_puts(help, "for policy `");
    finding_escaped(help, c->policy->id);
    buf_printf(help, "`, %s must have compatible types. %s", places[where], reasons[why]);
    add(c, t, 0);
}

/* ------------------------------------------------------------------------------------------------------------ attributes */

/*
 * x.a.b.c, where the type checker stumbles over c: the names behind the nearest entity or `context`. ${base} is what they hang on, or
 * another expression.
 */
struct path {
    const struct term *base;
    struct cedar_str names[TERM_MAX_HEIGHT + 1]; /* from the end */
    size_t n;
};

static void
find_path(const struct term *t, struct path *p)
{
    p->n = 0;
    for (;;) {
        p->names[p->n++] = t->name;
        t = t->kid[0];
        p->base = t;
        if ((t->type && t->type->kind == TYPE_ENTITY) || (t->op == TERM_VARIABLE && t->variable == VARIABLE_CONTEXT) || t->op != TERM_ATTRIBUTE)
            return;
    }
}

static bool
is_context(const struct term *t)
{
    return (t->type == NULL || t->type->kind != TYPE_ENTITY) && t->op == TERM_VARIABLE && t->variable == VARIABLE_CONTEXT;
}

/* The names from ${from}-1 down to ${to}. */
static void
put_names(struct buf *b, const struct path *p, size_t from, size_t to, bool dot)
{
    for (size_t i = from; i-- > to; dot = true) {
        if (finding_is_name(p->names[i])) {
            buf_puts(b, dot ? "." : "");
            finding_str(b, p->names[i]);
        } else {
            buf_puts(b, "[\"");
            finding_escaped(b, p->names[i]);
            buf_puts(b, "\"]");
        }
    }
}

static void
put_access(struct checker *c, struct buf *b, const struct path *p)
{
    buf_putc(b, '`');
    put_names(b, p, p->n, 0, false);
    buf_putc(b, '`');
    if (p->base->type && p->base->type->kind == TYPE_ENTITY) {
        buf_puts(b, " on entity type `");
        finding_str(b, p->base->type->entity->name);
        buf_putc(b, '`');
    } else if (is_context(p->base)) {
        buf_puts(b, " in context for ");
        finding_uid(b, &c->env->action->uid);
    }
}

/* How to ask for the attribute first. */
static void
put_guard(struct buf *b, const struct path *p)
{
    buf_puts(b, "try testing for the attribute's presence with `");
    buf_puts(b, is_context(p->base) ? "context" : "e");
    put_names(b, p, p->n, 1, true);
    buf_puts(b, " has ");
    if (finding_is_name(p->names[0])) {
        finding_str(b, p->names[0]);
    } else {
        buf_putc(b, '"');
        finding_escaped(b, p->names[0]);
        buf_putc(b, '"');
    }
    buf_puts(b, " && ..`");
}

void
found_no_attribute(struct checker *c, const struct term *t, const struct type *of)
{
    struct path p;
    const struct type *record = of->kind == TYPE_ENTITY ? of->entity->attributes : of;
    struct nearest near = nearest_to(t->name);
    for (size_t i = 0; i < record->attributes.n; i++)
        nearest_try(&near, record->attributes.at[i].name, &c->work.left);
    find_path(t, &p);
    struct buf *b = begin(c);
    buf_puts(b, "attribute ");
    put_access(c, b, &p);
    buf_puts(b, " not found");
    if (near.best.at) {
        buf_puts(&c->findings->help, "did you mean `");
        finding_str(&c->findings->help, near.best);
        buf_puts(&c->findings->help, "`?");
    }
    add(c, t, 0);
}

void
found_optional(struct checker *c, const struct term *t)
{
    struct path p;
    find_path(t, &p);
    struct buf *b = begin(c);
    buf_puts(b, "unable to guarantee safety of access to optional attribute ");
    put_access(c, b, &p);
    put_guard(&c->findings->help, &p);
    add(c, t, 0);
}

/* ----------------------------------------------------------------------------------------------------------------- tags */

/* Was operand ${i} of ${t} looked at? What was not is no part of what the official engine compares. */
static bool
is_seen(const struct term *t, size_t i)
{
    if (t->op == TERM_AND || t->op == TERM_OR)
        return i < t->visited;
    const struct type *test = t->op == TERM_IF ? t->kid[0]->type : NULL;
    return i == 0 || test == NULL || test->kind != (i == 1 ? TYPE_FALSE : TYPE_TRUE);
}

/* The types within an expression: two findings that differ only there are two findings. */
static uint64_t
hash_types(struct checker *c, const struct term *t)
{
    uint64_t h = types_hash(&c->work, t->type) + t->op;
    for (size_t i = 0; i < t->n && check_spend(c, 1); i++)
        if (is_seen(t, i))
            h = (h ^ hash_types(c, t->kid[i])) * UINT64_C(0x100000001b3);
    return h;
}

void
found_unsafe_tag(struct checker *c, const struct term *t)
{
    struct buf *b = begin(c), *help = &c->findings->help;
    const struct term *of = t->kid[0], *tag = t->kid[1];
    buf_puts(b, "unable to guarantee safety of access to tag `");
    term_text(b, tag);
    buf_putc(b, '`');
    if (of->type && of->type->kind == TYPE_ENTITY) {
        buf_puts(b, " on entity type `");
        finding_str(b, of->type->entity->name);
        buf_putc(b, '`');
    }
    buf_puts(help, "try testing for the tag's presence with `.hasTag(");
    term_text(help, tag);
    buf_puts(help, ") && ..`");
    add(c, t, tag->op == TERM_LITERAL ? 0 : hash_types(c, tag));
}

void
found_no_tags(struct checker *c, const struct term *t)
{
    struct buf *b = begin(c);
    buf_puts(b, "`.getTag()` is not allowed on entities of type `");
    finding_str(b, t->kid[0]->type->entity->name);
    buf_puts(b, "` because no `tags` were declared on the entity type in the schema");
    add(c, t, 0);
}

/* --------------------------------------------------------------------------------------------------- sets and functions */

void
found_empty_set(struct checker *c, const struct term *t)
{
    buf_puts(begin(c), "empty set literals are forbidden in policies");
    add(c, t, 0);
}

void
found_argument_count(struct checker *c, const struct term *t, size_t expected)
{
    buf_printf(begin(c), "wrong number of arguments in extension function application. Expected %zu, got %zu", expected, t->n);
    add(c, t, 0);
}

void
found_bad_literal(struct checker *c, const struct term *t, const char *before, const char *help)
{
    struct buf *b = begin(c);
    buf_puts(b, "error during extension function argument validation: failed to parse as ");
    buf_puts(b, before);
    buf_puts(b, "`\"");
    finding_escaped(b, t->kid[0]->literal->text);
    buf_puts(b, "\"`");
    buf_puts(&c->findings->help, help);
    add(c, t, 0);
}

void
found_no_literal(struct checker *c, const struct term *t)
{
    buf_puts(begin(c), "extension constructors may not be called with non-literal expressions");
    buf_puts(&c->findings->help, "consider applying extension constructors inside attribute values when constructing entity or context data");
    add(c, t, 0);
}
