#!/bin/sh
# Partial evaluation: the laws against completions, and the official isAuthorizedPartial.
#   cedar_partial.sh [CASES]      default 100,000 generated cases
# CEDAR_ORACLE: the command of an oracle that answers {"op": "partial"} lines ("node oracle.mjs serve"); without it that half is skipped.
set -eu

repo=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 3' INT TERM

build()
{
    ${CC:-cc} -std=gnu17 -D_GNU_SOURCE -O2 -I"$repo/src" -I"$repo/include" -o "$work/$1" "$repo/tests/conformance/$1.c" \
        "$repo"/src/cedar/*.c "$repo"/src/base/arena.c "$repo"/src/base/bytes.c "$repo"/src/base/err.c "$repo"/src/base/json.c
}

build cedar_partial
"$work/cedar_partial" "${1:-100000}"
if [ -z "${CEDAR_ORACLE:-}" ]; then
    echo "cedar_partial.sh: the official half is skipped, there is no CEDAR_ORACLE"
    exit 0
fi
build cedar_partial_answer
python3 "$repo/tests/conformance/cedar_partial_official.py" "$work/cedar_partial_answer" "$CEDAR_ORACLE" 20000
