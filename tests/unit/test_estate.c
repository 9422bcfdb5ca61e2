#include "base/yaml.h"
#include "estate/fields.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "estate_cases.h"
#include "pins.h"

static const char tools_text[] =
    "[{\"name\":\"read\",\"description\":\"Reads\",\"inputSchema\":{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\"}},"
    "\"required\":[\"path\"]}},"
    "{\"name\":\"write\",\"inputSchema\":{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\"},\"content\":{\"type\":\"string\"}}}},"
    "{\"name\":\"pay\",\"inputSchema\":{\"type\":\"object\",\"properties\":{\"amount\":{\"type\":\"number\"},\"to\":{\"type\":\"string\"},"
    "\"tags\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},\"counts\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"}},"
    "\"mode\":{\"enum\":[\"fast\",\"slow\"]},\"flag\":{\"type\":\"boolean\"}}}}]";
static const char builtin[] = "@id(\"builtin/one\")\npermit (principal, action, resource);";

static char dir[64];

static int64_t
fixed_now(struct env *env)
{
    (void)env;
    return 1795392000000; /* 2026-11-23T00:00:00Z */
}

static struct env *
fixed_env(void)
{
    static struct env env;
    env = *env_real();
    env.now_ms = fixed_now;
    return &env;
}

static void
write_text(const char *path, const char *text, size_t n)
{
    char whole[512];
    snprintf(whole, sizeof whole, "%s/%s", dir, path);
    char *slash = strrchr(whole, '/');
    *slash = 0;
    mkdir(whole, 0755);
    *slash = '/';
    int fd = open(whole, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, n), n);
    close(fd);
}

static char *
read_text(const char *path)
{
    static char text[200000];
    char whole[512];
    snprintf(whole, sizeof whole, "%s%s%s", path[0] == '/' ? "" : dir, path[0] == '/' ? "" : "/", path);
    FILE *f = fopen(whole, "re");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    fclose(f);
    return text;
}

static void
remove_all(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    assert_int_equal(system(command), 0);
}

static struct json *
parse(struct arena *a, const char *text)
{
    struct json *v = NULL;
    struct err e = json_parse(a, bytes_str(text), NULL, &v);
    assert_string_equal(e.text, "");
    return v;
}

static void
write_pin(const char *destination, const char *tools)
{
    struct arena a = {0};
    struct err e = pin_tools(dir, destination, parse(&a, tools));
    assert_string_equal(e.text, "");
    arena_free(&a);
}

static int
make_good(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/test_estate.XXXXXX");
    assert_non_null(mkdtemp(dir));
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        write_text(good[i].path, good[i].text, strlen(good[i].text));
    write_text("pins/files.json", "", 0);
    write_pin("files", tools_text);
    return 0;
}

static int
drop_good(void **state)
{
    (void)state;
    remove_all();
    return 0;
}

static struct err
load(struct findings *f, struct estate **e)
{
    return estate_load(fixed_env(), dir, bytes_str(builtin), f, e);
}

/* All findings as text: "[warning: ]file:line: text", one a line. */
static const char *
load_text(void)
{
    static char text[400000];
    struct findings f;
    struct estate *e;
    struct err err = load(&f, &e);
    size_t n = 0;
    text[0] = 0;
    for (size_t i = 0; i < f.n; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s%s:%d: %s", n ? "\n" : "", f.list[i].level ? "warning: " : "", f.list[i].file,
                              f.list[i].line, f.list[i].text);
    assert_int_equal(err.code, f.errors ? E_ESTATE : E_OK);
    assert_int_equal(e == NULL, f.errors > 0); /* all or nothing */
    findings_free(&f);
    estate_unref(e);
    return text;
}

static void
write_case(const char *path, const char *text)
{
    if (strcmp(text, TAMPERED) == 0) {
        char *pin = read_text(path), *at = strstr(pin, "Reads");
        memcpy(at, "Raeds", 5);
        write_text(path, pin, strlen(pin));
    } else if (strcmp(text, PIN_AGAIN) == 0) {
        write_pin("old", tools_text);
    } else {
        write_text(path, text, strlen(text));
    }
}

static void
every_case_gives_exactly_its_findings(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        make_good(state);
        write_case(cases[i].path, cases[i].text);
        const char *got = load_text();
        if (strcmp(got, cases[i].findings) != 0)
            fail_msg("case %zu, %s:\n%s\n--- expected\n%s\n--- got\n%s", i, cases[i].path, cases[i].text, cases[i].findings, got);
        remove_all();
    }
    make_good(state);
}

static void
problems_of_all_files_are_found_at_once(void **state)
{
    (void)state;
    write_text("people.yaml", "ana: { name: Ana, uid: x }\n", 27);
    write_text("tasks/docs.yaml", "purpos: p\ntools: {}\n", 20);
    write_text("writ.yaml", "name: &a t\n", 11);
    write_text("policies/house.cedar", "permit (", 8);
    const char *text = load_text();
    const char *files[] = {"agents/bot.yaml:3: backup: people.yaml has no 'ben'",
                           "people.yaml:1: ana.uid:", "policies/house.cedar:1:", "tasks/docs.yaml:1: purpos: unknown key; did you mean 'purpose'?",
                           "writ.yaml:1: anchors"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        const char *at = strstr(text, files[i]);
        assert_non_null(at);
        text = at; /* and in order of the files */
    }
}

static void
the_good_estate_is_read_whole(void **state)
{
    (void)state;
    struct findings f;
    struct estate *e;
    struct err err = load(&f, &e);
    assert_string_equal(err.text, "");
    assert_int_equal(f.n, 0);
    assert_string_equal(e->settings.store_url, "sqlite:/var/lib/writ/writ.db");
    assert_int_equal(e->settings.log_window_ms, 100);
    assert_int_equal(e->settings.master.source, KEYS_MASTER_CREDENTIAL);
    const struct agent *bot = estate_agent(e, "bot");
    assert_non_null(bot);
    assert_string_equal(bot->owner->name, "Ana");
    assert_true(bot->claims[0].dedicated_user && bot->claims[0].uid == 2001);
    assert_ptr_equal(bot->tasks[0], estate_task(e, "docs"));
    assert_null(bot->tasks[1]);
    assert_string_equal(bot->environment, "production");
    const struct destination *d = estate_destination(e, "files");
    assert_string_equal(d->cwd, "/srv"); /* relative paths mean the same to the server */
    assert_int_equal(d->call_timeout_ms, 60000);
    assert_int_equal(d->result_bytes, 4 << 20);
    assert_int_equal(d->integrity, INTEGRITY_UNTRUSTED);
    const struct tool *pay = destination_tool(d, BYTES("pay"));
    assert_int_equal(pay->effect, EFFECT_IRREVERSIBLE);
    assert_true(pay->confirmed && pay->n_sinks == 2 && pay->sinks[0].leaves && !pay->sinks[1].leaves);
    assert_null(destination_tool(d, BYTES("pa")));
    const struct grant *g = &estate_task(e, "docs")->grants[0];
    assert_true(g->n_conditions == 1 && g->conditions[0].kind == COND_UNDER && strcmp(g->conditions[0].folders[0], "/srv") == 0);
    assert_int_equal(cedar_policies_count(e->policies), 2);
    assert_string_equal(estate_nearest(e, "agent", "bto"), "bot");
    assert_null(estate_nearest(e, "agent", "something else"));
    estate_unref(e);
    findings_free(&f);
}

static void
an_unconfirmed_tool_counts_as_write(void **state)
{
    (void)state;
    struct findings f;
    struct estate *e;
    const char text[] = "owner: ana\nsensitivity: public\nserver: { url: https://x }\n";
    write_text("destinations/files.yaml", text, sizeof text - 1);
    struct err err = load(&f, &e);
    assert_string_equal(err.text, "");
    const struct tool *t = destination_tool(estate_destination(e, "files"), BYTES("read"));
    assert_true(t->effect == EFFECT_WRITE && !t->confirmed);
    estate_unref(e);
    findings_free(&f);
}

static void
an_estate_replaces_a_builtin_policy_by_its_id(void **state)
{
    (void)state;
    struct findings f;
    struct estate *e;
    const char text[] = "@id(\"builtin/one\")\nforbid (principal, action, resource);\n";
    write_text("policies/house.cedar", text, sizeof text - 1);
    struct err err = load(&f, &e);
    assert_string_equal(err.text, "");
    assert_int_equal(cedar_policies_count(e->policies), 1);
    assert_int_equal(cedar_policy_effect(e->policies, 0), CEDAR_FORBID);
    estate_unref(e);
    findings_free(&f);
}

static void
the_version_covers_every_file(void **state)
{
    (void)state;
    static const char *const touched[] = {"writ.yaml",       "people.yaml",         "agents/bot.yaml", "destinations/files.yaml",
                                          "tasks/docs.yaml", "policies/house.cedar"};
    struct findings f;
    struct estate *e;
    char before[17], text[4096];
    for (size_t i = 0; i < sizeof touched / sizeof *touched; i++) {
        assert_int_equal(load(&f, &e).code, E_OK);
        strcpy(before, e->version);
        estate_unref(e);
        findings_free(&f);
        int n = snprintf(text, sizeof text, "%s%s", read_text(touched[i]), strstr(touched[i], "cedar") ? "// x\n" : "# x\n");
        write_text(touched[i], text, (size_t)n);
        assert_int_equal(load(&f, &e).code, E_OK);
        assert_string_not_equal(before, e->version);
        estate_unref(e);
        findings_free(&f);
    }
}

static void
files_that_others_may_change_are_refused(void **state)
{
    char path[128];
    (void)state;
    snprintf(path, sizeof path, "%s/agents/bot.yaml", dir);
    chmod(path, 0646);
    assert_non_null(strstr(load_text(), "agents/bot.yaml:0: every user of this host may change it; run: chmod o-w agents/bot.yaml"));
    chmod(path, 0644);
    snprintf(path, sizeof path, "%s/policies", dir);
    chmod(path, 0777);
    assert_non_null(strstr(load_text(), "policies:0: every user of this host may change it"));
}

static void
a_fifo_or_a_huge_file_does_not_stop_the_load(void **state)
{
    char path[128];
    (void)state;
    snprintf(path, sizeof path, "%s/agents/pipe.yaml", dir);
    assert_int_equal(mkfifo(path, 0644), 0);
    assert_non_null(strstr(load_text(), "agents/pipe.yaml:0: this is not a regular file"));
    unlink(path);
    char *big = calloc(1, (1 << 20) + 1);
    memset(big, '#', (1 << 20) + 1);
    write_text("agents/bot.yaml", big, (1 << 20) + 1);
    free(big);
    assert_string_equal(load_text(), "agents/bot.yaml:1: the file has 1048577 bytes; at most 1048576 are read");
}

static void
at_most_1000_findings_are_kept_and_all_are_counted(void **state)
{
    (void)state;
    struct buf b = buf_make(1 << 20);
    struct findings f;
    struct estate *e;
    for (int i = 0; i < 1500; i++)
        buf_printf(&b, "key%d: 1\n", i);
    write_text("writ.yaml", buf_text(&b), b.n);
    buf_free(&b);
    assert_int_equal(load(&f, &e).code, E_ESTATE);
    assert_int_equal(f.n, 1000);
    assert_true(f.errors >= 1500);
    findings_free(&f);
}

static void
a_missing_folder_is_no_estate(void **state)
{
    (void)state;
    struct findings f;
    struct estate *e;
    struct err err = estate_load(fixed_env(), "/nowhere/at/all", bytes_str(builtin), &f, &e);
    assert_int_equal(err.code, E_NOT_FOUND);
    assert_null(e);
}

/* ------------------------------------------------------------------------------------------------------------------ reloading */

struct shared {
    pthread_mutex_t lock;
    struct estate *current;
    bool stop;
};

static void *
read_estate(void *ctx)
{
    struct shared *s = ctx;
    for (bool stop = false; !stop;) {
        pthread_mutex_lock(&s->lock);
        struct estate *e = estate_ref(s->current);
        stop = s->stop;
        pthread_mutex_unlock(&s->lock);
        const struct agent *a = estate_agent(e, "bot");
        assert_string_equal(a->owner->id, "ana"); /* must still be there, whoever swapped meanwhile */
        estate_unref(e);
    }
    return NULL;
}

static void
readers_keep_the_estate_they_hold_while_it_is_replaced(void **state)
{
    (void)state;
    struct shared s = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct findings f;
    pthread_t threads[3];
    assert_int_equal(load(&f, &s.current).code, E_OK);
    for (size_t i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, read_estate, &s);
    for (int i = 0; i < 50; i++) {
        struct estate *next, *old;
        assert_int_equal(load(&f, &next).code, E_OK);
        pthread_mutex_lock(&s.lock);
        old = s.current;
        s.current = next;
        s.stop = i == 49;
        pthread_mutex_unlock(&s.lock);
        estate_unref(old);
    }
    for (size_t i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    write_text("writ.yaml", "name: [\n", 8);
    struct estate *broken;
    assert_int_equal(load(&f, &broken).code, E_ESTATE);
    assert_null(broken); /* nothing to swap in */
    findings_free(&f);
    estate_unref(s.current);
}

/* ------------------------------------------------------------------------------------------------------------------ differences */

static void
add_line(const char *text, void *ctx)
{
    struct buf *b = ctx;
    buf_printf(b, "%s\n", text);
}

static void
differences_are_one_line_each(void **state)
{
    (void)state;
    struct findings f;
    struct estate *old, *new;
    struct buf b = buf_make(1 << 16);
    assert_int_equal(load(&f, &old).code, E_OK);
    const char agent[] = "purpose: p\nowner: ben\nbackup: ana\nkind: autonomous\nproves:\n  - unix: { uid: 2001, dedicated: true }\n"
                         "  - unix: { uid: 2002, dedicated: true }\ntasks: [docs, pay]\n";
    const char task[] = "purpose: p\nlifetime: 2h\ntools:\n  files/read: { path: { under: [/srv, /tmp] } }\n";
    const char pay[] = "purpose: p\ntools:\n  files/pay: { amount: { at_most: 100 } }\n";
    write_text("agents/bot.yaml", agent, sizeof agent - 1);
    write_text("tasks/docs.yaml", task, sizeof task - 1);
    write_text("tasks/pay.yaml", pay, sizeof pay - 1);
    struct err e = load(&f, &new);
    assert_string_equal(e.text, "");
    estate_diff(old, new, add_line, &b);
    assert_string_equal(buf_text(&b), "agent bot: backup: ben → ana\n"
                                      "agent bot: owner: ana → ben\n"
                                      "agent bot: proves: added uid 2002 (dedicated)\n"
                                      "agent bot: task: added pay\n"
                                      "task docs: grant files/read: path under /srv → path under /srv, /tmp\n"
                                      "task docs: lifetime: 3600000 ms → 7200000 ms\n"
                                      "task pay: approvers: added \n"
                                      "task pay: grant files/pay: added amount at most 100\n"
                                      "task pay: idle: added 900000 ms\n"
                                      "task pay: lifetime: added 3600000 ms\n"
                                      "task pay: max_calls: added 0\n");
    buf_free(&b);
    estate_diff(new, new, add_line, &b);
    assert_int_equal(b.n, 0);
    estate_unref(old);
    estate_unref(new);
    findings_free(&f);
}

static void
a_plain_secret_never_stands_in_a_difference(void **state)
{
    (void)state;
    struct findings f;
    struct estate *old, *new;
    struct buf b = buf_make(1 << 16);
    const char text[] = "owner: ana\nsensitivity: public\nserver: { command: [/bin/true], env: { API_TOKEN: hunter2 } }\n";
    assert_int_equal(load(&f, &old).code, E_OK);
    write_text("destinations/files.yaml", text, sizeof text - 1);
    assert_int_equal(load(&f, &new).code, E_OK);
    estate_diff(old, new, add_line, &b);
    assert_non_null(strstr(buf_text(&b), "destination files: environment variable: added API_TOKEN\n"));
    assert_null(strstr(buf_text(&b), "hunter2"));
    for (size_t i = 0; i < f.n; i++)
        assert_null(strstr(f.list[i].text, "hunter2"));
    buf_free(&b);
    estate_unref(old);
    estate_unref(new);
    findings_free(&f);
}

/* ------------------------------------------------------------------------------------------------------------------------ pins */

static void
digest_of(const char *text, uint8_t out[32])
{
    struct arena a = {0};
    struct err e = tool_digest(parse(&a, text), out);
    assert_string_equal(e.text, "");
    arena_free(&a);
}

static void
a_tool_digest_covers_what_the_model_and_the_server_read(void **state)
{
    static const char base[] =
        "{\"name\":\"a\",\"description\":\"d\",\"inputSchema\":{\"type\":\"object\",\"properties\":{\"x\":{\"type\":\"string\"}}}}";
    static const char *const same[] = {
        "{ \"inputSchema\": {\"properties\":{\"x\":{\"type\":\"str\\u0069ng\"}},\"type\":\"object\"}, \"description\":\"d\", \"name\":\"a\" }"};
    static const char *const other[] = {
        "{\"name\":\"b\",\"description\":\"d\",\"inputSchema\":{\"type\":\"object\",\"properties\":{\"x\":{\"type\":\"string\"}}}}",
        "{\"name\":\"a\",\"description\":\"D\",\"inputSchema\":{\"type\":\"object\",\"properties\":{\"x\":{\"type\":\"string\"}}}}",
        "{\"name\":\"a\",\"description\":\"d\",\"inputSchema\":{\"type\":\"object\",\"properties\":{\"x\":{\"type\":\"number\"}}}}",
        "{\"name\":\"a\",\"description\":\"d\",\"title\":\"t\",\"inputSchema\":{\"type\":\"object\",\"properties\":{\"x\":{\"type\":\"string\"}}}}",
        "{\"name\":\"a\",\"description\":\"d\",\"annotations\":{},\"inputSchema\":{\"type\":\"object\",\"properties\":{\"x\":{\"type\":\"string\"}}}"
        "}",
        "{\"name\":\"a\",\"description\":\"d\",\"icons\":[],\"inputSchema\":{\"type\":\"object\",\"properties\":{\"x\":{\"type\":\"string\"}}}}",
        "{\"name\":\"a\",\"description\":\"d\",\"execution\":{},\"_meta\":{\"a\":1},\"inputSchema\":{\"type\":\"object\",\"properties\":{\"x\":{"
        "\"type\":\"string\"}}}}",
        "{\"name\":\"a\",\"description\":\"d\",\"outputSchema\":{},\"inputSchema\":{\"type\":\"object\",\"properties\":{\"x\":{\"type\":\"string\"}}}"
        "}"};
    uint8_t first[32], second[32];
    (void)state;
    digest_of(base, first);
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        digest_of(same[i], second);
        assert_memory_equal(first, second, 32);
    }
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        digest_of(other[i], second);
        assert_memory_not_equal(first, second, 32);
    }
}

static void
pins_with_names_that_deceive_are_refused(void **state)
{
    static const struct {
        const char *tools, *text;
    } bad[] = {{"{}", "tools must be a list of tools"},
               {"[{}]", "'' is no acceptable tool name: 1 to 128 printable ASCII characters"},
               {"[{\"name\":\"*\"}]", "'*' is no acceptable tool name: 1 to 128 printable ASCII characters"},
               {"[{\"name\":\"@resources\"}]", "'@resources' is no acceptable tool name: 1 to 128 printable ASCII characters"},
               {"[{\"name\":\"a b\"}]", "'a b' is no acceptable tool name: 1 to 128 printable ASCII characters"},
               {"[{\"name\":\"re\\u0430d\"}]", "'re\xd0\xb0"
                                               "d' is no acceptable tool name: 1 to 128 printable ASCII characters"},
               {"[{\"name\":\"a\"},{\"name\":\"a\"}]", "the tool 'a' stands twice"},
               {"[{\"name\":\"a\",\"inputSchema\":[]}]", "the inputSchema of 'a' is no object"}};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct arena a = {0};
        struct err e = pin_tools(dir, "files", parse(&a, bad[i].tools));
        assert_string_equal(e.text, bad[i].text);
        arena_free(&a);
    }
    struct arena a = {0};
    struct err e = pin_tools(dir, "../evil", parse(&a, "[]"));
    assert_int_equal(e.code, E_USAGE);
    arena_free(&a);
    assert_string_equal(load_text(), ""); /* the pin that was there is untouched */
}

/* --------------------------------------------------------------------------------------------------------------- example and docs */

static void
the_example_has_no_errors_and_is_not_written_twice(void **state)
{
    (void)state;
    char where[96], expected[200];
    struct findings f;
    struct estate *e;
    snprintf(where, sizeof where, "%s/example", dir);
    struct init_options o = {.owner_name = "Ana \"A\" Ruiz", .owner_uid = 1001, .files_root = "/srv/docs"};
    struct err err = estate_init(where, &o);
    assert_string_equal(err.text, "");
    err = estate_load(fixed_env(), where, bytes_str(builtin), &f, &e);
    for (size_t i = 0; i < f.n; i++)
        if (f.list[i].level == FINDING_ERROR)
            fail_msg("%s:%d: %s", f.list[i].file, f.list[i].line, f.list[i].text);
    assert_string_equal(err.text, "");
    assert_string_equal(e->people[0].name, "Ana \"A\" Ruiz");
    assert_string_equal(e->people[0].id, "anaaruiz");
    assert_int_equal(e->n_agents, 2);
    for (size_t i = 0; i < e->destinations[0].n_tools; i++)
        assert_true(e->destinations[0].tools[i].confirmed);
    estate_unref(e);
    findings_free(&f);
    err = estate_init(where, &o);
    assert_int_equal(err.code, E_EXISTS);
    snprintf(expected, sizeof expected, "%s/agents/invoice-bot.yaml is there already; choose an empty folder", where);
    assert_string_equal(err.text, expected);
}

static void
the_example_takes_no_path_that_could_break_out_of_its_text(void **state)
{
    static const char *const bad[] = {"docs", "/srv/do\"cs", "/srv/docs\nowner: eve", "/srv/../etc/x", "/srv/a b", "/srv/a]"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char where[96];
        snprintf(where, sizeof where, "%s/example%zu", dir, i);
        struct init_options o = {.owner_name = "ana", .owner_uid = 1001, .files_root = bad[i]};
        assert_int_equal(estate_init(where, &o).code, E_USAGE);
    }
}

static void
put_table(struct buf *b, const struct table *t)
{
    buf_printf(b, "\n### %s\n\n| key | holds | default | meaning |\n|---|---|---|---|\n", t->title);
    for (const struct field *f = t->rows; f->key; f++) {
        buf_printf(b, "| `%s` | %s", f->key, field_type_text(f));
        for (size_t i = 0; f->type == FIELD_CHOICE && f->choices[i]; i++)
            buf_printf(b, "%s `%s`", i ? "," : ":", f->choices[i]);
        if (f->flags & FIELD_REQUIRED)
            buf_puts(b, " | required");
        else if (f->initial && f->initial[0])
            buf_printf(b, " | `%s`", f->initial);
        else
            buf_puts(b, " | ");
        buf_printf(b, " | %s |\n", f->help);
    }
}

static void
the_document_lists_every_key(void **state)
{
    (void)state;
    struct buf b = buf_make(1 << 16);
    for (const struct table *const *t = all_tables; *t; t++)
        put_table(&b, *t);
    if (strstr(read_text(SOURCE_ROOT "/docs/estate.md"), buf_text(&b)) == NULL)
        fail_msg("docs/estate.md does not hold these tables:\n%s", buf_text(&b));
    buf_free(&b);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_good, drop_good)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_case_gives_exactly_its_findings),
        TEST(problems_of_all_files_are_found_at_once),
        TEST(the_good_estate_is_read_whole),
        TEST(an_unconfirmed_tool_counts_as_write),
        TEST(an_estate_replaces_a_builtin_policy_by_its_id),
        TEST(the_version_covers_every_file),
        TEST(files_that_others_may_change_are_refused),
        TEST(a_fifo_or_a_huge_file_does_not_stop_the_load),
        TEST(at_most_1000_findings_are_kept_and_all_are_counted),
        TEST(a_missing_folder_is_no_estate),
        TEST(readers_keep_the_estate_they_hold_while_it_is_replaced),
        TEST(differences_are_one_line_each),
        TEST(a_plain_secret_never_stands_in_a_difference),
        TEST(a_tool_digest_covers_what_the_model_and_the_server_read),
        TEST(pins_with_names_that_deceive_are_refused),
        TEST(the_example_has_no_errors_and_is_not_written_twice),
        TEST(the_example_takes_no_path_that_could_break_out_of_its_text),
        TEST(the_document_lists_every_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
