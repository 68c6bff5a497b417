# Two commands do everything: `make demo` runs the main job, `make test` passes the tests.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes

.PHONY: help install install-dev demo test chaos lint bench lock clean

help:
	@echo "make demo     set up, then run stack, worker, sink and page on the synthetic clip"
	@echo "make test     set up, then run all tests (real Kafka, registry, Postgres, browser)"
	@echo "make chaos    kill, cut and fill everything, in its long form: CHAOS=\"--minutes 30 --seed N\""
	@echo "make install  only set up, into $(VENV)"
	@echo "make lint     ruff and pyright"
	@echo "make bench    the measurements of tests/bench, as tables"
	@echo "make lock     choose versions anew (needs uv)"

$(VENV)/.created:
	@PYTHON=$(PYTHON) bash deploy/setup/venv.sh $(VENV)
	@touch $@

$(VENV)/.runtime: $(VENV)/.created requirements/build.txt requirements/stack.txt pyproject.toml
	@echo "installing posestream and the local stack into $(VENV) ..."
	@$(PIP) -r requirements/build.txt
	@$(PIP) -r requirements/stack.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@bash deploy/setup/system.sh opencv $(BIN)/python
	@echo "compiling kernels, half a minute ..."
	@$(BIN)/python -c "from estimators.geometric.warm import set_up; set_up()"
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements/dev.txt
	@echo "installing the development tools into $(VENV) ..."
	@$(PIP) -r requirements/dev.txt
	@touch $@

install: $(VENV)/.runtime

install-dev: $(VENV)/.dev

demo: install
	@$(BIN)/posestream demo $(DEMO)

test: install-dev
	@bash deploy/setup/system.sh chromium
	@$(BIN)/python -m pytest -n $$(( $$(nproc) + 1 )) --maxprocesses 5 --dist loadfile $(TEST)

CHAOS ?= --minutes 30

chaos: install-dev
	@$(BIN)/python -m pytest tests/chaos $(CHAOS)

lint: install-dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/pyright

bench: install-dev
	@for script in tests/bench/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

lock:
	$(LOCK) --extra stack --extra dev --extra torch --extra gpu pyproject.toml -o requirements/dev.txt
	$(LOCK) --extra stack -c requirements/dev.txt pyproject.toml -o requirements/stack.txt
	$(LOCK) -c requirements/dev.txt pyproject.toml -o requirements/base.txt
	$(LOCK) requirements/build.in -o requirements/build.txt

clean:
	rm -rf $(VENV) dist build .pytest_cache .ruff_cache .hypothesis
