"""
`writ run` from end to end: the endpoint, the ways it can end, and what an agent can do from inside to get around Writ. The attempts are
compared with what `writ run` said about its walls: what it claims must hold, and what it does not claim is not counted on.
"""
import contextlib
import json
import os
import re
import signal
import subprocess
import time

import pytest

from house import BOT, DEADLINE, IS_ROOT, MODULES, NODE, READER, STRANGER, Endpoint, House, fixture_command, free_port, script, stage

READ = "{ effect: read }"
TOOLS = ("echo", "wait", "env")
PYTHON = "/usr/bin/python3"  # the one in a system folder: what an agent behind walls can start without being given a folder


@pytest.fixture(scope="module")
def house():
    port = free_port()
    web = subprocess.Popen([NODE, script("fixture.mjs"), "http", str(port)])
    h = House()
    h.web_port = port
    h.vault = os.path.join(h.top, "vault")  # the folder that the destination serves
    os.makedirs(h.vault)
    for name, mode in (("open.txt", 0o644), ("shut.txt", 0o600)):
        with open(os.path.join(h.vault, name), "w") as f:
            f.write("what the destination keeps\n")
        os.chmod(os.path.join(h.vault, name), mode)
    h.server = fixture_command() | {"roots": [h.vault], "env": {"API_KEY": "as-if-secret"}}
    try:
        h.destination("fx", h.server, {})
        h.task("work", {"fx/*": "{}"})
        for name, uid in (("reader", READER), ("bot", BOT)):
            h.agent(name, uid, ["work"])
            if not IS_ROOT:
                break
        h.start()
        h.pin("fx")
        h.destination("fx", h.server, {t: READ for t in TOOLS})
        h.task("work", {f"fx/{t}": "{}" for t in TOOLS})
        h.api("POST", "/v1/reload", {})
        yield h
    finally:
        web.kill()
        web.wait()
        h.close()


def finish(process, code=0):
    try:
        out, err = process.communicate(timeout=DEADLINE)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        pytest.fail(f"writ run did not end:\n{out}\n{err}")
    if code is not None:
        assert process.returncode == code, f"exit {process.returncode}\n{out}\n{err}"
    return out, err


def until(look, what="it"):
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(f"{what} did not come")


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def state(h, writ):
    return h.writs()[writ]["state"]


@contextlib.contextmanager
def sleeping(h, **more):
    """An agent that has a child and waits: → the process, its writ, and the pids of the agent's tree as seen from outside."""
    tag = "1" + str(time.monotonic_ns())[-8:]
    p = h.run_agent(["sh", "-c", f"sleep {tag} & sleep {tag}; exit 3"], **more)
    try:
        line = p.stderr.readline()
        assert "is open for" in line, line + p.stderr.read()
        tree = until(lambda: (lambda found: found if len(found) == 2 else None)(processes(f"sleep\0{tag}\0")), "the agent's tree")
        yield p, re.search(r"wr_\w+", line).group(), tree
    finally:
        if p.poll() is None:
            p.kill()
        p.stdout.close()
        p.stderr.close()
        p.wait()


def processes(command_line):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/cmdline") as f:
                if f.read() == command_line and alive(pid):
                    found.append(int(pid))
    return found


LEVELS = ["full", "network", "none"]


@pytest.fixture(params=LEVELS)
def level(request, house):
    """A level that this machine can build, else the reason why not."""
    p = house.run_agent(["true"], confine=request.param)
    out, err = finish(p, None)
    if p.returncode and request.param != "none":
        pytest.skip(f"not on this machine: {err.strip().splitlines()[-1]}")
    assert p.returncode == 0, err
    return request.param


# ------------------------------------------------------------------------------------------------------- a whole run

CLIENT = r'''
import json, os, sys, urllib.request
config = json.load(open(os.environ["WRIT_MCP_CONFIG"]))
base = os.environ["WRIT_ENDPOINT"]
def post(url, body, **headers):
    r = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json", "Accept": "application/json, text/event-stream", **headers})
    return json.load(urllib.request.urlopen(r))
meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
params = {"name": "echo", "arguments": {"text": "from inside"}, "_meta": meta}
answer = post(config["mcpServers"]["fx"]["url"], {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params},
              **{"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "echo"})
print(json.dumps({"config": config, "base": base, "answer": answer, "writ": json.load(urllib.request.urlopen(base + "/writ")), "id": os.environ["WRIT_ID"],
                  "uid": os.getuid(), "mode": os.stat(os.environ["WRIT_MCP_CONFIG"]).st_mode & 0o777}))
sys.exit(int(sys.argv[1]))
'''


def test_a_run_from_end_to_end(house, level):
    p = house.run_agent([PYTHON, "-c", CLIENT, "42"], confine=level, options=["--purpose", "try everything"])
    out, err = finish(p, 42)
    seen = json.loads(out)
    assert seen["config"] == {"mcpServers": {"fx": {"type": "http", "url": seen["base"] + "/mcp/fx"}}}
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/writ_ep_[0-9A-Za-z]{38}", seen["base"])
    assert seen["answer"]["result"]["content"][0]["text"] == "from inside"
    assert seen["mode"] & 0o077 == 0, "the file with the endpoint's secret is open to others"
    assert (seen["writ"]["id"], seen["writ"]["state"], seen["writ"]["purpose"]) == (seen["id"], "active", "try everything")
    assert seen["uid"] == (READER if IS_ROOT else os.getuid())
    assert f"{seen['id']} is open for reader, task work" in err
    until(lambda: state(house, seen["id"]) == "completed", "the end of the writ")
    ended = house.writs()[seen["id"]]
    assert ended["calls"] == 1
    claimed = re.search(r"walls: (.*?)(; missing|$)", err, re.M).group(1)
    assert seen["writ"].get("confinement", "") == claimed, "what is on record is what was said"


def test_the_official_client_behind_every_wall(house, level, tmp_path):
    """Node, its modules and the plan are given to the agent as folders to read; nothing else is."""
    plan = os.path.join(stage(), "plan.json")
    with open(plan, "w") as f:
        json.dump({"sdk": "v2", "mode": "auto", "transport": "http", "servers": {"fx": {"steps": [{"op": "list"}]}}}, f)
    given = {stage(), os.path.realpath(MODULES), os.path.dirname(os.path.dirname(os.path.realpath(NODE)))} - {"/usr"}
    p = house.run_agent([os.path.realpath(NODE), script("client.mjs"), plan], confine=level, options=[a for g in sorted(given) for a in ("--read", g)] if level != "none" else [])
    out, err = finish(p)
    assert sorted(json.loads(out)["fx"]["steps"][0]["ok"]) == sorted(TOOLS), out + err


@pytest.mark.parametrize("how", ["exit 0", "exit 5", "kill -9 $$"])
def test_the_exit_status_is_passed_on(house, how):
    p = house.run_agent(["sh", "-c", how])
    out, err = finish(p, {"exit 0": 0, "exit 5": 5, "kill -9 $$": 137}[how])
    writ = re.search(r"wr_\w+", err).group()
    until(lambda: state(house, writ) == "completed", "the end of the writ")


def test_a_program_that_is_not_there(house):
    out, err = finish(house.run_agent(["/no/such/program"]), None)
    assert "the agent's program cannot be started" in err and "No such file" in err
    writ = re.search(r"wr_\w+", err)
    if writ:
        until(lambda: state(house, writ.group()) == "completed", "the end of the writ")


def test_a_refused_run_starts_nothing(house, tmp_path):
    mark = tmp_path / "ran"
    for more, words in ((dict(task="no-such-task"), "no-such-task"), (dict(agent="stranger"), "stranger")) + (
            (((dict(uid=STRANGER)), "not proven to be reader"),) if IS_ROOT else ()):
        out, err = finish(house.run_agent(["sh", "-c", f"touch {mark}"], **more), None)
        assert words in err and not mark.exists(), err


def test_when_writ_run_is_killed_the_tree_and_the_writ_end(house, level):
    with sleeping(house, confine=level) as (p, writ, tree):
        os.kill(p.pid, signal.SIGKILL)
        until(lambda: state(house, writ) == "completed", "the end of the writ")
        until(lambda: not any(map(alive, tree)), "the end of the tree")


def test_when_the_writ_is_revoked_the_tree_ends(house, level):
    with sleeping(house, confine=level) as (p, writ, tree):
        assert house.api("POST", "/v1/revoke", {"selector": "writ", "id": writ, "why": "no longer"})["confirmed"]
        assert p.wait(DEADLINE) == 1
        assert not any(map(alive, tree)), "a process of the agent lives on"
        said = p.stderr.read()
        assert "no longer" in said and re.search(r"all its processes were ended in [\d.]+ ms", said), said


def test_a_signal_reaches_the_agent(house):
    p = house.run_agent(["sh", "-c", "trap 'echo asked; exit 9' TERM; echo here; while :; do sleep 0.05; done"])
    assert p.stdout.readline() == "here\n"
    p.send_signal(signal.SIGTERM)
    out, _ = finish(p, 9)
    assert out == "asked\n"


def test_a_restart_of_the_server_is_survived(house):
    go = os.path.join(house.top, "go")
    script_text = f"while [ ! -e {go} ]; do sleep 0.05; done; {PYTHON} -c \"$0\" 0"
    p = house.run_agent(["sh", "-c", script_text, CLIENT])
    try:
        line = p.stderr.readline()
        writ = re.search(r"wr_\w+", line).group()
        house.stop(signal.SIGKILL)
        house.start()
        until(lambda: "the server is back" in p.stderr.readline() or p.poll() is not None, "its return")
        assert state(house, writ) == "active"
        with open(go, "w"):
            pass
        out, err = finish(p, 0)
        assert json.loads(out)["answer"]["result"]["content"][0]["text"] == "from inside"
        until(lambda: state(house, writ) == "completed", "the end of the writ")
    finally:
        if p.poll() is None:
            p.kill()
            p.wait()


# ------------------------------------------------------------------------------------------------------------ bypasses

# What an agent tries. Each prints "worked" with what it got, or "refused" with the error.
PROBE = r'''
import json, os, socket, sys, urllib.request, urllib.error
t = json.loads(sys.argv[1])
def tcp(port):
    socket.create_connection(("127.0.0.1", port), 20).close()
    return "connected"
def unix(path, kind=socket.SOCK_STREAM):
    s = socket.socket(socket.AF_UNIX, kind)
    s.settimeout(20)
    s.connect(path)
    return s
def http(s, method, path, body=""):
    s.sendall(f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
    data = b""
    while True:
        part = s.recv(65536)
        if not part: break
        data += part
    status = data.split(b" ")[1].decode()
    if status[0] != "2": raise OSError("HTTP " + status)
    return status
def read(path):
    with open(path, "rb") as f: return repr(f.read(40))
def write(path):
    with open(path, "a") as f: f.write("#\n")
    return "written"
def endpoint(url):
    try:
        with urllib.request.urlopen(url, timeout=20) as r: return r.read(60).decode()
    except urllib.error.HTTPError as e: raise OSError(f"HTTP {e.code}")
def fds(pid):
    return repr([os.readlink(f"/proc/{pid}/fd/{n}") for n in os.listdir(f"/proc/{pid}/fd")])
def memory(pid):
    with open(f"/proc/{pid}/mem", "rb") as f: return "opened"
def start_server():
    import subprocess
    p = subprocess.run(t["server"], input=b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}\n', capture_output=True, timeout=60)
    if b"serverInfo" not in p.stdout: raise OSError(p.stderr.decode()[-200:] or "no answer")
    return "started"
attempts = {
    "connect to the upstream": lambda: tcp(t["web_port"]),
    "start the server itself": start_server,
    "read an open file of the destination": lambda: read(t["vault"] + "/open.txt"),
    "read a closed file of the destination": lambda: read(t["vault"] + "/shut.txt"),
    "read the server's environment": lambda: read(f"/proc/{t['server_pid']}/environ"),
    "read the server's memory": lambda: memory(t["server_pid"]),
    "read the daemon's environment": lambda: read(f"/proc/{t['serve_pid']}/environ"),
    "list the daemon's descriptors": lambda: fds(t["serve_pid"]),
    "list the signer's descriptors": lambda: fds(t["keys_pid"]),
    "read the signer's memory": lambda: memory(t["keys_pid"]),
    "take the signer's descriptor": lambda: read(f"/proc/{t['keys_pid']}/fd/0"),
    "kill the daemon": lambda: os.kill(t["serve_pid"], 0) or "may be signalled",
    "read the master key": lambda: read(t["state"] + "/master.key"),
    "list the state folder": lambda: repr(os.listdir(t["state"])),
    "write the estate": lambda: write(t["estate"] + "/tasks/work.yaml"),
    "add a policy": lambda: write(t["estate"] + "/policies/mine.cedar"),
    "reach agent.sock": lambda: unix(t["run"] + "/agent.sock") and "connected",
    "read the status at admin.sock": lambda: http(unix(t["run"] + "/admin.sock"), "GET", "/v1/status"),
    "read the log at control.sock": lambda: http(unix(t["run"] + "/control.sock"), "GET", "/v1/log"),
    "close another's writ": lambda: http(unix(t["run"] + "/admin.sock"), "POST", "/v1/close", json.dumps({"writ": t["other_writ"], "why": "x"})),
    "revoke another's writ": lambda: http(unix(t["run"] + "/control.sock"), "POST", "/v1/revoke", json.dumps({"selector": "writ", "id": t["other_writ"], "why": "x"})),
    "reload the estate": lambda: http(unix(t["run"] + "/admin.sock"), "POST", "/v1/reload"),
    "another's endpoint with its secret": lambda: endpoint(t["other_url"] + "/writ"),
    "another's endpoint without a secret": lambda: endpoint(t["other_url"].rsplit("/", 1)[0] + "/" + "0" * 64 + "/writ"),
    "complete another's writ": lambda: endpoint(t["other_url"] + "/complete"),
    "its own endpoint": lambda: endpoint(os.environ["WRIT_ENDPOINT"] + "/writ"),
}
found = {}
for name, attempt in attempts.items():
    try: found[name] = ["worked", str(attempt())]
    except Exception as e: found[name] = ["refused", f"{type(e).__name__}: {e}"]
print(json.dumps(found))
'''

# Which walls, as `writ run` names them, stop an attempt. ANYWAY: it is stopped whatever the walls, when the agent has a user of its own.
ANYWAY = "own user"
STOPPED_BY = {
    "connect to the upstream": {"own network", "Landlock"},
    "start the server itself": {"own file tree", "Landlock"},
    "read an open file of the destination": {"own file tree", "Landlock"},
    "reach agent.sock": {"own file tree", "Landlock"},
    "another's endpoint without a secret": {"own network", "Landlock", ANYWAY},
}
# Everything else in PROBE is stopped by the user, or by Writ's own checks, and so at every level that has an own user.


@pytest.fixture
def other(house):
    """Another agent's open writ and endpoint."""
    e = Endpoint(house, agent="bot", uid=BOT)
    try:
        yield e
    finally:
        e.close()


def child_of(pid, words):
    def look():
        for child in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError, IndexError):
                with open(f"/proc/{child}/stat") as f:
                    parent = int(f.read().rsplit(")", 1)[1].split()[1])
                with open(f"/proc/{child}/cmdline") as f:
                    if parent == pid and words in f.read():
                        return int(child)
        return None
    return until(look, words)


@pytest.mark.skipif(not IS_ROOT, reason="needs a user for each agent")
def test_bypasses_from_inside(house, level, other):
    assert other.call("fx", "echo", text="x")["result"], "the other agent's server runs"
    targets = {"web_port": house.web_port, "vault": house.vault, "state": house.state, "run": house.run, "estate": house.estate,
               "server": [NODE, script("fixture.mjs")], "serve_pid": house.process.pid, "server_pid": child_of(house.process.pid, "fixture.mjs"),
               "keys_pid": child_of(house.process.pid, "keys"), "other_writ": other.writ, "other_url": f"http://127.0.0.1:{other.port}/{other.secret}"}
    p = house.run_agent([PYTHON, "-c", PROBE, json.dumps(targets)], confine=level)
    out, err = finish(p)
    found = json.loads(out)
    walls = {re.sub(r"( ABI \d+| \(.*\))$", "", w) for w in re.search(r"walls: (.*?)(; missing|$)", err, re.M).group(1).split(", ")}
    assert "own user" in walls, err
    wrong = []
    for name, (how, words) in found.items():
        stopped = name != "its own endpoint" and bool(STOPPED_BY.get(name, {ANYWAY}) & walls)
        if stopped != (how == "refused"):
            wrong.append(f"{name}: {how} ({words}), though the walls were: {', '.join(sorted(walls))}")
    assert not wrong, "\n".join(wrong)
    assert state(house, other.writ) == "active", "another's writ was touched"
    assert other.call("fx", "echo", text="still")["result"]
    with open(os.path.join(house.estate, "tasks/work.yaml")) as f:
        assert "#" not in f.read()
    assert not os.path.exists(os.path.join(house.estate, "policies/mine.cedar"))


@pytest.mark.skipif(not IS_ROOT, reason="needs users of their own")
@pytest.mark.parametrize("uid", [BOT, STRANGER])
def test_a_foreign_user_cannot_use_an_endpoint_even_with_its_secret(house, uid):
    mine = Endpoint(house)
    try:
        url = f"http://127.0.0.1:{mine.port}/{mine.secret}"
        code = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=60).status)"
        for path in ("/writ", "/mcp/fx"):
            r = subprocess.run([PYTHON, "-c", code, url + path], capture_output=True, text=True, user=uid, group=uid, extra_groups=[], cwd="/")
            assert "HTTP Error 40" in r.stderr and not r.stdout, r.stderr
        assert state(house, mine.writ) == "active"
        assert mine.call("fx", "echo", text="its own user")["result"]
    finally:
        mine.close()


@pytest.mark.skipif(not IS_ROOT, reason="needs users of their own")
def test_nobody_opens_a_writ_for_a_strangers_process(house):
    """run.sock: the process named must be a child of the one that asks, and it is that process that gets proven."""
    victim = subprocess.Popen(["sleep", "100"], user=READER, group=READER, extra_groups=[], cwd="/", start_new_session=True)
    code = r'''
import json, os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); s.connect(sys.argv[1])
l = socket.create_server(("127.0.0.1", 0))
socket.send_fds(s, [json.dumps({"op": "open", "agent": "reader", "task": "work", "pid": int(sys.argv[2]), "secret": "0" * 64, "port": l.getsockname()[1]}).encode()], [l.fileno()])
print(s.recv(65536).decode())
'''
    try:
        for pid in (victim.pid, 1, house.process.pid, os.getpid()):
            r = subprocess.run([PYTHON, "-c", code, os.path.join(house.run, "run.sock"), str(pid)], capture_output=True, text=True, user=BOT, group=BOT,
                               extra_groups=[], cwd="/", timeout=DEADLINE)
            assert "writ" not in json.loads(r.stdout) and "error" in json.loads(r.stdout), r.stdout
    finally:
        victim.kill()
        victim.wait()


def test_what_cannot_be_built_is_not_claimed(house):
    """--confine none says that there are no walls but the user, and the record says unconfined: no call is light."""
    p = house.run_agent([PYTHON, "-c", CLIENT, "0"], confine="none")
    out, err = finish(p, 0)
    walls = re.search(r"walls: (.*)", err).group(1)
    for word in ("own network", "own file tree", "own processes", "Landlock"):
        assert word not in walls.split("; missing")[0], walls
    decision = until(lambda: [r["leaf"] for r in house.records(kind="decision", writ=json.loads(out)["id"]) if r["leaf"].get("tool") == "echo"])[0]
    assert (decision["tier"], decision["tier_why"]) == ("standard", "the agent is not confined")
