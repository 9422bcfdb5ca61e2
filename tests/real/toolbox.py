#!/usr/bin/env python3
"""
`toolbox.py FILE`: an MCP server over stdio whose tools are those of FILE (a JSON list, read at every list), and which answers each call with
the arguments as they arrived. For tests of what is listed and what is forwarded. Standard library only.
"""
import json
import sys


def result(m):
    method = m["method"]
    if method == "initialize":
        return {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "toolbox", "version": "1"}}
    if method == "tools/list":
        with open(sys.argv[1]) as f:
            return {"tools": json.load(f)}
    if method == "tools/call":
        return {"content": [{"type": "text", "text": json.dumps(m["params"].get("arguments", {}))}]}
    return None


for line in sys.stdin:
    m = json.loads(line)
    if "id" not in m:
        continue
    answer = result(m)
    what = {"result": answer} if answer is not None else {"error": {"code": -32601, "message": "unknown"}}
    print(json.dumps({"jsonrpc": "2.0", "id": m["id"], **what}), flush=True)
