# The targets are what CI runs. On a fresh machine each does its own set-up; a C compiler and Python 3.11 are all it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
BUILT := $(VENV)/.built
COMPILED := $(wildcard xproto/kernel/*.pyx xproto/kernel/*.pxd proxy/datapath/*.pyx proxy/datapath/*.pxd)

.PHONY: setup demo test check format docs interop sim sim-http2 bench latency sanitize fuzz fuzz-kernel fuzz-repeat clean

setup: $(BUILT)

$(READY): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet "setuptools>=77" "Cython>=3.1"
	$(BIN)/python -m pip install --quiet --no-build-isolation --config-settings editable_mode=compat -e ".[dev]"
	touch $@

$(BUILT): $(READY) setup.py $(COMPILED)
	$(BIN)/python setup.py --quiet build_ext --inplace --parallel 2
	touch $@

demo: $(BUILT)
	$(BIN)/xproto demo

# By files, whose tests share what is made for them once; the instrumented kernel is there before two would build it.
test: fuzz-kernel
	$(BIN)/python -m pytest -q tests --ignore tests/interop --numprocesses 2 --dist loadfile

check: $(BUILT)
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The pages that are made from declarations and models; a test says when they are stale.
docs: $(BUILT)
	$(BIN)/python -m xproto.exports.markdown docs/protocols
	$(BIN)/python -m proxy.config.reference > docs/configuration.md

interop: $(BUILT)
	bash tests/interop/setup.sh
	$(BIN)/python -m pytest -q tests/interop

# One seed, with what its scenario was; SHRINK=--shrink looks for the smallest scenario that fails, SEEDS=n runs more.
SEED ?= 1
SEEDS ?= 1
CALLS ?= 2000
sim: $(BUILT)
	$(BIN)/python -m tests.simulation --seed $(SEED) --seeds $(SEEDS) --calls $(CALLS) $(SHRINK)

sim-http2: $(BUILT)
	$(BIN)/python -m tests.simulation.h2_world --seed $(SEED) --seeds $(SEEDS) $(SHRINK)

bench: $(BUILT)
	bash bench/setup.sh
	$(BIN)/python bench/table.py

# Draws docs/latency.svg and fills the table of docs/performance.md.
latency: $(BUILT)
	bash bench/setup.sh
	$(BIN)/python bench/latency.py --write

sanitize: $(BUILT)
	bash tests/conformance/sanitize.sh

# PROTO: a protocol's name, the path of a file that declares one, `detector`, or `all` in turn; SECONDS: for each.
PROTO ?= all
SECONDS ?= 600
fuzz: $(BUILT)
	$(BIN)/python -m conformance.fuzz run $(PROTO) --seconds $(SECONDS)

# The instrumented kernel; the tests of fuzzing build it themselves where it is not there.
fuzz-kernel: $(BUILT)
	$(BIN)/python -m conformance.fuzz build

fuzz-repeat: $(BUILT)
	$(BIN)/python -m conformance.fuzz repeat $(PROTO) $(FILE)

clean:
	rm -rf build dist *.egg-info $(BUILT)
	find xproto proxy -name '*.so' -delete
	rm -f xproto/kernel/*.c proxy/datapath/*.c
