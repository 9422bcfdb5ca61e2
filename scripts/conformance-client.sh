#!/bin/bash
# The client half of the official MCP conformance suite: the gateway as the client of each scenario's server. Arguments are passed on to the suite
# (--scenario auth/basic-cimd --verbose, say); without any: all that a revision requires.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

scripts/setup.sh core node conformance
configure build
build build
export PATH="$PWD/build/node/node_modules/.bin:$PATH"
[ $# -gt 0 ] || set -- --requirements 2026-07-28
exec node build/conformance/node_modules/@modelcontextprotocol/conformance/dist/index.js client \
    --command "python3 $PWD/tests/conformance/client_driver.py" --timeout 120000 \
    --expected-failures tests/conformance/client_expected.yaml "$@"
