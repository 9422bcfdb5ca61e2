/* WWW-Authenticate (RFC 9110 §11.6.1): a list of challenges, each a scheme and parameters, both separated by commas. */
#include <stdio.h>

#include "creds/parse.h"

#define FIELD_MAX 8192

struct reading {
    struct bytes left;
    bool bad;
};

static bool
token_char(uint8_t c)
{
    return c > 0x20 && c < 0x7f && !strchr("\"(),/:;<=>?@[\\]{}", c);
}

static void
skip(struct reading *r, bool commas)
{
    while (r->left.n && (r->left.at[0] == ' ' || r->left.at[0] == '\t' || (commas && r->left.at[0] == ',')))
        r->left = bytes_sub(r->left, 1, SIZE_MAX);
}

static struct bytes
take_token(struct reading *r)
{
    size_t n = 0;
    while (n < r->left.n && token_char(r->left.at[n]))
        n++;
    struct bytes token = bytes_sub(r->left, 0, n);
    r->left = bytes_sub(r->left, n, SIZE_MAX);
    return token;
}

/* The value without its quotes and escapes, as much as fits into ${to}; one that does not fit is left out, not cut. */
static void
take_value(struct reading *r, char *to, size_t room)
{
    size_t n = 0;
    bool quoted = r->left.n && r->left.at[0] == '"', fits = true, ended = !quoted;
    size_t i = quoted;
    for (; i < r->left.n; i++) {
        uint8_t c = r->left.at[i];
        if (quoted && c == '"') {
            ended = true;
            i++;
            break;
        }
        if (!quoted && !token_char(c) && c != '/' && c != ':' && c != '=') /* some servers leave out the quotes of a URL */
            break;
        if (quoted && c == '\\' && ++i < r->left.n)
            c = r->left.at[i];
        if (c < 0x20 || c >= 0x7f)
            r->bad = true;
        fits = fits && n + 1 < room;
        if (fits)
            to[n++] = (char)c;
    }
    r->bad |= !ended;
    r->left = bytes_sub(r->left, i, SIZE_MAX);
    to[fits ? n : 0] = 0;
}

/* token68 (RFC 9110 §11.2) stands where parameters would: "Negotiate abc==". */
static bool
skip_token68(struct reading *r)
{
    size_t n = 0;
    while (n < r->left.n && (token_char(r->left.at[n]) || r->left.at[n] == '/'))
        n++;
    size_t end = n;
    while (end < r->left.n && r->left.at[end] == '=')
        end++;
    if (end < r->left.n && r->left.at[end] != ',' && r->left.at[end] != ' ')
        return false;
    if (n == 0 || (end == n && end < r->left.n && r->left.at[end] == ' '))
        return false;
    r->left = bytes_sub(r->left, end, SIZE_MAX);
    return true;
}

static void
take_parameter(struct reading *r, struct bytes name, struct challenge *c, bool ours)
{
    char dropped[2], *to = dropped;
    size_t room = sizeof dropped;
    if (ours && bytes_same_case(name, BYTES("error")) && !c->error[0])
        to = c->error, room = sizeof c->error;
    else if (ours && bytes_same_case(name, BYTES("scope")) && !c->scope[0])
        to = c->scope, room = sizeof c->scope;
    else if (ours && bytes_same_case(name, BYTES("resource_metadata")) && !c->resource_metadata[0])
        to = c->resource_metadata, room = sizeof c->resource_metadata;
    take_value(r, to, room);
}

/* Of one scheme: its parameters, until the next scheme begins. */
static void
take_parameters(struct reading *r, struct challenge *c, bool ours)
{
    skip(r, false);
    struct reading probe = *r;
    if (take_token(&probe).n == 0 || (skip(&probe, false), probe.left.n == 0 || probe.left.at[0] != '='))
        if (skip_token68(r))
            return;
    while (r->left.n && !r->bad) {
        skip(r, true);
        struct reading before = *r;
        struct bytes name = take_token(r);
        skip(r, false);
        if (name.n == 0 || r->left.n == 0 || r->left.at[0] != '=') {
            *r = before;
            r->bad |= name.n == 0 && r->left.n > 0;
            return;
        }
        r->left = bytes_sub(r->left, 1, SIZE_MAX);
        skip(r, false);
        take_parameter(r, name, c, ours);
        skip(r, false);
        r->bad |= r->left.n > 0 && r->left.at[0] != ',';
    }
}

void
challenge_parse(struct bytes field, struct challenge *out)
{
    struct challenge c = *out;
    struct reading r = {field, field.n > FIELD_MAX};
    while (r.left.n && !r.bad) {
        skip(&r, true);
        struct bytes scheme = take_token(&r);
        if (scheme.n == 0)
            break;
        bool ours = !c.bearer && (bytes_same_case(scheme, BYTES("Bearer")) || bytes_same_case(scheme, BYTES("DPoP")));
        take_parameters(&r, &c, ours);
        c.bearer |= ours;
    }
    if (!r.bad && r.left.n == 0)
        *out = c;
}

void
challenge_read(const struct http_headers *h, struct challenge *out)
{
    *out = (struct challenge){0};
    for (size_t i = 0; i < h->n && !out->bearer; i++)
        if (bytes_same_case(h->list[i].name, BYTES("www-authenticate")))
            challenge_parse(h->list[i].value, out);
}
