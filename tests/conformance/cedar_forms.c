/*
 * The JSON form, the printed text and the formatter against the official engine's, for each case of the corpus.
 *
 *     cedar_forms DIR GOLDEN     DIR holds the *.cedar files; GOLDEN a case a line: {"case", "format": {"formatted_policy"}, "est": [{"json"}]}
 *
 * Prints the first disagreements and one line of counts a form. Exit: 0 all agree, 1 some do not, 3 could not look.
 */
#include "base/json.h"
#include "writ/cedar.h"

#include <stdio.h>
#include <stdlib.h>

#define SHOWN 5

enum form { FORM_WRITE, FORM_READ, FORM_FORMAT, FORM_AGAIN, FORM_COUNT };

static const char *const names[] = {"JSON form written", "JSON form read and written again, and printed alike", "formatted", "formatted again"};
static size_t count[FORM_COUNT], agree[FORM_COUNT];

static struct buf
read_file(const char *path)
{
    struct buf b = buf_make((size_t)1 << 30);
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        fprintf(stderr, "cannot open %s\n", path);
        exit(3);
    }
    for (size_t n = 1; n > 0; b.n += n) {
        uint8_t *room = buf_room(&b, 1 << 16);
        n = room ? fread(room, 1, 1 << 16, f) : 0;
    }
    fclose(f);
    return b;
}

static struct cedar_str
to_str(struct bytes b)
{
    return (struct cedar_str){(const char *)b.at, b.n};
}

static struct bytes
to_bytes(const struct cedar_output *o)
{
    return bytes_make(o->at, o->n);
}

static void
tally(enum form form, bool same, struct bytes id, struct bytes theirs, struct bytes ours)
{
    count[form]++;
    agree[form] += same;
    if (!same && count[form] - agree[form] <= SHOWN)
        printf("%s: %.*s\n  theirs %.*s\n  ours   %.*s\n", names[form], BYTES_ARG(id), BYTES_ARG(theirs), BYTES_ARG(ours));
}

static bool
same_json(struct bytes theirs, struct bytes ours)
{
    struct json_limits limits = {.bytes = (size_t)64 << 20, .depth = 256, .nodes = 4000000};
    struct arena a = {.max = (size_t)1 << 30};
    struct json *x, *y;
    bool same = !err_failed(json_parse(&a, theirs, &limits, &x)) && !err_failed(json_parse(&a, ours, &limits, &y)) && json_equal(x, y);
    arena_free(&a);
    return same;
}

static void
run_json(const struct json *test, const struct cedar_policies *p)
{
    struct bytes id = json_text(test, "case");
    const struct json *e = json_get(test, "est")->child;
    for (size_t i = 0; i < cedar_policies_count(p) && e; i++, e = e->next) {
        struct bytes theirs = json_get(e, "json")->raw;
        struct cedar_output ours = {NULL, 0}, again = {NULL, 0}, text = {NULL, 0}, text_again = {NULL, 0};
        struct cedar_policies *q = NULL;
        struct cedar_error error = {.text = ""};
        bool ok = cedar_policy_to_json(p, i, &ours, &error);
        tally(FORM_WRITE, ok && same_json(theirs, to_bytes(&ours)), id, theirs, to_bytes(&ours));
        ok = cedar_policy_json(to_str(theirs), "golden", &q, &error) && cedar_policy_to_json(q, 0, &again, &error) &&
             cedar_policy_to_text(q, 0, &text, &error) && cedar_policy_to_text(p, i, &text_again, &error);
        tally(FORM_READ, ok && bytes_eq(to_bytes(&ours), to_bytes(&again)) && bytes_eq(to_bytes(&text), to_bytes(&text_again)), id, theirs,
              ok ? to_bytes(&again) : bytes_str(error.text));
        cedar_policies_unref(q);
        cedar_output_free(&ours);
        cedar_output_free(&again);
        cedar_output_free(&text);
        cedar_output_free(&text_again);
    }
}

static void
run_format(const struct json *test, struct bytes source)
{
    struct bytes id = json_text(test, "case"), theirs = json_text(json_get(test, "format"), "formatted_policy");
    struct cedar_output ours = {NULL, 0}, again = {NULL, 0};
    struct cedar_error error = {.text = ""};
    bool ok = cedar_format(to_str(source), 80, 2, &ours, &error);
    tally(FORM_FORMAT, ok && bytes_eq(theirs, to_bytes(&ours)), id, theirs, ok ? to_bytes(&ours) : bytes_str(error.text));
    ok = ok && cedar_format((struct cedar_str){ours.at, ours.n}, 80, 2, &again, &error);
    tally(FORM_AGAIN, ok && bytes_eq(to_bytes(&again), to_bytes(&ours)), id, to_bytes(&ours), to_bytes(&again));
    cedar_output_free(&ours);
    cedar_output_free(&again);
}

static void
run_case(const char *dir, const struct json *test)
{
    char path[4096];
    struct bytes id = json_text(test, "case");
    struct cedar_policies *p;
    struct cedar_error error;
    snprintf(path, sizeof path, "%s/%.*s.cedar", dir, (int)(id.n - 5), (const char *)id.at);
    struct buf text = read_file(path);
    if (!cedar_policies_parse(to_str(buf_bytes(&text)), path, false, &p, &error)) {
        printf("%s: %s\n", path, error.text);
        exit(3);
    }
    run_json(test, p);
    run_format(test, buf_bytes(&text));
    cedar_policies_unref(p);
    buf_free(&text);
}

int
main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "cedar_forms DIR GOLDEN\n");
        return 3;
    }
    struct json_limits limits = {.bytes = (size_t)64 << 20, .depth = 256, .nodes = 4000000};
    struct buf golden = read_file(argv[2]);
    bool all = true;
    for (struct bytes rest = buf_bytes(&golden); rest.n > 0;) {
        struct arena a = {.max = (size_t)1 << 30};
        struct json *test;
        if (err_failed(json_parse(&a, bytes_split(&rest, '\n'), &limits, &test)))
            return 3;
        run_case(argv[1], test);
        arena_free(&a);
    }
    for (int i = 0; i < FORM_COUNT; i++) {
        if (count[i])
            printf("%s: %zu agree %zu\n", names[i], count[i], agree[i]);
        all = all && count[i] == agree[i];
    }
    buf_free(&golden);
    return all ? 0 : 1;
}
