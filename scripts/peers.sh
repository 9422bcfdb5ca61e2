#!/bin/bash
# Our Cedar engine against the corpus that the Cedar project publishes: CEDAR_DATA names the folder that holds corpus-tests.tar.gz.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

scripts/setup.sh core
[ -n "${CEDAR_DATA:-}" ] || die "set CEDAR_DATA to a folder that holds corpus-tests.tar.gz (from the cedar-integration-tests repository)"
tests/conformance/cedar.sh "$CEDAR_DATA"
