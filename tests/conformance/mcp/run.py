"""
The official MCP conformance suite through the gateway (make conformance): a real `writ serve` with the fixture's tools pinned, one permit for each
tool, prompt and resource under a condition on typed arguments, a sealed secret injected towards the upstream, and everything on record.
The suite runs as the agent's user against the private endpoint of a writ, over an HTTP and over a stdio upstream; then each permit is taken away in
turn, and exactly the scenarios that use it must change.

    run.py [--direct] [--only http|stdio] [--era legacy|modern] [--permits [NAME…]]
"""
import argparse
import collections
import glob
import hashlib
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
sys.path.insert(0, os.path.join(ROOT, "tests/real"))

import policy  # noqa: E402
from house import DEADLINE, IS_ROOT, NODE, READER, WRIT, Endpoint, House, for_everyone, free_port  # noqa: E402

REVISIONS = {"2025-11-25": 30, "2026-07-28": 37}
SUITE = os.path.join(for_everyone(os.environ.get("WRIT_CONFORMANCE", os.path.join(ROOT, "build/conformance/node_modules"))),
                     "@modelcontextprotocol/conformance/dist/index.js")
SERVER = os.path.join(for_everyone(os.path.join(HERE, "fixture")), "server.mjs")


class Outcome:
    """What one run of the suite gave: scenario → its checks, and what counts."""

    def __init__(self, revision, folder, said):
        self.revision, self.said = revision, said
        self.lines = dict(re.findall(r"^[✓✗] ([\w/-]+): (\d+ passed, \d+ failed)", said, re.M))
        self.unscored = set(re.findall(r"^  [✓✗] ([\w/-]+) \(", said, re.M))
        self.checks = {}
        for path in glob.glob(os.path.join(folder, "*/checks.json")):
            name = re.sub(r"-\d{4}-\d\d-\d\dT[\d-]+Z$", "", os.path.basename(os.path.dirname(path))).removeprefix("server-")
            with open(path) as f:
                self.checks[name] = [(c["id"], c["status"], c.get("errorMessage", "")) for c in json.load(f)]

    def passed(self, name):
        return self.lines[name].endswith(" 0 failed")

    def scored(self):
        return [n for n in self.lines if n not in self.unscored]

    def score(self):
        names = self.scored()
        return sum(map(self.passed, names)), len(names)

    def extra(self):
        names = sorted(self.unscored & set(self.lines))
        return sum(map(self.passed, names)), len(names)

    def verdicts(self):
        """scenario → how often each check ended how: what a change of policy may change."""
        return {n: collections.Counter((i, s) for i, s, _ in checks if s != "INFO") for n, checks in self.checks.items()}

    def complaints(self):
        return [f"{n}: {i}: {s}: {text[:300]}" for n, checks in self.checks.items() for i, s, text in checks if s in ("FAILURE", "WARNING")]


def run_suite(url, revision, uid=None):
    folder = tempfile.mkdtemp(prefix="writ-suite-")
    user = {}
    if IS_ROOT and uid is not None:
        os.chown(folder, uid, uid)
        user = {"user": uid, "group": uid, "extra_groups": []}
    try:
        p = subprocess.run([NODE, SUITE, "server", "--url", url, "--requirements", revision, "-o", folder], stdin=subprocess.DEVNULL, capture_output=True,
                           text=True, timeout=10 * DEADLINE, cwd=folder, env={**os.environ, "HOME": folder, "NO_COLOR": "1"}, **user)
        outcome = Outcome(revision, folder, p.stdout)
        if not outcome.lines:
            raise AssertionError(f"the suite did not run:\n{p.stdout[-2000:]}\n{p.stderr[-2000:]}")
        return outcome
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Upstream:
    """The fixture over HTTP; it turns away who does not bring ${bearer}."""

    def __init__(self, bearer=None, era=None, port=None):
        self.port = port or free_port()
        more = {k: v for k, v in (("FIXTURE_BEARER", bearer), ("FIXTURE_ERA", era)) if v}
        self.process = subprocess.Popen([NODE, SERVER, "http", str(self.port)], stdin=subprocess.DEVNULL, env={**os.environ, **more})
        self.url = f"http://127.0.0.1:{self.port}/mcp"
        self.wait()

    def wait(self):
        end = time.monotonic() + DEADLINE
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port)).close()
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def close(self):
        self.process.kill()
        self.process.wait()


class Place:
    """An estate, its server, a writ, and the address that the suite talks to."""

    def __init__(self, transport, era=None):
        self.era, self.transport, self.house, self.upstreams, self.endpoint = era, transport, House(), [], None
        try:
            self.open(transport)
        except BaseException:
            self.close()
            raise

    def open(self, transport):
        h, key = self.house, secrets.token_hex(24)
        if transport == "http":
            plain = Upstream(era=self.era)
            self.upstreams = [plain]
            pinned_from, server = {"url": plain.url}, {"url": plain.url, "headers": {"Authorization": {"secret": "fixture-key", "prefix": "Bearer "}}}
        else:
            command = [NODE, SERVER]
            era = {"FIXTURE_ERA": self.era} if self.era else {}
            pinned_from = {"command": command, "env": era} if era else {"command": command}
            server = {"command": command, "env": era | {"FIXTURE_SHA256": hashlib.sha256(key.encode()).hexdigest(), "FIXTURE_TOKEN": {"secret": "fixture-key"}}}
        h.settings("builtin_policies: false\n")
        h.destination("fixture", pinned_from, {}, more="share: [resources, prompts]\n", repeats=True)
        h.task("work", {})
        h.agent("reader", READER, ["work"])
        h.start()
        h.pin("fixture")
        if self.upstreams: # from now on at the same address, only for who brings the key
            self.upstreams.pop().close()
            self.upstreams.append(Upstream(key, self.era, plain.port))
        h.destination("fixture", server, {name: "{ effect: read }" for name in policy.TOOLS}, more="share: [resources, prompts]\n", repeats=True)
        h.task("work", {f"fixture/{name}": "{}" for name in (*policy.TOOLS, "@resources", "@prompts")})
        subprocess.run([WRIT, "destination", "seal", "fixture", "fixture-key", "--estate", h.estate], input=key, text=True, check=True,
                       stdout=subprocess.DEVNULL, timeout=DEADLINE)
        self.permit()
        self.endpoint = Endpoint(h)
        self.url = f"http://127.0.0.1:{self.endpoint.port}/{self.endpoint.secret}/mcp/fixture"

    def permit(self, but=None):
        """The permits, without the one named ${but}."""
        self.house.put("policies/conformance.cedar", "\n".join(t for n, t in policy.permits().items() if n != but))
        self.house.api("POST", "/v1/reload", {})

    def run(self, revision):
        return run_suite(self.url, revision, READER)

    def close(self):
        if self.endpoint:
            self.endpoint.close()
        self.house.close()
        for u in self.upstreams:
            u.close()


def direct(revision):
    u = Upstream()
    try:
        return run_suite(u.url, revision)
    finally:
        u.close()


def report(name, outcome, rows):
    (passed, of), (more, more_of) = outcome.score(), outcome.extra()
    complaints = outcome.complaints()
    for c in complaints:
        print(f"    {name}, {outcome.revision}: {c}", flush=True)
    rows.append((name, outcome.revision, f"{passed} of {of}", f"{more} of {more_of}"))
    return passed == of == REVISIONS[outcome.revision] and more == more_of


def changed(before, after):
    a, b = before.verdicts(), after.verdicts()
    return {n for n in a | b if a.get(n) != b.get(n)}


def take_away(rows, names):
    """Each permit in turn: what changes is what the table says, and nothing else. → did it hold everywhere?"""
    place, well, began = Place("http"), True, time.monotonic()
    try:
        whole = {revision: place.run(revision) for revision in REVISIONS}
        for name in names:
            place.permit(but=name)
            found = {revision: changed(whole[revision], place.run(revision)) for revision in REVISIONS}
            wanted = {revision: policy.uses(name, set(whole[revision].checks)) for revision in REVISIONS}
            if found != wanted:
                well = False
                for r in REVISIONS:
                    print(f"    without {name}, {r}: expected {sorted(wanted[r])}, changed {sorted(found[r])}", flush=True)
            rows.append((name, *(", ".join(sorted(found[r])) or "-" for r in REVISIONS)))
        place.permit()
        again = set().union(*(changed(whole[r], place.run(r)) for r in REVISIONS))
        print(f"    {len(names)} permits taken away in turn, {time.monotonic() - began:.0f} s; with all of them again "
              f"{'nothing is different' if not again else 'different: ' + ', '.join(sorted(again))}", flush=True)
        return well and not again
    finally:
        place.close()


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--only", choices=("http", "stdio"))
    options.add_argument("--permits", nargs="*", metavar="NAME", help="also take away each of these permits in turn (none named: all)")
    options.add_argument("--direct", action="store_true", help="also the fixture without the gateway")
    options.add_argument("--era", choices=("legacy", "modern"), help="an upstream that speaks this era alone")
    o = options.parse_args()
    rows, well = [], True
    if o.direct:
        for revision in REVISIONS:
            well &= report("fixture, no gateway", direct(revision), rows)
    for transport in ("http", "stdio"):
        if o.only in (None, transport):
            place = Place(transport, o.era)
            try:
                for revision in REVISIONS:
                    well &= report(f"gateway, {transport} upstream", place.run(revision), rows)
            finally:
                place.close()
    taken = []
    if o.permits is not None:
        well &= take_away(taken, o.permits or list(policy.permits()))
        width = max(len(r[0]) for r in taken)
        print(f"\n{'without the permit'.ljust(width)}  changes in 2025-11-25 | in 2026-07-28")
        for name, old, new in taken:
            print(f"{name.ljust(width)}  {old} | {new}")
    width = max(len(r[0]) for r in rows)
    print(f"\n{'through'.ljust(width)}  revision    scored     not scored")
    for name, revision, scored, more in rows:
        print(f"{name.ljust(width)}  {revision}  {scored.ljust(9)}  {more}")
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()
