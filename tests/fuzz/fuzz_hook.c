/* Events of clients' hooks: whatever comes is an error or a call with whole arguments, and an answer that is whole JSON. The first byte says whose. */
#include <stdlib.h>

#include "cli/hook.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool ok)
{
    if (!ok)
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cli c;
    struct hook_said said;
    struct json *parsed;
    if (size == 0)
        return 0;
    c = (struct cli){.env = env_real()};
    if (!err_failed(hook_read(&c, data[0] & 1 ? HOOK_CURSOR : HOOK_CLAUDE_CODE, bytes_make(data + 1, size - 1), &said))) {
        struct err yes = err_ok(), no = err_make(E_DENIED, "no");
        struct buf b = buf_make((size_t)1 << 20);
        must(!err_failed(json_parse(&c.arena, said.arguments, NULL, &parsed)));
        hook_answer(&said, &yes, &b);
        b.n--;
        must(!err_failed(json_parse(&c.arena, buf_bytes(&b), NULL, &parsed)));
        b.n = 0;
        hook_answer(&said, &no, &b);
        b.n--;
        must(!err_failed(json_parse(&c.arena, buf_bytes(&b), NULL, &parsed)));
        buf_free(&b);
    }
    arena_free(&c.arena);
    return 0;
}
