/* The command line: the table, parsing, help, what reaches a terminal, and the parts that talk to the server. */
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/pin.h"
#include "estate/estate.h"

static char folder[64];

/* --------------------------------------------------------------------------------------------------------- helpers */

static struct err
parse(struct cli *c, const char *const *words)
{
    static char *argv[32];
    int argc = 0;
    *c = (struct cli){.env = env_real()};
    argv[argc++] = (char *)(uintptr_t)"writ";
    for (; words[argc - 1]; argc++)
        argv[argc] = (char *)(uintptr_t)words[argc - 1];
    argv[argc] = NULL;
    return options_parse(c, argc, argv);
}
#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void
assert_refused(const char *const *words, const char *part)
{
    struct cli c;
    struct err e = parse(&c, words);
    assert_int_equal(e.code, E_USAGE);
    if (strstr(e.text, part) == NULL)
        fail_msg("'%s' does not say '%s'", e.text, part);
}

/* Run the whole command in a child: its exit code; what it said on both streams in ${out}. Its input ends behind ${input}, or, with
 * ${input_stays}, not before the child does. */
static bool input_stays;
static void (*in_child)(void); /* called before the command */

static int
command(const char *input, struct buf *out, const char *const *words)
{
    int to[2], from[2], status, n = 1;
    char *argv[32] = {(char *)(uintptr_t)"writ"};
    for (; words[n - 1]; n++)
        argv[n] = (char *)(uintptr_t)words[n - 1];
    assert_int_equal(pipe(to) | pipe(from), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(to[0], 0), dup2(from[1], 1), dup2(from[1], 2);
        closefrom(3);
        if (in_child)
            in_child();
        exit(cli_main(n, argv));
    }
    close(from[1]);
    if (input)
        assert_int_equal(write(to[1], input, strlen(input)), strlen(input));
    if (!input_stays)
        close(to[1]);
    *out = buf_make(1 << 20);
    for (ssize_t got = 1; got > 0;) {
        uint8_t *at = buf_room(out, 4096);
        got = read(from[0], at, 4096);
        out->n += got > 0 ? (size_t)got : 0;
    }
    close(from[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (input_stays)
        close(to[1]);
    close(to[0]);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void
assert_says(struct buf *out, const char *part)
{
    if (strstr(buf_text(out), part) == NULL)
        fail_msg("'%s' does not say '%s'", buf_text(out), part);
}

static const char *
in_folder(const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void
write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

/* ----------------------------------------------------------------------------------------------------------- table */

static void
table_is_whole(void **state)
{
    (void)state;
    for (const struct command *k = commands; k->name; k++) {
        const struct option *o, *other;
        size_t min, max;
        assert_true(k->help[0] && k->examples[0] && k->run && k->options);
        assert_null(strchr(k->help, '\n'));
        assert_true(k->help[strlen(k->help) - 1] != '.');
        for (const char *const *e = k->examples; *e; e++) /* an example is of its command */
            assert_true(strncmp(*e, "writ ", 5) == 0 && strncmp(*e + 5, k->name, strlen(k->name)) == 0);
        command_words(k, &min, &max);
        assert_true(min <= max && max <= CLI_WORDS_MAX);
        assert_ptr_equal(command_find(k->name), k);
        for (size_t i = 0; (o = command_option(k, i)); i++) {
            assert_true(o->help[0] && strchr(o->name, '=') == NULL && o->name[0] != '-');
            for (size_t n = 0; n < i; n++) {
                other = command_option(k, n);
                assert_string_not_equal(o->name, other->name);
            }
        }
    }
}

/* Every example must itself be a line that the parser takes. */
static void
examples_parse(void **state)
{
    (void)state;
    for (const struct command *k = commands; k->name; k++)
        for (const char *const *e = k->examples; *e; e++) {
            char text[512], *words[32], *rest = text;
            size_t n = 0;
            struct cli c;
            snprintf(text, sizeof text, "%s", *e + 5);
            for (char *word; (word = strsep(&rest, " ")) && word[0] != '<' && word[0] != '>' && n < 31;)
                if (word[0] == '"') { /* a quoted text is one word */
                    if (rest && strchr(word + 1, '"') == NULL)
                        strsep(&rest, "\"");
                    words[n++] = word + 1;
                    if (rest && rest[0] == ' ')
                        rest++;
                    else if (rest && rest[0] == 0)
                        rest = NULL;
                } else {
                    words[n++] = word;
                }
            words[n] = NULL;
            struct err err = parse(&c, (const char *const *)words);
            if (err_failed(err))
                fail_msg("%s: %s", *e, err.text);
            assert_ptr_equal(c.command, k);
            arena_free(&c.arena);
        }
}

/* --------------------------------------------------------------------------------------------------------- parsing */

static void
options_are_read(void **state)
{
    struct cli c;
    (void)state;
    assert_int_equal(parse(&c, WORDS("run", "--task", "t", "--read=/a", "--read", "/b=c", "--json", "--", "ls", "--task", "-l")).code, E_OK);
    assert_string_equal(c.command->name, "run");
    assert_string_equal(given(&c, "task"), "t");
    const char **read = given_list(&c, "read");
    assert_string_equal(read[0], "/a");
    assert_string_equal(read[1], "/b=c");
    assert_null(read[2]);
    assert_true(c.json);
    assert_null(given(&c, "write"));
    assert_string_equal(c.rest[0], "ls");
    assert_string_equal(c.rest[1], "--task"); /* of the other command */
    assert_string_equal(c.rest[2], "-l");
    arena_free(&c.arena);
    assert_int_equal(parse(&c, WORDS("run", "--task", "t", "ls", "--agent", "x")).code, E_OK);
    assert_string_equal(c.rest[0], "ls");
    assert_null(given(&c, "agent"));
    assert_int_equal(parse(&c, WORDS("destination", "seal", "files", "token")).code, E_OK);
    assert_string_equal(c.command->name, "destination seal");
    assert_int_equal(c.n_words, 2);
    assert_string_equal(c.words[1], "token");
    assert_int_equal(parse(&c, WORDS("log", "--from", "3")).code, E_OK);
    assert_string_equal(c.command->name, "log");
    assert_int_equal(parse(&c, WORDS("log", "verify")).code, E_OK);
    assert_string_equal(c.command->name, "log verify");
    assert_int_equal(parse(&c, WORDS("init", "-h")).code, E_OK); /* help needs nothing else */
    assert_true(c.help);
    assert_int_equal(parse(&c, WORDS("check", "--", "--odd")).code, E_OK);
    assert_string_equal(c.words[0], "--odd");
}

static void
mistakes_are_told(void **state)
{
    (void)state;
    assert_refused(WORDS("chek"), "did you mean `writ check`?");
    assert_refused(WORDS("serv"), "did you mean `writ serve`?");
    assert_refused(WORDS("destination"), "`writ help destination`");
    assert_refused(WORDS("destination", "pni", "files"), "did you mean `writ destination pin`?");
    assert_refused(WORDS("xyzzyplugh"), "there is no command");
    assert_refused(WORDS("destination pin"), "there is no command"); /* one word with a space in it */
    assert_refused(WORDS("log", "--destnation", "x"), "did you mean --destination?");
    assert_refused(WORDS("log", "--writ"), "--writ needs a value: --writ WRIT");
    assert_refused(WORDS("log", "--writ="), "--writ needs a value");
    assert_refused(WORDS("log", "--follow=1"), "takes no value");
    assert_refused(WORDS("log", "--writ", "a", "--writ", "b"), "given twice");
    assert_refused(WORDS("log", "-x"), "options are written --name");
    assert_refused(WORDS("close"), "something is missing: writ close WRIT");
    assert_refused(WORDS("close", "a", "b"), "one word too many");
    assert_refused(WORDS("run", "--task", "t"), "something is missing");
    assert_refused(WORDS("run", "--"), "something is missing");
    assert_refused(WORDS("serve", "--json"), "there is no option --json of `writ serve`"); /* says nothing a program could read */
}

static void
numbers_are_whole(void **state)
{
    struct cli c;
    uint64_t n;
    (void)state;
    assert_int_equal(parse(&c, WORDS("log", "--limit", "12", "--from", "-1", "--said", "1e3")).code, E_OK);
    assert_int_equal(given_number(&c, "limit", 100, 1000, &n).code, E_OK);
    assert_int_equal(n, 12);
    assert_int_equal(given_number(&c, "limit", 100, 11, &n).code, E_USAGE);
    assert_int_equal(given_number(&c, "from", 0, 1000, &n).code, E_USAGE);
    assert_int_equal(given_number(&c, "said", 0, 1000, &n).code, E_USAGE);
    assert_int_equal(given_number(&c, "kind", 7, 1000, &n).code, E_OK);
    assert_int_equal(n, 7);
}

static void
guesses_are_near(void **state)
{
    static const char *const cases[][3] = {
        {"revok", "revoke", "restore"},
        {"staus", "status", "serve"},
        {"lgo", "log", "init"},
        {"dest", "destination", "version"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct guess g = guess_for(bytes_str(cases[i][0]));
        guess_offer(&g, bytes_str(cases[i][2]));
        guess_offer(&g, bytes_str(cases[i][1]));
        assert_true(bytes_is(g.best, cases[i][1]));
    }
    struct guess far = guess_for(BYTES("xyzzyplugh"));
    for (const struct command *k = commands; k->name; k++)
        guess_offer(&far, bytes_str(k->name));
    assert_int_equal(far.best.n, 0);
}

/* ------------------------------------------------------------------------------------------------------------ help */

static void
docs_are_generated(void **state)
{
    struct cli c = {.env = env_real()};
    struct buf b = buf_make(1 << 20);
    struct bytes text;
    (void)state;
    help_markdown(&b);
    assert_int_equal(where_file(&c, SOURCE_ROOT "/docs/cli.md", 1 << 20, &text).code, E_OK);
    if (!bytes_eq(text, buf_bytes(&b)))
        fail_msg("docs/cli.md is not what the table says; run: writ help --markdown > docs/cli.md");
    buf_free(&b);
    arena_free(&c.arena);
}

static void
help_names_everything(void **state)
{
    struct buf man = buf_make(1 << 20), completion = buf_make(1 << 20), one = buf_make(1 << 20), json = buf_make(1 << 20);
    struct arena a = {0};
    struct json *v;
    (void)state;
    help_man(&man);
    help_completion(&completion);
    help_json(&json);
    assert_int_equal(json_parse(&a, buf_bytes(&json), NULL, &v).code, E_OK);
    for (const struct command *k = commands; k->name; k++) {
        const struct option *o;
        char part[128];
        int n = snprintf(part, sizeof part, ".SS writ ");
        for (const char *at = k->name; *at; at++) /* roff takes a bare hyphen for another character */
            n += snprintf(part + n, sizeof part - (size_t)n, "%s%c", *at == '-' ? "\\" : "", *at);
        assert_says(&man, part);
        snprintf(part, sizeof part, "\"%s\") words=\"", k->name);
        assert_says(&completion, part);
        one.n = 0;
        help_command(&one, k, 80, false);
        for (size_t i = 0; (o = command_option(k, i)); i++) {
            snprintf(part, sizeof part, "--%s", o->name);
            assert_says(&one, part);
            assert_says(&completion, part);
        }
        assert_null(memchr(one.at, '\033', one.n)); /* no colour unless asked */
    }
    assert_null(strstr(buf_text(&man), "\n'")); /* a control line to roff */
    one.n = 0;
    assert_true(help_group(&one, "destination", 80, false));
    assert_says(&one, "destination pin");
    assert_null(strstr(buf_text(&one), "revoke"));
    assert_false(help_group(&one, "dest", 80, false));
    arena_free(&a);
    buf_free(&man), buf_free(&completion), buf_free(&one), buf_free(&json);
}

static void
codes_of_the_whole(void **state)
{
    struct buf out;
    (void)state;
    assert_int_equal(command(NULL, &out, WORDS("version")), 0);
    assert_string_equal(buf_text(&out), "writ " CLI_VERSION "\n");
    buf_free(&out);
    assert_int_equal(command(NULL, &out, WORDS("--version")), 0);
    buf_free(&out);
    assert_int_equal(command(NULL, &out, WORDS("version", "--json")), 0);
    assert_string_equal(buf_text(&out), "{\"version\":\"" CLI_VERSION "\"}\n");
    buf_free(&out);
    assert_int_equal(command(NULL, &out, (const char *const[]){NULL}), 2);
    assert_says(&out, "revoke");
    buf_free(&out);
    assert_int_equal(command(NULL, &out, WORDS("help", "revoke")), 0);
    assert_says(&out, "--everything");
    buf_free(&out);
    assert_int_equal(command(NULL, &out, WORDS("help", "rvoke")), 2);
    assert_says(&out, "did you mean `writ revoke`?");
    buf_free(&out);
    assert_int_equal(command(NULL, &out, WORDS("check", "--json", in_folder("nothing"))), 3);
    assert_says(&out, "{\"error\":{\"code\":\"system\"");
    buf_free(&out);
    assert_int_equal(command(NULL, &out, WORDS("status", "--run-dir", in_folder("nothing"))), 3);
    assert_says(&out, "the server is not running");
    buf_free(&out);
    assert_int_equal(command(NULL, &out, WORDS("revoke", "--run-dir", folder)), 2);
    buf_free(&out);
    assert_int_equal(command(NULL, &out, WORDS("explain", "a b", "--run-dir", folder)), 2);
    buf_free(&out);
    assert_int_equal(command(NULL, &out, WORDS("explain", "x\r\nHost: y", "--run-dir", folder)), 2);
    assert_null(strchr(buf_text(&out), '\r'));
    buf_free(&out);
}

static void
check_says_where(void **state)
{
    struct buf out;
    const char *dir = in_folder("estate");
    (void)state;
    assert_int_equal(command(NULL, &out, WORDS("init", dir, "--files-root", folder)), 0);
    assert_says(&out, "writ check ");
    assert_says(&out, "writ serve ");
    assert_says(&out, "master.key");
    buf_free(&out);
    assert_int_equal(command(NULL, &out, WORDS("init", dir)), 1);
    assert_says(&out, "is there already");
    buf_free(&out);
    assert_int_equal(command(NULL, &out, WORDS("check", dir)), 0);
    assert_says(&out, "0 errors");
    buf_free(&out);
    write_file(in_folder("estate/tasks/bad.yaml"), "purpose: x\nlifetme: 1h\ntools: {}\n");
    assert_int_equal(command(NULL, &out, WORDS("check", "--estate", dir)), 1);
    assert_says(&out, "tasks/bad.yaml:2: error: ");
    assert_says(&out, "lifetime");
    buf_free(&out);
    assert_int_equal(command(NULL, &out, WORDS("check", "--json", dir)), 1);
    assert_says(&out, "\"file\":\"tasks/bad.yaml\",\"line\":2");
    buf_free(&out);
    /* A broken estate keeps nobody from finding the server. */
    assert_int_equal(command(NULL, &out, WORDS("status", "--estate", dir)), 3);
    assert_says(&out, "writ-run/admin.sock");
    buf_free(&out);
}

/* ------------------------------------------------------------------------------------------------------- terminals */

static void
assert_clean(const char *text, bool lines, const char *expected)
{
    struct buf b = buf_make(4096);
    output_clean(&b, bytes_str(text), lines);
    assert_string_equal(buf_text(&b), expected);
    buf_free(&b);
}

static void
terminals_are_safe(void **state)
{
    (void)state;
    assert_clean("plain \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", false, "plain \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    assert_clean("\033[2J\033]0;x\007", false, "\\x1b[2J\\x1b]0;x\\x07");
    assert_clean("a\nb\tc", false, "a\\nb\\tc");
    assert_clean("a\nb\tc\r", true, "a\nb\tc\\x0d");
    assert_clean("\xc2\x9b"
                 "31m",
                 false, "\\x9b31m"); /* CSI as one C1 character */
    assert_clean("\xe2\x80\xae"
                 "fdp.exe",
                 false, "<U+202E>fdp.exe");
    assert_clean("\xf3\xa0\x81\x81", false, "<U+E0041>"); /* a tag character: text that only a model reads */
    assert_clean("a\xe2\x80\x8b"
                 "b",
                 false, "a<U+200B>b");
    assert_clean("bad \xff\xc3", false, "bad \xef\xbf\xbd\xef\xbf\xbd");
    assert_clean("\xed\xa0\x80", false, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"); /* a surrogate */
}

static void
lines_are_wrapped(void **state)
{
    struct buf b = buf_make(4096);
    struct arena a = {0};
    (void)state;
    buf_puts(&b, "ab");
    output_wrap(&b, BYTES("one two three averyverylongword x"), 12, 2);
    assert_string_equal(buf_text(&b), "abone two\n  three\n  averyverylongword\n  x");
    b.n = 0;
    struct grid g = grid_make(&a, 2);
    static const char *const head[] = {"NAME", "WHAT"};
    grid_head(&g, head);
    grid_add(&g, BYTES("\xc3\xa9t\xc3\xa9\xc3\xa9\xc3\xa9"));
    grid_add(&g, BYTES("x\033"));
    grid_put(&g, &b, false);
    assert_string_equal(buf_text(&b), "NAME   WHAT\n\xc3\xa9t\xc3\xa9\xc3\xa9\xc3\xa9  x\\x1b\n");
    b.n = 0;
    output_tone(&b, true, TONE_BAD, "no");
    output_tone(&b, false, TONE_BAD, "no");
    assert_string_equal(buf_text(&b), "\033[31mno\033[0mno");
    arena_free(&a);
    buf_free(&b);
}

static void
records_are_lines(void **state)
{
    static const char *const cases[][2] = {
        {"{\"index\":7,\"leaf\":{\"v\":1,\"at\":\"T\",\"kind\":\"decision\",\"agent\":\"r\",\"destination\":\"files\",\"tool\":\"rm\",\"decision\":"
         "\"deny\","
         "\"reason\":\"no \\u001b[1m\",\"call\":\"ca_1\",\"writ\":\"wr_1\"}}",
         "       7  T  decision    deny r files/rm: no \\x1b[1m (ca_1, wr_1)\n"},
        {"{\"index\":8,\"leaf\":{\"at\":\"T\",\"kind\":\"decision\",\"agent\":\"r\",\"destination\":\"files\",\"decision\":\"list\",\"shown\":3,"
         "\"withheld\":1}}",
         "       8  T  decision    r files: 3 tools listed, 1 withheld\n"},
        {"{\"index\":9,\"leaf\":{\"at\":\"T\",\"kind\":\"outcome\",\"status\":\"ok\",\"us\":5}}", "       9  T  outcome     ok after 5 \xc2\xb5s\n"},
        {"{\"index\":10,\"leaf\":{\"at\":\"T\",\"kind\":\"news\",\"a\":1}}", "      10  T  news        a=1 \n"},
        {"{}", "       0                \n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena a = {0};
        struct buf b = buf_make(4096);
        struct json *v;
        assert_int_equal(json_parse(&a, bytes_str(cases[i][0]), NULL, &v).code, E_OK);
        log_line(&b, v, false);
        assert_string_equal(buf_text(&b), cases[i][1]);
        buf_free(&b);
        arena_free(&a);
    }
}

static void
pins_are_shown(void **state)
{
    static const char change[] =
        "{\"kind\":\"tool\",\"name\":\"a\\u001b[2J\",\"change\":\"renamed\",\"from\":\"b\",\"alike\":70,\"parts\":["
        "{\"at\":\"description\",\"words\":[[\"=\",\"reads \"],[\"-\",\"one\"],[\"+\",\"all\\n~ tool evil\\u001b[31m\"]]},"
        "{\"at\":\"annotations.readOnlyHint\",\"was\":true,\"now\":false},{\"at\":\"title\",\"now\":\"x\\u202e\"},{\"at\":\"icons\",\"was\":[]}],"
        "\"more_parts\":3,\"findings\":[{\"level\":\"danger\",\"what\":\"terminal escape\",\"at\":\"name\",\"character\":\"U+001B\",\"count\":2,"
        "\"text\":\"\\u001b]0;x\"},{\"level\":\"hint\",\"what\":\"asks for secrecy\",\"at\":\"description\",\"text\":\"do not tell\"}]}";
    static const char *const parts[] = {"> tool a\\x1b[2J",
                                        "renamed: it seems to be what was called b (a guess: 70 % alike)\n",
                                        "description: reads [-one-]{+all\\n~ tool evil\\x1b[31m+}\n",
                                        "annotations.readOnlyHint: true → false\n",
                                        "title: (new) x<U+202E>\n",
                                        "icons: [] (gone)\n",
                                        "… and 3 more\n",
                                        "!! terminal escape U+001B and 1 more in name: \\x1b]0;x\n",
                                        "?  asks for secrecy in description: do not tell\n"};
    struct arena a = {0};
    struct buf b = buf_make(65536);
    struct json *v;
    (void)state;
    assert_int_equal(json_parse(&a, bytes_str(change), NULL, &v).code, E_OK);
    pin_show(&b, v, 100, false);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        assert_says(&b, parts[i]);
    assert_null(strchr(buf_text(&b), 0x1b)); /* nothing of a server's text reaches the terminal as it is */
    assert_null(strstr(buf_text(&b), "\n~ tool evil"));
    buf_free(&b);
    arena_free(&a);
}

/* ---------------------------------------------------------------------------------------------------------- server */

/* The hidden command that becomes a destination's server: what it is when it starts. */
static int
server(struct buf *out, const char *uid, const char *gid, const char *script)
{
    return command(NULL, out, WORDS("server", uid, gid, "--", "/bin/sh", "-c", script));
}

/* What must not be inherited: an open file, and the groups of the server that starts it. */
static void
be_large(void)
{
    const gid_t groups[] = {4, 24};
    dup2(1, 7);
    if (geteuid() == 0 && setgroups(2, groups) != 0)
        _exit(99);
}

static void
servers_are_small(void **state)
{
    struct buf out;
    (void)state;
    in_child = be_large;
    assert_int_equal(server(&out, "-", "-", "ulimit -c; grep -E 'NoNewPrivs|^Groups' /proc/self/status; ls /proc/self/fd; exit 9"), 9);
    assert_says(&out, "0\n");
    assert_says(&out, "NoNewPrivs:\t1");
    assert_null(strstr(buf_text(&out), "\n7\n"));
    buf_free(&out);
    in_child = NULL;
    assert_int_equal(server(&out, "root", "0", "id"), 127);
    assert_says(&out, "'root' is no user or group id");
    buf_free(&out);
    assert_int_equal(server(&out, "4294967295", "1", "id"), 127); /* -1 leaves ids as they are (setresuid(2)) */
    buf_free(&out);
    assert_int_equal(server(&out, "", "1", "id"), 127);
    buf_free(&out);
    assert_int_equal(command(NULL, &out, WORDS("server", "-", "-", "--", "/nonexistent/program")), 127);
    assert_says(&out, "cannot start /nonexistent/program: No such file");
    buf_free(&out);
    assert_int_equal(command(NULL, &out, WORDS("server", "-", "-", "/bin/true")), 127);
    buf_free(&out);
    if (geteuid() != 0)
        return;
    in_child = be_large;
    assert_int_equal(server(&out, "65534", "65533", "id -u; id -g; id -G; cat /proc/self/status"), 0);
    assert_says(&out, "65534\n65533\n65533\n");
    assert_says(&out, "Uid:\t65534\t65534\t65534\t65534");
    assert_says(&out, "CapEff:\t0000000000000000");
    buf_free(&out);
    in_child = NULL;
}

/* It dies when the process that asked for it dies, however that dies. */
static void
servers_die_with_their_parent(void **state)
{
    int told[2], pid = 0;
    (void)state;
    assert_int_equal(pipe(told), 0);
    pid_t parent = fork();
    if (parent == 0) {
        pid_t child = fork();
        const char *const line[] = {"writ", "server", geteuid() == 0 ? "65534" : "-", "65534", "--", "/bin/sh", "-c", "echo $$; exec sleep 60", NULL};
        if (child == 0) {
            dup2(told[1], 1);
            _exit(cli_main(8, (char **)(uintptr_t)line));
        }
        pause();
        _exit(0);
    }
    close(told[1]);
    char text[32] = "";
    assert_true(read(told[0], text, sizeof text - 1) > 0);
    pid = atoi(text);
    assert_true(pid > 1 && kill(pid, 0) == 0);
    assert_int_equal(kill(parent, SIGKILL), 0);
    assert_int_equal(waitpid(parent, NULL, 0), parent);
    struct pollfd ended = {.fd = told[0], .events = POLLIN};
    bool gone = poll(&ended, 1, 10000) == 1 && read(told[0], text, sizeof text) == 0; /* the end of the last writer */
    if (!gone)
        kill(pid, SIGKILL);
    assert_true(gone);
    close(told[0]);
}

/* ----------------------------------------------------------------------------------------------------------- client */

static int
listen_at(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    unlink(path);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 8), 0);
    return fd;
}

/* A server that answers one connection with ${answer}, whatever is asked; the request ends up in request.txt. */
static pid_t
answer_once(const char *name, const char *answer)
{
    int fd = listen_at(in_folder(name));
    pid_t pid = fork();
    if (pid == 0) {
        char text[8192];
        int peer = accept(fd, NULL, NULL), file = open(in_folder("request.txt"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        ssize_t n = read(peer, text, sizeof text);
        if (n > 0 && write(file, text, (size_t)n) == n && answer)
            n = write(peer, answer, strlen(answer));
        _exit(0);
    }
    close(fd);
    return pid;
}

static int
ask(const char *name, const char *answer, struct buf *out, const char *const *words)
{
    pid_t pid = answer_once(name, answer);
    int code = command(NULL, out, words);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    unlink(in_folder(name));
    return code;
}

static void
assert_asked(const char *part)
{
    struct cli c = {.env = env_real()};
    struct bytes text;
    assert_int_equal(where_file(&c, in_folder("request.txt"), 8192, &text).code, E_OK);
    if (strstr((const char *)text.at, part) == NULL)
        fail_msg("'%s' does not ask '%s'", (const char *)text.at, part);
    arena_free(&c.arena);
}

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

/* An answer with the length that its body has. */
static const char *
answer_of(int status, const char *body)
{
    static char text[2048];
    snprintf(text, sizeof text, "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", status, strlen(body), body);
    return text;
}

static void
answers_are_read(void **state)
{
    struct buf out;
    (void)state;
    assert_int_equal(ask("admin.sock", OK_HEAD "Content-Length: 12\r\n\r\n{\"writs\":[]}", &out, WORDS("writs", "--run-dir", folder)), 0);
    assert_string_equal(buf_text(&out), "no writ is open\n");
    assert_asked("GET /v1/writs?agent=&ended=0 HTTP/1.1\r\n");
    buf_free(&out);
    assert_int_equal(ask("admin.sock", OK_HEAD "Transfer-Encoding: chunked\r\n\r\n4\r\n{\"wr\r\n8\r\nits\":[]}\r\n0\r\n\r\n", &out,
                         WORDS("writs", "--json", "--run-dir", folder)),
                     0);
    assert_string_equal(buf_text(&out), "{\"writs\":[]}\n");
    buf_free(&out);
    /* The answer of control.sock counts when admin.sock is not there. */
    assert_int_equal(ask("control.sock", OK_HEAD "Content-Length: 12\r\n\r\n{\"writs\":[]}", &out, WORDS("writs", "--run-dir", folder)), 0);
    buf_free(&out);
    assert_int_equal(ask("control.sock", OK_HEAD "Content-Length: 39\r\n\r\n{\"sentences\":[\"It is.\"],\"edit\":\"a.y:3\"}\n", &out,
                         WORDS("explain", "wr_1", "--run-dir", folder)),
                     0);
    assert_string_equal(buf_text(&out), "It is.\n\nTo change it: a.y:3\n");
    assert_asked("GET /v1/explain/writ/wr_1 HTTP/1.1\r\n");
    buf_free(&out);
}

static void
refusals_keep_their_code(void **state)
{
    static const struct {
        int status;
        const char *body, *says;
        int code;
    } cases[] = {
        {403, "{\"code\":\"forbidden\",\"detail\":\"no \\u001b[1madmin\"}", "no \\x1b[1madmin", 1},
        {503, "{\"code\":\"log\",\"detail\":\"disk full\"}", "disk full", 3},
        {400, "{\"code\":\"new\",\"detail\":\"of a later version\"}", "of a later version", 3},
        {500, "oops", "status 500 and no reason", 3},
        {200, "[]", "no JSON object", 3},
        {200, "{\"a\":1,\"a\":2}", "stands twice", 3},
        {0, OK_HEAD "Content-Length: 9\r\n\r\n{\"a\":1", "in the middle of its answer", 3},
        {0, OK_HEAD "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "no acceptable HTTP", 3},
        {0, "garbage\r\n\r\n", "no acceptable HTTP", 3},
        {0, NULL, "in the middle of its answer", 3},
    };
    struct buf out;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *answer = cases[i].status ? answer_of(cases[i].status, cases[i].body) : cases[i].body;
        assert_int_equal(ask("admin.sock", answer, &out, WORDS("status", "--run-dir", folder)), cases[i].code);
        assert_says(&out, cases[i].says);
        buf_free(&out);
    }
}

static void
revocations_say_how_long(void **state)
{
    static const char done[] = "{\"revocation\":\"rv_1\",\"writs\":2,\"calls\":1,\"streams\":1,\"processes\":1,\"memory_us\":120,"
                               "\"effect_us\":3100,\"durable_us\":5900,\"confirmed\":true}";
    struct buf out;
    (void)state;
    assert_int_equal(ask("admin.sock", answer_of(200, done), &out, WORDS("revoke", "--agent", "reader", "--why", "x \"y\"", "--run-dir", folder)), 0);
    assert_string_equal(buf_text(&out), "revoked agent reader in 3.1 ms: 2 writs, 1 call, 1 stream, 1 server; last effect stopped after 3.1 ms; "
                                        "on record after 5.9 ms\n");
    assert_asked("{\"selector\":\"agent\",\"id\":\"reader\",\"why\":\"x \\\"y\\\"\"}");
    buf_free(&out);
    assert_int_equal(
        ask("admin.sock", answer_of(200, "{\"memory_us\":120,\"confirmed\":false}"), &out, WORDS("revoke", "--everything", "--run-dir", folder)), 1);
    assert_says(&out, "revoking everything: cut in 0.1 ms");
    assert_asked("{\"selector\":\"everything\"}");
    buf_free(&out);
    /* Cut, but not confirmed: an answer, not a failure to look. */
    assert_int_equal(ask("control.sock", answer_of(504, "{\"code\":\"timeout\",\"detail\":\"cut in memory\"}"), &out,
                         WORDS("revoke", "--everything", "--run-dir", folder)),
                     1);
    assert_says(&out, "cut in memory");
    buf_free(&out);
    assert_int_equal(command(NULL, &out, WORDS("revoke", "--agent", "a", "--writ", "b", "--run-dir", folder)), 2);
    buf_free(&out);
}

static void
secrets_come_from_input(void **state)
{
    struct buf out;
    (void)state;
    pid_t pid = answer_once("admin.sock", OK_HEAD "Content-Length: 15\r\n\r\n{\"sealed\":true}");
    assert_int_equal(command("pass\"word\n", &out, WORDS("destination", "seal", "crm", "token", "--run-dir", folder)), 0);
    assert_string_equal(buf_text(&out), "sealed token\n");
    assert_asked("{\"name\":\"token\",\"destination\":\"crm\",\"value\":\"pass\\\"word\"}"); /* without the line's end */
    buf_free(&out);
    waitpid(pid, NULL, 0);
    assert_int_equal(command("\n", &out, WORDS("destination", "seal", "crm", "token", "--run-dir", folder)), 2);
    assert_says(&out, "empty");
    buf_free(&out);
    assert_int_equal(command("\xff\xfe", &out, WORDS("destination", "seal", "crm", "token", "--run-dir", folder)), 2);
    buf_free(&out);
    assert_int_equal(command(NULL, &out, WORDS("destination", "seal", "crm", "token", "value", "--run-dir", folder)), 2); /* never from argv */
    assert_says(&out, "one word too many");
    buf_free(&out);
}

/* ------------------------------------------------------------------------------------------------------------- mcp */

static void
mcp_tells_refusals(void **state)
{
    static const char input[] =
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}\nnot json\n{\"jsonrpc\":\"2.0\",\"id\":\"a\\u0031\",\"method\":\"initialize\"}\n";
    struct buf out;
    (void)state;
    pid_t pid = answer_once("agent.sock", answer_of(401, "{\"code\":\"proof\",\"detail\":\"who \\u00e9?\"}"));
    assert_int_equal(command(input, &out, WORDS("mcp", "files", "--agent", "r", "--purpose", "p\xc3\xa9", "--run-dir", folder)), 1);
    assert_says(&out, "writ: who \xc3\xa9?\n");
    assert_says(
        &out, "{\"jsonrpc\":\"2.0\",\"id\":\"a\\u0031\",\"error\":{\"code\":-32001,\"message\":\"who \xc3\xa9?\",\"data\":{\"code\":\"proof\"}}}\n");
    assert_asked(
        "GET /v1/mcp/files HTTP/1.1\r\nHost: writ\r\nConnection: Upgrade\r\nUpgrade: mcp-lines\r\nWrit-Agent: r\r\nWrit-Purpose: cMOp\r\n\r\n");
    buf_free(&out);
    waitpid(pid, NULL, 0);
    unlink(in_folder("agent.sock"));
    assert_int_equal(command("", &out, WORDS("mcp", "files", "--run-dir", folder)), 3);
    assert_says(&out, "the server is not running");
    buf_free(&out);
    assert_int_equal(command("", &out, WORDS("mcp", "files", "--agent", "x\r\ny", "--run-dir", folder)), 3); /* nobody to ask */
    buf_free(&out);
    pid = answer_once("agent.sock", NULL);
    assert_int_equal(command("", &out, WORDS("mcp", "fi les", "--run-dir", folder)), 2);
    buf_free(&out);
    waitpid(pid, NULL, 0);
}

/* A server that switches, sends what it gets back, and at the end of it "bye". ${cut}: hangs up after so many bytes instead. */
static pid_t
echo_lines(size_t cut)
{
    int fd = listen_at(in_folder("agent.sock"));
    pid_t pid = fork();
    if (pid == 0) {
        static const char head[] = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: mcp-lines\r\n\r\nearly\n";
        char text[8192];
        size_t all = 0;
        int peer = accept(fd, NULL, NULL);
        ssize_t n = read(peer, text, sizeof text);
        n = write(peer, head, sizeof head - 1);
        while ((cut == 0 || all < cut) && (n = read(peer, text, sizeof text)) > 0)
            all += (size_t)write(peer, text, (size_t)n);
        _exit(cut == 0 && write(peer, "bye\n", 4) == 4 ? 0 : 1);
    }
    close(fd);
    return pid;
}

static void
mcp_passes_bytes_on(void **state)
{
    struct buf out;
    (void)state;
    pid_t pid = echo_lines(0);
    assert_int_equal(command("one\ntwo\n", &out, WORDS("mcp", "files", "--run-dir", folder)), 0);
    assert_string_equal(buf_text(&out), "early\none\ntwo\nbye\n"); /* the end of input is passed on, and what follows still read */
    buf_free(&out);
    waitpid(pid, NULL, 0);
    pid = echo_lines(1);
    input_stays = true;
    int code = command("one\n", &out, WORDS("mcp", "files", "--run-dir", folder));
    input_stays = false;
    assert_int_equal(code, 3);
    assert_says(&out, "early\none\n");
    assert_says(&out, "the server ended the session");
    buf_free(&out);
    waitpid(pid, NULL, 0);
}

/* ----------------------------------------------------------------------------------------------------------- where */

/* An estate that nobody named must not be somebody else's trap. */
static void
strange_estates_are_refused(void **state)
{
    struct cli c = {.env = env_real()};
    const char *dir = NULL;
    char before[4096];
    (void)state;
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(mkdir(in_folder("trap"), 0755) | mkdir(in_folder("trap/deep"), 0755), 0);
    write_file(in_folder("trap/writ.yaml"), "run_dir: /run/trap\n");
    assert_int_equal(parse(&c, WORDS("status")).code, E_OK);
    assert_int_equal(chdir(in_folder("trap/deep")), 0);
    assert_int_equal(where_estate(&c, NULL, &dir).code, E_OK);
    assert_true(bytes_ends(bytes_str(dir), BYTES("/trap")));
    assert_int_equal(chmod(in_folder("trap"), 0777), 0);
    assert_int_equal(where_estate(&c, NULL, &dir).code, E_FORBIDDEN);
    assert_int_equal(where_estate(&c, in_folder("trap"), &dir).code, E_OK); /* named: meant */
    assert_int_equal(chmod(in_folder("trap"), 0755), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(in_folder("trap/writ.yaml"), 65534, 65534), 0);
        assert_int_equal(where_estate(&c, NULL, &dir).code, E_FORBIDDEN);
    }
    assert_int_equal(chdir(before), 0);
    arena_free(&c.arena);
}

static int
setup(void **state)
{
    (void)state;
    unsetenv("WRIT_ESTATE");
    unsetenv("WRIT_RUN_DIR");
    snprintf(folder, sizeof folder, "/tmp/writ-cli-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int
teardown(void **state)
{
    char line[128];
    (void)state;
    snprintf(line, sizeof line, "rm -rf %s", folder);
    return system(line);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_whole),
        cmocka_unit_test(examples_parse),
        cmocka_unit_test(options_are_read),
        cmocka_unit_test(mistakes_are_told),
        cmocka_unit_test(numbers_are_whole),
        cmocka_unit_test(guesses_are_near),
        cmocka_unit_test(docs_are_generated),
        cmocka_unit_test(help_names_everything),
        cmocka_unit_test(codes_of_the_whole),
        cmocka_unit_test(check_says_where),
        cmocka_unit_test(terminals_are_safe),
        cmocka_unit_test(lines_are_wrapped),
        cmocka_unit_test(records_are_lines),
        cmocka_unit_test(pins_are_shown),
        cmocka_unit_test(servers_are_small),
        cmocka_unit_test(servers_die_with_their_parent),
        cmocka_unit_test(answers_are_read),
        cmocka_unit_test(refusals_keep_their_code),
        cmocka_unit_test(revocations_say_how_long),
        cmocka_unit_test(secrets_come_from_input),
        cmocka_unit_test(mcp_tells_refusals),
        cmocka_unit_test(mcp_passes_bytes_on),
        cmocka_unit_test(strange_estates_are_refused),
    };
    return cmocka_run_group_tests_name("cli", tests, setup, teardown);
}
