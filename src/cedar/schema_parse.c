/*
 * Schemas in Cedar syntax. Two passes, as in the official reader, so that the same mistake is reported first: the text by its grammar,
 * then the declarations (names given twice or reserved, actions without a principal).
 */
#include "cedar/parser.h"
#include "cedar/schema_source.h"

/* Of the first thing that is wrong behind the grammar, per namespace: entity types are looked at before actions, those before types. */
enum late { LATE_ENTITY, LATE_ACTION, LATE_TYPE, LATE_NONE };

struct space {
    struct cedar_str name; /* first member: see source_list_sort */
    unsigned line, column;
    struct source_annotations annotations;
    struct source_list commons, entities, actions;
    enum late late;
    const struct cedar_error *wrong;
};

struct reader {
    struct arena *a;
    struct lexer lexer;
    struct token now;
    unsigned depth;
    struct space outside; /* declarations in no namespace */
    struct source_list spaces;
    struct cedar_error *error;
    /* What is wrong with a word or string just read. It is reported once the token behind it may stand there: the official parser looks at
       that first. */
    struct cedar_error pending;
};

/* --------------------------------------------------------------------------------------------------------------- tokens */

static bool
step(struct reader *r)
{
    if (r->pending.code != CEDAR_OK)
        return *r->error = r->pending, false;
    if (lexer_next(&r->lexer, &r->now, r->error))
        return true;
    return r->error->code == CEDAR_SYNTAX ? error_set(r->error, CEDAR_SYNTAX, r->error->line, r->error->column, "invalid token") : false;
}

static bool
is(const struct reader *r, enum token_kind kind)
{
    return r->now.kind == kind;
}

static bool
is_word(const struct reader *r, const char *word)
{
    return r->now.kind == TOKEN_NAME && str_is(r->now.text, word);
}

static const char needs_applies[] = "action declarations require `appliesTo` before the `{ ... }` block";

static bool
unexpected(struct reader *r, const char *expected)
{
    const struct token *t = &r->now;
    if (t->kind == TOKEN_END)
        error_set(r->error, CEDAR_SYNTAX, t->line, t->column, "unexpected end of input");
    else {
        error_set(r->error, CEDAR_SYNTAX, t->line, t->column, "unexpected token `");
        struct text more = error_text(r->error);
        text_str(&more, t->text);
        text_add(&more, "`");
    }
    if (t->kind == TOKEN_CURLY && strstr(expected, "identifier")) /* where an identifier may stand, `appliesTo` may, too */
        return error_help(r->error, "%s", needs_applies);
    return error_help(r->error, "expected %s", expected);
}

static bool
take(struct reader *r, enum token_kind kind, const char *expected)
{
    return is(r, kind) ? step(r) : unexpected(r, expected);
}

/* Step over the token if it is there; false only on failure. */
static bool
maybe(struct reader *r, enum token_kind kind, bool *there)
{
    *there = is(r, kind);
    return !*there || step(r);
}

static bool
keep(struct reader *r, struct cedar_str from, struct cedar_str *to)
{
    struct bytes b = arena_copy(r->a, str_bytes(from));
    *to = (struct cedar_str){(const char *)b.at, b.n};
    return b.at != NULL || error_memory(r->error);
}

static void *
add(struct reader *r, struct source_list *l)
{
    void *new = source_list_add(r->a, l);
    if (new == NULL)
        error_memory(r->error);
    return new;
}

static bool
read_any_word(struct reader *r, struct cedar_str *out)
{
    if (!is(r, TOKEN_NAME))
        return unexpected(r, "identifier");
    return keep(r, r->now.text, out) && step(r);
}

static bool
read_word(struct reader *r, struct cedar_str *out)
{
    if (is(r, TOKEN_NAME) && parser_reserved(r->now.text)) {
        int n = (int)r->now.text.n;
        struct token word = r->now;
        if (!step(r))
            return false;
        *out = word.text;
        error_set(&r->pending, CEDAR_SYNTAX, word.line, word.column, "`%.*s` is a reserved identifier", n, word.text.at);
        return true;
    }
    return read_any_word(r, out);
}

static bool
read_string(struct reader *r, struct cedar_str *out)
{
    struct cedar_error why = {0};
    if (!is(r, TOKEN_STRING))
        return unexpected(r, "string literal");
    if (lexer_string(&r->now, r->a, out, &why))
        return step(r);
    *out = r->now.text;
    if (why.code == CEDAR_MEMORY)
        return error_memory(r->error);
    if (!step(r))
        return false;
    error_set(&r->pending, CEDAR_SYNTAX, why.line, why.column, "Invalid escape codes");
    error_help(&r->pending, "%s", why.text);
    return true;
}

static bool
read_name(struct reader *r, struct cedar_str *out)
{
    if (!is(r, TOKEN_STRING) && !is(r, TOKEN_NAME))
        return unexpected(r, "identifier or string literal");
    return is(r, TOKEN_STRING) ? read_string(r, out) : read_word(r, out);
}

/* "A::B". The parts are put together without the spaces and comments that may stand between them. */
struct path {
    struct buf text;
    struct cedar_str id; /* behind the last "::", when an id may stand there; else at == NULL */
};

static bool
read_parts(struct reader *r, struct path *p, bool with_id)
{
    struct cedar_str part;
    for (bool more = true; more;) {
        if (with_id && p->text.n > 0 && is(r, TOKEN_STRING))
            return read_string(r, &p->id);
        if (!read_word(r, &part))
            return false;
        buf_puts(&p->text, p->text.n > 0 ? "::" : "");
        buf_put(&p->text, str_bytes(part));
        if (!maybe(r, TOKEN_PATH, &more))
            return false;
    }
    return true;
}

static bool
read_path(struct reader *r, struct cedar_str *name, struct cedar_str *id)
{
    struct path p = {.text = buf_make(CEDAR_MAX_SCHEMA_BYTES)};
    bool ok = read_parts(r, &p, id != NULL) && (!p.text.failed || error_memory(r->error)) &&
              keep(r, (struct cedar_str){(const char *)p.text.at, p.text.n}, name);
    buf_free(&p.text);
    if (id != NULL)
        *id = p.id;
    return ok;
}

/* ---------------------------------------------------------------------------------------------------------- annotations */

static bool
read_annotation(struct reader *r, struct source_list *l)
{
    struct source_annotation *new = add(r, l);
    bool value;
    if (new == NULL || !step(r) || !read_any_word(r, &new->key) || !maybe(r, TOKEN_ROUND, &value))
        return false;
    new->value = (struct cedar_str){"", 0}; /* a bare @key is @key("") */
    return !value || (read_string(r, &new->value) && take(r, TOKEN_ROUND_END, "`)`"));
}

static bool
read_annotations(struct reader *r, struct source_list *l)
{
    *l = (struct source_list){.size = sizeof(struct source_annotation)};
    while (is(r, TOKEN_AT))
        if (!read_annotation(r, l))
            return false;
    return true;
}

/* Called behind what is annotated: a mistake in that is reported before a key that stands twice. */
static bool
sort_annotations(struct reader *r, struct source_list *l, struct source_annotations *out)
{
    const void *twice;
    if (!source_list_sort(r->a, l, &twice))
        return error_memory(r->error);
    *out = (struct source_annotations){l->at, l->n};
    if (twice == NULL)
        return true;
    error_set(r->error, CEDAR_SYNTAX, r->now.line, r->now.column, "duplicate annotations: `");
    struct text more = error_text(r->error);
    text_str(&more, ((const struct source_annotation *)twice)->key);
    text_add(&more, "`");
    return false;
}

/* ---------------------------------------------------------------------------------------------------------------- types */

static const struct source_type *read_type(struct reader *r);

static bool
read_attribute(struct reader *r, struct source_list *l)
{
    struct source_attribute *new = add(r, l);
    struct source_list annotations;
    bool optional;
    if (new == NULL || !read_annotations(r, &annotations) || !read_name(r, &new->name) || !maybe(r, TOKEN_QUESTION, &optional))
        return false;
    new->required = !optional;
    new->type = take(r, TOKEN_COLON, "`:`") ? read_type(r) : NULL;
    return new->type != NULL &&sort_annotations(r, &annotations, &new->annotations);
}

/* An attribute that stands twice: the later one counts, as in the official reader. */
static void
drop_earlier(struct source_list *l)
{
    struct source_attribute *at = l->at;
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++)
        if (i + 1 == l->n || !str_eq(at[i].name, at[i + 1].name))
            at[n++] = at[i];
    l->n = n;
}

/* From behind "{" to behind "}". */
static bool
read_attributes(struct reader *r, struct source_attributes *out)
{
    struct source_list l = {.size = sizeof(struct source_attribute)};
    const void *twice;
    for (bool more = true; more && !is(r, TOKEN_CURLY_END);)
        if (!read_attribute(r, &l) || !maybe(r, TOKEN_COMMA, &more))
            return false;
    if (!source_list_sort(r->a, &l, &twice))
        return error_memory(r->error);
    drop_earlier(&l);
    *out = (struct source_attributes){l.at, l.n};
    return take(r, TOKEN_CURLY_END, "`,` or `}`");
}

static bool
read_set(struct reader *r, struct source_type *t)
{
    t->kind = SOURCE_SET;
    t->element = step(r) ? read_type(r) : NULL;
    return t->element != NULL && take(r, TOKEN_GREATER, "`>`");
}

/* "Set<" begins a set, but a type may be called Set, too. */
static bool
read_set_or_name(struct reader *r, struct source_type *t)
{
    struct lexer before = r->lexer;
    struct token word = r->now;
    if (str_is(word.text, "Set")) {
        if (!step(r))
            return false;
        if (is(r, TOKEN_LESS))
            return read_set(r, t);
        r->lexer = before;
        r->now = word;
    }
    t->kind = SOURCE_NAME;
    return read_path(r, &t->name, NULL);
}

static bool
read_type_into(struct reader *r, struct source_type *t)
{
    if (is(r, TOKEN_CURLY)) {
        t->kind = SOURCE_RECORD;
        return step(r) && read_attributes(r, &t->attributes);
    }
    return is(r, TOKEN_NAME) ? read_set_or_name(r, t) : unexpected(r, "`{`, identifier, or `Set`");
}

static const struct source_type *
read_type(struct reader *r)
{
    struct source_type *t = ARENA_NEW(r->a, struct source_type);
    if (t == NULL)
        return error_memory(r->error), NULL;
    t->line = r->now.line;
    t->column = r->now.column;
    if (++r->depth > CEDAR_MAX_DEPTH)
        return error_set(r->error, CEDAR_LIMIT, t->line, t->column, "types are nested deeper than %u levels", CEDAR_MAX_DEPTH), NULL;
    bool ok = read_type_into(r, t);
    r->depth--;
    return ok ? t : NULL;
}

/* ---------------------------------------------------------------------------------------------------------------- lists */

static bool
read_type_names(struct reader *r, struct source_names *out)
{
    struct source_list l = {.size = sizeof(struct cedar_str)};
    bool more = true, many = is(r, TOKEN_SQUARE);
    if (many && !step(r))
        return false;
    if (many && is(r, TOKEN_SQUARE_END))
        more = false;
    while (more) {
        struct cedar_str *new = add(r, &l);
        if (new == NULL || !read_path(r, new, NULL))
            return false;
        more = many && is(r, TOKEN_COMMA);
        if (more && !step(r))
            return false;
    }
    *out = (struct source_names){l.at, l.n};
    return !many || take(r, TOKEN_SQUARE_END, "`,` or `]`");
}

static bool
read_ids(struct reader *r, struct source_names *out)
{
    struct source_list l = {.size = sizeof(struct cedar_str)};
    if (!take(r, TOKEN_SQUARE, "`[`"))
        return false;
    for (bool more = true; more;) {
        struct cedar_str *new = add(r, &l);
        if (new == NULL || !read_string(r, new) || !maybe(r, TOKEN_COMMA, &more))
            return false;
    }
    *out = (struct source_names){l.at, l.n};
    return take(r, TOKEN_SQUARE_END, "`,` or `]`");
}

/* The names that one declaration gives, with their places. */
struct declared {
    struct cedar_str name;
    unsigned line, column;
};

static bool
read_declared(struct reader *r, struct source_list *l, bool (*read)(struct reader *, struct cedar_str *))
{
    *l = (struct source_list){.size = sizeof(struct declared)};
    for (bool more = true; more;) {
        struct declared *new = add(r, l);
        if (new == NULL)
            return false;
        new->line = r->now.line;
        new->column = r->now.column;
        if (!read(r, &new->name) || !maybe(r, TOKEN_COMMA, &more))
            return false;
    }
    return true;
}

/* --------------------------------------------------------------------------------------------------------- declarations */

/* Note what is wrong with a declaration, once the whole text turned out to follow the grammar. */
static bool
late(struct reader *r, struct space *s, enum late kind, const struct cedar_error *wrong)
{
    if (kind >= s->late)
        return true;
    struct cedar_error *kept = ARENA_NEW(r->a, struct cedar_error);
    if (kept == NULL)
        return error_memory(r->error);
    *kept = *wrong;
    s->late = kind;
    s->wrong = kept;
    return true;
}

static void
reserved_name(struct cedar_error *e, unsigned line, unsigned column)
{
    error_set(e, CEDAR_SYNTAX, line, column, "use of the reserved `__cedar` namespace");
    error_help(e, "Names containing `__cedar` (for example: `__cedar::A`, `A::__cedar`, or `A::__cedar::B`) are reserved");
}

/* "<before><word><behind>" */
static void
wrong_word(struct cedar_error *e, const struct declared *at, const char *before, struct cedar_str word, const char *behind)
{
    error_set(e, CEDAR_SYNTAX, at->line, at->column, "%s", before);
    struct text t = error_text(e);
    text_str(&t, word);
    text_add(&t, "%s", behind);
}

static bool
late_reserved(struct reader *r, struct space *s, enum late kind, const struct declared *d)
{
    struct cedar_error wrong = {0};
    if (!source_reserved(d->name))
        return true;
    reserved_name(&wrong, d->line, d->column);
    return late(r, s, kind, &wrong);
}

static bool
add_entities(struct reader *r, struct space *s, const struct source_list *names, const struct source_entity *like)
{
    const struct declared *d = names->at;
    for (size_t i = 0; i < names->n; i++) {
        struct source_entity *new = add(r, &s->entities);
        if (new == NULL || !late_reserved(r, s, LATE_ENTITY, &d[i]))
            return false;
        *new = *like;
        new->name = d[i].name;
        new->line = d[i].line;
        new->column = d[i].column;
    }
    return true;
}

static bool
read_entity_body(struct reader *r, struct source_entity *e)
{
    static const char *const expected = "`,`, `;`, `=`, `enum`, `in`, `tags`, or `{`";
    bool assigned = false, curly;
    struct source_type *shape = ARENA_NEW(r->a, struct source_type);
    if (shape == NULL)
        return error_memory(r->error);
    if (is_word(r, "in") && (!step(r) || !read_type_names(r, &e->parents)))
        return false;
    if (!maybe(r, TOKEN_ASSIGN, &assigned) || (assigned && !is(r, TOKEN_CURLY) && !unexpected(r, "`{`")) || !maybe(r, TOKEN_CURLY, &curly))
        return false;
    shape->kind = SOURCE_RECORD;
    e->shape = shape;
    if (curly && !read_attributes(r, &shape->attributes))
        return false;
    if (is_word(r, "tags") && (!step(r) || (e->tags = read_type(r)) == NULL))
        return false;
    return take(r, TOKEN_SEMICOLON, curly || e->tags ? "`;`" : expected);
}

static bool
read_entity(struct reader *r, struct space *s, struct source_list *annotations)
{
    struct source_list names;
    struct source_entity e = {0};
    if (!read_declared(r, &names, read_word))
        return false;
    e.enumerated = is_word(r, "enum");
    bool ok = e.enumerated ? step(r) && read_ids(r, &e.ids) && take(r, TOKEN_SEMICOLON, "`;`") : read_entity_body(r, &e);
    return ok && sort_annotations(r, annotations, &e.annotations) && add_entities(r, s, &names, &e);
}

static bool
read_common(struct reader *r, struct space *s, struct source_list *annotations)
{
    static const char *const keywords[] = {"Bool", "Boolean", "Entity", "Extension", "Long", "Record", "Set", "String"};
    struct declared d = {.line = r->now.line, .column = r->now.column};
    struct source_common c = {.line = d.line, .column = d.column};
    struct cedar_error wrong = {0};
    if (!read_word(r, &d.name) || !take(r, TOKEN_ASSIGN, "`=`") || (c.type = read_type(r)) == NULL || !take(r, TOKEN_SEMICOLON, "`;`") ||
        !sort_annotations(r, annotations, &c.annotations) || !late_reserved(r, s, LATE_TYPE, &d))
        return false;
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++) {
        if (!str_is(d.name, keywords[i]))
            continue;
        wrong_word(&wrong, &d, "this uses a reserved schema keyword: `", d.name, "`");
        error_help(&wrong, "Keywords such as `entity`, `extension`, `set` and `record` cannot be used as common type names");
        if (!late(r, s, LATE_TYPE, &wrong))
            return false;
    }
    struct source_common *new = add(r, &s->commons);
    if (new == NULL)
        return false;
    *new = c;
    new->name = d.name;
    return true;
}

/* -------------------------------------------------------------------------------------------------------------- actions */

enum applies { APPLIES_PRINCIPAL, APPLIES_RESOURCE, APPLIES_CONTEXT };
static const char *const applies_words[] = {"principal", "resource", "context"};

struct applying {
    struct space *space;
    struct source_action *action;
    const struct declared *name; /* the action's first */
    bool seen[3], wrong;
};

static bool
applies_twice(struct reader *r, struct applying *x, enum applies kind, const struct token *at)
{
    static const char *const again = "Try either deleting one of the declarations, or merging into a single declaration";
    static const char *const before[] = {"duplicate `principal` declaration in action `", "duplicate `resource` declaration in action `",
                                         "duplicate context declaration in action `"};
    struct cedar_error e = {0};
    struct declared place = {.line = at->line, .column = at->column};
    const char *word = applies_words[kind];
    wrong_word(&e, &place, before[kind], x->name->name, "`");
    if (kind == APPLIES_CONTEXT)
        error_help(&e, "%s", again);
    else
        error_help(&e,
                   "Actions may only have a single %s declaration, but a %s declaration may specify a list of entity types like "
                   "`%s: [X, Y, Z]`",
                   word, word, word);
    x->wrong = true;
    return late(r, x->space, LATE_ACTION, &e);
}

static bool
applies_missing(struct reader *r, struct applying *x, enum applies kind, bool empty)
{
    struct cedar_error e = {0};
    wrong_word(&e, x->name,
               empty                       ? "for action `"
               : kind == APPLIES_PRINCIPAL ? "missing `principal` declaration for `"
                                           : "missing `resource` declaration for `",
               x->name->name, empty ? "`, `" : "`");
    if (empty) {
        struct text t = error_text(&e);
        text_add(&t, "%s` is `[]`, which is invalid", applies_words[kind]);
    }
    error_help(&e, "Every action must define both `principal` and `resource` targets, and the `principal` and `resource` lists must not be "
                   "`[]`.");
    x->wrong = true;
    return late(r, x->space, LATE_ACTION, &e);
}

static const struct source_type *
read_context(struct reader *r)
{
    if (is(r, TOKEN_CURLY))
        return read_type(r);
    struct source_type *t = ARENA_NEW(r->a, struct source_type);
    if (t == NULL)
        return error_memory(r->error), NULL;
    *t = (struct source_type){.kind = SOURCE_COMMON, .line = r->now.line, .column = r->now.column};
    return is(r, TOKEN_NAME) ? (read_path(r, &t->name, NULL) ? t : NULL) : (unexpected(r, "`{` or identifier"), NULL);
}

static bool
read_applies_one(struct reader *r, struct applying *x, enum applies kind)
{
    struct token at = r->now;
    struct source_names types = {0};
    const struct source_type *context = NULL;
    if (!step(r) || !take(r, TOKEN_COLON, "`:`"))
        return false;
    if (kind == APPLIES_CONTEXT ? (context = read_context(r)) == NULL : !read_type_names(r, &types))
        return false;
    if (x->wrong)
        return true;
    if (x->seen[kind])
        return applies_twice(r, x, kind, &at);
    x->seen[kind] = true;
    if (kind == APPLIES_CONTEXT)
        x->action->context = context;
    else if (types.n == 0)
        return applies_missing(r, x, kind, true);
    else
        *(kind == APPLIES_PRINCIPAL ? &x->action->principals : &x->action->resources) = types;
    return true;
}

static bool
read_applies(struct reader *r, struct applying *x)
{
    static const char *const expected = "`context`, `principal`, or `resource`";
    bool more = true;
    if (!take(r, TOKEN_CURLY, "`{`"))
        return false;
    do {
        unsigned kind = 0;
        while (kind < 3 && !is_word(r, applies_words[kind]))
            kind++;
        if (kind == 3)
            return unexpected(r, expected);
        if (!read_applies_one(r, x, (enum applies)kind) || !maybe(r, TOKEN_COMMA, &more))
            return false;
    } while (more && !is(r, TOKEN_CURLY_END));
    if (!take(r, TOKEN_CURLY_END, "`,` or `}`"))
        return false;
    if (!x->wrong && !x->seen[APPLIES_RESOURCE])
        return applies_missing(r, x, APPLIES_RESOURCE, false);
    return x->wrong || x->seen[APPLIES_PRINCIPAL] || applies_missing(r, x, APPLIES_PRINCIPAL, false);
}

/* A parent: an id in quotes or not, or a type and an id. An unquoted word may turn out to be the beginning of a type. */
static bool
read_parent(struct reader *r, struct source_parent *p)
{
    struct cedar_str path, id;
    if (is(r, TOKEN_STRING))
        return read_string(r, &p->id);
    if (!is(r, TOKEN_NAME))
        return unexpected(r, "identifier or string literal");
    if (!read_path(r, &path, &id))
        return false;
    if (id.at == NULL && bytes_find(str_bytes(path), ':') < path.n)
        return unexpected(r, "`::`");
    *p = id.at ? (struct source_parent){path, id} : (struct source_parent){{NULL, 0}, path};
    return true;
}

static bool
read_parents(struct reader *r, struct source_action *action)
{
    struct source_list l = {.size = sizeof(struct source_parent)};
    bool more = true, many = is(r, TOKEN_SQUARE);
    if (many && !step(r))
        return false;
    while (more) {
        struct source_parent *new = add(r, &l);
        if (new == NULL || !read_parent(r, new))
            return false;
        more = many && is(r, TOKEN_COMMA);
        if (more && !step(r))
            return false;
    }
    action->grouped = true;
    action->parents = l.at;
    action->n_parents = l.n;
    return !many || take(r, TOKEN_SQUARE_END, "`,` or `]`");
}

static bool
add_actions(struct reader *r, struct space *s, const struct source_list *names, const struct source_action *like)
{
    const struct declared *d = names->at;
    for (size_t i = 0; i < names->n; i++) {
        struct source_action *new = add(r, &s->actions);
        if (new == NULL)
            return false;
        *new = *like;
        new->name = d[i].name;
        new->line = d[i].line;
        new->column = d[i].column;
    }
    return true;
}

static bool
read_action(struct reader *r, struct space *s, struct source_list *annotations)
{
    struct source_list names;
    struct source_action action = {.applies = true};
    if (!read_declared(r, &names, read_name))
        return false;
    struct applying x = {.space = s, .action = &action, .name = names.at};
    if (is_word(r, "in") && (!step(r) || !read_parents(r, &action)))
        return false;
    bool bare = !is_word(r, "appliesTo") && !is_word(r, "attributes");
    if (is_word(r, "appliesTo") && (!step(r) || !read_applies(r, &x)))
        return false;
    if (is_word(r, "attributes") && (!step(r) || !take(r, TOKEN_CURLY, "`{`") || !take(r, TOKEN_CURLY_END, "`}`")))
        return false;
    if (is(r, TOKEN_CURLY) && bare) {
        unexpected(r, "`;`");
        return error_help(r->error, "%s", needs_applies);
    }
    return take(r, TOKEN_SEMICOLON, "`;`") && sort_annotations(r, annotations, &action.annotations) && add_actions(r, s, &names, &action);
}

/* ----------------------------------------------------------------------------------------------------------- namespaces */

static bool
read_declaration(struct reader *r, struct space *s, struct source_list *annotations, const char *expected)
{
    if (is_word(r, "entity"))
        return step(r) && read_entity(r, s, annotations);
    if (is_word(r, "action"))
        return step(r) && read_action(r, s, annotations);
    if (is_word(r, "type"))
        return step(r) && read_common(r, s, annotations);
    return unexpected(r, expected);
}

static void
space_init(struct space *s)
{
    *s = (struct space){
        .commons.size = sizeof(struct source_common),
        .entities.size = sizeof(struct source_entity),
        .actions.size = sizeof(struct source_action),
        .late = LATE_NONE,
    };
}

static bool
read_space(struct reader *r, struct source_list *annotations)
{
    struct space s;
    struct source_list inner;
    space_init(&s);
    s.line = r->now.line;
    s.column = r->now.column;
    if (!read_path(r, &s.name, NULL) || !take(r, TOKEN_CURLY, "`::` or `{`"))
        return false;
    while (!is(r, TOKEN_CURLY_END))
        if (!read_annotations(r, &inner) || !read_declaration(r, &s, &inner, "`@`, `action`, `entity`, `type`, or `}`"))
            return false;
    if (!step(r) || !sort_annotations(r, annotations, &s.annotations))
        return false;
    struct space *new = add(r, &r->spaces);
    if (new == NULL)
        return false;
    *new = s;
    return true;
}

/* A semicolon behind the "}" of a namespace. */
static bool
semicolon_behind(const struct reader *r)
{
    const char *at = r->now.text.at;
    while (at > r->lexer.text.at && strchr(" \t\r\n", at[-1]))
        at--;
    return is(r, TOKEN_SEMICOLON) && at > r->lexer.text.at && at[-1] == '}';
}

static bool
read_schema(struct reader *r)
{
    struct source_list annotations;
    while (!is(r, TOKEN_END)) {
        bool closed = semicolon_behind(r);
        if (!read_annotations(r, &annotations))
            return false;
        if (is_word(r, "namespace") ? !step(r) || !read_space(r, &annotations)
                                    : !read_declaration(r, &r->outside, &annotations, "`@`, `action`, `entity`, `namespace`, or `type`"))
            return closed ? error_help(r->error, "namespace declarations are not followed by `;`; try removing this semicolon") : false;
    }
    return true;
}

/* --------------------------------------------------------------------------------------------------------------- checks */

static bool
check_twice(struct reader *r, struct source_list *l)
{
    const void *twice;
    if (!source_list_sort(r->a, l, &twice))
        return error_memory(r->error);
    if (twice == NULL)
        return true;
    const struct declared *d = twice; /* every list has a name and its place in front */
    wrong_word(r->error, d, "`", d->name, "` is declared twice");
    return false;
}

static bool
check_space(struct reader *r, struct space *s)
{
    if (source_reserved(s->name)) {
        reserved_name(r->error, s->line, s->column);
        return false;
    }
    return check_twice(r, &s->entities) && check_twice(r, &s->actions) && check_twice(r, &s->commons);
}

static bool
check_spaces(struct reader *r, struct source_list *l)
{
    const void *twice;
    struct space *s = l->at;
    for (size_t i = 0; i < l->n; i++)
        if (!check_space(r, &s[i]))
            return false;
    struct source_list sorted = *l;
    if (!source_list_sort(r->a, &sorted, &twice))
        return error_memory(r->error);
    if (twice != NULL) {
        const struct declared *d = twice;
        wrong_word(r->error, d, "duplicate namespace id: `", d->name, "`");
        return false;
    }
    for (size_t i = 0; i < l->n; i++)
        if (s[i].wrong != NULL)
            return *r->error = *s[i].wrong, false;
    *l = sorted;
    return true;
}

static struct source_namespace
space_source(const struct space *s)
{
    return (struct source_namespace){
        .name = s->name,
        .line = s->line,
        .column = s->column,
        .annotations = s->annotations,
        .commons = s->commons.at,
        .n_commons = s->commons.n,
        .entities = s->entities.at,
        .n_entities = s->entities.n,
        .actions = s->actions.at,
        .n_actions = s->actions.n,
    };
}

static bool
finish(struct reader *r, struct schema_source **out)
{
    const struct space *outside = &r->outside;
    if (outside->commons.n + outside->entities.n + outside->actions.n > 0) {
        struct space *last = add(r, &r->spaces);
        if (last == NULL)
            return false;
        *last = *outside;
        last->name = (struct cedar_str){"", 0};
    }
    if (!check_spaces(r, &r->spaces))
        return false;
    struct schema_source *source = ARENA_NEW(r->a, struct schema_source);
    struct source_namespace *at = arena_list(r->a, r->spaces.n, sizeof *at);
    if (source == NULL || (at == NULL && r->spaces.n > 0))
        return error_memory(r->error);
    for (size_t i = 0; i < r->spaces.n; i++)
        at[i] = space_source((const struct space *)r->spaces.at + i);
    *source = (struct schema_source){at, r->spaces.n};
    *out = source;
    return true;
}

static bool
looks_like_json(struct cedar_str text)
{
    size_t i = 0;
    while (i < text.n && strchr(" \t\r\n", text.at[i]) && text.at[i])
        i++;
    return i < text.n && text.at[i] == '{';
}

bool
schema_source_parse(struct arena *a, struct cedar_str text, struct schema_source **out, struct cedar_error *error)
{
    struct reader r = {.a = a, .lexer = {text, 0, 1, 1, true}, .spaces.size = sizeof(struct space), .error = error};
    space_init(&r.outside);
    if (text.n > CEDAR_MAX_SCHEMA_BYTES)
        return error_set(error, CEDAR_LIMIT, 0, 0, "a schema has at most %u bytes", CEDAR_MAX_SCHEMA_BYTES);
    if (!bytes_utf8(str_bytes(text)))
        return error_set(error, CEDAR_SYNTAX, 0, 0, "the schema is not well-formed UTF-8");
    if (step(&r) && read_schema(&r) && finish(&r, out))
        return true;
    return looks_like_json(text) ? error_help(error, "this API was expecting a schema in the Cedar schema format; did you mean to use a different "
                                                     "function, which expects a JSON-format Cedar schema")
                                 : false;
}
