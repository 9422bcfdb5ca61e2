/* The machine: runs code over the values of one request. */
#ifndef CEDAR_MACHINE_H
#define CEDAR_MACHINE_H

#include "cedar/ast.h"
#include "cedar/code.h"
#include "cedar/desk.h"
#include "cedar/entities.h"
#include "cedar/store.h"

/* Entities of one request. Entity i of the set is nodes[i]; one that the engine has a node for, too, is told by that node's number. */
struct overlay {
    const struct cedar_entities *set; /* NULL: none */
    struct node *nodes;
};

struct machine {
    const struct program *program;
    const struct interner *table;
    struct arena *a;
    struct desk *desk;
    const struct cedar_value *variables[VARIABLE_COUNT];
    struct overlay overlay;
};

/*
 * machine_run(m, chunk, text): the value of a chunk, or NULL and what went wrong in *${text}; *${text} is NULL, too, when memory ran out.
 */
const struct cedar_value *machine_run(struct machine *m, uint32_t chunk, const char **text);

/* machine_fill(m): the slots of this request; machine_run does so, too, when it was not done. */
void machine_fill(struct machine *m);

/* The node that ${v}, an entity, is known by; NULL when nothing knows it. machine_facts: what is known about ${n} in this request. */
const struct node *machine_find(const struct machine *m, const struct cedar_value *v);
const struct node *machine_overlaid(const struct machine *m, const struct node *n);

static inline const struct node *
machine_node(const struct machine *m, const struct cedar_value *v)
{
    const struct node *n = value_node(v);
    return n ? n : machine_find(m, v);
}

static inline const struct node *
machine_facts(const struct machine *m, const struct node *n)
{
    return m->overlay.set == NULL ? n : machine_overlaid(m, n);
}

/* overlay_make(m, set): false when memory ran out, or ${set} has an entity that the store knows or names as a parent. */
bool overlay_make(struct machine *m, const struct cedar_entities *set);

#endif
