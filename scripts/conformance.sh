#!/bin/bash
# The official MCP conformance suite through the gateway: tests/conformance/mcp/run.py says how. Arguments are passed on to it.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

scripts/setup.sh core node conformance
configure build
build build
[ $# -gt 0 ] || set -- --direct --permits
exec python3 tests/conformance/mcp/run.py "$@"
