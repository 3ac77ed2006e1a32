# Everything here sets itself up: on a fresh machine with Python 3.11+ and make, any target works.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PIP = $(BIN)/python -m pip --quiet --disable-pip-version-check
KAFKA ?= embedded
TESTS ?= tests
export PYTHONPATH := $(CURDIR)

.DEFAULT_GOAL := help

help: ## Show what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | while IFS="$$(printf '\t')" read -r name text; do printf '  make %-12s %s\n' "$$name" "$$text"; done

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Recourse needs Python 3.11 or newer, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	@echo "installing into $(VENV) (once)" >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

setup: $(STAMP) ## Install everything from the hashed lock (every other target calls it)

demo: setup ## Replay real complaints through the whole system on a simulated clock
	$(BIN)/recourse demo --kafka $(KAFKA)

up: setup ## Run the whole stack on this machine until Ctrl-C
	$(BIN)/recourse up

test: setup ## Run all tests (KAFKA=apache, docker or auto: on Apache Kafka)
	RECOURSE_TEST_KAFKA=$(KAFKA) $(BIN)/python -m pytest $(TESTS)

compose-up: ## Run everything in containers, at http://127.0.0.1:8700 (docker compose)
	deploy/make-secrets.sh
	docker compose up --detach --build --wait

compose-down: ## Stop and remove the containers; data and secrets stay
	docker compose --profile grafana down

compose-test: setup ## Try the containers for real, then remove them; skipped where none can run
	RECOURSE_TEST_COMPOSE=1 $(BIN)/python -m pytest tests/compose -v -rs --durations=12

lint: setup ## Style, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test ## What CI runs

format: setup ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

goldens: setup ## Write JSON Schemas, rendered templates and generated pages anew
	RECOURSE_WRITE_GOLDENS=1 $(BIN)/python -m pytest tests/golden tests/integration/openapi/test_openapi.py tests/integration/identity/test_authorisation_matrix.py

simulate: setup ## Histories with faults, from seeds (FOR= seconds, COUNT=, SEED= replays one)
	$(BIN)/python -m tests.simulation $(if $(SEED),--seed $(SEED),--for $(or $(FOR),180) $(if $(COUNT),--count $(COUNT)) $(if $(LEAST),--least $(LEAST)))

soak: setup ## Many more histories than CI runs (COUNT=, at least 20,000; FIRST= seed)
	$(BIN)/python -m tests.simulation --count $(or $(COUNT),20000) --least $(or $(COUNT),20000) --first $(or $(FIRST),1000000)

bench: setup ## Measure, each number beside its baseline
	@$(PIP) install --require-hashes -r benchmarks/requirements.lock
	$(BIN)/python -m benchmarks --kafka $(KAFKA)

chaos: setup ## Hurt the running stack and judge it (SCENARIO=, FOR= seconds, SEED=, KAFKA=apache)
	$(BIN)/python -m tests.chaos --scenario $(or $(SCENARIO),mixed) --kafka $(KAFKA) $(if $(FOR),--for $(FOR)) $(if $(SEED),--seed $(SEED)) $(CHAOS)

hooks: setup ## Install the git hooks
	$(BIN)/pre-commit install

clean: ## Forget the local stack's state (not the environment)
	rm -rf var

.PHONY: help setup demo up test compose-up compose-down compose-test lint check format goldens bench chaos simulate soak hooks clean
