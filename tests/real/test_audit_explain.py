"""
What is on record and when, what `writ explain` says, what a revocation stops, and what a reload changes: through the real server, with
faults put under it where the order of things is the point.
"""
import contextlib
import ctypes
import datetime
import glob
import hashlib
import json
import os
import re
import shutil
import subprocess
import threading
import time

import pytest

from house import BOT, DEADLINE, IS_ROOT, NODE, READER, WRIT, Endpoint, House, Lines, Refused, fixture_command, free_port, script

READ = "{ effect: read }"
TOOLS = {t: READ for t in ("echo", "add", "count", "env", "wait", "fickle", "digest")} | {"danger": "{ effect: irreversible }", "mark": "{ effect: irreversible }"}
GRANTS = {f"fx/{t}": "{}" for t in TOOLS if t != "env"} | {"fx/env": "{ name: { one_of: [HOME] } }", "web/echo": "{}", "web/digest": "{}", "web/wait": "{}"}
# `mark` may be done without asking: a call of tier high that is allowed
HOUSE_RULES = '''@id("builtin/irreversible-asks")
@step_up("owners")
forbid (principal, action, resource) when { context.tool.effect == "irreversible" && action != Action::"fx/mark" };

@id("no-secrets-please")
forbid (principal, action == Action::"fx/echo", resource) when { context.input.text == "please" };
'''


def build(web_port=None, settings="", **env):
    h = House()
    server = fixture_command() | ({"env": env} if env else {})
    h.destination("fx", server, {})
    if web_port:
        h.destination("web", {"url": f"http://127.0.0.1:{web_port}/mcp"}, {})
    h.task("work", {"fx/*": "{}"})
    h.settings(settings)
    h.agent("reader", READER, ["work"])
    return h


def furnish(h, web_port=None, server=None):
    """After the pins are there: effects, grants, rules."""
    h.destination("fx", server or fixture_command(), TOOLS)
    if web_port:
        h.destination("web", {"url": f"http://127.0.0.1:{web_port}/mcp"}, {"echo": READ, "digest": READ, "wait": READ})
    h.task("work", {k: v for k, v in GRANTS.items() if web_port or k.startswith("fx/")})
    h.put("policies/rules.cedar", HOUSE_RULES)
    h.api("POST", "/v1/reload", {})


@pytest.fixture(scope="module")
def house():
    port = free_port()
    web = subprocess.Popen([NODE, script("fixture.mjs"), "http", str(port)])
    h = build(port)
    try:
        h.start()
        h.pin("fx")
        end = time.monotonic() + DEADLINE
        while subprocess.run([WRIT, "destination", "pin", "web", "--yes", "--estate", h.estate], capture_output=True).returncode and time.monotonic() < end:
            time.sleep(0.1)
        furnish(h, port)
        h.web_port = port
        yield h
    finally:
        web.kill()
        web.wait()
        h.close()


@contextlib.contextmanager
def speaking(h, destination="fx", **more):
    lines = Lines(h, destination, **more)
    try:
        lines.start()
        yield lines
    finally:
        lines.close()


def text_of(answer):
    return answer["result"]["content"][0]["text"]


def line_of(path, what):
    with open(path) as f:
        return next(n for n, line in enumerate(f, 1) if what in line)


def writ(h, *args, code=0):
    r = subprocess.run([WRIT, *args, "--estate", h.estate], capture_output=True, text=True, timeout=DEADLINE, env={**os.environ, "COLUMNS": "1000"})
    assert r.returncode == code, f"writ {' '.join(args)} → {r.returncode}\n{r.stdout}{r.stderr}"
    return r.stdout


def open_writ(h):
    return [w for w in h.writs().values() if w["state"] == "active"][-1]


def on_record(h, enough, **filters):
    """The records that match, once there are enough: those of light and standard calls reach the disk within the log's window."""
    found = []

    def look():
        found[:] = [r["leaf"] for r in h.records(**filters)]
        return enough(found)

    until(look)
    return found


def decision_on(h, tool):
    return on_record(h, lambda found: any(leaf.get("tool") == tool for leaf in found), kind="decision", writ=open_writ(h)["id"])[-1]


def until(look):
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError("it did not come")


# --------------------------------------------------------------------------------- on record before the effect (law 6)

FAULTY_SYNC = r'''
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <unistd.h>
static const char *file;
__attribute__((constructor)) static void begin(void)
{
    char line[4096] = {0};
    int fd = open("/proc/self/cmdline", O_RDONLY);
    if (fd >= 0 && read(fd, line, sizeof line - 1) > 0 && strcmp(line + strlen(line) + 1, "serve") == 0) file = getenv("WRIT_FAULTY_SYNC");
    if (fd >= 0) close(fd);
}
static int faulty(void)
{
    char what = 0;
    for (;;) {
        int fd = file ? open(file, O_RDONLY | O_CLOEXEC) : -1;
        if (fd < 0) return 0;
        ssize_t n = read(fd, &what, 1);
        close(fd);
        if (n == 1 && what == 'f') { errno = EIO; return -1; }
        usleep(2000);
    }
}
int fdatasync(int fd) { return faulty() ? -1 : ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd); }
int fsync(int fd) { return faulty() ? -1 : ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd); }
'''


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    """A library that makes the server's fdatasync wait, or fail, while a file says so."""
    cc = shutil.which("cc") or shutil.which("gcc")
    if cc is None:
        pytest.skip("no C compiler to make a faulty disk with")
    folder = tmp_path_factory.mktemp("faulty")
    source, library = folder / "sync.c", folder / "sync.so"
    source.write_text(FAULTY_SYNC)
    subprocess.run([cc, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    if b"__asan_init" in open(WRIT, "rb").read():
        pytest.skip("AddressSanitizer does not go with a preloaded library")
    return str(library)


@pytest.fixture
def disk(faulty, tmp_path):
    """A house on a disk that can be told to hang or to fail."""
    switch = tmp_path / "switch"
    h = build()
    try:
        h.start(env={"LD_PRELOAD": faulty, "WRIT_FAULTY_SYNC": str(switch)})
        h.pin("fx")
        furnish(h)
        yield h, switch
    finally:
        switch.unlink(missing_ok=True)
        h.close()


def test_a_high_call_waits_for_the_disk_and_a_light_one_does_not(disk):
    h, switch = disk
    mark = os.path.join(h.top, "marked")
    with speaking(h) as lines:
        switch.write_text("hang")
        high = lines.request("tools/call", {"name": "mark", "arguments": {"path": mark}})
        assert text_of(lines.call("echo", text="meanwhile")) == "meanwhile", "other calls are in the journal's window"
        time.sleep(0.3)
        assert not os.path.exists(mark), "the server saw a call of tier high before it was on disk"
        assert not lines.notes, lines.notes
        switch.unlink()
        answer = lines.receive()
        assert answer["id"] == high and text_of(answer) == "made"
        assert os.path.exists(mark)
    decision = [leaf for leaf in on_record(h, bool, kind="decision") if leaf.get("tool") == "mark"][0]
    assert (decision["decision"], decision["tier"]) == ("allow", "high")


def test_a_disk_that_fails_lets_nothing_happen(disk):
    h, switch = disk
    mark = os.path.join(h.top, "marked")
    with speaking(h) as lines:
        switch.write_text("fail")
        refused = lines.call("mark", path=mark)
        assert refused["error"]["code"] == 5030 and refused["error"]["data"]["code"] == "log", refused
        assert not os.path.exists(mark)
        for tool, arguments in (("mark", {"path": mark}), ("echo", {"text": "x"})):
            later = lines.call(tool, **arguments)
            assert "error" in later and later["error"]["code"] == 5030, "a log that is down denies, also what is light"
        assert not os.path.exists(mark)
        assert h.api("GET", "/v1/status")["log_healthy"] is False


def test_the_order_in_the_log(house):
    with speaking(house) as lines:
        lines.call("echo", text="in order")
        lines.call("env", name="PATH")
        mine = open_writ(house)["id"]
    leaves = on_record(house, lambda found: any(leaf.get("tool") == "env" for leaf in found), writ=mine)
    kinds = [leaf["kind"] for leaf in leaves]
    assert kinds.index("decision") < kinds.index("outcome"), kinds
    allowed = [leaf for leaf in leaves if leaf.get("tool") == "echo"][0]
    assert (allowed["decision"], allowed["policies"]) == ("allow", ["builtin/read"])
    outcome = [leaf for leaf in leaves if leaf["kind"] == "outcome" and leaf["call"] == allowed["call"]]
    assert len(outcome) == 1 and outcome[0]["status"] == "ok"
    denied = [leaf for leaf in leaves if leaf.get("tool") == "env"][0]
    assert denied["decision"] == "deny" and not [leaf for leaf in leaves if leaf["kind"] == "outcome" and leaf["call"] == denied["call"]]


# ------------------------------------------------------------------------------------------------------- what was said

def everything_on_disk(h):
    for top in (h.state, h.run, h.log):
        files = [top] if os.path.isfile(top) else [os.path.join(d, f) for d, _, names in os.walk(top) for f in names]
        for path in files:
            if os.path.isfile(path):
                with open(path, "rb") as f:
                    yield path, f.read()


def test_what_was_said_is_sealed_and_can_be_read_by_an_admin(house):
    words = "plain-words-" + os.urandom(8).hex()
    with speaking(house) as lines:
        assert text_of(lines.call("echo", text=words)) == words
        assert "error" in lines.call("env", name=words)
        mine = open_writ(house)["id"]
    on_record(house, lambda found: any(leaf.get("tool") == "env" for leaf in found), kind="decision", writ=mine)
    found = [path for path, data in everything_on_disk(house) if words.encode() in data]
    assert not found, f"in the clear: {found}"
    echo = [r for r in house.records(kind="decision", writ=mine) if r["leaf"].get("tool") == "echo"][-1]
    assert words not in json.dumps(echo)
    assert words in writ(house, "log", "--said", str(echo["index"]))
    wanted = ("said was read", str(echo["index"]))
    on_record(house, lambda found: any((leaf.get("change"), leaf.get("what")) == wanted for leaf in found), kind="privilege")


def test_the_log_verifies(house):
    assert "the log is whole" in writ(house, "log", "verify")


# ------------------------------------------------------------------------------------------------------------- explain

def test_explain_an_agent(house):
    with speaking(house) as lines:
        lines.call("echo", text="x")
        said = " ".join(writ(house, "explain", "reader").split())
        answer = house.api("GET", "/v1/explain/agent/reader")
    assert "Testing as reader" in said and "Ana" in said and "Ben" in said
    assert "agents/reader.yaml:1" in said and "tasks/work.yaml:1" in said
    assert re.search(r"Right now wr_\w+ is open for the task work", said), said
    assert "writ revoke --agent reader" in said
    assert answer["edit"].startswith("agents/reader.yaml:")


def test_explain_a_writ(house):
    with speaking(house, args=["--purpose", "look at something"]) as lines:
        lines.call("echo", text="x")
        lines.call("env", name="PATH")
        mine = open_writ(house)
        said = " ".join(writ(house, "explain", mine["id"]).split())
    assert "look at something" in said and "by the agent itself, so it proves nothing" in said
    assert "1 calls were allowed and 1 refused" in said
    assert "no call of it is ever light" in said, "it is not confined"
    if IS_ROOT:
        assert f"uid {READER}" in said
    until(lambda: house.writs()[mine["id"]]["state"] == "completed")
    ended = " ".join(writ(house, "explain", mine["id"]).split())
    assert "It is completed since" in ended and "It can do nothing" in ended


@pytest.mark.parametrize("tool, arguments, reason, edit", [
    ("env", {"name": "PATH"}, "only where name must be one of", "tasks/work.yaml:{fx/env} (grant)"),
    ("echo", {"text": "please"}, "no-secrets-please", "policies/rules.cedar:{no-secrets-please} (policy no-secrets-please)"),
    ("danger", {"what": "x"}, "asks for a person's approval", "policies/rules.cedar:{builtin/irreversible-asks} (policy builtin/irreversible-asks)"),
    ("cancelled", {}, "grants no fx/cancelled", "tasks/work.yaml:1 (grant)"),
    ("no_such", {}, "grants no fx/no_such", "pins/fx.json (the tool is not pinned)"),
])
def test_explain_a_refused_call_names_what_to_edit(house, tool, arguments, reason, edit):
    with speaking(house) as lines:
        refused = lines.call(tool, **arguments)["error"]
    call = refused["data"]["call"]
    on_record(house, bool, call=call)
    said = " ".join(writ(house, "explain", call).split())
    assert reason in said and reason in refused["message"]
    wanted = re.search(r"\{(.*)\}", edit)
    if wanted:
        path = os.path.join(house.estate, edit.split(":")[0])
        edit = edit.replace(wanted.group(), str(line_of(path, wanted.group(1))))
    assert house.api("GET", f"/v1/explain/call/{call}", sock="control.sock")["edit"] == edit
    assert edit in said
    assert house.top not in refused["message"] and "yaml" not in refused["message"], "the agent learns no places"


# ---------------------------------------------------------------------------------------------------------- revocation

class Busy:
    """An agent with a waiting call, an open GET stream and a modern subscription: three things that a revocation must stop."""

    def __init__(self, h):
        self.endpoint = e = Endpoint(h)
        self.open = []
        start = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "busy", "version": "1"}}
        c, r = e.post("fx", "initialize", start, era="legacy")
        assert r.status == 200, r.read()
        self.session = r.getheader("Mcp-Session-Id")
        said = r.read()
        assert self.session, said
        c.close()
        c, r = e.send("GET", "mcp/fx", headers={"Mcp-Session-Id": self.session})
        assert r.status == 200 and r.readline() == b": open\n"
        self.stream = self.keep(c, r)
        c, r = e.post("web", "subscriptions/listen", {"notifications": {"toolsListChanged": True}})
        assert r.status == 200, r.read()
        self.listen = self.keep(c, r)
        self.wait = e.connect()
        self.open.append(self.wait)
        body = {"jsonrpc": "2.0", "id": 77, "method": "tools/call", "params": {"name": "wait", "arguments": {"ms": 600000}}}
        self.wait.request("POST", f"/{e.secret}/mcp/fx", json.dumps(body),
                          {"Content-Type": "application/json", "Accept": "application/json, text/event-stream", "Mcp-Session-Id": self.session})
        self.call = until(lambda: [r["leaf"]["call"] for r in h.records(kind="decision", writ=e.writ) if r["leaf"].get("tool") == "wait"])[-1]

    def keep(self, connection, response):
        self.open.append(connection)
        return connection, response

    def ended(self, stream):
        """The rest of what a stream gave; it must end by itself."""
        try:
            return stream[1].read()
        except (ConnectionError, OSError) as e:
            assert not isinstance(e, TimeoutError), "the stream was left open"
            return b""
        except Exception:  # http.client: a chunk that was cut
            return b""

    def answer(self):
        try:
            return json.loads(self.wait.getresponse().read())
        except (ConnectionError, json.JSONDecodeError):
            return {"error": {"code": 4031, "message": "cut"}}

    def close(self):
        for c in self.open:
            c.close()
        self.endpoint.close()


def servers_of(h):
    found = []
    for path in glob.glob("/proc/[0-9]*/stat"):
        with contextlib.suppress(OSError, IndexError):
            with open(path) as f:
                fields = f.read().rsplit(")", 1)[1].split()
            with open(path[:-4] + "cmdline", "rb") as f:
                if int(fields[1]) == h.process.pid and b"fixture.mjs" in f.read() and fields[0] != "Z":
                    found.append(int(path.split("/")[2]))
    return found


SELECTORS = {"writ": lambda b, w: b.endpoint.writ, "instance": lambda b, w: w["instance"], "agent": lambda b, w: "reader", "owner": lambda b, w: "ana",
             "destination": lambda b, w: "fx", "everything": lambda b, w: ""}


@pytest.mark.parametrize("selector", SELECTORS)
def test_a_revocation_stops_everything_and_says_how_long_it_took(house, selector):
    busy = Busy(house)
    try:
        writ_before = house.writs()[busy.endpoint.writ]
        assert servers_of(house)
        who = SELECTORS[selector](busy, writ_before)
        answer = house.api("POST", "/v1/revoke", {"selector": selector, "id": who, "why": "a test of " + selector})
        assert answer["confirmed"] is True, answer
        assert answer["calls"] == 1 and answer["streams"] >= 1 and answer["processes"] >= 1, answer
        assert 0 < answer["memory_us"] <= answer["durable_us"] and 0 < answer["effect_us"], answer
        cut = busy.answer()
        assert cut["error"]["code"] == 4031, cut
        assert b"result" not in busy.ended(busy.stream)
        assert not servers_of(house), "the server of the cut call still runs"
        if selector != "destination":
            assert b"result" not in busy.ended(busy.listen)
            assert house.writs()[busy.endpoint.writ]["state"] == "revoked"
        later = refused_now(busy.endpoint)
        assert later, "a call went through after the revocation"
        if selector not in ("writ",):
            blocks_and_restores(house, selector, who, busy)
        on_record(house, lambda found: any(leaf.get("selector") == selector and "a test of " + selector in json.dumps(leaf) for leaf in found), kind="revocation")
    finally:
        with contextlib.suppress(Refused):
            house.api("POST", "/v1/restore", {"selector": selector, "id": SELECTORS[selector](busy, writ_before)})
        busy.close()


def refused_now(endpoint):
    try:
        return "error" in endpoint.call("fx", "echo", text="after")
    except (OSError, ValueError):
        return True


def blocks_and_restores(h, selector, who, busy):
    listed = h.api("GET", "/v1/status")["blocks"]
    assert selector in [b["selector"] for b in listed], listed
    if selector in ("agent", "owner", "everything"):
        with pytest.raises(Refused) as no:
            Endpoint(h)
        assert no.value.body["code"] == "forbidden", no.value.body
    if selector == "destination":
        assert "error" in busy.endpoint.call("fx", "echo", text="x")
        assert text_of(busy.endpoint.call("web", "echo", text="other places go on")) == "other places go on"
    assert h.api("POST", "/v1/restore", {"selector": selector, "id": who})["restored"] is True
    with pytest.raises(Refused):
        h.api("POST", "/v1/restore", {"selector": selector, "id": who})
    again = Endpoint(h)
    try:
        assert text_of(again.call("fx", "echo", text="again")) == "again"
    finally:
        again.close()
    assert h.writs()[busy.endpoint.writ]["state"] == ("active" if selector == "destination" else "revoked"), "what was ended stays ended"


def test_one_call_can_be_revoked_and_the_task_goes_on(house):
    busy = Busy(house)
    try:
        answer = house.api("POST", "/v1/revoke", {"selector": "call", "id": busy.call, "why": "this one"})
        assert answer["confirmed"] and (answer["calls"], answer["writs"], answer["streams"]) == (1, 0, 0), answer
        assert busy.answer()["error"]["code"] == 4031
        assert house.writs()[busy.endpoint.writ]["state"] == "active"
        assert text_of(busy.endpoint.call("fx", "echo", text="on")) == "on"
        outcome = on_record(house, bool, kind="outcome", call=busy.call)
        assert [o["status"] for o in outcome] == ["cut"]
    finally:
        busy.close()


def test_the_command_says_what_it_stopped(house):
    busy = Busy(house)
    try:
        said = writ(house, "revoke", "--writ", busy.endpoint.writ, "--why", "enough")
        assert re.search(r"revoked .*in [\d.]+ ?(ms|µs|us|s)", said) and "1 writ" in said and "1 call" in said and "on record" in said, said
    finally:
        busy.close()


def test_nothing_known_is_revoked_by_a_wrong_name(house):
    with pytest.raises(Refused) as no:
        house.api("POST", "/v1/revoke", {"selector": "agent", "id": "reeder", "why": "typo"})
    assert no.value.status == 404 and "did you mean reader?" in no.value.body["detail"]


# ------------------------------------------------------------------------------ control.sock when the main loop stands still

class Stopped:
    """The main thread of a process held still (ptrace stops one thread, where SIGSTOP would stop all)."""

    def __init__(self, pid):
        self.libc, self.pid = ctypes.CDLL(None, use_errno=True), pid

    def ptrace(self, request, data=0):
        self.libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        self.libc.ptrace.restype = ctypes.c_long
        return self.libc.ptrace(request, self.pid, None, data)

    def __enter__(self):
        if self.ptrace(0x4206) != 0:  # PTRACE_SEIZE
            pytest.skip("no right to stop a thread: " + os.strerror(ctypes.get_errno()))
        assert self.ptrace(0x4207) == 0  # PTRACE_INTERRUPT
        os.waitpid(self.pid, 0x40000000)  # __WALL
        return self

    def __exit__(self, *_):
        self.ptrace(17)  # PTRACE_DETACH


def test_authority_can_be_cut_while_the_main_loop_stands_still(house):
    busy = Busy(house)
    try:
        with Stopped(house.process.pid):
            with pytest.raises(OSError):
                house.api("GET", "/v1/status", timeout=0.5)
            assert house.api("GET", "/v1/status", sock="control.sock")["active_writs"] >= 1
            assert house.api("GET", "/v1/explain/agent/reader", sock="control.sock")["sentences"]
            with pytest.raises(Refused) as slow:
                house.api("POST", "/v1/revoke", {"selector": "writ", "id": busy.endpoint.writ, "why": "now"}, sock="control.sock")
            assert slow.value.body["code"] == "timeout" and "cut in memory" in slow.value.body["detail"]
            writs = house.api("GET", "/v1/writs?ended=1", sock="control.sock")["writs"]
            assert [w["state"] for w in writs if w["id"] == busy.endpoint.writ] == ["revoked"], "cut before the main loop moved again"
        assert busy.answer()["error"]["code"] == 4031
        until(lambda: not servers_of(house))
        until(lambda: [r for r in house.records(kind="revocation") if busy.endpoint.writ in json.dumps(r)])
    finally:
        busy.close()


# -------------------------------------------------------------------------------------------------------------- reload

@contextlib.contextmanager
def estate_as_it_was(h):
    kept = os.path.join(h.top, "kept")
    shutil.copytree(h.estate, kept)
    try:
        yield
    finally:
        for folder, _, names in os.walk(h.estate):
            for name in names:
                if not os.path.exists(os.path.join(kept, os.path.relpath(os.path.join(folder, name), h.estate))):
                    os.unlink(os.path.join(folder, name))
        shutil.copytree(kept, h.estate, dirs_exist_ok=True)  # the folders stay: the server watches them
        shutil.rmtree(kept)
        h.api("POST", "/v1/reload", {})


def test_a_broken_estate_is_refused_loudly_and_the_good_one_stays(house):
    before = house.api("GET", "/v1/status")["estate"]["version"]
    with estate_as_it_was(house):
        house.put("tasks/work.yaml", "purpose: broken\ntools:\n  fx/ecko: {}\n")
        with pytest.raises(Refused) as no:
            house.api("POST", "/v1/reload", {})
        assert no.value.status == 422
        assert "tasks/work.yaml:3" in no.value.body["detail"] and "echo" in no.value.body["detail"]
        until(lambda: "tasks/work.yaml:3" in house.api("GET", "/v1/status")["estate"].get("refused", ""))
        assert house.api("GET", "/v1/status")["estate"]["version"] == before
        until(lambda: "tasks/work.yaml:3" in house.said())
        with speaking(house) as lines:
            assert text_of(lines.call("echo", text="still")) == "still"
    assert "refused" not in house.api("GET", "/v1/status")["estate"]


def test_calls_go_on_while_rules_are_compiled(house):
    """Compiling takes seconds of CPU; nobody waits for it but who asked."""
    answered, said = threading.Event(), []

    def reload():
        try:
            said.append(house.api("POST", "/v1/reload", {})["estate"])
        finally:
            answered.set()

    with estate_as_it_was(house), speaking(house) as lines:
        os.makedirs(os.path.join(house.estate, "inspection"), exist_ok=True)
        house.put("inspection/many.toml", "".join(f"[[rules]]\nid = 'many-{i}'\nregex = 'q{i}[a-z]{{250}}'\n" for i in range(900)))
        thread = threading.Thread(target=reload)
        thread.start()
        calls = 0
        while not answered.is_set():
            assert text_of(lines.call("echo", text="on")) == "on"
            calls += 1
            time.sleep(0.03)  # an agent may call 3,000 times a minute
        thread.join()
        assert said == [house.api("GET", "/v1/status")["estate"]["version"]]
        assert calls > 20


def test_narrowing_holds_at_once_and_widening_not(house):
    """Law 4: the writ as it was opened and the template as it is now must both grant."""
    with estate_as_it_was(house):
        house.task("work", {"fx/add": "{}", "fx/echo": "{}", "fx/env": "{ name: { one_of: [HOME] } }"})
        house.api("POST", "/v1/reload", {})
        with speaking(house) as lines:
            assert text_of(lines.call("add", a=1)) == "2"
            house.task("work", {"fx/echo": "{}", "fx/env": "{}", "fx/count": "{}"})
            house.api("POST", "/v1/reload", {})
            assert lines.call("add", a=1)["error"]["data"]["code"] == "denied", "narrowed"
            assert lines.call("count", to=1)["error"]["data"]["code"] == "denied", "widened by a tool"
            assert lines.call("env", name="PATH")["error"]["data"]["code"] == "denied", "widened by a condition"
            assert text_of(lines.call("echo", text="kept")) == "kept"
            assert [t["name"] for t in lines.ask("tools/list")["result"]["tools"]] == ["echo", "env"]
        with speaking(house) as lines:
            assert text_of(lines.call("count", to=1)) == "1", "a new writ has the new template"


@pytest.mark.parametrize("change", ["frozen", "retired", "no living owner", "policy"])
def test_what_a_reload_takes_away_is_gone_at_once(house, change):
    with estate_as_it_was(house), speaking(house) as lines:
        assert text_of(lines.call("echo", text="before")) == "before"
        if change == "policy":
            house.put("policies/more.cedar", '@id("stop")\nforbid (principal == Agent::"reader", action, resource);\n')
            house.api("POST", "/v1/reload", {})
            refused = lines.call("echo", text="after")["error"]
            assert refused["data"]["policies"] == ["stop"]
            return
        if change == "no living owner":
            house.put("people.yaml", "ana: { name: Ana, uid: 0, admin: true, active: false }\nben: { name: Ben, active: false }\n"
                      "cleo: { name: Cleo }\n")
            house.api("POST", "/v1/reload", {})
            assert "no living owner" in lines.call("echo", text="after")["error"]["message"]
            return
        house.agent("reader", READER, ["work"], more=f"state: {change}\n")
        house.api("POST", "/v1/reload", {})
        refused = lines.call("echo", text="after")["error"]
        assert refused["code"] in (4030, 4031) and change in refused["message"], refused
        with pytest.raises(Refused) as no:
            Endpoint(house)
        assert change in no.value.body["detail"]


def test_a_tool_that_is_not_as_it_was_pinned_is_neither_listed_nor_called(house):
    with estate_as_it_was(house):
        house.destination("fx", fixture_command() | {"env": {"FIXTURE_CHANGED": "1"}}, TOOLS)
        house.api("POST", "/v1/reload", {})
        with speaking(house) as lines:
            names = [t["name"] for t in lines.ask("tools/list")["result"]["tools"]]
            assert "fickle" not in names and "echo" in names
            refused = lines.call("fickle")["error"]
            assert refused["code"] == 4030 and "not as it was pinned" in refused["message"]
            assert text_of(lines.call("echo", text="others go on")) == "others go on"
            edits = [leaf["edit"] for leaf in on_record(house, lambda f: any(d.get("tool") == "echo" for d in f), kind="decision", writ=open_writ(house)["id"]) if leaf.get("tool") == "fickle"]
            assert edits == ["pins/fx.json (look: writ destination show fx)"]


def test_observe_lifts_refusals_of_policies_and_nothing_else(house):
    until_day = (datetime.date.today() + datetime.timedelta(days=10)).isoformat()
    with estate_as_it_was(house):
        house.settings(f"observe:\n  - {{ agent: reader, until: {until_day} }}\n")
        house.destination("fx", fixture_command() | {"env": {"FIXTURE_CHANGED": "1"}}, TOOLS)
        house.api("POST", "/v1/reload", {})
        assert {"agent": "reader", "until": until_day} in house.api("GET", "/v1/status")["observe"]
        assert "only observed" in writ(house, "explain", "reader")
        with speaking(house) as lines:
            assert text_of(lines.call("danger", what="done")) == "done"
            lifted = decision_on(house, "danger")
            assert (lifted["decision"], lifted["observed"]) == ("allow", "would_ask")
            assert text_of(lines.call("echo", text="please")) == "please"
            for tool, arguments in (("env", {"name": "PATH"}), ("cancelled", {}), ("fickle", {}), ("no_such", {})):
                assert lines.call(tool, **arguments)["error"]["data"]["code"] == "denied", f"{tool}: grants and pins are not lifted"
    on_record(house, lambda found: any("observe" in json.dumps(leaf) for leaf in found), kind="privilege")  # entering it is a recorded change


# ------------------------------------------------------------------------------------------------------------- secrets

def test_a_sealed_secret_reaches_the_server_and_nobody_else(house):
    """In its environment (stdio) and in a header (HTTP); the fixture tells a digest of what it got."""
    secret = "s3cret-" + os.urandom(12).hex()
    with estate_as_it_was(house):
        for destination in ("fx", "web"):
            p = subprocess.run([WRIT, "destination", "seal", destination, destination + "-key", "--estate", house.estate], input=secret, text=True,
                               capture_output=True, timeout=DEADLINE)
            assert p.returncode == 0, p.stderr
            assert secret not in p.stdout + p.stderr
        house.destination("fx", fixture_command() | {"env": {"API_KEY": {"secret": "fx-key"}}}, TOOLS)
        house.destination("web", {"url": f"http://127.0.0.1:{house.web_port}/mcp", "headers": {"Authorization": {"secret": "web-key", "prefix": "Bearer "}}},
                          {"echo": READ, "digest": READ, "wait": READ})
        house.api("POST", "/v1/reload", {})
        seen = []
        with speaking(house) as lines:
            seen.append(text_of(lines.call("digest", env="API_KEY")))
            seen.append(json.dumps(lines.call("no_such")))
        with speaking(house, "web") as lines:
            seen.append(text_of(lines.call("digest", header="authorization")))
        assert seen[0] == hashlib.sha256(secret.encode()).hexdigest(), "the server did not get it"
        assert seen[2] == hashlib.sha256(f"Bearer {secret}".encode()).hexdigest()
        assert "secret" not in json.dumps(house.api("GET", "/v1/secrets")).replace("secrets", "") or secret not in json.dumps(house.api("GET", "/v1/secrets"))
        for view in ("/v1/status", "/v1/writs?ended=1", "/v1/explain/agent/reader"):
            assert secret not in json.dumps(house.api("GET", view))
        on_record(house, lambda found: {leaf["secret"] for leaf in found} >= {"fx-key", "web-key"}, kind="secret")
        found = [path for path, data in everything_on_disk(house) if secret.encode() in data]
        assert not found, f"in the clear: {found}"
        releases = [r["leaf"] for r in house.records(kind="secret")]
        assert {r["secret"] for r in releases} >= {"fx-key", "web-key"}, "every release is on record"
        for key in ("fx-key", "web-key"):
            house.api("DELETE", "/v1/secrets/" + key)
        with speaking(house) as lines:
            assert "error" in lines.call("digest", env="API_KEY"), "a server without its secret is not started"


@pytest.mark.skipif(not IS_ROOT, reason="needs users of their own")
def test_another_user_reads_nothing(house):
    """Neither the agent's user nor a stranger's: state, keys, the server's environment, the estate's secrets."""
    for uid in (READER, BOT):
        for path in (house.state, os.path.join(house.state, "master.key"), f"/proc/{house.process.pid}/environ"):
            r = subprocess.run(["cat" if os.path.isfile(path) else "ls", path], user=uid, group=uid, extra_groups=[], capture_output=True)
            assert r.returncode != 0, f"user {uid} read {path}"
