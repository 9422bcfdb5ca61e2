#include "estate/estate.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char base[4096]; /* a real folder without links: BASE/docs/{a/b/file, …}, BASE/secret/key */

static void
make(const char *path, const char *link_to)
{
    char whole[8192], target[8192];
    snprintf(whole, sizeof whole, "%s/%s", base, path);
    if (link_to == NULL) {
        assert_int_equal(mkdir(whole, 0755), 0);
        return;
    }
    if (strncmp(link_to, "BASE", 4) == 0)
        snprintf(target, sizeof target, "%s%s", base, link_to + 4);
    else
        snprintf(target, sizeof target, "%s", link_to);
    assert_int_equal(symlink(target, whole), 0);
}

static int
make_tree(void **state)
{
    (void)state;
    char name[64] = "/tmp/test_paths.XXXXXX";
    assert_non_null(mkdtemp(name));
    assert_non_null(realpath(name, base));
    make("docs", NULL);
    make("docs/a", NULL);
    make("docs/a/b", NULL);
    make("secret", NULL);
    make("docs/out", "BASE/secret");
    make("docs/up", "../secret");
    make("docs/in", "a/b");
    make("docs/deep", "BASE/docs/a/b");
    make("docs/dangling", "BASE/secret/new");
    make("docs/loop", "loop");
    make("docs/loop1", "loop2");
    make("docs/loop2", "loop1");
    make("docs/self", ".");
    make("docs/slashes", "a//b/");
    make("docs/root", "/");
    return 0;
}

static int
drop_tree(void **state)
{
    (void)state;
    char command[8192];
    snprintf(command, sizeof command, "rm -rf %s", base);
    return system(command);
}

/* Paths with BASE in front stand for absolute ones; others are relative to BASE/docs. A result without BASE is an error text. */
static const struct {
    const char *path, *result;
} cases[] = {
    {"BASE/docs/a", "BASE/docs/a"},
    {"BASE//docs/./a/", "BASE/docs/a"},
    {"a/b/file", "BASE/docs/a/b/file"},
    {"./a", "BASE/docs/a"},
    {".", "BASE/docs"},
    {"a/..", "BASE/docs"},
    {"..", "BASE"},
    {"../secret/key", "BASE/secret/key"},
    {"BASE/docs/../secret", "BASE/secret"},
    {"new/file", "BASE/docs/new/file"},
    {"new/../a", "BASE/docs/a"},
    {"out/key", "BASE/secret/key"},
    {"up/key", "BASE/secret/key"},
    {"in/file", "BASE/docs/a/b/file"},
    {"slashes/file", "BASE/docs/a/b/file"},
    {"self/self/a", "BASE/docs/a"},
    {"dangling", "BASE/secret/new"},
    {"dangling/x", "BASE/secret/new/x"},
    {"root/etc/hostname", "/etc/hostname"},
    {"a/b/../../../../../../../../../../etc/passwd", "/etc/passwd"},
    {"/", "/"},
    {"/..", "/"},
    {"...", "BASE/docs/..."},
    {"a b", "BASE/docs/a b"},
    {"a\\..\\b", "BASE/docs/a\\..\\b"},
    {"%2e%2e/x", "BASE/docs/%2e%2e/x"},
    {"C:x", "BASE/docs/C:x"},
    {"notes: today", "BASE/docs/notes: today"},
    {"deep/../x", "the path has '..' behind a symbolic link, which programs read in two ways; write it without '..'"},
    {"BASE/docs/deep/../../x", "the path has '..' behind a symbolic link, which programs read in two ways; write it without '..'"},
    {"out/../docs", "the path has '..' behind a symbolic link, which programs read in two ways; write it without '..'"},
    {"loop", "the path goes through more than 40 symbolic links"},
    {"loop1/x", "the path goes through more than 40 symbolic links"},
    {"", "the path is empty"},
    {"~", "the path starts with '~', which some programs expand; write it absolute"},
    {"~/x", "the path starts with '~', which some programs expand; write it absolute"},
    {"~root/x", "the path starts with '~', which some programs expand; write it absolute"},
    {" /etc/passwd", "the path starts or ends with a space or a quote, which some programs take away"},
    {"/etc/passwd ", "the path starts or ends with a space or a quote, which some programs take away"},
    {"\"/etc/passwd\"", "the path starts or ends with a space or a quote, which some programs take away"},
    {"'/etc/passwd'", "the path starts or ends with a space or a quote, which some programs take away"},
    {"\xc2\xa0/etc/passwd", "the path starts or ends with a space or a quote, which some programs take away"},
    {"\xef\xbb\xbf/etc/passwd", "the path starts or ends with a space or a quote, which some programs take away"},
    {"\xe2\x80\x83/etc/passwd", "the path starts or ends with a space or a quote, which some programs take away"},
    {"file:///etc/passwd", "the path looks like a URL; write it as a plain path"},
    {"file:/etc/passwd", "the path looks like a URL; write it as a plain path"},
    {"FILE:etc", "the path looks like a URL; write it as a plain path"},
    {"http://x/", "the path looks like a URL; write it as a plain path"},
    {"a\nb", "the path has the control character 0x0a"},
    {"a\x7f", "the path has the control character 0x7f"},
    {"a\xff", "the path is not valid UTF-8"},
};

static const char *
with_base(const char *text, char out[8192])
{
    bool has = strncmp(text, "BASE", 4) == 0;
    snprintf(out, 8192, "%s%s", has ? base : "", has ? text + 4 : text);
    return out;
}

static void
every_path_is_resolved_so(void **state)
{
    char root[8192], path[8192], expected[8192];
    const char *roots[] = {root, NULL};
    (void)state;
    snprintf(root, sizeof root, "%s/docs", base);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena a = {0};
        char *out;
        struct err e = path_resolve(bytes_str(with_base(cases[i].path, path)), roots, &a, &out);
        const char *got = out ? out : e.text;
        if (strcmp(got, with_base(cases[i].result, expected)) != 0)
            fail_msg("%s: expected %s, got %s", cases[i].path, expected, got);
        assert_int_equal(e.code, out ? E_OK : E_ARGUMENTS);
        arena_free(&a);
    }
}

static void
nul_and_length_are_refused(void **state)
{
    struct arena a = {0};
    char *out, big[5000];
    const char *none[] = {NULL};
    (void)state;
    memset(big, 'a', sizeof big);
    big[0] = '/';
    assert_string_equal(path_resolve(bytes_make("/srv\0/etc", 9), none, &a, &out).text, "the path has the control character 0x00");
    assert_string_equal(path_resolve(bytes_make(big, sizeof big), none, &a, &out).text, "the path has 5000 bytes; at most 4095 are accepted");
    assert_string_equal(path_resolve(BYTES("a"), none, &a, &out).text,
                        "the path is relative, and the destination declares no roots; write it absolute");
    assert_string_equal(path_resolve(BYTES("a"), NULL, &a, &out).text,
                        "the path is relative, and the destination declares no roots; write it absolute");
    arena_free(&a);
}

/* The answer is about the moment of asking: a link that is put there later changes it. Who decides must ask again, right before use. */
static void
a_link_put_there_later_is_seen_when_asked_again(void **state)
{
    struct arena a = {0};
    char *out, path[8192], expected[8192], target[8192];
    (void)state;
    snprintf(path, sizeof path, "%s/docs/later/key", base);
    assert_int_equal(path_resolve(bytes_str(path), NULL, &a, &out).code, E_OK);
    assert_string_equal(out, path);
    snprintf(target, sizeof target, "%s/docs/later", base);
    snprintf(expected, sizeof expected, "%s/secret", base);
    assert_int_equal(symlink(expected, target), 0);
    assert_int_equal(path_resolve(bytes_str(path), NULL, &a, &out).code, E_OK);
    snprintf(expected, sizeof expected, "%s/secret/key", base);
    assert_string_equal(out, expected);
    arena_free(&a);
}

static void
under_means_by_whole_components(void **state)
{
    static const struct {
        const char *path, *folder;
        bool under;
    } pairs[] = {{"/srv/docs/a", "/srv/docs", true},
                 {"/srv/docs", "/srv/docs", true},
                 {"/srv/docs2", "/srv/docs", false},
                 {"/srv", "/srv/docs", false},
                 {"/srv/docs/a", "/srv/docs/", true},
                 {"/anything", "/", true},
                 {"/", "/", true},
                 {"/srv/DOCS/a", "/srv/docs", false}};
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (path_under(pairs[i].path, pairs[i].folder) != pairs[i].under)
            fail_msg("%s under %s", pairs[i].path, pairs[i].folder);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_path_is_resolved_so),
        cmocka_unit_test(nul_and_length_are_refused),
        cmocka_unit_test(a_link_put_there_later_is_seen_when_asked_again),
        cmocka_unit_test(under_means_by_whole_components),
    };
    return cmocka_run_group_tests(tests, make_tree, drop_tree);
}
