#!/usr/bin/env python3
"""
What a tools/call costs through the gateway, with every check on: pinned tools, typed arguments, policies, inspection, a credential put in,
each decision on record. Beside it in the same run, before the same stub: the stub itself, nginx as a plain proxy and, with --peers FOLDER
(a node_modules) and where they are there, npm's MCP proxies and ToolHive. Loopback only. Needs nginx and wrk.

    gateway.py BUILD_FOLDER [--peers NODE_MODULES] [--thv PROGRAM] [--sizes]
"""
import argparse
import http.client
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../real"))
from house import IS_ROOT, NODE, READER, WRIT, Endpoint, House, free_port, unix_socket

SECONDS = int(os.environ.get("BENCH_SECONDS", "4"))
TICK = os.sysconf("SC_CLK_TCK")
MODERN = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {},
          "io.modelcontextprotocol/clientInfo": {"name": "wrk", "version": "1"}}
ANY_USER = {"user": READER, "group": READER, "extra_groups": []} if IS_ROOT else {}


def fields(pid):
    return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()


def cpu(pids):
    return sum(int(fields(p)[11]) + int(fields(p)[12]) for p in pids) / TICK


def rss(pids):
    return sum(int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{p}/status").read()).group(1)) for p in pids) / 1024


def children(pid):
    """Processes below ${pid}, without the stub: its cost is no proxy's."""
    below = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout.split()
    found = []
    for child in map(int, below):
        if "bench_stub" not in os.path.basename(os.readlink(f"/proc/{child}/exe")):
            found.append(child)
        found += children(child)
    return found


class Path:
    """A way to the stub: its address, the processes that are its cost, headers that its calls carry."""

    def __init__(self, name, url, pids, modern=True, headers=None, note="", stop=None):
        self.name, self.url, self.pids, self.modern = name, url, pids, modern
        self.headers, self.note, self.stop = headers or {}, note, stop or (lambda: None)


def body(path, tool, arguments):
    meta = dict(MODERN if path.modern else {})
    if tool == "stream":
        meta["progressToken"] = "p"
    params = {"name": tool, "arguments": arguments} | ({"_meta": meta} if meta else {})
    return json.dumps({"jsonrpc": "2.0", "id": 0, "method": "tools/call", "params": params}, separators=(",", ":")).split('"id":0,', 1)


def wrk(folder, path, tool, arguments, connections):
    """Calls as fast as they are answered. Every one must be allowed and answered in full."""
    least = arguments.get("bytes", 43) * arguments.get("parts", 1)
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"} | path.headers
    if path.modern:
        headers |= {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": tool}
    pre, post = body(path, tool, arguments)
    script = os.path.join(folder, "call.lua")
    with open(script, "w") as f:
        f.write('wrk.method = "POST"\n' + "".join(f"wrk.headers[{json.dumps(k)}] = {json.dumps(v)}\n" for k, v in headers.items()) +
                f"local n = 0\nlocal pre, post = [==[{pre}]==], [==[{post}]==]\n"
                'request = function() n = n + 1; return wrk.format(nil, nil, nil, pre .. "\\"id\\":" .. n .. "," .. post) end\n'
                "local threads = {}\nfunction setup(thread) table.insert(threads, thread) end\nbad, first = 0, ''\n"
                f"response = function(s, h, b)\n  if s ~= 200 or #b < {least} or not b:find('\"result\"', 1, true) or not b:find('quick brown', 1, true) then\n"
                "    bad = bad + 1\n    if bad == 1 then first = s .. ' ' .. b:sub(1, 600) end\n  end\nend\n"
                "done = function() for _, t in ipairs(threads) do print('not allowed: ' .. t:get('bad') .. ' ' .. t:get('first')) end end\n")
    user = ANY_USER if path.name.startswith("writ") else {}
    before = cpu(path.pids)
    out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "--timeout", "30s", "--latency", "-s", script, path.url],
                         capture_output=True, text=True, check=True, cwd="/", **user).stdout
    spent = cpu(path.pids) - before
    if "Non-2xx" in out or "Socket errors" in out or int(re.search(r"not allowed: (\d+)", out).group(1)):
        said = re.findall(r"Non-2xx.*|Socket errors.*|not allowed: .*", out)
        raise RuntimeError(f"not every call was allowed and answered: {'; '.join(said)}")
    unit = {"us": 1, "ms": 1000, "s": 1e6}
    value = lambda name: (lambda m: float(m.group(1)) * unit[m.group(2)])(re.search(name + r"\s+([\d.]+)(us|ms|s)", out))
    calls = int(re.search(r"(\d+) requests in", out).group(1))
    return {"rate": calls / SECONDS, "cpu": spent * 1e6 / max(calls, 1), "p50": value("50%"), "p99": value("99%"), "rss": rss(path.pids)}


# ------------------------------------------------------------------------------------------------------------------------ the paths


def start_nginx(folder, stub):
    port, conf = free_port(), os.path.join(folder, "nginx.conf")
    with open(conf, "w") as f:
        f.write(f"worker_processes 1;\ndaemon off;\npid {folder}/nginx.pid;\nerror_log stderr crit;\n" + ("user root;\n" if IS_ROOT else "") +
                "events { worker_connections 1024; }\n"
                f"http {{ access_log {folder}/access.log; client_body_temp_path {folder}; proxy_temp_path {folder};\n"
                f" upstream stub {{ server 127.0.0.1:{stub}; keepalive 64; }}\n"
                f" server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://stub; proxy_http_version 1.1; proxy_set_header Connection \"\"; }} }} }}\n")
    p = subprocess.Popen(["nginx", "-c", conf, "-p", folder], stderr=subprocess.DEVNULL)
    await_port(port)
    return Path("nginx", f"http://127.0.0.1:{port}/mcp", children(p.pid), stop=lambda: (p.terminate(), p.wait()))


def await_port(port, patience=60):
    end = time.monotonic() + patience
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise RuntimeError(f"nothing listens on port {port} after {patience} s")
            time.sleep(0.1)


def older_session(url):
    """An initialized session of 2025-11-25 → the headers of its calls."""
    address = re.match(r"http://([^/]+)(/.*)", url)
    c = http.client.HTTPConnection(address.group(1), timeout=30)
    given = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    start = {"jsonrpc": "2.0", "id": 1, "method": "initialize",
             "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "wrk", "version": "1"}}}
    c.request("POST", address.group(2), json.dumps(start), given)
    r = c.getresponse()
    text = r.read()
    if r.status != 200:
        raise RuntimeError(f"initialize: {r.status} {text[:200]}")
    session = {"MCP-Protocol-Version": "2025-11-25"} | ({"Mcp-Session-Id": r.headers["Mcp-Session-Id"]} if r.headers["Mcp-Session-Id"] else {})
    c.request("POST", address.group(2), json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}), given | session)
    c.getresponse().read()
    c.close()
    return session


def start_peer(folder, name, command, port, path="/mcp", note="", env=None):
    log = open(os.path.join(folder, name + ".log"), "w")
    p = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=os.environ | (env or {}), start_new_session=True)

    def stop():
        os.killpg(p.pid, 9)
        p.wait()
    try:
        await_port(port)
        url = f"http://127.0.0.1:{port}{path}"
        headers = older_session(url)
        return Path(name, url, [p.pid] + children(p.pid), modern=False, headers=headers, note=note, stop=stop)
    except (RuntimeError, OSError, http.client.HTTPException) as e:
        stop()
        print(f"{name}: left out: {e}")
        return None


def start_peers(folder, modules, thv, stub, stub_program):
    paths = []
    node = lambda script: [NODE, os.path.join(modules, script)]
    lines = shlex.quote(stub_program)
    if modules:
        port = free_port()
        paths.append(start_peer(folder, "civic", node("@civic/passthrough-mcp-server/dist/cli.js"), port, note="HTTP to HTTP",
                                env={"PORT": str(port), "TARGET_SERVER_URL": f"http://127.0.0.1:{stub}", "TARGET_SERVER_MCP_PATH": "/mcp",
                                     "TARGET_SERVER_TRANSPORT": "httpStream"}))
        port = free_port()
        paths.append(start_peer(folder, "mcp-proxy", node("mcp-proxy/dist/bin/mcp-proxy.mjs") + ["--host", "127.0.0.1", "--port", str(port), "--server", "stream",
                                                                                                 "--", stub_program], port, note="HTTP to stdio"))
        port = free_port()
        paths.append(start_peer(folder, "supergateway", node("supergateway/dist/index.js") +
                                ["--stdio", lines, "--outputTransport", "streamableHttp", "--stateful", "--port", str(port), "--logLevel", "none"], port,
                                note="HTTP to stdio"))
    if thv:
        port = free_port()
        paths.append(start_peer(folder, "toolhive", [thv, "proxy", "stub", "--target-uri", f"http://127.0.0.1:{stub}", "--host", "127.0.0.1",
                                                     "--port", str(port)], port, note="HTTP to HTTP",
                                env={"TOOLHIVE_RUNTIME": "kubernetes", "HOME": folder, "XDG_CONFIG_HOME": folder, "XDG_STATE_HOME": folder, "XDG_DATA_HOME": folder}))
    return [p for p in paths if p]


def start_house(stub, stub_program):
    """Three destinations before the same stub: calls at tier light, at tier high (restricted data, approved by a policy), and over stdio."""
    h = House()
    url = {"url": f"http://127.0.0.1:{stub}/mcp"}
    servers = {"light": (url, "internal"), "high": (url, "restricted"), "stdio": ({"command": [stub_program]}, "internal")}
    for name, (server, sensitivity) in servers.items():
        h.destination(name, server, {}, sensitivity)
    h.task("work", {})
    h.agent("reader", READER, ["work"])
    h.start()
    for name, (server, sensitivity) in servers.items():
        h.pin(name)
        if "url" in server:
            subprocess.run([WRIT, "destination", "seal", name, f"{name}-token", "--estate", h.estate], input=b"a-credential-of-the-stub-0123456789", check=True,
                           stdout=subprocess.DEVNULL)
            server = server | {"headers": {"Authorization": {"secret": f"{name}-token", "prefix": "Bearer "}}}
        h.destination(name, server, {"echo": "{ effect: read }", "stream": "{ effect: read }"}, sensitivity, more="limits: { concurrency: 64, rate: none, repeats: 0, repeated_writes: 0 }\n")
    h.task("work", {f"{name}/{tool}": "{}" for name in servers for tool in ("echo", "stream")})
    h.put("policies/bench.cedar", '@id("builtin/restricted-asks")\nforbid (principal, action in Action::"CallTool", resource)\n'
          'when { resource.sensitivity == "restricted" && context.seen.untrusted };\n'
          '@id("small")\nforbid (principal, action in [Action::"light/echo", Action::"high/echo", Action::"stdio/echo"], resource)\n'
          'when { context.input has bytes && context.input.bytes > 20000000 };\n')
    return h


def open_endpoint(h, names):
    """The endpoint of a confined agent, once the estate as it was just written is the one that decides."""
    end = time.monotonic() + 60
    while True:
        e = Endpoint(h, confined=True, confinement="benchmark")
        answers = [json.dumps(e.call(name, "echo", text="hello", bytes=43)) for name in names]
        if all("quick brown" in a for a in answers):
            return e
        e.close()
        if time.monotonic() > end:
            sys.exit(f"calls are not allowed: {answers}")
        time.sleep(0.2)


def bytes_per_writ(h, n=1000):
    before, held = rss([h.process.pid]), []
    child = subprocess.Popen(["sleep", "1000"], cwd="/", **ANY_USER)
    for _ in range(n):
        s, l = unix_socket(os.path.join(h.run, "run.sock"), socket.SOCK_SEQPACKET), socket.create_server(("127.0.0.1", 0))
        m = {"op": "open", "agent": "reader", "task": "work", "pid": child.pid, "secret": os.urandom(16).hex(), "port": 0, "confined": False}
        socket.send_fds(s, [json.dumps(m).encode()], [l.fileno()])
        if "writ" not in json.loads(s.recv(65536)):
            sys.exit("no writ")
        l.close()
        held.append(s)
    used = (rss([h.process.pid]) - before) * 1024 * 1024 / n
    for s in held:
        s.close()
    child.kill()
    child.wait()
    return used


# ------------------------------------------------------------------------------------------------------------------------- the table


def show(folder, title, paths, tool, arguments, connections):
    print(f"\n{title}, {connections} connection{'s' if connections > 1 else ''}")
    print(f"{'path':14} {'calls/s':>9} {'CPU µs/call':>12} {'p50 µs':>9} {'p50 added':>10} {'p99 µs':>9} {'p99 added':>10} {'RSS MiB':>8}  CPU against nginx")
    direct = peer = None
    for path in paths:
        try:
            r = wrk(folder, path, tool, arguments, connections)
        except RuntimeError as e:
            print(f"{path.name:14} {str(e)[:300]}")
            continue
        if path.name == "direct":
            direct = r
        if path.name == "nginx":
            peer = r
        added = lambda what: f"{r[what] - direct[what]:.0f}" if direct and path.name != "direct" else ""
        ratio = f"{r['cpu'] / peer['cpu']:.2f}" if peer and path.name != "direct" and peer["cpu"] else ""
        print(f"{path.name:14} {r['rate']:9.0f} {r['cpu']:12.1f} {r['p50']:9.0f} {added('p50'):>10} {r['p99']:9.0f} {added('p99'):>10} {r['rss']:8.1f}  {ratio:>5} {path.note}",
              flush=True)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("build")
    options.add_argument("--peers")
    options.add_argument("--thv")
    options.add_argument("--sizes", action="store_true")
    options = options.parse_args()
    for tool in ("nginx", "wrk"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is needed: apt-get install nginx-light wrk")
    folder = tempfile.mkdtemp(prefix="writ-bench-")
    os.chmod(folder, 0o755)
    stub_program, stub_port = os.path.join(os.path.abspath(options.build), "tests/bench/bench_stub"), free_port()
    stub = subprocess.Popen([stub_program, f"127.0.0.1:{stub_port}"])
    await_port(stub_port)
    paths, h = [Path("direct", f"http://127.0.0.1:{stub_port}/mcp", [stub.pid])], None
    try:
        paths.append(start_nginx(folder, stub_port))
        h = start_house(stub_port, stub_program)
        pids = [h.process.pid]
        idle = rss(pids)
        bytes_per_writ(h, 20)  # what the first ones allocate for all
        per_writ = bytes_per_writ(h)
        e = open_endpoint(h, ("light", "high", "stdio"))
        for name, note in (("light", "tier light, private endpoint"), ("high", "tier high: on disk first"), ("stdio", "tier light, server over stdio")):
            paths.append(Path(f"writ {name}", f"http://127.0.0.1:{e.port}/{e.secret}/mcp/{name}", pids, note=note))
        paths += start_peers(folder, options.peers, options.thv, stub_port, stub_program)
        for connections in (1, 32):
            show(folder, "results of 1 KB", paths, "echo", {"text": "hello", "bytes": 1000}, connections)
        if options.sizes:
            for connections in (1, 32):
                show(folder, "results of 100 KB", paths, "echo", {"text": "hello", "bytes": 100000}, connections)
            show(folder, "a stream of 10 MB in 100 parts", paths, "stream", {"parts": 100, "bytes": 100000}, 1)
        print(f"\nidle memory {idle:.1f} MiB; {per_writ:.0f} bytes for each active writ with its private endpoint")
        e.close()
    finally:
        for path in paths:
            path.stop()
        stub.kill()
        stub.wait()
        if h:
            h.close()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
