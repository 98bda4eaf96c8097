# The words of this project; CI speaks the same ones. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help up down status test coverage check docs golden pin bench clean

PYTHON ?= python3
BIN := .venv/bin
SHOP := examples/shop
EXAMPLES := shop/catalog.yaml shop-on-docker online-boutique/catalog.yaml
export PIP_DISABLE_PIP_VERSION_CHECK := 1

help: ## List the words
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Seawall needs Python 3.11 or newer; name one: make PYTHON=python3.12 …" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { [ "$$(id -u)" -eq 0 ] && apt-get -qq update && apt-get -qq install -y python3-venv >/dev/null; } || { echo "Python's venv is missing. Run: sudo apt-get install python3-venv" >&2; exit 1; }
	@echo "creating .venv" && $(PYTHON) -m venv .venv && $(BIN)/python -m pip install -q --upgrade 'pip>=25.1'

.venv/.stack: pyproject.toml | .venv/bin/python
	@echo "installing Seawall into .venv" && PYTHONWARNINGS=ignore $(BIN)/python -m pip install -q -e '.[stack,shop]' && touch $@

.venv/.test: pyproject.toml .venv/.stack
	@echo "installing what the tests need" && PYTHONWARNINGS=ignore $(BIN)/python -m pip install -q -e '.[stack,shop]' --group test --group check && $(BIN)/python -m pip install -q --no-deps 'arq>=0.28' && touch $@  # arq asks for an older redis than it needs

up: .venv/.stack ## Start the stack and the shop as local processes
	@$(BIN)/seawall up $(SHOP)/catalog.yaml --processes $(SHOP)/processes.yaml

down: .venv/.stack ## Stop them
	@$(BIN)/seawall down

status: .venv/.stack ## Show what runs
	@$(BIN)/seawall status

test: .venv/.test ## Install what the tests need, and run them all
	@tools/install-test-servers && tools/fetch-newer .cache/newer && tools/fetch-jvm cassandra .cache && tools/fetch-jvm kafka .cache
	@$(BIN)/python -m compileall -q catalog exporters generator instrumentation portal stack seawall  # the commands that tests start read it, also where PYTHONDONTWRITEBYTECODE is set
	@$(BIN)/python -m pytest -q -n 4 --dist loadscope --no-loadscope-reorder  # two that compute, two that wait: tests/lanes.py says which worker runs what

coverage: .venv/.test ## Run the tests and list the lines that none of them runs
	@tools/install-test-servers && tools/fetch-newer .cache/newer && tools/fetch-jvm cassandra .cache && tools/fetch-jvm kafka .cache
	@$(BIN)/python -m pytest -q -n 4 --dist loadscope --no-loadscope-reorder --cov --cov-report=term-missing:skip-covered

check: .venv/.test ## Lint, types, import rules, and the examples' own proofs
	@tools/install-test-servers
	@$(BIN)/ruff check . && $(BIN)/ruff format --check -q . && $(BIN)/mypy && $(BIN)/lint-imports
	@for example in $(EXAMPLES); do $(BIN)/seawall check examples/$$example --require-tools || exit 1; done

docs: .venv/.test ## Run what the documents say
	@tools/install-test-servers
	@$(BIN)/python -m pytest -q tests/docs

golden: .venv/.stack ## Render the examples' committed output and the generated pages anew
	@for example in $(EXAMPLES); do $(BIN)/python tools/golden.py examples/$${example%/catalog.yaml} || exit 1; done
	@$(BIN)/python tools/alert_pages.py && $(BIN)/python tools/command_page.py && $(BIN)/python tools/lint_page.py
	@tools/install-test-servers && $(BIN)/python tools/blind_spots_page.py
	@$(BIN)/python -m seawall.exporters.reference docs/reference/exporter.md

pin: ## Add to every image's tag the digest that its registry gives
	@tools/pin-images

bench: .venv/.test ## Measure
	@for bench in tools/bench_*.py; do $(BIN)/python $$bench || exit 1; done

clean: ## Remove the virtual environment, the state and the caches
	@[ ! -x $(BIN)/seawall ] || $(BIN)/seawall down >/dev/null 2>&1 || true
	@rm -rf .venv .seawall .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis
