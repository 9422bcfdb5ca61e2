/*
 * Messages as their receivers take them. What stands in an alert may come from an agent or a server, so nothing of it is markup: text goes into
 * elements that both chat systems show as plain text, and the one that Slack reads for its notifications is escaped as it asks for.
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

#include "alert/inner.h"

static void
put_heading(const struct alert *t, uint64_t more, struct buf *b)
{
    buf_puts(b, t->title);
    if (more)
        buf_printf(b, " (and %llu times more)", (unsigned long long)more);
}

/* "agent: reader" */
static void
put_line(const struct fact *f, struct buf *b)
{
    buf_printf(b, "%.*s: %s", BYTES_CUT(f->name, 40), f->value);
}

static void
put_origin(const char *installation, const struct alert *t, struct buf *b)
{
    buf_printf(b, "writ %s, %s, %s", installation, severity_names[t->severity], t->at);
    if (t->has_record)
        buf_printf(b, ", record %llu", (unsigned long long)t->record);
}

/* -------------------------------------------------------------------------------------------------------------- forms */

/* Standard Webhooks 1.0: type, timestamp, data. */
static void
put_json(const char *installation, const char *id, const struct alert *t, uint64_t more, struct buf *b)
{
    char type[48];
    snprintf(type, sizeof type, "writ.%s", alert_kind_names[t->kind]);
    json_open(b, '{');
    json_member_str(b, "type", type);
    json_member_str(b, "timestamp", t->at);
    json_key(b, "data");
    json_open(b, '{');
    json_member_str(b, "installation", installation);
    json_member_str(b, "id", id);
    json_member_str(b, "severity", severity_names[t->severity]);
    json_member_str(b, "title", t->title);
    if (more)
        json_member_int(b, "more", (int64_t)more);
    if (t->has_record)
        json_member_int(b, "record", (int64_t)t->record);
    json_key(b, "facts");
    json_open(b, '{');
    for (size_t i = 0; i < t->n; i++) {
        json_key_bytes(b, t->facts[i].name);
        json_put_text(b, bytes_str(t->facts[i].value));
    }
    json_close(b, '}');
    json_close(b, '}');
    json_close(b, '}');
}

static void
put_plain_text(struct buf *b, struct bytes text)
{
    json_open(b, '{');
    json_member_str(b, "type", "plain_text");
    json_member_text(b, "text", text);
    json_member_bool(b, "emoji", false);
    json_close(b, '}');
}

/* https://docs.slack.dev/messaging/formatting-message-text: these three, and no other, are escaped. */
static void
slack_escape(struct bytes text, struct buf *b)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.at[i] == '&')
            buf_puts(b, "&amp;");
        else if (text.at[i] == '<')
            buf_puts(b, "&lt;");
        else if (text.at[i] == '>')
            buf_puts(b, "&gt;");
        else
            buf_putc(b, text.at[i]);
}

static void
put_section(struct buf *b, struct bytes text)
{
    json_item(b);
    json_open(b, '{');
    json_member_str(b, "type", "section");
    json_key(b, "text");
    put_plain_text(b, text);
    json_close(b, '}');
}

static void
put_slack(struct bytes heading, const char *installation, const struct alert *t, struct buf *b)
{
    struct buf text = buf_make(16384);
    slack_escape(heading, &text);
    json_open(b, '{');
    json_member_text(b, "text", buf_bytes(&text));
    json_member_bool(b, "mrkdwn", false);
    json_member_bool(b, "unfurl_links", false);
    json_key(b, "blocks");
    json_open(b, '[');
    put_section(b, heading);
    text.n = 0;
    for (size_t i = 0; i < t->n; i++) {
        buf_puts(&text, text.n ? "\n" : "");
        put_line(&t->facts[i], &text);
    }
    if (text.n)
        put_section(b, bytes_sub(buf_bytes(&text), 0, 2900)); /* a block holds 3000 */
    text.n = 0;
    put_origin(installation, t, &text);
    json_item(b);
    json_open(b, '{');
    json_member_str(b, "type", "context");
    json_key(b, "elements");
    json_open(b, '[');
    put_plain_text(b, buf_bytes(&text));
    json_close(b, ']');
    json_close(b, '}');
    json_close(b, ']');
    json_close(b, '}');
    buf_free(&text);
}

/* A RichTextBlock's runs are plain text; a TextBlock or a FactSet would read Markdown. */
static void
put_run(struct buf *b, struct bytes text, bool bold)
{
    json_item(b);
    json_open(b, '{');
    json_member_str(b, "type", "RichTextBlock");
    json_key(b, "inlines");
    json_open(b, '[');
    json_open(b, '{');
    json_member_str(b, "type", "TextRun");
    json_member_text(b, "text", text);
    json_member_str(b, "weight", bold ? "bolder" : "default");
    json_close(b, '}');
    json_close(b, ']');
    json_close(b, '}');
}

static void
put_teams(struct bytes heading, const char *installation, const struct alert *t, struct buf *b)
{
    struct buf text = buf_make(4096);
    buf_puts(b, "{\"type\":\"message\",\"attachments\":[{\"contentType\":\"application/vnd.microsoft.card.adaptive\",\"contentUrl\":null,\"content\":"
                "{\"$schema\":\"http://adaptivecards.io/schemas/adaptive-card.json\",\"type\":\"AdaptiveCard\",\"version\":\"1.4\",\"body\":[");
    put_run(b, heading, true);
    for (size_t i = 0; i < t->n; i++) {
        text.n = 0;
        put_line(&t->facts[i], &text);
        put_run(b, buf_bytes(&text), false);
    }
    text.n = 0;
    put_origin(installation, t, &text);
    put_run(b, buf_bytes(&text), false);
    buf_puts(b, "]}}]}");
    buf_free(&text);
}

void
alert_message(enum alert_form form, const char *installation, const char *id, const struct alert *t, uint64_t more, struct buf *b)
{
    struct buf heading = buf_make(4096);
    put_heading(t, more, &heading);
    if (form == ALERT_JSON)
        put_json(installation, id, t, more, b);
    else if (form == ALERT_SLACK)
        put_slack(buf_bytes(&heading), installation, t, b);
    else
        put_teams(buf_bytes(&heading), installation, t, b);
    buf_free(&heading);
}

/* ----------------------------------------------------------------------------------------------------------- signature */

bool
alert_signature(struct bytes key, const char *id, int64_t seconds, struct bytes body, struct buf *b)
{
    uint8_t raw[256], sum[32];
    size_t n = 0;
    unsigned length = 0;
    struct bytes base64 = bytes_sub(key, 6, SIZE_MAX);
    if (!bytes_starts(key, BYTES("whsec_")) || base64.n > 200 || !bytes_unbase64(base64, raw, &n) || n < 24 || n > 64)
        return false;
    struct buf text = buf_make(body.n + 256);
    buf_printf(&text, "%s.%lld.", id, (long long)seconds);
    buf_put(&text, body);
    bool ok = !text.failed && HMAC(EVP_sha256(), raw, (int)n, text.at, text.n, sum, &length) != NULL && length == 32;
    if (ok) {
        buf_puts(b, "v1,");
        buf_base64(b, bytes_make(sum, 32));
    }
    buf_free(&text);
    bytes_wipe(raw, sizeof raw);
    return ok;
}
