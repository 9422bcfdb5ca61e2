#!/bin/bash
# The benchmarks of tests/bench: scripts/bench.sh [gateway|revocation|federation].
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

scripts/setup.sh core node python bench
configure build
build build
ninja -C build tests/bench/bench_stub tests/bench/bench_cut tests/bench/bench_lists >>build/ninja.log || die "the benchmarks do not compile (build/ninja.log)"
export WRIT_BIN="$PWD/build/src/cli/writ" WRIT_NODE_MODULES="$PWD/build/node/node_modules"
exec build/venv/bin/python "tests/bench/${1:-gateway}.py" build
