#!/usr/bin/env python3
"""The worlds of the Cedar benchmark: generate.py KIND N OUT writes OUT/policies.cedar, OUT/entities.json and OUT/requests.json.

KIND is gdrive, github or tinytodo (N entities of a type; the applications, and the shape and the chances of their entities, are those
of the OOPSLA 2024 paper on Cedar), scoped (N policies as real sets are: each for some principals, some actions and some resources, and
three for everyone), or unscoped (the same, but a tenth are forbids without a scope, each with a condition).
Always the same output for the same arguments. 1,000 requests in random order; small worlds have fewer different ones.
"""
import json
import os
import random
import sys

REQUESTS = 1000
CHANCE = 0.05  # of each connection between two entities, as in the paper

rnd = random.Random()


def ref(kind, name):
    return {"type": kind, "id": name}


def val(kind, name):
    return {"__entity": ref(kind, name)}


def entity(kind, name, attrs=None, parents=()):
    return {"uid": ref(kind, name), "attrs": attrs or {}, "parents": [ref(*p) for p in parents]}


def some(kind, prefix, n):
    return [(kind, f"{prefix}{i}") for i in range(n) if rnd.random() < CHANCE]


def request(principal, action, resource, context=None):
    return {"principal": ref(*principal), "action": ref("Action", action), "resource": ref(*resource), "context": context or {}}


# ------------------------------------------------------------------------------------------------------- the paper's three

GDRIVE = """
permit (principal, action == Action::"read", resource) when { resource in principal.viewable };
permit (principal, action == Action::"read", resource) when { resource.isPublic };
permit (principal, action in [Action::"read", Action::"write", Action::"share"], resource)
    when { resource in principal.docs || resource in principal.folders };
permit (principal, action == Action::"changeOwner", resource) when { principal.docs.contains(resource) };
permit (principal, action == Action::"createDocument", resource) when { principal.folders.contains(resource) };
"""


def gdrive(n):
    out = [entity("Action", a) for a in ("read", "write", "share", "changeOwner", "createDocument")]
    members = {g: [] for g in range(n)}
    for u in range(n):
        groups = some("Group", "", n)
        for _, g in groups:
            members[int(g)].append(u)
        attrs = {"viewable": val("View", f"user {u}"), "docs": [val(*d) for d in some("Document", "", n)],
                 "folders": [val(*f) for f in some("Folder", "", n)]}
        out += [entity("User", str(u), attrs, groups), entity("View", f"user {u}")]
    for g in range(n):
        out += [entity("Group", str(g)), entity("View", f"group {g}", None, [("View", f"user {u}") for u in members[g]])]
    views = lambda: some("View", "user ", n) + some("View", "group ", n)
    for d in range(n):
        out.append(entity("Document", str(d), {"isPublic": rnd.random() < 0.5}, some("Folder", "", n) + views()))
    for f in range(n):
        out.append(entity("Folder", str(f), None, some("Folder", "", f) + views()))
    requests = []
    for _ in range(REQUESTS):
        action = rnd.choice(["read", "write", "share", "changeOwner", "createDocument"])
        what = "Folder" if action == "createDocument" else "Document"
        requests.append(request(("User", str(rnd.randrange(n))), action, (what, str(rnd.randrange(n)))))
    return GDRIVE, out, requests


GITHUB = "".join(
    f'permit (principal, action {how} Action::"{role}", resource) when {{ principal in resource.{path} }};\n'
    for how, role, path in [("==", "read", "readers"), ("in", "triage", "triagers"), ("in", "write", "writers"),
                            ("in", "maintain", "maintainers"), ("in", "admin", "admins"), ("==", "read", "owner.readers"),
                            ("in", "write", "owner.writers"), ("in", "admin", "owner.admins")])
ROLES = ["readers", "triagers", "writers", "maintainers", "admins"]
ORG_ROLES = ["readers", "writers", "admins"]


def github(n):
    chain = ["read", "triage", "write", "maintain", "admin"]
    out = [entity("Action", a, None, [("Action", b)] if b else []) for a, b in zip(chain, chain[1:] + [None])]
    orgs = lambda: [("OrgPermission", f"{o} {rnd.choice(ORG_ROLES)}") for _, o in some("", "", n)]
    repos = lambda: [("RepoPermission", f"{r} {rnd.choice(ROLES)}") for _, r in some("", "", n)]
    for o in range(n):
        out.append(entity("Organization", str(o), {r: val("OrgPermission", f"{o} {r}") for r in ORG_ROLES}, orgs()))
        out += [entity("OrgPermission", f"{o} {r}") for r in ORG_ROLES]
    for r in range(n):
        attrs = {role: val("RepoPermission", f"{r} {role}") for role in ROLES}
        attrs["owner"] = val("Organization", str(rnd.randrange(n)))
        out.append(entity("Repository", str(r), attrs))
        out += [entity("RepoPermission", f"{r} {role}") for role in ROLES]
    for t in range(n):
        out.append(entity("Team", str(t), None, some("Team", "", t) + repos()))
    for u in range(n):
        out.append(entity("User", str(u), None, repos() + some("Team", "", n) + some("Organization", "", n) + orgs()))
    requests = [request(("User", str(rnd.randrange(n))), rnd.choice(chain), ("Repository", str(rnd.randrange(n)))) for _ in range(REQUESTS)]
    return GITHUB, out, requests


TINYTODO = """
permit (principal, action in [Action::"CreateList", Action::"GetLists"], resource == Application::"TinyTodo");
permit (principal, action, resource) when { resource has owner && resource.owner == principal };
permit (principal, action == Action::"GetList", resource) when { principal in resource.readers || principal in resource.editors };
permit (principal, action in [Action::"UpdateList", Action::"CreateTask", Action::"UpdateTask", Action::"DeleteTask"], resource)
    when { principal in resource.editors };
"""


def tinytodo(n):
    app = ("Application", "TinyTodo")
    on_list = ["GetList", "UpdateList", "DeleteList", "CreateTask", "UpdateTask", "DeleteTask", "EditShares"]
    out = [entity("Action", a) for a in on_list + ["CreateList", "GetLists"]] + [entity(*app)]
    for u in range(n):
        out.append(entity("User", str(u), None, some("Team", "", n) + [app]))
    for t in range(n):
        out.append(entity("Team", str(t), None, some("Team", "", t) + [app]))
    for l in range(n):
        tasks = [{"name": f"task {rnd.randrange(10**6)}", "id": rnd.randrange(10**6), "state": rnd.choice(["Checked", "Unchecked"])}
                 for _ in range(rnd.randrange(51))]
        out.append(entity("List", str(l), {"name": f"list {l}", "owner": val("User", str(rnd.randrange(n))), "readers": val("Team", str(rnd.randrange(n))),
                                           "editors": val("Team", str(rnd.randrange(n))), "tasks": tasks}, [app]))
    requests = []
    for _ in range(REQUESTS):
        action = rnd.choice(on_list * 2 + ["CreateList", "GetLists"])
        resource = app if action in ("CreateList", "GetLists") else ("List", str(rnd.randrange(n)))
        requests.append(request(("User", str(rnd.randrange(n))), action, resource))
    return TINYTODO, out, requests


# ------------------------------------------------------------------------------------------------------------ sets of policies

TOOLS = ["read", "list", "search", "write", "comment", "move", "delete", "share"]
DEPARTMENTS = [f"department {i}" for i in range(40)]
HOSTS = [f"host{i}.example.com" for i in range(200)]
COUNTRIES = ["AT", "BE", "CH", "DE", "DK", "ES", "FI", "FR", "IE", "IT", "NL", "NO", "PL", "PT", "SE"]

CONDITIONS = [
    lambda: "when { context.mfa }",
    lambda: f'when {{ context.ip.isInRange(ip("10.{rnd.randrange(8)}.0.0/14")) }}',
    lambda: f"when {{ context.hour >= {rnd.randrange(4, 10)} && context.hour < {rnd.randrange(16, 23)} }}",
    lambda: f"when {{ principal.level >= {rnd.randrange(1, 6)} }}",
    lambda: "when { resource.owner == principal || context.mfa }",
    lambda: "when { principal.department == resource.department }",
    lambda: 'unless { resource.sensitivity == "restricted" }',
]


def scope_policy(world):
    """For a group, mostly about one of its few folders, or for a user and a document; some actions; about half with a condition. One in ten forbids."""
    groups, users, folders, docs = world
    kind = rnd.random()
    g = rnd.randrange(groups)
    group = f'principal in Group::"{g}"'
    folder = f'resource in Folder::"{home(g, folders) if rnd.random() < 0.9 else rnd.randrange(folders)}"'
    tools = rnd.sample(TOOLS, rnd.randrange(1, 4))
    actions = "action in [" + ", ".join(f'Action::"{t}"' for t in tools) + "]"
    condition = rnd.choice(CONDITIONS)() if rnd.random() < 0.5 else ""
    if kind < 0.5:
        return f"permit ({group}, {actions}, {folder}) {condition};"
    if kind < 0.7:
        return f'permit (principal == User::"{rnd.randrange(users)}", action == Action::"{tools[0]}", resource == Doc::"{rnd.randrange(docs)}") {condition};'
    if kind < 0.8:
        return f'permit ({group}, action in Action::"{rnd.choice(["reading", "changing"])}", resource is Doc) {rnd.choice(CONDITIONS)()};'
    if kind < 0.9:
        return f'permit (principal is User, {actions}, {folder}) {condition};'
    return f"forbid ({group}, {actions}, {folder}) unless {{ context.mfa }};"


EVERYONE = [
    'permit (principal is User, action in Action::"reading", resource is Doc) when { resource.public };',
    "permit (principal, action, resource is Doc) when { resource.owner == principal };",
    'forbid (principal, action in Action::"changing", resource) when { resource.sensitivity == "restricted" && !context.mfa };',
]

FORBIDS = [
    lambda i: f'context.host == "{rnd.choice(HOSTS)}" && context.amount > {rnd.randrange(1000)}',
    lambda i: f'context.host == "blocked{i}.example.com"',
    lambda i: f'context.country == "{rnd.choice(COUNTRIES)}" && principal.department == "{rnd.choice(DEPARTMENTS)}" && context.amount > {rnd.randrange(2000, 4000)}',
    lambda i: f'principal.department == "{rnd.choice(DEPARTMENTS)}" && resource.department == "{rnd.choice(DEPARTMENTS)}" && context.hour < {rnd.randrange(2)}',
    lambda i: f"context.amount > {rnd.randrange(5000, 1000000)}",
    lambda i: f'context.labels.contains("label {rnd.randrange(5000)}")',
    lambda i: f'context has "flag{i}" && context["flag{i}"]',
    lambda i: f'principal in Group::"suspended {i}"',
    lambda i: f'context.path like "/srv/team{i}/*"',
    lambda i: f"context.amount * {rnd.randrange(2, 9)} > {rnd.randrange(100000, 1000000)}",
]
WEIGHTS = [0.15, 0.15, 0.15, 0.1, 0.1, 0.1, 0.075, 0.075, 0.05, 0.05]


def home(group, folders):
    return (group * 3 + rnd.randrange(3)) % folders


def people(n):
    groups, users, folders, docs = max(5, n // 20), max(20, n // 5), max(5, n // 20), max(20, n // 5)
    out = [entity("Action", "any"), entity("Action", "reading", None, [("Action", "any")]), entity("Action", "changing", None, [("Action", "any")])]
    out += [entity("Action", t, None, [("Action", "reading" if i < 3 else "changing")]) for i, t in enumerate(TOOLS)]
    for g in range(groups):
        out.append(entity("Group", str(g), None, [("Group", f"department {g // 8}")]))
    out += [entity("Group", f"department {i}") for i in range(groups // 8 + 1)]
    teams = []
    for u in range(users):
        teams.append(rnd.sample(range(groups), 3))
        attrs = {"level": rnd.randrange(7), "department": rnd.choice(DEPARTMENTS), "name": f"User {u}", "email": f"user{u}@example.com"}
        out.append(entity("User", str(u), attrs, [("Group", str(g)) for g in teams[u]]))
    for f in range(folders):
        out.append(entity("Folder", str(f), None, [("Folder", f"project {f // 8}")]))
    out += [entity("Folder", f"project {i}") for i in range(folders // 8 + 1)]
    inside = {f: [] for f in range(folders)}
    for d in range(docs):
        attrs = {"owner": val("User", str(rnd.randrange(users))), "department": rnd.choice(DEPARTMENTS), "public": rnd.random() < 0.1,
                 "sensitivity": rnd.choice(["public", "internal", "confidential", "restricted"]), "title": f"Document {d}"}
        folder = rnd.randrange(folders)
        inside[folder].append(d)
        out.append(entity("Doc", str(d), attrs, [("Folder", str(folder))]))
    return (groups, users, folders, docs), teams, inside, out


def context(unscoped):
    """What the policies look at: three attributes, eight for those without a scope."""
    out = {"mfa": rnd.random() < 0.5, "hour": rnd.randrange(24), "ip": {"__extn": {"fn": "ip", "arg": f"10.{rnd.randrange(32)}.{rnd.randrange(256)}.7"}}}
    if unscoped:
        out.update({"amount": rnd.randrange(3000), "host": rnd.choice(HOSTS), "country": rnd.choice(COUNTRIES),
                    "path": f"/home/{rnd.randrange(1000)}/file", "labels": [f"label {rnd.randrange(5000)}" for _ in range(2)]})
    return out


def sets(n, unscoped):
    world, teams, inside, out = people(n)
    forbids = n // 10 if unscoped else 0
    policies = EVERYONE[:] + [scope_policy(world) for _ in range(max(n - forbids - len(EVERYONE), 0))]
    for i in range(forbids):
        condition = rnd.choices(FORBIDS, WEIGHTS)[0](i)
        policies.append(f"forbid (principal, action, resource) when {{ {condition} }};")
    rnd.shuffle(policies)
    requests = []
    for _ in range(REQUESTS):  # two thirds for a document in a folder of one of the user's groups
        user = rnd.randrange(world[1])
        near = inside[home(rnd.choice(teams[user]), world[2])]
        doc = rnd.choice(near) if near and rnd.random() < 0.67 else rnd.randrange(world[3])
        requests.append(request(("User", str(user)), rnd.choice(TOOLS), ("Doc", str(doc)), context(unscoped)))
    return "\n".join(policies) + "\n", out, requests


def main():
    kind, n, to = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    rnd.seed(f"{kind} {n}")
    makers = {"gdrive": gdrive, "github": github, "tinytodo": tinytodo, "scoped": lambda n: sets(n, False), "unscoped": lambda n: sets(n, True)}
    policies, entities, requests = makers[kind](n)
    os.makedirs(to, exist_ok=True)
    for name, text in (("policies.cedar", policies), ("entities.json", json.dumps(entities)), ("requests.json", json.dumps(requests))):
        with open(os.path.join(to, name), "w", encoding="utf-8") as f:
            f.write(text)


if __name__ == "__main__":
    main()
