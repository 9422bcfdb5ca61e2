#include "cedar/schema_reader.h"

bool
reader_step(struct reader *r)
{
    if (r->pending.code != CEDAR_OK)
        return *r->error = r->pending, false;
    if (lexer_next(&r->lexer, &r->now, r->error))
        return true;
    return r->error->code == CEDAR_SYNTAX ? error_set(r->error, CEDAR_SYNTAX, r->error->line, r->error->column, "invalid token") : false;
}

bool
reader_is(const struct reader *r, enum token_kind kind)
{
    return r->now.kind == kind;
}

bool
reader_is_word(const struct reader *r, const char *word)
{
    return r->now.kind == TOKEN_NAME && str_is(r->now.text, word);
}

const char reader_needs_applies[] = "action declarations require `appliesTo` before the `{ ... }` block";

bool
reader_unexpected(struct reader *r, const char *expected)
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
        return error_help(r->error, "%s", reader_needs_applies);
    return error_help(r->error, "expected %s", expected);
}

bool
reader_take(struct reader *r, enum token_kind kind, const char *expected)
{
    return reader_is(r, kind) ? reader_step(r) : reader_unexpected(r, expected);
}

/* Step over the token if it is there; false only on failure. */
bool
reader_maybe(struct reader *r, enum token_kind kind, bool *there)
{
    *there = reader_is(r, kind);
    return !*there || reader_step(r);
}

bool
reader_keep(struct reader *r, struct cedar_str from, struct cedar_str *to)
{
    struct bytes b = arena_copy(r->a, str_bytes(from));
    *to = (struct cedar_str){(const char *)b.at, b.n};
    return b.at != NULL || error_memory(r->error);
}

void *
reader_add(struct reader *r, struct source_list *l)
{
    void *new = source_list_add(r->a, l);
    if (new == NULL)
        error_memory(r->error);
    return new;
}

bool
reader_any_word(struct reader *r, struct cedar_str *out)
{
    if (!reader_is(r, TOKEN_NAME))
        return reader_unexpected(r, "identifier");
    return reader_keep(r, r->now.text, out) && reader_step(r);
}

bool
reader_word(struct reader *r, struct cedar_str *out)
{
    if (reader_is(r, TOKEN_NAME) && parser_reserved(r->now.text)) {
        int n = (int)r->now.text.n;
        struct token word = r->now;
        if (!reader_step(r))
            return false;
        *out = word.text;
        error_set(&r->pending, CEDAR_SYNTAX, word.line, word.column, "`%.*s` is a reserved identifier", n, word.text.at);
        return true;
    }
    return reader_any_word(r, out);
}

bool
reader_string(struct reader *r, struct cedar_str *out)
{
    struct cedar_error why = {0};
    if (!reader_is(r, TOKEN_STRING))
        return reader_unexpected(r, "string literal");
    if (lexer_string(&r->now, r->a, out, &why))
        return reader_step(r);
    *out = r->now.text;
    if (why.code == CEDAR_MEMORY)
        return error_memory(r->error);
    if (!reader_step(r))
        return false;
    error_set(&r->pending, CEDAR_SYNTAX, why.line, why.column, "Invalid escape codes");
    error_help(&r->pending, "%s", why.text);
    return true;
}

bool
reader_name(struct reader *r, struct cedar_str *out)
{
    if (!reader_is(r, TOKEN_STRING) && !reader_is(r, TOKEN_NAME))
        return reader_unexpected(r, "identifier or string literal");
    return reader_is(r, TOKEN_STRING) ? reader_string(r, out) : reader_word(r, out);
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
        if (with_id && p->text.n > 0 && reader_is(r, TOKEN_STRING))
            return reader_string(r, &p->id);
        if (!reader_word(r, &part))
            return false;
        buf_puts(&p->text, p->text.n > 0 ? "::" : "");
        buf_put(&p->text, str_bytes(part));
        if (!reader_maybe(r, TOKEN_PATH, &more))
            return false;
    }
    return true;
}

bool
reader_path(struct reader *r, struct cedar_str *name, struct cedar_str *id)
{
    struct path p = {.text = buf_make(CEDAR_MAX_SCHEMA_BYTES)};
    bool ok = read_parts(r, &p, id != NULL) && (!p.text.failed || error_memory(r->error)) &&
              reader_keep(r, (struct cedar_str){(const char *)p.text.at, p.text.n}, name);
    buf_free(&p.text);
    if (id != NULL)
        *id = p.id;
    return ok;
}
