/* What a link proves itself with: an account of src/creds, for as long as the link lives. */
#include <stdio.h>

#include "gate/mcp/mcp.h"

static void
prepared(struct err e, void *ctx)
{
    struct link *l = ctx;
    l->awaits_creds = false;
    if (l->state == LINK_DEAD)
        return;
    link_ref(l);
    if (!err_failed(e))
        e = l->transport->start(l);
    if (err_failed(e))
        link_fail(l, e);
    else
        link_start(l, l->client);
    link_unref(l);
}

/* A look at a server, to pin its tools, is an act of its own; what it uses is on record under the id of that. */
static struct err
open_account(struct link *l, const char *person)
{
    struct gate *g = l->gate;
    char ticket[ENV_ID_MAX];
    if (l->writ == NULL)
        TRY(env_id(g->config.env, "ca", ticket));
    struct creds_for who = {l->snapshot->estate, l->destination, l->writ ? l->writ->id : ticket, person};
    return creds_open(g->config.creds, &who, &l->account);
}

/* What was given to the server may not come back from it. */
static void
given(const char *name, struct bytes value, void *ctx)
{
    struct link *l = ctx;
    if (l->sealed)
        sealed_add(l->sealed, name, value);
}

struct err
link_creds_make(struct link *l, const char *person, const struct rpc *client)
{
    l->client = client;
    l->sealed = sealed_make();
    if (l->sealed == NULL)
        return err_make(E_MEMORY, "no memory for a connection to %s", l->destination->id);
    TRY(open_account(l, person));
    creds_on_value(l->account, given, l);
    if (l->transport != &link_stdio)
        return l->transport->start(l); /* over HTTP each request asks for what it needs */
    TRY(creds_prepare(l->account, prepared, l, &l->awaits_creds));
    return l->awaits_creds ? err_ok() : l->transport->start(l);
}

void
link_creds_free(struct link *l)
{
    creds_close(l->account);
    l->account = NULL;
}
