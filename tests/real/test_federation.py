"""
Several destinations behind one address (docs/federation.md): names, merged lists, servers that are slow, dead or hostile, in both eras. The
servers are member.py, which says who it is; test_federation_clients.py has the official clients and servers.
"""
import json
import os
import re
import subprocess
import sys
import time

import pytest

from house import DEADLINE, READER, WRIT, Endpoint, House, Lines, free_port
from member import LONG, TOOLS as OFFERED

HERE = os.path.dirname(os.path.abspath(__file__))
MEMBER, EVIL = os.path.join(HERE, "member.py"), os.path.join(HERE, "evil.py")
READ = "{ effect: read }"
META = "io.modelcontextprotocol/"
TOOLS = [t["name"] for t in OFFERED]
NAMES = {"bank": "modern", "evil": "modern", "old": "legacy", "older": "legacy"}


def command(h, name, era):
    return {"command": [sys.executable, MEMBER, name, era, os.path.join(h.top, name + ".control")]}


def control(h, name, **what):
    path = os.path.join(h.top, name + ".control")
    with open(path + ".new", "w") as f:
        json.dump(what, f)
    os.chmod(path + ".new", 0o644)
    os.rename(path + ".new", path)


def build(h, names, dead=()):
    """Pinned from the real servers; the writ grants all their tools, and of all but ``older`` the resources and prompts."""
    for name, era in names.items():
        h.destination(name, command(h, name, era), {}, more="share: [resources, prompts]\n")
    for name in dead:
        h.destination(name, {"url": f"http://127.0.0.1:{free_port()}/mcp"}, {})
    h.task("work", {f"{n}/*": "{}" for n in names})
    h.agent("reader", READER, ["work"])
    h.start()
    control(h, "bank", templates=["account://{id}/balance"])  # some time it has one, and that is pinned
    for name in names:
        h.pin(name)
    control(h, "bank")
    for name, era in names.items():
        h.destination(name, command(h, name, era), {t: READ for t in TOOLS}, more="share: [resources, prompts]\n")
    grants = {f"{n}/{json.dumps(t)[1:-1]}": "{}" for n in names for t in TOOLS if t != "level" or n != "evil"}
    grants |= {f"{n}/@{what}": "{}" for n in names if n != "older" for what in ("resources", "prompts")}
    grants |= {f"{n}/*": "{}" for n in dead}
    h.task("work", grants)
    h.api("POST", "/v1/reload", {})
    return h


@pytest.fixture(scope="module")
def house():
    h = House()
    try:
        yield build(h, NAMES)
    finally:
        h.close()


@pytest.fixture(autouse=True)
def as_before(request):
    if "house" in request.fixturenames:
        h = request.getfixturevalue("house")
        for name in NAMES:
            control(h, name)


@pytest.fixture(params=["legacy client", "modern client"])
def hub(request, house):
    lines = Lines(house, None, modern=request.param.startswith("modern"))
    whole(lines)
    yield lines
    lines.close()


def whole(lines, missing=()):
    """Start, and ask until every server is there: on a busy machine one may come late."""
    lines.start()
    return until(lines, lambda r: sorted(m["destination"] for m in r.get("_meta", {}).get("writ/missing", [])) == sorted(missing))


def until(lines, wanted):
    end = time.monotonic() + DEADLINE
    while True:
        result = lines.ask("tools/list")["result"]
        if wanted(result):
            return result
        assert time.monotonic() < end, result.get("_meta")
        time.sleep(0.1)


def words(answer):
    return answer["result"]["content"][0]["text"]


def refused(answer, words):
    e = answer["error"]
    assert e["code"] == 4030 and words in e["message"], e
    return e


def recorded(house, answer):
    end, found = time.monotonic() + DEADLINE, []
    while not found and time.monotonic() < end:  # a record waits a moment for the disk
        found = house.records(call=answer["error"]["data"]["call"])
    assert found and found[0]["leaf"]["decision"] == "deny", found
    return found[0]["leaf"]


# ------------------------------------------------------------------------------------------------------------------ names


def test_every_server_has_its_own_names(hub):
    tools = hub.ask("tools/list")["result"]["tools"]
    names = [t["name"] for t in tools]
    assert len(set(names)) == len(names) == len(TOOLS) * 4 - 1, "one is not granted"
    assert [n.split("__")[0] for n in names] == sorted(n.split("__")[0] for n in names), "in the order of their servers"
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,53}", n) for n in names)
    real = {t["name"]: t["_meta"]["writ/tool"] for t in tools}
    assert real["bank__whoami"] == "bank/whoami" and f"old/{LONG}" in real.values()
    for name in ("bank", "evil", "old", "older"):
        assert words(hub.call(f"{name}__whoami")) == f"{name} whoami"


def test_names_that_clients_cannot_take_are_shortened(hub):
    tools = {t["_meta"]["writ/tool"]: t["name"] for t in hub.ask("tools/list")["result"]["tools"]}
    assert re.fullmatch(r"bank__read-me_[a-z2-7]{13}", tools["bank/read.me"])
    assert tools[f"bank/{LONG}"] != tools[f"old/{LONG}"]
    assert words(hub.call(tools["bank/read.me"])) == "bank read.me"
    assert words(hub.call(tools[f"old/{LONG}"])) == f"old {LONG}"


def test_what_goes_up_is_the_servers_own_name(hub):
    hub.ask("tools/call", {"name": "bank__whoami", "arguments": {}, "example.com/kept": 1}, {"traceparent": "00-1-2-3", "progressToken": "t"})
    heard = json.loads(words(hub.call("bank__heard")))
    assert heard["name"] == "whoami" and heard["example.com/kept"] == 1 and heard["_meta"]["traceparent"] == "00-1-2-3"


@pytest.mark.parametrize("name, why", [
    ("nobody__whoami", "no tool of this address goes by that name"), ("whoami", "no tool of this address goes by that name"),
    ("bank__read.me", "no tool of this address goes by that name"), ("bank__none", "grants no bank/none"),
    ("evil__level", "grants no evil/level"), ("evil__bank__whoami", "grants no evil/bank__whoami"),
])
def test_what_is_not_granted_is_refused_and_recorded(hub, house, name, why):
    answer = hub.call(name)
    assert refused(answer, why)["message"].startswith(f"{name}: refused: "), "by the name that the client knows"
    assert recorded(house, answer)["writ"]


def test_prompts_have_names_of_their_own(hub):
    prompts = [p["name"] for p in hub.ask("prompts/list")["result"]["prompts"]]
    assert prompts == [f"{n}__{p}" for n in ("bank", "evil", "old") for p in ("hello", "with: any / letters")]
    got = hub.ask("prompts/get", {"name": "old__with: any / letters"})["result"]
    assert got["messages"][0]["content"]["text"] == "old greets by with: any / letters"
    refused(hub.ask("prompts/get", {"name": "older__hello"}), "grants no older/@prompts")
    refused(hub.ask("prompts/get", {"name": "hello"}), "no prompt of this address")


def test_completion_goes_to_the_owner(hub):
    values = hub.ask("completion/complete", {"ref": {"type": "ref/prompt", "name": "bank__hello"}, "argument": {"name": "a", "value": "b"}})["result"]
    assert values["completion"]["values"] == ["bank", '{"type": "ref/prompt", "name": "hello"}']


def test_the_hub_says_who_it_is(house):
    for modern in (False, True):
        lines = Lines(house, None, modern=modern)
        result = lines.start()["result"]
        info = result["_meta"][META + "serverInfo"] if modern else result["serverInfo"]
        assert info["name"] == "writ"
        assert {"tools", "prompts", "resources"} <= set(result["capabilities"])
        whole(lines)
        lines.close()
    lines = Lines(house, None)
    until_said = time.monotonic() + DEADLINE
    while not all(f"The server {n} (its tools begin with {n}__) says of itself: Words of {n}" in result.get("instructions", "") for n in NAMES):
        assert time.monotonic() < until_said, result
        lines.close()
        lines = Lines(house, None)
        result = lines.start()["result"]
    lines.close()


# -------------------------------------------------------------------------------------------------------------- resources


def uris(hub, method="resources/list", member="resources", key="uri"):
    return [r[key] for r in hub.ask(method)["result"][member]]


def test_a_uri_is_kept_where_one_server_has_it(hub):
    assert uris(hub) == ["own://bank", "own://evil", "own://old"]
    for name in ("bank", "evil", "old"):
        contents = hub.ask("resources/read", {"uri": f"own://{name}"})["result"]["contents"]
        assert contents == [{"uri": f"own://{name}", "text": f"read at {name}"}]


def test_a_uri_of_another_draws_nothing_to_itself(hub, house):
    """A server lists what another has, and a template for everything: the bare URI is then nobody's."""
    control(house, "bank", resources=["note://money"], templates=["account://{id}/balance"])
    control(house, "evil", resources=["note://money", "account://7/balance"], templates=[])
    wanted, end = ["writ:bank:note://money", "writ:evil:note://money", "writ:evil:account://7/balance", "own://old"], time.monotonic() + DEADLINE
    while (listed := uris(hub)) != wanted:  # what a server has new is known once it has said so
        assert time.monotonic() < end, listed
    assert uris(hub, "resources/templates/list", "resourceTemplates", "uriTemplate") == ["account://{id}/balance"]
    for uri in ("note://money", "account://7/balance"):
        answer = hub.ask("resources/read", {"uri": uri})
        refused(answer, "or more than one, has a resource of that URI")
        recorded(house, answer)
    assert hub.ask("resources/read", {"uri": "account://8/balance"})["result"]["contents"][0]["text"] == "read at bank"
    got = hub.ask("resources/read", {"uri": "writ:bank:note://money"})["result"]["contents"][0]
    assert got == {"uri": "writ:bank:note://money", "text": "read at bank"}


def test_a_link_in_a_result_leads_to_its_own_server(hub, house):
    uris(hub)
    uris(hub, "resources/templates/list", "resourceTemplates", "uriTemplate")
    link = lambda server, uri: hub.call(f"{server}__link", uri=uri)["result"]["content"][0]["uri"]
    assert link("evil", "own://evil") == "own://evil"
    assert link("evil", "own://bank") == "writ:evil:own://bank"
    assert link("evil", "writ:bank:own://bank") == "writ:evil:writ:bank:own://bank"
    assert link("bank", "somewhere://else") == "writ:bank:somewhere://else"
    read = hub.ask("resources/read", {"uri": "writ:evil:own://bank"})["result"]["contents"][0]["text"]
    assert read == "read at evil", "it may say what it likes of its own"
    refused(hub.ask("resources/read", {"uri": "writ:older:own://older"}), "grants no older/@resources")


def test_long_lists_come_in_pages(hub, house):
    control(house, "evil", resources=[f"many://{i}" for i in range(1500)])
    found, cursor, pages = [], None, 0
    while pages == 0 or cursor:
        result = hub.ask("resources/list", {"cursor": cursor} if cursor else {})["result"]
        found += [r["uri"] for r in result["resources"]]
        cursor, pages = result.get("nextCursor"), pages + 1
    assert found == ["own://bank"] + [f"many://{i}" for i in range(1500)] + ["own://old"] and pages == 2
    for cursor in ("none", "MDpub2JvZHk6MA", "x" * 1000):
        assert hub.ask("resources/list", {"cursor": cursor})["error"]["code"] == -32602


# ------------------------------------------------------------------------------------------- who is slow, dead, or cut off


def test_a_silent_server_keeps_nobody_and_comes_back(house):
    """It is silent before it has started: the others are listed, it is named, and the client hears when it is back."""
    control(house, "evil", silent=True)
    lines = Lines(house, None)
    try:
        begin = time.monotonic()
        lines.start()
        missing = lines.ask("tools/list")["result"]["_meta"]["writ/missing"]
        assert "evil" in [m["destination"] for m in missing]
        until(lines, lambda r: [m["destination"] for m in r.get("_meta", {}).get("writ/missing", [])] == ["evil"])
        assert words(lines.call("bank__whoami")) == "bank whoami"
        state = {d["destination"]: d for d in house.api("GET", "/v1/status")["destinations"]}
        assert state["evil"]["state"] == "late"
        assert state["bank"]["state"] == "up"
        assert time.monotonic() - begin < DEADLINE
        lines.notes.clear()
        control(house, "evil")
        wait_for_change(lines)
        result = until(lines, lambda r: "_meta" not in r)
        assert "evil__whoami" in [t["name"] for t in result["tools"]]
    finally:
        lines.close()


def touch(house):
    """A tool is forbidden, and permitted again: lists are others, and then as they were."""
    house.put("policies/touch.cedar", '@id("touch") forbid (principal, action == Action::"bank/level", resource);\n')
    house.api("POST", "/v1/reload", {})
    os.remove(os.path.join(house.estate, "policies/touch.cedar"))
    house.api("POST", "/v1/reload", {})


def wait_for_change(lines):
    while not any(n.get("method") == "notifications/tools/list_changed" for n in lines.notes):
        lines.notes.append(lines.receive())


def test_a_server_that_falls_silent_later_is_left_out(hub, house):
    """What may be kept is kept meanwhile (old: until it says otherwise), what may not is missing (evil: ttlMs 0)."""
    hub.ask("prompts/list")
    control(house, "evil", silent=True)
    control(house, "old", silent=True)
    hub.ask("prompts/list")
    result = hub.ask("prompts/list")["result"]
    assert [p["name"].split("__")[0] for p in result["prompts"]] == ["bank", "bank", "old", "old"]
    assert [(m["destination"], m["why"]) for m in result["_meta"]["writ/missing"]] == [("evil", "evil has not answered yet")]
    control(house, "evil")
    control(house, "old")
    end = time.monotonic() + DEADLINE
    while "_meta" in hub.ask("prompts/list")["result"]:
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_dead_server_says_when_to_try_again():
    h = House()
    lines = None
    try:
        build(h, {"bank": "modern"}, dead=["gone"])
        lines = Lines(h, None, modern=True)
        result = whole(lines, ["gone"])
        assert [t["name"].split("__")[0] for t in result["tools"]] == ["bank"] * len(TOOLS)
        assert "gone" in result["_meta"]["writ/missing"][0]["why"] or "asked" in result["_meta"]["writ/missing"][0]["why"]
        end = time.monotonic() + DEADLINE
        while True:
            e = lines.call("gone__anything")["error"]
            assert e["code"] == 5020 and e["data"]["code"] in ("connect", "upstream"), e
            if "is tried again in" in e["message"]:
                break
            assert time.monotonic() < end, e
        assert {d["destination"]: d["state"] for d in h.api("GET", "/v1/status")["destinations"]}["gone"] == "down"
        listed = subprocess.run([WRIT, "destination", "list", "--estate", h.estate], capture_output=True, text=True,
                                timeout=DEADLINE, check=True).stdout
        assert re.search(r"gone .*down", listed), listed
    finally:
        if lines:
            lines.close()
        h.close()


def test_a_revoked_destination_is_cut_off_alone(hub, house):
    house.api("POST", "/v1/revoke", {"selector": "destination", "id": "evil", "why": "a test"})
    try:
        refused(hub.call("evil__whoami"), "")
        assert words(hub.call("bank__whoami")) == "bank whoami"
        result = hub.ask("tools/list")["result"]
        assert [m["destination"] for m in result["_meta"]["writ/missing"]] == ["evil"]
    finally:
        house.api("POST", "/v1/restore", {"selector": "destination", "id": "evil"})
    until(hub, lambda r: "_meta" not in r)


def test_a_revoked_writ_ends_all_of_it(house):
    lines = Lines(house, None)
    whole(lines)
    writ = next(w["id"] for w in house.writs().values() if w["state"] == "active")
    waiting = lines.request("tools/call", {"name": "old__ask", "arguments": {}})
    while lines.receive().get("method") != "elicitation/create":
        pass
    house.api("POST", "/v1/revoke", {"selector": "agent", "id": "reader", "why": "a test"})
    try:
        m = lines.receive()
        while m.get("id") != waiting:
            m = lines.receive()
        assert m["error"]["code"] == 4031
        assert lines.ask("tools/list")["error"]["code"] == 4031
        assert house.writs()[writ]["state"] == "revoked"
    finally:
        lines.close()
        house.api("POST", "/v1/restore", {"selector": "agent", "id": "reader"})


# ------------------------------------------------------------------------------------ what belongs to no request, and attacks


def test_two_servers_ask_at_once_and_each_gets_its_own_answer(house):
    """Both ask under the same id; the client answers in the other order."""
    lines = Lines(house, None)
    try:
        whole(lines)
        calls = {lines.request("tools/call", {"name": f"{n}__ask", "arguments": {}}): n for n in ("old", "older")}
        questions = []
        while len(questions) < 2:
            m = lines.receive()
            if m.get("method") == "elicitation/create":
                questions.append(m)
        assert len({q["id"] for q in questions}) == 2
        for q in reversed(questions):
            server = re.match(r"\[(\w+)\] Which\?$", q["params"]["message"]).group(1)
            lines.send({"jsonrpc": "2.0", "id": q["id"], "result": {"action": "accept", "content": {"for": server}}})
        for _ in calls:
            m = lines.receive()
            said = json.loads(words(m))
            assert said["by"] == said["answer"]["content"]["for"] == calls[m["id"]]
    finally:
        lines.close()


def test_a_server_reaches_nothing_of_the_others(hub):
    """Progress, cancellations, answers and subscriptions in another's name: the victim's call goes on, and nothing of it is heard."""
    hub.notes.clear()
    hub.next += 1
    victim = hub.next
    forger = victim + 1
    name = "old__ask" if not hub.modern else "bank__whoami"
    meta = {META + "protocolVersion": "2026-07-28", META + "clientCapabilities": {}} if hub.modern else {}
    hub.send({"jsonrpc": "2.0", "id": victim, "method": "tools/call", "params": {"name": name, "arguments": {}, "_meta": {"progressToken": "mine"} | meta}})
    hub.next = forger - 1
    answer = hub.ask("tools/call", {"name": "evil__forge", "arguments": {"token": "mine", "id": victim}}, {"progressToken": "own"})
    assert words(answer) == "forged"
    if not hub.modern:
        while not any(n.get("method") == "elicitation/create" for n in hub.notes):
            hub.notes.append(hub.receive())
        question = next(n for n in hub.notes if n.get("method") == "elicitation/create")
        hub.send({"jsonrpc": "2.0", "id": question["id"], "result": {"action": "decline"}})
        m = hub.receive()
        while m.get("id") != victim:
            hub.notes.append(m)
            m = hub.receive()
        assert json.loads(words(m))["by"] == "old"
    else:
        while not any(n.get("id") == victim for n in hub.notes):
            hub.notes.append(hub.receive())
        assert words(next(n for n in hub.notes if n.get("id") == victim)) == "bank whoami"
    assert "forged" not in json.dumps(hub.notes) and "of-another" not in json.dumps(hub.notes)
    assert not [n for n in hub.notes if n.get("method") in ("notifications/progress", "notifications/cancelled")]


def modern_state(lines, name, **params):
    return lines.ask("tools/call", {"name": name, "arguments": {}, **params}, {META + "clientCapabilities": {"elicitation": {}}})


def test_a_request_state_is_for_its_server_alone(house):
    lines = Lines(house, None, modern=True)
    try:
        whole(lines)
        first = modern_state(lines, "bank__state")["result"]
        sealed = first["requestState"]
        assert first["resultType"] == "input_required" and "bank" not in sealed and first["inputRequests"]["who"]["params"]["message"] == "[bank] Who are you?"
        again = modern_state(lines, "bank__state", requestState=sealed, inputResponses={"who": {"action": "accept"}})
        assert json.loads(words(again)) == {"by": "bank", "state": "the state of bank", "responses": {"who": {"action": "accept"}}}
        for name, state in (("evil__state", sealed), ("bank__whoami", sealed), ("bank__state", sealed[:-1] + ("A" if sealed[-1] != "A" else "B")),
                            ("bank__state", "the state of bank"), ("bank__state", "")):
            answer = modern_state(lines, name, requestState=state)
            refused(answer, "its requestState was given for something else, or too long ago")
            recorded(house, answer)
        other = Lines(house, None, modern=True)  # another writ
        whole(other)
        refused(modern_state(other, "bank__state", requestState=sealed), "its requestState was given for something else")
        other.close()
    finally:
        lines.close()


def test_a_task_belongs_to_its_server(house):
    """A server cannot give out a handle of another's: whatever it says, it is its own."""
    lines = Lines(house, None, modern=True)
    capable = {META + "clientCapabilities": {"extensions": {META + "tasks": {}}}}
    ask = lambda method, **params: lines.ask(method, params, capable)
    try:
        whole(lines)
        assert META + "tasks" in lines.ask("server/discover")["result"]["capabilities"]["extensions"]
        assert ask("tools/call", name="bank__task", arguments={})["result"]["taskId"] == "bank__t-1"
        assert ask("tools/call", name="evil__task", arguments={})["result"]["taskId"] == "evil__bank__t-1"
        done = ask("tasks/get", taskId="bank__t-1")["result"]
        assert done["taskId"] == "bank__t-1" and done["result"]["content"][0]["uri"] in ("own://bank", "writ:bank:own://bank")
        assert ask("tasks/get", taskId="evil__bank__t-1")["result"]["result"]["content"][0]["uri"].endswith("own://evil")
        assert ask("tasks/get", taskId="bank__t-2")["error"]["code"] == -32602
        for stolen in ("t-1", "nobody__t-1", "evil__t-1"):
            answer = ask("tasks/get", taskId=stolen)
            assert "error" in answer, answer
    finally:
        lines.close()


def test_changes_of_all_are_told_once(house):
    lines = Lines(house, None)
    try:
        whole(lines)
        lines.notes.clear()
        lines.call("old__change")
        while len([n for n in lines.notes if n["method"].endswith("/list_changed")]) < 3:
            lines.notes.append(lines.receive())
        assert sorted(n["method"] for n in lines.notes) == [f"notifications/{w}/list_changed" for w in ("prompts", "resources", "tools")]
        lines.notes.clear()
        touch(house)
        wait_for_change(lines)
    finally:
        lines.close()


def test_logs_say_whose_they_are(house):
    lines = Lines(house, None)
    try:
        whole(lines)
        assert lines.ask("logging/setLevel", {"level": "error"})["result"] == {}
        end = time.monotonic() + DEADLINE
        for name in ("old", "older"):
            while words(lines.call(f"{name}__level")) != "error":
                assert time.monotonic() < end
        lines.notes.clear()
        lines.call("older__log")
        while not lines.notes:
            lines.notes.append(lines.receive())
        assert lines.notes[0]["params"] == {"level": "error", "logger": "older__main", "data": "said by older"}
    finally:
        lines.close()


def test_one_stream_listens_to_all(house):
    lines = Lines(house, None, modern=True)
    try:
        whole(lines)
        wanted = {"toolsListChanged": True, "promptsListChanged": False, "resourceSubscriptions": ["own://bank", "own://evil", "own://nobody"]}
        stream = lines.request("subscriptions/listen", {"notifications": wanted})
        m = lines.receive()
        assert m["method"] == "notifications/subscriptions/acknowledged", "first of all"
        accepted = m["params"]["notifications"]
        assert m["params"]["_meta"] == {META + "subscriptionId": stream} and accepted["toolsListChanged"] is True
        assert sorted(accepted["resourceSubscriptions"]) == ["own://bank", "own://evil"] and len(accepted) == 2
        updated = [lines.receive() for _ in range(2)]
        assert {u["params"]["uri"] for u in updated} == {"own://bank", "own://evil"}
        assert all(u["params"]["_meta"] == {META + "subscriptionId": stream} for u in updated)
        touch(house)
        m = lines.receive()
        assert m["method"] == "notifications/tools/list_changed" and m["params"]["_meta"] == {META + "subscriptionId": stream}
        lines.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": stream}})
        assert words(lines.call("bank__whoami")) == "bank whoami"
    finally:
        lines.close()


# ------------------------------------------------------------------------------------------------------------ bad neighbours

MISCHIEF = ("garbage", "binary", "duplicate-key", "wrong-id", "text-id", "both", "result-null", "error-forged", "error-wraps", "huge", "deep", "forged-notes",
            "changes-flood", "asks-flood", "notes-flood", "exit-mid", "endless-line", "never", "two-answers", "start-exit", "start-garbage", "start-silent",
            "start-changed", "start-twice", "start-cursor-loop")


def test_bad_neighbours_harm_nobody():
    """Every misbehaviour of evil.py at one address at once, beside an honest server; all look honest when they are pinned."""
    h, lines, asked = House(), None, []
    tools = {t: READ for t in ("echo", "count", "read", "list", "hidden")}
    try:
        h.destination("good", {"command": [sys.executable, EVIL, "honest"]}, {})
        h.task("work", {})
        h.agent("reader", READER, ["work"])
        h.start()
        h.pin("good")
        h.destination("good", {"command": [sys.executable, EVIL, "honest"]}, tools)
        for mode in MISCHIEF:
            h.destination(mode, {"command": [sys.executable, EVIL, mode]}, tools, more="limits: { call_timeout: 5s, repeats: 0, repeated_writes: 0 }\n")
            h.pin_like(mode, "good")
        h.task("work", {f"{n}/echo": "{}" for n in ("good", *MISCHIEF)})
        h.api("POST", "/v1/reload", {})
        lines = Lines(h, None)
        until_there(lines, "good__echo")
        waiting = {lines.request("tools/call", {"name": f"{mode}__echo", "arguments": {"text": "hello"}}): mode for mode in MISCHIEF if mode != "start-silent"}
        honest = lambda text: words(lines.call("good__echo", text=text)) == json.dumps({"text": text}, separators=(",", ":"))
        assert honest("meanwhile")
        answers = {}
        while waiting.keys() - answers.keys():
            m = lines.notes.pop(0) if lines.notes else lines.receive()
            if "method" in m:
                asked.append(m)
            else:
                answers[m["id"]] = m
        answers = {mode: answers[i] for i, mode in waiting.items()}
        assert honest("afterwards")
        assert "good__echo" in [t["name"] for t in lines.ask("tools/list")["result"]["tools"]]
        assert answers["error-forged"]["error"]["code"] == -32603, "nobody speaks in Writ's name"
        assert answers["start-changed"]["error"]["code"] == 4030, "it is not as it was pinned"
        for mode in ("garbage", "binary", "duplicate-key", "both", "deep", "exit-mid", "endless-line", "start-exit", "start-garbage", "never", "wrong-id"):
            assert answers[mode]["error"]["code"] == 5020, (mode, answers[mode])
        questions = [n["id"] for n in asked + lines.notes if n.get("method") == "sampling/createMessage"]
        assert len(set(questions)) == len(questions), "questions have ids of their own"
        assert h.process.poll() is None
        assert "runtime error" not in h.said() and "AddressSanitizer" not in h.said()
    finally:
        if lines:
            lines.close()
        h.close()


def until_there(lines, name):
    lines.start()
    until(lines, lambda r: name in [t["name"] for t in r["tools"]])


# -------------------------------------------------------------------------------------------------------------------- HTTP


def test_over_http_headers_and_body_name_the_same(house):
    e = Endpoint(house)
    try:
        answer = e.call("", "bank__whoami")
        end = time.monotonic() + DEADLINE
        while "error" in answer and time.monotonic() < end:
            answer = e.call("", "bank__whoami")
        assert words(answer) == "bank whoami"
        c, r = e.send("POST", "mcp", {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "bank__whoami", "arguments": {}, "_meta": {
            META + "protocolVersion": "2026-07-28", META + "clientCapabilities": {}}}},
            {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "whoami"})
        assert r.status == 400 and json.loads(r.read())["error"]["code"] == -32020
        c.close()
    finally:
        e.close()


def test_an_older_session_has_its_stream(house):
    e = Endpoint(house)
    try:
        c, r = e.post("", "initialize", {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}, "legacy")
        session = r.headers["Mcp-Session-Id"]
        assert json.loads(r.read())["result"]["protocolVersion"] == "2025-06-18"
        c.close()
        c, stream = e.send("GET", "mcp", headers={"Mcp-Session-Id": session})
        assert stream.status == 200
        touch(house)
        while b"tools/list_changed" not in stream.readline():
            pass
        c.close()
        c, r = e.send("DELETE", "mcp", headers={"Mcp-Session-Id": session})
        assert r.status == 204
        c.close()
    finally:
        e.close()


# ------------------------------------------------------------------------------------------------------------- idleness


@pytest.mark.parametrize("modern", [False, True], ids=["legacy client", "modern client"])
def test_after_idleness_the_same_conversation_goes_on_under_a_new_writ(house, modern):
    """The task ended by itself and the person came back: a new writ, all servers again, and nothing that was handed out under the old one counts."""
    grants = {f"{n}/{t}": "{}" for n in ("bank", "old") for t in ("whoami", "state")} | {"bank/@prompts": "{}"}
    house.task("brief", grants, idle="2s")
    house.agent("reader", READER, ["work", "brief"])
    house.api("POST", "/v1/reload", {})
    before = set(house.writs())
    lines = Lines(house, None, modern=modern, args=("--task", "brief"))
    try:
        whole(lines)
        first = (set(house.writs()) - before).pop()
        assert words(lines.call("bank__whoami")) == "bank whoami"
        sealed = modern_state(lines, "bank__state")["result"]["requestState"] if modern else None
        end = time.monotonic() + DEADLINE
        while house.writs()[first]["state"] != "expired":
            assert time.monotonic() < end, house.writs()[first]
            time.sleep(0.1)
        until_said = time.monotonic() + DEADLINE
        while "result" not in (answer := lines.call("bank__whoami")):
            assert time.monotonic() < until_said, answer
        assert words(answer) == "bank whoami"
        second = (set(house.writs()) - before - {first}).pop()
        assert house.writs()[second]["state"] == "active"
        until(lines, lambda r: sorted(t["name"] for t in r["tools"]) == ["bank__state", "bank__whoami", "old__state", "old__whoami"])
        assert words(lines.call("old__whoami")) == "old whoami"
        assert [p["name"] for p in lines.ask("prompts/list")["result"]["prompts"]][:1] == ["bank__hello"]
        if modern:
            refused(modern_state(lines, "bank__state", requestState=sealed), "its requestState was given for something else")
        under = lambda: {r["leaf"]["writ"] for r in house.records(kind="decision", destination="bank") if r["leaf"].get("tool") == "whoami"}
        while not {first, second} <= under():
            assert time.monotonic() < until_said + DEADLINE, "each call is on record under its own writ"
            time.sleep(0.05)
    finally:
        lines.close()
