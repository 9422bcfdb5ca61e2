#!/bin/bash
# Everything. Goes on after a failure, so that one run tells all; ends with the plain line "N passed, N failed" and fails when anything did.
# What is counted: the tests of the unit programs (plain build; under the sanitizers only failures count, they are the same tests), each
# fuzz target, pytest's tests, the demo.
set -uo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

export WRIT_BIN="$PWD/build/src/cli/writ" WRIT_NODE_MODULES="$PWD/build/node/node_modules"
out=build/test
rm -rf $out
mkdir -p $out

# part NAME COMMAND…: run, show what it says, keep it for the count.
part() {
    local name=$1 started=$SECONDS
    shift
    printf '\n== %s\n' "$name"
    if "$@" 2>&1 | tee "$out/$name.txt"; then
        echo "== $name: ok, $((SECONDS - started)) s"
    else
        echo "== $name: FAILED, $((SECONDS - started)) s"
        echo "$name" >>$out/failed
    fi
}

unit() {
    configure build || return
    build build || return
    meson test -C build --no-rebuild --suite unit --print-errorlogs --num-processes 2
}

scripts/setup.sh core node conformance browser python clang || die "set-up failed"
part unit unit
cp build/meson-logs/testlog.txt $out/unit-log.txt 2>/dev/null
part asan scripts/sanitize.sh asan
cp build/asan/meson-logs/testlog.txt $out/asan-log.txt 2>/dev/null
FUZZ_RUNS=${TEST_FUZZ_RUNS:-30000} FUZZ_SECONDS=${TEST_FUZZ_SECONDS:-10} part fuzz scripts/fuzz.sh
part real build/venv/bin/python -m pytest tests/real -q -ra --tb=short -p no:cacheprovider
part cedar scripts/cedar-diff.sh "${TEST_CEDAR_CALLS:-20000}"
CEDAR_OFFICIAL=wasm part sets scripts/cedar-sets.sh 2 8 10000 1000 9
part demo scripts/demo.sh
echo
exec python3 scripts/count.py $out
