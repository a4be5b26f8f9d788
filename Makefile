# Everything a person types. Needs python3 (3.11 or later, with venv) and make; the rest comes from packages.
.DELETE_ON_ERROR:
.SUFFIXES:
SHELL := /bin/sh

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# A stamp is written last, so that an install that was killed half-way is done again from the start.
RUNTIME := $(VENV)/.runtime-installed
DEV := $(VENV)/.dev-installed
ASSETS := fleet/static/.built
FRONTEND := $(wildcard frontend/*.scss frontend/*.js frontend/*.mjs frontend/*.svg frontend/*.py frontend/*.json)

.PHONY: help run test test-bluez check bench auditor format lock clean

help:
	@echo "make run     set everything up and serve on http://127.0.0.1:$${PORT:-8000}"
	@echo "make test    run every test"
	@echo "make test-bluez  pair over a real BlueZ, in a guest under QEMU (Debian's qemu-system-x86)"
	@echo "make check   format, lint, types, import rules, migrations against models"
	@echo "make bench   measure, and write bench/results.json"
	@echo "make auditor tlog.pyz, the auditor's command in one file"
	@echo "make format  put the code in its format"
	@echo "make lock    resolve requirements.txt and requirements-dev.txt anew"
	@echo "make clean   remove what was built; var/ (the data) stays"

$(RUNTIME): requirements.txt
	@echo "Installing the service's packages (a minute or two, this once)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.txt
	@touch $@

$(DEV): requirements-dev.txt $(RUNTIME)
	@echo "Installing what tests and checks need"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.txt
	@touch $@

$(ASSETS): $(FRONTEND) $(RUNTIME)
	@echo "Building the front end"
	@$(BIN)/python -m frontend
	@touch $@

run: $(RUNTIME) $(ASSETS)
	@exec $(BIN)/flask --app wsgi up

test: $(DEV) $(ASSETS)
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

# A guest with Debian's kernel and BlueZ. QEMU is the one thing that does not come from packages of Python or npm.
test-bluez: $(DEV)
	@$(BIN)/python -m tests.bluez

check: $(DEV)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/flask --app wsgi db check

bench: $(DEV) $(ASSETS)
	$(BIN)/python -m bench

# Needs cryptography where it is run, and nothing of this project.
auditor:
	@$(PYTHON) -c "import zipapp; zipapp.create_archive('.', 'tlog.pyz', '/usr/bin/env python3', 'tlog.command:run', \
		filter=lambda path: path.parts[0] == 'tlog' and path.suffix != '.pyc', compressed=True)"
	@echo "Made tlog.pyz"

format: $(DEV)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

LOCK := $(BIN)/uv pip compile --quiet --upgrade --generate-hashes --universal --python-version 3.11 \
	--no-emit-index-url --no-header --no-annotate pyproject.toml
lock: $(DEV)
	$(LOCK) --output-file requirements.txt
	$(LOCK) --extra dev --constraint requirements.txt --output-file requirements-dev.txt

clean:
	rm -rf $(VENV) fleet/static fleet/static.new fleet/static.old frontend/node_modules
