/* hook: what a coding agent runs before and after its own tools. */
#include <stdio.h>
#include <unistd.h>

#include "cli/hook.h"

#define EVENT_MAX ((size_t)16 << 20)

static struct err
read_all(struct cli *c, struct bytes *out)
{
    struct buf b = buf_make(EVENT_MAX);
    ssize_t n = 1;
    while (n > 0) {
        uint8_t *to = buf_room(&b, 65536);
        n = to ? read(STDIN_FILENO, to, 65536) : -1;
        b.n += n > 0 ? (size_t)n : 0;
    }
    *out = n < 0 ? (struct bytes){NULL, 0} : arena_copy(&c->arena, buf_bytes(&b));
    bool large = b.failed;
    buf_free(&b);
    if (large)
        return err_make(E_LIMIT, "an event has at most %zu bytes", EVENT_MAX);
    return out->at ? err_ok() : err_make(E_USAGE, "give the event on standard input, as a client does");
}

/*
 * An event that cannot be read may be a call: it is refused. Exit code 2 is how both clients are told no by who cannot answer in their form; any other
 * failure of a hook would let the call pass.
 */
static struct err
hook(struct cli *c, enum hook_client client)
{
    const char *destination = given(c, "destination") ? given(c, "destination") : client == HOOK_CURSOR ? "cursor" : "claude-code";
    struct hook_said said;
    struct bytes text;
    struct buf b = buf_make((size_t)1 << 20);
    struct err e = api_id("destination", destination);
    if (!err_failed(e))
        e = read_all(c, &text);
    if (!err_failed(e))
        e = hook_read(c, client, text, &said);
    if (err_failed(e)) {
        fprintf(stderr, "writ: %s\n", e.text);
        c->status = 2;
        return err_ok();
    }
    e = hook_ask(c, destination, &said);
    hook_answer(&said, &e, &b);
    if (err_failed(e) && said.event == HOOK_START)
        fprintf(stderr, "writ: %s\n", e.text);
    return output_send(c, &b);
}

struct err
cmd_hook_claude_code(struct cli *c)
{
    return hook(c, HOOK_CLAUDE_CODE);
}

struct err
cmd_hook_cursor(struct cli *c)
{
    return hook(c, HOOK_CURSOR);
}
