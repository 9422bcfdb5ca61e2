/*
 * JSON-RPC 2.0 messages as MCP uses them (one object a message; no batches; ids are strings or integers, never null).
 */
#ifndef GATE_MCP_RPC_H
#define GATE_MCP_RPC_H

#include "base/json.h"

enum rpc_kind { RPC_REQUEST, RPC_NOTIFICATION, RPC_RESPONSE };

struct rpc {
    enum rpc_kind kind;
    struct json *root, *id, *params, *result, *error;
    struct bytes method; /* unescaped; empty for a response */
};

/* rpc_read(a, text, out): E_JSON, E_LIMIT, or E_PROTOCOL with what is wrong. The text must outlive ${out}. */
struct err rpc_read(struct arena *a, struct bytes text, struct rpc *out) MUST_USE;

/* rpc_meta(rpc, key): a member of params._meta, or NULL. */
struct json *rpc_meta(const struct rpc *rpc, const char *key);
struct json *rpc_param(const struct rpc *rpc, const char *key);

void rpc_put_request(struct buf *b, struct bytes id, struct bytes method, struct bytes params);
void rpc_put_notification(struct buf *b, struct bytes method, struct bytes params);
void rpc_put_result(struct buf *b, struct bytes id, struct bytes result);
/* ${data}: a JSON value or empty. ${id} empty: null. */
void rpc_put_error(struct buf *b, struct bytes id, int code, const char *message, struct bytes data);
/* rpc_put_again(b, rpc, id): the message as it was, every byte of its members, with another id. */
void rpc_put_again(struct buf *b, const struct rpc *rpc, struct bytes id);

/* Error codes: JSON-RPC's and MCP's. Writ's own lie outside the reserved -32768…-32000. */
enum {
    RPC_PARSE = -32700,
    RPC_INVALID_REQUEST = -32600,
    RPC_NO_METHOD = -32601,
    RPC_INVALID_PARAMS = -32602,
    RPC_INTERNAL = -32603,
    RPC_OLD_NOT_FOUND = -32002,   /* 2025-11-25: no such resource */
    RPC_OLD_ELICITATION = -32042, /* 2025-11-25: the person has to go to a page first */
    RPC_HEADER_MISMATCH = -32020,
    RPC_MISSING_CAPABILITY = -32021,
    RPC_UNSUPPORTED_VERSION = -32022,
    RPC_WRIT_REFUSED = 4030,   /* the decision was no */
    RPC_WRIT_ENDED = 4031,     /* the writ is over */
    RPC_WRIT_LIMITED = 4290,   /* a limit; the data says when to come back */
    RPC_WRIT_UPSTREAM = 5020,  /* the destination failed */
    RPC_WRIT_DOWN = 5030,      /* a part of Writ is down */
};

#endif
