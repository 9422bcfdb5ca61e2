#!/bin/bash
# Lay out the C code by .clang-format; --check: only say what differs. One version of clang-format for everyone: scripts/format.txt.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

scripts/setup.sh format
format=build/format/bin/clang-format
mapfile -t files < <(find src include tests -name '*.[ch]' | sort)
if [ "${1:-}" = --check ]; then
    wrong=()
    for file in "${files[@]}"; do
        "$format" "$file" | cmp -s - "$file" || wrong+=("$file")
    done
    [ ${#wrong[@]} = 0 ] || die "${#wrong[@]} file(s) differ from .clang-format; run make format: ${wrong[*]}"
    say "${#files[@]} files are laid out by .clang-format"
else
    "$format" -i "${files[@]}"
fi
