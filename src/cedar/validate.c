/* Strict validation of a set of policies: what they name, whether they can apply, their types, their texts. */
#include "cedar/applicable.h"
#include "cedar/levels.h"
#include "cedar/nearest.h"
#include "cedar/policies.h"
#include "cedar/text_checks.h"

/* Memory for the terms of one policy, and for one policy in one environment. */
#define POLICY_MEMORY_MAX ((size_t)512 << 20)

struct validator {
    const struct cedar_policies *policies;
    const struct cedar_schema *schema;
    struct cedar_validation options;
    struct checker_types types;
    struct finding_list findings;
    struct arena a, of_policy, of_env;
    uint64_t left; /* steps for the policy at hand */
    struct cedar_error *error;
};

/* ---------------------------------------------------------------------------------------------------------------- names */

static struct buf *
begin(struct validator *v, size_t index, const char *behind)
{
    struct buf *b = &v->findings.message;
    findings_next(&v->findings);
    buf_puts(b, "for policy `");
    finding_escaped(b, v->policies->at[index]->id);
    buf_puts(b, "`");
    buf_puts(b, behind);
    return b;
}

static void
suggest(struct buf *help, struct cedar_str name)
{
    if (name.at == NULL)
        return;
    buf_puts(help, "did you mean `");
    finding_str(help, name);
    buf_puts(help, "`?");
}

static void
check_type(struct validator *v, size_t index, struct cedar_str type, struct span span)
{
    if (checker_is_action_type(type) || schema_find_entity(v->schema, type))
        return;
    struct nearest near = nearest_to(type);
    for (size_t i = 0; i < v->schema->n_entities; i++)
        nearest_try(&near, v->schema->entities[i].name, &v->left);
    struct buf *b = begin(v, index, ", unrecognized entity type `");
    finding_str(b, type);
    buf_putc(b, '`');
    suggest(&v->findings.help, near.best);
    findings_add(&v->findings, CEDAR_FINDING_ERROR, index, span, 0, FINDING_EACH);
}

static bool
has_id(const struct schema_entity *e, struct cedar_str id)
{
    for (size_t i = 0; i < e->n_ids; i++)
        if (str_eq(e->ids[i], id))
            return true;
    return false;
}

static void
check_enumerated(struct validator *v, size_t index, const struct cedar_uid *uid, struct span span)
{
    const struct schema_entity *e = checker_is_action_type(uid->type) ? NULL : schema_find_entity(v->schema, uid->type);
    if (e == NULL || !e->enumerated || has_id(e, uid->id))
        return;
    struct buf *b = begin(v, index, ": entity `"), *help = &v->findings.help;
    finding_uid(b, uid);
    buf_puts(b, "` is of an enumerated entity type, but `\"");
    finding_escaped(b, uid->id);
    buf_puts(b, "\"` is not declared as a valid eid");
    buf_puts(help, "valid entity eids: ");
    for (size_t i = 0; i < e->n_ids && !help->failed; i++) {
        buf_puts(help, i ? ", \"" : "\"");
        finding_escaped(help, e->ids[i]);
        buf_putc(help, '"');
    }
    findings_add(&v->findings, CEDAR_FINDING_ERROR, index, span, 0, FINDING_EACH);
}

/* An action whose id holds Action::… of the id that nobody knows. */
static const struct schema_action *
find_with_type(struct validator *v, struct cedar_str id)
{
    struct buf bare = buf_make(CEDAR_MAX_POLICY_BYTES), quoted = buf_make(CEDAR_MAX_POLICY_BYTES);
    const struct schema_action *found = NULL;
    buf_puts(&bare, "Action::");
    finding_str(&bare, id);
    buf_puts(&quoted, "Action::\"");
    finding_str(&quoted, id);
    buf_putc(&quoted, '"');
    for (size_t i = 0; found == NULL && !bare.failed && !quoted.failed && i < v->schema->n_actions; i++) {
        struct bytes have = str_bytes(v->schema->actions[i].uid.id);
        if ((have.n >= bare.n && bytes_search(have, buf_bytes(&bare)) < have.n) ||
            (have.n >= quoted.n && bytes_search(have, buf_bytes(&quoted)) < have.n))
            found = &v->schema->actions[i];
    }
    v->findings.memory |= bare.failed || quoted.failed;
    buf_free(&bare);
    buf_free(&quoted);
    return found;
}

static void
help_action(struct validator *v, struct cedar_str id)
{
    struct buf *help = &v->findings.help;
    const struct schema_action *with_type = find_with_type(v, id);
    if (with_type) {
        buf_puts(help, "did you intend to include the type in action `");
        finding_uid(help, &with_type->uid);
        buf_puts(help, "`?");
        return;
    }
    struct nearest near = nearest_to(id);
    struct buf name = buf_make(FINDING_TEXT_MAX), best = buf_make(FINDING_TEXT_MAX);
    for (size_t i = 0; i < v->schema->n_actions; i++) {
        size_t before = near.distance;
        name.n = 0;
        finding_uid(&name, &v->schema->actions[i].uid);
        nearest_try(&near, (struct cedar_str){(const char *)name.at, name.n}, &v->left);
        if (near.distance < before) {
            best.n = 0;
            buf_put(&best, buf_bytes(&name));
        }
    }
    if (near.best.at)
        suggest(help, (struct cedar_str){(const char *)best.at, best.n});
    buf_free(&name);
    buf_free(&best);
}

static void
check_action(struct validator *v, size_t index, const struct cedar_uid *uid, struct span span)
{
    if (!checker_is_action_type(uid->type) || schema_find_action(v->schema, uid))
        return;
    struct buf *b = begin(v, index, ", unrecognized action `");
    finding_uid(b, uid);
    buf_putc(b, '`');
    help_action(v, uid->id);
    findings_add(&v->findings, CEDAR_FINDING_ERROR, index, span, 0, FINDING_EACH);
}

static void
check_uid(struct validator *v, size_t index, const struct cedar_uid *uid, struct span whole, struct span type)
{
    check_type(v, index, uid->type, type);
    check_enumerated(v, index, uid, whole);
    check_action(v, index, uid, whole);
}

static void
check_scope(struct validator *v, size_t index, const struct scope *s)
{
    static const struct scope_place nowhere = {{0, 0}, {0, 0}};
    if (s->kind == SCOPE_IS || s->kind == SCOPE_IS_IN)
        check_type(v, index, s->type, s->type_span);
    for (size_t i = 0; !s->slot && i < s->n; i++) {
        struct scope_place place = s->places ? s->places[i] : nowhere;
        check_uid(v, index, &s->uids[i], place.uid, place.type);
    }
}

/* Recursion ends: terms are at most TERM_MAX_HEIGHT high. */
static void
check_names(struct validator *v, size_t index, const struct term *t)
{
    if (v->left == 0 || --v->left == 0)
        return;
    if (t->op == TERM_LITERAL && t->literal->kind == VALUE_ENTITY)
        check_uid(v, index, &t->literal->uid, t->span, t->type_span);
    else if (t->op == TERM_IS)
        check_type(v, index, t->name, t->type_span);
    for (size_t i = 0; !(t->op == TERM_ATTRIBUTE && t->of_has) && i < t->n; i++)
        check_names(v, index, t->kid[i]);
}

/* ---------------------------------------------------------------------------------------------------------- application */

static void
check_application(struct validator *v, size_t index, struct span span)
{
    const struct policy *p = v->policies->at[index];
    if (applicable_anywhere(v->schema, p))
        return;
    bool principal = applicable_with_in(v->schema, p, VARIABLE_PRINCIPAL), resource = applicable_with_in(v->schema, p, VARIABLE_RESOURCE);
    begin(v, index, ", unable to find an applicable action given the policy scope constraints");
    if (principal || resource)
        buf_printf(&v->findings.help, "try replacing `==` with `in` in the %s",
                   principal && resource ? "principal clause and the resource clause"
                   : principal           ? "principal clause"
                                         : "resource clause");
    findings_add(&v->findings, CEDAR_FINDING_WARNING, index, span, 0, FINDING_ONCE);
}

/* --------------------------------------------------------------------------------------------------------- environments */

struct envs {
    struct validator *v;
    struct checker checker;
    struct request_types env;
    struct terms *terms;
    bool never; /* so far it is false in each */
};

/* False when it has to stop. */
static bool
check_env(struct envs *e)
{
    struct checker *c = &e->checker;
    arena_reset(&e->v->of_env);
    enum check_result result = check_policy(c, e->terms);
    e->never &= result == CHECK_NEVER;
    if (e->v->options.levels && (result == CHECK_APPLIES || result == CHECK_NEVER))
        levels_check(c, e->terms, e->v->options.level);
    return result != CHECK_STOPPED && c->work.left > 0 && !e->v->findings.memory && !e->v->findings.full;
}

static bool
is_descendant(const struct schema_entity *of, const struct schema_entity *e)
{
    for (size_t i = 0; i < of->n_descendants; i++)
        if (of->descendants[i] == e)
            return true;
    return false;
}

/* The ${i}-th type that a slot can have: the variable's own, or one that may hold it. Past the last: *${end}. NULL: not this one. */
static const struct schema_entity *
slot_type(const struct cedar_schema *s, const struct scope *scope, const struct schema_entity *variable, size_t i, bool *end)
{
    *end = scope->kind == SCOPE_EQUAL ? i > 0 : i > s->n_entities;
    if (*end || i == 0)
        return *end ? NULL : variable;
    return is_descendant(&s->entities[i - 1], variable) ? &s->entities[i - 1] : NULL;
}

static bool
check_resource_slots(struct envs *e)
{
    const struct scope *scope = &e->checker.policy->resource;
    if (!scope->slot)
        return check_env(e);
    for (size_t i = 0;; i++) {
        bool end;
        e->env.slots[VARIABLE_RESOURCE] = slot_type(e->v->schema, scope, e->env.resource, i, &end);
        if (end)
            return true;
        if (e->env.slots[VARIABLE_RESOURCE] && !check_env(e))
            return false;
    }
}

static bool
check_slots(struct envs *e)
{
    const struct scope *scope = &e->checker.policy->principal;
    if (!scope->slot)
        return check_resource_slots(e);
    for (size_t i = 0;; i++) {
        bool end;
        e->env.slots[VARIABLE_PRINCIPAL] = slot_type(e->v->schema, scope, e->env.principal, i, &end);
        if (end)
            return true;
        if (e->env.slots[VARIABLE_PRINCIPAL] && !check_resource_slots(e))
            return false;
    }
}

static bool
check_envs(struct envs *e)
{
    const struct cedar_schema *s = e->v->schema;
    for (size_t i = 0; i < s->n_actions; i++) {
        const struct schema_action *action = &s->actions[i];
        e->env.action = action;
        for (size_t p = 0; p < action->n_principals; p++)
            for (size_t r = 0; r < action->n_resources; r++) {
                e->env.principal = action->principals[p];
                e->env.resource = action->resources[r];
                if (!check_slots(e))
                    return false;
            }
    }
    return true;
}

/* --------------------------------------------------------------------------------------------------------------- policies */

static bool
too_much(struct validator *v, const struct policy *p)
{
    return error_set(v->error, CEDAR_LIMIT, p->line, p->column, "this policy takes more than %u steps to validate: split it",
                     CEDAR_MAX_VALIDATION_STEPS);
}

static bool
check_types(struct validator *v, size_t index, struct terms *terms)
{
    const struct policy *p = v->policies->at[index];
    struct envs e = {.v = v, .terms = terms, .never = true};
    e.checker = (struct checker){.types = &v->types, .policy = p, .index = index, .env = &e.env, .findings = &v->findings, .a = &v->of_env};
    e.checker.work = (struct types_work){.a = &v->of_env, .left = v->left};
    bool ok = check_envs(&e);
    v->left = e.checker.work.left;
    v->findings.memory |= e.checker.work.memory;
    if (!ok)
        return v->findings.memory || v->findings.full || too_much(v, p);
    if (e.never) {
        begin(v, index, ", policy is impossible: the policy expression evaluates to false for all valid requests");
        findings_add(&v->findings, CEDAR_FINDING_WARNING, index, (struct span){p->start, p->end}, 0, FINDING_ONCE);
    }
    return true;
}

static bool
validate_policy(struct validator *v, size_t index)
{
    const struct policy *p = v->policies->at[index];
    struct terms terms;
    if (!terms_make(&v->of_policy, p, &terms))
        return error_memory(v->error);
    if (terms.too_high)
        return error_set(v->error, CEDAR_LIMIT, p->line, p->column, "this policy is nested too deep to validate: split its conditions");
    check_scope(v, index, &p->principal);
    check_scope(v, index, &p->action);
    check_scope(v, index, &p->resource);
    for (size_t i = TERM_SCOPE_PARTS; i < terms.whole->n; i++)
        check_names(v, index, terms.whole->kid[i]);
    check_application(v, index, (struct span){p->start, p->end});
    if (v->left > 0 && !check_types(v, index, &terms))
        return false;
    text_checks(&v->findings, p, index, terms.whole, &v->left);
    return v->left > 0 || too_much(v, p);
}

/* A link: its template is validated by itself; what fills the slots is not part of it. */
static void
validate_link(struct validator *v, size_t index)
{
    const struct policy *p = v->policies->at[index];
    static const struct span nowhere = {0, 0};
    if (p->linked->principal.slot)
        check_type(v, index, p->principal.uids[0].type, nowhere);
    if (p->linked->resource.slot)
        check_type(v, index, p->resource.uids[0].type, nowhere);
    check_application(v, index, (struct span){p->linked->start, p->linked->end});
}

static bool
validate_all(struct validator *v)
{
    for (size_t i = 0; i < v->policies->n && !v->findings.memory && !v->findings.full; i++) {
        findings_policy(&v->findings);
        v->left = CEDAR_MAX_VALIDATION_STEPS;
        arena_reset(&v->of_policy);
        if (v->policies->at[i]->linked)
            validate_link(v, i);
        else if (!validate_policy(v, i))
            return false;
    }
    return true;
}

bool
cedar_validate(const struct cedar_policies *policies, const struct cedar_schema *schema, const struct cedar_validation *options,
               struct cedar_findings **out, struct cedar_error *error)
{
    struct validator v = {.policies = policies, .schema = schema, .error = error};
    v.of_policy.max = v.of_env.max = POLICY_MEMORY_MAX;
    if (options)
        v.options = *options;
    bool ok = findings_begin(&v.findings) && checker_types_make(&v.a, schema, &v.types);
    if (!ok)
        error_memory(error);
    ok = ok && validate_all(&v);
    if (ok)
        ok = findings_end(&v.findings, policies, out, error);
    else
        findings_drop(&v.findings);
    arena_free(&v.a);
    arena_free(&v.of_policy);
    arena_free(&v.of_env);
    return ok;
}
