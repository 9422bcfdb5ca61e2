"""The official clients, as processes of an agent: one plan (node/client.mjs, python_client.py), one report."""
import json
import os
import subprocess
import sys
import tempfile

import pytest

from house import DEADLINE, IS_ROOT, NODE, READER, script


def run_client(house, what, plan, task=None):
    """``what``: for the message when it hangs. Over HTTP it runs under `writ run`, over stdio it starts `writ mcp` itself. → its report"""
    with tempfile.NamedTemporaryFile("w", suffix=".json", dir=house.top) as f:
        json.dump(plan, f)
        f.flush()
        os.chmod(f.name, 0o644)
        command = [sys.executable, script("python_client.py"), f.name] if plan["sdk"] == "python" else [NODE, script("client.mjs"), f.name]
        if plan["transport"] == "http":
            p = house.run_agent(command, task=task)
        else:
            user = {"user": READER, "group": READER, "extra_groups": []} if IS_ROOT else {}
            p = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/", **user)
        try:
            out, err = p.communicate(timeout=DEADLINE * 3)
        except subprocess.TimeoutExpired:
            p.kill()
            out, err = p.communicate()
            pytest.fail(f"{what} over {plan['transport']} hung:\n{err}\n{house.said()}")
    assert p.returncode == 0, f"{what} over {plan['transport']}:\n{err}\n{house.said()}"
    return json.loads(out.strip().split("\n")[-1])
