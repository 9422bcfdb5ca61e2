"""
Official clients through one address to real servers of both eras at once: server-filesystem, server-memory, server-everything, servers of the
TypeScript SDKs 1 and 2 and of the Python SDK, beside one that is dead and one that never answers.
"""
import importlib.util
import json
import os
import subprocess
import sys

import pytest

from clients import run_client
from house import DEADLINE, FILES_SERVER, MODULES, NODE, READER, WRIT, House, free_port, script
from test_federation import MEMBER, control
from test_protocol import CLIENTS, LEGACY, READ, pin_patiently, python_lacks

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON_SERVER = os.path.join(HERE, "python_server.py")
MEMORY_SERVER = os.path.join(MODULES, "@modelcontextprotocol/server-memory/dist/index.js")
EVERYTHING = os.path.join(MODULES, "@modelcontextprotocol/server-everything/dist/index.js")
PROOFS = {  # client, transport, with a server that never answers
    "TypeScript 2.4, default": ("http", True), "TypeScript 2.4, pinned": ("stdio", True), "TypeScript 2.4, auto": ("http", False),
    "TypeScript 1.32": ("stdio", False), "Python, legacy": ("http", False), "Python, auto": ("stdio", False),
}


def destinations(h, port):
    return {
        "files": ({"command": [NODE, FILES_SERVER, h.docs], "roots": [h.docs]},
                  {"read_text_file": "{ effect: read, sinks: { path: path } }", "list_directory": "{ effect: read, sinks: { path: path } }"}, ""),
        "memory": ({"command": [NODE, MEMORY_SERVER], "env": {"MEMORY_FILE_PATH": os.path.join(h.top, "memory.jsonl")}},
                   {"create_entities": "{ effect: write }", "read_graph": READ}, ""),
        "everything": ({"url": f"http://127.0.0.1:{port}/mcp"}, {"echo": READ, "trigger-long-running-operation": READ}, "share: [prompts]\n"),
        "modern": ({"command": [NODE, script("fixture.mjs")]}, {"echo": READ, "count": READ, "measure": READ}, "share: [resources]\n"),
        "legacy": ({"command": [NODE, script("legacy.mjs")]}, {"ask_sampling": READ, "ask_elicit": READ, "say": READ}, "share: [resources, prompts]\n"),
        "python": ({"command": [sys.executable, PYTHON_SERVER]}, {"shout": READ}, "share: [resources, prompts]\n"),
        "slow": ({"command": [sys.executable, MEMBER, "slow", "legacy", os.path.join(h.top, "slow.control")]}, {"whoami": READ}, ""),
    }


GRANTS = {"memory/create_entities": "{}", "memory/read_graph": "{}", "everything/echo": "{}", "everything/trigger-long-running-operation": "{}",
          "everything/@prompts": "{}", "modern/echo": "{}", "modern/count": "{}", "modern/measure": "{}", "modern/@resources": "{}",
          "legacy/ask_sampling": "{}", "legacy/ask_elicit": "{}", "legacy/say": "{}", "legacy/@resources": "{}", "legacy/@prompts": "{}",
          "python/shout": "{}", "python/@resources": "{}", "python/@prompts": "{}", "dead/*": "{}"}
WANTED = ["files__read_text_file"] + [g.replace("/", "__") for g in GRANTS if "@" not in g and "*" not in g]


@pytest.fixture(scope="module")
def house():
    if importlib.util.find_spec("mcp") is None:
        pytest.skip("the official Python SDK is not installed (pip install mcp)")
    h, port = House(), free_port()
    everything = subprocess.Popen([NODE, EVERYTHING, "streamableHttp"], env={**os.environ, "PORT": str(port)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with open(os.path.join(h.docs, "contracts/a.txt"), "w") as f:
            f.write("a contract\n")
        all_of_them = destinations(h, port)
        for name, (server, _, more) in all_of_them.items():
            h.destination(name, server, {}, more=more)
        h.destination("dead", {"url": f"http://127.0.0.1:{free_port()}/mcp"}, {})
        h.task("work", {"files/*": "{}"})
        h.agent("reader", READER, ["work"])
        h.start()
        for name in all_of_them:
            pin_patiently(h, name)
        for name, (server, tools, more) in all_of_them.items():
            h.destination(name, server, tools, more=more)
        grants = GRANTS | {"files/read_text_file": f"{{ path: {{ under: {h.docs} }} }}"}
        h.task("work", grants)
        h.task("slowly", grants | {"slow/whoami": "{}"})
        h.agent("reader", READER, ["work", "slowly"])
        h.api("POST", "/v1/reload", {})
        control(h, "slow", silent=True)
        yield h
    finally:
        everything.kill()
        everything.wait()
        h.close()


def call(name, **arguments):
    return {"op": "call", "name": name, "arguments": arguments}


def steps_of(h, era):
    path = os.path.join(h.docs, "contracts/a.txt")
    return {
        "list": {"op": "list_whole", "wanted": WANTED, "ms": int(DEADLINE * 1000)},
        "files": call("files__read_text_file", path=path), "outside": call("files__read_text_file", path="/etc/passwd"),
        "not granted": call("files__list_directory", path=h.docs), "everything": call("everything__echo", message="hello"),
        "make": call("memory__create_entities", entities=[{"name": "Writ " + era, "entityType": "program", "observations": ["is one"]}]),
        "graph": call("memory__read_graph"), "python": call("python__shout", text="aloud"), "say": call("legacy__say", text="first"),
        "count": {"op": "call", "name": "modern__count", "arguments": {"to": 3, "ms": 15}, "progress": True},
        "long": {"op": "call", "name": "everything__trigger-long-running-operation", "arguments": {"duration": 0.2, "steps": 2}, "progress": True},
        "structured": call("modern__measure", of="four"),
        "sampling": call("legacy__ask_sampling"), "elicitation": call("legacy__ask_elicit"),
        "dead": call("dead__any"), "nobody": call("nobody__any"),
        "resources": {"op": "resources"}, "read": {"op": "read", "uri": "py://greeting"}, "read too": {"op": "read", "uri": "note://one"},
        "prompts": {"op": "prompts"}, "prompt": {"op": "prompt", "name": "python__greet", "arguments": {"name": "Ana"}},
        "prompt too": {"op": "prompt", "name": "everything__simple-prompt"},
    }


def visit(h, client, transport, task):
    sdk, mode, era = CLIENTS[client]
    steps = steps_of(h, era)
    plan = {"sdk": sdk, "mode": mode, "transport": transport, "all": True,
            "servers": {"writ": {"command": WRIT, "args": ["mcp", "--run-dir", h.run, "--task", task], "steps": list(steps.values())}}}
    report = run_client(h, client, plan, task)["writ"]
    assert "failed" not in report, report["failed"]
    return era, report, dict(zip(steps, report["steps"]))


def ticks(step):
    """On the wire, where it is known: a client that gets the last tick and the result in one piece may forget the tick."""
    if "raw" in step:
        return [m["params"]["progress"] for m in step["raw"] if m.get("method") == "notifications/progress"]
    return [p["progress"] for p in step["ok"]["progress"]]


@pytest.mark.parametrize("client", PROOFS)
def test_client(house, matrix, client):
    if CLIENTS[client][0] == "python" and python_lacks():
        pytest.skip(python_lacks())
    transport, slowly = PROOFS[client]
    era, report, steps = visit(house, client, transport, "slowly" if slowly else "work")
    ok = lambda key: steps[key]["ok"] if "ok" in steps[key] else pytest.fail(f"{key}: {steps[key]}")
    text = lambda key: ok(key)["content"][0]["text"]
    code = lambda key: steps[key]["error"]["code"]
    assert report["version"] == era
    assert sorted(ok("list")) == sorted(WANTED)
    assert text("files") == "a contract\n" and text("everything") == "Echo: hello" and text("python") == "ALOUD" and text("say") == '{"said":"first"}'
    assert json.loads(text("graph"))["entities"], "what was made is there"
    assert "Writ " + era in text("graph")
    assert ticks(steps["count"]) == [1, 2, 3] and ticks(steps["long"]) == [1, 2]
    assert ok("structured")["structuredContent"] == {"length": 4}
    assert code("outside") == code("not granted") == code("nobody") == 4030 and code("dead") == 5020
    assert steps["not granted"]["error"]["message"].find("files__list_directory") >= 0
    if era == LEGACY:
        assert json.loads(text("sampling"))["content"]["text"] == "said to: hello" and json.loads(text("elicitation"))["content"] == {"color": "blue"}
    assert sorted(ok("resources")) == ["note://old", "note://one", "py://greeting"]
    assert ok("read")[0]["text"] == "hello from Python" and ok("read too")[0]["text"] == "a note"
    assert {"everything__simple-prompt", "legacy__greet", "python__greet"} <= set(ok("prompts"))
    assert ok("prompt")[0]["content"]["text"] == "Good day, Ana" and "simple prompt" in ok("prompt too")[0]["content"]["text"]
    matrix.append((client, "HTTP" if transport == "http" else transport, era, f"{7 + slowly} at one address, one dead" + (", one silent" if slowly else ""),
                   "both", ", ".join(steps)))
