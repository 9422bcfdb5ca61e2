/*
 * Versions of packages as npm and PyPI write them, and ranges of them: ">=0.6.2 <2". What does not begin with a number is no version.
 */
#include "estate/packs.h"

#define PARTS_MAX 6u
#define PART_MAX 999999999u

struct version {
    uint64_t part[PARTS_MAX];
    bool before; /* a release candidate and the like: before the release of its numbers */
};

/* "v1.2.3-rc.1": the numbers, and whether it comes before them. What else stands behind (a build, ".post1") does not matter here. */
static bool
version_read(struct bytes text, struct version *v)
{
    size_t n = 0, at = text.n && text.at[0] == 'v';
    *v = (struct version){{0}, false};
    while (at < text.n && n < PARTS_MAX) {
        size_t end = at;
        while (end < text.n && text.at[end] >= '0' && text.at[end] <= '9')
            v->part[n] = v->part[n] > PART_MAX ? PART_MAX : v->part[n] * 10 + (uint64_t)(text.at[end++] - '0');
        if (end == at)
            break;
        n++;
        at = end;
        if (at + 1 >= text.n || text.at[at] != '.' || text.at[at + 1] < '0' || text.at[at + 1] > '9')
            break;
        at++;
    }
    struct bytes rest = bytes_sub(text, at, text.n);
    v->before = rest.n && rest.at[0] != '+' && !bytes_starts(rest, BYTES(".post"));
    return n > 0 && text.n <= 64;
}

static int
version_order(const struct version *a, const struct version *b)
{
    for (size_t i = 0; i < PARTS_MAX; i++)
        if (a->part[i] != b->part[i])
            return a->part[i] > b->part[i] ? 1 : -1;
    return (int)b->before - (int)a->before;
}

static const struct {
    const char *sign;
    bool less, same, more;
} signs[] = {{">=", false, true, true}, {"<=", true, true, false}, {">", false, false, true}, {"<", true, false, false}, {"=", false, true, false}};

/* One condition: its sign's row, and the version behind it; false: none. */
static bool
condition_read(struct bytes text, size_t *row, struct version *v)
{
    for (*row = 0; *row < sizeof signs / sizeof *signs; ++*row)
        if (bytes_starts(text, bytes_str(signs[*row].sign)))
            return version_read(bytes_sub(text, strlen(signs[*row].sign), text.n), v);
    return false;
}

bool
range_ok(struct bytes text)
{
    struct bytes rest = bytes_trim(text);
    struct version v;
    size_t row, n = 0;
    while (rest.at) {
        struct bytes one = bytes_split(&rest, ' ');
        if (one.n && !condition_read(one, &row, &v))
            return false;
        n += one.n > 0;
    }
    return n > 0;
}

bool
range_holds(const char *range, struct bytes version)
{
    struct bytes rest = bytes_str(range);
    struct version is, wanted;
    size_t row;
    if (range == NULL)
        return true;
    if (!version_read(version, &is))
        return false;
    while (rest.at) {
        struct bytes one = bytes_split(&rest, ' ');
        if (one.n == 0)
            continue;
        if (!condition_read(one, &row, &wanted))
            return false;
        int order = version_order(&is, &wanted);
        if (order < 0 ? !signs[row].less : order > 0 ? !signs[row].more : !signs[row].same)
            return false;
    }
    return true;
}
