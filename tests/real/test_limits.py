"""Bounds that a destination declares, at the gate, with a real server."""
import pytest

from house import READER, House, Lines, fixture_command


@pytest.fixture(scope="module")
def house():
    h = House()
    h.destination("fx", fixture_command(), {})
    h.task("work", {})
    h.agent("reader", READER, ["work"])
    h.start()
    h.pin("fx")
    h.destination("fx", fixture_command(), {"echo": "{ effect: read }", "count": "{ effect: read }"}, more="limits: { concurrency: 2, call_timeout: 4s }\n")
    h.task("work", {"fx/echo": "{}", "fx/count": "{}"})
    h.api("POST", "/v1/reload", {})
    yield h
    h.close()


def test_only_so_many_calls_at_once(house):
    agent = Lines(house, "fx", modern=True)
    agent.start()
    slow = [agent.request("tools/call", {"name": "count", "arguments": {"to": 5, "ms": 200}}) for _ in range(3)]
    answers = {}
    while len(answers) < 3:
        m = agent.receive()
        answers[m["id"]] = m
    assert "result" in answers[slow[0]] and "result" in answers[slow[1]]
    assert answers[slow[2]]["error"]["message"] == "refused: 2 calls of this writ are under way at fx; wait for an answer"
    assert "result" in agent.call("echo", text="again")  # a place is free again
    refused = house.records(call=answers[slow[2]]["error"]["data"]["call"])
    assert refused[0]["leaf"]["edit"].endswith("(limits: concurrency)")
    agent.close()


def test_a_call_has_its_time(house):
    agent = Lines(house, "fx", modern=True)
    agent.start()
    late = agent.call("count", to=1000, ms=50)
    assert late["error"]["data"]["code"] == "timeout" and "did not answer within 4 s" in late["error"]["message"]
    assert "result" in agent.call("echo", text="still here")
    agent.close()
