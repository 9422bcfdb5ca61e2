/*
 * Calls for two engines to answer alike: of one generated application its schema, policies, entities and requests, in all their forms,
 * whole and damaged. Lines are those of cedar_calls.h.
 */
#ifndef CEDAR_GENERATE_H
#define CEDAR_GENERATE_H

#include "cedar_world.h"

typedef void (*generate_emit)(void *ctx, struct bytes line);

/* generate_group(c, emit, ctx): the calls of one application, some hundreds. Deterministic in ${c}. */
void generate_group(struct choice *c, generate_emit emit, void *ctx);

/* For fuzzing: a world's policies as one text, its entities and a request (as a call `ask`), from one stream of choices. */
void generate_case(struct choice *c, struct arena *a, struct buf *policies, struct buf *entities, struct buf *request);

#endif
