/* What is a secret: by the rules that arguments and results are looked at with (src/inspect), and by the names that people give to them. */
#include "adopt/entry.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define TEXT_MAX 65536u

struct finder {
    struct inspect *rules;
    struct inspect_room *room;
};

static void
ignore(enum finding_level level, const char *file, int line, const char *text, void *ctx)
{
    (void)level, (void)file, (void)line, (void)text, (void)ctx; /* the built-in rules have tests of their own */
}

struct err
finder_make(struct finder **out)
{
    static const char *none[] = {NULL};
    struct inspection_settings s = {.builtin_rules = true, .disabled = none, .max_bytes = (size_t)1 << 20};
    struct finder *f = calloc(1, sizeof *f);
    if (f == NULL)
        return err_make(E_MEMORY, "no memory for the rules");
    struct err e = inspect_make(&s, NULL, ignore, NULL, &f->rules);
    if (!err_failed(e) && (f->room = inspect_room_make()) == NULL)
        e = err_make(E_MEMORY, "no memory for the rules");
    if (err_failed(e))
        finder_free(f);
    else
        *out = f;
    return e;
}

void
finder_free(struct finder *f)
{
    if (f == NULL)
        return; /* Behave consistently with free(NULL). */
    if (f->room)
        inspect_room_free(f->room);
    if (f->rules)
        inspect_unref(f->rules);
    free(f);
}

/* --------------------------------------------------------------------------------------------------------------- by name */

static bool
holds_word(struct bytes name, const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= name.n; i++)
        if (strncasecmp((const char *)name.at + i, word, n) == 0)
            return true;
    return false;
}

static bool
named_secret(struct bytes name)
{
    static const char *const words[] = {"token",   "secret",  "passw", "passphrase", "credential", "apikey", "api_key",
                                        "api-key", "private", "auth",  "cookie",     "signature",  "bearer", "_pat",
                                        "_key",    "-key",    "_pwd",  "dsn",        NULL};
    for (const char *const *w = words; *w; w++)
        if (holds_word(name, *w))
            return true;
    return bytes_same_case(name, BYTES("key")) || bytes_same_case(name, BYTES("pat")) || bytes_same_case(name, BYTES("pwd")) ||
           bytes_same_case(name, BYTES("sig"));
}

/* Names for which the value is no secret although a word in them says so. */
static bool
named_harmless(struct bytes name)
{
    static const char *const ends[] = {"_file",     "_path", "_dir", "_url",    "_uri",     "_type",    "_mode",   "_name", "_header", "_method",
                                       "_endpoint", "_host", "_id",  "_tokens", "_timeout", "_enabled", "_expiry", "_ttl",  NULL};
    for (const char *const *w = ends; *w; w++) {
        size_t n = strlen(*w);
        if (name.n > n && strncasecmp((const char *)name.at + name.n - n, *w, n) == 0)
            return true;
    }
    return false;
}

/* --------------------------------------------------------------------------------------------------------------- by form */

static bool
plain_word(struct bytes v)
{
    static const char *const words[] = {"true",   "false", "yes",    "no",   "on",    "off",     "none",     "null",    "basic",
                                        "bearer", "oauth", "oauth2", "auto", "stdio", "enabled", "disabled", "default", NULL};
    for (const char *const *w = words; *w; w++)
        if (bytes_same_case(v, bytes_str(*w)))
            return true;
    size_t digits = 0;
    while (digits < v.n && (isdigit(v.at[digits]) || v.at[digits] == '.'))
        digits++;
    return v.n < 4 || (digits == v.n && v.n < 8);
}

static bool
is_path(struct bytes v)
{
    return v.n && (v.at[0] == '/' || bytes_starts(v, BYTES("~/")) || bytes_starts(v, BYTES("./")));
}

static bool
is_url(struct bytes v)
{
    return bytes_search(v, BYTES("://")) < v.n;
}

/* Where a vault of others is named, and no secret: what resolves it goes on doing so. */
static bool
names_vault(struct bytes v)
{
    static const char *const starts[] = {"op://",    "vault:",  "vault://",  "bao:",  "ref+",  "awssm:",   "aws-sm://",
                                         "gcpsm://", "azkv://", "keychain:", "pass:", "bw://", "doppler:", NULL};
    for (const char *const *s = starts; *s; s++)
        if (bytes_starts(v, bytes_str(*s)))
            return true;
    return false;
}

/* scheme://user:password@host: the password, or nothing. */
static bool
url_password(struct bytes v)
{
    size_t scheme = bytes_search(v, BYTES("://"));
    struct bytes rest = bytes_sub(v, scheme + 3, SIZE_MAX), authority = bytes_sub(rest, 0, bytes_find(rest, '/'));
    size_t at = authority.n;
    for (size_t i = 0; i < authority.n; i++)
        if (authority.at[i] == '@')
            at = i;
    struct bytes user = bytes_sub(authority, 0, at);
    return scheme < v.n && at < authority.n && bytes_find(user, ':') + 1 < user.n;
}

/* ?api_key=… */
static bool
url_query(struct bytes v)
{
    size_t from = bytes_find(v, '?');
    for (struct bytes rest = is_url(v) ? bytes_sub(v, from + 1, SIZE_MAX) : (struct bytes){NULL, 0}; rest.n;) {
        struct bytes pair = bytes_split(&rest, '&'), name = bytes_split(&pair, '=');
        if (named_secret(name) && pair.n >= 6)
            return true;
    }
    return false;
}

/* The rules read "NAME=value" as they would in a message. */
static struct err
by_rules(struct finder *f, struct arena *a, struct bytes name, struct bytes text, const char **rule)
{
    struct buf b = buf_make(TEXT_MAX * 8);
    struct json *v = NULL;
    struct inspect_ask ask = {.way = INSPECT_ARGUMENTS};
    UNINITIALIZED struct inspection found;
    json_open(&b, '{');
    json_key_bytes(&b, name.n ? name : BYTES("value"));
    json_put_text(&b, text);
    json_close(&b, '}');
    struct err e = b.failed ? err_make(E_LIMIT, "a value of more than %u bytes", TEXT_MAX) : json_parse(a, buf_bytes(&b), NULL, &v);
    if (!err_failed(e)) {
        inspect_json(f->rules, f->room, &ask, v, a, &found);
        if (found.secret)
            *rule = found.n ? arena_str(a, bytes_str(found.list[0].rule)) : "rules";
    }
    bytes_wipe(b.at, b.n);
    buf_free(&b);
    return e;
}

/* ----------------------------------------------------------------------------------------------------------------- looks */

static void
hide(struct value *v, struct bytes text, size_t from, const char *rule)
{
    v->secret = true;
    v->rule = rule;
    v->before = bytes_sub(text, 0, from);
    v->hidden = bytes_sub(text, from, SIZE_MAX);
    v->after = (struct bytes){NULL, 0};
}

/* "--token=abc", "NAME=abc": where the value begins, and the name before it. 0: no such form. */
static size_t
assigned(struct bytes text, struct bytes *name)
{
    size_t eq = bytes_find(text, '='), from = 0;
    while (from < eq && text.at[from] == '-')
        from++;
    *name = bytes_sub(text, from, eq - from);
    for (size_t i = 0; i < name->n; i++)
        if (!isalnum(name->at[i]) && name->at[i] != '_' && name->at[i] != '-' && name->at[i] != '.')
            return 0;
    return eq < text.n && name->n ? eq + 1 : 0;
}

static size_t
header_scheme(struct bytes text)
{
    static const char *const schemes[] = {"Bearer ", "Basic ", "Token ", "token ", "bearer ", "ApiKey ", NULL};
    for (const char *const *s = schemes; *s; s++)
        if (bytes_starts(text, bytes_str(*s)) && text.n > strlen(*s))
            return strlen(*s);
    return 0;
}

static bool
secret_by_name(struct bytes name, struct bytes text)
{
    return named_secret(name) && !named_harmless(name) && !plain_word(text) && !is_path(text) &&
           (!is_url(text) || url_password(text) || url_query(text));
}

struct err
finder_look(struct finder *f, struct arena *a, struct value *v, struct bytes before)
{
    struct bytes text = v->text, name = v->name;
    const char *rule = NULL;
    size_t from = header_scheme(text);
    v->before = v->hidden = v->after = (struct bytes){NULL, 0};
    if (text.n == 0 || names_vault(text))
        return err_ok();
    if (text.n > TEXT_MAX)
        return err_make(E_LIMIT, "a value of more than %u bytes", TEXT_MAX);
    if (name.n == 0) {
        size_t value = assigned(text, &name);
        from = value;
        if (value == 0 && before.n && before.at[0] == '-' && bytes_find(before, '=') == before.n && text.at[0] != '-')
            name = before;
        else if (value == 0)
            name = (struct bytes){NULL, 0};
    }
    struct bytes part = bytes_sub(text, from, SIZE_MAX);
    if (part.n == 0)
        return err_ok();
    TRY(by_rules(f, a, name, part, &rule));
    if (rule == NULL && (url_password(part) || url_query(part)))
        rule = "address-with-secret";
    if (rule == NULL && secret_by_name(name, part))
        rule = "by its name";
    if (rule)
        hide(v, text, from, rule);
    return err_ok();
}
