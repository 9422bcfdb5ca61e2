#!/bin/bash
# Our Cedar engine beside the official one. CEDAR_DATA names the folder that holds corpus-tests.tar.gz (from the cedar-integration-tests
# repository) and, where there is one, the official engine's answers as golden-4.13.0.jsonl.gz: the corpus, with every finding of the
# validator. Then N generated calls (1,000,000), and SETS (40) sets of 10,000 policies.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

scripts/setup.sh core
[ -n "${CEDAR_DATA:-}" ] || die "set CEDAR_DATA to a folder that holds corpus-tests.tar.gz (from the cedar-integration-tests repository)"
tests/conformance/cedar.sh "$CEDAR_DATA"
tests/conformance/cedar_validation.sh "$CEDAR_DATA"
scripts/cedar-diff.sh "${N:-1000000}"
scripts/cedar-sets.sh "${SETS:-40}" 250
