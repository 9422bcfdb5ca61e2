#include "cedar/compile.h"

#include "cedar/growing.h"
#include "cedar/trial.h"

struct compiler {
    struct graph *t;
    struct program *p;
    struct growing code, chunks, constants, names, pieces, trials;
    uint32_t *constant_of, *name_of; /* per term: 1 + where its literal or name stands */
    struct growing patches;          /* jumps of a chain that lead to its end */
    uint32_t start;
    unsigned registers; /* of the chunk */
    bool failed;
};

static void *
grow(struct compiler *c, struct growing *g, size_t size)
{
    void *at = growing_add(g, 1, size);
    c->failed |= at == NULL;
    return at;
}

static uint32_t
emit(struct compiler *c, struct code code)
{
    struct code *to = grow(c, &c->code, sizeof *to);
    if (to)
        *to = code;
    return (uint32_t)c->code.n - 1 - c->start;
}

static uint32_t
here(const struct compiler *c)
{
    return (uint32_t)c->code.n - c->start;
}

static void
land(struct compiler *c, uint32_t jump)
{
    if (!c->failed)
        ((struct code *)c->code.at)[c->start + jump].x = here(c);
}

static uint32_t
reg(struct compiler *c, unsigned r)
{
    if (r >= REGISTERS_MAX)
        c->failed = true;
    if (r >= c->registers)
        c->registers = r + 1;
    return OPERAND(OPERAND_REGISTER, r);
}

static uint32_t
constant(struct compiler *c, uint32_t term)
{
    if (c->constant_of[term] == 0) {
        const struct cedar_value **to = grow(c, &c->constants, sizeof *to);
        if (to)
            *to = c->t->at[term].literal;
        c->constant_of[term] = (uint32_t)c->constants.n;
    }
    return OPERAND(OPERAND_CONSTANT, c->constant_of[term] - 1);
}

static uint32_t
name(struct compiler *c, uint32_t term)
{
    if (c->name_of[term] == 0) {
        struct cedar_str *to = grow(c, &c->names, sizeof *to);
        if (to)
            *to = c->t->at[term].name;
        c->name_of[term] = (uint32_t)c->names.n;
    }
    return c->name_of[term] - 1;
}

static uint32_t
pieces(struct compiler *c, uint32_t term)
{
    if (c->name_of[term] == 0) {
        struct pieces *to = grow(c, &c->pieces, sizeof *to);
        if (to)
            *to = c->t->at[term].names;
        c->name_of[term] = (uint32_t)c->pieces.n;
    }
    return c->name_of[term] - 1;
}

/* ------------------------------------------------------------------------------------------------------------------ values */

static void value_to(struct compiler *c, uint32_t term, unsigned d);
static void expression(struct compiler *c, uint32_t term, unsigned d);

/* Where the value of ${term} is after what this emits: literals and variables need nothing, all else goes to register ${d}. */
static uint32_t
operand(struct compiler *c, uint32_t term, unsigned d)
{
    const struct vertex *t = &c->t->at[term];
    if (t->op == EXPR_LITERAL)
        return constant(c, term);
    if (t->op == EXPR_VARIABLE)
        return OPERAND(OPERAND_VARIABLE, t->variable);
    if (t->held != NOT_HELD)
        return OPERAND(OPERAND_SLOT, t->held - HELD_SLOTS);
    value_to(c, term, d);
    return reg(c, d);
}

static void
value_to(struct compiler *c, uint32_t term, unsigned d)
{
    const struct vertex *t = &c->t->at[term];
    reg(c, d);
    if (c->failed)
        return;
    if (t->op == EXPR_LITERAL || t->held != NOT_HELD)
        emit(c, (struct code){CODE_MOVE, (uint16_t)d, operand(c, term, d), 0, 0});
    else if (t->chunk != NO_VERTEX && t->weight >= WEIGHT_SHARED)
        emit(c, (struct code){CODE_TERM, (uint16_t)d, 0, 0, t->chunk});
    else
        expression(c, term, d);
}

/* Both operands of ${t}. The left one faults first: where the right one is code that may fault, it does not stay in its slot until then. */
static void
two_operands(struct compiler *c, const struct vertex *t, unsigned d, struct code *to)
{
    uint32_t left = t->kid[0], right = t->kid[1];
    bool ready = c->t->at[right].op == EXPR_LITERAL || c->t->at[right].held != NOT_HELD;
    if (c->t->at[left].op == EXPR_ATTRIBUTE && c->t->at[left].held != NOT_HELD && !ready) {
        value_to(c, left, d);
        to->a = reg(c, d);
    } else {
        to->a = operand(c, left, d);
    }
    to->b = operand(c, right, d + 1);
}

/* kids joined by && (or ||): the first that decides is the value; the last must be a bool, too. */
static void
chain(struct compiler *c, const struct vertex *t, unsigned d)
{
    uint16_t jump = t->op == EXPR_AND ? CODE_IF_FALSE : CODE_IF_TRUE;
    size_t before = c->patches.n;
    for (uint32_t i = 0; i < t->n; i++) {
        value_to(c, t->kid[i], d);
        uint32_t at = emit(c, (struct code){i + 1 < t->n ? jump : CODE_BOOL, 0, reg(c, d), 0, 0});
        uint32_t *patch = i + 1 < t->n ? grow(c, &c->patches, sizeof *patch) : NULL;
        if (patch)
            *patch = at;
    }
    while (c->patches.n > before)
        land(c, ((uint32_t *)c->patches.at)[--c->patches.n]);
}

static void
choice(struct compiler *c, const struct vertex *t, unsigned d)
{
    uint32_t guard = operand(c, t->kid[0], d);
    uint32_t over = emit(c, (struct code){CODE_IF_FALSE, 0, guard, 0, 0});
    value_to(c, t->kid[1], d);
    uint32_t end = emit(c, (struct code){CODE_JUMP, 0, 0, 0, 0});
    land(c, over);
    value_to(c, t->kid[2], d);
    land(c, end);
}

static void
arithmetic(struct compiler *c, const struct vertex *t, unsigned d)
{
    struct code code = {0, (uint16_t)d, 0, 0, 0};
    for (uint32_t i = 1; i < t->n; i++) {
        code.op = t->operators[i - 1] == '+' ? CODE_ADD : t->operators[i - 1] == '-' ? CODE_SUBTRACT : CODE_MULTIPLY;
        if (i == 1)
            two_operands(c, t, d, &code);
        else
            code.b = operand(c, t->kid[i], d + 1);
        emit(c, code);
        code.a = reg(c, d);
    }
}

static void
call(struct compiler *c, const struct vertex *t, unsigned d)
{
    struct code code = {t->n > 1 ? CODE_CALL_2 : CODE_CALL_1, (uint16_t)d, 0, 0, t->function};
    if (t->n > 1)
        two_operands(c, t, d, &code);
    else
        code.a = operand(c, t->kid[0], d);
    emit(c, code);
}

static void
list(struct compiler *c, uint32_t term, const struct vertex *t, unsigned d)
{
    if (t->op == EXPR_CALL && (t->n == 1 || t->n == 2)) {
        call(c, t, d);
        return;
    }
    emit(c, (struct code){CODE_LIST, (uint16_t)d, 0, 0, t->n});
    for (uint32_t i = 0; i < t->n; i++)
        emit(c, (struct code){CODE_PUT, (uint16_t)d, operand(c, t->kid[i], d + 1), 0, i});
    uint32_t from = reg(c, d);
    if (t->op == EXPR_SET)
        emit(c, (struct code){CODE_SET, (uint16_t)d, t->n, from, 0});
    else if (t->op == EXPR_RECORD)
        emit(c, (struct code){CODE_RECORD, (uint16_t)d, t->n, from, pieces(c, term)});
    else
        emit(c, (struct code){CODE_CALL, (uint16_t)d, t->n, from, t->function});
}

/* The code of operations with one or two operands that take no number; 0 is CODE_MOVE and stands for none. */
static const uint16_t plain[EXPR_COUNT] = {
    [EXPR_NOT] = CODE_NOT,
    [EXPR_NEGATE] = CODE_NEGATE,
    [EXPR_EQUAL] = CODE_EQUAL,
    [EXPR_UNEQUAL] = CODE_UNEQUAL,
    [EXPR_LESS] = CODE_LESS,
    [EXPR_LESS_EQUAL] = CODE_LESS_EQUAL,
    [EXPR_GREATER] = CODE_GREATER,
    [EXPR_GREATER_EQUAL] = CODE_GREATER_EQUAL,
    [EXPR_IN] = CODE_IN,
    [EXPR_CONTAINS] = CODE_CONTAINS,
    [EXPR_CONTAINS_ALL] = CODE_CONTAINS_ALL,
    [EXPR_CONTAINS_ANY] = CODE_CONTAINS_ANY,
    [EXPR_IS_EMPTY] = CODE_IS_EMPTY,
    [EXPR_GET_TAG] = CODE_GET_TAG,
    [EXPR_HAS_TAG] = CODE_HAS_TAG,
};

static void
simple(struct compiler *c, uint32_t term, const struct vertex *t, unsigned d)
{
    struct code code = {plain[t->op], (uint16_t)d, 0, 0, 0};
    if (t->n > 1)
        two_operands(c, t, d, &code);
    else
        code.a = operand(c, t->kid[0], d);
    if (t->op == EXPR_ATTRIBUTE)
        code.op = CODE_ATTRIBUTE, code.x = name(c, term);
    else if (t->op == EXPR_IS)
        code.op = CODE_IS, code.x = name(c, term);
    else if (t->op == EXPR_HAS)
        code.op = CODE_HAS, code.x = pieces(c, term);
    else if (t->op == EXPR_LIKE)
        code.op = CODE_LIKE, code.x = pieces(c, term);
    emit(c, code);
}

/* The value of ${term}, computed here, to register ${d}; registers from ${d} on are free. */
static void
expression(struct compiler *c, uint32_t term, unsigned d)
{
    const struct vertex *t = &c->t->at[term];
    switch (t->op) {
    case EXPR_AND:
    case EXPR_OR:
        chain(c, t, d);
        return;
    case EXPR_IF:
        choice(c, t, d);
        return;
    case EXPR_ARITHMETIC:
        arithmetic(c, t, d);
        return;
    case EXPR_SET:
    case EXPR_RECORD:
    case EXPR_CALL:
        list(c, term, t, d);
        return;
    default:
        simple(c, term, t, d);
    }
}

/* ------------------------------------------------------------------------------------------------------------------ chunks */

/* Jumps to one place that is not known yet: each leads to the one before it, the first to NO_JUMP. */
#define NO_JUMP UINT32_MAX

static void
jump_later(struct compiler *c, struct code code, uint32_t *jumps)
{
    code.x = *jumps;
    *jumps = emit(c, code);
}

static void
land_all(struct compiler *c, uint32_t jumps)
{
    while (!c->failed && jumps != NO_JUMP) {
        uint32_t before = ((struct code *)c->code.at)[c->start + jumps].x;
        land(c, jumps);
        jumps = before;
    }
}

/* Comparisons that are tests at the same time; 0 for others. ${want} turns for `!=`. */
static uint16_t
fused(const struct vertex *t, bool *want)
{
    static const uint16_t tests[EXPR_COUNT] = {
        [EXPR_EQUAL] = CODE_TEST_EQUAL,     [EXPR_UNEQUAL] = CODE_TEST_EQUAL,
        [EXPR_LESS] = CODE_TEST_LESS,       [EXPR_LESS_EQUAL] = CODE_TEST_LESS_EQUAL,
        [EXPR_GREATER] = CODE_TEST_GREATER, [EXPR_GREATER_EQUAL] = CODE_TEST_GREATER_EQUAL,
        [EXPR_IN] = CODE_TEST_IN,           [EXPR_CONTAINS] = CODE_TEST_CONTAINS,
    };
    *want ^= t->op == EXPR_UNEQUAL;
    return tests[t->op];
}

/*
 * Go on behind when ${term} is ${want}, else by one of ${jumps}. An AND that must be true, or an OR that must be false, is tests in a row;
 * where any operand will do, the first that does leads behind the last.
 */
static void
test(struct compiler *c, uint32_t term, bool want, uint32_t *jumps)
{
    const struct vertex *t = &c->t->at[term];
    bool shared = t->chunk != NO_VERTEX && t->weight >= WEIGHT_SHARED;
    uint32_t behind = NO_JUMP;
    if (!shared && t->op == EXPR_NOT) {
        test(c, t->kid[0], !want, jumps);
        return;
    }
    if (!shared && t->n > 0 && (t->op == EXPR_AND || t->op == EXPR_OR)) {
        bool all = (t->op == EXPR_AND) == want;
        for (uint32_t i = 0; i + 1 < t->n; i++)
            test(c, t->kid[i], all ? want : !want, all ? jumps : &behind);
        test(c, t->kid[t->n - 1], want, jumps);
        land_all(c, behind);
        return;
    }
    uint16_t op = shared ? 0 : fused(t, &want);
    if (op) {
        struct code code = {op, want, 0, 0, 0};
        two_operands(c, t, 0, &code);
        jump_later(c, code, jumps);
    } else {
        jump_later(c, (struct code){want ? CODE_IF_FALSE : CODE_IF_TRUE, 0, operand(c, term, 0), 0, 0}, jumps);
    }
}

static uint32_t
truth(struct compiler *c, bool v)
{
    for (size_t i = 0; i < 2; i++)
        if (((const struct cedar_value **)c->constants.at)[i] == value_truth(v))
            return OPERAND(OPERAND_CONSTANT, i);
    return 0;
}

/* An AND at the top of a chunk tests one thing after another and ends in true or false. */
static void
conjunction(struct compiler *c, const struct vertex *t)
{
    uint32_t jumps = NO_JUMP;
    for (uint32_t i = 0; i < t->n; i++)
        test(c, t->kid[i], true, &jumps);
    emit(c, (struct code){CODE_RETURN, 0, truth(c, true), 0, 0});
    if (jumps == NO_JUMP)
        return;
    land_all(c, jumps);
    emit(c, (struct code){CODE_RETURN, 0, truth(c, false), 0, 0});
}

static void
chunk_of(struct compiler *c, uint32_t term, bool remember)
{
    struct vertex *t = &c->t->at[term];
    c->start = (uint32_t)c->code.n;
    c->registers = 1;
    if (t->op == EXPR_AND) {
        conjunction(c, t);
    } else {
        expression(c, term, 0);
        emit(c, (struct code){CODE_RETURN, 0, reg(c, 0), 0, 0});
    }
    struct chunk *chunk = grow(c, &c->chunks, sizeof *chunk);
    if (chunk == NULL)
        return;
    *chunk =
        (struct chunk){.start = c->start, .n = here(c), .memo = remember ? (uint32_t)c->p->n_memos++ : NO_MEMO, .registers = (uint16_t)c->registers};
    t->chunk = (uint32_t)c->chunks.n - 1;
}

/* What is asked for more than once is worth remembering, unless it costs little. */
static bool
is_shared(const struct vertex *t)
{
    return (t->uses > 1 && t->weight >= WEIGHT_SHARED) || (t->guards >= GROUP_MIN && t->op != EXPR_LITERAL && t->op != EXPR_VARIABLE);
}

/* Numbers of terms put operands first, so a chunk finds those it calls made. */
static void
chunks(struct compiler *c, const uint32_t *roots, size_t n, uint8_t *is_root)
{
    for (size_t i = 0; i < n; i++)
        is_root[roots[i]] = 1;
    for (uint32_t i = 0; i < c->t->n && !c->failed; i++)
        if (is_shared(&c->t->at[i]) || is_root[i])
            chunk_of(c, i, is_shared(&c->t->at[i]));
}

static void *
keep(struct compiler *c, const struct growing *g, size_t size, size_t *n)
{
    void *at = arena_list(c->t->values->a, g->n, size);
    if (at == NULL)
        c->failed = true;
    else if (g->n)
        memcpy(at, g->at, g->n * size);
    *n = g->n;
    return at;
}

static void
keep_all(struct compiler *c)
{
    struct program *p = c->p;
    p->code = keep(c, &c->code, sizeof *p->code, &p->n_code);
    p->chunks = keep(c, &c->chunks, sizeof *p->chunks, &p->n_chunks);
    p->constants = keep(c, &c->constants, sizeof *p->constants, &p->n_constants);
    p->names = keep(c, &c->names, sizeof *p->names, &p->n_names);
    p->pieces = keep(c, &c->pieces, sizeof *p->pieces, &p->n_pieces);
    p->trials = keep(c, &c->trials, sizeof *p->trials, &p->n_trials);
}

/* Constants 0 and 1 are false and true. */
static void
begin(struct compiler *c)
{
    for (int v = 0; v < 2; v++) {
        const struct cedar_value **to = grow(c, &c->constants, sizeof *to);
        if (to)
            *to = value_truth(v != 0);
    }
}

/* ------------------------------------------------------------------------------------------------------------------ trials */

/* Patterns move with the graph: those of the program stay. */
static const struct pieces *
kept_pattern(struct compiler *c, const struct pieces *p)
{
    struct pieces *to = ARENA_NEW(c->t->values->a, struct pieces);
    c->failed |= to == NULL;
    if (to)
        *to = *p;
    return to;
}

static void
give_trials(struct compiler *c, uint32_t root)
{
    const struct vertex *v = &c->t->at[root];
    struct chunk *k = c->failed ? NULL : &((struct chunk *)c->chunks.at)[v->chunk];
    struct trial some[TRIALS_MAX];
    uint32_t tried = 0;
    if (k == NULL || k->n_trials)
        return;
    k->trial = (uint32_t)c->trials.n;
    for (size_t n; tried < v->n && (n = trial_clause(c->t, c->p, v->kid[tried], some, TRIALS_MAX - k->n_trials)) > 0; tried++) {
        struct trial *to = growing_add(&c->trials, n, sizeof *to);
        c->failed |= to == NULL;
        for (size_t i = 0; to && i < n; i++) {
            to[i] = some[i];
            if (some[i].kind >= TRIAL_LIKE)
                to[i].pattern = kept_pattern(c, some[i].pattern);
        }
        k->n_trials = (uint8_t)(k->n_trials + n);
    }
    k->whole = tried == v->n;
}

/* ------------------------------------------------------------------------------------------------------------------- slots */

struct path {
    uint32_t term, uses;
};

static int
by_uses(const void *a, const void *b)
{
    const struct path *x = a, *y = b;
    if (x->uses != y->uses)
        return x->uses > y->uses ? -1 : 1;
    return x->term < y->term ? -1 : x->term > y->term;
}

static bool
is_path(const struct graph *t, uint32_t term)
{
    while (t->at[term].op == EXPR_ATTRIBUTE)
        term = t->at[term].kid[0];
    return t->at[term].op == EXPR_VARIABLE;
}

/* How often terms stand in conditions, of which equal ones count as often as policies have them. What a term is made of counts with it. */
static void
count_uses(const struct graph *t, const uint32_t *roots, size_t n, uint32_t *uses)
{
    for (size_t i = 0; i < n; i++)
        uses[roots[i]]++;
    for (uint32_t i = (uint32_t)t->n; i-- > 0;)
        for (uint32_t k = 0; k < t->at[i].n; k++)
            if (__builtin_add_overflow(uses[t->at[i].kid[k]], uses[i], &uses[t->at[i].kid[k]]))
                uses[t->at[i].kid[k]] = UINT32_MAX;
}

/* The paths that are used most get slots. One that is used once is found when that is computed, unless there are few. */
#define SLOTS_ALL SLOTS_MAX
static void
give_slots(struct compiler *c, const uint32_t *roots, size_t n)
{
    struct growing paths = {NULL, 0, 0, false};
    uint32_t *uses = calloc(c->t->n + 1, sizeof *uses);
    if (uses)
        count_uses(c->t, roots, n, uses);
    for (uint32_t i = 0; uses && i < c->t->n; i++) {
        bool wanted = c->t->at[i].op == EXPR_ATTRIBUTE && uses[i] > 0 && is_path(c->t, i);
        struct path *to = wanted ? growing_add(&paths, 1, sizeof *to) : NULL;
        if (to)
            *to = (struct path){i, uses[i]};
    }
    const struct path *at = paths.at;
    if (paths.n)
        qsort(paths.at, paths.n, sizeof *at, by_uses);
    for (size_t i = 0; i < paths.n && c->p->n_slots < SLOTS_MAX && (paths.n <= SLOTS_ALL || at[i].uses > 1); i++) {
        struct vertex *t = &c->t->at[at[i].term];
        if (c->t->at[t->kid[0]].held == NOT_HELD)
            continue;
        c->p->slots[c->p->n_slots] = (struct slot){c->t->at[t->kid[0]].held, t->name};
        t->held = HELD_SLOTS + (uint32_t)c->p->n_slots++;
    }
    c->failed |= uses == NULL || paths.failed;
    free(paths.at);
    free(uses);
}

bool
compile_graph(struct graph *t, const uint32_t *roots, size_t n, struct program *p)
{
    struct compiler c = {.t = t, .p = p};
    uint8_t *is_root = calloc(t->n + 1, sizeof *is_root);
    c.constant_of = calloc(t->n + 1, sizeof *c.constant_of);
    c.name_of = calloc(t->n + 1, sizeof *c.name_of);
    c.failed = !is_root || !c.constant_of || !c.name_of;
    *p = (struct program){.n_code = 0};
    begin(&c);
    if (!c.failed)
        give_slots(&c, roots, n);
    if (!c.failed)
        chunks(&c, roots, n, is_root);
    for (size_t i = 0; !c.failed && i < n; i++)
        give_trials(&c, roots[i]);
    if (!c.failed)
        keep_all(&c);
    free(is_root);
    free(c.constant_of);
    free(c.name_of);
    free(c.code.at);
    free(c.chunks.at);
    free(c.constants.at);
    free(c.names.at);
    free(c.pieces.at);
    free(c.trials.at);
    free(c.patches.at);
    return !c.failed;
}
