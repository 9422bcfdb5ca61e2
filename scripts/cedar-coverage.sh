#!/bin/bash
# MC/DC coverage of the Cedar engine, with clang: its unit tests, generated calls (SEEDS of them, 60 groups) and, when CEDAR_DATA names a
# folder with corpus-tests.tar.gz, the official corpus. Prints a table by file; build/coverage/missing.txt shows what is not covered.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

scripts/setup.sh core clang
cc=$(clang_found)
[ -n "$cc" ] || die "needs clang 18 or newer"
version=${cc##*-}
to=build/coverage
rm -rf $to
mkdir -p $to/objects $to/profiles
flags="-std=gnu17 -D_GNU_SOURCE -g -O1 -fprofile-instr-generate -fcoverage-mapping -fcoverage-mcdc -Wno-everything -Iinclude -Isrc"

printf '%s\n' src/cedar/*.c src/base/{arena,bytes,err,json,sort}.c | xargs -P 2 -I{} sh -c "$cc $flags -c {} -o $to/objects/\$(echo {} | tr / _ | sed 's/c\$/o/')"
ar rcs $to/libcedar.a $to/objects/*.o

# program NAME SOURCE…: link, and remember it for the report.
programs=()
program() {
    local name=$1
    shift
    "$cc" $flags -o "$to/$name" "$@" $to/libcedar.a -lcmocka -lpthread -lm
    programs+=("$to/$name")
}
run() {
    LLVM_PROFILE_FILE=$to/profiles/$1-%p.profraw "$to/$@" >"$to/$1.log" 2>&1 || say "$1 failed ($to/$1.log)"
}

# Every test of the engine that the build has, and how it is linked there.
heap=$(sed -n "s/^counted_heap = .*\[\(.*\)\].*/\1/p" tests/unit/meson.build | sed "s/'//g; s/, / /g")
while read -r test links; do
    case $links in *counted_heap*) with=$heap ;; *) with= ;; esac
    program "$test" "tests/unit/$test.c" $with
    run "$test"
done < <(sed -n "s/.*\['\(test_cedar[a-z_]*\)', \[\(.*\)\]\].*/\1 \2/p" tests/unit/meson.build)
program cedar_serve tests/conformance/cedar_serve.c tests/conformance/cedar_calls.c
program cedar_print tests/conformance/cedar_{print,tree,world,policy,generate}.c
for seed in $(seq 1 "${SEEDS:-60}"); do
    "$to/cedar_print" "$seed"
done 2>/dev/null >$to/calls.jsonl
LLVM_PROFILE_FILE=$to/profiles/serve.profraw $to/cedar_serve <$to/calls.jsonl >/dev/null
if [ -f "${CEDAR_DATA:-}/corpus-tests.tar.gz" ]; then
    mkdir $to/cases
    for archive in corpus-tests handwritten-tests; do
        [ ! -f "$CEDAR_DATA/$archive.tar.gz" ] || tar xzf "$CEDAR_DATA/$archive.tar.gz" -C $to/cases
    done
    program cedar_corpus tests/conformance/cedar_corpus.c
    run cedar_corpus $to/cases
    tail -1 $to/cedar_corpus.log
fi

"llvm-profdata-$version" merge -sparse $to/profiles/*.profraw -o $to/all.profdata
objects=("${programs[0]}")
for p in "${programs[@]:1}"; do
    objects+=(-object "$p")
done
"llvm-cov-$version" report "${objects[@]}" -instr-profile=$to/all.profdata --show-mcdc-summary --show-region-summary=false src/cedar/ >$to/report.txt
"llvm-cov-$version" show "${objects[@]}" -instr-profile=$to/all.profdata --show-mcdc src/cedar/ >$to/lines.txt
# Decisions with a condition whose effect was not shown.
awk '/^\/.*\.[ch]:$/ { file = $0 } /MC\/DC Decision Region/ { text = ""; bad = 0 } { text = text "\n" $0 } /Pair: not covered/ { bad = 1 }
    /MC\/DC Coverage for Decision/ && bad { print file text; text = ""; bad = 0 }' $to/lines.txt >$to/missing.txt
# Name, and of lines, branches and MC/DC conditions: all, missed, covered.
awk 'NR == 1 || /\.c / || /trial\.h / || /^TOTAL/ || /^Filename/' $to/report.txt | cut -c1-200
say "what is not covered: $to/missing.txt"
