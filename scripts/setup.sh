#!/bin/bash
# Install what a target of the Makefile needs, and say what and why. Quick when everything is there; may be run again at any time.
#
#     scripts/setup.sh GROUP…      core: compiler, Meson, libraries    node: official MCP clients and servers, the official Cedar engine, a Node for them
#                                  conformance: the official MCP conformance suite    browser: Chromium, and MCP Inspector
#                                  python: pytest, MCP SDK, servers    clang: fuzzing, ThreadSanitizer
#                                  format: clang-format                bench: the peers of `make bench`
#
# Debian 12 and Ubuntu 24.04. Packages come from the distribution, npm and PyPI; the latter two stay below build/.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

# One line a package: group, package, why.
packages() {
    cat <<'END'
core gcc compiles C
core libc6-dev headers of the C library
core make starts everything
core meson describes the build
core ninja-build runs the build
core pkg-config finds the libraries
core libuv1-dev event loop, processes, timers
core libssl-dev TLS, signatures, hashes
core libsqlite3-dev the embedded store
core libfyaml-dev reads the estate's YAML
core libcmocka-dev unit tests
core python3 build helpers and the demo's driver
node g++ compiles the SQLite binding of the demo's database server
node ca-certificates trust for the package registries
python ca-certificates trust for the package registries
format ca-certificates trust for the package registries
bench nginx-light the plain proxy that the gateway is measured beside (its service is not used)
bench wrk sends the requests
END
    command -v npm >/dev/null || echo "node npm fetches the MCP clients and servers"
    if apt-cache show chromium >/dev/null 2>&1; then # Ubuntu has none but a snap; the tests with a browser are skipped there
        echo "browser chromium shows pages as people see them"
    fi
    if ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
        echo "python python3-venv a folder of their own for Python packages"
        echo "format python3-venv a folder of their own for Python packages"
    fi
    local n
    echo "core $(pattern_library) matches the rules for secrets and data"
    n=$(clang_version)
    echo "clang clang-$n compiles fuzz targets, and tests with ThreadSanitizer"
    echo "clang libclang-rt-$n-dev its sanitizers"
    echo "clang llvm-$n readable stack traces"
}

# The newest clang that the distribution of this host has.
clang_version() {
    local n
    for n in 19 18 17; do
        if command -v "clang-$n" >/dev/null || apt-cache show "clang-$n" >/dev/null 2>&1; then
            echo $n
            return
        fi
    done
    echo 19
}

# Vectorscan, or Hyperscan, from which it comes: Ubuntu 24.04 has only that (x86_64). One interface, one pkg-config name.
pattern_library() {
    local name
    for name in libvectorscan-dev libhyperscan-dev; do
        if installed "$name" || apt-cache show "$name" >/dev/null 2>&1; then
            echo $name
            return
        fi
    done
    echo libvectorscan-dev
}

installed() {
    [ "$(dpkg-query -W -f='${db:Status-Abbrev}' "$1" 2>/dev/null)" = "ii " ]
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        env DEBIAN_FRONTEND=noninteractive "$@"
    elif command -v sudo >/dev/null; then
        sudo env DEBIAN_FRONTEND=noninteractive "$@"
    else
        die "installing packages needs root; as root run: $*"
    fi
}

# apt_install: the packages of the wanted groups that are not there.
apt_install() {
    local wanted=" $* " group name why missing=()
    command -v dpkg-query >/dev/null || {
        say "not Debian or Ubuntu: install these yourself:" "$(packages | while read -r group name why; do
            case $wanted in *" $group "*) printf ' %s' "$name" ;; esac
        done)"
        return 0
    }
    refresh_lists
    while read -r group name why; do
        case $wanted in *" $group "*) ;; *) continue ;; esac
        if ! installed "$name" && [[ " ${missing[*]} " != *" $name "* ]]; then
            say "needs $name: $why"
            missing+=("$name")
        fi
    done < <(packages)
    [ ${#missing[@]} -gt 0 ] || return 0
    say "installing ${#missing[@]} package(s) with apt-get"
    as_root apt-get -q update >/dev/null || say "apt-get update had errors; going on with the lists there are"
    as_root apt-get -q -y install --no-install-recommends "${missing[@]}" >build/apt.log 2>&1 || {
        tail -20 build/apt.log >&2
        die "apt-get could not install: ${missing[*]} (all of its output: build/apt.log)"
    }
}

# Without package lists it cannot be told which packages this distribution has.
refresh_lists() {
    pkg-config --exists libhs 2>/dev/null && [ -n "$(clang_found)" ] || apt-cache show libuv1-dev >/dev/null 2>&1 ||
        as_root apt-get -q update >/dev/null || say "apt-get update had errors; going on with the lists there are"
}

# fresh STAMP FILE…: was STAMP made from exactly these files?
fresh() {
    local stamp=$1
    shift
    [ "$(cat "$stamp" 2>/dev/null)" = "$(cat "$@" | sha256sum)" ]
}

# The peers from npm, as tests/real/package-lock.json pins them. No install script of any package is run; the one that needs compiling,
# the SQLite binding of mcp-sqlite, is compiled here, against the distribution's SQLite.
node_install() {
    local from=tests/real to=build/node node sqlite include
    fresh $to/.stamp $from/package.json $from/package-lock.json scripts/setup.sh && return 0
    say "installing MCP clients and servers, the official Cedar engine and Node into $to (npm ci, versions of $from/package-lock.json)"
    rm -rf $to
    mkdir -p $to
    cp $from/package.json $from/package-lock.json $to
    (cd $to && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) >build/npm.log 2>&1 || {
        tail -20 build/npm.log >&2
        die "npm ci failed (all of its output: build/npm.log)"
    }
    node=$(cd $to/node_modules && echo node-linux-*)
    [ -x "$to/node_modules/$node/bin/node" ] || die "npm has no Node for this kind of machine ($(uname -m)); there are x86_64 and aarch64"
    ln -sfn "../$node/bin/node" $to/node_modules/.bin/node # npm 9 leaves this link out
    sqlite=$to/node_modules/sqlite3
    include=$to/node_modules/$node/include/node
    mkdir -p $sqlite/build/Release
    g++ -std=c++17 -O1 -shared -fPIC -w -fno-exceptions -DNAPI_VERSION=6 -DNAPI_DISABLE_CPP_EXCEPTIONS=1 -I"$include" \
        -I$to/node_modules/node-addon-api $sqlite/src/*.cc -lsqlite3 -o $sqlite/build/Release/node_sqlite3.node ||
        die "the SQLite binding of mcp-sqlite does not compile"
    chmod -R a+rX $to # servers and agents run as other users
    cat $from/package.json $from/package-lock.json scripts/setup.sh | sha256sum >$to/.stamp
}

# tool_install NAME FROM WHAT: an npm package in a folder of its own, build/NAME: its dependencies are not those of the peers.
tool_install() {
    local to=build/$1 from=$2 log=build/npm-$1.log
    fresh "$to/.stamp" "$from/package.json" "$from/package-lock.json" && return 0
    say "installing $3 into $to (npm ci, versions of $from/package-lock.json)"
    rm -rf "$to"
    mkdir -p "$to"
    cp "$from/package.json" "$from/package-lock.json" "$to"
    (cd "$to" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) >"$log" 2>&1 || {
        tail -20 "$log" >&2
        die "npm ci failed (all of its output: $log)"
    }
    chmod -R a+rX "$to" # it runs as an agent
    cat "$from/package.json" "$from/package-lock.json" | sha256sum >"$to/.stamp"
}

# venv_install NAME REQUIREMENTS
venv_install() {
    local to=build/$1 from=$2
    fresh "$to/.stamp" "$from" && return 0
    say "installing Python packages into $to (versions of $from)"
    rm -rf "$to"
    python3 -m venv "$to"
    "$to/bin/python" -m pip -q --disable-pip-version-check install -r "$from" >build/pip.log 2>&1 || {
        tail -20 build/pip.log >&2
        die "pip failed (all of its output: build/pip.log)"
    }
    sha256sum <"$from" >"$to/.stamp"
}

[ $# -gt 0 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2; }
mkdir -p build
apt_install "$@"
for group in "$@"; do
    case $group in
    core | clang | bench) ;;
    node) node_install ;;
    conformance) tool_install conformance tests/conformance/mcp "the MCP conformance suite" ;;
    browser) tool_install inspector tests/real/inspector "MCP Inspector" ;;
    python)
        venv_install venv tests/real/requirements.txt
        venv_install servers tests/real/servers.txt
        venv_install servers-older tests/real/servers-older.txt
        ;;
    format) venv_install format scripts/format.txt ;;
    *) die "no group '$group'; there are core, node, conformance, browser, python, clang, format, bench" ;;
    esac
done
