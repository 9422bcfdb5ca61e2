/* alert list, test: the webhooks that people are told by. */
#include "cli/cli.h"

#include <stdio.h>
#include <unistd.h>

static const char *
count_text(struct cli *c, const struct json *w, const char *key)
{
    const char *text = arena_printf(&c->arena, "%lld", (long long)json_whole(w, key));
    return text ? text : "";
}

struct err
cmd_alert_list(struct cli *c)
{
    static const char *const head[] = {"WEBHOOK", "FORM", "STATE", "SENT", "WAITING", "COUNTED", "GIVEN UP", "LAST (UTC)", "LAST ERROR"};
    struct grid g = grid_make(&c->arena, 9);
    struct json *answer;
    struct buf b = buf_make(OUTPUT_MAX);
    TRY(api_get(c, FACE_ADMIN, "/v1/alerts", &answer));
    if (c->json) {
        answer_put(&b, answer);
        return output_send(c, &b);
    }
    const struct json *list = json_get(answer, "webhooks");
    grid_head(&g, head);
    for (const struct json *w = list ? list->child : NULL; w; w = w->next) {
        grid_add(&g, json_text(w, "webhook"));
        grid_add(&g, json_text(w, "form"));
        grid_add(&g, json_text(w, "state"));
        grid_add(&g, bytes_str(count_text(c, w, "sent")));
        grid_add(&g, bytes_str(count_text(c, w, "waiting")));
        grid_add(&g, bytes_str(count_text(c, w, "counted")));
        grid_add(&g, bytes_str(count_text(c, w, "given_up")));
        grid_add(&g, bytes_sub(json_text(w, "sent_at"), 0, 19));
        grid_add(&g, json_text(w, "error"));
    }
    if (list && list->count)
        grid_put(&g, &b, output_colour(STDOUT_FILENO));
    else
        buf_puts(&b, "nobody is told of anything; declare a webhook in alerts/NAME.yaml\n");
    return output_send(c, &b);
}

static void
put_result(struct buf *b, const struct json *r)
{
    bool ok = json_is(json_get(r, "ok"), JSON_BOOL) && json_get(r, "ok")->truth;
    output_clean(b, json_text(r, "webhook"), false);
    if (ok)
        buf_printf(b, ": taken after %lld ms\n", (long long)json_whole(r, "ms"));
    else {
        buf_puts(b, ": NOT taken: ");
        output_clean(b, json_text(r, "error"), false);
        buf_putc(b, '\n');
    }
}

struct err
cmd_alert_test(struct cli *c)
{
    struct json *answer;
    struct buf b = buf_make(OUTPUT_MAX), body = buf_make(4096);
    json_open(&body, '{');
    if (c->n_words) {
        TRY(api_id("webhook", c->words[0]));
        json_member_str(&body, "webhook", c->words[0]);
    }
    json_close(&body, '}');
    struct api_request q = {.face = FACE_ADMIN, .method = "POST", .target = "/v1/alerts/test", .body = buf_bytes(&body)};
    struct err e = api_call(c, &q, &answer);
    buf_free(&body);
    TRY(e);
    const struct json *results = json_get(answer, "results"), *ok = json_get(answer, "ok");
    if (c->json)
        answer_put(&b, answer);
    else
        for (const struct json *r = results ? results->child : NULL; r; r = r->next)
            put_result(&b, r);
    c->status = json_is(ok, JSON_BOOL) && ok->truth ? 0 : 1;
    return output_send(c, &b);
}
