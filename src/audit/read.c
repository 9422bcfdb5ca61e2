/* Reading the log from its folder alone: filtered, and what was said in a record. */
#include "audit/parts.h"

#include "base/json.h"

static const struct json_limits plain_limits = {.bytes = AUDIT_BOX_MAX, .depth = 8, .nodes = 64};

static struct err
folder_error(struct tlog_error e)
{
    return err_make(e.code == TLOG_TAMPERED ? E_TAMPERED : e.code == TLOG_MEMORY ? E_MEMORY : E_IO, "%s", e.text);
}

static bool
member_fits(const struct json *leaf, const char *name, struct bytes wanted)
{
    return wanted.n == 0 || bytes_eq(json_text(leaf, name), wanted);
}

static bool
time_fits(const struct json *leaf, const struct audit_filter *f)
{
    int64_t at;
    if (f->since_ms == 0 && f->until_ms == 0)
        return true;
    return env_time_parse(json_text(leaf, "at"), &at) && (f->since_ms == 0 || at >= f->since_ms) && (f->until_ms == 0 || at <= f->until_ms);
}

static bool
fits(const struct json *leaf, const struct audit_filter *f)
{
    return member_fits(leaf, "kind", f->kind) && member_fits(leaf, "writ", f->writ) && member_fits(leaf, "agent", f->agent) &&
           member_fits(leaf, "call", f->call) && member_fits(leaf, "destination", f->destination) && member_fits(leaf, "decision", f->decision) &&
           time_fits(leaf, f);
}

struct reading {
    const struct audit_filter *filter;
    audit_visit *fn;
    void *ctx;
    struct arena arena;
    struct err error;
};

static int
read_leaf(uint64_t index, const void *at, size_t n, void *ctx)
{
    struct reading *r = ctx;
    struct json *leaf;
    struct bytes text = bytes_make(at, n);
    arena_reset(&r->arena);
    struct err e = json_parse(&r->arena, text, NULL, &leaf);
    if (err_failed(e)) {
        r->error = err_make(E_TAMPERED, "record %llu is none that Writ wrote: %s", (unsigned long long)index, e.text);
        return 1;
    }
    return fits(leaf, r->filter) && !r->fn(index, text, r->ctx);
}

struct err
audit_read(const char *dir, const struct audit_filter *filter, audit_visit *fn, void *ctx)
{
    struct reading r = {.filter = filter, .fn = fn, .ctx = ctx, .error = err_ok()};
    struct tlog_error e = tlog_scan(dir, filter->from, read_leaf, &r);
    arena_free(&r.arena);
    return e.code != TLOG_OK ? folder_error(e) : r.error;
}

struct wanted {
    uint64_t index;
    struct arena *arena;
    struct bytes leaf;
};

static int
take_leaf(uint64_t index, const void *at, size_t n, void *ctx)
{
    struct wanted *w = ctx;
    if (index == w->index)
        w->leaf = arena_copy(w->arena, bytes_make(at, n));
    return 1;
}

/* The commitments in the leaf of a record. */
static struct err
commitments(const char *dir, uint64_t index, struct arena *a, struct json **said)
{
    struct wanted w = {index, a, {NULL, 0}};
    struct json *leaf;
    struct tlog_error e = tlog_scan(dir, index, take_leaf, &w);
    if (e.code != TLOG_OK)
        return folder_error(e);
    if (w.leaf.at == NULL)
        return err_make(E_NOT_FOUND, "%s has no record %llu", dir, (unsigned long long)index);
    TRY(json_parse(a, w.leaf, NULL, &leaf));
    *said = json_get(leaf, "said");
    if (!json_is(*said, JSON_OBJECT))
        return err_make(E_NOT_FOUND, "nothing was said in record %llu", (unsigned long long)index);
    return err_ok();
}

static bool
unhex32(struct bytes text, uint8_t out[32])
{
    uint8_t bytes[64];
    size_t n;
    if (text.n != 64 || !bytes_unhex(text, bytes, &n) || n != 32)
        return false;
    memcpy(out, bytes, 32);
    return true;
}

/* The bytes of one value in the opened box. */
static bool
value_of(const struct json *entry, struct arena *a, struct bytes *value)
{
    struct bytes base64 = json_text(entry, "base64");
    *value = json_text(entry, "text");
    if (base64.at == NULL)
        return value->at != NULL;
    uint8_t *to = arena_get(a, base64.n + 1);
    size_t n;
    if (to == NULL || value->at != NULL || !bytes_unbase64(base64, to, &n))
        return false;
    *value = bytes_make(to, n);
    return true;
}

static bool
commitment_fits(const struct json *entry, struct bytes value, struct bytes commitment)
{
    uint8_t salt[32], rest[32], expected[32], is[32];
    bool cut = json_get(entry, "rest") != NULL;
    return unhex32(json_text(entry, "salt"), salt) && (!cut || unhex32(json_text(entry, "rest"), rest)) && unhex32(commitment, expected) &&
           value.n <= AUDIT_KEPT_MAX && audit_commit(salt, value, cut ? rest : NULL, is) && memcmp(is, expected, 32) == 0;
}

/* JSON objects and arrays stand as they were sent, everything else as text. */
static void
put_value(struct buf *out, const char *name, struct bytes value, bool cut, struct arena *a)
{
    struct json *parsed;
    bool raw = !cut && value.n > 0 && (value.at[0] == '{' || value.at[0] == '[') && !err_failed(json_parse(a, value, NULL, &parsed));
    if (raw)
        json_member_raw(out, name, value);
    else
        json_member_text(out, name, value);
}

static struct err
put_entry(const struct json *committed, const struct json *opened, struct arena *a, struct buf *out, struct buf *cut)
{
    const struct json *entry = json_find(opened, committed->key);
    struct bytes value;
    char *name = arena_str(a, committed->key);
    if (name == NULL)
        return err_make(E_MEMORY, "no memory for what was said");
    if (entry == NULL || !value_of(entry, a, &value) || !commitment_fits(entry, value, committed->text))
        return err_make(E_TAMPERED, "\"%s\" in the sealed copy is not what the log committed to", name);
    bool short_ = json_get(entry, "rest") != NULL;
    put_value(out, name, value, short_, a);
    if (short_) {
        json_item(cut);
        json_put_text(cut, committed->key);
    }
    return err_ok();
}

static struct err
put_entries(const struct json *said, const struct json *opened, struct arena *a, struct bytes *json)
{
    struct buf out = buf_make(2 * AUDIT_BOX_MAX), cut = buf_make(4096);
    struct err e = err_ok();
    json_open(&out, '{');
    json_open(&cut, '[');
    if (said->count != opened->count)
        e = err_make(E_TAMPERED, "the sealed copy does not hold what the log committed to");
    for (const struct json *one = said->child; one != NULL && !err_failed(e); one = one->next)
        e = put_entry(one, opened, a, &out, &cut);
    json_close(&cut, ']');
    if (cut.n > 2)
        json_member_raw(&out, "_cut", buf_bytes(&cut));
    json_close(&out, '}');
    *json = arena_copy(a, buf_bytes(&out));
    if (!err_failed(e) && (out.failed || cut.failed || json->at == NULL))
        e = err_make(E_MEMORY, "no memory for what was said");
    buf_free(&out);
    buf_free(&cut);
    return e;
}

static struct err
open_box(const char *dir, const uint8_t key[32], uint64_t index, struct arena *a, struct json **opened)
{
    struct buf box = buf_make(AUDIT_BOX_MAX + 64), plain = buf_make(AUDIT_BOX_MAX);
    struct err e = said_find(dir, index, &box);
    if (!err_failed(e))
        e = audit_unseal(key, buf_bytes(&box), &plain);
    if (!err_failed(e)) {
        struct bytes text = arena_copy(a, buf_bytes(&plain));
        e = text.at == NULL ? err_make(E_MEMORY, "no memory for what was said") : json_parse(a, text, &plain_limits, opened);
    }
    if (e.code == E_JSON || (!err_failed(e) && !json_is(*opened, JSON_OBJECT)))
        e = err_make(E_TAMPERED, "the sealed copy is none that Writ wrote");
    buf_free(&box);
    buf_free(&plain);
    return e;
}

struct err
audit_said(const char *dir, const uint8_t key[32], uint64_t index, struct arena *a, struct bytes *json)
{
    struct json *said = NULL, *opened = NULL;
    TRY(commitments(dir, index, a, &said));
    struct err e = open_box(dir, key, index, a, &opened);
    if (!err_failed(e))
        e = put_entries(said, opened, a, json);
    return e.code == E_TAMPERED ? err_wrap(e, "record %llu", (unsigned long long)index) : e;
}
