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

/* What may stand in an identifier: 1 anywhere, 2 not at the beginning. */
static const uint8_t in_names[256] = {
    ['0' ... '9'] = 2,
    ['A' ... 'Z'] = 1,
    ['_'] = 1,
    ['a' ... 'z'] = 1,
};

/* Every reserved word begins with a small letter or '_'. */
static bool
is_free(struct bytes b)
{
    if (b.at[0] >= 'A' && b.at[0] <= 'Z')
        return true;
    return !parser_reserved((struct cedar_str){(const char *)b.at, b.n}) && !bytes_is(b, "__cedar");
}

bool
json_name_ok(struct bytes name)
{
    for (size_t i = 0, from; i < name.n; i += 2) {
        from = i;
        if (in_names[name.at[i]] != 1)
            return false;
        while (i < name.n && in_names[name.at[i]])
            i++;
        if (!is_free((struct bytes){name.at + from, i - from}))
            return false;
        if (i == name.n)
            return true;
        if (name.n - i < 3 || name.at[i] != ':' || name.at[i + 1] != ':')
            return false;
    }
    return false;
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
