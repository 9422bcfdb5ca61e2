/*
 * The code of conditions. A term (graph.h) that is used more than once, and every policy's whole condition, is a chunk: a straight run of
 * instructions with registers of its own that ends in RETURN. Chunks are computed when they are first asked for in a request and
 * remembered. Jumps lead forward, and a chunk calls only chunks of lower number, so every run ends; code_verify sees to that once, and to
 * all numbers being in range and no register being read before it is written, so that the machine needs no checks.
 */
#ifndef CEDAR_CODE_H
#define CEDAR_CODE_H

#include "cedar/ext.h"
#include "cedar/intern.h"
#include "cedar/lexer.h"

/*
 * d: a register that gets the result. a, b: operands (registers, constants, variables). x: a number as the comment says.
 * "Must be" means: else the fault "type error: expected …", and the whole chunk has no value.
 *
 *      code          uses  what it does */
#define CODE_TABLE(C)                                                                                                                                \
    C(CODE_MOVE, "da", "d = a")                                                                                                                      \
    C(CODE_TERM, "dt", "d = the value of chunk x, from memory when it was computed before")                                                          \
    C(CODE_JUMP, "j", "go on at x")                                                                                                                  \
    C(CODE_IF_FALSE, "aj", "a must be a bool; go on at x when it is false")                                                                          \
    C(CODE_IF_TRUE, "aj", "a must be a bool; go on at x when it is true")                                                                            \
    C(CODE_BOOL, "a", "a must be a bool")                                                                                                            \
    C(CODE_NOT, "da", "a must be a bool; d = !a")                                                                                                    \
    C(CODE_NEGATE, "da", "a must be a long; d = -a; fault on overflow")                                                                              \
    C(CODE_EQUAL, "dab", "d = a == b")                                                                                                               \
    C(CODE_UNEQUAL, "dab", "d = a != b")                                                                                                             \
    C(CODE_LESS, "dab", "a, b must be two longs, datetimes or durations; d = a < b")                                                                 \
    C(CODE_LESS_EQUAL, "dab", "… d = a <= b")                                                                                                        \
    C(CODE_GREATER, "dab", "… d = a > b")                                                                                                            \
    C(CODE_GREATER_EQUAL, "dab", "… d = a >= b")                                                                                                     \
    C(CODE_IN, "dab", "a must be an entity, b an entity or a set of them only; d = a in b")                                                          \
    C(CODE_ADD, "dab", "a, b must be longs; d = a + b; fault on overflow")                                                                           \
    C(CODE_SUBTRACT, "dab", "… d = a - b")                                                                                                           \
    C(CODE_MULTIPLY, "dab", "… d = a * b")                                                                                                           \
    C(CODE_CONTAINS, "dab", "a must be a set; d = b is an element of a")                                                                             \
    C(CODE_CONTAINS_ALL, "dab", "a, b must be sets; d = each element of b is one of a")                                                              \
    C(CODE_CONTAINS_ANY, "dab", "… d = some element of b is one of a")                                                                               \
    C(CODE_IS_EMPTY, "da", "a must be a set; d = it has no element")                                                                                 \
    C(CODE_GET_TAG, "dab", "a must be an entity, b a string; d = the tag b of a; fault without one")                                                 \
    C(CODE_HAS_TAG, "dab", "… d = a has the tag b")                                                                                                  \
    C(CODE_ATTRIBUTE, "dan", "a must be a record or entity; d = its attribute names[x]; fault without one")                                          \
    C(CODE_HAS, "dap", "a must be a record or entity, and so each value on the way; d = it has pieces[x]")                                           \
    C(CODE_LIKE, "dap", "a must be a string; d = it matches pieces[x]")                                                                              \
    C(CODE_IS, "dan", "a must be an entity; d = its type is names[x]")                                                                               \
    C(CODE_LIST, "lx", "d = a list with room for x values; only PUT, SET, RECORD and CALL use it")                                                   \
    C(CODE_PUT, "uax", "list d, place x = a")                                                                                                        \
    C(CODE_SET, "eb", "d = the set of the values in list b")                                                                                         \
    C(CODE_RECORD, "ebp", "d = the record with the names pieces[x] and the values in list b")                                                        \
    C(CODE_CALL, "ebf", "d = extension function x of the values in list b, which may fault")                                                         \
    C(CODE_CALL_1, "daf", "d = extension function x of a, which may fault")                                                                          \
    C(CODE_CALL_2, "dabf", "d = extension function x of a and b, which may fault")                                                                   \
    C(CODE_TEST_EQUAL, "abj", "go on at x unless (a == b) is d, here 0 or 1")                                                                        \
    C(CODE_TEST_LESS, "abj", "… unless (a < b) is d; as LESS")                                                                                       \
    C(CODE_TEST_LESS_EQUAL, "abj", "… unless (a <= b) is d; as LESS")                                                                                \
    C(CODE_TEST_GREATER, "abj", "… unless (a > b) is d; as LESS")                                                                                    \
    C(CODE_TEST_GREATER_EQUAL, "abj", "… unless (a >= b) is d; as LESS")                                                                             \
    C(CODE_TEST_IN, "abj", "… unless (a in b) is d; as IN")                                                                                          \
    C(CODE_TEST_CONTAINS, "abj", "… unless a.contains(b) is d; as CONTAINS")                                                                         \
    C(CODE_RETURN, "a", "the value of the chunk is a")

enum code_op {
#define C(op, uses, meaning) op,
    CODE_TABLE(C)
#undef C
        CODE_COUNT
};

/* An operand: where it is and its index there. One in a slot may have no value: then that is a fault. */
enum operand_kind { OPERAND_REGISTER, OPERAND_CONSTANT, OPERAND_VARIABLE, OPERAND_SLOT, OPERAND_KINDS };
#define OPERAND_SHIFT 30
#define OPERAND_INDEX ((UINT32_C(1) << OPERAND_SHIFT) - 1)
#define OPERAND(kind, index) ((uint32_t)(kind) << OPERAND_SHIFT | (uint32_t)(index))

struct code {
    uint16_t op, d;
    uint32_t a, b, x;
};

struct chunk {
    uint32_t start, n;
    uint32_t memo;   /* where its value is remembered, or NO_MEMO: it is asked for once */
    uint16_t registers;
    uint16_t calls;  /* chunks that run at once at most, itself included */
    uint32_t depth;  /* registers of those together */
    uint32_t trial;  /* of a policy's condition: where its trials begin */
    uint8_t n_trials;
    bool whole;      /* they are all of it */
};
#define NO_MEMO UINT32_MAX
#define REGISTERS_MAX 4096u

/*
 * The attributes that most conditions read have slots, which are filled before the first condition of a request runs: slot i is attribute
 * ${name} of ${of}, a variable or a slot before it, and stays empty when there is none.
 */
struct slot {
    uint32_t of;           /* held */
    struct cedar_str name; /* interned */
};
#define SLOTS_MAX 16u
/* A desk holds the parts of the request (enum variable) and behind them the slots. */
#define HELD_SLOTS 4u

/*
 * What many conditions begin with: a comparison of something held with a literal or something else held. It is tried before the code is
 * run and never faults: where it cannot tell, because something is missing or of the wrong kind, the code says what is the case.
 */
enum trial_kind {
    TRIAL_TRUE,  /* a */
    TRIAL_EQUAL, /* a == b */
    TRIAL_LESS,  /* a < b … */
    TRIAL_LESS_EQUAL,
    TRIAL_GREATER,
    TRIAL_GREATER_EQUAL,
    TRIAL_IN,       /* a in b, entities, or a literal set of such */
    TRIAL_CONTAINS, /* a.contains(b) */
    TRIAL_AMONG,    /* the literal, a set, has a as an element */
    TRIAL_CALL,     /* a.f(b), f by its number in ${bit}: isInRange, or a comparison of decimals */
    TRIAL_LIKE,     /* a like pattern */
    TRIAL_HAS,      /* a has name, which is no entity of the request's own */
};
struct trial {
    uint8_t kind; /* enum trial_kind */
    bool want;    /* the condition goes on when it is that */
    uint8_t a, b; /* held; b: only where ${literal} is NULL */
    uint8_t bit;  /* TRIAL_HAS: of the name, as key_bit says; TRIAL_IN: of the literal's node among those above a part of the request; or NO_BIT */
    uint8_t more; /* so many behind it are tried where it does not come out as wanted: of those together one must */
    union {
        const struct cedar_value *literal;
        const struct pieces *pattern; /* TRIAL_LIKE; TRIAL_HAS: the name */
    };
};
#define NO_BIT 64u
/* Trials of one condition. */
#define TRIALS_MAX 4u

/* key_bit(key): where a key stands in a mask of the keys that a record has. */
static inline uint8_t
key_bit(struct cedar_str key)
{
    return key.n == 0 ? 0 : (uint8_t)(key.n * 11 + (uint8_t)key.at[0] * 3 + (uint8_t)key.at[key.n - 1] * 7) & 63;
}

struct program {
    struct code *code;
    size_t n_code;
    struct chunk *chunks;
    size_t n_chunks;
    const struct cedar_value **constants;
    size_t n_constants;
    struct cedar_str *names; /* interned */
    size_t n_names;
    struct slot slots[SLOTS_MAX];
    size_t n_slots;
    struct trial *trials;
    size_t n_trials;
    bool keys;      /* some trial is TRIAL_HAS of the context */
    uint8_t masked; /* bit i: some trial is TRIAL_IN of part i of the request, by its bit */
    struct pieces *pieces; /* names in them are interned; parts of patterns need not be */
    size_t n_pieces;
    size_t n_memos;
    uint32_t depth; /* the largest of the chunks */
    uint16_t calls;
};

/* code_verify(p): does everything hold that the machine relies on? Sets ${depth} and ${calls} of chunks and program. */
bool code_verify(struct program *p);

#endif
