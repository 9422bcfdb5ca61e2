#!/usr/bin/env python3
"""
What a list through one address costs: tools/list over ten servers, one of them dead and the others of different speed, beside the slowest live
one asked by its own address in turns with it. federation.py BUILD_FOLDER [LISTS]. Loopback only, about a minute. The servers take 0 to 18 ms
for a list and allow no keeping (ttlMs 0), so that each list really goes to all of them; then once more with ten minutes.
"""
import json
import os
import socket
import subprocess
import sys
import time

BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build")
os.environ.setdefault("WRIT_BIN", os.path.join(BUILD, "src/cli/writ"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../real"))
from house import READER, Endpoint, House, free_port  # noqa: E402

LISTS = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
TARGET_MS = 5
META = "io.modelcontextprotocol/"
TOOLS = {f"tool{i}": "{ effect: read }" for i in range(10)}
WAITS = [0, 2, 4, 6, 8, 10, 12, 14, 18]  # ms that a list takes


def pin_patiently(h, name):
    """A server that was just started takes a moment to listen."""
    for tries in range(100):
        try:
            return h.pin(name)
        except subprocess.CalledProcessError:
            time.sleep(0.1)
    sys.exit(f"{name} cannot be pinned")


def serve(wait_ms, ttl_ms):
    port = free_port()
    return subprocess.Popen([os.path.join(BUILD, "tests/bench/bench_lists"), f"127.0.0.1:{port}", str(wait_ms), str(ttl_ms)]), port


def lists_of(endpoint, path, n, expected):
    """n lists on one connection → seconds of each."""
    c, times = endpoint.connect(), []
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/list"}
    for i in range(n):
        body = json.dumps({"jsonrpc": "2.0", "id": i, "method": "tools/list", "params": {"_meta": {
            META + "protocolVersion": "2026-07-28", META + "clientCapabilities": {}}}})
        begin = time.perf_counter()
        c.request("POST", f"/{endpoint.secret}/{path}", body, headers)
        answer = json.loads(c.getresponse().read())
        times.append(time.perf_counter() - begin)
        if len(answer["result"]["tools"]) != expected:
            sys.exit(f"{path}: {len(answer['result']['tools'])} tools instead of {expected}: {answer['result'].get('_meta')}")
    c.close()
    return times


def paired(endpoint, slowest, n, pid):
    """In turns, so that both meet the same noise. → times of both, CPU ms of the server for each list of both"""
    times, spent, step = ([], []), [0, 0], 20
    for _ in range(0, n, step):
        for kind, (path, expected) in enumerate((("mcp/" + slowest, 10), ("mcp", 90))):
            before = cpu(pid)
            times[kind].extend(lists_of(endpoint, path, step, expected))
            spent[kind] += cpu(pid) - before
    return *times, [s * 1000 / n for s in spent]


def at(times, share):
    return sorted(times)[min(len(times) - 1, int(len(times) * share))] * 1000


def cpu(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def show(times):
    return f"{at(times, 0.5):.2f} / {at(times, 0.99):.2f} / {max(times) * 1000:.2f}"


def build(h, ttl, dead):
    """Ten destinations behind the writ; the last is declared and granted, and nobody is there."""
    servers = {f"server{i}": serve(wait, ttl) for i, wait in enumerate(WAITS)}
    places = {name: {"url": f"http://127.0.0.1:{port}/mcp"} for name, (_, port) in servers.items()} | {"dead": {"url": f"http://127.0.0.1:{dead}/mcp"}}
    for name, place in places.items():
        h.destination(name, place, {})
    h.task("work", {f"{n}/*": "{}" for n in places})
    h.agent("reader", READER, ["work"])
    h.start()
    for name in servers:
        pin_patiently(h, name)
        h.destination(name, places[name], TOOLS)
    h.task("work", {f"{n}/{t}": "{}" for n in servers for t in TOOLS} | {"dead/*": "{}"})
    h.api("POST", "/v1/reload", {})
    return [p for p, _ in servers.values()]


def measure(ttl, silent):
    """silent: the dead one takes connections and says nothing; otherwise it refuses them."""
    h, servers, hole = House(), [], socket.create_server(("127.0.0.1", 0))
    try:
        servers = build(h, ttl, hole.getsockname()[1] if silent else free_port())
        e = Endpoint(h)
        begin = time.perf_counter()
        lists_of(e, "mcp", 1, 90)
        first = (time.perf_counter() - begin) * 1000
        lists_of(e, "mcp/server8", 1, 10)
        one, all_of_them, spent = paired(e, "server8", LISTS, h.process.pid)
        added = at(all_of_them, 0.99) - at(one, 0.99)
        print(f"{'silent' if silent else 'refuses':>8} {ttl:8} {len(all_of_them):6} {show(one):>38} {show(all_of_them):>26} {added:10.2f} {spent[0]:9.2f} / {spent[1]:.2f} {first:14.1f}")
        e.close()
        return added
    finally:
        hole.close()
        for p in servers:
            p.kill()
            p.wait()
        h.close()


def main():
    print(f"{'dead one':>8} {'ttlMs':>8} {'lists':>6} {'slowest live one alone p50/p99/max ms':>38} {'all ten p50/p99/max ms':>26} {'p99 added':>10} {'CPU ms each':>16} {'first list ms':>14}")
    worst = max(measure(ttl, silent) for ttl, silent in ((0, False), (0, True), (600000, False)))
    print(f"target: p99 at most {TARGET_MS} ms above the slowest live one: {'met' if worst <= TARGET_MS else 'missed'} (load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores)")


if __name__ == "__main__":
    main()
