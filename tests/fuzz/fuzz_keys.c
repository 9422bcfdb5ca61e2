/*
 * What the signer reads from outside: requests of its parent, its state file, the claims of a token. The first byte says which. Links:
 * base, keys. Invariants: what is read fits the table's bounds; a state that is accepted is written back as the same bytes; a token
 * that is accepted holds to the limits; a signer that is asked anything always answers one whole message, signs no smaller tree than
 * before, and gives no secret to another destination than its own.
 */
#include <openssl/crypto.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "keys/request.h"
#include "keys/signer.h"
#include "keys/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(what)                                                                                                                                \
    do {                                                                                                                                             \
        if (!(what))                                                                                                                                 \
            abort();                                                                                                                                 \
    } while (0)

#define NOW 1795470000

static void
try_state(struct bytes b)
{
    struct state s;
    struct err e = state_read(b, &s);
    if (!err_failed(e)) {
        struct buf again = buf_make((size_t)1 << 20);
        state_write(&s, &again);
        REQUIRE(bytes_eq(buf_bytes(&again), b));
        for (size_t i = 0; i < s.n_secrets; i++)
            REQUIRE(s.secrets[i].generation < s.next_generation && state_name_ok(bytes_str(s.secrets[i].name)));
        buf_free(&again);
    }
    state_free(&s);
}

static void
try_claims(struct bytes b)
{
    struct err e = token_check(b, "urn:writ:test", NOW);
    if (err_failed(e))
        return;
    struct arena a = {0};
    struct json *tree;
    REQUIRE(!err_failed(json_parse(&a, b, NULL, &tree)));
    int64_t iat = json_get(tree, "iat")->number, exp = json_get(tree, "exp")->number;
    REQUIRE(bytes_is(json_text(tree, "aud"), "urn:writ:test") && json_text(tree, "sub").n && json_text(tree, "jti").n);
    REQUIRE(llabs(iat - NOW) <= 60 && exp > NOW && exp - iat <= 900);
    arena_free(&a);
}

static void
try_read(struct bytes b)
{
    const struct request *row = NULL;
    struct bytes field[KEYS_FIELDS_MAX];
    struct err e = request_read(b, &row, field);
    if (err_failed(e))
        return;
    REQUIRE(row->number && row->handle && b.at[4] == row->number);
    size_t sum = KEYS_HEAD;
    for (int i = 0; i < KEYS_FIELDS_MAX; i++) {
        REQUIRE(field[i].n <= row->field[i].most && (row->field[i].most == 0 || field[i].n >= row->field[i].least));
        sum += row->field[i].most ? 4 + field[i].n : 0;
    }
    REQUIRE(sum == b.n);
}

/* ---- a signer that is open, on a folder in memory, with a clock that runs so fast that no rate is reached ---- */

static int64_t
fixed_now(struct env *env)
{
    (void)env;
    return (int64_t)NOW * 1000;
}

static uint64_t
fast_clock(struct env *env)
{
    static uint64_t t;
    (void)env;
    return t += 1000000000;
}

static bool
no_sync(struct env *env, int fd)
{
    (void)env, (void)fd;
    return true;
}

static struct err
no_confinement(int fd)
{
    (void)fd;
    return err_ok();
}

static void clean_up(void);
static char place[64];

static struct signer *
open_signer(void)
{
    static struct signer s;
    static struct env env;
    if (s.is_open)
        return &s;
    snprintf(place, sizeof place, "/dev/shm/fuzz_keys.XXXXXX");
    REQUIRE(mkdtemp(place));
    OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL); /* its clean-up at exit would come before ours, which still needs it */
    atexit(clean_up);
    env = *env_real();
    env.now_ms = fixed_now;
    env.mono_ns = fast_clock;
    env.sync = no_sync;
    s = (struct signer){.env = &env, .confine = no_confinement, .folder = {.fd = -1, .lock_fd = -1}};
    uint8_t source = KEYS_MASTER_PASSPHRASE;
    struct bytes field[KEYS_FIELDS_MAX] = {bytes_str(place), bytes_make(&source, 1), BYTES(""), BYTES("correct horse")};
    struct buf answer = buf_make(1000);
    REQUIRE(!err_failed(signer_open(&s, field, &answer)));
    buf_free(&answer);
    return &s;
}

static struct err
remove_one(const char *name, void *ctx)
{
    return folder_remove(ctx, name);
}

static void
clean_up(void)
{
    struct signer *s = open_signer();
    struct err e = folder_visit(&s->folder, remove_one, &s->folder);
    (void)e;
    signer_close(s);
    rmdir(place);
}

static void
check_release(struct signer *s, struct bytes b)
{
    const struct request *row;
    struct bytes field[KEYS_FIELDS_MAX];
    if (err_failed(request_read(b, &row, field)) || row->number != KEYS_RELEASE)
        return;
    struct sealed *one = state_find(&s->state, field[0]);
    REQUIRE(one && bytes_is(field[1], one->destination) && ticket_ok(field[2], field[1]));
}

static void
try_signer(struct bytes b)
{
    struct signer *s = open_signer();
    struct buf answer = buf_make(KEYS_MESSAGE_MAX);
    uint64_t size = s->state.size;
    char origin[sizeof s->state.origin];
    snprintf(origin, sizeof origin, "%s", s->state.origin);
    request_answer(s, b, &answer);
    REQUIRE(!answer.failed && answer.n >= KEYS_HEAD && answer.n <= KEYS_MESSAGE_MAX);
    REQUIRE(memcmp(answer.at, b.at, b.n < 4 ? b.n : 4) == 0);
    struct wire w = {bytes_sub(buf_bytes(&answer), KEYS_HEAD, answer.n), false};
    while (w.left.n && !w.bad)
        wire_take(&w);
    REQUIRE(!w.bad && answer.at[4] <= E_SYSTEM);
    REQUIRE(s->state.size >= size && (origin[0] == 0 || strcmp(origin, s->state.origin) == 0));
    if (answer.at[4] == E_OK)
        check_release(s, b);
    buf_free(&answer);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct bytes b = bytes_make(data + 1, size - 1);
    switch (data[0] & 3) {
    case 0:
        try_state(b);
        break;
    case 1:
        try_claims(b);
        break;
    case 2:
        try_read(b);
        break;
    default:
        try_signer(b);
    }
    return 0;
}
