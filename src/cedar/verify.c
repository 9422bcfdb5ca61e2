/* The one check of code before it may run (code.h says what the machine relies on). */
#include "cedar/ast.h"
#include "cedar/code.h"

#include <stdlib.h>

enum state { UNSET, VALUE, LIST };

/* What is known of a register at a place: nothing, that it holds a value, or a list with so many of so many places filled. */
struct held {
    uint32_t state, filled, room;
};

static const char *const uses[] = {
#define C(op, uses, meaning) [op] = uses,
    CODE_TABLE(C)
#undef C
};

struct check {
    const struct program *p;
    const struct chunk *chunk;
    uint32_t number;     /* of the chunk */
    struct held *now;    /* of each register */
    struct held **later; /* per instruction: what holds there on every jump to it so far; NULL: none yet */
    uint32_t deepest;    /* of the chunks it calls */
    uint16_t calls;
    bool reached; /* this place can be reached from the one before */
};

static bool
operand_fits(const struct check *c, uint32_t operand)
{
    uint32_t i = operand & OPERAND_INDEX;
    switch (operand >> OPERAND_SHIFT) {
    case OPERAND_REGISTER:
        return i < c->chunk->registers && c->now[i].state == VALUE;
    case OPERAND_CONSTANT:
        return i < c->p->n_constants;
    case OPERAND_VARIABLE:
        return i < 4;
    case OPERAND_SLOT:
        return i < c->p->n_slots;
    default:
        return false;
    }
}

/* A list with ${n} places, all filled. */
static bool
list_fits(const struct check *c, const struct code *at)
{
    const struct held *h = at->b < c->chunk->registers ? &c->now[at->b] : NULL;
    return h && h->state == LIST && h->filled == h->room && h->room == at->a;
}

static bool
put_fits(struct check *c, const struct code *at)
{
    struct held *h = at->d < c->chunk->registers ? &c->now[at->d] : NULL;
    return h && h->state == LIST && at->x == h->filled && h->filled++ < h->room;
}

static bool
term_fits(struct check *c, uint32_t number)
{
    if (number >= c->number || c->p->chunks[number].memo == NO_MEMO)
        return false;
    const struct chunk *called = &c->p->chunks[number];
    if (called->depth > c->deepest)
        c->deepest = called->depth;
    if (called->calls > c->calls)
        c->calls = called->calls;
    return true;
}

/* Registers that hold the same on both ways keep it, all others are unset. */
static bool
jump_fits(struct check *c, uint32_t from, uint32_t to)
{
    size_t size = c->chunk->registers * sizeof *c->now;
    if (to <= from || to >= c->chunk->n)
        return false;
    if (c->later[to] == NULL) {
        if ((c->later[to] = malloc(size)) == NULL)
            return false;
        memcpy(c->later[to], c->now, size);
        return true;
    }
    for (unsigned i = 0; i < c->chunk->registers; i++)
        if (memcmp(&c->later[to][i], &c->now[i], sizeof *c->now) != 0)
            c->later[to][i] = (struct held){UNSET, 0, 0};
    return true;
}

/* One letter of an instruction's ${uses}. */
static bool
use_fits(struct check *c, uint32_t place, const struct code *at, char use)
{
    switch (use) {
    case 'a':
        return operand_fits(c, at->a);
    case 'b': /* behind 'e' it is a list, looked at there */
        return uses[at->op][0] == 'e' || operand_fits(c, at->b);
    case 'e':
        return list_fits(c, at);
    case 'u':
        return put_fits(c, at);
    case 't':
        return term_fits(c, at->x);
    case 'j':
        return jump_fits(c, place, at->x);
    case 'n':
        return at->x < c->p->n_names;
    case 'p':
        return at->x < c->p->n_pieces && (at->op != CODE_RECORD || c->p->pieces[at->x].n == at->a) &&
               (at->op != CODE_LIKE || c->p->pieces[at->x].n > 0);
    case 'f':
        return at->x < EXT_COUNT;
    default:
        return true;
    }
}

static bool
write_fits(struct check *c, const struct code *at)
{
    char first = uses[at->op][0];
    if (first != 'd' && first != 'e' && first != 'l')
        return true;
    if (at->d >= c->chunk->registers)
        return false;
    c->now[at->d] = first == 'l' ? (struct held){LIST, 0, at->x} : (struct held){VALUE, 0, 0};
    return true;
}

/* What a place knows is what all ways to it agree on. */
static bool
arrive(struct check *c, uint32_t place)
{
    struct held *jumped = c->later[place];
    if (jumped == NULL)
        return c->reached;
    for (unsigned i = 0; i < c->chunk->registers; i++)
        if (!c->reached)
            c->now[i] = jumped[i];
        else if (memcmp(&jumped[i], &c->now[i], sizeof *c->now) != 0)
            c->now[i] = (struct held){UNSET, 0, 0};
    return c->reached = true;
}

static bool
step(struct check *c, uint32_t place)
{
    const struct code *at = &c->p->code[c->chunk->start + place];
    if (!arrive(c, place) || at->op >= CODE_COUNT)
        return false;
    for (const char *use = uses[at->op]; *use; use++)
        if (!use_fits(c, place, at, *use))
            return false;
    c->reached = at->op != CODE_JUMP && at->op != CODE_RETURN;
    return write_fits(c, at);
}

static bool
chunk_fits(struct check *c)
{
    const struct chunk *k = c->chunk;
    bool ok = k->n > 0 && k->start <= c->p->n_code && k->n <= c->p->n_code - k->start && k->registers > 0 && k->registers <= REGISTERS_MAX &&
              (k->memo == NO_MEMO || k->memo < c->p->n_memos);
    if (!ok)
        return false;
    c->now = calloc(k->registers, sizeof *c->now);
    c->later = calloc(k->n, sizeof(struct held *));
    ok = c->now && c->later;
    for (uint32_t i = 0; ok && i < k->n; i++)
        ok = step(c, i);
    for (uint32_t i = 0; c->later && i < k->n; i++)
        free(c->later[i]);
    free(c->later);
    free(c->now);
    return ok && !c->reached; /* it ends in RETURN */
}

static bool
slots_fit(const struct program *p)
{
    for (size_t i = 0; i < p->n_slots; i++)
        if (p->slots[i].of >= HELD_SLOTS + i)
            return false;
    return p->n_slots <= SLOTS_MAX;
}

static bool
trials_fit(const struct program *p)
{
    for (size_t i = 0; i < p->n_trials; i++) {
        const struct trial *t = &p->trials[i];
        if (t->a >= HELD_SLOTS + p->n_slots || t->b >= HELD_SLOTS + p->n_slots || t->kind > TRIAL_HAS)
            return false;
        if (t->kind == TRIAL_IN && t->bit != NO_BIT && (t->bit > NO_BIT || t->a >= VARIABLE_CONTEXT))
            return false;
    }
    for (size_t i = 0; i < p->n_chunks; i++) {
        const struct chunk *k = &p->chunks[i];
        if (k->trial > p->n_trials || k->n_trials > p->n_trials - k->trial)
            return false;
        for (uint32_t t = 0; t < k->n_trials; t++)
            if (p->trials[k->trial + t].more >= k->n_trials - t)
                return false;
    }
    return true;
}

bool
code_verify(struct program *p)
{
    if (!slots_fit(p) || !trials_fit(p))
        return false;
    for (uint32_t i = 0; i < p->n_chunks; i++) {
        struct check c = {.p = p, .chunk = &p->chunks[i], .number = i, .reached = true};
        if (!chunk_fits(&c) || c.calls == UINT16_MAX)
            return false;
        p->chunks[i].depth = c.deepest + p->chunks[i].registers;
        p->chunks[i].calls = (uint16_t)(c.calls + 1);
        if (p->chunks[i].depth > p->depth)
            p->depth = p->chunks[i].depth;
        if (p->chunks[i].calls > p->calls)
            p->calls = p->chunks[i].calls;
    }
    return true;
}
