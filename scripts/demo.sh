#!/bin/bash
# Build what the demo needs, then run it (examples/demo/demo.py tells the story). KEEP=1 leaves its server up.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

scripts/setup.sh core node
configure build
build build
exec python3 examples/demo/demo.py --writ build/src/cli/writ --modules build/node/node_modules ${KEEP:+--keep}
