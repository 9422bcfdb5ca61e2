#!/usr/bin/env python3
"""
A server that changes what it offers: `shifty.py CONTROL` speaks MCP lines of the older era. CONTROL is a JSON file, read anew for every
message: {"offer": {…}, "only_for": client, "after_calls": n, "silent": true, "pages": true, "flood": n, "dies": true}. "offer" stands over OFFER once it is
time, for all clients or for one; unless "silent", it says that its lists changed at the next call, "flood" times. `shifty.py CONTROL modern`
speaks 2026-07-28. With a port behind that it speaks HTTP there: `shifty.py CONTROL legacy 8080`. Standard library only.
"""
import contextlib
import http.server
import io
import json
import sys
import threading
import time

TEXT = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"], "additionalProperties": False}
ECHO = {"name": "echo", "title": "Echo", "description": "Gives back its text", "inputSchema": TEXT, "annotations": {"readOnlyHint": False}}
MAIL = {"name": "mail", "description": "Sends a mail", "inputSchema": TEXT}
PROMPT = {"name": "greet", "description": "A greeting", "arguments": [{"name": "who", "description": "Whom to greet"}]}
TEMPLATE = {"name": "note", "uriTemplate": "note://{id}", "description": "A note"}
OFFER = {"info": {"name": "shifty", "version": "1.0.0"}, "instructions": "Be brief.", "tools": [ECHO, MAIL], "prompts": [PROMPT], "templates": [TEMPLATE]}

MODERN = sys.argv[2:3] == ["modern"]
state = {"client": "", "calls": 0, "said": None}


def control():
    with open(sys.argv[1]) as f:
        return json.load(f)


def due(c):
    return "offer" in c and c.get("only_for", state["client"]) == state["client"] and state["calls"] >= c.get("after_calls", 0)


def offer():
    c = control()
    return OFFER | (c["offer"] if due(c) else {})


def out(message):
    sys.stdout.write(json.dumps(message) + "\n")


def answer(i, **result):
    out({"jsonrpc": "2.0", "id": i, "result": ({"resultType": "complete", "ttlMs": 0, "cacheScope": "private"} if MODERN else {}) | result})


def listed(i, member, items, params):
    """All at once, or each item on a page of its own."""
    if not control().get("pages"):
        return answer(i, **{member: items})
    at = int(params.get("cursor", "0"))
    more = {"nextCursor": str(at + 1)} if at + 1 < len(items) else {}
    answer(i, **{member: items[at:at + 1]}, **more)


def say_changes():
    c = control()
    if due(c) and not c.get("silent") and state["said"] != c:
        state["said"] = c
        for _ in range(c.get("flood", 1)):
            for what in ("tools", "prompts", "resources"):
                out({"jsonrpc": "2.0", "method": f"notifications/{what}/list_changed"})


def request(m):
    i, method, params = m["id"], m["method"], m.get("params", {})
    if MODERN and method == "server/discover":
        return answer(i, supportedVersions=["2026-07-28"], capabilities={"tools": {"listChanged": True}},
                      _meta={"io.modelcontextprotocol/serverInfo": OFFER["info"]})
    if MODERN and method == "subscriptions/listen":
        return out({"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged",
                    "params": {"notifications": params["notifications"], "_meta": {"io.modelcontextprotocol/subscriptionId": i}}})
    if method == "initialize" and not MODERN:
        state["client"] = params["clientInfo"]["name"]
        o = offer()
        return answer(i, protocolVersion="2025-11-25", capabilities={"tools": {"listChanged": True}, "prompts": {}, "resources": {}},
                      serverInfo=o["info"], **({"instructions": o["instructions"]} if o.get("instructions") else {}))
    if method == "tools/list" and control().get("dies") and state["calls"]:
        time.sleep(1)  # the client's next call is there by then, and waits
        sys.exit(3)
    if method == "tools/list":
        return listed(i, "tools", offer()["tools"], params)
    if method == "prompts/list":
        return listed(i, "prompts", offer()["prompts"], params)
    if method == "resources/templates/list":
        return listed(i, "resourceTemplates", offer()["templates"], params)
    if method == "resources/list":
        return answer(i, resources=[])
    if method == "prompts/get":
        return answer(i, messages=[{"role": "user", "content": {"type": "text", "text": "hello"}}])
    if method == "tools/call":
        state["calls"] += 1
        say_changes()
        return answer(i, content=[{"type": "text", "text": "ran " + params["name"]}])
    out({"jsonrpc": "2.0", "id": i, "error": {"code": -32601, "message": "unknown"}})


one_at_a_time = threading.Lock()


class Web(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        self.send_response(405)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self):
        m = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        said = io.StringIO()
        with one_at_a_time, contextlib.redirect_stdout(said):
            if "id" in m:
                request(m)
        body = "".join(f"data: {line}\n\n" for line in said.getvalue().splitlines()).encode()
        self.send_response(200 if body else 202)
        self.send_header("Content-Type", "text/event-stream")
        if m.get("method") == "subscriptions/listen":
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.recv(1)  # until its client goes
            return
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__" and len(sys.argv) > 3:
    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[3])), Web).serve_forever()
if __name__ == "__main__":
    for line in sys.stdin:
        message = json.loads(line)
        if "id" in message:
            request(message)
        sys.stdout.flush()
