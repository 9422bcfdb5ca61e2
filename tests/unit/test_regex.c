/* Expressions in RE2 syntax: what Go's regexp finds is what is found, and what vectorscan gets never misses it. */
#include "inspect/regex.h"

#include <hs/hs.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* "from-to" of the match and of each group, "-" for one that took no part; "none"; or the error. */
static const char *
find(const char *pattern, const char *text)
{
    static char out[512];
    struct arena a = {0};
    struct regex *r;
    struct regex_room *room = regex_room_make();
    struct regex_match m;
    uint64_t budget = 1000000;
    size_t n = 0;
    struct err e = regex_parse(&a, bytes_str(pattern), &r);
    if (err_failed(e))
        snprintf(out, sizeof out, "%s", e.text);
    else if (!regex_find(r, room, bytes_str(text), 0, SIZE_MAX, &budget, &m))
        snprintf(out, sizeof out, budget ? "none" : "budget");
    else
        for (size_t i = 0; i <= regex_groups(r); i++)
            n += (size_t)(m.from[i] == SIZE_MAX ? snprintf(out + n, sizeof out - n, "%s-", i ? " " : "")
                                                : snprintf(out + n, sizeof out - n, "%s%zu-%zu", i ? " " : "", m.from[i], m.to[i]));
    regex_room_free(room);
    arena_free(&a);
    return out;
}

/* Expected values as Go 1.26 gives them (FindStringSubmatchIndex). */
static const struct {
    const char *pattern, *text, *found;
} cases[] = {
    {"abc", "xxabcx", "2-5"},
    {"a|ab", "ab", "0-1"},
    {"ab|a", "ab", "0-2"},
    {"(a|ab)(c|bcd)", "abcd", "0-4 0-1 1-4"},
    {"a*", "aaa", "0-3"},
    {"a*?", "aaa", "0-0"},
    {"a+?b", "aab", "0-3"},
    {"(a+)(b+)?", "aac", "0-2 0-2 -"},
    {"a{2,3}", "aaaa", "0-3"},
    {"a{2,3}?", "aaaa", "0-2"},
    {"a{2}", "aaa", "0-2"},
    {"a{,2}", "a{,2}", "0-5"},
    {"x{2", "x{2", "0-3"},
    {"[^a-c]+", "abxyz", "2-5"},
    {"[]a]+", "x]a]", "1-4"},
    {"[a\\]-]+", "]-a", "0-3"},
    {"\\d{3}-\\w+\\s", "x123-ab_9 ", "1-10"},
    {"[[:alnum:]]+", "-aZ9-", "1-4"},
    {"[[:^digit:]]+", "12ab", "2-4"},
    {"(?i)key", "KeY", "0-3"},
    {"(?i:k)ey", "Key", "0-3"},
    {"(?i:k)ey", "KEY", "none"},
    {"a(?i)b|c", "AB C aB", "3-4"},
    {"(?i)[^a]b", "Ab xB", "3-5"},
    {"(?-i:A)b", "Ab", "0-2"},
    {"(?s).", "\n", "0-1"},
    {".", "\n", "none"},
    {"^b", "a\nb", "none"},
    {"(?m)^b$", "a\nb\nc", "2-3"},
    {"b$", "b\n", "none"},
    {"\\bfoo\\b", "xfoo foo", "5-8"},
    {"\\Boo", "foo", "1-3"},
    {"\\Aab\\z", "ab", "0-2"},
    {"(?U)a+", "aaa", "0-1"},
    {"(?P<name>a)(?<other>b)", "ab", "0-2 0-1 1-2"},
    {"\\x61\\x{62}\\141", "aba", "0-3"},
    {"\\Qa.b\\E.", "a.bc", "0-4"},
    {"\xc3\xa9+", "x\xc3\xa9\xc3\xa9", "1-5"},
    {"[\xc3\xa0-\xc3\xbf]", "\xc3\xa9", "0-2"},
    {"a.c",
     "a\xe2\x82\xac"
     "c",
     "0-5"},
    {".{3}", "\xff\xfe\xfd", "0-3"},
    {"(?:a|b|(c))*", "abc", "0-3 2-3"},
    {"", "x", "0-0"},
    {"(", "x", "at byte 1: a ')' is missing"},
    {"a)", "x", "at byte 1: a ')' without its '('"},
    {"*a", "x", "at byte 0: nothing stands before '*' that could be repeated"},
    {"a**", "x", "at byte 3: a repetition of a repetition needs brackets"},
    {"a{1001}", "x", "at byte 7: a bad number of repetitions (at most 1000)"},
    {"a{3,2}", "x", "at byte 6: a bad number of repetitions (at most 1000)"},
    {"[b-a]", "x", "at byte 4: a range in a class runs backwards"},
    {"[a", "x", "at byte 2: a class without its ']'"},
    {"[[:foo:]]", "x", "at byte 1: [:foo:] is no class"},
    {"\\pL", "x", "at byte 1: \\p (single bytes, Unicode classes) is not supported"},
    {"(?=a)", "x", "at byte 3: (?\xe2\x80\xa6: unknown flag; lookaround and backreferences are not part of RE2"},
    {"(a)\\1", "x", "at byte 4: \\1 is no escape of RE2"},
    {"(?i)\xc3\xa9", "x", "at byte 6: (?i) with letters beyond ASCII is not supported"},
    {"(?:(?:(?:a{50}){50}){50})", "x", "with its repetitions written out, the expression has more than 20000 steps"},
};

static void
finds_what_go_finds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (strcmp(find(cases[i].pattern, cases[i].text), cases[i].found) != 0)
            fail_msg("%s on %s: %s, not %s", cases[i].pattern, cases[i].text, find(cases[i].pattern, cases[i].text), cases[i].found);
}

static int
seen(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *ctx)
{
    (void)id, (void)from, (void)flags;
    size_t *last = ctx;
    last[0]++;
    last[1] = (size_t)to;
    return 0;
}

/* Where there is a match, vectorscan reports one: its end lies within reach of the match's start. */
static void
vectorscan_misses_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena a = {0};
        struct regex *r;
        struct buf b = buf_make(1 << 20);
        hs_database_t *db;
        hs_compile_error_t *why;
        hs_scratch_t *scratch = NULL;
        size_t ends[2] = {0, 0}, from, to;
        if (sscanf(cases[i].found, "%zu-%zu", &from, &to) != 2 || err_failed(regex_parse(&a, bytes_str(cases[i].pattern), &r)) ||
            regex_min_bytes(r) == 0) {
            arena_free(&a);
            continue;
        }
        regex_scan_text(r, &b);
        if (hs_compile(buf_text(&b), 0, HS_MODE_BLOCK, NULL, &db, &why) != HS_SUCCESS)
            fail_msg("%s: %s: %s", cases[i].pattern, buf_text(&b), why->message);
        assert_int_equal(hs_alloc_scratch(db, &scratch), HS_SUCCESS);
        assert_int_equal(hs_scan(db, cases[i].text, (unsigned)strlen(cases[i].text), 0, scratch, seen, ends), HS_SUCCESS);
        if (ends[0] == 0)
            fail_msg("%s: %s is not found in %s", cases[i].pattern, buf_text(&b), cases[i].text);
        assert_true(ends[1] > from && (regex_reach(r) == REGEX_NO_WIDTH || regex_reach(r) > 0));
        hs_free_scratch(scratch);
        hs_free_database(db);
        buf_free(&b);
        arena_free(&a);
    }
}

/* What makes backtracking engines run for ages costs the same as anything else here. */
static void
nothing_explodes(void **state)
{
    static const char *const patterns[] = {"(a+)+b", "(a|aa)+b", "(a*)*b", "(?:a?){100}a{100}b", "(.*)(.*)(.*)(.*)x"};
    char text[5001];
    (void)state;
    memset(text, 'a', 5000);
    text[5000] = 0;
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        struct arena a = {0};
        struct regex *r;
        struct regex_room *room = regex_room_make();
        uint64_t budget = 10000000;
        assert_false(err_failed(regex_parse(&a, bytes_str(patterns[i]), &r)));
        assert_false(regex_test(r, room, bytes_str(text), &budget));
        assert_true(budget > 0);
        budget = 1000;
        assert_false(regex_test(r, room, bytes_str(text), &budget));
        assert_true(budget == 0);
        regex_room_free(room);
        arena_free(&a);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(finds_what_go_finds), cmocka_unit_test(vectorscan_misses_nothing),
                                       cmocka_unit_test(nothing_explodes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
