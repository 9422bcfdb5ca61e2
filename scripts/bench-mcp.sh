#!/bin/bash
# The gateway beside other MCP proxies, before the same stub and in one run: npm's (tests/bench/peers/mcp), and ToolHive where Go can build it.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

scripts/setup.sh core node python bench
configure build
build build
ninja -C build tests/bench/bench_stub >>build/ninja.log || die "the benchmark's server does not compile (build/ninja.log)"
mkdir -p build/peers/mcp
cp tests/bench/peers/mcp/package*.json build/peers/mcp/
if [ ! build/peers/mcp/node_modules -nt tests/bench/peers/mcp/package-lock.json ]; then
    (cd build/peers/mcp && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) >build/peers/npm.log 2>&1 || die "npm ci failed (build/peers/npm.log)"
    touch build/peers/mcp/node_modules
fi
thv=$PWD/build/peers/thv
if [ ! -x "$thv" ]; then
    if command -v go >/dev/null; then
        say "building ToolHive from its Go module (minutes)"
        GOBIN=$PWD/build/peers nice go install github.com/stacklok/toolhive/cmd/thv@v0.47.0 >build/peers/thv.log 2>&1 ||
            say "ToolHive cannot be built (build/peers/thv.log); left out"
    else
        say "no go: ToolHive is left out"
    fi
fi
export WRIT_BIN="$PWD/build/src/cli/writ" WRIT_NODE_MODULES="$PWD/build/node/node_modules"
peers=(--peers "$PWD/build/peers/mcp/node_modules")
[ ! -x "$thv" ] || peers+=(--thv "$thv")
exec build/venv/bin/python tests/bench/gateway.py build "${peers[@]}" --sizes
