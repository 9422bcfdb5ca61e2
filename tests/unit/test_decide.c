/* decide: grants, policies, tiers and outcomes on a real estate (files in a temporary folder), with the built-in policies. */
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
#include "pins.h"

static char top[] = "/tmp/writ-decide-XXXXXX";

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

static const char tools[] =
    "[{\"name\":\"read\",\"inputSchema\":{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\"},\"n\":{\"type\":\"integer\"}}}},"
    "{\"name\":\"write\",\"inputSchema\":{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\"},\"paths\":{\"type\":\"array\",\"items\":"
    "{\"type\":\"string\"}}}}},"
    "{\"name\":\"pay\",\"inputSchema\":{\"type\":\"object\",\"properties\":{\"amount\":{\"type\":\"number\"},\"to\":{\"type\":\"string\"}}}},"
    "{\"name\":\"send\",\"inputSchema\":{\"type\":\"object\",\"properties\":{\"to\":{\"type\":\"string\"}}}},"
    "{\"name\":\"odd\",\"inputSchema\":{\"type\":\"object\",\"properties\":{}}},"
    "{\"name\":\"deep\",\"inputSchema\":{\"type\":\"object\",\"$defs\":{\"num\":{\"type\":\"number\"}},\"properties\":{\"o\":{\"type\":\"object\","
    "\"properties\":{\"list\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{\"x\":{\"$ref\":\"#/$defs/num\"}}}}}},"
    "\"flag\":{\"enum\":[true,false]},\"level\":{\"type\":\"integer\",\"default\":3}}}},"
    "{\"name\":\"maybe\",\"inputSchema\":{\"type\":\"object\",\"required\":[\"to\",\"n\"],\"$defs\":{\"who\":{\"type\":\"object\",\"properties\":{"
    "\"id\":{\"type\":[\"integer\",\"null\"]}},\"required\":[\"id\"]}},\"properties\":{\"to\":{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}"
    ","
    "\"cc\":{\"type\":[\"null\",\"string\"],\"default\":null},\"bcc\":{\"type\":\"string\",\"nullable\":true},\"n\":{\"type\":[\"number\",\"null\"]},"
    "\"who\":{\"oneOf\":[{\"type\":\"null\"},{\"$ref\":\"#/$defs/"
    "who\"}]},\"mode\":{\"enum\":[\"a\",\"b\",null]},\"tags\":{\"type\":[\"array\",\"null\"],"
    "\"items\":{\"type\":\"string\"}},\"kind\":{\"anyOf\":[{\"const\":\"x\"},{\"const\":\"y\"},{\"const\":null}]},\"count\":{\"enum\":[1,2,null]},"
    "\"nothing\":{\"type\":\"null\"},\"all\":{\"allOf\":[{\"$ref\":\"#/$defs/"
    "who\"}],\"default\":{\"id\":1}},\"mixed\":{\"type\":[\"string\",\"integer\",\"null\"]},\"holes\":{\"type\":\"array\",\"items\":{\"type\":["
    "\"string\","
    "\"null\"]}},\"two\":{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"boolean\"}]}}}}]";

static void
write_estate(const char *policies, const char *observe)
{
    char text[2048];
    snprintf(text, sizeof text, "name: t\nstate_dir: %s/state\nrun_dir: %s/run\nmaster: { file: %s/key }\n%s", top, top, top, observe);
    put("writ.yaml", text);
    put("people.yaml", "ana: { name: Ana, groups: [finance] }\nben: { name: Ben }\n");
    put("agents/bot.yaml",
        "purpose: p\nowner: ana\nbackup: ben\nkind: autonomous\nenvironment: test\nproves:\n  - unix: { uid: 64001, dedicated: true }\n"
        "tasks: [work]\ndefault_task: work\n");
    snprintf(text, sizeof text,
             "owner: ana\nenvironment: test\nsensitivity: internal\nintegrity: trusted\nserver:\n  command: [/bin/true]\n  roots: [%s/docs]\ntools:\n"
             "  read: { effect: read, sinks: { path: path } }\n  write: { effect: write, sinks: { path: path } }\n"
             "  pay: { effect: irreversible }\n  send: { effect: read, sinks: { to: { kind: recipient, leaves: true } } }\n"
             "  maybe: { effect: write }\n",
             top);
    put("destinations/d.yaml", text);
    put("destinations/vault.yaml", "owner: ana\nenvironment: test\nsensitivity: restricted\nintegrity: trusted\nserver:\n  command: "
                                   "[/bin/true]\ntools:\n  read: { effect: read }\n");
    snprintf(text, sizeof text,
             "purpose: p\nlifetime: 1h\ntools:\n  d/read: { path: { under: %s/docs } }\n  d/write: { path: { under: %s/docs/out }, paths: { absent: "
             "true } }\n"
             "  d/pay: { amount: { at_most: 100.5 }, to: { one_of: [x, y] } }\n  d/send: {}\n  d/odd: {}\n  d/maybe: {}\n  vault/read: {}\n",
             top, top);
    put("tasks/work.yaml", text);
    put("policies/own.cedar", policies);
}

static struct snapshot *
load(void)
{
    struct findings f = {0};
    struct estate *e = NULL;
    struct snapshot *s = NULL;
    struct err failed = estate_load(env_real(), top, decide_builtin(), &f, &e);
    for (size_t i = 0; i < f.n && err_failed(failed); i++)
        printf("%s:%d: %s\n", f.list[i].file, f.list[i].line, f.list[i].text);
    assert_string_equal(failed.text, "");
    assert_false(err_failed(snapshot_make(e, &s)));
    estate_unref(e);
    findings_free(&f);
    return s;
}

static int
setup(void **state)
{
    static const char *const folders[] = {"agents", "destinations", "tasks", "policies", "pins", "docs", "docs/out", "other"};
    char path[512];
    (void)state;
    assert_non_null(mkdtemp(top));
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        snprintf(path, sizeof path, "%s/%s", top, folders[i]);
        mkdir(path, 0700);
    }
    struct arena a = {0};
    struct json *v;
    assert_false(err_failed(json_parse(&a, bytes_str(tools), NULL, &v)));
    assert_false(err_failed(pin_tools(top, "d", v)));
    assert_false(err_failed(pin_tools(top, "vault", v)));
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

/* A call of the agent's one writ. */
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
scene_make(struct scene *k, const char *policies, const char *observe)
{
    memset(k, 0, sizeof *k);
    write_estate(policies, observe);
    k->s = load();
    k->scratch = cedar_scratch_new(1 << 20);
    k->instance.strength = PROOF_USER;
    k->writ = (struct writ){.instance = &k->instance,
                            .agent = estate_agent(k->s->estate, "bot"),
                            .task = estate_task(k->s->estate, "work"),
                            .purpose = purpose,
                            .on_behalf_of = "",
                            .confinement = "",
                            .confined = true};
    k->call = (struct call){.writ = &k->writ, .now_ms = env_real()->now_ms(env_real())};
}

static void
scene_free(struct scene *k)
{
    snapshot_unref(k->s);
    cedar_scratch_free(k->scratch);
    arena_free(&k->a);
}

static enum outcome
ask(struct scene *k, const char *destination, const char *tool, const char *arguments)
{
    struct json *v = NULL, *typed = NULL;
    char *text = arena_printf(&k->a, "%s", arguments);
    k->call.destination = estate_destination(k->s->estate, destination);
    k->call.tool = destination_tool(k->call.destination, bytes_str(tool));
    k->call.name = bytes_str(tool);
    assert_false(err_failed(json_parse(&k->a, bytes_str(text), NULL, &v)));
    struct err e = k->call.tool ? arguments_check(k->call.tool->schema, v, &k->a, &typed) : err_ok();
    assert_string_equal(e.text, "");
    k->call.arguments = typed;
    memset(&k->d, 0, sizeof k->d);
    decide(k->s, &k->call, k->scratch, &k->a, &k->d);
    return k->d.outcome;
}

static enum outcome
ask_path(struct scene *k, const char *tool, const char *path)
{
    return ask(k, "d", tool, arena_printf(&k->a, "{\"path\":\"%s\"}", path));
}

static void
test_grants_bound_the_arguments(void **state)
{
    struct scene k;
    char path[512], target[512];
    (void)state;
    scene_make(&k, "", "");
    snprintf(path, sizeof path, "%s/docs/a", top);
    assert_int_equal(ask_path(&k, "read", path), OUTCOME_ALLOW);
    assert_int_equal(ask_path(&k, "read", "a"), OUTCOME_ALLOW); /* relative: under the first root */
    snprintf(path, sizeof path, "%s/other/a", top);
    assert_int_equal(ask_path(&k, "read", path), OUTCOME_DENY);
    assert_non_null(strstr(k.d.reason, "only where path must lie under"));
    assert_non_null(strstr(k.d.edit, "tasks/work.yaml:4 (grant)"));
    snprintf(path, sizeof path, "%s/docs/../other/a", top);
    assert_int_equal(ask_path(&k, "read", path), OUTCOME_DENY);
    snprintf(path, sizeof path, "%s/docsother", top); /* a name that only begins alike */
    assert_int_equal(ask_path(&k, "read", path), OUTCOME_DENY);
    snprintf(path, sizeof path, "%s/docs/link", top);
    snprintf(target, sizeof target, "%s/other", top);
    assert_int_equal(symlink(target, path), 0);
    snprintf(path, sizeof path, "%s/docs/link/a", top);
    assert_int_equal(ask_path(&k, "read", path), OUTCOME_DENY);
    snprintf(path, sizeof path, "%s/docs/in", top);
    assert_int_equal(ask_path(&k, "write", path), OUTCOME_DENY); /* readable, not writable */
    snprintf(path, sizeof path, "%s/docs/out/x", top);
    assert_int_equal(ask_path(&k, "write", path), OUTCOME_ALLOW);
    assert_int_equal(ask(&k, "d", "write", arena_printf(&k.a, "{\"path\":\"%s\",\"paths\":[]}", path)), OUTCOME_DENY);
    assert_int_equal(ask(&k, "d", "write", "{}"), OUTCOME_DENY); /* a condition on an argument is also that it is given */
    scene_free(&k);
}

static void
test_numbers_are_compared_exactly(void **state)
{
    struct scene k;
    (void)state;
    scene_make(&k, "", "");
    assert_int_equal(ask(&k, "d", "pay", "{\"amount\":100.5,\"to\":\"x\"}"), OUTCOME_STEP_UP); /* granted; the built-in policy asks */
    assert_int_equal(ask(&k, "d", "pay", "{\"amount\":100.5001,\"to\":\"x\"}"), OUTCOME_DENY);
    assert_int_equal(ask(&k, "d", "pay", "{\"amount\":1e3,\"to\":\"x\"}"), OUTCOME_DENY);
    assert_int_equal(ask(&k, "d", "pay", "{\"amount\":1,\"to\":\"z\"}"), OUTCOME_DENY);
    assert_int_equal(ask(&k, "d", "pay", "{\"amount\":0.00001,\"to\":\"x\"}"), OUTCOME_DENY); /* no decimal holds it */
    assert_non_null(strstr(k.d.reason, "cannot be represented exactly"));
    scene_free(&k);
}

static void
test_builtin_policies(void **state)
{
    struct scene k;
    char path[512];
    (void)state;
    scene_make(&k, "", "");
    assert_int_equal(ask(&k, "vault", "read", "{}"), OUTCOME_STEP_UP);
    assert_int_equal(k.d.tier, TIER_HIGH);
    assert_int_equal(ask(&k, "d", "odd", "{}"), OUTCOME_STEP_UP); /* unconfirmed */
    assert_int_equal(ask(&k, "d", "nothing", "{}"), OUTCOME_DENY);
    assert_int_equal(ask(&k, "d", "send", "{\"to\":\"x\"}"), OUTCOME_ALLOW);
    assert_int_equal(k.d.tier, TIER_STANDARD); /* a read whose sink leaves the house is a write */
    k.call.seen.level = SENS_CONFIDENTIAL;
    assert_int_equal(ask(&k, "d", "send", "{\"to\":\"x\"}"), OUTCOME_STEP_UP); /* the way out after confidential data */
    k.call.seen.level = SENS_PUBLIC;
    k.call.seen.untrusted = true;
    assert_int_equal(ask(&k, "d", "send", "{\"to\":\"x\"}"), OUTCOME_STEP_UP);
    k.instance.strength = PROOF_WEAK;
    assert_int_equal(ask(&k, "vault", "read", "{}"), OUTCOME_DENY);
    assert_int_equal(k.d.policies[0].n, strlen("builtin/weak-proof"));
    snprintf(path, sizeof path, "%s/docs/out/x", top);
    assert_int_equal(ask_path(&k, "write", path), OUTCOME_ALLOW);
    assert_int_equal(k.d.tier, TIER_HIGH);
    scene_free(&k);
}

/* The built-in policies are valid in this estate, without a warning; one that were not would be an error of the load. */
static void
test_builtin_policies_are_validated(void **state)
{
    (void)state;
    struct scene k;
    struct buf b = buf_make(CEDAR_MAX_SCHEMA_BYTES);
    struct bytes text = decide_builtin();
    struct cedar_schema *schema = NULL;
    struct cedar_policies *set = NULL;
    struct cedar_findings *found = NULL;
    struct cedar_error error;
    scene_make(&k, "", "");
    policy_schema_text(k.s->estate, &b);
    assert_true(cedar_schema_parse((struct cedar_str){(const char *)b.at, b.n}, "estate", &schema, &error));
    assert_true(cedar_policies_parse((struct cedar_str){(const char *)text.at, text.n}, "builtin", true, &set, &error));
    assert_true(cedar_validate(set, schema, NULL, &found, &error));
    for (size_t i = 0; i < found->n; i++)
        fail_msg("%.*s", (int)found->at[i].message.n, found->at[i].message.at);
    cedar_findings_free(found);
    assert_true(cedar_lint(set, schema, &found, &error));
    assert_int_equal(found->n, 0);
    cedar_findings_free(found);
    cedar_policies_unref(set);
    cedar_schema_unref(schema);
    buf_free(&b);
    scene_free(&k);

    struct findings f = {0};
    struct estate *e = NULL;
    assert_true(
        err_failed(estate_load(env_real(), top, BYTES("\npermit (principal, action, resource) when { resource.sensitivty == \"x\" };"), &f, &e)));
    assert_int_equal(f.errors, 1);
    for (size_t i = 0; i < f.n; i++)
        if (f.list[i].level == FINDING_ERROR) {
            assert_string_equal(f.list[i].file, "builtin");
            assert_int_equal(f.list[i].line, 2);
            assert_non_null(strstr(f.list[i].text, "did you mean `sensitivity`"));
        }
    findings_free(&f);
}

static void
test_light_needs_confinement_and_proof(void **state)
{
    struct scene k;
    (void)state;
    scene_make(&k, "", "");
    ask_path(&k, "read", "a");
    assert_int_equal(k.d.tier, TIER_LIGHT);
    k.writ.confined = false;
    ask_path(&k, "read", "a");
    assert_int_equal(k.d.tier, TIER_STANDARD);
    assert_string_equal(k.d.tier_why, "the agent is not confined");
    k.writ.confined = true;
    k.instance.strength = PROOF_WEAK;
    ask_path(&k, "read", "a");
    assert_int_equal(k.d.tier, TIER_STANDARD);
    scene_free(&k);
}

static void
test_a_forbid_that_errors_counts(void **state)
{
    struct scene k;
    (void)state;
    /* It is valid, and with an n of 2 it overflows. Cedar would drop the forbid; here it holds (law 3). */
    scene_make(&k,
               "@id(\"own/n\") forbid (principal, action == Action::\"d/read\", resource)\n"
               "when { context.input has n && context.input.n * 9223372036854775807 == 0 };",
               "");
    assert_int_equal(ask(&k, "d", "read", "{\"path\":\"a\",\"n\":2}"), OUTCOME_DENY);
    assert_int_equal(k.d.n_policies, 1);
    assert_non_null(strstr(k.d.edit, "policies/own.cedar"));
    assert_int_equal(ask_path(&k, "read", "a"), OUTCOME_ALLOW);
    assert_int_equal(ask(&k, "d", "read", "{\"path\":\"a\",\"n\":1}"), OUTCOME_ALLOW);
    assert_int_equal(ask(&k, "d", "read", "{\"path\":\"a\",\"n\":0}"), OUTCOME_DENY);
    scene_free(&k);
}

static void
test_outcomes_in_their_order(void **state)
{
    struct scene k;
    (void)state;
    scene_make(&k,
               "@id(\"own/ask\") @step_up(\"finance\") forbid (principal, action == Action::\"d/read\", resource) when { context.input has path && "
               "context.input.path == \"ask\" };\n"
               "@id(\"own/wait\") @defer(\"30s\") forbid (principal, action == Action::\"d/read\", resource) when { context.input has path && "
               "context.input.path like \"*sk\" && "
               "context.writ.calls > 0 };\n"
               "@id(\"own/no\") forbid (principal, action == Action::\"d/read\", resource) when { context.input has path && context.input.path == "
               "\"ask\" && context.writ.calls > 1 "
               "};\n",
               "");
    assert_int_equal(ask_path(&k, "read", "a"), OUTCOME_ALLOW);
    assert_int_equal(ask_path(&k, "read", "ask"), OUTCOME_STEP_UP);
    k.call.calls = 1;
    assert_int_equal(ask_path(&k, "read", "ask"), OUTCOME_DEFER);
    k.call.calls = 2;
    assert_int_equal(ask_path(&k, "read", "ask"), OUTCOME_DENY);
    scene_free(&k);
}

static void
test_an_estate_replaces_a_builtin_policy(void **state)
{
    struct scene k;
    (void)state;
    scene_make(&k, "@id(\"builtin/irreversible-asks\") forbid (principal, action == Action::\"d/odd\", resource);", "");
    assert_int_equal(ask(&k, "d", "pay", "{\"amount\":1,\"to\":\"x\"}"), OUTCOME_ALLOW);
    scene_free(&k);
}

static void
test_observe_lifts_policies_and_nothing_else(void **state)
{
    struct scene k;
    char until[ENV_TIME_MAX], observe[200];
    (void)state;
    env_time_text(env_real()->now_ms(env_real()) + 86400000, until);
    snprintf(observe, sizeof observe, "observe:\n  - { agent: bot, until: %.10s }\n", until);
    scene_make(&k, "", observe);
    assert_int_equal(ask(&k, "d", "pay", "{\"amount\":1,\"to\":\"x\"}"), OUTCOME_ALLOW);
    assert_true(k.d.observed);
    assert_int_equal(k.d.would, OUTCOME_STEP_UP);
    assert_int_equal(ask(&k, "d", "pay", "{\"amount\":1000,\"to\":\"x\"}"), OUTCOME_DENY); /* outside the grant stays outside */
    k.call.now_ms += 3 * 86400000LL; /* it has an end */
    assert_int_equal(ask(&k, "d", "pay", "{\"amount\":1,\"to\":\"x\"}"), OUTCOME_STEP_UP);
    scene_free(&k);
}

static void
test_authority_only_narrows(void **state)
{
    struct scene k;
    char text[512];
    (void)state;
    scene_make(&k, "", "");
    struct snapshot *old = k.s;
    snprintf(text, sizeof text, "purpose: p\nlifetime: 1h\ntools:\n  d/write: { path: { under: %s } }\n", top);
    put("tasks/work.yaml", text);
    k.s = load(); /* the writ keeps the template as it was: k.writ.task lies in the old estate */
    char path[512];
    snprintf(path, sizeof path, "%s/docs/out/x", top);
    assert_int_equal(ask_path(&k, "write", path), OUTCOME_ALLOW);
    snprintf(path, sizeof path, "%s/other/x", top);
    assert_int_equal(ask_path(&k, "write", path), OUTCOME_DENY); /* widened since: not for this writ */
    snprintf(path, sizeof path, "%s/docs/a", top);
    assert_int_equal(ask_path(&k, "read", path), OUTCOME_DENY); /* taken away since: at once */
    snapshot_unref(old);
    scene_free(&k);
}

static void
test_lists_show_what_could_be_used(void **state)
{
    struct scene k;
    (void)state;
    scene_make(&k,
               "@id(\"own/never\") forbid (principal, action == Action::\"d/send\", resource);\n"
               "@id(\"own/some\") forbid (principal, action == Action::\"d/write\", resource) when { context.input has path && context.input.path == "
               "\"x\" };",
               "");
    static const struct {
        const char *tool;
        bool shown;
    } cases[] = {{"read", true}, {"write", true}, {"pay", true}, {"send", false}, {"odd", true}};
    for (size_t i = 0; i < 5; i++) {
        k.call.destination = estate_destination(k.s->estate, "d");
        k.call.tool = destination_tool(k.call.destination, bytes_str(cases[i].tool));
        k.call.name = bytes_str(cases[i].tool);
        if (decide_listed(k.s, &k.call, k.scratch, &k.a) != cases[i].shown)
            fail_msg("%s", cases[i].tool);
    }
    k.call.destination = estate_destination(k.s->estate, "vault");
    k.call.tool = destination_tool(k.call.destination, BYTES("write"));
    k.call.name = BYTES("write");
    assert_false(decide_listed(k.s, &k.call, k.scratch, &k.a)); /* no grant */
    scene_free(&k);
}

/* What is listed with these policies and no others, the call as it stands in ${k}. */
static bool
is_listed(struct scene *k, const char *tool, const char *known)
{
    struct json *v = NULL;
    k->call.destination = estate_destination(k->s->estate, "d");
    k->call.tool = destination_tool(k->call.destination, bytes_str(tool));
    k->call.name = bytes_str(tool);
    if (known)
        assert_false(err_failed(json_parse(&k->a, bytes_str(known), NULL, &v)));
    k->call.arguments = v;
    return decide_listed(k->s, &k->call, k->scratch, &k->a);
}

#define ON(effect, tool) effect " (principal, action == Action::\"d/" tool "\", resource)"
#define LIST_CASE(tool, shown, policies) {tool, NULL, shown, policies}

static void
test_lists_respect_conditions_on_arguments(void **state)
{
    static const struct {
        const char *tool, *known;
        bool shown;
        const char *policies;
    } cases[] = {
        LIST_CASE("read", false, ""), /* nothing permits it */
        LIST_CASE("read", true, ON("permit", "read") " when { context.input has path && context.input.path like \"/x*\" };"),
        LIST_CASE("write", false, ON("permit", "read") ";"),
        LIST_CASE("read", false, ON("permit", "read") " when { context.tool.effect == \"write\" && context.input has path };"),
        LIST_CASE("read", true, ON("permit", "read") "; " ON("forbid", "read") " when { context.input has n && context.input.n > 5 };"),
        LIST_CASE("read", false, ON("permit", "read") "; " ON("forbid", "read") " when { context.writ.confined || context.input has n };"),
        /* the task grants a path, so there is one */
        LIST_CASE("read", false, ON("permit", "read") " unless { context.input has path };"),
        LIST_CASE("read", true, ON("permit", "read") "; " ON("forbid", "read") " unless { context.input has path };"),
        /* it grants the recipients x and y, and no others */
        LIST_CASE("pay", true, ON("permit", "pay") "; " ON("forbid", "pay") " when { context.input has to && context.input.to == \"x\" };"),
        LIST_CASE("pay", false,
                  ON("permit", "pay") "; " ON("forbid", "pay") " when { context.input has to && [\"x\", \"y\"].contains(context.input.to) };"),
        LIST_CASE("pay", false, ON("permit", "pay") " when { context.input has to && context.input.to == \"z\" };"),
        /* a forbid that errs whatever the arguments are holds (law 3) */
        LIST_CASE("read", false, ON("permit", "read") "; " ON("forbid", "read") " when { context.writ.calls + 9223372036854775807 == 0 };"),
        /* what a person may allow, or what is waited for, can be asked for */
        LIST_CASE("read", true, ON("permit", "read") "; @step_up(\"finance\") " ON("forbid", "read") ";"),
        LIST_CASE("read", true, ON("permit", "read") "; @defer(\"5s\") " ON("forbid", "read") ";"),
        LIST_CASE("read", false, ON("permit", "read") "; @modify(\"redact\") " ON("forbid", "read") ";"),
        {"send", "{\"to\":\"x\"}", true, ON("permit", "send") " when { context.input has to && context.input.to == \"x\" };"},
        {"send", "{\"to\":\"y\"}", false, ON("permit", "send") " when { context.input has to && context.input.to == \"x\" };"},
        {"pay", "{\"to\":\"z\"}", false, ON("permit", "pay") ";"}, /* no grant */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scene k;
        scene_make(&k, cases[i].policies, "builtin_policies: false\n");
        k.call.calls = 1;
        if (is_listed(&k, cases[i].tool, cases[i].known) != cases[i].shown)
            fail_msg("%s: %s", cases[i].tool, cases[i].policies);
        scene_free(&k);
    }
}

/* A policy that is only observed refuses nothing, so it hides nothing either. */
static void
test_lists_show_what_observing_lets_pass(void **state)
{
    static const char policies[] = ON("permit", "read") "; @id(\"own/no\") " ON("forbid", "read") ";";
    static const char *const what[] = {"agent: bot", "destination: d", "policy: own/no"};
    char until[ENV_TIME_MAX], observe[200];
    struct scene k;
    (void)state;
    env_time_text(env_real()->now_ms(env_real()) + 86400000, until);
    for (size_t i = 0; i < 3; i++) {
        snprintf(observe, sizeof observe, "builtin_policies: false\nobserve:\n  - { %s, until: %.10s }\n", what[i], until);
        scene_make(&k, policies, observe);
        assert_true(is_listed(&k, "read", NULL));
        k.call.now_ms += 3 * 86400000LL;
        assert_false(is_listed(&k, "read", NULL));
        scene_free(&k);
    }
}

static const char *const parts_of_arguments[4][5] = {{"\"to\":null,", "\"to\":\"a\",", "\"to\":\"ab\",", "\"to\":\"z\",", NULL},
                                                     {"\"mode\":null,", "\"mode\":\"a\",", "\"mode\":\"b\",", NULL},
                                                     {"\"count\":null,", "\"count\":1,", "\"count\":2,", NULL},
                                                     {"\"n\":null", "\"n\":1", "\"n\":2.5", NULL}};

/* Is any of the calls that differ to these policies allowed, or to be asked for? */
static bool
usable(struct scene *k)
{
    for (const char *const *to = parts_of_arguments[0]; *to; to++)
        for (const char *const *mode = parts_of_arguments[1]; *mode; mode++)
            for (const char *const *count = parts_of_arguments[2]; *count; count++)
                for (const char *const *n = parts_of_arguments[3]; *n; n++) {
                    enum outcome o = ask(k, "d", "maybe", arena_printf(&k->a, "{%s%s%s%s}", *to, *mode, *count, *n));
                    if (o == OUTCOME_ALLOW || o == OUTCOME_STEP_UP || o == OUTCOME_DEFER)
                        return true;
                }
    return false;
}

static unsigned
draw(uint64_t *seed, unsigned n)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*seed >> 33) % n;
}

static void
put_policy(struct buf *b, uint64_t *seed)
{
    static const char *const atoms[] = {"context.input has to",
                                        "(context.input has to && context.input.to == \"a\")",
                                        "(context.input has to && context.input.to like \"a*\")",
                                        "(context.input has mode && context.input.mode == \"b\")",
                                        "(context.input has count && context.input.count < 2)",
                                        "(context.input has count && context.input.count + 9223372036854775806 > 0)",
                                        "(context.input has n && context.input.n.lessThan(decimal(\"2.0\")))",
                                        "context.writ.calls > 0",
                                        "context.seen.untrusted",
                                        "context.tool.effect == \"write\"",
                                        "(context.origin has to && context.origin.to == \"agent\")"};
    unsigned clauses = draw(seed, 3), kind = draw(seed, 8);
    buf_puts(b, kind < 4 ? ON("permit", "maybe") : kind == 4 ? "@step_up(\"finance\") " ON("forbid", "maybe") : ON("forbid", "maybe"));
    for (unsigned i = 0; i < clauses; i++) {
        buf_puts(b, draw(seed, 3) ? " when { " : " unless { ");
        buf_puts(b, atoms[draw(seed, 11)]);
        if (draw(seed, 2)) {
            buf_puts(b, draw(seed, 2) ? " && " : " || ");
            buf_puts(b, atoms[draw(seed, 11)]);
        }
        buf_puts(b, " }");
    }
    buf_puts(b, ";\n");
}

/* Every call there is, against the list: what could be used with some arguments is shown, and nothing else. */
static void
test_lists_hide_nothing_that_could_be_used(void **state)
{
    uint64_t seed = 1;
    size_t shown = 0, unusable = 0, hidden = 0;
    (void)state;
    for (int i = 0; i < 200; i++) {
        struct scene k;
        struct buf b = buf_make(1 << 16);
        for (int n = 1 + i % 4; n; n--)
            put_policy(&b, &seed);
        scene_make(&k, buf_text(&b), "builtin_policies: false\n");
        k.call.calls = (uint64_t)i % 2;
        k.call.seen.untrusted = i % 3 == 0;
        bool can = usable(&k), listed = is_listed(&k, "maybe", NULL);
        if (can && !listed)
            fail_msg("it could be used and is not listed:\n%s", buf_text(&b));
        shown += listed;
        if (listed && !can && !strstr(buf_text(&b), "origin")) /* where a value comes from is unknown here, even of arguments that must be given */
            fail_msg("it could not be used and is listed:\n%s", buf_text(&b));
        unusable += listed && !can;
        hidden += !listed;
        scene_free(&k);
        buf_free(&b);
    }
    assert_true(shown > 40 && hidden > 40 && unusable * 10 < shown);
}

/* Is ${v} what the schema says of it, down to the last member? */
static void
conforms(const struct cedar_value *v, const struct type *t)
{
    static const enum type_kind kinds[] = {
        [VALUE_BOOL] = TYPE_BOOL, [VALUE_LONG] = TYPE_LONG,     [VALUE_STRING] = TYPE_STRING,      [VALUE_ENTITY] = TYPE_ENTITY,
        [VALUE_SET] = TYPE_SET,   [VALUE_RECORD] = TYPE_RECORD, [VALUE_DATETIME] = TYPE_EXTENSION, [VALUE_DECIMAL] = TYPE_EXTENSION};
    assert_int_equal(kinds[v->kind], t->kind);
    if (t->kind == TYPE_EXTENSION)
        assert_int_equal(v->kind, t->extension);
    for (size_t i = 0; v->kind == VALUE_SET && i < v->set.n; i++)
        conforms(v->set.at[i], t->element);
    for (size_t i = 0; v->kind == VALUE_RECORD && i < v->record.n; i++) {
        const struct type_attribute *a = type_attribute(t, v->record.at[i].key);
        if (a == NULL)
            fail_msg("the schema has no %.*s", (int)v->record.at[i].key.n, v->record.at[i].key.at);
        conforms(v->record.at[i].value, a->type);
    }
    for (size_t i = 0; t->kind == TYPE_RECORD && i < t->attributes.n; i++)
        if (t->attributes.at[i].required && value_get(v, t->attributes.at[i].name) == NULL)
            fail_msg("the request has no %.*s", (int)t->attributes.at[i].name.n, t->attributes.at[i].name.at);
}

static void
test_the_schema_says_what_is_built(void **state)
{
    static const struct {
        const char *tool, *arguments;
    } calls[] = {
        {"read", "{\"path\":\"a\",\"n\":7}"},
        {"read", "{}"},
        {"write", "{\"paths\":[\"a\",\"b\"]}"},
        {"pay", "{\"amount\":1}"},
        {"pay", "{\"amount\":1.25,\"to\":\"x\"}"},
        {"odd", "{}"},
        {"deep", "{\"o\":{\"list\":[{\"x\":1}]},\"flag\":true}"},
        {"maybe", "{\"to\":null,\"n\":null,\"bcc\":null,\"who\":null,\"mode\":null,\"tags\":null,\"kind\":null,\"count\":null,\"nothing\":null}"},
        {"maybe", "{\"to\":\"x\",\"n\":7,\"who\":{\"id\":null},\"mode\":\"a\",\"tags\":[\"t\"],\"kind\":\"y\",\"count\":2}"},
        {"maybe", "{\"to\":\"x\",\"n\":0.5,\"who\":{\"id\":3},\"cc\":\"c\",\"bcc\":\"b\"}"}};
    struct scene k;
    struct buf b = buf_make(CEDAR_MAX_SCHEMA_BYTES);
    struct cedar_schema *schema = NULL;
    struct cedar_error error;
    char why[160];
    static struct decision_requests rs;
    (void)state;
    scene_make(&k, "", "");
    policy_schema_text(k.s->estate, &b);
    if (!cedar_schema_parse((struct cedar_str){(const char *)b.at, b.n}, "estate", &schema, &error))
        fail_msg("%s", error.text);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        ask(&k, "d", calls[i].tool, calls[i].arguments);
        cedar_scratch_reset(k.scratch);
        assert_int_equal(decide_requests(&k.call, call_tier(&k.call, why), true, k.scratch, &rs).code, E_OK);
        assert_int_equal(rs.n, 1);
        const struct schema_action *known = schema_find_action(schema, &rs.at[0].action);
        assert_non_null(known);
        conforms(rs.at[0].context, known->context);
    }
    cedar_schema_unref(schema);
    buf_free(&b);
    scene_free(&k);
}

/* What an argument that may be null is to policies: of its other type, and perhaps not there. */
static void
test_an_argument_that_may_be_null_is_optional(void **state)
{
    static const char *const seen[] = {"\"to\"?: String,",
                                       "\"cc\"?: String,",
                                       "\"bcc\"?: String,",
                                       "\"n\"?: decimal,",
                                       "\"who\"?: { \"id\"?: Long, },",
                                       "\"mode\"?: String,",
                                       "\"kind\"?: String,",
                                       "\"tags\"?: Set<String>,",
                                       "\"count\"?: Long,",
                                       "\"nothing\"?: Null,",
                                       "\"all\": { \"id\"?: Long, },"};
    static const char *const hidden[] = {"mixed", "holes", "two"};
    struct scene k;
    struct buf b = buf_make(CEDAR_MAX_SCHEMA_BYTES);
    (void)state;
    scene_make(&k, "", "");
    policy_schema_text(k.s->estate, &b);
    char *action = strstr(buf_text(&b), "action \"d/maybe\""), *end = strstr(action, ", origin: ");
    assert_non_null(end);
    *end = 0;
    for (size_t i = 0; i < sizeof seen / sizeof *seen; i++)
        if (strstr(action, seen[i]) == NULL)
            fail_msg("no %s in %s", seen[i], action);
    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
        if (strstr(action, hidden[i]))
            fail_msg("%s is in %s", hidden[i], action);
    buf_free(&b);
    scene_free(&k);
}

/* A forbid and a permit on an argument cannot be dodged by null, nor by a number in another form. What is forwarded stays what was sent. */
static void
test_null_dodges_nothing(void **state)
{
    struct scene k;
    (void)state;
    write_estate("@id(\"own/to\") forbid (principal, action == Action::\"d/maybe\", resource) when { context.input.to == \"x\" };", "");
    struct findings f = {0};
    struct estate *e = NULL;
    assert_true(err_failed(estate_load(env_real(), top, decide_builtin(), &f, &e))); /* without `has` it is refused at load */
    bool said = false;
    for (size_t i = 0; i < f.n; i++)
        said = said || strstr(f.list[i].text, "unable to guarantee safety of access to optional attribute `input.to`");
    assert_true(said);
    findings_free(&f);
    scene_make(
        &k,
        "@id(\"own/to\") forbid (principal, action == Action::\"d/maybe\", resource) unless { context.input has to && context.input.to like "
        "\"*@house\" };\n"
        "@id(\"own/count\") forbid (principal, action == Action::\"d/maybe\", resource) when { context.input has count && context.input.count == "
        "2 };",
        "");
    assert_int_equal(ask(&k, "d", "maybe", "{\"to\":\"a@house\",\"n\":null}"), OUTCOME_ALLOW);
    assert_int_equal(ask(&k, "d", "maybe", "{\"to\":\"a@else\",\"n\":null}"), OUTCOME_DENY);
    assert_int_equal(ask(&k, "d", "maybe", "{\"to\":null,\"n\":null}"), OUTCOME_DENY);
    assert_int_equal(ask(&k, "d", "maybe", "{\"to\":\"a@house\",\"n\":1,\"count\":2}"), OUTCOME_DENY);
    assert_int_equal(ask(&k, "d", "maybe", "{\"to\":\"a@house\",\"n\":1,\"count\":2.0}"), OUTCOME_DENY); /* JSON Schema takes it for 2 */
    assert_non_null(strstr(k.d.reason, "meant as an integer"));
    assert_int_equal(ask(&k, "d", "maybe", "{\"to\":\"a@house\",\"n\":1,\"count\":null}"), OUTCOME_ALLOW);
    assert_true(json_is(json_get(k.call.arguments, "count"), JSON_NULL));
    assert_true(json_is(json_get(k.call.arguments, "cc"), JSON_NULL)); /* its default */
    scene_free(&k);
}

/* A server's schema that holds itself ten times over: loading ends at once, its argument is hidden, the others are there. */
static void
test_a_schema_that_holds_itself_is_bounded(void **state)
{
    (void)state;
    struct arena a = {0};
    struct json *v;
    struct buf text = buf_make(1 << 16), schema = buf_make(1 << 20);
    buf_puts(&text, "[{\"name\":\"read\",\"inputSchema\":{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\"},"
                    "\"filter\":{\"$ref\":\"#/$defs/node\"}},\"$defs\":{\"node\":{\"type\":\"object\",\"properties\":{");
    for (int i = 0; i < 10; i++)
        buf_printf(&text, "%s\"k%d\":{\"$ref\":\"#/$defs/node\"}", i ? "," : "", i);
    buf_puts(&text, "}}}}}]");
    assert_false(err_failed(json_parse(&a, buf_bytes(&text), NULL, &v)));
    assert_false(err_failed(pin_tools(top, "vault", v)));
    struct scene k;
    alarm(60); /* without a bound: years */
    scene_make(&k, "", "");
    alarm(0);
    policy_schema_text(k.s->estate, &schema);
    const char *read = strstr(buf_text(&schema), "action \"vault/read\"");
    assert_non_null(read);
    assert_non_null(strstr(read, "input: { \"path\"?: String, }"));
    scene_free(&k);
    buf_free(&text);
    buf_free(&schema);
    arena_free(&a);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grants_bound_the_arguments),
        cmocka_unit_test(test_numbers_are_compared_exactly),
        cmocka_unit_test(test_builtin_policies),
        cmocka_unit_test(test_builtin_policies_are_validated),
        cmocka_unit_test(test_light_needs_confinement_and_proof),
        cmocka_unit_test(test_a_forbid_that_errors_counts),
        cmocka_unit_test(test_outcomes_in_their_order),
        cmocka_unit_test(test_an_estate_replaces_a_builtin_policy),
        cmocka_unit_test(test_observe_lifts_policies_and_nothing_else),
        cmocka_unit_test(test_authority_only_narrows),
        cmocka_unit_test(test_lists_show_what_could_be_used),
        cmocka_unit_test(test_lists_respect_conditions_on_arguments),
        cmocka_unit_test(test_lists_show_what_observing_lets_pass),
        cmocka_unit_test(test_lists_hide_nothing_that_could_be_used),
        cmocka_unit_test(test_the_schema_says_what_is_built),
        cmocka_unit_test(test_an_argument_that_may_be_null_is_optional),
        cmocka_unit_test(test_null_dodges_nothing),
        cmocka_unit_test(test_a_schema_that_holds_itself_is_bounded), /* last: it changes a pin */
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
