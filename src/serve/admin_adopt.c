/* What `writ adopt` asks of the server: the key that its backups are sealed with, and a place in the record. */
#include "serve/ask.h"

#define WHAT_MAX 7000u

static struct err
record(struct ask *k, const char *change, struct bytes what, const struct json *exposed)
{
    struct buf m = buf_make(65536);
    json_member_str(&m, "change", change);
    json_member_text(&m, "what", bytes_sub(what, 0, WHAT_MAX));
    if (exposed)
        json_member_raw(&m, "exposed", exposed->raw);
    json_member_str(&m, "by", k->who);
    struct audit_event event = {.kind = AUDIT_PRIVILEGE, .members = buf_bytes(&m)};
    struct err e = m.failed ? err_make(E_LIMIT, "too much for one record") : serve_record(k->face->serve, &event);
    buf_free(&m);
    return e;
}

/* Whoever may ask for it could read the files it was made for when they were adopted; that it was asked for is on record first. */
struct err
post_backup_key(struct ask *k)
{
    uint8_t key[32];
    TRY(record(k, "key of adopt's backups was given", json_text(k->body, "why"), NULL));
    TRY(keys_derive(k->face->serve->keys, "adopt-backup", key));
    struct buf hex = buf_make(80);
    buf_hex(&hex, bytes_make(key, sizeof key));
    bytes_wipe(key, sizeof key);
    json_open(&k->answer, '{');
    json_member_str(&k->answer, "key", buf_text(&hex));
    json_close(&k->answer, '}');
    bytes_wipe(hex.at, hex.n);
    buf_free(&hex);
    return err_ok();
}

/* {"change": "adopted" or "adoption undone", "what": text, "exposed": [{"secret", "destination", "file", "line"}]} */
struct err
post_adopted(struct ask *k)
{
    const struct json *exposed = json_get(k->body, "exposed");
    bool undone = bytes_is(json_text(k->body, "change"), "adoption undone");
    if (exposed && !json_is(exposed, JSON_ARRAY))
        return err_make(E_USAGE, "\"exposed\" must be a list");
    TRY(record(k, undone ? "adoption undone" : "adopted", json_text(k->body, "what"), exposed));
    buf_puts(&k->answer, "{\"recorded\":true}");
    return err_ok();
}
