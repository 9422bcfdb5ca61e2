/* People's accounts at destinations: connect, disconnect, look. A person may do so for themselves, an administrator for everyone. */
#include <stdio.h>

#include "serve/ask.h"

static struct err
whose(const struct ask *k, const struct estate *estate, const struct destination **d, char person[65])
{
    char name[65];
    struct bytes wanted = json_text(k->body, "person");
    snprintf(name, sizeof name, "%.*s", BYTES_CUT(json_text(k->body, "destination"), 64));
    snprintf(person, 65, "%.*s", BYTES_CUT(wanted, 64));
    if (wanted.n == 0)
        snprintf(person, 65, "%.64s", k->who);
    const struct person *who = estate_person(estate, person);
    *d = estate_destination(estate, name);
    if (*d == NULL)
        return err_make(E_NOT_FOUND, "there is no destination %s", name);
    if (who == NULL)
        return err_make(E_NOT_FOUND, "there is no person %s; name one with --as", person);
    if (!k->admin && strcmp(person, k->who) != 0)
        return err_make(E_FORBIDDEN, "%s may connect their own account only", k->who);
    return who->active ? err_ok() : err_make(E_STATE, "%s has left", person);
}

static void
connected(struct err e, const char *url, void *ctx)
{
    struct ask *k = ctx;
    k->e = e;
    if (!err_failed(e)) {
        json_open(&k->answer, '{');
        json_member_str(&k->answer, "url", url);
        json_member_int(&k->answer, "minutes", 10);
        json_close(&k->answer, '}');
    }
    ask_answer_from_main(k);
}

struct err
post_connect(struct ask *k)
{
    struct serve *s = k->face->serve;
    struct estate *estate = gate_snapshot(s->gate)->estate;
    const struct destination *d;
    char person[65];
    TRY(whose(k, estate, &d, person));
    k->refs++;
    struct err e = creds_connect(s->creds, estate, d, person, k->who, connected, k);
    if (err_failed(e))
        k->refs--;
    return e;
}

static void
disconnected(struct err e, const char *note, void *ctx)
{
    struct ask *k = ctx;
    k->e = e;
    if (!err_failed(e)) {
        json_open(&k->answer, '{');
        json_member_bool(&k->answer, "forgotten", true);
        json_member_str(&k->answer, "note", note);
        json_close(&k->answer, '}');
    }
    ask_answer_from_main(k);
}

struct err
post_disconnect(struct ask *k)
{
    struct serve *s = k->face->serve;
    struct estate *estate = gate_snapshot(s->gate)->estate;
    const struct destination *d;
    char person[65];
    TRY(whose(k, estate, &d, person));
    k->refs++;
    struct err e = creds_disconnect(s->creds, estate, d, person, k->who, disconnected, k);
    if (err_failed(e))
        k->refs--;
    return e;
}

struct err
get_accounts(struct ask *k)
{
    json_open(&k->answer, '{');
    json_key(&k->answer, "accounts");
    creds_json(k->face->serve->creds, &k->answer);
    json_close(&k->answer, '}');
    return err_ok();
}

/* The public half of a sealed private key, for its registration at an authorization server. */
struct err
get_client_key(struct ask *k)
{
    struct serve *s = k->face->serve;
    struct arena a = {0};
    struct bytes rest = bytes_str(k->rest), jwk, destination = bytes_split(&rest, '/');
    struct err e = keys_client_key(s->keys, rest, destination, &a, &jwk);
    if (!err_failed(e)) {
        json_open(&k->answer, '{');
        json_member_raw(&k->answer, "keys", BYTES("["));
        buf_put(&k->answer, jwk);
        json_close(&k->answer, ']');
        json_close(&k->answer, '}');
    }
    arena_free(&a);
    return e;
}
