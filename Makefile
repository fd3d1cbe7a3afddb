# Every target does its own set-up: Node 24 where the machine's is older, the locked packages, the build.
# `make help` lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

NODE_MAJOR := 24
NODE_VERSION := 24.21.0
TOOLCHAIN := $(CURDIR)/.toolchain
LOCAL_NODE := $(TOOLCHAIN)/node-$(NODE_VERSION)/bin/node

# The machine's Node when it is new enough, else the plain binary from the package registry in an ignored folder.
NODE_IS_NEW := $(shell node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= $(NODE_MAJOR) ? 0 : 1)' 2>/dev/null && echo yes)
ifneq ($(NODE_IS_NEW),yes)
export PATH := $(TOOLCHAIN)/node-$(NODE_VERSION)/bin:$(PATH)
NODE_SETUP := $(LOCAL_NODE)
endif
# The tools by their names, without the second that npx takes to find each.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

NODE_ARCH := $(shell uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')
NODE_PACKAGE := node-linux-$(NODE_ARCH)
PACKAGES := node_modules/.package-lock.json
BUILT := dist/.built
SOURCES = $(shell find src cmd -name '*.test.ts' -prune -o -name '*.ts' -print -o -path 'src/gen/*' -name '*.js' -print 2>/dev/null) package.json tsconfig.json tsconfig.build.json rolldown.config.ts
# What the wire format must stay compatible with: the branch main, here or as last fetched.
BREAKING_BASE = $(shell for ref in main origin/main; do git ls-tree -d $$ref proto 2>/dev/null | grep -q proto && echo $$ref && break; done)

.PHONY: help
help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

# engine-strict is for the packages of Skerry; the npm that fetches its Node is the old one.
$(LOCAL_NODE):
	@echo "Node $$(node --version 2>/dev/null || echo '(none)') is too old for Skerry: fetching Node $(NODE_VERSION) from the package registry into .toolchain/"
	@mkdir -p $(TOOLCHAIN)
	@fetched=$$(mktemp -d $(TOOLCHAIN)/fetch.XXXXXX) && trap 'rm -rf "$$fetched"' EXIT && cd "$$fetched" \
	  && npm pack --silent --engine-strict=false $(NODE_PACKAGE)@$(NODE_VERSION) >/dev/null \
	  && tar xzf $(NODE_PACKAGE)-$(NODE_VERSION).tgz \
	  && rm -rf $(TOOLCHAIN)/node-$(NODE_VERSION) && mv package $(TOOLCHAIN)/node-$(NODE_VERSION)
	@$(LOCAL_NODE) --version >/dev/null

$(PACKAGES): package.json package-lock.json .npmrc $(NODE_SETUP)
	npm ci --no-audit --no-fund
	@touch $(PACKAGES)

.PHONY: setup
setup: $(PACKAGES) ## Node and the locked packages, nothing else

$(BUILT): $(PACKAGES) $(SOURCES)
	@rm -rf dist
	@# Types are checked by lint-types, once.
	tsc -p tsconfig.build.json --noCheck
	@# Its list of files says nothing that is needed here; errors go elsewhere.
	rolldown --config rolldown.config.ts > /dev/null
	@mkdir -p dist/src/gen && cp -R src/gen/. dist/src/gen/
	@chmod +x dist/cmd/skerry/main.js
	@touch $(BUILT)

.PHONY: build
build: $(BUILT) ## Compile to dist/

.PHONY: dev
dev: $(BUILT) ## Three nodes on this machine, data in ./skerry-data; ARGS="--nodes 1" and others are passed on
	node dist/cmd/skerry/main.js dev $(ARGS)

.PHONY: demo
demo: $(BUILT) ## Three nodes, WordNet loaded and searched, offline but for the package registry; ARGS="--documents 117791"
	@node test/demo/main.ts $(ARGS)

.PHONY: proto
proto: $(PACKAGES) ## Generate src/gen from proto/
	buf format -w
	buf generate

.PHONY: kernels
kernels: $(PACKAGES) ## Compile the WebAssembly kernels of vector search
	node test/support/write-kernels.ts

# The slowest first: two at a time.
LINTS := lint-types-and-promises lint-layers lint-dead-code lint-format lint-types lint-protos

.PHONY: lint
lint: $(PACKAGES) ## Formats, types, layers, dead code, protos
	@$(MAKE) --no-print-directory --output-sync=target --jobs=2 $(LINTS)

.PHONY: $(LINTS)
lint-types-and-promises:
	eslint --max-warnings 0 .
lint-layers:
	depcruise --config .dependency-cruiser.mjs src cmd
lint-dead-code:
	knip
lint-format:
	biome ci --error-on-warnings .
lint-types:
	tsc --noEmit -p tsconfig.json
lint-protos:
	buf lint
	buf format -d --exit-code
	@$(if $(BREAKING_BASE),buf breaking --against '.git#ref=$(BREAKING_BASE)',echo "NOT CHECKED: buf breaking found no branch main with a proto folder to compare with")
	@generated=$$(mktemp -d) && trap 'rm -rf "$$generated"' EXIT && buf generate -o "$$generated" \
	  && diff -r "$$generated/src/gen" src/gen || { echo "src/gen is not what proto/ generates: run make proto" >&2; exit 1; }

# Hundreds of processes compile the same files.
test test-long test-fast lint: export NODE_COMPILE_CACHE := $(CURDIR)/node_modules/.cache/node

.PHONY: test
test: lint $(BUILT) ## Everything that needs only this repository and the machine
	vitest run

.PHONY: test-long
test-long: $(BUILT) ## Tests of real nodes that take minutes: rolling restarts, full log disk, maintenance, 1,000 creators, webhooks, logs and rules, rotation of encryption keys
	SKERRY_LONG_TESTS=1 vitest run .long.test.ts

.PHONY: test-fast
test-fast: $(BUILT) ## Unit tests only
	vitest run src cmd

.PHONY: compat
compat: $(BUILT) ## All clients of S3 that PyPI, npm and Debian have here, also the slow ones; ARGS=s3fs
	SKERRY_COMPAT=all vitest run --silent=false $(if $(ARGS),$(ARGS),test/compat-clients)

.PHONY: fuzz
fuzz: $(PACKAGES) ## Mutated bytes for every decoder; ARGS="--seconds 60 --target wal --seed 7"
	node test/fuzz/main.ts $(ARGS)

.PHONY: mutations
mutations: $(PACKAGES) ## Known bugs, each switched on alone: every one must be noticed; ARGS="--only m4"
	node test/mutations/main.ts $(ARGS)

.PHONY: crash
crash: $(PACKAGES) ## Power loss at every sync point of log, segments and metadata; SKERRY_CRASH_SCALE (4), SKERRY_CRASH_SEED
	SKERRY_CRASH_SCALE=$${SKERRY_CRASH_SCALE:-4} vitest run --silent=false $(if $(ARGS),$(ARGS),crash-images)

.PHONY: sim
sim: $(PACKAGES) ## The simulated cluster; ARGS="--seeds 1000 --from 1 --jobs 2", ARGS="--seed 123"
	@node test/sim/main.ts $(ARGS)

.PHONY: bench
bench: $(BUILT) ## Benchmarks beside the machine's own limits
	node test/bench/main.ts $(ARGS)

.PHONY: bench-search
bench-search: $(BUILT) ## Vector and text search beside LanceDB, usearch, SQLite, MiniSearch, PostgreSQL; ARGS=--quick, --million, "--postgres URL"
	node test/bench/search/main.ts $(ARGS)

.PHONY: conformance
conformance: $(BUILT) ## ceph/s3-tests over HTTP and TLS; S3TESTS=/path/to/s3-tests; ARGS="--lane core -- -k versioning"
	@test -n "$(S3TESTS)" || { echo "make conformance S3TESTS=/path/to/a/checkout/of/ceph/s3-tests" >&2; exit 2; }
	node test/conformance/main.ts --suite "$(abspath $(S3TESTS))" $(ARGS)

.PHONY: chaos
chaos: $(BUILT) ## Real nodes under kill -9, partitions, full and failing disks (root on Linux); ARGS="--seed 7 --seconds 300"
	node test/chaos/main.ts $(ARGS)

.PHONY: clean
clean: ## Remove what was built and fetched
	rm -rf dist node_modules .toolchain coverage
