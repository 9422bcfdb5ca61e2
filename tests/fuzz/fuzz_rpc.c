/*
 * Any bytes as a JSON-RPC message: what is accepted has one kind and the members of that kind; sent on with another id it is the same
 * message. Links: base, gate (rpc.c).
 */
#include <stdlib.h>

#include "gate/mcp/rpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(what)                                                                                                                                \
    do {                                                                                                                                             \
        if (!(what))                                                                                                                                 \
            abort();                                                                                                                                 \
    } while (0)

static void
check_kind(const struct rpc *m)
{
    REQUIRE(bytes_is(json_text(m->root, "jsonrpc"), "2.0"));
    REQUIRE(m->id == NULL || ((m->id->type == JSON_STRING || m->id->type == JSON_INT) && m->id->raw.n <= 256));
    REQUIRE(m->params == NULL || m->params->type == JSON_OBJECT);
    if (m->kind == RPC_RESPONSE)
        REQUIRE(m->id && m->method.n == 0 && (m->result == NULL) != (m->error == NULL));
    else
        REQUIRE(m->method.n && m->method.n <= 128 && m->result == NULL && m->error == NULL && (m->kind == RPC_REQUEST) == (m->id != NULL));
}

/* A server's message on its way to a client, or back: every byte but the id stays. */
static void
check_again(struct arena *a, const struct rpc *m)
{
    struct buf b = buf_make(1 << 20);
    struct rpc again;
    rpc_put_again(&b, m, BYTES("\"other\""));
    REQUIRE(!b.failed && !err_failed(rpc_read(a, buf_bytes(&b), &again)));
    REQUIRE(again.kind == m->kind && bytes_eq(again.method, m->method));
    REQUIRE(m->id == NULL || bytes_is(again.id->text, "other"));
    REQUIRE(m->params == NULL || bytes_eq(again.params->raw, m->params->raw));
    REQUIRE(m->result == NULL || bytes_eq(again.result->raw, m->result->raw));
    REQUIRE(m->error == NULL || bytes_eq(again.error->raw, m->error->raw));
    buf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {.max = (size_t)64 << 20};
    struct rpc m;
    struct err e = rpc_read(&a, bytes_make(data, size), &m);
    if (err_failed(e)) {
        REQUIRE((e.code == E_JSON || e.code == E_LIMIT || e.code == E_PROTOCOL) && e.text[0]);
    } else {
        check_kind(&m);
        check_again(&a, &m);
    }
    arena_free(&a);
    return 0;
}
