/* What is recorded: leaves, sealed copies, group commit, reading, and what happens when the log cannot be written. */
#include "test_audit.h"

static void
test_leaf(void **state)
{
    (void)state;
    open_log();
    assert_int_equal(record(event("\"writ\":\"wr_1\",\"decision\":\"allow\"")), 0);
    assert_int_equal(record(event("")), 1);
    struct audit_event e = {.kind = AUDIT_WRIT, .said = {{"purpose", BYTES("pay")}}, .n_said = 1};
    assert_int_equal(record(e), 2);
    read_leaves(NULL);
    assert_string_equal(leaves.text[0],
                        "{\"v\":1,\"at\":\"2026-11-25T21:20:00.123Z\",\"kind\":\"decision\",\"writ\":\"wr_1\",\"decision\":\"allow\"}");
    assert_string_equal(leaves.text[1], "{\"v\":1,\"at\":\"2026-11-25T21:20:00.123Z\",\"kind\":\"decision\"}");
    static const char start_[] = "{\"v\":1,\"at\":\"2026-11-25T21:20:00.123Z\",\"kind\":\"writ\",\"said\":{\"purpose\":\"";
    assert_memory_equal(leaves.text[2], start_, sizeof start_ - 1);
    assert_int_equal(strlen(leaves.text[2]), sizeof start_ - 1 + 64 + 3);
    audit_close(log_);
    log_ = NULL;
    expect_verified(3);
}

/* A caller's slip, or an attacker's text in a member, must not end up as another member or another record. */
static void
test_members_are_checked(void **state)
{
    (void)state;
    static const char *const bad[] = {"x", "\"a\":1,", "\"a\":1},{\"b\":2", "\"a\":1}", "\"a\":1,\"a\":2", "\"a\":\"\xff\"", ",\"a\":1"};
    static const char *const again[] = {"\"v\":2", "\"at\":\"x\"", "\"a\":1,\"kind\":\"x\"", "\"\\u0076\":2"};
    static const char *const taken[] = {"\"said\":{}", "\"x\":1,\"outbox\":7", "\"\\u006futbox\":7"};
    static char large[16385 + 8];
    open_log();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct audit_event e = event(bad[i]);
        expect_error(audit_append(log_, &e, true, answered, NULL), E_JSON, "the members of a log record");
    }
    for (size_t i = 0; i < sizeof again / sizeof *again; i++) {
        struct audit_event e = event(again[i]);
        expect_error(audit_append(log_, &e, true, answered, NULL), E_JSON, "stands twice");
    }
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        struct audit_event e = event(taken[i]);
        expect_error(audit_append(log_, &e, true, answered, NULL), E_USAGE, "the log writes that itself");
    }
    memset(large, ' ', sizeof large - 1);
    struct audit_event e = event(large);
    expect_error(audit_append(log_, &e, true, answered, NULL), E_LIMIT, "at most 16384");
    e = event("");
    e.n_said = 2;
    e.said[0] = e.said[1] = (struct audit_said){"same", BYTES("x")};
    expect_error(audit_append(log_, &e, false, NULL, NULL), E_USAGE, "said twice");
    e.n_said = 1;
    e.said[0].name = "_cut";
    expect_error(audit_append(log_, &e, false, NULL, NULL), E_USAGE, "cannot name something said");
    e.n_said = AUDIT_SAID + 1;
    expect_error(audit_append(log_, &e, false, NULL, NULL), E_LIMIT, "at most 4");
    assert_true(audit_healthy(log_));
    read_leaves(NULL);
    assert_int_equal(leaves.n, 0);
}

static void
check_on_disk(struct err e, uint64_t index, void *ctx)
{
    read_leaves(NULL); /* on the audit thread: the record must be in the file by now */
    assert_int_equal(leaves.n, index + 1);
    answered(e, index, ctx);
}

static void
test_synced_before_answered(void **state)
{
    (void)state;
    open_log();
    for (int i = 1; i <= 5; i++) {
        struct answer a = {0};
        struct audit_event e = event("\"n\":1");
        must(audit_append(log_, &e, true, check_on_disk, &a));
        await(&a, 1);
    }
}

static uint64_t
heads_bytes(void)
{
    char path[160];
    struct stat s = {0};
    snprintf(path, sizeof path, "%s/heads", log_folder);
    stat(path, &s);
    return (uint64_t)s.st_size;
}

/* Nobody asks for a sync: the window brings the record to disk, and head_ms a signed head over it. */
static void
test_window_and_heads(void **state)
{
    (void)state;
    open_log();
    uint64_t before = heads_bytes();
    assert_true(before > 0); /* the empty tree is signed when the log is made */
    struct audit_event e = event("\"n\":1");
    must(audit_append(log_, &e, false, NULL, NULL));
    for (int i = 0; i < 20000 && heads_bytes() == before; i++)
        nap();
    for (int i = 0; i < 20; i++)
        nap(); /* `checkpoint` follows */
    expect_verified(1);
    must(audit_append(log_, &e, false, NULL, NULL));
    audit_close(log_); /* writes what waits, and its head */
    log_ = NULL;
    expect_verified(2);
}

static void
test_said(void **state)
{
    (void)state;
    open_log();
    struct audit_event e = event("\"n\":1");
    e.said[0] = (struct audit_said){"arguments", BYTES("{\"to\": \"NL91ABNA\", \"amount\":10.50}")};
    e.said[1] = (struct audit_said){"purpose", BYTES("pay \"invoice\" 7\n")};
    e.said[2] = (struct audit_said){"empty", {NULL, 0}};
    e.said[3] = (struct audit_said){"raw", BYTES("\xff\x00\x01")};
    e.n_said = 4;
    uint64_t index = record(e);
    expect_said(index, "{\"arguments\":{\"to\": \"NL91ABNA\", \"amount\":10.50},\"purpose\":\"pay \\\"invoice\\\" 7\\n\",\"empty\":\"\","
                       "\"raw\":\"\xef\xbf\xbd\\u0000\\u0001\"}");
    uint64_t silent = record(event("\"n\":2"));
    expect_unsaid(silent, E_NOT_FOUND, "nothing was said in record 1");
    expect_unsaid(7, E_NOT_FOUND, "has no record 7");
    static const char *const files[] = {"journal", "said.0"};
    for (int i = 0; i < 2; i++) { /* in the clear it is nowhere */
        load(files[i]);
        assert_null(memmem(file.at, file.n, "NL91ABNA", 8));
        assert_null(memmem(file.at, file.n, "invoice", 7));
    }
    uint8_t wrong[32] = {1};
    struct arena a = {0};
    struct bytes json;
    expect_error(audit_said(log_folder, wrong, index, &a, &json), E_TAMPERED, "record 0: what was said does not open");
    arena_free(&a);
}

/* Same words twice: neither the commitments nor the boxes show it. */
static void
test_said_is_salted(void **state)
{
    (void)state;
    open_log();
    say("purpose", BYTES("yes"));
    say("purpose", BYTES("yes"));
    read_leaves(NULL);
    assert_string_not_equal(leaves.text[0], leaves.text[1]);
    load("said.0");
    size_t half = file.n / 2;
    assert_memory_not_equal(file.at + 12, file.at + half + 12, half - 12);
}

static void
test_long_said_is_cut_and_still_checked(void **state)
{
    (void)state;
    static uint8_t large[(256 << 10) + 1000];
    struct arena a = {0};
    memset(large, 'x', sizeof large);
    open_log();
    uint64_t index = say("arguments", bytes_make(large, sizeof large));
    struct bytes json = said_of(index, &a, E_OK, "");
    assert_true(bytes_ends(json, BYTES("xxx\",\"_cut\":[\"arguments\"]}")));
    assert_int_equal(json.n, (256 << 10) + strlen("{\"arguments\":\"\",\"_cut\":[\"arguments\"]}"));
    uint64_t whole = say("arguments", bytes_make(large, 256 << 10));
    json = said_of(whole, &a, E_OK, "");
    assert_true(bytes_ends(json, BYTES("xxx\"}")));
    memset(large, '\n', sizeof large); /* everything escaped: still fits */
    struct audit_event e = event("");
    static const char *const names[] = {"a", "b", "c", "d"};
    e.n_said = AUDIT_SAID;
    for (int i = 0; i < AUDIT_SAID; i++)
        e.said[i] = (struct audit_said){names[i], bytes_make(large, sizeof large)};
    index = record(e);
    said_of(index, &a, E_OK, "");
    arena_free(&a);
}

static void
test_said_deleted_and_forged(void **state)
{
    (void)state;
    char path[192];
    open_log();
    uint64_t first = say("purpose", BYTES("one")), second = say("purpose", BYTES("two"));
    load("said.0");
    size_t half = file.n / 2;
    struct file *whole = malloc(sizeof file);
    *whole = file;
    file.at[12 + 40] ^= 1;
    save("said.0");
    expect_unsaid(first, E_TAMPERED, "record 0: what was said does not open");
    expect_said(second, "{\"purpose\":\"two\"}");
    memcpy(file.at + 12, whole->at + half + 12, half - 12); /* the box of the other record, as sealed */
    save("said.0");
    expect_unsaid(first, E_TAMPERED, "record 0: \"purpose\" in the sealed copy is not what the log committed to");
    memset(file.at + 12, 0, half - 12);
    save("said.0");
    expect_unsaid(first, E_NOT_FOUND, "what was said in record 0 was deleted");
    expect_said(second, "{\"purpose\":\"two\"}");
    snprintf(path, sizeof path, "%s/said.0", log_folder);
    unlink(path);
    expect_unsaid(second, E_NOT_FOUND, "what was said in record 1 was deleted");
    free(whole);
    audit_close(log_);
    log_ = NULL;
    expect_verified(2); /* the log proves itself without it */
}

/* A torn or orphaned end of `said` goes at the next start; the record numbers after it are not taken for the old ones. */
static void
test_said_torn_end(void **state)
{
    (void)state;
    open_log();
    say("purpose", BYTES("one"));
    audit_close(log_);
    log_ = NULL;
    load("said.0");
    size_t n = file.n;
    memcpy(file.at + n, file.at, n); /* as if record 1 had been lost from the journal */
    file.at[n + 11] = 1;
    memcpy(file.at + 2 * n, "\0\0\0", 3);
    file.n = 2 * n + 3;
    save("said.0");
    open_log();
    load("said.0");
    assert_int_equal(file.n, n);
    uint64_t index = say("purpose", BYTES("two"));
    expect_said(index, "{\"purpose\":\"two\"}");
    expect_said(0, "{\"purpose\":\"one\"}");
}

/* Failures. */
static void
expect_dead(void)
{
    struct audit_event e = event("\"n\":1");
    struct arena a = {0};
    struct bytes row;
    assert_false(audit_healthy(log_));
    expect_error(audit_append(log_, &e, true, answered, NULL), E_LOG, "nothing may take effect until Writ is started again");
    expect_error(audit_append(log_, &e, false, NULL, NULL), E_LOG, "nothing may take effect");
    expect_error(audit_drain(log_, 1, answered, NULL), E_LOG, "nothing may take effect");
    expect_error(audit_outbox_row(log_, &e, &a, &row), E_LOG, "nothing may take effect");
    arena_free(&a);
}

static void
test_write_error(void **state)
{
    (void)state;
    open_log();
    record(event("\"n\":0"));
    atomic_store(&env.fail_write, 0);
    struct answer a = {0};
    struct audit_event e = event("\"n\":1");
    must(audit_append(log_, &e, true, answered, &a));
    await(&a, 1);
    expect_error(a.error, E_LOG, "writing journal");
    expect_dead();
    atomic_store(&env.fail_write, -1); /* the disk is well again: the log is not, until it was opened anew */
    expect_dead();
    reopen();
    assert_true(audit_healthy(log_));
    assert_int_equal(record(event("\"n\":2")), 1);
}

/* All who wait when a sync fails hear of it, also those who came while it was under way. */
static void
test_sync_error_reaches_all(void **state)
{
    (void)state;
    struct answer a = {0};
    struct audit_event e = event("\"n\":1");
    open_log();
    atomic_store(&env.hang, true);
    for (int i = 0; i < 50; i++)
        must(audit_append(log_, &e, true, answered, &a));
    atomic_store(&env.fail_sync, 0);
    atomic_store(&env.hang, false);
    await(&a, 50);
    assert_int_equal(atomic_load(&a.failed), 50);
    assert_int_equal(a.error.code, E_LOG);
    expect_dead();
}

static void
test_unsynced_failure_is_noticed(void **state)
{
    (void)state;
    struct audit_event e = event("\"n\":1");
    open_log();
    atomic_store(&env.fail_sync, 0);
    must(audit_append(log_, &e, false, NULL, NULL));
    for (int i = 0; i < 20000 && audit_healthy(log_); i++)
        nap();
    expect_dead();
}

static void
test_queue_is_bounded(void **state)
{
    (void)state;
    struct answer a = {0};
    struct audit_event e = event("\"n\":1");
    struct err error = err_ok();
    int queued = 0;
    open_log();
    atomic_store(&env.hang, true);
    while (queued < 200000) {
        error = audit_append(log_, &e, true, answered, &a);
        if (err_failed(error))
            break;
        queued++;
    }
    expect_error(error, E_BUSY, "try again later");
    assert_true(queued >= 65536);
    assert_true(audit_healthy(log_));
    atomic_store(&env.hang, false);
    await(&a, queued); /* nothing that was taken is lost */
    assert_int_equal(atomic_load(&a.failed), 0);
}

/* The folder is put back to an older state in which everything fits: the signer remembers. */
static void
test_rollback_is_refused(void **state)
{
    (void)state;
    char command[512];
    open_log();
    record(event("\"n\":1"));
    audit_close(log_);
    snprintf(command, sizeof command, "cp -r %s %s.old", log_folder, log_folder);
    assert_int_equal(system(command), 0);
    open_log();
    record(event("\"n\":2"));
    audit_close(log_);
    log_ = NULL;
    snprintf(command, sizeof command, "rm -r %s && mv %s.old %s", log_folder, log_folder, log_folder);
    assert_int_equal(system(command), 0);
    expect_verified(1);
    expect_error(try_open(store), E_LOG, "the signer refused the tree head of size 1");
    snprintf(command, sizeof command, "rm -r %s", log_folder);
    assert_int_equal(system(command), 0);
    expect_error(try_open(store), E_LOG, "the signer refused the tree head of size 0");
}

static void
test_tampered_log_does_not_open(void **state)
{
    (void)state;
    open_log();
    record(event("\"n\":1"));
    record(event("\"n\":2"));
    audit_close(log_);
    log_ = NULL;
    load("journal");
    file.n -= 20;
    save("journal");
    expect_error(try_open(store), E_TAMPERED, "record 1 of the journal is damaged");
}

static void
test_read_filters(void **state)
{
    (void)state;
    open_log();
    record(event("\"writ\":\"wr_1\",\"agent\":\"bot\",\"call\":\"ca_1\",\"destination\":\"bank\",\"decision\":\"allow\""));
    env.now_ms += 5000;
    record(event("\"writ\":\"wr_2\",\"agent\":\"bot\",\"call\":\"ca_2\",\"destination\":\"bank\",\"decision\":\"deny\""));
    env.now_ms += 5000;
    struct audit_event e = {.kind = AUDIT_REVOCATION, .members = BYTES("\"writ\":\"wr_2\"")};
    record(e);
    struct audit_filter f = {.writ = BYTES("wr_2")};
    read_leaves(&f);
    assert_int_equal(leaves.n, 2);
    assert_int_equal(leaves.index[0], 1);
    f.kind = BYTES("revocation");
    read_leaves(&f);
    assert_int_equal(leaves.n, 1);
    assert_int_equal(leaves.index[0], 2);
    f = (struct audit_filter){.agent = BYTES("bot"), .decision = BYTES("allow"), .call = BYTES("ca_1"), .destination = BYTES("bank")};
    read_leaves(&f);
    assert_int_equal(leaves.n, 1);
    f = (struct audit_filter){.since_ms = env.now_ms - 5000, .until_ms = env.now_ms - 5000};
    read_leaves(&f);
    assert_int_equal(leaves.n, 1);
    assert_int_equal(leaves.index[0], 1);
    f = (struct audit_filter){.from = 2};
    read_leaves(&f);
    assert_int_equal(leaves.n, 1);
    expect_error(audit_read("/tmp/no-such-log", &f, collect, NULL), E_IO, "opening the journal");
}

static void *
append_many(void *ctx)
{
    struct audit_event e = event("\"n\":1");
    for (int i = 0; i < 2000; i++)
        must(audit_append(log_, &e, i % 3 != 0, i % 3 ? answered : NULL, ctx));
    return NULL;
}

static void
test_four_threads(void **state)
{
    (void)state;
    pthread_t threads[4];
    struct answer a = {0};
    open_log();
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, append_many, &a);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    await(&a, 4 * 1333);
    assert_int_equal(atomic_load(&a.failed), 0);
    audit_close(log_);
    log_ = NULL;
    expect_verified(8000);
}

int
main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "keys") == 0)
        return keys_main(argc, argv);
    const struct CMUnitTest tests[] = {
        TEST(test_leaf),
        TEST(test_members_are_checked),
        TEST(test_synced_before_answered),
        TEST(test_window_and_heads),
        TEST(test_said),
        TEST(test_said_is_salted),
        TEST(test_long_said_is_cut_and_still_checked),
        TEST(test_said_deleted_and_forged),
        TEST(test_said_torn_end),
        TEST(test_write_error),
        TEST(test_sync_error_reaches_all),
        TEST(test_unsynced_failure_is_noticed),
        TEST(test_queue_is_bounded),
        TEST(test_rollback_is_refused),
        TEST(test_tampered_log_does_not_open),
        TEST(test_read_filters),
        TEST(test_four_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
