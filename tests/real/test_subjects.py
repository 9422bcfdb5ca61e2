"""
Prompts and resources as subjects of grants and policies, in both eras and behind one address: lists show what the writ could use, each use is decided
on what it names, recorded and explained; lists that change are told to whom they change for; the HTTP face as a resource of OAuth. The server is library.py.
"""
import json
import os
import shutil
import subprocess
import sys
import time

import pytest

from house import DEADLINE, IS_ROOT, NODE, READER, WRIT, Endpoint, House, Lines, script
from test_protocol import CLIENTS, python_lacks

HERE = os.path.dirname(os.path.abspath(__file__))
SERVERS = {"docs": "legacy", "news": "modern"}
GRANTS = {"find": "{}", "touch": "{}", "@prompts/review": "{ repo: { starts: acme/ } }", "@prompts/greet": "{}", "@prompts/plain": "{}",
          "@resources/docs://{+path}": "{ uri: { starts: docs://public/ } }", "@resources/repo://{name}": "{}", "@resources/memo://one": "{}"}
POLICY = """
@id("own/secret-plans")
forbid (principal, action == Action::"docs/@prompts/review", resource) when { context.input.arguments.repo like "*secret*" };
@id("own/secret-news")
forbid (principal, action == Action::"news/@prompts/review", resource) when { context.input.arguments.repo like "*secret*" };
@id("own/no-plain")
forbid (principal, action in [Action::"docs/@prompts/plain", Action::"news/@prompts/plain"], resource);
@id("own/no-b")
forbid (principal, action in [Action::"docs/@resources", Action::"news/@resources"], resource) when { context.input has uri && context.input.uri like "*/b" };
"""


def control(h, name, **what):
    path = os.path.join(h.top, name + ".control")
    with open(path + ".new", "w") as f:
        json.dump(what, f)
    os.chmod(path + ".new", 0o644)
    os.rename(path + ".new", path)


def seen(h, name):
    """What reached the server."""
    with open(os.path.join(h.top, name + ".seen")) as f:
        return [json.loads(line) for line in f]


@pytest.fixture(scope="module")
def house():
    h = House()
    try:
        library = os.path.join(h.top, "library.py")
        shutil.copy(os.path.join(HERE, "library.py"), library)
        servers = {}
        for name, era in SERVERS.items():
            control(h, name)
            path = os.path.join(h.top, name + ".seen")
            open(path, "w").close()
            os.chmod(path, 0o666)
            servers[name] = {"command": [sys.executable, library, os.path.join(h.top, name + ".control"), path, era]}
            h.destination(name, servers[name], {}, more="share: [resources, prompts]\n")
        h.task("work", {})
        h.agent("reader", READER, ["work"])
        h.start()
        for name in SERVERS:
            h.pin(name)
            h.destination(name, servers[name], {t: "{ effect: read }" for t in ("find", "touch", "never")}, more="share: [resources, prompts]\n")
        h.task("work", {f"{n}/{g}": c for n in SERVERS for g, c in GRANTS.items()})
        h.put("policies/own.cedar", POLICY)
        h.api("POST", "/v1/reload", {})
        yield h
    finally:
        h.close()


@pytest.fixture(autouse=True)
def as_it_was(house):
    yield
    for name in SERVERS:
        control(house, name)
    house.put("policies/own.cedar", POLICY)
    house.api("POST", "/v1/reload", {})


@pytest.fixture(params=[(n, m) for n in SERVERS for m in (False, True)], ids=lambda p: f"{SERVERS[p[0]]} server, {'modern' if p[1] else 'legacy'} client")
def cell(request, house):
    """An agent of either era at a server of either era: (its lines, the destination's name)."""
    name, modern = request.param
    lines = Lines(house, name, modern=modern)
    lines.start()
    yield lines, name
    lines.close()


def listed(lines, method, member, key):
    result = lines.ask(method)["result"]
    if lines.modern:
        assert (result["cacheScope"], result["ttlMs"]) == ("private", 0), "it was filtered: nobody else may be shown it, though the server says public"
    return [i[key] for i in result[member]]


def eventually(look, end=None):
    end = end or time.monotonic() + DEADLINE
    while True:
        found = look()
        if found or time.monotonic() > end:
            return found
        time.sleep(0.05)


def decision(house, answer):
    call = answer["error"]["data"]["call"]
    return eventually(lambda: house.records(call=call))[0]["leaf"]


# --------------------------------------------------------------------------------------------------------------------- lists


def test_lists_show_what_the_writ_could_use(house, cell):
    lines, name = cell
    assert listed(lines, "tools/list", "tools", "name") == ["find", "touch"]
    assert listed(lines, "prompts/list", "prompts", "name") == ["review", "greet"], "plain is forbidden, hidden is not granted"
    assert listed(lines, "resources/list", "resources", "uri") == ["docs://public/a", "memo://one"], "another spelling is not shown either"
    assert listed(lines, "resources/templates/list", "resourceTemplates", "uriTemplate") == ["docs://{+path}", "repo://{name}"]
    raw = json.dumps([lines.ask(m) for m in ("tools/list", "prompts/list", "resources/list", "resources/templates/list")])
    assert not [w for w in ("never", "hidden", "plain", "secret", "vault", "public/b", "DOCS") if w in raw], "no list leaks a name that is of no use"


def test_the_same_behind_one_address(house):
    lines = Lines(house, "", modern=True)
    try:
        lines.start()
        assert listed(lines, "prompts/list", "prompts", "name") == [f"{n}__{p}" for n in SERVERS for p in ("review", "greet")]
        uris = listed(lines, "resources/list", "resources", "uri")
        assert uris == [f"writ:{n}:{u}" for n in SERVERS for u in ("docs://public/a", "memo://one")]
        assert "read docs://public/a" in json.dumps(lines.ask("resources/read", {"uri": uris[0]}))
        assert "error" in lines.ask("resources/read", {"uri": "writ:docs:docs://secret/key"})
        assert "error" in lines.ask("prompts/get", {"name": "news__review", "arguments": {"repo": "acme/secret"}})
        assert "acme/site" in json.dumps(lines.ask("prompts/get", {"name": "news__review", "arguments": {"repo": "acme/site"}}))
    finally:
        lines.close()


# ----------------------------------------------------------------------------------------------------------------------- use


def test_prompts_are_decided_on_their_arguments(house, cell):
    lines, name = cell
    before = len(seen(house, name))
    get = lambda prompt, **arguments: lines.ask("prompts/get", {"name": prompt, "arguments": arguments})  # noqa: E731
    assert json.loads(get("review", repo="acme/site")["result"]["messages"][0]["content"]["text"]) == {"repo": "acme/site"}
    refused = get("review", repo="acme/secret-plans")
    leaf = decision(house, refused)
    assert (leaf["tool"], leaf["decision"], leaf["policies"]) == ("@prompts/review", "deny", [f"own/secret-{'plans' if name == 'docs' else 'news'}"])
    said = subprocess.run([WRIT, "explain", leaf["call"], "--run-dir", house.run], capture_output=True, text=True, timeout=DEADLINE)
    assert f"asked for {name}/@prompts/review." in " ".join(said.stdout.split()) and "own/secret" in said.stdout, said.stdout + said.stderr
    assert "only where repo must start with" in get("review", repo="other/site")["error"]["message"]
    assert decision(house, get("hidden"))["reason"] == f"the task work grants no {name}/@prompts/hidden"
    assert decision(house, get("nowhere"))["reason"] == f"the task work grants no {name}/@prompts/nowhere", "what is not there is refused alike"
    for arguments in ({}, {"repo": 1}, {"repo": "acme/site", "extra": "x"}, {"repo": None}):
        answer = get("review", **arguments)
        assert answer["error"]["code"] == -32602 and decision(house, answer)["decision"] == "deny", answer
    allowed = [r["leaf"] for r in house.records(kind="decision") if r["leaf"].get("tool") == "@prompts/review" and r["leaf"]["decision"] == "allow"]
    outcomes = {r["leaf"]["call"]: r["leaf"]["status"] for r in house.records(kind="outcome")}
    assert allowed and all(outcomes[leaf["call"]] == "ok" for leaf in allowed)
    assert not [m for m in seen(house, name)[before:] if m["method"] == "prompts/get" and m["params"].get("arguments", {}).get("repo") != "acme/site"]


def test_resources_are_decided_on_their_uri(house, cell):
    lines, name = cell
    read = lambda uri: lines.ask("resources/read", {"uri": uri})  # noqa: E731
    for uri in ("docs://public/a", "memo://one", "repo://acme", "repo://acme%2Fsite"):
        assert read(uri)["result"]["contents"][0]["text"] == "read " + uri
    assert decision(house, read("docs://public/b"))["policies"] == ["own/no-b"]
    for uri in ("docs://secret/key", "memo://two", "vault://x", "repo://acme/site"):
        assert "grants" in decision(house, read(uri))["reason"]


DODGES = ["docs://public/../secret/key", "docs://public/%2e%2e/secret/key", "docs://public/%2E%2E/secret/key", "docs://public/..%2Fsecret/key",
          "docs://public/%252e%252e/secret", "docs://public/..;x=1/secret/key", "docs://public/..\\secret", "docs://public/%5C..%5Csecret", "DOCS://public/a",
          "docs://PUBLIC/a", "docs://public/%62", "docs://public/%C0%AE%C0%AE/secret", "docs://public/%EF%BC%8E%EF%BC%8E%EF%BC%8Fsecret",
          "docs://public/\u2025/secret", "docs://public/cafe\u0301", "docs://public/a#../secret", "docs://public/a?", "docs://public%2Fa", "docs://public/%00",
          "docs://public/{+path}", "docs://public/a b", "docs://pub%E2%80%8Blic/a", "docs://public/\n", "memo://one/", "memo://%6Fne", " memo://one", ""]


def test_another_spelling_leads_nowhere(house, cell):
    """Percent-encoding, case, dot segments, Unicode, an expansion to another place: refused, recorded, and the server never sees it."""
    lines, name = cell
    before = len(seen(house, name))
    for uri in DODGES:
        answer = lines.ask("resources/read", {"uri": uri})
        assert "error" in answer, uri
        if uri:
            leaf = decision(house, answer)
            assert answer["error"]["code"] in (4030, -32602) and (leaf["decision"], leaf["destination"]) == ("deny", name), (uri, answer)
    assert not [m for m in seen(house, name)[before:] if m["method"] == "resources/read"]


def test_a_dodged_prompt_name(house, cell):
    lines, name = cell
    for prompt in ("Review", "review ", "rev\u200biew", "\uff52eview", "@prompts", "review/../hidden", "hidden\u0000"):
        answer = lines.ask("prompts/get", {"name": prompt, "arguments": {"repo": "acme/site"}})
        assert answer["error"]["code"] == 4030, (prompt, answer)


def test_completions_show_what_could_be_used(house, cell):
    lines, name = cell
    ask = lambda ref, argument, **known: lines.ask("completion/complete", {  # noqa: E731
        "ref": ref, "argument": {"name": argument, "value": "a"}, "context": {"arguments": known}})
    review = {"type": "ref/prompt", "name": "review"}
    result = ask(review, "repo")["result"]["completion"]
    assert result == {"values": ["acme/site"], "hasMore": False}, "one is forbidden, one is not granted, and how many there are is not told"
    assert len(ask(review, "style", repo="acme/site")["result"]["completion"]["values"]) == 3
    assert decision(house, ask(review, "style", repo="acme/secret"))["decision"] == "deny"
    assert ask(review, "nothing")["error"]["code"] == -32602
    assert decision(house, ask({"type": "ref/prompt", "name": "hidden"}, "x"))["decision"] == "deny"
    assert ask({"type": "ref/resource", "uri": "docs://{+path}"}, "path")["result"]["completion"]["total"] == 3
    assert ask({"type": "ref/resource", "uri": "vault://{name}"}, "name")["error"]["code"] == 4030
    assert decision(house, ask({"type": "ref/resource", "uri": "docs://{path}"}, "path"))["decision"] == "deny", "not a pinned template"


# ------------------------------------------------------------------------------------------------------------------- changes


def listen(lines, **more):
    if lines.modern:
        lines.request("subscriptions/listen", {"notifications": {f"{k}ListChanged": True for k in ("tools", "prompts", "resources")} | more})
    else:
        for uri in more.get("resourceSubscriptions", ()):
            lines.ask("resources/subscribe", {"uri": uri})


def heard(lines, marker):
    """What came, in order, until ${marker} did."""
    came = [(n["method"].removeprefix("notifications/"), n.get("params", {}).get("uri")) for n in lines.notes if "method" in n]
    lines.notes = []
    while marker not in came:
        m = lines.receive()
        if "method" in m:
            came.append((m["method"].removeprefix("notifications/"), m.get("params", {}).get("uri")))
    return [c for c in came if not c[0].startswith("subscriptions/")]


def policy(h, text):
    h.put("policies/own.cedar", POLICY + text)
    h.api("POST", "/v1/reload", {})


def test_a_list_that_changes_is_told_and_no_other(house, cell):
    lines, name = cell
    listen(lines)
    for method in ("tools/list", "prompts/list", "resources/list"):
        lines.ask(method)
    policy(house, '@id("other") forbid (principal == Agent::"reader", action == Action::"docs/never", resource);\n')  # nothing that it sees
    policy(house, f'@id("p") forbid (principal, action == Action::"{name}/@prompts/greet", resource);\n')
    assert heard(lines, ("prompts/list_changed", None)) == [("prompts/list_changed", None)]
    assert listed(lines, "prompts/list", "prompts", "name") == ["review"]
    policy(house, f'@id("p") forbid (principal, action == Action::"{name}/@prompts/greet", resource);\n'
                  f'@id("t") forbid (principal, action == Action::"{name}/find", resource);\n')
    assert heard(lines, ("tools/list_changed", None)) == [("tools/list_changed", None)]
    policy(house, f'@id("p") forbid (principal, action == Action::"{name}/@prompts/greet", resource);\n'
                  f'@id("t") forbid (principal, action == Action::"{name}/find", resource);\n'
                  f'@id("r") forbid (principal, action == Action::"{name}/@resources", resource) when {{ context.input has uri && context.input.uri == "memo://one" }};\n')
    assert heard(lines, ("resources/list_changed", None)) == [("resources/list_changed", None)]
    policy(house, "")
    assert sorted(set(heard(lines, ("tools/list_changed", None)) + heard_now(lines))) == [(f"{w}/list_changed", None) for w in ("prompts", "resources", "tools")]


def heard_now(lines):
    """What came before the answer to a question asked now."""
    lines.ask("tools/list")
    came = [(n["method"].removeprefix("notifications/"), None) for n in lines.notes if "method" in n]
    lines.notes = []
    return came


@pytest.mark.parametrize("where", ["docs", "news", ""])
@pytest.mark.parametrize("client", [c for c in CLIENTS if c != "TypeScript 2.4, auto"])
def test_official_clients_hear_of_it(house, client, where):
    sdk, mode, _ = CLIENTS[client]
    if sdk == "python" and python_lacks():
        pytest.skip(python_lacks())
    plan = {"sdk": sdk, "mode": mode, "transport": "stdio", "all": where == "",
            "servers": {"x": {"command": WRIT, "args": ["mcp", *([where] if where else []), "--run-dir", house.run], "steps": [{"op": "watch"}]}}}
    path = os.path.join(house.top, "plan.json")
    with open(path, "w") as f:
        json.dump(plan, f)
    os.chmod(path, 0o644)
    command = [sys.executable, script("python_client.py"), path] if sdk == "python" else [NODE, script("client.mjs"), path]
    user = {"user": READER, "group": READER, "extra_groups": []} if IS_ROOT else {}
    p = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/", **user)
    try:
        said = ""
        while "watching" not in said:
            line = p.stderr.readline()
            assert line, said + p.stdout.read()
            said += line
        changed = where or "docs"
        policy(house, f'@id("p") forbid (principal, action == Action::"{changed}/@prompts/greet", resource);\n')
        out, _ = p.communicate(timeout=DEADLINE)
    finally:
        p.kill()
        p.wait()
    report = json.loads(out)["x"]
    found = report["steps"][0]["ok"]
    prefix = (lambda n: f"docs__{n}") if where == "" else (lambda n: n)
    assert set(found["before"]) - set(found["after"]) == {prefix("greet")} and not set(found["after"]) - set(found["before"]), report
    assert found["heard"] == ["notifications/prompts/list_changed"], report


def test_the_server_says_that_something_changed(house, cell):
    """What a server says of a list of which something is granted is told once, and with what is found when it is looked at."""
    lines, name = cell
    listen(lines)
    lines.ask("prompts/list")
    control(house, name, prompts=["review"])
    lines.call("touch", q="prompts")
    assert heard(lines, ("prompts/list_changed", None)) == [("prompts/list_changed", None)]
    assert listed(lines, "prompts/list", "prompts", "name") == ["review"]
    lines.call("touch", q="resources")
    assert heard(lines, ("resources/list_changed", None)) == [("resources/list_changed", None)]


def test_updates_of_what_may_be_read_no_longer(house, cell):
    lines, name = cell
    listen(lines, resourceSubscriptions=["docs://public/a", "memo://one", "docs://secret/key", "docs://public/../secret/key"])
    lines.call("find", q="x")  # the subscription is there
    lines.call("touch", q="docs://secret/key docs://public/a memo://one")
    assert heard(lines, ("resources/updated", "memo://one")) == [("resources/updated", "docs://public/a"), ("resources/updated", "memo://one")]
    policy(house, f'@id("r") forbid (principal, action == Action::"{name}/@resources", resource) when {{ context.input has uri && context.input.uri == "docs://public/a" }};\n')
    lines.call("touch", q="docs://public/a memo://one")
    assert ("resources/updated", "docs://public/a") not in heard(lines, ("resources/updated", "memo://one"))


def test_what_was_seen_changes_lists(house):
    """A policy on what the writ has seen: the list is another after the first result, and its client hears of it."""
    policy(house, '@id("s") forbid (principal, action == Action::"docs/@prompts/greet", resource) when { context.seen.level >= 1 };\n')
    lines = Lines(house, "docs")
    try:
        lines.start()
        assert listed(lines, "prompts/list", "prompts", "name") in (["review", "greet"], ["review"])
        if not [n for n in lines.notes if n.get("method") == "notifications/prompts/list_changed"]:
            lines.call("find", q="x")
            assert ("prompts/list_changed", None) in heard(lines, ("prompts/list_changed", None))
        assert listed(lines, "prompts/list", "prompts", "name") == ["review"]
    finally:
        lines.close()


def test_no_list_after_a_freeze(house):
    """The lists that a hub keeps, and those of a server that is there, are nobody's once the agent is frozen."""
    agents = [Lines(house, where, modern=modern) for where in ("docs", "") for modern in (False, True)]
    path = os.path.join(house.estate, "agents/reader.yaml")
    with open(path) as f:
        text = f.read()
    try:
        for lines in agents:
            lines.start()
            assert lines.ask("prompts/list")["result"]["prompts"]
        house.put("agents/reader.yaml", text + "state: frozen\n")
        house.api("POST", "/v1/reload", {})
        for lines in agents:
            for method in ("tools/list", "prompts/list", "resources/list", "resources/templates/list"):
                try:
                    answer = lines.ask(method)
                except (EOFError, BrokenPipeError):
                    break  # it was cut
                assert "error" in answer or not any(v for k, v in answer["result"].items() if k in ("tools", "prompts", "resources", "resourceTemplates")), (method, answer)
    finally:
        house.put("agents/reader.yaml", text)
        house.api("POST", "/v1/reload", {})
        for lines in agents:
            lines.close()


# ----------------------------------------------------------------------------------------------- the HTTP face and OAuth


@pytest.fixture
def endpoint(house):
    e = Endpoint(house)
    yield e
    e.close()


def http(endpoint, method, path, headers=(), body=None):
    c = endpoint.connect()
    try:
        c.request(method, path, json.dumps(body) if body is not None else None, dict(headers))
        r = c.getresponse()
        data = r.read()
        return r.status, dict(r.getheaders()), json.loads(data) if data else None
    finally:
        c.close()


WELL_KNOWN = "/.well-known/oauth-protected-resource"


def test_resource_metadata(house, endpoint):
    base = f"http://127.0.0.1:{endpoint.port}"
    status, _, found = http(endpoint, "GET", WELL_KNOWN + "/mcp/docs")
    assert status == 200 and found["resource"] == base + "/mcp/docs" and found["bearer_methods_supported"] == ["header"]
    assert "authorization_servers" not in found, "none is declared, so none is invented"
    assert "docs/@prompts/review" in found["scopes_supported"] and not [s for s in found["scopes_supported"] if not s.startswith("docs/")]
    assert http(endpoint, "GET", WELL_KNOWN + "/mcp")[2]["resource"] == base + "/mcp"
    secret = http(endpoint, "GET", f"{WELL_KNOWN}/{endpoint.secret}/mcp/docs")[2]
    assert secret["resource"] == f"{base}/{endpoint.secret}/mcp/docs" and secret["bearer_methods_supported"] == [], "its address is the proof; no token is asked for"
    for path in ("", "/", "/mcp/nowhere", "/mcp/docs/more", "/mcp/", "/wrong/mcp/docs", '/mcp/"x', "/writ"):
        assert http(endpoint, "GET", WELL_KNOWN + path)[0] in (400, 404), path
    assert http(endpoint, "POST", WELL_KNOWN + "/mcp", {}, {})[0] == 404
    house.settings("authorization: { servers: [https://auth.example.com/tenant, http://127.0.0.1:9999], documentation: https://example.com/writ }\n")
    try:
        house.api("POST", "/v1/reload", {})
        found = http(endpoint, "GET", WELL_KNOWN + "/mcp")[2]
        assert found["authorization_servers"] == ["https://auth.example.com/tenant", "http://127.0.0.1:9999"]
        assert found["resource_documentation"] == "https://example.com/writ"
    finally:
        house.settings()
        house.api("POST", "/v1/reload", {})


def rpc(method, **params):
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


def begin(endpoint, path, token=None):
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"} | ({"Authorization": "Bearer " + token} if token else {})
    hello = rpc("initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo={"name": "t", "version": "1"})
    return headers, http(endpoint, "POST", path, headers, hello)


def test_challenges(house, endpoint):
    base = f"http://127.0.0.1:{endpoint.port}"
    where = f'resource_metadata="{base}{WELL_KNOWN}/mcp/docs"'
    _, (status, headers, _) = begin(endpoint, "/mcp/docs")
    assert (status, headers["WWW-Authenticate"]) == (401, f"Bearer {where}")
    for token in ("x", endpoint.secret[:-1], endpoint.secret + "x"):
        _, (status, headers, _) = begin(endpoint, "/mcp/docs", token)
        assert (status, headers["WWW-Authenticate"]) == (401, f'Bearer error="invalid_token", {where}')
    assert eventually(lambda: [r for r in house.records() if "not this endpoint's" in json.dumps(r["leaf"])]), "a wrong token is on record"
    headers, (status, got, answer) = begin(endpoint, "/mcp/docs", endpoint.secret)
    assert status == 200 and answer["result"]["serverInfo"]["name"] == "library"
    headers["Mcp-Session-Id"] = got["Mcp-Session-Id"]
    assert http(endpoint, "POST", "/mcp/docs", headers, rpc("prompts/get", name="greet", arguments={"name": "x"}))[2]["result"]
    for message, scope in ((rpc("tools/call", name="never", arguments={}), "docs/never"), (rpc("tools/call", name="nothing", arguments={}), "docs/nothing"),
                           (rpc("prompts/get", name="hidden"), "docs/@prompts/hidden"), (rpc("prompts/get", name="none"), "docs/@prompts/none"),
                           (rpc("resources/read", uri="docs://secret/key"), "docs/@resources/docs://secret/key")):
        status, got, answer = http(endpoint, "POST", "/mcp/docs", headers, message)
        assert (status, answer["error"]["code"]) == (403, 4030) and got["WWW-Authenticate"] == f'Bearer error="insufficient_scope", scope="{scope}", {where}'
    status, got, answer = http(endpoint, "POST", "/mcp/docs", headers, rpc("prompts/get", name="review", arguments={"repo": "acme/secret"}))
    assert status == 200 and "WWW-Authenticate" not in got and answer["error"]["code"] == 4030, "a policy forbids it: no wider token helps"
    status, got, answer = http(endpoint, "POST", "/mcp/docs", headers, rpc("tools/call", name='a", error="x', arguments={}))
    assert status == 200 and "WWW-Authenticate" not in got, "nothing that a client sends is put into a header that it could not stand in"
    _, (status, got, _) = begin(endpoint, "/mcp/elsewhere", endpoint.secret)
    assert status == 403 and 'error="insufficient_scope", scope="elsewhere/*"' in got["WWW-Authenticate"]
    _, (status, _, answer) = begin(endpoint, f"/{endpoint.secret}/mcp/docs")
    assert status == 200 and "result" in answer, "the address with the secret in it is as it was"


DISCOVER = """
import { discoverOAuthProtectedResourceMetadata, extractWWWAuthenticateParams } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
const [, , url, token] = process.argv;
const out = {};
const first = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' });
out.challenge = extractWWWAuthenticateParams(first);
out.told = await discoverOAuthProtectedResourceMetadata(url, { resourceMetadataUrl: out.challenge.resourceMetadataUrl });
out.found = await discoverOAuthProtectedResourceMetadata(url);
const client = new Client({ name: 'sdk', version: '1' });
await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: { authorization: 'Bearer ' + token } } }));
out.tools = (await client.listTools()).tools.map(t => t.name);
out.lacks = await client.callTool({ name: 'never', arguments: {} }).then(() => null, e => String(e));
const refused = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', authorization: 'Bearer ' + token, 'mcp-session-id': client.transport.sessionId },
  body: JSON.stringify({ jsonrpc: '2.0', id: 9, method: 'tools/call', params: { name: 'never', arguments: {} } }) });
out.step = extractWWWAuthenticateParams(refused);
await client.close();
console.log(JSON.stringify(out));
"""


def test_the_official_client_finds_its_way(house, endpoint):
    """Discovery and challenges as the TypeScript SDK reads them."""
    folder = os.path.dirname(script("client.mjs"))
    path = os.path.join(folder, "discover.mjs")
    with open(path, "w") as f:
        f.write(DISCOVER)
    url = f"http://127.0.0.1:{endpoint.port}/mcp/docs"
    user = {"user": READER, "group": READER, "extra_groups": []} if IS_ROOT else {}
    p = subprocess.run([NODE, path, url, endpoint.secret], capture_output=True, text=True, timeout=DEADLINE, cwd="/", **user)
    assert p.returncode == 0, p.stderr
    out = json.loads(p.stdout)
    assert out["told"] == out["found"] and out["found"]["resource"] == url
    assert out["challenge"]["resourceMetadataUrl"].endswith(WELL_KNOWN + "/mcp/docs")
    assert out["tools"] == ["find", "touch"] and out["lacks"]
    assert (out["step"]["error"], out["step"]["scope"]) == ("insufficient_scope", "docs/never")


# ------------------------------------------------------------------------------------------------------ tests of policies


TESTS = """tests:
  - name: a repository of ours may be reviewed
    agent: reader
    tool: docs/@prompts/review
    arguments: { repo: acme/site }
    expect: allow
  - name: secret plans may not
    agent: reader
    tool: docs/@prompts/review
    arguments: { repo: acme/secret-plans }
    expect: deny
    policies: [own/secret-plans]
  - { name: nor by all prompts, agent: reader, tool: docs/@prompts, arguments: { name: review, arguments: { repo: acme/secret } }, expect: deny }
  - { name: one resource, agent: reader, tool: "docs/@resources/docs://public/b", expect: deny, policies: [own/no-b] }
  - { name: another, agent: reader, tool: docs/@resources, arguments: { uri: "docs://public/a" }, expect: allow }
  - { name: what inspection found, agent: reader, tool: docs/find, arguments: { q: x }, found: [iban], expect: deny, policies: [own/iban] }
  - { name: and what it did not, agent: reader, tool: docs/find, arguments: { q: x }, found: [email], expect: allow }
  - { name: in a prompt, agent: reader, tool: docs/@prompts/greet, arguments: { name: x }, found: [iban], expect: deny }
"""


def writ(house, *words):
    return subprocess.run([WRIT, *words, "--estate", house.estate], capture_output=True, text=True, timeout=DEADLINE, stdin=subprocess.DEVNULL)


def test_tests_of_policies_know_prompts_resources_and_findings(house):
    policy(house, '@id("own/iban") forbid (principal, action in Action::"docs", resource) when { context.found.contains("iban") };\n')
    path = os.path.join(house.estate, "policies/own.test.yaml")
    try:
        house.put("policies/own.test.yaml", TESTS)
        done = writ(house, "policy", "test")
        assert done.returncode == 0 and "8" in done.stdout, done.stdout + done.stderr
        house.put("policies/own.test.yaml", TESTS.replace("found: [email], expect: allow", "found: [iban], expect: allow").replace("acme/site }", "acme/site, ropo: x }"))
        done = writ(house, "policy", "test")
        assert done.returncode == 1 and "decision: expected allow, got deny" in done.stdout and "ropo" in done.stdout, done.stdout + done.stderr
        house.put("policies/own.test.yaml", 'tests: [ { name: x, agent: reader, tool: docs/@prompts/reviw, found: no, expect: deny } ]\n')
        assert "found: expected a list of texts" in writ(house, "policy", "test").stdout
    finally:
        os.remove(path)


def test_questions_about_them(house):
    said = writ(house, "policy", "eval", "--agent", "reader", "--tool", "docs/@prompts/review", "--arguments", '{"repo":"acme/secret"}', "--why")
    assert said.returncode == 1 and "own/secret-plans" in said.stdout and "context.input.arguments.repo" in said.stdout, said.stdout + said.stderr
    said = writ(house, "policy", "eval", "--agent", "reader", "--tool", "docs/@resources/docs://public/../x")
    assert "dot segments" in said.stderr
    for what, verdict in (("docs/@prompts/greet", "yes"), ("docs/@prompts/review", "depends"), ("docs/@prompts/plain", "no"), ("docs/@prompts/hidden", "no"),
                          ("docs/@resources/repo://{name}", "depends"), ("docs/@resources/memo://one", "yes")):
        said = writ(house, "policy", "who-can", what, "--json")
        assert [r["can"] for r in json.loads(said.stdout)["who"]] == [verdict], (what, said.stdout + said.stderr)
