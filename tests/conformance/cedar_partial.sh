#!/bin/sh
# Partial evaluation: the laws against completions, and the official isAuthorizedPartial.
#   cedar_partial.sh [CASES]      default 100,000 generated cases
# CEDAR_ORACLE: the command of cedar_oracle.mjs ("node tests/conformance/cedar_oracle.mjs", with CEDAR_WASM set); without it that half is
# skipped.
set -eu

repo=$(cd "$(dirname "$0")/../.." && pwd)
. "$repo/tests/conformance/cedar_lib.sh"

compile cedar_partial
"$work/cedar_partial" "${1:-100000}"
if [ -z "${CEDAR_ORACLE:-}" ]; then
    echo "cedar_partial.sh: the official half is skipped, there is no CEDAR_ORACLE"
    exit 0
fi
compile cedar_partial_answer
python3 "$repo/tests/conformance/cedar_partial_official.py" "$work/cedar_partial_answer" "$CEDAR_ORACLE" 20000
