/* How a server is come by: what one over stdio runs, as far as it can be known before it runs; where one over HTTP is, and whom TLS believes there. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gate/mcp/pins.h"
#include "identity/identity.h"

/* These bring what they run from elsewhere. */
static const char *const fetchers[] = {"npx", "bunx", "uvx", "pipx", "uv", "pnpm", "yarn", "npm", "docker", "podman", NULL};

static const char *
base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool
fetches(const char *program)
{
    for (const char *const *f = fetchers; *f; f++)
        if (strcmp(base_name(program), *f) == 0)
            return true;
    return false;
}

/* As execvp would find it. */
static bool
find_program(const char *name, char out[4096])
{
    const char *path = getenv("PATH");
    struct bytes rest = bytes_str(path ? path : "/usr/local/bin:/usr/bin:/bin");
    if (strchr(name, '/')) {
        snprintf(out, 4096, "%s", name);
        return access(out, X_OK) == 0;
    }
    while (rest.n) {
        struct bytes folder = bytes_split(&rest, ':');
        snprintf(out, 4096, "%.*s/%s", BYTES_CUT(folder, 3000), name);
        if (folder.n && access(out, X_OK) == 0)
            return true;
    }
    return false;
}

/* The first argument that is a file is what an interpreter runs; "-m module" and "-c text" name none. */
static const char *
script_of(const struct destination *d)
{
    for (const char *const *arg = d->command[0] ? d->command + 1 : d->command; *arg; arg++) {
        if (strcmp(*arg, "-m") == 0 || strcmp(*arg, "-c") == 0 || strcmp(*arg, "-e") == 0)
            return NULL;
        if ((*arg)[0] != '-' && access(*arg, R_OK) == 0)
            return *arg;
    }
    return NULL;
}

static void
put_file(struct buf *b, const char *path)
{
    char sha256[65];
    if (err_failed(file_hash(path, sha256)))
        snprintf(sha256, sizeof sha256, "unreadable");
    json_key(b, path);
    json_put_text(b, bytes_str(sha256));
}

static void
put_files(struct buf *b, const struct destination *d)
{
    char program[4096];
    json_key(b, "files");
    json_open(b, '{');
    if (d->command[0] && !fetches(d->command[0])) {
        bool interpreted = proc_is_interpreter(d->command[0]);
        const char *script = interpreted ? script_of(d) : NULL;
        if (script)
            put_file(b, script);
        else if (!interpreted && find_program(d->command[0], program))
            put_file(b, program);
    }
    json_close(b, '}');
}

void
program_reached(const struct destination *d, struct buf *b)
{
    json_open(b, '{');
    if (d->kind == UPSTREAM_HTTP) {
        json_member_str(b, "url", d->url);
        if (d->ca_file) { /* whom TLS believes is who the server is */
            json_key(b, "files");
            json_open(b, '{');
            put_file(b, d->ca_file);
            json_close(b, '}');
        }
    } else {
        json_key(b, "command");
        json_open(b, '[');
        for (const char *const *arg = d->command; *arg; arg++) {
            json_item(b);
            json_put_text(b, bytes_str(*arg));
        }
        json_close(b, ']');
        put_files(b, d);
    }
    json_close(b, '}');
}
