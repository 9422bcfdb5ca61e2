/*
 * What packs make of outside bytes. By the first byte: a pack file, read whole or with findings; a command, a version and a tool of a server, from which
 * something is always proposed, never weaker than by its name where a claim is all there is, as a line that can be read again; a result, in which outsiders
 * are looked for; the text of a destination that gets another tool. Links: base, estate.
 */
#include <stdio.h>
#include <stdlib.h>

#include "estate/load.h"
#include "estate/packs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(what)                                                                                                                                \
    do {                                                                                                                                             \
        if (!(what))                                                                                                                                 \
            abort();                                                                                                                                 \
    } while (0)

static const struct json_limits limits = {.bytes = 1 << 16, .depth = 30, .nodes = 4000};

static void
a_pack(struct bytes text)
{
    struct findings findings = {0};
    struct estate *e = calloc(1, sizeof *e);
    struct loader l = {.env = env_real(), .estate = e, .findings = &findings, .dir_fd = -1};
    struct pack p = {0};
    REQUIRE(e);
    struct file file = {.path = "packs/x.yaml", .name = "x", .text = arena_copy(&e->arena, text)};
    bool good = pack_read(&l, &file, true, &p);
    REQUIRE(l.memory || good == (findings.errors == 0));
    for (size_t i = 0; good && i < p.n_tools; i++)
        REQUIRE(p.tools[i].name && p.tools[i].arguments && p.tools[i].outsiders);
    findings_free(&findings);
    arena_free(&l.trees);
    struct arena a = e->arena;
    free(e);
    arena_free(&a);
}

static struct packs *
all_packs(void)
{
    static struct packs *packs;
    if (packs == NULL)
        REQUIRE(!err_failed(packs_open(env_real(), NULL, &packs)));
    return packs;
}

static void
a_line(const struct proposal *p, struct arena *a)
{
    struct buf b = buf_make(1 << 20);
    struct yaml *top;
    struct yaml_mark where;
    proposal_put(&b, p, false);
    REQUIRE(!b.failed);
    if (bytes_utf8(bytes_str(p->tool)) && p->tool[0] && bytes_trim(bytes_str(p->tool)).n == strlen(p->tool))
        REQUIRE(!err_failed(yaml_parse(a, buf_bytes(&b), &top, &where)) && top->type == YAML_MAP && top->count == 1);
    buf_free(&b);
}

/* "command words\nname\ntool": the words are split at spaces. */
static void
a_server(struct bytes text, struct arena *a)
{
    struct bytes rest = text, line = bytes_split(&rest, '\n'), name = bytes_split(&rest, '\n');
    const char **words = arena_list(a, line.n + 2, sizeof *words);
    struct recognised r;
    struct proposal p, guess;
    struct json *tool;
    for (size_t n = 0; words && line.at;)
        words[n++] = arena_str(a, bytes_split(&line, ' '));
    struct known_server s = {.command = words, .name = name};
    packs_recognise(all_packs(), &s, a, &r);
    REQUIRE((r.pack == NULL) == (r.basis == BASIS_NONE));
    REQUIRE(r.basis != BASIS_CLAIM || r.doubt);
    range_holds(">=1 <2", name);
    range_ok(name);
    if (err_failed(json_parse(a, rest, &limits, &tool)) || tool->type != JSON_OBJECT)
        return;
    if (err_failed(propose_tool(&r, tool, a, &p)) || err_failed(guess_tool(tool, r.remote, a, &guess)))
        return;
    REQUIRE(!r.doubt || (p.effect >= guess.effect && p.n_sinks >= guess.n_sinks && p.outsiders[0]));
    a_line(&p, a);
}

static void
a_result(struct bytes text, struct arena *a)
{
    static const char *const none[] = {NULL}, *const all[] = {"*", NULL};
    struct bytes rest = text, part = bytes_split(&rest, '\n');
    const char *parts[] = {arena_str(a, part), NULL};
    struct json *result;
    if (parts[0] == NULL || !outsider_part_ok(bytes_str(parts[0])) || err_failed(json_parse(a, rest, &limits, &result)))
        return;
    REQUIRE(outsiders_in(none, result, a) == NULL && outsiders_in(all, result, a) != NULL);
    outsiders_in(parts, result, a);
}

static void
a_destination(struct bytes text, struct arena *a)
{
    struct buf b = buf_make(1 << 20), c = buf_make(1 << 20);
    struct bytes add = BYTES("zz-new: { effect: read, outsiders: [], proposed: \"a, b\" }");
    const char *names[] = {"zz-new", NULL};
    struct yaml *top;
    struct yaml_mark where;
    bool there = err_failed(yaml_parse(a, text, &top, &where)) || yaml_get(yaml_get(top, "tools"), "zz-new");
    if (!there && !err_failed(tools_add(a, text, &add, 1, &b))) {
        REQUIRE(!err_failed(yaml_parse(a, buf_bytes(&b), &top, &where)));
        REQUIRE(yaml_get(yaml_get(yaml_get(top, "tools"), "zz-new"), "proposed"));
        if (!err_failed(tools_confirm(a, buf_bytes(&b), names, &c))) { /* an odd layout is left to a person */
            REQUIRE(!err_failed(yaml_parse(a, buf_bytes(&c), &top, &where)));
            const struct yaml *tool = yaml_get(yaml_get(top, "tools"), "zz-new");
            REQUIRE(yaml_get(tool, "effect") && !yaml_get(tool, "proposed"));
        }
    }
    buf_free(&b);
    buf_free(&c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {.max = (size_t)64 << 20};
    struct bytes text = bytes_make(data + 1, size - 1);
    if (size < 2 || size > 1 << 16)
        return 0;
    if (data[0] == 'p')
        a_pack(text);
    else if (data[0] == 's')
        a_server(text, &a);
    else if (data[0] == 'r')
        a_result(text, &a);
    else
        a_destination(text, &a);
    arena_free(&a);
    return 0;
}
