# Everything a newcomer needs; `make` alone explains itself.
SHELL := /bin/bash
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Bytecode halves the start of every process; an environment that switches it off is overruled.
unexport PYTHONDONTWRITEBYTECODE
# What phones home by default stays at home.
export DO_NOT_TRACK := 1
export GX_ANALYTICS_ENABLED := false

.DEFAULT_GOAL := help
.PHONY: help install run test up verify docs bench lint lock clean

help: ## Show what can be asked for
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

install: $(VENV)/installed ## Make the environment (about a minute, once)

$(VENV)/installed: requirements.lock pyproject.toml
	@echo "Making the environment in $(VENV); this takes about a minute."
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-compile --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m pip check --disable-pip-version-check
	@$(BIN)/python -m compileall -q -j 0 $(VENV)/lib
	@touch $@

run: install ## Take the extracts in the landing (the sample year, if there are none) to a release
	@$(BIN)/python -m events.local run

up: install ## Start Airflow and the page, and leave them running for a person
	@$(BIN)/python -m events.local up

test: install ## Run every test, the end-to-end run through Airflow included
	@tests/services
	@$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

verify: install ## Prove every release in the data folder, and that none was replaced or taken away
	@if [ -d "$${HRDD_DATA:-data}/releases" ]; then $(BIN)/hrdd verify "$${HRDD_DATA:-data}/releases"; \
	else echo "No release yet; make run makes the sample quarter's."; fi

docs: install ## Write the mart's documentation of the newest build as one page
	@$(BIN)/python -m dbt_project.docs

bench: install ## Measure each step beside the plain DuckDB script
	@$(BIN)/python -m benchmarks.run
	@$(BIN)/python -m benchmarks.mart
	@$(BIN)/python -m benchmarks.disclosure
	@$(BIN)/python -m benchmarks.portal

lint: install ## Check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/sqlfluff lint --processes 0 dbt_project/models dbt_project/tests

lock: ## Pin every dependency again, with hashes (needs uv)
	@uv pip compile pyproject.toml --extra dev --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet -o requirements.lock

clean: ## Remove the environment; data stays
	@rm -rf $(VENV)
