# Two commands matter: `make up` runs Myna, `make test` proves it. Both install what they need.
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
PIP := $(BIN)/python -m pip --disable-pip-version-check
WEB := $(shell find web -type f -not -path '*/node_modules/*' 2>/dev/null)
PACKAGE := pyproject.toml constraints.txt hatch_build.py

.PHONY: up install test check format clean help
.DEFAULT_GOAL := help

help: ## List the commands
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16

up: $(VENV)/installed ## Install everything and run Myna on http://127.0.0.1:8080
	@$(BIN)/myna up

install: $(VENV)/installed ## Install Myna into .venv, without starting it

test: $(VENV)/installed-dev ## Install what tests need, fetch the local model once, run all tests
	@MYNA_HOME=$(CURDIR)/.cache $(BIN)/myna models pull
	@$(BIN)/python -m pytest

check: $(VENV)/installed-dev ## Format, lint, types, import contracts; the front end too
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/python hatch_build.py check

format: $(VENV)/installed-dev ## Format the Python code and mend what lint can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## Remove the environment and what was built (your data stays)
	rm -rf $(VENV) web/node_modules src/myna/web/static .cache

$(VENV)/python:
	@test -n "$(PYTHON)" || { echo "Myna needs Python 3.11 or newer with venv (Debian: apt install python3-venv). Or name one: make PYTHON=/path/to/python3"; exit 1; }
	@echo "Making the virtual environment in $(VENV) …"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --quiet --upgrade --constraint constraints.txt pip
	@touch $@

$(VENV)/installed: $(VENV)/python $(PACKAGE) $(WEB)
	@echo "Installing Myna and building its front end (about 600 MB in $(VENV); once) …"
	@$(PIP) install --constraint constraints.txt --editable .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	@echo "Installing what tests and checks need …"
	@$(PIP) install --constraint constraints.txt --editable '.[dev,train]'
	@sh tools/install_chromium.sh
	@touch $@
