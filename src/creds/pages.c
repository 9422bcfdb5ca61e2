/*
 * The pages that people see on their way to an authorization server. No script; the style is a file of its own, so that the policy of content can
 * forbid everything else. Every text on them is escaped.
 */
#include "creds/inner.h"

static const char style[] =
    ":root{color-scheme:light dark;--ink:#1d2330;--soft:#596275;--paper:#f4f5f8;--card:#fff;--line:#d9dde5;--go:#1f5fbf;--on-go:#fff}"
    "@media(prefers-color-scheme:dark){:root{--ink:#e8ebf2;--soft:#a4adbf;--paper:#12151b;--card:#1b2029;--line:#323a48;--go:#7db0ff;--on-go:#0b1320}"
    "}"
    "*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.55 system-ui,sans-serif}"
    "main{max-width:34rem;margin:12vh auto 2rem;padding:2rem;background:var(--card);border:1px solid var(--line);border-radius:12px}"
    "h1{margin:0 0 .75rem;font-size:1.4rem;line-height:1.3}p{margin:.75rem 0}dl{margin:1.25rem 0;display:grid;grid-template-columns:max-content "
    "1fr;gap:.4rem 1rem}"
    "dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}small,.soft{color:var(--soft);font-size:.9rem}"
    "a.go{display:inline-block;margin:.5rem 0;padding:.6rem "
    "1.1rem;border-radius:8px;background:var(--go);color:var(--on-go);text-decoration:none;font-weight:600}"
    "a.go:focus-visible{outline:3px solid var(--ink);outline-offset:2px}footer{max-width:34rem;margin:0 auto;padding:0 "
    "2rem;color:var(--soft);font-size:.85rem}";

static void
put_escaped(struct buf *b, const char *text)
{
    static const struct {
        char c;
        const char *as;
    } escapes[] = {{'<', "&lt;"}, {'>', "&gt;"}, {'&', "&amp;"}, {'"', "&quot;"}, {'\'', "&#39;"}};
    for (const char *c = text; *c; c++) {
        size_t i = 0;
        while (i < sizeof escapes / sizeof *escapes && escapes[i].c != *c)
            i++;
        if (i < sizeof escapes / sizeof *escapes)
            buf_puts(b, escapes[i].as);
        else
            buf_putc(b, (uint8_t)*c);
    }
}

static void
begin(struct buf *b, const char *title)
{
    buf_puts(b, "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>");
    put_escaped(b, title);
    buf_puts(b, " · Writ</title><link rel=\"stylesheet\" href=\"/style.css\"></head><body><main><h1>");
    put_escaped(b, title);
    buf_puts(b, "</h1>");
}

static void
paragraph(struct buf *b, const char *kind, const char *text)
{
    buf_printf(b, "<p%s>", kind);
    put_escaped(b, text);
    buf_puts(b, "</p>");
}

static void
finish(struct http_exchange *x, int status, struct buf *b)
{
    static const struct http_header safe[] = {
        {BYTES("Content-Security-Policy"),
         BYTES("default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")},
        {BYTES("Cache-Control"), BYTES("no-store")},
        {BYTES("Referrer-Policy"), BYTES("no-referrer")},
        {BYTES("Cross-Origin-Opener-Policy"), BYTES("same-origin")},
        {BYTES("X-Content-Type-Options"), BYTES("nosniff")}};
    buf_puts(b, "</main><footer>Writ keeps what agents may do, and what they did.</footer></body></html>\n");
    http_respond(x, status, "text/html; charset=utf-8", safe, sizeof safe / sizeof *safe, buf_bytes(b));
    buf_free(b);
}

void
page(struct http_exchange *x, int status, const char *title, const char *text)
{
    struct buf b = buf_make(16384);
    begin(&b, title);
    paragraph(&b, "", text);
    finish(x, status, &b);
}

static void
fact(struct buf *b, const char *name, const char *value)
{
    buf_printf(b, "<dt>%s</dt><dd>", name);
    put_escaped(b, value);
    buf_puts(b, "</dd>");
}

void
page_ask(struct http_exchange *x, const struct consent_shown *s)
{
    char title[120], undo[320];
    struct buf b = buf_make(32768);
    snprintf(title, sizeof title, "Connect your account at %s?", s->destination);
    snprintf(undo, sizeof undo,
             "Agents use the account through Writ and never see its keys. Take it back at any time: writ destination disconnect %s --as %s",
             s->destination, s->person);
    begin(&b, title);
    buf_puts(&b, "<dl>");
    fact(&b, "For", s->person);
    fact(&b, "Asked by", s->by);
    fact(&b, "Server", s->resource);
    fact(&b, "You sign in at", s->issuer);
    fact(&b, "It may", s->scope[0] ? s->scope : "do what the server gives without a scope");
    buf_puts(&b, "</dl><p><a class=\"go\" href=\"");
    put_escaped(&b, s->go);
    buf_puts(&b, "\">Continue and sign in</a></p>");
    paragraph(&b, "", "If you did not ask for this, close this page: nothing has happened yet.");
    paragraph(&b, " class=\"soft\"", undo);
    finish(x, 200, &b);
}

void
page_style(struct http_exchange *x)
{
    static const struct http_header kept = {BYTES("X-Content-Type-Options"), BYTES("nosniff")};
    http_respond(x, 200, "text/css; charset=utf-8", &kept, 1, bytes_str(style));
}
