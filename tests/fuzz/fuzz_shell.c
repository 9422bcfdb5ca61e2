/* Command lines, which agents write: reading one ends, and nothing that has an effect is called a read by writing it twice. */
#include <stdlib.h>

#include "shell/shell.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {0};
    struct shell_reading alone, second;
    struct buf b = buf_make(SHELL_COMMAND_MAX + 64);
    shell_read(bytes_make(data, size), &a, &alone);
    buf_puts(&b, "ls\n"); /* a command before it takes nothing away from what it does */
    buf_put(&b, bytes_make(data, size));
    if (!b.failed) {
        shell_read(buf_bytes(&b), &a, &second);
        if (second.effect < alone.effect)
            abort();
    }
    buf_free(&b);
    arena_free(&a);
    return 0;
}
