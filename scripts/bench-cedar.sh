#!/bin/bash
# The Cedar engine beside the official one (Rust) and cedar-go: scripts/bench-cedar.sh [WORLD…]. Peers that cannot be built here (no cargo, no
# go, no network) are left out, and that is said.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

scripts/setup.sh core
configure build
ninja -C build tests/bench/bench_cedar >build/ninja.log || die "the benchmark does not compile (build/ninja.log)"
mkdir -p build/peers

if command -v cargo >/dev/null; then
    CARGO_TARGET_DIR="$PWD/build/peers/cedar-rust" nice cargo build --release --locked --bin bench-cedar-rust --manifest-path tests/bench/peers/cedar-rust/Cargo.toml \
        >build/peers/cargo.log 2>&1 || say "the official engine cannot be built (build/peers/cargo.log); left out"
else
    say "no cargo: the official engine is left out"
fi
if command -v go >/dev/null; then
    (cd tests/bench/peers/cedar-go && nice go build -o ../../../../build/peers/bench-cedar-go .) >build/peers/go.log 2>&1 ||
        say "cedar-go cannot be built (build/peers/go.log); left out"
else
    say "no go: cedar-go is left out"
fi
exec python3 tests/bench/cedar.py build "$@"
