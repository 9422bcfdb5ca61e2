#!/bin/sh
# The official Cedar corpus, the handwritten cases, the probes and the forms of policies against our engine.
#   cedar.sh [DATA]     DATA holds corpus-tests.tar.gz, handwritten-tests.tar.gz, probes.txt, golden-4.13.0.jsonl.gz
#                       (default: ../shared/data/cedar beside the repository)
set -eu

repo=$(cd "$(dirname "$0")/../.." && pwd)
data=${1:-$repo/../shared/data/cedar}
if [ ! -f "$data/corpus-tests.tar.gz" ]; then
    echo "cedar.sh: skipped, there is no $data/corpus-tests.tar.gz"
    exit 0
fi

. "$repo/tests/conformance/cedar_lib.sh"

# run PROGRAM ARGUMENT…: compile tests/conformance/PROGRAM.c against the libraries and run it; what fails is remembered.
result=0
run() {
    program=$1
    shift
    compile "$program"
    "$work/$program" "$@" || result=$?
}

mkdir "$work/cases"
tar xzf "$data/corpus-tests.tar.gz" -C "$work/cases"
[ ! -f "$data/handwritten-tests.tar.gz" ] || tar xzf "$data/handwritten-tests.tar.gz" -C "$work/cases"
golden=
if [ -f "$data/golden-4.13.0.jsonl.gz" ]; then
    golden=$work/golden.jsonl
    gunzip -c "$data/golden-4.13.0.jsonl.gz" >"$golden"
    run cedar_forms "$work/cases/corpus-tests" "$golden"
else
    echo "cedar.sh: the forms of policies are skipped, there is no $data/golden-4.13.0.jsonl.gz"
fi
if [ -f "$data/probes.txt" ]; then
    run cedar_probes "$data/probes.txt"
else
    echo "cedar.sh: the probes are skipped, there is no $data/probes.txt"
fi
run cedar_corpus "$work/cases" ${golden:+"$golden"}
exit $result
