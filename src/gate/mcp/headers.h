/*
 * The headers of 2026-07-28 that say again what stands in the body (streamable HTTP, "Request Metadata"). The body decides; a header that
 * says something else is refused on the way in, and every header on the way out is made from the body that is sent.
 */
#ifndef GATE_MCP_HEADERS_H
#define GATE_MCP_HEADERS_H

#include "estate/estate.h"
#include "gate/mcp/rpc.h"
#include "net/http.h"

/* headers_name(m): what Mcp-Name says of a request: params.name, params.uri or params.taskId, by its method; at == NULL: the header does not belong to it. */
struct bytes headers_name(const struct rpc *m);

/* headers_check(m, h, tool): do the headers say what the request says? ${tool}: the pinned tool of a tools/call, or NULL. E_PROTOCOL. */
struct err headers_check(const struct rpc *m, const struct http_headers *h, const struct tool *tool) MUST_USE;

/* headers_value(a, v): as a field value: plain where it can be, else in MCP's base64 form. at == NULL: no memory. */
struct bytes headers_value(struct arena *a, struct bytes v);

/* headers_params(tool, arguments, a, list, max, n): append an Mcp-Param-* header for each argument that the pinned tool marks. E_LIMIT, E_MEMORY. */
struct err
headers_params(const struct tool *tool, const struct json *arguments, struct arena *a, struct http_header *list, size_t max, size_t *n) MUST_USE;

#endif
