/* Opening the folder, making the keys once, and the requests that sign and derive. Sealed secrets are in sealed.c, tokens in token.c. */
#include "keys/signer.h"

#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>

#include "keys/master.h"
#include "keys/wire.h"

static const char *const key_files[STATE_KEYS] = {[KEYS_LOG] = "log.key", [KEYS_TOKEN] = "token.key"};

/* ---- keys ---- */

static EVP_PKEY *
make_key(enum keys_key which)
{
    return which == KEYS_LOG ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519") : EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
}

static struct err
set_public(struct signer *s, int which)
{
    uint8_t *der = NULL;
    int n = i2d_PUBKEY(s->key[which], &der);
    if (n <= 0)
        return err_make(E_CRYPTO, "a public key cannot be encoded");
    s->public_der[which] = buf_make(256);
    buf_put(&s->public_der[which], bytes_make(der, (size_t)n));
    OPENSSL_free(der);
    return s->public_der[which].failed ? err_make(E_MEMORY, "no memory for a public key") : err_ok();
}

static struct err
save_key(struct signer *s, int which)
{
    uint8_t *der = NULL;
    int n = i2d_PrivateKey(s->key[which], &der);
    if (n <= 0)
        return err_make(E_CRYPTO, "a key cannot be encoded");
    struct err e = folder_write(&s->folder, key_files[which], bytes_make(der, (size_t)n));
    OPENSSL_clear_free(der, (size_t)n);
    return e;
}

static struct err
load_key(struct signer *s, int which)
{
    struct secret der;
    struct err e = folder_read(&s->folder, key_files[which], &der);
    if (e.code == E_NOT_FOUND)
        return err_make(E_KEYS, "the key folder's file %s is gone; restore it from a backup (it is never made again)", key_files[which]);
    TRY(e);
    const uint8_t *at = der.at;
    s->key[which] = d2i_AutoPrivateKey(NULL, &at, (long)der.n);
    secret_free(&der);
    if (s->key[which] == NULL)
        return err_make(E_KEYS, "the key folder's file %s holds no key; restore it from a backup", key_files[which]);
    return set_public(s, which);
}

static void
digest_public(const struct signer *s, int which, uint8_t out[32])
{
    crypto_sha256(buf_bytes(&s->public_der[which]), out);
}

static struct err
load_keys(struct signer *s)
{
    for (int i = 0; i < STATE_KEYS; i++) {
        uint8_t digest[32];
        TRY(load_key(s, i));
        digest_public(s, i, digest);
        if (memcmp(digest, s->state.public_sha256[i], 32) != 0)
            return err_make(E_KEYS, "the key folder's file %s is not the key that was made here; restore it from a backup", key_files[i]);
    }
    return err_ok();
}

static struct err
make_keys(struct signer *s)
{
    for (int i = 0; i < STATE_KEYS; i++) {
        if ((s->key[i] = make_key((enum keys_key)i)) == NULL)
            return err_make(E_CRYPTO, "a key cannot be made");
        TRY(set_public(s, i));
        digest_public(s, i, s->state.public_sha256[i]);
        TRY(save_key(s, i));
    }
    return err_ok();
}

/* ---- opening ---- */

/* A crash on the way leaves a state that is not `made`; nothing was answered then, and the next start does it all again. */
static struct err
begin_anew(struct signer *s)
{
    char id[ENV_ID_MAX];
    TRY(env_id(s->env, "writ", id));
    snprintf(s->state.audience, sizeof s->state.audience, "urn:writ:%s", id + sizeof "writ");
    s->state.next_generation = 1;
    if (!s->env->random(s->env, s->state.seed, sizeof s->state.seed))
        return err_make(E_KEYS, "the system's random generator failed");
    TRY(state_save(&s->folder, &s->state));
    TRY(make_keys(s));
    s->state.made = true;
    return state_save(&s->folder, &s->state);
}

static struct err
refuse_ours(const char *name, void *ctx)
{
    (void)ctx;
    if (strcmp(name, key_files[KEYS_LOG]) == 0 || strcmp(name, key_files[KEYS_TOKEN]) == 0 || strncmp(name, "secret.", 7) == 0)
        return err_make(E_KEYS, "the key folder has a file %s but no state; restore the file state from a backup", name);
    return err_ok();
}

/* Remove the values of secrets that were replaced or forgotten in a moment when the machine stopped. */
static struct err
sweep(const char *name, void *ctx)
{
    struct signer *s = ctx;
    const char *dot = strrchr(name, '.');
    uint64_t generation;
    if (strncmp(name, "secret.", 7) != 0 || dot < name + 7 || !bytes_u64(bytes_str(dot + 1), &generation))
        return err_ok();
    if (generation > s->state.next_generation)
        return err_make(E_KEYS, "the key folder's file state is older than %s: an old copy was restored; restore the newest one", name);
    /* The number that comes next is left alone: it may be the one secret that a state restored from a moment ago does not know. */
    struct sealed *one = state_find(&s->state, bytes_make(name + 7, (size_t)(dot - name - 7)));
    if (generation == s->state.next_generation || (one && one->generation == generation))
        return err_ok();
    return folder_remove(&s->folder, name);
}

static struct err
load_or_begin(struct signer *s)
{
    struct err e = state_load(&s->folder, &s->state);
    if (e.code == E_NOT_FOUND)
        return begin_anew(s);
    TRY(e);
    if (!s->state.made) {
        state_free(&s->state);
        return begin_anew(s);
    }
    TRY(load_keys(s));
    return folder_visit(&s->folder, sweep, s);
}

static struct err
unlock(struct signer *s, const struct bytes *field)
{
    char name[4001];
    bool has_state = false;
    struct secret master;
    snprintf(name, sizeof name, "%.*s", BYTES_CUT(field[2], sizeof name - 1));
    TRY(folder_has(&s->folder, "state", &has_state));
    if (!has_state)
        TRY(folder_visit(&s->folder, refuse_ours, NULL));
    TRY(master_load(&s->folder, field[1].at[0], name, field[3], !has_state, &master));
    struct err e = folder_unlock(&s->folder, bytes_make(master.at, master.n));
    secret_free(&master);
    return e;
}

struct err
signer_open(struct signer *s, const struct bytes *field, struct buf *answer)
{
    char path[4001];
    s->asked_to_open = true;
    snprintf(path, sizeof path, "%.*s", BYTES_CUT(field[0], sizeof path - 1));
    if (field[1].at[0] > KEYS_MASTER_PASSPHRASE)
        return err_make(E_KEYS, "unknown source of the master key");
    TRY(folder_open(&s->folder, s->env, path));
    TRY(unlock(s, field));
    TRY(s->confine(s->folder.fd));
    TRY(load_or_begin(s));
    TRY(token_head(s->key[KEYS_TOKEN], &s->token_head));
    s->is_open = true;
    wire_put(answer, bytes_str(s->state.audience));
    return err_ok();
}

void
signer_close(struct signer *s)
{
    if (s->is_open && s->state.unsaved) {
        struct err e = state_save(&s->folder, &s->state);
        (void)e; /* only release counts are lost; the log has each release */
    }
    for (int i = 0; i < STATE_KEYS; i++) {
        EVP_PKEY_free(s->key[i]);
        buf_free(&s->public_der[i]);
    }
    buf_free(&s->token_head);
    state_free(&s->state);
    folder_close(&s->folder);
    bytes_wipe(s, sizeof *s);
}

/* ---- signing ---- */

struct err
signer_public(struct signer *s, const struct bytes *field, struct buf *answer)
{
    if (field[0].at[0] >= STATE_KEYS)
        return err_make(E_KEYS, "the signer has no key %d", field[0].at[0]);
    wire_put(answer, buf_bytes(&s->public_der[field[0].at[0]]));
    return err_ok();
}

/* A C2SP key name: not empty, no space, no '+', no control character, so that no line of the note can be forged by it. */
static struct err
check_origin(const struct state *state, struct bytes origin)
{
    for (size_t i = 0; i < origin.n; i++)
        if (origin.at[i] <= ' ' || origin.at[i] == '+' || origin.at[i] == 0x7f)
            return err_make(E_KEYS, "the name of a log may hold no space, no '+' and no control character");
    if (!bytes_utf8(origin))
        return err_make(E_KEYS, "the name of a log must be UTF-8");
    if (state->origin[0] && !bytes_is(origin, state->origin))
        return err_make(E_KEYS, "this signer signs for the log %s only", state->origin);
    return err_ok();
}

static struct err
check_growth(const struct state *state, uint64_t size, const uint8_t *root)
{
    if (state->origin[0] == 0)
        return err_ok();
    if (size < state->size)
        return err_make(E_KEYS, "refused to sign a tree of %llu records: one of %llu is signed already; was an old log restored?",
                        (unsigned long long)size, (unsigned long long)state->size);
    if (size == state->size && memcmp(root, state->root, 32) != 0)
        return err_make(E_KEYS, "refused to sign another tree of %llu records than the one signed already", (unsigned long long)size);
    return err_ok();
}

/* On disk before the signature exists; the same head again is the same signature (RFC 8032 §5.1.6) and needs no disk. */
static struct err
remember(struct signer *s, struct bytes origin, uint64_t size, const uint8_t *root)
{
    struct state *now = &s->state;
    if (now->origin[0] && now->size == size)
        return err_ok();
    char old_origin[sizeof now->origin];
    uint8_t old_root[32];
    uint64_t old_size = now->size;
    memcpy(old_origin, now->origin, sizeof old_origin);
    memcpy(old_root, now->root, sizeof old_root);
    snprintf(now->origin, sizeof now->origin, "%.*s", BYTES_CUT(origin, STATE_ORIGIN_MAX));
    now->size = size;
    memcpy(now->root, root, 32);
    struct err e = state_save(&s->folder, now);
    if (err_failed(e)) {
        memcpy(now->origin, old_origin, sizeof old_origin);
        memcpy(now->root, old_root, sizeof old_root);
        now->size = old_size;
    }
    return e;
}

struct err
signer_sign_checkpoint(struct signer *s, const struct bytes *field, struct buf *answer)
{
    uint64_t size = wire_u64(field[1].at);
    uint8_t sig[64];
    TRY(check_origin(&s->state, field[0]));
    TRY(check_growth(&s->state, size, field[2].at));
    TRY(remember(s, field[0], size, field[2].at));
    struct buf note = buf_make(512);
    buf_printf(&note, "%.*s\n%llu\n", BYTES_ARG(field[0]), (unsigned long long)size);
    buf_base64(&note, field[2]);
    buf_putc(&note, '\n');
    struct err e = note.failed ? err_make(E_MEMORY, "no memory for a tree head") : crypto_sign_ed25519(s->key[KEYS_LOG], buf_bytes(&note), sig);
    buf_free(&note);
    if (!err_failed(e))
        wire_put(answer, bytes_make(sig, sizeof sig));
    return e;
}

struct err
signer_sign_token(struct signer *s, const struct bytes *field, struct buf *answer)
{
    uint8_t sig[64];
    TRY(token_check(field[0], s->state.audience, s->env->now_ms(s->env) / 1000));
    struct buf jws = buf_make(KEYS_MESSAGE_MAX / 2);
    buf_put(&jws, buf_bytes(&s->token_head));
    buf_putc(&jws, '.');
    buf_base64url(&jws, field[0]);
    struct err e = jws.failed ? err_make(E_MEMORY, "no memory for a token") : crypto_sign_es256(s->key[KEYS_TOKEN], buf_bytes(&jws), sig);
    if (!err_failed(e)) {
        buf_putc(&jws, '.');
        buf_base64url(&jws, bytes_make(sig, sizeof sig));
        wire_put(answer, buf_bytes(&jws));
    }
    if (!err_failed(e) && jws.failed)
        e = err_make(E_MEMORY, "no memory for a token");
    buf_free(&jws);
    return e;
}

struct err
signer_derive(struct signer *s, const struct bytes *field, struct buf *answer)
{
    static const char *const labels[] = {"log-payload", "adopt-backup"};
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
        if (!bytes_is(field[0], labels[i]))
            continue;
        uint8_t key[CRYPTO_KEY];
        struct err e = crypto_expand(s->state.seed, field[0], key);
        if (!err_failed(e))
            wire_put(answer, bytes_make(key, sizeof key));
        bytes_wipe(key, sizeof key);
        return e;
    }
    return err_make(E_KEYS, "the signer derives no key \"%.*s\"", BYTES_CUT(field[0], 32));
}
