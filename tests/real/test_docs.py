"""
What README and docs show is true: every `$ writ …` in a ```console block is run before the demo's estate, with a server, and prints what is
shown ("…" stands for anything). A block that cannot be run here says so: ```console norun. Links lead somewhere, make targets exist.
"""
import importlib.util
import os
import pathlib
import re
import shlex
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
WRIT = os.environ.get("WRIT_BIN", str(ROOT / "build/src/cli/writ"))
MODULES = os.environ.get("WRIT_NODE_MODULES", str(ROOT / "build/node/node_modules"))
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def load_demo():
    """examples/demo, whose house.py is another one than the tests'."""
    modules = {}
    mine = sys.modules.pop("house", None)
    for name in ("house", "demo"):
        spec = importlib.util.spec_from_file_location(name, ROOT / "examples/demo" / f"{name}.py")
        modules[name] = importlib.util.module_from_spec(spec)
        sys.modules[name] = modules[name]
        spec.loader.exec_module(modules[name])
    del sys.modules["house"], sys.modules["demo"]
    if mine:
        sys.modules["house"] = mine
    return modules["house"], modules["demo"]


demo_house, demo = load_demo()


def blocks(page):
    """(kind, first line, lines) of each fenced block."""
    found, inside = [], None
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if line.startswith("```"):
            if inside:
                found.append(inside)
                inside = None
            else:
                inside = (line[3:].strip(), number + 1, [])
        elif inside:
            inside[2].append(line)
    assert inside is None, f"{page}: a fenced block is not closed"
    return found


def commands():
    for page in PAGES:
        for kind, number, lines in blocks(page):
            if kind != "console":
                continue
            shown = None
            for offset, line in enumerate(lines):
                if line.startswith("$ "):
                    if shown:
                        yield shown
                    shown = pytest.param(line[2:], [], id=f"{page.relative_to(ROOT)}:{number + offset}")
                elif shown:
                    shown.values[1].append(line)
            if shown:
                yield shown


@pytest.fixture(scope="module")
def house():
    """The demo's house with a server, after its reader has worked."""
    made = demo_house.House(WRIT, MODULES)
    try:
        story = demo.Story(made)
        story.start()
        story.reader()
        yield made
    finally:
        made.close()


def matches(shown, printed):
    pattern = re.escape(" ".join(shown.split())).replace("…", ".*")
    return re.fullmatch(pattern, " ".join(printed.split())) is not None


@pytest.mark.parametrize("command, shown", list(commands()))
def test_console(house, command, shown):
    words = shlex.split(command)
    if words[0] == "make":
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.M), f"the Makefile has no target {words[1]}"
        return
    assert words[0] == "writ", "only writ and make can be shown as console; mark the block: ```console norun"
    done = subprocess.run([WRIT, *words[1:]], env=house.environ, cwd=house.top, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    printed = (done.stdout + done.stderr).strip().splitlines()
    assert done.returncode in (0, 1), "\n".join(printed)
    text = [line for line in shown if line.strip()]
    if text:
        assert matches("\n".join(text), "\n".join(printed)), "it prints:\n" + "\n".join(printed)


def test_console_blocks_are_there():
    assert len(list(commands())) >= 3


def test_every_command_is_documented():
    printed = subprocess.run([WRIT, "help", "--markdown"], capture_output=True, text=True, check=True).stdout
    assert (ROOT / "docs/cli.md").read_text() == printed, "docs/cli.md is old: writ help --markdown > docs/cli.md"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.S)
    targets = re.findall(r"\[[^\]]*\]\(([^)#\s]+)", text)
    lost = [t for t in targets if "://" not in t and not (page.parent / t).exists()]
    named = re.findall(r"`((?:docs|tests|scripts|examples|src|include)/[\w./-]+\.\w+)`", text)
    lost += [t for t in named if not (ROOT / t).exists() and "NNN" not in t]
    assert not lost


def test_readme_shows_the_demo_as_it_is():
    """The excerpt's steps are steps of the demo, with the outcome that the demo insists on."""
    outcomes = {(words, "done" if name == "complete" else "cut" if name == "waiting" else "allowed" if allowed else "refused")
                for name, allowed, words in demo.READER + demo.BOT}
    excerpt = next(lines for kind, _, lines in blocks(ROOT / "README.md") if kind == "text")
    steps = [(line[11:43].strip(), line[2:10].strip()) for line in excerpt if re.match(r"  (allowed|refused|done|cut) ", line)]
    assert len(steps) >= 8
    assert [step for step in steps if step not in outcomes] == []


def test_the_built_in_policies_and_the_reasons_of_tiers_are_as_documented():
    page = (ROOT / "docs/policies.md").read_text()
    builtin = re.findall(r'@id\("(builtin/[^"]+)"\)\n(?:@step_up[^\n]*\n)?@description\("([^"]+)"\)', (ROOT / "src/decide/builtin.cedar").read_text())
    assert len(builtin) == 9 and re.findall(r"^\| `(builtin/[^`]+)` \| (.*) \|$", page, re.M) == builtin
    reasons = re.findall(r'because = "([^"]+)"|because : "([^"]+)"', (ROOT / "src/decide/decide.c").read_text())
    assert len(reasons) >= 8
    for reason in reasons:
        assert (reason[0] or reason[1]) in page, reason


def test_attacks_name_tests_that_exist():
    """docs/attacks.md: every `file::test` (or `file::Class::test`) is there, and no attack stands without one."""
    page = (ROOT / "docs/attacks.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| ") and "what Writ does" not in line]
    assert len(rows) > 20
    for row in rows:
        named = re.findall(r"`(test_\w+\.py)::(?:(\w+)::)?(\w+)`", row)
        assert named, row
        for file, group, test in named:
            text = (ROOT / "tests/real" / file).read_text()
            assert group == "" or re.search(rf"^class {group}\b", text, re.M), (file, group)
            assert re.search(rf"^{'    ' if group else ''}def {test}\(", text, re.M), (file, test)
