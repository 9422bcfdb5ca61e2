"""Backpressure, measured: a client that stops reading stops the server, a server that stops reading stops the client, and neither fills the gate's memory."""
import http.server
import json
import os
import select
import socket
import sys
import threading
import time

import pytest

from house import DEADLINE, READER, Endpoint, House, Lines, free_port

TOTAL = 200 << 20
PIECE = "x" * 16000
META = "io.modelcontextprotocol/"
TOOLS = [{"name": "flood", "description": "Sends much", "inputSchema": {"type": "object", "properties": {}, "additionalProperties": False}},
         {"name": "deaf", "description": "Reads nothing any more",
          "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"], "additionalProperties": False}}]
GROWTH = 64 << 20  # of the gate's memory, at the most; of 200 MiB

STDIO = r'''
import json, sys, time
counter = open(sys.argv[1], "w")
total, piece, tools = int(sys.argv[2]), "x" * 16000, json.loads(sys.argv[3])
def say(m):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **m}) + "\n")
    sys.stdout.flush()
for line in iter(sys.stdin.readline, ""):
    m = json.loads(line)
    if "id" not in m:
        continue
    done = {"resultType": "complete"}
    if m["method"] == "server/discover":
        say({"id": m["id"], "result": {**done, "supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}},
             "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "flood", "version": "1"}}}})
    elif m["method"] == "tools/list":
        say({"id": m["id"], "result": {**done, "tools": tools, "ttlMs": 0, "cacheScope": "private"}})
    elif m["method"] == "tools/call" and m["params"]["name"] == "deaf":
        time.sleep(1000)
    elif m["method"] == "tools/call":
        sent = n = 0
        while sent < total:
            n += 1
            say({"method": "notifications/progress", "params": {"progressToken": m["params"]["_meta"]["progressToken"], "progress": n, "message": piece}})
            sent += len(piece)
            counter.seek(0); counter.write(str(sent)); counter.flush()
        say({"id": m["id"], "result": {**done, "content": [{"type": "text", "text": "all"}]}})
    else:
        say({"id": m["id"], "error": {"code": -32601, "message": "no"}})
'''


class HttpFlood:
    def __init__(self):
        self.port, self.sent, self.stop = free_port(), 0, False
        flood = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def chunk(self, data):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

            def event(self, m):
                self.chunk(b"data: " + json.dumps({"jsonrpc": "2.0", **m}).encode() + b"\n\n")

            def do_POST(self):
                if self.headers.get("Mcp-Name") == "deaf":
                    while not flood.stop:  # the body stays where it is
                        time.sleep(0.05)
                    self.close_connection = True
                    return
                m = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                done = {"resultType": "complete"}
                results = {"server/discover": {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}},
                                               "_meta": {META + "serverInfo": {"name": "flood", "version": "1"}}},
                           "tools/list": {"tools": TOOLS, "ttlMs": 0, "cacheScope": "private"}}
                if m["method"] == "tools/call":
                    self.send_response(200)
                    self.send_header("Content-Type", "text/event-stream")
                    self.send_header("Transfer-Encoding", "chunked")
                    self.end_headers()
                    n = 0
                    try:
                        while flood.sent < TOTAL and not flood.stop:
                            n += 1
                            self.event({"method": "notifications/progress",
                                        "params": {"progressToken": m["params"]["_meta"]["progressToken"], "progress": n, "message": PIECE}})
                            flood.sent += len(PIECE)
                        self.event({"id": m["id"], "result": {**done, "content": [{"type": "text", "text": "all"}]}})
                        self.chunk(b"")
                    except OSError:
                        self.close_connection = True
                    return
                known = results.get(m["method"])
                data = json.dumps({"jsonrpc": "2.0", "id": m.get("id"), **({"result": {**done, **known}} if known else {"error": {"code": -32601, "message": "no"}})}).encode()
                self.send_response(200 if known else 404)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # what is not read stays with the gate
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.stop = True
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def house():
    h, flood = House(), HttpFlood()
    script, counter = os.path.join(h.top, "flood.py"), os.path.join(h.top, "sent")
    with open(script, "w") as f:
        f.write(STDIO)
    servers = {"lines": {"command": [sys.executable, script, counter, str(TOTAL), json.dumps(TOOLS)]}, "http": {"url": f"http://127.0.0.1:{flood.port}/mcp"}}
    for name, server in servers.items():
        h.destination(name, server, {})
    h.task("work", {})
    h.agent("reader", READER, ["work"])
    h.start()
    for name, server in servers.items():
        h.pin(name)
        h.destination(name, server, {t["name"]: "{ effect: read }" for t in TOOLS}, more="limits: { rate: none, concurrency: 1024, repeats: 0, call_timeout: 10m }\n")
    h.task("work", {f"{s}/{t['name']}": "{}" for s in servers for t in TOOLS})
    h.api("POST", "/v1/reload", {})
    h.flood, h.counter = flood, counter
    yield h
    h.close()
    flood.close()


def memory(house):
    with open(f"/proc/{house.process.pid}/status") as f:
        return next(int(line.split()[1]) << 10 for line in f if line.startswith("VmRSS"))


def sent(house, upstream):
    if upstream == "http":
        return house.flood.sent
    with open(house.counter) as f:
        return int(f.read() or 0)


def stalled(read):
    """What ${read} stands at when it has not moved for a while."""
    end, last, since = time.monotonic() + DEADLINE, -1, time.monotonic()
    while time.monotonic() < end:
        now = read()
        if now != last:
            last, since = now, time.monotonic()
        elif last > 0 and time.monotonic() - since > 2:
            return last
        time.sleep(0.05)
    raise AssertionError(f"it went on to {last}")


def check_stalled(house, upstream, before):
    at = stalled(lambda: sent(house, upstream))
    grown = memory(house) - before
    print(f"{upstream}: the server was stopped after {at >> 10} KiB of {TOTAL >> 20} MiB; the gate's memory grew by {grown >> 10} KiB")
    assert at < TOTAL // 3 and grown < GROWTH, (at, grown)


@pytest.mark.parametrize("hub", [False, True], ids=["alone", "hub"])
@pytest.mark.parametrize("upstream", ["lines", "http"])
def test_a_client_over_stdio_that_does_not_read(house, upstream, hub):
    agent = Lines(house, None if hub else upstream, modern=True)
    agent.start()
    house.flood.sent, before = 0, memory(house)
    agent.request("tools/call", {"name": f"{upstream}__flood" if hub else "flood", "arguments": {}}, meta={"progressToken": "t"})
    check_stalled(house, upstream, before)
    for n in range(1, 2000):  # it reads again, and nothing was lost or came out of order
        assert agent.receive()["params"]["progress"] == n
    agent.close()


@pytest.mark.parametrize("upstream", ["lines", "http"])
def test_a_client_over_http_that_does_not_read(house, upstream):
    place = Endpoint(house)
    house.flood.sent, before = 0, memory(house)
    c, r = place.post(upstream, "tools/call", {"name": "flood", "arguments": {}, "_meta": {"progressToken": "t"}})
    assert r.status == 200
    check_stalled(house, upstream, before)
    other, answer = place.post("http", "tools/list")  # what does not read holds up nobody else
    assert json.loads(answer.read())["result"]["tools"]
    other.close()
    for n in range(1, 2000):
        m = json.loads(next(line for line in r if line.startswith(b"data: "))[6:])
        assert m["params"]["progress"] == n
    c.close()
    place.close()


@pytest.mark.parametrize("upstream", ["lines", "http"])
def test_a_server_that_does_not_read(house, upstream):
    """The client's own pipe fills up: it is not read any more."""
    agent = Lines(house, upstream, modern=True)
    agent.start()
    before, fd = memory(house), agent.process.stdin.fileno()
    os.set_blocking(fd, False)
    meta = {META + "protocolVersion": "2026-07-28", META + "clientCapabilities": {}}
    line = json.dumps({"jsonrpc": "2.0", "id": 0, "method": "tools/call", "params": {"name": "deaf", "arguments": {"text": "y" * (3 << 20)}, "_meta": meta}})
    done, left, number = 0, b"", 100
    since = time.monotonic()
    while time.monotonic() - since < 3 and done < TOTAL:
        if not left:
            number += 1
            left = line.replace('"id": 0', f'"id": {number}').encode() + b"\n"
        if not select.select([], [fd], [], 0.2)[1]:
            continue
        n = os.write(fd, left[:65536])
        left, done, since = left[n:], done + n, time.monotonic()
    grown = memory(house) - before
    print(f"{upstream}: the client was stopped after {done >> 10} KiB of {TOTAL >> 20} MiB; the gate's memory grew by {grown >> 10} KiB")
    assert done < TOTAL // 3 and grown < GROWTH, (done, grown)
    agent.process.kill()
    house.flood.stop, house.flood.stop = True, False
    agent.close()
