#!/bin/bash
# Fast, for every change: formatting, warnings (they are errors), unit tests.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

scripts/setup.sh core format
scripts/format.sh --check
configure build
build build
meson test -C build --no-rebuild --suite unit --print-errorlogs --num-processes 2
