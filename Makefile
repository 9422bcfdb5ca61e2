# The front door. Every target installs what it needs (scripts/setup.sh says what and why) and builds below build/.
PREFIX ?= /usr/local
KEEP ?=
FUZZ_SECONDS ?= 20
CRASH_RUNS ?= 200
SOAK_SECONDS ?= 7200
export PREFIX KEEP FUZZ_SECONDS CRASH_RUNS SOAK_SECONDS

N ?= 1000000
SEED ?= 1
SETS ?= 4

.PHONY: help build demo test check bench bench-mcp bench-revocation bench-federation bench-cedar conformance conformance-client install format asan tsan fuzz peers cedar-diff cedar-sets cedar-corpus cedar-coverage packs soak clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' Makefile

demo: ## two agents get a task, use it, are refused what is outside it, and lose it (KEEP=1: leaves the server up)
	@scripts/demo.sh

test: ## everything: unit tests, ASan and UBSan, fuzz targets, real clients and servers, docs, the demo
	@scripts/test.sh

check: ## fast: formatting, warnings, unit tests
	@scripts/check.sh

build: ## the program, as build/src/cli/writ
	@scripts/build.sh

install: ## into PREFIX (/usr/local), below DESTDIR
	@scripts/build.sh install

bench: ## CPU time per proxied call, beside nginx as a plain proxy; memory
	@scripts/bench.sh

bench-mcp: ## the same beside npm's MCP proxies and ToolHive; results of 1 KB, 100 KB, a stream of 10 MB
	@scripts/bench-mcp.sh

bench-revocation: ## a thousand open streams: from asking to the last byte, one agent and everything, 100 times each
	@scripts/bench.sh revocation

bench-federation: ## lists over ten servers behind one address, one of them dead
	@scripts/bench.sh federation

bench-cedar: ## CPU time per Cedar decision, beside the official engine (Rust) and cedar-go
	@scripts/bench-cedar.sh

format: ## lay out the C code by .clang-format
	@scripts/format.sh

asan: ## unit tests with AddressSanitizer and UndefinedBehaviorSanitizer
	@scripts/sanitize.sh asan

tsan: ## unit tests with ThreadSanitizer
	@scripts/sanitize.sh tsan

fuzz: ## each fuzz target for FUZZ_SECONDS (20)
	@scripts/setup.sh core clang
	@scripts/fuzz.sh

conformance: ## the official MCP conformance suite through the gateway, both revisions, HTTP and stdio upstreams; each permit taken away in turn
	@scripts/conformance.sh

conformance-client: ## the client half of the official MCP suite: the gateway before each server of it
	@scripts/conformance-client.sh

peers: ## Cedar: all that the folder CEDAR_DATA has to compare with (corpus, findings, schemas, tools), partial evaluation, then N (1,000,000) generated calls and large sets beside the official engine
	@N="$(N)" scripts/peers.sh

cedar-diff: ## N (1,000,000) generated calls to our Cedar engine and to the official one, from SEED (1), every answer compared
	@scripts/cedar-diff.sh "$(N)" "$(SEED)"

cedar-sets: ## SETS (4) generated sets of 10,000 policies, from SEED (1): all our ways to decide and the official engine on 50 requests each
	@scripts/cedar-sets.sh "$(SETS)" 50 10000 4000 "$(SEED)"

cedar-corpus: ## every case of the folder DIR, in the official corpus format, against our Cedar engines
	@scripts/cedar-corpus.sh "$(DIR)"

cedar-coverage: ## MC/DC coverage of the Cedar engine: unit tests, generated cases and, with CEDAR_DATA, the corpus
	@scripts/cedar-coverage.sh

packs: ## every pack whose server starts without an account, against that server
	@scripts/packs.sh

soak: ## fuzz targets for SOAK_SECONDS (2 h) in all, then CRASH_RUNS (200) kills of the server
	@scripts/soak.sh

clean: ## remove build/
	@rm -rf build
