#!/bin/sh
# The official Cedar corpus, the handwritten cases and the probes against our engine.
#   cedar.sh [DATA]     DATA holds corpus-tests.tar.gz, handwritten-tests.tar.gz, probes.txt, golden-4.13.0.jsonl.gz
#                       (default: ../shared/data/cedar beside the repository). CEDAR_CORPUS names a built runner.
set -eu

repo=$(cd "$(dirname "$0")/../.." && pwd)
data=${1:-$repo/../shared/data/cedar}
if [ ! -f "$data/corpus-tests.tar.gz" ]; then
    echo "cedar.sh: skipped, there is no $data/corpus-tests.tar.gz"
    exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 3' INT TERM

runner=${CEDAR_CORPUS:-}
if [ -z "$runner" ]; then
    runner=$work/cedar_corpus
    ${CC:-cc} -std=gnu17 -D_GNU_SOURCE -O2 -I"$repo/src" -I"$repo/include" -o "$runner" "$repo/tests/conformance/cedar_corpus.c" \
        "$repo"/src/cedar/*.c "$repo"/src/base/arena.c "$repo"/src/base/bytes.c "$repo"/src/base/err.c "$repo"/src/base/json.c
fi

mkdir "$work/cases"
tar xzf "$data/corpus-tests.tar.gz" -C "$work/cases"
[ ! -f "$data/handwritten-tests.tar.gz" ] || tar xzf "$data/handwritten-tests.tar.gz" -C "$work/cases"
golden=
if [ -f "$data/golden-4.13.0.jsonl.gz" ]; then
    golden=$work/golden.jsonl
    gunzip -c "$data/golden-4.13.0.jsonl.gz" >"$golden"
fi

result=0
if [ -f "$data/probes.txt" ]; then
    "$runner" --probes "$data/probes.txt" || result=$?
fi
"$runner" "$work/cases" ${golden:+"$golden"} || result=$?
exit $result
