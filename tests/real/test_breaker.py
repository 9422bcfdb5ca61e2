"""Breakers: what opens them, for whom, when they close, what is shown and on record. The upstream is a real HTTP server that can be told to fail."""
import email.utils
import http.server
import json
import os
import socket
import subprocess
import sys
import threading
import time

import pytest

from house import BOT, DEADLINE, IS_ROOT, READER, WRIT, House, Lines, free_port, until

META = "io.modelcontextprotocol/"
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "additionalProperties": False}


class Upstream:
    """Speaks 2026-07-28. ``mode``: what it does with calls. Counts what it got."""

    def __init__(self):
        self.port, self.mode, self.calls, self.release = free_port(), "ok", 0, threading.Event()
        self.server, self.connections = None, []
        self.open()

    def open(self):
        upstream = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                upstream.connections.append(self.connection)

            def log_message(self, *_):
                pass

            def say(self, status, body, headers=()):
                data = json.dumps(body).encode() if body is not None else b""
                self.send_response(status)
                for k, v in headers:
                    self.send_header(k, v)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_POST(self):
                m = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if "id" not in m:
                    return self.say(202, None)
                if m["method"] == "tools/call":
                    upstream.calls += 1
                    if upstream.mode == "hang":
                        upstream.release.wait(DEADLINE)
                    if upstream.mode.startswith("status "):
                        status, _, after = upstream.mode[7:].partition(" ")
                        return self.say(int(status), None, [("Retry-After", after)] if after else [])
                    if upstream.mode == "error":
                        return self.say(200, {"jsonrpc": "2.0", "id": m["id"], "error": {"code": -32000, "message": "no"}})
                results = {"server/discover": {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}},
                                               "_meta": {META + "serverInfo": {"name": "shaky", "version": "1"}}},
                           "tools/list": {"tools": [{"name": "do", "description": "Does", "inputSchema": SCHEMA}], "ttlMs": 0, "cacheScope": "private"},
                           "tools/call": {"content": [{"type": "text", "text": "done"}]}}
                known = results.get(m["method"])
                answer = {"result": {"resultType": "complete", **known}} if known else {"error": {"code": -32601, "message": "no"}}
                self.say(200 if known else 404, {"jsonrpc": "2.0", "id": m["id"], **answer})

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.release.set()
        if self.server:
            self.server.shutdown()
            self.server.server_close()
        self.server = None
        for c in self.connections:
            try:
                c.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.connections = []


class Place:
    def __init__(self, limits=""):
        self.up, self.h = Upstream(), House()
        url = {"url": f"http://127.0.0.1:{self.up.port}/mcp"}
        self.h.destination("up", url, {})
        self.h.task("work", {})
        self.h.agent("reader", READER, ["work"])
        self.h.agent("bot", BOT, ["work"])
        self.h.start()
        self.h.pin("up")
        self.h.destination("up", url, {"do": "{ effect: read }"}, more=limits)
        self.h.task("work", {"up/do": "{}"})
        self.h.api("POST", "/v1/reload", {})
        self.open = []

    def agent(self, name="reader", destination="up"):
        a = Lines(self.h, destination, uid=READER if name == "reader" else BOT, args=["--agent", name], modern=True)
        self.open.append(a)
        return a

    def breakers(self):
        return [b for d in self.h.api("GET", "/v1/status")["destinations"] if d["destination"] == "up" for b in d["breakers"]]

    def events(self, name):
        return [r["leaf"] for r in self.h.records(kind="server") if r["leaf"]["event"] == name]

    def close(self):
        for a in self.open:
            a.close()
        self.h.close()
        self.up.close()


@pytest.fixture
def place():
    p = Place("limits: { call_timeout: 1s, repeats: 0 }\n")
    yield p
    p.close()


def open_error(answer):
    e = answer["error"]
    assert e["code"] == 5020 and e["data"]["limit"] == "breaker" and 0 < e["data"]["retry_after_ms"] <= 600_000, e
    return e


@pytest.mark.parametrize("mode", ["status 500", "hang"])
def test_failures_in_a_row_open_it_for_their_agent_alone(place, mode):
    agent, other = place.agent(), place.agent("bot") if IS_ROOT else None
    for a in filter(None, (agent, other)):
        a.start()
    place.up.mode = mode
    for i in range(3):
        e = agent.call("do", n=i)["error"]
        assert e["code"] == 5020 and ("retry_after_ms" in e["data"]) == (i == 2), e
    before = place.up.calls
    e = open_error(agent.call("do"))
    assert "up does not answer" in e["message"] and "it is tried again in" in e["message"]
    assert place.up.calls == before  # at once, and nothing was sent
    second = place.agent()  # another writ, connection and session of the same agent
    assert second.start()["error"]["data"]["retry_after_ms"] > 0
    [b] = place.breakers()
    assert (b["agent"], b["state"]) == ("reader", "open")
    said = subprocess.run([WRIT, "status", "--estate", place.h.estate], capture_output=True, text=True, timeout=DEADLINE, check=True).stdout
    assert "breaker   up for reader is open, tried again in" in said
    [event] = until(lambda: place.events("breaker_opened"))
    assert event["agent"] == "reader" and event["destination"] == "up" and event["retry_after_ms"] > 0
    record = until(lambda: place.h.records(call=e["data"]["call"]))[0]["leaf"]
    assert record["decision"] == "deny" and record["limit"] == "breaker"
    place.up.mode = "ok"
    if other:
        assert "result" in other.call("do")
    answer = until(lambda: (m := agent.call("do")) and "result" in m and m)  # half open: one goes, and closes it
    assert answer and place.breakers() == [] and until(lambda: place.events("breaker_closed"))
    assert "result" in agent.call("do")


def test_what_is_no_failure_of_the_server(place):
    agent = place.agent()
    agent.start()
    for mode in ("error", "status 400", "status 404", "status 413"):
        place.up.mode = mode
        for i in range(5):
            assert "error" in agent.call("do", n=i)
    place.up.mode = "ok"
    assert "result" in agent.call("do") and place.breakers() == []


def test_nobody_listens(place):
    """That concerns everyone: the second agent is told without trying."""
    agent = place.agent()
    agent.start()
    place.up.close()
    for i in range(3):
        assert agent.call("do")["error"]["data"]["code"] == "connect"
    open_error(agent.call("do"))
    assert [b.get("agent") for b in place.breakers()] == [None]
    if IS_ROOT:
        e = place.agent("bot").start()["error"]
        assert e["data"]["retry_after_ms"] > 0 and "tried again in" in e["message"]
    place.up.open()
    until(lambda: "result" in agent.call("do"))
    assert place.breakers() == []


@pytest.mark.parametrize("mode,least,most", [("status 503 30", 25, 30), ("status 429 120", 115, 120), ("status 429", 3, 5), ("status 429 date", 50, 61),
                                             ("status 503 99999999", 590, 600), ("status 429 -5", 3, 5)])
def test_a_server_that_says_when(place, mode, least, most):
    agent = place.agent()
    agent.start()
    place.up.mode = mode.replace("date", email.utils.formatdate(time.time() + 60, usegmt=True))
    e = agent.call("do")["error"]
    assert least * 1000 < e["data"]["retry_after_ms"] <= most * 1000, e
    place.up.mode = "ok"
    e = open_error(agent.call("do"))
    assert "its server asks to wait" in e["message"] and e["data"]["retry_after_ms"] <= most * 1000
    place.h.api("POST", "/v1/reload", {})  # a person has seen to it
    assert "result" in agent.call("do")


def test_a_hub_says_when_a_member_is_tried_again(place):
    lines = place.agent(destination=None)
    lines.start()
    place.up.close()
    missing = until(lambda: lines.ask("tools/list")["result"].get("_meta", {}).get("writ/missing"))
    assert missing[0]["destination"] == "up" and 0 < missing[0]["retry_after_ms"] <= 75_000, missing
    e = lines.call("up__do")["error"]
    assert e["data"].get("retry_after_ms", 0) > 0 or e["data"]["code"] == "connect"
    place.up.open()
    until(lambda: "result" in lines.call("up__do"))
    until(lambda: "writ/missing" not in lines.ask("tools/list")["result"].get("_meta", {}))


def test_a_server_that_dies_at_its_start_is_not_started_for_ever():
    h = House()
    starts = os.path.join(h.top, "starts")
    script = os.path.join(h.top, "dies.py")
    with open(script, "w") as f:
        f.write("import sys\nopen(sys.argv[1], 'a').write('x')\nsys.exit(3)\n")
    open(starts, "w").close()
    os.chmod(starts, 0o666)
    try:
        h.destination("dies", {"command": [sys.executable, script, starts]}, {})
        h.task("work", {"dies/*": "{}"})
        h.agent("reader", READER, ["work"])
        h.start()
        first, agents = time.monotonic(), []
        while time.monotonic() < first + 2 or len(agents) < 12:
            agents.append(Lines(h, "dies", modern=True))
            e = agents[-1].start()["error"]
            agents[-1].close()
            assert e["code"] == 5020, e
        took = time.monotonic() - first
        size = os.path.getsize(starts)
        assert size <= 6 + 2 * took / 5 and e["data"].get("retry_after_ms", 1) > 0, (size, took)  # each start may ask in either era
        assert len(agents) > size
        opened = [r["leaf"] for r in h.records(kind="server") if r["leaf"]["event"] == "breaker_opened"]
        assert opened and opened[0]["destination"] == "dies" and opened[0]["agent"] == "reader"
    finally:
        h.close()
