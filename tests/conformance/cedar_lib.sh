# What the cedar_*.sh share. Sourced, with $repo set. CEDAR_BUILD names the build whose libraries are run (default: build; it is built when it
# is not there). $work is a folder that goes when the script ends.

build=${CEDAR_BUILD:-$repo/build}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 3' INT TERM

# compile PROGRAM: tests/conformance/PROGRAM.c against the libraries, to $work/PROGRAM.
compile() {
    [ -f "$build/src/cedar/libcedar.a" ] || "$repo/scripts/build.sh"
    ${CC:-cc} -std=gnu17 -D_GNU_SOURCE -O2 -I"$repo/src" -I"$repo/include" -o "$work/$1" "$repo/tests/conformance/$1.c" \
        "$build/src/cedar/libcedar.a" "$build/src/base/libbase.a"
}

# unpack DATA: the corpus and its golden file. Ends the script when they are not there.
unpack() {
    if [ ! -f "$1/corpus-tests.tar.gz" ] || [ ! -f "$1/golden-4.13.0.jsonl.gz" ]; then
        echo "$(basename "$0"): skipped, there is no $1/corpus-tests.tar.gz or golden-4.13.0.jsonl.gz"
        exit 0
    fi
    tar xzf "$1/corpus-tests.tar.gz" -C "$work"
    gunzip -c "$1/golden-4.13.0.jsonl.gz" >"$work/golden.jsonl"
}
