/* What a token must say to be signed (RFC 9068), whoever asks. */
#include "base/json.h"
#include "keys/signer.h"

struct err
token_head(EVP_PKEY *key, struct buf *to)
{
    struct buf head = buf_make(256);
    buf_puts(&head, "{\"alg\":\"ES256\",\"kid\":\"");
    struct err e = crypto_thumbprint(key, &head);
    buf_puts(&head, "\",\"typ\":\"at+jwt\"}");
    *to = buf_make(512);
    if (!err_failed(e))
        buf_base64url(to, buf_bytes(&head));
    if (!err_failed(e) && (head.failed || to->failed))
        e = err_make(E_MEMORY, "no memory for a token's header");
    buf_free(&head);
    return e;
}

static struct err
refuse(const char *why)
{
    return err_make(E_KEYS, "the signer refused a token: %s", why);
}

static struct err
check_times(const struct json *claims, int64_t now_s)
{
    const struct json *iat = json_get(claims, "iat"), *exp = json_get(claims, "exp");
    if (!json_is(iat, JSON_INT) || !json_is(exp, JSON_INT))
        return refuse("iat and exp must be integers");
    if (iat->number < now_s - TOKEN_CLOCK_SKEW || iat->number > now_s + TOKEN_CLOCK_SKEW)
        return refuse("iat is not now");
    if (exp->number <= now_s)
        return refuse("exp lies in the past");
    if (exp->number > iat->number + TOKEN_LIFETIME_MAX) /* iat is near now: no overflow */
        return refuse("it would live longer than 900 seconds");
    return err_ok();
}

static struct err
check_claims(const struct json *claims, const char *audience, int64_t now_s)
{
    if (!json_is(claims, JSON_OBJECT))
        return refuse("its claims are no JSON object");
    /* A list of audiences that holds ours would make it good elsewhere too. */
    if (!bytes_is(json_text(claims, "aud"), audience))
        return refuse("aud is not exactly this installation");
    if (json_text(claims, "jti").n == 0 || json_text(claims, "sub").n == 0)
        return refuse("jti and sub must be there");
    return check_times(claims, now_s);
}

struct err
token_check(struct bytes claims, const char *audience, int64_t now_s)
{
    static const struct json_limits limits = {.bytes = KEYS_CLAIMS_MAX, .depth = 16, .nodes = 2000};
    struct arena a = {.max = (size_t)1 << 20};
    struct json *tree = NULL;
    struct err e = json_parse(&a, claims, &limits, &tree);
    if (err_failed(e))
        e = refuse(e.text);
    else
        e = check_claims(tree, audience, now_s);
    arena_free(&a);
    return e;
}
