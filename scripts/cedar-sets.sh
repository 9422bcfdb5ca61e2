#!/bin/bash
# Large policy sets: all our ways to decide, and the official engine, on the same requests:
#     scripts/cedar-sets.sh [SETS [REQUESTS [POLICIES [ENTITIES [SEED [SHOWN]]]]]]       4 sets of 10,000 policies and 4,000 entities, 50 requests each
# The official engine is the Rust crate, which keeps entities, where cargo is there and CEDAR_OFFICIAL is not "wasm"; else the npm package,
# which reads them again with every request. CEDAR_WASM and NODE as for cedar-diff.sh. Fails when anything but a text of the official engine differs.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

scripts/setup.sh core
configure build
ninja -C build tests/conformance/cedar_sets >build/ninja.log 2>&1 || { tail -40 build/ninja.log >&2; die "cedar_sets does not compile"; }

rust() {
    [ "${CEDAR_OFFICIAL:-}" != wasm ] && command -v cargo >/dev/null || return 1
    mkdir -p build/peers
    CARGO_TARGET_DIR="$PWD/build/peers/cedar-rust" nice cargo build --release --locked --bin cedar-serve --manifest-path tests/bench/peers/cedar-rust/Cargo.toml \
        >build/peers/cargo.log 2>&1 || die "the official engine cannot be built (build/peers/cargo.log); CEDAR_OFFICIAL=wasm takes the npm package"
    export CEDAR_PEER="exec '$PWD/build/peers/cedar-rust/release/cedar-serve'"
}
wasm() {
    if [ -z "${CEDAR_WASM:-}" ]; then
        scripts/setup.sh node
        export CEDAR_WASM=$PWD/build/node/node_modules/@cedar-policy/cedar-wasm/nodejs/cedar_wasm.js
        export NODE=$PWD/build/node/node_modules/.bin/node
    fi
    export CEDAR_PEER="exec '${NODE:-node}' '$PWD/tests/conformance/cedar_oracle.mjs'"
}
rust || wasm
exec build/tests/conformance/cedar_sets "${1:-4}" "${2:-50}" "${@:3}"
