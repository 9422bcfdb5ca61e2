/*
 * CPU time of looking at one result: a tools/call answer whose text is source code, of 1 KB, 100 KB and 10 MB, by the built-in rules and by
 * the rules of each file named. bench_inspect TEXT [RULES.toml…]
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "inspect/inspect.h"

static double
cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static size_t refused;

static void
note(enum finding_level level, const char *file, int line, const char *text, void *ctx)
{
    (void)ctx;
    refused += level == FINDING_ERROR;
    if (level == FINDING_ERROR || getenv("BENCH_VERBOSE"))
        fprintf(stderr, "%s:%d: %s\n", file, line, text);
}

static struct bytes
read_file(const char *path, struct buf *b)
{
    FILE *f = fopen(path, "rb");
    uint8_t part[65536];
    size_t n;
    while (f && (n = fread(part, 1, sizeof part, f)) > 0)
        buf_put(b, bytes_make(part, n));
    if (f == NULL || b->failed) {
        fprintf(stderr, "%s cannot be read\n", path);
        exit(2);
    }
    fclose(f);
    return buf_bytes(b);
}

/* {"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":…}]}} with about ${n} bytes. */
static struct json *
message(struct arena *a, struct bytes text, size_t n)
{
    struct buf raw = buf_make((size_t)64 << 20), b = buf_make((size_t)128 << 20);
    struct json *v = NULL;
    static const struct json_limits limits = {(size_t)128 << 20, 64, 200000};
    while (raw.n < n)
        buf_put(&raw, bytes_sub(text, 0, n - raw.n));
    buf_puts(&b, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[{\"type\":\"text\",\"text\":");
    json_put_text(&b, buf_bytes(&raw));
    buf_puts(&b, "}]}}");
    struct bytes kept = arena_copy(a, buf_bytes(&b));
    if (kept.at == NULL || err_failed(json_parse(a, kept, &limits, &v)))
        exit(2);
    buf_free(&raw);
    buf_free(&b);
    return v;
}

static void
measure(const struct inspect *in, const char *name, struct bytes text)
{
    static const struct {
        size_t n, times;
    } sizes[] = {{1000, 5000}, {100000, 200}, {10000000, 2}};
    struct inspect_room *room = inspect_room_make();
    struct sealed *sealed = sealed_make();
    sealed_add(sealed, "bench", BYTES("a-sealed-value-of-32-characters!"));
    for (size_t i = 0; i < 3; i++) {
        struct arena a = {.max = (size_t)256 << 20}, out = {0};
        struct inspection found = {0};
        struct inspect_ask ask = {.way = INSPECT_RESULTS, .sealed = sealed};
        const struct json *v = message(&a, text, sizes[i].n);
        inspect_json(in, room, &ask, v, &out, &found);
        double from = cpu_us();
        for (size_t k = 0; k < sizes[i].times; k++) {
            inspect_json(in, room, &ask, v, &out, &found);
            arena_reset(&out);
        }
        double us = (cpu_us() - from) / (double)sizes[i].times;
        printf("%-24s %8zu bytes: %10.2f us CPU, %5.2f ns a byte, found %zu%s\n", name, sizes[i].n, us, us * 1000 / (double)sizes[i].n, found.total,
               found.incomplete ? " (incomplete)" : "");
        arena_free(&a);
        arena_free(&out);
    }
    sealed_free(sealed);
    inspect_room_free(room);
}

static void
with_rules(const char *path, struct bytes text)
{
    struct buf b = buf_make((size_t)8 << 20);
    struct rule_file file = {.file = path};
    struct inspection_settings s = {
        .builtin_rules = path == NULL, .secrets = {FOUND_REFUSE, FOUND_REDACT, SENS_RESTRICTED}, .max_bytes = (size_t)64 << 20};
    struct inspect *in = NULL;
    if (path) {
        file.text = read_file(path, &b);
        s.files = &file;
        s.n_files = 1;
    }
    double from = cpu_us();
    struct err e = inspect_make(&s, NULL, note, NULL, &in);
    if (err_failed(e)) {
        fprintf(stderr, "%s\n", e.text);
        exit(1);
    }
    printf("%-24s %zu rules, made in %.0f ms\n", path ? path : "built-in", inspect_rules(in), (cpu_us() - from) / 1000);
    measure(in, path ? path : "built-in", text);
    inspect_unref(in);
    buf_free(&b);
}

int
main(int argc, char **argv)
{
    struct buf b = buf_make((size_t)64 << 20);
    if (argc < 2) {
        fprintf(stderr, "usage: bench_inspect TEXT [RULES.toml…]\n");
        return 2;
    }
    struct bytes text = read_file(argv[1], &b);
    with_rules(NULL, text);
    for (int i = 2; i < argc; i++)
        with_rules(argv[i], text);
    buf_free(&b);
    return 0;
}
