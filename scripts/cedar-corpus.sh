#!/bin/bash
# Every case of a folder in the format of cedar-integration-tests against our Cedar engines: scripts/cedar-corpus.sh FOLDER [GOLDEN]
# FOLDER holds the cases (<name>.json, .cedar, .cedarschema, .entities.json), or archives of them (*.tar.gz), or both, at any depth.
# GOLDEN: the official engine's answers, a case a line; adds a comparison of error texts. The last line has the sums.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

[ -d "${1:-}" ] || die "name a folder: make cedar-corpus DIR=FOLDER"
from=$(realpath "$1")
scripts/setup.sh core >&2
configure build
ninja -C build tests/conformance/cedar_corpus >build/ninja.log 2>&1 || { tail -40 build/ninja.log >&2; die "cedar_corpus does not compile"; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
shopt -s nullglob
for archive in "$from"/*.tar.gz; do
    # Only archives of cases: others (validator results, examples) have no requests.
    name=$(basename "$archive" .tar.gz)
    case $name in corpus-tests | corpus-tests-[0-9]* | handwritten-tests) ;; *) continue ;; esac
    mkdir "$work/$name"
    tar xzf "$archive" -C "$work/$name" --exclude='._*'
done
cases=$from
if [ -n "$(ls "$work")" ]; then
    cases=$work/all
    mkdir "$cases"
    mv "$work"/*-tests* "$cases"/
    find "$from" -maxdepth 1 -type d ! -path "$from" -exec cp -r {} "$cases"/ \;
fi
build/tests/conformance/cedar_corpus "$cases" "${@:2}"
