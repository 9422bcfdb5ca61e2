# What the scripts share. Sourced, from the top folder.

say() {
    echo "$(basename "$0" .sh): $*"
}

die() {
    echo "$(basename "$0" .sh): $*" >&2
    exit 1
}

# The newest clang that is installed, or nothing.
clang_found() {
    local n
    for n in 19 18 17; do
        if command -v "clang-$n"; then
            return
        fi
    done
}

# configure FOLDER OPTION…: make a build folder, once.
configure() {
    local to=$1
    shift
    [ ! -f "$to/build.ninja" ] || return 0
    mkdir -p "$to"
    meson setup "$to" "$@" >"$to/setup.log" 2>&1 || {
        tail -20 "$to/setup.log" >&2
        die "meson setup $to failed"
    }
}

# build FOLDER: compile; quiet unless it fails.
build() {
    ninja -C "$1" >"$1/ninja.log" 2>&1 || {
        grep -Ev "^(\[|ninja: Entering)" "$1/ninja.log" | head -60 >&2
        die "$1 does not compile (all of the output: $1/ninja.log)"
    }
}

# Sanitizers need the address layout of before kernel 6.7's wider randomization; where that cannot be asked for, run as it is.
plain_addresses() {
    if setarch "$(uname -m)" -R true 2>/dev/null; then
        setarch "$(uname -m)" -R "$@"
    else
        "$@"
    fi
}
