#!/usr/bin/env python3
"""
A server with prompts and resources: `library.py CONTROL SEEN legacy|modern` speaks MCP lines. CONTROL (JSON, read before each answer) may hold
{"resources": [URI…], "prompts": [NAME…]}: what it lists instead. Every request is appended to SEEN as a line of JSON. Standard library only.
"""
import json
import sys

CONTROL, SEEN, MODERN = sys.argv[1], sys.argv[2], sys.argv[3] == "modern"
META = "io.modelcontextprotocol/"
TOOLS = [{"name": n, "description": "A tool", "inputSchema": {"type": "object", "properties": {"q": {"type": "string"}}}} for n in ("find", "touch", "never")]
PROMPTS = [{"name": "review", "description": "Reviews a repository", "arguments": [{"name": "repo", "required": True}, {"name": "style"}]},
           {"name": "greet", "description": "Greets", "arguments": [{"name": "name", "required": True}]},
           {"name": "plain", "description": "Nothing more"}, {"name": "hidden", "description": "Of no use to the agent"}]
RESOURCES = ["docs://public/a", "docs://public/b", "docs://secret/key", "DOCS://public/odd", "memo://one"]
TEMPLATES = [{"uriTemplate": t, "name": t.split(":")[0]} for t in ("docs://{+path}", "repo://{name}", "vault://{name}")]
state = {"listens": [], "subscribed": []}


def control():
    with open(CONTROL) as f:
        return json.load(f)


def out(message):
    print(json.dumps(message), flush=True)


def answer(i, **result):
    out({"jsonrpc": "2.0", "id": i, "result": ({"resultType": "complete", "ttlMs": 0, "cacheScope": "public"} if MODERN else {}) | result})


def note(method, **params):
    if not MODERN:
        return out({"jsonrpc": "2.0", "method": "notifications/" + method, "params": params} if params else {"jsonrpc": "2.0", "method": "notifications/" + method})
    for i in state["listens"]:
        out({"jsonrpc": "2.0", "method": "notifications/" + method, "params": params | {"_meta": {META + "subscriptionId": i}}})


def text(words):
    return {"type": "text", "text": words}


def request(m):
    i, method, p = m["id"], m["method"], m.get("params", {})
    capabilities = {"tools": {"listChanged": True}, "prompts": {"listChanged": True}, "resources": {"listChanged": True, "subscribe": True}, "completions": {}}
    if method == "server/discover" and MODERN:
        return answer(i, supportedVersions=["2026-07-28"], capabilities=capabilities, _meta={META + "serverInfo": {"name": "library", "version": "1"}})
    if method == "initialize" and not MODERN:
        return answer(i, protocolVersion="2025-11-25", capabilities=capabilities, serverInfo={"name": "library", "version": "1"})
    if method == "subscriptions/listen" and MODERN:
        state["listens"].append(i)
        return out({"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged",
                    "params": {"notifications": p["notifications"], "_meta": {META + "subscriptionId": i}}})
    if method == "tools/list":
        return answer(i, tools=TOOLS)
    if method == "prompts/list":
        names = control().get("prompts")
        return answer(i, prompts=[q for q in PROMPTS if names is None or q["name"] in names])
    if method == "resources/list":
        return answer(i, resources=[{"uri": u, "name": u} for u in control().get("resources", RESOURCES)])
    if method == "resources/templates/list":
        return answer(i, resourceTemplates=TEMPLATES)
    if method == "prompts/get":
        return answer(i, messages=[{"role": "user", "content": text(json.dumps(p.get("arguments", {}), sort_keys=True))}])
    if method == "resources/read":
        return answer(i, contents=[{"uri": p["uri"], "text": "read " + p["uri"]}])
    if method == "completion/complete":
        return answer(i, completion={"values": ["acme/site", "acme/secret-plans", "other/site"], "total": 3, "hasMore": False})
    if method in ("resources/subscribe", "resources/unsubscribe"):
        return answer(i)
    if method == "tools/call":
        if p["name"] == "touch":
            for what in p["arguments"]["q"].split():
                note("resources/updated", uri=what) if ":" in what else note(what + "/list_changed")
        return answer(i, content=[text("done")])
    out({"jsonrpc": "2.0", "id": i, "error": {"code": -32601, "message": "unknown"}})


if __name__ == "__main__":
    for line in sys.stdin:
        message = json.loads(line)
        with open(SEEN, "a") as f:
            f.write(json.dumps(message) + "\n")
        if "id" in message and "method" in message:
            request(message)
        elif message.get("method") == "notifications/cancelled":
            state["listens"] = [i for i in state["listens"] if i != message["params"]["requestId"]]
