/*
 * Schemas in Cedar syntax. Two passes, as in the official reader, so that the same mistake is reported first: the text by its grammar,
 * then the declarations (names given twice or reserved, actions without a principal).
 */
#include "cedar/schema_reader.h"

static bool
read_annotation(struct reader *r, struct source_list *l)
{
    struct source_annotation *new = reader_add(r, l);
    bool value;
    if (new == NULL || !reader_step(r) || !reader_any_word(r, &new->key) || !reader_maybe(r, TOKEN_ROUND, &value))
        return false;
    new->value = (struct cedar_str){"", 0}; /* a bare @key is @key("") */
    return !value || (reader_string(r, &new->value) && reader_take(r, TOKEN_ROUND_END, "`)`"));
}

static bool
read_annotations(struct reader *r, struct source_list *l)
{
    *l = (struct source_list){.size = sizeof(struct source_annotation)};
    while (reader_is(r, TOKEN_AT))
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
    struct source_attribute *new = reader_add(r, l);
    struct source_list annotations;
    bool optional;
    if (new == NULL || !read_annotations(r, &annotations) || !reader_name(r, &new->name) || !reader_maybe(r, TOKEN_QUESTION, &optional))
        return false;
    new->required = !optional;
    new->type = reader_take(r, TOKEN_COLON, "`:`") ? read_type(r) : NULL;
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
    for (bool more = true; more && !reader_is(r, TOKEN_CURLY_END);)
        if (!read_attribute(r, &l) || !reader_maybe(r, TOKEN_COMMA, &more))
            return false;
    if (!source_list_sort(r->a, &l, &twice))
        return error_memory(r->error);
    drop_earlier(&l);
    *out = (struct source_attributes){l.at, l.n};
    return reader_take(r, TOKEN_CURLY_END, "`,` or `}`");
}

static bool
read_set(struct reader *r, struct source_type *t)
{
    t->kind = SOURCE_SET;
    t->element = reader_step(r) ? read_type(r) : NULL;
    return t->element != NULL && reader_take(r, TOKEN_GREATER, "`>`");
}

/* "Set<" begins a set, but a type may be called Set, too. */
static bool
read_set_or_name(struct reader *r, struct source_type *t)
{
    struct lexer before = r->lexer;
    struct token word = r->now;
    if (str_is(word.text, "Set")) {
        if (!reader_step(r))
            return false;
        if (reader_is(r, TOKEN_LESS))
            return read_set(r, t);
        r->lexer = before;
        r->now = word;
    }
    t->kind = SOURCE_NAME;
    return reader_path(r, &t->name, NULL);
}

static bool
read_type_into(struct reader *r, struct source_type *t)
{
    if (reader_is(r, TOKEN_CURLY)) {
        t->kind = SOURCE_RECORD;
        return reader_step(r) && read_attributes(r, &t->attributes);
    }
    return reader_is(r, TOKEN_NAME) ? read_set_or_name(r, t) : reader_unexpected(r, "`{`, identifier, or `Set`");
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
    bool more = true, many = reader_is(r, TOKEN_SQUARE);
    if (many && !reader_step(r))
        return false;
    if (many && reader_is(r, TOKEN_SQUARE_END))
        more = false;
    while (more) {
        struct cedar_str *new = reader_add(r, &l);
        if (new == NULL || !reader_path(r, new, NULL))
            return false;
        more = many && reader_is(r, TOKEN_COMMA);
        if (more && !reader_step(r))
            return false;
    }
    *out = (struct source_names){l.at, l.n};
    return !many || reader_take(r, TOKEN_SQUARE_END, "`,` or `]`");
}

static bool
read_ids(struct reader *r, struct source_names *out)
{
    struct source_list l = {.size = sizeof(struct cedar_str)};
    if (!reader_take(r, TOKEN_SQUARE, "`[`"))
        return false;
    for (bool more = true; more;) {
        struct cedar_str *new = reader_add(r, &l);
        if (new == NULL || !reader_string(r, new) || !reader_maybe(r, TOKEN_COMMA, &more))
            return false;
    }
    *out = (struct source_names){l.at, l.n};
    return reader_take(r, TOKEN_SQUARE_END, "`,` or `]`");
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
        struct declared *new = reader_add(r, l);
        if (new == NULL)
            return false;
        new->line = r->now.line;
        new->column = r->now.column;
        if (!read(r, &new->name) || !reader_maybe(r, TOKEN_COMMA, &more))
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
        struct source_entity *new = reader_add(r, &s->entities);
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
    if (reader_is_word(r, "in") && (!reader_step(r) || !read_type_names(r, &e->parents)))
        return false;
    if (!reader_maybe(r, TOKEN_ASSIGN, &assigned) || (assigned && !reader_is(r, TOKEN_CURLY) && !reader_unexpected(r, "`{`")) ||
        !reader_maybe(r, TOKEN_CURLY, &curly))
        return false;
    shape->kind = SOURCE_RECORD;
    e->shape = shape;
    if (curly && !read_attributes(r, &shape->attributes))
        return false;
    if (reader_is_word(r, "tags") && (!reader_step(r) || (e->tags = read_type(r)) == NULL))
        return false;
    return reader_take(r, TOKEN_SEMICOLON, curly || e->tags ? "`;`" : expected);
}

static bool
read_entity(struct reader *r, struct space *s, struct source_list *annotations)
{
    struct source_list names;
    struct source_entity e = {0};
    if (!read_declared(r, &names, reader_word))
        return false;
    e.enumerated = reader_is_word(r, "enum");
    bool ok = e.enumerated ? reader_step(r) && read_ids(r, &e.ids) && reader_take(r, TOKEN_SEMICOLON, "`;`") : read_entity_body(r, &e);
    return ok && sort_annotations(r, annotations, &e.annotations) && add_entities(r, s, &names, &e);
}

static bool
read_common(struct reader *r, struct space *s, struct source_list *annotations)
{
    static const char *const keywords[] = {"Bool", "Boolean", "Entity", "Extension", "Long", "Record", "Set", "String"};
    struct declared d = {.line = r->now.line, .column = r->now.column};
    struct source_common c = {.line = d.line, .column = d.column};
    struct cedar_error wrong = {0};
    if (!reader_word(r, &d.name) || !reader_take(r, TOKEN_ASSIGN, "`=`") || (c.type = read_type(r)) == NULL ||
        !reader_take(r, TOKEN_SEMICOLON, "`;`") || !sort_annotations(r, annotations, &c.annotations) || !late_reserved(r, s, LATE_TYPE, &d))
        return false;
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++) {
        if (!str_is(d.name, keywords[i]))
            continue;
        wrong_word(&wrong, &d, "this uses a reserved schema keyword: `", d.name, "`");
        error_help(&wrong, "Keywords such as `entity`, `extension`, `set` and `record` cannot be used as common type names");
        if (!late(r, s, LATE_TYPE, &wrong))
            return false;
    }
    struct source_common *new = reader_add(r, &s->commons);
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
    if (reader_is(r, TOKEN_CURLY))
        return read_type(r);
    struct source_type *t = ARENA_NEW(r->a, struct source_type);
    if (t == NULL)
        return error_memory(r->error), NULL;
    *t = (struct source_type){.kind = SOURCE_COMMON, .line = r->now.line, .column = r->now.column};
    return reader_is(r, TOKEN_NAME) ? (reader_path(r, &t->name, NULL) ? t : NULL) : (reader_unexpected(r, "`{` or identifier"), NULL);
}

static bool
read_applies_one(struct reader *r, struct applying *x, enum applies kind)
{
    struct token at = r->now;
    struct source_names types = {0};
    const struct source_type *context = NULL;
    if (!reader_step(r) || !reader_take(r, TOKEN_COLON, "`:`"))
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
    if (!reader_take(r, TOKEN_CURLY, "`{`"))
        return false;
    do {
        unsigned kind = 0;
        while (kind < 3 && !reader_is_word(r, applies_words[kind]))
            kind++;
        if (kind == 3)
            return reader_unexpected(r, expected);
        if (!read_applies_one(r, x, (enum applies)kind) || !reader_maybe(r, TOKEN_COMMA, &more))
            return false;
    } while (more && !reader_is(r, TOKEN_CURLY_END));
    if (!reader_take(r, TOKEN_CURLY_END, "`,` or `}`"))
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
    if (reader_is(r, TOKEN_STRING))
        return reader_string(r, &p->id);
    if (!reader_is(r, TOKEN_NAME))
        return reader_unexpected(r, "identifier or string literal");
    if (!reader_path(r, &path, &id))
        return false;
    if (id.at == NULL && bytes_find(str_bytes(path), ':') < path.n)
        return reader_unexpected(r, "`::`");
    *p = id.at ? (struct source_parent){path, id} : (struct source_parent){{NULL, 0}, path};
    return true;
}

static bool
read_parents(struct reader *r, struct source_action *action)
{
    struct source_list l = {.size = sizeof(struct source_parent)};
    bool more = true, many = reader_is(r, TOKEN_SQUARE);
    if (many && !reader_step(r))
        return false;
    while (more) {
        struct source_parent *new = reader_add(r, &l);
        if (new == NULL || !read_parent(r, new))
            return false;
        more = many && reader_is(r, TOKEN_COMMA);
        if (more && !reader_step(r))
            return false;
    }
    action->grouped = true;
    action->parents = l.at;
    action->n_parents = l.n;
    return !many || reader_take(r, TOKEN_SQUARE_END, "`,` or `]`");
}

static bool
add_actions(struct reader *r, struct space *s, const struct source_list *names, const struct source_action *like)
{
    const struct declared *d = names->at;
    for (size_t i = 0; i < names->n; i++) {
        struct source_action *new = reader_add(r, &s->actions);
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
    if (!read_declared(r, &names, reader_name))
        return false;
    struct applying x = {.space = s, .action = &action, .name = names.at};
    if (reader_is_word(r, "in") && (!reader_step(r) || !read_parents(r, &action)))
        return false;
    bool bare = !reader_is_word(r, "appliesTo") && !reader_is_word(r, "attributes");
    if (reader_is_word(r, "appliesTo") && (!reader_step(r) || !read_applies(r, &x)))
        return false;
    if (reader_is_word(r, "attributes") && (!reader_step(r) || !reader_take(r, TOKEN_CURLY, "`{`") || !reader_take(r, TOKEN_CURLY_END, "`}`")))
        return false;
    if (reader_is(r, TOKEN_CURLY) && bare) {
        reader_unexpected(r, "`;`");
        return error_help(r->error, "%s", reader_needs_applies);
    }
    return reader_take(r, TOKEN_SEMICOLON, "`;`") && sort_annotations(r, annotations, &action.annotations) && add_actions(r, s, &names, &action);
}

/* ----------------------------------------------------------------------------------------------------------- namespaces */

static bool
read_declaration(struct reader *r, struct space *s, struct source_list *annotations, const char *expected)
{
    if (reader_is_word(r, "entity"))
        return reader_step(r) && read_entity(r, s, annotations);
    if (reader_is_word(r, "action"))
        return reader_step(r) && read_action(r, s, annotations);
    if (reader_is_word(r, "type"))
        return reader_step(r) && read_common(r, s, annotations);
    return reader_unexpected(r, expected);
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
    if (!reader_path(r, &s.name, NULL) || !reader_take(r, TOKEN_CURLY, "`::` or `{`"))
        return false;
    while (!reader_is(r, TOKEN_CURLY_END))
        if (!read_annotations(r, &inner) || !read_declaration(r, &s, &inner, "`@`, `action`, `entity`, `type`, or `}`"))
            return false;
    if (!reader_step(r) || !sort_annotations(r, annotations, &s.annotations))
        return false;
    struct space *new = reader_add(r, &r->spaces);
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
    return reader_is(r, TOKEN_SEMICOLON) && at > r->lexer.text.at && at[-1] == '}';
}

static bool
read_schema(struct reader *r)
{
    struct source_list annotations;
    while (!reader_is(r, TOKEN_END)) {
        bool closed = semicolon_behind(r);
        if (!read_annotations(r, &annotations))
            return false;
        if (reader_is_word(r, "namespace") ? !reader_step(r) || !read_space(r, &annotations)
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
        struct space *last = reader_add(r, &r->spaces);
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
    if (reader_step(&r) && read_schema(&r) && finish(&r, out))
        return true;
    return looks_like_json(text) ? error_help(error, "this API was expecting a schema in the Cedar schema format; did you mean to use a different "
                                                     "function, which expects a JSON-format Cedar schema")
                                 : false;
}
