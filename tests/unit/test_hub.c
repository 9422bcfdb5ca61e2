/* The names of a hub: stable, told apart, and back again; sealed states; where names stand in messages. */
#include "gate/mcp/hub.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *
prefix_of(const char *destination)
{
    static char out[4][HUB_PREFIX_MAX + 1];
    static unsigned turn;
    char *to = out[turn++ % 4];
    hub_prefix(destination, to);
    return to;
}

static void
test_a_prefix_is_the_destination_where_it_can_be(void **state)
{
    (void)state;
    assert_string_equal(prefix_of("files"), "files");
    assert_string_equal(prefix_of("mail-archive_2"), "mail-archive_2");
    assert_string_equal(prefix_of("a.b"), prefix_of("a.b"));
    static const char *const changed[] = {"a.b", "a__b", "a_", "a-very-long-name-of-a-destination"};
    for (size_t i = 0; i < sizeof changed / sizeof *changed; i++) {
        const char *p = prefix_of(changed[i]);
        assert_string_not_equal(p, changed[i]);
        assert_true(strlen(p) <= HUB_PREFIX_MAX && strstr(p, "__") == NULL && p[strlen(p) - 1] != '_');
    }
    assert_string_not_equal(prefix_of("a.b"), prefix_of("a-b"));
    assert_string_not_equal(prefix_of("a-very-long-name-of-a-destination"), prefix_of("a-very-long-name-of-a-destination2"));
}

static void
tool_is(const char *prefix, const char *tool, const char *wanted)
{
    struct buf b = buf_make(256);
    hub_put_tool(&b, prefix, bytes_str(tool));
    assert_string_equal(buf_text(&b), wanted);
    buf_free(&b);
}

static void
test_a_tool_keeps_its_name_where_clients_take_it(void **state)
{
    (void)state;
    tool_is("files", "read_text_file", "files__read_text_file");
    tool_is("files", "_hidden", "files___hidden");
    tool_is("everything", "get-sum", "everything__get-sum");
    /* These are for ever: configurations and policies of clients name them. */
    tool_is("files", "read.file", "files__read-file_3uzm35iod5j7g");
    tool_is("files", "", "files___4oymiquy7qobj");
}

/* Every name that a server could choose: at most 53 of [A-Za-z0-9_-], never another's, found again by the pins. */
static void
test_names_are_told_apart_and_found_again(void **state)
{
    (void)state;
    static const char *const names[] = {
        "a",
        "a.b",
        "a-b",
        "a b",
        "a/b",
        "A",
        "read_3uzm35iod5j7g",
        "read-file_3uzm35iod5j7g",
        "read.file",
        "\xc3\xa4",
        "a__b",
        "__",
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx1",
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx2",
    };
    enum { N = sizeof names / sizeof *names };
    struct tool tools[N] = {0};
    struct destination d = {.id = "files", .tools = tools, .n_tools = N};
    struct buf all[N];
    for (size_t i = 0; i < N; i++)
        tools[i].name = names[i];
    for (size_t i = 0; i < N; i++) {
        struct bytes prefix, rest;
        all[i] = buf_make(256);
        hub_put_tool(&all[i], "files", bytes_str(names[i]));
        assert_true(all[i].n <= HUB_NAME_MAX);
        assert_int_equal(strspn(buf_text(&all[i]), "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"), all[i].n);
        for (size_t k = 0; k < i; k++)
            assert_false(bytes_eq(buf_bytes(&all[i]), buf_bytes(&all[k])));
        assert_true(hub_split(buf_bytes(&all[i]), &prefix, &rest) && bytes_is(prefix, "files"));
        assert_true(bytes_is(hub_tool_of(&d, "files", rest), names[i]));
    }
    for (size_t i = 0; i < N; i++)
        buf_free(&all[i]);
    assert_null(hub_tool_of(&d, "files", BYTES("a.b")).at);                     /* one name for each, not two */
    assert_null(hub_tool_of(&d, "files", BYTES("read-file_aaaaaaaaaaaaa")).at); /* a digest of nothing */
    assert_null(hub_tool_of(NULL, "files", BYTES("read-file_3uzm35iod5j7g")).at);
}

static void
test_what_has_no_prefix_is_nobodys(void **state)
{
    (void)state;
    struct bytes prefix, rest;
    static const char *const none[] = {"", "read", "__read", "files__", "files_read", "__"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_false(hub_split(bytes_str(none[i]), &prefix, &rest));
    assert_true(hub_split(BYTES("a__b__c"), &prefix, &rest) && bytes_is(prefix, "a") && bytes_is(rest, "b__c"));
}

static void
test_uris_are_wrapped_and_unwrapped(void **state)
{
    (void)state;
    struct buf b = buf_make(256);
    struct bytes prefix, rest;
    hub_put_uri(&b, "files", BYTES("file:///a/b%20c?d#e"));
    assert_string_equal(buf_text(&b), "writ:files:file:///a/b%20c?d#e");
    assert_true(hub_split_uri(buf_bytes(&b), &prefix, &rest) && bytes_is(prefix, "files") && bytes_is(rest, "file:///a/b%20c?d#e"));
    static const char *const none[] = {"", "file:///a", "writ:", "writ:files", "writ:files:", "writ::file:///a", "Writ:files:x:y"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_false(hub_split_uri(bytes_str(none[i]), &prefix, &rest));
    buf_free(&b);
}

static void
test_templates_say_whose_a_uri_is(void **state)
{
    (void)state;
    static const struct {
        const char *template, *uri;
        bool matches;
    } cases[] = {
        {"note://one", "note://one", true},
        {"note://one", "note://one2", false},
        {"note://{id}", "note://one", true},
        {"note://{id}", "note:/one", false},
        {"note://{id}/data", "note://one/data", true},
        {"note://{id}/data", "note://one/data/more", false},
        {"note://{id}/data", "note://data", false},
        {"{+all}", "anything at all", true},
        {"a{x}b{y}c", "a1b2b3c", true},
        {"a{x}b{y}c", "a1c", false},
        {"a{x", "a1", false},
        {"", "", true},
        {"", "x", false},
        {"test://{id}/x", "test://{id}/x", true},
        {"a{x}aa", "aa", false},
        {"a{x}aa", "aaa", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (hub_template_matches(bytes_str(cases[i].template), bytes_str(cases[i].uri)) != cases[i].matches)
            fail_msg("%s and %s", cases[i].template, cases[i].uri);
}

/* ------------------------------------------------------------------------------------------------------------- seals */

static int64_t now;

static int64_t
fake_now(struct env *env)
{
    (void)env;
    return now;
}

static void
test_a_state_comes_back_to_whom_it_was_given_by_only(void **state)
{
    (void)state;
    struct env env = *env_real();
    struct hub_key key = {0}, other = {0};
    struct hub_bound to = {"wr_1", "bank", BYTES("tools/call"), BYTES("pay")};
    struct buf sealed = buf_make(4096), again = buf_make(4096), plain = buf_make(4096), foreign = buf_make(4096);
    now = 1000000;
    env.now_ms = fake_now;
    assert_false(hub_unseal(&env, &key, &to, BYTES("w1.AAAA"), &plain)); /* nothing was sealed yet */
    assert_false(err_failed(hub_seal(&env, &key, &to, BYTES("round 1"), &sealed)));
    assert_false(err_failed(hub_seal(&env, &key, &to, BYTES("round 1"), &again)));
    assert_false(err_failed(hub_seal(&env, &other, &to, BYTES("round 1"), &foreign)));
    assert_false(bytes_eq(buf_bytes(&sealed), buf_bytes(&again)));
    assert_true(bytes_search(buf_bytes(&sealed), BYTES("round")) == sealed.n);
    assert_true(hub_unseal(&env, &key, &to, buf_bytes(&sealed), &plain));
    assert_string_equal(buf_text(&plain), "round 1");

    struct hub_bound wrong[] = {
        {"wr_2", "bank", BYTES("tools/call"), BYTES("pay")},  {"wr_1", "evil", BYTES("tools/call"), BYTES("pay")},
        {"wr_1", "bank", BYTES("prompts/get"), BYTES("pay")}, {"wr_1", "bank", BYTES("tools/call"), BYTES("pay2")},
        {"wr_1", "ban", BYTES("ktools/call"), BYTES("pay")},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(hub_unseal(&env, &key, &wrong[i], buf_bytes(&sealed), &plain));
    assert_false(hub_unseal(&env, &key, &to, buf_bytes(&foreign), &plain));
    assert_false(hub_unseal(&env, &key, &to, BYTES("round 1"), &plain));
    assert_false(hub_unseal(&env, &key, &to, bytes_sub(buf_bytes(&sealed), 0, sealed.n - 1), &plain));
    for (size_t i = 3; i < sealed.n; i++) { /* each character counts */
        uint8_t was = sealed.at[i];
        sealed.at[i] = was == 'A' ? 'B' : 'A';
        assert_false(hub_unseal(&env, &key, &to, buf_bytes(&sealed), &plain));
        sealed.at[i] = was;
    }
    assert_string_equal(buf_text(&plain), "round 1");
    now += 60 * 60 * 1000 - 1;
    assert_true(hub_unseal(&env, &key, &to, buf_bytes(&sealed), &plain));
    now++;
    assert_false(hub_unseal(&env, &key, &to, buf_bytes(&sealed), &plain));
    buf_free(&sealed);
    buf_free(&again);
    buf_free(&plain);
    buf_free(&foreign);
}

/* ------------------------------------------------------------------------------------------------------------- texts */

static void
mark(struct buf *b, const struct json *v, enum hub_act act, void *ctx)
{
    static const char *const names[] = {"uri", "task", "state", "says", "asks", "logger", "name", "error"};
    char text[300];
    (void)ctx;
    snprintf(text, sizeof text, "%s:%.*s", names[act], BYTES_CUT(v->text, 200));
    json_put_text(b, bytes_str(text));
}

static void
becomes(bool up, const char *from, const char *to)
{
    struct arena a = {0};
    struct json *root;
    struct buf b = buf_make(65536);
    assert_false(err_failed(json_parse(&a, bytes_str(from), NULL, &root)));
    if (up)
        hub_text_up(&b, root, mark, NULL);
    else
        hub_text_down(&b, root, mark, NULL);
    assert_string_equal(buf_text(&b), to);
    if (up && strcmp(from, to) != 0 && strstr(from, "\"params\"") == NULL)
        assert_false(hub_text_plain(bytes_str(from)));
    buf_free(&b);
    arena_free(&a);
}

static void
test_names_are_replaced_where_they_stand_and_nowhere_else(void **state)
{
    (void)state;
    becomes(
        true, "{\"id\":1,\"result\":{\"content\":[{\"type\":\"resource_link\",\"uri\":\"a\"},{\"type\":\"text\",\"text\":\"uri\"}],\"uri\":\"b\"}}",
        "{\"id\":1,\"result\":{\"content\":[{\"type\":\"resource_link\",\"uri\":\"uri:a\"},{\"type\":\"text\",\"text\":\"uri\"}],\"uri\":\"b\"}}");
    becomes(true, "{\"result\":{\"structuredContent\":{\"content\":[{\"uri\":\"a\"}],\"taskId\":\"t\"}}}",
            "{\"result\":{\"structuredContent\":{\"content\":[{\"uri\":\"a\"}],\"taskId\":\"t\"}}}");
    becomes(true, "{\"result\":{\"requestState\":\"s\",\"inputRequests\":{\"k\":{\"params\":{\"message\":\"m\"}}}}}",
            "{\"result\":{\"requestState\":\"state:s\",\"inputRequests\":{\"k\":{\"params\":{\"message\":\"says:m\"}}}}}");
    becomes(true, "{\"result\":{\"requestState\":5,\"task\":{\"taskId\":\"t\"},\"taskId\":\"u\"}}",
            "{\"result\":{\"requestState\":5,\"task\":{\"taskId\":\"task:t\"},\"taskId\":\"task:u\"}}");
    becomes(true, "{\"result\":{\"task\\u0049d\":\"u\"}}", "{\"result\":{\"taskId\":\"task:u\"}}"); /* hidden behind an escape */
    becomes(true, "{\"params\":{\"uri\":\"a\",\"logger\":\"l\"}}", "{\"params\":{\"uri\":\"uri:a\",\"logger\":\"logger:l\"}}");
    becomes(true, "{\"error\":{\"code\":4030,\"message\":\"m\"}}", "{\"error\":{\"code\":4030,\"message\":\"error:m\"}}");
    becomes(false, "{\"params\":{\"name\":\"n\",\"arguments\":{\"name\":\"x\",\"uri\":\"y\"},\"requestState\":\"s\"}}",
            "{\"params\":{\"name\":\"name:n\",\"arguments\":{\"name\":\"x\",\"uri\":\"y\"},\"requestState\":\"state:s\"}}");
    becomes(false, "{\"params\":{\"ref\":{\"type\":\"ref/prompt\",\"name\":\"n\"}},\"result\":{\"content\":{\"uri\":\"a\"}}}",
            "{\"params\":{\"ref\":{\"type\":\"ref/prompt\",\"name\":\"name:n\"}},\"result\":{\"content\":{\"uri\":\"a\"}}}");
    assert_true(hub_text_plain(BYTES("{\"id\":1,\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"hello\"}]}}")));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_prefix_is_the_destination_where_it_can_be),
        cmocka_unit_test(test_a_tool_keeps_its_name_where_clients_take_it),
        cmocka_unit_test(test_names_are_told_apart_and_found_again),
        cmocka_unit_test(test_what_has_no_prefix_is_nobodys),
        cmocka_unit_test(test_uris_are_wrapped_and_unwrapped),
        cmocka_unit_test(test_templates_say_whose_a_uri_is),
        cmocka_unit_test(test_a_state_comes_back_to_whom_it_was_given_by_only),
        cmocka_unit_test(test_names_are_replaced_where_they_stand_and_nowhere_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
