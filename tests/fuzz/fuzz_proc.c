/* The parsers of /proc: whatever is read, what comes out must lie within its bounds and agree with the text. */
#include "identity/proc.h"

#include <stdio.h>
#include <stdlib.h>

static void
require(bool ok)
{
    if (!ok)
        abort();
}

static void
try_stat(struct bytes text)
{
    struct proc_stat s;
    if (!proc_parse_stat(text, &s))
        return;
    require(s.pid >= 0 && s.ppid >= 0 && s.state != ' ');
    /* The same, whatever the name is. */
    char name[] = ") R 1 2 (x) ";
    struct buf b = buf_make(1 << 20);
    struct proc_stat again;
    const uint8_t *close = memrchr(text.at, ')', text.n);
    buf_printf(&b, "%d (%s", s.pid, name);
    buf_put(&b, bytes_make(close, (size_t)(text.at + text.n - close)));
    require(proc_parse_stat(buf_bytes(&b), &again));
    require(again.pid == s.pid && again.ppid == s.ppid && again.start == s.start && again.state == s.state);
    buf_free(&b);
}

static void
try_cgroup(struct bytes text)
{
    char cgroup[256], unit[128];
    proc_parse_cgroup(text, cgroup, unit);
    size_t n = strlen(cgroup);
    require(n == 0 || cgroup[0] == '/');
    require(strlen(unit) < sizeof unit && n < sizeof cgroup && strchr(cgroup, '\n') == NULL);
    require(unit[0] == 0 || (strstr(cgroup, unit) && strchr(unit, '/') == NULL));
    require(unit[0] == 0 || bytes_ends(bytes_str(unit), BYTES(".service")) || bytes_ends(bytes_str(unit), BYTES(".scope")));
    proc_cgroup_delegated(cgroup);
}

static void
try_lines(struct bytes text)
{
    struct proc_socket s;
    while (text.n) {
        struct bytes line = bytes_split(&text, '\n');
        if (proc_parse_socket(line, &s))
            require(s.uid >= 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = bytes_make(data, size);
    struct arena a = {0};
    int uid, gid;
    try_stat(text);
    try_cgroup(text);
    try_lines(text);
    if (proc_parse_ids(text, &uid, &gid))
        require(uid >= 0 && gid >= 0);
    const char *exe = arena_str(&a, text);
    if (exe)
        proc_is_interpreter(exe);
    arena_free(&a);
    return 0;
}
