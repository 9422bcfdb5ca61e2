#include "cli/cli.h"

static struct err
post_close(struct cli *c, struct json **answer)
{
    struct buf body = buf_make(65536);
    json_open(&body, '{');
    json_member_str(&body, "writ", c->words[0]);
    json_member_str(&body, "why", given(c, "why") ? given(c, "why") : "closed by an admin");
    json_close(&body, '}');
    struct api_request q = {.face = FACE_ADMIN, .method = "POST", .target = "/v1/close", .body = buf_bytes(&body)};
    struct err e = body.failed ? err_make(E_LIMIT, "--why is too long") : api_call(c, &q, answer);
    buf_free(&body);
    return e;
}

struct err
cmd_close(struct cli *c)
{
    struct json *answer;
    struct buf b = buf_make(65536);
    TRY(api_id("writ", c->words[0]));
    TRY(post_close(c, &answer));
    if (c->json) {
        answer_put(&b, answer);
    } else {
        buf_printf(&b, "%s is ", c->words[0]);
        output_clean(&b, json_text(answer, "state"), false);
        buf_putc(&b, '\n');
    }
    return output_send(c, &b);
}
