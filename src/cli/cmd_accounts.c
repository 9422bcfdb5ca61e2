/* destination connect, disconnect, accounts, key: people's accounts at destinations, and the key that proves Writ as a client. */
#include "cli/cli.h"

#include <stdio.h>
#include <unistd.h>

static struct err
ask(struct cli *c, const char *target, struct json **answer)
{
    struct buf body = buf_make(4096);
    const char *person = given(c, "as");
    TRY(api_id("destination", c->words[0]));
    if (person)
        TRY(api_id("person", person));
    json_open(&body, '{');
    json_member_str(&body, "destination", c->words[0]);
    if (person)
        json_member_str(&body, "person", person);
    json_close(&body, '}');
    struct api_request q = {.face = FACE_ADMIN, .method = "POST", .target = target, .body = buf_bytes(&body)};
    struct err e = body.failed ? err_make(E_MEMORY, "out of memory") : api_call(c, &q, answer);
    buf_free(&body);
    return e;
}

struct err
cmd_connect(struct cli *c)
{
    struct json *answer;
    struct buf b = buf_make(65536);
    TRY(ask(c, "/v1/connect", &answer));
    if (c->json) {
        answer_put(&b, answer);
        return output_send(c, &b);
    }
    buf_puts(&b, "open this link in your own browser, within ten minutes:\n\n    ");
    output_clean(&b, json_text(answer, "url"), false);
    buf_puts(&b, "\n\n`writ destination accounts` shows when the account is connected\n");
    return output_send(c, &b);
}

struct err
cmd_disconnect(struct cli *c)
{
    struct json *answer;
    struct buf b = buf_make(65536);
    TRY(ask(c, "/v1/disconnect", &answer));
    if (c->json) {
        answer_put(&b, answer);
        return output_send(c, &b);
    }
    buf_puts(&b, "forgotten; ");
    output_clean(&b, json_text(answer, "note"), false);
    buf_putc(&b, '\n');
    return output_send(c, &b);
}

static struct bytes
note_of(const struct json *a)
{
    struct bytes error = json_text(a, "error");
    return error.n ? error : json_text(a, "scope");
}

struct err
cmd_accounts(struct cli *c)
{
    static const char *const head[] = {"DESTINATION", "PERSON", "STATE", "CONNECTED (UTC)", "REFRESHED (UTC)", "ISSUER", "SCOPE OR ERROR"};
    struct grid g = grid_make(&c->arena, 7);
    struct json *answer;
    struct buf b = buf_make(OUTPUT_MAX);
    TRY(api_get(c, FACE_ADMIN, "/v1/accounts", &answer));
    if (c->json) {
        answer_put(&b, answer);
        return output_send(c, &b);
    }
    const struct json *list = json_get(answer, "accounts");
    grid_head(&g, head);
    for (const struct json *a = list ? list->child : NULL; a; a = a->next) {
        grid_add(&g, json_text(a, "destination"));
        grid_add(&g, json_text(a, "person"));
        grid_add(&g, json_text(a, "state"));
        grid_add(&g, bytes_sub(json_text(a, "connected_at"), 0, 19));
        grid_add(&g, bytes_sub(json_text(a, "refreshed_at"), 0, 19));
        grid_add(&g, json_text(a, "issuer"));
        grid_add(&g, note_of(a));
    }
    if (list && list->count)
        grid_put(&g, &b, output_colour(STDOUT_FILENO));
    else
        buf_puts(&b, "nobody has connected an account\n");
    return output_send(c, &b);
}

struct err
cmd_client_key(struct cli *c)
{
    struct json *answer;
    struct buf b = buf_make(65536);
    TRY(api_id("destination", c->words[0]));
    TRY(api_id("name of a key", c->words[1]));
    const char *target = arena_printf(&c->arena, "/v1/client-keys/%s/%s", c->words[0], c->words[1]);
    if (target == NULL)
        return err_make(E_MEMORY, "out of memory");
    TRY(api_get(c, FACE_EITHER, target, &answer));
    answer_put(&b, answer);
    return output_send(c, &b);
}
