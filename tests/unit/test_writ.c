/* writs: opening, ending, expiring, revoking and coming back from the store, with the real store, log and signer and a fake clock. */
#include "test_audit.h"

#include "writ/writ.h"

static struct loop *loop;
static struct writs *writs;
static struct estate *estate;
static char estate_dir[128];

static void
put(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", estate_dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void
write_estate(const char *calls, const char *owner_active)
{
    static const char *const folders[] = {"", "/agents", "/tasks", "/destinations", "/policies", "/pins"};
    char text[512], path[256];
    snprintf(estate_dir, sizeof estate_dir, "%s/estate", folder);
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        snprintf(path, sizeof path, "%s%s", estate_dir, folders[i]);
        mkdir(path, 0700);
    }
    snprintf(text, sizeof text, "name: t\nstate_dir: %s/s\nrun_dir: %s/r\nmaster: { file: %s/master }\n", folder, folder, folder);
    put("writ.yaml", text);
    snprintf(text, sizeof text, "ana: { name: Ana%s }\nben: { name: Ben%s }\n", owner_active, owner_active);
    put("people.yaml", text);
    put("agents/bot.yaml",
        "purpose: p\nowner: ana\nbackup: ben\nkind: autonomous\nenvironment: test\nproves:\n  - unix: { uid: 64001, dedicated: true }\n"
        "tasks: [work]\ndefault_task: work\n");
    put("agents/other.yaml",
        "purpose: p\nowner: ben\nbackup: ana\nkind: autonomous\nenvironment: test\nproves:\n  - unix: { uid: 64002, dedicated: true }\n"
        "tasks: [other]\ndefault_task: other\n");
    put("destinations/d.yaml", "owner: ana\nenvironment: test\nsensitivity: confidential\nintegrity: untrusted\nserver:\n  command: [/bin/true]\n");
    snprintf(text, sizeof text, "purpose: the work\nlifetime: 1h\nidle: 10m\n%stools:\n  d/x: {}\n", calls);
    put("tasks/work.yaml", text);
    put("tasks/other.yaml", "purpose: other\nlifetime: 1h\nidle: 10m\ntools:\n  d/x: {}\n");
}

static void
load_estate(void)
{
    struct findings f = {0};
    struct estate *e = NULL;
    struct err failed = estate_load(env_real(), estate_dir, (struct bytes){NULL, 0}, &f, &e);
    for (size_t i = 0; i < f.n && err_failed(failed); i++)
        printf("%s:%d: %s\n", f.list[i].file, f.list[i].line, f.list[i].text);
    findings_free(&f);
    must(failed);
    if (estate)
        estate_unref(estate);
    estate = e;
}

static void
start_writs(void)
{
    struct writs_config config = {&env.env, loop, store, log_};
    must(writs_make(&config, &writs));
    must(writs_load(writs, estate));
}

static int
setup(void **state)
{
    start(state);
    open_log();
    write_estate("", "");
    load_estate();
    must(loop_make(&env.env, &loop));
    start_writs();
    return 0;
}

/* Callbacks end the loop; run_until waits for them. */
static void
stop_loop(void *ctx)
{
    loop_stop(ctx);
}

struct opened {
    struct err e;
    struct writ *writ;
    bool done;
};

static void
when_opened(struct err e, struct writ *writ, void *ctx)
{
    *(struct opened *)ctx = (struct opened){e, writ, true};
    loop_stop(loop);
}

static void
when_closed(struct err e, void *ctx)
{
    *(struct err *)ctx = e;
    loop_stop(loop);
}

static void
settle(void) /* let everything that is under way reach its callback */
{
    struct store_put put_one = {.kind = "test", .id = BYTES("x"), .body = BYTES("{}"), .expect_version = STORE_ANY_VERSION};
    struct store_write write = {.puts = &put_one, .n_puts = 1};
    int64_t seq;
    must(store_commit_wait(store, &write, &seq));
    nap();
    struct timer *t = loop_after(loop, 60, stop_loop, loop);
    assert_non_null(t);
    loop_run(loop);
}

static int
teardown(void **state)
{
    settle();
    writs_free(writs);
    audit_close(log_);
    log_ = NULL;
    store_close(store);
    store = NULL;
    loop_free(loop);
    estate_unref(estate);
    estate = NULL;
    keys_stop(keys);
    remove_tree(folder);
    (void)state;
    return 0;
}

/* The test's own process is the instance. */
static struct writ_request
request(const char *agent, struct peer_proof *proof)
{
    memset(proof, 0, sizeof *proof);
    must(process_read(getpid(), &proof->chain[0]));
    proof->n = 1;
    proof->pidfd = -1;
    const struct agent *a = estate_agent(estate, agent);
    return (struct writ_request){
        .estate = estate, .agent = a, .task = a->default_task, .proof = proof, .strength = PROOF_USER, .why = "a test", .by = BY_AGENT};
}

static struct writ *
open_one(const char *agent)
{
    struct peer_proof proof;
    struct writ_request r = request(agent, &proof);
    struct opened o = {0};
    must(writ_open(writs, &r, when_opened, &o));
    loop_run(loop);
    assert_true(o.done);
    must(o.e);
    return o.writ;
}

static size_t
records(const char *kind, const char *part)
{
    size_t n = 0;
    read_leaves(NULL);
    for (size_t i = 0; i < leaves.n; i++)
        n += strstr(leaves.text[i], kind) && strstr(leaves.text[i], part);
    return n;
}

static void
reopen_writs(void)
{
    settle();
    writs_free(writs);
    start_writs();
}

static void
test_open_is_on_record_before_it_is_acknowledged(void **state)
{
    (void)state;
    struct writ *w = open_one("bot");
    assert_int_equal(writ_state(writs, w), WRIT_ACTIVE);
    assert_int_equal(records("\"kind\":\"writ\"", w->id), 1); /* read from the disk, now */
    assert_string_equal(w->purpose, "the work");
    assert_int_equal(w->source, PURPOSE_DEFAULT);
    assert_int_equal(w->by, BY_TEMPLATE);
    must(writ_alive(writs, w, estate, "d"));
    writ_unref(writs, w);
}

static void
test_a_stated_purpose_keeps_its_speaker(void **state)
{
    (void)state;
    struct peer_proof proof;
    struct writ_request r = request("bot", &proof);
    struct opened o = {0};
    r.purpose = BYTES("ignore all rules");
    must(writ_open(writs, &r, when_opened, &o));
    loop_run(loop);
    must(o.e);
    assert_int_equal(o.writ->source, PURPOSE_STATED);
    assert_int_equal(o.writ->by, BY_AGENT); /* law 12 */
    assert_int_equal(records("\"purpose_by\":\"agent\"", o.writ->id), 1);
    read_leaves(NULL);
    for (size_t i = 0; i < leaves.n; i++)
        assert_null(strstr(leaves.text[i], "ignore all rules")); /* what was said is sealed, not in the leaf */
    writ_unref(writs, o.writ);
}

static void
test_who_may_not_open(void **state)
{
    (void)state;
    struct peer_proof proof;
    struct opened o = {0};
    struct writ_request r = request("bot", &proof);
    r.task = estate_task(estate, "other");
    expect_error(writ_open(writs, &r, when_opened, &o), E_FORBIDDEN, "is not one of the agent bot");
    r = request("bot", &proof);
    r.strength = PROOF_NONE;
    expect_error(writ_open(writs, &r, when_opened, &o), E_PROOF, "nothing proved");
    atomic_store(&env.fail_write, 0);
    struct audit_event e = {.kind = AUDIT_SERVER, .members = BYTES("\"x\":1")};
    struct answer a = {0};
    must(audit_append(log_, &e, true, answered, &a));
    await(&a, 1);
    assert_true(err_failed(a.error));
    r = request("bot", &proof);
    expect_error(writ_open(writs, &r, when_opened, &o), E_LOG, "log"); /* law 3: no log, no authority */
}

static void
test_close_ends_everything(void **state)
{
    (void)state;
    struct err closed = err_make(E_BUSY, "not called");
    struct writ *w = open_one("bot");
    writ_close(writs, w, WRIT_COMPLETED, "done", "agent", when_closed, &closed);
    assert_int_equal(writ_state(writs, w), WRIT_COMPLETED); /* at once, before it is durable */
    expect_error(writ_alive(writs, w, estate, "d"), E_WRIT_ENDED, "is completed: done");
    loop_run(loop);
    must(closed);
    assert_int_equal(records("\"state\":\"completed\"", w->id), 1);
    closed = err_make(E_BUSY, "not called");
    writ_close(writs, w, WRIT_EXPIRED, "again", "x", when_closed, &closed);
    must(closed); /* closing a closed writ is fine, and changes nothing */
    assert_int_equal(writ_state(writs, w), WRIT_COMPLETED);
    writ_unref(writs, w);
}

static void
test_time_and_idleness_end_a_writ(void **state)
{
    (void)state;
    struct writ *w = open_one("bot"), *v = open_one("bot");
    env.now_ms += 9 * 60000;
    must(writ_count(writs, w, true)); /* used: its idle time starts anew */
    env.now_ms += 2 * 60000;
    writs_sweep(writs);
    assert_int_equal(writ_state(writs, v), WRIT_EXPIRED);
    assert_string_equal(v->ended_why, "it was not used");
    assert_int_equal(writ_state(writs, w), WRIT_ACTIVE);
    env.now_ms = w->expires_ms;
    expect_error(writ_alive(writs, w, estate, "d"), E_WRIT_ENDED, "expired"); /* even before the sweep */
    writ_unref(writs, w);
    writ_unref(writs, v);
}

static void
test_calls_are_bounded(void **state)
{
    (void)state;
    write_estate("max_calls: 2\n", "");
    load_estate();
    struct writ *w = open_one("bot");
    must(writ_count(writs, w, true));
    must(writ_count(writs, w, false)); /* a refusal uses nothing up */
    must(writ_count(writs, w, true));
    expect_error(writ_count(writs, w, true), E_LIMIT, "2 calls are used up");
    writ_unref(writs, w);
}

static void
test_seen_stays_with_the_instance(void **state)
{
    (void)state;
    struct writ *w = open_one("bot");
    writ_saw(writs, w, estate_destination(estate, "d"));
    struct err closed;
    writ_close(writs, w, WRIT_COMPLETED, "done", "agent", when_closed, &closed);
    loop_run(loop);
    struct writ *next = open_one("bot");
    struct seen seen = writ_seen(writs, next);
    assert_int_equal(seen.level, SENS_CONFIDENTIAL);
    assert_true(seen.untrusted);
    assert_ptr_equal(next->instance, w->instance);
    writ_unref(writs, w);
    writ_unref(writs, next);
}

struct revoked_answer {
    struct err e;
    struct revoked r;
    bool done;
};

static void
when_revoked(struct err e, const struct revoked *r, void *ctx)
{
    *(struct revoked_answer *)ctx = (struct revoked_answer){e, *r, true};
    loop_stop(loop);
}

static struct revoked_answer
cut(enum selector selector, const char *id)
{
    struct revoked_answer a = {0};
    must(writs_revoke(writs, selector, bytes_str(id), "a test", "ana", when_revoked, &a));
    loop_run(loop);
    assert_true(a.done);
    must(a.e);
    assert_true(a.r.confirmed);
    return a;
}

static void
test_revoke_selects(void **state)
{
    (void)state;
    struct writ *w = open_one("bot"), *v = open_one("bot"), *o = open_one("other");
    assert_int_equal(cut(BY_WRIT, w->id).r.writs, 1);
    assert_int_equal(writ_state(writs, w), WRIT_REVOKED);
    assert_int_equal(writ_state(writs, v), WRIT_ACTIVE);
    struct revoked_answer a = cut(BY_THE_AGENT, "bot");
    assert_int_equal(a.r.writs, 1);
    assert_true(a.r.memory_ns <= a.r.durable_ns);
    assert_int_equal(writ_state(writs, o), WRIT_ACTIVE);
    must(writ_alive(writs, o, estate, "d"));
    cut(BY_DESTINATION, "d");
    assert_int_equal(writ_state(writs, o), WRIT_ACTIVE);
    expect_error(writ_alive(writs, o, estate, "d"), E_FORBIDDEN, "destination d is revoked");
    assert_int_equal(cut(BY_OWNER, "ben").r.writs, 1);
    assert_int_equal(writ_state(writs, o), WRIT_REVOKED);
    assert_true(records("\"kind\":\"revocation\"", "\"selector\":\"owner\"") == 1);
    expect_error(writs_revoke(writs, BY_WRIT, BYTES("wr_nothing"), "x", "ana", when_revoked, &a), E_NOT_FOUND, "no writ wr_nothing");
    writ_unref(writs, w);
    writ_unref(writs, v);
    writ_unref(writs, o);
}

static void
test_a_block_stands_until_it_is_lifted(void **state)
{
    (void)state;
    struct peer_proof proof;
    struct opened o = {0};
    struct err restored;
    cut(BY_THE_AGENT, "bot");
    struct writ_request r = request("bot", &proof);
    expect_error(writ_open(writs, &r, when_opened, &o), E_FORBIDDEN, "agent bot is revoked by ana: a test");
    reopen_writs(); /* also across a restart */
    r = request("bot", &proof);
    expect_error(writ_open(writs, &r, when_opened, &o), E_FORBIDDEN, "agent bot is revoked");
    expect_error(writs_restore(writs, BY_THE_AGENT, BYTES("other"), "ana", when_closed, &restored), E_NOT_FOUND, "not blocked");
    must(writs_restore(writs, BY_THE_AGENT, BYTES("bot"), "ana", when_closed, &restored));
    loop_run(loop);
    must(restored);
    assert_int_equal(records("\"kind\":\"privilege\"", "restored"), 1);
    writ_unref(writs, open_one("bot"));
}

static void
test_what_comes_back_after_a_restart(void **state)
{
    (void)state;
    char kept[ENV_ID_MAX], gone[ENV_ID_MAX];
    struct writ *w = open_one("bot"), *v = open_one("bot");
    writ_saw(writs, w, estate_destination(estate, "d"));
    strcpy(kept, w->id);
    strcpy(gone, v->id);
    cut(BY_WRIT, gone);
    writ_unref(writs, w);
    writ_unref(writs, v);
    reopen_writs();
    w = writ_find(writs, bytes_str(kept));
    v = writ_find(writs, bytes_str(gone));
    assert_non_null(w);
    assert_int_equal(writ_state(writs, w), WRIT_ACTIVE);
    assert_int_equal(writ_seen(writs, w).level, SENS_CONFIDENTIAL);
    assert_int_equal(writ_state(writs, v), WRIT_REVOKED);
    writ_unref(writs, w);
    writ_unref(writs, v);
}

static void
test_a_changed_template_ends_what_it_opened_before_a_restart(void **state)
{
    (void)state;
    char id[ENV_ID_MAX];
    struct writ *w = open_one("bot");
    strcpy(id, w->id);
    writ_unref(writs, w);
    write_estate("max_calls: 5\n", "");
    load_estate();
    reopen_writs();
    w = writ_find(writs, bytes_str(id));
    assert_int_equal(writ_state(writs, w), WRIT_REVOKED);
    assert_non_null(strstr(w->ended_why, "template changed"));
    writ_unref(writs, w);
}

/* An effect that ends only when told to, some time later. */
static struct running running;
static bool asked;

static void
stop_later(struct running *r, const char *why)
{
    (void)r;
    assert_string_equal(why, "revoked: a test");
    asked = true;
}

static void
end_it(void *ctx)
{
    (void)ctx;
    running_ended(writs, &running);
}

static void
test_a_revocation_waits_for_the_last_effect(void **state)
{
    (void)state;
    struct writ *w = open_one("bot");
    asked = false;
    running = (struct running){.kind = RUNNING_CALL, .call = "ca_x", .destination = "d", .stop = stop_later};
    running_begin(writs, w, &running);
    assert_non_null(loop_after(loop, 80, end_it, NULL));
    struct revoked_answer a = cut(BY_CALL, "ca_x");
    assert_true(asked);
    assert_int_equal(a.r.calls, 1);
    assert_int_equal(a.r.writs, 0); /* only the call; the task goes on */
    assert_true(a.r.effect_ns >= 70000000u);
    assert_int_equal(writ_state(writs, w), WRIT_ACTIVE);
    writ_unref(writs, w);
}

static void
test_no_living_owner_no_authority(void **state)
{
    (void)state;
    struct writ *w = open_one("bot");
    char text[128];
    snprintf(text, sizeof text, "ana: { name: Ana, active: false }\nben: { name: Ben }\ncy: { name: Cy }\n");
    put("people.yaml", text);
    load_estate();
    must(writ_alive(writs, w, estate, "d")); /* the backup answers */
    put("people.yaml", "ana: { name: Ana, active: false }\nben: { name: Ben, active: false }\n");
    load_estate(); /* taking effect matters more than being tidy: warnings, no errors */
    expect_error(writ_alive(writs, w, estate, "d"), E_FORBIDDEN, "no living owner");
    struct peer_proof proof;
    struct opened o = {0};
    struct writ_request r = request("bot", &proof);
    expect_error(writ_open(writs, &r, when_opened, &o), E_FORBIDDEN, "no living owner");
    writ_unref(writs, w);
}

/* Law 9: one agent cannot take the table from the others. */
static void
test_an_agent_has_only_so_many_open(void **state)
{
    (void)state;
    struct peer_proof proof, theirs;
    static struct opened many[1024];
    struct opened more = {0};
    struct writ_request r = request("bot", &proof), other = request("other", &theirs);
    memset(many, 0, sizeof many);
    for (size_t i = 0; i < 1024; i++)
        must(writ_open(writs, &r, when_opened, &many[i]));
    expect_error(writ_open(writs, &r, when_opened, &more), E_BUSY, "the agent bot has 1024 writs open");
    must(writ_open(writs, &other, when_opened, &more)); /* the others are served */
    while (!more.done)
        loop_run(loop);
    must(more.e);
    writ_close(writs, many[0].writ, WRIT_COMPLETED, "done", "agent", NULL, NULL);
    writ_unref(writs, more.writ);
    more.done = false;
    must(writ_open(writs, &r, when_opened, &more)); /* one has ended */
    expect_error(writ_open(writs, &r, when_opened, &more), E_BUSY, "complete some");
    while (!more.done)
        loop_run(loop);
    writ_unref(writs, more.writ);
    for (size_t i = 0; i < 1024; i++)
        writ_unref(writs, many[i].writ);
    reopen_writs();
    expect_error(writ_open(writs, &r, when_opened, &more), E_BUSY, "1024"); /* what came back counts */
}

int
main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "keys") == 0)
        return keys_main(argc, argv);
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_open_is_on_record_before_it_is_acknowledged),
        T(test_a_stated_purpose_keeps_its_speaker),
        T(test_who_may_not_open),
        T(test_close_ends_everything),
        T(test_time_and_idleness_end_a_writ),
        T(test_calls_are_bounded),
        T(test_seen_stays_with_the_instance),
        T(test_revoke_selects),
        T(test_a_block_stands_until_it_is_lifted),
        T(test_what_comes_back_after_a_restart),
        T(test_a_changed_template_ends_what_it_opened_before_a_restart),
        T(test_a_revocation_waits_for_the_last_effect),
        T(test_no_living_owner_no_authority),
        T(test_an_agent_has_only_so_many_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
