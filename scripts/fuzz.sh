#!/bin/bash
# Each fuzz target for FUZZ_SECONDS (20), beginning with its seeds; what is found beyond them stays in build/fuzz/found/NAME.
# A failing input is kept as build/fuzz/NAME-crash-…; run the target with that file to see it again.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

scripts/setup.sh core clang
CC=$(clang_found) configure build/fuzz -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false
build build/fuzz
failed=()
n=0
for target in build/fuzz/tests/fuzz/fuzz_*; do
    [ -f "$target" ] && [ -x "$target" ] || continue
    name=${target##*/fuzz_}
    found=build/fuzz/found/$name
    mkdir -p "$found"
    seeds=()
    [ ! -d "tests/fuzz/corpus/$name" ] || seeds=("tests/fuzz/corpus/$name")
    n=$((n + 1))
    if plain_addresses "$target" -max_total_time="${FUZZ_SECONDS:-20}" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="build/fuzz/$name-" "$found" "${seeds[@]}" >"build/fuzz/$name.log" 2>&1; then
        say "$name: $(awk '/number_of_executed_units/ { print $2 }' "build/fuzz/$name.log") inputs, nothing found"
    else
        say "$name: FAILED (build/fuzz/$name.log)"
        tail -40 "build/fuzz/$name.log" >&2
        failed+=("$name")
    fi
done
[ $n -gt 0 ] || die "build/fuzz holds no fuzz target"
[ ${#failed[@]} = 0 ] || die "${#failed[@]} of $n targets failed: ${failed[*]}"
say "$n targets, nothing found"
