/* log verify: from the bytes alone, in this process. */
#include "cli/cli.h"

#include <stdio.h>
#include <unistd.h>

#include "writ/tlog.h"

struct log_at {
    const char *folder, *origin;
    uint8_t key[32];
};

static struct err
read_key(struct bytes hex, uint8_t key[32])
{
    uint8_t bytes[64];
    size_t n = 0;
    if (hex.n != 64 || !bytes_unhex(hex, bytes, &n) || n != 32)
        return err_make(E_USAGE, "the log's key is 64 hexadecimal digits");
    memcpy(key, bytes, 32);
    return err_ok();
}

/* What is named is used; the rest is asked of the server. */
static struct err
locate(struct cli *c, struct log_at *at)
{
    struct json *answer = NULL;
    const char *key = given(c, "key");
    at->folder = c->words[0];
    at->origin = given(c, "origin");
    if (at->folder && (key == NULL || at->origin == NULL))
        return err_make(E_USAGE,
                        "a folder needs --key and --origin: `writ log verify --json` says them while the server is trusted; keep them elsewhere");
    if (at->folder)
        return read_key(bytes_str(key), at->key);
    TRY(api_get(c, FACE_CONTROL, "/v1/log/key", &answer));
    at->folder = arena_str(&c->arena, json_text(answer, "folder"));
    if (at->origin == NULL)
        at->origin = arena_str(&c->arena, json_text(answer, "origin"));
    if (at->folder == NULL || at->origin == NULL)
        return err_make(E_MEMORY, "out of memory");
    return read_key(key ? bytes_str(key) : json_text(answer, "public_key"), at->key);
}

static void
put_json(struct buf *b, const struct log_at *at, const struct tlog_report *r)
{
    struct buf key = buf_make(80);
    buf_hex(&key, bytes_make(at->key, 32));
    json_open(b, '{');
    json_member_bool(b, "ok", r->ok);
    json_member_str(b, "folder", at->folder);
    json_member_str(b, "origin", at->origin);
    json_member_str(b, "key", buf_text(&key));
    json_member_int(b, "records", (int64_t)r->records);
    json_member_int(b, "heads", (int64_t)r->heads);
    json_member_int(b, "signed", (int64_t)r->signed_size);
    if (r->have_record) {
        json_member_int(b, "record", (int64_t)r->record);
        json_member_int(b, "record_last", (int64_t)r->record_last);
    }
    json_member_str(b, "text", r->text);
    json_close(b, '}');
    buf_putc(b, '\n');
    buf_free(&key);
}

static void
put_text(struct buf *b, const struct log_at *at, const struct tlog_report *r)
{
    bool colour = output_colour(STDOUT_FILENO);
    output_tone(b, colour, r->ok ? TONE_GOOD : TONE_BAD, r->ok ? "the log is whole" : "THE LOG IS DAMAGED");
    buf_printf(b, ": %llu records, %llu signed tree heads, %llu records under the newest\n", (unsigned long long)r->records,
               (unsigned long long)r->heads, (unsigned long long)r->signed_size);
    if (r->have_record && r->record == r->record_last)
        buf_printf(b, "in record %llu: ", (unsigned long long)r->record);
    else if (r->have_record)
        buf_printf(b, "between records %llu and %llu: ", (unsigned long long)r->record, (unsigned long long)r->record_last);
    if (!r->ok) {
        output_clean(b, bytes_str(r->text), true);
        buf_putc(b, '\n');
    }
    output_clean(b, bytes_str(at->origin), false);
    buf_puts(b, " in ");
    output_clean(b, bytes_str(at->folder), false);
    buf_putc(b, '\n');
}

/* A log that does not fit is a finding; one that cannot be read is none. */
static struct err
could_not_look(const struct tlog_error *t, struct tlog_report *r)
{
    if (t->code == TLOG_OK)
        return err_ok();
    if (t->code == TLOG_TAMPERED || t->code == TLOG_FORMAT || t->code == TLOG_SIGNER) {
        r->ok = false;
        if (r->text[0] == 0)
            snprintf(r->text, sizeof r->text, "%s", t->text);
        return err_ok();
    }
    enum err_code code = t->code == TLOG_MEMORY ? E_MEMORY : t->code == TLOG_LIMIT ? E_LIMIT : E_IO;
    return err_make(code, "the log could not be read: %.250s", t->text);
}

struct err
cmd_log_verify(struct cli *c)
{
    struct log_at at;
    struct tlog_report r = {0};
    struct buf b = buf_make(65536);
    TRY(locate(c, &at));
    struct tlog_error t = tlog_verify(at.folder, at.origin, at.key, &r);
    TRY(could_not_look(&t, &r));
    c->status = r.ok ? 0 : 1;
    if (c->json)
        put_json(&b, &at, &r);
    else
        put_text(&b, &at, &r);
    return output_send(c, &b);
}
