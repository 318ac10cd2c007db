# SPDX-License-Identifier: Apache-2.0
# The front door: one word a job. The work is done by CMake's presets and by tools/.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build
MAKEFLAGS += --no-print-directory

# From the environment or the command line.
PREFIX ?= /usr/local
DESTDIR ?=
PAWL_WERROR ?= OFF
# From the command line only.
STAGES =
SEED =
TARGET =
FUZZ_SECONDS = 60

.PHONY: build deps deps-test demo test nightly bench sim fuzz asan tsan fmt check install clean help

build: ## Build the program: build/release/bin/pawl
	@tools/deps.sh --check build
	@cmake --preset release -DPAWL_WERROR=$(PAWL_WERROR)
	@cmake --build --preset release

deps: ## Install the Debian packages that the build needs
	@tools/deps.sh build

deps-test: ## Install what the tests need as well
	@tools/deps.sh test

demo: ## A runaway agent under a cap of one dollar, against a scripted provider
	@tools/deps.sh demo
	@$(MAKE) build
	@exec tools/demo.sh

test: ## All tests and gates; STAGES="unit tidy" for some, docs/TESTING.md names them
	@command -v python3 >/dev/null || tools/deps.sh test
	@exec python3 tools/test.py $(STAGES)

nightly: ## The long ones: thread sanitizer, valgrind, coverage, sweeps
	@command -v python3 >/dev/null || tools/deps.sh test
	@exec python3 tools/test.py --nightly $(STAGES)

bench: ## Build and run the benchmarks; they print numbers, nothing fails
	@tools/deps.sh bench
	@cmake --preset bench
	@cmake --build --preset bench
	@for program in build/bench/bin/bench_*; do echo "== $${program##*/}"; "$$program"; done
	@echo "== overshoot" && build/bench/bin/overshoot
	@echo "== shared" && bench/shared.py --pawl build/bench/bin/pawl
	@echo "== startup" && bench/startup.py --pawl build/bench/bin/pawl
	@echo "== gateway" && bench/gateway.py --build build/bench
	@echo "== calls" && bench/calls.py --build build/bench
	@echo "== serve" && bench/serve.py --build build/bench
	@echo "== million" && bench/million.py --quick --build build/bench

sim: ## Run the simulator; SEED=42 repeats one run
	@tools/deps.sh --check test
	@cmake --preset werror
	@cmake --build --preset werror --target pawl_sim
	@exec build/werror/bin/pawl_sim $(SEED:%=--seed=%)

fuzz: ## Run the fuzz targets; FUZZ_SECONDS=600, TARGET=json for one
	@tools/deps.sh --check test
	@cmake --preset fuzz
	@cmake --build --preset fuzz
	@exec tools/fuzz.py --seconds $(FUZZ_SECONDS) $(SEED:%=--seed %) $(TARGET)

asan: ## Unit tests under the address and undefined-behaviour sanitizers
	@exec python3 tools/test.py unit-asan

tsan: ## Unit tests under the thread sanitizer
	@exec python3 tools/test.py --nightly unit-tsan

fmt: ## Format every C file in place; breaks comments that are too long
	@tools/format.py --fix

check: ## The gates on style: format, tidy, docs, clang-tidy
	@exec python3 tools/test.py format tidy docs clang-tidy

install: build ## Install under PREFIX (/usr/local), below DESTDIR when packaging
	@DESTDIR="$(DESTDIR)" cmake --install build/release --prefix "$(PREFIX)"

clean: ## Remove everything that was built
	@rm -rf build

help: ## This list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1\t\2/p' Makefile | \
		while IFS=$$'\t' read -r name what; do printf '  make %-10s %s\n' "$$name" "$$what"; done
