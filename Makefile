# Every target sets up what it needs on a machine that has python3 (3.11 or later), make and git.
# `make` alone lists them. Pass flags on with ARGS: make run ARGS="--port 8080".

PYTHON ?= python3
ARGS ?=
# Test processes at once, each with a PostgreSQL of its own; a third of the time they only wait.
JOBS ?= 3
VENV := .venv
BIN := $(VENV)/bin
# The generator of clients of the API needs other versions than the factory.
CLIENT := .venv-client
GENERATORS := .venv-generators
COMPARE := .venv-compare
PEER := benchmarks/compare/peers/fastify/node_modules/.package-lock.json
GENERATORS_NPM := tests/contract/generators/node_modules/.package-lock.json
ASSETS := src/axon_factory/web/assets/icons.svg
READERS := tests/acceptance/readers/node_modules/.package-lock.json
SNIPPET := tests/realtime/node/node_modules/.package-lock.json
UV := $(BIN)/uv
SOURCES := src tests benchmarks
# Python starts in a quarter of the time when it keeps what it has compiled.
unexport PYTHONDONTWRITEBYTECODE
.DEFAULT_GOAL := help
.PHONY: help run assets test check bench compare builders crash variants races fuzz long proven nightly lock clean system browser \
  servers

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.runtime system ## Run a whole factory and its demonstration (Ctrl-C stops it)
	@{ command -v npm >/dev/null && $(MAKE) --no-print-directory assets; } || \
	  echo "Without npm and its packages the page /docs only links the API's document"
	@$(BIN)/axon runtime install
	@$(BIN)/axon up --demo $(ARGS)

test: check assets $(CLIENT)/.installed browser servers ## Everything a change must pass; ends with pytest's closing line
	@$(BIN)/axon runtime install
	$(BIN)/pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

assets: $(ASSETS) ## Bring what the pages load in a browser, by npm

check: $(VENV)/.dev system ## Lint, format, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

bench: $(VENV)/.dev system ## Measure the line on this machine (minutes)
	@$(BIN)/axon runtime install
	$(BIN)/python -m benchmarks $(ARGS)

compare: $(VENV)/.dev $(COMPARE)/.installed $(PEER) system servers ## Measure the API beside its peers, in one run (ten minutes)
	$(BIN)/python -m benchmarks.compare $(ARGS)

builders: $(VENV)/.dev system ## Have each builder build an order, and kill the worker meanwhile (minutes)
	@$(BIN)/axon runtime install
	$(BIN)/pytest tests/acceptance -m builders -s $(ARGS)

crash: $(VENV)/.dev system ## Kill -9 at every crossing of an order's life, and a whole factory (an hour or more)
	@$(BIN)/axon runtime install
	$(BIN)/pytest tests/crash tests/acceptance/test_crashes.py -m crash_matrix --timeout 7200 $(ARGS)

variants: $(VENV)/.dev system ## Ask every operation as every caller in every state, and whatever else the gate tries one of (minutes)
	@$(BIN)/axon runtime install
	AXON_TEST_ALL=1 $(BIN)/pytest tests -n $(JOBS) --dist loadfile -m nightly $(ARGS)

races: $(VENV)/.dev system ## Let every pair of writes on an order collide fifty times (AXON_TEST_RACES; an hour)
	$(BIN)/pytest tests -m races -s $(ARGS)

fuzz: $(VENV)/.dev system ## Search at length beyond the gate's fixed requests (hours; AXON_TEST_FUZZ_EXAMPLES and _MINUTES shorten it)
	$(BIN)/pytest tests -m fuzz -s $(ARGS)

long: $(VENV)/.dev system servers $(READERS) $(SNIPPET) $(GENERATORS)/.installed $(GENERATORS_NPM) ## Try what is too long for the gate: other servers, faults of the machine (an hour)
	@$(BIN)/axon runtime install
	$(BIN)/pytest tests -m long -s $(ARGS)

proven: $(VENV)/.dev assets $(CLIENT)/.installed browser system ## Run the tests of parts that seldom change, and record that they passed (minutes)
	@$(BIN)/axon runtime install
	AXON_TEST_ALL=1 $(BIN)/pytest tests -n $(JOBS) --dist loadfile -m 'proven and not nightly' $(ARGS)
	$(BIN)/python -m tests.support.proven

nightly: ## Run every other target of tests whole, one after the other, and name those that failed (a night)
	@failed=; for target in proven variants builders races long crash fuzz; do \
	  echo "== make $$target"; $(MAKE) --no-print-directory $$target || failed="$$failed $$target"; done; \
	  test -z "$$failed" || { echo "Failed:$$failed"; exit 1; }

lock: $(VENV)/.dev ## Resolve the requirements anew; lock files carry hashes and no addresses
	@for name in requirements requirements-dev requirements-build requirements-client requirements-generators \
	  requirements-compare \
	  src/axon_factory/product_templates/runtime/requirements; do \
	  $(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --no-header --quiet $$name.in -o $$name.txt || exit 1; done

clean: ## Remove everything that the targets made here; data folders of factories stay
	rm -rf $(VENV) $(VENV)-product $(CLIENT) $(GENERATORS) $(COMPARE) $(dir $(GENERATORS_NPM)) $(dir $(SNIPPET)) $(dir $(PEER)) $(dir $(ASSETS)) node_modules .cache .pytest_cache \
	  .ruff_cache .hypothesis .import_linter_cache dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

system: ## Install helpful system packages when run as root on Debian
	@deploy/system-packages bubblewrap

# Pages are tested in a real one.
browser:
	@deploy/system-packages chromium

# Migrations are tried on Debian's PostgreSQL too; no server of its own is started.
servers:
	@deploy/system-packages postgresql

# The virtual environment, with the hash-locked runtime; the stamps are written last.
$(VENV)/.runtime: requirements.txt requirements-build.txt pyproject.toml
	@echo "Setting up the Python environment in $(VENV) (once) ..."
	@deploy/make-venv $(PYTHON) $(VENV)
	@$(BIN)/python -m pip --disable-pip-version-check --no-input --quiet install \
	  --require-hashes -r requirements-build.txt
	@$(UV) pip install --quiet --python $(VENV) --require-hashes -r requirements.txt
	@$(UV) pip install --quiet --python $(VENV) --no-deps --no-build-isolation --editable .
	@$(BIN)/python deploy/bytecode
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.txt
	@echo "Adding the tools for checks and tests (once) ..."
	@$(UV) pip install --quiet --python $(VENV) --require-hashes -r requirements-dev.txt
	@touch $@

$(CLIENT)/.installed: requirements-client.txt | $(VENV)/.dev
	@echo "Setting up the generator of API clients in $(CLIENT) (once) ..."
	@deploy/make-venv $(PYTHON) $(CLIENT)
	@$(UV) pip install --quiet --python $(CLIENT) --require-hashes -r requirements-client.txt
	@touch $@

$(GENERATORS)/.installed: requirements-generators.txt | $(VENV)/.dev
	@echo "Setting up another generator of API clients in $(GENERATORS) (once) ..."
	@deploy/make-venv $(PYTHON) $(GENERATORS)
	@$(UV) pip install --quiet --python $(GENERATORS) --require-hashes -r requirements-generators.txt
	@touch $@

$(COMPARE)/.installed: requirements-compare.txt | $(VENV)/.dev
	@echo "Setting up the peers in $(COMPARE) (once) ..."
	@deploy/make-venv $(PYTHON) $(COMPARE)
	@$(UV) pip install --quiet --python $(COMPARE) --require-hashes -r requirements-compare.txt
	@touch $@

$(PEER): benchmarks/compare/peers/fastify/package-lock.json | $(VENV)/.dev
	@deploy/npm $(BIN)/python ci --silent --ignore-scripts --prefix benchmarks/compare/peers/fastify
	@touch $@

$(GENERATORS_NPM): tests/contract/generators/package-lock.json | $(VENV)/.dev
	@deploy/npm $(BIN)/python ci --silent --ignore-scripts --prefix tests/contract/generators
	@touch $@

$(ASSETS): package.json package-lock.json .npmrc src/axon_factory/web/icons.txt | $(VENV)/.runtime
	@echo "Bringing the files of the pages (once) ..."
	@deploy/assets $(BIN)/python

$(SNIPPET): tests/realtime/node/package-lock.json | $(VENV)/.dev
	@deploy/npm $(BIN)/python ci --silent --ignore-scripts --prefix tests/realtime/node
	@touch $@

$(READERS): tests/acceptance/readers/package-lock.json | $(VENV)/.dev
	@deploy/npm $(BIN)/python ci --silent --ignore-scripts --prefix tests/acceptance/readers
	@touch $@
