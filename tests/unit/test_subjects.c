/* Prompts and resources as subjects: URIs in one spelling, templates, what grants and policies say of them, what a list may show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cedar/schema.h"
#include "decide/decide.h"
#include "estate/schema.h"
#include "estate/uri.h"

static char top[] = "/tmp/writ-subjects-XXXXXX";

/* ---------------------------------------------------------------------------------------------------------------- spelling */

static void
test_a_uri_has_one_spelling(void **state)
{
    static const char *const good[] = {"test://static-text",
                                       "file:///a/b.txt",
                                       "docs://public/x?y=1",
                                       "urn:isbn:0451450523",
                                       "docs://caf%C3%A9/%C3%9Cbersicht.md",
                                       "docs://a%20b",
                                       "repo://org%2Frepo",
                                       "https://[2001:db8::1]:8443/x",
                                       "memo",
                                       "docs://a/...",
                                       "docs://a/..b",
                                       "docs://a/.hidden",
                                       "a+b-c.1://x",
                                       "docs://100%25",
                                       "docs://a(1),b;c=d!e'f*g$h&i@j"};
    static const struct {
        const char *uri, *why;
    } bad[] = {
        {"", "1 to 4096"},
        {"DOCS://public", "scheme"},
        {"docs://PUBLIC/x", "capital"},
        {"docs://public/../secret", "dot segments"},
        {"docs://public/./x", "dot segments"},
        {"docs://public/..", "dot segments"},
        {"docs://../x", "dot segments"},
        {"docs://public/..%2Fsecret", "dot segments"},
        {"docs://public/..;a=1/secret", "dot segments"},
        {"urn:../x", "dot segments"},
        {"../x", "dot segments"},
        {"docs://public/%2e%2e/secret", "two upper-case hex"},
        {"docs://public/%2E%2E/secret", "needs no encoding"},
        {"docs://%70ublic", "needs no encoding"},
        {"docs://public%2fx", "two upper-case hex"},
        {"docs://public/%252E%252E/secret", "encoded twice"},
        {"docs://public/%255c", "encoded twice"},
        {"docs://public/%5C..%5Csecret", "backslash"},
        {"docs://public/..\\secret", "no URI has"},
        {"docs://public/%00", "control"},
        {"docs://public/%0A", "control"},
        {"docs://public/%7F", "control"},
        {"docs://public/%C0%AE%C0%AE/secret", "not UTF-8"},
        {"docs://public/%ED%A0%80", "not UTF-8"},
        {"docs://public/%EF%BC%8E%EF%BC%8E%EF%BC%8Fsecret", "look like others"},
        {"docs://pub%E2%80%8Blic", "look like others"},
        {"docs://public/\xc3\xbc", "not ASCII"},
        {"docs://public/a b", "no URI has"},
        {"docs://public/{path}", "no URI has"},
        {"docs://public/x#secret", "fragment"},
        {"docs://public/x?", "query is empty"},
        {"docs://public/%", "two upper-case hex"},
        {"docs://public/%4", "two upper-case hex"},
        {"docs://public/%GG", "two upper-case hex"},
    };
    char long_one[URI_MAX + 2];
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (uri_fault(bytes_str(good[i])))
            fail_msg("%s: %s", good[i], uri_fault(bytes_str(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *why = uri_fault(bytes_str(bad[i].uri));
        if (why == NULL || strstr(why, bad[i].why) == NULL)
            fail_msg("%s: %s, expected %s", bad[i].uri, why ? why : "fine", bad[i].why);
    }
    memset(long_one, 'a', sizeof long_one);
    assert_null(uri_fault(bytes_make(long_one, URI_MAX)));
    assert_non_null(uri_fault(bytes_make(long_one, URI_MAX + 1)));
    assert_non_null(uri_fault(bytes_make("a\0b", 3)));
}

static void
test_what_a_template_can_give(void **state)
{
    static const struct {
        const char *template, *uri;
        bool fits;
    } cases[] = {
        {"docs://{name}", "docs://a", true},
        {"docs://{name}", "docs://", true}, /* a variable may be undefined */
        {"docs://{name}", "docs://a/b", false},
        {"docs://{name}", "docs://a%2Fb", true},
        {"docs://{name}", "docs://a?b", false},
        {"docs://{name}", "docs://a,b", true},
        {"docs://{+path}", "docs://a/b?c", true},
        {"docs://{+path}", "docs://a%2Fb", false}, /* a value that may hold a plain slash has no encoded one */
        {"docs://x{/a}", "docs://x", true},
        {"docs://x{/a}", "docs://x/1", true},
        {"docs://x{/a}", "docs://x/1/2", false},
        {"docs://x{/a,b}", "docs://x/1/2", true},
        {"docs://x{/a*}", "docs://x/1/2/3", true},
        {"docs://x{?q}", "docs://x?q=1", true},
        {"docs://x{?q}", "docs://x?q=1&r=2", false},
        {"docs://x{?q,r}", "docs://x?q=1&r=2", true},
        {"docs://x{?q*}", "docs://x?q=1&r=2", true},
        {"docs://x?f=1{&q}", "docs://x?f=1&q=2", true},
        {"docs://x{.ext}", "docs://x.md", true},
        {"docs://x{;a}", "docs://x;a=1", true},
        {"test://template/{id}/data", "test://template/123/data", true},
        {"test://template/{id}/data", "test://template/1/2/data", false},
        {"test://template/{id}/data", "test://template/123/other", false},
        {"test://template/{id}/data", "test://template//data", true},
        {"a{x}b{y}c", "abbbbc", true},
        {"a{x}b{y}c", "abbbbd", false},
        {"docs://plain", "docs://plain", true},
        {"docs://plain", "docs://plain2", false},
        {"docs://{broken", "docs://{broken", false},
        {"docs://{}", "docs://", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t work = URI_WORK;
        if (uri_template_fits(bytes_str(cases[i].template), bytes_str(cases[i].uri), &work) != cases[i].fits)
            fail_msg("%s: %s", cases[i].template, cases[i].uri);
    }
    assert_true(uri_template_begins(BYTES("docs://{+path}"), BYTES("docs://public/")));
    assert_true(uri_template_begins(BYTES("docs://public/{name}"), BYTES("docs://pub")));
    assert_true(uri_template_begins(BYTES("docs://public/{name}"), BYTES("docs://public/a")));
    assert_false(uri_template_begins(BYTES("docs://secret/{name}"), BYTES("docs://public/")));
    assert_false(uri_template_begins(BYTES("docs://{name}"), BYTES("docs://public/")));
}

static void
test_comparing_with_templates_is_bounded(void **state)
{
    char template[1024], uri[URI_MAX];
    size_t n = 0, work = URI_WORK;
    (void)state;
    while (n + 4 < sizeof template)
        memcpy(&template[n], "{+a}", 4), n += 4;
    memset(uri, 'x', sizeof uri);
    for (size_t i = 0; i < 1000 && work; i++)
        uri_template_fits(bytes_make(template, n), bytes_make(uri, sizeof uri), &work);
    assert_int_equal(work, 0);
}

static void
test_arguments_marked_for_headers(void **state)
{
    static const struct {
        const char *schema, *why;
    } cases[] = {
        {"{\"properties\":{\"a\":{\"type\":\"string\",\"x-mcp-header\":\"Region\"},\"b\":{\"type\":\"integer\",\"x-mcp-header\":\"Other\"}}}", ""},
        {"{\"properties\":{\"o\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"boolean\",\"x-mcp-header\":\"In\"}}}}}", ""},
        {"{\"properties\":{\"x-mcp-header\":{\"type\":\"string\"}}}", ""}, /* an argument of that name */
        {"{\"properties\":{\"a\":{\"type\":\"string\",\"x-mcp-header\":\"\"}}}", "a: x-mcp-header is no name of a header"},
        {"{\"properties\":{\"a\":{\"type\":\"string\",\"x-mcp-header\":5}}}", "a: x-mcp-header is no name of a header"},
        {"{\"properties\":{\"a\":{\"type\":\"string\",\"x-mcp-header\":\"A B\"}}}", "a: x-mcp-header is no name of a header"},
        {"{\"properties\":{\"a\":{\"type\":\"string\",\"x-mcp-header\":\"A:B\"}}}", "a: x-mcp-header is no name of a header"},
        {"{\"properties\":{\"a\":{\"type\":\"string\",\"x-mcp-header\":\"A\\r\\nB\"}}}", "a: x-mcp-header is no name of a header"},
        {"{\"properties\":{\"a\":{\"type\":\"string\",\"x-mcp-header\":\"R\\u00e9gion\"}}}", "a: x-mcp-header is no name of a header"},
        {"{\"properties\":{\"a\":{\"type\":\"number\",\"x-mcp-header\":\"N\"}}}", "a: x-mcp-header belongs on a string, an integer or a boolean"},
        {"{\"properties\":{\"a\":{\"type\":\"object\",\"x-mcp-header\":\"N\"}}}", "a: x-mcp-header belongs on a string, an integer or a boolean"},
        {"{\"properties\":{\"a\":{\"x-mcp-header\":\"N\"}}}", "a: x-mcp-header belongs on a string, an integer or a boolean"},
        {"{\"properties\":{\"a\":{\"type\":\"string\",\"x-mcp-header\":\"Same\"},\"b\":{\"type\":\"string\",\"x-mcp-header\":\"sAME\"}}}",
         "b: x-mcp-header names a header that another argument has"},
        {"{\"properties\":{\"a\":{\"type\":\"array\",\"items\":{\"type\":\"string\",\"x-mcp-header\":\"N\"}}}}",
         "a: x-mcp-header stands where no argument is reached by properties alone"},
        {"{\"anyOf\":[{\"properties\":{\"a\":{\"type\":\"string\",\"x-mcp-header\":\"N\"}}}]}",
         "a: x-mcp-header stands where no argument is reached by properties alone"},
        {"{\"$defs\":{\"d\":{\"type\":\"string\",\"x-mcp-header\":\"N\"}}}",
         "d: x-mcp-header stands where no argument is reached by properties alone"},
        {"{\"type\":\"string\",\"x-mcp-header\":\"N\"}", ": x-mcp-header stands where no argument is reached by properties alone"},
    };
    struct arena a = {0};
    char why[160];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct json *v;
        assert_false(err_failed(json_parse(&a, bytes_str(cases[i].schema), NULL, &v)));
        bool ok = schema_marks_ok(v, why, sizeof why);
        if (ok != (cases[i].why[0] == 0) || strcmp(why, cases[i].why) != 0)
            fail_msg("%s: %s", cases[i].schema, why);
    }
    arena_free(&a);
}

/* --------------------------------------------------------------------------------------------------------------- an estate */

static const char offer[] =
    "{\"server\":{\"info\":{\"name\":\"docs\",\"version\":\"1\"}},\"tools\":[{\"name\":\"find\",\"inputSchema\":{\"type\":\"object\","
    "\"properties\":{\"q\":{\"type\":\"string\"}}}}],\"prompts\":[{\"name\":\"review\",\"arguments\":[{\"name\":\"repo\",\"required\":"
    "true},{\"name\":\"style\"}]},{\"name\":\"greet\",\"arguments\":[{\"name\":\"name\",\"required\":true}]},{\"name\":\"plain\"}],"
    "\"resource_templates\":[{\"uriTemplate\":\"docs://{+path}\",\"name\":\"any\",\"mimeType\":\"text/plain\"},"
    "{\"uriTemplate\":\"repo://{name}\",\"name\":\"repo\"},{\"uriTemplate\":\"secret://{name}\",\"name\":\"secret\"}]}";

static void
put(const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", top, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void
write_estate(const char *tools, const char *policies)
{
    char text[4096];
    snprintf(text, sizeof text, "name: t\nstate_dir: %s/state\nrun_dir: %s/run\nmaster: { file: %s/key }\nbuiltin_policies: %s\n", top, top, top,
             strstr(policies, "permit") ? "false" : "true");
    put("writ.yaml", text);
    put("people.yaml", "ana: { name: Ana, groups: [finance] }\nben: { name: Ben }\n");
    put("agents/bot.yaml", "purpose: p\nowner: ana\nbackup: ben\nkind: autonomous\nproves:\n  - unix: { uid: 64001, dedicated: true }\n"
                           "tasks: [work]\ndefault_task: work\n");
    put("destinations/docs.yaml", "owner: ana\nsensitivity: internal\nintegrity: trusted\nshare: [prompts, resources]\nserver: { command: "
                                  "[/bin/true] }\ntools:\n  find: { effect: read }\n");
    snprintf(text, sizeof text, "purpose: p\ntools:\n%s", tools);
    put("tasks/work.yaml", text);
    put("policies/own.cedar", policies);
}

static int
setup(void **state)
{
    static const char *const folders[] = {"agents", "destinations", "tasks", "policies", "pins"};
    char path[512];
    struct arena a = {0};
    struct json *v;
    (void)state;
    assert_non_null(mkdtemp(top));
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        snprintf(path, sizeof path, "%s/%s", top, folders[i]);
        mkdir(path, 0700);
    }
    assert_false(err_failed(json_parse(&a, bytes_str(offer), NULL, &v)));
    struct err e = pin_write(top, "docs", v);
    assert_string_equal(e.text, "");
    arena_free(&a);
    return 0;
}

static int
teardown(void **state)
{
    char command[600];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", top);
    return system(command);
}

/* The first error of the load, or "". */
static void
first_error(const char *tools, const char *policies, char out[512])
{
    struct findings f = {0};
    struct estate *e = NULL;
    write_estate(tools, policies);
    struct err failed = estate_load(env_real(), top, decide_builtin(), &f, &e);
    out[0] = 0;
    for (size_t i = 0; i < f.n && out[0] == 0; i++)
        if (f.list[i].level == FINDING_ERROR)
            snprintf(out, 512, "%s:%d: %s", f.list[i].file, f.list[i].line, f.list[i].text);
    assert_int_equal(err_failed(failed), out[0] != 0);
    if (e)
        estate_unref(e);
    findings_free(&f);
}

static void
test_what_is_not_there_cannot_be_named(void **state)
{
    static const char none[] = "  docs/find: {}\n";
    static const struct {
        const char *tools, *policies, *error;
    } cases[] = {
        {"  docs/@prompts: {}\n  docs/@resources: {}\n", "", ""},
        {"  docs/@prompts/review: { repo: { one_of: [a, b] }, style: { absent: true } }\n", "", ""},
        {"  docs/@prompts/reveiw: {}\n", "",
         "tasks/work.yaml:3: tools.docs/@prompts/reveiw: 'docs' has no pinned prompt 'reveiw'; did you mean 'review'?"},
        {"  docs/@prompts/review: { rep: { is: a } }\n", "",
         "tasks/work.yaml:3: tools.docs/@prompts/review.rep: the prompt has no such argument; did you mean 'repo'?"},
        {"  docs/@prompts/review: { repo: { is: 5 } }\n", "",
         "tasks/work.yaml:3: tools.docs/@prompts/review.repo.is: no call could satisfy this: arguments.repo: expected string, got integer"},
        {"  docs/@prompts: { name: { one_of: [review, plian] } }\n", "",
         "tasks/work.yaml:3: tools.docs/@prompts.name: 'docs' has no pinned prompt 'plian'; did you mean 'plain'?"},
        {"  docs/@prompts: { repo: { is: a } }\n", "", "tasks/work.yaml:3: tools.docs/@prompts.repo: the tool has no such argument"},
        {"  docs/@resources/docs://{+path}: { uri: { starts: docs://public/ } }\n", "", ""},
        {"  docs/@resources/docs://{path}: {}\n", "",
         "tasks/work.yaml:3: tools.docs/@resources/docs://{path}: 'docs' has no pinned resource template 'docs://{path}'; did you mean "
         "'docs://{+path}'?"},
        {"  docs/@resources/docs://a/b: {}\n", "", ""},
        {"  docs/@resources/docs://a/../b: {}\n", "",
         "tasks/work.yaml:3: tools.docs/@resources/docs://a/../b: no resource can be read by the URI 'docs://a/../b': it has dot segments"},
        {"  docs/@resources: { uri: { is: DOCS://a } }\n", "",
         "tasks/work.yaml:3: tools.docs/@resources.uri: no resource can be read by the URI 'DOCS://a': its scheme has capital letters"},
        {"  docs/@resources/docs://a%2Fb: {}\n", "",
         "tasks/work.yaml:3: tools.docs/@resources/docs://a%2Fb: no resource can be read by the URI 'docs://a%2Fb': it encodes a slash, and no "
         "pinned "
         "template gives that"},
        {"  docs/@resources/repo://a%2Fb: {}\n", "", ""},
        {none, "forbid (principal, action == Action::\"docs/@prompts/reveiw\", resource) when { context.input.arguments.repo == \"x\" };",
         "policies/own.cedar:1: 'docs' has no pinned prompt 'reveiw'; did you mean 'review'?"},
        {none, "forbid (principal, action == Action::\"docs/@prompts/review\", resource) when { context.input.arguments.rep == \"x\" };",
         "policies/own.cedar:1: context.input.arguments.rep: the prompt 'docs/review' has no such argument; did you mean 'repo'?"},
        {none, "forbid (principal, action == Action::\"docs/@prompts/review\", resource) when { context.input.arguments.style == \"x\" };",
         "policies/own.cedar:1: unable to guarantee safety of access to optional attribute `input.arguments.style`"},
        {none, "forbid (principal, action == Action::\"docs/@prompts/review\", resource) when { context.input.arguments.repo == 1 };",
         "policies/own.cedar:1: "},
        {none, "forbid (principal, action == Action::\"docs/@resources/docs://{path}\", resource) when { context.input.uri == \"x\" };",
         "policies/own.cedar:1: 'docs' has no pinned resource template 'docs://{path}'; did you mean 'docs://{+path}'?"},
        {none, "forbid (principal, action == Action::\"docs/@resources/docs://{+path}\", resource) when { context.input.mime == \"text/plain\" };",
         ""},
        {none, "forbid (principal, action == Action::\"docs/@resources/repo://{name}\", resource) when { context.input.mime == \"text/plain\" };",
         "policies/own.cedar:1: "},
        {none, "forbid (principal, action in Action::\"docs/@prompts\", resource) when { context.input has name && context.input.name == \"x\" };",
         ""},
    };
    char got[512];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        first_error(cases[i].tools, cases[i].policies, got);
        if (cases[i].error[0] ? strncmp(got, cases[i].error, strlen(cases[i].error)) != 0 : got[0] != 0)
            fail_msg("case %zu\n%s%s\n--- expected\n%s\n--- got\n%s", i, cases[i].tools, cases[i].policies, cases[i].error, got);
    }
}

/* --------------------------------------------------------------------------------------------------------------- deciding */

struct scene {
    struct snapshot *s;
    struct instance instance;
    struct writ writ;
    struct call call;
    struct arena a;
    struct cedar_scratch *scratch;
    struct decision d;
};

static char purpose[] = "p";

static void
scene_make(struct scene *k, const char *grants, const char *policies)
{
    struct findings f = {0};
    struct estate *e = NULL;
    memset(k, 0, sizeof *k);
    write_estate(grants, policies);
    struct err failed = estate_load(env_real(), top, decide_builtin(), &f, &e);
    for (size_t i = 0; i < f.n && err_failed(failed); i++)
        printf("%s:%d: %s\n", f.list[i].file, f.list[i].line, f.list[i].text);
    assert_string_equal(failed.text, "");
    assert_false(err_failed(snapshot_make(e, &k->s)));
    estate_unref(e);
    findings_free(&f);
    k->scratch = cedar_scratch_new(1 << 20);
    k->instance.strength = PROOF_USER;
    k->writ = (struct writ){.instance = &k->instance,
                            .agent = estate_agent(k->s->estate, "bot"),
                            .task = estate_task(k->s->estate, "work"),
                            .purpose = purpose,
                            .on_behalf_of = "",
                            .confinement = "",
                            .confined = true};
}

static void
scene_free(struct scene *k)
{
    snapshot_unref(k->s);
    cedar_scratch_free(k->scratch);
    arena_free(&k->a);
}

static void
call_make(struct scene *k)
{
    k->call = (struct call){.writ = &k->writ, .destination = estate_destination(k->s->estate, "docs"), .now_ms = env_real()->now_ms(env_real())};
}

static struct json *
parse(struct scene *k, const char *text)
{
    struct json *v = NULL;
    assert_false(err_failed(json_parse(&k->a, bytes_str(text), NULL, &v)));
    return v;
}

static enum outcome
decided(struct scene *k)
{
    memset(&k->d, 0, sizeof k->d);
    decide(k->s, &k->call, k->scratch, &k->a, &k->d);
    return k->d.outcome;
}

/* Whether it is allowed. */
static bool
prompt(struct scene *k, const char *name, const char *arguments)
{
    call_make(k);
    struct err e = subject_prompt(&k->call, bytes_str(name), parse(k, arguments), true, &k->a);
    assert_string_equal(e.text, "");
    return decided(k) == OUTCOME_ALLOW;
}

static bool
resource(struct scene *k, const char *uri)
{
    call_make(k);
    struct err e = subject_resource(&k->call, bytes_str(uri), &k->a);
    assert_string_equal(e.text, "");
    return decided(k) == OUTCOME_ALLOW;
}

static bool
prompt_listed(struct scene *k, const char *name)
{
    call_make(k);
    assert_false(err_failed(subject_prompt(&k->call, bytes_str(name), NULL, false, &k->a)));
    return decide_listed(k->s, &k->call, k->scratch, &k->a);
}

static bool
prompt_usable(struct scene *k, const char *name, const char *known)
{
    call_make(k);
    assert_false(err_failed(subject_prompt(&k->call, bytes_str(name), parse(k, known), false, &k->a)));
    return decide_usable(k->s, &k->call, k->scratch, &k->a);
}

static bool
resource_listed(struct scene *k, const char *uri)
{
    call_make(k);
    assert_false(err_failed(subject_resource(&k->call, bytes_str(uri), &k->a)));
    return decide_listed(k->s, &k->call, k->scratch, &k->a);
}

static bool
template_listed(struct scene *k, const char *template)
{
    call_make(k);
    subject_template(&k->call, destination_extra(k->call.destination, false, bytes_str(template)));
    return decide_listed(k->s, &k->call, k->scratch, &k->a);
}

static void
test_grants_name_prompts_and_their_arguments(void **state)
{
    struct scene k;
    (void)state;
    scene_make(&k, "  docs/@prompts/review: { repo: { one_of: [a, b] }, style: { absent: true } }\n", "");
    assert_true(prompt(&k, "review", "{\"repo\":\"a\"}"));
    assert_false(prompt(&k, "review", "{\"repo\":\"c\"}"));
    assert_non_null(strstr(k.d.reason, "grants docs/@prompts/review only where repo must be one of"));
    assert_non_null(strstr(k.d.edit, "tasks/work.yaml:3 (grant)"));
    assert_false(prompt(&k, "review", "{\"repo\":\"a\",\"style\":\"x\"}"));
    assert_false(prompt(&k, "plain", "{}"));
    assert_non_null(strstr(k.d.reason, "grants no docs/@prompts/plain"));
    assert_true(prompt_listed(&k, "review"));
    assert_false(prompt_listed(&k, "plain") || prompt_listed(&k, "greet"));
    scene_free(&k);
    scene_make(&k, "  docs/@prompts: { name: { is: greet } }\n", "");
    assert_true(prompt(&k, "greet", "{\"name\":\"Ana\"}")); /* of the prompt, not its argument */
    assert_false(prompt(&k, "plain", "{}"));
    assert_true(prompt_listed(&k, "greet"));
    assert_false(prompt_listed(&k, "plain"));
    scene_free(&k);
}

static void
test_arguments_of_prompts_are_typed_by_the_pin(void **state)
{
    static const struct {
        const char *arguments, *error;
    } cases[] = {{"{}", "repo"},
                 {"{\"repo\":1}", "expected string"},
                 {"{\"repo\":\"a\",\"ropo\":\"b\"}", "ropo"},
                 {"{\"repo\":null}", "expected string"},
                 {"[]", "expected an object"}};
    struct scene k;
    (void)state;
    scene_make(&k, "  docs/@prompts: {}\n", "");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        call_make(&k);
        struct err e = subject_prompt(&k.call, BYTES("review"), parse(&k, cases[i].arguments), true, &k.a);
        if (e.code != E_ARGUMENTS || strstr(e.text, cases[i].error) == NULL)
            fail_msg("%s: %s", cases[i].arguments, e.text);
    }
    call_make(&k);
    assert_int_equal(subject_prompt(&k.call, BYTES("nope"), NULL, true, &k.a).code, E_NOT_FOUND);
    scene_free(&k);
}

static void
test_grants_name_resources_and_templates(void **state)
{
    struct scene k;
    (void)state;
    scene_make(&k, "  docs/@resources: { uri: { starts: docs://public/ } }\n  docs/@resources/repo://{name}: {}\n  docs/@resources/memo://one: {}\n",
               "");
    assert_true(resource(&k, "docs://public/a") && resource(&k, "repo://x") && resource(&k, "repo://org%2Fx") && resource(&k, "memo://one"));
    assert_false(resource(&k, "docs://secret") || resource(&k, "memo://two") || resource(&k, "repo://x/y") || resource(&k, "secret://x"));
    assert_true(resource_listed(&k, "docs://public/a"));
    assert_false(resource_listed(&k, "docs://secret"));
    assert_true(template_listed(&k, "docs://{+path}") && template_listed(&k, "repo://{name}"));
    assert_false(template_listed(&k, "secret://{name}"));
    scene_free(&k);
    scene_make(&k, "  docs/@resources/docs://a: {}\n", "");
    assert_true(resource(&k, "docs://a") && template_listed(&k, "docs://{+path}"));
    assert_false(resource(&k, "docs://a/b") || template_listed(&k, "repo://{name}"));
    scene_free(&k);
}

/* What an estate said of all prompts and all resources before each had an action of its own. */
static void
test_policies_on_all_of_them_speak_of_each(void **state)
{
    struct scene k;
    (void)state;
    scene_make(
        &k, "  docs/@prompts: {}\n  docs/@resources: {}\n",
        "permit (principal, action == Action::\"docs/@prompts\", resource) when { context.input has name && context.input.name == \"plain\" };\n"
        "permit (principal, action == Action::\"docs/@resources\", resource) when { context.input has uri && context.input.uri like \"docs://*\" };\n"
        "@id(\"no\") forbid (principal, action == Action::\"docs/@resources\", resource) unless { context.input has uri && !(context.input.uri like "
        "\"*secret*\") };\n");
    assert_true(prompt(&k, "plain", "{}"));
    assert_false(prompt(&k, "review", "{\"repo\":\"a\"}"));
    assert_true(resource(&k, "docs://a"));
    assert_false(resource(&k, "docs://secret") || resource(&k, "repo://a"));
    assert_true(prompt_listed(&k, "plain") && resource_listed(&k, "docs://a"));
    assert_false(prompt_listed(&k, "review") || resource_listed(&k, "docs://secret") || resource_listed(&k, "repo://a"));
    scene_free(&k);
}

static void
test_policies_on_one_of_them(void **state)
{
    struct scene k;
    (void)state;
    scene_make(
        &k, "  docs/@prompts: {}\n  docs/@resources: {}\n",
        "permit (principal, action == Action::\"docs/@prompts/review\", resource);\n"
        "permit (principal, action == Action::\"docs/@prompts/greet\", resource) when { context.input.arguments.name == \"Ana\" };\n"
        "permit (principal, action in Action::\"docs/@resources\", resource);\n"
        "@id(\"own/repo\") forbid (principal, action == Action::\"docs/@prompts/review\", resource) when { context.input.arguments.repo like "
        "\"acme/*\" };\n"
        "@id(\"own/style\") forbid (principal, action == Action::\"docs/@prompts/review\", resource) when { context.input.arguments has style };\n"
        "@id(\"own/t\") forbid (principal, action == Action::\"docs/@resources/secret://{name}\", resource);\n"
        "@id(\"own/m\") forbid (principal, action == Action::\"docs/@resources/docs://{+path}\", resource) when { context.input.mime == "
        "\"text/plain\" "
        "&& context.input.uri like \"*.key\" };\n");
    assert_true(prompt(&k, "review", "{\"repo\":\"other\"}"));
    assert_false(prompt(&k, "review", "{\"repo\":\"acme/x\"}"));
    assert_int_equal(k.d.n_policies, 1);
    assert_memory_equal(k.d.policies[0].at, "own/repo", 8);
    assert_false(prompt(&k, "review", "{\"repo\":\"other\",\"style\":\"s\"}"));
    assert_true(prompt(&k, "greet", "{\"name\":\"Ana\"}"));
    assert_false(prompt(&k, "greet", "{\"name\":\"Ben\"}"));
    assert_false(prompt(&k, "plain", "{}"));
    assert_true(resource(&k, "docs://a") && resource(&k, "repo://a"));
    assert_false(resource(&k, "secret://a") || resource(&k, "docs://a.key"));
    assert_true(prompt_listed(&k, "review") && prompt_listed(&k, "greet"));
    assert_false(prompt_listed(&k, "plain"));
    assert_true(template_listed(&k, "docs://{+path}") && template_listed(&k, "repo://{name}"));
    assert_false(template_listed(&k, "secret://{name}"));
    assert_true(prompt_usable(&k, "review", "{}") && prompt_usable(&k, "greet", "{\"name\":\"Ana\"}"));
    assert_false(prompt_usable(&k, "greet", "{\"name\":\"Ben\"}") || prompt_usable(&k, "review", "{\"repo\":\"acme/x\"}") ||
                 prompt_usable(&k, "plain", "{}"));
    scene_free(&k);
}

/* A permit on one action and a forbid on another meet in the same thing. */
static void
test_a_forbid_of_one_action_hides_what_another_permits(void **state)
{
    struct scene k;
    (void)state;
    scene_make(&k, "  docs/@prompts: {}\n",
               "permit (principal, action == Action::\"docs/@prompts\", resource);\n@id(\"own/never\") forbid (principal, action == "
               "Action::\"docs/@prompts/plain\", resource);\n@id(\"own/asks\") @step_up(\"finance\") forbid (principal, action == "
               "Action::\"docs/@prompts/greet\", resource);\n");
    assert_false(prompt(&k, "plain", "{}") || prompt_listed(&k, "plain"));
    assert_true(prompt_listed(&k, "greet")); /* a person may be asked */
    assert_false(prompt_usable(&k, "greet", "{}"));
    assert_true(prompt_usable(&k, "review", "{}"));
    scene_free(&k);
}

/* Choices that a grant leaves are tried where the policy looks at them. */
static void
test_a_list_tries_what_the_grant_leaves(void **state)
{
    static const char policies[] = "permit (principal, action in Action::\"docs/@prompts\", resource);\n@id(\"own/a\") forbid (principal, action == "
                                   "Action::\"docs/@prompts/review\", resource) when { context.input.arguments.repo like \"a*\" };\n";
    struct scene k;
    (void)state;
    scene_make(&k, "  docs/@prompts/review: { repo: { one_of: [ab, ac] } }\n", policies);
    assert_false(prompt_listed(&k, "review"));
    scene_free(&k);
    scene_make(&k, "  docs/@prompts/review: { repo: { one_of: [ab, b] } }\n", policies);
    assert_true(prompt_listed(&k, "review"));
    scene_free(&k);
    scene_make(&k, "  docs/@prompts/review: { repo: { starts: x } }\n", policies);
    assert_true(prompt_listed(&k, "review"));
    scene_free(&k);
}

/* ------------------------------------------------------------------------------------------------------- requests and schema */

static void conforms(const struct cedar_value *v, const struct type *t);

static void
conforms_record(const struct cedar_value *v, const struct type *t)
{
    for (size_t i = 0; i < v->record.n; i++) {
        const struct type_attribute *known = type_attribute(t, v->record.at[i].key);
        if (known == NULL)
            fail_msg("no attribute %.*s", (int)v->record.at[i].key.n, v->record.at[i].key.at);
        conforms(v->record.at[i].value, known->type);
    }
    for (size_t i = 0; i < t->attributes.n; i++)
        if (t->attributes.at[i].required && value_get(v, t->attributes.at[i].name) == NULL)
            fail_msg("%.*s is missing", (int)t->attributes.at[i].name.n, t->attributes.at[i].name.at);
}

static void
conforms(const struct cedar_value *v, const struct type *t)
{
    if (t->kind == TYPE_RECORD) {
        assert_int_equal(v->kind, VALUE_RECORD);
        conforms_record(v, t);
    }
}

static void
test_requests_are_as_the_schema_says(void **state)
{
    struct scene k;
    struct buf b = buf_make(CEDAR_MAX_SCHEMA_BYTES);
    struct cedar_schema *schema = NULL;
    struct cedar_error error;
    static struct decision_requests r;
    char why[160];
    (void)state;
    scene_make(&k, "  docs/@prompts: {}\n", "");
    policy_schema_text(k.s->estate, &b);
    if (!cedar_schema_parse((struct cedar_str){(const char *)b.at, b.n}, "estate", &schema, &error))
        fail_msg("%s", error.text);
    for (size_t i = 0; i < 4; i++) {
        call_make(&k);
        if (i < 2)
            assert_false(err_failed(
                subject_prompt(&k.call, BYTES("review"), parse(&k, i ? "{\"repo\":\"a\",\"style\":\"b\"}" : "{\"repo\":\"a\"}"), true, &k.a)));
        else
            assert_false(err_failed(subject_resource(&k.call, i == 2 ? BYTES("docs://a") : BYTES("repo://a"), &k.a)));
        cedar_scratch_reset(k.scratch);
        assert_int_equal(decide_requests(&k.call, call_tier(&k.call, why), true, k.scratch, &r).code, E_OK);
        assert_int_equal(r.n, 2);
        for (size_t n = 0; n < r.n; n++) {
            const struct schema_action *known = schema_find_action(schema, &r.at[n].action);
            assert_non_null(known);
            conforms(r.at[n].context, known->context);
        }
    }
    cedar_schema_unref(schema);
    buf_free(&b);
    scene_free(&k);
}

int
main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_a_uri_has_one_spelling),
        cmocka_unit_test(test_what_a_template_can_give),
        cmocka_unit_test(test_comparing_with_templates_is_bounded),
        cmocka_unit_test(test_arguments_marked_for_headers),
        cmocka_unit_test(test_what_is_not_there_cannot_be_named),
        cmocka_unit_test(test_grants_name_prompts_and_their_arguments),
        cmocka_unit_test(test_arguments_of_prompts_are_typed_by_the_pin),
        cmocka_unit_test(test_grants_name_resources_and_templates),
        cmocka_unit_test(test_policies_on_all_of_them_speak_of_each),
        cmocka_unit_test(test_policies_on_one_of_them),
        cmocka_unit_test(test_a_forbid_of_one_action_hides_what_another_permits),
        cmocka_unit_test(test_a_list_tries_what_the_grant_leaves),
        cmocka_unit_test(test_requests_are_as_the_schema_says),
    };
    return cmocka_run_group_tests(all, setup, teardown);
}
