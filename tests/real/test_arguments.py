"""Arguments as policies see them and as servers get them, through a real `writ serve` to a real server over stdio."""
import json
import os
import shutil
import sys
import time

import pytest

from house import DEADLINE, READER, Endpoint, House, Refused

TOOLBOX = os.path.join(os.path.dirname(os.path.abspath(__file__)), "toolbox.py")
MAYBE = {"name": "send", "description": "Sends", "inputSchema": {
    "type": "object", "required": ["to"], "additionalProperties": False,
    "properties": {"to": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
                   "cc": {"type": ["string", "null"]}, "bcc": {"type": "string", "nullable": True},
                   "text": {"type": "string"}}}}
POLICY = """@id("own/house-only")
forbid (principal, action == Action::"box/send", resource)
when { context.input has to && !(context.input.to like "*@house") };
@id("own/no-cc")
forbid (principal, action == Action::"box/send", resource)
when { context.input has cc };
"""


class Box(House):
    """A house with one destination, whose tools a test declares; the agent may use all that policies let it."""

    def __init__(self, tools, confirmed, policy=""):
        super().__init__()
        shutil.copy(TOOLBOX, self.top)
        self.tools(tools)
        server = {"command": [sys.executable, os.path.join(self.top, "toolbox.py"), os.path.join(self.top, "tools.json")]}
        self.destination("box", server, {})
        self.task("work", {"box/*": "{ up_to: irreversible }"})
        self.agent("reader", READER, ["work"])
        self.start()
        self.pin("box")
        self.destination("box", server, confirmed)
        self.policy(policy)

    def tools(self, tools):
        with open(os.path.join(self.top, "tools.json"), "w") as f:
            json.dump(tools, f)

    def policy(self, text):
        self.put("policies/own.cedar", text)
        self.api("POST", "/v1/reload", {})


def until(look, n):
    """What ``look`` finds once it is ``n`` or more: a record may wait for the disk."""
    end = time.monotonic() + DEADLINE
    while len(found := look()) < n and time.monotonic() < end:
        time.sleep(0.05)
    return found


def denied(h):
    leaves = [r["leaf"] for r in h.records(kind="decision")]
    return [leaf["policies"] for leaf in leaves if leaf["decision"] == "deny"]


@pytest.fixture
def box():
    made = []

    def make(*args):
        made.append(Box(*args))
        return made[-1]

    yield make
    for b in made:
        b.close()


def test_null_dodges_no_policy_and_is_forwarded(box):
    h = box([MAYBE], {"send": "{ effect: write }"}, POLICY)
    e = Endpoint(h)
    try:
        def sent(**arguments):
            answer = e.call("box", "send", **arguments)
            return json.loads(answer["result"]["content"][0]["text"]) if "result" in answer else answer["error"]["message"]

        assert sent(to="a@house") == {"to": "a@house"}
        assert "own/house-only" in sent(to="a@else")
        assert sent(to=None, text="x") == {"to": None, "text": "x"}  # what was sent arrives
        assert sent(text="x") == {"to": None, "text": "x"}  # so does a default of null
        assert sent(to="a@house", cc=None, bcc=None) == {"to": "a@house", "cc": None, "bcc": None}
        assert "own/no-cc" in sent(to="a@house", cc="")
        assert until(lambda: denied(h), 2) == [["own/house-only"], ["own/no-cc"]]
        # The stricter house: a recipient must be named. Null is none.
        h.policy(POLICY + 'forbid (principal, action == Action::"box/send", resource) unless { context.input has to };\n')
        assert isinstance(sent(to=None), str) and isinstance(sent(), str) and sent(to="a@house") == {"to": "a@house"}
        with pytest.raises(Refused) as why:  # an attribute that may be missing must be asked for
            h.policy('forbid (principal, action == Action::"box/send", resource) when { context.input.to == "x" };')
        assert "own.cedar" in str(why.value)
    finally:
        e.close()


def listed(e):
    c, r = e.post("box", "tools/list")
    try:
        return sorted(t["name"] for t in json.loads(r.read())["result"]["tools"])
    finally:
        c.close()


TEXT = {"type": "object", "additionalProperties": False, "properties": {"path": {"type": "string"}, "n": {"type": ["integer", "null"]}}}
LISTED = """permit (principal, action == Action::"box/some", resource) when { context.input has path && context.input.path like "/docs/*" };
permit (principal, action == Action::"box/none", resource) when { context.input has path && context.tool.effect == "irreversible" };
permit (principal == Agent::"other", action == Action::"box/others", resource);
permit (principal, action == Action::"box/unless", resource);
@id("own/unless") forbid (principal, action == Action::"box/unless", resource) unless { context.input has n && context.input.n < 10 };
permit (principal, action == Action::"box/never", resource);
@id("own/never") forbid (principal, action == Action::"box/never", resource) when { context.input has n || context.writ.depth < 5 };
permit (principal, action == Action::"box/granted", resource) when { context.input has path && context.input.path == "/b" };
permit (principal, action == Action::"box/asks", resource);
@id("own/asks") @step_up("finance") forbid (principal, action == Action::"box/asks", resource);
"""


def test_a_tool_is_listed_where_some_arguments_would_pass(box):
    names = ("some", "none", "others", "unless", "never", "granted", "asks")
    h = box([{"name": n, "inputSchema": TEXT} for n in names], {n: "{ effect: write }" for n in names})
    h.settings("builtin_policies: false\n")
    h.task("work", {f"box/{n}": "{}" for n in names} | {"box/granted": "{ path: { one_of: [/a, /c] } }"})
    h.agent("other", 64099, ["work"])
    h.policy(LISTED)
    e = Endpoint(h)
    try:
        assert listed(e) == ["asks", "some", "unless"]
        # What is listed can be used with the right arguments only; what is not cannot be used with any.
        assert "result" in e.call("box", "some", path="/docs/x") and "error" in e.call("box", "some", path="/etc/x")
        assert "result" in e.call("box", "unless", n=3) and "error" in e.call("box", "unless", n=None)
        for name in ("none", "others", "never", "granted", "asks"):
            assert "error" in e.call("box", name, path="/a", n=1)
        e.close()
        h.task("work", {f"box/{n}": "{}" for n in names} | {"box/granted": "{ path: { one_of: [/a, /b] } }"})
        h.policy(LISTED + 'forbid (principal, action == Action::"box/some", resource) when { context.input has path };')
        e = Endpoint(h)
        assert listed(e) == ["asks", "granted", "unless"]
        assert "result" in e.call("box", "granted", path="/b")
    finally:
        e.close()


def test_three_hundred_tools_and_a_thousand_policies(box):
    names = [f"t{i:03}" for i in range(300)]
    h = box([{"name": n, "inputSchema": TEXT} for n in names], {})
    h.settings("builtin_policies: false\n")
    lines = []
    for i in range(1000):
        tool = f'action == Action::"box/{names[i % 300]}"'
        lines.append(f'permit (principal, {tool}, resource) when {{ context.input has path && context.input.path like "/{i}/*" }};' if i % 3 else
                     f'forbid (principal, {tool}, resource) when {{ context.input has n && context.input.n > {i} || context.writ.depth < 1 }};')
    h.policy("\n".join(lines))
    e = Endpoint(h)
    try:
        assert listed(e) == [n for i, n in enumerate(names) if i % 3]
    finally:
        e.close()
