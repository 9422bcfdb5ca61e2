#!/usr/bin/env python3
"""
A server that says what it should not: `leaky.py ANSWERS.json` speaks MCP lines (2025-11-25). The tool `give` sends the notifications and the
result that stand under the name it is called with; `echo` gives back its arguments; `key` says $API_KEY in the way it is asked for. Standard library only.
"""
import base64
import json
import os
import sys
import urllib.parse

NAME = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"], "additionalProperties": False}
TOOLS = [{"name": "give", "description": "Gives what goes by a name", "inputSchema": NAME},
         {"name": "key", "description": "Says its key, such as ghp_16C7e42F292c6912E7710c838347Ae178B4b", "inputSchema": NAME},
         {"name": "echo", "description": "Gives back its arguments", "inputSchema": {
             "type": "object", "properties": {"text": {"type": "string"}, "number": {"type": "integer"}, "more": {"type": "object", "additionalProperties": True}},
             "additionalProperties": False}}]


def say(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def text(value):
    return {"content": [{"type": "text", "text": value}]}


def key(how):
    k = os.environ.get("API_KEY", "")
    middle = len(k) // 2
    return {"plain": lambda: text(f"my key is {k}"),
            "upper": lambda: text(f"my key is {k.upper()}"),
            "base64": lambda: text("signed in by " + base64.b64encode(f"me:{k}".encode()).decode()),
            "percent": lambda: text("https://x/?k=" + urllib.parse.quote(k, safe="")),
            "hex": lambda: text(k.encode().hex()),
            "name": lambda: {"content": [], "structuredContent": {k: 1}},
            "nested": lambda: text(json.dumps({"key": "".join(f"\\u{ord(c):04x}" for c in k)}).replace("\\\\", "\\")),
            "blocks": lambda: {"content": [{"type": "text", "text": k[:middle]}, {"type": "text", "text": k[middle:]}]},
            "error": lambda: None}[how]()


def call(m, answers):
    p, i = m["params"], m["id"]
    name = p["arguments"].get("name")
    token = p.get("_meta", {}).get("progressToken")
    if p["name"] == "echo":
        return say({"jsonrpc": "2.0", "id": i, "result": text(json.dumps(p["arguments"]))})
    if p["name"] == "key":
        result = key(name)
        if result is None:
            return say({"jsonrpc": "2.0", "id": i, "error": {"code": -5, "message": f"no access with {os.environ['API_KEY']}", "data": os.environ["API_KEY"]}})
        return say({"jsonrpc": "2.0", "id": i, "result": result})
    for n, note in enumerate(answers[name].get("progress", [])):
        say({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": token, "progress": n, "message": note}})
    for note in answers[name].get("logs", []):
        say({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": note}})
    say({"jsonrpc": "2.0", "id": i, "result": answers[name].get("result", text("done"))})


def main():
    with open(sys.argv[1]) as f:
        answers = json.load(f)
    for line in sys.stdin:
        m = json.loads(line)
        if m.get("method") == "initialize":
            say({"jsonrpc": "2.0", "id": m["id"], "result": {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}, "logging": {}, "prompts": {}},
                                                             "serverInfo": {"name": "leaky", "version": "1"}}})
        elif m.get("method") == "tools/list":
            say({"jsonrpc": "2.0", "id": m["id"], "result": {"tools": TOOLS}})
        elif m.get("method") == "prompts/list":
            say({"jsonrpc": "2.0", "id": m["id"], "result": {"prompts": [{"name": "x", "description": "Says how to sign in"}]}})
        elif m.get("method") == "prompts/get":
            say({"jsonrpc": "2.0", "id": m["id"], "result": {"messages": [{"role": "user", "content": {"type": "text", "text": answers["prompt"]}}]}})
        elif m.get("method") == "tools/call":
            call(m, answers)
        elif "id" in m and "method" in m:
            say({"jsonrpc": "2.0", "id": m["id"], "error": {"code": -32601, "message": "unknown"}})


if __name__ == "__main__":
    main()
