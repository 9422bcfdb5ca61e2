/* An entry that starts `writ mcp` in the place of the server. What it says besides (disabled, timeout, what the client shows) stays. */
#include "adopt/entry.h"

static void
put_text(struct buf *b, struct bytes text)
{
    json_put_text(b, text); /* a JSON string is a basic string of TOML, too */
}

static struct bytes
kept(struct arena *a, struct buf *b)
{
    struct bytes out = b->failed ? (struct bytes){NULL, 0} : arena_copy(a, buf_bytes(b));
    buf_free(b);
    return out;
}

static struct bytes
text_of(struct arena *a, const char *text)
{
    struct buf b = buf_make(65536);
    put_text(&b, bytes_str(text));
    return kept(a, &b);
}

static struct bytes
list_of(struct arena *a, const char *const *argv)
{
    struct buf b = buf_make(65536);
    buf_putc(&b, '[');
    for (size_t i = 0; argv[i]; i++) {
        buf_puts(&b, i ? ", " : "");
        put_text(&b, bytes_str(argv[i]));
    }
    buf_putc(&b, ']');
    return kept(a, &b);
}

/* "type": "http" and the like would contradict a command. */
static size_t
put_kind(const struct entry *e, struct member *m)
{
    static const char *const keys[] = {"type", "transport", "transportType"};
    size_t n = 0;
    for (size_t i = 0; i < 3; i++)
        if (config_get(e->node, keys[i]))
            m[n++] = (struct member){keys[i], e->client->shape == SHAPE_OPENCODE ? BYTES("\"local\"") : BYTES("\"stdio\"")};
    return n;
}

bool
entry_rewrite(const struct entry *e, struct bytes text, bool toml, const char *const *argv, struct edits *edits)
{
    static const char *const gone[] = {"cmd",
                                       "env",
                                       "environment",
                                       "envs",
                                       "cwd",
                                       "url",
                                       "serverUrl",
                                       "httpUrl",
                                       "headers",
                                       "http_headers",
                                       "env_http_headers",
                                       "bearer_token_env_var",
                                       "env_vars",
                                       "envFile",
                                       "requestInit",
                                       "authProviderType",
                                       "oauth",
                                       NULL};
    struct member m[32];
    size_t n = 0;
    if (e->client->shape == SHAPE_OPENCODE) {
        m[n++] = (struct member){"command", list_of(edits->a, argv)};
    } else {
        m[n++] = (struct member){"command", text_of(edits->a, argv[0])};
        m[n++] = (struct member){"args", list_of(edits->a, argv + 1)};
    }
    n += put_kind(e, m + n);
    for (size_t i = 0; gone[i]; i++)
        m[n++] = (struct member){gone[i], {NULL, 0}};
    if (m[0].value.at == NULL || (e->client->shape != SHAPE_OPENCODE && m[1].value.at == NULL)) {
        edits->failed = true;
        return false;
    }
    return edits_members(edits, text, e->node, toml, m, n);
}
