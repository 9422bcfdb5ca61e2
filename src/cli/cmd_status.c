#include "cli/cli.h"

#include <stdio.h>
#include <unistd.h>

static void
put_text(struct buf *b, const struct json *object, const char *key)
{
    output_clean(b, json_text(object, key), false);
}

static void
put_estate(struct buf *b, const struct json *answer, bool colour)
{
    const struct json *estate = json_get(answer, "estate");
    buf_puts(b, "estate    ");
    put_text(b, estate, "folder");
    buf_puts(b, ", version ");
    put_text(b, estate, "version");
    buf_puts(b, ", in use since ");
    put_text(b, estate, "since");
    buf_putc(b, '\n');
    if (json_get(estate, "refused")) {
        output_tone(b, colour, TONE_BAD, "          a newer one was refused: ");
        output_clean(b, json_text(estate, "refused"), true);
        buf_putc(b, '\n');
    }
}

static void
put_log(struct buf *b, const struct json *answer, bool colour)
{
    bool healthy = json_truth(answer, "log_healthy");
    buf_puts(b, "log       ");
    output_tone(b, colour, healthy ? TONE_GOOD : TONE_BAD, healthy ? "healthy" : "failed: nothing is allowed until the server can write it again");
    if (healthy)
        buf_printf(b, "; a record of a light or standard call waits at most %lld ms for the disk", (long long)json_whole(answer, "log_window_ms"));
    buf_printf(b, "\nwrits     %lld active\n", (long long)json_whole(answer, "active_writs"));
}

static void
put_blocks(struct buf *b, const struct json *list, bool colour)
{
    for (const struct json *k = list ? list->child : NULL; k; k = k->next) {
        output_tone(b, colour, TONE_BAD, "cut off   ");
        put_text(b, k, "selector");
        buf_putc(b, ' ');
        put_text(b, k, "id");
        buf_puts(b, " since ");
        put_text(b, k, "since");
        buf_puts(b, " by ");
        put_text(b, k, "by");
        buf_puts(b, ": ");
        put_text(b, k, "why");
        buf_putc(b, '\n');
    }
}

static void
put_observed(struct buf *b, const struct json *list, bool colour)
{
    static const char *const kinds[] = {"agent", "destination", "policy"};
    for (const struct json *o = list ? list->child : NULL; o; o = o->next) {
        output_tone(b, colour, TONE_WARN, "observed  ");
        for (size_t i = 0; i < 3; i++) {
            if (json_get(o, kinds[i]) == NULL)
                continue;
            buf_printf(b, "%s ", kinds[i]);
            put_text(b, o, kinds[i]);
        }
        buf_puts(b, " until ");
        put_text(b, o, "until");
        buf_puts(b, ": refusals of policies are recorded, not enforced\n");
    }
}

/* Accounts that no longer work: their tools would be missing without a word. */
static void
put_accounts(struct buf *b, const struct json *list, bool colour)
{
    for (const struct json *a = list ? list->child : NULL; a; a = a->next) {
        if (bytes_is(json_text(a, "state"), "connected"))
            continue;
        output_tone(b, colour, TONE_BAD, "account   ");
        put_text(b, a, "person");
        buf_puts(b, " at ");
        put_text(b, a, "destination");
        buf_puts(b, " is ");
        put_text(b, a, "state");
        buf_puts(b, " since ");
        put_text(b, a, "failing_since");
        buf_puts(b, ": ");
        put_text(b, a, "error");
        buf_puts(b, "; writ destination connect ");
        put_text(b, a, "destination");
        buf_puts(b, " --as ");
        put_text(b, a, "person");
        buf_putc(b, '\n');
    }
}

static void
put_destinations(struct cli *c, struct buf *b, const struct json *list, bool colour)
{
    static const char *const head[] = {"DESTINATION", "STATE", "PROTOCOL", "SERVERS", "FAILURES", "LAST ERROR"};
    struct grid g = grid_make(&c->arena, 6);
    char number[2][24];
    if (list == NULL || list->count == 0)
        return;
    grid_head(&g, head);
    for (const struct json *d = list->child; d; d = d->next) {
        snprintf(number[0], sizeof number[0], "%lld", (long long)json_whole(d, "servers"));
        snprintf(number[1], sizeof number[1], "%lld", (long long)json_whole(d, "failures"));
        grid_add(&g, json_text(d, "destination"));
        grid_add(&g, json_text(d, "state"));
        grid_add(&g, json_text(d, "protocol"));
        grid_add(&g, bytes_str(number[0]));
        grid_add(&g, bytes_str(number[1]));
        grid_add(&g, json_text(d, "last_error"));
    }
    buf_putc(b, '\n');
    grid_put(&g, b, colour);
}

static void
put_held(struct buf *b, const struct json *list, bool colour)
{
    for (const struct json *d = list ? list->child : NULL; d; d = d->next) {
        if (json_whole(d, "held") == 0)
            continue;
        output_tone(b, colour, TONE_BAD, "held back ");
        buf_printf(b, "%lld of ", (long long)json_whole(d, "held"));
        put_text(b, d, "destination");
        buf_puts(b, ": offered otherwise than pinned; look: writ destination show ");
        put_text(b, d, "destination");
        buf_putc(b, '\n');
    }
}

/* A destination that is not asked at the moment: for all, or for one agent whose calls there failed. */
static void
put_breakers(struct buf *b, const struct json *list, bool colour)
{
    for (const struct json *d = list ? list->child : NULL; d; d = d->next) {
        const struct json *breakers = json_get(d, "breakers");
        for (const struct json *k = breakers ? breakers->child : NULL; k; k = k->next) {
            output_tone(b, colour, TONE_BAD, "breaker   ");
            put_text(b, d, "destination");
            buf_puts(b, json_text(k, "agent").n ? " for " : " for everyone");
            put_text(b, k, "agent");
            buf_puts(b, " is ");
            put_text(b, k, "state");
            buf_printf(b, ", tried again in %lld s: ", (long long)(json_whole(k, "retry_after_ms") + 999) / 1000);
            output_clean(b, json_text(k, "why"), true);
            buf_putc(b, '\n');
        }
    }
}

struct err
cmd_status(struct cli *c)
{
    struct json *answer;
    struct buf b = buf_make(OUTPUT_MAX);
    bool colour = output_colour(STDOUT_FILENO);
    TRY(api_get(c, FACE_EITHER, "/v1/status", &answer));
    if (c->json) {
        answer_put(&b, answer);
        return output_send(c, &b);
    }
    buf_puts(&b, "server    ");
    put_text(&b, answer, "name");
    buf_puts(&b, ", writ ");
    put_text(&b, answer, "version");
    buf_putc(&b, '\n');
    put_estate(&b, answer, colour);
    put_log(&b, answer, colour);
    put_blocks(&b, json_get(answer, "blocks"), colour);
    put_observed(&b, json_get(answer, "observe"), colour);
    put_accounts(&b, json_get(answer, "accounts"), colour);
    put_held(&b, json_get(answer, "destinations"), colour);
    put_breakers(&b, json_get(answer, "destinations"), colour);
    put_destinations(c, &b, json_get(answer, "destinations"), colour);
    if (json_get(answer, "destinations") == NULL)
        output_tone(&b, colour, TONE_WARN, "          the main loop does not answer; this came from control.sock\n");
    return output_send(c, &b);
}
