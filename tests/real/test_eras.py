"""
Every client era by every upstream era by every transport, both sides: what one era says in other words than the other goes through all the same
(docs/protocol/mcp.md). The upstream is the conformance fixture, speaking one era alone; the clients are the official SDKs.
"""
import functools
import json
import os
import subprocess
import time

import pytest

from clients import run_client
from house import DEADLINE, NODE, READER, ROOT, WRIT, Endpoint, House, for_everyone, free_port

FIXTURE = os.path.join(for_everyone(os.path.join(ROOT, "tests/conformance/mcp/fixture")), "server.mjs")
LEGACY, MODERN = "2025-11-25", "2026-07-28"
CLIENTS = {"TypeScript 2.4, 2025-11-25": ("v2", "legacy", LEGACY), "TypeScript 2.4, 2026-07-28": ("v2", "modern", MODERN), "TypeScript 1.32": ("v1", "legacy", LEGACY)}
UPSTREAMS = {"oldlines": (LEGACY, "stdio"), "oldweb": (LEGACY, "HTTP"), "newlines": (MODERN, "stdio"), "newweb": (MODERN, "HTTP")}
NAMES = ("test_simple_text", "test_tool_with_progress", "test_tool_with_logging", "test_sampling", "test_elicitation", "test_elicitation_url", "test_roots",
         "test_input_required_result_multiple_inputs", "test_input_required_result_multi_round", "test_touch_resource", "test_trigger_tool_change", "test_meta",
         "test_wait", "test_x_mcp_header", "test_image_content", "test_error_handling", "test_reconnection", "slow_compute")


def call(name, **more):
    return {"op": "call", "name": name, "arguments": more.pop("arguments", {}), **more}


# step: what is done, and what it must give
def text(wanted):
    return lambda ok, raw: "".join(c.get("text", "") for c in ok["content"]) == wanted


STEPS = {
    "call": (call("test_simple_text"), text("This is a simple text response for testing.")),
    "_meta": (call("test_meta", meta={"example.com/trace": {"id": 7}}), lambda ok, raw: json.loads(ok["content"][0]["text"])["example.com/trace"] == {"id": 7}),
    "progress": (call("test_tool_with_progress", progress=True), lambda ok, raw: [m["params"]["progress"] for m in raw if m.get("method") == "notifications/progress"] == [0, 50, 100]),
    "sampling": (call("test_sampling", arguments={"prompt": "hello"}), text("LLM response: said to: hello")),
    "elicitation": (call("test_elicitation", arguments={"message": "Who?"}), text('User response: action=accept, content={"name":"Ana","color":"red"}')),
    "elicitation by URL": (call("test_elicitation_url"), text("User went: accept")),
    "roots": (call("test_roots"), text("Roots: file:///a-root")),
    "three inputs": (call("test_input_required_result_multiple_inputs"), text("said to: Generate a greeting Ana 1")),
    "two rounds": (call("test_input_required_result_multi_round"), text("Ana likes red")),
    "prompt that asks": ({"op": "prompt", "name": "test_input_required_result_prompt"}, lambda ok, raw: "In the context of" in ok[0]["content"]["text"]),
    "templates": ({"op": "templates"}, lambda ok, raw: ok == ["test://template/{id}/data"]),
    "read": ({"op": "read", "uri": "test://template/7/data"}, lambda ok, raw: json.loads(ok[0]["text"])["id"] == "7"),
    "completion": ({"op": "complete", "ref": {"type": "ref/prompt", "name": "test_prompt_with_arguments"}, "argument": {"name": "arg1", "value": "par"}},
                   lambda ok, raw: ok == ["paris", "park", "party"]),
    "resource updated": ({"op": "hear", "name": "test_touch_resource", "filter": {"resourceSubscriptions": ["test://watched-resource"]}, "method": "notifications/resources/updated"},
                         lambda ok, raw: ok == ["test://watched-resource"]),
    "header argument": (call("test_x_mcp_header", arguments={"region": "Zürich "}), text("in Zürich ")),
    "error": (call("test_error_handling"), lambda ok, raw: ok["isError"] is True),
    "stream closed meanwhile": (call("test_reconnection"), text("the result came on another stream")),
    "tools changed": ({"op": "hear", "name": "test_trigger_tool_change", "filter": {"toolsListChanged": True}, "method": "notifications/tools/list_changed"}, lambda ok, raw: ok == [None]),
}


@pytest.fixture(scope="module")
def house():
    h, web = House(), {"oldweb": free_port(), "newweb": free_port()}
    peers = [subprocess.Popen([NODE, FIXTURE, "http", str(web[n])], env={**os.environ, "FIXTURE_ERA": e}) for n, e in (("oldweb", "legacy"), ("newweb", "modern"))]
    try:
        servers = {"oldlines": {"command": [NODE, FIXTURE], "env": {"FIXTURE_ERA": "legacy", "FIXTURE_PAGE": "7"}}, "newlines": {"command": [NODE, FIXTURE], "env": {"FIXTURE_ERA": "modern"}},
                   **{n: {"url": f"http://127.0.0.1:{p}/mcp"} for n, p in web.items()}}
        for name, server in servers.items():
            h.destination(name, server, {}, more="share: [resources, prompts]\n")
        h.task("work", {})
        h.agent("reader", READER, ["work"])
        h.start()
        from test_protocol import pin_patiently
        for name, server in servers.items():
            pin_patiently(h, name)
            h.destination(name, server, {t: "{ effect: read }" for t in NAMES}, more="share: [resources, prompts]\n")
        h.task("work", {f"{n}/{t}": "{}" for n in servers for t in (*NAMES, "@resources", "@prompts")})
        h.api("POST", "/v1/reload", {})
        yield h
    finally:
        for p in peers:
            p.kill()
            p.wait()
        h.close()


def drive(house, client, transport, steps, capabilities):
    sdk, mode, _ = CLIENTS[client]
    servers = {name: {"command": WRIT, "args": ["mcp", name, "--run-dir", house.run], "steps": steps} for name in UPSTREAMS}
    plan = {"sdk": sdk, "mode": mode, "transport": transport, "servers": servers, "capabilities": capabilities, "content": {"name": "Ana", "color": "red"}}
    return run_client(house, client, plan)


ALL = {"sampling": {}, "elicitation": {"form": {}, "url": {}}, "roots": {}}


@pytest.fixture(scope="module")
def visits(house):
    return functools.cache(lambda client, transport: drive(house, client, transport, [s for s, _ in STEPS.values()], ALL))


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("transport", ["http", "stdio"])
@pytest.mark.parametrize("client", CLIENTS)
def test_everything_goes_through(visits, matrix, client, transport, upstream):
    report = visits(client, transport)[upstream]
    assert "failed" not in report, report["failed"]
    wrong = []
    for (name, (_, good)), step in zip(STEPS.items(), report["steps"], strict=True):
        if "ok" not in step or not good(step["ok"], step["raw"]):
            wrong.append(f"{name}: {json.dumps(step.get('ok', step.get('error')))[:400]}")
    matrix.append((client, transport if transport == "stdio" else "HTTP", CLIENTS[client][2], f"conformance fixture, {UPSTREAMS[upstream][1]}", UPSTREAMS[upstream][0],
                   ", ".join(STEPS)))
    assert not wrong, "\n".join(wrong)


# --------------------------------------------------------------------------------------------- one message after another

@pytest.fixture(scope="module")
def endpoint(house):
    e = Endpoint(house)
    yield e
    e.close()


def asked(c, r):
    try:
        return r.status, json.loads(r.read())
    finally:
        c.close()


MODERN_ALL = {"_meta": {"io.modelcontextprotocol/clientCapabilities": ALL | {"extensions": {"io.modelcontextprotocol/tasks": {}}}}}


def modern(e, destination, method, **params):
    return asked(*e.post(destination, method, params | MODERN_ALL))[1]


def refused(house, writ, what, n):
    """So many tries are on record as refused before there was a call."""
    end = time.monotonic() + DEADLINE
    while len([r for r in house.records(kind="refusal", writ=writ) if r["leaf"]["what"] == what]) < n:
        assert time.monotonic() < end, house.records(kind="refusal", writ=writ)
        time.sleep(0.05)


def test_a_parked_call_is_good_once_and_for_itself(house, endpoint):
    """The state of a call that waits: not for another call, not for other arguments, not for another agent's session, not twice."""
    what = {"name": "test_sampling", "arguments": {"prompt": "a"}}
    answers = {"inputResponses": {"ask-1": {"role": "assistant", "model": "m", "content": {"type": "text", "text": "mine"}}}}
    state = modern(endpoint, "oldweb", "tools/call", **what)["result"]["requestState"]
    other = Endpoint(house)
    try:
        stolen = modern(other, "oldweb", "tools/call", **what, **answers, requestState=state)
    finally:
        other.close()
    wrong = [stolen, modern(endpoint, "oldweb", "tools/call", name="test_sampling", arguments={"prompt": "b"}, **answers, requestState=state),
             modern(endpoint, "oldweb", "tools/call", name="test_roots", arguments={}, **answers, requestState=state),
             modern(endpoint, "oldweb", "tools/call", **what, **answers, requestState=state + "x")]
    assert [w["error"]["code"] for w in wrong] == [-32602] * 4, wrong
    assert modern(endpoint, "oldweb", "tools/call", **what, **answers, requestState=state)["result"]["content"][0]["text"] == "LLM response: mine"
    assert modern(endpoint, "oldweb", "tools/call", **what, **answers, requestState=state)["error"]["code"] == -32602
    end = time.monotonic() + DEADLINE
    while True:  # each try was a call of its own, decided and recorded with what the client answered
        tries = [r["leaf"] for r in house.records(kind="decision", destination="oldweb") if "input_responses" in r["leaf"].get("said", {})]
        if len(tries) >= 6:
            break
        assert time.monotonic() < end, tries
        time.sleep(0.1)
    refused(house, other.writ, "state", 1)
    refused(house, endpoint.writ, "state", 4)


def test_a_task_is_worth_nothing_to_others(house, endpoint):
    """The server would say what it came to; the gateway does not ask it."""
    made = modern(endpoint, "newweb", "tools/call", name="slow_compute", arguments={"seconds": 0.2, "label": "mine"})["result"]
    assert made["resultType"] == "task"
    other = Endpoint(house)
    try:
        for method in ("tasks/get", "tasks/update", "tasks/cancel"):
            c, r = other.send("POST", "mcp/newweb", {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"taskId": made["taskId"], "_meta": {
                "io.modelcontextprotocol/protocolVersion": MODERN, **MODERN_ALL["_meta"]}}}, {"MCP-Protocol-Version": MODERN, "Mcp-Method": method, "Mcp-Name": made["taskId"]})
            assert asked(c, r)[1]["error"]["code"] == -32602
    finally:
        other.close()
    refused(house, other.writ, "task", 3)
    end = time.monotonic() + DEADLINE
    while True:
        c, r = endpoint.send("POST", "mcp/newweb", {"jsonrpc": "2.0", "id": 1, "method": "tasks/get", "params": {"taskId": made["taskId"], "_meta": {
            "io.modelcontextprotocol/protocolVersion": MODERN, **MODERN_ALL["_meta"]}}}, {"MCP-Protocol-Version": MODERN, "Mcp-Method": "tasks/get", "Mcp-Name": made["taskId"]})
        task = asked(c, r)[1]["result"]
        if task["status"] == "completed":
            break
        assert time.monotonic() < end, task
        time.sleep(0.1)
    assert task["result"]["content"][0]["text"] == "computed mine"
    while "task_completed" not in [r["leaf"].get("status") for r in house.records(kind="outcome", destination="newweb")]:
        assert time.monotonic() < end, "its end is on record"
        time.sleep(0.1)


class Events:
    """Server-sent events of a response, one after another."""

    def __init__(self, response):
        self.response = response

    def next(self):
        event = {}
        while True:
            line = self.response.readline().decode().rstrip("\r\n")
            if not line and event:
                return event
            if line and not line.startswith(":"):
                key, _, value = line.partition(":")
                event[key] = value.lstrip()


def started(e, destination, version=LEGACY, **capabilities):
    c, r = e.post(destination, "initialize", {"protocolVersion": version, "capabilities": capabilities, "clientInfo": {"name": "t", "version": "1"}}, era="legacy")
    session, said = r.getheader("Mcp-Session-Id"), asked(c, r)[1]["result"]
    return session, said


def post_old(e, destination, session, method, params, version=LEGACY):
    e.ids += 1
    headers = {"Mcp-Session-Id": session, "MCP-Protocol-Version": version}
    return e.send("POST", f"mcp/{destination}", {"jsonrpc": "2.0", "id": e.ids, "method": method, "params": params}, headers)


@pytest.mark.parametrize("upstream", ["oldweb", "newlines"])
def test_a_client_comes_back_for_its_stream(endpoint, upstream):
    """2025-11-25: it has the id of an event, loses the connection, and gets what was said meanwhile, the response with it."""
    session, _ = started(endpoint, upstream)
    c, r = post_old(endpoint, upstream, session, "tools/call", {"name": "test_reconnection", "arguments": {"pause_ms": 2500}})
    first = Events(r).next()
    assert first["data"] == "" and first["id"] and int(first["retry"]) > 0
    wanted = endpoint.ids
    c.close()
    headers = {"Mcp-Session-Id": session, "MCP-Protocol-Version": LEGACY, "Last-Event-ID": first["id"]}
    c, r = endpoint.send("GET", f"mcp/{upstream}", headers=headers)
    answer = json.loads(Events(r).next()["data"])
    assert answer["id"] == wanted and answer["result"]["content"][0]["text"] == "the result came on another stream"
    assert r.read().strip() == b"", "its stream ends with the response"
    c.close()
    c, r = endpoint.send("GET", f"mcp/{upstream}", headers=headers)  # once more: what is kept is told again
    assert json.loads(Events(r).next()["data"]) == answer
    c.close()
    c, r = endpoint.send("GET", f"mcp/{upstream}", headers=headers | {"Last-Event-ID": "7-999999"})
    assert asked(c, r)[0] == 404


@pytest.mark.parametrize("upstream", UPSTREAMS)
def test_an_older_revision_where_a_client_asks(endpoint, upstream):
    session, said = started(endpoint, upstream, "2025-06-18", sampling={})
    assert said["protocolVersion"] == "2025-06-18"
    c, r = post_old(endpoint, upstream, session, "tools/call", {"name": "test_sampling", "arguments": {"prompt": "x"}}, "2025-06-18")
    ask = json.loads(Events(r).next()["data"])
    assert ask["method"] == "sampling/createMessage"
    a, answered = endpoint.send("POST", f"mcp/{upstream}", {"jsonrpc": "2.0", "id": ask["id"], "result": {"role": "assistant", "model": "m", "content": {"type": "text", "text": "old"}}},
                                {"Mcp-Session-Id": session, "MCP-Protocol-Version": "2025-06-18"})
    assert answered.status == 202
    a.close()
    assert json.loads(Events(r).next()["data"])["result"]["content"][0]["text"] == "LLM response: old"
    c.close()


@pytest.mark.parametrize("upstream", ["newlines", "newweb"])
def test_what_an_older_client_cannot_do_is_refused_by_name(endpoint, upstream):
    session, _ = started(endpoint, upstream, sampling={})
    for tool, capability in (("test_elicitation", "elicitation"), ("test_roots", "roots")):
        status, answer = asked(*post_old(endpoint, upstream, session, "tools/call", {"name": tool, "arguments": {"message": "x"} if tool == "test_elicitation" else {}}))
        assert answer["error"]["code"] == -32021 and capability in answer["error"]["data"]["requiredCapabilities"], answer


@pytest.mark.parametrize("upstream", ["oldlines", "oldweb"])
def test_a_newer_client_that_declares_nothing_is_not_asked(endpoint, upstream):
    answer = asked(*endpoint.post(upstream, "tools/call", {"name": "test_elicitation", "arguments": {"message": "x"}}))[1]["result"]
    assert answer["isError"] and "cannot be asked" in answer["content"][0]["text"]


def test_a_subscription_is_cut_down_to_what_is_granted(house, endpoint):
    granted = {f"newweb/{t}": "{}" for t in NAMES} | {"newweb/@resources": "{ uri: { starts: 'test://watched' } }"}
    house.task("narrow", granted)
    house.agent("reader", READER, ["work", "narrow"])
    house.api("POST", "/v1/reload", {})
    e = Endpoint(house, task="narrow")
    try:
        c, r = e.post("newweb", "subscriptions/listen", {"notifications": {"toolsListChanged": True, "resourceSubscriptions": ["test://watched-resource", "test://static-text"], "taskIds": ["task-of-others"]}})
        first = json.loads(Events(r).next()["data"])
        assert first["method"] == "notifications/subscriptions/acknowledged"
        assert first["params"]["notifications"]["resourceSubscriptions"] == ["test://watched-resource"]
        assert not first["params"]["notifications"].get("taskIds")
        c.close()
    finally:
        e.close()
