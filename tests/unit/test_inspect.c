/* What is found in JSON, where, in which disguise, and what is left after redaction. */
#include "inspect/inspect.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "keys/own_token.h"

#define GITHUB                                                                                                                                       \
    "ghp_"                                                                                                                                           \
    "16C7e42F292c6912E7710c838347Ae178B4a"
#define AWS                                                                                                                                          \
    "AKIA"                                                                                                                                           \
    "2ETA4F3B244CQ7X6"
#define STRIPE                                                                                                                                       \
    "sk_live_"                                                                                                                                       \
    "4eC39HqLyjWDarjtT1zdp7dc"

static struct inspect *standard;
static char told[8192];

static void
tell(enum finding_level level, const char *file, int line, const char *text, void *ctx)
{
    size_t n = strlen(told);
    (void)ctx;
    snprintf(told + n, sizeof told - n, "%s:%d: %s: %s\n", file, line, level == FINDING_ERROR ? "error" : "warning", text);
}

static struct inspection_settings
plain_settings(void)
{
    return (struct inspection_settings){.builtin_rules = true,
                                        .secrets = {FOUND_REFUSE, FOUND_REDACT, SENS_RESTRICTED},
                                        .beyond = FOUND_REFUSE,
                                        .max_bytes = (size_t)16 << 20,
                                        .place = {"inspection.yaml", 1}};
}

static struct inspect *
made(const struct inspection_settings *s)
{
    struct inspect *in = NULL;
    told[0] = 0;
    struct err e = inspect_make(s, NULL, tell, NULL, &in);
    return err_failed(e) ? NULL : in;
}

static int
make_standard(void **state)
{
    struct inspection_settings s = plain_settings();
    (void)state;
    standard = made(&s);
    return standard == NULL;
}

static int
drop_standard(void **state)
{
    (void)state;
    inspect_unref(standard);
    return 0;
}

struct look {
    struct arena a;
    struct inspect_room *room;
    struct inspection out;
    char text[4096]; /* the changed value */
    char owns[128];
};

static void
own(struct bytes token, void *ctx)
{
    struct look *l = ctx;
    snprintf(l->owns, sizeof l->owns, "%.*s", BYTES_CUT(token, 100));
}

static struct look look;

/* Looks at ${json}; each sighting as "rule@place(how)action" with spaces between. */
static const char *
look_at(const struct inspect *in, enum inspect_way way, const struct sealed *sealed, struct inspect_carry *carry, const char *json)
{
    static char out[8192];
    size_t n = 0;
    struct json *v = NULL;
    static const struct json_limits limits = {(size_t)64 << 20, 64, 1000000};
    struct arena a = {.max = (size_t)512 << 20};
    struct inspect_ask ask = {.way = way, .sealed = sealed, .carry = carry, .own = own, .ctx = &look};
    look.room = look.room ? look.room : inspect_room_make();
    look.owns[0] = 0;
    struct err e = json_parse(&a, bytes_str(json), &limits, &v);
    if (err_failed(e))
        fail_msg("%s: %.200s", e.text, json);
    inspect_json(in, look.room, &ask, v, &a, &look.out);
    out[0] = look.text[0] = 0;
    for (size_t i = 0; i < look.out.n && n < sizeof out; i++)
        n += (size_t)snprintf(out + n, sizeof out - n, "%s%s@%s(%s)%s", i ? " " : "", look.out.list[i].rule, look.out.list[i].place,
                              sighting_how_names[look.out.list[i].how], found_action_names[look.out.list[i].action]);
    if (look.out.changed) {
        struct json *again;
        snprintf(look.text, sizeof look.text, "%.*s", BYTES_CUT(look.out.text, 4000));
        assert_false(err_failed(json_parse(&a, look.out.text, &limits, &again)));
    }
    arena_free(&a);
    return out;
}

#define RESULT(json) look_at(standard, INSPECT_RESULTS, NULL, NULL, json)

static void
secrets_are_found_and_redacted(void **state)
{
    (void)state;
    assert_string_equal(RESULT("{\"content\":[{\"type\":\"text\",\"text\":\"token " GITHUB " here\"}]}"),
                        "github-token@/content/0/text(plain)redact");
    assert_string_equal(look.text, "{\"content\":[{\"type\":\"text\",\"text\":\"token [redacted: github-token] here\"}]}");
    assert_int_equal(look.out.sensitivity, SENS_PUBLIC);
    assert_string_equal(RESULT("[\"nothing\",{\"a\":1}]"), "");
    assert_false(look.out.changed);
    assert_string_equal(RESULT("[1,\"" AWS "\",\"\\u00e9\\n" STRIPE "\"]"), "aws-access-key-id@/1(plain)redact stripe-key@/2(plain)redact");
    assert_string_equal(look.text, "[1,\"[redacted: aws-access-key-id]\",\"\xc3\xa9\\n[redacted: stripe-key]\"]");
    assert_string_equal(RESULT("[\"-----BEGIN RSA PRIVATE KEY-----\\nMIIEpAIBAAKCAQEA7yn3bRHQ5FHMQeZxk6pV\\nx\\n-----END RSA PRIVATE KEY-----\"]"),
                        "private-key@/0(plain)redact private-key-begun@/0(plain)redact");
    assert_string_equal(look_at(standard, INSPECT_ARGUMENTS, NULL, NULL, "{\"q\":\"" GITHUB "\"}"), "github-token@/q(plain)refuse");
    assert_int_equal(look.out.action, FOUND_REFUSE);
    assert_false(look.out.changed);
}

static void
a_name_and_its_value_count_together(void **state)
{
    (void)state;
    assert_string_equal(RESULT("{\"api_key\":\"8f14e45fceea167a5a36dedd4bea2543xK\"}"), "assigned-secret@/api_key(plain)redact");
    assert_string_equal(look.text, "{\"api_key\":\"[redacted: assigned-secret]\"}");
    assert_string_equal(RESULT("{\"api_key\":\"process.env.API_KEY_FOR_ALL_THINGS\"}"), "");
    assert_string_equal(look_at(standard, INSPECT_ARGUMENTS, NULL, NULL, "{\"api_key\":\"8f14e45fceea167a5a36dedd4bea2543xK\"}"),
                        "assigned-secret@/api_key(plain)note");
    assert_int_equal(look.out.sensitivity, SENS_RESTRICTED);
}

static void
no_disguise_of_one_level_helps(void **state)
{
    (void)state;
    /* JSON in a string, with the characters of the secret escaped once more */
    assert_string_equal(RESULT("{\"t\":\"{\\\"k\\\":\\\"\\\\u0067hp_16C7e42F292c6912E7710c838347Ae178B4a\\\"}\"}"), "github-token@/t(escaped)redact");
    assert_string_equal(look.text, "{\"t\":\"{\\\"k\\\":\\\"[redacted: github-token]\\\"}\"}");
    assert_string_equal(RESULT("[\"line one\\\\n" AWS "\\\\nline\"]"), "aws-access-key-id@/0(escaped)redact");
    assert_string_equal(look.text, "[\"line one\\\\n[redacted: aws-access-key-id]\\\\nline\"]");
    /* the outer escapes are gone before anything is looked at */
    assert_string_equal(RESULT("[\"\\u0041KIA2ETA4F3B244CQ7X6\"]"), "aws-access-key-id@/0(plain)redact");
    assert_string_equal(RESULT("[\"https://x/?k=%67hp_16C7e42F292c6912E7710c838347Ae178B4a&y\"]"), "github-token@/0(percent)redact");
    assert_string_equal(look.text, "[\"https://x/?k=[redacted: github-token]&y\"]");
    assert_string_equal(RESULT("[\"see eyJhIjoiZ2hwXzE2QzdlNDJGMjkyYzY5MTJFNzcxMGM4MzgzNDdBZTE3OEI0YSJ9 end\"]"), "github-token@/0(base64)redact");
    assert_string_equal(look.text, "[\"see [redacted: github-token] end\"]");
}

static void
pieces_are_put_together(void **state)
{
    (void)state;
    assert_string_equal(RESULT("{\"content\":[{\"type\":\"text\",\"text\":\"key AKIA2ETA\"},{\"type\":\"text\",\"text\":\"4F3B244CQ7X6.\"}]}"),
                        "aws-access-key-id@/content/0/text(split)redact aws-access-key-id@/content/1/text(split)redact");
    assert_string_equal(look.text, "{\"content\":[{\"type\":\"text\",\"text\":\"key [redacted: aws-access-key-id]\"},"
                                   "{\"type\":\"text\",\"text\":\"[redacted: aws-access-key-id].\"}]}");
    assert_string_equal(RESULT("[\"key AKIA2ETA\",\"4F3B\",\"244CQ7X6 rest\"]"),
                        "aws-access-key-id@/0(split)redact aws-access-key-id@/1(split)redact aws-access-key-id@/2(split)redact");
    assert_string_equal(look.text,
                        "[\"key [redacted: aws-access-key-id]\",\"[redacted: aws-access-key-id]\",\"[redacted: aws-access-key-id] rest\"]");
}

static void
pieces_of_several_messages_are_put_together(void **state)
{
    struct inspect_carry *c = inspect_carry_make();
    (void)state;
    assert_string_equal(look_at(standard, INSPECT_RESULTS, NULL, c, "[\"downloading sk_li\"]"), "");
    assert_string_equal(look_at(standard, INSPECT_RESULTS, NULL, c, "[\"ve_4eC39\"]"), "");
    assert_string_equal(look_at(standard, INSPECT_RESULTS, NULL, c, "[\"HqLyjWDarjtT1zdp7dc done\"]"), "stripe-key@/0(split)redact");
    assert_string_equal(look.text, "[\"[redacted: stripe-key] done\"]");
    assert_string_equal(look_at(standard, INSPECT_RESULTS, NULL, c, "[\"more\"]"), "");
    inspect_carry_free(c);
}

static void
names_of_members_cannot_be_redacted(void **state)
{
    (void)state;
    assert_string_equal(RESULT("{\"a\":{\"" GITHUB "\":{\"b\":\"" AWS "\"}}}"),
                        "github-token@/a/*(plain)refuse aws-access-key-id@/a/*/b(plain)redact");
    assert_int_equal(look.out.action, FOUND_REFUSE);
    assert_string_equal(RESULT("{\"a/b\":{\"~\":\"" AWS "\"}}"), "aws-access-key-id@/a~1b/~0(plain)redact");
}

static void
sealed_values_never_pass(void **state)
{
    struct sealed *s = sealed_make();
    (void)state;
    assert_false(sealed_add(s, "short", BYTES("12345")));
    assert_true(sealed_add(s, "db", BYTES("hunter2/\"x\" y+z")));
    static const char *const texts[] = {
        "[\"is hunter2/\\\"x\\\" y+z !\"]",
        "[\"is HUNTER2/\\\"X\\\" Y+Z !\"]",
        "[\"is aHVudGVyMi8ieCIgeSt6 !\"]",
        "[\"is YWh1bnRlcjIvIngiIHkrejw= !\"]",     /* a…< around it */
        "[\"is YWFodW50ZXIyLyJ4IiB5K3o8PA== !\"]", /* aa…<< */
        "[\"is hunter2%2F%22x%22%20y%2Bz !\"]",
        "[\"is hunter2%2f%22x%22%20y%2bz !\"]",
        "[\"is 68756e746572322f22782220792b7a !\"]",
        "[\"is hunter2/\\\\\\\"x\\\\\\\" y+z !\"]",
        "[\"is hunter2\\\\u002f\\\\\\\"x\\\\\\\" y+z !\"]",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        look_at(NULL, INSPECT_RESULTS, s, NULL, texts[i]);
        if (!look.out.changed || look.out.list[0].kind != SIGHT_SEALED || strstr(look.text, "[redacted: db]") == NULL || strstr(look.text, "unter2"))
            fail_msg("%s: %s", texts[i], look.text);
    }
    look_at(NULL, INSPECT_RESULTS, s, NULL, "[\"hunter2/\",\"\\\"x\\\" y+z\"]");
    assert_string_equal(look.text, "[\"[redacted: db]\",\"[redacted: db]\"]");
    look_at(NULL, INSPECT_RESULTS, s, NULL, "[\"hunter2\"]");
    assert_false(look.out.changed);
    look_at(standard, INSPECT_ARGUMENTS, s, NULL, "[\"hunter2/\\\"x\\\" y+z\"]");
    assert_int_equal(look.out.action, FOUND_REFUSE);
    sealed_free(s);
}

static void
own_tokens_are_told(void **state)
{
    char token[OWN_TOKEN_BYTES + 1], json[200];
    (void)state;
    assert_false(err_failed(own_token_make(env_real(), OWN_TOKEN_ENDPOINT, token)));
    assert_true(own_token_is(bytes_str(token)));
    snprintf(json, sizeof json, "{\"url\":\"http://127.0.0.1:4000/%s/mcp/files\"}", token);
    assert_string_equal(RESULT(json), "writ-token@/url(plain)redact");
    assert_true(look.out.own);
    assert_string_equal(look.owns, token);
    assert_string_equal(look.text, "{\"url\":\"http://127.0.0.1:4000/[redacted: writ-token]/mcp/files\"}");
    token[20] = token[20] == 'a' ? 'b' : 'a';
    assert_false(own_token_is(bytes_str(token)));
    snprintf(json, sizeof json, "[\"%s\"]", token);
    RESULT(json);
    assert_false(look.out.own);
}

/* ---------------------------------------------------------------------------------------------------------- classes */

static void
classes_know_their_check_digits(void **state)
{
    static const struct {
        enum class_kind kind;
        const char *good, *bad;
    } cases[] = {
        {CLASS_IBAN, "DE89 3704 0044 0532 0130 00", "DE88 3704 0044 0532 0130 00"},
        {CLASS_IBAN, "GB82WEST12345698765432", "GB82WEST12345698765431"},
        {CLASS_CARD, "4111 1111 1111 1111", "4111 1111 1111 1112"},
        {CLASS_CARD, "5500-0000-0000-0004", "1500-0000-0000-0004"},
        {CLASS_EMAIL, "ann@example.org", "ann@example"},
        {CLASS_PHONE, "+49 30 901820", "12 30 901820"},
        {CLASS_US_SSN, "078-05-1120", "666-05-1120"},
        {CLASS_UK_NINO, "AB 12 34 56 C", "QQ 12 34 56 C"},
        {CLASS_DE_TAX_ID, "86095742719", "86095742718"},
        {CLASS_FR_NIR, "2 55 08 14 168 025 38", "2 55 08 14 168 025 39"},
        {CLASS_ES_DNI, "12345678Z", "12345678A"},
        {CLASS_NL_BSN, "111222333", "111222334"},
        {CLASS_PL_PESEL, "44051401359", "44051401358"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct inspection_settings s = plain_settings();
        struct data_class c = {
            .id = "it", .kind = cases[i].kind, .act = {FOUND_NOTE, FOUND_NOTE, SENS_CONFIDENTIAL}, .place = {"inspection.yaml", 3}};
        char json[200];
        s.builtin_rules = false;
        s.classes = &c;
        s.n_classes = 1;
        struct inspect *in = made(&s);
        assert_non_null(in);
        snprintf(json, sizeof json, "[\"it is %s.\",\"%s\"]", cases[i].good, cases[i].good);
        if (strcmp(look_at(in, INSPECT_RESULTS, NULL, NULL, json), "it@/0(plain)note it@/1(plain)note") != 0)
            fail_msg("%s: %s", json, look_at(in, INSPECT_RESULTS, NULL, NULL, json));
        assert_int_equal(look.out.sensitivity, SENS_CONFIDENTIAL);
        snprintf(json, sizeof json, "[\"it is %s.\"]", cases[i].bad);
        if (look_at(in, INSPECT_RESULTS, NULL, NULL, json)[0])
            fail_msg("%s was found", json);
        inspect_unref(in);
    }
}

static void
numbers_and_words_are_looked_at_too(void **state)
{
    static const char *words[] = {"Blue Bird", "codename-x", NULL};
    struct data_class classes[] = {
        {.id = "card", .kind = CLASS_CARD, .act = {FOUND_REDACT, FOUND_REDACT, SENS_CONFIDENTIAL}},
        {.id = "customer", .kind = CLASS_REGEX, .regex = "^K-[0-9]{4}$", .act = {FOUND_NOTE, FOUND_REDACT, SENS_INTERNAL}},
        {.id = "project", .kind = CLASS_WORDS, .words = words, .ignore_case = true, .act = {FOUND_REFUSE, FOUND_REDACT, SENS_INTERNAL}}};
    struct inspection_settings s = plain_settings();
    (void)state;
    s.classes = classes;
    s.n_classes = 3;
    struct inspect *in = made(&s);
    assert_non_null(in);
    assert_string_equal(look_at(in, INSPECT_RESULTS, NULL, NULL, "{\"n\":4111111111111111}"), "card@/n(plain)redact");
    assert_string_equal(look.text, "{\"n\":\"[redacted: card]\"}");
    assert_string_equal(look_at(in, INSPECT_RESULTS, NULL, NULL, "[\"BLUE   bird and codename-x, no bluebirds\"]"),
                        "project@/0(plain)redact project@/0(plain)redact");
    assert_string_equal(look.text, "[\"[redacted: project] and [redacted: project], no bluebirds\"]");
    assert_string_equal(look_at(in, INSPECT_RESULTS, NULL, NULL, "[\"K-1234\",\"x K-1234\"]"), "customer@/0(plain)redact");
    /* numbers of two members are no card, though they would be one behind each other */
    assert_string_equal(look_at(in, INSPECT_RESULTS, NULL, NULL, "[41111111,11111111]"), "");
    inspect_unref(in);
}

/* ------------------------------------------------------------------------------------------------------------ rules */

static const struct {
    const char *toml, *told;
} files[] = {
    {"[[rules]]\nid='a'\nregex='x('\n", "f.toml:3: error: a: at byte 2: a ')' is missing\n"},
    {"[[rules]]\nid='a'\nregex='x*'\n", "f.toml:1: error: rule a: the expression matches the empty text\n"},
    {"[[rules]]\nid='a b'\nregex='x'\n", "f.toml:1: error: rule: an id of 1 to 64 letters, digits and . _ - is needed\n"},
    {"[[rules]]\nid='a'\nregex='x'\nsecretGroup=1\n", "f.toml:4: error: rule a: secretGroup 1: the expression has 0 groups\n"},
    {"[[rules]]\nid='a'\nregex='x'\nentrpy=1\n", "f.toml:4: error: a: unknown key 'entrpy'\n"},
    {"[[rules]]\nid='a'\nregex='x'\n[[rules.required]]\nid='b'\n",
     "f.toml:1: error: rule a: rules of several parts (required, skipReport) are not supported\n"},
    {"[[rules]]\nid='a'\nregex='x'\n[[rules]]\nid='a'\nregex='y'\n", "f.toml:4: error: rule a: it stands twice in this file (line 1)\n"},
    {"[[rules]]\nid='a'\nregex='x'\n[[rules.allowlists]]\ncondition='XOR'\nregexes=['y']\n",
     "f.toml:4: error: condition: 'XOR' is neither AND nor OR\n"},
    {"[extend]\npath='x'\n", "f.toml:1: error: extend: other files are not read; put them into inspection/\n"},
    {"[[rules]]\nid='github-token'\nregex='ghx_[a-z]{5}'\n", "f.toml:1: warning: rule github-token: replaces the one of builtin\n"},
    {"[extend]\nuseDefault=true\n", "f.toml:2: warning: extend.useDefault: means the built-in rules here, which inspection.yaml turns on and off\n"},
    {"[[rules]]\nid='p'\npath='x'\n", "f.toml:1: warning: rule p: it names files only, and nothing here is a file: left out\n"},
    {"a=\n", "f.toml:1: error: expected a value\n"},
};

static void
what_cannot_be_taken_is_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct inspection_settings s = plain_settings();
        struct rule_file f = {"f.toml", bytes_str(files[i].toml)};
        s.files = &f;
        s.n_files = 1;
        struct inspect *in = made(&s);
        if (strcmp(told, files[i].told) != 0 || (in == NULL) != (strstr(told, "error") != NULL))
            fail_msg("%s: %s", files[i].toml, told);
        inspect_unref(in);
    }
}

static void
rules_of_gitleaks_are_asked_as_gitleaks_asks(void **state)
{
    static const char toml[] = "[[allowlists]]\nregexes=['^skip']\n[[allowlists]]\ntargetRules=['a']\nstopwords=['STOP']\n"
                               "[extend]\ndisabledRules=['github-token']\n"
                               "[[rules]]\nid='a'\nregex='(foo|bar)=([a-z0-9]{8,})'\nsecretGroup=2\nentropy=2.5\nkeywords=['FOO']\n"
                               "[[rules.allowlists]]\nregexTarget='match'\nregexes=['bar=9']\n"
                               "[[rules.allowlists]]\nregexTarget='line'\ncondition='AND'\nregexes=['# fine']\nstopwords=['zzz']\n";
    static const struct {
        const char *json, *found;
    } cases[] = {
        {"[\"foo=a1b2c3d4\"]", "a@/0(plain)redact"},
        {"[\"foo=aaaaaaaa\"]", ""},
        {"[\"bar=a1b2c3d4\"]", ""},
        {"[\"bar=a1b2c3d4\",\"Foo\"]", "a@/0(plain)redact"},
        {"[\"bar=91b2c3d4 foo\"]", ""},
        {"[\"foo=skip1b2c3\"]", ""},
        {"[\"foo=a1stop3d4\"]", ""},
        {"[\"foo=a1zzz3d4e5 # fine\"]", ""},
        {"[\"foo=a1zzz3d4e5\\n# fine\"]", "a@/0(plain)redact"},
        {"[\"foo=a1b2c3d4 # fine\"]", "a@/0(plain)redact"},
        {"[\"" GITHUB "\"]", ""},
    };
    struct inspection_settings s = plain_settings();
    struct rule_file f = {"f.toml", bytes_make(toml, sizeof toml - 1)};
    (void)state;
    s.files = &f;
    s.n_files = 1;
    struct inspect *in = made(&s);
    if (in == NULL)
        fail_msg("%s", told);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (strcmp(look_at(in, INSPECT_RESULTS, NULL, NULL, cases[i].json), cases[i].found) != 0)
            fail_msg("%s: %s", cases[i].json, look_at(in, INSPECT_RESULTS, NULL, NULL, cases[i].json));
    look_at(in, INSPECT_RESULTS, NULL, NULL, "[\"foo=a1b2c3d4\"]");
    assert_string_equal(look.text, "[\"foo=[redacted: a]\"]");
    inspect_unref(in);
}

static void
settings_choose_what_is_done(void **state)
{
    struct inspection_settings s = plain_settings();
    struct rule_setting one = {.id = "github-token", .act = {FOUND_NOTE, FOUND_REFUSE, SENS_INTERNAL}, .place = {"inspection.yaml", 9}};
    static const char *off[] = {"stripe-key", NULL}, *unknown[] = {"strip-key", NULL};
    (void)state;
    s.rules = &one;
    s.n_rules = 1;
    s.disabled = off;
    struct inspect *in = made(&s);
    assert_non_null(in);
    assert_string_equal(look_at(in, INSPECT_RESULTS, NULL, NULL, "[\"" GITHUB " " STRIPE "\"]"), "github-token@/0(plain)refuse");
    assert_string_equal(look_at(in, INSPECT_ARGUMENTS, NULL, NULL, "[\"" GITHUB "\"]"), "github-token@/0(plain)note");
    assert_int_equal(look.out.sensitivity, SENS_INTERNAL);
    inspect_unref(in);
    s.disabled = unknown;
    assert_null(made(&s));
    assert_string_equal(told, "inspection.yaml:1: error: disabled_rules: there is no rule 'strip-key'\n");
    one.id = "writ-token";
    s.disabled = NULL;
    assert_null(made(&s));
    assert_string_equal(told, "inspection.yaml:9: error: rules: there is no rule 'writ-token'\n");
}

/* ----------------------------------------------------------------------------------------------------------- bounds */

static char *
repeated(const char *start, const char *unit, size_t times, const char *end)
{
    struct buf b = buf_make((size_t)64 << 20);
    buf_puts(&b, start);
    for (size_t i = 0; i < times; i++)
        buf_puts(&b, unit);
    buf_puts(&b, end);
    buf_putc(&b, 0);
    assert_false(b.failed);
    return (char *)b.at;
}

static void
what_cannot_be_looked_at_is_never_passed_in_silence(void **state)
{
    struct inspection_settings s = plain_settings();
    (void)state;
    s.max_bytes = 1000;
    struct inspect *in = made(&s);
    char *json = repeated("[\"", "x", 2000, " " GITHUB "\"]");
    look_at(in, INSPECT_RESULTS, NULL, NULL, json);
    assert_true(look.out.incomplete);
    assert_int_equal(look.out.action, FOUND_REFUSE);
    inspect_unref(in);
    s.beyond = FOUND_NOTE;
    in = made(&s);
    look_at(in, INSPECT_RESULTS, NULL, NULL, json);
    assert_true(look.out.incomplete);
    assert_int_equal(look.out.action, FOUND_NOTE);
    struct sealed *given = sealed_make(); /* the server could put what it was given behind the bound */
    assert_true(sealed_add(given, "db", BYTES("hunter2/hunter2")));
    look_at(in, INSPECT_RESULTS, given, NULL, json);
    assert_true(look.out.incomplete);
    assert_int_equal(look.out.action, FOUND_REFUSE);
    sealed_free(given);
    inspect_unref(in);
    free(json);
    json = repeated("[\"", GITHUB " ", 20000, "\"]"); /* more findings than are kept */
    look_at(standard, INSPECT_RESULTS, NULL, NULL, json);
    assert_true(look.out.incomplete);
    assert_int_equal(look.out.action, FOUND_REFUSE);
    free(json);
    json = repeated("[\"", "api_key=", 400000, "\"]"); /* begins of findings that come to nothing */
    look_at(standard, INSPECT_RESULTS, NULL, NULL, json);
    free(json);
    json = repeated("", "[", 60, "");
    char *all = repeated(json, "]", 60, "");
    RESULT(all);
    assert_false(look.out.incomplete);
    free(json);
    free(all);
}

static void
binary_data_is_noted(void **state)
{
    struct buf b = buf_make(1 << 20), png = buf_make(1 << 20);
    (void)state;
    for (unsigned i = 0; i < 3000; i++)
        buf_putc(&png, (uint8_t)(i * 7919 >> 3));
    buf_puts(&b, "{\"content\":[{\"type\":\"image\",\"mimeType\":\"image/png\",\"data\":\"");
    buf_base64(&b, buf_bytes(&png));
    buf_puts(&b, "\"}]}");
    assert_string_equal(RESULT(buf_text(&b)), "binary@/content/0/data(base64)note");
    assert_true(look.out.list[0].bytes >= 3000);
    buf_free(&b);
    buf_free(&png);
}

static void
what_was_compiled_is_used_again(void **state)
{
    struct inspection_settings s = plain_settings();
    struct inspect *again = NULL;
    (void)state;
    s.secrets.results = FOUND_REFUSE;
    assert_false(err_failed(inspect_make(&s, standard, tell, NULL, &again)));
    assert_string_equal(look_at(again, INSPECT_RESULTS, NULL, NULL, "[\"" GITHUB "\"]"), "github-token@/0(plain)refuse");
    inspect_unref(again);
    assert_string_equal(RESULT("[\"" GITHUB "\"]"), "github-token@/0(plain)redact");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_are_found_and_redacted),
        cmocka_unit_test(a_name_and_its_value_count_together),
        cmocka_unit_test(no_disguise_of_one_level_helps),
        cmocka_unit_test(pieces_are_put_together),
        cmocka_unit_test(pieces_of_several_messages_are_put_together),
        cmocka_unit_test(names_of_members_cannot_be_redacted),
        cmocka_unit_test(sealed_values_never_pass),
        cmocka_unit_test(own_tokens_are_told),
        cmocka_unit_test(classes_know_their_check_digits),
        cmocka_unit_test(numbers_and_words_are_looked_at_too),
        cmocka_unit_test(what_cannot_be_taken_is_said),
        cmocka_unit_test(rules_of_gitleaks_are_asked_as_gitleaks_asks),
        cmocka_unit_test(settings_choose_what_is_done),
        cmocka_unit_test(what_cannot_be_looked_at_is_never_passed_in_silence),
        cmocka_unit_test(binary_data_is_noted),
        cmocka_unit_test(what_was_compiled_is_used_again),
    };
    int failed = cmocka_run_group_tests(tests, make_standard, drop_standard);
    inspect_room_free(look.room);
    return failed;
}
