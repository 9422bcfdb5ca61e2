#!/bin/bash
# build.sh: build/src/cli/writ. build.sh install: and copy it to DESTDIR/PREFIX.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

scripts/setup.sh core
configure build
[ "${1:-}" != install ] || meson configure build -Dprefix="${PREFIX:-/usr/local}"
build build
if [ "${1:-}" = install ]; then
    DESTDIR=${DESTDIR:-} meson install -C build --no-rebuild
else
    say "build/src/cli/writ"
fi
