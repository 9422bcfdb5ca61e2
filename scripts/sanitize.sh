#!/bin/bash
# sanitize.sh asan|tsan: the unit tests under sanitizers, in a build folder of their own.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

case ${1:-} in
asan)
    scripts/setup.sh core
    configure build/asan -Db_sanitize=address,undefined -Db_lundef=false
    ;;
tsan) # GCC 12's ThreadSanitizer knows neither newer kernels' address layout nor all of the C library
    scripts/setup.sh core clang
    CC=$(clang_found) configure build/tsan -Db_sanitize=thread -Db_lundef=false
    ;;
*) die "asan or tsan?" ;;
esac
build "build/$1"
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 TSAN_OPTIONS=halt_on_error=1
plain_addresses meson test -C "build/$1" --no-rebuild --suite unit --print-errorlogs --num-processes 2 --timeout-multiplier 4
