#!/usr/bin/env python3
"""
The demo: two agents get authority for one task each from a real `writ serve`, use it at two real MCP servers, are refused what is outside
it, and lose it. Everything printed comes from this run; what comes out otherwise than expected ends it with an error. Standard library only.

    demo.py --writ PROGRAM --modules NODE_MODULES [--keep]      (`make demo` and `make demo KEEP=1` do that)
"""
import argparse
import json
import os
import re
import shutil
import signal
import struct
import sys
import textwrap
import time

import house as demo_house
from house import AUDIT, SUMMARY, House, Unexpected

COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ
LONGEST = 300  # seconds for all of it
CODES = {"allowed": "32", "done": "32", "refused": "31", "cut": "33", "title": "1", "quiet": "2"}

# What each step is, in words, and how it must come out.
READER = [
    ("tools", True, "list the tools"),
    ("list", True, "list contracts/"),
    ("read", True, "read contracts/acme.md"),
    ("write", False, "write contracts/acme.md"),
    ("traversal", False, "read ../../payroll/salaries.txt"),
    ("symlink", False, "read a link that leads out"),
    ("around", False, "open the file, past Writ"),
    ("complete", True, "say that the task is done"),
    ("after", False, "read contracts/acme.md again"),
]
BOT = [
    ("list", True, "list invoices/"),
    ("write", True, "write invoices/2026-118.md"),
    ("elsewhere", False, "write contracts/acme.md"),
    ("script", False, "write invoices/pay.sh"),
    ("query", True, "ask the ledger for its totals"),
    ("book", True, "book invoice 118 in the ledger"),
    ("drop", False, "DELETE FROM invoices"),
    ("waiting", True, "count for hours in the ledger"),
]


def paint(kind, text):
    return f"\033[{CODES[kind]}m{text}\033[0m" if COLOUR else text


def progress(text):
    print(paint("quiet", f"· {text}"), flush=True)


def width():
    return min(shutil.get_terminal_size((126, 40)).columns, 140)


def cut(text, room):
    text = " ".join(text.split())
    room = max(room, 20)
    return text if len(text) <= room else text[: room - 1] + "…"


class Story:
    """The acts, in order. Each keeps what it saw in ``self`` for the summary."""

    def __init__(self, house):
        self.house = house
        self.docs = house.path("docs")
        self.began = time.monotonic()

    def expect(self, good, what):
        if not good:
            raise Unexpected(what)

    # ------------------------------------------------------------------------------------------------------------ acts

    def start(self):
        self.house.serve()
        self.offered = {}
        for destination in ("files", "ledger"):
            self.house.ask("destination", "pin", destination, "--yes")
            with open(self.house.path(f"estate/pins/{destination}.json")) as pin:
                self.offered[destination] = len(json.load(pin)["tools"])
        self.house.ask("check")

    def read(self, process, script, until=None):
        """The steps that an agent prints, checked against ``script`` as they come; to the end, or to the step ``until``."""
        steps, expected = {}, list(script)
        for line in process.stdout:
            step = json.loads(line)
            self.expect(expected and step["step"] == expected[0][0], f"the agent printed {line!r}; expected step {expected[:1]}")
            name, allowed, words = expected.pop(0)
            if name == "around" and not self.house.root:
                allowed = step["ok"]  # without a user of its own it depends on what this host lets a user build
            self.expect(step["ok"] == allowed, f"{words}: expected {'allowed' if allowed else 'refused'}, got {line}")
            by_writ = (step.get("data") or {}).get("code") in ("denied", "writ_ended")
            self.expect(step["ok"] or by_writ or name == "around", f"{words}: expected Writ to refuse it, got {line}")
            steps[name] = step
            if name == until:
                return steps
        self.expect(until is None and not expected, f"the agent ended early:\n{process.communicate()[1]}")
        return steps

    def reader(self):
        process = self.house.run_agent("reader", "Ana asks what Acme costs until June", "reader.mjs", self.docs)
        self.reader_steps = self.read(process, READER)
        errors = process.communicate(timeout=demo_house.PATIENCE)[1]
        self.expect(process.returncode in (0, 1), f"the reader ended with {process.returncode}: {errors}")
        self.reader_run = errors.strip().splitlines()[0]
        self.expect("420 EUR" in self.reader_steps["read"]["got"], "the contract's text did not come back")

    def bot(self):
        self.bot_process = self.house.run_agent("invoice-bot", "File and book invoice 118", "invoice-bot.mjs", self.docs, SUMMARY, AUDIT)
        self.bot_steps = self.read(self.bot_process, BOT, until="waiting")
        written = os.path.exists(f"{self.docs}/invoices/2026-118.md")
        self.expect(written and not os.path.exists(f"{self.docs}/invoices/pay.sh"), "invoices/ does not hold what was allowed, and only that")
        end = time.monotonic() + demo_house.PATIENCE
        while len(self.decisions("invoice-bot", "allow", "query")) < 2:
            self.expect(time.monotonic() < end, "the long query did not reach the ledger")
            time.sleep(0.05)
        time.sleep(0.5)  # it is at work now

    def decisions(self, agent, decision, tool):
        records = self.log("--kind", "decision", "--agent", agent, "--decision", decision)
        return [record for record in records if record["leaf"].get("tool") == tool]

    def log(self, *filters):
        return [json.loads(line) for line in self.house.ask("log", *filters, "--limit", "1000", "--json").splitlines()]

    def revoke(self):
        self.cut = self.house.ask_json("revoke", "--agent", "invoice-bot", "--why", "the query looks wrong")
        self.expect(self.cut["confirmed"] and self.cut["calls"] >= 1 and self.cut["streams"] >= 1,
                    f"the revocation was to cut a call and a stream, confirmed: {self.cut}")
        rest, errors = self.bot_process.communicate(timeout=demo_house.PATIENCE)
        self.expect(self.bot_process.returncode == 1, f"writ run was to end with 1: {self.bot_process.returncode}\n{errors}")
        self.expect('"ok":true' not in rest, f"something still came through after the revocation: {rest}")
        self.bot_run, self.bot_end = errors.strip().splitlines()[0], errors.strip().splitlines()[-1]
        again = self.house.run_agent("invoice-bot", "Once more", "invoice-bot.mjs", self.docs, SUMMARY, AUDIT)
        rest, errors = again.communicate(timeout=demo_house.PATIENCE)
        self.expect(again.returncode != 0 and not rest, f"a revoked agent was to get no writ: {rest}{errors}")
        self.again = errors.strip().splitlines()[-1]

    def explain(self):
        self.call = self.bot_steps["script"]["data"]["call"]
        writ = re.search(r"wr_\w+", self.bot_run).group()
        for what in ("reader", writ):
            self.expect(len(self.house.ask("explain", what)) > 100, f"explain {what} says too little")
        self.explained = self.house.ask("explain", self.call)
        self.expect("no-scripts" in self.explained, f"explain {self.call} does not name the policy:\n{self.explained}")

    def tamper(self):
        """Verify the log; then change one byte of one record in a copy, and verify that."""
        whole = self.house.ask_json("log", "verify")
        self.verified = self.house.ask("log", "verify").splitlines()[0]
        denied = self.decisions("invoice-bot", "deny", "write_file")[-1]
        self.record = denied["index"]
        copy = self.house.path("log-copy")
        shutil.copytree(self.house.path("state/log"), copy)
        change_one_byte(os.path.join(copy, "journal"), self.record, b'"deny"', b'"denY"')
        check = ("log", "verify", copy, "--key", whole["key"], "--origin", whole["origin"])
        found = self.house.ask_json(*check, expect=1)
        self.expect(found.get("record") == found.get("record_last") == self.record, f"verification does not name record {self.record}: {found}")
        self.damage = self.house.ask(*check, expect=1).splitlines()[1]

    # --------------------------------------------------------------------------------------------------------- summary

    def short(self, text):
        """As it was said, without the demo's folder and the program's name in front."""
        return text.removeprefix("refused: ").removeprefix("writ: ").replace(self.house.top + "/", "")

    def lines(self, steps, script):
        for name, _, words in script:
            step = steps[name]
            if name == "tools":
                continue
            kind = "done" if name == "complete" else "cut" if name == "waiting" else "allowed" if step["ok"] else "refused"
            why = "" if step["ok"] else self.short(step["why"])
            if name == "waiting":
                why = self.short(self.bot_end)
            if name == "around" and step["ok"]:
                why = "nothing stops it here: without root the agent has no user of its own"
            yield f"  {paint(kind, kind.ljust(8))} {words.ljust(32)} {paint('quiet', cut(why, width() - 44))}".rstrip()

    def agent(self, name, run, more):
        """Two lines about one agent, from what `writ run` said when it opened the writ."""
        said = re.fullmatch(r"writ: (wr_\w+) is open for \S+, task (\S+) \(proof: (\w+)\); walls: (.*)", run)
        self.expect(said, f"writ run was to say writ, task, proof and walls: {run}")
        writ, task, proof, walls = said.groups()
        yield f"{paint('title', name)} · task {task} · {writ} · proof: {proof} · {more}"
        for line in textwrap.wrap(f"walls: {walls}", width() - 2, max_lines=2, placeholder=" …"):
            yield "  " + paint("quiet", line)

    def summary(self):
        seen = len(self.reader_steps["tools"]["got"])
        yield from self.agent("reader", self.reader_run, f"MCP 2026-07-28 · sees {seen} of {self.offered['files']} tools")
        yield from self.lines(self.reader_steps, READER)
        yield ""
        yield from self.agent("invoice-bot", self.bot_run, "MCP 2025-11-25")
        yield from self.lines(self.bot_steps, BOT)
        yield ""
        memory, effect, durable = (duration(self.cut[name]) for name in ("memory_us", "effect_us", "durable_us"))
        yield f"{paint('title', 'revoked')} · invoice-bot, while it waited: {self.counted()}"
        yield f"  nothing new could start after {memory}; the last effect had stopped after {paint('title', effect)}; on disk after {durable}"
        yield f"  started again: {paint('refused', cut(self.short(self.again), width() - 18))}"
        yield ""
        yield f"{paint('title', 'explained')} · writ explain {self.call}"
        for line in textwrap.wrap(" ".join(self.explained.split()), width() - 2, max_lines=5, placeholder=" …"):
            yield "  " + line
        yield ""
        yield f"{paint('title', 'recorded')} · {cut(self.verified, width() - 12)}"
        yield f"  one byte of it changed in a copy: {paint('cut', cut(re.sub('^in record [0-9]+: ', '', self.damage), width() - 36))}"

    def counted(self):
        parts = []
        for name, one in (("writs", "writ"), ("calls", "call"), ("streams", "stream"), ("processes", "server")):
            n = self.cut[name]
            parts.append(f"{n} {one}{'' if n == 1 else 's'}")
        return ", ".join(parts)


def duration(microseconds):
    return f"{microseconds} µs" if microseconds < 1000 else f"{microseconds / 1000:.1f} ms"


def change_one_byte(journal, record, old, new):
    """docs/protocol/log.md: u16 length, 8 bytes of the leaf's hash, the leaf."""
    with open(journal, "r+b") as f:
        for _ in range(record):
            length, = struct.unpack(">H", f.read(2))
            f.seek(8 + length, os.SEEK_CUR)
        length, = struct.unpack(">H", f.read(2))
        f.seek(8, os.SEEK_CUR)
        start = f.tell()
        leaf = f.read(length)
        at = leaf.index(old)
        f.seek(start + at)
        f.write(new)


def how_to_go_on(house):
    user = f"--user {demo_house.READER_UID} " if house.root else ""
    yield "The server is still up. In this shell:"
    yield f"  export WRIT_ESTATE={house.path('estate')} PATH={os.path.dirname(house.writ)}:$PATH"
    yield "  writ status; writ agent; writ explain reader; writ log --decision deny; writ check"
    yield f"  writ run --agent reader {user}--purpose \"a look around\" -- sh -c 'cat $WRIT_MCP_CONFIG; id'"
    yield f"Edit a file in {house.path('estate')} and see it reload (writ log --kind estate)."
    yield f"To end it: kill {house.server.pid}; rm -rf {house.top}"


def tell(house):
    story = Story(house)
    if not house.root:
        progress("not root: agents and servers run as you, so their proof is weak (the estate says that it accepts that)")
    for text, act in (
        ("starting writ serve before two MCP servers, pinning their tools", story.start),
        ("an assistant reads contracts, and tries more", story.reader),
        ("an invoice agent writes, books, and tries more", story.bot),
        ("taking its authority back while it waits", story.revoke),
        ("asking why", story.explain),
        ("verifying the log, and a copy that was tampered with", story.tamper),
    ):
        progress(text)
        act()
    print()
    for line in story.summary():
        print(line)
    return story


def too_long(*_):
    raise Unexpected(f"the demo takes longer than {LONGEST} s; something hangs")


def main():
    options = argparse.ArgumentParser(description="The demo of Writ.")
    options.add_argument("--writ", required=True)
    options.add_argument("--modules", required=True)
    options.add_argument("--keep", action="store_true")
    options = options.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(LONGEST)
    house, done = House(options.writ, options.modules), False
    try:
        story = tell(house)
        done = True
    except Unexpected as unexpected:
        print(f"\n{paint('refused', 'demo: not as expected')}: {unexpected}\n\nwrit serve said:\n{house.said()}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\ndemo: interrupted", file=sys.stderr)
    finally:
        signal.alarm(0)
        if options.keep and done:
            house.ask("restore", "--agent", "invoice-bot")
            print("\n" + "\n".join(how_to_go_on(house)))
        else:
            house.close()
    if done and not options.keep:
        print(f"\nNo process and no folder is left. {time.monotonic() - story.began:.0f} s in all.")
    return 0 if done else 1


if __name__ == "__main__":
    sys.exit(main())
