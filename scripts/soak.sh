#!/bin/bash
# For hours: every fuzz target, SOAK_SECONDS (2 h) shared among them; then the crash test with CRASH_RUNS (200) kills of the server.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

scripts/setup.sh core clang node python
targets=$(find tests/fuzz -name 'fuzz_*.c' | wc -l)
FUZZ_SECONDS=$((${SOAK_SECONDS:-7200} / targets + 1)) scripts/fuzz.sh
configure build
build build
export WRIT_BIN="$PWD/build/src/cli/writ" WRIT_NODE_MODULES="$PWD/build/node/node_modules"
build/venv/bin/python tests/real/crash.py "${CRASH_RUNS:-200}"
