#!/usr/bin/env python3
"""
How quickly authority ends: 1,000 open streams of four agents and 200 calls a second of a fifth; then one agent is revoked, 100 times, and
everything, 100 times. What is measured is the time from asking until the last byte of the last stream, at the agents' end of it. Nothing
of others may be cut by the revocation of one. revocation.py BUILD_FOLDER; $BENCH_RUNS (100).
"""
import json
import math
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../real"))
from house import IS_ROOT, Endpoint, House, Refused, free_port

RUNS = int(os.environ.get("BENCH_RUNS", "100"))
AGENTS, WRITS, STREAMS, CALLS = 4, 10, 25, 200
USERS = [64101 + i for i in range(AGENTS)]
BYSTANDER = 64120


def user(uid):
    return {"user": uid, "group": uid, "extra_groups": []} if IS_ROOT else {}


class Streams:
    """All streams of one agent: writs, their endpoints, and the process that holds the connections."""

    def __init__(self, house, program, request, i):
        self.uid, self.destination = USERS[i], f"hold{i}"
        self.endpoints = [Endpoint(house, f"agent{i}", "work", self.uid, confined=True, confinement="benchmark") for _ in range(WRITS)]
        self.process = subprocess.Popen([program, request] + [f"{e.port}:{e.secret}:{STREAMS}" for e in self.endpoints], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, cwd="/", **user(self.uid))
        line = self.process.stdout.readline()
        if line != "ready\n":
            sys.exit(f"streams of agent {i}: {line!r}")

    def last(self):
        word, ns = self.process.stdout.readline().split()
        assert word == "last", word
        return int(ns)

    def close(self):
        """→ how many were still open"""
        out, _ = self.process.communicate(timeout=60)
        for e in self.endpoints:
            e.close()
        lines = out.split()
        return int(lines[-1]) if lines and lines[-2] == "open" else 0


class Caller:
    """The fifth agent: CALLS a second, each of which must be allowed, but while everything is revoked. A process: it takes its agent's user id."""

    def __init__(self, house):
        self.house, self.made, self.refused, self.stop = house, multiprocessing.Value("q"), multiprocessing.Value("q"), multiprocessing.Event()
        self.process = multiprocessing.Process(target=self.run, daemon=True)
        self.process.start()

    def endpoint(self):
        while not self.stop.is_set():
            try:
                return Endpoint(self.house, "bystander", "work", BYSTANDER, confined=True, confinement="benchmark")
            except Refused:
                time.sleep(0.01)

    def run(self):
        e, began, n = self.endpoint(), time.monotonic(), 0
        while not self.stop.is_set():
            answer, n = e.call("calm", "echo", text="hello"), n + 1
            if "result" in answer:
                self.made.value += 1
            else:
                self.refused.value += 1
                e.close()
                e = self.endpoint()
            time.sleep(max(0, began + n / CALLS - time.monotonic()))
        if e:
            e.close()

    def close(self):
        self.stop.set()
        self.process.join()


def quantiles(name, times):
    times = sorted(t / 1e6 for t in times)
    pick = lambda q: times[max(0, math.ceil(q * len(times)) - 1)]
    print(f"{name:28} {len(times):5} {pick(0.5):9.2f} {pick(0.99):9.2f} {times[-1]:9.2f}")


def start_house(stub):
    h = House()
    url = {"url": f"http://127.0.0.1:{stub}/mcp"}
    names = {f"hold{i}": "hold" for i in range(AGENTS)} | {"calm": "echo"}
    for name in names:
        h.destination(name, url, {})
    h.task("work", {})
    for i in range(AGENTS):
        h.agent(f"agent{i}", USERS[i], ["work"])
    h.agent("bystander", BYSTANDER, ["work"])
    h.start()
    for name, tool in names.items():
        h.pin(name)
        h.destination(name, url, {tool: "{ effect: read }"}, more="limits: { concurrency: 1024, call_timeout: 1h, rate: none, repeats: 0, repeated_writes: 0 }\n")
    h.task("work", {f"{name}/{tool}": "{}" for name, tool in names.items()})
    end = time.monotonic() + 60
    while True:
        e = Endpoint(h, "bystander", "work", BYSTANDER, confined=True, confinement="benchmark")
        answer = e.call("calm", "echo", text="hello")
        e.close()
        if "result" in answer:
            return h
        if time.monotonic() > end:
            sys.exit(f"calls are not allowed: {answer}")
        time.sleep(0.2)


def write_request(folder, i):
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "hold", "arguments": {}, "_meta": {"progressToken": "p", "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                                                   "io.modelcontextprotocol/clientCapabilities": {}}}})
    path = os.path.join(folder, f"request{i}")
    with open(path, "w") as f:
        f.write(f"POST /SECRET/mcp/hold{i} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
                f"MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: hold\r\nContent-Length: {len(body)}\r\n\r\n{body}")
    return path


def cut(h, who, groups):
    """→ from asking to the last byte, and to the answer that all of it is confirmed"""
    began = time.monotonic_ns()
    h.api("POST", "/v1/revoke", {"selector": "agent", "id": who, "why": "benchmark"} if who else {"selector": "everything", "why": "benchmark"})
    answered = time.monotonic_ns()
    return max(g.last() for g in groups) - began, answered - began


def restore(h, who):
    h.api("POST", "/v1/restore", {"selector": "agent", "id": who, "why": "benchmark"} if who else {"selector": "everything", "why": "benchmark"})


def main():
    build = os.path.abspath(sys.argv[1])
    folder = tempfile.mkdtemp(prefix="writ-bench-")
    os.chmod(folder, 0o755)
    stub = free_port()
    server = subprocess.Popen([os.path.join(build, "tests/bench/bench_stub"), f"127.0.0.1:{stub}"])
    program = os.path.join(build, "tests/bench/bench_cut")
    h = start_house(stub)
    try:
        requests = [write_request(folder, i) for i in range(AGENTS)]
        make = lambda i: Streams(h, program, requests[i], i)
        caller = Caller(h)
        groups = [make(i) for i in range(AGENTS)]
        one, one_answer, lost = [], [], 0
        for _ in range(RUNS):
            last, answered = cut(h, "agent0", groups[:1])
            one.append(last), one_answer.append(answered)
            groups[0].close()
            restore(h, "agent0")
            groups[0] = make(0)
        refused, made = caller.refused.value, caller.made.value
        open_still = sum(g.close() for g in groups[1:])
        groups[0].close()
        every, every_answer = [], []
        for _ in range(RUNS):
            groups = [make(i) for i in range(AGENTS)]
            last, answered = cut(h, None, groups)
            every.append(last), every_answer.append(answered)
            for g in groups:
                g.close()
            restore(h, None)
        caller.close()
        print(f"{AGENTS * WRITS * STREAMS} streams under {AGENTS * WRITS} writs, {CALLS} calls/s; milliseconds")
        print(f"{'':28} {'runs':>5} {'p50':>9} {'p99':>9} {'max':>9}")
        quantiles("one agent: last byte", one)
        quantiles("one agent: confirmed", one_answer)
        quantiles("everything: last byte", every)
        quantiles("everything: confirmed", every_answer)
        print(f"while one agent was revoked {RUNS} times: {open_still} of {(AGENTS - 1) * WRITS * STREAMS} streams of others open, "
              f"{refused} of {made + refused} calls of others refused")
        return 0 if open_still == (AGENTS - 1) * WRITS * STREAMS and refused == 0 else 1
    finally:
        server.kill()
        server.wait()
        h.close()


if __name__ == "__main__":
    sys.exit(main())
