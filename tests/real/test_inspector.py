"""
MCP Inspector in a real Chromium, through the gateway: its own process is the agent (`writ run`), its page is what a person sees. With
$WRIT_SHOTS the picture of docs/ is written there.
"""
import os
import re
import subprocess
import threading

import pytest

from chromium import chromium, needs_chromium
from house import DEADLINE, IS_ROOT, MODULES, NODE, READER, ROOT, House, for_everyone, free_port

LAUNCHER = "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js"
INSPECTOR = os.environ.get("WRIT_INSPECTOR", os.path.join(ROOT, "build/inspector"))
EVERYTHING = os.path.join(MODULES, "@modelcontextprotocol/server-everything/dist/index.js")
pytestmark = [needs_chromium, pytest.mark.skipif(not os.path.exists(os.path.join(INSPECTOR, LAUNCHER)), reason="MCP Inspector is not installed: scripts/setup.sh browser")]


@pytest.fixture(scope="module")
def house():
    h, server = House(), {"command": [NODE, EVERYTHING]}
    try:
        h.destination("everything", server, {}, more="share: [resources, prompts]\n")
        h.task("work", {})
        h.agent("reader", READER, ["work"])
        h.start()
        h.pin("everything")
        h.destination("everything", server, {"echo": "{ effect: read }", "get-sum": "{ effect: read }", "get-env": "{ effect: read }"}, more="share: [resources, prompts]\n")
        h.task("work", {"everything/echo": "{}", "everything/get-sum": "{ a: { at_most: 10 } }", "everything/@prompts": "{}", "everything/@resources": "{}"})
        h.api("POST", "/v1/reload", {})
        yield h
    finally:
        h.close()


@pytest.fixture(scope="module")
def address(house):
    """The Inspector as an agent of the house → the address of its page."""
    home = os.path.join(house.top, "home")
    os.mkdir(home)
    if IS_ROOT:
        os.chown(home, READER, READER)
    env = os.environ | {"HOME": home, "CLIENT_PORT": str(free_port()), "MCP_SANDBOX_PORT": str(free_port()), "MCP_AUTO_OPEN_ENABLED": "false",
                        "MCP_STORAGE_DIR": home, "MCP_INSPECTOR_SECRET_STORE": "memory"}
    launcher = os.path.join(for_everyone(INSPECTOR), LAUNCHER)
    p = house.run_agent(["sh", "-c", f'exec {NODE} {launcher} --web --config "$WRIT_MCP_CONFIG"'], env=env, stderr=subprocess.STDOUT)
    said, found, ready = [], [], threading.Event()

    def listen():
        for line in p.stdout:
            said.append(line)
            found.extend(re.findall(r"http://127\.0\.0\.1:\d+\S*TOKEN=\w+", line))
            ready.set() if found else None
        ready.set()

    threading.Thread(target=listen, daemon=True).start()
    ready.wait(DEADLINE)
    try:
        assert found, "".join(said)
        yield found[0]
    finally:
        p.terminate()
        p.wait(DEADLINE)


def test_inspector_through_the_gateway(house, address):
    with chromium(width=1280, height=480) as page:
        page.goto(address)
        page.get_by_role("switch").click(force=True)  # connect
        page.get_by_text("MCP 2025-11-25").wait_for()
        page.get_by_role("button", name="Close monitoring sidebar").click()

        page.get_by_text("Tools", exact=True).click()
        page.get_by_text("Tools (2)").wait_for()  # of thirteen: what the task grants
        assert page.get_by_text("get-env", exact=True).count() == 0

        page.get_by_role("button", name="Echo Tool").click()
        page.get_by_role("textbox", name="message").fill("hello from a browser")
        page.get_by_role("button", name=re.compile("^(Execute|Run|Call)")).click()
        page.get_by_text("Echo: hello from a browser").wait_for()

        page.get_by_role("button", name="Get Sum Tool").click()
        page.get_by_role("textbox", name="a", exact=True).fill("11")
        page.get_by_role("textbox", name="b", exact=True).fill("2")
        page.get_by_role("button", name=re.compile("^(Execute|Run|Call)")).click()
        page.get_by_text("refused:").first.wait_for()  # and the reason can be read
        assert "grants everything/get-sum only where a must be at most 10" in page.inner_text("body"), page.inner_text("body")
        if os.environ.get("WRIT_SHOTS"):
            page.screenshot(path=os.path.join(os.environ["WRIT_SHOTS"], "inspector.png"))

        page.get_by_text("Prompts", exact=True).click()
        page.get_by_text("Simple Prompt", exact=True).click()
        page.get_by_text("This is a simple prompt without arguments.").first.wait_for()
        page.get_by_text("Resources", exact=True).click()
        page.get_by_text("URIs (7)").wait_for()
        page.get_by_text("architecture.md").first.wait_for()
    calls = [r["leaf"] for r in house.records(kind="decision", destination="everything") if r["leaf"].get("tool") in ("echo", "get-sum")]
    assert [(c["tool"], c["decision"]) for c in calls] == [("echo", "allow"), ("get-sum", "deny")]
