#!/usr/bin/env python3
"""Partial evaluation against the official isAuthorizedPartial: principal, action or resource unknown without a type.

cedar_partial_official.py ANSWER ORACLE [CASES [SEED]]
  ANSWER  the program of cedar_partial_answer.c;  ORACLE  the command of cedar_oracle.mjs ("node cedar_oracle.mjs", with CEDAR_WASM set)

The official evaluator is untyped and keeps as residual what ours settles: expressions whose operands cannot have the type asked for, and
residuals that no value satisfies. So each answer must refine the official one: what is official fact is ours too, and where we claim
more, the claims are counted. Ends with one line of counts; disagreements are printed in full, the first twenty.
"""

import json
import random
import subprocess
import sys


def atom(r, kind):
    table = {
        "bool": ["true", "false", "context.flag", "principal.admin", "context has n", "principal has boss.age", "resource has owner"],
        "long": ["0", "1", "7", "9223372036854775807", "context.n", "principal.age", "principal.boss.age"],
        "string": ['"a"', '"ab"', "context.s", "principal.name", 'principal.getTag("k")'],
        "entity": ["principal", "principal", "resource", "action", 'U::"a"', 'G::"low"', 'G::"top"', "context.who", "principal.boss", "resource.owner"],
        "set": ["[]", "[1, 2]", 'context.list', '[principal, U::"b"]', '[G::"low", G::"top"]', "[context.n, 1]"],
    }
    return r.choice(table[kind])


def expr(r, kind, depth):
    if r.random() < 0.04:
        kind = r.choice(["bool", "long", "string", "entity", "set"])
    if depth == 0 or r.random() < 0.2:
        return atom(r, kind)
    d = depth - 1
    if r.random() < 0.1:
        return f"(if {expr(r, 'bool', d)} then {expr(r, kind, d)} else {expr(r, kind, d)})"
    if kind == "long":
        return f"({expr(r, 'long', d)} {r.choice('+-*')} {expr(r, 'long', d)})"
    if kind == "set":
        return f"[{expr(r, 'long', d)}, {expr(r, 'entity', d)}]"
    if kind != "bool":
        return atom(r, kind)
    any_kind = r.choice(["bool", "long", "string", "entity", "set"])
    return r.choice([
        lambda: f"({expr(r, 'bool', d)} && {expr(r, 'bool', d)})",
        lambda: f"({expr(r, 'bool', d)} || {expr(r, 'bool', d)})",
        lambda: f"!({expr(r, 'bool', d)})",
        lambda: f"({expr(r, any_kind, d)} == {expr(r, any_kind, d)})",
        lambda: f"({expr(r, 'long', d)} < {expr(r, 'long', d)})",
        lambda: f"({expr(r, 'entity', d)} in {expr(r, r.choice(['entity', 'set']), d)})",
        lambda: f"({expr(r, 'entity', d)} is U)",
        lambda: f"({expr(r, 'set', d)}).contains({expr(r, any_kind, d)})",
        lambda: f"({expr(r, 'entity', d)}) has age",
        lambda: f'({expr(r, "string", d)}) like "a*"',
    ])()


def policy(r):
    head = ", ".join([
        r.choice(["principal", "principal", 'principal == U::"a"', 'principal in G::"low"', "principal is U"]),
        r.choice(["action", "action", 'action == Action::"x"', 'action in [Action::"y", Action::"g"]']),
        r.choice(["resource", "resource", 'resource == R::"r"', 'resource in R::"box"', "resource is R"]),
    ])
    body = "".join(f" {r.choice(['when', 'when', 'unless'])} {{ {expr(r, 'bool', r.randrange(4))} }}" for _ in range(r.randrange(3)))
    return f"{r.choice(['permit', 'permit', 'forbid'])}({head}){body};"


def entities(r):
    def attrs():
        a = {}
        if r.random() < 0.7:
            a["age"] = r.randrange(9)
        if r.random() < 0.5:
            a["admin"] = r.random() < 0.5
        if r.random() < 0.5:
            a["name"] = r.choice(["a", "ab", "b"])
        if r.random() < 0.5:
            a["boss"] = {"__entity": {"type": "U", "id": r.choice("abz")}}
        return a

    out = [{"uid": {"type": "U", "id": i}, "attrs": attrs(), "parents": r.choice([[], [{"type": "G", "id": "low"}]]), "tags": r.choice([{}, {"k": "a"}])}
           for i in "ab"]
    out.append({"uid": {"type": "G", "id": "low"}, "attrs": {}, "parents": [{"type": "G", "id": "top"}]})
    out.append({"uid": {"type": "R", "id": "r"}, "attrs": {"owner": {"__entity": {"type": "U", "id": "a"}}}, "parents": [{"type": "R", "id": "box"}]})
    out.append({"uid": {"type": "Action", "id": "y"}, "attrs": {}, "parents": [{"type": "Action", "id": "g"}]})
    return out


def case(seed):
    r = random.Random(seed)
    uid = lambda t, ids: None if r.random() < 0.4 else {"type": t, "id": r.choice(ids)}
    context = {k: v for k, v in {"flag": r.random() < 0.5, "n": r.randrange(9), "s": r.choice(["a", "b"]), "list": [1, "a"],
                                 "who": {"__entity": {"type": "U", "id": "a"}}}.items() if r.random() < 0.8}
    return {"id": seed, "op": "partial", "principal": uid("U", "abz"), "action": uid("Action", "xy"), "resource": uid("R", "rq"),
            "context": context, "entities": entities(r), "policies": "\n".join(policy(r) for _ in range(r.randrange(1, 5)))}


def run(command, lines):
    done = subprocess.run(command, input="\n".join(lines) + "\n", stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.splitlines()


def compare(theirs, ours):
    """What is wrong, or how much more we claim: (problem, decision, policies)."""
    if ours["decision"] != theirs["decision"] and theirs["decision"] is not None:
        return "decision", 0, 0
    left = set(theirs["nontrivialResiduals"])
    if not set(ours["nontrivialResiduals"]) <= left:
        return "a residual of ours that is none", 0, 0
    for key in ("satisfied", "errored"):
        mine, official = set(ours[key]), set(theirs[key])
        if not official <= mine or not mine - official <= left:
            return key, 0, 0
    if not set(ours["mayBeDetermining"]) <= set(theirs["mayBeDetermining"]):
        return "mayBeDetermining", 0, 0
    if ours["decision"] == theirs["decision"] and not set(theirs["mustBeDetermining"]) <= set(ours["mustBeDetermining"]):
        return "mustBeDetermining", 0, 0
    same = {k: set(ours[k]) == set(theirs[k]) for k in ("satisfied", "errored", "mayBeDetermining", "mustBeDetermining", "nontrivialResiduals")}
    return None, int(ours["decision"] != theirs["decision"]), int(not all(same.values()))


def main():
    answer, oracle = sys.argv[1], sys.argv[2].split()
    cases, seed = int(sys.argv[3]) if len(sys.argv) > 3 else 2000, int(sys.argv[4]) if len(sys.argv) > 4 else 1
    counts = {"cases": 0, "equal": 0, "finer": 0, "decided_more": 0, "refused": 0, "wrong": 0}
    for start in range(seed, seed + cases, 1000):
        batch = [case(s) for s in range(start, min(start + 1000, seed + cases))]
        asked = [json.dumps(c | {"policies": {"staticPolicies": c["policies"]}}, separators=(",", ":")) for c in batch]
        for c, theirs, mine in zip(batch, run(oracle, asked), run([answer], [json.dumps(c) for c in batch])):
            theirs, mine = json.loads(theirs), json.loads(mine)
            counts["cases"] += 1
            if theirs["type"] != "residuals" or "refused" in mine:
                counts["refused"] += 1
                if (theirs["type"] != "residuals") != ("refused" in mine):
                    print("refused by one:", json.dumps(c), theirs, mine)
                continue
            problem, decided, finer = compare(theirs["response"], mine)
            counts["wrong"] += problem is not None
            counts["decided_more"] += decided
            counts["finer"] += finer
            counts["equal"] += problem is None and not finer
            if problem and counts["wrong"] <= 20:
                print(problem, json.dumps(c), "official", json.dumps(theirs["response"]), "ours", json.dumps(mine), sep="\n")
    print("partial against official:", ", ".join(f"{k} {v}" for k, v in counts.items()))
    return 1 if counts["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
