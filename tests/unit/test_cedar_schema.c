/* Schemas: both forms, what names mean, and data by a schema. The words are the official engine's. */
#include "cedar/schema.h"

#include "test_cedar.h"

#include <stdio.h>
#include <stdlib.h>

static const char world[] =
    "entity User in [Group] { age: Long, score?: decimal, home?: { city: String, zip?: Long }, friends?: Set<User>, color?: Color } tags "
    "Set<ipaddr>;\n"
    "entity Group; entity Doc; entity Color enum [\"red\", \"green\"];\n"
    "action view, \"edit it\" in [change] appliesTo { principal: User, resource: [Doc, Group], context: { at: datetime, by?: User, } };\n"
    "action change in all; action all;\n"
    "namespace N { type Age = __cedar::Long; type decimal = String; entity U { a: Age, l: decimal, b: Bool, t: Action }; action go; }\n";

static struct cedar_schema *
load(const char *text)
{
    struct cedar_error e = {0};
    struct cedar_schema *s;
    if (!cedar_schema_parse(STR(text), "test", &s, &e))
        fail_msg("%s: %u:%u: %s", text, e.line, e.column, e.text);
    return s;
}

static void
test_resolved(void **state)
{
    struct cedar_schema *s = load(world);
    const struct schema_entity *user = schema_find_entity(s, STR("User")), *u = schema_find_entity(s, STR("N::U"));
    const struct schema_action *view = schema_find_action(s, &(struct cedar_uid){STR("Action"), STR("view")});
    const struct schema_action *all = schema_find_action(s, &(struct cedar_uid){STR("Action"), STR("all")});
    (void)state;
    assert_int_equal(s->n_entities, 5);
    assert_int_equal(user->n_ancestors, 1);
    assert_true(str_is(user->ancestors[0]->name, "Group"));
    assert_int_equal(type_attribute(user->attributes, STR("score"))->type->extension, VALUE_DECIMAL);
    assert_false(type_attribute(user->attributes, STR("score"))->required);
    assert_int_equal(user->tags->kind, TYPE_SET);
    assert_int_equal(type_attribute(u->attributes, STR("a"))->type->kind, TYPE_LONG);
    assert_int_equal(type_attribute(u->attributes, STR("l"))->type->kind, TYPE_STRING); /* N::decimal hides the built-in type */
    assert_true(str_is(type_attribute(u->attributes, STR("t"))->type->entity->name, "N::Action"));
    assert_int_equal(view->n_parents, 1);
    assert_int_equal(view->n_ancestors, 2);
    assert_int_equal(all->n_descendants, 3);
    assert_int_equal(view->n_resources, 2);
    assert_true(str_is(cedar_schema_name(s), "test"));
    cedar_schema_unref(cedar_schema_ref(s));
    cedar_schema_unref(s);
}

/* Names that hide others, as schemaToJson of the official build warns of them. */
static void
test_warnings(void **state)
{
    static const struct {
        const char *message;
        unsigned line, column;
    } wanted[] = {
        {"The common type name A shadows an entity name", 1, 16},
        {"The name `Long` shadows a builtin Cedar name. You'll have to refer to the builtin as `__cedar::Long`.", 1, 33},
        {"The name `ipaddr` shadows a builtin Cedar name. You'll have to refer to the builtin as `__cedar::ipaddr`.", 2, 20},
        {"The name `decimal` shadows a builtin Cedar name. You'll have to refer to the builtin as `__cedar::decimal`.", 2, 42},
        {"The name `Bool` shadows a builtin Cedar name. You'll have to refer to the builtin as `__cedar::Bool`.", 2, 51},
        {"The common type name E shadows an entity name", 3, 6},
        {"The name `String` shadows a builtin Cedar name. You'll have to refer to the builtin as `__cedar::String`.", 4, 8},
    };
    struct cedar_schema *s = load("entity A; type A = Long; entity Long;\n"
                                  "namespace N { type ipaddr = Long; entity decimal, Bool, Boolean; entity E enum [\"x\"];\n"
                                  "type E = String; }\n"
                                  "entity String;");
    struct cedar_error e;
    size_t n;
    const struct cedar_schema_warning *w = cedar_schema_warnings(s, &n);
    (void)state;
    assert_int_equal(n, sizeof wanted / sizeof *wanted);
    for (size_t i = 0; i < n; i++)
        if (!str_is(w[i].message, wanted[i].message) || w[i].line != wanted[i].line || w[i].column != wanted[i].column)
            fail_msg("%u:%u: %.*s", w[i].line, w[i].column, (int)w[i].message.n, w[i].message.at);
    cedar_schema_unref(s);
    assert_true(cedar_schema_parse_json(STR("{\"\":{\"entityTypes\":{\"Long\":{}},\"actions\":{}}}"), "test", &s, &e));
    cedar_schema_warnings(s, &n);
    assert_int_equal(n, 0);
    cedar_schema_unref(s);
}

static void
test_refusals(void **state)
{
    static const struct {
        const char *text, *error;
    } list[] = {
        {"entity A", "unexpected end of input"},
        {"entity A {a: Long,, };", "unexpected token `,`"},
        {"entity in;", "`in` is a reserved identifier"},
        {"entity A = ;", "unexpected token `;`"},
        {"entity A [];", "unexpected token `[`"},
        {"entity A enum [];", "unexpected token `]`"},
        {"entity A enum [\"\\q\"];", "Invalid escape codes"},
        {"entity A; entity A;", "`A` is declared twice"},
        {"@a @a entity A;", "duplicate annotations: `a`"},
        {"type Long = Bool;", "this uses a reserved schema keyword: `Long`"},
        {"entity __cedar;", "use of the reserved `__cedar` namespace"},
        {"namespace A {} namespace A {}", "duplicate namespace id: `A`"},
        {"namespace A {};", "unexpected token `;`"},
        {"entity A; action a appliesTo {principal: A};", "missing `resource` declaration for `a`"},
        {"entity A; action a appliesTo {principal: [], resource: A};", "for action `a`, `principal` is `[]`, which is invalid"},
        {"entity A; action a appliesTo {principal: A, resource: A, principal: A};", "duplicate `principal` declaration in action `a`"},
        {"action a in [];", "unexpected token `]`"},
        {"action a {};", "unexpected token `{`"},
        {"entity A {a: B};", "failed to resolve type: B"},
        {"entity A in B;", "failed to resolve type: B"},
        {"entity A in Action; action a;", "undeclared entity type: Action"},
        {"action a in b;", "undeclared action: Action::\"b\""},
        {"action a in b; action b in a;", "cycle in action hierarchy containing `Action::\"a\"`"},
        {"type A = B; type B = Set<A>;", "cycle in common type references containing `A`"},
        {"entity A; namespace N { entity A; }", "definition of `N::A` illegally shadows the existing definition of `A`"},
        {"action a; namespace N { action a; }", "definition of `N::Action::\"a\"` illegally shadows the existing definition of `Action::\"a\"`"},
        {"entity Action;", "entity type `Action` declared in `entityTypes` list"},
        {"type T = Long; entity A; action a appliesTo {principal: A, resource: A, context: T};",
         "Context for action Action::\"a\" is declared with a type other than `Record`"},
        {"\xff", "the schema is not well-formed UTF-8"},
        {"entity A {a: #};", "invalid token"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        struct cedar_error e = {0};
        struct cedar_schema *s;
        assert_false(cedar_schema_parse(STR(list[i].text), "test", &s, &e));
        assert_null(s);
        if (strcmp(e.text, list[i].error) != 0)
            fail_msg("%s\n  expected %s\n  got      %s", list[i].text, list[i].error, e.text);
    }
}

/* "Set<" n times, and a chain of n common types, whose types would be as deep. */
static void
test_depth_is_bounded(void **state)
{
    struct buf nested = buf_make(1 << 20), chain = buf_make(1 << 20);
    struct cedar_error e = {0};
    struct cedar_schema *s;
    (void)state;
    buf_puts(&nested, "type T = ");
    for (int i = 0; i < 20000; i++)
        buf_puts(&nested, "Set<");
    assert_false(cedar_schema_parse(STR(buf_text(&nested)), "test", &s, &e));
    assert_int_equal(e.code, CEDAR_LIMIT);
    buf_puts(&chain, "type T0 = Long;");
    for (int i = 1; i < 2000; i++)
        buf_printf(&chain, "type T%d = Set<T%d>;", i, i - 1);
    assert_false(cedar_schema_parse(STR(buf_text(&chain)), "test", &s, &e));
    assert_int_equal(e.code, CEDAR_LIMIT);
    buf_free(&nested);
    buf_free(&chain);
}

static void
convert(const char *text, enum cedar_schema_form from, enum cedar_schema_form to, const char *expected)
{
    struct cedar_output out;
    struct cedar_error e = {0};
    if (!cedar_schema_convert(STR(text), from, to, &out, &e))
        fail_msg("%s: %s", text, e.text);
    assert_string_equal(out.at, expected);
    cedar_output_free(&out);
}

static void
test_forms(void **state)
{
    static const char json[] =
        "{\"\":{\"entityTypes\":{\"U\":{\"memberOfTypes\":[\"N::G\"],\"shape\":{\"type\":\"Record\",\"attributes\":{\"a b\":{\"type\":\"Set\","
        "\"element\":{\"type\":\"EntityOrCommon\",\"name\":\"Long\"},\"annotations\":{\"k\":\"v\"},\"required\":false}}}}},\"actions\":{}},\"N\":{"
        "\"entityTypes\":{\"E\":{\"enum\":[\"x\"]},\"G\":{}},\"actions\":{\"go\":{\"appliesTo\":{\"resourceTypes\":[\"G\"],\"principalTypes\":[\"G\"]"
        "},"
        "\"memberOf\":[{\"id\":\"all\"}]},\"all\":{\"appliesTo\":{\"resourceTypes\":[],\"principalTypes\":[]}}}}}";
    static const char cedar[] = "entity U in [N::G] = {\n  @k(\"v\")\n  \"a b\"?: Set<Long>\n};\n\nnamespace N {\n  entity E enum [\"x\"];\n\n"
                                "  entity G;\n\n  action \"all\";\n\n  action \"go\" in [Action::\"all\"] appliesTo {\n    principal: [G],\n"
                                "    resource: [G],\n    context: {}\n  };\n}\n";
    (void)state;
    convert(json, CEDAR_SCHEMA_JSON, CEDAR_SCHEMA_CEDAR, cedar);
    convert(cedar, CEDAR_SCHEMA_CEDAR, CEDAR_SCHEMA_CEDAR, cedar);
    convert("namespace N { type T = G; entity G { a: T, l: Long }; }", CEDAR_SCHEMA_CEDAR, CEDAR_SCHEMA_JSON_RESOLVED,
            "{\"N\":{\"commonTypes\":{\"T\":{\"type\":\"Entity\",\"name\":\"N::G\"}},\"entityTypes\":{\"G\":{\"shape\":{\"type\":\"Record\","
            "\"attributes\":{"
            "\"a\":{\"type\":\"N::T\"},\"l\":{\"type\":\"Long\"}}}}},\"actions\":{}}}");
}

static void
test_json_refusals(void **state)
{
    static const struct {
        const char *text, *error;
    } list[] = {
        {"[]", "invalid type: sequence, expected a map"},
        {"{\"\":{\"actions\":{}}}", "missing field `entityTypes`"},
        {"{\"\":{\"entityTypes\":{\"A\":{\"x\":1}},\"actions\":{}}}",
         "unknown field `x`, expected one of `memberOfTypes`, `shape`, `tags`, `enum`, `annotations`"},
        {"{\"\":{\"entityTypes\":{\"A\":{\"enum\":[]}},\"actions\":{}}}", "the vector provided was empty, NonEmpty needs at least one element"},
        {"{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Long\"}}},\"actions\":{}}}",
         "Shape for entity type A is declared with a type other than `Record`"},
        {"{\"\":{\"entityTypes\":{},\"actions\":{\"a\":{\"attributes\":{}}}}}",
         "unsupported feature used in schema: action declared with attributes: [a]"},
        {"{\"\":{\"entityTypes\":{\"A\":{\"tags\":{\"type\":\"Extension\",\"name\":\"ipadr\"}}},\"actions\":{}}}", "unknown extension type `ipadr`"},
        {"{\"\":{\"entityTypes\":{},\"entityTypes\":{},\"actions\":{}}}", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        struct cedar_error e = {0};
        struct cedar_schema *s;
        assert_false(cedar_schema_parse_json(STR(list[i].text), "test", &s, &e));
        if (list[i].error && strcmp(e.text, list[i].error) != 0)
            fail_msg("%s\n  expected %s\n  got      %s", list[i].text, list[i].error, e.text);
    }
}

#define USER(attrs) "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{" attrs "},\"parents\":[]}]"
#define ENTITY(type, id, attrs, parents) "[{\"uid\":{\"type\":\"" type "\",\"id\":\"" id "\"},\"attrs\":{" attrs "},\"parents\":[" parents "]}]"
#define UID(type, id) "{\"type\":\"" type "\",\"id\":\"" id "\"}"

static void
test_entities(void **state)
{
    static const struct {
        const char *json, *error; /* NULL: none */
    } list[] = {
        {USER("\"age\":1,\"score\":\"1.5\",\"home\":{\"city\":\"x\"},\"friends\":[" UID("User", "b") "],\"color\":" UID("Color", "red")), NULL},
        {USER("\"age\":1,\"score\":{\"fn\":\"decimal\",\"arg\":\"1.5\"}"), NULL},
        {USER("\"age\":1,\"score\":{\"__extn\":{\"fn\":\"decimal\",\"arg\":\"1.5\"}}"), NULL},
        {USER(""), "entity does not conform to the schema: expected entity `User::\"a\"` to have attribute `age`, but it does not"},
        {USER("\"age\":\"x\""),
         "entity does not conform to the schema: in attribute `age` on `User::\"a\"`, type mismatch: value was expected to have type "
         "long, but it actually has type string: `\"x\"`"},
        {USER("\"age\":1,\"more\":1"),
         "error during entity deserialization: attribute `more` on `User::\"a\"` should not exist according to the schema"},
        {USER("\"age\":1,\"color\":" UID("Color", "blue")), "entity does not conform to the schema: entity `Color::\"blue\"` is of an enumerated "
                                                            "entity type, but `\"blue\"` is not declared as a valid eid"},
        {USER("\"age\":1,\"home\":{}"), "error during entity deserialization: in attribute `home` on `User::\"a\"`, expected the record to have an "
                                        "attribute `city`, but it does not"},
        {USER("\"age\":1,\"friends\":1"),
         "error during entity deserialization: in attribute `friends` on `User::\"a\"`, type mismatch: value was expected to "
         "have type [`User`], but it actually has type long: `1`"},
        {ENTITY("Nobody", "a", "", ""),
         "error during entity deserialization: entity `Nobody::\"a\"` has type `Nobody` which is not declared in the schema"},
        {ENTITY("Doc", "a", "", UID("Group", "g")),
         "entity does not conform to the schema: `Doc::\"a\"` is not allowed to have an ancestor of type `Group` according to the schema"},
        {ENTITY("Action", "view", "", UID("Action", "change")),
         "entity does not conform to the schema: definition of action `Action::\"view\"` does not match its schema declaration"},
        {ENTITY("Action", "view", "", UID("Action", "change") "," UID("Action", "all")), NULL},
        {ENTITY("Action", "fly", "", ""),
         "entity does not conform to the schema: found action entity `Action::\"fly\"`, but it was not declared as an action in the schema"},
        {ENTITY("Action", "view", "", UID("User", "a")),
         "error during entity deserialization: action `Action::\"view\"` has a non-action parent `User::\"a\"`"},
    };
    struct cedar_schema *s = load(world);
    (void)state;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        struct cedar_entities *store;
        struct cedar_error e = {0};
        bool ok = cedar_entities_json_schema(STR(list[i].json), s, &store, &e);
        if (ok != (list[i].error == NULL) || (!ok && strcmp(e.text, list[i].error) != 0))
            fail_msg("%s\n  expected %s\n  got      %s", list[i].json, list[i].error ? list[i].error : "nothing", e.text);
        cedar_entities_unref(store);
    }
    cedar_schema_unref(s);
}

static const char *
request(struct cedar_scratch *scratch, const struct cedar_schema *s, struct cedar_uid principal, struct cedar_uid action, const char *context)
{
    static struct cedar_error e;
    struct cedar_request q = {principal, action, {STR("Doc"), STR("d")}, NULL};
    e = (struct cedar_error){0};
    q.context = cedar_context_json_schema(scratch, STR(context), s, &action, &e);
    return q.context && cedar_request_check(s, &q, &e) ? "" : e.text;
}

static void
test_requests(void **state)
{
    struct cedar_schema *s = load(world);
    struct cedar_scratch *scratch = cedar_scratch_new(1 << 20);
    struct cedar_uid user = {STR("User"), STR("a")}, group = {STR("Group"), STR("g")}, view = {STR("Action"), STR("view")};
    struct cedar_uid fly = {STR("Action"), STR("fly")};
    (void)state;
    assert_string_equal(request(scratch, s, user, view, "{\"at\":\"2024-01-01\"}"), "");
    assert_string_equal(request(scratch, s, group, view, "{\"at\":\"2024-01-01\"}"), "principal type `Group` is not valid for `Action::\"view\"`");
    assert_string_equal(request(scratch, s, user, fly, "{}"), "action `Action::\"fly\"` does not exist in the supplied schema");
    assert_string_equal(request(scratch, s, user, view, "{}"),
                        "while parsing context, expected the record to have an attribute `at`, but it does not");
    assert_string_equal(request(scratch, s, user, view, "{\"at\":{\"fn\":\"ip\",\"arg\":\"::1\"}}"),
                        "context `{at: ip(\"::1\")}` is not valid for `Action::\"view\"`");
    cedar_scratch_free(scratch);
    cedar_schema_unref(s);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resolved),         cmocka_unit_test(test_warnings), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_depth_is_bounded), cmocka_unit_test(test_forms),    cmocka_unit_test(test_json_refusals),
        cmocka_unit_test(test_entities),         cmocka_unit_test(test_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
