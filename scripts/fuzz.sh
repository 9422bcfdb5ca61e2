#!/bin/sh
# Fuzz every parser of outside bytes: scripts/fuzz.sh [SECONDS [TARGET…]] ($FUZZ_SECONDS, else 20). Builds tests/fuzz/fuzz_*.c with libFuzzer, ASan and UBSan, runs each
# for SECONDS on its corpus (tests/fuzz/corpus/NAME; what is found is kept in the build folder), prints a line each and a sum at the end.
# FUZZ_RUNS=N: N inputs from one fixed seed, and SECONDS only as a bound: the same inputs each time, so that a failure can be repeated.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
build=${WRIT_FUZZ_BUILD:-$root/build/fuzz}
seconds=${1:-${FUZZ_SECONDS:-20}}
[ $# -gt 0 ] && shift
repeatable=${FUZZ_RUNS:+-seed=1 -runs=$FUZZ_RUNS}
flags="-std=gnu17 -D_GNU_SOURCE -g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined"

can_fuzz() {
    printf '#include <stddef.h>\n#include <stdint.h>\nint LLVMFuzzerTestOneInput(const uint8_t *d, size_t n);\nint LLVMFuzzerTestOneInput(const uint8_t *d, size_t n) { return d && n > 9; }\n' |
        "$1" -x c -fsanitize=fuzzer - -o "$build/probe" >"$build/probe.log" 2>&1
}

mkdir -p "$build"
cc=
for c in clang-19 clang-18 clang-20 clang-17 clang; do
    if command -v "$c" >/dev/null 2>&1 && can_fuzz "$c"; then
        cc=$c
        break
    fi
done
if [ -z "$cc" ]; then
    echo "fuzz: skipped: no clang with libFuzzer here (apt-get install clang-19, or clang-18)"
    exit 0
fi

# The rooms, compiled with the fuzzer's coverage, in one archive. What Meson generates (embedded texts) comes from a plain build of it.
plain=$build/plain
[ -f "$plain/build.ninja" ] || meson setup "$plain" "$root" >"$build/setup.log" 2>&1 || { cat "$build/setup.log"; exit 1; }
ninja -C "$plain" build.ninja >/dev/null # what a change of the build files added
generated=$(ninja -C "$plain" -t targets all | sed -n 's/^\(src\/.*\.[ch]\): CUSTOM_COMMAND.*/\1/p')
[ -z "$generated" ] || (cd "$plain" && ninja $generated >/dev/null)
libs=$(pkg-config --cflags --libs libuv openssl sqlite3 libfyaml libhs)
include="-I$root/include -I$root/src -I$plain/src"
for g in $generated; do
    include="$include -I$plain/$(dirname "$g")"
done

objects=$build/objects
mkdir -p "$objects"
makefile=$build/objects.mk
{
    echo "all: $build/librooms.a"
    list=
    for f in $(cd "$root" && find src/base src/shell src/cedar src/tlog src/net src/store src/keys src/estate src/limits src/inspect src/identity src/writ src/audit src/alert src/decide src/gate src/serve src/confine src/creds src/adopt src/cli \
        -name '*.c' | sort) $generated; do
        case $f in
        *keys/main.c | *cli/main.c) continue ;;
        *.h) continue ;;
        esac
        from=$root/$f
        [ -f "$from" ] || from=$plain/$f
        to=$objects/$(echo "$f" | tr / _ | sed 's/c$/o/')
        list="$list $to"
        printf '%s: %s\n\t@%s -c -fsanitize=fuzzer-no-link %s %s %s -MMD -o $@ %s\n-include %s\n' "$to" "$from" "$cc" "$flags" "$include" "" "$from" "${to%.o}.d"
    done
    printf '%s:%s\n\t@rm -f $@\n\t@ar rcs $@ $^\n' "$build/librooms.a" "$list"
} >"$makefile"
make -s -j"${WRIT_FUZZ_JOBS:-2}" -f "$makefile" all

passed=0
failed=0
[ $# -gt 0 ] || set -- $(cd "$root/tests/fuzz" && ls fuzz_*.c | sed 's/^fuzz_//; s/\.c$//')
for name in "$@"; do
    program=$build/fuzz_$name
    log=$build/$name.log
    if ! "$cc" -fsanitize=fuzzer $flags $include -I"$root/tests/fuzz" "$root/tests/fuzz/fuzz_$name.c" -o "$program" \
        "$build/librooms.a" $libs -lpthread -lm >"$log" 2>&1; then
        echo "fuzz: $name: FAILED: does not build ($log)"
        sed 's/^/    /' "$log" | head -5
        failed=$((failed + 1))
        continue
    fi
    found=$build/corpus/$name
    seeds=$root/tests/fuzz/corpus/$name
    [ -z "$repeatable" ] || rm -rf "$found"
    mkdir -p "$found"
    [ -d "$seeds" ] || seeds=
    # libfyaml leaks on some documents that it refuses itself
    printf 'leak:libfyaml\n' >"$build/lsan"
    if LSAN_OPTIONS="suppressions=$build/lsan:print_suppressions=0" "$program" $repeatable -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -max_len=65536 \
        -artifact_prefix="$build/$name-" "$found" $seeds >"$log" 2>&1; then
        passed=$((passed + 1))
        echo "fuzz: $name: $(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "$log") inputs, nothing found"
    else
        failed=$((failed + 1))
        echo "fuzz: $name: FAILED: $(grep -m1 -E 'ERROR|SUMMARY|runtime error|deadly' "$log" || tail -1 "$log") ($log)"
        grep -E '^ +#[0-9]+ .* in .*(src|tests)/|^Base64' "$log" | head -8 | cut -c1-400
    fi
done
echo "fuzz: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
