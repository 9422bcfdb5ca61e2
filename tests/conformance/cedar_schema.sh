#!/bin/sh
# Schemas in both forms, and entities, contexts and requests by a schema, against the official engine's on its corpus.
#   cedar_schema.sh [DATA]     DATA holds corpus-tests.tar.gz and golden-4.13.0.jsonl.gz (default: ../shared/data/cedar beside the
#                              repository)
set -eu

repo=$(cd "$(dirname "$0")/../.." && pwd)
. "$repo/tests/conformance/cedar_lib.sh"

unpack "${1:-$repo/../shared/data/cedar}"
compile cedar_schema
"$work/cedar_schema" "$work/corpus-tests" "$work/golden.jsonl"
