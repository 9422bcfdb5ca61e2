#!/usr/bin/env python3
"""
What a tools/call costs through the gateway, decided and recorded: CPU µs per call and p50, beside nginx as a plain proxy before the same
stub in the same run; idle memory and bytes per writ. Needs nginx and wrk; gate.py BUILD_FOLDER. Loopback only, a few seconds.
"""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../real"))
import house as house_module
from house import IS_ROOT, READER, House

BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build")
SECONDS = int(os.environ.get("BENCH_SECONDS", "4"))
TICK = os.sysconf("SC_CLK_TCK")
META = ('"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},'
        '"io.modelcontextprotocol/clientInfo":{"name":"wrk","version":"1"}}')
BODY = '{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hello"},' + META + '}}'


def cpu(pids):
    total = 0
    for pid in pids:
        fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def rss(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{pid}/status").read()).group(1)) / 1024


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wrk(folder, url, connections, user=None):
    script = os.path.join(folder, "call.lua")
    with open(script, "w") as f:
        f.write('wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\nwrk.headers["MCP-Protocol-Version"] = "2026-07-28"\n'
                'wrk.headers["Mcp-Method"] = "tools/call"\nwrk.headers["Mcp-Name"] = "echo"\n'
                'wrk.headers["Accept"] = "application/json, text/event-stream"\n'
                "local n = 0\nlocal pre, post = " + ", ".join("[==[" + p + "]==]" for p in BODY.split("%s")) + "\n"
                "request = function() n = n + 1; return wrk.format(nil, nil, nil, pre .. n .. post) end\n"
                "local threads = {}\nfunction setup(thread) table.insert(threads, thread) end\nbad, first = 0, ''\n"
                "response = function(s, h, b)\n  if s ~= 200 or not b:find('\"result\"', 1, true) or not b:find('quick brown', 1, true) then\n"
                "    bad = bad + 1\n    if bad == 1 then first = s .. ' ' .. b end\n  end\nend\n"
                "done = function() for _, t in ipairs(threads) do print('not allowed: ' .. t:get('bad') .. ' ' .. t:get('first')) end end\n")
    extra = {"user": user, "group": user, "extra_groups": []} if user and IS_ROOT else {}
    out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "--latency", "-s", script, url], capture_output=True, text=True, check=True,
                         cwd="/", **extra).stdout
    if "Non-2xx" in out or "Socket errors" in out or int(re.search(r"not allowed: (\d+)", out).group(1)):
        sys.exit(f"not every call to {url.split('/')[2]} was allowed and answered:\n{out}")
    unit = {"us": 1, "ms": 1000, "s": 1e6}
    value = lambda name: (lambda m: float(m.group(1)) * unit[m.group(2)])(re.search(name + r"\s+([\d.]+)(us|ms|s)", out))
    return {"requests": int(re.search(r"(\d+) requests in", out).group(1)), "p50": value("50%"), "p99": value("99%")}


def measure(name, pids, run):
    before = cpu(pids)
    result = run()
    result["cpu"] = (cpu(pids) - before) * 1e6 / result["requests"]
    return result


def open_endpoint(h):
    """What `writ run` does, for a process that only waits: a writ and its private endpoint."""
    extra = {"user": READER, "group": READER, "extra_groups": []} if IS_ROOT else {}
    child = subprocess.Popen(["sleep", "1000"], cwd="/", **extra)
    listener = socket.create_server(("127.0.0.1", 0))
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.connect(os.path.join(h.run, "run.sock"))
    secret = os.urandom(16).hex()
    message = {"op": "open", "agent": "reader", "task": "work", "purpose": "a benchmark", "pid": child.pid, "secret": secret,
               "port": listener.getsockname()[1], "confined": True, "confinement": "benchmark"}
    socket.send_fds(s, [json.dumps(message).encode()], [listener.fileno()])
    answer = json.loads(s.recv(65536))
    if "writ" not in answer:
        sys.exit(f"no writ: {answer}")
    return child, s, listener, f"http://127.0.0.1:{listener.getsockname()[1]}/{secret}/mcp/stub"


def start_nginx(folder, port, stub):
    conf = os.path.join(folder, "nginx.conf")
    with open(conf, "w") as f:
        f.write(f"worker_processes 1;\ndaemon off;\npid {folder}/nginx.pid;\nerror_log stderr crit;\nuser root;\nevents {{ worker_connections 1024; }}\n" if IS_ROOT else
                f"worker_processes 1;\ndaemon off;\npid {folder}/nginx.pid;\nerror_log stderr crit;\nevents {{ worker_connections 1024; }}\n")
        f.write(f"http {{ access_log {folder}/access.log; client_body_temp_path {folder}; proxy_temp_path {folder};\n"
                f" upstream stub {{ server 127.0.0.1:{stub}; keepalive 64; }}\n"
                f" server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://stub; proxy_http_version 1.1; proxy_set_header Connection \"\"; }} }} }}\n")
    p = subprocess.Popen(["nginx", "-c", conf, "-p", folder], stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    workers = subprocess.run(["pgrep", "-P", str(p.pid)], capture_output=True, text=True).stdout.split()
    return p, [int(w) for w in workers]


def bytes_per_writ(h, pid, n=1000):
    before = rss(pid)
    held = []
    sys.setrecursionlimit(10000)
    extra = {"user": READER, "group": READER, "extra_groups": []} if IS_ROOT else {}
    child = subprocess.Popen(["sleep", "1000"], cwd="/", **extra)
    for _ in range(n):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.connect(os.path.join(h.run, "run.sock"))
        l = socket.create_server(("127.0.0.1", 0))
        m = {"op": "open", "agent": "reader", "task": "work", "pid": child.pid, "secret": os.urandom(16).hex(), "port": 0, "confined": False}
        socket.send_fds(s, [json.dumps(m).encode()], [l.fileno()])
        if "writ" not in json.loads(s.recv(65536)):
            sys.exit("no writ")
        l.close()
        held.append(s)
    with_endpoints = rss(pid)
    for s in held:
        s.close()
    child.kill()
    child.wait()
    return (with_endpoints - before) * 1024 * 1024 / n


def main():
    for tool in ("nginx", "wrk"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is needed: apt-get install nginx-light wrk")
    folder = tempfile.mkdtemp(prefix="writ-bench-")
    os.chmod(folder, 0o755)
    stub_port, nginx_port = free_port(), free_port()
    stub = subprocess.Popen([os.path.join(BUILD, "tests/bench/bench_stub"), f"127.0.0.1:{stub_port}"])
    nginx, workers = start_nginx(folder, nginx_port, stub_port)
    h = House()
    try:
        url = {"url": f"http://127.0.0.1:{stub_port}/mcp"}
        h.destination("stub", url, {})
        h.task("work", {})
        h.agent("reader", READER, ["work"])
        h.start()
        idle = rss(h.process.pid)
        h.pin("stub")
        h.destination("stub", url, {"echo": "{ effect: read }"}, more="limits: { concurrency: 64 }\n")
        h.task("work", {"stub/echo": "{}"})
        time.sleep(1)
        bytes_per_writ(h, h.process.pid, 20)  # what the first ones allocate for all
        per_writ = bytes_per_writ(h, h.process.pid)
        child, life, listener, endpoint = open_endpoint(h)
        rows = []
        for c in (1, 32):
            rows.append(("direct", c, measure("direct", [stub.pid], lambda: wrk(folder, f"http://127.0.0.1:{stub_port}/mcp", c, READER))))
            rows.append(("nginx", c, measure("nginx", workers, lambda: wrk(folder, f"http://127.0.0.1:{nginx_port}/mcp", c, READER))))
            rows.append(("writ", c, measure("writ", [h.process.pid], lambda: wrk(folder, endpoint, c, READER))))
        life.close()
        child.kill()
        child.wait()
        print(f"{'path':8} {'conns':>5} {'calls/s':>9} {'CPU µs/call':>12} {'p50 µs':>8} {'p50 added':>10} {'p99 µs':>8}  CPU against nginx")
        for name, c, r in rows:
            direct = next(x for n, k, x in rows if n == "direct" and k == c)
            peer = next(x for n, k, x in rows if n == "nginx" and k == c)
            ratio = "" if name == "direct" else f"{r['cpu'] / peer['cpu']:.2f}"
            added = "" if name == "direct" else f"{r['p50'] - direct['p50']:.0f}"
            print(f"{name:8} {c:5} {r['requests'] / SECONDS:9.0f} {r['cpu']:12.1f} {r['p50']:8.0f} {added:>10} {r['p99']:8.0f}  {ratio}")
        print(f"idle memory {idle:.1f} MiB; {per_writ:.0f} bytes for each active writ with its private endpoint")
    finally:
        stub.kill()
        stub.wait()
        nginx.terminate()
        nginx.wait()
        h.close()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
