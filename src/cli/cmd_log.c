/* log: what is on record, page by page. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PAGE 1000u
#define LIMIT 100u
#define LIMIT_MAX 100000u
#define FOLLOW_US 500000u

/* The last ${max} lines that came; the rest falls out. */
struct tail {
    struct bytes *lines; /* of malloc */
    size_t max, n, at;
};

static bool
tail_add(struct tail *t, struct bytes line)
{
    uint8_t *copy = malloc(line.n + 1);
    if (copy == NULL)
        return false;
    if (line.n)
        memcpy(copy, line.at, line.n);
    free((uint8_t *)(uintptr_t)t->lines[t->at].at);
    t->lines[t->at] = bytes_make(copy, line.n);
    t->at = (t->at + 1) % t->max;
    t->n += t->n < t->max;
    return true;
}

static void
tail_put(struct tail *t, struct buf *b)
{
    for (size_t i = 0; i < t->n; i++)
        buf_put(b, t->lines[(t->at + t->max - t->n + i) % t->max]);
}

static void
tail_free(struct tail *t)
{
    for (size_t i = 0; t->lines && i < t->max; i++)
        free((uint8_t *)(uintptr_t)t->lines[i].at);
    free(t->lines);
}

struct listing {
    const char *filters; /* "&kind=…", of the query */
    uint64_t next;
    bool colour;
};

static struct err
read_filters(struct cli *c, struct listing *l)
{
    static const char *const names[] = {"kind", "writ", "agent", "call", "destination", "decision"};
    struct buf b = buf_make(4096);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = given(c, names[i]);
        struct err e = value ? api_id(names[i], value) : err_ok();
        if (value && !err_failed(e))
            buf_printf(&b, "&%s=%s", names[i], value);
        if (err_failed(e)) {
            buf_free(&b);
            return e;
        }
    }
    l->filters = b.failed ? NULL : arena_str(&c->arena, buf_bytes(&b));
    buf_free(&b);
    return l->filters ? err_ok() : err_make(E_MEMORY, "out of memory");
}

/* One page from l->next on; each record goes to ${fn} as a line. ${count} says how many came. */
static struct err
read_page(struct cli *c, struct listing *l, uint64_t limit, struct tail *t, struct buf *out, size_t *count)
{
    struct cli page = *c; /* the memory of a page is given back after it */
    struct json *answer;
    char target[4300];
    page.arena = (struct arena){.max = c->arena.max};
    snprintf(target, sizeof target, "/v1/log?from=%llu&limit=%llu%s", (unsigned long long)l->next, (unsigned long long)limit, l->filters);
    struct err e = api_get(&page, FACE_CONTROL, target, &answer);
    const struct json *records = err_failed(e) ? NULL : json_get(answer, "records");
    struct buf line = buf_make((size_t)1 << 20);
    *count = 0;
    for (const struct json *r = records ? records->child : NULL; r && !err_failed(e); r = r->next) {
        line.n = 0;
        if (c->json)
            answer_put(&line, r);
        else
            log_line(&line, r, l->colour);
        if (t && !tail_add(t, buf_bytes(&line)))
            e = err_make(E_MEMORY, "out of memory");
        else if (!t)
            buf_put(out, buf_bytes(&line));
        ++*count;
    }
    if (!err_failed(e) && json_whole(answer, "next") > (int64_t)l->next)
        l->next = (uint64_t)json_whole(answer, "next");
    buf_free(&line);
    arena_free(&page.arena);
    return e;
}

/* The server reads forward only; the last ones are what is left when its end is reached. */
static struct err
show_last(struct cli *c, struct listing *l, uint64_t limit)
{
    struct tail t = {.lines = calloc(limit, sizeof *t.lines), .max = limit};
    struct buf out = buf_make(OUTPUT_MAX);
    struct err e = t.lines ? err_ok() : err_make(E_MEMORY, "out of memory");
    size_t count = PAGE;
    while (!err_failed(e) && count == PAGE)
        e = read_page(c, l, PAGE, &t, NULL, &count);
    tail_put(&t, &out);
    tail_free(&t);
    if (!err_failed(e))
        return output_send(c, &out);
    buf_free(&out);
    return e;
}

static struct err
show_from(struct cli *c, struct listing *l, uint64_t limit, size_t *count)
{
    struct buf out = buf_make(OUTPUT_MAX);
    struct err e = read_page(c, l, limit, NULL, &out, count);
    if (!err_failed(e))
        return output_send(c, &out);
    buf_free(&out);
    return e;
}

static struct err
follow(struct cli *c, struct listing *l)
{
    size_t count = 0;
    for (;;) {
        struct err e = show_from(c, l, PAGE, &count);
        bool away = e.code == E_CONNECT || e.code == E_CLOSED || e.code == E_TIMEOUT;
        if (err_failed(e) && !away) /* a server that starts again is waited for */
            return e;
        if (count < PAGE || away)
            usleep(FOLLOW_US);
    }
}

static struct err
show_said(struct cli *c, uint64_t index)
{
    struct json *answer;
    struct buf b = buf_make(OUTPUT_MAX);
    TRY(api_get(c, FACE_CONTROL, arena_printf(&c->arena, "/v1/log/said/%llu", (unsigned long long)index), &answer));
    if (c->json) {
        answer_put(&b, answer);
        return output_send(c, &b);
    }
    for (const struct json *m = answer->child; m; m = m->next) {
        output_clean(&b, m->key, false);
        buf_puts(&b, ": ");
        output_clean(&b, m->type == JSON_STRING ? m->text : m->raw, false);
        buf_putc(&b, '\n');
    }
    return output_send(c, &b);
}

struct err
cmd_log(struct cli *c)
{
    struct listing l = {.colour = output_colour(STDOUT_FILENO)};
    uint64_t limit, said;
    size_t count;
    TRY(given_number(c, "from", 0, INT64_MAX, &l.next));
    TRY(given_number(c, "limit", LIMIT, LIMIT_MAX, &limit));
    TRY(given_number(c, "said", 0, INT64_MAX, &said));
    TRY(read_filters(c, &l));
    if (given(c, "said"))
        return show_said(c, said);
    if (limit == 0)
        return err_make(E_USAGE, "--limit is at least 1");
    for (uint64_t left = limit; given(c, "from") && left; left -= count) {
        uint64_t now = left < PAGE ? left : PAGE;
        TRY(show_from(c, &l, now, &count));
        if (count < now)
            break;
    }
    if (!given(c, "from"))
        TRY(show_last(c, &l, limit));
    return given(c, "follow") ? follow(c, &l) : err_ok();
}
