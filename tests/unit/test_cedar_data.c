/* Sets of policies, scopes, answers, and the values and entities they are asked about. */
#include "test_cedar.h"

/* ------------------------------------------------------------------------------------------------------- sets of policies */

static void
test_ids_and_annotations(void **state)
{
    static const char text[] =
        "@id(\"first\") @step_up(\"owners\") @bare permit(principal,action,resource);\n"
        "  forbid ( principal , action == Action::\"x\" , resource ) when { true } ; \n@id(\"third\") permit(principal,action,resource);";
    struct cedar_policies *p;
    struct cedar_error e;
    struct cedar_str key, value;
    (void)state;
    assert_true(cedar_policies_parse(STR(text), "a.cedar", true, &p, &e));
    assert_int_equal(cedar_policies_count(p), 3);
    assert_str(cedar_policy_id(p, 0), "first");
    assert_str(cedar_policy_id(p, 1), "a.cedar:1");
    assert_int_equal(cedar_policy_effect(p, 1), CEDAR_FORBID);
    assert_int_equal(cedar_policy_line(p, 1), 2);
    assert_str(cedar_policy_source(p, 1), "forbid ( principal , action == Action::\"x\" , resource ) when { true } ;");
    assert_str(cedar_policy_file(p, 2), "a.cedar");
    assert_true(cedar_policy_annotation(p, 0, "step_up", &value));
    assert_str(value, "owners");
    assert_true(cedar_policy_annotation(p, 0, "bare", &value));
    assert_int_equal(value.n, 0);
    assert_false(cedar_policy_annotation(p, 1, "id", &value));
    assert_true(cedar_policy_annotation_at(p, 0, 2, &key, &value));
    assert_str(key, "bare");
    assert_false(cedar_policy_annotation_at(p, 0, 3, &key, &value));
    cedar_policies_unref(p);
    assert_false(cedar_policies_parse(STR("@id permit(principal,action,resource);"), "a", true, &p, &e));
    assert_int_equal(e.code, CEDAR_VALUE);
    assert_false(
        cedar_policies_parse(STR("@id(\"x\") permit(principal,action,resource);\n@id(\"x\") forbid(principal,action,resource);"), "a", true, &p, &e));
    assert_string_equal(e.text, "a policy with id `x` already exists in the policy set (a, line 1)");
    assert_int_equal(e.line, 2);
}

static void
test_join(void **state)
{
    struct cedar_policies *sets[2], *both, *again[2], *none;
    struct cedar_error e;
    (void)state;
    assert_true(cedar_policies_parse(STR("permit(principal,action,resource);"), "one", true, &sets[0], &e));
    assert_true(cedar_policies_parse(STR("forbid(principal,action,resource);"), "two", true, &sets[1], &e));
    assert_true(cedar_policies_join(sets, 2, &both, &e));
    again[0] = again[1] = sets[0];
    assert_false(cedar_policies_join(again, 2, &none, &e));
    assert_string_equal(e.text, "a policy with id `one:0` already exists in the policy set (one, line 1)");
    cedar_policies_unref(sets[0]);
    cedar_policies_unref(sets[1]);
    assert_str(cedar_policy_id(both, 0), "one:0");
    assert_str(cedar_policy_id(both, 1), "two:0");
    assert_str(cedar_policy_source(both, 1), "forbid(principal,action,resource);");
    cedar_policies_unref(cedar_policies_ref(both));
    cedar_policies_unref(both);
    cedar_policies_unref(NULL);
}

struct seen {
    char text[2048];
};

static void
note_path(size_t policy, struct cedar_str action, struct cedar_str path, unsigned line, unsigned column, void *ctx)
{
    struct seen *s = ctx;
    size_t n = strlen(s->text);
    snprintf(s->text + n, sizeof s->text - n, "%zu [%.*s] %.*s %u:%u\n", policy, (int)action.n, action.n ? action.at : "", (int)path.n, path.at, line,
             column);
}

static void
test_context_paths(void **state)
{
    struct cedar_policies *p =
        parse("permit(principal, action == Action::\"bank/send\", resource) when { context.input.path == \"x\" && context has input.amount };\n"
              "permit(principal, action in Action::\"g\", resource)\n"
              "unless { (if context.flag then context else context.input)[\"a b\"].c has d || {k: context}.k.deep == [context.input has e] };\n"
              "permit(principal, action, resource) when { resource.input.no == context.user.getTag(context.key) || principal has input };");
    struct seen s = {""};
    (void)state;
    cedar_policies_walk_context(p, note_path, &s);
    assert_string_equal(
        s.text, "0 [bank/send] input.path 1:81\n0 [bank/send] input.amount 1:108\n1 [] flag 3:22\n1 [] a b.c.d 3:73\n1 [] input.a b.c.d 3:73\n"
                "1 [] deep 3:93\n1 [] input.e 3:120\n2 [] user 4:73\n2 [] key 4:93\n");
    cedar_policies_unref(p);
}

/* ------------------------------------------------------------------------------------------------------------- deciding */

struct world {
    struct cedar_policies *p;
    struct cedar_entities *e;
    struct cedar_scratch *s;
    struct cedar_answer a;
};

static void
decide(struct world *w, const char *policies, const char *json)
{
    struct cedar_request q = {{STR("U"), STR("a")}, {STR("Action"), STR("x")}, {STR("R"), STR("r")}, NULL};
    w->p = parse(policies);
    w->e = entities(json);
    w->s = cedar_scratch_new(1 << 20);
    assert_true(cedar_evaluate(w->p, w->e, &q, w->s, &w->a));
}

static void
undecide(struct world *w)
{
    cedar_policies_unref(w->p);
    cedar_entities_unref(w->e);
    cedar_scratch_free(w->s);
}

static void
test_permits_forbids_and_errors_are_separate(void **state)
{
    struct world w;
    (void)state;
    decide(&w,
           "permit(principal,action,resource);\n"
           "forbid(principal,action,resource) when { resource.none };\n"
           "forbid(principal,action,resource) unless { principal == U::\"b\" };\n"
           "permit(principal,action,resource) when { 1 };\n"
           "permit(principal,action,resource) when { false };\n",
           "[]");
    assert_int_equal(w.a.n_permits, 1);
    assert_int_equal(w.a.permits[0], 0);
    assert_int_equal(w.a.n_forbids, 1);
    assert_int_equal(w.a.forbids[0], 2);
    assert_int_equal(w.a.n_errors, 2);
    assert_int_equal(w.a.errors[0].policy, 1);
    assert_string_equal(w.a.errors[0].text, "entity `R::\"r\"` does not exist");
    assert_int_equal(w.a.errors[1].policy, 3);
    assert_string_equal(w.a.errors[1].text, "type error: expected bool, got long");
    assert_false(cedar_decision(&w.a));
    undecide(&w);
}

static void
test_the_official_decision(void **state)
{
    struct world w;
    (void)state;
    decide(&w, "", "[]");
    assert_false(cedar_decision(&w.a)); /* nothing permits */
    undecide(&w);
    decide(&w, "forbid(principal,action,resource) when { resource.none }; permit(principal,action,resource);", "[]");
    assert_true(cedar_decision(&w.a)); /* an erring forbid is skipped by Cedar; the caller sees it in errors */
    assert_int_equal(w.a.n_errors, 1);
    undecide(&w);
}

static void
test_scope(void **state)
{
    static const struct {
        const char *scope;
        int satisfied;
    } list[] = {
        {"principal == U::\"a\", action, resource", 1},
        {"principal == U::\"b\", action, resource", 0},
        {"principal in G::\"top\", action, resource", 1},
        {"principal in U::\"a\", action, resource", 1},
        {"principal in G::\"none\", action, resource", 0},
        {"principal is U, action, resource", 1},
        {"principal is N::U, action, resource", 0},
        {"principal is U in G::\"low\", action, resource", 1},
        {"principal is G in G::\"low\", action, resource", 0},
        {"principal is U in G::\"none\", action, resource", 0},
        {"principal, action == Action::\"x\", resource", 1},
        {"principal, action == N::Action::\"x\", resource", 0},
        {"principal, action in [Action::\"y\", Action::\"x\"], resource", 1},
        {"principal, action in [Action::\"y\"], resource", 0},
        {"principal, action in [], resource", 0},
        {"principal, action, resource == R::\"r\"", 1},
        {"principal, action, resource in R::\"q\"", 0},
        {"principal == ?principal, action, resource", 0},
        {"principal is U in ?principal, action, resource in ?resource", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        char text[512];
        struct world w;
        /* What the scope shuts out neither applies nor errs. */
        snprintf(text, sizeof text, "permit(%s); forbid(%s) when { 1 };", list[i].scope, list[i].scope);
        decide(&w, text, small_world);
        if ((int)w.a.n_permits != list[i].satisfied || (int)w.a.n_errors != list[i].satisfied)
            fail_msg("%s: %zu permits, %zu errors", list[i].scope, w.a.n_permits, w.a.n_errors);
        undecide(&w);
    }
}

static void
test_conditions_stop_at_the_first_that_fails(void **state)
{
    struct world w;
    (void)state;
    decide(&w,
           "permit(principal,action,resource) when { false } when { resource.none };"
           "permit(principal,action,resource) unless { true } unless { 1 };"
           "permit(principal,action,resource) when { true } unless { 1 } when { false };",
           "[]");
    assert_int_equal(w.a.n_errors, 1);
    assert_int_equal(w.a.errors[0].policy, 2);
    undecide(&w);
}

static void
test_scratch_at_its_bound_knows_nothing(void **state)
{
    struct cedar_policies *p = parse("permit(principal,action,resource) when { context.a };");
    struct cedar_request q = {{STR("U"), STR("a")}, {STR("Action"), STR("x")}, {STR("R"), STR("r")}, NULL};
    struct cedar_scratch *s = cedar_scratch_new(4096);
    struct cedar_answer a;
    (void)state;
    while (cedar_long(s, 1))
        ;
    assert_false(cedar_evaluate(p, NULL, &q, s, &a));
    assert_int_equal(a.n_permits + a.n_forbids + a.n_errors, 0);
    cedar_scratch_reset(s);
    assert_true(cedar_evaluate(p, NULL, &q, s, &a));
    assert_int_equal(a.n_errors, 1);
    cedar_scratch_free(s);
    cedar_policies_unref(p);
}

static void
test_long_error_texts_are_cut(void **state)
{
    char *text = repeat(WHEN "context[\"", "é", 2000, "\"]};");
    struct world w;
    (void)state;
    decide(&w, text, "[]");
    size_t n = strlen(w.a.errors[0].text);
    assert_true(n < 1024 && n > 1000);
    assert_string_equal(w.a.errors[0].text + n - 3, "…");
    undecide(&w);
    free(text);
}

/* ------------------------------------------------------------------------------------------------------ values, entities */

static void
test_values_by_hand(void **state)
{
    struct cedar_policies *p = parse(
        WHEN
        "context.b && context.n == -5 && context.s == \"é\" && context.e == U::\"a\" && context.set == [1, 2] && context.r.k == 1 &&"
        "context.d == decimal(\"1.25\") && context.i == ip(\"::1\") && context.t == datetime(\"1970-01-02\") && context.u == duration(\"1s\") };");
    struct cedar_scratch *s = cedar_scratch_new(1 << 20);
    struct cedar_value *c = cedar_record(s), *r = cedar_record(s);
    struct cedar_value *list[] = {cedar_long(s, 2), cedar_long(s, 1), cedar_long(s, 2)};
    struct cedar_request q = {{STR("U"), STR("a")}, {STR("Action"), STR("x")}, {STR("R"), STR("r")}, c};
    struct cedar_answer a;
    (void)state;
    assert_true(cedar_record_put(s, r, STR("k"), cedar_long(s, 1)));
    assert_false(cedar_record_put(s, r, STR("k"), cedar_long(s, 2)));
    assert_true(cedar_record_put(s, c, STR("u"), cedar_duration(s, 1000)));
    assert_true(cedar_record_put(s, c, STR("b"), cedar_bool(s, true)));
    assert_true(cedar_record_put(s, c, STR("n"), cedar_long(s, -5)));
    assert_true(cedar_record_put(s, c, STR("s"), cedar_string(s, STR("é"))));
    assert_true(cedar_record_put(s, c, STR("e"), cedar_entity(s, q.principal)));
    assert_true(cedar_record_put(s, c, STR("set"), cedar_set(s, list, 3)));
    assert_true(cedar_record_put(s, c, STR("r"), r));
    assert_true(cedar_record_put(s, c, STR("d"), cedar_decimal(s, STR("1.2500"))));
    assert_true(cedar_record_put(s, c, STR("i"), cedar_ip(s, STR("::1"))));
    assert_true(cedar_record_put(s, c, STR("t"), cedar_datetime(s, 86400000)));
    assert_true(cedar_evaluate(p, NULL, &q, s, &a));
    assert_int_equal(a.n_permits, 1);
    assert_null(cedar_decimal(s, STR("1.00001")));
    assert_null(cedar_decimal(s, STR("1e3")));
    assert_null(cedar_ip(s, STR("1.2.3")));
    assert_null(cedar_string(s, STR("\xff")));
    assert_false(cedar_record_put(s, c, STR("null"), NULL));
    assert_false(cedar_record_put(s, c, STR("itself"), c));
    cedar_scratch_free(s);
    cedar_policies_unref(p);
}

static void
test_values_are_bounded(void **state)
{
    struct cedar_scratch *s = cedar_scratch_new(1 << 24);
    struct cedar_value *v = cedar_long(s, 1), *r = cedar_record(s);
    unsigned depth = 1;
    (void)state;
    for (struct cedar_value *next = v; next; depth += next != NULL)
        next = cedar_set(s, &next, 1);
    assert_int_equal(depth, CEDAR_MAX_DEPTH);
    char key[16];
    int n = 0;
    do {
        snprintf(key, sizeof key, "k%d", n);
    } while (cedar_record_put(s, r, STR(key), v) && ++n < 10000);
    assert_int_equal(n, 4096);
    cedar_scratch_free(s);
}

#define ESCAPE(type) "{\"a\":{\"__entity\":{\"type\":\"" type "\",\"id\":\"x\"}}}"
#define ESCAPED(type) "failed to parse escape `__entity`: {\n  \"type\": \"" type "\",\n  \"id\": \"x\"\n}, errors: "

static void
test_value_json(void **state)
{
    static const struct {
        const char *json, *error;
    } list[] = {
        {"{\"a\":null}", "while parsing context, found a `null`; JSON `null`s are not allowed in Cedar"},
        {"{\"a\":1.5}", "data did not match any variant of untagged enum RawCedarValueJson"},
        {"{\"a\":9223372036854775808}", "data did not match any variant of untagged enum RawCedarValueJson"},
        {"{\"a\":1,\"\\u0061\":2}", "the key \"a\" stands twice in one object"},
        {ESCAPE("A :: U"), ESCAPED("A :: U") "`Name` needs to be normalized (e.g., whitespace removed): A :: U"},
        {ESCAPE("if"), ESCAPED("if") "unexpected end of input"},
        {ESCAPE("__cedar :: U"), ESCAPED("__cedar :: U") "The name `__cedar::U` contains `__cedar`, which is reserved"},
        {ESCAPE("A::"), ESCAPED("A::") "unexpected end of input"},
        {ESCAPE("if::A::in"), ESCAPED("if::A::in") "this identifier is reserved and cannot be used: in"},
        {ESCAPE("in::if"), ESCAPED("in::if") "this identifier is reserved and cannot be used: if"},
        {ESCAPE("if x"), ESCAPED("if x") "unexpected token `x`"},
        {ESCAPE("A B C"), ESCAPED("A B C") "unexpected token `B`"},
        {ESCAPE(""), ESCAPED("") "unexpected end of input"},
        {ESCAPE("A&B"), ESCAPED("A&B") "invalid token"},
        {ESCAPE("?x"), ESCAPED("?x") "unexpected token `?x`"},
        {"{\"a\":{\"__extn\":{\"fn\":\"ip\",\"arg\":\"zzz\"}}}", "error while evaluating `ipaddr` extension function: invalid IP address: zzz"},
        {"{\"a\":{\"__extn\":{\"fn\":\"foo\",\"arg\":\"zzz\"}}}", "extension function `foo` does not exist"},
        {"{\"a\":{\"__extn\":{\"fn\":\"a b\",\"arg\":\"zzz\"}}}", "failed to parse escape `__extn`: a b, errors: unexpected token `b`"},
        {"{\"a\":{\"__extn\":{\"fn\":\"unknown\",\"arg\":\"x\"}}}", "while parsing context, unknown values are not supported"},
        {"{\"a\":{\"__expr\":\"1+1\"}}", "while parsing context, the `__expr` escape is no longer supported"},
        {"{\"a\":", "the text ends where a value was expected"},
    };
    struct cedar_scratch *s = cedar_scratch_new(1 << 20);
    struct cedar_error e;
    (void)state;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        assert_null(cedar_value_json(s, STR(list[i].json), &e));
        if (strncmp(e.text, list[i].error, strlen(list[i].error)) != 0)
            fail_msg("%s\n  expected %s\n  got      %s", list[i].json, list[i].error, e.text);
    }
    assert_int_equal(e.line, 1);
    assert_int_equal(e.column, 6);
    cedar_scratch_free(s);
}

static void
test_json_escapes_have_values(void **state)
{
    static const char json[] =
        "{\"u\":{\"__entity\":{\"type\":\"A::U\",\"id\":\"x\\u0000\",\"more\":1}},\"t\":{\"__extn\":{\"fn\":\"offset\",\"args\":[{\"__extn\":"
        "{\"fn\":\"datetime\",\"arg\":\"1970-01-01\"}},{\"__extn\":{\"fn\":\"duration\",\"arg\":\"1s\"}}]}},\"v4\":{\"__extn\":{\"fn\":\"isIpv4\","
        "\"arg\":{\"__extn\":{\"fn\":\"ip\",\"arg\":\"::1\"}}}},\"plain\":{\"__entity\":{\"type\":\"U\",\"id\":\"x\"},\"b\":2},\"half\":{\"__extn\":{"
        "\"fn\":\"ip\"}}}";
    struct cedar_policies *p =
        parse(WHEN "context.u == A::U::\"x\\0\" && context.t == datetime(\"1970-01-01T00:00:01Z\") && !context.v4 && context.plain has b && "
                   "context.half[\"__extn\"].fn == \"ip\" };");
    struct cedar_scratch *s = cedar_scratch_new(1 << 20);
    struct cedar_error e;
    struct cedar_answer a;
    struct cedar_request q = {{STR("U"), STR("a")}, {STR("Action"), STR("x")}, {STR("R"), STR("r")}, cedar_value_json(s, STR(json), &e)};
    (void)state;
    assert_non_null(q.context);
    assert_true(cedar_evaluate(p, NULL, &q, s, &a));
    assert_int_equal(a.n_permits, 1);
    cedar_scratch_free(s);
    cedar_policies_unref(p);
}

/* What the official reader takes as an array of its members: an entity, a uid and the contents of a uid's escape, but no escape of a value. */
static void
test_entities_as_arrays(void **state)
{
    static const char *const lists[] = {
        "[[{\"type\":\"U\",\"id\":\"a\"},{\"n\":1},[{\"type\":\"G\",\"id\":\"g\"}],{\"t\":2}]]",
        "[[[\"U\",\"a\"],{\"n\":1},[[\"G\",\"g\"]],{\"t\":2}]]",
        "[{\"uid\":{\"__entity\":[\"U\",\"a\"]},\"attrs\":{\"n\":1},\"parents\":[{\"__entity\":{\"type\":\"G\",\"id\":\"g\"}}],\"tags\":{\"t\":2}}]",
    };
    struct cedar_policies *p = parse(WHEN "principal in G::\"g\" && principal.n == 1 && principal.getTag(\"t\") == 2 };");
    struct cedar_scratch *s = cedar_scratch_new(1 << 20);
    struct cedar_request q = {{STR("U"), STR("a")}, {STR("Action"), STR("x")}, {STR("R"), STR("r")}, NULL};
    struct cedar_answer a;
    struct cedar_error error;
    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct cedar_entities *e = NULL;
        if (!cedar_entities_json(STR(lists[i]), &e, &error))
            fail_msg("%s: %s", lists[i], error.text);
        assert_true(cedar_evaluate(p, e, &q, s, &a));
        assert_int_equal(a.n_permits, 1);
        cedar_entities_unref(e);
    }
    const struct cedar_value *v = cedar_value_json(s, STR("{\"a\":{\"__entity\":[\"U\",\"a\"]}}"), &error);
    assert_non_null(v);
    q.context = v;
    struct cedar_policies *record = parse(WHEN "context.a has __entity || context.a[\"__entity\"] == [\"U\", \"a\"] };");
    assert_true(cedar_evaluate(record, NULL, &q, s, &a));
    assert_int_equal(a.n_permits, 1);
    cedar_policies_unref(record);
    cedar_policies_unref(p);
    cedar_scratch_free(s);
}

#define UID(type, id) "{\"uid\":{\"type\":\"" type "\",\"id\":\"" id "\"},"
#define PARENT(type, id) "\"parents\":[{\"type\":\"" type "\",\"id\":\"" id "\"}]}"

static void
test_entity_json_refusals(void **state)
{
    static const struct {
        const char *json, *error;
    } list[] = {
        {"{}", "error during entity deserialization: invalid type: map, expected a sequence"},
        {"[1]", "error during entity deserialization: invalid type: integer `1`, expected struct EntityJson"},
        {"[" UID("U", "a") "\"parents\":[]}]", "error during entity deserialization: missing field `attrs`"},
        {"[" UID("U", "a") "\"attrs\":{}}]", "error during entity deserialization: missing field `parents`"},
        {"[{\"attrs\":{},\"parents\":[]}]", "error during entity deserialization: missing field `uid`"},
        {"[{\"uid\":\"U::\\\"a\\\"\",\"attrs\":{},\"parents\":[]}]",
         "error during entity deserialization: in uid field of <unknown entity>, expected a literal entity reference, but got `\"U::\\\"a\\\"\"`"},
        {"[" UID("U", "a") "\"attrs\":{\"x\":null},\"parents\":[]}]",
         "error during entity deserialization: in attribute `x` on `U::\"a\"`, found a `null`; JSON `null`s are not allowed in Cedar"},
        {"[" UID("U", "a") "\"attrs\":{},\"tags\":{\"x\":[null]},\"parents\":[]}]",
         "error during entity deserialization: in tag `x` on `U::\"a\"`, found a `null`"},
        {"[" UID("U", "a") "\"attrs\":{}," PARENT("U", "a") "]", "input graph has a cycle containing vertex `U::\"a\"`"},
        {"[" UID("U", "a") "\"attrs\":{}," PARENT("U", "b") "," UID("U", "b") "\"attrs\":{}," PARENT("U", "a") "]",
         "input graph has a cycle containing vertex `U::"},
        {"[" UID("U", "a") "\"attrs\":{},\"parents\":[]}," UID("U", "a") "\"attrs\":{\"x\":1},\"parents\":[]}]", "duplicate entity entry `U::\"a\"`"},
        {"[" UID("Action", "a") "\"attrs\":{}," PARENT("U", "b") "]",
         "error during entity deserialization: action `Action::\"a\"` has a non-action parent `U::\"b\"`"},
        {"[[{\"type\":\"U\",\"id\":\"a\"},{}]]", "error during entity deserialization: invalid length 2, expected struct EntityJson with 4 elements"},
        {"[[[\"U\",\"a\"],{},[],{},1]]", "error during entity deserialization: invalid length 5, expected fewer elements in array"},
        {"[[[\"U\"],{},[]]]",
         "error during entity deserialization: in uid field of <unknown entity>, expected a literal entity reference, but got `[\"U\"]`"},
        {"[" UID("A::", "a") "\"attrs\":{},\"parents\":[]}]",
         "error during entity deserialization: failed to parse escape `__entity`: {\n  \"type\": \"A::\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        struct cedar_entities *e;
        struct cedar_error error;
        assert_false(cedar_entities_json(STR(list[i].json), &e, &error));
        assert_null(e);
        if (strncmp(error.text, list[i].error, strlen(list[i].error)) != 0)
            fail_msg("%s\n  expected %s\n  got      %s", list[i].json, list[i].error, error.text);
    }
    cedar_entities_unref(entities(
        "[" UID("U", "a") "\"attrs\":{\"n\":1},\"parents\":[],\"more\":0}," UID("U", "a") "\"parents\":[],\"attrs\":{\"n\":1},\"tags\":{}}]"));
}

static void
test_entities_by_hand(void **state)
{
    struct cedar_entities_builder *b = cedar_entities_new();
    struct cedar_scratch *s = cedar_scratch_new(1 << 16);
    struct cedar_entities *e;
    struct cedar_error error;
    char id[] = "a", group[] = "g1";
    struct cedar_uid uid = {STR("U"), STR(id)}, parent = {STR("G"), STR(group)};
    struct cedar_value *attributes = cedar_record(s);
    (void)state;
    cedar_record_put(s, attributes, STR("n"), cedar_string(s, STR("deep")));
    assert_true(cedar_entities_add(b, uid, attributes, &parent, 1, NULL));
    for (int i = 1; i < 9; i++) {
        group[1] = (char)('0' + i);
        struct cedar_uid low = {STR("G"), {group, 2}}, high = {STR("G"), {"", 0}};
        char next[] = {'g', (char)('1' + i), 0};
        high.id = STR(next);
        assert_true(cedar_entities_add(b, low, NULL, &high, 1, NULL));
    }
    assert_true(cedar_entities_finish(b, &e, &error));
    memset(id, 'z', 1);
    memset(group, 'z', 2); /* everything was copied */
    cedar_scratch_free(s);
    assert_string_equal(
        value_of("principal.n == \"deep\" && principal in G::\"g1\" && principal in G::\"g9\" && G::\"g5\" in G::\"g9\" && !(G::\"g5\" in G::\"g4\")",
                 e),
        "true");
    cedar_entities_unref(e);
    b = cedar_entities_new();
    cedar_entities_add(b, parent, NULL, &parent, 1, NULL);
    assert_false(cedar_entities_finish(b, &e, &error));
    assert_int_equal(error.code, CEDAR_VALUE);
    s = cedar_scratch_new(1 << 16);
    b = cedar_entities_new();
    assert_false(cedar_entities_add(b, parent, cedar_long(s, 1), NULL, 0, NULL));
    assert_false(cedar_entities_finish(b, &e, &error)); /* what failed once is not forgotten */
    assert_null(e);
    cedar_scratch_free(s);
}

static void
test_many_entities_in_a_deep_chain(void **state)
{
    struct cedar_entities_builder *b = cedar_entities_new();
    struct cedar_entities *e;
    struct cedar_error error;
    (void)state;
    for (int i = 0; i < 3000; i++) { /* depth is no recursion */
        char low[16], high[16];
        snprintf(low, sizeof low, "%d", i);
        snprintf(high, sizeof high, "%d", i + 1);
        struct cedar_uid parent = {STR("G"), STR(high)};
        assert_true(cedar_entities_add(b, (struct cedar_uid){STR("G"), STR(low)}, NULL, &parent, 1, NULL));
    }
    assert_true(cedar_entities_finish(b, &e, &error));
    assert_string_equal(value_of("G::\"0\" in G::\"3000\" && !(G::\"3000\" in G::\"0\") && !(G::\"0\" in G::\"3001\")", e), "true");
    cedar_entities_unref(e);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids_and_annotations),
        cmocka_unit_test(test_join),
        cmocka_unit_test(test_context_paths),
        cmocka_unit_test(test_permits_forbids_and_errors_are_separate),
        cmocka_unit_test(test_the_official_decision),
        cmocka_unit_test(test_scope),
        cmocka_unit_test(test_conditions_stop_at_the_first_that_fails),
        cmocka_unit_test(test_scratch_at_its_bound_knows_nothing),
        cmocka_unit_test(test_long_error_texts_are_cut),
        cmocka_unit_test(test_values_by_hand),
        cmocka_unit_test(test_values_are_bounded),
        cmocka_unit_test(test_entities_as_arrays),
        cmocka_unit_test(test_value_json),
        cmocka_unit_test(test_json_escapes_have_values),
        cmocka_unit_test(test_entity_json_refusals),
        cmocka_unit_test(test_entities_by_hand),
        cmocka_unit_test(test_many_entities_in_a_deep_chain),
    };
    return cmocka_run_group_tests_name("cedar_data", tests, NULL, NULL);
}
