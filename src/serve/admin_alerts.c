/* Alerts: how the webhooks are, and a test of them. */
#include <stdio.h>

#include "serve/ask.h"

struct err
get_alerts(struct ask *k)
{
    json_open(&k->answer, '{');
    json_key(&k->answer, "webhooks");
    alerts_json(k->face->serve->alerts, &k->answer);
    json_close(&k->answer, '}');
    return err_ok();
}

static void
tested(bool ok, struct bytes results, void *ctx)
{
    struct ask *k = ctx;
    json_open(&k->answer, '{');
    json_member_bool(&k->answer, "ok", ok);
    json_member_raw(&k->answer, "results", results);
    json_close(&k->answer, '}');
    ask_answer_from_main(k);
}

struct err
post_alerts_test(struct ask *k)
{
    char id[80];
    struct bytes wanted = json_text(k->body, "webhook");
    snprintf(id, sizeof id, "%.*s", BYTES_CUT(wanted, 64));
    k->refs++;
    struct err e = alerts_test(k->face->serve->alerts, wanted.n ? id : NULL, k->who, tested, k);
    if (err_failed(e))
        k->refs--;
    return e;
}
