/* Policies: annotations, effect, scope, conditions; and the small things expressions need from the parser. */
#include "cedar/parser.h"
#include "cedar/policies.h"

#include <stdarg.h>
#include <stdio.h>

/* --------------------------------------------------------------------------------------------------------------- tokens */

bool
parser_step(struct parser *p)
{
    p->behind = (size_t)(p->now.text.at - p->file->text.at) + p->now.text.n;
    p->now = p->ahead;
    p->stuck = !lexer_next(&p->lexer, &p->ahead, p->error);
    return !p->stuck;
}

uint32_t
parser_offset(const struct parser *p, const struct token *t)
{
    return (uint32_t)(t->text.at - p->file->text.at);
}

struct span
parser_span(const struct parser *p, const struct token *t)
{
    return (struct span){parser_offset(p, t), (uint32_t)p->behind};
}

bool
parser_is(const struct parser *p, enum token_kind kind)
{
    return p->now.kind == kind;
}

bool
parser_is_word(const struct parser *p, const char *word)
{
    return p->now.kind == TOKEN_NAME && str_is(p->now.text, word);
}

bool
parser_wrong(struct parser *p, const struct token *at, const char *fmt, ...)
{
    char piece[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(piece, sizeof piece, fmt, ap);
    va_end(ap);
    return error_set(p->error, CEDAR_SYNTAX, at->line, at->column, "%s", piece);
}

/* Words from the text are shown up to 64 bytes, so that what is wrong with them stays in sight. */
static void
add_word(struct text *t, struct cedar_str word)
{
    size_t n = word.n;
    if (n > 64)
        for (n = 64; n > 0 && ((uint8_t)word.at[n] & 0xc0) == 0x80;)
            n--;
    text_str(t, (struct cedar_str){word.at, n});
    if (n < word.n)
        text_add(t, "…");
}

bool
parser_wrong_word(struct parser *p, const struct token *at, const char *before, struct cedar_str word, const char *behind)
{
    parser_wrong(p, at, "%s", before);
    struct text more = error_text(p->error);
    add_word(&more, word);
    text_add(&more, "%s", behind);
    return false;
}

bool
parser_wrong_near(struct parser *p, const struct token *at, const char *before, struct cedar_str word, const char *behind, const char *hint,
                  const char *const *list, size_t n)
{
    const char *near = text_nearest(word, list, n);
    parser_wrong_word(p, at, before, word, behind);
    struct text more = error_text(p->error);
    if (near)
        text_add(&more, "; did you mean `%s`?", near);
    else
        text_add(&more, "%s", hint);
    return false;
}

/* What other languages call the operators. */
static const char *
operator_of(struct cedar_str word)
{
    return str_is(word, "and") ? "`; did you mean `&&`?" : str_is(word, "or") ? "`; did you mean `||`?" : NULL;
}

bool
parser_unexpected(struct parser *p)
{
    static const char *const words[] = {"in", "has", "like", "is", "then", "else"};
    if (parser_is(p, TOKEN_END))
        return parser_wrong(p, &p->now, "unexpected end of input");
    const char *operator= operator_of(p->now.text);
    bool word = parser_is(p, TOKEN_NAME) && !parser_reserved(p->now.text) && operator== NULL;
    return parser_wrong_near(p, &p->now, "unexpected token `", p->now.text, operator ? operator : "`", "", words,
                             word ? sizeof words / sizeof *words : 0);
}

bool
parser_take(struct parser *p, enum token_kind kind)
{
    return parser_is(p, kind) ? parser_step(p) : parser_unexpected(p);
}

bool
parser_too_deep(struct parser *p)
{
    return error_set(p->error, CEDAR_LIMIT, p->now.line, p->now.column, "this is nested deeper than %u levels: split the condition", CEDAR_MAX_DEPTH);
}

bool
parser_too_many(struct parser *p, size_t n, const struct token *at)
{
    if (n <= CEDAR_MAX_ELEMENTS)
        return false;
    error_set(p->error, CEDAR_LIMIT, at->line, at->column, "more than %u elements in one list or chain", CEDAR_MAX_ELEMENTS);
    return true;
}

bool
parser_enter(struct parser *p)
{
    return p->depth++ < CEDAR_MAX_DEPTH || parser_too_deep(p);
}

void
parser_leave(struct parser *p)
{
    p->depth--;
}

/* ---------------------------------------------------------------------------------------------------------------- names */

bool
parser_reserved(struct cedar_str word)
{
    static const char *const words[] = {"true", "false", "if", "then", "else", "in", "is", "has", "like"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_is(word, words[i]))
            return true;
    return false;
}

static bool
check_word(struct parser *p, const struct token *t)
{
    if (parser_reserved(t->text))
        return parser_wrong_word(p, t, "this identifier is reserved and cannot be used: ", t->text, "");
    if (str_is(t->text, "__cedar"))
        return parser_wrong(p, t, "The name `__cedar` contains `__cedar`, which is reserved");
    return true;
}

bool
parser_attribute(struct parser *p, struct cedar_str *out)
{
    if (!parser_is(p, TOKEN_NAME))
        return parser_unexpected(p);
    *out = p->now.text;
    return check_word(p, &p->now) && parser_step(p);
}

/*
 * Type::{a: 1} is in the grammar so that it can be refused by name: ${out} becomes "a: 1, b: true", as the official engine shows it.
 * p->now is the curly bracket.
 */
static bool
take_members(struct parser *p, struct text *out)
{
    if (!parser_step(p))
        return false;
    for (const char *comma = ""; !parser_is(p, TOKEN_CURLY_END); comma = ", ") {
        struct cedar_str key = p->now.text;
        if (!parser_take(p, TOKEN_NAME) || !parser_take(p, TOKEN_COLON))
            return false;
        if (!parser_is(p, TOKEN_STRING) && !parser_is(p, TOKEN_NUMBER) && !parser_is_word(p, "true") && !parser_is_word(p, "false"))
            return parser_unexpected(p);
        text_add(out, "%s", comma);
        text_str(out, key);
        text_add(out, ": ");
        text_str(out, p->now.text);
        if (!parser_step(p) || (!parser_is(p, TOKEN_CURLY_END) && !parser_take(p, TOKEN_COMMA)))
            return false;
    }
    return true;
}

static bool
refuse_members(struct parser *p, const struct token *first, struct cedar_str name)
{
    char room[256];
    struct text members = {room, 0, sizeof room};
    if (!take_members(p, &members))
        return false;
    parser_wrong_word(p, first, "invalid entity literal: ", name, "::{");
    struct text more = error_text(p->error);
    text_str(&more, (struct cedar_str){room, members.n});
    text_add(&more, "}; it should have a form like `Namespace::User::\"alice\"`");
    return false;
}

/* "A :: B" becomes "A::B". */
static bool
join_name(struct parser *p, struct cedar_str *name, struct cedar_str more)
{
    size_t n = name->n + 2 + more.n;
    char *to = arena_get(p->a, n);
    if (to == NULL)
        return error_memory(p->error);
    memcpy(to, name->at, name->n);
    memcpy(to + name->n, "::", 2);
    memcpy(to + name->n + 2, more.at, more.n);
    *name = (struct cedar_str){to, n};
    return true;
}

bool
parser_name(struct parser *p, struct cedar_str *name, struct span *name_span, struct cedar_str *eid)
{
    struct token first = p->now;
    struct cedar_str part;
    if (eid)
        *eid = (struct cedar_str){NULL, 0};
    if (!parser_attribute(p, name))
        return false;
    *name_span = parser_span(p, &first);
    while (parser_is(p, TOKEN_PATH)) {
        if (!parser_step(p))
            return false;
        if (eid && parser_is(p, TOKEN_STRING))
            return lexer_string(&p->now, p->a, eid, p->error) && parser_step(p);
        if (eid && parser_is(p, TOKEN_CURLY))
            return refuse_members(p, &first, *name);
        if (name->n > CEDAR_MAX_DEPTH * 64)
            return error_set(p->error, CEDAR_LIMIT, first.line, first.column, "this name is too long");
        if (!parser_attribute(p, &part) || !join_name(p, name, part))
            return false;
        *name_span = parser_span(p, &first);
    }
    return true;
}

/* ---------------------------------------------------------------------------------------------------------------- scope */

#define SCOPE_HELP "; policy scopes must contain a `principal`, `action`, and `resource` element in that order"

/* What may stand behind == or in. */
enum reference { ONE_OR_SLOT, ONE_ONLY, ONE_OR_SET };

static const char *const reference_names[] = {"an entity uid or matching template slot", "an entity uid", "an entity uid or set of entity uids"};

/* Room for one more, in arrays that double. */
static bool
scope_room(struct arena *a, struct scope *s)
{
    if (s->n & (s->n - 1))
        return true;
    size_t cap = s->n ? s->n * 2 : 1;
    struct cedar_uid *uids = arena_list(a, cap, sizeof *uids);
    struct scope_place *places = arena_list(a, cap, sizeof *places);
    if (uids == NULL || places == NULL)
        return false;
    if (s->n) {
        memcpy(uids, s->uids, s->n * sizeof *uids);
        memcpy(places, s->places, s->n * sizeof *places);
    }
    s->uids = uids;
    s->places = places;
    return true;
}

static bool
scope_uid(struct parser *p, struct scope *s, struct cedar_uid uid, struct scope_place place)
{
    if (parser_too_many(p, s->n + 1, &p->now))
        return false;
    if (!scope_room(p->a, s))
        return error_memory(p->error);
    s->places[s->n] = place;
    s->uids[s->n++] = uid;
    return true;
}

static bool
is_action_type(struct cedar_str type)
{
    return str_is(type, "Action") || bytes_ends(str_bytes(type), BYTES("::Action"));
}

static bool
take_uid(struct parser *p, struct scope *s, enum reference kind, bool action)
{
    struct token t = p->now;
    struct cedar_uid uid;
    struct scope_place place;
    if (!parser_name(p, &uid.type, &place.type, &uid.id))
        return false;
    place.uid = parser_span(p, &t);
    if (uid.id.at == NULL) {
        parser_wrong(p, &t, "expected %s, found name `", reference_names[kind]);
        struct text more = error_text(p->error);
        add_word(&more, uid.type);
        text_add(&more, "`");
        return false;
    }
    if (!action || is_action_type(uid.type))
        return scope_uid(p, s, uid, place);
    parser_wrong(p, &t, "expected an entity uid with type `Action` but got `");
    struct text more = error_text(p->error);
    text_uid(&more, &uid);
    text_add(&more, "`");
    return false;
}

static bool
take_slot(struct parser *p, struct scope *s, enum reference kind, const char *variable)
{
    if (kind != ONE_OR_SLOT)
        return parser_wrong(p, &p->now, "expected %s, found template slot",
                            kind == ONE_ONLY ? "single entity uid" : "single entity uid or set of entity uids");
    if (!str_is((struct cedar_str){p->now.text.at + 1, p->now.text.n - 1}, variable)) {
        parser_wrong_word(p, &p->now, "expected an entity uid or matching template slot, found ", p->now.text, " instead of ?");
        struct text more = error_text(p->error);
        text_add(&more, "%s", variable);
        return false;
    }
    s->slot = true;
    s->slot_span = (struct span){parser_offset(p, &p->now), parser_offset(p, &p->now) + (uint32_t)p->now.text.n};
    return parser_step(p);
}

static bool take_reference(struct parser *p, struct scope *s, enum reference kind, const char *variable);

static bool
take_set(struct parser *p, struct scope *s, enum reference kind, const char *variable)
{
    if (kind != ONE_OR_SET)
        return parser_wrong(p, &p->now, "expected %s, found set of entity uids",
                            kind == ONE_ONLY ? "single entity uid" : "single entity uid or template slot");
    if (!parser_step(p))
        return false;
    while (!parser_is(p, TOKEN_SQUARE_END)) {
        if (!take_reference(p, s, ONE_ONLY, variable))
            return false;
        if (!parser_is(p, TOKEN_SQUARE_END) && !parser_take(p, TOKEN_COMMA))
            return false;
    }
    return parser_step(p);
}

/* An entity, a slot or a set of entities, as ${kind} allows, in any number of parentheses. */
static bool
take_reference(struct parser *p, struct scope *s, enum reference kind, const char *variable)
{
    bool ok;
    if (!parser_enter(p))
        return false;
    if (parser_is(p, TOKEN_ROUND))
        ok = parser_step(p) && take_reference(p, s, kind, variable) && parser_take(p, TOKEN_ROUND_END);
    else if (parser_is(p, TOKEN_SLOT))
        ok = take_slot(p, s, kind, variable);
    else if (parser_is(p, TOKEN_SQUARE))
        ok = take_set(p, s, kind, variable);
    else if (parser_is(p, TOKEN_NAME))
        ok = take_uid(p, s, kind, strcmp(variable, "action") == 0);
    else if (parser_is(p, TOKEN_STRING) || parser_is(p, TOKEN_NUMBER))
        ok = parser_wrong_word(p, &p->now, "expected an entity uid, found literal `", p->now.text, "`; write it with its type, Type::\"id\"");
    else
        ok = parser_unexpected(p);
    parser_leave(p);
    return ok;
}

static bool
take_type(struct parser *p, struct scope *s, const struct token *at, bool action)
{
    if (action)
        return parser_wrong(p, at, "`is` cannot appear in the action scope; try moving `action is ..` into a `when` condition");
    if (!parser_step(p))
        return false;
    if (!parser_is(p, TOKEN_NAME))
        return parser_wrong_word(p, &p->now, "right hand side of an `is` expression must be an entity type name, but got `", p->now.text, "`");
    s->kind = SCOPE_IS;
    return parser_name(p, &s->type, &s->type_span, NULL);
}

/* The element behind its variable. */
static bool
take_constraint(struct parser *p, struct scope *s, const struct token *at)
{
    bool action = str_is(at->text, "action");
    const char *variable = action ? "action" : str_is(at->text, "principal") ? "principal" : "resource";
    if (parser_is(p, TOKEN_COLON))
        return parser_wrong(p, &p->now, "type constraints using `:` are not supported; try using `is` instead");
    if (parser_is_word(p, "is") && !take_type(p, s, at, action))
        return false;
    struct token op = p->now;
    if (parser_is(p, TOKEN_EQUAL) && s->kind == SCOPE_IS)
        return parser_wrong(p, &op, "`is` cannot be used together with `==`; try using `_ is _ in _`");
    if (parser_is(p, TOKEN_EQUAL)) {
        s->kind = SCOPE_EQUAL;
        return parser_step(p) && take_reference(p, s, action ? ONE_ONLY : ONE_OR_SLOT, variable);
    }
    if (!parser_is_word(p, "in"))
        return true;
    s->kind = s->kind == SCOPE_IS ? SCOPE_IS_IN : SCOPE_IN;
    if (!parser_step(p) || !take_reference(p, s, action ? ONE_OR_SET : ONE_OR_SLOT, variable))
        return false;
    if (parser_is_word(p, "is"))
        return parser_wrong(p, &p->now,
                            action ? "`is` cannot appear in the action scope"
                                   : "when `is` and `in` are used together, `is` must come first; try `_ is _ in _`");
    return true;
}

/* What stands behind a whole element: the next one, the end, or an operator that a scope does not take. */
static bool
check_element_end(struct parser *p, bool action)
{
    if (parser_is(p, TOKEN_COMMA) || parser_is(p, TOKEN_ROUND_END))
        return true;
    if (parser_is(p, TOKEN_ASSIGN))
        return parser_wrong(p, &p->now, "'=' is not a valid operator in Cedar; try using '==' instead");
    if (parser_is(p, TOKEN_UNEQUAL) || parser_is(p, TOKEN_LESS) || parser_is(p, TOKEN_GREATER) || parser_is(p, TOKEN_LESS_EQUAL) ||
        parser_is(p, TOKEN_GREATER_EQUAL))
        return parser_wrong_word(p, &p->now,
                                 action ? "invalid operator in the action scope: " : "invalid operator in the policy scope: ", p->now.text,
                                 "; only `==`, `in` and, except for actions, `is` can stand there");
    return parser_unexpected(p);
}

static bool
parse_element(struct parser *p, struct scope *s, const char *variable)
{
    struct token t = p->now;
    if (parser_is(p, TOKEN_ROUND_END))
        return parser_wrong(p, &t, "this policy is missing the `%s` variable in the scope" SCOPE_HELP, variable);
    if (!parser_is(p, TOKEN_NAME))
        return parser_unexpected(p);
    if (!str_is(t.text, variable)) {
        if (!str_is(t.text, "principal") && !str_is(t.text, "action") && !str_is(t.text, "resource"))
            return parser_wrong_near(p, &t, "found an invalid variable in the policy scope: ", t.text, "", SCOPE_HELP, &variable, 1);
        parser_wrong_word(p, &t, "found the variable `", t.text, "` where the variable `");
        struct text more = error_text(p->error);
        text_add(&more, "%s` must be used" SCOPE_HELP, variable);
        return false;
    }
    return parser_step(p) && take_constraint(p, s, &t) && check_element_end(p, str_is(t.text, "action"));
}

static bool
parse_scope(struct parser *p, struct policy *policy)
{
    static const char *const variables[] = {"principal", "action", "resource"};
    struct scope *const scopes[] = {&policy->principal, &policy->action, &policy->resource};
    if (!parser_take(p, TOKEN_ROUND))
        return false;
    for (int i = 0; i < 3; i++) {
        if (!parse_element(p, scopes[i], variables[i]))
            return false;
        if (!parser_is(p, TOKEN_ROUND_END) && !parser_step(p))
            return false;
    }
    if (!parser_is(p, TOKEN_ROUND_END))
        return parser_wrong_word(p, &p->now, "this policy has an extra element in the scope: ", p->now.text, SCOPE_HELP);
    policy->template = policy->principal.slot || policy->resource.slot;
    return parser_step(p);
}

/* ------------------------------------------------------------------------------------------------------------- policies */

static bool
parse_annotation_value(struct parser *p, struct annotation *n)
{
    n->value = (struct cedar_str){"", 0};
    n->bare = !parser_is(p, TOKEN_ROUND);
    if (n->bare)
        return true;
    if (!parser_step(p))
        return false;
    if (!parser_is(p, TOKEN_STRING))
        return parser_unexpected(p);
    return lexer_string(&p->now, p->a, &n->value, p->error) && parser_step(p) && parser_take(p, TOKEN_ROUND_END);
}

static bool
parse_annotations(struct parser *p, struct policy *policy)
{
    struct annotation **end = &policy->annotations;
    for (unsigned n_before = 0; parser_is(p, TOKEN_AT); end = &(*end)->next, n_before++) {
        if (!parser_step(p))
            return false;
        struct token key = p->now;
        if (!parser_is(p, TOKEN_NAME))
            return parser_unexpected(p);
        if (n_before == POLICY_ANNOTATIONS_MAX)
            return error_set(p->error, CEDAR_LIMIT, key.line, key.column, "more than %u annotations on one policy", POLICY_ANNOTATIONS_MAX);
        struct annotation *n = ARENA_NEW(p->a, struct annotation);
        if (n == NULL)
            return error_memory(p->error);
        n->key = key.text;
        for (struct annotation *o = policy->annotations; o; o = o->next)
            if (str_eq(o->key, n->key))
                return parser_wrong_word(p, &key, "duplicate annotation: @", key.text, "");
        *end = n;
        if (!parser_step(p) || !parse_annotation_value(p, n))
            return false;
    }
    return true;
}

static bool
parse_effect(struct parser *p, struct policy *policy)
{
    static const char *const words[] = {"permit", "forbid"};
    if (!parser_is(p, TOKEN_NAME))
        return parser_unexpected(p);
    if (!parser_is_word(p, "permit") && !parser_is_word(p, "forbid"))
        return parser_wrong_near(p, &p->now, "invalid policy effect: ", p->now.text, "", "; effect must be either `permit` or `forbid`", words, 2);
    policy->effect = parser_is_word(p, "permit") ? CEDAR_PERMIT : CEDAR_FORBID;
    return parser_step(p);
}

static bool
parse_condition(struct parser *p, struct condition *c)
{
    static const char *const words[] = {"when", "unless"};
    struct token t = p->now;
    if (p->ahead.kind != TOKEN_CURLY)
        return parser_wrong_word(p, &t, "unexpected token `", t.text, "`; a policy ends with `;`");
    c->unless = parser_is_word(p, "unless");
    if (!c->unless && !parser_is_word(p, "when"))
        return parser_wrong_near(p, &t, "invalid policy condition: ", t.text, "", "; condition must be either `when` or `unless`", words, 2);
    p->clause = c->unless ? "unless" : "when";
    if (!parser_step(p) || !parser_take(p, TOKEN_CURLY))
        return false;
    if (parser_is(p, TOKEN_CURLY_END))
        return parser_wrong(p, &t, "`%s` condition clause cannot be empty", p->clause);
    c->expr = parse_expr(p);
    if (c->expr == NULL || !parser_take(p, TOKEN_CURLY_END))
        return false;
    c->start = parser_offset(p, &t);
    c->end = (uint32_t)p->behind;
    return true;
}

static bool
parse_conditions(struct parser *p, struct policy *policy)
{
    struct condition **end = &policy->conditions;
    for (; parser_is(p, TOKEN_NAME); end = &(*end)->next) {
        *end = ARENA_NEW(p->a, struct condition);
        if (*end == NULL)
            return error_memory(p->error);
        if (!parse_condition(p, *end))
            return false;
    }
    return true;
}

static bool
parse_policy(struct parser *p, struct policy *policy)
{
    policy->start = parser_offset(p, &p->now);
    policy->file = p->file;
    policy->line = p->now.line;
    policy->column = p->now.column;
    if (!parse_annotations(p, policy) || !parse_effect(p, policy) || !parse_scope(p, policy) || !parse_conditions(p, policy) ||
        !parser_take(p, TOKEN_SEMICOLON))
        return false;
    policy->end = (uint32_t)p->behind;
    policy->source = (struct cedar_str){p->file->text.at + policy->start, policy->end - policy->start};
    return paths_find(policy, p->a) || error_memory(p->error);
}

static bool
start(struct parser *p, struct policy_file *file, struct cedar_error *error)
{
    *p = (struct parser){.file = file, .a = &file->a, .lexer = {file->text, 0, 1, 1}, .clause = "when", .error = error};
    p->now.text = p->ahead.text = file->text;
    p->now.text.n = p->ahead.text.n = 0;
    return parser_step(p) && parser_step(p);
}

bool
parse_policies(struct policy_file *file, struct policy **first, size_t *n, struct cedar_error *error)
{
    struct parser p;
    *n = 0;
    if (!start(&p, file, error))
        return false;
    for (struct policy **end = first; !parser_is(&p, TOKEN_END); end = &(*end)->next) {
        *end = ARENA_NEW(p.a, struct policy);
        if (*end == NULL)
            return error_memory(error);
        if (!parse_policy(&p, *end))
            return false;
        ++*n;
    }
    return true;
}

/* On behind the next `;`. False at the end of the text, or where a token cannot be read: that is an error of its own. */
static bool
recover(struct parser *p)
{
    p->depth = 0;
    p->clause = "when";
    while (!parser_is(p, TOKEN_SEMICOLON))
        if (parser_is(p, TOKEN_END) || !parser_step(p))
            return false;
    return parser_step(p);
}

/* A text may be wrong in itself, or beyond what is taken; behind other errors there is nothing to look for. */
static bool
goes_on(const struct parser *p, const struct cedar_error *e)
{
    return !p->stuck && (e->code == CEDAR_SYNTAX || e->code == CEDAR_UNSUPPORTED);
}

size_t
parse_errors(struct policy_file *file, struct cedar_error *list, size_t max)
{
    struct parser p;
    size_t n = 0;
    if (max == 0 || !start(&p, file, list))
        return max > 0;
    while (n < max && !parser_is(&p, TOKEN_END)) {
        struct policy policy = {.id = {NULL, 0}};
        p.error = &list[n];
        if (parse_policy(&p, &policy))
            continue;
        if (!goes_on(&p, &list[n++]) || n == max)
            return n;
        p.error = &list[n];
        if (!recover(&p))
            return n + p.stuck;
    }
    return n;
}
