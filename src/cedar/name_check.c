/* Is a text the name of an entity type or a function, as Cedar itself would print it? And if not, why, in the words of the official parser. */
#include "cedar/lexer.h"
#include "cedar/parser.h"
#include "cedar/value_json.h"

/* The parts of a name as they are stepped over. */
struct walk {
    struct cedar_str first, reserved, last; /* reserved: the first part of the path that no name may have */
    size_t n;
    bool cedar; /* a part is __cedar */
};

static void
note(struct walk *w, struct cedar_str part)
{
    if (w->n == 0)
        w->first = part;
    else if (w->reserved.n == 0 && parser_reserved(w->last))
        w->reserved = w->last;
    w->last = part;
    w->cedar = w->cedar || str_is(part, "__cedar");
    w->n++;
}

static bool
unexpected(struct text *t, const struct token *token)
{
    if (token->kind == TOKEN_END)
        text_add(t, "unexpected end of input");
    else
        text_add(t, "unexpected token `"), text_str(t, token->text), text_add(t, "`");
    return false;
}

static bool
step(struct walk *w, struct bytes name, struct text *t)
{
    struct lexer l = {.text = {(const char *)name.at, name.n}, .line = 1, .column = 1};
    struct token now;
    struct cedar_error ignored;
    do {
        if (!lexer_next(&l, &now, &ignored))
            return text_add(t, "invalid token"), false;
        if (now.kind != TOKEN_NAME)
            return unexpected(t, &now);
        note(w, now.text);
        if (!lexer_next(&l, &now, &ignored))
            return text_add(t, "invalid token"), false;
    } while (now.kind == TOKEN_PATH);
    /* These three may begin an expression, and a name only with a path behind them. */
    bool begins = w->n == 1 && (str_is(w->first, "if") || str_is(w->first, "true") || str_is(w->first, "false"));
    return now.kind == TOKEN_END && !begins ? true : unexpected(t, &now);
}

static void
put_parts(struct text *t, struct bytes name)
{
    struct lexer l = {.text = {(const char *)name.at, name.n}, .line = 1, .column = 1};
    struct token now;
    struct cedar_error ignored;
    while (lexer_next(&l, &now, &ignored) && now.kind != TOKEN_END)
        text_str(t, now.text);
}

static bool
is_identifier(struct bytes b)
{
    for (size_t i = 0; i < b.n; i++) {
        uint8_t c = b.at[i];
        if (c != '_' && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return b.n > 0 && !parser_reserved((struct cedar_str){(const char *)b.at, b.n}) && !bytes_is(b, "__cedar");
}

bool
json_name_ok(struct bytes name)
{
    for (;;) {
        size_t end = bytes_search(name, BYTES("::"));
        if (!is_identifier(bytes_sub(name, 0, end)))
            return false;
        if (end == name.n)
            return true;
        name = bytes_sub(name, end + 2, name.n);
    }
}

void
json_name_why(struct bytes name, struct text *t)
{
    struct walk w = {.n = 0};
    if (!step(&w, name, t))
        return;
    if (parser_reserved(w.last) || w.reserved.n) {
        text_add(t, "this identifier is reserved and cannot be used: ");
        text_str(t, parser_reserved(w.last) ? w.last : w.reserved);
    } else if (w.cedar) {
        text_add(t, "The name `");
        put_parts(t, name);
        text_add(t, "` contains `__cedar`, which is reserved");
    } else {
        text_add(t, "`Name` needs to be normalized (e.g., whitespace removed): ");
        text_str(t, (struct cedar_str){(const char *)name.at, name.n});
    }
}
