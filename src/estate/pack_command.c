/*
 * What a command runs, by its words: the package that a runner fetches, the image of a container, the script of a package on this host. A word
 * counts only at the place where the runner looks for its program; a server can be given any other word as an argument.
 */
#include "estate/packs.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const program_kind_names[] = {"nothing known", "npm package", "PyPI package", "container image", "program", "address", NULL};

#define MANIFEST_MAX 65536u

/* ------------------------------------------------------------------------------------------------------------ options */

/* Options of a runner that take the next word as their value; all others stand alone or hold their value behind "=". */
struct runner {
    const char *program;     /* by the name of its file */
    const char *words[3];    /* that must follow; NULL-terminated */
    enum program_kind kind;
    const char *const *with_value;
    const char *const *package; /* those whose value is the package, while the program is another word */
};

static const char *const none[] = {NULL};
static const char *const npm_value[] = {"--registry", "--userconfig", "--cache", "--prefix", "-w", "--workspace", "-c", "--call", NULL},
                         *const npm_package[] = {"-p", "--package", NULL};
static const char *const uv_value[] = {"--python",
                                       "-p",
                                       "--with",
                                       "--index",
                                       "--default-index",
                                       "--index-url",
                                       "-i",
                                       "--extra-index-url",
                                       "--directory",
                                       "--project",
                                       "--cache-dir",
                                       "--with-requirements",
                                       "--with-editable",
                                       "--env-file",
                                       "--refresh-package",
                                       "-c",
                                       "--constraints",
                                       "--config-file",
                                       "--index-strategy",
                                       "--link-mode",
                                       "--exclude-newer",
                                       "-P",
                                       NULL},
                         *const uv_package[] = {"--from", NULL};
static const char *const pipx_value[] = {"--python", "--pip-args", "--index-url", "-i", NULL}, *const pipx_package[] = {"--spec", NULL};
static const struct runner runners[] = {
    {"npx", {NULL}, PROGRAM_NPM, npm_value, npm_package},     {"npm", {"exec"}, PROGRAM_NPM, npm_value, npm_package},
    {"npm", {"x"}, PROGRAM_NPM, npm_value, npm_package},      {"bunx", {NULL}, PROGRAM_NPM, none, npm_package},
    {"bun", {"x"}, PROGRAM_NPM, none, npm_package},           {"pnpx", {NULL}, PROGRAM_NPM, none, npm_package},
    {"pnpm", {"dlx"}, PROGRAM_NPM, none, npm_package},        {"yarn", {"dlx"}, PROGRAM_NPM, none, npm_package},
    {"uvx", {NULL}, PROGRAM_PYPI, uv_value, uv_package},      {"uv", {"tool", "run"}, PROGRAM_PYPI, uv_value, uv_package},
    {"pipx", {"run"}, PROGRAM_PYPI, pipx_value, pipx_package}};

static bool
one_of(const char *word, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(word, *list) == 0)
            return true;
    return false;
}

static struct bytes
base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    struct bytes name = bytes_str(slash ? slash + 1 : path);
    return bytes_ends(name, BYTES(".cmd")) || bytes_ends(name, BYTES(".exe")) ? bytes_sub(name, 0, name.n - 4) : name;
}

/* "--option=value" of one of ${list}: the value, or NULL. */
static const char *
joined_value(const char *word, const char *const *list)
{
    for (; *list; list++) {
        size_t n = strlen(*list);
        if (strncmp(word, *list, n) == 0 && word[n] == '=')
            return word + n + 1;
    }
    return NULL;
}

/* ----------------------------------------------------------------------------------------------------------- packages */

/* "@scope/name@1.2" and "name@1.2". A tag is no version; a path or a git address is no package. */
static void
npm_package_of(struct bytes spec, struct program *out)
{
    size_t at = spec.n > 1 ? bytes_find(bytes_sub(spec, 1, spec.n), '@') + 1 : spec.n;
    struct bytes version = bytes_sub(spec, at + 1, spec.n), name = bytes_sub(spec, 0, at);
    if (bytes_starts(spec, BYTES("npm:")))
        name = bytes_sub(name, 4, name.n);
    if (bytes_find(name, ':') < name.n || name.n == 0 || strchr("./~", name.at[0]) || (name.at[0] != '@' && bytes_find(name, '/') < name.n))
        return;
    *out = (struct program){PROGRAM_NPM, name, version.n && version.at[0] >= '0' && version.at[0] <= '9' ? version : (struct bytes){NULL, 0}};
}

/* "name", "name[extra]", "name==1.2", and "name@1.2" as uv takes it, too. */
static void
pypi_package_of(struct bytes spec, struct program *out)
{
    size_t end = 0;
    while (end < spec.n && !strchr("[]=<>!~@; ", spec.at[end]))
        end++;
    struct bytes name = bytes_sub(spec, 0, end), rest = bytes_sub(spec, end, spec.n), version = {NULL, 0};
    if (name.n == 0 || bytes_find(name, ':') < name.n || bytes_find(name, '/') < name.n)
        return;
    if (rest.n && rest.at[0] == '[')
        rest = bytes_sub(rest, bytes_find(rest, ']') + 1, rest.n);
    if (bytes_starts(rest, BYTES("==")))
        version = bytes_sub(rest, 2, rest.n);
    else if (rest.n && rest.at[0] == '@')
        version = bytes_sub(rest, 1, rest.n);
    *out = (struct program){PROGRAM_PYPI, name, version.n && version.at[0] >= '0' && version.at[0] <= '9' ? version : (struct bytes){NULL, 0}};
}

static void
package_of(enum program_kind kind, const char *spec, struct program *out)
{
    if (kind == PROGRAM_NPM)
        npm_package_of(bytes_str(spec), out);
    else
        pypi_package_of(bytes_str(spec), out);
}

/* mcp-remote stands in front of a server elsewhere: that is the one that answers. */
static void
see_through(const char *const *rest, struct program *out)
{
    if (out->kind != PROGRAM_NPM || !bytes_is(out->name, "mcp-remote"))
        return;
    for (; *rest; rest++)
        if (strncmp(*rest, "https://", 8) == 0 || strncmp(*rest, "http://", 7) == 0) {
            *out = (struct program){PROGRAM_URL, bytes_str(*rest), {NULL, 0}};
            return;
        }
}

static void
runner_program(const struct runner *r, const char *const *words, struct program *out)
{
    const char *package = NULL;
    for (; *words; words++) {
        const char *value = joined_value(*words, r->package);
        if (value) {
            package = value;
        } else if (words[1] && one_of(*words, r->package)) {
            package = *++words;
        } else if (strcmp(*words, "--") == 0) {
            continue;
        } else if (words[1] && one_of(*words, r->with_value)) {
            words++;
        } else if ((*words)[0] != '-') {
            package_of(r->kind, package ? package : *words, out);
            see_through(words + 1, out);
            return;
        }
    }
}

static const struct runner *
runner_of(const char *const *command, size_t *words)
{
    struct bytes name = base_name(command[0]);
    for (size_t i = 0; i < sizeof runners / sizeof *runners; i++) {
        const struct runner *r = &runners[i];
        size_t n = 0;
        if (!bytes_is(name, r->program))
            continue;
        while (r->words[n] && command[1 + n] && strcmp(r->words[n], command[1 + n]) == 0)
            n++;
        if (r->words[n])
            continue;
        *words = 1 + n;
        return r;
    }
    return NULL;
}

/* ---------------------------------------------------------------------------------------------------------- containers */

static const char *const docker_alone[] = {"--rm",
                                           "--init",
                                           "--privileged",
                                           "--interactive",
                                           "--tty",
                                           "--detach",
                                           "--read-only",
                                           "--no-healthcheck",
                                           "--quiet",
                                           "-i",
                                           "-t",
                                           "-d",
                                           "-q",
                                           "-P",
                                           "-it",
                                           "-ti",
                                           "-id",
                                           "-di",
                                           "-itd",
                                           "-dit",
                                           "--publish-all",
                                           "--oom-kill-disable",
                                           "--disable-content-trust",
                                           NULL};

/* "registry:5000/name:tag@sha256:…": the name, and the tag. */
static void
image_of(struct bytes spec, struct program *out)
{
    struct bytes name = bytes_sub(spec, 0, bytes_find(spec, '@')), version = {NULL, 0};
    size_t slash = 0;
    for (size_t i = 0; i < name.n; i++)
        slash = name.at[i] == '/' ? i : slash;
    struct bytes last = bytes_sub(name, slash, name.n);
    size_t colon = bytes_find(last, ':');
    if (colon < last.n) {
        version = bytes_sub(last, colon + 1, last.n);
        name = bytes_sub(name, 0, slash + colon);
    }
    if (bytes_starts(name, BYTES("docker.io/")))
        name = bytes_sub(name, 10, name.n);
    bool numbered = version.n && ((version.at[0] >= '0' && version.at[0] <= '9') || version.at[0] == 'v');
    *out = (struct program){PROGRAM_IMAGE, name, numbered ? version : (struct bytes){NULL, 0}};
}

static void
container_program(const char *const *words, struct program *out)
{
    for (; *words; words++) {
        if ((*words)[0] != '-') {
            image_of(bytes_str(*words), out);
            return;
        }
        bool alone = one_of(*words, docker_alone) || strchr(*words, '=');
        if (strcmp(*words, "--entrypoint") == 0 || strncmp(*words, "--entrypoint=", 13) == 0)
            return; /* another program of the image */
        if (!alone && words[1])
            words++;
    }
}

/* -------------------------------------------------------------------------------------------------------------- scripts */

static bool
read_manifest(const char *path, struct arena *a, struct json **out)
{
    struct buf b = buf_make(MANIFEST_MAX);
    struct stat s;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    bool ok = fd >= 0 && fstat(fd, &s) == 0 && S_ISREG(s.st_mode) && s.st_size > 0 && s.st_size < (off_t)MANIFEST_MAX;
    uint8_t *to = ok ? buf_room(&b, (size_t)s.st_size) : NULL;
    ssize_t n = to ? read(fd, to, (size_t)s.st_size) : -1;
    if (n > 0)
        b.n = (size_t)n;
    struct bytes text = n > 0 ? arena_copy(a, buf_bytes(&b)) : (struct bytes){NULL, 0};
    if (fd >= 0)
        close(fd);
    buf_free(&b);
    return text.at && !err_failed(json_parse(a, text, NULL, out));
}

/* ".../node_modules/@scope/name/dist/index.js": the package is named by its folder, and its manifest must say the same. */
static bool
installed_package(const char *script, struct arena *a, struct program *out)
{
    static const char mark[] = "/node_modules/";
    const char *last = NULL;
    struct json *manifest;
    for (const char *at = script; (at = strstr(at, mark)) != NULL; at += sizeof mark - 1)
        last = at;
    if (last == NULL)
        return false;
    struct bytes rest = bytes_str(last + sizeof mark - 1);
    size_t n = bytes_find(rest, '/');
    if (rest.n && rest.at[0] == '@' && n < rest.n)
        n += 1 + bytes_find(bytes_sub(rest, n + 1, rest.n), '/');
    struct bytes name = bytes_sub(rest, 0, n);
    const char *path = arena_printf(a, "%.*s%s%.*s/package.json", (int)(last - script), script, mark, BYTES_CUT(name, 214));
    if (name.n == 0 || path == NULL || !read_manifest(path, a, &manifest) || !bytes_eq(json_text(manifest, "name"), name))
        return false;
    *out = (struct program){PROGRAM_NPM, name, json_text(manifest, "version"), script};
    return true;
}

static struct bytes
without_ending(struct bytes name)
{
    static const char *const endings[] = {".js", ".mjs", ".cjs", ".ts", ".py"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (bytes_ends(name, bytes_str(endings[i])))
            return bytes_sub(name, 0, name.n - strlen(endings[i]));
    return name;
}

/* A script or program by its path. node_modules/.bin/NAME is a link into the package, which is followed. */
static void
file_program(const char *path, struct arena *a, struct program *out)
{
    char *real = path[0] == '/' ? realpath(path, NULL) : NULL;
    const char *kept = real ? arena_str(a, bytes_str(real)) : NULL;
    free(real);
    if (kept && installed_package(kept, a, out))
        return;
    if (installed_package(path, a, out))
        return;
    *out = (struct program){PROGRAM_FILE, without_ending(base_name(path)), {NULL, 0}};
}

static bool
interpreter_named(struct bytes name, const char *wanted)
{
    size_t n = strlen(wanted);
    for (size_t i = n; i < name.n; i++)
        if (!(name.at[i] == '.' || (name.at[i] >= '0' && name.at[i] <= '9')))
            return false;
    return bytes_starts(name, bytes_str(wanted));
}

/* python [-u …] -m MODULE, python SCRIPT. */
static void
python_program(const char *const *words, struct arena *a, struct program *out)
{
    for (; *words; words++) {
        if (strcmp(*words, "-m") == 0 && words[1]) {
            struct bytes module = bytes_str(words[1]);
            *out = (struct program){PROGRAM_PYPI, bytes_sub(module, 0, bytes_find(module, '.')), {NULL, 0}};
            return;
        }
        if (strcmp(*words, "-c") == 0)
            return;
        if ((*words)[0] != '-') {
            file_program(*words, a, out);
            return;
        }
        if ((strcmp(*words, "-W") == 0 || strcmp(*words, "-X") == 0) && words[1])
            words++;
    }
}

static void
node_program(const char *const *words, struct arena *a, struct program *out)
{
    static const char *const with_value[] = {"-r", "--require", "--import", "--loader", "--experimental-loader", "-C", "--conditions", NULL};
    static const char *const code[] = {"-e", "--eval", "-p", "--print", "-pe", NULL};
    for (; *words; words++) {
        if (one_of(*words, code))
            return;
        if ((*words)[0] != '-') {
            file_program(*words, a, out);
            return;
        }
        if (one_of(*words, with_value) && words[1])
            words++;
    }
}

/* "env NAME=VALUE … COMMAND" sets variables and runs the rest; its options are not followed. */
static const char *const *
behind_env(const char *const *command)
{
    while (command[0] && bytes_is(base_name(command[0]), "env")) {
        command++;
        while (command[0] && command[0][0] != '-' && strchr(command[0], '=') && command[0][0] != '/')
            command++;
    }
    return command;
}

void
program_of(const char *const *command, struct arena *a, struct program *out)
{
    size_t words = 1;
    *out = (struct program){PROGRAM_UNKNOWN, {NULL, 0}, {NULL, 0}};
    if (command == NULL || (command = behind_env(command))[0] == NULL || command[0][0] == '-')
        return;
    struct bytes name = base_name(command[0]);
    const struct runner *r = runner_of(command, &words);
    if (r)
        runner_program(r, command + words, out);
    else if ((bytes_is(name, "docker") || bytes_is(name, "podman") || bytes_is(name, "nerdctl")) && command[1] && strcmp(command[1], "run") == 0)
        container_program(command + 2, out);
    else if (bytes_is(name, "node") || bytes_is(name, "nodejs") || bytes_is(name, "bun"))
        node_program(command + 1, a, out);
    else if (interpreter_named(name, "python") || bytes_is(name, "pypy3"))
        python_program(command + 1, a, out);
    else
        file_program(command[0], a, out);
}
