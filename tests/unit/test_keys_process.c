/* The signer as a process: messages that no client of ours sends, and how it is closed to everyone but its parent. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "test_keys.h"

#include "keys/harden.h"
#include "keys/request.h"
#include "keys/wire.h"

/* ---- messages no client of ours sends ---- */

struct raw {
    pid_t pid;
    int fd;
};

static struct raw
raw_start(void)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (pair[1] == 3)
            fcntl(3, F_SETFD, 0);
        else
            dup2(pair[1], 3);
        static char no_tracing[] = "ASAN_OPTIONS=detect_leaks=0";
        char *environment[] = {no_tracing, NULL};
        execle("/proc/self/exe", "writ", "keys", "3", (char *)NULL, environment);
        _exit(127);
    }
    close(pair[1]);
    return (struct raw){pid, pair[0]};
}

static void
raw_stop(struct raw r)
{
    int status;
    close(r.fd);
    waitpid(r.pid, &status, 0);
    assert_int_equal(status, 0);
}

/* Send and get an answer that repeats the four bytes and holds ${code}, with ${part} in its text. */
static void
expect_answer(struct raw r, struct bytes message, enum err_code code, const char *part)
{
    static uint8_t answer[70000];
    assert_int_equal(send(r.fd, message.at, message.n, MSG_NOSIGNAL), (ssize_t)message.n);
    ssize_t n = recv(r.fd, answer, sizeof answer, 0);
    assert_true(n >= KEYS_HEAD && n <= KEYS_MESSAGE_MAX);
    assert_memory_equal(answer, message.at, message.n < 4 ? message.n : 4);
    struct wire w = {bytes_make(answer + KEYS_HEAD, (size_t)n - KEYS_HEAD), false};
    struct bytes text = answer[4] ? wire_take(&w) : BYTES("");
    if (answer[4] != code || (part && bytes_search(text, bytes_str(part)) == text.n && *part))
        fail_msg("answer %d: %.*s", answer[4], BYTES_ARG(text));
}

static struct bytes
message(struct buf *b, uint8_t number, const struct bytes *field, size_t n)
{
    b->n = 0;
    buf_puts(b, "seq!");
    buf_putc(b, number);
    for (size_t i = 0; i < n; i++)
        wire_put(b, field[i]);
    return buf_bytes(b);
}

static void
only_the_table_is_permitted(void **state)
{
    (void)state;
    struct raw r = raw_start();
    struct buf b = buf_make(70000);
    uint8_t file = KEYS_MASTER_FILE, other = 9, key = 0, lots[66000] = {0};
    struct bytes empty = BYTES(""), label = BYTES("log-payload"), one = bytes_make(&key, 1);
    struct bytes open[] = {bytes_str(folder), bytes_make(&file, 1), bytes_str(master_file), empty};
    struct bytes odd[] = {bytes_str(folder), bytes_make(&other, 1), bytes_str(master_file), empty};
    expect_answer(r, message(&b, KEYS_DERIVE, &label, 1), E_KEYS, "the key folder is not open");
    expect_answer(r, message(&b, KEYS_OPEN, open, 3), E_KEYS, "field 4");
    expect_answer(r, message(&b, KEYS_OPEN, open, 4), E_OK, NULL);
    expect_answer(r, message(&b, KEYS_OPEN, open, 4), E_KEYS, "it is permitted once");
    for (int number = 0; number < 256; number++)
        if (number == 0 || number > KEYS_CLIENT_KEY)
            expect_answer(r, message(&b, (uint8_t)number, &label, 1), E_KEYS, "knows no request");
    expect_answer(r, bytes_make("abc", 3), E_KEYS, "cut short");
    expect_answer(r, bytes_make("abcd\2\0\0\0", 8), E_KEYS, "field 1");
    expect_answer(r, bytes_make("abcd\2\377\377\377\377x", 10), E_KEYS, "field 1");
    expect_answer(r, bytes_make("abcd\2\0\0\0\1\0x", 11), E_KEYS, "stands behind");
    expect_answer(r, bytes_make("abcd\2\0\0\0\1\7", 10), E_KEYS, "no key 7");
    expect_answer(r, bytes_make(lots, 65537), E_KEYS, "more than 65536");
    expect_answer(r, bytes_make(lots, 66000), E_KEYS, "more than 65536");
    expect_answer(r, message(&b, KEYS_PUBLIC, &one, 1), E_OK, NULL); /* and it still serves */
    raw_stop(r);
    r = raw_start();
    expect_answer(r, message(&b, KEYS_OPEN, odd, 4), E_KEYS, "unknown source");
    expect_answer(r, message(&b, KEYS_OPEN, open, 4), E_KEYS, "it is permitted once");
    raw_stop(r);
    buf_free(&b);
}

static void
typed_by_hand_it_refuses(void **state)
{
    (void)state;
    static char name[] = "writ", keys[] = "keys", bad[] = "x", none[] = "900", null[] = "3";
    char *argv[] = {name, keys, bad, NULL};
    assert_int_equal(keys_main(2, argv), 2);
    assert_int_equal(keys_main(3, argv), 2);
    argv[2] = none;
    assert_int_equal(keys_main(3, argv), 2);
    argv[2] = null;
    int fd = open("/dev/null", O_RDONLY); /* whatever 3 is, it is no socket */
    if (fd > 3)
        close(fd), fd = -1;
    assert_int_equal(keys_main(3, argv), 2);
    close(fd);
}

/* ---- the process ---- */

static bool
status_says(pid_t pid, const char *file, const char *line)
{
    char path[64];
    uint8_t text[8192];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    size_t n = read_file(path, text, sizeof text);
    return bytes_search(bytes_make(text, n), bytes_str(line)) < n;
}

static int
count_open(pid_t pid)
{
    char path[64];
    int n = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *d = opendir(path);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static void
the_process_is_small(void **state)
{
    (void)state;
    setenv("WRIT_TEST_LEAK", "leaked-by-environment", 1);
    int leak = open("/etc/passwd", O_RDONLY); /* not close-on-exec */
    struct keys *k = start();
    close(leak);
    unsetenv("WRIT_TEST_LEAK");
    assert_true(status_says(keys_pid(k), "status", "NoNewPrivs:\t1"));
    assert_true(status_says(keys_pid(k), "status", "Threads:\t1"));
    if (!HARDEN_SANITIZED) {
        uint8_t text[4096];
        char path[64];
        assert_true(status_says(keys_pid(k), "status", "Seccomp:\t2"));
        snprintf(path, sizeof path, "/proc/%d/statm", keys_pid(k));
        size_t n = read_file(path, text, sizeof text - 1);
        text[n] = 0;
        long pages = 0;
        assert_int_equal(sscanf((char *)text, "%*d %ld", &pages), 1);
        assert_in_range(pages * sysconf(_SC_PAGESIZE), 1, 16 << 20);
    }
    if (geteuid() == 0) { /* only root may look */
        assert_true(status_says(keys_pid(k), "limits", "Max core file size        0                    0 "));
        assert_false(status_says(keys_pid(k), "environ", "leaked-by"));
        assert_int_equal(count_open(keys_pid(k)), 6); /* 0, 1, 2, the socket, the folder, its lock */
    }
    keys_stop(k);
}

static int
in_child_as_nobody(int (*fn)(void))
{
    int status;
    if (geteuid() == 0 && (chown(dir, 65534, 65534) != 0 || chown(master_file, 65534, 65534) != 0))
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        if (geteuid() == 0 && (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0))
            _exit(90);
        prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* as after an exec */
        _exit(fn());
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int
look_into_the_signer(void)
{
    struct keys *k;
    char path[64];
    struct err e = keys_start(env_real(), folder, &master, NULL, &k);
    if (err_failed(e))
        return fputs(e.text, stderr), 1;
    static const char *const files[] = {"mem", "environ", "maps", "fd/4"};
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "/proc/%d/%s", keys_pid(k), files[i]);
        if (open(path, O_RDONLY) >= 0 || errno != EACCES)
            return 10 + i;
    }
    if (ptrace(PTRACE_ATTACH, keys_pid(k), NULL, NULL) == 0 || errno != EPERM)
        return 20;
    keys_stop(k);
    return 0;
}

static void
the_same_user_cannot_look_inside(void **state)
{
    (void)state;
    assert_int_equal(in_child_as_nobody(look_into_the_signer), 0);
    if (geteuid() == 0) /* gone() cleans up as root */
        assert_int_equal(chown(dir, 0, 0), 0);
}

/* Does the memory of ${pid} hold ${b}, whose bytes are given with each bit turned over? */
static bool
memory_holds(pid_t pid, struct bytes turned)
{
    char path[64], line[512];
    uint8_t *want = malloc(turned.n), *page = malloc(1 << 20);
    bool found = false;
    snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
    int fd = open(path, O_RDONLY);
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    FILE *maps = fopen(path, "r");
    assert_true(fd >= 0 && maps != NULL);
    for (size_t i = 0; i < turned.n; i++)
        want[i] = (uint8_t)~turned.at[i];
    while (!found && fgets(line, sizeof line, maps)) {
        unsigned long from, to;
        char mode[8];
        if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) != 3 || mode[1] != 'w')
            continue;
        for (unsigned long at = from; at < to && !found; at += 1 << 20) {
            size_t room = to - at < 1 << 20 ? to - at : 1 << 20;
            ssize_t n = pread(fd, page, room, (off_t)at);
            found = n > 0 && memmem(page, (size_t)n, want, turned.n) != NULL;
        }
    }
    fclose(maps);
    close(fd);
    free(want);
    free(page);
    return found;
}

/* Looked for are the last bytes of a long value: the next, shorter message does not happen to cover them. */
static void
nothing_plain_stays_in_memory(void **state)
{
    (void)state;
    enum { LONG = 4096, TAIL = 64 };
    static uint8_t value[LONG], turned[TAIL];
    uint8_t key[32], turned_key[32], turned_audience[64], derived[32];
    struct secret s;
    if (geteuid() != 0 || HARDEN_SANITIZED)
        skip();
    struct keys *k = start();
    read_file(master_file, key, 32);
    env_real()->random(env_real(), value, sizeof value);
    for (int i = 0; i < 32; i++)
        turned_key[i] = (uint8_t)~key[i];
    for (int i = 0; i < TAIL; i++)
        turned[i] = (uint8_t)~value[LONG - TAIL + i];
    assert_ok(keys_seal(k, BYTES("t"), BYTES("bank"), bytes_make(value, LONG)));
    assert_ok(keys_release(k, BYTES("t"), BYTES("bank"), ticket, &s));
    assert_memory_equal(s.at, value, LONG);
    secret_free(&s);
    bytes_wipe(value, sizeof value);
    bytes_wipe(key, sizeof key);
    assert_ok(keys_derive(k, "log-payload", derived)); /* it wipes an answer before it takes the next request */
    struct bytes audience = bytes_str(keys_audience(k));
    for (size_t i = 0; i < audience.n; i++)
        turned_audience[i] = (uint8_t)~audience.at[i];
    assert_true(memory_holds(keys_pid(k), bytes_make(turned_audience, audience.n))); /* the looking works */
    assert_false(memory_holds(keys_pid(k), bytes_make(turned_key, 32)));
    assert_false(memory_holds(keys_pid(k), bytes_make(turned, TAIL)));
    pid_t looker = fork(); /* our own memory, seen from beside */
    if (looker == 0)
        _exit(memory_holds(getppid(), bytes_make(turned, TAIL)));
    int status;
    waitpid(looker, &status, 0);
    assert_int_equal(status, 0);
    keys_stop(k);
}

static void *
start_in_thread(void *to)
{
    *(struct keys **)to = start();
    return NULL;
}

static void
it_outlives_a_thread_and_signals(void **state)
{
    (void)state;
    struct keys *k = NULL;
    pthread_t t;
    uint8_t key[32];
    pthread_create(&t, NULL, start_in_thread, &k);
    pthread_join(t, NULL);
    usleep(20000);
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        kill(keys_pid(k), signals[i]);
    usleep(20000);
    assert_ok(keys_derive(k, "log-payload", key));
    pid_t pid = keys_pid(k);
    keys_stop(k);
    assert_true(kill(pid, 0) != 0 && errno == ESRCH);
}

static void
a_killed_signer_is_an_error(void **state)
{
    (void)state;
    struct keys *k = start();
    uint8_t key[32], sig[64];
    kill(keys_pid(k), SIGKILL);
    assert_err(keys_derive(k, "log-payload", key), E_KEYS, "killed by signal 9; restart Writ");
    assert_err(keys_sign_checkpoint(k, origin, 1, root_a, sig), E_KEYS, "the signer is gone");
    keys_stop(k);
}

/* The parent is killed while another process still holds its end of the socket. */
static void
it_dies_with_its_parent(void **state)
{
    (void)state;
    int said[2], status;
    pid_t signer = 0, holder = 0;
    assert_int_equal(pipe(said), 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    pid_t parent = fork();
    if (parent == 0) {
        struct keys *k;
        struct err e = keys_start(env_real(), folder, &master, NULL, &k);
        pid_t held = err_failed(e) ? 0 : fork();
        if (held == 0)
            for (;;)
                pause();
        pid_t both[2] = {keys_pid(k), held};
        if (write(said[1], both, sizeof both) != sizeof both)
            _exit(1);
        for (;;)
            pause();
    }
    pid_t both[2];
    assert_int_equal(read(said[0], both, sizeof both), sizeof both);
    signer = both[0], holder = both[1];
    kill(parent, SIGKILL);
    waitpid(parent, &status, 0);
    assert_int_equal(waitpid(signer, &status, 0), signer);
    assert_int_equal(status, 0);
    kill(holder, SIGKILL);
    waitpid(holder, &status, 0);
    prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
    close(said[0]);
    close(said[1]);
}

static int
end_of(void (*fn)(void))
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        struct err e = harden_no_new_privileges();
        if (err_failed(e))
            _exit(90);
        fn();
        _exit(0);
    }
    waitpid(pid, &status, 0);
    return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void
filter(void)
{
    struct err e = harden_only_syscalls();
    if (err_failed(e))
        _exit(91);
}

static void
make_socket(void)
{
    filter();
    syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
}

static void
make_code(void)
{
    filter();
    mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void
exec_something(void)
{
    filter();
    execl("/bin/true", "true", (char *)NULL);
}

static void
do_allowed_things(void)
{
    filter();
    free(malloc(1 << 22));
    if (getppid() == 0 || time(NULL) == 0)
        _exit(92);
}

static void
other_system_calls_kill(void **state)
{
    (void)state;
    if (HARDEN_SANITIZED)
        skip();
    assert_int_equal(end_of(make_socket), 1000 + SIGSYS);
    assert_int_equal(end_of(make_code), 1000 + SIGSYS);
    assert_int_equal(end_of(exec_something), 1000 + SIGSYS);
    assert_int_equal(end_of(do_allowed_things), 0);
}

static void
open_inside_and_outside(void)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY);
    harden_only_folder(fd);
    if (openat(fd, "master", O_RDONLY) < 0 || openat(fd, "made", O_RDWR | O_CREAT, 0600) < 0 || renameat(fd, "made", fd, "moved") != 0 ||
        unlinkat(fd, "moved", 0) != 0)
        _exit(1);
    if (open("/etc/passwd", O_RDONLY) >= 0 || openat(fd, "../../etc/passwd", O_RDONLY) >= 0)
        _exit(2);
}

static void
other_folders_are_closed(void **state)
{
    (void)state;
    if (syscall(444 /* landlock_create_ruleset, for its version */, NULL, 0, 1) < 1)
        skip();
    assert_int_equal(end_of(open_inside_and_outside), 0);
}

static void *
ask_many(void *arg)
{
    struct keys *k = arg;
    for (int i = 0; i < 200; i++) {
        uint8_t one[32], two[32];
        struct arena a = {0};
        struct bytes log, token;
        struct secret s;
        assert_ok(keys_derive(k, "log-payload", one));
        assert_ok(keys_public(k, KEYS_LOG, &a, &log));
        assert_ok(keys_derive(k, "log-payload", two));
        assert_ok(keys_public(k, KEYS_TOKEN, &a, &token));
        assert_memory_equal(one, two, 32);
        assert_true(log.n == 44 && token.n == 91);
        if (i % 2 == 0) {
            assert_ok(keys_release(k, BYTES("t"), BYTES("bank"), ticket, &s));
            assert_true(bytes_is(bytes_make(s.at, s.n), "value"));
            secret_free(&s);
        }
        arena_free(&a);
    }
    return NULL;
}

static void
four_threads_at_once(void **state)
{
    (void)state;
    struct keys *k = start();
    pthread_t t[4];
    assert_ok(keys_seal(k, BYTES("t"), BYTES("bank"), BYTES("value")));
    for (int i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, ask_many, k);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    struct arena a = {0};
    struct bytes json;
    assert_ok(keys_list(k, &a, &json));
    assert_true(bytes_ends(json, BYTES("\"releases\":400}]")));
    arena_free(&a);
    keys_stop(k);
}

int
main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "keys") == 0)
        return keys_main(argc, argv);
    const struct CMUnitTest tests[] = {
        T(only_the_table_is_permitted),   T(typed_by_hand_it_refuses),         T(the_process_is_small),        T(the_same_user_cannot_look_inside),
        T(nothing_plain_stays_in_memory), T(it_outlives_a_thread_and_signals), T(a_killed_signer_is_an_error), T(it_dies_with_its_parent),
        T(other_system_calls_kill),       T(other_folders_are_closed),         T(four_threads_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
