/* The Merkle log after damage: what opening repairs or refuses, and which record or head a check names. */
#include "test_tlog.h"

/* A torn end that no head covers is cut off, whatever it holds. */
static void
test_torn_end_is_cut(void **state)
{
    (void)state;
    static const char *const ends[] = {"\x00", "\x00\x05zzzzzzzzhello", "\x00\x05zzzzzzzzhel", "\xff\xff", "\0\0\0\0\0\0\0\0\0\0\0\0"};
    static const size_t lengths[] = {1, 15, 13, 2, 12};
    make_log(6, 3);
    for (unsigned i = 0; i < 5; i++) {
        FILE *f = fopen(path_of("journal"), "ab");
        fwrite(ends[i], 1, lengths[i], f);
        fclose(f);
        struct tlog_report r = verify();
        assert_true(r.ok);
        assert_non_null(strstr(r.text, "bytes of an unfinished write follow"));
        struct tlog *t = open_log();
        assert_int_equal(tlog_size(t), 6);
        assert_int_equal(tlog_recovered(t), lengths[i]);
        tlog_close(t);
    }
    expect_good(6);
}

/* Unsynced records behind the newest head may go; synced ones may not, even when no head covers them. */
static void
test_synced_end_is_missed(void **state)
{
    (void)state;
    make_log(6, 3);
    struct tlog *t = open_log();
    append(t, 2);
    assert_int_equal(tlog_flush(t, true).code, TLOG_OK);
    append(t, 2);
    assert_int_equal(tlog_flush(t, false).code, TLOG_OK);
    tlog_close(t);
    struct file *whole = load("journal");
    save("journal", whole->at, frame_at(whole, 9)); /* an unsynced one */
    t = open_log();
    assert_int_equal(tlog_size(t), 9);
    tlog_close(t);
    save("journal", whole->at, frame_at(whole, 7)); /* a synced one */
    expect_open_refuses(TLOG_TAMPERED, "record 7 was on disk (`hashes` has it) but is missing");
    expect_damage(7, 8, "record 7 and what followed are missing");
    save("journal", whole->at, frame_at(whole, 8) - 1);
    expect_open_refuses(TLOG_TAMPERED, "record 7 was on disk (`hashes` has it) but is damaged");
    save("journal", whole->at, frame_at(whole, 9));
    change_record(7);
    expect_open_refuses(TLOG_TAMPERED, "record 7 differs from its hash in `hashes`");
    expect_damage(7, 7, "record 7 does not fit its hash in `hashes`");
    free(whole);
}

static void
test_hashes_are_rebuilt(void **state)
{
    (void)state;
    make_log(50, 7);
    struct file *hashes = load("hashes"), *offsets = load("offsets");
    for (int how = 0; how < 5; how++) {
        if (how == 0)
            unlink(path_of("hashes"));
        if (how == 1)
            cut_file("hashes", 1000);
        if (how == 2)
            unlink(path_of("offsets"));
        if (how == 3)
            cut_file("offsets", 77);
        if (how == 4) {
            hashes->at[hashes->n - 3] ^= 1; /* the last leaf's hash does not match its record any more */
            save("hashes", hashes->at, hashes->n);
            hashes->at[hashes->n - 3] ^= 1;
        }
        tlog_close(open_log());
        struct file *h = load("hashes"), *o = load("offsets");
        assert_int_equal(h->n, hashes->n);
        assert_memory_equal(h->at, hashes->at, h->n);
        assert_int_equal(o->n, offsets->n);
        assert_memory_equal(o->at, offsets->at, o->n);
        free(h);
        free(o);
    }
    free(hashes);
    free(offsets);
    expect_good(50);
}

static void
test_wrong_hashes_are_told_from_wrong_records(void **state)
{
    (void)state;
    make_log(20, 5);
    struct file *f = load("hashes");
    f->at[0] ^= 1;
    save("hashes", f->at, f->n);
    expect_damage(0, 0, "`hashes` is wrong at record 0; the record itself is as signed");
    free(f);
    unlink(path_of("hashes"));
    expect_good(20); /* the records alone prove themselves */
}

static void
test_changed_record(void **state)
{
    (void)state;
    make_log(23, 5);
    change_record(12);
    expect_damage(12, 12, "record 12 is not what was signed in the head of size 15: it was changed");
    change_record(3);
    expect_damage(3, 3, "record 3 is not what was signed in the head of size 5");
    change_record(3);
    change_record(12);
    expect_good(23);
    change_record(22);
    expect_damage(22, 22, "record 22");
    expect_open_refuses(TLOG_TAMPERED, "the records are not those of the signed head of size 23");
}

/* A decoy in `hashes` must not put the blame on a record that is as signed. */
static void
test_changed_record_and_hash(void **state)
{
    (void)state;
    make_log(20, 5);
    change_record(12);
    struct file *f = load("hashes");
    f->at[(2 * 11 - 3) * 32] ^= 1; /* leaf 11: 2n - ones(n) */
    save("hashes", f->at, f->n);
    expect_damage(12, 12, "record 12");
    f->at[(2 * 11 - 3) * 32] ^= 1;
    f->at[(2 * 12 - 2) * 32] ^= 1; /* leaf 12 */
    save("hashes", f->at, f->n);
    expect_damage(12, 13, "among records 12 to 13 something was changed");
    f->at[(2 * 12 - 2) * 32] ^= 1;
    change_record(12);
    change_record(14);
    f->at[(2 * 13 - 3 + 1) * 32] ^= 1; /* the node over 12 and 13, which is a part of the right edge of the signed tree */
    save("hashes", f->at, f->n);
    expect_damage(10, 14, "among records 10 to 14");
    free(f);
    change_record(14);
    change_record(12);
    forge_hashes(20);
    expect_damage(10, 14, "among records 10 to 14 something was changed, removed or moved: they do not fit the signed head of size 15");
    unlink(path_of("hashes"));
    expect_damage(10, 14, "among records 10 to 14");
    expect_open_refuses(TLOG_TAMPERED, "not those of the signed head of size 20");
}

static void
test_damaged_frame(void **state)
{
    (void)state;
    make_log(20, 5);
    struct file *f = load("journal");
    f->at[frame_at(f, 8) + 12] ^= 0x40;
    save("journal", f->at, f->n);
    expect_damage(8, 8, "record 8 is damaged: the length or the check in its frame does not fit its bytes");
    unlink(path_of("hashes"));
    expect_open_refuses(TLOG_TAMPERED, "record 8 of the journal is damaged");
    free(f);
}

static void
test_removed_last(void **state)
{
    (void)state;
    make_log(20, 5);
    remove_records(18, 20);
    expect_damage(18, 19, "records 18 to 19 are missing: the journal ends after 18, and a head of size 20 is signed");
    expect_open_refuses(TLOG_TAMPERED, "the journal ends after 18 records, but a head of size 20 is signed");
    struct file *f = load("journal");
    assert_int_equal(frame_at(f, 18), f->n); /* untouched by the attempt to open */
    free(f);
    remove_records(15, 18);
    unlink(path_of("hashes"));
    expect_damage(15, 19, "records 15 to 19 are missing");
    cut_file("journal", 0);
    expect_damage(0, 19, "records 0 to 19 are missing");
    unlink(path_of("journal"));
    expect_damage(0, 19, "records 0 to 19 are missing");
}

static void
test_removed_middle(void **state)
{
    (void)state;
    make_log(20, 5);
    remove_records(7, 9);
    expect_damage(7, 7, "in its place stands what was record 9, so records were removed or moved");
    unlink(path_of("hashes"));
    expect_damage(5, 9, "among records 5 to 9 something was changed, removed or moved");
}

static void
test_reordered(void **state)
{
    (void)state;
    make_log(9, 3); /* frames of one length */
    struct file *f = load("journal");
    uint8_t frame[18];
    memcpy(frame, f->at + frame_at(f, 4), 18);
    memcpy(f->at + frame_at(f, 4), f->at + frame_at(f, 6), 18);
    memcpy(f->at + frame_at(f, 6), frame, 18);
    save("journal", f->at, f->n);
    free(f);
    expect_damage(4, 4, "in its place stands what was record 6");
}

static void
test_inserted(void **state)
{
    (void)state;
    make_log(9, 3);
    struct file *f = load("journal");
    size_t at = frame_at(f, 5);
    memmove(f->at + at + 18, f->at + at, f->n - at);
    f->at[at + 10] ^= 2;
    reframe(f->at + at);
    save("journal", f->at, f->n + 18);
    free(f);
    expect_damage(5, 5, "record 5 is not what was signed in the head of size 6: it was changed");
}

static void
test_swapped_heads(void **state)
{
    (void)state;
    make_log(9, 3); /* notes of one length */
    struct file *f = load("heads");
    size_t n = note_at(f, 1);
    uint8_t note[512];
    memcpy(note, f->at, n);
    memmove(f->at, f->at + n, n);
    memcpy(f->at + n, note, n);
    save("heads", f->at, f->n);
    free(f);
    struct tlog_report r = verify();
    expect_text(&r, "head 2 in `heads` (size 3) stands behind one of size 6: heads were moved or put in twice");
    assert_false(r.have_record);
}

static void
test_removed_heads(void **state)
{
    (void)state;
    make_log(9, 3);
    struct file *f = load("heads");
    save("heads", f->at, note_at(f, 2));
    struct tlog_report r = verify();
    expect_text(&r, "`heads` ends at size 6, but `checkpoint` is signed for size 9: the last heads were removed");
    expect_open_refuses(TLOG_TAMPERED, "`checkpoint` is a signed head of size 9 that is missing from `heads`");
    remove_records(8, 9); /* the records with them */
    expect_damage(8, 8, "records 8 to 8 are missing");
    save("heads", "", 0);
    expect_open_refuses(TLOG_TAMPERED, "missing from `heads`");
    unlink(path_of("checkpoint"));
    r = verify();
    expect_text(&r, "there are 8 records and no signed head: nothing vouches for them");
    free(f);
}

static void
test_torn_head_is_cut(void **state)
{
    (void)state;
    make_log(9, 3);
    struct file *f = load("heads");
    for (size_t torn = note_at(f, 2) + 1; torn < f->n; torn += 13) {
        struct file *checkpoint = load("checkpoint");
        uint8_t older[1024];
        size_t n = note_at(f, 2) - note_at(f, 1);
        memcpy(older, f->at + note_at(f, 1), n);
        save("checkpoint", older, n);
        save("heads", f->at, torn);
        expect_good(9);
        struct tlog *t = open_log();
        assert_int_equal(tlog_checkpoint(t).code, TLOG_OK);
        tlog_close(t);
        struct file *again = load("heads");
        assert_int_equal(again->n, f->n);
        assert_memory_equal(again->at, f->at, f->n);
        struct file *newest = load("checkpoint");
        assert_memory_equal(newest->at, checkpoint->at, checkpoint->n);
        free(again);
        free(newest);
        free(checkpoint);
    }
    free(f);
}

static void
put_head(struct signer *s, uint64_t size, const uint8_t root[32], const char *file)
{
    uint8_t sig[64];
    char note[1024];
    sign_with(s, ORIGIN, size, root, sig);
    size_t n = tlog_note(ORIGIN, size, root, sig, s->public_key, note, sizeof note);
    FILE *f = fopen(path_of(file), strcmp(file, "heads") == 0 ? "ab" : "wb");
    fwrite(note, 1, n, f);
    fclose(f);
}

static void
test_forged_heads(void **state)
{
    (void)state;
    uint8_t root[32] = {7};
    make_log(9, 3);
    put_head(&other, 9, root, "checkpoint");
    struct tlog_report r = verify();
    expect_text(&r, "`checkpoint` is not right");
    expect_open_refuses(TLOG_TAMPERED, "`checkpoint` is not right: the note of writ.example/log is not signed by the log's key");
    unlink(path_of("checkpoint"));
    put_head(&other, 9, root, "heads");
    r = verify();
    expect_text(&r, "head 4 in `heads` is forged");
    expect_open_refuses(TLOG_TAMPERED, "the last tree head in `heads` is not right");
}

/* Signed by the right key, but not of this tree. */
static void
test_head_that_is_no_extension(void **state)
{
    (void)state;
    uint8_t root[32] = {7};
    make_log(6, 3);
    struct file *before = load("heads");
    put_head(&own, 7, root, "heads");
    unlink(path_of("checkpoint"));
    struct file *odd = load("heads");
    save("heads", before->at, before->n);
    make_log(3, 3);
    struct file *after = load("heads"); /* sizes 3, 6, 9 */
    uint8_t *all = malloc(odd->n + after->n);
    memcpy(all, odd->at, odd->n);
    memcpy(all + odd->n, after->at + before->n, after->n - before->n);
    save("heads", all, odd->n + after->n - before->n); /* 3, 6, 7 of another tree, 9 */
    struct tlog_report r = verify();
    expect_text(&r, "head 3 in `heads` (size 7) is signed but is not of this tree: the later head of size 9 does not extend it");
    assert_false(r.have_record);
    assert_int_equal(r.heads, 4);
    put_head(&own, 9, root, "checkpoint");
    save("heads", after->at, after->n);
    r = verify();
    expect_text(&r, "`checkpoint` and head 3 in `heads` are both signed for size 9, with different roots");
    expect_open_refuses(TLOG_TAMPERED, "two signed heads of size 9 that differ");
    free(all);
    free(before);
    free(odd);
    free(after);
}

static void
test_truncated_files(void **state)
{
    (void)state;
    make_log(9, 3);
    cut_file("checkpoint", 40);
    struct tlog_report r = verify();
    expect_text(&r, "`checkpoint` is not right");
    unlink(path_of("checkpoint"));
    expect_good(9); /* the history has it */
    cut_file("journal", -1);
    expect_damage(8, 8, "records 8 to 8 are missing");
}

static void
test_verify_cannot_look(void **state)
{
    (void)state;
    struct tlog_report r;
    struct tlog_error e = tlog_verify("/tmp/no-such-log", ORIGIN, own.public_key, &r);
    assert_int_equal(e.code, TLOG_IO);
    assert_false(r.ok);
}

/* The verifier for outsiders, which knows docs/protocol/log.md and nothing of this code. */
static int
run_verifier(void)
{
    char script[512], vkey[256], command[1024];
    snprintf(script, sizeof script, "%s", __FILE__);
    char *slash = strstr(script, "tests/unit/");
    assert_non_null(slash);
    strcpy(slash, "tests/conformance/log_verify.py");
    tlog_vkey(ORIGIN, own.public_key, vkey, sizeof vkey);
    snprintf(command, sizeof command, "env -u LD_PRELOAD python3 '%s' '%s' '%s' >/dev/null", script, folder, vkey);
    if (access(script, R_OK) != 0) {
        print_message("%s is not here: run from the build folder\n", script);
        fail();
    }
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
test_independent_verifier(void **state)
{
    (void)state;
    make_log(1000, 37);
    assert_int_equal(run_verifier(), 0);
    change_record(500);
    assert_int_equal(run_verifier(), 1);
    change_record(500);
    assert_int_equal(run_verifier(), 0);
    remove_records(999, 1000);
    assert_int_equal(run_verifier(), 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_torn_end_is_cut),
        TEST(test_synced_end_is_missed),
        TEST(test_hashes_are_rebuilt),
        TEST(test_wrong_hashes_are_told_from_wrong_records),
        TEST(test_changed_record),
        TEST(test_changed_record_and_hash),
        TEST(test_damaged_frame),
        TEST(test_removed_last),
        TEST(test_removed_middle),
        TEST(test_reordered),
        TEST(test_inserted),
        TEST(test_swapped_heads),
        TEST(test_removed_heads),
        TEST(test_torn_head_is_cut),
        TEST(test_forged_heads),
        TEST(test_head_that_is_no_extension),
        TEST(test_truncated_files),
        TEST(test_verify_cannot_look),
        TEST(test_independent_verifier),
    };
    return cmocka_run_group_tests(tests, group_start, group_end);
}
