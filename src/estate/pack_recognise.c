/*
 * Which pack speaks of a server. Its package, image or address says so; a program's name says less; its own name is a mere claim. Whatever the basis,
 * a pack only proposes; on a claim, or in any doubt, it can only make a proposal stricter.
 */
#include <stdio.h>

#include "estate/packs.h"

static bool
among(const char *const *list, struct bytes name)
{
    for (; *list; list++)
        if (bytes_is(name, *list))
            return true;
    return false;
}

/* PyPI: case does not matter, and "-", "_", "." are alike (PEP 503). A module's name is its package's, with "_". */
static bool
same_pypi(struct bytes a, struct bytes b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++) {
        uint8_t x = a.at[i], y = b.at[i];
        x = x == '_' || x == '.' ? '-' : x >= 'A' && x <= 'Z' ? x | 0x20 : x;
        y = y == '_' || y == '.' ? '-' : y >= 'A' && y <= 'Z' ? y | 0x20 : y;
        if (x != y)
            return false;
    }
    return true;
}

static bool
among_pypi(const char *const *list, struct bytes name)
{
    for (; *list; list++)
        if (same_pypi(name, bytes_str(*list)))
            return true;
    return false;
}

/* The same scheme, host and port, and a path at or below it. */
static bool
url_below(struct bytes url, struct bytes top)
{
    size_t scheme = bytes_search(url, BYTES("://")) + 3, wanted = bytes_search(top, BYTES("://")) + 3;
    if (scheme != wanted || !bytes_eq(bytes_sub(url, 0, scheme), bytes_sub(top, 0, wanted)))
        return false;
    struct bytes rest = bytes_sub(url, scheme, url.n), below = bytes_sub(top, wanted, top.n);
    size_t host = 0, top_host = bytes_find(below, '/');
    while (host < rest.n && !strchr("/?#", rest.at[host]))
        host++;
    struct bytes path = bytes_sub(rest, host, rest.n), top_path = bytes_sub(below, top_host, below.n);
    while (top_path.n && top_path.at[top_path.n - 1] == '/')
        top_path.n--;
    if (!bytes_same_case(bytes_sub(rest, 0, host), bytes_sub(below, 0, top_host)) || !bytes_starts(path, top_path))
        return false;
    return path.n == top_path.n || strchr("/?#", path.at[top_path.n]);
}

static bool
among_urls(const char *const *list, struct bytes url)
{
    for (; *list; list++)
        if (url_below(url, bytes_str(*list)))
            return true;
    return false;
}

static bool
pack_runs_as(const struct pack *p, const struct program *program)
{
    switch (program->kind) {
    case PROGRAM_NPM:
        return among(p->npm, program->name);
    case PROGRAM_PYPI:
        return among_pypi(p->pypi, program->name);
    case PROGRAM_IMAGE:
        return among(p->images, program->name);
    case PROGRAM_FILE:
        return among(p->programs, program->name);
    case PROGRAM_URL:
        return among_urls(p->urls, program->name);
    default:
        return false;
    }
}

/* An estate's own pack comes first. */
static const struct pack *
find(const struct packs *packs, const struct program *program, struct bytes name)
{
    const struct pack *found = NULL;
    for (size_t i = 0; i < packs->n; i++) {
        const struct pack *p = packs->list[i];
        bool fits = program ? pack_runs_as(p, program) : name.n > 0 && among(p->servers, name);
        if (fits && (found == NULL || (p->own && !found->own)))
            found = p;
    }
    return found;
}

/* What a server says of itself stands in what people read: printable, and not long. */
static void
say(char *out, size_t room, struct bytes text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n && n + 1 < room; i++)
        out[n++] = text.at[i] > 0x20 && text.at[i] < 0x7f ? (char)text.at[i] : '?';
    out[n] = 0;
}

static void
set_why(struct recognised *r, const struct program *program, const struct known_server *s)
{
    char name[100], claim[60];
    say(name, sizeof name, program->name);
    say(claim, sizeof claim, s->name);
    if (r->basis == BASIS_CLAIM)
        snprintf(r->why, sizeof r->why, "pack %s, by a mere claim: it calls itself %s", r->pack->id, claim);
    else
        snprintf(r->why, sizeof r->why, "pack %s, by %s %s%s%s%s", r->pack->id, program_kind_names[program->kind], name, r->version[0] ? " " : "",
                 r->version, program->at ? " installed here" : "");
}

static void
add_doubt(struct recognised *r, const char *what)
{
    size_t n = strlen(r->why);
    r->doubt = true;
    snprintf(r->why + n, sizeof r->why - n, "; %s", what);
}

/* Named otherwise than the pack knows, or of another version: then it only narrows. */
static void
look_closer(struct recognised *r, const struct known_server *s)
{
    char text[160], name[60];
    say(name, sizeof name, s->name);
    if (s->name.n && r->pack->servers[0] && !among(r->pack->servers, s->name)) {
        snprintf(text, sizeof text, "but it calls itself %s, which the pack does not know", name);
        add_doubt(r, text);
    }
    if (r->version[0] && !range_holds(r->pack->versions, bytes_str(r->version))) {
        snprintf(text, sizeof text, "but the pack speaks of %.60s", r->pack->versions);
        add_doubt(r, text);
    }
}

void
packs_recognise(const struct packs *p, const struct known_server *s, struct arena *a, struct recognised *out)
{
    struct program program;
    *out = (struct recognised){.basis = BASIS_NONE};
    if (s->url)
        program = (struct program){PROGRAM_URL, bytes_str(s->url), {NULL, 0}, NULL};
    else
        program_of(s->command, a, &program);
    out->remote = program.kind == PROGRAM_URL;
    out->pack = find(p, &program, (struct bytes){NULL, 0});
    if (out->pack) {
        out->basis = program.kind == PROGRAM_FILE ? BASIS_FILE : BASIS_PACKAGE;
        say(out->version, sizeof out->version, program.version);
        set_why(out, &program, s);
        look_closer(out, s);
        return;
    }
    out->pack = find(p, NULL, s->name);
    if (out->pack == NULL) {
        snprintf(out->why, sizeof out->why, "no pack knows this server");
        return;
    }
    out->basis = BASIS_CLAIM;
    out->doubt = true;
    set_why(out, &program, s);
}
