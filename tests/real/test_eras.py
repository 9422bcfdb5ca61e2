"""
Every client era by every upstream era by every transport, both sides: what one era says in other words than the other goes through all the same
(docs/protocol/mcp.md). The upstream is the conformance fixture, speaking one era alone; the clients are the official SDKs.
"""
import functools
import hashlib
import json
import os
import subprocess
import tempfile

import pytest

from house import DEADLINE, IS_ROOT, NODE, READER, ROOT, WRIT, Endpoint, House, Lines, for_everyone, free_port, script

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
    with tempfile.NamedTemporaryFile("w", suffix=".json", dir=house.top) as f:
        json.dump(plan, f)
        f.flush()
        os.chmod(f.name, 0o644)
        command = [NODE, script("client.mjs"), f.name]
        user = {"user": READER, "group": READER, "extra_groups": []} if IS_ROOT else {}
        p = house.run_agent(command) if transport == "http" else \
            subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/", **user)
        try:
            out, err = p.communicate(timeout=3 * DEADLINE)
        except subprocess.TimeoutExpired:
            p.kill()
            out, err = p.communicate()
            pytest.fail(f"{client} over {transport} hung:\n{err}\n{house.said()}")
    assert p.returncode == 0, f"{err}\n{house.said()}"
    return json.loads(out.strip().split("\n")[-1])


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
