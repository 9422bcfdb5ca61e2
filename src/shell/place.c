/* Places where reading or writing means more than the bytes: where secrets are kept, and what decides what other programs run. */
#include "shell/inner.h"

/* A path has one of these as a whole part ("/x/"), at its end ("/x"), or as an ending of its last part (".x"). */
static const struct {
    const char *part;
    enum shell_place kind;
} places[] = {
    {"/.ssh/", SHELL_SECRETS},
    {"/.gnupg/", SHELL_SECRETS},
    {"/.aws/", SHELL_SECRETS},
    {"/.azure/", SHELL_SECRETS},
    {"/.kube/", SHELL_SECRETS},
    {"/.docker/", SHELL_SECRETS},
    {"/gcloud/", SHELL_SECRETS},
    {"/.netrc", SHELL_SECRETS},
    {"/.git-credentials", SHELL_SECRETS},
    {"/.npmrc", SHELL_SECRETS},
    {"/.pypirc", SHELL_SECRETS},
    {"/.pgpass", SHELL_SECRETS},
    {"/id_rsa", SHELL_SECRETS},
    {"/id_ed25519", SHELL_SECRETS},
    {"/id_ecdsa", SHELL_SECRETS},
    {"/credentials.json", SHELL_SECRETS},
    {"/shadow", SHELL_SECRETS},
    {"/environ", SHELL_SECRETS},
    {"/hosts.yml", SHELL_SECRETS},
    {"/.env", SHELL_SECRETS},
    {"/.claude.json", SHELL_SECRETS},
    {"/.git/", SHELL_RUNS},
    {"/.claude/", SHELL_RUNS},
    {"/.cursor/", SHELL_RUNS},
    {"/.vscode/", SHELL_RUNS},
    {"/.idea/", SHELL_RUNS},
    {"/.codex/", SHELL_RUNS},
    {"/.gemini/", SHELL_RUNS},
    {"/.mcp.json", SHELL_RUNS},
    {"/.github/", SHELL_RUNS},
    {"/.gitlab-ci.yml", SHELL_RUNS},
    {"/.husky/", SHELL_RUNS},
    {"/.envrc", SHELL_RUNS},
    {"/.bashrc", SHELL_RUNS},
    {"/.bash_profile", SHELL_RUNS},
    {"/.profile", SHELL_RUNS},
    {"/.zshrc", SHELL_RUNS},
    {"/.zshenv", SHELL_RUNS},
    {"/.gitconfig", SHELL_RUNS},
    {"/.gitattributes", SHELL_RUNS},
    {"/.gitmodules", SHELL_RUNS},
    {"/authorized_keys", SHELL_RUNS},
    {"/crontab", SHELL_RUNS},
    {"/autostart/", SHELL_RUNS},
    {"/.config/", SHELL_RUNS},
    {"/etc/", SHELL_RUNS},
    {"/usr/", SHELL_RUNS},
    {"/bin/", SHELL_RUNS},
    {"/.local/bin/", SHELL_RUNS},
    {"/node_modules/.bin/", SHELL_RUNS},
};
static const char *const secret_endings[] = {".pem", ".key", ".p12", ".pfx", ".keystore", ".kdbx", NULL};

static bool
has_part(struct bytes path, struct bytes part)
{
    size_t at = bytes_search(path, part);
    if (part.at[part.n - 1] == '/')
        return at < path.n || bytes_ends(path, bytes_sub(part, 0, part.n - 1));
    return bytes_ends(path, part);
}

enum shell_place
shell_place(struct bytes path, bool write)
{
    uint8_t room[4200];
    struct bytes given = bytes_sub(path, 0, 4096);
    room[0] = '/'; /* a relative path's first part is a part, too */
    if (given.n)
        memcpy(room + 1, given.at, given.n);
    struct bytes p = bytes_make(room, given.n + 1);
    for (size_t i = 0; i < p.n; i++)
        if (room[i] >= 'A' && room[i] <= 'Z')
            room[i] |= 0x20; /* file systems that do not tell cases apart */
    for (const char *const *e = secret_endings; *e; e++)
        if (bytes_ends(p, bytes_str(*e)))
            return SHELL_SECRETS;
    size_t last = p.n;
    while (last && room[last - 1] != '/')
        last--;
    if (bytes_starts(bytes_sub(p, last, p.n), BYTES(".env."))) /* .env.local, .env.production */
        return SHELL_SECRETS;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if ((write || places[i].kind == SHELL_SECRETS) && has_part(p, bytes_str(places[i].part)))
            return places[i].kind;
    return SHELL_PLAIN;
}
