/* The signer as its parent sees it: what it signs and gives, what it refuses, and what it makes of a folder that was tampered with. */
#include <openssl/pem.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>

#include "test_keys.h"

#include <openssl/ecdsa.h>

#include "base/json.h"
#include "keys/crypto.h"
#include "keys/rate.h"
#include "keys/state.h"

static const uint8_t root_b[32] = {2};

static struct err
try_start(void)
{
    struct keys *k = NULL;
    struct err e = keys_start(env_real(), folder, &master, NULL, &k);
    assert_true(err_failed(e) == (k == NULL));
    keys_stop(k);
    return e;
}

static EVP_PKEY *
public_key(struct keys *k, enum keys_key which)
{
    struct arena a = {0};
    struct bytes der;
    assert_ok(keys_public(k, which, &a, &der));
    const uint8_t *at = der.at;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)der.n);
    assert_non_null(key);
    arena_free(&a);
    return key;
}

static bool
verify(EVP_PKEY *key, const EVP_MD *md, struct bytes text, struct bytes sig)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool ok = EVP_DigestVerifyInit(c, NULL, md, NULL, key) == 1 && EVP_DigestVerify(c, sig.at, sig.n, text.at, text.n) == 1;
    EVP_MD_CTX_free(c);
    return ok;
}

static void
expect_secret(struct keys *k, const char *name, const char *destination, const char *want)
{
    struct secret s;
    assert_ok(keys_release(k, bytes_str(name), bytes_str(destination), ticket, &s));
    assert_true(bytes_is(bytes_make(s.at, s.n), want));
    secret_free(&s);
}

/* ---- signing ---- */

static void
tree_heads_verify(void **state)
{
    (void)state;
    struct keys *k = start();
    uint8_t sig[64], again[64];
    struct buf note = buf_make(300);
    buf_puts(&note, "writ.test/log\n18446744073709551615\n");
    buf_base64(&note, bytes_make(root_a, 32));
    buf_puts(&note, "\n");
    EVP_PKEY *key = public_key(k, KEYS_LOG);
    assert_ok(keys_sign_checkpoint(k, origin, UINT64_MAX, root_a, sig));
    assert_int_equal(EVP_PKEY_get_id(key), EVP_PKEY_ED25519);
    assert_true(verify(key, NULL, buf_bytes(&note), bytes_make(sig, 64)));
    sig[5] ^= 1;
    assert_false(verify(key, NULL, buf_bytes(&note), bytes_make(sig, 64)));
    sig[5] ^= 1;
    assert_ok(keys_sign_checkpoint(k, origin, UINT64_MAX, root_a, again));
    assert_memory_equal(sig, again, 64);
    EVP_PKEY_free(key);
    buf_free(&note);
    keys_stop(k);
}

static void
tree_heads_only_grow(void **state)
{
    (void)state;
    struct keys *k = start();
    uint8_t sig[64];
    assert_ok(keys_sign_checkpoint(k, origin, 0, root_a, sig));
    assert_err(keys_sign_checkpoint(k, origin, 0, root_b, sig), E_KEYS, "another tree of 0 records");
    assert_ok(keys_sign_checkpoint(k, origin, 10, root_a, sig));
    for (int restarted = 0; restarted < 2; restarted++) {
        assert_err(keys_sign_checkpoint(k, origin, 9, root_a, sig), E_KEYS, "one of 10 is signed already");
        assert_err(keys_sign_checkpoint(k, origin, 10, root_b, sig), E_KEYS, "another tree of 10 records");
        assert_err(keys_sign_checkpoint(k, BYTES("other/log"), 11, root_a, sig), E_KEYS, "for the log writ.test/log only");
        assert_ok(keys_sign_checkpoint(k, origin, 10, root_a, sig));
        keys_stop(k);
        k = start();
    }
    assert_ok(keys_sign_checkpoint(k, origin, 11, root_b, sig));
    kill(keys_pid(k), SIGKILL); /* what was answered is on disk, whatever happens then */
    keys_stop(k);
    k = start();
    assert_err(keys_sign_checkpoint(k, origin, 11, root_a, sig), E_KEYS, "another tree of 11 records");
    keys_stop(k);
}

static void
origins_cannot_forge_lines(void **state)
{
    (void)state;
    static const char *const bad[] = {"a\nb", "a b", "a+b", "a\x7f", "\xff", "\t"};
    struct keys *k = start();
    uint8_t sig[64];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_err(keys_sign_checkpoint(k, bytes_str(bad[i]), 1, root_a, sig), E_KEYS, "log");
    assert_err(keys_sign_checkpoint(k, BYTES(""), 1, root_a, sig), E_KEYS, "field 1");
    keys_stop(k);
}

static void
no_signature_when_the_disk_is_full(void **state)
{
    (void)state;
    struct keys *k = start();
    struct rlimit old, none;
    uint8_t sig[64] = {0}, zero[64] = {0};
    assert_ok(keys_sign_checkpoint(k, origin, 1, root_a, sig));
    memset(sig, 0, sizeof sig);
    assert_int_equal(prlimit(keys_pid(k), RLIMIT_FSIZE, NULL, &old), 0);
    none = (struct rlimit){0, old.rlim_max};
    assert_int_equal(prlimit(keys_pid(k), RLIMIT_FSIZE, &none, NULL), 0);
    assert_err(keys_sign_checkpoint(k, origin, 2, root_a, sig), E_KEYS, "state cannot be written: File too large");
    assert_memory_equal(sig, zero, 64);
    assert_err(keys_seal(k, BYTES("x"), BYTES("bank"), BYTES("v")), E_KEYS, "cannot be written");
    assert_int_equal(prlimit(keys_pid(k), RLIMIT_FSIZE, &old, NULL), 0);
    assert_err(keys_release(k, BYTES("x"), BYTES("bank"), ticket, &(struct secret){0}), E_NOT_FOUND, "no secret x");
    assert_ok(keys_sign_checkpoint(k, origin, 2, root_b, sig)); /* nothing was remembered of what was not signed */
    keys_stop(k);
}

static void
decode_part(struct bytes part, uint8_t *to, size_t *n)
{
    assert_true(bytes_unbase64url(part, to, n));
}

static struct bytes
claims(struct arena *a, const char *aud, int64_t iat, int64_t exp, const char *more)
{
    return bytes_str(arena_printf(a, "{\"aud\":%s,\"iat\":%lld,\"exp\":%lld,%s}", aud, (long long)iat, (long long)exp, more));
}

static void
tokens_verify(void **state)
{
    (void)state;
    struct keys *k = start();
    struct arena a = {0};
    struct bytes jws, rest, text, part[3];
    struct json *head;
    uint8_t raw[3][1000], der[100], *to = der;
    size_t n[3];
    int64_t now = time(NULL);
    char *aud = arena_printf(&a, "\"%s\"", keys_audience(k));
    struct bytes said = claims(&a, aud, now, now + 900, "\"jti\":\"j\",\"sub\":\"invoice-bot\",\"writ\":\"wr_x\"");
    assert_ok(keys_sign_token(k, said, &a, &jws));
    rest = jws;
    for (int i = 0; i < 3; i++) {
        part[i] = bytes_split(&rest, '.');
        decode_part(part[i], raw[i], &n[i]);
    }
    assert_null(rest.at);
    assert_true(bytes_eq(bytes_make(raw[1], n[1]), said)); /* the very bytes */
    assert_ok(json_parse(&a, bytes_make(raw[0], n[0]), NULL, &head));
    assert_int_equal(head->count, 3);
    assert_true(bytes_is(json_text(head, "alg"), "ES256") && bytes_is(json_text(head, "typ"), "at+jwt"));
    assert_int_equal(json_text(head, "kid").n, 43);
    assert_int_equal(n[2], 64);
    ECDSA_SIG *sig = ECDSA_SIG_new();
    ECDSA_SIG_set0(sig, BN_bin2bn(raw[2], 32, NULL), BN_bin2bn(raw[2] + 32, 32, NULL));
    int der_n = i2d_ECDSA_SIG(sig, &to);
    text = bytes_make(jws.at, part[0].n + 1 + part[1].n);
    EVP_PKEY *key = public_key(k, KEYS_TOKEN);
    assert_true(verify(key, EVP_sha256(), text, bytes_make(der, (size_t)der_n)));
    text.n--;
    assert_false(verify(key, EVP_sha256(), text, bytes_make(der, (size_t)der_n)));
    ECDSA_SIG_free(sig);
    EVP_PKEY_free(key);
    arena_free(&a);
    keys_stop(k);
}

static void
tokens_are_refused(void **state)
{
    (void)state;
    struct keys *k = start();
    struct arena a = {0};
    struct bytes jws;
    int64_t now = time(NULL);
    const char *ids = "\"jti\":\"j\",\"sub\":\"s\"", *aud = arena_printf(&a, "\"%s\"", keys_audience(k));
    const struct {
        struct bytes claims;
        const char *why;
    } rows[] = {
        {claims(&a, "\"https://elsewhere\"", now, now + 60, ids), "aud is not exactly"},
        {claims(&a, arena_printf(&a, "[%s]", aud), now, now + 60, ids), "aud is not exactly"},
        {claims(&a, arena_printf(&a, "[%s,\"https://elsewhere\"]", aud), now, now + 60, ids), "aud is not exactly"},
        {claims(&a, arena_printf(&a, "%s,\"aud\":\"x\"", aud), now, now + 60, ids), "stands twice"},
        {claims(&a, arena_printf(&a, "%s,\"\\u0061ud\":\"x\"", aud), now, now + 60, ids), "stands twice"},
        {claims(&a, aud, now, now + 901, ids), "longer than 900 seconds"},
        {claims(&a, aud, now + 50, now + 1000, ids), "longer than 900 seconds"},
        {claims(&a, aud, now + 120, now + 180, ids), "iat is not now"},
        {claims(&a, aud, now - 120, now + 60, ids), "iat is not now"},
        {claims(&a, aud, INT64_MIN, INT64_MAX, ids), "iat is not now"},
        {claims(&a, aud, now, INT64_MAX, ids), "longer than"},
        {claims(&a, aud, now - 10, now - 1, ids), "exp lies in the past"},
        {claims(&a, aud, now, now + 60, "\"jti\":\"\",\"sub\":\"s\""), "jti and sub"},
        {claims(&a, aud, now, now + 60, "\"jti\":\"j\""), "jti and sub"},
        {claims(&a, aud, now, now + 60, "\"jti\":\"j\",\"sub\":7"), "jti and sub"},
        {bytes_str(arena_printf(&a, "{\"aud\":%s,\"iat\":%lld.0,\"exp\":%lld,%s}", aud, (long long)now, (long long)now + 60, ids)), "integers"},
        {bytes_str(arena_printf(&a, "{\"aud\":%s,\"iat\":%lld,%s}", aud, (long long)now, ids)), "integers"},
        {BYTES("[]"), "no JSON object"},
        {BYTES("{}x"), "refused a token"},
        {BYTES("{"), "field 1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_err(keys_sign_token(k, rows[i].claims, &a, &jws), E_KEYS, rows[i].why);
        assert_null(jws.at);
    }
    assert_ok(keys_sign_token(k, claims(&a, aud, now - 50, now + 850, ids), &a, &jws));
    uint8_t *large = arena_get(&a, 70000);
    assert_err(keys_sign_token(k, bytes_make(large, 16385), &a, &jws), E_KEYS, "2 to 16384 bytes");
    assert_err(keys_sign_token(k, bytes_make(large, 70000), &a, &jws), E_LIMIT, "more than the signer takes");
    arena_free(&a);
    keys_stop(k);
}

static void
derived_keys_stay(void **state)
{
    (void)state;
    struct keys *k = start();
    uint8_t one[32], two[32], zero[32] = {0};
    char audience[64];
    snprintf(audience, sizeof audience, "%s", keys_audience(k));
    assert_int_equal(strlen(audience), 9 + 26);
    assert_ok(keys_derive(k, "log-payload", one));
    assert_memory_not_equal(one, zero, 32);
    assert_err(keys_derive(k, "log-payloa", two), E_KEYS, "derives no key \"log-payloa\"");
    assert_err(keys_derive(k, "wrapping key", two), E_KEYS, "derives no key");
    keys_stop(k);
    k = start();
    assert_ok(keys_derive(k, "log-payload", two));
    assert_memory_equal(one, two, 32);
    assert_string_equal(audience, keys_audience(k));
    keys_stop(k);
}

/* ---- sealed secrets ---- */

static void
secrets_go_to_their_destination_only(void **state)
{
    (void)state;
    struct keys *k = start();
    struct secret s;
    struct arena a = {0};
    struct bytes json;
    assert_ok(keys_seal(k, BYTES("bank-token"), BYTES("bank"), BYTES("s3cr3t-value")));
    expect_secret(k, "bank-token", "bank", "s3cr3t-value");
    assert_err(keys_release(k, BYTES("bank-token"), BYTES("mail"), ticket, &s), E_KEYS, "another destination");
    assert_null(s.at);
    assert_err(keys_release(k, BYTES("bank-token"), BYTES("ban"), ticket, &s), E_KEYS, "another destination");
    assert_err(keys_release(k, BYTES("other"), BYTES("bank"), ticket, &s), E_NOT_FOUND, "no secret other is sealed");
    assert_ok(keys_list(k, &a, &json));
    assert_int_equal(bytes_search(json, BYTES("[{\"name\":\"bank-token\",\"destination\":\"bank\",\"sealed_at\":\"20")), 0);
    assert_true(bytes_ends(json, BYTES("\"releases\":1}]")));
    assert_int_equal(bytes_search(json, BYTES("s3cr3t")), json.n);
    keys_stop(k);
    k = start();
    expect_secret(k, "bank-token", "bank", "s3cr3t-value");
    assert_ok(keys_list(k, &a, &json));
    assert_true(bytes_ends(json, BYTES("\"releases\":2}]"))); /* counted over restarts */
    arena_free(&a);
    keys_stop(k);
}

static void
tickets_must_be_ids(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "ca_",
                                      "xx_abcdefghijklmnopqrstuvwxyz",
                                      "ca_abcdefghijklmnopqrstuvwxyz2",
                                      "ca_abcdefghijklmnopqrstuvwxy",
                                      "ca_ABCDEFGHIJKLMNOPQRSTUVWXYZ",
                                      "ca_abcdefghijklmnopqrstuvwxy1",
                                      "ca-abcdefghijklmnopqrstuvwxyz"};
    struct keys *k = start();
    struct secret s;
    assert_ok(keys_seal(k, BYTES("t"), BYTES("bank"), BYTES("v")));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_err(keys_release(k, BYTES("t"), BYTES("bank"), bytes_str(bad[i]), &s), E_KEYS, "");
        assert_null(s.at);
    }
    assert_ok(keys_release(k, BYTES("t"), BYTES("bank"), BYTES("wr_234567abcdefghijklmnopqrst"), &s));
    secret_free(&s);
    struct bytes alert = BYTES("al_234567abcdefghijklmnopqrst");
    assert_err(keys_release(k, BYTES("t"), BYTES("bank"), alert, &s), E_KEYS, "for a writ, a call or a lease only");
    assert_ok(keys_seal(k, BYTES("hook"), BYTES(".alert.soc"), BYTES("v")));
    assert_err(keys_release(k, BYTES("hook"), BYTES(".alert.soc"), BYTES("wr_234567abcdefghijklmnopqrst"), &s), E_KEYS,
               "a webhook's for an alert only");
    assert_ok(keys_release(k, BYTES("hook"), BYTES(".alert.soc"), alert, &s));
    secret_free(&s);
    assert_ok(keys_release(k, BYTES("t"), BYTES("bank"), BYTES("le_234567abcdefghijklmnopqrst"), &s));
    secret_free(&s);
    keys_stop(k);
}

static void
names_cannot_leave_the_folder(void **state)
{
    (void)state;
    static const char *const bad[] = {"../x", "a/b", "A", "a b", "a\nb", "\xc3\xa4"};
    struct keys *k = start();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_err(keys_seal(k, bytes_str(bad[i]), BYTES("bank"), BYTES("v")), E_KEYS, "characters of a-z");
        assert_err(keys_seal(k, BYTES("a"), bytes_str(bad[i]), BYTES("v")), E_KEYS, "characters of a-z");
        assert_err(keys_forget(k, bytes_str(bad[i])), E_KEYS, "characters of a-z");
    }
    assert_ok(keys_seal(k, BYTES(".."), BYTES("bank"), BYTES("dots are only a name")));
    expect_secret(k, "..", "bank", "dots are only a name");
    static uint8_t large[40000];
    assert_err(keys_seal(k, BYTES("a"), BYTES("bank"), bytes_make(large, 32769)), E_KEYS, "1 to 32768 bytes");
    assert_err(keys_seal(k, BYTES("a"), BYTES("bank"), BYTES("")), E_KEYS, "field 3");
    assert_ok(keys_seal(k, BYTES("a"), BYTES("bank"), bytes_make(large, 32768)));
    keys_stop(k);
}

static void
a_secret_is_replaced_whole_and_forgotten(void **state)
{
    (void)state;
    struct keys *k = start();
    struct arena a = {0};
    struct bytes json;
    assert_ok(keys_seal(k, BYTES("t"), BYTES("bank"), BYTES("old")));
    assert_ok(keys_seal(k, BYTES("u"), BYTES("bank"), BYTES("stays")));
    uint8_t old[500];
    size_t n = read_file(in_folder("secret.t.1"), old, sizeof old);
    assert_ok(keys_seal(k, BYTES("t"), BYTES("mail"), BYTES("new")));
    expect_secret(k, "t", "mail", "new");
    assert_int_equal(access(in_folder("secret.t.1"), F_OK), -1);
    keys_stop(k);
    write_file(in_folder("secret.t.1"), bytes_make(old, n), 0600); /* as a crash would leave it */
    k = start();
    assert_int_equal(access(in_folder("secret.t.1"), F_OK), -1);
    expect_secret(k, "t", "mail", "new");
    assert_ok(keys_forget(k, BYTES("t")));
    assert_err(keys_forget(k, BYTES("t")), E_NOT_FOUND, "no secret t");
    assert_int_equal(access(in_folder("secret.t.3"), F_OK), -1);
    assert_err(keys_release(k, BYTES("t"), BYTES("mail"), ticket, &(struct secret){0}), E_NOT_FOUND, "no secret t");
    expect_secret(k, "u", "bank", "stays");
    assert_ok(keys_forget(k, BYTES("u")));
    assert_ok(keys_list(k, &a, &json));
    assert_true(bytes_is(json, "[]"));
    arena_free(&a);
    keys_stop(k);
}

static void
many_secrets_are_listed_and_bounded(void **state)
{
    (void)state;
    struct keys *k = start();
    struct arena a = {0};
    struct bytes json;
    struct json *list;
    char name[16];
    for (int i = 0; i < 150; i++) {
        snprintf(name, sizeof name, "s%d", i);
        assert_ok(keys_seal(k, bytes_str(name), BYTES("bank"), BYTES("v")));
    }
    assert_ok(keys_list(k, &a, &json));
    assert_ok(json_parse(&a, json, NULL, &list));
    assert_int_equal(list->count, 150);
    int i = 0;
    for (struct json *one = list->child; one; one = one->next) {
        snprintf(name, sizeof name, "s%d", i++);
        assert_true(bytes_is(json_text(one, "name"), name));
    }
    arena_free(&a);
    keys_stop(k);
}

static void
releases_are_limited(void **state)
{
    (void)state;
    struct keys *k = start();
    assert_ok(keys_seal(k, BYTES("t"), BYTES("bank"), BYTES("v")));
    assert_ok(keys_seal(k, BYTES("u"), BYTES("bank"), BYTES("w")));
    for (int i = 0; i < 600; i++)
        expect_secret(k, "t", "bank", "v");
    assert_err(keys_release(k, BYTES("t"), BYTES("bank"), ticket, &(struct secret){0}), E_BUSY, "released 600 times within a minute");
    expect_secret(k, "u", "bank", "w");
    assert_ok(keys_seal(k, BYTES("t"), BYTES("bank"), BYTES("v2"))); /* sealing anew does not lift it */
    assert_err(keys_release(k, BYTES("t"), BYTES("bank"), ticket, &(struct secret){0}), E_BUSY, "released 600 times");
    keys_stop(k);
}

static void
rates_hold_in_any_minute(void **state)
{
    (void)state;
    const uint64_t s = 1000000000u;
    struct rate r = {0};
    uint64_t taken[3000];
    size_t n = 0;
    srand(3);
    for (uint64_t t = 1000 * s; t < 1300 * s; t += (uint64_t)rand() % (s / 4))
        if (rate_take(&r, 100, t))
            taken[n++] = t;
    assert_true(n > 400);
    for (size_t i = 100; i < n; i++)
        assert_true(taken[i] - taken[i - 100] >= 60 * s);
    assert_true(rate_take(&r, 100, 9000 * s));
    assert_false(rate_take(&r, 0, 9000 * s));
}

/* ---- the folder under attack ---- */

static void
a_wrong_master_key_changes_nothing(void **state)
{
    (void)state;
    struct keys *k = start();
    assert_ok(keys_seal(k, BYTES("t"), BYTES("bank"), BYTES("v")));
    keys_stop(k);
    uint8_t right[32], before[3][1000], after[1000];
    static const char *const files[] = {"state", "log.key", "token.key"};
    size_t n[3];
    read_file(master_file, right, 32);
    for (int i = 0; i < 3; i++)
        n[i] = read_file(in_folder(files[i]), before[i], 1000);
    right[0] ^= 1;
    write_file(master_file, bytes_make(right, 32), 0600);
    assert_err(try_start(), E_KEYS, "wrong master key: the key folder's file state was made with another; nothing was changed");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(read_file(in_folder(files[i]), after, 1000), n[i]);
        assert_memory_equal(before[i], after, n[i]);
    }
    right[0] ^= 1;
    write_file(master_file, bytes_make(right, 32), 0600);
    k = start();
    expect_secret(k, "t", "bank", "v");
    keys_stop(k);
}

static void
changed_and_cut_files_are_refused(void **state)
{
    (void)state;
    static const char *const files[] = {"state", "log.key", "token.key"};
    keys_stop(start());
    for (int f = 0; f < 3; f++) {
        uint8_t good[1000], bad[1000];
        size_t n = read_file(in_folder(files[f]), good, sizeof good);
        for (size_t i = 0; i < n; i += 13) {
            memcpy(bad, good, n);
            bad[i] ^= 0x40;
            write_file(in_folder(files[f]), bytes_make(bad, n), 0600);
            assert_err(try_start(), E_KEYS, files[f]);
            write_file(in_folder(files[f]), bytes_make(good, i), 0600);
            assert_err(try_start(), E_KEYS, files[f]);
        }
        memcpy(bad, good, n);
        bad[n] = 0;
        write_file(in_folder(files[f]), bytes_make(bad, n + 1), 0600);
        assert_err(try_start(), E_KEYS, files[f]);
        write_file(in_folder(files[f]), bytes_make(good, n), 0600);
        assert_ok(try_start());
    }
}

static void
swap(const char *a, const char *b)
{
    assert_int_equal(rename(in_folder(a), in_folder("x")) | rename(in_folder(b), in_folder(a)) | rename(in_folder("x"), in_folder(b)), 0);
}

static void
swapped_files_are_refused(void **state)
{
    (void)state;
    struct keys *k = start();
    assert_ok(keys_seal(k, BYTES("mine"), BYTES("evil"), BYTES("harmless")));
    assert_ok(keys_seal(k, BYTES("bank"), BYTES("bank"), BYTES("valuable")));
    swap("secret.mine.1", "secret.bank.2"); /* to read the bank's under the attacker's own name */
    assert_err(keys_release(k, BYTES("mine"), BYTES("evil"), ticket, &(struct secret){0}), E_KEYS, "secret.mine.1 was changed");
    swap("secret.mine.1", "secret.bank.2");
    expect_secret(k, "mine", "evil", "harmless");
    keys_stop(k);
    swap("log.key", "token.key");
    assert_err(try_start(), E_KEYS, "log.key was changed");
}

/* Another installation under the same master key is authentic, and still not this one's key. */
static void
keys_of_another_folder_are_refused(void **state)
{
    (void)state;
    uint8_t other[500], ours[500];
    keys_stop(start());
    size_t n = read_file(in_folder("log.key"), other, sizeof other);
    clear_folder();
    keys_stop(start());
    size_t m = read_file(in_folder("log.key"), ours, sizeof ours);
    write_file(in_folder("log.key"), bytes_make(other, n), 0600);
    assert_err(try_start(), E_KEYS, "log.key is not the key that was made here");
    write_file(in_folder("log.key"), bytes_make(ours, m), 0600);
    assert_ok(try_start());
}

static void
missing_files_are_never_made_again(void **state)
{
    (void)state;
    static const char *const files[] = {"log.key", "token.key", "state"};
    struct keys *k = start();
    assert_ok(keys_seal(k, BYTES("t"), BYTES("bank"), BYTES("v")));
    keys_stop(k);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rename(in_folder(files[i]), in_folder("away")), 0);
        assert_err(try_start(), E_KEYS, i == 2 ? "but no state; restore the file state" : "is gone; restore it from a backup");
        assert_int_equal(access(in_folder(files[i]), F_OK), -1);
        assert_int_equal(rename(in_folder("away"), in_folder(files[i])), 0);
    }
    k = start();
    assert_int_equal(unlink(in_folder("secret.t.1")), 0);
    assert_err(keys_release(k, BYTES("t"), BYTES("bank"), ticket, &(struct secret){0}), E_KEYS, "secret.t.1 is gone");
    keys_stop(k);
}

static void
an_old_state_is_noticed(void **state)
{
    (void)state;
    uint8_t old[1000];
    struct keys *k = start();
    size_t n = read_file(in_folder("state"), old, sizeof old);
    assert_ok(keys_seal(k, BYTES("t"), BYTES("bank"), BYTES("v")));
    assert_ok(keys_seal(k, BYTES("u"), BYTES("bank"), BYTES("v")));
    keys_stop(k);
    write_file(in_folder("state"), bytes_make(old, n), 0600);
    assert_err(try_start(), E_KEYS, "an old copy was restored");
    assert_int_equal(access(in_folder("secret.t.1"), F_OK), 0); /* and nothing was swept away */
}

/* Between the first state and the last of the keys nothing was answered: that beginning may be done again. */
static void
a_crash_at_the_beginning_heals(void **state)
{
    (void)state;
    uint8_t key[32];
    struct folder f;
    struct state s = {.next_generation = 1, .audience = "urn:writ:x"};
    read_file(master_file, key, 32);
    assert_ok(folder_open(&f, env_real(), folder));
    assert_ok(folder_unlock(&f, bytes_make(key, 32)));
    assert_ok(state_save(&f, &s));
    assert_ok(folder_write(&f, "log.key", BYTES("half")));
    assert_err(try_start(), E_KEYS, "another signer uses the key folder");
    folder_close(&f);
    struct keys *k = start();
    EVP_PKEY_free(public_key(k, KEYS_LOG));
    keys_stop(k);
    assert_ok(try_start());
}

static void
folders_and_masters_must_be_private(void **state)
{
    (void)state;
    assert_int_equal(mkdir(folder, 0755), 0);
    assert_err(try_start(), E_KEYS, "is open to others (mode 755); chmod 700 it");
    chmod(folder, 0700);
    chmod(master_file, 0640);
    assert_err(try_start(), E_KEYS, "is open to others (mode 640); chmod 600 it");
    write_file(master_file, BYTES("0123456789012345678901234567890"), 0600);
    assert_err(try_start(), E_KEYS, "too few bytes; 32 to 4096");
    unlink(master_file);
    assert_err(try_start(), E_KEYS, "No such file");
    write_file(master_file, BYTES("01234567890123456789012345678901"), 0400);
    assert_ok(try_start());
    struct stat st;
    stat(in_folder("log.key"), &st);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(rename(folder, master_file) == 0, 0);
    char real[120];
    snprintf(real, sizeof real, "%s.real", folder);
    assert_int_equal(rename(folder, real) | symlink(real, folder), 0);
    assert_err(try_start(), E_KEYS, "cannot be opened");
    assert_int_equal(unlink(folder) | rename(real, folder), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(folder, 65534, 65534), 0);
        assert_err(try_start(), E_KEYS, "belongs to user 65534");
    }
}

static struct err
start_with_passphrase(const char *text)
{
    struct keys_master m = {KEYS_MASTER_PASSPHRASE, NULL};
    struct secret s = secret_make(bytes_str(text));
    struct keys *k;
    struct err e = keys_start(env_real(), folder, &m, &s, &k);
    secret_free(&s);
    keys_stop(k);
    return e;
}

static void
passphrases(void **state)
{
    (void)state;
    uint8_t salt[32];
    assert_err(start_with_passphrase("short"), E_KEYS, "too short");
    assert_ok(start_with_passphrase("correct horse"));
    assert_err(start_with_passphrase("correct horsf"), E_KEYS, "wrong master key");
    assert_err(try_start(), E_KEYS, "wrong master key");
    assert_ok(start_with_passphrase("correct horse"));
    assert_int_equal(read_file(in_folder("salt"), salt, sizeof salt), 32);
    unlink(in_folder("salt"));
    assert_err(start_with_passphrase("correct horse"), E_KEYS, "its file salt is lost");
    assert_int_equal(access(in_folder("salt"), F_OK), -1);
    salt[0] ^= 1;
    write_file(in_folder("salt"), bytes_make(salt, 32), 0600);
    assert_err(start_with_passphrase("correct horse"), E_KEYS, "wrong master key");
    salt[0] ^= 1;
    write_file(in_folder("salt"), bytes_make(salt, 32), 0600);
    assert_ok(start_with_passphrase("correct horse"));
}

static void
systemd_credentials(void **state)
{
    (void)state;
    struct keys *k;
    struct keys_master m = {KEYS_MASTER_CREDENTIAL, "master"}, up = {KEYS_MASTER_CREDENTIAL, "../master"};
    unsetenv("CREDENTIALS_DIRECTORY");
    assert_err(keys_start(env_real(), folder, &m, NULL, &k), E_KEYS, "no credentials directory");
    setenv("CREDENTIALS_DIRECTORY", dir, 1);
    chmod(master_file, 0440); /* as an ACL shows */
    assert_ok(keys_start(env_real(), folder, &m, NULL, &k));
    keys_stop(k);
    assert_err(keys_start(env_real(), folder, &up, NULL, &k), E_KEYS, "no name of a credential");
    unsetenv("CREDENTIALS_DIRECTORY");
}

/* RFC 5869 appendix A.1; its first 32 bytes. */
static void
hkdf_is_as_published(void **state)
{
    (void)state;
    uint8_t secret[22], salt[13], info[10], prk[32], out[32], want[32];
    size_t n;
    memset(secret, 0x0b, sizeof secret);
    for (uint8_t i = 0; i < 13; i++)
        salt[i] = i;
    for (uint8_t i = 0; i < 10; i++)
        info[i] = (uint8_t)(0xf0 + i);
    uint8_t text[64];
    memcpy(text, "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf", 64);
    assert_true(bytes_unhex(bytes_make(text, 64), text, &n));
    memcpy(want, text, 32);
    assert_ok(crypto_extract(bytes_make(salt, 13), bytes_make(secret, 22), prk));
    assert_ok(crypto_expand(prk, bytes_make(info, 10), out));
    assert_memory_equal(out, want, 32);
}

/* ---- private keys of clients ---- */

static struct err
sign_client(struct keys *k, const char *destination, int64_t iat, int64_t exp, const char *iss, const char *aud)
{
    char claims[512];
    struct arena a = {0};
    struct bytes jws;
    int64_t now = env_real()->now_ms(env_real()) / 1000;
    snprintf(claims, sizeof claims, "{\"iss\":\"%s\",\"sub\":\"writ\",\"aud\":\"%s\",\"jti\":\"j\",\"iat\":%lld,\"exp\":%lld}", iss, aud,
             (long long)(now + iat), (long long)(now + exp));
    struct err e = keys_sign_client(k, BYTES("crm.key"), bytes_str(destination), ticket, bytes_str(claims), &a, &jws);
    if (!err_failed(e))
        assert_true(bytes_starts(jws, BYTES("eyJhbGciOiJFUzI1NiIs"))); /* {"alg":"ES256", */
    arena_free(&a);
    return e;
}

static void
a_clients_key_signs_for_its_issuer_and_stays(void **state)
{
    (void)state;
    static const char *const as = "https://as.example";
    struct keys *k = start();
    struct secret s;
    char value[4096];
    BIO *pem = BIO_new(BIO_s_mem());
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    assert_int_equal(PEM_write_bio_PrivateKey(pem, key, NULL, NULL, 0, NULL, NULL), 1);
    char *text;
    long n = BIO_get_mem_data(pem, &text);
    snprintf(value, sizeof value, "%s\n%.*s", as, (int)n, text);
    assert_err(keys_seal(k, BYTES("crm.key"), BYTES("crm"), bytes_make(text, (size_t)n)), E_KEYS, "sealed for an issuer");
    assert_err(keys_seal(k, BYTES("crm.key"), BYTES("crm"), BYTES("https://as.example\nno key")), E_KEYS, "1 to 8 lines");
    assert_ok(keys_seal(k, BYTES("crm.key"), BYTES("crm"), bytes_str(value)));
    assert_err(keys_release(k, BYTES("crm.key"), BYTES("crm"), ticket, &s), E_KEYS, "never released");
    assert_ok(sign_client(k, "crm", 0, 60, "writ", as));
    assert_err(sign_client(k, "bank", 0, 60, "writ", as), E_KEYS, "another destination");
    assert_err(sign_client(k, "crm", 0, 60, "other", as), E_KEYS, "iss and sub");
    assert_err(sign_client(k, "crm", 0, 60, "writ", "https://evil.example"), E_KEYS, "no issuer");
    assert_err(sign_client(k, "crm", 0, 301, "writ", as), E_KEYS, "300 seconds");
    assert_err(sign_client(k, "crm", -120, 60, "writ", as), E_KEYS, "iat is not now");
    assert_err(sign_client(k, "crm", 0, -1, "writ", as), E_KEYS, "exp must lie ahead");
    BIO_free(pem);
    EVP_PKEY_free(key);
    keys_stop(k);
}

int
main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "keys") == 0)
        return keys_main(argc, argv);
    const struct CMUnitTest tests[] = {
        T(tree_heads_verify),
        T(tree_heads_only_grow),
        T(origins_cannot_forge_lines),
        T(no_signature_when_the_disk_is_full),
        T(tokens_verify),
        T(tokens_are_refused),
        T(derived_keys_stay),
        T(secrets_go_to_their_destination_only),
        T(tickets_must_be_ids),
        T(names_cannot_leave_the_folder),
        T(a_secret_is_replaced_whole_and_forgotten),
        T(many_secrets_are_listed_and_bounded),
        T(releases_are_limited),
        T(rates_hold_in_any_minute),
        T(a_wrong_master_key_changes_nothing),
        T(changed_and_cut_files_are_refused),
        T(swapped_files_are_refused),
        T(keys_of_another_folder_are_refused),
        T(missing_files_are_never_made_again),
        T(an_old_state_is_noticed),
        T(a_crash_at_the_beginning_heals),
        T(folders_and_masters_must_be_private),
        T(passphrases),
        T(systemd_credentials),
        T(hkdf_is_as_published),
        T(a_clients_key_signs_for_its_issuer_and_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
