/* What is left of policies, as policies: a set of its own, Cedar text, and the official JSON. */
#include "base/json.h"
#include "cedar/partial.h"
#include "cedar/policies.h"
#include "cedar/spell.h"

#define OUTPUT_MAX ((size_t)256 << 20)

/* -------------------------------------------------------------------------------------------------------------------------------- copying */

static bool
copy_str(struct arena *a, struct cedar_str s, struct cedar_str *out)
{
    struct bytes b = arena_copy(a, str_bytes(s));
    *out = (struct cedar_str){(const char *)b.at, b.n};
    return b.at != NULL;
}

static bool
copy_names(struct arena *a, const struct pieces *from, struct pieces *to)
{
    struct cedar_str *list = arena_list(a, from->n, sizeof *list);
    if (list == NULL)
        return from->n == 0;
    for (size_t i = 0; i < from->n; i++)
        if (!copy_str(a, from->at[i], &list[i]))
            return false;
    *to = (struct pieces){list, from->n};
    return true;
}

static bool
copy_operators(struct arena *a, const struct expr *from, struct expr *to)
{
    struct bytes b = arena_copy(a, (struct bytes){(const uint8_t *)from->operators, from->n - 1});
    to->operators = (const char *)b.at;
    return b.at != NULL;
}

/* What an expression has besides its operands. */
static bool
copy_own(struct arena *a, const struct expr *from, struct expr *to)
{
    switch (from->op) {
    case EXPR_ARITHMETIC:
        return copy_operators(a, from, to);
    case EXPR_ATTRIBUTE:
    case EXPR_IS:
    case EXPR_IS_IN:
        return copy_str(a, from->name, &to->name);
    case EXPR_HAS:
    case EXPR_LIKE:
    case EXPR_RECORD:
        return copy_names(a, &from->names, &to->names);
    case EXPR_CALL:
        to->function = from->function;
        return true;
    case EXPR_VARIABLE:
        to->variable = from->variable;
        return true;
    default:
        return true;
    }
}

/* Recursion is bounded by the height of ${from}. */
static const struct expr *
copy_expr(struct arena *a, const struct expr *from)
{
    if (from->op == EXPR_LITERAL) {
        const struct cedar_value *v = value_copy(a, from->literal);
        return v ? spell_value(a, v) : NULL;
    }
    struct expr *e = spell_node(a, from->op, from->n);
    for (size_t i = 0; e && i < from->n; i++)
        if (!spell_kid(e, i, copy_expr(a, from->kid[i])))
            return NULL;
    return e && copy_own(a, from, e) ? e : NULL;
}

static bool
copy_annotations(struct arena *a, const struct policy *from, struct policy *to)
{
    struct annotation **end = &to->annotations;
    for (const struct annotation *n = from->annotations; n; n = n->next) {
        struct annotation *c = ARENA_NEW(a, struct annotation);
        if (c == NULL || !copy_str(a, n->key, &c->key) || !copy_str(a, n->value, &c->value))
            return false;
        c->bare = n->bare;
        *end = c;
        end = &c->next;
    }
    return true;
}

static const char *
source_text(struct arena *a, const struct policy *p, size_t *n)
{
    struct buf b = buf_make(OUTPUT_MAX);
    policy_print(&b, p);
    struct bytes copy = b.failed ? (struct bytes){NULL, 0} : arena_copy(a, buf_bytes(&b));
    buf_free(&b);
    *n = copy.n;
    return (const char *)copy.at;
}

/* The policy with no scope and one condition: none for true. */
static struct policy *
copy_policy(struct policy_file *file, const struct policy *from, const struct expr *left, struct cedar_error *error)
{
    struct arena *a = &file->a;
    struct policy *p = ARENA_NEW(a, struct policy);
    struct condition *c = ARENA_NEW(a, struct condition);
    if (p == NULL || c == NULL || !copy_str(a, from->id, &p->id) || !copy_annotations(a, from, p) || (c->expr = copy_expr(a, left)) == NULL)
        return error_memory(error), NULL;
    if (c->expr->height > CEDAR_MAX_DEPTH)
        return error_set(error, CEDAR_LIMIT, 0, 0, "what is left of a policy is nested %u deep; the most is %u", c->expr->height, CEDAR_MAX_DEPTH),
               NULL;
    p->file = file;
    p->effect = from->effect;
    p->line = p->column = 1;
    p->conditions = left->op == EXPR_LITERAL && left->literal->kind == VALUE_BOOL && left->literal->truth ? NULL : c;
    if ((p->source.at = source_text(a, p, &p->source.n)) == NULL || !paths_find(p, a))
        return error_memory(error), NULL;
    return p;
}

/* A set with room for ${n} policies in one file. */
static struct cedar_policies *
new_set(size_t n, struct cedar_error *error)
{
    struct policy_file *file = policy_file_new((struct cedar_str){"", 0}, "residual", error);
    struct cedar_policies *set = file ? policies_new(n, 1) : NULL;
    if (set == NULL) {
        policy_file_unref(file);
        return error_memory(error), NULL;
    }
    set->files[set->n_files++] = file;
    return set;
}

bool
cedar_residual_policies(const struct cedar_policies *policies, const struct cedar_partial_answer *answer, struct cedar_policies **out,
                        struct cedar_error *error)
{
    struct cedar_policies *set = new_set(answer->n, error);
    *out = NULL;
    if (set == NULL)
        return false;
    for (size_t i = 0; i < answer->n; i++) {
        const struct cedar_residual *r = &answer->residuals[i];
        const struct policy *p = copy_policy(set->files[0], policies->at[r->policy], r->condition, error);
        if (p == NULL) {
            cedar_policies_unref(set);
            return false;
        }
        set->at[set->n++] = p;
    }
    *out = set;
    return true;
}

/* -------------------------------------------------------------------------------------------------------------------------------- printing */

static const struct expr false_expr = {.op = EXPR_LITERAL, .height = 1, .literal = &value_false};
static const struct expr true_expr = {.op = EXPR_LITERAL, .height = 1, .literal = &value_true};

/* Every variable that is left is unknown. These bytes stand in no string: its quotes would be escaped. */
static void
put_unknowns(struct buf *b, struct bytes json)
{
    static const char *const names[] = {"principal", "action", "resource", "context"};
    const struct bytes start = BYTES("{\"Var\":\"");
    while (json.n > 0) {
        size_t at = bytes_search(json, start);
        buf_put(b, bytes_sub(json, 0, at));
        json = bytes_sub(json, at, json.n);
        for (size_t i = 0; json.n > 0 && i < 4; i++) {
            size_t n = strlen(names[i]);
            if (!bytes_starts(bytes_sub(json, start.n, json.n), bytes_str(names[i])))
                continue;
            buf_printf(b, "{\"unknown\":[{\"Value\":\"%s\"}]}", names[i]);
            json = bytes_sub(json, start.n + n + 2, json.n);
            break;
        }
    }
}

/* With the condition in any case: the official form says true or false where nothing else is left. */
static void
put_json(struct buf *b, const struct policy *like, const struct expr *left)
{
    struct arena a = {.max = OUTPUT_MAX};
    struct buf plain = buf_make(OUTPUT_MAX);
    struct condition c = {.expr = copy_expr(&a, left)};
    struct policy p = {.effect = like->effect, .annotations = like->annotations, .conditions = &c};
    bool written = c.expr && policy_write(&plain, &p);
    b->failed |= plain.failed || !written;
    put_unknowns(b, buf_bytes(&plain));
    buf_free(&plain);
    arena_free(&a);
}

bool
cedar_residual_json(const struct cedar_policies *policies, const struct cedar_residual *residual, struct cedar_output *out)
{
    struct buf b = buf_make(OUTPUT_MAX);
    put_json(&b, policies->at[residual->policy], residual->condition);
    return output_take(&b, out);
}

bool
cedar_residual_text(const struct cedar_policies *policies, const struct cedar_residual *residual, struct cedar_output *out)
{
    struct buf b = buf_make(OUTPUT_MAX);
    struct arena a = {.max = OUTPUT_MAX};
    const struct policy *like = policies->at[residual->policy];
    struct condition c = {.expr = copy_expr(&a, residual->condition)};
    struct policy p = {.effect = like->effect, .annotations = like->annotations, .conditions = residual->part == CEDAR_SATISFIED ? NULL : &c};
    if (c.expr)
        policy_print(&b, &p);
    b.failed |= c.expr == NULL;
    arena_free(&a);
    return output_take(&b, out);
}

static void
put_id(struct buf *b, const struct cedar_policies *policies, size_t i)
{
    json_item(b);
    json_put_text(b, str_bytes(policies->at[i]->id));
}

static void
put_ids(struct buf *b, const char *key, const struct cedar_policies *policies, const size_t *list, size_t n)
{
    json_key(b, key);
    json_open(b, '[');
    for (size_t i = 0; i < n; i++)
        put_id(b, policies, list[i]);
    json_close(b, ']');
}

static void
put_ids_of(struct buf *b, const char *key, const struct cedar_policies *policies, const struct cedar_partial_answer *answer, enum cedar_part part)
{
    json_key(b, key);
    json_open(b, '[');
    for (size_t i = 0; i < answer->n; i++)
        if (answer->residuals[i].part == part)
            put_id(b, policies, answer->residuals[i].policy);
    json_close(b, ']');
}

/* All of them: false where nothing can be satisfied, an error counting as false. */
static void
put_residuals(struct buf *b, const struct cedar_policies *policies, const struct cedar_partial_answer *answer)
{
    size_t next = 0;
    json_key(b, "residuals");
    json_open(b, '{');
    for (size_t i = 0; i < policies->n && !b->failed; i++) {
        const struct cedar_residual *r = next < answer->n && answer->residuals[next].policy == i ? &answer->residuals[next++] : NULL;
        bool open = r && r->part == CEDAR_RESIDUAL, sure = r && r->part == CEDAR_SATISFIED;
        if (policies->at[i]->template)
            continue;
        json_key_bytes(b, str_bytes(policies->at[i]->id));
        put_json(b, policies->at[i], open ? r->condition : sure ? &true_expr : &false_expr);
    }
    json_close(b, '}');
}

bool
cedar_partial_json(const struct cedar_policies *policies, const struct cedar_partial_answer *answer, struct cedar_output *out)
{
    static const char *const decisions[] = {[CEDAR_DENIES] = "\"deny\"", [CEDAR_ALLOWS] = "\"allow\"", [CEDAR_DEPENDS] = "null"};
    struct buf b = buf_make(OUTPUT_MAX);
    json_open(&b, '{');
    json_key(&b, "decision");
    buf_puts(&b, decisions[answer->decision]);
    put_ids_of(&b, "satisfied", policies, answer, CEDAR_SATISFIED);
    put_ids_of(&b, "errored", policies, answer, CEDAR_ERRS);
    put_ids(&b, "mayBeDetermining", policies, answer->may_determine, answer->n_may_determine);
    put_ids(&b, "mustBeDetermining", policies, answer->must_determine, answer->n_must_determine);
    put_residuals(&b, policies, answer);
    put_ids_of(&b, "nontrivialResiduals", policies, answer, CEDAR_RESIDUAL);
    json_close(&b, '}');
    return output_take(&b, out);
}
