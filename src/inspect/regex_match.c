/* Matching: all ways through the program side by side, in order of preference (Pike's machine). */
#include <stdlib.h>

#include "inspect/regex_tree.h"

struct threads {
    uint32_t *list, *where; /* program counters in order of preference; where[pc]: its index in list */
    size_t *slots;          /* of each pc */
    size_t n;
};

struct frame { /* of the walk along jumps and splits */
    uint32_t pc;
    int slot; /* -1: go on at pc; else put ${value} back */
    size_t value;
};

struct regex_room {
    size_t steps, slots; /* what there is room for */
    struct threads now, next;
    struct frame *stack;
    size_t *current;
};

static void
threads_free(struct threads *t)
{
    free(t->list);
    free(t->where);
    free(t->slots);
    *t = (struct threads){0};
}

struct regex_room *
regex_room_make(void)
{
    return calloc(1, sizeof(struct regex_room));
}

void
regex_room_free(struct regex_room *room)
{
    if (room == NULL)
        return;
    threads_free(&room->now);
    threads_free(&room->next);
    free(room->stack);
    free(room->current);
    free(room);
}

static bool
threads_make(struct threads *t, size_t steps, size_t slots)
{
    threads_free(t);
    t->list = malloc(steps * sizeof *t->list);
    t->where = calloc(steps, sizeof *t->where);
    t->slots = malloc(steps * slots * sizeof *t->slots);
    return t->list && t->where && t->slots;
}

static bool
fit(struct regex_room *room, size_t steps, size_t slots)
{
    if (room->steps >= steps && room->slots >= slots)
        return true;
    steps = steps > room->steps ? steps : room->steps;
    slots = slots > room->slots ? slots : room->slots;
    room->steps = room->slots = 0;
    free(room->stack);
    free(room->current);
    room->stack = malloc((steps * 2 + 2) * sizeof *room->stack);
    room->current = malloc(slots * sizeof *room->current);
    if (room->stack == NULL || room->current == NULL || !threads_make(&room->now, steps, slots) || !threads_make(&room->next, steps, slots))
        return false;
    room->steps = steps;
    room->slots = slots;
    return true;
}

/* ------------------------------------------------------------------------------------------------------ characters */

static bool
in_class(const struct re_class *set, uint32_t c)
{
    if (c < 0x80)
        return set->ascii[c >> 6] >> (c & 63) & 1;
    for (size_t i = 0; i < set->n_beyond && set->beyond[i].from <= c; i++)
        if (c <= set->beyond[i].to)
            return true;
    return false;
}

/* The character at ${i} and its length; what is no UTF-8 counts as U+FFFD, a byte long. */
static uint32_t
character_at(struct bytes t, size_t i, size_t *n)
{
    uint8_t c = t.at[i];
    *n = 1;
    if (c < 0x80)
        return c;
    size_t len = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    if (c < 0xc2 || c > 0xf4 || !bytes_utf8(bytes_sub(t, i, len)) || t.n - i < len)
        return 0xfffd;
    uint32_t v = c & (0x7f >> len);
    for (size_t k = 1; k < len; k++)
        v = v << 6 | (t.at[i + k] & 0x3f);
    *n = len;
    return v;
}

static bool
is_word(uint8_t c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_';
}

static bool
holds(enum re_kind kind, struct bytes t, size_t i)
{
    bool before = i > 0 && is_word(t.at[i - 1]), after = i < t.n && is_word(t.at[i]);
    switch (kind) {
    case RE_BEGIN_TEXT:
        return i == 0;
    case RE_END_TEXT:
        return i == t.n;
    case RE_BEGIN_LINE:
        return i == 0 || t.at[i - 1] == '\n';
    case RE_END_LINE:
        return i == t.n || t.at[i] == '\n';
    case RE_WORD:
        return before != after;
    default:
        return before == after;
    }
}

/* --------------------------------------------------------------------------------------------------------- machine */

struct machine {
    const struct regex *r;
    struct regex_room *room;
    struct bytes text;
    size_t slots;
};

static bool
listed(const struct threads *t, uint32_t pc)
{
    return t->where[pc] < t->n && t->list[t->where[pc]] == pc;
}

/* Add ${pc} and all that is reached from it without a character; room->current holds the slots of the way there. */
static void
follow(struct machine *m, struct threads *t, uint32_t start, size_t i)
{
    struct regex_room *room = m->room;
    size_t n = 0;
    room->stack[n++] = (struct frame){start, -1, 0};
    while (n) {
        struct frame f = room->stack[--n];
        if (f.slot >= 0) {
            room->current[f.slot] = f.value;
            continue;
        }
        if (listed(t, f.pc))
            continue;
        const struct re_step *s = &m->r->steps[f.pc];
        t->where[f.pc] = (uint32_t)t->n;
        t->list[t->n++] = f.pc;
        switch (s->op) {
        case OP_JUMP:
            room->stack[n++] = (struct frame){s->to, -1, 0};
            break;
        case OP_SPLIT:
            room->stack[n++] = (struct frame){s->other, -1, 0};
            room->stack[n++] = (struct frame){s->to, -1, 0};
            break;
        case OP_SAVE:
            room->stack[n++] = (struct frame){0, (int)s->to, room->current[s->to]};
            room->current[s->to] = i;
            room->stack[n++] = (struct frame){f.pc + 1, -1, 0};
            break;
        case OP_ASSERT:
            if (holds((enum re_kind)s->to, m->text, i))
                room->stack[n++] = (struct frame){f.pc + 1, -1, 0};
            break;
        default:
            memcpy(t->slots + f.pc * m->slots, room->current, m->slots * sizeof *room->current);
        }
    }
}

static void
take_match(const struct machine *m, uint32_t pc, size_t i, struct regex_match *out)
{
    const size_t *slots = m->room->now.slots + pc * m->slots;
    for (size_t g = 0; g <= m->r->groups; g++) {
        bool took = slots[2 * g] != SIZE_MAX && (g == 0 || slots[2 * g + 1] != SIZE_MAX);
        out->from[g] = took ? slots[2 * g] : SIZE_MAX;
        out->to[g] = took ? slots[2 * g + 1] : SIZE_MAX;
    }
    out->to[0] = i;
}

/* One character further; true when a match ended here, which rules out the less preferred ways. */
static bool
step(struct machine *m, size_t i, uint32_t c, size_t width, struct regex_match *out)
{
    struct regex_room *room = m->room;
    struct threads *now = &room->now, *next = &room->next;
    next->n = 0;
    for (size_t k = 0; k < now->n; k++) {
        uint32_t pc = now->list[k];
        const struct re_step *s = &m->r->steps[pc];
        if (s->op == OP_MATCH) {
            take_match(m, pc, i, out);
            return true;
        }
        if (s->op == OP_CLASS && width && in_class(s->set, c)) {
            memcpy(room->current, now->slots + pc * m->slots, m->slots * sizeof *room->current);
            follow(m, next, pc + 1, i + width);
        }
    }
    return false;
}

static void
start(struct machine *m, size_t i)
{
    for (size_t k = 0; k < m->slots; k++)
        m->room->current[k] = SIZE_MAX;
    m->room->current[0] = i;
    follow(m, &m->room->now, 0, i);
}

bool
regex_find(const struct regex *r, struct regex_room *room, struct bytes text, size_t from, size_t last, uint64_t *budget, struct regex_match *out)
{
    struct machine m = {r, room, text, (r->groups + 1) * 2};
    bool found = false;
    if (!fit(room, r->n_steps, m.slots)) {
        *budget = 0;
        return false;
    }
    last = last < text.n ? last : text.n;
    room->now.n = 0;
    for (size_t i = from; i <= text.n;) {
        size_t width = 0;
        if (room->now.n == 0) {
            if (found || i > last)
                break;
            while (i < last && !r->first[text.at[i]])
                i++;
        }
        uint32_t c = i < text.n ? character_at(text, i, &width) : 0;
        if (!found && i <= last && (i == text.n ? r->min == 0 : r->first[text.at[i]]))
            start(&m, i);
        uint64_t cost = room->now.n + 1;
        if (*budget <= cost) {
            *budget = 0;
            return false;
        }
        *budget -= cost;
        found |= step(&m, i, c, width, out);
        struct threads t = room->now;
        room->now = room->next;
        room->next = t;
        if (i == text.n)
            break;
        i += width;
    }
    return found;
}

bool
regex_test(const struct regex *r, struct regex_room *room, struct bytes text, uint64_t *budget)
{
    struct regex_match m;
    return regex_find(r, room, text, 0, text.n, budget, &m);
}
