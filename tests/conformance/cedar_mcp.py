#!/usr/bin/env python3
"""The official generator's examples: cedar_mcp.py PROGRAM mcp-schema-examples.tar.gz. Each with the options its own test has."""
import json
import os
import subprocess
import sys
import tarfile
import tempfile

PROGRAM, DATA = sys.argv[1:3]
SIMPLE = {"default": "", "keep_annotations": "k", "objects_as_records": "r", "include_outputs": "o", "flattened_namespace": "f",
          "encode_numbers_as_decimal": "D"}


def source(folder, name):
    """The tools that an example is made of, and its options."""
    if folder == "simple":
        kind = name.removeprefix("tool_")
        return ("tool", SIMPLE[kind]) if kind in SIMPLE else (name, "")
    flat = name.endswith("_flat")
    options = ("f" if flat else "") + ("d" if folder == "dedup" else "") + ("o" if name == "dedup_leaf_record_in_output" else "")
    return name.removesuffix("_flat"), options


def run(tools, stub, options):
    r = subprocess.run([PROGRAM, tools, stub, options], capture_output=True, text=True)
    return r.stdout if r.returncode == 0 else r.stderr


def plain(text):
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("//")).strip()


if not os.path.exists(DATA):
    print("mcp schemas: skipped: no", DATA)
    sys.exit(0)
equal = count = exact = 0
with tempfile.TemporaryDirectory() as top:
    tarfile.open(DATA).extractall(top, filter="data")
    root = os.path.join(top, "examples")
    for folder in ("simple", "dedup", "strands"):
        for file in sorted(os.listdir(os.path.join(root, folder))):
            if ".cedarschema" not in file:
                continue
            name, as_json = file.split(".")[0], file.endswith(".json")
            tools, options = source(folder, name)
            paths = os.path.join(root, folder, tools + ".json"), os.path.join(root, "stub.cedarschema")
            options = (options.replace("D", "") if "D" in options else options + "n") + ("J" if as_json else "")
            got, want = run(*paths, options + "l"), open(os.path.join(root, folder, file)).read()
            same = json.loads(got) == json.loads(want) if as_json and got.startswith("{") else plain(got) == plain(want)
            count, equal = count + 1, equal + same
            exact += plain(run(*paths, options)) == plain(got)
            if not same:
                print("differs:", folder, file, got[:200])
print(f"mcp schemas: examples {count} equal {equal}, without lossy {exact}")
sys.exit(equal != count)
