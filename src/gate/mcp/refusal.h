/*
 * What was refused before there was a call to decide: messages that are none, headers that say other than the body, sessions, states and tasks of
 * others, answers to questions that nobody asked, servers that may not be reached or do not keep to the protocol. Each is on record, so
 * that trying is seen. A flood fills no log: of each kind, the first eight of a writ are recorded, then each one that doubles their number.
 */
#ifndef GATE_MCP_REFUSAL_H
#define GATE_MCP_REFUSAL_H

#include "gate/mcp/mcp.h"

enum refusal_kind {
    REFUSED_MESSAGE, /* no message of the protocol */
    REFUSED_HEADERS, /* headers against the body */
    REFUSED_ORIGIN,  /* Host or Origin of somebody else's page */
    REFUSED_PEER,    /* another user at the endpoint */
    REFUSED_ADDRESS, /* without the endpoint's secret */
    REFUSED_SESSION, /* a session that is not one of this endpoint and destination */
    REFUSED_STATE,   /* requestState of another request, session or writ, or used before */
    REFUSED_TASK,    /* a task that no call of this session made */
    REFUSED_ANSWER,  /* an answer to what was not asked */
    REFUSED_TOKEN,   /* a credential that came with a request: it goes no further, the request does */
    REFUSED_SERVER,  /* by the gate: the server may not be reached, or said what no server may */
    REFUSAL_KINDS
};
_Static_assert(REFUSAL_KINDS <= WRIT_TURNED_AWAY, "a writ counts each kind");

struct refusal {
    enum refusal_kind kind;
    struct writ *writ;       /* NULL: of nobody's task, such as a look at what a server offers */
    const char *destination; /* "": of all at one address */
    const char *call;        /* or NULL */
    const char *why;         /* no value that was sent */
};

/* refusal_record(g, r): loop's thread. A log that fails stops everything else. */
void refusal_record(struct gate *g, const struct refusal *r);
/* For a request of a session. */
void refusal_of(struct session *s, const char *call, enum refusal_kind kind, const char *why);
/* For a link that ends, or a request of it that failed: when the server is to blame, or whoever named its address. */
void refusal_of_server(struct link *l, const char *call, struct err e);

#endif
