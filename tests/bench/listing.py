#!/usr/bin/env python3
"""
An estate with many tools and policies for `bench_listing FOLDER reader work box`: listing.py FOLDER TOOLS POLICIES. Of ten policies seven are about one agent and one
tool, one about a tool under conditions on arguments, one is a forbid about a tool with conditions on arguments, one a forbid about everything.
"""
import json
import os
import sys


def policy(i, tools):
    tool = f'action == Action::"box/t{i % tools}"'
    if i % 10 < 7:
        who = "reader" if i % 2 else "other"
        return f'permit (principal == Agent::"{who}", {tool}, resource);'
    if i % 10 == 7:
        return f'permit (principal, {tool}, resource) when {{ context.input has path && context.input.path like "/d{i}/*" }};'
    if i % 10 == 8:
        return f'forbid (principal, {tool}, resource) when {{ context.input has n && context.input.n > {i} && context.writ.calls > 3 }};'
    return f'forbid (principal, action, resource) when {{ context.seen.untrusted && context.writ.purpose == "p{i}" }};'


def main(folder, tools, policies):
    schema = {"type": "object", "properties": {"path": {"type": "string"}, "n": {"type": ["integer", "null"]}}}
    files = {
        "writ.yaml": f"name: b\nstate_dir: {folder}/state\nrun_dir: {folder}/run\nmaster: {{ file: {folder}/key }}\n",
        "people.yaml": "ana: { name: Ana }\n",
        "agents/reader.yaml": "purpose: p\nowner: ana\nkind: autonomous\nproves:\n  - unix: { uid: 64001, dedicated: true }\ntasks: [work]\n",
        "agents/other.yaml": "purpose: p\nowner: ana\nkind: autonomous\nproves:\n  - unix: { uid: 64002, dedicated: true }\ntasks: [work]\n",
        "destinations/box.yaml": "owner: ana\nsensitivity: internal\nserver:\n  command: [/bin/true]\n",
        "tasks/work.yaml": "purpose: p\ntools:\n  box/*: { up_to: irreversible }\n",
        "policies/many.cedar": "\n".join(policy(i, tools) for i in range(policies)) + "\n",
        "tools.json": json.dumps([{"name": f"t{i}", "inputSchema": schema} for i in range(tools)]),
    }
    for name, text in files.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)


if __name__ == "__main__":
    main(os.path.abspath(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
