/* Partial evaluation: what is said of policies, decisions and candidates holds in every completion. */
#include "test_cedar.h"

#include "partial_cases.h"

static void
report(const struct partial_case *c, const char *law)
{
    struct cedar_partial_answer a;
    struct cedar_error error;
    struct cedar_output out = {NULL, 0};
    if (cedar_partial(c->policies, c->store, &c->request, &c->options, c->scratch, &a, &error))
        cedar_partial_json(c->policies, &a, &out);
    fail_msg("%s\n%s\n%.*s", law, c->text.at, (int)out.n, out.at ? out.at : "");
}

/* A fixed share of the long run in tests/conformance. */
static void
completions_keep_the_laws(void **state)
{
    struct case_counts n = {.cases = 0};
    static struct partial_case c;
    (void)state;
    for (unsigned seed = 1; seed <= 3000; seed++) {
        struct dice d = {.state = seed * 0x9e3779b97f4a7c15u};
        bool made;
        const char *law = case_run(&d, &c, 8, &n, &made);
        if (law)
            report(&c, law);
        if (made)
            case_free(&c);
    }
    assert_true(n.refused * 20 < n.cases);
    assert_true(n.finer > 0);
    assert_true(n.residual * 20 > n.policies && n.known * 10 > n.policies);
}

/* --------------------------------------------------------------------------------------------------------------------------- by hand */

static struct cedar_schema *
schema(const char *text)
{
    struct cedar_schema *s;
    struct cedar_error error;
    if (!cedar_schema_parse(STR(text), "test", &s, &error))
        fail_msg("%s", error.text);
    return s;
}

static struct cedar_uid
uid(const char *type, const char *id)
{
    return (struct cedar_uid){STR(type), STR(id)};
}

/* "allows", "denies" or "depends", and a line for each policy: its id and what is left of it. */
static const char *
left_of(const struct cedar_policies *p, const struct cedar_entities *e, const struct cedar_partial_request *q, const struct cedar_partial_options *o)
{
    static const char *const decisions[] = {[CEDAR_DENIES] = "denies", [CEDAR_ALLOWS] = "allows", [CEDAR_DEPENDS] = "depends"};
    static char out[8192];
    struct cedar_scratch *s = cedar_scratch_new(0);
    struct cedar_partial_answer a;
    struct cedar_error error;
    if (!cedar_partial(p, e, q, o, s, &a, &error))
        snprintf(out, sizeof out, "error: %s", error.text);
    else
        snprintf(out, sizeof out, "%s", decisions[a.decision]);
    for (size_t i = 0; i < a.n; i++) {
        struct cedar_output text;
        struct cedar_str id = cedar_policy_id(p, a.residuals[i].policy);
        size_t n = strlen(out);
        assert_true(cedar_residual_text(p, &a.residuals[i], &text));
        snprintf(out + n, sizeof out - n, "\n%.*s: %s%s%s", (int)id.n, id.at, text.at, a.residuals[i].error ? " // " : "",
                 a.residuals[i].error ? a.residuals[i].error : "");
        cedar_output_free(&text);
    }
    cedar_scratch_free(s);
    return out;
}

static const char documents[] = "entity User; entity Document = { isPublic: Bool, owner: User };\n"
                                "action View appliesTo { principal: [User], resource: [Document], context: { hasMFA: Bool } };\n"
                                "action Delete appliesTo { principal: [User], resource: [Document], context: { hasMFA: Bool, srcIP: ipaddr } };\n";
static const char document_policies[] =
    "permit(principal, action == Action::\"View\", resource) when { resource.isPublic };\n"
    "permit(principal, action == Action::\"View\", resource) when { context.hasMFA && resource.owner == principal };\n"
    "permit(principal, action == Action::\"Delete\", resource)\n"
    "when { context.hasMFA && resource.owner == principal && context.srcIP.isInRange(ip(\"1.1.1.0/24\")) };\n";

/* The example of RFC 95. */
static void
rfc_example(void **state)
{
    (void)state;
    struct cedar_schema *s = schema(documents);
    struct cedar_policies *p = parse(document_policies);
    struct cedar_entities *e = entities("[{\"uid\":{\"type\":\"User\",\"id\":\"Alice\"},\"attrs\":{},\"parents\":[]}]");
    struct cedar_scratch *scratch = cedar_scratch_new(0);
    struct cedar_error error;
    struct cedar_partial_options o = {.schema = s};
    struct cedar_partial_request q = {
        .principal = {CEDAR_KNOWN, uid("User", "Alice")},
        .action = {CEDAR_KNOWN, uid("Action", "View")},
        .resource = {CEDAR_KNOWN_TYPE, uid("Document", "")},
        .context = cedar_value_json(scratch, STR("{\"hasMFA\":true}"), &error),
    };
    assert_string_equal(left_of(p, e, &q, &o), "depends\npolicy0: permit(principal, action, resource) when { resource.isPublic };\n"
                                               "policy1: permit(principal, action, resource) when { resource.owner == User::\"Alice\" };");
    q.context = cedar_value_json(scratch, STR("{\"hasMFA\":false}"), &error);
    assert_string_equal(left_of(p, e, &q, &o), "depends\npolicy0: permit(principal, action, resource) when { resource.isPublic };");
    q.action.uid.id = STR("Delete");
    assert_string_equal(left_of(p, e, &q, &o), "denies");
    cedar_scratch_free(scratch);
    cedar_entities_unref(e);
    cedar_policies_unref(p);
    cedar_schema_unref(s);
}

/* What an argument's type settles before its value is known. */
static void
types_decide(void **state)
{
    (void)state;
    struct cedar_schema *s = schema("entity A; entity T; entity Other; action call appliesTo { principal: A, resource: T, context: {\n"
                                    "input: { path: String, n?: Long, who: A }, writ: { depth: Long } } };\n");
    struct cedar_policies *p = parse("permit(principal, action, resource) when { context.input has path };\n"
                                     "permit(principal, action, resource) when { context.input has nothing };\n"
                                     "permit(principal, action, resource) when { context.input.path < 5 };\n"
                                     "permit(principal, action, resource) when { context.input.who in Other::\"x\" };\n"
                                     "permit(principal, action, resource) when { context.input.path like \"/tmp/*\" && context.writ.depth < 3 };\n"
                                     "forbid(principal, action, resource) when { context.writ.depth > 1 };\n"
                                     "forbid(principal is Other, action, resource);\n");
    struct cedar_scratch *scratch = cedar_scratch_new(0);
    struct cedar_error error;
    struct cedar_str input = STR("input");
    struct cedar_unknown unknown = {&input, 1, false};
    struct cedar_partial_options o = {.schema = s};
    struct cedar_partial_request q = {{CEDAR_KNOWN_TYPE, uid("A", "")},
                                      {CEDAR_KNOWN, uid("Action", "call")},
                                      {CEDAR_KNOWN, uid("T", "t")},
                                      cedar_value_json(scratch, STR("{\"writ\":{\"depth\":1}}"), &error),
                                      &unknown,
                                      1};
    assert_string_equal(left_of(p, NULL, &q, &o),
                        "allows\npolicy0: permit(principal, action, resource);\n"
                        "policy2: permit(principal, action, resource) when { context.input.path < 5 }; // an error, whatever the unknown parts are\n"
                        "policy4: permit(principal, action, resource) when { context.input.path like \"/tmp/*\" };");
    q.context = cedar_value_json(scratch, STR("{\"writ\":{\"depth\":2}}"), &error);
    assert_false(cedar_could_allow(p, NULL, &q, &o, scratch, &error));
    assert_int_equal(error.code, CEDAR_OK);
    cedar_scratch_free(scratch);
    cedar_policies_unref(p);
    cedar_schema_unref(s);
}

/* Without a schema an unknown may be of any type or missing: what may err is kept. */
static void
untyped_is_careful(void **state)
{
    (void)state;
    struct cedar_policies *p = parse("permit(principal, action, resource) when { context.n == 1 || true };\n"
                                     "permit(principal, action, resource) when { context.n == 1 && false };\n"
                                     "permit(principal, action, resource) when { (true && context.n) == 3 };\n"
                                     "permit(principal, action, resource) when { [1, context.n].contains(1) };\n"
                                     "permit(principal, action, resource) when { 1 + \"a\" == context.n };\n"
                                     "forbid(principal, action, resource) when { context.other };\n");
    struct cedar_str n = STR("n");
    struct cedar_unknown unknown = {&n, 1, false};
    struct cedar_partial_request q = {
        {CEDAR_KNOWN, uid("U", "a")}, {CEDAR_KNOWN, uid("Action", "x")}, {CEDAR_KNOWN, uid("R", "r")}, NULL, &unknown, 1};
    const char *any = "policy0: permit(principal, action, resource) when { (context.n == 1) || true };\n"
                      "policy1: permit(principal, action, resource) when { (context.n == 1) && false };\n"
                      "policy2: permit(principal, action, resource) when { (true && context.n) == 3 };\n"
                      "policy3: permit(principal, action, resource) when { [1, context.n].contains(1) };\n"
                      "policy4: permit(principal, action, resource) when { 1 + \"a\" }; // type error: expected long, got string\n"
                      "policy5: forbid(principal, action, resource) when { context.other }; // an error, whatever the unknown parts are";
    char expected[2048];
    snprintf(expected, sizeof expected, "depends\n%s", any);
    assert_string_equal(left_of(p, NULL, &q, NULL), expected);
    struct cedar_partial_options closed = {.fail_closed = true};
    snprintf(expected, sizeof expected, "denies\n%s", any);
    assert_string_equal(left_of(p, NULL, &q, &closed), expected);
    cedar_policies_unref(p);
}

/* What is left is looked at again when more is known, until nothing is. */
static void
rests_go_on(void **state)
{
    (void)state;
    struct cedar_policies *p = parse("@id(\"p\") permit(principal in G::\"top\", action, resource) when { context.a < 5 && context.b == resource };"),
                          *rest;
    struct cedar_entities *e = entities(small_world);
    struct cedar_scratch *s = cedar_scratch_new(0);
    struct cedar_error error;
    struct cedar_partial_answer a;
    struct cedar_str names[] = {STR("a"), STR("b")};
    struct cedar_unknown unknown[] = {{&names[1], 1, false}, {&names[0], 1, false}};
    struct cedar_partial_request q = {
        {CEDAR_UNKNOWN, {{NULL, 0}, {NULL, 0}}}, {CEDAR_KNOWN, uid("Action", "x")}, {CEDAR_KNOWN, uid("R", "r")}, NULL, unknown, 2};
    assert_true(cedar_partial(p, e, &q, NULL, s, &a, &error));
    assert_true(cedar_residual_policies(p, &a, &rest, &error));
    assert_str(cedar_policy_source(rest, 0),
               "@id(\"p\")\npermit(principal, action, resource) when { (principal in G::\"top\") && ((context.a < 5) && (context.b == R::\"r\")) };");
    q.principal = (struct cedar_partial_uid){CEDAR_KNOWN, uid("U", "a")};
    q.context = cedar_value_json(s, STR("{\"a\":3}"), &error);
    q.n_unknown = 1;
    assert_string_equal(left_of(rest, e, &q, NULL),
                        "depends\npolicy0: @id(\"p\")\npermit(principal, action, resource) when { context.b == R::\"r\" };");
    cedar_policies_unref(rest);
    cedar_policies_unref(p);
    cedar_entities_unref(e);
    cedar_scratch_free(s);
}

/* The shape of the official isAuthorizedPartial. */
static void
official_shape(void **state)
{
    (void)state;
    struct cedar_policies *p =
        parse("permit(principal == U::\"a\", action, resource);\nforbid(principal, action, resource) when { \"principal\" == 1 };");
    struct cedar_scratch *s = cedar_scratch_new(0);
    struct cedar_error error;
    struct cedar_partial_answer a;
    struct cedar_output out;
    struct cedar_partial_request q = {.action = {CEDAR_KNOWN, uid("Action", "x")}, .resource = {CEDAR_KNOWN, uid("R", "r")}};
    assert_true(cedar_partial(p, NULL, &q, NULL, s, &a, &error));
    assert_true(cedar_partial_json(p, &a, &out));
    assert_string_equal(
        out.at, "{\"decision\":null,\"satisfied\":[],\"errored\":[],\"mayBeDetermining\":[\"policy0\"],\"mustBeDetermining\":[],\"residuals\":{"
                "\"policy0\":{\"effect\":\"permit\",\"principal\":{\"op\":\"All\"},\"action\":{\"op\":\"All\"},\"resource\":{\"op\":\"All\"},"
                "\"conditions\":[{\"kind\":\"when\",\"body\":{\"==\":{\"left\":{\"unknown\":[{\"Value\":\"principal\"}]},\"right\":{\"Value\":"
                "{\"__entity\":{\"type\":\"U\",\"id\":\"a\"}}}}}}]},"
                "\"policy1\":{\"effect\":\"forbid\",\"principal\":{\"op\":\"All\"},\"action\":{\"op\":\"All\"},\"resource\":{\"op\":\"All\"},"
                "\"conditions\":[{\"kind\":\"when\",\"body\":{\"Value\":false}}]}},\"nontrivialResiduals\":[\"policy0\"]}");
    cedar_output_free(&out);
    cedar_policies_unref(p);
    cedar_scratch_free(s);
}

static void
wrong_requests(void **state)
{
    (void)state;
    struct cedar_policies *p = parse("permit(principal, action, resource);");
    struct cedar_scratch *s = cedar_scratch_new(0);
    struct cedar_error error;
    struct cedar_str path[CEDAR_MAX_UNKNOWN_DEPTH + 1] = {STR("a"), STR("b")};
    struct cedar_unknown unknown = {path, 2, false};
    struct cedar_partial_request q = {.context = cedar_value_json(s, STR("{\"a\":1}"), &error), .unknown = &unknown, .n_unknown = 1};
    assert_string_equal(left_of(p, NULL, &q, NULL), "error: the unknown attribute lies below `a`, which is no record");
    assert_false(cedar_could_allow(p, NULL, &q, NULL, s, &error));
    assert_int_equal(error.code, CEDAR_VALUE);
    unknown.n = CEDAR_MAX_UNKNOWN_DEPTH + 1;
    assert_string_equal(left_of(p, NULL, &q, NULL), "error: an unknown attribute lies 33 deep; the most is 32");
    q.n_unknown = CEDAR_MAX_UNKNOWNS + 1;
    assert_string_equal(left_of(p, NULL, &q, NULL), "error: 1025 attributes are unknown; the most is 1024");
    cedar_policies_unref(p);
    cedar_scratch_free(s);
}

/* -------------------------------------------------------------------------------------------------------------------------------- queries */

static const char *
names_of(const struct cedar_candidates *c)
{
    static char out[1024];
    out[0] = 0;
    for (size_t i = 0; i < c->n; i++) {
        size_t n = strlen(out);
        snprintf(out + n, sizeof out - n, "%s%.*s%s", i ? " " : "", (int)c->at[i].uid.id.n, c->at[i].uid.id.at, c->at[i].surely ? "" : "?");
    }
    return out;
}

static void
who_can(void **state)
{
    (void)state;
    struct cedar_policies *p = parse("permit(principal in G::\"top\", action == Action::\"x\", resource);\n"
                                     "permit(principal, action in [Action::\"y\", Action::\"z\"], resource) when { context.n < 5 };\n"
                                     "forbid(principal == U::\"b\", action == Action::\"y\", resource);\n");
    struct cedar_entities *e = entities(small_world);
    struct cedar_scratch *s = cedar_scratch_new(0);
    struct cedar_error error;
    struct cedar_candidates found;
    struct cedar_unknown all = {NULL, 0, false};
    struct cedar_uid actions[] = {uid("Action", "x"), uid("Action", "y"), uid("Action", "z"), uid("Action", "none")};
    struct cedar_partial_request q = {{CEDAR_KNOWN_TYPE, uid("U", "")}, {CEDAR_KNOWN, actions[0]}, {CEDAR_KNOWN, uid("R", "r")}, NULL, &all, 1};
    assert_true(cedar_query_principal(p, e, &q, NULL, NULL, 0, s, &found, &error));
    assert_string_equal(names_of(&found), "a");
    q.action.uid = actions[1];
    assert_true(cedar_query_principal(p, e, &q, NULL, NULL, 0, s, &found, &error));
    assert_string_equal(names_of(&found), "a?");
    q.principal = (struct cedar_partial_uid){CEDAR_KNOWN, uid("U", "b")};
    assert_true(cedar_query_action(p, e, &q, NULL, actions, 4, s, &found, &error));
    assert_string_equal(names_of(&found), "z?");
    q.principal.uid.id = STR("a");
    assert_true(cedar_query_action(p, e, &q, NULL, actions, 4, s, &found, &error));
    assert_string_equal(names_of(&found), "x y? z?");
    cedar_policies_unref(p);
    cedar_entities_unref(e);
    cedar_scratch_free(s);
}

/* A forbid whose condition turns out to be no bool is an error, and counts when errors do. */
static void
no_bool_forbids(void **state)
{
    (void)state;
    struct cedar_policies *p = parse("permit(principal, action, resource);\nforbid(principal, action, resource) when { principal.age };\n");
    struct cedar_entities *e = entities(small_world);
    struct cedar_scratch *s = cedar_scratch_new(0);
    struct cedar_error error;
    struct cedar_candidates found;
    struct cedar_partial_options closed = {.fail_closed = true};
    struct cedar_partial_request q = {
        .principal = {CEDAR_KNOWN_TYPE, uid("U", "")}, .action = {CEDAR_KNOWN, uid("Action", "x")}, .resource = {CEDAR_KNOWN, uid("R", "r")}};
    assert_true(cedar_query_principal(p, e, &q, &closed, NULL, 0, s, &found, &error));
    assert_string_equal(names_of(&found), "");
    assert_true(cedar_query_principal(p, e, &q, NULL, NULL, 0, s, &found, &error));
    assert_string_equal(names_of(&found), "a b");
    cedar_policies_unref(p);
    cedar_entities_unref(e);
    cedar_scratch_free(s);
}

/* The official examples of query_resource and query_action. */
static void
schema_queries(void **state)
{
    (void)state;
    struct cedar_schema *s = schema("entity User; entity Photo enum [\"a\", \"b\"]; entity Other;\n"
                                    "action view, edit appliesTo { principal: User, resource: Photo, context: { should_allow: Bool } };\n"
                                    "action elsewhere appliesTo { principal: User, resource: Other, context: {} };\n");
    struct cedar_policies *p = parse("permit(principal, action == Action::\"edit\", resource) when { context.should_allow };\n"
                                     "permit(principal, action == Action::\"view\", resource);\n"
                                     "permit(principal, action == Action::\"elsewhere\", resource);\n"
                                     "forbid(principal, action, resource == Photo::\"b\");\n");
    struct cedar_scratch *scratch = cedar_scratch_new(0);
    struct cedar_error error;
    struct cedar_candidates found;
    struct cedar_unknown all = {NULL, 0, false};
    struct cedar_partial_options o = {.schema = s};
    struct cedar_partial_request q = {
        {CEDAR_KNOWN, uid("User", "alice")}, {CEDAR_UNKNOWN, {{NULL, 0}, {NULL, 0}}}, {CEDAR_KNOWN, uid("Photo", "a")}, NULL, &all, 1};
    assert_true(cedar_query_action(p, NULL, &q, &o, NULL, 0, scratch, &found, &error));
    assert_string_equal(names_of(&found), "edit? view");
    q.action = (struct cedar_partial_uid){CEDAR_KNOWN, uid("Action", "edit")};
    q.resource.known = CEDAR_KNOWN_TYPE;
    assert_true(cedar_query_resource(p, NULL, &q, &o, NULL, 0, scratch, &found, &error));
    assert_string_equal(names_of(&found), "a?");
    cedar_policies_unref(p);
    cedar_schema_unref(s);
    cedar_scratch_free(scratch);
}

/* ------------------------------------------------------------------------------------------------------------------------------------ why */

static const char *
account(const struct cedar_policies *p, size_t i, const char *context, size_t value_max)
{
    static char out[4096];
    struct cedar_scratch *s = cedar_scratch_new(0);
    struct cedar_entities *e = entities(small_world);
    struct cedar_error error;
    struct cedar_why why;
    struct cedar_output text;
    struct cedar_request q = {uid("U", "a"), uid("Action", "x"), uid("R", "r"), cedar_value_json(s, STR(context), &error)};
    assert_non_null(q.context);
    assert_true(cedar_why(p, i, e, &q, value_max, s, &why));
    assert_true(cedar_why_text(p, i, &why, &text));
    snprintf(out, sizeof out, "%s", text.at);
    cedar_output_free(&text);
    cedar_entities_unref(e);
    cedar_scratch_free(s);
    return out;
}

static void
accounts(void **state)
{
    (void)state;
    struct cedar_policies *p = parse("permit(principal in G::\"top\", action, resource)\n"
                                     "when { principal.age == 7 && (context.risk < 50 || context.calm) }\n"
                                     "unless { context has stop };\n"
                                     "forbid(principal == U::\"b\", action, resource) when { true };\n"
                                     "permit(principal, action, resource) when { context.when < datetime(\"2024-01-01\") };\n");
    assert_string_equal(account(p, 0, "{\"risk\":91,\"calm\":false}", 0),
                        "permit `policy0` does not apply\n"
                        "  principal in G::\"top\": matches\n  action: matches\n  resource: matches\n"
                        "  this `when` (line 2) was false because `context.risk < 50` is false: context.risk is 91; `context.calm` is false\n"
                        "  this `unless` (line 3) was not looked at\n");
    assert_string_equal(account(p, 0, "{\"risk\":4}", 0), "permit `policy0` applies\n"
                                                          "  principal in G::\"top\": matches\n  action: matches\n  resource: matches\n"
                                                          "  this `when` (line 2) was true because `principal.age == 7` is true: principal.age is 7; "
                                                          "`context.risk < 50` is true: context.risk is 4\n"
                                                          "  this `unless` (line 3) was false because `context has stop` is false\n");
    assert_string_equal(account(p, 0, "{\"risk\":\"high\"}", 0),
                        "permit `policy0` is an error and does not count\n"
                        "  principal in G::\"top\": matches\n  action: matches\n  resource: matches\n"
                        "  this `when` (line 2) is an error because `context.risk < 50` is an error: type error: expected long, got string: "
                        "context.risk is \"high\"\n"
                        "  this `unless` (line 3) was not looked at\n");
    assert_string_equal(account(p, 1, "{}", 0), "forbid `policy1` does not apply\n"
                                                "  principal == U::\"b\": does not match: principal is U::\"a\"\n"
                                                "  action: matches\n  resource: matches\n  this `when` (line 4) was not looked at\n");
    assert_non_null(strstr(account(p, 2, "{\"when\":{\"__extn\":{\"fn\":\"datetime\",\"arg\":\"2025-02-28T01:02:03.004Z\"}}}", 0),
                           "context.when is datetime(\"2025-02-28T01:02:03.004Z\")"));
    cedar_policies_unref(p);
}

/* Long values are cut, and can be kept out altogether. */
static void
values_stay_short(void **state)
{
    (void)state;
    struct cedar_policies *p = parse("permit(principal, action, resource) when { context.token == \"x\" };");
    const char *context = "{\"token\":\"0123456789-0123456789-0123456789-0123456789-0123456789-0123456789-secret\"}";
    const char *text = account(p, 0, context, 0);
    assert_non_null(strstr(text, "context.token is \"0123456789"));
    assert_null(strstr(text, "secret"));
    assert_non_null(strstr(text, "…"));
    text = account(p, 0, context, 1);
    assert_null(strstr(text, "0123"));
    assert_non_null(strstr(text, "context.token is …"));
    cedar_policies_unref(p);
}

static void
links_are_explained(void **state)
{
    (void)state;
    struct cedar_policies *p = parse("permit(principal == ?principal, action, resource) when { context.n > 1 };"), *linked;
    struct cedar_uid b = uid("U", "b");
    struct cedar_link link = {STR("policy0"), STR("link"), &b, NULL};
    struct cedar_error error;
    assert_true(cedar_policies_link(p, &link, 1, &linked, &error));
    assert_string_equal(account(linked, 1, "{\"n\":1}", 0), "permit `link` does not apply\n"
                                                            "  principal == U::\"b\": does not match: principal is U::\"a\"\n"
                                                            "  action: matches\n  resource: matches\n  this `when` (line 1) was not looked at\n");
    cedar_policies_unref(linked);
    cedar_policies_unref(p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_example),
        cmocka_unit_test(types_decide),
        cmocka_unit_test(untyped_is_careful),
        cmocka_unit_test(rests_go_on),
        cmocka_unit_test(official_shape),
        cmocka_unit_test(wrong_requests),
        cmocka_unit_test(who_can),
        cmocka_unit_test(no_bool_forbids),
        cmocka_unit_test(schema_queries),
        cmocka_unit_test(accounts),
        cmocka_unit_test(values_stay_short),
        cmocka_unit_test(links_are_explained),
        cmocka_unit_test(completions_keep_the_laws),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
