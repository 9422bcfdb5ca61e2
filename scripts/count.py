#!/usr/bin/env python3
"""
Sum up a run of scripts/test.sh from what its runners printed: count.py FOLDER. The last line is plain: "N passed, N failed" (and
", N skipped"). Exit code 1 when anything failed, and when a runner left no result: what did not run has not passed.
"""
import os
import re
import sys

SHOWN = 20  # lines about failures


def read(folder, name):
    try:
        with open(os.path.join(folder, name), errors="replace") as f:
            return f.read()
    except FileNotFoundError:
        return ""


def numbers(pattern, text):
    return sum(int(n) for n in re.findall(pattern, text, re.M))


def cmocka(text):
    """(passed, failed, skipped) of the programs in a meson test log. A program that ended by a signal or a sanitizer counts as one failure."""
    passed = numbers(r"^\[  PASSED  \] (\d+) test\(s\)", text)
    skipped = numbers(r"^\[  SKIPPED \] (\d+) test\(s\)", text)
    failed = numbers(r"^\[  FAILED  \] (\d+) test\(s\), listed below", text)
    ended_badly = numbers(r"^Fail:\s+(\d+)", text) + numbers(r"^Timeout:\s+(\d+)", text)
    return passed, max(failed, ended_badly), skipped


def fuzz(text):
    return len(re.findall(r"^fuzz: \S+: \d+ inputs, nothing found$", text, re.M)), len(re.findall(r"^fuzz: \S+: FAILED", text, re.M)), 0


def pytest(text):
    line = next((part for part in reversed(text.splitlines()) if re.search(r"\d+ (passed|failed|error|skipped).* in [\d.]+s", part)), "")

    def count(word):
        return numbers(r"(\d+) " + word, line)

    return count("passed"), count("failed") + count("errors?"), count("skipped") + count("xfailed") + count("xpassed")


def cedar(text):
    """Every call that the official engine and ours answered is a check; they are one test by kind of call."""
    kinds = re.findall(r"^(\w+) +(\d+) +(\d+) +(\d+) +\d+ +\d+ +\d+ +\d+$", text, re.M)
    return sum(int(k[3]) == 0 and int(k[1]) > 0 for k in kinds), sum(int(k[3]) > 0 for k in kinds), 0


def failures(folder):
    """The lines in which the runners name what failed."""
    marks = (
        ("unit-log.txt", r"^\[  FAILED  \] [a-z]\w*$|^\[  ERROR   \].*"),
        ("asan-log.txt", r"^\[  FAILED  \] [a-z]\w*$|^SUMMARY: \w+Sanitizer.*"),
        ("fuzz.txt", r"^fuzz: \S+: FAILED.*"),
        ("real.txt", r"^(?:FAILED|ERROR) .*"),
        ("cedar.txt", r"^(?:FAIL|ERROR|cedar_diff:).*"),
        ("sets.txt", r"^(?:DISAGREE|cedar_sets:).*"),
        ("demo.txt", r"^demo: .*"),
    )
    for name, pattern in marks:
        part = name.split(".")[0].split("-")[0]
        if part in read(folder, "failed").split():
            for line in dict.fromkeys(re.findall(pattern, read(folder, name), re.M)):
                yield f"{part}: {line[:300]}"


def main(folder):
    failed_parts = read(folder, "failed").split()
    parts = {
        "unit tests": ("unit", cmocka(read(folder, "unit-log.txt"))),
        "the same under ASan and UBSan": ("asan", cmocka(read(folder, "asan-log.txt"))),
        "fuzz targets": ("fuzz", fuzz(read(folder, "fuzz.txt"))),
        "real clients and servers, docs": ("real", pytest(read(folder, "real.txt"))),
        "Cedar beside the official engine": ("cedar", cedar(read(folder, "cedar.txt"))),
        "Cedar, large policy sets": ("sets", cedar(read(folder, "sets.txt"))),
        "demo": ("demo", (int("demo" not in failed_parts and read(folder, "demo.txt") != ""), 0, 0)),
    }
    for line in list(failures(folder))[:SHOWN]:
        print(line)
    total = [0, 0, 0]
    for title, (name, counts) in parts.items():
        passed, failed, skipped = counts
        failed = max(failed, int(name in failed_parts), int(passed + failed + skipped == 0))
        print(f"{title + ':':<32}{passed:5} passed {failed:5} failed {skipped:5} skipped")
        total = [total[0] + (passed if name != "asan" else 0), total[1] + failed, total[2] + (skipped if name != "asan" else 0)]
    print("(the tests under ASan and UBSan are the unit tests again: only their failures are added)")
    print(f"{total[0]} passed, {total[1]} failed" + (f", {total[2]} skipped" if total[2] else ""))
    return 1 if total[1] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
