/* What the gate does with limits (src/limits) and breakers: limit.c, breaker.c. */
#ifndef GATE_MCP_LIMIT_H
#define GATE_MCP_LIMIT_H

#include "gate/mcp/mcp.h"

struct err limit_make(struct gate *g) MUST_USE;
void limit_free(struct gate *g);

/* Each false: the request has its answer, or (limit_place) it waits and will be taken again. */
bool limit_bytes(struct down *d);
bool limit_rate(struct down *d, struct bytes name, const struct tool *tool);
/* limit_repeats: once for a request; ${arguments}: typed. */
bool limit_repeats(struct down *d, struct bytes name, const struct json *arguments, const struct tool *tool);
bool limit_place(struct down *d, struct bytes name, const struct tool *tool);
/* limit_late(d): it has waited too long. limit_over(d): it is finished, however. */
void limit_late(struct down *d);
void limit_over(struct down *d);
/* limit_refuse(d, name, why): the error, and the record. limit_put_data: members of its data. */
void limit_refuse(struct down *d, struct bytes name, const struct limited *why);
void limit_put_data(struct buf *data, const struct limited *why);
struct limits_agent *limit_agent(struct session *s);

/*
 * breaker.c. Two for each agent and destination: one of its own, and one that all share, which opens only by what no agent can bring about: the
 * server cannot be connected to, or its program cannot be started.
 */
bool limit_breaker(struct down *d, struct bytes name);
/* limit_start(l, wait_ms): may a conversation begin? limit_started: it has. limit_start_over: it ended before, and that tells nothing. */
bool limit_start(struct link *l, uint64_t *wait_ms);
void limit_started(struct link *l);
void limit_start_over(struct link *l);
/* limit_good(l): the server has answered. limit_bad(l, d, e): it failed; whether that counts depends on the error. limit_asked: it says when to come back. */
void limit_good(struct link *l, struct down *d);
void limit_bad(struct link *l, struct down *d, struct err e);
void limit_asked(struct link *l, struct down *d, uint64_t ms);
/* limit_probe_over(d): what went out to see tells nothing any more. */
void limit_probe_over(struct down *d);
/* limit_wait_ms(s): until its destination may be tried; 0: now. */
uint64_t limit_wait_ms(struct session *s);
/* breakers_json(g, r, b): members of a destination's state. */
void breakers_json(struct gate *g, const struct route *r, struct buf *b);

#endif
