/* What authorization servers, vaults, clusters and browsers send: the first byte chooses the reader. */
#include <stdlib.h>

#include "creds/inner.h"

static void
must(bool ok)
{
    if (!ok)
        abort();
}

/* What goes into a header or an address has no byte that could end it. */
static void
plain(const char *text)
{
    for (; text && *text; text++)
        must((unsigned char)*text > 0x20 && (unsigned char)*text < 0x7f);
}

static void
challenge(struct bytes b)
{
    struct challenge c = {0};
    challenge_parse(b, &c);
    for (const char *t = c.scope; *t; t++)
        must((unsigned char)*t >= 0x20 && (unsigned char)*t < 0x7f);
    must(c.bearer || (!c.scope[0] && !c.error[0] && !c.resource_metadata[0]));
}

static void
issuer(struct arena *a, struct bytes b)
{
    struct issuer_metadata m;
    if (err_failed(issuer_metadata_read(a, b, &m)))
        return;
    plain(m.issuer), plain(m.token), plain(m.authorization), plain(m.registration), plain(m.revocation);
    const char *at = well_known(a, m.issuer, "openid-configuration", WELL_KNOWN_APPENDED);
    plain(at);
    must(m.issuer && m.token);
}

static void
resource(struct arena *a, struct bytes b)
{
    struct resource_metadata m;
    if (err_failed(resource_metadata_read(a, b, &m)))
        return;
    plain(m.resource), plain(m.servers[0]);
    must(!url_covers(m.resource, "https://a.example/mcp") || bytes_starts(bytes_str(m.resource), BYTES("https://")));
}

static void
token(struct arena *a, struct bytes b, int status)
{
    struct token_response t;
    if (err_failed(token_response_read(a, b, status, &t)) || t.error[0])
        return;
    must(t.access.n > 0 && t.expires_s >= -1);
    for (size_t i = 0; i < t.access.n; i++)
        must(t.access.at[i] > 0x20 && t.access.at[i] < 0x7f);
}

static void
query(struct arena *a, struct bytes b)
{
    struct bytes v;
    if (query_value(a, b, "state", &v)) {
        struct buf again = buf_make(1 << 20);
        percent_put(&again, v);
        must(again.failed || again.n >= v.n);
        buf_free(&again);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {.max = (size_t)16 << 20};
    struct bytes b = bytes_make(data + 1, size ? size - 1 : 0), value;
    struct registration r;
    int64_t lease;
    struct err e = err_ok();
    if (size == 0)
        return 0;
    switch (data[0] % 9) {
    case 0:
        challenge(b);
        break;
    case 1:
        issuer(&a, b);
        break;
    case 2:
        resource(&a, b);
        break;
    case 3:
        token(&a, b, 200);
        break;
    case 4:
        token(&a, b, 400);
        break;
    case 5:
        e = registration_read(&a, b, &r);
        break;
    case 6:
        e = vault_login_read(&a, b, &value, &lease);
        must(err_failed(e) || value.n);
        break;
    case 7:
        e = vault_value_read(&a, b, 1 + (data[0] > 100), "k", &value, &lease);
        if (err_failed(e))
            e = kubernetes_value_read(&a, b, "k", &value);
        must(err_failed(e) || value.n);
        break;
    case 8:
        query(&a, b);
        break;
    }
    (void)e;
    arena_free(&a);
    return 0;
}
