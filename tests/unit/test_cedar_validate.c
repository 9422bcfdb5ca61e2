/* Strict validation, levels and the lint, on a small schema. The words are the official engine's. */
#include "cedar/schema.h"
#include "test_cedar.h"

/* ---------------------------------------------------------------------------------------------------------------- schema */

/*
 * entity Team;
 * entity User in [Team] { name: String, age: Long, boss?: User, nested: { owner: User } } tags String;
 * entity Color enum ["red", "green"];
 * entity Doc { owner: User };
 * action view, edit in [Action::"all"] appliesTo { principal: User, resource: Doc, context: { n?: Long } };
 * action all;
 */
enum { COLOR, DOC, TEAM, USER };
enum { ALL, EDIT, VIEW };

#define TEXT(literal) {"" literal, sizeof(literal) - 1}
#define RECORD_TYPE(list)                                                                                                                            \
    {                                                                                                                                                \
        .kind = TYPE_RECORD, .attributes = {(list), sizeof(list) / sizeof *(list) }                                                                  \
    }

static struct schema_entity world_entities[4];
static struct schema_action world_actions[3];

static const struct type text_type = {.kind = TYPE_STRING}, long_type = {.kind = TYPE_LONG}, empty_type = {.kind = TYPE_RECORD};
static const struct type user_type = {.kind = TYPE_ENTITY, .entity = &world_entities[USER]};
static const struct type_attribute nested_attributes[] = {{TEXT("owner"), &user_type, true}};
static const struct type nested_type = RECORD_TYPE(nested_attributes);
static const struct type_attribute user_attributes[] = {
    {TEXT("age"), &long_type, true}, {TEXT("boss"), &user_type, false}, {TEXT("name"), &text_type, true}, {TEXT("nested"), &nested_type, true}};
static const struct type user_record = RECORD_TYPE(user_attributes);
static const struct type_attribute doc_attributes[] = {{TEXT("owner"), &user_type, true}};
static const struct type doc_record = RECORD_TYPE(doc_attributes);
static const struct type_attribute context_attributes[] = {{TEXT("n"), &long_type, false}};
static const struct type context_record = RECORD_TYPE(context_attributes);
static const struct cedar_str colors[] = {TEXT("red"), TEXT("green")};
static const struct schema_entity *just_team[] = {&world_entities[TEAM]}, *just_user[] = {&world_entities[USER]},
                                  *just_doc[] = {&world_entities[DOC]};
static const struct schema_action *just_all[] = {&world_actions[ALL]}, *below_all[] = {&world_actions[EDIT], &world_actions[VIEW]};

static struct schema_entity world_entities[4] = {
    [COLOR] = {.name = TEXT("Color"), .attributes = &empty_type, .enumerated = true, .ids = colors, .n_ids = 2},
    [DOC] = {.name = TEXT("Doc"), .attributes = &doc_record},
    [TEAM] = {.name = TEXT("Team"), .attributes = &empty_type, .descendants = just_user, .n_descendants = 1},
    [USER] = {.name = TEXT("User"), .attributes = &user_record, .tags = &text_type, .ancestors = just_team, .n_ancestors = 1},
};

#define APPLIES                                                                                                                                      \
    .principals = just_user, .n_principals = 1, .resources = just_doc, .n_resources = 1, .context = &context_record, .parents = just_all,            \
    .n_parents = 1, .ancestors = just_all, .n_ancestors = 1

static struct schema_action world_actions[3] = {
    [ALL] = {.uid = {TEXT("Action"), TEXT("all")}, .context = &empty_type, .descendants = below_all, .n_descendants = 2},
    [EDIT] = {.uid = {TEXT("Action"), TEXT("edit")}, APPLIES},
    [VIEW] = {.uid = {TEXT("Action"), TEXT("view")}, APPLIES},
};

static const struct cedar_schema world = {.refs = 1, .entities = world_entities, .n_entities = 4, .actions = world_actions, .n_actions = 3};

/* ------------------------------------------------------------------------------------------------------------- what it says */

/* Findings as text, one a line: "kind line:column start-end message | help". */
static const char *
findings_text(const struct cedar_findings *f)
{
    static char out[8192];
    size_t n = 0;
    out[0] = 0;
    for (size_t i = 0; i < f->n; i++) {
        const struct cedar_finding *x = &f->at[i];
        n += (size_t)snprintf(out + n, sizeof out - n, "%s%c %u:%u %zu-%zu %.*s%s%.*s", i ? "\n" : "", "EWL"[x->kind], x -> line, x -> column,
                              x -> start, x -> end, (int)x -> message.n, x->message.at, x->help.n ? " | " : "", (int)x->help.n,
                              x->help.n ? x->help.at : "");
        assert_true(n < sizeof out);
    }
    return out;
}

static const char *
validated(const char *text, const struct cedar_validation *options)
{
    struct cedar_policies *p = parse(text);
    struct cedar_findings *f;
    struct cedar_error error;
    if (!cedar_validate(p, &world, options, &f, &error))
        fail_msg("%s: %s", text, error.text);
    const char *out = findings_text(f);
    cedar_findings_free(f);
    cedar_policies_unref(p);
    return out;
}

/* For the condition of a permit whose scope is open. */
static const char *
said_of(const char *condition)
{
    static char text[4096];
    snprintf(text, sizeof text, "permit(principal,action,resource)when{%s};", condition);
    return validated(text, NULL);
}

static const char *
linted(const char *text, const struct cedar_schema *schema)
{
    struct cedar_policies *p = parse(text);
    struct cedar_findings *f;
    struct cedar_error error;
    assert_true(cedar_lint(p, schema, &f, &error));
    const char *out = findings_text(f);
    cedar_findings_free(f);
    cedar_policies_unref(p);
    return out;
}

static void
test_types(void **state)
{
    static const struct {
        const char *condition, *said;
    } cases[] = {
        {"principal.age < 3 && resource.owner == principal", ""},
        {"principal.name < 3", "E 1:39 38-52 for policy `policy0`, unexpected type: expected Long but saw String"},
        {"principal.nam == \"x\"", "E 1:39 38-51 for policy `policy0`, attribute `nam` on entity type `User` not found | did you mean `name`?"},
        {"principal.boss == principal", "E 1:39 38-52 for policy `policy0`, unable to guarantee safety of access to optional attribute `boss` on "
                                        "entity type `User` | try testing for the attribute's presence with `e has boss && ..`"},
        {"principal has boss && principal.boss == principal", ""},
        {"principal has boss || principal.boss == principal",
         "E 1:61 60-74 for policy `policy0`, unable to guarantee safety of access to optional attribute `boss` on entity type `User` | try testing "
         "for the attribute's presence with `e has boss && ..`"},
        {"context has n && context.n == 1", ""},
        {"principal.getTag(\"k\") == \"v\"", "E 1:39 38-59 for policy `policy0`, unable to guarantee safety of access to tag `\"k\"` on entity type "
                                             "`User` | try testing for the tag's presence with `.hasTag(\"k\") && ..`"},
        {"principal.hasTag(\"k\") && principal.getTag(\"k\") == \"v\"", ""},
        {"principal.age == \"x\"", "E 1:39 38-58 the types Long and String are not compatible | for policy `policy0`, both operands to a `==` "
                                   "expression must have compatible types. Types must be exactly equal to be compatible"},
        {"[].isEmpty()", "E 1:39 38-40 for policy `policy0`, empty set literals are forbidden in policies"},
        {"decimal(\"1.23456\") == decimal(\"1.0\")",
         "E 1:39 38-56 for policy `policy0`, error during extension function argument validation: failed to parse as a decimal value: "
         "`\"1.23456\"` | at most 4 digits are supported"},
        {"principal == Usr::\"x\"", "E 1:52 51-54 for policy `policy0`, unrecognized entity type `Usr` | did you mean `User`?"},
        {"resource is Color && Color::\"blue\" == resource",
         "W 1:1 0-86 for policy `policy0`, policy is impossible: the policy expression evaluates to false for all valid requests\n"
         "E 1:60 59-72 for policy `policy0`: entity `Color::\"blue\"` is of an enumerated entity type, but `\"blue\"` is not declared as a valid "
         "eid | valid entity eids: \"red\", \"green\""},
        {"action == Action::\"vieww\"",
         "W 1:1 0-65 for policy `policy0`, policy is impossible: the policy expression evaluates to false for all valid requests\n"
         "E 1:49 48-63 for policy `policy0`, unrecognized action `Action::\"vieww\"` | did you mean `Action::\"view\"`?"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(said_of(cases[i].condition), cases[i].said);
}

static void
test_scopes(void **state)
{
    (void)state;
    assert_string_equal(
        validated("permit(principal == Team::\"t\", action == Action::\"view\", resource);", NULL),
        "W 1:1 0-67 for policy `policy0`, policy is impossible: the policy expression evaluates to false for all valid requests\n"
        "W 1:1 0-67 for policy `policy0`, unable to find an applicable action given the policy scope constraints | try replacing `==` "
        "with `in` in the principal clause");
    assert_string_equal(validated("permit(principal in Team::\"t\", action in Action::\"all\", resource is Doc);", NULL), "");
    /* A template: its slot may be the principal or a team that holds it. */
    assert_string_equal(validated("permit(principal in ?principal, action, resource == ?resource);", NULL), "");
}

/* A link is named by its own id, and what fills a slot has no place in the text. */
static void
test_links(void **state)
{
    const struct cedar_uid team = {STR("Team"), STR("t")}, unknown = {STR("Usr"), STR("u")};
    const struct cedar_link links[] = {{STR("policy0"), STR("good \"one\""), NULL, NULL}, {STR("policy0"), STR("odd"), NULL, NULL}};
    struct cedar_link all[2];
    struct cedar_policies *p = parse("permit(principal == ?principal, action, resource);"), *linked;
    struct cedar_findings *f;
    struct cedar_error error;
    (void)state;
    memcpy(all, links, sizeof all);
    all[0].principal = &team;
    all[1].principal = &unknown;
    assert_true(cedar_policies_link(p, all, 2, &linked, &error));
    assert_true(cedar_validate(linked, &world, NULL, &f, &error));
    assert_string_equal(findings_text(f),
                        "W 1:1 0-50 for policy `good \\\"one\\\"`, unable to find an applicable action given the policy scope constraints | try "
                        "replacing `==` with `in` in the principal clause\n"
                        "E 0:0 0-0 for policy `odd`, unrecognized entity type `Usr` | did you mean `User`?\n"
                        "W 1:1 0-50 for policy `odd`, unable to find an applicable action given the policy scope constraints");
    cedar_findings_free(f);
    cedar_policies_unref(linked);
    cedar_policies_unref(p);
}

static void
test_texts(void **state)
{
    (void)state;
    assert_string_equal(said_of("principal.name == \"say_\xd2\xbb"
                                "ello\""),
                        "W 1:57 56-68 for policy `policy0`, string `\"say_\xd2\xbb"
                        "ello\"` contains mixed scripts");
    assert_string_equal(said_of("principal == User::\"new\\nline\""),
                        "W 1:52 51-68 for policy `policy0`, identifier `new\\nline` contains the character `\\n` which is not a printable ASCII "
                        "character and falls outside of the General Security Profile for Identifiers");
}

static void
test_levels(void **state)
{
    static const char text[] = "permit(principal,action,resource)when{resource.owner.nested.owner == principal};";
    (void)state;
    assert_string_equal(validated(text, &(struct cedar_validation){true, 2}), "");
    assert_string_equal(validated(text, &(struct cedar_validation){true, 1}),
                        "E 1:39 38-65 for policy `policy0`, this policy requires level 2, which exceeds the maximum allowed level (1)");
    assert_string_equal(validated("permit(principal,action,resource)when{User::\"x\".age == 1};", &(struct cedar_validation){true, 3}),
                        "E 1:39 38-47 for policy `policy0`, entity literals cannot be dereferenced at any level");
}

static void
test_lint(void **state)
{
    static const char *const can_apply[] = {
        "forbid(principal,action,resource);",
        "forbid(principal,action,resource)when{context.x < 3};",
        "forbid(principal,action,resource)when{context.x in [context.y]};",
        "forbid(principal,action,resource)when{context has a || \"a\" in [\"b\"]};",
        "forbid(principal,action,resource)unless{principal.ok};",
        "forbid(principal,action,resource)when{{a: 1}.a == 1 && [1].contains(1)};",
    };
    (void)state;
    for (size_t i = 0; i < sizeof can_apply / sizeof *can_apply; i++)
        assert_string_equal(linted(can_apply[i], NULL), "");
    assert_string_equal(linted("forbid(principal,action,resource)when{\"a\" in [\"a\",\"b\"]};", NULL),
                        "L 1:39 38-54 for policy `policy0`, this forbid can never apply: its condition ends in an error for every request, and Cedar "
                        "leaves out a policy that errors | `in` takes an entity on the left and an entity or a set of entities on the right; "
                        "`contains` asks what a set holds; here it gets a string and a set");
    assert_string_equal(linted("forbid(principal,action,resource)when{context.on}when{context.tool < \"x\"};", NULL),
                        "L 1:55 54-72 for policy `policy0`, this forbid can never apply: its condition is never true | only two longs, two datetimes "
                        "or two durations can be compared; here it gets another value and a string");
    assert_string_equal(linted("permit(principal,action in [],resource);", NULL),
                        "L 1:1 0-40 for policy `policy0`, this permit can never apply: its scope admits no request");
    assert_string_equal(linted("forbid(principal,action,resource)when{context.tool == \"rm\"};", &world),
                        "L 1:39 38-50 for policy `policy0`, this forbid can never apply: its condition ends in an error for every request, and Cedar "
                        "leaves out a policy that errors | there is no attribute `tool` here");
    assert_string_equal(linted("forbid(principal is Doc,action,resource);", &world),
                        "L 1:1 0-41 for policy `policy0`, this forbid can never apply: its scope admits no request");
}

/* A condition that stands for far more than it says: each level asks five times for what is below it. */
static enum cedar_code
nested(int levels)
{
    static char text[1 << 16];
    struct cedar_findings *f = NULL;
    struct cedar_error error = {.code = CEDAR_OK};
    size_t n = (size_t)snprintf(text, sizeof text, "permit(principal,action,resource)when{");
    for (int i = 0; i < levels; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "(if ");
    n += (size_t)snprintf(text + n, sizeof text - n, "principal");
    for (int i = 0; i < levels; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, " has boss.boss.boss.boss.boss then principal else principal)");
    snprintf(text + n, sizeof text - n, "==principal};");
    struct cedar_policies *p = parse(text);
    cedar_validate(p, &world, NULL, &f, &error);
    cedar_findings_free(f);
    assert_true(cedar_lint(p, NULL, &f, &error));
    cedar_findings_free(f);
    cedar_policies_unref(p);
    return error.code;
}

static void
test_bounded(void **state)
{
    static char text[1 << 16];
    size_t n = (size_t)snprintf(text, sizeof text, "permit(principal,action,resource)");
    (void)state;
    assert_int_equal(nested(3), CEDAR_OK);
    assert_int_equal(nested(20), CEDAR_LIMIT); /* steps */
    assert_int_equal(nested(40), CEDAR_LIMIT); /* height */
    for (int i = 0; i < 4000; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "when{true}");
    snprintf(text + n, sizeof text - n, ";");
    assert_string_equal(validated(text, &(struct cedar_validation){true, 0}), "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),  cmocka_unit_test(test_scopes), cmocka_unit_test(test_links),   cmocka_unit_test(test_texts),
        cmocka_unit_test(test_levels), cmocka_unit_test(test_lint),   cmocka_unit_test(test_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
