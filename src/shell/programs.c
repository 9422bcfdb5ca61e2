/*
 * Programs that are in daily use, and what they do with their arguments. A program that is not here is UNKNOWN, and so is an option that could make one
 * of these run something else: the lists are short on purpose.
 */
#include "shell/inner.h"

static const struct program programs[] = {
    {"[", AS_READ, NULL, "-v -R", NULL, NULL}, /* -v a[$(…)] runs what stands there */
    {"basename", AS_READ, "-s --suffix", NULL, NULL, NULL},
    {"base64", AS_READ, "-w --wrap", NULL, NULL, NULL},
    {"bat", AS_READ, "-r -l", "--pager --config-file --map-syntax", NULL, NULL},
    {"cat", AS_READ, NULL, NULL, NULL, NULL},
    {"cd", AS_READ, NULL, NULL, NULL, NULL},
    {"chmod", AS_WRITE, NULL, NULL, NULL, "-R --recursive"},
    {"chown", AS_WRITE, NULL, NULL, NULL, "-R --recursive"},
    {"cmp", AS_READ, "-n -i", NULL, NULL, NULL},
    {"column", AS_READ, "-s -t -c -o", NULL, NULL, NULL},
    {"comm", AS_READ, NULL, NULL, NULL, NULL},
    {"command", AS_RUNS, NULL, NULL, NULL, NULL},
    {"builtin", AS_RUNS, NULL, NULL, NULL, NULL},
    {"cp", AS_WRITE_LAST, "-S --suffix", "-t --target-directory", NULL, NULL},
    {"curl", AS_NETWORK,
     "-X --request -H --header -d --data --data-raw --data-binary --data-urlencode -F --form -u --user -A --user-agent -e --referer -m --max-time "
     "--connect-timeout --retry -w --write-out -b --cookie -T --upload-file --json -x --proxy --url --cacert -r --range",
     "-K --config --netrc-file --engine --unix-socket --abstract-unix-socket", "-o --output -D --dump-header -c --cookie-jar", NULL},
    {"cut", AS_READ, "-d -f -c -b", NULL, NULL, NULL},
    {"date", AS_READ, "-d --date -r --reference -I", "-s --set -f --file", NULL, NULL},
    {"df", AS_READ, NULL, NULL, NULL, NULL},
    {"diff", AS_READ, "-U -C -x --exclude", NULL, "--output", NULL},
    {"dig", AS_NETWORK, NULL, NULL, NULL, NULL},
    {"dirname", AS_READ, NULL, NULL, NULL, NULL},
    {"du", AS_READ, "-d --max-depth", NULL, NULL, NULL},
    {"echo", AS_READ, NULL, NULL, NULL, NULL},
    {"egrep", AS_READ, "-e -f -m -A -B -C --include --exclude --exclude-dir", NULL, NULL, NULL},
    {"env", AS_RUNS, "-u --unset -C --chdir", "-S --split-string", NULL, NULL},
    {"exec", AS_RUNS, NULL, NULL, NULL, NULL},
    {"exit", AS_READ, NULL, NULL, NULL, NULL},
    {"export", AS_READ, NULL, NULL, NULL, NULL}, /* judge.c looks at its names */
    {"false", AS_READ, NULL, NULL, NULL, NULL},
    {"fd", AS_READ, "-e -t -d -E", "-x -X --exec --exec-batch", NULL, NULL},
    {"fgrep", AS_READ, "-e -f -m -A -B -C", NULL, NULL, NULL},
    {"file", AS_READ, NULL, "-C --compile -m --magic-file", NULL, NULL},
    {"find", AS_FIND, NULL, NULL, NULL, NULL},
    {"fold", AS_READ, "-w", NULL, NULL, NULL},
    {"git", AS_GIT, NULL, NULL, NULL, NULL},
    {"grep", AS_READ, "-e -f -m -A -B -C --include --exclude --exclude-dir", NULL, NULL, NULL},
    {"head", AS_READ, "-n -c --lines --bytes", NULL, NULL, NULL},
    {"hexdump", AS_READ, "-n -s -e", NULL, NULL, NULL},
    {"host", AS_NETWORK, NULL, NULL, NULL, NULL},
    {"id", AS_READ, NULL, NULL, NULL, NULL},
    {"install", AS_WRITE_LAST, "-m -o -g", "-t --target-directory --strip-program", NULL, NULL},
    {"jq", AS_READ, "--arg --argjson --indent", "-f --from-file -L", NULL, NULL},
    {"ln", AS_WRITE_LAST, NULL, "-t --target-directory", NULL, NULL},
    {"ls", AS_READ, NULL, NULL, NULL, NULL},
    {"md5sum", AS_READ, NULL, NULL, NULL, NULL},
    {"mkdir", AS_WRITE, "-m --mode", NULL, NULL, NULL},
    {"mktemp", AS_WRITE, "-p --tmpdir", NULL, NULL, NULL},
    {"mv", AS_WRITE, NULL, "-t --target-directory", NULL, NULL},
    {"nc", AS_NETWORK, "-p -w -s", "-e -c --exec --sh-exec -l", NULL, NULL},
    {"nice", AS_RUNS, "-n --adjustment", NULL, NULL, NULL},
    {"nl", AS_READ, NULL, NULL, NULL, NULL},
    {"nohup", AS_RUNS, NULL, NULL, NULL, NULL},
    {"nproc", AS_READ, NULL, NULL, NULL, NULL},
    {"nslookup", AS_NETWORK, NULL, NULL, NULL, NULL},
    {"od", AS_READ, "-t -N -j -A", NULL, NULL, NULL},
    {"paste", AS_READ, "-d", NULL, NULL, NULL},
    {"pgrep", AS_READ, NULL, NULL, NULL, NULL},
    {"ping", AS_NETWORK, "-c -w -W -i -s", NULL, NULL, NULL},
    {"printf", AS_READ, NULL, "-v", NULL, NULL},
    {"ps", AS_READ, NULL, NULL, NULL, NULL},
    {"pwd", AS_READ, NULL, NULL, NULL, NULL},
    {"readlink", AS_READ, NULL, NULL, NULL, NULL},
    {"realpath", AS_READ, NULL, NULL, NULL, NULL},
    {"rev", AS_READ, NULL, NULL, NULL, NULL},
    {"rg", AS_READ, "-e -f -g -t -m -A -B -C -T", "--pre --hostname-bin", NULL, NULL},
    {"rm", AS_IRREVERSIBLE, NULL, NULL, NULL, NULL},
    {"rmdir", AS_WRITE, NULL, NULL, NULL, NULL},
    {"rsync", AS_NETWORK, NULL, "-e --rsh --rsync-path", NULL, "--delete --del --remove-source-files"},
    {"scp", AS_NETWORK, "-P -i -l", "-o -S -F -J", NULL, NULL},
    {"seq", AS_READ, "-s -f", NULL, NULL, NULL},
    {"sha1sum", AS_READ, NULL, NULL, NULL, NULL},
    {"sha256sum", AS_READ, NULL, NULL, NULL, NULL},
    {"sh", AS_SHELL, NULL, NULL, NULL, NULL},
    {"bash", AS_SHELL, NULL, NULL, NULL, NULL},
    {"dash", AS_SHELL, NULL, NULL, NULL, NULL},
    {"wait", AS_READ, NULL, "-p", NULL, NULL},
    {":", AS_READ, NULL, NULL, NULL, NULL},
    {"shred", AS_IRREVERSIBLE, NULL, NULL, NULL, NULL},
    {"sleep", AS_READ, NULL, NULL, NULL, NULL},
    {"sort", AS_READ, "-k -t", "--compress-program", "-o --output", NULL},
    {"stat", AS_READ, "-c -f --format --printf", NULL, NULL, NULL},
    {"strings", AS_READ, "-n", NULL, NULL, NULL},
    {"tac", AS_READ, NULL, NULL, NULL, NULL},
    {"tail", AS_READ, "-n -c --lines --bytes", NULL, NULL, NULL},
    {"tee", AS_WRITE, NULL, NULL, NULL, NULL},
    {"test", AS_READ, NULL, "-v -R", NULL, NULL},
    {"time", AS_RUNS, "-f --format", NULL, "-o --output", NULL},
    {"timeout", AS_RUNS, "-s -k --signal --kill-after", NULL, NULL, NULL},
    {"touch", AS_WRITE, "-d -t -r --date --reference", NULL, NULL, NULL},
    {"tr", AS_READ, NULL, NULL, NULL, NULL},
    {"tree", AS_READ, "-L -I -P", NULL, "-o", NULL},
    {"true", AS_READ, NULL, NULL, NULL, NULL},
    {"truncate", AS_IRREVERSIBLE, "-s -r", NULL, NULL, NULL},
    {"type", AS_READ, NULL, NULL, NULL, NULL},
    {"uname", AS_READ, NULL, NULL, NULL, NULL},
    {"uniq", AS_READ, "-f -s -w", NULL, NULL, NULL},
    {"unlink", AS_IRREVERSIBLE, NULL, NULL, NULL, NULL},
    {"uptime", AS_READ, NULL, NULL, NULL, NULL},
    {"wc", AS_READ, NULL, NULL, NULL, NULL},
    {"wget", AS_NETWORK, "-U --user-agent --header --timeout -t --tries --post-data", "-e --execute -i --input-file --use-askpass",
     "-O --output-document -P --directory-prefix -o --output-file", NULL},
    {"which", AS_READ, NULL, NULL, NULL, NULL},
    {"whoami", AS_READ, NULL, NULL, NULL, NULL},
    {"xargs", AS_RUNS, "-n -P -L -s -d -I --max-args --max-procs --delimiter --replace", "-a --arg-file", NULL, NULL},
    {"xxd", AS_READ, "-l -s -c -g", NULL, NULL, NULL},
    /* asked for their version or help they read; everything else they do is in what they are given */
    {"cargo", AS_QUIET, NULL, NULL, NULL, NULL},
    {"docker", AS_QUIET, NULL, NULL, NULL, NULL},
    {"gcc", AS_QUIET, NULL, NULL, NULL, NULL},
    {"go", AS_QUIET, NULL, NULL, NULL, NULL},
    {"make", AS_QUIET, NULL, NULL, NULL, NULL},
    {"node", AS_QUIET, NULL, NULL, NULL, NULL},
    {"npm", AS_QUIET, NULL, NULL, NULL, NULL},
    {"perl", AS_QUIET, NULL, NULL, NULL, NULL},
    {"pip", AS_QUIET, NULL, NULL, NULL, NULL},
    {"python", AS_QUIET, NULL, NULL, NULL, NULL},
    {"python3", AS_QUIET, NULL, NULL, NULL, NULL},
    {"ruby", AS_QUIET, NULL, NULL, NULL, NULL},
    {"uv", AS_QUIET, NULL, NULL, NULL, NULL},
};

const struct program *
program_find(const char *name)
{
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++)
        if (strcmp(programs[i].name, name) == 0)
            return &programs[i];
    return NULL;
}

static bool
in_list(const char *list, struct bytes option)
{
    struct bytes rest = bytes_str(list);
    while (rest.n)
        if (bytes_eq(bytes_split(&rest, ' '), option))
            return true;
    return false;
}

/* "--out" stands for --output where a program takes shortened options, so a beginning counts. */
static bool
shortened(const char *list, struct bytes option)
{
    struct bytes rest = option.n > 3 ? bytes_str(list) : (struct bytes){NULL, 0};
    while (rest.n)
        if (bytes_starts(bytes_split(&rest, ' '), option))
            return true;
    return false;
}

bool
option_in(const char *list, const char *word)
{
    struct bytes w = bytes_str(word);
    if (list == NULL || w.n < 2 || w.at[0] != '-')
        return false;
    if (w.at[1] == '-') {
        struct bytes name = bytes_sub(w, 0, bytes_find(w, '='));
        return in_list(list, name) || shortened(list, name);
    }
    for (size_t i = 1; i < w.n; i++) {
        const uint8_t letter[2] = {'-', w.at[i]};
        if (in_list(list, bytes_make(letter, 2)))
            return true;
    }
    return false;
}
