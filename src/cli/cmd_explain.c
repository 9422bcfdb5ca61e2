#include "cli/cli.h"

#include <unistd.h>

static void
put_sentences(struct buf *b, const struct json *answer, bool colour, size_t width)
{
    const struct json *list = json_get(answer, "sentences");
    struct bytes edit = json_text(answer, "edit");
    struct buf clean = buf_make(65536);
    for (const struct json *s = list ? list->child : NULL; s; s = s->next) {
        clean.n = 0;
        output_clean(&clean, s->text, false);
        output_wrap(b, buf_bytes(&clean), width, 0);
        buf_putc(b, '\n');
    }
    if (edit.n) {
        buf_putc(b, '\n');
        output_tone(b, colour, TONE_STRONG, "To change it: ");
        output_clean(b, edit, false);
        buf_putc(b, '\n');
    }
    buf_free(&clean);
}

struct err
cmd_explain(struct cli *c)
{
    struct json *answer;
    struct buf b = buf_make(OUTPUT_MAX);
    const char *id = c->words[0], *kind = strncmp(id, "wr_", 3) == 0 ? "writ" : strncmp(id, "ca_", 3) == 0 ? "call" : "agent";
    TRY(api_id(kind, id));
    TRY(api_get(c, FACE_CONTROL, arena_printf(&c->arena, "/v1/explain/%s/%s", kind, id), &answer));
    if (c->json)
        answer_put(&b, answer);
    else
        put_sentences(&b, answer, output_colour(STDOUT_FILENO), output_width(STDOUT_FILENO));
    return output_send(c, &b);
}
