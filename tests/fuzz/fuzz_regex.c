/*
 * Any bytes as an expression (up to the first line break) and a text: what is found lies in the text, what vectorscan is given compiles or is
 * refused by it, and where there is a match, a search that may begin there finds one.
 */
#include <stdlib.h>

#include "inspect/regex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_match(const struct regex *r, struct regex_room *room, struct bytes text)
{
    struct regex_match m, again;
    uint64_t budget = 200000;
    if (!regex_find(r, room, text, 0, text.n, &budget, &m))
        return;
    if (m.from[0] > m.to[0] || m.to[0] > text.n || m.to[0] - m.from[0] < regex_min_bytes(r))
        abort();
    if (regex_max_bytes(r) != REGEX_NO_WIDTH && m.to[0] - m.from[0] > regex_max_bytes(r))
        abort();
    for (size_t i = 1; i <= regex_groups(r); i++)
        if (m.from[i] != SIZE_MAX && (m.from[i] > m.to[i] || m.from[i] < m.from[0] || m.to[i] > m.to[0]))
            abort();
    budget = 200000;
    if (regex_find(r, room, text, m.from[0], m.from[0], &budget, &again) ? again.to[0] != m.to[0] : budget > 0)
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {0};
    struct bytes text = bytes_make(data, size), pattern = bytes_split(&text, '\n');
    struct regex *r;
    struct regex_room *room = regex_room_make();
    struct buf b = buf_make((size_t)4 << 20);
    struct err e = regex_parse(&a, pattern, &r);
    if (err_failed(e) && e.text[0] == 0)
        abort();
    if (room && !err_failed(e)) {
        check_match(r, room, text);
        regex_scan_text(r, &b);
        if (memchr(b.at ? b.at : (const uint8_t *)"", 0, b.n))
            abort();
        if (!err_failed(regex_trim(&a, r)) && regex_min_bytes(r) > 0)
            check_match(r, room, text);
    }
    buf_free(&b);
    regex_room_free(room);
    arena_free(&a);
    return 0;
}
