#!/bin/sh
# Schemas in both forms, and entities, contexts and requests by a schema, against the official engine's on its corpus.
#   cedar_schema.sh [DATA]     DATA holds corpus-tests.tar.gz and golden-4.13.0.jsonl.gz (default: ../shared/data/cedar beside the
#                              repository)
set -eu

repo=$(cd "$(dirname "$0")/../.." && pwd)
data=${1:-$repo/../shared/data/cedar}
if [ ! -f "$data/corpus-tests.tar.gz" ] || [ ! -f "$data/golden-4.13.0.jsonl.gz" ]; then
    echo "cedar_schema.sh: skipped, there is no $data/corpus-tests.tar.gz or golden-4.13.0.jsonl.gz"
    exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 3' INT TERM

runner=$work/cedar_schema
(cd "$work" && ${CC:-cc} -std=gnu17 -D_GNU_SOURCE -O2 -I"$repo/src" -I"$repo/include" -c "$repo"/src/cedar/*.c "$repo"/src/base/arena.c \
    "$repo"/src/base/bytes.c "$repo"/src/base/err.c "$repo"/src/base/json.c && ar rcs libcedar.a ./*.o)
${CC:-cc} -std=gnu17 -D_GNU_SOURCE -O2 -I"$repo/src" -I"$repo/include" -o "$runner" "$repo/tests/conformance/cedar_schema.c" "$work/libcedar.a"

tar xzf "$data/corpus-tests.tar.gz" -C "$work"
gunzip -c "$data/golden-4.13.0.jsonl.gz" >"$work/golden.jsonl"
"$runner" "$work/corpus-tests" "$work/golden.jsonl"
