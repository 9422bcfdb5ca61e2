"""
Unmodified official clients through the gateway to real servers: every client by every transport to every upstream, in both eras. One client
process visits all upstreams with a list of steps; each test looks at one cell. At the end stands a table of what was tried.
"""
import functools
import importlib.util
import json
import os
import re
import subprocess
import sys
import time

import pytest

from clients import run_client
from house import DEADLINE, FILES_SERVER, IS_ROOT, MODULES, NODE, READER, WRIT, House, Lines, free_port, script

LEGACY, MODERN = "2025-11-25", "2026-07-28"


@functools.cache
def python_lacks():
    """Why the official Python client cannot be tried here, or nothing."""
    if importlib.util.find_spec("mcp") is None:
        return "the official Python client is not installed (pip install mcp)"
    user = {"user": READER, "group": READER, "extra_groups": []} if IS_ROOT else {}
    try:
        subprocess.run([sys.executable, "-c", "import mcp"], check=True, cwd="/", timeout=DEADLINE, capture_output=True, **user)
    except (OSError, subprocess.SubprocessError):
        return "another user cannot run this Python"
    return ""


# name: how it is driven, and the era it speaks
CLIENTS = {
    "TypeScript 2.4, default": ("v2", "legacy", LEGACY),
    "TypeScript 2.4, pinned": ("v2", "modern", MODERN),
    "TypeScript 2.4, auto": ("v2", "auto", MODERN),
    "TypeScript 1.32": ("v1", "legacy", LEGACY),
    "Python, legacy": ("python", "legacy", LEGACY),
    "Python, auto": ("python", "auto", MODERN),
}
UPSTREAMS = {
    "files": ("server-filesystem, stdio", LEGACY),
    "everything": ("server-everything, HTTP", LEGACY),
    "legacy": ("SDK 1 server, stdio", LEGACY),
    "legacyweb": ("SDK 1 server, HTTP", LEGACY),
    "modern": ("SDK 2 server, stdio", MODERN),
    "modernweb": ("SDK 2 server, HTTP", MODERN),
}
READ = "{ effect: read }"


def fixture_tools():
    names = ("echo", "add", "count", "fail", "env", "die", "meta", "measure", "wait", "cancelled", "digest", "fickle")
    return {n: READ for n in names} | {"danger": "{ effect: irreversible }"}


def fixture_grants(name):
    granted = {t: "{}" for t in fixture_tools() if t not in ("fickle", "env")}
    return {f"{name}/{t}": c for t, c in granted.items()} | {f"{name}/env": "{ name: { one_of: [LANG, HOME] } }"}


LEGACY_TOOLS = ("ask_sampling", "ask_elicit", "ask_roots", "say", "meta", "level", "wait", "cancelled")
EVERYTHING_TOOLS = ("echo", "get-sum", "get-structured-content", "get-tiny-image", "trigger-long-running-operation", "get-annotated-message")


def destinations(h, web):
    everything, legacyweb, modernweb = (f"http://127.0.0.1:{p}/mcp" for p in web)
    return {
        "files": ({"command": [NODE, FILES_SERVER, h.docs], "roots": [h.docs]},
                  {"read_text_file": "{ effect: read, sinks: { path: path } }", "list_directory": "{ effect: read, sinks: { path: path } }",
                   "write_file": "{ effect: write, sinks: { path: path } }"}, ""),
        "everything": ({"url": everything}, {t: READ for t in EVERYTHING_TOOLS}, "share: [resources, prompts]\n"),
        "legacy": ({"command": [NODE, script("legacy.mjs")]}, {t: READ for t in LEGACY_TOOLS}, "share: [resources, prompts]\n"),
        "legacyweb": ({"url": legacyweb}, {t: READ for t in LEGACY_TOOLS}, "share: [resources]\n"),
        "modern": ({"command": [NODE, script("fixture.mjs")]}, fixture_tools(), "share: [resources]\n"),
        "modernweb": ({"url": modernweb}, fixture_tools(), "share: [resources]\n"),
        "rawlegacy": ({"command": [NODE, script("raw.mjs"), "legacy"]}, {"raw": READ}, ""),
        "rawmodern": ({"command": [NODE, script("raw.mjs"), "modern"]}, {"raw": READ}, ""),
    }


def grants(h):
    inside = f"{{ path: {{ under: {h.docs} }} }}"
    g = {"files/read_text_file": inside, "files/write_file": f"{{ path: {{ under: {h.docs}/invoices }} }}"}
    g |= {f"everything/{t}": "{}" for t in EVERYTHING_TOOLS} | {"everything/@prompts": "{}"}
    for name in ("legacy", "legacyweb"):
        g |= {f"{name}/{t}": "{}" for t in LEGACY_TOOLS}
    g |= {"legacy/@resources": "{}", "legacy/@prompts": "{}", "modernweb/@resources": "{ uri: { starts: 'note://' } }"}
    return g | fixture_grants("modern") | fixture_grants("modernweb") | {"rawlegacy/raw": "{}", "rawmodern/raw": "{}"}


@pytest.fixture(scope="module")
def house():
    h = House()
    web = [free_port() for _ in range(3)]
    everything = os.path.join(MODULES, "@modelcontextprotocol/server-everything/dist/index.js")
    peers = [subprocess.Popen([NODE, everything, "streamableHttp"], env={**os.environ, "PORT": str(web[0])}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL),
             subprocess.Popen([NODE, script("legacy.mjs"), "http", str(web[1])]), subprocess.Popen([NODE, script("fixture.mjs"), "http", str(web[2])])]
    try:
        with open(os.path.join(h.docs, "contracts/a.txt"), "w") as f:
            f.write("a contract\n")
        all_of_them = destinations(h, web)
        for name, (server, _, more) in all_of_them.items():
            h.destination(name, server, {}, more=more)
        h.task("work", {"files/*": "{}"})
        h.agent("reader", READER, ["work"])
        h.start()
        for name in all_of_them:
            pin_patiently(h, name)
        for name, (server, tools, more) in all_of_them.items():
            h.destination(name, server, tools, more=more)
        h.task("work", grants(h))
        h.api("POST", "/v1/reload", {})
        yield h
    finally:
        for p in peers:
            p.kill()
            p.wait()
        h.close()


def pin_patiently(h, name):
    """A server over HTTP takes a moment to listen."""
    end = time.monotonic() + DEADLINE
    while True:
        try:
            return h.pin(name)
        except subprocess.CalledProcessError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


# ------------------------------------------------------------------------------------------------------------ steps

def call(name, **more):
    arguments = more.pop("arguments", {})
    return {"op": "call", "name": name, "arguments": arguments, **more}


FIXTURE_STEPS = {
    "list": {"op": "list"},
    "call": call("echo", arguments={"text": "häl\u2028lo \U0001f9fe"}),
    "default filled in": call("add", arguments={"a": 2}),
    "asks": call("danger", arguments={"what": "x"}),
    "condition": call("env", arguments={"name": "PATH"}),
    "not granted": call("fickle"),
    "bad argument": call("add", arguments={"a": "two"}),
    "undeclared argument": call("echo", arguments={"text": "a", "more": 1}),
    "progress": call("count", arguments={"to": 3, "ms": 15}, progress=True),
    "tool error": call("fail"),
    "structured": call("measure", arguments={"of": "four"}),
    "_meta": call("meta", meta={"example.com/trace": {"id": 7}}),
    "cancelled before": call("cancelled"),
    "cancel": call("wait", arguments={"ms": 20000}, abort_ms=400),
    "pause": {"op": "wait", "ms": 300},
    "cancelled after": call("cancelled"),
    "prompts not granted": {"op": "prompts"},
}
LEGACY_STEPS = {
    "list": {"op": "list"},
    "call": call("say", arguments={"text": "first"}),
    "_meta": call("meta", meta={"example.com/trace": {"id": 7}}),
    "sampling": call("ask_sampling"),
    "elicitation": call("ask_elicit"),
    "roots": call("ask_roots"),
    "bad argument": call("say", arguments={"text": 7}),
    "cancelled before": call("cancelled"),
    "cancel": call("wait", arguments={"ms": 20000}, abort_ms=400),
    "pause": {"op": "wait", "ms": 300},
    "cancelled after": call("cancelled"),
}
OLD_ONLY = {"ping": {"op": "ping"}, "set level": {"op": "level", "level": "error"}}


def steps_of(name, era, docs, sdk):
    old = era == LEGACY
    if name == "files":
        path = os.path.join(docs, "contracts/a.txt")
        return {"list": {"op": "list"}, "call": call("read_text_file", arguments={"path": path}),
                "write": call("write_file", arguments={"path": os.path.join(docs, "invoices/b.txt"), "content": "b"}),
                "condition": call("read_text_file", arguments={"path": "/etc/passwd"}),
                "traversal": call("read_text_file", arguments={"path": os.path.join(docs, "contracts/../../state/master.key")}),
                "not granted": call("list_directory", arguments={"path": docs}),
                "bad argument": call("read_text_file", arguments={"path": [path]}),
                "tool error": call("read_text_file", arguments={"path": os.path.join(docs, "none.txt")}),
                "resources not granted": {"op": "resources"}} | ({"ping": OLD_ONLY["ping"]} if old else {})
    if name == "everything":
        return {"list": {"op": "list"}, "call": call("echo", arguments={"message": "hello"}), "sum": call("get-sum", arguments={"a": 2, "b": 3}),
                "structured": call("get-structured-content", arguments={"location": "Chicago"}),
                "progress": call("trigger-long-running-operation", arguments={"duration": 0.2, "steps": 2}, progress=True),
                "image": call("get-tiny-image"), "bad argument": call("get-sum", arguments={"a": 2}),
                "resources not granted": {"op": "resources"}, "prompts": {"op": "prompts"},
                "prompt": {"op": "prompt", "name": "simple-prompt"}} | (OLD_ONLY if old else {})
    if name in ("legacy", "legacyweb"):
        more = {"level": call("level"), "logged": call("say", arguments={"text": "to the log"})} if old else {}
        if name == "legacy":
            more |= {"resources": {"op": "resources"}, "read": {"op": "read", "uri": "note://old"}, "prompt": {"op": "prompt", "name": "greet"}}
        else:
            more |= {"read refused": {"op": "read", "uri": "note://old"}}
        return LEGACY_STEPS | (OLD_ONLY if old else {}) | more
    more = dict(OLD_ONLY) if old else {"listen": {"op": "listen"}} if sdk == "v2" else {}
    if name == "modern":
        more |= {"resources not granted": {"op": "resources"}, "read refused": {"op": "read", "uri": "note://one"}, "dies": call("die"),
                 "call after death": call("echo", arguments={"text": "again"})}
    else:
        more |= {"read": {"op": "read", "uri": "note://one"}, "read outside": {"op": "read", "uri": "file:///etc/passwd"}}
    return FIXTURE_STEPS | more


# ----------------------------------------------------------------------------------------------------------- checks

class Cell:
    def __init__(self, era, upstream, report, steps):
        self.era, self.upstream, self.up_era = era, upstream, UPSTREAMS[upstream][1]
        self.report, self.all = report, dict(zip(steps, report["steps"]))

    def ok(self, key):
        step = self.all[key]
        assert "ok" in step, f"{key}: {step.get('error')}"
        return step["ok"]

    def error(self, key):
        step = self.all[key]
        assert "error" in step, f"{key} should have been refused: {step.get('ok')}"
        return step["error"]

    def text(self, key):
        return "".join(c.get("text", "") for c in self.ok(key)["content"])

    def raw(self, key):
        """Results as they came on the wire, or [] from a client that does not show them."""
        return [m["result"] for m in self.all[key].get("raw", []) if "result" in m]


def check_list(c, key):
    wanted = {"files": {"read_text_file", "write_file"}, "everything": set(EVERYTHING_TOOLS), "legacy": set(LEGACY_TOOLS), "legacyweb": set(LEGACY_TOOLS)}
    fixture = set(fixture_tools()) - {"fickle"}
    assert set(c.ok(key)) == wanted.get(c.upstream, fixture)
    for result in c.raw(key):
        if c.era == MODERN:
            assert (result["resultType"], result["ttlMs"], result["cacheScope"]) == ("complete", 0, "private")
        else:
            assert "ttlMs" not in result and "cacheScope" not in result, "2025-11-25 knows no such member"


def check_call(c, key):
    wanted = {"files": "a contract\n", "everything": "Echo: hello", "legacy": '{"said":"first"}', "legacyweb": '{"said":"first"}'}
    assert c.text(key) == wanted.get(c.upstream, "häl\u2028lo \U0001f9fe")
    for result in c.raw(key):
        assert c.era == LEGACY or result["resultType"] == "complete"


def text_is(wanted):
    def check(c, key):
        assert c.text(key) == wanted
        assert not c.ok(key).get("isError")
    return check


def refused(kind, policies=(), words=""):
    def check(c, key):
        e = c.error(key)
        assert e["code"] == 4030, e
        assert e["data"]["code"] == kind, e
        assert e["data"]["call"].startswith("ca_") and e["data"]["policies"] == list(policies), e
        assert "refused: " in e["message"] and words in e["message"], e
    return check


def told(words):
    """Arguments that do not fit are a tool's result, for the model to mend."""
    def check(c, key):
        assert c.ok(key)["isError"] is True
        assert words in c.text(key), c.text(key)
    return check


def check_progress(c, key):
    n = 2 if c.upstream == "everything" else 3
    raw = c.all[key].get("raw")
    if raw is None:
        ticks = c.ok(key)["progress"]
    else:  # on the wire: a client that gets the last tick and the result in one piece may forget the tick
        raw = [m for m in raw if "result" in m or m["method"] == "notifications/progress"]
        assert [m.get("method") for m in raw] == ["notifications/progress"] * n + [None], "all progress comes before the result"
        ticks = [m["params"] for m in raw[:-1]]
    assert [t["progress"] for t in ticks] == list(range(1, n + 1)) and {t["total"] for t in ticks} == {n}


def check_tool_error(c, key):
    assert c.ok(key)["isError"] is True
    assert ("ENOENT" if c.upstream == "files" else "it failed") in c.text(key)


def check_structured(c, key):
    if c.upstream == "everything":
        assert set(c.ok(key)["structuredContent"]) == {"temperature", "conditions", "humidity"}
    else:
        assert c.ok(key)["structuredContent"] == {"length": 4}


def check_meta(c, key):
    told_server = json.loads(c.text(key))
    assert told_server["example.com/trace"] == {"id": 7}, told_server
    assert not [k for k in told_server if k.startswith("io.modelcontextprotocol/")], "what belongs to the other era is no business of this server"
    assert c.ok(key)["_meta"]["example.com/answered"] is True


def check_cancel(c, key):
    assert "no longer wanted" in c.error(key)["message"]
    count = [int(re.search(r"\d+", c.text("cancelled " + when)).group()) for when in ("before", "after")]
    assert count[1] == count[0] + 1, f"the server saw {count[1] - count[0]} cancellations"


def check_asked(wanted):
    """By a request in the older era, by a result that asks in the newer one; the gateway goes between."""
    def check(c, key):
        assert wanted.items() <= json.loads(c.text(key)).items()
    return check


def check_dies(c, key):
    e = c.error(key)
    assert e["code"] == 5020 and e["data"]["code"] == "upstream", e
    assert "modern" in e["message"], "the message says which destination failed: " + e["message"]


def check_read(c, key):
    assert c.ok(key)[0]["text"] == ("an old note" if c.upstream == "legacy" else "a note")


def check_read_refused(c, key):
    assert c.error(key)["code"] == 4030 and "@resources" in c.error(key)["message"]


def check_logged(c, key):
    assert c.text(key) == '{"said":"to the log"}'
    notes = [m["params"] for m in c.all[key].get("raw", []) if m.get("method") == "notifications/message"]
    assert not c.all[key].get("raw") or {"level": "error", "logger": "legacy", "data": "to the log"} in notes


def gives(wanted):
    def check(c, key):
        assert c.ok(key) == wanted
    return check


def check_prompt(c, key):
    assert c.ok(key)[0]["content"]["text"] == ("Good day" if c.upstream == "legacy" else "This is a simple prompt without arguments.")


def check_bad_argument(c, key):
    argument = {"files": "path", "everything": "b", "legacy": "text", "legacyweb": "text"}.get(c.upstream, "a")
    told(argument)(c, key)


def check_image(c, key):
    assert any(item["type"] == "image" and item["mimeType"] == "image/png" for item in c.ok(key)["content"])


def check_nothing(c, key):
    c.ok(key)


CHECKS = {
    "list": check_list, "call": check_call, "default filled in": text_is("3"), "condition": refused("denied", words="only where"),
    "asks": refused("approval_required", ["builtin/irreversible-asks"]), "not granted": refused("denied", words="grants no"),
    "traversal": refused("denied", words="must lie under"), "bad argument": check_bad_argument, "undeclared argument": told("more"),
    "progress": check_progress, "tool error": check_tool_error, "structured": check_structured, "_meta": check_meta, "cancel": check_cancel,
    "sampling": check_asked({"model": "a-model", "content": {"type": "text", "text": "said to: hello"}}),
    "elicitation": check_asked({"action": "accept", "content": {"color": "blue"}}),
    "roots": check_asked({"roots": [{"uri": "file:///a-root", "name": "a root"}]}),
    "dies": check_dies, "call after death": text_is("again"), "resources not granted": gives([]), "prompts not granted": gives([]),
    "resources": gives(["note://old"]), "read": check_read, "read outside": check_read_refused,
    "read refused": check_read_refused, "prompt": check_prompt, "prompts": lambda c, k: check_nothing(c, k) or c.ok(k).index("simple-prompt"),
    "ping": check_nothing, "set level": check_nothing, "level": text_is('{"level":"error"}'), "logged": check_logged, "listen": gives("listened"),
    "write": lambda c, k: check_nothing(c, k), "sum": text_is("The sum of 2 and 3 is 5."), "image": check_image,
}


# ------------------------------------------------------------------------------------------------------------ visits

def visit(house, client, transport):
    """One process of this client visits all upstreams. → {upstream: Cell}"""
    sdk, mode, era = CLIENTS[client]
    steps = {name: steps_of(name, era, house.docs, sdk) for name in UPSTREAMS}
    servers = {name: {"command": WRIT, "args": ["mcp", name, "--run-dir", house.run], "steps": list(s.values())} for name, s in steps.items()}
    reports = run_client(house, client, {"sdk": sdk, "mode": mode, "transport": transport, "servers": servers})
    return {name: (reports[name], list(steps[name])) for name in UPSTREAMS}


@pytest.fixture(scope="module")
def visits(house):
    return functools.cache(functools.partial(visit, house))


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("transport", ["http", "stdio"])
@pytest.mark.parametrize("client", CLIENTS)
def test_cell(visits, matrix, client, transport, upstream):
    if CLIENTS[client][0] == "python" and python_lacks():
        pytest.skip(python_lacks())
    report, steps = visits(client, transport)[upstream]
    assert "failed" not in report, report["failed"]
    era = CLIENTS[client][2]
    assert report["version"] == era
    cell = Cell(era, upstream, report, steps)
    tried, wrong = [], []
    for key in steps:
        if key not in CHECKS:
            continue
        try:
            CHECKS[key](cell, key)
            tried.append(key)
        except AssertionError as e:
            wrong.append(f"{key}: {e}")
        except Exception as e:
            wrong.append(f"{key}: {type(e).__name__} {e}: {json.dumps(cell.all[key])[:500]}")
    matrix.append((client, "HTTP" if transport == "http" else transport, era, *UPSTREAMS[upstream], ", ".join(tried)))
    assert not wrong, "\n".join(wrong)


# ------------------------------------------------------------------------------- what an SDK would hide: raw messages

@pytest.fixture(params=["legacy client", "modern client"])
def era(request):
    return request.param.split()[0]


@pytest.mark.parametrize("upstream", ["rawlegacy", "rawmodern"])
def test_unknown_members_go_through_both_ways(house, era, upstream):
    lines = Lines(house, upstream, modern=era == "modern")
    try:
        lines.start()
        meta = {"example.com/a": [1, 2.50, None], "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
        answer = lines.ask("tools/call", {"name": "raw", "arguments": {"s": "\u00e9\u0000"[:1]}, "example.com/param": {"x": True}}, meta)["result"]
        sent = json.loads(answer["content"][0]["text"])["params"]
        assert sent["example.com/param"] == {"x": True}
        assert meta.items() <= sent["_meta"].items()
        assert sent["arguments"] == {"s": "\u00e9", "n": 7}, "the default of the schema is filled in and forwarded"
        envelope = [k for k in sent["_meta"] if k.startswith("io.modelcontextprotocol/")]
        assert len(envelope) == (3 if upstream == "rawmodern" else 0), envelope
        assert answer["example.com/result"] == {"deep": [1, 2.5, "x"]}
        assert answer["content"][0]["example.com/item"] == 3
        assert answer["_meta"]["example.com/meta"] == "kept"
        assert answer.get("resultType") == "complete" or era == "legacy"
        listed = lines.ask("tools/list")["result"]
        assert listed["example.com/list"] == 2 and listed["tools"][0]["example.com/tool"] == 1
        if era == "modern":
            assert (listed["ttlMs"], listed["cacheScope"]) == (0, "private"), "a filtered list is nobody else's and not to be kept"
        else:
            assert "ttlMs" not in listed and "cacheScope" not in listed
    finally:
        lines.close()


@pytest.mark.parametrize("upstream", ["rawlegacy", "rawmodern"])
def test_ids_come_back_as_they_were(house, upstream):
    """Strings and integers, never one for the other; several at once; the ids that went up are Writ's own."""
    lines = Lines(house, upstream)
    try:
        lines.start()
        ids = [1000, "1000", "a \u00e9\"", -5, 9007199254740993, ""]
        for i in ids:
            lines.send({"jsonrpc": "2.0", "id": i, "method": "tools/call", "params": {"name": "raw", "arguments": {"s": repr(i)}}})
        got = {}
        for _ in ids:
            m = lines.receive()
            got[json.dumps(m["id"])] = json.loads(m["result"]["content"][0]["text"])
        assert set(got) == {json.dumps(i) for i in ids}
        for i in ids:
            assert got[json.dumps(i)]["params"]["arguments"]["s"] == repr(i), "the answer belongs to its request"
        lines.send({"jsonrpc": "2.0", "id": "list", "method": "tools/list"})
        assert lines.receive()["id"] == "list"
    finally:
        lines.close()


def test_two_requests_with_one_id_are_not_confused(house):
    lines = Lines(house, "modern")
    try:
        lines.start()
        wait = {"jsonrpc": "2.0", "id": "w", "method": "tools/call", "params": {"name": "wait", "arguments": {"ms": 500}}}
        lines.send(wait)
        lines.send(wait)
        first, second = lines.receive(), lines.receive()
        assert "error" in first and "under way" in first["error"]["message"]
        assert second["result"]["content"][0]["text"] == "waited"
    finally:
        lines.close()


def test_a_cursor_goes_up_and_comes_back(house):
    """2025-11-25 server with three tools a page; a cursor is opaque and passed on."""
    lines = Lines(house, "legacy")
    try:
        lines.start()
        names, cursor, pages = [], None, 0
        while pages == 0 or cursor:
            result = lines.ask("tools/list", {"cursor": cursor} if cursor else {})["result"]
            names += [t["name"] for t in result["tools"]]
            cursor, pages = result.get("nextCursor"), pages + 1
        assert pages == 3 and set(names) == set(LEGACY_TOOLS)
    finally:
        lines.close()


def test_an_error_of_the_server_comes_through_whole(house, era):
    lines = Lines(house, "rawlegacy", modern=era == "modern")
    try:
        lines.start()
        unknown = lines.ask("no/such")
        assert unknown["error"]["code"] == -32601
        refused_prompt = lines.ask("prompts/get", {"name": "x"})
        assert refused_prompt["error"]["code"] == 4030
    finally:
        lines.close()


def test_what_the_server_says_of_itself(house, era):
    for upstream in ("rawlegacy", "rawmodern"):
        lines = Lines(house, upstream, modern=era == "modern")
        try:
            result = lines.start()["result"]
            if era == "modern":
                assert result["supportedVersions"] == [MODERN] and result["resultType"] == "complete"
                assert result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "raw"
            else:
                assert result["protocolVersion"] == LEGACY and result["serverInfo"]["name"] == "raw"
            assert ("instructions" in result) == (upstream == "rawlegacy")
            assert "tools" in result["capabilities"]
        finally:
            lines.close()
