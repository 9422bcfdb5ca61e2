#include <stdlib.h>

#include "inspect/regex_tree.h"

#define LAST_CHARACTER 0x10ffffu

/* Flags as (?i) sets them. */
struct flags {
    bool fold, multi, dot_all, swap;
};

struct reader {
    struct arena *a;
    struct bytes text;
    size_t at;
    unsigned groups, depth;
    size_t nodes;
    struct flags flags;
};

#define WRONG(r, ...) err_wrap(err_make(E_USAGE, __VA_ARGS__), "at byte %zu", (r)->at)
#define NO_MEMORY() err_make(E_MEMORY, "no memory for a regular expression")
#define NODES_MAX 20000u

static struct err
node_make(struct reader *r, enum re_kind kind, struct re_node **out)
{
    if (++r->nodes > NODES_MAX)
        return err_make(E_LIMIT, "the expression has more than %u parts", NODES_MAX);
    *out = ARENA_NEW(r->a, struct re_node);
    if (*out == NULL)
        return NO_MEMORY();
    (*out)->kind = kind;
    return err_ok();
}

static void
adopt(struct re_node *parent, struct re_node *child)
{
    if (parent->last)
        parent->last->next = child;
    else
        parent->child = child;
    parent->last = child;
}

/* ------------------------------------------------------------------------------------------------------ characters */

static int
peek(const struct reader *r)
{
    return r->at < r->text.n ? r->text.at[r->at] : -1;
}

static bool
take(struct reader *r, const char *what)
{
    struct bytes w = bytes_str(what);
    if (!bytes_starts(bytes_sub(r->text, r->at, r->text.n), w))
        return false;
    r->at += w.n;
    return true;
}

/* The next character; the text is known to be UTF-8. */
static uint32_t
next_character(struct reader *r)
{
    uint8_t c = r->text.at[r->at++];
    int more = c < 0x80 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
    uint32_t v = more ? c & (0x3f >> more) : c;
    while (more-- && r->at < r->text.n)
        v = v << 6 | (r->text.at[r->at++] & 0x3f);
    return v;
}

static int
hex_value(int c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static struct err
read_hex(struct reader *r, uint32_t *out)
{
    uint32_t v = 0;
    bool braces = take(r, "{");
    int n = 0;
    while (hex_value(peek(r)) >= 0 && n < (braces ? 8 : 2)) {
        v = v << 4 | (uint32_t)hex_value(peek(r));
        r->at++, n++;
    }
    if (n == 0 || (!braces && n != 2) || (braces && !take(r, "}")) || v > LAST_CHARACTER)
        return WRONG(r, "\\x needs two hexadecimal digits, or {…}");
    *out = v;
    return err_ok();
}

/* An escape that means one character; the backslash is behind us. */
static struct err
read_escape(struct reader *r, uint32_t *out)
{
    static const char from[] = "afnrtv", to[] = "\a\f\n\r\t\v";
    int c = peek(r);
    const char *p = c > 0 ? strchr(from, c) : NULL;
    if (c < 0)
        return WRONG(r, "a backslash at the end");
    if (p) {
        r->at++;
        *out = (uint8_t)to[p - from];
        return err_ok();
    }
    if (c == 'x') {
        r->at++;
        return read_hex(r, out);
    }
    if (c == '0' || ((c >= '1' && c <= '7') && r->at + 1 < r->text.n && r->text.at[r->at + 1] >= '0' && r->text.at[r->at + 1] <= '7')) {
        uint32_t v = 0;
        for (int i = 0; i < 3 && peek(r) >= '0' && peek(r) <= '7'; i++, r->at++)
            v = v * 8 + (uint32_t)(peek(r) - '0');
        *out = v;
        return err_ok();
    }
    if (c < 0x80 && ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')))
        return WRONG(r, c == 'C' || c == 'p' || c == 'P' ? "\\%c (single bytes, Unicode classes) is not supported" : "\\%c is no escape of RE2", c);
    *out = next_character(r);
    return err_ok();
}

/* --------------------------------------------------------------------------------------------------------- classes */

/* A class being gathered: ranges in any order, made a set at the end. */
struct gather {
    struct re_range *list;
    size_t n, cap;
    bool failed;
};

static void
gather_range(struct gather *g, uint32_t from, uint32_t to)
{
    if (g->n == g->cap) {
        size_t cap = g->cap ? g->cap * 2 : 16;
        struct re_range *list = realloc(g->list, cap * sizeof *list);
        if (list == NULL) {
            g->failed = true;
            return;
        }
        g->list = list;
        g->cap = cap;
    }
    g->list[g->n++] = (struct re_range){from, to};
}

static int
by_start(const void *left, const void *right)
{
    const struct re_range *a = left, *b = right;
    return a->from < b->from ? -1 : a->from > b->from;
}

static void
gather_sort(struct gather *g)
{
    size_t n = 0;
    if (g->n)
        qsort(g->list, g->n, sizeof *g->list, by_start);
    for (size_t i = 0; i < g->n; i++)
        if (n && g->list[i].from <= g->list[n - 1].to + 1)
            g->list[n - 1].to = g->list[i].to > g->list[n - 1].to ? g->list[i].to : g->list[n - 1].to;
        else
            g->list[n++] = g->list[i];
    g->n = n;
}

static void
gather_negate(struct gather *g)
{
    struct gather other = {0};
    uint32_t from = 0;
    gather_sort(g);
    for (size_t i = 0; i < g->n; i++) {
        if (g->list[i].from > from)
            gather_range(&other, from, g->list[i].from - 1);
        from = g->list[i].to + 1;
    }
    if (from <= LAST_CHARACTER)
        gather_range(&other, from, LAST_CHARACTER);
    other.failed |= g->failed;
    free(g->list);
    *g = other;
}

/* Upper and lower case of ASCII letters alike. A single letter beyond ASCII, which may have another case, is refused: false. */
static bool
gather_fold(struct gather *g)
{
    for (size_t i = 0, n = g->n; i < n; i++) {
        struct re_range x = g->list[i];
        for (uint32_t c = 'a'; c <= 'z'; c++)
            if ((x.from <= c && c <= x.to) || (x.from <= c - 32 && c - 32 <= x.to)) {
                gather_range(g, c, c);
                gather_range(g, c - 32, c - 32);
            }
        if (x.to >= 0x80 && !(x.from <= 0x80 && x.to == LAST_CHARACTER))
            return false;
    }
    return true;
}

static struct err
gather_finish(struct reader *r, struct gather *g, struct re_node **out)
{
    TRY(node_make(r, RE_CLASS, out));
    gather_sort(g);
    struct re_class *set = ARENA_NEW(r->a, struct re_class);
    if (set == NULL || g->failed)
        return NO_MEMORY();
    set->beyond = arena_list(r->a, g->n + 1, sizeof *set->beyond);
    if (set->beyond == NULL)
        return NO_MEMORY();
    for (size_t i = 0; i < g->n; i++) {
        struct re_range x = g->list[i];
        for (uint32_t c = x.from; c <= x.to && c < 0x80; c++)
            set->ascii[c >> 6] |= 1ull << (c & 63);
        if (x.to >= 0x80)
            set->beyond[set->n_beyond++] = (struct re_range){x.from < 0x80 ? 0x80 : x.from, x.to};
    }
    (*out)->set = set;
    return err_ok();
}

static const struct {
    const char *name;
    struct re_range ranges[6];
} named_sets[] = {
    {"d", {{'0', '9'}}},
    {"s", {{'\t', '\n'}, {'\f', '\r'}, {' ', ' '}}},
    {"w", {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}},
    {"alnum", {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}}},
    {"alpha", {{'A', 'Z'}, {'a', 'z'}}},
    {"ascii", {{0, 0x7f}}},
    {"blank", {{'\t', '\t'}, {' ', ' '}}},
    {"cntrl", {{0, 0x1f}, {0x7f, 0x7f}}},
    {"digit", {{'0', '9'}}},
    {"graph", {{'!', '~'}}},
    {"lower", {{'a', 'z'}}},
    {"print", {{' ', '~'}}},
    {"punct", {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}}},
    {"space", {{'\t', '\r'}, {' ', ' '}}},
    {"upper", {{'A', 'Z'}}},
    {"word", {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}},
    {"xdigit", {{'0', '9'}, {'A', 'F'}, {'a', 'f'}}},
};

static bool
gather_named(struct gather *g, struct bytes name, bool negated)
{
    for (size_t i = 0; i < sizeof named_sets / sizeof *named_sets; i++) {
        if (!bytes_is(name, named_sets[i].name))
            continue;
        struct gather own = {0};
        for (size_t k = 0; k < 6 && (k == 0 || named_sets[i].ranges[k].to); k++)
            gather_range(&own, named_sets[i].ranges[k].from, named_sets[i].ranges[k].to);
        if (negated)
            gather_negate(&own);
        for (size_t k = 0; k < own.n; k++)
            gather_range(g, own.list[k].from, own.list[k].to);
        g->failed |= own.failed;
        free(own.list);
        return true;
    }
    return false;
}

/* \d and its like, also within brackets. */
static bool
take_perl(struct reader *r, struct gather *g)
{
    if (peek(r) != '\\' || r->at + 1 >= r->text.n)
        return false;
    uint8_t c = r->text.at[r->at + 1], low = c | 0x20;
    if (low != 'd' && low != 's' && low != 'w')
        return false;
    gather_named(g, bytes_make(&low, 1), c != low);
    r->at += 2;
    return true;
}

static struct err
take_posix(struct reader *r, struct gather *g, bool *taken)
{
    *taken = false;
    struct bytes rest = bytes_sub(r->text, r->at, r->text.n);
    if (!bytes_starts(rest, BYTES("[:")))
        return err_ok();
    size_t end = bytes_search(rest, BYTES(":]"));
    if (end == rest.n)
        return err_ok();
    struct bytes name = bytes_sub(rest, 2, end - 2);
    bool negated = name.n && name.at[0] == '^';
    if (!gather_named(g, bytes_sub(name, negated, name.n), negated) || name.n < 3)
        return WRONG(r, "[:%.*s:] is no class", BYTES_CUT(name, 40));
    r->at += end + 2;
    *taken = true;
    return err_ok();
}

static struct err
class_character(struct reader *r, uint32_t *out)
{
    if (peek(r) < 0)
        return WRONG(r, "a class without its ']'");
    if (peek(r) == '\\') {
        r->at++;
        return read_escape(r, out);
    }
    *out = next_character(r);
    return err_ok();
}

static struct err
gather_class(struct reader *r, struct gather *g)
{
    bool first = true;
    for (;; first = false) {
        bool taken;
        uint32_t from, to;
        if (peek(r) == ']' && !first) {
            r->at++;
            return err_ok();
        }
        TRY(take_posix(r, g, &taken));
        if (taken || take_perl(r, g))
            continue;
        TRY(class_character(r, &from));
        to = from;
        if (peek(r) == '-' && r->at + 1 < r->text.n && r->text.at[r->at + 1] != ']') {
            r->at++;
            TRY(class_character(r, &to));
        }
        if (to < from)
            return WRONG(r, "a range in a class runs backwards");
        gather_range(g, from, to);
    }
}

static struct err
finish_class(struct reader *r, struct gather *g, bool negated, struct re_node **out)
{
    if (r->flags.fold && !gather_fold(g))
        return WRONG(r, "(?i) with letters beyond ASCII is not supported");
    if (negated)
        gather_negate(g);
    return gather_finish(r, g, out);
}

static struct err
read_class(struct reader *r, struct re_node **out)
{
    struct gather g = {0};
    r->at++;
    bool negated = take(r, "^");
    struct err e = gather_class(r, &g);
    if (!err_failed(e))
        e = finish_class(r, &g, negated, out);
    free(g.list);
    return e;
}

static struct err
literal(struct reader *r, uint32_t c, struct re_node **out)
{
    struct gather g = {0};
    gather_range(&g, c, c);
    struct err e = finish_class(r, &g, false, out);
    free(g.list);
    return e;
}

static struct err
any_character(struct reader *r, struct re_node **out)
{
    struct gather g = {0};
    if (r->flags.dot_all) {
        gather_range(&g, 0, LAST_CHARACTER);
    } else {
        gather_range(&g, 0, '\n' - 1);
        gather_range(&g, '\n' + 1, LAST_CHARACTER);
    }
    struct err e = gather_finish(r, &g, out);
    free(g.list);
    return e;
}

/* ----------------------------------------------------------------------------------------------------------- parts */

static struct err read_alternatives(struct reader *r, struct re_node **out);

/* (?flags) or (?flags:…: true in ${only} for the first form, which rules to the end of the group around it. */
static struct err
read_flags(struct reader *r, bool *only)
{
    bool on = true, any = false;
    for (;;) {
        int c = peek(r);
        r->at += c >= 0;
        switch (c) {
        case 'i':
            r->flags.fold = on;
            break;
        case 'm':
            r->flags.multi = on;
            break;
        case 's':
            r->flags.dot_all = on;
            break;
        case 'U':
            r->flags.swap = on;
            break;
        case '-':
            if (!on)
                return WRONG(r, "a second '-' in flags");
            on = false;
            any = false;
            continue;
        case ':':
        case ')':
            if (!any && (!on || c == ')'))
                return WRONG(r, "flags are missing");
            *only = c == ')';
            return err_ok();
        default:
            return WRONG(r, "(?…: unknown flag; lookaround and backreferences are not part of RE2");
        }
        any = true;
    }
}

static struct err
skip_name(struct reader *r)
{
    size_t from = r->at;
    while (peek(r) == '_' || (peek(r) >= '0' && peek(r) <= '9') || ((peek(r) | 0x20) >= 'a' && (peek(r) | 0x20) <= 'z'))
        r->at++;
    if (r->at == from || !take(r, ">"))
        return WRONG(r, "the name of a group is missing or bad");
    return err_ok();
}

static struct err
read_group(struct reader *r, struct re_node **out)
{
    struct flags before = r->flags;
    bool named = false, only = false;
    r->at++;
    bool capture = !bytes_starts(bytes_sub(r->text, r->at, 2), BYTES("?"));
    if (!capture) {
        named = take(r, "?P<") || take(r, "?<");
        if (named) {
            TRY(skip_name(r));
            capture = true;
        } else {
            r->at++;
            TRY(peek(r) == ':' ? (r->at++, err_ok()) : read_flags(r, &only));
        }
    }
    if (only)
        return node_make(r, RE_EMPTY, out);
    unsigned group = capture ? ++r->groups : 0;
    if (r->groups >= REGEX_MAX_GROUPS)
        return err_make(E_LIMIT, "more than %u groups", REGEX_MAX_GROUPS - 1);
    struct re_node *inner, *wrap;
    TRY(read_alternatives(r, &inner));
    if (!take(r, ")"))
        return WRONG(r, "a ')' is missing");
    r->flags = before;
    *out = inner;
    if (!capture)
        return err_ok();
    TRY(node_make(r, RE_GROUP, &wrap));
    wrap->group = group;
    adopt(wrap, inner);
    *out = wrap;
    return err_ok();
}

/* \Q…\E: as it stands. */
static struct err
read_quoted(struct reader *r, struct re_node **out)
{
    TRY(node_make(r, RE_CAT, out));
    while (r->at < r->text.n && !take(r, "\\E")) {
        struct re_node *one;
        TRY(literal(r, next_character(r), &one));
        adopt(*out, one);
    }
    return err_ok();
}

static struct err
read_backslash(struct reader *r, struct re_node **out)
{
    static const struct {
        const char *text;
        enum re_kind kind;
    } marks[] = {{"\\A", RE_BEGIN_TEXT}, {"\\z", RE_END_TEXT}, {"\\b", RE_WORD}, {"\\B", RE_NOT_WORD}};
    struct gather g = {0};
    uint32_t c;
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (take(r, marks[i].text))
            return node_make(r, marks[i].kind, out);
    if (take(r, "\\Q"))
        return read_quoted(r, out);
    if (take_perl(r, &g)) {
        struct err e = finish_class(r, &g, false, out);
        free(g.list);
        return e;
    }
    r->at++;
    TRY(read_escape(r, &c));
    return literal(r, c, out);
}

static struct err
read_atom(struct reader *r, struct re_node **out)
{
    switch (peek(r)) {
    case '(':
        return read_group(r, out);
    case '[':
        return read_class(r, out);
    case '\\':
        return read_backslash(r, out);
    case '.':
        r->at++;
        return any_character(r, out);
    case '^':
        r->at++;
        return node_make(r, r->flags.multi ? RE_BEGIN_LINE : RE_BEGIN_TEXT, out);
    case '$':
        r->at++;
        return node_make(r, r->flags.multi ? RE_END_LINE : RE_END_TEXT, out);
    case '*':
    case '+':
    case '?':
        return WRONG(r, "nothing stands before '%c' that could be repeated", peek(r));
    default:
        return literal(r, next_character(r), out);
    }
}

static bool
read_count(struct reader *r, uint32_t *out)
{
    uint32_t v = 0;
    size_t from = r->at;
    while (peek(r) >= '0' && peek(r) <= '9' && v < 100000)
        v = v * 10 + (uint32_t)(r->text.at[r->at++] - '0');
    *out = v;
    return r->at > from;
}

/* {n}, {n,}, {n,m}; anything else in braces is a text, as in Go. */
static bool
read_braces(struct reader *r, uint32_t *min, uint32_t *max)
{
    size_t at = r->at;
    r->at++;
    if (read_count(r, min)) {
        *max = *min;
        if (take(r, ",") && !read_count(r, max))
            *max = RE_ENDLESS;
        if (take(r, "}"))
            return true;
    }
    r->at = at;
    return false;
}

static bool
read_repeat(struct reader *r, uint32_t *min, uint32_t *max)
{
    switch (peek(r)) {
    case '*':
        *min = 0, *max = RE_ENDLESS;
        break;
    case '+':
        *min = 1, *max = RE_ENDLESS;
        break;
    case '?':
        *min = 0, *max = 1;
        break;
    case '{':
        return read_braces(r, min, max);
    default:
        return false;
    }
    r->at++;
    return true;
}

static struct err
read_repeated(struct reader *r, struct re_node **out)
{
    uint32_t min, max;
    TRY(read_atom(r, out));
    for (unsigned n = 0; read_repeat(r, &min, &max); n++) {
        struct re_node *repeat;
        bool lazy = take(r, "?");
        if (n)
            return WRONG(r, "a repetition of a repetition needs brackets");
        if (min > REGEX_MAX_REPEAT || (max != RE_ENDLESS && (max > REGEX_MAX_REPEAT || max < min)))
            return WRONG(r, "a bad number of repetitions (at most %u)", REGEX_MAX_REPEAT);
        TRY(node_make(r, RE_REPEAT, &repeat));
        repeat->min = min;
        repeat->max = max;
        repeat->lazy = lazy != r->flags.swap;
        adopt(repeat, *out);
        *out = repeat;
    }
    return err_ok();
}

static struct err
read_sequence(struct reader *r, struct re_node **out)
{
    TRY(node_make(r, RE_CAT, out));
    while (peek(r) >= 0 && peek(r) != '|' && peek(r) != ')') {
        struct re_node *one;
        TRY(read_repeated(r, &one));
        adopt(*out, one);
    }
    if ((*out)->child && (*out)->child == (*out)->last)
        *out = (*out)->child; /* one part alone needs no sequence around it */
    return err_ok();
}

static struct err
read_alternatives(struct reader *r, struct re_node **out)
{
    struct re_node *one;
    if (++r->depth > REGEX_MAX_DEPTH)
        return err_make(E_LIMIT, "nested deeper than %u levels", REGEX_MAX_DEPTH);
    TRY(read_sequence(r, out));
    if (peek(r) == '|') {
        one = *out;
        TRY(node_make(r, RE_ALT, out));
        adopt(*out, one);
        while (take(r, "|")) {
            TRY(read_sequence(r, &one));
            adopt(*out, one);
        }
    }
    r->depth--;
    return err_ok();
}

struct err
regex_parse(struct arena *a, struct bytes pattern, struct regex **out)
{
    struct reader r = {.a = a, .text = pattern};
    if (pattern.n > REGEX_MAX_BYTES)
        return err_make(E_LIMIT, "an expression of more than %u bytes", REGEX_MAX_BYTES);
    if (!bytes_utf8(pattern))
        return err_make(E_USAGE, "the expression is not UTF-8");
    struct regex *x = ARENA_NEW(a, struct regex);
    if (x == NULL)
        return NO_MEMORY();
    TRY(read_alternatives(&r, &x->root));
    if (r.at < pattern.n)
        return WRONG(&r, "a ')' without its '('");
    x->groups = r.groups;
    TRY(regex_compile(a, x));
    *out = x;
    return err_ok();
}
