/* Sealed secrets of destinations: kept as files of the folder, opened only for a release, and wiped right after it. */
#include <stdio.h>

#include "base/json.h"
#include "keys/signer.h"
#include "keys/wire.h"

#define LIST_AT_ONCE 64

bool
ticket_ok(struct bytes b, struct bytes destination)
{
    bool task = bytes_starts(b, BYTES("wr_")) || bytes_starts(b, BYTES("ca_")) || bytes_starts(b, BYTES("le_"));
    bool ok = bytes_starts(destination, BYTES(".alert.")) ? bytes_starts(b, BYTES("al_")) : task;
    if (b.n != TICKET_LENGTH || !ok)
        return false;
    for (size_t i = 3; i < b.n; i++)
        if (!((b.at[i] >= 'a' && b.at[i] <= 'z') || (b.at[i] >= '2' && b.at[i] <= '7')))
            return false;
    return true;
}

static void
file_of(const struct sealed *one, char to[FOLDER_NAME_MAX])
{
    snprintf(to, FOLDER_NAME_MAX, "secret.%s.%llu", one->name, (unsigned long long)one->generation);
}

static struct err
check_names(const struct bytes *field, int n)
{
    for (int i = 0; i < n; i++)
        if (!state_name_ok(field[i]))
            return err_make(E_KEYS, "the name of a secret or destination has 1 to %d characters of a-z, 0-9, '.', '_' and '-'", STATE_NAME_MAX);
    return err_ok();
}

/* The value is written under a name of its own, then the state that points to it: a crash leaves the old secret or the new one, whole. */
static struct err
record(struct signer *s, struct sealed *at, const struct sealed *made, size_t n_secrets)
{
    struct sealed old = *at;
    size_t old_n = s->state.n_secrets;
    *at = *made;
    s->state.n_secrets = n_secrets;
    s->state.next_generation++;
    struct err e = state_save(&s->folder, &s->state);
    if (err_failed(e)) {
        *at = old;
        s->state.n_secrets = old_n;
        s->state.next_generation--;
    }
    return e;
}

/* What stays behind when a file cannot be removed is swept at the next start. */
static void
remove_old(struct signer *s, const struct sealed *old)
{
    char file[FOLDER_NAME_MAX];
    file_of(old, file);
    struct err e = folder_remove(&s->folder, file);
    (void)e;
}

struct err
signer_seal(struct signer *s, const struct bytes *field, struct buf *answer)
{
    (void)answer;
    TRY(check_names(field, 2));
    if (client_key_name(field[0]))
        TRY(client_key_check(field[2]));
    struct sealed *at = state_find(&s->state, field[0]);
    bool replaces = at != NULL;
    if (!replaces && (at = state_add(&s->state)) == NULL)
        return err_make(E_LIMIT, "no room for the secret %.*s; at most %d can be sealed, forget some", BYTES_ARG(field[0]), STATE_SECRETS_MAX);
    struct sealed old = *at, made = *at;
    snprintf(made.name, sizeof made.name, "%.*s", BYTES_CUT(field[0], STATE_NAME_MAX));
    snprintf(made.destination, sizeof made.destination, "%.*s", BYTES_CUT(field[1], STATE_NAME_MAX));
    made.sealed_ms = (uint64_t)s->env->now_ms(s->env);
    made.generation = s->state.next_generation;
    char file[FOLDER_NAME_MAX];
    file_of(&made, file);
    TRY(folder_write(&s->folder, file, field[2]));
    TRY(record(s, at, &made, s->state.n_secrets + !replaces));
    if (replaces)
        remove_old(s, &old);
    return err_ok();
}

static struct err
find(struct signer *s, struct bytes name, struct sealed **out)
{
    TRY(check_names(&name, 1));
    *out = state_find(&s->state, name);
    return *out ? err_ok() : err_make(E_NOT_FOUND, "no secret %.*s is sealed; seal it with: writ destination seal", BYTES_ARG(name));
}

struct err
sealed_open(struct signer *s, struct bytes name, struct bytes destination, bool key, struct secret *value)
{
    struct sealed *one;
    char file[FOLDER_NAME_MAX];
    TRY(find(s, name, &one));
    if (!bytes_is(destination, one->destination))
        return err_make(E_KEYS, "the secret %s is sealed for another destination than the one that asks", one->name);
    if (client_key_name(name) != key)
        return err_make(E_KEYS, key ? "%s is no private key; the name of one ends in .key" : "%s is a private key; it signs, and is never released",
                        one->name);
    if (!rate_take(&one->rate, SECRET_PER_MINUTE, s->env->mono_ns(s->env)))
        return err_make(E_BUSY, "the secret %s was released %d times within a minute; try again later", one->name, SECRET_PER_MINUTE);
    file_of(one, file);
    struct err e = folder_read(&s->folder, file, value);
    if (e.code == E_NOT_FOUND)
        return err_make(E_KEYS, "the key folder's file %s is gone; restore it from a backup or seal the secret again", file);
    TRY(e);
    one->releases++;
    s->state.unsaved = true;
    return err_ok();
}

struct err
signer_release(struct signer *s, const struct bytes *field, struct buf *answer)
{
    struct secret value;
    if (!ticket_ok(field[2], field[1]))
        return err_make(E_KEYS, "a secret is released for a writ, a call or a lease only, and a webhook's for an alert only");
    TRY(sealed_open(s, field[0], field[1], false, &value));
    wire_put(answer, bytes_make(value.at, value.n));
    secret_free(&value);
    return err_ok();
}

struct err
signer_forget(struct signer *s, const struct bytes *field, struct buf *answer)
{
    (void)answer;
    struct sealed *one;
    TRY(find(s, field[0], &one));
    struct sealed old = *one;
    state_remove(&s->state, one);
    struct err e = state_save(&s->folder, &s->state);
    if (err_failed(e)) { /* the list has room: it held one more a moment ago */
        *state_add(&s->state) = old;
        s->state.n_secrets++;
        return e;
    }
    remove_old(s, &old);
    return err_ok();
}

static void
put_one(struct buf *b, const struct sealed *one)
{
    char at[ENV_TIME_MAX];
    env_time_text((int64_t)one->sealed_ms, at);
    json_item(b);
    json_open(b, '{');
    json_member_str(b, "name", one->name);
    json_member_str(b, "destination", one->destination);
    json_member_str(b, "sealed_at", at);
    json_member_int(b, "releases", (int64_t)one->releases);
    json_close(b, '}');
}

/* Answers a piece of the array's text, and the number of the secret that the next piece begins with (0: that was all). */
struct err
signer_list(struct signer *s, const struct bytes *field, struct buf *answer)
{
    uint64_t from = wire_u64(field[0].at), next = from;
    struct buf text = buf_make(KEYS_MESSAGE_MAX / 2);
    json_open(&text, '[');
    for (; next < s->state.n_secrets && next - from < LIST_AT_ONCE; next++)
        put_one(&text, &s->state.secrets[next]);
    wire_put(answer, bytes_sub(buf_bytes(&text), 1, text.n));
    wire_put_u64(answer, next < s->state.n_secrets ? next : 0);
    bool failed = text.failed;
    buf_free(&text);
    return failed ? err_make(E_MEMORY, "no memory for the list of secrets") : err_ok();
}
