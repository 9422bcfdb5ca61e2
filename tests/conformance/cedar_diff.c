/*
 * Generated calls to our engine and to the official one (cedar_oracle.mjs), and every answer compared.
 *
 *     cedar_diff CALLS [SEED [SHOWN [TEXTS]]]      at least CALLS of them, from SEED (1); the first SHOWN (20) disagreements and TEXTS (0)
 *                                                  differing error texts in full
 *
 * NODE names the program, CEDAR_WASM the package's cedar_wasm.js, CEDAR_ORACLE our wrapper. What is compared of each answer: accepted or
 * refused; then decision, reasons and erroring policies; what was made (JSON as values, texts byte for byte); validation: does it pass.
 * Texts of errors and findings are compared and counted apart. Exit: 0 all agree, 1 some do not, 3 could not look.
 */
#include "cedar_calls.h"
#include "cedar_generate.h"
#include "writ/cedar.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define AHEAD 256   /* calls the official engine may be behind */
#define RESTARTS 100 /* of a Node that ends by itself, which some versions do */
#define LINE_MAX_BYTES ((size_t)64 << 20)

enum verdict { AGREE, DIFFER, TRAP, LIMIT, VERDICTS };

struct tally {
    const char *op;
    size_t of[VERDICTS], texts, texts_agree;
};

static struct tally tallies[] = {{.op = "ask"},
                                 {.op = "hold"},
                                 {.op = "holdSchema"},
                                 {.op = "partial"},
                                 {.op = "validate"},
                                 {.op = "checkPolicies"},
                                 {.op = "checkSchema"},
                                 {.op = "parts"},
                                 {.op = "checkEntities"},
                                 {.op = "checkContext"},
                                 {.op = "toJson"},
                                 {.op = "toText"},
                                 {.op = "templateToJson"},
                                 {.op = "templateToText"},
                                 {.op = "format"},
                                 {.op = "schemaToJson"},
                                 {.op = "schemaToText"},
                                 {.op = "schemaToJsonResolved"},
                                 {.op = "authorize"}};
#define OPS (sizeof tallies / sizeof *tallies)

struct pending {
    struct pending *next;
    uint64_t seed;
    struct buf line, ours;
};

static struct {
    int to, from;
    pid_t pid;
    struct buf out, in;
    struct pending *first, **last;
    size_t n;
    struct buf held[2]; /* the calls hold and holdSchema that were answered last */
    size_t again;       /* answers to come of those, asked once more */
    unsigned restarts;
} peer;

static struct calls *us;
static uint64_t seed;
static size_t made, wanted, shown, show_most = 20;
static int texts_shown, texts_most;
static const struct json_limits limits = {.bytes = LINE_MAX_BYTES, .depth = 256, .nodes = 4000000};

__attribute__((noreturn)) static void
stop(const char *what)
{
    fprintf(stderr, "cedar_diff: %s: %s\n", what, strerror(errno));
    exit(3);
}

/* ------------------------------------------------------------------------------------------------------------------- comparing */

static bool
has_text(const struct json *list, struct bytes text)
{
    for (const struct json *v = list ? list->child : NULL; v; v = v->next)
        if (json_is(v, JSON_STRING) && bytes_eq(v->text, text))
            return true;
    return false;
}

static bool
same_set(const struct json *a, const struct json *b)
{
    if (a == NULL || b == NULL || a->count != b->count)
        return false;
    for (const struct json *v = a->child; v; v = v->next)
        if (!has_text(b, v->text))
            return false;
    return true;
}

/* [{"policyId","error":{"message"}}]: as often the same policy (and message). */
static size_t
count_finding(const struct json *list, const struct json *like, bool texts)
{
    size_t n = 0;
    for (const struct json *v = list ? list->child : NULL; v; v = v->next)
        n += bytes_eq(json_text(v, "policyId"), json_text(like, "policyId")) &&
             (!texts || bytes_eq(json_text(json_get(v, "error"), "message"), json_text(json_get(like, "error"), "message")));
    return n;
}

static bool
same_findings(const struct json *a, const struct json *b, bool texts)
{
    if (a == NULL || b == NULL || a->count != b->count)
        return false;
    for (const struct json *v = a->child; v; v = v->next)
        if (count_finding(a, v, texts) != count_finding(b, v, texts))
            return false;
    return true;
}

static struct bytes
message_of(const struct json *answer)
{
    const struct json *errors = json_get(answer, "errors");
    return errors && errors->child ? json_text(errors->child, "message") : json_text(answer, "message");
}

/* Our text may go on with a hint behind ';', and has no "failed to parse …:" before it. */
static bool
same_message(const struct json *theirs, const struct json *ours)
{
    struct bytes a = message_of(theirs), b = message_of(ours);
    if (b.n == 0)
        return false;
    if (bytes_ends(a, b))
        return true;
    size_t hint = bytes_search(b, BYTES("; "));
    return hint < b.n && bytes_ends(a, bytes_sub(b, 0, hint));
}

static bool
refused(const struct json *answer)
{
    struct bytes type = json_text(answer, "type");
    return bytes_is(type, "failure") || bytes_is(type, "exception");
}

static const struct json *
diagnostics(const struct json *answer, const char *key)
{
    return json_get(json_get(json_get(answer, "response"), "diagnostics"), key);
}

static enum verdict
compare_decision(struct tally *t, const struct json *theirs, const struct json *ours)
{
    const struct json *a = diagnostics(theirs, "errors"), *b = diagnostics(ours, "errors");
    bool same = bytes_eq(json_text(json_get(theirs, "response"), "decision"), json_text(json_get(ours, "response"), "decision")) &&
                same_set(diagnostics(theirs, "reason"), diagnostics(ours, "reason")) && same_findings(a, b, false);
    for (const struct json *v = b ? b->child : NULL; v && same; v = v->next) {
        t->texts++;
        t->texts_agree += count_finding(a, v, true) == 1;
    }
    return same ? AGREE : DIFFER;
}

static enum verdict
compare_validation(struct tally *t, const struct json *theirs, const struct json *ours)
{
    static const char *const keys[] = {"validationErrors", "validationWarnings"};
    const struct json *a = json_get(theirs, keys[0]), *b = json_get(ours, keys[0]);
    for (size_t i = 0; i < 2; i++)
        for (const struct json *v = json_get(theirs, keys[i]) ? json_get(theirs, keys[i])->child : NULL; v; v = v->next) {
            t->texts++;
            t->texts_agree += count_finding(json_get(ours, keys[i]), v, true) == count_finding(json_get(theirs, keys[i]), v, true);
        }
    return a && b && (a->count == 0) == (b->count == 0) ? AGREE : DIFFER;
}

/* Ours may claim more than theirs, never something else. */
static enum verdict
compare_partial(struct tally *t, const struct json *theirs, const struct json *ours)
{
    const struct json *a = json_get(theirs, "response"), *b = json_get(ours, "response");
    struct bytes x = json_text(a, "decision"), y = json_text(b, "decision");
    t->texts++;
    t->texts_agree +=
        bytes_eq(x, y) && same_set(json_get(a, "satisfied"), json_get(b, "satisfied")) && same_set(json_get(a, "errored"), json_get(b, "errored"));
    return a && b && (x.n == 0 || bytes_eq(x, y)) ? AGREE : DIFFER;
}

static size_t
nesting(const struct json *v)
{
    size_t most = 0;
    for (const struct json *c = v->child; c; c = c->next) {
        size_t n = nesting(c);
        most = n > most ? n : most;
    }
    return v->type == JSON_OBJECT || v->type == JSON_ARRAY ? most + 1 : 0;
}

/* The official engine writes long chains deeper than it reads in a set; ours are written so that they can be read. */
static enum verdict
compare_made(const struct json *theirs, const struct json *ours)
{
    static const char *const keys[] = {"json", "text", "formatted_policy", "policies", "policy_templates"};
    if (json_get(theirs, "json") && nesting(json_get(theirs, "json")) > CEDAR_MAX_JSON_DEPTH - 2)
        return TRAP;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct json *a = json_get(theirs, keys[i]), *b = json_get(ours, keys[i]);
        if ((a == NULL) != (b == NULL) || (a && !json_equal(a, b)))
            return DIFFER;
    }
    return AGREE;
}

/* Resolving names, the official engine does not look whether one namespace hides what another declares (RFC 70); ours does. */
static bool
stricter(const struct tally *t, const struct json *ours)
{
    struct bytes message = message_of(ours);
    return strcmp(t->op, "schemaToJsonResolved") == 0 && bytes_search(message, BYTES("illegally shadows")) < message.n;
}

static enum verdict
compare(struct tally *t, const struct json *theirs, const struct json *ours)
{
    if (bytes_is(json_text(theirs, "type"), "trap"))
        return TRAP;
    if (refused(ours) && (json_get(ours, "limit") || stricter(t, ours)))
        return LIMIT;
    if (refused(theirs) && refused(ours)) {
        t->texts++;
        t->texts_agree += same_message(theirs, ours);
        return AGREE;
    }
    if (refused(theirs) || refused(ours) || bytes_is(json_text(ours, "type"), "engines"))
        return DIFFER;
    if (strcmp(t->op, "ask") == 0 || strcmp(t->op, "authorize") == 0)
        return compare_decision(t, theirs, ours);
    if (strcmp(t->op, "validate") == 0)
        return compare_validation(t, theirs, ours);
    return strcmp(t->op, "partial") == 0 ? compare_partial(t, theirs, ours) : compare_made(theirs, ours);
}

static struct tally *
tally_of(const char *op, size_t n)
{
    for (size_t i = 0; i < OPS; i++)
        if (strlen(tallies[i].op) == n && memcmp(tallies[i].op, op, n) == 0)
            return &tallies[i];
    errno = EINVAL;
    stop("a call of an op without a tally");
}

static void
print_cut(const char *title, struct bytes b)
{
    printf("  %s %.*s%s\n", title, BYTES_CUT(b, 3000), b.n > 3000 ? "…" : "");
}

static void
judge(struct pending *p, struct bytes answer)
{
    struct arena a = {.max = (size_t)1 << 30};
    struct json *theirs, *ours;
    const char *op = (const char *)p->line.at + 7;
    struct tally *t = tally_of(op, (size_t)(strchr(op, '"') - op));
    struct err bad = json_parse(&a, answer, &limits, &theirs), ours_bad = json_parse(&a, buf_bytes(&p->ours), &limits, &ours);
    if (bad.code == E_LIMIT || ours_bad.code == E_LIMIT) {
        t->of[TRAP]++;
        arena_free(&a);
        return;
    }
    if (err_failed(bad) || err_failed(ours_bad)) {
        print_cut("call  ", buf_bytes(&p->line));
        print_cut("theirs", answer);
        print_cut("ours  ", buf_bytes(&p->ours));
        stop("an answer is no JSON");
    }
    size_t texts = t->texts - t->texts_agree;
    enum verdict v = compare(t, theirs, ours);
    t->of[v]++;
    bool text = v == AGREE && t->texts - t->texts_agree > texts && texts_shown < texts_most && ++texts_shown;
    if ((v == DIFFER && shown++ < show_most) || text) {
        printf("%s: %s, seed %llu\n", text ? "TEXT" : "DISAGREE", t->op, (unsigned long long)p->seed);
        print_cut("call  ", buf_bytes(&p->line));
        print_cut("theirs", answer);
        print_cut("ours  ", buf_bytes(&p->ours));
    }
    arena_free(&a);
}

/* ------------------------------------------------------------------------------------------------------------------------ peer */

static void
peer_open(void)
{
    int to[2], from[2];
    const char *node = getenv("NODE"), *oracle = getenv("CEDAR_ORACLE");
    if (oracle == NULL || getenv("CEDAR_WASM") == NULL)
        errno = EINVAL, stop("set CEDAR_ORACLE and CEDAR_WASM");
    if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0 || (peer.pid = fork()) < 0)
        stop("pipe");
    if (peer.pid == 0) {
        signal(SIGINT, SIG_IGN);
        dup2(to[0], 0);
        dup2(from[1], 1);
        execlp(node ? node : "node", "node", oracle, (char *)NULL);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    peer.to = to[1];
    peer.from = from[0];
    fcntl(peer.to, F_SETFL, O_NONBLOCK);
}

static void
peer_start(void)
{
    peer.out = buf_make((size_t)1 << 30);
    peer.in = buf_make((size_t)1 << 30);
    peer.held[0] = buf_make(LINE_MAX_BYTES);
    peer.held[1] = buf_make(LINE_MAX_BYTES);
    peer.last = &peer.first;
    peer_open();
}

static void
peer_stop(void)
{
    close(peer.to);
    close(peer.from);
    waitpid(peer.pid, NULL, 0);
}

static void
put_line(struct bytes line)
{
    buf_put(&peer.out, line);
    buf_putc(&peer.out, '\n');
}

/* A new one, told what the old one kept and asked what it has not answered. */
static void
peer_restart(void)
{
    if (++peer.restarts > RESTARTS)
        stop("the official engine ends again and again");
    peer_stop();
    peer.out.n = peer.in.n = peer.again = 0;
    for (size_t i = 0; i < 2; i++)
        if (peer.held[i].n) {
            put_line(buf_bytes(&peer.held[i]));
            peer.again++;
        }
    for (const struct pending *p = peer.first; p; p = p->next)
        put_line(buf_bytes(&p->line));
    peer_open();
}

static void
keep_held(const struct pending *p)
{
    static const struct bytes starts[] = {{(const uint8_t *)"{\"op\":\"hold\"", 12}, {(const uint8_t *)"{\"op\":\"holdSchema\"", 18}};
    for (size_t i = 0; i < 2; i++)
        if (bytes_starts(buf_bytes(&p->line), starts[i])) {
            peer.held[i].n = 0;
            buf_put(&peer.held[i], buf_bytes(&p->line));
        }
}

static void
take_answer(struct bytes line)
{
    struct pending *p = peer.first;
    if (peer.again > 0) {
        peer.again--;
        return;
    }
    if (p == NULL)
        errno = EPROTO, stop("an answer too many");
    judge(p, line);
    if (bytes_starts(line, BYTES("{\"type\":\"success\"")))
        keep_held(p);
    peer.first = p->next;
    if (peer.first == NULL)
        peer.last = &peer.first;
    peer.n--;
    buf_free(&p->line);
    buf_free(&p->ours);
    free(p);
}

static void
take_answers(void)
{
    uint8_t *room = buf_room(&peer.in, 1 << 20);
    ssize_t n = room ? read(peer.from, room, 1 << 20) : -1;
    if (n <= 0) {
        peer_restart();
        return;
    }
    peer.in.n += (size_t)n;
    size_t done = 0;
    for (;;) {
        struct bytes rest = bytes_sub(buf_bytes(&peer.in), done, peer.in.n);
        size_t end = bytes_find(rest, '\n');
        if (rest.n == 0 || end == rest.n)
            break;
        take_answer(bytes_sub(rest, 0, end));
        done += end + 1;
    }
    buf_drop(&peer.in, done);
}

/* Write and read until at most ${most} calls are open. */
static void
pump(size_t most)
{
    while (peer.n > most || peer.out.n > 0) {
        struct pollfd fds[] = {{peer.from, POLLIN, 0}, {peer.to, peer.out.n ? POLLOUT : 0, 0}};
        if (poll(fds, 2, -1) < 0) {
            if (errno == EINTR)
                continue;
            stop("poll");
        }
        if (fds[1].revents & POLLOUT) {
            ssize_t n = write(peer.to, peer.out.at, peer.out.n);
            if (n < 0 && errno != EAGAIN)
                peer_restart();
            else
                buf_drop(&peer.out, n > 0 ? (size_t)n : 0);
        }
        if (fds[0].revents && fds[0].fd == peer.from)
            take_answers();
    }
}

static void
emit(void *ctx, struct bytes line)
{
    (void)ctx;
    struct pending *p = calloc(1, sizeof *p);
    if (p == NULL)
        stop("memory");
    p->seed = seed;
    p->line = buf_make(LINE_MAX_BYTES);
    p->ours = buf_make(LINE_MAX_BYTES);
    buf_put(&p->line, line);
    buf_putc(&p->line, 0);
    p->line.n--;
    calls_answer(us, line, &p->ours);
    put_line(line);
    *peer.last = p;
    peer.last = &p->next;
    peer.n++;
    made++;
    if (peer.n > AHEAD)
        pump(AHEAD / 2);
}

/* When our engine dies, say on what. */
static void
on_death(int sig)
{
    fprintf(stderr, "cedar_diff: signal %d in the calls of seed %llu, call %zu\n", sig, (unsigned long long)seed, made);
    signal(sig, SIG_DFL);
    raise(sig);
}

static void
print_tallies(void)
{
    size_t sum[VERDICTS] = {0}, texts = 0, texts_agree = 0;
    printf("%-22s %9s %9s %8s %6s %6s %9s %9s\n", "call", "compared", "agree", "differ", "trap", "limit", "texts", "agree");
    for (size_t i = 0; i < OPS; i++) {
        const struct tally *t = &tallies[i];
        size_t all = t->of[AGREE] + t->of[DIFFER];
        if (all + t->of[TRAP] + t->of[LIMIT] == 0)
            continue;
        printf("%-22s %9zu %9zu %8zu %6zu %6zu %9zu %9zu\n", t->op, all, t->of[AGREE], t->of[DIFFER], t->of[TRAP], t->of[LIMIT], t->texts,
               t->texts_agree);
        for (size_t v = 0; v < VERDICTS; v++)
            sum[v] += t->of[v];
        texts += t->texts;
        texts_agree += t->texts_agree;
    }
    printf("comparisons %zu agree %zu, texts %zu agree %zu, beyond our limits %zu, beyond theirs %zu\n", sum[AGREE] + sum[DIFFER], sum[AGREE], texts,
           texts_agree, sum[LIMIT], sum[TRAP]);
}

/* ^C: no new calls; the sums of what was compared. */
static volatile sig_atomic_t interrupted;

static void
on_interrupt(int sig)
{
    interrupted = sig;
}

static int
run(void)
{
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, on_interrupt);
    signal(SIGSEGV, on_death);
    signal(SIGABRT, on_death);
    us = calls_new();
    peer_start();
    for (; made < wanted && !interrupted; seed++) {
        struct choice c = {.state = seed};
        generate_group(&c, emit, NULL);
    }
    pump(0);
    peer_stop();
    print_tallies();
    size_t differ = 0;
    for (size_t i = 0; i < OPS; i++)
        differ += tallies[i].of[DIFFER];
    calls_free(us);
    buf_free(&peer.in);
    buf_free(&peer.out);
    buf_free(&peer.held[0]);
    buf_free(&peer.held[1]);
    return differ ? 1 : 0;
}

int
main(int argc, char **argv)
{
    if (argc < 2 || argc > 5) {
        fprintf(stderr, "usage: cedar_diff CALLS [SEED [SHOWN [TEXTS]]]\n");
        return 2;
    }
    wanted = strtoull(argv[1], NULL, 10);
    seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    show_most = argc > 3 ? strtoull(argv[3], NULL, 10) : 20;
    texts_most = argc > 4 ? atoi(argv[4]) : 0;
    return run();
}
