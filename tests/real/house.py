"""A house to test in: an estate in a temporary folder, a real `writ serve`, and ways to talk to it. Standard library only."""
import atexit
import functools
import hashlib
import encodings.idna  # loaded now: sockets ask for it later, when this process may be a user that cannot read the library
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
IS_ROOT = os.geteuid() == 0


def for_everyone(path):
    """Agents run as other users: what they must run is copied to where they can, when a folder above it is closed to them (a clone below /root, say)."""
    path, above = os.path.realpath(path), os.path.realpath(path)
    while above != "/" and os.path.exists(above):
        if not os.stat(above).st_mode & 0o001:
            break
        above = os.path.dirname(above)
    if not IS_ROOT or above == "/" or not os.path.exists(path):
        return path
    folder = tempfile.mkdtemp(prefix="writ-copy-")
    atexit.register(shutil.rmtree, folder, True)
    os.chmod(folder, 0o755)
    to = os.path.join(folder, os.path.basename(path))
    shutil.copytree(path, to, symlinks=True) if os.path.isdir(path) else shutil.copy(path, to)
    return to


WRIT = for_everyone(os.environ.get("WRIT_BIN", os.path.join(ROOT, "build/src/cli/writ")))
MODULES = for_everyone(os.environ.get("WRIT_NODE_MODULES", os.path.join(ROOT, "build/node/node_modules")))
NODE = os.path.join(MODULES, ".bin/node") if os.path.exists(os.path.join(MODULES, ".bin/node")) else shutil.which("node")
FILES_SERVER = os.path.join(MODULES, "@modelcontextprotocol/server-filesystem/dist/index.js")
FIXTURE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "node/fixture.mjs")
READER, BOT, STRANGER, SERVER_USER = 64001, 64002, 64003, 64010
DEADLINE = 60 * float(os.environ.get("WRIT_TEST_PATIENCE", "1"))


def proof(uid):
    """How an agent proves itself here: a user of its own when we are root; else our own user, accepted as the weak proof it is."""
    if IS_ROOT:
        return f"proves:\n  - unix: {{ uid: {uid}, dedicated: true }}\n"
    return f"proves:\n  - unix: {{ uid: {os.getuid()} }}\naccept_weak_proof: true\n"


def unix_socket(path, kind=socket.SOCK_STREAM, timeout=DEADLINE):
    """Connected to ${path}. With a time-out Python's connect does not block, and a backlog that is full shows as EAGAIN: there will be room."""
    end = time.monotonic() + timeout
    while True:
        s = socket.socket(socket.AF_UNIX, kind)
        s.settimeout(timeout)
        try:
            s.connect(path)
            return s
        except BlockingIOError:
            s.close()
            if time.monotonic() > end:
                raise
            time.sleep(0.01)
        except OSError:
            s.close()
            raise


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = unix_socket(self.path, timeout=self.timeout)


class Refused(Exception):
    def __init__(self, status, body):
        super().__init__(f"{status}: {body}")
        self.status, self.body = status, body


class House:
    def __init__(self, files_root=None):
        self.top = tempfile.mkdtemp(prefix="writ-test-")
        os.chmod(self.top, 0o755)
        self.estate, self.state, self.run = (os.path.join(self.top, n) for n in ("estate", "state", "run"))
        self.docs = files_root or os.path.join(self.top, "docs")
        self.process = None
        for folder in ("agents", "destinations", "tasks", "policies", "pins"):
            os.makedirs(os.path.join(self.estate, folder))
        for folder in ("contracts", "invoices"):
            os.makedirs(os.path.join(self.docs, folder), exist_ok=True)
        os.makedirs(self.state, mode=0o700)
        self.log = os.path.join(self.top, "serve.log")
        self.write_key()
        self.settings()

    def write_key(self):
        path = os.path.join(self.state, "master.key")
        with open(path, "wb") as f:
            f.write(os.urandom(32))
        os.chmod(path, 0o600)

    def put(self, name, text):
        path = os.path.join(self.estate, name)
        with open(path + ".new", "w") as f:
            f.write(text)
        os.rename(path + ".new", path)

    def settings(self, more=""):
        self.put("writ.yaml", f"name: test\nstate_dir: {self.state}\nrun_dir: {self.run}\n"
                 f"master: {{ file: {self.state}/master.key }}\n{more}")
        admin = 0 if IS_ROOT else 65500
        self.put("people.yaml", f"ana: {{ name: Ana, uid: {admin}, admin: true, groups: [finance] }}\n"
                 "ben: { name: Ben, groups: [finance] }\n")

    def agent(self, name, uid, tasks, kind="autonomous", more=""):
        self.put(f"agents/{name}.yaml", f"purpose: Testing as {name}\nowner: ana\nbackup: ben\nkind: {kind}\nenvironment: test\n"
                 f"{proof(uid)}tasks: [{', '.join(tasks)}]\ndefault_task: {tasks[0]}\n{more}")

    def task(self, name, tools, more="", idle="30m"):
        lines = "".join(f"  {k}: {v}\n" for k, v in tools.items())
        self.put(f"tasks/{name}.yaml", f"purpose: The task {name}\nlifetime: 1h\nidle: {idle}\n{more}" + (f"tools:\n{lines}" if lines else "tools: {}\n"))

    def destination(self, name, server, tools, sensitivity="internal", integrity="trusted", more="", repeats=False):
        """``server``: {"command": […]} or {"url": …}. Pinned from the real server the first time the house starts. Tests make the same call again and
        again: unless ``repeats``, or ``more`` says something about limits, nothing is said of that."""
        if not repeats and "limits:" not in more:
            more += "limits: { repeats: 0, repeated_writes: 0 }\n"
        lines = "".join(f"  {k}: {v}\n" for k, v in tools.items())
        inner = "".join(f"  {k}: {json.dumps(v)}\n" for k, v in server.items())
        self.put(f"destinations/{name}.yaml", f"owner: ana\nenvironment: test\nsensitivity: {sensitivity}\nintegrity: {integrity}\n"
                 f"{more}server:\n{inner}" + (f"tools:\n{lines}" if lines else ""))

    def pin(self, name):
        """Ask the real server for its tools; the file that `writ destination pin` writes."""
        subprocess.run([WRIT, "destination", "pin", name, "--yes", "--estate", self.estate], check=True, stdout=subprocess.DEVNULL,
                       timeout=DEADLINE)

    def pin_like(self, name, other):
        """The pin of ${other} for a server that only pretends to be the same: not bound to a command or an address."""
        with open(os.path.join(self.estate, f"pins/{other}.json")) as f:
            pin = json.load(f)
        pin["server"].pop("reached", None)
        self.put_pin(name, pin)

    def put_pin(self, name, pin):
        pin.pop("digest", None)
        canonical = json.dumps(pin, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        self.put(f"pins/{name}.json", json.dumps(pin | {"digest": "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()}))

    def start(self, wait=True, env=None, within=()):
        """``within``: a command that runs the server, such as `unshare …`."""
        self.process = subprocess.Popen([*within, WRIT, "serve", self.estate], stdin=subprocess.DEVNULL, stdout=open(self.log, "ab"),
                                        stderr=subprocess.STDOUT, env={**os.environ, **(env or {})})
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self):
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise AssertionError(f"writ serve ended with {self.process.returncode}:\n{self.said()}")
            try:
                self.api("GET", "/v1/status")
                return
            except OSError:
                time.sleep(0.02)
        raise AssertionError("writ serve did not become ready:\n" + self.said())

    def said(self):
        with open(self.log, errors="replace") as f:
            return f.read()[-8000:]

    def stop(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError("writ serve did not stop:\n" + self.said())
        code, self.process = self.process.returncode if self.process else 0, None
        return code

    def close(self):
        try:
            self.stop()
        finally:
            shutil.rmtree(self.top, ignore_errors=True)

    def api(self, method, path, body=None, sock="admin.sock", timeout=DEADLINE):
        c = UnixConnection(os.path.join(self.run, sock), timeout)
        try:
            c.request(method, path, json.dumps(body) if body is not None else None,
                      {"Content-Type": "application/json"} if body is not None else {})
            r = c.getresponse()
            data = r.read()
            value = json.loads(data) if data else None
            if r.status >= 400:
                raise Refused(r.status, value)
            return value
        finally:
            c.close()

    def records(self, **filters):
        query = "&".join(f"{k}={v}" for k, v in filters.items())
        found, start = [], 0
        while True:
            page = self.api("GET", f"/v1/log?limit=5000&from={start}&{query}", sock="control.sock")
            found += page["records"]
            if len(page["records"]) < 5000:
                return found
            start = page["next"]

    def run_agent(self, command, agent="reader", task=None, uid=READER, confine="none", options=(), **popen):
        """`writ run` with a command: the process, its output in pipes."""
        user = ["--user", str(uid)] if IS_ROOT and uid is not None else []
        popen = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "cwd": "/", "text": True} | popen
        return subprocess.Popen([WRIT, "run", "--estate", self.estate, "--agent", agent, "--task", task or "work", "--confine", confine, *user, *options,
                                 "--", *command], **popen)

    def writs(self):
        return {w["id"]: w for w in self.api("GET", "/v1/writs?ended=1")["writs"]}


class Lines:
    """An agent over agent.sock: `writ mcp` in the user of the agent, speaking lines."""

    def __init__(self, house, destination, uid=READER, args=(), modern=False):
        user = {"user": uid, "group": uid, "extra_groups": []} if IS_ROOT else {}
        named = [destination] if destination else []  # none: all that the task grants
        self.process = subprocess.Popen([WRIT, "mcp", *named, "--run-dir", house.run, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, cwd="/", **user)
        self.modern, self.next = modern, 0
        self.notes = []

    def send(self, message):
        self.process.stdin.write((message if isinstance(message, bytes) else json.dumps(message).encode()) + b"\n")
        self.process.stdin.flush()

    def receive(self):
        line = self.process.stdout.readline()
        if not line:
            raise EOFError(self.process.stderr.read().decode(errors="replace"))
        return json.loads(line)

    def request(self, method, params=None, meta=None):
        self.next += 1
        params = dict(params or {})
        meta = dict(meta or {})
        if self.modern:
            meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {},
                    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"}} | meta
        if meta:
            params["_meta"] = meta
        self.send({"jsonrpc": "2.0", "id": self.next, "method": method, "params": params})
        return self.next

    def ask(self, method, params=None, meta=None):
        wanted = self.request(method, params, meta)
        while True:
            m = self.receive()
            if m.get("id") == wanted and "method" not in m:
                return m
            self.notes.append(m)

    def start(self):
        if self.modern:
            return self.ask("server/discover")
        answer = self.ask("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}})
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return answer

    def call(self, tool, **arguments):
        return self.ask("tools/call", {"name": tool, "arguments": arguments})

    def close(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        try:
            self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()


class Endpoint:
    """A private endpoint without `writ run`: a process that only waits, its writ, and plain HTTP to its address. Close ends the task."""

    def __init__(self, house, agent="reader", task="work", uid=READER, **more):
        user = {"user": uid, "group": uid, "extra_groups": []} if IS_ROOT else {}
        self.process = subprocess.Popen(["sleep", "100000"], cwd="/", **user)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port, self.secret, self.uid = self.listener.getsockname()[1], os.urandom(16).hex(), uid
        self.life = unix_socket(os.path.join(house.run, "run.sock"), socket.SOCK_SEQPACKET)
        self.ids = 0
        message = {"op": "open", "agent": agent, "task": task, "purpose": "a test", "pid": self.process.pid, "secret": self.secret,
                   "port": self.port, "confined": False, "confinement": ""} | more
        socket.send_fds(self.life, [json.dumps(message).encode()], [self.listener.fileno()])
        answer = json.loads(self.life.recv(65536))
        if "writ" not in answer:
            self.close()
            raise Refused(0, answer["error"])
        self.writ = answer["writ"]

    def connect(self):
        """A connection whose other end belongs to the agent's user: the server looks it up."""
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        if IS_ROOT:
            os.setresuid(-1, self.uid, -1)
        try:
            c.connect()
        finally:
            if IS_ROOT:
                os.setresuid(-1, 0, -1)
        return c

    def send(self, method, path, body=None, headers=()):
        """→ connection and response; the body of the response is not read."""
        c = self.connect()
        given = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"} if body is not None else {"Accept": "text/event-stream"}
        c.request(method, f"/{self.secret}/{path}", json.dumps(body) if body is not None else None, given | dict(headers))
        return c, c.getresponse()

    def post(self, destination, method, params=None, era="modern", session=None):
        """→ connection, response. ``session``: of the older era."""
        self.ids += 1
        params = dict(params or {})
        headers = {}
        if era == "modern":
            params["_meta"] = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}} | params.get("_meta", {})
            headers = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method}
            if "name" in params or "uri" in params:
                headers["Mcp-Name"] = params.get("name") or params["uri"]
        elif session:
            headers = {"Mcp-Session-Id": session}
        return self.send("POST", f"mcp/{destination}", {"jsonrpc": "2.0", "id": self.ids, "method": method, "params": params}, headers)

    def call(self, destination, tool, **arguments):
        c, r = self.post(destination, "tools/call", {"name": tool, "arguments": arguments})
        try:
            return json.loads(r.read())
        finally:
            c.close()

    def close(self):
        for s in (self.life, self.listener):
            s.close()
        self.process.kill()
        self.process.wait()


def until(what, why="it did not come"):
    """What ``what`` gives, as soon as that is something."""
    end = time.monotonic() + DEADLINE
    while not (found := what()):
        assert time.monotonic() < end, why
        time.sleep(0.02)
    return found


def fixture_command():
    return {"command": [NODE, script("fixture.mjs")]}


@functools.cache
def stage():
    """The scripts of node/ beside a node_modules that they find, in a folder that every user may read: a module looks for others above itself."""
    folder = tempfile.mkdtemp(prefix="writ-node-")
    atexit.register(shutil.rmtree, folder, True)
    os.chmod(folder, 0o755)
    here = os.path.dirname(os.path.abspath(__file__))
    for name in [os.path.join("node", n) for n in os.listdir(os.path.join(here, "node")) if n.endswith(".mjs")] + ["python_client.py"]:
        shutil.copy(os.path.join(here, name), folder)
    os.symlink(os.path.abspath(MODULES), os.path.join(folder, "node_modules"))
    return folder


def script(name):
    return os.path.join(stage(), name)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


if __name__ == "__main__":
    sys.exit("house.py is used by the tests beside it")
