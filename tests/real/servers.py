"""MCP servers as they are published, each with its pack and how it is started without an account. The first ones are there in every run
(scripts/setup.sh node python), all of them in `make packs` (build/packs)."""
import json
import os

from house import MODULES, NODE, ROOT

PACKS = os.environ.get("WRIT_PACKS")  # the folder that `make packs` installs into
KUBECONFIG = ("apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]\nusers: [{name: u, user: {token: x}}]\n"
              "contexts: [{name: k, context: {cluster: c, user: u}}]\ncurrent-context: k\n")
GOOGLE_KEYS = '{"installed": {"client_id": "x", "client_secret": "y", "redirect_uris": ["http://localhost"]}}'
GOOGLE_TOKEN = '{"access_token": "x", "refresh_token": "y", "token_type": "Bearer"}'


def npm(pack, package, *arguments, files=(), **env):
    return {"pack": pack, "npm": package, "arguments": arguments, "env": env, "files": dict(files)}


def pypi(pack, package, *arguments, venv="servers", **env):
    return {"pack": pack, "pypi": package, "arguments": arguments, "env": env, "files": {}, "venv": venv}


# "{}" in an argument or a variable: a folder of its own, which holds ``files``.
HERE = [
    npm("filesystem", "@modelcontextprotocol/server-filesystem", "{}"),
    npm("memory", "@modelcontextprotocol/server-memory", MEMORY_FILE_PATH="{}/memory.jsonl"),
    npm("everything", "@modelcontextprotocol/server-everything"),
    npm("sequential-thinking", "@modelcontextprotocol/server-sequential-thinking"),
    npm("mcp-sqlite", "mcp-sqlite", "{}/some.db"),
    npm("github-npm", "@modelcontextprotocol/server-github"),
    npm("slack", "@modelcontextprotocol/server-slack", SLACK_BOT_TOKEN="x", SLACK_TEAM_ID="T0"),
    npm("postgres", "@modelcontextprotocol/server-postgres", "postgresql://127.0.0.1:1/none"),
    npm("brave-search-npm", "@modelcontextprotocol/server-brave-search", BRAVE_API_KEY="x"),
    pypi("fetch", "mcp-server-fetch", "--allow-private-ips"),  # pages of the tests are on this host
    pypi("git", "mcp-server-git"),
    pypi("time", "mcp-server-time"),
    pypi("sqlite", "mcp-server-sqlite", "--db-path", "{}/some.db", venv="servers-older"),
]
ALL = [
    npm("playwright", "@playwright/mcp"),
    npm("puppeteer", "@modelcontextprotocol/server-puppeteer"),
    npm("brave-search", "@brave/brave-search-mcp-server", "--transport", "stdio", BRAVE_API_KEY="x"),
    npm("notion", "@notionhq/notion-mcp-server", NOTION_TOKEN="ntn_x"),
    npm("sentry", "@sentry/mcp-server", "--access-token=x"),
    npm("kubernetes", "kubernetes-mcp-server", "--kubeconfig", "{}/config", files={"config": KUBECONFIG}),
    npm("kubectl", "mcp-server-kubernetes", KUBECONFIG="{}/config", files={"config": KUBECONFIG}),
    npm("commands", "mcp-server-commands"),
    npm("desktop-commander", "@wonderwhy-er/desktop-commander", HOME="{}"),
    npm("context7", "@upstash/context7-mcp"),
    npm("gmail", "@gongrzhe/server-gmail-autoauth-mcp", files={"keys": GOOGLE_KEYS, "token": GOOGLE_TOKEN}, HOME="{}", GMAIL_OAUTH_PATH="{}/keys",
        GMAIL_CREDENTIALS_PATH="{}/token"),
    npm("google-calendar", "@cocal/google-calendar-mcp", files={"keys": GOOGLE_KEYS}, HOME="{}", NODE_ENV="test", GOOGLE_OAUTH_CREDENTIALS="{}/keys"),
    npm("slack-mcp-server", "slack-mcp-server", "-no-cache", "-t", "stdio", HOME="{}", SLACK_MCP_XOXP_TOKEN="demo", SLACK_MCP_ADD_MESSAGE_TOOL="true",
        SLACK_MCP_REACTION_TOOL="true", SLACK_MCP_ATTACHMENT_TOOL="true", SLACK_MCP_MARK_TOOL="true"),
    pypi("atlassian", "mcp-atlassian", venv="mcp-atlassian", JIRA_URL="https://x.atlassian.net", JIRA_USERNAME="a", JIRA_API_TOKEN="b",
         CONFLUENCE_URL="https://x.atlassian.net/wiki", CONFLUENCE_USERNAME="a", CONFLUENCE_API_TOKEN="b"),
    pypi("google-workspace", "workspace-mcp", venv="workspace-mcp", HOME="{}"),
    pypi("aws-documentation", "awslabs.aws-documentation-mcp-server", venv="awslabs.aws-documentation-mcp-server"),
    pypi("shell", "mcp-shell-server", venv="mcp-shell-server", ALLOW_COMMANDS="ls"),
]


def servers():
    return HERE + (ALL if PACKS else [])


def build_of(server):
    return os.path.join(ROOT, "build") if server in HERE else PACKS


def npm_script(server):
    """The installed package's manifest, and the script that its name as a command stands for."""
    modules = MODULES if server in HERE else os.path.join(PACKS, "node_modules")
    folder = os.path.join(modules, server["npm"])
    with open(os.path.join(folder, "package.json")) as f:
        manifest = json.load(f)
    script = manifest["bin"] if isinstance(manifest["bin"], str) else next(iter(manifest["bin"].values()))
    return manifest, os.path.join(folder, script)


def version_of(server):
    if "npm" in server:
        return npm_script(server)[0]["version"]
    site = os.path.join(build_of(server), server["venv"], "lib")
    name = server["pypi"].replace("-", "_").replace(".", "_")
    found = [d for python in os.listdir(site) for d in os.listdir(os.path.join(site, python, "site-packages"))
             if d.endswith(".dist-info") and d[:-10].rsplit("-", 1)[0].replace(".", "_").lower() == name]
    return found[0][:-10].rsplit("-", 1)[1]


def command_of(server, folder):
    """→ argv, environment. ``folder``: of its own; its files are written there."""
    for name, text in server["files"].items():
        with open(os.path.join(folder, name), "w") as f:
            f.write(text)
    program = [NODE, npm_script(server)[1]] if "npm" in server else [os.path.join(build_of(server), server["venv"], "bin", server["pypi"])]
    return program + [a.replace("{}", folder) for a in server["arguments"]], {k: v.replace("{}", folder) for k, v in server["env"].items()}
