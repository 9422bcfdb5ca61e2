#include <stdlib.h>

#include "creds/inner.h"

#define SWEEP_MS 30000

static void
sweep(void *ctx)
{
    struct creds *c = ctx;
    source_sweep(c, false);
    consents_sweep(c, false);
    doors_sweep(c);
    for (struct seat *s = c->seats; s; s = s->next)
        if (s->access.at && !seat_usable(s))
            seat_drop(s); /* wiped as soon as it is of no use */
}

struct err
creds_make(const struct creds_config *config, struct creds **out)
{
    struct creds *c = calloc(1, sizeof *c);
    if (c == NULL)
        return err_make(E_MEMORY, "no memory for credentials");
    c->config = *config;
    c->sweep = loop_every(config->loop, SWEEP_MS, sweep, c);
    struct err e = c->sweep ? kept_load(c) : err_make(E_MEMORY, "no memory for credentials");
    if (err_failed(e))
        creds_free(c);
    else
        *out = c;
    return e;
}

void
creds_stop(struct creds *c)
{
    if (c == NULL || c->closing)
        return;
    c->closing = true;
    if (c->sweep)
        loop_cancel(c->sweep);
    connects_cancel(c);
    face_close(c);
    consents_sweep(c, true);
    for (struct seat *s = c->seats; s; s = s->next)
        seat_cancel_flight(s);
    doors_shut(c);
}

void
creds_free(struct creds *c)
{
    if (c == NULL)
        return; /* Behave consistently with free(NULL). */
    creds_stop(c);
    while (c->seats) {
        struct seat *s = c->seats;
        c->seats = s->next;
        seat_free(s);
    }
    source_sweep(c, true);
    vault_forget_all(c);
    consents_sweep(c, true);
    doors_sweep(c);
    estate_unref(c->estate);
    free(c);
}

struct err
creds_use(struct creds *c, struct estate *estate)
{
    struct estate *old = c->estate;
    c->estate = estate_ref(estate);
    estate_unref(old);
    return face_use(c);
}
