#include "cedar/machine.h"

#include "cedar/operate.h"
#include "cedar/trial.h"

_Static_assert(DESK_HELD == HELD_SLOTS + SLOTS_MAX && HELD_SLOTS == VARIABLE_COUNT, "a desk holds what any program asks for");

/* -------------------------------------------------------------------------------------------------------- records, entities */

/* The place of a field, or the number of fields. ${interned}: ${name} is the one copy of its text, so that in records with such keys its address will do. */
static size_t
field_at(const struct cedar_value *record, struct cedar_str name, bool interned)
{
    const struct value_field *at = record->record.at;
    size_t n = record->record.n, i = 0;
    if (n > 16) {
        const struct value_field *found = value_find(record, name);
        return found ? (size_t)(found - at) : n;
    }
    if (interned && record->own_keys)
        while (i < n && at[i].key.at != name.at)
            i++;
    else
        while (i < n && !str_eq(at[i].key, name))
            i++;
    return i;
}

static const struct cedar_value *
field(const struct cedar_value *record, struct cedar_str name, bool interned)
{
    size_t i = field_at(record, name, interned);
    return i < record->record.n ? record->record.at[i].value : NULL;
}

/* The same for an interned name that likely stands where it stood last time, since records of one kind have the same keys. */
static inline const struct cedar_value *
hinted(const struct cedar_value *record, struct cedar_str name, uint32_t *hint)
{
    const struct value_field *at = record->record.at;
    size_t n = record->record.n, i = *hint;
    if (i < n && (at[i].key.at == name.at || (!record->own_keys && str_eq(at[i].key, name))))
        return at[i].value;
    i = field_at(record, name, true);
    if (i == n)
        return NULL;
    *hint = (uint32_t)i;
    return at[i].value;
}

static const struct node *
facts(const struct machine *m, const struct cedar_value *v)
{
    const struct node *n = machine_node(m, v);
    return n ? machine_facts(m, n) : NULL;
}

/* The attributes of a record or known entity; else NULL. */
static inline const struct cedar_value *
attributes(const struct machine *m, const struct cedar_value *v)
{
    if (v->kind == VALUE_RECORD)
        return v;
    const struct node *n = v->kind == VALUE_ENTITY ? facts(m, v) : NULL;
    return n && n->known ? n->attributes : NULL;
}

/* The attribute of a record or known entity, NULL when it is not there. */
static const struct cedar_value *
attribute(const struct machine *m, const struct cedar_value *v, struct cedar_str name)
{
    const struct cedar_value *of = attributes(m, v);
    return of ? field(of, name, true) : NULL;
}

static const struct cedar_value *
no_attribute(struct machine *m, const struct cedar_value *v, struct cedar_str name)
{
    struct fault *f = &m->desk->fault;
    if (v->kind == VALUE_RECORD)
        return fault_lacks(f, NULL, "attribute", name);
    if (v->kind != VALUE_ENTITY)
        return fault_no_attributes(f, v);
    const struct node *n = facts(m, v);
    return n && n->known ? fault_lacks(f, &v->uid, "attribute", name) : fault_no_entity(f, &v->uid);
}

/* ------------------------------------------------------------------------------------------------------------------- slots */

static uint64_t
keys_of(const struct cedar_value *record)
{
    uint64_t keys = 0;
    for (size_t i = 0; i < record->record.n; i++)
        keys |= UINT64_C(1) << key_bit(record->record.at[i].key);
    return keys;
}

void
machine_fill(struct machine *m)
{
    const struct program *p = m->program;
    struct desk *d = m->desk;
    const struct cedar_value *record = NULL;
    uint32_t of = UINT32_MAX;
    for (size_t i = 0; i < HELD_SLOTS; i++)
        d->held[i] = m->variables[i];
    if (p->keys)
        d->keys = keys_of(m->variables[VARIABLE_CONTEXT]);
    for (size_t i = 0; i < p->n_slots; i++) {
        const struct slot *s = &p->slots[i];
        if (s->of != of)
            record = d->held[s->of] ? attributes(m, d->held[s->of]) : NULL;
        of = s->of;
        d->held[HELD_SLOTS + i] = record ? hinted(record, s->name, &d->hints[i]) : NULL;
    }
    d->filled = d->stamp;
}

/* Why a slot is empty: NULL. */
static const struct cedar_value *
empty(struct machine *m, uint32_t operand)
{
    const struct slot *s = &m->program->slots[operand & OPERAND_INDEX];
    while (m->desk->held[s->of] == NULL)
        s = &m->program->slots[s->of - HELD_SLOTS];
    return no_attribute(m, m->desk->held[s->of], s->name);
}

static const struct cedar_value *
has(struct machine *m, const struct cedar_value *v, const struct pieces *names)
{
    for (size_t i = 0; i < names->n; i++) {
        if (v->kind != VALUE_RECORD && v->kind != VALUE_ENTITY)
            return fault_no_attributes(&m->desk->fault, v);
        if ((v = attribute(m, v, names->at[i])) == NULL)
            return &value_false;
    }
    return &value_true;
}

static const struct cedar_value *
tag(struct machine *m, enum code_op op, const struct cedar_value *a, const struct cedar_value *b)
{
    struct fault *f = &m->desk->fault;
    if (a->kind != VALUE_ENTITY)
        return fault_kind(f, VALUE_ENTITY, a);
    if (b->kind != VALUE_STRING)
        return fault_kind(f, VALUE_STRING, b);
    const struct node *n = facts(m, a);
    const struct cedar_value *found = n && n->known ? field(n->tags, b->text, b->interned) : NULL;
    if (op == CODE_HAS_TAG)
        return value_truth(found != NULL);
    if (n == NULL || !n->known)
        return fault_no_entity(f, &a->uid);
    return found ? found : fault_lacks(f, &a->uid, "tag", b->text);
}

/* --------------------------------------------------------------------------------------------------------------------- sets */

/* Interned sets have their elements a second time, by address. */
static bool
set_has_address(const struct value_set *s, const struct cedar_value *v)
{
    const struct cedar_value *const *at = s->at + s->n;
    size_t n = s->n;
    if (n == 0)
        return false;
    while (n > 1) {
        size_t half = n / 2;
        at += (uintptr_t)at[half] <= (uintptr_t)v ? half : 0;
        n -= half;
    }
    return *at == v;
}

static bool
set_has(const struct machine *m, const struct cedar_value *set, const struct cedar_value *v)
{
    if (!set->interned && set->set.n > 4)
        return value_set_has(set, v);
    if (!set->interned || (!v->interned && set->set.n <= 2)) {
        for (size_t i = 0; i < set->set.n; i++)
            if (value_same(set->set.at[i], v))
                return true;
        return false;
    }
    const struct cedar_value *own = intern_find(m->table, v);
    return own && set_has_address(&set->set, own);
}

static const struct cedar_value *
contains_many(struct machine *m, enum code_op op, const struct cedar_value *a, const struct cedar_value *b)
{
    if (a->kind != VALUE_SET || b->kind != VALUE_SET)
        return fault_kind(&m->desk->fault, VALUE_SET, a->kind != VALUE_SET ? a : b);
    bool all = op == CODE_CONTAINS_ALL;
    for (size_t i = 0; i < b->set.n; i++)
        if (set_has(m, a, b->set.at[i]) != all)
            return value_truth(!all);
    return value_truth(all);
}

static bool
in_one(const struct machine *m, const struct cedar_value *a, const struct node *low, const struct cedar_value *above)
{
    if (value_same(a, above))
        return true;
    const struct node *high = low && low->n_ancestors ? machine_node(m, above) : NULL;
    return high && node_in(low, high->number);
}

static const struct cedar_value *
in_set(struct machine *m, const struct cedar_value *a, const struct node *low, const struct value_set *set)
{
    for (size_t i = 0; i < set->n; i++)
        if (set->at[i]->kind != VALUE_ENTITY)
            return fault_kind(&m->desk->fault, VALUE_ENTITY, set->at[i]);
    for (size_t i = 0; i < set->n; i++)
        if (in_one(m, a, low, set->at[i]))
            return &value_true;
    return &value_false;
}

static const struct cedar_value *
in(struct machine *m, const struct cedar_value *a, const struct cedar_value *b)
{
    if (a->kind != VALUE_ENTITY)
        return fault_kind(&m->desk->fault, VALUE_ENTITY, a);
    if (b->kind != VALUE_ENTITY && b->kind != VALUE_SET)
        return fault_not_in(&m->desk->fault, b);
    const struct node *low = facts(m, a);
    if (b->kind == VALUE_ENTITY)
        return value_truth(in_one(m, a, low, b));
    return in_set(m, a, low, &b->set);
}

/* ------------------------------------------------------------------------------------------------------------------ others */

static const struct cedar_value *
made(struct machine *m, const struct cedar_value *v)
{
    return v ? v : fault_memory(&m->desk->fault);
}

static inline bool
comparable(struct machine *m, const struct cedar_value *a, const struct cedar_value *b)
{
    if (a->kind == b->kind && operate_ordered(a->kind))
        return true;
    fault_not_comparable(&m->desk->fault, a, b);
    return false;
}

static const struct cedar_value *
compare(struct machine *m, enum code_op op, const struct cedar_value *a, const struct cedar_value *b)
{
    if (!comparable(m, a, b))
        return NULL;
    switch (op) {
    case CODE_LESS:
        return value_truth(a->number < b->number);
    case CODE_LESS_EQUAL:
        return value_truth(a->number <= b->number);
    case CODE_GREATER:
        return value_truth(a->number > b->number);
    default:
        return value_truth(a->number >= b->number);
    }
}

static const struct cedar_value *
calculate(struct machine *m, enum code_op op, const struct cedar_value *a, const struct cedar_value *b)
{
    char operator= op == CODE_ADD ? '+' : op == CODE_SUBTRACT ? '-' : '*';
    int64_t result;
    if (a->kind != VALUE_LONG || b->kind != VALUE_LONG)
        return fault_kind(&m->desk->fault, VALUE_LONG, a->kind != VALUE_LONG ? a : b);
    if (!operate_arithmetic(&m->desk->fault, operator, a->number, b->number, &result))
        return NULL;
    return made(m, value_number(m->a, VALUE_LONG, result));
}

static const struct cedar_value *
negate(struct machine *m, const struct cedar_value *v)
{
    if (v->kind != VALUE_LONG)
        return fault_kind(&m->desk->fault, VALUE_LONG, v);
    if (v->number == INT64_MIN)
        return fault_negate(&m->desk->fault, v->number);
    return made(m, value_number(m->a, VALUE_LONG, -v->number));
}

static const struct cedar_value *
record(struct machine *m, const struct cedar_value **list, const struct pieces *names)
{
    struct value_field *fields = arena_list(m->a, names->n, sizeof *fields);
    for (size_t i = 0; fields && i < names->n; i++)
        fields[i] = (struct value_field){names->at[i], list[i]};
    return made(m, fields ? value_record(m->a, fields, names->n) : NULL);
}

/* What a list register holds while it is filled: not a value, and the verifier keeps the two apart. */
static const struct cedar_value **
list_of(const struct cedar_value *held)
{
    return (const struct cedar_value **)(uintptr_t)held;
}

/* ------------------------------------------------------------------------------------------------------------------ trials */

static int
within(const struct machine *m, const struct trial *t, const struct cedar_value *v, const struct cedar_value *above)
{
    if (v->kind != VALUE_ENTITY || (above->kind != VALUE_ENTITY && t->literal == NULL))
        return TRIAL_UNSURE;
    const struct node *low = facts(m, v);
    if (above->kind == VALUE_ENTITY)
        return in_one(m, v, low, above);
    for (size_t i = 0; i < above->set.n; i++)
        if (in_one(m, v, low, above->set.at[i]))
            return true;
    return false;
}

static int
called(enum ext_function f, const struct cedar_value *a, const struct cedar_value *b)
{
    if (a->kind != ext_argument(f, 0) || b->kind != ext_argument(f, 1))
        return TRIAL_UNSURE;
    switch (f) {
    case EXT_IS_IN_RANGE:
        return ext_ip_in_range(&a->ip, &b->ip);
    case EXT_LESS_THAN:
        return a->number < b->number;
    case EXT_LESS_EQUAL:
        return a->number <= b->number;
    case EXT_GREATER_THAN:
        return a->number > b->number;
    default:
        return a->number >= b->number;
    }
}

int
trial_hard(const struct machine *m, const struct trial *t, const struct cedar_value *a, const struct cedar_value *b)
{
    switch ((enum trial_kind)t->kind) {
    case TRIAL_IN:
        return within(m, t, a, b);
    case TRIAL_CONTAINS:
        return a->kind == VALUE_SET ? set_has(m, a, b) : TRIAL_UNSURE;
    case TRIAL_AMONG:
        return set_has(m, b, a);
    case TRIAL_CALL:
        return called((enum ext_function)t->bit, a, b);
    case TRIAL_LIKE:
        return a->kind == VALUE_STRING ? operate_like(str_bytes(a->text), t->pattern) : TRIAL_UNSURE;
    default:
        return TRIAL_UNSURE;
    }
}

/* -------------------------------------------------------------------------------------------------------------------- loop */

/* The chunk that runs, and all that wait for it, have no value for the reason in the fault. */
static const struct cedar_value *
give_up(struct machine *m, uint32_t chunk, size_t depth, const char **text)
{
    struct desk *d = m->desk;
    *text = d->fault.memory ? NULL : arena_str(m->a, bytes_str(d->fault.room));
    fault_reset(&d->fault);
    for (;;) {
        uint32_t memo = m->program->chunks[chunk].memo;
        if (memo != NO_MEMO)
            d->memos[memo] = (struct memo){NULL, *text, d->stamp};
        if (depth == 0)
            return NULL;
        chunk = d->frames[--depth].chunk;
    }
}

const struct cedar_value *
machine_run(struct machine *m, uint32_t chunk, const char **text)
{
    const struct program *p = m->program;
    struct desk *desk = m->desk;
    const struct chunk *now = &p->chunks[chunk];
    const struct cedar_value **r = desk->registers, *v = NULL, *a, *b;
    const struct cedar_value *const *base[OPERAND_KINDS] = {r, p->constants, m->variables, desk->held + HELD_SLOTS};
    const struct code *c = &p->code[now->start];
    size_t depth = 0;
    uint32_t operand;

    if (desk->filled != desk->stamp)
        machine_fill(m);
    if (now->memo != NO_MEMO && desk->memos[now->memo].stamp == desk->stamp) {
        *text = desk->memos[now->memo].text;
        return desk->memos[now->memo].value;
    }
/* Only a slot can be empty: registers were written before (code_verify). */
#define GET(to, from)                                                                                                                                \
    do {                                                                                                                                             \
        operand = (from);                                                                                                                            \
        (to) = base[operand >> OPERAND_SHIFT][operand & OPERAND_INDEX];                                                                              \
        if (__builtin_expect((to) == NULL, 0))                                                                                                       \
            goto no_operand;                                                                                                                         \
    } while (0)
#define GET_BOTH                                                                                                                                     \
    do {                                                                                                                                             \
        GET(a, c->a);                                                                                                                                \
        GET(b, c->b);                                                                                                                                \
    } while (0)
#define JUMP_UNLESS(test)                                                                                                                            \
    do {                                                                                                                                             \
        if ((test) != c->d)                                                                                                                          \
            c = &p->code[now->start + c->x] - 1;                                                                                                     \
    } while (0)
#define JUMP_COMPARED(operator)                                                                                                                      \
    do {                                                                                                                                             \
        GET_BOTH;                                                                                                                                    \
        if (!comparable(m, a, b))                                                                                                                    \
            return give_up(m, chunk, depth, text);                                                                                                   \
        JUMP_UNLESS(a->number operator b->number);                                                                                                   \
    } while (0)
    for (;; c++) {
        switch ((enum code_op)c->op) {
        case CODE_MOVE:
            GET(v, c->a);
            break;
        case CODE_TERM: {
            const struct memo *memo = &desk->memos[p->chunks[c->x].memo];
            if (memo->stamp != desk->stamp) {
                desk->frames[depth++] = (struct frame){c + 1, r, chunk, c->d};
                r += now->registers;
                base[OPERAND_REGISTER] = r;
                chunk = c->x;
                now = &p->chunks[chunk];
                c = &p->code[now->start] - 1;
                continue;
            }
            if ((v = memo->value) == NULL) {
                if (memo->text)
                    fault_add(&desk->fault, "%s", memo->text);
                else
                    fault_memory(&desk->fault);
            }
            break;
        }
        case CODE_JUMP:
            c = &p->code[now->start + c->x] - 1;
            continue;
        case CODE_IF_FALSE:
        case CODE_IF_TRUE:
            GET(v, c->a);
            if (v->kind != VALUE_BOOL) {
                v = fault_kind(&desk->fault, VALUE_BOOL, v);
                break;
            }
            if (v->truth == (c->op == CODE_IF_TRUE))
                c = &p->code[now->start + c->x] - 1;
            continue;
        case CODE_BOOL:
            GET(v, c->a);
            if (v->kind == VALUE_BOOL)
                continue;
            v = fault_kind(&desk->fault, VALUE_BOOL, v);
            break;
        case CODE_NOT:
            GET(v, c->a);
            v = v->kind == VALUE_BOOL ? value_truth(!v->truth) : fault_kind(&desk->fault, VALUE_BOOL, v);
            break;
        case CODE_NEGATE:
            GET(a, c->a);
            v = negate(m, a);
            break;
        case CODE_EQUAL:
            GET_BOTH;
            v = value_truth(value_same(a, b));
            break;
        case CODE_UNEQUAL:
            GET_BOTH;
            v = value_truth(!value_same(a, b));
            break;
        case CODE_LESS:
        case CODE_LESS_EQUAL:
        case CODE_GREATER:
        case CODE_GREATER_EQUAL:
            GET_BOTH;
            v = compare(m, c->op, a, b);
            break;
        case CODE_IN:
            GET_BOTH;
            v = in(m, a, b);
            break;
        case CODE_ADD:
        case CODE_SUBTRACT:
        case CODE_MULTIPLY:
            GET_BOTH;
            v = calculate(m, c->op, a, b);
            break;
        case CODE_CONTAINS:
            GET_BOTH;
            v = a->kind == VALUE_SET ? value_truth(set_has(m, a, b)) : fault_kind(&desk->fault, VALUE_SET, a);
            break;
        case CODE_CONTAINS_ALL:
        case CODE_CONTAINS_ANY:
            GET_BOTH;
            v = contains_many(m, c->op, a, b);
            break;
        case CODE_IS_EMPTY:
            GET(v, c->a);
            v = v->kind == VALUE_SET ? value_truth(v->set.n == 0) : fault_kind(&desk->fault, VALUE_SET, v);
            break;
        case CODE_GET_TAG:
        case CODE_HAS_TAG:
            GET_BOTH;
            v = tag(m, c->op, a, b);
            break;
        case CODE_ATTRIBUTE:
            GET(a, c->a);
            v = attribute(m, a, p->names[c->x]);
            if (v == NULL)
                v = no_attribute(m, a, p->names[c->x]);
            break;
        case CODE_HAS:
            GET(a, c->a);
            v = has(m, a, &p->pieces[c->x]);
            break;
        case CODE_LIKE:
            GET(v, c->a);
            v = v->kind == VALUE_STRING ? value_truth(operate_like(str_bytes(v->text), &p->pieces[c->x])) : fault_kind(&desk->fault, VALUE_STRING, v);
            break;
        case CODE_IS:
            GET(v, c->a);
            v = v->kind == VALUE_ENTITY ? value_truth(str_eq(v->uid.type, p->names[c->x])) : fault_kind(&desk->fault, VALUE_ENTITY, v);
            break;
        case CODE_LIST:
            v = made(m, arena_list(m->a, c->x, sizeof(struct cedar_value *)));
            break;
        case CODE_PUT:
            GET(a, c->a);
            list_of(r[c->d])[c->x] = a;
            continue;
        case CODE_SET:
            v = made(m, value_set(m->a, list_of(r[c->b]), c->a));
            break;
        case CODE_RECORD:
            v = record(m, list_of(r[c->b]), &p->pieces[c->x]);
            break;
        case CODE_CALL:
            v = ext_call((enum ext_function)c->x, list_of(r[c->b]), c->a, m->a, &desk->fault);
            break;
        case CODE_CALL_1:
            GET(a, c->a);
            v = ext_call((enum ext_function)c->x, &a, 1, m->a, &desk->fault);
            break;
        case CODE_CALL_2: {
            GET_BOTH;
            const struct cedar_value *args[] = {a, b};
            v = ext_call((enum ext_function)c->x, args, 2, m->a, &desk->fault);
            break;
        }
        case CODE_TEST_EQUAL:
            GET_BOTH;
            JUMP_UNLESS(value_same(a, b));
            continue;
        case CODE_TEST_LESS:
            JUMP_COMPARED(<);
            continue;
        case CODE_TEST_LESS_EQUAL:
            JUMP_COMPARED(<=);
            continue;
        case CODE_TEST_GREATER:
            JUMP_COMPARED(>);
            continue;
        case CODE_TEST_GREATER_EQUAL:
            JUMP_COMPARED(>=);
            continue;
        case CODE_TEST_IN:
            GET_BOTH;
            if ((v = in(m, a, b)) == NULL)
                break;
            JUMP_UNLESS(v->truth);
            continue;
        case CODE_TEST_CONTAINS:
            GET_BOTH;
            if (a->kind != VALUE_SET) {
                v = fault_kind(&desk->fault, VALUE_SET, a);
                break;
            }
            JUMP_UNLESS(set_has(m, a, b));
            continue;
        case CODE_RETURN:
        case CODE_COUNT:
            GET(v, c->a);
            if (now->memo != NO_MEMO)
                desk->memos[now->memo] = (struct memo){v, NULL, desk->stamp};
            if (depth == 0)
                return v;
            depth--;
            r = desk->frames[depth].registers;
            base[OPERAND_REGISTER] = r;
            chunk = desk->frames[depth].chunk;
            now = &p->chunks[chunk];
            r[desk->frames[depth].d] = v;
            c = (const struct code *)desk->frames[depth].next - 1;
            continue;
        }
        if (v == NULL)
            return give_up(m, chunk, depth, text);
        r[c->d] = v;
        continue;
    no_operand:
        empty(m, operand);
        return give_up(m, chunk, depth, text);
    }
#undef GET
#undef GET_BOTH
#undef JUMP_UNLESS
#undef JUMP_COMPARED
}
