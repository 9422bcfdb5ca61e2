/* Packs: how servers are recognized, what is proposed, and that a proposal never weakens what a claim, a stranger or a new version could bend. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "estate/packs.h"

static struct packs *packs;
static struct arena arena;

static int
open_all(void **state)
{
    (void)state;
    struct err e = packs_open(env_real(), NULL, &packs);
    if (err_failed(e))
        print_error("%s\n", e.text);
    return err_failed(e);
}

static int
close_all(void **state)
{
    (void)state;
    packs_close(packs);
    arena_free(&arena);
    return 0;
}

/* "npx -y name": its words, split at spaces. */
static const char *const *
words(const char *text)
{
    struct bytes rest = bytes_str(text);
    const char **list = arena_list(&arena, strlen(text) + 2, sizeof *list);
    size_t n = 0;
    while (rest.at)
        list[n++] = arena_str(&arena, bytes_split(&rest, ' '));
    return list;
}

static const struct json *
parse(const char *text)
{
    struct json *v;
    assert_false(err_failed(json_parse(&arena, bytes_str(text), NULL, &v)));
    return v;
}

static void
a_command_says_what_it_runs(void **state)
{
    (void)state;
    static const struct {
        const char *command;
        enum program_kind kind;
        const char *name, *version;
    } cases[] = {
        {"npx -y @modelcontextprotocol/server-filesystem /srv", PROGRAM_NPM, "@modelcontextprotocol/server-filesystem", ""},
        {"/usr/bin/npx --yes mcp-sqlite@1.0.9 /x.db", PROGRAM_NPM, "mcp-sqlite", "1.0.9"},
        {"npx -y @playwright/mcp@latest", PROGRAM_NPM, "@playwright/mcp", ""},
        {"npx -y --package=@x/y@2.0.0 other arg", PROGRAM_NPM, "@x/y", "2.0.0"},
        {"npx -p @x/y other", PROGRAM_NPM, "@x/y", ""},
        {"npm exec -- @x/y", PROGRAM_NPM, "@x/y", ""},
        {"npm run @x/y", PROGRAM_FILE, "npm", ""},
        {"bunx @x/y", PROGRAM_NPM, "@x/y", ""},
        {"pnpm dlx @x/y@1", PROGRAM_NPM, "@x/y", "1"},
        {"npx ./evil", PROGRAM_UNKNOWN, "", ""},
        {"npx github:evil/server", PROGRAM_UNKNOWN, "", ""},
        {"npx evil @modelcontextprotocol/server-filesystem", PROGRAM_NPM, "evil", ""},
        {"npx -c evil @x/y", PROGRAM_NPM, "@x/y", ""},
        {"uvx mcp-server-git --repository /srv", PROGRAM_PYPI, "mcp-server-git", ""},
        {"uvx --from mcp-server-git==2025.1.14 mcp-server-git", PROGRAM_PYPI, "mcp-server-git", "2025.1.14"},
        {"uvx --python 3.12 mcp-server-fetch@2025.4.7", PROGRAM_PYPI, "mcp-server-fetch", "2025.4.7"},
        {"uv tool run mcp-server-time", PROGRAM_PYPI, "mcp-server-time", ""},
        {"uv run server.py", PROGRAM_FILE, "uv", ""},
        {"pipx run mcp-server-fetch", PROGRAM_PYPI, "mcp-server-fetch", ""},
        {"python3.12 -u -m mcp_server_git", PROGRAM_PYPI, "mcp_server_git", ""},
        {"python3 -c print -m mcp_server_git", PROGRAM_UNKNOWN, "", ""},
        {"python /opt/evil.py -m mcp_server_git", PROGRAM_FILE, "evil", ""},
        {"docker run -i --rm -e TOKEN ghcr.io/github/github-mcp-server", PROGRAM_IMAGE, "ghcr.io/github/github-mcp-server", ""},
        {"docker run -i --rm --mount type=bind,src=/a,dst=/b mcp/filesystem:1.2 /b", PROGRAM_IMAGE, "mcp/filesystem", "1.2"},
        {"docker run --entrypoint /bin/sh mcp/filesystem", PROGRAM_UNKNOWN, "", ""},
        {"docker run -i localhost:5000/mcp/fetch@sha256:00", PROGRAM_IMAGE, "localhost:5000/mcp/fetch", ""},
        {"docker exec x mcp/fetch", PROGRAM_FILE, "docker", ""},
        {"npx -y mcp-remote https://mcp.linear.app/mcp", PROGRAM_URL, "https://mcp.linear.app/mcp", ""},
        {"env A=b npx -y @x/y", PROGRAM_NPM, "@x/y", ""},
        {"env -i npx -y @x/y", PROGRAM_UNKNOWN, "", ""},
        {"node -e x @modelcontextprotocol/server-filesystem", PROGRAM_UNKNOWN, "", ""},
        {"node /nowhere/node_modules/@modelcontextprotocol/server-filesystem/dist/index.js", PROGRAM_FILE, "index", ""},
        {"/usr/local/bin/github-mcp-server stdio", PROGRAM_FILE, "github-mcp-server", ""},
        {"bash -c npx", PROGRAM_FILE, "bash", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct program p;
        program_of(words(cases[i].command), &arena, &p);
        if (p.kind != cases[i].kind || !bytes_is(p.name, cases[i].name) || !bytes_is(p.version, cases[i].version))
            fail_msg("%s: %s '%.*s' '%.*s'", cases[i].command, program_kind_names[p.kind], BYTES_ARG(p.name), BYTES_ARG(p.version));
    }
}

static void
ranges_hold_what_they_say(void **state)
{
    (void)state;
    static const struct {
        const char *range, *version;
        bool holds;
    } cases[] = {{">=1.2", "1.2.0", true},          {">=1.2", "1.2.0-beta.1", false},
                 {">1.2 <2", "1.10", true},         {">1.2 <2", "2.0.0", false},
                 {"=0.6.2", "v0.6.2", true},        {"<2", "2.0.0rc1", true},
                 {">=2025.7.1", "2025.11.3", true}, {">=1", "latest", false},
                 {"<=1.0", "1.0.post1", true},      {">=1", "99999999999999999999", true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (range_holds(cases[i].range, bytes_str(cases[i].version)) != cases[i].holds)
            fail_msg("%s %s", cases[i].range, cases[i].version);
    assert_true(range_ok(BYTES(">=1.0 <2")) && range_ok(BYTES("=1")));
    assert_false(range_ok(BYTES("1.0")) || range_ok(BYTES("")) || range_ok(BYTES(">= 1")) || range_ok(BYTES("^1")));
}

static struct recognised
recognise(const char *command, const char *url, const char *name)
{
    struct recognised r;
    struct known_server s = {.command = command ? words(command) : NULL, .url = url, .name = bytes_str(name)};
    packs_recognise(packs, &s, &arena, &r);
    return r;
}

static void
a_name_alone_is_a_claim(void **state)
{
    (void)state;
    struct recognised r = recognise("npx -y @modelcontextprotocol/server-filesystem@2026.8.31 /srv", NULL, "secure-filesystem-server");
    assert_string_equal(r.pack->id, "filesystem");
    assert_true(r.basis == BASIS_PACKAGE && !r.doubt);
    r = recognise("/opt/evil", NULL, "secure-filesystem-server");
    assert_string_equal(r.pack->id, "filesystem");
    assert_true(r.basis == BASIS_CLAIM && r.doubt);
    r = recognise("npx -y @modelcontextprotocol/server-filesystem", NULL, "something-else");
    assert_true(r.basis == BASIS_PACKAGE && r.doubt);
    r = recognise("npx -y @modelcontextprotocol/server-filesystem@0.5.0", NULL, NULL);
    assert_true(r.basis == BASIS_PACKAGE && r.doubt);
    r = recognise("/opt/evil", NULL, "filesystem");
    assert_null(r.pack);
}

static struct proposal
propose(const struct recognised *r, const char *tool)
{
    struct proposal p;
    assert_false(err_failed(propose_tool(r, parse(tool), &arena, &p)));
    return p;
}

static void
a_pack_proposes_and_a_claim_only_narrows(void **state)
{
    (void)state;
    static const char tool[] = "{\"name\": \"read_text_file\", \"inputSchema\": {\"properties\": {\"path\": {}, \"head\": {}}}}";
    static const char more[] = "{\"name\": \"read_text_file\", \"inputSchema\": {\"properties\": {\"path\": {}, \"upload_url\": {}}}}";
    struct recognised package = recognise("npx -y @modelcontextprotocol/server-filesystem", NULL, NULL),
                      claim = recognise("/opt/evil", NULL, "secure-filesystem-server");
    struct proposal p = propose(&package, tool);
    assert_true(p.known && p.effect == EFFECT_READ && p.n_sinks == 1 && p.outsiders[0] == NULL);
    p = propose(&claim, tool);
    assert_true(!p.known && p.effect == EFFECT_READ && p.n_sinks == 1);
    assert_string_equal(p.outsiders[0], "*");
    p = propose(&package, more); /* the same name with another argument is another tool */
    assert_true(!p.known && p.effect == EFFECT_WRITE && p.n_sinks == 2 && p.sinks[1].leaves);
}

static void
names_tell_what_annotations_may_only_worsen(void **state)
{
    (void)state;
    static const struct {
        const char *tool;
        enum effect effect;
    } cases[] = {{"{\"name\": \"get_issue\"}", EFFECT_READ},
                 {"{\"name\": \"listFiles\"}", EFFECT_READ},
                 {"{\"name\": \"git_status\"}", EFFECT_READ},
                 {"{\"name\": \"read_and_delete\"}", EFFECT_WRITE},
                 {"{\"name\": \"delete_file\"}", EFFECT_IRREVERSIBLE},
                 {"{\"name\": \"SendEmail\"}", EFFECT_IRREVERSIBLE},
                 {"{\"name\": \"frobnicate\", \"annotations\": {\"readOnlyHint\": true}}", EFFECT_WRITE},
                 {"{\"name\": \"execute_sql\", \"annotations\": {\"readOnlyHint\": true}}", EFFECT_IRREVERSIBLE},
                 {"{\"name\": \"get_x\", \"annotations\": {\"readOnlyHint\": false}}", EFFECT_WRITE},
                 {"{\"name\": \"update_x\", \"annotations\": {\"destructiveHint\": true}}", EFFECT_IRREVERSIBLE},
                 {"{\"name\": \"get_page\", \"inputSchema\": {\"properties\": {\"pageUrl\": {}}}}", EFFECT_WRITE}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct proposal p;
        assert_false(err_failed(guess_tool(parse(cases[i].tool), false, &arena, &p)));
        if (p.effect != cases[i].effect)
            fail_msg("%s: %s", cases[i].tool, effect_names[p.effect]);
    }
}

static void
a_proposal_is_a_line_of_yaml(void **state)
{
    (void)state;
    struct recognised r = recognise("uvx mcp-server-fetch", NULL, NULL);
    struct proposal p = propose(&r, "{\"name\": \"fetch\", \"inputSchema\": {\"properties\": {\"url\": {}}}}");
    struct buf b = buf_make(4096);
    proposal_put(&b, &p, true);
    assert_string_equal(buf_text(&b), "fetch: { effect: write, sinks: { url: url }, outsiders: [\"*\"] }");
    buf_drop(&b, b.n);
    proposal_put(&b, &p, false);
    assert_string_equal(buf_text(&b), "fetch: { effect: write, sinks: { url: url }, outsiders: [\"*\"], proposed: \"pack fetch, by PyPI package "
                                      "mcp-server-fetch\" }");
    buf_free(&b);
}

static void
outsiders_are_found_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *part, *result;
        bool found;
    } cases[] = {
        {"*", "{\"content\": []}", true},
        {"body", "{\"content\": [{\"type\": \"text\", \"text\": \"{\\\"body\\\": \\\"hello\\\"}\"}]}", true},
        {"body", "{\"content\": [{\"type\": \"text\", \"text\": \"{\\\"body\\\": \\\"\\\"}\"}]}", false},
        {"body", "{\"content\": [{\"type\": \"text\", \"text\": \"{\\\"title\\\": \\\"x\\\"}\"}]}", false},
        {"items.body", "{\"content\": [{\"type\": \"text\", \"text\": \"{\\\"items\\\": [{}, {\\\"body\\\": \\\"x\\\"}]}\"}]}", true},
        {"items.body", "{\"content\": [{\"type\": \"text\", \"text\": \"{\\\"items\\\": []}\"}]}", false},
        {"body", "{\"content\": [{\"type\": \"text\", \"text\": \"[[{\\\"body\\\": \\\"x\\\"}]]\"}]}", true},
        {"body", "{\"content\": [{\"type\": \"text\", \"text\": \"not JSON\"}]}", true},
        {"body", "{\"content\": [{\"type\": \"text\", \"text\": \" \"}]}", false},
        {"body", "{\"content\": [{\"type\": \"image\", \"data\": \"\"}]}", true},
        {"body", "{\"content\": [], \"structuredContent\": {\"body\": \"x\"}}", true},
        {"body", "{\"content\": [], \"structuredContent\": {\"id\": 1}}", false},
        {"body", "{\"content\": [], \"isError\": true}", true},
        {"body", "{\"resultType\": \"task\"}", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *parts[] = {cases[i].part, NULL};
        if ((outsiders_in(parts, parse(cases[i].result), &arena) != NULL) != cases[i].found)
            fail_msg("%s in %s", cases[i].part, cases[i].result);
    }
    static const char *none[] = {NULL};
    assert_null(outsiders_in(none, parse("{\"content\": []}"), &arena));
    assert_true(outsider_part_ok(BYTES("a.b")) && outsider_part_ok(BYTES("*")));
    assert_false(outsider_part_ok(BYTES("")) || outsider_part_ok(BYTES("a.")) || outsider_part_ok(BYTES(".a")) || outsider_part_ok(BYTES("a.*")) ||
                 outsider_part_ok(BYTES("a b")));
}

/* Every built-in pack speaks of the version it was looked at, names each tool once a range, and is what its file says. */
static void
built_in_packs_are_whole(void **state)
{
    (void)state;
    assert_true(packs->n >= 15);
    for (size_t i = 0; i < packs->n; i++) {
        const struct pack *p = packs->list[i];
        assert_true(p->n_tools > 0 && !p->own);
        for (size_t k = 1; k < p->n_tools; k++)
            if (strcmp(p->tools[k - 1].name, p->tools[k].name) == 0 && p->tools[k].versions == NULL)
                fail_msg("%s: %s stands twice", p->id, p->tools[k].name);
        for (size_t k = 0; k < p->n_tools; k++)
            for (size_t n = 0; n < p->tools[k].n_sinks; n++)
                if (p->tools[k].sinks[n].leaves && p->tools[k].effect == EFFECT_READ)
                    fail_msg("%s: %s is a read with a way out", p->id, p->tools[k].name);
    }
    assert_null(packs_find(packs, "no-such-pack"));
}

static const char *
added(const char *text, const char *line)
{
    struct buf b = buf_make(4096);
    struct bytes add = bytes_str(line);
    struct err e = tools_add(&arena, bytes_str(text), &add, 1, &b);
    const char *out = err_failed(e) ? arena_printf(&arena, "!%s", e.text) : arena_str(&arena, buf_bytes(&b));
    buf_free(&b);
    return out;
}

static const char *
confirmed(const char *text, const char *name)
{
    struct buf b = buf_make(4096);
    const char *names[] = {name, NULL};
    struct err e = tools_confirm(&arena, bytes_str(text), names, &b);
    const char *out = err_failed(e) ? arena_printf(&arena, "!%s", e.text) : arena_str(&arena, buf_bytes(&b));
    buf_free(&b);
    return out;
}

static void
a_line_is_added_and_all_else_stays(void **state)
{
    (void)state;
    assert_string_equal(added("owner: a # me", "x: {}"), "owner: a # me\n\ntools:\n  x: {}\n");
    assert_string_equal(added("tools: {} # none\nowner: a\n", "x: {}"), "tools: # none\n  x: {}\nowner: a\n");
    assert_string_equal(added("tools:\n    a: { effect: read } # mine\n\n# then\nowner: a\n", "x: {}"),
                        "tools:\n    a: { effect: read } # mine\n    x: {}\n\n# then\nowner: a\n");
    assert_string_equal(added("tools:\n  a:\n    effect: read", "x: {}"), "tools:\n  a:\n    effect: read\n  x: {}\n");
    assert_string_equal(added("tools: { a: { effect: read } }\n", "x: {}"), "!line 1: tools: is not written with one tool a line; change it by hand");
}

static void
confirming_takes_one_word_away(void **state)
{
    (void)state;
    assert_string_equal(confirmed("tools:\n  a: { effect: read, proposed: \"x, \\\"y\\\" }\" } # c\n", "a"), "tools:\n  a: { effect: read } # c\n");
    assert_string_equal(confirmed("tools:\n  a: { proposed: \"x\", effect: read }\n", "a"),
                        "!line 2: proposed is not written as Writ writes it; remove it by hand to confirm a");
    assert_string_equal(confirmed("tools:\n  a:\n    effect: read\n    proposed: \"x\"\n  b: {}\n", "a"),
                        "tools:\n  a:\n    effect: read\n  b: {}\n");
    assert_string_equal(confirmed("tools:\n  a: { effect: read }\n", "a"), "tools:\n  a: { effect: read }\n");
    assert_string_equal(confirmed("tools:\n  a:\n    proposed: |\n      x\n    effect: read\n", "a"),
                        "!line 3: proposed is not written as Writ writes it; remove it by hand to confirm a");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_says_what_it_runs),
        cmocka_unit_test(ranges_hold_what_they_say),
        cmocka_unit_test(a_name_alone_is_a_claim),
        cmocka_unit_test(a_pack_proposes_and_a_claim_only_narrows),
        cmocka_unit_test(names_tell_what_annotations_may_only_worsen),
        cmocka_unit_test(a_proposal_is_a_line_of_yaml),
        cmocka_unit_test(outsiders_are_found_by_name),
        cmocka_unit_test(built_in_packs_are_whole),
        cmocka_unit_test(a_line_is_added_and_all_else_stays),
        cmocka_unit_test(confirming_takes_one_word_away),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
