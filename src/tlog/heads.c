/* Tree heads on disk: the newest one in `checkpoint`, all of them one after another in `heads`. */
#include "tlog/parts.h"

#include <errno.h>
#include <unistd.h>

#define TAIL_BYTES (4 * TLOG_NOTE_MAX)

size_t
tlog_note_length(const char *text, size_t n)
{
    const char *at = text, *end = text + n;
    for (int lines = 0; lines < TLOG_NOTE_LINES; lines++) {
        at = memchr(at, '\n', (size_t)(end - at));
        if (at == NULL)
            return 0;
        at++;
    }
    return (size_t)(at - text);
}

/* Does a note begin at ${i}: at the start of a line, with the origin as its first line? */
static bool
begins(const char *text, size_t n, size_t i, bool line, const char *origin)
{
    size_t length = strlen(origin);
    return (i > 0 ? text[i - 1] == '\n' : line) && n - i > length && memcmp(text + i, origin, length) == 0 && text[i + length] == '\n';
}

/*
 * Notes are written one at a time and synced, so that at most one can be torn. A whole one that is not right is no accident.
 * The search goes backwards: a torn note begins with the origin too, but has fewer lines.
 */
struct tlog_error
tlog_heads_last(int fd, const char *origin, const uint8_t key[32], struct tlog_head *head, uint64_t *end)
{
    char text[TAIL_BYTES];
    uint64_t bytes = (uint64_t)tlog_file_size(fd), from = bytes > sizeof text ? bytes - sizeof text : 0;
    ssize_t n = tlog_pread(fd, text, sizeof text, from);
    *end = 0;
    if (n < 0)
        return tlog_fail_io(errno, "reading", "heads");
    for (size_t i = (size_t)n; i-- > 0;) {
        if (!begins(text, (size_t)n, i, from == 0, origin))
            continue;
        size_t length = tlog_note_length(text + i, (size_t)n - i);
        if (length == 0)
            continue;
        struct tlog_error e = tlog_note_check(text + i, length, origin, key, &head->size, head->root);
        if (e.code != TLOG_OK)
            return tlog_fail(TLOG_TAMPERED, "the last tree head in `heads` is not right: %s", e.text);
        *end = from + i + length;
        break;
    }
    if (bytes - *end >= TLOG_NOTE_MAX)
        return tlog_fail(TLOG_TAMPERED, "`heads` ends in bytes that are no tree heads of %s", origin);
    return tlog_ok();
}

struct tlog_error
tlog_head_file(int dir, const char *origin, const uint8_t key[32], struct tlog_head *head, bool *there)
{
    char text[TLOG_NOTE_MAX];
    int fd = tlog_file(dir, "checkpoint", 0);
    *there = false;
    if (fd < 0)
        return errno == ENOENT ? tlog_ok() : tlog_fail_io(errno, "opening", "checkpoint");
    ssize_t n = tlog_pread(fd, text, sizeof text, 0);
    int number = errno;
    close(fd);
    if (n < 0)
        return tlog_fail_io(number, "reading", "checkpoint");
    struct tlog_error e = tlog_note_check(text, (size_t)n, origin, key, &head->size, head->root);
    if (e.code != TLOG_OK)
        return tlog_fail(TLOG_TAMPERED, "`checkpoint` is not right: %s", e.text);
    *there = true;
    return tlog_ok();
}
