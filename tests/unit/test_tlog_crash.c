/* The Merkle log when the disk fails, the power goes or the process is killed: what was acknowledged is there. */
#include "test_tlog.h"

/* Every write and every sync fails in turn: the log says so, takes nothing more, and what it had acknowledged is there afterwards. */
struct faults {
    int left; /* operations until one fails */
};

static int
faulty_write(void *ctx, int fd, const void *at, size_t n)
{
    struct faults *f = ctx;
    if (f->left-- != 0)
        return write(fd, at, n) == (ssize_t)n ? 0 : EIO;
    if (write(fd, at, n / 2) < 0)
        return EIO;
    return ENOSPC;
}

static int
faulty_sync(void *ctx, int fd)
{
    struct faults *f = ctx;
    (void)fd;
    return f->left-- == 0 ? EIO : 0;
}

static void
test_every_operation_fails(void **state)
{
    (void)state;
    for (int k = 1; k < 60; k++) {
        remove_folder(folder);
        struct faults faults = {k};
        struct tlog_io bad = {faulty_write, faulty_sync, sign_hook, &faults};
        struct tlog *t;
        uint64_t safe = 0, index;
        struct tlog_error e = tlog_open(folder, ORIGIN, own.public_key, &bad, &t);
        for (int i = 0; e.code == TLOG_OK && i < 8; i++) {
            append(t, 3);
            e = i % 2 ? tlog_checkpoint(t) : tlog_flush(t, true);
            if (e.code == TLOG_OK)
                safe = tlog_size(t);
        }
        if (t != NULL && e.code != TLOG_OK) {
            assert_true(e.code == TLOG_FULL || e.code == TLOG_IO);
            assert_int_equal(tlog_append(t, "x", 1, &index).code, TLOG_IO);
            assert_int_equal(tlog_flush(t, true).code, TLOG_IO);
            assert_int_equal(tlog_checkpoint(t).code, TLOG_IO);
        }
        tlog_close(t);
        t = open_log();
        assert_true(tlog_size(t) >= safe);
        assert_int_equal(tlog_checkpoint(t).code, TLOG_OK);
        uint64_t size = tlog_size(t);
        tlog_close(t);
        expect_good(size);
    }
}

/*
 * Power loss. A run of the log is recorded: every write, every sync. For each point of it, the disk is built as it could be found:
 * what was synced is there; of each later write, some or none, so that there are holes and ends in the middle of a record.
 */
enum { FILES = 6, OPS = 600 };
static const char *const names[FILES] = {"journal", "hashes", "offsets", "heads", "checkpoint.new", "checkpoint"};
struct op {
    enum { OP_WRITE, OP_SYNC, OP_RENAME } what;
    int file;
    size_t at, n; /* into bytes */
    uint64_t safe; /* records acknowledged when it began */
};
static struct {
    struct op ops[OPS];
    int n;
    uint8_t bytes[1 << 18];
    size_t used;
    uint64_t safe;
    int last_new;
} tape;

static int
file_number(int fd)
{
    char link[64], path[256];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    path[n < 0 ? 0 : n] = 0;
    for (int i = 0; i < FILES; i++)
        if (strrchr(path, '/') != NULL && strcmp(strrchr(path, '/') + 1, names[i]) == 0)
            return i;
    return -1; /* the folder */
}

static void
record(int what, int file, const void *at, size_t n)
{
    assert_true(tape.n < OPS && tape.used + n <= sizeof tape.bytes);
    if (n)
        memcpy(tape.bytes + tape.used, at, n);
    tape.ops[tape.n++] = (struct op){what, file, tape.used, n, tape.safe};
    tape.used += n;
}

static int
tape_write(void *ctx, int fd, const void *at, size_t n)
{
    (void)ctx;
    record(OP_WRITE, file_number(fd), at, n);
    return write(fd, at, n) == (ssize_t)n ? 0 : EIO;
}

static int
tape_sync(void *ctx, int fd)
{
    (void)ctx;
    int file = file_number(fd);
    if (file >= 0)
        record(OP_SYNC, file, "", 0);
    if (file == 4) /* the rename comes right behind it */
        record(OP_RENAME, 4, "", 0);
    return 0;
}

struct disk {
    uint8_t at[FILES][1 << 16];
    size_t n[FILES];
    bool there[FILES];
};

/* ${luck} decides which unsynced writes, and how much of them, reached the disk. */
static void
lose_power(int upto, unsigned luck, struct disk *d)
{
    memset(d, 0, sizeof *d);
    int synced[FILES] = {0};
    for (int i = 0; i < upto; i++)
        if (tape.ops[i].what == OP_SYNC)
            synced[tape.ops[i].file] = i;
    size_t end[FILES] = {0};
    for (int i = 0; i < upto; i++) {
        struct op *o = &tape.ops[i];
        if (o->what == OP_RENAME && (i < upto - 1 || luck & 1)) {
            memcpy(d->at[5], d->at[4], sizeof d->at[4]);
            d->n[5] = d->n[4];
            d->there[5] = true;
            d->n[4] = end[4] = 0;
        }
        if (o->what != OP_WRITE)
            continue;
        luck = luck * 1103515245u + 12345u;
        size_t keep = i < synced[o->file] ? o->n : (luck >> 16) % 4 == 0 ? o->n : (luck >> 16) % 4 == 1 ? (luck >> 20) % (o->n + 1) : 0;
        if (o->file == 1) /* a hash never lies across two sectors, and a disk writes whole sectors */
            keep -= keep % 32;
        memcpy(d->at[o->file] + end[o->file], tape.bytes + o->at, keep);
        end[o->file] += o->n; /* later writes stand where they stood: holes before them */
        if (keep)
            d->n[o->file] = end[o->file] - o->n + keep;
        d->there[o->file] = true;
    }
}

static uint64_t
count_scan(void)
{
    uint64_t next = 0;
    assert_int_equal(tlog_scan(folder, 0, collect, &next).code, TLOG_OK);
    return next;
}

static void
test_power_loss(void **state)
{
    (void)state;
    static struct disk disk;
    struct tlog_io taped = {tape_write, tape_sync, sign_hook, NULL};
    struct tlog *t;
    uint64_t total = 0;
    assert_int_equal(tlog_open(folder, ORIGIN, own.public_key, &taped, &t).code, TLOG_OK);
    for (int i = 0; i < 24; i++) {
        append(t, 1 + (unsigned)i % 4);
        struct tlog_error e = i % 6 == 5 ? tlog_checkpoint(t) : tlog_flush(t, i % 3 != 0);
        assert_int_equal(e.code, TLOG_OK);
        if (i % 3 != 0)
            tape.safe = tlog_size(t);
        total = tlog_size(t);
    }
    record(OP_SYNC, 0, "", 0);
    tlog_close(t);
    unsigned cases = 0, cut = 0;
    for (int upto = 0; upto <= tape.n; upto++)
        for (unsigned luck = 0; luck < 8; luck++) {
            remove_folder(folder);
            mkdir(folder, 0700);
            lose_power(upto, luck * 2654435761u + (unsigned)upto, &disk);
            for (int f = 0; f < FILES; f++)
                if (disk.there[f])
                    save(names[f], disk.at[f], disk.n[f]);
            uint64_t safe = upto < tape.n ? tape.ops[upto].safe : tape.safe;
            t = open_log();
            if (tlog_size(t) < safe || tlog_size(t) > total)
                fail_msg("after operation %d (%u): %llu records, %llu were acknowledged", upto, luck, (unsigned long long)tlog_size(t),
                         (unsigned long long)safe);
            cut += tlog_recovered(t) > 0;
            uint64_t size = tlog_size(t);
            append(t, 1); /* and it goes on from there */
            assert_int_equal(tlog_checkpoint(t).code, TLOG_OK);
            tlog_close(t);
            assert_int_equal(count_scan(), size + 1);
            for (uint64_t i = 0; i <= size; i++) { /* no holes stay in `hashes` */
                uint8_t path[64][32];
                size_t length;
                assert_int_equal(tlog_prove_inclusion(folder, i, size + 1, path, &length).code, TLOG_OK);
            }
            expect_good(size + 1);
            cases++;
        }
    print_message("%u crashes, %u with a torn end\n", cases, cut);
}

/* kill -9 at any moment, over and over on one log; the child tells through shared memory what it was acknowledged. */
static void
append_until_killed(volatile uint64_t *safe)
{
    struct tlog *t;
    char leaf[64];
    uint64_t index;
    if (tlog_open(folder, ORIGIN, own.public_key, &io, &t).code != TLOG_OK)
        _exit(1);
    for (unsigned i = 0;; i++) {
        if (tlog_append(t, leaf, leaf_text(tlog_size(t), leaf), &index).code != TLOG_OK)
            _exit(2);
        struct tlog_error e = i % 50 == 49 ? tlog_checkpoint(t) : tlog_flush(t, i % 5 == 4);
        if (e.code != TLOG_OK)
            _exit(3);
        *safe = tlog_size(t);
    }
}

static int
in_order(uint64_t index, const void *leaf, size_t n, void *ctx)
{
    char text[64];
    assert_int_equal(n, leaf_text(index, text));
    assert_memory_equal(leaf, text, n);
    *(uint64_t *)ctx = index + 1;
    return 0;
}

static void
test_killed_50_times(void **state)
{
    (void)state;
    volatile uint64_t *safe = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(safe != MAP_FAILED);
    for (int i = 0; i < 50; i++) {
        pid_t child = fork();
        if (child == 0)
            append_until_killed(safe);
        struct timespec wait = {0, 2000000 + i * 317000};
        nanosleep(&wait, NULL);
        kill(child, SIGKILL);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        struct tlog *t = open_log();
        assert_true(tlog_size(t) >= *safe);
        uint64_t size = tlog_size(t), seen = 0;
        tlog_close(t);
        assert_int_equal(tlog_scan(folder, 0, in_order, &seen).code, TLOG_OK);
        assert_int_equal(seen, size);
    }
    make_log(1, 1);
    assert_true(verify().ok);
    munmap((void *)(uintptr_t)safe, 4096);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_operation_fails),
        TEST(test_power_loss),
        TEST(test_killed_50_times),
    };
    return cmocka_run_group_tests(tests, group_start, group_end);
}
