"""The `writ policy` commands, on an estate from `writ init` and on plain Cedar files. No server runs."""
import json
import os
import subprocess

import pytest

from house import WRIT

CEDAR = """@id("view")
permit (principal in Group::"staff", action == Action::"view", resource)
when { resource.public || resource.owner == principal };

@id("never-secret")
forbid (principal, action, resource)
when { resource.secret };
"""
ENTITIES = [
    {"uid": {"type": "User", "id": "ann"}, "attrs": {}, "parents": [{"type": "Group", "id": "staff"}]},
    {"uid": {"type": "User", "id": "bob"}, "attrs": {}, "parents": []},
    {"uid": {"type": "Doc", "id": "d"}, "attrs": {"public": True, "secret": False}, "parents": []},
    {"uid": {"type": "Doc", "id": "s"}, "attrs": {"public": True, "secret": True}, "parents": []},
    {"uid": {"type": "Doc", "id": "odd"}, "attrs": {"public": True}, "parents": []},
]
SCHEMA = """entity Group; entity User in [Group]; entity Doc { public: Bool, secret: Bool, owner: User };
action view appliesTo { principal: User, resource: Doc };
"""


def writ(*args, cwd=None, stdin=None):
    r = subprocess.run([WRIT, *args], cwd=cwd, input=stdin, capture_output=True, text=True, timeout=60, env={**os.environ, "NO_COLOR": "1"})
    return r.returncode, r.stdout, r.stderr


@pytest.fixture
def plain(tmp_path):
    (tmp_path / "p.cedar").write_text(CEDAR)
    (tmp_path / "e.json").write_text(json.dumps(ENTITIES))
    (tmp_path / "s.cedarschema").write_text(SCHEMA)
    return tmp_path


@pytest.fixture
def estate(tmp_path):
    folder = tmp_path / "estate"
    code, _, err = writ("init", str(folder), "--node", "/bin/true", "--server-js", "/bin/true")
    assert code == 0, err
    return folder


def ask(plain, principal, resource, *more):
    return writ("policy", "eval", "--policies", "p.cedar", "--entities", "e.json", "--principal", f'User::"{principal}"',
                "--action", 'Action::"view"', "--resource", f'Doc::"{resource}"', "--json", *more, cwd=plain)


def test_eval_says_what_determined_it(plain):
    code, out, _ = ask(plain, "ann", "d")
    assert code == 0 and json.loads(out)["decision"] == "allow" and json.loads(out)["policies"] == ["view"]
    code, out, _ = ask(plain, "ann", "s")
    assert code == 1 and json.loads(out)["forbids"] == ["never-secret"] and json.loads(out)["permits"] == ["view"]
    code, out, _ = ask(plain, "bob", "d")
    assert code == 1 and json.loads(out)["policies"] == []
    code, out, _ = ask(plain, "ann", "odd", "--why")
    answer = json.loads(out)  # Cedar drops a forbid that fails; who asks is told
    assert code == 0 and [e["policy"] for e in answer["errors"]] == ["never-secret"] and "secret" in answer["errors"][0]["text"]
    assert {w["policy"] for w in answer["why"]} == {"view", "never-secret"}


def test_eval_is_told_what_is_missing_or_malformed(plain):
    assert writ("policy", "eval", "--policies", "p.cedar", cwd=plain)[0] == 2
    code, _, err = writ("policy", "eval", "--policies", "p.cedar", "--principal", "User:ann", "--action", 'Action::"view"', "--resource", 'Doc::"d"', cwd=plain)
    assert code == 2 and 'Type::"id"' in err
    code, _, err = ask(plain, "ann", "d", "--context", "{\"a\":1.5}")
    assert code == 2 and "context" in err


def test_a_request_as_the_official_command_line_has_it(plain):
    (plain / "r.json").write_text(json.dumps({"principal": 'User::"ann"', "action": 'Action::"view"', "resource": 'Doc::"d"', "context": {}}))
    assert writ("policy", "eval", "--policies", "p.cedar", "--entities", "e.json", "--request", "r.json", cwd=plain)[0] == 0


def test_check_shows_the_place(plain):
    code, out, _ = writ("policy", "check", "p.cedar", "--schema", "s.cedarschema", cwd=plain)
    assert code == 0 and "2 policies" in out
    (plain / "bad.cedar").write_text("permit (principal, action, resource)\nwhen { principal.a = 1 };\n")
    code, _, err = writ("policy", "check", "bad.cedar", cwd=plain)
    line, caret = err.splitlines()[1:3]
    assert code == 1 and "bad.cedar:2:20:" in err and line[caret.index("^")] == "="
    (plain / "wrong.cedar").write_text(CEDAR.replace("public", "pubic"))
    code, out, _ = writ("policy", "check", "wrong.cedar", "--schema", "s.cedarschema", "--json", cwd=plain)
    found = json.loads(out)["findings"]
    assert code == 1 and found[0]["line"] == 3 and "did you mean `public`" in found[0]["text"]
    (plain / "s2.cedarschema").write_text(SCHEMA + "entity Kind;\ntype Kind = Long;\n")  # the official warning about the schema, with its place
    code, out, _ = writ("policy", "check", "p.cedar", "--schema", "s2.cedarschema", cwd=plain)
    assert code == 0 and "s2.cedarschema:4: warning: The common type name Kind shadows an entity name" in out and "1 warning" in out
    (plain / "dead.cedar").write_text("forbid (principal, action, resource) when { 1 == 2 };\n")
    code, out, _ = writ("policy", "check", "dead.cedar", cwd=plain)
    assert code == 0 and "1 warning" in out


def test_check_shows_every_syntax_error(plain):
    (plain / "bad.cedar").write_text("permit (principal, action, resource) when { 1 + };\n\npermit (principal, action, resource);\npermt (principal, action, resource);\n")
    (plain / "worse.cedar").write_text("forbid (principal, action resource);\n")
    code, out, _ = writ("policy", "check", "bad.cedar", "p.cedar", "worse.cedar", cwd=plain)
    assert code == 1 and out.splitlines() == [
        "bad.cedar:1:49: error: unexpected token `}`",
        "bad.cedar:4:1: error: invalid policy effect: permt; did you mean `permit`?",
        "worse.cedar:1:27: error: unexpected token `resource`",
        "not valid: 0 policies, 3 errors, 0 warnings",
    ]
    code, out, _ = writ("policy", "check", "bad.cedar", "--json", cwd=plain)
    assert code == 1 and [(f["line"], f["column"]) for f in json.loads(out)["findings"]] == [(1, 49), (4, 1)]
    code, _, err = writ("policy", "check", "bad.cedar", "missing.cedar", cwd=plain)
    assert code == 3 and "missing.cedar" in err


def test_a_test_file_fails_readably(plain):
    test = """policies: p.cedar
entities: e.json
tests:
  - name: staff see public papers
    principal: User::"ann"
    action: Action::"view"
    resource: Doc::"d"
    expect: {expect}
    policies: [{policy}]
"""
    (plain / "good.test.yaml").write_text(test.format(expect="allow", policy="view"))
    assert writ("policy", "test", "good.test.yaml", cwd=plain)[0] == 0
    (plain / "bad.test.yaml").write_text(test.format(expect="deny", policy="never-secret"))
    code, out, _ = writ("policy", "test", "good.test.yaml", "bad.test.yaml", cwd=plain)
    assert code == 1 and "bad.test.yaml:4: staff see public papers" in out
    assert "decision: expected deny, got allow" in out and "policies: expected [never-secret], got [view]" in out and "2 tests, 1 failed" in out
    (plain / "odd.test.yaml").write_text('policies: p.cedar\nentities: e.json\ntests:\n  - name: an error nobody expects\n    principal: User::"ann"\n'
                                         '    action: Action::"view"\n    resource: Doc::"odd"\n    expect: allow\n')
    code, out, _ = writ("policy", "test", "odd.test.yaml", cwd=plain)
    assert code == 1 and "errors: expected [], got [never-secret]" in out


def test_convert_and_back(plain):
    code, out, _ = writ("policy", "convert", "p.cedar", cwd=plain)
    assert code == 0 and len(json.loads(out)["staticPolicies"]) == 2
    (plain / "p.json").write_text(out)
    code, text, _ = writ("policy", "convert", "p.json", cwd=plain)
    assert code == 0
    code, again, _ = writ("policy", "convert", "--from", "cedar", "-", cwd=plain, stdin=text)
    assert code == 0 and json.loads(again) == json.loads(out)


def test_a_schema_converts_and_serves_in_both_forms(plain):
    code, out, _ = writ("policy", "convert", "--schema", "s.cedarschema", cwd=plain)
    assert code == 0 and "Doc" in json.loads(out)[""]["entityTypes"]
    (plain / "s.json").write_text(out)
    code, text, _ = writ("policy", "convert", "--schema", "s.json", cwd=plain)
    assert code == 0 and "entity Doc" in text
    assert writ("policy", "check", "p.cedar", "--schema", "s.json", cwd=plain)[0] == 0


def test_format_looks_or_writes(plain):
    (plain / "loose.cedar").write_text("permit(principal,action,resource); // all\n")
    assert writ("policy", "format", "--check", "loose.cedar", cwd=plain)[0] == 1
    assert writ("policy", "format", "--write", "loose.cedar", cwd=plain)[0] == 0
    assert writ("policy", "format", "--check", "loose.cedar", cwd=plain)[0] == 0
    assert "// all" in (plain / "loose.cedar").read_text()


def test_format_and_convert_answer_in_json(plain):
    (plain / "loose.cedar").write_text("permit(principal,action,resource); // all\n")
    code, out, _ = writ("policy", "format", "--json", "loose.cedar", "p.cedar", cwd=plain)
    files = json.loads(out)["files"]
    assert code == 0 and [f["file"] for f in files] == ["loose.cedar", "p.cedar"] and files[0]["differs"] and "// all" in files[0]["text"]
    code, out, _ = writ("policy", "format", "--json", "--check", "loose.cedar", cwd=plain)
    assert code == 1 and json.loads(out) == {"files": [{"file": "loose.cedar", "differs": True}]}
    assert json.loads(writ("policy", "format", "--json", "--write", "loose.cedar", cwd=plain)[1])["files"][0]["differs"]
    code, out, _ = writ("policy", "format", "--json", "--check", "loose.cedar", cwd=plain)
    assert code == 0 and json.loads(out) == {"files": [{"file": "loose.cedar", "differs": False}]}
    (plain / "bad.cedar").write_text("permit(\n")
    code, _, err = writ("policy", "format", "--json", "bad.cedar", cwd=plain)
    assert code and "bad.cedar" in json.loads(err)["error"]["detail"]
    code, out, _ = writ("policy", "convert", "--json", "p.cedar", cwd=plain)
    answer = json.loads(out)
    assert code == 0 and (answer["from"], answer["to"]) == ("cedar", "json") and len(answer["result"]["staticPolicies"]) == 2
    (plain / "p.json").write_text(json.dumps(answer["result"]))
    answer = json.loads(writ("policy", "convert", "--json", "p.json", cwd=plain)[1])
    assert (answer["from"], answer["to"]) == ("json", "cedar") and answer["result"].startswith("@id(")
    answer = json.loads(writ("policy", "convert", "--json", "--schema", "s.cedarschema", cwd=plain)[1])
    assert "Doc" in answer["result"][""]["entityTypes"]


def test_who_can_in_plain_cedar(plain):
    code, out, _ = writ("policy", "who-can", 'Action::"view"', 'Doc::"d"', "--policies", "p.cedar", "--entities", "e.json", "--json", cwd=plain)
    who = {w["who"]: w["can"] for w in json.loads(out)["who"]}
    assert code == 0 and who['User::"ann"'] == "yes" and 'User::"bob"' not in who


def test_an_estate(estate):
    code, out, _ = writ("check", "--json", str(estate))
    assert code == 0 and json.loads(out)["tests"] == 3
    assert writ("policy", "test", "--estate", str(estate))[0] == 0
    code, out, _ = writ("policy", "eval", "--estate", str(estate), "--agent", "invoice-bot", "--tool", "files/write_file", "--arguments",
                        '{"path":"/srv/docs/a.txt","content":"x"}', "--json")
    assert code == 1 and json.loads(out)["decision"] == "step_up" and json.loads(out)["step_up"] == ["owners"]
    code, out, _ = writ("policy", "who-can", "files/write_file", "--estate", str(estate), "--json")
    who = {w["who"]: w["can"] for w in json.loads(out)["who"]}
    assert code == 0 and who["reader"] == "no" and who["invoice-bot"] in ("asks", "depends")
    code, _, err = writ("policy", "eval", "--estate", str(estate), "--agent", "invoice-bott", "--tool", "files/write_file")
    assert code == 2 and "did you mean 'invoice-bot'" in err


def test_check_of_an_estate_runs_the_tests(estate):
    path = estate / "policies" / "house.test.yaml"
    path.write_text(path.read_text().replace("expect: allow", "expect: deny"))
    code, out, _ = writ("check", str(estate))
    assert code == 1 and "policies/house.test.yaml:" in out and "expected deny, got allow" in out


def test_check_of_an_estate_shows_every_syntax_error(estate):
    (estate / "policies" / "own.cedar").write_text("permt (principal, action, resource);\nforbid (principal, action, resource) when { ) };\n")
    code, out, _ = writ("check", str(estate))
    assert code == 1 and "policies/own.cedar:1: error: invalid policy effect: permt" in out
    assert "policies/own.cedar:2: error: unexpected token `)`" in out


@pytest.mark.parametrize("policy,text", [
    ('forbid (principal, action == Action::"files/write_file", resource) when { context.input.paht == "x" };', "did you mean 'path'"),
    ('forbid (principal, action == Action::"files/write_file", resource) when { context.input.path == 7 };', "not compatible"),
    ('forbid (principal, action in Action::"fils", resource);', "files"),
    ('forbid (principal, action, resource) when { principal.ownr == "x" };', "did you mean `owner`"),
    ('forbid (principal, action, resource) when { context.seen.lvl > 1 };', "level"),
])
def test_what_policies_may_not_say(estate, policy, text):
    (estate / "policies" / "own.cedar").write_text(policy + "\n")
    code, out, _ = writ("check", str(estate))
    assert code == 1 and "policies/own.cedar:1: error" in out and text in out


# ------------------------------------------------------------------------------------------------------- policy eject

def test_ejected_policies_stand_in_for_the_built_in_ones(estate):
    """As they are they change nothing: every decision of the estate's own tests is the same, and each is named as replaced."""
    code, before, err = writ("policy", "test", "--estate", str(estate))
    assert code == 0, err
    code, out, err = writ("policy", "eject", "--estate", str(estate))
    assert code == 0 and "wrote policies/builtin.cedar" in out and "builtin/way-out-asks" in out, out + err
    code, out, err = writ("check", "--estate", str(estate))
    assert code == 0 and "replaces the built-in policy 'builtin/read'" in out + err, out + err
    assert writ("policy", "test", "--estate", str(estate))[:2] == (0, before)
    code, out, err = writ("policy", "eject", "--estate", str(estate))
    assert code == 0 and "nothing was written" in out and "policies/builtin.cedar has it already" in out, "nothing is written twice"
    text = (estate / "policies/builtin.cedar").read_text()
    changed = text.replace('context.tool.effect == "read" && resource.sensitivity != "restricted"', "false")
    assert changed != text
    (estate / "policies/builtin.cedar").write_text(changed)
    code, out, _ = writ("policy", "test", "--estate", str(estate))
    assert code == 1, "what was changed there is what decides"


def test_eject_writes_what_was_asked_for(estate):
    code, out, err = writ("policy", "eject", "write", "builtin/irreversible-asks", "--to", "mine", "--estate", str(estate), "--json")
    assert code == 0, err
    assert [(p["policy"], p["ejected"]) for p in json.loads(out)["policies"]] == [("builtin/write", True), ("builtin/irreversible-asks", True)]
    text = (estate / "policies/mine.cedar").read_text()
    assert text.count('@id("builtin/') == 2
    code, out, err = writ("policy", "eject", "rite", "--estate", str(estate))
    assert code == 1 and "no built-in policy rite" in err and "way-out-asks" in err
    (estate / "policies/other.cedar").write_text("// mine\n")
    code, out, err = writ("policy", "eject", "--to", "other", "--estate", str(estate))
    assert code == 1 and "is there already" in err and (estate / "policies/other.cedar").read_text() == "// mine\n"
    code, out, err = writ("policy", "eject", "--print", "--estate", str(estate))
    assert code == 0 and out.count("@id(") == 7, "the two that the estate has are left out"
