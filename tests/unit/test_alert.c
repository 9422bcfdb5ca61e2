/* Which records become alerts, and what receivers get. Delivery is tested with real receivers: tests/real/test_alerts.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "alert/inner.h"

#define HEAD "{\"v\":1,\"at\":\"2026-11-25T18:00:00.000Z\",\"kind\":"
#define CALL_HEAD                                                                                                                                    \
    "\"decision\",\"call\":\"ca_1\",\"writ\":\"wr_1\",\"agent\":\"reader\",\"instance\":\"in_1\",\"destination\":\"fx\",\"tool\":\"t\","             \
    "\"decision\":"

static const struct {
    const char *leaf;
    bool worth;       /* what the quick look says; it may say yes too often */
    const char *kind; /* NULL: nobody is told */
    const char *title;
} cases[] = {
    {HEAD CALL_HEAD "\"allow\",\"tier\":\"light\"}", false, NULL, NULL},
    {HEAD CALL_HEAD "\"allow\",\"observed\":\"would_ask\"}", true, "observed", "Observed: reader would have been asked about fx/t"},
    {HEAD CALL_HEAD "\"allow\",\"observed\":\"would_deny\"}", true, "observed", "Observed: reader would have been refused fx/t"},
    {HEAD CALL_HEAD "\"deny\"}", true, "refusal", "reader was refused fx/t"},
    {HEAD CALL_HEAD "\"step_up\"}", true, "asked", "reader needs a person's approval for fx/t"},
    {HEAD CALL_HEAD "\"list\",\"shown\":3}", true, NULL, NULL},
    /* a tool's name that would say something else */
    {HEAD "\"decision\",\"call\":\"c\",\"writ\":\"w\",\"agent\":\"a\",\"destination\":\"d\",\"tool\":\"\\\"decision\\\":\\\"allow\\\"\",\"decision\":"
          "\"deny\"}",
     true, "refusal", "a was refused d/\"decision\":\"allow\""},
    {HEAD "\"outcome\",\"status\":\"ok\"}", false, NULL, NULL},
    {HEAD "\"secret\",\"secret\":\"s\"}", false, NULL, NULL},
    {HEAD "\"writ\",\"state\":\"active\"}", false, NULL, NULL},
    {HEAD "\"finding\",\"event\":\"own_token_seen\",\"token\":true,\"direction\":\"results\",\"destination\":\"d\",\"writ\":\"w\"}", true, "sighting",
     "A secret of Writ's own was seen in results of d; its writ is revoked"},
    {HEAD "\"finding\",\"destination\":\"d\",\"direction\":\"results\",\"action\":\"note\",\"what\":\"email at x\"}", true, NULL, NULL},
    {HEAD "\"finding\",\"destination\":\"d\",\"direction\":\"results\",\"action\":\"redact\",\"what\":\"iban at x\"}", true, "sighting",
     "Found in results of d: iban at x"},
    {HEAD "\"pin\",\"state\":\"held\",\"destination\":\"d\",\"item\":\"tool\",\"name\":\"x\",\"change\":\"added\"}", true, "quarantine",
     "d: the tool x is held back (added)"},
    {HEAD "\"pin\",\"state\":\"returned\",\"destination\":\"d\"}", true, NULL, NULL},
    {HEAD "\"revocation\",\"revocation\":\"r\",\"state\":\"revoking\",\"selector\":\"agent\",\"id\":\"bot\",\"why\":\"w\",\"by\":\"ana\"}", true,
     "revocation", "ana revoked the agent bot"},
    {HEAD "\"revocation\",\"revocation\":\"r\",\"state\":\"confirmed\",\"effect_us\":812}", true, "revocation",
     "Revoked and confirmed: the last effect stopped after 812 µs"},
    {HEAD "\"revocation\",\"revocation\":\"r\",\"state\":\"revoking\"}", true, "revocation", "A revocation is not confirmed yet; it goes on"},
    {HEAD "\"privilege\",\"change\":\"agent bot: owner was ana, is ben\"}", true, "privilege", "agent bot: owner was ana, is ben"},
    {HEAD "\"estate\",\"state\":\"refused\"}", true, "server", "A changed estate was refused; the last good one stays in force"},
    {HEAD "\"estate\",\"state\":\"loaded\"}", true, NULL, NULL},
    {HEAD "\"server\",\"event\":\"server_ended\"}", true, NULL, NULL},
    {HEAD "\"server\",\"event\":\"stopped\"}", true, "server", "Writ: stopped"},
    {"{}", true, NULL, NULL},
    {"nonsense", true, NULL, NULL},
    {"", true, NULL, NULL},
};

static void
records_become_alerts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct alert t;
        struct bytes leaf = bytes_str(cases[i].leaf);
        bool told = alert_read(7, leaf, &t);
        if (alert_worth(leaf) != cases[i].worth || told != (cases[i].kind != NULL))
            fail_msg("case %zu: worth %d, told %d", i, alert_worth(leaf), told);
        if (told) {
            assert_string_equal(alert_kind_names[t.kind], cases[i].kind);
            assert_string_equal(t.title, cases[i].title);
            assert_true(t.has_record && t.record == 7);
        }
    }
}

/* Whatever a name is made of, the decision behind it is looked at. */
static void
a_long_name_hides_nothing(void **state)
{
    (void)state;
    for (size_t pad = 0; pad < 1500; pad += 7) {
        struct buf b = buf_make(8192);
        buf_puts(&b, HEAD "\"decision\",\"call\":\"c\",\"writ\":\"w\",\"agent\":\"a\",\"destination\":\"d\",\"tool\":\"");
        for (size_t i = 0; i < pad; i++)
            buf_putc(&b, 'x');
        size_t here = b.n;
        buf_puts(&b, "\",\"decision\":\"deny\"}");
        assert_true(alert_worth(buf_bytes(&b)));
        b.n = here;
        buf_puts(&b, "\",\"decision\":\"allow\",\"observed\":\"would_deny\"}");
        assert_true(alert_worth(buf_bytes(&b)));
        buf_free(&b);
    }
}

static void
the_same_thing_again_has_the_same_key(void **state)
{
    struct alert one, two, other;
    (void)state;
    assert_true(alert_read(1, BYTES(HEAD CALL_HEAD "\"deny\",\"reason\":\"r\"}"), &one));
    assert_true(alert_read(9,
                           BYTES(HEAD "\"decision\",\"call\":\"ca_2\",\"writ\":\"wr_9\",\"agent\":\"reader\",\"instance\":\"in_1\","
                                      "\"destination\":\"fx\",\"tool\":\"t\",\"decision\":\"deny\",\"reason\":\"r\"}"),
                           &two));
    assert_true(alert_read(1, BYTES(HEAD CALL_HEAD "\"deny\",\"reason\":\"another\"}"), &other));
    assert_true(alert_key(&one) == alert_key(&two));
    assert_true(alert_key(&one) != alert_key(&other));
}

static void
messages_are_whole_json_at_any_length(void **state)
{
    (void)state;
    for (size_t n = 0; n < 1200; n += 37) {
        struct buf leaf = buf_make(65536), body = buf_make(65536);
        struct arena a = {0};
        struct json *parsed;
        struct alert t;
        buf_puts(&leaf, HEAD CALL_HEAD "\"deny\",\"policies\":[\"a\",\"b\"],\"reason\":\"");
        for (size_t i = 0; i < n; i++)
            buf_puts(&leaf, i % 3 ? "\xc3\xa9" : "\xe2\x80\xae");
        buf_puts(&leaf, "\"}");
        assert_true(alert_read(1, buf_bytes(&leaf), &t));
        for (int form = ALERT_JSON; form <= ALERT_TEAMS; form++) {
            body.n = 0;
            alert_message((enum alert_form)form, "test", "al_1", &t, 3, &body);
            assert_false(body.failed);
            assert_false(err_failed(json_parse(&a, buf_bytes(&body), NULL, &parsed)));
            assert_true(bytes_search(buf_bytes(&body), BYTES("\xe2\x80\xae")) == body.n);
        }
        arena_free(&a);
        buf_free(&leaf);
        buf_free(&body);
    }
}

/* The example of the Standard Webhooks specification's reference libraries. */
static void
signatures_are_those_of_the_standard(void **state)
{
    struct buf b = buf_make(256);
    (void)state;
    assert_true(alert_signature(BYTES("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330,
                                BYTES("{\"test\": 2432232314}"), &b));
    assert_string_equal(buf_text(&b), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    b.n = 0;
    static const char *const bad[] = {"", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_short", "whsec_!!!!", "whsec_MfKQ9r8GKYqrTwjUPD8I"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(alert_signature(bytes_str(bad[i]), "m", 1, BYTES("x"), &b));
    assert_int_equal(b.n, 0);
    buf_free(&b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_become_alerts),
        cmocka_unit_test(a_long_name_hides_nothing),
        cmocka_unit_test(the_same_thing_again_has_the_same_key),
        cmocka_unit_test(messages_are_whole_json_at_any_length),
        cmocka_unit_test(signatures_are_those_of_the_standard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
