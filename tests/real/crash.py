#!/usr/bin/env python3
"""
Kill the server at random points while agents open, call, complete and are revoked; then start it again and compare what was acknowledged
with what is there: crash.py [RUNS]. Nothing acknowledged may be lost, nothing revoked may come back, store and log must agree, the log must
verify. Prints one line a run and a summary; exit code 1 at the first thing that does not fit (the folder is kept then).
"""
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time

from house import IS_ROOT, READER, ROOT, WRIT, House, Refused, unix_socket
import socket

WINDOW = 0.35  # s: the stated 100 ms of tier light and standard, and time to be scheduled on a busy machine


def agent(house_run, uid, seed, acks):
    """One agent's process: sessions of open, calls, end, in a loop, until the server goes away. Reports only what was acknowledged."""
    if IS_ROOT:
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
    rnd = random.Random(seed)
    try:
        while True:
            s = unix_socket(os.path.join(house_run, "agent.sock"))
            s.sendall(b"GET /v1/mcp/fix HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: mcp-lines\r\n\r\n")
            f = s.makefile("rb")
            head = f.readline()
            while (line := f.readline()) not in (b"\r\n", b""):
                pass
            if b"101" not in head:
                return
            acks.put(("open", time.time(), os.getpid()))
            meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
            for i in range(rnd.randint(1, 6)):
                tool = rnd.choice(["echo", "echo", "danger"])
                name = {"text": f"t{i}"} if tool == "echo" else {"what": "x"}
                s.sendall(json.dumps({"jsonrpc": "2.0", "id": i, "method": "tools/call",
                                      "params": {"name": tool, "arguments": name, "_meta": meta}}).encode() + b"\n")
                answer = f.readline()
                if not answer:
                    return
                m = json.loads(answer)
                if "result" in m:
                    acks.put(("call", time.time(), tool))
                elif m["error"]["data"]["code"] not in ("denied", "approval_required", "writ_ended", "forbidden"):
                    return
                elif "call" in m["error"].get("data", {}):
                    acks.put(("refused", time.time(), m["error"]["data"]["call"]))
            s.close()
    except (OSError, ValueError, KeyError):
        return


def admin(house, acks, seed):
    """A person: closes and revokes what is open, and notes the answers."""
    rnd = random.Random(seed)
    try:
        while True:
            time.sleep(rnd.uniform(0.005, 0.15))
            active = [w["id"] for w in house.api("GET", "/v1/writs", timeout=5)["writs"] if w["state"] == "active"]
            if not active:
                continue
            writ = rnd.choice(active)
            if rnd.random() < 0.5:
                r = house.api("POST", "/v1/revoke", {"selector": "writ", "id": writ, "why": "test"}, sock=rnd.choice(["admin.sock", "control.sock"]))
                acks.put(("revoked", time.time(), writ if r["writs"] == 1 else None))
            else:
                house.api("POST", "/v1/close", {"writ": writ, "why": "test"})
                acks.put(("closed", time.time(), writ))
    except (OSError, ValueError, Refused, KeyError):
        return


def drain(acks, processes):
    """Read what was reported until every reporter has ended; a queue has to be emptied before its writers can end."""
    found = []
    while any(p.is_alive() for p in processes) or not acks.empty():
        try:
            found.append(acks.get(timeout=0.05))
        except Exception:
            pass
    return found


class Book:
    """What was acknowledged over all runs."""

    def __init__(self):
        self.revoked, self.closed, self.seen = set(), set(), set()


def wrong(house, what):
    print(f"WRONG: {what}\nkept: {house.top}\n{house.said()}")
    house.stop(signal.SIGKILL)
    sys.exit(1)


def check(house, book, found, killed, opens_before):
    writs = house.writs()
    for kind, at, what in found:
        if kind == "revoked" and what:
            book.revoked.add(what)
        if kind == "closed":
            book.closed.add(what)
    for w in book.revoked:
        if w in writs and writs[w]["state"] != "revoked" and w not in book.closed:
            wrong(house, f"{w} was revoked and acknowledged, and is {writs[w]['state']}")
        if w in writs and writs[w]["state"] == "active":
            wrong(house, f"{w} came back")
    for w in book.closed:
        if w in writs and writs[w]["state"] not in ("completed", "revoked", "expired"):
            wrong(house, f"{w} was closed and acknowledged, and is {writs[w]['state']}")
    opens = sum(1 for kind, _, _ in found if kind == "open")
    if len(writs) < opens_before + opens:
        wrong(house, f"{opens} writs were acknowledged, {len(writs) - opens_before} are there")
    last = {}
    for r in house.records(kind="writ"):
        last[r["leaf"]["writ"]] = r["leaf"]["state"]
    for w, v in writs.items():
        if last.get(w) != v["state"]:
            wrong(house, f"the store says {w} is {v['state']}, the log says {last.get(w)}")
    logged = {r["leaf"].get("call") for r in house.records(kind="decision")}
    for kind, at, what in found:
        if kind == "refused" and at < killed - WINDOW and what not in logged:
            wrong(house, f"the decision {what}, {killed - at:.3f} s before the kill, is not in the log")
    verify = subprocess.run([WRIT, "log", "verify", "--estate", house.estate], capture_output=True, text=True)
    if verify.returncode != 0:
        wrong(house, "the log does not verify: " + verify.stdout + verify.stderr)
    return len(writs), opens


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    seed = int(os.environ.get("SEED", str(int(time.time()))))
    rnd = random.Random(seed)
    house = House()
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        where = f"127.0.0.1:{s.getsockname()[1]}"
    stub = subprocess.Popen([os.environ.get("WRIT_STUB", os.path.join(ROOT, "build/tests/bench/bench_stub")), where])
    server = {"url": f"http://{where}/mcp"}
    house.destination("fix", server, {})
    house.task("work", {})
    house.agent("reader", READER, ["work"])
    house.start()
    house.pin("fix")
    house.destination("fix", server, {"echo": "{ effect: read }", "danger": "{ effect: irreversible }"})
    house.task("work", {"fix/echo": "{}", "fix/danger": "{}"})
    house.stop()
    book, total, counts = Book(), 0, {"open": 0, "call": 0, "refused": 0, "revoked": 0, "closed": 0}
    for run in range(runs):
        house.start()
        writs_before = len(house.writs())
        acks = multiprocessing.Queue()
        workers = [multiprocessing.Process(target=agent, args=(house.run, READER, rnd.random(), acks)) for _ in range(3)]
        workers.append(multiprocessing.Process(target=admin, args=(house, acks, rnd.random())))
        for w in workers:
            w.start()
        time.sleep(rnd.uniform(0.02, 2.5))
        killed = time.time()
        house.stop(signal.SIGKILL)
        found = drain(acks, workers)
        for w in workers:
            w.join()
        for kind, _, _ in found:
            counts[kind] += 1
        house.start()
        total, opens = check(house, book, found, killed, writs_before)
        if house.stop() != 0:
            wrong(house, "the server did not stop cleanly")
        print(f"run {run + 1}: {opens} opened, {len(book.revoked)} revoked and {len(book.closed)} closed so far, {total} writs, all as acknowledged",
              flush=True)
    house.close()
    stub.kill()
    stub.wait()
    print(f"crash: {runs} kills; acknowledged: " + ", ".join(f"{v} {k}" for k, v in counts.items()) + "; nothing lost, nothing came back, store and log agree, "
          f"the log verifies (seed {seed})")


if __name__ == "__main__":
    main()
