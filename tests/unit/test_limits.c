/* Limits on fake time: buckets, windows, places, breakers; and that counting costs no memory from the heap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "limits/limits.h"

#define S 1000000000ull
#define MS 1000000ull

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *at, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *at, size_t n);
static size_t allocations;

void *
__wrap_malloc(size_t n)
{
    allocations++;
    return __real_malloc(n);
}

void *
__wrap_calloc(size_t n, size_t size)
{
    allocations++;
    return __real_calloc(n, size);
}

void *
__wrap_realloc(void *at, size_t n)
{
    allocations++;
    return __real_realloc(at, n);
}

/* ---------------------------------------------------------------------------------------------------------------- house */

static struct {
    struct env env;
    uint64_t mono;
    int64_t wall;
    uint8_t random;
    bool no_random;
    unsigned woken;
    struct limits *l;
    struct agent agent;
    struct task task;
    struct destination fx;
    struct tool tool;
    struct limits_ask ask;
    struct limited why;
    struct arena a;
} t;

static int64_t
fake_now(struct env *env)
{
    (void)env;
    return t.wall;
}

static uint64_t
fake_mono(struct env *env)
{
    (void)env;
    return t.mono;
}

static bool
fake_random(struct env *env, void *at, size_t n)
{
    (void)env;
    memset(at, t.random, n);
    return !t.no_random;
}

static void
wake(void *ctx, struct limits_agent *of)
{
    (void)ctx, (void)of;
    t.woken++;
}

static int
setup(void **state)
{
    (void)state;
    memset(&t, 0, sizeof t);
    t.env = (struct env){.now_ms = fake_now, .mono_ns = fake_mono, .random = fake_random};
    t.mono = 12345 * S;
    t.random = 0xff;
    struct limits_config config = {&t.env, wake, NULL};
    assert_int_equal(limits_make(&config, &t.l).code, E_OK);
    t.agent.id = "reader";
    t.task.id = "work";
    t.fx = (struct destination){.id = "fx", .repeats = 5, .repeated_writes = 2, .repeat_ms = 60000};
    t.tool = (struct tool){.name = "echo", .destination = &t.fx};
    t.ask = (struct limits_ask){limits_of(t.l, "reader"), &t.agent, &t.task, "wr_one", &t.fx, &t.tool};
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    limits_free(t.l);
    arena_free(&t.a);
    return 0;
}

static struct json *
parse(const char *text)
{
    struct json *v = NULL;
    struct err e = json_parse(&t.a, bytes_str(text), NULL, &v);
    if (err_failed(e))
        fail_msg("%s: %s", text, e.text);
    return v;
}

static bool
rate(void)
{
    return limits_rate(&t.ask, &t.why);
}

static bool
same_call(const char *arguments, enum effect effect)
{
    return limits_repeats(&t.ask, BYTES("echo"), parse(arguments), effect, &t.why);
}

static size_t
how_many(size_t tries)
{
    size_t n = 0;
    while (tries--)
        n += rate();
    return n;
}

/* ----------------------------------------------------------------------------------------------------------------- rate */

static void
a_bucket_gives_its_burst_and_then_its_rate(void **state)
{
    (void)state;
    t.fx.limits = (struct use_limits){.rate = {10, 1000}, .burst = 4, .place = {"destinations/fx.yaml", 7}};
    assert_int_equal(how_many(100), 4);
    assert_int_equal(t.why.kind, LIMIT_RATE);
    assert_int_equal(t.why.retry_ms, 100);
    assert_string_equal(t.why.key, "limits: rate");
    assert_int_equal(t.why.place.line, 7);
    assert_non_null(strstr(t.why.reason, "10 calls a second by this agent at this destination; try again in 100 ms"));
    t.mono += 99 * MS;
    assert_false(rate());
    assert_int_equal(t.why.retry_ms, 1);
    t.mono += MS;
    assert_true(rate());
    assert_false(rate());
    t.mono += 3600 * S; /* never more than the burst, however long it was quiet */
    assert_int_equal(how_many(100), 4);
}

static void
a_refusal_counts_nothing_and_says_when(void **state)
{
    (void)state;
    t.fx.limits.rate = (struct rate){3, 1000}; /* 333,333,334 ns each: rounded against the caller */
    uint64_t end = t.mono + 100 * S, n = 0;
    while (t.mono < end) {
        if (rate())
            n++;
        else
            t.mono += t.why.retry_ms * MS; /* who comes back when told is let through */
        if (!rate())
            assert_true(t.why.retry_ms >= 1 && t.why.retry_ms <= 334);
        else
            n++;
    }
    assert_in_range(n, 290, 303);
}

static void
every_scope_must_have_room_and_none_pays_for_another(void **state)
{
    (void)state;
    t.agent.limits.rate = (struct rate){100, 1000};
    t.task.limits.rate = (struct rate){5, 1000};
    t.tool.limits.rate = (struct rate){2, 1000};
    assert_int_equal(how_many(50), 2); /* the tool's; the 48 refused took nothing from the others */
    assert_non_null(strstr(t.why.reason, "of this tool"));
    t.ask.tool = NULL;
    assert_int_equal(how_many(50), 3); /* what is left of the writ's five */
    assert_non_null(strstr(t.why.reason, "under this writ"));
    t.ask.writ = "wr_two"; /* another writ is another bucket, of the same agent's hundred */
    assert_int_equal(how_many(50), 5);
    char id[16];
    for (int i = 0; i < 30; i++) {
        snprintf(id, sizeof id, "wr_%d", i);
        t.ask.writ = id;
        how_many(5);
    }
    assert_false(rate());
    assert_non_null(strstr(t.why.reason, "by this agent;"));
}

static void
one_agent_never_counts_for_another(void **state)
{
    (void)state;
    t.fx.limits = (struct use_limits){.rate = {2, 60000}, .concurrency = 1};
    assert_int_equal(how_many(9), 2);
    struct limits_ask other = t.ask;
    other.of = limits_of(t.l, "bot");
    assert_true(limits_rate(&other, &t.why));
    struct limits_place mine, theirs;
    assert_int_equal(limits_place(&t.ask, false, &mine, NULL, &t.why), LIMITS_TAKEN);
    assert_int_equal(limits_place(&t.ask, false, &theirs, NULL, &t.why), LIMITS_FULL);
    assert_int_equal(limits_place(&other, false, &theirs, NULL, &t.why), LIMITS_TAKEN);
    limits_leave(&mine);
    limits_leave(&theirs);
}

static void
steps_of_the_wall_clock_do_nothing(void **state)
{
    (void)state;
    t.fx.limits.rate = (struct rate){2, 1000};
    t.fx.repeated_writes = 1;
    assert_int_equal(how_many(9), 2);
    assert_true(same_call("{}", EFFECT_WRITE));
    t.wall += 400 * 86400000ll;
    assert_false(rate());
    assert_false(same_call("{}", EFFECT_WRITE));
    t.wall = -1000;
    assert_false(rate());
    assert_false(same_call("{}", EFFECT_WRITE));
}

static void
a_lower_rate_counts_from_now_on(void **state)
{
    (void)state;
    t.fx.limits.rate = (struct rate){1000, 1000};
    assert_int_equal(how_many(500), 500);
    t.fx.limits.rate = (struct rate){1, 60000};
    assert_false(rate()); /* half a second's worth is still to be paid off */
    t.mono += S;
    assert_true(rate());
    assert_false(rate());
}

static void
counting_takes_no_memory_from_the_heap(void **state)
{
    (void)state;
    struct limits_place p;
    t.agent.limits = (struct use_limits){.rate = {1000000, 1000}, .concurrency = 10};
    t.fx.limits = t.tool.limits = t.agent.limits;
    t.fx.repeats = 1000000;
    struct json *v = parse("{\"a\":[1,2.5,\"x\",{\"b\":null,\"c\":true}],\"d\":{}}");
    for (int i = 0; i < 1000; i++) {
        if (i == 1)
            allocations = 0; /* the first call makes what is kept */
        assert_true(rate());
        assert_true(limits_repeats(&t.ask, BYTES("echo"), v, EFFECT_READ, &t.why));
        assert_int_equal(limits_place(&t.ask, false, &p, NULL, &t.why), LIMITS_TAKEN);
        limits_leave(&p);
    }
    assert_int_equal(allocations, 0);
}

/* -------------------------------------------------------------------------------------------------------------- repeats */

static void
the_same_call_has_its_number_in_its_window(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        assert_true(same_call("{\"text\":\"a\"}", EFFECT_READ));
    t.mono += 20 * S;
    assert_false(same_call("{\"text\":\"a\"}", EFFECT_READ));
    assert_int_equal(t.why.kind, LIMIT_REPEATS);
    assert_int_equal(t.why.retry_ms, 40000);
    assert_true(same_call("{\"text\":\"b\"}", EFFECT_READ));
    assert_true(same_call("{\"text\":\"w\"}", EFFECT_WRITE));
    assert_true(same_call("{\"text\":\"w\"}", EFFECT_WRITE));
    assert_false(same_call("{\"text\":\"w\"}", EFFECT_WRITE));
    assert_string_equal(t.why.key, "limits: repeated_writes");
    t.ask.writ = "wr_other"; /* another writ, session or instance is the same agent */
    assert_false(same_call("{\"text\":\"a\"}", EFFECT_READ));
    t.mono += 40 * S;
    assert_true(same_call("{\"text\":\"a\"}", EFFECT_READ));
    t.fx.repeated_writes = 0;
    for (int i = 0; i < 100; i++)
        assert_true(same_call("{\"text\":\"w\"}", EFFECT_WRITE));
}

static void
a_tool_says_otherwise(void **state)
{
    (void)state;
    t.tool.has_repeats = true;
    t.tool.repeats = 1;
    t.tool.limits.place = (struct place){"destinations/fx.yaml", 30};
    assert_true(same_call("{}", EFFECT_READ));
    assert_false(same_call("{}", EFFECT_READ));
    assert_int_equal(t.why.place.line, 30);
    t.tool.repeats = 0;
    for (int i = 0; i < 100; i++)
        assert_true(same_call("{}", EFFECT_READ));
}

static void
how_it_is_written_makes_no_difference(void **state)
{
    (void)state;
    static const char *const same[][2] = {
        {"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}"},
        {"{\"a\":1}", "{ \"a\" : 1.0 }"},
        {"{\"a\":10}", "{\"a\":1e1}"},
        {"{\"a\":0.1}", "{\"a\":10e-2}"},
        {"{\"a\":-0}", "{\"a\":0.0e5}"},
        {"{\"a\":123456789012345678901234567890}", "{\"a\":12345678901234567890123456789e1}"},
        {"{\"a\":\"x\"}", "{\"\\u0061\":\"\\u0078\"}"},
        {"{\"a\":\"\xc3\xa9\"}", "{\"a\":\"\\u00E9\"}"},
        {"{\"a\":{\"b\":[1,{\"c\":1,\"d\":2}]}}", "{\"a\":{\"b\":[1.0,{\"d\":2,\"c\":1}]}}"},
    };
    static const char *const other[][2] = {
        {"{\"a\":1}", "{\"a\":\"1\"}"},
        {"{\"a\":1}", "{\"a\":true}"},
        {"{\"a\":[1,2]}", "{\"a\":[2,1]}"},
        {"{\"a\":[1,2]}", "{\"a\":12}"},
        {"{\"a\":1}", "{\"b\":1}"},
        {"{\"a\":null}", "{\"a\":{}}"},
        {"{\"a\":\"\"}", "{\"a\":null}"},
        {"{\"a\":-1}", "{\"a\":1}"},
        {"{\"a\":10}", "{\"a\":100}"},
        {"{\"a\":[[],1]}", "{\"a\":[[1]]}"},
        {"{\"a\":1,\"b\":2}", "{\"a\":2,\"b\":1}"},
        {"{\"a\":\"bc\"}", "{\"ab\":\"c\"}"},
    };
    static const uint64_t key[2] = {1, 2};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        assert_int_equal(limits_digest(key, BYTES("fx"), BYTES("t"), parse(same[i][0])),
                         limits_digest(key, BYTES("fx"), BYTES("t"), parse(same[i][1])));
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        assert_int_not_equal(limits_digest(key, BYTES("fx"), BYTES("t"), parse(other[i][0])),
                             limits_digest(key, BYTES("fx"), BYTES("t"), parse(other[i][1])));
    assert_int_not_equal(limits_digest(key, BYTES("fx"), BYTES("t"), parse("{}")), limits_digest(key, BYTES("f"), BYTES("xt"), parse("{}")));
}

/* Reference implementation's vectors.h, vector 15: key 00…0f, message 00…0e. */
static void
the_hash_is_siphash(void **state)
{
    (void)state;
    uint8_t bytes[16];
    uint64_t key[2];
    for (uint8_t i = 0; i < 16; i++)
        bytes[i] = i;
    memcpy(key, bytes, sizeof key);
    assert_true(limits_hash(key, bytes_make(bytes, 15)) == 0xa129ca6149be45e5ull);
    assert_true(limits_hash(key, bytes_make(bytes, 0)) == 0x726fdb47dd0e0e31ull);
}

static void
what_is_counted_is_never_forgotten_for_others(void **state)
{
    (void)state;
    char text[64];
    size_t passed = 0, i = 0;
    assert_true(same_call("{\"a\":\"first\"}", EFFECT_WRITE));
    assert_true(same_call("{\"a\":\"first\"}", EFFECT_WRITE));
    while (i < 200000) {
        snprintf(text, sizeof text, "{\"a\":%zu}", i++);
        struct json *v;
        arena_reset(&t.a);
        assert_int_equal(json_parse(&t.a, bytes_str(text), NULL, &v).code, E_OK);
        if (!limits_repeats(&t.ask, BYTES("echo"), v, EFFECT_WRITE, &t.why))
            break;
        passed++;
    }
    assert_in_range(passed, LIMITS_CALLS_MAX - 2, 2 * LIMITS_CALLS_MAX);
    assert_int_equal(t.why.kind, LIMIT_VARIETY);
    assert_true(t.why.retry_ms > 0 && t.why.retry_ms <= 60000);
    assert_false(same_call("{\"a\":\"first\"}", EFFECT_WRITE)); /* however many came between */
    assert_int_equal(t.why.kind, LIMIT_REPEATS);
    t.mono += 61 * S;
    assert_true(same_call("{\"a\":\"new\"}", EFFECT_WRITE)); /* and none of it stays */
}

/* --------------------------------------------------------------------------------------------------------------- places */

struct waiting {
    struct limits_wait wait;
    struct limits_place place;
    struct limits_ask ask;
    bool turned;
};

static void
turned(struct limits_wait *w)
{
    struct waiting *x = (struct waiting *)((char *)w - offsetof(struct waiting, wait));
    assert_int_equal(limits_place(&x->ask, true, &x->place, &x->wait, &t.why), LIMITS_TAKEN);
    x->turned = true;
}

static enum limits_place_is
enter(struct waiting *x)
{
    x->ask = t.ask;
    x->wait.turn = turned;
    return limits_place(&x->ask, false, &x->place, &x->wait, &t.why);
}

static void
who_waits_goes_in_the_order_of_coming(void **state)
{
    (void)state;
    struct waiting w[6] = {0};
    t.fx.limits = (struct use_limits){.concurrency = 2, .queue = 3};
    for (int i = 0; i < 2; i++)
        assert_int_equal(enter(&w[i]), LIMITS_TAKEN);
    for (int i = 2; i < 5; i++)
        assert_int_equal(enter(&w[i]), LIMITS_WAITS);
    assert_int_equal(enter(&w[5]), LIMITS_FULL);
    assert_int_equal(t.why.kind, LIMIT_CONCURRENCY);
    assert_non_null(strstr(t.why.reason, "2 calls are under way by this agent at this destination, and 3 wait"));
    t.mono += 4 * S;
    t.fx.limits.queue = 4;
    limits_leave(&w[0].place);
    assert_int_equal(t.woken, 1);
    assert_int_equal(enter(&w[0]), LIMITS_WAITS); /* a free place is for those that wait already */
    limits_turns(t.ask.of);
    assert_true(w[2].turned && !w[3].turned);
    limits_wait_end(&w[3].wait);
    limits_leave(&w[2].place);
    limits_turns(t.ask.of);
    assert_true(w[4].turned && !w[0].turned);
    limits_leave(&w[1].place);
    limits_leave(&w[4].place);
    limits_turns(t.ask.of);
    assert_true(w[0].turned);
    limits_leave(&w[0].place);
    limits_leave(&w[0].place); /* harmless */
    limits_wait_end(&w[0].wait);
    assert_int_equal(enter(&w[5]), LIMITS_TAKEN);
    limits_leave(&w[5].place);
}

static void
a_full_line_says_about_how_long(void **state)
{
    (void)state;
    struct waiting w[2] = {0};
    t.fx.limits.concurrency = 1;
    for (int i = 0; i < 60; i++) {
        assert_int_equal(enter(&w[0]), LIMITS_TAKEN);
        t.mono += 2 * S;
        limits_leave(&w[0].place);
    }
    assert_int_equal(enter(&w[0]), LIMITS_TAKEN);
    assert_int_equal(enter(&w[1]), LIMITS_FULL);
    assert_in_range(t.why.retry_ms, 1900, 2000);
    limits_leave(&w[0].place);
}

static void
uses_are_bounded_and_what_is_idle_makes_room(void **state)
{
    (void)state;
    char id[32];
    size_t passed = 0;
    t.task.limits.rate = (struct rate){1, 60000};
    for (size_t i = 0; i < 2 * LIMITS_USES_MAX; i++) {
        snprintf(id, sizeof id, "wr_%zu", i);
        t.ask.writ = id;
        passed += rate();
    }
    assert_int_equal(passed, LIMITS_USES_MAX);
    assert_int_equal(t.why.kind, LIMIT_VARIETY);
    t.ask.writ = "wr_0";
    assert_false(rate()); /* it was not made room for */
    t.mono += 61 * S;
    t.ask.writ = "wr_new";
    assert_true(rate());
}

static void
bytes_and_records_are_bounded(void **state)
{
    (void)state;
    uint64_t n, unrecorded = 0, recorded = 0;
    struct limits_agent *of = t.ask.of;
    assert_true(limits_bytes(of, LIMITS_BYTES_MAX, &t.why));
    assert_false(limits_bytes(of, 1, &t.why));
    assert_false(limits_bytes(of, SIZE_MAX, &t.why));
    limits_bytes_end(of, LIMITS_BYTES_MAX);
    assert_true(limits_bytes(of, 1, &t.why));
    for (int i = 0; i < 1000; i++) {
        if (limits_record(of, &n))
            recorded++, unrecorded += n;
    }
    assert_int_equal(recorded, 50);
    t.mono += S;
    assert_true(limits_record(of, &n));
    assert_int_equal(n, 950); /* none is lost from the count */
    assert_int_equal(limits_unrecorded(of), 0);
}

/* -------------------------------------------------------------------------------------------------------------- breakers */

static bool
pass(struct breaker *b, bool *probe)
{
    uint64_t wait;
    return breaker_pass(b, t.mono, probe, &wait);
}

static void
a_breaker_opens_probes_and_closes(void **state)
{
    (void)state;
    struct breaker b = {.state = BREAKER_CLOSED};
    bool probe;
    uint64_t wait, open = 0;
    t.random = 0;
    assert_false(breaker_bad(&b, &t.env, t.mono, "no"));
    assert_false(breaker_bad(&b, &t.env, t.mono, "no"));
    assert_false(breaker_good(&b)); /* an answer between: they are not in a row */
    for (int i = 0; i < 2; i++)
        assert_false(breaker_bad(&b, &t.env, t.mono, "no"));
    assert_true(pass(&b, &probe) && !probe);
    assert_true(breaker_bad(&b, &t.env, t.mono, "no"));
    for (int round = 0; round < 8; round++) {
        open = BREAKER_FIRST_MS << (round < 4 ? round : 4);
        open = open > BREAKER_LAST_MS ? BREAKER_LAST_MS : open;
        assert_false(breaker_pass(&b, t.mono, &probe, &wait));
        assert_int_equal(wait, open);
        assert_false(breaker_bad(&b, &t.env, t.mono, "late")); /* what was under way when it opened changes nothing */
        t.mono += open * MS - 1;
        assert_false(pass(&b, &probe));
        t.mono += 1;
        assert_int_equal(breaker_wait(&b, t.mono), 0);
        assert_true(pass(&b, &probe) && probe);
        assert_false(breaker_pass(&b, t.mono, &probe, &wait)); /* one at a time */
        assert_int_equal(wait, BREAKER_PROBE_MS);
        breaker_lapsed(&b); /* cancelled: the next one sees */
        assert_true(pass(&b, &probe) && probe);
        assert_true(breaker_bad(&b, &t.env, t.mono, "still not"));
    }
    t.mono += open * MS;
    assert_true(pass(&b, &probe) && probe);
    assert_true(breaker_good(&b));
    assert_true(pass(&b, &probe) && !probe);
    assert_int_equal(b.failures, 0);
    for (int i = 0; i < 3; i++)
        breaker_bad(&b, &t.env, t.mono, "again");
    assert_int_equal(breaker_wait(&b, t.mono), BREAKER_FIRST_MS); /* the backoff began anew */
}

static void
jitter_is_bounded_and_without_randomness_the_longest(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct breaker b = {.failures = 2};
        t.random = (uint8_t)(i * 0x40);
        t.no_random = i == 2;
        assert_true(breaker_bad(&b, &t.env, t.mono, "no"));
        uint64_t wait = breaker_wait(&b, t.mono);
        assert_in_range(wait, BREAKER_FIRST_MS, BREAKER_FIRST_MS * 5 / 4);
        if (i == 2)
            assert_int_equal(wait, BREAKER_FIRST_MS * 5 / 4);
    }
}

static void
a_server_that_asks_to_wait_is_believed_within_bounds(void **state)
{
    (void)state;
    struct breaker b = {.state = BREAKER_CLOSED};
    assert_true(breaker_asked(&b, t.mono, 30000, "asked"));
    assert_int_equal(breaker_wait(&b, t.mono), 30000);
    assert_false(breaker_asked(&b, t.mono, 10, "asked")); /* never sooner than it said before */
    assert_int_equal(breaker_wait(&b, t.mono), 30000);
    breaker_asked(&b, t.mono, UINT64_MAX, "asked");
    assert_int_equal(breaker_wait(&b, t.mono), BREAKER_ASKED_MS);
    t.mono += BREAKER_ASKED_MS * MS;
    bool probe;
    assert_true(pass(&b, &probe) && probe);
    assert_true(breaker_good(&b));
}

static void
retry_after_is_seconds_or_a_date(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
        uint64_t ms;
    } cases[] = {
        {"120", true, 120000},
        {" 3 ", true, 3000},
        {"0", true, 0},
        {"18446744073709551615", true, INT64_MAX},
        {"184467440737095516150", false, 0},
        {"-1", false, 0},
        {"1.5", false, 0},
        {"", false, 0},
        {"soon", false, 0},
        {"Sun, 06 Nov 1994 08:49:37 GMT", true, 37000},
        {"Sun, 06 Nov 1994 08:48:00 GMT", true, 0},
        {"Sun, 31 Foo 1994 08:49:37 GMT", false, 0},
        {"Sun, 99 Nov 1994 08:49:37 GMT", false, 0},
        {"Sunday, 06-Nov-94 08:49:37 GMT", false, 0},
        {"Sun, 06 Nov 1994 08:49:37 UTC", false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t ms = 0;
        assert_int_equal(retry_after_read(bytes_str(cases[i].text), 784111740000, &ms), cases[i].good);
        if (cases[i].good)
            assert_true(ms == cases[i].ms);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_bucket_gives_its_burst_and_then_its_rate),
        TEST(a_refusal_counts_nothing_and_says_when),
        TEST(every_scope_must_have_room_and_none_pays_for_another),
        TEST(one_agent_never_counts_for_another),
        TEST(steps_of_the_wall_clock_do_nothing),
        TEST(a_lower_rate_counts_from_now_on),
        TEST(counting_takes_no_memory_from_the_heap),
        TEST(the_same_call_has_its_number_in_its_window),
        TEST(a_tool_says_otherwise),
        TEST(how_it_is_written_makes_no_difference),
        TEST(the_hash_is_siphash),
        TEST(what_is_counted_is_never_forgotten_for_others),
        TEST(who_waits_goes_in_the_order_of_coming),
        TEST(a_full_line_says_about_how_long),
        TEST(uses_are_bounded_and_what_is_idle_makes_room),
        TEST(bytes_and_records_are_bounded),
        TEST(a_breaker_opens_probes_and_closes),
        TEST(jitter_is_bounded_and_without_randomness_the_longest),
        TEST(a_server_that_asks_to_wait_is_believed_within_bounds),
        TEST(retry_after_is_seconds_or_a_date),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
