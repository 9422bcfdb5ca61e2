/*
 * Our engine behind a pipe: a call a line on standard input (cedar_calls.h), its answer a line on standard output, in the same order.
 */
#include "cedar_calls.h"

#include <stdio.h>
#include <stdlib.h>

int
main(void)
{
    struct calls *c = calls_new();
    struct buf out = buf_make((size_t)256 << 20);
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    while ((n = getline(&line, &room, stdin)) > 0) {
        out.n = 0;
        calls_answer(c, bytes_make(line, (size_t)n - (line[n - 1] == '\n')), &out);
        buf_putc(&out, '\n');
        if (out.failed || fwrite(out.at, 1, out.n, stdout) != out.n || fflush(stdout) != 0)
            return 3;
    }
    buf_free(&out);
    free(line);
    calls_free(c);
    return 0;
}
