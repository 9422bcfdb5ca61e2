"""Limits and breakers at the gate, with real servers and official clients: what is refused, when to come back, what is on record (docs/limits.md)."""
import json
import os
import subprocess
import time

import pytest

from house import BOT, DEADLINE, IS_ROOT, READER, WRIT, Endpoint, House, Lines, fixture_command, until

TOOLS = {"echo": "{ effect: read, limits: { result_bytes: 300 } }", "count": "{ effect: read }", "add": "{ effect: read }", "danger": "{ effect: read, limits: { rate: 2/h } }", "measure": "{ effect: read, limits: { repeats: 2 } }",
         "mark": "{ effect: write }", "wait": "{ effect: read, limits: { concurrency: 1, queue: 1 } }",
         "die": "{ effect: read }"}
LIMITS = "limits: { concurrency: 2, queue: 0, call_timeout: 4s, rate: 2000/m, repeats: 6, repeated_writes: 3, repeat_window: 1h }\n"
ALLOW = 'permit(principal, action in Action::"CallTool", resource);\n'


def two_agents(h):
    """The second has a user of its own, where there can be more than one."""
    h.agent("reader", READER, ["work"])
    h.agent("bot", BOT, ["work"], more="limits: { rate: 40/h, burst: 40 }\n")


@pytest.fixture(scope="module")
def house():
    h = House()
    h.put("policies/all.cedar", ALLOW)
    h.destination("fx", fixture_command(), {})
    h.destination("queue", fixture_command(), {})
    h.task("work", {})
    two_agents(h)
    h.start()
    for name in ("fx", "queue"):
        h.pin(name)
    h.destination("fx", fixture_command(), TOOLS, more=LIMITS)
    h.destination("queue", fixture_command(), {"count": "{ effect: read }", "echo": "{ effect: read }"}, more="limits: { concurrency: 1, queue: 4, repeats: 0 }\n")
    h.task("work", {f"{d}/{t}": "{}" for d in ("fx", "queue") for t in TOOLS})
    h.api("POST", "/v1/reload", {})
    yield h
    h.close()


@pytest.fixture
def fresh(house):
    """What is counted, from the beginning: it does not outlive the process."""
    house.stop()
    house.start()
    return house


def limited(answer, limit):
    """The shape of a refusal by a limit, for programs and people."""
    e = answer["error"]
    assert e["code"] == 4290 and e["data"]["code"] == "limit" and e["data"]["limit"] == limit, e
    assert e["data"]["retry_after_ms"] > 0 and e["message"].startswith(("refused: ", "fx__")), e
    return e


def leaf(house, e):
    return until(lambda: house.records(call=e["data"]["call"]))[0]["leaf"]


def good(answer):
    assert "result" in answer and not answer["result"].get("isError"), answer
    return answer


def test_only_so_many_calls_at_once(fresh):
    agent = Lines(fresh, "fx", modern=True)
    agent.start()
    slow = [agent.request("tools/call", {"name": "count", "arguments": {"to": 5, "ms": 200 + i}}) for i in range(3)]
    answers = {}
    while len(answers) < 3:
        m = agent.receive()
        answers[m["id"]] = m
    assert "result" in answers[slow[0]] and "result" in answers[slow[1]]
    e = limited(answers[slow[2]], "concurrency")
    assert "2 calls are under way by this agent at this destination, and 0 wait" in e["message"]
    assert "result" in agent.call("echo", text="again")  # a place is free again
    refused = leaf(fresh, e)
    assert refused["decision"] == "deny" and refused["limit"] == "concurrency" and refused["edit"] == "destinations/fx.yaml:5 (limits: concurrency)"
    agent.close()


def test_what_waits_goes_in_turn(fresh):
    agent = Lines(fresh, "queue", modern=True)
    agent.start()
    ids = [agent.request("tools/call", {"name": "count", "arguments": {"to": 2, "ms": 50}}) for _ in range(5)]
    over = agent.request("tools/call", {"name": "count", "arguments": {"to": 2, "ms": 50}})
    order = []
    while len(order) < 6:
        order.append(agent.receive())
    assert limited(order[0], "concurrency") and order[0]["id"] == over
    assert [m["id"] for m in order[1:]] == ids and all("result" in m for m in order[1:])
    agent.close()


def test_what_waits_is_decided_when_its_turn_comes(fresh):
    """A call in the line is no call yet: what is revoked meanwhile never reaches the server."""
    agent = Lines(fresh, "queue", modern=True)
    agent.start()
    agent.request("tools/call", {"name": "count", "arguments": {"to": 1000, "ms": 20}})
    agent.request("tools/call", {"name": "echo", "arguments": {"text": "later"}})
    end = time.monotonic() + DEADLINE
    while not [r for r in fresh.records(kind="decision") if r["leaf"].get("tool") == "count" and r["leaf"]["decision"] == "allow"]:
        assert time.monotonic() < end
        time.sleep(0.02)
    writ = next(w for w in fresh.writs().values() if w["state"] == "active")
    fresh.api("POST", "/v1/revoke", {"selector": "writ", "id": writ["id"], "why": "a test"})
    answers = [agent.receive() for _ in range(2)]
    assert all(a["error"]["code"] == 4031 for a in answers), answers
    assert not [r for r in fresh.records(kind="decision", writ=writ["id"]) if r["leaf"].get("tool") == "echo"]
    agent.close()


def test_a_call_has_its_time(fresh):
    agent = Lines(fresh, "fx", modern=True)
    agent.start()
    late = agent.call("count", to=1000, ms=50)
    assert late["error"]["data"]["code"] == "timeout" and "did not answer within 4 s" in late["error"]["message"]
    assert "result" in agent.call("echo", text="still here")
    agent.close()


def test_a_tool_has_its_rate_whatever_the_session(fresh):
    for i in range(2):
        agent = Lines(fresh, "fx", modern=i == 1)  # each a writ, a connection, a server and an era of its own
        agent.start()
        assert "result" in agent.call("danger", what=str(i))
        agent.close()
    both = Lines(fresh, None)
    both.start()
    e = limited(both.call("fx__danger", what="3"), "rate")
    assert "more than 2 calls an hour by this agent of this tool" in e["message"] and 1700_000 < e["data"]["retry_after_ms"] <= 1800_000
    refused = leaf(fresh, e)
    assert refused["limit"] == "rate" and refused["edit"].endswith("(limits: rate)") and refused["retry_after_ms"] == e["data"]["retry_after_ms"]
    place = Endpoint(fresh)
    c, r = place.post("fx", "tools/call", {"name": "danger", "arguments": {"what": "4"}})
    limited(json.loads(r.read()), "rate")
    assert r.status == 200 and 1700 < int(r.getheader("Retry-After")) <= 1800
    c.close()
    c, r = place.post("", "tools/call", {"name": "fx__danger", "arguments": {"what": "5"}})
    limited(json.loads(r.read()), "rate")
    assert 1700 < int(r.getheader("Retry-After")) <= 1800
    c.close()
    said = subprocess.run([WRIT, "explain", e["data"]["call"], "--estate", fresh.estate], capture_output=True, text=True, timeout=DEADLINE, check=True).stdout
    assert "limit" in said and refused["edit"] in said, said
    place.close()
    both.close()


def test_the_same_call_again_and_again(fresh):
    """However it is written: order, spelling of numbers, escapes, defaults left out or given; in whatever session and era."""
    forms = [b'{"a":10,"b":1}', b'{"b":1,"a":10}', b'{ "a" : 10.0 , "b":1.000}', b'{"a":10}', b'{"\\u0061":10,"b":1}', b'{"a":10.00}']
    agents = [Lines(fresh, "fx"), Lines(fresh, "fx", modern=True)]
    for a in agents:
        a.start()
    def call(agent, arguments):
        agent.next += 1
        meta = b""
        if agent.modern:
            meta = b',"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}'
        agent.send(b'{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"add","arguments":%s%s}}' % (agent.next, arguments, meta))
        m = agent.receive()
        while m.get("id") != agent.next:
            m = agent.receive()
        return m
    for i, form in enumerate(forms):
        good(call(agents[i % 2], form))
    for form in forms:
        e = limited(call(agents[0], form), "repeats")
        assert "6 times within 60 min" in e["message"] and e["data"]["retry_after_ms"] <= 3600_000
    limited(call(agents[1], forms[0]), "repeats")
    good(call(agents[1], b'{"a":2}'))  # another call is another call
    assert leaf(fresh, e)["edit"] == "destinations/fx.yaml:5 (limits: repeats)"
    for i in range(3):
        limited(agents[0].call("measure", of="x"), "repeats") if i == 2 else agents[0].call("measure", of="x")
    for a in agents:
        a.close()


def test_writes_repeat_less(fresh):
    agent = Lines(fresh, "fx")
    agent.start()
    path = os.path.join(fresh.docs, "mark")
    for _ in range(3):
        assert "result" in agent.call("mark", path=path)
    e = limited(agent.call("mark", path=path, text="here"), "repeats")  # the default, given
    assert leaf(fresh, e)["edit"] == "destinations/fx.yaml:5 (limits: repeated_writes)"
    assert "result" in agent.call("mark", path=path, text="there")
    agent.close()


def test_a_result_has_its_size(fresh):
    agent = Lines(fresh, "fx")
    agent.start()
    good(agent.call("echo", text="short"))
    e = agent.call("echo", text="x" * 400)["error"]
    assert e["data"]["code"] == "limit" and "this tool may give 300" in e["message"]
    [call] = until(lambda: [r["leaf"] for r in fresh.records(kind="outcome") if r["leaf"]["status"] == "too_large"])
    assert call["bytes"] > 400
    good(agent.call("echo", text="still here"))
    agent.close()


@pytest.mark.skipif(not IS_ROOT, reason="two agents of one user cannot be told apart")
def test_one_agent_delays_no_other(fresh):
    bot = Lines(fresh, "fx", uid=BOT, args=["--agent", "bot"])
    bot.start()
    got = [bot.call("echo", text=str(i)) for i in range(60)]
    n = sum("result" in m for m in got)
    assert 30 <= n < 40, n  # its forty, less what the start of its session took
    e = limited(got[-1], "rate")
    assert "40 calls an hour by this agent;" in e["message"] and leaf(fresh, limited(got[n], "rate"))["edit"].startswith("agents/bot.yaml:")
    again = Lines(fresh, "queue", uid=BOT, args=["--agent", "bot"])  # all its writs and destinations count together
    limited(again.start(), "rate")
    reader = Lines(fresh, "fx")
    reader.start()
    assert "result" in reader.call("echo", text="not delayed")
    for a in (bot, again, reader):
        a.close()


def test_a_flood_of_refusals_does_not_fill_the_log(fresh):
    agent = Lines(fresh, "fx")
    agent.start()
    for _ in range(400):
        agent.request("tools/call", {"name": "measure", "arguments": {"of": "loop"}})
    answers = [agent.receive() for _ in range(400)]
    refused = [m for m in answers if "error" in m]
    assert len(refused) == 398 and all(m["error"]["code"] == 4290 for m in refused)
    recorded = [m for m in refused if "call" in m["error"]["data"]]
    assert 50 <= len(recorded) < 398
    writ = next(w["id"] for w in fresh.writs().values() if w["state"] == "active")
    mine = lambda: [r["leaf"] for r in fresh.records(kind="decision", writ=writ) if r["leaf"]["tool"] == "measure"]
    counted = lambda: sum(x.get("unrecorded", 0) for x in mine()) + sum(
        r["leaf"]["calls"] for r in fresh.records(kind="server") if r["leaf"]["event"] == "refused_by_limits")
    until(lambda: len(mine()) + counted() >= 400)  # none is lost from the count
    assert len(mine()) == len(recorded) + 2 and counted() == 398 - len(recorded)
    agent.close()
