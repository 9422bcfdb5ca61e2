#include "identity/proc.h"

#include <arpa/inet.h>
#include <limits.h>

/* The next word of *${rest}, words being divided by spaces and tabs. */
static struct bytes
word(struct bytes *rest)
{
    *rest = bytes_trim(*rest);
    size_t n = 0;
    while (n < rest->n && rest->at[n] != ' ' && rest->at[n] != '\t' && rest->at[n] != '\n')
        n++;
    struct bytes w = bytes_sub(*rest, 0, n);
    *rest = bytes_sub(*rest, n, rest->n);
    return w;
}

static bool
parse_int(struct bytes b, int *out)
{
    uint64_t v;
    if (!bytes_u64(b, &v) || v > INT_MAX)
        return false;
    *out = (int)v;
    return true;
}

bool
proc_parse_stat(struct bytes text, struct proc_stat *out)
{
    enum { PPID = 4, START = 22 };
    const uint8_t *close = text.n ? memrchr(text.at, ')', text.n) : NULL;
    size_t open = bytes_search(text, BYTES(" ("));
    if (close == NULL || open >= (size_t)(close - text.at) || !parse_int(bytes_sub(text, 0, open), &out->pid))
        return false;
    struct bytes rest = bytes_sub(text, (size_t)(close - text.at) + 1, text.n);
    struct bytes state = word(&rest);
    if (state.n != 1)
        return false;
    out->state = (char)state.at[0];
    if (!parse_int(word(&rest), &out->ppid))
        return false;
    for (int field = PPID + 1; field < START; field++)
        if (word(&rest).n == 0)
            return false;
    return bytes_u64(word(&rest), &out->start);
}

/* "Uid:\t1000\t1000\t1000\t1000": real, effective, saved, of the file system. Ids over INT_MAX are refused: -1 has a meaning here. */
static bool
parse_effective(struct bytes text, struct bytes name, int *id)
{
    while (text.n) {
        struct bytes line = bytes_split(&text, '\n');
        if (!bytes_starts(line, name))
            continue;
        line = bytes_sub(line, name.n, line.n);
        word(&line);
        return parse_int(word(&line), id);
    }
    return false;
}

/* The name of the process comes first in this file, with newlines escaped, so a line cannot be forged by it. */
bool
proc_parse_ids(struct bytes text, int *uid, int *gid)
{
    return parse_effective(text, BYTES("Uid:"), uid) && parse_effective(text, BYTES("Gid:"), gid);
}

static bool
is_unit(struct bytes part)
{
    return (part.n > 8 && bytes_ends(part, BYTES(".service"))) || (part.n > 6 && bytes_ends(part, BYTES(".scope")));
}

static bool
keep(char *to, size_t room, struct bytes b)
{
    if (b.n >= room || bytes_find(b, 0) != b.n)
        return false;
    if (b.n)
        memcpy(to, b.at, b.n);
    to[b.n] = 0;
    return true;
}

void
proc_parse_cgroup(struct bytes text, char cgroup[256], char unit[128])
{
    cgroup[0] = unit[0] = 0;
    while (text.n) {
        struct bytes line = bytes_split(&text, '\n');
        if (!bytes_starts(line, BYTES("0::/")))
            continue;
        struct bytes path = bytes_sub(line, 3, line.n), innermost = {NULL, 0};
        if (!keep(cgroup, 256, path))
            return;
        while (path.n) {
            struct bytes part = bytes_split(&path, '/');
            if (is_unit(part))
                innermost = part;
        }
        keep(unit, 128, innermost);
        return;
    }
}

bool
proc_cgroup_delegated(const char *path)
{
    struct bytes rest = bytes_str(path);
    int units = 0;
    if (bytes_starts(rest, BYTES("/user.slice/")))
        return true; /* owned by the user's own manager */
    while (rest.n) {
        struct bytes part = bytes_split(&rest, '/');
        if (bytes_is(part, ".."))
            return true; /* outside of our cgroup namespace: nothing is known about who made it */
        units += is_unit(part);
    }
    return units > 1;
}

/* Programs that run what a file or an argument tells them: their bytes say nothing about what runs. Versions may follow the name. */
static const char *const interpreters[] = {
    "ash",
    "awk",
    "bash",
    "beam.smp",
    "bun",
    "busybox",
    "csh",
    "dash",
    "deno",
    "dotnet",
    "elixir",
    "emacs",
    "erl",
    "expect",
    "fish",
    "gawk",
    "gdb",
    "ghci",
    "groovy",
    "guile",
    "irb",
    "java",
    "jruby",
    "jshell",
    "julia",
    "ksh",
    "ld-linux",
    "ld-linux-aarch64.so",
    "ld-linux-x86-64.so",
    "ld-musl-aarch64.so",
    "ld-musl-x86_64.so",
    "ld.so",
    "lua",
    "luajit",
    "make",
    "mawk",
    "mksh",
    "mono",
    "nawk",
    "node",
    "nodejs",
    "octave",
    "osascript",
    "perl",
    "php",
    "php-cgi",
    "php-fpm",
    "pwsh",
    "pypy",
    "python",
    "qjs",
    "R",
    "racket",
    "rbash",
    "Rscript",
    "ruby",
    "sbcl",
    "scala",
    "scheme",
    "sh",
    "sqlite",
    "swipl",
    "tclsh",
    "tcsh",
    "toybox",
    "ts-node",
    "tsx",
    "uv",
    "vim",
    "wine",
    "wish",
    "zsh",
};

/* "python3.11", "perl5.36-x86_64-linux-gnu", "vim.tiny", "bash-static": what may follow the name. Taking too much for an interpreter
 * weakens a proof; taking too little would strengthen one. */
static bool
is_version(struct bytes b)
{
    if (b.n > 1 && b.at[0] == '-')
        return (b.at[1] >= '0' && b.at[1] <= '9') || bytes_is(b, "-dbg") || bytes_is(b, "-static");
    return b.n == 0 || b.at[0] == '.' || (b.at[0] >= '0' && b.at[0] <= '9');
}

bool
proc_is_interpreter(const char *exe)
{
    struct bytes name = bytes_str(exe);
    static const char deleted[] = " (deleted)";
    if (bytes_ends(name, BYTES(" (deleted)")))
        name.n -= sizeof deleted - 1;
    const char *slash = memrchr(exe, '/', name.n);
    if (slash)
        name = bytes_sub(name, (size_t)(slash - exe) + 1, name.n);
    for (size_t i = 0; i < sizeof interpreters / sizeof *interpreters; i++) {
        struct bytes known = bytes_str(interpreters[i]);
        if (bytes_starts(name, known) && is_version(bytes_sub(name, known.n, name.n)))
            return true;
    }
    return false;
}

static bool
parse_hex(struct bytes b, size_t digits, uint32_t *out)
{
    *out = 0;
    for (size_t i = 0; i < digits; i++) {
        int c = i < b.n ? b.at[i] : 0;
        int d = c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (d < 0)
            return false;
        *out = *out << 4 | (uint32_t)d;
    }
    return true;
}

/* The kernel prints each 32-bit word of an address in the machine's byte order: 127.0.0.1 is "0100007F" on a PC. */
static bool
is_loopback(const uint32_t *words, size_t n)
{
    uint32_t last = ntohl(words[n - 1]);
    if (n == 1)
        return last >> 24 == 127;
    if (words[0] || words[1])
        return false;
    return words[2] == 0 ? last == 1 : ntohl(words[2]) == 0xffff && last >> 24 == 127;
}

static bool
parse_end(struct bytes b, uint16_t *port, bool *loopback)
{
    uint32_t words[4] = {0}, p;
    size_t n = bytes_find(b, ':') / 8;
    if ((n != 1 && n != 4) || b.n != n * 8 + 5 || b.at[n * 8] != ':')
        return false;
    for (size_t i = 0; i < n; i++)
        if (!parse_hex(bytes_sub(b, i * 8, 8), 8, &words[i]))
            return false;
    if (!parse_hex(bytes_sub(b, n * 8 + 1, 4), 4, &p))
        return false;
    *port = (uint16_t)p;
    *loopback = is_loopback(words, n);
    return true;
}

/* sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode … */
bool
proc_parse_socket(struct bytes line, struct proc_socket *out)
{
    bool here, there;
    struct bytes number = word(&line);
    if (number.n < 2 || number.at[number.n - 1] != ':')
        return false;
    if (!parse_end(word(&line), &out->local_port, &here) || !parse_end(word(&line), &out->remote_port, &there))
        return false;
    struct bytes state = word(&line);
    word(&line), word(&line), word(&line);
    if (!parse_int(word(&line), &out->uid))
        return false;
    word(&line);
    struct bytes inode = word(&line);
    out->loopback = here && there;
    out->established = bytes_is(state, "01") && inode.n && !bytes_is(inode, "0");
    return inode.n != 0;
}
