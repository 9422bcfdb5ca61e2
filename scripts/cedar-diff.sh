#!/bin/bash
# Our Cedar engine and the official one (npm package, as tests/real/package-lock.json pins it) answer the same generated calls:
#     scripts/cedar-diff.sh [CALLS [SEED [SHOWN [TEXTS]]]]
# Prints the first SHOWN disagreements (20) and TEXTS error texts that differ (0) in full, a table by kind of call, and a last line with
# the sums. Fails when anything but an error text differs. CEDAR_WASM and NODE name another package or Node.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

scripts/setup.sh core
if [ -z "${CEDAR_WASM:-}" ]; then
    scripts/setup.sh node
    export CEDAR_WASM=$PWD/build/node/node_modules/@cedar-policy/cedar-wasm/nodejs/cedar_wasm.js
    export NODE=$PWD/build/node/node_modules/.bin/node
fi
configure build
ninja -C build tests/conformance/cedar_diff >build/ninja.log 2>&1 || { tail -40 build/ninja.log >&2; die "cedar_diff does not compile"; }
export CEDAR_ORACLE=$PWD/tests/conformance/cedar_oracle.mjs
exec build/tests/conformance/cedar_diff "${1:-20000}" "${@:2}"
