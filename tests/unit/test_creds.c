/* What servers send, and which addresses may be reached. The flights are tested with real servers: tests/real/test_creds.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "base/json.h"
#include "creds/inner.h"
#include "net/place.h"

static void
challenges_are_read(void **state)
{
    static const struct {
        const char *field;
        bool bearer;
        const char *error, *scope, *metadata;
    } cases[] = {
        {"Bearer", true, "", "", ""},
        {"Bearer resource_metadata=\"https://a.example/.well-known/x\", scope=\"a b\"", true, "", "a b", "https://a.example/.well-known/x"},
        {"bearer error=insufficient_scope,scope=\"files:read\"", true, "insufficient_scope", "files:read", ""},
        {"Basic realm=\"x, Bearer scope=evil\", Bearer scope=\"good\"", true, "", "good", ""},
        {"Negotiate abc==, Bearer scope=\"s\"", true, "", "s", ""},
        {"Basic realm=\"x\"", false, "", "", ""},
        {"Bearer scope=\"a\\\"b\"", true, "", "a\"b", ""},
        {"Bearer scope=\"one\", scope=\"two\"", true, "", "one", ""},
        {"Bearer scope=\"never ends", false, "", "", ""},
        {"Bearer scope=\"a\x01\"", false, "", "", ""},
        {"Bearer scope=\"a\" junk", false, "", "", ""},
        {"", false, "", "", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct challenge c = {0};
        challenge_parse(bytes_str(cases[i].field), &c);
        if (c.bearer != cases[i].bearer || strcmp(c.error, cases[i].error) || strcmp(c.scope, cases[i].scope) ||
            strcmp(c.resource_metadata, cases[i].metadata))
            fail_msg("case %zu: %d '%s' '%s' '%s'", i, c.bearer, c.error, c.scope, c.resource_metadata);
    }
}

static void
well_known_addresses_take_three_forms(void **state)
{
    struct arena a = {0};
    (void)state;
    assert_string_equal(well_known(&a, "https://a.example/t/one", "x", WELL_KNOWN_INSERTED), "https://a.example/.well-known/x/t/one");
    assert_string_equal(well_known(&a, "https://a.example/t/one/", "x", WELL_KNOWN_APPENDED), "https://a.example/t/one/.well-known/x");
    assert_string_equal(well_known(&a, "https://a.example/t", "x", WELL_KNOWN_ROOT), "https://a.example/.well-known/x");
    assert_string_equal(well_known(&a, "https://a.example", "x", WELL_KNOWN_INSERTED), "https://a.example/.well-known/x");
    arena_free(&a);
}

static void
a_resource_covers_what_is_below_it(void **state)
{
    (void)state;
    assert_true(url_covers("https://a.example/mcp", "https://a.example/mcp"));
    assert_true(url_covers("https://a.example/", "https://a.example/mcp"));
    assert_true(url_covers("https://A.example", "https://a.example/mcp"));
    assert_false(url_covers("https://a.example/mc", "https://a.example/mcp"));
    assert_false(url_covers("https://a.example/mcp/deep", "https://a.example/mcp"));
    assert_false(url_covers("https://a.example.evil/mcp", "https://a.example/mcp"));
    assert_false(url_covers("http://a.example/mcp", "https://a.example/mcp"));
    assert_false(url_covers("https://a.example:444/mcp", "https://a.example/mcp"));
}

static enum net_place
kind_of(const char *text)
{
    uint8_t at[16] = {[10] = 0xff, [11] = 0xff};
    if (inet_pton(AF_INET, text, at + 12) != 1)
        assert_int_equal(inet_pton(AF_INET6, text, at), 1);
    return net_place(at);
}

static void
addresses_are_told_apart(void **state)
{
    static const char *const never[] = {"169.254.169.254",
                                        "0.0.0.0",
                                        "224.0.0.1",
                                        "255.255.255.255",
                                        "fe80::1",
                                        "ff02::1",
                                        "::",
                                        "fd00:ec2::254",
                                        "100.100.100.200",
                                        "::ffff:169.254.169.254",
                                        "64:ff9b::a9fe:a9fe",
                                        "2002:a9fe:a9fe::1"};
    static const char *const private[] = {"10.0.0.1", "172.16.0.1",      "172.31.255.255", "192.168.1.1", "100.64.0.1", "fc00::1",
                                          "fd12::1",  "::ffff:10.0.0.1", "64:ff9b::a00:1", "2001:db8::1", "::10.0.0.1"};
    static const char *const loopback[] = {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"};
    static const char *const public[] = {"1.1.1.1", "172.15.0.1", "172.32.0.1", "100.63.0.1", "2606:4700::1111", "192.0.1.1", "198.20.0.1"};
    (void)state;
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        if (kind_of(never[i]) != NET_NEVER)
            fail_msg("%s", never[i]);
    for (size_t i = 0; i < sizeof private / sizeof *private; i++)
        if (kind_of(private[i]) != NET_PRIVATE)
            fail_msg("%s", private[i]);
    for (size_t i = 0; i < sizeof loopback / sizeof *loopback; i++)
        if (kind_of(loopback[i]) != NET_LOOPBACK)
            fail_msg("%s", loopback[i]);
    for (size_t i = 0; i < sizeof public / sizeof *public; i++)
        if (kind_of(public[i]) != NET_PUBLIC)
            fail_msg("%s", public[i]);
}

static void
only_https_is_learned(void **state)
{
    struct door o = {.kind = DOOR_ISSUER}, local = {.kind = DOOR_ISSUER, .n_networks = 1};
    struct net_range range = {{[10] = 0xff, [11] = 0xff, [12] = 127}, 104};
    (void)state;
    local.networks = &range;
    assert_int_equal(door_url(&o, "https://as.example/token").code, E_OK);
    assert_int_equal(door_url(&o, "http://as.example/token").code, E_FORBIDDEN);
    assert_int_equal(door_url(&o, "http://127.0.0.1/token").code, E_FORBIDDEN);
    assert_int_equal(door_url(&local, "http://127.0.0.1/token").code, E_OK);
    assert_int_equal(door_url(&local, "http://as.example/token").code, E_FORBIDDEN);
    assert_true(err_failed(door_url(&o, "unix:/run/x:/token")));
    assert_true(err_failed(door_url(&o, "https://as.example/token#x")));
    assert_true(err_failed(door_url(&o, "https://user@as.example/token")));
    assert_true(err_failed(door_url(&o, "file:///etc/passwd")));
}

static struct token_response
token(const char *body, int status, enum err_code code)
{
    static struct arena a;
    struct token_response t;
    assert_int_equal(token_response_read(&a, bytes_str(body), status, &t).code, code);
    return t;
}

static void
token_answers_are_read(void **state)
{
    (void)state;
    struct token_response t =
        token("{\"access_token\":\"abc\",\"token_type\":\"bearer\",\"expires_in\":60,\"refresh_token\":\"r\",\"scope\":\"a b\"}", 200, E_OK);
    assert_true(bytes_is(t.access, "abc") && bytes_is(t.refresh, "r") && bytes_is(t.scope, "a b") && t.expires_s == 60);
    assert_int_equal(token("{\"access_token\":\"abc\",\"token_type\":\"Bearer\",\"expires_in\":\"60\"}", 200, E_OK).expires_s, 60);
    assert_int_equal(token("{\"access_token\":\"abc\",\"token_type\":\"Bearer\",\"expires_in\":-5}", 200, E_OK).expires_s, -1);
    assert_string_equal(token("{\"error\":\"invalid_grant\",\"error_description\":\"x\"}", 400, E_OK).error, "invalid_grant");
    assert_string_equal(token("{\"error\":\"<script>\"}", 400, E_OK).error, "unnamed");
    assert_string_equal(token("{\"error\":\"x\"}", 200, E_OK).error, "x");
    token("{\"access_token\":\"a\\r\\nX: y\",\"token_type\":\"Bearer\"}", 200, E_UPSTREAM);
    token("{\"access_token\":\"abc\",\"token_type\":\"DPoP\"}", 200, E_UPSTREAM);
    token("{\"access_token\":\"abc\"}", 200, E_UPSTREAM);
    token("{\"access_token\":\"abc\",\"access_token\":\"def\",\"token_type\":\"Bearer\"}", 200, E_UPSTREAM);
    token("<html>", 502, E_UPSTREAM);
}

/* What is not understood may hold the secret; the error must not. */
static void
errors_hold_no_value(void **state)
{
    struct arena a = {0};
    struct token_response t;
    struct bytes value;
    int64_t lease;
    (void)state;
    struct err e = token_response_read(&a, BYTES("{\"access_token\":\"hunter2 \",\"token_type\":\"Bearer\"}"), 200, &t);
    assert_null(strstr(e.text, "hunter2"));
    e = token_response_read(&a, BYTES("{\"access_token\":\"hunter2\" x"), 200, &t);
    assert_null(strstr(e.text, "hunter2"));
    e = vault_value_read(&a, BYTES("{\"data\":{\"data\":{\"field\":[\"hunter2\"]}}}"), 2, "field", &value, &lease);
    assert_int_equal(e.code, E_UPSTREAM);
    assert_null(strstr(e.text, "hunter2"));
    e = kubernetes_value_read(&a, BYTES("{\"data\":{\"field\":\"hunter2!\"}}"), "field", &value);
    assert_int_equal(e.code, E_UPSTREAM);
    assert_null(strstr(e.text, "hunter2"));
    arena_free(&a);
}

static void
values_of_vaults_and_clusters_are_read(void **state)
{
    struct arena a = {0};
    struct bytes value;
    int64_t lease = 0;
    (void)state;
    assert_int_equal(
        vault_value_read(&a, BYTES("{\"lease_duration\":0,\"data\":{\"data\":{\"k\":\"v2\"},\"metadata\":{}}}"), 2, "k", &value, &lease).code, E_OK);
    assert_true(bytes_is(value, "v2"));
    assert_int_equal(vault_value_read(&a, BYTES("{\"lease_duration\":90,\"data\":{\"k\":\"v1\"}}"), 1, "k", &value, &lease).code, E_OK);
    assert_true(bytes_is(value, "v1") && lease == 90);
    assert_int_equal(kubernetes_value_read(&a, BYTES("{\"data\":{\"k\":\"aGVsbG8=\"}}"), "k", &value).code, E_OK);
    assert_true(bytes_is(value, "hello"));
    assert_int_equal(kubernetes_value_read(&a, BYTES("{\"data\":{}}"), "k", &value).code, E_UPSTREAM);
    arena_free(&a);
}

static void
metadata_is_read(void **state)
{
    struct arena a = {0};
    struct issuer_metadata m;
    struct resource_metadata r;
    (void)state;
    assert_int_equal(
        issuer_metadata_read(&a,
                             BYTES("{\"issuer\":\"https://a\",\"token_endpoint\":\"https://a/t\",\"code_challenge_methods_supported\":[\"plain\"],"
                                   "\"token_endpoint_auth_methods_supported\":[\"none\",\"client_secret_post\"]}"),
                             &m)
            .code,
        E_OK);
    assert_false(m.s256);
    assert_int_equal(m.auth_methods, 1 << OAUTH_AUTH_NONE | 1 << OAUTH_AUTH_POST);
    assert_int_equal(issuer_metadata_read(&a, BYTES("{\"issuer\":\"https://a\"}"), &m).code, E_UPSTREAM);
    assert_int_equal(resource_metadata_read(&a, BYTES("{\"resource\":\"https://a/mcp\",\"authorization_servers\":[\"https://b\"]}"), &r).code, E_OK);
    assert_string_equal(r.servers[0], "https://b");
    assert_int_equal(resource_metadata_read(&a, BYTES("{\"resource\":\"https://a/mcp\",\"authorization_servers\":[]}"), &r).code, E_UPSTREAM);
    assert_int_equal(resource_metadata_read(&a, BYTES("{\"authorization_servers\":[\"https://b\"]}"), &r).code, E_UPSTREAM);
    arena_free(&a);
}

static void
queries_are_read_once(void **state)
{
    struct arena a = {0};
    struct bytes v;
    (void)state;
    assert_true(query_value(&a, BYTES("state=a%20b&code=c+d&iss=https%3A%2F%2Fx"), "code", &v));
    assert_true(bytes_is(v, "c d"));
    assert_true(query_value(&a, BYTES("state=a"), "code", &v));
    assert_null(v.at);
    assert_false(query_value(&a, BYTES("code=a&code=b"), "code", &v));
    assert_false(query_value(&a, BYTES("code=%4"), "code", &v));
    assert_false(query_value(&a, BYTES("c%6fde=a&code=b"), "code", &v));
    arena_free(&a);
}

static void
scopes_are_joined_in_order(void **state)
{
    char to[16] = "";
    (void)state;
    scope_add(to, sizeof to, BYTES("a b"));
    scope_add(to, sizeof to, BYTES("b  c a"));
    assert_string_equal(to, "a b c");
    scope_add(to, sizeof to, BYTES("longer-than-what-fits"));
    assert_string_equal(to, "a b c");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(challenges_are_read),
        cmocka_unit_test(well_known_addresses_take_three_forms),
        cmocka_unit_test(a_resource_covers_what_is_below_it),
        cmocka_unit_test(addresses_are_told_apart),
        cmocka_unit_test(only_https_is_learned),
        cmocka_unit_test(token_answers_are_read),
        cmocka_unit_test(errors_hold_no_value),
        cmocka_unit_test(values_of_vaults_and_clusters_are_read),
        cmocka_unit_test(metadata_is_read),
        cmocka_unit_test(queries_are_read_once),
        cmocka_unit_test(scopes_are_joined_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
