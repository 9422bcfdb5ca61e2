#include "cli/cli.h"

#include <stdio.h>
#include <unistd.h>

static struct bytes
text_or(const struct json *object, const char *key, struct bytes otherwise)
{
    struct bytes t = json_text(object, key);
    return t.n ? t : otherwise;
}

/* In observe its refusals are not enforced: that is how it is, until a day. */
static struct bytes
state_of(struct cli *c, const struct json *a)
{
    struct bytes until = json_text(a, "observed_until");
    if (json_get(a, "blocked"))
        return BYTES("cut off");
    return until.n ? bytes_str(arena_printf(&c->arena, "%.*s, observed until %.*s", BYTES_CUT(json_text(a, "state"), 20), BYTES_CUT(until, 10)))
                   : json_text(a, "state");
}

static void
put_all(struct cli *c, struct buf *b, const struct json *list, bool colour)
{
    static const char *const head[] = {"AGENT", "STATE", "KIND", "OWNER", "ENVIRONMENT", "WRITS", "LAST USE (UTC)", "PURPOSE"};
    struct grid g = grid_make(&c->arena, 8);
    char writs[24];
    grid_head(&g, head);
    for (const struct json *a = list->child; a; a = a->next) {
        snprintf(writs, sizeof writs, "%lld", (long long)json_whole(a, "active_writs"));
        grid_add(&g, json_text(a, "id"));
        grid_add(&g, state_of(c, a));
        grid_add(&g, json_text(a, "kind"));
        grid_add(&g, json_text(a, "owner"));
        grid_add(&g, json_text(a, "environment"));
        grid_add(&g, bytes_str(writs));
        grid_add(&g, bytes_sub(text_or(a, "last_use", BYTES("-")), 0, 19));
        grid_add(&g, json_text(a, "purpose"));
    }
    grid_put(&g, b, colour);
}

static void
put_one(struct buf *b, const struct json *a)
{
    static const char *const rows[][2] = {
        {"purpose", "purpose"},         {"owner", "owner"},
        {"backup", "backup owner"},     {"kind", "kind"},
        {"environment", "environment"}, {"default_task", "default task"},
        {"review", "review by"},        {"observed_until", "observed to"},
        {"last_use", "last use"},       {"blocked", "cut off"},
    };
    const struct json *tasks = json_get(a, "tasks");
    buf_puts(b, "agent         ");
    output_clean(b, json_text(a, "id"), false);
    buf_puts(b, ", ");
    output_clean(b, json_text(a, "state"), false);
    buf_printf(b, "\nwrits         %lld active\ntasks         ", (long long)json_whole(a, "active_writs"));
    for (const struct json *t = tasks ? tasks->child : NULL; t; t = t->next) {
        output_clean(b, t->text, false);
        buf_puts(b, t->next ? ", " : "");
    }
    buf_putc(b, '\n');
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (json_text(a, rows[i][0]).n == 0)
            continue;
        buf_printf(b, "%-14s", rows[i][1]);
        output_clean(b, json_text(a, rows[i][0]), false);
        buf_putc(b, '\n');
    }
    buf_puts(b, "\n`writ explain ");
    output_clean(b, json_text(a, "id"), false);
    buf_puts(b, "` says why it has what it has.\n");
}

static struct err
find(const struct json *list, const char *id, const struct json **out)
{
    struct guess g = guess_for(bytes_str(id));
    *out = NULL;
    for (const struct json *a = list->child; a; a = a->next) {
        guess_offer(&g, json_text(a, "id"));
        if (bytes_is(json_text(a, "id"), id))
            *out = a;
    }
    if (*out)
        return err_ok();
    return err_make(E_NOT_FOUND, "there is no agent %.64s%s%.*s%s", id, g.best.n ? "; did you mean " : "", BYTES_CUT(g.best, 64),
                    g.best.n ? "?" : "");
}

struct err
cmd_agent(struct cli *c)
{
    struct json *answer;
    const struct json *one = NULL;
    struct buf b = buf_make(OUTPUT_MAX);
    bool colour = output_colour(STDOUT_FILENO);
    TRY(api_get(c, FACE_EITHER, "/v1/agents", &answer));
    const struct json *list = json_get(answer, "agents");
    if (!json_is(list, JSON_ARRAY))
        return err_make(E_PROTOCOL, "the server's answer has no agents");
    if (c->words[0])
        TRY(find(list, c->words[0], &one));
    if (c->json)
        answer_put(&b, one ? one : answer);
    else if (one)
        put_one(&b, one);
    else
        put_all(c, &b, list, colour);
    return output_send(c, &b);
}
