#!/bin/bash
# build.sh: build/src/cli/writ. build.sh install: and copy it to DESTDIR/PREFIX.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

scripts/setup.sh core
configure build
build build
if [ "${1:-}" = install ]; then
    meson configure build -Dprefix="${PREFIX:-/usr/local}"
    DESTDIR=${DESTDIR:-} meson install -C build --no-rebuild
else
    say "build/src/cli/writ"
fi
