/*
 * Backpressure. A client that does not read keeps Writ from reading its server; a server that does not read keeps Writ from reading its client. Towards a
 * client at most 1 MiB waits (and what was read before it was seen), towards a server 1 MiB and what came in one piece.
 */
#ifndef GATE_MCP_FLOW_H
#define GATE_MCP_FLOW_H

#include "gate/mcp/mcp.h"

/* flow_down(d, full): its own stream takes no more, or does again. flow_session: all that goes to this client. */
void flow_down(struct down *d, bool full);
void flow_session(struct session *s, bool full);
/* flow_stopped(l, p): should what answers ${p} (NULL: what belongs to no request) be left unread? */
bool flow_stopped(const struct link *l, const struct pending *p);
/* flow_any_stopped(l): should the server be left unread that answers all of them over one stream? */
bool flow_any_stopped(const struct link *l);
/* flow_apply(l): have its transport ask again. */
void flow_apply(struct link *l);

/* flow_unsent(l, more, less): so many bytes are to be sent to the server more, so many were (or will not be). */
void flow_unsent(struct link *l, size_t more, size_t less);
/* flow_end(l): nothing waits for its server any more. */
void flow_end(struct link *l);

#endif
