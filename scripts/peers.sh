#!/bin/bash
# Our Cedar engine beside the official one, all that there is to compare. CEDAR_DATA names the folder that holds corpus-tests.tar.gz (from the
# cedar-integration-tests repository) and, where there are, the official engine's answers as golden-4.13.0.jsonl.gz and the examples of
# cedar-for-agents as mcp-schema-examples.tar.gz: the corpus with every finding of the validator, schemas and data by them, schemas of tools.
# Then partial evaluation (PARTIAL generated cases, 100,000; some of them at the official engine, too), N generated calls (1,000,000), and
# SETS (40) sets of 10,000 policies.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

scripts/setup.sh core node
[ -n "${CEDAR_DATA:-}" ] || die "set CEDAR_DATA to a folder that holds corpus-tests.tar.gz (from the cedar-integration-tests repository)"
configure build
build build
export CEDAR_WASM=${CEDAR_WASM:-$PWD/build/node/node_modules/@cedar-policy/cedar-wasm/nodejs/cedar_wasm.js}
export NODE=${NODE:-$PWD/build/node/node_modules/.bin/node}

tests/conformance/cedar.sh "$CEDAR_DATA"
tests/conformance/cedar_validation.sh "$CEDAR_DATA"
tests/conformance/cedar_schema.sh "$CEDAR_DATA"
ninja -C build tests/conformance/cedar_mcp >/dev/null
python3 tests/conformance/cedar_mcp.py build/tests/conformance/cedar_mcp "$CEDAR_DATA/mcp-schema-examples.tar.gz"
CEDAR_ORACLE="$NODE tests/conformance/cedar_oracle.mjs" tests/conformance/cedar_partial.sh "${PARTIAL:-100000}"
scripts/cedar-diff.sh "${N:-1000000}"
scripts/cedar-sets.sh "${SETS:-40}" 250
