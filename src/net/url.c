#include "net/url.h"

#include <sys/un.h>

#include "net/http_parse.h"

static bool
set_host(struct url *u, struct bytes host, size_t max)
{
    if (host.n == 0 || host.n >= max || bytes_find(host, 0) < host.n)
        return false;
    memcpy(u->host, host.at, host.n);
    u->host[host.n] = 0;
    return true;
}

/* Behind "unix:": the path ends at the first ":/". */
static bool
parse_unix(struct bytes rest, struct url *u)
{
    size_t n = bytes_search(rest, BYTES(":/"));
    u->unix_socket = true;
    u->authority = BYTES("localhost");
    u->target = n < rest.n ? bytes_sub(rest, n + 1, SIZE_MAX) : BYTES("/");
    return rest.n && rest.at[0] == '/' && set_host(u, bytes_sub(rest, 0, n), sizeof((struct sockaddr_un *)0)->sun_path);
}

static bool
parse_tcp(struct bytes rest, struct url *u)
{
    size_t slash = bytes_find(rest, '/');
    u->authority = bytes_sub(rest, 0, slash);
    u->target = slash < rest.n ? bytes_sub(rest, slash, SIZE_MAX) : BYTES("/");
    if (!http_authority_ok(u->authority))
        return false;
    bool v6 = u->authority.at[0] == '[';
    size_t end = bytes_find(u->authority, v6 ? ']' : ':');
    struct bytes port = bytes_sub(u->authority, end + 1 + v6, SIZE_MAX);
    uint64_t number = u->tls ? 443 : 80;
    u->port = (uint16_t)(port.n == 0 || bytes_u64(port, &number) ? number : 0);
    return u->port && set_host(u, bytes_sub(u->authority, v6, end - v6), sizeof u->host);
}

struct err
url_parse(const char *text, struct url *u)
{
    struct bytes all = bytes_str(text);
    *u = (struct url){0};
    bool ok = false;
    if (bytes_starts(all, BYTES("unix:")))
        ok = parse_unix(bytes_sub(all, 5, SIZE_MAX), u);
    else if (bytes_starts(all, BYTES("http://")))
        ok = parse_tcp(bytes_sub(all, 7, SIZE_MAX), u);
    else if (bytes_starts(all, BYTES("https://"))) {
        u->tls = true;
        ok = parse_tcp(bytes_sub(all, 8, SIZE_MAX), u);
    }
    if (!ok)
        return err_make(E_USAGE, "not a URL that can be called; write http://host:port/…, https://… or unix:/path/of/socket:/…");
    u->origin = u->target.at >= all.at && u->target.at < all.at + all.n ? bytes_sub(all, 0, (size_t)(u->target.at - all.at)) : all;
    if (!http_target_ok(u->target))
        return err_make(E_USAGE, "the URL at %.*s has a path or query with bytes that must be percent-encoded", BYTES_CUT(u->origin, 200));
    return err_ok();
}
