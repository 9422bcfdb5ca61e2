/*
 * The example that `writ init` writes: small, commented, and without errors on the host it is written for.
 */
#include "estate/example.h"
#include "estate/load.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct value {
    const char *name, *text;
};

static struct err
make_folder(const char *path)
{
    if (mkdir(path, 0755) == 0 || errno == EEXIST)
        return err_ok();
    return err_system("the folder %s cannot be made", path);
}

static const struct value *
value_named(const struct value *values, struct bytes name)
{
    for (; values->name; values++)
        if (bytes_is(name, values->name))
            return values;
    return NULL;
}

/* Copy ${text} with @NAME@ replaced; an @ that begins no known name stays. */
static void
fill(struct buf *b, struct bytes text, const struct value *values)
{
    while (text.n) {
        size_t at = bytes_find(text, '@'), end = at + 1 + bytes_find(bytes_sub(text, at + 1, text.n), '@');
        const struct value *v = at < text.n ? value_named(values, bytes_sub(text, at + 1, end - at - 1)) : NULL;
        buf_put(b, bytes_sub(text, 0, at));
        if (v)
            buf_puts(b, v->text);
        else if (at < text.n)
            buf_putc(b, '@');
        text = bytes_sub(text, v ? end + 1 : at + 1, text.n);
    }
}

static struct err
write_file(const char *dir, const struct example_file *f, const struct value *values)
{
    char path[4096];
    struct buf b = buf_make(ESTATE_MAX_FILE);
    if (snprintf(path, sizeof path, "%s/%s", dir, f->path) >= (int)sizeof path)
        return err_make(E_USAGE, "the path %.100s… is too long", dir);
    bool fixed = strncmp(f->path, "pins/", 5) == 0; /* its digest covers every byte */
    if (fixed)
        buf_put(&b, bytes_make(f->at, f->n));
    else
        fill(&b, bytes_make(f->at, f->n), values);
    struct err e = b.failed ? err_make(E_MEMORY, "no memory for %s", path) : file_replace(path, buf_bytes(&b), false);
    buf_free(&b);
    return e;
}

/* Before anything is written: is none of the files there? */
static struct err
refuse_present(const char *dir)
{
    char path[4096];
    for (const struct example_file *f = example_files; f->path; f++)
        if (snprintf(path, sizeof path, "%s/%s", dir, f->path) < (int)sizeof path && access(path, F_OK) == 0)
            return err_make(E_EXISTS, "%s is there already; choose an empty folder", path);
    return err_ok();
}

static struct err
write_all(const char *dir, const struct value *values)
{
    static const char *const folders[] = {"", "/agents", "/destinations", "/pins", "/policies", "/tasks"};
    char path[4096];
    TRY(refuse_present(dir));
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        snprintf(path, sizeof path, "%s%s", dir, folders[i]);
        TRY(make_folder(path));
    }
    for (const struct example_file *f = example_files; f->path; f++)
        TRY(write_file(dir, f, values));
    return err_ok();
}

/* An id from the user's name: what is no letter or digit falls away. */
static const char *
owner_id(struct arena *a, const char *user)
{
    struct buf b = buf_make(NAME_MAX_BYTES);
    for (; *user && b.n < 32; user++)
        if ((*user >= '0' && *user <= '9') || (*user >= 'a' && *user <= 'z') || (b.n && strchr("._-", *user)))
            buf_putc(&b, (uint8_t)*user);
        else if (*user >= 'A' && *user <= 'Z')
            buf_putc(&b, (uint8_t)(*user + 32));
    const char *id = arena_str(a, b.n ? buf_bytes(&b) : BYTES("owner"));
    buf_free(&b);
    return id;
}

static const char *
quoted(struct arena *a, const char *text)
{
    struct buf b = buf_make(4096);
    json_put_text(&b, bytes_str(text)); /* a JSON string is a YAML one */
    const char *out = b.failed ? NULL : arena_str(a, buf_bytes(&b));
    buf_free(&b);
    return out;
}

static const char *
user_name(struct arena *a, int uid)
{
    char text[16384];
    struct passwd entry, *found = NULL;
    if (getpwuid_r((uid_t)uid, &entry, text, sizeof text, &found) == 0 && found)
        return arena_str(a, bytes_str(found->pw_name));
    return "owner";
}

/* A plain absolute path that needs no quotes in YAML, or an error: the example is to be read and edited by people. */
static struct err
check_path(const char *what, const char *path)
{
    size_t plain = strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._+@-");
    if (path[0] == '/' && path[plain] == 0 && !strstr(path, "/./") && !strstr(path, "/../"))
        return err_ok();
    return err_make(E_USAGE, "%s: '%.200s' must be absolute and of letters, digits and / . _ + @ - only", what, path);
}

/* "dir" made absolute, and the folder it stands in. */
static const char *
beside(struct arena *a, const char *dir, const char *name)
{
    char *whole = realpath(dir, NULL);
    char *slash = whole ? strrchr(whole, '/') : NULL;
    const char *path = slash ? arena_printf(a, "%.*s/%s", (int)(slash - whole), whole, name) : NULL;
    free(whole);
    return path;
}

static const char *
proof(struct arena *a, const char *user, const char *otherwise)
{
    const char *name = user ? quoted(a, user) : NULL;
    return user ? (name ? arena_printf(a, "{ user: %s, dedicated: true }", name) : NULL) : otherwise;
}

static struct err
fill_values(struct arena *a, const char *dir, const struct init_options *o, struct value values[16])
{
    const char *user = o->owner_name ? o->owner_name : user_name(a, o->owner_uid);
    const char *state = o->state_dir ? o->state_dir : beside(a, dir, "writ-state"), *run = o->run_dir ? o->run_dir : beside(a, dir, "writ-run");
    const char *root = o->files_root ? o->files_root : "/srv/docs", *node = o->node ? o->node : "/usr/bin/node";
    const char *server = o->server_js ? o->server_js : "/opt/mcp/node_modules/@modelcontextprotocol/server-filesystem/dist/index.js";
    const struct value list[] = {
        {"NAME", "example"},
        {"STATE", state},
        {"RUN", run},
        {"MASTER", state ? arena_printf(a, "%s/master.key", state) : NULL},
        {"OWNER", owner_id(a, user)},
        {"OWNER_NAME", quoted(a, user)},
        {"OWNER_UID", arena_printf(a, "%d", o->owner_uid)},
        {"READER_PROOF", proof(a, o->reader_user, "{ exe: /usr/local/bin/claude } # better: { user: reader, dedicated: true }")},
        {"BOT_PROOF", proof(a, o->bot_user, "{ cgroup: /system.slice/invoice-bot.service } # or: { user: invoice-bot, dedicated: true }")},
        {"NODE", node},
        {"SERVER", server},
        {"ROOT", root},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (list[i].text == NULL)
            return err_make(E_MEMORY, "no memory for the example");
        else
            values[i] = list[i];
    TRY(check_path("state_dir", state));
    TRY(check_path("run_dir", run));
    TRY(check_path("files_root", root));
    TRY(check_path("node", node));
    return check_path("server_js", server);
}

struct err
estate_init(const char *dir, const struct init_options *options)
{
    struct arena a = {0};
    struct value values[16] = {{0}};
    TRY(refuse_present(dir));
    TRY(make_folder(dir));
    struct err e = fill_values(&a, dir, options, values);
    if (!err_failed(e))
        e = write_all(dir, values);
    arena_free(&a);
    return e;
}
