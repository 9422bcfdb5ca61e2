/* revoke and restore: they share their selectors. */
#include "cli/cli.h"

#include <unistd.h>

static const char *const selectors[] = {"call", "writ", "instance", "agent", "owner", "destination", "everything"};

struct target {
    const char *selector, *id; /* id: "" for everything */
};

static struct err
read_target(const struct cli *c, struct target *out)
{
    size_t n = 0;
    for (size_t i = 0; i < sizeof selectors / sizeof *selectors; i++) {
        const char *id = given(c, selectors[i]);
        if (id == NULL)
            continue;
        *out = (struct target){selectors[i], id};
        n++;
    }
    if (n != 1)
        return err_make(E_USAGE, "say what: exactly one of --call, --writ, --instance, --agent, --owner, --destination and --everything");
    return err_ok();
}

static struct err
post(struct cli *c, const char *path, const struct target *t, uint64_t timeout_ms, struct json **answer)
{
    struct buf body = buf_make(65536);
    json_open(&body, '{');
    json_member_str(&body, "selector", t->selector);
    if (t->id[0])
        json_member_str(&body, "id", t->id);
    if (given(c, "why"))
        json_member_str(&body, "why", given(c, "why"));
    json_close(&body, '}');
    struct api_request q = {.method = "POST", .target = path, .body = buf_bytes(&body), .timeout_ms = timeout_ms};
    struct err e = body.failed ? err_make(E_LIMIT, "--why is too long") : api_call(c, &q, answer);
    buf_free(&body);
    return e;
}

static void
put_target(struct buf *b, const struct target *t)
{
    buf_printf(b, "%s%s", t->selector, t->id[0] ? " " : "");
    output_clean(b, bytes_str(t->id), false);
}

static void
put_ms(struct buf *b, int64_t us)
{
    buf_printf(b, "%.1f ms", (double)us / 1000);
}

static void
put_counts(struct buf *b, const struct json *answer)
{
    static const char *const names[][2] = {{"writs", "writ"}, {"calls", "call"}, {"streams", "stream"}, {"processes", "server"}};
    for (size_t i = 0; i < 4; i++) {
        int64_t n = json_whole(answer, names[i][0]);
        buf_printf(b, "%s%lld %s%s", i ? ", " : "", (long long)n, names[i][1], n == 1 ? "" : "s");
    }
}

static void
put_revoked(struct buf *b, const struct target *t, const struct json *answer)
{
    bool confirmed = json_truth(answer, "confirmed"), colour = output_colour(STDOUT_FILENO);
    int64_t memory = json_whole(answer, "memory_us"), effect = json_whole(answer, "effect_us");
    output_tone(b, colour, confirmed ? TONE_GOOD : TONE_BAD, confirmed ? "revoked" : "revoking");
    buf_putc(b, ' ');
    put_target(b, t);
    buf_puts(b, confirmed ? " in " : ": cut in ");
    put_ms(b, confirmed && effect > memory ? effect : memory);
    buf_puts(b, ": ");
    put_counts(b, answer);
    buf_puts(b, confirmed ? "; last effect stopped after " : "; the end of the last effect is not confirmed after ");
    put_ms(b, effect);
    buf_puts(b, "; on record after ");
    put_ms(b, json_whole(answer, "durable_us"));
    buf_putc(b, '\n');
}

struct err
cmd_revoke(struct cli *c)
{
    struct target t;
    struct json *answer;
    struct buf b = buf_make(65536);
    TRY(read_target(c, &t));
    struct err e = post(c, "/v1/revoke", &t, 15000, &answer);
    if (e.code == E_TIMEOUT && c->answered)
        e.code = E_STATE; /* an answer came: cut, and not confirmed yet */
    TRY(e);
    c->status = json_truth(answer, "confirmed") ? 0 : 1;
    if (c->json)
        answer_put(&b, answer);
    else
        put_revoked(&b, &t, answer);
    return output_send(c, &b);
}

struct err
cmd_restore(struct cli *c)
{
    struct target t;
    struct json *answer;
    struct buf b = buf_make(65536);
    TRY(read_target(c, &t));
    TRY(post(c, "/v1/restore", &t, 0, &answer));
    if (c->json) {
        answer_put(&b, answer);
    } else {
        buf_puts(&b, "restored ");
        put_target(&b, &t);
        buf_puts(&b, "; what was ended stays ended\n");
    }
    return output_send(c, &b);
}
