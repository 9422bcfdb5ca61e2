/* The leaf of an event: public members, and commitments to what was said. */
#include "audit/parts.h"

#include <stdio.h>

#include "base/json.h"

static const char *const kinds[] = {
    [AUDIT_ESTATE] = "estate", [AUDIT_WRIT] = "writ",           [AUDIT_DECISION] = "decision",     [AUDIT_OUTCOME] = "outcome",
    [AUDIT_SECRET] = "secret", [AUDIT_PRIVILEGE] = "privilege", [AUDIT_REVOCATION] = "revocation", [AUDIT_SERVER] = "server",
    [AUDIT_PIN] = "pin",       [AUDIT_FINDING] = "finding",     [AUDIT_REFUSAL] = "refusal",
};

const char *
audit_kind_name(enum audit_kind kind)
{
    return (unsigned)kind < sizeof kinds / sizeof *kinds ? kinds[kind] : "unknown";
}

/* What this room writes into a leaf behind the caller's members; no member may stand in its place. */
static const char *const reserved[] = {"said", "outbox"};

/*
 * Members come formatted; a slip in them must not be able to change the meaning of the leaf around them. So the leaf is read as it will
 * be read later: members that close it or say "v", "at" or "kind" again are no JSON or a duplicate key.
 */
static struct err
check_members(struct bytes members, struct buf *leaf)
{
    struct arena arena = {0};
    struct json *object;
    if (members.n > AUDIT_MEMBERS_MAX)
        return err_make(E_LIMIT, "the members of a log record have %zu bytes: at most %zu", members.n, AUDIT_MEMBERS_MAX);
    buf_putc(leaf, '}');
    struct err e = leaf->failed ? err_make(E_MEMORY, "no memory for a log record") : json_parse(&arena, buf_bytes(leaf), NULL, &object);
    if (err_failed(e))
        e = err_wrap(e, "the members of a log record");
    else
        leaf->n--;
    for (size_t i = 0; !err_failed(e) && i < sizeof reserved / sizeof *reserved; i++)
        if (json_get(object, reserved[i]) != NULL)
            e = err_make(E_USAGE, "a log record's member may not be called \"%s\": the log writes that itself", reserved[i]);
    arena_free(&arena);
    return e;
}

/* [a-z][a-z0-9_]*: names starting with '_' are free for what a reader adds. */
static struct err
check_names(const struct audit_event *event)
{
    if (event->n_said > AUDIT_SAID)
        return err_make(E_LIMIT, "a log record commits to %zu values: at most %d", event->n_said, AUDIT_SAID);
    for (size_t i = 0; i < event->n_said; i++) {
        const char *name = event->said[i].name;
        size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
        if (n == 0 || n > AUDIT_NAME_MAX || name[n] != 0 || name[0] == '_' || (name[0] >= '0' && name[0] <= '9'))
            return err_make(E_USAGE, "\"%.40s\" cannot name something said: lower-case letters, digits and '_' only", name);
        for (size_t j = 0; j < i; j++)
            if (strcmp(name, event->said[j].name) == 0)
                return err_make(E_USAGE, "\"%s\" is said twice in one log record", name);
    }
    return err_ok();
}

bool
audit_commit(const uint8_t salt[AUDIT_SALT], struct bytes kept, const uint8_t *rest, uint8_t out[32])
{
    const struct bytes parts[] = {{salt, AUDIT_SALT}, kept, {rest, rest ? 32 : 0}};
    return audit_sha256(parts, 3, out);
}

/* Text that grows little when it is escaped; anything else is kept as base64. */
static bool
is_plain(struct bytes s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.at[i] < ' ' && s.at[i] != '\n' && s.at[i] != '\t' && s.at[i] != '\r')
            return false;
    return bytes_utf8(s);
}

/* One value: its commitment into the leaf; salt and value into the plain text of the box. */
static struct err
say(const struct audit_said *said, const uint8_t salt[AUDIT_SALT], struct buf *leaf, struct buf *plain)
{
    struct bytes kept = bytes_sub(said->value, 0, AUDIT_KEPT_MAX);
    uint8_t rest[32], commitment[32];
    bool cut = said->value.n > kept.n;
    struct bytes behind = bytes_sub(said->value, kept.n, SIZE_MAX);
    if (cut && !audit_sha256(&behind, 1, rest))
        return err_make(E_CRYPTO, "hashing failed");
    if (!audit_commit(salt, kept, cut ? rest : NULL, commitment))
        return err_make(E_CRYPTO, "hashing failed");
    json_key(leaf, said->name);
    buf_putc(leaf, '"');
    buf_hex(leaf, bytes_make(commitment, 32));
    buf_putc(leaf, '"');

    json_key(plain, said->name);
    json_open(plain, '{');
    json_key(plain, "salt");
    buf_putc(plain, '"');
    buf_hex(plain, bytes_make(salt, AUDIT_SALT));
    buf_putc(plain, '"');
    if (cut) {
        json_member_int(plain, "bytes", (int64_t)said->value.n);
        json_key(plain, "rest");
        buf_putc(plain, '"');
        buf_hex(plain, bytes_make(rest, 32));
        buf_putc(plain, '"');
    }
    if (is_plain(kept)) {
        json_member_text(plain, "text", kept);
    } else {
        json_key(plain, "base64");
        buf_putc(plain, '"');
        buf_base64(plain, kept);
        buf_putc(plain, '"');
    }
    json_close(plain, '}');
    return err_ok();
}

static struct err
say_all(struct env *env, const uint8_t key[32], const struct audit_event *event, struct buf *leaf, struct buf *box)
{
    uint8_t salts[1 + AUDIT_SAID][AUDIT_SALT]; /* of the box, of each value */
    struct buf plain = buf_make(AUDIT_BOX_MAX);
    struct err e = err_ok();
    if (!env->random(env, salts, (1 + event->n_said) * AUDIT_SALT))
        return err_make(E_SYSTEM, "the system's random generator failed");
    json_key(leaf, "said");
    json_open(leaf, '{');
    json_open(&plain, '{');
    for (size_t i = 0; !err_failed(e) && i < event->n_said; i++)
        e = say(&event->said[i], salts[1 + i], leaf, &plain);
    json_close(&plain, '}');
    json_close(leaf, '}');
    if (!err_failed(e) && plain.failed)
        e = err_make(E_MEMORY, "no memory for what was said");
    if (!err_failed(e))
        e = audit_seal(key, salts[0], buf_bytes(&plain), box);
    if (plain.at != NULL)
        bytes_wipe(plain.at, plain.n);
    buf_free(&plain);
    bytes_wipe(salts, sizeof salts);
    return e;
}

struct err
audit_leaf(struct env *env, const uint8_t key[32], const struct audit_event *event, struct buf *leaf, struct buf *box)
{
    char at[ENV_TIME_MAX];
    if ((unsigned)event->kind >= sizeof kinds / sizeof *kinds)
        return err_make(E_USAGE, "%d is no kind of log record", (int)event->kind);
    TRY(check_names(event));
    env_time_text(env->now_ms(env), at);
    json_open(leaf, '{');
    json_member_int(leaf, "v", 1);
    json_member_str(leaf, "at", at);
    json_member_str(leaf, "kind", kinds[event->kind]);
    if (bytes_trim(event->members).n) {
        buf_putc(leaf, ',');
        buf_put(leaf, event->members);
    }
    TRY(check_members(event->members, leaf));
    if (event->n_said > 0)
        TRY(say_all(env, key, event, leaf, box));
    return leaf->failed || box->failed ? err_make(E_MEMORY, "no memory for a log record") : err_ok();
}

/* The number is the last member, so only the end of the text has to be read; no other member can end a leaf with these bytes. */
int64_t
audit_leaf_outbox(struct bytes leaf)
{
    static const char name[] = ",\"outbox\":";
    size_t digits = 0;
    uint64_t n;
    if (!bytes_ends(leaf, BYTES("}")))
        return 0;
    struct bytes rest = bytes_sub(leaf, 0, leaf.n - 1);
    while (digits < rest.n && digits < 19 && rest.at[rest.n - 1 - digits] >= '0' && rest.at[rest.n - 1 - digits] <= '9')
        digits++;
    struct bytes number = bytes_sub(rest, rest.n - digits, digits);
    bool there = bytes_ends(bytes_sub(rest, 0, rest.n - digits), bytes_make(name, sizeof name - 1)) && bytes_u64(number, &n);
    return there && n <= INT64_MAX ? (int64_t)n : 0;
}
