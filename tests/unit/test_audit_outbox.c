/* The outbox: rows of the store come into the log exactly once and in order, whatever happened in between. */
#include "test_audit.h"

/* Outbox. */
static int64_t
commit_rows(unsigned n, const char *name)
{
    struct arena a = {0};
    struct bytes rows[8];
    char members[64];
    int64_t first;
    for (unsigned i = 0; i < n; i++) {
        snprintf(members, sizeof members, "\"writ\":\"%s%u\"", name, i);
        struct audit_event e = {.kind = AUDIT_WRIT, .members = bytes_str(members), .said = {{"purpose", bytes_str(name)}}, .n_said = 1};
        must(audit_outbox_row(log_, &e, &a, &rows[i]));
    }
    struct store_write w = {NULL, 0, rows, n};
    must(store_commit_wait(store, &w, &first));
    arena_free(&a);
    return first;
}

static void
drain(int64_t seq)
{
    struct answer a = {0};
    must(audit_drain(log_, seq, answered, &a));
    await(&a, 1);
    must(a.error);
}

static void
expect_rows(unsigned n)
{
    read_leaves(NULL);
    unsigned seen = 0;
    for (size_t i = 0; i < leaves.n; i++) {
        char number[32];
        snprintf(number, sizeof number, ",\"outbox\":%u}", seen + 1);
        const char *at = strstr(leaves.text[i], ",\"outbox\":");
        if (at == NULL)
            continue;
        assert_string_equal(at, number);
        seen++;
    }
    assert_int_equal(seen, n);
}

static void
test_outbox(void **state)
{
    (void)state;
    open_log();
    int64_t first = commit_rows(3, "a");
    assert_int_equal(first, 1);
    drain(first + 2);
    record(event("\"between\":true"));
    drain(commit_rows(2, "b") + 1);
    expect_rows(5);
    expect_said(0, "{\"purpose\":\"a\"}");
    expect_said(5, "{\"purpose\":\"b\"}");
    struct answer a = {0};
    must(audit_drain(log_, 99, answered, &a));
    await(&a, 1);
    expect_error(a.error, E_STORE, "outbox row 99 is not in the store");
    assert_true(audit_healthy(log_));
    expect_error(audit_drain(log_, 0, answered, &a), E_USAGE, "0 is no outbox number");
}

static struct err
no_row(int64_t seq, struct bytes row, void *ctx)
{
    (void)row;
    *(int64_t *)ctx = seq;
    return err_ok();
}

/* Rows committed before a crash come into the log at the next start, once. */
static void
test_outbox_is_drained_on_open(void **state)
{
    (void)state;
    open_log();
    drain(commit_rows(2, "a") + 1);
    commit_rows(2, "b");
    reopen();
    expect_rows(4);
    reopen();
    expect_rows(4);
    int64_t left = 0; /* and the store was told; its writer may need a moment */
    for (int i = 0; i < 5000; i++, left = 0) {
        must(store_outbox(store, 0, no_row, &left));
        if (left == 0)
            break;
        nap();
    }
    assert_int_equal(left, 0);
    drain(commit_rows(1, "c"));
    expect_rows(5);
}

/* The rows are still in the store though the log has them: the crash came between. Whatever became of the hint. */
static void
test_outbox_rows_are_not_taken_twice(void **state)
{
    (void)state;
    static const char *const hints[] = {
        NULL, "", "size 2 number 1 index 0 end\n", "size 4 number 99 index 3 end\n", "size 99 number 4 index 3 end\n", "garbage"};
    struct arena a = {0};
    struct bytes rows[4];
    struct audit_event e = event("\"n\":1");
    open_log();
    for (int i = 0; i < 4; i++)
        must(audit_outbox_row(log_, &e, &a, &rows[i]));
    struct store_write w = {NULL, 0, rows, 4};
    int64_t first;
    must(store_commit_wait(store, &w, &first));
    char saved[192], command[512];
    snprintf(saved, sizeof saved, "%s/saved", folder); /* the store with its four rows */
    snprintf(command, sizeof command, "mkdir %s && cp %s/store.db* %s/", saved, folder, saved);
    store_close(store);
    assert_int_equal(system(command), 0);
    must(store_open(env_real(), store_url, &store));
    reopen();
    expect_rows(4);
    for (size_t i = 0; i < sizeof hints / sizeof *hints; i++) {
        audit_close(log_);
        store_close(store);
        if (hints[i] != NULL) {
            file.n = strlen(hints[i]);
            memcpy(file.at, hints[i], file.n);
            save("outbox");
        }
        snprintf(command, sizeof command, "rm -f %s/store.db* && cp %s/store.db* %s/", folder, saved, folder);
        assert_int_equal(system(command), 0);
        must(store_open(env_real(), store_url, &store));
        open_log();
        expect_rows(4);
    }
    drain(commit_rows(1, "x"));
    expect_rows(5);
    arena_free(&a);
}

/* A store that was begun anew numbers from 1: its rows must not be taken for recorded ones. */
static void
test_another_store_is_noticed(void **state)
{
    (void)state;
    open_log();
    drain(commit_rows(3, "a") + 2);
    audit_close(log_);
    log_ = NULL;
    store_close(store);
    snprintf(store_url, sizeof store_url, "sqlite:%s/other.db", folder);
    must(store_open(env_real(), store_url, &store));
    open_log(); /* empty: nothing to see yet */
    assert_int_equal(commit_rows(1, "b"), 1);
    struct answer answer = {0};
    must(audit_drain(log_, 1, answered, &answer));
    await(&answer, 1);
    expect_error(answer.error, E_TAMPERED, "the store numbers anew");
    audit_close(log_);
    log_ = NULL;
    expect_error(try_open(store), E_TAMPERED, "the store is not the one this log belongs to");
}

static void
test_bad_row_stops_the_log(void **state)
{
    (void)state;
    static const uint8_t bad[] = "\0\0\1\0short";
    struct bytes row = bytes_make(bad, sizeof bad - 1);
    struct store_write w = {NULL, 0, &row, 1};
    int64_t first;
    open_log();
    must(store_commit_wait(store, &w, &first));
    struct answer a = {0};
    must(audit_drain(log_, first, answered, &a));
    await(&a, 1);
    expect_error(a.error, E_LOG, "outbox row 1 is no log record");
    assert_false(audit_healthy(log_));
}

int
main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "keys") == 0)
        return keys_main(argc, argv);
    const struct CMUnitTest tests[] = {
        TEST(test_outbox),
        TEST(test_outbox_is_drained_on_open),
        TEST(test_outbox_rows_are_not_taken_twice),
        TEST(test_another_store_is_noticed),
        TEST(test_bad_row_stops_the_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
