#include "keys/state.h"

#include <stdlib.h>

#include "keys/wire.h"

#define VERSION 1
/* Also bounds what one may not know: that the box of a state always fits FOLDER_FILE_MAX. */
#define STATE_BYTES_MAX (FOLDER_FILE_MAX - 64)

bool
state_name_ok(struct bytes b)
{
    for (size_t i = 0; i < b.n; i++) {
        uint8_t c = b.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-'))
            return false;
    }
    return b.n >= 1 && b.n <= STATE_NAME_MAX;
}

void
state_write(const struct state *s, struct buf *b)
{
    wire_put_u64(b, VERSION);
    wire_put_u64(b, s->made);
    wire_put(b, bytes_make(s->seed, sizeof s->seed));
    wire_put(b, bytes_str(s->audience));
    for (int i = 0; i < STATE_KEYS; i++)
        wire_put(b, bytes_make(s->public_sha256[i], 32));
    wire_put(b, bytes_str(s->origin));
    wire_put_u64(b, s->size);
    wire_put(b, bytes_make(s->root, sizeof s->root));
    wire_put_u64(b, s->next_generation);
    wire_put_u64(b, s->n_secrets);
    for (size_t i = 0; i < s->n_secrets; i++) {
        const struct sealed *one = &s->secrets[i];
        wire_put(b, bytes_str(one->name));
        wire_put(b, bytes_str(one->destination));
        wire_put_u64(b, one->sealed_ms);
        wire_put_u64(b, one->releases);
        wire_put_u64(b, one->generation);
    }
}

/* A text of at most ${room} - 1 bytes and no zero, into an array. */
static void
take_text(struct wire *w, char *to, size_t room)
{
    struct bytes t = wire_take(w);
    if (t.n >= room || bytes_find(t, 0) != t.n)
        w->bad = true;
    if (w->bad)
        return;
    if (t.n)
        memcpy(to, t.at, t.n);
    to[t.n] = 0;
}

static void
take_sealed(struct wire *w, struct state *s)
{
    struct sealed *one = state_add(s);
    if (one == NULL) {
        w->bad = true;
        return;
    }
    take_text(w, one->name, sizeof one->name);
    take_text(w, one->destination, sizeof one->destination);
    one->sealed_ms = wire_take_u64(w);
    one->releases = wire_take_u64(w);
    one->generation = wire_take_u64(w);
    if (!state_name_ok(bytes_str(one->name)) || !state_name_ok(bytes_str(one->destination)) || one->generation >= s->next_generation ||
        state_find(s, bytes_str(one->name)))
        w->bad = true;
    s->n_secrets++;
}

struct err
state_read(struct bytes b, struct state *s)
{
    *s = (struct state){0};
    struct wire w = {b, false};
    uint64_t version = wire_take_u64(&w), made = wire_take_u64(&w);
    if (!w.bad && version > VERSION)
        return err_make(E_KEYS, "the key folder was written by a newer Writ (version %llu); use that or a newer one", (unsigned long long)version);
    wire_take_into(&w, s->seed, sizeof s->seed);
    take_text(&w, s->audience, sizeof s->audience);
    for (int i = 0; i < STATE_KEYS; i++)
        wire_take_into(&w, s->public_sha256[i], 32);
    take_text(&w, s->origin, sizeof s->origin);
    s->size = wire_take_u64(&w);
    wire_take_into(&w, s->root, sizeof s->root);
    s->next_generation = wire_take_u64(&w);
    for (uint64_t n = wire_take_u64(&w); n && !w.bad; n--)
        take_sealed(&w, s);
    s->made = made == 1;
    if (!wire_end(&w) || version != VERSION || made > 1)
        return err_make(E_KEYS, "the key folder's file state is damaged; restore it from a backup");
    return err_ok();
}

struct err
state_load(struct folder *f, struct state *s)
{
    struct secret plain;
    *s = (struct state){0};
    TRY(folder_read(f, "state", &plain));
    struct err e = state_read(bytes_make(plain.at, plain.n), s);
    secret_free(&plain);
    return e;
}

struct err
state_save(struct folder *f, struct state *s)
{
    /* Room for all at once: a buffer that grows would leave copies of the seed behind. */
    size_t room = 1024 + s->n_secrets * (2 * STATE_NAME_MAX + 64);
    struct buf b = buf_make(STATE_BYTES_MAX);
    struct err e = buf_room(&b, room) ? err_ok() : err_make(E_MEMORY, "no memory for the signer's state");
    if (!err_failed(e)) {
        state_write(s, &b);
        e = b.failed ? err_make(E_LIMIT, "the signer's state is too large") : folder_write(f, "state", buf_bytes(&b));
    }
    bytes_wipe(b.at, b.n);
    buf_free(&b);
    if (!err_failed(e))
        s->unsaved = false;
    return e;
}

void
state_free(struct state *s)
{
    free(s->secrets);
    bytes_wipe(s, sizeof *s);
}

struct sealed *
state_find(const struct state *s, struct bytes name)
{
    for (size_t i = 0; i < s->n_secrets; i++)
        if (bytes_is(name, s->secrets[i].name))
            return &s->secrets[i];
    return NULL;
}

struct sealed *
state_add(struct state *s)
{
    if (s->n_secrets >= STATE_SECRETS_MAX)
        return NULL;
    if (s->n_secrets == s->cap_secrets) {
        size_t cap = s->cap_secrets ? s->cap_secrets * 2 : 16;
        struct sealed *more = realloc(s->secrets, cap * sizeof *more);
        if (more == NULL)
            return NULL;
        s->secrets = more;
        s->cap_secrets = cap;
    }
    s->secrets[s->n_secrets] = (struct sealed){0};
    return &s->secrets[s->n_secrets];
}

void
state_remove(struct state *s, struct sealed *at)
{
    size_t i = (size_t)(at - s->secrets);
    memmove(at, at + 1, (s->n_secrets - i - 1) * sizeof *at);
    s->n_secrets--;
}
