#include "adopt/clients.h"

#define EDITOR (REF_EDITOR)
#define CODE ".config/Code/User"

const struct client clients[] = {
    {"claude-desktop", "Claude Desktop", SHAPE_PLAIN, 0},
    {"claude-code", "Claude Code", SHAPE_PLAIN, REF_BRACES},
    {"cursor", "Cursor", SHAPE_PLAIN, EDITOR},
    {"vscode", "VS Code", SHAPE_PLAIN, EDITOR},
    {"copilot-cli", "Copilot CLI", SHAPE_PLAIN, REF_BRACES},
    {"windsurf", "Windsurf", SHAPE_PLAIN, EDITOR},
    {"cline", "Cline", SHAPE_PLAIN, EDITOR},
    {"roo-code", "Roo Code", SHAPE_PLAIN, EDITOR},
    {"gemini-cli", "Gemini CLI", SHAPE_PLAIN, REF_BRACES | REF_DOLLAR},
    {"antigravity", "Antigravity", SHAPE_PLAIN, REF_BRACES},
    {"codex", "Codex", SHAPE_CODEX, 0},
    {"zed", "Zed", SHAPE_ZED, 0},
    {"opencode", "opencode", SHAPE_OPENCODE, REF_CURLY},
    {"amazon-q", "Amazon Q", SHAPE_PLAIN, REF_BRACES | REF_EDITOR},
    {"kiro", "Kiro", SHAPE_PLAIN, REF_BRACES},
    {"amp", "Amp", SHAPE_PLAIN, REF_BRACES},
    {"lm-studio", "LM Studio", SHAPE_PLAIN, 0},
    {"trae", "Trae", SHAPE_PLAIN, EDITOR},
    {"kimi", "Kimi", SHAPE_PLAIN, 0},
    {"factory", "Factory", SHAPE_PLAIN, REF_BRACES},
    {"goose", "Goose", SHAPE_PLAIN, 0},
    {"continue", "Continue", SHAPE_PLAIN, 0},
    {"mcp-client", "an MCP client", SHAPE_PLAIN, REF_BRACES | REF_EDITOR},
    {NULL, NULL, SHAPE_PLAIN, 0},
};

#define SERVERS {"mcpServers"}
#define YAML_UNREAD "is YAML, which adopt does not rewrite yet; put `writ mcp DESTINATION --agent AGENT` there by hand"

const struct client_file client_files[] = {
    {"claude-desktop", ".config/Claude/claude_desktop_config.json", SERVERS, false, NULL},
    {"claude-code", ".claude.json", SERVERS, false, NULL},
    {"claude-code", ".claude.json", {"projects", "*", "mcpServers"}, false, NULL},
    {"claude-code", ".mcp.json", SERVERS, true, NULL},
    {"cursor", ".cursor/mcp.json", SERVERS, false, NULL},
    {"cursor", ".cursor/mcp.json", SERVERS, true, NULL},
    {"vscode", CODE "/mcp.json", {"servers"}, false, NULL},
    {"vscode", CODE "/settings.json", {"mcp", "servers"}, false, NULL},
    {"vscode", ".config/Code - Insiders/User/mcp.json", {"servers"}, false, NULL},
    {"vscode", ".vscode-server/data/User/mcp.json", {"servers"}, false, NULL},
    {"vscode", ".vscode/mcp.json", {"servers"}, true, NULL},
    {"copilot-cli", ".copilot/mcp-config.json", SERVERS, false, NULL},
    {"windsurf", ".codeium/windsurf/mcp_config.json", SERVERS, false, NULL},
    {"windsurf", ".codeium/mcp_config.json", SERVERS, false, NULL},
    {"cline", CODE "/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json", SERVERS, false, NULL},
    {"cline", ".cline/data/settings/cline_mcp_settings.json", SERVERS, false, NULL},
    {"roo-code", CODE "/globalStorage/rooveterinaryinc.roo-cline/settings/mcp_settings.json", SERVERS, false, NULL},
    {"roo-code", ".roo/mcp.json", SERVERS, true, NULL},
    {"gemini-cli", ".gemini/settings.json", SERVERS, false, NULL},
    {"gemini-cli", ".gemini/settings.json", SERVERS, true, NULL},
    {"antigravity", ".gemini/antigravity/mcp_config.json", SERVERS, false, NULL},
    {"antigravity", ".gemini/config/mcp_config.json", SERVERS, false, NULL},
    {"codex", ".codex/config.toml", {"mcp_servers"}, false, NULL},
    {"codex", ".codex/config.toml", {"mcp_servers"}, true, NULL},
    {"zed", ".config/zed/settings.json", {"context_servers"}, false, NULL},
    {"zed", ".zed/settings.json", {"context_servers"}, true, NULL},
    {"opencode", ".config/opencode/opencode.json", {"mcp"}, false, NULL},
    {"opencode", ".config/opencode/opencode.jsonc", {"mcp"}, false, NULL},
    {"opencode", "opencode.json", {"mcp"}, true, NULL},
    {"opencode", "opencode.jsonc", {"mcp"}, true, NULL},
    {"amazon-q", ".aws/amazonq/mcp.json", SERVERS, false, NULL},
    {"amazon-q", ".amazonq/mcp.json", SERVERS, true, NULL},
    {"kiro", ".kiro/settings/mcp.json", SERVERS, false, NULL},
    {"kiro", ".kiro/settings/mcp.json", SERVERS, true, NULL},
    {"amp", ".config/amp/settings.json", {"amp.mcpServers"}, false, NULL},
    {"lm-studio", ".lmstudio/mcp.json", SERVERS, false, NULL},
    {"trae", ".config/Trae/User/mcp.json", SERVERS, false, NULL},
    {"kimi", ".kimi/mcp.json", SERVERS, false, NULL},
    {"factory", ".factory/mcp.json", SERVERS, false, NULL},
    {"goose", ".config/goose/config.yaml", {NULL}, false, YAML_UNREAD},
    {"continue", ".continue/config.yaml", {NULL}, false, YAML_UNREAD},
    {NULL, NULL, {NULL}, false, NULL},
};

/* Files of clients that nobody named, by their keys alone. */
static const struct client_file guesses[] = {
    {"mcp-client", "", SERVERS, true, NULL},    {"mcp-client", "", {"servers"}, true, NULL}, {"zed", "", {"context_servers"}, true, NULL},
    {"codex", "", {"mcp_servers"}, true, NULL}, {"opencode", "", {"mcp"}, true, NULL},
};

const struct client *
client_named(const char *id)
{
    const struct client *c = clients;
    while (c->id && strcmp(c->id, id) != 0)
        c++;
    return c->id ? c : NULL;
}

static bool
below_home(const char *path, const char *home, const char *rest)
{
    size_t n = home ? strlen(home) : 0;
    return n && strncmp(path, home, n) == 0 && path[n] == '/' && strcmp(path + n + 1, rest) == 0;
}

static bool
ends_with(const char *path, const char *rest)
{
    struct bytes p = bytes_str(path), r = bytes_str(rest);
    return bytes_ends(p, r) && (p.n == r.n || p.at[p.n - r.n - 1] == '/');
}

const struct client_file *
client_of_path(const char *path, const char *home, const struct client_file *from)
{
    for (const struct client_file *f = from; f->path; f++)
        if (f->project ? ends_with(path, f->path) && !below_home(path, home, f->path) : below_home(path, home, f->path))
            return f;
    return NULL;
}

const struct client_file *
client_guess(const struct config *doc)
{
    for (size_t i = 0; i < sizeof guesses / sizeof *guesses; i++) {
        const struct config *m = config_get(doc, guesses[i].keys[0]);
        if (m && m->type == CONFIG_MAP)
            return &guesses[i];
    }
    return NULL;
}
