"""
Hostile input at every face: each gets a clear error, nothing crashes, nothing is lost. Runs with the build under ASan where there is one
($WRIT_ASAN_BIN, build/asan); after each group the server must live, answer a normal call, have a log that verifies and have said nothing
about memory. The tables are in hostile_cases.py, the servers that misbehave in evil.py.
"""
import base64
import http.client
import json
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

import evil
import hostile_cases as cases
import house as house_module
from house import DEADLINE, IS_ROOT, READER, BOT, ROOT, STRANGER, House, proof, unix_socket

ASAN = house_module.for_everyone(os.environ.get("WRIT_ASAN_BIN", os.path.join(ROOT, "build/asan/src/cli/writ")))
EVIL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "evil.py")
ADMIN_UID = 0 if IS_ROOT else os.geteuid()
GROWTH_KB = 160 * 1024  # of resident memory over the whole module; ASan's own bookkeeping is the larger part of it
ROOT_ONLY = pytest.mark.skipif(not IS_ROOT, reason="several user ids need root")


# -------------------------------------------------------------------------------------------------------------------- who connects


class Visitor:
    """A process of another user that opens sockets for us: who connects is what the kernel tells the server."""

    def __init__(self, uid):
        self.ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid = os.fork()
        if self.pid == 0:
            self.ours.close()
            self.serve(theirs, uid)
        theirs.close()

    def serve(self, s, uid):
        try:
            if IS_ROOT:
                os.setgroups([])
                os.setgid(uid)
                os.setuid(uid)
            os.chdir("/")
            while wanted := s.recv(4096):
                wanted = json.loads(wanted)
                try:
                    c = socket.create_connection(wanted["to"], DEADLINE) if isinstance(wanted["to"], list) else unix_socket(wanted["to"], wanted["type"])
                    socket.send_fds(s, [b"ok"], [c.fileno()])
                    c.close()
                except OSError as e:
                    s.send(str(e).encode())
        finally:
            os._exit(0)

    def connect(self, to, kind=socket.SOCK_STREAM, timeout=DEADLINE):
        self.ours.send(json.dumps({"type": kind, "to": to}).encode())
        text, fds, _, _ = socket.recv_fds(self.ours, 4096, 1)
        if not fds:
            raise ConnectionError(text.decode())
        c = socket.socket(fileno=fds[0])
        c.settimeout(timeout)
        return c

    def close(self):
        self.ours.close()
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


# -------------------------------------------------------------------------------------------------------------------- the house


class Place:
    """The house with its endpoint, its bad servers and what must hold after each group."""

    def __init__(self):
        house_module.WRIT = ASAN if os.path.exists(ASAN) else house_module.WRIT
        self.listener, self.seen = evil.serve_http()
        self.http_port = self.listener.getsockname()[1]
        self.house = h = House()
        self.visitors = {uid: Visitor(uid) for uid in (READER, BOT, STRANGER)}
        self.asan = "asan" in subprocess.run(["ldd", house_module.WRIT], capture_output=True, text=True).stdout
        self.env = {"ASAN_OPTIONS": "quarantine_size_mb=16:max_allocation_size_mb=2048:detect_leaks=1", "UBSAN_OPTIONS": "print_stacktrace=1"}
        for name in ("deep",):
            os.makedirs(os.path.join(h.docs, name))
        for name, to in (("out", "/etc"), ("loop", "loop")):
            os.symlink(to, os.path.join(h.docs, name))
        for path in (os.path.join(h.docs, "a.txt"), os.path.join(h.top, "secret.txt")):
            with open(path, "w") as f:
                f.write("text\n")
        self.declare()
        h.start(env=self.env)
        h.pin("good")
        self.confirm()
        h.api("POST", "/v1/reload")
        self.keep = []
        self.endpoint = self.open_endpoint(READER)
        self.rss = self.memory()

    def modes(self):
        lines = ["e-" + m for m, *_ in cases.BAD_ANSWERS + cases.BAD_LINES] + ["e-grandchild", "e-start-silent", "e-error-forged", "e-error-wraps"]
        http = ["h-" + m for m, *_ in cases.BAD_ANSWERS + cases.BAD_HTTP]
        return lines, http

    def declare(self):
        h = self.house
        h.destination("good", {"command": [sys.executable, EVIL, "honest"]}, {})
        h.task("work", {})
        h.task("wide", {})
        h.agent("reader", READER, ["work"])
        if IS_ROOT:
            h.agent("other", BOT, ["wide"])

    def confirm(self):
        """The bad ones look like the good one when they are pinned."""
        h = self.house
        tools = {t["name"]: "{ effect: read }" for t in evil.TOOLS}
        tools["read"] = "{ effect: read, sinks: { path: path } }"
        lines, http = self.modes()
        limits = "limits: { call_timeout: 5s, repeats: 0, repeated_writes: 0 }\n"  # an honest answer comes in far less, also on a slow machine
        h.destination("good", {"command": [sys.executable, EVIL, "honest"]}, tools, more="limits: { concurrency: 1024, repeats: 0, repeated_writes: 0 }\n")
        for name in lines:
            h.destination(name, {"command": [sys.executable, EVIL, name[2:]]}, tools, more=limits)
        for name in http:
            h.destination(name, {"url": f"http://127.0.0.1:{self.http_port}/{name[2:]}"}, tools, more=limits)
        for name in lines + http:
            h.pin_like(name, "good")
        grants = {"good/echo": "{}", "good/count": "{}", "good/list": "{}", "good/read": f"{{ path: {{ under: {h.docs} }} }}"}
        h.task("work", grants | {f"{name}/echo": "{}" for name in lines + http})
        h.task("wide", {"good/echo": "{}"})

    def open_run(self, uid=READER, **more):
        """What `writ run` does: a process, a listening socket, a message. Gives the answer and what has to stay open."""
        user = {"user": uid, "group": uid, "extra_groups": []} if IS_ROOT else {}
        child = subprocess.Popen(["sleep", "1000"], cwd="/", **user)
        listener = socket.create_server(("127.0.0.1", 0))
        s = self.run_socket()
        secret = os.urandom(16).hex()
        message = {"op": "open", "agent": "reader" if uid == READER else "other", "task": "work" if uid == READER else "wide", "pid": child.pid,
                   "secret": secret, "port": listener.getsockname()[1], "confined": True, "confinement": "test"} | more
        socket.send_fds(s, [json.dumps(message).encode()], [listener.fileno()])
        answer = json.loads(s.recv(65536))
        self.keep.append((child, s, listener))
        return answer, s, child, listener, secret

    def run_socket(self):
        return unix_socket(os.path.join(self.house.run, "run.sock"), socket.SOCK_SEQPACKET)

    def open_endpoint(self, uid):
        answer, s, child, listener, secret = self.open_run(uid)
        assert "writ" in answer, answer
        return {"writ": answer["writ"], "port": listener.getsockname()[1], "secret": secret, "child": child, "life": s}

    def memory(self):
        with open(f"/proc/{self.house.process.pid}/status") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))

    def sound(self):
        """Alive, in order, silent about memory."""
        h = self.house
        said = h.said()
        assert h.process.poll() is None, said
        with open(h.log, errors="replace") as f:
            everything = f.read()
        for word in ("AddressSanitizer", "LeakSanitizer", "runtime error"):
            assert word not in everything, everything[everything.index(word) - 200:][:6000]
        assert mcp(self, "tools/call", {"name": "echo", "arguments": {"text": "still here"}})["result"]["content"][0]["text"] == \
            '{"text":"still here"}'
        verify = subprocess.run([house_module.WRIT, "log", "verify", "--estate", h.estate], capture_output=True, text=True, timeout=DEADLINE)
        assert verify.returncode == 0, verify.stdout + verify.stderr

    def close(self):
        for child, s, listener in self.keep:
            s.close()
            listener.close()
            child.kill()
            child.wait()
        for v in self.visitors.values():
            v.close()
        try:
            code = self.house.stop()
            said = self.house.said()
            assert "Sanitizer" not in said and "runtime error" not in said, said
            assert code == 0, said
        finally:
            self.listener.close()
            self.house.close()


@pytest.fixture(scope="module")
def place():
    p = Place()
    yield p
    p.close()


@pytest.fixture(scope="class")
def group(place):
    yield place
    place.sound()


# -------------------------------------------------------------------------------------------------------------------- talking


def read_answers(c, most=1):
    """(status, headers, body) of each answer on a connection, until ${most} or its end."""
    f, found = c.makefile("rb"), []
    try:
        while len(found) < most and (line := f.readline()):
            status, headers = int(line.split()[1]), {}
            while (line := f.readline()) not in (b"\r\n", b""):
                name, _, value = line.decode("latin1").partition(":")
                headers[name.lower()] = value.strip()
            if status == 101:
                return found + [(status, headers, b"")]
            if headers.get("transfer-encoding") == "chunked":
                body = b""
                while n := int(f.readline() or b"0", 16):
                    body += f.read(n)
                    f.readline()
                f.readline()
            else:
                body = f.read(int(headers.get("content-length", 0)))
            found.append((status, headers, body))
    except ConnectionResetError:
        pass
    return found


def send_raw(c, data, most=1, end=False):
    """Send what may be refused in the middle, and read what comes."""
    try:
        c.sendall(data)
        if end:
            c.shutdown(socket.SHUT_WR)
    except (BrokenPipeError, ConnectionResetError):
        pass
    try:
        return read_answers(c, most)
    finally:
        c.close()


def face(place, name):
    """A connection to a face, and a target that it answers."""
    e = place.endpoint
    if name == "endpoint":
        return place.visitors[READER].connect(("127.0.0.1", e["port"])), f"/{e['secret']}/writ"
    if name == "agent.sock":
        return place.visitors[READER].connect(os.path.join(place.house.run, name)), "/v1/mcp/good"
    return unix_socket(os.path.join(place.house.run, name)), "/v1/status"


def is_problem(answer):
    status, headers, body = answer
    assert headers.get("content-type") == "application/problem+json", (headers, body)
    p = json.loads(body)
    assert p["status"] == status and p["code"] and p["detail"], p
    return p


def post_mcp(place, body, headers=None, e=None, path=None, uid=READER, host="127.0.0.1", drop=()):
    """One POST to the endpoint with any bytes and headers: (status, headers, body)."""
    e = e or place.endpoint
    path = path or f"/{e['secret']}/mcp/good"
    lines = {"Host": host, "Content-Type": "application/json", "Accept": "application/json, text/event-stream",
             "Content-Length": str(len(body))} | (headers or {})
    text = f"POST {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines.items() if k not in drop) + "\r\n"
    return send_raw(place.visitors[uid].connect(("127.0.0.1", e["port"])), text.encode("latin1") + body)[0]


def modern(method, name=None, **more):
    return {"MCP-Protocol-Version": cases.VERSION, "Mcp-Method": method} | ({"Mcp-Name": name} if name else {}) | more


def modern_params(params=b"{}"):
    """The params with the _meta that this revision wants in front of them."""
    meta = b'"_meta":' + json.dumps(cases.META).encode()
    return b"{" + meta + (b"," if params.strip() != b"{}" else b"") + params.strip()[1:]


def answer_of(answer):
    status, headers, body = answer
    if headers.get("content-type", "").startswith("text/event-stream"):
        body = [line[6:] for line in body.split(b"\n") if line.startswith(b"data: ")][-1]
    m = json.loads(body)
    assert m["jsonrpc"] == "2.0"
    return m


def mcp(place, method, params, i=7, e=None, uid=READER):
    body = cases.rpc(modern_params(json.dumps(params).encode()), str(i).encode(), json.dumps(method).encode())
    return answer_of(post_mcp(place, body, modern(method, params.get("name")), e=e, uid=uid))


class Talk:
    """A session in lines over agent.sock."""

    def __init__(self, place, destination="good", uid=READER, headers=None, timeout=DEADLINE):
        self.c = place.visitors[uid].connect(os.path.join(place.house.run, "agent.sock"), timeout=timeout)
        more = "".join(f"{k}: {v}\r\n" for k, v in (headers or {}).items())
        self.c.sendall(f"GET /v1/mcp/{destination} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: mcp-lines\r\n{more}\r\n".encode())
        self.f = self.c.makefile("rb")
        head = self.f.readline()
        while self.f.readline() not in (b"\r\n", b""):
            pass
        assert b" 101 " in head, head
        self.i = 0

    def send(self, line):
        self.c.sendall(line + b"\n")

    def receive(self):
        line = self.f.readline()
        assert line.endswith(b"\n"), line
        m = json.loads(line)
        assert m["jsonrpc"] == "2.0"
        return m

    def answer(self, i):
        while True:
            m = self.receive()
            if m.get("id") == i and "method" not in m:
                return m

    def call(self, name="echo", raw=None, **arguments):
        self.i += 1
        params = raw or json.dumps({"name": name, "arguments": arguments}).encode()
        self.send(cases.rpc(modern_params(params), str(self.i).encode()))
        return self.answer(self.i)

    def close(self):
        self.f.close()
        self.c.close()


def names(table):
    return [row[0] for row in table]


# -------------------------------------------------------------------------------------------------------------------- HTTP


@pytest.mark.usefixtures("group")
class TestHttp:
    @pytest.mark.parametrize("on", ["endpoint", "agent.sock", "admin.sock", "control.sock"])
    @pytest.mark.parametrize("name,data,status", cases.HEADS, ids=names(cases.HEADS))
    def test_head(self, place, on, name, data, status):
        c, target = face(place, on)
        found = send_raw(c, data.replace(b"%T", target.encode()).replace(b"localhost", b"127.0.0.1"), most=3, end=status == 0)
        if status == 0:
            assert found == []
            return
        assert [a[0] for a in found] == [status], found
        assert is_problem(found[0])["code"] in ("http", "limit", "usage")

    @pytest.mark.parametrize("name,headers,data,status", cases.BODIES, ids=names(cases.BODIES))
    def test_body(self, place, name, headers, data, status):
        c, _ = face(place, "endpoint")
        target = f"/{place.endpoint['secret']}/mcp/good".encode()
        first = [b"POST " + target + b" HTTP/1.1", b"Host: 127.0.0.1", b"Connection: close"]
        if not any(h.startswith(b"Content-Type") for h in headers):
            first.append(b"Content-Type: application/json")
        found = send_raw(c, b"\r\n".join(first + headers) + b"\r\n\r\n" + data, most=3)
        assert [a[0] for a in found] == [status], found

    def test_nothing_is_smuggled(self, place):
        """A second request in the body of the first is body."""
        inner = cases.get(target=b"/smuggled")
        c, target = face(place, "admin.sock")
        data = cases.post(b"Content-Length: %d" % len(inner), body=inner).replace(b"%T", target.encode()) + cases.get().replace(b"%T", target.encode())
        found = send_raw(c, data, most=3, end=True)
        assert [a[0] for a in found] in ([404, 200], [404]), found
        assert b"smuggled" not in b"".join(a[2] for a in found)

    def test_pipelined_thousand(self, place):
        c, target = face(place, "admin.sock")
        threading.Thread(target=lambda: c.sendall(cases.get().replace(b"%T", target.encode()) * 1000), daemon=True).start()
        found = read_answers(c, 1000)
        c.close()
        assert [a[0] for a in found] == [200] * 1000

    def test_byte_by_byte(self, place):
        c, target = face(place, "admin.sock")
        for b in cases.get().replace(b"%T", target.encode()):
            c.sendall(bytes([b]))
        assert read_answers(c)[0][0] == 200
        c.close()


@pytest.mark.usefixtures("group")
class TestSlow:
    """The stated limits: a head 10 s, a body 20 s between bytes, a reader 20 s. All at once, beside a peer that is served all the while."""

    def test_slow_peers(self, place):
        found = queue.Queue()
        target = f"/{place.endpoint['secret']}/mcp/good".encode()

        def heads(c, target):
            try:
                for b in cases.get().replace(b"%T", target.encode()) * 20:
                    c.sendall(bytes([b]))
                    time.sleep(0.5)
            except OSError:
                pass
            found.put(("head", [a[0] for a in read_answers(c)]))

        def body(c):
            c.sendall(b"POST " + target + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
            found.put(("body", [a[0] for a in read_answers(c)]))

        def silent(c):
            found.put(("silent", [a[0] for a in read_answers(c)]))

        workers = [threading.Thread(target=heads, args=face(place, on), daemon=True) for on in ("endpoint", "agent.sock", "admin.sock", "control.sock")]
        workers += [threading.Thread(target=body, args=(face(place, "endpoint")[0],), daemon=True) for _ in range(3)]
        workers += [threading.Thread(target=silent, args=(face(place, on)[0],), daemon=True) for on in ("endpoint", "admin.sock")]
        for w in workers:
            w.start()
        while any(w.is_alive() for w in workers):
            assert mcp(place, "tools/call", {"name": "echo", "arguments": {"text": "x"}})["result"]
            place.house.api("GET", "/v1/status", sock="control.sock")
            time.sleep(0.5)
        ends = sorted(found.get() for _ in workers)
        assert ends == [("body", [408])] * 3 + [("head", [408])] * 4 + [("silent", [])] * 2

    def test_a_reader_that_takes_nothing(self, place):
        """Its answers wait within the bound; the others are served."""
        c, target = face(place, "admin.sock")
        c.setblocking(False)
        data = cases.get().replace(b"%T", target.encode()) * 200
        for _ in range(200):
            try:
                c.send(data)
            except BlockingIOError:
                break
        assert place.house.api("GET", "/v1/status")["version"]
        assert mcp(place, "tools/call", {"name": "echo", "arguments": {"text": "x"}})["result"]
        c.close()


# -------------------------------------------------------------------------------------------------------------------- MCP


@pytest.mark.usefixtures("group")
class TestMessages:
    @pytest.mark.parametrize("name,body,code,text", cases.MESSAGES, ids=names(cases.MESSAGES))
    def test_http(self, place, name, body, code, text):
        status, headers, data = post_mcp(place, body, modern("tools/call", "echo"))
        m = json.loads(data)
        assert status in (400, 413) and m["error"]["code"] == code and text in m["error"]["message"] and m["error"]["message"], (status, m)
        assert "result" not in m and m["id"] is None

    @pytest.mark.parametrize("name,body,code,text", cases.MESSAGES, ids=names(cases.MESSAGES))
    def test_lines(self, place, lines, name, body, code, text):
        lines.send(body.replace(b"\n", b" "))
        m = lines.receive()
        assert m["error"]["code"] == code and text in m["error"]["message"], m
        assert "result" in lines.call(text="next")

    @pytest.fixture(scope="class")
    def lines(self, place):
        t = Talk(place)
        yield t
        t.close()


def check_call(m, wanted):
    kind, *rest = wanted
    if kind == "any":
        assert "result" in m or m["error"]["message"], m
    elif kind == "ok":
        assert not m.get("result", {}).get("isError") and json.loads(m["result"]["content"][0]["text"]) == rest[0], m
    elif kind == "tool":
        assert m["result"]["isError"] is True and rest[0] in m["result"]["content"][0]["text"] and m["result"]["content"][0]["text"], m
    else:
        assert m["error"]["code"] == rest[0] and rest[1] in m["error"]["message"], m


@pytest.mark.usefixtures("group")
class TestCalls:
    @pytest.fixture(scope="class")
    def lines(self, place):
        t = Talk(place)
        yield t
        t.close()

    @pytest.mark.parametrize("name,params,wanted", cases.CALLS, ids=names(cases.CALLS))
    def test_call(self, lines, name, params, wanted):
        check_call(lines.call(raw=params), wanted)

    @pytest.mark.parametrize("name,path,granted", cases.PATHS, ids=names(cases.PATHS))
    def test_path(self, place, lines, name, path, granted):
        m = lines.call("read", path=path.replace("%D", place.house.docs))
        refused = "error" in m or m["result"].get("isError") is True
        if granted is None:  # either answer is right; what counts is that the bytes that go on are the bytes that were checked
            granted = not refused
        assert refused != granted, m
        if not refused:
            assert json.loads(m["result"]["content"][0]["text"]) == {"path": path.replace("%D", place.house.docs)}
        else:
            assert "root:" not in json.dumps(m)

    def test_a_hard_link_is_not_seen(self, place, lines):
        """Known and stated: a path cannot show a hard link; the server's user must not be able to make one."""
        link = os.path.join(place.house.docs, "hard.txt")
        os.link(os.path.join(place.house.top, "secret.txt"), link)
        assert "result" in lines.call("read", path=link)

    def test_a_link_put_there_later(self, place, lines):
        path = os.path.join(place.house.docs, "late")
        assert not lines.call("read", path=path)["result"].get("isError")
        os.symlink("/etc/passwd", path)
        m = lines.call("read", path=path)
        assert "error" in m or m["result"]["isError"]

    @pytest.mark.parametrize("method", ["nothing", "tools/Call", "rpc.discover", "initialize ", "notifications/initialized", "ping"])
    def test_unknown_method(self, lines, method):
        lines.i += 1
        lines.send(cases.rpc(modern_params(), str(lines.i).encode(), json.dumps(method).encode()))
        assert lines.answer(lines.i)["error"]["code"] == cases.METHOD

    def test_same_id_twice(self, place):
        t = Talk(place, "e-never")
        t.send(cases.rpc(modern_params(b'{"name":"echo","arguments":{"text":"x"}}')) * 1)
        t.send(cases.rpc(modern_params(b'{"name":"echo","arguments":{"text":"y"}}')))
        assert "id" in t.answer(1)["error"]["message"]
        t.close()

    def test_300_at_once(self, place):
        """More requests than may be under way: each is answered, most with "wait"."""
        t = Talk(place, "e-never")
        one = lambda i: cases.rpc(modern_params(b'{"name":"echo","arguments":{"text":"x"}}'), str(i).encode())
        t.send(b"\n".join(map(one, range(1, 301))))
        found = [t.receive() for _ in range(300)]
        assert sorted(m["id"] for m in found) == list(range(1, 301))
        assert all(m["error"]["data"]["code"] in ("limit", "busy", "timeout", "upstream") for m in found)
        assert any(m["error"]["data"]["code"] in ("limit", "busy") for m in found)
        t.close()


CALL = cases.rpc(modern_params(b'{"name":"echo","arguments":{"text":"x"}}'))
HEADERS = [  # headers of a modern call, code, fragment
    ("no version", {"Mcp-Method": "tools/call", "Mcp-Name": "echo"}, -32020, "Version"),
    ("other version", modern("tools/call", "echo") | {"MCP-Protocol-Version": "2025-11-25"}, -32020, "Version"),
    ("version twice", {"MCP-Protocol-Version": cases.VERSION, "mcp-protocol-version": cases.VERSION} | {"Mcp-Method": "tools/call", "Mcp-Name": "echo"},
     -32020, "twice"),
    ("no method", {"MCP-Protocol-Version": cases.VERSION, "Mcp-Name": "echo"}, -32020, "Mcp-Method"),
    ("other method", modern("tools/list", "echo"), -32020, "Mcp-Method"),
    ("method in upper case", modern("Tools/Call", "echo"), -32020, "Mcp-Method"),
    ("method twice", modern("tools/call", "echo") | {"mcp-method": "tools/list"}, -32020, "twice"),
    ("no name", modern("tools/call"), -32020, "Mcp-Name"),
    ("other name", modern("tools/call", "hidden"), -32020, "Mcp-Name"),
    ("name in upper case", modern("tools/call", "Echo"), -32020, "Mcp-Name"),
    ("name twice", modern("tools/call", "echo") | {"mcp-name": "hidden"}, -32020, "twice"),
    ("name in base64 of another", modern("tools/call", "=?base64?" + base64.b64encode(b"hidden").decode() + "?="), -32020, "Mcp-Name"),
    ("name in bad base64", modern("tools/call", "=?base64?ZWNob?="), -32020, "Mcp-Name"),
    ("name in open base64", modern("tools/call", "=?base64?ZWNobw=="), -32020, "Mcp-Name"),
    ("name of 3 KB in base64", modern("tools/call", "=?base64?" + "QUJD" * 1000 + "?="), -32020, "Mcp-Name"),
    ("parameter that the body does not say", modern("tools/call", "echo") | {"Mcp-Param-Text": "other"}, -32020, "Mcp-Param"),
]


@pytest.mark.usefixtures("group")
class TestMcpHttp:
    @pytest.mark.parametrize("name,headers,code,text", HEADERS, ids=names(HEADERS))
    def test_header_against_body(self, place, name, headers, code, text):
        status, _, data = post_mcp(place, CALL, headers)
        m = json.loads(data)
        assert status == 400 and m["error"]["code"] == code and text in m["error"]["message"], (status, m)

    def test_base64_name(self, place):
        m = answer_of(post_mcp(place, CALL, modern("tools/call", "=?base64?ZWNobw==?=")))
        assert not m["result"].get("isError")

    @pytest.mark.parametrize("said", ["2099-01-01", "x" * 3000, "1"])
    def test_unknown_version(self, place, said):
        body = CALL.replace(cases.VERSION.encode(), said.encode())
        status, _, data = post_mcp(place, body, modern("tools/call", "echo") | {"MCP-Protocol-Version": said})
        m = json.loads(data)
        assert status == 400 and m["error"]["code"] == -32022 and cases.VERSION in m["error"]["data"]["supported"], (status, m)

    @pytest.mark.parametrize("meta", [b"{}", b"5", b'"x"', b"[]", b'{"io.modelcontextprotocol/protocolVersion":5}',
                                      b'{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}'])
    def test_missing_meta(self, place, meta):
        body = cases.rpc(b'{"name":"echo","arguments":{"text":"x"},"_meta":' + meta + b"}")
        status, _, data = post_mcp(place, body, modern("tools/call", "echo"))
        assert status == 400 and json.loads(data)["error"]["code"] == cases.PARAMS

    @pytest.mark.parametrize("host", ["evil.test", "127.0.0.1.evil.test", "localhost.evil.test", "localhost@evil.test".replace("@", "-"), "0.0.0.0", "127.0.0.2",
                                      "[::2]", "127.1", "2130706433"])
    def test_rebinding_host(self, place, host):
        assert is_problem(post_mcp(place, CALL, modern("tools/call", "echo"), host=host))["status"] == 403

    @pytest.mark.parametrize("origin", ["https://evil.test", "http://127.0.0.1.evil.test", "null", "http://localhost.evil.test", "http://evil.test?localhost",
                                        "localhost", "file://", "http://localhost@evil.test"])
    def test_rebinding_origin(self, place, origin):
        assert is_problem(post_mcp(place, CALL, modern("tools/call", "echo", Origin=origin)))["status"] == 403

    @pytest.mark.parametrize("change", [lambda s: s[:-1], lambda s: s + "0", lambda s: s.upper() if s.upper() != s else s[::-1], lambda s: "0" * len(s),
                                        lambda s: "", lambda s: s + "%20", lambda s: "%" + f"{ord(s[0]):x}" + s[1:], lambda s: s + "/..", lambda s: "./" + s],
                             ids=["shorter", "longer", "upper", "zeros", "none", "space", "encoded", "dots", "dot"])
    def test_wrong_secret(self, place, change):
        path = "/" + change(place.endpoint["secret"]) + "/mcp/good"
        answer = post_mcp(place, CALL, modern("tools/call", "echo"), path=path)
        assert is_problem(answer)["status"] == 404 and place.endpoint["secret"][4:].encode() not in answer[2]

    def test_more_destinations_than_one_address_takes(self, place):
        """This estate grants more than 32 at once; each still has its own address."""
        for path in ("/mcp", "/mcp/"):
            answer = post_mcp(place, CALL, modern("tools/call", "echo"), path="/" + place.endpoint["secret"] + path)
            assert is_problem(answer)["status"] == 413 and b"by its own address" in answer[2]

    @pytest.mark.parametrize("rest", ["mcp/nowhere", "mcp//", "mcpx", "mcp/good/", "mcp/../good", "mcp/GOOD", "mcp/g%6fod", "mcp/" + "g" * 100, "writ", "Writ", ""])
    def test_no_such_place(self, place, rest):
        answer = post_mcp(place, CALL, modern("tools/call", "echo"), path=f"/{place.endpoint['secret']}/{rest}")
        assert is_problem(answer)["status"] == 404

    @ROOT_ONLY
    @pytest.mark.parametrize("uid", [STRANGER, BOT])
    def test_foreign_user(self, place, uid):
        answer = post_mcp(place, CALL, modern("tools/call", "echo"), uid=uid)
        assert is_problem(answer)["code"] == "proof" and answer[0] == 401

    @ROOT_ONLY
    def test_root_is_foreign_too(self, place):
        c = socket.create_connection(("127.0.0.1", place.endpoint["port"]))
        c.settimeout(DEADLINE)
        found = send_raw(c, cases.get(target=f"/{place.endpoint['secret']}/writ".encode(), host=b"Host: 127.0.0.1"))
        assert found[0][0] == 401

    @pytest.mark.parametrize("method,status", [("PUT", 405), ("PATCH", 405), ("HEAD", 405), ("OPTIONS", 405), ("TRACE", 405), ("post", 405), ("GET", 405),
                                               ("DELETE", 404)])
    def test_other_methods(self, place, method, status):
        c, _ = face(place, "endpoint")
        c.sendall(f"{method} /{place.endpoint['secret']}/mcp/good HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        assert c.makefile("rb").readline().split()[1] == str(status).encode()
        c.close()

    def legacy(self, place, e=None, uid=READER):
        body = cases.rpc(b'{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}', method=b'"initialize"')
        status, headers, data = post_mcp(place, body, e=e, uid=uid)
        assert status == 200 and json.loads(data)["result"], data
        return headers["mcp-session-id"]

    def test_sessions_of_others(self, place):
        s = self.legacy(place)
        body = cases.rpc()
        assert json.loads(post_mcp(place, body, {"Mcp-Session-Id": s})[2])["result"]
        for wrong in (s[:-1], s + "a", s.upper(), "", "x", s[::-1], "a" * 2000):
            status, _, data = post_mcp(place, body, {"Mcp-Session-Id": wrong})
            assert status == (404 if wrong else 400) and json.loads(data)["error"]["code"] == cases.INVALID
        assert post_mcp(place, body)[0] == 400  # none at all
        assert post_mcp(place, body, {"Mcp-Session-Id": s}, path=f"/{place.endpoint['secret']}/mcp/e-honest")[0] == 404  # of another destination
        other = place.open_endpoint(READER)  # of another endpoint
        assert post_mcp(place, body, {"Mcp-Session-Id": s}, e=other)[0] == 404
        assert post_mcp(place, body, {"Mcp-Session-Id": s, "MCP-Protocol-Version": "1999-01-01"})[0] == 400

    def test_streams(self, place):
        """GET: only with a session of its own, once; DELETE ends it, once."""
        s = self.legacy(place)

        def ask(method, session):
            c, _ = face(place, "endpoint")
            c.sendall(f"{method} /{place.endpoint['secret']}/mcp/good HTTP/1.1\r\nHost: 127.0.0.1\r\nMcp-Session-Id: {session}\r\n\r\n".encode())
            return c, int(c.makefile("rb").readline().split()[1])

        first, status = ask("GET", s)
        assert status == 200
        assert ask("GET", s)[1] == 409
        assert ask("GET", s + "x")[1] == 405
        assert ask("DELETE", s + "x")[1] == 404
        assert ask("DELETE", s)[1] == 204
        assert ask("DELETE", s)[1] == 404
        assert ask("GET", s)[1] == 405
        first.close()

    def test_sessions_are_bounded(self, place):
        """One agent cannot take every session (and start a server with each): past a bound the oldest one is over."""
        e, found = place.open_endpoint(READER), []
        body = cases.rpc(b'{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}', method=b'"initialize"')
        c = place.visitors[READER].connect(("127.0.0.1", e["port"]))
        for _ in range(80):
            path = f"/{e['secret']}/mcp/h-honest"
            c.sendall(f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            found.append(read_answers(c)[0])
        c.close()
        assert [a[0] for a in found] == [200] * 80
        there = [post_mcp(place, cases.rpc(), {"Mcp-Session-Id": a[1]["mcp-session-id"]}, e=e, path=path)[0] for a in found]
        assert there[0] == 404 and there[-1] == 200 and there.count(200) <= 64
        e["life"].close()

    def test_an_answer_nobody_asked_for(self, place):
        s = self.legacy(place)
        for body in (b'{"jsonrpc":"2.0","id":1,"result":{}}', b'{"jsonrpc":"2.0","id":"x","error":{"code":1,"message":"m"}}',
                     b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":77}}',
                     b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{}}', b'{"jsonrpc":"2.0","method":"notifications/x"}'):
            assert post_mcp(place, body, {"Mcp-Session-Id": s})[0] == 202

    def test_ended_writ(self, place):
        e = place.open_endpoint(READER)
        assert mcp(place, "tools/call", {"name": "echo", "arguments": {"text": "x"}}, e=e)["result"]
        assert post_mcp(place, b"", path=f"/{e['secret']}/complete", e=e)[0] == 200
        m = mcp(place, "tools/call", {"name": "echo", "arguments": {"text": "x"}}, e=e)
        assert m["error"]["code"] == 4031 and m["error"]["data"]["code"] == "writ_ended"
        e["life"].close()


@pytest.mark.usefixtures("group")
class TestLines:
    def test_overlong_line(self, place):
        t = Talk(place)
        t.c.sendall(b"x" * (5 << 20) + b"\n")
        assert "4 MiB" in t.receive()["error"]["message"]
        end = time.monotonic() + DEADLINE
        while "a message of more than 4 MiB" not in [r["leaf"]["why"] for r in place.house.records(kind="refusal")]:
            assert time.monotonic() < end, "it is not on record"
        assert "result" in t.call(text="next")
        t.close()

    def test_endless_line(self, place):
        """It never ends: nothing is kept of it past the bound, and the writ ends with the connection."""
        t = Talk(place)
        before = place.memory()
        for _ in range(64):
            t.c.sendall(b"x" * (1 << 20))
        assert place.memory() - before < 48 * 1024
        t.close()

    def test_carriage_returns(self, place):
        t = Talk(place)
        t.send(cases.rpc(modern_params(b'{"name":"echo","arguments":{"text":"a"}}')) + b"\r")
        assert t.answer(1)["result"]
        t.send(cases.rpc(modern_params(b'{"name":"echo",\r"arguments":{"text":"a"}}'), b"2"))
        assert t.answer(2)["result"]
        t.send(b"\r\n\r\n\n\n")
        assert t.call(text="b")
        t.close()

    def test_binary(self, place):
        t = Talk(place)
        t.send(bytes(x for x in range(256) if x != 10))
        assert t.receive()["error"]["code"] == cases.PARSE
        t.close()

    def test_half_close(self, place):
        """Its sending side closed: the session ends, the writ is completed, no answer is owed."""
        t = Talk(place)
        assert t.call(text="a")["result"]
        t.c.shutdown(socket.SHUT_WR)
        assert t.f.read() == b""
        t.close()

    def test_cut_in_the_middle(self, place):
        before = place.house.api("GET", "/v1/status")["active_writs"]
        for _ in range(10):
            t = Talk(place)
            t.c.sendall(CALL[:50])
            t.close()
        end = time.monotonic() + DEADLINE
        while place.house.api("GET", "/v1/status")["active_writs"] > before and time.monotonic() < end:
            time.sleep(0.05)
        assert place.house.api("GET", "/v1/status")["active_writs"] == before

    def test_interleaved(self, place):
        """200 requests in one write, answered each once."""
        t = Talk(place)
        t.c.sendall(b"".join(cases.rpc(modern_params(b'{"name":"echo","arguments":{"text":"%d"}}' % i), b'"r%d"' % i) + b"\n" for i in range(200)))
        found = {}
        while len(found) < 200:
            m = t.receive()
            assert m["id"] not in found
            found[m["id"]] = m
        assert all(json.loads(found[f"r{i}"]["result"]["content"][0]["text"]) == {"text": str(i)} for i in range(200))
        t.close()

    @pytest.mark.parametrize("meta,code", [(b'{"io.modelcontextprotocol/protocolVersion":5}', -32022),
                                           (b'{"io.modelcontextprotocol/protocolVersion":"' + b"v" * 5000 + b'"}', -32022),
                                           (b'{"io.modelcontextprotocol/protocolVersion":' + b'{"a":' * 50 + b"1" + b"}" * 51, -32022)])
    def test_version(self, place, meta, code):
        t = Talk(place)
        t.send(cases.rpc(b'{"name":"echo","arguments":{"text":"x"},"_meta":' + meta + b"}"))
        assert t.receive()["error"]["code"] == code
        t.close()

    def test_a_reader_that_takes_nothing(self, place):
        """It asks and asks and reads no answer: it is cut at the bound, the others are served."""
        t = Talk(place)
        t.c.settimeout(5)
        line = cases.rpc(modern_params(b'{"name":"echo","arguments":{"text":"' + b"x" * 100000 + b'"}}'), b'"%d"')
        try:
            for i in range(600):
                t.c.sendall(line.replace(b"%d", b"%d" % i) + b"\n")
        except (OSError, TimeoutError):
            pass
        assert mcp(place, "tools/call", {"name": "echo", "arguments": {"text": "x"}})["result"]
        t.close()


# -------------------------------------------------------------------------------------------------------------------- bad servers


def failures(place, destination):
    """What is on record of a server that failed or may not be used: outcomes, refusals of it, decisions against its tools."""
    return [r["leaf"] for r in place.house.records(destination=destination)
            if r["leaf"]["kind"] == "refusal" or r["leaf"].get("status", "ok") != "ok" or r["leaf"].get("decision") == "deny"]


def check_bad(place, destination, kind, text):
    before = len(failures(place, destination))
    t = Talk(place, destination)
    try:
        t.i = 0
        t.send(cases.rpc(modern_params(b'{"name":"echo","arguments":{"text":"hello"}}'), b"1"))
        # While it misbehaves, another session is served.
        assert mcp(place, "tools/call", {"name": "echo", "arguments": {"text": "x"}})["result"]
        m = t.answer(1)
        if kind == "ok":
            assert "result" in m and not m["result"].get("isError") and text in m["result"]["content"][0]["text"], m
        elif kind == "error":
            assert "error" in m and m["error"]["message"] and text in m["error"]["message"], m
            end = time.monotonic() + DEADLINE
            while len(failures(place, destination)) <= before:
                assert time.monotonic() < end, "it is not on record: " + json.dumps(m)
                time.sleep(0.02)
        return m
    finally:
        t.close()


@pytest.mark.usefixtures("group")
class TestBadServers:
    @pytest.mark.parametrize("mode,kind,text", cases.BAD_ANSWERS + cases.BAD_LINES, ids=names(cases.BAD_ANSWERS + cases.BAD_LINES))
    def test_lines(self, place, mode, kind, text):
        check_bad(place, "e-" + mode, kind, text)

    @pytest.mark.parametrize("mode,kind,text", cases.BAD_ANSWERS + cases.BAD_HTTP, ids=names(cases.BAD_ANSWERS + cases.BAD_HTTP))
    def test_http(self, place, mode, kind, text):
        check_bad(place, "h-" + mode, kind, text)
        if mode == "start-version-header":
            assert not any("x-forged" in headers for _, _, headers in place.seen)

    @pytest.mark.parametrize("mode", ["exit-mid", "garbage", "huge", "never"])
    def test_the_next_call_works(self, place, mode):
        """What failed was that call: the same session goes on with a new server (until three in a row failed)."""
        place.house.api("POST", "/v1/reload")
        t = Talk(place, "e-" + mode)
        for _ in range(2):
            assert "error" in t.call(text="x")
        assert t.call("hidden", text="x")["error"]["code"] == 4030
        t.close()

    @pytest.mark.parametrize("mode", ["start-changed", "start-invisible", "start-thousands", "start-twice"])
    def test_what_is_listed(self, place, mode):
        """Only what is granted, and only as it was pinned."""
        t = Talk(place, "e-" + mode)
        t.send(cases.rpc(modern_params(), b"1", b'"tools/list"'))
        listed = t.answer(1)["result"]["tools"]
        assert [x["name"] for x in listed] == (["echo"] if mode == "start-thousands" else [])
        assert all(x == evil.TOOLS[0] for x in listed)
        t.close()

    def test_the_agent_is_not_asked(self, place):
        """A server's requests reach a client of this revision never, and are refused in its name."""
        t = Talk(place, "e-asks-flood")
        t.send(cases.rpc(modern_params(b'{"name":"echo","arguments":{"text":"hello"}}'), b"1"))
        while "id" not in (m := t.receive()):
            assert "method" not in m or m["method"].startswith("notifications/")
        assert m["id"] == 1 and "result" in m
        t.close()

    @pytest.mark.parametrize("mode", ["error-forged", "error-wraps"])
    def test_a_server_does_not_speak_as_writ(self, place, mode):
        """Writ's own refusals have codes of their own; a server cannot use them."""
        assert check_bad(place, "e-" + mode, "error", "")["error"]["code"] == -32603

    def test_a_grandchild_holds_the_output(self, place):
        """It left the process group and lives: the call ends, the session goes on; the server stops all the same (see Place.close)."""
        t, note = Talk(place, "e-grandchild"), os.path.join(place.house.top, "grandchild.pid")
        assert "error" in t.call(text=note)
        assert mcp(place, "tools/call", {"name": "echo", "arguments": {"text": "x"}})["result"]
        t.close()
        end = time.monotonic() + DEADLINE
        while not (os.path.exists(note) and os.path.getsize(note)) and time.monotonic() < end:
            time.sleep(0.02)
        with open(note) as f:
            os.kill(int(f.read()), signal.SIGKILL)

    def test_stubborn_servers_die_with_their_session(self, place):
        t = Talk(place, "e-stubborn")
        assert t.call(text="x")["result"]
        mine = children(place.house.process.pid, "stubborn")
        assert mine
        t.close()
        end = time.monotonic() + DEADLINE
        while any(os.path.exists(f"/proc/{p}") for p in mine) and time.monotonic() < end:
            time.sleep(0.05)
        assert not any(os.path.exists(f"/proc/{p}") for p in mine)


def children(parent, word):
    found = []
    for p in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{p}/stat") as f:
                ppid = int(f.read().rsplit(")", 1)[1].split()[1])
            with open(f"/proc/{p}/cmdline", "rb") as f:
                if ppid == parent and word.encode() in f.read():
                    found.append(int(p))
        except OSError:
            continue
    return found


# -------------------------------------------------------------------------------------------------------------------- run.sock


def run_error(place, message, fds=(), raw=None):
    s = place.run_socket()
    data = raw if raw is not None else json.dumps(message).encode()
    if fds:
        socket.send_fds(s, [data], fds)
    else:
        s.send(data)
    answer = s.recv(65536)
    assert s.recv(65536) == b""  # and it is closed
    s.close()
    return json.loads(answer)["error"]


@pytest.mark.usefixtures("group")
class TestRun:
    @pytest.fixture(scope="class")
    def parts(self, place):
        user = {"user": READER, "group": READER, "extra_groups": []} if IS_ROOT else {}
        child = subprocess.Popen(["sleep", "1000"], cwd="/", **user)
        listener = socket.create_server(("127.0.0.1", 0))
        good = {"op": "open", "agent": "reader", "task": "work", "pid": child.pid, "secret": "ab" * 16, "confined": False}
        yield good, listener, child
        child.kill()
        child.wait()
        listener.close()

    @pytest.mark.parametrize("raw", [b"x", b"{", b"[]", b"5", b"{}", b'{"op":"x"}', b'{"op":5}', b'{"op":"done"}', b'{"op":"open","op":"open"}', b"\xff" * 100,
                                     b"\x00", b"[" * 10000, b'{"op":"' + b"o" * 16000 + b'"}'])
    def test_noise(self, place, raw):
        e = run_error(place, None, raw=raw)
        assert e["code"] in ("json", "usage", "limit") and e["detail"]

    def test_oversized(self, place):
        assert run_error(place, None, raw=b'{"op":"open","x":"' + b"x" * 20000 + b'"}')["code"] == "limit"

    @pytest.mark.parametrize("change,code,text", [
        ({"pid": 0}, "usage", "pid"), ({"pid": 1}, "usage", "pid"), ({"pid": -5}, "usage", "pid"), ({"pid": 2 ** 40}, "usage", "pid"),
        ({"pid": "5"}, "usage", "pid"), ({"pid": 5.5}, "usage", "pid"), ({"pid": None}, "usage", "pid"), ({"pid": 4194303}, "proof", ""),
        ({"secret": "ab" * 15}, "usage", "secret"), ({"secret": "AB" * 16}, "usage", "hexadecimal"), ({"secret": "ab" * 60}, "usage", "secret"),
        ({"secret": "a/" * 16}, "usage", "hexadecimal"), ({"secret": "ab" * 15 + "a\0"}, "usage", "hexadecimal"), ({"secret": 5}, "usage", "secret"),
        ({"agent": "nobody"}, None, ""), ({"agent": "reader\0x"}, None, ""), ({"agent": "reader" + "x" * 100}, None, ""),
        ({"task": "nothing"}, None, ""), ({"task": "work\0x"}, None, ""), ({"task": "wide"}, None, ""),
        ({"on_behalf_of": "nobody"}, "not_found", "person"), ({"on_behalf_of": "ana\0"}, None, ""), ({"purpose": "p" * 5000}, None, ""),
        ({"purpose": "a\0b"}, None, ""), ({"op": "resume", "writ": "wr_x"}, "not_found", "writ"), ({"op": "resume"}, "not_found", "writ"),
    ], ids=str)
    def test_member(self, place, parts, change, code, text):
        good, listener, _ = parts
        e = run_error(place, good | change, [listener.fileno()])
        assert (code is None or e["code"] == code) and text in e["detail"] and e["detail"], e

    def test_descriptors(self, place, parts):
        good, listener, _ = parts
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        deaf = socket.socket()
        deaf.bind(("127.0.0.1", 0))
        everywhere = socket.create_server(("0.0.0.0", 0))
        two = socket.create_server(("127.0.0.2", 0))
        six = socket.create_server(("::1", 0), family=socket.AF_INET6)
        unix = socket.socket(socket.AF_UNIX)
        unix.bind("\0writ-test-%d" % os.getpid())
        unix.listen()
        pair = socket.socketpair()
        with open("/dev/null") as null:
            for fds in ([], [null.fileno()], [udp.fileno()], [deaf.fileno()], [everywhere.fileno()], [two.fileno()], [six.fileno()], [unix.fileno()],
                        [pair[0].fileno()]):
                e = run_error(place, good, fds)
                assert e["code"] == "usage" and "127.0.0.1" in e["detail"], e
            assert run_error(place, good, [listener.fileno()] * 9)["code"] == "limit"
        before = len(os.listdir(f"/proc/{place.house.process.pid}/fd"))
        for _ in range(20):
            run_error(place, good | {"pid": 1}, [listener.fileno()] * 8)
        assert len(os.listdir(f"/proc/{place.house.process.pid}/fd")) <= before + 2
        for s in (udp, deaf, everywhere, two, six, unix, *pair):
            s.close()

    def test_a_strangers_process(self, place, parts):
        """Only for a child of one's own."""
        good, listener, child = parts
        for pid in (os.getppid(), place.house.process.pid, os.getpid()):
            assert run_error(place, good | {"pid": pid}, [listener.fileno()])["code"] in ("proof", "forbidden")

    @ROOT_ONLY
    def test_another_users_process(self, place, parts):
        """A stranger asks for the agent's process, which is no child of its own."""
        good, listener, child = parts
        s = place.visitors[STRANGER].connect(os.path.join(place.house.run, "run.sock"), socket.SOCK_SEQPACKET)
        socket.send_fds(s, [json.dumps(good).encode()], [listener.fileno()])
        assert json.loads(s.recv(65536))["error"]["code"] == "proof"
        s.close()

    def test_a_process_that_has_ended(self, place, parts):
        good, listener, _ = parts
        gone = subprocess.Popen(["true"])
        gone.wait()
        assert run_error(place, good | {"pid": gone.pid}, [listener.fileno()])["code"] == "proof"

    def test_open_twice(self, place, parts):
        answer, s, child, listener, _ = place.open_run()
        s.send(json.dumps(parts[0]).encode())
        assert "done" in json.loads(s.recv(65536))["error"]["detail"]
        assert s.recv(65536) == b""

    def test_resume_of_anothers_writ(self, place, parts):
        good, listener, _ = parts
        e = run_error(place, good | {"op": "resume", "writ": place.endpoint["writ"]}, [listener.fileno()])
        assert e["code"] == "proof"

    def test_one_user_cannot_take_every_place(self, place):
        """Silent connections: past a bound they are closed, the others open runs all the same."""
        held = []
        for _ in range(300):
            s = place.visitors[STRANGER].connect(os.path.join(place.house.run, "run.sock"), socket.SOCK_SEQPACKET)
            held.append(s)
        assert held[-1].recv(1024) == b""  # one of too many
        e = place.open_endpoint(READER)
        e["life"].close()
        for s in held:
            s.close()

    def test_a_listener_made_blocking(self, place):
        """The flags of a handed-over socket are shared with the one who handed it over: it cannot stop the server with them."""
        answer, s, child, listener, secret = place.open_run()
        listener.setblocking(True)
        for _ in range(5):
            c = place.visitors[READER].connect(("127.0.0.1", listener.getsockname()[1]))
            assert send_raw(c, cases.get(target=f"/{secret}/writ".encode(), host=b"Host: 127.0.0.1"))[0][0] == 200
            listener.setblocking(True)
            assert place.house.api("GET", "/v1/status")["version"]
        s.close()


# -------------------------------------------------------------------------------------------------------------------- agent.sock, admin.sock


def status_in(status, wanted):
    return status in (wanted if isinstance(wanted, tuple) else (wanted,))


@pytest.mark.usefixtures("group")
class TestAgentSock:
    @pytest.mark.parametrize("name,target,headers,status,text", cases.AGENT, ids=names(cases.AGENT))
    def test_refused(self, place, name, target, headers, status, text):
        if name in ("another agent", "a task of others") and not IS_ROOT:
            pytest.skip("several user ids need root")
        lines = {"Host": "x", "Connection": "Upgrade", "Upgrade": "mcp-lines"} | headers
        c, _ = face(place, "agent.sock")
        found = send_raw(c, (f"GET {target} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines.items()) + "\r\n").encode())
        assert status_in(found[0][0], status), found
        assert text in is_problem(found[0])["detail"], found

    @ROOT_ONLY
    def test_a_stranger(self, place):
        c = place.visitors[STRANGER].connect(os.path.join(place.house.run, "agent.sock"))
        found = send_raw(c, b"GET /v1/mcp/good HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: mcp-lines\r\n\r\n")
        assert is_problem(found[0])["status"] in (401, 403)

    def test_upgrade_with_a_body(self, place):
        c, _ = face(place, "agent.sock")
        found = send_raw(c, b"GET /v1/mcp/good HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: mcp-lines\r\nContent-Length: 3\r\n\r\nabc")
        assert found[0][0] == 400 and "body" in is_problem(found[0])["detail"], found


def ask_admin(place, sock, method, target, body):
    c = unix_socket(os.path.join(place.house.run, sock))
    data = body or b""
    length = f"Content-Length: {len(data)}\r\n" if body is not None else ""
    return send_raw(c, f"{method} {target} HTTP/1.1\r\nHost: x\r\n{length}\r\n".encode() + data)[0]


ADMIN_ROWS = [(sock, *row) for sock, rows in (("admin.sock", cases.ADMIN + cases.MAIN_ONLY), ("control.sock", cases.ADMIN + cases.CONTROL_ONLY)) for row in rows]


@pytest.mark.usefixtures("group")
class TestAdmin:
    pytestmark = [ROOT_ONLY]

    @pytest.mark.parametrize("sock,name,method,target,body,status,text", ADMIN_ROWS, ids=[f"{r[0]}-{r[1]}" for r in ADMIN_ROWS])
    def test_refused(self, place, sock, name, method, target, body, status, text):
        found = ask_admin(place, sock, method, target, body)
        assert status_in(found[0], status), found
        assert text in is_problem(found)["detail"], found

    @pytest.mark.parametrize("sock", ["admin.sock", "control.sock"])
    @pytest.mark.parametrize("uid", [READER, BOT, STRANGER])
    @pytest.mark.parametrize("method,target", [("GET", "/v1/status"), ("GET", "/v1/nothing"), ("POST", "/v1/revoke"), ("GET", "/v1/log/key"),
                                               ("POST", "/v1/secrets"), ("GET", "/v1/secrets")])
    def test_foreign_user(self, place, sock, uid, method, target):
        c = place.visitors[uid].connect(os.path.join(place.house.run, sock))
        body = b'{"selector":"everything"}' if method == "POST" else b""
        found = send_raw(c, f"{method} {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        assert is_problem(found[0])["status"] == 403 and "admin" in is_problem(found[0])["detail"]


# -------------------------------------------------------------------------------------------------------------------- the estate


@pytest.mark.usefixtures("group")
class TestEstate:
    pytestmark = [ROOT_ONLY]

    @pytest.mark.parametrize("name,file,text,fragment", cases.ESTATES, ids=names(cases.ESTATES))
    def test_broken(self, place, name, file, text, fragment):
        h = place.house
        path = os.path.join(h.estate, file)
        before, version = open(path).read() if os.path.exists(path) else None, h.api("GET", "/v1/status")["estate"]["version"]
        if text is None:
            text = before.replace("Gives back", "Gives hack")
        try:
            h.put(file, text.replace("%S", h.state).replace("%R", h.run))
            status, headers, body = ask_admin(place, "admin.sock", "POST", "/v1/reload", b"")
            assert status == 422, body
            now = h.api("GET", "/v1/status")["estate"]
            assert now["version"] == version
            deadline = time.monotonic() + DEADLINE
            while fragment not in h.api("GET", "/v1/status")["estate"].get("refused", "") and time.monotonic() < deadline:
                time.sleep(0.05)
            assert fragment in h.api("GET", "/v1/status")["estate"]["refused"]
            assert mcp(place, "tools/call", {"name": "echo", "arguments": {"text": "x"}})["result"]
        finally:
            h.put(file, before) if before is not None else os.remove(path)
            h.api("POST", "/v1/reload")
        assert "refused" not in h.api("GET", "/v1/status")["estate"]

    @pytest.mark.parametrize("make", [lambda p: os.mkfifo(p), lambda p: os.mkdir(p), lambda p: os.symlink("/dev/zero", p), lambda p: os.symlink("nowhere", p)],
                             ids=["fifo", "folder", "device", "dangling link"])
    def test_no_file(self, place, make):
        h = place.house
        path = os.path.join(h.estate, "tasks/odd.yaml")
        make(path)
        try:
            status, _, body = ask_admin(place, "admin.sock", "POST", "/v1/reload", b"")
            assert status == 422 and b"odd.yaml" in body, body
        finally:
            os.rmdir(path) if os.path.isdir(path) and not os.path.islink(path) else os.remove(path)
        h.api("POST", "/v1/reload")


def test_memory_is_bounded(place):
    """After everything above."""
    place.sound()
    assert place.memory() - place.rss < GROWTH_KB, f"{place.rss} kB at first, {place.memory()} kB now"


def test_a_server_that_never_starts(place):
    """The last one: it takes as long as a start may take (20 s), and the others are served meanwhile."""
    t = Talk(place, "e-start-silent", timeout=DEADLINE * 2)
    t.send(cases.rpc(modern_params(b'{"name":"echo","arguments":{"text":"x"}}'), b"1"))
    assert mcp(place, "tools/call", {"name": "echo", "arguments": {"text": "x"}})["result"]
    assert t.answer(1)["error"]["data"]["code"] == "timeout"
    t.close()
