/*
 * The names of a hub's members, towards its client and back. Everything here is a function of its arguments alone, so a name means the
 * same in every session and after every restart (docs/federation.md).
 */
#include <openssl/sha.h>

#include "gate/mcp/hub.h"

#define PLAIN_PREFIX_MAX HUB_PREFIX_MAX
#define PREFIX_HEAD 13
#define PREFIX_DIGEST 10 /* base32 digits: 50 bits, of names that only an estate declares */
#define TOOL_DIGEST 13   /* 65 bits, of names that a server chooses */
#define URI_SCHEME "writ:"

static bool
letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static bool
digest_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '2' && c <= '7');
}

/* RFC 4648 §6 alphabet in lower case; ${n} digits. */
static void
put_digest(struct buf *b, struct bytes of, size_t n)
{
    uint8_t sum[SHA256_DIGEST_LENGTH];
    uint32_t bits = 0;
    unsigned have = 0;
    size_t at = 0;
    SHA256(of.n ? of.at : (const uint8_t *)"", of.n, sum);
    while (n--) {
        if (have < 5)
            bits = (bits << 8 | sum[at++]) & 0xffff, have += 8;
        have -= 5;
        buf_putc(b, (uint8_t)"abcdefghijklmnopqrstuvwxyz234567"[bits >> have & 31]);
    }
}

static void
put_clean(struct buf *b, struct bytes s, size_t max)
{
    for (size_t i = 0; i < s.n && max; i++, max--)
        buf_putc(b, letter(s.at[i]) && s.at[i] != '_' ? s.at[i] : '-');
}

/* "__" ends a prefix, so none may hold it or end in its half. */
static bool
plain_prefix(struct bytes id)
{
    bool ok = id.n > 0 && id.n <= PLAIN_PREFIX_MAX && bytes_search(id, BYTES("__")) == id.n && id.at[id.n - 1] != '_';
    for (size_t i = 0; ok && i < id.n; i++)
        ok = letter(id.at[i]);
    return ok;
}

void
hub_prefix(const char *destination, char out[HUB_PREFIX_MAX + 1])
{
    struct bytes id = bytes_str(destination);
    struct buf b = buf_make(HUB_PREFIX_MAX);
    if (plain_prefix(id)) {
        buf_put(&b, id);
    } else {
        put_clean(&b, id, PREFIX_HEAD);
        buf_putc(&b, '-');
        put_digest(&b, id, PREFIX_DIGEST);
    }
    memcpy(out, buf_text(&b), b.n + 1);
    buf_free(&b);
}

bool
hub_split(struct bytes name, struct bytes *prefix, struct bytes *rest)
{
    size_t end = bytes_search(name, BYTES("__"));
    *prefix = bytes_sub(name, 0, end);
    *rest = bytes_sub(name, end + 2, name.n);
    return end < name.n && prefix->n > 0 && rest->n > 0;
}

/* A tool that is called like a shortened one gets a digest, too: no server can take the name of another's shortened tool. */
static bool
looks_shortened(struct bytes tool)
{
    bool tail = tool.n > TOOL_DIGEST && tool.at[tool.n - TOOL_DIGEST - 1] == '_';
    for (size_t i = tool.n - TOOL_DIGEST; tail && i < tool.n; i++)
        tail = digest_letter(tool.at[i]);
    return tail;
}

static bool
plain_tool(size_t prefix, struct bytes tool)
{
    bool ok = tool.n > 0 && prefix + 2 + tool.n <= HUB_NAME_MAX && !looks_shortened(tool);
    for (size_t i = 0; ok && i < tool.n; i++)
        ok = letter(tool.at[i]);
    return ok;
}

void
hub_put_tool(struct buf *b, const char *prefix, struct bytes tool)
{
    size_t n = strlen(prefix);
    buf_puts(b, prefix);
    buf_puts(b, "__");
    if (plain_tool(n, tool)) {
        buf_put(b, tool);
        return;
    }
    put_clean(b, tool, HUB_NAME_MAX - n - 2 - 1 - TOOL_DIGEST);
    buf_putc(b, '_');
    put_digest(b, tool, TOOL_DIGEST);
}

/* What is not shortened reads back by itself; a shortened name is looked up among the pinned tools. */
struct bytes
hub_tool_of(const struct destination *d, const char *prefix, struct bytes rest)
{
    struct bytes found = {NULL, 0};
    if (plain_tool(strlen(prefix), rest))
        return rest;
    for (size_t i = 0; d && looks_shortened(rest) && i < d->n_tools && found.n == 0; i++) {
        struct buf b = buf_make(256);
        struct bytes tool = bytes_str(d->tools[i].name);
        hub_put_tool(&b, prefix, tool);
        if (!plain_tool(strlen(prefix), tool) && bytes_eq(bytes_sub(buf_bytes(&b), strlen(prefix) + 2, b.n), rest))
            found = tool;
        buf_free(&b);
    }
    return found;
}

void
hub_put_name(struct buf *b, const char *prefix, struct bytes name)
{
    buf_puts(b, prefix);
    buf_puts(b, "__");
    buf_put(b, name);
}

void
hub_put_uri(struct buf *b, const char *prefix, struct bytes uri)
{
    buf_puts(b, URI_SCHEME);
    buf_puts(b, prefix);
    buf_putc(b, ':');
    buf_put(b, uri);
}

bool
hub_split_uri(struct bytes uri, struct bytes *prefix, struct bytes *rest)
{
    struct bytes scheme = BYTES(URI_SCHEME);
    if (!bytes_starts(uri, scheme))
        return false;
    *rest = bytes_sub(uri, scheme.n, uri.n);
    *prefix = bytes_split(rest, ':');
    return prefix->n > 0 && rest->n > 0;
}

/*
 * RFC 6570 templates, as far as it takes to say whose URI this is: the literal parts must stand there in order, an expression matches
 * anything. It never asks for more than one pass: the earliest place for each part is as good as any later one, but for the last.
 */
bool
hub_template_matches(struct bytes template, struct bytes uri)
{
    bool first = true;
    for (;;) {
        size_t open = bytes_find(template, '{');
        struct bytes literal = bytes_sub(template, 0, open);
        if (open == template.n) /* what is left must end the URI */
            return first ? bytes_eq(literal, uri) : literal.n <= uri.n && bytes_ends(uri, literal);
        size_t at = first ? (bytes_starts(uri, literal) ? 0 : uri.n + 1) : literal.n ? bytes_search(uri, literal) : 0;
        if (at + literal.n > uri.n)
            return false;
        uri = bytes_sub(uri, at + literal.n, uri.n);
        template = bytes_sub(template, open, template.n);
        size_t close = bytes_find(template, '}');
        if (close == template.n)
            return false;
        template = bytes_sub(template, close + 1, template.n);
        first = false;
    }
}
