#!/usr/bin/env python3
"""The Cedar benchmark: cedar.py BUILD [WORLD…] (scripts/bench-cedar.sh builds what it needs below BUILD first).

Every world of tests/bench/cedar/generate.py on each engine, one after the other, on one core: ours, the official one in Rust, cedar-go.
All must decide every request alike, else it stops with status 1. Columns: nanoseconds a decision (median and 99th percentile over the requests, each
the shortest of its runs) for a request that was looked up or built before, from strings, and from JSON; how many times the official engine's
median is ours; memory for policies and entities. The two other engines get fewer runs, or fewer of the 1,000 requests, where one takes milliseconds.
"""
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SIZES = [10, 100, 1000, 10000, 100000]
WORLDS = [f"{app}-{n}" for app in ("gdrive", "github", "tinytodo") for n in (5, 20, 50)] + [f"{kind}-{n}" for kind in ("scoped", "unscoped") for n in SIZES]
FORMS = ["ready", "strings", "json"]


def effort(world):
    """Runs of each request and number of requests for the other engines."""
    kind, n = world.rsplit("-", 1)
    if not kind.endswith("scoped"):
        return 5, 1000
    return {10: (5, 1000), 100: (3, 1000), 1000: (1, 1000), 10000: (0, 1000), 100000: (0, 50)}[int(n)]


def run(command):
    pinned = ["taskset", "-c", str(max(os.sched_getaffinity(0)))] + command
    done = subprocess.run(pinned, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"bench-cedar: {' '.join(command)} failed")
    out = {}
    for line in done.stdout.splitlines():
        row = json.loads(line)
        out.setdefault(row.get("form", "load"), {}).update(row)
    return out


def agree(folder, engines):
    decisions = {}
    for e in engines:
        with open(os.path.join(folder, f"decisions.{e}"), encoding="ascii") as f:
            decisions[e] = f.read()
    ours = decisions["writ"]
    for e, theirs in decisions.items():
        wrong = [i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b]
        if wrong or not theirs:
            sys.exit(f"bench-cedar: {folder}: {e} decides request {wrong[:5]} otherwise")
    return ours.count("A")


def ns(row):
    return f"{row['p50_ns']:,.0f} ({row['p99_ns']:,.0f})"


def main():
    build, worlds = os.path.abspath(sys.argv[1]), sys.argv[2:] or WORLDS
    ours = os.path.join(build, "tests", "bench", "bench_cedar")
    peers = {"cedar-rust": os.path.join(build, "peers", "cedar-rust", "release", "bench-cedar-rust"), "cedar-go": os.path.join(build, "peers", "bench-cedar-go")}
    print("CPU time on one core, ns a decision: median (p99); ratio: times the median of the official engine\n")
    print(f"{'world':16} {'engine':11} {'looked up':>26} {'strings':>26} {'JSON':>26} {'ratio':>22} {'memory':>10}  allowed")
    for world in worlds:
        kind, n = world.rsplit("-", 1)
        folder = os.path.join(build, "bench-cedar", world)
        subprocess.run([sys.executable, os.path.join(HERE, "cedar", "generate.py"), kind, n, folder], check=True)
        results = {"writ": run([ours, folder, "21"])}
        passes, count = effort(world)
        for name, program in peers.items():
            if os.path.exists(program):
                results[name] = run([program, folder, str(passes), str(count)])
        allowed = agree(folder, results)
        official = results.get("cedar-rust")
        for name, r in results.items():
            ratio = "/".join(f"{official[f]['p50_ns'] / max(r[f]['p50_ns'], 1):,.1f}" for f in FORMS) if official else "-"
            print(f"{world:16} {name:11} {ns(r['ready']):>26} {ns(r['strings']):>26} {ns(r['json']):>26} {ratio:>22} {r['load']['rss_kb']:>7,} KB"
                  f"  {allowed if name == 'writ' else ''}", flush=True)
    print("\nevery engine decided every request alike")


if __name__ == "__main__":
    main()
